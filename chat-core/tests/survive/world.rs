//! The runner of scenarios: a server, readers, and what really happened. Everything is in virtual
//! time and follows from the seed.
//!
//! ```ignore
//! on_every_row(|row| {
//!     let mut world = World::new(row, 1);
//!     let reader = world.reader("alice", &["c"]);
//!     world.publish("c", 5);                    // by the operator of the server
//!     world.lose(reader, Loss::Silence);
//!     world.publish("c", 3);
//!     world.finish();                           // settles, judges, and checks that all is at rest
//! });
//! ```

use std::collections::BTreeMap;

use chat_core::codes::return_code;
use chat_core::{
    ChatConfig, ConnectOptions, Event, MessageToken, PublishOptions, Restore, Server, State,
    SubscribeOptions,
};
use dev_server::sim::StreamSettings;
use dev_server::{JournalEntry, JournalKind, ServerConfig};
use soak::{Loss, Simulation};

use crate::reader::{Mode, Reader, short};
use crate::row::Row;
use crate::seen::{Answers, Kind, Rules, Seen, Violation, judge};
use crate::truth::Truth;

pub(crate) const APP: (&str, &str) = ("app", "1");
/// The one-way delay of the network.
const DELAY_MS: u64 = 20;
/// The time between two looks at the history of the server.
const LOOK_MS: u64 = 50;
/// No message waits for longer than the waiting time of 2 s; the rest is the network.
pub(crate) const MAX_WAIT_MS: u64 = 2_500;
/// A client at rest, or between any two calls, buffers less.
const MAX_BUFFERED_BYTES: usize = 8 * 1024 * 1024;

pub(crate) struct World {
    pub(crate) row: Row,
    pub(crate) seed: u64,
    pub(crate) simulation: Simulation,
    pub(crate) readers: Vec<Reader>,
    pub(crate) truths: BTreeMap<String, Truth>,
    /// The longest time that a message may wait; `None` in scenarios in which answers are missing.
    pub(crate) max_wait_ms: Option<u64>,
    /// What datagrams may need in addition, because some are lost.
    pub(crate) resend_ms: u64,
    count: u32,
    /// Whether clients publish: only then does the server hold messages that the runner did not make.
    clients_publish: bool,
    /// When the server lost its memory.
    forgot_ms: Vec<u64>,
    /// What the server was asked for, and what it sent.
    journal: Vec<JournalEntry>,
    log: Vec<String>,
}

impl World {
    pub(crate) fn new(row: Row, seed: u64) -> Self {
        Self::with(row, seed, |_| {})
    }

    /// A world whose server is configured by `change`. Channels and sessions live for an hour unless
    /// that changes it: a scenario ends them when it wants to.
    pub(crate) fn with(row: Row, seed: u64, change: impl FnOnce(&mut ServerConfig)) -> Self {
        let config = ServerConfig::new().with(|config| {
            config.channel_linger_ms = 3_600_000;
            config.grace_ms = 3_600_000;
            change(config);
        });
        let line = StreamSettings {
            delay_ms: DELAY_MS,
            ..StreamSettings::default()
        };
        let mut simulation = Simulation::new(seed, config, line);
        simulation.server.keep_journal();
        let datagrams = format!("delay={DELAY_MS}").parse().expect("conditions");
        simulation.datagrams = dev_server::sim::DatagramSettings::both(datagrams);
        Self {
            row,
            seed,
            simulation,
            readers: Vec::new(),
            truths: BTreeMap::new(),
            max_wait_ms: Some(MAX_WAIT_MS),
            resend_ms: 0,
            count: 0,
            clients_publish: false,
            forgot_ms: Vec::new(),
            journal: Vec::new(),
            log: Vec::new(),
        }
    }

    /// The virtual time in milliseconds.
    pub(crate) fn now(&self) -> u64 {
        self.simulation.now.as_millis()
    }

    /// A client with restore that is connected and has subscribed to channels with all their history.
    pub(crate) fn reader(&mut self, user: &str, channels: &[&str]) -> usize {
        let restore = |config: ChatConfig| config.restore(Restore::new());
        self.reader_with(user, channels, Mode::Restore, true, restore)
    }

    /// A client whose application connects again by itself.
    pub(crate) fn plain_reader(&mut self, user: &str, channels: &[&str]) -> usize {
        self.reader_with(user, channels, Mode::Application, false, |config| config)
    }

