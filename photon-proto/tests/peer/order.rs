//! Every step in every phase: messages that come too early, too late, or from the wrong end, and
//! calls out of order. The messages are made without a peer.

use super::harness::config;
use photon_proto::crypto::KeyExchange;
use photon_proto::message::{Init, MessageWriter};
use photon_proto::peer::{
    Encryption, End, Inbound, KeyAnswer, KeyExchangeFailure, Overdue, Peer, Phase, SendError,
    SendOptions, SubProtocol, Wire,
};
use photon_proto::tcp::{self, Delivery};
use photon_proto::{Limits, Protocol, Random, Timestamp, internal};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_millis(10);
const LIMITS: Limits = Limits::DEFAULT;
const WEB_SOCKET: Wire = Wire::WebSocket {
    secure: false,
    protocol: SubProtocol::GpBinaryV18,
};

/// A message by name, in GpBinary 1.8.
fn message(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let protocol = Protocol::V18;
    let key = |secret: u8| {
        KeyExchange::from_secret(&[secret; 20])
            .public_key()
            .to_vec()
    };
    let response = |out: &mut Vec<u8>, code, key: Option<&[u8]>| {
        internal::encode_key_response(out, protocol, &LIMITS, code, key).unwrap();
    };
    match name {
        "init" => Init {
            protocol: [1, 8],
            sdk: 0x1F,
            ipv6: false,
            version: [4, 1, 8, 20],
            application: "Chat".into(),
        }
        .encode(&mut out),
        "init response" => out.extend_from_slice(&[0xF3, 1, 0]),
        "key request" => {
            internal::encode_key_request(&mut out, protocol, &LIMITS, &key(5)).unwrap();
        }
        "key response" => response(&mut out, 0, Some(&key(6))),
        "key refused" => response(&mut out, -1, None),
        "empty key" => response(&mut out, 0, Some(&[])),
        "degenerate key" => response(&mut out, 0, Some(&[1])),
        "ping message" => {
            internal::encode_ping_request(&mut out, protocol, &LIMITS, 7).unwrap();
        }
        "ping answer message" => {
            internal::encode_ping_response(&mut out, protocol, &LIMITS, 7, 70).unwrap();
        }
        "unknown internal" => out.extend_from_slice(&[0xF3, 7, 99, 0, 0, 8, 0]),
        "request" => out.extend_from_slice(&[0xF3, 2, 1, 0]),
        "response" => out.extend_from_slice(&[0xF3, 3, 1, 0, 0, 8, 0]),
        "event" => out.extend_from_slice(&[0xF3, 4, 1, 0]),
        "disconnect" => {
            MessageWriter::disconnect(&mut out, protocol, &LIMITS, 5, Some("bye"))
                .and_then(MessageWriter::finish)
                .unwrap();
        }
        "raw" => out.extend_from_slice(&[0xF3, 9, 1]),
        "unknown kind" => out.extend_from_slice(&[0xF3, 0x7F, 1]),
        "cut response" => out.extend_from_slice(&[0xF3, 7, 0]),
        "encrypted" => {
            out.extend_from_slice(&[0xF3, 0x84]);
            out.extend_from_slice(&[3; 16]);
        }
        other => panic!("{other}"),
    }
    out
}

/// A message as its wire carries it.
fn on(wire: Wire, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    match (wire, name) {
        (_, "bare ping") => tcp::encode_ping_request(&mut out, 7),
        (_, "bare ping answer") => tcp::encode_ping_response(&mut out, 70, 7),
        (Wire::Stream, name) => {
            let frame = tcp::begin_frame(&mut out, 0, Delivery::Reliable);
            out.extend_from_slice(&message(name));
            tcp::end_frame(&mut out, frame);
        }
        (_, name) => out = message(name),
    }
    out
}

/// A client in this phase.
fn client(wire: Wire, phase: Phase, random: &mut Random) -> Peer {
    let config = config(SubProtocol::GpBinaryV18, Encryption::On);
    let mut client = Peer::client(config, wire, "Chat", random);
    client.link_opened(NOW, false);
    for (after, name, expected) in [
        (Phase::KeyExchange, "init response", Inbound::Handshake),
        (Phase::Ready, "key response", Inbound::Ready),
    ] {
        if phase >= after {
            client.handle_bytes(NOW, &on(wire, name));
            assert_eq!(client.receive(NOW, random), expected);
        }
    }
    assert_eq!(client.phase(), phase);
    client
}

