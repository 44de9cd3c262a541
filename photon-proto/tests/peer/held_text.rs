//! Received JSON text counts towards the cap, in either role, until its last frame is taken.

use super::harness::drain;
use photon_proto::message::MessageWriter;
use photon_proto::peer::{Encryption, End, Inbound, Peer, PeerConfig, SubProtocol, Wire};
use photon_proto::{Limits, Protocol, Random, Timestamp, json};
use std::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(10);
const MESSAGE_LIMIT: usize = 8 * 1024;
/// A cap is never below twice the message limit.
const CAP: usize = 2 * MESSAGE_LIMIT;
const WIRE: Wire = Wire::WebSocket {
    secure: true,
    protocol: SubProtocol::Json,
};

/// One text with so many frames, each with an event (for clients) or a request.
fn text(for_client: bool, frames: usize, filler: usize) -> Vec<u8> {
    let mut message = Vec::new();
    let limits = Limits::DEFAULT;
    let writer = if for_client {
        MessageWriter::event(&mut message, Protocol::V18, &limits, 77)
    } else {
        MessageWriter::request(&mut message, Protocol::V18, &limits, 77)
    };
    let mut writer = writer.unwrap();
    writer.put(1, "x".repeat(filler).as_str()).unwrap();
    writer.finish().unwrap();
    let mut text = Vec::new();
    for _ in 0..frames {
        json::encode_message(&mut text, &limits, &message).unwrap();
    }
    text
}

/// A peer in each role, ready for messages, and whether it is the client.
fn each(test: impl Fn(Peer, bool)) {
    let mut config = PeerConfig::default();
    config.protocol = SubProtocol::Json;
    config.encryption = Encryption::Off;
    config.incoming_cap_bytes = 0;
    config.limits.max_received_bytes = MESSAGE_LIMIT;
    let config = Arc::new(config);
    let mut random = Random::new([5; 32]);
    let mut client = Peer::client(config.clone(), WIRE, "app", &mut random);
    client.link_opened(NOW, false);
    let mut greeting = Vec::new();
    json::encode_session(&mut greeting, &Limits::DEFAULT, "0123456789abcdef").unwrap();
    client.handle_bytes(NOW, &greeting);
    drain(&mut client, NOW, &mut random);
    let mut server = Peer::server(config, WIRE);
    server.link_opened(NOW, false);
    server.answer_init(&mut random);
    for (peer, is_client) in [(client, true), (server, false)] {
        println!("client: {is_client}");
        test(peer, is_client);
    }
}

#[test]
fn sound19_held_json_text_counts_towards_the_cap() {
    for (frames, filler) in [(1, 3_000), (1, 10), (30, 20)] {
        each(|mut peer, is_client| {
            let text = text(is_client, frames, filler);
            let (before, mut held) = (peer.buffered_bytes(), 0);
            while peer.wants_input() {
                peer.handle_bytes(NOW, &text);
                held += text.len();
                assert!(peer.buffered_bytes() >= before + held, "{held}");
                assert!(held < CAP + text.len(), "{held}");
            }
            let taken = drain(&mut peer, NOW, &mut Random::new([6; 32]));
            assert_eq!(taken.len(), held / text.len() * frames);
            let is_message = |one: &Inbound<_>| matches!(one, Inbound::Message { .. });
            assert!(taken.iter().all(is_message));
            assert_eq!(peer.buffered_bytes(), before);
            assert!(peer.wants_input());
        });
    }
}

#[test]
fn sound19_a_text_counts_until_its_last_frame_is_taken() {
    each(|mut peer, is_client| {
        let before = peer.buffered_bytes();
        peer.handle_bytes(NOW, &text(is_client, 50, 20));
        let mut random = Random::new([6; 32]);
        for frame in 1..=50 {
            assert!(peer.has_input());
            let taken = peer.receive(NOW, &mut random);
            assert!(matches!(taken, Inbound::Message { .. }), "{taken:?}");
            let counts = peer.buffered_bytes() > before;
            assert_eq!(counts, frame < 50, "after frame {frame}");
        }
    });
}

#[test]
fn sound19_far_more_text_than_wanted_ends_the_connection() {
    each(|mut peer, is_client| {
        let text = text(is_client, 1, 3_000);
        for _ in 0..=(CAP + MESSAGE_LIMIT) / text.len() {
            peer.handle_bytes(NOW, &text);
            assert!(peer.buffered_bytes() <= peer.unsent_bytes() + CAP + MESSAGE_LIMIT);
        }
        let taken = drain(&mut peer, NOW, &mut Random::new([6; 32]));
        assert!(matches!(taken.last(), Some(Inbound::Ended(End::Overrun))));
        assert_eq!(peer.buffered_bytes(), peer.unsent_bytes());
    });
}

/// Transcoding a large message and decoding it may take longer together than a call should, so the
/// owner can do something else in between.
#[test]
fn sound07_a_large_json_message_is_handed_out_by_the_call_behind_the_one_that_transcodes_it() {
    let (mut client, mut random) = client();
    for (filler, calls) in [(10, 1), (16_000, 1), (17_000, 2), (30_000, 2)] {
        for _ in 0..2 {
            client.handle_bytes(NOW, &text(true, 1, filler));
        }
        for _ in 0..2 {
            for _ in 1..calls {
                assert!(client.has_input());
                assert_eq!(client.receive(NOW, &mut random), Inbound::Nothing);
                // Nothing that happens in between changes it.
                client.release_memory(0);
                client.handle_timeout(NOW);
            }
            assert!(client.has_input());
            let Inbound::Message { message, .. } = client.receive(NOW, &mut random) else {
                panic!("a message of {filler}");
            };
            assert!(message.len() > filler && message.ends_with(b"xxx"));
            client.release_memory(0);
        }
        assert!(!client.has_input());
        assert_eq!(client.receive(NOW, &mut random), Inbound::Nothing);
    }
    // One that was not handed out is gone with the connection.
    client.handle_bytes(NOW, &text(true, 1, 30_000));
    assert_eq!(client.receive(NOW, &mut random), Inbound::Nothing);
    client.abort();
    assert!(!client.has_input());
}

