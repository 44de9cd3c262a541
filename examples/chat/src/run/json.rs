//! The printed JSON objects: events, and the results of commands. Scripts depend on the keys.

use chat_core::codes::return_code;
use chat_core::{
    CauseKind, Channel, ChannelOutcome, ChatClient, DisconnectCause, DisconnectReason, Event,
    Message, MessageToken, Outcome, PeerErrorCode, RegionsError, RequestId, ServerError, State,
    Stats, StatusChange,
};
use chat_std_io::Session;
use photon_inspect::notation::value_to_json;
use photon_proto::{DecodeError, Value, udp};
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

/// An event as an object: its name and its fields.
pub(crate) fn event(event: &Event) -> Json {
    let fields = match event {
        Event::StateChanged { from, to } => json!({"from": state(*from), "to": state(*to)}),
        Event::Error {
            code,
            cause,
            message,
        } => {
            json!({"code": error_code(*code), "cause": disconnect_cause(cause), "message": **message})
        }
        Event::RegionsResult(Ok(regions)) => {
            let regions: Vec<Json> = regions
                .iter()
                .map(|region| json!({"code": *region.code, "address": *region.address}))
                .collect();
            json!({"code": error_code(PeerErrorCode::Ok), "regions": regions, "message": ""})
        }
        Event::RegionsResult(Err(error)) => {
            json!({"code": regions_code(error), "regions": [], "message": error.to_string()})
        }
        Event::Authenticated(login) => json!({
            "user_id": *login.user_id,
            "nickname": login.nickname.as_deref(),
            "data": login.data.as_ref().map(value_to_json),
        }),
        Event::SubscribeResult(channels) | Event::UnsubscribeResult(channels) => {
            json!({"channels": channels.iter().map(outcome).collect::<Vec<_>>()})
        }
        Event::ChatMessages { channel, messages } => {
            json!({"channel": **channel, "messages": messages.iter().map(message).collect::<Vec<_>>()})
        }
        Event::PrivateMessage {
            channel,
            message: private,
        } => {
            json!({"channel": **channel, "message": message(private.get())})
        }
        Event::ConversationForgotten { user } => json!({"user": **user}),
        Event::UserStatusUpdate {
            user,
            status,
            message,
        } => {
            let status = json!({"name": status.name(), "code": status.code()});
            json!({"user": **user, "status": status, "message": status_message(message)})
        }
        Event::UserSubscribed(change) | Event::UserUnsubscribed(change) => {
            let properties = pairs(change.properties.iter().map(|(key, value)| (key, value)));
            json!({"channel": *change.channel, "user": *change.user, "properties": properties})
        }
        Event::PropertiesChanged(change) => json!({
            "channel": *change.channel,
            "user": change.user.as_deref(),
            "by": *change.by,
            "properties": pairs(change.properties.iter().map(|(key, value)| (key, value))),
        }),
        Event::ErrorInfo(info) => json!({
            "channel": info.channel.as_deref(),
            "message": info.message.as_deref(),
            "data": info.data.as_ref().map(value_to_json),
        }),
        Event::OperationResponse {
            operation,
            return_code,
            message,
            parameters: all,
        } => json!({
            "operation": operation,
            "return_code": server_code(*return_code),
            "message": **message,
            "parameters": parameters(all.as_deref().map_or(&[], Vec::as_slice)),
        }),
        Event::Other {
            code,
            parameters: all,
        } => json!({"code": code, "parameters": parameters(all)}),
        Event::BadMessage(bad) => {
            json!({"error": decode_error(&bad.error), "bytes": value_to_json(&Value::Bytes(bad.bytes.clone()))})
        }
        Event::Gap {
            channel,
            after,
            missing,
            verified,
            new_life,
        } => json!({
            "channel": **channel,
            "after": after,
            "missing": missing,
            "verified": verified,
            "new_life": new_life,
        }),
        Event::ReconnectScheduled { attempt, after } => {
            json!({"attempt": attempt, "after_ms": after.as_millis() as u64})
        }
        Event::Restored { channels, failed } => {
            json!({"channels": channels, "failed": failed.iter().map(outcome).collect::<Vec<_>>()})
        }
        Event::ReconnectGaveUp { cause } => json!({"cause": disconnect_cause(cause)}),
        Event::CredentialsNeeded => json!({}),
        Event::MessageSent { token, id } => json!({"token": token.number(), "id": id}),
        Event::MessageRefused {
            token,
            error,
            guess,
        } => {
            json!({"token": token.number(), "error": error.to_string(), "code": error.code, "guess": guess})
        }
        Event::MessageUnconfirmed { token } => json!({"token": token.number()}),
        // `Event` may grow. This program knows all events of the library that it is built with.
        other => json!({"debug": format!("{other:?}")}),
    };
    named(event.name(), fields)
}

