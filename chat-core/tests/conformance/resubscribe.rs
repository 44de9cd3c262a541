//! The wanted state comes back on a new connection. chat.md 10, R1, R7, R12.

use crate::harness::{
    Harness, Seen, bools, each_with, objects, outcomes, over_streams_with, strings,
};
use chat_core::{
    ChatConfig, Limits, Outcome, PrivateOptions, PublishOptions, RequestError, RequestId, Restore,
    State, StatusMessage, SubscribeOptions, UserStatus,
};
use photon_proto::{Array, Dictionary, Protocol, Type, Value};

fn restoring(config: ChatConfig) -> ChatConfig {
    config.restore(Restore::new())
}

fn queueing(config: ChatConfig) -> ChatConfig {
    config
        .restore(Restore::new().queue_cap_bytes(400))
        .confirm_messages(false)
}

fn one_at_a_time(config: ChatConfig) -> ChatConfig {
    config.restore(Restore::new().channels_at_a_time(1))
}

/// The connection to the front end is lost, and the application does not wait for the schedule.
#[track_caller]
fn lose(harness: &mut Harness) {
    harness.close();
    assert_eq!(harness.client.state(), State::Error);
}

/// Returns to the front end, and drops the events on the way.
#[track_caller]
fn come_back(harness: &mut Harness) {
    harness.client.reconnect().expect("there is a token");
    harness.pump();
    harness.handshake();
    // The login, and the command that opened the link.
    harness.forget();
    harness.respond(230, 0, None, &[]);
    assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    let _events = harness.take_events();
}

/// A client on the front end, in these channels.
#[track_caller]
fn in_channels(harness: &mut Harness, channels: &[&str]) {
    harness.go_to(State::ConnectedToFrontEnd);
    harness.join(channels);
}

/// The codes and the names (channels or friends) of the requests since the last call.
#[track_caller]
fn requests(harness: &mut Harness) -> Vec<(u8, Vec<String>)> {
    let sent: Vec<_> = harness.server().requests.drain(..).collect();
    let names = |value: &Value| match value {
        Value::Array(Array::String(names)) => names.iter().map(|name| name.to_string()).collect(),
        Value::String(name) => vec![name.to_string()],
        _ => Vec::new(),
    };
    sent.iter()
        .map(|sent| {
            let first = sent
                .parameters
                .iter()
                .find(|(key, _)| matches!(key, 0 | 1 | 11 | 225));
            (
                sent.code,
                first.map_or_else(Vec::new, |(_, value)| names(value)),
            )
        })
        .collect()
}

fn request(code: u8, names: &[&str]) -> (u8, Vec<String>) {
    (code, names.iter().map(|name| (*name).to_string()).collect())
}

/// The server confirms subscriptions.
#[track_caller]
fn confirm(harness: &mut Harness, channels: &[&str]) {
    harness.raise(
        5,
        &[
            (0, strings(channels)),
            (15, bools(&vec![true; channels.len()])),
        ],
    );
}

#[track_caller]
fn leave_event(harness: &mut Harness, channels: &[&str]) {
    harness.raise(6, &[(0, strings(channels))]);
}

/// The events since the last check, without those of the schedule.
#[track_caller]
fn seen(harness: &mut Harness) -> Vec<Seen> {
    let all = harness.take_events();
    all.iter()
        .map(Seen::from)
        .filter(|seen| !matches!(seen, Seen::ReconnectScheduled(..)))
        .collect()
}

fn done(channels: &[&str], request: RequestId) -> Seen {
    Seen::Subscribed(outcomes(channels, &Outcome::Done, Some(request)))
}

fn lost(channels: &[&str], request: RequestId) -> Seen {
    Seen::Subscribed(outcomes(channels, &Outcome::ConnectionLost, Some(request)))
}

