//! Leaving a server over UDP: accepted data is sent and acknowledged, then the disconnect follows.
//! Contract 10; udp.md 7.1.

use crate::harness::{FRONT_END, Harness, Seen, TOKEN, over_datagrams, over_datagrams_with};
use chat_core::{ChatClient, ConnectOptions, LinkId, PublishOptions, State};
use photon_proto::udp::command::kind;
use photon_proto::udp::{Cause, REASON_CLIENT};
use std::time::Duration;

const LEFT: Option<Cause> = Some(Cause::ClientLeft(REASON_CLIENT));

fn publish(client: &mut ChatClient, text: &str) {
    client
        .publish_message("a", text, &PublishOptions::new())
        .expect("on the front end");
}

/// The texts that the last server received, in order.
fn published(harness: &mut Harness) -> Vec<String> {
    let requests = std::mem::take(&mut harness.server().requests);
    let text = |sent: crate::harness::Sent| match sent.parameters.as_slice() {
        [(1, _), (3, text)] => text.as_str().expect("a text").to_owned(),
        other => panic!("{other:?}"),
    };
    requests.into_iter().map(text).collect()
}

#[test]
fn disconnect_over_udp_sends_accepted_data_and_then_the_disconnect_command() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, now) = (harness.link(), harness.now);
        publish(&mut harness.client, "bye");
        harness.client.disconnect();
        assert_eq!(harness.client.state(), State::Disconnected);
        harness.pump();
        harness.expect(&[Seen::State(State::Disconnected)]);
        assert_eq!(published(&mut harness), ["bye"]);
        // The disconnect waits for the acknowledgement.
        harness.expect_datagrams(now, &[(0, "send_reliable"), (0, "disconnect 4")]);
        assert_eq!(harness.server().udp().ended, LEFT);
        harness.expect_close(link);
        harness.advance_ms(3_600_000);
        harness.expect_nothing();
        assert_eq!(
            (
                harness.client.poll_timeout(),
                harness.client.buffered_bytes()
            ),
            (None, 0)
        );
        assert_eq!(harness.client.stats().closed_with_unsent_data, 0);
    });
    // Nothing is queued.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, now) = (harness.link(), harness.now);
        harness.client.disconnect();
        harness.pump();
        harness.expect_datagrams(now, &[(0, "disconnect 4")]);
        assert_eq!(harness.server().udp().ended, LEFT);
        harness.expect_close(link);
    });
    // More than a send window, and more than a datagram.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let texts: Vec<String> = (0..200)
            .map(|number| format!("{number} {}", "x".repeat(number * 20)))
            .collect();
        texts
            .iter()
            .for_each(|text| publish(&mut harness.client, text));
        harness.client.disconnect();
        harness.pump();
        assert_eq!(published(&mut harness), texts);
        assert_eq!(harness.server().udp().ended, LEFT);
    });
}

/// Contract 2: a timer that an intent arms starts with the next call that passes a time, however
/// long ago the last one was.
#[test]
fn disconnect_after_idle_time_still_sends_accepted_data() {
    for idle_ms in [1, 749, 750, 751, 2_000, 2_999] {
        over_datagrams(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            // The application sleeps until the next deadline, and its user wakes it earlier.
            harness.now = harness.now.plus_millis(idle_ms);
            publish(&mut harness.client, "bye");
            harness.client.disconnect();
            harness.pump();
            assert_eq!(published(&mut harness), ["bye"], "after {idle_ms} ms");
            assert_eq!(harness.server().udp().ended, LEFT);
        });
    }
}

