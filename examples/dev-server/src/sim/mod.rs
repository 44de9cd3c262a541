//! A simulated network in virtual time: seeded delay, chunking, bandwidth, back-pressure, stalls and cuts.
//!
//! It moves bytes between the two ends of links and knows nothing of what they mean. Same seed and same calls, same
//! deliveries. The loop of a simulation is: give both ends their turn, [`Network::send`] what they have to say, advance
//! to [`Network::next_time`] or an end's own deadline, and hand over what [`Network::poll`] gives until it is `None`.
//!
//! ```
//! use dev_server::sim::{End, Network, StreamSettings, What};
//! use photon_proto::Timestamp;
//!
//! let mut network = Network::new(1);
//! let link = network.connect(Timestamp::ZERO, StreamSettings { delay_ms: 20, ..StreamSettings::default() });
//! let mut seen = Vec::new();
//! while let Some(now) = network.next_time() {
//!     while let Some(delivery) = network.poll(now) {
//!         if delivery.what == What::Opened {
//!             network.send(now, link, End::Client, b"hello");
//!         }
//!         seen.push((now.as_millis(), delivery.to, delivery.what));
//!     }
//! }
//! assert_eq!(seen, [
//!     (20, End::Server, What::Accepted),
//!     (40, End::Client, What::Opened),
//!     (60, End::Server, What::Bytes(b"hello".to_vec())),
//! ]);
//! ```

mod dice;
mod stream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use photon_proto::Timestamp;

pub use dice::Dice;
use stream::Direction;
pub use stream::StreamSettings;

/// Names one link; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkKey(u64);

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
pub enum What {
    /// A connection came in. Only at the server.
    Accepted,
    /// The connection stands. Only at the client.
    Opened,
    /// The connection was refused; the link is gone. Only at the client.
    Refused,
    /// Bytes arrived.
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
    /// What.
    pub what: What,
}

struct Link {
    settings: StreamSettings,
    to_server: Direction,
    to_client: Direction,
}

impl Link {
    const fn towards(&mut self, end: End) -> &mut Direction {
        match end {
            End::Server => &mut self.to_server,
            End::Client => &mut self.to_client,
        }
    }
}

/// All links, and what is on its way.
pub struct Network {
    dice: Dice,
    /// The latest time seen: nothing happens before it.
    now: Timestamp,
    links: BTreeMap<LinkKey, Link>,
    count: u64,
    /// When to look at which end of which link; looks at the same time happen in the order in which they were set.
    looks: BTreeSet<(Timestamp, u64, LinkKey, End)>,
    looks_count: u64,
    /// Happens right now.
    at_once: VecDeque<Delivery>,
}

