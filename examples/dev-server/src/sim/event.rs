//! The names of links and their ends, and the events that happen there.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The id of a link, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkKey(pub(super) u64);

/// The addresses of links have this prefix (fd00::/64, a unique local prefix), so that no real host
/// has one of them.
const ADDRESS_PREFIX: u128 = 0xFD00 << 112;
const ADDRESS_PORT: u16 = 5000;

impl LinkKey {
    /// Returns the address of the client for a server that distinguishes datagrams by their source,
    /// unless it [changed](super::Network::change_address). Each link has its own.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        let ip = Ipv6Addr::from_bits(ADDRESS_PREFIX | self.0 as u128);
        SocketAddr::new(IpAddr::V6(ip), ADDRESS_PORT)
    }

    /// Returns the link with this [`address`](Self::address); `None` if no link can have it.
    #[must_use]
    pub fn from_address(address: SocketAddr) -> Option<Self> {
        let link = Self::of_any_address(address)?;
        (link.address() == address).then_some(link)
    }

    /// The link that has this address or had it once.
    pub(super) fn of_any_address(address: SocketAddr) -> Option<Self> {
        let SocketAddr::V6(address) = address else {
            return None;
        };
        let bits = address.ip().to_bits();
        let number = u64::try_from(bits & u128::from(u64::MAX)).ok()?;
        (bits >> 112 == ADDRESS_PREFIX >> 112).then_some(Self(number))
    }

    /// The address of the client after so many changes of its port and of its host.
    pub(super) fn changed_address(self, ports: u16, hosts: u16) -> SocketAddr {
        let bits = ADDRESS_PREFIX | u128::from(hosts) << 64 | u128::from(self.0);
        let port = ADDRESS_PORT.wrapping_add(ports);
        SocketAddr::new(IpAddr::V6(Ipv6Addr::from_bits(bits)), port)
    }
}

/// One of the two ends of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// The end that connected.
    Client,
    /// The end that accepted.
    Server,
}

impl End {
    /// Returns the opposite end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A change of a client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressChange {
    /// Another port, as when a router forgets a mapping (NAT rebinding).
    Port,
    /// Another host, as when a phone changes from WLAN to a mobile network.
    Host,
}

/// An event at an end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// A connection arrived. At the server only.
    Accepted,
    /// The connection is established. At the client only.
    Opened,
    /// The connection was refused; the link is gone. At the client only.
    Refused,
    /// Bytes arrived: on a datagram link one whole datagram, on a message link one whole message.
    Bytes(Vec<u8>),
    /// The end can send again, after [`Network::send`](super::Network::send) accepted only a part.
    Writable,
    /// The opposite end closed; everything that it sent before has been delivered.
    Closed,
    /// The link was reset; bytes in flight are lost.
    Reset,
}

/// An event, with the link and the end at which it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The link.
    pub link: LinkKey,
    /// The end.
    pub to: End,
    /// The event.
    pub event: LinkEvent,
}
