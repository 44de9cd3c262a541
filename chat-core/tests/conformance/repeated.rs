//! What counts, caches or resets, the second time and the thousandth time: a leak shows only then.

use crate::harness::{Harness, Line, Seen, bools, each, each_with, outcomes, strings};
use chat_core::{ChatConfig, ConnectOptions, Event, Outcome, State, SubscribeOptions, Value};
use photon_proto::Hashtable;

const ROUNDS: i32 = 1_000;
/// chat.md 5: so many channels that the application did not ask for are kept.
const MAX_UNSOLICITED: usize = 1_024;

fn message(channel: &str, text: &str, id: i32) -> Vec<(u8, Value)> {
    vec![
        (1, channel.into()),
        (4, strings(&["bob"])),
        (2, strings(&[text])),
        (8, id.into()),
    ]
}

/// The parameters of event 5: these channels are accepted.
fn accepted(channels: &[&str]) -> Vec<(u8, Value)> {
    let results = bools(&vec![true; channels.len()]);
    vec![(0, strings(channels)), (15, results)]
}

/// The server takes a user into a channel with properties, subscribers, and one who has properties.
fn accepted_with_presence(channel: &str) -> Vec<(u8, Value)> {
    let properties = Value::Hashtable(Hashtable(vec![
        (Value::Byte(254), true.into()),
        ("topic".into(), "chess ".repeat(10).into()),
    ]));
    let of_bob = Value::Hashtable(Hashtable(vec![("rank".into(), "queen".into())]));
    let of_users = Value::Hashtable(Hashtable(vec![("bob".into(), of_bob)]));
    let mut parameters = accepted(&[channel]);
    parameters.extend([
        (22, properties),
        (23, strings(&["bob", "carol"])),
        (28, of_users),
    ]);
    parameters
}

/// Disconnects, forgets the channels, and asserts that nothing is left.
#[track_caller]
fn comes_to_rest(mut harness: Harness) {
    harness.client.disconnect();
    harness.pump();
    harness.advance_ms(60_000);
    harness.client.forget_channels();
    assert_eq!(harness.client.check_at_rest(), Ok(()));
}

#[test]
fn sound19_the_bytes_of_taken_events_are_released() {
    // An empty queue takes one event under any cap, so a leak is visible only from the second one
    // on: two messages arrive in each round, and both must fit.
    let small = |config: ChatConfig| config.event_cap_bytes(4_000).channel_cache_messages(0);
    each_with(small, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        let link = harness.link();
        for round in 1..=ROUNDS {
            let text = "x".repeat(1_000);
            let mut bytes = harness.event(0, &message("a", &text, 2 * round));
            bytes.extend(harness.event(0, &message("a", &text, 2 * round + 1)));
            harness.deliver_without_pump(link, &bytes);
            while harness.client.service(harness.now).more {}
            assert_eq!(harness.client.queued_events(), 2, "in round {round}");
            for id in [2 * round, 2 * round + 1] {
                let event = harness.client.poll_event().expect("counted above");
                let line = Line::new("bob", text.as_str(), Some(id));
                assert_eq!(Seen::from(&event), Seen::messages("a", [line]));
            }
            assert_eq!(
                harness.client.poll_event().map(|event| Seen::from(&event)),
                None
            );
            if round % 20 == 0 {
                // Over datagrams the server has a limited number of messages under way.
                harness.pump();
            }
        }
        comes_to_rest(harness);
    });
}

/// Events that the client causes by itself are released as well.
#[test]
fn sound19_the_bytes_of_connect_and_disconnect_events_are_released() {
    let small = |config: ChatConfig| config.event_cap_bytes(1_000);
    each_with(small, |mut harness| {
        for round in 0..ROUNDS {
            let connected = harness.client.connect_to_name_server(ConnectOptions::new());
            assert_eq!(connected, Ok(()), "in round {round}");
            harness.client.disconnect();
            let states = [State::ConnectingToNameServer, State::Disconnected];
            assert_eq!(harness.client.queued_events(), states.len());
            // A second connect finds space beside the events of the first.
            let again = harness.client.connect_to_name_server(ConnectOptions::new());
            assert_eq!(again, Ok(()), "in round {round}");
            harness.client.disconnect();
            harness.pump();
            harness.forget();
        }
        assert_eq!(harness.client.check_at_rest(), Ok(()));
    });
}

/// Ways to lose the front end.
const LOSSES: [fn(&mut Harness); 4] = [
    Harness::close,
    Harness::send_disconnect_or_close,
    |harness| {
        let ms = harness.fall_silent();
        harness.advance_ms(ms + 60_000);
        harness.answers = true;
    },
    |harness| {
        harness.client.disconnect();
        harness.pump();
    },
];

