//! A server's table of connections, by address and challenge. Spec: udp.md 12.

use super::config::AcceptorConfig;
use super::connection::{ConnectRequest, Connection};
use super::stats::AcceptorStats;
use super::{Event, SendError, State, datagram};
use crate::hashing::HashKeys;
use crate::random::Random;
use crate::tcp::Delivery;
use crate::time::Timestamp;
use alloc::boxed::Box;
use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;
use core::hash::Hash;
use core::time::Duration;
use hashbrown::HashMap;

/// Outdated queue and heap entries that are always tolerated. Removing one from the middle costs as
/// much as a rebuild, so outdated ones are removed together when they outnumber the others.
const MAX_STALE_ENTRIES: usize = 64;
/// Peer ids run from 1 to this one: FFFF means none, FFFE requests a trace. Spec: udp.md 1.1.
const LAST_PEER_ID: u16 = 0xFFFD;

/// Identifies a connection of an [`Acceptor`]. It is never reused for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionHandle {
    slot: u32,
    /// Distinguishes the connections that have used the slot.
    generation: u32,
}

struct Entry<A> {
    address: A,
    connection: Connection,
    /// The client has proved that it receives our datagrams: the connection is no longer half-open.
    verified: bool,
    /// The time of the valid entry in the timer heap; other entries are outdated.
    scheduled: Option<Timestamp>,
    /// The connection is in the output queue.
    in_output_queue: bool,
    /// The connection is in the event queue.
    in_event_queue: bool,
}

struct Slot<A> {
    generation: u32,
    entry: Option<Box<Entry<A>>>,
}

/// A server's table of connections over one socket. `A` is an address, such as `SocketAddr`.
///
/// A connection is identified by address *and* challenge. It is *half-open* until its client has
/// echoed data that was sent to the address, and then emits [`Event::Connected`]. Half-open
/// connections emit no events, accept no data, and are limited in number and time. Datagrams with
/// forged addresses therefore neither displace a client nor fill the table, and a new challenge
/// from the address of a client ends its old connection only once the new one is verified.
///
/// The cost of a call does not depend on the number of connections.
pub struct Acceptor<A> {
    config: AcceptorConfig,
    random: Random,
    /// Entries are boxed: an empty slot must not take the space of a connection.
    slots: Vec<Slot<A>>,
    /// The indexes of the empty slots.
    free: Vec<u32>,
    half_open: HashMap<(A, u32), ConnectionHandle, HashKeys>,
    /// The expiry times of half-open connections, oldest first. Entries of others are outdated.
    expiries: VecDeque<(Timestamp, ConnectionHandle)>,
    connected: HashMap<A, ConnectionHandle, HashKeys>,
    /// The deadlines of connections. An entry is outdated if its connection has another one.
    timers: BinaryHeap<Reverse<(Timestamp, ConnectionHandle)>>,
    /// Connections that may have a datagram, served in turn.
    output_queue: VecDeque<ConnectionHandle>,
    /// Connections that have events.
    event_queue: VecDeque<ConnectionHandle>,
    stats: AcceptorStats,
}

