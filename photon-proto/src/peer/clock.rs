//! Round trips and the server's time. Spec: wire.md 11.

use crate::time::Timestamp;
use alloc::collections::VecDeque;
use core::time::Duration;

/// Pings that may be unanswered at one time. Further ones are not sent: they could not tell more.
pub(super) const MAX_UNANSWERED: usize = 64;

/// A ping that is not answered.
#[derive(Clone, Copy, Debug)]
struct Ping {
    client_time: i32,
    progress: Progress,
    /// Whether this program stood still since. The answer then says nothing about the round trip.
    spans_sleep: bool,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    /// It waits; carries the position of its end among the bytes of the connection.
    Waits(u64),
    /// The driver took it at this time.
    Sent(Timestamp),
}

impl Ping {
    fn sent(&self) -> Option<Timestamp> {
        match self.progress {
            Progress::Waits(_) => None,
            Progress::Sent(at) => Some(at),
        }
    }
}

/// Measurements that the pings of one connection have given.
#[derive(Debug)]
pub(super) struct PeerClock {
    started: Timestamp,
    offset: Option<i32>,
    round_trip_ms: i32,
    variance_ms: i32,
    /// Oldest first.
    unanswered: VecDeque<Ping>,
}

impl PeerClock {
    pub(super) const fn new(started: Timestamp) -> Self {
        // wire.md 11: the start values of the smoothing.
        Self {
            started,
            offset: None,
            round_trip_ms: 200,
            variance_ms: 5,
            unanswered: VecDeque::new(),
        }
    }

    /// Whether one more ping can be sent.
    pub(super) fn can_ping(&self) -> bool {
        self.unanswered.len() < MAX_UNANSWERED
    }

    /// Notes a ping that was written. `position` is that of its end among all bytes.
    pub(super) fn on_ping(&mut self, client_time: i32, position: u64) {
        debug_assert!(self.can_ping(), "the number of pings is limited");
        self.unanswered.push_back(Ping {
            client_time,
            progress: Progress::Waits(position),
            spans_sleep: false,
        });
    }

    /// The driver has taken all bytes up to `position`.
    pub(super) fn on_transmitted(&mut self, now: Timestamp, position: u64) {
        // Newest first, and only those that were not sent: few, whatever the number of pings.
        for ping in self.unanswered.iter_mut().rev() {
            match ping.progress {
                Progress::Sent(_) => break,
                Progress::Waits(end) if end <= position => ping.progress = Progress::Sent(now),
                Progress::Waits(_) => {}
            }
        }
    }

    /// When the oldest ping was sent that is not answered.
    pub(super) fn oldest_ping(&self) -> Option<Timestamp> {
        self.unanswered.front()?.sent()
    }

    /// Notes that this program stood still. The time slept does not count for the pings in flight.
    pub(super) fn wake(&mut self, slept: Duration) {
        for ping in &mut self.unanswered {
            ping.spans_sleep = true;
            if let Progress::Sent(at) = &mut ping.progress {
                *at = at.plus(slept);
            }
        }
    }

    /// Forgets pings that cannot be answered any more.
    pub(super) fn stop(&mut self) {
        self.unanswered = VecDeque::new();
    }

    /// Milliseconds since the connection began; wraps as the wire's clock does.
    pub(super) fn local(&self, now: Timestamp) -> i32 {
        now.millis_since(self.started) as i32
    }

    /// Handles an answer. Returns whether it belongs to a ping; others are ignored, because the
    /// server chooses the time in them: one set the round trip to 2 * 10^9 ms. An answer also
    /// settles the pings before it, so that none is answered twice.
    pub(super) fn on_ping_answer(
        &mut self,
        now: Timestamp,
        server_time: i32,
        client_time: i32,
    ) -> bool {
        let answered = self
            .unanswered
            .iter()
            .position(|ping| ping.client_time == client_time && ping.sent().is_some());
        let Some(answered) = answered else {
            return false;
        };
        let ping = self.unanswered.drain(..=answered).next_back();
        if ping.is_some_and(|ping| !ping.spans_sleep) {
            self.measure(now, server_time, client_time);
        }
        true
    }

