//! [`Resubscription`]: the wanted state, and how it comes back on a new connection.
//!
//! ```text
//!  requests of the application ──> wanted ──> plan ──> requests ──> outcomes ─┬─> Restored
//!        │ not connected                        ^                             ├─> settled requests
//!        ├──> waiting: their ids                └── a loss: fewer at a time   └─> outbox: messages
//!        └──> outbox: their messages, and those to channels that were not asked for yet
//! ```

use super::options::Restore;
use super::outbox::{Outbox, QueuedMessage};
use super::plan::{AfterLoss, Finished, Plan, Request, Subscription};
use super::waiting_requests::WaitingRequests;
use super::wanted::{Progress, Wanted, WantedChannel};
use crate::confirm::Receiver;
use crate::error::RequestError;
use crate::event::{ChannelOutcome, Outcome, RequestId};
use crate::operation::pending::{Ended, RequestKind};
use crate::options::SubscribeOptions;
use alloc::vec::Vec;
use core::time::Duration;
use photon_proto::{HashKeys, Text, Timestamp};

/// The state that a client with [`ChatConfig::restore`](crate::ChatConfig::restore) brings back.
#[derive(Debug)]
pub(crate) struct Resubscription {
    pub(crate) wanted: Wanted,
    pub(crate) outbox: Outbox,
    plan: Plan,
    /// Requests that the application made while there was no connection.
    subscribes: WaitingRequests,
    unsubscribes: WaitingRequests,
    /// Counts the logins on front ends.
    connection: u32,
    is_connected: bool,
    /// Whether the next `service` may find something to send.
    is_due: bool,
    /// Whether something waits for space in the outgoing buffer.
    is_blocked: bool,
}

/// Returns what the application gets of a subscribe request that ended without an event 5.
pub(crate) fn report_subscribe(
    mut restore: Option<&mut Resubscription>,
    now: Timestamp,
    ended: Ended,
) -> Vec<ChannelOutcome> {
    let mut reports = Vec::new();
    for outcome in ended.failed {
        if let Some(restore) = &mut restore {
            restore.on_subscribe_outcome(now, outcome, Some(ended.kind), &mut reports);
        } else if ended.kind == RequestKind::Application {
            reports.push(outcome);
        }
    }
    reports
}

/// Returns what the application gets of an unsubscribe request that ended without an event 6.
pub(crate) fn report_unsubscribe(
    mut restore: Option<&mut Resubscription>,
    now: Timestamp,
    ended: Ended,
) -> Vec<ChannelOutcome> {
    let mut reports = Vec::new();
    for outcome in ended.failed {
        if let Some(restore) = &mut restore {
            restore.on_unsubscribe_outcome(now, outcome, Some(ended.kind), false, &mut reports);
        } else if ended.kind == RequestKind::Application {
            reports.push(outcome);
        }
    }
    reports
}

/// The outcomes of requests, one list for each event that reports them.
pub(crate) type Reports = Vec<Vec<ChannelOutcome>>;

impl Resubscription {
    /// `held_cap_bytes` limits what waits on a connection for its channel.
    pub(crate) fn new(options: &Restore, held_cap_bytes: usize, keys: HashKeys) -> Self {
        let waiting_ms = u64::try_from(options.waiting_time.as_millis()).unwrap_or(u64::MAX);
        Self {
            wanted: Wanted::new(keys),
            outbox: Outbox::new(options.queue_cap_bytes, held_cap_bytes),
            plan: Plan::new(
                options.channels_at_a_time,
                waiting_ms,
                options.restore_status,
            ),
            subscribes: WaitingRequests::new(keys),
            unsubscribes: WaitingRequests::new(keys),
            connection: 0,
            is_connected: false,
            is_due: false,
            is_blocked: false,
        }
    }

    // Requests of the application.

    /// Notes a subscribe of the application that was sent. Returns the unsubscribes that it
    /// withdraws.
    pub(crate) fn on_subscribe_sent(
        &mut self,
        names: impl Iterator<Item: AsRef<str>> + Clone,
        options: &SubscribeOptions,
    ) -> Reports {
        debug_assert!(self.is_connected, "requests are sent on a connection");
        for (index, name) in names.clone().enumerate() {
            let name = name.as_ref();
            self.wanted.want(name, options, index);
            if let Some(channel) = self.wanted.channels.get_mut(name)
                && (channel.asked_on != self.connection || channel.progress == Progress::Failed)
            {
                channel.asked_on = self.connection;
                channel.progress = Progress::Open;
                (channel.counted, channel.is_plain) = (false, false);
            }
        }
        self.compact();
        self.unsubscribes.withdraw(names)
    }

