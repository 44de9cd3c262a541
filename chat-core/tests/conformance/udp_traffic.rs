//! A connection over UDP that stands: pings, deadlines, and what fills up. Contracts 4 and 5; udp.md 5.7 and 9.

use crate::rig::{
    Line, Rig, Seen, bools, datagram, objects, outcomes, over_datagrams, over_datagrams_with,
    strings,
};
use chat_core::{
    CauseKind, ChatClient, ChatConfig, ConnectOptions, DisconnectReason, Event, LinkId, LinkInput,
    Outcome, PublishOptions, RequestError, State, SubscribeOptions, Timestamp, Value,
};
use photon_proto::Limits;
use photon_proto::udp::command::{FLAG_RELIABLE, kind};
use std::time::Duration;

fn publish(client: &mut ChatClient, bytes: usize) -> Result<(), RequestError> {
    client.publish_message("a", &"x".repeat(bytes)[..], &PublishOptions::new())
}

/// An event 0 of one line, of about 200 bytes.
fn line(rig: &mut Rig, id: i32) -> Vec<u8> {
    let text = format!("{id} {}", "x".repeat(150));
    rig.event(
        0,
        &[
            (1, "a".into()),
            (4, strings(&["bob"])),
            (2, objects(&[text.into()])),
            (8, id.into()),
        ],
    )
}

fn lines(rig: &mut Rig, ids: std::ops::RangeInclusive<i32>) -> Vec<u8> {
    ids.flat_map(|id| line(rig, id)).collect()
}

/// The ids of the lines in these events.
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
        over_datagrams_with(configure, |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            let (link, now) = (rig.link(), rig.now);
            rig.expect_deadline_in_ms(interval + 1);
            rig.advance_ms(interval);
            rig.expect_flown(now, &[]);
            rig.advance_ms(1);
            rig.expect_flown(now, &[(interval + 1, "ping")]);
            rig.expect_deadline_in_ms(interval + 1);
            rig.advance_ms(700);
            // Whatever else is acknowledged.
            assert_eq!(publish(&mut rig.client, 1), Ok(()));
            rig.pump();
            rig.expect_deadline_in_ms(interval + 1);
            // What the server says is no acknowledgement.
            rig.advance_ms(300);
            rig.raise(77, &[]);
            rig.expect_deadline_in_ms(interval - 299);
            let now = rig.now;
            let _before = rig.flown(link);
            rig.advance_ms(10 * (interval + 1));
            let pings: Vec<u64> = (0..10)
                .map(|count| interval - 299 + count * (interval + 1))
                .collect();
            assert_eq!(rig.flown_with(link, kind::PING, now), pings);
            assert_eq!(rig.client.stats().udp.map(|udp| udp.pings), Some(11));
        });
    }
    // None while something is on its way.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let (link, now) = (rig.link(), rig.now);
        rig.advance_ms(2_990);
        rig.answers = false;
        assert_eq!(publish(&mut rig.client, 1), Ok(()));
        rig.pump();
        rig.advance_ms(1_000);
        assert_eq!(rig.flown_with(link, kind::PING, now), [0; 0]);
    });
    // However late the driver's turn comes: one.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let request = rig
            .client
            .subscribe(["a"], &SubscribeOptions::new())
            .expect("on the front end");
        rig.pump();
        rig.forget();
        rig.now = rig.now.plus_millis(365 * 24 * 3_600_000);
        rig.pump();
        rig.expect_flown(rig.now, &[(0, "ping")]);
        rig.expect(&[Seen::Subscribed(outcomes(
            &["a"],
            &Outcome::TimedOut,
            Some(request),
        ))]);
        rig.expect_deadline_in_ms(3_001);
        // And a clock that goes back stands still.
        assert!(!rig.client.service(Timestamp::ZERO).more);
        rig.expect_deadline_in_ms(3_001);
    });
}

