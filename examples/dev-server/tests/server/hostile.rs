//! Invalid input, and clients that are hostile or broken.

use dev_server::sim::Rng;
use dev_server::{ServerConfig, ServerKind};
use photon_proto::{Protocol, Value};

use crate::harness::{BOTH, Got, Harness, Peer, credentials, ok, texts};

/// Brings a client to a stage: accepted, init done, keys exchanged, logged in.
fn stage(harness: &mut Harness, stage: u8, server_kind: ServerKind, protocol: Protocol) -> Peer {
    if stage == 0 {
        return harness.accept(server_kind, protocol);
    }
    let mut peer = match stage {
        1 => harness.connect(server_kind, protocol),
        _ => harness.connect_encrypted(server_kind, protocol),
    };
    if stage == 3 {
        let mut login = credentials("mallory");
        login.push((210, "eu".into()));
        harness.ask(&mut peer, 230, login);
        if server_kind == ServerKind::FrontEnd {
            harness.ask(&mut peer, 0, vec![(0, texts(&["c"])), (14, Value::Int(-1))]);
        }
    }
    peer
}

/// Valid requests, to be corrupted.
fn samples(harness: &mut Harness, peer: &Peer) -> Vec<Vec<u8>> {
    use photon_proto::message::MessageWriter;
    use photon_proto::tcp::{self, Delivery};
    let _ = harness;
    let requests: Vec<(u8, Vec<(u8, Value)>)> = vec![
        (220, vec![(224, "app".into())]),
        (230, credentials("alice")),
        (
            0,
            vec![
                (0, texts(&["c", "d"])),
                (14, Value::Int(-1)),
                (9, Value::from(vec![1, 2])),
            ],
        ),
        (
            2,
            vec![
                (1, "c".into()),
                (3, Value::from(vec![Value::from("x"), Value::Int(3)])),
            ],
        ),
        (
            3,
            vec![(225, "bob".into()), (3, Value::from(vec![1_u8, 2, 3]))],
        ),
        (5, vec![(10, Value::Int(2)), (3, "hi".into())]),
        (6, vec![(11, texts(&["bob"]))]),
        (
            8,
            vec![
                (1, "c".into()),
                (
                    22,
                    Value::from([("k", 1)].into_iter().collect::<photon_proto::Hashtable>()),
                ),
            ],
        ),
        (1, vec![(0, texts(&["c"]))]),
    ];
    requests
        .into_iter()
        .map(|(code, parameters)| {
            let mut bytes = Vec::new();
            let frame = tcp::begin_frame(&mut bytes, 0, Delivery::Reliable);
            let limits = photon_proto::Limits::DEFAULT;
            let mut writer =
                MessageWriter::request(&mut bytes, peer.protocol, &limits, code).unwrap();
            for (key, value) in &parameters {
                writer.put(*key, value).unwrap();
            }
            writer.finish().unwrap();
            tcp::end_frame(&mut bytes, frame);
            bytes
        })
        .collect()
}

#[test]
fn bytes_that_are_not_frames_end_the_connection_at_every_stage() {
    for protocol in BOTH {
        for server_kind in [ServerKind::NameServer, ServerKind::FrontEnd] {
            for at in 0..=3 {
                for bytes in [
                    &b"GET / HTTP/1.1\r\n"[..],
                    &[0xFB, 0, 0, 0, 7],
                    &[0xFB, 0xFF, 0xFF, 0xFF, 0xFF],
                ] {
                    let mut harness = Harness::new();
                    let mut peer = stage(&mut harness, at, server_kind, protocol);
                    harness.send_bytes(&peer, bytes);
                    assert_eq!(
                        harness.drain(&mut peer),
                        [Got::Closed],
                        "stage {at}: {bytes:x?}"
                    );
                    assert_eq!(harness.core.stats().bad_connections, 1);
                    harness.send_bytes(&peer, bytes);
                }
            }
        }
    }
}

