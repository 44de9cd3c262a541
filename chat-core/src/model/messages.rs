//! Messages on their way from the server to the caches and to the application. Spec: chat.md 4.1,
//! 4.2 and 5.

use super::Model;
use super::cache::{Cache, Caches};
use super::channel::Channel;
use super::keys::ChannelKey;
use crate::event::Event;
use crate::event_queue::EventQueue;
use crate::messages::{Message, Messages, PrivateMessage};
use crate::restore::continuity::{Recent, Repeats, Step, is_same};
use crate::stats::Counters;
use alloc::vec::Vec;
use core::time::Duration;
use photon_proto::{HashKeys, Text, Timestamp};

/// How many deadlines of questions one call handles: thousands may end at the same time.
const MAX_DEADLINES: usize = 256;

impl Model {
    /// Takes the messages of an event 0 for a public channel, and hands out what its position
    /// allows. `count` and `last_id` are those of the messages: the caller has just read them, and
    /// here they would have to be decoded again. Returns whether the messages are simply the next
    /// ones, so that no timer has changed.
    #[inline]
    pub(crate) fn on_messages(
        &mut self,
        now: Timestamp,
        key: ChannelKey,
        (messages, count, last_id): (Messages, usize, Option<i32>),
        events: &mut EventQueue,
        stats: &mut Counters,
    ) -> bool {
        debug_assert_eq!((count, last_id), (messages.len(), messages.last_id()));
        let Some(channel) = self.public.by_key_mut(key) else {
            debug_assert!(false, "the caller found the channel");
            return false;
        };
        // Without messages, nothing has the id. The highest id is none. Spec: chat.md 4.1.
        let last = last_id.filter(|&id| (1..i32::MAX).contains(&id));
        let Some(last) = last.filter(|_| count > 0) else {
            self.deliver(key, messages, events);
            return false;
        };
        let before = i32::try_from(count - 1).unwrap_or(i32::MAX);
        let first = last.saturating_sub(before);
        if channel.continuity.is_next(first) {
            channel.continuity.advance(first, last);
            let caches = &mut self.caches;
            store(channel, caches, self.questions.keys(), (&messages, count));
            events.push_messages(channel.name(), messages);
            self.apply_cache_cap();
            return true;
        }
        self.take(now, key, messages, (first, last), events, stats);
        false
    }

    /// Takes messages that are not simply the next ones.
    #[inline(never)]
    fn take(
        &mut self,
        now: Timestamp,
        key: ChannelKey,
        mut messages: Messages,
        (mut first, last): (i32, i32),
        events: &mut EventQueue,
        stats: &mut Counters,
    ) {
        if first < 1 {
            // Messages before the first possible id have none.
            let without = usize::try_from(1 - i64::from(first)).unwrap_or_default();
            let origin = messages.origin();
            self.deliver(key, messages.part(0, without, origin), events);
            messages = messages.part(without, messages.len(), origin);
            first = 1;
        }
        let Some(channel) = self.public.by_key_mut(key) else {
            return;
        };
        let cache = core::mem::take(&mut channel.cache);
        let (continuity, mut around) = channel.around(now, &mut self.questions);
        let steps = continuity.take(&mut around, &messages, first, last, &cache);
        channel.cache = cache;
        self.hand_out(key, steps, events, stats);
    }

    /// Handles the questions that waited long enough.
    pub(crate) fn on_deadlines(
        &mut self,
        now: Timestamp,
        events: &mut EventQueue,
        stats: &mut Counters,
    ) {
        for _ in 0..MAX_DEADLINES {
            let Some((key, serial)) = self.questions.take_due(now) else {
                return;
            };
            let Some(channel) = self.public.by_key_mut(key) else {
                debug_assert!(false, "a channel that goes ends its question");
                continue;
            };
            let (continuity, mut around) = channel.around(now, &mut self.questions);
            let steps = continuity.on_deadline(&mut around, serial);
            self.hand_out(key, steps, events, stats);
        }
    }

    /// Releases what channels kept for answers that can no longer come.
    pub(crate) fn release_windows(&mut self, now: Timestamp) {
        for _ in 0..MAX_DEADLINES {
            let Some(key) = self.questions.take_window(now) else {
                return;
            };
            // A channel may have gone meanwhile.
            if let Some(channel) = self.public.by_key_mut(key) {
                let (continuity, mut around) = channel.around(now, &mut self.questions);
                continuity.on_window_end(&mut around);
            }
        }
    }

    /// Puts off what ends with time, after a sleep that began at `before`: answers and repeats that
    /// arrived meanwhile are still in the socket. All channels are visited, which costs nothing
    /// compared to a sleep.
    pub(crate) fn put_off(&mut self, before: Timestamp, slept: Duration, earliest: Timestamp) {
        self.questions.put_off(slept, earliest);
        self.repeats.put_off(before, slept, earliest);
        self.public
            .for_each(|channel| channel.continuity.put_off(before, slept, earliest));
    }

    /// Hands out what a channel holds that the user leaves.
    pub(crate) fn on_leaving(
        &mut self,
        now: Timestamp,
        name: &str,
        events: &mut EventQueue,
        stats: &mut Counters,
    ) {
        let Some(channel) = self.public.get_mut(name) else {
            return;
        };
        let key = channel.key();
        let (continuity, mut around) = channel.around(now, &mut self.questions);
        let steps = continuity.on_left(&mut around);
        self.hand_out(key, steps, events, stats);
    }

