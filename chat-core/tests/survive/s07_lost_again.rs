//! Scenario 07: the connection is lost again during restore, at every step, five times; and a history
//! that is too large for the client's limit of one message.

use chat_core::{ChatConfig, Event, Limits, Restore, State};
use soak::Loss;

use crate::reader::Mode;
use crate::row::on_every_row;
use crate::world::{APP, World};

/// Longer than all steps of an attempt over the network of the scenarios.
const STEPS_MS: u64 = 500;
/// The time between two steps at which the connection is lost: less than the delay of the network.
const STEP_MS: u64 = 15;

/// Waits until the client is in this state, or until so much time has passed.
fn wait_for(world: &mut World, reader: usize, max_ms: u64, is: impl Fn(State) -> bool) {
    let until = world.now() + max_ms;
    while !is(world.state(reader)) && world.now() < until {
        world.run_for(STEP_MS);
    }
}

#[test]
fn s07_a_loss_at_every_step_of_an_attempt_delays_but_loses_nothing() {
    on_every_row(|row| {
        for step_ms in (0..STEPS_MS).step_by(STEP_MS as usize) {
            let mut world = World::new(row, step_ms);
            let reader = world.reader("alice", &["c", "d"]);
            world.publish("c", 3);
            world.publish("d", 3);
            world.run_for(500);
            world.lose(reader, Loss::Reset);
            // With the first loss five. After five of the restore the client may give up.
            for _ in 0..4 {
                // A loss at the front end may lead to the name server, without an error.
                wait_for(&mut world, reader, 40_000, |state| state == State::Error);
                world.publish("c", 2);
                wait_for(&mut world, reader, 60_000, |state| state != State::Error);
                world.run_for(step_ms);
                world.lose(reader, Loss::Reset);
            }
            world.publish("d", 2);
            world.finish();
            let gave_up =
                world.readers[reader].count(|event| matches!(event, Event::ReconnectGaveUp { .. }));
            assert_eq!(gave_up, 0, "{}", world.trace());
        }
    });
}

#[test]
fn s07_a_history_too_large_for_the_message_limit_does_not_end_every_connection() {
    on_every_row(|row| {
        let mut world = World::new(row, 7);
        let limits = Limits {
            max_received_bytes: 1_300,
            ..Limits::DEFAULT
        };
        let change = |config: ChatConfig| config.restore(Restore::new()).limits(limits);
        let reader = world.reader_with("alice", &["c", "d"], Mode::Restore, true, change);
        world.publish_every("c", 3, 50);
        world.lose(reader, Loss::Reset);
        // 95 messages of about 20 bytes with their senders are more than the limit; half are not.
        world.publish("c", 95);
        world.publish("d", 3);
        world.run_for(300_000);
        assert_eq!(
            world.state(reader),
            State::ConnectedToFrontEnd,
            "{}",
            world.trace()
        );
        assert_eq!(world.readers[reader].texts("d").len(), 3);
        world.check_rest();
    });
}

/// Two messages are more than the limit, so no history fits. However many channels there are, the
/// client finds the one, and asks it for none.
#[test]
fn s07_a_history_that_never_fits_is_left_out_at_last() {
    on_every_row(|row| {
        for (others, before) in [(0, 0), (9, 5), (60, 45)] {
            let mut world = World::new(row, 7);
            let limits = Limits {
                max_received_bytes: 1_300,
                ..Limits::DEFAULT
            };
            let change = |config: ChatConfig| config.restore(Restore::new()).limits(limits);
            let mut names: Vec<String> = (0..others).map(|number| format!("n{number}")).collect();
            names.insert(before, "c".to_owned());
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let reader = world.reader_with("alice", &names, Mode::Restore, true, change);
            let text = "long ".repeat(200);
            let publish = |world: &mut World| {
                let now = world.simulation.now;
                let server = &mut world.simulation.server;
                server.publish(now, APP, "c", "bob", text.as_str());
            };
            for _ in 0..5 {
                publish(&mut world);
                world.run_for(100);
            }
            world.lose(reader, Loss::Reset);
            for _ in 0..5 {
                publish(&mut world);
            }
            world.run_for(900_000);
            let gave_up =
                world.readers[reader].count(|event| matches!(event, Event::ReconnectGaveUp { .. }));
            assert_eq!(gave_up, 0, "{others}\n{}", world.trace());
            assert_eq!(world.state(reader), State::ConnectedToFrontEnd, "{others}");
            world.check_rest();
        }
    });
}
