//! [`run`]: some clients, up to 90 seconds of random actions on a bad network, then a check of the
//! state at rest. The seed determines all of it.

use crate::checker::{ActionLog, Checker};
use crate::simulation::{Client, Simulation};
use chat_core::{
    ConnectOptions, Encryption, PrivateOptions, PropertyOptions, Protocol, PublishOptions,
    RequestError, State, StatusMessage, SubscribeOptions, Value,
};
use dev_server::netem::{Conditions, Percent};
use dev_server::sim::{DatagramSettings, End, Rng, StreamSettings};
use dev_server::{ServerConfig, Transport};
use std::collections::BTreeSet;
use std::fmt;

const CHANNELS: [&str; 6] = ["lobby", "trade", "help", "ünïcode", "party", "raid"];
/// In this order: another one would change the run of each seed.
const TRANSPORTS: [Transport; 4] = [
    Transport::Tcp,
    Transport::Udp,
    Transport::Ws,
    Transport::Wss,
];
/// The channels that publish their subscribers.
const PUBLISHING: [&str; 2] = ["party", "raid"];
/// The most that a client may buffer: its incoming and outgoing caps of 4 and 1 MiB, and what a
/// link may pass anyway. Contract, point 5.
const MAX_BUFFERED_BYTES: usize = 6 * 1024 * 1024;
/// The client-wide cap of cached messages. chat_core's default.
const MAX_CACHED_BYTES: usize = 4 * 1024 * 1024;

/// Counters of one run, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Clients.
    pub clients: u64,
    /// Actions of clients.
    pub actions: u64,
    /// Stalled or broken links.
    pub faults: u64,
    /// Messages that clients received.
    pub messages: u64,
    /// Settled requests, one for each channel name.
    pub outcomes: u64,
}