#[test]
fn disconnect_over_udp_takes_no_longer_than_the_flush_timeout() {
    for flush_ms in [1_000, 250] {
        over_datagrams_with(
            |config| config.flush_timeout(Duration::from_millis(flush_ms)),
            |mut harness| {
                harness.go_to(State::ConnectedToFrontEnd);
                harness.answers = false;
                let (link, now, again) = (harness.link(), harness.now, harness.resend_ms() + 1);
                publish(&mut harness.client, "bye");
                harness.client.disconnect();
                harness.pump();
                harness.expect(&[Seen::State(State::Disconnected)]);
                harness.expect_no_command();
                let gone_ms = gone_after_ms(&mut harness, link);
                harness.expect_close(link);
                let sent_datagrams = harness.sent_datagrams(link);
                let when = |kind| -> Vec<u64> {
                    sent_datagrams
                        .iter()
                        .filter(|one| one.has(kind))
                        .map(|one| one.at_ms - now.as_millis())
                        .collect()
                };
                let (sent, disconnects) = (when(kind::RELIABLE), when(kind::DISCONNECT));
                assert_eq!(sent[..3], [0, again, 2 * again]);
                // The server gets its disconnect all the same, in time.
                assert!(
                    !disconnects.is_empty() && gone_ms <= flush_ms,
                    "{disconnects:?}, {gone_ms}"
                );
                // udp.md 7.1: the client waits for two resends, if there is time.
                assert_eq!(
                    gone_ms,
                    (disconnects[0] + 3 * again).min(flush_ms),
                    "{disconnects:?}"
                );
                assert!(
                    sent.iter().all(|ms| *ms <= disconnects[0]),
                    "{sent:?} {disconnects:?}"
                );
                harness.expect_rest();
                assert_eq!(harness.client.stats().closed_with_unsent_data, 1);
            },
        );
    }
    // The socket takes nothing.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let link = harness.link();
        harness.writable = false;
        publish(&mut harness.client, "bye");
        harness.client.disconnect();
        harness.pump();
        harness.advance_ms(999);
        harness.expect(&[Seen::State(State::Disconnected)]);
        harness.expect_nothing();
        harness.advance_ms(1);
        harness.expect_close(link);
        harness.expect_nothing();
        assert_eq!(
            (
                harness.client.poll_timeout(),
                harness.client.buffered_bytes()
            ),
            (None, 0)
        );
    });
    // Acknowledged at the last moment.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, again) = (harness.link(), harness.resend_ms() + 1);
        harness.answers = false;
        publish(&mut harness.client, "bye");
        harness.client.disconnect();
        harness.pump();
        let now = harness.now;
        harness.advance_ms(again + 1);
        harness.answers = true;
        harness.advance_ms(again - 2);
        harness.expect_no_command();
        harness.advance_ms(1);
        harness.expect_close(link);
        assert_eq!(published(&mut harness), ["bye"]);
        let expected = [
            (0, "send_reliable"),
            (again, "send_reliable"),
            (2 * again, "send_reliable"),
            (2 * again, "disconnect 4"),
        ];
        harness.expect_datagrams(now, &expected);
    });
}

#[test]
fn disconnect_while_udp_is_connecting_sends_one_unreliable_disconnect() {
    // The connect was sent, and there was no response.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        harness.answers = false;
        harness.accept();
        let (link, now) = (harness.link(), harness.now);
        harness.client.disconnect();
        harness.pump();
        harness.expect(&[Seen::State(State::Disconnected)]);
        harness.expect_datagrams(now, &[(0, "connect"), (0, "disconnect 4 unsequenced")]);
        harness.expect_close(link);
        harness.advance_ms(60_000);
        harness.expect_nothing();
    });
    // It was not even sent.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        harness.writable = false;
        harness.accept();
        let (link, now) = (harness.link(), harness.now);
        harness.client.disconnect();
        harness.writable = true;
        harness.pump();
        harness.expect_datagrams(now, &[]);
        harness.expect_close(link);
    });
    // The key exchange is under way.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        harness.accept();
        harness.send_init_response();
        harness.forget();
        let (link, now) = (harness.link(), harness.now);
        harness.client.disconnect();
        harness.pump();
        harness.expect_datagrams(now, &[(0, "disconnect 4")]);
        harness.expect_close(link);
        assert_eq!(harness.server().udp().ended, LEFT);
    });
}

/// The time from now until the client closes this link.
#[track_caller]
fn gone_after_ms(harness: &mut Harness, link: LinkId) -> u64 {
    let start = harness.now;
    while harness
        .links
        .iter()
        .any(|known| known.id == link && !known.gone)
    {
        assert!(harness.now < start.plus_millis(10_000), "it stays open");
        harness.advance_ms(1);
    }
    harness.now.millis_since(start)
}

/// A client on the name server that receives its login response, while the server acknowledges
/// nothing from now on.
fn moves(harness: &mut Harness, answered_before: bool) {
    harness.go_to(State::ConnectedToNameServer);
    harness.answers = answered_before;
    harness.choose_region();
    harness.answers = false;
    harness.accept_login();
    harness.expect(&[
        Seen::authenticated(""),
        Seen::State(State::ConnectingToFrontEnd),
    ]);
    harness.expect_open("fe.example", 5070);
}

