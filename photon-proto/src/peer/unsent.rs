//! The messages that the owner handed over and that were not sent completely.

use alloc::collections::VecDeque;

/// The space that is kept for the next messages when none waits, in entries of four bytes.
const KEPT_ENTRIES: usize = 16;

/// Counts the messages of a carrier that sends bytes in order, by the positions of their ends.
///
/// Only messages of the owner are marked: what the connection writes itself (pings, handshake)
/// moves the positions of later ones and counts as nothing.
#[derive(Debug, Default)]
pub(super) struct UnsentMessages {
    /// The number of bytes that were sent; wraps. Less than 2^31 bytes wait at any time.
    sent: u32,
    /// The positions at which the messages end, in order.
    ends: VecDeque<u32>,
}

impl UnsentMessages {
    /// Adds a message that was just written, behind which nothing waits: `unsent_bytes` end with
    /// it.
    #[inline]
    pub(super) fn add(&mut self, unsent_bytes: usize) {
        self.ends
            .push_back(self.sent.wrapping_add(unsent_bytes as u32));
    }

    /// Removes the messages that end within the next `bytes`, which were sent.
    #[inline]
    pub(super) fn on_sent(&mut self, bytes: usize) {
        self.sent = self.sent.wrapping_add(bytes as u32);
        while let Some(end) = self.ends.front()
            && end.wrapping_sub(self.sent).cast_signed() <= 0
        {
            self.ends.pop_front();
        }
        if self.ends.is_empty() && self.ends.capacity() > KEPT_ENTRIES {
            self.ends = VecDeque::new();
        }
    }

    /// The number of messages that were not sent completely.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::UnsentMessages;

    #[test]
    fn a_message_counts_until_its_last_byte_was_sent() {
        let mut unsent = UnsentMessages {
            sent: u32::MAX - 15, // wraps between the two messages
            ..UnsentMessages::default()
        };
        // 10 bytes that do not count, then two messages of 10 bytes.
        unsent.add(20);
        unsent.add(30);
        for (sent, left) in [(10, 2), (9, 2), (1, 1), (9, 1), (1, 0), (5, 0)] {
            unsent.on_sent(sent);
            assert_eq!(unsent.len(), left, "{sent} bytes more");
        }
        unsent.add(7);
        unsent.on_sent(6);
        assert_eq!(unsent.len(), 1);
    }
}
