//! What is recorded of an end: deliberate closes with unsent data, and the cause of a failed fast
//! path.

use crate::harness::{Harness, Seen, each, each_with};
use chat_core::{CauseKind, ChatConfig, LinkErrorKind, Server, State};

/// Ways in which a connection ends without a call of the application.
const UNWANTED: [fn(&mut Harness); 5] = [
    Harness::close,
    Harness::send_disconnect_or_close,
    |harness| harness.fail(LinkErrorKind::Reset, "reset"),
    |harness| harness.fail(LinkErrorKind::Io, "broken"),
    |harness| {
        // Over datagrams the client has to send before it misses an acknowledgement.
        let ms = harness.fall_silent();
        harness.writable = harness.row.is_datagrams();
        harness.pump();
        harness.advance_ms(ms + 60_000);
    },
];

#[track_caller]
fn expect_closed_with_unsent_data(harness: &mut Harness, expected: u64) {
    harness.advance_ms(60_000);
    let stats = harness.client.stats();
    assert_eq!(stats.closed_with_unsent_data, expected);
}

/// A client on the front end whose accepted message the socket does not take.
fn with_unsent_message(harness: &mut Harness) {
    harness.answers = true;
    harness.writable = true;
    harness.go_to(State::ConnectedToFrontEnd);
    harness.writable = false;
    harness.publish("a", "unsent");
    harness.pump();
}

#[test]
fn sound19_ends_that_nobody_wanted_are_no_closes_with_unsent_data() {
    each(|mut harness| {
        // A second round finds what the first one left.
        for end in UNWANTED.into_iter().chain(UNWANTED) {
            with_unsent_message(&mut harness);
            end(&mut harness);
            assert_eq!(harness.client.state(), State::Error);
            expect_closed_with_unsent_data(&mut harness, 0);
        }
        // Over datagrams the message is sent, and the server does not acknowledge it.
        harness.answers = true;
        harness.writable = true;
        harness.go_to(State::ConnectedToFrontEnd);
        harness.answers = false;
        harness.publish("a", "unacknowledged");
        harness.pump();
        harness.fail(LinkErrorKind::Io, "broken");
        expect_closed_with_unsent_data(&mut harness, 0);
    });
}

#[test]
fn sound19_a_refused_login_is_no_close_with_unsent_data() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        harness.choose_region();
        harness.writable = false;
        harness.advance_ms(3_500);
        harness.respond(230, 32767, Some("no"), &[]);
        assert_eq!(harness.client.state(), State::Error);
        expect_closed_with_unsent_data(&mut harness, 0);
    });
}

#[test]
fn sound19_each_deliberate_close_with_unsent_data_counts_once() {
    let ends: [fn(&mut Harness); 2] = [
        |_| {},
        // The server, or the network, ends the connection while the client still sends.
        |harness| harness.fail(LinkErrorKind::Reset, "reset"),
    ];
    for end in ends {
        each(|mut harness| {
            for closes in 1..=3 {
                with_unsent_message(&mut harness);
                harness.client.disconnect();
                harness.pump();
                end(&mut harness);
                expect_closed_with_unsent_data(&mut harness, closes);
            }
            // Everything was sent, and over datagrams acknowledged.
            harness.writable = true;
            harness.go_to(State::ConnectedToFrontEnd);
            harness.publish("a", "sent");
            harness.client.disconnect();
            harness.pump();
            expect_closed_with_unsent_data(&mut harness, 3);
            // An unwanted end between them does not count either.
            with_unsent_message(&mut harness);
            harness.fail(LinkErrorKind::Reset, "reset");
            expect_closed_with_unsent_data(&mut harness, 3);
        });
    }
}

/// How the front end, tried directly, fails, and the recorded kind, code and text.
type FastPath = (fn(&mut Harness), CauseKind, Option<i16>, &'static str);

const FAST_PATHS: [FastPath; 2] = [
    (
        |harness| harness.fail(LinkErrorKind::Refused, "no front end"),
        CauseKind::Link(LinkErrorKind::Refused),
        None,
        "no front end",
    ),
    (
        |harness| {
            harness.handshake();
            harness.respond(230, 32753, Some("expired"), &[]);
        },
        CauseKind::AuthenticationRefused,
        Some(32753),
        "expired",
    ),
];

fn two_name_servers(harness: &Harness) -> impl Fn(ChatConfig) -> ChatConfig + use<> {
    let row = harness.row;
    move |_| {
        let addresses = ["ns.example:4533", "ns2.example:4533"].map(|host| row.address(host));
        let config = ChatConfig::new(addresses, crate::harness::APP_ID, "1.0");
        row.configure(config)
    }
}

#[test]
fn sound19_the_cause_of_a_failed_fast_path_is_kept() {
    for (fail, kind, code, text) in FAST_PATHS {
        each_with(
            |config| config,
            |harness| {
                let config = two_name_servers(&harness)(harness.row.config());
                let mut harness = Harness::on_row(harness.row, config);
                for state in [State::Disconnected, State::Error] {
                    harness.go_to(state);
                    assert_eq!(harness.client.reconnect(), Ok(()));
                    harness.pump();
                    fail(&mut harness);
                    assert_eq!(harness.client.state(), State::ConnectingToNameServer);
                    harness.fail(LinkErrorKind::Resolve, "first name server");
                    harness.fail(LinkErrorKind::Unreachable, "second name server");
                    let events = harness.take_events();
                    let errors: Vec<Seen> = events
                        .iter()
                        .map(Seen::from)
                        .filter(|seen| matches!(seen, Seen::Error(_)))
                        .collect();
                    assert_eq!(errors, [Seen::Error(3002)]);

                    let (_, cause, _) = harness.error();
                    assert_eq!(cause.server, Server::NameServer);
                    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Unreachable));
                    let [front_end, first] = &cause.earlier[..] else {
                        panic!("{:?}", cause.earlier)
                    };
                    assert_eq!(
                        (front_end.server, front_end.kind, front_end.return_code),
                        (Server::FrontEnd, kind, code)
                    );
                    assert_eq!(front_end.text, text);
                    assert_eq!(
                        (first.server, first.kind),
                        (Server::NameServer, CauseKind::Link(LinkErrorKind::Resolve))
                    );
                    harness.forget();
                }
                // The next connection starts without them.
                harness.go_to(State::ConnectingToNameServer);
                harness.fail(LinkErrorKind::Refused, "");
                harness.fail(LinkErrorKind::Refused, "");
                assert_eq!(harness.error().1.earlier.len(), 1);
            },
        );
    }
}
