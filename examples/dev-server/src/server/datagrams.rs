//! A UDP socket for all clients of one of the two servers, with a bad line behind it if that is wanted.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use photon_proto::Timestamp;

use crate::connections::Role;
use crate::core::ServerCore;
use crate::line::Line;
use crate::sim::Dice;

/// Datagrams taken from the socket, and given to it, before others get their turn.
const PER_TURN: usize = 512;
/// One byte more than any datagram that counts, so that a longer one is not mistaken for one. Spec: udp.md 9, item 5.
const BUFFER_BYTES: usize = 2049;
/// What may be on its way on the bad line, in each direction.
const LINE_BYTES: usize = 64 * 1024 * 1024;

pub(super) struct DatagramSocket {
    socket: UdpSocket,
    role: Role,
    /// The host that clients reach; `None` if it depends on the client.
    local_host: Option<String>,
    /// There may be datagrams to receive. Readiness is told once, so this stands until there are none.
    readable: bool,
    /// The socket took no more; the operating system will tell when it takes more.
    blocked: bool,
    /// There may be more to send, beyond the bound of the last turn.
    unfinished: bool,
    incoming: Line<SocketAddr>,
    outgoing: Line<SocketAddr>,
    /// Has left the bad line, and waits for the socket.
    waiting: Option<(SocketAddr, Vec<u8>)>,
    dice: Dice,
    buffer: Box<[u8]>,
}

impl DatagramSocket {
    pub(super) fn bind(
        registry: &Registry,
        address: SocketAddr,
        role: Role,
        token: Token,
        dice: Dice,
    ) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(address)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let ip = address.ip().to_canonical();
        Ok(Self {
            socket,
            role,
            local_host: (!ip.is_unspecified()).then(|| ip.to_string()),
            readable: true,
            blocked: false,
            unfinished: false,
            incoming: Line::new(LINE_BYTES),
            outgoing: Line::new(LINE_BYTES),
            waiting: None,
            dice,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
        })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(super) const fn wake(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.blocked &= !writable;
    }

    pub(super) const fn has_work(&self) -> bool {
        self.readable || (self.unfinished && !self.blocked)
    }

    /// When something leaves the bad line.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let outgoing = self.outgoing.next_time().filter(|_| !self.blocked);
        self.incoming.next_time().into_iter().chain(outgoing).min()
    }

    /// Receives what is there, up to a bound.
    pub(super) fn read(&mut self, core: &mut ServerCore, now: Timestamp) {
        let conditions = core.config().line;
        let direct = conditions.is_clear() && self.incoming.is_empty();
        let Self { socket, role, local_host, readable, incoming, dice, buffer, .. } = self;
        for _ in 0..PER_TURN {
            if !*readable {
                break;
            }
            match socket.recv_from(buffer) {
                Ok((length, from)) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    if direct {
                        core.received_datagram(now, *role, from, || host(local_host.as_deref(), from), datagram);
                    } else {
                        incoming.send(now, &conditions, dice, from, datagram);
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => *readable = false,
                    // What the network says of datagrams that were sent: resends take care of it.
                    ErrorKind::Interrupted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused => {}
                    _ => {
                        log::error!("cannot receive datagrams: {error}");
                        *readable = false;
                    }
                },
            }
        }
        for _ in 0..PER_TURN {
            let Some((from, datagram)) = incoming.poll(now) else { break };
            core.received_datagram(now, *role, from, || host(local_host.as_deref(), from), &datagram);
        }
    }

    /// Sends what the core has, up to a bound.
    pub(super) fn write(&mut self, core: &mut ServerCore, now: Timestamp) {
        self.unfinished = true;
        for _ in 0..PER_TURN {
            if self.blocked {
                return;
            }
            if let Some((to, datagram)) = self.waiting.take().or_else(|| self.outgoing.poll(now)) {
                if !self.send(to, &datagram) {
                    self.waiting = Some((to, datagram));
                }
                continue;
            }
            let conditions = core.config().line;
            let Some((to, datagram)) = core.transmit_datagram(now, self.role) else {
                self.unfinished = false;
                return;
            };
            if conditions.is_clear() && self.outgoing.is_empty() {
                if !self.send(to, datagram) {
                    return;
                }
            } else {
                self.outgoing.send(now, &conditions, &mut self.dice, to, datagram);
            }
            core.transmitted_datagram(self.role);
        }
    }

    /// Whether the socket took a datagram, or never will.
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> bool {
        match self.socket.send_to(datagram, to) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.blocked = true;
                false
            }
            Err(error) => {
                log::debug!("a datagram cannot be sent: {error}");
                true
            }
            Ok(_) => true,
        }
    }
}

/// The host that this client reached: the one that this machine would send from to reach the client.
fn host(local_host: Option<&str>, client: SocketAddr) -> String {
    if let Some(host) = local_host {
        return host.to_owned();
    }
    let client = SocketAddr::new(client.ip().to_canonical(), client.port());
    let any = match client {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    // Sends nothing: the operating system only looks for the way.
    let found = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(client)?;
        socket.local_addr()
    });
    match found {
        Ok(local) => local.ip().to_canonical().to_string(),
        Err(error) => {
            log::warn!("cannot tell under which address a client reaches this machine: {error}");
            client.ip().to_string()
        }
    }
}
