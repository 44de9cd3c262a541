//! Subscribing and channels: items 54 to 65, 69 to 72 and 76 to 80.

use crate::harness::{ALL_STATES, Harness, Line, Seen, bools, each, objects, outcomes, strings};
use chat_core::{ChatClient, Outcome, RequestError, RequestId, State, SubscribeOptions, Value};

fn options() -> SubscribeOptions {
    SubscribeOptions::new()
}

/// Subscribes on the front end, and returns the parameters of the request except the channel names.
#[track_caller]
fn sent_with(channels: &[&str], options: &SubscribeOptions, expected: &[(u8, Value)]) {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let before = harness.client.state();
        harness
            .client
            .subscribe(channels, options)
            .expect("on the front end");
        harness.pump();
        harness.expect_request(0, false, &[&[(0, strings(channels))], expected].concat());
        harness.expect_nothing();
        assert_eq!(harness.client.state(), before);
    });
}

fn on_front_end(test: impl Fn(Harness)) {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        test(harness);
    });
}

fn names(client: &ChatClient) -> Vec<&str> {
    client
        .public_channels()
        .map(|channel| channel.name().as_str())
        .collect()
}

fn done(channels: &[&str], request: impl Into<Option<RequestId>>) -> Seen {
    Seen::Subscribed(outcomes(channels, &Outcome::Done, request.into()))
}

/// Event 0 with one message of bob.
fn bob_publishes(harness: &mut Harness, channel: &str, text: &str, id: i32) {
    harness.raise(
        0,
        &[
            (1, channel.into()),
            (4, strings(&["bob"])),
            (2, objects(&[text.into()])),
            (8, id.into()),
        ],
    );
}

#[test]
fn c054_subscribe_is_rejected_in_every_state_but_4() {
    for state in ALL_STATES
        .into_iter()
        .filter(|&state| state != State::ConnectedToFrontEnd)
    {
        each(|mut harness| {
            harness.go_to(state);
            let error = harness.refused(|client| client.subscribe(["a"], &options()));
            assert_eq!(error, RequestError::WrongState(state));
            harness.expect_nothing();
        });
    }
}

#[test]
fn c055_subscribe_sends_the_names_and_nothing_else() {
    sent_with(&["a", "b"], &options(), &[]);
    sent_with(
        &["ä", "a", "general chat"],
        &SubscribeOptions::default(),
        &[],
    );
    // Any list of names.
    on_front_end(|mut harness| {
        let names = vec![String::from("b"), String::from("a")];
        harness
            .client
            .subscribe(&names, &options())
            .expect("on the front end");
        harness.pump();
        harness.expect_request(0, false, &[(0, strings(&["b", "a"]))]);
    });
}

#[test]
fn c056_history_0_sends_no_history_length() {
    sent_with(&["a"], &options().history(0), &[]);
}

#[test]
fn c057_history_minus_1_is_sent_unchanged() {
    sent_with(&["a", "b"], &options().history(-1), &[(14, Value::Int(-1))]);
}

#[test]
fn c058_a_history_length_is_sent_as_an_int() {
    for length in [1, 20, 100] {
        sent_with(
            &["a"],
            &options().history(length),
            &[(14, Value::Int(length))],
        );
    }
}

#[test]
fn c059_a_history_length_below_minus_1_is_sent_as_minus_1() {
    for length in [-2, -5, i32::MIN] {
        sent_with(&["a"], &options().history(length), &[(14, Value::Int(-1))]);
        sent_with(
            &["a"],
            &options().history(length).last_ids([5]),
            &[(14, Value::Int(-1)), (9, vec![5].into())],
        );
    }
    let logged = crate::harness::log_lines();
    assert!(
        logged
            .iter()
            .any(|(level, line)| *level == log::Level::Warn && line.contains("-1")),
        "{logged:?}"
    );
}

#[test]
fn a_history_length_above_100_is_sent_as_100() {
    for length in [101, i32::MAX] {
        sent_with(&["a"], &options().history(length), &[(14, Value::Int(100))]);
    }
}

