//! [`Event`]: notifications from the client to the application.

use crate::error::{RegionsError, ServerError};
use crate::messages::{Messages, PrivateMessage};
use crate::state::{DisconnectCause, PeerErrorCode, State};
use crate::status::UserStatus;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::time::Duration;
use photon_proto::{DecodeError, Parameters, Text, Value};

/// Identifies one `subscribe` or `unsubscribe` call. A client never reuses an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

impl RequestId {
    /// Returns the number of the request, counting from 1.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Identifies one message that the client accepted for sending: one call of
/// [`ChatClient::publish_message`](crate::ChatClient::publish_message) or
/// [`ChatClient::send_private_message`](crate::ChatClient::send_private_message). A client never
/// reuses a token.
///
/// With [`ChatConfig::confirm_messages`](crate::ChatConfig::confirm_messages) each token ends in
/// exactly one of [`Event::MessageSent`], [`Event::MessageRefused`] and
/// [`Event::MessageUnconfirmed`]; without it the token only numbers the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageToken(pub(crate) u64);

impl MessageToken {
    /// Returns the number of the message, counting from 1.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A notification from the client to the application, in causal order.
///
/// An event owns its data and borrows nothing, so the application can call the client while it
/// holds one. It has at most 48 bytes.
///
/// Non-exhaustive: the server may learn new events. Handle what you need, and ignore the rest:
///
/// ```
/// use chat_core::{ChatClient, Event, PublishOptions, State, SubscribeOptions};
///
/// fn on_event(chat: &mut ChatClient, event: Event) -> Result<(), chat_core::RequestError> {
///     match event {
///         Event::StateChanged { to: State::ConnectedToFrontEnd, .. } => {
///             chat.subscribe(["lobby"], &SubscribeOptions::new())?;
///         }
///         Event::SubscribeResult(results) => {
///             for result in results {
///                 println!("{}: {}", result.channel, result.outcome);
///                 chat.publish_message(&result.channel, "hello", &PublishOptions::new())?;
///             }
///         }
///         Event::ChatMessages { channel, messages } => {
///             for message in messages.iter() {
///                 println!("[{channel}] {}: {}", message.sender, message.content);
///             }
///         }
///         Event::Error { code, cause, .. } => println!("{code}: {cause}"),
///         _ => {}
///     }
///     Ok(())
/// }
/// # let _ = on_event;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The state changed (`onStateChange`).
    StateChanged {
        /// The previous state.
        from: State,
        /// The new state.
        to: State,
    },
    /// The connection ended, and the application did not end it (`onError`). Follows immediately
    /// after the change to [`State::Error`], exactly once.
    Error {
        /// The documented code.
        code: PeerErrorCode,
        /// The exact cause.
        cause: Box<DisconnectCause>,
        /// The cause as text.
        message: Text,
    },
    /// The result of a `get_regions` call (`onGetRegionsResult`).
    RegionsResult(Result<Vec<Region>, RegionsError>),
    /// The name server accepted the login. A second one follows from the front end if its response
    /// differs.
    Authenticated(Box<Authenticated>),
    /// The outcome of a subscription, for each channel (`onSubscribeResult`).
    SubscribeResult(Vec<ChannelOutcome>),
    /// The outcome of an unsubscription, for each channel (`onUnsubscribeResult`).
    UnsubscribeResult(Vec<ChannelOutcome>),
    /// New messages in a public channel (`onChatMessages`), oldest first.
    ChatMessages {
        /// The name of the channel.
        channel: Text,
        /// The messages.
        messages: Messages,
    },
    /// A private message (`onPrivateMessage`) to this user, or from this user on any of their
    /// clients.
    PrivateMessage {
        /// The name of the private channel: the id of the other user.
        channel: Text,
        /// The message. Its sender is either of the two users.
        message: PrivateMessage,
    },
    /// The client forgot the private conversation with a user, its cached messages and its last id,
    /// because there were too many: it was the least recently used one. The next message from or to
    /// the user begins a new one. See
    /// [`ChatConfig::unsolicited_cap_bytes`](crate::ChatConfig::unsolicited_cap_bytes).
    ConversationForgotten {
        /// The id of the other user.
        user: Text,
    },
    /// The status of a friend changed (`onUserStatusUpdate`).
    UserStatusUpdate {
        /// The friend.
        user: Text,
        /// The new status.
        status: UserStatus,
        /// The change of the status message.
        message: StatusChange,
    },
    /// Another user entered a channel that publishes its subscribers (`onUserSubscribe`).
    UserSubscribed(Box<SubscriberChange>),
    /// Another user left a channel that publishes its subscribers (`onUserUnsubscribe`).
    UserUnsubscribed(Box<SubscriberChange>),
    /// Properties of a channel, or of a user in it, changed.
    PropertiesChanged(Box<PropertiesChange>),
    /// An error text from the server (`onErrorInfo`). Today only web hooks cause it.
    ErrorInfo(Box<ErrorInfo>),
    /// The response to a chat operation (`onOperationResponse`). Servers may omit responses with
    /// code 0: other events report success.
    OperationResponse {
        /// The code of the operation.
        operation: u8,
        /// The return code, 0 for success. Spec: chat.md 1.5.
        return_code: i16,
        /// The server's text; may be empty.
        message: Text,
        /// The parameters, if there are any.
        parameters: Option<Box<Parameters>>,
    },
    /// A server event that this library does not know (`onEvent`).
    Other {
        /// The event code.
        code: u8,
        /// All its parameters. What cannot be decoded in one has U+FFFD in its place.
        parameters: Parameters,
    },
    /// Messages of a public channel are missing: the ids show a hole that the server did not fill, or
    /// the channel began a new life, in which ids count from 1 again. Reported once for each hole,
    /// before the first message after it. Spec: chat.md 4.1.
    Gap {
        /// The name of the channel.
        channel: Text,
        /// The id of the last message before the hole, 0 if there was none.
        after: i32,
        /// How many messages are missing. `None` if the client cannot know.
        missing: Option<u32>,
        /// Whether the number is certain: the client has seen that the channel is still in the life
        /// that it knew. Otherwise the number means "at least".
        verified: bool,
        /// Whether the channel began a new life.
        new_life: bool,
    },
    /// With [`ChatConfig::restore`](crate::ChatConfig::restore): the connection ended, and the client
    /// will connect again by itself. Follows immediately after [`Event::Error`].
    ///
    /// `disconnect()` cancels the attempt, and a connect call of the application replaces it. See
    /// "When the line breaks" in the [crate documentation](crate).
    ///
    /// ```
    /// use chat_core::Event;
    ///
    /// fn on_event(event: &Event) -> Option<String> {
    ///     Some(match event {
    ///         Event::ReconnectScheduled { attempt: 1, .. } => "connection lost".into(),
    ///         Event::ReconnectScheduled { after, .. } => {
    ///             format!("still offline, next attempt in {} s", after.as_secs())
    ///         }
    ///         Event::Restored { .. } => "back in all channels".into(),
    ///         Event::ReconnectGaveUp { cause } => format!("offline: {cause}"),
    ///         _ => return None,
    ///     })
    /// }
    /// # let _ = on_event;
    /// ```
    ReconnectScheduled {
        /// The number of the attempt, counting from 1 after a connection that lasted 10 s.
        attempt: u32,
        /// The time until it begins, in whole milliseconds. Less than 2 s for the first attempt; the
        /// limit doubles with each further one, up to 60 s.
        after: Duration,
    },
    /// With [`ChatConfig::restore`](crate::ChatConfig::restore): every wanted channel was asked for on
    /// this connection, and has its outcome. Histories may still arrive.
    Restored {
        /// The number of channels that are subscribed again.
        channels: usize,
        /// The channels that the server refused, or for which it did not respond in time.
        failed: Vec<ChannelOutcome>,
    },
    /// With [`ChatConfig::restore`](crate::ChatConfig::restore): the client does not connect again by
    /// itself. Follows immediately after [`Event::Error`], or a minute after
    /// [`Event::CredentialsNeeded`]. A connect call of the application starts anew.
    ///
    /// The reasons are in the documentation of [`Restore`](crate::Restore).
    ReconnectGaveUp {
        /// The cause that ended the last connection or attempt.
        cause: Box<DisconnectCause>,
    },
    /// With [`Restore::ask_for_credentials`](crate::Restore::ask_for_credentials): the client has to
    /// log in on the name server again, and waits for
    /// [`ChatClient::set_custom_authentication`](crate::ChatClient::set_custom_authentication), in
    /// state [`State::Error`] and for at most 60 s. Then follows [`Event::ReconnectGaveUp`].
    ///
    /// Raised when the time of an attempt comes that leads to the name server, and immediately after
    /// the [`Event::Error`] of an attempt whose kept token was refused.
    ///
    /// ```
    /// use chat_core::{AuthValues, ChatClient, Event};
    ///
    /// fn on_event(chat: &mut ChatClient, event: &Event, new_ticket: fn() -> String) {
    ///     if matches!(event, Event::CredentialsNeeded) {
    ///         let parameters = format!("ticket={}", new_ticket());
    ///         chat.set_custom_authentication(AuthValues::new(parameters));
    ///     }
    /// }
    /// # let _ = on_event;
    /// ```
    CredentialsNeeded,
    /// The server has sent a message of this client back: everyone in the channel gets it.
    MessageSent {
        /// The message.
        token: MessageToken,
        /// Its id, 0 if the server sent none.
        id: i32,
    },
    /// The server refused a message.
    MessageRefused {
        /// The message.
        token: MessageToken,
        /// The server's reason.
        error: Box<ServerError>,
        /// Whether it may have been another message: the server does not answer every message on this
        /// connection, so the client took the oldest one without a result.
        guess: bool,
    },
    /// It is unknown whether the server got a message. No further event follows for it.
    MessageUnconfirmed {
        /// The message.
        token: MessageToken,
    },
    /// A message that could not be decoded. The client skipped it, and the connection continues.
    /// Spec: wire.md 10.
    ///
    /// One bad element spoils only itself and is no bad message: see
    /// [`Content::Undecodable`](crate::Content::Undecodable). This event remains for a message that
    /// cannot be decrypted, has an unknown kind or wrong syntax (JSON), or is damaged in front of
    /// what makes it useful: the channel, the senders, the names.
    BadMessage(Box<BadMessage>),
}

/// A region. The client needs only its code: the login returns the address of the front end.
///
/// Exhaustive: the response of the name server has exactly these two lists. Spec: chat.md 2.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The code of the region, in lower case, without the cluster after `/`.
    pub code: Text,
    /// The address that the name server returned for it.
    pub address: Text,
}

