//! The results of a connection: what it received, how it ended, why it refused to send.

use crate::crypto::Cipher;
use crate::error::{DecodeError, EncodeError};
use crate::message::{self, ENCRYPTED, Header, Init, MessageKind};
use crate::text::Text;
use crate::udp;
use core::ops::Range;

/// The next thing that a [`Peer`](super::Peer) received. `M` is a message: inside the peer its
/// position in a buffer, for the owner its bytes ([`Received`]).
///
/// More variants may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inbound<M> {
    /// No result for the owner: nothing complete has arrived, or the peer handled it alone.
    Nothing,
    /// Client: the server answered the init, and the client's key was sent.
    Handshake,
    /// Client: the handshake is complete, and operations can be sent.
    Ready,
    /// Server: the client's init, to be answered with
    /// [`Peer::answer_init`](super::Peer::answer_init). A text init (wire.md 2.3) is reported as
    /// the same type, without its host and token. Over WebSocket there is no init; the owner greets
    /// as soon as the link is open.
    Init(Init),
    /// Server: the client's public key, to be answered with
    /// [`Peer::answer_keys`](super::Peer::answer_keys).
    KeyRequest,
    /// Server: a ping, to be answered with [`Peer::answer_ping`](super::Peer::answer_ping).
    Ping {
        /// Milliseconds on the client's clock.
        client_time: i32,
    },
    /// A message for the owner.
    Message {
        /// The kind of message.
        kind: MessageKind,
        /// Whether it was encrypted.
        encrypted: bool,
        /// The whole message from its two header bytes on; the body is in clear.
        message: M,
    },
    /// A message that cannot be decoded or decrypted. It is skipped: the connection goes on.
    /// Spec: wire.md 10.
    Bad {
        /// The reason why it cannot be decoded or decrypted.
        error: DecodeError,
        /// The message, as far as it was decrypted.
        message: M,
    },
    /// A well-formed message without a meaning in this role and phase.
    Ignored,
    /// The connection ended. Nothing follows, and every later call gives the same.
    Ended(End),
}

/// The result of [`Peer::receive`](super::Peer::receive).
pub type Received<'a> = Inbound<&'a [u8]>;

impl<M> Inbound<M> {
    /// Replaces the message, if there is one: to copy it, for example.
    #[must_use]
    #[inline]
    pub fn map<N>(self, message_of: impl FnOnce(M) -> N) -> Inbound<N> {
        match self {
            Self::Message {
                kind,
                encrypted,
                message,
            } => Inbound::Message {
                kind,
                encrypted,
                message: message_of(message),
            },
            Self::Nothing => Inbound::Nothing,
            Self::Handshake => Inbound::Handshake,
            Self::Ready => Inbound::Ready,
            Self::Init(init) => Inbound::Init(init),
            Self::KeyRequest => Inbound::KeyRequest,
            Self::Ping { client_time } => Inbound::Ping { client_time },
            Self::Bad { error, message } => Inbound::Bad {
                error,
                message: message_of(message),
            },
            Self::Ignored => Inbound::Ignored,
            Self::Ended(end) => Inbound::Ended(end),
        }
    }
}

/// Decrypts the message that lies at `range` of a buffer.
#[inline]
pub(super) fn decrypted(
    message: &mut [u8],
    range: Range<usize>,
    cipher: Option<&Cipher>,
) -> Inbound<Range<usize>> {
    debug_assert_eq!(message.len(), range.len(), "the range is the message's");
    let is_flagged = message.get(1).is_some_and(|kind| kind & ENCRYPTED != 0);
    match message::decrypt(message, cipher) {
        Ok((kind, body)) => Inbound::Message {
            kind,
            // An init response is never decrypted, flag or not. Spec: wire.md 1.2.
            encrypted: is_flagged && kind != MessageKind::InitResponse,
            // Shorter than `range` if there was padding to remove.
            message: range.start..range.start + Header::LENGTH + body.len(),
        },
        Err(error) => Inbound::Bad {
            error,
            message: range,
        },
    }
}

/// Whether messages of this kind are the owner's in both roles, once the handshake has begun. The peer
/// handles the others.
#[inline]
pub(super) const fn is_passed_on(kind: MessageKind) -> bool {
    matches!(
        kind,
        MessageKind::Request
            | MessageKind::Response
            | MessageKind::Event
            | MessageKind::Disconnect
            | MessageKind::Value
            | MessageKind::Raw
    )
}

/// The driver handed over far more input than the cap allows.
pub(super) struct Overrun;

