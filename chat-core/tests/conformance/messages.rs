//! Messages, public and private: items 81 to 97.

use crate::harness::{
    Call, Harness, Line, Seen, each, each_with, encryption_off, objects, strings,
    where_keys_are_exchanged, where_no_keys_are_exchanged,
};
use bytes::Bytes;
use chat_core::{ChatClient, PrivateOptions, PublishOptions, RequestError, State, Value};
use photon_proto::{Array, Custom, Dictionary, Hashtable, Type};

fn on_front_end(test: impl Fn(Harness)) {
    each_with(
        |config| config.user_id("alice"),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            test(harness);
        },
    );
}

fn publish() -> PublishOptions {
    PublishOptions::new()
}

fn privately() -> PrivateOptions {
    PrivateOptions::new()
}

/// Event 0.
pub(crate) fn chat(
    channel: &str,
    senders: &[&str],
    contents: &[Value],
    id: i32,
) -> [(u8, Value); 4] {
    [
        (1, channel.into()),
        (4, strings(senders)),
        (2, objects(contents)),
        (8, Value::Int(id)),
    ]
}

/// Event 2.
fn private(sender: &str, target: &str, content: impl Into<Value>, id: i32) -> [(u8, Value); 4] {
    [
        (5, sender.into()),
        (225, target.into()),
        (3, content.into()),
        (8, Value::Int(id)),
    ]
}

fn cached(client: &ChatClient, channel: &str) -> Vec<Line> {
    client
        .channel(channel)
        .expect("a known channel")
        .messages()
        .map(Line::from)
        .collect()
}

fn private_names(client: &ChatClient) -> Vec<&str> {
    client
        .private_channels()
        .map(|channel| channel.name().as_str())
        .collect()
}

/// One value of every type that both protocols can express.
fn every_type() -> Vec<Value> {
    let hashtable = Hashtable(vec![
        (Value::Byte(1), "one".into()),
        ("two".into(), Value::Null),
    ]);
    vec![
        Value::Bool(true),
        Value::Bool(false),
        Value::Byte(200),
        Value::Short(-2),
        Value::Int(70_000),
        Value::Int(0),
        Value::Long(-5_000_000_000),
        Value::Float(0.1),
        Value::Double(f64::NAN),
        "hello".into(),
        "".into(),
        "ünïcode \u{1F600}".into(),
        Value::Bytes(Bytes::from_static(&[0, 255, 7])),
        Value::Bytes(Bytes::new()),
        vec![true, false, true].into(),
        vec![-1_i16, 2].into(),
        vec![1, i32::MIN].into(),
        vec![1_i64 << 40].into(),
        vec![0.5_f32].into(),
        vec![0.25_f64].into(),
        strings(&["a", "", "ü"]),
        Value::Array(Array::Bytes(vec![Bytes::from_static(&[1]), Bytes::new()])),
        objects(&[]),
        objects(&[
            Value::Null,
            Value::Byte(1),
            "x".into(),
            objects(&[Value::Int(1)]),
        ]),
        Value::Array(Array::Array(vec![
            Array::Int(vec![1]),
            Array::Int(vec![2, 3]),
        ])),
        Value::Hashtable(hashtable.clone()),
        Value::Hashtable(Hashtable::default()),
        Value::Array(Array::Hashtable(vec![hashtable, Hashtable::default()])),
        Value::Dictionary(Dictionary {
            key: Type::String,
            value: Type::Int,
            pairs: vec![("one".into(), Value::Int(1)), ("two".into(), Value::Int(2))],
        }),
        Value::Dictionary(Dictionary {
            key: Type::Object,
            value: Type::Object,
            pairs: vec![
                (Value::Byte(254), Value::Bool(true)),
                ("key".into(), Value::Null),
            ],
        }),
        Value::Custom(Custom {
            code: 100,
            data: Bytes::from_static(&[1, 2, 3]),
        }),
    ]
}

