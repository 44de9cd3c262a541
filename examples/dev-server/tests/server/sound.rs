//! Behaviour that tests with outside clients and with attackers asked for, one prefix for each item.

use dev_server::{AuthResult, AuthRule, ServerConfig, ServerKind, SubProtocol};
use photon_proto::{Protocol, Value};

use crate::datagram_harness;
use crate::harness::{BOTH, Got, Harness, Peer, credentials, ok, subscribed, texts};
use crate::messages::{Web, open, request};

/// The text messages that the server sends in answer to a request.
fn texts_after(
    harness: &mut Harness,
    web: &Web,
    code: u8,
    parameters: Vec<(u8, Value)>,
) -> Vec<String> {
    let request = request(web.subprotocol, code, parameters);
    harness.core.received(harness.now, web.id, &request);
    let mut all = Vec::new();
    while let Some(message) = harness.core.transmit(web.id).map(<[u8]>::to_vec) {
        harness.core.transmitted(web.id, message.len());
        all.push(String::from_utf8(message).expect("text messages are UTF-8"));
    }
    all
}

fn framed(json: &str) -> String {
    let payload = format!("~j~{json}");
    assert!(payload.is_ascii());
    format!("~m~{}~m~{payload}", payload.len())
}

#[test]
fn sound15_json_has_the_order_and_the_escapes_of_real_servers() {
    let mut harness = Harness::new();
    let web = open(&mut harness, ServerKind::FrontEnd, SubProtocol::Json);
    assert_eq!(
        texts_after(&mut harness, &web, 230, credentials("\u{fc}ser")),
        [framed(
            "{\"vals\":[225,\"\\u00fcser\"],\"err\":0,\"msg\":null,\"res\":230}"
        )]
    );
    let subscribe = vec![(0, texts(&["\u{1f600}"]))];
    assert_eq!(
        texts_after(&mut harness, &web, 0, subscribe),
        [
            framed("{\"vals\":[],\"err\":0,\"msg\":null,\"res\":0}"),
            framed("{\"vals\":[0,[\"\\ud83d\\ude00\"],15,[true]],\"evt\":5}"),
        ]
    );
    let publish = vec![
        (1, "\u{1f600}".into()),
        (3, "a\u{7f}\u{20ac}\u{ffff}".into()),
    ];
    let published = texts_after(&mut harness, &web, 2, publish);
    assert_eq!(
        published[1],
        framed(
            "{\"vals\":[1,\"\\ud83d\\ude00\",4,[\"\\u00fcser\"],2,[\"a\u{7f}\\u20ac\\uffff\"],8,1],\"evt\":0}"
        )
    );
    // A refusal has its text.
    let unknown = texts_after(&mut harness, &web, 199, vec![]);
    assert_eq!(
        unknown,
        [framed(
            "{\"vals\":[],\"err\":-2,\"msg\":\"unknown operation\",\"res\":199}"
        )]
    );
}

#[test]
fn sound15_an_empty_debug_text_stays_empty() {
    let refuse = AuthResult::Refuse {
        code: 32755,
        text: String::new(),
    };
    let mut harness = Harness::with(|config| config.authentication.push(AuthRule::any(refuse)));
    let mut login = credentials("alice");
    login.extend([(217, Value::Byte(0)), (210, "eu".into())]);
    let web = open(&mut harness, ServerKind::NameServer, SubProtocol::Json);
    assert_eq!(
        texts_after(&mut harness, &web, 230, login.clone()),
        [framed(
            "{\"vals\":[],\"err\":32755,\"msg\":\"\",\"res\":230}"
        )]
    );
    for (protocol, answer) in BOTH.into_iter().zip([
        &[0xF3, 3, 230, 0x7F, 0xF3, 0x73, 0, 0, 0, 0][..],
        &[0xF3, 3, 230, 0xF3, 0x7F, 0x07, 0, 0],
    ]) {
        let peer = harness.connect(ServerKind::NameServer, protocol);
        harness.request(&peer, 230, login.clone());
        let sent = harness.core.transmit(peer.id).expect("an answer").to_vec();
        assert!(sent.ends_with(answer), "{sent:x?}");
        harness.core.transmitted(peer.id, sent.len());
    }
}

