//! [`Lists`]: the open arrays and objects around a position in JSON text.

use alloc::vec::Vec;

/// The open lists of a skipped value, with one bit for each: set for an object. Recursion would let
/// the text decide how much stack is used. The innermost 64 are in a word of their own, because few
/// values are nested deeper and a hostile text has thousands of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    bits: u64,
    outside: Vec<u64>,
    pub(super) depth: usize,
    /// Whether the parser has stopped behind a value, and not where one begins.
    pub(super) is_behind_value: bool,
}

impl Lists {
    #[inline]
    pub(super) fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(LISTS) {
            self.outside.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(is_object);
        self.depth += 1;
    }

    /// Opens so many arrays at once as fit into a word, if the text begins with their brackets, and
    /// the word is empty: a hostile text can consist of little else. Each is followed by another
    /// bracket or value, so none of them is empty.
    #[inline]
    pub(super) fn push_arrays(&mut self, text: &[u8]) -> bool {
        let is_long = self.depth.is_multiple_of(LISTS) && begins_with_lists(text, b'[');
        // The bracket behind them would close the last one.
        let fits = is_long && text.get(LISTS).is_some_and(|next| *next == b'[');
        if fits {
            if self.depth > 0 {
                self.outside.push(self.bits);
            }
            self.bits = 0;
            self.depth += LISTS;
        }
        fits
    }

    /// Closes all arrays of a full word at once, if the text begins with their brackets.
    #[inline]
    pub(super) fn pop_arrays(&mut self, text: &[u8]) -> bool {
        let are_arrays = self.depth > 0 && self.depth.is_multiple_of(LISTS) && self.bits == 0;
        let fits = are_arrays && begins_with_lists(text, b']');
        if fits {
            self.depth -= LISTS;
            if self.depth > 0 {
                self.bits = self.outside.pop().unwrap_or_default();
            }
        }
        fits
    }

    /// Whether the innermost list is an object; `None` if no list is open.
    #[inline]
    pub(super) const fn innermost(&self) -> Option<bool> {
        if self.depth == 0 {
            None
        } else {
            Some(self.bits & 1 != 0)
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) {
        debug_assert!(self.depth > 0, "only an open list is closed");
        self.depth = self.depth.saturating_sub(1);
        self.bits >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(LISTS) {
            self.bits = self.outside.pop().unwrap_or_default();
        }
    }
}

/// The number of lists in a word.
pub(super) const LISTS: usize = u64::BITS as usize;

/// Whether a text begins with so many of these brackets as a word has lists. The first is compared
/// alone, because few texts do.
#[inline]
fn begins_with_lists(text: &[u8], bracket: u8) -> bool {
    text.first() == Some(&bracket)
        && text.first_chunk::<LISTS>().is_some_and(|all| {
            all.iter()
                .fold(true, |same, byte| same & (*byte == bracket))
        })
}
