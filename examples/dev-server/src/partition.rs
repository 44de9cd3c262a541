//! The state of one app id and app version. Users of different ones cannot reach each other. Spec:
//! chat.md 2.4.

use std::collections::BTreeSet;

use photon_proto::Text;

use crate::channel::Channel;
use crate::channel_count::ChannelCount;
use crate::conversations::Conversations;
use crate::hashing::{HashKeys, Map};
use crate::history::{History, HistoryMemory};
use crate::ids::{ConnectionId, PartitionKey};
use crate::stats::{ChannelSnapshot, ServerStats, UserSnapshot};
use crate::user::User;

pub(crate) struct Partition {
    pub(crate) key: PartitionKey,
    pub(crate) users: Map<Text, User>,
    pub(crate) channels: Map<Text, Channel>,
    pub(crate) conversations: Conversations,
    /// For each user, the users that have it as a friend.
    pub(crate) watchers: Map<Text, BTreeSet<Text>>,
    pub(crate) history_memory: HistoryMemory,
    pub(crate) channel_count: ChannelCount,
}

impl Partition {
    pub(crate) fn new(
        key: PartitionKey,
        keys: HashKeys,
        history_memory: HistoryMemory,
        channel_count: ChannelCount,
    ) -> Self {
        Self {
            key,
            users: Map::with_hasher(keys),
            channels: Map::with_hasher(keys),
            conversations: Conversations::new(keys, history_memory.clone()),
            watchers: Map::with_hasher(keys),
            history_memory,
            channel_count,
        }
    }

    /// Whether the partition holds no state.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.channels.is_empty() && self.conversations.is_empty()
    }

    /// Checks that users, channels, friends and conversations list each other.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (id, user) in &self.users {
            let member = |name: &Text| {
                self.channels
                    .get(name)
                    .is_some_and(|channel| channel.subscribers.contains(id))
            };
            let watches = |friend: &Text| {
                self.watchers
                    .get(friend)
                    .is_some_and(|watchers| watchers.contains(id))
            };
            if !user.channels.iter().all(member) {
                return Err(format!(
                    "{id:?} is not a subscriber of a channel of its own"
                ));
            }
            if !user.friends.iter().all(watches) {
                return Err(format!("{id:?} does not watch one of its friends"));
            }
        }
        for (name, channel) in &self.channels {
            let lists = |user: &Text| {
                self.users
                    .get(user)
                    .is_some_and(|user| user.channels.contains(name))
            };
            if !channel.subscribers.iter().all(lists) {
                return Err(format!("{name:?} has a subscriber that does not list it"));
            }
        }
        for (friend, watchers) in &self.watchers {
            let lists = |user: &Text| {
                self.users
                    .get(user)
                    .is_some_and(|user| user.friends.contains(friend))
            };
            if watchers.is_empty() || !watchers.iter().all(lists) {
                return Err(format!(
                    "{friend:?} is watched by a user that does not list it"
                ));
            }
        }
        self.conversations.check()
    }

    /// The ids of all connections of these users.
    pub(crate) fn connections<'a>(
        &self,
        users: impl IntoIterator<Item = &'a Text>,
    ) -> Vec<ConnectionId> {
        users
            .into_iter()
            .filter_map(|user| self.users.get(user))
            .flat_map(|user| user.connections.iter().copied())
            .collect()
    }

    /// All histories with messages.
    pub(crate) fn histories(&mut self) -> impl Iterator<Item = &mut History> {
        let channels = self
            .channels
            .values_mut()
            .map(|channel| &mut channel.history);
        channels
            .chain(self.conversations.histories())
            .filter(|history| history.len() > 0)
    }

    /// The memory of all histories.
    pub(crate) fn history_bytes(&self) -> usize {
        let channels = self.channels.values();
        let channels: usize = channels.map(|channel| channel.history.bytes()).sum();
        channels + self.conversations.bytes()
    }

    pub(crate) fn count(&self, stats: &mut ServerStats) {
        stats.users += self.users.len();
        stats.channels += self.channels.len();
        stats.conversations += self.conversations.len();
    }

    pub(crate) fn user_snapshots(&self) -> impl Iterator<Item = UserSnapshot> {
        self.users.iter().map(|(id, user)| UserSnapshot {
            app_id: self.key.app_id.clone(),
            app_version: self.key.app_version.clone(),
            user_id: id.clone(),
            connections: user.connections.len(),
            channels: user.channels.len(),
            friends: user.friends.len(),
            status: user.status,
        })
    }

    pub(crate) fn snapshot(&self, name: &str) -> Option<ChannelSnapshot> {
        let (name, channel) = self.channels.get_key_value(name)?;
        Some(ChannelSnapshot {
            app_id: self.key.app_id.clone(),
            app_version: self.key.app_version.clone(),
            name: name.clone(),
            subscribers: channel.subscribers.iter().cloned().collect(),
            last_id: channel.history.last_id(),
            history: channel.history.len(),
        })
    }
}
