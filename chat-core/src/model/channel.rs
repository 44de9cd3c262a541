//! [`Channel`]: a public channel, or a private conversation. Spec: chat.md 5.

use super::cache::Cache;
use super::keys::{ChannelKey, NameMap};
use super::presence::Presence;
use crate::age_queue::AgeQueue;
use crate::budget::MemoryBudget;
use crate::messages::Message;
use crate::operation::pending::RequestedHistory;
use crate::restore::continuity::{Continuity, Questions, Seen, Surroundings};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;
use photon_proto::{HashKeys, Text, Timestamp, Value};

/// How many channels a table may hold that the application did not ask for. Servers choose how many
/// public ones there are, other users how many private ones.
const MAX_UNSOLICITED: usize = 1024;
/// The charge for a channel in addition to its name: itself, and its share of three maps.
const CHANNEL_BYTES: usize = size_of::<Channel>() + 128;

/// A public channel that the user is in, or the private conversation with another user.
#[derive(Debug)]
pub struct Channel {
    pub(super) name: Text,
    pub(super) key: ChannelKey,
    /// Whether the application subscribed to it, rather than the server adding it on its own.
    pub(super) requested: bool,
    pub(super) subscribed: bool,
    /// Its position; of a private channel only the last id.
    pub(super) continuity: Continuity,
    /// The messages of a private channel that have left the cache and may come again.
    pub(super) seen: Option<Box<Seen>>,
    /// The channel's place in the order of use.
    used: u64,
    pub(super) cache: Cache,
    pub(super) presence: Presence,
}

