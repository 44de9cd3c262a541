//! One end of one connection. Spec: udp.md 3, 5, 7.

use super::clock::ServerClock;
use super::command::{self, Body, CONTROL_CHANNEL, Command, ConnectFields, kind};
use super::config::{Config, REASON_CLIENT};
use super::datagram::{self, NO_PEER_ID};
use super::pool::Pool;
use super::receive::{Discard, Kept, Receiver, Refusal};
use super::rtt::RoundTrip;
use super::send::{AckOutcome, Filling, Key, Overdue, Sender};
use super::stats::Stats;
use super::violation::Violation;
use super::{Cause, Event, SendError, State};
use crate::tcp::Delivery;
use crate::time::Timestamp;
use alloc::vec::Vec;

/// The reserved byte of a client that gave up, and the reason of a server that did. Spec: udp.md 7.
const REASON_TIMEOUT: u8 = 2;
/// The reason of a server that closes.
const REASON_LOGIC: u8 = 1;
/// How often our goodbye is sent again. Spec: udp.md 7.1.
const GOODBYE_RESENDS: u32 = 2;
/// Longer round trips than this are not believed, in milliseconds. Spec: udp.md 5.2.
const LONGEST_SAMPLE_MS: i32 = 10_000;
/// A peer id that asks the server for a trace; never assigned. Spec: udp.md 1.1.
const TRACE_PEER_ID: u16 = 0xFFFE;

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
    Over,
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
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let datagram = datagram::parse(datagram).ok()?;
        datagram.commands().find_map(|command| match command.body {
            Body::Connect(fields) if command.channel == CONTROL_CHANNEL => Some(Self {
                challenge: datagram.header.challenge,
                crc: datagram.header.crc.is_some(),
                fields,
                rseq: command.rseq,
                sent_time: datagram.header.sent_time,
            }),
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
    /// When connecting or draining takes too long.
    deadline: Option<u64>,
    datagram: Vec<u8>,
    datagram_commands: u8,
    /// When the datagram that was built and not reported as sent was stamped.
    stamped: Option<u64>,
    /// A disconnect that goes out once, with what is to be acknowledged.
    goodbye: Option<[u8; command::HEADER_BYTES]>,
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
        new.deadline = (new.config.connect_timeout_ms > 0).then_some(new.config.connect_timeout_ms);
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
    pub fn accept(mut config: Config, request: &ConnectRequest, peer_id: u16, clock_base: u32, now: Timestamp) -> Self {
        config.crc = request.crc;
        config.mtu = config.mtu.min(request.fields.mtu);
        // Only the low byte of the count is written. Spec: udp.md 2.4.
        let [.., channels] = request.fields.channel_count.to_be_bytes();
        config.channels = config.channels.min(channels);
        let mut new = Self::new(config, Role::Server, request.challenge, peer_id, clock_base, now);
        new.deadline = (new.config.connect_timeout_ms > 0).then_some(new.config.connect_timeout_ms);
        new.receiver.acks.push_back(super::receive::Ack {
            channel: CONTROL_CHANNEL,
            unsequenced: false,
            rseq: request.rseq,
            sent_time: request.sent_time,
        });
        new.queue_connect(kind::VERIFY_CONNECT, &ConnectFields { id: peer_id, ..request.fields });
        new
    }

    fn new(config: Config, role: Role, challenge: u32, peer_id: u16, clock_base: u32, now: Timestamp) -> Self {
        let channels = config.channel_count();
        let sender = match role {
            Role::Client => Sender::new(channels, REASON_CLIENT, 1),
            // Real servers count their control channel from 0. Spec: udp.md 4.1.
            Role::Server => Sender::new(channels, 0, 0),
        };
        Self {
            config,
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
            deadline: None,
            datagram: Vec::new(),
            datagram_commands: 0,
            stamped: None,
            goodbye: None,
            connected: false,
            ended: None,
            stats: Stats::default(),
        }
    }

    fn queue_connect(&mut self, kind: u8, fields: &ConnectFields) {
        let reserved = self.reserved();
        let _first_number_is_free = self.sender.control_with(kind, reserved, &mut self.pool, |out| fields.write(out));
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
        if self.phase == Phase::Over {
            return None;
        }
        let deadlines = [self.sender.next_due(), self.deadline, self.ping_due()];
        let next = deadlines.into_iter().flatten().min()?;
        // The end of time never comes.
        Some(self.started.plus_millis(next)).filter(|at| *at < Timestamp::MAX)
    }

    /// When a ping goes out if nothing happens. Spec: udp.md 5.7.
    fn ping_due(&self) -> Option<u64> {
        let idle = self.phase == Phase::Connected && self.config.ping_interval_ms > 0 && self.sender.is_drained();
        idle.then(|| self.last_ack.saturating_add(self.config.ping_interval_ms).saturating_add(1))
    }

    /// Does what is due: commands to be sent again, giving up, pings. Spec: udp.md 5.4, 5.6, 5.7.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = self.advance(now);
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            match self.phase {
                Phase::Connecting => self.give_up(),
                Phase::Draining { reason } => {
                    self.abandon();
                    self.leave(reason);
                }
                _ => self.deadline = None,
            }
        }
        if self.phase == Phase::Over {
            return;
        }
        let max_resends = if self.phase == Phase::Leaving { GOODBYE_RESENDS } else { self.config.max_resends };
        match self.sender.run_due(now, max_resends, self.config.disconnect_timeout_ms) {
            Overdue::Resend => {}
            Overdue::GiveUp => return self.give_up(),
        }
        if self.ping_due().is_some_and(|due| due <= now) {
            self.stats.pings += 1;
            self.queue_control(kind::PING, self.reserved());
        }
    }

    fn queue_control(&mut self, kind: u8, reserved: u8) {
        if !self.sender.control(kind, reserved, &mut self.pool) {
            self.end(Cause::ProtocolError(Violation::NumbersExhausted));
        }
    }

    // Datagrams out.

    /// The next datagram, stamped with `now`; the same one again until [`Connection::transmitted`], but stamped anew.
    /// Its commands count as sent now. Never empty.
    pub fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        self.prepare(now).then_some(self.datagram.as_slice())
    }

    /// The datagram of the last [`Connection::prepare`].
    pub(crate) fn prepared(&self) -> &[u8] {
        &self.datagram
    }

    /// Builds or restamps the next datagram; false if there is none.
    pub(crate) fn prepare(&mut self, now: Timestamp) -> bool {
        let now = self.advance(now);
        if let Some(stamped) = self.stamped {
            if stamped == now {
                return true;
            }
            self.sender.restamp(now);
        } else if !self.has_output() || !self.build(now) {
            return false;
        }
        self.stamped = Some(now);
        let clock = self.clock();
        datagram::finish(&mut self.datagram, self.datagram_commands, clock);
        true
    }

    /// Reports the datagram as sent, or as dropped by the driver: resends repair it.
    pub fn transmitted(&mut self) {
        if self.stamped.take().is_some() {
            self.stats.sent_datagrams += 1;
            self.stats.sent_bytes += self.datagram.len() as u64;
        }
    }

    /// Whether a datagram may be there to be pulled: a full send window is seen only when one is built.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.stamped.is_some() || self.goodbye.is_some() || !self.receiver.acks.is_empty() || self.sender.has_output()
    }

    /// Spec: udp.md 5.8.
    fn build(&mut self, now: u64) -> bool {
        let id = match self.role {
            Role::Client => self.peer_id,
            Role::Server => 0,
        };
        self.datagram.clear();
        datagram::begin(&mut self.datagram, id, self.challenge, self.config.crc);
        let mtu = self.config.mtu_bytes();
        let mut out = Filling { out: &mut self.datagram, mtu, count: 0 };
        let reserved = if self.role == Role::Client { REASON_CLIENT } else { 0 };
        let kept_free = if self.goodbye.is_some() { command::HEADER_BYTES } else { 0 };
        while out.room() >= command::ACK_BYTES + kept_free
            && let Some(ack) = self.receiver.acks.pop_front()
        {
            let kind = if ack.unsequenced { kind::ACK_UNSEQUENCED } else { kind::ACK };
            let header = command::Header { kind, channel: ack.channel, flags: 0, reserved, rseq: 0 };
            command::write_ack(out.out, header, ack.rseq, ack.sent_time);
            out.count += 1;
        }
        if let Some(goodbye) = self.goodbye.take() {
            out.push(&goodbye);
            // What did not fit is of no use to anybody any more.
            self.receiver.acks.clear();
        }
        self.sender.begin_datagram();
        self.stats.resent_commands += self.sender.write_resends(&mut out, now, &self.config);
        let timeout = self.round_trip.resend_ms(self.config.initial_resend_max_ms);
        self.sender.write_new(&mut out, now, timeout, &self.config, &mut self.pool);
        self.datagram_commands = out.count;
        out.count > 0
    }

    // Datagrams in.

    /// Takes a datagram that arrived from the peer's address. What is wrong is counted in [`Connection::stats`].
    pub fn handle_datagram(&mut self, now: Timestamp, bytes: &[u8]) {
        self.advance(now);
        self.stats.received_datagrams += 1;
        self.stats.received_bytes += bytes.len() as u64;
        if self.phase == Phase::Over {
            return;
        }
        let (header, rest) = match datagram::parse_header(bytes) {
            Ok(parsed) => parsed,
            Err(error) => return self.stats.dropped_datagrams.count(&error),
        };
        if header.challenge != self.challenge {
            self.stats.dropped_datagrams.challenge += 1;
            return;
        }
        let parsed = match datagram::parse_commands(header, rest, bytes.len().saturating_sub(rest.len())) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.stats.dropped_datagrams.count(&error);
                return self.violated();
            }
        };
        self.stats.trailing_bytes += parsed.trailing_bytes() as u64;
        for command in parsed.commands() {
            if self.phase == Phase::Over {
                return;
            }
            self.command(&command, &header);
        }
        if let Phase::Draining { reason } = self.phase
            && self.sender.is_drained()
        {
            self.leave(reason);
        }
    }

    fn command(&mut self, command: &Command<'_>, header: &datagram::Header) {
        match command.body {
            Body::Ack { rseq, sent_time } => {
                let unsequenced = command.kind == kind::ACK_UNSEQUENCED;
                self.acked(Key { channel: command.channel, unsequenced, rseq }, sent_time, header);
            }
            Body::VerifyConnect(fields) if self.role == Role::Client => self.verified(command, fields.id, header),
            Body::Connect(_) | Body::VerifyConnect(_) => self.receiver.acknowledge(command, header.sent_time),
            Body::Other(_) if command.kind == kind::DISCONNECT => self.told_to_leave(command, header),
            Body::Other(_) => self.receiver.acknowledge(command, header.sent_time),
            Body::Message(_) | Body::Numbered { .. } | Body::Fragment(_) => self.data(command, header),
        }
    }

    fn acked(&mut self, key: Key, echo: u32, header: &datagram::Header) {
        let now = self.now();
        let sample = self.clock().wrapping_sub(echo) as i32;
        let plausible = |first_sent: u64| {
            let longest = i32::try_from(now.saturating_sub(first_sent)).unwrap_or(i32::MAX).min(LONGEST_SAMPLE_MS);
            (0..=longest).contains(&sample).then_some(sample)
        };
        if self.role == Role::Server && self.phase == Phase::Connecting {
            // Only who received what we sent knows the echo and the id.
            let shown = self.sender.first_sent(key).and_then(plausible).is_some() && header.peer_id == self.peer_id;
            if !shown {
                self.stats.unmatched_acks += 1;
                return;
            }
        }
        let acked = match self.sender.acknowledge(key, &mut self.pool) {
            AckOutcome::NeverSent => {
                self.stats.unmatched_acks += 1;
                return;
            }
            AckOutcome::Again => {
                self.stats.unmatched_acks += 1;
                self.last_ack = now;
                return;
            }
            AckOutcome::Acked(acked) => acked,
        };
        self.last_ack = now;
        let sample = plausible(acked.first_sent);
        if acked.kind == kind::SERVER_TIME {
            let (clock, smoothed) = (self.clock(), self.round_trip.smoothed_ms);
            if self.server_clock.answer(clock, header.sent_time, sample, smoothed) && self.phase == Phase::Connected {
                self.queue_control(kind::SERVER_TIME, self.reserved());
            }
            return;
        }
        if let Some(sample) = sample {
            self.round_trip.sample(sample);
            if matches!(acked.kind, kind::CONNECT | kind::VERIFY_CONNECT) {
                self.round_trip.start(sample);
            }
        }
        match acked.kind {
            kind::VERIFY_CONNECT => self.establish(),
            kind::DISCONNECT if self.phase == Phase::Leaving => self.end(Cause::LocalClose),
            _ => {}
        }
    }

    fn establish(&mut self) {
        self.phase = Phase::Connected;
        self.deadline = None;
        self.connected = true;
    }

    /// Spec: udp.md 3.2; 9, item 11.
    fn verified(&mut self, command: &Command<'_>, peer_id: u16, header: &datagram::Header) {
        if command.size as usize != command::CONNECT_BYTES {
            return self.discard(Discard::Malformed);
        }
        if self.phase == Phase::Connecting {
            if matches!(peer_id, NO_PEER_ID | TRACE_PEER_ID) {
                return self.end(Cause::ProtocolError(Violation::PeerId(peer_id)));
            }
            self.peer_id = peer_id;
            self.establish();
        } else {
            self.stats.duplicates += 1;
        }
        self.receiver.acknowledge(command, header.sent_time);
    }

    fn data(&mut self, command: &Command<'_>, header: &datagram::Header) {
        if self.phase == Phase::Connecting {
            // Not acknowledged: it will be sent again.
            self.stats.discarded.not_connected += 1;
            return;
        }
        if command.is_reliable() && !self.receiver.has_room_for_ack() {
            return self.discard(Discard::Full);
        }
        match self.receiver.take(command, &self.config, &mut self.pool) {
            Ok(kept) => {
                match kept {
                    Kept::Taken => {}
                    Kept::Duplicate => self.stats.duplicates += 1,
                    Kept::Late => self.stats.late += 1,
                }
                self.receiver.acknowledge(command, header.sent_time);
            }
            Err(Refusal::Discard(reason)) => self.discard(reason),
            Err(Refusal::End(violation)) => self.end(Cause::ProtocolError(violation)),
        }
    }

    fn discard(&mut self, reason: Discard) {
        let discarded = &mut self.stats.discarded;
        match reason {
            Discard::Full => discarded.full += 1,
            Discard::Window => discarded.window += 1,
            Discard::Channel => {
                discarded.channel += 1;
                self.violated();
            }
            Discard::Malformed => {
                discarded.malformed += 1;
                self.violated();
            }
        }
    }

    fn violated(&mut self) {
        self.stats.violations = self.stats.violations.saturating_add(1);
        if self.stats.violations > self.config.max_violations {
            self.end(Cause::ProtocolError(Violation::TooMany(self.stats.violations)));
        }
    }

    // Endings. Spec: udp.md 7.

    fn told_to_leave(&mut self, command: &Command<'_>, header: &datagram::Header) {
        let reliable = match self.phase {
            Phase::Connecting => false,
            Phase::Connected => true,
            // A client that says goodbye acknowledges nothing any more; a server may not have heard ours yet.
            Phase::Draining { .. } | Phase::Leaving if self.role == Role::Server => true,
            Phase::Draining { .. } | Phase::Leaving | Phase::Over => return,
        };
        let cause = match (self.role, self.phase) {
            (Role::Server, Phase::Leaving) => Cause::LocalClose,
            (Role::Server, _) => Cause::ClientLeft(command.reserved),
            (Role::Client, _) => Cause::of_server(command.reserved),
        };
        self.receiver.acknowledge(command, header.sent_time);
        self.end_keeping_acks(cause);
        if self.role == Role::Client {
            self.goodbye = Some(self.sender.goodbye(REASON_CLIENT, reliable));
        }
    }

    /// Ends the connection as the official client does: what is queued or unacknowledged is dropped, one last datagram
    /// says goodbye and is not awaited. [`Connection::shutdown`] loses nothing. Spec: udp.md 7.1.
    pub fn close(&mut self) {
        let reason = if self.role == Role::Client { REASON_CLIENT } else { REASON_LOGIC };
        let reliable = self.phase != Phase::Connecting;
        // Nobody has to be told of a connection that nobody has heard of.
        let known = reliable || self.sender.in_flight() > 0 || self.role == Role::Server;
        if self.phase != Phase::Over {
            self.end_keeping_acks(Cause::LocalClose);
            self.goodbye = known.then(|| self.sender.goodbye(reason, reliable));
        }
    }

    /// Ends the connection without loss: nothing more is accepted for sending, and once all that was accepted is
    /// acknowledged, at the latest `timeout_ms` milliseconds from `now`, a disconnect with this reason
    /// ([`REASON_CLIENT`] for clients; udp.md 7.2 for servers) is sent and awaited, for at most two resends.
    pub fn shutdown(&mut self, now: Timestamp, timeout_ms: u64, reason: u8) {
        let now = self.advance(now);
        match self.phase {
            Phase::Connecting => self.close(),
            Phase::Connected if self.sender.is_drained() => self.leave(reason),
            Phase::Connected => {
                self.phase = Phase::Draining { reason };
                self.deadline = Some(now.saturating_add(timeout_ms));
            }
            Phase::Draining { .. } | Phase::Leaving | Phase::Over => {}
        }
    }

    fn leave(&mut self, reason: u8) {
        self.phase = Phase::Leaving;
        self.deadline = None;
        self.queue_control(kind::DISCONNECT, reason);
    }

    /// Something was not acknowledged in time. Spec: udp.md 5.6.
    fn give_up(&mut self) {
        let cause = match self.phase {
            Phase::Connecting => Cause::ConnectTimeout,
            Phase::Leaving => return self.end(Cause::LocalClose),
            _ => Cause::Timeout,
        };
        self.end(cause);
        self.goodbye = Some(self.sender.goodbye(REASON_TIMEOUT, false));
    }

    /// Another connection from the same address has taken the place of this one.
    pub(crate) fn replaced(&mut self) {
        if self.phase != Phase::Over {
            self.end(Cause::Replaced);
        }
    }

    fn end(&mut self, cause: Cause) {
        self.end_keeping_acks(cause);
        self.receiver.acks.clear();
    }

    fn end_keeping_acks(&mut self, cause: Cause) {
        // Of a goodbye that is not acknowledged nothing is lost.
        if self.phase == Phase::Leaving {
            self.sender.clear();
        }
        self.abandon();
        self.phase = Phase::Over;
        self.deadline = None;
        self.receiver.end();
        self.pool = Pool::default();
        self.ended = Some(cause);
    }

    /// Drops what was not sent or not acknowledged.
    fn abandon(&mut self) {
        self.stats.abandoned_commands += self.sender.outstanding() as u64;
        self.sender.clear();
        self.stamped = None;
    }

    // For the layer above.

    /// What has happened, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.connected) {
            return Some(Event::Connected);
        }
        if let Some(message) = self.receiver.next_message() {
            self.stats.received_messages += 1;
            return Some(Event::Message(message));
        }
        self.ended.take().map(Event::Disconnected)
    }

    /// Whether [`Connection::poll_event`] would give anything.
    #[must_use]
    pub fn has_event(&self) -> bool {
        self.connected || self.receiver.has_message() || self.ended.is_some()
    }

    /// Gives back the buffer of a message, so that it can be used again.
    pub fn recycle(&mut self, message: Vec<u8>) {
        self.pool.give(message);
    }

    /// Queues a message. Messages above what fits into a datagram are sent in parts, and then reliably.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then nothing has changed.
    pub fn send(&mut self, channel: u8, delivery: Delivery, message: &[u8]) -> Result<(), SendError> {
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
    /// [`SendError`], or what `write` returns; then nothing has changed.
    pub fn send_with<E: From<SendError>>(
        &mut self,
        channel: u8,
        delivery: Delivery,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.phase != Phase::Connected {
            return Err(SendError::NotConnected.into());
        }
        self.sender.message(channel, delivery, &self.config, &mut self.pool, write)?;
        self.stats.sent_messages += 1;
        Ok(())
    }

    /// Asks for the server's clock; what it was set to before stays until the answer. Nothing happens while one request
    /// is under way, or when not connected. The official client asks once, when its init was answered. Spec: udp.md 8.
    pub fn fetch_server_time(&mut self) {
        if self.phase == Phase::Connected && self.role == Role::Client && self.server_clock.begin() {
            self.queue_control(kind::SERVER_TIME, self.reserved());
        }
    }

    /// The server's clock at `now`, in milliseconds, wrapping; `None` before it was asked for.
    #[must_use]
    pub fn server_time(&self, now: Timestamp) -> Option<u32> {
        let elapsed = now.max(self.latest).millis_since(self.started);
        self.server_clock.at(self.clock_base.wrapping_add(elapsed as u32))
    }

    /// How far it is.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Connecting => State::Connecting,
            Phase::Connected => State::Connected,
            Phase::Draining { .. } | Phase::Leaving => State::Disconnecting,
            Phase::Over => State::Disconnected,
        }
    }

    /// Smoothed round trip, in milliseconds; 200 before anything was measured.
    #[must_use]
    pub fn round_trip_ms(&self) -> u32 {
        self.round_trip.smoothed_ms.unsigned_abs()
    }

    /// Its variance, in milliseconds.
    #[must_use]
    pub fn round_trip_variance_ms(&self) -> u32 {
        self.round_trip.variance_ms.unsigned_abs()
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
