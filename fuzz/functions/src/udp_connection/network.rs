//! [`Network`]: the datagrams that are on their way between the two ends.

use super::script::End;
use dev_server::sim::{self, DatagramSettings, LinkKey};
use photon_proto::Timestamp;

/// More datagrams in one direction push out the oldest ones.
const MAX_IN_FLIGHT: usize = 400;
/// Longer than any datagram of an end.
const MAX_DATAGRAM_BYTES: usize = 64 * 1024;

/// A link of the simulated network whose deliveries the script decides: a datagram stays on its way
/// until it is taken.
pub(super) struct Network {
    sim: sim::Network,
    link: LinkKey,
}

impl Network {
    pub(super) fn new(now: Timestamp) -> Self {
        // The seed decides on nothing: without conditions the network draws no random number.
        let mut sim = sim::Network::new(0);
        let settings = DatagramSettings {
            max_datagram_bytes: MAX_DATAGRAM_BYTES,
            max_queued_bytes: MAX_IN_FLIGHT * MAX_DATAGRAM_BYTES,
            ..DatagramSettings::default()
        };
        let link = sim.open_datagrams(now, &settings);
        Self { sim, link }
    }

    pub(super) fn send(&mut self, now: Timestamp, from: End, bytes: &[u8]) {
        let to = from.other();
        if self.in_flight(to) >= MAX_IN_FLIGHT {
            self.take(to, 0);
        }
        self.sim.send(now, self.link, from.into(), bytes);
    }

    /// The number of datagrams on their way to an end.
    pub(super) fn in_flight(&self, to: End) -> usize {
        self.sim.in_flight(self.link, to.into())
    }

    /// Whether one direction is so full that more datagrams may push out the oldest ones.
    pub(super) fn is_half_full(&self) -> bool {
        let most = self.in_flight(End::Client).max(self.in_flight(End::Server));
        most > MAX_IN_FLIGHT / 2
    }

    /// Takes a datagram off its way, by its place modulo the number of datagrams.
    pub(super) fn take(&mut self, to: End, which: u8) -> Option<Vec<u8>> {
        let index = self.index(to, which)?;
        self.sim.remove_in_flight(self.link, to.into(), index)
    }

    /// A copy of a datagram that stays on its way.
    pub(super) fn copy(&self, to: End, which: u8) -> Option<Vec<u8>> {
        let index = self.index(to, which)?;
        let bytes = self.sim.peek_in_flight(self.link, to.into(), index);
        bytes.map(<[u8]>::to_vec)
    }

    fn index(&self, to: End, which: u8) -> Option<usize> {
        usize::from(which).checked_rem(self.in_flight(to))
    }
}

impl End {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl From<End> for sim::End {
    fn from(end: End) -> Self {
        match end {
            End::Client => Self::Client,
            End::Server => Self::Server,
        }
    }
}
