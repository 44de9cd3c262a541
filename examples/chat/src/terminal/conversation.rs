//! [`Conversation`]: what one tab shows.

use super::entry::Entry;
use std::collections::VecDeque;

/// How many entries a conversation keeps.
const MAX_ENTRIES: usize = 10_000;
/// The most memory of a conversation's texts. Ten thousand usual lines take a tenth.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The kind of a conversation, with the name as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Messages of the program itself.
    Log,
    Channel(String),
    Private(String),
}

/// The entries of a tab, newest last, and what the user has seen of them.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) target: Target,
    /// The tab's name, clean.
    pub(crate) title: String,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The messages that arrived since the tab was shown.
    pub(crate) unread: usize,
    /// How many rows below the shown ones are hidden.
    pub(crate) scroll: usize,
    /// The columns of the rows, as last drawn.
    columns: usize,
}

impl Conversation {
    pub(crate) fn new(target: Target, title: String) -> Self {
        Self {
            target,
            title,
            entries: VecDeque::new(),
            bytes: 0,
            unread: 0,
            scroll: 0,
            columns: 80,
        }
    }

    /// Adds an entry. The rows that a user reads further up stay where they are.
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.scroll > 0 {
            self.scroll += entry.rows(self.columns).1.len();
        }
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
        }
        debug_assert!(!self.entries.is_empty() || self.bytes == 0);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        (self.bytes, self.scroll) = (0, 0);
    }

    /// Notes the columns of the drawn rows and how far they can be scrolled.
    pub(crate) fn note_drawn(&mut self, columns: usize, most_scroll: usize) {
        self.columns = columns;
        self.scroll = self.scroll.min(most_scroll);
        if self.scroll == 0 {
            self.unread = 0;
        }
    }

    /// Newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Conversation, Entry, MAX_BYTES, MAX_ENTRIES, Target};

    #[test]
    fn the_oldest_entries_are_dropped_at_both_caps() {
        let mut all = Conversation::new(Target::Log, "log".into());
        for number in 0..MAX_ENTRIES + 5 {
            all.push(Entry::Notice(number.to_string()));
        }
        assert_eq!(all.len(), MAX_ENTRIES);
        let newest = all.newest_first().next().cloned();
        assert_eq!(newest, Some(Entry::Notice((MAX_ENTRIES + 4).to_string())));
        for _ in 0..2_000 {
            all.push(Entry::Problem("x".repeat(4_096)));
            assert!(all.bytes <= MAX_BYTES);
        }
        assert!(all.len() < 1_100, "{}", all.len());
        all.clear();
        assert_eq!((all.len(), all.bytes), (0, 0));
    }
}
