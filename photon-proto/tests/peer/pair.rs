//! Both roles against each other, over each wire.

use super::harness::{Cuts, Log, Pair, WIRES, encryption_of, message, send};
use photon_proto::message::{Init, MessageKind};
use photon_proto::peer::{Encryption, End, Inbound, Phase, SubProtocol, Wire};
use std::time::Duration;

/// A conversation: the handshake, a request and an event, encrypted where that is possible.
fn converse(wire: Wire, protocol: SubProtocol, encryption: Encryption, cuts: Cuts) -> Pair {
    let mut pair = Pair::new(wire, protocol, encryption, cuts);
    assert_eq!(pair.client.phase(), Phase::Ready, "{wire:?} {cuts:?}");
    assert_eq!(pair.server.phase(), Phase::Ready, "{wire:?} {cuts:?}");
    let encrypt = pair.client.is_encrypted();
    assert_eq!(pair.server.is_encrypted(), encrypt);
    send(
        &mut pair.client,
        MessageKind::Request,
        2,
        "question",
        encrypt,
    );
    pair.run();
    send(&mut pair.server, MessageKind::Event, 0, "answer", encrypt);
    send(&mut pair.server, MessageKind::Event, 0, "in clear", false);
    pair.run();
    pair
}

fn without_pings(log: &Log) -> Log {
    let mut log = log.clone();
    log.retain(|inbound| !matches!(inbound, Inbound::Ping { .. }));
    log
}

#[test]
fn both_roles_agree_over_every_wire() {
    for (wire, protocol) in WIRES {
        let encryption = encryption_of(wire, protocol);
        let pair = converse(wire, protocol, encryption, Cuts::default());
        let binary = protocol.binary();
        let web_socket = matches!(wire, Wire::WebSocket { .. });
        let secure = matches!(wire, Wire::WebSocket { secure: true, .. });
        let keys = encryption == Encryption::On && !secure;
        assert_eq!(pair.client.is_encrypted(), keys, "{wire:?}");

        let mut expected = Log::new();
        if !web_socket {
            expected.push(Inbound::Init(Init {
                protocol: binary.version(),
                sdk: 0x1F,
                ipv6: true,
                version: [4, 1, 8, 20],
                application: "NameServer".into(),
            }));
        }
        if keys {
            expected.push(Inbound::KeyRequest);
        }
        expected.push(message(binary, MessageKind::Request, 2, "question", keys));
        assert_eq!(without_pings(&pair.server_log), expected, "{wire:?}");

        let mut expected = Log::new();
        if keys {
            expected.push(Inbound::Handshake);
        }
        expected.push(Inbound::Ready);
        expected.push(message(binary, MessageKind::Event, 0, "answer", keys));
        expected.push(message(binary, MessageKind::Event, 0, "in clear", false));
        assert_eq!(pair.client_log, expected, "{wire:?}");
        assert_eq!(pair.client.buffered_bytes(), 0, "{wire:?}");
        assert_eq!(pair.server.buffered_bytes(), 0, "{wire:?}");
    }
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same() {
    for protocol in [SubProtocol::GpBinaryV16, SubProtocol::GpBinaryV18] {
        // Without the key exchange, whose frames are like others, it takes a tenth of the time.
        for (encryption, step) in [(Encryption::Off, 1), (Encryption::On, 7)] {
            let converse = |cuts| converse(Wire::Stream, protocol, encryption, cuts);
            let whole = converse(Cuts::default());
            for at in (1..whole.to_server.len()).step_by(step) {
                let cut = converse(Cuts {
                    to_server: Some(at),
                    ..Cuts::default()
                });
                assert_eq!(cut.to_server, whole.to_server, "cut at {at}");
                assert_eq!(cut.server_log, whole.server_log, "cut at {at}");
                assert_eq!(cut.client_log, whole.client_log, "cut at {at}");
            }
            for at in (1..whole.to_client.len()).step_by(step) {
                let cut = converse(Cuts {
                    to_client: Some(at),
                    ..Cuts::default()
                });
                assert_eq!(cut.to_client, whole.to_client, "cut at {at}");
                assert_eq!(cut.server_log, whole.server_log, "cut at {at}");
                assert_eq!(cut.client_log, whole.client_log, "cut at {at}");
            }
        }
    }
}

#[test]
fn a_datagram_cut_at_any_byte_is_sent_again() {
    let converse = |cuts| {
        converse(
            Wire::Datagram,
            SubProtocol::GpBinaryV18,
            Encryption::Off,
            cuts,
        )
    };
    let whole = converse(Cuts::default());
    assert!(whole.datagrams > 6, "{} datagrams", whole.datagrams);
    for number in 0..whole.datagrams {
        for length in (0..100).step_by(3) {
            let cut = converse(Cuts {
                datagram: Some((number, length)),
                ..Cuts::default()
            });
            assert_eq!(cut.server_log, whole.server_log, "{length} of {number}");
            assert_eq!(cut.client_log, whole.client_log, "{length} of {number}");
        }
    }
}

#[test]
fn a_shut_down_client_sends_what_it_accepted_and_takes_nothing_more() {
    for (wire, protocol) in WIRES {
        let mut pair = Pair::uncut(wire, protocol);
        let encrypt = pair.client.is_encrypted();
        send(&mut pair.client, MessageKind::Request, 2, "last", encrypt);
        pair.client.shutdown(Duration::from_secs(1));
        send(&mut pair.server, MessageKind::Event, 0, "late", false);
        pair.run();
        assert_eq!(
            without_pings(&pair.server_log)
                .iter()
                .filter(|inbound| matches!(inbound, Inbound::Message { .. }))
                .count(),
            1,
            "{wire:?}"
        );
        assert!(pair.client.is_flushed(), "{wire:?}");
        assert!(!pair.client.has_unsent_data(), "{wire:?}");
        assert_eq!(pair.client_log.last(), Some(&Inbound::Ready), "{wire:?}");
        assert_eq!(pair.client.buffered_bytes(), 0, "{wire:?}");
        assert!(pair.client.poll_timeout().is_none(), "{wire:?}");
    }
}

#[test]
fn the_end_of_the_link_comes_after_everything_before_it() {
    for (wire, protocol) in WIRES {
        let mut pair = Pair::uncut(wire, protocol);
        send(&mut pair.client, MessageKind::Request, 2, "first", false);
        while let Some(bytes) = pair.client.transmit(pair.now) {
            let bytes = bytes.to_vec();
            pair.client.transmitted(bytes.len());
            if wire != Wire::Datagram {
                pair.server.handle_bytes(pair.now, &bytes);
            }
        }
        pair.server.link_closed();
        pair.run();
        let expected = [
            message(protocol.binary(), MessageKind::Request, 2, "first", false),
            Inbound::Ended(End::LinkClosed),
        ];
        // Over datagrams the acceptor had not handed over the message.
        let expected = &expected[usize::from(wire == Wire::Datagram)..];
        assert!(pair.server_log.ends_with(expected), "{wire:?}");
        assert!(!pair.server.wants_input());
    }
}
