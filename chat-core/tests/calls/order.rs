//! Every intent checks in the same order: the state, then its arguments, then free space. An
//! application that sees `QueueFull` therefore knows that the same call succeeds later.

use chat_core::{
    ChatClient, ChatConfig, ConnectOptions, Hashtable, OperationOptions, PrivateOptions,
    PropertyOptions, PublishOptions, RequestError, State, StatusMessage, SubscribeOptions, Value,
};
use dev_server::ServerConfig;
use dev_server::sim::StreamSettings;
use soak::Simulation;

const CAP_BYTES: usize = 4 * 1024;

type Call = fn(&mut ChatClient) -> Result<(), RequestError>;

/// Each intent of the front end with arguments that it accepts.
const GOOD: [(&str, Call); 10] = [
    ("subscribe", |chat| {
        chat.subscribe(["a"], &SubscribeOptions::new()).map(drop)
    }),
    ("unsubscribe", |chat| chat.unsubscribe(["a"]).map(drop)),
    ("publish_message", |chat| {
        chat.publish_message("a", "x", &PublishOptions::new())
    }),
    ("send_private_message", |chat| {
        chat.send_private_message("bob", "x", &PrivateOptions::new())
    }),
    ("set_user_status", |chat| {
        chat.set_user_status(2, StatusMessage::Clear)
    }),
    ("add_friends", |chat| chat.add_friends(["bob"])),
    ("remove_friends", |chat| chat.remove_friends(["bob"])),
    ("set_channel_properties", |chat| {
        let properties = [("k".into(), Value::Null)];
        chat.set_channel_properties("a", &properties, &PropertyOptions::new())
    }),
    ("set_user_properties", |chat| {
        let properties = [("k".into(), Value::Null)];
        chat.set_user_properties("a", "bob", &properties, &PropertyOptions::new())
    }),
    ("send_operation", |chat| {
        chat.send_operation(99, &[], &OperationOptions::new())
    }),
];

/// The same intents with arguments that they reject: some before they encode, some while they do.
const BAD: [(&str, Call); 17] = [
    ("subscribe to nothing", |chat| {
        let none: [&str; 0] = [];
        chat.subscribe(none, &SubscribeOptions::new()).map(drop)
    }),
    ("subscribe with ids for other channels", |chat| {
        let options = SubscribeOptions::new().last_ids([1, 2]);
        chat.subscribe(["a"], &options).map(drop)
    }),
    ("subscribe to a long name", |chat| {
        let name = "x".repeat(600_000);
        chat.subscribe([name], &SubscribeOptions::new()).map(drop)
    }),
    ("unsubscribe from an empty name", |chat| {
        chat.unsubscribe([""]).map(drop)
    }),
    ("unsubscribe from a long name", |chat| {
        chat.unsubscribe(["x".repeat(600_000)]).map(drop)
    }),
    ("publish in an empty name", |chat| {
        chat.publish_message("", "x", &PublishOptions::new())
    }),
    ("publish null", |chat| {
        chat.publish_message("a", &Value::Null, &PublishOptions::new())
    }),
    ("publish a long text", |chat| {
        let text = "x".repeat(600_000);
        chat.publish_message("a", &*text, &PublishOptions::new())
    }),
    ("send a private message to an empty id", |chat| {
        chat.send_private_message("", "x", &PrivateOptions::new())
    }),
    ("send null in private", |chat| {
        chat.send_private_message("bob", &Value::Null, &PrivateOptions::new())
    }),
    ("set a status that cannot be encoded", |chat| {
        chat.set_user_status(2, StatusMessage::SetValue(&null_key()))
    }),
    ("add an empty id", |chat| chat.add_friends([""])),
    ("remove too many friends", |chat| {
        chat.remove_friends(["bob"; 1_025])
    }),
    ("set no properties", |chat| {
        chat.set_channel_properties("a", &[], &PropertyOptions::new())
    }),
    ("set properties of an empty id", |chat| {
        let properties = [("k".into(), Value::Null)];
        chat.set_user_properties("a", "", &properties, &PropertyOptions::new())
    }),
    ("send Authenticate", |chat| {
        chat.send_operation(230, &[], &OperationOptions::new())
    }),
    ("send a parameter that cannot be encoded", |chat| {
        chat.send_operation(99, &[(1, null_key())], &OperationOptions::new())
    }),
];

/// A value that no protocol can express.
fn null_key() -> Value {
    Value::Hashtable(Hashtable(vec![(Value::Null, Value::Null)]))
}

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
    for (name, call) in GOOD.into_iter().chain(BAD) {
        assert_eq!(call(chat), wrong_state, "{name}");
    }
    assert_eq!(chat.get_regions(), wrong_state);
    // The "argument" of reconnect is what an earlier login left.
    assert_eq!(chat.reconnect(), wrong_state);
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
    for (name, call) in BAD {
        let error = call(chat).expect_err(name);
        assert!(
            !matches!(error, RequestError::QueueFull | RequestError::WrongState(_)),
            "{name}: {error}"
        );
    }
    for (name, call) in GOOD {
        assert_eq!(call(chat), Err(RequestError::QueueFull), "{name}");
    }
    // As promised, the same calls succeed later.
    simulation.run_for(1_000);
    for (name, call) in GOOD {
        assert_eq!(call(simulation.chat(0)), Ok(()), "{name}");
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
