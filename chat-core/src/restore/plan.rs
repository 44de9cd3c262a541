//! [`Plan`]: the requests that restore the wanted state on a new connection. Spec: chat.md 10 (R1).
//!
//! ```text
//!          login              all sent        all asked         sent
//!  (idle) ──────> Leave ──────> Channels ──────> Friends ──────> Status ──────> Sent
//!                                │     ^
//!                                └─────┘ a batch has all its outcomes
//! ```
//!
//! It is finished once every channel was asked for and has its outcome.
//!
//! Channels are asked for in batches, because one request for ten thousand of them would bring all
//! their histories at once. The next batch begins when each channel of the present one has its outcome.
//!
//! A connection that ends meanwhile may have ended because of what the client asked for: a history over
//! the message limit ends every connection that asks for it. So the batches become smaller, and at last
//! the history of the channel in question.

mod request;
mod run;

use super::wanted::{Progress, Wanted, WantedChannel};
use crate::event::{ChannelOutcome, Outcome};
use alloc::vec::Vec;
use core::time::Duration;
use photon_proto::{Text, Timestamp};
use request::MAX_HISTORY;
pub(crate) use request::{Request, Subscription};
use run::{Run, Step};

/// After this many connections without one more channel restored, the client gives up.
const MAX_FUTILE: u32 = 5;
/// The friends in one request: the number that the vendor documents. Spec: chat.md 3.7.
const FRIENDS_AT_A_TIME: usize = 512;
/// The channels in one unsubscribe.
const LEAVING_AT_A_TIME: usize = 512;

/// The requests of one connection, and what earlier ones taught.
#[derive(Debug)]
pub(crate) struct Plan {
    /// As configured.
    max_at_a_time: usize,
    /// How long after its last outcome a restored connection may still end because of a history.
    waiting_ms: u64,
    restores_status: bool,
    at_a_time: usize,
    /// Channels that were asked for alone, or one after the other, when the connection ended, and the
    /// longest history to ask for in them.
    suspects: Vec<Text>,
    suspect_history: i32,
    /// The connections since the last progress.
    futile: u32,
    /// The most channels that one connection of this outage has survived.
    best: usize,
    run: Option<Run>,
}

/// The next step after a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterLoss {
    TryAgain,
    /// What the client asked for may be the reason, and it asks for less on the next connection.
    AskLess,
    /// Connecting again would end in the same way.
    GiveUp,
}

/// The end of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub(crate) channels: usize,
    pub(crate) failed: Vec<ChannelOutcome>,
}

impl Plan {
    pub(crate) fn new(at_a_time: usize, waiting_ms: u64, restores_status: bool) -> Self {
        debug_assert!(at_a_time > 0, "the options have at least 1");
        Self {
            max_at_a_time: at_a_time,
            waiting_ms,
            restores_status,
            at_a_time,
            suspects: Vec::new(),
            suspect_history: MAX_HISTORY,
            futile: 0,
            best: 0,
            run: None,
        }
    }

    /// Begins after a login. `connection` is a number that no connection had before.
    pub(crate) fn begin(&mut self, connection: u32, wanted: &mut Wanted) {
        debug_assert!(self.run.is_none(), "the connection before has ended");
        wanted.compact();
        self.run = Some(Run::new(connection, wanted.leaving.end()));
    }

    /// Whether places must stay as they are.
    pub(crate) fn is_running(&self) -> bool {
        self.run
            .as_ref()
            .is_some_and(|run| run.step != Step::Sent || !run.is_finished)
    }

    /// How many channels have no outcome yet.
    pub(crate) fn open(&self) -> usize {
        self.run.as_ref().map_or(0, |run| run.open)
    }

