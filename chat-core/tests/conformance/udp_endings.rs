//! The ends of UDP connections: disconnect commands, silence, and the last datagrams of the client.
//! udp.md 5.4, 5.6 and 7.

use crate::harness::{
    Harness, Line, Seen, bools, datagram, error, objects, over_datagrams, over_datagrams_with,
    strings,
};
use chat_core::{CauseKind, DisconnectReason, LinkInput, State, Step};
use photon_proto::udp::command::{FLAG_RELIABLE, kind};
use photon_proto::udp::{Cause, REASON_CLIENT};
use std::time::Duration;

/// The states in which a server can end a connection, with the thousands of the code.
const STATES: [(State, i32); 4] = [
    (State::ConnectingToNameServer, 3000),
    (State::ConnectedToNameServer, 3000),
    (State::ConnectingToFrontEnd, 1000),
    (State::ConnectedToFrontEnd, 1000),
];

/// Goes to a state; in the connecting states until the UDP connection is established.
fn go(harness: &mut Harness, state: State) {
    harness.go_to(state);
    if matches!(
        state,
        State::ConnectingToNameServer | State::ConnectingToFrontEnd
    ) {
        harness.accept();
    }
    harness.forget();
}

/// udp.md 10, scenario 31.
#[test]
fn c052_disconnect_commands_are_1003_each_with_its_own_reason() {
    let reasons = [
        (0, DisconnectReason::Other(0), "reason 0"),
        (1, DisconnectReason::Logic, "logic"),
        (2, DisconnectReason::Timeout, "did not respond"),
        (3, DisconnectReason::UserLimit, "user limit"),
        (4, DisconnectReason::Other(4), "reason 4"),
        (255, DisconnectReason::Other(255), "reason 255"),
    ];
    for (state, base) in STATES {
        for (reason, expected, text) in reasons {
            over_datagrams(|mut harness| {
                go(&mut harness, state);
                let (link, now) = (harness.link(), harness.now);
                harness
                    .server()
                    .udp()
                    .connection()
                    .shutdown(now, Duration::ZERO, reason);
                harness.pump();
                harness.expect(&error(base + 3));
                let (_, cause, message) = harness.error();
                assert_eq!(
                    (cause.kind, cause.return_code),
                    (CauseKind::DisconnectCommand(expected), None)
                );
                assert!(message.contains(text), "{message}");
                // One answering datagram, and none after it.
                harness.expect_datagrams(now, &[(0, "ack + disconnect 4")]);
                harness.expect_close(link);
                harness.expect_rest();
            });
        }
    }
}

/// Messages before the disconnect, even in the same datagram, are reported before it.
#[test]
fn messages_before_a_disconnect_command_are_reported_before_it() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        harness.forget();
        let line = [
            (1, "a".into()),
            (4, strings(&["bob"])),
            (2, objects(&["hi".into()])),
            (8, 1.into()),
        ];
        let (now, link, event) = (harness.now, harness.link(), harness.event(0, &line));
        let messages = harness.server().udp().input_for(now, &event);
        harness
            .server()
            .udp()
            .connection()
            .shutdown(now, Duration::ZERO, 1);
        for bytes in messages
            .into_iter()
            .chain(harness.server().udp().outgoing(now))
        {
            harness
                .client
                .handle_link(now, link, LinkInput::Received(&bytes));
        }
        harness.pump();
        let message = Seen::messages("a", [Line::new("bob", "hi", Some(1))]);
        harness.expect(&[&[message][..], &error(1003)].concat());
    });
}

/// Contract 8: also messages that arrived before the application first called `service`.
#[test]
fn messages_directly_after_connecting_are_reported_before_the_end() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        let (link, now) = (harness.link(), harness.now);
        harness
            .client
            .handle_link(now, link, LinkInput::Opened { ipv6: false });
        harness.server().opened = true;
        // Connect; verify-connect; acknowledgement and init, all without a `service` call.
        for _ in 0..2 {
            harness.move_bytes();
            harness.deliver_answers();
        }
        let disconnect = harness.server().disconnect(32757, Some("user limit"));
        harness.deliver_without_pump(link, &disconnect);
        harness.input(link, LinkInput::Closed);
        harness.expect(&error(3003));
        assert_eq!(harness.error().1.kind, CauseKind::ServerDisconnect);
    });
}

