//! Sessions in an event loop outside of them, and wakes from other threads.

mod harness;

use chat_std_io::{Event, Session, Waker};
use dev_server::{ServerKind, Transport};
use harness::*;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test may sleep without reason.
const HANG: Duration = Duration::from_secs(20);

#[test]
fn a_wake_ends_a_wait_from_another_thread() {
    let mut session = session(user("udp://127.0.0.1:1", "alice"));
    let waker = session.waker().unwrap();
    for _ in 0..3 {
        let (began, waker) = (Instant::now(), waker.clone());
        let thread = thread::spawn(move || waker.wake());
        session.wait(Duration::MAX);
        thread.join().unwrap();
        assert!(began.elapsed() < HANG);
    }
}

#[test]
fn a_wake_before_a_wait_counts_once() {
    let mut session = session(user("udp://127.0.0.1:1", "alice"));
    let waker = session.waker().unwrap();
    for _ in 0..1_000 {
        waker.wake();
    }
    session.service();
    session.wait(Duration::MAX);
    let began = Instant::now();
    session.wait(Duration::from_millis(20));
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert_eq!(session.io_stats().wakeups, 2);
}

#[test]
fn wakers_of_one_session_do_not_wake_another() {
    let [mut one, mut other] =
        ["one", "other"].map(|name| session(user("udp://127.0.0.1:1", name)));
    let (waker, first) = (one.waker().unwrap(), other.waker().unwrap());
    let second = other.waker().unwrap();
    second.wake();
    other.wait(Duration::MAX);
    first.wake();
    other.wait(Duration::MAX);
    waker.wake();
    let began = Instant::now();
    other.wait(Duration::from_millis(20));
    assert!(began.elapsed() >= Duration::from_millis(20));
    one.wait(Duration::MAX);
}

#[test]
fn a_waker_outlives_its_session() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let mut session = session(user("udp://127.0.0.1:1", "alice"));
    let waker: Waker = session.waker().unwrap();
    shared(&waker);
    drop(session);
    waker.wake();
    waker.clone().wake();
}

#[test]
fn a_wake_ends_a_wait_of_a_connected_session() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let server = Server::over(transport);
        let mut session = in_lobby(
            &server,
            server.config().ping_interval(Duration::from_secs(8)),
        );
        come_to_rest(&mut session);
        let waker = session.waker().unwrap();
        let before = session.io_stats();
        for _ in 0..3 {
            waker.wake();
            session.wait(Duration::from_millis(900));
        }
        let after = session.io_stats();
        assert_eq!(
            (after.wakeups - before.wakeups, after.writes - before.writes),
            (3, 0)
        );
        session.close(LONG);
        server.stop();
    }
}

#[test]
fn two_links_and_blocked_output_sleep_without_polling() {
    let server = Server::with(Transport::Tcp, |options| {
        options.config.max_outgoing_bytes = usize::MAX;
    });
    let config = server
        .config()
        .flush_timeout(LONG)
        .ping_interval(Duration::from_secs(8));
    let (relay, mut session) = in_lobby_by_relay(&server, config);
    relay.pause();
    let content = "x".repeat(10_000);
    let options = chat_std_io::PublishOptions::new();
    while session
        .chat
        .publish_message("lobby", content.as_str(), &options)
        .is_ok()
    {
        session.flush();
    }
    // The old link still has output when the new one is open.
    session.chat.disconnect();
    connect(&mut session);
    drive(&mut session, |_, event| {
        entered(event, chat_std_io::State::ConnectedToNameServer)
    });
    // What the server sent before arrives first. Then nothing ends a sleep before its time.
    let (pause, began) = (Duration::from_millis(300), Instant::now());
    loop {
        let (before, start) = (session.io_stats(), Instant::now());
        session.wait(pause);
        if start.elapsed() >= pause {
            let after = session.io_stats();
            assert_eq!(after.wakeups - before.wakeups, 1);
            break;
        }
        assert!(began.elapsed() < HANG);
    }
    assert!(session.chat.buffered_bytes() > 0, "output is still blocked");

    // Nothing but space for output ends the next sleeps.
    relay.resume();
    let began = Instant::now();
    while session.chat.buffered_bytes() > 0 {
        session.wait(Duration::from_secs(5));
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "no sleep ended by itself"
        );
    }
    session.close(LONG);
    server.stop();
}

