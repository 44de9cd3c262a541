//! Scenario 01: every kind of loss, with a server that keeps the session and one that does not.

use chat_core::Event;
use dev_server::sim::AddressChange;
use soak::Loss;

use crate::row::on_every_row;
use crate::world::World;

pub(crate) const LOSSES: [Loss; 6] = [
    Loss::Fin,
    Loss::Reset,
    Loss::Silence,
    Loss::HalfSilence,
    Loss::Address(AddressChange::Port),
    Loss::Address(AddressChange::Host),
];

/// Grace times of a server that forgets a session at once, and of one that keeps it.
pub(crate) const GRACES: [u64; 2] = [0, 3_600_000];

#[test]
fn s01_every_loss_is_survived_with_and_without_the_session() {
    on_every_row(|row| {
        for (seed, loss) in LOSSES.into_iter().enumerate() {
            for grace_ms in GRACES {
                let mut world = World::with(row, seed as u64, |config| config.grace_ms = grace_ms);
                let reader = world.reader("alice", &["c", "d"]);
                world.publish_every("c", 5, 30);
                world.lose(reader, loss);
                world.publish_every("c", 10, 200);
                world.publish("d", 2);
                world.run_for(15_000);
                let one = &world.readers[reader];
                let restored = |event: &Event| matches!(event, Event::Restored { channels: 2, failed } if failed.is_empty());
                assert_eq!(one.count(restored), 1, "{loss:?}\n{}", world.trace());
                world.publish_every("c", 5, 30);
                world.finish();
                assert_eq!(world.readers[reader].gaps("c"), [], "{loss:?}");
                assert_eq!(world.readers[reader].texts("c").len(), 21, "{loss:?}");
            }
        }
    });
}

#[test]
fn s01_events_of_a_loss_come_in_order() {
    on_every_row(|row| {
        let mut world = World::new(row, 3);
        let reader = world.reader("alice", &["c"]);
        let before = world.readers[reader].events.len();
        world.lose(reader, Loss::Reset);
        world.run_for(20_000);
        let names: Vec<String> = world.readers[reader].events[before..]
            .iter()
            .filter_map(|(_, event)| match event {
                Event::StateChanged { to, .. } => Some(format!("{to}")),
                Event::Error { .. } => Some("error".to_owned()),
                Event::ReconnectScheduled { attempt, .. } => Some(format!("scheduled {attempt}")),
                Event::Restored { .. } => Some("restored".to_owned()),
                _ => None,
            })
            .collect();
        let expected = [
            "Error",
            "error",
            "scheduled 1",
            "ConnectingToFrontEnd",
            "ConnectedToFrontEnd",
            "restored",
        ];
        assert_eq!(names, expected, "{}", world.trace());
        world.finish();
    });
}