    /// Notes a subscribe that the application made without a connection. Returns the unsubscribes
    /// that it withdraws.
    pub(crate) fn subscribe_later(
        &mut self,
        id: RequestId,
        names: impl Iterator<Item: AsRef<str>> + Clone,
        options: &SubscribeOptions,
    ) -> Reports {
        debug_assert!(!self.is_connected, "a connected client asks at once");
        for (index, name) in names.clone().enumerate() {
            self.wanted.want(name.as_ref(), options, index);
            self.subscribes.push(id, name.as_ref());
        }
        self.compact();
        self.unsubscribes.withdraw(names)
    }

    /// Notes an unsubscribe of the application that was sent. `is_asked` is whether a subscribe waits
    /// for the outcome of a channel. Returns the subscribes that it withdraws.
    pub(crate) fn on_unsubscribe_sent(
        &mut self,
        now: Timestamp,
        names: impl Iterator<Item: AsRef<str>> + Clone,
        is_asked: impl Fn(&str) -> bool,
    ) -> Reports {
        debug_assert!(self.is_connected, "requests are sent on a connection");
        for name in names.clone() {
            self.plan.on_unwanted(now, name.as_ref(), &self.wanted);
            self.wanted.leave(name.as_ref(), self.connection);
        }
        self.is_due = true;
        self.compact();
        self.subscribes
            .withdraw(names.filter(|name| !is_asked(name.as_ref())))
    }

    /// Notes an unsubscribe that the application made without a connection. Returns the subscribes
    /// that it withdraws.
    pub(crate) fn unsubscribe_later(
        &mut self,
        id: RequestId,
        names: impl Iterator<Item: AsRef<str>> + Clone,
    ) -> Reports {
        debug_assert!(!self.is_connected, "a connected client asks at once");
        for name in names.clone() {
            self.wanted.leave(name.as_ref(), 0);
            self.unsubscribes.push(id, name.as_ref());
        }
        self.compact();
        self.subscribes.withdraw(names)
    }

    /// Notes that friends were added or removed.
    pub(crate) fn change_friends(&mut self, adds: bool, users: impl Iterator<Item: AsRef<str>>) {
        for user in users {
            if adds {
                self.wanted.add_friend(user.as_ref());
            } else {
                self.wanted.remove_friend(user.as_ref());
            }
        }
        self.compact();
    }

    /// Forgets all channels. Returns the requests that wait for them.
    pub(crate) fn forget_channels(&mut self) -> [Reports; 2] {
        let names: Vec<Text> = self
            .wanted
            .channels
            .from(0)
            .map(|(_, name, _)| name.clone())
            .collect();
        for name in &names {
            // No time has passed, and none counts for a channel without an outcome.
            self.plan.on_unwanted(Timestamp::ZERO, name, &self.wanted);
            self.wanted.channels.remove(name);
        }
        self.wanted.leaving.clear();
        self.compact();
        self.is_due |= self.is_connected;
        self.lose_all()
    }

    fn compact(&mut self) {
        // A plan walks over the lists by places.
        if !self.plan.is_running() {
            self.wanted.compact();
        }
    }

    // Connections.

    /// Begins to restore after a login on a front end.
    pub(crate) fn on_login(&mut self) {
        debug_assert!(!self.is_connected, "the connection before has ended");
        self.connection += 1;
        self.plan.begin(self.connection, &mut self.wanted);
        (self.is_connected, self.is_due, self.is_blocked) = (true, true, false);
    }

    /// Notes the end of the connection. Returns the subscribes and unsubscribes that were sent on it
    /// for the application.
    pub(crate) fn on_connection_ended(&mut self) -> [Reports; 2] {
        if !self.is_connected {
            return [Reports::new(), Reports::new()];
        }
        (self.is_connected, self.is_due, self.is_blocked) = (false, false, false);
        self.plan.on_connection_ended();
        let (wanted, connection) = (&self.wanted, self.connection);
        let was_asked = |name: &str| {
            let channel = wanted.channels.get(name);
            // A channel that is not wanted any more was asked for before.
            channel.is_none_or(|channel| channel.asked_on == connection)
        };
        let was_left = |name: &str| {
            let sent_on = wanted.leaving.get(name);
            sent_on.is_none_or(|sent_on| *sent_on == connection)
        };
        [
            self.subscribes.lose(was_asked),
            self.unsubscribes.lose(was_left),
        ]
    }

