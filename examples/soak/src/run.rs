//! One run: a seed, some clients, a minute of random behaviour on a bad network, and rest.

use crate::checker::{ActionLog, Checker};
use crate::simulation::{Simulation, Transport};
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
    simulation: Simulation,
    users: Vec<String>,
    checkers: Vec<Checker>,
    log: ActionLog,
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
    while run.simulation.now.as_millis() < end {
        let client = run.rng.below(run.users.len() as u64) as usize;
        if run.rng.chance(6) {
            run.break_something(client);
        } else {
            run.act(client);
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
        let mut simulation = Simulation::new(seed, config, line);
        simulation.datagrams = DatagramSettings::both(Conditions {
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
            simulation.add_over(transport, &user, |config| {
                let config = config.protocol(protocol).encryption(encryption).crc(crc);
                if json { config.json() } else { config }
            });
            users.push(user);
        }
        let checkers = users.iter().map(|user| Checker::new(user)).collect();
        let report = Report {
            clients: size,
            ..Report::default()
        };
        Self {
            rng,
            simulation,
            users,
            checkers,
            log: ActionLog::default(),
            report,
        }
    }

    /// Lets time pass, and judges what everybody was told.
    fn pass(&mut self, ms: u64) {
        self.simulation.run_for(ms);
        for (client, checker) in self.simulation.clients.iter_mut().zip(&mut self.checkers) {
            for (_, event) in client.events.drain(..) {
                checker.judge(&mut self.log, &event);
            }
            assert!(
                client.chat.buffered_bytes() <= BUFFER_LIMIT,
                "too much is buffered"
            );
            assert!(
                client.chat.stats().cached_bytes <= 4 * 1024 * 1024,
                "too much is cached"
            );
        }
    }

    fn break_something(&mut self, client: usize) {
        let Some(link) = self.simulation.clients[client].newest_link() else {
            return;
        };
        self.report.faults += 1;
        let now = self.simulation.now;
        match self.rng.below(4) {
            0 | 1 => self
                .simulation
                .network
                .stall(link, now.plus_millis(self.rng.below(8_000))),
            2 => self.simulation.network.reset(now, link),
            _ => self.simulation.network.cut(
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

    fn connect(&mut self, client: usize) {
        let short = self.rng.chance(30);
        let chat = self.simulation.chat(client);
        if short && chat.reconnect().is_ok() {
            return;
        }
        chat.connect_to_name_server(ConnectOptions::new().region("eu"))
            .expect("not connected");
    }

    fn act(&mut self, client: usize) {
        self.report.actions += 1;
        match self.simulation.clients[client].chat.state() {
            State::Uninitialized | State::Disconnected | State::Error => {
                return self.connect(client);
            }
            State::ConnectedToFrontEnd => {}
            state => {
                let refused = self.simulation.chat(client).publish_message(
                    "lobby",
                    "too early",
                    &PublishOptions::new(),
                );
                assert_eq!(refused, Err(RequestError::WrongState(state)));
                return;
            }
        }
        let user = self.users[client].clone();
        match self.rng.below(100) {
            0..30 => self.subscribe(client),
            30..40 => {
                let names = self.channels();
                let id = self
                    .simulation
                    .chat(client)
                    .unsubscribe(&names)
                    .expect("connected");
                self.checkers[client].asked(id, &names);
            }
            40..75 => {
                let channel = self.channels().swap_remove(0);
                let text = self.log.publish(&user, &channel);
                let chat = self.simulation.chat(client);
                chat.publish_message(&channel, text.as_str(), &PublishOptions::new())
                    .expect("room");
            }
            75..83 => {
                let target = self.any_user();
                let text = self.log.send(&user, &target);
                let chat = self.simulation.chat(client);
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
                self.log.set_status(&user, status);
                let message = [
                    StatusMessage::Clear,
                    StatusMessage::Keep,
                    StatusMessage::Set("away from keyboard"),
                ];
                let message = message[self.rng.below(3) as usize];
                self.simulation
                    .chat(client)
                    .set_user_status(status, message)
                    .expect("room");
            }
            87..91 => {
                let friend = self.any_user();
                self.log.befriend(&user, &friend);
                self.simulation
                    .chat(client)
                    .add_friends([&friend])
                    .expect("room");
            }
            91..93 => {
                let friend = self.any_user();
                self.simulation
                    .chat(client)
                    .remove_friends([&friend])
                    .expect("room");
            }
            93..97 => {
                let channel = self.channels().swap_remove(0);
                let changes = [("score".into(), Value::Int(self.rng.below(100) as i32))];
                let chat = self.simulation.chat(client);
                chat.set_channel_properties(&channel, &changes, &PropertyOptions::new())
                    .expect("room");
            }
            _ => self.simulation.chat(client).disconnect(),
        }
    }

    fn subscribe(&mut self, client: usize) {
        let mut names = self.channels();
        let options = match self.rng.below(4) {
            0 => SubscribeOptions::new(),
            1 => SubscribeOptions::new().history(-1),
            2 => SubscribeOptions::new().history(self.rng.below(20) as i32),
            _ => {
                let chat = &self.simulation.clients[client].chat;
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
            .simulation
            .chat(client)
            .subscribe(&names, &options)
            .expect("connected");
        self.checkers[client].asked(id, &names);
    }

    /// Nothing breaks any more, everybody connects, and what is under way comes to its end.
    fn rest(&mut self) {
        for _ in 0..20 {
            self.pass(5_000);
            let mut busy = false;
            for client in 0..self.users.len() {
                match self.simulation.clients[client].chat.state() {
                    State::ConnectedToFrontEnd => {}
                    State::Uninitialized | State::Disconnected | State::Error => {
                        busy = true;
                        self.connect(client);
                    }
                    _ => busy = true,
                }
            }
            if !busy {
                // Half-dead links are noticed, and requests on them time out, within this.
                self.pass(40_000);
                let connected =
                    |client: &crate::simulation::Client| client.chat.is_connected_to_front_end();
                if self.simulation.clients.iter().all(connected) {
                    return;
                }
            }
        }
        panic!(
            "no rest: {:?}",
            self.simulation
                .clients
                .iter()
                .map(|client| client.chat.state())
                .collect::<Vec<_>>()
        );
    }

    /// At rest every client knows what the server knows.
    fn agree(&mut self) {
        self.same_channels();
        // One more word and one more property everywhere: everybody in a channel gets them.
        for channel in CHANNELS {
            let inside = (0..self.users.len())
                .find(|&client| self.checkers[client].subscribed().contains(channel));
            let Some(client) = inside else { continue };
            let user = self.users[client].clone();
            let text = self.log.publish(&user, channel);
            let chat = self.simulation.chat(client);
            chat.publish_message(channel, text.as_str(), &PublishOptions::new())
                .expect("room");
            let last = [("score".into(), Value::Int(1_000))];
            chat.set_channel_properties(channel, &last, &PropertyOptions::new())
                .expect("room");
        }
        self.pass(3_000);
        self.same_channels();
        for snapshot in self.simulation.server.channels() {
            for (client, user) in self.simulation.clients.iter().zip(&self.users) {
                if !snapshot
                    .subscribers
                    .iter()
                    .any(|inside| *inside == user.as_str())
                {
                    continue;
                }
                let channel = client
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
        let snapshots = self.simulation.server.channels();
        for ((client, user), checker) in self
            .simulation
            .clients
            .iter()
            .zip(&self.users)
            .zip(&self.checkers)
        {
            checker.nothing_open();
            let on_server: BTreeSet<String> = snapshots
                .iter()
                .filter(|snapshot| {
                    snapshot
                        .subscribers
                        .iter()
                        .any(|inside| *inside == user.as_str())
                })
                .map(|snapshot| snapshot.name.to_string())
                .collect();
            let on_client: BTreeSet<String> = client
                .chat
                .public_channels()
                .map(|channel| channel.name().to_string())
                .collect();
            assert_eq!(
                on_client, on_server,
                "{user}: client and server differ about its channels"
            );
            assert_eq!(
                *checker.subscribed(),
                on_server,
                "{user}: events and server differ about its channels"
            );
            for snapshot in snapshots
                .iter()
                .filter(|snapshot| on_client.contains(snapshot.name.as_str()))
            {
                let channel = client.chat.channel(&snapshot.name).expect("subscribed");
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
        for client in 0..self.users.len() {
            self.simulation.chat(client).disconnect();
        }
        self.pass(3_000);
        for (client, checker) in self.simulation.clients.iter().zip(&self.checkers) {
            checker.nothing_open();
            assert_eq!(
                (client.chat.buffered_bytes(), client.chat.poll_timeout()),
                (0, None)
            );
            self.report.messages += checker.messages;
            self.report.outcomes += checker.outcomes;
        }
        self.report
    }
}
