//! Work that a peer can make one call do.

use crate::harness::{Harness, each_with, objects, strings};
use chat_core::{ChatConfig, Event, LinkInput, SubscribeOptions, Value};
use photon_proto::{Array, Hashtable};

fn on_front_end(change: fn(ChatConfig) -> ChatConfig, test: impl Fn(Harness)) {
    each_with(change, |mut harness| {
        harness.go_to(chat_core::State::ConnectedToFrontEnd);
        let _request = harness
            .client
            .subscribe(["lobby"], &SubscribeOptions::new())
            .expect("on the front end");
        harness.pump();
        harness.raise(
            5,
            &[(0, strings(&["lobby"])), (15, Value::from(vec![true]))],
        );
        let _before = harness.take_events();
        test(harness);
    });
}

fn properties(channel: &str, from: i32, count: i32) -> Vec<(u8, Value)> {
    let pairs = (from..from + count).map(|key| (Value::Int(key), Value::Int(1)));
    vec![
        (1, channel.into()),
        (22, Value::Hashtable(Hashtable(pairs.collect()))),
    ]
}

/// Delivers the messages and returns the most work of one call, and how many calls worked.
fn serviced(harness: &mut Harness, messages: &[Vec<(u8, Value)>], code: u8) -> (u64, u32) {
    let link = harness.link();
    for message in messages {
        let bytes = harness.event(code, message);
        harness.deliver_without_pump(link, &bytes);
    }
    let (mut longest, mut calls) = (0, 0);
    loop {
        let before = harness.client.stats().work;
        let more = harness.client.service(harness.now).more;
        let work = harness.client.stats().work - before;
        longest = longest.max(work);
        calls += u32::from(work > 0);
        if !more {
            return (longest, calls);
        }
    }
}

#[test]
fn sound07_work_bounds_a_call_and_the_rest_waits() {
    on_front_end(
        |config| config.max_work_per_service(100_000),
        |mut harness| {
            let messages: Vec<_> = (0..20).map(|_| properties("lobby", 0, 100)).collect();
            let (longest, calls) = serviced(&mut harness, &messages, 7);
            // The last message of a call may begin just below the limit.
            assert!((100_000..300_000).contains(&longest), "{longest}");
            assert!(calls >= 10, "{calls}");
            harness.pump();
            let changed = harness.take_events();
            assert_eq!(changed.len(), 20, "nothing is lost");
        },
    );
}

/// Commands are handled when their datagram arrives, and not in the next `service`.
#[test]
fn sound07_datagrams_count_as_work_when_they_arrive() {
    on_front_end(
        |config| config,
        |mut harness| {
            let link = harness.link();
            let is_udp = matches!(harness.row.scheme, "udp://" | "");
            for datagram in [&[][..], &[0x5A; 1_200]] {
                let before = harness.client.stats().work;
                let now = harness.now;
                if is_udp {
                    let input = LinkInput::Received(datagram);
                    harness.client.handle_link(now, link, input);
                    let work = harness.client.stats().work - before;
                    assert!(work > datagram.len() as u64, "{work}");
                }
            }
            let message = harness.event(99, &[(1, "x".into())]);
            let before = harness.client.stats().work;
            harness.deliver_without_pump(link, &message);
            assert_eq!(harness.client.stats().work > before, is_udp);
        },
    );
}

#[test]
fn sound07_values_count_as_work_and_not_only_bytes() {
    on_front_end(
        |config| config,
        |mut harness| {
            let work = |harness: &mut Harness, content: Value| {
                let before = harness.client.stats().work;
                harness.raise(99, &[(1, content)]);
                let _events = harness.take_events();
                harness.client.stats().work - before
            };
            let text = work(&mut harness, "x".repeat(4_000).into());
            let tiny = objects(&vec![Value::Array(Array::Object(Vec::new())); 500]);
            let containers = work(&mut harness, tiny);
            assert!(
                containers > text,
                "{containers} for values, {text} for bytes"
            );
        },
    );
}

#[test]
fn sound07_one_message_is_processed_whatever_it_costs() {
    on_front_end(
        |config| config.max_work_per_service(0),
        |mut harness| {
            harness.raise(7, &properties("lobby", 0, 1_000));
            assert_eq!(harness.take_events().len(), 1);
        },
    );
}

