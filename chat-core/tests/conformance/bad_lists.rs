//! One element that cannot be decoded spoils only itself, in the lists and texts of everything but
//! messages. Messages, status texts and properties: `bad_elements`.

use crate::harness::{Harness, Seen, bools, each, each_with, objects, outcomes, strings};
use chat_core::{Outcome, Protocol, RegionsError, State};
use photon_proto::{Hashtable, Value};

/// Stands in an ordinary message for the element that a test replaces.
const PLACE: &str = "<the place>";

/// A text that is not UTF-8, as an element of a string array. `None` in JSON, whose text is UTF-8.
fn bad_name(harness: &Harness) -> Option<&'static [u8]> {
    match (harness.row.json, harness.row.protocol) {
        (true, _) => None,
        (false, Protocol::V16) => Some(b"\x00\x03b\xFFb"),
        (false, _) => Some(b"\x03b\xFFb"),
    }
}

/// The same with its type code, as a parameter.
fn bad_text(harness: &Harness) -> Option<&'static [u8]> {
    match (harness.row.json, harness.row.protocol) {
        (true, _) => None,
        (false, Protocol::V16) => Some(b"s\x00\x03b\xFFb"),
        (false, _) => Some(b"\x07\x03b\xFFb"),
    }
}

/// A value that is no text.
fn number(harness: &Harness) -> &'static [u8] {
    match (harness.row.json, harness.row.protocol) {
        (true, _) => b"17",
        (false, Protocol::V16) => b"i\x00\x00\x00\x11",
        (false, _) => &[11, 17],
    }
}

/// A list with a bad element, and the bytes of that element: in each kind of list that there is.
fn lists(harness: &Harness, names: &[&str]) -> Vec<(Value, &'static [u8])> {
    let mixed: Vec<Value> = names.iter().map(|name| (*name).into()).collect();
    let mut all = vec![(objects(&mixed), number(harness))];
    all.extend(bad_name(harness).map(|raw| (strings(names), raw)));
    all.extend(bad_text(harness).map(|raw| (objects(&mixed), raw)));
    all
}

fn regions(all: &[(&str, &str)]) -> Seen {
    Seen::Regions(Ok(all
        .iter()
        .map(|(code, address)| ((*code).into(), (*address).into()))
        .collect()))
}

#[track_caller]
fn answer_regions(harness: &mut Harness, parameters: &[(u8, Value)], raw: &[u8]) {
    assert_eq!(harness.client.get_regions(), Ok(()));
    harness.pump();
    let frame = harness.response(220, 0, None, parameters);
    harness.deliver_spoiled(&frame, PLACE, raw);
}

#[test]
fn sound01_a_bad_region_is_left_out_and_the_others_keep_their_addresses() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        for at in 0..3 {
            let (mut codes, mut addresses) = (["eu", "jp", "asia"], ["a", "b", "c"]);
            let good: Vec<_> = (0..3).filter(|other| *other != at).collect();
            let expected: Vec<_> = good.iter().map(|at| (codes[*at], addresses[*at])).collect();
            codes[at] = PLACE;
            for (list, raw) in lists(&harness, &codes) {
                let parameters = [(210, list), (230, strings(&addresses))];
                answer_regions(&mut harness, &parameters, raw);
                harness.expect(&[regions(&expected)]);
            }
            let codes = ["eu", "jp", "asia"];
            addresses[at] = PLACE;
            for (list, raw) in lists(&harness, &addresses) {
                let parameters = [(210, strings(&codes)), (230, list)];
                answer_regions(&mut harness, &parameters, raw);
                harness.expect(&[regions(&expected)]);
            }
        }
        assert_eq!(harness.client.stats().bad_messages, 0);
    });
}

#[test]
fn sound01_get_regions_ends_at_once_however_much_of_its_response_is_lost() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        if !harness.row.json {
            let addresses = objects(&["a".into(), PLACE.into(), "c".into()]);
            let codes = strings(&["eu", "jp", "asia"]);
            // The end of an unknown type cannot be found: what is before it counts.
            let parameters = [(210, codes.clone()), (230, addresses.clone())];
            answer_regions(&mut harness, &parameters, &[0x7F, 1, 2]);
            harness.expect(&[regions(&[("eu", "a")])]);
            // The other list is behind it.
            let parameters = [(230, addresses), (210, codes)];
            answer_regions(&mut harness, &parameters, &[0x7F, 1, 2]);
            harness.expect(&[Seen::Regions(Err(RegionsError::Malformed.code()))]);
        }
        // A list above the limit on values. Those of 1.6 have at most 32,767 elements.
        let many = match (harness.row.json, harness.row.protocol) {
            (true, _) => format!("[{}\"x\"]", "\"x\",".repeat(70_000)).into_bytes(),
            (false, Protocol::V16) => return,
            (false, _) => [vec![0x47, 0xF0, 0xA2, 0x04], b"\x01x".repeat(70_000)].concat(),
        };
        let parameters = [(210, strings(&["eu"])), (230, PLACE.into())];
        answer_regions(&mut harness, &parameters, &many);
        harness.expect(&[Seen::Regions(Err(RegionsError::Malformed.code()))]);
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
}

