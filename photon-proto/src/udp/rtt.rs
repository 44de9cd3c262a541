//! The round trip estimator, in whole milliseconds. Spec: udp.md 5.3.

/// Smoothed round trip and its variance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundTrip {
    pub(crate) smoothed_ms: i32,
    pub(crate) variance_ms: i32,
}

/// A connect sample up to this counts as this.
const MIN_INITIAL_RTT_MS: i32 = 15;

impl RoundTrip {
    pub(crate) const fn new() -> Self {
        Self {
            smoothed_ms: 200,
            variance_ms: 5,
        }
    }

    pub(crate) const fn sample(&mut self, sample_ms: i32) {
        self.variance_ms -= self.variance_ms / 4;
        let longer = sample_ms >= self.smoothed_ms;
        self.smoothed_ms += (sample_ms - self.smoothed_ms) / 8;
        let quarter = (sample_ms - self.smoothed_ms) / 4;
        self.variance_ms += if longer { quarter } else { -quarter };
    }

    /// The sample of the connect command, after it was taken as any other.
    pub(crate) const fn start(&mut self, sample_ms: i32) {
        if sample_ms <= MIN_INITIAL_RTT_MS {
            (self.smoothed_ms, self.variance_ms) = (MIN_INITIAL_RTT_MS, 5);
        } else {
            self.smoothed_ms = sample_ms;
        }
    }

    /// When a command sent for the first time is sent again. Spec: udp.md 5.4.
    pub(crate) fn resend_ms(&self, max_ms: u64) -> u64 {
        let ms = self
            .smoothed_ms
            .saturating_add(self.variance_ms.saturating_mul(4));
        u64::try_from(ms).unwrap_or_default().min(max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::RoundTrip;

    #[test]
    fn the_table_of_the_specification() {
        // Spec: udp.md 5.3. Sample; then (rtt, var, timeout) after the connect, and after one and two equal samples more.
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
