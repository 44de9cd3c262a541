//! Connecting: names with dead addresses, resolvers that hang, and faults of this machine.

mod harness;

use chat_std_io::{
    CauseKind, ChatConfig, ConnectOptions, Event, LinkErrorKind, PeerErrorCode, Session,
    SessionOptions, State,
};
use dev_server::Transport;
use harness::*;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An address to which this machine cannot send: its sockets have no permission to broadcast.
const FORBIDDEN: Ipv4Addr = Ipv4Addr::BROADCAST;

/// A TCP listener that answers nothing, because its queue is full.
struct DeadListener {
    address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl DeadListener {
    fn start() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        listener.bind(&any.into()).unwrap();
        listener.listen(1).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            queued.push(stream);
            assert!(queued.len() < 100, "the queue is never full");
        }
        Self {
            address,
            _listener: listener,
            _queued: queued,
        }
    }
}

/// Options of a session with this server, whose every name has an address that is dead, and then
/// the server's.
fn with_dead_first(server: &Server, dead: SocketAddr) -> SessionOptions {
    server.options().resolver(move |_, port| {
        let good = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(vec![dead, good])
    })
}

/// The configuration of a client of this server, by name instead of address.
fn by_name(server: &Server, transport: Transport) -> ChatConfig {
    let url = server.addresses.name_server_url(transport).unwrap();
    user(&url.replace("127.0.0.1", "localhost"), "alice")
}

/// Connects to a name server. Returns how long that took.
fn time_to_connect(session: &mut Session) -> Duration {
    let began = Instant::now();
    connect(session);
    drive(session, |_, event| {
        assert!(!matches!(event, Event::Error { .. }), "{event:?}");
        entered(event, State::ConnectedToNameServer)
    });
    began.elapsed()
}

fn with(config: ChatConfig, options: SessionOptions) -> Session {
    Session::with_options(config, options).unwrap()
}

/// A dead first address costs the delay of the race: `at_least`, and less than `below`.
#[track_caller]
fn connects_past(dead: SocketAddr, transport: Transport, at_least: u64, below: u64) {
    let server = Server::over(transport);
    let options = with_dead_first(&server, dead);
    let mut session = with(by_name(&server, transport), options);
    let took = time_to_connect(&mut session);
    eprintln!("{transport:?}: connected after {took:?}");
    assert!(took >= Duration::from_millis(at_least), "{took:?}");
    assert!(took < Duration::from_millis(below), "{took:?}");
    // The front end has the same two addresses.
    session.chat.disconnect();
    session.chat.connect_to_region_front_end("eu").unwrap();
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToFrontEnd)
    });
    session.close(LONG);
    server.stop();
}

#[test]
fn case03_a_dead_first_address_costs_250_ms_over_tcp() {
    connects_past(DeadListener::start().address, Transport::Tcp, 250, 2_000);
}

#[cfg(feature = "websocket")]
#[test]
fn case03_a_dead_first_address_costs_250_ms_over_ws() {
    connects_past(DeadListener::start().address, Transport::Ws, 250, 2_000);
}

#[cfg(feature = "tls")]
#[test]
fn case03_a_dead_first_address_costs_250_ms_over_wss() {
    connects_past(DeadListener::start().address, Transport::Wss, 250, 2_000);
}

#[test]
fn case03_three_dead_addresses_before_the_good_one_cost_750_ms() {
    let server = Server::start();
    let dead = [(); 3].map(|()| DeadListener::start());
    let addresses = dead.each_ref().map(|one| one.address);
    let options = server.options().resolver(move |_, port| {
        let good = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(addresses.into_iter().chain([good]).collect())
    });
    let mut session = with(by_name(&server, Transport::Tcp), options);
    let took = time_to_connect(&mut session);
    assert!((750..3_000).contains(&took.as_millis()), "{took:?}");
    server.stop();
}

