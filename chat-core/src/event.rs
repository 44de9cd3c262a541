//! [`Event`]: what happened, owned, in the order of its causes.

use crate::error::{RegionsError, ServerError};
use crate::messages::{Messages, PrivateMessage};
use crate::state::{DisconnectCause, PeerErrorCode, State};
use crate::status::UserStatus;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use photon_proto::{DecodeError, Parameters, Text, Value};

/// Names one `subscribe` or `unsubscribe` call; never reused by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

impl RequestId {
    /// The number of the request, counting from 1.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Something that happened, in the order of causes. At most 48 bytes; holds no borrow, so it can be answered at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The state changed (`onStateChange`).
    StateChanged {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
    },
    /// The connection ended unasked (`onError`); comes once, right after the change to [`State::Error`].
    Error {
        /// The documented code.
        code: PeerErrorCode,
        /// What exactly happened.
        cause: Box<DisconnectCause>,
        /// The cause in words.
        message: Text,
    },
    /// The answer to a `get_regions` call (`onGetRegionsResult`).
    RegionsResult(Result<Vec<Region>, RegionsError>),
    /// The name server accepted the login. Comes again from the front end if that tells something new.
    Authenticated(Box<Authenticated>),
    /// Channels were subscribed, or not (`onSubscribeResult`).
    SubscribeResult(Vec<ChannelOutcome>),
    /// Channels were left (`onUnsubscribeResult`).
    UnsubscribeResult(Vec<ChannelOutcome>),
    /// Messages in a public channel (`onChatMessages`): the new ones, oldest first.
    ChatMessages {
        /// The channel's name.
        channel: Text,
        /// The messages.
        messages: Messages,
    },
    /// A private message (`onPrivateMessage`), received or sent by this user from any client.
    PrivateMessage {
        /// The private channel: the other user's id.
        channel: Text,
        /// The message; its sender tells who wrote it.
        message: PrivateMessage,
    },
    /// A friend's status changed (`onUserStatusUpdate`).
    UserStatusUpdate {
        /// The friend.
        user: Text,
        /// The status now.
        status: UserStatus,
        /// What became of the status message.
        message: StatusChange,
    },
    /// Another user entered a channel that publishes its subscribers (`onUserSubscribe`).
    UserSubscribed(Box<SubscriberChange>),
    /// Another user left such a channel (`onUserUnsubscribe`).
    UserUnsubscribed(Box<SubscriberChange>),
    /// Properties of a channel, or of a user in it, changed.
    PropertiesChanged(Box<PropertiesChange>),
    /// A server-side error text, today from web hooks (`onErrorInfo`).
    ErrorInfo(Box<ErrorInfo>),
    /// The server's answer to a chat operation (`onOperationResponse`). Success is told by other events; servers may
    /// leave out answers with code 0.
    OperationResponse {
        /// The operation.
        operation: u8,
        /// 0 for success. Spec: chat.md 1.5.
        return_code: i16,
        /// The server's words; may be empty.
        message: Text,
        /// Parameters, if there are any.
        parameters: Option<Box<Parameters>>,
    },
    /// An event that this library does not know (`onEvent`).
    Other {
        /// The event code.
        code: u8,
        /// All its parameters.
        parameters: Parameters,
    },
    /// A message that could not be decoded; it was skipped and the connection goes on. Spec: wire.md 10.
    BadMessage(Box<BadMessage>),
}

/// A region, and the address of its front end, which clients do not need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The region's code, lower case, without the cluster behind `/`.
    pub code: Text,
    /// The address that the name server gave for it.
    pub address: Text,
}

/// What the server said about an accepted login.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authenticated {
    /// The user id: the server's if it chose one, else the client's.
    pub user_id: Text,
    /// A nickname from the authentication service.
    pub nickname: Option<Text>,
    /// Extra data from the authentication service.
    pub data: Option<Value>,
}

/// What became of one channel of a request, or of a channel that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelOutcome {
    /// The channel's name.
    pub channel: Text,
    /// What became of it.
    pub outcome: Outcome,
    /// The request that this settles; `None` if nobody asked for it.
    pub request: Option<RequestId>,
}

/// What became of one channel of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Subscribed, or unsubscribed. (Of channels that nobody asked for at most 1,024 are kept; messages for the rest are
    /// dropped. `Stats::unkept_channels` counts them.)
    Done,
    /// The server said `false` for this channel.
    Refused,
    /// The server refused the whole request.
    Failed(Box<ServerError>),
    /// No answer came within the request timeout.
    TimedOut,
    /// The connection ended before an answer came.
    ConnectionLost,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => out.write_str("done"),
            Self::Refused => out.write_str("refused by the server"),
            Self::Failed(error) => write!(out, "failed: {error}"),
            Self::TimedOut => out.write_str("no response within the request timeout"),
            Self::ConnectionLost => out.write_str("the connection ended before a response"),
        }
    }
}

/// What became of a friend's status message. Spec: chat.md 4.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusChange {
    /// It is what it was.
    Kept,
    /// There is none any more.
    Cleared,
    /// It is this now.
    Set(Box<Value>),
}

/// A user who entered or left a channel. Spec: chat.md 4.7.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriberChange {
    /// The channel.
    pub channel: Text,
    /// The user.
    pub user: Text,
    /// Properties that the user entered with.
    pub properties: Vec<(Value, Value)>,
}

/// Changed properties. Spec: chat.md 4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PropertiesChange {
    /// The channel.
    pub channel: Text,
    /// Whose properties in the channel; `None`: the channel's own.
    pub user: Option<Text>,
    /// Who changed them; empty if the server does not say.
    pub by: Text,
    /// The changes; null removes a property.
    pub properties: Vec<(Value, Value)>,
}

/// A server-side error text. Spec: chat.md 4.8.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorInfo {
    /// The channel it is about.
    pub channel: Option<Text>,
    /// The text.
    pub message: Option<Text>,
    /// More about it.
    pub data: Option<Value>,
}

/// A message that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadMessage {
    /// What was wrong, offsets from the start of the message.
    pub error: DecodeError,
    /// The message from its first byte on. One that was encrypted stands here in clear; if it could not be decrypted, its
    /// body is what the attempt made of it.
    pub bytes: Bytes,
}

impl Event {
    /// The event's name, as in `photon-chat run`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StateChanged { .. } => "StateChanged",
            Self::Error { .. } => "Error",
            Self::RegionsResult(_) => "RegionsResult",
            Self::Authenticated(_) => "Authenticated",
            Self::SubscribeResult(_) => "SubscribeResult",
            Self::UnsubscribeResult(_) => "UnsubscribeResult",
            Self::ChatMessages { .. } => "ChatMessages",
            Self::PrivateMessage { .. } => "PrivateMessage",
            Self::UserStatusUpdate { .. } => "UserStatusUpdate",
            Self::UserSubscribed(_) => "UserSubscribed",
            Self::UserUnsubscribed(_) => "UserUnsubscribed",
            Self::PropertiesChanged(_) => "PropertiesChanged",
            Self::ErrorInfo(_) => "ErrorInfo",
            Self::OperationResponse { .. } => "OperationResponse",
            Self::Other { .. } => "Other",
            Self::BadMessage(_) => "BadMessage",
        }
    }
}

const _: () = assert!(size_of::<Event>() <= 48);
