//! [`Run`]: the requests of one connection: which step is next, the places in its list, and the
//! outcomes.

use super::request::{MAX_HISTORY, Request, Subscription};
use crate::event::ChannelOutcome;
use crate::restore::ordered::OrderedNames;
use crate::restore::wanted::{Progress, Wanted, WantedChannel};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use photon_proto::{Text, Timestamp};

/// How long a batch waits for its outcomes, in milliseconds.
const OUTCOME_TIMEOUT_MS: u64 = 15_000;

/// The present connection.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) connection: u32,
    pub(super) step: Step,
    /// The next place of the present step in its list, and the end of that list: what comes later is
    /// sent by the calls of the application.
    pub(super) next: usize,
    pub(super) end: usize,
    /// Where the batches begin, and how many channels they have.
    pub(super) previous: Batch,
    pub(super) current: Batch,
    /// The names in one request, fewer if a request was too long.
    pub(super) names_at_a_time: usize,
    /// Channels to be asked for again without creation options.
    pub(super) retries: VecDeque<Text>,
    /// The channels without an outcome.
    pub(super) open: usize,
    /// When the open ones have timed out.
    pub(super) deadline: Option<Timestamp>,
    /// The channels of batches that were certainly no reason for an end.
    pub(super) survived: usize,
    pub(super) restored: usize,
    pub(super) failed: Vec<ChannelOutcome>,
    /// Whether anything was asked for.
    pub(super) has_work: bool,
    pub(super) is_finished: bool,
    pub(super) last_outcome: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) start: usize,
    pub(super) channels: usize,
    pub(super) first: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Leave,
    Channels,
    FormerFriends,
    Friends,
    Status,
    Sent,
}

impl Run {
    /// Begins with the first step, whose list has this end.
    pub(super) fn new(connection: u32, end: usize) -> Self {
        Self {
            connection,
            step: Step::Leave,
            next: 0,
            end,
            previous: Batch::default(),
            current: Batch::default(),
            names_at_a_time: usize::MAX,
            retries: VecDeque::new(),
            open: 0,
            deadline: None,
            survived: 0,
            restored: 0,
            failed: Vec::new(),
            has_work: false,
            is_finished: false,
            last_outcome: None,
        }
    }

    pub(super) fn enter(&mut self, step: Step, end: usize) {
        (self.step, self.next, self.end) = (step, 0, end);
        self.names_at_a_time = usize::MAX;
        if step != Step::Channels {
            // Places of other lists: the batches keep their own.
            return;
        }
        self.current = Batch::default();
    }

    /// The next names of a list that `is_due` selects.
    pub(super) fn names<V>(
        &self,
        list: &OrderedNames<V>,
        max: usize,
        is_due: impl Fn(&V) -> bool,
    ) -> Vec<Text> {
        list.from(self.next)
            .take_while(|(place, ..)| *place < self.end)
            .filter(|(_, _, value)| is_due(value))
            .map(|(_, name, _)| name.clone())
            .take(max.min(self.names_at_a_time))
            .collect()
    }

    /// Moves on behind names that were sent.
    pub(super) fn advance<V>(&mut self, list: &OrderedNames<V>, names: &[Text]) {
        if let Some(place) = names.last().and_then(|last| list.place(last)) {
            self.next = place + 1;
        }
    }

    /// The place after the last channel that was asked for.
    pub(super) fn asked_end(&self) -> usize {
        if self.step == Step::Channels {
            self.next
        } else {
            usize::MAX
        }
    }

    /// Passes channels for which the application itself has asked on this connection.
    pub(super) fn skip_settled(&mut self, wanted: &mut Wanted) {
        while self.next < self.end {
            let Some(channel) = wanted.channels.at_mut(self.next) else {
                self.next += 1;
                continue;
            };
            if channel.asked_on != self.connection {
                return;
            }
            match channel.progress {
                Progress::Open if !channel.counted => {
                    channel.counted = true;
                    self.open += 1;
                }
                Progress::Done => self.restored += 1,
                // The application has its outcome, from its own request.
                Progress::Open | Progress::Failed => {}
            }
            self.has_work = true;
            self.next += 1;
        }
    }

    pub(super) fn begin_batch(&mut self) {
        // The outcomes of the batch after it arrived, so no history of the one before ended the
        // connection.
        self.survived += self.previous.channels;
        let next = Batch {
            start: self.next,
            ..Batch::default()
        };
        self.previous = core::mem::replace(&mut self.current, next);
    }

    /// The next channel to ask for again without creation options.
    pub(super) fn retry(&self, wanted: &Wanted) -> Option<Request> {
        let name = self.retries.front()?;
        let channel = wanted.channels.get(name);
        debug_assert!(channel.is_some(), "a retry ends with the wanted channel");
        Some(Request::Subscribe(Subscription {
            names: Vec::from([name.clone()]),
            is_new: channel.is_none_or(|channel| channel.is_new),
            max_history: MAX_HISTORY,
        }))
    }

    /// The next channels that can be asked for in one request.
    pub(super) fn subscription(
        &self,
        wanted: &Wanted,
        space: usize,
        is_special: impl Fn(&str) -> bool,
        max_history: impl Fn(&Text) -> i32,
    ) -> Option<Request> {
        let is_alone = |name: &str, channel: &WantedChannel| {
            channel.has_creation_options() || is_special(name)
        };
        let key = |name: &Text, channel: &WantedChannel| {
            let history = channel.is_new.then(|| channel.history());
            (history, max_history(name))
        };
        let mut channels = wanted
            .channels
            .from(self.next)
            .take_while(|(place, _, channel)| {
                *place < self.end && channel.asked_on != self.connection
            });
        let (_, name, first) = channels.next()?;
        let mut names = Vec::from([name.clone()]);
        let (history, max_history) = key(name, first);
        if !is_alone(name, first) {
            names.extend(
                channels
                    .take_while(|(_, name, channel)| {
                        !is_alone(name, channel) && key(name, channel) == (history, max_history)
                    })
                    .map(|(_, name, _)| name.clone())
                    .take(space.min(self.names_at_a_time) - 1),
            );
        }
        Some(Request::Subscribe(Subscription {
            names,
            is_new: first.is_new,
            max_history,
        }))
    }

    /// Notes that a channel was asked for.
    pub(super) fn on_asked(&mut self, now: Timestamp, wanted: &mut Wanted, name: &Text) {
        let Some(place) = wanted.channels.place(name) else {
            debug_assert!(false, "a wanted channel was asked for");
            return;
        };
        let Some(channel) = wanted.channels.at_mut(place) else {
            return;
        };
        if self.open > 0 || self.retries.is_empty() {
            self.deadline = Some(now.plus_millis(OUTCOME_TIMEOUT_MS));
        }
        if self.retries.front() == Some(name) {
            self.retries.pop_front();
            return;
        }
        debug_assert_ne!(channel.asked_on, self.connection, "asked for once");
        (channel.asked_on, channel.progress) = (self.connection, Progress::Open);
        (channel.counted, channel.is_plain) = (true, false);
        self.open += 1;
        self.current.channels += 1;
        if self.current.channels == 1 {
            self.current.first = Some(name.clone());
        }
        self.next = place + 1;
    }

    /// Notes that an open channel has its outcome.
    pub(super) fn close(&mut self, now: Timestamp) {
        debug_assert!(self.open > 0, "only an open channel has an outcome");
        self.open = self.open.saturating_sub(1);
        self.last_outcome = Some(now);
        if self.open == 0 {
            self.deadline = None;
        }
    }
}
