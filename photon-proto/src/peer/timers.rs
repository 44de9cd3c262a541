//! The timers of a connection: pings, silence, and those of UDP.

use super::link::GREETING_PING_MS;
use super::liveness::Overdue;
use super::{Peer, Phase, Wire};
use crate::role::Role;
use crate::time::Timestamp;
use core::time::Duration;

impl Peer {
    /// When [`Peer::handle_timeout`] and [`Peer::overdue`] have to be called next; a time in the
    /// past is "now". The deadlines of input do not count while input is held: what they wait for
    /// may be in it.
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
        if let Some(at) = self.liveness.queue_deadline()
            && next.is_none_or(|next| at < next)
        {
            next = Some(at);
        }
        match self.input_deadline() {
            // Whether input is held is asked last: it costs most, and a ping is due before silence.
            Some((at, _)) if next.is_none_or(|next| at < next) && !self.has_input() => Some(at),
            _ => next,
        }
    }

    #[inline]
    fn input_deadline(&self) -> Option<(Timestamp, Overdue)> {
        let is_client = self.role == Role::Client;
        self.liveness.input_deadline(is_client, &self.clock)
    }

    /// Does what is due: timers of the UDP connection, a ping.
    #[inline]
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.carrier.start_shutdown(now);
        if !self.link_gone {
            // A timeout after the end of the link is a consequence, not the cause to report.
            self.carrier.handle_timeout(now);
        }
        self.run_ping(now);
        self.watch_output(now);
        self.liveness.handle_timeout(now);
    }

    /// Takes notice that this program stood still for the time `slept`, until `now`: frozen by its
    /// user or the system, or asleep with its machine. Call it before any other call with this time.
    /// Only the owner can know: it is called at other times than the peer.
    ///
    /// The time slept does not count for any deadline. A client sends a ping, and a server of which
    /// nothing arrives within two seconds is overdue as [`Overdue::Slept`]; nothing else is overdue
    /// before. The fourth sleep in a row after which nothing arrives counts as ordinary time. Over
    /// UDP see [`udp::Connection::wake`](crate::udp::Connection::wake). Spec: wire.md
    /// 11.2.
    pub fn wake(&mut self, now: Timestamp, slept: Duration) {
        self.carrier.wake(now, slept);
        if !self.liveness.wake(now, slept) {
            return;
        }
        self.clock.wake(slept);
        if self.ping.is_some() {
            self.ping = Some(now);
        }
    }

    /// The deadline of the other end that has passed, if one has: it makes no progress, and the
    /// connection should be ended. Each is [`PeerConfig::silence_timeout`] long. Call
    /// [`Peer::handle_timeout`] before.
    ///
    /// [`PeerConfig::silence_timeout`]: super::PeerConfig::silence_timeout
    #[must_use]
    #[inline]
    pub fn overdue(&self, now: Timestamp) -> Option<Overdue> {
        match self.input_deadline() {
            Some((at, overdue)) if at <= now && !self.has_input() => Some(overdue),
            _ if self.liveness.is_queue_overdue(now) => Some(Overdue::SendQueue),
            _ => None,
        }
    }

    /// Starts or stops the deadline of the send queue.
    #[inline]
    pub(super) fn watch_output(&mut self, now: Timestamp) {
        // Nearly always, and an owner calls for each message.
        if self.carrier.unsent_bytes() == 0 {
            self.liveness.set_unsent(now, false);
        } else {
            self.watch_unsent(now);
        }
    }

    fn watch_unsent(&mut self, now: Timestamp) {
        // UDP notices by itself what is not acknowledged. A peer that does not read while this end
        // does not either may be waiting for it, and what was accepted before a shutdown has the
        // owner's deadline.
        let is_watched = self.wire != Wire::Datagram
            && self.end.is_none()
            && !matches!(self.phase, Phase::Opening | Phase::Closing)
            && self.wants_input();
        self.liveness.set_unsent(now, is_watched);
    }

    /// The other end made progress.
    #[inline]
    pub(super) fn on_progress(&mut self, now: Timestamp) {
        self.last_received = now;
        self.restart_silence(now);
    }

    /// The other end owes nothing any more.
    pub(super) fn stop_timers(&mut self) {
        self.ping = None;
        self.liveness.stop();
        self.clock.stop();
    }

    /// Whether this end sends pings as messages. UDP pings by itself, and notices silence by what
    /// is not acknowledged (udp.md 5.6).
    pub(super) fn sends_pings(&self) -> bool {
        self.role == Role::Client && !matches!(self.wire, Wire::Datagram)
    }

    #[inline]
    pub(super) fn restart_silence(&mut self, now: Timestamp) {
        if self.sends_pings()
            && self.end.is_none()
            && matches!(self.phase, Phase::KeyExchange | Phase::Ready)
        {
            self.liveness.restart_silence(now);
        }
    }

    #[inline]
    pub(super) fn run_ping(&mut self, now: Timestamp) {
        if self.ping.is_none_or(|due| due > now) {
            return;
        }
        debug_assert_eq!(self.role, Role::Client, "only clients ping");
        // A link that accepts no bytes needs no more pings.
        let unsent = self.carrier.unsent_bytes();
        if unsent < self.config.outgoing_cap_bytes
            && self.clock.can_ping()
            && let Some(protocol) = self.protocol
        {
            let client_time = self.clock.local(now);
            self.carrier
                .write_ping(protocol.binary(), &self.config.limits, client_time);
            let written = self.carrier.unsent_bytes();
            if written > unsent {
                self.clock
                    .on_ping(client_time, self.sent_bytes + written as u64);
            }
        }
        // wire.md 6.4: counted from the last ping, whatever else was sent.
        let interval_ms = if self.phase == Phase::AwaitInit {
            GREETING_PING_MS
        } else {
            self.ping_ms
        };
        self.ping = Some(now.plus_millis(interval_ms));
    }
}
