//! One end of one connection. Spec: udp.md 3, 5, 7.

mod close;
mod datagrams;
#[cfg(test)]
mod tests;

use super::clock::ServerClock;
use super::command::{self, Body, CONTROL_CHANNEL, ConnectFields, kind};
use super::config::{Config, REASON_CLIENT, Timing};
use super::datagram::{self, NO_PEER_ID};
use super::pool::Pool;
use super::receive::{Ack, Receiver};
use super::rtt::RoundTrip;
use super::send::{LAST_NUMBER, Overdue, Sender};
use super::stats::Stats;
use super::violation::Violation;
use super::{Cause, Event, SendError, State};
use crate::tcp::Delivery;
use crate::time::Timestamp;
use alloc::vec::Vec;
use core::time::Duration;

/// How often our goodbye is sent again. Spec: udp.md 7.1.
const MAX_DISCONNECT_RESENDS: u32 = 2;
/// How often verify-connect is sent again unasked. Spec: udp.md 12.
const MAX_VERIFY_RESENDS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Connected,
    /// What was accepted is still to be acknowledged; then the goodbye for this reason.
    Draining {
        reason: u8,
    },
    /// The goodbye is to be acknowledged.
    Leaving,
    Closed,
}

/// Why a message was not queued: for a reason of ours, or because its writer failed.
enum Unsent<E> {
    Ours(SendError),
    Theirs(E),
}

impl<E> From<SendError> for Unsent<E> {
    fn from(error: SendError) -> Self {
        Self::Ours(error)
    }
}

/// A client's wish to connect, as [`Connection::accept`] needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// The challenge of the new connection.
    pub challenge: u32,
    /// Whether the client sends check sums: it is answered in kind.
    pub crc: bool,
    /// What the client announces.
    pub fields: ConnectFields,
    rseq: u32,
    sent_time: u32,
}

impl ConnectRequest {
    /// The wish in a datagram, if there is one.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let datagram = datagram::decode(datagram).ok()?;
        datagram.commands().find_map(|command| match command.body {
            Body::Connect(fields)
                if command.channel == CONTROL_CHANNEL && command.rseq <= LAST_NUMBER =>
            {
                Some(Self {
                    challenge: datagram.header.challenge,
                    crc: datagram.header.crc.is_some(),
                    fields,
                    rseq: command.rseq,
                    sent_time: datagram.header.sent_time,
                })
            }
            _ => None,
        })
    }
}

/// One end of one connection: a state machine that is told the time and the datagrams that arrive.
///
/// After any call pull [events](Connection::poll_event) and [datagrams](Connection::transmit), and call
/// [`Connection::handle_timeout`] when [`Connection::poll_timeout`] says so.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    timing: Timing,
    role: Role,
    phase: Phase,
    challenge: u32,
    peer_id: u16,
    started: Timestamp,
    latest: Timestamp,
    /// What our clock shows at the start.
    clock_base: u32,
    sender: Sender,
    receiver: Receiver,
    pool: Pool,
    round_trip: RoundTrip,
    server_clock: ServerClock,
    /// When the last acknowledgement came.
    last_ack: u64,
    /// When the last good datagram came.
    last_received: u64,
    /// The stamp of the last datagram that was reported as sent.
    last_sent: u64,
    /// When connecting or draining takes too long.
    deadline: Option<u64>,
    datagram: Vec<u8>,
    datagram_commands: u8,
    /// When the datagram that was built and not reported as sent was stamped.
    stamped: Option<u64>,
    /// A disconnect that goes out once, with what is to be acknowledged.
    last_disconnect: Option<[u8; command::HEADER_BYTES]>,
    connected: bool,
    ended: Option<Cause>,
    stats: Stats,
}

impl Connection {
    /// A client that connects. `challenge` must be unpredictable and new for every connection: it is all that keeps
    /// strangers out. Spec: udp.md 3.2.
    #[must_use]
    pub fn connect(config: Config, challenge: u32, now: Timestamp) -> Self {
        let mut new = Self::new(config, Role::Client, challenge, NO_PEER_ID, 0, now);
        let mtu = u16::try_from(new.config.mtu_bytes()).unwrap_or(u16::MAX);
        let fields = ConnectFields::client(mtu, new.config.channel_count());
        new.queue_connect(kind::CONNECT, &fields);
        new
    }

