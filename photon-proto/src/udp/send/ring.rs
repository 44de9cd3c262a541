//! The commands in flight of one number space. Spec: udp.md 4.1, 5.4.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A reliable command that was sent and not acknowledged. Times count milliseconds since the
/// connection began.
pub(super) struct InFlight {
    pub(super) bytes: Vec<u8>,
    /// The position among all commands in the order of their first transmission.
    pub(super) order: u64,
    pub(super) first_sent: u64,
    pub(super) last_sent: u64,
    pub(super) timeout: u64,
    pub(super) sent_count: u32,
    /// The time of the next check.
    pub(super) due: u64,
    pub(super) awaits_resend: bool,
}

/// Commands in flight by number.
///
/// Numbers are sent in order, so the commands form a range with holes where acks arrived early. A
/// deque finds a command by subtraction; a map would cost a search and an allocation per command.
pub(super) struct Ring {
    /// The number of the first entry.
    base: u32,
    entries: VecDeque<Option<InFlight>>,
    /// The number of entries that are not holes; at most 2^31, as there are numbers.
    live: u32,
}

impl Ring {
    pub(super) const fn new(first: u32) -> Self {
        Self {
            base: first,
            entries: VecDeque::new(),
            live: 0,
        }
    }

    /// The lowest number in flight, or the next one if there is none.
    #[inline]
    pub(super) const fn base(&self) -> u32 {
        self.base
    }

    /// The number of commands in flight.
    #[inline]
    pub(super) const fn live(&self) -> usize {
        self.live as usize
    }

    fn index(&self, rseq: u32) -> Option<usize> {
        usize::try_from(rseq.checked_sub(self.base)?).ok()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, rseq: u32) -> Option<&mut InFlight> {
        let index = self.index(rseq)?;
        self.entries.get_mut(index)?.as_mut()
    }

    /// The lowest number in flight and its command.
    #[inline]
    pub(super) fn front_mut(&mut self) -> Option<(u32, &mut InFlight)> {
        Some((self.base, self.entries.front_mut()?.as_mut()?))
    }

    #[inline]
    pub(super) fn get(&self, rseq: u32) -> Option<&InFlight> {
        self.entries.get(self.index(rseq)?)?.as_ref()
    }

    /// Adds the command with the next number.
    #[inline]
    pub(super) fn push(&mut self, rseq: u32, command: InFlight) {
        debug_assert_eq!(rseq, self.end(), "numbers are sent in order");
        if self.entries.capacity() == 0 {
            // Without traffic only a ping is in flight: a ring of four would be half of a kilobyte.
            self.entries.reserve_exact(1);
        }
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
        debug_assert!(
            self.live() <= self.entries.len() && (self.live > 0 || self.entries.is_empty()),
            "a ring does not begin with a hole"
        );
        Some(removed)
    }

    /// The commands in flight, in the order of their numbers.
    pub(super) fn commands(&self) -> impl Iterator<Item = &InFlight> {
        self.entries.iter().flatten()
    }

    /// The number after the last one that was sent.
    fn end(&self) -> u32 {
        // At most 2^31 numbers exist. Spec: udp.md 4.1.
        self.base + self.entries.len() as u32
    }

    /// Whether a number was ever sent. `first` is the first number of the space.
    #[inline]
    pub(super) fn was_sent(&self, rseq: u32, first: u32) -> bool {
        (first..self.end()).contains(&rseq)
    }

    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }
}
