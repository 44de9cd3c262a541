use crate::error::{RegionsError, ServerError};
use crate::event::{
    Authenticated, BadMessage, ChannelOutcome, ErrorInfo, Event, MessageToken, Outcome,
    PropertiesChange, Region, RequestId, StatusChange, SubscriberChange,
};
use crate::link::LinkErrorKind;
use crate::messages::{
    Content, Messages, MessagesBuilder, OwnedContent, OwnedMessage, PrivateMessage,
};
use crate::restore::continuity::{Fingerprint, Recent};
use crate::restore::{
    Kept, KeptChannel, KeptConversation, KeptOptions, WantedMessage, WantedStatus,
};
use crate::state::{
    CauseKind, DisconnectCause, DisconnectReason, KeyExchangeFailure, PeerErrorCode, Server, State,
    Step,
};
use crate::status::UserStatus;
use ::serde::Deserialize;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;
use photon_proto::{
    DecodeError, DecodeErrorKind, FromValueErrorKind, Hashtable, Limits, Protocol, Text, Timestamp,
    Value, to_value,
};
use serde_json::{Value as Json, json};

const BROKEN: DecodeError = DecodeError::new(DecodeErrorKind::Truncated, 7, "length");

fn refusal() -> ServerError {
    ServerError {
        operation: 220,
        code: 32767,
        message: "no".into(),
    }
}

fn refusal_json() -> Json {
    json!({"operation": 220, "code": {"name": "InvalidAuthentication", "code": 32767}, "message": "no"})
}

fn outcome(outcome: Outcome, request: Option<u64>) -> ChannelOutcome {
    ChannelOutcome {
        channel: "lobby".into(),
        outcome,
        request: request.map(RequestId),
    }
}

fn cause() -> DisconnectCause {
    let mut cause = DisconnectCause::new(Server::FrontEnd, CauseKind::ServerDisconnect);
    cause.return_code = Some(-3);
    cause.text = "go".into();
    cause.unsent_messages = 2;
    cause.earlier = vec![DisconnectCause::new(
        Server::NameServer,
        CauseKind::Link(LinkErrorKind::Refused),
    )];
    cause
}

fn cause_json() -> Json {
    json!({
        "server": "FrontEnd", "kind": {"name": "ServerDisconnect"},
        "return_code": {"name": "OperationNotAllowedInCurrentState", "code": -3}, "text": "go",
        "earlier": [{
            "server": "NameServer", "kind": {"name": "Link", "link": "Refused"}, "return_code": null,
            "text": "", "earlier": [], "unsent_messages": 0,
        }],
        "unsent_messages": 2,
    })
}

