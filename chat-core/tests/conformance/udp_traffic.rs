//! An established UDP connection: pings, deadlines, and full buffers. Contracts 4 and 5; udp.md 5.7
//! and 9.

use crate::harness::{
    Harness, Seen, bools, datagram, exactly_after_ms, objects, outcomes, over_datagrams,
    over_datagrams_with, strings,
};
use chat_core::{
    CauseKind, ChatClient, ChatConfig, ConnectOptions, DisconnectReason, Event, LinkId, LinkInput,
    Outcome, PublishOptions, RequestError, State, Timestamp,
};
use photon_proto::Limits;
use photon_proto::udp::command::{FLAG_RELIABLE, kind};
use std::time::Duration;

fn publish(client: &mut ChatClient, bytes: usize) -> Result<(), RequestError> {
    client
        .publish_message("a", &"x".repeat(bytes)[..], &PublishOptions::new())
        .map(drop)
}

/// An event 0 with one message of about 200 bytes.
fn line(harness: &mut Harness, id: i32) -> Vec<u8> {
    let text = format!("{id} {}", "x".repeat(150));
    harness.event(
        0,
        &[
            (1, "a".into()),
            (4, strings(&["bob"])),
            (2, objects(&[text.into()])),
            (8, id.into()),
        ],
    )
}

fn lines(harness: &mut Harness, ids: std::ops::RangeInclusive<i32>) -> Vec<u8> {
    ids.flat_map(|id| line(harness, id)).collect()
}

/// The ids of the messages in these events.
fn ids(events: &[Event]) -> Vec<i32> {
    let mut ids = Vec::new();
    for event in events {
        if let Event::ChatMessages { messages, .. } = event {
            ids.extend(messages.iter().filter_map(|message| message.id));
        }
    }
    ids
}

/// udp.md 10, scenario 28: a millisecond after the interval, from the last acknowledgement.
#[test]
fn pings_over_udp_count_from_the_last_acknowledgement() {
    for (configured, interval) in [
        (None, 3_000),
        (Some(1_500), 1_500),
        (Some(0), 1_000),
        (Some(8_001), 8_000),
    ] {
        let configure = |config: ChatConfig| match configured {
            Some(ms) => config.ping_interval(Duration::from_millis(ms)),
            None => config,
        };
        over_datagrams_with(configure, |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let (link, now) = (harness.link(), harness.now);
            harness.expect_deadline_in_ms(interval + 1);
            harness.advance_ms(interval);
            harness.expect_datagrams(now, &[]);
            harness.advance_ms(1);
            harness.expect_datagrams(now, &[(interval + 1, "ping")]);
            harness.expect_deadline_in_ms(interval + 1);
            harness.advance_ms(700);
            // Other acknowledgements count as well.
            assert_eq!(publish(&mut harness.client, 1), Ok(()));
            harness.pump();
            harness.expect_deadline_in_ms(interval + 1);
            // Messages of the server are no acknowledgement.
            harness.advance_ms(300);
            harness.raise(77, &[]);
            harness.expect_deadline_in_ms(interval - 299);
            let now = harness.now;
            let _before = harness.sent_datagrams(link);
            harness.advance_ms(10 * (interval + 1));
            let pings: Vec<u64> = (0..10)
                .map(|count| interval - 299 + count * (interval + 1))
                .collect();
            assert_eq!(harness.times_sent(link, kind::PING, now), pings);
            assert_eq!(harness.client.stats().udp.map(|udp| udp.pings), Some(11));
        });
    }
    // No ping while a command is in flight.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, now) = (harness.link(), harness.now);
        harness.advance_ms(2_990);
        harness.answers = false;
        assert_eq!(publish(&mut harness.client, 1), Ok(()));
        harness.pump();
        harness.advance_ms(1_000);
        assert_eq!(harness.times_sent(link, kind::PING, now), [0; 0]);
    });
    // However late the driver is: one ping.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let request = harness.subscribe(&["a"]);
        harness.pump();
        harness.forget();
        harness.now = harness.now.plus_millis(365 * 24 * 3_600_000);
        harness.pump();
        harness.expect_datagrams(harness.now, &[(0, "ping")]);
        // The time asleep does not count for requests. chat.md 10 (R4).
        harness.expect(&[]);
        harness.expect_deadline_in_ms(3_001);
        // A clock that goes back counts as standing still.
        assert!(!harness.client.service(Timestamp::ZERO).more);
        harness.expect_deadline_in_ms(3_001);
        let expected = [Seen::Subscribed(outcomes(
            &["a"],
            &Outcome::TimedOut,
            Some(request),
        ))];
        exactly_after_ms(&mut harness, 15_000, &expected);
    });
}