/// What `poll_timeout` says at each stage of a connection, and why.
#[test]
fn poll_timeout_over_udp_is_the_exact_next_deadline_at_each_stage() {
    over_datagrams(|mut rig| {
        rig.client
            .connect_to_name_server(ConnectOptions::new())
            .expect("may connect");
        // Armed, and the time is not known: at once.
        assert_eq!(rig.client.poll_timeout(), Some(Timestamp::ZERO));
        rig.pump();
        rig.expect_deadline_in_ms(15_000);
        rig.advance_ms(100);
        rig.answers = false;
        rig.accept();
        // The resends of connect.
        for wait in [221, 221, 221, 441, 881] {
            rig.expect_deadline_in_ms(wait);
            rig.advance_ms(wait);
        }
        rig.expect_deadline_in_ms(1_761);
        rig.answers = true;
        rig.advance_ms(1_761);
        // Connected: pings.
        rig.expect_deadline_in_ms(3_001);
        rig.greet();
        rig.expect_deadline_in_ms(3_001);
        rig.advance_ms(10_000);
        // 15,000 after the change to state 1 comes first.
        let since = 100 + 221 * 3 + 441 + 881 + 1_761 + 10_000;
        rig.expect_deadline_in_ms(15_000 - since);
        rig.agree();
        rig.expect_deadline_in_ms(2_004);
        rig.client.get_regions();
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
        rig.pump();
        rig.expect_deadline_in_ms(3_001);
        // The request is not acknowledged.
        rig.answers = false;
        let again = rig.resend_ms() + 1;
        rig.client
            .connect_to_region_front_end("eu")
            .expect("may go on");
        rig.pump();
        rig.expect_deadline_in_ms(again);
        rig.advance_ms(again);
        rig.expect_deadline_in_ms(again);
        rig.answers = true;
        rig.advance_ms(again);
        rig.expect_deadline_in_ms(3_001);
        rig.accept_login();
        // The name server's link is gone: the front end's deadline.
        rig.expect_deadline_in_ms(15_000);
        rig.advance_ms(1_000);
        rig.handshake();
        rig.expect_deadline_in_ms(3_001);
        rig.respond(230, 0, None, &[]);
        rig.expect_deadline_in_ms(3_001);
        rig.client
            .subscribe(["a"], &SubscribeOptions::new())
            .expect("on the front end");
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
        rig.pump();
        rig.advance_ms(4 * 3_001 + 1_000);
        // The subscription's own.
        rig.expect_deadline_in_ms(15_000 - (4 * 3_001 + 1_000));
        rig.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
        rig.expect_deadline_in_ms(2_001);
        rig.advance_ms(2_000);
        rig.expect_deadline_in_ms(1);
        rig.client.disconnect();
        rig.pump();
        assert_eq!(rig.client.poll_timeout(), None);
    });
}

const SMALL: Limits = Limits {
    max_received_bytes: 1_000,
    ..Limits::DEFAULT
};

/// A client whose application is away, with as much as it keeps of a hundred lines. The cap is twice the longest message.
fn full(rig: &mut Rig) -> LinkId {
    rig.go_to(State::ConnectedToFrontEnd);
    rig.join(&["a"]);
    rig.forget();
    let link = rig.link();
    let all = lines(rig, 1..=100);
    rig.hand_over(link, &all);
    // Datagrams are always read.
    assert!(rig.client.wants_input(link));
    let kept = rig.client.buffered_bytes();
    assert!((1_000..=2_500).contains(&kept), "{kept}");
    link
}

/// udp.md 9, item 9: nothing is acknowledged that is not kept, and nothing is lost.
#[test]
fn a_full_receiver_acknowledges_what_it_keeps_and_loses_nothing() {
    over_datagrams_with(
        |config| config.limits(SMALL).incoming_cap_bytes(0),
        |mut rig| {
            let link = full(&mut rig);
            rig.move_bytes();
            let flown = rig.flown(link);
            let acks = flown
                .iter()
                .flat_map(|one| &one.commands)
                .filter(|one| one.kind == kind::ACK)
                .count();
            assert!((1..20).contains(&acks), "{acks}");
            let stats = rig.client.stats().udp.expect("connected");
            assert_eq!(stats.discarded.full, 100 - acks as u64);
            // The application is back.
            rig.pump();
            assert_eq!(
                ids(&rig.take_events()),
                (1..=acks as i32).collect::<Vec<_>>()
            );
            rig.forget();
            rig.advance_ms(3_600_000);
            let events = rig.take_events();
            assert_eq!(ids(&events), (acks as i32 + 1..=100).collect::<Vec<_>>());
            assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);
            assert_eq!(rig.client.buffered_bytes(), 0);
        },
    );
}

