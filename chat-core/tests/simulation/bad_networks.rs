//! A client over bad UDP networks: whatever arrives, arrives once and in order; and unless the network
//! is very bad, everything arrives.
//!
//! `BAD_NETWORKS_RUNS=5000 cargo test -p photon-chat-core --test simulation bad_networks -- --nocapture`
//! makes more runs than the 216 whose outcomes are in `bad_networks.txt`. `BAD_NETWORKS_WRITE=1`
//! rewrites that table.

use chat_core::{ConnectOptions, Event, Protocol, PublishOptions, State, SubscribeOptions, Value};
use dev_server::ServerConfig;
use dev_server::netem::{Conditions, Percent};
use dev_server::sim::{DatagramSettings, StreamSettings};
use soak::{Simulation, Transport};
use std::fmt::Write;

/// In each direction.
const MESSAGES: usize = 200;
/// The time limit of a run, in milliseconds: a client that is not done by then is stuck.
const MAX_RUN_MS: u64 = 180_000;
/// The number of runs for each network in the table.
const TABLE_ROUNDS: usize = 3;
const TABLE: &str = include_str!("bad_networks.txt");

#[derive(Clone, Copy)]
struct Cell {
    loss: u32,
    duplicate: u32,
    delay_ms: u64,
    jitter_ms: u64,
}

/// Loss, duplication, delay, and jitter: none, half the delay, more than the delay.
fn cells() -> Vec<Cell> {
    let mut all = Vec::new();
    for loss in [0, 5, 20, 40] {
        for duplicate in [0, 20] {
            for delay_ms in [1_u64, 40, 250] {
                for jitter_ms in [0, delay_ms.div_ceil(2), delay_ms + delay_ms.div_ceil(2)] {
                    all.push(Cell {
                        loss,
                        duplicate,
                        delay_ms,
                        jitter_ms,
                    });
                }
            }
        }
    }
    all
}

/// The outcome of one run.
#[derive(Clone, Copy, Default)]
struct Outcome {
    complete: bool,
    /// From the first message to the last, in milliseconds.
    took_ms: u64,
    resent: u64,
}

/// The messages that a player received. Each one is a number.
pub(crate) fn received(simulation: &Simulation, player: usize) -> Vec<i32> {
    let events = simulation.clients[player].events.iter();
    let messages = events.filter_map(|(_, event)| match event {
        Event::ChatMessages { messages, .. } => Some(messages),
        _ => None,
    });
    messages
        .flat_map(|messages| {
            messages
                .iter()
                .map(|message| message.content.to_value())
                .collect::<Vec<_>>()
        })
        .map(|content| {
            if let Value::Int(number) = content {
                number
            } else {
                panic!("no number: {content:?}")
            }
        })
        .collect()
}

/// alice publishes over the bad network and receives her own messages; bob receives over a good
/// one.
fn run(seed: u64, cell: Cell) -> Outcome {
    let config = ServerConfig::new().with(|config| config.batch_messages = 1);
    let mut simulation = Simulation::new(seed, config, StreamSettings::default());
    simulation.datagrams = DatagramSettings::both(Conditions {
        loss: Percent::new(cell.loss),
        duplicate: Percent::new(cell.duplicate),
        delay_ms: cell.delay_ms,
        jitter_ms: cell.jitter_ms,
        corrupt: Percent::ZERO,
    });
    let protocol = if seed.is_multiple_of(2) {
        Protocol::V16
    } else {
        Protocol::V18
    };
    let alice = simulation.add_over(Transport::Udp, "alice", |config| config.protocol(protocol));
    let bob = simulation.add("bob", |config| config);
    for player in [alice, bob] {
        simulation
            .chat(player)
            .connect_to_name_server(ConnectOptions::new().region("eu"))
            .expect("a new client");
    }
    let settled = |simulation: &Simulation, player: usize| {
        matches!(
            simulation.clients[player].chat.state(),
            State::ConnectedToFrontEnd | State::Error
        )
    };
    while !settled(&simulation, alice) || !settled(&simulation, bob) {
        simulation.run_for(100);
        assert!(
            simulation.now.as_millis() < MAX_RUN_MS,
            "connecting never ends"
        );
    }
    assert!(simulation.clients[bob].chat.is_connected_to_front_end());
    simulation
        .chat(bob)
        .subscribe(["talk"], &SubscribeOptions::new())
        .expect("on the front end");
    if simulation
        .chat(alice)
        .subscribe(["talk"], &SubscribeOptions::new())
        .is_err()
    {
        return Outcome::default();
    }
    let answered = |event: &(u64, Event)| matches!(event.1, Event::SubscribeResult(_));
    while !simulation.clients[alice].events.iter().any(answered) {
        simulation.run_for(100);
    }
    let begun = simulation.now.as_millis();
    for number in 0..MESSAGES as i32 {
        let alive = simulation
            .chat(alice)
            .publish_message("talk", &number, &PublishOptions::new())
            .is_ok();
        assert_eq!(alive, simulation.chat(alice).is_connected_to_front_end());
    }
    let mut outcome = Outcome::default();
    loop {
        simulation.run_for(10);
        let (up, down) = (received(&simulation, bob), received(&simulation, alice));
        // Each once, in order, without a gap.
        assert!(up.iter().copied().eq(0..up.len() as i32), "up: {up:?}");
        assert!(
            down.iter().copied().eq(0..down.len() as i32),
            "down: {down:?}"
        );
        let chat = &simulation.clients[alice].chat;
        assert!(
            chat.buffered_bytes() <= 1024 * 1024,
            "{} bytes are buffered",
            chat.buffered_bytes()
        );
        if let Some(udp) = chat.stats().udp {
            outcome.resent = udp.resent_commands;
        }
        outcome.took_ms = simulation.now.as_millis() - begun;
        outcome.complete = up.len() == MESSAGES && down.len() == MESSAGES;
        if outcome.complete || !simulation.clients[alice].chat.is_connected_to_front_end() {
            break;
        }
        assert!(
            outcome.took_ms < MAX_RUN_MS,
            "neither all messages nor an end: {} and {}",
            up.len(),
            down.len()
        );
    }
    if outcome.complete {
        // At rest everything is acknowledged, and the disconnect leaves nothing behind.
        simulation.chat(alice).disconnect();
        simulation.run_for(5_000);
        let chat = &mut simulation.clients[alice].chat;
        chat.forget_channels();
        assert_eq!(chat.check_at_rest(), Ok(()));
    }
    outcome
}

