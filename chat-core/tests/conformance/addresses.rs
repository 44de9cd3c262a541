//! Several server addresses, which the client tries in order. chat.md 2.11 and 6.4.

use crate::harness::{APP_ID, APP_VERSION, End, Harness, Seen, TABLE};
use chat_core::{CauseKind, ChatConfig, KeyExchangeFailure, LinkErrorKind, Server, State, Step};

/// Runs a test over each row of the table, with three addresses.
fn each(test: impl Fn(Harness)) {
    for row in TABLE {
        let config = ChatConfig::new(
            ["one:1", "two:2", "three:3"].map(|address| row.address(address)),
            APP_ID,
            APP_VERSION,
        );
        test(Harness::on_row(row, row.configure(config)));
    }
}

const CONNECTING: Seen = Seen::State(State::ConnectingToNameServer);

#[test]
fn the_next_address_follows_a_failed_connect_without_an_event() {
    each(|mut harness| {
        harness.connect(Some("eu"));
        harness.expect(&[CONNECTING]);
        harness.expect_open("one", 1);
        harness.advance_ms(2_000);
        harness.fail(LinkErrorKind::Refused, "first");
        harness.expect(&[]);
        harness.expect_open("two", 2);
        harness.expect_no_command();
        assert_eq!(harness.client.state(), State::ConnectingToNameServer);
        // Each address has the full deadline.
        harness.expect_deadline_in_ms(15_000);
        harness.advance_ms(14_999);
        harness.expect_nothing();
        let second = harness.link();
        harness.advance_ms(1);
        harness.expect(&[]);
        harness.expect_close(second);
        harness.expect_open("three", 3);
        harness.expect_no_command();
        harness.expect_deadline_in_ms(15_000);
        harness.accept();
        harness.advance_ms(15_000);
        // The client reports the last error, with the others in its cause.
        harness.expect(&[Seen::State(State::Error), Seen::Error(3004)]);
        let (_, cause, message) = harness.error();
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
                (Server::NameServer, harness.row.never_opened().1)
            ]
        );
        assert_eq!(cause.earlier[0].text, "first");
        assert!(message.contains("first"), "{message}");
    });
}

/// Ends with ConnectFailed or Timeout, of every kind.
#[test]
fn connect_failures_and_timeouts_lead_to_the_next_address() {
    let ends: [fn(&mut Harness); 5] = [
        |harness| harness.fail(LinkErrorKind::Resolve, ""),
        |harness| harness.close(),
        |harness| harness.advance_ms(15_000),
        |harness| {
            harness.accept();
            harness.advance_ms(15_000);
        },
        |harness| {
            harness.accept();
            harness.send_init_response();
            let ms = harness.fall_silent();
            harness.advance_ms(ms);
            harness.answers = true;
        },
    ];
    for (index, end) in ends.into_iter().enumerate() {
        each(|mut harness| {
            if index == 4 && !harness.row.exchanges_keys() {
                // This is state 2 already, where the end of a connection is final: see below.
                return;
            }
            harness.connect(Some("eu"));
            harness.forget();
            end(&mut harness);
            harness.expect(&[]);
            assert_eq!(harness.server().target.to_string(), "two:2");
            // The region is still known.
            harness.handshake();
            harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
            assert_eq!(harness.server().requests.len(), 1);
        });
    }
}

#[test]
fn some_failures_end_the_attempt_without_trying_other_addresses() {
    let ends: [End; 4] = [
        (3001, |harness| harness.fail(LinkErrorKind::Io, "")),
        (3003, |harness| harness.close()),
        (3003, Harness::send_disconnect_or_close),
        (3005, |harness| {
            harness.send_init_response();
            let refusal = harness.server().key_answer(-1, None);
            harness.deliver(&refusal);
        }),
    ];
    for (code, end) in ends {
        each(|mut harness| {
            if code == 3005 && !harness.row.exchanges_keys() {
                return; // Without a key exchange none can fail.
            }
            harness.connect(Some("eu"));
            harness.fail(LinkErrorKind::Refused, "first");
            harness.accept();
            harness.forget();
            end(&mut harness);
            harness.expect(&[Seen::State(State::Error), Seen::Error(code)]);
            let (_, cause, _) = harness.error();
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

/// Once connected, the end of the connection is final, and the causes of other addresses are
/// dropped.
#[test]
fn no_other_address_is_tried_once_connected() {
    each(|mut harness| {
        harness.connect(None);
        harness.fail(LinkErrorKind::Refused, "first");
        harness.handshake();
        harness.forget();
        let ms = harness.fall_silent();
        harness.advance_ms(ms);
        harness.answers = true;
        harness.expect(&[Seen::State(State::Error), Seen::Error(3004)]);
        assert!(harness.error().1.earlier.is_empty());
        // The next attempt begins with the first address.
        harness.forget();
        harness.connect(None);
        harness.expect_open("one", 1);
        harness.fail(LinkErrorKind::Refused, "again");
        harness.expect_open("two", 2);
        harness.client.disconnect();
        harness.pump();
        harness.expect(&[CONNECTING, Seen::State(State::Disconnected)]);
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
}

/// The late end of the link to the previous address is ignored.
#[test]
fn the_link_to_the_previous_address_is_retired() {
    each(|mut harness| {
        harness.connect(None);
        let first = harness.link();
        harness.advance_ms(15_000);
        harness.forget();
        harness.client.handle_link(
            harness.now,
            first,
            chat_core::LinkInput::Opened { ipv6: false },
        );
        harness
            .client
            .handle_link(harness.now, first, chat_core::LinkInput::Closed);
        harness.pump();
        harness.expect_nothing();
        harness.handshake();
        harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
    });
}
