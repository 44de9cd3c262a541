//! Subscribing, publishing, unsubscribing, and the lifetime of channels and sessions.

use photon_proto::{Protocol, Value};

use crate::harness::{BOTH, Got, Harness, Peer, event, messages, ok, private, subscribed, texts};

fn subscribe(harness: &mut Harness, peer: &mut Peer, channel: &str) {
    let got = harness.ask(peer, 0, vec![(0, texts(&[channel]))]);
    assert_eq!(got.first(), Some(&ok(0)));
    assert_eq!(
        got.get(1).and_then(|event| event.parameter(15)),
        Some(&Value::from(vec![true]))
    );
}

fn publish(
    harness: &mut Harness,
    peer: &mut Peer,
    channel: &str,
    content: impl Into<Value>,
) -> Vec<Got> {
    harness.ask(peer, 2, vec![(1, channel.into()), (3, content.into())])
}

/// A channel "c" with the messages 1 to `count`, and its only subscriber.
fn filled(harness: &mut Harness, count: i32) -> Peer {
    let mut alice = harness.enter("alice", Protocol::V18);
    subscribe(harness, &mut alice, "c");
    for number in 1..=count {
        publish(harness, &mut alice, "c", number);
    }
    alice
}

#[test]
fn all_subscribers_including_the_sender_receive_a_message() {
    for protocol in BOTH {
        let mut harness = Harness::new();
        let [mut alice, mut bob, mut carol] =
            ["alice", "bob", "carol"].map(|user| harness.enter(user, protocol));
        let got = harness.ask(&mut alice, 0, vec![(0, texts(&["a", "", "b"]))]);
        assert_eq!(
            got,
            [ok(0), subscribed(&[("a", true), ("", false), ("b", true)])]
        );
        subscribe(&mut harness, &mut bob, "a");
        let event = messages("a", &[("alice", "hi".into())], 1);
        assert_eq!(
            publish(&mut harness, &mut alice, "a", "hi"),
            [ok(2), event.clone()]
        );
        assert_eq!(harness.drain(&mut bob), [event]);
        assert_eq!(harness.drain(&mut carol), []);
        assert_eq!(
            publish(&mut harness, &mut carol, "a", "hi")[0].return_code(2),
            -3
        );
        assert_eq!(
            publish(&mut harness, &mut carol, "nowhere", "hi")[0].return_code(2),
            -3
        );
        assert_eq!(harness.last_id("a"), Some(1));
    }
}

#[test]
fn users_of_different_app_versions_are_separate() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    let mut other = harness.connect(dev_server::ServerKind::FrontEnd, Protocol::V18);
    harness.ask(
        &mut other,
        230,
        vec![
            (224, "app-1".into()),
            (220, "2.0".into()),
            (225, "alice".into()),
        ],
    );
    subscribe(&mut harness, &mut alice, "c");
    subscribe(&mut harness, &mut other, "c");
    publish(&mut harness, &mut alice, "c", "hi");
    assert_eq!(harness.drain(&mut other), []);
    assert_eq!(
        harness
            .ask(&mut other, 3, vec![(225, "alice".into()), (3, "me".into())])
            .len(),
        2
    );
    assert_eq!(harness.drain(&mut alice), []);
    assert_eq!(harness.core.stats().users, 2);
}

#[test]
fn history_obeys_length_and_last_id() {
    let mut harness = Harness::new();
    let _alice = filled(&mut harness, 120);
    let mut asked = |parameters: Vec<(u8, Value)>| -> Vec<i32> {
        let mut bob = harness.enter("bob", Protocol::V16);
        let mut all = vec![(0, texts(&["c"]))];
        all.extend(parameters);
        let got = harness.ask(&mut bob, 0, all);
        assert_eq!(got[..2], [ok(0), subscribed(&[("c", true)])]);
        harness.hang_up(bob);
        match &got[2..] {
            [] => Vec::new(),
            [event] => {
                assert_eq!(event.parameter(8), Some(&Value::Int(120)));
                let contents = Vec::<Value>::try_from(event.parameter(2).unwrap().clone()).unwrap();
                contents
                    .into_iter()
                    .map(|content| i32::try_from(content).unwrap())
                    .collect()
            }
            more => panic!("{more:?}"),
        }
    };
    let ids = |last_id: i32| (9, Value::from(vec![last_id]));
    let length = |length: i32| (14, Value::Int(length));
    let last = |count: i32| (121 - count..=120).collect::<Vec<_>>();
    assert_eq!(asked(vec![]), []);
    assert_eq!(asked(vec![length(0)]), []);
    assert_eq!(asked(vec![ids(3)]), []);
    assert_eq!(asked(vec![length(-1)]), last(100));
    assert_eq!(asked(vec![length(101)]), last(100));
    assert_eq!(asked(vec![length(7)]), last(7));
    assert_eq!(asked(vec![length(-1), ids(117)]), last(3));
    assert_eq!(asked(vec![length(2), ids(117)]), last(2));
    assert_eq!(asked(vec![length(-1), ids(120)]), []);
    assert_eq!(asked(vec![length(-1), ids(500)]), []);
    assert_eq!(asked(vec![length(-1), ids(1)]), last(100));
}

