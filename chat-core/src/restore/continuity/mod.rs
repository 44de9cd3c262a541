//! [`Continuity`]: the position of one public channel, and the messages that wait for others before
//! them. Spec: chat.md 4.1.
//!
//! ```text
//!                 contains the position, equal                  a hole
//!  ┌──────────┐ ─────────────────────────────> ┌────────┐ ───────────────> ┌──────────────────┐
//!  │ unproven │                                │ proven │                  │ proven, question │
//!  └──────────┘ <───────────────────────────── └────────┘ <─────────────── └──────────────────┘
//!    │      ^     login                          ^    ^     filled, full, or waited long enough (Gap)
//!    │      └─ a question runs, messages wait    │    │
//!    └── different, or ends below it: another life (Gap), position 0
//! ```
//!
//! The client cannot know which event 5 answers which request, nor in which order live messages,
//! histories and events 5 arrive. So no rule depends on it: each event 0 is judged by its ids and by
//! the messages that were delivered before, whenever it arrives.

mod anchor;
mod arrival;
mod asking;
mod fingerprint;
mod held;
mod holding;
mod lives;
mod questions;
mod repeats;
#[cfg(test)]
mod world;

use crate::messages::{Message, Messages, Origin};
use crate::model::keys::ChannelKey;
use crate::timers::Timer;
use alloc::boxed::Box;
use alloc::vec::Vec;
use anchor::Anchor;
use arrival::Arrival;
use held::{Held, Holes};
use photon_proto::{HashKeys, Timestamp};

pub(crate) use fingerprint::is_same;
pub(crate) use fingerprint::{Fingerprint, Recent};
pub(crate) use questions::Questions;
pub(crate) use repeats::{Repeats, Seen};

/// How many questions the client asks for a channel on one connection, in addition to those that
/// filled a hole.
const MAX_QUESTIONS: u8 = 3;

/// The messages that the client still has in its cache.
pub(crate) trait Cached {
    /// Finds a message of the present life by its id.
    fn find(&self, id: i32) -> Option<Message<'_>>;
}

/// The surroundings that a change of a channel needs.
pub(crate) struct Surroundings<'c> {
    pub(crate) now: Timestamp,
    pub(crate) channel: ChannelKey,
    /// Whether the client may ask the server for this channel.
    pub(crate) may_ask: bool,
    pub(crate) questions: &'c mut Questions,
}

/// One thing to hand out, in order.
#[derive(Debug)]
pub(crate) enum Step {
    Deliver(Messages),
    Gap {
        after: i32,
        missing: Option<u32>,
        verified: bool,
        new_life: bool,
    },
}

/// The position of one public channel.
#[derive(Debug)]
pub(crate) struct Continuity {
    /// The id up to which everything was handed out or reported as missing; 0 at the beginning of a
    /// life, or while there is no position.
    position: i32,
    /// The lowest id that was delivered; 0 if there was none in this life.
    lowest: i32,
    /// Fingerprints of messages that have left the cache.
    recent: Recent,
    /// Whether there is a position.
    known: bool,
    /// Whether the channel is still in the life that the position belongs to. Always true without a
    /// position.
    proven: bool,
    /// The questions that were asked on this connection.
    asked: u8,
    /// How many of them filled a hole.
    filled: u8,
    /// The state that only a channel with a question or a hole needs.
    open: Option<Box<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    held: Held,
    holes: Holes,
    question: Option<Question>,
    /// The time within which answers may arrive. Armed by a call of the application.
    window: Timer,
    /// The same, put off by the time that the program slept since it opened.
    window_asleep: Timer,
    /// Whether the application has asked for history and no event looked like it yet.
    expects_history: bool,
    /// Whether messages were dropped because of a cap.
    cut: bool,
    /// Whether messages were dropped because nothing showed their life.
    undecided: bool,
    /// Whether [`Questions`] looks at the channel after its window.
    watched: bool,
    anchor: Anchor,
}

impl Open {
    /// Whether the next message can be delivered without a look at this.
    fn is_idle(&self) -> bool {
        self.held.is_empty() && self.question.is_none() && !self.expects_history && !self.cut
    }

    /// Whether it holds nothing, and nobody will look at it after a window.
    fn is_unused(&self) -> bool {
        self.is_over() && !self.watched && matches!(self.window, Timer::Off)
    }

    /// Whether nothing is left of it after its window, in which the history and the anchor had to
    /// arrive. The holes stay: the next connection may fill them.
    fn is_over(&self) -> bool {
        self.held.is_empty()
            && self.question.is_none()
            && self.holes.is_empty()
            && !self.cut
            && !self.undecided
    }
}

