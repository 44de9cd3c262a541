//! Scenario 10: what an application does while there is no connection.

use chat_core::{ConnectOptions, Event, State, SubscribeOptions};
use soak::Loss;

use crate::row::on_every_row;
use crate::world::World;

/// A reader of "c" that has just lost its connection.
fn down(row: crate::row::Row) -> (World, usize) {
    let mut world = World::new(row, 10);
    let reader = world.reader("alice", &["c"]);
    world.publish_every("c", 3, 30);
    world.lose(reader, Loss::Reset);
    while world.state(reader) != State::Error {
        // The first attempt may follow at once.
        world.run_for(1);
        assert!(world.now() < 60_000, "the loss is noticed");
    }
    (world, reader)
}

#[test]
fn s10_channels_change_while_down() {
    on_every_row(|row| {
        let (mut world, reader) = down(row);
        world.subscribe(reader, &["d"], &SubscribeOptions::new().history(-1));
        world.unsubscribe(reader, &["c"]);
        world.publish("d", 2);
        world.finish();
        let one = &world.readers[reader];
        assert_eq!(one.texts("d").len(), 3, "{}", world.trace());
        assert_eq!(one.texts("c").len(), 3, "nothing after unsubscribing");
    });
}

#[test]
fn s10_a_channel_left_and_entered_while_down_is_restored_once() {
    on_every_row(|row| {
        let (mut world, reader) = down(row);
        world.unsubscribe(reader, &["c"]);
        world.subscribe(reader, &["c"], &SubscribeOptions::new().history(-1));
        world.publish("c", 2);
        world.finish();
    });
}

#[test]
fn s10_a_lost_unsubscribe_is_repeated() {
    on_every_row(|row| {
        let mut world = World::new(row, 10);
        let reader = world.reader("alice", &["c", "d"]);
        world.publish_every("c", 3, 30);
        world.lose(reader, Loss::Silence);
        world.unsubscribe(reader, &["c"]);
        world.run_for(40_000);
        world.publish("c", 1);
        world.finish();
        let channel = world.simulation.server.channel("app", "1", "c");
        let users = channel.map_or(0, |channel| channel.subscribers.len());
        assert_eq!(users, 0, "{}", world.trace());
        assert_eq!(world.readers[reader].texts("c").len(), 3);
    });
}

#[test]
fn s10_disconnect_cancels_what_is_scheduled() {
    on_every_row(|row| {
        let (mut world, reader) = down(row);
        let before = world.readers[reader].events.len();
        world.chat(reader).disconnect();
        world.run_for(120_000);
        let events = &world.readers[reader].events[before..];
        let outcomes = |event: &Event| matches!(event, Event::SubscribeResult(_));
        let states: Vec<&Event> = events
            .iter()
            .map(|(_, event)| event)
            .filter(|event| !outcomes(event))
            .collect();
        assert!(
            matches!(
                states[..],
                [Event::StateChanged {
                    to: State::Disconnected,
                    ..
                }]
            ),
            "{states:?}"
        );
        world.check_rest();
    });
}

#[test]
fn s10_a_connect_call_replaces_the_schedule() {
    on_every_row(|row| {
        for reconnects in [true, false] {
            let (mut world, reader) = down(row);
            world.publish("c", 2);
            let chat = world.chat(reader);
            let connected = if reconnects {
                chat.reconnect()
            } else {
                chat.connect_to_name_server(ConnectOptions::new().region("eu"))
            };
            assert_eq!(connected, Ok(()));
            world.run_for(10_000);
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
            world.finish();
        }
    });
}
