//! Status, friends and error texts: items 98 to 105 and 109.

use crate::harness::{ALL_STATES, Call, Harness, Seen, each, objects, strings};
use chat_core::{Encode, RequestError, State, StatusChange, StatusMessage, UserStatus, Value};
use photon_proto::{EncodeError, ValueWriter, Written};

fn on_front_end(test: impl Fn(Harness)) {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        test(harness);
    });
}

/// Sets a status, and checks the request.
#[track_caller]
fn sent_of(status: UserStatus, message: StatusMessage<'_>, expected: &[(u8, Value)]) {
    on_front_end(|mut harness| {
        assert_eq!(harness.client.set_user_status(status, message), Ok(()));
        harness.pump();
        harness.expect_request(5, false, expected);
        // The caller gets no event.
        harness.expect_nothing();
    });
}

/// Event 4.
fn update(user: &str, status: i32, message: Option<Value>) -> Vec<(u8, Value)> {
    let mut event = vec![(5, user.into()), (10, Value::Int(status))];
    event.extend(message.map(|message| (3, message)));
    event
}

#[test]
fn c098_a_status_with_a_message_sends_both() {
    sent_of(
        UserStatus::ONLINE,
        StatusMessage::Set("hi"),
        &[(10, Value::Int(2)), (3, "hi".into())],
    );
    for (status, number, name) in [
        (UserStatus::OFFLINE, 0, "Offline"),
        (UserStatus::INVISIBLE, 1, "Invisible"),
        (UserStatus::ONLINE, 2, "Online"),
        (UserStatus::AWAY, 3, "Away"),
        (UserStatus::DND, 4, "Dnd"),
        (UserStatus::LFG, 5, "Lfg"),
        (UserStatus::PLAYING, 6, "Playing"),
        (UserStatus::new(7), 7, "Custom"),
    ] {
        assert_eq!(status.name(), name);
        sent_of(
            status,
            StatusMessage::Set("hi"),
            &[(10, Value::Int(number)), (3, "hi".into())],
        );
    }
    // Any number, and any content. chat.md 3.6
    for status in [0, 1, 6, 7, -1, i32::MAX] {
        let content = objects(&["x".into(), Value::Null]);
        sent_of(
            status.into(),
            StatusMessage::SetValue(&content),
            &[(10, Value::Int(status)), (3, content.clone())],
        );
    }
}

#[test]
fn c099_a_status_without_message_sends_null() {
    let cleared = [(10, Value::Int(2)), (3, Value::Null)];
    sent_of(UserStatus::ONLINE, StatusMessage::Clear, &cleared);
    sent_of(
        UserStatus::ONLINE,
        StatusMessage::SetValue(&Value::Null),
        &cleared,
    );
}

#[test]
fn c100_a_status_that_keeps_its_message_sends_the_skip_flag_instead() {
    sent_of(
        UserStatus::ONLINE,
        StatusMessage::Keep,
        &[(10, Value::Int(2)), (12, Value::Bool(true))],
    );
    sent_of(
        UserStatus::OFFLINE,
        StatusMessage::Keep,
        &[(10, Value::Int(0)), (12, Value::Bool(true))],
    );
}

#[test]
fn c101_event_4_without_message_keeps_the_message() {
    on_front_end(|mut harness| {
        harness.raise(4, &update("bob", 3, None));
        harness.expect(&[Seen::status("bob", 3, StatusChange::Kept)]);
        harness.expect_nothing();
    });
}

#[test]
fn c102_event_4_with_null_clears_the_message() {
    on_front_end(|mut harness| {
        harness.raise(4, &update("bob", 0, Some(Value::Null)));
        harness.expect(&[Seen::status("bob", 0, StatusChange::Cleared)]);
    });
}

#[test]
fn c103_event_4_with_a_message_sets_it() {
    on_front_end(|mut harness| {
        for message in [
            "x".into(),
            "".into(),
            Value::Int(7),
            objects(&[Value::Null]),
        ] {
            harness.raise(4, &update("bob", 42, Some(message.clone())));
            harness.expect(&[Seen::status(
                "bob",
                42,
                StatusChange::Set(Box::new(message)),
            )]);
        }
    });
}

