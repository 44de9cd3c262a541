//! One connection to one peer, in either role: framing, init, key exchange, cipher, pings, clock,
//! silence, and the conversion of JSON. Spec: wire.md 2, 6, 7, 8.
//!
//! A [`Peer`] takes bytes and time, and gives bytes and messages. It has no socket, and it does not
//! know addresses, operations, chat or logging: its owner does. Client and server are the same
//! machine; the [`Role`] is fixed when it is created.
//!
//! ```text
//! client   Opening ──link_opened──> AwaitInit ──init response──> KeyExchange ──server key──> Ready
//!                                   (init sent)                  (skipped if encryption is off
//!                                                                 or the wire is secure)
//! server   Opening ──link_opened──> AwaitInit ──init──> Ready    (over WebSocket at once)
//!
//! both     any phase ──shutdown, abort──> Closing                (until is_flushed)
//! ```
//!
//! Over datagrams a client sends its init once the UDP connection is established. Over WebSocket
//! there is no init: the server greets, and an answered ping is as good as a greeting (wire.md
//! 7.1).
//!
//! **A client's steps run by themselves, a server's wait for the owner.** A client reports
//! [`Inbound::Handshake`] and [`Inbound::Ready`] and needs no call in between. A server reports
//! [`Inbound::Init`], [`Inbound::KeyRequest`] and [`Inbound::Ping`], and the owner answers
//! ([`Peer::answer_init`], [`Peer::answer_keys`], [`Peer::answer_ping`]), later or not at all.
//!
//! # The contract
//!
//! 1. Bytes in: [`Peer::handle_bytes`] takes a chunk of a stream, one datagram, or one WebSocket
//!    message. Nothing is processed yet, except that a client's datagrams go to its UDP connection.
//!    [`Peer::link_closed`] is the last call for a link.
//! 2. Messages in: call [`Peer::receive`] while [`Peer::has_input`] is true, until
//!    [`Inbound::Ended`]. Each call takes at most one message, so that the owner can bound its
//!    work. An end is reported after everything that was received before it, and there is only one.
//! 3. Messages out: [`Peer::send`] encodes into the peer's buffer, within a cap, or changes
//!    nothing.
//! 4. Bytes out: [`Peer::transmit`] returns the same bytes until [`Peer::transmitted`]. On streams
//!    a part may be transmitted; datagrams and WebSocket messages are sent whole.
//! 5. Time: call [`Peer::handle_timeout`] when [`Peer::poll_timeout`] is due. Every time that is
//!    passed in must be at least the one before.
//! 6. Back-pressure: while [`Peer::wants_input`] is false, stop reading. One chunk more is
//!    accepted, far more ends the connection ([`End::Overrun`]).
//! 7. The same calls with the same [`Random`] give the same bytes.
//!
//! A server's UDP connections belong to a [`udp::Acceptor`], whose table
//! serves thousands. The server's peer sits above it: it takes each received message with
//! `handle_bytes`, and what `transmit` returns goes into
//! [`Acceptor::send_with`](crate::udp::Acceptor::send_with). A client's peer owns its connection.
//!
//! These types are young: expect changes until a second server uses them.

mod carrier;
mod clock;
mod config;
mod datagram;
mod handshake;
mod inbound;
#[cfg(feature = "json")]
mod json;
mod link;
mod liveness;
mod message_queue;
mod messages;
mod stream;
mod timers;
mod unsent;
mod whole;
mod wire;

use crate::crypto::Cipher;
use crate::random::Random;
use crate::role::Role;
use crate::text::Text;
use crate::time::Timestamp;
use crate::udp;
use alloc::boxed::Box;
use alloc::sync::Arc;
use carrier::Carrier;
use clock::PeerClock;
use core::fmt;
use core::time::Duration;
use handshake::Exchange;
use liveness::Liveness;
use unsent::UnsentMessages;

pub use crate::udp::SLEEP_GRACE;
pub use config::{Encryption, PeerConfig};
pub use handshake::KeyAnswer;
pub use inbound::{End, Inbound, KeyExchangeFailure, Received, SendError, SendOptions};
pub use liveness::Overdue;
pub use wire::{SubProtocol, SubProtocolError, Wire};

/// The progress of a connection. See the diagram of the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// The driver is opening the link.
    Opening,
    /// A client waits for the answer to its init, a server for the init.
    AwaitInit,
    /// Client: its key was sent, the server's key is expected.
    KeyExchange,
    /// Operations can be sent.
    Ready,
    /// The owner ended the connection; what it accepted before may still be sent.
    Closing,
}