    /// The server's end for a client's wish. `peer_id` (not FFFF or FFFE) and `clock_base`, what the server's
    /// millisecond clock shows now, should be unpredictable: who can echo them receives what we send. [`Acceptor`]
    /// does all this. Spec: udp.md 12.
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
        // Only the low byte of the count is written. Spec: udp.md 2.4.
        let [.., channels] = request.fields.channel_count.to_be_bytes();
        config.channels = config.channels.min(channels);
        let mut new = Self::new(
            config,
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
        config: Config,
        role: Role,
        challenge: u32,
        peer_id: u16,
        clock_base: u32,
        now: Timestamp,
    ) -> Self {
        let channels = config.channel_count();
        let timing = Timing::new(&config);
        let deadline = (timing.connect_timeout_ms > 0).then_some(timing.connect_timeout_ms);
        let sender = match role {
            Role::Client => Sender::new(channels, REASON_CLIENT, 1),
            // Real servers count their control channel from 0. Spec: udp.md 4.1.
            Role::Server => Sender::new(channels, 0, 0),
        };
        Self {
            config,
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
            last_received: 0,
            last_sent: 0,
            deadline,
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
        let _first_number_is_free =
            self.sender
                .control_with(kind, reserved, &mut self.pool, |out| fields.write(out));
    }

    const fn reserved(&self) -> u8 {
        match self.role {
            Role::Client => REASON_CLIENT,
            Role::Server => 0,
        }
    }

    // Time.

    /// Takes the time of a call, and gives the milliseconds since the start.
    fn advance(&mut self, now: Timestamp) -> u64 {
        self.latest = self.latest.max(now);
        self.now()
    }

    const fn now(&self) -> u64 {
        self.latest.millis_since(self.started)
    }

    /// Our clock as headers show it; wraps.
    const fn clock(&self) -> u32 {
        self.clock_base.wrapping_add(self.now() as u32)
    }

    /// When [`Connection::handle_timeout`] has something to do; `None` if nothing is awaited.
    ///
    /// Exact: whole milliseconds after the start. After `handle_timeout(t)` it is later than `t`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.phase == Phase::Closed {
            return None;
        }
        let deadlines = [self.sender.next_due(), self.deadline, self.ping_due()];
        let next = deadlines.into_iter().flatten().min()?;
        // The end of time never comes.
        Some(self.started.plus_millis(next)).filter(|at| *at < Timestamp::MAX)
    }

    /// When a ping goes out if nothing happens. Spec: udp.md 5.7, 12.
    fn ping_due(&self) -> Option<u64> {
        let interval = self.timing.ping_interval_ms;
        let idle = self.phase == Phase::Connected && interval > 0 && self.sender.is_drained();
        let since = match self.role {
            Role::Client => self.last_ack,
            Role::Server => {
                // Who sends unreliable messages to a client that is gone has to ask at some time.
                let silence = self.timing.disconnect_timeout_ms.saturating_sub(interval);
                self.stamped
                    .unwrap_or(self.last_sent)
                    .min(self.last_received.saturating_add(silence))
            }
        };
        idle.then(|| since.saturating_add(interval).saturating_add(1))
    }

    /// Whether this is a server whose client has not shown yet that it receives. Spec: udp.md 12.
    fn is_half_open(&self) -> bool {
        self.role == Role::Server && self.phase == Phase::Connecting
    }

    /// Does what is due: commands to be sent again, giving up, pings. Spec: udp.md 5.4, 5.6, 5.7.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = self.advance(now);
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            match self.phase {
                Phase::Connecting => self.time_out(),
                Phase::Draining { reason } => {
                    self.abandon_outstanding();
                    self.send_disconnect(reason);
                }
                _ => self.deadline = None,
            }
        }
        if self.phase == Phase::Closed {
            return;
        }
        let max_resends = match self.phase {
            Phase::Leaving => MAX_DISCONNECT_RESENDS,
            Phase::Connecting if self.role == Role::Server => MAX_VERIFY_RESENDS,
            _ => self.config.max_resends,
        };
        while let Overdue::TimedOut =
            self.sender
                .run_due(now, max_resends, self.timing.disconnect_timeout_ms)
        {
            // A client that is there asks again; until then nothing is due any more.
            if !self.is_half_open() {
                return self.time_out();
            }
        }
        if self.ping_due().is_some_and(|due| due <= now) {
            self.stats.pings += 1;
            self.shrink();
            self.queue_control(kind::PING, self.reserved());
        }
    }

    fn queue_control(&mut self, kind: u8, reserved: u8) {
        if !self.sender.control(kind, reserved, &mut self.pool) {
            self.end(Cause::ProtocolError(Violation::NumbersExhausted));
        }
    }

    // For the layer above.

    /// What has happened, in order.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.connected) {
            return Some(Event::Connected);
        }
        if let Some(message) = self.receiver.next_message() {
            self.stats.received_messages += 1;
            self.rest();
            return Some(Event::Message(message));
        }
        self.ended.take().map(Event::Disconnected)
    }

    /// Whether [`Connection::poll_event`] would give anything.
    #[must_use]
    pub fn has_event(&self) -> bool {
        self.connected || self.receiver.has_message() || self.ended.is_some()
    }

    /// Whether [`Event::Connected`] was not taken yet.
    pub(crate) const fn is_newly_connected(&self) -> bool {
        self.connected
    }

    /// Gives back the buffer of a message, so that it can be used again.
    pub fn recycle(&mut self, message: Vec<u8>) {
        self.pool.give(message);
        self.rest();
    }

    /// Gives back what the next burst can take anew: it has been quiet.
    fn shrink(&mut self) {
        self.pool = Pool::default();
        self.sender.shrink();
        self.receiver.shrink();
    }

    /// Keeps few buffers while there is nothing to do.
    fn rest(&mut self) {
        if self.sender.is_drained() && self.receiver.is_drained() {
            self.pool.rest();
        }
    }

    /// Queues a message. Messages above what fits into a datagram are sent in parts, and then reliably.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then nothing has changed, except after [`SendError::NumbersExhausted`], which ends the connection.
    pub fn send(
        &mut self,
        channel: u8,
        delivery: Delivery,
        message: &[u8],
    ) -> Result<(), SendError> {
        self.send_with(channel, delivery, |out, _| {
            out.extend_from_slice(message);
            Ok(())
        })
    }

    /// As [`Connection::send`], but `write` appends the message to the buffer in which it is sent; it is told where
    /// the message begins.
    ///
    /// # Errors
    ///
    /// [`SendError`], as for [`Connection::send`], or what `write` returns; then nothing has changed.
    pub fn send_with<E: From<SendError>>(
        &mut self,
        channel: u8,
        delivery: Delivery,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.phase != Phase::Connected {
            return Err(SendError::NotConnected.into());
        }
        let write = |out: &mut Vec<u8>, at| write(out, at).map_err(Unsent::Theirs);
        match self
            .sender
            .message(channel, delivery, &self.config, &mut self.pool, write)
        {
            Ok(()) => {
                self.stats.sent_messages += 1;
                Ok(())
            }
            Err(Unsent::Ours(error)) => {
                // Fatal. Spec: udp.md 4.1.
                if error == SendError::NumbersExhausted {
                    self.end(Cause::ProtocolError(Violation::NumbersExhausted));
                }
                Err(error.into())
            }
            Err(Unsent::Theirs(error)) => Err(error),
        }
    }

    /// Asks for the server's clock; what it was set to before stays until the answer. Nothing happens while one request
    /// is under way, or when not connected. The official client asks once, when its init was answered. Spec: udp.md 8.
    pub fn fetch_server_time(&mut self) {
        if self.phase == Phase::Connected && self.role == Role::Client && self.server_clock.begin()
        {
            self.queue_control(kind::SERVER_TIME, self.reserved());
        }
    }

    /// The server's clock at `now`, in milliseconds, wrapping; `None` before it was asked for.
    #[must_use]
    pub fn server_time(&self, now: Timestamp) -> Option<u32> {
        let elapsed = now.max(self.latest).millis_since(self.started);
        self.server_clock
            .at(self.clock_base.wrapping_add(elapsed as u32))
    }

    /// How far it is.
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

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Bytes of commands that are not sent, or sent and not acknowledged.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.sender.bytes()
    }

    /// Bytes that were received and not taken, with what keeping them costs.
    #[must_use]
    pub const fn received_bytes(&self) -> usize {
        self.receiver.bytes()
    }

    /// How many reliable commands are not acknowledged.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.sender.in_flight()
    }

    /// The assigned peer id; FFFF before.
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
