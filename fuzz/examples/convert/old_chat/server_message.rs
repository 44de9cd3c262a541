//! [`ServerMessage`]: what a server says, from one byte and what belongs to it, and the message that says it.

use super::samples::{Content, Name, Properties, names};
use super::script::{byte_of, chosen};
use crate::input::Input;

/// What a server can say; each begins with one byte, the likelier ones with many a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// The answer to the init.
    InitResponse,
    /// The answer to the key exchange: which.
    Key,
    /// The answer to a login: code, flags.
    Login,
    /// The answer to `get_regions`: code, flag.
    Regions,
    /// Event 5: names, flags, properties, two names.
    Subscribed,
    /// Event 6: names.
    Unsubscribed,
    /// Event 0: channel, sender, content, how many, id of the last.
    Messages,
    /// Event 2: sender, target, content, id.
    Private,
    /// Event 4: user, status, what message.
    Status,
    /// Event 7: channel, flag, user, properties.
    Properties,
    /// Events 8 and 9: flag, channel, user, properties.
    Moved,
    /// Event 10: flags, channel, content.
    ErrorInfo,
    /// A response: operation, code.
    Response,
    /// An event without anything: code.
    Event,
    /// A disconnect message: code; over datagrams, with a code above 0, the end of the connection instead.
    Disconnect,
    /// The answer to a ping: two times; where pings are messages and the first is odd, without a header.
    Pong,
    /// A raw message: bytes.
    Raw,
    /// Many events at once: how many; in JSON an odd number of them comes in one text.
    Flood,
    /// Any bytes as a message, in a frame where there are frames: kind, bytes; in JSON any bytes in the place of an object.
    Framed,
    /// Any bytes at all, in the place of a datagram or WebSocket message if the link carries such.
    Garbage,
}

pub(super) const SAYS: [(Say, u16); 20] = [
    (Say::InitResponse, 18),
    (Say::Key, 14),
    (Say::Login, 18),
    (Say::Regions, 8),
    (Say::Subscribed, 24),
    (Say::Unsubscribed, 12),
    (Say::Messages, 26),
    (Say::Private, 12),
    (Say::Status, 10),
    (Say::Properties, 14),
    (Say::Moved, 16),
    (Say::ErrorInfo, 8),
    (Say::Response, 18),
    (Say::Event, 4),
    (Say::Disconnect, 4),
    (Say::Pong, 10),
    (Say::Raw, 6),
    (Say::Flood, 6),
    (Say::Framed, 20),
    (Say::Garbage, 8),
];

impl Say {
    /// A byte that begins it.
    #[must_use]
    pub fn byte(self) -> u8 {
        byte_of(self, &SAYS)
    }
}

/// What a server says.
#[derive(Clone, Debug)]
pub(super) enum ServerMessage<'a> {
    InitResponse,
    Key {
        code: i16,
        key: Key,
    },
    Login {
        code: i16,
        address: Option<Front>,
        token: bool,
        user: Option<Name>,
        data: bool,
    },
    Regions {
        code: i16,
        equal: bool,
    },
    Subscribed {
        channels: Vec<Name>,
        yes: bool,
        details: Option<(Properties, Name, Name)>,
    },
    Unsubscribed(Vec<Name>),
    Messages {
        channel: Name,
        sender: Name,
        content: Content,
        count: u8,
        id: i32,
    },
    Private {
        sender: Name,
        target: Name,
        content: Content,
        id: i32,
    },
    Status {
        user: Name,
        status: i32,
        message: Option<Content>,
    },
    Properties {
        channel: Name,
        user: Option<Name>,
        properties: Properties,
    },
    Moved {
        entered: bool,
        channel: Name,
        user: Name,
        properties: Properties,
    },
    ErrorInfo {
        channel: Option<Name>,
        content: Option<Content>,
    },
    Response {
        operation: u8,
        code: i16,
    },
    Event(u8),
    Disconnect(i16),
    Pong {
        server_time: i32,
        client_time: i32,
    },
    Raw(&'a [u8]),
    Flood {
        events: u8,
    },
    Framed {
        kind: u8,
        body: &'a [u8],
    },
    Garbage(&'a [u8]),
}

/// What a server gives as its public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Good,
    /// One of which anybody knows what it leads to.
    Degenerate,
    Missing,
}

