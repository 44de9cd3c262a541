//! Actions of the person who runs the server, in place of a client: messages, and lives of channels.
//! Spec: chat.md 12, operator.

use photon_proto::{Text, Timestamp, Value};

use crate::channel::Channel;
use crate::channel_events::messages_event;
use crate::context::Context;
use crate::core::ServerCore;
use crate::ids::PartitionKey;
use crate::journal::JournalEntry;
use crate::partition::Partition;
use crate::stats::StoredMessage;

impl ServerCore {
    /// Publishes a message in a channel as if `sender` had, and returns its id. The channel is made
    /// if it does not exist; without a subscriber it ends as any empty channel does.
    ///
    /// ```
    /// use dev_server::{ServerConfig, ServerCore};
    /// use photon_proto::Timestamp;
    ///
    /// let mut core = ServerCore::new(ServerConfig::new(), [1; 32]);
    /// let now = Timestamp::ZERO;
    /// assert_eq!(core.publish(now, ("app", "1"), "lobby", "operator", "hello"), 1);
    /// assert_eq!(core.publish(now, ("app", "1"), "lobby", "operator", "again"), 2);
    /// assert_eq!(core.channel_messages("app", "1", "lobby").len(), 2);
    /// ```
    pub fn publish(
        &mut self,
        now: Timestamp,
        (app_id, app_version): (&str, &str),
        channel: &str,
        sender: &str,
        content: impl Into<Value>,
    ) -> i32 {
        self.advance(now);
        let key = PartitionKey {
            app_id: app_id.into(),
            app_version: app_version.into(),
        };
        self.make_partition(&key);
        let (partitions, mut cx) = self.split();
        let mut id = 0;
        if let Some(partition) = partitions.get_mut(&key) {
            let name = Text::from(channel);
            id = partition.publish_unasked(&mut cx, &name, &sender.into(), content.into());
        }
        self.revision += 1;
        self.trim_histories();
        self.settle();
        id
    }

    /// Ends a channel and begins it again: it has no messages, and its ids count from 1. With
    /// `keep_subscribers` its users stay in it and are not notified; otherwise they are removed
    /// from it, also without notice, as when a server forgets. Returns whether the channel existed.
    pub fn restart_channel(
        &mut self,
        now: Timestamp,
        (app_id, app_version): (&str, &str),
        channel: &str,
        keep_subscribers: bool,
    ) -> bool {
        self.advance(now);
        let key = PartitionKey {
            app_id: app_id.into(),
            app_version: app_version.into(),
        };
        let Some(partition) = self.partitions.get_mut(&key) else {
            return false;
        };
        let known = partition.restart(channel, keep_subscribers);
        self.revision += 1;
        self.tidy(&key);
        known
    }

    /// Sets the id of a channel's last message, so that the next one has an id that skips, repeats
    /// or is not positive. Returns whether the channel exists.
    pub fn set_channel_last_id(
        &mut self,
        (app_id, app_version): (&str, &str),
        channel: &str,
        id: i32,
    ) -> bool {
        let key = PartitionKey {
            app_id: app_id.into(),
            app_version: app_version.into(),
        };
        self.revision += 1;
        let partition = self.partitions.get_mut(&key);
        let channel = partition.and_then(|partition| partition.channels.get_mut(channel));
        channel.is_some_and(|channel| {
            channel.history.set_last_id(id);
            true
        })
    }

    /// Returns the messages that a channel keeps, oldest first.
    #[must_use]
    pub fn channel_messages(
        &self,
        app_id: &str,
        app_version: &str,
        channel: &str,
    ) -> Vec<StoredMessage> {
        let key = PartitionKey {
            app_id: app_id.into(),
            app_version: app_version.into(),
        };
        let partition = self.partitions.get(&key);
        let channel = partition.and_then(|partition| partition.channels.get(channel));
        let messages = channel.map(|channel| channel.history.messages());
        messages
            .into_iter()
            .flatten()
            .map(|message| StoredMessage {
                id: message.id,
                sender: message.sender.clone(),
                content: message.content.clone(),
            })
            .collect()
    }

    /// Begins to keep a journal of subscriptions, and of the messages of public channels that are
    /// sent. It has no limit: take it from time to time.
    pub fn keep_journal(&mut self) {
        self.journal.begin();
    }

    /// Returns the entries of the journal since the last call, in the order in which they happened.
    ///
    /// ```
    /// use dev_server::{ServerConfig, ServerCore};
    ///
    /// let mut core = ServerCore::new(ServerConfig::new(), [1; 32]);
    /// core.keep_journal();
    /// assert_eq!(core.take_journal(), []);
    /// ```
    pub fn take_journal(&mut self) -> Vec<JournalEntry> {
        self.journal.take()
    }

    pub(crate) fn make_partition(&mut self, key: &PartitionKey) {
        let keys = self.hash_keys;
        let (memory, count) = (self.history_memory.clone(), self.channel_count.clone());
        self.partitions
            .entry(key.clone())
            .or_insert_with(|| Partition::new(key.clone(), keys, memory, count));
    }
}

impl Partition {
    fn publish_unasked(
        &mut self,
        cx: &mut Context<'_>,
        name: &Text,
        sender: &Text,
        content: Value,
    ) -> i32 {
        if !self.channels.contains_key(name) {
            let channel = Channel::new(Vec::new(), &self.history_memory, &self.channel_count);
            self.channels.insert(name.clone(), channel);
            self.end_if_empty(cx, name);
        }
        let step = cx.config.message_id_step;
        let id = self.channels.get(name).map(|one| one.history.next_id(step));
        let id = id.unwrap_or_default();
        let mut event = messages_event(name, vec![(sender.clone(), content.clone())], id);
        self.distribute(cx, name, sender, content, &mut event);
        id
    }

    fn restart(&mut self, name: &str, keep_subscribers: bool) -> bool {
        let Some(mut old) = self.channels.remove(name) else {
            return false;
        };
        if keep_subscribers {
            old.gathered.clear();
            old.gathered_bytes = 0;
            old.gathered_until = None;
            old.history = crate::history::History::new(&self.history_memory);
            self.channels.insert(name.into(), old);
        } else {
            for user in &old.subscribers {
                if let Some(user) = self.users.get_mut(user) {
                    user.channels.remove(name);
                }
            }
        }
        true
    }
}
