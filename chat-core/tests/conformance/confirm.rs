//! What becomes of sent messages. chat.md 10.2.

use crate::harness::{
    Harness, Line, Seen, bools, each_with, objects, outcomes, over_streams_with, strings,
};
use chat_core::{
    ChatConfig, Event, MessageToken, Outcome, PrivateOptions, PublishOptions, RequestError,
    Restore, State, Value,
};
use photon_proto::{Encode, Text};

const PUBLISH: u8 = 2;
const SEND_PRIVATE: u8 = 3;

fn confirming(config: ChatConfig) -> ChatConfig {
    config.user_id("alice").confirm_messages(true)
}

fn restoring(config: ChatConfig) -> ChatConfig {
    config.user_id("alice").restore(Restore::new())
}

fn in_lobby(harness: &mut Harness) {
    harness.go_to(State::ConnectedToFrontEnd);
    harness.join(&["lobby"]);
    let _events = harness.take_events();
}

fn each_in_lobby(test: impl Fn(Harness)) {
    each_with(confirming, |mut harness| {
        in_lobby(&mut harness);
        test(harness);
    });
}

#[track_caller]
fn publish<C: Encode + ?Sized>(harness: &mut Harness, channel: &str, content: &C) -> u64 {
    let options = PublishOptions::new();
    let token = harness.client.publish_message(channel, content, &options);
    harness.pump();
    token.expect("the message is accepted").number()
}

#[track_caller]
fn write_to(harness: &mut Harness, user: &str, content: &str) -> u64 {
    let options = PrivateOptions::new();
    let token = harness.client.send_private_message(user, content, &options);
    harness.pump();
    token.expect("the message is accepted").number()
}

/// Event 0 in "lobby" with one message.
fn echo(harness: &mut Harness, sender: &str, content: impl Into<Value>, id: i32) {
    let parameters = [
        (1, "lobby".into()),
        (4, strings(&[sender])),
        (2, objects(&[content.into()])),
        (8, Value::Int(id)),
    ];
    harness.raise(0, &parameters);
}

/// The results since the last call, without the other events.
#[track_caller]
fn results(harness: &mut Harness) -> Vec<Seen> {
    let all = harness.take_events();
    all.iter()
        .map(Seen::from)
        .filter(|seen| {
            matches!(
                seen,
                Seen::MessageSent(..) | Seen::MessageRefused(..) | Seen::MessageUnconfirmed(..)
            )
        })
        .collect()
}

fn expect_results(harness: &mut Harness, expected: &[Seen]) {
    assert_eq!(results(harness), expected);
}

#[test]
fn the_echo_of_a_message_confirms_it_after_the_message_itself() {
    each_in_lobby(|mut harness| {
        let token = publish(&mut harness, "lobby", "hi");
        assert_eq!(token, 1);
        echo(&mut harness, "alice", "hi", 7);
        harness.expect(&[
            Seen::messages("lobby", [Line::new("alice", "hi", Some(7))]),
            Seen::MessageSent(1, 7),
        ]);
        // Nothing is left to be said, or to wait for.
        echo(&mut harness, "alice", "hi", 8);
        expect_results(&mut harness, &[]);
    });
}

#[test]
fn only_an_equal_text_of_the_same_user_in_the_same_channel_is_the_echo() {
    each_in_lobby(|mut harness| {
        let first = publish(&mut harness, "lobby", "one");
        let second = publish(&mut harness, "lobby", "two");
        echo(&mut harness, "bob", "one", 1);
        echo(&mut harness, "alice", "three", 2);
        expect_results(&mut harness, &[]);
        echo(&mut harness, "alice", "two", 3);
        echo(&mut harness, "alice", "one", 4);
        expect_results(
            &mut harness,
            &[Seen::MessageSent(second, 3), Seen::MessageSent(first, 4)],
        );
    });
}

