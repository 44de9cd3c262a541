//! Datagrams over loopback sockets, and what the system may report.

mod race;

use super::channel::{Faults, MAX_ERRORS_IN_A_ROW, MAX_FAULT_MS, Sent, send_one};
use super::*;
use crate::link_handle::ClientLink;
use crate::poller::sleep_on;
use crate::transport::{CHUNK_BYTES, Interest, MAX_DATAGRAM_BYTES, SourceRef};
use chat_core::{ChatClient, ChatConfig, ConnectOptions, LinkCommand};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);
const NOW: Timestamp = Timestamp::ZERO;

/// A socket, in a loop that plays the client.
struct Client {
    channel: Channel,
    buffer: Vec<u8>,
    stats: IoStats,
}

impl Client {
    fn connected_to(server: SocketAddr) -> Self {
        let channel = Channel::open(server).unwrap();
        assert_eq!(channel.socket.peer_addr().unwrap(), server);
        Self {
            channel,
            buffer: vec![0; CHUNK_BYTES],
            stats: IoStats::default(),
        }
    }

    /// Sleeps until there is something to receive. Returns whether there is.
    fn sleep(&self, longest: Duration) -> bool {
        let input = Interest {
            readable: true,
            writable: false,
        };
        sleep_on(SourceRef::Udp(&self.channel.socket), input, longest)
    }

    fn address(&self) -> SocketAddr {
        self.channel.socket.local_addr().unwrap()
    }

    fn send(&mut self, datagram: &[u8]) -> bool {
        self.channel.send(datagram, NOW, &mut self.stats)
    }

    fn receive(&mut self) -> Received {
        self.channel.receive(&mut self.buffer, &mut self.stats)
    }

    /// The next datagram; waits for it.
    fn next(&mut self) -> &[u8] {
        loop {
            match self.receive() {
                Received::Datagram(bytes) => return &self.buffer[..bytes],
                Received::Nothing => assert!(self.sleep(LONG), "a datagram arrives in time"),
                Received::Ignored => {}
                Received::End(error) => panic!("{error:?}"),
            }
        }
    }
}

/// Records what a pass passes on. Never wants input, which datagrams do not depend on.
#[derive(Default)]
struct Recorder(Vec<u8>);

impl LinkHandle for Recorder {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn wants_input(&self) -> bool {
        false
    }

    fn handle(&mut self, input: LinkInput<'_>) {
        let LinkInput::Received(datagram) = input else {
            panic!("only datagrams are passed on: {input:?}")
        };
        self.0.extend_from_slice(datagram);
    }

    fn transmit(&mut self) -> Option<&[u8]> {
        None
    }

    fn transmitted(&mut self, _: usize) {}
}

fn bind(ip: impl Into<IpAddr>) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind((ip.into(), 0))?;
    socket.set_read_timeout(Some(LONG))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn received_by(server: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 4_096];
    let (bytes, from) = server.recv_from(&mut buffer).unwrap();
    (buffer[..bytes].to_vec(), from)
}

fn exchanges_datagrams(server: &UdpSocket, address: SocketAddr) {
    let mut client = Client::connected_to(address);
    assert!(matches!(client.receive(), Received::Nothing));
    for datagram in [&b"hello"[..], b"", &[7; MAX_DATAGRAM_BYTES]] {
        assert!(client.send(datagram));
        assert_eq!(received_by(server), (datagram.to_vec(), client.address()));
        server.send_to(datagram, client.address()).unwrap();
        assert_eq!(client.next(), datagram);
    }
    assert!(matches!(client.receive(), Received::Nothing));
    assert_eq!(client.stats.writes, 3);
}

#[test]
fn datagrams_go_both_ways() {
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    exchanges_datagrams(&server, address);
}

#[test]
fn datagrams_go_both_ways_over_ipv6() {
    match bind(Ipv6Addr::LOCALHOST) {
        Ok((server, address)) => exchanges_datagrams(&server, address),
        Err(error) => eprintln!("skipped: this machine has no ::1: {error}"),
    }
}

#[test]
fn datagrams_of_other_addresses_are_ignored() {
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let (stranger, _) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let mut client = Client::connected_to(address);
    for word in [b"one", b"two"] {
        stranger.send_to(b"not for you", client.address()).unwrap();
        server.send_to(word, client.address()).unwrap();
        assert_eq!(client.next(), word);
    }
}

