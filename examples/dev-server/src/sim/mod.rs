//! A simulated network in virtual time. Streams and message links have seeded delay, chunking,
//! bandwidth, back-pressure, stalls and cuts; datagram links have loss, duplication, reordering and
//! corruption, or a script that decides on each datagram.
//!
//! The network moves bytes between the two ends of links and does not interpret them. The same seed
//! and the same calls give the same deliveries. A simulation repeats these steps: service both
//! ends, pass their output to [`Network::send`], advance the time to [`Network::next_time`] or to a
//! deadline of an end, and handle the deliveries of [`Network::poll`] until it returns `None`.
//!
//! ```
//! use dev_server::sim::{End, Network, StreamSettings, LinkEvent};
//! use photon_proto::Timestamp;
//!
//! let mut network = Network::new(1);
//! let link = network.connect(Timestamp::ZERO, StreamSettings { delay_ms: 20, ..StreamSettings::default() });
//! let mut seen = Vec::new();
//! while let Some(now) = network.next_time() {
//!     while let Some(delivery) = network.poll(now) {
//!         if delivery.event == LinkEvent::Opened {
//!             network.send(now, link, End::Client, b"hello");
//!         }
//!         seen.push((now.as_millis(), delivery.to, delivery.event));
//!     }
//! }
//! assert_eq!(seen, [
//!     (20, End::Server, LinkEvent::Accepted),
//!     (40, End::Client, LinkEvent::Opened),
//!     (60, End::Server, LinkEvent::Bytes(b"hello".to_vec())),
//! ]);
//! ```

mod datagram;
mod event;
mod link;
mod stream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use photon_proto::Timestamp;

use crate::netem::{Conditions, DatagramCopy, NetemStats, Pipe};
pub use crate::rng::Rng;
use datagram::{DatagramLink, FateFn};
pub use datagram::{DatagramSettings, SentDatagram};
pub use event::{AddressChange, Delivery, End, LinkEvent, LinkKey};
use link::Link;
use stream::StreamLink;
pub use stream::StreamSettings;

/// A link, and the time at which to check each of its ends.
struct Entry {
    link: Box<dyn Link>,
    checks: [(End, Option<(Timestamp, u64)>); 2],
    /// How often the client's port and host changed.
    address_changes: (u16, u16),
}

/// All links, and the bytes in flight on them.
pub struct Network {
    rng: Rng,
    /// The latest time seen: nothing happens before it.
    now: Timestamp,
    links: BTreeMap<LinkKey, Entry>,
    count: u64,
    /// The checks of all links in the order of time; checks at the same time run in the order in
    /// which they were set.
    checks: BTreeSet<(Timestamp, u64, LinkKey, End)>,
    check_count: u64,
    /// Deliveries that are due immediately.
    immediate: VecDeque<Delivery>,
    /// The datagram counters of links that are gone.
    closed_stats: NetemStats,
}