    /// A client with these options. `confirms` states whether `change` lets it confirm messages.
    pub(crate) fn reader_with(
        &mut self,
        user: &str,
        channels: &[&str],
        mode: Mode,
        confirms: bool,
        change: impl FnOnce(ChatConfig) -> ChatConfig,
    ) -> usize {
        let row = self.row;
        self.reader_over(row, user, channels, mode, confirms, change)
    }

    /// The same over another transport than that of the world.
    pub(crate) fn reader_over(
        &mut self,
        row: Row,
        user: &str,
        channels: &[&str],
        mode: Mode,
        confirms: bool,
        change: impl FnOnce(ChatConfig) -> ChatConfig,
    ) -> usize {
        let configure = |config| change(row.configure(config));
        let index = self.simulation.add_over(row.transport, user, configure);
        let user = user.to_owned();
        self.readers
            .push(Reader::new(index, row, user, mode, confirms));
        let reader = self.readers.len() - 1;
        let connected = self
            .chat(reader)
            .connect_to_name_server(ConnectOptions::new().region("eu"));
        assert_eq!(connected, Ok(()), "a new client");
        self.run_for(1_000);
        self.subscribe(reader, channels, &SubscribeOptions::new().history(-1));
        self.run_for(1_000);
        reader
    }

    pub(crate) fn chat(&mut self, reader: usize) -> &mut chat_core::ChatClient {
        let index = self.readers[reader].index;
        self.simulation.chat(index)
    }

    pub(crate) fn state(&mut self, reader: usize) -> State {
        self.chat(reader).state()
    }

    /// Lets an application subscribe. Its request must settle once, and the runner judges the
    /// channels.
    pub(crate) fn subscribe(&mut self, reader: usize, names: &[&str], options: &SubscribeOptions) {
        if names.is_empty() {
            return;
        }
        let now = self.now();
        let request = self.chat(reader).subscribe(names, options);
        let request = request.unwrap_or_else(|error| panic!("{}: {error}", self.trace()));
        let one = &mut self.readers[reader];
        for name in names {
            one.requests.insert((request, (*name).to_owned()));
            one.wanted.entry((*name).to_owned()).or_insert(now);
        }
        self.note(format!("reader {reader} subscribes to {names:?}"));
    }

    /// Lets an application unsubscribe. From now on nothing is owed there.
    pub(crate) fn unsubscribe(&mut self, reader: usize, names: &[&str]) {
        let request = self.chat(reader).unsubscribe(names);
        let request = request.unwrap_or_else(|error| panic!("{}: {error}", self.trace()));
        let one = &mut self.readers[reader];
        for name in names {
            one.requests.insert((request, (*name).to_owned()));
            one.wanted.remove(*name);
        }
        self.note(format!("reader {reader} unsubscribes from {names:?}"));
    }

    /// Lets the operator of the server publish messages, each with a text of its own.
    pub(crate) fn publish(&mut self, channel: &str, count: usize) {
        for _ in 0..count {
            self.count += 1;
            let text = format!("{channel} {}", self.count);
            let now = self.simulation.now;
            let id = self
                .simulation
                .server
                .publish(now, APP, channel, "operator", text.as_str());
            let truth = self.truth(channel);
            truth.note(now.as_millis(), id, &text);
            let life = truth.life;
            self.note(format!("published {text:?} in life {life} with id {id}"));
        }
    }

    /// Publishes `count` messages, one every `every_ms`.
    pub(crate) fn publish_every(&mut self, channel: &str, count: usize, every_ms: u64) {
        for _ in 0..count {
            self.publish(channel, 1);
            self.run_for(every_ms);
        }
    }

    /// Lets an application publish, if its client takes the message. Returns its token.
    pub(crate) fn send(&mut self, reader: usize, channel: &str) -> Option<MessageToken> {
        self.count += 1;
        self.clients_publish = true;
        let text = format!("{channel} {} of {reader}", self.count);
        let options = PublishOptions::new();
        let sent = self
            .chat(reader)
            .publish_message(channel, text.as_str(), &options);
        self.note(format!("reader {reader} sends {text:?}: {sent:?}"));
        let token = sent.ok()?;
        if self.readers[reader].confirms {
            self.readers[reader].tokens.insert(token);
        }
        self.truth(channel);
        Some(token)
    }

    pub(crate) fn truth(&mut self, channel: &str) -> &mut Truth {
        let config = self.simulation.server.config();
        let own = config
            .history_lengths
            .iter()
            .find(|(name, _)| name == channel);
        let history = own.map_or(config.history_length, |(_, length)| *length);
        self.truths
            .entry(channel.to_owned())
            .or_insert_with(|| Truth::new(history))
    }

