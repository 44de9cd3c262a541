//! Every intent checks in the same order: the state, then its arguments, then free space. An
//! application that sees `QueueFull` therefore knows that the same call succeeds later.

use crate::intents::{Call, Intent, intents};
use chat_core::{
    ChatClient, ChatConfig, ConnectOptions, OperationOptions, RequestError, State, Value,
};
use dev_server::ServerConfig;
use dev_server::sim::StreamSettings;
use soak::Simulation;

const CAP_BYTES: usize = 4 * 1024;

/// A simulation with one client. Its outgoing cap is so small that a test can fill it.
fn simulation(change: impl FnOnce(ChatConfig) -> ChatConfig) -> Simulation {
    let settings = StreamSettings::default();
    let mut simulation = Simulation::new(1, ServerConfig::new(), settings);
    simulation.add("alice", |config| {
        change(config.outgoing_cap_bytes(CAP_BYTES))
    });
    simulation
}

fn connected(mut simulation: Simulation, options: ConnectOptions, state: State) -> Simulation {
    let chat = simulation.chat(0);
    assert_eq!(chat.connect_to_name_server(options), Ok(()));
    simulation.run_until(1_000);
    assert_eq!(simulation.chat(0).state(), state);
    simulation
}

fn on_front_end(simulation: Simulation) -> Simulation {
    let options = ConnectOptions::new().region("eu");
    connected(simulation, options, State::ConnectedToFrontEnd)
}

/// Repeats a call until there is no space for it.
fn fill(chat: &mut ChatClient, call: Call) {
    let refused = (0..10_000).find_map(|_| call(chat).err());
    assert_eq!(refused, Some(RequestError::QueueFull));
}

#[test]
fn the_state_comes_before_the_arguments() {
    let mut simulation = simulation(|config| config);
    let chat = simulation.chat(0);
    let wrong_state = Err(RequestError::WrongState(State::Uninitialized));
    let rejected = |intent: &Intent| !intent.states.contains(&State::Uninitialized);
    for intent in intents().into_iter().filter(rejected) {
        assert_eq!((intent.good)(chat), wrong_state, "{}", intent.name);
        for bad in intent.bad {
            assert_eq!((bad.call)(chat), wrong_state, "{}", bad.name);
        }
    }
}

#[test]
fn the_arguments_come_before_space() {
    // The queue must be full to the last byte: a check for "no space at all" must not come first.
    // One message of the right length makes the others fit exactly.
    let mut simulation = (0..64)
        .map(|length| {
            let mut simulation = on_front_end(simulation(|config| config));
            let chat = simulation.chat(0);
            let parameters = [(1, Value::Bytes(vec![0; length].into()))];
            let sent = chat.send_operation(99, &parameters, &OperationOptions::new());
            assert_eq!(sent, Ok(()));
            fill(chat, |chat| {
                chat.send_operation(99, &[], &OperationOptions::new())
            });
            simulation
        })
        .find(|simulation| simulation.clients[0].chat.buffered_bytes() == CAP_BYTES)
        .expect("some length fills the queue");
    let chat = simulation.chat(0);
    let mut intents = intents();
    intents.retain(|intent| intent.states == [State::ConnectedToFrontEnd]);
    for bad in intents.iter().flat_map(|intent| &intent.bad) {
        let error = (bad.call)(chat).expect_err(&bad.name);
        assert!(
            !matches!(error, RequestError::QueueFull | RequestError::WrongState(_)),
            "{}: {error}",
            bad.name
        );
    }
    let full = Err(RequestError::QueueFull);
    for intent in &intents {
        assert_eq!((intent.good)(chat), full, "{}", intent.name);
    }
    // As promised, the same calls succeed later.
    simulation.run_for(1_000);
    for intent in &intents {
        assert_eq!((intent.good)(simulation.chat(0)), Ok(()), "{}", intent.name);
    }
}

#[test]
fn get_regions_is_refused_for_space_last() {
    let mut simulation = connected(
        simulation(|config| config),
        ConnectOptions::new(),
        State::ConnectedToNameServer,
    );
    fill(simulation.chat(0), ChatClient::get_regions);
    simulation.run_for(1_000);
    assert_eq!(simulation.chat(0).get_regions(), Ok(()));
}

#[test]
fn connect_calls_are_refused_for_space_last() {
    // A cap of 1 byte admits one event at a time.
    let mut simulation = on_front_end(simulation(|config| config.event_cap_bytes(1)));
    let chat = simulation.chat(0);
    // The event of the disconnect is not taken.
    chat.disconnect();
    assert_eq!(chat.queued_events(), 1);
    let full = Err(RequestError::QueueFull);
    assert_eq!(chat.connect_to_name_server(ConnectOptions::new()), full);
    assert_eq!(chat.connect_to_region_front_end("eu"), full);
    assert_eq!(chat.reconnect(), full);
    // Without a token, reconnect is refused for that before space.
    assert_eq!(chat.set_user_id("bob"), Ok(()));
    assert_eq!(chat.reconnect(), Err(RequestError::NothingToReconnectTo));
    assert!(chat.poll_event().is_some());
    assert_eq!(chat.connect_to_name_server(ConnectOptions::new()), Ok(()));
    // With an event waiting, the state still comes first.
    assert_eq!(
        chat.connect_to_name_server(ConnectOptions::new()),
        Err(RequestError::WrongState(State::ConnectingToNameServer))
    );
}