#[derive(Debug)]
struct Question {
    /// `None` until its deadline starts.
    serial: Option<u64>,
    kind: QuestionKind,
    /// Whether it filled a hole.
    filled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuestionKind {
    /// The client asked for the messages after the position, with overlap.
    Overlap,
    /// The client asked for everything.
    Everything,
    /// The application asked, for so many messages.
    Application { messages: usize },
    /// No question was sent: the client may not ask, but the application is about to subscribe.
    Silent,
}

impl Default for Continuity {
    fn default() -> Self {
        Self {
            position: 0,
            lowest: 0,
            recent: Recent::default(),
            known: false,
            proven: true,
            asked: 0,
            filled: 0,
            open: None,
        }
    }
}

impl Continuity {
    /// The position, 0 if there is none.
    pub(crate) const fn position(&self) -> i32 {
        self.position
    }

    /// The id to subscribe with: some messages before the position, which show whether the channel
    /// is still in the same life.
    pub(crate) const fn last_id_to_ask(&self) -> i32 {
        let id = self.position - Recent::LENGTH;
        if id > 0 { id } else { 0 }
    }

    /// The id to subscribe with if the application passes one.
    pub(crate) fn last_id_for(&self, passed: i32, cached: &impl Cached) -> i32 {
        if !self.known || passed > self.position {
            passed
        } else if self.knows_recent(cached) {
            // The overlap is not delivered again.
            self.last_id_to_ask()
        } else {
            self.position
        }
    }

    // The usual case.

    /// Whether an event that begins at this id is simply the next one.
    #[inline]
    pub(crate) fn is_next(&self, first: i32) -> bool {
        self.proven
            && self.known
            && first == self.position.wrapping_add(1)
            && self.open.as_ref().is_none_or(|open| open.is_idle())
    }

    /// Notes the last id of a private conversation, which may begin again at any time.
    pub(crate) fn note_last_id(&mut self, id: i32) {
        // Ids start at 1, so a lower one is none. Spec: chat.md 4.1.
        if id >= 1 {
            self.position = id;
        }
    }

    /// Moves the position over an event that is the next one.
    #[inline]
    pub(crate) fn advance(&mut self, first: i32, last: i32) {
        debug_assert!(self.is_next(first) && first <= last);
        self.position = last;
        if self.lowest == 0 {
            self.lowest = first;
        }
    }

    // Every other event.

    /// Takes the messages of an event 0, whose ids are `first` (at least 1) to `last`. Returns what
    /// to hand out now.
    pub(crate) fn take(
        &mut self,
        around: &mut Surroundings<'_>,
        event: &Messages,
        first: i32,
        last: i32,
        cached: &impl Cached,
    ) -> Vec<Step> {
        let arrival = Arrival::new(event, first, last, cached);
        if let Some(steps) = self.take_anchor(around, event, first, last) {
            return steps;
        }
        let mut steps = Vec::new();
        let origin = self.origin(around.now, first, last);
        let messages = event.part(0, event.len(), origin);
        let (before, had_hole) = (self.position, self.holds());
        if !self.known {
            // A first subscription starts with whatever arrives.
            self.known = true;
            self.deliver(first, messages, &mut steps);
        } else if self.is_undecided(around, &arrival) {
            // The part with the position decides, and then the client asks again.
            self.open.get_or_insert_default().undecided = true;
        } else if self.is_other_life(around, &arrival) {
            self.begin_life(around, first, messages, &mut steps);
        } else {
            if first <= self.position {
                self.take_known(around, &arrival, &mut steps);
            }
            let above = first.max(self.position + 1);
            if above <= last {
                let from = usize::try_from(above - first).unwrap_or_default();
                let messages = messages.part(from, event.len(), origin);
                self.take_above(around, above, messages, &mut steps);
            }
            if had_hole && self.position > before {
                self.note_filled();
            }
        }
        self.settle(around, event.len(), &mut steps);
        debug_assert!(self.is_consistent(), "{self:?}");
        steps
    }

    /// How the messages of an event that move the position reached the client.
    fn origin(&mut self, now: Timestamp, first: i32, last: i32) -> Origin {
        let known = self.known;
        let Some(open) = self.open.as_mut() else {
            return Origin::Live;
        };
        if !is_within(open.window, now) {
            open.expects_history = false;
            return Origin::Live;
        }
        // Live messages arrive one by one, and begin above the position.
        let is_history = first < last
            || if known {
                first <= self.position
            } else {
                last > 1
            };
        if is_history {
            open.expects_history = false;
            Origin::History
        } else {
            Origin::Live
        }
    }

