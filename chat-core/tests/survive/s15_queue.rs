//! Scenario 15: messages that wait for a connection.

use chat_core::{ChatConfig, Event, PublishOptions, RequestError, Restore, State};
use soak::Loss;

use crate::reader::Mode;
use crate::row::on_every_row;
use crate::world::World;

const CAP_BYTES: usize = 2_000;

fn queueing(config: ChatConfig) -> ChatConfig {
    config.restore(Restore::new().queue_cap_bytes(CAP_BYTES))
}

fn until_down(world: &mut World, reader: usize) {
    // In small steps: the first attempt may begin at once.
    for _ in 0..20_000 {
        if world.state(reader) == State::Error {
            return;
        }
        world.run_for(1);
    }
    panic!("no end\n{}", world.trace());
}

/// The texts that the server holds, in order.
fn held(world: &World, channel: &str) -> Vec<String> {
    let server = &world.simulation.server;
    let messages = server.channel_messages("app", "1", channel);
    messages
        .iter()
        .filter_map(|message| message.content.as_str().map(str::to_owned))
        .collect()
}

#[test]
fn s15_queued_messages_arrive_in_order_and_once() {
    on_every_row(|row| {
        for (seed, loss) in [Loss::Fin, Loss::Reset, Loss::Silence]
            .into_iter()
            .enumerate()
        {
            let mut world = World::new(row, seed as u64);
            let writer = world.reader_with("alice", &["a", "b"], Mode::Restore, true, queueing);
            let _reader = world.reader("bob", &["a", "b"]);
            world.lose(writer, loss);
            until_down(&mut world, writer);
            let mut expected = [Vec::new(), Vec::new()];
            for number in 0..20 {
                let channel = ["a", "b"][number % 2];
                let token = world.send(writer, channel);
                assert!(token.is_some(), "{}", world.trace());
                expected[number % 2].push(number);
                // Some before, some while the client comes back.
                world.run_for(100);
            }
            world.run_for(30_000);
            for (index, channel) in ["a", "b"].into_iter().enumerate() {
                let texts = held(&world, channel);
                assert_eq!(
                    texts.len(),
                    expected[index].len(),
                    "{texts:?}\n{}",
                    world.trace()
                );
                let numbers: Vec<u32> = texts
                    .iter()
                    .filter_map(|text| text.split(' ').nth(1)?.parse().ok())
                    .collect();
                assert!(numbers.is_sorted(), "{texts:?}");
            }
            assert_eq!(world.chat(writer).stats().queued_bytes, 0);
            world.finish();
        }
    });
}

#[test]
fn s15_messages_over_the_cap_are_refused_and_the_others_stay() {
    on_every_row(|row| {
        let mut world = World::new(row, 9);
        let writer = world.reader_with("alice", &["a"], Mode::Restore, true, queueing);
        world.lose(writer, Loss::Reset);
        until_down(&mut world, writer);
        let text = "x".repeat(100);
        let options = PublishOptions::new();
        let mut queued = 0;
        let full = loop {
            match world.chat(writer).publish_message("a", &*text, &options) {
                Ok(_token) => queued += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(full, RequestError::QueueFull);
        assert!(world.chat(writer).stats().queued_bytes <= CAP_BYTES);
        world.run_for(20_000);
        assert_eq!(held(&world, "a").len(), queued, "{}", world.trace());
    });
}

#[test]
fn s15_giving_up_reports_each_queued_message() {
    on_every_row(|row| {
        let mut world = World::new(row, 10);
        let attempts = |config: ChatConfig| {
            config.restore(Restore::new().queue_cap_bytes(CAP_BYTES).attempts(2))
        };
        let writer = world.reader_with("alice", &["a"], Mode::Restore, true, attempts);
        world.simulation.crash();
        until_down(&mut world, writer);
        let before = world.chat(writer).stats().unsent_messages;
        for _ in 0..3 {
            let token = world.send(writer, "a");
            assert!(token.is_some(), "{}", world.trace());
        }
        world.run_for(120_000);
        let one = &world.readers[writer];
        let names: Vec<&str> = one.events.iter().map(|(_, event)| event.name()).collect();
        let gave_up = names.iter().position(|name| *name == "ReconnectGaveUp");
        let unconfirmed = one.count(|event| matches!(event, Event::MessageUnconfirmed { .. }));
        assert_eq!(unconfirmed, 3, "{}", world.trace());
        assert_eq!(gave_up, Some(names.len() - 1), "{}", world.trace());
        assert!(one.tokens.is_empty());
        let stats = world.chat(writer).stats();
        assert_eq!(stats.unsent_messages - before, 3);
        assert_eq!(stats.queued_bytes, 0);
    });
}