#[test]
fn c060_a_plain_number_is_the_history_length() {
    for length in [-1, 0, 20] {
        assert_eq!(SubscribeOptions::from(length), options().history(length));
    }
    sent_with(&["a"], &20.into(), &[(14, Value::Int(20))]);
}

#[test]
fn c061_last_ids_without_history_length_request_all() {
    sent_with(
        &["a", "b"],
        &options().last_ids([5, 7]),
        &[(9, vec![5, 7].into()), (14, Value::Int(-1))],
    );
    sent_with(
        &["a"],
        &options().last_ids([0]),
        &[(9, vec![0].into()), (14, Value::Int(-1))],
    );
}

#[test]
fn c062_last_ids_and_history_length_are_both_sent() {
    let both = options().last_ids(vec![5, 7]).history(10);
    sent_with(
        &["a", "b"],
        &both,
        &[(9, vec![5, 7].into()), (14, Value::Int(10))],
    );
}

#[test]
fn c063_last_ids_with_history_0_are_not_sent() {
    sent_with(&["a", "b"], &options().last_ids([5, 7]).history(0), &[]);
}

#[test]
fn c064_last_ids_of_another_length_are_rejected() {
    on_front_end(|mut harness| {
        for (ids, channels) in [
            (vec![5], vec!["a", "b"]),
            (vec![5, 7, 9], vec!["a", "b"]),
            (vec![], vec!["a"]),
        ] {
            let expected = RequestError::LastIds {
                ids: ids.len(),
                channels: channels.len(),
            };
            for options in [
                options().last_ids(ids.clone()),
                options().last_ids(ids).history(0),
            ] {
                assert_eq!(
                    harness.refused(|client| client.subscribe(&channels, &options)),
                    expected
                );
            }
        }
        harness.expect_nothing();
    });
}

#[test]
fn c065_an_empty_list_and_an_empty_name_are_rejected() {
    on_front_end(|mut harness| {
        let none: [&str; 0] = [];
        for list in [&none[..], &[""], &["a", ""], &["", "a"]] {
            let error = harness.refused(|client| client.subscribe(list, &options()));
            assert!(matches!(error, RequestError::Empty(_)), "{error:?}");
            // chat.md 3.2: the same for unsubscribe.
            let error = harness.refused(|client| client.unsubscribe(list));
            assert!(matches!(error, RequestError::Empty(_)), "{error:?}");
        }
        harness.expect_nothing();
        // A name that does not fit into a message is rejected, too.
        let error = harness.refused(|client| client.subscribe(["x".repeat(32_768)], &options()));
        assert!(matches!(error, RequestError::Unencodable(_)), "{error:?}");
    });
}

#[test]
fn c069_event_5_reports_each_outcome_and_lists_the_accepted_channels() {
    on_front_end(|mut harness| {
        let request = harness.subscribe(&["a", "b"]);
        harness.pump();
        assert!(!harness.client.can_chat_in_channel("a"));
        harness.raise(5, &[(0, strings(&["a", "b"])), (15, bools(&[true, false]))]);
        let expected = vec![
            ("a".into(), Outcome::Done, Some(request)),
            ("b".into(), Outcome::Refused, Some(request)),
        ];
        harness.expect(&[Seen::Subscribed(expected)]);
        assert_eq!(names(&harness.client), ["a"]);
        let channel = harness.client.channel("a").expect("subscribed");
        assert!(channel.is_subscribed() && !channel.is_private());
        assert_eq!(
            (
                channel.name().as_str(),
                channel.last_id(),
                channel.cached_messages()
            ),
            ("a", 0, 0)
        );
        assert!(harness.client.can_chat_in_channel("a"));
        assert!(harness.client.channel("b").is_none() && !harness.client.can_chat_in_channel("b"));
        // Several channels, in the order of first subscription.
        harness.join(&["z", "c"]);
        assert_eq!(names(&harness.client), ["a", "z", "c"]);
    });
}

