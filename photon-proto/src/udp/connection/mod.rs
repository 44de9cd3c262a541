//! One end of one connection. Spec: udp.md 3, 5, 7.

mod close;
mod datagrams;
mod sleep;
#[cfg(test)]
mod tests;
mod timeouts;

use super::clock::ServerClock;
use super::command::{self, Body, CONTROL_CHANNEL, ConnectFields, kind};
use super::config::{Config, REASON_CLIENT, Rules, Timing};
use super::datagram::{self, NO_PEER_ID};
use super::pool::Pool;
use super::receive::{Ack, Receiver};
use super::rtt::RoundTrip;
use super::send::{LAST_NUMBER, Sender};
use super::stats::Stats;
use super::violation::Violation;
use super::{Cause, Event, SendError, State};
use crate::role::Role;
use crate::tcp::Delivery;
use crate::time::Timestamp;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use sleep::Grace;

pub(crate) use sleep::MAX_SLEEPS_IN_A_ROW;
pub use sleep::SLEEP_GRACE;

/// The phase of a connection; `close.rs` has a diagram of the last four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Connected,
    /// Waits until everything accepted is acknowledged, then disconnects with this reason.
    Draining {
        reason: u8,
    },
    /// Waits for the ack of our disconnect.
    Leaving,
    Closed,
}

/// A client's request to connect, the input of [`Connection::accept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// The challenge of the new connection.
    pub challenge: u32,
    /// Whether the client sends checksums. The server then does the same.
    pub crc: bool,
    /// The client's parameters.
    pub fields: ConnectFields,
    rseq: u32,
    sent_time: u32,
}

impl ConnectRequest {
    /// Decodes the request in a datagram; `None` if it contains none.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let (header, rest) = datagram::decode_header(datagram).ok()?;
        let base = datagram.len() - rest.len();
        let (datagram, _malformed) = datagram::decode_commands(header, rest, base);
        datagram.commands().find_map(|command| match command.body {
            Body::Connect(fields)
                if command.channel == CONTROL_CHANNEL && command.rseq <= LAST_NUMBER =>
            {
                Some(Self {
                    challenge: header.challenge,
                    crc: header.crc.is_some(),
                    fields,
                    rseq: command.rseq,
                    sent_time: header.sent_time,
                })
            }
            _ => None,
        })
    }
}

/// One end of one connection: a state machine whose inputs are datagrams and the time.
///
/// After any call pull [events](Connection::poll_event) and [datagrams](Connection::transmit), and
/// call [`Connection::handle_timeout`] at the time that [`Connection::poll_timeout`] returns.
pub struct Connection {
    rules: Rules,
    timing: Timing,
    role: Role,
    phase: Phase,
    challenge: u32,
    peer_id: u16,
    started: Timestamp,
    latest: Timestamp,
    /// Our clock at the start.
    clock_base: u32,
    sender: Sender,
    receiver: Receiver,
    pool: Pool,
    round_trip: RoundTrip,
    server_clock: ServerClock,
    /// The time of the last ack of a command in flight.
    last_ack: u64,
    /// The latest transmission of ours that the peer has acknowledged: the last time at which the
    /// path to the peer is known to have worked.
    last_proof: u64,
    /// The time of the last valid datagram.
    last_received: u64,
    /// The stamp of the last datagram that was reported as sent.
    last_sent: u64,
    /// The end of connecting or draining.
    deadline: Option<u64>,
    /// Set once this program stood still.
    grace: Option<Grace>,
    datagram: Vec<u8>,
    datagram_commands: u8,
    /// The stamp of the datagram that was built and not yet reported as sent.
    stamped: Option<u64>,
    /// A disconnect that is sent once, in the last datagram, behind the pending acks.
    last_disconnect: Option<[u8; command::HEADER_BYTES]>,
    /// The event [`Event::Connected`] that was not taken yet.
    connected: bool,
    /// The event [`Event::Disconnected`] that was not taken yet.
    ended: Option<Cause>,
    stats: Stats,
}