    /// When the server was last asked for a channel.
    pub(crate) fn last_asked_ms(&self, channel: &str) -> Option<u64> {
        let mut entries = self.journal.iter().rev();
        let asks = |entry: &&JournalEntry| {
            *entry.channel == *channel && matches!(entry.kind, JournalKind::Asked { .. })
        };
        entries.find(asks).map(|entry| entry.at.as_millis())
    }

    /// Begins a new life of a channel.
    pub(crate) fn new_life(&mut self, channel: &str, keep_subscribers: bool) {
        self.look();
        let now = self.simulation.now;
        let server = &mut self.simulation.server;
        server.restart_channel(now, APP, channel, keep_subscribers);
        self.truth(channel).life += 1;
        self.note(format!(
            "{channel:?} begins a new life, users stay: {keep_subscribers}"
        ));
    }

    /// Lets the client lose its connection.
    pub(crate) fn lose(&mut self, reader: usize, loss: Loss) {
        let index = self.readers[reader].index;
        let lost = self.simulation.lose(index, loss);
        self.note(format!(
            "reader {reader} loses its connection: {loss:?}, {lost}"
        ));
    }

    /// Lets the program of a reader stand still.
    pub(crate) fn freeze(&mut self, reader: usize, ms: u64) {
        self.delay(reader, ms);
        self.simulation.freeze(self.readers[reader].index, ms);
        self.note(format!("reader {reader} stands still for {ms} ms"));
    }

    /// Holds back everything on the newest link of a client.
    pub(crate) fn stall(&mut self, reader: usize, ms: u64) {
        let client = &self.simulation.clients[self.readers[reader].index];
        if let Some(link) = client.newest_link() {
            let until = self.simulation.now.plus_millis(ms);
            self.simulation.network.stall(link, until);
            self.delay(reader, ms);
            self.note(format!("reader {reader} is stalled for {ms} ms"));
        }
    }

    /// Notes that nothing reaches an application meanwhile.
    fn delay(&mut self, reader: usize, ms: u64) {
        let until_ms = self.now() + ms;
        let one = &mut self.readers[reader];
        for channel in one.wanted.keys() {
            let seen = one.seen.entry(channel.clone()).or_default();
            seen.push(Seen::Delayed { until_ms });
        }
    }

    /// Kills the server, waits, and starts it again. Without its memory every channel begins a new
    /// life.
    pub(crate) fn restart_server(&mut self, down_ms: u64, with_memory: bool) {
        self.look();
        self.journal.extend(self.simulation.server.take_journal());
        let state = self.simulation.crash();
        self.note(format!("the server is killed, with memory: {with_memory}"));
        self.run_for(down_ms);
        if with_memory {
            self.simulation.start_server(Some(&state));
        } else {
            self.simulation.start_server(None);
            self.forgot_ms.push(self.now());
            for truth in self.truths.values_mut() {
                truth.life += 1;
            }
        }
        self.simulation.server.keep_journal();
        self.note("the server runs again".to_owned());
    }

    pub(crate) fn note(&mut self, what: String) {
        let now = self.now();
        self.log.push(format!("{now:>8} {what}"));
    }

    /// Advances the time; applications react to events as they come.
    pub(crate) fn run_for(&mut self, ms: u64) {
        let until = self.now() + ms;
        while self.now() < until {
            let next = self.next_stop(until);
            self.simulation.run_until(next);
            self.look();
            self.journal.extend(self.simulation.server.take_journal());
            for reader in 0..self.readers.len() {
                self.take_events(reader);
                self.drive_application(reader);
            }
        }
    }

    /// The clock goes in steps that are small enough to see every message in the histories, or far if
    /// no client publishes.
    fn next_stop(&self, until: u64) -> u64 {
        let now = self.now();
        let step = if until - now > 60_000 { 1_000 } else { LOOK_MS };
        (now + step).min(until)
    }

    /// Takes note of messages that clients published.
    fn look(&mut self) {
        if !self.clients_publish {
            return;
        }
        let now = self.now();
        for (channel, truth) in &mut self.truths {
            let server = &self.simulation.server;
            for message in server.channel_messages(APP.0, APP.1, channel) {
                if let Some(text) = message.content.as_str() {
                    truth.note(now, message.id, text);
                }
            }
        }
    }