impl Channel {
    /// The channel's name; of a private channel the other user's id.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    pub(crate) const fn key(&self) -> ChannelKey {
        self.key
    }

    /// Whether it is the private conversation with a user.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.key.private
    }

    /// Whether the server has confirmed, on the present connection, that the user is in the
    /// channel. Always false for a private channel.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    /// The position of a public channel: the id up to which every message was handed out as an
    /// event, or reported as missing ([`Event::Gap`](crate::Event::Gap)); 0 if there was none.
    /// Events that wait to be taken count as handed out.
    ///
    /// It never goes back within one life of the channel. When the server destroyed the channel, or
    /// restarted, ids begin again, and so does this one, with a gap. It stays over connections, and
    /// is forgotten when the user leaves the channel, logs in with another user id or to another
    /// region, or with [`ChatClient::forget_channels`](crate::ChatClient::forget_channels).
    ///
    /// Of a private channel it is the id of the last message received. Ids of conversations may
    /// begin again at any time, without a report. Spec: chat.md 4.1, 4.2.
    #[must_use]
    pub fn last_id(&self) -> i32 {
        self.continuity.position()
    }

    /// Whether the channel is subscribed, and everything is delivered that the server had before.
    pub(crate) fn has_history(&self) -> bool {
        self.subscribed && self.continuity.is_settled()
    }

    /// Notes that the application has asked for history in the request that made the channel.
    pub(super) fn expect_history(
        &mut self,
        now: Timestamp,
        questions: &mut Questions,
        history: RequestedHistory,
    ) {
        let elapsed = history.asked.map_or(Duration::ZERO, |at| now.since(at));
        self.continuity
            .on_application_asked(questions, history, elapsed);
        let (continuity, mut around) = self.around(now, questions);
        continuity.start_timers(&mut around);
    }

    /// The continuity of a public channel, and its surroundings.
    pub(super) fn around<'c>(
        &'c mut self,
        now: Timestamp,
        questions: &'c mut Questions,
    ) -> (&'c mut Continuity, Surroundings<'c>) {
        let around = Surroundings {
            now,
            channel: self.key,
            may_ask: questions.may_ask(self.subscribed, self.requested),
            questions,
        };
        (&mut self.continuity, around)
    }

    /// The cached messages, oldest first. Messages that arrived out of order have the place of their
    /// id ([`Origin::Older`](crate::Origin::Older), [`Origin::Late`](crate::Origin::Late)); while
    /// the cache is full, older ones than all others are not kept.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.cache.messages()
    }

    /// The cached messages behind the one with this id, oldest first: those that the user has not read,
    /// if `id` is the last one that the user has read, 0 for none. Messages without an id count as
    /// unread if they lie behind it.
    ///
    /// If no cached message has the id, these are the messages with a higher id, or all of them if the
    /// id is above [`Channel::last_id`]: then ids have begun again. After an
    /// [`Event::Gap`](crate::Event::Gap) of a new life, call it with 0, because lower ids of the new
    /// life would count as read.
    ///
    /// ```
    /// use chat_core::{Channel, ChatClient};
    ///
    /// /// The number on the tab of a channel: what others wrote since the user looked.
    /// fn badge(chat: &ChatClient, channel: &Channel, last_read: i32) -> usize {
    ///     let unread = channel.unread_since(last_read);
    ///     unread.filter(|message| !chat.is_mine(message)).count()
    /// }
    /// # let _ = badge;
    /// ```
    pub fn unread_since(&self, id: i32) -> impl Iterator<Item = Message<'_>> {
        let read = self.messages().enumerate();
        let read = read.filter(|(_, message)| message.id == Some(id)).last();
        let (skipped, above) = match read {
            Some((index, _)) => (index + 1, None),
            None => (0, Some(id).filter(|&id| id <= self.last_id())),
        };
        let unread = self.messages().skip(skipped);
        unread.filter(move |message| message.id.is_none_or(|id| Some(id) > above))
    }

    /// Whether anything is known that only an event 5 for this channel alone brings.
    pub(crate) fn has_presence(&self) -> bool {
        !self.presence.is_empty()
    }

    /// Whether the server sends the channel's subscribers to them. Spec: chat.md 1.6.
    #[must_use]
    pub fn publishes_subscribers(&self) -> bool {
        self.presence.publishes_subscribers
    }

    /// How many subscribers the channel admits; 0 means no limit. Spec: chat.md 1.6.
    #[must_use]
    pub fn max_subscribers(&self) -> i32 {
        self.presence.max_subscribers
    }

    /// The channel's subscribers, sorted, this user included. Empty unless
    /// [`Channel::publishes_subscribers`].
    pub fn subscribers(&self) -> impl ExactSizeIterator<Item = &Text> {
        self.presence.subscribers.iter()
    }

    /// The channel's properties. Keys of well-known properties are bytes. Spec: chat.md 1.6.
    pub fn properties(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.presence.properties.iter()
    }

    /// The value of one of the channel's properties.
    #[must_use]
    pub fn property(&self, key: &Value) -> Option<&Value> {
        self.presence.properties.get(key)
    }

    /// The properties of a user in this channel.
    pub fn user_properties(&self, user: &str) -> impl Iterator<Item = (&Value, &Value)> {
        self.presence.users.get(user).into_iter().flatten()
    }

    /// The number of cached messages.
    #[must_use]
    pub fn cached_messages(&self) -> usize {
        self.cache.len()
    }
}

/// Public or private channels, in the order of first subscription or first message.
///
/// Channels that the application did not ask for are limited by number and by bytes: others choose
/// their names.
#[derive(Debug)]
pub(crate) struct Channels {
    private: bool,
    /// Memory for the unsolicited channels and their names.
    budget: MemoryBudget,
    /// How many channels were not requested. Private ones never are.
    unsolicited: usize,
    /// Found by a place rather than by a search, so that thousands of channels cost no more than one.
    slots: Vec<Option<Box<Channel>>>,
    free_slots: Vec<u32>,
    by_name: NameMap<u32>,
    /// The slot of each channel, in the order of their numbers.
    by_number: AgeQueue<u32>,
    /// The slot of each private channel, least recently used first.
    by_use: AgeQueue<u32>,
    /// The slot of the channel that a name found last: many messages in a row are often of one.
    latest: u32,
}

