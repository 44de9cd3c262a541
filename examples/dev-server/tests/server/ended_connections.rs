//! The record of ended connections, for tests of drivers.

use crate::datagram_harness;
use crate::harness::Harness;
use dev_server::{ConnectionEnd, Fault, MessageLink, ServerConfig, ServerKind, Step, SubProtocol};
use photon_proto::message::Init;
use photon_proto::udp::{Cause, REASON_CLIENT};
use photon_proto::{Protocol, Text};

#[test]
fn an_ended_stream_is_recorded_with_its_end_and_its_ipv6_flag() {
    let mut harness = Harness::new();
    let peer = harness.connect(ServerKind::NameServer, Protocol::V18);
    harness.hang_up(peer);
    let faults = harness.core.faults_mut();
    faults.on(Step::Init(ServerKind::FrontEnd), Fault::Close);
    let mut peer = harness.accept(ServerKind::FrontEnd, Protocol::V18);
    let init = Init {
        protocol: Protocol::V18.version(),
        sdk: 31,
        ipv6: true,
        version: [4, 1, 8, 20],
        application: Text::from("chat"),
    };
    harness.send_message(&peer, |bytes| init.encode(bytes));
    harness.drain(&mut peer);

    let ended = harness.core.ended_connections();
    assert_eq!(ended.len(), 2);
    assert_eq!(
        (ended[0].server, ended[0].end),
        (ServerKind::NameServer, ConnectionEnd::Client)
    );
    assert_eq!(
        (ended[1].server, ended[1].end),
        (ServerKind::FrontEnd, ConnectionEnd::Server)
    );
    assert_eq!([ended[0].ipv6, ended[1].ipv6], [false, true]);
    assert!(ended.iter().all(|one| one.path.is_empty()));
}

#[test]
fn an_ended_websocket_is_recorded_with_its_path_and_close_code() {
    let mut harness = Harness::new();
    let mut open = |path| {
        let subprotocol = SubProtocol::GpBinaryV18;
        let link = MessageLink {
            subprotocol,
            path,
            local_host: "localhost",
            secure: false,
        };
        harness
            .core
            .accept_messages(harness.now, ServerKind::FrontEnd, &link)
    };
    let (closed, gone) = (open("/?app=chat&IPv6"), open("/IPv6?app=IPv6"));
    harness.core.received_close(closed, 1_000);
    harness.core.closed(harness.now, closed);
    harness.core.closed(harness.now, gone);

    let ended = harness.core.ended_connections();
    assert_eq!(
        [&*ended[0].path, &*ended[1].path],
        ["/?app=chat&IPv6", "/IPv6?app=IPv6"]
    );
    assert_eq!([ended[0].ipv6, ended[1].ipv6], [true, false]);
    let ends = [ended[0].end, ended[1].end];
    assert_eq!(
        ends,
        [ConnectionEnd::WebSocketClose(1_000), ConnectionEnd::Client]
    );
}

#[test]
fn an_ended_udp_connection_is_recorded_with_its_cause() {
    let mut harness = datagram_harness::Harness::new(1, ServerConfig::new());
    let link = harness.enter("alice", Protocol::V18);
    harness.client(link).connection.close();
    harness.run_for(100);

    let ended = harness.core.ended_connections();
    let cause = ConnectionEnd::Datagrams(Cause::ClientLeft(REASON_CLIENT));
    assert_eq!(ended.iter().map(|one| one.end).collect::<Vec<_>>(), [cause]);
}

#[test]
fn only_the_last_64_ended_connections_are_recorded() {
    let mut harness = Harness::new();
    for _ in 0..70 {
        let peer = harness.connect(ServerKind::NameServer, Protocol::V18);
        harness.hang_up(peer);
    }
    assert_eq!(harness.core.ended_connections().len(), 64);
}