#[test]
fn restore_brings_back_channels_friends_and_status_in_this_order_and_once() {
    each_with(restoring, |mut harness| {
        in_channels(&mut harness, &["a", "b"]);
        let client = &mut harness.client;
        client.add_friends(["bob", "carol"]).unwrap();
        client.remove_friends(["carol"]).unwrap();
        client
            .set_user_status(UserStatus::AWAY, StatusMessage::Set("brb"))
            .unwrap();
        client
            .set_user_status(UserStatus::DND, StatusMessage::Keep)
            .unwrap();
        harness.pump();
        for _round in 0..2 {
            harness.forget();
            lose(&mut harness);
            come_back(&mut harness);
            let sent: Vec<_> = harness.server().requests.iter().cloned().collect();
            let subscribe = &sent[0].parameters;
            assert!(subscribe.contains(&(14, Value::Int(-1))), "{subscribe:?}");
            assert!(subscribe.iter().any(|(key, _)| *key == 9), "{subscribe:?}");
            let status = &sent.last().unwrap().parameters;
            assert!(status.contains(&(10, Value::Int(4))), "{status:?}");
            assert!(status.contains(&(3, "brb".into())), "{status:?}");
            let sent = requests(&mut harness);
            let (before, after) = sent.split_at(1);
            assert_eq!(before, [request(0, &["a", "b"])]);
            // The removal may have been lost; it is repeated once.
            let after: Vec<_> = after.iter().filter(|(code, _)| *code != 7).collect();
            assert_eq!(after, [&request(6, &["bob"]), &request(5, &[])]);
            assert_eq!(seen(&mut harness), []);
            confirm(&mut harness, &["b"]);
            assert_eq!(seen(&mut harness), []);
            confirm(&mut harness, &["a"]);
            harness.respond(0, 0, None, &[]);
            assert_eq!(seen(&mut harness), [Seen::Restored(2, Vec::new())]);
            assert!(harness.client.can_chat_in_channel("a"));
            harness.advance_ms(5_000);
            harness.expect_nothing();
        }
        assert_eq!(harness.client.stats().restores, 2);
    });
}

#[test]
fn restore_of_nothing_is_not_reported() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        lose(&mut harness);
        come_back(&mut harness);
        harness.expect_nothing();
        harness.advance_ms(20_000);
        harness.expect_nothing();
        assert_eq!(harness.client.stats().restores, 0);
    });
}

#[test]
fn restore_succeeds_for_requests_in_any_state_and_applies_them_at_the_login() {
    each_with(restoring, |mut harness| {
        let client = &mut harness.client;
        let subscribe = client
            .subscribe(["a", "b", "a"], &SubscribeOptions::new().history(7))
            .unwrap();
        client.add_friends(["bob"]).unwrap();
        client
            .set_user_status(UserStatus::ONLINE, StatusMessage::Clear)
            .unwrap();
        harness.expect_nothing();
        harness.go_to(State::ConnectingToFrontEnd);
        let later = harness
            .client
            .subscribe(["c"], &SubscribeOptions::new())
            .unwrap();
        harness.handshake();
        let _login = harness.server().requests.pop_front();
        harness.respond(230, 0, None, &[]);
        let history = harness.server().requests[0].parameters.clone();
        assert!(history.contains(&(14, Value::Int(7))), "{history:?}");
        assert_eq!(
            requests(&mut harness),
            [
                request(0, &["a", "b"]),
                request(0, &["c"]),
                request(6, &["bob"]),
                request(5, &[]),
            ]
        );
        let _state = harness.take_events();
        confirm(&mut harness, &["a", "b"]);
        confirm(&mut harness, &["c"]);
        assert_eq!(
            seen(&mut harness),
            [
                done(&["a", "b"], subscribe),
                done(&["c"], later),
                Seen::Restored(3, Vec::new())
            ]
        );
        harness.respond(0, 0, None, &[]);
        harness.respond(0, 0, None, &[]);
        harness.expect_nothing();
    });
}