#[test]
fn sound07_properties_of_unknown_channels_are_not_decoded() {
    on_front_end(
        |config| config,
        |mut harness| {
            let before = harness.client.stats();
            let table = Value::Hashtable(Hashtable(vec![(Value::Int(1), Value::Int(1))]));
            harness.raise(7, &[(22, table), (1, "nowhere".into())]);
            assert_eq!(harness.take_events(), [], "no event");
            let after = harness.client.stats();
            assert_eq!(
                after.unknown_channel_events,
                before.unknown_channel_events + 1
            );
        },
    );
}

#[test]
fn sound07_messages_of_unknown_channels_are_not_decoded() {
    on_front_end(
        |config| config,
        |mut harness| {
            // No list at all: decoded, it would be a malformed event.
            let raised = [
                vec![(1, "nowhere".into()), (4, 1.into()), (2, 2.into())],
                vec![(4, 1.into()), (2, 2.into()), (1, "nowhere".into())],
                vec![
                    (1, "lobby".into()),
                    (1, "nowhere".into()),
                    (2, 2.into()),
                    (4, 1.into()),
                ],
            ];
            for (parameters, number) in raised.into_iter().zip(1..) {
                harness.raise(0, &parameters);
                let stats = harness.client.stats();
                assert_eq!(harness.take_events(), [], "no event");
                assert_eq!(stats.unknown_channel_events, number);
                assert_eq!(stats.malformed_events, 0);
            }
        },
    );
}

#[test]
fn sound07_a_channel_name_is_found_wherever_it_is() {
    on_front_end(
        |config| config,
        |mut harness| {
            let name = |name: &str| (1, Value::from(name));
            let senders = || (4, strings(&["bob", "carol"]));
            let contents = || (2, objects(&["a".into(), Value::Int(7)]));
            let id = (8, Value::Null);
            let orders = [
                vec![name("lobby"), senders(), contents(), id.clone()],
                vec![senders(), contents(), name("lobby"), id.clone()],
                vec![id.clone(), contents(), name("lobby"), senders()],
                // Of a parameter that occurs twice the last one counts.
                vec![
                    name("nowhere"),
                    senders(),
                    contents(),
                    name("lobby"),
                    id.clone(),
                ],
                vec![
                    contents(),
                    name("nowhere"),
                    senders(),
                    name("lobby"),
                    id.clone(),
                ],
                vec![(2, objects(&[])), name("lobby"), senders(), contents(), id],
            ];
            for (mut parameters, number) in orders.into_iter().zip(1..) {
                // Each event continues the last one.
                for (_, id) in parameters.iter_mut().filter(|(key, _)| *key == 8) {
                    *id = Value::Int(2 * number);
                }
                harness.raise(0, &parameters);
                let events = harness.take_events();
                let [Event::ChatMessages { channel, messages }] = events.as_slice() else {
                    panic!("order {number}: {events:?}");
                };
                assert_eq!(channel, "lobby");
                let seen: Vec<_> = messages
                    .iter()
                    .map(|message| (message.sender.to_owned(), message.content.to_value()))
                    .collect();
                let expected = [("bob", Value::from("a")), ("carol", Value::Int(7))];
                let expected = expected.map(|(sender, content)| (sender.to_owned(), content));
                assert_eq!(seen, expected, "order {number}");
            }
        },
    );
}

#[test]
fn sound07_many_properties_at_once_are_kept_like_single_ones() {
    on_front_end(
        |config| config,
        |mut harness| {
            let named = |count: i32| -> Vec<(Value, Value)> {
                (0..count)
                    .map(|key| {
                        let key = key.wrapping_mul(-1_640_531_527);
                        (format!("property{key}").into(), Value::Int(key))
                    })
                    .collect()
            };
            let kept = |harness: &Harness| -> Vec<(Value, Value)> {
                let lobby = harness.client.channel("lobby").expect("subscribed");
                let all = lobby.properties();
                all.map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            };
            let raise = |harness: &mut Harness, pairs: Vec<(Value, Value)>| {
                let table = Value::Hashtable(Hashtable(pairs));
                harness.raise(7, &[(1, "lobby".into()), (22, table)]);
            };
            raise(&mut harness, named(300));
            let at_once = kept(&harness);
            let bytes = harness.client.stats().channel_bytes;
            assert_eq!(at_once.len(), 300);
            assert!(at_once.is_sorted_by(|left, right| left.0 < right.0));
            // Removed, all of them, and set again one by one.
            let removed = named(300).into_iter().map(|(key, _)| (key, Value::Null));
            raise(&mut harness, removed.collect());
            assert_eq!(kept(&harness), []);
            for pair in named(300) {
                raise(&mut harness, vec![pair]);
            }
            assert_eq!(kept(&harness), at_once);
            assert_eq!(harness.client.stats().channel_bytes, bytes);
            assert!(
                harness
                    .take_events()
                    .iter()
                    .all(|event| { matches!(event, Event::PropertiesChanged(_)) })
            );
        },
    );
}

