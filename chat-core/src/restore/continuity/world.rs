//! A model of one channel, one server and one client, in virtual time: the servers of scenarios s02
//! to s04 and s21, against [`Continuity`] alone.

mod script;

use super::{Cached, Continuity, Fingerprint, Questions, Step, Surroundings};
use crate::config::ChatConfig;
use crate::messages::{Message, Messages, MessagesBuilder, Origin};
use crate::model::keys::ChannelKey;
use crate::restore::Restore;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use photon_proto::{HashKeys, Random, Timestamp};

/// How many messages the server keeps.
const KEPT: usize = 6;

/// When a server sends the history of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Behind event 5.
    Behind,
    /// Before event 5.
    Before,
    /// Made later by another part of the server.
    Later,
    /// Copied at once, and sent behind live messages that came after it.
    CopiedEarly,
    /// Copied before the client enters.
    BeforeEntering,
}

/// The behaviour of a server, and what happens to the client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) order: Order,
    pub(super) slow_ms: u64,
    /// How often, in percent, the server keeps the session over a loss.
    pub(super) keep: u64,
    /// How often, in percent, the channel begins another life while the client is away.
    pub(super) rebirth: u64,
    pub(super) losses: u64,
    pub(super) step: i32,
    pub(super) burst: u64,
    pub(super) batched: bool,
    pub(super) has_history: bool,
    pub(super) honours_last_ids: bool,
    pub(super) reborn_later: bool,
    /// Into how many messages each history is split; 0 if it is whole.
    pub(super) part: usize,
    /// Whether the parts arrive in any order.
    pub(super) shuffled: bool,
    /// Whether the client subscribes to a channel in which messages were published before.
    pub(super) joins_late: bool,
}

impl Case {
    pub(super) const USUAL: Self = Self {
        order: Order::Behind,
        slow_ms: 40,
        keep: 0,
        rebirth: 0,
        losses: 1,
        step: 1,
        burst: 0,
        batched: false,
        has_history: true,
        honours_last_ids: true,
        reborn_later: false,
        part: 0,
        shuffled: false,
        joins_late: false,
    };
}

/// The life and the id of a message.
type Key = (i32, i32);

#[derive(Clone, Debug)]
enum Act {
    Arrive(Vec<Key>),
    Asked(i32),
    Flush,
    Enter,
    Copied(Vec<Key>),
    MakeHistory(i32),
    Publish,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Message(Key),
    Aside(Key),
    Gap {
        missing: Option<u32>,
        new_life: bool,
    },
}

/// Broken promises, by kind.
pub(super) type Broken = BTreeMap<&'static str, u32>;

struct NoCache;

impl Cached for NoCache {
    fn find(&self, _: i32) -> Option<Message<'_>> {
        None
    }
}

pub(super) struct World {
    case: Case,
    state: u64,
    now: u64,
    queue: BTreeMap<(u64, u64), (u64, Act)>,
    next: u64,
    // The server.
    life: i32,
    last: i32,
    history: Vec<Key>,
    member: bool,
    connection: u64,
    alive: bool,
    floor: i32,
    last_data: u64,
    gathered: Vec<Key>,
    /// Messages that must arrive: by a live event of that connection, or by a history.
    owed: BTreeMap<Key, (bool, u64)>,
    /// Messages that the server held when it was asked on this connection.
    available: BTreeSet<Key>,
    // The client.
    questions: Questions,
    continuity: Continuity,
    keys: HashKeys,
    pub(super) seen: Vec<Seen>,
    pub(super) asked: u64,
    lives: BTreeSet<i32>,
    subscribed: bool,
}

impl World {
    fn new(case: Case, seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let keys = HashKeys::new(&mut Random::new(bytes));
        let config = ChatConfig::new("", "", "").restore(Restore::new());
        Self {
            case,
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            now: 1,
            queue: BTreeMap::new(),
            next: 0,
            life: 1,
            last: 0,
            history: Vec::new(),
            member: false,
            connection: 0,
            alive: false,
            floor: 0,
            last_data: 0,
            gathered: Vec::new(),
            owed: BTreeMap::new(),
            available: BTreeSet::new(),
            questions: Questions::new(keys, &config).with_full_answer(KEPT),
            continuity: Continuity::default(),
            keys,
            seen: Vec::new(),
            asked: 0,
            lives: BTreeSet::new(),
            subscribed: false,
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    fn choose<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.draw(all.len() as u64) as usize]
    }