    /// Whether the request for a channel has not left yet on this connection. Anything else that the
    /// application sends to the channel must come behind it.
    pub(crate) fn asks_later(&self, name: &str, wanted: &Wanted) -> bool {
        let Some(run) = &self.run else {
            return false;
        };
        let all_asked = !matches!(run.step, Step::Leave | Step::Channels);
        // No look at the channel: this is the case of nearly every message.
        if all_asked && run.retries.is_empty() {
            return false;
        }
        let is_unasked = |channel: &WantedChannel| channel.asked_on != run.connection;
        wanted.channels.get(name).is_some_and(is_unasked)
            || run.retries.iter().any(|retry| **retry == *name)
    }

    /// Returns the next request. `None`: outcomes are awaited, or everything is done.
    /// `is_special` is whether a channel has subscribers or properties, which only an event for it
    /// alone brings.
    pub(crate) fn next(
        &mut self,
        wanted: &mut Wanted,
        is_special: impl Fn(&str) -> bool,
    ) -> Option<Request> {
        let (suspects, suspect_history) = (&self.suspects, self.suspect_history);
        let run = self.run.as_mut()?;
        loop {
            match run.step {
                Step::Leave => {
                    let connection = run.connection;
                    let names = run.names(&wanted.leaving, LEAVING_AT_A_TIME, |sent_on| {
                        *sent_on != connection
                    });
                    if !names.is_empty() {
                        return Some(Request::Unsubscribe(names));
                    }
                    run.enter(Step::Channels, wanted.channels.end());
                }
                Step::Channels => {
                    if let Some(retry) = run.retry(wanted) {
                        return Some(retry);
                    }
                    run.skip_settled(wanted);
                    if run.next >= run.end {
                        run.enter(Step::FormerFriends, wanted.former_friends.end());
                        continue;
                    }
                    if run.current.channels >= self.at_a_time {
                        if run.open > 0 {
                            return None;
                        }
                        run.begin_batch();
                    }
                    let space = self.at_a_time - run.current.channels;
                    let max_history = |name: &Text| {
                        if suspects.contains(name) {
                            suspect_history
                        } else {
                            MAX_HISTORY
                        }
                    };
                    return run.subscription(wanted, space, is_special, max_history);
                }
                Step::FormerFriends => {
                    let names = run.names(&wanted.former_friends, FRIENDS_AT_A_TIME, |()| true);
                    if !names.is_empty() {
                        return Some(Request::RemoveFriends(names));
                    }
                    run.enter(Step::Friends, wanted.friends.end());
                }
                Step::Friends => {
                    let names = run.names(&wanted.friends, FRIENDS_AT_A_TIME, |()| true);
                    if !names.is_empty() {
                        return Some(Request::AddFriends(names));
                    }
                    run.enter(Step::Status, 0);
                }
                Step::Status => {
                    if sets_status(self.restores_status, wanted) {
                        return Some(Request::Status);
                    }
                    run.enter(Step::Sent, 0);
                }
                Step::Sent => return run.retry(wanted),
            }
        }
    }

    /// Notes that the request which [`Plan::next`] returned last was sent.
    pub(crate) fn on_sent(&mut self, now: Timestamp, request: &Request, wanted: &mut Wanted) {
        let Some(run) = &mut self.run else {
            debug_assert!(false, "requests are sent on a connection");
            return;
        };
        run.has_work = true;
        match request {
            Request::Unsubscribe(names) => {
                for name in names {
                    if let Some(sent_on) = wanted.leaving.get_mut(name) {
                        *sent_on = run.connection;
                    }
                }
                run.advance(&wanted.leaving, names);
            }
            Request::Subscribe(subscription) => {
                for name in &subscription.names {
                    run.on_asked(now, wanted, name);
                }
            }
            Request::RemoveFriends(names) => {
                run.advance(&wanted.former_friends, names);
                // Repeated once. Places stay: only a login compacts.
                for name in names {
                    wanted.former_friends.remove(name);
                }
            }
            Request::AddFriends(names) => run.advance(&wanted.friends, names),
            Request::Status => {
                wanted.status_is_unsent = false;
                run.enter(Step::Sent, 0);
            }
        }
    }

