//! Deadlines of everything that has one, in one ordered table.

use std::collections::BTreeMap;

use photon_proto::{Text, Timestamp};

use crate::connections::ConnectionId;
use crate::partition::PartitionKey;

/// What to look at when a deadline has come. An entry is a reminder: whoever is reminded checks whether it is really
/// time, and sets another one if not, so nothing has to find and remove entries.
#[derive(Clone, Debug)]
pub(crate) enum Timer {
    /// Silence, the end of lingering.
    Connection(ConnectionId),
    /// Bytes held back.
    Release(ConnectionId),
    /// An empty channel's end, gathered messages.
    Channel(PartitionKey, Text),
    /// The end of a user's grace.
    User(PartitionKey, Text),
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    entries: BTreeMap<(Timestamp, u64), Timer>,
    count: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.entries.insert((at, self.count), timer);
        self.count = self.count.wrapping_add(1);
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let entry = self.entries.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