    fn measure(&mut self, now: Timestamp, server_time: i32, client_time: i32) {
        let local = self.local(now);
        // Negative only after 24 days without an answer, when the clock has wrapped.
        let sample = local.wrapping_sub(client_time).max(0);
        if self.offset.is_none() {
            self.offset = Some(server_time.wrapping_add(sample >> 1).wrapping_sub(local));
            self.round_trip_ms = sample;
            return;
        }
        // Saturating, because the server can delay an answer for any time.
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

    /// Sends a ping at this time, and returns its time on the wire.
    fn ping(clock: &mut PeerClock, at_ms: u64) -> i32 {
        let now = Timestamp::from_millis(at_ms);
        let client_time = clock.local(now);
        clock.on_ping(client_time, 0);
        clock.on_transmitted(now, 0);
        client_time
    }

    #[test]
    fn the_first_answer_sets_offset_and_round_trip() {
        let mut clock = PeerClock::new(Timestamp::from_millis(1000));
        let now = Timestamp::from_millis(1140);
        assert_eq!(clock.server_time(now), None);
        assert_eq!(ping(&mut clock, 1100), 100);
        assert!(clock.on_ping_answer(now, 5000, 100));
        assert_eq!(clock.round_trip_ms(), Some((40, 5)));
        assert_eq!(clock.server_time(now), Some(5020));
        assert_eq!(clock.server_time(now.plus_millis(7)), Some(5027));
    }

    #[test]
    fn later_answers_smooth_and_never_move_the_offset() {
        let mut clock = PeerClock::new(Timestamp::ZERO);
        ping(&mut clock, 0);
        ping(&mut clock, 100);
        assert!(clock.on_ping_answer(Timestamp::from_millis(40), 5000, 0));
        // A sample of 80 after 40: the variance shrinks to 5 - 1 = 4, the round trip becomes
        // 40 + 5 = 45, and the variance 4 + (80 - 45) / 4 = 12.
        assert!(clock.on_ping_answer(Timestamp::from_millis(180), 9999, 100));
        assert_eq!(clock.round_trip_ms(), Some((45, 12)));
        assert_eq!(
            clock.server_time(Timestamp::from_millis(180)),
            Some(5020 + 140)
        );
    }

    #[test]
    fn sound12_only_the_first_answer_to_a_ping_counts() {
        let mut clock = PeerClock::new(Timestamp::ZERO);
        let now = Timestamp::from_millis(500);
        for client_time in [0, 400, -1, i32::MIN, i32::MAX] {
            assert!(!clock.on_ping_answer(now, 7, client_time));
        }
        clock.on_ping(400, 10);
        assert!(!clock.on_ping_answer(now, 7, 400), "it is not sent yet");
        clock.on_transmitted(now, 9);
        assert!(!clock.on_ping_answer(now, 7, 400));
        clock.on_transmitted(now, 10);
        assert_eq!(
            (clock.server_time(now), clock.round_trip_ms()),
            (None, None)
        );
        assert!(clock.on_ping_answer(now, 7, 400));
        let measured = (clock.server_time(now), clock.round_trip_ms());
        assert_eq!(measured, (Some(57), Some((100, 5))));
        assert!(!clock.on_ping_answer(now.plus_millis(9_000), 900_000, 400));
        assert_eq!((clock.server_time(now), clock.round_trip_ms()), measured);
    }

    #[test]
    fn an_answer_settles_the_pings_before_it() {
        let mut clock = PeerClock::new(Timestamp::ZERO);
        for at in [0, 1_000, 2_000] {
            ping(&mut clock, at);
        }
        let now = Timestamp::from_millis(2_500);
        assert!(clock.on_ping_answer(now, 7, 1_000));
        assert!(!clock.on_ping_answer(now, 7, 0));
        assert_eq!(clock.oldest_ping(), Some(Timestamp::from_millis(2_000)));
        assert!(clock.on_ping_answer(now, 7, 2_000));
        assert_eq!(clock.oldest_ping(), None);
    }

    #[test]
    fn wrapped_clocks_do_no_harm() {
        let mut clock = PeerClock::new(Timestamp::ZERO);
        let client_time = ping(&mut clock, 10);
        assert!(clock.on_ping_answer(Timestamp::MAX, i32::MIN, client_time));
        let client_time = ping(&mut clock, u64::MAX);
        assert!(clock.on_ping_answer(Timestamp::MAX, i32::MAX, client_time));
    }
}
