//! A server's connections, by address and challenge. Spec: udp.md 12.

use super::connection::{ConnectRequest, Connection};
use super::{Config, Event, SendError, State, datagram};
use crate::hashing::HashKeys;
use crate::random::Random;
use crate::tcp::Delivery;
use crate::time::Timestamp;
use alloc::boxed::Box;
use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::hash::Hash;
use core::time::Duration;
use hashbrown::HashMap;

/// Outdated entries of the timer heap that are always put up with.
const MAX_STALE_ENTRIES: usize = 64;
/// Peer ids run from 1 to this.
const LAST_PEER_ID: u32 = 0xFFFD;

/// Settings of an [`Acceptor`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptorConfig {
    /// Settings of every connection. MTU and channels are lowered to what the client announces, and check sums are
    /// sent to clients that send them.
    pub connection: Config,
    /// How many connections may stand that have not shown yet that they receive what is sent to them; of more the
    /// oldest is forgotten. Default 1024.
    pub max_half_open: usize,
    /// How long a half-open connection is kept. Default 5 seconds.
    pub half_open_timeout: Duration,
    /// How many clients may be connected; further ones are not answered. Default 65,536.
    pub max_connections: usize,
}

impl Default for AcceptorConfig {
    fn default() -> Self {
        Self {
            connection: Config::server().with(|config| config.channels = 8),
            max_half_open: 1024,
            half_open_timeout: Duration::from_secs(5),
            max_connections: 65_536,
        }
    }
}

impl AcceptorConfig {
    /// These settings with changes.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// What an [`Acceptor`] has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptorStats {
    /// Clients that were connected.
    pub connected: u64,
    /// Datagrams of no connection that asked for none.
    pub strangers: u64,
    /// Connects that were not answered because too many clients are connected.
    pub refused: u64,
    /// Half-open connections forgotten because there were too many.
    pub displaced: u64,
    /// Half-open connections that ran out of time.
    pub expired: u64,
    /// Connections that ended because the same address connected anew.
    pub replaced: u64,
}

/// Names a connection of an [`Acceptor`]; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionHandle {
    slot: u32,
    generation: u32,
}

#[derive(Debug)]
struct Entry<A> {
    address: A,
    connection: Connection,
    verified: bool,
    /// The entry in the timer heap that counts.
    scheduled: Option<Timestamp>,
    ready: bool,
    eventful: bool,
}

#[derive(Debug)]
struct Slot<A> {
    generation: u32,
    entry: Option<Box<Entry<A>>>,
}

/// A server's table of connections over one socket. `A` is an address, such as `SocketAddr`.
///
/// A connection is known by address *and* challenge. It counts, and is told of with [`Event::Connected`], once its
/// client has echoed what was sent to that address: until then it is *half-open*, takes no data, and there are only so
/// many of them, for so long. So datagrams with forged addresses neither take the place of a client nor fill the table;
/// and a new challenge from the address of a client ends its connection only once it has been verified in this way.
///
/// Every call costs what it does for one connection, however many there are.
#[derive(Debug)]
pub struct Acceptor<A> {
    config: AcceptorConfig,
    random: Random,
    slots: Vec<Slot<A>>,
    free: Vec<u32>,
    half_open: HashMap<(A, u32), ConnectionHandle, HashKeys>,
    /// Half-open connections by age, with some that are not half-open any more.
    oldest: VecDeque<(Timestamp, ConnectionHandle)>,
    connected: HashMap<A, ConnectionHandle, HashKeys>,
    timers: BinaryHeap<Reverse<(Timestamp, ConnectionHandle)>>,
    ready: VecDeque<ConnectionHandle>,
    eventful: VecDeque<ConnectionHandle>,
    stats: AcceptorStats,
}

impl<A: Clone + Eq + Hash> Acceptor<A> {
    /// An empty table. `seed` must be unpredictable: peer ids, clocks and hash keys come from it.
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
            oldest: VecDeque::new(),
            connected: HashMap::with_hasher(keys),
            timers: BinaryHeap::new(),
            ready: VecDeque::new(),
            eventful: VecDeque::new(),
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

    // Input.

    /// Takes a datagram that came from this address.
    pub fn handle_datagram(&mut self, now: Timestamp, from: &A, datagram: &[u8]) {
        let Ok((header, _)) = datagram::decode_header(datagram) else {
            self.stats.strangers += 1;
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
            return self.touch(handle);
        }
        let Some(request) = ConnectRequest::decode(datagram) else {
            self.stats.strangers += 1;
            return;
        };
        // Who is connected already may come back however many there are.
        if connected.is_none() && self.connected.len() >= self.config.max_connections {
            self.stats.refused += 1;
            return;
        }
        self.admit(now, from, &request);
    }

