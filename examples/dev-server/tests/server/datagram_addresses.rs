//! Forged addresses, half-open connections and input that belongs to no connection, over UDP. Spec:
//! udp.md 12.

use dev_server::{ServerConfig, ServerKind};
use photon_proto::udp::{self, Cause};
use photon_proto::{Protocol, Timestamp, Value};
use std::time::Duration;

use crate::datagram_harness::Harness;
use crate::datagrams::{cause, good, harness};
use crate::harness::{HOST, credentials, event, messages, ok, texts};

/// A connect datagram with this challenge.
fn connect(challenge: u32) -> Vec<u8> {
    let mut connection =
        udp::Connection::connect(udp::Config::client(), challenge, Timestamp::ZERO);
    connection.transmit(Timestamp::ZERO).unwrap().to_vec()
}

#[test]
fn a_flood_of_forged_addresses_does_not_displace_real_clients() {
    let mut harness = harness();
    let limit = harness.core.config().udp.max_half_open;
    let alice = harness.join("alice", Protocol::V18, "c");
    let mut challenge = 0;
    for round in 0..50_u16 {
        // From other addresses, and from the address of the connected client.
        for port in 0..1000_u16 {
            challenge += 1;
            let from = (u32::from(round), port).into_address();
            let host = || panic!("nobody has shown to be there");
            harness.core.received_datagram(
                harness.now,
                ServerKind::FrontEnd,
                from,
                host,
                &connect(challenge),
            );
            harness.core.received_datagram(
                harness.now,
                ServerKind::FrontEnd,
                alice.address(),
                host,
                &connect(challenge | 1 << 30),
            );
        }
        assert!(harness.core.stats().half_open <= limit);
        drain(&mut harness);
        harness.run_for(20);
    }
    let stats = harness.core.stats();
    assert_eq!(
        (stats.connections, stats.half_open, stats.replaced),
        (1, limit, 0)
    );
    assert_eq!(stats.displaced + stats.expired, 100_000 - limit as u64);
    let got = harness.ask(alice, 2, vec![(1, "c".into()), (3, Value::Int(1))]);
    assert_eq!(got, [ok(2), messages("c", &[("alice", Value::Int(1))], 1)]);
    // A new client can connect in spite of the flood.
    let bob = harness.join("bob", Protocol::V16, "c");
    assert_eq!(harness.core.stats().users, 2);
    harness.run_for(20_000);
    assert_eq!(
        (cause(&mut harness, alice), cause(&mut harness, bob)),
        (None, None)
    );
    assert_eq!(
        (
            harness.core.stats().half_open,
            harness.core.stats().connections
        ),
        (0, 2)
    );
}

trait IntoAddress {
    fn into_address(self) -> std::net::SocketAddr;
}

impl IntoAddress for (u32, u16) {
    fn into_address(self) -> std::net::SocketAddr {
        std::net::SocketAddr::from((self.0.to_be_bytes(), self.1))
    }
}

/// Drops the datagrams to forged addresses.
fn drain(harness: &mut Harness) {
    while harness
        .core
        .transmit_datagram(harness.now, ServerKind::FrontEnd)
        .is_some()
    {
        harness.core.transmitted_datagram(ServerKind::FrontEnd);
    }
}

#[test]
fn half_open_connections_are_capped_and_expire() {
    let mut harness = Harness::new(
        1,
        ServerConfig::new().with(|config| {
            (config.udp.max_half_open, config.udp.half_open_timeout) = (10, Duration::from_secs(3));
        }),
    );
    for port in 0..25 {
        let host = || panic!("nobody has shown to be there");
        harness.core.received_datagram(
            harness.now,
            ServerKind::NameServer,
            (1, port).into_address(),
            host,
            &connect(port.into()),
        );
    }
    let stats = harness.core.stats();
    assert_eq!(
        (stats.half_open, stats.displaced, stats.connections),
        (10, 15, 0)
    );
    while harness
        .core
        .transmit_datagram(harness.now, ServerKind::NameServer)
        .is_some()
    {
        harness.core.transmitted_datagram(ServerKind::NameServer);
    }
    harness.now = Timestamp::from_millis(3000);
    harness.core.service(harness.now);
    let stats = harness.core.stats();
    assert_eq!((stats.half_open, stats.expired), (0, 10));
}

