//! How connections fail and end, and what the application hears of it.

mod support;

use chat_core::{CauseKind, LinkErrorKind, Server};
use chat_std_io::{
    CloseOutcome, ConnectOptions, Event, PeerErrorCode, PublishOptions, Session, State, chat_core,
};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use support::*;

fn connecting(address: &str) -> Session {
    let mut session = session(config_for(address));
    session
        .chat
        .connect_to_name_server(ConnectOptions::new())
        .unwrap();
    session
}

#[test]
fn nobody_listens() {
    let (listener, address) = listen();
    drop(listener);
    let (code, cause) = ending(&mut connecting(&format!("tcp://{address}")));
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Refused));
    assert!(cause.text.contains(&address.to_string()), "{}", cause.text);
}

#[test]
fn nobody_listens_on_any_address_of_a_name() {
    let (listener, address) = listen();
    drop(listener);
    let (code, cause) = ending(&mut connecting(&format!(
        "tcp://localhost:{}",
        address.port()
    )));
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Refused));
}

#[test]
fn a_name_that_cannot_be() {
    // A label has at most 63 characters, so that no server has to be asked.
    let host = "x".repeat(64);
    let (code, cause) = ending(&mut connecting(&format!("tcp://{host}:4533")));
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Resolve));
    assert!(cause.text.contains(&host), "{}", cause.text);
}

#[test]
fn the_server_closes() {
    let (address, server) = serve_one(|mut peer| {
        peer.expect_init();
    });
    let mut session = connecting(&format!("tcp://{address}"));
    let (code, cause) = ending(&mut session);
    server.join().unwrap();
    assert_eq!(code, PeerErrorCode::NameServerConnectClosed);
    // Whether the ping of the client came before or after that is for the system to say.
    assert!(
        matches!(
            cause.kind,
            CauseKind::Closed | CauseKind::Link(LinkErrorKind::Reset)
        ),
        "{cause:?}"
    );
    assert_eq!(
        session.close(LONG),
        CloseOutcome::Confirmed,
        "nothing is left to close"
    );
}

#[test]
fn the_server_closes_in_order() {
    let (address, server) = serve_chat(|peer| {
        peer.socket.shutdown(std::net::Shutdown::Write).unwrap();
        peer
    });
    let mut session = session(config(address));
    session.chat.connect_to_region_front_end("eu").unwrap();
    let (code, cause) = ending(&mut session);
    assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
    assert_eq!(
        (cause.server, cause.kind),
        (Server::FrontEnd, CauseKind::Closed)
    );
    drop(server.join().unwrap());
}

/// Takes no more of what the client sends, says its last words, and ends with a reset.
fn last_words(mut peer: Peer) {
    peer.subscription("lobby");
    peer.await_unread();
    let mut words = chat_message("lobby", 1, "nearly the last word");
    words.extend(disconnect(7, "server logic"));
    peer.send(&words);
}

#[test]
fn last_words_are_heard_before_a_reset_met_by_reading() {
    let (address, server) = serve_chat(last_words);
    let mut session = in_channel(config(address), "lobby");
    session
        .chat
        .publish_message("lobby", "never read", &PublishOptions::new())
        .unwrap();
    session.flush();
    server.join().unwrap();
    check_last_words(session);
}

#[test]
fn last_words_are_heard_before_a_reset_met_by_writing() {
    let (address, server) = serve_chat(last_words);
    let mut session = in_channel(config(address), "lobby");
    session
        .chat
        .publish_message("lobby", "never read", &PublishOptions::new())
        .unwrap();
    session.flush();
    server.join().unwrap();
    // The system refuses the first of these, or the one after it.
    for _ in 0..3 {
        session
            .chat
            .publish_message("lobby", "never sent", &PublishOptions::new())
            .unwrap();
        session.flush();
    }
    assert!(
        session.chat.buffered_bytes() > 0,
        "writing has met the reset"
    );
    assert_eq!(
        session.chat.state(),
        State::ConnectedToFrontEnd,
        "and nothing was announced yet"
    );
    check_last_words(session);
}

fn check_last_words(mut session: Session) {
    let mut heard = 0;
    let mut end = None;
    drive(&mut session, |_, event| {
        match event {
            Event::ChatMessages { messages, .. } => heard += messages.len(),
            Event::Error { code, cause, .. } => end = Some((*code, (**cause).clone())),
            _ => {}
        }
        end.is_some()
    });
    assert_eq!(heard, 1);
    let (code, cause) = end.unwrap();
    assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
    assert_eq!(cause.kind, CauseKind::ServerDisconnect);
    assert_eq!(cause.return_code, Some(7));
}

