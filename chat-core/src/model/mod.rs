//! The client's knowledge of its channels, their messages and their subscribers. Spec: chat.md 5.

mod cache;
mod channel;
pub(crate) mod keys;
mod messages;
mod presence;

use crate::budget::MemoryBudget;
use crate::config::ChatConfig;
use crate::operation::pending::RequestedHistory;
use crate::restore::KeptConversation;
use crate::restore::continuity::{Fingerprint, Questions, Recent, Repeats};
use alloc::boxed::Box;
use alloc::vec::Vec;
use cache::Caches;
use core::time::Duration;
use keys::ChannelKey;
use photon_proto::{HashKeys, Text, Timestamp, Value};

pub use channel::Channel;
use channel::Channels;

/// All channels, and the memory that they may use.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) public: Channels,
    /// The private conversations: a table of its own, which exists from the first of them on.
    private: Option<Box<Channels>>,
    caches: Caches,
    pub(crate) questions: Questions,
    repeats: Repeats,
    /// The login that all positions belong to.
    identity: Option<Identity>,
    /// Memory for the subscribers and properties of all channels.
    presence_budget: MemoryBudget,
}

/// The login that positions belong to; the app id and version of a client never change.
/// Spec: chat.md 4.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    region: Text,
    user: Text,
}

impl Identity {
    /// A region may name a cluster behind `/`, which is no part of it. Spec: chat.md 2.8.
    pub(crate) fn new(region: &Text, user: &Text) -> Self {
        let name = region.split('/').next().unwrap_or_default();
        // Most regions come in this form, and are shared with the login.
        let is_plain =
            name.len() == region.len() && !name.contains(|c: char| c.is_ascii_uppercase());
        let plain = is_plain.then(|| region.clone());
        Self {
            region: plain.unwrap_or_else(|| name.to_ascii_lowercase().into()),
            user: user.clone(),
        }
    }
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
            private: None,
            caches: Caches::new(config.channel_cache_messages, config.cache_cap_bytes),
            questions: Questions::new(keys, config),
            repeats: Repeats::default(),
            identity: None,
            presence_budget: MemoryBudget::new(config.presence_cap_bytes),
        }
    }

    // Subscriptions.

    /// Marks a channel as subscribed. A known channel keeps its messages and last id. `is_alone` is
    /// whether the event is for this channel only. Returns the name that the channel keeps, or `None` if
    /// it is not kept because too many unsolicited ones exist.
    pub(crate) fn on_subscribed(
        &mut self,
        now: Timestamp,
        name: &str,
        requested: bool,
        is_alone: bool,
        history: Option<RequestedHistory>,
    ) -> Option<Text> {
        // A list may name the same channel thousands of times.
        let key = self.public.find(name);
        if let Some(channel) = key.and_then(|key| self.public.by_key_mut(key)) {
            channel.subscribed = true;
            if is_alone {
                // The server sends subscribers and properties again. Spec: chat.md 4.4.
                channel.presence.clear(&mut self.presence_budget);
            }
            let kept = channel.name.clone();
            if requested && !channel.requested {
                self.public.claim(name);
            }
            return Some(kept);
        }
        if !requested && !self.public.has_space_for(name) {
            return None;
        }
        let key = self.public.insert(name.into(), requested);
        let kept = self.public.by_key_mut(key).map(|channel| {
            channel.subscribed = true;
            channel.name.clone()
        });
        debug_assert!(kept.is_some(), "the channel was just added");
        self.expect_history(now, key, history);
        kept
    }

    /// Adds a channel whose messages arrive before its subscription is confirmed. Returns its key.
    pub(crate) fn expect_channel(
        &mut self,
        now: Timestamp,
        name: &str,
        history: Option<RequestedHistory>,
    ) -> ChannelKey {
        let key = self.public.insert(name.into(), true);
        self.expect_history(now, key, history);
        key
    }

    /// Notes the history that the application asked for in the request that made a channel.
    fn expect_history(
        &mut self,
        now: Timestamp,
        key: ChannelKey,
        history: Option<RequestedHistory>,
    ) {
        if let (Some(channel), Some(history)) = (self.public.by_key_mut(key), history) {
            channel.expect_history(now, &mut self.questions, history);
        }
    }

    // State of an earlier run of the program.

    /// Takes the login that the positions of an earlier run belong to.
    pub(crate) fn resume(&mut self, identity: Identity) {
        debug_assert!(self.identity.is_none(), "a client begins without a login");
        self.identity = Some(identity);
    }

    /// Remembers a channel of an earlier run: its position, and the last messages before it.
    pub(crate) fn resume_channel(&mut self, name: &Text, position: i32, recent: Recent) {
        debug_assert!(
            self.public.get(name).is_none(),
            "a client begins without channels"
        );
        let key = self.public.insert(name.clone(), true);
        if let Some(channel) = self.public.by_key_mut(key) {
            channel.continuity.resume(position, recent);
        }
    }

    /// Whether the positions may be of this login: of no other one for certain.
    pub(crate) fn may_be_of(&self, identity: &Identity) -> bool {
        let known = self.identity.as_ref();
        known.is_none_or(|known| known == identity)
    }

    /// The last messages of all private conversations, without the newest ones of each: as many as
    /// `untaken` has for its name.
    pub(crate) fn conversations(&self, untaken: impl Fn(&str) -> usize) -> Vec<KeptConversation> {
        let keys = self.questions.keys();
        let mut conversations = Vec::new();
        // A server can name a user without an id, and reading refuses one.
        let named = self
            .private_channels()
            .filter(|channel| !channel.name().is_empty());
        for channel in named {
            let cached = channel.cache.messages();
            let cached =
                cached.filter_map(|message| Some((message.id?, Fingerprint::of(keys, &message))));
            let seen = channel.seen.iter().flat_map(|seen| seen.messages());
            let mut seen: Vec<_> = seen.chain(cached).collect();
            seen.truncate(seen.len().saturating_sub(untaken(channel.name())));
            seen.drain(..seen.len().saturating_sub(Repeats::LENGTH));
            if !seen.is_empty() {
                let name = channel.name().clone();
                conversations.push(KeptConversation { name, seen });
            }
        }
        conversations
    }

    /// Remembers a private conversation of an earlier run, if there is space for it.
    pub(crate) fn resume_conversation(&mut self, name: &Text, seen: &[(i32, Fingerprint)]) {
        let private = private_table(&mut self.private, &self.public);
        if private.get(name).is_some() || !private.has_space_for(name) {
            return;
        }
        let key = private.insert(name.clone(), false);
        let Some(channel) = private.by_key_mut(key) else {
            debug_assert!(false, "the channel was just added");
            return;
        };
        if let Some((id, _)) = seen.last() {
            channel.continuity.note_last_id(*id);
        }
        for message in seen {
            self.repeats.resume(key, &mut channel.seen, *message);
        }
        self.forget_surplus_repeats();
    }

    /// The last messages of a channel up to this position, as far as they are known.
    pub(crate) fn recent(&self, name: &str, position: i32) -> Recent {
        let channel = self.public.get(name);
        channel.map_or_else(Recent::default, |channel| {
            let keys = self.questions.keys();
            channel.continuity.recent(keys, &channel.cache, position)
        })
    }

    /// Forgets a channel that the user has left. What it held was handed out before.
    pub(crate) fn on_unsubscribed(&mut self, name: &str) {
        if let Some(mut channel) = self.public.remove(name) {
            channel.continuity.forget(&mut self.questions);
            self.caches.clear(&mut channel.cache, 0, &mut |_| ());
            channel.presence.clear(&mut self.presence_budget);
        }
    }

    /// Takes the login of a new connection to the front end. Positions of another login mean
    /// nothing on it, so they are forgotten. Spec: chat.md 4.1.
    pub(crate) fn on_login(&mut self, now: Timestamp, identity: Identity) {
        self.repeats.on_login(now);
        if self
            .identity
            .as_ref()
            .is_some_and(|before| *before != identity)
        {
            let questions = &mut self.questions;
            self.public
                .for_each(|channel| channel.continuity.forget(questions));
            if let Some(private) = &mut self.private {
                private.for_each(|channel| channel.seen = None);
            }
            self.repeats.clear();
        }
        self.identity = Some(identity);
    }

    /// Marks every channel as not subscribed because the front end is gone. Channels, messages and
    /// positions stay. Spec: chat.md 5.
    pub(crate) fn on_front_end_lost(&mut self) {
        let questions = &mut self.questions;
        self.public.for_each(|channel| {
            channel.subscribed = false;
            channel.continuity.on_connection_lost(questions);
        });
        questions.clear();
    }

    /// Forgets all channels, their messages and last ids.
    pub(crate) fn forget_channels(&mut self) {
        // Each channel returns what it used. New budgets would do as well, but hide a leak.
        let private = self.private.as_deref_mut();
        for channels in core::iter::once(&mut self.public).chain(private) {
            channels.for_each(|channel| {
                channel.continuity.forget(&mut self.questions);
                self.caches.clear(&mut channel.cache, 0, &mut |_| ());
                channel.presence.clear(&mut self.presence_budget);
            });
            channels.clear();
        }
        self.questions.clear();
        self.repeats.clear();
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
        complete &= presence.add_subscribers(budget, subscribers);
        // The server's list does not hold the user that it is sent to.
        if presence.publishes_subscribers && !own_id.is_empty() {
            complete &= presence.add_subscriber(budget, own_id);
        }
        let users: Vec<_> = user_properties
            .iter()
            .filter_map(|(user, properties)| Some((user.as_str()?, map_pairs(properties))))
            .collect();
        complete &= presence.set_properties_of_users(budget, &users);
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

    /// Whether a channel, or a user in it, has properties.
    pub(crate) fn has_properties(&self, channel: &str, user: Option<&str>) -> bool {
        self.public.get(channel).is_some_and(|channel| match user {
            Some(user) => channel.user_properties(user).next().is_some(),
            None => channel.properties().len() > 0,
        })
    }

    // Messages.

    /// Returns the key of the private channel with a user, as the most recently used one. Adds the
    /// channel if it is new; `forget` gets the users whose conversations are forgotten for it, least
    /// recently used first. `None` if the user's id alone takes more memory than there is.
    pub(crate) fn add_private_channel(
        &mut self,
        user: &str,
        mut forget: impl FnMut(Text),
    ) -> Option<ChannelKey> {
        let private = private_table(&mut self.private, &self.public);
        if let Some(key) = private.find(user) {
            private.touch(user);
            return Some(key);
        }
        // Checked first: an id that never fits must not push the others out.
        if !private.can_ever_hold(user) {
            return None;
        }
        while !private.has_space_for(user) {
            // Not the oldest one: strangers could push out the friend who writes every day.
            let mut channel = private.remove_least_recently_used()?;
            self.caches.clear(&mut channel.cache, 0, &mut |_| ());
            forget(channel.name().clone());
        }
        Some(private.insert(user.into(), false))
    }

    pub(crate) fn private_channel(&self, user: &str) -> Option<&Channel> {
        self.private.as_ref()?.get(user)
    }

    /// The private conversations, in the order of their first messages.
    pub(crate) fn private_channels(&self) -> impl Iterator<Item = &Channel> {
        self.private.iter().flat_map(|private| private.iter())
    }

    /// Notes that this user wrote to another one.
    pub(crate) fn on_private_message_sent(&mut self, user: &str) {
        if let Some(private) = &mut self.private {
            private.touch(user);
        }
    }

    // Caches.

    /// Empties the cache of a public channel. Its last id stays. Returns false if there is no such
    /// channel.
    pub(crate) fn clear_messages(&mut self, channel: &str) -> bool {
        let key = self.public.get(channel).map(Channel::key);
        key.map(|key| self.clear_cache(key)).is_some()
    }

    /// Empties the cache of a private channel, as [`Model::clear_messages`].
    pub(crate) fn clear_private_messages(&mut self, user: &str) -> bool {
        let key = self.private_channel(user).map(Channel::key);
        key.map(|key| self.clear_cache(key)).is_some()
    }

    // Questions.

    /// Returns the id to subscribe with to a channel for which the application passes one.
    pub(crate) fn last_id_for(&self, channel: &str, passed: i32) -> i32 {
        let channel = self.public.get(channel);
        channel.map_or(passed, |channel| {
            channel.continuity.last_id_for(passed, &channel.cache)
        })
    }

    /// Notes that the application subscribes to a known channel with history.
    pub(crate) fn on_application_asked(&mut self, channel: &str, history: RequestedHistory) {
        if let Some(channel) = self.public.get_mut(channel) {
            let questions = &mut self.questions;
            channel
                .continuity
                .on_application_asked(questions, history, Duration::ZERO);
            questions.arm(channel.key);
        }
    }

    /// Returns the id for a question about a channel: four messages more than are needed.
    pub(crate) fn last_id_to_ask(&self, channel: &str) -> i32 {
        let channel = self.public.get(channel);
        channel.map_or(0, |channel| channel.continuity.last_id_to_ask())
    }

    /// Notes that the client subscribes again to channels, with the ids to ask for. `is_limited` is
    /// whether it does not ask for all their messages.
    pub(crate) fn on_restore_asked(&mut self, now: Timestamp, channels: &[Text], is_limited: bool) {
        for name in channels {
            if let Some(channel) = self.public.get_mut(name) {
                let (continuity, mut around) = channel.around(now, &mut self.questions);
                continuity.on_asked(&mut around, is_limited);
            }
        }
    }

    /// Starts the timers that calls of the application have armed.
    pub(crate) fn start_timers(&mut self, now: Timestamp) {
        for key in self.questions.take_armed() {
            // The application may have forgotten the channel meanwhile.
            if let Some(channel) = self.public.by_key_mut(key) {
                let (continuity, mut around) = channel.around(now, &mut self.questions);
                continuity.start_timers(&mut around);
            }
        }
    }

    /// Takes the next question to send: the name of its channel, and the last id.
    pub(crate) fn take_question(&mut self) -> Option<(Text, i32)> {
        while let Some((key, last_id)) = self.questions.take_question() {
            if let Some(channel) = self.public.by_key(key) {
                return Some((channel.name().clone(), last_id));
            }
        }
        None
    }

    // Counters.

    pub(crate) fn cached_bytes(&self) -> usize {
        self.caches.used_bytes()
    }

    /// The bytes of unsolicited channels with their names, and of subscribers and properties.
    pub(crate) fn channel_bytes(&self) -> usize {
        let private = self.private.as_ref();
        self.public.unsolicited_bytes()
            + private.map_or(0, |private| private.unsolicited_bytes())
            + self.presence_budget.used_bytes()
    }

    /// The counters that must be 0 while no channel exists, and what they count.
    pub(crate) fn counters(&self) -> [(&'static str, usize); 11] {
        let [held, running, unsent] = self.questions.counters();
        let private = self.private.as_ref();
        [
            held,
            running,
            unsent,
            ("bytes of known private messages", self.repeats.used_bytes()),
            ("public channels", self.public.len()),
            (
                "private channels",
                private.map_or(0, |private| private.len()),
            ),
            ("bytes in message caches", self.caches.used_bytes()),
            ("events in message caches", self.caches.parts()),
            (
                "bytes of subscribers and properties",
                self.presence_budget.used_bytes(),
            ),
            ("bytes of channels", self.channel_bytes()),
            (
                "unsolicited channels",
                self.public.unsolicited() + private.map_or(0, |private| private.unsolicited()),
            ),
        ]
    }
}

/// Returns the table of private conversations, with the keys and the cap of the public one.
fn private_table<'m>(
    private: &'m mut Option<Box<Channels>>,
    public: &Channels,
) -> &'m mut Channels {
    private.get_or_insert_with(|| Box::new(public.new_private()))
}

/// The pairs of a map of either kind; none of anything else.
fn map_pairs(value: &Value) -> &[(Value, Value)] {
    match value {
        Value::Dictionary(map) => &map.pairs,
        Value::Hashtable(map) => &map.0,
        _ => &[],
    }
}
