//! How connections over UDP end: the server's word, its silence, and what the client says last. udp.md 5.4, 5.6 and 7.

use crate::rig::{
    Line, Rig, Seen, bools, datagram, error, objects, over_datagrams, over_datagrams_with, strings,
};
use chat_core::{CauseKind, DisconnectReason, LinkInput, PublishOptions, State, Step};
use photon_proto::udp::command::{FLAG_RELIABLE, kind};
use photon_proto::udp::{Cause, REASON_CLIENT};
use std::time::Duration;

/// The states in which a server can end a connection, and how the code begins.
const STATES: [(State, i32); 4] = [
    (State::ConnectingToNameServer, 3000),
    (State::ConnectedToNameServer, 3000),
    (State::ConnectingToFrontEnd, 1000),
    (State::ConnectedToFrontEnd, 1000),
];

/// Goes to a state, and from "connecting" on until the connection stands.
fn go(rig: &mut Rig, state: State) {
    rig.go_to(state);
    if matches!(
        state,
        State::ConnectingToNameServer | State::ConnectingToFrontEnd
    ) {
        rig.accept();
    }
    rig.forget();
}

/// udp.md 10, scenario 31.
#[test]
fn c052_disconnect_commands_are_1003_with_reasons_told_apart() {
    let reasons = [
        (0, DisconnectReason::Other(0), "reason 0"),
        (1, DisconnectReason::Logic, "logic"),
        (2, DisconnectReason::Timeout, "heard nothing"),
        (3, DisconnectReason::UserLimit, "too many users"),
        (4, DisconnectReason::Other(4), "reason 4"),
        (255, DisconnectReason::Other(255), "reason 255"),
    ];
    for (state, base) in STATES {
        for (reason, told, words) in reasons {
            over_datagrams(|mut rig| {
                go(&mut rig, state);
                let (link, now) = (rig.link(), rig.now);
                rig.server().udp().connection().shutdown(now, 0, reason);
                rig.pump();
                rig.expect(&error(base + 3));
                let (_, cause, message) = rig.error();
                assert_eq!(
                    (cause.kind, cause.return_code),
                    (CauseKind::DisconnectCommand(told), None)
                );
                assert!(message.contains(words), "{message}");
                // One answer, and nothing after it.
                rig.expect_flown(now, &[(0, "ack + disconnect 4")]);
                rig.expect_close(link);
                rig.advance_ms(3_600_000);
                rig.expect_nothing();
                rig.expect_flown(now, &[]);
                assert_eq!(
                    (rig.client.poll_timeout(), rig.client.buffered_bytes()),
                    (None, 0)
                );
            });
        }
    }
}

/// udp.md 7.1 and 7.2: before the connection stands, and a command that wants no acknowledgement.
#[test]
fn a_disconnect_command_is_answered_in_the_form_of_the_moment() {
    for (connected, flags, answer) in [
        (false, FLAG_RELIABLE, "ack + disconnect 4 unsequenced"),
        (false, 0, "disconnect 4 unsequenced"),
        (true, FLAG_RELIABLE, "ack + disconnect 4"),
        (true, 0, "disconnect 4"),
    ] {
        over_datagrams(|mut rig| {
            rig.go_to(State::ConnectingToNameServer);
            rig.answers = connected;
            rig.accept();
            rig.answers = false;
            rig.forget();
            let (link, now, challenge) = (rig.link(), rig.now, rig.server().udp().challenge());
            let command = datagram::control(kind::DISCONNECT, flags, 3, 1);
            rig.input(
                link,
                LinkInput::Received(&datagram::of(challenge, [command])),
            );
            rig.expect(&error(3003));
            assert_eq!(
                rig.error().1.kind,
                CauseKind::DisconnectCommand(DisconnectReason::UserLimit)
            );
            rig.expect_flown(now, &[(0, answer)]);
            rig.expect_close(link);
        });
    }
}

/// The words before it, be they in the same datagram, are told before it.
#[test]
fn what_came_before_a_disconnect_command_is_told_before_it() {
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        rig.join(&["a"]);
        rig.forget();
        let line = [
            (1, "a".into()),
            (4, strings(&["bob"])),
            (2, objects(&["hi".into()])),
            (8, 1.into()),
        ];
        let (now, link, event) = (rig.now, rig.link(), rig.event(0, &line));
        let words = rig.server().udp().say(now, &event);
        rig.server().udp().connection().shutdown(now, 0, 1);
        for bytes in words.into_iter().chain(rig.server().udp().outgoing(now)) {
            rig.client
                .handle_link(now, link, LinkInput::Received(&bytes));
        }
        rig.pump();
        let told = Seen::messages("a", [Line::new("bob", "hi", Some(1))]);
        rig.expect(&[&[told][..], &error(1003)].concat());
    });
}