    /// Learns from an end that the application did not cause. `blames_requests` is whether what the
    /// client asked for may be the reason.
    pub(crate) fn on_connection_lost(
        &mut self,
        now: Timestamp,
        blames_requests: bool,
    ) -> AfterLoss {
        self.plan.on_connection_lost(now, blames_requests)
    }

    /// Stops restoring because the application disconnects, or the client gives up. Returns the
    /// subscribes and unsubscribes that waited. Wanted state stays.
    pub(crate) fn stop(&mut self) -> [Reports; 2] {
        self.plan.end();
        (self.is_connected, self.is_due, self.is_blocked) = (false, false, false);
        self.lose_all()
    }

    fn lose_all(&mut self) -> [Reports; 2] {
        [
            self.subscribes.lose(|_| true),
            self.unsubscribes.lose(|_| true),
        ]
    }

    // Outcomes.

    /// Takes the outcome of a subscribe for one channel. `kind` is who made the request; `None`: the
    /// server reports the channel unsolicited. Adds to `reports` what the application gets.
    pub(crate) fn on_subscribe_outcome(
        &mut self,
        now: Timestamp,
        outcome: ChannelOutcome,
        kind: Option<RequestKind>,
        reports: &mut Vec<ChannelOutcome>,
    ) {
        let is_done = outcome.outcome == Outcome::Done;
        self.is_due = true;
        match kind {
            Some(RequestKind::Question) => return,
            // Whatever an earlier connection left: the plan asks for the channel itself.
            None => return reports.push(outcome),
            Some(RequestKind::Application | RequestKind::Restore) => {}
        }
        if is_done {
            self.wanted.channels.share_name(&outcome.channel);
        }
        let is_refused = matches!(outcome.outcome, Outcome::Refused | Outcome::Failed(_));
        if is_refused && self.may_retry_plain(&outcome.channel) {
            if let (Some(RequestKind::Application), Some(id)) = (kind, outcome.request) {
                self.subscribes.push(id, &outcome.channel);
            }
            return self.plan.retry_plain(&outcome.channel, &mut self.wanted);
        }
        let waited = self.plan.on_outcome(
            now,
            &outcome.channel,
            outcome.outcome.clone(),
            &mut self.wanted,
        );
        let waiting = self.subscribes.settle(&outcome.channel);
        let is_late = !waited && is_done && waiting.is_empty();
        for id in waiting {
            reports.push(ChannelOutcome {
                request: Some(id),
                ..outcome.clone()
            });
        }
        match kind {
            Some(RequestKind::Application) => reports.push(outcome),
            // The channel counted as failed, so the application must learn that it is not.
            _ if is_late => reports.push(ChannelOutcome {
                request: None,
                ..outcome
            }),
            _ => {}
        }
    }

    fn may_retry_plain(&self, name: &str) -> bool {
        let may_retry = |channel: &WantedChannel| {
            channel.or_plain
                && channel.has_creation_options()
                && !channel.is_plain
                && channel.asked_on == self.connection
                && channel.progress == Progress::Open
        };
        self.is_connected && self.wanted.channels.get(name).is_some_and(may_retry)
    }

    /// Takes the outcome of an unsubscribe for one channel, as
    /// [`Resubscription::on_subscribe_outcome`]. `is_asked` is whether a subscribe waits for the
    /// outcome of the channel.
    pub(crate) fn on_unsubscribe_outcome(
        &mut self,
        now: Timestamp,
        outcome: ChannelOutcome,
        kind: Option<RequestKind>,
        is_asked: bool,
        reports: &mut Vec<ChannelOutcome>,
    ) {
        let name = &outcome.channel;
        self.is_due = true;
        if outcome.outcome == Outcome::Done {
            self.wanted.leaving.remove(name);
            // A subscribe that is newer than what this event answers still stands.
            if !is_asked && !self.subscribes.contains(name) {
                self.plan.on_unwanted(now, name, &self.wanted);
                self.wanted.channels.remove(name);
            }
        }
        for id in self.unsubscribes.settle(name) {
            reports.push(ChannelOutcome {
                request: Some(id),
                ..outcome.clone()
            });
        }
        if matches!(kind, Some(RequestKind::Application) | None) {
            reports.push(outcome);
        }
    }