/// A session that connects to a name, and what its resolver waits for before it answers.
fn resolving(server: &Server) -> (Session, Sender<()>) {
    let (answer, gate) = channel::<()>();
    let (gate, address) = (Mutex::new(gate), server.addresses.name_server);
    let options = server.options().resolver(move |_, _| {
        let _answer_or_end = gate.lock().unwrap().recv();
        Ok(vec![address])
    });
    let mut session = Session::with_options(user("tcp://name.test", "alice"), options).unwrap();
    connect(&mut session);
    while session.poll_event().is_some() {}
    session.service(); // Starts the timers of the connect call, which end the first wait at once.
    (session, answer)
}

#[test]
fn a_wait_for_a_resolver_is_one_sleep() {
    let server = Server::start();
    let (mut session, answer) = resolving(&server);
    assert_eq!(session.sockets().len(), 0);
    let (pause, began) = (Duration::from_millis(100), Instant::now());
    session.wait(pause);
    assert!(began.elapsed() >= pause);
    assert_eq!(session.io_stats().wakeups, 1);
    // An outside loop, whose poller the thread cannot wake, looks again soon.
    assert!(session.timeout().unwrap() <= Duration::from_millis(10));
    answer.send(()).unwrap();
    let began = Instant::now();
    drive(&mut session, |_, event| {
        entered(event, chat_std_io::State::ConnectedToNameServer)
    });
    assert!(began.elapsed() < HANG);
    session.close(LONG);
    server.stop();
}

/// A thread that finishes before there is a poller cannot wake it.
#[test]
fn a_resolver_that_answers_before_the_first_wait_is_noticed() {
    let server = Server::start();
    for round in 0..40 {
        let (mut session, answer) = resolving(&server);
        answer.send(()).unwrap();
        // From a thread that has not begun to one that has ended.
        for _ in 0..20 * round {
            thread::yield_now();
        }
        if round % 2 == 0 {
            let _waker = session.waker().unwrap();
        }
        let began = Instant::now();
        while session.sockets().len() == 0 {
            session.wait(HANG);
            assert!(began.elapsed() < HANG);
        }
        session.close(LONG);
    }
    server.stop();
}

/// The server's end never arrives, because the relay does not read ours.
fn closing_sleeps(transport: Transport) {
    let server = Server::over(transport);
    let name_server = server.addresses.of(transport, ServerKind::NameServer);
    let relay = Relay::start(name_server.unwrap());
    let scheme = match transport {
        Transport::Ws => "ws",
        Transport::Wss => "wss",
        _ => "tcp",
    };
    let config = user(&format!("{scheme}://{}", relay.address), "alice");
    let config = config.ping_interval(Duration::from_secs(8));
    let mut session = Session::with_options(config, server.options()).unwrap();
    connect(&mut session);
    drive(&mut session, |_, event| {
        entered(event, chat_std_io::State::ConnectedToNameServer)
    });
    come_to_rest(&mut session);
    relay.pause();
    session.chat.disconnect();
    let (before, began) = (session.io_stats(), Instant::now());
    session.service();
    while session.poll_event().is_some() {}
    let timeout = session.timeout().unwrap();
    assert!(
        timeout > Duration::from_millis(500),
        "a second: {timeout:?}"
    );
    while session.timeout().is_some() {
        session.wait(LONG);
        while session.poll_event().is_some() {}
        assert!(began.elapsed() < HANG);
    }
    assert!(began.elapsed() >= Duration::from_millis(500));
    let after = session.io_stats();
    assert!(after.wakeups - before.wakeups <= 2, "{before:?} {after:?}");
    session.close(LONG);
    relay.resume();
    server.stop();
}