#[test]
fn equal_texts_are_confirmed_in_order_and_one_by_each_echo() {
    each_in_lobby(|mut harness| {
        let tokens = [(); 3].map(|()| publish(&mut harness, "lobby", "again"));
        let parameters = [
            (1, "lobby".into()),
            (4, strings(&["alice", "bob", "alice"])),
            (
                2,
                objects(&["again".into(), "again".into(), "again".into()]),
            ),
            (8, Value::Int(3)),
        ];
        harness.raise(0, &parameters);
        expect_results(
            &mut harness,
            &[
                Seen::MessageSent(tokens[0], 1),
                Seen::MessageSent(tokens[1], 3),
            ],
        );
        echo(&mut harness, "alice", "again", 4);
        expect_results(&mut harness, &[Seen::MessageSent(tokens[2], 4)]);
    });
}

#[test]
fn an_id_up_to_the_position_at_the_time_of_sending_is_no_echo() {
    each_in_lobby(|mut harness| {
        echo(&mut harness, "alice", "hi", 5);
        let token = publish(&mut harness, "lobby", "hi");
        // The history that the application asks for has the older one.
        echo(&mut harness, "alice", "hi", 5);
        expect_results(&mut harness, &[]);
        echo(&mut harness, "alice", "hi", 6);
        expect_results(&mut harness, &[Seen::MessageSent(token, 6)]);
    });
}

#[test]
fn content_that_is_no_text_is_confirmed_by_any_other_content_of_the_user() {
    each_in_lobby(|mut harness| {
        let number = publish(&mut harness, "lobby", &Value::Int(4));
        let text = publish(&mut harness, "lobby", "text");
        let list = publish(&mut harness, "lobby", &Value::from(vec![1, 2]));
        // The server may change the type of a number.
        echo(&mut harness, "alice", Value::Int(5), 1);
        echo(&mut harness, "alice", "text", 2);
        echo(&mut harness, "alice", Value::Int(6), 3);
        expect_results(
            &mut harness,
            &[
                Seen::MessageSent(number, 1),
                Seen::MessageSent(text, 2),
                Seen::MessageSent(list, 3),
            ],
        );
    });
}

#[test]
fn an_application_type_that_encodes_text_is_text() {
    struct Shout(&'static str);
    impl Encode for Shout {
        fn encode(
            &self,
            out: chat_core::ValueWriter<'_>,
        ) -> Result<chat_core::Written, chat_core::EncodeError> {
            out.str(&self.0.to_uppercase())
        }
    }
    each_in_lobby(|mut harness| {
        let token = publish(&mut harness, "lobby", &Shout("hi"));
        echo(&mut harness, "alice", "hi", 1);
        expect_results(&mut harness, &[]);
        echo(&mut harness, "alice", "HI", 2);
        expect_results(&mut harness, &[Seen::MessageSent(token, 2)]);
    });
}

#[test]
fn a_private_message_is_confirmed_by_its_echo() {
    each_in_lobby(|mut harness| {
        let to_bob = write_to(&mut harness, "bob", "psst");
        let to_carol = write_to(&mut harness, "carol", "psst");
        let private = |sender: &str, target: &str, id| {
            [
                (5, sender.into()),
                (225, target.into()),
                (3, "psst".into()),
                (8, Value::Int(id)),
            ]
        };
        harness.raise(2, &private("bob", "alice", 1));
        expect_results(&mut harness, &[]);
        harness.raise(2, &private("alice", "carol", 1));
        harness.raise(2, &private("alice", "bob", 2));
        expect_results(
            &mut harness,
            &[Seen::MessageSent(to_carol, 1), Seen::MessageSent(to_bob, 2)],
        );
    });
}

#[test]
fn an_answer_with_a_code_refuses_the_message_that_it_belongs_to() {
    each_in_lobby(|mut harness| {
        let tokens = ["a", "b", "c"].map(|text| publish(&mut harness, "lobby", text));
        let private = write_to(&mut harness, "bob", "psst");
        harness.respond(PUBLISH, 0, None, &[]);
        harness.respond(PUBLISH, -3, Some("no"), &[]);
        let events = harness.take_events();
        let refusals: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::MessageRefused {
                    token,
                    error,
                    guess,
                } => Some((token.number(), (**error).clone(), *guess)),
                _ => None,
            })
            .collect();
        let error = chat_core::ServerError {
            operation: PUBLISH,
            code: -3,
            message: Text::from("no"),
        };
        assert_eq!(refusals, [(tokens[1], error, false)]);
        // The application still sees the response itself, and first.
        let seen: Vec<_> = events.iter().map(Seen::from).collect();
        assert_eq!(seen[1], Seen::response(PUBLISH, -3, "no"));
        harness.respond(SEND_PRIVATE, -2, None, &[]);
        expect_results(&mut harness, &[Seen::MessageRefused(private, -2, false)]);
        echo(&mut harness, "alice", "b", 1);
        echo(&mut harness, "alice", "a", 2);
        expect_results(&mut harness, &[Seen::MessageSent(tokens[0], 2)]);
    });
}

