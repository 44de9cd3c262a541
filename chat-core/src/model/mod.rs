//! What the client knows: its channels and their messages. Spec: chat.md 5.

mod cache;
mod channel;
mod presence;

use crate::config::ChatConfig;
use crate::messages::Messages;
use cache::Caches;
use hashbrown::HashMap;
use photon_proto::{HashKeys, Text, Value};

pub use channel::Channel;
use channel::Channels;
use presence::MemoryBudget;

/// A map keyed by names that servers choose: its hashes are keyed with a secret.
pub(crate) type NameMap<V> = HashMap<Text, V, HashKeys>;

/// At most so many channels that nobody requested for: names that strangers choose.
const MAX_UNSOLICITED_CHANNELS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) public: Channels,
    pub(crate) private: Channels,
    caches: Caches,
    /// What is left for subscribers and properties.
    budget: MemoryBudget,
    /// How many public channels exist that nobody requested for.
    unsolicited: usize,
}

impl Model {
    pub(crate) fn new(keys: HashKeys, config: &ChatConfig) -> Self {
        Self {
            public: Channels::new(keys, false),
            private: Channels::new(keys, true),
            caches: Caches::new(config.channel_cache_messages, config.cache_cap_bytes),
            budget: MemoryBudget::new(config.presence_cap_bytes),
            unsolicited: 0,
        }
    }

    /// A channel was subscribed; one that is known keeps its messages and last id. False if it cannot be kept because
    /// too many channels exist that nobody requested for.
    pub(crate) fn subscribed(&mut self, name: &Text, requested: bool) -> bool {
        if let Some(channel) = self.public.get_mut(name) {
            channel.subscribed = true;
            // chat.md 4.4: who is in it, and its properties, are told anew.
            channel.presence.clear(&mut self.budget);
            return true;
        }
        if !requested {
            if self.unsolicited >= MAX_UNSOLICITED_CHANNELS {
                return false;
            }
            self.unsolicited += 1;
        }
        self.public.insert(name.clone(), requested).subscribed = true;
        true
    }

    /// The server says that the user is no longer in a channel.
    pub(crate) fn unsubscribed(&mut self, name: &str) {
        if let Some(mut channel) = self.public.remove(name) {
            self.caches.clear(&mut channel.cache);
            channel.presence.clear(&mut self.budget);
            if !channel.requested {
                self.unsolicited = self.unsolicited.saturating_sub(1);
            }
        }
    }

    /// What a confirmed subscription tells about its channel. False if there was no room for
    /// all of it. Spec: chat.md 4.4.
    pub(crate) fn enter(
        &mut self,
        name: &str,
        properties: &[(Value, Value)],
        subscribers: &[&str],
        users: &[(Value, Value)],
        own_id: &str,
    ) -> bool {
        let Some(channel) = self.public.get_mut(name) else {
            return true;
        };
        let (presence, budget) = (&mut channel.presence, &mut self.budget);
        let mut room = presence.set_properties(budget, properties);
        for user in subscribers {
            room &= presence.entered(budget, user);
        }
        if presence.publishes_subscribers && !own_id.is_empty() {
            room &= presence.entered(budget, own_id);
        }
        for (user, properties) in users {
            if let (Value::String(user), properties) = (user, map_pairs(properties)) {
                room &= presence.set_user_properties(budget, user, properties);
            }
        }
        room
    }

    /// A user entered or left a channel: whether that was to be expected, and whether there was room for it.
    /// Spec: chat.md 4.7.
    pub(crate) fn user_moved(
        &mut self,
        channel: &str,
        user: &str,
        entered: bool,
        properties: &[(Value, Value)],
    ) -> (bool, bool) {
        let Some(channel) = self.public.get_mut(channel) else {
            return (false, true);
        };
        let (presence, budget) = (&mut channel.presence, &mut self.budget);
        if !entered {
            return (presence.left(budget, user), true);
        }
        let room = presence.entered(budget, user)
            && presence.set_user_properties(budget, user, properties);
        // 0 is no limit. One too many is kept all the same.
        let full = presence.max_subscribers > 0
            && presence.subscribers.len()
                > usize::try_from(presence.max_subscribers).unwrap_or(usize::MAX);
        (presence.publishes_subscribers && !full, room)
    }

    /// Properties of a channel, or of a user in it, changed: whether there was room; `None` if the channel is unknown.
    pub(crate) fn change_properties(
        &mut self,
        channel: &str,
        user: Option<&str>,
        changes: &[(Value, Value)],
    ) -> Option<bool> {
        let channel = self.public.get_mut(channel)?;
        let (presence, budget) = (&mut channel.presence, &mut self.budget);
        Some(match user {
            Some(user) => presence.set_user_properties(budget, user, changes),
            None => presence.set_properties(budget, changes),
        })
    }

    /// Forgets all channels, their messages and last ids.
    pub(crate) fn forget_channels(&mut self, config: &ChatConfig) {
        self.public.clear();
        self.private.clear();
        self.caches = Caches::new(config.channel_cache_messages, config.cache_cap_bytes);
        self.budget = MemoryBudget::new(config.presence_cap_bytes);
        self.unsolicited = 0;
    }

    /// The key of the private channel with a user, which is made if it is not there. Strangers choose how many there
    /// are: of too many the oldest gives way.
    pub(crate) fn private_channel(&mut self, user: &str) -> u64 {
        if let Some(channel) = self.private.get(user) {
            return channel.key();
        }
        if self.private.len() >= MAX_UNSOLICITED_CHANNELS
            && let Some(mut oldest) = self.private.remove_oldest()
        {
            self.caches.clear(&mut oldest.cache);
        }
        self.private.insert(user.into(), false).key()
    }

    /// The front end is lost: nothing is subscribed any more; objects, messages and last ids stay. Spec: chat.md 5.
    pub(crate) fn front_end_lost(&mut self) {
        self.public.for_each(|channel| channel.subscribed = false);
    }

    /// Empties the cache of a channel; its last id stays.
    pub(crate) fn clear_messages(&mut self, private: bool, name: &str) -> bool {
        let channels = if private {
            &mut self.private
        } else {
            &mut self.public
        };
        let Some(channel) = channels.get_mut(name) else {
            return false;
        };
        self.caches.clear(&mut channel.cache);
        true
    }

    /// Messages for the channel with this key. They go into its cache and, if that makes all caches too large, the oldest
    /// anywhere are dropped. Returns the channel's own name.
    pub(crate) fn received(
        &mut self,
        private: bool,
        key: u64,
        last_id: Option<i32>,
        messages: &Messages,
    ) -> Option<Text> {
        let channels = if private {
            &mut self.private
        } else {
            &mut self.public
        };
        let channel = channels.by_key_mut(key)?;
        if let Some(last_id) = last_id {
            channel.last_id = last_id;
        }
        let name = channel.name().clone();
        self.caches.push(channel, messages.clone());
        while let Some((private, key)) = self.caches.over_cap() {
            let channels = if private {
                &mut self.private
            } else {
                &mut self.public
            };
            let Some(channel) = channels.by_key_mut(key) else {
                break;
            };
            self.caches.drop_oldest(&mut channel.cache);
        }
        Some(name)
    }

    pub(crate) fn cached_bytes(&self) -> usize {
        self.caches.bytes()
    }
}

/// The pairs of a map of either kind; none of anything else.
fn map_pairs(value: &Value) -> &[(Value, Value)] {
    match value {
        Value::Dictionary(map) => &map.pairs,
        Value::Hashtable(map) => &map.0,
        _ => &[],
    }
}