/// Every event that needs no received message, and its form.
fn events() -> Vec<(Event, Json)> {
    let int = |number: i32| json!({"t": "int", "v": number});
    let properties = vec![(Value::from("mood"), Value::Int(1))];
    let properties_json = json!([[{"t": "string", "v": "mood"}, int(1)]]);
    let change = SubscriberChange {
        channel: "lobby".into(),
        user: "bob".into(),
        properties: properties.clone(),
    };
    let change_json = |event| json!({"event": event, "channel": "lobby", "user": "bob", "properties": properties_json});
    vec![
        (
            Event::StateChanged {
                from: State::ConnectingToFrontEnd,
                to: State::Error,
            },
            json!({"event": "StateChanged", "from": {"name": "ConnectingToFrontEnd", "code": 3},
                "to": {"name": "Error", "code": -1}}),
        ),
        (
            Event::Error {
                code: PeerErrorCode::FrontEndTimeout,
                cause: Box::new(cause()),
                message: "as text".into(),
            },
            json!({"event": "Error", "code": {"name": "FrontEndTimeout", "code": 1004},
                "cause": cause_json(), "message": "as text"}),
        ),
        (
            Event::RegionsResult(Ok(vec![Region {
                code: "eu".into(),
                address: "h:1".into(),
            }])),
            json!({"event": "RegionsResult", "code": {"name": "Ok", "code": 0},
                "regions": [{"code": "eu", "address": "h:1"}], "message": ""}),
        ),
        (
            Event::RegionsResult(Err(RegionsError::TimedOut)),
            json!({"event": "RegionsResult", "code": {"name": "TimedOut", "code": 3004}, "regions": [],
                "message": RegionsError::TimedOut.to_string()}),
        ),
        (
            Event::RegionsResult(Err(RegionsError::Server(refusal()))),
            json!({"event": "RegionsResult", "code": {"name": "InvalidAuthentication", "code": 32767},
                "regions": [], "message": refusal().to_string()}),
        ),
        (
            Event::Authenticated(Box::new(Authenticated {
                user_id: "me".into(),
                nickname: None,
                data: Some(Value::Int(1)),
            })),
            json!({"event": "Authenticated", "user_id": "me", "nickname": null, "data": int(1)}),
        ),
        (
            Event::SubscribeResult(vec![
                outcome(Outcome::Done, Some(3)),
                outcome(Outcome::Failed(Box::new(refusal())), None),
            ]),
            json!({"event": "SubscribeResult", "channels": [
                {"channel": "lobby", "outcome": "Done", "error": null, "request": 3},
                {"channel": "lobby", "outcome": "Failed", "error": refusal_json(), "request": null},
            ]}),
        ),
        (
            Event::UnsubscribeResult(vec![
                outcome(Outcome::Refused, None),
                outcome(Outcome::TimedOut, None),
            ]),
            json!({"event": "UnsubscribeResult", "channels": [
                {"channel": "lobby", "outcome": "Refused", "error": null, "request": null},
                {"channel": "lobby", "outcome": "TimedOut", "error": null, "request": null},
            ]}),
        ),
        (
            Event::ConversationForgotten { user: "bob".into() },
            json!({"event": "ConversationForgotten", "user": "bob"}),
        ),
        (
            Event::UserStatusUpdate {
                user: "bob".into(),
                status: UserStatus::AWAY,
                message: StatusChange::Set(Box::new(Value::Int(1))),
            },
            json!({"event": "UserStatusUpdate", "user": "bob", "status": {"name": "Away", "code": 3},
                "message": {"name": "Set", "value": int(1)}}),
        ),
        (
            Event::UserStatusUpdate {
                user: "bob".into(),
                status: UserStatus::new(77),
                message: StatusChange::Kept,
            },
            json!({"event": "UserStatusUpdate", "user": "bob", "status": {"name": "Custom", "code": 77},
                "message": {"name": "Kept"}}),
        ),
        (
            Event::UserSubscribed(Box::new(change.clone())),
            change_json("UserSubscribed"),
        ),
        (
            Event::UserUnsubscribed(Box::new(change)),
            change_json("UserUnsubscribed"),
        ),
        (
            Event::PropertiesChanged(Box::new(PropertiesChange {
                channel: "lobby".into(),
                user: None,
                by: "bob".into(),
                properties,
            })),
            json!({"event": "PropertiesChanged", "channel": "lobby", "user": null, "by": "bob",
                "properties": properties_json}),
        ),
        (
            Event::ErrorInfo(Box::new(ErrorInfo {
                channel: Some("lobby".into()),
                message: None,
                data: Some(Value::Null),
            })),
            json!({"event": "ErrorInfo", "channel": "lobby", "message": null, "data": {"t": "null"}}),
        ),
        (
            Event::OperationResponse {
                operation: 2,
                return_code: 12345,
                message: Text::EMPTY,
                parameters: None,
            },
            json!({"event": "OperationResponse", "operation": 2,
                "return_code": {"name": null, "code": 12345}, "message": "", "parameters": []}),
        ),
        (
            Event::Other {
                code: 99,
                parameters: vec![(5, Value::Null)],
            },
            json!({"event": "Other", "code": 99, "parameters": [[5, {"t": "null"}]]}),
        ),
        (
            Event::Gap {
                channel: "lobby".into(),
                after: 4,
                missing: None,
                verified: false,
                new_life: true,
            },
            json!({"event": "Gap", "channel": "lobby", "after": 4, "missing": null, "verified": false,
                "new_life": true}),
        ),
        (
            Event::ReconnectScheduled {
                attempt: 1,
                after: Duration::from_millis(1500),
            },
            json!({"event": "ReconnectScheduled", "attempt": 1, "after_ms": 1500}),
        ),
        (
            Event::Restored {
                channels: 2,
                failed: vec![outcome(Outcome::ConnectionLost, None)],
            },
            json!({"event": "Restored", "channels": 2, "failed": [
                {"channel": "lobby", "outcome": "ConnectionLost", "error": null, "request": null}]}),
        ),
        (
            Event::ReconnectGaveUp {
                cause: Box::new(cause()),
            },
            json!({"event": "ReconnectGaveUp", "cause": cause_json()}),
        ),
        (
            Event::CredentialsNeeded,
            json!({"event": "CredentialsNeeded"}),
        ),
        (
            Event::MessageSent {
                token: MessageToken(7),
                id: 12,
            },
            json!({"event": "MessageSent", "token": 7, "id": 12}),
        ),
        (
            Event::MessageRefused {
                token: MessageToken(7),
                error: Box::new(refusal()),
                guess: true,
            },
            json!({"event": "MessageRefused", "token": 7, "error": refusal_json(), "guess": true}),
        ),
        (
            Event::MessageUnconfirmed {
                token: MessageToken(7),
            },
            json!({"event": "MessageUnconfirmed", "token": 7}),
        ),
        (
            Event::BadMessage(Box::new(BadMessage {
                error: BROKEN,
                bytes: Bytes::from_static(&[0xF3, 4]),
            })),
            json!({"event": "BadMessage", "error": {"kind": "Truncated", "offset": 7, "field": "length"},
                "bytes": {"t": "bytes", "hex": "f304"}}),
        ),
    ]
}

