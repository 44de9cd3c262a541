//! [`Outbox`]: messages that wait for a connection and for their channel.

use crate::budget::MemoryBudget;
use crate::confirm::{Fingerprint, Receiver};
use crate::error::RequestError;
use crate::event::MessageToken;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Messages that the application sent while there was no connection, or before the client has asked
/// for their channel on the present one, in order.
///
/// Without a connection they wait only if the application has set a cap for them. On a connection they
/// wait in any case, because the server would refuse them: as the outgoing buffer of the connection,
/// to which they belong, up to its cap.
///
/// They are encoded at once: the content is borrowed from the application, and what cannot be encoded
/// is reported by the call. The cap counts the encoded bytes; each message takes about 64 bytes more.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<QueuedMessage>,
    budget: MemoryBudget,
    /// The cap while there is no connection; 0: nothing waits then.
    queue_cap_bytes: usize,
}

/// An encoded message that waits.
#[derive(Debug)]
pub(crate) struct QueuedMessage {
    /// `None`: a request that is no message, and whose result is a response.
    pub(crate) token: Option<MessageToken>,
    pub(crate) operation: u8,
    /// A message to a channel waits for its subscription.
    pub(crate) receiver: Receiver,
    /// Whether the message is encrypted for the server. It is never sent without.
    pub(crate) encrypt: bool,
    /// The mark by which the client knows its echo, if it reports results.
    pub(crate) content: Option<Fingerprint>,
    /// The encoded request.
    pub(crate) bytes: Vec<u8>,
}

impl Outbox {
    /// The greater of the two caps applies on a connection.
    pub(crate) fn new(queue_cap_bytes: usize, held_cap_bytes: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            budget: MemoryBudget::new(queue_cap_bytes.max(held_cap_bytes)),
            queue_cap_bytes,
        }
    }

    /// Whether messages may wait without a connection.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.queue_cap_bytes > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The encoded bytes of all messages.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    /// # Errors
    /// [`RequestError::QueueFull`] if these bytes do not fit under the cap. Also if they never do:
    /// the same call succeeds once the client is connected.
    pub(crate) fn check_space(&self, bytes: usize, is_connected: bool) -> Result<(), RequestError> {
        let fits = if is_connected {
            self.budget.fits(bytes)
        } else {
            // What a connection left behind may be more than this cap.
            bytes <= self.queue_cap_bytes.saturating_sub(self.queued_bytes())
        };
        if fits {
            Ok(())
        } else {
            Err(RequestError::QueueFull)
        }
    }

    /// Appends a message that fits.
    pub(crate) fn push(&mut self, message: QueuedMessage) {
        debug_assert!(
            self.budget.fits(message.bytes.len()),
            "space is checked before a message is queued"
        );
        self.budget.charge(message.bytes.len());
        self.queue.push_back(message);
    }

    pub(crate) fn first(&self) -> Option<&QueuedMessage> {
        self.queue.front()
    }

    pub(crate) fn pop(&mut self) -> Option<QueuedMessage> {
        let message = self.queue.pop_front()?;
        self.budget.release(message.bytes.len());
        if self.queue.is_empty() {
            debug_assert_eq!(self.budget.used_bytes(), 0, "an empty queue uses no memory");
            self.queue = VecDeque::new();
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::{Outbox, QueuedMessage, Receiver};
    use crate::error::RequestError;
    use crate::event::MessageToken;
    use alloc::vec;

    fn message(token: u64, bytes: usize) -> QueuedMessage {
        QueuedMessage {
            token: Some(MessageToken(token)),
            operation: 2,
            receiver: Receiver::Channel("lobby".into()),
            encrypt: false,
            content: None,
            bytes: vec![0; bytes],
        }
    }

    #[test]
    fn messages_leave_in_order_and_return_their_bytes() {
        let mut outbox = Outbox::new(100, 0);
        for token in 1..=4 {
            assert_eq!(outbox.check_space(25, false), Ok(()));
            outbox.push(message(token, 25));
        }
        assert_eq!(outbox.queued_bytes(), 100);
        assert_eq!(outbox.check_space(1, false), Err(RequestError::QueueFull));
        for token in 1..=4 {
            assert_eq!(outbox.first().unwrap().token, Some(MessageToken(token)));
            assert_eq!(outbox.pop().unwrap().token, Some(MessageToken(token)));
        }
        assert!(outbox.is_empty() && outbox.pop().is_none());
        assert_eq!(outbox.queued_bytes(), 0);
    }

    #[test]
    fn a_cap_of_0_queues_nothing_without_a_connection() {
        let outbox = Outbox::new(0, 20);
        assert!(!outbox.is_enabled());
        assert_eq!(outbox.check_space(1, false), Err(RequestError::QueueFull));
        assert_eq!(outbox.check_space(20, true), Ok(()));
        assert_eq!(outbox.check_space(21, true), Err(RequestError::QueueFull));
    }

    #[test]
    fn without_a_connection_the_cap_of_the_queue_applies_to_all_that_waits() {
        let mut outbox = Outbox::new(9, 50);
        assert_eq!(outbox.check_space(10, false), Err(RequestError::QueueFull));
        outbox.push(message(1, 40));
        assert_eq!(outbox.check_space(1, false), Err(RequestError::QueueFull));
        assert_eq!(outbox.check_space(10, true), Ok(()));
        assert_eq!(Outbox::new(90, 50).check_space(60, true), Ok(()));
    }
}