/// One connection to one peer; see the [module](self).
///
/// A client, from the open link to the first operation:
///
/// ```
/// use photon_proto::message::MessageWriter;
/// use photon_proto::peer::{Encryption, Inbound, Peer, PeerConfig, SendError, SendOptions, Wire};
/// use photon_proto::{Random, Timestamp};
/// use std::sync::Arc;
///
/// let now = Timestamp::ZERO;
/// let mut random = Random::new([0; 32]);
/// let mut config = PeerConfig::default();
/// config.encryption = Encryption::Off;
/// let mut client = Peer::client(Arc::new(config), Wire::Stream, "NameServer", &mut random);
///
/// client.link_opened(now, false);
/// let init = client.transmit(now).expect("the init").to_vec();
/// assert_eq!(init[..7], [0xFB, 0, 0, 0, 48, 0, 1]); // a frame of 48 bytes; wire.md 6.1
/// client.transmitted(init.len());
///
/// // The server's answer: `F3 01 00` in a frame of its own.
/// client.handle_bytes(now, &[0xFB, 0, 0, 0, 10, 0, 1, 0xF3, 1, 0]);
/// assert_eq!(client.receive(now, &mut random), Inbound::Ready);
///
/// client.send(SendOptions::PLAIN, |buffer, protocol, limits| {
///     let mut writer = MessageWriter::request(buffer, protocol, limits, 220)?;
///     writer.put(224, "app-id")?;
///     writer.finish().map_err(SendError::from)
/// })?;
/// // A ping comes first: it was sent when the server answered.
/// assert!(client.transmit(now).is_some_and(|bytes| bytes.ends_with(b"app-id")));
/// # Ok::<(), SendError>(())
/// ```
///
/// A server, with the same bytes:
///
/// ```
/// use photon_proto::message::{Init, MessageKind};
/// use photon_proto::peer::{Inbound, Peer, PeerConfig, Wire};
/// use photon_proto::{Random, Timestamp, tcp};
/// use std::sync::Arc;
///
/// let now = Timestamp::ZERO;
/// let mut random = Random::new([0; 32]);
/// let mut server = Peer::server(Arc::new(PeerConfig::default()), Wire::Stream);
/// server.link_opened(now, false);
///
/// let mut bytes = Vec::new();
/// let frame = tcp::begin_frame(&mut bytes, 0, tcp::Delivery::Reliable);
/// let init = Init {
///     protocol: [1, 8],
///     sdk: 0x1F,
///     ipv6: false,
///     version: [4, 1, 8, 20],
///     application: "NameServer".into(),
/// };
/// init.encode(&mut bytes);
/// tcp::end_frame(&mut bytes, frame);
/// server.handle_bytes(now, &bytes);
/// assert_eq!(server.receive(now, &mut random), Inbound::Init(init));
///
/// server.answer_init(&mut random);
/// assert_eq!(server.transmit(now), Some(&[0xFB, 0, 0, 0, 10, 0, 1, 0xF3, 1, 0][..]));
/// server.transmitted(10);
///
/// // Request 220 without parameters, in the clear.
/// server.handle_bytes(now, &[0xFB, 0, 0, 0, 11, 0, 1, 0xF3, 2, 220, 0]);
/// let Inbound::Message { kind: MessageKind::Request, encrypted: false, message } =
///     server.receive(now, &mut random)
/// else {
///     panic!("a request");
/// };
/// assert_eq!(message, [0xF3, 2, 220, 0]);
/// ```
pub struct Peer {
    config: Arc<PeerConfig>,
    role: Role,
    wire: Wire,
    phase: Phase,
    /// `None` for a server until the client's first message chooses it.
    protocol: Option<SubProtocol>,
    /// Client: the application that its init names.
    application: &'static str,
    ipv6: bool,
    /// Server: whether the latest ping was bare, as in the framing of TCP.
    bare_ping: bool,
    /// Whether the driver reported that the link is gone.
    link_gone: bool,
    carrier: Carrier,
    /// The owner's messages, where the carrier sends bytes in order. UDP counts for itself.
    unsent: UnsentMessages,
    /// The first thing that ended the connection, or a later one that stops all processing.
    end: Option<Box<End>>,
    /// Whether the end was taken.
    end_taken: bool,
    exchange: Exchange,
    /// Boxed: the key schedule is half as large as everything else, and many connections need none.
    cipher: Option<Box<Cipher>>,
    clock: PeerClock,
    last_received: Timestamp,
    /// Client: when the next ping is due.
    ping: Option<Timestamp>,
    liveness: Liveness,
    /// The latest time of [`Peer::transmit`]: what was transmitted has left at about that time.
    last_transmit: Timestamp,
    /// Bytes that the driver took, except over UDP.
    sent_bytes: u64,
    ping_ms: u64,
    silence_ms: u64,
}

/// Neither messages nor keys, nor the text of a server.
impl fmt::Debug for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.end.as_deref().cloned().map(|end| match end {
            End::KeyExchange {
                failure,
                return_code,
                ..
            } => End::KeyExchange {
                failure,
                return_code,
                text: Text::EMPTY,
            },
            other => other,
        });
        out.debug_struct("Peer")
            .field("role", &self.role)
            .field("wire", &self.wire)
            .field("phase", &self.phase)
            .field("carrier", &self.carrier)
            .field("end", &end)
            .finish_non_exhaustive()
    }
}

