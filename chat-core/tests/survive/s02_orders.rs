//! Scenario 02: live messages before, between and after event 5 and the history, in every order in
//! which a server sends these.

use dev_server::{Fault, HistoryOrder, Step};
use soak::Loss;

use crate::row::on_every_row;
use crate::s01_losses::GRACES;
use crate::world::World;

/// How a server confirms subscriptions.
#[derive(Clone, Copy, Debug)]
enum Event5 {
    /// In one event, also at a login to a live session.
    Whole,
    /// In one event for each channel.
    Split,
    /// Only after a request, not at a login.
    OnlyAsked,
    /// Only at a login to a live session, if at all.
    Missing,
}

const EVENT_5: [Event5; 4] = [
    Event5::Whole,
    Event5::Split,
    Event5::OnlyAsked,
    Event5::Missing,
];

fn play(row: crate::row::Row, order: HistoryOrder, event_5: Event5, grace_ms: u64) {
    let mut world = World::with(row, 1, |config| {
        config.history_order = order;
        config.history_delay_ms = 90;
        config.grace_ms = grace_ms;
        config.split_event_5 = matches!(event_5, Event5::Split);
        config.event_5_on_login = !matches!(event_5, Event5::OnlyAsked);
    });
    let reader = world.reader("alice", &["c", "d"]);
    world.publish_every("c", 6, 30);
    world.publish_every("d", 3, 30);
    world.run_for(5_000);
    if matches!(event_5, Event5::Missing) {
        let faults = world.simulation.server.faults_mut();
        faults.on(Step::Subscribe, Fault::NoEvent);
        // A client that asks for one channel at a time waits 15 s for each event 5.
        world.max_wait_ms = None;
    }
    world.note(format!("{order}, {event_5:?}, grace {grace_ms}"));
    for loss in [Loss::Reset, Loss::Fin] {
        world.lose(reader, loss);
        // The attempt falls anywhere in the first 2 s.
        for _ in 0..70 {
            world.publish("c", 1);
            world.run_for(37);
        }
        world.publish("d", 2);
        world.run_for(8_000);
    }
    world.finish();
}

#[test]
fn s02_every_order_of_answers_keeps_the_promise() {
    on_every_row(|row| {
        for order in HistoryOrder::ALL {
            for event_5 in EVENT_5 {
                for grace_ms in GRACES {
                    play(row, order, event_5, grace_ms);
                }
            }
        }
    });
}
