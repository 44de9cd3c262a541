//! Who is in a channel, and its properties: items 66 to 68, 73 to 75 and 106 to 108.

use crate::harness::{ALL_STATES, Harness, Seen, bools, each, each_with, strings};
use chat_core::{Channel, PropertyOptions, RequestError, State, SubscribeOptions, Value};
use photon_proto::{Dictionary, Hashtable, Type};

fn options() -> SubscribeOptions {
    SubscribeOptions::new()
}

fn on_front_end(test: impl Fn(Harness)) {
    each_with(
        |config| config.user_id("alice"),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            test(harness);
        },
    );
}

/// A Dictionary of object to object.
fn dictionary(pairs: &[(Value, Value)]) -> Value {
    Value::Dictionary(Dictionary {
        key: Type::Object,
        value: Type::Object,
        pairs: pairs.to_vec(),
    })
}

fn hashtable(pairs: &[(Value, Value)]) -> Value {
    Value::Hashtable(Hashtable(pairs.to_vec()))
}

const PUBLISH: (Value, Value) = (Value::Byte(254), Value::Bool(true));

fn most(subscribers: i32) -> (Value, Value) {
    (Value::Byte(255), Value::Int(subscribers))
}

fn channel<'r>(harness: &'r Harness, name: &str) -> &'r Channel {
    harness.client.channel(name).expect("a known channel")
}

fn subscribers<'r>(harness: &'r Harness, name: &str) -> Vec<&'r str> {
    channel(harness, name)
        .subscribers()
        .map(|user| user.as_str())
        .collect()
}

/// The server confirms a subscription of a channel that publishes its subscribers.
fn in_publishing_channel(harness: &mut Harness, name: &str, most_subscribers: i32) {
    let properties = dictionary(&[PUBLISH, most(most_subscribers)]);
    harness.raise(
        5,
        &[
            (0, strings(&[name])),
            (15, bools(&[true])),
            (22, properties),
            (23, strings(&["x"])),
        ],
    );
    harness.forget();
}

#[track_caller]
fn sent_with(options: &SubscribeOptions, properties: Option<&[(Value, Value)]>) {
    on_front_end(|mut harness| {
        harness
            .client
            .subscribe(["a"], options)
            .expect("on the front end");
        harness.pump();
        let mut expected = vec![(0, strings(&["a"]))];
        expected.extend(properties.map(|pairs| (22, dictionary(pairs))));
        harness.expect_request(0, false, &expected);
        harness.expect_nothing();
    });
}

#[test]
fn c066_creation_options_are_properties_with_byte_keys() {
    sent_with(
        &options().publish_subscribers(true).max_subscribers(50),
        Some(&[PUBLISH, most(50)]),
    );
    // chat.md 3.1: without a maximum only the other property is sent.
    sent_with(&options().publish_subscribers(true), Some(&[PUBLISH]));
    sent_with(
        &options().publish_subscribers(true).max_subscribers(100),
        Some(&[PUBLISH, most(100)]),
    );
    sent_with(
        &options().publish_subscribers(false).max_subscribers(0),
        None,
    );
}

#[test]
fn c067_a_publishing_channel_takes_at_most_100() {
    on_front_end(|mut harness| {
        let many = options().publish_subscribers(true).max_subscribers(101);
        let error = harness.refused(|client| client.subscribe(["a"], &many));
        assert!(
            matches!(error, RequestError::CreationOptions(_)),
            "{error:?}"
        );
        // chat.md 3.1: the client rejects a negative maximum, as the C# client does.
        for publish in [false, true] {
            let negative = options().publish_subscribers(publish).max_subscribers(-1);
            let error = harness.refused(|client| client.subscribe(["a"], &negative));
            assert!(
                matches!(error, RequestError::CreationOptions(_)),
                "{error:?}"
            );
        }
        harness.expect_nothing();
    });
    sent_with(&options().max_subscribers(101), Some(&[most(101)]));
    sent_with(
        &options().max_subscribers(i32::MAX),
        Some(&[most(i32::MAX)]),
    );
}

#[test]
fn c068_creation_options_are_for_one_channel() {
    on_front_end(|mut harness| {
        for options in [
            options().publish_subscribers(true),
            options().max_subscribers(5),
        ] {
            let error = harness.refused(|client| client.subscribe(["a", "b"], &options));
            assert!(
                matches!(error, RequestError::CreationOptions(_)),
                "{error:?}"
            );
        }
        harness.expect_nothing();
    });
}

