//! [`Outbox`]: messages that wait for a connection and for their channel.

use crate::budget::MemoryBudget;
use crate::confirm::{Fingerprint, Receiver};
use crate::error::RequestError;
use crate::event::MessageToken;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Messages that the application sent while there was no connection, in order.
///
/// They are encoded at once: the content is borrowed from the application, and what cannot be encoded
/// is reported by the call. The cap counts the encoded bytes; each message takes about 64 bytes more.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<QueuedMessage>,
    budget: MemoryBudget,
    is_enabled: bool,
}

/// An encoded message that waits.
#[derive(Debug)]
pub(crate) struct QueuedMessage {
    pub(crate) token: MessageToken,
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
    pub(crate) const fn new(cap_bytes: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            budget: MemoryBudget::new(cap_bytes),
            is_enabled: cap_bytes > 0,
        }
    }

    /// Whether messages may be queued at all.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.is_enabled
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
    pub(crate) fn check_space(&self, bytes: usize) -> Result<(), RequestError> {
        if self.budget.fits(bytes) {
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
            token: MessageToken(token),
            receiver: Receiver::Channel("lobby".into()),
            encrypt: false,
            content: None,
            bytes: vec![0; bytes],
        }
    }

    #[test]
    fn messages_leave_in_order_and_return_their_bytes() {
        let mut outbox = Outbox::new(100);
        for token in 1..=4 {
            assert_eq!(outbox.check_space(25), Ok(()));
            outbox.push(message(token, 25));
        }
        assert_eq!(outbox.queued_bytes(), 100);
        assert_eq!(outbox.check_space(1), Err(RequestError::QueueFull));
        for token in 1..=4 {
            assert_eq!(outbox.first().unwrap().token, MessageToken(token));
            assert_eq!(outbox.pop().unwrap().token, MessageToken(token));
        }
        assert!(outbox.is_empty() && outbox.pop().is_none());
        assert_eq!(outbox.queued_bytes(), 0);
    }

    #[test]
    fn a_cap_of_0_queues_nothing() {
        let outbox = Outbox::new(0);
        assert!(!outbox.is_enabled());
        assert_eq!(outbox.check_space(1), Err(RequestError::QueueFull));
        assert_eq!(Outbox::new(9).check_space(10), Err(RequestError::QueueFull));
    }
}
