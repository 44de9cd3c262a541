//! Positions, holes and lives of channels, without restore (scenario 24): items 118 and 125 to 132.
//! chat.md 4.1 and 4.2.

use crate::harness::{Harness, bools, each, each_with, objects, strings};
use chat_core::{
    Channel, ConnectOptions, Event, Origin, PrivateOptions, RequestError, State, SubscribeOptions,
    Value,
};
use std::ops::RangeInclusive;

/// One event, as far as these tests look at it.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Messages(Origin, Vec<i32>),
    /// The id before it, the number of messages, whether it is verified, and whether it is of a new
    /// life.
    Gap(i32, Option<u32>, bool, bool),
    Private(i32),
}
use Origin::{History, Late, Live, Older};
use Told::{Gap, Messages, Private};

fn on_front_end(test: impl Fn(Harness)) {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        test(harness);
    });
}

/// The server sends the messages with these ids of channel "a", as they were in one life of it.
#[track_caller]
fn sends(harness: &mut Harness, life: &str, ids: RangeInclusive<i32>) {
    let last = *ids.end();
    let texts: Vec<Value> = ids
        .map(|id| format!("{life}{id}").as_str().into())
        .collect();
    let senders = vec!["bob"; texts.len()];
    harness.raise(
        0,
        &[
            (1, "a".into()),
            (4, strings(&senders)),
            (2, objects(&texts)),
            (8, last.into()),
        ],
    );
}

fn told(harness: &mut Harness) -> Vec<Told> {
    let events = harness.take_events().into_iter();
    let told = events.filter_map(|event| match event {
        Event::ChatMessages { channel, messages } => {
            assert_eq!(channel.as_str(), "a");
            let ids: Vec<i32> = messages.iter().filter_map(|message| message.id).collect();
            assert_eq!(ids.last().copied(), messages.last_id());
            Some(Messages(messages.origin(), ids))
        }
        Event::Gap {
            channel,
            after,
            missing,
            verified,
            new_life,
        } => {
            assert_eq!(channel.as_str(), "a");
            Some(Gap(after, missing, verified, new_life))
        }
        Event::PrivateMessage { message, .. } => Some(Private(message.id().unwrap_or(0))),
        _ => None,
    });
    told.collect()
}

#[track_caller]
fn expect(harness: &mut Harness, expected: &[Told]) {
    assert_eq!(told(harness), expected);
}

/// The client asks for the messages of "a" after this id.
#[track_caller]
fn expect_question(harness: &mut Harness, last_id: i32) {
    harness.expect_request(
        0,
        false,
        &[
            (0, strings(&["a"])),
            (14, Value::Int(-1)),
            (9, vec![last_id].into()),
        ],
    );
}

#[track_caller]
fn confirms(harness: &mut Harness) {
    harness.respond(0, 0, None, &[]);
    harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
}

fn subscribe(harness: &mut Harness, options: &SubscribeOptions) {
    harness.client.subscribe(["a"], options).expect("connected");
    harness.pump();
    harness.server().requests.clear();
}

fn position(harness: &Harness) -> i32 {
    harness.client.channel("a").map_or(0, Channel::last_id)
}

fn cached_ids(harness: &Harness) -> Vec<i32> {
    let channel = harness.client.channel("a").expect("known");
    channel
        .messages()
        .filter_map(|message| message.id)
        .collect()
}

/// Loses the connection and logs in again, without any subscription.
fn come_back(harness: &mut Harness) {
    harness.close();
    harness.connect(Some("eu"));
    harness.complete_login();
    harness.forget();
}

#[test]
fn case05_the_same_history_again_is_neither_delivered_nor_cached_twice() {
    on_front_end(|mut harness| {
        subscribe(&mut harness, &SubscribeOptions::new().history(-1));
        confirms(&mut harness);
        for id in 1..=5 {
            sends(&mut harness, "x", id..=id);
        }
        let live: Vec<_> = (1..=5).map(|id| Messages(Live, vec![id])).collect();
        expect(&mut harness, &live);
        subscribe(&mut harness, &SubscribeOptions::new().history(10));
        confirms(&mut harness);
        sends(&mut harness, "x", 1..=5);
        expect(&mut harness, &[]);
        assert_eq!(cached_ids(&harness), [1, 2, 3, 4, 5]);
        assert_eq!(harness.client.stats().repeated_messages, 5);
        // Also if it contains newer ones.
        sends(&mut harness, "x", 2..=7);
        expect(&mut harness, &[Messages(History, vec![6, 7])]);
        assert_eq!(cached_ids(&harness), [1, 2, 3, 4, 5, 6, 7]);
    });
}