#[test]
fn restore_checks_requests_without_a_connection_as_with_one() {
    each_with(restoring, |mut harness| {
        let no_names: [&str; 0] = [];
        let options = SubscribeOptions::new();
        let empty = harness.refused(|client| client.subscribe(no_names, &options));
        assert_eq!(empty, RequestError::Empty("list of channels"));
        let creation = SubscribeOptions::new().max_subscribers(-1);
        assert!(matches!(
            harness.refused(|client| client.subscribe(["a"], &creation)),
            RequestError::CreationOptions(_)
        ));
        let long = "x".repeat(70_000);
        let too_long = harness.refused(|client| client.unsubscribe([&long]));
        assert!(
            matches!(too_long, RequestError::Unencodable(_))
                || harness.row.protocol == Protocol::V18,
            "{too_long:?}"
        );
        let publish =
            harness.refused(|client| client.publish_message("a", "text", &PublishOptions::new()));
        assert_eq!(publish, RequestError::WrongState(State::Uninitialized));
    });
}

#[test]
fn restore_asks_for_at_most_so_many_channels_at_a_time() {
    each_with(one_at_a_time, |mut harness| {
        in_channels(&mut harness, &["a", "b", "c"]);
        lose(&mut harness);
        come_back(&mut harness);
        for name in ["a", "b", "c"] {
            assert_eq!(requests(&mut harness), [request(0, &[name])]);
            assert_eq!(seen(&mut harness), []);
            confirm(&mut harness, &[name]);
        }
        assert_eq!(seen(&mut harness), [Seen::Restored(3, Vec::new())]);
    });
}

#[test]
fn restore_reports_channels_that_were_refused_or_not_answered() {
    each_with(restoring, |mut harness| {
        in_channels(&mut harness, &["refused", "silent", "good"]);
        for _round in 0..2 {
            lose(&mut harness);
            come_back(&mut harness);
            // A failed channel stays wanted.
            let all = ["refused", "silent", "good"];
            assert_eq!(requests(&mut harness), [request(0, &all)]);
            harness.raise(
                5,
                &[
                    (0, strings(&["refused", "good"])),
                    (15, bools(&[false, true])),
                ],
            );
            harness.respond(0, 0, None, &[]);
            assert_eq!(seen(&mut harness), []);
            harness.advance_ms(15_000);
            let failed = [
                outcomes(&["refused"], &Outcome::Refused, None),
                outcomes(&["silent"], &Outcome::TimedOut, None),
            ];
            assert_eq!(seen(&mut harness), [Seen::Restored(1, failed.concat())]);
            // A late confirmation is news.
            confirm(&mut harness, &["silent"]);
            let late = outcomes(&["silent"], &Outcome::Done, None);
            assert_eq!(seen(&mut harness), [Seen::Subscribed(late)]);
            // Long after the restore, so that it was no reason for the end.
            harness.advance_ms(3_000);
        }
    });
}

#[test]
fn restore_reports_a_request_that_the_server_rejects() {
    each_with(restoring, |mut harness| {
        in_channels(&mut harness, &["a"]);
        lose(&mut harness);
        let request = harness.subscribe(&["b"]);
        come_back(&mut harness);
        // One request for the known channel, one for the new one.
        harness.respond(0, -1, Some("no"), &[]);
        harness.respond(0, -1, Some("no"), &[]);
        let seen = seen(&mut harness);
        let [Seen::Subscribed(settled), Seen::Restored(0, failed)] = seen.as_slice() else {
            panic!("{seen:?}");
        };
        assert_eq!((settled.len(), failed.len()), (1, 2));
        assert_eq!(settled[0].2, Some(request));
        assert!(matches!(failed[0].1, Outcome::Failed(_)));
    });
}

