//! Round trips and the server's time. Spec: wire.md 11.

use photon_proto::Timestamp;

/// What the pings of one connection tell.
#[derive(Debug)]
pub(crate) struct PeerClock {
    started: Timestamp,
    offset: Option<i32>,
    round_trip_ms: i32,
    variance_ms: i32,
}

impl PeerClock {
    pub(crate) const fn new(started: Timestamp) -> Self {
        // wire.md 11: the start values of the smoothing.
        Self {
            started,
            offset: None,
            round_trip_ms: 200,
            variance_ms: 5,
        }
    }

    /// Milliseconds since the connection began; wraps as the wire's clock does.
    pub(crate) fn local(&self, now: Timestamp) -> i32 {
        now.millis_since(self.started) as i32
    }

    pub(crate) fn ping_answered(&mut self, now: Timestamp, server_time: i32, client_time: i32) {
        let local = self.local(now);
        // The echo is the server's word: a wild one says nothing about the line.
        let sample = local.wrapping_sub(client_time);
        if sample < 0 {
            return;
        }
        if self.offset.is_none() {
            self.offset = Some(server_time.wrapping_add(sample >> 1).wrapping_sub(local));
            self.round_trip_ms = sample;
            return;
        }
        self.variance_ms -= self.variance_ms / 4;
        let difference = sample.saturating_sub(self.round_trip_ms);
        self.round_trip_ms = self.round_trip_ms.saturating_add(difference / 8);
        let deviation = sample.saturating_sub(self.round_trip_ms) / 4;
        self.variance_ms = self.variance_ms.saturating_add(deviation.saturating_abs());
    }

    /// `None` before the first ping was answered.
    pub(crate) fn server_time(&self, now: Timestamp) -> Option<i32> {
        Some(self.offset?.wrapping_add(self.local(now)))
    }

    /// Smoothed round trip and its variance, in milliseconds; `None` before the first ping was answered.
    pub(crate) fn round_trip_ms(&self) -> Option<(u32, u32)> {
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
    use photon_proto::Timestamp;

    #[test]
    fn the_first_answer_sets_offset_and_round_trip() {
        let mut clock = PeerClock::new(Timestamp::from_millis(1000));
        let now = Timestamp::from_millis(1140);
        assert_eq!(clock.server_time(now), None);
        clock.ping_answered(now, 5000, 100);
        assert_eq!(clock.round_trip_ms(), Some((40, 5)));
        assert_eq!(clock.server_time(now), Some(5020));
        assert_eq!(clock.server_time(now.plus_millis(7)), Some(5027));
    }

    #[test]
    fn later_answers_smooth_and_never_move_the_offset() {
        let mut clock = PeerClock::new(Timestamp::ZERO);
        clock.ping_answered(Timestamp::from_millis(40), 5000, 0);
        // A sample of 80 after 40: variance 5 - 1 = 4, rtt 40 + 5 = 45, variance 4 + (80 - 45) / 4 = 12.
        clock.ping_answered(Timestamp::from_millis(180), 9999, 100);
        assert_eq!(clock.round_trip_ms(), Some((45, 12)));
        assert_eq!(
            clock.server_time(Timestamp::from_millis(180)),
            Some(5020 + 140)
        );
    }

    #[test]
    fn wild_echoes_and_wrapped_clocks_do_no_harm() {
        let mut clock = PeerClock::new(Timestamp::ZERO);
        clock.ping_answered(Timestamp::from_millis(10), 0, i32::MAX);
        clock.ping_answered(Timestamp::MAX, i32::MIN, i32::MIN);
        clock.ping_answered(Timestamp::MAX, i32::MAX, -1);
    }
}
