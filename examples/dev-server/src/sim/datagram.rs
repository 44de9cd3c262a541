//! A datagram link: each datagram travels on its own, under the network conditions of its
//! direction.

use photon_proto::Timestamp;

use super::link::Link;
use super::{End, LinkEvent};
use crate::netem::{Conditions, DatagramCopy, NetemStats, Pipe};
use crate::rng::Rng;

/// The settings of a datagram link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramSettings {
    /// The conditions towards the server. Default: none.
    pub to_server: Conditions,
    /// The conditions towards the client. Default: none.
    pub to_client: Conditions,
    /// The maximum length of a datagram in bytes; longer ones are lost. Default 1472, the UDP
    /// payload of an Ethernet frame.
    pub max_datagram_bytes: usize,
    /// The bytes in flight, or waiting for an end that does not read, in each direction; more are
    /// lost. Default 4 MiB.
    pub max_queued_bytes: usize,
}

impl Default for DatagramSettings {
    fn default() -> Self {
        Self::both(Conditions::default())
    }
}

impl DatagramSettings {
    /// Returns settings with the same conditions in both directions.
    #[must_use]
    pub const fn both(conditions: Conditions) -> Self {
        Self {
            to_server: conditions,
            to_client: conditions,
            max_datagram_bytes: 1472,
            max_queued_bytes: 4 * 1024 * 1024,
        }
    }
}

/// A datagram, as a [fate function](super::Network::set_fate) sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentDatagram<'a> {
    /// The end that sends it.
    pub from: End,
    /// The number of datagrams that this end has sent before on this link.
    pub index: u64,
    /// The time of sending.
    pub now: Timestamp,
    /// The datagram.
    pub bytes: &'a [u8],
}

impl SentDatagram<'_> {
    /// Returns a copy that arrives unchanged after this delay.
    #[must_use]
    pub fn copy_after_ms(&self, delay_ms: u64) -> DatagramCopy {
        DatagramCopy {
            delay_micros: delay_ms.saturating_mul(1000),
            bytes: self.bytes.to_vec(),
        }
    }
}

