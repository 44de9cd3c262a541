//! Photon's own reliable UDP, sans-IO, both ends. Spec: udp.md.
//!
//! [`Connection`] is one end of one connection: a client [connects](Connection::connect), a server
//! [accepts](Connection::accept), most easily through an [`Acceptor`], which keeps a table of them by address.
//! Datagrams and time go in ([`Connection::handle_datagram`], [`Connection::handle_timeout`]); datagrams
//! ([`Connection::transmit`]), [events](Event) and the next deadline ([`Connection::poll_timeout`]) come out. Nothing
//! here opens a socket, reads a clock or draws a random number that was not handed over.
//!
//! Inside, time is whole milliseconds since the connection began. A command counts as sent when its datagram is pulled.
//! A `now` before the last one counts as the last. Whatever arrives: no panic, and memory within the [`Config`]'s caps.
//!
//! ```
//! use photon_proto::Timestamp;
//! use photon_proto::udp::{AcceptorConfig, Acceptor, Config, Connection, Delivery, Event};
//!
//! let now = Timestamp::ZERO;
//! // In real life the numbers come from the operating system's random source.
//! let mut server = Acceptor::new(AcceptorConfig::default(), [7; 32]);
//! let mut client = Connection::connect(Config::client(), 0x1234_5678, now);
//! for _ in 0..2 {
//!     while let Some(datagram) = client.transmit(now) {
//!         server.handle_datagram(now, &"the client", datagram);
//!         client.transmitted();
//!     }
//!     while let Some((_to, datagram)) = server.transmit(now) {
//!         client.handle_datagram(now, datagram);
//!         server.transmitted();
//!     }
//! }
//! assert_eq!(client.poll_event(), Some(Event::Connected));
//! client.send(0, Delivery::Reliable, b"hello")?;
//! # while let Some(datagram) = client.transmit(now) {
//! #     server.handle_datagram(now, &"the client", datagram);
//! #     client.transmitted();
//! # }
//! # let (_key, event) = server.poll_event().unwrap();
//! # assert_eq!(event, Event::Connected);
//! # let (_key, Event::Message(message)) = server.poll_event().unwrap() else { panic!("no message") };
//! # assert_eq!(message.bytes, b"hello");
//! # Ok::<(), photon_proto::udp::SendError>(())
//! ```

mod acceptor;
mod assembler;
mod clock;
pub mod command;
mod config;
mod connection;
pub mod datagram;
mod inbox;
mod pool;
mod receive;
mod reject;
mod rtt;
mod send;
mod stats;
mod violation;

pub use crate::tcp::Delivery;
pub use acceptor::{Acceptor, AcceptorConfig, AcceptorStats, ConnectionHandle};
pub use config::{Config, REASON_CLIENT};
pub use connection::{ConnectRequest, Connection};
pub use stats::{Discarded, DroppedDatagrams, Stats};
pub use violation::Violation;

use alloc::vec::Vec;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// A client that was not answered yet, or a server whose client has not shown yet that it receives.
    Connecting,
    /// Messages go both ways.
    Connected,
    /// [`Connection::shutdown`] is under way.
    Disconnecting,
    /// It is over; a last datagram may still have to be pulled.
    Disconnected,
}

/// What a connection has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Messages can be sent from now on. What arrived before a [`Event::Disconnected`] is told before it.
    Connected,
    /// A message arrived.
    Message(Message),
    /// It is over.
    Disconnected(Cause),
}

/// A message that arrived, complete and in the order that its delivery promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// On which channel.
    pub channel: u8,
    /// How it was sent.
    pub delivery: Delivery,
    /// Its bytes, never none. [`Connection::recycle`] takes the buffer back.
    pub bytes: Vec<u8>,
}

/// Why a connection is over. Spec: udp.md 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// This end closed it.
    #[error("closed by this end")]
    LocalClose,
    /// Nobody answered.
    #[error("no answer while connecting")]
    ConnectTimeout,
    /// Something that was sent was not acknowledged in time.
    #[error("the other end does not acknowledge any more")]
    Timeout,
    /// The server's logic ended it (reason 1).
    #[error("ended by the server's logic")]
    ServerLogic,
    /// The server heard nothing for too long (reason 2).
    #[error("the server heard nothing for too long")]
    ServerTimeout,
    /// The server has too many users (reason 3).
    #[error("the server has too many users")]
    ServerUserLimit,
    /// The server ended it for a reason of this number.
    #[error("ended by the server, reason {0}")]
    ServerUnknown(u8),
    /// Server role: the client said goodbye, with this reserved byte.
    #[error("the client said goodbye ({0})")]
    ClientLeft(u8),
    /// Server role: the client connected anew from the same address.
    #[error("the client connected anew")]
    Replaced,
    /// The peer broke the protocol, or the numbers are used up.
    #[error("protocol: {0}")]
    ProtocolError(Violation),
}

impl Cause {
    /// What a disconnect by the server means. Spec: udp.md 7.2.
    pub(crate) const fn of_server(reason: u8) -> Self {
        match reason {
            1 => Self::ServerLogic,
            2 => Self::ServerTimeout,
            3 => Self::ServerUserLimit,
            other => Self::ServerUnknown(other),
        }
    }
}

/// Why a message was not accepted for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Not connected, or not any more.
    #[error("the connection is not established")]
    NotConnected,
    /// Longer than the configuration allows.
    #[error("the message is longer than {max_bytes} bytes")]
    TooLong {
        /// The longest that is sent.
        max_bytes: usize,
    },
    /// There is no such channel.
    #[error("there is no channel {0}")]
    Channel(u8),
    /// The sequence numbers of the channel are used up, and the connection is over. Spec: udp.md 4.1.
    #[error("the sequence numbers of the channel are used up")]
    NumbersExhausted,
}
