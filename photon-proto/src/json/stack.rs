//! [`Stack`]: the open arrays and objects around a position in a transcoded text.

use alloc::vec::Vec;

/// An array or object whose elements are being transcoded. Small, because a sender decides how many of them
/// are open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    /// The position of its count in the message.
    pub(super) place: usize,
    /// How many elements have ended. At most as many as the limit on values, which has 32 bits.
    pub(super) count: u32,
    pub(super) is_object: bool,
    /// Whether it is a level of nesting.
    pub(super) is_level: bool,
}

/// How many lists need no allocation: a parameter, and half of the default limit in it.
const INLINE: usize = 17;

/// The open lists, the outermost first. Recursion could not stop in the middle of a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Stack {
    depth: usize,
    outer: [List; INLINE],
    inner: Vec<List>,
}

impl Stack {
    #[inline]
    pub(super) fn push(&mut self, list: List) {
        match self.outer.get_mut(self.depth) {
            Some(slot) => *slot = list,
            None => self.inner.push(list),
        }
        self.depth += 1;
        debug_assert_eq!(
            self.inner.len(),
            self.depth.saturating_sub(INLINE),
            "the inner ones are those that have no slot"
        );
    }

    /// The innermost list.
    #[inline]
    pub(super) fn last_mut(&mut self) -> Option<&mut List> {
        let index = self.depth.checked_sub(1)?;
        if index < INLINE {
            self.outer.get_mut(index)
        } else {
            self.inner.last_mut()
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) {
        debug_assert!(self.depth > 0, "only an open list is closed");
        self.depth = self.depth.saturating_sub(1);
        if self.depth >= INLINE {
            self.inner.pop();
        }
    }
}
