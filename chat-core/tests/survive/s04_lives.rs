//! Scenarios 04, 05 and 06: a channel that begins again while the reader is away, with it, or with
//! the whole server.

use chat_core::{ChatConfig, Restore, SubscribeOptions};
use soak::Loss;

use crate::reader::Mode;
use crate::row::on_every_row;
use crate::world::{APP, World};

/// How many gaps with a new life a reader saw in "c".
fn lives(world: &World, reader: usize) -> usize {
    let gaps = world.readers[reader].gaps("c");
    gaps.iter().filter(|(.., new_life)| *new_life).count()
}

#[test]
fn s04_another_life_is_recognised_whatever_its_length() {
    on_every_row(|row| {
        for messages in [1, 3, 4, 5, 6, 8, 40, 99, 100] {
            for keeps_session in [false, true] {
                let grace_ms = if keeps_session { 3_600_000 } else { 0 };
                let mut world = World::with(row, 4, |config| config.grace_ms = grace_ms);
                let reader = world.reader("alice", &["c"]);
                world.publish_every("c", 5, 30);
                world.run_for(5_000);
                world.lose(reader, Loss::Reset);
                world.new_life("c", keeps_session);
                world.publish("c", messages);
                world.finish();
                assert_eq!(lives(&world, reader), 1, "{messages}\n{}", world.trace());
            }
        }
    });
}

#[test]
fn s04_a_life_that_outgrew_the_position_is_a_gap() {
    on_every_row(|row| {
        let mut world = World::new(row, 4);
        let reader = world.reader("alice", &["c"]);
        world.publish_every("c", 5, 30);
        world.lose(reader, Loss::Reset);
        world.new_life("c", true);
        world.publish("c", 130);
        world.finish();
        let gaps = world.readers[reader].gaps("c");
        assert_eq!(gaps, [(5, Some(25), false, false)], "nobody can know more");
    });
}

#[test]
fn s04_one_different_text_of_the_last_four_is_enough() {
    on_every_row(|row| {
        for different in 0..4 {
            let mut world = World::new(row, 4);
            let reader = world.reader("alice", &["c"]);
            let say = |world: &mut World, text: &str| {
                let now = world.simulation.now;
                let server = &mut world.simulation.server;
                server.publish(now, APP, "c", "bob", text);
                world.run_for(50);
            };
            for _ in 0..6 {
                say(&mut world, "ok");
            }
            world.run_for(5_000);
            world.lose(reader, Loss::Reset);
            let now = world.simulation.now;
            world.simulation.server.restart_channel(now, APP, "c", true);
            for number in 0..6 {
                let text = if number == 2 + different { "no" } else { "ok" };
                say(&mut world, text);
            }
            world.run_for(20_000);
            assert_eq!(lives(&world, reader), 1, "{different}\n{}", world.trace());
            assert_eq!(world.readers[reader].texts("c").len(), 12);
            world.check_rest();
        }
    });
}

/// The same texts by another user are another life, whether the client compares them with its cache or
/// with the hashes of what has left it.
#[test]
fn s04_equal_texts_of_another_sender_are_another_life() {
    on_every_row(|row| {
        for cached in [0, 100] {
            let mut world = World::new(row, 4);
            let change = |config: ChatConfig| {
                let config = config.restore(Restore::new());
                config.channel_cache_messages(cached)
            };
            let reader = world.reader_with("alice", &["c"], Mode::Restore, true, change);
            let say = |world: &mut World, sender: &str| {
                let now = world.simulation.now;
                let server = &mut world.simulation.server;
                server.publish(now, APP, "c", sender, "ok");
                world.run_for(50);
            };
            for _ in 0..6 {
                say(&mut world, "bob");
            }
            world.run_for(5_000);
            world.lose(reader, Loss::Reset);
            let now = world.simulation.now;
            world.simulation.server.restart_channel(now, APP, "c", true);
            for _ in 0..6 {
                say(&mut world, "carol");
            }
            world.run_for(20_000);
            assert_eq!(lives(&world, reader), 1, "{cached}\n{}", world.trace());
            assert_eq!(world.readers[reader].texts("c").len(), 12);
            world.check_rest();
        }
    });
}

#[test]
fn s05_a_server_without_memory_begins_new_lives() {
    on_every_row(|row| {
        for (before_login, after) in [(0, 3), (0, 8), (3, 0), (5, 5), (8, 2)] {
            let mut world = World::new(row, 5);
            let reader = world.reader("alice", &["c"]);
            world.publish_every("c", 5, 30);
            world.run_for(5_000);
            world.restart_server(300, false);
            world.publish("c", before_login);
            world.run_for(20_000);
            world.publish_every("c", after, 40);
            world.finish();
            assert_eq!(
                lives(&world, reader),
                1,
                "{before_login}, {after}\n{}",
                world.trace()
            );
        }
    });
}

#[test]
fn s05_a_server_with_memory_continues() {
    on_every_row(|row| {
        let mut world = World::new(row, 5);
        let reader = world.reader("alice", &["c"]);
        world.publish_every("c", 5, 30);
        world.restart_server(3_000, true);
        world.publish("c", 3);
        world.run_for(10_000);
        world.publish_every("c", 5, 40);
        world.finish();
        assert_eq!(world.readers[reader].gaps("c"), []);
    });
}

#[test]
fn s05_a_channel_is_reborn_while_subscribed() {
    on_every_row(|row| {
        for messages in [1, 3, 5, 6, 20] {
            let mut world = World::new(row, 5);
            let reader = world.reader("alice", &["c"]);
            world.publish_every("c", 5, 30);
            world.run_for(6_000);
            world.new_life("c", true);
            world.publish_every("c", messages, 40);
            world.finish();
            assert_eq!(lives(&world, reader), 1, "{messages}\n{}", world.trace());
        }
    });
}

/// The time for answers begins with the request, however late its event 5 is.
#[test]
fn s05_a_channel_is_reborn_after_a_late_subscription() {
    on_every_row(|row| {
        let mut world = World::new(row, 5);
        let reader = world.reader("alice", &[]);
        world.stall(reader, 1_500);
        world.subscribe(reader, &["c"], &SubscribeOptions::new().history(-1));
        world.run_for(1_800);
        world.publish_every("c", 5, 100);
        world.run_for(2_200);
        world.new_life("c", true);
        world.publish_every("c", 3, 40);
        world.finish();
        assert_eq!(lives(&world, reader), 1, "{}", world.trace());
    });
}

#[test]
fn s06_a_channel_is_destroyed_and_made_again_while_away() {
    on_every_row(|row| {
        for messages in [0, 1, 5, 8, 60] {
            for times in [1, 2] {
                let mut world = World::with(row, 6, |config| config.grace_ms = 0);
                let reader = world.reader("alice", &["c"]);
                world.publish_every("c", 5, 30);
                world.lose(reader, Loss::Reset);
                for _ in 0..times {
                    world.new_life("c", false);
                    world.publish("c", messages);
                }
                world.finish();
                assert_eq!(lives(&world, reader), 1, "{messages}\n{}", world.trace());
            }
        }
    });
}
