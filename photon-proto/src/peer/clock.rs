//! Round trips and the server's time. Spec: wire.md 11.

use crate::time::Timestamp;

/// Measurements that the pings of one connection have given.
#[derive(Debug)]
pub(super) struct PeerClock {
    started: Timestamp,
    offset: Option<i32>,
    round_trip_ms: i32,
    variance_ms: i32,
}

impl PeerClock {
    pub(super) const fn new(started: Timestamp) -> Self {
        // wire.md 11: the start values of the smoothing.
        Self {
            started,
            offset: None,
            round_trip_ms: 200,
            variance_ms: 5,
        }
    }

    /// Milliseconds since the connection began; wraps as the wire's clock does.
    pub(super) fn local(&self, now: Timestamp) -> i32 {
        now.millis_since(self.started) as i32
    }

    pub(super) fn on_ping_answer(&mut self, now: Timestamp, server_time: i32, client_time: i32) {
        let local = self.local(now);
        // The server chooses the echo: a negative sample is a lie and measures nothing.
        let sample = local.wrapping_sub(client_time);
        if sample < 0 {
            return;
        }
        if self.offset.is_none() {
            self.offset = Some(server_time.wrapping_add(sample >> 1).wrapping_sub(local));
            self.round_trip_ms = sample;
            return;
        }
        // Saturating, because the server can choose samples of any size.
        self.variance_ms -= self.variance_ms / 4;
        let difference = sample.saturating_sub(self.round_trip_ms);
        self.round_trip_ms = self.round_trip_ms.saturating_add(difference / 8);
        let deviation = sample.saturating_sub(self.round_trip_ms) / 4;
        self.variance_ms = self.variance_ms.saturating_add(deviation.saturating_abs());
        debug_assert!(self.round_trip_ms >= 0, "samples are not negative");
        debug_assert!(self.variance_ms >= 0, "deviations are absolute");
    }

    /// `None` before the first ping was answered.
    pub(super) fn server_time(&self, now: Timestamp) -> Option<i32> {
        Some(self.offset?.wrapping_add(self.local(now)))
    }

    /// Smoothed round trip and its variance, in milliseconds; `None` before the first ping was
    /// answered.
    pub(super) fn round_trip_ms(&self) -> Option<(u32, u32)> {
        let _known = self.offset?;
        Some((
            self.round_trip_ms.unsigned_abs(),
            self.variance_ms.unsigned_abs(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::PeerClock;
    use crate::time::Timestamp;

    #[test]
    fn the_first_answer_sets_offset_and_round_trip() {
        let mut clock = PeerClock::new(Timestamp::from_millis(1000));
        let now = Timestamp::from_millis(1140);
        assert_eq!(clock.server_time(now), None);
        clock.on_ping_answer(now, 5000, 100);
        assert_eq!(clock.round_trip_ms(), Some((40, 5)));
        assert_eq!(clock.server_time(now), Some(5020));
        assert_eq!(clock.server_time(now.plus_millis(7)), Some(5027));
    }

    #[test]
    fn later_answers_smooth_and_never_move_the_offset() {
        let mut clock = PeerClock::new(Timestamp::ZERO);
        clock.on_ping_answer(Timestamp::from_millis(40), 5000, 0);
        // A sample of 80 after 40: the variance shrinks to 5 - 1 = 4, the round trip becomes
        // 40 + 5 = 45, and the variance 4 + (80 - 45) / 4 = 12.
        clock.on_ping_answer(Timestamp::from_millis(180), 9999, 100);
        assert_eq!(clock.round_trip_ms(), Some((45, 12)));
        assert_eq!(
            clock.server_time(Timestamp::from_millis(180)),
            Some(5020 + 140)
        );
    }

    #[test]
    fn wild_echoes_and_wrapped_clocks_do_no_harm() {
        let mut clock = PeerClock::new(Timestamp::ZERO);
        clock.on_ping_answer(Timestamp::from_millis(10), 0, i32::MAX);
        clock.on_ping_answer(Timestamp::MAX, i32::MIN, i32::MIN);
        clock.on_ping_answer(Timestamp::MAX, i32::MAX, -1);
    }
}