/// Numbers and states only. Messages are private, and the challenge and a server's peer id are what
/// keeps forged datagrams out.
impl fmt::Debug for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Connection")
            .field("role", &self.role)
            .field("state", &self.state())
            .field("in_flight", &self.in_flight())
            .field("queued_bytes", &self.queued_bytes())
            .field("received_bytes", &self.received_bytes())
            .field("round_trip", &self.round_trip())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Creates a client that connects.
    ///
    /// `challenge` must be unpredictable and new for every connection: it is the only thing that
    /// keeps forged datagrams out. Spec: udp.md 3.2.
    #[must_use]
    pub fn connect(config: Config, challenge: u32, now: Timestamp) -> Self {
        let mut new = Self::new(&config, Role::Client, challenge, NO_PEER_ID, 0, now);
        let mtu = new.rules.mtu_bytes() as u16; // at most 2048
        let fields = ConnectFields::client(mtu, config.channel_count());
        new.queue_connect(kind::CONNECT, &fields);
        new
    }

    /// Creates the server's end for a client's request.
    ///
    /// `peer_id` (not FFFF or FFFE) and `clock_base`, the server's millisecond clock at `now`,
    /// should be unpredictable: a client that echoes them proves that it receives our datagrams.
    /// [`Acceptor`] draws them. Spec: udp.md 12.
    ///
    /// [`Acceptor`]: super::Acceptor
    #[must_use]
    pub fn accept(
        mut config: Config,
        request: &ConnectRequest,
        peer_id: u16,
        clock_base: u32,
        now: Timestamp,
    ) -> Self {
        config.crc = request.crc;
        config.mtu = config.mtu.min(request.fields.mtu);
        // Clients write the count into the low byte; newer ones use the others. Spec: udp.md 2.4.
        let [.., channels] = request.fields.channel_count.to_be_bytes();
        config.channels = config.channels.min(channels);
        let mut new = Self::new(
            &config,
            Role::Server,
            request.challenge,
            peer_id,
            clock_base,
            now,
        );
        new.receiver.acks.push_back(Ack {
            channel: CONTROL_CHANNEL,
            unsequenced: false,
            rseq: request.rseq,
            sent_time: request.sent_time,
        });
        new.queue_connect(kind::VERIFY_CONNECT, &request.fields.verified(peer_id));
        new
    }

    fn new(
        config: &Config,
        role: Role,
        challenge: u32,
        peer_id: u16,
        clock_base: u32,
        now: Timestamp,
    ) -> Self {
        let channels = config.channel_count();
        let timing = Timing::new(config);
        let deadline = (timing.connect_timeout_ms > 0).then_some(timing.connect_timeout_ms);
        let sender = match role {
            Role::Client => Sender::new(channels, REASON_CLIENT, 1),
            // Real servers count their control channel from 0. Spec: udp.md 4.1.
            Role::Server => Sender::new(channels, 0, 0),
        };
        Self {
            rules: Rules::new(config),
            timing,
            role,
            phase: Phase::Connecting,
            challenge,
            peer_id,
            started: now,
            latest: now,
            clock_base,
            sender,
            receiver: Receiver::new(channels),
            pool: Pool::default(),
            round_trip: RoundTrip::new(),
            server_clock: ServerClock::default(),
            last_ack: 0,
            last_proof: 0,
            last_received: 0,
            last_sent: 0,
            deadline,
            grace: None,
            datagram: Vec::new(),
            datagram_commands: 0,
            stamped: None,
            last_disconnect: None,
            connected: false,
            ended: None,
            stats: Stats::default(),
        }
    }

    fn queue_connect(&mut self, kind: u8, fields: &ConnectFields) {
        let reserved = self.reserved();
        let queued = self
            .sender
            .control_with(kind, reserved, &mut self.pool, |out| fields.encode(out));
        debug_assert!(queued, "the first number is free");
    }

    const fn reserved(&self) -> u8 {
        match self.role {
            Role::Client => REASON_CLIENT,
            Role::Server => 0,
        }
    }

    // Time.

    /// Updates the time and returns the milliseconds since the start.
    fn advance(&mut self, now: Timestamp) -> u64 {
        self.latest = self.latest.max(now);
        self.now()
    }

    const fn now(&self) -> u64 {
        self.latest.millis_since(self.started)
    }

    /// Our clock as sent in headers; wraps.
    const fn clock(&self) -> u32 {
        self.clock_base.wrapping_add(self.now() as u32)
    }

    /// Whether this is a server whose client has not yet proved that it receives our datagrams.
    /// Spec: udp.md 12.
    fn is_half_open(&self) -> bool {
        self.role == Role::Server && self.phase == Phase::Connecting
    }

    fn queue_control(&mut self, kind: u8, reserved: u8) {
        if !self.sender.control(kind, reserved, &mut self.pool) {
            self.end(Cause::ProtocolError(Violation::NumbersExhausted));
        }
    }

    // Application.

    /// Returns the next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.connected) {
            return Some(Event::Connected);
        }
        if let Some(message) = self.receiver.next_message() {
            self.stats.received_messages += 1;
            self.trim_if_idle();
            return Some(Event::Message(message));
        }
        self.ended.take().map(Event::Disconnected)
    }

    /// Whether [`Connection::poll_event`] would return an event.
    #[must_use]
    pub fn has_event(&self) -> bool {
        self.connected || self.receiver.has_message() || self.ended.is_some()
    }

    /// Whether [`Event::Connected`] was not taken yet.
    pub(crate) const fn is_newly_connected(&self) -> bool {
        self.connected
    }

    /// Returns the buffer of a message for later use.
    pub fn recycle(&mut self, message: Vec<u8>) {
        self.pool.give(message);
        self.trim_if_idle();
    }

    /// Returns the memory of the last burst to the allocator.
    fn shrink(&mut self) {
        self.pool = Pool::default();
        self.sender.shrink();
        self.receiver.shrink();
        if self.stamped.is_none() {
            self.datagram = Vec::new();
        }
    }

    /// Keeps only a few buffers while the connection is idle.
    fn trim_if_idle(&mut self) {
        if self.sender.is_drained() && self.receiver.is_drained() {
            self.pool.trim();
        }
    }

    /// Queues a message. A message that does not fit into a datagram is sent in fragments, which
    /// are always reliable.
    ///
    /// # Errors
    ///
    /// [`SendError`]. Nothing has changed then, except after [`SendError::NumbersExhausted`], which
    /// ends the connection.
    pub fn send(
        &mut self,
        channel: u8,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<(), SendError> {
        self.send_marked(channel, delivery, true, message)
    }

    /// Like [`Connection::send`], but `write` writes the message, into a buffer that is kept for the
    /// next one. It receives the position at which the message begins.
    ///
    /// # Errors
    ///
    /// [`SendError`], as for [`Connection::send`], or the error of `write`, after which nothing has
    /// changed.
    pub fn send_with<E: From<SendError>>(
        &mut self,
        channel: u8,
        delivery: Delivery,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check_channel(channel)?;
        match write(self.draft(), 0) {
            Ok(()) => Ok(self.send_draft(channel, delivery, true)?),
            Err(error) => {
                self.cancel_draft();
                Err(error)
            }
        }
    }

    /// The buffer for a message whose length is not known before, for [`Connection::send_draft`].
    pub(crate) const fn draft(&mut self) -> &mut Vec<u8> {
        self.pool.draft()
    }

    /// Drops the message in [`Connection::draft`].
    pub(crate) fn cancel_draft(&mut self) {
        let draft = core::mem::take(self.draft());
        self.pool.keep_draft(draft);
    }

    /// Sends the message in [`Connection::draft`], which may not count in
    /// [`Connection::unacknowledged_messages`].
    ///
    /// # Errors
    ///
    /// As for [`Connection::send`]. The message is dropped.
    pub(crate) fn send_draft(
        &mut self,
        channel: u8,
        delivery: Delivery,
        counts: bool,
    ) -> Result<(), SendError> {
        let draft = core::mem::take(self.draft());
        let sent = self.send_marked(channel, delivery, counts, &draft);
        self.pool.keep_draft(draft);
        sent
    }

    /// # Errors
    ///
    /// [`SendError`] if no message can be sent on the channel.
    fn check_channel(&self, channel: u8) -> Result<(), SendError> {
        if self.phase != Phase::Connected {
            return Err(SendError::NotConnected);
        }
        self.sender.check_channel(channel)
    }

    /// Like [`Connection::send`], for a message that may not count in
    /// [`Connection::unacknowledged_messages`].
    fn send_marked(
        &mut self,
        channel: u8,
        delivery: Delivery,
        counts: bool,
        message: &[u8],
    ) -> Result<(), SendError> {
        self.check_channel(channel)?;
        let first = self.sender.next_number(channel);
        let (rules, pool) = (&self.rules, &mut self.pool);
        let sent = self.sender.message(channel, delivery, message, rules, pool);
        match sent {
            Ok(()) => {
                self.stats.sent_messages += 1;
                if !counts {
                    self.sender.exclude(channel, first);
                }
            }
            // Numbers never wrap, so the connection cannot go on. Spec: udp.md 4.1.
            Err(SendError::NumbersExhausted) => {
                self.end(Cause::ProtocolError(Violation::NumbersExhausted));
            }
            Err(_) => {}
        }
        sent
    }

    /// Requests the server's clock. The last known one stays valid until the answer. Does nothing
    /// while a request is in progress, or when not connected. The official client requests it once,
    /// after the init response. Spec: udp.md 8.
    pub fn fetch_server_time(&mut self) {
        if self.phase == Phase::Connected && self.role == Role::Client && self.server_clock.begin()
        {
            self.queue_control(kind::SERVER_TIME, self.reserved());
        }
    }

    /// The server's clock at `now`, in milliseconds; wraps. `None` before the first answer.
    #[must_use]
    pub fn server_time(&self, now: Timestamp) -> Option<u32> {
        let elapsed = now.max(self.latest).millis_since(self.started);
        self.server_clock
            .at(self.clock_base.wrapping_add(elapsed as u32))
    }

    /// The state of the connection.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Connecting => State::Connecting,
            Phase::Connected => State::Connected,
            Phase::Draining { .. } | Phase::Leaving => State::Disconnecting,
            Phase::Closed => State::Disconnected,
        }
    }

    /// Smoothed round-trip time; 200 ms before the first measurement. Spec: udp.md 5.3.
    #[must_use]
    pub const fn round_trip(&self) -> Duration {
        Duration::from_millis(self.round_trip.smoothed_ms.unsigned_abs() as u64)
    }

    /// Variance of the round-trip time.
    #[must_use]
    pub const fn round_trip_variance(&self) -> Duration {
        Duration::from_millis(self.round_trip.variance_ms.unsigned_abs() as u64)
    }

    /// The counters of the connection.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The bytes of commands that are unsent or unacknowledged.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.sender.bytes()
    }

    /// The number of messages that were accepted and not acknowledged, or, if they are unreliable,
    /// not sent. After the end it is the number at the end.
    #[must_use]
    pub fn unacknowledged_messages(&self) -> u64 {
        self.stats.abandoned_messages + self.sender.unacknowledged_messages()
    }

    /// The memory used by received messages that were not taken, in bytes.
    #[must_use]
    pub const fn received_bytes(&self) -> usize {
        self.receiver.bytes()
    }

    /// The number of reliable commands that are unacknowledged.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.sender.in_flight()
    }

    /// The assigned peer id; FFFF before it is assigned.
    #[must_use]
    pub const fn peer_id(&self) -> u16 {
        self.peer_id
    }

    /// The challenge of this connection.
    #[must_use]
    pub const fn challenge(&self) -> u32 {
        self.challenge
    }
}