#[test]
fn a_server_that_leaves_answers_out_makes_a_refusal_a_guess() {
    each_in_lobby(|mut harness| {
        let first = publish(&mut harness, "lobby", "a");
        echo(&mut harness, "alice", "a", 1);
        let second = publish(&mut harness, "lobby", "b");
        let third = publish(&mut harness, "lobby", "c");
        harness.respond(PUBLISH, -3, None, &[]);
        expect_results(
            &mut harness,
            &[
                Seen::MessageSent(first, 1),
                Seen::MessageRefused(second, -3, true),
            ],
        );
        harness.respond(PUBLISH, -3, None, &[]);
        expect_results(&mut harness, &[Seen::MessageRefused(third, -3, true)]);
        // Nothing is open.
        harness.respond(PUBLISH, -3, None, &[]);
        expect_results(&mut harness, &[]);
    });
}

#[test]
fn a_raw_publish_takes_its_own_answer() {
    each_in_lobby(|mut harness| {
        let parameters = [(1, "lobby".into()), (3, "raw".into())];
        let options = chat_core::OperationOptions::new();
        harness
            .client
            .send_operation(PUBLISH, &parameters, &options)
            .unwrap();
        let token = publish(&mut harness, "lobby", "hi");
        harness.respond(PUBLISH, -3, None, &[]);
        expect_results(&mut harness, &[]);
        harness.respond(PUBLISH, -3, None, &[]);
        expect_results(&mut harness, &[Seen::MessageRefused(token, -3, false)]);
    });
}

#[test]
fn a_message_without_a_result_is_unconfirmed_after_30_s() {
    each_in_lobby(|mut harness| {
        let first = publish(&mut harness, "lobby", "a");
        harness.advance_ms(1_000);
        let second = publish(&mut harness, "lobby", "b");
        let sent_at = harness.now;
        while harness.now < sent_at.plus_millis(28_999) {
            // The server lives: it sends something.
            harness.advance_ms(1_000);
            echo(&mut harness, "bob", "noise", 0);
        }
        let results_first = results(&mut harness);
        harness.advance_ms(1_500);
        let results_second = results(&mut harness);
        assert_eq!(results_first, [Seen::MessageUnconfirmed(first)]);
        assert_eq!(results_second, [Seen::MessageUnconfirmed(second)]);
        echo(&mut harness, "alice", "a", 1);
        expect_results(&mut harness, &[]);
    });
}

#[test]
fn leaving_a_channel_ends_its_messages_only() {
    each_in_lobby(|mut harness| {
        harness.join(&["team"]);
        let lobby = publish(&mut harness, "lobby", "a");
        let team = publish(&mut harness, "team", "a");
        harness.raise(6, &[(0, strings(&["lobby"]))]);
        expect_results(&mut harness, &[Seen::MessageUnconfirmed(lobby)]);
        harness.respond(PUBLISH, 0, None, &[]);
        harness.respond(PUBLISH, -3, None, &[]);
        expect_results(&mut harness, &[Seen::MessageRefused(team, -3, false)]);
    });
}

#[test]
fn an_accepted_message_to_a_channel_that_is_not_subscribed_has_no_echo() {
    each_in_lobby(|mut harness| {
        let refused = publish(&mut harness, "elsewhere", "a");
        let accepted = publish(&mut harness, "elsewhere", "b");
        expect_results(&mut harness, &[]);
        harness.respond(PUBLISH, -3, None, &[]);
        harness.respond(PUBLISH, 0, None, &[]);
        expect_results(
            &mut harness,
            &[
                Seen::MessageRefused(refused, -3, false),
                Seen::MessageUnconfirmed(accepted),
            ],
        );
    });
}

