//! [`EventQueue`]: events on their way to the application, and the memory that they use.

use crate::budget::MemoryBudget;
use crate::event::Event;
use crate::messages::Messages;
use alloc::collections::VecDeque;
use photon_proto::Text;

/// How many events may wait before intents that raise one return `QueueFull`. The cap in bytes
/// limits memory; this limits the work of an application that drains after a long time.
const MAX_EVENTS: usize = 16 * 1024;

/// The events for which an empty queue keeps memory, so that usual bursts allocate nothing.
const KEPT_EVENTS: usize = 64;

/// Events that wait to be taken by the application.
#[derive(Debug)]
pub(crate) struct EventQueue {
    queue: VecDeque<Queued>,
    budget: MemoryBudget,
}

#[derive(Debug)]
struct Queued {
    event: Event,
    /// The bytes charged for the event. Measured once, because that walks all its values.
    bytes: usize,
}

impl EventQueue {
    pub(crate) const fn new(cap_bytes: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            budget: MemoryBudget::new(cap_bytes),
        }
    }

    /// Appends an event, whatever the cap: an event that was caused must be delivered. Code
    /// that causes events checks [`EventQueue::is_full`] first.
    pub(crate) fn push(&mut self, event: Event) {
        let heap_bytes = event.heap_bytes();
        self.push_charged(event, heap_bytes);
    }

    /// Appends the messages of a channel: what nearly all events are, and the only ones whose memory
    /// is known without a look at their kind.
    #[inline]
    pub(crate) fn push_messages(&mut self, channel: &Text, messages: Messages) {
        let heap_bytes = Event::messages_heap_bytes(channel, &messages);
        let channel = channel.clone();
        self.push_charged(Event::ChatMessages { channel, messages }, heap_bytes);
    }

    #[inline(never)]
    fn push_charged(&mut self, event: Event, heap_bytes: usize) {
        debug_assert_eq!(heap_bytes, event.heap_bytes());
        let bytes = size_of::<Queued>() + heap_bytes;
        self.budget.charge(bytes);
        self.queue.push_back(Queued { event, bytes });
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Event> {
        // Before the event is taken, which can then go to the caller at once.
        if self.queue.len() <= 1 && self.queue.capacity() > KEPT_EVENTS {
            return self.pop_last_of_many();
        }
        let Queued { event, bytes } = self.queue.pop_front()?;
        self.release(bytes);
        Some(event)
    }

    /// Takes the last event and returns the memory of the queue: an application that was late once must
    /// not pay for the backlog for ever.
    #[cold]
    fn pop_last_of_many(&mut self) -> Option<Event> {
        debug_assert!(self.queue.len() <= 1, "no event is lost");
        let Queued { event, bytes } = core::mem::take(&mut self.queue).pop_front()?;
        self.release(bytes);
        Some(event)
    }

    #[inline]
    fn release(&mut self, bytes: usize) {
        self.budget.release(bytes);
        debug_assert!(
            !self.queue.is_empty() || self.budget.used_bytes() == 0,
            "an empty queue uses no memory"
        );
    }

    /// Returns the memory of an empty queue.
    pub(crate) fn release_memory(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// The events behind the first `index` ones, for code that follows what was raised.
    pub(crate) fn iter_from(&self, index: usize) -> impl Iterator<Item = &Event> {
        self.queue.iter().skip(index).map(|queued| &queued.event)
    }

    /// Whether one of the events behind the first `index` ones is of interest.
    #[inline]
    pub(crate) fn any_from(&self, index: usize, is_of_interest: impl Fn(&Event) -> bool) -> bool {
        // Most of the time there is one, and an iterator over both halves of the ring costs more.
        if index + 1 == self.queue.len() {
            let newest = self.queue.back();
            return newest.is_some_and(|queued| is_of_interest(&queued.event));
        }
        self.iter_from(index).any(is_of_interest)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) const fn used_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    pub(crate) fn is_full(&self) -> bool {
        // An empty queue takes one event even under a cap that no event fits.
        !self.queue.is_empty() && (self.budget.is_exhausted() || self.queue.len() >= MAX_EVENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::EventQueue;
    use crate::event::Event;

    #[test]
    fn sound19_events_are_charged_until_they_are_taken() {
        let mut queue = EventQueue::new(1_000_000);
        let mut before = 0;
        for _ in 0..3 {
            queue.push(Event::CredentialsNeeded);
            assert!(queue.used_bytes() > before);
            before = queue.used_bytes();
        }
        while queue.pop().is_some() {
            assert!(queue.used_bytes() < before);
            before = queue.used_bytes();
        }
        assert_eq!(queue.used_bytes(), 0);
    }
}
