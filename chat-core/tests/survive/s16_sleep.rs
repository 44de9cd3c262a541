//! Scenario 16: the program sleeps. Scenario 17: it suspends and resumes. Scenario 18: the network
//! changes.

use chat_core::{CauseKind, Event, State};
use dev_server::HistoryOrder;
use soak::Loss;

use crate::row::on_every_row;
use crate::world::World;

const HOUR_MS: u64 = 3_600_000;

fn world(row: crate::row::Row, seed: u64) -> World {
    let mut world = World::with(row, seed, |config| {
        config.channel_linger_ms = 3 * HOUR_MS;
        config.grace_ms = 3 * HOUR_MS;
    });
    // What is published while nobody is awake waits for the program.
    world.max_wait_ms = None;
    world
}

/// Lets the reader log in again, and its program sleep a little later.
fn sleep_after_login(world: &mut World, reader: usize, awake_ms: u64, sleep_ms: u64) {
    let before_ms = world.readers[reader].last_login_ms;
    while world.readers[reader].last_login_ms == before_ms {
        world.run_for(5);
    }
    world.run_for(awake_ms);
    world.freeze(reader, sleep_ms);
}

#[test]
fn s16_a_sleep_loses_nothing_with_and_without_input() {
    on_every_row(|row| {
        for (seed, sleep_ms) in [12_000, 25_000, 40_000, HOUR_MS].into_iter().enumerate() {
            for published in [0, 7] {
                let mut world = world(row, seed as u64);
                let reader = world.reader("alice", &["c"]);
                world.publish_every("c", 3, 30);
                world.run_for(1_000);
                world.freeze(reader, sleep_ms);
                world.run_for(sleep_ms / 2);
                world.publish("c", published);
                world.run_for(sleep_ms - sleep_ms / 2 + 10_000);
                world.publish_every("c", 3, 30);
                world.finish();
            }
        }
    });
}

/// The clock jumps again before the program has seen anything of the server.
#[test]
fn s16_several_sleeps_in_a_row_lose_nothing() {
    on_every_row(|row| {
        let mut world = world(row, 5);
        let reader = world.reader("alice", &["c"]);
        world.publish_every("c", 3, 30);
        for sleep_ms in [6_000, 12_000, 9_000, 40_000, 6_000] {
            world.freeze(reader, sleep_ms);
            world.publish("c", 2);
            world.run_for(sleep_ms + 15);
        }
        world.run_for(10_000);
        world.publish_every("c", 3, 30);
        world.finish();
    });
}

/// The answers are in the socket when the program wakes: they are answers still, and no other life.
#[test]
fn s16_a_sleep_at_any_moment_of_a_restore_loses_and_doubles_nothing() {
    for order in HistoryOrder::ALL {
        on_every_row(|row| {
            for awake_ms in (0..200).step_by(20) {
                let mut world = World::with(row, awake_ms, |config| {
                    config.history_order = order;
                    config.history_delay_ms = 60;
                    config.grace_ms = 3 * HOUR_MS;
                });
                let reader = world.reader("alice", &["c"]);
                world.publish_every("c", 5, 30);
                world.lose(reader, Loss::Reset);
                world.new_life("c", true);
                world.publish("c", 8);
                sleep_after_login(&mut world, reader, awake_ms, 25_000);
                world.run_for(40_000);
                world.finish();
            }
        });
    }
}

/// The same in a channel without a position: the first history comes in parts, from its end, and they
/// are in the socket when the program wakes.
#[test]
fn s16_a_sleep_during_a_first_history_in_parts_loses_and_doubles_nothing() {
    on_every_row(|row| {
        for awake_ms in (0..200).step_by(20) {
            let mut world = World::with(row, awake_ms, |config| {
                config.history_order = HistoryOrder::Backwards;
                config.history_delay_ms = 60;
                config.grace_ms = 3 * HOUR_MS;
            });
            let reader = world.reader("alice", &["c"]);
            world.lose(reader, Loss::Reset);
            world.publish("c", 2);
            sleep_after_login(&mut world, reader, awake_ms, 12_000);
            world.run_for(20_000);
            world.publish_every("c", 3, 30);
            world.finish();
        }
    });
}

#[test]
fn s17_what_is_published_while_suspended_is_delivered_on_resume() {
    on_every_row(|row| {
        let mut world = world(row, 6);
        let reader = world.reader("alice", &["c", "d"]);
        for _ in 0..3 {
            world.publish_every("c", 3, 30);
            assert_eq!(world.chat(reader).suspend(), Ok(()));
            world.run_for(20_000);
            world.publish("c", 4);
            world.publish("d", 1);
            world.run_for(20_000);
            assert_eq!(world.state(reader), State::Disconnected);
            assert_eq!(world.chat(reader).resume(), Ok(()));
            world.run_for(2_000);
            assert_eq!(world.state(reader), State::ConnectedToFrontEnd);
        }
        assert_eq!(
            world.readers[reader].count(|event| matches!(event, Event::Error { .. })),
            0
        );
        world.finish();
    });
}

#[test]
fn s18_a_change_of_network_loses_nothing() {
    on_every_row(|row| {
        let mut world = world(row, 7);
        let reader = world.reader("alice", &["c"]);
        for _ in 0..3 {
            world.publish_every("c", 3, 30);
            assert_eq!(world.chat(reader).network_changed(), Ok(()));
            world.publish_every("c", 3, 30);
            world.run_for(2_000);
            assert_eq!(world.state(reader), State::ConnectedToFrontEnd);
        }
        let is_change = |event: &Event| matches!(event, Event::Error { cause, .. } if cause.kind == CauseKind::NetworkChanged);
        assert_eq!(world.readers[reader].count(is_change), 3);
        world.finish();
    });
}
