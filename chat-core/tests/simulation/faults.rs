//! Every fault at every step gives exactly the states and codes of chat.md 6, in order and on time.
//!
//! The one-way delay is 20 ms. Without a fault the steps after the connect call are: link open 40, init
//! response 80, keys 120 (state 2), login response of the name server 160 (state 3), link open 200, init
//! response 240, keys 280, login response of the front end 320 (state 4).

use chat_core::{ConnectOptions, Event, Protocol};
use dev_server::sim::StreamSettings;
use dev_server::{Fault, ServerConfig, ServerKind, Step};
use soak::Simulation;

/// A change of state and its time, or an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Observed {
    State(i32, u64),
    Error(i32, u64),
    BadMessage(u64),
}

use Observed::{BadMessage, Error, State};

fn line() -> StreamSettings {
    StreamSettings {
        delay_ms: 20,
        ..StreamSettings::default()
    }
}

/// Runs one connect for 40 s, and returns the changes and errors.
fn run(protocol: Protocol, set_up: impl FnOnce(&mut Simulation)) -> Vec<Observed> {
    let mut simulation = Simulation::new(
        7,
        ServerConfig::new().with(|config| config.silence_timeout_ms = 60_000),
        line(),
    );
    set_up(&mut simulation);
    let player = simulation.add("alice", |config| config.protocol(protocol));
    simulation
        .chat(player)
        .connect_to_name_server(ConnectOptions::new().region("eu"))
        .expect("a new client");
    simulation.run_until(40_000);
    assert_eq!(simulation.clients[player].chat.buffered_bytes(), 0);
    let told = simulation.clients[player]
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::StateChanged { to, .. } => Some(State(to.code(), *at)),
            Event::Error { code, .. } => Some(Error(code.code(), *at)),
            Event::BadMessage(_) => Some(BadMessage(*at)),
            _ => None,
        })
        .collect();
    // However the connection ended: nothing is left of it.
    simulation.chat(player).disconnect();
    simulation.run_for(5_000);
    assert_eq!(simulation.chat(player).check_at_rest(), Ok(()));
    told
}

/// The changes before a server's step, and those of an end with this code.
fn expected(role: ServerKind, reached: &[Observed], code: i32, at: u64) -> Vec<Observed> {
    let base = if role == ServerKind::NameServer {
        3000
    } else {
        1000
    };
    let mut observed = reached.to_vec();
    observed.extend([State(-1, at), Error(base + code, at)]);
    observed
}

#[test]
fn without_a_fault_the_states_come_at_their_times() {
    for protocol in [Protocol::V16, Protocol::V18] {
        assert_eq!(
            run(protocol, |_| {}),
            [State(1, 0), State(2, 120), State(3, 160), State(4, 320)]
        );
    }
}

/// The steps of one server: the start of its connection, and the changes before.
fn servers() -> [(ServerKind, u64, Vec<Observed>, Vec<Observed>); 2] {
    let name_server = vec![State(1, 0)];
    let logged_in = vec![State(1, 0), State(2, 120)];
    let front_end = vec![State(1, 0), State(2, 120), State(3, 160)];
    [
        (ServerKind::NameServer, 0, name_server, logged_in),
        (ServerKind::FrontEnd, 160, front_end.clone(), front_end),
    ]
}

fn disconnect() -> Fault {
    Fault::Disconnect {
        code: 3,
        text: "bye".to_owned(),
    }
}

fn refuse(code: i16) -> Fault {
    Fault::Refuse {
        code,
        text: "no".to_owned(),
    }
}