#[test]
fn restore_does_not_bring_back_what_was_left_or_what_others_subscribed() {
    each_with(restoring, |mut harness| {
        in_channels(&mut harness, &["stays", "left", "kicked", "leaving"]);
        // Another client of the same user, or the server.
        confirm(&mut harness, &["unsolicited"]);
        harness.unsubscribe(&["left"]);
        harness.pump();
        leave_event(&mut harness, &["left"]);
        leave_event(&mut harness, &["kicked"]);
        harness.unsubscribe(&["leaving"]);
        harness.pump();
        lose(&mut harness);
        harness.forget();
        come_back(&mut harness);
        // The unsubscribe without its event 6 is repeated.
        assert_eq!(
            requests(&mut harness),
            [request(1, &["leaving"]), request(0, &["stays"])]
        );
        leave_event(&mut harness, &["leaving"]);
        confirm(&mut harness, &["stays"]);
        assert_eq!(seen(&mut harness), [Seen::Restored(1, Vec::new())]);
        lose(&mut harness);
        come_back(&mut harness);
        assert_eq!(requests(&mut harness), [request(0, &["stays"])]);
    });
}

#[test]
fn restore_the_later_of_subscribe_and_unsubscribe_without_a_connection_counts() {
    each_with(restoring, |mut harness| {
        in_channels(&mut harness, &["a", "b"]);
        lose(&mut harness);
        harness.forget();
        let options = SubscribeOptions::new();
        let first = harness.client.unsubscribe(["a"]).unwrap();
        let second = harness.client.subscribe(["a"], &options).unwrap();
        let third = harness.client.subscribe(["c", "b"], &options).unwrap();
        let fourth = harness.client.unsubscribe(["c"]).unwrap();
        harness.pump();
        let withdrawn = outcomes(&["a"], &Outcome::ConnectionLost, Some(first));
        assert_eq!(
            seen(&mut harness),
            [Seen::Unsubscribed(withdrawn), lost(&["c"], third)]
        );
        come_back(&mut harness);
        assert_eq!(
            requests(&mut harness),
            [request(1, &["c"]), request(0, &["b"]), request(0, &["a"])]
        );
        leave_event(&mut harness, &["c"]);
        confirm(&mut harness, &["a", "b"]);
        let left = outcomes(&["c"], &Outcome::Done, Some(fourth));
        let both = [
            outcomes(&["a"], &Outcome::Done, Some(second)),
            outcomes(&["b"], &Outcome::Done, Some(third)),
        ];
        assert_eq!(
            seen(&mut harness),
            [
                Seen::Unsubscribed(left),
                Seen::Subscribed(both.concat()),
                Seen::Restored(2, Vec::new()),
            ]
        );
    });
}

#[test]
fn restore_settles_waiting_requests_when_their_connection_ends_or_the_client_disconnects() {
    each_with(one_at_a_time, |mut harness| {
        in_channels(&mut harness, &["a"]);
        lose(&mut harness);
        harness.forget();
        let asked = harness.subscribe(&["b"]);
        let waits = harness.subscribe(&["c"]);
        come_back(&mut harness);
        confirm(&mut harness, &["a"]);
        let _unchecked = harness.take_events();
        lose(&mut harness);
        let events = seen(&mut harness);
        assert_eq!(events[0], lost(&["b"], asked), "{events:?}");
        assert_eq!(events[1], Seen::State(State::Error));
        harness.client.disconnect();
        harness.pump();
        assert_eq!(
            seen(&mut harness),
            [lost(&["c"], waits), Seen::State(State::Disconnected)]
        );
        harness.client.forget_channels();
        harness.forget();
        harness.pump();
        harness.expect_nothing();
    });
}

#[test]
fn restore_leaves_a_channel_to_the_application_that_asks_for_it_first() {
    each_with(restoring, |mut harness| {
        in_channels(&mut harness, &["a", "b"]);
        lose(&mut harness);
        harness.client.reconnect().unwrap();
        harness.pump();
        harness.handshake();
        harness.forget();
        let answer = harness.response(230, 0, None, &[]);
        let link = harness.link();
        harness.deliver_without_pump(link, &answer);
        let mut own = None;
        harness.pump_with(|client, event| {
            if matches!(
                event,
                chat_core::Event::StateChanged {
                    to: State::ConnectedToFrontEnd,
                    ..
                }
            ) {
                own = client.subscribe(["b"], &SubscribeOptions::new()).ok();
            }
        });
        assert_eq!(
            requests(&mut harness),
            [request(0, &["b"]), request(0, &["a"])]
        );
        let _state = harness.take_events();
        confirm(&mut harness, &["a"]);
        assert_eq!(seen(&mut harness), []);
        confirm(&mut harness, &["b"]);
        assert_eq!(
            seen(&mut harness),
            [done(&["b"], own.unwrap()), Seen::Restored(2, Vec::new())]
        );
    });
}