#[test]
fn c081_publish_sends_only_channel_and_content() {
    on_front_end(|mut harness| {
        harness.join(&["general"]);
        assert_eq!(
            harness
                .client
                .publish_message("general", "hello", &publish())
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(2, false, &[(1, "general".into()), (3, "hello".into())]);
        harness.expect_nothing();
    });
}

#[test]
fn c082_web_forward_adds_a_byte_1() {
    on_front_end(|mut harness| {
        let forward = publish().web_forward(true);
        assert_eq!(
            harness
                .client
                .publish_message("general", &7_i32, &forward)
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(
            2,
            false,
            &[
                (1, "general".into()),
                (3, Value::Int(7)),
                (21, Value::Byte(1)),
            ],
        );
        let not = forward.web_forward(false);
        assert_eq!(
            harness
                .client
                .publish_message("general", &7_i32, &not)
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(2, false, &[(1, "general".into()), (3, Value::Int(7))]);
        // The same for private messages. chat.md 3.4
        assert_eq!(
            harness
                .client
                .send_private_message("bob", "x", &privately().web_forward(true))
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(
            3,
            false,
            &[(225, "bob".into()), (3, "x".into()), (21, Value::Byte(1))],
        );
    });
}

#[test]
fn c083_publishing_without_name_or_content_is_rejected() {
    on_front_end(|mut harness| {
        harness.join(&["general"]);
        const NOTHING: Option<&str> = None;
        let calls: [Call; 6] = [
            |client| client.publish_message("", "hello", &publish()).map(drop),
            |client| {
                client
                    .publish_message("general", &Value::Null, &publish())
                    .map(drop)
            },
            |client| {
                client
                    .publish_message("general", &NOTHING, &publish())
                    .map(drop)
            },
            |client| {
                client
                    .send_private_message("", "hello", &privately())
                    .map(drop)
            },
            |client| {
                client
                    .send_private_message("bob", &Value::Null, &privately())
                    .map(drop)
            },
            |client| {
                client
                    .send_private_message("bob", &NOTHING, &privately().encrypt(true))
                    .map(drop)
            },
        ];
        for call in calls {
            let error = harness.refused(call);
            assert!(matches!(error, RequestError::Empty(_)), "{error:?}");
        }
        harness.expect_nothing();
        // A content that cannot be encoded sends no byte, however late the fault shows.
        let late = objects(&["fine".into(), Value::from("x".repeat(32_768).as_str())]);
        let error = harness.refused(|client| client.publish_message("general", &late, &publish()));
        assert!(matches!(error, RequestError::Unencodable(_)), "{error:?}");
        let error = harness.refused(|client| {
            client.send_private_message("bob", &late, &privately().encrypt(true))
        });
        assert!(matches!(error, RequestError::Unencodable(_)), "{error:?}");
        harness.expect_nothing();
        // An empty text is a valid content.
        assert_eq!(
            harness
                .client
                .publish_message("general", "", &publish())
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(2, false, &[(1, "general".into()), (3, "".into())]);
    });
}

#[test]
fn c084_content_of_any_type_survives_the_round_trip() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        for (id, content) in every_type().into_iter().enumerate() {
            let id = i32::try_from(id).expect("few") + 1;
            assert_eq!(
                harness
                    .client
                    .publish_message("a", &content, &publish())
                    .map(drop),
                Ok(())
            );
            harness.pump();
            let sent = harness.expect_request(2, false, &[(1, "a".into()), (3, content.clone())]);
            let Some((3, sent)) = sent.parameters.last().cloned() else {
                panic!("no content")
            };
            harness.raise(0, &chat("a", &["alice"], std::slice::from_ref(&sent), id));
            let line = Line::new("alice", content.clone(), Some(id));
            harness.expect(&[Seen::messages("a", [line.clone()])]);
            assert_eq!(
                cached(&harness.client, "a").last(),
                Some(&harness.row.reported(&line))
            );

            let encrypt = id % 2 == 0;
            assert_eq!(
                harness
                    .client
                    .send_private_message("bob", &content, &privately().encrypt(encrypt))
                    .map(drop),
                Ok(())
            );
            harness.pump();
            harness.expect_request(3, encrypt, &[(225, "bob".into()), (3, content.clone())]);
            harness.encrypt_answers = encrypt;
            harness.raise(2, &private("bob", "alice", content.clone(), id));
            harness.expect(&[Seen::private(
                "bob",
                Line::new("bob", content.clone(), Some(id)),
            )]);
        }
        // All of them in one event, and a null, which only a server can send.
        let contents = [every_type(), vec![Value::Null]].concat();
        let first = i32::try_from(every_type().len()).expect("few") + 1;
        let last = first + i32::try_from(contents.len()).expect("few") - 1;
        harness.raise(0, &chat("a", &vec!["bob"; contents.len()], &contents, last));
        let lines: Vec<Line> = contents
            .into_iter()
            .zip(first..)
            .map(|(content, id)| Line::new("bob", content, Some(id)))
            .collect();
        harness.expect(&[Seen::messages("a", lines)]);
    });
}

#[test]
fn c085_publishing_to_a_channel_that_is_not_subscribed_is_sent() {
    on_front_end(|mut harness| {
        assert!(!harness.client.can_chat_in_channel("elsewhere"));
        assert_eq!(
            harness
                .client
                .publish_message("elsewhere", "hello", &publish())
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(2, false, &[(1, "elsewhere".into()), (3, "hello".into())]);
        harness.expect_nothing();
    });
}

#[test]
fn c086_event_0_is_one_event_with_its_messages_in_order() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        harness.raise(
            0,
            &chat(
                "a",
                &["bob", "carol", "bob"],
                &["one".into(), Value::Int(2), "three".into()],
                7,
            ),
        );
        let lines = [
            Line::new("bob", "one", Some(5)),
            Line::new("carol", Value::Int(2), Some(6)),
            Line::new("bob", "three", Some(7)),
        ];
        harness.expect(&[Seen::messages("a", lines.clone())]);
        assert_eq!(
            harness.client.channel("a").map(chat_core::Channel::last_id),
            Some(7)
        );
        assert_eq!(cached(&harness.client, "a"), lines);
        // Only new messages are reported.
        harness.raise(0, &chat("a", &["bob"], &["four".into()], 8));
        harness.expect(&[Seen::messages("a", [Line::new("bob", "four", Some(8))])]);
        assert_eq!(cached(&harness.client, "a").len(), 4);
        assert_eq!(
            harness.client.channel("a").map(chat_core::Channel::last_id),
            Some(8)
        );
        // Texts in a typed array, parameters in another order, encrypted.
        harness.encrypt_answers = true;
        harness.raise(
            0,
            &[
                (8, Value::Int(10)),
                (2, strings(&["five", "six"])),
                (4, strings(&["x", "y"])),
                (1, "a".into()),
            ],
        );
        harness.expect(&[Seen::messages(
            "a",
            [
                Line::new("x", "five", Some(9)),
                Line::new("y", "six", Some(10)),
            ],
        )]);
    });
}

