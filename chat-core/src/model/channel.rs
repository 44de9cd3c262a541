//! [`Channel`]: a public channel, or a private conversation. Spec: chat.md 5.

use super::NameMap;
use super::cache::Cache;
use super::presence::Presence;
use crate::messages::Message;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use photon_proto::{HashKeys, Text, Value};

/// A public channel that the user is in, or the private conversation with another user.
#[derive(Debug)]
pub struct Channel {
    name: Text,
    private: bool,
    key: u64,
    pub(super) requested: bool,
    pub(super) subscribed: bool,
    pub(super) last_id: i32,
    pub(super) cache: Cache,
    pub(super) presence: Presence,
}

impl Channel {
    /// The channel's name; of a private channel the other user's id.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// What it is found by without its name; never used again.
    pub(crate) const fn key(&self) -> u64 {
        self.key
    }

    /// Whether it is a private conversation.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// Whether the server has confirmed, on the present connection, that the user is in it. Never for a private one.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    /// Id of the last message seen, 0 if there was none. Goes into
    /// [`SubscribeOptions::last_ids`](crate::SubscribeOptions::last_ids).
    #[must_use]
    pub fn last_id(&self) -> i32 {
        self.last_id
    }

    /// The cached messages, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.cache.messages()
    }

    /// Whether its users are told who is in it. Spec: chat.md 1.6.
    #[must_use]
    pub fn publishes_subscribers(&self) -> bool {
        self.presence.publishes_subscribers
    }

    /// How many users it takes; 0 is any number. Spec: chat.md 1.6.
    #[must_use]
    pub fn max_subscribers(&self) -> i32 {
        self.presence.max_subscribers
    }

    /// Who is in it, this user included, as far as the channel publishes it; sorted.
    pub fn subscribers(&self) -> impl ExactSizeIterator<Item = &Text> {
        self.presence.subscribers.iter()
    }

    /// The channel's properties; well-known ones have bytes as keys. Spec: chat.md 1.6.
    pub fn properties(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.presence.properties.iter()
    }

    /// One of the channel's properties.
    #[must_use]
    pub fn property(&self, key: &Value) -> Option<&Value> {
        self.presence.properties.get(key)
    }

    /// The properties of a user in this channel.
    pub fn user_properties(&self, user: &str) -> impl Iterator<Item = (&Value, &Value)> {
        self.presence.users.get(user).into_iter().flatten()
    }

    /// How many messages are cached.
    #[must_use]
    pub fn cached_messages(&self) -> usize {
        self.cache.len()
    }
}

/// Channels in the order in which they were first there, found by name.
#[derive(Debug)]
pub(crate) struct Channels {
    private: bool,
    /// Boxed, because nodes of the map have room for eleven: most clients are in one channel or two.
    by_key: BTreeMap<u64, Box<Channel>>,
    keys: NameMap<u64>,
    next_key: u64,
}

impl Channels {
    pub(super) fn new(keys: HashKeys, private: bool) -> Self {
        Self {
            private,
            by_key: BTreeMap::new(),
            keys: NameMap::with_hasher(keys),
            next_key: 0,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Channel> {
        self.by_key.get(self.keys.get(name)?).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Channel> {
        self.by_key.get_mut(self.keys.get(name)?).map(Box::as_mut)
    }

    pub(super) fn by_key_mut(&mut self, key: u64) -> Option<&mut Channel> {
        self.by_key.get_mut(&key).map(Box::as_mut)
    }

    /// Adds a channel that is not there.
    pub(super) fn insert(&mut self, name: Text, requested: bool) -> &mut Channel {
        let key = self.next_key;
        self.next_key = key.saturating_add(1);
        // A name of its own, so that it does not keep the message alive that it came with.
        let name = name.detached();
        self.keys.insert(name.clone(), key);
        let channel = Channel {
            name,
            private: self.private,
            key,
            requested,
            subscribed: false,
            last_id: 0,
            cache: Cache::default(),
            presence: Presence::default(),
        };
        self.by_key.entry(key).or_insert(Box::new(channel))
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Box<Channel>> {
        self.by_key.remove(&self.keys.remove(name)?)
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn remove_oldest(&mut self) -> Option<Box<Channel>> {
        let (_, channel) = self.by_key.pop_first()?;
        self.keys.remove(channel.name().as_str());
        Some(channel)
    }

    pub(super) fn clear(&mut self) {
        self.by_key.clear();
        self.keys.clear();
    }

    pub(super) fn for_each(&mut self, act: impl FnMut(&mut Channel)) {
        self.by_key.values_mut().map(Box::as_mut).for_each(act);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.by_key.values().map(Box::as_ref)
    }
}
