//! Everything over UDP that is not as over TCP.

mod support;

use chat_core::photon_proto::udp::{Cause, REASON_CLIENT};
use chat_core::{CauseKind, LinkErrorKind};
use chat_std_io::{
    CloseOutcome, ConnectOptions, PeerErrorCode, PublishOptions, Session, State, chat_core,
};
use std::net::UdpSocket;
use std::time::Duration;
use support::udp::Server;
use support::*;

fn connecting(address: &str) -> Session {
    let mut session = session(config_for(address));
    session
        .chat
        .connect_to_name_server(ConnectOptions::new())
        .unwrap();
    session
}

/// From the name server to the front end and into a channel, a hundred messages there and back, and goodbye.
fn converses(address: &str, server: Server, ipv6: bool) {
    const MESSAGES: usize = 100;

    let mut session = in_channel(config_for(address), "lobby");
    for _ in 0..MESSAGES {
        session
            .chat
            .publish_message("lobby", "hello", &PublishOptions::new())
            .unwrap();
    }
    hear(&mut session, MESSAGES);
    let stats = session.io_stats();
    assert_eq!(
        (
            stats.datagrams_unsent,
            stats.datagrams_too_long,
            stats.datagram_errors
        ),
        (0, 0, 0)
    );
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    let seen = server.stop();
    assert_eq!((seen.ipv6, seen.published), (vec![ipv6; 2], MESSAGES));
    assert_eq!(seen.ends, [Cause::ClientLeft(REASON_CLIENT); 2]);
}

#[test]
fn a_conversation_with_an_address() {
    let server = Server::start("127.0.0.1");
    converses(&format!("udp://{}", server.address), server, false);
}

#[test]
fn a_conversation_with_a_name() {
    let server = Server::start("127.0.0.1");
    converses(
        &format!("udp://localhost:{}", server.address.port()),
        server,
        false,
    );
}

#[test]
fn a_conversation_over_ipv6() {
    if let Err(error) = UdpSocket::bind("[::1]:0") {
        eprintln!("skipped: this machine has no ::1: {error}");
        return;
    }
    let server = Server::start("::1");
    converses(&format!("udp://{}", server.address), server, true);
}

#[test]
fn an_address_is_connected_to_in_the_call() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    let mut session = connecting(&format!("udp://{}", server.local_addr().unwrap()));
    session.flush();
    assert_eq!(session.io_stats().writes, 1);
    assert!(
        session.timeout().unwrap() > Duration::from_millis(10),
        "no thread to look after"
    );
    assert!(server.recv(&mut [0; 4_096]).unwrap() > 0);
}

#[test]
fn a_server_that_starts_late_is_reached() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let mut session = connecting(&format!("udp://{address}"));
    drive_with(
        &mut session,
        |session| session.wait(LONG),
        |_, event| {
            assert!(entered(event, State::ConnectingToNameServer), "{event:?}");
            true
        },
    );
    while session.io_stats().datagrams_refused == 0 {
        session.wait(LONG);
        assert_eq!(session.chat.state(), State::ConnectingToNameServer);
    }
    let server = Server::on(UdpSocket::bind(address).unwrap());
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    session.close(LONG);
    assert_eq!(server.stop().ends, [Cause::ClientLeft(REASON_CLIENT)]);
}

#[test]
fn a_name_that_cannot_be() {
    // A label has at most 63 characters, so that no server has to be asked.
    let host = "x".repeat(64);
    let (code, cause) = ending(&mut connecting(&format!("udp://{host}:5058")));
    assert_eq!(code, PeerErrorCode::NameServerConnectFailed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Resolve));
    assert!(cause.text.contains(&host), "{}", cause.text);
}

#[test]
fn a_severed_link_is_a_reset_and_the_server_hears_nothing() {
    let server = Server::start("127.0.0.1");
    let mut session = in_channel(config_for(&format!("udp://{}", server.address)), "lobby");
    session.simulate_connection_loss();
    assert_eq!(
        session.chat.state(),
        State::ConnectedToFrontEnd,
        "the client does not know"
    );
    let (code, cause) = ending(&mut session);
    assert_eq!(code, PeerErrorCode::FrontEndConnectClosed);
    assert_eq!(cause.kind, CauseKind::Link(LinkErrorKind::Reset));
    assert_eq!(
        session.close(LONG),
        CloseOutcome::Confirmed,
        "nothing is left to close"
    );
    assert_eq!(
        server.stop().ends,
        [Cause::ClientLeft(REASON_CLIENT)],
        "of the name server only"
    );
}

#[test]
fn an_idle_wait_is_one_sleep() {
    let server = Server::start("127.0.0.1");
    let config = config_for(&format!("udp://{}", server.address))
        .ping_interval(Duration::from_millis(8_000));
    let mut session = in_channel(config, "lobby");
    comes_to_rest(&mut session);
    sleeps_once(&mut session);
    session.close(LONG);
    server.stop();
}
