//! [`Questions`]: what all channels share that wait for missing messages. Spec: chat.md 4.1.

use crate::budget::MemoryBudget;
use crate::config::ChatConfig;
use crate::model::keys::ChannelKey;
use crate::operation::subscribe::MAX_HISTORY;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use photon_proto::{HashKeys, Timestamp};

/// How long a question waits for its answer, unless the options of restore set another time.
const WAITING_MS: u64 = 2_000;
/// The cap on messages that one channel holds.
const CHANNEL_CAP_BYTES: usize = 64 * 1024;
/// The cap on messages that all channels hold.
const CLIENT_CAP_BYTES: usize = 1024 * 1024;

/// The deadlines of running questions, the questions that are not sent yet, and the memory of all
/// held messages.
#[derive(Debug)]
pub(crate) struct Questions {
    keys: HashKeys,
    /// Whether the client restores sessions.
    restores: bool,
    /// Whether the client asks for holes without restoring sessions.
    repairs: bool,
    waiting_ms: u64,
    /// The messages of the largest answer: servers keep no more. Spec: chat.md 3.1.
    full_answer: usize,
    pub(super) held: MemoryBudget,
    /// Running questions, oldest first, which is the order of their deadlines: all wait equally long,
    /// but for a sleep. The front is never ended.
    deadlines: VecDeque<Deadline>,
    /// How many of them are running.
    running: usize,
    next_serial: u64,
    /// Channels that are looked at again once their answers are too late, oldest first. This only
    /// returns memory, so it waits for a call without input and is no deadline itself.
    windows: VecDeque<(Timestamp, ChannelKey)>,
    /// Channels whose timers start with the next time: an application's call knows none.
    armed: Vec<ChannelKey>,
    to_send: VecDeque<(ChannelKey, i32)>,
    /// Messages that arrived again and were not delivered.
    repeated: u64,
    /// Counts the calls of `service` that process input.
    pub(super) pass: u64,
}

#[derive(Debug)]
struct Deadline {
    at: Timestamp,
    serial: u64,
    /// `None` once the question ended.
    channel: Option<ChannelKey>,
}

impl Questions {
    /// The ended questions for which no sweep is worth while.
    const MAX_STALE: usize = 32;

    pub(crate) fn new(keys: HashKeys, config: &ChatConfig) -> Self {
        let restore = config.restore.as_ref();
        let waiting_ms = restore.map_or(WAITING_MS, |restore| {
            u64::try_from(restore.waiting_time.as_millis()).unwrap_or(u64::MAX)
        });
        Self {
            keys,
            restores: restore.is_some(),
            repairs: config.repair,
            waiting_ms,
            full_answer: MAX_HISTORY as usize,
            held: MemoryBudget::new(CLIENT_CAP_BYTES),
            deadlines: VecDeque::new(),
            running: 0,
            next_serial: 0,
            windows: VecDeque::new(),
            armed: Vec::new(),
            to_send: VecDeque::new(),
            repeated: 0,
            pass: 0,
        }
    }

    /// Notes that another call of `service` processes input.
    pub(crate) const fn begin_pass(&mut self) {
        self.pass += 1;
    }

    pub(crate) const fn keys(&self) -> &HashKeys {
        &self.keys
    }

    pub(crate) const fn restores(&self) -> bool {
        self.restores
    }

    /// Whether the client may ask for a channel, which is `wanted` if the application subscribed to
    /// it.
    pub(crate) const fn may_ask(&self, subscribed: bool, wanted: bool) -> bool {
        (self.restores && (wanted || subscribed)) || (self.repairs && subscribed)
    }

    pub(super) const fn full_answer(&self) -> usize {
        self.full_answer
    }

    /// Makes servers keep fewer messages.
    #[cfg(test)]
    pub(super) fn with_full_answer(mut self, messages: usize) -> Self {
        self.full_answer = messages;
        self
    }

    /// How long a question waits for its answer.
    pub(super) const fn waiting_ms(&self) -> u64 {
        self.waiting_ms
    }

    /// How long answers to a question may arrive: some take longer than the question waits.
    pub(super) const fn window_ms(&self) -> u64 {
        self.waiting_ms.saturating_mul(2)
    }

    /// Whether a channel that holds so many bytes has to drop some.
    pub(super) const fn is_over_cap(&self, channel_bytes: usize) -> bool {
        channel_bytes > CHANNEL_CAP_BYTES || self.held.is_exceeded()
    }

    /// Counts messages that arrived again.
    pub(crate) fn note_repeated(&mut self, messages: usize) {
        self.repeated += messages as u64;
    }

    pub(crate) const fn repeated(&self) -> u64 {
        self.repeated
    }

    // Timers.

    /// Starts the deadline of a question. Returns its serial number.
    pub(super) fn start(&mut self, now: Timestamp, channel: ChannelKey) -> u64 {
        let serial = self.next_serial;
        self.next_serial += 1;
        // A sleep may have put the others off by more than this one waits.
        let latest = self.deadlines.back().map(|last| last.at);
        let at = now.plus_millis(self.waiting_ms);
        let at = latest.map_or(at, |latest| latest.max(at));
        self.deadlines.push_back(Deadline {
            at,
            serial,
            channel: Some(channel),
        });
        self.running += 1;
        serial
    }