/// Where a name server sends a client to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    Good,
    /// No address.
    Bad,
    /// Over another transport: over another kind of WebSocket, where it is one.
    Elsewhere,
}

fn code(input: &mut Input<'_>) -> i16 {
    match input.u8() {
        0..=159 => 0,
        other => [32767, 32753, -2, -3, 32755][usize::from(other) % 5],
    }
}

impl<'a> ServerMessage<'a> {
    pub(super) const SERVER_KEY: Self = Self::Key {
        code: 0,
        key: Key::Good,
    };
    pub(super) fn read(input: &mut Input<'a>) -> Self {
        match chosen(input.u8(), &SAYS) {
            Say::InitResponse => Self::InitResponse,
            Say::Key => match input.below(16) {
                0 => Self::Key {
                    code: 0,
                    key: Key::Degenerate,
                },
                1 => Self::Key {
                    code: 0,
                    key: Key::Missing,
                },
                2 => Self::Key {
                    code: -1,
                    key: Key::Good,
                },
                _ => Self::SERVER_KEY,
            },
            Say::Login => {
                let (code, flags) = (code(input), input.u8());
                Self::Login {
                    code,
                    address: match flags & 15 {
                        15 => None,
                        14 => Some(Front::Bad),
                        13 => Some(Front::Elsewhere),
                        _ => Some(Front::Good),
                    },
                    token: flags & 0x70 != 0x70,
                    user: (flags & 0x80 != 0).then(|| Name::read(input)),
                    data: flags & 0x40 != 0,
                }
            }
            Say::Regions => Self::Regions {
                code: code(input),
                equal: input.flag(),
            },
            Say::Subscribed => {
                let (channels, flags) = (names(input), input.u8());
                let details = (flags & 8 != 0).then(|| {
                    (
                        Properties::read(input),
                        Name::read(input),
                        Name::read(input),
                    )
                });
                Self::Subscribed {
                    channels,
                    yes: flags & 7 != 0,
                    details,
                }
            }
            Say::Unsubscribed => Self::Unsubscribed(names(input)),
            Say::Messages => Self::Messages {
                channel: Name::read(input),
                sender: Name::read(input),
                content: Content::read(input),
                count: input.below(5),
                id: input.i32(),
            },
            Say::Private => Self::Private {
                sender: Name::read(input),
                target: Name::read(input),
                content: Content::read(input),
                id: input.i32(),
            },
            Say::Status => Self::Status {
                user: Name::read(input),
                status: input.u8().into(),
                message: input.flag().then(|| Content::read(input)),
            },
            Say::Properties => Self::Properties {
                channel: Name::read(input),
                user: input.flag().then(|| Name::read(input)),
                properties: Properties::read(input),
            },
            Say::Moved => Self::Moved {
                entered: input.flag(),
                channel: Name::read(input),
                user: Name::read(input),
                properties: Properties::read(input),
            },
            Say::ErrorInfo => {
                let flags = input.u8();
                Self::ErrorInfo {
                    channel: (flags & 1 != 0).then(|| Name::read(input)),
                    content: (flags & 2 != 0).then(|| Content::read(input)),
                }
            }
            Say::Response => Self::Response {
                operation: input.below(10),
                code: code(input),
            },
            Say::Event => Self::Event(input.u8()),
            Say::Disconnect => Self::Disconnect(code(input)),
            Say::Pong => Self::Pong {
                server_time: input.i32(),
                client_time: input.u16().into(),
            },
            Say::Raw => Self::Raw(input.bytes(40)),
            Say::Flood => Self::Flood { events: input.u8() },
            Say::Framed => Self::Framed {
                kind: input.u8(),
                body: input.bytes(120),
            },
            Say::Garbage => Self::Garbage(input.bytes(40)),
        }
    }
}
