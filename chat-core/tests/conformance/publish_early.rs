//! Messages to a wanted channel that the client has not asked for yet on this connection: the server
//! would refuse them. chat.md 10, R1.

use crate::harness::{Harness, Seen, bools, each_with, strings};
use chat_core::{
    ChatClient, ChatConfig, Event, MessageToken, PrivateOptions, PropertyOptions, PublishOptions,
    RequestError, Restore, State, SubscribeOptions,
};
use photon_proto::{Array, Value};

fn restoring(config: ChatConfig) -> ChatConfig {
    config.restore(Restore::new())
}

/// The operation, channels or user, and text of each request since the last call.
fn requests(harness: &mut Harness) -> Vec<(u8, Vec<String>, Option<String>)> {
    let sent: Vec<_> = harness.server().requests.drain(..).collect();
    let parameter = |parameters: &[(u8, Value)], key: u8| {
        let found = parameters.iter().find(|(one, _)| *one == key);
        found.map(|(_, value)| value.clone())
    };
    sent.iter()
        .map(|request| {
            let names = [0, 1]
                .into_iter()
                .find_map(|key| match parameter(&request.parameters, key)? {
                    Value::Array(Array::String(names)) => {
                        Some(names.iter().map(|name| name.to_string()).collect())
                    }
                    Value::String(name) => Some(vec![name.to_string()]),
                    _ => None,
                })
                .unwrap_or_default();
            let text = match parameter(&request.parameters, 3) {
                Some(Value::String(text)) => Some(text.to_string()),
                _ => None,
            };
            (request.code, names, text)
        })
        .collect()
}

fn subscribes(names: &[&str]) -> (u8, Vec<String>, Option<String>) {
    (
        0,
        names.iter().map(|name| (*name).to_owned()).collect(),
        None,
    )
}

fn publishes(channel: &str, text: &str) -> (u8, Vec<String>, Option<String>) {
    (2, vec![channel.to_owned()], Some(text.to_owned()))
}

/// The server answers for these channels.
#[track_caller]
fn answer(harness: &mut Harness, channels: &[&str], is_done: bool) {
    harness.raise(
        5,
        &[
            (0, strings(channels)),
            (15, bools(&vec![is_done; channels.len()])),
        ],
    );
}

/// Completes the login on the front end, and lets the application react to the new state.
#[track_caller]
fn arrive(harness: &mut Harness, mut react: impl FnMut(&mut ChatClient)) {
    harness.handshake();
    harness.forget();
    let login = harness.response(230, 0, None, &[]);
    let link = harness.link();
    harness.deliver_without_pump(link, &login);
    harness.pump_with(|client, event| {
        let to = State::ConnectedToFrontEnd;
        if matches!(event, Event::StateChanged { to: state, .. } if *state == to) {
            react(client);
        }
    });
    assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
}

/// As [`arrive`], on the first connection of a client that wants these channels.
#[track_caller]
fn arrive_first(harness: &mut Harness, channels: &[&str], react: impl FnMut(&mut ChatClient)) {
    let wanted = harness
        .client
        .subscribe(channels, &SubscribeOptions::new().history(10));
    wanted.expect("it is wanted until the login");
    harness.go_to(State::ConnectingToFrontEnd);
    arrive(harness, react);
}

fn publish(client: &mut ChatClient, channel: &str, text: &str) -> MessageToken {
    client
        .publish_message(channel, text, &PublishOptions::new())
        .expect("it waits for the channel")
}

fn seen(harness: &mut Harness) -> Vec<Seen> {
    harness.take_events().iter().map(Seen::from).collect()
}

#[test]
fn a_message_at_the_first_login_waits_for_the_wanted_channel() {
    each_with(restoring, |mut harness| {
        arrive_first(&mut harness, &["lobby"], |client| {
            publish(client, "lobby", "hello");
            publish(client, "lobby", "again");
            assert!(client.stats().queued_bytes > 0);
        });
        assert_eq!(requests(&mut harness), [subscribes(&["lobby"])]);
        answer(&mut harness, &["lobby"], true);
        assert_eq!(
            requests(&mut harness),
            [publishes("lobby", "hello"), publishes("lobby", "again")]
        );
        assert_eq!(harness.client.stats().queued_bytes, 0);
        // From now on at once.
        publish(&mut harness.client, "lobby", "later");
        assert_eq!(harness.client.stats().queued_bytes, 0);
        harness.pump();
        assert_eq!(requests(&mut harness), [publishes("lobby", "later")]);
    });
}