#[test]
fn every_event_has_the_documented_form() {
    for (event, expected) in events() {
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json, expected);
        let line = serde_json::to_string(&event).unwrap();
        let begin = alloc::format!("{{\"event\":\"{}\"", event.name());
        assert!(line.starts_with(&begin), "{line}");
    }
}

fn received(texts: &[&str], last_id: i32) -> Messages {
    let mut builder = MessagesBuilder::default();
    for _ in texts {
        builder.sender_text(b"bob");
    }
    for text in texts {
        builder.content_text(text.as_bytes());
    }
    builder
        .finish(Timestamp::ZERO, Some(last_id), None)
        .unwrap()
}

#[test]
fn events_with_messages_have_the_documented_form() {
    let line =
        |text: &str, id| json!({"sender": "bob", "content": {"t": "string", "v": text}, "id": id});
    let event = Event::ChatMessages {
        channel: "lobby".into(),
        messages: received(&["a", "b"], 2),
    };
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        json!({"event": "ChatMessages", "channel": "lobby", "messages": [line("a", 1), line("b", 2)],
            "origin": "Live"})
    );
    let event = Event::PrivateMessage {
        channel: "bob".into(),
        message: PrivateMessage::new(received(&["c"], 3)),
    };
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        json!({"event": "PrivateMessage", "channel": "bob", "message": line("c", 3)})
    );
}

#[test]
fn messages_have_the_documented_form() {
    let message = |content| OwnedMessage {
        sender: "bob".into(),
        content,
        id: Some(3),
        received: Timestamp::ZERO,
    };
    for (content, expected) in [
        (
            OwnedContent::Text("hi".into()),
            json!({"t": "string", "v": "hi"}),
        ),
        (
            OwnedContent::Value(Value::Short(1)),
            json!({"t": "short", "v": 1}),
        ),
        (
            OwnedContent::Undecodable {
                error: BROKEN,
                bytes: Bytes::from_static(&[1]),
            },
            json!({"t": "undecodable", "v": "\u{fffd}",
                "error": {"kind": "Truncated", "offset": 7, "field": "length"},
                "bytes": {"t": "bytes", "hex": "01"}}),
        ),
    ] {
        assert_eq!(
            serde_json::to_value(message(content)).unwrap(),
            json!({"sender": "bob", "content": expected, "id": 3})
        );
    }
}

#[test]
fn every_kind_of_cause_has_a_name() {
    for (kind, expected) in [
        (CauseKind::NeverOpened, json!({"name": "NeverOpened"})),
        (
            CauseKind::BadStream(BROKEN),
            json!({"name": "BadStream", "error": {"kind": "Truncated", "offset": 7, "field": "length"}}),
        ),
        (
            CauseKind::DisconnectCommand(DisconnectReason::Other(9)),
            json!({"name": "DisconnectCommand", "reason": {"name": "Other", "code": 9}}),
        ),
        (
            CauseKind::Silent {
                elapsed: Duration::from_secs(10),
            },
            json!({"name": "Silent", "for_ms": 10_000}),
        ),
        (
            CauseKind::Slept {
                elapsed: Duration::from_secs(40),
            },
            json!({"name": "Slept", "for_ms": 40_000}),
        ),
        (
            CauseKind::Deadline(Step::Authenticate),
            json!({"name": "Deadline", "step": "Authenticate"}),
        ),
        (
            CauseKind::KeyExchange(KeyExchangeFailure::BadKey),
            json!({"name": "KeyExchange", "failure": "BadKey"}),
        ),
        (
            CauseKind::BadDatagrams(photon_proto::udp::Violation::TooMany(3)),
            json!({"name": "BadDatagrams", "error": "3 violations of the protocol"}),
        ),
    ] {
        assert_eq!(serde_json::to_value(kind).unwrap(), expected);
    }
}