/// Decides the fate of each datagram of a link: returns the copies that arrive.
pub(super) type FateFn = Box<dyn FnMut(&SentDatagram<'_>) -> Vec<DatagramCopy> + Send>;

struct Direction {
    conditions: Conditions,
    pipe: Pipe<()>,
    /// The number of datagrams sent in this direction.
    count: u64,
    not_before: Timestamp,
    paused: bool,
    /// Datagrams in this direction are lost.
    cut: bool,
    /// The receiving end has closed.
    closed: bool,
}

impl Direction {
    fn new(conditions: Conditions, max_bytes: usize) -> Self {
        Self {
            conditions,
            pipe: Pipe::new(max_bytes),
            count: 0,
            not_before: Timestamp::ZERO,
            paused: false,
            cut: false,
            closed: false,
        }
    }

    fn cut(&mut self) {
        self.pipe.clear();
        self.cut = true;
    }
}

pub(super) struct DatagramLink {
    to_server: Direction,
    to_client: Direction,
    max_datagram_bytes: usize,
    /// Replaces the conditions.
    fate: Option<FateFn>,
    /// Whether the client has received [`LinkEvent::Opened`].
    opened: bool,
}

impl DatagramLink {
    pub(super) fn new(settings: &DatagramSettings) -> Self {
        Self {
            to_server: Direction::new(settings.to_server, settings.max_queued_bytes),
            to_client: Direction::new(settings.to_client, settings.max_queued_bytes),
            max_datagram_bytes: settings.max_datagram_bytes,
            fate: None,
            opened: false,
        }
    }

    const fn towards(&mut self, end: End) -> &mut Direction {
        match end {
            End::Server => &mut self.to_server,
            End::Client => &mut self.to_client,
        }
    }

    /// Whether a datagram of this end and length can arrive at all.
    const fn delivers(&mut self, from: End, length_bytes: usize) -> bool {
        if length_bytes > self.max_datagram_bytes || self.towards(from).closed {
            return false;
        }
        let direction = self.towards(from.other());
        !direction.closed && !direction.cut
    }

    /// Counts a datagram of this end, and returns its number.
    const fn next_index(&mut self, from: End) -> u64 {
        let direction = self.towards(from.other());
        direction.count += 1;
        direction.count - 1
    }

    const fn announces(&self, to: End) -> bool {
        matches!(to, End::Client) && !self.opened && !self.to_client.closed
    }
}

impl Link for DatagramLink {
    fn send(&mut self, now: Timestamp, rng: &mut Rng, from: End, bytes: &[u8]) -> usize {
        // A datagram that cannot arrive is counted too: a fate function relies on the numbers.
        let index = self.next_index(from);
        if self.delivers(from, bytes.len()) {
            let copies = self.fate.as_mut().map(|fate| {
                fate(&SentDatagram {
                    from,
                    index,
                    now,
                    bytes,
                })
            });
            let Direction {
                pipe, conditions, ..
            } = self.towards(from.other());
            match copies {
                Some(copies) => pipe.send_copies(now, (), bytes, copies),
                None => pipe.send(now, conditions, rng, (), bytes),
            }
        }
        bytes.len()
    }

    fn close(&mut self, _now: Timestamp, _rng: &mut Rng, end: End) {
        let direction = self.towards(end);
        direction.pipe.clear();
        direction.closed = true;
    }

    fn reset(&mut self, _now: Timestamp, _rng: &mut Rng) {
        self.to_server.cut();
        self.to_client.cut();
    }

    fn set_reading(&mut self, end: End, reading: bool) {
        self.towards(end).paused = !reading;
    }

    fn stall(&mut self, until: Timestamp) {
        for end in [End::Server, End::Client] {
            let direction = self.towards(end);
            direction.not_before = direction.not_before.max(until);
        }
    }

    fn cut(&mut self, towards: End) {
        self.towards(towards).cut();
    }

    fn set_conditions(&mut self, towards: End, conditions: Conditions) {
        self.towards(towards).conditions = conditions;
    }

    fn set_fate(&mut self, fate: Option<FateFn>) {
        self.fate = fate;
    }

    fn send_after(&mut self, now: Timestamp, from: End, delay_micros: u64, bytes: &[u8]) {
        if self.delivers(from, bytes.len()) {
            let copy = DatagramCopy {
                delay_micros,
                bytes: bytes.to_vec(),
            };
            self.towards(from.other())
                .pipe
                .send_copies(now, (), bytes, [copy]);
        }
    }

    fn in_flight(&self, to: End) -> Option<&Pipe<()>> {
        Some(match to {
            End::Server => &self.to_server.pipe,
            End::Client => &self.to_client.pipe,
        })
    }

    fn in_flight_mut(&mut self, to: End) -> Option<&mut Pipe<()>> {
        Some(&mut self.towards(to).pipe)
    }

    fn next_due(&self, to: End) -> Option<Timestamp> {
        if self.announces(to) {
            return Some(Timestamp::ZERO);
        }
        let direction = match to {
            End::Server => &self.to_server,
            End::Client => &self.to_client,
        };
        let due = direction.pipe.next_time().filter(|_| !direction.paused)?;
        Some(due.max(direction.not_before))
    }

    fn take(&mut self, now: Timestamp, _rng: &mut Rng, to: End) -> Option<(LinkEvent, bool)> {
        if self.announces(to) {
            self.opened = true;
            return Some((LinkEvent::Opened, false));
        }
        if self.next_due(to)? > now {
            return None;
        }
        let ((), datagram) = self.towards(to).pipe.poll(now)?;
        Some((LinkEvent::Bytes(datagram), false))
    }

    fn is_over(&self) -> bool {
        self.to_client.closed && (self.to_server.closed || self.to_server.pipe.is_empty())
    }

    fn stats(&self) -> NetemStats {
        let mut stats = *self.to_server.pipe.stats();
        stats.add(self.to_client.pipe.stats());
        stats
    }
}