#[test]
fn every_fault_at_every_step() {
    for protocol in [Protocol::V16, Protocol::V18] {
        for (role, begin, before, keyed) in servers() {
            let steps = [
                (Step::Accept(role), 40, &before),
                (Step::Init(role), 80, &before),
                (Step::KeyExchange(role), 120, &before),
                (Step::Authenticate(role), 160, &keyed),
            ];
            for (step, answered, reached) in steps {
                // The server closes the connection, with or without a reason before.
                for fault in [Fault::Close, disconnect()] {
                    let observed = run(protocol, |simulation| {
                        simulation.server.faults_mut().on(step, fault.clone());
                    });
                    assert_eq!(
                        observed,
                        expected(role, reached, 3, begin + answered),
                        "{step:?} {fault:?} {protocol:?}"
                    );
                }
                // Bytes that are not a frame.
                let observed = run(protocol, |simulation| {
                    simulation.server.faults_mut().on(step, Fault::BadFrame);
                });
                assert_eq!(
                    observed,
                    expected(role, reached, 1, begin + answered),
                    "{step:?} BadFrame {protocol:?}"
                );
            }
            // No response, except to pings: the deadline of the step. On the name server the
            // connect deadline ends with state 2; on the front end it includes the login.
            let login_deadline = if role == ServerKind::NameServer {
                120 + 15_000
            } else {
                begin + 15_000
            };
            for (step, deadline, reached) in [
                (Step::Init(role), begin + 15_000, &before),
                (Step::KeyExchange(role), begin + 15_000, &before),
                (Step::Authenticate(role), login_deadline, &keyed),
            ] {
                let observed = run(protocol, |simulation| {
                    simulation.server.faults_mut().on(step, Fault::Silent);
                });
                assert_eq!(
                    observed,
                    expected(role, reached, 4, deadline),
                    "{step:?} Silent {protocol:?}"
                );
            }
            // Complete silence: the client notices it 10 s after the last input, once the init
            // response arrived.
            for (step, end, reached) in [
                (Step::Accept(role), begin + 15_000, &before),
                (Step::Init(role), begin + 15_000, &before),
                (Step::KeyExchange(role), begin + 120 + 10_000, &before),
                (Step::Authenticate(role), begin + 120 + 10_000, &keyed),
            ] {
                let observed = run(protocol, |simulation| {
                    simulation.server.faults_mut().on(step, Fault::Mute);
                });
                assert_eq!(
                    observed,
                    expected(role, reached, 4, end),
                    "{step:?} Mute {protocol:?}"
                );
            }
            // A valid frame with an invalid message is skipped; the response is still missing.
            for (step, answered, deadline, reached) in [
                (Step::KeyExchange(role), 120, begin + 15_000, &before),
                (Step::Authenticate(role), 160, login_deadline, &keyed),
            ] {
                let observed = run(protocol, |simulation| {
                    simulation.server.faults_mut().on(step, Fault::Undecodable);
                });
                let mut skipped = reached.clone();
                skipped.push(BadMessage(begin + answered));
                assert_eq!(
                    observed,
                    expected(role, &skipped, 4, deadline),
                    "{step:?} Undecodable {protocol:?}"
                );
            }
            // Failing key exchanges, and rejected logins.
            for fault in [refuse(-1), Fault::EmptyKey, Fault::DegenerateKey] {
                let observed = run(protocol, |simulation| {
                    simulation
                        .server
                        .faults_mut()
                        .on(Step::KeyExchange(role), fault.clone());
                });
                assert_eq!(
                    observed,
                    expected(role, &before, 5, begin + 120),
                    "{role:?} {fault:?} {protocol:?}"
                );
            }
            for code in [32767, 32755, 32756, 32757, 32753, -3] {
                let observed = run(protocol, |simulation| {
                    simulation
                        .server
                        .faults_mut()
                        .on(Step::Authenticate(role), refuse(code));
                });
                assert_eq!(
                    observed,
                    expected(role, &keyed, 101, begin + 160),
                    "{role:?} {code} {protocol:?}"
                );
            }
            // Faults of the link: refused, never opened, broken.
            type Change = fn(&mut StreamSettings);
            let link_faults: [(Change, u64); 2] = [
                (|line| line.refused = true, 40),
                (|line| line.unanswered = true, 15_000),
            ];
            for (change, after) in link_faults {
                let observed = run(protocol, |simulation| {
                    change(if role == ServerKind::NameServer {
                        &mut simulation.to_name_server
                    } else {
                        &mut simulation.to_front_end
                    });
                });
                assert_eq!(
                    observed,
                    expected(role, &before, 2, begin + after),
                    "{role:?} link {protocol:?}"
                );
            }
        }
    }
}

