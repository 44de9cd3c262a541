//! The messages that a channel or a private conversation keeps. Spec: chat.md 9, 12.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use photon_proto::{Text, Value};

use crate::config::ServerConfig;

/// A message in a history.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: i32,
    /// Its position among all messages of the server.
    pub(crate) sequence: u64,
    pub(crate) sender: Text,
    pub(crate) content: Value,
    /// Its memory.
    pub(crate) bytes: usize,
}

impl Stored {
    /// The memory of a message.
    pub(crate) fn size(sender: &Text, content: &Value) -> usize {
        size_of::<Self>() + sender.len() + content.heap_bytes()
    }
}

/// The memory of the messages in all histories of a server. Each history updates its part, also
/// when it is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistoryMemory(Arc<AtomicUsize>);

impl HistoryMemory {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct History {
    messages: VecDeque<Stored>,
    last_id: i32,
    bytes: usize,
    memory: HistoryMemory,
}

impl Drop for History {
    fn drop(&mut self) {
        self.clear();
    }
}

impl History {
    pub(crate) fn new(memory: &HistoryMemory) -> Self {
        Self {
            messages: VecDeque::new(),
            last_id: 0,
            bytes: 0,
            memory: memory.clone(),
        }
    }

    /// Drops all messages; the ids continue.
    pub(crate) fn clear(&mut self) {
        self.messages = VecDeque::new();
        self.release(self.bytes);
    }

    /// Subtracts memory from this history and from all histories together.
    fn release(&mut self, bytes: usize) {
        debug_assert!(self.bytes >= bytes && self.memory.bytes() >= self.bytes);
        self.bytes -= bytes;
        self.memory.0.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(
            !self.messages.is_empty() || self.bytes == 0,
            "{} bytes without messages",
            self.bytes
        );
    }

    /// The memory of its messages.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The id of the last message, 0 before the first.
    pub(crate) const fn last_id(&self) -> i32 {
        self.last_id
    }

    /// The id of the next message, if ids go up by `step`. At the greatest id, the last one repeats.
    pub(crate) const fn next_id(&self, step: i32) -> i32 {
        self.last_id.saturating_add(step)
    }

    /// Sets the id of the last message, from which the ids continue. The messages stay.
    pub(crate) const fn set_last_id(&mut self, id: i32) {
        self.last_id = id;
    }

    /// The messages, oldest first.
    pub(crate) fn messages(&self) -> impl ExactSizeIterator<Item = &Stored> {
        self.messages.iter()
    }

    /// The position of the last message among all messages, if it is still kept.
    pub(crate) fn last_sequence(&self) -> Option<u64> {
        self.messages.back().map(|message| message.sequence)
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Keeps a message under this id, and drops the oldest messages beyond `length` and the limit of
    /// memory.
    pub(crate) fn push(
        &mut self,
        config: &ServerConfig,
        length: usize,
        id: i32,
        sequence: u64,
        sender: Text,
        content: Value,
    ) {
        debug_assert!(
            self.last_sequence().is_none_or(|last| last < sequence),
            "messages are kept in the order in which they were sent"
        );
        self.last_id = id;
        self.restore(Stored {
            id,
            sequence,
            bytes: Stored::size(&sender, &content),
            sender,
            content,
        });
        while self.messages.len() > length || self.bytes > config.max_history_bytes {
            let Some(oldest) = self.messages.pop_front() else {
                break;
            };
            self.release(oldest.bytes);
        }
    }

    /// Keeps a message that was kept before.
    pub(crate) fn restore(&mut self, message: Stored) {
        self.bytes += message.bytes;
        self.memory.0.fetch_add(message.bytes, Ordering::Relaxed);
        self.messages.push_back(message);
    }

    /// The newest `length` messages with an id above `after`, oldest first. A negative or too large
    /// length returns all. Spec: chat.md 12, history.
    pub(crate) fn select(&self, length: i32, after: i32) -> impl Iterator<Item = &Stored> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let newer = self
            .messages
            .iter()
            .rev()
            .take_while(|message| message.id > after)
            .count();
        self.messages
            .iter()
            .skip(self.messages.len() - newer.min(length))
    }
}

/// The newest messages that fit into `budget` bytes, in the same order. Their size is subtracted
/// from the budget.
pub(crate) fn newest_within<T>(
    messages: Vec<T>,
    budget: &mut usize,
    bytes: impl Fn(&T) -> usize,
) -> Vec<T> {
    let mut surplus = messages.len();
    for message in messages.iter().rev() {
        match budget.checked_sub(bytes(message)) {
            Some(left) => (*budget, surplus) = (left, surplus - 1),
            None => break,
        }
    }
    if surplus > 0 {
        log::debug!("omitted {surplus} messages of a history: they do not fit");
    }
    messages.into_iter().skip(surplus).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(count: usize) -> History {
        let mut history = History::default();
        for sequence in 0..count {
            history.push(
                &ServerConfig::new(),
                100,
                history.next_id(1),
                sequence as u64,
                "s".into(),
                Value::Int(1),
            );
        }
        history
    }

    fn ids(history: &History, length: i32, after: i32) -> Vec<i32> {
        history
            .select(length, after)
            .map(|message| message.id)
            .collect()
    }

    #[test]
    fn history_obeys_both_length_and_last_id() {
        let history = history(10);
        assert_eq!(history.last_id(), 10);
        assert_eq!(ids(&history, 0, 0), []);
        assert_eq!(ids(&history, 3, 0), [8, 9, 10]);
        assert_eq!(ids(&history, -1, 7), [8, 9, 10]);
        assert_eq!(ids(&history, 2, 5), [9, 10]);
        assert_eq!(ids(&history, 100, 10), []);
        assert_eq!(ids(&history, 1000, -3).len(), 10);
    }

    #[test]
    fn a_budget_keeps_the_newest() {
        let mut budget = 10;
        assert_eq!(
            newest_within(vec![1, 5, 4, 3], &mut budget, |bytes| *bytes),
            [4, 3]
        );
        assert_eq!(budget, 3);
        assert_eq!(
            newest_within(vec![4, 5], &mut budget, |bytes| *bytes),
            [] as [usize; 0]
        );
    }

    #[test]
    fn the_oldest_messages_are_dropped_by_number_and_by_memory() {
        let long = history(250);
        assert_eq!(ids(&long, i32::MAX, 0), (151..=250).collect::<Vec<_>>());
        let config = ServerConfig::new().with(|config| config.max_history_bytes = 10_000);
        let mut history = History::default();
        for sequence in 0..5 {
            let id = history.next_id(1);
            let text = Value::from("x".repeat(4000));
            history.push(&config, 100, id, sequence, "s".into(), text);
        }
        assert_eq!(ids(&history, -1, 0), [4, 5]);
        let text = Value::from("x".repeat(40_000));
        history.push(&config, 100, 6, 6, "s".into(), text);
        assert_eq!((history.len(), history.last_id(), history.bytes), (0, 6, 0));
    }
}
