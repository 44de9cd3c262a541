//! [`Latency`]: how long deliveries took, as percentiles.

use hdrhistogram::Histogram;
use std::time::Duration;

/// The longest time that is told apart from longer ones, in microseconds: five minutes, far more
/// than any limit of the test.
const MAX_MICROS: u64 = 300_000_000;
/// Three digits are exact; more would only need memory.
const DIGITS: u8 = 3;

/// The times of deliveries.
#[derive(Clone, Debug)]
pub(crate) struct Latency(Histogram<u64>);

/// The percentiles of at least one delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Percentiles {
    pub(crate) lowest: Duration,
    pub(crate) mean: Duration,
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) p99_9: Duration,
    pub(crate) highest: Duration,
}

impl Latency {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, MAX_MICROS, DIGITS);
        Self(histogram.expect("the bounds are constants that it accepts"))
    }

    /// Records a delivery.
    pub(crate) fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    /// Forgets all deliveries.
    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    /// The percentiles, or `None` without a delivery.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        if self.0.is_empty() {
            return None;
        }
        let at = |quantile| Duration::from_micros(self.0.value_at_quantile(quantile));
        Some(Percentiles {
            lowest: Duration::from_micros(self.0.min()),
            mean: Duration::from_secs_f64(self.0.mean() / 1e6),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            highest: Duration::from_micros(self.0.max()),
        })
    }
}

impl Percentiles {
    /// The percentiles with their names, from low to high.
    pub(crate) fn named(&self) -> [(&'static str, Duration); 7] {
        [
            ("lowest", self.lowest),
            ("mean", self.mean),
            ("p50", self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p99.9", self.p99_9),
            ("highest", self.highest),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_recorded_times() {
        let mut latency = Latency::new();
        assert_eq!(latency.percentiles(), None);
        for millis in 1..=1_000 {
            latency.record(Duration::from_millis(millis));
        }
        let percentiles = latency.percentiles().unwrap();
        for (name, found) in percentiles.named() {
            let expected = match name {
                "lowest" => 1.0,
                "mean" => 500.5,
                "p50" => 500.0,
                "p90" => 900.0,
                "p99" => 990.0,
                "p99.9" => 999.0,
                _ => 1_000.0,
            };
            let found = found.as_secs_f64() * 1_000.0;
            assert!((found / expected - 1.0).abs() < 0.002, "{name} {found}");
        }
        latency.clear();
        assert_eq!(latency.percentiles(), None);
    }

    #[test]
    fn no_time_is_too_short_or_too_long() {
        let mut latency = Latency::new();
        latency.record(Duration::ZERO);
        latency.record(Duration::MAX);
        let percentiles = latency.percentiles().unwrap();
        assert_eq!(percentiles.lowest, Duration::from_micros(1));
        assert!(percentiles.highest >= Duration::from_secs(300));
    }
}
