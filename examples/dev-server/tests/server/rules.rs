//! Rules of chat.md 12 without a test elsewhere: limits, switches, exact encodings.

use dev_server::{ServerConfig, ServerKind};
use photon_proto::{Dictionary, Hashtable, Protocol, Type, Value};

use crate::harness::{
    BOTH, Got, Harness, Peer, credentials, event, messages, ok, private, response, subscribed,
    texts,
};

fn switched(switches: &[&str]) -> Harness {
    Harness::with(|config| {
        for switch in switches {
            config.apply(switch).unwrap();
        }
    })
}

fn fault(harness: &mut Harness, text: &str) {
    harness.core.config_mut().apply(text).unwrap();
}

fn join(harness: &mut Harness, peer: &mut Peer, channel: &str) -> Vec<Got> {
    harness.ask(peer, 0, vec![(0, texts(&[channel]))])
}

fn publish(
    harness: &mut Harness,
    peer: &mut Peer,
    channel: &str,
    content: impl Into<Value>,
) -> Vec<Got> {
    harness.ask(peer, 2, vec![(1, channel.into()), (3, content.into())])
}

fn untyped(pairs: Vec<(Value, Value)>) -> Value {
    Value::Dictionary(Dictionary {
        key: Type::Object,
        value: Type::Object,
        pairs,
    })
}

#[test]
fn a_second_login_is_refused_on_the_front_end_and_accepted_on_the_name_server() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    assert_eq!(
        harness.ask(&mut alice, 230, credentials("bob"))[0].return_code(230),
        -3
    );
    let mut names = harness.connect(ServerKind::NameServer, Protocol::V18);
    let mut login = credentials("alice");
    login.push((210, "EU/cluster".into()));
    for _ in 0..2 {
        assert_eq!(
            harness.ask(&mut names, 230, login.clone())[0].return_code(230),
            0
        );
    }
    for operation in [0, 4, 99] {
        assert_eq!(
            harness.ask(&mut names, operation, vec![])[0].return_code(operation),
            -2
        );
    }
    // The idle connection is closed.
    harness.wait(29_999);
    assert_eq!(harness.drain(&mut names), []);
    harness.wait(1);
    assert_eq!(harness.drain(&mut names), [Got::Closed]);
}

#[test]
fn an_empty_name_is_refused_among_others() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    let got = harness.ask(&mut alice, 0, vec![(0, texts(&["", "a"]))]);
    assert_eq!(got, [ok(0), subscribed(&[("", false), ("a", true)])]);
}

/// Whether `whole` contains `part`.
fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

fn raw(harness: &mut Harness, peer: &Peer) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(bytes) = harness.core.transmit(peer.id) {
        all.extend_from_slice(bytes);
        let count = bytes.len();
        harness.core.transmitted(peer.id, count);
    }
    all
}

