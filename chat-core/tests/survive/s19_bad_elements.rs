//! Scenario 19: bad elements in a restored history.

use chat_core::{Content, Event};
use soak::Loss;

use crate::row::{ROWS, Row};
use crate::world::{APP, World};

fn play(row: Row) {
    let mut world = World::with(row, 19, |config| {
        config.spoiled_text = Some("bad".to_owned());
    });
    let reader = world.reader("alice", &["c"]);
    let say = |world: &mut World, text: &str| {
        let now = world.simulation.now;
        let server = &mut world.simulation.server;
        server.publish(now, APP, "c", "bob", text);
        world.run_for(50);
    };
    for text in ["one", "a bad two", "three"] {
        say(&mut world, text);
    }
    world.lose(reader, Loss::Reset);
    for text in ["four", "a bad five", "six", "a bad seven"] {
        say(&mut world, text);
    }
    world.run_for(10_000);
    say(&mut world, "eight");
    world.run_for(5_000);
    let seen: Vec<(Option<i32>, bool)> = world.readers[reader]
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::ChatMessages { messages, .. } => Some(messages),
            _ => None,
        })
        .flat_map(|messages| {
            let all = messages.iter();
            let all = all.map(|message| {
                let bad = matches!(message.content, Content::Undecodable { .. });
                (message.id, bad)
            });
            all.collect::<Vec<_>>()
        })
        .collect();
    let expected: Vec<(Option<i32>, bool)> = (1..=8)
        .map(|id| (Some(id), [2, 5, 7].contains(&id)))
        .collect();
    assert_eq!(seen, expected, "{row:?}\n{}", world.trace());
    assert_eq!(world.readers[reader].gaps("c"), [], "{row:?}");
    world.check_rest();
}

/// In JSON a text that is not UTF-8 spoils the whole WebSocket message, which is not a matter of the
/// client.
#[test]
fn s19_a_bad_element_in_a_restored_history_spoils_only_itself() {
    for row in ROWS.into_iter().filter(|row| !row.is_json()) {
        play(row);
    }
}
