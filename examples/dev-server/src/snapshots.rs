//! The state of a [`ServerCore`] as tests see it: counters, users, channels, and a check of all
//! tables.

use crate::core::ServerCore;
use crate::ids::PartitionKey;
use crate::partition::Partition;
use crate::stats::{ChannelSnapshot, EndedConnection, ServerStats, UserSnapshot};

impl ServerCore {
    /// Returns sizes and counters.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        let mut stats = ServerStats {
            connections: self.connections.len(),
            history_bytes: self.history_memory.bytes(),
            before_login: self.connections.before_login.len(),
            unfinished_bytes: self.connections.before_login.unfinished_bytes(),
            ..self.stats
        };
        for partition in self.partitions.values() {
            partition.count(&mut stats);
        }
        self.acceptors.count(&mut stats);
        stats
    }

    /// Returns the connections that ended last, oldest first: at most 64.
    #[must_use]
    pub fn ended_connections(&self) -> Vec<EndedConnection> {
        self.connections.ended_connections()
    }

    /// Returns the users with a session on the front end, sorted.
    #[must_use]
    pub fn users(&self) -> Vec<UserSnapshot> {
        let mut all: Vec<_> = self
            .partitions
            .values()
            .flat_map(Partition::user_snapshots)
            .collect();
        all.sort_by(|one, other| {
            (&one.app_id, &one.app_version, &one.user_id).cmp(&(
                &other.app_id,
                &other.app_version,
                &other.user_id,
            ))
        });
        all
    }

    /// Returns a channel, if it exists.
    #[must_use]
    pub fn channel(&self, app_id: &str, app_version: &str, name: &str) -> Option<ChannelSnapshot> {
        let key = PartitionKey {
            app_id: app_id.into(),
            app_version: app_version.into(),
        };
        self.partitions.get(&key)?.snapshot(name)
    }

    /// Returns the id of the last message of a channel, if the channel exists; 0 before its first
    /// message.
    #[must_use]
    pub fn channel_last_id(&self, app_id: &str, app_version: &str, name: &str) -> Option<i32> {
        self.channel(app_id, app_version, name)
            .map(|channel| channel.last_id)
    }

    /// Returns all channels, sorted by app id, app version and name.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelSnapshot> {
        let mut all: Vec<_> = self
            .partitions
            .values()
            .flat_map(|partition| {
                partition
                    .channels
                    .keys()
                    .filter_map(|name| partition.snapshot(name))
            })
            .collect();
        all.sort_by(|one, other| {
            (&one.app_id, &one.app_version, &one.name).cmp(&(
                &other.app_id,
                &other.app_version,
                &other.name,
            ))
        });
        all
    }

    /// Checks that all tables of the server agree: users and connections, users and channels,
    /// friends, conversations, the memory of histories, the number of channels, and what waits on
    /// connections in both directions. It holds between any two calls. Tests
    /// call this; it visits everything, so the server itself does not.
    ///
    /// # Errors
    /// A text that names the first disagreement.
    pub fn check_at_rest(&self) -> Result<(), String> {
        let mut bytes = 0;
        for partition in self.partitions.values() {
            partition.check()?;
            if partition.is_empty() {
                return Err("an empty partition was not dropped".to_owned());
            }
            for (id, user) in &partition.users {
                for connection in &user.connections {
                    let owner = self
                        .connections
                        .get(*connection)
                        .and_then(|one| one.user.as_ref());
                    if owner != Some(&(partition.key.clone(), id.clone())) {
                        return Err(format!("a connection of {id:?} is not its own"));
                    }
                }
            }
            bytes += partition.history_bytes();
        }
        if bytes != self.history_memory.bytes() {
            return Err(format!(
                "histories have {bytes} bytes, and {} are counted",
                self.history_memory.bytes()
            ));
        }
        let channels: usize = self.partitions.values().map(|one| one.channels.len()).sum();
        if channels != self.channel_count.get() {
            return Err(format!(
                "there are {channels} channels, and {} are counted",
                self.channel_count.get()
            ));
        }
        self.connections.check()
    }
}
