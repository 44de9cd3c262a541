//! Every call in every state, with every kind of bad argument: each has its documented
//! `RequestError` or its documented effect, none panics, and nothing changes after `Err`.

use crate::intents::{intents, nested};
use chat_core::{
    ChatClient, ConnectOptions, Event, Protocol, PublishOptions, RequestError, State,
    StatusMessage, SubscribeOptions,
};
use dev_server::ServerConfig;
use dev_server::sim::StreamSettings;
use soak::Simulation;

const STATES: [State; 7] = [
    State::Uninitialized,
    State::ConnectingToNameServer,
    State::ConnectedToNameServer,
    State::ConnectingToFrontEnd,
    State::ConnectedToFrontEnd,
    State::Disconnected,
    State::Error,
];

/// A simulation whose only client is in this state.
fn simulation_in(state: State, protocol: Protocol) -> Simulation {
    let line = StreamSettings {
        delay_ms: 20,
        ..StreamSettings::default()
    };
    let mut simulation = Simulation::new(
        1,
        ServerConfig::new().with(|config| config.properties = true),
        line,
    );
    let player = simulation.add("alice", |config| config.protocol(protocol));
    if state == State::Uninitialized {
        return simulation;
    }
    let options = match state {
        State::ConnectedToNameServer => ConnectOptions::new(),
        _ => ConnectOptions::new().region("eu"),
    };
    simulation
        .chat(player)
        .connect_to_name_server(options)
        .expect("a new client");
    match state {
        State::ConnectingToNameServer => {}
        State::ConnectingToFrontEnd => simulation.run_until(170),
        State::Error => {
            simulation.run_until(1_000);
            let link = simulation.clients[player].newest_link().expect("a link");
            simulation.network.reset(simulation.now, link);
            simulation.run_for(100);
        }
        State::Disconnected => {
            simulation.run_until(1_000);
            simulation.chat(player).disconnect();
            simulation.run_for(100);
        }
        _ => simulation.run_until(1_000),
    }
    assert_eq!(simulation.chat(player).state(), state);
    simulation
}

/// The state that must not change after `Err`.
fn seen(chat: &ChatClient) -> impl PartialEq + std::fmt::Debug + use<> {
    let channels: Vec<_> = chat
        .public_channels()
        .map(|channel| channel.name().to_string())
        .collect();
    (
        chat.state(),
        chat.queued_events(),
        chat.buffered_bytes(),
        chat.poll_timeout(),
        chat.stats(),
        channels,
    )
}

#[test]
fn every_call_in_every_state() {
    for protocol in [Protocol::V16, Protocol::V18] {
        for state in STATES {
            for intent in intents() {
                let name = intent.name;
                let mut simulation = simulation_in(state, protocol);
                let before = seen(simulation.chat(0));
                let result = (intent.good)(simulation.chat(0));
                if intent.states.contains(&state) {
                    assert_eq!(result, Ok(()), "{name} in {state:?}");
                } else {
                    assert_eq!(
                        result,
                        Err(RequestError::WrongState(state)),
                        "{name} in {state:?}"
                    );
                    assert_eq!(
                        seen(simulation.chat(0)),
                        before,
                        "{name} in {state:?} changed something"
                    );
                }
                simulation.run_for(5_000);
            }
            // Calls that are never rejected.
            let mut simulation = simulation_in(state, protocol);
            simulation.chat(0).clear_messages("nowhere");
            simulation.chat(0).clear_private_messages("nobody");
            simulation.chat(0).forget_channels();
            simulation
                .chat(0)
                .set_custom_authentication(chat_core::AuthValues::new("a=b"));
            simulation.chat(0).disconnect();
            simulation.run_for(5_000);
        }
    }
}

#[test]
fn reconnect_before_any_login_is_rejected() {
    let mut simulation = simulation_in(State::ConnectedToNameServer, Protocol::V18);
    simulation.chat(0).disconnect();
    assert_eq!(
        simulation.chat(0).reconnect(),
        Err(RequestError::NothingToReconnectTo)
    );
}

#[test]
fn bad_arguments_are_rejected_and_change_nothing() {
    for protocol in [Protocol::V16, Protocol::V18] {
        let mut simulation = simulation_in(State::ConnectedToFrontEnd, protocol);
        for bad in intents().into_iter().flat_map(|intent| intent.bad) {
            let name = &bad.name;
            let before = seen(simulation.chat(0));
            let error = (bad.call)(simulation.chat(0)).expect_err(name);
            assert!((bad.is_right)(&error), "{name}: {error}");
            assert_eq!(seen(simulation.chat(0)), before, "{name} changed something");
        }
        simulation.run_for(5_000);
        assert_eq!(simulation.chat(0).state(), State::ConnectedToFrontEnd);
    }
}

#[test]
fn odd_arguments_have_their_documented_effect() {
    for protocol in [Protocol::V16, Protocol::V18] {
        let mut simulation = simulation_in(State::ConnectedToFrontEnd, protocol);
        let earlier = simulation.clients[0].events.len();
        // The client sends names unchanged, including duplicates.
        let names = [
            "ünïcode 😀",
            "tab\tand\nline",
            "\u{0}",
            "twice",
            "twice",
            &"long".repeat(8_000),
        ];
        let request = simulation
            .chat(0)
            .subscribe(names, &SubscribeOptions::new().history(-9))
            .expect("odd, not bad");
        simulation.run_for(200);
        let distinct: Vec<&str> = vec![names[0], names[1], names[2], names[3], names[5]];
        let listed: Vec<_> = simulation
            .chat(0)
            .public_channels()
            .map(|channel| channel.name().to_string())
            .collect();
        assert_eq!(listed, distinct);
        // One outcome for each distinct name; a duplicate name settles nothing.
        let settled = simulation.clients[0].events[earlier..]
            .iter()
            .filter_map(|(_, event)| match event {
                Event::SubscribeResult(outcomes) => Some(outcomes),
                _ => None,
            });
        let mine = settled
            .flatten()
            .filter(|outcome| outcome.request == Some(request))
            .count();
        assert_eq!(mine, distinct.len());
        // Content nested to the limit comes back unchanged.
        let deep = nested(32);
        simulation
            .chat(0)
            .publish_message("twice", &deep, &PublishOptions::new())
            .expect("nested to the limit");
        simulation.run_for(200);
        let received =
            simulation.clients[0]
                .events
                .iter()
                .rev()
                .find_map(|(_, event)| match event {
                    Event::ChatMessages { messages, .. } => {
                        messages.get(0).map(|message| message.content.to_value())
                    }
                    _ => None,
                });
        assert_eq!(received, Some(deep), "{protocol:?}");
        // Unsubscribing from a channel without subscription is not an error.
        simulation
            .chat(0)
            .unsubscribe(["never there", "never there"])
            .expect("odd, not bad");
        simulation
            .chat(0)
            .set_user_status(i32::MIN, StatusMessage::Keep)
            .expect("any number");
        simulation.run_for(200);
        assert_eq!(simulation.chat(0).state(), State::ConnectedToFrontEnd);
    }
}