/// A request that ended with its connection does not settle on the next one.
#[test]
fn sound19_a_lost_connection_forgets_the_names_that_requests_wait_for() {
    for lose in LOSSES {
        each(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["left"]);
            let first = harness.subscribe(&["a", "b"]);
            let second = harness.subscribe(&["b", "c"]);
            let leave = harness.unsubscribe(&["left"]);
            harness.pump();
            lose(&mut harness);
            let ended: Vec<Seen> = harness.take_events().iter().map(Seen::from).collect();
            let lost = Outcome::ConnectionLost;
            assert_eq!(
                ended[..3],
                [
                    Seen::Subscribed(outcomes(&["a", "b"], &lost, Some(first))),
                    Seen::Subscribed(outcomes(&["b", "c"], &lost, Some(second))),
                    Seen::Unsubscribed(outcomes(&["left"], &lost, Some(leave))),
                ]
            );
            assert!(
                !ended[3..]
                    .iter()
                    .any(|seen| matches!(seen, Seen::Subscribed(_) | Seen::Unsubscribed(_)))
            );

            harness.connect(None);
            harness.handshake();
            harness.choose_region();
            harness.accept_login();
            harness.handshake();
            harness.respond(230, 0, None, &[]);
            harness.forget();

            // Unsolicited: the requests of the connection before are gone.
            harness.raise(5, &accepted(&["b"]));
            harness.expect(&[Seen::Subscribed(outcomes(&["b"], &Outcome::Done, None))]);
            harness.raise(6, &[(0, strings(&["left"]))]);
            harness.expect(&[Seen::Unsubscribed(outcomes(
                &["left"],
                &Outcome::Done,
                None,
            ))]);
            // The first response and the first event belong to the first request of this one.
            let again = harness.subscribe(&["b", "a"]);
            let leave_again = harness.unsubscribe(&["left"]);
            harness.pump();
            harness.raise(5, &accepted(&["b", "a"]));
            harness.raise(6, &[(0, strings(&["left"]))]);
            harness.expect(&[
                Seen::Subscribed(outcomes(&["b", "a"], &Outcome::Done, Some(again))),
                Seen::Unsubscribed(outcomes(&["left"], &Outcome::Done, Some(leave_again))),
            ]);
            comes_to_rest(harness);
        });
    }
}

/// Unsolicited subscriptions of 1,024 new channels are kept, and of one more are not: nothing was
/// counted before.
#[track_caller]
fn has_space_for_all_unsolicited(mut harness: Harness, known: usize) {
    assert_eq!(harness.client.public_channels().count(), known);
    let names: Vec<String> = (known..MAX_UNSOLICITED)
        .map(|n| format!("new {n}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for some in names.chunks(128) {
        harness.raise(5, &accepted(some));
    }
    harness.take_events();
    assert_eq!(harness.client.stats().unkept_channels, 0);
    assert_eq!(harness.client.public_channels().count(), MAX_UNSOLICITED);
    harness.raise(5, &accepted(&["one too many"]));
    assert_eq!(harness.client.stats().unkept_channels, 1);
    assert_eq!(harness.client.public_channels().count(), MAX_UNSOLICITED);
    harness.take_events();
    comes_to_rest(harness);
}

fn on_front_end(test: impl Fn(Harness)) {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        test(harness);
    });
}

#[test]
fn sound19_repeated_unsolicited_subscriptions_count_once() {
    on_front_end(|mut harness| {
        for _ in 0..ROUNDS + 100 {
            harness.raise(5, &accepted(&["a", "b"]));
        }
        has_space_for_all_unsolicited(harness, 2);
    });
}

#[test]
fn sound19_a_left_channel_returns_its_place_among_the_unsolicited() {
    on_front_end(|mut harness| {
        for round in 0..ROUNDS + 100 {
            let name = format!("channel {}", round % 7);
            harness.raise(5, &accepted(&[&name]));
            harness.raise(6, &[(0, strings(&[&name]))]);
        }
        has_space_for_all_unsolicited(harness, 0);
    });
}

/// The application leaves a channel, and the server confirms it.
fn leave(harness: &mut Harness, channel: &str) {
    harness.unsubscribe(&[channel]);
    harness.pump();
    harness.raise(6, &[(0, strings(&[channel]))]);
    harness.forget();
}

/// The application subscribes to a channel that the server chose before, and the other way round.
#[test]
fn sound19_resubscriptions_leak_no_unsolicited_channels() {
    on_front_end(|mut harness| {
        for _ in 0..ROUNDS / 2 + 100 {
            harness.raise(5, &accepted(&["a"]));
            harness.forget();
            harness.join(&["a"]);
            leave(&mut harness, "a");
            harness.join(&["b"]);
            harness.raise(5, &accepted(&["b"]));
            harness.raise(6, &[(0, strings(&["b"]))]);
        }
        has_space_for_all_unsolicited(harness, 0);
    });
}