#[test]
fn sound15_properties_of_a_user_who_is_not_in_the_channel_are_refused_with_minus_3() {
    for protocol in BOTH {
        let mut harness = Harness::with(|config| config.properties = true);
        let mut alice = harness.enter("alice", protocol);
        harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]);
        let properties: photon_proto::Hashtable = [("k", 1)].into_iter().collect();
        let set = |channel: &str, user: &str| {
            vec![
                (1, channel.into()),
                (225, user.into()),
                (22, Value::from(properties.clone())),
            ]
        };
        for (channel, user) in [("c", "bob"), ("other", "alice"), ("other", "bob")] {
            let got = harness.ask(&mut alice, 8, set(channel, user));
            assert_eq!(got[0].return_code(8), -3, "{user} in {channel}");
            assert_eq!(got.len(), 1);
        }
        assert_eq!(harness.ask(&mut alice, 8, set("c", "alice")), [ok(8)]);
    }
}

#[test]
fn sound16_repeated_key_exchanges_cost_nothing_and_delay_no_login() {
    for protocol in BOTH {
        let mut harness = Harness::new();
        let mut attackers: Vec<Peer> = (0..4)
            .map(|_| harness.connect_encrypted(ServerKind::FrontEnd, protocol))
            .collect();
        for attacker in &mut attackers {
            // A client that repeats it sends in clear.
            attacker.encrypt = false;
            for _ in 0..500 {
                harness.send_key(attacker);
            }
        }
        let mut alice = harness.connect_encrypted(ServerKind::FrontEnd, protocol);
        let got = harness.ask(&mut alice, 230, credentials("alice"));
        assert_eq!(got[0].return_code(230), 0);
        assert_eq!(harness.core.stats().key_exchanges, 5, "one for each client");
        for attacker in &mut attackers {
            // Refused each time; the first keys stay in force.
            let got = harness.drain(attacker);
            assert_eq!(
                got,
                vec![
                    Got::Key {
                        code: -2,
                        key: None
                    };
                    500
                ]
            );
            attacker.encrypt = true;
            let got = harness.ask(attacker, 230, credentials("mallory"));
            assert!(got.iter().any(Got::is_encrypted), "{got:?}");
        }
    }
}

#[test]
fn sound16_a_bad_key_is_the_one_exchange_of_its_connection() {
    let mut harness = Harness::new();
    let mut peer = harness.connect(ServerKind::NameServer, Protocol::V18);
    for _ in 0..100 {
        harness.send_message(&peer, |bytes| {
            let limits = photon_proto::Limits::DEFAULT;
            photon_proto::internal::encode_key_request(bytes, Protocol::V18, &limits, &[1])
                .unwrap();
        });
    }
    assert_eq!(harness.drain(&mut peer).len(), 100);
    assert_eq!(harness.core.stats().key_exchanges, 1);
}

/// The first bytes of a frame that announces a message of 1 MB.
fn begun_frame(bytes: usize) -> Vec<u8> {
    let mut frame = vec![0xFB, 0, 0x0F, 0x42, 0x40, 0, 1, 0xF3];
    frame.resize(bytes, 0);
    frame
}

#[test]
fn sound16_an_unfinished_message_before_a_login_has_a_cap() {
    let mut harness = Harness::new();
    for server_kind in [ServerKind::NameServer, ServerKind::FrontEnd] {
        let mut peer = harness.connect(server_kind, Protocol::V18);
        harness.send_bytes(&peer, &begun_frame(60_000));
        assert_eq!(harness.core.stats().unfinished_bytes, 60_000);
        assert_eq!(harness.drain(&mut peer), []);
        harness.send_bytes(&peer, &[0; 10_000]);
        assert_eq!(harness.drain(&mut peer), [Got::Closed]);
        let ended = harness.core.ended_connections().pop().unwrap();
        assert_eq!(
            ended.reason.as_str(),
            "its message before a login is too long"
        );
    }
    let stats = harness.core.stats();
    assert_eq!(
        (stats.oversized_connections, stats.unfinished_bytes),
        (2, 0)
    );
    // After the login the limit of messages applies.
    let mut alice = harness.enter("alice", Protocol::V18);
    harness.send_bytes(&alice, &begun_frame(500_000));
    assert_eq!(harness.drain(&mut alice), []);
    assert_eq!(harness.core.stats().unfinished_bytes, 0);
}

