//! What is in flight on one channel. Spec: udp.md 4.1, 5.4.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A reliable command that was sent and not acknowledged. Times in milliseconds since the connection began.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) bytes: Vec<u8>,
    /// Which of all commands it was when it was sent first.
    pub(super) order: u64,
    pub(super) first_sent: u64,
    pub(super) timeout: u64,
    pub(super) sent_count: u32,
    /// When it is looked at next.
    pub(super) due: u64,
    /// Whether it waits to be sent again.
    pub(super) waits: bool,
}

/// Commands in flight by number: numbers are sent in order, so this is a range with holes.
#[derive(Debug)]
pub(super) struct Ring {
    base: u32,
    entries: VecDeque<Option<InFlight>>,
    live: usize,
}

impl Ring {
    pub(super) const fn new(first: u32) -> Self {
        Self {
            base: first,
            entries: VecDeque::new(),
            live: 0,
        }
    }

    /// The lowest number in flight, or the next one.
    #[inline]
    pub(super) const fn base(&self) -> u32 {
        self.base
    }

    /// How many are in flight.
    #[inline]
    pub(super) const fn live(&self) -> usize {
        self.live
    }

    fn index(&self, rseq: u32) -> Option<usize> {
        usize::try_from(rseq.checked_sub(self.base)?).ok()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, rseq: u32) -> Option<&mut InFlight> {
        let index = self.index(rseq)?;
        self.entries.get_mut(index)?.as_mut()
    }

    #[inline]
    pub(super) fn get(&self, rseq: u32) -> Option<&InFlight> {
        self.entries.get(self.index(rseq)?)?.as_ref()
    }

    #[inline]
    pub(super) fn push(&mut self, command: InFlight) {
        self.entries.push_back(Some(command));
        self.live += 1;
    }

    #[inline]
    pub(super) fn remove(&mut self, rseq: u32) -> Option<InFlight> {
        let index = self.index(rseq)?;
        let removed = self.entries.get_mut(index)?.take()?;
        self.live -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.base += 1;
        }
        Some(removed)
    }

    /// The number after the last one that was sent.
    fn end(&self) -> u32 {
        self.base
            .saturating_add(u32::try_from(self.entries.len()).unwrap_or(u32::MAX))
    }

    /// Whether this number was sent at any time.
    #[inline]
    pub(super) fn was_sent(&self, rseq: u32, first: u32) -> bool {
        (first..self.end()).contains(&rseq)
    }

    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }
}
