//! Events in a form that tests can write and compare.

use chat_core::{ChannelOutcome, Event, Message, Outcome, RequestId, State, StatusChange};
use photon_proto::Value;
use std::time::Duration;

/// An event. The omitted parts (`from` of [`Event::StateChanged`], the cause of an error) are
/// checked or kept by the harness.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    State(State),
    /// The documented number.
    Error(i32),
    /// Code and address of each, or the documented number.
    Regions(Result<Vec<(String, String)>, i32>),
    Authenticated {
        user_id: String,
        nickname: Option<String>,
        data: Option<Value>,
    },
    /// The conversation with this user.
    Forgotten(String),
    Subscribed(Outcomes),
    Unsubscribed(Outcomes),
    Messages {
        channel: String,
        lines: Vec<Line>,
    },
    Private {
        channel: String,
        line: Line,
    },
    Status {
        user: String,
        status: i32,
        message: StatusChange,
    },
    Entered {
        channel: String,
        user: String,
        properties: Pairs,
    },
    Left {
        channel: String,
        user: String,
        properties: Pairs,
    },
    Properties {
        channel: String,
        user: Option<String>,
        by: String,
        properties: Pairs,
    },
    ErrorInfo {
        channel: Option<String>,
        message: Option<String>,
        data: Option<Value>,
    },
    Response {
        operation: u8,
        return_code: i16,
        message: String,
        parameters: Vec<(u8, Value)>,
    },
    Other {
        code: u8,
        parameters: Vec<(u8, Value)>,
    },
    Gap {
        channel: String,
        after: i32,
        missing: Option<u32>,
        verified: bool,
        new_life: bool,
    },
    /// The number of the attempt and the time until it.
    ReconnectScheduled(u32, Duration),
    /// How many channels, and which failed.
    Restored(usize, Outcomes),
    ReconnectGaveUp,
    CredentialsNeeded,
    /// The number of the message, and its id.
    MessageSent(u64, i32),
    /// The number of the message, the code, and whether it is a guess.
    MessageRefused(u64, i16, bool),
    /// The number of the message.
    MessageUnconfirmed(u64),
    /// The kind of the error.
    BadMessage(&'static str),
}

/// Channel, outcome and request of each.
pub(crate) type Outcomes = Vec<(String, Outcome, Option<RequestId>)>;

/// Keys and values.
pub(crate) type Pairs = Vec<(Value, Value)>;

/// Sender, content and id of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) sender: String,
    pub(crate) content: Value,
    pub(crate) id: Option<i32>,
}

impl Line {
    pub(crate) fn new(sender: &str, content: impl Into<Value>, id: Option<i32>) -> Self {
        Self {
            sender: sender.into(),
            content: content.into(),
            id,
        }
    }
}

impl From<Message<'_>> for Line {
    fn from(message: Message<'_>) -> Self {
        Self {
            sender: message.sender.into(),
            content: message.content.to_value(),
            id: message.id,
        }
    }
}

/// The same outcome of the same request for several channels.
pub(crate) fn outcomes(
    channels: &[&str],
    outcome: &Outcome,
    request: Option<RequestId>,
) -> Outcomes {
    channels
        .iter()
        .map(|&channel| (channel.into(), outcome.clone(), request))
        .collect()
}

fn list(all: &[ChannelOutcome]) -> Outcomes {
    all.iter()
        .map(|one| (one.channel.to_string(), one.outcome.clone(), one.request))
        .collect()
}

impl Seen {
    /// An accepted login whose response contains only the user id.
    pub(crate) fn authenticated(user_id: &str) -> Self {
        Self::Authenticated {
            user_id: user_id.into(),
            nickname: None,
            data: None,
        }
    }

    pub(crate) fn messages(channel: &str, lines: impl Into<Vec<Line>>) -> Self {
        Self::Messages {
            channel: channel.into(),
            lines: lines.into(),
        }
    }

    pub(crate) fn status(user: &str, status: i32, message: StatusChange) -> Self {
        Self::Status {
            user: user.into(),
            status,
            message,
        }
    }

    pub(crate) fn entered(channel: &str, user: &str) -> Self {
        Self::Entered {
            channel: channel.into(),
            user: user.into(),
            properties: Vec::new(),
        }
    }

