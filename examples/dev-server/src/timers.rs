//! Deadlines of everything that has one, in one ordered table.

use std::collections::BTreeMap;

use photon_proto::{Text, Timestamp};

use crate::connections::ConnectionId;
use crate::partition::PartitionKey;

/// What to look at when a deadline has come. An entry is a reminder: whoever is reminded checks whether it is really
/// time, and sets another one if not, so nothing has to find and remove entries; only those of connections are taken
/// back with them, for many may come and go within one silence.
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

/// Names a reminder.
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
        self.entries.insert((id.0, id.1), timer);
        self.count = self.count.wrapping_add(1);
        id
    }

    /// Takes a reminder back, if it has not come yet.
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
