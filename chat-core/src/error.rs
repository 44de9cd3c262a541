//! Errors of calls ([`RequestError`]) and of servers ([`ServerError`]). The type of an error names
//! the party at fault; see [`DisconnectCause`](crate::DisconnectCause) for the end of a connection.

use crate::state::State;
use core::fmt;
use photon_proto::{EncodeError, EncodeErrorKind, Text};

/// The reason why the client rejected a call. Nothing was sent, nothing changed, and no event
/// follows.
///
/// The documented API returns `false` instead.
///
/// May grow with the calls.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The state does not allow the call.
    #[error("the call is not allowed in state {state}: {}", next_step(*.0), state = .0)]
    WrongState(State),
    /// The client is already doing what the call asks for.
    #[error("the client is already doing this: wait for its result")]
    AlreadyInProgress,
    /// A queue is full: unsent bytes, events that the application has not taken, or open requests
    /// (4,096 of a kind).
    #[error("a queue of the client is full: take all events, call service, then try again")]
    QueueFull,
    /// The message would be longer than the limit.
    #[error("the message is longer than {max_bytes} bytes: send less in one message")]
    TooLong {
        /// The limit in bytes: `Limits::max_sent_bytes`, or the cap for outgoing bytes if that is
        /// lower.
        max_bytes: usize,
    },
    /// A required list, name or content is empty.
    #[error("the {0} must not be empty")]
    Empty(&'static str),
    /// An id, version or region has white space or invisible characters around it or a control
    /// character in it, as after copying it from a page. The server would refuse it, or take it for
    /// another one, with a text in which that cannot be seen. The text itself is left out: it may be a
    /// user id.
    #[error("the {what} {why}: was it copied with something around it? trim it")]
    InvalidId {
        /// The name of the id.
        what: &'static str,
        /// The reason why it is refused.
        why: &'static str,
    },
    /// The number of `last_ids` differs from the number of channels.
    #[error("there are {ids} last ids for {channels} channels: pass one for each, 0 for none")]
    LastIds {
        /// The number of ids.
        ids: usize,
        /// The number of channels.
        channels: usize,
    },
    /// The creation options are invalid. Spec: chat.md 3.1.
    #[error("invalid creation options: {0}")]
    CreationOptions(&'static str),
    /// A list has too many entries.
    #[error("there are more than {max} {what} in one request: split it")]
    TooMany {
        /// The name of the entries.
        what: &'static str,
        /// The largest number of entries.
        max: usize,
    },
    /// `send_operation` was called with an operation that the client itself sends: the login.
    #[error("the client sends operation {0} itself: use the connect calls")]
    ReservedOperation(u8),
    /// `reconnect` was called, but the client has no front-end address and token of a login.
    #[error("there was no login that reconnect could reuse: call connect_to_name_server")]
    NothingToReconnectTo,
    /// The state in [`ChatConfig::resume`](crate::ChatConfig::resume) belongs to another login.
    #[error(
        "the kept state belongs to another {0}: connect with that one, or make a client without the state"
    )]
    KeptByOther(
        /// The part of the login that differs.
        &'static str,
    ),
    /// The call asks for encryption, but the connection has no key.
    #[error("the connection has no key: leave Encryption on, or send without `encrypt`")]
    EncryptionUnavailable,
    /// The protocol of the connection cannot express the content.
    #[error("the content cannot be encoded: {0}")]
    Unencodable(EncodeError),
    /// A configured server address is invalid.
    #[error("the server address {text:?} is invalid: {why}")]
    Address {
        /// The address as configured.
        text: Text,
        /// The part of the address that is wrong.
        why: AddressError,
    },
}

/// The reason why a text is not a server address.
///
/// May grow with the syntax of addresses.
///
/// Spec: chat.md 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The scheme is unknown.
    #[error("unknown scheme: write udp://, tcp://, ws:// or wss://")]
    UnknownScheme,
    /// There is no host.
    #[error("the host is missing: write scheme://host or scheme://host:port")]
    MissingHost,
    /// The port is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    BadPort,
    /// An IPv6 address has no brackets.
    #[error("an IPv6 address needs brackets: write [::1]:4533")]
    MissingBrackets,
    /// A bracket is not closed, or something other than a port follows it.
    #[error("brackets must enclose the IPv6 address only: write [::1]:4533")]
    BadBrackets,
    /// The address contains white space, a control character, or one that is invisible.
    #[error("white space, control and invisible characters are not allowed: remove them")]
    WhiteSpace,
    /// The host is neither an IP address nor a valid name.
    #[error(
        "the host must be an IP address or a name: letters, digits, '-' and '_', at most 63 between \
         two dots and 253 in all; write an international name in its form with xn--"
    )]
    BadHost,
    /// The address has a user, path, query or fragment, where only host and port are allowed.
    #[error("only host and port may follow the scheme: remove the rest")]
    SurplusParts,
    /// The WebSocket path has a query, a fragment, a character that is not percent-encoded, or more
    /// than 1,024 bytes.
    #[error("the path must be percent-encoded, have at most 1,024 bytes, no query and no fragment")]
    BadPath,
    /// JSON is configured, but the address is not a WebSocket address.
    #[error("JSON works over WebSocket only: write wss://host or ws://host")]
    JsonNeedsWebSocket,
    /// An insecure address follows a secure one. The client never moves from secure to insecure.
    #[error("it is insecure, but the address before it is secure: use wss:// for both")]
    Downgrade,
    /// The name server returned a front-end address without a port.
    #[error("the name server returned it without a port")]
    MissingPort,
    /// The name server returned a front-end address whose host
    /// [`ChatConfig::allowed_front_ends`](crate::ChatConfig::allowed_front_ends) does not list.
    #[error("allowed_front_ends does not list its host: add the host if you trust it")]
    NotAllowed,
    /// The name server returned a front-end address for another transport than the one in use.
    #[error("the name server returned it for another transport than the one in use")]
    OtherTransport,
}