/// A client with the default limits, on the front end.
fn client() -> (Peer, Random) {
    let mut config = PeerConfig::default();
    config.protocol = SubProtocol::Json;
    config.encryption = Encryption::Off;
    let mut random = Random::new([5; 32]);
    let mut client = Peer::client(Arc::new(config), WIRE, "app", &mut random);
    client.link_opened(NOW, false);
    let mut greeting = Vec::new();
    json::encode_session(&mut greeting, &Limits::DEFAULT, "0123456789abcdef").unwrap();
    client.handle_bytes(NOW, &greeting);
    drain(&mut client, NOW, &mut random);
    (client, random)
}

/// An event with a list of this element, as long as a text may be, in a frame.
fn megabyte(element: &str) -> Vec<u8> {
    let list = vec![element; 1_000_000 / (element.len() + 1)].join(",");
    let json = format!("~j~{{\"evt\":7,\"vals\":[1,[{list}]]}}");
    format!("~m~{}~m~{json}", json.len()).into_bytes()
}

#[test]
fn sound07_a_call_parses_only_a_share_of_a_text_and_nothing_is_lost() {
    for element in [
        "1",
        "[1]",
        "\"a\"",
        "1e9",
        "{\"\":{}}",
        "[[],[]]",
        "[\"\",0]",
        "null",
    ] {
        let (mut client, mut random) = client();
        let text = megabyte(element);
        client.handle_bytes(NOW, &text);
        client.handle_bytes(NOW, &self::text(true, 1, 10));
        let (mut calls, mut first) = (0, None);
        while first.is_none() {
            assert!(client.has_input());
            assert!(client.buffered_bytes() > client.unsent_bytes());
            let parsed = client.parsed_text_bytes();
            let taken = client.receive(NOW, &mut random);
            let is_nothing = taken == Inbound::Nothing;
            if !is_nothing {
                // As a list of so many values may be: too many of them are an error.
                let is_message =
                    matches!(&taken, Inbound::Message { message, .. } if message[2] == 7);
                first = Some(is_message || matches!(taken, Inbound::Bad { .. }));
            }
            assert_eq!(client.is_unfinished(), is_nothing);
            assert!(client.parsed_text_bytes() - parsed <= 64 * 1024);
            client.release_memory(0);
            client.handle_timeout(NOW);
            calls += 1;
        }
        assert_eq!(first, Some(true), "{element}");
        assert!(calls > 10, "{calls}");
        let next = drain(&mut client, NOW, &mut random);
        assert!(
            matches!(&next[..], [Inbound::Message { message, .. }] if message[2] == 77),
            "the message behind it: {next:?}"
        );
        // A ping may wait to be sent.
        assert_eq!(client.buffered_bytes(), client.unsent_bytes());
    }
}

#[test]
fn sound07_the_end_of_a_connection_comes_behind_the_text_that_was_received() {
    for calls in [0, 1, 2, 5, 20] {
        for closed in [true, false] {
            let (mut client, mut random) = client();
            client.handle_bytes(NOW, &megabyte("\"abcdefghijklmnopqrst\""));
            for _ in 0..calls {
                assert_eq!(client.receive(NOW, &mut random), Inbound::Nothing);
            }
            if closed {
                client.link_closed();
                let taken = drain(&mut client, NOW, &mut random);
                assert!(
                    matches!(&taken[..], [Inbound::Message { .. }, Inbound::Ended(_)]),
                    "after {calls} calls"
                );
            } else {
                client.abort();
                assert!(!client.has_input() && !client.is_unfinished());
            }
            assert_eq!(client.buffered_bytes(), client.unsent_bytes());
        }
    }
}

/// Of a text that is not UTF-8 as little as of others.
#[test]
fn sound07_a_text_that_is_not_utf_8_is_repaired_in_parts() {
    let (mut client, mut random) = client();
    let mut text = megabyte("\"?\"");
    for byte in text.iter_mut().filter(|byte| **byte == b'?') {
        *byte = 0xFF;
    }
    // Without space for U+FFFD, each becomes a question mark.
    client.handle_bytes(NOW, &text);
    client.handle_bytes(NOW, &vec![0xFF; 1_000_000]);
    let (mut calls, mut taken) = (0, Vec::new());
    while client.has_input() {
        let parsed = client.parsed_text_bytes();
        match client.receive(NOW, &mut random) {
            Inbound::Message { message, .. } => taken.push(message.len()),
            Inbound::Bad { message, .. } => taken.push(message.len()),
            other => assert_eq!(other, Inbound::Nothing),
        }
        assert!(client.parsed_text_bytes() - parsed <= 64 * 1024);
        calls += 1;
    }
    assert!(taken.len() == 2 && taken[1] == 1_000_000, "{taken:?}");
    assert!(calls > 60, "{calls}");
}
