//! Private messages, kept as long as one of the two users has a session. Spec: chat.md 12, send
//! private.

use std::collections::BTreeSet;

use photon_proto::{Text, Value};

use crate::config::ServerConfig;
use crate::hashing::{HashKeys, Map};
use crate::history::{History, HistoryMemory, Stored};

pub(crate) struct Conversations {
    /// By the two users, the lesser first.
    all: Map<(Text, Text), History>,
    /// For each user, the users that it has a conversation with.
    partners: Map<Text, BTreeSet<Text>>,
    memory: HistoryMemory,
}

fn key(one: &Text, other: &Text) -> (Text, Text) {
    if one <= other {
        (one.clone(), other.clone())
    } else {
        (other.clone(), one.clone())
    }
}

impl Conversations {
    pub(crate) fn new(keys: HashKeys, memory: HistoryMemory) -> Self {
        Self {
            all: Map::with_hasher(keys),
            partners: Map::with_hasher(keys),
            memory,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn histories(&mut self) -> impl Iterator<Item = &mut History> {
        self.all.values_mut()
    }

    /// The memory of all conversations.
    pub(crate) fn bytes(&self) -> usize {
        self.all.values().map(History::bytes).sum()
    }

    /// All conversations, sorted by their users.
    pub(crate) fn sorted(&self) -> Vec<(&(Text, Text), &History)> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_by_key(|(users, _)| *users);
        all
    }

    /// Adds the conversation of two users.
    pub(crate) fn insert(&mut self, one: &Text, other: &Text, history: History) {
        for (user, partner) in [(one, other), (other, one)] {
            self.partners
                .entry(user.clone())
                .or_default()
                .insert(partner.clone());
        }
        self.all.insert(key(one, other), history);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Checks that every conversation is listed for both of its users, and nothing else is.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (one, other) in self.all.keys() {
            for (user, partner) in [(one, other), (other, one)] {
                if !self
                    .partners
                    .get(user)
                    .is_some_and(|partners| partners.contains(partner))
                {
                    return Err(format!("a conversation of {user:?} is not listed"));
                }
            }
        }
        for (user, partners) in &self.partners {
            let all = partners
                .iter()
                .all(|partner| self.all.contains_key(&key(user, partner)));
            if partners.is_empty() || !all {
                return Err(format!("{user:?} lists a conversation that is gone"));
            }
        }
        Ok(())
    }

    /// The id of the next message between two users.
    pub(crate) fn next_id(&self, one: &Text, other: &Text) -> i32 {
        let history = self.all.get(&key(one, other));
        history.map_or(1, |history| history.next_id(1))
    }

    /// Keeps a message under the next id.
    pub(crate) fn push(
        &mut self,
        config: &ServerConfig,
        sequence: u64,
        sender: &Text,
        target: &Text,
        content: Value,
    ) {
        let users = key(sender, target);
        if !self.all.contains_key(&users) {
            self.make_space(config, sender);
            self.insert(sender, target, History::new(&self.memory));
        }
        let Some(history) = self.all.get_mut(&users) else {
            return;
        };
        let (id, length) = (history.next_id(1), config.history_length);
        history.push(config, length, id, sequence, sender.clone(), content);
    }

    /// The newest `length` messages of each conversation of a user, in the order in which they were
    /// sent, each with its target. `None` or a negative length returns all.
    pub(crate) fn replay(&self, user: &Text, length: Option<i32>) -> Vec<(&Stored, Text)> {
        let mut messages: Vec<(&Stored, Text)> = self
            .partners
            .get(user)
            .into_iter()
            .flatten()
            .filter_map(|partner| Some((partner, self.all.get(&key(user, partner))?)))
            .flat_map(|(partner, history)| {
                history.select(length.unwrap_or(-1), 0).map(move |message| {
                    let target = if message.sender == *user {
                        partner
                    } else {
                        user
                    };
                    (message, target.clone())
                })
            })
            .collect();
        messages.sort_by_key(|(message, _)| message.sequence);
        messages
    }

    /// Drops the conversation of a user that was inactive for longest, if the user has as many as
    /// allowed.
    fn make_space(&mut self, config: &ServerConfig, user: &Text) {
        let Some(partners) = self.partners.get(user) else {
            return;
        };
        if partners.len() >= config.max_conversations {
            let last = |partner: &&Text| {
                self.all
                    .get(&key(user, partner))
                    .and_then(History::last_sequence)
            };
            if let Some(silent) = partners.iter().min_by_key(last).cloned() {
                self.remove(user, &silent);
            }
        }
    }

    fn remove(&mut self, user: &Text, partner: &Text) {
        let removed = self.all.remove(&key(user, partner));
        debug_assert!(removed.is_some(), "partners have a conversation");
        for (one, other) in [(user, partner), (partner, user)] {
            // A conversation with oneself has a single entry, which the first round removes.
            if let Some(partners) = self.partners.get_mut(one) {
                partners.remove(other);
                if partners.is_empty() {
                    self.partners.remove(one);
                }
            }
        }
    }

    /// Drops the conversations of a user without a session, unless the other user still has one.
    pub(crate) fn forget(&mut self, user: &Text, is_there: impl Fn(&Text) -> bool) {
        let Some(partners) = self.partners.get(user) else {
            return;
        };
        let gone: Vec<Text> = partners
            .iter()
            .filter(|partner| !is_there(partner))
            .cloned()
            .collect();
        for partner in gone {
            self.remove(user, &partner);
        }
    }
}

#[cfg(test)]
mod tests {
    use photon_proto::Random;

