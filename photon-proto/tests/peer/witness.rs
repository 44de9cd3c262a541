//! Both roles against bytes of the official library (`vectors/wire-vectors.json`), and against a
//! client and a server that are written by hand.

use super::harness::{config, drain, owned, send};
use photon_proto::crypto::{Cipher, KeyExchange};
use photon_proto::message::{self, MessageKind, MessageWriter};
use photon_proto::peer::{Encryption, Inbound, KeyAnswer, Peer, PeerConfig, SubProtocol, Wire};
use photon_proto::tcp::{self, Delivery, Item, Splitter};
use photon_proto::{Limits, Protocol, Random, Role, Timestamp, internal};
use serde_json::Value as Json;
use std::sync::Arc;

/// The bytes of a vector.
fn vector(name: &str) -> Vec<u8> {
    let all: Json = serde_json::from_str(include_str!("../vectors/wire-vectors.json")).unwrap();
    let found = all["vectors"].as_array().unwrap().iter();
    let hex = found
        .filter(|vector| vector["name"] == name)
        .map(|vector| vector["hex"].as_str().unwrap())
        .next()
        .unwrap_or_else(|| panic!("no vector {name}"));
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

const fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn web_socket(protocol: SubProtocol) -> Wire {
    Wire::WebSocket {
        secure: true,
        protocol,
    }
}

/// A client as the official library was set up when the vectors were made.
fn client(wire: Wire, protocol: SubProtocol, random: &mut Random) -> Peer {
    let mut config = PeerConfig::default();
    config.protocol = protocol;
    config.encryption = Encryption::Off;
    config.sdk = 15 << 1;
    config.version = [4, 1, 8, 3];
    let application = "c0ffee00-1111-2222-3333-444455556666";
    let mut client = Peer::client(Arc::new(config), wire, application, random);
    assert_eq!(client.transmit(at(0)), None, "before the link is open");
    client.link_opened(at(0), false);
    client
}

fn take_bytes(peer: &mut Peer, now: Timestamp) -> Vec<u8> {
    let bytes = peer.transmit(now).map(<[u8]>::to_vec).unwrap_or_default();
    peer.transmitted(bytes.len());
    bytes
}

#[test]
fn a_client_sends_the_init_and_pings_of_the_official_library() {
    let mut random = Random::new([0; 32]);
    for (protocol, init) in [
        (SubProtocol::GpBinaryV16, "tcp_init_16"),
        (SubProtocol::GpBinaryV18, "tcp_init_18"),
    ] {
        let mut client = client(Wire::Stream, protocol, &mut random);
        assert_eq!(take_bytes(&mut client, at(0)), vector(init));
        client.handle_bytes(at(42), &vector("tcp_init_response"));
        assert_eq!(client.receive(at(42), &mut random), Inbound::Ready);
        assert_eq!(take_bytes(&mut client, at(42)), vector("tcp_ping_request"));
    }
}

#[test]
fn over_web_socket_a_client_pings_like_the_official_library() {
    let mut random = Random::new([0; 32]);
    // The first ping follows the greeting.
    let wire = web_socket(SubProtocol::GpBinaryV18);
    let mut client_18 = client(wire, SubProtocol::GpBinaryV18, &mut random);
    assert_eq!(take_bytes(&mut client_18, at(0)), b"", "there is no init");
    client_18.handle_bytes(at(252), &vector("ws_init_response"));
    assert_eq!(client_18.receive(at(252), &mut random), Inbound::Ready);
    let ping = take_bytes(&mut client_18, at(252));
    assert_eq!(ping, vector("ws_ping_request_18"));

    // A server that does not greet is pinged after a second; its answer greets.
    let wire = web_socket(SubProtocol::GpBinaryV16);
    let mut client_16 = client(wire, SubProtocol::GpBinaryV16, &mut random);
    assert_eq!(client_16.poll_timeout(), Some(at(1000)));
    client_16.handle_timeout(at(1014));
    let ping = take_bytes(&mut client_16, at(1014));
    assert_eq!(ping, vector("ws_ping_request_16"));
    client_16.handle_bytes(at(1044), &vector("ws_ping_response_16"));
    assert_eq!(client_16.receive(at(1044), &mut random), Inbound::Ready);
    assert_eq!(client_16.server_time(at(1044)), Some(952_258_831 + 15));

    // JSON: the session id greets, and the first ping waits for an operation.
    let wire = web_socket(SubProtocol::Json);
    let mut json = client(wire, SubProtocol::Json, &mut random);
    json.handle_bytes(at(3000), b"~m~4~m~1234");
    assert_eq!(json.receive(at(3000), &mut random), Inbound::Ready);
    json.handle_timeout(at(3213));
    let ping = take_bytes(&mut json, at(3213));
    assert_eq!(ping, vector("json_ping_request"));
    json.handle_bytes(at(3243), &vector("json_ping_response"));
    assert_eq!(json.receive(at(3243), &mut random), Inbound::Nothing);
    assert_eq!(json.server_time(at(3243)), Some(952_258_831 + 15));
}

#[test]
fn a_server_understands_and_answers_the_official_library() {
    let mut random = Random::new([0; 32]);
    for (name, protocol) in [
        ("tcp_init_16", Some(SubProtocol::GpBinaryV16)),
        ("tcp_init_18", Some(SubProtocol::GpBinaryV18)),
        ("tcp_init_client5_16", Some(SubProtocol::GpBinaryV16)),
        ("tcp_init_client5_18", Some(SubProtocol::GpBinaryV18)),
        ("tcp_http_style_init_18", Some(SubProtocol::GpBinaryV18)),
    ] {
        let config = config(SubProtocol::GpBinaryV18, Encryption::On);
        let mut server = Peer::server(config, Wire::Stream);
        server.link_opened(at(0), false);
        assert_eq!(server.protocol(), None);
        server.handle_bytes(at(0), &vector(name));
        let Inbound::Init(init) = server.receive(at(0), &mut random) else {
            panic!("{name}");
        };
        assert!(!init.ipv6);
        let first_two = if name.contains("client5") {
            [5, 1]
        } else {
            [4, 1]
        };
        assert_eq!(init.version[..2], first_two, "{name}");
        assert!(init.application.starts_with("c0ffee00-"), "{name}");
        assert_eq!(server.protocol(), protocol, "{name}");
        server.answer_init(&mut random);
        let answer = take_bytes(&mut server, at(0));
        assert_eq!(answer, vector("tcp_init_response"), "{name}");

        server.handle_bytes(at(1), &vector("tcp_ping_request"));
        let ping = server.receive(at(1), &mut random);
        assert_eq!(ping, Inbound::Ping { client_time: 42 });
        server.answer_ping(0x0A0B_0C0D, 42);
        let answer = take_bytes(&mut server, at(1));
        assert_eq!(answer, vector("tcp_ping_response"));
    }
    for (protocol, ping, client_time, answer) in [
        (
            SubProtocol::GpBinaryV18,
            "ws_ping_request_18",
            252,
            "ws_ping_response_18",
        ),
        (
            SubProtocol::GpBinaryV16,
            "ws_ping_request_16",
            1014,
            "ws_ping_response_16",
        ),
        (
            SubProtocol::Json,
            "json_ping_request",
            3213,
            "json_ping_response",
        ),
    ] {
        let mut server = Peer::server(config(protocol, Encryption::On), web_socket(protocol));
        server.link_opened(at(0), false);
        server.handle_bytes(at(1), &vector(ping));
        let received = server.receive(at(1), &mut random);
        assert_eq!(received, Inbound::Ping { client_time }, "{ping}");
        server.answer_ping(952_258_831, client_time);
        assert_eq!(take_bytes(&mut server, at(1)), vector(answer));
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = tcp::begin_frame(&mut bytes, 0, Delivery::Reliable);
    bytes.extend_from_slice(message);
    tcp::end_frame(&mut bytes, frame);
    bytes
}

/// The messages in a stream, encrypted or not.
fn frames(role: Role, stream: &[u8]) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::new(role, 100_000);
    splitter.push(stream);
    let mut all = Vec::new();
    while let Some(item) = splitter.next().unwrap() {
        if let Item::Frame { message, .. } = item {
            all.push(splitter.message_mut(message).to_vec());
        }
    }
    all
}

#[test]
fn a_server_agrees_on_keys_with_a_client_written_by_hand() {
    let now = at(0);
    let mut random = Random::new([7; 32]);
    for protocol in [Protocol::V16, Protocol::V18] {
        let peer_config = config(SubProtocol::GpBinaryV18, Encryption::On);
        let mut server = Peer::server(peer_config, Wire::Stream);
        server.link_opened(now, false);
        let init = if protocol == Protocol::V16 {
            "tcp_init_16"
        } else {
            "tcp_init_18"
        };
        server.handle_bytes(now, &vector(init));
        assert!(matches!(server.receive(now, &mut random), Inbound::Init(_)));
        let exchange = KeyExchange::from_secret(&[0x57; 20]);
        let mut request = Vec::new();
        internal::encode_key_request(
            &mut request,
            protocol,
            &Limits::DEFAULT,
            exchange.public_key(),
        )
        .unwrap();
        server.handle_bytes(now, &framed(&request));
        assert_eq!(server.receive(now, &mut random), Inbound::KeyRequest);
        assert!(!server.is_encrypted());
        server.answer_keys(KeyAnswer::Agree, &mut random).unwrap();
        assert!(server.is_encrypted());

        let answer = frames(Role::Client, &take_bytes(&mut server, now)).remove(0);
        assert_eq!(answer[..2], [0xF3, 7], "in clear");
        let decoded = message::Message::decode(
            MessageKind::InternalResponse,
            protocol,
            &Limits::DEFAULT,
            &answer[2..],
        );
        let Ok(message::Message::Response {
            internal: true,
            code: 0,
            return_code: 0,
            mut params,
            ..
        }) = decoded
        else {
            panic!("{decoded:?}");
        };
        let server_key = internal::public_key(&mut params).unwrap().unwrap();
        let cipher = Cipher::new(&exchange.agree(server_key).unwrap());

        // A request of the client, encrypted by hand: the flag, and the body behind two bytes.
        let mut clear = Vec::new();
        MessageWriter::request(&mut clear, protocol, &Limits::DEFAULT, 220)
            .and_then(MessageWriter::finish)
            .unwrap();
        let mut encrypted = clear.clone();
        cipher.encrypt_in_place(&mut encrypted, 2);
        encrypted[1] |= 0x80;
        server.handle_bytes(now, &framed(&encrypted));
        assert_eq!(
            owned(server.receive(now, &mut random)),
            Inbound::Message {
                kind: MessageKind::Request,
                encrypted: true,
                message: clear,
            }
        );

        // An event of the server.
        send(&mut server, MessageKind::Event, 3, "hello", true);
        let mut event = frames(Role::Client, &take_bytes(&mut server, now)).remove(0);
        assert_eq!(event[..2], [0xF3, 0x84]);
        let (kind, body) = message::decrypt(&mut event, Some(&cipher)).unwrap();
        assert_eq!((kind, body[0]), (MessageKind::Event, 3));
    }
}

#[test]
fn a_client_agrees_on_keys_with_a_server_written_by_hand() {
    let now = at(0);
    let mut random = Random::new([8; 32]);
    for protocol in [Protocol::V16, Protocol::V18] {
        let peer_config = config(protocol.into(), Encryption::On);
        let mut client = Peer::client(peer_config, Wire::Stream, "Chat", &mut random);
        client.link_opened(now, false);
        take_bytes(&mut client, now);
        client.handle_bytes(now, &vector("tcp_init_response"));
        assert_eq!(client.receive(now, &mut random), Inbound::Handshake);

        let request = frames(Role::Server, &take_bytes(&mut client, now)).remove(0);
        assert_eq!(request[..3], [0xF3, 6, 0]);
        let decoded = message::Message::decode(
            MessageKind::InternalRequest,
            protocol,
            &Limits::DEFAULT,
            &request[2..],
        );
        let Ok(message::Message::Request { mut params, .. }) = decoded else {
            panic!("{decoded:?}");
        };
        let client_key = internal::public_key(&mut params).unwrap().unwrap();
        let exchange = KeyExchange::from_secret(&[0x38; 20]);
        let cipher = Cipher::new(&exchange.agree(client_key).unwrap());
        let mut response = Vec::new();
        internal::encode_key_response(
            &mut response,
            protocol,
            &Limits::DEFAULT,
            0,
            Some(exchange.public_key()),
        )
        .unwrap();
        client.handle_bytes(now, &framed(&response));
        assert_eq!(client.receive(now, &mut random), Inbound::Ready);

        send(&mut client, MessageKind::Request, 230, "secret", true);
        let mut login = frames(Role::Server, &take_bytes(&mut client, now)).remove(0);
        assert_eq!(login[..2], [0xF3, 0x82]);
        let (kind, body) = message::decrypt(&mut login, Some(&cipher)).unwrap();
        assert_eq!((kind, body[0]), (MessageKind::Request, 230));

        let clear = [0xF3, 4, 9, 0, 0];
        let clear = if protocol == Protocol::V16 {
            &clear[..]
        } else {
            &clear[..4]
        };
        let mut event = clear.to_vec();
        cipher.encrypt_in_place(&mut event, 2);
        event[1] |= 0x80;
        client.handle_bytes(now, &framed(&event));
        assert_eq!(
            drain(&mut client, now, &mut random),
            [Inbound::Message {
                kind: MessageKind::Event,
                encrypted: true,
                message: clear.to_vec(),
            }]
        );
    }
}