#[test]
fn properties_are_dictionaries_to_the_byte_and_hashtables_are_read() {
    for protocol in BOTH {
        for as_hashtable in [false, true] {
            let mut harness = switched(&["properties=on"]);
            let mut alice = harness.enter("alice", protocol);
            let map = |pairs: Vec<(Value, Value)>| {
                if as_hashtable {
                    Value::Hashtable(Hashtable(pairs))
                } else {
                    untyped(pairs)
                }
            };
            let create = map(vec![
                (Value::Byte(254), Value::Bool(true)),
                (Value::Byte(255), Value::Int(10)),
            ]);
            assert_eq!(
                harness.ask(&mut alice, 0, vec![(0, texts(&["p"])), (22, create)])[0],
                ok(0)
            );
            let changes = map(vec![("k".into(), Value::Int(9))]);
            let expected = map(vec![("k".into(), Value::Null)]);
            let set = vec![
                (1, "p".into()),
                (225, "alice".into()),
                (22, changes),
                (25, expected),
            ];
            assert_eq!(harness.ask(&mut alice, 8, set), [ok(8)]);

            let mut bob = harness.enter("bob", protocol);
            harness.drain(&mut bob);
            harness.request(&bob, 0, vec![(0, texts(&["p"]))]);
            let sent = raw(&mut harness, &bob);
            let (properties, by_user): (&[u8], &[u8]) = match protocol {
                // Key and value type 0 (object): each key and value has its own type code. Counts
                // have two bytes.
                Protocol::V16 => (
                    &[
                        22, b'D', 0, 0, 0, 2, b'b', 254, b'o', 1, b'b', 255, b'i', 0, 0, 0, 10,
                    ],
                    b"\x1CDs\0\0\x01\0\x05aliceD\0\0\0\x01s\0\x01ki\0\0\0\x09",
                ),
                // The same in 1.8: 28 is true, 11 an int of one byte. Counts have one byte.
                _ => (
                    &[22, 20, 0, 0, 2, 3, 254, 28, 3, 255, 11, 10],
                    b"\x1C\x14\x07\0\x01\x05alice\x14\0\0\x01\x07\x01k\x0B\x09",
                ),
            };
            assert!(contains(&sent, properties), "{protocol:?} p22: {sent:02x?}");
            assert!(contains(&sent, by_user), "{protocol:?} p28: {sent:02x?}");
        }
    }
}

#[test]
fn subscribers_are_notified_at_the_end_of_a_users_grace_period() {
    let mut harness = switched(&["silence-timeout-ms=1000", "grace-ms=500"]);
    let mut alice = harness.enter("alice", Protocol::V18);
    let publishing = untyped(vec![(Value::Byte(254), Value::Bool(true))]);
    harness.ask(&mut alice, 0, vec![(0, texts(&["p"])), (22, publishing)]);
    let mut bob = harness.enter("bob", Protocol::V18);
    join(&mut harness, &mut bob, "p");
    harness.drain(&mut alice);
    for _ in 0..2 {
        harness.wait(700);
        harness.send_bytes(&alice, &[0xF0, 0, 0, 0, 1]);
        assert!(matches!(
            harness.drain(&mut alice).as_slice(),
            [Got::Pong { .. }]
        ));
    }
    assert_eq!(harness.drain(&mut bob), [Got::Closed]);
    harness.wait(200);
    assert_eq!(
        harness.drain(&mut alice),
        [event(9, [(1, "p".into()), (225, "bob".into())])]
    );
    let left = harness
        .core
        .channel("app-1", "1.0", "p")
        .unwrap()
        .subscribers;
    assert_eq!(left, ["alice"]);
}

#[test]
fn too_many_operations_can_end_the_connection() {
    let mut harness = switched(&["max-operations-per-second=1", "disconnect-over-rate=on"]);
    let mut alice = harness.enter("alice", Protocol::V18);
    join(&mut harness, &mut alice, "c");
    let disconnect = Got::Disconnect {
        code: 32743,
        text: "too many operations".to_owned(),
    };
    assert_eq!(
        publish(&mut harness, &mut alice, "c", "x"),
        [disconnect, Got::Closed]
    );
}

#[test]
fn messages_texts_subscribers_and_friends_have_limits() {
    let mut harness = switched(&[
        "max-message-bytes=200",
        "max-string-bytes=10",
        "max-subscribers=1",
        "max-friends=2",
    ]);
    let mut alice = harness.enter("alice", Protocol::V18);
    join(&mut harness, &mut alice, "c");
    assert_eq!(publish(&mut harness, &mut alice, "c", "short").len(), 2);
    for got in [
        publish(&mut harness, &mut alice, "c", "x".repeat(200)),
        harness.ask(
            &mut alice,
            3,
            vec![(225, "bob".into()), (3, "x".repeat(200).into())],
        ),
    ] {
        let [
            Got::Response {
                return_code: -2,
                text,
                ..
            },
        ] = got.as_slice()
        else {
            panic!("{got:?}")
        };
        assert!(
            text.starts_with("the message cannot be delivered"),
            "{text}"
        );
    }
    assert_eq!(harness.last_id("c"), Some(1));
    let long = "parameter 0 is missing or has the wrong type";
    assert_eq!(
        join(&mut harness, &mut alice, "12345678901"),
        [response(0, -2, long)]
    );
    assert_eq!(join(&mut harness, &mut alice, "1234567890").len(), 2);
    let mut bob = harness.enter("bob", Protocol::V18);
    assert_eq!(
        join(&mut harness, &mut bob, "c"),
        [ok(0), subscribed(&[("c", false)])]
    );
    let got = harness.ask(&mut bob, 6, vec![(11, texts(&["x", "y", "z"]))]);
    assert_eq!(got.len(), 3, "the answer and two friends: {got:?}");
}