#[test]
fn c125_a_hole_is_asked_for_and_filled_in_order() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        harness.respond(0, 0, None, &[]);
        harness.take_events();
        sends(&mut harness, "x", 9..=9);
        sends(&mut harness, "x", 12..=12);
        sends(&mut harness, "x", 13..=13);
        expect(&mut harness, &[Messages(Live, vec![9])]);
        assert_eq!(position(&harness), 9);
        expect_question(&mut harness, 5);
        confirms(&mut harness);
        // The application asked for nothing, so it gets no result and no response.
        assert_eq!(harness.take_events(), []);
        sends(&mut harness, "x", 6..=13);
        expect(
            &mut harness,
            &[
                Messages(Older, vec![6, 7, 8]),
                Messages(History, vec![10, 11, 12, 13]),
            ],
        );
        assert_eq!(position(&harness), 13);
        assert_eq!(cached_ids(&harness), [6, 7, 8, 9, 10, 11, 12, 13]);
        harness.advance_ms(5_000);
        expect(&mut harness, &[]);
        harness.expect_no_request();
        assert_eq!(harness.client.stats().gaps, 0);
    });
}

#[test]
fn c126_a_hole_that_the_server_does_not_fill_is_reported_once() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 5..=5);
        sends(&mut harness, "x", 9..=10);
        harness.advance_ms(1_999);
        expect(&mut harness, &[Messages(Live, vec![5])]);
        harness.advance_ms(1);
        expect(
            &mut harness,
            &[Gap(5, Some(3), true, false), Messages(Live, vec![9, 10])],
        );
        let stats = harness.client.stats();
        assert_eq!((stats.gaps, stats.missing_messages), (1, 3));
        // What arrives later is marked, and keeps the order of the cache.
        sends(&mut harness, "x", 6..=10);
        expect(&mut harness, &[Messages(Late, vec![6, 7, 8])]);
        assert_eq!(cached_ids(&harness), [5, 6, 7, 8, 9, 10]);
        assert_eq!(position(&harness), 10);
        sends(&mut harness, "x", 6..=10);
        sends(&mut harness, "x", 11..=11);
        expect(&mut harness, &[Messages(Live, vec![11])]);
    });
}

#[test]
fn s24_without_repair_a_hole_is_reported_at_once() {
    each_with(
        |config| config.repair(false),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["a"]);
            sends(&mut harness, "x", 5..=5);
            sends(&mut harness, "x", 9..=9);
            expect(
                &mut harness,
                &[
                    Messages(Live, vec![5]),
                    Gap(5, Some(3), true, false),
                    Messages(Live, vec![9]),
                ],
            );
            harness.expect_no_request();
        },
    );
}

#[test]
fn c127_live_messages_before_the_history_wait_for_it() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=5);
        come_back(&mut harness);
        // The server still has the session of the user.
        sends(&mut harness, "x", 9..=9);
        expect(&mut harness, &[]);
        harness.expect_no_request();
        subscribe(&mut harness, &SubscribeOptions::new().history(-1));
        sends(&mut harness, "x", 10..=10);
        confirms(&mut harness);
        expect(&mut harness, &[]);
        sends(&mut harness, "x", 1..=10);
        expect(&mut harness, &[Messages(History, (6..=10).collect())]);
        harness.advance_ms(10_000);
        expect(&mut harness, &[]);
        assert_eq!(harness.client.stats().gaps, 0);
    });
}

#[test]
fn c127_no_message_waits_longer_than_two_seconds_for_a_history_that_never_comes() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=5);
        come_back(&mut harness);
        sends(&mut harness, "x", 6..=6);
        harness.advance_ms(1_999);
        expect(&mut harness, &[]);
        harness.advance_ms(1);
        // The next id is never a gap.
        expect(&mut harness, &[Messages(Live, vec![6])]);
    });
}