#[test]
fn a_message_at_the_login_after_a_loss_waits_for_its_channel() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a", "b"]);
        for round in 0..3 {
            // Otherwise the client takes the request for the reason of the loss, and asks for less.
            harness.advance_ms(5_000);
            harness.close();
            harness.client.reconnect().expect("there is a token");
            harness.pump();
            let text = format!("round {round}");
            arrive(&mut harness, |client| {
                publish(client, "b", &text);
            });
            assert_eq!(requests(&mut harness), [subscribes(&["a", "b"])]);
            answer(&mut harness, &["b"], true);
            assert_eq!(requests(&mut harness), [publishes("b", &text)]);
            answer(&mut harness, &["a"], true);
            assert_eq!(requests(&mut harness), []);
            harness.forget();
        }
    });
}

#[test]
fn a_message_behind_the_request_of_its_channel_does_not_wait() {
    each_with(restoring, |mut harness| {
        arrive_first(&mut harness, &["a", "b"], |client| {
            // The application's own request leaves first, and the server handles them in order.
            let own = client.subscribe(["b"], &SubscribeOptions::new());
            own.expect("on the front end");
            publish(client, "b", "behind my own");
            // Nobody has asked for this one: the server decides, as without restore.
            publish(client, "c", "not wanted");
            let private = PrivateOptions::new();
            client
                .send_private_message("bob", "private", &private)
                .expect("on the front end");
            assert_eq!(client.stats().queued_bytes, 0);
        });
        let codes: Vec<u8> = requests(&mut harness).iter().map(|sent| sent.0).collect();
        assert_eq!(codes, [0, 2, 2, 3, 0]);
        // The client's own request has left, too.
        publish(&mut harness.client, "a", "behind the client's");
        harness.pump();
        assert_eq!(
            requests(&mut harness),
            [publishes("a", "behind the client's")]
        );
    });
}

#[test]
fn a_message_to_the_last_of_hundreds_of_channels_comes_behind_its_request() {
    each_with(restoring, |mut harness| {
        let names: Vec<String> = (0..300).map(|number| format!("c{number}")).collect();
        let channels: Vec<&str> = names.iter().map(String::as_str).collect();
        arrive_first(&mut harness, &channels, |client| {
            publish(client, "c299", "last");
            publish(client, "c0", "first");
        });
        let mut asked: Vec<String> = Vec::new();
        let mut published = Vec::new();
        for _ in 0..20 {
            let mut batch: Vec<String> = Vec::new();
            for (code, names, text) in requests(&mut harness) {
                match code {
                    0 => batch.extend(names),
                    _ => {
                        let channel = names.into_iter().next().expect("a channel");
                        assert!(asked.contains(&channel), "{channel} was not asked for");
                        published.push((channel, text.expect("a text")));
                    }
                }
            }
            assert!(batch.len() <= 32, "{} channels at a time", batch.len());
            asked.extend(batch.iter().cloned());
            if batch.is_empty() {
                break;
            }
            let answered: Vec<&str> = batch.iter().map(String::as_str).collect();
            answer(&mut harness, &answered, true);
        }
        assert_eq!(asked.len(), 300);
        let in_order = [("c299", "last"), ("c0", "first")];
        let in_order = in_order.map(|(channel, text)| (channel.to_owned(), text.to_owned()));
        assert_eq!(published, in_order);
    });
}

#[test]
fn a_message_does_not_wait_for_a_channel_that_is_refused_left_or_never_answered() {
    for end in 0..3 {
        each_with(restoring, |mut harness| {
            arrive_first(&mut harness, &["a"], |client| {
                publish(client, "a", "hello");
            });
            assert_eq!(requests(&mut harness), [subscribes(&["a"])]);
            match end {
                0 => answer(&mut harness, &["a"], false),
                1 => {
                    let left = harness.client.unsubscribe(["a"]);
                    left.expect("on the front end");
                    harness.pump();
                    let _unsubscribe = harness.server().requests.pop_front();
                    harness.raise(6, &[(0, strings(&["a"]))]);
                }
                _ => harness.advance_ms(15_000),
            }
            let last = requests(&mut harness).pop();
            assert_eq!(last, Some(publishes("a", "hello")), "{end}");
            assert_eq!(harness.client.stats().queued_bytes, 0);
        });
    }
}

