//! [`MemoryBudget`]: the one ledger for memory that servers decide about.

/// Bytes in use, counted against a cap.
///
/// Event queue, message caches, presence and the tables of channels each own one. Names and texts chosen by others are
/// limited by bytes, because a limit on their number alone would not limit memory.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    used_bytes: usize,
    cap_bytes: usize,
}

impl MemoryBudget {
    pub(crate) const fn new(cap_bytes: usize) -> Self {
        Self {
            used_bytes: 0,
            cap_bytes,
        }
    }

    pub(crate) const fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    pub(crate) const fn cap_bytes(&self) -> usize {
        self.cap_bytes
    }

    /// Counts bytes that are kept in any case; the owner makes space afterwards.
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.used_bytes += bytes;
    }

    /// Whether these bytes fit under the cap beside what is in use.
    pub(crate) const fn fits(&self, bytes: usize) -> bool {
        // The cap is the application's and may be `usize::MAX`, so compare without adding.
        bytes <= self.cap_bytes.saturating_sub(self.used_bytes)
    }

    /// Whether these bytes fit under the cap while nothing else is in use.
    pub(crate) const fn can_ever_fit(&self, bytes: usize) -> bool {
        bytes <= self.cap_bytes
    }

    /// Counts bytes if they fit under the cap. Returns whether they did.
    #[must_use]
    pub(crate) fn try_charge(&mut self, bytes: usize) -> bool {
        let fits = self.fits(bytes);
        if fits {
            self.used_bytes += bytes;
        }
        fits
    }

    /// Returns bytes that were charged before.
    pub(crate) fn release(&mut self, bytes: usize) {
        debug_assert!(
            bytes <= self.used_bytes,
            "{bytes} bytes released, but only {} are charged",
            self.used_bytes
        );
        // A wrong ledger must not wrap around to "no space for ever" in a release build.
        self.used_bytes = self.used_bytes.saturating_sub(bytes);
    }

    /// Whether the cap is reached.
    pub(crate) const fn is_exhausted(&self) -> bool {
        self.used_bytes >= self.cap_bytes
    }

    /// Whether more than the cap is in use.
    pub(crate) const fn is_exceeded(&self) -> bool {
        self.used_bytes > self.cap_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryBudget;

    #[test]
    fn bytes_that_do_not_fit_are_not_charged() {
        let mut budget = MemoryBudget::new(10);
        assert!(budget.try_charge(10));
        assert!(!budget.try_charge(1));
        assert!(budget.is_exhausted() && !budget.is_exceeded());
        budget.charge(1);
        assert!(budget.is_exceeded());
        budget.release(11);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn a_budget_without_a_limit_takes_everything() {
        let mut budget = MemoryBudget::new(usize::MAX);
        budget.charge(1);
        assert!(!budget.try_charge(usize::MAX));
        assert!(budget.try_charge(usize::MAX - 1));
    }
}