#[test]
fn a_link_that_is_being_closed_sleeps_until_the_end_or_its_deadline() {
    closing_sleeps(Transport::Tcp);
    if cfg!(feature = "websocket") {
        closing_sleeps(Transport::Ws);
    }
    if cfg!(feature = "tls") {
        closing_sleeps(Transport::Wss);
    }
}

#[cfg(unix)]
mod outside {
    use super::*;
    use chat_std_io::{PublishOptions, State, SubscribeOptions};
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Registry, Token};
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
    use std::os::fd::AsRawFd;

    /// Watches the sockets, as the crate docs describe.
    fn watch(registry: &Registry, token: Token, session: &Session) {
        for open in session.sockets() {
            let fd = open.socket.as_raw_fd();
            let interest = match (open.readable, open.writable) {
                (true, true) => Interest::READABLE | Interest::WRITABLE,
                (true, false) => Interest::READABLE,
                (false, true) => Interest::WRITABLE,
                (false, false) => {
                    let _ = registry.deregister(&mut SourceFd(&fd));
                    continue;
                }
            };
            let source = &mut SourceFd(&fd);
            if registry.reregister(source, token, interest).is_err() {
                registry.register(source, token, interest).unwrap();
            }
        }
    }

    /// The loop of the crate docs. Returns the number of passes.
    fn run(
        sessions: &mut [Session],
        mut until: impl FnMut(usize, &mut Session, &Event) -> bool,
    ) -> usize {
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(64));
        let mut ready: Vec<usize> = (0..sessions.len()).collect();
        let (began, mut passes) = (Instant::now(), 0);
        loop {
            for index in ready.drain(..) {
                let session = &mut sessions[index];
                passes += 1;
                session.service();
                while let Some(event) = session.poll_event() {
                    if until(index, session, &event) {
                        return passes;
                    }
                }
                watch(poll.registry(), Token(index), session);
            }
            let timeout = sessions.iter().filter_map(Session::timeout).min();
            poll.poll(&mut events, Some(timeout.unwrap_or(LONG)))
                .unwrap();
            assert!(began.elapsed() < LONG, "hangs");
            ready.extend(events.iter().map(|event| event.token().0));
            for (index, session) in sessions.iter().enumerate() {
                if session.timeout().is_some_and(|left| left.is_zero()) {
                    ready.push(index);
                }
            }
            ready.sort_unstable();
            ready.dedup();
        }
    }

    fn two_sessions_talk(transport: Transport) {
        const MESSAGES: usize = 200;
        let server = Server::over(transport);
        let mut sessions = ["alice", "bob"].map(|name| {
            let config = server.config_of(name).ping_interval(Duration::from_secs(8));
            let mut session = Session::with_options(config, server.options()).unwrap();
            session.chat.connect_to_region_front_end("eu").unwrap();
            session
        });
        let mut subscribed = 0;
        let mut received = [0; 2];
        let passes = run(&mut sessions, |index, session, event| {
            match event {
                Event::StateChanged { to, .. } if *to == State::ConnectedToFrontEnd => {
                    session
                        .chat
                        .subscribe(["lobby"], &SubscribeOptions::new())
                        .unwrap();
                }
                Event::SubscribeResult(_) => {
                    subscribed += 1;
                    // The last to join publishes, so that both receive everything.
                    if subscribed == 2 {
                        publish(session, "0");
                    }
                }
                Event::ChatMessages { messages, .. } => {
                    received[index] += messages.len();
                    // Each message is answered by one of them in turn.
                    if received[index] % 2 == index && received[index] < MESSAGES {
                        let text = received[index].to_string();
                        let options = PublishOptions::new();
                        session
                            .chat
                            .publish_message("lobby", text.as_str(), &options)
                            .unwrap();
                    }
                }
                Event::Error { message, .. } => panic!("{message}"),
                _ => {}
            }
            received.iter().sum::<usize>() >= 2 * MESSAGES
        });
        assert!(passes < 40 * MESSAGES, "{passes} passes: it spins");
        for session in sessions {
            session.close(LONG);
        }
        server.stop();
    }

    #[test]
    fn two_sessions_share_an_outside_poller_over_tcp() {
        two_sessions_talk(Transport::Tcp);
    }

    #[test]
    fn two_sessions_share_an_outside_poller_over_udp() {
        two_sessions_talk(Transport::Udp);
    }

    #[cfg(feature = "websocket")]
    #[test]
    fn two_sessions_share_an_outside_poller_over_websocket() {
        two_sessions_talk(Transport::Ws);
        if cfg!(feature = "tls") {
            two_sessions_talk(Transport::Wss);
        }
    }

    /// The race between addresses has deadlines that only `timeout` shows to such a loop.
    fn connects_past_a_dead_address(transport: Transport, dead: SocketAddr) {
        const NAME_SERVER: u16 = 1;
        let server = Server::over(transport);
        let name_server = match transport {
            Transport::Udp => server.addresses.udp.unwrap().name_server,
            _ => server.addresses.name_server,
        };
        let options = server.options().resolver(move |_, port| {
            Ok(match port {
                NAME_SERVER => vec![dead, name_server],
                port => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
            })
        });
        let scheme = if transport == Transport::Udp {
            "udp"
        } else {
            "tcp"
        };
        let config = user(&format!("{scheme}://name.test:{NAME_SERVER}"), "alice");
        let mut session = Session::with_options(config, options).unwrap();
        connect(&mut session);
        let (mut sessions, began) = ([session], Instant::now());
        let passes = run(&mut sessions, |_, _, event| {
            entered(event, State::ConnectedToNameServer)
        });
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "{:?}",
            began.elapsed()
        );
        assert!(passes < 100, "{passes} passes: it spins");
        let [session] = sessions;
        session.close(LONG);
        server.stop();
    }

    #[test]
    fn the_timeout_covers_the_race_between_addresses_over_udp() {
        let mute = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        connects_past_a_dead_address(Transport::Udp, mute.local_addr().unwrap());
    }

    #[test]
    fn the_timeout_covers_the_race_between_addresses_over_tcp() {
        // A full backlog: the system drops further attempts to connect.
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let listener = listener.unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let dead = listener.local_addr().unwrap();
        let waiting = [(); 4].map(|()| {
            let kind = socket2::Type::STREAM;
            let socket = socket2::Socket::new(socket2::Domain::IPV4, kind, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _under_way = socket.connect(&dead);
            socket
        });
        connects_past_a_dead_address(Transport::Tcp, dead.as_socket().unwrap());
        drop(waiting);
    }

    #[test]
    fn a_session_that_wants_no_input_is_not_watched_for_it() {
        let server = Server::start();
        let config = server
            .config()
            .event_cap_bytes(64 * 1024)
            .incoming_cap_bytes(128 * 1024)
            .limits(chat_std_io::Limits {
                max_received_bytes: 64 * 1024,
                ..chat_std_io::Limits::DEFAULT
            });
        let mut session = in_lobby(&server, config);
        let flood = flood(&server, 100, 10_000);
        while session.sockets().any(|open| open.readable) {
            session.service();
            thread::yield_now();
        }
        assert_eq!(session.sockets().len(), 1);
        let mut received = 0;
        let mut sessions = [session];
        run(&mut sessions, |_, _, event| {
            if let Event::ChatMessages { messages, .. } = event {
                received += messages.len();
            }
            received == 100
        });
        flood.join().unwrap();
        let [session] = sessions;
        session.close(LONG);
        server.stop();
    }
}
