//! The message caches: a cap in messages for each channel, a cap in bytes for all together.
//! Spec: chat.md 5.

use super::keys::ChannelKey;
use crate::age_queue::AgeQueue;
use crate::budget::MemoryBudget;
use crate::messages::{Message, Messages};
use crate::restore::continuity::Cached;
use alloc::collections::VecDeque;
use core::ops::Range;

/// The cached messages of one channel, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    parts: VecDeque<Part>,
    /// How many messages all parts hold.
    messages: usize,
    /// The parts of the present life of the channel are those with this order or a higher one.
    life: u64,
}

/// The messages of one event, as far as they are still cached. They share one allocation, so they
/// are charged, and released, together.
#[derive(Debug)]
struct Part {
    messages: Messages,
    /// How many they are. Asked for several times. Both numbers have half a word, because each message
    /// of a full cache moves one part in and one out; an event with more messages than that is refused
    /// by the builder.
    count: u32,
    /// How many of the oldest messages were dropped. Their memory stays until the part goes.
    dropped: u32,
    /// The part's place in the order in which all channels cached.
    order: u64,
}

impl Part {
    fn remaining(&self) -> usize {
        debug_assert!(
            self.dropped < self.count,
            "a part without messages is removed"
        );
        (self.count - self.dropped) as usize
    }

    /// The messages that were not dropped.
    fn cached(&self) -> impl Iterator<Item = Message<'_>> {
        self.messages.iter().skip(self.dropped as usize)
    }

    /// The ids of the first and of the last message.
    fn ids(&self) -> Option<(i32, i32)> {
        let last = self.messages.last_id()?;
        let before = i32::try_from(self.count.checked_sub(1)?).ok()?;
        Some((last.checked_sub(before)?, last))
    }
}

impl Cache {
    pub(super) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.parts.iter().flat_map(Part::cached)
    }

    pub(super) const fn len(&self) -> usize {
        self.messages
    }

    /// The messages with this id, of any life.
    pub(super) fn with_id(&self, id: i32) -> impl Iterator<Item = Message<'_>> {
        self.messages()
            .filter(move |message| message.id == Some(id))
    }

    /// Adds a part that is not the newest: behind the messages of the present life with lower ids, so
    /// that readers find ids in order.
    #[cold]
    fn insert(&mut self, part: Part) {
        let first_id = part.ids().map(|(first, _)| first);
        let behind = |part: &Part| {
            part.order >= self.life && part.ids().is_none_or(|(first, _)| Some(first) > first_id)
        };
        let newer = self.parts.iter().rev().take_while(|part| behind(part));
        let place = self.parts.len() - newer.count();
        self.parts.insert(place, part);
    }
}

impl Cached for Cache {
    fn find(&self, id: i32) -> Option<Message<'_>> {
        let mut life = self
            .parts
            .iter()
            .rev()
            .filter(|part| part.order >= self.life);
        life.find_map(|part| {
            let (first, _) = part.ids()?;
            let index = usize::try_from(id.checked_sub(first)?).ok()?;
            part.messages
                .get(index)
                .filter(|_| index >= part.dropped as usize)
        })
    }
}