#[test]
fn all_histories_together_have_a_limit_and_the_oldest_are_dropped() {
    let mut harness = switched(&["max-total-history-bytes=100000"]);
    let mut alice = harness.enter("alice", Protocol::V18);
    let text = "x".repeat(10_000);
    for number in 0..50 {
        let name = format!("c{number}");
        join(&mut harness, &mut alice, &name);
        publish(&mut harness, &mut alice, &name, text.as_str());
        harness.ask(
            &mut alice,
            3,
            vec![
                (225, format!("u{number}").into()),
                (3, text.as_str().into()),
            ],
        );
        assert!(harness.core.stats().history_bytes <= 100_000, "{number}");
    }
    let kept =
        |harness: &Harness, name: &str| harness.core.channel("app-1", "1.0", name).unwrap().history;
    assert_eq!((kept(&harness, "c0"), kept(&harness, "c49")), (0, 1));
    // Ids continue in a channel whose history was dropped.
    assert_eq!(
        publish(&mut harness, &mut alice, "c0", "y")[1],
        messages("c0", &[("alice", "y".into())], 2)
    );
    harness.hang_up(alice);
    harness.wait(60_000);
    assert_eq!(harness.core.stats().history_bytes, 0);
}

#[test]
fn dropped_connections_leave_no_reminders() {
    let mut harness = Harness::new();
    for _ in 0..100 {
        let peer = harness.accept(ServerKind::FrontEnd, Protocol::V18);
        harness.hang_up(peer);
    }
    assert_eq!(harness.core.poll_timeout(), None);
}

#[test]
fn subscriptions_can_always_be_confirmed_one_by_one() {
    let mut harness = switched(&["split-event-5=on"]);
    let mut alice = harness.enter("alice", Protocol::V18);
    let got = harness.ask(&mut alice, 0, vec![(0, texts(&["a", "b"]))]);
    assert_eq!(
        got,
        [
            ok(0),
            subscribed(&[("a", true)]),
            subscribed(&[("b", true)])
        ]
    );
}

#[test]
fn wrong_array_lengths_apply_to_all_three_operations() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    fault(&mut harness, "wrong-array-lengths");
    let got = harness.ask(&mut alice, 0, vec![(0, texts(&["a", "b"]))]);
    assert_eq!(
        got[1],
        event(5, [(0, texts(&["a", "b"])), (15, Value::from(vec![true]))])
    );
    let got = publish(&mut harness, &mut alice, "a", "x");
    assert_eq!(got[1].parameter(4), Some(&texts(&["alice", "alice"])));
    assert_eq!(
        got[1].parameter(2),
        Some(&Value::from(vec![Value::from("x")]))
    );
    let mut names = harness.connect(ServerKind::NameServer, Protocol::V18);
    let got = harness.ask(&mut names, 220, vec![(224, "app-1".into())]);
    assert_eq!(
        got[0].parameter(210),
        Some(&texts(&["eu", "us", "asia", "one-too-many"]))
    );
}