#[test]
fn the_first_message_must_be_an_init() {
    let inits: [&[u8]; 4] = [
        &[0xF3, 2, 230, 0],
        &[0xF3, 0, 1],
        &[0xF3, 0, 2, 5],
        b"POST /? HTTP/1.1\r\n\r\n",
    ];
    for message in inits {
        let mut harness = Harness::new();
        let mut peer = harness.accept(ServerKind::NameServer, Protocol::V18);
        harness.send_message(&peer, |bytes| bytes.extend(message));
        assert_eq!(harness.drain(&mut peer), [Got::Closed], "{message:x?}");
    }
    let mut harness = Harness::new();
    let mut peer = harness.accept(ServerKind::NameServer, Protocol::V16);
    let text = "POST /?init=&app=chat&clientversion=4.1.8.3&protocol=GpBinaryV16&sid=30& HTTP/1.1\r\n\
                Host: here\r\nContent-Length: 1\r\n\r\n*";
    harness.send_message(&peer, |bytes| bytes.extend(text.as_bytes()));
    assert_eq!(harness.drain(&mut peer), [Got::InitResponse]);
    assert_eq!(
        harness.ask(&mut peer, 220, vec![(224, "app".into())])[0].return_code(220),
        0
    );
}

#[test]
fn undecodable_messages_are_skipped_and_bad_parameters_refused() {
    for protocol in BOTH {
        let mut harness = Harness::new();
        let mut peer = harness.enter("alice", protocol);
        // Not Photon, an unknown message kind, encryption without a key, a second init, half a
        // parameter table.
        for message in [
            &[0x00, 0x02][..],
            &[0xF3, 0x0F, 1],
            &[0xF3, 0x82, 1, 2, 3],
            &[0xF3, 0, 1, 8],
            &[0xF3, 2, 0],
        ] {
            harness.send_message(&peer, |bytes| bytes.extend(message));
            assert_eq!(harness.drain(&mut peer), [], "{message:x?}");
        }
        // A parameter with an unknown type code.
        harness.send_message(&peer, |bytes| match protocol {
            Protocol::V16 => bytes.extend([0xF3, 2, 0, 0, 1, 0, 0xEE]),
            _ => bytes.extend([0xF3, 2, 0, 1, 0, 0xEE]),
        });
        assert_eq!(harness.drain(&mut peer)[0].return_code(0), -2);
        assert_eq!(
            harness.ask(&mut peer, 1, vec![(0, texts(&["c"]))])[0],
            ok(1)
        );
    }
}

#[test]
fn a_bad_public_key_is_refused_and_the_connection_stays_plain() {
    let mut harness = Harness::new();
    let mut peer = harness.connect(ServerKind::NameServer, Protocol::V18);
    for key in [&[][..], &[0], &[1], &[0xFF; 96], &[2; 97]] {
        harness.send_message(&peer, |bytes| {
            let limits = photon_proto::Limits::DEFAULT;
            photon_proto::internal::encode_key_request(bytes, Protocol::V18, &limits, key).unwrap();
        });
        assert_eq!(
            harness.drain(&mut peer),
            [Got::Key {
                code: -2,
                key: None
            }],
            "{key:x?}"
        );
    }
    harness.send_message(&peer, |bytes| bytes.extend([0xF3, 6, 0, 0]));
    assert_eq!(
        harness.drain(&mut peer),
        [Got::Key {
            code: -2,
            key: None
        }]
    );
    assert_eq!(
        harness.ask(&mut peer, 220, vec![(224, "app".into())])[0].return_code(220),
        0
    );
}

#[test]
fn corrupted_requests_never_panic_and_do_not_affect_other_clients() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let mut harness = Harness::with(|config| {
            config.properties = true;
            config.silence_timeout_ms = 0;
            config.max_outgoing_bytes = 100_000;
        });
        let mut witness = harness.enter("witness", Protocol::V18);
        harness.ask(&mut witness, 0, vec![(0, texts(&["safe"]))]);
        let server_kind = if rng.chance(30) {
            ServerKind::NameServer
        } else {
            ServerKind::FrontEnd
        };
        let protocol = BOTH[rng.below(2) as usize];
        let at = rng.below(4) as u8;
        let peer = stage(&mut harness, at, server_kind, protocol);
        let samples = samples(&mut harness, &peer);
        for _ in 0..30 {
            let mut bytes = samples[rng.below(samples.len() as u64) as usize].clone();
            for _ in 0..rng.below(4) {
                // Usually after the frame header, so that the message is decoded.
                let from = if rng.chance(90) { 7 } else { 0 };
                let place = (from + rng.below(bytes.len() as u64 - from)) as usize;
                bytes[place] = if rng.chance(50) {
                    rng.next() as u8
                } else {
                    bytes[place] ^ (1 << rng.below(8))
                };
            }
            for piece in bytes.chunks(1 + rng.below(40) as usize) {
                harness.send_bytes(&peer, piece);
            }
            harness.wait(rng.below(2000));
        }
        harness.drain(&mut witness);
        let got = harness.ask(
            &mut witness,
            2,
            vec![(1, "safe".into()), (3, "still here".into())],
        );
        assert_eq!(got.len(), 2, "seed {seed}: {got:?}");
    }
}

