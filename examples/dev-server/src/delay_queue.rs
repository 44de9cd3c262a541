//! [`DelayQueue`]: bytes that a switch holds back for a while.

use std::collections::VecDeque;

use photon_proto::Timestamp;

/// Bytes for one client, taken out of its peer because a delay sends them later.
///
/// Bytes that are held back become ready when they are due. Due times never decrease, so that a
/// connection keeps its order even if the delay changes.
#[derive(Debug, Default)]
pub(crate) struct DelayQueue {
    held: VecDeque<(Timestamp, Vec<u8>)>,
    /// Bytes that may be sent now: those of a stream in one piece, or whole messages.
    ready: VecDeque<Vec<u8>>,
    /// How many bytes of the first ready piece were sent.
    sent: usize,
    /// All bytes, ready or not, that were not sent.
    bytes: usize,
}

impl DelayQueue {
    /// Whether bytes that are due then have to wait: because of the delay, or behind others.
    pub(crate) fn holds(&self, now: Timestamp, due: Timestamp) -> bool {
        due > now || !self.held.is_empty()
    }

    pub(crate) fn push(&mut self, due: Timestamp, bytes: Vec<u8>) {
        let due = self.held.back().map_or(due, |(last, _)| due.max(*last));
        self.bytes += bytes.len();
        self.held.push_back((due, bytes));
    }

    /// Makes ready what is due. With `joins`, as on a stream, pieces are sent together.
    pub(crate) fn release(&mut self, now: Timestamp, joins: bool) {
        while self.next_release().is_some_and(|due| due <= now) {
            let Some((_, bytes)) = self.held.pop_front() else {
                debug_assert!(false, "what has a due time is held");
                return;
            };
            match self.ready.back_mut() {
                Some(last) if joins => last.extend_from_slice(&bytes),
                _ => self.ready.push_back(bytes),
            }
        }
    }

    /// When the next bytes become ready.
    pub(crate) fn next_release(&self) -> Option<Timestamp> {
        self.held.front().map(|(due, _)| *due)
    }

    /// The bytes to send next, if any are ready.
    pub(crate) fn unsent(&self) -> Option<&[u8]> {
        self.ready.front().and_then(|first| first.get(self.sent..))
    }

    /// So many of the bytes that [`unsent`](Self::unsent) gives were sent.
    pub(crate) fn consume(&mut self, bytes: usize) {
        let Some(first) = self.ready.front() else {
            return;
        };
        let left = first.len() - self.sent;
        let bytes = bytes.min(left);
        self.bytes -= bytes;
        self.sent += bytes;
        if bytes == left {
            self.ready.pop_front();
            self.sent = 0;
        }
        debug_assert!(!self.is_empty() || self.bytes == 0, "no queue, no bytes");
    }

    /// Takes a whole ready message.
    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        debug_assert_eq!(self.sent, 0, "messages are sent whole");
        let message = self.ready.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    /// How many bytes there are.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_and_partial_sends_keep_the_order() {
        let at = Timestamp::from_millis;
        let mut queue = DelayQueue::default();
        assert!(!queue.holds(at(0), at(0)));
        assert!(queue.holds(at(0), at(10)));
        queue.push(at(10), b"abc".to_vec());
        // Without a delay of its own, it waits behind the others.
        assert!(queue.holds(at(0), at(0)));
        queue.push(at(0), b"def".to_vec());
        assert_eq!((queue.unsent(), queue.bytes()), (None, 6));
        queue.release(at(9), true);
        assert_eq!(queue.next_release(), Some(at(10)));
        queue.release(at(10), true);
        assert_eq!(queue.unsent(), Some(&b"abcdef"[..]));
        queue.consume(2);
        assert_eq!((queue.unsent(), queue.bytes()), (Some(&b"cdef"[..]), 4));
        queue.consume(100);
        assert!(queue.is_empty());
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn messages_stay_whole() {
        let at = Timestamp::from_millis;
        let mut queue = DelayQueue::default();
        for message in [b"one", b"two"] {
            queue.push(at(5), message.to_vec());
        }
        queue.release(at(5), false);
        assert_eq!(queue.unsent(), Some(&b"one"[..]));
        assert_eq!(queue.pop().as_deref(), Some(&b"one"[..]));
        assert_eq!(queue.pop().as_deref(), Some(&b"two"[..]));
        assert_eq!((queue.pop(), queue.bytes()), (None, 0));
    }
}
