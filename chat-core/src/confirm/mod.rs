//! [`Confirmations`]: what becomes of each message that was sent. Spec: chat.md 10.2.
//!
//! ```text
//!                  its echo, above the position
//!         ┌──────────────────────────────────────────> MessageSent
//!  sent ──┤        an answer with a code
//!         ├──────────────────────────────────────────> MessageRefused
//!         │        30 s; a gap, a new life or an unsubscribe; no way for an echo
//!         └─┬────────────────────────────────────────> MessageUnconfirmed
//!           │ connection lost, the client comes back
//!           └──> lost ──┬── the restored history has it ──> MessageSent
//!                       └── it has not ───────────────────> MessageUnconfirmed
//! ```
//!
//! It reads the events that the client raises anyway, so that only sending and the ends of
//! connections know of it. When confirmation is off, it does not exist.

mod answers;
mod fingerprint;

use crate::codes::{operation, return_code};
use crate::error::ServerError;
use crate::event::{Event, MessageToken, Outcome};
use crate::messages::{Message, Origin};
use crate::timers::{Timer, earlier};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use answers::{Answers, Refused};
use core::time::Duration;
use photon_proto::{HashKeys, Text, Timestamp};

pub(crate) use fingerprint::Fingerprint;

/// How many messages may wait for their result. Spec: chat.md 10.2.
const MAX_OPEN: usize = 1024;
/// How long a message waits for its result. One time for all, so that the oldest is due first.
const TIMEOUT_MS: u64 = 30_000;
/// How long the parts of a restored history may follow each other.
const HISTORY_MS: u64 = 2_000;

/// The messages whose result is not known yet.
#[derive(Debug)]
pub(crate) struct Confirmations {
    keys: HashKeys,
    /// In the order of sending.
    open: VecDeque<Open>,
    /// How many of them were sent on an earlier connection.
    lost: usize,
    /// Runs while the rest of a history may follow.
    histories: Timer,
    published: Answers,
    private: Answers,
}

/// The channel or user that a message was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    Channel(Text),
    User(Text),
}

impl Receiver {
    /// The code of the operation that sends to it.
    pub(crate) const fn operation(&self) -> u8 {
        match self {
            Self::Channel(_) => operation::PUBLISH,
            Self::User(_) => operation::SEND_PRIVATE,
        }
    }
}

/// A message that waits for its result.
#[derive(Debug)]
struct Open {
    token: MessageToken,
    receiver: Receiver,
    /// The position of the channel when it was sent: an echo has a higher id.
    after: i32,
    content: Fingerprint,
    timer: Timer,
    /// Whether the connection that it was sent on has ended.
    lost: bool,
}

impl Open {
    /// Whether a message of this user is the echo.
    fn is_echoed_by(&self, message: &Message<'_>, origin: Origin, content: Fingerprint) -> bool {
        // Without a position, a history has older messages that look the same.
        let is_new = match origin {
            Origin::Live => true,
            Origin::History => self.lost || self.after > 0,
            Origin::Older | Origin::Late => false,
        };
        // The rules of ids do not apply to a message without one.
        is_new && self.content == content && message.id.is_none_or(|id| id > self.after)
    }
}

impl Confirmations {
    pub(crate) fn new(keys: HashKeys) -> Self {
        Self {
            keys,
            open: VecDeque::new(),
            lost: 0,
            histories: Timer::Off,
            published: Answers::default(),
            private: Answers::default(),
        }
    }

    pub(crate) const fn keys(&self) -> &HashKeys {
        &self.keys
    }

    // Sending.

    /// Whether one more message may wait, besides those that are `queued` and not sent yet.
    pub(crate) fn has_space(&self, queued: usize) -> bool {
        self.open.len() + queued < MAX_OPEN
    }

    /// Notes a message that was sent. Its timer starts with the next call that passes a time.
    pub(crate) fn on_sent(
        &mut self,
        token: MessageToken,
        receiver: Receiver,
        after: i32,
        content: Fingerprint,
    ) {
        self.note_request(receiver.operation(), Some(token));
        self.open.push_back(Open {
            token,
            receiver,
            after,
            content,
            timer: Timer::Armed {
                after_ms: TIMEOUT_MS,
            },
            lost: false,
        });
    }

    /// Notes a request that the application encoded itself. It has no token, but may be answered
    /// like the others.
    pub(crate) fn on_raw_request(&mut self, code: u8) {
        self.note_request(code, None);
    }

