//! Scenario 13: private conversations with replay, and such that died and began again.

use std::collections::BTreeMap;

use chat_core::{Event, PrivateOptions, State};
use soak::Loss;

use crate::row::on_every_row;
use crate::world::World;

/// How often each private text arrived.
fn texts(world: &World, reader: usize) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for (_, event) in &world.readers[reader].events {
        if let Event::PrivateMessage { message, .. } = event {
            let text = message.content().as_str().unwrap_or_default().to_owned();
            *all.entry(text).or_default() += 1;
        }
    }
    all
}

fn write(world: &mut World, from: usize, to: &str, text: &str) {
    let sent = world
        .chat(from)
        .send_private_message(to, text, &PrivateOptions::new());
    match sent {
        Ok(token) => {
            world.readers[from].tokens.insert(token);
        }
        Err(error) => panic!("{error}\n{}", world.trace()),
    }
    world.run_for(60);
}

#[test]
fn s13_a_replay_repeats_nothing_and_brings_what_was_missed() {
    on_every_row(|row| {
        let mut world = World::new(row, 13);
        let alice = world.reader("alice", &["c"]);
        let bob = world.reader("bob", &["c"]);
        let mut expected = BTreeMap::new();
        for round in 0..3 {
            for number in 0..4 {
                let text = format!("{round} {number}");
                write(&mut world, bob, "alice", &text);
                expected.insert(text, 1);
            }
            let own = format!("{round} from alice");
            write(&mut world, alice, "bob", &own);
            expected.insert(own, 1);
            world.lose(alice, Loss::Reset);
            let away = format!("{round} while away");
            write(&mut world, bob, "alice", &away);
            expected.insert(away, 1);
            world.run_for(20_000);
            assert_eq!(world.state(alice), State::ConnectedToFrontEnd);
        }
        assert_eq!(texts(&world, alice), expected, "{}", world.trace());
        assert_eq!(texts(&world, bob), expected, "{}", world.trace());
        world.finish();
    });
}

#[test]
fn s13_a_conversation_that_died_begins_again() {
    on_every_row(|row| {
        let mut world = World::new(row, 13);
        let alice = world.reader("alice", &["c"]);
        let bob = world.reader("bob", &["c"]);
        for number in 0..4 {
            write(&mut world, bob, "alice", &format!("first {number}"));
        }
        world.restart_server(200, false);
        world.run_for(20_000);
        for number in 0..4 {
            write(&mut world, bob, "alice", &format!("second {number}"));
            // The same words again are another message.
            write(&mut world, bob, "alice", "same");
        }
        let seen = texts(&world, alice);
        assert_eq!(seen.get("same"), Some(&4), "{}", world.trace());
        assert_eq!(seen.len(), 9, "{}", world.trace());
        world.finish();
    });
}
