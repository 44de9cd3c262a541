//! Events as sentences, for the log: how the client connects, loses the connection and comes back.

use chat_core::codes::{operation, property, return_code};
use chat_core::{DisconnectCause, Event, State};
use photon_proto::Value;

/// One sentence.
pub(crate) enum Line {
    Notice(String),
    Problem(String),
}

/// The sentence for an event; `None` if the screen shows it in another way. The texts of servers in
/// it are not clean yet.
pub(crate) fn of(event: &Event) -> Option<Line> {
    use Line::{Notice, Problem};
    Some(match event {
        Event::StateChanged { to, .. } => Notice(
            match to {
                State::ConnectingToNameServer => "connecting to the name server ..",
                State::ConnectedToNameServer => "the name server is there; logging in ..",
                State::ConnectingToFrontEnd => "connecting to the chat server ..",
                State::ConnectedToFrontEnd => "connected",
                State::Disconnected => "disconnected",
                State::Uninitialized | State::Error => return None,
            }
            .into(),
        ),
        Event::Error { message, .. } => Problem(format!("the connection ended: {message}")),
        Event::ReconnectScheduled { attempt, after } if after.as_millis() < 100 => {
            Notice(format!("connecting again by itself (attempt {attempt}) .."))
        }
        Event::ReconnectScheduled { attempt, after } => Notice(format!(
            "connecting again by itself in {:.1} s (attempt {attempt}); /reconnect does it now",
            after.as_secs_f64()
        )),
        // The cause was reported as that of the end.
        Event::ReconnectGaveUp { cause } => Problem(gave_up(cause).into()),
        Event::CredentialsNeeded => {
            Problem("the server asks for new credentials: start again".into())
        }
        Event::Restored { channels, failed } => {
            let missing = match failed.len() {
                0 => String::new(),
                failed => format!(", {failed} refused"),
            };
            let plural = if *channels == 1 { "" } else { "s" };
            Notice(format!("back in {channels} channel{plural}{missing}"))
        }
        Event::Authenticated(login) => Notice(format!("logged in as {}", login.user_id)),
        Event::RegionsResult(Err(error)) => Problem(error.to_string()),
        Event::ErrorInfo(info) => Problem(format!(
            "the server reports: {}",
            info.message.as_deref().unwrap_or("an error without a text")
        )),
        Event::OperationResponse {
            operation,
            return_code,
            message,
            ..
        } if *return_code != 0 => Problem(format!(
            "the server refused {} with code {return_code}: {message}",
            operation::name(*operation).unwrap_or("an operation")
        )),
        Event::BadMessage(bad) => Problem(format!("a message was not readable: {}", bad.error)),
        _ => return None,
    })
}

fn gave_up(cause: &DisconnectCause) -> &'static str {
    match cause.return_code {
        Some(return_code::INVALID_REGION) => {
            "the client does not try again: choose another region, for example /region eu"
        }
        Some(return_code::INVALID_AUTHENTICATION) => {
            "the client does not try again: start again with the right app id and user"
        }
        _ => "the client does not try again by itself; /reconnect does",
    }
}

/// A property's key. Those of the service are numbers with a fixed meaning. Not clean yet.
pub(crate) fn key(key: &Value) -> String {
    match key {
        Value::Byte(property::MAX_SUBSCRIBERS) => "most members (255)".into(),
        Value::Byte(property::PUBLISH_SUBSCRIBERS) => "members are shown (254)".into(),
        key => shown(key),
    }
}

/// A text without quotes, any other value as the library shows it. Not clean yet.
pub(crate) fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The sentence for missing messages.
pub(crate) fn gap(event: &Event) -> String {
    match event {
        Event::Gap { new_life: true, .. } => {
            "the channel began anew on the server; older messages may be missing".into()
        }
        Event::Gap {
            missing: Some(missing),
            verified,
            ..
        } => {
            let least = if *verified { "" } else { "at least " };
            let (messages, are) = if *missing == 1 {
                ("message", "is")
            } else {
                ("messages", "are")
            };
            format!("{least}{missing} {messages} {are} missing here: the server no longer has them")
        }
        _ => "messages are missing here".into(),
    }
}
