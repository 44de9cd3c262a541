//! [`Carrier`]: a server's side of the carrier of one link.

use chat_core::{Limits, Timestamp, Wire};
use photon_proto::json::{self, Frame};
use photon_proto::tcp::{Item, Splitter};
use photon_proto::udp::datagram::decode;
use photon_proto::udp::{
    Cause, Config, ConnectRequest, Connection, Delivery, Event, REASON_CLIENT, State,
};

/// The peer id that a server assigns. Every server has one client.
const PEER_ID: u16 = 0x42;
/// The server's clock when a client connects: close to its end, so that it wraps in a script.
const CLOCK_BASE: u32 = 0xFFFF_F000;
/// The maximum of bytes in a client's datagram. Spec: udp.md 5.8
const MTU: usize = 1200;
/// The limits for messages of clients. JSON may bring back what was within the limits one level
/// deeper.
pub(super) const LIMITS: Limits = Limits {
    max_depth: 64,
    ..Limits::DEFAULT
};

/// A server's side of one link: the state that its carrier needs.
pub(super) enum Carrier {
    Stream(Splitter),
    /// WebSocket with binary messages.
    Messages,
    /// WebSocket with JSON texts.
    Json,
    Datagrams(Box<Datagrams>),
}

/// Input from a client.
pub(super) enum Arrived {
    Message(Vec<u8>),
    /// A ping that is not a message.
    Ping,
}

impl Carrier {
    pub(super) fn new(wire: Wire) -> Self {
        match wire {
            Wire::Stream => Self::Stream(Splitter::new(
                photon_proto::Role::Server,
                Limits::DEFAULT.max_sent_bytes * 2,
            )),
            Wire::Datagram => Self::Datagrams(Box::default()),
            Wire::WebSocket { protocol, .. } if protocol.is_text() => Self::Json,
            Wire::WebSocket { .. } => Self::Messages,
            other => panic!("an unknown wire: {other:?}"),
        }
    }

    pub(super) const fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    pub(super) const fn is_datagrams(&self) -> bool {
        matches!(self, Self::Datagrams(_))
    }

    /// Handles output of the client: any piece of a stream, one message or one datagram. A client
    /// that was deceived may violate the UDP protocol.
    pub(super) fn receive(&mut self, bytes: &[u8], deceived: bool, now: Timestamp) -> Vec<Arrived> {
        match self {
            Self::Stream(splitter) => {
                splitter.push(bytes);
                let mut arrived = Vec::new();
                while let Some(item) = splitter.next().expect("a client's stream has no errors") {
                    arrived.push(match item {
                        Item::PingRequest { .. } => Arrived::Ping,
                        Item::PingResponse { .. } => panic!("a client answers no pings"),
                        Item::Frame {
                            channel,
                            delivery,
                            message,
                        } => {
                            assert_eq!((channel, delivery), (0, 1));
                            Arrived::Message(splitter.message_mut(message).to_vec())
                        }
                    });
                }
                arrived
            }
            Self::Messages => vec![Arrived::Message(bytes.to_vec())],
            Self::Json => vec![read_text(bytes)],
            Self::Datagrams(datagrams) => datagrams.receive(bytes, deceived, now),
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
fn read_text(bytes: &[u8]) -> Arrived {
    let mut reader = json::Reader::new(photon_proto::Role::Server, &LIMITS, bytes)
        .expect("a client's messages are texts");
    let mut message = Vec::new();
    let arrived = match reader
        .next(&mut message)
        .expect("a client's frames have no errors")
        .expect("a client's text has a frame")
    {
        Frame::PingRequest { .. } => Arrived::Ping,
        Frame::Message(_) => Arrived::Message(message),
        other => panic!("a client does not send {other:?}"),
    };
    assert!(reader.is_at_end(), "more than one frame");
    arrived
}

/// A server's side of a UDP connection.
#[derive(Default)]
pub(super) struct Datagrams {
    /// There from the connect of the client on.
    connection: Option<Connection>,
    ended: Option<Cause>,
}

impl Datagrams {
    fn receive(&mut self, bytes: &[u8], deceived: bool, now: Timestamp) -> Vec<Arrived> {
        let datagram = decode(bytes).expect("a client's datagrams have no errors");
        assert_eq!(datagram.trailing_bytes(), 0);
        assert!(bytes.len() <= MTU, "{} bytes in a datagram", bytes.len());
        let Some(connection) = &mut self.connection else {
            // Anything else than a connect is the disconnect of a client whose connect was lost.
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
        let mut arrived = Vec::new();
        while let Some(event) = connection.poll_event() {
            match event {
                Event::Connected => {}
                Event::Message(message) => {
                    assert_eq!((message.channel, message.delivery), (0, Delivery::Reliable));
                    arrived.push(Arrived::Message(message.bytes));
                }
                Event::Disconnected(cause) => self.ended = Some(cause),
            }
        }
        arrived
    }

    /// Sends these messages, or none while there is no connection.
    pub(super) fn send(&mut self, messages: &[Vec<u8>]) {
        for message in messages {
            if let Some(connection) = &mut self.connection {
                // After the end of the connection nothing is sent, and no script expects it.
                let _ = connection.send(0, Delivery::Reliable, message);
            }
        }
    }

    pub(super) fn close(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close();
        }
    }

    /// All datagrams that are due.
    pub(super) fn transmit(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
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

    pub(super) fn is_connected(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.state() == State::Connected)
    }

    /// Whether the client has ended the connection.
    pub(super) fn was_closed_by_client(&self) -> bool {
        self.ended == Some(Cause::ClientLeft(REASON_CLIENT))
    }
}