#[test]
fn c073_the_properties_of_one_channel_set_its_flags() {
    // A Dictionary or a Hashtable: the client accepts both. chat.md 12
    for map in [dictionary as fn(&[(Value, Value)]) -> Value, hashtable] {
        on_front_end(|mut harness| {
            let properties = [PUBLISH, most(10), ("topic".into(), "rust".into())];
            harness.raise(
                5,
                &[
                    (0, strings(&["a"])),
                    (15, bools(&[true])),
                    (22, map(&properties)),
                ],
            );
            let a = channel(&harness, "a");
            assert_eq!((a.publishes_subscribers(), a.max_subscribers()), (true, 10));
            assert_eq!(a.property(&"topic".into()), Some(&"rust".into()));
            assert_eq!(a.properties().count(), 3);
        });
    }
    // Without properties no flag is set.
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        let a = channel(&harness, "a");
        assert_eq!(
            (
                a.publishes_subscribers(),
                a.max_subscribers(),
                a.properties().count()
            ),
            (false, 0, 0)
        );
    });
    // chat.md 4.4: each confirmation replaces them. A refusal changes nothing.
    on_front_end(|mut harness| {
        in_publishing_channel(&mut harness, "a", 10);
        harness.raise(
            5,
            &[
                (0, strings(&["a"])),
                (15, bools(&[false])),
                (22, dictionary(&[most(99)])),
            ],
        );
        assert_eq!(channel(&harness, "a").max_subscribers(), 10);
        harness.raise(
            5,
            &[
                (0, strings(&["a"])),
                (15, bools(&[true])),
                (22, dictionary(&[most(20)])),
            ],
        );
        let a = channel(&harness, "a");
        assert_eq!(
            (a.publishes_subscribers(), a.max_subscribers()),
            (false, 20)
        );
        assert!(subscribers(&harness, "a").is_empty());
    });
}

#[test]
fn c074_properties_beside_two_channels_are_ignored() {
    on_front_end(|mut harness| {
        let properties = dictionary(&[PUBLISH, most(10)]);
        let event = [
            (0, strings(&["a", "b"])),
            (15, bools(&[true, true])),
            (22, properties),
            (23, strings(&["x"])),
        ];
        harness.raise(5, &event);
        for name in ["a", "b"] {
            let one = channel(&harness, name);
            assert_eq!(
                (
                    one.publishes_subscribers(),
                    one.max_subscribers(),
                    one.properties().count()
                ),
                (false, 0, 0)
            );
            assert!(subscribers(&harness, name).is_empty());
        }
    });
}

#[test]
fn c075_the_subscribers_of_a_publishing_channel_include_the_user() {
    on_front_end(|mut harness| {
        let event = [
            (0, strings(&["a"])),
            (15, bools(&[true])),
            (22, dictionary(&[PUBLISH])),
            (23, strings(&["x"])),
            (
                28,
                dictionary(&[("x".into(), dictionary(&[("level".into(), Value::Int(3))]))]),
            ),
        ];
        harness.raise(5, &event);
        assert_eq!(subscribers(&harness, "a"), ["alice", "x"]);
        let properties: Vec<_> = channel(&harness, "a").user_properties("x").collect();
        assert_eq!(properties, [(&"level".into(), &Value::Int(3))]);
        // Without publishing the user is not added.
        harness.raise(5, &[(0, strings(&["b"])), (15, bools(&[true]))]);
        assert!(subscribers(&harness, "b").is_empty());
    });
}