/// How many events an event counts as in `wait-count`. The server decides how many messages it
/// gathers in one event, so each message counts.
pub(crate) fn weight(event: &Event) -> usize {
    match event {
        Event::ChatMessages { messages, .. } => messages.len(),
        _ => 1,
    }
}

/// The result of a command; `token` is that of the message that it sends.
pub(crate) fn command(line: &str, token: Option<MessageToken>, error: Option<&str>) -> Json {
    let mut json = json!({"event": "Command", "line": line, "ok": error.is_none(), "error": error});
    if let (Some(token), Some(fields)) = (token, json.as_object_mut()) {
        fields.insert("token".into(), token.number().into());
    }
    json
}

/// All channels with their cached messages.
pub(crate) fn channels(chat: &ChatClient) -> Json {
    let public: Vec<Json> = chat.public_channels().map(channel).collect();
    let private: Vec<Json> = chat.private_channels().map(channel).collect();
    json!({"event": "Channels", "public": public, "private": private})
}

/// All counters.
pub(crate) fn stats(session: &Session) -> Json {
    let (chat, io) = (&session.chat, session.io_stats());
    let stats: Stats = chat.stats();
    json!({
        "event": "Stats",
        "state": state(chat.state()),
        "user_id": **chat.user_id(),
        "server_time": chat.server_time(),
        "received_messages": stats.received_messages,
        "bad_messages": stats.bad_messages,
        "malformed_events": stats.malformed_events,
        "unknown_channel_events": stats.unknown_channel_events,
        "ignored_messages": stats.ignored_messages,
        "raw_messages": stats.raw_messages,
        "presence_dropped": stats.presence_dropped,
        "unkept_channels": stats.unkept_channels,
        "forgotten_conversations": stats.forgotten_conversations,
        "surplus_bytes": stats.surplus_bytes,
        "reconnect_attempts": stats.reconnect_attempts,
        "restores": stats.restores,
        "gaps": stats.gaps,
        "missing_messages": stats.missing_messages,
        "questions": stats.questions,
        "repeated_messages": stats.repeated_messages,
        "queued_bytes": stats.queued_bytes,
        "round_trip_ms": stats.round_trip.map(|it| it.as_millis() as u64),
        "round_trip_variance_ms": stats.round_trip_variance.map(|it| it.as_millis() as u64),
        "buffered_bytes": stats.buffered_bytes,
        "cached_bytes": stats.cached_bytes,
        "channel_bytes": stats.channel_bytes,
        "udp": stats.udp.as_ref().map(udp_stats),
        "wakeups": io.wakeups,
        "reads": io.reads,
        "writes": io.writes,
    })
}

