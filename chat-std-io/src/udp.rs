//! UDP: a connected socket for whole datagrams. What gets lost is no matter of this file: core sends it again.

use crate::resolve;
use crate::session::IoStats;
use crate::sleep::{self, Woken, uninterrupted};
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Longer datagrams cannot be valid. Spec: udp.md 9, rule 5.
pub(crate) const MAX_DATAGRAM_BYTES: usize = 2_048;
/// So many errors of reading with nothing between them are not about single datagrams any more.
const MAX_ERRORS_IN_A_ROW: u32 = 16;
/// How often a datagram is offered to the system: again if the error was about an earlier one.
const SEND_ATTEMPTS: usize = 2;

/// Whether the target is an IP literal, so that [`connect`] does not block.
pub(crate) fn is_literal(target: &Target) -> bool {
    target.host.parse::<IpAddr>().is_ok()
}

/// Resolves a target, which blocks unless it is a literal, and connects a socket to its first address, IPv4 before IPv6.
///
/// Only one: whether anybody listens there comes to light by datagrams, and so in core.
pub(crate) fn connect(target: &Target) -> Result<(UdpSocket, SocketAddr), LinkError> {
    let address = first(resolve::addresses(target)?).ok_or_else(|| {
        LinkError::new(
            LinkErrorKind::Resolve,
            format!("{}: the name has no addresses", target.host),
        )
    })?;
    let socket = connect_to(address).map_err(|error| {
        let text = format!("{address}: {error}").into();
        LinkError {
            text,
            ..LinkError::from(&error)
        }
    })?;
    Ok((socket, address))
}

fn first(addresses: impl Iterator<Item = SocketAddr>) -> Option<SocketAddr> {
    addresses.min_by_key(SocketAddr::is_ipv6)
}

