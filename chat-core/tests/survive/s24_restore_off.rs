//! Scenario 24: without restore the application connects again, and positions hold all the same.

use dev_server::HistoryOrder;
use soak::Loss;

use crate::row::on_every_row;
use crate::world::World;

#[test]
fn s24_an_undisturbed_reader_receives_everything_once_in_order() {
    on_every_row(|row| {
        for order in HistoryOrder::ALL {
            let mut world = World::with(row, 1, |config| config.history_order = order);
            world.plain_reader("alice", &["c", "d"]);
            world.publish_every("c", 5, 30);
            world.publish("d", 7);
            world.finish();
        }
    });
}

#[test]
fn s24_an_application_that_connects_again_misses_nothing() {
    on_every_row(|row| {
        for loss in [Loss::Fin, Loss::Reset, Loss::Silence] {
            let mut world = World::new(row, 2);
            let reader = world.plain_reader("alice", &["c"]);
            world.publish_every("c", 5, 30);
            world.lose(reader, loss);
            world.publish_every("c", 5, 30);
            world.finish();
        }
    });
}