#[test]
fn sound01_a_login_goes_on_whatever_is_bad_in_the_texts_about_the_user() {
    each(|mut harness| {
        let bad = bad_text(&harness).unwrap_or(number(&harness));
        for (key, expected) in [(225, "b\u{FFFD}b"), (202, "id"), (245, "id")] {
            harness.connect(Some("eu"));
            harness.handshake();
            let _sent = harness.take_events();
            let mut parameters = vec![
                (230, crate::harness::FRONT_END.into()),
                (221, crate::harness::TOKEN.into()),
                (225, "id".into()),
            ];
            parameters.retain(|(one, _)| *one != key);
            parameters.push((key, PLACE.into()));
            let frame = harness.response(230, 0, None, &parameters);
            harness.deliver_spoiled(&frame, PLACE, bad);
            // JSON has a number there: no text at all.
            let text = |of: u8| (of == key && !harness.row.json).then(|| "b\u{FFFD}b".to_owned());
            let data = (key == 245).then(|| match text(245) {
                Some(text) => text.as_str().into(),
                None => Value::Int(17),
            });
            let user_id = match harness.row.json {
                true if key == 225 => "",
                _ => expected,
            };
            harness.expect(&[
                Seen::Authenticated {
                    user_id: user_id.into(),
                    nickname: text(202),
                    data,
                },
                Seen::State(State::ConnectingToFrontEnd),
            ]);
            harness.client.disconnect();
            assert_eq!(harness.client.set_user_id(""), Ok(()));
            harness.pump();
            harness.forget();
        }
    });
}