    // Time.

    fn at(&mut self, delay: u64, act: Act) {
        self.next += 1;
        let key = (self.now + delay, self.next);
        self.queue.insert(key, (self.connection, act));
    }

    fn run_until(&mut self, end: u64) {
        loop {
            let act = self.queue.first_key_value().map(|(key, _)| key.0);
            let deadline = self.questions.deadline().map(Timestamp::as_millis);
            let next = act.unwrap_or(u64::MAX).min(deadline.unwrap_or(u64::MAX));
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            if act == Some(next) {
                let (_, (connection, act)) = self.queue.pop_first().expect("seen above");
                let is_current = self.alive && connection == self.connection;
                if is_current || matches!(act, Act::Publish) {
                    self.act(act);
                }
            } else {
                self.on_deadline();
            }
        }
    }

    fn run_for(&mut self, duration: u64) {
        self.run_until(self.now + duration);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Arrive(messages) => self.arrive(&messages),
            Act::Asked(last_id) => self.subscribe(last_id),
            Act::Enter => self.member = true,
            Act::Copied(messages) => self.send_history(messages),
            Act::MakeHistory(after) => {
                self.owe();
                let copied = self.copy(after);
                self.send_history(copied);
            }
            Act::Flush => {
                let gathered = core::mem::take(&mut self.gathered);
                self.down(gathered);
            }
            Act::Publish => self.publish(),
        }
    }

    // The server.

    fn publish(&mut self) {
        self.last += self.case.step;
        let message = (self.life, self.last);
        self.history.push(message);
        let surplus = self.history.len().saturating_sub(KEPT);
        self.history.drain(..surplus);
        if !self.member || !self.alive {
            return;
        }
        self.owed.insert(message, (false, self.connection));
        if self.case.batched {
            self.gathered.push(message);
            self.at(50, Act::Flush);
        } else {
            self.down(vec![message]);
        }
    }

    /// Sends messages to the client, in order.
    fn down(&mut self, messages: Vec<Key>) {
        if messages.is_empty() {
            return;
        }
        let slow = self.case.slow_ms;
        let delay = self.choose(&[20, 20, 40, 40, slow]);
        self.last_data = self.last_data.max(self.now + delay);
        self.at(self.last_data - self.now, Act::Arrive(messages));
    }

    /// Sends a history, whole or in parts.
    fn send_history(&mut self, messages: Vec<Key>) {
        if self.case.part == 0 {
            return self.down(messages);
        }
        let mut parts: Vec<_> = messages.chunks(self.case.part).map(<[_]>::to_vec).collect();
        while !parts.is_empty() {
            let next = if self.case.shuffled {
                self.draw(parts.len() as u64) as usize
            } else {
                0
            };
            let part = parts.remove(next);
            self.down(part);
        }
    }

    fn copy(&self, after: i32) -> Vec<Key> {
        let after = if self.case.honours_last_ids { after } else { 0 };
        if !self.case.has_history {
            return Vec::new();
        }
        let all = self.history.iter().copied();
        all.filter(|(_, id)| *id > after).collect()
    }

    fn owe(&mut self) {
        if !self.case.has_history {
            return;
        }
        let connection = self.connection;
        self.owed.retain(|_, owed| *owed != (true, connection));
        for message in &self.history {
            self.owed.entry(*message).or_insert((true, connection));
        }
    }

    fn subscribe(&mut self, last_id: i32) {
        self.available.extend(&self.history);
        let was_member = core::mem::replace(&mut self.member, true);
        let copied = self.copy(last_id);
        match self.case.order {
            Order::Behind | Order::Before => {
                self.owe();
                self.send_history(copied);
            }
            Order::Later => {
                let delay = self.choose(&[0, 30, 200]);
                self.at(delay, Act::MakeHistory(last_id));
            }
            Order::CopiedEarly => {
                self.owe();
                let delay = self.choose(&[0, 30, 200]);
                self.at(delay, Act::Copied(copied));
            }
            Order::BeforeEntering => {
                self.owe();
                self.member = was_member;
                self.send_history(copied);
                self.at(60, Act::Enter);
            }
        }
    }

    fn begin_life(&mut self) {
        self.life += 1;
        self.last = 0;
        self.history.clear();
        self.member = false;
    }

    // The client.

    fn log_in(&mut self) {
        self.connection += 1;
        self.alive = true;
        self.floor = self.last;
        self.available.clear();
        self.last_data = self.now;
        let last_id = self.continuity.last_id_to_ask();
        let (continuity, mut around) = self.around();
        continuity.on_asked(&mut around, false);
        self.subscribed = true;
        self.ask(last_id);
    }

    fn lose(&mut self) {
        self.alive = false;
        self.gathered.clear();
        self.continuity.on_connection_lost(&mut self.questions);
        self.questions.clear();
    }

    fn ask(&mut self, last_id: i32) {
        self.asked += 1;
        self.at(20, Act::Asked(last_id));
    }

    fn around(&mut self) -> (&mut Continuity, Surroundings<'_>) {
        let around = Surroundings {
            now: Timestamp::from_millis(self.now),
            channel: ChannelKey::for_tests(),
            may_ask: true,
            questions: &mut self.questions,
        };
        (&mut self.continuity, around)
    }

    fn arrive(&mut self, messages: &[Key]) {
        // Ids of one event are consecutive, so a server whose ids skip sends one message each.
        let pieces = messages.chunk_by(|one, next| next.1 == one.1 + 1 && next.0 == one.0);
        for piece in pieces {
            let (first, last) = (piece[0].1, piece[piece.len() - 1].1);
            let event = event_of(piece, self.now);
            let steps = if self.continuity.is_next(first) {
                self.continuity.advance(first, last);
                vec![Step::Deliver(event)]
            } else {
                let (continuity, mut around) = self.around();
                continuity.take(&mut around, &event, first, last, &NoCache)
            };
            self.hand_out(steps);
        }
    }

    fn on_deadline(&mut self) {
        let now = Timestamp::from_millis(self.now);
        let (_, serial) = self.questions.take_due(now).expect("it is due");
        let (continuity, mut around) = self.around();
        let steps = continuity.on_deadline(&mut around, serial);
        self.hand_out(steps);
    }

    fn hand_out(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Gap {
                    missing, new_life, ..
                } => self.seen.push(Seen::Gap { missing, new_life }),
                Step::Deliver(messages) => {
                    for message in messages.iter() {
                        let key = key_of(&message);
                        self.seen.push(match messages.origin() {
                            Origin::Live | Origin::History => Seen::Message(key),
                            Origin::Older | Origin::Late => Seen::Aside(key),
                        });
                        self.continuity.remember(&self.keys, &message);
                        self.lives.insert(key.0);
                    }
                }
            }
        }
        while let Some((_, last_id)) = self.questions.take_question() {
            self.ask(last_id);
        }
    }

    // The promises.

    fn judge(&self, start: usize) -> Broken {
        let mut broken = Broken::new();
        let mut count = |what| *broken.entry(what).or_default() += 1;
        let mut seen = BTreeSet::new();
        let (mut before, mut gap): (Option<Key>, _) = (None, None);
        for one in &self.seen[start..] {
            let key = match one {
                Seen::Gap { missing, new_life } => {
                    gap = Some((*missing, *new_life));
                    continue;
                }
                Seen::Message(key) | Seen::Aside(key) => *key,
            };
            if !seen.insert(key) {
                count("twice");
            }
            if matches!(one, Seen::Aside(_)) {
                continue;
            }
            if let Some(before) = before {
                if key < before {
                    count("out of order");
                } else if key.0 == before.0 && key.1 > before.1 {
                    let hole = key.1 - before.1 - 1;
                    match gap {
                        None if hole > 0 => count("silent hole"),
                        Some(_) if hole == 0 => count("false gap"),
                        Some((missing, false)) if missing != Some(hole as u32) => {
                            count("gap of the wrong size");
                        }
                        Some(_)
                            if self.case.order == Order::BeforeEntering
                                && before.1 + 1 > self.floor
                                && (before.1 + 1..key.1)
                                    .any(|id| self.available.contains(&(key.0, id))) =>
                        {
                            count("avoidable gap");
                        }
                        _ => {}
                    }
                } else if key.0 != before.0 && key.1 <= before.1 {
                    // A life that has outgrown the position cannot be recognised.
                    match gap {
                        None => count("new life without a gap"),
                        Some((_, false)) => count("new life reported as a hole"),
                        Some((_, true)) => {}
                    }
                }
            }
            (before, gap) = (Some(key), None);
        }
        for (key, (_, connection)) in &self.owed {
            if *connection == self.connection && key.0 == self.life && !seen.contains(key) {
                count("lost though the server had it");
            }
        }
        if self
            .questions
            .counters()
            .iter()
            .any(|(_, amount)| *amount > 0)
        {
            count("still waiting");
        }
        broken
    }
}