#[test]
fn sound16_unfinished_messages_before_a_login_share_a_cap() {
    let mut harness = Harness::with(|config| config.max_total_unfinished_bytes = 400_000);
    let mut small = harness.connect(ServerKind::FrontEnd, Protocol::V18);
    harness.send_bytes(&small, &begun_frame(100));
    let attackers: Vec<Peer> = (0..100)
        .map(|_| {
            let peer = harness.connect(ServerKind::FrontEnd, Protocol::V18);
            harness.send_bytes(&peer, &begun_frame(50_000));
            assert!(harness.core.stats().unfinished_bytes <= 400_000);
            peer
        })
        .collect();
    let alice = harness.enter("alice", Protocol::V18);
    assert!(harness.core.stats().oversized_connections >= 92);
    // The one that holds little stays.
    assert_eq!(harness.drain(&mut small), []);
    for peer in attackers {
        harness.hang_up(peer);
    }
    harness.hang_up(small);
    harness.hang_up(alice);
    let stats = harness.core.stats();
    assert_eq!((stats.unfinished_bytes, stats.before_login), (0, 0));
}

#[test]
fn sound16_parts_of_a_message_over_udp_count_before_the_login() {
    let config = ServerConfig::new().with(|config| config.max_unfinished_bytes = 20_000);
    let mut harness = datagram_harness::Harness::new(5, config);
    let link = harness.connect_and_init(ServerKind::FrontEnd, Protocol::V18);
    // Its parts exceed the cap before it is complete.
    harness.core.config_mut().login_timeout_ms = 0;
    let long = vec![0; 100_000];
    harness.send(link, |bytes, _| bytes.extend_from_slice(&long));
    harness.run_for(1_000);
    assert_eq!(harness.core.stats().connections, 0);
    assert_eq!(harness.core.stats().oversized_connections, 1);
    assert_eq!(harness.core.stats().unfinished_bytes, 0);
}

#[test]
fn sound16_a_websocket_reports_its_unfinished_message() {
    let mut harness = Harness::new();
    let web = open(&mut harness, ServerKind::FrontEnd, SubProtocol::GpBinaryV18);
    assert_eq!(harness.core.max_received_bytes(web.id), 65_536);
    harness.core.unfinished(harness.now, web.id, 65_536);
    assert_eq!(harness.core.stats().unfinished_bytes, 65_536);
    harness.core.unfinished(harness.now, web.id, 65_537);
    let stats = harness.core.stats();
    assert_eq!((stats.connections, stats.unfinished_bytes), (0, 0));
    let alice = crate::messages::join(&mut harness, "alice", SubProtocol::Json);
    assert!(harness.core.max_received_bytes(alice.id) > 500_000);
    harness.core.unfinished(harness.now, alice.id, 500_000);
    assert_eq!(harness.core.stats().connections, 1);
}

#[test]
fn sound16_one_connection_too_many_before_a_login_ends_the_oldest() {
    let mut harness = Harness::with(|config| config.max_connections_before_login = 3);
    let mut alice = harness.enter("alice", Protocol::V18);
    let mut idle: Vec<Peer> = (0..5)
        .map(|_| harness.connect(ServerKind::FrontEnd, Protocol::V16))
        .collect();
    let closed: Vec<bool> = idle
        .iter_mut()
        .map(|peer| harness.drain(peer) == [Got::Closed])
        .collect();
    assert_eq!(closed, [true, true, false, false, false]);
    let stats = harness.core.stats();
    assert_eq!((stats.before_login, stats.displaced_connections), (3, 2));
    // Those that logged in do not count, and stay.
    assert_eq!(
        harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]),
        [ok(0), subscribed(&[("c", true)])]
    );
    for user in ["bob", "carol", "dave", "erin"] {
        harness.enter(user, Protocol::V18);
    }
    assert_eq!(harness.core.stats().users, 5);
}

