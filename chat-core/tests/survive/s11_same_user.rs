//! Scenario 11: the same user twice, and kicks.

use chat_core::{Event, State};
use soak::Transport;

use crate::row::on_every_row;
use crate::world::World;

#[test]
fn s11_a_kicked_user_comes_back() {
    on_every_row(|row| {
        let mut world = World::new(row, 11);
        let reader = world.reader("alice", &["c"]);
        for _ in 0..3 {
            world.publish_every("c", 3, 30);
            let now = world.simulation.now;
            assert_eq!(world.simulation.server.kick(now, "alice", 1, "go"), 1);
            world.publish_every("c", 3, 30);
            world.run_for(90_000);
        }
        assert_eq!(world.state(reader), State::ConnectedToFrontEnd);
        world.finish();
    });
}

#[test]
fn s11_two_clients_of_one_user_share_the_session() {
    on_every_row(|row| {
        let mut world = World::new(row, 11);
        let first = world.reader("alice", &["c"]);
        world.reader("alice", &["c"]);
        world.publish_every("c", 3, 30);
        world.lose(first, soak::Loss::Reset);
        world.publish_every("c", 30, 60);
        world.finish();
    });
}

/// Each login ends the other client's connection. They must not fight for ever.
#[test]
fn s11_two_clients_that_exclude_each_other_stop_fighting() {
    on_every_row(|row| {
        let mut world = World::with(row, 11, |config| config.single_login = true);
        let first = world.reader("alice", &["c"]);
        let second = world.reader("alice", &["c"]);
        world.run_for(1_200_000);
        let gave_up = |event: &Event| matches!(event, Event::ReconnectGaveUp { .. });
        let ends: usize = [first, second]
            .map(|reader| world.readers[reader].count(gave_up))
            .iter()
            .sum();
        assert!(ends >= 1, "{}", world.trace());
        let logins: u64 = world.simulation.server.stats().sessions;
        assert!(logins < 100, "{logins} logins in 20 minutes");
        let _ = Transport::ALL;
        world.run_for(60_000);
        let states = [first, second].map(|reader| world.state(reader));
        assert!(states.contains(&State::ConnectedToFrontEnd), "{states:?}");
        world.check_rest();
    });
}