#[test]
fn sound01_a_login_without_a_readable_token_or_address_ends_at_once() {
    each(|mut harness| {
        for key in [230, 221] {
            // A token may be any value, so only one that cannot be decoded is bad.
            let Some(bad) = bad_text(&harness) else {
                return;
            };
            harness.connect(Some("eu"));
            harness.handshake();
            let _sent = harness.take_events();
            let mut parameters = vec![
                (230, crate::harness::FRONT_END.into()),
                (221, crate::harness::TOKEN.into()),
            ];
            parameters.retain(|(one, _)| *one != key);
            parameters.push((key, PLACE.into()));
            let frame = harness.response(230, 0, None, &parameters);
            harness.deliver_spoiled(&frame, PLACE, bad);
            harness.expect(&crate::harness::error(3101));
        }
    });
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

#[test]
fn sound01_a_bad_channel_name_costs_the_other_channels_of_the_event_nothing() {
    on_front_end(|mut harness| {
        for at in 0..3 {
            let mut names = ["a", "b", "c"];
            let good: Vec<_> = (0..3).filter(|it| *it != at).map(|it| names[it]).collect();
            names[at] = PLACE;
            for (list, raw) in lists(&harness, &names) {
                let request = harness.subscribe(&good);
                harness.pump();
                let parameters = [(0, list.clone()), (15, bools(&[true; 3]))];
                let frame = harness.event(5, &parameters);
                harness.deliver_spoiled(&frame, PLACE, raw);
                let bad = if raw == number(&harness) {
                    "\u{FFFD}"
                } else {
                    "b\u{FFFD}b"
                };
                let mut expected = outcomes(&good, &Outcome::Done, Some(request));
                expected.insert(at, (bad.into(), Outcome::Done, None));
                harness.expect(&[Seen::Subscribed(expected)]);
                // Nobody could leave a channel whose name is not the server's.
                assert_eq!(harness.client.public_channels().count(), 2);

                let request = harness.unsubscribe(&good);
                harness.pump();
                let frame = harness.event(6, &[(0, list)]);
                harness.deliver_spoiled(&frame, PLACE, raw);
                let mut expected = outcomes(&good, &Outcome::Done, Some(request));
                expected.insert(at, (bad.into(), Outcome::Done, None));
                harness.expect(&[Seen::Unsubscribed(expected)]);
                assert_eq!(harness.client.public_channels().count(), 0);
            }
        }
        assert_eq!(harness.client.stats().bad_messages, 0);
    });
}

#[test]
fn sound01_a_result_that_is_no_bool_refuses_one_channel() {
    on_front_end(|mut harness| {
        let request = harness.subscribe(&["a", "b", "c"]);
        harness.pump();
        let results = objects(&[Value::Bool(true), PLACE.into(), Value::Bool(true)]);
        let parameters = [(0, strings(&["a", "b", "c"])), (15, results)];
        let frame = harness.event(5, &parameters);
        let raw = bad_text(&harness).unwrap_or(number(&harness));
        harness.deliver_spoiled(&frame, PLACE, raw);
        let mut expected = outcomes(&["a", "b", "c"], &Outcome::Done, Some(request));
        expected[1].1 = Outcome::Refused;
        harness.expect(&[Seen::Subscribed(expected)]);
    });
}

#[test]
fn sound01_a_bad_subscriber_costs_the_others_nothing() {
    on_front_end(|mut harness| {
        let mut expected = Vec::new();
        for at in 0..3 {
            let mut users = ["bob", "carol", "dave"];
            let good: Vec<_> = (0..3).filter(|it| *it != at).map(|it| users[it]).collect();
            users[at] = PLACE;
            for (list, raw) in lists(&harness, &users) {
                let request = harness.subscribe(&["a"]);
                harness.pump();
                let publishes = Hashtable(vec![
                    (Value::Byte(254), Value::Bool(true)),
                    (Value::Byte(255), Value::Int(0)),
                ]);
                // JSON has no bytes as keys: the server writes them as text.
                let properties = (22, Value::Hashtable(publishes));
                let properties_of = Hashtable(vec![(
                    good[1].into(),
                    Value::Hashtable(Hashtable(vec![("k".into(), Value::Int(1))])),
                )]);
                let parameters = [
                    (0, strings(&["a"])),
                    (15, bools(&[true])),
                    properties,
                    (23, list),
                    (28, Value::Hashtable(properties_of)),
                ];
                let frame = harness.event(5, &parameters);
                harness.deliver_spoiled(&frame, PLACE, raw);
                expected.push(outcomes(&["a"], &Outcome::Done, Some(request)));
                harness.expect(&[Seen::Subscribed(expected.pop().expect("just added"))]);
                let channel = harness.client.channel("a").expect("subscribed");
                let known: Vec<_> = channel.subscribers().map(ToString::to_string).collect();
                for user in &good {
                    assert!(known.iter().any(|one| one == user), "{known:?}");
                }
                assert_eq!(channel.user_properties(good[1]).count(), 1);
            }
        }
        assert_eq!(harness.client.stats().bad_messages, 0);
    });
}

#[test]
fn sound01_bad_properties_of_one_user_cost_the_others_nothing() {
    on_front_end(|mut harness| {
        let _request = harness.subscribe(&["a"]);
        harness.pump();
        let table = |key: &str| Value::Hashtable(Hashtable(vec![(key.into(), Value::Int(1))]));
        let users = Hashtable(vec![
            ("bob".into(), table("k")),
            ("carol".into(), PLACE.into()),
            ("dave".into(), table("k")),
        ]);
        let parameters = [
            (0, strings(&["a"])),
            (15, bools(&[true])),
            (23, strings(&["bob", "carol", "dave"])),
            (28, Value::Hashtable(users)),
        ];
        let frame = harness.event(5, &parameters);
        let raw = bad_text(&harness).unwrap_or(number(&harness));
        harness.deliver_spoiled(&frame, PLACE, raw);
        let _reported = harness.take_events();
        let channel = harness.client.channel("a").expect("subscribed");
        assert_eq!(channel.subscribers().count(), 3);
        let counts = ["bob", "carol", "dave"].map(|user| channel.user_properties(user).count());
        assert_eq!(counts, [1, 0, 1]);
    });
}

#[test]
fn sound01_a_user_with_a_bad_name_enters_and_leaves_with_what_is_legible() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        let Some(bad) = bad_text(&harness) else {
            return;
        };
        for (code, seen) in [
            (8, Seen::entered("a", "b\u{FFFD}b")),
            (9, Seen::left("a", "b\u{FFFD}b")),
        ] {
            let frame = harness.event(code, &[(1, "a".into()), (225, PLACE.into())]);
            harness.deliver_spoiled(&frame, PLACE, bad);
            harness.expect(&[seen]);
        }
        // The user's properties may be bad as well.
        let parameters = [(1, "a".into()), (225, "bob".into()), (28, PLACE.into())];
        let frame = harness.event(8, &parameters);
        harness.deliver_spoiled(&frame, PLACE, bad);
        harness.expect(&[Seen::entered("a", "bob")]);
        assert_eq!(harness.client.stats().malformed_events, 0);
    });
}

