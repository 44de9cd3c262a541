//! The client's knowledge of its channels, their messages and their subscribers. Spec: chat.md 5.

mod cache;
mod channel;
pub(crate) mod keys;
mod presence;

use crate::budget::MemoryBudget;
use crate::config::ChatConfig;
use crate::messages::Messages;
use cache::Caches;
use keys::ChannelKey;
use photon_proto::{HashKeys, Text, Value};

pub use channel::Channel;
use channel::Channels;

/// All channels, and the memory that they may use.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) public: Channels,
    pub(crate) private: Channels,
    caches: Caches,
    /// Memory for the subscribers and properties of all channels.
    presence_budget: MemoryBudget,
}

/// The result of applying an event about one subscriber who entered or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PresenceUpdate {
    /// Whether the channel is known, publishes its subscribers, and had the user (or space for it).
    pub(crate) expected: bool,
    /// Whether there was memory for all of it.
    pub(crate) complete: bool,
}

impl Model {
    pub(crate) fn new(keys: HashKeys, config: &ChatConfig) -> Self {
        Self {
            public: Channels::new(keys, false, config.unsolicited_cap_bytes),
            private: Channels::new(keys, true, config.unsolicited_cap_bytes),
            caches: Caches::new(config.channel_cache_messages, config.cache_cap_bytes),
            presence_budget: MemoryBudget::new(config.presence_cap_bytes),
        }
    }

    // Subscriptions.

    /// Marks a channel as subscribed. A known channel keeps its messages and last id. `is_alone` is
    /// whether the event is for this channel only. Returns false if the channel is not kept because
    /// too many unsolicited ones exist.
    pub(crate) fn on_subscribed(&mut self, name: &Text, requested: bool, is_alone: bool) -> bool {
        if let Some(channel) = self.public.get_mut(name) {
            channel.subscribed = true;
            if is_alone {
                // The server sends subscribers and properties again. Spec: chat.md 4.4.
                channel.presence.clear(&mut self.presence_budget);
            }
            if requested {
                self.public.claim(name);
            }
            return true;
        }
        if !requested && !self.public.has_space_for(name) {
            return false;
        }
        self.public.insert(name.clone(), requested).subscribed = true;
        true
    }

    /// Forgets a channel that the user has left.
    pub(crate) fn on_unsubscribed(&mut self, name: &str) {
        if let Some(mut channel) = self.public.remove(name) {
            self.caches.clear(&mut channel.cache);
            channel.presence.clear(&mut self.presence_budget);
        }
    }

    /// Marks every channel as not subscribed because the front end is gone. Channels, messages and
    /// last ids stay. Spec: chat.md 5.
    pub(crate) fn on_front_end_lost(&mut self) {
        self.public.for_each(|channel| channel.subscribed = false);
    }

    /// Forgets all channels, their messages and last ids.
    pub(crate) fn forget_channels(&mut self) {
        // Each channel returns what it used. New budgets would do as well, but hide a leak.
        for channels in [&mut self.public, &mut self.private] {
            channels.for_each(|channel| {
                self.caches.clear(&mut channel.cache);
                channel.presence.clear(&mut self.presence_budget);
            });
            channels.clear();
        }
        debug_assert!(
            self.counters().iter().all(|(_, amount)| *amount == 0),
            "{:?}",
            self.counters()
        );
    }

    // Presence.

    /// Stores the properties and subscribers that came with a confirmed subscription. Returns false
    /// if there was not enough memory for all of them. Spec: chat.md 4.4.
    pub(crate) fn set_presence(
        &mut self,
        name: &str,
        properties: &[(Value, Value)],
        subscribers: &[&str],
        user_properties: &[(Value, Value)],
        own_id: &str,
    ) -> bool {
        let Some(channel) = self.public.get_mut(name) else {
            return true;
        };
        let (presence, budget) = (&mut channel.presence, &mut self.presence_budget);
        let mut complete = presence.set_properties(budget, properties);
        for user in subscribers {
            complete &= presence.add_subscriber(budget, user);
        }
        // The server's list does not hold the user that it is sent to.
        if presence.publishes_subscribers && !own_id.is_empty() {
            complete &= presence.add_subscriber(budget, own_id);
        }
        for (user, properties) in user_properties {
            if let (Value::String(user), properties) = (user, map_pairs(properties)) {
                complete &= presence.set_user_properties(budget, user, properties);
            }
        }
        complete
    }

    /// Adds a subscriber to a channel. Spec: chat.md 4.7.
    pub(crate) fn on_user_subscribed(
        &mut self,
        channel: &str,
        user: &str,
        properties: &[(Value, Value)],
    ) -> PresenceUpdate {
        let Some(channel) = self.public.get_mut(channel) else {
            return PresenceUpdate {
                expected: false,
                complete: true,
            };
        };
        let (presence, budget) = (&mut channel.presence, &mut self.presence_budget);
        let complete = presence.add_subscriber(budget, user)
            && presence.set_user_properties(budget, user, properties);
        PresenceUpdate {
            // One subscriber too many is unexpected, but kept: the server decides.
            expected: presence.publishes_subscribers && !presence.is_overfull(),
            complete,
        }
    }

