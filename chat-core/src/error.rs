//! What a call can be refused for ([`RequestError`]), and what a server said no to ([`ServerError`]).

use crate::state::State;
use core::fmt;
use photon_proto::{EncodeError, EncodeErrorKind, Text};

/// A call that was refused at once: nothing was sent, nothing changed, no event follows.
///
/// This is what the documented API says with `false`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The client's state does not allow the call.
    #[error("not possible in state {0}")]
    WrongState(State),
    /// The same thing is under way already.
    #[error("already in progress")]
    AlreadyInProgress,
    /// Too much waits to be sent, too many events wait to be taken, or too many requests (4,096 of a kind) wait for their
    /// outcome: try again when some of that is done.
    #[error(
        "the queue is full: drain events, send what waits, let requests be answered, then try again"
    )]
    QueueFull,
    /// The message would be longer than the limit.
    #[error("the message is longer than {max_bytes} bytes")]
    TooLong {
        /// The limit: `Limits::max_sent_bytes`, or the cap for outgoing bytes if that is lower.
        max_bytes: usize,
    },
    /// An empty list, name or content where there must be something.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// `last_ids` must hold one id for each channel.
    #[error("{ids} last ids for {channels} channels")]
    LastIds {
        /// How many ids there are.
        ids: usize,
        /// How many channels there are.
        channels: usize,
    },
    /// Creation options that cannot be sent. Spec: chat.md 3.1.
    #[error("creation options: {0}")]
    CreationOptions(&'static str),
    /// A list with too many entries.
    #[error("more than {most} {what} in one request")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        most: usize,
    },
    /// `send_operation` with the code of an operation that is the client's own business: logging in.
    #[error("operation {0} cannot be sent this way: logging in is what the connect calls do")]
    ReservedOperation(u8),
    /// `reconnect` without the front end's address and a token: connect by way of the name server.
    #[error("nothing to reconnect to: connect by way of the name server first")]
    NothingToReconnectTo,
    /// Encryption was asked for, and the connection has no key.
    #[error("the connection is not encrypted: keys were switched off")]
    EncryptionUnavailable,
    /// The content cannot be expressed in the connection's protocol.
    #[error("the content cannot be sent: {0}")]
    Unencodable(EncodeError),
    /// A server address that cannot be used.
    #[error("address {text:?}: {why}")]
    Address {
        /// The address as it was given.
        text: Text,
        /// What is wrong with it.
        why: AddressError,
    },
}

/// The fault of a server address. Spec: chat.md 2.1.
///
/// May grow with the address syntax.
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
    /// White space or a control character.
    #[error("white space and control characters are not allowed: remove them")]
    WhiteSpace,
    /// A user, path, query or fragment where only host and port are allowed.
    #[error("only host and port may follow the scheme: remove the rest")]
    SurplusParts,
    /// A WebSocket path with a query, a fragment, or a character that is not percent-encoded.
    #[error("the path must be percent-encoded and have no query and no fragment")]
    BadPath,
    /// JSON is configured, and the address is not a WebSocket address.
    #[error("JSON works over WebSocket only: write wss://host or ws://host")]
    JsonNeedsWebSocket,
    /// An insecure address follows a secure one. The client never moves from secure to insecure.
    #[error("it is not secure, but the address before it is: use wss:// here too")]
    Downgrade,
    /// The name server gave a front-end address without a port.
    #[error("the port is missing")]
    MissingPort,
    /// The name server gave a front-end address for another transport than the client's.
    #[error("the address is for another transport")]
    OtherTransport,
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

/// A server said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The operation it said no to.
    pub operation: u8,
    /// Its return code, kept even if unknown. Spec: chat.md 1.5.
    pub code: i16,
    /// Its words; may be empty.
    pub message: Text,
}

impl fmt::Display for ServerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "operation {}: return code {}",
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

/// Why regions could not be listed. Spec: chat.md 2.5.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionsError {
    /// The answer's two lists are missing or differ in length.
    #[error("the answer is malformed")]
    Malformed,
    /// No answer came in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended, or moved on to the front end, before the answer came.
    #[error("the connection to the name server ended before the answer came")]
    ConnectionLost,
    /// The name server said no.
    #[error("{0}")]
    Server(ServerError),
}

impl RegionsError {
    /// The number that the documented `onGetRegionsResult` gives.
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