#[test]
fn a_reset_without_words() {
    for writing in [false, true] {
        let (address, server) = serve_chat(|mut peer| {
            peer.subscription("lobby");
            peer.await_unread();
        });
        let mut session = in_channel(config(address), "lobby");
        session
            .chat
            .publish_message("lobby", "never read", &PublishOptions::new())
            .unwrap();
        session.flush();
        server.join().unwrap();
        if writing {
            session
                .chat
                .publish_message("lobby", "never sent", &PublishOptions::new())
                .unwrap();
            session.flush();
        }
        let (code, cause) = ending(&mut session);
        assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
        assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Reset));
    }
}

#[test]
fn a_severed_connection_is_a_reset_that_the_next_pass_meets() {
    for waiting in [false, true] {
        let (address, server) = serve_chat(|mut peer| {
            peer.subscription("lobby");
            let published = peer.next();
            (published, peer.next())
        });
        let mut session = in_channel(config(address), "lobby");
        session
            .chat
            .publish_message("lobby", "sent", &PublishOptions::new())
            .unwrap();
        session.flush();
        session
            .chat
            .publish_message("lobby", "never sent", &PublishOptions::new())
            .unwrap();
        session.simulate_connection_loss();
        assert_eq!(
            session.chat.state(),
            State::ConnectedToFrontEnd,
            "the client does not know"
        );
        assert!(session.poll_event().is_none());
        if waiting {
            session.wait(LONG);
        } else {
            let _ = session.service();
        }
        assert_eq!(session.chat.state(), State::Error);
        let (code, cause) = ending(&mut session);
        assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
        assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Reset));
        let (published, after) = server.join().unwrap();
        assert!(
            matches!(published, Some(Request::Operation(2, _))),
            "{published:?}"
        );
        assert_eq!(after, None, "the end, and nothing before it");
        assert_eq!(
            session.close(LONG),
            CloseOutcome::Confirmed,
            "nothing is left to close"
        );
    }
}

#[test]
fn without_an_open_connection_nothing_is_severed() {
    let (address, server) = serve_one(|mut peer| {
        peer.expect_init();
        peer.expect_end();
    });
    let mut session = session(config(address));
    session.simulate_connection_loss();
    assert_eq!(session.chat.state(), State::Uninitialized);
    session
        .chat
        .connect_to_name_server(ConnectOptions::new())
        .unwrap();
    session.flush();
    session.simulate_connection_loss();
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    session.close(LONG);
    server.join().unwrap();
}

#[test]
fn connecting_anew_in_answer_to_an_error() {
    let (listener, address) = listen();
    drop(listener);
    let mut session = connecting(&format!("tcp://{address}"));
    drive(&mut session, |session, event| match event {
        Event::Error { .. } => {
            session
                .chat
                .connect_to_name_server(ConnectOptions::new())
                .unwrap();
            true
        }
        _ => false,
    });
    let (code, _) = ending(&mut session);
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
}

/// A port where connecting hangs: the system keeps so many connections that nobody accepted, and answers no more.
#[cfg(target_os = "linux")]
fn hanging() -> (std::net::TcpListener, SocketAddr, Vec<TcpStream>) {
    let (listener, address) = listen();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 10_000, "the queue has an end");
    }
    (listener, address, waiting)
}

#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_hangs_blocks_nobody() {
    let (listener, address, waiting) = hanging();
    let mut session = connecting(&format!("tcp://{address}"));
    for _ in 0..1_000 {
        let _ = session.service();
        while let Some(event) = session.poll_event() {
            assert!(entered(&event, State::ConnectingToNameServer), "{event:?}");
        }
    }
    // Were it so that `service` waited for the connect, it would have ended by now.
    assert_eq!(session.chat.state(), State::ConnectingToNameServer);

    // Waiting for it is one sleep.
    let before = session.io_stats();
    session.wait(Duration::from_millis(250));
    assert_eq!(session.io_stats().wakeups - before.wakeups, 1);
    assert_eq!(session.chat.state(), State::ConnectingToNameServer);

    // Once there is room it goes through.
    let server = std::thread::spawn(move || {
        for _ in &waiting {
            drop(accept(&listener));
        }
        drop(waiting);
        let mut peer = accept(&listener);
        peer.expect_init();
        peer.expect_end();
    });
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    session.close(LONG);
    server.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_hangs_can_be_given_up() {
    let (_listener, address, _waiting) = hanging();
    let mut session = connecting(&format!("tcp://{address}"));
    let _ = session.service();
    session.chat.disconnect();
    // The thread goes on trying, which is nobody's business any more.
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);

    let mut session = connecting(&format!("tcp://{address}"));
    let _ = session.service();
    drop(session);
}
