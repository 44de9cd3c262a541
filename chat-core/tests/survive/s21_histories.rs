//! Scenario 21: histories twice and out of order, ids that skip or are not positive, servers without
//! history and such that ignore last ids.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::{ChatConfig, Restore, State};
use dev_server::HistoryOrder;
use soak::Loss;

use crate::reader::Mode;
use crate::row::on_every_row;
use crate::s01_losses::GRACES;
use crate::world::World;

#[test]
fn s21_histories_twice_or_out_of_order_or_with_ignored_ids() {
    on_every_row(|row| {
        for order in [
            HistoryOrder::After,
            HistoryOrder::Twice,
            HistoryOrder::Backwards,
            HistoryOrder::Split,
        ] {
            // A server that repeats everything in parts begins with one that nobody can place.
            let parts = matches!(order, HistoryOrder::Backwards | HistoryOrder::Split);
            for ignores in [false, true]
                .into_iter()
                .filter(|ignores| !(parts && *ignores))
            {
                for grace_ms in GRACES {
                    let mut world = World::with(row, 21, |config| {
                        config.history_order = order;
                        config.ignore_last_ids = ignores;
                        config.grace_ms = grace_ms;
                    });
                    let reader = world.reader("alice", &["c"]);
                    world.publish_every("c", 20, 30);
                    for missed in [0, 1, 7, 60] {
                        world.lose(reader, Loss::Reset);
                        world.publish("c", missed);
                        world.run_for(15_000);
                    }
                    world.finish();
                    assert_eq!(world.readers[reader].gaps("c"), [], "{order}, {ignores}");
                }
            }
        }
    });
}

#[test]
fn s21_a_server_without_history_leaves_one_gap() {
    on_every_row(|row| {
        for grace_ms in GRACES {
            let mut world = World::with(row, 21, |config| {
                config.history_length = 0;
                config.grace_ms = grace_ms;
            });
            let reader = world.reader("alice", &["c"]);
            world.publish_every("c", 5, 30);
            world.lose(reader, Loss::Reset);
            world.publish("c", 4);
            world.run_for(15_000);
            world.publish_every("c", 3, 50);
            world.finish();
            let gaps = world.readers[reader].gaps("c");
            assert_eq!(gaps.len(), 1, "{}", world.trace());
            assert_eq!((gaps[0].0, gaps[0].1, gaps[0].3), (5, Some(4), false));
        }
    });
}

#[test]
fn s21_ids_that_skip_are_gaps_and_nothing_waits_for_ever() {
    on_every_row(|row| {
        let mut world = World::with(row, 21, |config| config.message_id_step = 2);
        let reader = world.reader("alice", &["c"]);
        world.publish_every("c", 6, 500);
        world.lose(reader, Loss::Reset);
        world.publish("c", 4);
        world.run_for(15_000);
        world.publish_every("c", 6, 500);
        world.finish();
    });
}

#[test]
fn s21_ids_that_are_not_positive_or_the_greatest_follow_no_rule() {
    on_every_row(|row| {
        let mut world = World::new(row, 21);
        let reader = world.reader("alice", &["c"]);
        let say = |world: &mut World, last_id: i32, text: &str| {
            let app = crate::world::APP;
            let now = world.simulation.now;
            let server = &mut world.simulation.server;
            server.publish(now, app, "c", "bob", "");
            server.set_channel_last_id(app, "c", last_id);
            server.publish(now, app, "c", "bob", text);
            world.run_for(100);
        };
        let texts = ["zero", "minus", "least", "greatest", "again"];
        for (last_id, text) in [-1, -8, i32::MIN, i32::MAX - 1, i32::MAX - 1]
            .into_iter()
            .zip(texts)
        {
            say(&mut world, last_id, text);
        }
        world.run_for(10_000);
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for text in world.readers[reader].texts("c") {
            *seen.entry(text).or_default() += 1;
        }
        for text in texts {
            assert_eq!(seen.get(text), Some(&1), "{text}\n{}", world.trace());
        }
        world.check_rest();
    });
}

/// The server kept the session, and so a live message arrives before the history of a channel in which
/// nothing was delivered yet. Each part of that history is older.
#[test]
fn s21_a_live_message_before_a_split_history_takes_nothing_from_it() {
    on_every_row(|row| {
        for order in [HistoryOrder::Split, HistoryOrder::Backwards] {
            for cached in [0, 3, 100] {
                let mut world = World::with(row, 21, |config| config.history_order = order);
                let change = |config: ChatConfig| {
                    let config = config.restore(Restore::new());
                    config.channel_cache_messages(cached)
                };
                let reader = world.reader_with("alice", &["c"], Mode::Restore, true, change);
                world.lose(reader, Loss::Reset);
                while world.state(reader) == State::ConnectedToFrontEnd {
                    world.run_for(10);
                }
                world.publish("c", 11);
                while world.state(reader) != State::ConnectedToFrontEnd {
                    world.run_for(1);
                }
                world.publish("c", 1);
                world.run_for(10_000);
                let all: BTreeSet<&str> = world.readers[reader].texts("c").into_iter().collect();
                assert_eq!(all.len(), 12, "{order}, {cached}\n{}", world.trace());
                for _ in 0..2 {
                    world.lose(reader, Loss::Reset);
                    world.run_for(15_000);
                }
                world.finish();
                let gaps = world.readers[reader].gaps("c");
                assert_eq!(gaps, [], "{order}, {cached}\n{}", world.trace());
            }
        }
    });
}