impl Peer {
    /// The client's end of a connection whose link the driver is about to open. `application` is
    /// the server application that the init names (wire.md 2.2). Over datagrams the challenge of
    /// the UDP connection is drawn from `random`.
    #[must_use]
    pub fn client(
        config: Arc<PeerConfig>,
        wire: Wire,
        application: &'static str,
        random: &mut Random,
    ) -> Self {
        let carrier = Carrier::client(wire, &config, random);
        let protocol = match wire {
            Wire::WebSocket { protocol, .. } => protocol,
            // Only a WebSocket carries JSON.
            Wire::Datagram | Wire::Stream => config.protocol.binary().into(),
        };
        Self::new(
            config,
            Role::Client,
            wire,
            carrier,
            Some(protocol),
            application,
        )
    }

    /// The server's end of a connection. Over [`Wire::Datagram`] it exchanges whole messages with
    /// the owner of the UDP connection.
    #[must_use]
    pub fn server(config: Arc<PeerConfig>, wire: Wire) -> Self {
        let carrier = Carrier::server(wire, &config);
        let protocol = match wire {
            Wire::WebSocket { protocol, .. } => Some(protocol),
            Wire::Datagram | Wire::Stream => None,
        };
        Self::new(config, Role::Server, wire, carrier, protocol, "")
    }

    fn new(
        config: Arc<PeerConfig>,
        role: Role,
        wire: Wire,
        carrier: Carrier,
        protocol: Option<SubProtocol>,
        application: &'static str,
    ) -> Self {
        Self {
            role,
            wire,
            phase: Phase::Opening,
            protocol,
            application,
            ipv6: false,
            bare_ping: false,
            link_gone: false,
            carrier,
            unsent: UnsentMessages::default(),
            end: None,
            end_taken: false,
            exchange: Exchange::None,
            cipher: None,
            clock: PeerClock::new(Timestamp::ZERO),
            last_received: Timestamp::ZERO,
            ping: None,
            liveness: Liveness::new(datagram::millis(config.silence_timeout)),
            last_transmit: Timestamp::ZERO,
            sent_bytes: 0,
            ping_ms: datagram::millis(config.ping_interval),
            silence_ms: datagram::millis(config.silence_timeout),
            config,
        }
    }

    // State.

    /// The progress of the connection.
    #[must_use]
    #[inline]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The wire that the peer was created for.
    #[must_use]
    pub const fn wire(&self) -> Wire {
        self.wire
    }

    /// The format of the messages; `None` for a server that has not received the init.
    #[must_use]
    pub const fn protocol(&self) -> Option<SubProtocol> {
        self.protocol
    }

    /// Whether keys were agreed on.
    #[must_use]
    #[inline]
    pub const fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
    }

    /// Bytes written and not sent, over UDP not acknowledged.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.carrier.unsent_bytes()
    }

    /// The number of messages that [`Peer::send`] accepted and that were not handed to the driver
    /// completely, over UDP not acknowledged. Messages of the connection itself (init, keys,
    /// pings), raw ones and those sent with [`SendOptions::uncapped`] do not count. After the end
    /// of a UDP connection it is the number at its end, and
    /// what was dropped since.
    #[must_use]
    pub fn unsent_messages(&self) -> u64 {
        self.carrier
            .unsent_messages()
            .unwrap_or(self.unsent.len() as u64)
    }

    /// Bytes received and not taken, and [`Peer::unsent_bytes`].
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.carrier.buffered_bytes()
    }

    /// Returns the memory of buffers that hold nothing and are larger than `kept_bytes`. The message
    /// that [`Peer::receive`] returned last is gone afterwards.
    ///
    /// Call it after a burst, with what the next one may use without an allocation, and with 0 when
    /// the connection is idle.
    #[inline]
    pub fn release_memory(&mut self, kept_bytes: usize) {
        self.carrier.release_memory(kept_bytes);
    }

    /// When the other end made progress last, or the link was opened: a message or ping was taken,
    /// or 1,024 bytes of messages arrived. A server judges silence by it.
    #[must_use]
    pub const fn last_received(&self) -> Timestamp {
        self.last_received
    }

    /// Client: the server's clock in milliseconds, which runs freely and wraps. `None` before it
    /// was measured. Spec: wire.md 11, udp.md 8.
    #[must_use]
    pub fn server_time(&self, now: Timestamp) -> Option<i32> {
        match self.carrier.udp() {
            Some(connection) => connection.server_time(now).map(u32::cast_signed),
            None => self.clock.server_time(now),
        }
    }

    /// Client: the smoothed round trip and its variance. `None` before it was measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<(Duration, Duration)> {
        match self.carrier.udp() {
            Some(connection) if self.phase >= Phase::KeyExchange => {
                Some((connection.round_trip(), connection.round_trip_variance()))
            }
            Some(_) => None,
            None => self.clock.round_trip_ms().map(|(round_trip, variance)| {
                let duration = |ms: u32| Duration::from_millis(ms.into());
                (duration(round_trip), duration(variance))
            }),
        }
    }

    /// Client: counters of its UDP connection.
    #[must_use]
    pub fn udp_stats(&self) -> Option<udp::Stats> {
        self.carrier.udp().map(|connection| *connection.stats())
    }
}

const _: () = {
    const fn assert_send<T: Send>() {}
    assert_send::<Peer>();
};