#[test]
fn c106_users_who_enter_and_leave_change_the_subscribers() {
    on_front_end(|mut harness| {
        in_publishing_channel(&mut harness, "a", 10);
        harness.raise(8, &[(1, "a".into()), (225, "bob".into())]);
        harness.expect(&[Seen::entered("a", "bob")]);
        assert_eq!(subscribers(&harness, "a"), ["alice", "bob", "x"]);
        harness.raise(9, &[(1, "a".into()), (225, "x".into())]);
        harness.expect(&[Seen::left("a", "x")]);
        assert_eq!(subscribers(&harness, "a"), ["alice", "bob"]);
        // A duplicate has no effect.
        harness.raise(8, &[(1, "a".into()), (225, "bob".into())]);
        harness.expect(&[Seen::entered("a", "bob")]);
        assert_eq!(subscribers(&harness, "a"), ["alice", "bob"]);
        // A user with properties.
        let properties = vec![("level".into(), Value::Int(3))];
        harness.raise(
            8,
            &[
                (1, "a".into()),
                (225, "eve".into()),
                (28, dictionary(&properties)),
            ],
        );
        harness.expect(&[Seen::Entered {
            channel: "a".into(),
            user: "eve".into(),
            properties,
        }]);
        assert_eq!(channel(&harness, "a").user_properties("eve").count(), 1);
        harness.raise(9, &[(1, "a".into()), (225, "eve".into())]);
        harness.forget();
        assert_eq!(channel(&harness, "a").user_properties("eve").count(), 0);
    });
    // chat.md 4.7: for an unknown channel or user they are reported all the same, with a log line.
    on_front_end(|mut harness| {
        in_publishing_channel(&mut harness, "a", 10);
        harness.join(&["silent"]);
        for (name, user, code) in [
            ("zzz", "bob", 8),
            ("zzz", "bob", 9),
            ("a", "nobody", 9),
            ("silent", "bob", 8),
        ] {
            let lines = crate::harness::warnings();
            harness.raise(code, &[(1, name.into()), (225, user.into())]);
            harness.expect(&[if code == 8 {
                Seen::entered(name, user)
            } else {
                Seen::left(name, user)
            }]);
            assert_eq!(crate::harness::warnings(), lines + 1);
        }
        assert!(harness.client.channel("zzz").is_none());
        assert_eq!(subscribers(&harness, "a"), ["alice", "x"]);
        harness.expect_nothing();
    });
}

#[test]
fn c107_with_maximum_0_any_number_of_subscribers_is_accepted() {
    on_front_end(|mut harness| {
        in_publishing_channel(&mut harness, "a", 0);
        let lines = crate::harness::warnings();
        for number in 0..150 {
            harness.raise(8, &[(1, "a".into()), (225, format!("user{number}").into())]);
        }
        assert_eq!(harness.take_events().len(), 150);
        assert_eq!(channel(&harness, "a").subscribers().len(), 152);
        assert_eq!(crate::harness::warnings(), lines);
    });
    // chat.md 4.7: a subscriber above the maximum is kept, with a log line.
    on_front_end(|mut harness| {
        in_publishing_channel(&mut harness, "a", 2);
        let lines = crate::harness::warnings();
        harness.raise(8, &[(1, "a".into()), (225, "one-too-many".into())]);
        harness.expect(&[Seen::entered("a", "one-too-many")]);
        assert_eq!(subscribers(&harness, "a"), ["alice", "one-too-many", "x"]);
        assert_eq!(crate::harness::warnings(), lines + 1);
    });
}

#[test]
fn c108_a_null_value_removes_the_property() {
    on_front_end(|mut harness| {
        let first = [
            PUBLISH,
            most(10),
            ("topic".into(), "rust".into()),
            ("level".into(), Value::Int(1)),
        ];
        harness.raise(
            5,
            &[
                (0, strings(&["a"])),
                (15, bools(&[true])),
                (22, dictionary(&first)),
            ],
        );
        harness.forget();
        let changes = vec![
            ("topic".into(), Value::Null),
            ("level".into(), Value::Int(2)),
        ];
        harness.raise(
            7,
            &[
                (1, "a".into()),
                (5, "bob".into()),
                (22, dictionary(&changes)),
            ],
        );
        harness.expect(&[Seen::Properties {
            channel: "a".into(),
            user: None,
            by: "bob".into(),
            properties: changes,
        }]);
        let a = channel(&harness, "a");
        assert_eq!(
            (a.property(&"topic".into()), a.property(&"level".into())),
            (None, Some(&Value::Int(2)))
        );
        assert_eq!(a.properties().count(), 3);
        // chat.md 4.6: properties with a fixed meaning change the flags.
        let changes = vec![(Value::Byte(254), Value::Null), most(5)];
        harness.raise(
            7,
            &[
                (1, "a".into()),
                (5, "bob".into()),
                (22, hashtable(&changes)),
            ],
        );
        let a = channel(&harness, "a");
        assert_eq!((a.publishes_subscribers(), a.max_subscribers()), (false, 5));
        harness.forget();
        // With p225 they are properties of that user.
        for (value, left) in [(Value::Int(3), 1), (Value::Null, 0)] {
            let changes = vec![("rank".into(), value)];
            let event = [
                (1, "a".into()),
                (5, "bob".into()),
                (225, "eve".into()),
                (22, dictionary(&changes)),
            ];
            harness.raise(7, &event);
            harness.expect(&[Seen::Properties {
                channel: "a".into(),
                user: Some("eve".into()),
                by: "bob".into(),
                properties: changes,
            }]);
            assert_eq!(channel(&harness, "a").user_properties("eve").count(), left);
        }
        assert!(channel(&harness, "a").property(&"rank".into()).is_none());
        // An unknown channel: dropped with a warning.
        let dropped = harness.client.stats().unknown_channel_events;
        harness.raise(
            7,
            &[
                (1, "zzz".into()),
                (5, "bob".into()),
                (22, dictionary(&[("x".into(), Value::Null)])),
            ],
        );
        harness.expect_nothing();
        assert_eq!(harness.client.stats().unknown_channel_events, dropped + 1);
    });
}