#[test]
fn subscribing_again_sends_the_history_again() {
    let mut harness = Harness::new();
    let mut alice = filled(&mut harness, 2);
    let got = harness.ask(
        &mut alice,
        0,
        vec![(0, texts(&["c"])), (14, Value::Int(-1))],
    );
    let history = messages(
        "c",
        &[("alice", Value::Int(1)), ("alice", Value::Int(2))],
        2,
    );
    assert_eq!(got, [ok(0), subscribed(&[("c", true)]), history]);
}

#[test]
fn wrong_types_are_refused_and_change_nothing() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    for parameters in [
        vec![],
        vec![(0, "c".into())],
        vec![(0, texts(&["c"])), (9, Value::from(vec![1, 2]))],
        vec![(0, texts(&["c"])), (14, "x".into())],
        vec![(0, texts(&["c"])), (22, "x".into())],
    ] {
        let got = harness.ask(&mut alice, 0, parameters);
        assert_eq!((got.len(), got[0].return_code(0)), (1, -2));
    }
    assert_eq!(
        harness.ask(&mut alice, 1, vec![(0, Value::Int(1))])[0].return_code(1),
        -2
    );
    assert_eq!(
        harness.ask(&mut alice, 2, vec![(1, Value::Int(1))])[0].return_code(2),
        -2
    );
    assert_eq!(
        harness.ask(&mut alice, 3, vec![(3, Value::Int(1))])[0].return_code(3),
        -2
    );
    assert_eq!(harness.core.stats().channels, 0);
}

#[test]
fn unsubscribing_reports_the_requested_names_and_ids_restart() {
    let mut harness = Harness::new();
    let mut alice = filled(&mut harness, 3);
    let mut second = harness.enter("alice", Protocol::V16);
    assert_eq!(harness.drain(&mut second), []);
    let left = event(6, [(0, texts(&["c", "zzz"]))]);
    assert_eq!(
        harness.ask(&mut alice, 1, vec![(0, texts(&["c", "zzz"]))]),
        [ok(1), left.clone()]
    );
    assert_eq!(harness.drain(&mut second), [left]);
    harness.wait(4999);
    assert_eq!(harness.last_id("c"), Some(3));
    subscribe(&mut harness, &mut alice, "c");
    harness.wait(20_000);
    harness.send_bytes(&alice, &[0xF0, 0, 0, 0, 1]);
    assert_eq!(harness.last_id("c"), Some(3), "someone came back in time");
    harness.drain(&mut alice);
    harness.ask(&mut alice, 1, vec![(0, texts(&["c"]))]);
    harness.wait(5000);
    assert_eq!(harness.last_id("c"), None);
    subscribe(&mut harness, &mut alice, "c");
    assert_eq!(
        publish(&mut harness, &mut alice, "c", 9),
        [ok(2), messages("c", &[("alice", Value::Int(9))], 1)]
    );
}

#[test]
fn connections_of_one_user_share_a_session() {
    let mut harness = Harness::new();
    let mut first = filled(&mut harness, 1);
    let mut second = harness.connect(dev_server::ServerKind::FrontEnd, Protocol::V16);
    let got = harness.ask(&mut second, 230, crate::harness::credentials("alice"));
    assert_eq!(got[1..], [subscribed(&[("c", true)])]);
    let got = harness.ask(
        &mut second,
        0,
        vec![(0, texts(&["d"])), (14, Value::Int(-1))],
    );
    assert_eq!(got, [ok(0), subscribed(&[("d", true)])]);
    assert_eq!(harness.drain(&mut first), [subscribed(&[("d", true)])]);
    publish(&mut harness, &mut second, "c", 2);
    assert_eq!(
        harness.drain(&mut first),
        [messages("c", &[("alice", Value::Int(2))], 2)]
    );
    harness.hang_up(first);
    assert_eq!(
        harness
            .core
            .channel("app-1", "1.0", "c")
            .unwrap()
            .subscribers,
        ["alice"]
    );
    harness.hang_up(second);
    assert!(
        harness
            .core
            .channel("app-1", "1.0", "c")
            .unwrap()
            .subscribers
            .is_empty()
    );
    harness.wait(5000);
    assert_eq!(harness.core.channels(), []);
    assert_eq!(harness.core.stats().users, 0);
}

