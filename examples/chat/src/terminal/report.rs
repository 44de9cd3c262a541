//! Events as sentences, for the log: how the client connects, loses the connection and comes back.

use chat_core::{Event, State};
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
        Event::ReconnectGaveUp { cause } => Problem(format!(
            "the client gave up: {cause}. /reconnect tries once more"
        )),
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
            "the server refused operation {operation} with code {return_code}: {message}"
        )),
        Event::BadMessage(bad) => Problem(format!("a message was not readable: {}", bad.error)),
        _ => return None,
    })
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