#[test]
fn a_message_that_waits_is_reported_when_the_connection_ends_before() {
    each_with(restoring, |mut harness| {
        let mut token = None;
        arrive_first(&mut harness, &["a"], |client| {
            token = Some(publish(client, "a", "hello"));
        });
        let token = token.expect("it was published");
        harness.forget();
        harness.close();
        let events = seen(&mut harness);
        let unconfirmed = Seen::MessageUnconfirmed(token.number());
        let place = |one: &Seen| events.iter().position(|seen| seen == one);
        assert!(
            place(&unconfirmed) < place(&Seen::State(State::Error)),
            "{events:?}"
        );
        assert_eq!(
            events.iter().filter(|seen| **seen == unconfirmed).count(),
            1
        );
        let (_, cause, _) = harness.error();
        assert!(cause.unsent_messages >= 1, "{}", cause.unsent_messages);
        let stats = harness.client.stats();
        assert_eq!(stats.unsent_messages, cause.unsent_messages);
        assert_eq!(stats.queued_bytes, 0);
        // It is not sent on the next connection.
        harness.client.reconnect().expect("there is a token");
        harness.pump();
        arrive(&mut harness, |_| {});
        answer(&mut harness, &["a"], true);
        let published = requests(&mut harness).iter().any(|sent| sent.0 == 2);
        assert!(!published);
    });
}

#[test]
fn with_a_queue_a_message_that_waits_is_sent_on_the_next_connection() {
    let queueing = |config: ChatConfig| config.restore(Restore::new().queue_cap_bytes(10_000));
    each_with(queueing, |mut harness| {
        arrive_first(&mut harness, &["a"], |client| {
            publish(client, "a", "hello");
        });
        harness.close();
        harness.client.reconnect().expect("there is a token");
        harness.pump();
        arrive(&mut harness, |_| {});
        assert_eq!(requests(&mut harness), [subscribes(&["a"])]);
        answer(&mut harness, &["a"], true);
        assert_eq!(requests(&mut harness), [publishes("a", "hello")]);
    });
}

#[test]
fn a_disconnect_drops_the_messages_that_wait_and_reports_them() {
    each_with(restoring, |mut harness| {
        let mut token = None;
        arrive_first(&mut harness, &["a"], |client| {
            token = Some(publish(client, "a", "hello"));
        });
        harness.forget();
        let before = harness.client.stats().unsent_messages;
        harness.client.disconnect();
        harness.pump();
        let unconfirmed = Seen::MessageUnconfirmed(token.expect("it was published").number());
        assert!(seen(&mut harness).contains(&unconfirmed));
        let stats = harness.client.stats();
        assert_eq!((stats.unsent_messages - before, stats.queued_bytes), (1, 0));
    });
}

#[test]
fn messages_that_wait_use_no_more_than_the_outgoing_cap() {
    const CAP_BYTES: usize = 20_000;
    let capped = |config: ChatConfig| {
        config
            .restore(Restore::new().queue_cap_bytes(500))
            .confirm_messages(false)
            .outgoing_cap_bytes(CAP_BYTES)
    };
    each_with(capped, |mut harness| {
        let mut accepted = 0;
        arrive_first(&mut harness, &["a"], |client| {
            let text = "x".repeat(1_000);
            let refused = loop {
                match client.publish_message("a", &*text, &PublishOptions::new()) {
                    Ok(_token) => accepted += 1,
                    Err(error) => break error,
                }
                assert!(client.stats().queued_bytes <= CAP_BYTES);
            };
            assert_eq!(refused, RequestError::QueueFull);
        });
        assert!(accepted >= 15, "{accepted}");
        let _subscribe = requests(&mut harness);
        answer(&mut harness, &["a"], true);
        harness.pump();
        assert_eq!(requests(&mut harness).len(), accepted);
        assert_eq!(harness.client.stats().queued_bytes, 0);
    });
}

#[test]
fn properties_wait_for_the_channel_and_keep_their_order() {
    each_with(restoring, |mut harness| {
        let set = |client: &mut ChatClient, level: i32| {
            let properties = [("level".into(), level.into())];
            let set = client.set_channel_properties("a", &properties, &PropertyOptions::new());
            set.expect("it waits for the channel");
        };
        arrive_first(&mut harness, &["a"], |client| {
            set(client, 1);
            let properties = [("mood".into(), "good".into())];
            let options = PropertyOptions::new();
            let of_user = client.set_user_properties("a", "alice", &properties, &options);
            of_user.expect("it waits for the channel");
            publish(client, "a", "hello");
        });
        assert_eq!(requests(&mut harness), [subscribes(&["a"])]);
        // The request for the channel has left, but the later value must not overtake the earlier one.
        set(&mut harness.client, 2);
        harness.pump();
        assert_eq!(requests(&mut harness), []);
        answer(&mut harness, &["a"], true);
        let sent: Vec<_> = harness.server().requests.drain(..).collect();
        let codes: Vec<u8> = sent.iter().map(|sent| sent.code).collect();
        assert_eq!(codes, [8, 8, 2, 8]);
        assert_ne!(sent[0].parameters, sent[3].parameters);
        assert_eq!(harness.client.stats().queued_bytes, 0);
        set(&mut harness.client, 3);
        assert_eq!(harness.client.stats().queued_bytes, 0);
        harness.pump();
        assert_eq!(requests(&mut harness).len(), 1);
    });
}