#[test]
fn a_session_outlives_a_timeout_for_its_grace_period() {
    let mut harness = Harness::with(|config| config.silence_timeout_ms = 10_000);
    let mut alice = filled(&mut harness, 1);
    harness.wait(9999);
    assert_eq!(harness.drain(&mut alice), []);
    harness.wait(1);
    assert_eq!(harness.drain(&mut alice), [Got::Closed]);
    assert_eq!(harness.core.stats().silent_connections, 1);
    harness.wait(9999);
    let mut back = harness.connect(dev_server::ServerKind::FrontEnd, Protocol::V18);
    let got = harness.ask(&mut back, 230, crate::harness::credentials("alice"));
    assert_eq!(got[1..], [subscribed(&[("c", true)])]);
    harness.wait(10_000);
    harness.drain(&mut back);
    harness.wait(10_000);
    let mut late = harness.connect(dev_server::ServerKind::FrontEnd, Protocol::V18);
    let got = harness.ask(&mut late, 230, crate::harness::credentials("alice"));
    assert_eq!(got.len(), 1, "{got:?}");
}

#[test]
fn private_messages_reach_all_connections_of_both() {
    for protocol in BOTH {
        let mut harness = Harness::new();
        let [mut alice, mut bob] = ["alice", "bob"].map(|user| harness.enter(user, protocol));
        let mut bobs_other = harness.enter("bob", Protocol::V16);
        let got = harness.ask(&mut alice, 3, vec![(225, "bob".into()), (3, "hi".into())]);
        assert_eq!(got, [ok(3), private("alice", "bob", "hi", 1)]);
        assert_eq!(harness.drain(&mut bob), [private("alice", "bob", "hi", 1)]);
        assert_eq!(
            harness.drain(&mut bobs_other),
            [private("alice", "bob", "hi", 1)]
        );
        let got = harness.ask(&mut bob, 3, vec![(225, "alice".into()), (3, "ho".into())]);
        assert_eq!(got, [ok(3), private("bob", "alice", "ho", 2)]);
        assert_eq!(
            harness.drain(&mut alice),
            [private("bob", "alice", "ho", 2)]
        );
        let got = harness.ask(&mut alice, 3, vec![(225, "alice".into()), (3, "me".into())]);
        assert_eq!(got, [ok(3), private("alice", "alice", "me", 1)]);
    }
}

#[test]
fn private_history_is_replayed_while_the_conversation_lives() {
    let mut harness = Harness::new();
    let mut alice = harness.enter("alice", Protocol::V18);
    for number in 1..=3 {
        let got = harness.ask(
            &mut alice,
            3,
            vec![(225, "bob".into()), (3, Value::Int(number))],
        );
        assert_eq!(got[1], private("alice", "bob", number, number));
    }
    let entering = |harness: &mut Harness, limit: Option<i32>| {
        let mut bob = harness.connect(dev_server::ServerKind::FrontEnd, Protocol::V16);
        let mut parameters = crate::harness::credentials("bob");
        parameters.extend(limit.map(|limit| (14, Value::Int(limit))));
        let got = harness.ask(&mut bob, 230, parameters);
        (bob, got[1..].to_vec())
    };
    let all = [1, 2, 3].map(|number| private("alice", "bob", number, number));
    for (limit, expected) in [
        (None, &all[..]),
        (Some(-1), &all[..]),
        (Some(0), &[]),
        (Some(2), &all[1..]),
    ] {
        let (bob, got) = entering(&mut harness, limit);
        assert_eq!(got, expected, "{limit:?}");
        harness.hang_up(bob);
    }
    let (bob, _) = entering(&mut harness, None);
    harness.hang_up(alice);
    assert_eq!(harness.core.stats().conversations, 1);
    harness.hang_up(bob);
    assert_eq!(harness.core.stats().conversations, 0);
    let (_bob, got) = entering(&mut harness, None);
    assert_eq!(got, []);
}

#[test]
fn empty_responses_can_be_left_out() {
    let mut harness = Harness::with(|config| config.empty_responses = false);
    let mut alice = harness.enter("alice", Protocol::V18);
    assert_eq!(
        harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]),
        [subscribed(&[("c", true)])]
    );
    assert_eq!(
        publish(&mut harness, &mut alice, "other", 1)[0].return_code(2),
        -3
    );
}