fn udp_stats(udp: &udp::Stats) -> Json {
    let (dropped, discarded) = (&udp.dropped_datagrams, &udp.discarded);
    json!({
        "sent_datagrams": udp.sent_datagrams,
        "sent_bytes": udp.sent_bytes,
        "received_datagrams": udp.received_datagrams,
        "received_bytes": udp.received_bytes,
        "resent_commands": udp.resent_commands,
        "pings": udp.pings,
        "duplicates": udp.duplicates,
        "late": udp.late,
        "unmatched_acks": udp.unmatched_acks,
        "violations": udp.violations,
        "trailing_bytes": udp.trailing_bytes,
        "dropped_datagrams": {
            "length": dropped.length,
            "flags": dropped.flags,
            "crc": dropped.crc,
            "challenge": dropped.challenge,
            "malformed": dropped.malformed,
        },
        "discarded_commands": {
            "channel": discarded.channel,
            "malformed": discarded.malformed,
            "window": discarded.window,
            "full": discarded.full,
            "not_connected": discarded.not_connected,
        },
    })
}

fn named(name: &str, fields: Json) -> Json {
    let mut all = Map::new();
    all.insert("event".into(), name.into());
    if let Json::Object(fields) = fields {
        all.extend(fields);
    }
    Json::Object(all)
}

fn state(state: State) -> Json {
    json!({"name": state.name(), "code": state.code()})
}

fn error_code(code: PeerErrorCode) -> Json {
    json!({"name": code.name(), "code": code.code()})
}

/// A return code of a server. The name of an unknown code is null.
fn server_code(code: i16) -> Json {
    json!({"name": return_code::name(code), "code": code})
}

fn regions_code(error: &RegionsError) -> Json {
    let name = match error {
        RegionsError::Server(error) => return server_code(error.code),
        RegionsError::Malformed => "Malformed",
        RegionsError::TimedOut => "TimedOut",
        RegionsError::ConnectionLost => "ConnectionLost",
        _ => "Unknown",
    };
    json!({"name": name, "code": error.code()})
}

fn disconnect_cause(cause: &DisconnectCause) -> Json {
    json!({
        "server": format!("{:?}", cause.server),
        "kind": cause_kind(&cause.kind),
        "return_code": cause.return_code.map(server_code),
        "text": *cause.text,
        "earlier": cause.earlier.iter().map(disconnect_cause).collect::<Vec<_>>(),
    })
}

fn cause_kind(kind: &CauseKind) -> Json {
    match kind {
        CauseKind::Link(kind) => json!({"name": "Link", "link": format!("{kind:?}")}),
        CauseKind::BadStream(error) => json!({"name": "BadStream", "error": decode_error(error)}),
        CauseKind::Silent { elapsed } => waited("Silent", elapsed),
        CauseKind::IncompleteMessage { elapsed } => waited("IncompleteMessage", elapsed),
        CauseKind::PingUnanswered { elapsed } => waited("PingUnanswered", elapsed),
        CauseKind::SendStalled { elapsed } => waited("SendStalled", elapsed),
        CauseKind::Deadline(step) => json!({"name": "Deadline", "step": format!("{step:?}")}),
        CauseKind::KeyExchange(failure) => {
            json!({"name": "KeyExchange", "failure": format!("{failure:?}")})
        }
        CauseKind::DisconnectCommand(reason) => {
            let (name, number) = match reason {
                DisconnectReason::Logic => ("Logic", 1),
                DisconnectReason::Timeout => ("Timeout", 2),
                DisconnectReason::UserLimit => ("UserLimit", 3),
                DisconnectReason::Other(other) => ("Other", *other),
                _ => ("Unknown", 0),
            };
            json!({"name": "DisconnectCommand", "reason": {"name": name, "code": number}})
        }
        CauseKind::BadDatagrams(violation) => {
            json!({"name": "BadDatagrams", "error": violation.to_string()})
        }
        // The other kinds have no fields.
        plain => json!({"name": format!("{plain:?}")}),
    }
}

fn waited(name: &str, elapsed: &Duration) -> Json {
    json!({"name": name, "for_ms": elapsed.as_millis() as u64})
}

fn decode_error(error: &DecodeError) -> Json {
    json!({"kind": error.kind.name(), "offset": error.offset, "field": error.field})
}

fn server_error(error: &ServerError) -> Json {
    json!({"operation": error.operation, "code": server_code(error.code), "message": *error.message})
}