    /// Notes that the request which [`Plan::next`] returned last is too long to be sent: the next
    /// one has fewer names. A channel that is too long on its own counts as refused.
    pub(crate) fn on_too_long(&mut self, now: Timestamp, request: &Request, wanted: &mut Wanted) {
        let Some(run) = &mut self.run else {
            debug_assert!(false, "requests are sent on a connection");
            return;
        };
        let names = match request {
            Request::Unsubscribe(names)
            | Request::RemoveFriends(names)
            | Request::AddFriends(names) => names,
            Request::Subscribe(subscription) => &subscription.names,
            Request::Status => return self.on_sent(now, request, wanted),
        };
        if names.len() > 1 {
            run.names_at_a_time = names.len() / 2;
            return;
        }
        self.on_sent(now, request, wanted);
        if let (Request::Subscribe(_), Some(name)) = (request, names.first()) {
            self.on_outcome(now, name, Outcome::Refused, wanted);
        }
    }

    /// Takes the outcome of a channel. Returns whether the plan waited for it; otherwise it is the
    /// outcome of a request of the application, or unsolicited.
    pub(crate) fn on_outcome(
        &mut self,
        now: Timestamp,
        name: &Text,
        outcome: Outcome,
        wanted: &mut Wanted,
    ) -> bool {
        let (Some(run), Some(channel)) = (&mut self.run, wanted.channels.get_mut(name)) else {
            return false;
        };
        let is_done = outcome == Outcome::Done;
        if is_done {
            channel.is_new = false;
        }
        if channel.asked_on != run.connection || channel.progress != Progress::Open {
            return false;
        }
        channel.progress = if is_done {
            Progress::Done
        } else {
            Progress::Failed
        };
        if !core::mem::take(&mut channel.counted) {
            return false;
        }
        run.close(now);
        if is_done {
            run.restored += 1;
        } else {
            run.failed.push(ChannelOutcome {
                channel: name.detached(),
                outcome,
                request: None,
            });
        }
        true
    }

    /// Asks for a channel once more without creation options, because the server refused it. The
    /// channel stays open.
    pub(crate) fn retry_plain(&mut self, name: &Text, wanted: &mut Wanted) {
        let (Some(run), Some(channel)) = (&mut self.run, wanted.channels.get_mut(name)) else {
            debug_assert!(false, "a refused channel was wanted on this connection");
            return;
        };
        channel.is_plain = true;
        run.retries.push_back(name.clone());
    }

    /// Notes that a channel is not wanted any more. Call it before the channel is removed.
    pub(crate) fn on_unwanted(&mut self, now: Timestamp, name: &str, wanted: &Wanted) {
        let (Some(run), Some(channel)) = (&mut self.run, wanted.channels.get(name)) else {
            return;
        };
        if channel.asked_on == run.connection && channel.counted {
            run.close(now);
        }
        run.retries.retain(|retry| **retry != *name);
    }