    fn admit(&mut self, now: Timestamp, from: &A, request: &ConnectRequest) {
        while self.half_open.len() >= self.config.max_half_open.max(1) {
            let Some((_, oldest)) = self.oldest.pop_front() else {
                break;
            };
            self.stats.displaced += u64::from(self.forget_half_open(oldest));
        }
        let id = 1 + self.random.u32("udp peer id") % LAST_PEER_ID;
        let clock = self.random.u32("udp clock");
        let peer_id = u16::try_from(id).unwrap_or(1);
        let connection =
            Connection::accept(self.config.connection.clone(), request, peer_id, clock, now);
        let entry = Box::new(Entry {
            address: from.clone(),
            connection,
            verified: false,
            scheduled: None,
            ready: false,
            eventful: false,
        });
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                entry: None,
            });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let Some(place) = self.slots.get_mut(slot as usize) else {
            return;
        };
        place.entry = Some(entry);
        let handle = ConnectionHandle {
            slot,
            generation: place.generation,
        };
        self.half_open
            .insert((from.clone(), request.challenge), handle);
        self.oldest
            .push_back((now.plus(self.config.half_open_timeout), handle));
        self.touch(handle);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(&(expires, handle)) = self.oldest.front()
            && expires <= now
        {
            self.oldest.pop_front();
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
                self.touch(handle);
            }
        }
    }

    /// When [`Acceptor::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let timer = self.timers.peek().map(|Reverse((due, _))| *due);
        let expiry = self.oldest.front().map(|(expires, _)| *expires);
        timer.into_iter().chain(expiry).min()
    }

    // Output.

    /// What has happened to whom, in the order of each connection. Nothing is told of connections that never were more
    /// than half-open. After [`Event::Disconnected`] the connection is gone; its goodbye is still sent.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<(ConnectionHandle, Event)> {
        while let Some(&handle) = self.eventful.front() {
            let event = self
                .entry_mut(handle)
                .and_then(|entry| entry.connection.poll_event());
            if let Some(event) = event {
                if matches!(event, Event::Disconnected(_)) {
                    self.eventful.pop_front();
                    self.set_eventful(handle, false);
                    self.sweep(handle);
                }
                return Some((handle, event));
            }
            self.eventful.pop_front();
            self.set_eventful(handle, false);
            self.sweep(handle);
        }
        None
    }

    fn set_eventful(&mut self, handle: ConnectionHandle, eventful: bool) {
        if let Some(entry) = self.entry_mut(handle) {
            entry.eventful = eventful;
        }
    }

    /// The next datagram of any connection and where it goes; the same one again until [`Acceptor::transmitted`].
    #[must_use]
    pub fn transmit(&mut self, now: Timestamp) -> Option<(&A, &[u8])> {
        let handle = loop {
            let handle = *self.ready.front()?;
            let prepared = self
                .entry_mut(handle)
                .is_some_and(|entry| entry.connection.prepare(now));
            if prepared {
                break handle;
            }
            self.ready.pop_front();
            if let Some(entry) = self.entry_mut(handle) {
                entry.ready = false;
            }
            self.sweep(handle);
        };
        self.schedule(handle);
        let entry = self.entry(handle)?;
        Some((&entry.address, entry.connection.prepared()))
    }

    /// Reports the datagram as sent, or as dropped by the driver.
    pub fn transmitted(&mut self) {
        // The next connection has its turn.
        if let Some(handle) = self.ready.pop_front() {
            self.ready.push_back(handle);
            if let Some(entry) = self.entry_mut(handle) {
                entry.connection.transmitted();
            }
        }
    }

    // Connections.

    /// Where a connection comes from.
    #[must_use]
    pub fn address(&self, handle: ConnectionHandle) -> Option<&A> {
        self.entry(handle).map(|entry| &entry.address)
    }

    /// A connection, to look at.
    #[must_use]
    pub fn connection(&self, handle: ConnectionHandle) -> Option<&Connection> {
        self.entry(handle).map(|entry| &entry.connection)
    }

    /// As [`Connection::send_with`]; a connection that is gone is not connected.
    ///
    /// # Errors
    ///
    /// As there.
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
            self.touch(handle);
        }
        sent
    }

    /// As [`Connection::shutdown`].
    pub fn shutdown(
        &mut self,
        now: Timestamp,
        handle: ConnectionHandle,
        timeout: Duration,
        reason: u8,
    ) {
        if let Some(entry) = self.entry_mut(handle) {
            entry.connection.shutdown(now, timeout, reason);
            self.touch(handle);
        }
    }

    /// As [`Connection::close`].
    pub fn close(&mut self, handle: ConnectionHandle) {
        if let Some(entry) = self.entry_mut(handle) {
            entry.connection.close();
            self.touch(handle);
        }
    }

    /// Forgets a connection without a word, as a crashed server would.
    pub fn forget(&mut self, handle: ConnectionHandle) {
        if !self.forget_half_open(handle) {
            self.remove(handle);
        }
    }

    /// As [`Connection::recycle`].
    pub fn recycle(&mut self, handle: ConnectionHandle, message: Vec<u8>) {
        if let Some(entry) = self.entry_mut(handle) {
            entry.connection.recycle(message);
        }
    }

    /// How many clients are connected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connected.len()
    }

    /// Whether no client is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connected.is_empty()
    }

    /// How many connections are half-open.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.half_open.len()
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &AcceptorStats {
        &self.stats
    }

    // Housekeeping.

    fn is_half_open(&self, handle: ConnectionHandle) -> bool {
        self.entry(handle).is_some_and(|entry| !entry.verified)
    }

    /// Puts a connection into the queues that its state asks for.
    fn touch(&mut self, handle: ConnectionHandle) {
        let Some(entry) = self.entry_mut(handle) else {
            return;
        };
        // Also if it has left with the same datagram.
        if !entry.verified && entry.connection.is_newly_connected() {
            self.verify(handle);
        }
        let Some(entry) = self.entry_mut(handle) else {
            return;
        };
        let becomes_ready =
            entry.connection.has_output() && !core::mem::replace(&mut entry.ready, true);
        let Some(entry) = self.entry_mut(handle) else {
            return;
        };
        let becomes_eventful = entry.verified
            && entry.connection.has_event()
            && !core::mem::replace(&mut entry.eventful, true);
        if becomes_ready {
            self.ready.push_back(handle);
            self.tidy_ready();
        }
        if becomes_eventful {
            self.eventful.push_back(handle);
        }
        self.schedule(handle);
        self.sweep(handle);
    }

    fn verify(&mut self, handle: ConnectionHandle) {
        let Some(entry) = self.entry(handle) else {
            return;
        };
        let address = entry.address.clone();
        let challenge = entry.connection.challenge();
        if !self.connected.contains_key(&address)
            && self.connected.len() >= self.config.max_connections
        {
            // Others were faster.
            self.stats.refused += 1;
            self.forget_half_open(handle);
            return;
        }
        let Some(entry) = self.entry_mut(handle) else {
            return;
        };
        entry.verified = true;
        self.half_open.remove(&(address.clone(), challenge));
        self.stats.connected += 1;
        if let Some(before) = self.connected.insert(address, handle) {
            self.stats.replaced += 1;
            if let Some(entry) = self.entry_mut(before) {
                entry.connection.on_replaced();
                self.touch(before);
            }
        }
        self.tidy_oldest();
    }

    fn tidy_oldest(&mut self) {
        if self.oldest.len() > MAX_STALE_ENTRIES + 4 * self.half_open.len() {
            let all = core::mem::take(&mut self.oldest);
            self.oldest = all
                .into_iter()
                .filter(|(_, handle)| self.is_half_open(*handle))
                .collect();
        }
        while self
            .oldest
            .front()
            .is_some_and(|(_, handle)| !self.is_half_open(*handle))
        {
            self.oldest.pop_front();
        }
    }

    fn is_ready(&self, handle: ConnectionHandle) -> bool {
        self.entry(handle).is_some_and(|entry| entry.ready)
    }

    /// Drops what is gone from the queue when there is much of it. Who is at the front and is there stays.
    fn tidy_ready(&mut self) {
        let live = self.slots.len().saturating_sub(self.free.len());
        if self.ready.len() > MAX_STALE_ENTRIES + 4 * live {
            let all = core::mem::take(&mut self.ready);
            self.ready = all
                .into_iter()
                .filter(|handle| self.is_ready(*handle))
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

    /// Removes a connection that is over and has nothing left to say.
    fn sweep(&mut self, handle: ConnectionHandle) {
        let over = self.entry(handle).is_some_and(|entry| {
            let connection = &entry.connection;
            // Of what never counted nothing is told.
            let told = !entry.verified || !connection.has_event();
            connection.state() == State::Disconnected && told && !connection.has_output()
        });
        if over {
            self.forget(handle);
        }
    }

    fn remove(&mut self, handle: ConnectionHandle) {
        let Some(entry) = self.entry(handle) else {
            return;
        };
        if self.connected.get(&entry.address) == Some(&handle) {
            let address = entry.address.clone();
            self.connected.remove(&address);
        }
        if let Some(slot) = self.slots.get_mut(handle.slot as usize) {
            slot.entry = None;
            // A slot whose generations are used up is not used again.
            if let Some(next) = slot.generation.checked_add(1) {
                slot.generation = next;
                self.free.push(handle.slot);
            }
        }
    }

    /// Removes a connection if it is half-open.
    fn forget_half_open(&mut self, handle: ConnectionHandle) -> bool {
        let Some(entry) = self.entry(handle).filter(|entry| !entry.verified) else {
            return false;
        };
        let name = (entry.address.clone(), entry.connection.challenge());
        self.half_open.remove(&name);
        self.remove(handle);
        self.tidy_oldest();
        true
    }
}