    fn take_events(&mut self, reader: usize) {
        let now = self.now();
        let one = &mut self.readers[reader];
        let client = &mut self.simulation.clients[one.index];
        let events = std::mem::take(&mut client.events);
        for (at_ms, event) in events {
            self.log
                .push(format!("{at_ms:>8} reader {reader}: {}", short(&event)));
            one.take(at_ms, &event);
            one.events.push((at_ms, event));
        }
        let stats = client.chat.stats();
        assert!(
            stats.buffered_bytes <= MAX_BUFFERED_BYTES,
            "{} bytes are buffered at {now}",
            stats.buffered_bytes
        );
    }

    fn drive_application(&mut self, reader: usize) {
        if self.readers[reader].mode != Mode::Application {
            return;
        }
        let (now, state) = (self.now(), self.state(reader));
        let one = &mut self.readers[reader];
        if state == State::Error && one.connect_at_ms.is_none() {
            one.connect_at_ms = Some(now + 500);
        }
        if one.connect_at_ms.is_some_and(|at| at <= now) && state == State::Error {
            one.connect_at_ms = None;
            let names: Vec<String> = one.wanted.keys().cloned().collect();
            let chat = self.chat(reader);
            let last_id = |name: &String| chat.channel(name).map_or(0, chat_core::Channel::last_id);
            let ids = names.iter().map(|name| (name.clone(), last_id(name)));
            let ids = ids.collect();
            // Without a token, or after a refusal, the way is the long one.
            let again = chat.reconnect();
            let again =
                again.or_else(|_| chat.connect_to_name_server(ConnectOptions::new().region("eu")));
            assert_eq!(again, Ok(()));
            self.readers[reader].last_ids = ids;
        }
        let one = &self.readers[reader];
        let just_in = state == State::ConnectedToFrontEnd && !one.last_ids.is_empty();
        if just_in {
            let ids = std::mem::take(&mut self.readers[reader].last_ids);
            let names: Vec<&str> = ids.keys().map(String::as_str).collect();
            let options = SubscribeOptions::new()
                .history(-1)
                .last_ids(ids.values().copied().collect::<Vec<_>>());
            self.subscribe(reader, &names, &options);
        }
    }

    /// Lets everything settle, then judges all readers. Returns what is broken.
    pub(crate) fn settle(&mut self) -> Vec<Violation> {
        self.run_for(30_000);
        let channels: Vec<String> = self.truths.keys().cloned().collect();
        for channel in &channels {
            self.publish(channel, 1);
        }
        self.run_for(10_000);
        // A client that failed often waits for up to a minute, and then for its answers.
        for _ in 0..80 {
            if (0..self.readers.len()).all(|reader| self.is_back(reader)) {
                break;
            }
            self.run_for(1_000);
        }
        let mut broken = Vec::new();
        for one in &self.readers {
            if let Some(text) = self.fresh_token_refused(one) {
                let kind = Kind::FreshTokenRefused;
                broken.push(Violation { kind, text });
                continue;
            }
            for (channel, from_ms) in &one.wanted {
                let Some(truth) = self.truths.get(channel) else {
                    continue;
                };
                let resend_ms = if one.row.is_udp() { self.resend_ms } else { 0 };
                let rules = Rules {
                    answers: &self.answers(one, channel),
                    from_ms: *from_ms,
                    max_wait_ms: self.max_wait_ms.map(|most| most + resend_ms),
                };
                let seen = one.seen.get(channel).map_or(&[][..], Vec::as_slice);
                broken.extend(judge(truth, seen, rules));
            }
        }
        broken
    }

    /// Whether a reader waits for nothing: it has been connected for longer than its questions wait, or
    /// will not come back by itself.
    fn is_back(&mut self, reader: usize) -> bool {
        let state = self.state(reader);
        let one = &self.readers[reader];
        let last = one.events.last().map(|(_, event)| event);
        match state {
            State::ConnectedToFrontEnd => one.last_login_ms + 2 * MAX_WAIT_MS <= self.now(),
            State::Error => !matches!(last, Some(Event::ReconnectScheduled { .. })),
            State::ConnectingToNameServer | State::ConnectingToFrontEnd => false,
            _ => true,
        }
    }