#[test]
fn tokens_can_be_bytes_and_expire_by_fault() {
    let mut harness = Harness::new();
    let log_in = |harness: &mut Harness| {
        let mut names = harness.connect(ServerKind::NameServer, Protocol::V16);
        let mut login = credentials("alice");
        login.push((210, "eu".into()));
        harness.ask(&mut names, 230, login)[0]
            .parameter(221)
            .unwrap()
            .clone()
    };
    let enter = |harness: &mut Harness, token: &Value| {
        let mut front = harness.connect(ServerKind::FrontEnd, Protocol::V18);
        harness.ask(&mut front, 230, vec![(221, token.clone())])[0].return_code(230)
    };
    fault(&mut harness, "byte-array-token");
    let token = log_in(&mut harness);
    assert!(matches!(token, Value::Bytes(_)));
    assert_eq!(enter(&mut harness, &token), 0);
    harness.core.config_mut().apply("expire-tokens x1").unwrap();
    assert_eq!(
        [enter(&mut harness, &token), enter(&mut harness, &token)],
        [32753, 0]
    );
    fault(&mut harness, "authenticate-ns=expired-token");
    let token = log_in(&mut harness);
    assert_eq!(enter(&mut harness, &token), 32753);
    // Full credentials do not need a token.
    fault(&mut harness, "expire-tokens");
    harness.enter("alice", Protocol::V18);
}

#[test]
fn kick_sends_the_reason_to_all_connections_of_a_user() {
    let mut harness = Harness::new();
    let mut both = [0; 2].map(|_| harness.enter("two words", Protocol::V18));
    let mut other = harness.enter("other", Protocol::V18);
    let answer = harness
        .core
        .control(r#"kick "two words" user-limit you are too many"#);
    assert_eq!(answer.line, "ok 2 connections of \"two words\" are ended");
    for peer in &mut both {
        let disconnect = Got::Disconnect {
            code: 3,
            text: "you are too many".to_owned(),
        };
        assert_eq!(harness.drain(peer), [disconnect, Got::Closed]);
    }
    assert_eq!(harness.drain(&mut other), []);
    let users = harness.core.control("users").line;
    assert!(
        users.contains(
            r#""other" app="app-1" version="1.0" connections=1 channels=0 friends=0 status=0"#
        ),
        "{users}"
    );
    assert_eq!(ServerConfig::new().grace_ms, 10_000);
}

#[test]
fn control_lists_channels_on_one_line_for_any_name() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("al\"ice", Protocol::V18);
    join(&mut harness, &mut alice, "line\none");
    let expected = r#"ok 1 channels: "line\none" app="app-1" version="1.0" last-id=0 kept=0 users=["al\"ice"]"#;
    assert_eq!(harness.core.control("channels").line, expected);
}

#[test]
fn a_user_sees_its_own_status_only_as_its_own_friend() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    let online = || vec![(10, Value::Int(2)), (3, "hi".into())];
    assert_eq!(harness.ask(&mut alice, 5, online()), [ok(5)]);
    harness.ask(&mut alice, 6, vec![(11, texts(&["alice"]))]);
    let status = event(
        4,
        [(5, "alice".into()), (10, Value::Int(2)), (3, "hi".into())],
    );
    assert_eq!(harness.ask(&mut alice, 5, online()), [ok(5), status]);
}

#[test]
fn a_private_message_to_an_absent_user_is_only_echoed() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    let mut too = harness.enter("alice", Protocol::V16);
    let got = harness.ask(
        &mut alice,
        3,
        vec![(225, "nobody".into()), (3, "psst".into())],
    );
    let echo = private("alice", "nobody", "psst", 1);
    assert_eq!(got, [ok(3), echo.clone()]);
    assert_eq!(harness.drain(&mut too), [echo]);
    // Each conversation has its own ids.
    assert_eq!(
        harness.ask(&mut alice, 3, vec![(225, "other".into()), (3, 1.into())])[1].parameter(8),
        Some(&1.into())
    );
    assert_eq!(
        harness.ask(&mut alice, 3, vec![(225, "nobody".into()), (3, 1.into())])[1].parameter(8),
        Some(&2.into())
    );
}