#[test]
fn random_bytes_never_panic() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut harness = Harness::new();
        let peer = stage(
            &mut harness,
            (seed % 4) as u8,
            ServerKind::FrontEnd,
            BOTH[(seed / 4 % 2) as usize],
        );
        for _ in 0..20 {
            let body: Vec<u8> = (0..rng.below(60)).map(|_| rng.next() as u8).collect();
            harness.send_message(&peer, |bytes| {
                bytes.extend([0xF3, [2, 6, 0x82, 0x86, 0, 8][rng.below(6) as usize]]);
                bytes.extend(body);
            });
        }
    }
}

#[test]
fn a_client_that_does_not_read_is_disconnected_and_others_continue() {
    let mut harness = Harness::with(|config| config.max_outgoing_bytes = 50_000);
    let mut slow = harness.enter("slow", Protocol::V18);
    let mut alice = harness.enter("alice", Protocol::V18);
    for peer in [&mut slow, &mut alice] {
        harness.ask(peer, 0, vec![(0, texts(&["c"]))]);
    }
    for _ in 0..9 {
        harness.ask(
            &mut alice,
            2,
            vec![(1, "c".into()), (3, Value::from(vec![0_u8; 5000]))],
        );
    }
    assert_eq!(harness.core.stats().overrun_connections, 0);
    for _ in 0..9 {
        let got = harness.ask(
            &mut alice,
            2,
            vec![(1, "c".into()), (3, Value::from(vec![0_u8; 5000]))],
        );
        assert_eq!(got.len(), 2);
    }
    assert_eq!(harness.core.stats().overrun_connections, 1);
    assert_eq!(harness.core.stats().connections, 1);
    assert_eq!(harness.drain(&mut slow), [Got::Closed]);
    assert_eq!(
        harness
            .core
            .channel("app-1", "1.0", "c")
            .unwrap()
            .subscribers,
        ["alice", "slow"],
        "in its grace"
    );
    harness.wait(10_000);
    assert_eq!(
        harness
            .core
            .channel("app-1", "1.0", "c")
            .unwrap()
            .subscribers,
        ["alice"]
    );
}

#[test]
fn a_history_beyond_the_outgoing_limit_is_cut_without_a_disconnect() {
    let mut harness = Harness::with(|config| config.max_outgoing_bytes = 400_000);
    let mut alice = harness.enter("alice", Protocol::V18);
    let channels: Vec<String> = (0..20).map(|number| format!("c{number}")).collect();
    let channels: Vec<&str> = channels.iter().map(String::as_str).collect();
    harness.ask(&mut alice, 0, vec![(0, texts(&channels))]);
    let content = || (3, Value::from(vec![0_u8; 30_000]));
    for channel in &channels {
        harness.ask(&mut alice, 2, vec![(1, (*channel).into()), content()]);
        harness.ask(&mut alice, 3, vec![(225, "bob".into()), content()]);
    }
    let mut bob = harness.enter("bob", Protocol::V16);
    assert_eq!(harness.drain(&mut bob), []);
    let got = harness.ask(
        &mut bob,
        0,
        vec![(0, texts(&channels)), (14, Value::Int(-1))],
    );
    assert_eq!(got.len(), 2 + 3, "as much as a quarter of what may wait");
    harness.hang_up(bob);
    let mut bob = harness.connect(ServerKind::FrontEnd, Protocol::V16);
    let got = harness.ask(&mut bob, 230, credentials("bob"));
    let ids: Vec<_> = got[1..]
        .iter()
        .filter_map(|got| got.parameter(8).cloned())
        .collect();
    assert_eq!(ids, [18, 19, 20].map(Value::Int), "the newest");
    assert_eq!(harness.core.stats().overrun_connections, 0);
}

