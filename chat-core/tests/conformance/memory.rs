//! Memory that others can make the client keep: names, ids and texts count in bytes.

use crate::harness::{Harness, Line, Seen, bools, each, each_with, strings};
use chat_core::{ChatConfig, Event, PrivateOptions, State, Value};

/// chat.md 5: so many conversations are kept.
const MAX_CONVERSATIONS: usize = 1_024;

/// Event 2.
fn private(sender: &str, id: i32) -> [(u8, Value); 3] {
    [(5, sender.into()), (3, "hello".into()), (8, id.into())]
}

/// Event 5, which nobody asked for.
fn subscribed(channel: &str) -> [(u8, Value); 2] {
    [(0, strings(&[channel])), (15, bools(&[true]))]
}

fn users(harness: &Harness) -> Vec<&str> {
    let channels = harness.client.private_channels();
    channels.map(|channel| channel.name().as_str()).collect()
}

/// The users whose conversations were forgotten, as far as their events were not taken before.
fn forgotten(harness: &mut Harness) -> Vec<String> {
    let events = harness.take_events().into_iter();
    events
        .filter_map(|event| match event {
            Event::ConversationForgotten { user } => Some(user.to_string()),
            _ => None,
        })
        .collect()
}

/// A client that is connected as alice.
fn on_front_end(change: fn(ChatConfig) -> ChatConfig, test: impl Fn(Harness)) {
    each_with(
        |config| change(config.user_id("alice")),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let _login = harness.take_events();
            test(harness);
        },
    );
}

fn same(config: ChatConfig) -> ChatConfig {
    config
}

#[test]
fn case12_the_least_recently_used_conversation_is_forgotten() {
    on_front_end(same, |mut harness| {
        let mut id = 1;
        harness.raise(2, &private("friend", id));
        for stranger in 0..MAX_CONVERSATIONS - 1 {
            harness.raise(2, &private(&format!("stranger{stranger}"), 1));
            if stranger % 100 == 99 {
                id += 1;
                harness.raise(2, &private("friend", id));
            }
        }
        assert_eq!(users(&harness).len(), MAX_CONVERSATIONS);
        assert_eq!(forgotten(&mut harness), [""; 0]);
        harness.raise(2, &private("stranger1023", 1));
        harness.expect(&[
            Seen::Forgotten("stranger0".into()),
            Seen::private("stranger1023", Line::new("stranger1023", "hello", Some(1))),
        ]);
        let friend = harness.client.private_channel("friend").expect("kept");
        assert_eq!((friend.last_id(), friend.messages().count()), (id, 11));
        assert!(harness.client.private_channel("stranger0").is_none());
        assert_eq!(harness.client.stats().forgotten_conversations, 1);
        // The order is still that of the first message.
        assert_eq!(users(&harness)[..2], ["friend", "stranger1"]);
    });
}

#[test]
fn case12_a_message_of_this_user_counts_as_use() {
    on_front_end(same, |mut harness| {
        for number in 0..MAX_CONVERSATIONS {
            harness.raise(2, &private(&format!("user{number}"), 1));
        }
        // One is written to, of the other a message to it comes back, as from a second device.
        let sent = harness
            .client
            .send_private_message("user0", "hi", &PrivateOptions::new());
        assert!(sent.is_ok(), "{sent:?}");
        harness.pump();
        let from_alice = [
            (5, "alice".into()),
            (225, "user1".into()),
            (3, "hi".into()),
            (8, 2.into()),
        ];
        harness.raise(2, &from_alice);
        let _before = harness.take_events();
        for number in 0..3 {
            harness.raise(2, &private(&format!("new{number}"), 1));
        }
        assert_eq!(forgotten(&mut harness), ["user2", "user3", "user4"]);
    });
}

#[test]
fn case12_a_forgotten_conversation_begins_again() {
    on_front_end(
        |config| config.unsolicited_cap_bytes(2_000),
        |mut harness| {
            for round in 1..20 {
                for user in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
                    harness.raise(2, &private(user, round));
                    let channel = harness.client.private_channel(user).expect("the newest");
                    assert_eq!((channel.last_id(), channel.messages().count()), (round, 1));
                }
            }
            assert!(harness.client.stats().channel_bytes <= 2_000);
            assert!(users(&harness).len() > 1, "more than one fits");
        },
    );
}

