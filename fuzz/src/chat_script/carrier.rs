//! [`Carrier`]: a server's side of what carries messages over one link.

use super::transport::Carriage;
use chat_core::{Limits, Timestamp, Wire};
use photon_proto::json::{self, Frame};
use photon_proto::tcp::{self, Item, Splitter};
use photon_proto::udp::datagram::decode;
use photon_proto::udp::{
    Cause, Config, ConnectRequest, Connection, Delivery, Event, REASON_CLIENT, State,
};

/// What a server calls every client of its own.
const PEER_ID: u16 = 0x42;
/// What a server's clock shows when a client connects.
const CLOCK_BASE: u32 = 0xFFFF_F000;
/// Longest datagram that a client sends.
const MTU: usize = 1200;
/// In JSON what was written within the limits may come back a level deeper.
pub(super) const LIMITS: Limits = Limits {
    max_depth: 64,
    ..Limits::DEFAULT
};

/// One variant for each way of carrying messages.
pub(super) enum Carrier {
    Stream(Splitter),
    Messages,
    Json,
    Datagrams(Box<Datagrams>),
}

/// What comes from a client.
pub(super) enum Came {
    Message(Vec<u8>),
    /// A ping of the carrier's own.
    Ping,
}

impl Carrier {
    pub(super) fn new(wire: Wire) -> Self {
        match Carriage::of(wire) {
            Carriage::Stream => Self::Stream(Splitter::new(
                tcp::Role::Server,
                Limits::DEFAULT.max_sent_bytes * 2,
            )),
            Carriage::Messages => Self::Messages,
            Carriage::Json => Self::Json,
            Carriage::Datagrams => Self::Datagrams(Box::default()),
        }
    }

    pub(super) const fn carriage(&self) -> Carriage {
        match self {
            Self::Stream(_) => Carriage::Stream,
            Self::Messages => Carriage::Messages,
            Self::Json => Carriage::Json,
            Self::Datagrams(_) => Carriage::Datagrams,
        }
    }

    /// Takes what the client has sent: any piece of a stream, or one message or datagram. A client that was deceived may
    /// send datagrams that make no sense.
    pub(super) fn take(&mut self, bytes: &[u8], deceived: bool, now: Timestamp) -> Vec<Came> {
        match self {
            Self::Stream(splitter) => {
                splitter.push(bytes);
                let mut came = Vec::new();
                while let Some(item) = splitter.next().expect("a client's stream can be followed") {
                    came.push(match item {
                        Item::PingRequest { .. } => Came::Ping,
                        Item::PingResponse { .. } => panic!("a client answers no pings"),
                        Item::Frame {
                            channel,
                            delivery,
                            message,
                        } => {
                            assert_eq!((channel, delivery), (0, 1));
                            Came::Message(splitter.message_mut(message).to_vec())
                        }
                    });
                }
                came
            }
            Self::Messages => vec![Came::Message(bytes.to_vec())],
            Self::Json => vec![read_text(bytes)],
            Self::Datagrams(datagrams) => datagrams.take(bytes, deceived, now),
        }
    }

    pub(super) fn datagrams(&self) -> Option<&Datagrams> {
        if let Self::Datagrams(datagrams) = self {
            Some(datagrams)
        } else {
            None
        }
    }

    pub(super) fn datagrams_mut(&mut self) -> Option<&mut Datagrams> {
        if let Self::Datagrams(datagrams) = self {
            Some(datagrams)
        } else {
            None
        }
    }
}

/// The one frame of a client's text message.
fn read_text(bytes: &[u8]) -> Came {
    let mut reader = json::Reader::new(json::Role::Server, &LIMITS, bytes)
        .expect("a client's messages are text");
    let mut message = Vec::new();
    let came = match reader
        .next(&mut message)
        .expect("a client's frames are good")
        .expect("a frame")
    {
        Frame::PingRequest { .. } => Came::Ping,
        Frame::Message(_) => Came::Message(message),
        other => panic!("a client does not send {other:?}"),
    };
    assert!(reader.is_at_end(), "more than one frame");
    came
}

/// A server's end of reliable datagrams with one client.
#[derive(Default)]
pub(super) struct Datagrams {
    /// Once the client has asked for it.
    connection: Option<Connection>,
    ended: Option<Cause>,
}

impl Datagrams {
    fn take(&mut self, bytes: &[u8], deceived: bool, now: Timestamp) -> Vec<Came> {
        let datagram = decode(bytes).expect("a client's datagrams can be read");
        assert_eq!(datagram.trailing_bytes(), 0);
        assert!(bytes.len() <= MTU, "{} bytes in a datagram", bytes.len());
        let Some(connection) = &mut self.connection else {
            // Without one it is the goodbye of a client whose wish to connect was lost.
            self.connection = ConnectRequest::decode(bytes).map(|request| {
                Connection::accept(Config::server(), &request, PEER_ID, CLOCK_BASE, now)
            });
            return Vec::new();
        };
        connection.handle_datagram(now, bytes);
        assert!(
            deceived || connection.stats().violations == 0,
            "a client keeps to the protocol"
        );
        let mut came = Vec::new();
        while let Some(event) = connection.poll_event() {
            match event {
                Event::Connected => {}
                Event::Message(message) => {
                    assert_eq!((message.channel, message.delivery), (0, Delivery::Reliable));
                    came.push(Came::Message(message.bytes));
                }
                Event::Disconnected(cause) => self.ended = Some(cause),
            }
        }
        came
    }

    /// Says these messages, or nothing while nobody is connected.
    pub(super) fn say(&mut self, messages: &[Vec<u8>]) {
        for message in messages {
            if let Some(connection) = &mut self.connection {
                // What is said after the end goes nowhere.
                let _ = connection.send(0, Delivery::Reliable, message);
            }
        }
    }

    pub(super) fn close(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close();
        }
    }

    /// The datagrams that go out by now.
    pub(super) fn pull(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        let Some(connection) = &mut self.connection else {
            return Vec::new();
        };
        connection.handle_timeout(now);
        let mut datagrams = Vec::new();
        while let Some(datagram) = connection.transmit(now) {
            datagrams.push(datagram.to_vec());
            connection.transmitted();
        }
        datagrams
    }

    pub(super) fn sent_messages(&self) -> u64 {
        self.connection
            .as_ref()
            .map_or(0, |connection| connection.stats().sent_messages)
    }

    /// Whether messages go both ways.
    pub(super) fn is_connected(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.state() == State::Connected)
    }

    /// Whether the client has ended it of its own accord.
    pub(super) fn was_left(&self) -> bool {
        self.ended == Some(Cause::ClientLeft(REASON_CLIENT))
    }
}