/// Whether a sleep or a receive learns that nothing listens at the peer.
///
/// Linux reports it, and Windows does (`WSAECONNRESET` from a receive). wine 8.0 does not: in a plain
/// C program that sends, then selects, then receives, `recv` returns `WSAEWOULDBLOCK`, with
/// `SIO_UDP_CONNRESET` on, off or unset, and only `SO_ERROR` holds the refusal. Its server takes the
/// error whenever it polls the socket. A session there resends, as after any loss.
fn system_reports_refusals() -> bool {
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let (socket, _) = bind(Ipv4Addr::LOCALHOST).unwrap();
    socket.connect(address).unwrap();
    socket.set_nonblocking(true).unwrap();
    drop(server);
    socket.send(b"x").unwrap();
    let input = Interest {
        readable: true,
        writable: false,
    };
    sleep_on(SourceRef::Udp(&socket), input, Duration::from_secs(1))
}

#[test]
fn a_server_that_starts_late_does_not_end_the_link() {
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let mut client = Client::connected_to(address);
    drop(server);
    assert!(client.send(b"first"));
    let reported = system_reports_refusals();
    // The system may report the refusal to a sleep, a receive or a send.
    while reported && client.stats.datagrams_refused == 0 {
        assert!(client.sleep(LONG), "the refusal arrives in time");
        assert!(matches!(
            client.receive(),
            Received::Ignored | Received::Nothing
        ));
        assert!(client.send(b"again"));
    }
    let server = UdpSocket::bind(address).unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    // Whether or not the system reports the earlier ones first, this one arrives.
    assert!(client.send(b"now"));
    assert_eq!(received_by(&server).0, b"now");
    assert_eq!(
        (client.stats.datagrams_unsent, client.stats.datagram_errors),
        (0, 0)
    );
}

