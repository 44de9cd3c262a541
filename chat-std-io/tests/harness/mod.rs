//! Sessions against the development server, on loopback.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test program uses a part of it"
)]

mod relay;
mod server;

use chat_std_io::chat_core::{DisconnectCause, Encryption};
use chat_std_io::{
    CauseKind, ChatConfig, CloseOutcome, ConnectOptions, Event, LinkErrorKind, PeerErrorCode,
    PublishOptions, Session, SessionOptions, State, SubscribeOptions,
};
pub use relay::Relay;
pub use server::{IS_SERVER, Server};
use std::io;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing here takes this long: a test that hangs fails instead.
pub const LONG: Duration = Duration::from_secs(30);

/// Configuration of a user. Without the key exchange, which the driver does not see, tests are
/// shorter.
pub fn user(address: &str, name: &str) -> ChatConfig {
    ChatConfig::new(address, "app", "1.0")
        .user_id(name)
        .encryption(Encryption::Off)
}

/// A session with a fixed seed.
pub fn session(config: ChatConfig) -> Session {
    Session::with_options(config, SessionOptions::new().seed([1; 32])).unwrap()
}

/// A session that connects to a name server.
pub fn connecting(config: ChatConfig) -> Session {
    let mut session = session(config);
    connect(&mut session);
    session
}

pub fn connect(session: &mut Session) {
    session
        .chat
        .connect_to_name_server(ConnectOptions::new())
        .unwrap();
}

/// A session on the name server, without events left.
pub fn on_name_server(config: ChatConfig) -> Session {
    let mut session = connecting(config);
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    session
}

/// A session on the front end, without events left.
pub fn on_front_end(config: ChatConfig, options: SessionOptions) -> Session {
    let mut session = Session::with_options(config, options).unwrap();
    session.chat.connect_to_region_front_end("eu").unwrap();
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToFrontEnd)
    });
    session
}

/// A session in the channel "lobby", without events left.
pub fn in_lobby(server: &Server, config: ChatConfig) -> Session {
    let mut session = on_front_end(config, server.options());
    session
        .chat
        .subscribe(["lobby"], &SubscribeOptions::new())
        .unwrap();
    drive(&mut session, |_, event| {
        matches!(event, Event::SubscribeResult(_))
    });
    session
}

/// The same, with a relay between the session and the front end.
pub fn in_lobby_by_relay(server: &Server, config: ChatConfig) -> (Relay, Session) {
    let front_end = server.addresses.front_end;
    let relay = Relay::start(front_end);
    server.redirect_to_front_end(relay.address.port());
    let session = in_lobby(server, config);
    server.redirect_to_front_end(front_end.port());
    (relay, session)
}

/// Publishes in the channel "lobby".
pub fn publish(session: &mut Session, content: &str) {
    session
        .chat
        .publish_message("lobby", content, &PublishOptions::new())
        .unwrap();
}

/// Lets bob publish so many messages of so many bytes in the channel "lobby", on a thread that ends
/// once the server has handled them.
pub fn flood(server: &Server, messages: usize, bytes: usize) -> JoinHandle<()> {
    let mut bob = in_lobby(server, server.config_of("bob"));
    thread::spawn(move || {
        let content = "x".repeat(bytes);
        let (mut published, mut received) = (0, 0);
        while received < messages {
            let options = PublishOptions::new();
            while published < messages
                && bob
                    .chat
                    .publish_message("lobby", content.as_str(), &options)
                    .is_ok()
            {
                published += 1;
            }
            bob.wait(LONG);
            while let Some(event) = bob.poll_event() {
                if let Event::ChatMessages { messages, .. } = event {
                    received += messages.len();
                }
            }
        }
        bob.close(LONG);
    })
}

pub fn entered(event: &Event, state: State) -> bool {
    matches!(event, Event::StateChanged { to, .. } if *to == state)
}

/// Waits and takes events until `until` returns true for one.
pub fn drive(session: &mut Session, until: impl FnMut(&mut Session, &Event) -> bool) {
    drive_with(session, |session| session.wait(LONG), until);
}