#[test]
fn case03_if_all_addresses_are_dead_the_error_lists_each() {
    let dead = [(); 2].map(|()| DeadListener::start());
    let addresses = dead.each_ref().map(|one| one.address);
    let options = SessionOptions::new().resolver(move |_, _| Ok(addresses.to_vec()));
    let config = user("tcp://game.test:4533", "alice").connect_timeout(Duration::from_secs(1));
    let mut session = with(config, options);
    let began = Instant::now();
    connect(&mut session);
    let (code, cause) = end_of(&mut session);
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Unreachable));
    for address in addresses {
        let part = format!("{address}: no answer within");
        assert!(cause.text.contains(&part), "{}", cause.text);
    }
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_dead_first_address_costs_a_second_over_udp() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dead = silent.local_addr().unwrap();
    // The client's next connect command leaves 1.1 s after the first.
    connects_past(dead, Transport::Udp, 1_000, 3_000);
    let mut buffer = [0; 2_048];
    assert!(silent.recv(&mut buffer).is_ok(), "it was tried first");
}

/// As on a network with IPv6 only: the first address of the name has no route.
#[test]
fn case02_udp_connects_over_ipv6_if_there_is_no_route_over_ipv4() {
    if let Err(error) = UdpSocket::bind("[::1]:0") {
        eprintln!("skipped: this machine has no ::1: {error}");
        return;
    }
    let server = Server::with(Transport::Udp, |options| options.host = "::1".to_owned());
    let options = server.options().resolver(|_, port| {
        Ok(vec![
            (FORBIDDEN, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ])
    });
    let port = server.udp_address().port();
    let mut session = with(user(&format!("udp://dual.test:{port}"), "alice"), options);
    let took = time_to_connect(&mut session);
    assert!(took < Duration::from_millis(900), "at once: {took:?}");
    session.close(LONG);
    let announced: Vec<_> = server.ended().iter().map(|one| one.ipv6).collect();
    assert_eq!(announced, [true], "the init names the family that works");
    server.stop();
}

#[test]
fn a_machine_that_cannot_send_is_reported_at_once_as_local() {
    for scheme in ["udp", "tcp"] {
        let mut session = with(
            user(&format!("{scheme}://{FORBIDDEN}:4533"), "alice"),
            // Without a gateway to the address.
            SessionOptions::new().resolver(|_, _| Err(io::Error::other("no such name"))),
        );
        let began = Instant::now();
        connect(&mut session);
        let (_, cause) = end_of(&mut session);
        assert_eq!(
            cause.kind,
            CauseKind::Link(LinkErrorKind::Local),
            "{scheme}"
        );
        let address = FORBIDDEN.to_string();
        assert!(cause.text.contains(&address), "{}", cause.text);
        assert!(began.elapsed() < Duration::from_secs(2), "{scheme}");
    }
}

/// NAT64: only the resolver knows how to reach an IPv4 address.
#[cfg(target_os = "linux")]
#[test]
fn an_ipv4_address_without_a_route_is_reached_as_the_resolver_maps_it() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let server = Server::over(transport);
        let options = server.options().resolver(|host, port| {
            assert_eq!(host, FORBIDDEN.to_string());
            Ok(vec![(Ipv4Addr::LOCALHOST, port).into()])
        });
        let url = server.addresses.name_server_url(transport).unwrap();
        let url = url.replace("127.0.0.1", &FORBIDDEN.to_string());
        let mut session = with(user(&url, "alice"), options);
        time_to_connect(&mut session);
        session.close(LONG);
        server.stop();
    }
}

#[test]
fn case04_a_session_can_be_shared_between_threads() {
    fn keep<T: Send + Sync + 'static>(_: T) {}
    keep(session(user("udp://127.0.0.1", "alice")));
}

/// A resolver that hangs for the names that begin with `hang`, as long as the sender lives.
fn hanging_resolver() -> (Sender<()>, SessionOptions) {
    let (release, gate) = channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let options = SessionOptions::new()
        .seed([1; 32])
        .resolver(move |host, port| {
            if host.starts_with("hang") {
                let _ = gate.lock().unwrap().recv();
            }
            Ok(vec![(Ipv4Addr::LOCALHOST, port).into()])
        });
    (release, options)
}

