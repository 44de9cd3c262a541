//! The deadlines of a connection, and what happens when they have passed. Spec: udp.md 5.4, 5.6, 5.7.

use super::{Connection, Phase};
use crate::role::Role;
use crate::time::Timestamp;
use crate::udp::command::kind;
use crate::udp::send::Overdue;

/// How often our disconnect is sent again. Spec: udp.md 7.1.
const MAX_DISCONNECT_RESENDS: u32 = 2;
/// How often connect is sent again, as by the official client. Spec: udp.md 5.4.
const MAX_CONNECT_RESENDS: u32 = 7;
/// The number of disconnect timeouts after which one unacknowledged command ends the connection,
/// although others are acknowledged. Spec: udp.md 5.6.
const COMMAND_TIMEOUTS: u64 = 2;
/// How often verify-connect is sent again without a new connect. Spec: udp.md 12.
const MAX_VERIFY_RESENDS: u32 = 2;

impl Connection {
    /// The time at which [`Connection::handle_timeout`] must be called; `None` if no timer runs.
    ///
    /// It is exact, in whole milliseconds since the start. After `handle_timeout(t)` it is later
    /// than `t`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.phase == Phase::Closed {
            return None;
        }
        let deadlines = [
            self.sender.next_due(),
            self.deadline,
            self.dead_at(),
            self.ping_due(),
        ];
        let next = deadlines.into_iter().flatten().min()?;
        // `Timestamp::MAX` means "no deadline".
        Some(self.started.plus_millis(next)).filter(|at| *at < Timestamp::MAX)
    }

    /// The time at which a ping is sent unless something else is sent before. Spec: udp.md 5.7, 12.
    fn ping_due(&self) -> Option<u64> {
        let interval = self.timing.ping_interval_ms;
        let idle = self.phase == Phase::Connected && interval > 0 && self.sender.is_drained();
        let since = match self.role {
            Role::Client => self.last_ack,
            Role::Server => {
                // A server that sends only unreliable commands gets no acks and would never notice
                // that its client is gone. It therefore pings as well when nothing has arrived for
                // the disconnect timeout.
                let silence = self.timing.disconnect_timeout_ms.saturating_sub(interval);
                self.stamped
                    .unwrap_or(self.last_sent)
                    .min(self.last_received.saturating_add(silence))
            }
        };
        idle.then(|| since.saturating_add(interval).saturating_add(1))
    }

    /// The time at which an established connection ends unless the peer acknowledges something
    /// before. Spec: udp.md 5.6.
    fn dead_at(&self) -> Option<u64> {
        if let Some(unanswered) = self.unanswered_grace() {
            return Some(unanswered);
        }
        let busy_since = self.sender.busy_since()?;
        self.is_judged_by_time().then(|| {
            let since_proof = self
                .last_proof
                .saturating_add(self.timing.disconnect_timeout_ms);
            // After a long silence, in which nothing had to be acknowledged, the first command
            // must not end the connection at once. The round trip is subtracted because the
            // silence began with a transmission, not with its ack; but most of the time has to
            // remain for an answer.
            let round_trip = u64::from(self.round_trip.smoothed_ms.unsigned_abs());
            let patience = self.timing.patience_ms;
            let patience = patience - round_trip.min(patience / 8);
            since_proof
                .max(busy_since.saturating_add(patience))
                .max(self.judged_from())
        })
    }

    /// Whether the time without an ack decides when to give up, rather than the number of resends.
    /// While connecting and leaving, and with a configured limit, it is the number.
    /// Spec: udp.md 5.6.
    pub(super) fn is_judged_by_time(&self) -> bool {
        matches!(self.phase, Phase::Connected | Phase::Draining { .. })
            && self.rules.max_resends == u32::MAX
    }

    /// Handles timers that are due: resends, timeouts, pings. Spec: udp.md 5.4, 5.6, 5.7.
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
        if self.dead_at().is_some_and(|at| at <= now) {
            return self.time_out();
        }
        let max_resends = match self.phase {
            Phase::Leaving => MAX_DISCONNECT_RESENDS,
            Phase::Connecting if self.role == Role::Server => MAX_VERIFY_RESENDS,
            Phase::Connecting => MAX_CONNECT_RESENDS.min(self.rules.max_resends),
            Phase::Connected | Phase::Draining { .. } | Phase::Closed => self.rules.max_resends,
        };
        let timeout = self.timing.disconnect_timeout_ms;
        let command_timeout = if self.is_judged_by_time() {
            timeout.saturating_mul(COMMAND_TIMEOUTS)
        } else {
            timeout
        };
        let judged_from = self.judged_from();
        while let Overdue::TimedOut =
            self.sender
                .run_due(now, max_resends, command_timeout, judged_from)
        {
            // The connect timeout decides. Until then a client that is alive repeats its connect,
            // which resends our verify-connect.
            if !self.is_half_open() {
                return self.time_out();
            }
        }
        if self.ping_due().is_some_and(|due| due <= now) {
            self.stats.pings += 1;
            // The connection was idle for the whole interval.
            self.shrink();
            self.queue_control(kind::PING, self.reserved());
        }
    }
}
