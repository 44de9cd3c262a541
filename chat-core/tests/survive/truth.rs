//! The messages that the server published, and those that it still held at any time.

use std::collections::BTreeMap;

/// A message of a public channel: the life of the channel, counted by the runner, and the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) life: u32,
    pub(crate) id: i32,
}

#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) key: Key,
    pub(crate) at_ms: u64,
}

/// Everything that was published in one channel.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) life: u32,
    /// The messages in the order of publication.
    pub(crate) all: Vec<Published>,
    by_text: BTreeMap<String, usize>,
    /// How many messages the server keeps.
    history: usize,
}

impl Truth {
    pub(crate) const fn new(history: usize) -> Self {
        Self {
            life: 1,
            all: Vec::new(),
            by_text: BTreeMap::new(),
            history,
        }
    }

    /// Takes note of a message that the server holds, unless it is known. Texts are unique.
    pub(crate) fn note(&mut self, at_ms: u64, id: i32, text: &str) {
        if self.by_text.contains_key(text) {
            return;
        }
        let life = self.life;
        self.by_text.insert(text.to_owned(), self.all.len());
        self.all.push(Published {
            key: Key { life, id },
            at_ms,
        });
    }

    pub(crate) fn find(&self, text: &str) -> Option<&Published> {
        self.by_text.get(text).map(|at| &self.all[*at])
    }

    /// The messages of a life that the server held at `at_ms`.
    pub(crate) fn held_at(&self, life: u32, at_ms: u64) -> impl Iterator<Item = Key> {
        let published_by = move |one: &&Published| one.key.life == life && one.at_ms <= at_ms;
        let newest = self.all.iter().filter(published_by).rev();
        newest.take(self.history).map(|one| one.key)
    }
}
