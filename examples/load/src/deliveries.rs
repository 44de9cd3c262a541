//! [`Deliveries`]: which message must reach which client, and whether it did so once.

use crate::latency::Latency;
use crate::timeline::{Second, Timeline};
use chat_std_io::Timestamp;
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// The messages of a run and their deliveries.
#[derive(Debug)]
pub(crate) struct Deliveries {
    /// How each message of this run begins: the channels of a server may still have those of another
    /// run.
    prefix: String,
    /// The length of a message, in bytes.
    bytes: usize,
    /// The messages by their number, which is part of their text.
    messages: Vec<Published>,
    /// The number of messages in each channel.
    lengths: Vec<usize>,
    /// For each client one bit per message of its channel: whether it has received it.
    seen: Vec<Vec<u64>>,
    /// The same, for what it had received when its channel began a new life.
    seen_before: Vec<Vec<u64>>,
    /// The messages that a server has not confirmed yet, by publisher and token, if the clients report
    /// what became of each.
    open: Option<HashMap<(usize, u64), usize>>,
    /// Messages of which it is unknown whether the server got them.
    pub(crate) unconfirmed: u64,
    /// Messages that a client did not accept for sending.
    pub(crate) refused: u64,
    /// Deliveries that must happen: messages times the clients in their channel.
    pub(crate) expected: u64,
    /// Deliveries, each counted once.
    pub(crate) received: u64,
    /// Deliveries to a client that already had the message.
    pub(crate) duplicates: u64,
    /// Deliveries to a client that had the message in an earlier life of its channel: the server has
    /// forgotten ids, so that no client can know that it has them.
    pub(crate) repeated: u64,
    /// The latency of all deliveries.
    pub(crate) latency: Latency,
    /// The latency of the deliveries since the last [`Deliveries::begin_step`].
    pub(crate) of_step: Latency,
    timeline: Option<Timeline>,
}

/// A message.
#[derive(Clone, Copy, Debug)]
struct Published {
    channel: usize,
    /// Its position among the messages of the channel.
    position: usize,
    /// Clients that must receive it, and that have.
    receivers: u64,
    received: u64,
    /// Whether the server confirmed it, or may yet. Otherwise nobody must receive it.
    required: bool,
    /// When it was to be published. The time at which it was would hide that the test fell behind.
    due: Timestamp,
}