fn outcome(channel: &ChannelOutcome) -> Json {
    let (name, error) = match &channel.outcome {
        Outcome::Done => ("Done", None),
        Outcome::Refused => ("Refused", None),
        Outcome::Failed(error) => ("Failed", Some(server_error(error))),
        Outcome::TimedOut => ("TimedOut", None),
        Outcome::ConnectionLost => ("ConnectionLost", None),
        _ => ("Unknown", None),
    };
    let request = channel.request.map(RequestId::number);
    json!({"channel": *channel.channel, "outcome": name, "error": error, "request": request})
}

fn message(message: Message<'_>) -> Json {
    json!({"sender": message.sender, "content": value_to_json(&message.content.to_value()), "id": message.id})
}

fn status_message(change: &StatusChange) -> Json {
    match change {
        StatusChange::Kept => json!({"name": "Kept"}),
        StatusChange::Cleared => json!({"name": "Cleared"}),
        StatusChange::Set(value) => json!({"name": "Set", "value": value_to_json(value)}),
    }
}

fn channel(channel: &Channel) -> Json {
    let messages: Vec<Json> = channel.messages().map(message).collect();
    let subscribers: Vec<&str> = channel.subscribers().map(|user| &**user).collect();
    json!({
        "name": **channel.name(),
        "last_id": channel.last_id(),
        "messages": messages,
        "subscribers": subscribers,
        "properties": pairs(channel.properties()),
    })
}

fn parameters(all: &[(u8, Value)]) -> Json {
    all.iter()
        .map(|(code, value)| json!([code, value_to_json(value)]))
        .collect()
}

