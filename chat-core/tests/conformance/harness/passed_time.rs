//! The times that the driver passes to the client.

use photon_proto::Timestamp;

/// Passes each new time once, and then times before it. Contract 1: a time before the latest counts
/// as the latest, so that no test notices.
#[derive(Debug)]
pub(crate) struct PassedTime {
    latest: Timestamp,
    repeats: u64,
}

impl PassedTime {
    pub(crate) const fn new() -> Self {
        Self {
            latest: Timestamp::ZERO,
            repeats: 0,
        }
    }

    /// The time to pass in a call at `now`.
    pub(crate) fn at(&mut self, now: Timestamp) -> Timestamp {
        if now > self.latest {
            self.latest = now;
            return now;
        }
        self.repeats += 1;
        // Slightly earlier, much earlier, and the same: a clock of another core, one that was set
        // back, and an ordinary one.
        let back_ms = match self.repeats % 3 {
            0 => 0,
            1 => 1,
            _ => self.repeats % 100_000,
        };
        Timestamp::from_millis(now.as_millis().saturating_sub(back_ms))
    }
}
