//! What a peer can force on the other end: memory, and work in one call.

use crate::harness::{WIRES, config};
use photon_proto::peer::{Encryption, End, Inbound, Peer, SubProtocol, Wire};
use photon_proto::{Random, Role, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1);
/// What each message costs besides its own bytes.
const MESSAGE_BYTES: usize = 4;

/// An open end of each WebSocket.
fn web_sockets() -> impl Iterator<Item = (Peer, SubProtocol, Role)> {
    WIRES
        .iter()
        .filter(|(wire, _)| matches!(wire, Wire::WebSocket { secure: false, .. }))
        .flat_map(|(wire, protocol)| {
            let config = config(*protocol, Encryption::Off);
            let mut random = Random::new([1; 32]);
            let client = Peer::client(config.clone(), *wire, "NameServer", &mut random);
            let server = Peer::server(config, *wire);
            [
                (client, *protocol, Role::Client),
                (server, *protocol, Role::Server),
            ]
        })
        .map(|(mut peer, protocol, role)| {
            peer.link_opened(NOW, false);
            (peer, protocol, role)
        })
}

#[test]
fn sound06_a_message_is_charged_with_what_it_costs() {
    let defaults = config(SubProtocol::Json, Encryption::Off);
    let cap = defaults.incoming_cap_bytes;
    let max_message = defaults.limits.max_received_bytes;
    for message in [&b""[..], b"\0", b"[]", b"~m~0~m~", &[7; 100]] {
        for (mut peer, protocol, role) in web_sockets() {
            let before = peer.buffered_bytes();
            let mut accepted = 0;
            while peer.wants_input() {
                peer.handle_bytes(NOW, message);
                accepted += 1;
                let held = peer.buffered_bytes() - before;
                assert_eq!(held, accepted * (MESSAGE_BYTES + message.len()));
            }
            assert_eq!(accepted, cap.div_ceil(MESSAGE_BYTES + message.len()));
            // A driver that reads on is cut off.
            let most = (cap + max_message) / (MESSAGE_BYTES + message.len());
            for _ in accepted..most + 10 {
                peer.handle_bytes(NOW, message);
            }
            let held = peer.buffered_bytes() - before;
            assert_eq!(
                held,
                most * (MESSAGE_BYTES + message.len()),
                "{protocol:?} {role:?}"
            );
            let mut random = Random::new([1; 32]);
            while !matches!(peer.receive(NOW, &mut random), Inbound::Ended(End::Overrun)) {}
        }
    }
}

#[test]
fn sound06_each_text_without_frames_is_one_call() {
    for (mut peer, protocol, role) in web_sockets() {
        if !protocol.is_text() {
            continue;
        }
        let mut random = Random::new([1; 32]);
        let texts = [
            &b""[..],
            b"\0",
            b"\0\0\0",
            b"[]",
            b" ",
            b"\n\t",
            b"~m~",
            b"~m~0~m~",
        ];
        for text in texts.iter().cycle().take(8_000) {
            peer.handle_bytes(NOW, text);
        }
        let mut calls = 0;
        while peer.has_input() {
            let inbound = peer.receive(NOW, &mut random);
            assert!(
                matches!(
                    inbound,
                    Inbound::Ignored | Inbound::Bad { .. } | Inbound::Ready | Inbound::Nothing
                ),
                "{role:?}: {inbound:?}"
            );
            calls += 1;
        }
        assert_eq!(calls, 8_000, "{role:?}");
        assert_eq!(peer.buffered_bytes() - peer.unsent_bytes(), 0);
    }
}

#[test]
fn sound06_pings_whose_answers_are_not_read_fill_no_memory() {
    let config = config(SubProtocol::GpBinaryV18, Encryption::Off);
    for (mut peer, protocol, role) in web_sockets() {
        if role == Role::Client {
            continue;
        }
        for client_time in 0..200_000 {
            peer.answer_ping(7, client_time);
        }
        let unsent = peer.unsent_bytes();
        assert!(
            (config.outgoing_cap_bytes..config.outgoing_cap_bytes + 100).contains(&unsent),
            "{protocol:?}: {unsent}"
        );
    }
}