#[test]
fn a_full_receiver_still_hears_pings_acknowledgements_and_the_end() {
    over_datagrams_with(
        |config| config.limits(SMALL).incoming_cap_bytes(0),
        |mut rig| {
            let link = full(&mut rig);
            rig.answers = false;
            assert_eq!(publish(&mut rig.client, 500), Ok(()));
            rig.move_bytes();
            let before = rig.client.buffered_bytes();
            // The server's ping is acknowledged.
            let (challenge, _) = (rig.server().udp().challenge(), rig.flown(link));
            let ping = datagram::of(
                challenge,
                [datagram::control(kind::PING, FLAG_RELIABLE, 0, 9)],
            );
            rig.client
                .handle_link(rig.now, link, LinkInput::Received(&ping));
            rig.move_bytes();
            rig.expect_flown(rig.now, &[(0, "ack")]);
            // The publish is acknowledged: it does not wait any more.
            let rseq = {
                let again = rig.resend_ms() + 1;
                rig.now = rig.now.plus_millis(again);
                rig.client.service(rig.now);
                rig.move_bytes();
                let flown = rig.flown(link);
                let sent = flown
                    .iter()
                    .flat_map(|one| &one.commands)
                    .find(|one| one.kind == kind::RELIABLE);
                (sent.expect("sent again").rseq, flown[0].header.sent_time)
            };
            let echo = [rseq.0.to_be_bytes(), rseq.1.to_be_bytes()].concat();
            let ack = datagram::of(challenge, [datagram::command(kind::ACK, 0, 0, 0, 0, &echo)]);
            rig.client
                .handle_link(rig.now, link, LinkInput::Received(&ack));
            assert!(rig.client.buffered_bytes() + 500 < before);
            let _told = rig.client.service(rig.now);
        },
    );
    over_datagrams_with(
        |config| config.limits(SMALL).incoming_cap_bytes(0),
        |mut rig| {
            let link = full(&mut rig);
            let challenge = rig.server().udp().challenge();
            let goodbye = datagram::control(kind::DISCONNECT, FLAG_RELIABLE, 1, 9);
            rig.client.handle_link(
                rig.now,
                link,
                LinkInput::Received(&datagram::of(challenge, [goodbye])),
            );
            rig.pump();
            // What was kept is told first.
            let events = rig.take_events();
            let kept = ids(&events);
            assert_eq!(kept, (1..=kept.len() as i32).collect::<Vec<_>>());
            let last: Vec<_> = events[kept.len()..].iter().map(Seen::from).collect();
            assert_eq!(last, [Seen::State(State::Error), Seen::Error(1003)]);
            assert_eq!(
                rig.error().1.kind,
                CauseKind::DisconnectCommand(DisconnectReason::Logic)
            );
        },
    );
}

/// Contract 5: when too many bytes of events wait, no more input is processed; the connection stands.
#[test]
fn events_that_are_not_taken_do_not_end_a_udp_connection() {
    over_datagrams_with(
        |config| config.event_cap_bytes(2_000),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.join(&["a"]);
            rig.forget();
            let (link, all, start) = (rig.link(), lines(&mut rig, 1..=100), rig.now);
            rig.hand_over(link, &all);
            let mut calls = 0;
            while rig.now < start.plus_millis(60_000) {
                while rig.client.service(rig.now).more {
                    calls += 1;
                    assert!(calls < 1_000, "busy");
                }
                rig.move_bytes();
                rig.hand_over_answers();
                let next = rig.client.poll_timeout().expect("pings go on");
                assert!(next > rig.now, "busy wake-up: {next:?} at {:?}", rig.now);
                rig.now = next;
            }
            assert!(rig.client.queued_events() < 20);
            let pings: Vec<u64> = (1..20).map(|count| count * 3_001).collect();
            assert_eq!(rig.flown_with(link, kind::PING, start), pings);
            rig.pump();
            assert_eq!(ids(&rig.take_events()), (1..=100).collect::<Vec<_>>());
            assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);
        },
    );
}