/// contract 8: also what came before the application has looked at the connection for the first time.
#[test]
fn what_came_right_behind_the_connection_is_told_before_the_links_end() {
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        let (link, now) = (rig.link(), rig.now);
        rig.client
            .handle_link(now, link, LinkInput::Opened { ipv6: false });
        rig.server().opened = true;
        // Connect; verify-connect; acknowledgement and init: no turn of the client's `service`.
        for _ in 0..2 {
            rig.move_bytes();
            rig.hand_over_answers();
        }
        let goodbye = rig.server().disconnect(32757, Some("user limit"));
        rig.hand_over(link, &goodbye);
        rig.input(link, LinkInput::Closed);
        rig.expect(&error(3003));
        assert_eq!(rig.error().1.kind, CauseKind::ServerDisconnect);
    });
}

/// udp.md 10, scenario 29: nothing is on its way, so that a ping finds it out.
#[test]
fn a_server_that_acknowledges_nothing_any_more_is_a_timeout() {
    for (state, base) in STATES {
        over_datagrams(|mut rig| {
            go(&mut rig, state);
            let (link, now) = (rig.link(), rig.now);
            let (sent, gives_up) = datagram::resends(rig.resend_ms());
            let silent_ms = rig.fall_silent();
            assert_eq!(silent_ms, 3_001 + gives_up);
            rig.advance_ms(silent_ms - 1);
            rig.expect_nothing();
            rig.advance_ms(1);
            rig.expect(&error(base + 4));
            assert_eq!(rig.error().1.kind, CauseKind::Unacknowledged);
            let mut expected: Vec<_> = sent.iter().map(|ms| (3_001 + ms, "ping")).collect();
            expected.push((silent_ms, "disconnect 2 unsequenced"));
            rig.expect_flown(now, &expected);
            rig.expect_close(link);
            rig.advance_ms(3_600_000);
            rig.expect_nothing();
        });
    }
    // Something is on its way: no ping is needed.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        rig.answers = false;
        let now = rig.now;
        let (sent, gives_up) = datagram::resends(rig.resend_ms());
        rig.client
            .publish_message("a", "hello?", &PublishOptions::new())
            .expect("on the front end");
        rig.pump();
        rig.advance_ms(gives_up - 1);
        rig.expect(&[]);
        rig.advance_ms(1);
        rig.expect(&error(1004));
        let mut expected: Vec<_> = sent.iter().map(|ms| (*ms, "send_reliable")).collect();
        expected.push((gives_up, "disconnect 2 unsequenced"));
        rig.expect_flown(now, &expected);
    });
}

/// udp.md 5.5: for lines that need other ones.
#[test]
fn resends_are_configurable() {
    over_datagrams_with(
        |config| config.udp(|udp| (udp.max_resends, udp.quick_resends) = (2, 0)),
        |mut rig| {
            rig.go_to(State::ConnectingToNameServer);
            rig.answers = false;
            rig.accept();
            let opened = rig.now;
            // udp.md 5.4, "quick 0": the timeout doubles from the first time on.
            rig.advance_ms(1_542);
            rig.expect(&[]);
            rig.advance_ms(1);
            rig.expect(&error(3004));
            let expected = [
                (0, "connect"),
                (221, "connect"),
                (662, "connect"),
                (1_543, "disconnect 2 unsequenced"),
            ];
            rig.expect_flown(opened, &expected);
        },
    );
    over_datagrams_with(
        |config| config.udp(|udp| udp.disconnect_timeout_ms = 1_000),
        |mut rig| {
            rig.go_to(State::ConnectingToNameServer);
            rig.answers = false;
            rig.accept();
            rig.advance_ms(1_103);
            rig.expect(&[]);
            rig.advance_ms(1);
            rig.expect(&error(3004));
        },
    );
}