/// `poll_timeout` at each stage of a connection, with the reason.
#[test]
fn poll_timeout_over_udp_is_the_exact_next_deadline_at_each_stage() {
    over_datagrams(|mut harness| {
        harness
            .client
            .connect_to_name_server(ConnectOptions::new())
            .expect("connect is allowed");
        // A timer is armed, but no call has passed a time yet: "now".
        assert_eq!(harness.client.poll_timeout(), Some(Timestamp::ZERO));
        harness.pump();
        harness.expect_deadline_in_ms(15_000);
        harness.advance_ms(100);
        harness.answers = false;
        harness.accept();
        // The resends of the connect command.
        for wait in [221, 221, 221, 441, 881] {
            harness.expect_deadline_in_ms(wait);
            harness.advance_ms(wait);
        }
        harness.expect_deadline_in_ms(1_761);
        harness.answers = true;
        harness.advance_ms(1_761);
        // Connected: the next ping.
        harness.expect_deadline_in_ms(3_001);
        harness.send_init_response();
        harness.expect_deadline_in_ms(3_001);
        harness.advance_ms(10_000);
        // 15,000 after the change to state 1 comes first.
        let since = 100 + 221 * 3 + 441 + 881 + 1_761 + 10_000;
        harness.expect_deadline_in_ms(15_000 - since);
        harness.send_key_response();
        harness.expect_deadline_in_ms(2_004);
        assert_eq!(harness.client.get_regions(), Ok(()));
        assert_eq!(harness.client.poll_timeout(), Some(harness.now));
        harness.pump();
        harness.expect_deadline_in_ms(3_001);
        // The request is not acknowledged.
        harness.answers = false;
        let again = harness.resend_ms() + 1;
        harness.choose_region();
        harness.expect_deadline_in_ms(again);
        harness.advance_ms(again);
        harness.expect_deadline_in_ms(again);
        harness.answers = true;
        harness.advance_ms(again);
        harness.expect_deadline_in_ms(3_001);
        harness.accept_login();
        // The link to the name server is closed: the deadline of the front end.
        harness.expect_deadline_in_ms(15_000);
        harness.advance_ms(1_000);
        harness.handshake();
        harness.expect_deadline_in_ms(3_001);
        harness.respond(230, 0, None, &[]);
        harness.expect_deadline_in_ms(3_001);
        harness.subscribe(&["a"]);
        assert_eq!(harness.client.poll_timeout(), Some(harness.now));
        harness.pump();
        harness.advance_ms(4 * 3_001 + 1_000);
        // The deadline of the subscription.
        harness.expect_deadline_in_ms(15_000 - (4 * 3_001 + 1_000));
        harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
        harness.expect_deadline_in_ms(2_001);
        harness.advance_ms(2_000);
        harness.expect_deadline_in_ms(1);
        harness.client.disconnect();
        harness.pump();
        assert_eq!(harness.client.poll_timeout(), None);
    });
}

const SMALL: Limits = Limits {
    max_received_bytes: 1_000,
    ..Limits::DEFAULT
};

/// A client whose application does not take events, with as many of a hundred messages as it keeps.
/// The cap is twice the longest message.
fn full(harness: &mut Harness) -> LinkId {
    harness.go_to(State::ConnectedToFrontEnd);
    harness.join(&["a"]);
    harness.forget();
    let link = harness.link();
    let all = lines(harness, 1..=100);
    harness.deliver_without_pump(link, &all);
    // Datagrams are always read.
    assert!(harness.client.wants_input(link));
    let kept = harness.client.buffered_bytes();
    assert!((1_000..=2_500).contains(&kept), "{kept}");
    link
}