    /// When the open channels have timed out.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.run.as_ref()?.deadline
    }

    /// Puts the deadline off after a sleep.
    pub(crate) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        if let Some(at) = self.run.as_mut().and_then(|run| run.deadline.as_mut()) {
            *at = at.plus(slept).max(earliest);
        }
    }

    /// Gives up waiting for open channels whose time has passed. Returns them.
    pub(crate) fn time_out(&mut self, now: Timestamp, wanted: &mut Wanted) -> Vec<Text> {
        if self.deadline().is_none_or(|at| at > now) {
            return Vec::new();
        }
        let Some(run) = &mut self.run else {
            return Vec::new();
        };
        let (start, connection) = (run.current.start, run.connection);
        let open: Vec<Text> = wanted
            .channels
            .from(start)
            .take_while(|(place, ..)| *place < run.asked_end())
            .filter(|(_, _, channel)| channel.asked_on == connection && channel.counted)
            .map(|(_, name, _)| name.clone())
            .collect();
        debug_assert_eq!(open.len(), run.open, "open channels are in the last batch");
        run.retries.clear();
        run.deadline = None;
        for name in &open {
            self.on_outcome(now, name, Outcome::TimedOut, wanted);
        }
        open
    }

    /// Returns the end of the restore, once.
    pub(crate) fn finish(&mut self, wanted: &Wanted) -> Option<Finished> {
        let run = self.run.as_mut()?;
        let all_asked = !matches!(run.step, Step::Leave | Step::Channels);
        if run.is_finished || !all_asked || run.open > 0 {
            return None;
        }
        run.is_finished = true;
        let has_work =
            run.has_work || !wanted.friends.is_empty() || sets_status(self.restores_status, wanted);
        let channels = run.restored;
        let failed = core::mem::take(&mut run.failed);
        has_work.then_some(Finished { channels, failed })
    }

    /// Learns from the end of a connection that the application did not end. `blames_requests` is
    /// whether what the client asked for may be the reason.
    pub(crate) fn on_connection_lost(
        &mut self,
        now: Timestamp,
        blames_requests: bool,
    ) -> AfterLoss {
        let Some(run) = self.run.take() else {
            return AfterLoss::TryAgain;
        };
        let waiting_ms = self.waiting_ms;
        let is_over = |last: Timestamp| last.plus_millis(waiting_ms) <= now;
        if run.is_finished && run.last_outcome.is_none_or(is_over) {
            self.forget_trouble();
            return AfterLoss::TryAgain;
        }
        if !blames_requests {
            return AfterLoss::TryAgain;
        }
        let has_progress = run.survived > self.best;
        if has_progress {
            (self.best, self.futile) = (run.survived, 0);
        } else {
            self.futile += 1;
        }
        let batch = run.previous.channels.max(run.current.channels);
        if batch > 1 {
            // Fewer than were asked for: halving an unused limit would repeat the same request.
            self.at_a_time = (self.at_a_time.min(batch) / 2).max(1);
            return AfterLoss::AskLess;
        }
        if batch == 0 {
            // Nothing was asked for, so the requests cannot be the reason.
            return if self.futile >= MAX_FUTILE {
                AfterLoss::GiveUp
            } else {
                AfterLoss::TryAgain
            };
        }
        // Either of the last two channels may be the reason: event 5 of the first may arrive before
        // its history.
        let suspects: Vec<Text> = [run.previous, run.current]
            .into_iter()
            .filter_map(|batch| batch.first)
            .collect();
        let was_suspected = suspects.iter().any(|name| self.suspects.contains(name));
        let asked = if was_suspected {
            self.suspect_history
        } else {
            MAX_HISTORY
        };
        self.suspects = suspects;
        // The last attempt before the client gives up asks for no history at all.
        let history = if self.futile + 1 >= MAX_FUTILE {
            0
        } else {
            asked / 2
        };
        let before = core::mem::replace(&mut self.suspect_history, history);
        if asked == 0 && self.futile >= MAX_FUTILE {
            AfterLoss::GiveUp
        } else if has_progress || history < before {
            // A server that ends connections for another reason would come here for ever if each
            // other suspect counted.
            AfterLoss::AskLess
        } else {
            AfterLoss::TryAgain
        }
    }

    /// Notes the end of the connection. What [`Plan::on_connection_lost`] learnt from it stays.
    pub(crate) fn on_connection_ended(&mut self) {
        self.run = None;
    }

    /// Ends the connection because the application did, and forgets what its ends taught.
    pub(crate) fn end(&mut self) {
        self.run = None;
        self.forget_trouble();
    }

    fn forget_trouble(&mut self) {
        self.at_a_time = self.max_at_a_time;
        self.suspects = Vec::new();
        (self.suspect_history, self.futile, self.best) = (MAX_HISTORY, 0, 0);
    }
}

/// Whether the status is set on a new connection.
fn sets_status(restores_status: bool, wanted: &Wanted) -> bool {
    wanted.status.is_some() && (restores_status || wanted.status_is_unsent)
}

#[cfg(test)]
mod tests;
