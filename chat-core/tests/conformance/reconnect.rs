//! The short way back to the front end: item 116. chat.md 2.10 and 6.2.

use crate::rig::{ALL_STATES, APP_ID, APP_VERSION, End, Rig, Seen, TOKEN, each};
use chat_core::{LinkErrorKind, LinkId, RequestError, State};

/// A client that has been on the front end of region eu, and has just begun the short way back.
fn reconnecting(rig: &mut Rig) {
    rig.go_to(State::Error);
    assert_eq!(rig.client.reconnect(), Ok(()));
    rig.pump();
    rig.expect(&[Seen::State(State::ConnectingToFrontEnd)]);
    rig.expect_open("fe.example", 5070);
    rig.expect_no_command();
}

/// The long way, begun by the client itself, to its end. The link to the front end may have been open.
#[track_caller]
fn goes_by_name_server(rig: &mut Rig, left: Option<LinkId>) {
    rig.expect(&[Seen::State(State::ConnectingToNameServer)]);
    match left {
        Some(left) => rig.expect_move(left, "ns.example", 4533),
        None => rig.expect_open("ns.example", 4533),
    };
    rig.expect_no_command();
    rig.handshake();
    rig.expect(&[Seen::State(State::ConnectedToNameServer)]);
    // With the region of the last login.
    rig.expect_request(
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
fn c116_reconnect_uses_the_token_and_goes_by_the_name_server_once() {
    for state in [State::Error, State::Disconnected] {
        each(|mut rig| {
            rig.go_to(state);
            assert_eq!(rig.client.reconnect(), Ok(()));
            assert_eq!(rig.client.state(), State::ConnectingToFrontEnd);
            rig.pump();
            rig.expect_open("fe.example", 5070);
            rig.expect_deadline_in_ms(15_000);
            rig.handshake();
            rig.expect_request(230, false, &[(221, TOKEN.into())]);
            rig.respond(230, 0, None, &[]);
            rig.expect(&[
                Seen::State(State::ConnectingToFrontEnd),
                Seen::State(State::ConnectedToFrontEnd),
            ]);
            rig.expect_nothing();
        });
    }
    for code in [32753, 32767] {
        each(|mut rig| {
            reconnecting(&mut rig);
            rig.handshake();
            rig.expect_request(230, false, &[(221, TOKEN.into())]);
            let link = rig.link();
            rig.respond(230, code, Some("expired"), &[]);
            goes_by_name_server(&mut rig, Some(link));
            // Once: what follows ends as usual.
            rig.accept_login();
            rig.handshake();
            rig.respond(230, code, Some("expired"), &[]);
            rig.expect(&[
                Seen::authenticated(""),
                Seen::State(State::ConnectingToFrontEnd),
                Seen::State(State::Error),
                Seen::Error(1101),
            ]);
            rig.forget();
            rig.advance_ms(60_000);
            rig.expect_nothing();
        });
    }
}

#[test]
fn a_front_end_that_cannot_be_reached_any_more_leads_by_the_name_server() {
    each(|mut rig| {
        reconnecting(&mut rig);
        rig.fail(LinkErrorKind::Refused, "gone");
        goes_by_name_server(&mut rig, None);
    });
    each(|mut rig| {
        reconnecting(&mut rig);
        let link = rig.link();
        rig.advance_ms(15_000);
        rig.expect_close(link);
        goes_by_name_server(&mut rig, None);
    });
    each(|mut rig| {
        reconnecting(&mut rig);
        let link = rig.link();
        rig.accept();
        rig.advance_ms(15_000);
        goes_by_name_server(&mut rig, Some(link));
        rig.close();
        rig.expect(&[Seen::State(State::Error), Seen::Error(3003)]);
    });
}

#[test]
fn other_ends_of_a_reconnect_are_ends() {
    let ends: [End; 4] = [
        (1001, |rig| rig.fail(LinkErrorKind::Io, "")),
        (1003, |rig| rig.close()),
        (1003, Rig::say_goodbye_or_close),
        (1101, |rig| {
            rig.greet();
            if rig.over.exchanges_keys() {
                rig.agree();
            }
            rig.respond(230, 32757, None, &[]);
        }),
    ];
    for (code, end) in ends {
        each(|mut rig| {
            reconnecting(&mut rig);
            rig.accept();
            end(&mut rig);
            rig.expect(&[Seen::State(State::Error), Seen::Error(code)]);
        });
    }
    // Once connected, an end does not lead anywhere either.
    each(|mut rig| {
        reconnecting(&mut rig);
        rig.handshake();
        rig.respond(230, 0, None, &[]);
        let ms = rig.fall_silent();
        rig.advance_ms(ms);
        rig.expect(&[
            Seen::State(State::ConnectedToFrontEnd),
            Seen::State(State::Error),
            Seen::Error(1004),
        ]);
    });
}

#[test]
fn reconnect_is_refused_where_there_is_no_way() {
    for state in ALL_STATES
        .into_iter()
        .filter(|state| !matches!(state, State::Error | State::Disconnected))
    {
        each(|mut rig| {
            rig.go_to(state);
            assert_eq!(
                rig.refused(chat_core::ChatClient::reconnect),
                RequestError::WrongState(state)
            );
        });
    }
    each(|mut rig| {
        rig.go_to(State::ConnectedToNameServer);
        rig.client.disconnect();
        rig.pump();
        assert_eq!(
            rig.refused(chat_core::ChatClient::reconnect),
            RequestError::NothingToReconnectTo
        );
    });
}

#[test]
fn another_user_does_not_come_back_with_the_token_of_the_one_before() {
    each(|mut rig| {
        rig.go_to(State::Disconnected);
        rig.client
            .set_user_id("somebody else")
            .expect("not connected");
        assert_eq!(
            rig.client.reconnect(),
            Err(RequestError::NothingToReconnectTo)
        );
    });
}
