//! Links with several addresses, over loopback sockets and in virtual time.

use super::*;
use std::collections::VecDeque;

/// An address to which this machine cannot send: a connect or the first datagram to it fails,
/// because the socket was not given the permission to broadcast.
const FORBIDDEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::BROADCAST), 5055);

/// Plays the client: sends what is queued, and records what it is given.
#[derive(Default)]
struct Player {
    now: Timestamp,
    outgoing: VecDeque<Vec<u8>>,
    /// `4` or `6` for each `Opened`, and the datagrams.
    log: Vec<String>,
}

impl LinkHandle for Player {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn wants_input(&self) -> bool {
        true
    }

    fn handle(&mut self, input: LinkInput<'_>) {
        self.log.push(match input {
            LinkInput::Opened { ipv6: true } => "6".into(),
            LinkInput::Opened { ipv6: false } => "4".into(),
            LinkInput::Received(datagram) => String::from_utf8(datagram.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        });
    }

    fn transmit(&mut self) -> Option<&[u8]> {
        self.outgoing.front().map(Vec::as_slice)
    }

    fn transmitted(&mut self, _: usize) {
        self.outgoing.pop_front();
    }
}

/// A race, and its client.
struct Link {
    datagrams: Datagrams,
    player: Player,
    stats: IoStats,
}

impl Link {
    fn open(addresses: &[SocketAddr]) -> Result<(Self, SocketAddr), LinkError> {
        let (datagrams, address) = Datagrams::open(addresses, NOW)?;
        let link = Self {
            datagrams,
            player: Player::default(),
            stats: IoStats::default(),
        };
        Ok((link, address))
    }

    fn pass(&mut self, now_ms: u64) -> Result<ReadOutcome, LinkEnd> {
        self.player.now = Timestamp::from_millis(now_ms);
        let buffer = &mut [0; CHUNK_BYTES];
        self.datagrams
            .receive(&mut self.player, buffer, &mut self.stats)
    }

    fn send(&mut self, datagram: &[u8]) {
        self.player.outgoing.push_back(datagram.to_vec());
        self.datagrams.send(&mut self.player, &mut self.stats);
    }

    fn sockets(&self) -> usize {
        let mut sockets = 0;
        self.datagrams.visit_sources(true, &mut |_, _| sockets += 1);
        sockets
    }

    /// Passes until a datagram arrives.
    fn receive(&mut self, now_ms: u64) {
        let began = std::time::Instant::now();
        while !self.pass(now_ms).unwrap().any {
            assert!(began.elapsed() < LONG, "the datagram arrives in time");
            std::thread::yield_now();
        }
    }