#[test]
fn sound07_input_that_holds_no_message_counts_as_work() {
    on_front_end(
        |config| config.max_work_per_service(20_000),
        |mut harness| {
            if harness.row.json || harness.row.carrier != crate::harness::Carrier::Stream {
                return;
            }
            let pings = [0xF0, 0, 0, 0, 1, 0, 0, 0, 1].repeat(1_000);
            let link = harness.link();
            harness
                .client
                .handle_link(harness.now, link, LinkInput::Received(&pings));
            let mut calls = 1;
            while harness.client.service(harness.now).more {
                calls += 1;
            }
            assert!(calls >= 50, "{calls}");
        },
    );
}

/// What a large list changes is changed over several calls, in front of what follows it.
#[test]
fn sound07_a_large_list_of_subscribers_is_kept_over_several_calls() {
    on_front_end(
        |config| config.presence_cap_bytes(8_000_000),
        |mut harness| {
            if harness.row.carrier == crate::harness::Carrier::Datagrams {
                // The same above the carrier, and the harness sends no fragments.
                return;
            }
            let names: Vec<String> = (0..6_000).map(|number| format!("{number:x}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let color = Value::Hashtable(Hashtable(vec![("color".into(), 7.into())]));
            let users = names
                .iter()
                .take(1_100)
                .map(|name| ((*name).into(), color.clone()));
            let published = Value::Hashtable(Hashtable(vec![(Value::from("254"), true.into())]));
            let list = vec![
                (0, strings(&["lobby"])),
                (15, Value::from(vec![true])),
                (22, published),
                (23, strings(&names)),
                (28, Value::Hashtable(Hashtable(users.collect()))),
            ];
            let deliver = |harness: &mut Harness, code: u8, parameters: &[(u8, Value)]| {
                let (link, bytes) = (harness.link(), harness.event(code, parameters));
                harness.deliver_without_pump(link, &bytes);
            };
            let subscribers = |harness: &Harness| -> Vec<String> {
                let lobby = harness.client.channel("lobby").expect("subscribed");
                lobby.subscribers().map(ToString::to_string).collect()
            };
            for round in 0..2 {
                deliver(&mut harness, 5, &list);
                let left = [(1, "lobby".into()), (225, "0".into())];
                deliver(&mut harness, 9, &left);
                deliver(&mut harness, 7, &properties("lobby", 0, 5_000));
                let mut calls = 0;
                while harness.client.service(harness.now).more {
                    calls += 1;
                }
                assert!(calls >= 5, "{calls} calls in round {round}");
                harness.pump();
                // The user left behind the list.
                let known = subscribers(&harness);
                assert!(!known.contains(&"0".to_owned()) && known.is_sorted());
                assert!(
                    names[1..]
                        .iter()
                        .all(|name| known.contains(&(*name).to_owned()))
                );
                let lobby = harness.client.channel("lobby").expect("subscribed");
                assert_eq!(lobby.user_properties("1").count(), 1);
                assert_eq!(lobby.user_properties("44b").count(), 1);
                assert_eq!(lobby.user_properties("44c").count(), 0);
                // In JSON the number 254 is the same key as that text.
                let expected = if harness.row.json { 5_000 } else { 5_001 };
                assert_eq!(lobby.properties().count(), expected);
                let events = harness.take_events();
                assert!(
                    matches!(
                        &events[..],
                        [
                            Event::SubscribeResult(_),
                            Event::UserUnsubscribed(_),
                            Event::PropertiesChanged(changed)
                        ] if changed.properties.len() == 5_000
                    ),
                    "{} events",
                    events.len()
                );
            }
            // A connection that ends in between takes the rest with it.
            deliver(&mut harness, 5, &list);
            assert!(harness.client.service(harness.now).more);
            assert!(harness.client.service(harness.now).more);
            harness.client.disconnect();
            harness.pump();
            let known = harness
                .client
                .channel("lobby")
                .map(|lobby| lobby.subscribers().count());
            assert!(known.unwrap_or(0) < 6_000, "{known:?}");
            assert!(!harness.client.service(harness.now).more);
        },
    );
}