/// The server's response to an accepted login.
///
/// May grow with the parameters of that response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authenticated {
    /// The user id: the server's if it assigned one, else the configured one.
    pub user_id: Text,
    /// A nickname from the authentication service.
    pub nickname: Option<Text>,
    /// Extra data from the authentication service.
    pub data: Option<Value>,
}

/// The outcome for one channel: of a request, or unsolicited.
///
/// May grow with the parameters of events 5 and 6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelOutcome {
    /// The name of the channel.
    pub channel: Text,
    /// The outcome.
    pub outcome: Outcome,
    /// The request that this settles. `None` if it is unsolicited: another client of the same user,
    /// or the server itself, subscribed or unsubscribed.
    pub request: Option<RequestId>,
}

/// The outcome of a request for one channel.
///
/// May grow: there may be other ways for a request to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The channel is subscribed, or unsubscribed. (Of unsolicited channels the client keeps at
    /// most 1,024, and names of at most
    /// [`ChatConfig::unsolicited_cap_bytes`](crate::ChatConfig::unsolicited_cap_bytes), and drops
    /// messages for the others; [`Stats::unkept_channels`](crate::Stats) counts them.)
    Done,
    /// The server refused this channel.
    Refused,
    /// The server rejected the whole request.
    Failed(Box<ServerError>),
    /// The server did not respond within the request timeout.
    TimedOut,
    /// The connection ended before the server responded.
    ConnectionLost,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => out.write_str("done"),
            Self::Refused => out.write_str("refused by the server"),
            Self::Failed(error) => write!(out, "failed: {error}"),
            Self::TimedOut => out.write_str("the server did not respond in time"),
            Self::ConnectionLost => {
                out.write_str("the connection ended before the server responded")
            }
        }
    }
}