    pub(crate) fn left(channel: &str, user: &str) -> Self {
        Self::Left {
            channel: channel.into(),
            user: user.into(),
            properties: Vec::new(),
        }
    }

    pub(crate) fn private(channel: &str, line: Line) -> Self {
        Self::Private {
            channel: channel.into(),
            line,
        }
    }

    /// A response without parameters.
    pub(crate) fn response(operation: u8, return_code: i16, message: &str) -> Self {
        Self::Response {
            operation,
            return_code,
            message: message.into(),
            parameters: Vec::new(),
        }
    }
}

impl From<&Event> for Seen {
    fn from(event: &Event) -> Self {
        match event {
            Event::StateChanged { to, .. } => Self::State(*to),
            Event::Error { code, .. } => Self::Error(code.code()),
            Event::RegionsResult(Ok(regions)) => Self::Regions(Ok(regions
                .iter()
                .map(|one| (one.code.to_string(), one.address.to_string()))
                .collect())),
            Event::RegionsResult(Err(error)) => Self::Regions(Err(error.code())),
            Event::Authenticated(about) => Self::Authenticated {
                user_id: about.user_id.to_string(),
                nickname: about.nickname.as_ref().map(ToString::to_string),
                data: about.data.clone(),
            },
            Event::SubscribeResult(all) => Self::Subscribed(list(all)),
            Event::UnsubscribeResult(all) => Self::Unsubscribed(list(all)),
            Event::ChatMessages { channel, messages } => Self::Messages {
                channel: channel.to_string(),
                lines: messages.iter().map(Line::from).collect(),
            },
            Event::PrivateMessage { channel, message } => Self::Private {
                channel: channel.to_string(),
                line: message.get().into(),
            },
            Event::ConversationForgotten { user } => Self::Forgotten(user.to_string()),
            Event::UserStatusUpdate {
                user,
                status,
                message,
            } => Self::Status {
                user: user.to_string(),
                status: status.code(),
                message: message.clone(),
            },
            Event::UserSubscribed(change) => Self::Entered {
                channel: change.channel.to_string(),
                user: change.user.to_string(),
                properties: change.properties.clone(),
            },
            Event::UserUnsubscribed(change) => Self::Left {
                channel: change.channel.to_string(),
                user: change.user.to_string(),
                properties: change.properties.clone(),
            },
            Event::PropertiesChanged(change) => Self::Properties {
                channel: change.channel.to_string(),
                user: change.user.as_ref().map(ToString::to_string),
                by: change.by.to_string(),
                properties: change.properties.clone(),
            },
            Event::ErrorInfo(info) => Self::ErrorInfo {
                channel: info.channel.as_ref().map(ToString::to_string),
                message: info.message.as_ref().map(ToString::to_string),
                data: info.data.clone(),
            },
            Event::OperationResponse {
                operation,
                return_code,
                message,
                parameters,
            } => Self::Response {
                operation: *operation,
                return_code: *return_code,
                message: message.to_string(),
                parameters: parameters.as_deref().cloned().unwrap_or_default(),
            },
            Event::Other { code, parameters } => Self::Other {
                code: *code,
                parameters: parameters.clone(),
            },
            Event::Gap {
                channel,
                after,
                missing,
                verified,
                new_life,
            } => Self::Gap {
                channel: channel.to_string(),
                after: *after,
                missing: *missing,
                verified: *verified,
                new_life: *new_life,
            },
            Event::ReconnectScheduled { attempt, after } => {
                Self::ReconnectScheduled(*attempt, *after)
            }
            Event::Restored { channels, failed } => Self::Restored(*channels, list(failed)),
            Event::ReconnectGaveUp { .. } => Self::ReconnectGaveUp,
            Event::CredentialsNeeded => Self::CredentialsNeeded,
            Event::MessageSent { token, id } => Self::MessageSent(token.number(), *id),
            Event::MessageRefused {
                token,
                error,
                guess,
            } => Self::MessageRefused(token.number(), error.code, *guess),
            Event::MessageUnconfirmed { token } => Self::MessageUnconfirmed(token.number()),
            Event::BadMessage(bad) => Self::BadMessage(bad.error.kind.name()),
            other => panic!("an unknown event: {other:?}"),
        }
    }
}
