//! Photon's own reliable UDP as a sans-IO state machine, for both ends. Spec: [udp.md].
//!
//! [`Connection`] is one end of one connection: a client [connects](Connection::connect), a server
//! [accepts](Connection::accept). A server usually does so through an [`Acceptor`], which keeps a
//! table of connections by address. Datagrams and time go in ([`Connection::handle_datagram`],
//! [`Connection::handle_timeout`]); datagrams ([`Connection::transmit`]), [events](Event) and the
//! next deadline ([`Connection::poll_timeout`]) come out. Nothing here opens a socket, reads a
//! clock or draws random numbers: the caller passes them in.
//!
//! The contract:
//!
//! - Time is measured in whole milliseconds since the connection began. A `now` before the last one
//!   counts as the last one.
//! - A command counts as sent when its datagram is pulled with `transmit`.
//! - After any call, pull events and then datagrams until both return `None`.
//! - No input causes a panic, and memory stays within the caps of [`Config`].
//!
//! ```
//! use photon_proto::Timestamp;
//! use photon_proto::udp::{Acceptor, AcceptorConfig, Config, Connection, Delivery, Event};
//!
//! let now = Timestamp::ZERO;
//! // In production the two numbers come from the operating system's random source.
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
//! # let (_handle, event) = server.poll_event().unwrap();
//! # assert_eq!(event, Event::Connected);
//! # let (_handle, event) = server.poll_event().unwrap();
//! # let Event::Message(message) = event else { panic!("no message") };
//! # assert_eq!(message.bytes, b"hello");
//! # Ok::<(), photon_proto::udp::SendError>(())
//! ```
//!
//! [udp.md]: crate::spec::udp

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
mod unsequenced;
mod violation;

pub use crate::tcp::Delivery;
pub use acceptor::{Acceptor, ConnectionHandle};
pub use config::{AcceptorConfig, Config, REASON_CLIENT};
pub(crate) use connection::MAX_SLEEPS_IN_A_ROW;
pub use connection::{ConnectRequest, Connection, SLEEP_GRACE};
pub use stats::{AcceptorStats, Discarded, DroppedDatagrams, Stats};
pub use violation::Violation;

use alloc::vec::Vec;

/// The state of a connection. Exhaustive: a driver has to handle each of them, and udp.md has no
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Client: the server has not answered yet. Server: the client has not yet proved that it
    /// receives our datagrams.
    Connecting,
    /// Both ends can send messages.
    Connected,
    /// [`Connection::shutdown`] was called and has not finished.
    Disconnecting,
    /// The connection has ended. One last datagram may still have to be pulled.
    Disconnected,
}

/// An event of a connection. Exhaustive: each of them has to be handled for the connection to work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Messages can be sent from now on.
    Connected,
    /// A message arrived.
    Message(Message),
    /// The connection has ended. All messages that arrived before its end precede this event.
    Disconnected(Cause),
}

/// A received message, complete and in the order that its delivery promises.
///
/// Exhaustive: the parts are the ones that a command carries, and tests build it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The channel on which it was sent.
    pub channel: u8,
    /// The delivery with which it was sent.
    pub delivery: Delivery,
    /// The content, never empty. [`Connection::recycle`] takes the buffer back.
    pub bytes: Vec<u8>,
}

/// The reason for the end of a connection. Spec: udp.md 7.
///
/// Non-exhaustive: later versions may distinguish more causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// This end closed the connection.
    #[error("closed by this end")]
    LocalClose,
    /// The peer did not answer while connecting.
    #[error("the peer did not answer while connecting")]
    ConnectTimeout,
    /// The peer did not acknowledge a command in time.
    #[error("the peer stopped acknowledging")]
    Timeout,
    /// The program stood still, and nothing of the peer arrived afterwards: see [`Connection::wake`].
    #[error("nothing arrived after this program had stood still")]
    Slept,
    /// The server disconnected with reason 1: its logic requested it.
    #[error("disconnected by server logic")]
    ServerLogic,
    /// The server disconnected with reason 2: it received nothing from this client for too long.
    #[error("disconnected by the server, which received nothing for too long")]
    ServerTimeout,
    /// The server disconnected with reason 3: it has reached its user limit.
    #[error("disconnected by the server, which has reached its user limit")]
    ServerUserLimit,
    /// The server disconnected with another reason.
    #[error("disconnected by the server with reason {0}")]
    ServerUnknown(u8),
    /// Server role: the client disconnected; carries the reserved byte of its command.
    #[error("disconnected by the client with reason {0}")]
    ClientLeft(u8),
    /// Server role: the client opened a new connection from the same address.
    #[error("replaced by a new connection from the same address")]
    Replaced,
    /// The peer violated the protocol, or sequence numbers are used up.
    #[error("protocol error: {0}")]
    ProtocolError(Violation),
}

impl Cause {
    /// Converts the reason of a server's disconnect command. Spec: udp.md 7.2.
    pub(crate) const fn of_server(reason: u8) -> Self {
        match reason {
            1 => Self::ServerLogic,
            2 => Self::ServerTimeout,
            3 => Self::ServerUserLimit,
            other => Self::ServerUnknown(other),
        }
    }
}

/// The reason for refusing to send a message. Non-exhaustive: later versions may have more limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is not established yet, or has ended.
    #[error("the connection is not established; send after the event Connected")]
    NotConnected,
    /// The message is longer than [`Config::max_message_bytes`].
    #[error("the message is longer than {max_bytes} bytes; send it in parts")]
    TooLong {
        /// The configured limit.
        max_bytes: usize,
    },
    /// The connection has no such channel.
    #[error("there is no channel {0}; raise Config::channels")]
    Channel(u8),
    /// The sequence numbers of the channel are used up, which ends the connection.
    /// Spec: udp.md 4.1.
    #[error("the sequence numbers of the channel are used up; connect again")]
    NumbersExhausted,
}