#[test]
fn datagrams_that_are_too_long_are_dropped() {
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let mut client = Client::connected_to(address);
    // 65,507: the longest that IPv4 can carry.
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
fn a_datagram_that_the_system_refuses_is_dropped() {
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let mut client = Client::connected_to(address);
    assert!(client.send(&[0; 70_000]), "dropped");
    assert_eq!((client.stats.datagrams_unsent, client.stats.writes), (1, 1));
    assert!(client.send(b"short"));
    assert_eq!(received_by(&server).0, b"short");
}

#[test]
fn each_error_of_a_send_is_counted_by_kind() {
    let cases: [(&[ErrorKind], &str, u64, u64); 8] = [
        (
            &[ErrorKind::Interrupted, ErrorKind::WouldBlock],
            "Blocked",
            0,
            0,
        ),
        (
            &[ErrorKind::ConnectionRefused, ErrorKind::WouldBlock],
            "Blocked",
            1,
            0,
        ),
        (&[ErrorKind::ConnectionReset], "Taken", 1, 0),
        (
            &[ErrorKind::ConnectionRefused, ErrorKind::ConnectionRefused],
            "Dropped",
            2,
            1,
        ),
        // No buffer in the system: one datagram is lost, and the next may leave.
        (&[ErrorKind::OutOfMemory], "Dropped", 0, 1),
        // A router has reported it for an earlier datagram.
        (&[ErrorKind::NetworkUnreachable], "Taken", 0, 0),
        (&[ErrorKind::NetworkUnreachable; 2], "Fault", 0, 1),
        (
            &[ErrorKind::ConnectionRefused, ErrorKind::AddrNotAvailable],
            "Fault",
            1,
            1,
        ),
    ];
    for (errors, expected, refused, unsent) in cases {
        let mut stats = IoStats::default();
        let mut results = errors.iter();
        let send = || results.next().map_or(Ok(1), |kind| Err((*kind).into()));
        let sent = format!("{:?}", send_one(send, &mut stats));
        assert!(sent.starts_with(expected), "{errors:?}: {sent}");
        assert_eq!(
            (stats.datagrams_refused, stats.datagrams_unsent),
            (refused, unsent),
            "{errors:?}"
        );
    }
}

#[test]
fn each_local_fault_is_recognised() {
    for kind in [
        ErrorKind::NetworkUnreachable,
        ErrorKind::NetworkDown,
        ErrorKind::HostUnreachable,
        ErrorKind::AddrNotAvailable,
        ErrorKind::PermissionDenied,
        ErrorKind::InvalidInput,
    ] {
        let sent = send_one(|| Err(kind.into()), &mut IoStats::default());
        let Sent::Fault(error) = sent else {
            panic!("{kind:?}: {sent:?}")
        };
        assert_eq!(error.kind, LinkErrorKind::Local);
    }
}

#[test]
fn a_fault_ends_a_connection_only_if_it_lasts() {
    let at = Timestamp::from_millis;
    let mut faults = Faults::default();
    assert!(faults.is_lasting(at(5)), "nothing was ever sent");

    let mut faults = Faults::default();
    faults.end();
    for began in [10, 10_000] {
        assert!(!faults.is_lasting(at(began)), "a moment without a route");
        assert!(!faults.is_lasting(at(began + MAX_FAULT_MS - 1)));
        faults.end();
    }
    assert!(!faults.is_lasting(at(60_000)), "the earlier ones are over");
    assert!(faults.is_lasting(at(60_000 + MAX_FAULT_MS)));
}

#[test]
fn case06_a_fault_before_a_sleep_and_one_after_it_are_two() {
    let at = Timestamp::from_millis;
    let mut faults = Faults::default();
    faults.end();
    assert!(!faults.is_lasting(at(10)), "the lid closes");
    assert!(!faults.is_lasting(at(40_010)), "the network wakes as well");
    assert!(!faults.is_lasting(at(40_400)));
    assert!(faults.is_lasting(at(40_010 + MAX_FAULT_MS)));
}

#[test]
fn a_lasting_fault_breaks_the_channel_and_a_success_in_between_does_not() {
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let mut client = Client::connected_to(address);
    let fault = || Sent::Fault(LinkError::new(LinkErrorKind::Local, "no route"));
    let at = Timestamp::from_millis;
    assert!(client.send(b"works"));
    assert!(client.channel.on_sent(fault(), at(1)));
    assert!(client.channel.on_sent(Sent::Taken, at(900)));
    assert!(client.channel.on_sent(fault(), at(1_500)));
    // What arrives meanwhile proves nothing: the way out may be the one that is missing.
    server.send_to(b"hello", client.address()).unwrap();
    assert_eq!(client.next(), b"hello");
    assert!(client.channel.on_sent(fault(), at(2_499)));
    assert!(!client.channel.on_sent(fault(), at(2_500)));
    let Received::End(error) = client.receive() else {
        panic!("no end")
    };
    assert_eq!(error.kind, LinkErrorKind::Local);
}

#[test]
fn a_single_error_is_ignored_and_a_series_ends_the_link() {
    let (_server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let Client {
        mut channel,
        mut stats,
        ..
    } = Client::connected_to(address);
    let mut receive = |result: Result<usize, ErrorKind>| {
        channel.on_receive(result.map_err(io::Error::from), &mut stats)
    };
    for _ in 0..3 * MAX_ERRORS_IN_A_ROW {
        assert!(matches!(
            receive(Err(ErrorKind::ConnectionRefused)),
            Received::Ignored
        ));
        assert!(matches!(
            receive(Err(ErrorKind::ConnectionReset)),
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
            assert!(matches!(receive(unreachable), Received::Ignored));
        }
        last = receive(between);
    }
    let Received::End(error) = last else {
        panic!("{last:?}")
    };
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
    assert_eq!(stats.datagrams_refused, u64::from(6 * MAX_ERRORS_IN_A_ROW));
    assert_eq!(
        stats.datagram_errors,
        u64::from(4 * MAX_ERRORS_IN_A_ROW - 3)
    );
}

/// A link in the state that it has after the first datagram.
fn connected(server: &UdpSocket, address: SocketAddr) -> (Datagrams, SocketAddr) {
    let (mut datagrams, opened) = Datagrams::open(&[address], NOW).unwrap();
    assert_eq!(opened, address);
    let mut own = None;
    datagrams.visit_sources(true, &mut |source, _| {
        let SourceRef::Udp(socket) = source else {
            panic!("{source:?}")
        };
        own = Some(socket.local_addr().unwrap());
    });
    server.send_to(b"", own.unwrap()).unwrap();
    let mut recorder = Recorder::default();
    while !receive(&mut datagrams, &mut recorder).unwrap().any {
        assert!(sleep(&datagrams), "the datagram arrives in time");
    }
    (datagrams, own.unwrap())
}

fn receive(
    datagrams: &mut Datagrams,
    client: &mut impl LinkHandle,
) -> Result<ReadOutcome, LinkEnd> {
    datagrams.receive(client, &mut [0; CHUNK_BYTES], &mut IoStats::default())
}

/// Sleeps until a link with one socket has something to receive.
fn sleep(datagrams: &Datagrams) -> bool {
    let mut ready = false;
    datagrams.visit_sources(true, &mut |source, interest| {
        ready = sleep_on(source, interest, LONG);
    });
    ready
}

#[test]
fn a_simulated_loss_ends_the_link_whatever_arrives() {
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    for racing in [true, false] {
        let (mut datagrams, own) = connected(&server, address);
        if racing {
            datagrams = Datagrams::open(&[address], NOW).unwrap().0;
        }
        server.send_to(b"too late", own).unwrap();
        datagrams.simulate_connection_loss();
        assert!(datagrams.is_broken());
        let Err(LinkEnd::Failed(error)) = receive(&mut datagrams, &mut Recorder::default()) else {
            panic!("no end")
        };
        assert_eq!(error.kind, LinkErrorKind::Reset);
    }
}

#[test]
fn a_pass_receives_a_batch_and_reports_that_more_is_left() {
    const LEFT: usize = 8;
    let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
    let (mut datagrams, own) = connected(&server, address);
    for number in 0..MAX_READ_DATAGRAMS + LEFT {
        // A datagram that is too long counts towards the limit of a pass as well.
        let bytes = if number == 3 {
            MAX_DATAGRAM_BYTES + 1
        } else {
            1
        };
        let datagram = vec![u8::try_from(number).unwrap(); bytes];
        server.send_to(&datagram, own).unwrap();
    }

    let mut recorder = Recorder::default();
    let mut stats = IoStats::default();
    let outcome = datagrams
        .receive(&mut recorder, &mut [0; CHUNK_BYTES], &mut stats)
        .unwrap();
    assert!(outcome.any && outcome.more);
    assert_eq!(recorder.0.len(), MAX_READ_DATAGRAMS - 1);
    assert_eq!(stats.reads, MAX_READ_DATAGRAMS as u64);
    while recorder.0.len() < MAX_READ_DATAGRAMS + LEFT - 1 {
        assert!(sleep(&datagrams), "nothing was lost");
        let outcome = receive(&mut datagrams, &mut recorder).unwrap();
        assert!(outcome.any && !outcome.more);
    }
    assert!(
        recorder.0.is_sorted(),
        "each once, in order: {:?}",
        recorder.0
    );

    let received = recorder.0.len();
    let outcome = receive(&mut datagrams, &mut recorder).unwrap();
    assert!(!outcome.any && !outcome.more);
    assert_eq!(recorder.0.len(), received);
}

#[test]
fn a_datagram_that_the_system_does_not_take_stays_in_the_client() {
    // Any output of a client will do, so a stream link, which opens at once, serves as well.
    let mut chat = ChatClient::new(ChatConfig::new("tcp://127.0.0.1:1", "app", "1.0"), [0; 32]);
    chat.connect_to_name_server(ConnectOptions::new()).unwrap();
    let Some(LinkCommand::Open { link, .. }) = chat.poll_command() else {
        panic!("nothing to open")
    };
    chat.handle_link(NOW, link, LinkInput::Opened { ipv6: false });

    let mut offered = Vec::new();
    let blocked = |datagram: &[u8]| {
        offered.push(datagram.to_vec());
        false
    };
    assert!(!send_batch(
        &mut ClientLink {
            chat: &mut chat,
            now: NOW,
            id: link
        },
        blocked
    ));
    assert_eq!(offered.len(), 1, "one attempt");
    assert!(chat.transmit(NOW, link).is_some());

    let taken = |datagram: &[u8]| {
        offered.push(datagram.to_vec());
        true
    };
    assert!(send_batch(
        &mut ClientLink {
            chat: &mut chat,
            now: NOW,
            id: link
        },
        taken
    ));
    assert_eq!(offered.len(), 2);
    assert_eq!(offered[0], offered[1]);
    assert!(chat.transmit(NOW, link).is_none());
}