/// The advice for a call that a state does not allow. Most calls need the front end; the others are
/// named.
const fn next_step(state: State) -> &'static str {
    match state {
        State::Uninitialized => {
            "connect first (connect_to_region_front_end), then repeat it once the state is \
             ConnectedToFrontEnd (get_regions: connect_to_name_server, ConnectedToNameServer)"
        }
        State::Disconnected => {
            "connect again (connect_to_region_front_end or reconnect), then repeat it once the state \
             is ConnectedToFrontEnd"
        }
        State::Error => {
            "the connection was lost: call reconnect, or wait for the client if it restores, then \
             repeat it once the state is ConnectedToFrontEnd"
        }
        State::ConnectingToNameServer | State::ConnectingToFrontEnd => {
            "repeat it once the state is ConnectedToFrontEnd, or call disconnect to connect in \
             another way"
        }
        State::ConnectedToNameServer => {
            "choose a region (connect_to_region_front_end), then repeat it once the state is \
             ConnectedToFrontEnd; or call disconnect to connect in another way"
        }
        State::ConnectedToFrontEnd => "call disconnect first",
    }
}

impl From<EncodeError> for RequestError {
    fn from(error: EncodeError) -> Self {
        match error.kind {
            EncodeErrorKind::MessageTooLong(max_bytes) => Self::TooLong { max_bytes },
            _ => Self::Unencodable(error),
        }
    }
}

impl From<photon_proto::peer::SendError> for RequestError {
    fn from(error: photon_proto::peer::SendError) -> Self {
        use photon_proto::peer::SendError;
        match error {
            SendError::TooLong { max_bytes } => Self::TooLong { max_bytes },
            SendError::NoKey => Self::EncryptionUnavailable,
            SendError::Encode(error) => error.into(),
            SendError::QueueFull => Self::QueueFull,
            // The client sends only in states in which the connection is ready.
            other => {
                debug_assert!(false, "{other}");
                Self::QueueFull
            }
        }
    }
}

/// The reason why a server rejected an operation.
///
/// Exhaustive: an operation response has no other fields for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The code of the rejected operation.
    pub operation: u8,
    /// The return code, preserved even if unknown. Spec: chat.md 1.5.
    pub code: i16,
    /// The server's text; may be empty. One of more than 1,024 bytes is shortened and ends in `…`.
    pub message: Text,
}

impl fmt::Display for ServerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the server rejected operation {} with return code {}",
            self.operation, self.code
        )?;
        if let Some(name) = crate::codes::return_code::name(self.code) {
            write!(out, " ({name})")?;
        }
        if self.message.is_empty() {
            Ok(())
        } else {
            write!(out, ": {}", self.message)
        }
    }
}

impl core::error::Error for ServerError {}

/// The reason why there is no list of regions.
///
/// May grow: a name server that is a proxy could fail in other ways.
///
/// Spec: chat.md 2.5.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionsError {
    /// The two lists of the response are missing or differ in length.
    #[error("the name server's list of regions is malformed: connect with a known region")]
    Malformed,
    /// The response did not arrive in time.
    #[error("the name server did not respond in time: try again")]
    TimedOut,
    /// The connection ended, or the client moved on to the front end, before the response arrived.
    #[error("the connection to the name server ended before it responded: connect again")]
    ConnectionLost,
    /// The name server rejected the request.
    #[error("{0}")]
    Server(ServerError),
}

impl RegionsError {
    /// Returns the number that the documented `onGetRegionsResult` reports.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Malformed => -1,
            Self::TimedOut => 3004,
            Self::ConnectionLost => 3003,
            Self::Server(error) => error.code as i32,
        }
    }
}
