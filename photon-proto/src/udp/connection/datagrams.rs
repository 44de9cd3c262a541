//! Sending and receiving datagrams. Spec: udp.md 5, 9.

use super::{Connection, Phase};
use crate::role::Role;
use crate::time::Timestamp;
use crate::udp::Cause;
use crate::udp::command::{self, Body, CONTROL_CHANNEL, Command, kind};
use crate::udp::datagram::{self, NO_PEER_ID};
use crate::udp::reject::{Accepted, Discard, Reject};
use crate::udp::send::{AckOutcome, Backoff, CommandId, DatagramBuilder, LAST_NUMBER};
use crate::udp::violation::Violation;

/// A longer round trip is implausible, in milliseconds. Spec: udp.md 5.2.
const MAX_SAMPLE_MS: i32 = 10_000;
/// A peer id that requests a trace from the server; never assigned. Spec: udp.md 1.1.
const TRACE_PEER_ID: u16 = 0xFFFE;
/// A server's verify-connect: the first number of its control channel. Spec: udp.md 4.1.
const VERIFY: CommandId = CommandId {
    channel: CONTROL_CHANNEL,
    unsequenced: false,
    rseq: 0,
};

impl Connection {
    // Sending.

    /// Returns the next datagram, stamped with `now`; never an empty one. Its commands count as
    /// sent. Until [`Connection::transmitted`] the same datagram is returned, with a new stamp.
    #[must_use]
    pub fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        self.prepare(now).then_some(self.datagram.as_slice())
    }

    /// The datagram of the last [`Connection::prepare`].
    pub(crate) fn prepared(&self) -> &[u8] {
        &self.datagram
    }

    /// Builds or restamps the next datagram. Returns false if there is none.
    pub(crate) fn prepare(&mut self, now: Timestamp) -> bool {
        let now = self.advance(now);
        if let Some(stamped) = self.stamped {
            if stamped == now {
                return true;
            }
            // The socket was blocked. The old stamp would make the round trip look too long.
            self.sender.restamp(now);
        } else if !self.has_output() || !self.build(now) {
            return false;
        }
        debug_assert!(
            self.datagram.len() <= self.rules.mtu_bytes(),
            "a datagram is filled up to the MTU only"
        );
        self.stamped = Some(now);
        let clock = self.clock();
        datagram::finish(&mut self.datagram, self.datagram_commands, clock);
        true
    }

    /// Reports the datagram as sent, or as dropped by the driver: resends repair the loss.
    pub fn transmitted(&mut self) {
        if let Some(stamped) = self.stamped.take() {
            self.last_sent = stamped;
            self.stats.sent_datagrams += 1;
            self.stats.sent_bytes += self.datagram.len() as u64;
            self.trim_if_idle();
        }
    }

    /// Whether [`Connection::transmit`] may return a datagram. A full send window is noticed only
    /// when a datagram is built, so this can be true although nothing is sent.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.stamped.is_some()
            || self.last_disconnect.is_some()
            || !self.receiver.acks.is_empty()
            || self.sender.has_output()
    }

    /// Fills a datagram. Returns whether it contains a command. Spec: udp.md 5.8.
    fn build(&mut self, now: u64) -> bool {
        let id = match self.role {
            Role::Client => self.peer_id,
            Role::Server => 0,
        };
        let mut bytes = core::mem::take(&mut self.datagram);
        bytes.clear();
        datagram::begin(&mut bytes, id, self.challenge, self.rules.crc);
        let mut out = DatagramBuilder {
            out: &mut bytes,
            mtu: self.rules.mtu_bytes(),
            count: 0,
        };
        let reserved = self.reserved();
        let kept_free = if self.last_disconnect.is_some() {
            command::HEADER_BYTES
        } else {
            0
        };
        while out.space() >= command::ACK_BYTES + kept_free
            && let Some(ack) = self.receiver.acks.pop_front()
        {
            let kind = if ack.unsequenced {
                kind::ACK_UNSEQUENCED
            } else {
                kind::ACK
            };
            let header = command::Header {
                kind,
                channel: ack.channel,
                flags: 0,
                reserved,
                rseq: 0,
            };
            let fitted = out.push_ack(header, ack.rseq, ack.sent_time);
            debug_assert!(fitted, "the loop checked the space");
        }
        if let Some(disconnect) = self.last_disconnect.take() {
            let fitted = out.push(&disconnect);
            debug_assert!(fitted, "space was kept free");
            // Drop the acks that did not fit: this is the last datagram.
            self.receiver.acks.clear();
        }
        self.sender.begin_datagram();
        let backoff = Backoff::new(
            self.is_judged_by_time(),
            self.last_proof,
            &self.round_trip,
            &self.timing,
        );
        self.stats.resent_commands +=
            self.sender
                .write_resends(&mut out, now, backoff, &self.rules);
        let timeout = backoff.first_timeout;
        self.sender
            .write_new(&mut out, now, timeout, &self.rules, &mut self.pool);
        // Sending an unreliable command may have drained the connection: nothing acknowledges it.
        if self.send_disconnect_if_drained() {
            self.sender
                .write_new(&mut out, now, timeout, &self.rules, &mut self.pool);
        }
        self.datagram_commands = out.count;
        self.datagram = bytes;
        self.datagram_commands > 0
    }

    // Receiving.

    /// Handles a datagram that arrived from the peer's address. Invalid ones are counted in
    /// [`Connection::stats`].
    pub fn handle_datagram(&mut self, now: Timestamp, bytes: &[u8]) {
        self.advance(now);
        self.stats.received_datagrams += 1;
        self.stats.received_bytes += bytes.len() as u64;
        if self.phase == Phase::Closed {
            return;
        }
        let (header, rest) = match datagram::decode_header(bytes) {
            Ok(decoded) => decoded,
            Err(error) => return self.stats.dropped_datagrams.count(&error),
        };
        // Checked before everything else: without the challenge, which an attacker off the path
        // does not know, a datagram must not even count as a violation.
        if header.challenge != self.challenge {
            self.stats.dropped_datagrams.challenge += 1;
            return;
        }
        let (decoded, malformed) =
            datagram::decode_commands(header, rest, bytes.len() - rest.len());
        if malformed.is_none() {
            self.stats.trailing_bytes += decoded.trailing_bytes() as u64;
        }
        // The commands before a malformed one are applied, as the official client does: each is
        // complete in itself, and refusing them would only make the peer send them again.
        // Spec: udp.md 9, item 3.
        for command in decoded.commands() {
            if self.phase == Phase::Closed {
                return;
            }
            self.last_received = self.now();
            self.on_arrival();
            self.on_command(&command, &header);
        }
        self.sender.prune_timers();
        if let Some(error) = malformed {
            self.stats.dropped_datagrams.count(&error);
            self.count_violation();
        }
        self.send_disconnect_if_drained();
        if self.is_half_open() && self.repeats_connect(&decoded) {
            self.sender.resend(VERIFY);
        }
        self.trim_if_idle();
    }

    /// Whether a client repeats its connect, or knows its peer id already. In both cases our
    /// verify-connect or its ack was lost. Spec: udp.md 12.
    fn repeats_connect(&self, datagram: &datagram::Datagram<'_>) -> bool {
        let knows_id = datagram.header.peer_id == self.peer_id;
        datagram
            .commands()
            .any(|it| matches!(it.body, Body::Connect(_)) || (knows_id && it.is_reliable()))
    }

    fn on_command(&mut self, command: &Command<'_>, header: &datagram::Header) {
        // The number field of an ack has no meaning. Spec: udp.md 2.2, 2.6.
        let has_number =
            !matches!(command.body, Body::Ack { .. }) && !kind::ACK2.contains(&command.kind);
        if has_number && command.rseq > LAST_NUMBER {
            return self.discard(Discard::Malformed);
        }
        match command.body {
            Body::Ack { rseq, sent_time } => {
                let id = CommandId {
                    channel: command.channel,
                    unsequenced: command.kind == kind::ACK_UNSEQUENCED,
                    rseq,
                };
                self.on_ack(id, sent_time, header);
            }
            Body::VerifyConnect(fields) if self.role == Role::Client => {
                self.on_verify_connect(command, fields.id, header)
            }
            Body::Connect(_) => self.receiver.acknowledge(command, header.sent_time),
            Body::Other(_) if command.kind == kind::DISCONNECT => {
                self.on_disconnect(command, header)
            }
            // The address may be forged. An ack of anything but the connect would be an answer to
            // somebody who did not ask for it. Spec: udp.md 12.
            Body::VerifyConnect(_) | Body::Other(_) if self.is_half_open() => {
                self.stats.discarded.not_connected += 1
            }
            Body::VerifyConnect(_) | Body::Other(_) => {
                self.receiver.acknowledge(command, header.sent_time)
            }
            Body::Message(_) | Body::Numbered { .. } | Body::Fragment(_) => {
                self.on_data(command, header)
            }
        }
    }

    /// Handles an ack. `echo` is our sent time, which the peer returns. Spec: udp.md 5.2.
    fn on_ack(&mut self, id: CommandId, echo: u32, header: &datagram::Header) {
        let now = self.now();
        let sample = self.clock().wrapping_sub(echo).cast_signed();
        // A round trip cannot be longer than the time since the first transmission. The official
        // client uses 4 x RTT instead of an implausible sample; discarding it keeps a peer from
        // moving the estimate.
        let plausible = |first_sent: u64| {
            let max = i32::try_from(now - first_sent)
                .unwrap_or(i32::MAX)
                .min(MAX_SAMPLE_MS);
            (0..=max).contains(&sample).then_some(sample)
        };
        if self.is_half_open() {
            // Only a client that received our datagram can know the echoed time and the peer id.
            let proved = self.sender.first_sent(id).and_then(plausible).is_some()
                && header.peer_id == self.peer_id;
            if !proved {
                self.stats.unmatched_acks += 1;
                return;
            }
        }
        let (by_time, timing, round_trip) =
            (self.is_judged_by_time(), &self.timing, &self.round_trip);
        let front_max = || Backoff::new(by_time, 0, round_trip, timing).front_max;
        let acked = match self.sender.acknowledge(id, front_max, &mut self.pool) {
            // Neither shows that the peer has received anything new: it must not delay a ping.
            AckOutcome::NeverSent | AckOutcome::Duplicate => {
                self.stats.unmatched_acks += 1;
                return;
            }
            AckOutcome::Acked(acked) => acked,
        };
        self.last_ack = now;
        let sample = plausible(acked.first_sent);
        // The peer received the transmission whose stamp it echoes. Without a plausible echo only
        // the first one is certain.
        let received = sample.map_or(acked.first_sent, |it| now - u64::from(it.unsigned_abs()));
        self.last_proof = self.last_proof.max(received);
        if acked.kind == kind::SERVER_TIME {
            let (clock, smoothed) = (self.clock(), self.round_trip.smoothed_ms);
            let asks_again = self
                .server_clock
                .answer(clock, header.sent_time, sample, smoothed);
            if asks_again && self.phase == Phase::Connected {
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
        debug_assert_eq!(self.phase, Phase::Connecting, "a connection begins once");
        self.phase = Phase::Connected;
        self.deadline = None;
        self.last_proof = self.now();
        self.connected = true;
    }

    /// Handles a verify-connect of the server. Spec: udp.md 3.2; 9, item 11.
    fn on_verify_connect(
        &mut self,
        command: &Command<'_>,
        peer_id: u16,
        header: &datagram::Header,
    ) {
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

    fn on_data(&mut self, command: &Command<'_>, header: &datagram::Header) {
        if self.phase == Phase::Connecting {
            // No ack: the peer sends it again, and by then the connection may be established.
            self.stats.discarded.not_connected += 1;
            return;
        }
        // Checked before the data is taken: data without an ack would arrive twice.
        if command.is_reliable() && !self.receiver.has_space_for_ack() {
            return self.discard(Discard::Full);
        }
        match self.receiver.on_data(command, &self.rules, &mut self.pool) {
            Ok(accepted) => {
                match accepted {
                    Accepted::New => {}
                    Accepted::Duplicate => self.stats.duplicates += 1,
                    Accepted::Late => self.stats.late += 1,
                }
                self.receiver.acknowledge(command, header.sent_time);
            }
            Err(Reject::Discard(reason)) => self.discard(reason),
            Err(Reject::End(violation)) => self.end(Cause::ProtocolError(violation)),
        }
    }

    /// Counts a discarded command. A missing channel and an impossible number are violations; the
    /// other reasons happen between honest peers.
    fn discard(&mut self, reason: Discard) {
        let discarded = &mut self.stats.discarded;
        match reason {
            Discard::Full => discarded.full += 1,
            Discard::Window => discarded.window += 1,
            Discard::Channel => {
                discarded.channel += 1;
                self.count_violation();
            }
            Discard::Malformed => {
                discarded.malformed += 1;
                self.count_violation();
            }
        }
    }

    fn count_violation(&mut self) {
        // The limit may be the largest number.
        self.stats.violations = self.stats.violations.saturating_add(1);
        if self.stats.violations > self.rules.max_violations && self.phase != Phase::Closed {
            self.end(Cause::ProtocolError(Violation::TooMany(
                self.stats.violations,
            )));
        }
    }
}
