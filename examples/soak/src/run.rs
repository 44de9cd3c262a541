//! One run: a seed, some clients, a minute of random behaviour on a bad network, and rest.

use crate::referee::{Referee, Said};
use crate::world::{Transport, World};
use chat_core::{
    ConnectOptions, Encryption, PrivateOptions, PropertyOptions, Protocol, PublishOptions,
    RequestError, State, StatusMessage, SubscribeOptions, Value,
};
use dev_server::ServerConfig;
use dev_server::netem::{Conditions, Percent};
use dev_server::sim::{DatagramSettings, End, Rng, StreamSettings};
use std::collections::BTreeSet;
use std::fmt;

const CHANNELS: [&str; 6] = ["lobby", "trade", "help", "ünïcode", "party", "raid"];
/// The last two publish their subscribers.
const PUBLISHING: [&str; 2] = ["party", "raid"];
/// How much a client may hold back and buffer, above its caps.
const BUFFER_LIMIT: usize = 6 * 1024 * 1024;

/// What a run, or many, had to judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Clients.
    pub clients: u64,
    /// Things that clients did.
    pub actions: u64,
    /// Links that were stalled or broken.
    pub faults: u64,
    /// Messages that clients were told.
    pub messages: u64,
    /// Outcomes of requests.
    pub outcomes: u64,
}

impl Report {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.clients += other.clients;
        self.actions += other.actions;
        self.faults += other.faults;
        self.messages += other.messages;
        self.outcomes += other.outcomes;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            clients,
            actions,
            faults,
            messages,
            outcomes,
        } = self;
        write!(
            out,
            "{clients} clients, {actions} actions, {faults} broken or stalled links, {messages} messages and {outcomes} outcomes judged"
        )
    }
}

struct Run {
    rng: Rng,
    world: World,
    users: Vec<String>,
    referees: Vec<Referee>,
    said: Said,
    report: Report,
}

