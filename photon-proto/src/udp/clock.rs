//! The server's clock, learned from the acknowledgements of server-time commands. Spec: udp.md 8.

/// How often it is asked for one answer that is good enough.
const MAX_ANSWERS: u32 = 5;

#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    offset: Option<u32>,
    /// Answers to the fetch that is under way, if one is, and the shortest with its offset.
    fetch: Option<Fetch>,
}

#[derive(Debug, Default)]
struct Fetch {
    answers: u32,
    best: Option<(i32, u32)>,
}

impl ServerClock {
    /// Whether a command has to be sent: none is if a fetch is under way.
    pub(crate) fn begin(&mut self) -> bool {
        let begins = self.fetch.is_none();
        self.fetch.get_or_insert_default();
        begins
    }

    /// Takes an answer; true if another command has to be sent. `sample_ms` is `None` if the echo was implausible.
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
        fetch.answers += 1;
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
        let good = sample_ms.is_some_and(|sample| sample <= smoothed_ms);
        if !good && fetch.answers < MAX_ANSWERS {
            return true;
        }
        self.offset = fetch.best.map(|(_, offset)| offset).or(self.offset);
        self.fetch = None;
        false
    }

    pub(crate) fn at(&self, now: u32) -> Option<u32> {
        Some(self.offset?.wrapping_add(now))
    }
}
