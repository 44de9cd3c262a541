//! [`Timeline`]: what happened in each second of the traffic.

use crate::latency::{Latency, Percentiles};
use chat_std_io::Timestamp;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// One second, or less if it is the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Second {
    /// Messages that were due.
    pub(crate) published: u64,
    /// Deliveries.
    pub(crate) received: u64,
    /// The latency of these deliveries, if there were any.
    pub(crate) latency: Option<Percentiles>,
}

/// The seconds since the traffic began.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    done: Vec<Second>,
    /// The present second.
    second: Second,
    latency: Latency,
    /// The end of the present second.
    end: Timestamp,
}

impl Timeline {
    /// Begins the first second.
    pub(crate) fn new(begin: Timestamp) -> Self {
        Self {
            done: Vec::new(),
            second: Second::default(),
            latency: Latency::new(),
            end: begin.plus(SECOND),
        }
    }

    pub(crate) fn published(&mut self, now: Timestamp) {
        self.advance(now);
        self.second.published += 1;
    }

    pub(crate) fn received(&mut self, now: Timestamp, latency: Duration) {
        self.advance(now);
        self.second.received += 1;
        self.latency.record(latency);
    }

    /// Ends the present second, which may be a part of one, and returns all.
    pub(crate) fn finish(mut self, now: Timestamp) -> Vec<Second> {
        self.advance(now);
        if self.second != Second::default() {
            self.end_second();
        }
        self.done
    }

    /// Ends the seconds that are over. One without a delivery counts as well.
    fn advance(&mut self, now: Timestamp) {
        while self.end <= now {
            self.end_second();
        }
    }

    fn end_second(&mut self) {
        self.second.latency = self.latency.percentiles();
        self.done.push(std::mem::take(&mut self.second));
        self.latency.clear();
        self.end = self.end.plus(SECOND);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_count_in_the_second_in_which_they_arrive() {
        let at = Timestamp::from_millis;
        let mut timeline = Timeline::new(at(500));
        timeline.published(at(500));
        timeline.received(at(1_499), Duration::from_millis(999));
        timeline.received(at(1_500), Duration::from_millis(2));
        timeline.published(at(3_600));
        let seconds = timeline.finish(at(3_700));
        let counts: Vec<_> = seconds
            .iter()
            .map(|second| (second.published, second.received, second.latency.is_some()))
            .collect();
        assert_eq!(
            counts,
            [(1, 1, true), (0, 1, true), (0, 0, false), (1, 0, false)]
        );
        let of_second = seconds[1].latency.unwrap();
        assert!(
            of_second.highest < Duration::from_millis(3),
            "{of_second:?}"
        );
    }
}