#[test]
fn restore_an_event_5_with_several_names_clears_no_subscribers_or_properties() {
    let properties = Value::Dictionary(Dictionary {
        key: Type::Object,
        value: Type::Object,
        pairs: vec![(Value::Byte(254), Value::Bool(true))],
    });
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["plain"]);
        harness.subscribe(&["published"]);
        harness.pump();
        harness.forget();
        let inside = |harness: &mut Harness| {
            harness.raise(
                5,
                &[
                    (0, strings(&["published"])),
                    (15, bools(&[true])),
                    (22, properties.clone()),
                    (23, strings(&["bob"])),
                ],
            );
        };
        inside(&mut harness);
        let count = |harness: &Harness| {
            harness
                .client
                .channel("published")
                .map(|channel| channel.subscribers().len())
        };
        let before = count(&harness);
        confirm(&mut harness, &["plain", "published"]);
        assert_eq!(count(&harness), before);
        let _unchecked = harness.take_events();
        // So a channel that has some is asked for alone.
        lose(&mut harness);
        come_back(&mut harness);
        assert_eq!(
            requests(&mut harness),
            [request(0, &["plain"]), request(0, &["published"])]
        );
        // An event for it alone replaces what was known.
        confirm(&mut harness, &["published"]);
        assert_eq!(count(&harness), Some(0));
    });
}

#[test]
fn restore_asks_again_without_refused_creation_options_if_the_application_allows_it() {
    for or_plain in [true, false] {
        each_with(restoring, |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let mut options = SubscribeOptions::new().max_subscribers(5);
            if or_plain {
                options = options.or_plain();
            }
            let own = harness.client.subscribe(["a"], &options).unwrap();
            harness.pump();
            let _first = harness.server().requests.pop_front().unwrap();
            harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[false]))]);
            if !or_plain {
                let refused = outcomes(&["a"], &Outcome::Refused, Some(own));
                harness.expect(&[Seen::Subscribed(refused)]);
                harness.expect_no_request();
                return;
            }
            harness.expect(&[]);
            let anchor = (14, Value::Int(1));
            harness.expect_request(0, false, &[(0, strings(&["a"])), anchor]);
            confirm(&mut harness, &["a"]);
            harness.expect(&[done(&["a"], own)]);
            // The next connection tries the options first: the channel may not exist any more.
            lose(&mut harness);
            come_back(&mut harness);
            let again = harness.server().requests.pop_front().unwrap();
            assert!(again.parameters.iter().any(|(key, _)| *key == 22));
            harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[false]))]);
            let plain = harness.server().requests.pop_front().unwrap();
            assert!(plain.parameters.iter().all(|(key, _)| *key != 22));
            confirm(&mut harness, &["a"]);
            assert_eq!(seen(&mut harness), [Seen::Restored(1, Vec::new())]);
        });
    }
}