fn event_of(messages: &[Key], at_ms: u64) -> Messages {
    let mut builder = MessagesBuilder::default();
    for _ in messages {
        builder.sender_text(b"bob");
    }
    for (life, id) in messages {
        let text: String = (life * 100_000 + id).to_string();
        builder.content_text(text.as_bytes());
    }
    let received = Timestamp::from_millis(at_ms);
    builder
        .finish(received, messages.last().map(|last| last.1), None)
        .expect("valid texts")
}

fn key_of(message: &Message<'_>) -> Key {
    let text = message.content.as_str().expect("a text");
    let life = text.parse::<i32>().expect("a number") / 100_000;
    (life, message.id.expect("with id"))
}

/// Plays one run of a case. Returns the broken promises, and how often the client asked.
pub(super) fn play(case: Case, seed: u64) -> (Broken, u64) {
    let mut world = World::new(case, seed);
    let mut start = 0;
    if case.joins_late {
        for _ in 0..1 + world.draw(12) {
            world.publish();
        }
        world.log_in();
        for _ in 0..world.draw(4) {
            let delay = world.draw(300);
            world.at(delay, Act::Publish);
        }
        world.run_for(9_000);
    } else {
        world.log_in();
        world.run_for(3_000);
        for _ in 0..1 + world.draw(8) {
            world.publish();
        }
        world.run_for(9_000);
        start = world.seen.len();
    }
    for loss in 0..case.losses {
        world.lose();
        if world.draw(100) >= case.keep {
            world.member = false;
        }
        if world.draw(100) < case.rebirth {
            world.begin_life();
        }
        let kept = KEPT as u64;
        for _ in 0..world.choose(&[0, 0, 1, 2, 3, kept - 1, kept, kept + 1, kept + 3, 2 * kept]) {
            world.publish();
        }
        world.run_for(1_000);
        world.log_in();
        if loss + 1 < case.losses {
            for _ in 0..world.draw(4) {
                let delay = world.draw(300);
                world.at(delay, Act::Publish);
            }
            let up = 10 + world.draw(390);
            world.run_for(up);
        }
    }
    for _ in 0..world.draw(6) {
        let delay = world.draw(1_500);
        world.at(delay, Act::Publish);
    }
    for _ in 0..case.burst {
        let delay = world.draw(400);
        world.at(delay, Act::Publish);
    }
    if case.reborn_later {
        world.run_for(5_000);
        world.begin_life();
        world.member = true;
        for _ in 0..1 + world.draw(8) {
            world.publish();
        }
    }
    world.run_for(30_000);
    world.publish();
    world.run_for(30_000);
    (world.judge(start), world.asked)
}

/// Checks the fingerprints of the model itself.
#[test]
fn messages_of_different_lives_differ() {
    let keys = HashKeys::new(&mut Random::new([1; 32]));
    let print = |key| {
        let event = event_of(&[key], 0);
        Fingerprint::of(&keys, &event.get(0).expect("one message"))
    };
    assert!(print((1, 5)).is_same(print((1, 5))));
    assert!(!print((1, 5)).is_same(print((2, 5))));
}