/// The change of a friend's status message.
///
/// Exhaustive: these are the three cases of event 4. Spec: chat.md 4.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusChange {
    /// The message is unchanged.
    Kept,
    /// The message was removed.
    Cleared,
    /// The message has this new value. It has U+FFFD in place of what cannot be decoded.
    Set(Box<Value>),
}

/// A user who entered or left a channel.
///
/// May grow with the parameters of events 8 and 9. Spec: chat.md 4.7.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriberChange {
    /// The name of the channel.
    pub channel: Text,
    /// The id of the user.
    pub user: Text,
    /// The properties of the user on entering.
    pub properties: Vec<(Value, Value)>,
}

/// Changed properties.
///
/// May grow with the parameters of event 7. Spec: chat.md 4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PropertiesChange {
    /// The name of the channel.
    pub channel: Text,
    /// The user whose properties in the channel changed. `None`: the channel's own properties.
    pub user: Option<Text>,
    /// The user who changed them; empty if the server does not report it.
    pub by: Text,
    /// The changed properties. Null removes one. A value has U+FFFD in place of what cannot be
    /// decoded in it.
    pub properties: Vec<(Value, Value)>,
}

/// An error text from the server.
///
/// May grow with the parameters of event 10. Spec: chat.md 4.8.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorInfo {
    /// The name of the channel that the error is about.
    pub channel: Option<Text>,
    /// The text.
    pub message: Option<Text>,
    /// Details.
    pub data: Option<Value>,
}

