//! [`Timer`]: a deadline that may not have started yet.

use core::time::Duration;
use photon_proto::Timestamp;

/// A deadline. Intents know no time, so the ones that they set start later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Timer {
    /// No deadline.
    #[default]
    Off,
    /// Starts with the next call that passes a time.
    Armed { after_ms: u64 },
    /// Fires at this time.
    At(Timestamp),
}

impl Timer {
    /// Starts an armed timer.
    pub(crate) fn start(&mut self, now: Timestamp) {
        if let Self::Armed { after_ms } = *self {
            *self = Self::At(now.plus_millis(after_ms));
        }
    }

    /// Puts the timer off by the time that the program slept, and at least until `earliest`.
    pub(crate) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        if let Self::At(at) = self {
            *at = at.plus(slept).max(earliest);
        }
    }

    /// Whether the timer has fired. An armed one has not started, so it has not fired either.
    pub(crate) fn is_due(self, now: Timestamp) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }

    /// Returns when the timer fires. For an armed one that is now, so that the driver calls and
    /// starts it.
    #[inline]
    pub(crate) fn deadline(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Off => None,
            Self::Armed { .. } => Some(now),
            Self::At(at) => Some(at),
        }
    }
}

/// Returns the earlier of two deadlines; `None` means that there is none.
#[inline]
pub(crate) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