/// Runs one seed.
///
/// # Panics
/// If a rule is broken.
#[must_use]
pub fn run(seed: u64) -> Report {
    let mut run = Run::new(seed);
    let end = 30_000 + run.rng.below(60_000);
    while run.world.now.as_millis() < end {
        let player = run.rng.below(run.users.len() as u64) as usize;
        if run.rng.chance(6) {
            run.break_something(player);
        } else {
            run.act(player);
        }
        let pause = if run.rng.chance(80) {
            run.rng.below(120)
        } else {
            run.rng.below(3_000)
        };
        run.pass(pause);
    }
    run.rest();
    run.agree();
    run.finish()
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let line = StreamSettings {
            delay_ms: rng.below(120),
            jitter_ms: rng.below(60),
            max_chunk: if rng.chance(50) {
                1 + rng.below(200) as usize
            } else {
                0
            },
            window_bytes: 1_000 + rng.below(60_000) as usize,
            ..StreamSettings::default()
        };
        let config = ServerConfig::new().with(|config| {
            config.properties = true;
            config.grace_ms = rng.below(12_000);
            config.encrypt_answers = rng.chance(30);
            config.empty_responses = rng.chance(70);
            config.batch_messages = 1 + rng.below(5) as usize;
            config.delay_ms = if rng.chance(20) { rng.below(80) } else { 0 };
        });
        let mut world = World::new(seed, config, line);
        world.datagrams = DatagramSettings::both(Conditions {
            loss: Percent::new(rng.below(8) as u32),
            duplicate: Percent::new(rng.below(10) as u32),
            delay_ms: rng.below(120),
            jitter_ms: rng.below(150),
            corrupt: Percent::ZERO,
        });
        let size = 3 + rng.below(18);
        let mut users = Vec::new();
        for _ in 0..size {
            // Now and then a second client of the same user.
            let user = format!("user{}", rng.below(size + size / 3));
            let protocol = if rng.chance(50) {
                Protocol::V16
            } else {
                Protocol::V18
            };
            let encryption = if rng.chance(30) {
                Encryption::Off
            } else {
                Encryption::On
            };
            let transport = Transport::ALL[rng.below(Transport::ALL.len() as u64) as usize];
            let crc = rng.chance(20);
            let json = match transport {
                Transport::Ws => encryption == Encryption::Off,
                Transport::Wss => rng.chance(50),
                Transport::Tcp | Transport::Udp => false,
            };
            world.add_over(transport, &user, |config| {
                let config = config.protocol(protocol).encryption(encryption).crc(crc);
                if json { config.json() } else { config }
            });
            users.push(user);
        }
        let referees = users.iter().map(|user| Referee::new(user)).collect();
        let report = Report {
            clients: size,
            ..Report::default()
        };
        Self {
            rng,
            world,
            users,
            referees,
            said: Said::default(),
            report,
        }
    }

    /// Lets time pass, and judges what everybody was told.
    fn pass(&mut self, ms: u64) {
        self.world.run_for(ms);
        for (player, referee) in self.world.players.iter_mut().zip(&mut self.referees) {
            for (_, event) in player.events.drain(..) {
                referee.judge(&mut self.said, &event);
            }
            assert!(
                player.chat.buffered_bytes() <= BUFFER_LIMIT,
                "too much is buffered"
            );
            assert!(
                player.chat.stats().cached_bytes <= 4 * 1024 * 1024,
                "too much is cached"
            );
        }
    }

    fn break_something(&mut self, player: usize) {
        let Some(link) = self.world.players[player].newest_link() else {
            return;
        };
        self.report.faults += 1;
        let now = self.world.now;
        match self.rng.below(4) {
            0 | 1 => self
                .world
                .network
                .stall(link, now.plus_millis(self.rng.below(8_000))),
            2 => self.world.network.reset(now, link),
            _ => self.world.network.cut(
                link,
                if self.rng.chance(50) {
                    End::Client
                } else {
                    End::Server
                },
            ),
        }
    }

    fn channels(&mut self) -> Vec<String> {
        let first = self.rng.below(CHANNELS.len() as u64) as usize;
        let count = 1 + self.rng.below(3) as usize;
        CHANNELS
            .iter()
            .cycle()
            .skip(first)
            .take(count)
            .map(|&name| name.to_owned())
            .collect()
    }

    fn any_user(&mut self) -> String {
        self.users[self.rng.below(self.users.len() as u64) as usize].clone()
    }

    fn connect(&mut self, player: usize) {
        let short = self.rng.chance(30);
        let chat = self.world.chat(player);
        if short && chat.reconnect().is_ok() {
            return;
        }
        chat.connect_to_name_server(ConnectOptions::new().region("eu"))
            .expect("not connected");
    }

    fn act(&mut self, player: usize) {
        self.report.actions += 1;
        match self.world.players[player].chat.state() {
            State::Uninitialized | State::Disconnected | State::Error => {
                return self.connect(player);
            }
            State::ConnectedToFrontEnd => {}
            state => {
                let refused = self.world.chat(player).publish_message(
                    "lobby",
                    "too early",
                    &PublishOptions::new(),
                );
                assert_eq!(refused, Err(RequestError::WrongState(state)));
                return;
            }
        }
        let user = self.users[player].clone();
        match self.rng.below(100) {
            0..30 => self.subscribe(player),
            30..40 => {
                let names = self.channels();
                let id = self
                    .world
                    .chat(player)
                    .unsubscribe(&names)
                    .expect("connected");
                self.referees[player].asked(id, &names);
            }
            40..75 => {
                let channel = self.channels().swap_remove(0);
                let text = self.said.publish(&user, &channel);
                let chat = self.world.chat(player);
                chat.publish_message(&channel, text.as_str(), &PublishOptions::new())
                    .expect("room");
            }
            75..83 => {
                let target = self.any_user();
                let text = self.said.send(&user, &target);
                let chat = self.world.chat(player);
                let encrypt = chat.send_private_message(
                    &target,
                    text.as_str(),
                    &PrivateOptions::new().encrypt(true),
                );
                if encrypt == Err(RequestError::EncryptionUnavailable) {
                    chat.send_private_message(&target, text.as_str(), &PrivateOptions::new())
                        .expect("room");
                }
            }
            83..87 => {
                let status = self.rng.below(8) as i32;
                self.said.set_status(&user, status);
                let message = [
                    StatusMessage::Clear,
                    StatusMessage::Keep,
                    StatusMessage::Set(&"away from keyboard"),
                ];
                let message = message[self.rng.below(3) as usize];
                self.world
                    .chat(player)
                    .set_user_status(status, message)
                    .expect("room");
            }
            87..91 => {
                let friend = self.any_user();
                self.said.befriend(&user, &friend);
                self.world
                    .chat(player)
                    .add_friends([&friend])
                    .expect("room");
            }
            91..93 => {
                let friend = self.any_user();
                self.world
                    .chat(player)
                    .remove_friends([&friend])
                    .expect("room");
            }
            93..97 => {
                let channel = self.channels().swap_remove(0);
                let changes = [("score".into(), Value::Int(self.rng.below(100) as i32))];
                let chat = self.world.chat(player);
                chat.set_channel_properties(&channel, &changes, &PropertyOptions::new())
                    .expect("room");
            }
            _ => self.world.chat(player).disconnect(),
        }
    }

    fn subscribe(&mut self, player: usize) {
        let mut names = self.channels();
        let options = match self.rng.below(4) {
            0 => SubscribeOptions::new(),
            1 => SubscribeOptions::new().history(-1),
            2 => SubscribeOptions::new().history(self.rng.below(20) as i32),
            _ => {
                let chat = &self.world.players[player].chat;
                let ids = names
                    .iter()
                    .map(|name| chat.channel(name).map_or(0, chat_core::Channel::last_id));
                SubscribeOptions::new().last_ids(ids.collect::<Vec<_>>())
            }
        };
        let options = match names
            .iter()
            .find(|name| PUBLISHING.contains(&name.as_str()))
            .cloned()
        {
            None => options,
            // A channel that publishes comes alone, with the options that make it so.
            Some(name) => {
                names = vec![name];
                SubscribeOptions::new().publish_subscribers(true)
            }
        };
        let id = self
            .world
            .chat(player)
            .subscribe(&names, &options)
            .expect("connected");
        self.referees[player].asked(id, &names);
    }

    /// Nothing breaks any more, everybody connects, and what is under way comes to its end.
    fn rest(&mut self) {
        for _ in 0..20 {
            self.pass(5_000);
            let mut busy = false;
            for player in 0..self.users.len() {
                match self.world.players[player].chat.state() {
                    State::ConnectedToFrontEnd => {}
                    State::Uninitialized | State::Disconnected | State::Error => {
                        busy = true;
                        self.connect(player);
                    }
                    _ => busy = true,
                }
            }
            if !busy {
                // Half-dead links are noticed, and requests on them time out, within this.
                self.pass(40_000);
                let connected =
                    |player: &crate::world::Player| player.chat.is_connected_to_front_end();
                if self.world.players.iter().all(connected) {
                    return;
                }
            }
        }
        panic!(
            "no rest: {:?}",
            self.world
                .players
                .iter()
                .map(|player| player.chat.state())
                .collect::<Vec<_>>()
        );
    }

    /// At rest every client knows what the server knows.
    fn agree(&mut self) {
        self.same_channels();
        // One more word and one more property everywhere: everybody in a channel gets them.
        for channel in CHANNELS {
            let inside = (0..self.users.len())
                .find(|&player| self.referees[player].subscribed().contains(channel));
            let Some(player) = inside else { continue };
            let user = self.users[player].clone();
            let text = self.said.publish(&user, channel);
            let chat = self.world.chat(player);
            chat.publish_message(channel, text.as_str(), &PublishOptions::new())
                .expect("room");
            let last = [("score".into(), Value::Int(1_000))];
            chat.set_channel_properties(channel, &last, &PropertyOptions::new())
                .expect("room");
        }
        self.pass(3_000);
        self.same_channels();
        for snapshot in self.world.server.channels() {
            for (player, user) in self.world.players.iter().zip(&self.users) {
                if !snapshot
                    .subscribers
                    .iter()
                    .any(|inside| *inside == user.as_str())
                {
                    continue;
                }
                let channel = player
                    .chat
                    .channel(&snapshot.name)
                    .expect("a channel that the user is in");
                assert_eq!(
                    channel.last_id(),
                    snapshot.last_id,
                    "{user} in {}",
                    snapshot.name
                );
                assert_eq!(
                    channel.property(&"score".into()),
                    Some(&Value::Int(1_000)),
                    "{user} in {}",
                    snapshot.name
                );
            }
        }
    }

    fn same_channels(&self) {
        let snapshots = self.world.server.channels();
        for ((player, user), referee) in self
            .world
            .players
            .iter()
            .zip(&self.users)
            .zip(&self.referees)
        {
            referee.nothing_open();
            let server: BTreeSet<String> = snapshots
                .iter()
                .filter(|snapshot| {
                    snapshot
                        .subscribers
                        .iter()
                        .any(|inside| *inside == user.as_str())
                })
                .map(|snapshot| snapshot.name.to_string())
                .collect();
            let client: BTreeSet<String> = player
                .chat
                .public_channels()
                .map(|channel| channel.name().to_string())
                .collect();
            assert_eq!(
                client, server,
                "{user}: client and server differ about its channels"
            );
            assert_eq!(
                *referee.subscribed(),
                server,
                "{user}: events and server differ about its channels"
            );
            for snapshot in snapshots
                .iter()
                .filter(|snapshot| client.contains(snapshot.name.as_str()))
            {
                let channel = player.chat.channel(&snapshot.name).expect("subscribed");
                if channel.publishes_subscribers() {
                    let inside: Vec<_> = channel.subscribers().cloned().collect();
                    assert_eq!(
                        inside, snapshot.subscribers,
                        "{user}: who is in {}",
                        snapshot.name
                    );
                }
            }
        }
    }

    fn finish(mut self) -> Report {
        for player in 0..self.users.len() {
            self.world.chat(player).disconnect();
        }
        self.pass(3_000);
        for (player, referee) in self.world.players.iter().zip(&self.referees) {
            referee.nothing_open();
            assert_eq!(
                (player.chat.buffered_bytes(), player.chat.poll_timeout()),
                (0, None)
            );
            self.report.messages += referee.messages;
            self.report.outcomes += referee.outcomes;
        }
        self.report
    }
}
