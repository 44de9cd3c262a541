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
//! Over datagrams a client sends its init once the UDP connection stands. Over WebSocket there is no
//! init: the server greets, and an answered ping is as good as a greeting (wire.md 7.1).
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
//!    At last comes [`Peer::link_closed`].
//! 2. Messages in: call [`Peer::receive`] until [`Peer::has_input`] is false. Each call takes at most
//!    one message, so that the owner can bound its work. [`Inbound::Ended`] comes after everything
//!    that was received before the end.
//! 3. Messages out: [`Peer::send`] encodes into the peer's buffer, within a cap, or changes nothing.
//! 4. Bytes out: [`Peer::transmit`] returns the same bytes until [`Peer::transmitted`]. On streams a
//!    part may be transmitted; datagrams and WebSocket messages are sent whole.
//! 5. Time: call [`Peer::handle_timeout`] when [`Peer::poll_timeout`] is due. Every time that is
//!    passed in must be at least the one before.
//! 6. Back-pressure: while [`Peer::wants_input`] is false, stop reading. One chunk more is accepted,
//!    far more ends the connection ([`End::Overrun`]).
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
mod stream;
mod whole;
mod wire;

use crate::codec::Protocol;
use crate::crypto::Cipher;
use crate::limits::Limits;
use crate::message::{self, MessageKind};
use crate::random::Random;
use crate::role::Role;
use crate::time::Timestamp;
use crate::udp;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use carrier::Carrier;
use clock::PeerClock;
use core::fmt;
use core::ops::Range;
use core::time::Duration;
use handshake::Exchange;

pub use config::{Encryption, PeerConfig};
pub use handshake::KeyAnswer;
pub use inbound::{End, Inbound, KeyExchangeFailure, Received, SendError, SendOptions};
pub use wire::{SubProtocol, SubProtocolError, Wire};

/// How long a WebSocket server has to greet before it is pinged, and the time between these pings,
/// in milliseconds. Spec: wire.md 7.1.
const GREETING_PING_MS: u64 = 1000;

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
    /// The first thing that ended the connection, or a later one that stops all processing.
    end: Option<End>,
    /// Whether the end was taken.
    end_taken: bool,
    exchange: Exchange,
    /// Boxed: the key schedule is half as large as everything else, and many connections need none.
    cipher: Option<Box<Cipher>>,
    clock: PeerClock,
    last_received: Timestamp,
    /// Client: when the next ping is due.
    ping: Option<Timestamp>,
    /// Client: when the server will have been silent for too long. `None` while silence proves
    /// nothing, because no input is read.
    silence: Option<Timestamp>,
    ping_ms: u64,
    silence_ms: u64,
}

