//! Scenario 19: bad elements in a restored history.

use chat_core::{Array, ChatConfig, Content, Event, Limits, Restore, Value};
use soak::Loss;

use crate::reader::Mode;
use crate::row::{ROWS, Row};
use crate::world::{APP, World};

/// Nested arrays, one more than a client with these limits accepts.
fn too_deep() -> Value {
    (0..=LIMITS.max_depth).fold(Value::from("deep"), |inner, _| {
        Value::Array(Array::Object(vec![inner]))
    })
}

const LIMITS: Limits = Limits {
    max_depth: 8,
    ..Limits::DEFAULT
};

/// Plays with one kind of bad content.
fn play(row: Row, bad: &Value) {
    let mut world = World::with(row, 19, |config| {
        config.spoiled_text = Some("bad".to_owned());
    });
    let change = |config: ChatConfig| config.restore(Restore::new()).limits(LIMITS);
    let reader = world.reader_with("alice", &["c"], Mode::Restore, true, change);
    let say = |world: &mut World, content: Value| {
        let now = world.simulation.now;
        let server = &mut world.simulation.server;
        server.publish(now, APP, "c", "bob", content);
        world.run_for(50);
    };
    for content in ["one".into(), bad.clone(), "three".into()] {
        say(&mut world, content);
    }
    world.lose(reader, Loss::Reset);
    for content in ["four".into(), bad.clone(), "six".into(), bad.clone()] {
        say(&mut world, content);
    }
    world.run_for(10_000);
    say(&mut world, "eight".into());
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

#[test]
fn s19_a_bad_element_in_a_restored_history_spoils_only_itself() {
    for row in ROWS {
        play(row, &too_deep());
        // In JSON a text that is not UTF-8 spoils the whole WebSocket message, and the driver of the
        // client closes the connection.
        if !row.is_json() {
            play(row, &"a bad text".into());
        }
    }
}
