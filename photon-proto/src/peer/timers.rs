//! The timers of a connection: pings, silence, and those of UDP.

use super::link::GREETING_PING_MS;
use super::{Peer, Phase, Wire};
use crate::role::Role;
use crate::time::Timestamp;
use core::time::Duration;

impl Peer {
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
            self.silence = Some(now.plus_millis(self.silence_ms));
        }
    }

    #[inline]
    pub(super) fn run_ping(&mut self, now: Timestamp) {
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
}
