//! The UDP socket of one of the two servers, for all its clients, with emulated network conditions.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use photon_proto::Timestamp;
use socket2::SockRef;

use crate::core::ServerCore;
use crate::ids::ServerKind;
use crate::netem::Pipe;
use crate::sim::Rng;

/// The datagrams received and sent per turn, so that one server cannot delay the other.
const PER_TURN: usize = 512;
/// The size of the largest possible datagram: some systems report an error if a datagram does not
/// fit.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;
/// The requested size of the socket's buffers: thousands of clients may send at once.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// The errors in a row after which the socket pauses.
const MAX_ERRORS: usize = 16;
/// The length of the pause.
const PAUSE_MS: u64 = 200;
/// The bytes in flight in each direction under the emulated network conditions.
const MAX_IN_FLIGHT_BYTES: usize = 64 * 1024 * 1024;

pub(super) struct DatagramSocket {
    socket: UdpSocket,
    server_kind: ServerKind,
    /// The host that clients reach; `None` if it depends on the client.
    local_host: Option<String>,
    input: Input,
    /// Whether the socket took no more; the poll reports when it takes more.
    blocked: bool,
    /// Whether the last turn stopped at its limit.
    unfinished: bool,
    incoming: Pipe<SocketAddr>,
    outgoing: Pipe<SocketAddr>,
    /// A datagram that the socket has not taken yet.
    waiting: Option<(SocketAddr, Vec<u8>)>,
    rng: Rng,
}

/// The readiness of the socket for receiving.
struct Input {
    /// Whether there may be input. The poll reports readiness once, so this is true until a call
    /// blocks.
    readable: bool,
    /// The end of a pause after too many errors.
    paused_until: Option<Timestamp>,
}

impl Input {
    const fn has_work(&self) -> bool {
        self.readable && self.paused_until.is_none()
    }

    /// Calls `receive` until it blocks, up to a limit.
    fn receive(
        &mut self,
        now: Timestamp,
        buffer: &mut [u8],
        mut receive: impl FnMut(&mut [u8]) -> io::Result<(usize, SocketAddr)>,
        mut take: impl FnMut(&[u8], SocketAddr),
    ) {
        self.paused_until = self.paused_until.filter(|until| *until > now);
        let mut errors = 0;
        for _ in 0..PER_TURN {
            if !self.has_work() {
                return;
            }
            match receive(buffer) {
                Ok((length, from)) => {
                    errors = 0;
                    take(buffer.get(..length).unwrap_or_default(), from);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => self.readable = false,
                    // ICMP errors about datagrams sent earlier: resends repair the loss.
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionRefused => {}
                    _ => {
                        errors += 1;
                        if errors >= MAX_ERRORS {
                            log::error!("cannot receive datagrams: {error}");
                            self.paused_until = Some(now.plus_millis(PAUSE_MS));
                        }
                    }
                },
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    if let Err(error) = SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER_BYTES) {
        log::debug!("cannot enlarge the receive buffer: {error}");
    }
    Ok(UdpSocket::from_std(socket))
}

impl DatagramSocket {
    pub(super) fn bind(
        registry: &Registry,
        address: SocketAddr,
        server_kind: ServerKind,
        token: Token,
        rng: Rng,
    ) -> io::Result<Self> {
        let mut socket = bind(address)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let ip = address.ip().to_canonical();
        Ok(Self {
            socket,
            server_kind,
            local_host: (!ip.is_unspecified()).then(|| ip.to_string()),
            input: Input {
                readable: true,
                paused_until: None,
            },
            blocked: false,
            unfinished: false,
            incoming: Pipe::new(MAX_IN_FLIGHT_BYTES),
            outgoing: Pipe::new(MAX_IN_FLIGHT_BYTES),
            waiting: None,
            rng,
        })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(super) const fn wake(&mut self, readable: bool, writable: bool) {
        self.input.readable |= readable;
        self.blocked &= !writable;
    }

    pub(super) const fn has_work(&self) -> bool {
        self.input.has_work() || (self.unfinished && !self.blocked)
    }

    /// The time at which a datagram arrives or leaves, or a pause ends.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let outgoing = self.outgoing.next_time().filter(|_| !self.blocked);
        self.incoming
            .next_time()
            .into_iter()
            .chain(outgoing)
            .chain(self.input.paused_until)
            .min()
    }

    /// Receives datagrams, up to a limit, into the buffer of [`BUFFER_BYTES`].
    pub(super) fn read(&mut self, core: &mut ServerCore, now: Timestamp, buffer: &mut [u8]) {
        let conditions = core.config().conditions;
        let direct = conditions.is_clear() && self.incoming.is_empty();
        let Self {
            socket,
            server_kind,
            local_host,
            input,
            incoming,
            rng,
            ..
        } = self;
        let receive = |buffer: &mut [u8]| socket.recv_from(buffer);
        input.receive(now, buffer, receive, |datagram, from| {
            if direct {
                core.received_datagram(
                    now,
                    *server_kind,
                    from,
                    || host(local_host.as_deref(), from),
                    datagram,
                );
            } else {
                incoming.send(now, &conditions, rng, from, datagram);
            }
        });
        for _ in 0..PER_TURN {
            let Some((from, datagram)) = incoming.poll(now) else {
                break;
            };
            core.received_datagram(
                now,
                *server_kind,
                from,
                || host(local_host.as_deref(), from),
                &datagram,
            );
        }
    }

    /// Sends the core's datagrams, up to a limit.
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
            let conditions = core.config().conditions;
            let Some((to, datagram)) = core.transmit_datagram(now, self.server_kind) else {
                self.unfinished = false;
                return;
            };
            if conditions.is_clear() && self.outgoing.is_empty() {
                if !self.send(to, datagram) {
                    return;
                }
            } else {
                self.outgoing
                    .send(now, &conditions, &mut self.rng, to, datagram);
            }
            core.transmitted_datagram(self.server_kind);
        }
    }

