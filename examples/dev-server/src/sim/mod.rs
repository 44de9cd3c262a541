//! A simulated network in virtual time: seeded delay, chunking, bandwidth, back-pressure, stalls and cuts, for streams and
//! for whole messages; for datagrams loss, repetition, reordering and corruption.
//!
//! It moves bytes between the two ends of links and knows nothing of what they mean. Same seed and same calls, same
//! deliveries. The loop of a simulation is: give both ends their turn, [`Network::send`] what they have to say, advance
//! to [`Network::next_time`] or an end's own deadline, and hand over what [`Network::poll`] gives until it is `None`.
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
mod link;
mod rng;
mod stream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv6Addr, SocketAddr};

use photon_proto::Timestamp;

use crate::netem::{Conditions, DatagramCopy, NetemStats, Pipe};
use datagram::{DatagramLink, FateFn};
pub use datagram::{DatagramSettings, SentDatagram};
use link::Link;
pub use rng::Rng;
use stream::StreamLink;
pub use stream::StreamSettings;

/// Names one link; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkKey(u64);

/// Links have addresses below this prefix, which nobody routes.
const ADDRESS_PREFIX: u128 = 0xFD00 << 112;
const ADDRESS_PORT: u16 = 5000;

impl LinkKey {
    /// The client's address as a server sees it that tells datagrams by their source. No two links have the same.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        let ip = Ipv6Addr::from_bits(ADDRESS_PREFIX | self.0 as u128);
        SocketAddr::new(std::net::IpAddr::V6(ip), ADDRESS_PORT)
    }

    /// The link with this [`address`](Self::address), if there can be one.
    #[must_use]
    pub fn from_address(address: SocketAddr) -> Option<Self> {
        let SocketAddr::V6(address) = address else {
            return None;
        };
        let number = u64::try_from(address.ip().to_bits() ^ ADDRESS_PREFIX).ok()?;
        (address.port() == ADDRESS_PORT).then_some(Self(number))
    }
}

/// One of the two ends of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The one that connected.
    Client,
    /// The one that accepted.
    Server,
}

impl End {
    /// The end across.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What happens at an end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// A connection came in. Only at the server.
    Accepted,
    /// The connection stands. Only at the client.
    Opened,
    /// The connection was refused; the link is gone. Only at the client.
    Refused,
    /// Bytes arrived; on a datagram link one whole datagram, on a message link one whole message.
    Bytes(Vec<u8>),
    /// There is room again after [`Network::send`] took less than it was given.
    Writable,
    /// The other end closed; what it had sent before has been delivered.
    Closed,
    /// The link was reset; what was on its way is lost.
    Reset,
}

/// Something that happens at an end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// On which link.
    pub link: LinkKey,
    /// At which end.
    pub to: End,
    /// What happens.
    pub event: LinkEvent,
}

/// A link, and when to look at its ends.
struct Entry {
    link: Box<dyn Link>,
    looks: [(End, Option<(Timestamp, u64)>); 2],
}

/// All links, and what is on its way.
pub struct Network {
    rng: Rng,
    /// The latest time seen: nothing happens before it.
    now: Timestamp,
    links: BTreeMap<LinkKey, Entry>,
    count: u64,
    /// When to look at which end of which link; looks at the same time happen in the order in which they were set.
    looks: BTreeSet<(Timestamp, u64, LinkKey, End)>,
    looks_count: u64,
    /// Happens right now.
    at_once: VecDeque<Delivery>,
    /// What became of the datagrams of links that are gone.
    gone: NetemStats,
}