#[test]
fn restore_sends_queued_messages_in_order_once_their_channel_has_its_outcome() {
    each_with(queueing, |mut harness| {
        in_channels(&mut harness, &["a", "b"]);
        lose(&mut harness);
        harness.forget();
        let options = PublishOptions::new();
        let client = &mut harness.client;
        let mut tokens = Vec::new();
        for (channel, text) in [("b", "1"), ("a", "2"), ("b", "3")] {
            tokens.push(client.publish_message(channel, text, &options).unwrap());
        }
        let private = PrivateOptions::new();
        tokens.push(client.send_private_message("bob", "4", &private).unwrap());
        assert!(tokens.is_sorted());
        assert!(client.stats().queued_bytes > 0);
        come_back(&mut harness);
        assert_eq!(requests(&mut harness), [request(0, &["a", "b"])]);
        confirm(&mut harness, &["a"]);
        assert_eq!(requests(&mut harness), []);
        // What comes later waits behind it.
        harness.publish("a", "5");
        harness.pump();
        assert_eq!(requests(&mut harness), []);
        confirm(&mut harness, &["b"]);
        let texts: Vec<_> = harness
            .server()
            .requests
            .drain(..)
            .map(|sent| {
                let text = sent.parameters.iter().find(|(key, _)| *key == 3).unwrap();
                (sent.code, text.1.clone())
            })
            .collect();
        let expected = [(2, "1"), (2, "2"), (2, "3"), (3, "4"), (2, "5")];
        assert_eq!(texts, expected.map(|(code, text)| (code, text.into())));
        assert_eq!(seen(&mut harness), [Seen::Restored(2, Vec::new())]);
        assert_eq!(harness.client.stats().queued_bytes, 0);
        harness.publish("a", "6");
        harness.pump();
        assert_eq!(requests(&mut harness).len(), 1);
    });
}

