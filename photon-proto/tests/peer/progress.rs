//! Only progress is a sign of life, and only answers to pings are answers. Spec: wire.md 11.1.

use crate::harness::{WIRES, config};
use photon_proto::peer::{
    Encryption, Inbound, Overdue, Peer, PeerConfig, SendError, SendOptions, SubProtocol, Wire,
};
use photon_proto::{Random, Role, Timestamp};
use std::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(5);
const LIMIT_MS: u64 = 10_000;

/// A client and a server that are ready, over each wire but datagrams.
fn pairs() -> impl Iterator<Item = (Peer, Peer, Wire, SubProtocol)> {
    WIRES
        .iter()
        .filter(|(wire, _)| *wire != Wire::Datagram)
        .map(|(wire, protocol)| {
            let config = config(*protocol, Encryption::Off);
            let (client, server) = ready(&config, *wire);
            (client, server, *wire, *protocol)
        })
}

fn ready(config: &Arc<PeerConfig>, wire: Wire) -> (Peer, Peer) {
    let mut random = Random::new([1; 32]);
    let mut client = Peer::client(Arc::clone(config), wire, "NameServer", &mut random);
    let mut server = Peer::server(Arc::clone(config), wire);
    client.link_opened(NOW, false);
    server.link_opened(NOW, false);
    carry(&mut client, &mut server, NOW);
    while !matches!(server.receive(NOW, &mut random), Inbound::Nothing) {}
    server.answer_init(&mut random);
    carry(&mut server, &mut client, NOW);
    assert_eq!(client.receive(NOW, &mut random), Inbound::Ready);
    // The first ping, which JSON sends later.
    carry(&mut client, &mut server, NOW);
    if let Inbound::Ping { client_time } = server.receive(NOW, &mut random) {
        server.answer_ping(7_000_000, client_time);
    }
    carry(&mut server, &mut client, NOW);
    while client.receive(NOW, &mut random) != Inbound::Nothing {}
    (client, server)
}

fn take(from: &mut Peer, now: Timestamp) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    while let Some(bytes) = from.transmit(now).map(<[u8]>::to_vec) {
        from.transmitted(bytes.len());
        taken.push(bytes);
    }
    taken
}

fn carry(from: &mut Peer, to: &mut Peer, now: Timestamp) {
    for bytes in take(from, now) {
        to.handle_bytes(now, &bytes);
    }
}

/// Queues a message of this length, or a little more.
fn send(peer: &mut Peer, bytes: usize) {
    peer.send(SendOptions::PLAIN, |buffer, protocol, limits| {
        use photon_proto::message::MessageWriter;
        let mut writer = MessageWriter::event(buffer, protocol, limits, 77)?;
        writer.put(1, "x".repeat(bytes).as_str())?;
        writer.finish().map_err(SendError::from)
    })
    .unwrap();
}

#[test]
fn sound11_both_roles_notice_a_message_that_is_not_completed() {
    for role in [Role::Client, Role::Server] {
        for (client, server, wire, _) in pairs() {
            if wire != Wire::Stream {
                continue; // WebSocket messages arrive whole.
            }
            let (mut judge, mut other) = match role {
                Role::Client => (client, server),
                Role::Server => (server, client),
            };
            send(&mut other, 3_000);
            let message = take(&mut other, NOW).concat();
            let mut now = NOW.plus_millis(1_000);
            judge.handle_bytes(now, &message[..1]);
            let due = now.plus_millis(LIMIT_MS);
            let last = judge.last_received();
            for byte in &message[1..3] {
                now = now.plus_millis(LIMIT_MS / 2 - 1);
                judge.handle_bytes(now, &[*byte]);
                judge.handle_timeout(now);
                assert_eq!(judge.overdue(now), None, "{role:?}");
            }
            assert_eq!(judge.last_received(), last, "single bytes are no progress");
            judge.handle_timeout(due);
            assert_eq!(
                judge.overdue(due),
                Some(Overdue::PartialMessage),
                "{role:?}"
            );
            // The rest, and everything is well.
            judge.handle_bytes(due, &message[3..]);
            let mut random = Random::new([1; 32]);
            assert!(matches!(
                judge.receive(due, &mut random),
                Inbound::Message { .. }
            ));
            assert_eq!(judge.overdue(due), None);
            assert_eq!(judge.last_received(), due);
        }
    }
}

#[test]
fn sound11_both_roles_notice_that_nothing_is_read() {
    for role in [Role::Client, Role::Server] {
        for (client, server, wire, protocol) in pairs() {
            let (mut judge, mut other) = match role {
                Role::Client => (client, server),
                Role::Server => (server, client),
            };
            take(&mut judge, NOW);
            send(&mut judge, 10);
            let mut now = NOW;
            let noticed = loop {
                assert!(judge.transmit(now).is_some());
                judge.handle_timeout(now);
                if let Some(overdue) = judge.overdue(now) {
                    break overdue;
                }
                now = now.plus_millis(1_000);
                // The other end goes on sending.
                send(&mut other, 10);
                carry(&mut other, &mut judge, now);
                let mut random = Random::new([1; 32]);
                while !matches!(judge.receive(now, &mut random), Inbound::Nothing) {}
            };
            assert_eq!(
                noticed,
                Overdue::SendQueue,
                "{role:?} {wire:?} {protocol:?}"
            );
            // Over WebSocket a few milliseconds later: for what was sent just before.
            let elapsed = now.millis_since(NOW);
            assert!(
                (LIMIT_MS..=LIMIT_MS + 1_000).contains(&elapsed),
                "{elapsed}"
            );
        }
    }
}