#[test]
fn c087_event_0_with_lists_of_different_length_has_as_many_messages_as_the_shorter_one() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        harness.raise(
            0,
            &chat("a", &["x", "y", "z"], &["one".into(), "two".into()], 7),
        );
        harness.expect(&[Seen::messages(
            "a",
            [
                Line::new("x", "one", Some(6)),
                Line::new("y", "two", Some(7)),
            ],
        )]);
        harness.raise(
            0,
            &chat(
                "a",
                &["x", "y"],
                &["three".into(), Value::Int(4), "five".into()],
                9,
            ),
        );
        harness.expect(&[Seen::messages(
            "a",
            [
                Line::new("x", "three", Some(8)),
                Line::new("y", Value::Int(4), Some(9)),
            ],
        )]);
        assert_eq!(cached(&harness.client, "a").len(), 4);
        assert_eq!(
            harness.client.channel("a").map(chat_core::Channel::last_id),
            Some(9)
        );
    });
}

#[test]
fn c088_event_0_for_an_unknown_channel_is_dropped() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        let dropped = harness.client.stats().unknown_channel_events;
        harness.raise(0, &chat("elsewhere", &["bob"], &["hi".into()], 1));
        harness.expect_nothing();
        assert!(harness.client.channel("elsewhere").is_none());
        // Also after the user has left.
        harness.raise(6, &[(0, strings(&["a"]))]);
        harness.forget();
        harness.raise(0, &chat("a", &["bob"], &["hi".into()], 1));
        harness.expect_nothing();
        assert_eq!(harness.client.stats().unknown_channel_events, dropped + 2);
        let warned = crate::harness::log_lines()
            .iter()
            .filter(|(level, _)| *level == log::Level::Warn)
            .count();
        assert_eq!(warned, 2);
        // A private conversation is not a public channel.
        harness.raise(2, &private("bob", "alice", "hi", 1));
        harness.forget();
        harness.raise(0, &chat("bob", &["bob"], &["hi".into()], 1));
        harness.expect_nothing();
    });
}

