//! The printed JSON objects: events, and the results of commands. Scripts depend on the keys.

use chat_core::{Channel, ChatClient, Event, MessageToken, Stats};
use chat_std_io::Session;
use photon_proto::{Value, udp};
use serde_json::{Value as Json, json};

/// An event as an object: the form that the library documents for its feature `serde`.
pub(crate) fn event(event: &Event) -> Json {
    // JSON can express all of it: keys are texts, and numbers are within its range.
    serde_json::to_value(event)
        .unwrap_or_else(|error| json!({"event": event.name(), "unprintable": error.to_string()}))
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
        "state": chat.state(),
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

fn channel(channel: &Channel) -> Json {
    let messages: Vec<Json> = channel.messages().map(|message| json!(message)).collect();
    let subscribers: Vec<&str> = channel.subscribers().map(|user| &**user).collect();
    json!({
        "name": **channel.name(),
        "last_id": channel.last_id(),
        "messages": messages,
        "subscribers": subscribers,
        "properties": pairs(channel.properties()),
    })
}

/// Pairs of a key and a value, in the given order.
fn pairs<'a>(all: impl Iterator<Item = (&'a Value, &'a Value)>) -> Json {
    all.map(|(key, value)| json!([key, value])).collect()
}

#[cfg(test)]
mod tests {
    use super::{command, event, weight};
    use chat_core::{Event, State};

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
}
