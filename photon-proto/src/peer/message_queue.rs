//! Received messages that wait, in one buffer.

use alloc::vec::Vec;
use core::ops::Range;

/// Bytes in front of each message: its length. They count as held, because they are what a message
/// costs besides its own bytes: a queue with a buffer for each message cost 24 bytes more for each,
/// which a peer that sends empty messages made into a multiple of the cap.
const LENGTH_BYTES: usize = 4;
/// Memory that an empty queue keeps.
const KEPT_BYTES: usize = 16 * 1024;

/// Messages behind their lengths. A message stays where it arrived, so that it can be borrowed and
/// decrypted in place, until the next call of [`MessageQueue::push`] or [`MessageQueue::next`].
#[derive(Default)]
pub(super) struct MessageQueue {
    bytes: Vec<u8>,
    /// The bytes of messages that were taken.
    taken: usize,
}

impl MessageQueue {
    /// Bytes that are held: messages and their lengths.
    pub(super) const fn held_bytes(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.held_bytes() == 0
    }

    /// Bytes that a message of this length takes.
    pub(super) const fn cost(message_bytes: usize) -> usize {
        message_bytes.saturating_add(LENGTH_BYTES)
    }

    /// Appends a message. Returns false if it is longer than a length can express.
    pub(super) fn push(&mut self, message: &[u8]) -> bool {
        let Ok(length) = u32::try_from(message.len()) else {
            return false;
        };
        self.reclaim();
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(message);
        true
    }

    /// Takes the next message: its range, for [`MessageQueue::message_mut`].
    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.reclaim();
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let (length, rest) = rest.split_first_chunk()?;
        let length = u32::from_ne_bytes(*length) as usize;
        debug_assert!(length <= rest.len(), "messages are pushed whole");
        let start = self.taken + LENGTH_BYTES;
        self.taken = (start + length).min(self.bytes.len());
        Some(start..self.taken)
    }

    /// Length of the next message.
    #[cfg(feature = "json")]
    pub(super) fn next_bytes(&self) -> Option<usize> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let length = rest.first_chunk()?;
        Some(u32::from_ne_bytes(*length) as usize)
    }

    pub(super) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        debug_assert!(range.end <= self.taken, "the latest message");
        self.bytes.get_mut(range).unwrap_or_default()
    }

    /// Returns the memory of an empty queue that has more than `kept_bytes`. The latest message is
    /// gone afterwards.
    pub(super) fn release_memory(&mut self, kept_bytes: usize) {
        if self.is_empty() && self.bytes.capacity() > kept_bytes {
            *self = Self::default();
        }
    }

    /// Moves what is held to the front once it is no more than what was taken, so that each byte is
    /// moved once on average, and releases memory. The latest message is gone afterwards.
    pub(super) fn reclaim(&mut self) {
        let held = self.held_bytes();
        if self.taken < held {
            return;
        }
        if self.taken > 0 {
            self.bytes.copy_within(self.taken.., 0);
            self.bytes.truncate(held);
            self.taken = 0;
        }
        if self.bytes.capacity() > KEPT_BYTES && held < self.bytes.capacity() / 4 {
            self.bytes.shrink_to(KEPT_BYTES.max(held * 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_whole_and_in_order_and_memory_is_released() {
        let mut queue = MessageQueue::default();
        let message = |number: usize| alloc::vec![number as u8; number % 300];
        let mut next = 0;
        for number in 0..10_000 {
            assert!(queue.push(&message(number)));
            // Two thirds are taken at once, the rest at the end.
            if number % 3 != 0 {
                let range = queue.next().unwrap();
                assert_eq!(queue.message_mut(range), message(next));
                next += 1;
            }
        }
        assert!(queue.held_bytes() > 400_000 && queue.bytes.capacity() < 2_000_000);
        while let Some(range) = queue.next() {
            assert_eq!(queue.message_mut(range), message(next));
            next += 1;
        }
        assert_eq!((next, queue.held_bytes()), (10_000, 0));
        assert!(queue.is_empty() && queue.bytes.capacity() <= KEPT_BYTES);
    }
}
