//! One element that cannot be decoded spoils only itself.

use crate::harness::{Harness, Line, Seen, bools, each_with, objects, outcomes, strings};
use chat_core::{
    Content, DecodeErrorKind, Dictionary, Event, Messages, Outcome, Protocol, State, StatusChange,
    UserStatus, Value,
};

/// Stands in an ordinary message for the element that a test replaces.
const PLACE: &str = "<the place>";

fn on_front_end(test: impl Fn(Harness)) {
    each_with(
        |config| config.user_id("alice"),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["general"]);
            test(harness);
        },
    );
}

/// Undecodable encodings of one value: GpBinary 1.6, 1.8, and JSON. A protocol without one has
/// no such fault.
#[derive(Clone, Copy)]
struct Bad {
    name: &'static str,
    kind: DecodeErrorKind,
    v16: fn() -> Option<Vec<u8>>,
    v18: fn() -> Option<Vec<u8>>,
    json: fn() -> Option<String>,
}

/// `levels` object arrays, each in the one before.
fn nested(levels: usize, v16: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..levels {
        bytes.extend(if v16 { &[b'z', 0, 1][..] } else { &[23, 1] });
    }
    bytes.push(if v16 { b'*' } else { 8 });
    bytes
}

/// Values whose end is known although they cannot be decoded.
fn bad_values() -> Vec<Bad> {
    let none_json = || None;
    vec![
        Bad {
            name: "text with half a surrogate pair",
            kind: DecodeErrorKind::NotUtf8,
            v16: || Some(b"s\x00\x07cut \xED\xA0\xBD".to_vec()),
            v18: || Some(b"\x07\x07cut \xED\xA0\xBD".to_vec()),
            json: none_json,
        },
        Bad {
            name: "a bad text in an array",
            kind: DecodeErrorKind::NotUtf8,
            v16: || Some(b"a\x00\x02\x00\x01x\x00\x01\xFF".to_vec()),
            v18: || Some(b"\x47\x02\x01x\x01\xFF".to_vec()),
            json: none_json,
        },
        Bad {
            name: "a bad text in a map",
            kind: DecodeErrorKind::NotUtf8,
            v16: || Some(b"h\x00\x01s\x00\x01ks\x00\x01\xFF".to_vec()),
            v18: || Some(b"\x15\x01\x07\x01k\x07\x01\xFF".to_vec()),
            json: none_json,
        },
        Bad {
            name: "a container as a key",
            kind: DecodeErrorKind::ContainerAsKey,
            v16: || Some(b"h\x00\x01z\x00\x00*".to_vec()),
            v18: || Some(vec![0x15, 1, 0x17, 0, 8]),
            json: none_json,
        },
        Bad {
            name: "a key twice in a dictionary",
            kind: DecodeErrorKind::DuplicateKey,
            v16: || Some(b"Dbb\x00\x02\x01\x01\x01\x02".to_vec()),
            v18: || Some(vec![0x14, 3, 3, 2, 1, 1, 1, 2]),
            json: none_json,
        },
        Bad {
            name: "33 levels",
            kind: DecodeErrorKind::TooDeep,
            v16: || Some(nested(33, true)),
            v18: || Some(nested(33, false)),
            json: || Some(format!("{}null{}", "[".repeat(33), "]".repeat(33))),
        },
        Bad {
            name: "100,000 levels",
            kind: DecodeErrorKind::TooDeep,
            v16: || Some(nested(100_000, true)),
            v18: || Some(nested(100_000, false)),
            json: || {
                Some(format!(
                    "{}0{}",
                    "{\"k\":".repeat(50_000),
                    "}".repeat(50_000)
                ))
            },
        },
        Bad {
            name: "70,000 values",
            kind: DecodeErrorKind::TooManyValues,
            v16: || {
                let bools = [b"z\x7F\xFF".to_vec(), vec![b'*'; 0x7FFF]].concat();
                Some([b"z\x00\x03".to_vec(), bools.clone(), bools.clone(), bools].concat())
            },
            v18: || Some([vec![23, 0xF0, 0xA2, 0x04], vec![8; 70_000]].concat()),
            json: || Some(format!("[{}0]", "0,".repeat(69_999))),
        },
    ]
}

