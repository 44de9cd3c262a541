//! [`Repeats`]: private messages that a server sends again after a login. Spec: chat.md 4.2.

use super::fingerprint::Fingerprint;
use crate::budget::MemoryBudget;
use crate::messages::Message;
use crate::model::keys::ChannelKey;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;
use photon_proto::{HashKeys, Timestamp};

/// How long after a login a server may send messages again.
const WINDOW_MS: u64 = 10_000;
/// The cap on the memory of all conversations.
const CAP_BYTES: usize = 256 * 1024;
/// The memory of one message: its fingerprint, and its place in the order.
const ENTRY_BYTES: usize = size_of::<(i32, Fingerprint)>() + size_of::<ChannelKey>();

/// The messages of one conversation that have left the cache, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Seen(VecDeque<(i32, Fingerprint)>);

impl Seen {
    /// Whether one of the messages is this one.
    pub(crate) fn contains(&self, keys: &HashKeys, id: i32, message: &Message<'_>) -> bool {
        let same_id = self.0.iter().filter(|(seen, _)| *seen == id);
        let mut prints = same_id.map(|(_, print)| *print);
        prints.any(|print| print.is_same(Fingerprint::of(keys, message)))
    }

    /// The messages, oldest first.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (i32, Fingerprint)> {
        self.0.iter().copied()
    }

    /// Keeps only so many messages.
    pub(crate) fn limit(&mut self, messages: usize) {
        let surplus = self.0.len().saturating_sub(messages);
        self.0.drain(..surplus);
    }

    pub(crate) fn drop_oldest(&mut self) {
        self.0.pop_front();
    }
}

/// The part that all conversations share.
#[derive(Debug)]
pub(crate) struct Repeats {
    budget: MemoryBudget,
    /// The conversation of each message, oldest message first.
    by_age: VecDeque<ChannelKey>,
    /// Until when messages may be repeats.
    until: Option<Timestamp>,
}

impl Default for Repeats {
    fn default() -> Self {
        Self {
            budget: MemoryBudget::new(CAP_BYTES),
            by_age: VecDeque::new(),
            until: None,
        }
    }
}

impl Repeats {
    /// How many messages of each conversation are known, those in the cache included.
    pub(crate) const LENGTH: usize = 100;

    pub(crate) fn on_login(&mut self, now: Timestamp) {
        self.until = Some(now.plus_millis(WINDOW_MS));
    }

    /// Puts the end of the time for repeats off after a sleep that began at `before`.
    pub(crate) fn put_off(&mut self, before: Timestamp, slept: Duration, earliest: Timestamp) {
        if let Some(until) = self.until.as_mut().filter(|until| before < **until) {
            *until = until.plus(slept).max(earliest);
        }
    }

    /// Whether a message may be a repeat at this time.
    pub(crate) fn are_possible(&mut self, now: Timestamp) -> bool {
        self.until = self.until.filter(|until| now < *until);
        self.until.is_some()
    }

    /// Notes a message that leaves the cache.
    pub(crate) fn note(
        &mut self,
        keys: &HashKeys,
        key: ChannelKey,
        seen: &mut Option<Box<Seen>>,
        message: &Message<'_>,
    ) {
        if let Some(id) = message.id {
            self.resume(key, seen, (id, Fingerprint::of(keys, message)));
        }
    }

    /// Notes a message of which only this is known.
    pub(crate) fn resume(
        &mut self,
        key: ChannelKey,
        seen: &mut Option<Box<Seen>>,
        message: (i32, Fingerprint),
    ) {
        seen.get_or_insert_default().0.push_back(message);
        self.by_age.push_back(key);
        self.budget.charge(ENTRY_BYTES);
    }

    /// Takes the conversation whose oldest message has to go, if there are too many.
    pub(crate) fn take_surplus(&mut self) -> Option<ChannelKey> {
        if !self.budget.is_exceeded() {
            return None;
        }
        let key = self.by_age.pop_front()?;
        self.budget.release(ENTRY_BYTES);
        Some(key)
    }

    /// Forgets the order because all conversations are forgotten.
    pub(crate) fn clear(&mut self) {
        self.budget.release(self.by_age.len() * ENTRY_BYTES);
        self.by_age = VecDeque::new();
    }

    pub(crate) const fn used_bytes(&self) -> usize {
        self.budget.used_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_puts_off_the_end_of_the_time_for_repeats() {
        let at = Timestamp::from_millis;
        let (slept, grace) = (Duration::from_secs(25), 2_000);
        let mut repeats = Repeats::default();
        repeats.on_login(at(1_000));
        repeats.put_off(at(1_500), slept, at(26_500 + grace));
        assert!(repeats.are_possible(at(26_500)));
        assert!(repeats.are_possible(at(35_999)));
        assert!(!repeats.are_possible(at(36_000)));
        repeats.on_login(at(40_000));
        repeats.put_off(at(50_000), slept, at(75_000 + grace));
        assert!(!repeats.are_possible(at(75_000)), "it was over before");
    }
}