impl Channels {
    pub(super) fn new(keys: HashKeys, private: bool, unsolicited_cap_bytes: usize) -> Self {
        Self {
            private,
            budget: MemoryBudget::new(unsolicited_cap_bytes),
            unsolicited: 0,
            slots: Vec::new(),
            free_slots: Vec::new(),
            by_name: NameMap::with_hasher(keys),
            by_number: AgeQueue::new(),
            by_use: AgeQueue::new(),
            latest: 0,
        }
    }

    /// Creates an empty table for private channels with the same keys and cap.
    pub(super) fn new_private(&self) -> Self {
        Self::new(*self.by_name.hasher(), true, self.budget.cap_bytes())
    }

    fn in_slot(&self, slot: u32) -> Option<&Channel> {
        self.slots.get(slot as usize)?.as_deref()
    }

    fn in_slot_mut(&mut self, slot: u32) -> Option<&mut Channel> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Channel> {
        self.in_slot(*self.by_name.get(name)?)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Channel> {
        self.in_slot_mut(*self.by_name.get(name)?)
    }

    /// The channel that a name found last.
    pub(crate) fn latest(&self) -> Option<&Channel> {
        self.in_slot(self.latest)
    }

    /// Finds the key of a channel, without a hash if it is the one that was found last.
    pub(crate) fn find(&mut self, name: &str) -> Option<ChannelKey> {
        if let Some(channel) = self.latest().filter(|channel| channel.name == *name) {
            return Some(channel.key);
        }
        self.latest = *self.by_name.get(name)?;
        self.in_slot(self.latest).map(Channel::key)
    }

    pub(super) fn by_key(&self, key: ChannelKey) -> Option<&Channel> {
        self.in_slot(key.slot).filter(|found| found.key == key)
    }

    pub(super) fn by_key_mut(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        debug_assert_eq!(
            key.private, self.private,
            "a key belongs to the table of its channel"
        );
        self.in_slot_mut(key.slot).filter(|found| found.key == key)
    }

    /// Whether an unsolicited channel with a new name may be added.
    pub(super) fn has_space_for(&self, name: &str) -> bool {
        self.unsolicited < MAX_UNSOLICITED && self.budget.fits(CHANNEL_BYTES + name.len())
    }

    /// Whether there is space for a channel with this name once all others are forgotten.
    pub(super) fn can_ever_hold(&self, name: &str) -> bool {
        self.budget.can_ever_fit(CHANNEL_BYTES + name.len())
    }

    /// Adds a channel with a new name, and returns its key. The caller checks the space for an unsolicited one.
    pub(super) fn insert(&mut self, name: Text, requested: bool) -> ChannelKey {
        debug_assert!(!self.by_name.contains_key(&*name), "the name is new");
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            debug_assert!(
                u32::try_from(self.slots.len()).is_ok(),
                "each channel takes hundreds of bytes"
            );
            if self.slots.is_empty() {
                // Tables begin with space for four, and most clients are in one channel.
                self.slots.reserve_exact(1);
                self.by_number.reserve_one();
            }
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        let number = self.by_number.push(slot);
        // A copy: a view would keep the whole message alive that the name came with.
        let name = name.detached();
        self.by_name.insert(name.clone(), slot);
        if !requested {
            self.unsolicited += 1;
            self.budget.charge(CHANNEL_BYTES + name.len());
        }
        let used = if self.private {
            self.by_use.push(slot)
        } else {
            0
        };
        let key = ChannelKey {
            private: self.private,
            slot,
            number,
        };
        let channel = Box::new(Channel {
            name,
            key,
            requested,
            subscribed: false,
            continuity: Continuity::default(),
            seen: None,
            used,
            cache: Cache::default(),
            presence: Presence::default(),
        });
        let replaced = self
            .slots
            .get_mut(slot as usize)
            .and_then(|free| free.replace(channel));
        debug_assert!(replaced.is_none(), "a free slot is empty");
        key
    }

    /// Notes that the application asked for a channel, perhaps after the server had added it on its
    /// own: that one no longer counts among the unsolicited, or an application that subscribes to
    /// what it finds would soon get no more of them.
    pub(super) fn claim(&mut self, name: &str) {
        let Some(channel) = self.get_mut(name).filter(|channel| !channel.requested) else {
            return;
        };
        channel.requested = true;
        self.release_unsolicited(name.len());
    }

    /// Returns the place of an unsolicited channel with a name of this length.
    fn release_unsolicited(&mut self, name_bytes: usize) {
        debug_assert!(self.unsolicited > 0, "unsolicited channels are counted");
        self.unsolicited = self.unsolicited.saturating_sub(1);
        self.budget.release(CHANNEL_BYTES + name_bytes);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Box<Channel>> {
        let slot = self.by_name.remove(name)?;
        let removed = self.slots.get_mut(slot as usize).and_then(Option::take);
        debug_assert!(removed.is_some(), "every name belongs to a channel");
        let channel = removed?;
        let is_removed = self.by_number.remove(channel.key.number);
        debug_assert!(is_removed, "every channel has its place in the order");
        if self.private {
            let is_removed = self.by_use.remove(channel.used);
            debug_assert!(is_removed, "private channels are ordered by use");
        }
        if !channel.requested {
            self.release_unsolicited(channel.name.len());
        }
        self.free_slots.push(slot);
        if self.by_number.len() == 0 {
            // Returns the memory of thousands of channels.
            (self.slots, self.free_slots) = (Vec::new(), Vec::new());
        }
        Some(channel)
    }

    /// Makes a private channel the most recently used one.
    pub(super) fn touch(&mut self, name: &str) {
        debug_assert!(self.private, "public channels are never evicted");
        let Some(&slot) = self.by_name.get(name) else {
            return;
        };
        let channel = self.slots.get_mut(slot as usize).and_then(Option::as_mut);
        let Some(channel) = channel else {
            debug_assert!(false, "every name belongs to a channel");
            return;
        };
        // Many messages in a row are usually of one conversation.
        if channel.used + 1 == self.by_use.next_serial() {
            return;
        }
        let is_removed = self.by_use.remove(channel.used);
        debug_assert!(is_removed, "private channels are ordered by use");
        channel.used = self.by_use.push(slot);
    }

    pub(super) fn remove_least_recently_used(&mut self) -> Option<Box<Channel>> {
        let name = self.in_slot(*self.by_use.oldest()?)?.name.clone();
        self.remove(&name)
    }

    pub(super) const fn len(&self) -> usize {
        self.by_number.len()
    }

    /// How many channels were not requested.
    pub(super) const fn unsolicited(&self) -> usize {
        self.unsolicited
    }

    /// The bytes of the unsolicited channels and their names.
    pub(super) const fn unsolicited_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    pub(super) fn clear(&mut self) {
        // Each channel returns what it used. A new budget would do as well, but hide a leak.
        for channel in self.slots.iter().flatten() {
            if !channel.requested {
                self.unsolicited -= 1;
                self.budget.release(CHANNEL_BYTES + channel.name.len());
            }
        }
        // New tables: cleared ones keep their memory.
        (self.slots, self.free_slots) = (Vec::new(), Vec::new());
        self.by_name = NameMap::with_hasher(*self.by_name.hasher());
        self.by_number.clear();
        self.by_use.clear();
    }

    pub(super) fn for_each(&mut self, change: impl FnMut(&mut Channel)) {
        self.slots
            .iter_mut()
            .filter_map(Option::as_deref_mut)
            .for_each(change);
    }

    /// The channels, in the order of first subscription or first message.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.by_number.iter().filter_map(|slot| self.in_slot(*slot))
    }
}