#[test]
fn c070_a_missing_entry_of_the_outcomes_is_false() {
    for (outcomes_sent, expected) in [
        (Some(bools(&[true])), [true, false, false]),
        (Some(bools(&[])), [false, false, false]),
        (Some(bools(&[false, true])), [false, true, false]),
        // More outcomes than names.
        (Some(bools(&[true, true, true, true])), [true, true, true]),
        (None, [false, false, false]),
        // As another server might encode it.
        (
            Some(objects(&[Value::Bool(true), Value::Null, Value::Int(1)])),
            [true, false, false],
        ),
    ] {
        on_front_end(|mut harness| {
            let request = harness.subscribe(&["a", "b", "c"]);
            let mut event = vec![(0, strings(&["a", "b", "c"]))];
            event.extend(outcomes_sent.clone().map(|sent| (15, sent)));
            harness.raise(5, &event);
            let outcome = |accepted| {
                if accepted {
                    Outcome::Done
                } else {
                    Outcome::Refused
                }
            };
            let all = ["a", "b", "c"].into_iter().zip(expected);
            let reported = all
                .clone()
                .map(|(name, yes)| (name.into(), outcome(yes), Some(request)))
                .collect();
            harness.expect(&[Seen::Subscribed(reported)]);
            let listed: Vec<&str> = all.filter(|(_, yes)| *yes).map(|(name, _)| name).collect();
            assert_eq!(names(&harness.client), listed);
        });
    }
}

#[test]
fn c071_event_5_for_a_channel_without_request_adds_it() {
    on_front_end(|mut harness| {
        harness.raise(5, &[(0, strings(&["news"])), (15, bools(&[true]))]);
        harness.expect(&[done(&["news"], None)]);
        assert_eq!(names(&harness.client), ["news"]);
        assert!(harness.client.can_chat_in_channel("news"));
        bob_publishes(&mut harness, "news", "hi", 1);
        harness.expect(&[Seen::messages("news", [Line::new("bob", "hi", Some(1))])]);
        // An unsolicited refusal is reported, and adds nothing.
        harness.raise(5, &[(0, strings(&["other"])), (15, bools(&[false]))]);
        harness.expect(&[Seen::Subscribed(outcomes(
            &["other"],
            &Outcome::Refused,
            None,
        ))]);
        assert_eq!(names(&harness.client), ["news"]);
    });
}

#[test]
fn c072_event_5_for_a_known_channel_keeps_messages_and_last_id() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        bob_publishes(&mut harness, "a", "one", 7);
        harness.forget();
        let request = harness.subscribe(&["a"]);
        harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
        harness.expect(&[done(&["a"], request)]);
        let kept = |harness: &Harness| {
            let channel = harness.client.channel("a").expect("still there");
            assert_eq!((channel.last_id(), channel.is_subscribed()), (7, true));
            let lines: Vec<Line> = channel.messages().map(Line::from).collect();
            assert_eq!(lines, [Line::new("bob", "one", Some(7))]);
        };
        kept(&harness);
        assert_eq!(names(&harness.client), ["a"]);
        // chat.md 4.4: a refusal leaves the channel unchanged.
        harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[false]))]);
        kept(&harness);
        // Also on a new connection.
        harness.close();
        harness.go_to(State::ConnectedToFrontEnd);
        harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
        kept(&harness);
    });
}

#[test]
fn c076_two_events_5_for_one_request_are_two_results() {
    on_front_end(|mut harness| {
        let request = harness.subscribe(&["a", "b", "c"]);
        harness.raise(5, &[(0, strings(&["c"])), (15, bools(&[true]))]);
        harness.raise(5, &[(0, strings(&["b", "a"])), (15, bools(&[true, true]))]);
        harness.expect(&[done(&["c"], request), done(&["b", "a"], request)]);
        assert_eq!(names(&harness.client), ["c", "b", "a"]);
    });
    // Also in one chunk of the stream.
    on_front_end(|mut harness| {
        let request = harness.subscribe(&["a", "b"]);
        harness.pump();
        let first = harness.event(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
        let second = harness.event(5, &[(0, strings(&["b"])), (15, bools(&[true]))]);
        harness.deliver(&[first, second].concat());
        harness.expect(&[done(&["a"], request), done(&["b"], request)]);
    });
}

#[test]
fn c077_unsubscribe_sends_only_the_names() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        harness.unsubscribe(&["a"]);
        harness.pump();
        harness.expect_request(1, false, &[(0, strings(&["a"]))]);
        harness.expect_nothing();
        // Subscribed until event 6, but no longer usable for publishing.
        assert_eq!(names(&harness.client), ["a"]);
        assert!(!harness.client.can_chat_in_channel("a"));
        // Unsubscribing from a channel without subscription is not an error.
        harness.unsubscribe(&["b", "c"]);
        harness.pump();
        harness.expect_request(1, false, &[(0, strings(&["b", "c"]))]);
    });
}