    /// Ends a question before its deadline.
    pub(super) fn cancel(&mut self, serial: u64) {
        let found = self
            .deadlines
            .binary_search_by_key(&serial, |deadline| deadline.serial);
        // A question whose deadline passed has left the queue.
        let Some(deadline) = found.ok().and_then(|index| self.deadlines.get_mut(index)) else {
            return;
        };
        if deadline.channel.take().is_some() {
            self.running -= 1;
        }
        self.drop_ended();
    }

    fn drop_ended(&mut self) {
        while self
            .deadlines
            .front()
            .is_some_and(|front| front.channel.is_none())
        {
            self.deadlines.pop_front();
        }
        if self.deadlines.len() > 2 * self.running + Self::MAX_STALE {
            self.deadlines.retain(|deadline| deadline.channel.is_some());
        }
        if self.deadlines.is_empty() {
            // Returns the memory of thousands of questions after a login.
            self.deadlines = VecDeque::new();
        }
    }

    /// When the oldest running question ends.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.deadlines.front().map(|front| front.at)
    }

    /// Puts the deadlines off after a sleep: the answers may be on their way. All by the same time,
    /// so that they stay in order.
    pub(crate) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        for deadline in &mut self.deadlines {
            deadline.at = deadline.at.plus(slept).max(earliest);
        }
    }

    /// Takes the oldest question if its deadline has passed: its channel and serial number.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(ChannelKey, u64)> {
        let front = self.deadlines.front().filter(|front| front.at <= now)?;
        let due = front.channel.map(|channel| (channel, front.serial));
        debug_assert!(due.is_some(), "the front is running");
        self.deadlines.pop_front();
        self.running -= 1;
        self.drop_ended();
        due
    }

    /// Notes that a channel waits for answers from now on.
    pub(super) fn watch_window(&mut self, now: Timestamp, channel: ChannelKey) {
        let end = now.plus_millis(self.window_ms());
        self.windows.push_back((end, channel));
    }

    /// Takes a channel whose answers may be too late by now.
    pub(crate) fn take_window(&mut self, now: Timestamp) -> Option<ChannelKey> {
        self.windows.front().filter(|(end, _)| *end <= now)?;
        let (_, channel) = self.windows.pop_front()?;
        if self.windows.is_empty() {
            self.windows = VecDeque::new();
        }
        Some(channel)
    }

    /// Notes that a channel has timers to start.
    pub(crate) fn arm(&mut self, channel: ChannelKey) {
        self.armed.push(channel);
    }

    /// Takes the channels that have timers to start.
    pub(crate) fn take_armed(&mut self) -> Vec<ChannelKey> {
        core::mem::take(&mut self.armed)
    }

    // Requests.

    /// Asks for the messages after an id.
    pub(super) fn ask(&mut self, channel: ChannelKey, last_id: i32) {
        self.to_send.push_back((channel, last_id));
    }

    /// Takes the next question to send: its channel and last id.
    pub(crate) fn take_question(&mut self) -> Option<(ChannelKey, i32)> {
        self.to_send.pop_front()
    }

    pub(crate) fn has_unsent(&self) -> bool {
        !self.to_send.is_empty()
    }

    /// Forgets all questions because the connection ended, or all channels are forgotten. The
    /// channels end theirs.
    pub(crate) fn clear(&mut self) {
        debug_assert_eq!(self.running, 0, "each channel has ended its question");
        self.armed = Vec::new();
        self.to_send = VecDeque::new();
        self.windows = VecDeque::new();
    }

    /// The counters that must be 0 while nothing is asked or held.
    pub(crate) fn counters(&self) -> [(&'static str, usize); 3] {
        [
            ("bytes of held messages", self.held.used_bytes()),
            ("running questions", self.running),
            ("questions to send", self.to_send.len() + self.armed.len()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::Questions;
    use crate::config::ChatConfig;
    use crate::model::keys::ChannelKey;
    use crate::restore::Restore;
    use core::time::Duration;
    use photon_proto::{HashKeys, Random, Timestamp};

    #[test]
    fn a_question_after_a_sleep_waits_no_less_than_those_before_it() {
        let restore = Restore::new().waiting_time(Duration::from_millis(500));
        let config = ChatConfig::new("tcp://ns.example:4533", "app", "1.0").restore(restore);
        let mut questions = Questions::new(HashKeys::new(&mut Random::new([1; 32])), &config);
        let at = Timestamp::from_millis;
        let first = questions.start(at(0), ChannelKey::for_tests());
        questions.put_off(Duration::from_secs(9), at(11_000));
        let second = questions.start(at(9_000), ChannelKey::for_tests());
        assert_eq!(questions.deadline(), Some(at(11_000)));
        assert!(questions.take_due(at(10_999)).is_none());
        let mut due = || questions.take_due(at(11_000)).map(|(_, serial)| serial);
        assert_eq!((due(), due(), due()), (Some(first), Some(second), None));
    }
}