#[test]
fn abandoned_lookups_of_one_session_do_not_delay_another() {
    let server = Server::start();
    let (release, options) = hanging_resolver();
    let mut abandoning = with(user("tcp://hang.test:1", "alice"), options.clone());
    for _ in 0..200 {
        connect(&mut abandoning);
        abandoning.flush();
        abandoning.chat.disconnect();
        abandoning.flush();
        while abandoning.poll_event().is_some() {}
    }
    let mut other = with(by_name(&server, Transport::Tcp), options);
    let took = time_to_connect(&mut other);
    assert!(took < Duration::from_secs(1), "{took:?}");
    drop(release);
    other.close(LONG);
    server.stop();
}

#[test]
fn a_resolver_that_hangs_is_reported_before_the_deadline() {
    let (_release, options) = hanging_resolver();
    let config = user("udp://hang.test:5058", "alice").connect_timeout(Duration::from_millis(500));
    let mut session = with(config, options);
    connect(&mut session);
    let (_, cause) = end_of(&mut session);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Resolve));
    assert!(cause.text.contains("did not answer"), "{}", cause.text);
}

/// Threads, open descriptors and resident KiB of this process.
#[cfg(target_os = "linux")]
fn resources() -> (usize, usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let number = |name: &str| -> usize {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    (number("Threads:"), descriptors, number("VmRSS:"))
}

/// 300 rounds; `PHOTON_CONNECTS=10000` for more. The tests beside it use threads and descriptors
/// too, so run it alone for exact figures.
#[test]
fn connects_and_disconnects_leave_nothing_behind_and_delay_nobody() {
    let rounds = std::env::var("PHOTON_CONNECTS").map_or(300, |text| text.parse().unwrap());
    let server = Server::start();
    let dead = DeadListener::start();
    let (release, options) = hanging_resolver();
    let mut dead = with(
        user(&format!("tcp://{}", dead.address), "alice"),
        options.clone(),
    );
    let mut hanging = with(user("udp://hang.test:5058", "alice"), options.clone());
    let mut good = with(by_name(&server, Transport::Tcp), options);
    let (mut slowest, mut longest_pass) = (Duration::ZERO, Duration::ZERO);
    #[cfg(target_os = "linux")]
    let mut before = resources();
    for round in 0..rounds {
        for session in [&mut dead, &mut hanging] {
            connect(session);
            let began = Instant::now();
            session.service();
            session.service();
            longest_pass = longest_pass.max(began.elapsed() / 2);
        }
        slowest = slowest.max(time_to_connect(&mut good));
        for session in [&mut dead, &mut hanging, &mut good] {
            session.chat.disconnect();
            session.service();
            while let Some(event) = session.poll_event() {
                assert!(!matches!(event, Event::Error { .. }), "{event:?}");
            }
        }
        #[cfg(target_os = "linux")]
        if round == rounds / 10 {
            before = resources();
        }
        let _ = round;
    }
    eprintln!("{rounds} rounds: slowest connect {slowest:?}, longest pass {longest_pass:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    #[cfg(target_os = "linux")]
    {
        let after = resources();
        eprintln!(
            "(threads, descriptors, resident KiB): {before:?} after a tenth, {after:?} at the end"
        );
        // Other tests of this program run at the same time.
        assert!(after.0 <= before.0 + 40, "threads: {before:?} -> {after:?}");
        assert!(
            after.1 <= before.1 + 150,
            "descriptors: {before:?} -> {after:?}"
        );
        assert!(
            after.2 <= before.2 + 20_000,
            "memory: {before:?} -> {after:?}"
        );
    }
    drop(release);
    good.close(LONG);
    server.stop();
}

/// A connect that was started and given up is closed: the listener sees its end.
#[test]
fn a_connect_that_is_cancelled_leaves_no_socket() {
    let dead = DeadListener::start();
    let mut session = session(user(&format!("tcp://{}", dead.address), "alice"));
    session
        .chat
        .connect_to_name_server(ConnectOptions::new())
        .unwrap();
    session.flush();
    assert_eq!(session.sockets().count(), 1);
    session.chat.disconnect();
    session.flush();
    assert_eq!(session.sockets().count(), 0);
}