/// Numbers only: messages and addresses are private.
impl<A> fmt::Debug for Acceptor<A> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Acceptor")
            .field("connected", &self.connected.len())
            .field("half_open", &self.half_open.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl<A: Clone + Eq + Hash> Acceptor<A> {
    /// Creates an empty table. `seed` must be unpredictable: peer ids, clocks and hash keys are
    /// drawn from it.
    #[must_use]
    pub fn new(config: AcceptorConfig, seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let keys = HashKeys::new(&mut random);
        Self {
            config,
            random,
            slots: Vec::new(),
            free: Vec::new(),
            half_open: HashMap::with_hasher(keys),
            expiries: VecDeque::new(),
            connected: HashMap::with_hasher(keys),
            timers: BinaryHeap::new(),
            output_queue: VecDeque::new(),
            event_queue: VecDeque::new(),
            stats: AcceptorStats::default(),
        }
    }

    fn entry(&self, handle: ConnectionHandle) -> Option<&Entry<A>> {
        let slot = self
            .slots
            .get(handle.slot as usize)
            .filter(|slot| slot.generation == handle.generation)?;
        slot.entry.as_deref()
    }

    fn entry_mut(&mut self, handle: ConnectionHandle) -> Option<&mut Entry<A>> {
        let slot = self
            .slots
            .get_mut(handle.slot as usize)
            .filter(|slot| slot.generation == handle.generation)?;
        slot.entry.as_deref_mut()
    }

    /// Returns the verified connection of the client at this address.
    #[must_use]
    pub fn connected(&self, address: &A) -> Option<ConnectionHandle> {
        self.connected.get(address).copied()
    }

    // Input.

    /// Handles a datagram that arrived from this address.
    pub fn handle_datagram(&mut self, now: Timestamp, from: &A, datagram: &[u8]) {
        let Ok((header, _)) = datagram::decode_header(datagram) else {
            self.stats.unknown_datagrams += 1;
            return;
        };
        let connected = self.connected.get(from).copied();
        let known = connected
            .filter(|handle| {
                self.entry(*handle)
                    .is_some_and(|entry| entry.connection.challenge() == header.challenge)
            })
            .or_else(|| {
                self.half_open
                    .get(&(from.clone(), header.challenge))
                    .copied()
            });
        if let Some(handle) = known {
            if let Some(entry) = self.entry_mut(handle) {
                entry.connection.handle_datagram(now, datagram);
            }
            return self.update_queues(handle);
        }
        let Some(request) = ConnectRequest::decode(datagram) else {
            self.stats.unknown_datagrams += 1;
            return;
        };
        // A connected client may connect again although the table is full: it adds no connection.
        if connected.is_none() && self.connected.len() >= self.config.max_connections {
            self.stats.refused += 1;
            return;
        }
        self.admit(now, from, &request);
    }

    fn admit(&mut self, now: Timestamp, from: &A, request: &ConnectRequest) {
        while self.half_open.len() >= self.config.max_half_open.max(1) {
            let Some((_, oldest)) = self.expiries.pop_front() else {
                debug_assert!(false, "every half-open connection has an expiry time");
                break;
            };
            self.stats.displaced += u64::from(self.forget_half_open(oldest));
        }
        let id = self.random.u32("udp peer id") % u32::from(LAST_PEER_ID);
        let peer_id = 1 + id as u16;
        let clock = self.random.u32("udp clock");
        let connection =
            Connection::accept(self.config.connection.clone(), request, peer_id, clock, now);
        let entry = Box::new(Entry {
            address: from.clone(),
            connection,
            verified: false,
            scheduled: None,
            in_output_queue: false,
            in_event_queue: false,
        });
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                entry: None,
            });
            // The memory for 2^32 connections does not exist.
            (self.slots.len() - 1) as u32
        });
        let Some(place) = self.slots.get_mut(slot as usize) else {
            debug_assert!(false, "the free list names slots");
            return;
        };
        debug_assert!(place.entry.is_none(), "a free slot is empty");
        place.entry = Some(entry);
        let handle = ConnectionHandle {
            slot,
            generation: place.generation,
        };
        let replaced = self
            .half_open
            .insert((from.clone(), request.challenge), handle);
        debug_assert!(
            replaced.is_none(),
            "a known challenge is not admitted again"
        );
        self.expiries
            .push_back((now.plus(self.config.half_open_timeout), handle));
        self.update_queues(handle);
    }

    /// Handles timers that are due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(&(expires, handle)) = self.expiries.front()
            && expires <= now
        {
            self.expiries.pop_front();
            self.stats.expired += u64::from(self.forget_half_open(handle));
        }
        while let Some(&Reverse((due, handle))) = self.timers.peek()
            && due <= now
        {
            self.timers.pop();
            if let Some(entry) = self
                .entry_mut(handle)
                .filter(|entry| entry.scheduled == Some(due))
            {
                entry.scheduled = None;
                entry.connection.handle_timeout(now);
                self.update_queues(handle);
            }
        }
    }

    /// The time at which [`Acceptor::handle_timeout`] must be called; `None` if no timer runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let timer = self.timers.peek().map(|Reverse((due, _))| *due);
        let expiry = self.expiries.front().map(|(expires, _)| *expires);
        timer.into_iter().chain(expiry).min()
    }

    // Output.

    /// Returns the next event and its connection. The events of one connection come in order.
    /// Half-open connections emit no events. After [`Event::Disconnected`] the connection is gone,
    /// but its last datagram is still sent.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<(ConnectionHandle, Event)> {
        while let Some(&handle) = self.event_queue.front() {
            let event = self
                .entry_mut(handle)
                .and_then(|entry| entry.connection.poll_event());
            if let Some(event) = event {
                if matches!(event, Event::Disconnected(_)) {
                    self.event_queue.pop_front();
                    self.leave_event_queue(handle);
                    self.remove_if_finished(handle);
                }
                return Some((handle, event));
            }
            self.event_queue.pop_front();
            self.leave_event_queue(handle);
            self.remove_if_finished(handle);
        }
        None
    }

    fn leave_event_queue(&mut self, handle: ConnectionHandle) {
        if let Some(entry) = self.entry_mut(handle) {
            entry.in_event_queue = false;
        }
    }

    /// Returns the next datagram of any connection and its destination; the same one until
    /// [`Acceptor::transmitted`].
    #[must_use]
    pub fn transmit(&mut self, now: Timestamp) -> Option<(&A, &[u8])> {
        let handle = loop {
            let handle = *self.output_queue.front()?;
            let prepared = self
                .entry_mut(handle)
                .is_some_and(|entry| entry.connection.prepare(now));
            if prepared {
                break handle;
            }
            self.output_queue.pop_front();
            if let Some(entry) = self.entry_mut(handle) {
                entry.in_output_queue = false;
            }
            self.remove_if_finished(handle);
        };
        self.schedule(handle);
        let entry = self.entry(handle)?;
        Some((&entry.address, entry.connection.prepared()))
    }

    /// Reports the datagram as sent, or as dropped by the driver.
    pub fn transmitted(&mut self) {
        // To the end of the queue: one connection with much to send must not delay the others.
        if let Some(handle) = self.output_queue.pop_front() {
            self.output_queue.push_back(handle);
            if let Some(entry) = self.entry_mut(handle) {
                entry.connection.transmitted();
            }
        }
    }

    // Connections.

    /// The address of a connection.
    #[must_use]
    pub fn address(&self, handle: ConnectionHandle) -> Option<&A> {
        self.entry(handle).map(|entry| &entry.address)
    }

    /// Read access to a connection.
    #[must_use]
    pub fn connection(&self, handle: ConnectionHandle) -> Option<&Connection> {
        self.entry(handle).map(|entry| &entry.connection)
    }

    /// Like [`Connection::send_with`].
    ///
    /// # Errors
    ///
    /// The same, and [`SendError::NotConnected`] for a connection that is gone.
    pub fn send_with<E: From<SendError>>(
        &mut self,
        handle: ConnectionHandle,
        channel: u8,
        delivery: Delivery,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let entry = self.entry_mut(handle).ok_or(SendError::NotConnected)?;
        let before = entry.connection.state();
        let sent = entry.connection.send_with(channel, delivery, write);
        if sent.is_ok() || entry.connection.state() != before {
            self.update_queues(handle);
        }
        sent
    }

    /// Like [`Connection::shutdown`].
    pub fn shutdown(
        &mut self,
        now: Timestamp,
        handle: ConnectionHandle,
        timeout: Duration,
        reason: u8,
    ) {
        if let Some(entry) = self.entry_mut(handle) {
            entry.connection.shutdown(now, timeout, reason);
            self.update_queues(handle);
        }
    }

    /// Like [`Connection::close`].
    pub fn close(&mut self, handle: ConnectionHandle) {
        if let Some(entry) = self.entry_mut(handle) {
            entry.connection.close();
            self.update_queues(handle);
        }
    }

    /// Removes a connection and sends nothing, as a crashed server would.
    pub fn forget(&mut self, handle: ConnectionHandle) {
        if !self.forget_half_open(handle) {
            self.remove(handle);
        }
    }

    /// Like [`Connection::recycle`].
    pub fn recycle(&mut self, handle: ConnectionHandle, message: Vec<u8>) {
        if let Some(entry) = self.entry_mut(handle) {
            entry.connection.recycle(message);
        }
    }

    /// The number of connected clients.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connected.len()
    }

    /// Whether no client is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connected.is_empty()
    }

    /// The number of half-open connections.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.half_open.len()
    }

    /// The counters of the table.
    #[must_use]
    pub const fn stats(&self) -> &AcceptorStats {
        &self.stats
    }

    // Queues and timers.

    fn is_half_open(&self, handle: ConnectionHandle) -> bool {
        self.entry(handle).is_some_and(|entry| !entry.verified)
    }

    /// Puts a connection into the queues that its state requires. Called after every change of it.
    fn update_queues(&mut self, handle: ConnectionHandle) {
        let Some(entry) = self.entry_mut(handle) else {
            return;
        };
        // A connection that the same datagram ended is verified as well: its client was connected,
        // if only for a moment.
        if !entry.verified && entry.connection.is_newly_connected() {
            self.verify(handle);
        }
        let Some(entry) = self.entry_mut(handle) else {
            return;
        };
        let has_new_output =
            entry.connection.has_output() && !core::mem::replace(&mut entry.in_output_queue, true);
        let has_new_event = entry.verified
            && entry.connection.has_event()
            && !core::mem::replace(&mut entry.in_event_queue, true);
        if has_new_output {
            self.output_queue.push_back(handle);
            self.prune_output_queue();
        }
        if has_new_event {
            self.event_queue.push_back(handle);
        }
        self.schedule(handle);
        self.remove_if_finished(handle);
    }

    /// Turns a half-open connection into an established one, which replaces an older one of the
    /// same address.
    fn verify(&mut self, handle: ConnectionHandle) {
        let Some(entry) = self.entry(handle) else {
            return;
        };
        let address = entry.address.clone();
        let challenge = entry.connection.challenge();
        if !self.connected.contains_key(&address)
            && self.connected.len() >= self.config.max_connections
        {
            // Other half-open connections were verified first and filled the table.
            self.stats.refused += 1;
            self.forget_half_open(handle);
            return;
        }
        let Some(entry) = self.entry_mut(handle) else {
            debug_assert!(false, "nothing removed it");
            return;
        };
        debug_assert!(!entry.verified, "a connection is verified once");
        entry.verified = true;
        self.half_open.remove(&(address.clone(), challenge));
        self.stats.connected += 1;
        if let Some(before) = self.connected.insert(address, handle) {
            self.stats.replaced += 1;
            if let Some(entry) = self.entry_mut(before) {
                entry.connection.on_replaced();
                self.update_queues(before);
            }
        }
        self.prune_expiries();
    }

    fn prune_expiries(&mut self) {
        if self.expiries.len() > MAX_STALE_ENTRIES + 4 * self.half_open.len() {
            let all = core::mem::take(&mut self.expiries);
            self.expiries = all
                .into_iter()
                .filter(|(_, handle)| self.is_half_open(*handle))
                .collect();
        }
        while self
            .expiries
            .front()
            .is_some_and(|(_, handle)| !self.is_half_open(*handle))
        {
            self.expiries.pop_front();
        }
    }

    fn awaits_output(&self, handle: ConnectionHandle) -> bool {
        self.entry(handle)
            .is_some_and(|entry| entry.in_output_queue)
    }

    /// Removes outdated entries when there are many. The front entry of a live connection stays:
    /// its datagram may be in the driver's hands.
    fn prune_output_queue(&mut self) {
        let live = self.slots.len() - self.free.len();
        if self.output_queue.len() > MAX_STALE_ENTRIES + 4 * live {
            let all = core::mem::take(&mut self.output_queue);
            self.output_queue = all
                .into_iter()
                .filter(|handle| self.awaits_output(*handle))
                .collect();
        }
    }

    fn schedule(&mut self, handle: ConnectionHandle) {
        let Some(entry) = self.entry_mut(handle) else {
            return;
        };
        let due = entry.connection.poll_timeout();
        if due != entry.scheduled {
            entry.scheduled = due;
            if let Some(due) = due {
                self.timers.push(Reverse((due, handle)));
            }
            if self.timers.len()
                > MAX_STALE_ENTRIES + 4 * (self.connected.len() + self.half_open.len())
            {
                let all = core::mem::take(&mut self.timers);
                self.timers = all
                    .into_iter()
                    .filter(|timer| self.is_current(timer))
                    .collect();
            }
        }
        while self.timers.peek().is_some_and(|top| !self.is_current(top)) {
            self.timers.pop();
        }
    }

    fn is_current(&self, Reverse((due, handle)): &Reverse<(Timestamp, ConnectionHandle)>) -> bool {
        self.entry(*handle)
            .is_some_and(|entry| entry.scheduled == Some(*due))
    }

    /// Removes a connection that has ended once its events are taken and its last datagram is sent.
    fn remove_if_finished(&mut self, handle: ConnectionHandle) {
        let finished = self.entry(handle).is_some_and(|entry| {
            let connection = &entry.connection;
            // Half-open connections emit no events.
            let events_taken = !entry.verified || !connection.has_event();
            connection.state() == State::Disconnected && events_taken && !connection.has_output()
        });
        if finished {
            self.forget(handle);
        }
    }

    /// Removes a connection from the table. Its entries in the queues become outdated.
    fn remove(&mut self, handle: ConnectionHandle) {
        let Some(entry) = self.entry(handle) else {
            return;
        };
        debug_assert_ne!(
            self.half_open
                .get(&(entry.address.clone(), entry.connection.challenge())),
            Some(&handle),
            "a half-open connection leaves its map first"
        );
        if self.connected.get(&entry.address) == Some(&handle) {
            let address = entry.address.clone();
            self.connected.remove(&address);
        }
        if let Some(slot) = self.slots.get_mut(handle.slot as usize) {
            slot.entry = None;
            // A slot whose generations are used up stays empty, so that no handle is ever reused.
            if let Some(next) = slot.generation.checked_add(1) {
                slot.generation = next;
                self.free.push(handle.slot);
            }
        }
    }

    /// Removes a connection if it is half-open. Returns whether it was.
    fn forget_half_open(&mut self, handle: ConnectionHandle) -> bool {
        let Some(entry) = self.entry(handle).filter(|entry| !entry.verified) else {
            return false;
        };
        let identity = (entry.address.clone(), entry.connection.challenge());
        let removed = self.half_open.remove(&identity);
        debug_assert_eq!(
            removed,
            Some(handle),
            "every half-open connection is in the map"
        );
        self.remove(handle);
        self.prune_expiries();
        true
    }
}
