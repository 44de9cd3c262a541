//! [`ServerMessage`]: the messages that a server can send, good ones and bad ones.
//!
//! A real server sends none of the bad ones, and `photon_proto::peer` refuses to. That is why the
//! servers of this target write their messages themselves.

mod write;

pub(super) use write::{EXCHANGE, write_message};

use super::samples::{Code, Content, Life, MessageId, Name, Names, Properties};
use crate::script::{List, OneIn, Seldom, UpTo, script_types};

script_types! {
    /// One message of a server, or what it sends in the place of one.
    pub enum ServerMessage {
        /// A step of the handshake or the login.
        Handshake(Handshake),
        /// An event of channels and messages.
        Chat(ChatEvent),
        /// An event of users and properties.
        Presence(PresenceEvent),
        /// Another message, or none at all.
        Other(Other),
    }

    /// A step of the handshake or the login.
    pub enum Handshake {
        /// The init response; in JSON the session id.
        InitResponse,
        /// The result of the key exchange.
        Key {
            /// The error in it.
            error: Seldom<KeyError>,
        },
        /// The result of a login.
        Login {
            /// The return code.
            code: Code,
            /// The error in the front-end address.
            address_error: Seldom<AddressError>,
            /// Whether there is no token.
            without_token: OneIn<8>,
            /// A user id that the server assigns.
            user: Option<Name>,
            /// Whether there is data of the custom authentication.
            data: bool,
        },
    }

    /// An error in the result of a key exchange.
    #[derive(Copy, Eq)]
    pub enum KeyError {
        /// The public key 1, whose shared secret everybody knows.
        Degenerate,
        /// No public key.
        Missing,
        /// A return code that is not success.
        Refused,
    }

    /// An error in a front-end address.
    #[derive(Copy, Eq)]
    pub enum AddressError {
        /// No address.
        Missing,
        /// A text that is not an address.
        Unparsable,
        /// An address of another transport; over WebSocket the one with or without TLS.
        OtherTransport,
    }

    /// An event of channels and messages.
    pub enum ChatEvent {
        /// Event 5.
        Subscribed {
            /// The channels.
            channels: Names,
            /// Whether the result of each is false.
            refused: OneIn<8>,
            /// The properties and subscribers of the channel.
            details: Option<ChannelDetails>,
        },
        /// Event 6.
        Unsubscribed(Names),
        /// Event 0.
        Messages {
            /// The channel.
            channel: Name,
            /// The sender of all messages.
            sender: Name,
            /// The content of all messages.
            content: Content,
            /// The number of messages.
            count: UpTo<4>,
            /// The id of the last one.
            last_id: MessageId,
            /// The life of the channel, which gives texts their own content.
            life: Life,
        },
        /// Event 2.
        Private {
            /// The sender.
            sender: Name,
            /// The receiver.
            target: Name,
            /// The content.
            content: Content,
            /// The id.
            id: MessageId,
        },
    }

    /// The properties and two subscribers of a channel.
    pub struct ChannelDetails {
        /// The properties of the channel, and of the first subscriber.
        pub properties: Properties,
        /// A subscriber.
        pub first: Name,
        /// Another one.
        pub second: Name,
    }

    /// An event of users and properties.
    pub enum PresenceEvent {
        /// Event 4.
        Status {
            /// The user.
            user: Name,
            /// The status.
            status: u8,
            /// The status message.
            message: Option<Content>,
        },
        /// Event 7.
        PropertiesChanged {
            /// The channel.
            channel: Name,
            /// The user whose properties these are; else they are the channel's.
            user: Option<Name>,
            /// The properties.
            properties: Properties,
        },
        /// Event 8 or 9.
        Moved {
            /// Whether the user has subscribed (event 8).
            entered: bool,
            /// The channel.
            channel: Name,
            /// The user.
            user: Name,
            /// The properties of the user.
            properties: Properties,
        },
        /// Event 10.
        ErrorInfo {
            /// The channel.
            channel: Option<Name>,
            /// The data.
            content: Option<Content>,
        },
    }

    /// Another message, or none at all.
    pub enum Other {
        /// The result of `get_regions`.
        Regions {
            /// The return code.
            code: Code,
            /// Whether there are as many addresses as regions.
            matching: bool,
        },
        /// A response without parameters.
        Response {
            /// The operation.
            operation: UpTo<9>,
            /// The return code.
            code: Code,
        },
        /// An event without parameters.
        Event(u8),
        /// A disconnect message; over UDP, with a code above 0, the disconnect of the connection.
        Disconnect(Code),
        /// The response to a ping. Over WebSocket it has no header if the server time is odd.
        Pong {
            /// The server's time.
            server_time: i32,
            /// The client's time.
            client_time: u16,
        },
        /// A raw message, which chat does not use.
        Raw(List<u8, 40>),
        /// Twice as many events at once; in JSON an odd number of them comes in one text.
        Flood {
            /// Half the number of events.
            pairs: u8,
        },
        /// Any bytes as a message; in JSON any text in the place of an object.
        Framed {
            /// The message kind, with the flag of encryption.
            kind: u8,
            /// The bytes behind the header.
            body: List<u8, 120>,
        },
        /// Any bytes in the place of a datagram or of a WebSocket message, or in the stream.
        Garbage(List<u8, 80>),
    }
}

/// Lets scripts name a message without the enums around it.
macro_rules! from_parts {
    ($($part:ident => $variant:ident),*) => {
        $(
            impl From<$part> for ServerMessage {
                fn from(part: $part) -> Self {
                    Self::$variant(part)
                }
            }
        )*
    };
}

from_parts!(
    Handshake => Handshake, ChatEvent => Chat, PresenceEvent => Presence, Other => Other
);

impl Handshake {
    /// A good result of the key exchange.
    pub const KEY: Self = Self::Key {
        error: Seldom(None),
    };
    /// A successful login.
    pub const LOGIN: Self = Self::login(Code::OK, None);

    /// A login with this return code and this error in its address.
    #[must_use]
    pub const fn login(code: Code, address_error: Option<AddressError>) -> Self {
        Self::Login {
            code,
            address_error: Seldom(address_error),
            without_token: OneIn(false),
            user: None,
            data: false,
        }
    }
}

impl ServerMessage {
    /// Whether its bytes were not written by the server, so that the client may receive a key that
    /// the server does not know.
    pub(super) const fn is_made_up(&self) -> bool {
        matches!(self, Self::Other(Other::Framed { .. } | Other::Garbage(_)))
    }
}