#[test]
fn a_new_connection_from_the_same_address_replaces_the_old_one_only_after_verification() {
    let mut harness = harness();
    let alice = harness.join("alice", Protocol::V18, "c");
    let old_challenge = harness.client(alice).connection.challenge();
    let host = || HOST.to_owned();
    harness.core.received_datagram(
        harness.now,
        ServerKind::FrontEnd,
        alice.address(),
        host,
        &connect(77),
    );
    assert_eq!(
        (
            harness.core.stats().connections,
            harness.core.stats().half_open
        ),
        (1, 1)
    );
    assert_eq!(
        harness
            .ask(alice, 2, vec![(1, "c".into()), (3, Value::Int(1))])
            .len(),
        2
    );
    // The client's program restarted and uses the same port.
    let fresh = udp::Connection::connect(udp::Config::client(), 78, harness.now);
    assert_ne!(old_challenge, 78);
    harness.client(alice).connection = fresh;
    harness.run_for(200);
    let stats = harness.core.stats();
    assert_eq!(
        (stats.connections, stats.replaced, stats.accepted),
        (1, 1, 2)
    );
    // The session survives its grace period, and the new connection resumes it.
    harness.init(alice);
    let got = harness.ask(alice, 230, credentials("alice"));
    assert!(
        got.contains(&event(
            5,
            [(0, texts(&["c"])), (15, Value::from(vec![true]))]
        )),
        "{got:?}"
    );
}

#[test]
fn datagrams_of_no_connection_are_counted_and_get_no_response() {
    let mut harness = harness();
    let alice = harness.enter("alice", Protocol::V18);
    let host = || panic!("nobody has shown to be there");
    let mut other = connect(5);
    other[12] = 5; // a ping instead of a connect
    for (from, datagram) in [
        ((1, 1).into_address(), &other[..]),
        ((1, 2).into_address(), &b"GET / HTTP/1.1"[..]),
        ((1, 3).into_address(), &[]),
        (alice.address(), &other),
    ] {
        harness
            .core
            .received_datagram(harness.now, ServerKind::FrontEnd, from, host, datagram);
    }
    assert_eq!(
        harness
            .core
            .transmit_datagram(harness.now, ServerKind::FrontEnd),
        None
    );
    assert_eq!(
        (
            harness.core.stats().strangers,
            harness.core.stats().half_open
        ),
        (4, 0)
    );
    // The two servers do not share connections.
    let ping = vec![0; 100];
    harness.core.received_datagram(
        harness.now,
        ServerKind::NameServer,
        alice.address(),
        host,
        &ping,
    );
    assert_eq!(harness.core.stats().strangers, 5);
}

#[test]
fn an_undecodable_message_is_skipped_and_a_bad_first_message_ends_the_connection() {
    let mut harness = harness();
    let link = harness.connect(ServerKind::FrontEnd, Protocol::V18, good());
    harness.run_for(100);
    harness
        .client(link)
        .connection
        .send(0, udp::Delivery::Reliable, b"no init")
        .unwrap();
    harness.run_for(200);
    assert_eq!(
        (
            cause(&mut harness, link),
            harness.core.stats().bad_connections
        ),
        (Some(Cause::ServerLogic), 1)
    );
    let link = harness.connect_and_init(ServerKind::FrontEnd, Protocol::V18);
    harness
        .client(link)
        .connection
        .send(0, udp::Delivery::Reliable, b"no message")
        .unwrap();
    assert_eq!(
        harness.ask(link, 230, credentials("alice"))[0].return_code(230),
        0
    );
    assert_eq!(
        (cause(&mut harness, link), harness.core.stats().bad_messages),
        (None, 1)
    );
}
