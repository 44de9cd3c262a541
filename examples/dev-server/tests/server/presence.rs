//! Status, friends, subscriber lists and properties.

use photon_proto::{Dictionary, Hashtable, Protocol, Type, Value};

use crate::harness::{Got, Harness, Peer, event, ok, response, subscribed, texts};

fn status(user: &str, status: i32, message: Option<Value>) -> Got {
    let mut parameters = vec![(5, user.into()), (10, Value::Int(status))];
    parameters.extend(message.map(|message| (3, message)));
    event(4, parameters)
}

fn watch(harness: &mut Harness, peer: &mut Peer, friends: &[&str]) -> Vec<Got> {
    let got = harness.ask(peer, 6, vec![(11, texts(friends))]);
    assert_eq!(got[0], ok(6));
    got[1..].to_vec()
}

#[test]
fn friends_see_each_status_and_its_message() {
    let mut harness = Harness::new();
    let [mut alice, mut bob] = ["alice", "bob"].map(|user| harness.enter(user, Protocol::V18));
    let mut bob_too = harness.enter("bob", Protocol::V16);
    assert_eq!(
        watch(&mut harness, &mut bob, &["alice", "nobody"]),
        [status("alice", 0, None), status("nobody", 0, None)]
    );
    harness.drain(&mut bob_too);
    let mut set = |parameters: Vec<(u8, Value)>| {
        assert_eq!(harness.ask(&mut alice, 5, parameters), [ok(5)]);
        let got = harness.drain(&mut bob);
        assert_eq!(harness.drain(&mut bob_too), got);
        got
    };
    let int = |number: i32| (10, Value::Int(number));
    assert_eq!(
        set(vec![int(2), (3, "hi".into())]),
        [status("alice", 2, Some("hi".into()))]
    );
    assert_eq!(
        set(vec![int(3), (12, Value::Bool(true))]),
        [status("alice", 3, None)]
    );
    assert_eq!(
        set(vec![int(2), (3, Value::Null)]),
        [status("alice", 2, Some(Value::Null))]
    );
    assert_eq!(
        set(vec![int(77), (3, "x".into())]),
        [status("alice", 77, Some("x".into()))]
    );
    assert_eq!(
        set(vec![int(1), (3, "secret".into())]),
        [status("alice", 0, None)]
    );
    assert_eq!(
        set(vec![int(4), (12, Value::Bool(true))]),
        [status("alice", 4, None)]
    );
    assert_eq!(
        harness.ask(&mut alice, 5, vec![(3, "x".into())])[0].return_code(5),
        -2
    );
    // The status message was dropped when the user became invisible.
    let mut dave = harness.enter("dave", Protocol::V18);
    assert_eq!(
        watch(&mut harness, &mut dave, &["alice"]),
        [status("alice", 4, None)]
    );
    // A new friend receives the present status; an invisible user looks absent.
    harness.ask(&mut alice, 5, vec![int(2), (3, "back".into())]);
    let mut carol = harness.enter("carol", Protocol::V18);
    assert_eq!(
        watch(&mut harness, &mut carol, &["alice"]),
        [status("alice", 2, Some("back".into()))]
    );
    assert_eq!(
        harness.ask(&mut carol, 7, vec![(11, texts(&["alice"]))]),
        [ok(7)]
    );
    harness.drain(&mut bob);
    harness.hang_up(alice);
    assert_eq!(harness.drain(&mut bob), [status("alice", 0, None)]);
    assert_eq!(harness.drain(&mut carol), []);
}

#[test]
fn friends_see_logins_and_logouts_as_the_switches_require() {
    let mut harness = Harness::with(|config| {
        config.status_on_login = true;
        config.report_offline_friends = false;
        config.silence_timeout_ms = 0;
    });
    let mut bob = harness.enter("bob", Protocol::V18);
    assert_eq!(watch(&mut harness, &mut bob, &["alice"]), []);
    let alice = harness.enter("alice", Protocol::V18);
    assert_eq!(harness.drain(&mut bob), [status("alice", 2, None)]);
    let second = harness.enter("alice", Protocol::V18);
    harness.hang_up(alice);
    assert_eq!(harness.drain(&mut bob), []);
    harness.hang_up(second);
    assert_eq!(harness.drain(&mut bob), [status("alice", 0, None)]);
}

