//! How connections fail and end, and what the application learns of it.

mod harness;

use chat_std_io::{
    CauseKind, CloseOutcome, DisconnectCause, Event, LinkErrorKind, PeerErrorCode, Server as Kind,
    Session, State,
};
use dev_server::{ConnectionEnd, Fault, ServerKind, Step};
use harness::*;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address without a listener.
fn closed_port() -> SocketAddr {
    listen().1
}

#[test]
fn an_address_without_a_listener_is_refused() {
    let address = closed_port();
    let mut session = connecting(user(&format!("tcp://{address}"), "alice"));
    let (code, cause) = end_of(&mut session);
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Refused));
    assert!(cause.text.contains(&address.to_string()), "{}", cause.text);
}

#[test]
fn a_name_without_a_listener_on_any_of_its_addresses_is_refused() {
    let port = closed_port().port();
    let mut session = connecting(user(&format!("tcp://localhost:{port}"), "alice"));
    let (code, cause) = end_of(&mut session);
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Refused));
}

#[test]
fn an_impossible_name_does_not_resolve() {
    assert_unresolvable("tcp");
}

#[test]
fn the_name_server_closes_after_the_init() {
    let server = Server::start();
    server.fault(Step::Init(ServerKind::NameServer), Fault::CloseAfter);
    let mut session = connecting(server.config());
    let (code, cause) = end_of(&mut session);
    assert_eq!(code, PeerErrorCode::NameServerConnectClosed);
    // The client's first ping may reach the server before or after its close.
    let reset = CauseKind::Link(LinkErrorKind::Reset);
    assert!(
        cause.kind == CauseKind::Closed || cause.kind == reset,
        "{cause:?}"
    );
    let outcome = session.close(LONG);
    assert_eq!(outcome, CloseOutcome::Sent, "the server ended it first");
    server.stop();
}

#[test]
fn the_front_end_closes_after_the_login() {
    let server = Server::start();
    server.fault(Step::Authenticate(ServerKind::FrontEnd), Fault::CloseAfter);
    let mut session = session(server.config());
    session.chat.connect_to_region_front_end("eu").unwrap();
    let (code, cause) = end_of(&mut session);
    assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
    assert_eq!(
        (cause.server, cause.kind),
        (Kind::FrontEnd, CauseKind::Closed)
    );
    server.stop();
}

/// A session in the lobby whose server sends one more message and a disconnect message, and then
/// resets the connection because it has not read what the session published.
fn reset_after_last_messages() -> Session {
    let server = Server::start();
    let (relay, mut alice) = in_lobby_by_relay(&server, server.config());
    let mut bob = in_lobby(&server, server.config_of("bob"));
    relay.pause();
    publish(&mut alice, "never read");
    alice.flush();
    relay.wait_for_unread();
    publish(&mut bob, "the last message");
    receive(&mut bob, 1);
    let kicked = server.act(|core| core.control("kick alice 7 by the operator").line);
    assert!(kicked.starts_with("ok"), "{kicked}");
    relay.wait_for_server_end();
    relay.reset();
    bob.close(LONG);
    assert_eq!(server.stats().messages, 1);
    server.stop();
    alice
}

fn assert_receives_last_messages(mut session: Session) {
    let mut received = 0;
    let mut end = None;
    drive(&mut session, |_, event| {
        match event {
            Event::ChatMessages { messages, .. } => received += messages.len(),
            Event::Error { code, cause, .. } => end = Some((*code, (**cause).clone())),
            _ => {}
        }
        end.is_some()
    });
    assert_eq!(received, 1);
    let (code, cause): (_, DisconnectCause) = end.unwrap();
    assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
    assert_eq!(cause.kind, CauseKind::ServerDisconnect);
    assert_eq!(cause.return_code, Some(7));
}

#[test]
fn the_last_messages_arrive_before_a_reset_met_by_reading() {
    assert_receives_last_messages(reset_after_last_messages());
}

#[test]
fn the_last_messages_arrive_before_a_reset_met_by_writing() {
    let mut session = reset_after_last_messages();
    // The system refuses the first of these writes, or one after it.
    for _ in 0..3 {
        publish(&mut session, "never sent");
        session.flush();
    }
    assert!(
        session.chat.buffered_bytes() > 0,
        "a write has met the reset"
    );
    let state = session.chat.state();
    assert_eq!(
        state,
        State::ConnectedToFrontEnd,
        "the end is not announced yet"
    );
    assert_receives_last_messages(session);
}