    /// Removes a subscriber from a channel. Spec: chat.md 4.7.
    pub(crate) fn on_user_unsubscribed(&mut self, channel: &str, user: &str) -> PresenceUpdate {
        let channel = self.public.get_mut(channel);
        PresenceUpdate {
            expected: channel.is_some_and(|channel| {
                channel
                    .presence
                    .remove_subscriber(&mut self.presence_budget, user)
            }),
            complete: true,
        }
    }

    /// Changes properties of a channel, or of a user in it. Returns whether there was memory for
    /// all of them, or `None` if the channel is unknown.
    pub(crate) fn change_properties(
        &mut self,
        channel: &str,
        user: Option<&str>,
        changes: &[(Value, Value)],
    ) -> Option<bool> {
        let channel = self.public.get_mut(channel)?;
        let (presence, budget) = (&mut channel.presence, &mut self.presence_budget);
        Some(match user {
            Some(user) => presence.set_user_properties(budget, user, changes),
            None => presence.set_properties(budget, changes),
        })
    }

    // Messages.

    /// Returns the key of the private channel with a user, as the most recently used one. Adds the
    /// channel if it is new; `forget` gets the users whose conversations are forgotten for it, least
    /// recently used first. `None` if the user's id alone takes more memory than there is.
    pub(crate) fn private_channel(
        &mut self,
        user: &str,
        mut forget: impl FnMut(Text),
    ) -> Option<ChannelKey> {
        if let Some(channel) = self.private.get(user) {
            let key = channel.key();
            self.private.touch(user);
            return Some(key);
        }
        // Checked first: an id that never fits must not push the others out.
        if !self.private.can_ever_hold(user) {
            return None;
        }
        while !self.private.has_space_for(user) {
            // Not the oldest one: strangers could push out the friend who writes every day.
            let mut channel = self.private.remove_least_recently_used()?;
            self.caches.clear(&mut channel.cache);
            forget(channel.name().clone());
        }
        Some(self.private.insert(user.into(), false).key())
    }

    /// Notes that this user wrote to another one.
    pub(crate) fn on_private_message_sent(&mut self, user: &str) {
        self.private.touch(user);
    }

    /// Caches messages of the channel with this key, and drops the oldest messages of any channel
    /// if all caches together become too large. Returns the channel's name.
    pub(crate) fn on_messages(
        &mut self,
        key: ChannelKey,
        last_id: Option<i32>,
        messages: &Messages,
    ) -> Option<Text> {
        let channels = if key.private {
            &mut self.private
        } else {
            &mut self.public
        };
        let channel = channels.by_key_mut(key)?;
        // Without a message, nothing has the id: taking it would skip messages up to it.
        if let Some(last_id) = last_id.filter(|_| !messages.is_empty()) {
            channel.note_last_id(last_id);
        }
        let name = channel.name().clone();
        self.caches.push(key, &mut channel.cache, messages.clone());
        while let Some(key) = self.caches.oldest_if_exceeded() {
            let channels = if key.private {
                &mut self.private
            } else {
                &mut self.public
            };
            let Some(channel) = channels.by_key_mut(key) else {
                debug_assert!(false, "a channel that goes takes its parts along");
                break;
            };
            self.caches.drop_oldest(&mut channel.cache);
        }
        Some(name)
    }

    /// Empties the cache of a public channel. Its last id stays. Returns false if there is no such
    /// channel.
    pub(crate) fn clear_messages(&mut self, channel: &str) -> bool {
        let channel = self.public.get_mut(channel);
        channel
            .map(|channel| self.caches.clear(&mut channel.cache))
            .is_some()
    }

    /// Empties the cache of a private channel, as [`Model::clear_messages`].
    pub(crate) fn clear_private_messages(&mut self, user: &str) -> bool {
        let channel = self.private.get_mut(user);
        channel
            .map(|channel| self.caches.clear(&mut channel.cache))
            .is_some()
    }

    // Counters.

    pub(crate) fn cached_bytes(&self) -> usize {
        self.caches.used_bytes()
    }

    /// The bytes of unsolicited channels with their names, and of subscribers and properties.
    pub(crate) const fn channel_bytes(&self) -> usize {
        self.public.unsolicited_bytes()
            + self.private.unsolicited_bytes()
            + self.presence_budget.used_bytes()
    }

    /// The counters that must be 0 while no channel exists, and what they count.
    pub(crate) fn counters(&self) -> [(&'static str, usize); 7] {
        [
            ("public channels", self.public.len()),
            ("private channels", self.private.len()),
            ("bytes in message caches", self.caches.used_bytes()),
            ("events in message caches", self.caches.parts()),
            (
                "bytes of subscribers and properties",
                self.presence_budget.used_bytes(),
            ),
            ("bytes of channels", self.channel_bytes()),
            (
                "unsolicited channels",
                self.public.unsolicited() + self.private.unsolicited(),
            ),
        ]
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
