//! Reconnecting directly to the front end: item 116. chat.md 2.10 and 6.2.

use crate::harness::{ALL_STATES, APP_ID, APP_VERSION, End, Harness, Seen, TOKEN, each};
use chat_core::{LinkErrorKind, LinkId, RequestError, State};

/// A client that was on the front end of region eu, and has just called `reconnect`.
fn reconnecting(harness: &mut Harness) {
    harness.go_to(State::Error);
    assert_eq!(harness.client.reconnect(), Ok(()));
    harness.pump();
    harness.expect(&[Seen::State(State::ConnectingToFrontEnd)]);
    harness.expect_open("fe.example", 5070);
    harness.expect_no_command();
}

/// Follows the client's own fallback to the name server until it is connected. The link to the
/// front end may have been open.
#[track_caller]
fn goes_by_name_server(harness: &mut Harness, left: Option<LinkId>) {
    harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
    match left {
        Some(left) => harness.expect_move(left, "ns.example", 4533),
        None => harness.expect_open("ns.example", 4533),
    };
    harness.expect_no_command();
    harness.handshake();
    harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
    // The login uses the region of the last one.
    harness.expect_request(
        230,
        true,
        &[
            (224, APP_ID.into()),
            (220, APP_VERSION.into()),
            (210, "eu".into()),
        ],
    );
}

#[test]
fn c116_reconnect_uses_the_token_and_falls_back_to_the_name_server_once() {
    for state in [State::Error, State::Disconnected] {
        each(|mut harness| {
            harness.go_to(state);
            assert_eq!(harness.client.reconnect(), Ok(()));
            assert_eq!(harness.client.state(), State::ConnectingToFrontEnd);
            harness.pump();
            harness.expect_open("fe.example", 5070);
            harness.expect_deadline_in_ms(15_000);
            harness.handshake();
            harness.expect_request(230, false, &[(221, TOKEN.into())]);
            harness.respond(230, 0, None, &[]);
            harness.expect(&[
                Seen::State(State::ConnectingToFrontEnd),
                Seen::State(State::ConnectedToFrontEnd),
            ]);
            harness.expect_nothing();
        });
    }
    for code in [32753, 32767] {
        each(|mut harness| {
            reconnecting(&mut harness);
            harness.handshake();
            harness.expect_request(230, false, &[(221, TOKEN.into())]);
            let link = harness.link();
            harness.respond(230, code, Some("expired"), &[]);
            goes_by_name_server(&mut harness, Some(link));
            // Only once: another failure ends as usual.
            harness.accept_login();
            harness.handshake();
            harness.respond(230, code, Some("expired"), &[]);
            harness.expect(&[
                Seen::authenticated(""),
                Seen::State(State::ConnectingToFrontEnd),
                Seen::State(State::Error),
                Seen::Error(1101),
            ]);
            harness.forget();
            harness.advance_ms(60_000);
            harness.expect_nothing();
        });
    }
}

#[test]
fn reconnect_goes_to_the_name_server_if_the_front_end_is_unreachable() {
    each(|mut harness| {
        reconnecting(&mut harness);
        harness.fail(LinkErrorKind::Refused, "gone");
        goes_by_name_server(&mut harness, None);
    });
    each(|mut harness| {
        reconnecting(&mut harness);
        let link = harness.link();
        harness.advance_ms(15_000);
        harness.expect_close(link);
        goes_by_name_server(&mut harness, None);
    });
    each(|mut harness| {
        reconnecting(&mut harness);
        let link = harness.link();
        harness.accept();
        harness.advance_ms(15_000);
        goes_by_name_server(&mut harness, Some(link));
        harness.close();
        harness.expect(&[Seen::State(State::Error), Seen::Error(3003)]);
    });
}

#[test]
fn other_failures_of_a_reconnect_end_the_connection() {
    let ends: [End; 4] = [
        (1001, |harness| harness.fail(LinkErrorKind::Io, "")),
        (1003, |harness| harness.close()),
        (1003, Harness::send_disconnect_or_close),
        (1101, |harness| {
            harness.send_init_response();
            if harness.row.exchanges_keys() {
                harness.send_key_response();
            }
            harness.respond(230, 32757, None, &[]);
        }),
    ];
    for (code, end) in ends {
        each(|mut harness| {
            reconnecting(&mut harness);
            harness.accept();
            end(&mut harness);
            harness.expect(&[Seen::State(State::Error), Seen::Error(code)]);
        });
    }
    // Once connected, the end of a connection does not fall back either.
    each(|mut harness| {
        reconnecting(&mut harness);
        harness.handshake();
        harness.respond(230, 0, None, &[]);
        let ms = harness.fall_silent();
        harness.advance_ms(ms);
        harness.expect(&[
            Seen::State(State::ConnectedToFrontEnd),
            Seen::State(State::Error),
            Seen::Error(1004),
        ]);
    });
}

#[test]
fn reconnect_is_rejected_in_the_wrong_states() {
    for state in ALL_STATES
        .into_iter()
        .filter(|state| !matches!(state, State::Error | State::Disconnected))
    {
        each(|mut harness| {
            harness.go_to(state);
            assert_eq!(
                harness.refused(chat_core::ChatClient::reconnect),
                RequestError::WrongState(state)
            );
        });
    }
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        harness.client.disconnect();
        harness.pump();
        assert_eq!(
            harness.refused(chat_core::ChatClient::reconnect),
            RequestError::NothingToReconnectTo
        );
    });
}

#[test]
fn another_user_does_not_reconnect_with_the_token_of_the_previous_user() {
    each(|mut harness| {
        harness.go_to(State::Disconnected);
        harness
            .client
            .set_user_id("somebody else")
            .expect("not connected");
        assert_eq!(
            harness.client.reconnect(),
            Err(RequestError::NothingToReconnectTo)
        );
    });
}