#[test]
fn a_reset_without_a_disconnect_message() {
    for writing in [false, true] {
        let server = Server::start();
        let (relay, mut session) = in_lobby_by_relay(&server, server.config());
        relay.pause();
        publish(&mut session, "never read");
        session.flush();
        relay.wait_for_unread();
        relay.reset();
        if writing {
            publish(&mut session, "never sent");
            session.flush();
        }
        let (code, cause) = end_of(&mut session);
        assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
        // Where reading shows an end, only a write that meets the reset shows it. Whether this one
        // does depends on when the system learns of it.
        if system_reports_resets() || cause.kind != CauseKind::Closed {
            assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Reset));
        }
        server.stop();
    }
}

#[test]
fn a_simulated_loss_is_a_reset_that_the_next_pass_meets() {
    for waiting in [false, true] {
        let server = Server::start();
        let mut session = in_lobby(&server, server.config());
        publish(&mut session, "sent");
        session.flush();
        publish(&mut session, "never sent");
        session.simulate_connection_loss();
        let state = session.chat.state();
        assert_eq!(
            state,
            State::ConnectedToFrontEnd,
            "the client has not met it yet"
        );
        assert!(session.poll_event().is_none());
        if waiting {
            session.wait(LONG);
        } else {
            session.service();
        }
        assert_eq!(session.chat.state(), State::Error);
        assert_lost(session);
        server.wait_until(|core| core.ended_connections().len() == 2);
        assert_eq!(server.ends(), [ConnectionEnd::Client; 2]);
        assert_eq!(
            server.stats().messages,
            1,
            "what the system had taken, and nothing more"
        );
        server.stop();
    }
}

#[test]
fn a_simulated_loss_needs_an_open_connection() {
    let server = Server::start();
    let mut session = session(server.config());
    session.simulate_connection_loss();
    assert_eq!(session.chat.state(), State::Uninitialized);
    connect(&mut session);
    session.flush();
    session.simulate_connection_loss();
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    session.close(LONG);
    server.stop();
}

#[test]
fn an_error_can_be_answered_with_a_new_connect() {
    let address = closed_port();
    let mut session = connecting(user(&format!("tcp://{address}"), "alice"));
    drive(&mut session, |session, event| match event {
        Event::Error { .. } => {
            connect(session);
            true
        }
        _ => false,
    });
    let (code, _) = end_of(&mut session);
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
}

/// A port where a connect hangs: the queue of connections that nobody accepts is full, so the
/// system answers no more.
#[cfg(target_os = "linux")]
fn hanging() -> (TcpListener, SocketAddr, Vec<TcpStream>) {
    let (listener, address) = listen();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
        assert!(queue.len() < 10_000, "the queue has a limit");
    }
    (listener, address, queue)
}

#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_hangs_does_not_block() {
    let server = Server::start();
    let (listener, address, queue) = hanging();
    let mut session = connecting(user(&format!("tcp://{address}"), "alice"));
    for _ in 0..1_000 {
        session.service();
        while let Some(event) = session.poll_event() {
            assert!(entered(&event, State::ConnectingToNameServer), "{event:?}");
        }
    }
    // If `service` waited for the connect, that would have ended by now.
    assert_eq!(session.chat.state(), State::ConnectingToNameServer);

    // Waiting for it is one sleep.
    let before = session.io_stats();
    session.wait(Duration::from_millis(250));
    assert_eq!(session.io_stats().wakeups - before.wakeups, 1);
    assert_eq!(session.chat.state(), State::ConnectingToNameServer);

    // Once the queue has space, it succeeds.
    let name_server = server.addresses.name_server;
    let relay = thread::spawn(move || {
        for _ in &queue {
            drop(listener.accept().unwrap());
        }
        Relay::on(listener, name_server)
    });
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    session.close(LONG);
    relay.join().unwrap();
    server.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_hangs_can_be_cancelled() {
    let (_listener, address, _queue) = hanging();
    let mut session = connecting(user(&format!("tcp://{address}"), "alice"));
    session.service();
    session.chat.disconnect();
    // The thread continues to try; its result will be dropped.
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);

    let mut session = connecting(user(&format!("tcp://{address}"), "alice"));
    session.service();
    drop(session);
}
