//! A datagram link: whole datagrams, each on its own, under the conditions of a bad line.

use photon_proto::Timestamp;

use super::link::Link;
use super::rng::Rng;
use super::{End, LinkEvent};
use crate::netem::{Conditions, NetemStats, Pipe};

/// How a datagram link behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramSettings {
    /// What happens to datagrams on their way to the server. Default: nothing.
    pub to_server: Conditions,
    /// What happens to datagrams on their way to the client. Default: nothing.
    pub to_client: Conditions,
    /// Longer datagrams never arrive. Default 1472, what an Ethernet frame carries.
    pub max_datagram_bytes: usize,
    /// So much is on its way in each direction, or waits for an end that does not read; more is lost. Default 4 MiB.
    pub max_queued_bytes: usize,
}

impl Default for DatagramSettings {
    fn default() -> Self {
        Self::both(Conditions::default())
    }
}

impl DatagramSettings {
    /// The same conditions in both directions.
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

struct Direction {
    conditions: Conditions,
    pipe: Pipe<()>,
    not_before: Timestamp,
    paused: bool,
    /// Everything vanishes.
    cut: bool,
    /// The end has closed.
    deaf: bool,
}

impl Direction {
    fn new(conditions: Conditions, max_bytes: usize) -> Self {
        Self {
            conditions,
            pipe: Pipe::new(max_bytes),
            not_before: Timestamp::ZERO,
            paused: false,
            cut: false,
            deaf: false,
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
    /// The client has been told that it can send.
    opened: bool,
}

impl DatagramLink {
    pub(super) fn new(settings: &DatagramSettings) -> Self {
        Self {
            to_server: Direction::new(settings.to_server, settings.max_queued_bytes),
            to_client: Direction::new(settings.to_client, settings.max_queued_bytes),
            max_datagram_bytes: settings.max_datagram_bytes,
            opened: false,
        }
    }

    const fn towards(&mut self, end: End) -> &mut Direction {
        match end {
            End::Server => &mut self.to_server,
            End::Client => &mut self.to_client,
        }
    }

    const fn announces(&self, to: End) -> bool {
        matches!(to, End::Client) && !self.opened && !self.to_client.deaf
    }
}

impl Link for DatagramLink {
    fn send(&mut self, now: Timestamp, rng: &mut Rng, from: End, bytes: &[u8]) -> usize {
        let fits = bytes.len() <= self.max_datagram_bytes;
        let has_closed = self.towards(from).deaf;
        let direction = self.towards(from.other());
        if fits && !has_closed && !direction.deaf && !direction.cut {
            direction
                .pipe
                .send(now, &direction.conditions, rng, (), bytes);
        }
        bytes.len()
    }

    fn close(&mut self, _now: Timestamp, _rng: &mut Rng, end: End) {
        let direction = self.towards(end);
        direction.pipe.clear();
        direction.deaf = true;
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
        self.to_client.deaf && (self.to_server.deaf || self.to_server.pipe.is_empty())
    }

    fn stats(&self) -> NetemStats {
        let mut stats = *self.to_server.pipe.stats();
        stats.add(self.to_client.pipe.stats());
        stats
    }
}