#[test]
fn sound16_a_connection_to_the_front_end_must_log_in_in_time() {
    let mut harness = Harness::new();
    let mut idle = harness.connect(ServerKind::FrontEnd, Protocol::V18);
    let mut choosing = harness.connect(ServerKind::NameServer, Protocol::V18);
    let mut alice = harness.enter("alice", Protocol::V18);
    for second in (5..=90).step_by(5) {
        harness.wait(5_000);
        for peer in [&mut idle, &mut choosing, &mut alice] {
            // Signs of life: pings of TCP.
            harness.send_bytes(peer, &[0xF0, 0, 0, 0, 1]);
        }
        let ended = harness.drain(&mut idle).contains(&Got::Closed);
        assert_eq!(ended, second == 60, "after {second} s");
        assert!(!harness.drain(&mut choosing).contains(&Got::Closed));
        assert!(!harness.drain(&mut alice).contains(&Got::Closed));
    }
    // A dead one ends although nothing says so.
    harness.wait(30_000);
    assert_eq!(harness.core.stats().connections, 0);
    let reasons: Vec<_> = harness.core.ended_connections();
    assert_eq!(
        reasons[0].reason.as_str(),
        "the client did not log in in time"
    );
    assert_eq!(
        reasons[1].reason.as_str(),
        "the client sent nothing for too long"
    );
}

#[test]
fn sound16_channels_of_all_apps_together_have_a_cap() {
    let mut harness = Harness::with(|config| config.max_channels = 3);
    let mut alice = harness.enter("alice", Protocol::V18);
    let mut bob = harness.connect(ServerKind::FrontEnd, Protocol::V16);
    let other_app = vec![
        (224, "app-2".into()),
        (220, "1".into()),
        (225, "bob".into()),
    ];
    harness.ask(&mut bob, 230, other_app);
    assert_eq!(
        harness.ask(&mut alice, 0, vec![(0, texts(&["a", "b"]))]),
        [ok(0), subscribed(&[("a", true), ("b", true)])]
    );
    assert_eq!(
        harness.ask(&mut bob, 0, vec![(0, texts(&["a", "b"]))]),
        [ok(0), subscribed(&[("a", true), ("b", false)])]
    );
    // An existing channel is no new one.
    let mut carol = harness.enter("carol", Protocol::V18);
    assert_eq!(
        harness.ask(&mut carol, 0, vec![(0, texts(&["b", "c"]))]),
        [ok(0), subscribed(&[("b", true), ("c", false)])]
    );
    // A channel that ended makes space.
    harness.ask(&mut alice, 1, vec![(0, texts(&["a"]))]);
    harness.core.config_mut().channel_linger_ms = 0;
    harness.wait(6_000);
    assert_eq!(harness.core.stats().channels, 2);
    assert_eq!(
        harness.ask(&mut carol, 0, vec![(0, texts(&["c"]))]),
        [ok(0), subscribed(&[("c", true)])]
    );
}

#[test]
fn sound16_the_help_lists_the_caps_with_their_numbers() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_photon-dev-server"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for cap in [
        "max-connections-before-login=N [16384]",
        "max-unfinished-bytes=N [65536]",
        "max-total-unfinished-bytes=N [16777216]",
        "login-timeout-ms=N [60000]",
        "max-channels=N [100000]",
        "max-outgoing-bytes=N [4194304]",
        "max-total-outgoing-bytes=N [268435456]",
    ] {
        assert!(help.contains(cap), "{cap} is not in\n{help}");
    }
}

#[test]
fn sound16_clients_that_do_not_read_share_a_cap() {
    let mut harness = Harness::with(|config| config.max_total_outgoing_bytes = 400_000);
    let mut alice = harness.enter("alice", Protocol::V18);
    harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]);
    for number in 0..50 {
        let mut slow = harness.enter(&format!("slow-{number}"), Protocol::V18);
        harness.ask(&mut slow, 0, vec![(0, texts(&["c"]))]);
    }
    for _ in 0..40 {
        let publish = vec![(1, "c".into()), (3, Value::from(vec![0_u8; 1_000]))];
        assert_eq!(harness.ask(&mut alice, 2, publish).len(), 2);
    }
    let stats = harness.core.stats();
    assert!((1..=50).contains(&stats.overrun_connections), "{stats:?}");
    let reason = "the clients that do not read use up the memory of the server";
    let ended = harness.core.ended_connections();
    assert!(ended.iter().all(|one| one.reason.as_str() == reason));
    // No more than a client may have alone, if the others read.
    assert_eq!(
        harness.core.config().max_outgoing_bytes,
        4 * 1024 * 1024,
        "the limit for one client is far away"
    );
}