impl Network {
    /// A network without links. `seed` decides every random number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            now: Timestamp::ZERO,
            links: BTreeMap::new(),
            count: 0,
            looks: BTreeSet::new(),
            looks_count: 0,
            at_once: VecDeque::new(),
        }
    }

    /// A client begins to connect.
    pub fn connect(&mut self, now: Timestamp, settings: StreamSettings) -> LinkKey {
        self.now = self.now.max(now);
        let key = LinkKey(self.count);
        self.count = self.count.saturating_add(1);
        let (mut to_server, mut to_client) = (Direction::default(), Direction::default());
        // The request goes one way, the answer the other.
        let there = self.now.plus_millis(settings.trip_ms(&mut self.dice));
        let back = there.plus_millis(settings.trip_ms(&mut self.dice));
        if settings.refused || settings.unanswered {
            to_server.deafen();
        }
        if settings.refused {
            to_client.push(back, What::Refused);
        } else if !settings.unanswered {
            to_server.push(there, What::Accepted);
            to_client.push(back, What::Opened);
        }
        self.links.insert(key, Link { settings, to_server, to_client });
        self.look_ahead(key);
        key
    }

    /// Sends bytes from an end. Returns how many were taken: fewer than given when as much as the link's window is on
    /// its way, or waits for an end that does not read; [`What::Writable`] then tells when there is room. A link that is
    /// gone, or whose other end has closed, takes everything and delivers nothing.
    pub fn send(&mut self, now: Timestamp, link: LinkKey, from: End, bytes: &[u8]) -> usize {
        self.now = self.now.max(now);
        let Some(Link { settings, to_server, to_client }) = self.links.get_mut(&link) else { return bytes.len() };
        let (direction, own) = match from {
            End::Client => (to_server, to_client),
            End::Server => (to_client, to_server),
        };
        if own.deaf {
            return bytes.len();
        }
        let taken = direction.send(self.now, settings, &mut self.dice, bytes);
        self.look_ahead(link);
        taken
    }

    /// An end closes. The other end gets what was sent before, then [`What::Closed`]; this end gets nothing more.
    pub fn close(&mut self, now: Timestamp, link: LinkKey, end: End) {
        self.now = self.now.max(now);
        let Some(ends) = self.links.get_mut(&link) else { return };
        if !ends.towards(end).deaf {
            ends.towards(end).deafen();
            let settings = ends.settings.clone();
            ends.towards(end.other()).close(self.now, &settings, &mut self.dice);
            self.look_ahead(link);
        }
    }

    /// Whether an end takes what arrives. While it does not, bytes wait, and the other end's window fills.
    pub fn set_reading(&mut self, link: LinkKey, end: End, reading: bool) {
        self.change(link, |link| link.towards(end).set_reading(reading));
    }

    /// Nothing passes in either direction before `until`; what is sent meanwhile is late.
    pub fn stall(&mut self, link: LinkKey, until: Timestamp) {
        self.change(link, |link| {
            link.to_server.hold_until(until);
            link.to_client.hold_until(until);
        });
    }

    /// Resets a link: what is on its way is lost, and both ends are told after the link's delay.
    pub fn reset(&mut self, now: Timestamp, link: LinkKey) {
        self.now = self.now.max(now);
        let (now, dice) = (self.now, &mut self.dice);
        let Some(Link { settings, to_server, to_client }) = self.links.get_mut(&link) else { return };
        for direction in [to_server, to_client] {
            direction.reset(now.plus_millis(settings.trip_ms(dice)));
        }
        self.look_ahead(link);
    }

    /// Cuts a link silently: what is on its way to this end, or sent to it from now on, vanishes, and nobody is told.
    pub fn cut(&mut self, link: LinkKey, towards: End) {
        self.change(link, |link| link.towards(towards).cut());
    }

    /// When something happens next, if nothing is sent until then. Never before a time that was given already.
    #[must_use]
    pub fn next_time(&self) -> Option<Timestamp> {
        if self.at_once.is_empty() { self.looks.first().map(|(at, ..)| *at) } else { Some(self.now) }
    }

    /// The next thing that happens at or before `now`; call until it gives `None`.
    pub fn poll(&mut self, now: Timestamp) -> Option<Delivery> {
        self.now = self.now.max(now);
        if let Some(delivery) = self.at_once.pop_front() {
            return Some(delivery);
        }
        while let Some(&(at, order, key, to)) = self.looks.first().filter(|(at, ..)| *at <= self.now) {
            self.looks.remove(&(at, order, key, to));
            let Some(link) = self.links.get_mut(&key) else { continue };
            let settings = link.settings.clone();
            let direction = link.towards(to);
            direction.look = None;
            let taken = direction.take(self.now, &settings, &mut self.dice);
            let sender_is_there = !link.towards(to.other()).deaf;
            self.look_ahead(key);
            if let Some((what, has_room)) = taken {
                if has_room && sender_is_there {
                    self.at_once.push_back(Delivery { link: key, to: to.other(), what: What::Writable });
                }
                return Some(Delivery { link: key, to, what });
            }
        }
        None
    }

    fn change(&mut self, key: LinkKey, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.get_mut(&key) {
            change(link);
            self.look_ahead(key);
        }
    }

    /// Brings the looks at a link in line with what is to be delivered on it, and drops a link that nobody listens to.
    fn look_ahead(&mut self, key: LinkKey) {
        let Some(link) = self.links.get_mut(&key) else { return };
        let over = link.to_server.deaf && link.to_client.deaf;
        for end in [End::Server, End::Client] {
            let direction = link.towards(end);
            let next = direction.next_due().filter(|_| !over).map(|due| due.max(self.now));
            if direction.look.map(|(at, _)| at) == next {
                continue;
            }
            if let Some((at, order)) = direction.look.take() {
                self.looks.remove(&(at, order, key, end));
            }
            if let Some(at) = next {
                direction.look = Some((at, self.looks_count));
                self.looks.insert((at, self.looks_count, key, end));
                self.looks_count = self.looks_count.wrapping_add(1);
            }
        }
        if over {
            self.links.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