/// The same in frames, as a game does it.
pub fn drive_frames(session: &mut Session, until: impl FnMut(&mut Session, &Event) -> bool) {
    let frame = |session: &mut Session| {
        session.service();
        thread::yield_now();
    };
    drive_with(session, frame, until);
}

/// The same with other steps.
pub fn drive_with(
    session: &mut Session,
    step: impl Fn(&mut Session),
    mut until: impl FnMut(&mut Session, &Event) -> bool,
) {
    let began = Instant::now();
    loop {
        while let Some(event) = session.poll_event() {
            if until(session, &event) {
                return;
            }
        }
        let state = session.chat.state();
        assert!(began.elapsed() < LONG, "hangs in state {state:?}");
        step(session);
    }
}

/// Drives the session until it has received so many chat messages.
pub fn receive(session: &mut Session, count: usize) {
    let mut received = 0;
    drive(session, |_, event| {
        if let Event::ChatMessages { messages, .. } = event {
            received += messages.len();
        }
        assert!(received <= count, "{received} messages instead of {count}");
        received == count
    });
}

/// Drives the session until its connection ends with an error. Returns the cause.
pub fn end_of(session: &mut Session) -> (PeerErrorCode, DisconnectCause) {
    let mut states = Vec::new();
    let mut end = None;
    drive(session, |_, event| {
        match event {
            Event::StateChanged { to, .. } => states.push(*to),
            Event::Error { code, cause, .. } => end = Some((*code, (**cause).clone())),
            _ => {}
        }
        end.is_some()
    });
    assert_eq!(states.last(), Some(&State::Error));
    end.unwrap()
}

/// Checks that a session on the front end has lost its connection, so that nothing confirms what the
/// server received.
#[track_caller]
pub fn assert_lost(mut session: Session) {
    let (code, cause) = end_of(&mut session);
    assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Reset));
    assert_ne!(session.close(LONG), CloseOutcome::Confirmed);
}

/// Checks the error for a host that does not exist.
#[track_caller]
pub fn assert_unresolvable(scheme: &str) {
    let config = user(&format!("{scheme}://nowhere.test:4533"), "alice");
    let options = SessionOptions::new()
        .seed([1; 32])
        .resolver(|_, _| Err(io::Error::other("no such name")));
    let mut session = Session::with_options(config, options).unwrap();
    connect(&mut session);
    let (code, cause) = end_of(&mut session);
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Resolve));
    for part in ["nowhere.test", "no such name"] {
        assert!(cause.text.contains(part), "{}", cause.text);
    }
}

/// Drives an idle session until nothing is due for a second.
#[track_caller]
pub fn come_to_rest(session: &mut Session) {
    let second = Duration::from_secs(1);
    while session.timeout().is_none_or(|timeout| timeout < second) {
        session.wait(second);
        assert_eq!(session.poll_event(), None);
    }
}

/// Checks that an idle session sleeps once, in the kernel, for as long as it is told.
#[track_caller]
pub fn assert_sleeps_once(session: &mut Session) {
    let (stats, began) = (session.io_stats(), session.now());
    session.wait(Duration::from_millis(250));
    let (after, ended) = (session.io_stats(), session.now());
    assert_eq!(after.wakeups - stats.wakeups, 1);
    assert!(
        ended.millis_since(began) >= 250,
        "it slept for the whole time"
    );
    // The read of the service that follows.
    let (reads, writes) = (after.reads - stats.reads, after.writes - stats.writes);
    assert_eq!((reads, writes), (1, 0));
}

/// Whether a reader of this system receives a reset as an error.
///
/// Linux and Windows (`WSAECONNRESET`) report it. wine 8.0 does not: with a plain C program, `recv`
/// returns 0, the end of the stream, whether a Linux program or one under wine resets the connection,
/// by unread bytes or by a linger of 0. A Linux program at the other end of the same reset receives
/// `ECONNRESET`, so the reset is on the wire; wine keeps its error for the next send.
pub fn system_reports_resets() -> bool {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.write_all(b"x").unwrap();
    assert_eq!(server.peek(&mut [0]).unwrap(), 1);
    // It closes with an unread byte: by a reset.
    drop(server);
    client.read(&mut [0]).is_err()
}
