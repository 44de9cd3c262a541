//! What an application shows beside a message: whether it is read, whose it is, when it came.

use crate::harness::{Harness, each_with, objects, strings};
use crate::messages::chat;
use chat_core::{Channel, ChatClient, ChatConfig, Event, State, Timestamp, Value};

fn on_front_end(configure: impl Fn(ChatConfig) -> ChatConfig, test: impl Fn(Harness)) {
    each_with(
        |config| configure(config.user_id("alice")),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["a"]);
            test(harness);
        },
    );
}

/// Sends messages of `sender` with these ids and with them as texts.
fn sends(harness: &mut Harness, sender: &str, ids: std::ops::RangeInclusive<i32>) {
    let texts: Vec<Value> = ids.clone().map(|id| id.to_string().into()).collect();
    let senders = vec![sender; texts.len()];
    harness.raise(0, &chat("a", &senders, &texts, *ids.end()));
}

fn sends_privately(harness: &mut Harness, id: i32) {
    let parameters = [
        (5, "bob".into()),
        (225, "alice".into()),
        (3, "hi".into()),
        (8, Value::Int(id)),
    ];
    harness.raise(2, &parameters);
}

fn sends_without_id(harness: &mut Harness) {
    let parameters = [
        (1, "a".into()),
        (4, strings(&["bob"])),
        (2, objects(&["without".into()])),
    ];
    harness.raise(0, &parameters);
}

fn public(client: &ChatClient) -> &Channel {
    client.channel("a").expect("joined")
}

fn unread(channel: &Channel, last_read: i32) -> Vec<Option<i32>> {
    let unread = channel.unread_since(last_read);
    unread.map(|message| message.id).collect()
}

#[test]
fn unread_messages_are_those_behind_the_last_one_that_was_read() {
    let keeps_four = |config: ChatConfig| config.channel_cache_messages(4);
    on_front_end(keeps_four, |mut harness| {
        assert_eq!(unread(public(&harness.client), 0), []);
        sends(&mut harness, "bob", 1..=3);
        sends(&mut harness, "bob", 4..=6);
        let channel = public(&harness.client);
        let all = [3, 4, 5, 6].map(Some);
        // The cache has lost 1 and 2.
        for (last_read, expected) in [
            (i32::MIN, &all[..]),
            (0, &all),
            (1, &all),
            (2, &all),
            (3, &all[1..]),
            (5, &all[3..]),
            (6, &[]),
        ] {
            assert_eq!(unread(channel, last_read), expected, "{last_read}");
        }
    });
}

#[test]
fn after_ids_began_again_an_id_above_them_is_of_an_earlier_life() {
    let keeps_two = |config: ChatConfig| config.channel_cache_messages(2);
    on_front_end(keeps_two, |mut harness| {
        sends(&mut harness, "bob", 1..=5);
        sends(&mut harness, "bob", 1..=1);
        // 5 is still there.
        assert_eq!(unread(public(&harness.client), 5), [Some(1)]);
        sends(&mut harness, "bob", 2..=2);
        for last_read in [0, 5, i32::MAX] {
            let unread = unread(public(&harness.client), last_read);
            assert_eq!(unread, [Some(1), Some(2)], "{last_read}");
        }
        assert_eq!(unread(public(&harness.client), 1), [Some(2)]);

        for id in [8, 9, 1] {
            sends_privately(&mut harness, id);
        }
        let channel = harness.client.private_channel("bob").expect("a message");
        assert_eq!(unread(channel, 9), [Some(1)]);
        assert_eq!(unread(channel, 1), []);
    });
}

#[test]
fn messages_without_an_id_are_unread_behind_the_last_one_that_was_read() {
    on_front_end(
        |config| config,
        |mut harness| {
            sends(&mut harness, "bob", 1..=2);
            sends_without_id(&mut harness);
            let channel = public(&harness.client);
            assert_eq!(unread(channel, 1), [Some(2), None]);
            assert_eq!(unread(channel, 2), [None]);
        },
    );
}

#[test]
fn a_message_is_mine_if_the_user_of_the_client_sent_it() {
    on_front_end(
        |config| config,
        |mut harness| {
            sends(&mut harness, "alice", 1..=1);
            sends(&mut harness, "Alice", 2..=2);
            let client = &harness.client;
            let mine: Vec<bool> = public(client)
                .messages()
                .map(|message| client.is_mine(&message))
                .collect();
            assert_eq!(mine, [true, false]);
        },
    );
}

#[test]
fn a_message_knows_when_the_client_received_it() {
    on_front_end(
        |config| config,
        |mut harness| {
            harness.take_events();
            let first = harness.now;
            sends(&mut harness, "bob", 1..=2);
            harness.advance_ms(700);
            let second = harness.now;
            sends(&mut harness, "bob", 3..=3);
            sends_privately(&mut harness, 1);
            // The cache and the events agree, whenever they are read.
            harness.advance_ms(50);
            let received: Vec<Timestamp> = public(&harness.client)
                .messages()
                .map(|message| message.received)
                .collect();
            assert_eq!(received, [first, first, second]);
            let mut from_events = Vec::new();
            for event in harness.take_events() {
                match event {
                    Event::ChatMessages { messages, .. } => {
                        from_events.extend(messages.iter().map(|message| message.to_owned()));
                    }
                    Event::PrivateMessage { message, .. } => {
                        assert_eq!(message.received(), second);
                    }
                    _ => {}
                }
            }
            let times: Vec<Timestamp> = from_events.iter().map(|it| it.received).collect();
            assert_eq!(times, received);
        },
    );
}

#[test]
fn a_message_that_waits_behind_a_hole_keeps_the_time_of_its_arrival() {
    on_front_end(
        |config| config,
        |mut harness| {
            sends(&mut harness, "bob", 1..=1);
            let arrived = harness.now;
            sends(&mut harness, "bob", 4..=4);
            assert_eq!(unread(public(&harness.client), 1), [], "it waits");
            harness.advance_ms(60_000);
            let last = public(&harness.client).messages().last();
            let last = last.expect("the wait is over");
            assert_eq!((last.id, last.received), (Some(4), arrived));
        },
    );
}

#[test]
fn the_same_message_received_twice_is_equal() {
    on_front_end(
        |config| config,
        |mut harness| {
            sends_without_id(&mut harness);
            harness.advance_ms(10);
            sends_without_id(&mut harness);
            let channel = public(&harness.client);
            let both: Vec<_> = channel.messages().collect();
            let [first, second] = both[..] else {
                panic!("{both:?}")
            };
            assert_ne!(first.received, second.received);
            assert_eq!(first, second);
            assert_eq!(first.to_owned(), second.to_owned());
        },
    );
}
