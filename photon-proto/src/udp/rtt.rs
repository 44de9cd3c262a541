//! The estimator of the round-trip time, in whole milliseconds. Spec: udp.md 5.3.

/// The smoothed round-trip time and its variance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundTrip {
    pub(crate) smoothed_ms: i32,
    pub(crate) variance_ms: i32,
    /// Whether there was a sample.
    is_measured: bool,
}

/// A shorter first sample counts as this one. Spec: udp.md 5.3.
const MIN_INITIAL_RTT_MS: i32 = 15;

impl RoundTrip {
    pub(crate) const fn new() -> Self {
        // The official client's values before the first sample. Spec: udp.md 5.3.
        Self {
            smoothed_ms: 200,
            variance_ms: 5,
            is_measured: false,
        }
    }

    /// Adds a sample.
    ///
    /// The divisions truncate, and the variance uses the smoothed value after its update, as in the
    /// official client. Jacobson's textbook formula differs in both, and so would the resend times.
    pub(crate) const fn sample(&mut self, sample_ms: i32) {
        debug_assert!(sample_ms >= 0, "implausible samples are dropped before");
        self.is_measured = true;
        self.variance_ms -= self.variance_ms / 4;
        let longer = sample_ms >= self.smoothed_ms;
        self.smoothed_ms += (sample_ms - self.smoothed_ms) / 8;
        let quarter = (sample_ms - self.smoothed_ms) / 4;
        self.variance_ms += if longer { quarter } else { -quarter };
        debug_assert!(
            self.smoothed_ms >= 0 && self.variance_ms >= 0,
            "samples that are not negative leave both parts so"
        );
    }

    /// Replaces the guess of [`RoundTrip::new`] by the sample of the connect command, which was
    /// added like any other before.
    pub(crate) const fn start(&mut self, sample_ms: i32) {
        if sample_ms <= MIN_INITIAL_RTT_MS {
            (self.smoothed_ms, self.variance_ms) = (MIN_INITIAL_RTT_MS, 5);
        } else {
            self.smoothed_ms = sample_ms;
        }
    }

    fn timeout_ms(&self) -> u64 {
        let ms = self.smoothed_ms + 4 * self.variance_ms;
        debug_assert!(ms >= 0, "neither part is negative");
        u64::from(ms.unsigned_abs())
    }

    /// The time after which a first transmission is sent again. Spec: udp.md 5.4.
    ///
    /// The official client's upper bound is fixed (`max_ms`), so over a longer round trip it sends
    /// everything twice. Here the bound keeps above the round trip.
    pub(crate) fn resend_ms(&self, max_ms: u64) -> u64 {
        let timeout = self.timeout_ms();
        if timeout <= max_ms || !self.is_measured {
            return timeout.min(max_ms);
        }
        let smoothed = u64::from(self.smoothed_ms.unsigned_abs());
        timeout.min(max_ms.max(smoothed + smoothed / 3))
    }
}

#[cfg(test)]
mod tests {
    use super::RoundTrip;

    #[test]
    fn the_table_of_the_specification() {
        // Spec: udp.md 5.3. Sample; then (rtt, var, timeout) after the connect, and after one and
        // two equal samples more.
        let table = [
            (5, [(15, 5, 35), (14, 6, 38), (13, 7, 41)]),
            (16, [(16, 44, 192), (16, 33, 148), (16, 25, 116)]),
            (40, [(40, 39, 196), (40, 30, 160), (40, 23, 132)]),
            (100, [(100, 26, 204), (100, 20, 180), (100, 15, 160)]),
            (200, [(200, 4, 216), (200, 3, 212), (200, 3, 212)]),
            (300, [(300, 26, 400), (300, 20, 380), (300, 15, 360)]),
        ];
        for (sample, rows) in table {
            let mut round_trip = RoundTrip::new();
            round_trip.sample(sample);
            round_trip.start(sample);
            for (row, (smoothed, variance, timeout)) in rows.into_iter().enumerate() {
                if row > 0 {
                    round_trip.sample(sample);
                }
                let got = (
                    round_trip.smoothed_ms,
                    round_trip.variance_ms,
                    round_trip.resend_ms(400),
                );
                assert_eq!(
                    got,
                    (smoothed, variance, timeout),
                    "sample {sample}, row {row}"
                );
            }
        }
    }
}