/// udp.md 10, scenario 29: nothing is in flight, so a ping detects it.
#[test]
fn a_server_that_stops_acknowledging_is_a_timeout() {
    for (state, base) in STATES {
        over_datagrams(|mut harness| {
            go(&mut harness, state);
            let (link, now) = (harness.link(), harness.now);
            let sent = datagram::resends(harness.resend_ms(), datagram::GIVES_UP_MS - 3_001);
            let silent_ms = harness.fall_silent();
            harness.advance_ms(silent_ms - 1);
            harness.expect_nothing();
            harness.advance_ms(1);
            harness.expect(&error(base + 4));
            assert_eq!(harness.error().1.kind, CauseKind::Unacknowledged);
            let mut expected: Vec<_> = sent.iter().map(|ms| (3_001 + ms, "ping")).collect();
            expected.push((silent_ms, "disconnect 2 unsequenced"));
            harness.expect_datagrams(now, &expected);
            harness.expect_close(link);
            harness.advance_ms(3_600_000);
            harness.expect_nothing();
        });
    }
    // A command is in flight: no ping is needed.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.answers = false;
        let now = harness.now;
        let gives_up = datagram::GIVES_UP_MS;
        let sent = datagram::resends(harness.resend_ms(), gives_up);
        harness.publish("a", "hello?");
        harness.pump();
        harness.advance_ms(gives_up - 1);
        harness.expect(&[]);
        harness.advance_ms(1);
        harness.expect(&error(1004));
        let mut expected: Vec<_> = sent.iter().map(|ms| (*ms, "send_reliable")).collect();
        expected.push((gives_up, "disconnect 2 unsequenced"));
        harness.expect_datagrams(now, &expected);
    });
}

/// udp.md 5.5: for unusual networks.
#[test]
fn resends_are_configurable() {
    over_datagrams_with(
        |config| config.udp(|udp| (udp.max_resends, udp.quick_resends) = (2, 0)),
        |mut harness| {
            harness.go_to(State::ConnectingToNameServer);
            harness.answers = false;
            harness.accept();
            let opened = harness.now;
            // udp.md 5.4, "quick 0": the timeout doubles from the first time on.
            harness.advance_ms(1_542);
            harness.expect(&[]);
            harness.advance_ms(1);
            harness.expect(&error(3004));
            let expected = [
                (0, "connect"),
                (221, "connect"),
                (662, "connect"),
                (1_543, "disconnect 2 unsequenced"),
            ];
            harness.expect_datagrams(opened, &expected);
        },
    );
    over_datagrams_with(
        |config| config.udp(|udp| udp.disconnect_timeout = Duration::from_secs(1)),
        |mut harness| {
            harness.go_to(State::ConnectingToNameServer);
            harness.answers = false;
            harness.accept();
            harness.advance_ms(1_103);
            harness.expect(&[]);
            harness.advance_ms(1);
            harness.expect(&error(3004));
        },
    );
}