/// A connection that the client ends as an error says goodbye once, and is not awaited. udp.md 7.1.
#[test]
fn an_end_of_the_clients_making_says_goodbye_once() {
    type Ending = (i32, &'static [(u64, &'static str)], fn(&mut Rig));
    let endings: [Ending; 6] = [
        (101, &[(0, "ack + disconnect 4")], |rig| {
            rig.respond(230, 32767, None, &[])
        }),
        (101, &[(0, "ack + disconnect 4")], |rig| {
            rig.respond(230, 0, None, &[])
        }),
        (3, &[(0, "ack + disconnect 4")], |rig| {
            rig.say_goodbye(1, Some("go away"))
        }),
        (3, &[], |rig| rig.close()),
        (1, &[], |rig| rig.fail(chat_core::LinkErrorKind::Io, "")),
        (4, &[(0, "disconnect 4")], |rig| {
            // As late as the application may be; nothing is on its way.
            rig.now = rig.now.plus_millis(2_000);
            rig.pump();
        }),
    ];
    for (index, (digits, flown, end)) in endings.into_iter().enumerate() {
        over_datagrams_with(
            |config| config.authenticate_timeout(Duration::from_millis(2_000)),
            |mut rig| {
                rig.go_to(State::ConnectedToNameServer);
                rig.client
                    .connect_to_region_front_end("eu")
                    .expect("may go on");
                rig.pump();
                rig.forget();
                rig.answers = false;
                let link = rig.link();
                end(&mut rig);
                rig.expect(&error(3000 + digits));
                rig.expect_flown(rig.now, flown);
                if !matches!(index, 3 | 4) {
                    rig.expect_close(link);
                }
                rig.advance_ms(3_600_000);
                rig.expect_nothing();
                rig.expect_flown(rig.now, &[]);
            },
        );
    }
    // The front end's refusal, and a key exchange that fails.
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.handshake();
        rig.forget();
        rig.respond(230, 32757, None, &[]);
        rig.expect(&error(1101));
        rig.expect_flown(rig.now, &[(0, "ack + disconnect 4")]);
        assert_eq!(
            rig.server().udp().ended,
            Some(Cause::ClientLeft(REASON_CLIENT))
        );
    });
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.accept();
        rig.greet();
        rig.forget();
        let refusal = rig.server().key_answer(-1, None);
        rig.deliver(&refusal);
        rig.expect(&error(1005));
        rig.expect_flown(rig.now, &[(0, "ack + disconnect 4")]);
    });
    // The client's own deadline comes first, and nobody has answered.
    over_datagrams_with(
        |config| config.connect_timeout(Duration::from_millis(1_000)),
        |mut rig| {
            rig.go_to(State::ConnectingToNameServer);
            rig.answers = false;
            rig.accept();
            let (link, opened) = (rig.link(), rig.now);
            rig.advance_ms(1_000);
            rig.expect(&error(3004));
            assert_eq!(rig.error().1.kind, CauseKind::Deadline(Step::Connect));
            let connects = [
                (0, "connect"),
                (221, "connect"),
                (442, "connect"),
                (663, "connect"),
            ];
            rig.expect_flown(
                opened,
                &[&connects[..], &[(1_000, "disconnect 4 unsequenced")]].concat(),
            );
            rig.expect_close(link);
        },
    );
}

/// udp.md 9: too many violations end a connection that somebody plays with; one does not.
#[test]
fn broken_datagrams_are_dropped_and_too_many_end_the_connection() {
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        rig.join(&["a"]);
        let (link, challenge) = (rig.link(), rig.server().udp().challenge());
        rig.forget();
        // A command that claims to be longer than it is, behind a good one.
        let mut broken = datagram::control(kind::PING, FLAG_RELIABLE, 0, 9);
        broken[7] = 99;
        let event = rig.event(5, &[(0, strings(&["b"])), (15, bools(&[true]))])[7..].to_vec();
        let bytes = datagram::of(challenge, [datagram::reliable(9, &event), broken]);
        for count in 1..=1_000 {
            rig.client
                .handle_link(rig.now, link, LinkInput::Received(&bytes));
            let stats = rig.client.stats().udp.expect("connected");
            assert_eq!(
                (
                    stats.dropped_datagrams.malformed,
                    u64::from(stats.violations)
                ),
                (count, count)
            );
        }
        rig.pump();
        rig.expect_nothing();
        rig.expect_flown(rig.now, &[]);
        rig.input(link, LinkInput::Received(&bytes));
        rig.expect(&error(1001));
        assert!(
            matches!(rig.error().1.kind, CauseKind::BadDatagrams(_)),
            "{:?}",
            rig.error()
        );
        rig.expect_close(link);
    });
}