fn connect_to(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    // Nobody listens on that port of this machine if the system picked it for this end, which would then talk to itself.
    if socket.local_addr()? == address {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A connected socket that never blocks, except in [`Datagrams::sleep`].
pub(crate) struct Datagrams {
    socket: UdpSocket,
    /// It was severed, or is of no use any more: told by the next attempt to receive.
    broken: Option<LinkError>,
    /// Errors of reading since the system last gave a datagram, or said that there is none.
    errors_in_a_row: u32,
    /// Whether the last attempt left datagrams that the system did not take.
    pub(crate) unsent: bool,
}

/// What an attempt to receive brought.
#[derive(Debug)]
pub(crate) enum Received {
    /// One of so many bytes.
    Datagram(usize),
    /// Something that core need not hear of; there may be more.
    Ignored,
    /// Nothing now.
    Nothing,
    /// Nothing any more: `Failed`.
    End(LinkInput<'static>),
}

impl Datagrams {
    pub(crate) fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            broken: None,
            errors_in_a_row: 0,
            unsent: false,
        }
    }

    /// Receives one datagram. The buffer must be longer than any can be: what a system does with one that does not fit
    /// differs.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], stats: &mut IoStats) -> Received {
        if let Some(broken) = self.broken.take() {
            return Received::End(LinkInput::Failed(broken));
        }
        stats.reads += 1;
        let result = uninterrupted(|| self.socket.recv(buffer));
        self.received(result, stats)
    }

    fn received(&mut self, result: io::Result<usize>, stats: &mut IoStats) -> Received {
        let received = match result {
            Ok(bytes) if bytes <= MAX_DATAGRAM_BYTES => Received::Datagram(bytes),
            Ok(_) => {
                stats.datagrams_too_long += 1;
                Received::Ignored
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
            Err(error) if is_refusal(&error) => {
                stats.datagrams_refused += 1;
                return Received::Ignored;
            }
            Err(error) => {
                stats.datagram_errors += 1;
                self.errors_in_a_row += 1;
                return if self.errors_in_a_row < MAX_ERRORS_IN_A_ROW {
                    Received::Ignored
                } else {
                    Received::End(LinkInput::Failed(LinkError::from(&error)))
                };
            }
        };
        self.errors_in_a_row = 0;
        received
    }

    /// Sends one datagram, or gives it up, which is the same to core; false if the system does not take it now.
    pub(crate) fn send(&mut self, datagram: &[u8], stats: &mut IoStats) -> bool {
        send_with(|| self.socket.send(datagram), stats)
    }

    /// Whether the next attempt to receive tells the end.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Sleeps in the kernel until there is something to receive, at most about this long; whether there is.
    pub(crate) fn sleep(&mut self, longest: Duration, stats: &mut IoStats) -> bool {
        match sleep::until_input(&self.socket, longest) {
            Woken::Input => true,
            Woken::Nothing => false,
            // Either of the kind that the system says once, or the next attempt to receive meets it too.
            Woken::Error(error) => {
                stats.datagrams_refused += u64::from(is_refusal(&error));
                true
            }
            Woken::Stuck(error) => {
                self.broken = Some(LinkError::from(&error));
                true
            }
        }
    }

    /// Ends it as if the line had broken, whatever has arrived.
    pub(crate) fn sever(&mut self) {
        self.broken = Some(LinkError::new(
            LinkErrorKind::Reset,
            "severed by this program",
        ));
    }
}

fn send_with(mut send: impl FnMut() -> io::Result<usize>, stats: &mut IoStats) -> bool {
    for _ in 0..SEND_ATTEMPTS {
        stats.writes += 1;
        match uninterrupted(&mut send) {
            Ok(_) => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // The answer to an earlier datagram. Said instead of sending this one, which is offered again.
            Err(error) if is_refusal(&error) => stats.datagrams_refused += 1,
            Err(error) => {
                log::debug!(target: "photon_chat::net", "a datagram could not be sent: {error}");
                break;
            }
        }
    }
    stats.datagrams_unsent += 1;
    true
}

/// How systems say that nobody listened when an earlier datagram arrived. Somebody may soon.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    struct Client {
        datagrams: Datagrams,
        buffer: Vec<u8>,
        stats: IoStats,
    }

    impl Client {
        fn connected_to(server: SocketAddr) -> Self {
            let target = Target {
                host: server.ip().to_string().into(),
                port: server.port(),
                path: "".into(),
            };
            assert!(is_literal(&target));
            let (socket, address) = connect(&target).unwrap();
            assert_eq!((address, socket.peer_addr().unwrap()), (server, server));
            Self {
                datagrams: Datagrams::new(socket),
                buffer: vec![0; crate::socket::CHUNK_BYTES],
                stats: IoStats::default(),
            }
        }

        fn address(&self) -> SocketAddr {
            self.datagrams.socket.local_addr().unwrap()
        }

        fn send(&mut self, datagram: &[u8]) -> bool {
            self.datagrams.send(datagram, &mut self.stats)
        }

        fn receive(&mut self) -> Received {
            self.datagrams.receive(&mut self.buffer, &mut self.stats)
        }

        /// The next datagram, whenever it comes.
        fn next(&mut self) -> &[u8] {
            loop {
                match self.receive() {
                    Received::Datagram(bytes) => return &self.buffer[..bytes],
                    Received::Nothing => assert!(
                        self.datagrams.sleep(LONG, &mut self.stats),
                        "it comes in time"
                    ),
                    Received::Ignored => {}
                    Received::End(end) => panic!("{end:?}"),
                }
            }
        }
    }

    fn bind(ip: impl Into<IpAddr>) -> io::Result<(UdpSocket, SocketAddr)> {
        let socket = UdpSocket::bind((ip.into(), 0))?;
        socket.set_read_timeout(Some(LONG))?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    }

    fn heard(server: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 4_096];
        let (bytes, from) = server.recv_from(&mut buffer).unwrap();
        (buffer[..bytes].to_vec(), from)
    }

    fn talks_both_ways(server: &UdpSocket, address: SocketAddr) {
        let mut client = Client::connected_to(address);
        assert!(matches!(client.receive(), Received::Nothing));
        for datagram in [&b"hello"[..], b"", &[7; MAX_DATAGRAM_BYTES]] {
            assert!(client.send(datagram));
            assert_eq!(heard(server), (datagram.to_vec(), client.address()));
            server.send_to(datagram, client.address()).unwrap();
            assert_eq!(client.next(), datagram);
        }
        assert!(matches!(client.receive(), Received::Nothing));
        assert_eq!(client.stats.writes, 3);
    }

    #[test]
    fn datagrams_go_both_ways() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        talks_both_ways(&server, address);
    }

    #[test]
    fn datagrams_go_both_ways_over_ipv6() {
        match bind(Ipv6Addr::LOCALHOST) {
            Ok((server, address)) => talks_both_ways(&server, address),
            Err(error) => eprintln!("skipped: this machine has no ::1: {error}"),
        }
    }

    #[test]
    fn only_the_connected_address_is_heard() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let (stranger, _) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        for word in [b"one", b"two"] {
            stranger.send_to(b"not for you", client.address()).unwrap();
            server.send_to(word, client.address()).unwrap();
            assert_eq!(client.next(), word);
        }
    }

    #[test]
    fn a_server_that_is_not_there_yet_is_no_end() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        drop(server);
        assert!(client.send(b"first"));
        // However the system says it: to a sleep, a receive or a send.
        while client.stats.datagrams_refused == 0 {
            assert!(
                client.datagrams.sleep(LONG, &mut client.stats),
                "the answer comes in time"
            );
            assert!(matches!(
                client.receive(),
                Received::Ignored | Received::Nothing
            ));
            assert!(client.send(b"again"));
        }
        let server = UdpSocket::bind(address).unwrap();
        server.set_read_timeout(Some(LONG)).unwrap();
        // Told about the ones before or not, the first one arrives.
        assert!(client.send(b"now"));
        assert_eq!(heard(&server).0, b"now");
        assert_eq!(
            (client.stats.datagrams_unsent, client.stats.datagram_errors),
            (0, 0)
        );
    }

    #[test]
    fn datagrams_too_long_are_handed_to_nobody() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        // The longest that there are.
        for bytes in [MAX_DATAGRAM_BYTES + 1, 65_507] {
            if let Err(error) = server.send_to(&vec![1; bytes], client.address()) {
                eprintln!("{bytes} bytes left out: {error}");
                client.stats.datagrams_too_long += 1;
            }
        }
        server.send_to(b"short", client.address()).unwrap();
        assert_eq!(client.next(), b"short");
        assert_eq!(
            (
                client.stats.datagrams_too_long,
                client.stats.datagram_errors
            ),
            (2, 0)
        );
    }

    #[test]
    fn a_datagram_that_the_system_will_not_send_is_given_up() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        assert!(client.send(&[0; 70_000]), "done with");
        assert_eq!((client.stats.datagrams_unsent, client.stats.writes), (1, 1));
        assert!(client.send(b"short"));
        assert_eq!(heard(&server).0, b"short");
    }

    #[test]
    fn what_the_system_says_to_a_send() {
        let cases: [(&[ErrorKind], bool, u64, u64); 5] = [
            (
                &[ErrorKind::Interrupted, ErrorKind::WouldBlock],
                false,
                0,
                0,
            ),
            (
                &[ErrorKind::ConnectionRefused, ErrorKind::WouldBlock],
                false,
                1,
                0,
            ),
            (&[ErrorKind::ConnectionReset], true, 1, 0),
            (
                &[ErrorKind::ConnectionRefused, ErrorKind::ConnectionRefused],
                true,
                2,
                1,
            ),
            (&[ErrorKind::NetworkUnreachable], true, 0, 1),
        ];
        for (said, done, refused, unsent) in cases {
            let mut stats = IoStats::default();
            let mut said_next = said.iter();
            let answer = || said_next.next().map_or(Ok(1), |kind| Err((*kind).into()));
            assert_eq!(send_with(answer, &mut stats), done, "{said:?}");
            assert_eq!(
                (stats.datagrams_refused, stats.datagrams_unsent),
                (refused, unsent),
                "{said:?}"
            );
        }
    }

    #[test]
    fn single_errors_are_ignored_and_a_row_of_them_is_the_end() {
        let (_server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let Client {
            mut datagrams,
            mut stats,
            ..
        } = Client::connected_to(address);
        let mut say = |result: Result<usize, ErrorKind>| {
            datagrams.received(result.map_err(io::Error::from), &mut stats)
        };
        for _ in 0..3 * MAX_ERRORS_IN_A_ROW {
            assert!(matches!(
                say(Err(ErrorKind::ConnectionRefused)),
                Received::Ignored
            ));
            assert!(matches!(
                say(Err(ErrorKind::ConnectionReset)),
                Received::Ignored
            ));
        }
        let mut last = Received::Nothing;
        let unreachable = Err(ErrorKind::HostUnreachable);
        for between in [
            Ok(12),
            Ok(MAX_DATAGRAM_BYTES + 1),
            Err(ErrorKind::WouldBlock),
            unreachable,
        ] {
            assert!(!matches!(last, Received::End(_)));
            for _ in 1..MAX_ERRORS_IN_A_ROW {
                assert!(matches!(say(unreachable), Received::Ignored));
            }
            last = say(between);
        }
        let Received::End(LinkInput::Failed(error)) = last else {
            panic!("{last:?}")
        };
        assert_eq!(error.kind, LinkErrorKind::Unreachable);
        assert_eq!(stats.datagrams_refused, u64::from(6 * MAX_ERRORS_IN_A_ROW));
        assert_eq!(
            stats.datagram_errors,
            u64::from(4 * MAX_ERRORS_IN_A_ROW - 3)
        );
    }

    #[test]
    fn severed_while_idle_is_ended_whatever_arrives() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        assert!(
            !client
                .datagrams
                .sleep(Duration::from_millis(1), &mut client.stats),
            "nothing has"
        );
        assert!(
            matches!(client.receive(), Received::Nothing),
            "without blocking"
        );
        server.send_to(b"unheard", client.address()).unwrap();
        client.datagrams.sever();
        assert!(client.datagrams.is_broken());
        let Received::End(LinkInput::Failed(error)) = client.receive() else {
            panic!("no end")
        };
        assert_eq!(error.kind, LinkErrorKind::Reset);
    }

    #[test]
    fn ipv4_goes_first() {
        let addresses =
            ["[::1]:1", "127.0.0.1:2", "127.0.0.1:3"].map(|address| address.parse().unwrap());
        assert_eq!(first(addresses.into_iter()), Some(addresses[1]));
        assert_eq!(first(addresses[..1].iter().copied()), Some(addresses[0]));
        assert_eq!(first(std::iter::empty()), None);
    }

    #[test]
    fn a_name_takes_a_thread_and_may_not_resolve() {
        let target = |host: &str| Target {
            host: host.into(),
            port: 5058,
            path: "".into(),
        };
        assert!(
            ["127.0.0.1", "::1", "2001:db8::1"]
                .iter()
                .all(|host| is_literal(&target(host)))
        );
        assert!(
            ["localhost", "fe80::1%lo", "127.1", ""]
                .iter()
                .all(|host| !is_literal(&target(host)))
        );
        // A label has at most 63 characters, so that no server has to be asked.
        let error = connect(&target(&"x".repeat(64))).unwrap_err();
        assert_eq!(error.kind, LinkErrorKind::Resolve);
    }
}