/// Pairs of a key and a value, in the given order.
fn pairs<'a>(all: impl Iterator<Item = (&'a Value, &'a Value)>) -> Json {
    all.map(|(key, value)| json!([value_to_json(key), value_to_json(value)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{command, event, weight};
    use chat_core::{
        CauseKind, DisconnectCause, DisconnectReason, Event, KeyExchangeFailure, LinkErrorKind,
        PeerErrorCode, Region, RegionsError, Server, ServerError, State, StatusChange, Step, Text,
        UserStatus,
    };
    use photon_proto::{DecodeError, DecodeErrorKind, Value};
    use serde_json::{Value as Json, json};

    #[test]
    fn lines_have_the_documented_form() {
        let changed = Event::StateChanged {
            from: State::ConnectingToFrontEnd,
            to: State::ConnectedToFrontEnd,
        };
        assert_eq!(
            event(&changed).to_string(),
            r#"{"event":"StateChanged","from":{"name":"ConnectingToFrontEnd","code":3},"to":{"name":"ConnectedToFrontEnd","code":4}}"#
        );
        assert_eq!(
            command("publish a \"b\"", None, None).to_string(),
            r#"{"event":"Command","line":"publish a \"b\"","ok":true,"error":null}"#
        );
        assert_eq!(
            command("x", None, Some("no")).to_string(),
            r#"{"event":"Command","line":"x","ok":false,"error":"no"}"#
        );
        assert_eq!(weight(&changed), 1);
    }

    #[test]
    fn events_have_their_fields() {
        let regions = vec![Region {
            code: "eu".into(),
            address: "h:1".into(),
        }];
        let refused = ServerError {
            operation: 220,
            code: 32767,
            message: "no".into(),
        };
        for (found, expected) in [
            (
                Event::RegionsResult(Ok(regions)),
                json!({"event": "RegionsResult", "code": {"name": "Ok", "code": 0},
                    "regions": [{"code": "eu", "address": "h:1"}], "message": ""}),
            ),
            (
                Event::RegionsResult(Err(RegionsError::Malformed)),
                json!({"event": "RegionsResult", "code": {"name": "Malformed", "code": -1}, "regions": [],
                    "message": "the name server's list of regions is malformed: connect with a known region"}),
            ),
            (
                Event::RegionsResult(Err(RegionsError::Server(refused))),
                json!({"event": "RegionsResult", "code": {"name": "InvalidAuthentication", "code": 32767}, "regions": [],
                    "message": "the server rejected operation 220 with return code 32767 (InvalidAuthentication): no"}),
            ),
            (
                Event::UserStatusUpdate {
                    user: "bob".into(),
                    status: UserStatus::AWAY,
                    message: StatusChange::Set(Box::new(Value::Short(1))),
                },
                json!({"event": "UserStatusUpdate", "user": "bob", "status": {"name": "Away", "code": 3},
                    "message": {"name": "Set", "value": {"t": "short", "v": 1}}}),
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
                Event::UserStatusUpdate {
                    user: "bob".into(),
                    status: UserStatus::OFFLINE,
                    message: StatusChange::Cleared,
                },
                json!({"event": "UserStatusUpdate", "user": "bob", "status": {"name": "Offline", "code": 0},
                    "message": {"name": "Cleared"}}),
            ),
            (
                Event::OperationResponse {
                    operation: 2,
                    return_code: 12345,
                    message: Text::EMPTY,
                    parameters: Some(Box::new(vec![(1, Value::Byte(2))])),
                },
                json!({"event": "OperationResponse", "operation": 2, "return_code": {"name": null, "code": 12345},
                    "message": "", "parameters": [[1, {"t": "byte", "v": 2}]]}),
            ),
            (
                Event::Other {
                    code: 99,
                    parameters: vec![(5, Value::Null)],
                },
                json!({"event": "Other", "code": 99, "parameters": [[5, {"t": "null"}]]}),
            ),
        ] {
            assert_eq!(event(&found), expected);
        }
    }

    #[test]
    fn a_cause_has_all_of_its_fields() {
        let cause = DisconnectCause::new;
        let broken = DecodeError::new(DecodeErrorKind::Truncated, 7, "length");
        for (kind, expected) in [
            (
                CauseKind::Link(LinkErrorKind::Reset),
                json!({"name": "Link", "link": "Reset"}),
            ),
            (CauseKind::NeverOpened, json!({"name": "NeverOpened"})),
            (
                CauseKind::BadStream(broken),
                json!({"name": "BadStream", "error": {"kind": "Truncated", "offset": 7, "field": "length"}}),
            ),
            (
                CauseKind::DisconnectCommand(DisconnectReason::Other(9)),
                json!({"name": "DisconnectCommand", "reason": {"name": "Other", "code": 9}}),
            ),
            (
                CauseKind::Silent {
                    elapsed: std::time::Duration::from_millis(10_000),
                },
                json!({"name": "Silent", "for_ms": 10_000}),
            ),
            (
                CauseKind::Deadline(Step::Authenticate),
                json!({"name": "Deadline", "step": "Authenticate"}),
            ),
            (
                CauseKind::KeyExchange(KeyExchangeFailure::BadKey),
                json!({"name": "KeyExchange", "failure": "BadKey"}),
            ),
        ] {
            assert_eq!(super::cause_kind(&kind), expected);
        }
        let mut whole = cause(Server::FrontEnd, CauseKind::ServerDisconnect);
        whole.return_code = Some(-3);
        whole.text = "go".into();
        whole.earlier = vec![cause(Server::FrontEnd, CauseKind::Closed)];
        let error = Event::Error {
            code: PeerErrorCode::FrontEndConnectClosed,
            cause: Box::new(whole),
            message: "as text".into(),
        };
        let earlier: Json = json!({"server": "FrontEnd", "kind": {"name": "Closed"}, "return_code": null, "text": "", "earlier": []});
        assert_eq!(
            event(&error),
            json!({"event": "Error", "code": {"name": "FrontEndConnectClosed", "code": 1003},
                "cause": {"server": "FrontEnd", "kind": {"name": "ServerDisconnect"},
                    "return_code": {"name": "OperationNotAllowedInCurrentState", "code": -3}, "text": "go",
                    "earlier": [earlier]},
                "message": "as text"})
        );
    }
}