    /// Sends a datagram. Returns false if it must be tried again later.
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> bool {
        match self.socket.send_to(datagram, to) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.blocked = true;
                false
            }
            Err(error) => {
                log::debug!("cannot send a datagram: {error}");
                true
            }
            Ok(_) => true,
        }
    }
}

/// The host that this client reached: the local address from which the system sends to the client.
fn host(local_host: Option<&str>, client: SocketAddr) -> String {
    if let Some(host) = local_host {
        return host.to_owned();
    }
    let client = SocketAddr::new(client.ip().to_canonical(), client.port());
    let any = match client {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    // Connecting a UDP socket sends nothing; it only selects the local address.
    let found = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(client)?;
        socket.local_addr()
    });
    match found {
        Ok(local) => local.ip().to_canonical().to_string(),
        Err(error) => {
            log::warn!(
                "cannot determine the local address that a client reached: {error}; set public-host"
            );
            client.ip().to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};
    use std::net::{Ipv4Addr, SocketAddr};

    use photon_proto::Timestamp;

    use super::{BUFFER_BYTES, Input, PAUSE_MS, bind};

    /// Returns how often a call tried, and the number of datagrams, for a socket that gives these
    /// results and then blocks. `Other` stands for a datagram.
    fn receive(
        input: &mut Input,
        ms: u64,
        answers: impl IntoIterator<Item = ErrorKind>,
    ) -> (usize, usize) {
        let (mut tried, mut taken) = (0, 0);
        let mut answers = answers.into_iter();
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 5000));
        let receive = |_: &mut [u8]| {
            tried += 1;
            match answers.next().unwrap_or(ErrorKind::WouldBlock) {
                ErrorKind::Other => Ok((1, from)),
                kind => Err(kind.into()),
            }
        };
        input.receive(Timestamp::from_millis(ms), &mut [0; 8], receive, |_, _| {
            taken += 1
        });
        (tried, taken)
    }

    /// The poll reports readiness once: after an error there may be more input.
    #[test]
    fn an_error_does_not_end_receiving() {
        let mut input = Input {
            readable: true,
            paused_until: None,
        };
        let answers = [
            ErrorKind::InvalidInput,
            ErrorKind::ConnectionReset,
            ErrorKind::Other,
        ];
        assert_eq!(receive(&mut input, 0, answers), (4, 1));
        assert!(!input.readable && input.paused_until.is_none());
    }

    #[test]
    fn a_socket_that_only_fails_pauses_and_is_tried_again() {
        let mut input = Input {
            readable: true,
            paused_until: None,
        };
        let (tried, taken) = receive(&mut input, 0, std::iter::repeat(ErrorKind::InvalidInput));
        assert!(tried < 100 && taken == 0, "{tried}");
        assert!(input.readable && !input.has_work());
        assert_eq!(input.paused_until, Some(Timestamp::from_millis(PAUSE_MS)));
        assert_eq!(
            receive(&mut input, PAUSE_MS - 1, [ErrorKind::Other]),
            (0, 0)
        );
        assert_eq!(receive(&mut input, PAUSE_MS, [ErrorKind::Other]), (2, 1));
        assert!(!input.readable && input.paused_until.is_none());
    }

    /// A burst of thousands of clients, and a datagram of maximum length.
    #[test]
    fn the_socket_buffers_a_burst_and_receives_the_longest_datagram() -> io::Result<()> {
        let default = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let sizes = [
            socket2::SockRef::from(&default),
            socket2::SockRef::from(&socket),
        ]
        .map(|it| it.recv_buffer_size());
        let [before, now] = sizes;
        assert!(now? >= before?);
        let long = vec![7; 60_000];
        default.send_to(&long, socket.local_addr()?)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let length = loop {
            match socket.recv_from(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                other => break other?.0,
            }
        };
        assert_eq!(length, long.len());
        Ok(())
    }
}