/// A message that could not be decoded.
///
/// May grow with what helps to report the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadMessage {
    /// The reason why decoding failed. Its offset counts from the start of the message.
    pub error: DecodeError,
    /// The bytes of the message, from the first. An encrypted message is decrypted; if that failed,
    /// its body is the result of the attempt.
    pub bytes: Bytes,
}

impl Event {
    /// Returns the name of the variant, as `photon-chat run` prints it.
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
            Self::ConversationForgotten { .. } => "ConversationForgotten",
            Self::UserStatusUpdate { .. } => "UserStatusUpdate",
            Self::UserSubscribed(_) => "UserSubscribed",
            Self::UserUnsubscribed(_) => "UserUnsubscribed",
            Self::PropertiesChanged(_) => "PropertiesChanged",
            Self::ErrorInfo(_) => "ErrorInfo",
            Self::OperationResponse { .. } => "OperationResponse",
            Self::Other { .. } => "Other",
            Self::Gap { .. } => "Gap",
            Self::ReconnectScheduled { .. } => "ReconnectScheduled",
            Self::Restored { .. } => "Restored",
            Self::ReconnectGaveUp { .. } => "ReconnectGaveUp",
            Self::CredentialsNeeded => "CredentialsNeeded",
            Self::MessageSent { .. } => "MessageSent",
            Self::MessageRefused { .. } => "MessageRefused",
            Self::MessageUnconfirmed { .. } => "MessageUnconfirmed",
            Self::BadMessage(_) => "BadMessage",
        }
    }

    /// [`Event::heap_bytes`] of [`Event::ChatMessages`].
    #[inline]
    pub(crate) fn messages_heap_bytes(channel: &Text, messages: &Messages) -> usize {
        channel.len() + messages.pinned_bytes()
    }

    /// Returns the memory that the event keeps alive beyond its own size, in bytes. The event queue
    /// charges it.
    pub(crate) fn heap_bytes(&self) -> usize {
        let refusal = |error: &ServerError| size_of::<ServerError>() + error.message.len();
        let outcomes = |all: &Vec<ChannelOutcome>| {
            all.iter()
                .map(|one| {
                    let failed = if let Outcome::Failed(error) = &one.outcome {
                        refusal(error)
                    } else {
                        0
                    };
                    size_of::<ChannelOutcome>() + one.channel.len() + failed
                })
                .sum::<usize>()
        };
        let text = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.len());
        let values = |all: &[(u8, Value)]| {
            all.iter()
                .map(|(_, value)| size_of::<(u8, Value)>() + value.heap_bytes())
                .sum::<usize>()
        };
        let pairs = |all: &[(Value, Value)]| {
            all.iter()
                .map(|pair| size_of_val(pair) + pair.0.heap_bytes() + pair.1.heap_bytes())
                .sum::<usize>()
        };
        match self {
            Self::StateChanged { .. } => 0,
            // The message repeats the text in the cause.
            Self::Error { message, .. } => 2 * (size_of::<DisconnectCause>() + message.len()),
            Self::Authenticated(login) => {
                let Authenticated {
                    user_id,
                    nickname,
                    data,
                } = &**login;
                size_of::<Authenticated>()
                    + user_id.len()
                    + text(nickname)
                    + data.as_ref().map_or(0, Value::heap_bytes)
            }
            Self::RegionsResult(Ok(regions)) => regions
                .iter()
                .map(|region| size_of_val(region) + region.code.len() + region.address.len())
                .sum(),
            Self::RegionsResult(Err(RegionsError::Server(error))) => refusal(error),
            Self::RegionsResult(Err(_)) => 0,
            Self::SubscribeResult(outcomes_list) | Self::UnsubscribeResult(outcomes_list) => {
                outcomes(outcomes_list)
            }
            // The name is the channel's, but the event keeps it alive when the channel goes.
            Self::ChatMessages { channel, messages } => {
                Self::messages_heap_bytes(channel, messages)
            }
            Self::PrivateMessage { channel, message } => channel.len() + message.pinned_bytes(),
            Self::ConversationForgotten { user } => user.len(),
            Self::OperationResponse {
                message,
                parameters,
                ..
            } => message.len() + parameters.as_deref().map_or(0, |all| values(all)),
            Self::UserStatusUpdate { user, message, .. } => {
                user.len()
                    + if let StatusChange::Set(message) = message {
                        message.heap_bytes()
                    } else {
                        0
                    }
            }
            Self::UserSubscribed(change) | Self::UserUnsubscribed(change) => {
                let SubscriberChange {
                    channel,
                    user,
                    properties,
                } = &**change;
                size_of::<SubscriberChange>() + channel.len() + user.len() + pairs(properties)
            }
            Self::PropertiesChanged(change) => {
                let PropertiesChange {
                    channel,
                    user,
                    by,
                    properties,
                } = &**change;
                size_of::<PropertiesChange>()
                    + channel.len()
                    + text(user)
                    + by.len()
                    + pairs(properties)
            }
            Self::ErrorInfo(info) => {
                let ErrorInfo {
                    channel,
                    message,
                    data,
                } = &**info;
                let data = data.as_ref().map_or(0, Value::heap_bytes);
                size_of::<ErrorInfo>() + text(channel) + text(message) + data
            }
            Self::Gap { channel, .. } => channel.len(),
            Self::Restored { failed, .. } => outcomes(failed),
            Self::ReconnectGaveUp { cause } => size_of::<DisconnectCause>() + cause.text.len(),
            Self::MessageRefused { error, .. } => refusal(error),
            Self::ReconnectScheduled { .. }
            | Self::CredentialsNeeded
            | Self::MessageSent { .. }
            | Self::MessageUnconfirmed { .. } => 0,
            Self::Other { parameters, .. } => values(parameters),
            Self::BadMessage(bad) => bad.bytes.len(),
        }
    }
}

const _: () = assert!(size_of::<Event>() <= 48);