#[test]
fn restore_refuses_messages_over_the_cap_of_the_queue_and_counts_those_it_drops() {
    each_with(queueing, |mut harness| {
        harness.go_to(State::Error);
        let options = PublishOptions::new();
        let text = "x".repeat(50);
        let mut queued = 0;
        let full = loop {
            match harness.client.publish_message("a", &*text, &options) {
                Ok(_token) => queued += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(full, RequestError::QueueFull);
        let bytes = harness.client.stats().queued_bytes;
        assert!(
            queued >= 3 && bytes <= 400,
            "{queued} messages, {bytes} bytes"
        );
        let before = harness.client.stats().unsent_messages;
        harness.client.disconnect();
        harness.pump();
        assert_eq!(harness.client.stats().queued_bytes, 0);
        assert_eq!(harness.client.stats().unsent_messages - before, queued);
    });
}

#[test]
fn restore_reports_each_dropped_message_if_messages_are_confirmed() {
    each_with(
        |config| config.restore(Restore::new().queue_cap_bytes(1_000)),
        |mut harness| {
            harness.go_to(State::Error);
            let token = harness
                .client
                .publish_message("a", "x", &PublishOptions::new())
                .unwrap();
            harness.client.disconnect();
            harness.pump();
            let unconfirmed = Seen::MessageUnconfirmed(token.number());
            assert_eq!(
                seen(&mut harness),
                [unconfirmed, Seen::State(State::Disconnected)]
            );
        },
    );
}

#[test]
fn restore_never_sends_a_message_unencrypted_that_was_to_be_encrypted() {
    over_streams_with(
        |config| queueing(config).encryption(chat_core::Encryption::Off),
        |mut harness| {
            harness.go_to(State::Error);
            let encrypted = PrivateOptions::new().encrypt(true);
            let client = &mut harness.client;
            client
                .send_private_message("bob", "secret", &encrypted)
                .unwrap();
            client
                .send_private_message("bob", "plain", &PrivateOptions::new())
                .unwrap();
            come_back(&mut harness);
            let sent = requests(&mut harness);
            assert_eq!(sent, [request(3, &["bob"])]);
            assert_eq!(harness.client.stats().unsent_messages, 1);
        },
    );
}

#[test]
fn restore_waits_for_space_in_the_outgoing_buffer() {
    let tight = |config: ChatConfig| {
        config
            .restore(Restore::new().channels_at_a_time(64))
            .outgoing_cap_bytes(1_024)
    };
    each_with(tight, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        // Each is a request of its own, because it has its own history length.
        let names: Vec<String> = (0..40).map(|number| format!("{number:0>200}")).collect();
        lose(&mut harness);
        for (number, name) in names.iter().enumerate() {
            let options = SubscribeOptions::new().history(number as i32);
            harness.client.subscribe([name], &options).unwrap();
        }
        harness.client.add_friends(["bob"]).unwrap();
        harness.writable = false;
        let _unchecked = harness.take_events();
        harness.writable = true;
        harness.client.reconnect().unwrap();
        harness.pump();
        harness.handshake();
        harness.respond(230, 0, None, &[]);
        harness.advance_ms(2_000);
        let sent = requests(&mut harness);
        let asked: Vec<_> = sent
            .iter()
            .filter(|(code, _)| *code == 0)
            .flat_map(|(_, names)| names.clone())
            .collect();
        assert_eq!(asked, names);
        assert_eq!(sent.last(), Some(&request(6, &["bob"])));
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let _unchecked = harness.take_events();
        confirm(&mut harness, &names);
        assert!(seen(&mut harness).contains(&Seen::Restored(40, Vec::new())));
    });
}

/// A server whose history ends the connection: asked for with ever less, then the client gives up.
#[test]
fn restore_asks_for_less_history_and_gives_up_after_five_connections_without_progress() {
    each_with(restoring, |mut harness| {
        in_channels(&mut harness, &["a"]);
        lose(&mut harness);
        let mut histories = Vec::new();
        for attempt in 1..=5 {
            come_back(&mut harness);
            let sent = harness.server().requests.pop_front().unwrap();
            let history = sent.parameters.iter().find(|(key, _)| *key == 14);
            histories.push(history.map(|(_, history)| history.clone()));
            let _unchecked = harness.take_events();
            lose(&mut harness);
            let events = seen(&mut harness);
            let gave_up = matches!(events.last(), Some(Seen::ReconnectGaveUp));
            assert_eq!(gave_up, attempt == 5, "{events:?}");
        }
        let expected = [-1, 50, 25, 12].map(|history| Some(Value::Int(history)));
        assert_eq!(histories[..4], expected);
        assert_eq!(histories[4], None);
    });
}

#[test]
fn restore_leaves_nothing_behind() {
    each_with(queueing, |mut harness| {
        in_channels(&mut harness, &["a"]);
        for _round in 0..3 {
            lose(&mut harness);
            let _request = harness.subscribe(&["b"]);
            harness.client.unsubscribe(["c"]).unwrap();
            harness.publish("b", "text");
            come_back(&mut harness);
            confirm(&mut harness, &["a", "b"]);
            leave_event(&mut harness, &["c"]);
            let _sent = requests(&mut harness);
        }
        harness.client.disconnect();
        harness.client.forget_channels();
        let _unchecked = harness.take_events();
        harness.advance_ms(60_000);
        harness.forget();
        assert_eq!(harness.client.check_at_rest(), Ok(()));
    });
}

/// The history of one channel.
#[track_caller]
fn history(harness: &mut Harness, channel: &str, texts: &[&str], last_id: i32) {
    let messages: Vec<Value> = texts.iter().map(|&text| text.into()).collect();
    harness.raise(
        0,
        &[
            (1, channel.into()),
            (4, strings(&vec!["bob"; texts.len()])),
            (2, objects(&messages)),
            (8, last_id.into()),
        ],
    );
}

/// Event 5 and single messages, in one call of `service`.
#[track_caller]
fn together(harness: &mut Harness, channel: &str, messages: &[(&str, i32)]) {
    let confirmed = [(0, strings(&[channel])), (15, bools(&[true]))];
    let mut events = vec![harness.event(5, &confirmed)];
    for (text, id) in messages {
        let message = [
            (1, channel.into()),
            (4, strings(&["bob"])),
            (2, objects(&[(*text).into()])),
            (8, (*id).into()),
        ];
        events.push(harness.event(0, &message));
    }
    let link = harness.link();
    for event in events {
        harness.deliver_without_pump(link, &event);
    }
    harness.pump();
}

/// The texts of the messages since the last check, and the gaps.
#[track_caller]
fn received(harness: &mut Harness) -> Vec<String> {
    let texts = |seen: Seen| match seen {
        Seen::Messages { lines, .. } => lines
            .iter()
            .map(|line| line.content.as_str().unwrap_or_default().to_owned())
            .collect(),
        Seen::Gap { after, .. } => vec![format!("gap after {after}")],
        _ => Vec::new(),
    };
    seen(harness).into_iter().flat_map(texts).collect()
}

#[test]
fn restore_asks_for_an_anchor_that_is_not_delivered_and_shows_what_was_missed() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.subscribe(&["a"]);
        harness.pump();
        harness.expect_request(0, false, &[(0, strings(&["a"])), (14, Value::Int(1))]);
        together(&mut harness, "a", &[("old", 7)]);
        assert_eq!(received(&mut harness), [""; 0]);
        assert_eq!(harness.client.channel("a").unwrap().last_id(), 7);
        lose(&mut harness);
        come_back(&mut harness);
        let sent = harness.server().requests.pop_front().unwrap();
        if !harness.row.json {
            assert!(sent.parameters.contains(&(9, vec![3].into())), "{sent:?}");
        }
        confirm(&mut harness, &["a"]);
        let all = ["older", "older", "older", "old", "missed 8", "missed 9"];
        history(&mut harness, "a", &all, 9);
        assert_eq!(received(&mut harness), ["missed 8", "missed 9"]);
        history(&mut harness, "a", &["live"], 10);
        assert_eq!(received(&mut harness), ["live"]);
    });
}