    fn end(&mut self) -> LinkError {
        match self.pass(0) {
            Err(LinkEnd::Failed(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

fn server() -> (UdpSocket, SocketAddr) {
    bind(Ipv4Addr::LOCALHOST).unwrap()
}

#[test]
fn earlier_sockets_stay_open_and_all_get_each_datagram() {
    let ((silent, first), (good, second)) = (server(), server());
    let (mut link, opened) = Link::open(&[first, second]).unwrap();
    assert_eq!(opened, first);
    link.send(b"connect");
    assert_eq!(received_by(&silent).0, b"connect");
    assert!(!link.pass(999).unwrap().any);
    assert_eq!(link.sockets(), 1);
    assert_eq!(
        link.datagrams.deadline(),
        Some(Timestamp::from_millis(1_000))
    );

    link.pass(1_000).unwrap();
    assert_eq!(link.sockets(), 2);
    assert_eq!(link.datagrams.deadline(), None, "no further address");
    link.send(b"again");
    assert_eq!(received_by(&silent).0, b"again");
    let (datagram, from) = received_by(&good);
    assert_eq!(datagram, b"again");

    good.send_to(b"verify", from).unwrap();
    link.receive(1_030);
    assert_eq!(link.player.log, ["verify"], "the family is the same");
    assert_eq!(link.sockets(), 1, "the other is closed");
    link.send(b"init");
    assert_eq!(received_by(&good), (b"init".to_vec(), from));
    silent.set_nonblocking(true).unwrap();
    assert!(silent.recv(&mut [0; 8]).is_err(), "only the winner gets it");
}

#[test]
fn the_first_address_can_win_after_others_were_tried() {
    let ((slow, first), (_silent, second)) = (server(), server());
    let (mut link, _) = Link::open(&[first, second]).unwrap();
    link.send(b"connect");
    let from = received_by(&slow).1;
    link.pass(1_000).unwrap();
    assert_eq!(link.sockets(), 2);
    slow.send_to(b"one", from).unwrap();
    slow.send_to(b"two", from).unwrap();
    link.receive(1_200);
    while link.player.log.len() < 2 {
        link.receive(1_200);
    }
    assert_eq!(link.player.log, ["one", "two"]);
}

#[test]
fn opened_is_repeated_with_the_family_of_each_attempt_and_of_the_winner() {
    let Ok((silent, v6)) = bind(Ipv6Addr::LOCALHOST) else {
        eprintln!("skipped: this machine has no ::1");
        return;
    };
    let (good, v4) = server();
    // The later one wins: one repetition.
    let (mut link, opened) = Link::open(&[v6, v4]).unwrap();
    assert_eq!(opened, v6);
    link.pass(1_000).unwrap();
    assert_eq!(link.player.log, ["4"]);
    link.send(b"connect");
    let from = received_by(&good).1;
    good.send_to(b"verify", from).unwrap();
    link.receive(1_030);
    assert_eq!(link.player.log, ["4", "verify"]);

    // The earlier one wins: the family is corrected before its first datagram.
    let (mut link, opened) = Link::open(&[v4, v6]).unwrap();
    assert_eq!(opened, v4);
    link.send(b"connect");
    let from = received_by(&good).1;
    link.pass(1_000).unwrap();
    good.send_to(b"verify", from).unwrap();
    link.receive(1_030);
    assert_eq!(link.player.log, ["6", "4", "verify"]);
    drop(silent);
}

#[test]
fn case02_an_address_that_the_system_refuses_is_skipped_at_once() {
    let (good, address) = server();
    let (mut link, _) = Link::open(&[FORBIDDEN, address]).unwrap();
    link.send(b"connect");
    assert_eq!(received_by(&good).0, b"connect");
    assert_eq!(link.sockets(), 1);

    // In the other order nothing is lost either.
    let (mut link, opened) = Link::open(&[address, FORBIDDEN]).unwrap();
    assert_eq!(opened, address);
    link.pass(1_000).unwrap();
    link.send(b"again");
    assert_eq!(received_by(&good).0, b"again");
}

#[test]
fn if_the_system_refuses_all_addresses_the_error_is_local_and_lists_them() {
    let other = SocketAddr::new(FORBIDDEN.ip(), 5_056);
    let error = match Link::open(&[FORBIDDEN, other]) {
        Err(error) => error,
        Ok((mut link, _)) => {
            link.send(b"connect");
            assert!(link.datagrams.is_broken());
            link.end()
        }
    };
    assert_eq!(error.kind, LinkErrorKind::Local);
    for address in [FORBIDDEN, other] {
        let address = address.to_string();
        assert!(error.text.contains(&address), "{}", error.text);
    }
}

#[test]
fn a_refusal_by_the_host_hurries_the_next_address_and_keeps_the_socket() {
    let ((closed, first), (good, second)) = (server(), server());
    let (mut link, _) = Link::open(&[first, second]).unwrap();
    drop(closed);
    link.send(b"connect");
    // Not every system reports it: then the next address is due after a second.
    let began = std::time::Instant::now();
    let mut now = 0;
    while link.sockets() < 2 {
        link.pass(now).unwrap();
        if began.elapsed() > Duration::from_secs(3) {
            now = 1_000;
        }
        std::thread::yield_now();
    }
    assert!(now == 0 || cfg!(not(target_os = "linux")));
    link.send(b"again");
    assert_eq!(received_by(&good).0, b"again");
}
