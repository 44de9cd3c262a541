//! [`Channel`]: a public channel, or a private conversation. Spec: chat.md 5.

use super::cache::Cache;
use super::keys::{ChannelKey, NameMap};
use super::presence::Presence;
use crate::messages::Message;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use photon_proto::{HashKeys, Text, Value};

/// A public channel that the user is in, or the private conversation with another user.
#[derive(Debug)]
pub struct Channel {
    name: Text,
    key: ChannelKey,
    /// Whether the application subscribed to it, rather than the server adding it on its own.
    pub(super) requested: bool,
    pub(super) subscribed: bool,
    last_id: i32,
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

    /// Id of the last message received, 0 if there was none. In a public channel it never goes back
    /// within one life of the channel. When the server destroyed the channel, or restarted, ids
    /// begin again, and so does this one: the first message with a lower id shows the new life.
    /// Spec: chat.md 4.1.
    ///
    /// It is no proof that everything before it arrived. Live messages that come before the answer
    /// of a new subscription move it past those that were missed in between:
    /// [`SubscribeOptions::last_ids`](crate::SubscribeOptions::last_ids).
    #[must_use]
    pub fn last_id(&self) -> i32 {
        self.last_id
    }

    /// Notes the id of the last of some messages that arrived.
    pub(super) fn note_last_id(&mut self, id: i32) {
        // Ids start at 1, so a lower one is none: taking it would request the whole history at the
        // next subscription. An id below the known one begins a new life, where keeping the old id
        // would hide every message up to it. Spec: chat.md 4.1.
        if id >= 1 {
            self.last_id = id;
        }
    }

    /// The cached messages, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.cache.messages()
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
#[derive(Debug)]
pub(crate) struct Channels {
    private: bool,
    /// Boxed, because a node of the map has space for eleven entries and most clients have one or
    /// two channels.
    by_number: BTreeMap<u64, Box<Channel>>,
    numbers: NameMap<u64>,
    next_number: u64,
}

impl Channels {
    pub(super) fn new(keys: HashKeys, private: bool) -> Self {
        Self {
            private,
            by_number: BTreeMap::new(),
            numbers: NameMap::with_hasher(keys),
            next_number: 0,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Channel> {
        self.by_number.get(self.numbers.get(name)?).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Channel> {
        self.by_number
            .get_mut(self.numbers.get(name)?)
            .map(Box::as_mut)
    }

    pub(super) fn by_key_mut(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        debug_assert_eq!(
            key.private, self.private,
            "a key belongs to the table of its channel"
        );
        self.by_number.get_mut(&key.number).map(Box::as_mut)
    }

    /// Adds a channel with a new name.
    pub(super) fn insert(&mut self, name: Text, requested: bool) -> &mut Channel {
        debug_assert!(!self.numbers.contains_key(&*name), "the name is new");
        let number = self.next_number;
        self.next_number += 1;
        // A copy: a view would keep the whole message alive that the name came with.
        let name = name.detached();
        self.numbers.insert(name.clone(), number);
        let channel = Channel {
            name,
            key: ChannelKey {
                private: self.private,
                number,
            },
            requested,
            subscribed: false,
            last_id: 0,
            cache: Cache::default(),
            presence: Presence::default(),
        };
        debug_assert!(
            !self.by_number.contains_key(&number),
            "numbers are not reused: they order the channels by age"
        );
        self.by_number.entry(number).or_insert(Box::new(channel))
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Box<Channel>> {
        let removed = self.by_number.remove(&self.numbers.remove(name)?);
        debug_assert!(removed.is_some(), "every name belongs to a channel");
        removed
    }

    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    pub(super) fn remove_oldest(&mut self) -> Option<Box<Channel>> {
        let (_, channel) = self.by_number.pop_first()?;
        let removed = self.numbers.remove(channel.name().as_str());
        debug_assert!(removed.is_some(), "every channel is found by its name");
        Some(channel)
    }

    pub(super) fn clear(&mut self) {
        self.by_number.clear();
        self.numbers.clear();
    }

    pub(super) fn for_each(&mut self, change: impl FnMut(&mut Channel)) {
        self.by_number
            .values_mut()
            .map(Box::as_mut)
            .for_each(change);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.by_number.values().map(Box::as_ref)
    }
}