#[test]
fn c089_own_messages_are_reported_only_when_the_server_sends_them_back() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        harness.publish("a", "mine");
        harness
            .client
            .send_private_message("bob", "mine", &privately())
            .expect("on the front end");
        harness.respond(2, 0, None, &[]);
        harness.respond(3, 0, None, &[]);
        harness.expect(&[Seen::response(2, 0, ""), Seen::response(3, 0, "")]);
        harness.advance_ms(60_000);
        harness.expect(&[]);
        assert!(cached(&harness.client, "a").is_empty());
        assert!(private_names(&harness.client).is_empty());
        harness.raise(0, &chat("a", &["alice"], &["mine".into()], 1));
        harness.expect(&[Seen::messages("a", [Line::new("alice", "mine", Some(1))])]);
    });
}

#[test]
fn c090_a_private_message_sends_target_and_content_in_clear() {
    on_front_end(|mut harness| {
        assert_eq!(
            harness
                .client
                .send_private_message("bob", "psst", &privately())
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(3, false, &[(225, "bob".into()), (3, "psst".into())]);
        harness.expect_nothing();
    });
}

/// On links that encrypt by themselves the flag is accepted and has no effect.
#[test]
fn c091_an_encrypted_private_message_needs_keys() {
    where_keys_are_exchanged(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        assert_eq!(
            harness
                .client
                .send_private_message("bob", "psst", &privately().encrypt(true))
                .map(drop),
            Ok(())
        );
        harness.pump();
        let sent = harness.expect_request(3, true, &[(225, "bob".into()), (3, "psst".into())]);
        assert_eq!(sent.raw.get(..2), Some(&[0xF3, 0x82][..]));
        // wire.md 8.2: whole blocks after the two header bytes.
        assert_eq!((sent.raw.len() - 2) % 16, 0);
        assert!(
            !sent.raw.windows(4).any(|part| part == b"psst"),
            "{:02x?}",
            sent.raw
        );
        harness.expect_nothing();
    });
    where_no_keys_are_exchanged(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        assert_eq!(
            harness
                .client
                .send_private_message("bob", "psst", &privately().encrypt(true))
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(3, false, &[(225, "bob".into()), (3, "psst".into())]);
        harness.expect_nothing();
    });
    each_with(encryption_off, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        if !harness.row.exchanges_keys() {
            return; // The flag needs no keys there, with encryption on or off.
        }
        let error = harness.refused(|client| {
            client.send_private_message("bob", "psst", &privately().encrypt(true))
        });
        assert_eq!(error, RequestError::EncryptionUnavailable);
        assert_eq!(
            harness
                .client
                .send_private_message("bob", "hello", &privately())
                .map(drop),
            Ok(())
        );
        harness.pump();
        harness.expect_request(3, false, &[(225, "bob".into()), (3, "hello".into())]);
    });
}

#[test]
fn c092_a_private_message_creates_the_channel_of_its_sender() {
    on_front_end(|mut harness| {
        harness.raise(2, &private("bob", "alice", "hi", 3));
        harness.expect(&[Seen::private("bob", Line::new("bob", "hi", Some(3)))]);
        assert_eq!(private_names(&harness.client), ["bob"]);
        // Without p225 the sender suffices.
        harness.raise(
            2,
            &[(5, "carol".into()), (3, "ho".into()), (8, Value::Int(1))],
        );
        harness.expect(&[Seen::private("carol", Line::new("carol", "ho", Some(1)))]);
        assert_eq!(private_names(&harness.client), ["bob", "carol"]);
        // User ids are case-sensitive. chat.md 9
        harness.raise(2, &private("Alice", "alice", "hey", 1));
        harness.expect(&[Seen::private("Alice", Line::new("Alice", "hey", Some(1)))]);
    });
}

#[test]
fn c093_an_own_private_message_belongs_to_the_channel_of_the_other_user() {
    on_front_end(|mut harness| {
        harness.raise(2, &private("alice", "bob", "hi", 3));
        harness.expect(&[Seen::private("bob", Line::new("alice", "hi", Some(3)))]);
        assert_eq!(private_names(&harness.client), ["bob"]);
        // chat.md 4.2: a message to oneself is in the user's own channel.
        harness.raise(2, &private("alice", "alice", "note", 1));
        harness.expect(&[Seen::private("alice", Line::new("alice", "note", Some(1)))]);
        assert_eq!(private_names(&harness.client), ["bob", "alice"]);
    });
}

