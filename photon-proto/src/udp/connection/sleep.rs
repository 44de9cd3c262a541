//! A program that stood still: frozen by its user or the system, or asleep with its machine.
//! Spec: udp.md 5.6.

use super::{Connection, Phase};
use crate::time::Timestamp;
use crate::udp::command::kind;
use crate::udp::config::whole_millis;
use core::time::Duration;

/// How long after a sleep of this program nothing counts as given up, and by when something of the
/// peer has to arrive: two seconds, enough for a round trip and for a network that wakes as well.
/// Spec: wire.md 11.2.
pub const SLEEP_GRACE: Duration = Duration::from_secs(2);

/// How many sleeps in a row are forgiven without anything of the peer arriving in between. A program
/// that calls only every few seconds, or sleeps again before the grace has passed, would otherwise
/// never notice that its peer is gone.
pub(crate) const MAX_SLEEPS_IN_A_ROW: u32 = 3;

/// The time after a sleep in which nothing counts as given up. Its times are the connection's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grace {
    until: u64,
    /// Whether a datagram of the peer arrived since.
    has_arrival: bool,
    /// The sleeps before this one without an arrival in between.
    earlier: u32,
}

impl Connection {
    /// Takes notice that this program stood still for the time `slept`, until `now`. Call it before
    /// any other call with this time.
    ///
    /// The time slept does not count for any deadline. Everything that was due meanwhile is sent
    /// again once, and if nothing is in flight a ping leaves. Within two seconds nothing counts as
    /// given up; a peer of which nothing arrives by then ends the connection with
    /// [`Cause::Slept`](crate::udp::Cause::Slept). The fourth sleep in a row without an arrival
    /// counts as ordinary time. Spec: udp.md 5.6.
    pub fn wake(&mut self, now: Timestamp, slept: Duration) {
        let standing_since = self.latest;
        let due = self.advance(now);
        let unanswered = self.grace.filter(|grace| !grace.has_arrival);
        let earlier = unanswered.map_or(0, |grace| grace.earlier + 1);
        if self.phase == Phase::Closed || earlier >= MAX_SLEEPS_IN_A_ROW {
            return;
        }
        // More than passed since the last call would turn the clock back.
        let slept = slept.min(self.latest.since(standing_since));
        self.sender.resend_due(due);
        // The clock of all deadlines stands still while the program does. The one in the headers
        // does not: the peer's time is measured with it. Whole milliseconds keep them in step.
        let slept_ms = u64::try_from(slept.as_millis()).unwrap_or(u64::MAX);
        self.started = self.started.plus_millis(slept_ms);
        self.clock_base = self.clock_base.wrapping_add(slept_ms as u32);
        let now = self.now();
        debug_assert!(now <= due, "a sleep takes time away");
        let may_ping = self.phase == Phase::Connected && self.timing.ping_interval_ms > 0;
        if self.sender.is_drained() {
            if !may_ping {
                // Nothing of the peer is due, so its silence means nothing.
                return;
            }
            self.stats.pings += 1;
            self.queue_control(kind::PING, self.reserved());
        }
        self.grace = Some(Grace {
            until: now.saturating_add(whole_millis(SLEEP_GRACE)),
            has_arrival: false,
            earlier,
        });
    }

    /// Something of the peer arrived.
    #[inline]
    pub(super) fn on_arrival(&mut self) {
        if let Some(grace) = &mut self.grace {
            grace.has_arrival = true;
        }
    }

    /// When nothing of the peer may still be missing, if nothing arrived since a sleep.
    pub(super) fn unanswered_grace(&self) -> Option<u64> {
        let grace = self.grace.filter(|grace| !grace.has_arrival)?;
        // Before, a peer that never answered has its own limit; after, only our disconnect waits.
        matches!(self.phase, Phase::Connected | Phase::Draining { .. }).then_some(grace.until)
    }

    /// The time before which nothing counts as given up; 0 if there was no sleep.
    pub(super) fn judged_from(&self) -> u64 {
        self.grace.map_or(0, |grace| grace.until)
    }
}
