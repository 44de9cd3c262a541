//! Many clients in one channel: each receives every message exactly once.

use chat_core::{
    ConnectOptions, Encryption, Event, Outcome, Protocol, PublishOptions, State, SubscribeOptions,
    dispatch,
};
use dev_server::ServerConfig;
use dev_server::sim::StreamSettings;
use soak::{Simulation, Transport};
use std::time::Duration;

/// Clients of all transports and serializations, encrypted or not, on networks that fragment and
/// delay.
fn crowd(seed: u64, size: usize) -> Simulation {
    let line = StreamSettings {
        delay_ms: 15,
        jitter_ms: 10,
        max_chunk: 300,
        window_bytes: 20_000,
        ..StreamSettings::default()
    };
    let mut simulation = Simulation::new(seed, ServerConfig::new(), line);
    for number in 0..size {
        let transport = Transport::ALL[number % Transport::ALL.len()];
        let player = simulation.add_over(transport, &format!("user{number}"), |config| {
            let encryption = if number % 3 == 0 {
                Encryption::Off
            } else {
                Encryption::On
            };
            let config = config.encryption(encryption);
            match transport {
                Transport::Ws if number % 3 == 0 => config.json(),
                Transport::Wss if number % 3 == 1 => config.json(),
                _ if number % 8 < 4 => config.protocol(Protocol::V16),
                _ => config.protocol(Protocol::V18),
            }
        });
        simulation
            .chat(player)
            .connect_to_name_server(ConnectOptions::new().region("eu"))
            .expect("a new client");
    }
    simulation.run_until(2_000);
    simulation
}

/// The messages that a player received in a channel, as sender and text.
fn received(simulation: &Simulation, player: usize, channel: &str) -> Vec<(String, String)> {
    let events = simulation.clients[player].events.iter();
    events
        .filter_map(|(_, event)| match event {
            Event::ChatMessages {
                channel: name,
                messages,
            } if *name == channel => Some(messages),
            _ => None,
        })
        .flat_map(|messages| {
            messages
                .iter()
                .map(|message| {
                    (
                        message.sender.to_owned(),
                        message.content.as_str().expect("text").to_owned(),
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn two_hundred_clients_miss_nothing_and_receive_nothing_twice() {
    const SIZE: usize = 200;
    let mut simulation = crowd(11, SIZE);
    for player in 0..SIZE {
        assert_eq!(
            simulation.clients[player].chat.state(),
            State::ConnectedToFrontEnd,
            "user{player}"
        );
        simulation
            .chat(player)
            .subscribe(["general"], &SubscribeOptions::new())
            .expect("on the front end");
    }
    simulation.run_for(1_000);
    for round in 0..3 {
        for player in 0..SIZE {
            let text = format!("{round} from {player}");
            simulation
                .chat(player)
                .publish_message("general", text.as_str(), &PublishOptions::new())
                .expect("free space");
        }
        simulation.run_for(500);
    }
    simulation.run_for(5_000);
    let first = received(&simulation, 0, "general");
    assert_eq!(first.len(), 3 * SIZE);
    let mut sorted = first.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 3 * SIZE, "something was doubled");
    for player in 1..SIZE {
        assert_eq!(
            received(&simulation, player, "general"),
            first,
            "user{player} received other messages"
        );
    }
}

#[test]
fn history_is_sent_to_clients_that_request_it() {
    let mut simulation = crowd(12, 2);
    let (alice, bob) = (0, 1);
    simulation
        .chat(alice)
        .subscribe(["a"], &SubscribeOptions::new())
        .expect("on the front end");
    simulation.run_for(200);
    for number in 1..=5 {
        let text = format!("line {number}");
        simulation
            .chat(alice)
            .publish_message("a", text.as_str(), &PublishOptions::new())
            .expect("free space");
    }
    simulation.run_for(200);
    simulation
        .chat(bob)
        .subscribe(["a"], &SubscribeOptions::new().last_ids([2]))
        .expect("on the front end");
    simulation.run_for(200);
    let texts: Vec<_> = received(&simulation, bob, "a")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(texts, ["line 3", "line 4", "line 5"]);
    assert_eq!(
        simulation.clients[bob]
            .chat
            .channel("a")
            .map(chat_core::Channel::last_id),
        Some(5)
    );
    let done = |event: &Event| matches!(event, Event::SubscribeResult(all) if all[0].outcome == Outcome::Done);
    assert!(
        simulation.clients[bob]
            .events
            .iter()
            .any(|(_, event)| done(event))
    );
}

#[test]
fn a_slow_network_delays_and_loses_nothing() {
    let line = StreamSettings {
        delay_ms: 5,
        bytes_per_second: 20_000,
        window_bytes: 4_000,
        ..StreamSettings::default()
    };
    let mut simulation = Simulation::new(13, ServerConfig::new(), line);
    let player = simulation.add("alice", |config| {
        config
            .outgoing_cap_bytes(60_000)
            .silence_timeout(Duration::from_millis(60_000))
    });
    simulation
        .chat(player)
        .connect_to_name_server(ConnectOptions::new().region("eu"))
        .expect("a new client");
    simulation.run_until(3_000);
    simulation
        .chat(player)
        .subscribe(["a"], &SubscribeOptions::new())
        .expect("on the front end");
    simulation.run_for(1_000);
    let text = "x".repeat(1_000);
    let mut accepted = 0;
    while simulation
        .chat(player)
        .publish_message("a", text.as_str(), &PublishOptions::new())
        .is_ok()
    {
        accepted += 1;
    }
    assert!(
        (50..=60).contains(&accepted),
        "{accepted} messages of about 1,020 bytes under a cap of 60,000"
    );
    simulation.run_for(20_000);
    assert_eq!(received(&simulation, player, "a").len(), accepted);
    simulation
        .chat(player)
        .publish_message("a", "space again", &PublishOptions::new())
        .expect("free space");
}

#[test]
fn a_listener_calls_the_client_inside_its_callbacks() {
    struct Calls(Vec<&'static str>);

    impl chat_core::Listener for Calls {
        fn on_state_change(&mut self, chat: &mut chat_core::ChatClient, _from: State, to: State) {
            self.0.push(to.name());
            if to == State::ConnectedToFrontEnd {
                chat.subscribe(["lobby"], &SubscribeOptions::new())
                    .expect("on the front end");
            }
        }

        fn on_subscribe_result(
            &mut self,
            chat: &mut chat_core::ChatClient,
            channels: &[chat_core::ChannelOutcome],
        ) {
            self.0.push("subscribed");
            chat.publish_message(&channels[0].channel, "hello", &PublishOptions::new())
                .expect("free space");
        }

        fn on_chat_messages(
            &mut self,
            chat: &mut chat_core::ChatClient,
            _channel: &chat_core::Text,
            _messages: &chat_core::Messages,
        ) {
            self.0.push("messages");
            chat.disconnect();
        }
    }

    let mut simulation = crowd(14, 1);
    let mut calls = Calls(Vec::new());
    // The simulation has taken the events. They are delivered now, as by a game with its own queue.
    for round in 0..4 {
        for (_, event) in std::mem::take(&mut simulation.clients[0].events) {
            event.deliver(simulation.chat(0), &mut calls);
        }
        dispatch(simulation.chat(0), &mut calls);
        simulation.run_for(200 + round);
    }
    let expected = [
        "ConnectingToNameServer",
        "ConnectedToNameServer",
        "ConnectingToFrontEnd",
        "ConnectedToFrontEnd",
    ];
    assert_eq!(calls.0[..4], expected);
    assert_eq!(calls.0[4..], ["subscribed", "messages", "Disconnected"]);
}