impl Deliveries {
    /// Begins without messages, for so many channels and messages of this length.
    /// With `confirmed` each of them ends in [`Deliveries::on_sent`] or
    /// [`Deliveries::on_unconfirmed`].
    pub(crate) fn new(channels: usize, bytes: usize, confirmed: bool) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let run = since_epoch.as_secs() % 100_000_000;
        Self {
            prefix: format!("load {}-{run} ", std::process::id()),
            bytes,
            messages: Vec::new(),
            lengths: vec![0; channels],
            seen: Vec::new(),
            seen_before: Vec::new(),
            repeated: 0,
            open: confirmed.then(HashMap::new),
            unconfirmed: 0,
            refused: 0,
            expected: 0,
            received: 0,
            duplicates: 0,
            latency: Latency::new(),
            of_step: Latency::new(),
            timeline: None,
        }
    }

    /// The number of messages.
    pub(crate) fn published(&self) -> u64 {
        self.messages.len() as u64
    }

    /// The text of the next message.
    pub(crate) fn next_text(&self) -> String {
        let mut text = format!("{}{} ", self.prefix, self.messages.len());
        while text.len() < self.bytes {
            text.push('.');
        }
        text
    }

    /// Notes that the message with [`Deliveries::next_text`] was published in this channel by a client
    /// (with its token), and must reach so many clients.
    pub(crate) fn on_published(
        &mut self,
        channel: usize,
        now: Timestamp,
        due: Timestamp,
        publisher: (usize, u64),
        receivers: usize,
    ) {
        let position = self.lengths[channel];
        self.lengths[channel] += 1;
        if let Some(open) = &mut self.open {
            open.insert(publisher, self.messages.len());
        }
        self.messages.push(Published {
            channel,
            position,
            receivers: receivers as u64,
            received: 0,
            required: true,
            due,
        });
        self.expected += receivers as u64;
        if let Some(timeline) = &mut self.timeline {
            timeline.published(now);
        }
    }

    /// Notes that a client in this channel received a text. A text that is no message of this run is
    /// none of its deliveries.
    pub(crate) fn on_received(
        &mut self,
        client: usize,
        channel: usize,
        now: Timestamp,
        text: &str,
    ) {
        let Some(number) = self.number(text) else {
            return;
        };
        let Some(message) = self.messages.get_mut(number) else {
            return;
        };
        debug_assert_eq!(
            message.channel, channel,
            "a server delivers a message in its channel"
        );
        if !mark(&mut self.seen, client, message.position) {
            self.duplicates += 1;
            return;
        }
        if is_marked(&self.seen_before, client, message.position) {
            self.repeated += 1;
            return;
        }
        message.received += 1;
        self.received += 1;
        if !message.required {
            self.expected += 1;
        }
        let latency = now.since(message.due);
        self.latency.record(latency);
        self.of_step.record(latency);
        if let Some(timeline) = &mut self.timeline {
            timeline.received(now, latency);
        }
    }

    /// Notes that the channel of a client began a new life, in which old messages may come again.
    pub(crate) fn on_new_life(&mut self, client: usize) {
        for position in 0..self.seen.get(client).map_or(0, |words| words.len() * 64) {
            if is_marked(&self.seen, client, position) {
                mark(&mut self.seen_before, client, position);
            }
        }
        if let Some(words) = self.seen.get_mut(client) {
            words.clear();
        }
    }

    /// Forgets the latencies of the last step.
    pub(crate) fn begin_step(&mut self) {
        self.of_step.clear();
    }

    /// Begins to count for each second.
    pub(crate) fn begin_timeline(&mut self, now: Timestamp) {
        self.timeline = Some(Timeline::new(now));
    }

    /// Ends the count for each second.
    pub(crate) fn end_timeline(&mut self, now: Timestamp) -> Vec<Second> {
        self.timeline
            .take()
            .map_or_else(Vec::new, |timeline| timeline.finish(now))
    }

    /// Notes that a message reached the server.
    pub(crate) fn on_sent(&mut self, publisher: usize, token: u64) {
        if let Some(open) = &mut self.open {
            open.remove(&(publisher, token));
        }
    }

    /// Notes that a message may not have reached the server: only the deliveries that happen count.
    pub(crate) fn on_unconfirmed(&mut self, publisher: usize, token: u64) {
        let open = self.open.as_mut();
        let Some(number) = open.and_then(|open| open.remove(&(publisher, token))) else {
            return;
        };
        if let Some(message) = self.messages.get_mut(number) {
            message.required = false;
            self.expected -= message.receivers.saturating_sub(message.received);
            self.unconfirmed += 1;
        }
    }

    /// The number of the message with this text.
    fn number(&self, text: &str) -> Option<usize> {
        let (number, _) = text.strip_prefix(&self.prefix)?.split_once(' ')?;
        number.parse().ok()
    }
}

/// Sets the bit of a client and a message. Returns whether it was not set before.
fn mark(bits: &mut Vec<Vec<u64>>, client: usize, position: usize) -> bool {
    if bits.len() <= client {
        bits.resize(client + 1, Vec::new());
    }
    let words = &mut bits[client];
    let (word, bit) = (position / 64, 1 << (position % 64));
    if words.len() <= word {
        words.resize(word + 1, 0);
    }
    let is_new = words[word] & bit == 0;
    words[word] |= bit;
    is_new
}