/// Neither messages nor keys.
impl fmt::Debug for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Peer")
            .field("role", &self.role)
            .field("wire", &self.wire)
            .field("phase", &self.phase)
            .field("carrier", &self.carrier)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl Peer {
    /// The client's end of a connection whose link the driver is about to open. `application` is the
    /// server application that the init names (wire.md 2.2). Over datagrams the challenge of the
    /// UDP connection is drawn from `random`.
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
            end: None,
            end_taken: false,
            exchange: Exchange::None,
            cipher: None,
            clock: PeerClock::new(Timestamp::ZERO),
            last_received: Timestamp::ZERO,
            ping: None,
            silence: None,
            ping_ms: datagram::millis(config.ping_interval),
            silence_ms: datagram::millis(config.silence_timeout),
            config,
        }
    }

    // The link.

    /// Handles the opening of the link. A client sends its init, which holds the flag `ipv6`.
    pub fn link_opened(&mut self, now: Timestamp, ipv6: bool) {
        if self.phase != Phase::Opening || self.end.is_some() {
            return;
        }
        self.phase = Phase::AwaitInit;
        self.clock = PeerClock::new(now);
        self.last_received = now;
        self.ipv6 = ipv6;
        let can_send = self.carrier.open(now);
        match self.role {
            Role::Client if self.is_web_socket() => {
                // wire.md 7.1: a server that has not greeted by then is pinged.
                self.ping = Some(now.plus_millis(GREETING_PING_MS));
            }
            Role::Client if can_send => self.send_init(),
            // Sent once the UDP connection stands.
            Role::Client => {}
            // wire.md 7.1: the handshake of the WebSocket has replaced the init.
            Role::Server if self.is_web_socket() => self.phase = Phase::Ready,
            Role::Server => {}
        }
    }

    /// Takes received bytes: a chunk of a stream, one datagram, or one WebSocket message. They are
    /// kept until [`Peer::receive`]. Before the link is open they are ignored, and after the end
    /// they are dropped.
    pub fn handle_bytes(&mut self, now: Timestamp, bytes: &[u8]) {
        if self.phase == Phase::Opening {
            return;
        }
        self.carrier.start_shutdown(now);
        self.last_received = now;
        self.restart_silence(now);
        if self.end.is_none() {
            self.take_bytes(now, bytes);
        }
        if !self.wants_input() {
            // While nothing is read, silence is not the server's.
            self.silence = None;
        }
    }

    fn take_bytes(&mut self, now: Timestamp, bytes: &[u8]) {
        let closing = self.phase == Phase::Closing;
        if closing && !matches!(self.carrier, Carrier::Datagram(_)) {
            return;
        }
        match self.carrier.receive(now, bytes) {
            Ok(true) if !closing => self.send_init(),
            Ok(_) => {}
            Err(inbound::Overrun) => self.end = Some(End::Overrun),
        }
        if closing {
            // Acknowledgements were taken; messages have no receiver any more.
            self.carrier.discard_input();
        }
    }

    /// The driver reports that the link is gone. What was received before can still be taken.
    pub fn link_closed(&mut self) {
        self.link_gone = true;
        self.end.get_or_insert(End::LinkClosed);
        (self.ping, self.silence) = (None, None);
    }

    /// Whether the driver should read. False while enough is buffered, and after the end.
    #[must_use]
    #[inline]
    pub fn wants_input(&self) -> bool {
        self.end.is_none() && self.carrier.has_capacity()
    }

    /// The bytes to send next, never empty; the same again until [`Peer::transmitted`]. `None` before
    /// the link is open. A datagram is stamped with `now`.
    #[must_use]
    pub fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        if self.phase == Phase::Opening {
            return None;
        }
        self.carrier.start_shutdown(now);
        let counts_as_ping = self.phase > Phase::AwaitInit && self.is_text();
        let bytes = self.carrier.transmit(now);
        if let (Some(_), true, Some(due)) = (&bytes, counts_as_ping, self.ping)
            && due > now
        {
            // wire.md 7.2: any send resets the timer. But the server need not answer what is sent,
            // and a client that never pings would take a quiet server for a dead one: half of the
            // time until then is enough.
            let silent_in_ms = self
                .silence
                .map_or(u64::MAX, |silent| silent.millis_since(now));
            let wait_ms = self
                .ping_ms
                .min(silent_in_ms.saturating_sub(self.silence_ms / 2));
            self.ping = Some(due.max(now.plus_millis(wait_ms)));
        }
        bytes
    }

    /// The driver sent this many of the bytes that [`Peer::transmit`] returned; more than there are
    /// count as all. Of a datagram or WebSocket message any number above 0 is the whole.
    pub fn transmitted(&mut self, bytes: usize) {
        self.carrier.transmitted(bytes, &self.config);
    }

    // Messages in.

    /// Whether [`Peer::receive`] would take anything.
    #[must_use]
    #[inline]
    pub fn has_input(&self) -> bool {
        self.end.is_some() || self.carrier.has_next()
    }

    /// Takes the next thing that was received: at most one message. A client draws the secret of its
    /// key exchange from `random`.
    #[inline]
    pub fn receive(&mut self, now: Timestamp, random: &mut Random) -> Received<'_> {
        let inbound = self.next(now, random);
        let carrier = &mut self.carrier;
        inbound.map(|range| &*carrier.message_mut(range))
    }

    #[inline]
    fn next(&mut self, now: Timestamp, random: &mut Random) -> Inbound<Range<usize>> {
        if self.end_taken {
            return self.end_inbound();
        }
        let inbound = self
            .carrier
            .next(now, &mut self.clock, self.cipher.as_deref(), &self.config);
        if self.silence.is_none() && self.wants_input() {
            // Reading resumed; restart the silence timer.
            self.restart_silence(now);
        }
        match inbound {
            Some(Inbound::Message {
                kind,
                encrypted,
                message,
            }) => self.on_message(now, random, (kind, encrypted, message)),
            Some(Inbound::Bad { message, .. }) if self.awaits_first_message() => {
                // Perhaps a text init, which is no message. Spec: wire.md 2.3.
                self.on_first_message(message)
            }
            Some(Inbound::Handshake) if self.phase == Phase::AwaitInit => {
                self.on_greeting(now, random)
            }
            // wire.md 7.2: later session frames have no meaning, and ping answers are for the clock.
            Some(Inbound::Handshake) => Inbound::Nothing,
            Some(Inbound::Ping { client_time }) => {
                self.bare_ping = true;
                Inbound::Ping { client_time }
            }
            Some(Inbound::Ended(end)) => self.fail(end),
            Some(other) => other,
            None => self.end_inbound(),
        }
    }

    fn awaits_first_message(&self) -> bool {
        self.role == Role::Server && self.phase == Phase::AwaitInit
    }

    #[inline]
    fn on_message(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        inbound: (MessageKind, bool, Range<usize>),
    ) -> Inbound<Range<usize>> {
        debug_assert!(
            self.phase != Phase::Opening,
            "nothing arrives before the link"
        );
        let (kind, encrypted, message) = inbound;
        match (self.role, kind) {
            (Role::Client, _) if self.phase == Phase::AwaitInit => {
                self.on_message_before_init_response(now, random, (kind, encrypted, message))
            }
            (Role::Client, MessageKind::InternalResponse) => {
                self.on_internal_response(now, encrypted, message)
            }
            (Role::Client, MessageKind::InitResponse) => Inbound::Ignored,
            (Role::Server, _) if self.phase == Phase::AwaitInit => self.on_first_message(message),
            (Role::Server, MessageKind::InternalRequest) => self.on_internal_request(message),
            // The protocol is chosen once.
            (Role::Server, MessageKind::Init) => Inbound::Ignored,
            _ => Inbound::Message {
                kind,
                encrypted,
                message,
            },
        }
    }

    /// The end, if there is one. It is the last thing: a UDP connection that times out later, for
    /// example, must not change what was reported.
    fn end_inbound(&mut self) -> Inbound<Range<usize>> {
        match &self.end {
            Some(end) => {
                self.end_taken = true;
                Inbound::Ended(end.clone())
            }
            None => {
                debug_assert!(!self.end_taken, "an end stays");
                Inbound::Nothing
            }
        }
    }

    /// Ends the connection. Input that was not taken has no meaning any more.
    fn fail(&mut self, end: End) -> Inbound<Range<usize>> {
        self.end = Some(end);
        self.exchange = Exchange::None;
        (self.ping, self.silence) = (None, None);
        self.carrier.discard_input();
        self.end_inbound()
    }

    // Messages out.

    /// Encodes a message into the send buffer with `write`, which appends to the buffer it gets.
    /// After an error nothing has changed. A message that is sent after the end of the connection,
    /// which its owner has not taken yet, is dropped.
    ///
    /// # Errors
    /// Those of `write`; [`SendError::NotReady`] before [`Inbound::Ready`] (server:
    /// [`Inbound::Init`]) and after [`Peer::shutdown`]; [`SendError::NoKey`] if encryption is
    /// requested without a secure wire and without keys; [`SendError::QueueFull`] and
    /// [`SendError::TooLong`] at the cap; [`SendError::Encode`] and [`SendError::TooLong`] for a
    /// message that JSON cannot express.
    pub fn send<E: From<SendError>>(
        &mut self,
        options: SendOptions,
        write: impl FnOnce(&mut Vec<u8>, Protocol, &Limits) -> Result<(), E>,
    ) -> Result<(), E> {
        let (Phase::Ready, Some(protocol)) = (self.phase, self.protocol) else {
            return Err(SendError::NotReady.into());
        };
        let cipher = match (options.encrypt, self.cipher.as_deref()) {
            // wire.md 7.1: the TLS below encrypts.
            (true, None) if self.is_secure() => None,
            (true, None) => return Err(SendError::NoKey.into()),
            (true, cipher) => cipher,
            (false, _) => None,
        };
        let config = &*self.config;
        let cap = if options.uncapped {
            usize::MAX
        } else {
            config.outgoing_cap_bytes
        };
        self.carrier.write(cap, config, |buffer, start| {
            write(buffer, protocol.binary(), &config.limits)?;
            if let Some(cipher) = cipher {
                message::encrypt(buffer, start, cipher);
            }
            Ok(())
        })
    }

    /// Sends bytes as they are: on a stream without a frame, elsewhere as one message; never
    /// encrypted, and whatever waits already. For messages that were encoded once for many
    /// connections, and for tests of clients.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Opening | Phase::Closing) {
            self.carrier.write_raw(bytes);
        }
    }

    // Closing.

    /// Ends the connection without loss: goes on sending what was accepted, drops what is received.
    /// A UDP connection waits at most `flush` for acknowledgements, counted from the next call that
    /// has a time; on other wires the owner decides how long it waits for [`Peer::is_flushed`].
    pub fn shutdown(&mut self, flush: Duration) {
        if self.phase != Phase::Closing {
            self.close();
            self.carrier.shutdown(datagram::millis(flush));
        }
    }

    /// Ends the connection at once: drops what was not sent. A UDP connection sends one disconnect.
    pub fn abort(&mut self) {
        self.close();
        self.carrier.abort();
    }

    fn close(&mut self) {
        self.phase = Phase::Closing;
        (self.ping, self.silence) = (None, None);
        // Nothing is encrypted or decrypted any more, so the keys need not outlive this.
        (self.exchange, self.cipher) = (Exchange::None, None);
        self.carrier.discard_input();
    }

    /// Whether the driver reported that the link is gone.
    #[must_use]
    pub const fn is_link_closed(&self) -> bool {
        self.link_gone
    }

    /// Whether a connection that was shut down or aborted has nothing left to do: the link can be
    /// closed.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.link_gone || self.carrier.is_flushed()
    }

    /// Whether something that was accepted was not sent, or over UDP not acknowledged.
    #[must_use]
    pub fn has_unsent_data(&self) -> bool {
        self.carrier.has_unsent_data()
    }

    // Time.

    /// When [`Peer::handle_timeout`] or, for silence, [`Peer::silent_for`] has to be called next; a
    /// time in the past is "now". Silence does not count while input is held: the answer may be in
    /// it.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let mut next = self.ping;
        if let Some(at) = self.carrier.poll_timeout()
            && !self.link_gone
            && next.is_none_or(|next| at < next)
        {
            next = Some(at);
        }
        match self.silence {
            // Whether input is held is asked last: it costs most, and a ping is due before silence.
            Some(at) if next.is_none_or(|next| at < next) && !self.has_input() => Some(at),
            _ => next,
        }
    }

    /// Does what is due: timers of the UDP connection, a ping.
    #[inline]
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.carrier.start_shutdown(now);
        self.carrier.handle_timeout(now);
        self.run_ping(now);
    }

    /// Client: for how long the server sent nothing, if that is too long.
    #[must_use]
    #[inline]
    pub fn silent_for(&self, now: Timestamp) -> Option<Duration> {
        self.silence
            .is_some_and(|at| at <= now)
            .then_some(self.config.silence_timeout)
    }

    /// Whether this end sends pings as messages. UDP pings by itself, and notices silence by what is
    /// not acknowledged (udp.md 5.6).
    fn sends_pings(&self) -> bool {
        self.role == Role::Client && !matches!(self.wire, Wire::Datagram)
    }

    #[inline]
    fn restart_silence(&mut self, now: Timestamp) {
        if self.sends_pings()
            && self.end.is_none()
            && matches!(self.phase, Phase::KeyExchange | Phase::Ready)
        {
            self.silence = Some(now.plus_millis(self.silence_ms));
        }
    }

    #[inline]
    fn run_ping(&mut self, now: Timestamp) {
        if self.ping.is_none_or(|due| due > now) {
            return;
        }
        debug_assert_eq!(self.role, Role::Client, "only clients ping");
        // A link that accepts no bytes needs no more pings.
        if self.carrier.unsent_bytes() < self.config.outgoing_cap_bytes
            && let Some(protocol) = self.protocol
        {
            let client_time = self.clock.local(now);
            self.carrier
                .write_ping(protocol.binary(), &self.config.limits, client_time);
        }
        // wire.md 6.4: counted from the last ping, whatever else was sent.
        let interval_ms = if self.phase == Phase::AwaitInit {
            GREETING_PING_MS
        } else {
            self.ping_ms
        };
        self.ping = Some(now.plus_millis(interval_ms));
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

    /// Bytes received and not taken, and [`Peer::unsent_bytes`].
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.carrier.buffered_bytes()
    }

    /// When bytes were received last, or the link was opened. A server judges silence by it.
    #[must_use]
    pub const fn last_received(&self) -> Timestamp {
        self.last_received
    }

    /// Client: the server's clock in milliseconds, which runs freely and wraps. `None` before it was
    /// measured. Spec: wire.md 11, udp.md 8.
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