/// chat.md 2.3 and 6.2: the front end does not wait for the disconnect of the name server.
#[test]
fn the_name_server_gets_a_disconnect_while_the_front_end_link_opens() {
    // The disconnect is never acknowledged: two resends, then the link is closed.
    over_datagrams(|mut harness| {
        let start = harness.now;
        moves(&mut harness, true);
        assert_eq!(harness.now, start);
        let name_server = harness.links[0].id;
        harness.expect_no_command();
        let sent_datagrams = harness.sent_datagrams(name_server);
        assert_eq!(
            sent_datagrams
                .last()
                .map(crate::harness::datagram::SentDatagram::names),
            Some("ack + disconnect 4".into())
        );
        let gone_ms = gone_after_ms(&mut harness, name_server);
        harness.expect_close(name_server);
        let again = harness.times_sent(name_server, kind::DISCONNECT, start);
        let [first, second] = again[..] else {
            panic!("{again:?}")
        };
        assert_eq!((second, gone_ms), (2 * first, 3 * first));
        assert_eq!(harness.client.state(), State::ConnectingToFrontEnd);
    });
    // It is acknowledged while the link to the front end is still opening.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        let (name_server, now) = (harness.link(), harness.now);
        harness.choose_region();
        harness.accept_login();
        harness.expect_move(name_server, "fe.example", 5070);
        assert_eq!(harness.links[0].udp().ended, LEFT);
        harness.expect_datagrams_on(
            name_server,
            now,
            &[(0, "send_reliable"), (0, "ack + disconnect 4")],
        );
        assert!(!harness.server().opened);
    });
    // Earlier data is acknowledged first.
    over_datagrams(|mut harness| {
        let start = harness.now;
        moves(&mut harness, false);
        let name_server = harness.links[0].id;
        harness.advance_ms(100);
        let disconnects = harness.times_sent(name_server, kind::DISCONNECT, start);
        assert!(disconnects.is_empty(), "{disconnects:?}");
        harness.answers = true;
        harness.advance_ms(500);
        harness.expect_close(name_server);
        assert_eq!(harness.links[0].udp().ended, LEFT);
        let requests: Vec<_> = harness.links[0]
            .requests
            .iter()
            .map(|sent| sent.code)
            .collect();
        assert_eq!(requests, [230]);
    });
    // Nothing is acknowledged: the flush timeout applies.
    over_datagrams(|mut harness| {
        moves(&mut harness, false);
        let name_server = harness.links[0].id;
        let gone_ms = gone_after_ms(&mut harness, name_server);
        assert!((500..=1_000).contains(&gone_ms), "{gone_ms}");
        harness.expect_close(name_server);
        // The login continues as usual.
        harness.answers = true;
        harness.handshake();
        harness.expect_request(230, false, &[(221, TOKEN.into())]);
        harness.respond(230, 0, None, &[]);
        harness.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
    });
}

/// Input from the name server is ignored while the client leaves it.
#[test]
fn a_retired_connection_does_not_affect_the_client() {
    over_datagrams(|mut harness| {
        moves(&mut harness, false);
        harness.forget();
        let name_server = harness.links[0].id;
        let parameters = [(230, FRONT_END.into()), (221, TOKEN.into())];
        for late in [
            harness.links[0].response(false, 230, 0, None, &parameters),
            harness.links[0].response(false, 230, 32767, Some("late"), &[]),
            harness.links[0].disconnect(1, Some("late")),
        ] {
            harness.deliver_without_pump(name_server, &late);
            harness.pump();
            harness.expect_nothing();
        }
        let now = harness.now;
        harness.links[0]
            .udp()
            .connection()
            .shutdown(now, Duration::ZERO, 1);
        let disconnect = harness.links[0].udp().outgoing(now);
        harness.forget();
        for bytes in disconnect {
            harness.input(name_server, chat_core::LinkInput::Received(&bytes));
        }
        // udp.md 7.2: a client that is leaving already ignores it.
        harness.expect_datagrams_on(name_server, now, &[]);
        harness.expect_nothing();
        harness.advance_ms(1_000);
        harness.expect_close(name_server);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), State::ConnectingToFrontEnd);
    });
    // Eight links may be leaving; one more closes the oldest. Contract 10.
    over_datagrams(|mut harness| {
        harness.answers = false;
        for _ in 0..10 {
            harness
                .client
                .connect_to_name_server(ConnectOptions::new())
                .expect("connect is allowed");
            harness.pump();
            harness.answers = true;
            harness.accept();
            harness.send_init_response();
            harness.answers = false;
            harness.client.disconnect();
            harness.pump();
        }
        assert_eq!(harness.links.iter().filter(|link| !link.gone).count(), 8);
        harness.advance_ms(1_000);
        assert!(harness.links.iter().all(|link| link.gone));
        assert_eq!(harness.client.buffered_bytes(), 0);
    });
}