    /// Takes messages up to the position: they were delivered before, except for those in a hole and
    /// those below everything that was delivered.
    fn take_known(
        &mut self,
        around: &mut Surroundings<'_>,
        arrival: &Arrival<'_, impl Cached>,
        steps: &mut Vec<Step>,
    ) {
        let is_answer =
            self.was_asked(around.now) || self.fills_hole(around.questions.keys(), arrival);
        let (first, last) = (arrival.first, arrival.last.min(self.position));
        let known = last.abs_diff(first) as usize + 1;
        let taken = steps.len();
        if self.lowest > 1 && first < self.lowest {
            // Everything below the lowest is a hole that needs no memory. What a part of a history
            // leaves of it above itself needs some, and waits for the other parts.
            let holes = &mut self.open.get_or_insert_default().holes;
            holes.push(first, self.lowest - 1, Origin::Older);
            self.lowest = first;
        }
        if let Some(open) = &mut self.open {
            let fills = |origin| is_answer || origin == Origin::Older;
            while let Some(filled) = open.holes.fill(first, last, fills) {
                let messages = arrival.part(filled.first, filled.last, filled.origin);
                steps.push(Step::Deliver(messages));
            }
            if open.is_unused() {
                self.open = None;
            }
        }
        let delivered = steps.iter().skip(taken).map(|step| match step {
            Step::Deliver(messages) => messages.len(),
            Step::Gap { .. } => 0,
        });
        around
            .questions
            .note_repeated(known - delivered.sum::<usize>().min(known));
    }

    /// Takes messages above the position, which begin at `first`.
    fn take_above(
        &mut self,
        around: &mut Surroundings<'_>,
        first: i32,
        messages: Messages,
        steps: &mut Vec<Step>,
    ) {
        if self.proven && first == self.position + 1 && !self.holds() {
            return self.deliver(first, messages, steps);
        }
        self.hold(around, first, messages);
        self.deliver_next(around, steps);
    }

    fn begin_life(
        &mut self,
        around: &mut Surroundings<'_>,
        first: i32,
        messages: Messages,
        steps: &mut Vec<Step>,
    ) {
        // While the program slept, no deadline released what is held, and the next life began. What was
        // due long before belongs to the life before.
        if self.is_held_overdue(around) {
            self.release(around, steps);
        }
        steps.push(Step::Gap {
            after: self.position,
            missing: None,
            verified: false,
            new_life: true,
        });
        (self.position, self.lowest, self.proven) = (0, 0, true);
        self.recent = Recent::default();
        if let Some(open) = &mut self.open {
            open.holes = Holes::default();
        }
        // What is held arrived on this connection, and may belong to the new life.
        self.take_above(around, first, messages, steps);
        if first > 1 {
            self.ask(around, QuestionKind::Everything);
        }
    }

    // The end of a connection, a channel or a life.

    /// Notes that the connection is lost: drops the held messages and keeps the position.
    pub(crate) fn on_connection_lost(&mut self, questions: &mut Questions) {
        let holes = self.close(questions);
        if !holes.is_empty() {
            self.open.get_or_insert_default().holes = holes;
        }
        self.proven = !self.known;
        (self.asked, self.filled) = (0, 0);
    }

    /// Forgets the position.
    pub(crate) fn forget(&mut self, questions: &mut Questions) {
        self.close(questions);
        *self = Self::default();
    }

    /// Hands out what is held because the user leaves the channel.
    pub(crate) fn on_left(&mut self, around: &mut Surroundings<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        self.end_question(around);
        self.release(around, &mut steps);
        steps
    }

    fn close(&mut self, questions: &mut Questions) -> Holes {
        let Some(open) = self.open.take() else {
            return Holes::default();
        };
        questions.held.release(open.held.bytes());
        if let Some(serial) = open.question.and_then(|question| question.serial) {
            questions.cancel(serial);
        }
        open.holes
    }

    /// Notes a message that leaves the cache.
    pub(crate) fn remember(&mut self, keys: &HashKeys, message: &Message<'_>) {
        if let Some(id) = message.id
            && id > self.position - Recent::LENGTH
            && id <= self.position
        {
            self.recent.note(id, Fingerprint::of(keys, message));
        }
    }

    fn is_consistent(&self) -> bool {
        let Some(open) = &self.open else {
            return true;
        };
        // Whatever is held has a deadline.
        let first = open.held.first_id();
        first.is_none_or(|first| first > self.position && open.question.is_some())
    }
}

impl QuestionKind {
    /// Whether the client asked.
    const fn is_own(self) -> bool {
        matches!(self, Self::Overlap | Self::Everything)
    }
}

/// Whether a window is open. An armed one has only just begun.
fn is_within(window: Timer, now: Timestamp) -> bool {
    match window {
        Timer::Off => false,
        Timer::Armed { .. } => true,
        Timer::At(end) => now < end,
    }
}

#[cfg(test)]
mod tests;
