//! Everything over WebSocket that is not as over TCP.
#![cfg(feature = "websocket")]

mod support;

use chat_core::{CauseKind, LinkErrorKind};
use chat_std_io::{
    CloseOutcome, ConnectOptions, PeerErrorCode, PublishOptions, Session, State, chat_core,
};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use support::web::Server;
use support::*;

/// ws, and wss if it is there.
fn each() -> impl Iterator<Item = bool> {
    [false, cfg!(feature = "tls")]
        .into_iter()
        .take(1 + usize::from(cfg!(feature = "tls")))
}

#[test]
fn a_conversation() {
    const MESSAGES: usize = 100;
    for secure in each() {
        let server = Server::start(secure);
        let mut session = server.in_channel(server.config(), "lobby");
        for _ in 0..MESSAGES {
            session
                .chat
                .publish_message("lobby", "hello", &PublishOptions::new())
                .unwrap();
        }
        hear(&mut session, MESSAGES);
        assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
        let seen = server.thread.join().unwrap();
        assert_eq!((seen.published, seen.closes), (MESSAGES, vec![1_000; 2]));
        assert!(
            seen.paths
                .iter()
                .all(|path| path.starts_with("/?libversion=")),
            "{:?}",
            seen.paths
        );
    }
}

#[test]
fn the_same_in_frames() {
    for secure in each() {
        let server = Server::start(secure);
        let mut session = Session::with_options(server.config(), server.options.clone()).unwrap();
        session.chat.connect_to_region_front_end("eu").unwrap();
        drive_frames(&mut session, |_, event| {
            entered(event, State::ConnectedToFrontEnd)
        });
        assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
        assert_eq!(server.thread.join().unwrap().closes, [1_000; 2]);
    }
}

#[test]
fn an_idle_wait_is_one_sleep() {
    for secure in each() {
        let server = Server::start(secure);
        let mut session = server.in_channel(
            server.config().ping_interval(Duration::from_millis(8_000)),
            "lobby",
        );
        comes_to_rest(&mut session);
        sleeps_once(&mut session);
        session.close(LONG);
        server.thread.join().unwrap();
    }
}

#[test]
fn a_severed_link_is_a_reset() {
    for secure in each() {
        let server = Server::start(secure);
        let mut session = server.in_channel(server.config(), "lobby");
        session.simulate_connection_loss();
        let (code, cause) = ending(&mut session);
        assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
        assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Reset));
        assert_eq!(
            session.close(LONG),
            CloseOutcome::Confirmed,
            "nothing is left to close"
        );
        assert_eq!(
            server.thread.join().unwrap().closes,
            [1_000],
            "of the name server only"
        );
    }
}

/// The end of a session whose server says this, to whatever it is sent.
fn refused(scheme: &str, answer: &'static [u8]) -> (PeerErrorCode, chat_core::DisconnectCause) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!(
        "{scheme}://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 4_096];
        let _ = stream.read(&mut hello).unwrap();
        stream.write_all(answer).unwrap();
        stream
    });
    let mut session = session(config_for(&address));
    session
        .chat
        .connect_to_name_server(ConnectOptions::new())
        .unwrap();
    let ended = ending(&mut session);
    drop(server.join().unwrap());
    ended
}

#[test]
fn the_application_hears_why_it_was_refused() {
    let (code, cause) = refused("ws", b"HTTP/1.1 404 Not Found\r\n\r\n");
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Handshake));
    assert!(cause.text.contains("404"), "{}", cause.text);
    if cfg!(feature = "tls") {
        let (code, cause) = refused("wss", b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
        assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Tls));
        assert!(cause.text.contains("does not speak TLS"), "{}", cause.text);
    }
}