#[test]
fn sound05_the_names_of_conversations_are_limited_by_bytes() {
    const ID_BYTES: usize = 30_000;
    on_front_end(same, |mut harness| {
        for number in 0..60 {
            let user = format!("{number:0ID_BYTES$}");
            harness.raise(2, &private(&user, 1));
            let bytes = harness.client.stats().channel_bytes;
            assert!(bytes <= 1024 * 1024, "{bytes}");
            assert!(bytes >= users(&harness).len() * ID_BYTES, "{bytes}");
        }
        // 34 ids of 30,000 bytes fit into 1 MiB.
        assert_eq!(users(&harness).len(), 34);
        let gone = forgotten(&mut harness);
        assert_eq!(gone.len(), 26);
        assert!(gone.iter().enumerate().all(|(number, user)| {
            user.trim_start_matches('0') == number.to_string().trim_start_matches('0')
        }));
        harness.client.forget_channels();
        assert_eq!(harness.client.stats().channel_bytes, 0);
        // The space is there again.
        harness.raise(2, &private("bob", 1));
        assert_eq!(users(&harness), ["bob"]);
    });
}

#[test]
fn sound05_an_id_that_never_fits_pushes_nobody_out() {
    on_front_end(
        |config| config.unsolicited_cap_bytes(10_000),
        |mut harness| {
            harness.raise(2, &private("bob", 1));
            let _before = harness.take_events();
            let giant = "x".repeat(10_000);
            harness.raise(2, &private(&giant, 1));
            // The message arrives all the same.
            let events = harness.take_events();
            assert!(
                matches!(&events[..], [Event::PrivateMessage { channel, message }]
                    if channel.len() == giant.len() && message.sender() == giant),
            );
            assert_eq!(users(&harness), ["bob"]);
            assert_eq!(harness.client.stats().unkept_channels, 1);
            assert_eq!(harness.client.stats().forgotten_conversations, 0);
        },
    );
}

#[test]
fn sound05_the_names_of_unsolicited_channels_are_limited_by_bytes() {
    const NAME_BYTES: usize = 30_000;
    on_front_end(same, |mut harness| {
        for number in 0..60 {
            let name = format!("{number:0NAME_BYTES$}");
            harness.raise(5, &subscribed(&name));
            assert_eq!(harness.take_events().len(), 1, "reported all the same");
        }
        let stats = harness.client.stats();
        assert!(stats.channel_bytes <= 1024 * 1024, "{stats:?}");
        assert_eq!(harness.client.public_channels().count(), 34);
        assert_eq!(stats.unkept_channels, 26);
        // A channel that goes makes space for another one.
        harness.raise(6, &[(0, strings(&[&format!("{:0NAME_BYTES$}", 3)]))]);
        harness.raise(5, &subscribed("small"));
        assert!(harness.client.channel("small").is_some());
        // A name that the application asked for is its own affair.
        let name = "n".repeat(30_001);
        let _request = harness
            .client
            .subscribe([&name], &chat_core::SubscribeOptions::new())
            .expect("on the front end");
        harness.pump();
        harness.raise(5, &subscribed(&name));
        assert!(harness.client.channel(&name).is_some());
    });
}

#[test]
fn sound05_what_others_fill_is_counted_and_returned() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let before = harness.client.stats().channel_bytes;
        harness.raise(2, &private("bob", 1));
        harness.raise(5, &subscribed("lobby"));
        let with_names = harness.client.stats().channel_bytes;
        assert!(with_names > before);
        harness.raise(8, &[(1, "lobby".into()), (225, "u".repeat(5_000).into())]);
        assert!(harness.client.stats().channel_bytes >= with_names + 5_000);
        harness.client.disconnect();
        harness.advance_ms(60_000);
        harness.client.forget_channels();
        let _events = harness.take_events();
        assert_eq!(harness.client.stats().channel_bytes, 0);
        assert_eq!(harness.client.check_at_rest(), Ok(()));
    });
}
