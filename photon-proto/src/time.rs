//! [`Timestamp`]: time is an argument, because nothing below the drivers reads a clock.

use core::time::Duration;

/// A point in time, in microseconds since an epoch that the caller chooses, such as the start of
/// the program.
///
/// All arithmetic saturates: a time beyond the range is [`Timestamp::MAX`], and nothing wraps or
/// panics. `MAX` as a deadline means "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);
    /// The last point in time. As a deadline it means "never".
    pub const MAX: Self = Self(u64::MAX);

    /// The time `micros` microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The time `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// The microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The whole milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// The time `duration` later, in whole microseconds (rounded down).
    ///
    /// ```
    /// use core::time::Duration;
    /// use photon_proto::Timestamp;
    ///
    /// let deadline = Timestamp::ZERO.plus(Duration::from_secs(2));
    /// assert_eq!(deadline.since(Timestamp::from_millis(500)), Duration::from_millis(1500));
    /// ```
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }

    /// The time from `earlier` to this time; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros_since(earlier))
    }

    /// The time `millis` milliseconds later.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        self.plus_micros(millis.saturating_mul(1000))
    }

    /// The time `micros` microseconds later.
    #[must_use]
    pub const fn plus_micros(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The microseconds from `earlier` to this time; 0 if `earlier` is later.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The whole milliseconds from `earlier` to this time; 0 if `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.micros_since(earlier) / 1000
    }
}

#[cfg(feature = "std")]
impl From<Duration> for Timestamp {
    /// The time this long after the epoch, for example `start.elapsed().into()`.
    fn from(since_epoch: Duration) -> Self {
        Self::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let late = Timestamp::MAX.plus_millis(5);
        assert_eq!(late, Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::ZERO.millis_since(late), 0);
        assert_eq!(
            Timestamp::from_millis(7)
                .plus_micros(999)
                .millis_since(Timestamp::ZERO),
            7
        );
    }
}
