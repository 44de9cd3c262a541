//! The session's clock: the time since it was built, from the system's monotonic clock.
//!
//! On Linux and Android it goes on while the machine sleeps, so that the client notices the sleep. The
//! clock of `std` does not there, and on other systems it depends: the crate docs have the advice for
//! applications.

use chat_core::Timestamp;
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::time::{DynamicClockId, clock_gettime_dynamic};
use std::time::{Duration, Instant};

/// Holds the time at which the session was built.
#[derive(Debug)]
pub(crate) enum Clock {
    /// Since the machine was started, sleep included.
    Boot(Duration),
    /// A system without such a clock, or one that refuses it.
    Process(Instant),
}

impl Clock {
    pub(crate) fn start() -> Self {
        boot_time().map_or_else(|| Self::Process(Instant::now()), Self::Boot)
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = match self {
            // A system that had the clock keeps it. An earlier time would count as the latest.
            Self::Boot(start) => boot_time().unwrap_or_default().saturating_sub(*start),
            Self::Process(start) => start.elapsed(),
        };
        Timestamp::ZERO.plus(elapsed)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot_time() -> Option<Duration> {
    // `ClockId::Boottime` would panic where the kernel has no such clock.
    let time = clock_gettime_dynamic(DynamicClockId::Boottime).ok()?;
    Duration::try_from(time).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn boot_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Session::wait(Duration::MAX)` and deadlines in the past rely on it.
    #[test]
    fn durations_of_any_length_saturate() {
        let at = Timestamp::from_millis;
        assert_eq!(at(1).plus(Duration::MAX), Timestamp::MAX);
        assert_eq!(at(2).since(at(5)), Duration::ZERO);
        assert_eq!(at(5).since(at(2)), Duration::from_millis(3));
    }

    /// The test of sleep itself needs a machine that sleeps.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_clock_of_a_linux_system_includes_its_sleep() {
        assert!(matches!(Clock::start(), Clock::Boot(_)));
    }

    #[test]
    fn time_never_runs_backwards() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