#[test]
fn c094_a_private_message_is_stored_with_its_id() {
    on_front_end(|mut harness| {
        harness.raise(2, &private("bob", "alice", "hi", 3));
        harness.raise(2, &private("alice", "bob", Value::Int(7), 4));
        let channel = harness
            .client
            .private_channel("bob")
            .expect("made by the first message");
        assert!(channel.is_private());
        assert_eq!((channel.name().as_str(), channel.last_id()), ("bob", 4));
        let lines: Vec<Line> = channel.messages().map(Line::from).collect();
        assert_eq!(
            lines,
            [
                Line::new("bob", "hi", Some(3)),
                Line::new("alice", Value::Int(7), Some(4))
            ]
        );
        // chat.md 5: the channel stays when the connection to the front end ends.
        harness.close();
        assert_eq!(private_names(&harness.client), ["bob"]);
        assert_eq!(
            harness
                .client
                .private_channel("bob")
                .map(chat_core::Channel::last_id),
            Some(4)
        );
    });
}

#[test]
fn c095_private_channels_are_not_among_the_public_ones() {
    on_front_end(|mut harness| {
        harness.join(&["bob"]);
        harness.raise(2, &private("bob", "alice", "hi", 3));
        harness.raise(2, &private("carol", "alice", "hi", 5));
        let public: Vec<&str> = harness
            .client
            .public_channels()
            .map(|channel| channel.name().as_str())
            .collect();
        assert_eq!(public, ["bob"]);
        // A user and a channel of the same name are different.
        let (public, private) = (
            harness.client.channel("bob"),
            harness.client.private_channel("bob"),
        );
        assert_eq!(
            public.map(|channel| (channel.is_private(), channel.cached_messages())),
            Some((false, 0))
        );
        assert_eq!(
            private.map(|channel| (channel.is_private(), channel.cached_messages())),
            Some((true, 1))
        );
        assert!(harness.client.channel("carol").is_none());
        assert!(!harness.client.can_chat_in_channel("carol"));
    });
}

#[test]
fn c096_clearing_messages_keeps_the_last_id() {
    on_front_end(|mut harness| {
        harness.join(&["a", "bob"]);
        harness.raise(0, &chat("a", &["x", "y"], &["one".into(), "two".into()], 7));
        harness.raise(0, &chat("bob", &["x"], &["public".into()], 1));
        harness.raise(2, &private("bob", "alice", "hi", 3));
        harness.forget();
        assert!(harness.client.clear_messages("a"));
        let channel = harness.client.channel("a").expect("still there");
        assert_eq!(
            (
                channel.cached_messages(),
                channel.messages().count(),
                channel.last_id()
            ),
            (0, 0, 7)
        );
        assert!(channel.is_subscribed());
        assert!(harness.client.clear_private_messages("bob"));
        let channel = harness.client.private_channel("bob").expect("still there");
        assert_eq!((channel.cached_messages(), channel.last_id()), (0, 3));
        assert_eq!(cached(&harness.client, "bob").len(), 1);
        assert!(
            !harness.client.clear_messages("unknown")
                && !harness.client.clear_private_messages("unknown")
        );
        harness.pump();
        harness.expect_nothing();
        // New messages are cached as before.
        harness.raise(0, &chat("a", &["x"], &["three".into()], 8));
        assert_eq!(
            cached(&harness.client, "a"),
            [Line::new("x", "three", Some(8))]
        );
    });
}