    fn note_request(&mut self, code: u8, token: Option<MessageToken>) {
        if let Some(answers) = self.answers(code) {
            answers.add(token);
        }
    }

    const fn answers(&mut self, code: u8) -> Option<&mut Answers> {
        match code {
            operation::PUBLISH => Some(&mut self.published),
            operation::SEND_PRIVATE => Some(&mut self.private),
            _ => None,
        }
    }

    // What the client reports.

    /// Whether no event can bring a result: no message waits, and no answer is expected.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_empty() && self.published.is_empty() && self.private.is_empty()
    }

    /// Whether a message waits, and its echo would be its result.
    #[inline]
    pub(crate) fn awaits_echo(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether an event may bring a result: most are messages of others.
    #[inline]
    pub(crate) fn concerns(event: &Event) -> bool {
        match event {
            Event::ChatMessages { messages, .. } => !messages.are_of_others(),
            _ => true,
        }
    }

    /// Reads an event, and adds the results that it brings. `me` is the user's own id;
    /// `is_subscribed` knows the channels of this connection.
    pub(crate) fn on_event(
        &mut self,
        event: &Event,
        me: &str,
        is_subscribed: impl Fn(&str) -> bool,
        results: &mut Vec<Event>,
    ) {
        match event {
            Event::OperationResponse {
                operation,
                return_code,
                message,
                ..
            } => {
                let error = || ServerError {
                    operation: *operation,
                    code: *return_code,
                    message: Text::for_error(message),
                };
                self.on_answer(*operation, *return_code, error, is_subscribed, results);
            }
            // Nothing else has to do with messages that wait.
            _ if self.open.is_empty() => {}
            Event::ChatMessages { channel, messages } => {
                for message in messages.iter().filter(|message| message.is_from(me)) {
                    let to = |receiver: &Receiver| matches!(receiver, Receiver::Channel(name) if name == channel);
                    self.on_echo(&message, messages.origin(), to, results);
                }
            }
            Event::PrivateMessage { channel, message } if message.sender() == me => {
                let to = |receiver: &Receiver| matches!(receiver, Receiver::User(user) if user == channel);
                self.on_echo(&message.get(), Origin::Live, to, results);
            }
            // The echo may be among the missing messages.
            Event::Gap { channel, .. } => self.on_channel_lost(channel, results),
            Event::UnsubscribeResult(outcomes) => {
                for left in outcomes.iter().filter(|one| one.outcome == Outcome::Done) {
                    self.on_channel_lost(&left.channel, results);
                }
            }
            _ => {}
        }
    }

    fn on_echo(
        &mut self,
        message: &Message<'_>,
        origin: Origin,
        to: impl Fn(&Receiver) -> bool,
        results: &mut Vec<Event>,
    ) {
        let content = Fingerprint::of_received(&self.keys, &message.content);
        let index = self
            .open
            .iter()
            .position(|open| to(&open.receiver) && open.is_echoed_by(message, origin, content));
        if let Some(open) = index.and_then(|index| self.remove(index)) {
            results.push(Event::MessageSent {
                token: open.token,
                id: message.id.unwrap_or(0),
            });
        }
    }

    fn on_answer(
        &mut self,
        code: u8,
        return_code: i16,
        error: impl FnOnce() -> ServerError,
        is_subscribed: impl Fn(&str) -> bool,
        results: &mut Vec<Event>,
    ) {
        let open = &self.open;
        let position = |token| open.iter().position(|open| open.token == token);
        let is_private = code == operation::SEND_PRIVATE;
        let answers = match code {
            operation::PUBLISH => &mut self.published,
            operation::SEND_PRIVATE => &mut self.private,
            _ => return,
        };
        if return_code == return_code::OK {
            let accepted = answers.on_accepted();
            let index = accepted.and_then(position);
            // Servers send messages to subscribers only, so this one has no echo.
            let no_echo = index.filter(|&index| match open.get(index) {
                Some(Open {
                    receiver: Receiver::Channel(name),
                    ..
                }) => !is_subscribed(name),
                _ => false,
            });
            if let Some(index) = no_echo {
                self.end_unconfirmed(index, results);
            }
            return;
        }
        let (index, guess) = match answers.on_refused(|token| position(token).is_some()) {
            Refused::Message(token) => (position(token), false),
            Refused::NoMessage => (None, false),
            Refused::Unknown => {
                let oldest = open.iter().position(|open| {
                    !open.lost && matches!(open.receiver, Receiver::User(_)) == is_private
                });
                (oldest, true)
            }
        };
        if let Some(open) = index.and_then(|index| self.remove(index)) {
            results.push(Event::MessageRefused {
                token: open.token,
                error: Box::new(error()),
                guess,
            });
        }
    }

    /// Ends the messages of a public channel whose echoes can no longer be told.
    fn on_channel_lost(&mut self, channel: &str, results: &mut Vec<Event>) {
        self.end_where(
            results,
            |open| matches!(&open.receiver, Receiver::Channel(name) if name == channel),
        );
    }

    // The ends of connections.

    /// Handles the end of a connection. A message to a channel waits for the restored history if the
    /// client comes back; nothing restores private conversations.
    pub(crate) fn on_connection_lost(&mut self, comes_back: bool, results: &mut Vec<Event>) {
        self.published = Answers::default();
        self.private = Answers::default();
        self.end_where(results, |open| {
            !comes_back || matches!(open.receiver, Receiver::User(_))
        });
        for open in &mut self.open {
            open.lost = true;
        }
        self.lost = self.open.len();
        self.histories = Timer::Off;
    }

    /// Whether messages wait for restored histories.
    pub(crate) const fn waits_for_history(&self) -> bool {
        self.lost > 0
    }

    /// Ends the lost messages of channels whose history has arrived without them. A server may send
    /// a history in several parts, so it is given some time after the first one.
    pub(crate) fn check_histories(
        &mut self,
        now: Timestamp,
        has_arrived: impl Fn(&str) -> bool,
        results: &mut Vec<Event>,
    ) {
        let is_over = |open: &Open| {
            open.lost && matches!(&open.receiver, Receiver::Channel(name) if has_arrived(name))
        };
        if self.histories.is_due(now) {
            self.end_where(results, is_over);
            self.histories = Timer::Off;
        } else if self.histories == Timer::Off && self.open.iter().any(is_over) {
            self.histories = Timer::At(now.plus_millis(HISTORY_MS));
        }
    }

    /// Ends everything: there will be no connection, or no channel.
    pub(crate) fn give_up(&mut self, results: &mut Vec<Event>) {
        self.end_where(results, |_| true);
    }

    // Time.

    /// Starts the timers of the messages that were sent since the last call.
    pub(crate) fn start_timers(&mut self, now: Timestamp) {
        for open in self.open.iter_mut().rev() {
            if !matches!(open.timer, Timer::Armed { .. }) {
                break;
            }
            open.timer.start(now);
        }
    }

    /// Puts the deadlines off after a sleep.
    pub(crate) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        for open in &mut self.open {
            open.timer.put_off(slept, earliest);
        }
        self.histories.put_off(slept, earliest);
    }

    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let oldest = self.open.front()?.timer.deadline(now);
        earlier(oldest, self.histories.deadline(now))
    }

    /// Ends the messages that have waited too long.
    pub(crate) fn time_out(&mut self, now: Timestamp, results: &mut Vec<Event>) {
        while self.open.front().is_some_and(|open| open.timer.is_due(now)) {
            self.end_unconfirmed(0, results);
        }
    }

    // Counters.

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    fn remove(&mut self, index: usize) -> Option<Open> {
        let open = self.open.remove(index)?;
        if open.lost {
            debug_assert!(self.lost > 0, "every lost message was counted");
            self.lost -= 1;
        }
        self.release();
        Some(open)
    }

    fn end_unconfirmed(&mut self, index: usize, results: &mut Vec<Event>) {
        if let Some(open) = self.remove(index) {
            results.push(Event::MessageUnconfirmed { token: open.token });
        }
    }

    fn end_where(&mut self, results: &mut Vec<Event>, ends: impl Fn(&Open) -> bool) {
        let mut lost = 0;
        self.open.retain(|open| {
            let ends = ends(open);
            if ends {
                results.push(Event::MessageUnconfirmed { token: open.token });
            }
            lost += usize::from(!ends && open.lost);
            !ends
        });
        self.lost = lost;
        self.release();
    }

    /// Returns what no message needs any more.
    fn release(&mut self) {
        if self.open.is_empty() {
            self.open = VecDeque::new();
        }
        if self.lost == 0 {
            self.histories = Timer::Off;
        }
    }
}
