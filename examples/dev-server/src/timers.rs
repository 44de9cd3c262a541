//! All deadlines of the server, in one ordered table.

use std::collections::BTreeMap;

use photon_proto::{Text, Timestamp};

use crate::ids::{ConnectionId, PartitionKey};
use crate::late_parts::LateAnswer;

/// The subject of a deadline. An entry is a reminder: its handler checks whether the deadline has
/// really passed, and sets another reminder if not. So a moved deadline needs no search and
/// removal. Only the reminders of connections are cancelled, because many connections may come and
/// go within one silence timeout.
#[derive(Clone, Debug)]
pub(crate) enum Timer {
    /// A silence timeout, or the end of lingering.
    Connection(ConnectionId),
    /// The release of bytes held back.
    Release(ConnectionId),
    /// The end of an empty channel, or collected messages.
    Channel(PartitionKey, Text),
    /// The end of a user's grace period.
    User(PartitionKey, Text),
    /// A part of the answer to a subscription that follows later.
    Answer(PartitionKey, Box<LateAnswer>),
}

/// The id of a reminder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerId(Timestamp, u64);

#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: BTreeMap<(Timestamp, u64), Timer>,
    count: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Timestamp, timer: Timer) -> TimerId {
        let id = TimerId(at, self.count);
        let earlier = self.entries.insert((id.0, id.1), timer);
        debug_assert!(earlier.is_none(), "ids of reminders are unique");
        self.count += 1;
        id
    }

    /// Cancels a reminder; has no effect after it fired.
    pub(crate) fn cancel(&mut self, id: TimerId) {
        self.entries.remove(&(id.0, id.1));
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let entry = self.entries.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