#[test]
fn messages_can_be_collected_into_one_event() {
    let mut harness = Harness::with(|config| config.batch_messages = 3);
    let mut alice = harness.enter("alice", Protocol::V18);
    subscribe(&mut harness, &mut alice, "c");
    let line = |number: i32| ("alice", Value::Int(number));
    assert_eq!(publish(&mut harness, &mut alice, "c", 1), [ok(2)]);
    assert_eq!(publish(&mut harness, &mut alice, "c", 2), [ok(2)]);
    assert_eq!(
        publish(&mut harness, &mut alice, "c", 3),
        [ok(2), messages("c", &[line(1), line(2), line(3)], 3)]
    );
    assert_eq!(publish(&mut harness, &mut alice, "c", 4), [ok(2)]);
    harness.wait(99);
    assert_eq!(harness.drain(&mut alice), []);
    harness.wait(1);
    assert_eq!(harness.drain(&mut alice), [messages("c", &[line(4)], 4)]);
    publish(&mut harness, &mut alice, "c", 5);
    let got = harness.ask(&mut alice, 0, vec![(0, texts(&["c"])), (14, Value::Int(1))]);
    let live = messages("c", &[line(5)], 5);
    assert_eq!(got, [live.clone(), ok(0), subscribed(&[("c", true)]), live]);
    // Messages collected before a user subscribes are history for that user, not new messages.
    publish(&mut harness, &mut alice, "c", 6);
    let mut bob = harness.enter("bob", Protocol::V18);
    let got = harness.ask(&mut bob, 0, vec![(0, texts(&["c"])), (14, Value::Int(-1))]);
    let all: Vec<_> = (1..=6).map(line).collect();
    assert_eq!(
        got,
        [ok(0), subscribed(&[("c", true)]), messages("c", &all, 6)]
    );
    assert_eq!(harness.drain(&mut alice), [messages("c", &[line(6)], 6)]);
}

#[test]
fn a_collected_message_waits_for_its_own_deadline_or_a_full_event_only() {
    let mut harness = Harness::with(|config| config.batch_messages = 1000);
    let mut alice = harness.enter("alice", Protocol::V18);
    subscribe(&mut harness, &mut alice, "c");
    harness.ask(&mut alice, 1, vec![(0, texts(&["c"]))]);
    subscribe(&mut harness, &mut alice, "c");
    assert_eq!(publish(&mut harness, &mut alice, "c", 1), [ok(2)]);
    harness.wait(100);
    assert_eq!(
        harness.drain(&mut alice),
        [messages("c", &[("alice", Value::Int(1))], 1)]
    );
    let large = || Value::from(vec![0_u8; 100_000]);
    let mut got = Vec::new();
    for _ in 0..8 {
        got.extend(publish(&mut harness, &mut alice, "c", large()));
    }
    harness.wait(100);
    got.extend(harness.drain(&mut alice));
    got.retain(|got| *got != ok(2));
    let pair = |last_id| messages("c", &[("alice", large()), ("alice", large())], last_id);
    assert_eq!(got, [pair(3), pair(5), pair(7), pair(9)]);
    // With collecting switched off, no message overtakes a collected one.
    publish(&mut harness, &mut alice, "c", 10);
    harness.core.config_mut().batch_messages = 1;
    let line = |number: i32| messages("c", &[("alice", Value::Int(number))], number);
    assert_eq!(
        publish(&mut harness, &mut alice, "c", 11),
        [ok(2), line(10), line(11)]
    );
}

#[test]
fn a_single_login_can_be_enforced() {
    let mut harness = Harness::with(|config| config.single_login = true);
    let mut first = filled(&mut harness, 1);
    let mut second = harness.connect(dev_server::ServerKind::FrontEnd, Protocol::V18);
    let got = harness.ask(&mut second, 230, crate::harness::credentials("alice"));
    assert_eq!(got[1..], [subscribed(&[("c", true)])]);
    let got = harness.drain(&mut first);
    assert!(
        matches!(
            got.as_slice(),
            [Got::Disconnect { code: 1, .. }, Got::Closed]
        ),
        "{got:?}"
    );
    assert_eq!(publish(&mut harness, &mut second, "c", 2).len(), 2);
}

#[test]
fn server_time_runs_and_wraps() {
    let mut harness = Harness::with(|config| config.server_time_at_zero = i32::MAX - 1000);
    let mut peer = harness.connect(dev_server::ServerKind::NameServer, Protocol::V18);
    harness.send_bytes(&peer, &[0xF0, 0, 0, 0, 42]);
    assert_eq!(
        harness.drain(&mut peer),
        [Got::Pong {
            server_time: i32::MAX,
            client_time: 42
        }]
    );
    harness.wait(2);
    harness.send_message(&peer, |bytes| {
        photon_proto::internal::encode_ping_request(
            bytes,
            Protocol::V18,
            &photon_proto::Limits::DEFAULT,
            7,
        )
        .unwrap();
    });
    assert_eq!(
        harness.drain(&mut peer),
        [Got::Pong {
            server_time: i32::MIN + 1,
            client_time: 7
        }]
    );
}
