//! Scenario 23, calls: applications that change their mind at any moment. Random calls of the public
//! API during losses and restores, with small caches and limits, refused logins, two clients of one
//! user, and ids near the greatest one.
//!
//! `SURVIVE_CALLS=5000` runs more seeds than the 100 of `cargo test`, `SURVIVE_FIRST=N` begins at
//! another one; with `SURVIVE_CALLS=1` and `--nocapture` the trace is printed.

use std::collections::BTreeSet;

use chat_core::{
    ChatConfig, ConnectOptions, Limits, PublishOptions, RequestError, Restore, State,
    StatusMessage, SubscribeOptions, UserStatus,
};
use core::time::Duration;
use dev_server::sim::Rng;
use dev_server::{Fault, HistoryOrder, ServerKind, Step};
use soak::Loss;

use crate::reader::Mode;
use crate::row::Row;
use crate::s23_chaos::number;
use crate::world::{APP, World};

const CHANNELS: [&str; 3] = ["c", "d", "e"];

/// Channels whose application left them, so that messages may arrive again.
type Left = BTreeSet<(usize, &'static str)>;

fn configure(config: ChatConfig, rng: &mut Rng) -> ChatConfig {
    let restore = Restore::new()
        .channels_at_a_time([1, 2, 32][rng.below(3) as usize])
        .queue_cap_bytes([0, 300, 100_000][rng.below(3) as usize])
        .waiting_time(Duration::from_millis([500, 2_000][rng.below(2) as usize]));
    config
        .restore(restore)
        .channel_cache_messages([0, 1, 3, 100][rng.below(4) as usize])
        .cache_cap_bytes([0, 200, 4 << 20][rng.below(3) as usize])
        .max_messages_per_service([1, 3, 1_000][rng.below(3) as usize])
        .limits(Limits {
            max_received_bytes: [3_000, 1 << 20][rng.below(2) as usize],
            ..Limits::DEFAULT
        })
}

fn play(seed: u64) -> World {
    let mut rng = Rng::new(!seed);
    let order = HistoryOrder::ALL[rng.below(8) as usize];
    let mut world = World::with(Row::of(seed), seed, |config| {
        config.history_order = order;
        config.history_delay_ms = [0, 30, 200][rng.below(3) as usize];
        config.grace_ms = [0, 4_000, 3_600_000][rng.below(3) as usize];
        config.history_length = [0, 5, 100][rng.below(3) as usize];
        config.renew_token = rng.below(2) == 0;
        config.token_lifetime_ms = [2_000, 3_600_000][rng.below(2) as usize];
    });
    // What waits depends on options and on calls: this is about what must never happen.
    world.max_wait_ms = None;
    if rng.below(3) == 0 {
        for channel in CHANNELS {
            let now = world.simulation.now;
            let server = &mut world.simulation.server;
            // A channel without messages, whose ids are about to end.
            server.publish(now, APP, channel, "operator", "");
            server.restart_channel(now, APP, channel, true);
            server.set_channel_last_id(APP, channel, i32::MAX - 400);
        }
    }
    // Two clients of one user, and one of another.
    for user in ["alice", "alice", "bob"] {
        let row = Row::of(rng.below(100));
        let change = |config| configure(config, &mut rng);
        world.reader_over(row, user, &[], Mode::Restore, true, change);
    }
    let mut left = Left::new();
    for _ in 0..20 + rng.below(30) {
        act(&mut world, &mut rng, &mut left);
        world.run_for([0, 7, 25, 60, 400, 3_000][rng.below(6) as usize]);
    }
    world.simulation.server.faults_mut().clear();
    for _ in 0..4 {
        for reader in 0..world.readers.len() {
            if matches!(
                world.state(reader),
                State::Disconnected | State::Error | State::ConnectedToNameServer
            ) {
                let chat = world.chat(reader);
                let connected = chat.resume().or_else(|_| chat.reconnect());
                let connected = connected
                    .or_else(|_| chat.connect_to_name_server(ConnectOptions::new().region("eu")));
                world.note(format!("reader {reader} connects: {connected:?}"));
            }
        }
        world.run_for(30_000);
    }
    for (reader, channel) in left {
        world.readers[reader].wanted.remove(channel);
    }
    world
}

/// Lets an application make one request for channels.
fn request(
    world: &mut World,
    reader: usize,
    names: &[&'static str],
    call: impl FnOnce(&mut chat_core::ChatClient) -> Result<chat_core::RequestId, RequestError>,
) -> bool {
    // Everything up to now belongs to the time before the call.
    world.run_for(0);
    let result = call(world.chat(reader));
    world.note(format!("reader {reader} asks for {names:?}: {result:?}"));
    let Ok(id) = result else {
        return false;
    };
    for name in names {
        let key = (id, (*name).to_owned());
        world.readers[reader].requests.insert(key);
    }
    true
}

fn act(world: &mut World, rng: &mut Rng, left: &mut Left) {
    let reader = rng.below(world.readers.len() as u64) as usize;
    let channel = CHANNELS[rng.below(3) as usize];
    let now = world.simulation.now;
    match rng.below(26) {
        0..=3 => world.publish(channel, rng.below(6) as usize),
        4 => world.publish(channel, rng.below(40) as usize),
        // The runner learns from the history what clients publish.
        5 if world.simulation.server.config().history_length >= 100 => {
            for _ in 0..rng.below(4) {
                world.send(reader, channel);
            }
        }
        6..=8 => {
            let losses = [Loss::Fin, Loss::Reset, Loss::Silence, Loss::HalfSilence];
            world.lose(reader, losses[rng.below(4) as usize]);
        }
        9 => {
            let with_memory = rng.below(2) == 0;
            world.restart_server(rng.below(3_000), with_memory);
        }
        10..=13 => {
            let names = match rng.below(4) {
                0 => vec![channel, channel],
                1 => CHANNELS.to_vec(),
                _ => vec![channel],
            };
            let history = [-1, 0, 1, 3, 100][rng.below(5) as usize];
            let mut options = SubscribeOptions::new().history(history);
            if rng.below(4) == 0 {
                let ids = [-1, 0, 1, 3, i32::MAX];
                let ids = names.iter().map(|_| ids[rng.below(5) as usize]);
                options = options.last_ids(ids.collect::<Vec<_>>());
            }
            let asked = request(world, reader, &names, |chat| {
                chat.subscribe(&names, &options)
            });
            let since = world.now();
            for name in names.into_iter().filter(|_| asked) {
                // With less than everything, what is owed depends on the options.
                if history != -1 || options != SubscribeOptions::new().history(-1) {
                    left.insert((reader, name));
                }
                let wanted = &mut world.readers[reader].wanted;
                wanted.entry(name.to_owned()).or_insert(since);
            }
        }
        14 => {
            if request(world, reader, &[channel], |chat| {
                chat.unsubscribe([channel])
            }) {
                // The server takes the user out of it, and with it the user's other client.
                left.extend((0..world.readers.len()).map(|reader| (reader, channel)));
            }
        }
        15 => {
            world.run_for(0);
            world.chat(reader).forget_channels();
            left.extend(CHANNELS.map(|channel| (reader, channel)));
            world.note(format!("reader {reader} forgets its channels"));
        }
        16 => {
            world.chat(reader).disconnect();
            world.note(format!("reader {reader} disconnects"));
        }
        17 => {
            let result = world.chat(reader).suspend();
            world.note(format!("reader {reader} suspends: {result:?}"));
        }
        18 => {
            let result = world.chat(reader).resume();
            world.note(format!("reader {reader} resumes: {result:?}"));
        }
        19 => {
            let result = world.chat(reader).network_changed();
            world.note(format!("reader {reader} has another network: {result:?}"));
        }
        20 => {
            let chat = world.chat(reader);
            let result = match rng.below(2) {
                0 => chat.reconnect(),
                _ => chat.connect_to_name_server(ConnectOptions::new().region("eu")),
            };
            world.note(format!("reader {reader} connects: {result:?}"));
        }
        21 => world.freeze(reader, [500, 12_000][rng.below(2) as usize]),
        22 => {
            let chat = world.chat(reader);
            let _full = chat.add_friends(["carol", "bob"]);
            let _full = chat.remove_friends(["carol"]);
            let _full = chat.set_user_status(UserStatus::AWAY, StatusMessage::Set("busy"));
        }
        23 => {
            let kicked = world.simulation.server.kick(now, "alice", 1, "go");
            world.note(format!("{kicked} clients are kicked"));
        }
        24 => {
            let server = [ServerKind::NameServer, ServerKind::FrontEnd][rng.below(2) as usize];
            let code = [32767, 32757, 32753, -3][rng.below(4) as usize];
            let text = "refused".to_owned();
            let fault = Fault::Refuse { code, text };
            let faults = world.simulation.server.faults_mut();
            faults.times(Step::Authenticate(server), fault, 1);
            world.note(format!("the {server} refuses the next login with {code}"));
        }
        _ => {
            world.chat(reader).clear_messages(channel);
            let _one = world
                .chat(reader)
                .publish_message("unknown", "x", &PublishOptions::new());
        }
    }
}

#[test]
fn s23_calls_at_any_moment_break_no_promise() {
    let (first, seeds) = (number("SURVIVE_FIRST", 0), number("SURVIVE_CALLS", 100));
    let mut failures = Vec::new();
    for seed in first..first + seeds {
        let mut world = play(seed);
        let broken = world.settle();
        if seeds == 1 {
            println!("{}", world.failure(&broken));
        }
        world.check_rest();
        if !broken.is_empty() {
            let list: Vec<String> = broken.iter().take(3).map(ToString::to_string).collect();
            failures.push(format!("seed {seed}: {}", list.join("; ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