/// One line for each network.
fn table(cells: &[Cell], outcomes: &[Vec<Outcome>]) -> String {
    let mut text = format!(
        "{MESSAGES} messages each way between client core and server core, {TABLE_ROUNDS} runs for each line, in virtual time.\n\
         loss and dup in percent, delay and jitter in ms one way; msg/s and resends per message of the client over the\n\
         complete runs. BAD_NETWORKS_WRITE=1 cargo test -p photon-chat-core --test simulation bad_networks rewrites this file.\n\n\
         loss  dup  delay  jitter  complete    msg/s  resends\n"
    );
    for (cell, outcomes) in cells.iter().zip(outcomes) {
        let complete: Vec<&Outcome> = outcomes
            .iter()
            .take(TABLE_ROUNDS)
            .filter(|one| one.complete)
            .collect();
        let Cell {
            loss,
            duplicate,
            delay_ms,
            jitter_ms,
        } = cell;
        let _ = write!(
            text,
            "{loss:4} {duplicate:4} {delay_ms:6} {jitter_ms:7} {:9}",
            complete.len()
        );
        let took_ms: u64 = complete.iter().map(|one| one.took_ms).sum();
        let resent: u64 = complete.iter().map(|one| one.resent).sum();
        let messages = (complete.len() * MESSAGES) as u64;
        let _ = match (messages * 2 * 1000).checked_div(took_ms) {
            Some(rate) => writeln!(text, "{rate:9} {:8.3}", resent as f64 / messages as f64),
            None => writeln!(text, "        -        -"),
        };
    }
    text
}

#[test]
fn bad_networks_lose_and_duplicate_nothing() {
    let cells = cells();
    let runs: usize = std::env::var("BAD_NETWORKS_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(0);
    let rounds = TABLE_ROUNDS.max(runs.div_ceil(cells.len()));
    let mut outcomes = vec![Vec::new(); cells.len()];
    for round in 0..rounds {
        for (index, cell) in cells.iter().enumerate() {
            outcomes[index].push(run((round * cells.len() + index) as u64, *cell));
        }
    }
    for loss in [0, 5, 20, 40] {
        let at_this_loss = cells
            .iter()
            .zip(&outcomes)
            .filter(|(cell, _)| cell.loss == loss);
        let all: Vec<bool> = at_this_loss
            .flat_map(|(_, outcomes)| outcomes.iter().map(|one| one.complete))
            .collect();
        let complete = all.iter().filter(|complete| **complete).count();
        println!("{loss:2} % loss: {complete} of {} runs complete", all.len());
        match loss {
            0 | 5 => assert_eq!(complete, all.len(), "at {loss} % loss"),
            20 | 40 => assert!(
                complete * 100 >= all.len() * if loss == 20 { 99 } else { 75 },
                "{complete} of {} at {loss} % loss",
                all.len()
            ),
            _ => unreachable!("no such cell"),
        }
    }
    let table = table(&cells, &outcomes);
    if std::env::var_os("BAD_NETWORKS_WRITE").is_some() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/simulation/bad_networks.txt"
        );
        std::fs::write(path, &table).expect("the table can be written");
    } else {
        assert!(table == TABLE, "the table has changed; it is now\n{table}");
    }
}