/// Events that name nobody are dropped and counted, and nothing else happens.
#[test]
fn sound01_an_event_whose_only_name_is_no_text_is_dropped_alone() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        let raw = number(&harness);
        for (code, parameters) in [
            (8, vec![(1, "a".into()), (225, PLACE.into())]),
            (9, vec![(1, PLACE.into()), (225, "bob".into())]),
            (4, vec![(5, PLACE.into()), (10, Value::Int(2))]),
            (
                7,
                vec![(1, PLACE.into()), (22, Value::Hashtable(Hashtable(vec![])))],
            ),
            (6, vec![(0, PLACE.into())]),
            (5, vec![(0, PLACE.into()), (15, bools(&[true]))]),
        ] {
            let before = harness.client.stats().malformed_events;
            let frame = harness.event(code, &parameters);
            harness.deliver_spoiled(&frame, PLACE, raw);
            harness.expect(&[]);
            let after = harness.client.stats().malformed_events;
            assert_eq!(after, before + 1, "event {code}");
        }
        assert_eq!(harness.client.stats().bad_messages, 0);
        assert!(harness.client.channel("a").is_some());
    });
}

#[test]
fn sound01_an_error_text_of_the_server_is_reported_as_far_as_it_is_legible() {
    on_front_end(|mut harness| {
        let bad = bad_text(&harness).unwrap_or(number(&harness));
        for key in [1, 17, 24] {
            let mut parameters = vec![(1, "a".into()), (17, "message".into()), (24, "data".into())];
            parameters.retain(|(one, _)| *one != key);
            parameters.push((key, PLACE.into()));
            let frame = harness.event(10, &parameters);
            harness.deliver_spoiled(&frame, PLACE, bad);
            let text = |of: u8, good: &str| match (of == key, harness.row.json) {
                (false, _) => Some(good.to_owned()),
                (true, false) => Some("b\u{FFFD}b".to_owned()),
                // A number is no text.
                (true, true) => None,
            };
            let data = match text(24, "data") {
                Some(text) => text.as_str().into(),
                None => Value::Int(17),
            };
            harness.expect(&[Seen::ErrorInfo {
                channel: text(1, "a"),
                message: text(17, "message"),
                data: Some(data),
            }]);
        }
    });
}

/// Numbers take more bytes in GpBinary 1.8, to which JSON is transcoded, and the limit on a message
/// applies to both forms.
#[test]
fn sound01_numbers_that_grow_over_the_limit_cost_only_their_own_message() {
    on_front_end(|mut harness| {
        if !harness.row.json {
            return;
        }
        harness.join(&["a"]);
        let contents = objects(&["a".into(), PLACE.into(), "c".into()]);
        let many = format!("[{}1e9]", "1e9,".repeat(60_000));
        let parameters = [
            (1, "a".into()),
            (4, strings(&["bob"; 5])),
            (2, contents),
            (8, Value::Int(5)),
        ];
        let frame = harness.event(0, &parameters);
        // 480 KB of text, 1,080 KB in 1.8.
        let raw = format!("{many},\"b\",{many}");
        harness.deliver_spoiled(&frame, PLACE, raw.as_bytes());
        let [chat_core::Event::ChatMessages { messages, .. }] = &harness.take_events()[..] else {
            panic!("messages");
        };
        let texts: Vec<_> = messages.iter().map(|one| one.content.as_str()).collect();
        assert_eq!(texts, [Some("a"), None, Some("b"), None, Some("c")]);
        assert_eq!(messages.get(4).expect("five").id, Some(5));
        assert_eq!(harness.client.stats().bad_messages, 0);
    });
}

/// A response in which even the return code is unreadable is a failure, and ends its request.
#[test]
fn sound01_an_unreadable_return_code_in_json_ends_the_request() {
    on_front_end(|mut harness| {
        if !harness.row.json {
            return;
        }
        let link = harness.link();
        let text = |harness: &mut Harness, json: &str| {
            let frame = format!("~m~{}~m~~j~{json}", json.len() + 3);
            let received = chat_core::LinkInput::Received(frame.as_bytes());
            harness.input(link, received);
        };
        for err in ["true", "\"none\"", "[]", "40000"] {
            let request = harness.subscribe(&["a"]);
            harness.pump();
            let json = format!("{{\"vals\":[],\"err\":{err},\"msg\":\"m\",\"res\":0}}");
            text(&mut harness, &json);
            match &harness.take_events()[..] {
                [
                    chat_core::Event::SubscribeResult(outcomes),
                    chat_core::Event::OperationResponse {
                        return_code: -1, ..
                    },
                ] => assert_eq!(outcomes[0].request, Some(request), "{err}"),
                other => panic!("{err}: {other:?}"),
            }
        }
        // A parameter whose code is none is skipped.
        harness.join(&["a"]);
        text(
            &mut harness,
            "{\"vals\":[300,[1],1,\"a\",\"x\",1,4,[\"bob\"],2,[\"hi\"],8,7],\"evt\":0}",
        );
        let line = crate::harness::Line::new("bob", "hi", Some(7));
        harness.expect(&[Seen::messages("a", [line])]);
    });
}