/// A client that ends the connection with an error sends one disconnect and does not wait for its
/// acknowledgement. udp.md 7.1.
#[test]
fn a_client_that_ends_the_connection_sends_one_disconnect() {
    type Ending = (i32, &'static [(u64, &'static str)], fn(&mut Harness));
    let endings: [Ending; 6] = [
        (101, &[(0, "ack + disconnect 4")], |harness| {
            harness.respond(230, 32767, None, &[])
        }),
        (101, &[(0, "ack + disconnect 4")], |harness| {
            harness.respond(230, 0, None, &[])
        }),
        (3, &[(0, "ack + disconnect 4")], |harness| {
            harness.send_disconnect(1, Some("go away"))
        }),
        (3, &[], |harness| harness.close()),
        (1, &[], |harness| {
            harness.fail(chat_core::LinkErrorKind::Io, "")
        }),
        (4, &[(0, "disconnect 4")], |harness| {
            // The application may be late; nothing is in flight.
            harness.now = harness.now.plus_millis(2_000);
            harness.pump();
        }),
    ];
    for (index, (digits, sent_datagrams, end)) in endings.into_iter().enumerate() {
        over_datagrams_with(
            |config| config.authenticate_timeout(Duration::from_millis(2_000)),
            |mut harness| {
                harness.go_to(State::ConnectedToNameServer);
                harness.choose_region();
                harness.forget();
                harness.answers = false;
                let link = harness.link();
                end(&mut harness);
                harness.expect(&error(3000 + digits));
                harness.expect_datagrams(harness.now, sent_datagrams);
                if !matches!(index, 3 | 4) {
                    harness.expect_close(link);
                }
                harness.advance_ms(3_600_000);
                harness.expect_nothing();
                harness.expect_datagrams(harness.now, &[]);
            },
        );
    }
    // A login that the front end rejects, and a failed key exchange.
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.handshake();
        harness.forget();
        harness.respond(230, 32757, None, &[]);
        harness.expect(&error(1101));
        harness.expect_datagrams(harness.now, &[(0, "ack + disconnect 4")]);
        assert_eq!(
            harness.server().udp().ended,
            Some(Cause::ClientLeft(REASON_CLIENT))
        );
    });
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.accept();
        harness.send_init_response();
        harness.forget();
        let refusal = harness.server().key_answer(-1, None);
        harness.deliver(&refusal);
        harness.expect(&error(1005));
        harness.expect_datagrams(harness.now, &[(0, "ack + disconnect 4")]);
    });
    // The client's own deadline comes first, and the server has not responded.
    over_datagrams_with(
        |config| config.connect_timeout(Duration::from_millis(1_000)),
        |mut harness| {
            harness.go_to(State::ConnectingToNameServer);
            harness.answers = false;
            harness.accept();
            let (link, opened) = (harness.link(), harness.now);
            harness.advance_ms(1_000);
            harness.expect(&error(3004));
            assert_eq!(harness.error().1.kind, CauseKind::Deadline(Step::Connect));
            let connects = [
                (0, "connect"),
                (221, "connect"),
                (442, "connect"),
                (663, "connect"),
            ];
            harness.expect_datagrams(
                opened,
                &[&connects[..], &[(1_000, "disconnect 4 unsequenced")]].concat(),
            );
            harness.expect_close(link);
        },
    );
}

/// udp.md 9: too many violations end a connection; one does not.
#[test]
fn broken_datagrams_are_dropped_and_too_many_end_the_connection() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        let (link, challenge) = (harness.link(), harness.server().udp().challenge());
        harness.forget();
        // A command with a length beyond the datagram, and behind it a valid one, which is dropped.
        let mut broken = datagram::control(kind::PING, FLAG_RELIABLE, 0, 9);
        broken[7] = 99;
        let event = harness.event(5, &[(0, strings(&["b"])), (15, bools(&[true]))])[7..].to_vec();
        let bytes = datagram::of(challenge, [broken, datagram::reliable(9, &event)]);
        for count in 1..=1_000 {
            harness
                .client
                .handle_link(harness.now, link, LinkInput::Received(&bytes));
            let stats = harness.client.stats().udp.expect("connected");
            assert_eq!(
                (
                    stats.dropped_datagrams.malformed,
                    u64::from(stats.violations)
                ),
                (count, count)
            );
        }
        harness.pump();
        harness.expect_nothing();
        harness.expect_datagrams(harness.now, &[]);
        harness.input(link, LinkInput::Received(&bytes));
        harness.expect(&error(1001));
        assert!(
            matches!(harness.error().1.kind, CauseKind::BadDatagrams(_)),
            "{:?}",
            harness.error()
        );
        harness.expect_close(link);
    });
}