/// Passes some of these messages to `leaving`.
// Apart from its callers, which would save many registers for it: a cache that holds more than a few
// messages never needs it.
#[inline(never)]
fn leave(messages: &Messages, range: Range<usize>, leaving: &mut dyn FnMut(&Message<'_>)) {
    let messages = messages.iter().skip(range.start).take(range.len());
    messages.for_each(|message| leaving(&message));
}

/// The caps that the caches of all channels share, and the order in which they cached.
#[derive(Debug)]
pub(super) struct Caches {
    max_messages_per_channel: usize,
    budget: MemoryBudget,
    /// The channel of each part.
    parts: AgeQueue<ChannelKey>,
}

impl Caches {
    pub(super) const fn new(max_messages_per_channel: usize, cap_bytes: usize) -> Self {
        Self {
            max_messages_per_channel,
            budget: MemoryBudget::new(cap_bytes),
            parts: AgeQueue::new(),
        }
    }

    pub(super) const fn used_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    /// How many parts all caches hold.
    pub(super) const fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Adds messages to the cache of the channel with this key, and drops the oldest of that
    /// channel beyond its cap. The cap in bytes is not applied: see [`Caches::oldest_if_exceeded`].
    /// `count` is how many they are, which the caller knows.
    ///
    /// `leaving` gets the messages that leave the cache while it holds fewer than `recent` newer
    /// ones.
    // The callers share it: inlined, its queues would be called instead.
    #[inline(never)]
    pub(super) fn push(
        &mut self,
        key: ChannelKey,
        cache: &mut Cache,
        (messages, count): (Messages, usize),
        recent: usize,
        leaving: &mut dyn FnMut(&Message<'_>),
    ) {
        debug_assert_eq!(count, messages.len(), "the caller counted them");
        if count == 0 || self.max_messages_per_channel == 0 {
            leave(&messages, count.saturating_sub(recent)..count, leaving);
            return;
        }
        let order = self.parts.push(key);
        self.budget.charge(messages.pinned_bytes());
        cache.messages += count;
        let is_newest = messages.origin().moves_position();
        debug_assert!(
            u32::try_from(count).is_ok(),
            "each message takes a byte of an event, and events are smaller"
        );
        let part = Part {
            messages,
            count: count as u32,
            dropped: 0,
            order,
        };
        if is_newest {
            cache.parts.push_back(part);
        } else {
            cache.insert(part);
        }
        while cache.messages > self.max_messages_per_channel {
            let surplus = cache.messages - self.max_messages_per_channel;
            let Some(oldest) = cache.parts.front_mut() else {
                debug_assert!(false, "a cache without parts has no messages");
                break;
            };
            if oldest.remaining() <= surplus {
                self.drop_oldest(cache, recent, leaving);
            } else {
                cache.messages -= surplus;
                if cache.messages < recent && oldest.order >= cache.life {
                    let first = oldest.dropped as usize;
                    leave(&oldest.messages, first..first + surplus, leaving);
                }
                oldest.dropped += surplus as u32;
            }
        }
    }

    /// Drops the oldest part of a cache. `leaving` gets its messages if fewer than `recent` newer
    /// ones remain.
    // Each message of a full cache drops one.
    #[inline(always)]
    pub(super) fn drop_oldest(
        &mut self,
        cache: &mut Cache,
        recent: usize,
        leaving: &mut dyn FnMut(&Message<'_>),
    ) {
        let Some(part) = cache.parts.pop_front() else {
            debug_assert!(false, "only a cache with parts is asked to drop one");
            return;
        };
        cache.messages -= part.remaining();
        if cache.messages < recent && part.order >= cache.life {
            leave(
                &part.messages,
                part.dropped as usize..part.count as usize,
                leaving,
            );
        }
        self.budget.release(part.messages.pinned_bytes());
        let is_removed = self.parts.remove(part.order);
        debug_assert!(is_removed, "every part has its place in the order");
    }

    /// Empties a cache. `leaving` gets at least its newest `recent` messages.
    pub(super) fn clear(
        &mut self,
        cache: &mut Cache,
        recent: usize,
        leaving: &mut dyn FnMut(&Message<'_>),
    ) {
        while !cache.parts.is_empty() {
            self.drop_oldest(cache, recent, leaving);
        }
        debug_assert_eq!(cache.messages, 0, "without parts there are no messages");
        // An emptied queue would keep the memory of all the parts it ever held.
        cache.parts = VecDeque::new();
    }

    /// Notes that the messages from now on are of another life of the channel.
    pub(super) fn begin_life(&self, cache: &mut Cache) {
        cache.life = self.parts.next_serial();
    }

    /// Returns the channel of the oldest part if all parts together exceed the cap in bytes.
    #[inline]
    pub(super) fn oldest_if_exceeded(&self) -> Option<ChannelKey> {
        if self.budget.is_exceeded() {
            self.parts.oldest().copied()
        } else {
            None
        }
    }
}
