//! The session's clock: microseconds since it was built, from the system's monotonic clock.

use chat_core::Timestamp;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::ZERO.plus_duration(self.0.elapsed())
    }
}

/// Arithmetic between the client's time and the system's. It saturates at [`Timestamp::MAX`], which
/// is later than any clock: `Session::wait(Duration::MAX)` is legal.
pub(crate) trait Time {
    fn plus_duration(self, duration: Duration) -> Self;
    fn until(self, later: Self) -> Duration;
}

impl Time for Timestamp {
    fn plus_duration(self, duration: Duration) -> Self {
        self.plus_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }

    /// Time from this moment to a later one; zero if that has passed.
    fn until(self, later: Self) -> Duration {
        Duration::from_micros(later.micros_since(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_any_length_saturate() {
        assert_eq!(
            Timestamp::from_millis(1).plus_duration(Duration::MAX),
            Timestamp::MAX
        );
        assert_eq!(
            Timestamp::from_millis(5).until(Timestamp::from_millis(2)),
            Duration::ZERO
        );
        assert_eq!(
            Timestamp::from_millis(2).until(Timestamp::from_millis(5)),
            Duration::from_millis(3)
        );
    }

    #[test]
    fn time_never_runs_backwards() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
