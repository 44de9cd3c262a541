//! Deadlines as data.

use photon_proto::Timestamp;

/// A deadline that may be off, or wait for the time to be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Timer {
    #[default]
    Off,
    /// Armed by an intent, which knows no time: runs from the next call that brings one.
    Armed {
        after_ms: u64,
    },
    At(Timestamp),
}

impl Timer {
    /// Starts an armed timer.
    pub(crate) fn start(&mut self, now: Timestamp) {
        if let Self::Armed { after_ms } = *self {
            *self = Self::At(now.plus_millis(after_ms));
        }
    }

    pub(crate) fn is_due(self, now: Timestamp) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }

    /// When it fires; an armed one asks to be started at once.
    pub(crate) fn deadline(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Off => None,
            Self::Armed { .. } => Some(now),
            Self::At(at) => Some(at),
        }
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
