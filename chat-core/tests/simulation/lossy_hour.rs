//! A client on a line that loses every fifth datagram in each direction, for an hour.

use crate::bad_networks::received;
use chat_core::{ConnectOptions, Event, PublishOptions, State, SubscribeOptions};
use dev_server::ServerConfig;
use dev_server::netem::{Conditions, Percent};
use dev_server::sim::{DatagramSettings, StreamSettings};
use soak::{Simulation, Transport};

const HOUR_MS: u64 = 3_600_000;
/// The time between two messages; in between the line is idle.
const GAP_MS: u64 = 20_000;

/// Scenario s22.
#[test]
fn sound13_a_client_stays_connected_for_an_hour_of_20_percent_loss() {
    for seed in 0..15 {
        let mut simulation = Simulation::new(seed, ServerConfig::new(), StreamSettings::default());
        simulation.datagrams = DatagramSettings::both(Conditions {
            loss: Percent::new(20),
            duplicate: Percent::ZERO,
            delay_ms: 25,
            jitter_ms: 0,
            corrupt: Percent::ZERO,
        });
        let player = simulation.add_over(Transport::Udp, "alice", |config| config);
        simulation
            .chat(player)
            .connect_to_name_server(ConnectOptions::new().region("eu"))
            .expect("a new client");
        simulation.run_for(15_000);
        let subscribed = simulation
            .chat(player)
            .subscribe(["talk"], &SubscribeOptions::new());
        assert!(subscribed.is_ok(), "seed {seed}: {subscribed:?}");
        simulation.run_for(5_000);
        let end = simulation.now.as_millis() + HOUR_MS;
        let mut sent = 0_i32;
        while simulation.now.as_millis() < end {
            let published =
                simulation
                    .chat(player)
                    .publish_message("talk", &sent, &PublishOptions::new());
            let ended = simulation.clients[player].events.last();
            assert!(
                published.is_ok(),
                "seed {seed}, {sent}: {published:?} after {ended:?}"
            );
            sent += 1;
            simulation.run_for(GAP_MS);
        }
        assert_eq!(simulation.chat(player).state(), State::ConnectedToFrontEnd);
        assert!(
            received(&simulation, player).into_iter().eq(0..sent),
            "seed {seed}"
        );
        let errors = simulation.clients[player].events.iter();
        let errors = errors.filter(|(_, event)| matches!(event, Event::Error { .. }));
        assert_eq!(errors.count(), 0, "seed {seed}");
    }
}