#[test]
fn s24_a_new_life_is_recognised_by_its_texts() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=5);
        for (life, last) in [("y", 3), ("z", 5), ("w", 7)] {
            let before = position(&harness);
            come_back(&mut harness);
            subscribe(&mut harness, &SubscribeOptions::new().history(-1));
            confirms(&mut harness);
            harness.take_events();
            sends(&mut harness, life, 1..=last);
            expect(
                &mut harness,
                &[
                    Gap(before, None, false, true),
                    Messages(History, (1..=last).collect()),
                ],
            );
            assert_eq!(position(&harness), last);
        }
    });
}

#[test]
fn c118_a_life_that_begins_while_subscribed_is_reported() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=5);
        sends(&mut harness, "y", 1..=1);
        sends(&mut harness, "y", 2..=2);
        expect(
            &mut harness,
            &[
                Messages(Live, (1..=5).collect()),
                Gap(5, None, false, true),
                Messages(Live, vec![1]),
                Messages(Live, vec![2]),
            ],
        );
        harness.expect_no_request();
        // Not from its beginning: the client asks for everything.
        sends(&mut harness, "x", 3..=9);
        sends(&mut harness, "z", 4..=4);
        expect(
            &mut harness,
            &[Messages(Live, (3..=9).collect()), Gap(9, None, false, true)],
        );
        expect_question(&mut harness, 0);
        sends(&mut harness, "z", 1..=4);
        expect(&mut harness, &[Messages(History, (1..=4).collect())]);
    });
}

#[test]
fn c128_a_stored_id_becomes_the_position_and_hides_no_message_of_another_life() {
    on_front_end(|mut harness| {
        let request = SubscribeOptions::new().last_ids([5]);
        harness
            .client
            .subscribe(["a"], &request)
            .expect("connected");
        harness.pump();
        expect_question(&mut harness, 5);
        confirms(&mut harness);
        assert_eq!(position(&harness), 5);
        harness.take_events();
        sends(&mut harness, "x", 6..=7);
        expect(&mut harness, &[Messages(History, vec![6, 7])]);
    });
    on_front_end(|mut harness| {
        subscribe(&mut harness, &SubscribeOptions::new().last_ids([5]));
        confirms(&mut harness);
        harness.take_events();
        // The server restarted: it had 1 to 3, and sends none of them because of the id.
        sends(&mut harness, "y", 4..=4);
        expect(&mut harness, &[Gap(5, None, false, true)]);
        expect_question(&mut harness, 0);
        sends(&mut harness, "y", 1..=4);
        expect(&mut harness, &[Messages(History, vec![1, 2, 3, 4])]);
    });
}

#[test]
fn c128_the_greater_of_a_passed_id_and_the_position_applies() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=9);
        let options = SubscribeOptions::new().last_ids([3]);
        harness
            .client
            .subscribe(["a"], &options)
            .expect("connected");
        harness.pump();
        // Four more than are needed: they show whether it is the same life.
        expect_question(&mut harness, 5);
        assert_eq!(position(&harness), 9);
        let options = SubscribeOptions::new().last_ids([20]);
        harness
            .client
            .subscribe(["a"], &options)
            .expect("connected");
        harness.pump();
        expect_question(&mut harness, 20);
        assert_eq!(position(&harness), 20);
        harness.take_events();
        sends(&mut harness, "x", 21..=22);
        expect(&mut harness, &[Messages(History, vec![21, 22])]);
    });
}

#[test]
fn s21_older_history_is_delivered_once() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 8..=8);
        for (ids, expected) in [
            (5..=8, vec![Messages(Older, vec![5, 6, 7])]),
            (5..=8, vec![]),
            (1..=8, vec![Messages(Older, vec![1, 2, 3, 4])]),
            (1..=8, vec![]),
        ] {
            subscribe(&mut harness, &SubscribeOptions::new().history(-1));
            harness.take_events();
            sends(&mut harness, "x", ids);
            expect(&mut harness, &expected);
        }
        assert_eq!(
            (position(&harness), cached_ids(&harness)),
            (8, (1..=8).collect())
        );
    });
}

