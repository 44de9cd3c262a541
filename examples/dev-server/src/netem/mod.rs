//! Emulated network conditions for datagrams: loss, duplication, delay, reordering and corruption.
//! The same seed gives the same fates.
//!
//! The simulated network ([`sim`](crate::sim)) and the server on real sockets
//! ([`server`](crate::server)) share this code.

mod conditions;
mod percent;

use std::collections::BTreeMap;

use photon_proto::Timestamp;

use crate::rng::Rng;
pub use conditions::{Conditions, ConditionsError, Fate};

pub use percent::{Percent, PercentError};

/// The charge of a datagram in flight in addition to its bytes: about the memory of its table
/// entry, so that empty datagrams cannot fill the memory.
const DATAGRAM_OVERHEAD_BYTES: usize = 128;

/// Datagrams in flight in one direction, each with its receiver.
#[derive(Debug)]
pub struct Pipe<A> {
    /// By the time of arrival, then by the order of sending.
    in_flight: BTreeMap<(Timestamp, u64), (A, Vec<u8>)>,
    count: u64,
    bytes: usize,
    max_bytes: usize,
    stats: NetemStats,
}

/// One copy of a datagram that arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramCopy {
    /// The delay, in microseconds.
    pub delay_micros: u64,
    /// The bytes that arrive.
    pub bytes: Vec<u8>,
}

/// Counters of the datagrams sent on a [`Pipe`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetemStats {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams lost by the conditions.
    pub lost: u64,
    /// Datagrams that were duplicated.
    pub duplicated: u64,
    /// Copies with a flipped bit.
    pub corrupted: u64,
    /// Copies lost because too many bytes were in flight.
    pub overrun: u64,
}

impl NetemStats {
    /// Adds the counters of another pipe.
    pub const fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.corrupted += other.corrupted;
        self.overrun += other.overrun;
    }
}

impl<A: Clone> Pipe<A> {
    /// Creates a pipe that holds at most `max_bytes` in flight, including 128 bytes for each
    /// datagram; more are lost.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            in_flight: BTreeMap::new(),
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
        let copies = conditions.pass(rng, datagram.len());
        let copies = copies.into_iter().flatten().map(|fate| DatagramCopy {
            delay_micros: fate.delay_micros,
            bytes: fate.copy(datagram),
        });
        self.send_copies(now, to, datagram, copies);
    }

    /// Sends a datagram of which exactly these copies arrive. Without a copy it is lost.
    pub fn send_copies(
        &mut self,
        now: Timestamp,
        to: A,
        datagram: &[u8],
        copies: impl IntoIterator<Item = DatagramCopy>,
    ) {
        let mut count: usize = 0;
        for DatagramCopy {
            delay_micros,
            bytes,
        } in copies
        {
            count += 1;
            let charge = charge(bytes.len());
            if self.bytes.saturating_add(charge) > self.max_bytes {
                self.stats.overrun += 1;
                continue;
            }
            self.stats.corrupted += u64::from(bytes != datagram);
            self.bytes += charge;
            let due = now.plus_micros(delay_micros);
            self.in_flight
                .insert((due, self.count), (to.clone(), bytes));
            self.count += 1;
        }
        self.stats.sent += 1;
        self.stats.lost += u64::from(count == 0);
        self.stats.duplicated += u64::from(count > 1);
        self.check();
    }

    /// Asserts that the byte counter matches the datagrams in flight.
    fn check(&self) {
        debug_assert!(self.bytes <= self.max_bytes);
        debug_assert!(
            self.bytes >= self.in_flight.len() * DATAGRAM_OVERHEAD_BYTES
                && (self.bytes == 0) == self.in_flight.is_empty(),
            "{} bytes for {} datagrams",
            self.bytes,
            self.in_flight.len()
        );
    }

    /// Returns the time of the next arrival.
    #[must_use]
    pub fn next_time(&self) -> Option<Timestamp> {
        self.in_flight.first_key_value().map(|((due, _), _)| *due)
    }

    /// Returns the next datagram that has arrived at `now`.
    pub fn poll(&mut self, now: Timestamp) -> Option<(A, Vec<u8>)> {
        let first = self.in_flight.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let (to, datagram) = first.remove();
        self.bytes -= charge(datagram.len());
        self.check();
        Some((to, datagram))
    }

    /// Returns the datagram at `index` in the order of arrival.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.in_flight
            .values()
            .nth(index)
            .map(|(_, datagram)| &**datagram)
    }

    /// Removes the datagram at `index` in the order of arrival, whether it has arrived or not.
    pub fn remove(&mut self, index: usize) -> Option<Vec<u8>> {
        let key = *self.in_flight.keys().nth(index)?;
        let (_, datagram) = self.in_flight.remove(&key)?;
        self.bytes -= charge(datagram.len());
        self.check();
        Some(datagram)
    }

    /// Loses all datagrams in flight.
    pub fn clear(&mut self) {
        self.in_flight.clear();
        self.bytes = 0;
    }

    /// The number of datagrams in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether no datagram is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Returns the counters.
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
