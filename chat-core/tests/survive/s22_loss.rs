//! Scenario 22: 20 % packet loss both ways for an hour, and a dead connection.

use chat_core::{Event, State};
use dev_server::netem::{Conditions, Percent};
use dev_server::sim::DatagramSettings;
use soak::Loss;

use crate::row::{ROWS, Row};
use crate::world::World;

/// A world whose datagrams get lost.
fn world(row: Row, seed: u64) -> World {
    let mut world = World::new(row, seed);
    world.simulation.datagrams = DatagramSettings::both(Conditions {
        loss: Percent::new(20),
        duplicate: Percent::ZERO,
        delay_ms: 25,
        jitter_ms: 10,
        corrupt: Percent::ZERO,
    });
    // A server resends for so long; then it ends the connection. Spec: udp.md 5.6.
    world.resend_ms = 10_000;
    world
}

fn udp(seed: u64) -> Row {
    ROWS.into_iter()
        .filter(|row| row.is_udp())
        .nth(seed as usize % 2)
        .expect("two rows")
}

#[test]
fn s22_an_hour_of_loss_ends_no_session() {
    for seed in 0..15 {
        let mut world = world(udp(seed), seed);
        let reader = world.reader("alice", &[]);
        world.run_for(15_000);
        let all = chat_core::SubscribeOptions::new().history(-1);
        world.subscribe(reader, &["c"], &all);
        world.run_for(5_000);
        for _ in 0..180 {
            world.publish("c", 1);
            world.simulation.run_for(20_000);
        }
        let gave_up = |event: &Event| matches!(event, Event::ReconnectGaveUp { .. });
        assert_eq!(world.readers[reader].count(gave_up), 0);
        world.finish();
        let errors = |event: &Event| matches!(event, Event::Error { .. });
        assert_eq!(world.readers[reader].count(errors), 0, "seed {seed}");
    }
}

#[test]
fn s22_a_dead_connection_is_noticed_within_ten_seconds() {
    for seed in 0..15 {
        let mut world = world(udp(seed), seed);
        let reader = world.reader("alice", &[]);
        world.run_for(20_000);
        assert_eq!(
            world.state(reader),
            State::ConnectedToFrontEnd,
            "seed {seed}"
        );
        let cut_ms = world.now();
        world.lose(reader, Loss::Silence);
        world.run_for(12_000);
        let ended = world.readers[reader].events.iter();
        let ended = ended.filter(|(_, event)| matches!(event, Event::Error { .. }));
        let at_ms = ended.map(|(at, _)| *at).next().expect("an end");
        assert!(
            at_ms - cut_ms <= 10_500,
            "seed {seed}: {} ms",
            at_ms - cut_ms
        );
        world.run_for(60_000);
        world.check_rest();
    }
}
