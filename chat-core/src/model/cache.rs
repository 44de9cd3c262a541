//! The message caches: a cap in messages for each channel, a cap in bytes for all together.
//! Spec: chat.md 5.

use super::keys::ChannelKey;
use crate::budget::MemoryBudget;
use crate::messages::{Message, Messages};
use alloc::collections::{BTreeMap, VecDeque};

/// The cached messages of one channel, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    parts: VecDeque<Part>,
    /// How many messages all parts hold.
    messages: usize,
}

/// The messages of one event, as far as they are still cached. They share one allocation, so they
/// are charged, and released, together.
#[derive(Debug)]
struct Part {
    messages: Messages,
    /// How many of the oldest messages were dropped. Their memory stays until the part goes.
    dropped: usize,
    /// The bytes charged for it. Measured once, because that walks all its values.
    bytes: usize,
    /// The part's place in the order in which all channels cached.
    order: u64,
}

impl Part {
    fn remaining(&self) -> usize {
        debug_assert!(
            self.dropped < self.messages.len(),
            "a part without messages is removed"
        );
        self.messages.len() - self.dropped
    }
}

impl Cache {
    pub(super) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.parts
            .iter()
            .flat_map(|part| part.messages.iter().skip(part.dropped))
    }

    pub(super) const fn len(&self) -> usize {
        self.messages
    }
}

/// The caps that the caches of all channels share, and the order in which they cached.
#[derive(Debug)]
pub(super) struct Caches {
    max_messages_per_channel: usize,
    budget: MemoryBudget,
    next_order: u64,
    /// The channel of each part, oldest part first.
    by_order: BTreeMap<u64, ChannelKey>,
}

impl Caches {
    pub(super) const fn new(max_messages_per_channel: usize, cap_bytes: usize) -> Self {
        Self {
            max_messages_per_channel,
            budget: MemoryBudget::new(cap_bytes),
            next_order: 0,
            by_order: BTreeMap::new(),
        }
    }

    pub(super) const fn used_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    /// How many parts all caches hold.
    pub(super) fn parts(&self) -> usize {
        self.by_order.len()
    }

    /// Appends messages to the cache of the channel with this key, and drops the oldest of that
    /// channel beyond its cap. The cap in bytes is not applied: see [`Caches::oldest_if_exceeded`].
    pub(super) fn push(&mut self, key: ChannelKey, cache: &mut Cache, messages: Messages) {
        if messages.is_empty() || self.max_messages_per_channel == 0 {
            return;
        }
        let order = self.next_order;
        self.next_order += 1;
        let bytes = messages.pinned_bytes();
        self.budget.charge(bytes);
        let replaced = self.by_order.insert(order, key);
        debug_assert!(replaced.is_none(), "every part has an order of its own");
        cache.messages += messages.len();
        cache.parts.push_back(Part {
            messages,
            dropped: 0,
            bytes,
            order,
        });
        while cache.messages > self.max_messages_per_channel {
            let surplus = cache.messages - self.max_messages_per_channel;
            let Some(oldest) = cache.parts.front_mut() else {
                debug_assert!(false, "a cache without parts has no messages");
                break;
            };
            if oldest.remaining() <= surplus {
                self.drop_oldest(cache);
            } else {
                oldest.dropped += surplus;
                cache.messages -= surplus;
            }
        }
    }

    /// Drops the oldest part of a cache.
    pub(super) fn drop_oldest(&mut self, cache: &mut Cache) {
        let Some(part) = cache.parts.pop_front() else {
            debug_assert!(false, "only a cache with parts is asked to drop one");
            return;
        };
        cache.messages -= part.remaining();
        self.budget.release(part.bytes);
        let removed = self.by_order.remove(&part.order);
        debug_assert!(removed.is_some(), "every part has its place in the order");
    }

    pub(super) fn clear(&mut self, cache: &mut Cache) {
        while !cache.parts.is_empty() {
            self.drop_oldest(cache);
        }
        debug_assert_eq!(cache.messages, 0, "without parts there are no messages");
        // An emptied queue would keep the memory of all the parts it ever held.
        cache.parts = VecDeque::new();
    }

    /// Returns the channel of the oldest part if all parts together exceed the cap in bytes.
    pub(super) fn oldest_if_exceeded(&self) -> Option<ChannelKey> {
        if self.budget.is_exceeded() {
            self.by_order.first_key_value().map(|(_, key)| *key)
        } else {
            None
        }
    }
}