#[test]
fn c104_friends_are_sent_as_a_list() {
    on_front_end(|mut harness| {
        assert_eq!(harness.client.add_friends(["a"]), Ok(()));
        harness.pump();
        harness.expect_request(6, false, &[(11, strings(&["a"]))]);
        assert_eq!(harness.client.remove_friends(["a", "b"]), Ok(()));
        harness.pump();
        harness.expect_request(7, false, &[(11, strings(&["a", "b"]))]);
        harness.expect_nothing();
        let most: Vec<String> = (0..1024).map(|number| number.to_string()).collect();
        assert_eq!(harness.client.add_friends(&most), Ok(()));
        assert_eq!(harness.client.remove_friends(&most), Ok(()));
        harness.pump();
        let sent: Vec<u8> = harness
            .server()
            .requests
            .iter()
            .map(|sent| sent.code)
            .collect();
        assert_eq!(sent, [6, 7]);
    });
}

#[test]
fn c105_empty_and_overlong_lists_of_friends_are_rejected() {
    on_front_end(|mut harness| {
        let none: [&str; 0] = [];
        for list in [&none[..], &[""], &["a", ""]] {
            let error = harness.refused(|client| client.add_friends(list));
            assert!(matches!(error, RequestError::Empty(_)), "{error:?}");
            let error = harness.refused(|client| client.remove_friends(list));
            assert!(matches!(error, RequestError::Empty(_)), "{error:?}");
        }
        let many: Vec<String> = (0..1025).map(|number| number.to_string()).collect();
        let error = harness.refused(|client| client.add_friends(&many));
        assert!(
            matches!(error, RequestError::TooMany { max: 1024, .. }),
            "{error:?}"
        );
        let error = harness.refused(|client| client.remove_friends(&many));
        assert!(
            matches!(error, RequestError::TooMany { max: 1024, .. }),
            "{error:?}"
        );
        harness.expect_nothing();
    });
}

#[test]
fn c109_event_10_reports_channel_text_and_data() {
    let (channel, message, data) = (
        Value::from("a"),
        Value::from("hook failed"),
        objects(&[Value::Int(7)]),
    );
    on_front_end(|mut harness| {
        harness.raise(
            10,
            &[
                (1, channel.clone()),
                (17, message.clone()),
                (24, data.clone()),
            ],
        );
        harness.expect(&[Seen::ErrorInfo {
            channel: Some("a".into()),
            message: Some("hook failed".into()),
            data: Some(data.clone()),
        }]);
        // chat.md 4.8: missing parameters are `None`.
        harness.raise(10, &[(17, message.clone())]);
        harness.expect(&[Seen::ErrorInfo {
            channel: None,
            message: Some("hook failed".into()),
            data: None,
        }]);
        harness.raise(10, &[(24, Value::Null)]);
        harness.expect(&[Seen::ErrorInfo {
            channel: None,
            message: None,
            data: None,
        }]);
        harness.expect_nothing();
    });
}

/// A value that no protocol can encode.
struct Unencodable;

impl Encode for Unencodable {
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        out.str(&"x".repeat(32_768))
    }
}

/// chat.md 3 and 6.2: rejected in any state but 4, and for a message that cannot be encoded.
#[test]
fn status_and_friends_are_rejected_in_other_states() {
    let calls: [Call; 3] = [
        |client| client.set_user_status(2, StatusMessage::Clear),
        |client| client.add_friends(["a"]),
        |client| client.remove_friends(["a"]),
    ];
    for state in ALL_STATES
        .into_iter()
        .filter(|&state| state != State::ConnectedToFrontEnd)
    {
        each(|mut harness| {
            harness.go_to(state);
            for call in calls {
                assert_eq!(harness.refused(call), RequestError::WrongState(state));
            }
            harness.expect_nothing();
        });
    }
    on_front_end(|mut harness| {
        let error = harness
            .refused(|client| client.set_user_status(2, StatusMessage::SetValue(&Unencodable)));
        assert!(matches!(error, RequestError::Unencodable(_)), "{error:?}");
    });
}