impl Report {
    /// Adds the counters of another run.
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
            "{clients} clients, {actions} actions, {faults} broken or stalled links; \
             checked {messages} messages and {outcomes} outcomes"
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

/// Performs the run of this seed and returns its counters.
///
/// # Panics
/// If a check fails.
#[must_use]
pub fn run(seed: u64) -> Report {
    let mut run = Run::new(seed);
    let end = 30_000 + run.rng.below(60_000);
    while run.simulation.now.as_millis() < end {
        let index = run.rng.below(run.users.len() as u64) as usize;
        if run.rng.chance(6) {
            run.break_link(index);
        } else {
            run.act(index);
        }
        let pause = if run.rng.chance(80) {
            run.rng.below(120)
        } else {
            run.rng.below(3_000)
        };
        run.pass(pause);
    }
    run.rest();
    run.check_agreement();
    run.finish()
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let streams = StreamSettings {
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
        let mut simulation = Simulation::new(seed, config, streams);
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
            // Some users have two clients.
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
            let transport = TRANSPORTS[rng.below(TRANSPORTS.len() as u64) as usize];
            let crc = rng.chance(20);
            let json = match transport {
                // JSON has no key exchange; see chat_core's `Encryption`.
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

    /// Advances the clock and checks the events of every client.
    fn pass(&mut self, ms: u64) {
        self.simulation.run_for(ms);
        for (client, checker) in self.simulation.clients.iter_mut().zip(&mut self.checkers) {
            for (_, event) in client.events.drain(..) {
                checker.check(&mut self.log, &event);
            }
            assert!(
                client.chat.buffered_bytes() <= MAX_BUFFERED_BYTES,
                "{} bytes are buffered",
                client.chat.buffered_bytes()
            );
            assert!(
                client.chat.stats().cached_bytes <= MAX_CACHED_BYTES,
                "{} bytes are cached",
                client.chat.stats().cached_bytes
            );
        }
    }

    /// Stalls, resets or cuts the newest link of a client.
    fn break_link(&mut self, index: usize) {
        let Some(link) = self.simulation.clients[index].newest_link() else {
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

    /// One to three different channels.
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

    /// Connects by way of the name server, or sometimes directly to the front end again.
    fn connect(&mut self, index: usize) {
        let directly = self.rng.chance(30);
        let chat = self.simulation.chat(index);
        if directly && chat.reconnect().is_ok() {
            return;
        }
        chat.connect_to_name_server(ConnectOptions::new().region("eu"))
            .expect("a client without a connection");
    }

    /// Performs a random action that the client's state allows.
    fn act(&mut self, index: usize) {
        self.report.actions += 1;
        match self.simulation.clients[index].chat.state() {
            State::Uninitialized | State::Disconnected | State::Error => {
                return self.connect(index);
            }
            State::ConnectedToFrontEnd => {}
            state => {
                let result = self.simulation.chat(index).publish_message(
                    "lobby",
                    "too early",
                    &PublishOptions::new(),
                );
                assert_eq!(result, Err(RequestError::WrongState(state)));
                return;
            }
        }
        let user = self.users[index].clone();
        match self.rng.below(100) {
            0..30 => self.subscribe(index),
            30..40 => {
                let names = self.channels();
                let id = self
                    .simulation
                    .chat(index)
                    .unsubscribe(&names)
                    .expect("a connected client");
                self.checkers[index].on_request(id, &names);
            }
            40..75 => {
                let channel = self.channels().swap_remove(0);
                let text = self.log.publish(&user, &channel);
                let chat = self.simulation.chat(index);
                chat.publish_message(&channel, text.as_str(), &PublishOptions::new())
                    .expect("space in the queue");
            }
            75..83 => {
                let receiver = self.any_user();
                let text = self.log.send(&user, &receiver);
                let chat = self.simulation.chat(index);
                let encrypted = chat.send_private_message(
                    &receiver,
                    text.as_str(),
                    &PrivateOptions::new().encrypt(true),
                );
                if encrypted == Err(RequestError::EncryptionUnavailable) {
                    chat.send_private_message(&receiver, text.as_str(), &PrivateOptions::new())
                        .expect("space in the queue");
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
                    .chat(index)
                    .set_user_status(status, message)
                    .expect("space in the queue");
            }
            87..91 => {
                let friend = self.any_user();
                self.log.add_friend(&user, &friend);
                self.simulation
                    .chat(index)
                    .add_friends([&friend])
                    .expect("space in the queue");
            }
            91..93 => {
                let friend = self.any_user();
                self.simulation
                    .chat(index)
                    .remove_friends([&friend])
                    .expect("space in the queue");
            }
            93..97 => {
                let channel = self.channels().swap_remove(0);
                let changes = [("score".into(), Value::Int(self.rng.below(100) as i32))];
                let chat = self.simulation.chat(index);
                chat.set_channel_properties(&channel, &changes, &PropertyOptions::new())
                    .expect("space in the queue");
            }
            _ => self.leave(index),
        }
    }

    /// Leaves the front end: for ever, for a pause, or for another network.
    fn leave(&mut self, index: usize) {
        let kind = self.rng.below(4);
        let chat = self.simulation.chat(index);
        match kind {
            0 => chat.disconnect(),
            1 => chat.suspend().expect("a connected client"),
            2 => {
                chat.suspend().expect("a connected client");
                chat.resume().expect("a suspended client");
            }
            _ => chat.network_changed().expect("space for events"),
        }
    }

    fn subscribe(&mut self, index: usize) {
        let mut names = self.channels();
        let options = match self.rng.below(4) {
            0 => SubscribeOptions::new(),
            1 => SubscribeOptions::new().history(-1),
            2 => SubscribeOptions::new().history(self.rng.below(20) as i32),
            _ => {
                let chat = &self.simulation.clients[index].chat;
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
            // Subscribed alone: the option applies to every channel of the request.
            Some(name) => {
                names = vec![name];
                SubscribeOptions::new().publish_subscribers(true)
            }
        };
        let id = self
            .simulation
            .chat(index)
            .subscribe(&names, &options)
            .expect("a connected client");
        self.checkers[index].on_request(id, &names);
    }

    /// Causes no more faults, connects every client, and waits until nothing is pending.
    fn rest(&mut self) {
        for _ in 0..20 {
            self.pass(5_000);
            let mut connecting = false;
            for index in 0..self.users.len() {
                match self.simulation.clients[index].chat.state() {
                    State::ConnectedToFrontEnd => {}
                    State::Uninitialized | State::Disconnected | State::Error => {
                        connecting = true;
                        self.connect(index);
                    }
                    _ => connecting = true,
                }
            }
            if !connecting {
                // Longer than the silence timeout and the request timeout: a link that is cut in
                // one direction ends, and requests on it are settled.
                self.pass(40_000);
                let connected = |client: &Client| client.chat.is_connected_to_front_end();
                if self.simulation.clients.iter().all(connected) {
                    return;
                }
            }
        }
        panic!(
            "clients do not stay connected: {:?}",
            self.simulation
                .clients
                .iter()
                .map(|client| client.chat.state())
                .collect::<Vec<_>>()
        );
    }

    /// Checks that every client knows at rest what the server knows.
    fn check_agreement(&mut self) {
        assert_eq!(self.simulation.server.check_at_rest(), Ok(()), "the server");
        self.check_channels();
        // Each subscriber of a channel must receive one more message and one more property.
        for channel in CHANNELS {
            let subscriber = (0..self.users.len())
                .find(|&index| self.checkers[index].subscribed().contains(channel));
            let Some(index) = subscriber else { continue };
            let user = self.users[index].clone();
            let text = self.log.publish(&user, channel);
            let chat = self.simulation.chat(index);
            chat.publish_message(channel, text.as_str(), &PublishOptions::new())
                .expect("space in the queue");
            let last = [("score".into(), Value::Int(1_000))];
            chat.set_channel_properties(channel, &last, &PropertyOptions::new())
                .expect("space in the queue");
        }
        self.pass(3_000);
        self.check_channels();
        for snapshot in self.simulation.server.channels() {
            for (client, user) in self.simulation.clients.iter().zip(&self.users) {
                if !snapshot
                    .subscribers
                    .iter()
                    .any(|subscriber| *subscriber == user.as_str())
                {
                    continue;
                }
                let channel = client
                    .chat
                    .channel(&snapshot.name)
                    .expect("a subscribed channel");
                assert_eq!(
                    channel.last_id(),
                    snapshot.last_id,
                    "{user}: {}",
                    snapshot.name
                );
                assert_eq!(
                    channel.property(&"score".into()),
                    Some(&Value::Int(1_000)),
                    "{user}: {}",
                    snapshot.name
                );
            }
        }
    }

    /// Checks that server, client and events agree on each client's channels and their subscribers.
    fn check_channels(&self) {
        let snapshots = self.simulation.server.channels();
        for ((client, user), checker) in self
            .simulation
            .clients
            .iter()
            .zip(&self.users)
            .zip(&self.checkers)
        {
            checker.assert_all_settled();
            let on_server: BTreeSet<String> = snapshots
                .iter()
                .filter(|snapshot| {
                    snapshot
                        .subscribers
                        .iter()
                        .any(|subscriber| *subscriber == user.as_str())
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
                "{user}: client and server have different channels"
            );
            assert_eq!(
                *checker.subscribed(),
                on_server,
                "{user}: events and server have different channels"
            );
            for snapshot in snapshots
                .iter()
                .filter(|snapshot| on_client.contains(snapshot.name.as_str()))
            {
                let channel = client.chat.channel(&snapshot.name).expect("subscribed");
                if channel.publishes_subscribers() && checker.knows_subscribers(&snapshot.name) {
                    let known: Vec<_> = channel.subscribers().cloned().collect();
                    assert_eq!(
                        known, snapshot.subscribers,
                        "{user}: subscribers of {}",
                        snapshot.name
                    );
                }
            }
        }
    }

    /// Disconnects every client, checks that nothing is left of the connection, and completes the
    /// report.
    fn finish(mut self) -> Report {
        for index in 0..self.users.len() {
            self.simulation.chat(index).disconnect();
        }
        self.pass(3_000);
        for (client, checker) in self.simulation.clients.iter_mut().zip(&self.checkers) {
            checker.assert_all_settled();
            // Subscribed channels are remembered for the next connect; at rest there are none.
            client.chat.forget_channels();
            assert_eq!(client.chat.check_at_rest(), Ok(()), "{}", checker.user());
            self.report.messages += checker.messages;
            self.report.outcomes += checker.outcomes;
        }
        self.report
    }
}