impl Bad {
    fn for_row(&self, harness: &Harness) -> Option<Vec<u8>> {
        match (harness.row.json, harness.row.protocol) {
            (true, _) => (self.json)().map(String::into_bytes),
            (false, Protocol::V16) => (self.v16)(),
            (false, _) => (self.v18)(),
        }
    }
}

/// Delivers an event in which [`PLACE`] is replaced by raw bytes.
#[track_caller]
fn raise(harness: &mut Harness, code: u8, parameters: &[(u8, Value)], raw: &[u8]) {
    let frame = harness.event(code, parameters);
    harness.deliver_spoiled(&frame, PLACE, raw);
}

#[track_caller]
fn messages(harness: &mut Harness) -> Messages {
    match harness.take_events().as_slice() {
        [Event::ChatMessages { messages, .. }] => messages.clone(),
        other => panic!("{other:?}, {:?}", crate::harness::log_lines().last()),
    }
}

#[track_caller]
fn last_id(harness: &Harness, channel: &str) -> i32 {
    harness.client.channel(channel).expect("known").last_id()
}

#[track_caller]
fn expect_bad(content: Content<'_>, kind: DecodeErrorKind, name: &str) {
    match content {
        Content::Undecodable { error, bytes } => {
            // Which limit it exceeds first depends on the protocol.
            let many = [
                DecodeErrorKind::TooManyValues,
                DecodeErrorKind::TooMuchMemory,
            ];
            assert!(
                error.kind == kind || many.contains(&kind) && many.contains(&error.kind),
                "{name}: {error}"
            );
            assert!(
                bytes.len() <= 32 * 1024 && error.offset <= 1 << 20,
                "{name}"
            );
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn case01_one_bad_text_in_gpbinary_16_spoils_only_itself() {
    let mut harness = Harness::on_row(
        crate::harness::TABLE[0],
        crate::harness::TABLE[0].config().user_id("alice"),
    );
    harness.go_to(State::ConnectedToFrontEnd);
    harness.join(&["general"]);
    harness.deliver(&unhex(
        "fb000000490001f3040000040173000767656e6572616c046100030003626f6200056361726f6c000464617665\
         027a00037300016173000763757420eda0bd73000163086900000003",
    ));
    let messages = messages(&mut harness);
    let lines: Vec<_> = messages
        .iter()
        .map(|one| (one.sender, one.content.to_string(), one.id))
        .collect();
    let bad = "cut \u{FFFD}\u{FFFD}\u{FFFD}";
    assert_eq!(
        lines,
        [
            ("bob", "a".into(), Some(1)),
            ("carol", bad.into(), Some(2)),
            ("dave", "c".into(), Some(3))
        ]
    );
    let Some(Content::Undecodable { error, bytes }) = messages.get(1).map(|one| one.content) else {
        panic!("{messages:?}");
    };
    assert_eq!(
        (error.kind, error.offset, bytes),
        (DecodeErrorKind::NotUtf8, 4, &b"cut \xED\xA0\xBD"[..])
    );
    assert_eq!(last_id(&harness, "general"), 3);
    assert_eq!(harness.client.stats().undecodable_elements, 1);
    assert_eq!(harness.client.stats().bad_messages, 0);
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

#[test]
fn case01_a_bad_message_of_every_kind_spoils_only_itself() {
    on_front_end(|mut harness| {
        let mut id = 3;
        for bad in bad_values() {
            let Some(raw) = bad.for_row(&harness) else {
                continue;
            };
            let parameters = [
                (1, "general".into()),
                (4, strings(&["bob", "carol", "dave"])),
                (2, objects(&["a".into(), PLACE.into(), Value::Int(7)])),
                (8, Value::Int(id)),
            ];
            raise(&mut harness, 0, &parameters, &raw);
            let messages = messages(&mut harness);
            let [first, middle, last] = [0, 1, 2].map(|at| messages.get(at).expect("three"));
            assert_eq!(Line::from(first), Line::new("bob", "a", Some(id - 2)));
            assert_eq!((middle.sender, middle.id), ("carol", Some(id - 1)));
            expect_bad(middle.content, bad.kind, bad.name);
            assert_eq!(Line::from(last), Line::new("dave", Value::Int(7), Some(id)));
            assert_eq!(last_id(&harness, "general"), id, "{}", bad.name);
            id += 3;
        }
    });
}

#[test]
fn case01_half_a_surrogate_pair_in_json_is_text_with_a_replacement() {
    on_front_end(|mut harness| {
        if !harness.row.json {
            return;
        }
        let parameters = [
            (1, "general".into()),
            (4, strings(&["bob", PLACE])),
            (2, objects(&["a".into(), Value::Int(1)])),
            (8, Value::Int(2)),
        ];
        raise(&mut harness, 0, &parameters, br#""x\ud83d""#);
        harness.expect(&[Seen::messages(
            "general",
            [
                Line::new("bob", "a", Some(1)),
                Line::new("x\u{FFFD}", Value::Int(1), Some(2)),
            ],
        )]);
    });
}

#[test]
fn case01_text_that_is_not_utf_8_in_json_spoils_only_itself() {
    on_front_end(|mut harness| {
        if !harness.row.json {
            return;
        }
        let parameters = [
            (1, "general".into()),
            (4, strings(&["bob", "carol", "dave"])),
            (2, strings(&["a", PLACE, "c"])),
            (8, Value::Int(3)),
        ];
        raise(&mut harness, 0, &parameters, b"\"cut \xED\xA0\xBD\"");
        harness.expect(&[Seen::messages(
            "general",
            [
                Line::new("bob", "a", Some(1)),
                Line::new("carol", "cut \u{FFFD}", Some(2)),
                Line::new("dave", "c", Some(3)),
            ],
        )]);
    });
}

#[test]
fn sound01_a_history_of_100_survives_one_bad_message_at_each_place() {
    on_front_end(|mut harness| {
        for at in 0..100_usize {
            let bad = &bad_values()[if harness.row.json { 5 } else { at % 6 }];
            let raw = bad.for_row(&harness).expect("every protocol has it");
            let mut contents: Vec<Value> = vec!["hello".into(); 100];
            contents[at] = PLACE.into();
            let last = (i32::try_from(at).expect("few") + 1) * 100;
            let parameters = [
                (1, "general".into()),
                (4, strings(&["bob"; 100])),
                (2, objects(&contents)),
                (8, Value::Int(last)),
            ];
            raise(&mut harness, 0, &parameters, &raw);
            let messages = messages(&mut harness);
            assert_eq!(messages.len(), 100);
            for (index, message) in messages.iter().enumerate() {
                assert_eq!(
                    message.id,
                    Some(last - 99 + i32::try_from(index).expect("few"))
                );
                if index == at {
                    expect_bad(message.content, bad.kind, bad.name);
                } else {
                    assert_eq!(message.content, Content::Text("hello"));
                }
            }
            assert_eq!(last_id(&harness, "general"), last);
        }
    });
}

#[test]
fn sound01_a_bad_sender_is_marked_and_its_message_is_whole() {
    on_front_end(|mut harness| {
        let not_text: &[u8] = match (harness.row.json, harness.row.protocol) {
            (true, _) => b"17",
            (false, Protocol::V16) => b"i\x00\x00\x00\x07",
            (false, _) => &[11, 7],
        };
        let parameters = [
            (1, "general".into()),
            (4, objects(&["bob".into(), PLACE.into()])),
            (2, strings(&["a", "b"])),
            (8, Value::Int(2)),
        ];
        raise(&mut harness, 0, &parameters, not_text);
        harness.expect(&[Seen::messages(
            "general",
            [
                Line::new("bob", "a", Some(1)),
                Line::new("\u{FFFD}", "b", Some(2)),
            ],
        )]);
        if harness.row.json {
            return;
        }
        // In a string array the place has no type code.
        let in_array: &[u8] = match harness.row.protocol {
            Protocol::V16 => b"\x00\x03b\xFFb",
            _ => b"\x03b\xFFb",
        };
        let parameters = [
            (1, "general".into()),
            (4, strings(&["bob", PLACE])),
            (2, strings(&["a", "b"])),
            (8, Value::Int(4)),
        ];
        raise(&mut harness, 0, &parameters, in_array);
        harness.expect(&[Seen::messages(
            "general",
            [
                Line::new("bob", "a", Some(3)),
                Line::new("b\u{FFFD}b", "b", Some(4)),
            ],
        )]);
        assert_eq!(harness.client.stats().undecodable_elements, 2);
    });
}

#[test]
fn sound01_an_unknown_type_costs_the_messages_behind_it_but_not_their_ids() {
    on_front_end(|mut harness| {
        if harness.row.json {
            return;
        }
        let contents = objects(&["a".into(), PLACE.into(), "c".into()]);
        let senders = strings(&["bob", "carol", "dave"]);
        let orders = [
            // As servers send it, and with the id first.
            [
                (1, "general".into()),
                (4, senders.clone()),
                (2, contents.clone()),
                (8, Value::Int(3)),
            ],
            [
                (8, Value::Int(6)),
                (1, "general".into()),
                (4, senders),
                (2, contents),
            ],
        ];
        for (parameters, last) in orders.iter().zip([3, 6]) {
            raise(&mut harness, 0, parameters, &[0x7F, 1, 2, 3]);
            let messages = messages(&mut harness);
            let [first, middle, end] = [0, 1, 2].map(|at| messages.get(at).expect("three"));
            assert_eq!(Line::from(first), Line::new("bob", "a", Some(last - 2)));
            assert_eq!((middle.sender, middle.id), ("carol", Some(last - 1)));
            expect_bad(
                middle.content,
                DecodeErrorKind::UnknownType(0x7F),
                "unknown",
            );
            assert_eq!((end.sender, end.id), ("dave", Some(last)));
            expect_bad(end.content, DecodeErrorKind::Truncated, "behind it");
            assert_eq!(last_id(&harness, "general"), last);
        }
        assert_eq!(harness.client.stats().bad_messages, 0);
    });
}

#[test]
fn sound01_a_bad_private_message_is_marked() {
    on_front_end(|mut harness| {
        for (id, bad) in (1..).zip(bad_values()) {
            let Some(raw) = bad.for_row(&harness) else {
                continue;
            };
            let parameters = [
                (5, "bob".into()),
                (225, "alice".into()),
                (3, PLACE.into()),
                (8, Value::Int(id)),
            ];
            raise(&mut harness, 2, &parameters, &raw);
            match harness.take_events().as_slice() {
                [Event::PrivateMessage { channel, message }] => {
                    assert_eq!((&**channel, message.sender()), ("bob", "bob"));
                    assert_eq!(message.id(), Some(id));
                    expect_bad(message.content(), bad.kind, bad.name);
                }
                other => panic!("{}: {other:?}", bad.name),
            }
            let channel = harness.client.private_channel("bob").expect("known");
            assert_eq!(channel.last_id(), id);
        }
    });
}

#[test]
fn sound01_a_bad_status_message_is_marked_and_the_status_is_reported() {
    on_front_end(|mut harness| {
        for bad in bad_values() {
            let Some(raw) = bad.for_row(&harness) else {
                continue;
            };
            let parameters = [(5, "bob".into()), (10, Value::Int(2)), (3, PLACE.into())];
            raise(&mut harness, 4, &parameters, &raw);
            match harness.take_events().as_slice() {
                [
                    Event::UserStatusUpdate {
                        user,
                        status,
                        message: StatusChange::Set(message),
                    },
                ] => {
                    assert_eq!((&**user, *status), ("bob", UserStatus::new(2)));
                    if bad.name == "text with half a surrogate pair" {
                        assert_eq!(**message, Value::from("cut \u{FFFD}\u{FFFD}\u{FFFD}"));
                    }
                }
                other => panic!("{}: {other:?}", bad.name),
            }
        }
    });
}

#[test]
fn sound01_a_bad_property_is_marked_and_the_others_change() {
    on_front_end(|mut harness| {
        for bad in bad_values() {
            let Some(raw) = bad.for_row(&harness) else {
                continue;
            };
            let table = photon_proto::Hashtable(vec![
                ("a".into(), Value::Int(1)),
                ("bad".into(), PLACE.into()),
                ("z".into(), "end".into()),
            ]);
            let parameters = [
                (1, "general".into()),
                (22, Value::Hashtable(table)),
                (5, "bob".into()),
            ];
            raise(&mut harness, 7, &parameters, &raw);
            match harness.take_events().as_slice() {
                [Event::PropertiesChanged(change)] => {
                    let keys: Vec<_> = change.properties.iter().map(|pair| &pair.0).collect();
                    assert_eq!(
                        keys,
                        [&Value::from("a"), &Value::from("bad"), &Value::from("z")],
                        "{}",
                        bad.name
                    );
                    assert_eq!(change.properties[0].1, Value::Int(1));
                    assert_eq!(change.properties[2].1, Value::from("end"));
                }
                other => panic!("{}: {other:?}", bad.name),
            }
        }
    });
}

#[test]
fn sound01_an_unknown_type_costs_the_properties_behind_it_only() {
    on_front_end(|mut harness| {
        if harness.row.json {
            return;
        }
        let pairs = vec![
            (Value::Byte(254), Value::Bool(true)),
            ("a".into(), Value::Int(1)),
            ("bad".into(), PLACE.into()),
            ("z".into(), "end".into()),
        ];
        let legible = [
            (Value::Byte(254), Value::Bool(true)),
            ("a".into(), Value::Int(1)),
            ("bad".into(), "\u{FFFD}".into()),
        ];
        let maps = [
            Value::Hashtable(photon_proto::Hashtable(pairs.clone())),
            Value::Dictionary(Dictionary {
                key: photon_proto::Type::Object,
                value: photon_proto::Type::Object,
                pairs,
            }),
        ];
        let without_an_end: [&[u8]; 2] = match harness.row.protocol {
            Protocol::V16 => [b"\x7F123", b"s\x7F\xFFtext"],
            _ => [b"\x7F123", b"\x07\xFF\x7Ftext"],
        };
        let cases = maps
            .iter()
            .flat_map(|map| without_an_end.map(|raw| (map, raw)));
        for (number, (map, raw)) in cases.enumerate() {
            let parameters = [(1, "general".into()), (5, "bob".into()), (22, map.clone())];
            raise(&mut harness, 7, &parameters, raw);
            match harness.take_events().as_slice() {
                [Event::PropertiesChanged(change)] => assert_eq!(change.properties, legible),
                other => panic!("{other:?}"),
            }
            // A channel that the client does not know yet.
            let name = format!("channel {number}");
            let parameters = [
                (0, strings(&[&name])),
                (15, bools(&[true])),
                (22, map.clone()),
            ];
            raise(&mut harness, 5, &parameters, raw);
            let channel = harness.client.channel(&name).expect("entered");
            assert!(channel.publishes_subscribers());
            assert_eq!(channel.properties().count(), legible.len());
            harness.take_events();
        }
        assert_eq!(harness.client.stats().bad_messages, 0);
    });
}

#[test]
fn sound01_a_subscribe_result_settles_its_requests_whatever_else_is_in_it() {
    on_front_end(|mut harness| {
        for bad in bad_values() {
            let Some(raw) = bad.for_row(&harness) else {
                continue;
            };
            let request = harness.subscribe(&["a", "b"]);
            harness.pump();
            let table = photon_proto::Hashtable(vec![("bad".into(), PLACE.into())]);
            let parameters = [
                (0, strings(&["a", "b"])),
                (15, bools(&[true, false])),
                (22, Value::Hashtable(table)),
            ];
            raise(&mut harness, 5, &parameters, &raw);
            let mut expected = outcomes(&["a"], &Outcome::Done, Some(request));
            expected.extend(outcomes(&["b"], &Outcome::Refused, Some(request)));
            harness.expect(&[Seen::Subscribed(expected)]);
        }
    });
}

#[test]
fn sound01_a_bad_name_in_a_subscribe_result_costs_only_its_own_outcome() {
    on_front_end(|mut harness| {
        let request = harness.subscribe(&["a", "b"]);
        harness.pump();
        let raw: &[u8] = match (harness.row.json, harness.row.protocol) {
            (true, _) => b"7",
            (false, Protocol::V16) => b"\x00\x02\xFFx",
            (false, _) => b"\x02\xFFx",
        };
        let parameters = [(0, strings(&[PLACE, "b"])), (15, bools(&[true, true]))];
        raise(&mut harness, 5, &parameters, raw);
        let bad = if harness.row.json {
            "\u{FFFD}"
        } else {
            "\u{FFFD}x"
        };
        let mut expected = outcomes(&[bad], &Outcome::Done, None);
        expected.extend(outcomes(&["b"], &Outcome::Done, Some(request)));
        harness.expect(&[Seen::Subscribed(expected)]);
    });
}

#[test]
fn sound01_a_response_settles_its_request_whatever_its_debug_slot_holds() {
    on_front_end(|mut harness| {
        for bad in bad_values() {
            let Some(raw) = bad.for_row(&harness) else {
                continue;
            };
            // 70,000 values of a debug message are no reason to lose it, and JSON has no limit here.
            let request = harness.subscribe(&["a"]);
            harness.pump();
            let frame = harness.response(0, -2, Some(PLACE), &[]);
            harness.deliver_spoiled(&frame, PLACE, &raw);
            match harness.take_events().as_slice() {
                [
                    Event::SubscribeResult(outcomes),
                    Event::OperationResponse {
                        return_code: -2, ..
                    },
                ] => {
                    let [outcome] = outcomes.as_slice() else {
                        panic!("{outcomes:?}");
                    };
                    assert_eq!(outcome.request, Some(request), "{}", bad.name);
                }
                other => panic!("{}: {other:?}", bad.name),
            }
        }
        // A number, and in GpBinary a type that does not exist.
        let raws: &[&[u8]] = match (harness.row.json, harness.row.protocol) {
            (true, _) => &[b"17", b"{\"a\":[]}", b"true"],
            (false, Protocol::V16) => &[b"i\x00\x00\x00\x11", &[0x7F, 1, 2]],
            (false, _) => &[&[11, 17], &[0x7F, 1, 2]],
        };
        for raw in raws {
            let _request = harness.subscribe(&["a"]);
            harness.pump();
            let frame = harness.response(0, -2, Some(PLACE), &[]);
            harness.deliver_spoiled(&frame, PLACE, raw);
            let events = harness.take_events();
            assert!(
                matches!(
                    events.as_slice(),
                    [Event::SubscribeResult(_), Event::OperationResponse { .. }]
                ),
                "{events:?}"
            );
        }
    });
}

#[test]
fn sound01_the_values_of_an_unknown_event_and_of_a_response_survive_a_bad_one() {
    on_front_end(|mut harness| {
        for bad in bad_values() {
            let Some(raw) = bad.for_row(&harness) else {
                continue;
            };
            let parameters = [(1, Value::Int(5)), (2, PLACE.into()), (3, "end".into())];
            raise(&mut harness, 77, &parameters, &raw);
            match harness.take_events().as_slice() {
                [
                    Event::Other {
                        code: 77,
                        parameters,
                    },
                ] => {
                    assert_eq!(parameters[0], (1, Value::Int(5)), "{}", bad.name);
                    assert_eq!(parameters[2], (3, "end".into()), "{}", bad.name);
                }
                other => panic!("{}: {other:?}", bad.name),
            }
            let parameters = [(1, Value::Int(5)), (2, PLACE.into()), (3, "end".into())];
            let frame = harness.response(8, 0, None, &parameters);
            harness.deliver_spoiled(&frame, PLACE, &raw);
            assert!(matches!(
                harness.take_events().as_slice(),
                [Event::OperationResponse { operation: 8, parameters: Some(all), .. }] if all.len() == 3
            ));
            // A parameter that the client does not know may be anything.
            let parameters = [
                (200, PLACE.into()),
                (1, "general".into()),
                (4, strings(&["bob"])),
                (2, strings(&["a"])),
            ];
            raise(&mut harness, 0, &parameters, &raw);
            harness.expect(&[Seen::messages("general", [Line::new("bob", "a", None)])]);
        }
    });
}

#[test]
fn sound01_an_id_of_another_type_costs_only_the_id() {
    let ids = [
        Value::Long(1 << 40),
        Value::Double(7.5),
        Value::Null,
        Value::Bool(true),
        "7".into(),
        strings(&["7"]),
    ];
    for id in &ids {
        on_front_end(|mut harness| {
            let parameters = [
                (1, "general".into()),
                (8, id.clone()),
                (4, strings(&["bob"])),
                (2, strings(&["a"])),
            ];
            harness.raise(0, &parameters);
            harness.expect(&[Seen::messages("general", [Line::new("bob", "a", None)])]);
            assert_eq!(last_id(&harness, "general"), 0);

            harness.raise(2, &[(5, "bob".into()), (8, id.clone()), (3, "b".into())]);
            harness.expect(&[Seen::private("bob", Line::new("bob", "b", None))]);
        });
    }
}

#[test]
fn sound01_an_id_that_comes_as_a_long_counts() {
    on_front_end(|mut harness| {
        let parameters = [
            (1, "general".into()),
            (4, strings(&["bob"])),
            (2, strings(&["a"])),
            (8, Value::Long(7)),
        ];
        harness.raise(0, &parameters);
        harness.expect(&[Seen::messages("general", [Line::new("bob", "a", Some(7))])]);
        assert_eq!(last_id(&harness, "general"), 7);
    });
}