fn server(wire: Wire, phase: Phase, random: &mut Random) -> Peer {
    let config = config(SubProtocol::GpBinaryV18, Encryption::On);
    let mut server = Peer::server(config, wire);
    server.link_opened(NOW, false);
    if phase == Phase::Ready && wire != WEB_SOCKET {
        server.handle_bytes(NOW, &on(wire, "init"));
        assert!(matches!(server.receive(NOW, random), Inbound::Init(_)));
    }
    assert_eq!(server.phase(), phase);
    server
}

fn name_of(inbound: &Inbound<&[u8]>) -> &'static str {
    match inbound {
        Inbound::Nothing => "nothing",
        Inbound::Handshake => "handshake",
        Inbound::Ready => "ready",
        Inbound::Init(_) => "init",
        Inbound::KeyRequest => "key request",
        Inbound::Ping { client_time: 7 } => "ping",
        Inbound::Message { .. } => "message",
        Inbound::Bad { .. } => "bad",
        Inbound::Ignored => "ignored",
        Inbound::Ended(End::KeyExchange { .. }) => "no keys",
        Inbound::Ended(End::BadInit(_)) => "bad init",
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_takes_every_message_in_every_phase() {
    // In phases AwaitInit, KeyExchange, Ready.
    let table = [
        ("init response", ["handshake", "ignored", "ignored"]),
        ("key response", ["ignored", "ready", "ignored"]),
        ("key refused", ["ignored", "no keys", "ignored"]),
        ("empty key", ["ignored", "no keys", "ignored"]),
        ("degenerate key", ["ignored", "no keys", "ignored"]),
        ("unknown internal", ["ignored", "ignored", "ignored"]),
        ("response", ["ignored", "message", "message"]),
        ("event", ["ignored", "message", "message"]),
        ("disconnect", ["message", "message", "message"]),
        ("raw", ["ignored", "message", "message"]),
        ("init", ["ignored", "message", "message"]),
        ("key request", ["ignored", "message", "message"]),
        ("request", ["ignored", "message", "message"]),
        ("unknown kind", ["bad", "bad", "bad"]),
        ("cut response", ["bad", "bad", "bad"]),
        ("encrypted", ["bad", "bad", "bad"]),
    ];
    // The answers belong to no ping: for those that do see `progress`.
    let answers = [
        ("ping answer message", ["ignored", "ignored", "ignored"]),
        ("bare ping answer", ["ignored", "ignored", "ignored"]),
    ];
    for wire in [Wire::Stream, WEB_SOCKET] {
        for (name, expected) in table.into_iter().chain(answers) {
            let phases = [Phase::AwaitInit, Phase::KeyExchange, Phase::Ready];
            for (phase, expected) in phases.into_iter().zip(expected) {
                let mut random = Random::new([1; 32]);
                let mut client = client(wire, phase, &mut random);
                client.handle_bytes(NOW, &on(wire, name));
                let inbound = client.receive(NOW, &mut random);
                assert_eq!(name_of(&inbound), expected, "{name} in {phase:?}, {wire:?}");
                let ended = matches!(inbound, Inbound::Ended(_));
                // What comes next does not depend on what was skipped.
                client.handle_bytes(NOW, &on(wire, "disconnect"));
                let next = name_of(&client.receive(NOW, &mut random));
                let expected = if ended { "no keys" } else { "message" };
                assert_eq!(next, expected, "after {name} in {phase:?}, {wire:?}");
            }
        }
    }
}

#[test]
fn a_server_takes_every_message_in_every_phase() {
    // In phases AwaitInit, Ready.
    let table = [
        ("init", ["init", "ignored"]),
        ("key request", ["bad init", "key request"]),
        ("ping message", ["bad init", "ping"]),
        ("request", ["bad init", "message"]),
        ("response", ["bad init", "message"]),
        ("event", ["bad init", "message"]),
        ("disconnect", ["bad init", "message"]),
        ("init response", ["bad init", "message"]),
        ("raw", ["bad init", "message"]),
        ("unknown kind", ["bad init", "bad"]),
        ("encrypted", ["bad init", "bad"]),
    ];
    for wire in [Wire::Stream, Wire::Datagram, WEB_SOCKET] {
        let bare = (wire == Wire::Stream).then_some(("bare ping", ["ping", "ping"]));
        for (name, expected) in table.into_iter().chain(bare) {
            let phases = [Phase::AwaitInit, Phase::Ready];
            for (phase, expected) in phases.into_iter().zip(expected) {
                if (wire, phase) == (WEB_SOCKET, Phase::AwaitInit) {
                    continue;
                }
                let mut random = Random::new([1; 32]);
                let mut server = server(wire, phase, &mut random);
                server.handle_bytes(NOW, &on(wire, name));
                let inbound = name_of(&server.receive(NOW, &mut random));
                assert_eq!(inbound, expected, "{name} in {phase:?}, {wire:?}");
                if expected == "bad init" {
                    server.handle_bytes(NOW, &on(wire, "init"));
                    let next = name_of(&server.receive(NOW, &mut random));
                    assert_eq!(next, "bad init", "an end is the last thing");
                }
            }
        }
    }
}

#[test]
fn a_text_init_of_an_unknown_protocol_ends_the_connection() {
    let mut random = Random::new([1; 32]);
    let mut server = server(Wire::Datagram, Phase::AwaitInit, &mut random);
    server.handle_bytes(NOW, b"POST /?init=&app=a HTTP/1.1\r\n\r\n");
    assert_eq!(name_of(&server.receive(NOW, &mut random)), "bad init");
}

fn try_send(peer: &mut Peer, options: SendOptions) -> Result<(), SendError> {
    peer.send(options, |buffer, protocol, limits| {
        MessageWriter::event(buffer, protocol, limits, 1)?
            .finish()
            .map_err(SendError::from)
    })
}

#[test]
fn sending_needs_a_ready_connection() {
    let mut random = Random::new([1; 32]);
    for wire in [Wire::Stream, WEB_SOCKET] {
        for phase in [Phase::AwaitInit, Phase::KeyExchange] {
            let mut client = client(wire, phase, &mut random);
            let before = client.unsent_bytes();
            let refused = try_send(&mut client, SendOptions::PLAIN);
            assert_eq!(refused, Err(SendError::NotReady), "{phase:?}");
            assert_eq!(client.unsent_bytes(), before);
        }
        let mut client = client(wire, Phase::Ready, &mut random);
        assert_eq!(try_send(&mut client, SendOptions::PLAIN), Ok(()));
        assert_eq!(
            try_send(&mut client, SendOptions::PLAIN.encrypt(true)),
            Ok(())
        );
        client.shutdown(Duration::from_secs(1));
        assert_eq!(client.phase(), Phase::Closing);
        let refused = try_send(&mut client, SendOptions::PLAIN);
        assert_eq!(refused, Err(SendError::NotReady));
    }
    let mut waiting = server(Wire::Stream, Phase::AwaitInit, &mut random);
    let refused = try_send(&mut waiting, SendOptions::PLAIN);
    assert_eq!(refused, Err(SendError::NotReady));
    let mut ready = server(Wire::Stream, Phase::Ready, &mut random);
    assert_eq!(try_send(&mut ready, SendOptions::PLAIN), Ok(()));
    let refused = try_send(&mut ready, SendOptions::PLAIN.encrypt(true));
    assert_eq!(refused, Err(SendError::NoKey));
}

#[test]
fn a_server_answers_in_any_order_and_more_than_once() {
    let mut random = Random::new([1; 32]);
    let mut server = server(Wire::Stream, Phase::Ready, &mut random);
    let unasked = server.answer_keys(KeyAnswer::Agree, &mut random);
    assert_eq!(unasked, Err(KeyExchangeFailure::NoKey));
    assert_eq!(server.unsent_bytes(), 0);
    server
        .answer_keys(KeyAnswer::Refuse(-2), &mut random)
        .unwrap();
    server
        .answer_keys(KeyAnswer::Key(&[1]), &mut random)
        .unwrap();
    assert!(
        !server.is_encrypted(),
        "such a key is agreed on with nobody"
    );
    server.answer_init(&mut random);
    server.answer_init(&mut random);
    for _ in 0..2 {
        server.handle_bytes(NOW, &on(Wire::Stream, "key request"));
        assert_eq!(server.receive(NOW, &mut random), Inbound::KeyRequest);
        server.answer_keys(KeyAnswer::Agree, &mut random).unwrap();
        let again = server.answer_keys(KeyAnswer::Agree, &mut random);
        assert_eq!(
            again,
            Err(KeyExchangeFailure::NoKey),
            "one request, one answer"
        );
        assert!(server.is_encrypted());
    }
    // A server's calls do nothing for a client.
    let mut client = client(Wire::Stream, Phase::Ready, &mut random);
    let before = client.unsent_bytes();
    client.answer_init(&mut random);
    client.answer_ping(1, 2);
    let refused = client.answer_keys(KeyAnswer::Refuse(1), &mut random);
    assert_eq!(refused, Err(KeyExchangeFailure::NoKey));
    assert_eq!(client.unsent_bytes(), before);
}

#[test]
fn a_link_opens_once_and_closes_in_any_phase() {
    let mut random = Random::new([1; 32]);
    let config = config(SubProtocol::GpBinaryV18, Encryption::On);
    for wire in [Wire::Stream, Wire::Datagram, WEB_SOCKET] {
        // Never opened.
        let mut closed = Peer::client(config.clone(), wire, "Chat", &mut random);
        closed.handle_bytes(NOW, &on(wire, "init response"));
        assert_eq!(closed.receive(NOW, &mut random), Inbound::Nothing);
        assert_eq!(closed.transmit(NOW), None);
        closed.link_closed();
        assert_eq!(
            closed.receive(NOW, &mut random),
            Inbound::Ended(End::LinkClosed)
        );
        closed.link_opened(NOW, false);
        assert_eq!(closed.phase(), Phase::Opening);
        assert_eq!(closed.poll_timeout(), None);

        // Opened twice.
        let mut peer = Peer::client(config.clone(), wire, "Chat", &mut random);
        peer.link_opened(NOW, false);
        let unsent = peer.unsent_bytes();
        peer.link_opened(NOW, true);
        assert_eq!(
            (peer.phase(), peer.unsent_bytes()),
            (Phase::AwaitInit, unsent)
        );

        // Aborted, then everything else.
        peer.abort();
        peer.abort();
        peer.shutdown(Duration::from_secs(1));
        peer.handle_bytes(NOW, &on(wire, "init response"));
        assert_eq!(peer.receive(NOW, &mut random), Inbound::Nothing);
        while peer.transmit(NOW).is_some() {
            peer.transmitted(usize::MAX);
        }
        assert!(peer.is_flushed(), "{wire:?}");
        peer.link_closed();
        assert!(peer.is_link_closed());
    }
}

#[test]
fn silence_and_far_too_much_input_end_a_client() {
    let mut random = Random::new([1; 32]);
    let mut client = client(Wire::Stream, Phase::Ready, &mut random);
    let silent_at = NOW.plus_millis(10_000);
    assert_eq!(client.overdue(silent_at), Some(Overdue::Silence));
    assert_eq!(client.overdue(NOW.plus_millis(9_999)), None);
    client.handle_timeout(NOW.plus_millis(3_000));
    assert_eq!(
        client.poll_timeout(),
        Some(NOW.plus_millis(6_000)),
        "the next ping"
    );

    // Input that is held stops the silence timer: nobody reads what the server sends.
    let chunk = vec![0xF0; 64 * 1024];
    while client.wants_input() {
        client.handle_bytes(NOW, &chunk);
    }
    assert_eq!(client.overdue(Timestamp::MAX), None);
    client.handle_bytes(NOW, &chunk);
    client.handle_bytes(NOW, &chunk);
    let mut last = Inbound::Nothing;
    while !matches!(last, Inbound::Ended(_)) {
        last = super::harness::owned(client.receive(NOW, &mut random));
    }
    assert_eq!(last, Inbound::Ended(End::Overrun));
}

#[test]
fn a_printed_peer_shows_no_messages() {
    let mut random = Random::new([1; 32]);
    let config = config(SubProtocol::GpBinaryV18, Encryption::Off);
    for wire in [Wire::Stream, Wire::Datagram, WEB_SOCKET] {
        let phase = if wire == WEB_SOCKET {
            Phase::Ready
        } else {
            Phase::AwaitInit
        };
        let mut server = server(wire, phase, &mut random);
        server.send_raw(b"secret");
        server.handle_bytes(NOW, b"secret");
        let mut client = Peer::client(config.clone(), wire, "secret", &mut random);
        client.link_opened(NOW, false);
        for peer in [&server, &client] {
            let printed = format!("{peer:?}");
            // As text, and as a list of numbers.
            assert!(!printed.contains("secret"), "{printed}");
            assert!(!printed.contains("115, 101"), "{printed}");
        }
    }
}

/// Found by the fuzz target `peer`.
#[test]
fn an_end_is_not_replaced_by_a_later_one() {
    let mut random = Random::new([1; 32]);
    let config = config(SubProtocol::GpBinaryV18, Encryption::Off);
    let mut client = Peer::client(config, Wire::Datagram, "Chat", &mut random);
    client.link_opened(NOW, false);
    while client.transmit(NOW).is_some() {
        client.transmitted(1);
    }
    client.link_closed();
    let closed = Inbound::Ended(End::LinkClosed);
    assert_eq!(client.receive(NOW, &mut random), closed);
    // The connect command is never acknowledged, and so UDP gives up.
    for ms in (0..60_000).step_by(100) {
        let now = NOW.plus_millis(ms);
        client.handle_timeout(now);
        while client.transmit(now).is_some() {
            client.transmitted(1);
        }
        assert_eq!(client.receive(now, &mut random), closed, "after {ms} ms");
    }
}