#[test]
fn an_accepted_login_without_address_or_token_ends_the_connection() {
    let reached = [State(1, 0), State(2, 120)];
    for fault in [Fault::OmitAddress, Fault::OmitToken] {
        let observed = run(Protocol::V18, |simulation| {
            simulation
                .server
                .faults_mut()
                .on(Step::Authenticate(ServerKind::NameServer), fault.clone());
        });
        assert_eq!(
            observed,
            expected(ServerKind::NameServer, &reached, 101, 160),
            "{fault:?}"
        );
    }
    for address in [
        "nonsense",
        "127.0.0.1",
        "ws://127.0.0.1:4534",
        "127.0.0.1:0",
        ":4534",
    ] {
        let observed = run(Protocol::V18, |simulation| {
            let fault = Fault::Address(address.to_owned());
            simulation
                .server
                .faults_mut()
                .on(Step::Authenticate(ServerKind::NameServer), fault);
        });
        let expected = [
            State(1, 0),
            State(2, 120),
            State(3, 160),
            State(-1, 160),
            Error(1002, 160),
        ];
        assert_eq!(observed, expected, "{address}");
    }
}

/// Faults of a connected client.
fn run_connected(happen: impl FnOnce(&mut Simulation, usize)) -> Vec<Observed> {
    let mut simulation = Simulation::new(
        7,
        ServerConfig::new().with(|config| config.silence_timeout_ms = 60_000),
        line(),
    );
    let player = simulation.add("alice", |config| config);
    simulation
        .chat(player)
        .connect_to_name_server(ConnectOptions::new().region("eu"))
        .expect("a new client");
    simulation.run_until(1_000);
    assert_eq!(
        simulation.clients[player].chat.state(),
        chat_core::State::ConnectedToFrontEnd
    );
    let observed = simulation.clients[player].events.len();
    happen(&mut simulation, player);
    simulation.run_until(40_000);
    simulation.clients[player]
        .events
        .iter()
        .skip(observed)
        .filter_map(|(at, event)| match event {
            Event::StateChanged { to, .. } => Some(State(to.code(), *at)),
            Event::Error { code, .. } => Some(Error(code.code(), *at)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_connected_client_loses_its_front_end() {
    // Pings leave at 240 and every 3 s, and their responses arrive 40 ms later.
    let reset = run_connected(|simulation, player| {
        let link = simulation.clients[player].newest_link().expect("a link");
        simulation.network.reset(simulation.now, link);
    });
    assert_eq!(reset, [State(-1, 1_020), Error(1003, 1_020)]);

    for fault in [Fault::Close, disconnect()] {
        let observed = run_connected(|simulation, _| {
            simulation
                .server
                .faults_mut()
                .on(Step::Ping(ServerKind::FrontEnd), fault.clone());
        });
        assert_eq!(
            observed,
            [State(-1, 3_280), Error(1003, 3_280)],
            "{fault:?}"
        );
    }

    let observed = run_connected(|simulation, _| {
        simulation
            .server
            .faults_mut()
            .on(Step::Ping(ServerKind::FrontEnd), Fault::BadFrame);
    });
    assert_eq!(observed, [State(-1, 3_280), Error(1001, 3_280)]);

    // The last input was the login response at 320.
    let observed = run_connected(|simulation, _| {
        simulation
            .server
            .faults_mut()
            .on(Step::Ping(ServerKind::FrontEnd), Fault::Mute);
    });
    assert_eq!(observed, [State(-1, 10_320), Error(1004, 10_320)]);

    let observed = run_connected(|simulation, player| simulation.chat(player).disconnect());
    assert_eq!(observed, [State(10, 1_000)]);
}
