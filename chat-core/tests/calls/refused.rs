//! Every call in every state, with every kind of bad argument: each has its documented
//! `RequestError` or its documented effect, none panics, and nothing changes after `Err`.

use chat_core::photon_proto::EncodeErrorKind;
use chat_core::{
    ChatClient, ConnectOptions, Event, PrivateOptions, PropertyOptions, Protocol, PublishOptions,
    RequestError, State, StatusMessage, SubscribeOptions, Value,
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

type Call = fn(&mut ChatClient) -> Result<(), RequestError>;

/// Every call that the client can reject, with valid arguments, and the states that allow it.
fn calls() -> Vec<(&'static str, &'static [State], Call)> {
    use State::{
        ConnectedToFrontEnd as Chatting, ConnectedToNameServer, Disconnected, Error, Uninitialized,
    };
    const APART: &[State] = &[Uninitialized, Disconnected, Error];
    vec![
        ("connect_to_name_server", APART, |chat| {
            chat.connect_to_name_server(ConnectOptions::new())
        }),
        (
            "connect_to_region_front_end",
            &[Uninitialized, ConnectedToNameServer, Disconnected, Error],
            |chat| chat.connect_to_region_front_end("eu"),
        ),
        ("reconnect", &[Disconnected, Error], ChatClient::reconnect),
        ("get_regions", &[ConnectedToNameServer], |chat| {
            chat.get_regions()
        }),
        ("set_user_id", APART, |chat| chat.set_user_id("bob")),
        ("subscribe", &[Chatting], |chat| {
            chat.subscribe(["a"], &SubscribeOptions::new()).map(drop)
        }),
        ("unsubscribe", &[Chatting], |chat| {
            chat.unsubscribe(["a"]).map(drop)
        }),
        ("publish_message", &[Chatting], |chat| {
            chat.publish_message("a", "x", &PublishOptions::new())
        }),
        ("send_private_message", &[Chatting], |chat| {
            chat.send_private_message("bob", "x", &PrivateOptions::new().encrypt(true))
        }),
        ("set_user_status", &[Chatting], |chat| {
            chat.set_user_status(2, StatusMessage::Clear)
        }),
        ("add_friends", &[Chatting], |chat| chat.add_friends(["bob"])),
        ("remove_friends", &[Chatting], |chat| {
            chat.remove_friends(["bob"])
        }),
        ("set_channel_properties", &[Chatting], |chat| {
            chat.set_channel_properties("a", &[("k".into(), 1.into())], &PropertyOptions::new())
        }),
        ("set_user_properties", &[Chatting], |chat| {
            chat.set_user_properties(
                "a",
                "bob",
                &[("k".into(), 1.into())],
                &PropertyOptions::new(),
            )
        }),
    ]
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
            for (name, allowed, call) in calls() {
                let mut simulation = simulation_in(state, protocol);
                let before = seen(simulation.chat(0));
                let result = call(simulation.chat(0));
                if allowed.contains(&state) {
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

/// A call with bad arguments.
type BadCall = Box<dyn Fn(&mut ChatClient) -> Result<(), RequestError>>;
/// Whether the error is the expected one.
type Right = fn(&RequestError) -> bool;
/// Arguments that are rejected, with the expected error.
type Refused = (&'static str, BadCall, Right);

fn refused() -> Vec<Refused> {
    fn empty(error: &RequestError) -> bool {
        matches!(error, RequestError::Empty(_))
    }
    fn too_long(error: &RequestError) -> bool {
        matches!(error, RequestError::TooLong { max_bytes: 512_000 })
            || matches!(error, RequestError::Unencodable(error) if matches!(
                error.kind,
                EncodeErrorKind::TextTooLong(_) | EncodeErrorKind::TooManyElements(_) | EncodeErrorKind::TooManyValues
            ))
    }
    fn too_deep(error: &RequestError) -> bool {
        matches!(error, RequestError::Unencodable(error) if error.kind == EncodeErrorKind::TooDeep)
    }
    let mut all: Vec<Refused> = Vec::new();
    let mut add = |name, call: BadCall, why| all.push((name, call, why));
    let plain = SubscribeOptions::new;
    // Lists of names.
    let lists: [(&str, Vec<String>, Right); 5] = [
        ("no names", Vec::new(), empty),
        ("an empty name", vec!["a".to_owned(), String::new()], empty),
        ("a name of 32,768 bytes", vec!["x".repeat(32_768)], too_long),
        (
            "a name of 600,000 bytes",
            vec!["x".repeat(600_000)],
            too_long,
        ),
        (
            "100,000 names",
            (0..100_000)
                .map(|number| format!("channel{number}"))
                .collect(),
            too_long,
        ),
    ];
    for (name, list, why) in lists {
        let names = list.clone();
        add(
            name,
            Box::new(move |chat| chat.subscribe(&names, &plain()).map(drop)),
            why,
        );
        let names = list.clone();
        add(
            name,
            Box::new(move |chat| chat.unsubscribe(&names).map(drop)),
            why,
        );
        let friends = |error: &RequestError| matches!(error, RequestError::TooMany { .. });
        let why = if list.len() > 1024 { friends } else { why };
        let names = list.clone();
        add(name, Box::new(move |chat| chat.add_friends(&names)), why);
        add(name, Box::new(move |chat| chat.remove_friends(&list)), why);
    }
    // Single names.
    for (name, text, why) in [
        ("an empty name", String::new(), empty as Right),
        ("a name of 32,768 bytes", "é".repeat(16_384), too_long),
        ("a name of 600,000 bytes", "x".repeat(600_000), too_long),
    ] {
        let (channel, user, properties) =
            (text.clone(), text.clone(), [("k".into(), Value::Int(1))]);
        add(
            name,
            Box::new(move |chat| chat.publish_message(&channel, "x", &PublishOptions::new())),
            why,
        );
        add(
            name,
            Box::new(move |chat| chat.send_private_message(&user, "x", &PrivateOptions::new())),
            why,
        );
        let (channel, changes) = (text.clone(), properties.clone());
        add(
            name,
            Box::new(move |chat| {
                chat.set_channel_properties(&channel, &changes, &PropertyOptions::new())
            }),
            why,
        );
        add(
            name,
            Box::new(move |chat| {
                chat.set_user_properties("a", &text, &properties, &PropertyOptions::new())
            }),
            why,
        );
    }
    add(
        "the same property twice",
        Box::new(|chat| {
            let twice = [("k".into(), Value::Int(1)), ("k".into(), Value::Int(2))];
            chat.set_channel_properties("a", &twice, &PropertyOptions::new())
        }),
        |error| matches!(error, RequestError::Unencodable(error) if error.kind == EncodeErrorKind::DuplicateKey),
    );
    add(
        "no properties",
        Box::new(|chat| chat.set_channel_properties("a", &[], &PropertyOptions::new())),
        empty,
    );
    // Contents.
    let contents: [(&str, Value, Right); 4] = [
        ("null", Value::Null, empty),
        ("nested 33 deep", nested(33), too_deep),
        ("nested 1,000 deep", nested(1_000), too_deep),
        (
            "600,000 bytes",
            Value::Bytes(vec![0; 600_000].into()),
            too_long,
        ),
    ];
    for (name, content, why) in contents {
        let (first, second) = (content.clone(), content.clone());
        add(
            name,
            Box::new(move |chat| chat.publish_message("a", &first, &PublishOptions::new())),
            why,
        );
        add(
            name,
            Box::new(move |chat| chat.send_private_message("bob", &second, &PrivateOptions::new())),
            why,
        );
        if content != Value::Null {
            add(
                name,
                Box::new(move |chat| chat.set_user_status(2, StatusMessage::SetValue(&content))),
                why,
            );
        }
    }
    // Options.
    let last_ids = |error: &RequestError| {
        matches!(
            error,
            RequestError::LastIds {
                ids: 1,
                channels: 2
            }
        )
    };
    add(
        "too few last ids",
        Box::new(move |chat| chat.subscribe(["a", "b"], &plain().last_ids([1])).map(drop)),
        last_ids,
    );
    let creation = |error: &RequestError| matches!(error, RequestError::CreationOptions(_));
    for options in [
        plain().max_subscribers(-1),
        plain().publish_subscribers(true).max_subscribers(101),
    ] {
        add(
            "creation options",
            Box::new(move |chat| chat.subscribe(["a"], &options).map(drop)),
            creation,
        );
    }
    add(
        "creation options of two",
        Box::new(move |chat| {
            chat.subscribe(["a", "b"], &plain().publish_subscribers(true))
                .map(drop)
        }),
        creation,
    );
    all
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(Value::from(Vec::<Value>::new()), |inner, _| {
        Value::from(vec![inner])
    })
}

#[test]
fn bad_arguments_are_rejected_and_change_nothing() {
    for protocol in [Protocol::V16, Protocol::V18] {
        let mut simulation = simulation_in(State::ConnectedToFrontEnd, protocol);
        for (name, call, why) in refused() {
            let before = seen(simulation.chat(0));
            let error = call(simulation.chat(0)).expect_err(name);
            assert!(why(&error), "{name}: {error}");
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