    /// Whether the application wants a channel. An event 5 for it is not unsolicited.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.wanted.channels.contains(name)
    }

    // Sending.

    /// Whether [`Resubscription::next_request`] or [`Resubscription::next_message`] may have
    /// something to send.
    pub(crate) const fn is_due(&self) -> bool {
        self.is_due
    }

    /// Notes that nothing is left to do until something changes. `is_blocked`: until there is space
    /// in the outgoing buffer.
    pub(crate) fn pause(&mut self, is_blocked: bool) {
        (self.is_due, self.is_blocked) = (false, is_blocked);
    }

    pub(crate) fn set_due(&mut self) {
        (self.is_due, self.is_blocked) = (true, false);
    }

    /// Whether something waits for space in the outgoing buffer.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// The number of the present connection.
    pub(crate) const fn connection(&self) -> u32 {
        self.connection
    }

    /// The next request of the plan.
    pub(crate) fn next_request(&mut self, is_special: impl Fn(&str) -> bool) -> Option<Request> {
        self.plan.next(&mut self.wanted, is_special)
    }

    pub(crate) fn on_request_sent(&mut self, now: Timestamp, request: &Request) {
        self.plan.on_sent(now, request, &mut self.wanted);
    }

    /// Notes that a request does not fit into any buffer. Returns the subscribes of the application
    /// that cannot be sent.
    pub(crate) fn on_request_too_long(
        &mut self,
        now: Timestamp,
        request: &Request,
    ) -> Vec<ChannelOutcome> {
        self.plan.on_too_long(now, request, &mut self.wanted);
        let Request::Subscribe(Subscription { names, .. }) = request else {
            return Vec::new();
        };
        let [channel] = names.as_slice() else {
            return Vec::new();
        };
        let refused = |id| ChannelOutcome {
            channel: channel.clone(),
            outcome: Outcome::Refused,
            request: Some(id),
        };
        let unsendable = self.subscribes.settle(channel);
        unsendable.into_iter().map(refused).collect()
    }

    /// Whether a message to this channel would overtake the request for the channel, so that the
    /// server would refuse it.
    #[inline]
    pub(crate) fn asks_later(&self, channel: &str) -> bool {
        self.plan.asks_later(channel, &self.wanted)
    }

    /// # Errors
    /// [`RequestError::QueueFull`] if one more message does not fit into the outbox now.
    pub(crate) fn check_space(&self, bytes: usize) -> Result<(), RequestError> {
        self.outbox.check_space(bytes, self.is_connected)
    }

    /// How many messages of the outbox are lost with the connection.
    pub(crate) fn held_messages(&self) -> usize {
        if self.outbox.is_enabled() {
            0
        } else {
            self.outbox.len()
        }
    }

    /// The next queued message, if its channel has its outcome.
    pub(crate) fn next_message(&self) -> Option<&QueuedMessage> {
        let message = self.outbox.first()?;
        let Receiver::Channel(name) = &message.receiver else {
            return Some(message);
        };
        let is_settled = |channel: &WantedChannel| {
            channel.asked_on == self.connection && channel.progress != Progress::Open
        };
        let channel = self.wanted.channels.get(name);
        channel.is_none_or(is_settled).then_some(message)
    }

    /// The end of the restore, once. Friends and status may still wait for space.
    pub(crate) fn finish(&mut self) -> Option<Finished> {
        self.plan.finish(&self.wanted)
    }

    // Time.

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.plan.deadline()
    }

    /// Puts the deadline off after a sleep.
    pub(crate) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        self.plan.put_off(slept, earliest);
    }

    /// Gives up waiting for channels whose time has passed. Returns the requests of the application
    /// that this settles.
    pub(crate) fn time_out(&mut self, now: Timestamp) -> Vec<ChannelOutcome> {
        let mut reports = Vec::new();
        for channel in self.plan.time_out(now, &mut self.wanted) {
            self.is_due = true;
            for id in self.subscribes.settle(&channel) {
                reports.push(ChannelOutcome {
                    channel: channel.clone(),
                    outcome: Outcome::TimedOut,
                    request: Some(id),
                });
            }
        }
        reports
    }

    // Measurements.

    /// Requests and channels that are left, with names. All are 0 at rest.
    pub(crate) fn counters(&self) -> [(&'static str, usize); 6] {
        [
            ("queued messages", self.outbox.len()),
            ("bytes of queued messages", self.outbox.queued_bytes()),
            (
                "waiting requests",
                self.subscribes.len() + self.unsubscribes.len(),
            ),
            ("channels to restore", self.plan.open()),
            ("wanted channels", self.wanted.channels.len()),
            ("channels to leave", self.wanted.leaving.len()),
        ]
    }
}