#[test]
fn the_end_of_the_connection_ends_all_messages_before_the_state_changes() {
    each_in_lobby(|mut harness| {
        let tokens = ["a", "b"].map(|text| publish(&mut harness, "lobby", text));
        let private = write_to(&mut harness, "bob", "c");
        let request = harness.subscribe(&["team"]);
        harness.send_disconnect_or_close();
        harness.expect(&[
            Seen::Subscribed(outcomes(&["team"], &Outcome::ConnectionLost, Some(request))),
            Seen::MessageUnconfirmed(tokens[0]),
            Seen::MessageUnconfirmed(tokens[1]),
            Seen::MessageUnconfirmed(private),
            Seen::State(State::Error),
            Seen::Error(1003),
        ]);
    });
}

#[test]
fn disconnect_ends_all_messages_before_the_state_changes() {
    each_with(restoring, |mut harness| {
        in_lobby(&mut harness);
        let token = publish(&mut harness, "lobby", "a");
        harness.client.disconnect();
        harness.pump();
        harness.expect(&[
            Seen::MessageUnconfirmed(token),
            Seen::State(State::Disconnected),
        ]);
    });
}

#[test]
fn at_most_1024_messages_are_open() {
    over_streams_with(confirming, |mut harness| {
        in_lobby(&mut harness);
        let options = PublishOptions::new();
        for _ in 0..1024 {
            harness
                .client
                .publish_message("lobby", "a", &options)
                .unwrap();
            harness.pump();
        }
        let refused = harness.client.publish_message("lobby", "a", &options);
        assert_eq!(refused, Err(RequestError::QueueFull));
        let refused = harness
            .client
            .send_private_message("bob", "a", &PrivateOptions::new());
        assert_eq!(refused, Err(RequestError::QueueFull));
        // An error in the arguments comes first.
        let refused = harness.client.publish_message("", "a", &options);
        assert_eq!(refused, Err(RequestError::Empty("channel name")));
        echo(&mut harness, "alice", "a", 1);
        expect_results(&mut harness, &[Seen::MessageSent(1, 1)]);
        assert_eq!(publish(&mut harness, "lobby", "a"), 1025);
        harness.client.disconnect();
        harness.pump();
        assert_eq!(results(&mut harness).len(), 1024);
    });
}

#[test]
fn without_confirmation_there_are_tokens_and_no_results() {
    each_with(
        |config| config.user_id("alice"),
        |mut harness| {
            in_lobby(&mut harness);
            let first = publish(&mut harness, "lobby", "a");
            let second = write_to(&mut harness, "bob", "a");
            assert_eq!((first, second), (1, 2));
            echo(&mut harness, "alice", "a", 1);
            harness.respond(PUBLISH, -3, None, &[]);
            harness.send_disconnect_or_close();
            expect_results(&mut harness, &[]);
        },
    );
    assert_eq!(size_of::<MessageToken>(), 8);
}

/// A lost connection is made again, without waiting for the schedule, and "lobby" confirmed.
fn come_back(harness: &mut Harness) {
    assert_eq!(harness.client.state(), State::Error);
    harness.client.reconnect().expect("there is a token");
    harness.pump();
    harness.handshake();
    harness.forget();
    harness.respond(230, 0, None, &[]);
    harness.raise(5, &[(0, strings(&["lobby"])), (15, bools(&[true]))]);
}

#[test]
fn s14_a_restored_history_confirms_what_was_sent_before_the_loss() {
    each_with(restoring, |mut harness| {
        in_lobby(&mut harness);
        echo(&mut harness, "bob", "first", 1);
        let token = publish(&mut harness, "lobby", "mine");
        let private = write_to(&mut harness, "bob", "psst");
        harness.close();
        expect_results(&mut harness, &[Seen::MessageUnconfirmed(private)]);
        come_back(&mut harness);
        // A refusal on the new connection belongs to a message on it.
        harness.respond(PUBLISH, -3, None, &[]);
        expect_results(&mut harness, &[]);
        let parameters = [
            (1, "lobby".into()),
            (4, strings(&["bob", "alice"])),
            (2, objects(&["first".into(), "mine".into()])),
            (8, Value::Int(2)),
        ];
        harness.raise(0, &parameters);
        expect_results(&mut harness, &[Seen::MessageSent(token, 2)]);
    });
}