#[test]
fn restore_a_live_message_before_the_anchor_is_delivered() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        for (channel, live, anchor) in [("b", 8, 7), ("c", 1, 1), ("d", 8, 8)] {
            harness.subscribe(&[channel]);
            harness.pump();
            together(&mut harness, channel, &[("live", live), ("maybe", anchor)]);
            assert_eq!(received(&mut harness), ["live"]);
            history(&mut harness, channel, &["next"], live + 1);
            assert_eq!(received(&mut harness), ["next"]);
        }
        // Alone, a message is never taken for the anchor.
        harness.subscribe(&["e"]);
        harness.pump();
        confirm(&mut harness, &["e"]);
        history(&mut harness, "e", &["live"], 5);
        assert_eq!(received(&mut harness), ["live"]);
    });
}

#[test]
fn s10_requests_without_names_are_refused_without_a_connection_too() {
    each_with(restoring, |mut harness| {
        let none: [&str; 0] = [];
        let options = SubscribeOptions::new();
        let lists = RequestError::Empty("list of channels");
        let names = RequestError::Empty("channel name");
        assert_eq!(harness.client.subscribe(none, &options), Err(lists.clone()));
        assert_eq!(harness.client.unsubscribe(none), Err(lists));
        assert_eq!(
            harness.client.subscribe(["a", ""], &options),
            Err(names.clone())
        );
        assert_eq!(harness.client.unsubscribe(["a", ""]), Err(names));
        harness.client.disconnect();
        assert_eq!(harness.client.check_at_rest(), Ok(()));
    });
}

#[test]
fn a_status_longer_than_what_a_server_may_send_comes_back() {
    let limited = |config: ChatConfig| {
        restoring(config).limits(Limits {
            max_received_bytes: 4_096,
            ..Limits::DEFAULT
        })
    };
    each_with(limited, |mut harness| {
        let long = "x".repeat(5_000);
        let message = StatusMessage::Set(&long);
        harness
            .client
            .set_user_status(UserStatus::ONLINE, message)
            .unwrap();
        harness.connect(Some("eu"));
        harness.complete_login();
        harness.pump();
        let request = harness.server().requests.pop_back().unwrap();
        assert_eq!(request.code, 5);
        assert!(request.raw.len() > 5_000, "{} bytes", request.raw.len());
    });
}