#[test]
fn c132_ids_that_are_none_follow_no_rule() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=2);
        harness.take_events();
        for id in [0, -7, i32::MIN, i32::MAX, i32::MAX, 0] {
            harness.raise(
                0,
                &[
                    (1, "a".into()),
                    (4, strings(&["bob"])),
                    (2, objects(&["x".into()])),
                    (8, id.into()),
                ],
            );
            let count = harness.take_events().len();
            assert_eq!((count, position(&harness)), (1, 2), "{id}");
        }
        sends(&mut harness, "x", 3..=3);
        expect(&mut harness, &[Messages(Live, vec![3])]);
        harness.expect_no_request();
    });
    // An event that begins below id 1: those messages have no id.
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        let texts: Vec<Value> = ["p", "q", "r", "s"].map(Value::from).into();
        let event = [
            (1, "a".into()),
            (4, strings(&["bob"; 4])),
            (2, objects(&texts)),
            (8, Value::Int(2)),
        ];
        harness.raise(0, &event);
        let events = harness.take_events();
        let count = |event: &Event| match event {
            Event::ChatMessages { messages, .. } => messages.len(),
            _ => 0,
        };
        assert_eq!(events.iter().map(count).sum::<usize>(), 4);
        assert_eq!(position(&harness), 2);
    });
}

#[test]
fn c129_messages_before_event_5_of_a_first_subscription_are_delivered() {
    on_front_end(|mut harness| {
        subscribe(&mut harness, &SubscribeOptions::new().history(-1));
        sends(&mut harness, "x", 3..=6);
        expect(&mut harness, &[Messages(History, (3..=6).collect())]);
        assert_eq!(
            harness.client.channel("a").map(Channel::is_subscribed),
            Some(false)
        );
        confirms(&mut harness);
        harness.take_events();
        sends(&mut harness, "x", 7..=7);
        expect(&mut harness, &[Messages(Live, vec![7])]);
        assert_eq!(harness.client.stats().unknown_channel_events, 0);
    });
}

#[test]
fn c130_positions_are_of_one_region_and_one_user() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=5);
        harness.take_events();
        for (region, kept) in [("EU/*", true), ("eu/7", true), ("us", false)] {
            harness.close();
            harness
                .client
                .connect_to_name_server(ConnectOptions::new().region(region))
                .expect("allowed");
            harness.pump();
            harness.complete_login();
            harness.forget();
            assert_eq!(position(&harness), if kept { 5 } else { 0 }, "{region}");
        }
        // Without a gap: the position was of another channel.
        subscribe(&mut harness, &SubscribeOptions::new().history(-1));
        confirms(&mut harness);
        harness.take_events();
        sends(&mut harness, "y", 2..=3);
        expect(&mut harness, &[Messages(History, vec![2, 3])]);
        harness.close();
        harness.client.set_user_id("carol").expect("not connected");
        harness.connect(Some("us"));
        harness.complete_login();
        assert_eq!(position(&harness), 0);
    });
}

#[test]
fn a_channel_that_is_left_hands_out_what_it_holds_and_forgets_its_position() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=2);
        sends(&mut harness, "x", 5..=5);
        harness.take_events();
        harness.raise(6, &[(0, strings(&["a"]))]);
        expect(
            &mut harness,
            &[Gap(2, Some(2), true, false), Messages(Live, vec![5])],
        );
        assert!(harness.client.channel("a").is_none());
        harness.advance_ms(20_000);
        harness.client.disconnect();
        harness.advance_ms(10_000);
        harness.forget();
        assert_eq!(harness.client.check_at_rest(), Ok(()));
    });
}

#[test]
fn held_messages_are_dropped_with_the_connection_and_with_the_channels() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        for forgotten in [false, true] {
            sends(&mut harness, "x", 1..=5);
            sends(&mut harness, "x", 9..=9);
            assert!(harness.client.check_at_rest().is_err());
            if forgotten {
                harness.client.forget_channels();
                harness.close();
            } else {
                harness.close();
                assert_eq!(position(&harness), 5);
                harness.client.forget_channels();
            }
            harness.advance_ms(10_000);
            harness.forget();
            assert_eq!(harness.client.check_at_rest(), Ok(()));
            harness.connect(Some("eu"));
            harness.complete_login();
            harness.forget();
            harness.join(&["a"]);
        }
    });
}