    use super::*;

    #[test]
    fn the_conversation_that_was_inactive_for_longest_is_dropped_first() {
        let mut all = Conversations::new(
            HashKeys::new(&mut Random::new([5; 32])),
            HistoryMemory::default(),
        );
        let config = ServerConfig::new().with(|config| config.max_conversations = 2);
        let [alice, bob, carol, dave] = ["alice", "bob", "carol", "dave"].map(Text::from);
        for (sequence, to) in [&bob, &carol, &bob, &dave].into_iter().enumerate() {
            all.push(&config, sequence as u64, &alice, to, Value::Null);
        }
        assert_eq!(
            [&bob, &carol, &dave].map(|to| all.next_id(&alice, to)),
            [3, 1, 2]
        );
        assert_eq!(all.partners.len(), 3);
    }

    #[test]
    fn a_conversation_is_kept_as_long_as_one_of_its_users() {
        let mut all = Conversations::new(
            HashKeys::new(&mut Random::new([5; 32])),
            HistoryMemory::default(),
        );
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(Text::from);
        let config = ServerConfig::new();
        for (sequence, (from, to)) in [
            (&alice, &bob),
            (&alice, &carol),
            (&bob, &alice),
            (&alice, &alice),
        ]
        .into_iter()
        .enumerate()
        {
            all.push(&config, sequence as u64, from, to, Value::Int(1));
        }
        let replayed = |all: &Conversations, user, length| -> Vec<(i32, Text, Text)> {
            all.replay(user, length)
                .into_iter()
                .map(|(message, target)| (message.id, message.sender.clone(), target))
                .collect()
        };
        let line = |id, from: &Text, to: &Text| (id, from.clone(), to.clone());
        assert_eq!(
            replayed(&all, &alice, None),
            [
                line(1, &alice, &bob),
                line(1, &alice, &carol),
                line(2, &bob, &alice),
                line(1, &alice, &alice)
            ]
        );
        assert_eq!(replayed(&all, &bob, Some(1)), [line(2, &bob, &alice)]);
        assert_eq!(replayed(&all, &bob, Some(0)), []);
        all.forget(&bob, |_| true);
        assert_eq!((all.len(), all.next_id(&bob, &alice)), (3, 3));
        all.forget(&alice, |other| *other == carol);
        assert_eq!((all.len(), all.next_id(&bob, &alice)), (1, 1));
        all.forget(&carol, |_| false);
        assert!(all.is_empty() && all.partners.is_empty());
    }
}
