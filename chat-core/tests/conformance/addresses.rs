//! Several server addresses, tried in turn. chat.md 2.11 and 6.4.

use crate::rig::{APP_ID, APP_VERSION, End, Rig, Seen, TABLE};
use chat_core::{CauseKind, ChatConfig, KeyExchangeFailure, LinkErrorKind, Server, State, Step};

/// Runs a test over each row of the table, with three addresses.
fn each(test: impl Fn(Rig)) {
    for row in TABLE {
        let config = ChatConfig::new(
            ["one:1", "two:2", "three:3"].map(|address| row.address(address)),
            APP_ID,
            APP_VERSION,
        );
        test(Rig::over(row, row.speaking(config)));
    }
}

const CONNECTING: Seen = Seen::State(State::ConnectingToNameServer);

#[test]
fn the_next_address_follows_a_failed_connect_without_an_event() {
    each(|mut rig| {
        rig.connect(Some("eu"));
        rig.expect(&[CONNECTING]);
        rig.expect_open("one", 1);
        rig.advance_ms(2_000);
        rig.fail(LinkErrorKind::Refused, "first");
        rig.expect(&[]);
        rig.expect_open("two", 2);
        rig.expect_no_command();
        assert_eq!(rig.client.state(), State::ConnectingToNameServer);
        // Each has the whole deadline.
        rig.expect_deadline_in_ms(15_000);
        rig.advance_ms(14_999);
        rig.expect_nothing();
        let second = rig.link();
        rig.advance_ms(1);
        rig.expect(&[]);
        rig.expect_close(second);
        rig.expect_open("three", 3);
        rig.expect_no_command();
        rig.expect_deadline_in_ms(15_000);
        rig.accept();
        rig.advance_ms(15_000);
        // The last error is told, with the others in its cause.
        rig.expect(&[Seen::State(State::Error), Seen::Error(3004)]);
        let (_, cause, message) = rig.error();
        assert_eq!(
            (cause.server, cause.kind),
            (Server::NameServer, CauseKind::Deadline(Step::Connect))
        );
        let earlier: Vec<_> = cause
            .earlier
            .iter()
            .map(|cause| (cause.server, cause.kind))
            .collect();
        let refused = CauseKind::Link(LinkErrorKind::Refused);
        assert_eq!(
            earlier,
            [
                (Server::NameServer, refused),
                (Server::NameServer, rig.over.never_opened().1)
            ]
        );
        assert_eq!(cause.earlier[0].text, "first");
        assert!(message.contains("first"), "{message}");
    });
}

/// ConnectFailed and Timeout, of any kind.
#[test]
fn what_makes_the_client_try_the_next_address() {
    let ends: [fn(&mut Rig); 5] = [
        |rig| rig.fail(LinkErrorKind::Resolve, ""),
        |rig| rig.close(),
        |rig| rig.advance_ms(15_000),
        |rig| {
            rig.accept();
            rig.advance_ms(15_000);
        },
        |rig| {
            rig.accept();
            rig.greet();
            let ms = rig.fall_silent();
            rig.advance_ms(ms);
            rig.answers = true;
        },
    ];
    for (index, end) in ends.into_iter().enumerate() {
        each(|mut rig| {
            if index == 4 && !rig.over.exchanges_keys() {
                return; // That is state 2 already, and an end there is an end: see below.
            }
            rig.connect(Some("eu"));
            rig.forget();
            end(&mut rig);
            rig.expect(&[]);
            assert_eq!(rig.server().target.to_string(), "two:2");
            // And the region is still known.
            rig.handshake();
            rig.expect(&[Seen::State(State::ConnectedToNameServer)]);
            assert_eq!(rig.server().requests.len(), 1);
        });
    }
}

#[test]
fn what_ends_the_attempt_at_once() {
    let ends: [End; 4] = [
        (3001, |rig| rig.fail(LinkErrorKind::Io, "")),
        (3003, |rig| rig.close()),
        (3003, Rig::say_goodbye_or_close),
        (3005, |rig| {
            rig.greet();
            let refusal = rig.server().key_answer(-1, None);
            rig.deliver(&refusal);
        }),
    ];
    for (code, end) in ends {
        each(|mut rig| {
            if code == 3005 && !rig.over.exchanges_keys() {
                return; // There is no key exchange to fail.
            }
            rig.connect(Some("eu"));
            rig.fail(LinkErrorKind::Refused, "first");
            rig.accept();
            rig.forget();
            end(&mut rig);
            rig.expect(&[Seen::State(State::Error), Seen::Error(code)]);
            let (_, cause, _) = rig.error();
            assert_eq!(cause.earlier.len(), 1);
            if code == 3005 {
                assert_eq!(
                    cause.kind,
                    CauseKind::KeyExchange(KeyExchangeFailure::Refused)
                );
            }
        });
    }
}

/// Once connected, an end is an end, and what happened to other addresses is past.
#[test]
fn addresses_are_not_tried_any_more_once_connected() {
    each(|mut rig| {
        rig.connect(None);
        rig.fail(LinkErrorKind::Refused, "first");
        rig.handshake();
        rig.forget();
        let ms = rig.fall_silent();
        rig.advance_ms(ms);
        rig.answers = true;
        rig.expect(&[Seen::State(State::Error), Seen::Error(3004)]);
        assert!(rig.error().1.earlier.is_empty());
        // The next attempt begins with the first address.
        rig.forget();
        rig.connect(None);
        rig.expect_open("one", 1);
        rig.fail(LinkErrorKind::Refused, "again");
        rig.expect_open("two", 2);
        rig.client.disconnect();
        rig.pump();
        rig.expect(&[CONNECTING, Seen::State(State::Disconnected)]);
        rig.advance_ms(60_000);
        rig.expect(&[]);
    });
}

/// A late end of the address before is nobody's business.
#[test]
fn the_link_of_the_address_before_is_retired() {
    each(|mut rig| {
        rig.connect(None);
        let first = rig.link();
        rig.advance_ms(15_000);
        rig.forget();
        rig.client
            .handle_link(rig.now, first, chat_core::LinkInput::Opened { ipv6: false });
        rig.client
            .handle_link(rig.now, first, chat_core::LinkInput::Closed);
        rig.pump();
        rig.expect_nothing();
        rig.handshake();
        rig.expect(&[Seen::State(State::ConnectedToNameServer)]);
    });
}