    /// The end of a reader that gave up because the front end refused a token that the name server had
    /// only just issued: the server forgot everything between the two logins. That is an end for good,
    /// as with any other server that knows no such user. Spec: chat.md 10, R9.
    fn fresh_token_refused(&self, reader: &Reader) -> Option<String> {
        let (gave_up_ms, Event::ReconnectGaveUp { cause }) = reader.events.last()? else {
            return None;
        };
        let is_refusal = cause.server == Server::FrontEnd
            && cause.return_code == Some(return_code::INVALID_AUTHENTICATION);
        let (began_ms, _) = reader.events.iter().rev().find(|(_, event)| {
            let to = State::ConnectingToNameServer;
            matches!(event, Event::StateChanged { to: state, .. } if *state == to)
        })?;
        let mut forgot = self.forgot_ms.iter();
        let forgot_ms = forgot.find(|at_ms| (began_ms..=gave_up_ms).contains(at_ms))?;
        is_refusal.then(|| format!("began at {began_ms}, the server forgot at {forgot_ms}"))
    }

    /// What the server was asked for and sent on the last connection of a reader. Another client of the
    /// same user may have one as well: this one asks first after its login.
    fn answers(&self, reader: &Reader, channel: &str) -> Answers {
        let mut answers = Answers::default();
        let of_user = |entry: &&JournalEntry| *entry.user_id == *reader.user;
        for entry in self.journal.iter().filter(of_user) {
            for text in sent_texts(entry).filter(|_| *entry.channel == *channel) {
                let sent_ms = entry.at.as_millis();
                answers.first_sent.entry(text.to_owned()).or_insert(sent_ms);
            }
        }
        let since = self
            .journal
            .partition_point(|entry| entry.at.as_millis() < reader.last_login_ms);
        let entries = self.journal[since..].iter().filter(of_user);
        let asks = |entry: &&JournalEntry| {
            *entry.channel == *channel && matches!(entry.kind, JournalKind::Asked { .. })
        };
        let Some(connection) = entries.clone().find(asks).map(|entry| entry.connection) else {
            return answers;
        };
        let of_channel =
            |entry: &&JournalEntry| entry.connection == connection && *entry.channel == *channel;
        for entry in entries.filter(of_channel) {
            if let JournalKind::Asked { history, .. } = &entry.kind {
                answers.asked.push((entry.at.as_millis(), *history));
            }
            answers.sent.extend(sent_texts(entry).map(str::to_owned));
        }
        answers
    }

    /// Lets everything settle and checks every promise of chat.md 4.1, that requests and messages have
    /// had their outcomes, and that nothing is left after a disconnect.
    ///
    /// # Panics
    /// With the trace of the run if anything is broken.
    pub(crate) fn finish(&mut self) {
        let broken = self.settle();
        assert!(broken.is_empty(), "{}", self.failure(&broken));
        self.check_rest();
    }

    /// Checks that requests and messages have had their outcomes, and that nothing is left after a
    /// disconnect.
    pub(crate) fn check_rest(&mut self) {
        for reader in 0..self.readers.len() {
            self.chat(reader).disconnect();
        }
        self.run_for(20_000);
        for reader in 0..self.readers.len() {
            self.chat(reader).forget_channels();
            let rest = self.chat(reader).check_at_rest();
            assert_eq!(rest, Ok(()), "reader {reader}\n{}", self.trace());
            let one = &self.readers[reader];
            assert!(
                one.requests.is_empty() && one.tokens.is_empty(),
                "reader {reader}: {:?} and {:?} have no outcome\n{}",
                one.requests,
                one.tokens,
                self.trace()
            );
        }
        let server = self.simulation.server.check_at_rest();
        assert_eq!(server, Ok(()), "{}", self.trace());
    }

    pub(crate) fn failure(&self, broken: &[Violation]) -> String {
        let list: Vec<String> = broken.iter().map(ToString::to_string).collect();
        format!(
            "{:?}, seed {}: {}\n{}",
            self.row,
            self.seed,
            list.join("\n"),
            self.trace()
        )
    }

    /// Everything that happened, for a failure.
    pub(crate) fn trace(&self) -> String {
        let all: Vec<&String> = self.log.iter().collect();
        let lines = all.iter().map(|line| line.as_str());
        format!(
            "seed {}\n{}",
            self.seed,
            lines.collect::<Vec<_>>().join("\n")
        )
    }
}

/// The texts of the messages in an entry of the journal.
fn sent_texts(entry: &JournalEntry) -> impl Iterator<Item = &str> {
    let messages = match &entry.kind {
        JournalKind::Sent { messages } => messages.as_slice(),
        _ => &[],
    };
    messages.iter().filter_map(|message| message.as_str())
}
