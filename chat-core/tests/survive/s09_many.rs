//! Scenario 09: a thousand clients do not come back all at once.

use std::time::Duration;

use chat_core::{ConnectOptions, Encryption, Event, Restore, State};
use dev_server::ServerConfig;
use dev_server::sim::StreamSettings;
use soak::Simulation;

const CLIENTS: usize = 1_000;
/// The first window of the back-off. Spec: chat.md 10, R1.
const FIRST_WINDOW_MS: u64 = 2_000;
const DOWN_MS: u64 = 20_000;

/// The times of all attempts after the crash, in milliseconds, with their numbers.
fn attempts() -> Vec<(u64, u32)> {
    let config = ServerConfig::new();
    let mut simulation = Simulation::new(9, config, StreamSettings::default());
    for number in 0..CLIENTS {
        let index = simulation.add(&format!("user{number}"), |config| {
            config.encryption(Encryption::Off).restore(Restore::new())
        });
        let connected = simulation
            .chat(index)
            .connect_to_name_server(ConnectOptions::new().region("eu"));
        assert_eq!(connected, Ok(()));
    }
    simulation.run_for(1_000);
    let crashed_ms = simulation.now.as_millis();
    simulation.crash();
    simulation.run_for(DOWN_MS);
    simulation.start_server(None);
    simulation.run_for(90_000);
    let mut attempts = Vec::new();
    for client in &simulation.clients {
        assert_eq!(client.chat.state(), State::ConnectedToFrontEnd);
        for (at_ms, event) in &client.events {
            if let Event::ReconnectScheduled { attempt, after } = event {
                let after: Duration = *after;
                attempts.push((at_ms - crashed_ms + after.as_millis() as u64, *attempt));
            }
        }
    }
    attempts
}

/// One line for each tenth of the first window and each later second, with a bar.
fn plot(attempts: &[(u64, u32)]) -> String {
    let mut text = String::from("      ms  attempts of 1,000 clients\n");
    let counts = buckets(attempts);
    for (from_ms, count) in &counts {
        let bar = "#".repeat(count.div_ceil(10));
        text += &format!("{from_ms:>8} {count:>5} {bar}\n");
    }
    text
}

/// The number of attempts in each tenth of the first window, then in each second.
fn buckets(attempts: &[(u64, u32)]) -> Vec<(u64, usize)> {
    let tenths = (0..10).map(|tenth| tenth * FIRST_WINDOW_MS / 10);
    let seconds = (FIRST_WINDOW_MS..DOWN_MS + 20_000).step_by(1_000);
    let starts: Vec<u64> = tenths.chain(seconds).collect();
    let ends = starts.iter().skip(1).copied().chain([u64::MAX]);
    let count = |from, to| {
        attempts
            .iter()
            .filter(|(at, _)| (from..to).contains(at))
            .count()
    };
    starts
        .iter()
        .zip(ends)
        .map(|(from, to)| (*from, count(*from, to)))
        .collect()
}

#[test]
fn s09_a_thousand_clients_spread_their_attempts() {
    let attempts = attempts();
    let plot = plot(&attempts);
    println!("{plot}");
    let first: Vec<(u64, u32)> = attempts
        .iter()
        .copied()
        .filter(|(_, number)| *number == 1)
        .collect();
    assert_eq!(first.len(), CLIENTS);
    for (from_ms, count) in buckets(&first) {
        assert!(from_ms < FIRST_WINDOW_MS || count == 0, "{plot}");
        assert!(count * 100 <= CLIENTS * 15, "{from_ms}: {count}\n{plot}");
    }
    for (from_ms, count) in buckets(&attempts) {
        let later = from_ms >= FIRST_WINDOW_MS;
        assert!(
            !later || count * 100 <= CLIENTS * 45,
            "{from_ms}: {count}\n{plot}"
        );
    }
}