#[test]
fn c097_a_full_cache_drops_the_oldest() {
    let one_by_one = |harness: &mut Harness| {
        for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
            harness.raise(0, &chat("a", &["bob"], &[text.into()], id));
            harness.raise(2, &private("bob", "alice", text, id));
        }
    };
    let at_once = |harness: &mut Harness| {
        harness.raise(
            0,
            &chat(
                "a",
                &["bob", "bob", "bob"],
                &["one".into(), "two".into(), "three".into()],
                3,
            ),
        );
        for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
            harness.raise(2, &private("bob", "alice", text, id));
        }
    };
    let fill: [&dyn Fn(&mut Harness); 2] = [&one_by_one, &at_once];
    for fill in fill {
        for (cap, kept) in [
            (2, &["two", "three"][..]),
            (1, &["three"]),
            (3, &["one", "two", "three"]),
            (0, &[]),
        ] {
            each_with(
                |config| config.user_id("alice").channel_cache_messages(cap),
                |mut harness| {
                    harness.go_to(State::ConnectedToFrontEnd);
                    harness.join(&["a"]);
                    fill(&mut harness);
                    // All messages are reported, whatever the cache keeps.
                    let reported =
                        harness
                            .take_events()
                            .iter()
                            .map(Seen::from)
                            .fold(0, |reported, seen| match seen {
                                Seen::Messages { lines, .. } => reported + lines.len(),
                                Seen::Private { .. } => reported + 1,
                                other => panic!("{other:?}"),
                            });
                    assert_eq!(reported, 6);
                    let texts = |channel: &chat_core::Channel| {
                        assert_eq!(
                            (channel.last_id(), channel.cached_messages()),
                            (3, kept.len())
                        );
                        channel
                            .messages()
                            .map(|line| line.content.to_value())
                            .collect::<Vec<_>>()
                    };
                    let kept: Vec<Value> = kept.iter().map(|&text| text.into()).collect();
                    assert_eq!(harness.client.channel("a").map(texts), Some(kept.clone()));
                    assert_eq!(harness.client.private_channel("bob").map(texts), Some(kept));
                },
            );
        }
    }
    // All caches share a cap in bytes: the oldest messages are dropped first, in any channel.
    each_with(
        |config| config.cache_cap_bytes(2_000),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["a", "b"]);
            let text = "x".repeat(300);
            for id in 1..=20 {
                harness.raise(
                    0,
                    &chat(
                        if id <= 10 { "a" } else { "b" },
                        &["bob"],
                        &[text.as_str().into()],
                        id,
                    ),
                );
                assert!(harness.client.stats().cached_bytes <= 2_000);
            }
            assert_eq!(cached(&harness.client, "a"), []);
            let kept: Vec<Option<i32>> = cached(&harness.client, "b")
                .iter()
                .map(|line| line.id)
                .collect();
            assert!(
                kept.len() > 2 && kept.len() < 7 && kept.ends_with(&[Some(19), Some(20)]),
                "{kept:?}"
            );
            assert_eq!(
                harness.client.channel("a").map(chat_core::Channel::last_id),
                Some(10)
            );
        },
    );
    // The default is 100, as many as the server keeps. chat.md 5
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        for id in 1..=101 {
            harness.raise(0, &chat("a", &["bob"], &[Value::Int(id)], id));
        }
        let lines = cached(&harness.client, "a");
        assert_eq!(
            (lines.len(), lines.first()),
            (100, Some(&Line::new("bob", Value::Int(2), Some(2))))
        );
    });
}

#[test]
fn sound02_an_id_below_one_or_no_id_leaves_the_last_id_alone() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        let ids = |harness: &Harness| {
            (
                harness.client.channel("a").map(chat_core::Channel::last_id),
                harness
                    .client
                    .private_channel("bob")
                    .map(chat_core::Channel::last_id),
            )
        };
        // Before any message with an id, too.
        for (bad, known) in [(0, 0), (-1, 0), (7, 7), (0, 7), (-1, 7), (i32::MIN, 7)] {
            harness.raise(0, &chat("a", &["bob"], &["x".into()], bad));
            harness.raise(2, &private("bob", "alice", "x", bad));
            assert_eq!(ids(&harness), (Some(known), Some(known)), "after id {bad}");
        }
        harness.raise(0, &chat("a", &["bob"], &["x".into()], 7)[..3]);
        harness.raise(2, &private("bob", "alice", "x", 7)[..3]);
        assert_eq!(ids(&harness), (Some(7), Some(7)));
        // All of them were delivered nevertheless.
        assert_eq!(harness.take_events().len(), 14);
        // Nothing with the id of a message arrived, so the position stays.
        for id in [3, 99] {
            harness.raise(0, &chat("a", &[], &[], id));
        }
        assert_eq!(ids(&harness), (Some(7), Some(7)));
    });
}

#[test]
fn sound02_the_last_id_grows_in_one_life_and_begins_again_in_the_next() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        // A repeat of the newest message belongs to the same life. An id below the last one always
        // means a new life: chat.md 4.1.
        for id in [1, 5, 5, 6, 2, 3, 3, 100, 1] {
            harness.raise(0, &chat("a", &["bob"], &["x".into()], id));
            harness.raise(2, &private("bob", "alice", "x", id));
            // The client asks for what is missing, and the server has nothing. Answers could arrive
            // within twice the waiting time.
            harness.advance_ms(4_000);
            let public = harness.client.channel("a").map(chat_core::Channel::last_id);
            let private = harness.client.private_channel("bob");
            assert_eq!(public, Some(id));
            assert_eq!(private.map(chat_core::Channel::last_id), Some(id));
        }
    });
}