fn is_marked(bits: &[Vec<u64>], client: usize, position: usize) -> bool {
    let word = bits.get(client).and_then(|words| words.get(position / 64));
    word.is_some_and(|word| word & (1 << (position % 64)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_delivery_counts_once_and_from_the_time_it_was_due() {
        let at = Timestamp::from_millis;
        let mut deliveries = Deliveries::new(2, 100, false);
        let mut texts = Vec::new();
        for number in 0..200 {
            let text = deliveries.next_text();
            assert_eq!(text.len(), 100);
            deliveries.on_published(number % 2, at(20), at(10), (0, number as u64), 3);
            texts.push(text);
        }
        assert_eq!((deliveries.published(), deliveries.expected), (200, 600));
        for (number, text) in texts.iter().enumerate() {
            let channel = number % 2;
            for client in [channel, channel + 2, channel + 4, channel + 4] {
                deliveries.on_received(client, channel, at(110), text);
            }
        }
        assert_eq!((deliveries.received, deliveries.duplicates), (600, 200));
        let latency = deliveries.of_step.percentiles().unwrap();
        assert!(latency.lowest.abs_diff(Duration::from_millis(100)) < Duration::from_millis(1));
        deliveries.begin_step();
        assert_eq!(deliveries.of_step.percentiles(), None);
        assert!(deliveries.latency.percentiles().is_some());
    }

    #[test]
    fn other_texts_are_no_deliveries() {
        let at = Timestamp::from_millis;
        let mut deliveries = Deliveries::new(1, 32, false);
        let text = deliveries.next_text();
        deliveries.on_received(0, 0, at(1), &text);
        deliveries.on_published(0, at(1), at(1), (0, 1), 1);
        for other in ["", "load", "load 1-1 0 ", "hello", &text[..text.len() - 25]] {
            deliveries.on_received(0, 0, at(1), other);
        }
        assert_eq!((deliveries.received, deliveries.duplicates), (0, 0));
        deliveries.on_received(0, 0, at(1), &text);
        assert_eq!(deliveries.received, 1);
    }

    #[test]
    fn a_message_that_may_not_have_reached_the_server_must_reach_nobody() {
        let at = Timestamp::from_millis;
        let mut deliveries = Deliveries::new(1, 40, true);
        let mut texts = Vec::new();
        for token in 1..=3 {
            texts.push(deliveries.next_text());
            deliveries.on_published(0, at(1), at(1), (7, token), 3);
        }
        deliveries.on_received(0, 0, at(2), &texts[1]);
        deliveries.on_sent(7, 1);
        deliveries.on_unconfirmed(7, 1);
        assert_eq!((deliveries.expected, deliveries.unconfirmed), (9, 0));
        deliveries.on_unconfirmed(7, 2);
        deliveries.on_unconfirmed(7, 2);
        deliveries.on_unconfirmed(8, 3);
        assert_eq!((deliveries.expected, deliveries.unconfirmed), (7, 1));
        // It had reached the server, after all.
        deliveries.on_received(1, 0, at(3), &texts[1]);
        assert_eq!((deliveries.expected, deliveries.received), (8, 2));
    }

    #[test]
    fn what_comes_again_in_a_new_life_is_no_duplicate() {
        let at = Timestamp::from_millis;
        let mut deliveries = Deliveries::new(1, 40, false);
        let mut texts = Vec::new();
        for token in 0..70 {
            texts.push(deliveries.next_text());
            deliveries.on_published(0, at(1), at(1), (0, token), 1);
        }
        for text in &texts[..68] {
            deliveries.on_received(0, 0, at(2), text);
        }
        deliveries.on_new_life(0);
        for text in &texts[60..] {
            deliveries.on_received(0, 0, at(3), text);
        }
        deliveries.on_received(0, 0, at(3), &texts[69]);
        let Deliveries {
            received,
            repeated,
            duplicates,
            ..
        } = deliveries;
        assert_eq!((received, repeated, duplicates), (70, 8, 1));
    }
}