/// How a connection ended. More variants may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The driver reported that the link is gone.
    LinkClosed,
    /// The driver handed over far more bytes than [`Peer::wants_input`](super::Peer::wants_input)
    /// allowed.
    Overrun,
    /// The stream cannot be split into frames any further.
    BadStream(DecodeError),
    /// Server: the client's first message is no init of a known protocol.
    BadInit(DecodeError),
    /// The client's UDP connection ended.
    Udp(udp::Cause),
    /// Client: the key exchange failed.
    KeyExchange {
        /// Why.
        failure: KeyExchangeFailure,
        /// The server's return code; 0 unless it refused.
        return_code: i16,
        /// The server's text; may be empty.
        text: Text,
    },
}

/// How a key exchange failed. More variants may follow. Spec: wire.md 8.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum KeyExchangeFailure {
    /// The server answered with an error: see the return code and text.
    #[error("key exchange refused")]
    Refused,
    /// The key could not be sent: the limits leave no space for it.
    #[error("the key could not be sent")]
    NotSent,
    /// The other end sent no key.
    #[error("key exchange answered without a key")]
    NoKey,
    /// No secret can be computed from the other end's key.
    #[error("key exchange answered with a bad key")]
    BadKey,
    /// JSON has no key exchange: connect to `wss://`, or configure [`Encryption::Off`].
    /// Spec: chat.md 2.3.
    ///
    /// [`Encryption::Off`]: super::Encryption::Off
    #[error(
        "JSON has no key exchange: connect to wss://, or configure Encryption::Off to send everything in clear"
    )]
    NotPossible,
    /// Built without the feature `encryption`: enable it, or configure [`Encryption::Off`].
    ///
    /// [`Encryption::Off`]: super::Encryption::Off
    #[error(
        "built without the feature `encryption`: enable it, or configure Encryption::Off to send everything in clear"
    )]
    NotCompiledIn,
}

/// Why [`Peer::send`](super::Peer::send) refused a message. More variants may follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handshake is not complete, or the connection was shut down.
    #[error("the connection is not ready: send after the handshake and before the shutdown")]
    NotReady,
    /// Too many bytes wait to be sent.
    #[error("too many bytes wait to be sent: send again when some are transmitted")]
    QueueFull,
    /// The message is longer than all the space there is.
    #[error("the message is longer than {max_bytes} bytes")]
    TooLong {
        /// The longest message that can be sent.
        max_bytes: usize,
    },
    /// Encryption was requested, but no keys were exchanged and the wire is not secure.
    #[error("the connection has no keys to encrypt with")]
    NoKey,
    /// The message cannot be expressed in the connection's sub-protocol.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl SendError {
    /// Checks that a message may be sent that takes so many bytes, after which so many wait.
    ///
    /// Asked after encoding, even if there is no space at all: a message that can never be sent must not
    /// be reported as one that can be sent later.
    #[inline]
    pub(super) const fn admit(bytes: usize, waiting: usize, cap: usize) -> Result<(), Self> {
        if waiting <= cap {
            return Ok(());
        }
        // Waiting makes space for other messages, but never enough for one that is too long.
        Err(if bytes > cap {
            Self::TooLong { max_bytes: cap }
        } else {
            Self::QueueFull
        })
    }
}

impl From<udp::SendError> for SendError {
    fn from(error: udp::SendError) -> Self {
        match error {
            udp::SendError::TooLong { max_bytes } => Self::TooLong { max_bytes },
            // The remaining cause is exhausted sequence numbers, after two thousand million
            // messages; the connection has ended and reports it by itself.
            _ => Self::QueueFull,
        }
    }
}

/// How [`Peer::send`](super::Peer::send) sends a message. More fields may follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendOptions {
    /// Encrypts the message, unless the wire is secure by itself.
    pub encrypt: bool,
    /// Ignores [`PeerConfig::outgoing_cap_bytes`](super::PeerConfig::outgoing_cap_bytes), for
    /// messages without which the connection is of no use (logins).
    pub uncapped: bool,
}

impl SendOptions {
    /// In clear, and within the cap.
    pub const PLAIN: Self = Self {
        encrypt: false,
        uncapped: false,
    };

    /// Sets [`encrypt`](Self::encrypt).
    #[must_use]
    pub const fn encrypt(mut self, encrypt: bool) -> Self {
        self.encrypt = encrypt;
        self
    }

    /// Sets [`uncapped`](Self::uncapped).
    #[must_use]
    pub const fn uncapped(mut self) -> Self {
        self.uncapped = true;
        self
    }
}