#[test]
fn the_friend_list_is_dropped_with_the_last_connection() {
    let mut harness = Harness::new();
    let mut bob = harness.enter("bob", Protocol::V18);
    watch(&mut harness, &mut bob, &["alice"]);
    harness.hang_up(bob);
    let mut bob = harness.enter("bob", Protocol::V18);
    let mut alice = harness.enter("alice", Protocol::V18);
    harness.ask(&mut alice, 5, vec![(10, Value::Int(2))]);
    assert_eq!(harness.drain(&mut bob), []);
    let many: Vec<String> = (0..513).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        harness.ask(&mut bob, 6, vec![(11, texts(&many))])[0].return_code(6),
        -2
    );
    assert_eq!(watch(&mut harness, &mut bob, &many[..512]).len(), 512);
}

fn untyped(pairs: Vec<(Value, Value)>) -> Value {
    Value::Dictionary(Dictionary {
        key: Type::Object,
        value: Type::Object,
        pairs,
    })
}

fn publishing(max: i32) -> Vec<(Value, Value)> {
    vec![
        (Value::Byte(254), Value::Bool(true)),
        (Value::Byte(255), Value::Int(max)),
    ]
}

fn listed(channel: &str, max: i32, others: &[&str]) -> Got {
    let results = Value::from(vec![true]);
    event(
        5,
        [
            (0, texts(&[channel])),
            (15, results),
            (22, untyped(publishing(max))),
            (23, texts(others)),
        ],
    )
}

#[test]
fn a_publishing_channel_announces_its_subscribers_and_can_be_full() {
    let mut harness = Harness::new();
    let [mut alice, mut bob, mut carol] =
        ["alice", "bob", "carol"].map(|user| harness.enter(user, Protocol::V18));
    let create = vec![(0, texts(&["p"])), (22, untyped(publishing(2)))];
    assert_eq!(
        harness.ask(&mut alice, 0, create),
        [ok(0), listed("p", 2, &[])]
    );
    let join = || vec![(0, texts(&["p"])), (22, untyped(publishing(50)))];
    assert_eq!(
        harness.ask(&mut bob, 0, join()),
        [ok(0), listed("p", 2, &["alice"])]
    );
    let about = |code: u8, user: &str| event(code, [(1, "p".into()), (225, user.into())]);
    assert_eq!(harness.drain(&mut alice), [about(8, "bob")]);
    assert_eq!(
        harness.ask(&mut carol, 0, join()),
        [ok(0), subscribed(&[("p", false)])]
    );
    assert_eq!(
        harness.ask(&mut bob, 0, join()),
        [ok(0), listed("p", 2, &["alice"])]
    );
    assert_eq!(harness.drain(&mut alice), []);
    harness.ask(&mut bob, 1, vec![(0, texts(&["p"]))]);
    assert_eq!(harness.drain(&mut alice), [about(9, "bob")]);
    assert_eq!(
        harness.ask(&mut carol, 0, join()),
        [ok(0), listed("p", 2, &["alice"])]
    );
    harness.drain(&mut alice);
    harness.hang_up(carol);
    assert_eq!(harness.drain(&mut alice), [about(9, "carol")]);
    // With several channels the event has no properties, and none are set.
    let several = vec![(0, texts(&["p", "q"])), (22, untyped(publishing(1)))];
    assert_eq!(
        harness.ask(&mut alice, 0, several),
        [ok(0), subscribed(&[("p", true), ("q", true)])]
    );
    assert_eq!(
        harness.ask(&mut bob, 0, vec![(0, texts(&["q"]))]),
        [ok(0), subscribed(&[("q", true)])]
    );
}

