//! The message caches: a cap for each channel in messages, one for all together in bytes.

use super::channel::Channel;
use crate::messages::{Message, Messages};
use alloc::collections::{BTreeMap, VecDeque};

/// The cached messages of one channel, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    parts: VecDeque<Part>,
    messages: usize,
}

/// What is left of the messages of one event. They share their text, so they are charged together.
#[derive(Debug)]
struct Part {
    messages: Messages,
    /// How many of the oldest are dropped.
    dropped: usize,
    /// When it was cached, in the order of all channels.
    order: u64,
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

/// What all caches of a client hold together.
#[derive(Debug)]
pub(super) struct Caches {
    messages_per_channel: usize,
    cap_bytes: usize,
    bytes: usize,
    next_order: u64,
    /// Where each part is, by its order: whether the channel is private, and its key.
    parts: BTreeMap<u64, (bool, u64)>,
}

impl Caches {
    pub(super) const fn new(messages_per_channel: usize, cap_bytes: usize) -> Self {
        Self {
            messages_per_channel,
            cap_bytes,
            bytes: 0,
            next_order: 0,
            parts: BTreeMap::new(),
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, channel: &mut Channel, messages: Messages) {
        if messages.is_empty() || self.messages_per_channel == 0 {
            return;
        }
        let order = self.next_order;
        self.next_order = order.saturating_add(1);
        self.bytes = self.bytes.saturating_add(messages.pinned_bytes());
        self.parts
            .insert(order, (channel.is_private(), channel.key()));
        let cache = &mut channel.cache;
        cache.messages += messages.len();
        cache.parts.push_back(Part {
            messages,
            dropped: 0,
            order,
        });
        while cache.messages > self.messages_per_channel {
            let surplus = cache.messages - self.messages_per_channel;
            let Some(oldest) = cache.parts.front_mut() else {
                break;
            };
            if oldest.left() <= surplus {
                self.drop_oldest(cache);
            } else {
                oldest.dropped += surplus;
                cache.messages -= surplus;
            }
        }
    }

    /// Drops the oldest part of a cache.
    pub(super) fn drop_oldest(&mut self, cache: &mut Cache) {
        if let Some(part) = cache.parts.pop_front() {
            cache.messages -= part.left();
            self.bytes = self.bytes.saturating_sub(part.messages.pinned_bytes());
            self.parts.remove(&part.order);
        }
    }

    pub(super) fn clear(&mut self, cache: &mut Cache) {
        while !cache.parts.is_empty() {
            self.drop_oldest(cache);
        }
    }

    /// The channel of the oldest part, while all together hold too much.
    pub(super) fn over_cap(&self) -> Option<(bool, u64)> {
        if self.bytes > self.cap_bytes {
            self.parts.first_key_value().map(|(_, place)| *place)
        } else {
            None
        }
    }
}

impl Part {
    fn left(&self) -> usize {
        self.messages.len() - self.dropped
    }
}
