//! Scenario 10: what the application asks for without a connection, and what the loss took away.

use chat_core::{Event, State, SubscribeOptions};
use soak::Loss;

use crate::row::on_every_row;
use crate::world::{APP, World};

const LOSSES: [Loss; 3] = [Loss::Fin, Loss::Reset, Loss::Silence];

/// Runs until the client has noticed the loss.
fn until_down(world: &mut World, reader: usize) {
    // In small steps: the first attempt may begin at once.
    for _ in 0..20_000 {
        if world.state(reader) == State::Error {
            return;
        }
        world.run_for(1);
    }
    panic!("no end\n{}", world.trace());
}

fn is_in(world: &World, channel: &str, user: &str) -> bool {
    let channel = world.simulation.server.channel(APP.0, APP.1, channel);
    channel.is_some_and(|channel| channel.subscribers.iter().any(|one| one == user))
}

#[test]
fn s10_channels_left_and_entered_without_a_connection_are_left_and_entered() {
    on_every_row(|row| {
        for (seed, loss) in LOSSES.into_iter().enumerate() {
            let mut world = World::new(row, seed as u64);
            let reader = world.reader("alice", &["stays", "leaves", "both"]);
            world.publish_every("stays", 5, 30);
            world.lose(reader, loss);
            until_down(&mut world, reader);
            world.publish_every("stays", 5, 30);
            world.unsubscribe(reader, &["leaves"]);
            world.subscribe(reader, &["enters"], &SubscribeOptions::new().history(-1));
            world.unsubscribe(reader, &["both"]);
            world.subscribe(reader, &["both"], &SubscribeOptions::new().history(-1));
            world.run_for(20_000);
            assert!(!is_in(&world, "leaves", "alice"), "{}", world.trace());
            for channel in ["stays", "enters", "both"] {
                assert!(is_in(&world, channel, "alice"), "{}", world.trace());
                assert!(world.chat(reader).can_chat_in_channel(channel));
            }
            world.publish("both", 2);
            world.finish();
        }
    });
}

#[test]
fn s10_an_unsubscribe_that_was_lost_is_repeated() {
    on_every_row(|row| {
        for (seed, loss) in LOSSES.into_iter().enumerate() {
            let mut world = World::new(row, seed as u64);
            let reader = world.reader("alice", &["stays", "leaves"]);
            // Nothing reaches the server from now on.
            world.lose(reader, Loss::Silence);
            world.unsubscribe(reader, &["leaves"]);
            world.run_for(100);
            world.lose(reader, loss);
            world.run_for(40_000);
            assert!(!is_in(&world, "leaves", "alice"), "{}", world.trace());
            assert!(is_in(&world, "stays", "alice"), "{}", world.trace());
            world.finish();
        }
    });
}

#[test]
fn s10_disconnect_cancels_the_schedule_and_reports_the_state_only() {
    on_every_row(|row| {
        let mut world = World::new(row, 3);
        let reader = world.reader("alice", &["c"]);
        world.lose(reader, Loss::Reset);
        until_down(&mut world, reader);
        world.run_for(0);
        let before = world.readers[reader].events.len();
        world.chat(reader).disconnect();
        world.run_for(120_000);
        let after: Vec<&Event> = world.readers[reader].events[before..]
            .iter()
            .map(|(_, event)| event)
            .collect();
        let only_state = matches!(
            after.as_slice(),
            [Event::StateChanged {
                from: State::Error,
                to: State::Disconnected
            }]
        );
        assert!(only_state, "{after:?}");
        assert_eq!(world.chat(reader).poll_timeout(), None);
        // A later connect brings the channels back.
        let connected = world.chat(reader).reconnect();
        assert_eq!(connected, Ok(()));
        world.run_for(5_000);
        assert!(is_in(&world, "c", "alice"), "{}", world.trace());
        world.finish();
    });
}

#[test]
fn s10_a_connect_call_replaces_the_schedule() {
    on_every_row(|row| {
        let mut world = World::new(row, 4);
        let reader = world.reader("alice", &["c"]);
        world.publish("c", 3);
        world.run_for(200);
        world.lose(reader, Loss::Reset);
        until_down(&mut world, reader);
        let connected = world.chat(reader).reconnect();
        assert_eq!(connected, Ok(()));
        world.publish("c", 3);
        world.run_for(20_000);
        let logins = world.readers[reader].count(|event| {
            matches!(
                event,
                Event::StateChanged {
                    to: State::ConnectedToFrontEnd,
                    ..
                }
            )
        });
        assert_eq!(logins, 2, "{}", world.trace());
        let restored = world.readers[reader]
            .count(|event| matches!(event, Event::Restored { channels: 1, .. }));
        // The first login had nothing to restore.
        assert_eq!(restored, 1, "{}", world.trace());
        world.finish();
    });
}

#[test]
fn s10_a_forgotten_channel_has_no_position() {
    on_every_row(|row| {
        for away in [false, true] {
            let mut world = World::new(row, 5);
            let reader = world.reader("alice", &["c"]);
            world.publish_every("c", 5, 30);
            if away {
                world.lose(reader, Loss::Reset);
                until_down(&mut world, reader);
            }
            world.run_for(0);
            world.chat(reader).forget_channels();
            world.run_for(20_000);
            let all = SubscribeOptions::new().history(-1);
            world.subscribe(reader, &["c"], &all);
            world.run_for(10_000);
            let texts = world.readers[reader].texts("c");
            assert_eq!(texts.len(), 10, "all again: {texts:?}\n{}", world.trace());
            assert_eq!(world.readers[reader].gaps("c"), []);
            world.check_rest();
        }
    });
}