#[test]
fn properties_change_only_if_the_expected_values_match() {
    let mut harness = Harness::with(|config| config.properties = true);
    let [mut alice, mut bob] = ["alice", "bob"].map(|user| harness.enter(user, Protocol::V18));
    let join = || vec![(0, texts(&["c"]))];
    harness.ask(&mut alice, 0, join());
    let set = |parameters: &[(u8, Value)]| [&[(1, "c".into())], parameters].concat();
    let changes = |value: i32| {
        (
            22,
            Value::from([("k", value)].into_iter().collect::<Hashtable>()),
        )
    };
    let all = (26, Value::Bool(true));
    assert_eq!(
        harness.ask(&mut bob, 8, set(&[changes(1)]))[0].return_code(8),
        -3
    );
    let changed = |value: i32| {
        let pairs = vec![("k".into(), Value::Int(value))];
        event(
            7,
            [(1, "c".into()), (5, "alice".into()), (22, untyped(pairs))],
        )
    };
    assert_eq!(
        harness.ask(&mut alice, 8, set(&[changes(1), all.clone()])),
        [ok(8), changed(1)]
    );
    assert_eq!(harness.ask(&mut alice, 8, set(&[changes(2)])), [ok(8)]);
    let expect = |value: i32| (25, untyped(vec![("k".into(), Value::Int(value))]));
    assert_eq!(
        harness.ask(&mut alice, 8, set(&[changes(3), expect(1)]))[0].return_code(8),
        -2
    );
    assert_eq!(
        harness.ask(&mut alice, 8, set(&[changes(3), expect(2), all.clone()])),
        [ok(8), changed(3)]
    );
    let absent = (25, untyped(vec![("other".into(), Value::Null)]));
    assert_eq!(
        harness.ask(&mut alice, 8, set(&[changes(4), absent])),
        [ok(8)]
    );
    assert_eq!(harness.ask(&mut alice, 8, set(&[]))[0].return_code(8), -2);

    let user = (225, Value::from("alice"));
    let got = harness.ask(&mut alice, 8, set(&[changes(9), user.clone(), all]));
    assert_eq!(got[1].parameter(225), Some(&"alice".into()));
    let stranger = (225, Value::from("bob"));
    assert_eq!(
        harness.ask(&mut alice, 8, set(&[changes(9), stranger]))[0].return_code(8),
        -3
    );
    let got = harness.ask(&mut bob, 0, join());
    assert_eq!(
        got[1].parameter(22),
        Some(&untyped(vec![("k".into(), Value::Int(4))]))
    );
    let properties = untyped(vec![("k".into(), Value::Int(9))]);
    let by_user = Dictionary {
        key: Type::String,
        value: Type::Object,
        pairs: vec![("alice".into(), properties)],
    };
    assert_eq!(got[1].parameter(28), Some(&Value::Dictionary(by_user)));

    let much = (
        22,
        untyped(vec![("k".into(), Value::from(vec![0_u8; 100_000]))]),
    );
    let refused = harness.ask(&mut alice, 8, set(&[much]));
    assert_eq!(
        refused,
        [response(8, -2, "properties are limited to 65536 bytes")]
    );
}

#[test]
fn a_refused_user_property_leaves_nothing_behind() {
    let mut harness = Harness::with(|config| config.properties = true);
    let [mut alice, mut bob] = ["alice", "bob"].map(|user| harness.enter(user, Protocol::V18));
    harness.ask(&mut alice, 0, vec![(0, texts(&["c"]))]);
    let pairs = |value: i32| untyped(vec![("k".into(), Value::Int(value))]);
    let change = vec![
        (1, "c".into()),
        (22, pairs(1)),
        (25, pairs(2)),
        (225, "alice".into()),
    ];
    assert_eq!(harness.ask(&mut alice, 8, change)[0].return_code(8), -2);
    let got = harness.ask(&mut bob, 0, vec![(0, texts(&["c"]))]);
    assert_eq!(got, [ok(0), subscribed(&[("c", true)])]);
}
