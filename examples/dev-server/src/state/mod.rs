//! The state of a server that outlives it: channels with their messages, conversations, sessions and
//! tokens. Spec: chat.md 12, restart.
//!
//! ```text
//! state    = "photon-dev-server state 1\n" record... hash
//! record   = length (4 bytes, little endian), an event message in GpBinary 1.8
//! hash     = SipHash-2-4-128 of everything before it, without a key
//! records: server, then for each partition: partition, (channel, message...)...,
//!          (conversation, message...)..., user...
//! ```
//!
//! The records are Photon messages, because the codec of the protocol can already express every
//! content that a channel can hold.

mod load;
mod records;

use photon_proto::Timestamp;

use crate::channel_events::{by_user, untyped};
use crate::core::ServerCore;
use crate::history::History;
use crate::partition::Partition;
use records::{Record, Writer, key, record};

/// An error of [`ServerCore::load_state`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file does not begin as a state does.
    #[error("this is not a state of photon-dev-server: name another file, or delete it")]
    NotAState,
    /// Another version of the program wrote it.
    #[error(
        "the state has version {0:?}, and this program reads {version:?}: use the program that wrote it, or delete the file",
        version = records::VERSION
    )]
    Version(String),
    /// It is cut short, or changed.
    #[error("the state is damaged ({0}): restore it from a copy, or delete the file")]
    Damaged(&'static str),
    /// The server has users or channels already.
    #[error("the server already has channels or users: load a state before the first connection")]
    NotEmpty,
}

impl ServerCore {
    /// Returns everything that outlives this server: channels with their messages and ids, private
    /// conversations, the sessions of users, and the keys of tokens. Connections, friends and
    /// settings are not part of it.
    ///
    /// The keys in it allow to make tokens: whoever can read it can log in as any user.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        let mut out = Writer::new();
        let (mac_key, cipher_key) = self.tokens.keys();
        out.put(
            Record::new(record::SERVER)
                .bytes(key::MAC_KEY, mac_key)
                .bytes(key::CIPHER_KEY, cipher_key)
                .long(key::CLOCK, self.tokens.clock_micros(self.now))
                .long(key::SEQUENCE, self.stats.next_sequence().cast_signed()),
        );
        let mut partitions: Vec<&Partition> = self.partitions.values().collect();
        partitions.sort_by(|one, other| one.key.cmp(&other.key));
        for partition in partitions {
            partition.write(&mut out);
        }
        out.finish()
    }

    /// Continues with the state of an earlier server. It must be the first call. Each user in it has
    /// a session without connections, which ends after
    /// [`grace_ms`](crate::ServerConfig::grace_ms) unless the user logs in; a channel without users
    /// ends as usual. With [`keep_sessions`](crate::ServerConfig::keep_sessions) off there are no
    /// users, and with [`keep_channels`](crate::ServerConfig::keep_channels) off only the tokens
    /// stay valid. Between the two servers, no time has passed for tokens.
    ///
    /// # Errors
    /// [`StateError`] if this is not a state, or the server is in use; nothing changes then.
    ///
    /// ```
    /// use dev_server::{ServerConfig, ServerCore, StateError};
    /// use photon_proto::Timestamp;
    ///
    /// let mut first = ServerCore::new(ServerConfig::new(), [1; 32]);
    /// first.publish(Timestamp::ZERO, ("app", "1"), "lobby", "operator", "hello");
    /// let state = first.state();
    ///
    /// let mut second = ServerCore::new(ServerConfig::new(), [2; 32]);
    /// second.load_state(Timestamp::ZERO, &state)?;
    /// assert_eq!(second.channel_last_id("app", "1", "lobby"), Some(1));
    /// let damaged = second.load_state(Timestamp::ZERO, &state[1..]);
    /// assert_eq!(damaged, Err(StateError::NotAState));
    /// # Ok::<(), StateError>(())
    /// ```
    pub fn load_state(&mut self, now: Timestamp, state: &[u8]) -> Result<(), StateError> {
        let records = records::read(state)?;
        if !self.partitions.is_empty() {
            return Err(StateError::NotEmpty);
        }
        let loaded = load::parse(records)?;
        self.advance(now);
        self.install(loaded);
        debug_assert_eq!(self.check_at_rest(), Ok(()), "a loaded state is consistent");
        Ok(())
    }

    /// A number that changes whenever [`state`](Self::state) may have changed.
    #[must_use]
    pub const fn state_revision(&self) -> u64 {
        self.revision
    }
}

impl Partition {
    fn write(&self, out: &mut Writer) {
        out.put(
            Record::new(record::PARTITION)
                .text(key::APP_ID, &self.key.app_id)
                .text(key::APP_VERSION, &self.key.app_version),
        );
        let mut channels: Vec<_> = self.channels.iter().collect();
        channels.sort_by_key(|(name, _)| *name);
        for (name, channel) in channels {
            out.put(
                Record::new(record::CHANNEL)
                    .text(key::NAME, name)
                    .int(key::LAST_ID, channel.history.last_id())
                    .value(key::PROPERTIES, untyped(channel.properties.clone()))
                    .value(key::USER_PROPERTIES, by_user(&channel.user_properties)),
            );
            write_messages(out, &channel.history);
        }
        for ((one, other), history) in self.conversations.sorted() {
            out.put(
                Record::new(record::CONVERSATION)
                    .text(key::NAME, one)
                    .text(key::OTHER, other)
                    .int(key::LAST_ID, history.last_id()),
            );
            write_messages(out, history);
        }
        let mut users: Vec<_> = self.users.iter().collect();
        users.sort_by_key(|(id, _)| *id);
        for (id, user) in users {
            let channels: Vec<photon_proto::Text> = user.channels.iter().cloned().collect();
            let record = Record::new(record::USER)
                .text(key::NAME, id)
                .value(key::CHANNELS, channels.into())
                .int(key::STATUS, user.status);
            out.put(match &user.status_message {
                Some(message) => record.value(key::CONTENT, message.clone()),
                None => record,
            });
        }
    }
}

fn write_messages(out: &mut Writer, history: &History) {
    for message in history.messages() {
        out.put(
            Record::new(record::MESSAGE)
                .int(key::LAST_ID, message.id)
                .long(key::SEQUENCE, message.sequence.cast_signed())
                .text(key::NAME, &message.sender)
                .value(key::CONTENT, message.content.clone()),
        );
    }
}

#[cfg(test)]
mod tests;