/// Bytes that trickle out are as little progress as bytes that trickle in.
#[test]
fn sound11_both_roles_notice_that_next_to_nothing_is_read() {
    for role in [Role::Client, Role::Server] {
        for (client, server, wire, protocol) in pairs() {
            let (mut judge, mut other) = match role {
                Role::Client => (client, server),
                Role::Server => (server, client),
            };
            take(&mut judge, NOW);
            for _ in 0..200 {
                send(&mut judge, 10);
            }
            let mut now = NOW;
            let noticed = loop {
                // A byte of a stream, or a message of some ten bytes.
                assert!(judge.transmit(now).is_some());
                judge.transmitted(1);
                judge.handle_timeout(now);
                if let Some(overdue) = judge.overdue(now) {
                    break overdue;
                }
                assert!(now.millis_since(NOW) < 100_000, "{role:?} {wire:?}");
                now = now.plus_millis(1_000);
                send(&mut other, 10);
                carry(&mut other, &mut judge, now);
                let mut random = Random::new([1; 32]);
                while !matches!(judge.receive(now, &mut random), Inbound::Nothing) {}
            };
            // A client whose first ping went out over WebSocket may miss its answer first.
            let is_ping = noticed == Overdue::Ping && role == Role::Client;
            assert!(
                noticed == Overdue::SendQueue || is_ping,
                "{role:?} {wire:?} {protocol:?}: {noticed:?}"
            );
            let elapsed = now.millis_since(NOW);
            assert!(
                (LIMIT_MS..=LIMIT_MS + 1_000).contains(&elapsed),
                "{role:?} {wire:?} {protocol:?}: {elapsed}"
            );
        }
    }
}

/// 1,024 bytes in the limit are enough, however they are spread, and so is an empty queue.
#[test]
fn sound11_an_end_that_reads_slowly_is_not_left() {
    for (mut server, wire, protocol) in
        pairs().map(|(_, server, wire, protocol)| (server, wire, protocol))
    {
        take(&mut server, NOW);
        for _ in 0..100 {
            send(&mut server, 100);
        }
        let mut now = NOW;
        while server.unsent_bytes() > 0 {
            for _ in 0..13 {
                if server.transmit(now).is_some() {
                    server.transmitted(100);
                }
            }
            for _ in 0..10 {
                now = now.plus_millis(LIMIT_MS / 10 - 1);
                server.handle_timeout(now);
                assert_eq!(server.overdue(now), None, "{wire:?} {protocol:?}");
            }
        }
        assert!(now.millis_since(NOW) > 5 * LIMIT_MS);
        // Little is left each time, and all of it leaves.
        for _ in 0..10 {
            send(&mut server, 10);
            server.handle_timeout(now);
            now = now.plus_millis(LIMIT_MS - 1);
            take(&mut server, now);
            server.handle_timeout(now);
            assert_eq!(server.overdue(now), None, "{wire:?} {protocol:?}");
        }
    }
}

/// A driver takes a WebSocket message whole, and cannot report how much of it has left.
#[test]
fn sound11_a_long_message_is_given_the_time_to_be_sent() {
    for (mut client, _, wire, protocol) in pairs() {
        if wire == Wire::Stream {
            continue;
        }
        take(&mut client, NOW);
        send(&mut client, 30 * 1_024);
        take(&mut client, NOW);
        send(&mut client, 10);
        let due = NOW.plus_millis(30_000);
        for now in [
            NOW,
            due,
            due.plus_millis(LIMIT_MS / 2),
            due.plus_millis(LIMIT_MS - 1),
        ] {
            assert!(client.transmit(now).is_some());
            client.handle_timeout(now);
            assert_ne!(
                client.overdue(now),
                Some(Overdue::SendQueue),
                "{protocol:?}"
            );
        }
    }
}

/// Each form of an answer: a ping of TCP, the same as a message, an internal response, JSON.
#[test]
fn sound12_only_the_first_answer_to_a_ping_counts() {
    for (mut client, mut server, wire, protocol) in pairs() {
        let mut random = Random::new([1; 32]);
        let sent = NOW.plus_millis(4_000);
        client.handle_timeout(sent);
        carry(&mut client, &mut server, sent);
        let Inbound::Ping { client_time } = server.receive(sent, &mut random) else {
            panic!("a ping")
        };
        let now = sent.plus_millis(30);
        let measured = |client: &Peer| {
            let offset = client.server_time(now);
            (
                offset,
                client.round_trip().map(|(round_trip, _)| round_trip),
            )
        };
        let mut answer = |client: &mut Peer, server_time: i32, client_time: i32| {
            server.answer_ping(server_time, client_time);
            for bytes in take(&mut server, now) {
                client.handle_bytes(now, &bytes);
                while !matches!(
                    client.receive(now, &mut random),
                    Inbound::Nothing | Inbound::Ignored
                ) {}
            }
        };
        let before = measured(&client);
        for wrong in [-1, 3, i32::MIN, i32::MAX, client_time + 1, client_time - 1] {
            answer(&mut client, 7, wrong);
        }
        assert_eq!(measured(&client), before, "{wire:?} {protocol:?}");
        answer(&mut client, 7_000, client_time);
        let first = measured(&client);
        // In JSON it is the first one.
        let smoothed = if protocol.is_text() { 30 } else { 30 / 8 };
        assert_eq!(
            first.1.map(|time| time.as_millis()),
            Some(smoothed),
            "{wire:?} {protocol:?}"
        );
        for server_time in [0, i32::MIN, i32::MAX] {
            answer(&mut client, server_time, client_time);
            answer(&mut client, server_time, i32::MIN);
        }
        assert_eq!(measured(&client), first);
    }
}