#[test]
fn c078_event_6_removes_and_reports_every_channel_it_names() {
    on_front_end(|mut harness| {
        harness.join(&["a", "b"]);
        let request = harness.unsubscribe(&["a"]);
        harness.raise(6, &[(0, strings(&["a", "zzz"]))]);
        let expected = vec![
            ("a".into(), Outcome::Done, Some(request)),
            ("zzz".into(), Outcome::Done, None),
        ];
        harness.expect(&[Seen::Unsubscribed(expected)]);
        assert_eq!(names(&harness.client), ["b"]);
        assert!(harness.client.channel("a").is_none() && !harness.client.can_chat_in_channel("a"));
        // Unsolicited as well: removed by the server, or by another client of the same user.
        harness.raise(6, &[(0, strings(&["b"]))]);
        harness.expect(&[Seen::Unsubscribed(outcomes(&["b"], &Outcome::Done, None))]);
        assert!(names(&harness.client).is_empty());
    });
}

/// The channels are borrowed, so no caller can change the client through them. A list that a caller
/// makes of them is its own.
#[test]
fn c079_a_list_made_of_the_public_channels_is_a_copy() {
    on_front_end(|mut harness| {
        harness.join(&["a", "b"]);
        let mut taken: Vec<String> = harness
            .client
            .public_channels()
            .map(|channel| channel.name().to_string())
            .collect();
        taken.clear();
        assert_eq!(names(&harness.client), ["a", "b"]);
        let name = harness
            .client
            .channel("a")
            .expect("subscribed")
            .name()
            .clone();
        harness.raise(6, &[(0, strings(&["a"]))]);
        assert_eq!(name, "a");
        assert_eq!(names(&harness.client), ["b"]);
    });
}

#[test]
fn c080_without_the_front_end_no_channel_is_listed_but_last_ids_are_kept() {
    let ends: [fn(&mut Harness); 2] = [
        |harness| harness.close(),
        |harness| harness.client.disconnect(),
    ];
    for end in ends {
        on_front_end(|mut harness| {
            harness.join(&["a", "b"]);
            bob_publishes(&mut harness, "a", "one", 7);
            let _leaving = harness.unsubscribe(&["b"]);
            end(&mut harness);
            // Immediately, together with the state.
            assert_ne!(harness.client.state(), State::ConnectedToFrontEnd);
            assert!(names(&harness.client).is_empty());
            assert!(!harness.client.can_chat_in_channel("a"));
            harness.pump();
            let kept = |harness: &Harness| {
                let channel = harness.client.channel("a").expect("kept");
                assert_eq!(
                    (
                        channel.last_id(),
                        channel.cached_messages(),
                        channel.is_subscribed()
                    ),
                    (7, 1, false)
                );
                let remembered = harness.client.remembered_channels();
                let names: Vec<&str> = remembered.map(|channel| &**channel.name()).collect();
                assert_eq!(names, ["a", "b"]);
            };
            kept(&harness);
            // Until event 5 confirms it on the new connection.
            harness.go_to(State::ConnectedToFrontEnd);
            assert!(names(&harness.client).is_empty());
            kept(&harness);
            harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
            assert_eq!(names(&harness.client), ["a"]);
            assert_eq!(
                harness.client.channel("a").map(chat_core::Channel::last_id),
                Some(7)
            );
        });
    }
}