    fn hand_out(
        &mut self,
        key: ChannelKey,
        steps: Vec<Step>,
        events: &mut EventQueue,
        stats: &mut Counters,
    ) {
        for step in steps {
            match step {
                Step::Deliver(messages) => self.deliver(key, messages, events),
                Step::Gap {
                    after,
                    missing,
                    verified,
                    new_life,
                } => {
                    let Some(channel) = self.public.by_key_mut(key) else {
                        debug_assert!(false, "the caller found the channel");
                        return;
                    };
                    if new_life {
                        self.caches.begin_life(&mut channel.cache);
                    }
                    stats.rare().gaps += 1;
                    stats.rare().missing_messages += u64::from(missing.unwrap_or(0));
                    events.push(Event::Gap {
                        channel: channel.name().clone(),
                        after,
                        missing,
                        verified,
                        new_life,
                    });
                }
            }
        }
    }

    /// Caches messages of a public channel and hands them out.
    fn deliver(&mut self, key: ChannelKey, messages: Messages, events: &mut EventQueue) {
        let Some(channel) = self.public.by_key_mut(key).filter(|_| !messages.is_empty()) else {
            return;
        };
        let keys = self.questions.keys();
        let count = messages.len();
        store(channel, &mut self.caches, keys, (&messages, count));
        events.push_messages(channel.name(), messages);
        self.apply_cache_cap();
    }

    /// Takes a private message of the conversation with this key. Returns the conversation's name,
    /// or `None` if the server sent the message again. Spec: chat.md 4.2.
    pub(crate) fn on_private_message(
        &mut self,
        now: Timestamp,
        key: ChannelKey,
        message: &PrivateMessage,
    ) -> Option<Text> {
        let channel = self.private.as_mut()?.by_key_mut(key)?;
        if self.repeats.are_possible(now)
            && let Some(id) = message.id()
        {
            let message = message.get();
            let keys = self.questions.keys();
            let seen = channel.seen.as_ref();
            if channel
                .cache
                .with_id(id)
                .any(|known| is_same(&known, &message))
                || seen.is_some_and(|seen| seen.contains(keys, id, &message))
            {
                self.questions.note_repeated(1);
                return None;
            }
        }
        if let Some(id) = message.id() {
            channel.continuity.note_last_id(id);
        }
        let name = channel.name().clone();
        self.change_cache(key, |caches, cache, recent, leaving| {
            let messages = message.messages().clone();
            caches.push(key, cache, (messages, 1), recent, leaving);
        });
        self.apply_cache_cap();
        Some(name)
    }

    /// Drops the oldest messages of any channel while all caches together are too large.
    #[inline]
    fn apply_cache_cap(&mut self) {
        while let Some(key) = self.caches.oldest_if_exceeded() {
            let changed = self.change_cache(key, Caches::drop_oldest);
            debug_assert!(changed, "a channel that goes takes its parts along");
            if !changed {
                break;
            }
        }
    }

    /// Empties the cache of the channel with this key.
    pub(super) fn clear_cache(&mut self, key: ChannelKey) {
        self.change_cache(key, Caches::clear);
    }

    /// Changes the cache of a channel, and keeps what is needed of the messages that leave it: they
    /// may come again. Returns false if there is no such channel.
    fn change_cache(
        &mut self,
        key: ChannelKey,
        change: impl FnOnce(&mut Caches, &mut Cache, usize, &mut dyn FnMut(&Message<'_>)),
    ) -> bool {
        let channels = if key.private {
            self.private.as_deref_mut()
        } else {
            Some(&mut self.public)
        };
        let Some(channel) = channels.and_then(|channels| channels.by_key_mut(key)) else {
            return false;
        };
        let keys = self.questions.keys();
        let Channel {
            cache,
            continuity,
            seen,
            ..
        } = channel;
        if !key.private {
            let recent = Recent::LENGTH as usize;
            let leaving = &mut |message: &Message<'_>| continuity.remember(keys, message);
            change(&mut self.caches, cache, recent, leaving);
            return true;
        }
        let repeats = &mut self.repeats;
        let leaving = &mut |message: &Message<'_>| repeats.note(keys, key, seen, message);
        change(&mut self.caches, cache, Repeats::LENGTH, leaving);
        if let Some(seen) = seen {
            seen.limit(Repeats::LENGTH.saturating_sub(cache.len()));
        }
        self.forget_surplus_repeats();
        true
    }

    /// Forgets the oldest private messages while there are too many.
    pub(super) fn forget_surplus_repeats(&mut self) {
        while let Some(key) = self.repeats.take_surplus() {
            let private = self.private.as_mut();
            let channel = private.and_then(|private| private.by_key_mut(key));
            if let Some(seen) = channel.and_then(|channel| channel.seen.as_mut()) {
                seen.drop_oldest();
            }
        }
    }
}

/// Caches so many messages of a public channel.
#[inline]
fn store(
    channel: &mut Channel,
    caches: &mut Caches,
    keys: &HashKeys,
    (messages, count): (&Messages, usize),
) {
    let Channel {
        cache,
        continuity,
        key,
        ..
    } = channel;
    let leaving = &mut |message: &Message<'_>| continuity.remember(keys, message);
    let messages = (messages.clone(), count);
    caches.push(*key, cache, messages, Recent::LENGTH as usize, leaving);
}