#[test]
fn sound19_channels_kept_over_connections_count_once() {
    each(|mut harness| {
        for round in 0..5 {
            harness.go_to(State::ConnectedToFrontEnd);
            let names: Vec<String> = (0..600).map(|n| format!("channel {n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            for some in names.chunks(100) {
                harness.raise(5, &accepted(some));
            }
            assert_eq!(harness.client.public_channels().count(), 600, "{round}");
            assert_eq!(harness.client.stats().unkept_channels, 0, "{round}");
            if round % 2 == 0 {
                harness.close();
            } else {
                harness.client.disconnect();
                harness.pump();
            }
        }
        harness.client.forget_channels();
        harness.go_to(State::ConnectedToFrontEnd);
        has_space_for_all_unsolicited(harness, 0);
    });
}

/// Space for one channel with its presence, not for two.
fn space_for_one_channel(config: ChatConfig) -> ChatConfig {
    config.user_id("alice").presence_cap_bytes(4_000)
}

#[track_caller]
fn knows_everything(harness: &Harness, channel: &str, round: i32) {
    let known = harness.client.channel(channel).expect("subscribed");
    assert_eq!(known.subscribers().count(), 3, "in round {round}");
    assert_eq!(known.properties().count(), 2, "in round {round}");
    assert_eq!(known.user_properties("bob").count(), 1, "in round {round}");
    assert_eq!(
        harness.client.stats().presence_dropped,
        0,
        "in round {round}"
    );
}

#[test]
fn sound19_resubscriptions_leak_no_memory_of_presence() {
    each_with(space_for_one_channel, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        for round in 0..ROUNDS {
            // Requested or not, with or without leaving before.
            if round % 2 == 0 {
                harness
                    .client
                    .subscribe(["a"], &SubscribeOptions::new())
                    .expect("on the front end");
                harness.pump();
            }
            harness.raise(5, &accepted_with_presence("a"));
            knows_everything(&harness, "a", round);
            if round % 3 == 0 {
                harness.raise(6, &[(0, strings(&["a"]))]);
            }
            harness.respond(0, 0, None, &[]);
            harness.forget();
        }
        comes_to_rest(harness);
    });
}

#[test]
fn sound19_users_and_properties_that_come_and_go_leak_no_memory() {
    let space_for_one_more_user =
        |config: ChatConfig| space_for_one_channel(config).presence_cap_bytes(7_000);
    each_with(space_for_one_more_user, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.raise(5, &accepted_with_presence("a"));
        let hash = |pairs: Vec<(Value, Value)>| Value::Hashtable(Hashtable(pairs));
        for round in 0..ROUNDS {
            let dave = [(1, "a".into()), (225, "dave".into())];
            let rank = (28, hash(vec![("rank".into(), "rook".into())]));
            harness.raise(8, &[dave.to_vec(), vec![rank.clone()]].concat());
            // A second time: nothing is counted twice.
            harness.raise(8, &[dave.to_vec(), vec![rank]].concat());
            for value in ["x".repeat(60).into(), Value::Int(round), Value::Null] {
                let changes = hash(vec![("mood".into(), value)]);
                let of_channel = [(1, "a".into()), (5, "bob".into()), (22, changes)];
                harness.raise(7, &of_channel);
                harness.raise(7, &[&of_channel[..], &[(225, "dave".into())]].concat());
            }
            harness.raise(9, &dave);
            harness.raise(9, &dave);
            knows_everything(&harness, "a", round);
            harness.forget();
        }
        comes_to_rest(harness);
    });
}

#[test]
fn sound19_caches_of_left_channels_release_their_memory() {
    let small = |config: ChatConfig| config.cache_cap_bytes(20_000);
    each_with(small, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        for round in 1..=ROUNDS / 4 {
            harness.raise(5, &accepted(&["a"]));
            for id in 1..=4 {
                let parameters = message("a", &"x".repeat(1_000), id);
                harness.raise(0, &parameters);
            }
            let cached = harness
                .client
                .channel("a")
                .map(chat_core::Channel::cached_messages);
            assert_eq!(cached, Some(4), "in round {round}");
            if round % 2 == 0 {
                harness.client.clear_messages("a");
            } else {
                harness.raise(6, &[(0, strings(&["a"]))]);
            }
            assert_eq!(harness.client.stats().cached_bytes, 0, "in round {round}");
            let events = harness.take_events();
            assert!(
                events
                    .iter()
                    .all(|event| !matches!(event, Event::BadMessage(_)))
            );
        }
        comes_to_rest(harness);
    });
}