#[test]
fn held_messages_stay_below_their_cap_and_are_asked_for_again() {
    let row = |mut harness: Harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=5);
        let long = "l".repeat(20_000);
        for id in [7, 8, 9, 10, 11] {
            sends(&mut harness, &long, id..=id);
        }
        harness.take_events();
        expect_question(&mut harness, 1);
        sends(&mut harness, "x", 2..=6);
        // Three of them were kept.
        expect(
            &mut harness,
            &[
                Messages(History, vec![6]),
                Messages(Live, vec![7]),
                Messages(Live, vec![8]),
                Messages(Live, vec![9]),
            ],
        );
        expect_question(&mut harness, 5);
        sends(&mut harness, &long, 6..=11);
        expect(&mut harness, &[Messages(History, vec![10, 11])]);
        assert_eq!(harness.client.stats().gaps, 0);
    };
    each(row);
}

#[test]
fn c131_a_private_message_that_comes_again_after_a_login_is_delivered_once() {
    for cached in [0, 100] {
        each_with(
            |config| config.user_id("alice").channel_cache_messages(cached),
            |mut harness| {
                harness.go_to(State::ConnectedToFrontEnd);
                let private = |text: &str, id: i32| {
                    [
                        (5, "bob".into()),
                        (225, "alice".into()),
                        (3, text.into()),
                        (8, Value::Int(id)),
                    ]
                };
                harness.advance_ms(10_000);
                for id in 1..=3 {
                    harness.raise(2, &private("hi", id));
                }
                // Long after the login an equal message is another one.
                harness.raise(2, &private("hi", 3));
                expect(
                    &mut harness,
                    &[Private(1), Private(2), Private(3), Private(3)],
                );
                come_back(&mut harness);
                for id in 1..=4 {
                    harness.raise(2, &private("hi", id));
                }
                // A conversation that begins again has other texts under the same ids.
                harness.raise(2, &private("new", 1));
                expect(&mut harness, &[Private(4), Private(1)]);
                harness.advance_ms(10_000);
                harness.raise(2, &private("hi", 2));
                expect(&mut harness, &[Private(2)]);
                let sent = harness
                    .client
                    .send_private_message("bob", "x", &PrivateOptions::new());
                assert!(!matches!(sent, Err(RequestError::WrongState(_))));
            },
        );
    }
}

#[test]
fn questions_are_limited_on_each_connection() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=1);
        let mut questions = 0;
        for id in (3..60).step_by(2) {
            sends(&mut harness, "x", id..=id);
            harness.advance_ms(2_000);
            questions += harness.server().requests.len();
            harness.server().requests.clear();
            assert_eq!(position(&harness), id);
        }
        assert_eq!(questions, 3);
        assert_eq!(harness.client.stats().gaps, 29);
    });
}

#[test]
fn a_question_never_enters_a_channel_that_the_application_leaves() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=2);
        harness.unsubscribe(&["a"]);
        harness.pump();
        harness.server().requests.clear();
        sends(&mut harness, "x", 5..=5);
        harness.expect_no_request();
        harness.advance_ms(2_000);
        expect(
            &mut harness,
            &[
                Messages(Live, vec![1, 2]),
                Gap(2, Some(2), true, false),
                Messages(Live, vec![5]),
            ],
        );
    });
    // The other way round the server removes the user between the question and its event 5.
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        sends(&mut harness, "x", 1..=1);
        sends(&mut harness, "x", 3..=3);
        harness.raise(6, &[(0, strings(&["a"]))]);
        harness.take_events();
        confirms(&mut harness);
        let events = harness.take_events();
        let reported = events.iter().any(|event| match event {
            Event::SubscribeResult(outcomes) => outcomes[0].request.is_none(),
            _ => false,
        });
        assert!(reported, "{events:?}");
    });
}