#[derive(Debug, PartialEq, Deserialize, ::serde::Serialize)]
struct Move {
    piece: String,
    to: (u8, u8),
}

#[test]
fn a_content_is_read_into_a_type_of_the_application() {
    let step = Move {
        piece: "rook".into(),
        to: (1, 8),
    };
    let value = to_value(&step).unwrap();
    assert_eq!(
        value,
        Value::Hashtable(Hashtable::from_iter([
            ("piece", Value::from("rook")),
            ("to", Value::from(vec![1u8, 8])),
        ]))
    );
    assert_eq!(Content::Value(&value).to(), Ok(step));
    assert_eq!(Content::Text("a").to::<&str>(), Ok("a"));
    assert_eq!(Content::Text("a").to::<Value>(), Ok(Value::from("a")));
    let owned = OwnedContent::Value(Value::Int(5));
    assert_eq!(owned.to::<u64>(), Ok(5));
    let undecodable = Content::Undecodable {
        error: &BROKEN,
        bytes: &[],
    };
    assert_eq!(
        undecodable.to::<Move>().unwrap_err().kind,
        FromValueErrorKind::Undecodable(BROKEN)
    );
}

fn kept() -> Kept {
    let mut recent = Recent::default();
    for id in 5..=7 {
        let print = Fingerprint {
            sender: id as u32,
            text: 0xFFFF_FFF0 + id as u32,
        };
        recent.note(id, print);
    }
    let channel = |name: &str, position, recent, wanted| KeptChannel {
        name: name.into(),
        position,
        recent,
        wanted,
    };
    let options = KeptOptions {
        history: -1,
        last_id: 3,
        max_subscribers: 5,
        publish_subscribers: true,
        or_plain: true,
        is_new: false,
    };
    Kept {
        app_id: "app".into(),
        app_version: "1.0".into(),
        region: "eu".into(),
        user_id: "me".into(),
        keys: [9; 16],
        channels: vec![
            channel("lobby", 7, recent, Some(options)),
            channel("team", 0, Recent::default(), None),
        ],
        leaving: vec!["lounge".into()],
        friends: vec!["bob".into()],
        former_friends: vec!["carol".into()],
        status_is_unsent: true,
        conversations: vec![
            KeptConversation {
                name: "bob".into(),
                seen: vec![(1, Fingerprint::ANY), (-7, recent.get(6))],
            },
            KeptConversation {
                name: "carol".into(),
                seen: vec![(9, recent.get(7))],
            },
        ],
        status: Some(WantedStatus::new(
            UserStatus::AWAY,
            WantedMessage::Set(Box::new(Value::Int(1))),
        )),
    }
}

#[test]
fn s20_kept_state_survives_being_stored() {
    let kept = kept();
    let json = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<Kept>(&json).unwrap(), kept);
    // A format that is not human-readable.
    let binary = to_value(&kept).unwrap();
    assert_eq!(photon_proto::from_value::<Kept>(&binary), Ok(kept.clone()));
    let shown = alloc::format!("{kept:?}");
    assert!(!shown.contains("bob") && !shown.contains("me\""), "{shown}");
}

#[test]
fn s20_kept_state_that_is_damaged_is_refused_or_read_and_never_panics() {
    let json = serde_json::to_string(&kept()).unwrap();
    for end in 0..json.len() {
        let part = json.get(..end).unwrap_or_default();
        assert!(serde_json::from_str::<Kept>(part).is_err());
    }
    for index in 0..json.len() {
        for other in *b"09\"-[{" {
            let mut bytes = json.clone().into_bytes();
            bytes[index] = other;
            let _ = serde_json::from_slice::<Kept>(&bytes);
        }
    }
    let encoded = to_value(&kept()).unwrap();
    let encoded =
        photon_proto::codec::encode_value(Protocol::V18, &Limits::DEFAULT, &encoded).unwrap();
    for index in 0..encoded.len() {
        for bit in 0..8 {
            let mut bytes = encoded.clone();
            bytes[index] ^= 1 << bit;
            let value = photon_proto::codec::decode_value(Protocol::V18, &Limits::DEFAULT, &bytes);
            if let Ok(value) = value {
                let _ = photon_proto::from_value::<Kept>(&value);
            }
        }
    }
    let Value::Hashtable(mut newer) = to_value(&kept()).unwrap() else {
        unreachable!()
    };
    newer.0[0].1 = Value::Int(2);
    let error = photon_proto::from_value::<Kept>(&Value::Hashtable(newer)).unwrap_err();
    assert!(error.to_string().contains("another version"), "{error}");
}