impl Network {
    /// A network without links. `seed` decides every random number.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            now: Timestamp::ZERO,
            links: BTreeMap::new(),
            count: 0,
            looks: BTreeSet::new(),
            looks_count: 0,
            at_once: VecDeque::new(),
            gone: NetemStats::default(),
        }
    }

    /// A client begins to connect.
    pub fn connect(&mut self, now: Timestamp, settings: StreamSettings) -> LinkKey {
        self.connect_with(now, settings, false)
    }

    /// A client begins to connect for messages, as over a WebSocket whose handshake takes no time: every
    /// [`LinkEvent::Bytes`] is one whole message. They share the way and the window of a stream.
    ///
    /// ```
    /// use dev_server::sim::{End, Network, StreamSettings, LinkEvent};
    /// use photon_proto::Timestamp;
    ///
    /// let mut network = Network::new(1);
    /// let settings = StreamSettings { window_bytes: 8, ..StreamSettings::default() };
    /// let link = network.connect_messages(Timestamp::ZERO, settings);
    /// let taken = ["hello", "again", "x"].map(|text| network.send(Timestamp::ZERO, link, End::Client, text.as_bytes()));
    /// assert_eq!(taken, [5, 0, 1], "there was no room for the second, whole");
    /// let mut heard = Vec::new();
    /// while let Some(delivery) = network.poll(Timestamp::ZERO) {
    ///     if let (End::Server, LinkEvent::Bytes(message)) = (delivery.to, delivery.event) {
    ///         heard.push(message);
    ///     }
    /// }
    /// assert_eq!(heard, [b"hello".to_vec(), b"x".to_vec()]);
    /// ```
    pub fn connect_messages(&mut self, now: Timestamp, settings: StreamSettings) -> LinkKey {
        self.connect_with(now, settings, true)
    }

    fn connect_with(&mut self, now: Timestamp, settings: StreamSettings, whole: bool) -> LinkKey {
        self.now = self.now.max(now);
        let link = StreamLink::connect(self.now, &mut self.rng, settings, whole);
        self.insert(Box::new(link))
    }

    /// A client opens a socket for datagrams to a server, which is not told. [`LinkEvent::Opened`] happens at once, and
    /// every [`LinkEvent::Bytes`] is one whole datagram.
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
        self.count = self.count.saturating_add(1);
        self.links.insert(
            key,
            Entry {
                link,
                looks: [(End::Server, None), (End::Client, None)],
            },
        );
        self.look_ahead(key);
        key
    }

    /// Sends bytes from an end. Returns how many were taken.
    ///
    /// A stream link takes fewer than given, and a message link none, when as much as its window is on its way, or waits for an end that does not
    /// read; [`LinkEvent::Writable`] then tells when there is room. A datagram link takes every datagram whole, and loses
    /// what is too much. A link that is gone, or whose other end has closed, takes everything and delivers nothing.
    pub fn send(&mut self, now: Timestamp, link: LinkKey, from: End, bytes: &[u8]) -> usize {
        self.now = self.now.max(now);
        let Some(Entry { link: ends, .. }) = self.links.get_mut(&link) else {
            return bytes.len();
        };
        let taken = ends.send(self.now, &mut self.rng, from, bytes);
        self.look_ahead(link);
        taken
    }

    /// An end closes. The other end gets what was sent before, then, on a stream, [`LinkEvent::Closed`]; this end gets
    /// nothing more.
    pub fn close(&mut self, now: Timestamp, link: LinkKey, end: End) {
        self.now = self.now.max(now);
        let (now, key) = (self.now, link);
        self.change(key, |link, rng| link.close(now, rng, end));
    }

    /// Whether an end takes what arrives. While it does not, bytes wait, and the other end's window fills; of datagrams
    /// as many wait as may be on their way.
    pub fn set_reading(&mut self, link: LinkKey, end: End, reading: bool) {
        self.change(link, |link, _| link.set_reading(end, reading));
    }

    /// Nothing passes in either direction before `until`; what is sent meanwhile is late.
    pub fn stall(&mut self, link: LinkKey, until: Timestamp) {
        self.change(link, |link, _| link.stall(until));
    }

    /// Resets a link: what is on its way is lost, and both ends are told after the link's delay. The ends of a datagram
    /// link are not told: it is [`cut`](Self::cut) in both directions.
    pub fn reset(&mut self, now: Timestamp, link: LinkKey) {
        self.now = self.now.max(now);
        let now = self.now;
        self.change(link, |link, rng| link.reset(now, rng));
    }

    /// Cuts a link silently: what is on its way to this end, or sent to it from now on, vanishes, and nobody is told.
    pub fn cut(&mut self, link: LinkKey, towards: End) {
        self.change(link, |link, _| link.cut(towards));
    }

    /// Changes the conditions of a datagram link for what is sent to this end from now on. A stream link has none.
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
    /// function of the link are. It is for datagrams that a test writes by hand.
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

    /// The number of datagrams on their way to this end, those that have arrived and were not
    /// polled included. It is 0 for a stream link.
    #[must_use]
    pub fn in_flight(&self, link: LinkKey, to: End) -> usize {
        self.pipe(link, to).map_or(0, Pipe::len)
    }

    /// The datagram at `index` on its way to this end, in the order of arrival.
    #[must_use]
    pub fn peek_in_flight(&self, link: LinkKey, to: End, index: usize) -> Option<&[u8]> {
        self.pipe(link, to)?.get(index)
    }

    /// Removes the datagram at `index` on its way to this end, in the order of arrival. A script
    /// that decides on each delivery itself never calls [`poll`](Self::poll), and uses this.
    pub fn remove_in_flight(&mut self, link: LinkKey, to: End, index: usize) -> Option<Vec<u8>> {
        let entry = self.links.get_mut(&link)?;
        let datagram = entry.link.in_flight_mut(to)?.remove(index);
        self.look_ahead(link);
        datagram
    }

    fn pipe(&self, link: LinkKey, to: End) -> Option<&Pipe<()>> {
        self.links.get(&link)?.link.in_flight(to)
    }

    /// What became of the datagrams of all links, those that are gone included. What was sent on a link that had been
    /// closed or cut, or was too long, is not counted.
    #[must_use]
    pub fn datagram_stats(&self) -> NetemStats {
        let mut stats = self.gone;
        for entry in self.links.values() {
            stats.add(&entry.link.stats());
        }
        stats
    }

    /// When something happens next, if nothing is sent until then. Never before a time that was given already.
    #[must_use]
    pub fn next_time(&self) -> Option<Timestamp> {
        if self.at_once.is_empty() {
            self.looks.first().map(|(at, ..)| *at)
        } else {
            Some(self.now)
        }
    }

    /// The next thing that happens at or before `now`; call until it gives `None`.
    pub fn poll(&mut self, now: Timestamp) -> Option<Delivery> {
        self.now = self.now.max(now);
        if let Some(delivery) = self.at_once.pop_front() {
            return Some(delivery);
        }
        while let Some(&(at, order, key, to)) =
            self.looks.first().filter(|(at, ..)| *at <= self.now)
        {
            self.looks.remove(&(at, order, key, to));
            let Some(entry) = self.links.get_mut(&key) else {
                continue;
            };
            for (end, look) in &mut entry.looks {
                if *end == to {
                    *look = None;
                }
            }
            let taken = entry.link.take(self.now, &mut self.rng, to);
            self.look_ahead(key);
            if let Some((event, tell_sender)) = taken {
                if tell_sender {
                    self.at_once.push_back(Delivery {
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
            self.look_ahead(key);
        }
    }

    /// Brings the looks at a link in line with what is to be delivered on it, and drops a link that nobody listens to.
    fn look_ahead(&mut self, key: LinkKey) {
        let Some(Entry { link, looks }) = self.links.get_mut(&key) else {
            return;
        };
        let over = link.is_over();
        for (end, look) in looks {
            let next = link
                .next_due(*end)
                .filter(|_| !over)
                .map(|due| due.max(self.now));
            if look.map(|(at, _)| at) == next {
                continue;
            }
            if let Some((at, order)) = look.take() {
                self.looks.remove(&(at, order, key, *end));
            }
            if let Some(at) = next {
                *look = Some((at, self.looks_count));
                self.looks.insert((at, self.looks_count, key, *end));
                self.looks_count = self.looks_count.wrapping_add(1);
            }
        }
        if over && let Some(entry) = self.links.remove(&key) {
            self.gone.add(&entry.link.stats());
        }
    }
}

#[cfg(test)]
mod datagram_tests;
#[cfg(test)]
mod tests;
