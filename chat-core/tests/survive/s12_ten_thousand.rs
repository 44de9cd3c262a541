//! Scenario 12: ten thousand channels come back with bounded work in each call, in linear time.

use chat_core::{Event, Restore, SubscribeOptions};
use soak::Loss;

use crate::reader::Mode;
use crate::row::ROWS;
use crate::world::World;

/// Subscribes to so many channels, loses the connection, and comes back. Returns the virtual time and
/// the client's work (in about one instruction each) from the login to `Restored`.
fn restore(channels: usize) -> (u64, u64) {
    let mut world = World::new(ROWS[3], 12);
    let restore = |config: chat_core::ChatConfig| {
        config
            .restore(Restore::new())
            .request_timeout(core::time::Duration::from_secs(120))
    };
    let reader = world.reader_with("alice", &[], Mode::Restore, true, restore);
    let names: Vec<String> = (0..channels).map(|number| format!("c{number}")).collect();
    for some in names.chunks(500) {
        let names: Vec<&str> = some.iter().map(String::as_str).collect();
        world.subscribe(reader, &names, &SubscribeOptions::new());
        world.run_for(500);
    }
    let subscribed = world.chat(reader).public_channels().count();
    assert_eq!(subscribed, channels);
    world.lose(reader, Loss::Reset);
    // Until the first attempt.
    for _ in 0..100 {
        if world.chat(reader).is_connected_to_front_end()
            && world.chat(reader).stats().reconnect_attempts > 0
        {
            break;
        }
        world.run_for(50);
    }
    let (begin_ms, begin_work) = (world.now(), world.chat(reader).stats().work);
    while world.chat(reader).stats().restores == 0 {
        world.run_for(50);
        assert!(world.now() < begin_ms + 120_000, "not restored");
        let stats = world.chat(reader).stats();
        // At most 32 channels at a time: never all requests at once.
        assert!(stats.buffered_bytes < 64 * 1024, "{stats:?}");
    }
    let restored = world.readers[reader]
        .events
        .iter()
        .find_map(|(_, event)| match event {
            Event::Restored { channels, failed } => Some((*channels, failed.len())),
            _ => None,
        });
    assert_eq!(restored, Some((channels, 0)));
    let work = world.chat(reader).stats().work - begin_work;
    (world.now() - begin_ms, work)
}

#[test]
fn s12_ten_thousand_channels_come_back_in_linear_time() {
    let (few_ms, few_work) = restore(1_000);
    let (many_ms, many_work) = restore(10_000);
    println!(
        "1,000 channels: {few_ms} ms, work {few_work}; 10,000: {many_ms} ms, work {many_work}"
    );
    assert!(many_ms < few_ms * 12, "{few_ms} ms, then {many_ms} ms");
    assert!(many_work < few_work * 12, "{few_work}, then {many_work}");
}