/// Contract 5: the cap counts what is not acknowledged.
#[test]
fn the_outgoing_cap_counts_what_is_not_acknowledged() {
    over_datagrams_with(
        |config| config.outgoing_cap_bytes(10_000),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.answers = false;
            for _ in 0..9 {
                assert_eq!(publish(&mut rig.client, 1_000), Ok(()));
            }
            let link = rig.link();
            rig.pump();
            let sent = rig
                .flown(link)
                .iter()
                .flat_map(|one| one.commands.clone())
                .count();
            assert_eq!(sent, 9, "all of it is on its way");
            let waiting = rig.client.stats().buffered_bytes;
            assert!((9_000..10_000).contains(&waiting), "{waiting}");
            assert_eq!(
                rig.refused(|client| publish(client, 1_000)),
                RequestError::QueueFull
            );
            assert_eq!(
                rig.refused(|client| publish(client, 10_000)),
                RequestError::TooLong { max_bytes: 10_000 }
            );
            rig.answers = true;
            let again = rig.resend_ms() + 1;
            rig.advance_ms(again - 1);
            assert_eq!(
                rig.refused(|client| publish(client, 1_000)),
                RequestError::QueueFull
            );
            rig.advance_ms(1);
            assert_eq!(rig.client.stats().buffered_bytes, 0);
            assert_eq!(publish(&mut rig.client, 1_000), Ok(()));
            assert_eq!(publish(&mut rig.client, 8_000), Ok(()));
            rig.pump();
            assert_eq!(rig.server().requests.len(), 11);
        },
    );
}

/// udp.md 6: messages that are longer than a datagram, both ways.
#[test]
fn long_messages_arrive_whole() {
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        rig.join(&["a"]);
        for bytes in [1_100, 1_200, 30_000, 400_000] {
            let content = Value::from(vec![7_u8; bytes]);
            rig.client
                .publish_message("a", &content, &PublishOptions::new())
                .expect("on the front end");
            rig.pump();
            rig.expect_request(2, false, &[(1, "a".into()), (3, content.clone())]);
            rig.raise(
                0,
                &[
                    (1, "a".into()),
                    (4, strings(&["bob"])),
                    (2, objects(std::slice::from_ref(&content))),
                    (8, 1.into()),
                ],
            );
            rig.expect(&[Seen::messages("a", [Line::new("bob", content, Some(1))])]);
        }
        let link = rig.link();
        assert!(rig.flown(link).iter().all(|one| one.raw.len() <= 1_200));
    });
}

#[test]
fn stats_tell_what_the_connection_has_counted() {
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        assert_eq!(rig.client.stats().udp, None);
        rig.answers = false;
        rig.accept();
        rig.advance_ms(221);
        let stats = rig.client.stats();
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
        // Connecting has told nothing about the line yet.
        assert_eq!((stats.round_trip, stats.round_trip_variance), (None, None));
        rig.answers = true;
        rig.advance_ms(221);
        rig.greet();
        rig.agree();
        let udp = rig.client.stats().udp.expect("connected");
        assert_eq!((udp.sent_messages, udp.received_messages), (2, 2));
        let round_trip = rig.client.stats().round_trip;
        assert!(round_trip.is_some_and(|time| time < Duration::from_millis(15)));
        rig.client
            .connect_to_region_front_end("eu")
            .expect("may go on");
        rig.pump();
        rig.accept_login();
        // Each connection counts for itself.
        assert_eq!(rig.client.stats().udp, None);
        rig.accept();
        assert_eq!(
            rig.client.stats().udp.map(|udp| udp.resent_commands),
            Some(0)
        );
        rig.client.disconnect();
        assert_eq!(rig.client.stats().udp, None);
    });
    crate::rig::not_over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        assert_eq!(rig.client.stats().udp, None);
    });
}

/// Contract 11: challenges, keys, everything.
#[test]
fn the_same_seed_and_calls_give_the_same_datagrams() {
    let run = || {
        let all = std::cell::RefCell::new(Vec::new());
        over_datagrams(|mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            let start = rig.links.len();
            rig.client.disconnect();
            rig.pump();
            rig.connect(Some("eu"));
            rig.handshake();
            for link in rig.links[start..]
                .iter()
                .map(|link| link.id)
                .collect::<Vec<_>>()
            {
                all.borrow_mut()
                    .extend(rig.flown(link).into_iter().map(|one| one.raw));
            }
        });
        all.into_inner()
    };
    assert_eq!(run(), run());
}
