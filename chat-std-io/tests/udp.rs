//! What is different over UDP.

mod harness;

use chat_std_io::chat_core::photon_proto::udp::{Cause, REASON_CLIENT};
use chat_std_io::{CloseOutcome, IoStats, State};
use dev_server::server::UdpPorts;
use dev_server::{ConnectionEnd, Transport};
use harness::*;
use std::net::UdpSocket;
use std::time::Duration;

/// The client sent its disconnect.
const LEFT: ConnectionEnd = ConnectionEnd::Datagrams(Cause::ClientLeft(REASON_CLIENT));

fn start(host: &str) -> Server {
    Server::with(Transport::Udp, |options| options.host = host.to_owned())
}

/// From the name server to the front end and into a channel, a hundred messages there and back, and
/// a disconnect.
fn converses(address: &str, server: Server, ipv6: bool) {
    const MESSAGES: usize = 100;

    let mut session = in_lobby(&server, user(address, "alice"));
    for _ in 0..MESSAGES {
        publish(&mut session, "hello");
    }
    receive(&mut session, MESSAGES);
    let stats = session.io_stats();
    let lost = stats.datagrams_unsent + stats.datagrams_too_long + stats.datagram_errors;
    assert_eq!(lost, 0, "{stats:?}");
    assert_eq!(session.close(LONG), CloseOutcome::Confirmed);
    assert_eq!(server.stats().messages, MESSAGES as u64);
    let ended = server.ended();
    let announced: Vec<_> = ended.iter().map(|one| one.ipv6).collect();
    assert_eq!(announced, [ipv6; 2]);
    assert_eq!(server.ends(), [LEFT; 2]);
    server.stop();
}

#[test]
fn a_conversation_with_an_address() {
    let server = start("127.0.0.1");
    converses(&format!("udp://{}", server.udp_address()), server, false);
}

#[test]
fn a_conversation_with_a_name() {
    let server = start("127.0.0.1");
    let port = server.udp_address().port();
    converses(&format!("udp://localhost:{port}"), server, false);
}

#[test]
fn a_conversation_over_ipv6() {
    if let Err(error) = UdpSocket::bind("[::1]:0") {
        eprintln!("skipped: this machine has no ::1: {error}");
        return;
    }
    let server = start("::1");
    converses(&format!("udp://{}", server.udp_address()), server, true);
}

#[test]
fn an_ip_address_is_connected_to_at_once() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    let address = server.local_addr().unwrap();
    let mut session = connecting(user(&format!("udp://{address}"), "alice"));
    session.flush();
    assert_eq!(session.io_stats().writes, 1);
    let timeout = session.timeout().unwrap();
    assert!(
        timeout > Duration::from_millis(10),
        "there is no thread to poll: {timeout:?}"
    );
    assert!(server.recv(&mut [0; 4_096]).unwrap() > 0);
}

#[test]
fn a_server_that_starts_late_is_reached() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let mut session = connecting(user(&format!("udp://{address}"), "alice"));
    drive(&mut session, |_, event| {
        assert!(entered(event, State::ConnectingToNameServer), "{event:?}");
        true
    });
    // Not every system reports that nothing listens (wine does not); the second resend is refused too.
    let is_refused = |stats: IoStats| stats.datagrams_refused > 0 || stats.writes >= 3;
    while !is_refused(session.io_stats()) {
        session.wait(LONG);
        assert_eq!(session.chat.state(), State::ConnectingToNameServer);
    }
    let server = Server::with(Transport::Udp, |options| {
        let name_server = address.port();
        options.udp = Some(UdpPorts {
            name_server,
            ..UdpPorts::ANY
        });
    });
    drive(&mut session, |_, event| {
        entered(event, State::ConnectedToNameServer)
    });
    session.close(LONG);
    assert_eq!(server.ends(), [LEFT]);
    server.stop();
}

#[test]
fn an_impossible_name_does_not_resolve() {
    assert_unresolvable("udp");
}

#[test]
fn a_simulated_loss_is_a_reset_and_the_server_receives_no_disconnect() {
    let server = start("127.0.0.1");
    let mut session = in_lobby(&server, server.config());
    session.simulate_connection_loss();
    let state = session.chat.state();
    assert_eq!(
        state,
        State::ConnectedToFrontEnd,
        "the client has not met it yet"
    );
    assert_lost(session);
    assert_eq!(
        server.ends(),
        [LEFT],
        "only the name server's connection has ended"
    );
    server.stop();
}

#[test]
fn an_idle_wait_is_one_sleep() {
    let server = start("127.0.0.1");
    let config = server.config().ping_interval(Duration::from_secs(8));
    let mut session = in_lobby(&server, config);
    come_to_rest(&mut session);
    assert_sleeps_once(&mut session);
    session.close(LONG);
    server.stop();
}
