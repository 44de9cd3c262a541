//! What is different over WebSocket.
#![cfg(feature = "websocket")]

mod harness;

use chat_std_io::{
    CauseKind, CloseOutcome, DisconnectCause, LinkErrorKind, PeerErrorCode, Session, State,
};
use dev_server::{ConnectionEnd, ServerKind, Transport};
use harness::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

/// The client closed in order. Spec: wire.md 7.1.
const CLOSED: ConnectionEnd = ConnectionEnd::WebSocketClose(1_000);

/// A server over ws, and one over wss if it is compiled in.
fn each() -> impl Iterator<Item = Server> {
    let all: &[Transport] = match cfg!(feature = "tls") {
        true => &[Transport::Ws, Transport::Wss],
        false => &[Transport::Ws],
    };
    all.iter().map(|transport| Server::over(*transport))
}

#[test]
fn a_conversation() {
    const MESSAGES: usize = 100;

    for server in each() {
        let mut session = in_lobby(&server, server.config());
        for _ in 0..MESSAGES {
            publish(&mut session, "hello");
        }
        receive(&mut session, MESSAGES);
        assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
        assert_eq!(server.stats().messages, MESSAGES as u64);
        assert_eq!(server.ends(), [CLOSED; 2]);
        for ended in server.ended() {
            assert!(ended.path.starts_with("/?libversion="), "{}", ended.path);
        }
        server.stop();
    }
}

#[test]
fn a_conversation_in_frames() {
    for server in each() {
        let mut session = Session::with_options(server.config(), server.options()).unwrap();
        session.chat.connect_to_region_front_end("eu").unwrap();
        drive_frames(&mut session, |_, event| {
            entered(event, State::ConnectedToFrontEnd)
        });
        assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
        assert_eq!(server.ends(), [CLOSED; 2]);
        server.stop();
    }
}

#[test]
fn an_idle_wait_is_one_sleep() {
    for server in each() {
        let config = server.config().ping_interval(Duration::from_secs(8));
        let mut session = in_lobby(&server, config);
        come_to_rest(&mut session);
        assert_sleeps_once(&mut session);
        session.close(LONG);
        server.stop();
    }
}

#[test]
fn a_simulated_loss_is_a_reset_and_the_server_receives_no_close() {
    for server in each() {
        let mut session = in_lobby(&server, server.config());
        session.simulate_connection_loss();
        assert_lost(session);
        server.wait_until(|core| core.ended_connections().len() == 2);
        let ended = server.ended();
        let ends = [
            (ended[0].server, ended[0].end),
            (ended[1].server, ended[1].end),
        ];
        let lost = (ServerKind::FrontEnd, ConnectionEnd::Client);
        assert_eq!(ends, [(ServerKind::NameServer, CLOSED), lost]);
        server.stop();
    }
}

/// How a session ends whose server responds with these bytes to whatever it receives. By hand: the
/// development server always speaks its protocol.
fn refused(scheme: &str, response: &'static [u8]) -> (PeerErrorCode, DisconnectCause) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4_096];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(response).unwrap();
        stream
    });
    let mut session = connecting(user(&format!("{scheme}://localhost:{port}"), "alice"));
    let ended = end_of(&mut session);
    drop(server.join().unwrap());
    ended
}

#[test]
fn the_application_learns_why_it_was_refused() {
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
