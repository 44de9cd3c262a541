//! Messages held back for a while.

use std::collections::VecDeque;

use photon_proto::Timestamp;

/// Bytes with due times, which never decrease: a connection keeps its order even if the delay changes.
#[derive(Debug, Default)]
pub(crate) struct Delayed {
    queue: VecDeque<(Timestamp, Vec<u8>)>,
    bytes: usize,
}

impl Delayed {
    /// Whether what is due then has to wait.
    pub(crate) fn holds(&self, now: Timestamp, due: Timestamp) -> bool {
        due > now || !self.queue.is_empty()
    }

    pub(crate) fn push(&mut self, due: Timestamp, bytes: Vec<u8>) {
        let due = self.queue.back().map_or(due, |(last, _)| due.max(*last));
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.queue.push_back((due, bytes));
    }

    /// The next one that is due.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        if self.next_release()? > now {
            return None;
        }
        let (_, bytes) = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes.len());
        Some(bytes)
    }

    /// When the next one is due.
    pub(crate) fn next_release(&self) -> Option<Timestamp> {
        self.queue.front().map(|(due, _)| *due)
    }

    /// How many bytes there are.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
