//! Datagrams out and in. Spec: udp.md 5, 9.

use super::{Connection, Phase, Role};
use crate::time::Timestamp;
use crate::udp::Cause;
use crate::udp::command::{self, Body, CONTROL_CHANNEL, Command, kind};
use crate::udp::datagram::{self, NO_PEER_ID};
use crate::udp::reject::{Accepted, Discard, Reject};
use crate::udp::send::{AckOutcome, CommandId, DatagramBuilder, LAST_NUMBER};
use crate::udp::violation::Violation;

/// Longer round trips than this are not believed, in milliseconds. Spec: udp.md 5.2.
const MAX_SAMPLE_MS: i32 = 10_000;
/// A peer id that asks the server for a trace; never assigned. Spec: udp.md 1.1.
const TRACE_PEER_ID: u16 = 0xFFFE;
/// A server's verify-connect: the first number of its control channel. Spec: udp.md 4.1.
const VERIFY: CommandId = CommandId {
    channel: CONTROL_CHANNEL,
    unsequenced: false,
    rseq: 0,
};

impl Connection {
    // Datagrams out.

    /// The next datagram, stamped with `now`; the same one again until [`Connection::transmitted`], but stamped anew.
    /// Its commands count as sent now. Never empty.
    #[must_use]
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
        if let Some(stamped) = self.stamped.take() {
            self.last_sent = stamped;
            self.stats.sent_datagrams += 1;
            self.stats.sent_bytes += self.datagram.len() as u64;
            self.rest();
        }
    }

    /// Whether a datagram may be there to be pulled: a full send window is seen only when one is built.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.stamped.is_some()
            || self.last_disconnect.is_some()
            || !self.receiver.acks.is_empty()
            || self.sender.has_output()
    }

    /// Spec: udp.md 5.8.
    fn build(&mut self, now: u64) -> bool {
        let id = match self.role {
            Role::Client => self.peer_id,
            Role::Server => 0,
        };
        let mut bytes = core::mem::take(&mut self.datagram);
        bytes.clear();
        datagram::begin(&mut bytes, id, self.challenge, self.config.crc);
        let (mtu, reserved) = (self.config.mtu_bytes(), self.reserved());
        let mut out = DatagramBuilder {
            out: &mut bytes,
            mtu,
            count: 0,
        };
        let kept_free = if self.last_disconnect.is_some() {
            command::HEADER_BYTES
        } else {
            0
        };
        while out.room() >= command::ACK_BYTES + kept_free
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
            command::write_ack(out.out, header, ack.rseq, ack.sent_time);
            out.count += 1;
        }
        if let Some(disconnect) = self.last_disconnect.take() {
            out.push(&disconnect);
            // What did not fit is of no use to anybody any more.
            self.receiver.acks.clear();
        }
        self.sender.begin_datagram();
        self.stats.resent_commands += self.sender.write_resends(&mut out, now, &self.config);
        let timeout = self.round_trip.resend_ms(self.timing.initial_resend_max_ms);
        self.sender
            .write_new(&mut out, now, timeout, &self.config, &mut self.pool);
        // What is pulled now and never acknowledged may have been the last.
        if self.send_disconnect_if_drained() {
            self.sender
                .write_new(&mut out, now, timeout, &self.config, &mut self.pool);
        }
        self.datagram_commands = out.count;
        self.datagram = bytes;
        self.datagram_commands > 0
    }

    // Datagrams in.

    /// Takes a datagram that arrived from the peer's address. What is wrong is counted in [`Connection::stats`].
    pub fn handle_datagram(&mut self, now: Timestamp, bytes: &[u8]) {
        self.advance(now);
        self.stats.received_datagrams += 1;
        self.stats.received_bytes += bytes.len() as u64;
        if self.phase == Phase::Closed {
            return;
        }
        let (header, rest) = match datagram::decode_header(bytes) {
            Ok(parsed) => parsed,
            Err(error) => return self.stats.dropped_datagrams.count(&error),
        };
        if header.challenge != self.challenge {
            self.stats.dropped_datagrams.challenge += 1;
            return;
        }
        let parsed =
            match datagram::decode_commands(header, rest, bytes.len().saturating_sub(rest.len())) {
                Ok(parsed) => parsed,
                Err(error) => {
                    self.stats.dropped_datagrams.count(&error);
                    return self.violated();
                }
            };
        self.last_received = self.now();
        self.stats.trailing_bytes += parsed.trailing_bytes() as u64;
        for command in parsed.commands() {
            if self.phase == Phase::Closed {
                return;
            }
            self.command(&command, &header);
        }
        self.send_disconnect_if_drained();
        if self.is_half_open() && self.asks_again(&parsed) {
            self.sender.resend(VERIFY);
        }
        self.rest();
    }

    /// Whether a client repeats its connect, or knows its id, so that only its acknowledgement was lost. Spec: udp.md 12.
    fn asks_again(&self, datagram: &datagram::Datagram<'_>) -> bool {
        let knows_id = datagram.header.peer_id == self.peer_id;
        datagram
            .commands()
            .any(|it| matches!(it.body, Body::Connect(_)) || (knows_id && it.is_reliable()))
    }

    fn command(&mut self, command: &Command<'_>, header: &datagram::Header) {
        // Acknowledgements have no number of their own there. Spec: udp.md 2.2, 2.6.
        let has_number =
            !matches!(command.body, Body::Ack { .. }) && !kind::ACK2.contains(&command.kind);
        if has_number && command.rseq > LAST_NUMBER {
            return self.discard(Discard::Malformed);
        }
        match command.body {
            Body::Ack { rseq, sent_time } => {
                let unsequenced = command.kind == kind::ACK_UNSEQUENCED;
                self.acked(
                    CommandId {
                        channel: command.channel,
                        unsequenced,
                        rseq,
                    },
                    sent_time,
                    header,
                );
            }
            Body::VerifyConnect(fields) if self.role == Role::Client => {
                self.verified(command, fields.id, header)
            }
            Body::Connect(_) => self.receiver.acknowledge(command, header.sent_time),
            Body::Other(_) if command.kind == kind::DISCONNECT => {
                self.on_disconnect(command, header)
            }
            // Whoever it is gets nothing that was not asked for with a connect. Spec: udp.md 12.
            Body::VerifyConnect(_) | Body::Other(_) if self.is_half_open() => {
                self.stats.discarded.not_connected += 1
            }
            Body::VerifyConnect(_) | Body::Other(_) => {
                self.receiver.acknowledge(command, header.sent_time)
            }
            Body::Message(_) | Body::Numbered { .. } | Body::Fragment(_) => {
                self.data(command, header)
            }
        }
    }

    fn acked(&mut self, key: CommandId, echo: u32, header: &datagram::Header) {
        let now = self.now();
        let sample = self.clock().wrapping_sub(echo) as i32;
        let plausible = |first_sent: u64| {
            let longest = i32::try_from(now.saturating_sub(first_sent))
                .unwrap_or(i32::MAX)
                .min(MAX_SAMPLE_MS);
            (0..=longest).contains(&sample).then_some(sample)
        };
        if self.is_half_open() {
            // Only who received what we sent knows the echo and the id.
            let shown = self.sender.first_sent(key).and_then(plausible).is_some()
                && header.peer_id == self.peer_id;
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
            if self
                .server_clock
                .answer(clock, header.sent_time, sample, smoothed)
                && self.phase == Phase::Connected
            {
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
            self.end(Cause::ProtocolError(Violation::TooMany(
                self.stats.violations,
            )));
        }
    }
}
