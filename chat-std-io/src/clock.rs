//! The session's clock: the time since it was built, from the system's monotonic clock.

use chat_core::Timestamp;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::ZERO.plus(self.0.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// `Session::wait(Duration::MAX)` and deadlines in the past rely on it.
    #[test]
    fn durations_of_any_length_saturate() {
        let at = Timestamp::from_millis;
        assert_eq!(at(1).plus(Duration::MAX), Timestamp::MAX);
        assert_eq!(at(2).since(at(5)), Duration::ZERO);
        assert_eq!(at(5).since(at(2)), Duration::from_millis(3));
    }

    #[test]
    fn time_never_runs_backwards() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