/// udp.md 9, item 9: the client acknowledges only what it keeps, so nothing is lost.
#[test]
fn a_full_receiver_acknowledges_only_what_it_keeps() {
    over_datagrams_with(
        |config| config.limits(SMALL).incoming_cap_bytes(0),
        |mut harness| {
            let link = full(&mut harness);
            harness.move_bytes();
            let sent_datagrams = harness.sent_datagrams(link);
            let acks = sent_datagrams
                .iter()
                .flat_map(|one| &one.commands)
                .filter(|one| one.kind == kind::ACK)
                .count();
            assert!((1..20).contains(&acks), "{acks}");
            let stats = harness.client.stats().udp.expect("connected");
            assert_eq!(stats.discarded.full, 100 - acks as u64);
            // The application takes events again.
            harness.pump();
            assert_eq!(
                ids(&harness.take_events()),
                (1..=acks as i32).collect::<Vec<_>>()
            );
            harness.forget();
            harness.advance_ms(3_600_000);
            let events = harness.take_events();
            assert_eq!(ids(&events), (acks as i32 + 1..=100).collect::<Vec<_>>());
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
            assert_eq!(harness.client.buffered_bytes(), 0);
        },
    );
}

#[test]
fn a_full_receiver_still_processes_pings_acknowledgements_and_the_disconnect() {
    over_datagrams_with(
        |config| config.limits(SMALL).incoming_cap_bytes(0),
        |mut harness| {
            let link = full(&mut harness);
            harness.answers = false;
            assert_eq!(publish(&mut harness.client, 500), Ok(()));
            harness.move_bytes();
            let before = harness.client.buffered_bytes();
            // The client acknowledges the server's ping.
            let (challenge, _) = (
                harness.server().udp().challenge(),
                harness.sent_datagrams(link),
            );
            let ping = datagram::of(
                challenge,
                [datagram::control(kind::PING, FLAG_RELIABLE, 0, 9)],
            );
            harness
                .client
                .handle_link(harness.now, link, LinkInput::Received(&ping));
            harness.move_bytes();
            harness.expect_datagrams(harness.now, &[(0, "ack")]);
            // The publish is acknowledged, and no longer queued.
            let rseq = {
                let again = harness.resend_ms() + 1;
                harness.now = harness.now.plus_millis(again);
                harness.client.service(harness.now);
                harness.move_bytes();
                let sent_datagrams = harness.sent_datagrams(link);
                let sent = sent_datagrams
                    .iter()
                    .flat_map(|one| &one.commands)
                    .find(|one| one.kind == kind::RELIABLE);
                (
                    sent.expect("sent again").rseq,
                    sent_datagrams[0].header.sent_time,
                )
            };
            let echo = [rseq.0.to_be_bytes(), rseq.1.to_be_bytes()].concat();
            let ack = datagram::of(challenge, [datagram::command(kind::ACK, 0, 0, 0, 0, &echo)]);
            harness
                .client
                .handle_link(harness.now, link, LinkInput::Received(&ack));
            assert!(harness.client.buffered_bytes() + 500 < before);
            let _serviced = harness.client.service(harness.now);
        },
    );
    over_datagrams_with(
        |config| config.limits(SMALL).incoming_cap_bytes(0),
        |mut harness| {
            let link = full(&mut harness);
            let challenge = harness.server().udp().challenge();
            let disconnect = datagram::control(kind::DISCONNECT, FLAG_RELIABLE, 1, 9);
            harness.client.handle_link(
                harness.now,
                link,
                LinkInput::Received(&datagram::of(challenge, [disconnect])),
            );
            harness.pump();
            // Kept messages are reported first.
            let events = harness.take_events();
            let kept = ids(&events);
            assert_eq!(kept, (1..=kept.len() as i32).collect::<Vec<_>>());
            let last: Vec<_> = events[kept.len()..].iter().map(Seen::from).collect();
            assert_eq!(last, [Seen::State(State::Error), Seen::Error(1003)]);
            assert_eq!(
                harness.error().1.kind,
                CauseKind::DisconnectCommand(DisconnectReason::Logic)
            );
        },
    );
}

/// Contract 5: when too many bytes of events are queued, core processes no more input; the
/// connection continues.
#[test]
fn events_that_are_not_taken_do_not_end_a_udp_connection() {
    over_datagrams_with(
        |config| config.event_cap_bytes(2_000),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["a"]);
            harness.forget();
            let (link, all, start) = (harness.link(), lines(&mut harness, 1..=100), harness.now);
            harness.deliver_without_pump(link, &all);
            let mut calls = 0;
            while harness.now < start.plus_millis(60_000) {
                while harness.client.service(harness.now).more {
                    calls += 1;
                    assert!(calls < 1_000, "busy");
                }
                harness.move_bytes();
                harness.deliver_answers();
                let next = harness.client.poll_timeout().expect("pings go on");
                assert!(
                    next > harness.now,
                    "busy wake-up: {next:?} at {:?}",
                    harness.now
                );
                harness.now = next;
            }
            assert!(harness.client.queued_events() < 20);
            let pings: Vec<u64> = (1..20).map(|count| count * 3_001).collect();
            assert_eq!(harness.times_sent(link, kind::PING, start), pings);
            harness.pump();
            assert_eq!(ids(&harness.take_events()), (1..=100).collect::<Vec<_>>());
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        },
    );
}