#[test]
fn names_that_gpbinary_16_cannot_express_are_refused() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    let long = |bytes: &mut Vec<u8>, length: usize| {
        bytes.extend([0xF3, 2, 0, 1, 0, 0x47, 1]);
        bytes.extend([
            0x80 | (length & 0x7F) as u8,
            0x80 | (length >> 7 & 0x7F) as u8,
            (length >> 14) as u8,
        ]);
        bytes.extend(std::iter::repeat_n(b'x', length));
    };
    harness.send_message(&alice, |bytes| long(bytes, 32_768));
    assert_eq!(harness.drain(&mut alice)[0].return_code(0), -2);
    harness.send_message(&alice, |bytes| long(bytes, 32_767));
    assert_eq!(harness.drain(&mut alice).len(), 2);
    harness.send_message(&alice, |bytes| {
        bytes.extend([0xF3, 2, 1, 1, 0, 0x47, 0x80, 0x80, 2]);
        bytes.extend(std::iter::repeat_n(0, 32_768));
    });
    assert_eq!(harness.drain(&mut alice)[0].return_code(1), -2);
}

#[test]
fn a_session_with_many_channels_is_announced_in_several_events() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    let names: Vec<String> = (0..60).map(|number| format!("{number:030000}")).collect();
    for names in names.chunks(10) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(
            harness.ask(&mut alice, 0, vec![(0, texts(&names))]).len(),
            2
        );
    }
    let mut second = harness.connect(ServerKind::FrontEnd, Protocol::V16);
    let got = harness.ask(&mut second, 230, credentials("alice"));
    let counts: Vec<usize> = got[1..]
        .iter()
        .map(|event| {
            Vec::<bool>::try_from(event.parameter(15).unwrap().clone())
                .unwrap()
                .len()
        })
        .collect();
    assert_eq!(counts, [16, 16, 16, 12]);
}

#[test]
fn silent_connections_end_on_both_servers_and_pings_prevent_it() {
    for server_kind in [ServerKind::NameServer, ServerKind::FrontEnd] {
        let mut harness = Harness::new();
        let mut never = harness.accept(server_kind, Protocol::V18);
        let mut pinging = harness.connect(server_kind, Protocol::V18);
        for _ in 0..30 {
            harness.wait(1000);
            harness.send_bytes(&pinging, &[0xF0, 0, 0, 0, 1]);
        }
        assert_eq!(harness.drain(&mut never), [Got::Closed]);
        assert_eq!(harness.drain(&mut pinging).len(), 30);
        harness.wait(30_000);
        assert_eq!(harness.drain(&mut pinging), [Got::Closed]);
        assert_eq!(harness.core.stats().connections, 0);
        assert_eq!(harness.core.poll_timeout(), None);
    }
}

#[test]
fn too_many_operations_are_refused_until_the_next_second() {
    let mut harness = Harness::with(|config| config.max_operations_per_second = Some(3));
    let mut alice = harness.enter("alice", Protocol::V18);
    let mut code = |harness: &mut Harness| {
        harness.ask(&mut alice, 1, vec![(0, texts(&["c"]))])[0].return_code(1)
    };
    assert_eq!([0; 4].map(|_| code(&mut harness)), [0, 0, 0, 32743]);
    harness.wait(1000);
    assert_eq!(code(&mut harness), 0);
}

#[test]
fn the_clock_may_stand_still_jump_or_run_backwards() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    harness.core.service(photon_proto::Timestamp::ZERO);
    assert_eq!(
        harness.ask(&mut alice, 1, vec![(0, texts(&["c"]))])[0],
        ok(1)
    );
    harness.core.service(photon_proto::Timestamp::MAX);
    assert_eq!(harness.drain(&mut alice), [Got::Closed]);
    harness.core.service(photon_proto::Timestamp::MAX);
    let id = harness
        .core
        .accept_stream(photon_proto::Timestamp::ZERO, ServerKind::NameServer, "");
    harness
        .core
        .received(photon_proto::Timestamp::MAX, id, &[0xF0]);
    assert_eq!(ServerConfig::default().silence_timeout_ms, 30_000);
}
