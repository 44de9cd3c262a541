//! The server's clock, learned from the acks of server-time commands. Spec: udp.md 8.

/// The number of answers after which the best one is used, however long its round trip was.
/// Spec: udp.md 8.
const MAX_ANSWERS: u32 = 5;

#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    /// Server's clock minus our clock; wraps.
    offset: Option<u32>,
    /// The fetch in progress.
    fetch: Option<Fetch>,
}

#[derive(Debug, Default)]
struct Fetch {
    answers: u32,
    /// The shortest round trip so far and the offset that it gave.
    best: Option<(i32, u32)>,
}

impl ServerClock {
    /// Begins a fetch. Returns whether a command has to be sent: not while a fetch is in progress.
    pub(crate) fn begin(&mut self) -> bool {
        let begins = self.fetch.is_none();
        self.fetch.get_or_insert_default();
        begins
    }

    /// Handles an answer. Returns whether another command has to be sent.
    ///
    /// `sample_ms` is the round trip, `None` if the echoed time was implausible.
    pub(crate) fn answer(
        &mut self,
        now: u32,
        server_sent: u32,
        sample_ms: Option<i32>,
        smoothed_ms: i32,
    ) -> bool {
        let Some(fetch) = &mut self.fetch else {
            return false;
        };
        debug_assert!(fetch.answers < MAX_ANSWERS, "the last answer ends a fetch");
        fetch.answers += 1;
        // The server stamped its answer half a round trip ago.
        let offset = |sample: i32| {
            server_sent
                .wrapping_add(sample.unsigned_abs() >> 1)
                .wrapping_sub(now)
        };
        if let Some(sample) = sample_ms
            && fetch.best.is_none_or(|(best, _)| sample < best)
        {
            fetch.best = Some((sample, offset(sample)));
        }
        // A round trip above the average was probably delayed in one direction, which would shift
        // the clock by half of the delay.
        let good = sample_ms.is_some_and(|sample| sample <= smoothed_ms);
        if !good && fetch.answers < MAX_ANSWERS {
            return true;
        }
        self.offset = fetch.best.map(|(_, offset)| offset).or(self.offset);
        self.fetch = None;
        false
    }

    /// The server's clock when our clock shows `now`; `None` before the first fetch.
    pub(crate) fn at(&self, now: u32) -> Option<u32> {
        Some(self.offset?.wrapping_add(now))
    }
}