/// Contract 5: the cap counts unacknowledged bytes.
#[test]
fn the_outgoing_cap_counts_unacknowledged_bytes() {
    over_datagrams_with(
        |config| config.outgoing_cap_bytes(10_000),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.answers = false;
            for _ in 0..9 {
                assert_eq!(publish(&mut harness.client, 1_000), Ok(()));
            }
            let link = harness.link();
            harness.pump();
            let sent = harness
                .sent_datagrams(link)
                .iter()
                .flat_map(|one| one.commands.clone())
                .count();
            assert_eq!(sent, 9, "all of it is on its way");
            let waiting = harness.client.stats().buffered_bytes;
            assert!((9_000..10_000).contains(&waiting), "{waiting}");
            assert_eq!(
                harness.refused(|client| publish(client, 1_000)),
                RequestError::QueueFull
            );
            assert_eq!(
                harness.refused(|client| publish(client, 10_000)),
                RequestError::TooLong { max_bytes: 10_000 }
            );
            harness.answers = true;
            let again = harness.resend_ms() + 1;
            harness.advance_ms(again - 1);
            assert_eq!(
                harness.refused(|client| publish(client, 1_000)),
                RequestError::QueueFull
            );
            harness.advance_ms(1);
            assert_eq!(harness.client.stats().buffered_bytes, 0);
            assert_eq!(publish(&mut harness.client, 1_000), Ok(()));
            assert_eq!(publish(&mut harness.client, 8_000), Ok(()));
            harness.pump();
            assert_eq!(harness.server().requests.len(), 11);
        },
    );
}

#[test]
fn stats_contain_the_counters_of_the_connection() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        assert_eq!(harness.client.stats().udp, None);
        harness.answers = false;
        harness.accept();
        harness.advance_ms(221);
        let stats = harness.client.stats();
        let udp = stats.udp.expect("the link is open");
        assert_eq!(
            (
                udp.sent_datagrams,
                udp.resent_commands,
                udp.received_datagrams
            ),
            (2, 1, 0)
        );
        assert_eq!(udp.sent_bytes, 2 * 56);
        // Connecting has not measured the round trip yet.
        assert_eq!((stats.round_trip, stats.round_trip_variance), (None, None));
        harness.answers = true;
        harness.advance_ms(221);
        harness.send_init_response();
        harness.send_key_response();
        let udp = harness.client.stats().udp.expect("connected");
        assert_eq!((udp.sent_messages, udp.received_messages), (2, 2));
        let round_trip = harness.client.stats().round_trip;
        assert!(round_trip.is_some_and(|time| time < Duration::from_millis(15)));
        harness.choose_region();
        harness.accept_login();
        // Each connection has its own counters.
        assert_eq!(harness.client.stats().udp, None);
        harness.accept();
        assert_eq!(
            harness.client.stats().udp.map(|udp| udp.resent_commands),
            Some(0)
        );
        harness.client.disconnect();
        assert_eq!(harness.client.stats().udp, None);
    });
    crate::harness::not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        assert_eq!(harness.client.stats().udp, None);
    });
}

/// Contract 11: challenges, keys, all bytes.
#[test]
fn the_same_seed_and_calls_give_the_same_datagrams() {
    let run = || {
        let all = std::cell::RefCell::new(Vec::new());
        over_datagrams(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let start = harness.links.len();
            harness.client.disconnect();
            harness.pump();
            harness.connect(Some("eu"));
            harness.handshake();
            for link in harness.links[start..]
                .iter()
                .map(|link| link.id)
                .collect::<Vec<_>>()
            {
                all.borrow_mut()
                    .extend(harness.sent_datagrams(link).into_iter().map(|one| one.raw));
            }
        });
        all.into_inner()
    };
    assert_eq!(run(), run());
}