/// chat.md 3.8.
#[test]
fn setting_properties_sends_the_changes_and_the_broadcast_flag() {
    let changes = [
        ("topic".into(), Value::from("rust")),
        (Value::Byte(255), Value::Int(9)),
        ("old".into(), Value::Null),
    ];
    on_front_end(|mut harness| {
        let base = [
            (1, "a".into()),
            (22, dictionary(&changes)),
            (26, Value::Bool(true)),
        ];
        assert_eq!(
            harness
                .client
                .set_channel_properties("a", &changes, &PropertyOptions::new()),
            Ok(())
        );
        harness.pump();
        harness.expect_request(8, false, &base);
        assert_eq!(
            harness
                .client
                .set_user_properties("a", "bob", &changes, &PropertyOptions::new()),
            Ok(())
        );
        harness.pump();
        harness.expect_request(8, false, &[&base[..], &[(225, "bob".into())]].concat());
        let expected = [("topic".into(), Value::Null)];
        let options = PropertyOptions::new()
            .expected(expected.clone())
            .web_forward(true);
        assert_eq!(
            harness
                .client
                .set_channel_properties("a", &changes, &options),
            Ok(())
        );
        harness.pump();
        let more = [(21, Value::Byte(1)), (25, dictionary(&expected))];
        harness.expect_request(8, false, &[&base[..], &more].concat());
        harness.expect_nothing();
        // A compare-and-swap that failed.
        harness.respond(8, -1, Some("not as expected"), &[]);
        harness.expect(&[Seen::response(8, -1, "not as expected")]);

        let none = PropertyOptions::new();
        for error in [
            harness.refused(|client| client.set_channel_properties("", &changes, &none)),
            harness.refused(|client| client.set_channel_properties("a", &[], &none)),
            harness.refused(|client| client.set_user_properties("a", "", &changes, &none)),
            harness.refused(|client| client.set_user_properties("", "bob", &changes, &none)),
            harness.refused(|client| client.set_user_properties("a", "bob", &[], &none)),
        ] {
            assert!(matches!(error, RequestError::Empty(_)), "{error:?}");
        }
    });
    for state in ALL_STATES
        .into_iter()
        .filter(|&state| state != State::ConnectedToFrontEnd)
    {
        each(|mut harness| {
            harness.go_to(state);
            let options = PropertyOptions::new();
            let error =
                harness.refused(|client| client.set_channel_properties("a", &changes, &options));
            assert_eq!(error, RequestError::WrongState(state));
            let error = harness
                .refused(|client| client.set_user_properties("a", "bob", &changes, &options));
            assert_eq!(error, RequestError::WrongState(state));
        });
    }
}

/// chat.md 5: `forget_channels` drops all channels.
#[test]
fn forgetting_the_channels_leaves_none() {
    on_front_end(|mut harness| {
        in_publishing_channel(&mut harness, "a", 10);
        harness.raise(
            2,
            &[(5, "bob".into()), (3, "hi".into()), (8, Value::Int(4))],
        );
        harness.client.disconnect();
        harness.pump();
        harness.forget();
        harness.client.forget_channels();
        harness.pump();
        harness.expect_nothing();
        assert!(
            harness.client.channel("a").is_none()
                && harness.client.private_channel("bob").is_none()
        );
        assert_eq!(
            (
                harness.client.private_channels().count(),
                harness.client.stats().cached_bytes
            ),
            (0, 0)
        );
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        assert_eq!(channel(&harness, "a").last_id(), 0);
    });
}
