//! A bad line for datagrams: it loses, repeats, delays, reorders and corrupts them, the same way for the same seed.
//!
//! The simulated network ([`sim`](crate::sim)) and the server on real sockets ([`server`](crate::server)) have the same
//! one.

mod conditions;
mod percent;

use std::collections::BTreeMap;

use photon_proto::Timestamp;

use crate::sim::Rng;
pub use conditions::{Conditions, ConditionsError, Fate};
pub use percent::{Percent, PercentError};

/// What a datagram on its way is charged with beside its bytes.
const DATAGRAM_OVERHEAD_BYTES: usize = 128;

/// Datagrams on their way in one direction, each with whom it is for.
#[derive(Debug)]
pub struct Pipe<A> {
    /// By the time at which they arrive; at the same time in the order in which they were sent.
    on_way: BTreeMap<(Timestamp, u64), (A, Vec<u8>)>,
    count: u64,
    bytes: usize,
    max_bytes: usize,
    stats: NetemStats,
}

/// What became of the datagrams that were sent on a [`Pipe`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetemStats {
    /// Datagrams sent.
    pub sent: u64,
    /// Of those, lost on purpose.
    pub lost: u64,
    /// Of those, repeated.
    pub duplicated: u64,
    /// Copies with a flipped bit.
    pub corrupted: u64,
    /// Copies lost because too much was on its way.
    pub overrun: u64,
}

impl NetemStats {
    /// Adds what another line counted.
    pub const fn add(&mut self, other: &Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.lost = self.lost.saturating_add(other.lost);
        self.duplicated = self.duplicated.saturating_add(other.duplicated);
        self.corrupted = self.corrupted.saturating_add(other.corrupted);
        self.overrun = self.overrun.saturating_add(other.overrun);
    }
}

impl<A: Clone> Pipe<A> {
    /// A line on which at most `max_bytes` are on their way, 128 for each datagram included; more are lost.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            on_way: BTreeMap::new(),
            count: 0,
            bytes: 0,
            max_bytes,
            stats: NetemStats::default(),
        }
    }

    /// Sends a datagram under these conditions.
    pub fn send(
        &mut self,
        now: Timestamp,
        conditions: &Conditions,
        rng: &mut Rng,
        to: A,
        datagram: &[u8],
    ) {
        self.stats.sent = self.stats.sent.saturating_add(1);
        let fates = conditions.pass(rng, datagram.len());
        match fates {
            [None, None] => self.stats.lost = self.stats.lost.saturating_add(1),
            [Some(_), Some(_)] => self.stats.duplicated = self.stats.duplicated.saturating_add(1),
            _ => {}
        }
        for fate in fates.into_iter().flatten() {
            let charge = charge(datagram.len());
            if self.bytes.saturating_add(charge) > self.max_bytes {
                self.stats.overrun = self.stats.overrun.saturating_add(1);
                continue;
            }
            if fate.flipped_bit.is_some() {
                self.stats.corrupted = self.stats.corrupted.saturating_add(1);
            }
            self.bytes = self.bytes.saturating_add(charge);
            let due = now.plus_micros(fate.delay_micros);
            self.on_way
                .insert((due, self.count), (to.clone(), fate.copy(datagram)));
            self.count = self.count.wrapping_add(1);
        }
    }

    /// When the next one arrives.
    #[must_use]
    pub fn next_time(&self) -> Option<Timestamp> {
        self.on_way.first_key_value().map(|((due, _), _)| *due)
    }

    /// The next one that has arrived at `now`.
    pub fn poll(&mut self, now: Timestamp) -> Option<(A, Vec<u8>)> {
        let first = self.on_way.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let (to, datagram) = first.remove();
        self.bytes = self.bytes.saturating_sub(charge(datagram.len()));
        Some((to, datagram))
    }

    /// Loses everything that is on its way.
    pub fn clear(&mut self) {
        self.on_way.clear();
        self.bytes = 0;
    }

    /// How many are on their way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.on_way.len()
    }

    /// Whether none is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.on_way.is_empty()
    }

    /// What became of the datagrams.
    #[must_use]
    pub const fn stats(&self) -> &NetemStats {
        &self.stats
    }
}

const fn charge(length_bytes: usize) -> usize {
    length_bytes.saturating_add(DATAGRAM_OVERHEAD_BYTES)
}

#[cfg(test)]
mod tests;