impl Network {
    /// Creates a network without links. `seed` determines every random number.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            now: Timestamp::ZERO,
            links: BTreeMap::new(),
            count: 0,
            checks: BTreeSet::new(),
            check_count: 0,
            immediate: VecDeque::new(),
            closed_stats: NetemStats::default(),
        }
    }

    /// Opens a stream link: the client begins to connect.
    pub fn connect(&mut self, now: Timestamp, settings: StreamSettings) -> LinkKey {
        self.connect_with(now, settings, false)
    }

    /// Opens a message link, as a WebSocket whose handshake takes no time: the client begins to
    /// connect, and every [`LinkEvent::Bytes`] is one whole message. The messages share the window
    /// of a stream.
    ///
    /// ```
    /// use dev_server::sim::{End, Network, StreamSettings, LinkEvent};
    /// use photon_proto::Timestamp;
    ///
    /// let mut network = Network::new(1);
    /// let settings = StreamSettings { window_bytes: 8, ..StreamSettings::default() };
    /// let link = network.connect_messages(Timestamp::ZERO, settings);
    /// let accepted = ["hello", "again", "x"].map(|text| network.send(Timestamp::ZERO, link, End::Client, text.as_bytes()));
    /// assert_eq!(accepted, [5, 0, 1], "the second does not fit into the window, and is not cut");
    /// let mut received = Vec::new();
    /// while let Some(delivery) = network.poll(Timestamp::ZERO) {
    ///     if let (End::Server, LinkEvent::Bytes(message)) = (delivery.to, delivery.event) {
    ///         received.push(message);
    ///     }
    /// }
    /// assert_eq!(received, [b"hello".to_vec(), b"x".to_vec()]);
    /// ```
    pub fn connect_messages(&mut self, now: Timestamp, settings: StreamSettings) -> LinkKey {
        self.connect_with(now, settings, true)
    }

    fn connect_with(&mut self, now: Timestamp, settings: StreamSettings, whole: bool) -> LinkKey {
        self.now = self.now.max(now);
        let link = StreamLink::connect(self.now, &mut self.rng, settings, whole);
        self.insert(Box::new(link))
    }

    /// Opens a datagram link: the client opens a UDP socket, which the server does not notice.
    /// [`LinkEvent::Opened`] happens at once, and every [`LinkEvent::Bytes`] is one whole datagram.
    ///
    /// ```
    /// use dev_server::sim::{DatagramSettings, End, Network, LinkEvent};
    /// use photon_proto::Timestamp;
    ///
    /// let mut network = Network::new(1);
    /// let settings = DatagramSettings::both("delay=20 loss=5".parse()?);
    /// let link = network.open_datagrams(Timestamp::ZERO, &settings);
    /// network.send(Timestamp::ZERO, link, End::Client, b"hello");
    /// assert_eq!(network.poll(Timestamp::ZERO).map(|delivery| delivery.event), Some(LinkEvent::Opened));
    /// let there = network.poll(Timestamp::from_millis(20)).map(|delivery| delivery.event);
    /// assert_eq!(there, Some(LinkEvent::Bytes(b"hello".to_vec())));
    /// # Ok::<(), dev_server::netem::ConditionsError>(())
    /// ```
    pub fn open_datagrams(&mut self, now: Timestamp, settings: &DatagramSettings) -> LinkKey {
        self.now = self.now.max(now);
        self.insert(Box::new(DatagramLink::new(settings)))
    }

    fn insert(&mut self, link: Box<dyn Link>) -> LinkKey {
        let key = LinkKey(self.count);
        self.count += 1;
        self.links.insert(
            key,
            Entry {
                link,
                checks: [(End::Server, None), (End::Client, None)],
                address_changes: (0, 0),
            },
        );
        self.update_checks(key);
        key
    }

    /// Sends bytes from an end. Returns how many bytes were accepted.
    ///
    /// While a window full of bytes is in flight, or waits for an end that does not read, a stream
    /// link accepts only a part and a message link nothing; [`LinkEvent::Writable`] follows when
    /// the end can send again. A datagram link accepts every datagram, and loses those that are too
    /// long or too many. A link that is gone, or whose opposite end has closed, accepts everything
    /// and delivers nothing.
    pub fn send(&mut self, now: Timestamp, link: LinkKey, from: End, bytes: &[u8]) -> usize {
        self.now = self.now.max(now);
        let Some(Entry { link: ends, .. }) = self.links.get_mut(&link) else {
            return bytes.len();
        };
        let taken = ends.send(self.now, &mut self.rng, from, bytes);
        self.update_checks(link);
        taken
    }

    /// Closes an end. The opposite end receives everything sent before and then, on a stream,
    /// [`LinkEvent::Closed`]; this end receives nothing more.
    pub fn close(&mut self, now: Timestamp, link: LinkKey, end: End) {
        self.now = self.now.max(now);
        let (now, key) = (self.now, link);
        self.change(key, |link, rng| link.close(now, rng, end));
    }

    /// Sets whether an end reads. While it does not, bytes wait for it and fill the window of the
    /// opposite end; datagrams wait up to the limit of bytes in flight.
    pub fn set_reading(&mut self, link: LinkKey, end: End, reading: bool) {
        self.change(link, |link, _| link.set_reading(end, reading));
    }

    /// Delivers nothing in either direction before `until`. Bytes sent meanwhile are late, not
    /// lost.
    pub fn stall(&mut self, link: LinkKey, until: Timestamp) {
        self.change(link, |link, _| link.stall(until));
    }

    /// Resets a link: bytes in flight are lost, and both ends receive [`LinkEvent::Reset`] after
    /// the link's delay. A datagram link is [`cut`](Self::cut) in both directions instead.
    pub fn reset(&mut self, now: Timestamp, link: LinkKey) {
        self.now = self.now.max(now);
        let now = self.now;
        self.change(link, |link, rng| link.reset(now, rng));
    }

    /// Cuts a link silently: bytes in flight to this end, or sent to it later, are lost. Neither
    /// end is notified.
    pub fn cut(&mut self, link: LinkKey, towards: End) {
        self.change(link, |link, _| link.cut(towards));
    }

    /// Changes the address of a link's client. From now on datagrams of the client come from the new
    /// address, and those that the server sends to the old one are lost. A stream has no use for
    /// another address: the link is [`cut`](Self::cut) in both directions.
    ///
    /// ```
    /// use dev_server::sim::{AddressChange, DatagramSettings, Network};
    /// use photon_proto::Timestamp;
    ///
    /// let mut network = Network::new(1);
    /// let link = network.open_datagrams(Timestamp::ZERO, &DatagramSettings::default());
    /// let old = network.address(link);
    /// network.change_address(link, AddressChange::Port);
    /// let new = network.address(link);
    /// assert_eq!((old.ip() == new.ip(), old.port() == new.port()), (true, false));
    /// assert_eq!((network.link_at(old), network.link_at(new)), (None, Some(link)));
    /// ```
    pub fn change_address(&mut self, link: LinkKey, change: AddressChange) {
        let Some(entry) = self.links.get_mut(&link) else {
            return;
        };
        let (ports, hosts) = &mut entry.address_changes;
        match change {
            AddressChange::Port => *ports = ports.wrapping_add(1),
            AddressChange::Host => *hosts = hosts.wrapping_add(1),
        }
        if entry.link.in_flight(End::Client).is_none() {
            self.cut(link, End::Server);
            self.cut(link, End::Client);
        }
    }

    /// Returns the present address of a link's client.
    #[must_use]
    pub fn address(&self, link: LinkKey) -> SocketAddr {
        let entry = self.links.get(&link);
        let (ports, hosts) = entry.map_or((0, 0), |entry| entry.address_changes);
        link.changed_address(ports, hosts)
    }

    /// Returns the link whose client has this address now.
    #[must_use]
    pub fn link_at(&self, address: SocketAddr) -> Option<LinkKey> {
        LinkKey::of_any_address(address).filter(|link| self.address(*link) == address)
    }

    /// Changes the conditions of a datagram link for datagrams sent to this end from now on. It has
    /// no effect on a stream link.
    pub fn set_conditions(&mut self, link: LinkKey, towards: End, conditions: Conditions) {
        self.change(link, |link, _| link.set_conditions(towards, conditions));
    }

    /// Lets a function decide the fate of every datagram that is sent on this link from now on, in
    /// both directions and in place of its conditions: the copies that arrive, when, and with which
    /// bytes. A stream link has no fate.
    ///
    /// ```
    /// use dev_server::sim::{DatagramSettings, End, LinkEvent, Network};
    /// use photon_proto::Timestamp;
    ///
    /// let mut network = Network::new(1);
    /// let link = network.open_datagrams(Timestamp::ZERO, &DatagramSettings::default());
    /// network.set_fate(link, |sent| match sent.index {
    ///     0 => vec![],                                                  // lost
    ///     1 => vec![sent.copy_after_ms(30), sent.copy_after_ms(40)],    // repeated
    ///     _ => vec![sent.copy_after_ms(20)],                            // overtakes
    /// });
    /// for bytes in [b"a", b"b", b"c"] {
    ///     network.send(Timestamp::ZERO, link, End::Client, bytes);
    /// }
    /// let mut arrived = Vec::new();
    /// while let Some(now) = network.next_time() {
    ///     while let Some(delivery) = network.poll(now) {
    ///         if let LinkEvent::Bytes(bytes) = delivery.event {
    ///             arrived.push((now.as_millis(), bytes));
    ///         }
    ///     }
    /// }
    /// assert_eq!(arrived, [(20, b"c".to_vec()), (30, b"b".to_vec()), (40, b"b".to_vec())]);
    /// ```
    pub fn set_fate(
        &mut self,
        link: LinkKey,
        fate: impl FnMut(&SentDatagram<'_>) -> Vec<DatagramCopy> + Send + 'static,
    ) {
        self.change(link, |link, _| link.set_fate(Some(Box::new(fate))));
    }

    /// Sends a datagram that arrives after exactly this delay, whatever the conditions or the fate
    /// function. It is for datagrams that a test writes by hand. It has no effect on a stream link.
    pub fn send_after(
        &mut self,
        now: Timestamp,
        link: LinkKey,
        from: End,
        delay_micros: u64,
        bytes: &[u8],
    ) {
        self.now = self.now.max(now);
        let now = self.now;
        self.change(link, |link, _| {
            link.send_after(now, from, delay_micros, bytes);
        });
    }

    /// Returns the number of datagrams in flight to this end, including those that have arrived and
    /// were not polled. It is 0 for a stream link.
    #[must_use]
    pub fn in_flight(&self, link: LinkKey, to: End) -> usize {
        self.pipe(link, to).map_or(0, Pipe::len)
    }

    /// Returns the datagram at `index` of those in flight to this end, in the order of arrival.
    #[must_use]
    pub fn peek_in_flight(&self, link: LinkKey, to: End, index: usize) -> Option<&[u8]> {
        self.pipe(link, to)?.get(index)
    }

    /// Removes the datagram at `index` of those in flight to this end, in the order of arrival. A
    /// script that decides on every delivery itself uses this in place of [`poll`](Self::poll).
    pub fn remove_in_flight(&mut self, link: LinkKey, to: End, index: usize) -> Option<Vec<u8>> {
        let entry = self.links.get_mut(&link)?;
        let datagram = entry.link.in_flight_mut(to)?.remove(index);
        self.update_checks(link);
        datagram
    }

    fn pipe(&self, link: LinkKey, to: End) -> Option<&Pipe<()>> {
        self.links.get(&link)?.link.in_flight(to)
    }

    /// Returns the datagram counters of all links, including those that are gone. Datagrams are not
    /// counted if they were too long, or were sent on a link that had been closed or cut.
    #[must_use]
    pub fn datagram_stats(&self) -> NetemStats {
        let mut stats = self.closed_stats;
        for entry in self.links.values() {
            stats.add(&entry.link.stats());
        }
        stats
    }

    /// Returns the time of the next event if nothing is sent until then. It is never before a time
    /// passed to this network.
    #[must_use]
    pub fn next_time(&self) -> Option<Timestamp> {
        if self.immediate.is_empty() {
            self.checks.first().map(|(at, ..)| *at)
        } else {
            Some(self.now)
        }
    }

    /// Returns the next event that is due at `now`. Call it until it returns `None`.
    pub fn poll(&mut self, now: Timestamp) -> Option<Delivery> {
        self.now = self.now.max(now);
        if let Some(delivery) = self.immediate.pop_front() {
            return Some(delivery);
        }
        while let Some(&(at, order, key, to)) =
            self.checks.first().filter(|(at, ..)| *at <= self.now)
        {
            self.checks.remove(&(at, order, key, to));
            let Some(entry) = self.links.get_mut(&key) else {
                debug_assert!(false, "a link takes its checks along when it is dropped");
                continue;
            };
            for (end, check) in &mut entry.checks {
                if *end == to {
                    debug_assert_eq!(*check, Some((at, order)), "both tables of checks agree");
                    *check = None;
                }
            }
            let taken = entry.link.take(self.now, &mut self.rng, to);
            self.update_checks(key);
            if let Some((event, notify_sender)) = taken {
                if notify_sender {
                    self.immediate.push_back(Delivery {
                        link: key,
                        to: to.other(),
                        event: LinkEvent::Writable,
                    });
                }
                return Some(Delivery {
                    link: key,
                    to,
                    event,
                });
            }
        }
        None
    }

    fn change(&mut self, key: LinkKey, change: impl FnOnce(&mut dyn Link, &mut Rng)) {
        if let Some(entry) = self.links.get_mut(&key) {
            change(&mut *entry.link, &mut self.rng);
            self.update_checks(key);
        }
    }

    /// Updates the checks of a link after any change of it, and drops the link once both ends have
    /// closed.
    fn update_checks(&mut self, key: LinkKey) {
        let Some(Entry { link, checks, .. }) = self.links.get_mut(&key) else {
            return;
        };
        let over = link.is_over();
        for (end, check) in checks {
            let next = link
                .next_due(*end)
                .filter(|_| !over)
                .map(|due| due.max(self.now));
            if check.map(|(at, _)| at) == next {
                continue;
            }
            if let Some((at, order)) = check.take() {
                let removed = self.checks.remove(&(at, order, key, *end));
                debug_assert!(removed, "both tables of checks agree");
            }
            if let Some(at) = next {
                *check = Some((at, self.check_count));
                self.checks.insert((at, self.check_count, key, *end));
                self.check_count += 1;
            }
        }
        if over && let Some(entry) = self.links.remove(&key) {
            self.closed_stats.add(&entry.link.stats());
        }
        debug_assert!(
            !self.links.is_empty() || self.checks.is_empty(),
            "a network without links has nothing to deliver"
        );
    }
}

#[cfg(test)]
mod datagram_tests;
#[cfg(test)]
mod tests;