#[test]
fn s14_a_restored_history_without_the_message_ends_it_after_2_s() {
    each_with(restoring, |mut harness| {
        in_lobby(&mut harness);
        echo(&mut harness, "bob", "first", 1);
        let token = publish(&mut harness, "lobby", "mine");
        harness.close();
        expect_results(&mut harness, &[]);
        come_back(&mut harness);
        // Only what the client knew: the channel is in the same life, and nothing is missing.
        echo(&mut harness, "bob", "first", 1);
        harness.advance_ms(1_999);
        expect_results(&mut harness, &[]);
        harness.advance_ms(1);
        expect_results(&mut harness, &[Seen::MessageUnconfirmed(token)]);
    });
}

#[test]
fn s14_another_life_ends_the_messages_of_its_channel() {
    each_with(restoring, |mut harness| {
        in_lobby(&mut harness);
        echo(&mut harness, "bob", "first", 1);
        echo(&mut harness, "bob", "second", 2);
        let token = publish(&mut harness, "lobby", "mine");
        harness.close();
        come_back(&mut harness);
        let _events = harness.take_events();
        echo(&mut harness, "alice", "mine", 1);
        let seen: Vec<_> = harness.take_events().iter().map(Seen::from).collect();
        assert!(seen.contains(&Seen::MessageUnconfirmed(token)), "{seen:?}");
    });
}

/// The rest of a history may have arrived meanwhile, and wait to be processed.
#[test]
fn s14_a_sleep_does_not_end_the_wait_for_the_rest_of_a_history() {
    each_with(restoring, |mut harness| {
        in_lobby(&mut harness);
        echo(&mut harness, "bob", "first", 1);
        let token = publish(&mut harness, "lobby", "mine");
        harness.close();
        come_back(&mut harness);
        echo(&mut harness, "bob", "first", 1);
        expect_results(&mut harness, &[]);
        harness.now = harness.now.plus_millis(25_000);
        harness.pump();
        expect_results(&mut harness, &[]);
        echo(&mut harness, "alice", "mine", 2);
        expect_results(&mut harness, &[Seen::MessageSent(token, 2)]);
    });
}

#[test]
fn s17_a_disconnect_while_suspended_ends_the_messages_that_wait() {
    each_with(restoring, |mut harness| {
        in_lobby(&mut harness);
        let token = publish(&mut harness, "lobby", "mine");
        harness.client.suspend().unwrap();
        harness.pump();
        expect_results(&mut harness, &[]);
        harness.client.disconnect();
        harness.pump();
        expect_results(&mut harness, &[Seen::MessageUnconfirmed(token)]);
    });
}

#[test]
fn s14_giving_up_ends_messages_that_wait_for_a_history() {
    each_with(
        |config| config.user_id("alice").restore(Restore::new().attempts(0)),
        |mut harness| {
            in_lobby(&mut harness);
            let token = publish(&mut harness, "lobby", "mine");
            harness.close();
            let seen: Vec<_> = harness.take_events().iter().map(Seen::from).collect();
            let unconfirmed = seen
                .iter()
                .position(|seen| *seen == Seen::MessageUnconfirmed(token));
            let gave_up = seen.iter().position(|seen| *seen == Seen::ReconnectGaveUp);
            assert!(unconfirmed.is_some() && unconfirmed < gave_up, "{seen:?}");
        },
    );
}

#[test]
fn s14_a_queued_message_has_its_result_once_it_was_sent() {
    each_with(
        |config| {
            config
                .user_id("alice")
                .restore(Restore::new().queue_cap_bytes(1_000))
        },
        |mut harness| {
            in_lobby(&mut harness);
            echo(&mut harness, "bob", "first", 1);
            harness.close();
            let token = publish(&mut harness, "lobby", "queued");
            come_back(&mut harness);
            expect_results(&mut harness, &[]);
            harness.respond(0, 0, None, &[]);
            harness.pump();
            // The history shows that it is still the same life.
            echo(&mut harness, "bob", "first", 1);
            echo(&mut harness, "alice", "queued", 2);
            // No history shows whether the channel is still in the same life, so the echo waits.
            harness.advance_ms(2_000);
            expect_results(&mut harness, &[Seen::MessageSent(token, 2)]);
        },
    );
}
