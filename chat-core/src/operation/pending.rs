//! Requests without an outcome yet: subscribe, unsubscribe and get-regions.
//! Crate docs, contract 9; spec: chat.md 10 (R7, R8).

mod open;

use crate::error::{RequestError, ServerError};
use crate::event::{ChannelOutcome, Outcome, RequestId};
use crate::timers::{Timer, earlier};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use open::OpenRequests;
use photon_proto::{HashKeys, Timestamp};

/// How many requests of one operation may be pending at once.
const MAX_PENDING: usize = 4096;
/// How many settled requests wait for their response: servers may leave responses out.
const MAX_UNANSWERED: usize = 64;
/// The requests for which empty tables keep memory.
const KEPT_REQUESTS: usize = 64;

/// The part of the client that made a request. Only the application gets the outcomes of its own
/// requests as events; the others are settled in the same way, because servers answer them in one
/// order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Application,
    /// The client asks for missing messages. Spec: chat.md 4.1.
    Question,
    /// The client subscribes again after a login.
    Restore,
}

/// The history that a request asks for, of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestedHistory {
    /// The number of messages, -1 for all. [`RequestedHistory::ANCHOR`]: the application wants none,
    /// and the client asks for the newest one by itself.
    pub(crate) messages: i32,
    /// The id of the last message that the application has, 0 for none.
    pub(crate) last_id: i32,
    /// When the request was made; `None` if that is now.
    pub(crate) asked: Option<Timestamp>,
}

impl RequestedHistory {
    /// A history of one message that is not delivered.
    pub(crate) const ANCHOR: i32 = 0;
}

/// A request that has a name less to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) id: RequestId,
    pub(crate) kind: RequestKind,
    /// How often the request repeats the name.
    pub(crate) repeats: usize,
    /// The history that it asks for.
    pub(crate) history: Option<RequestedHistory>,
}

/// A request that got its response, its timeout, or the end of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) kind: RequestKind,
    /// The outcomes of the names that it waited for and that failed: none if the response accepts
    /// the request.
    pub(crate) failed: Vec<ChannelOutcome>,
}

/// All pending requests of a client.
#[derive(Debug)]
pub(crate) struct PendingRequests {
    pub(crate) subscribe: ChannelRequests,
    pub(crate) unsubscribe: ChannelRequests,
    pub(crate) regions: RegionsRequests,
    next_id: u64,
}

impl PendingRequests {
    pub(crate) fn new(keys: HashKeys) -> Self {
        Self {
            subscribe: ChannelRequests::new(keys),
            unsubscribe: ChannelRequests::new(keys),
            regions: RegionsRequests::default(),
            next_id: 1,
        }
    }

    /// Returns an id that no request of this client had before.
    pub(crate) fn next_id(&mut self) -> RequestId {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        id
    }

    /// Returns the memory of tables without requests.
    pub(crate) fn release_memory(&mut self) {
        for channels in [&mut self.subscribe, &mut self.unsubscribe] {
            channels.release_memory(0);
            channels.settled.shrink_to_fit();
        }
    }

    pub(crate) fn start_timers(&mut self, now: Timestamp) {
        self.subscribe.start_timers(now);
        self.unsubscribe.start_timers(now);
        self.regions.start_timers(now);
    }

    /// Puts the deadlines off after a sleep.
    pub(crate) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        let channels = [&mut self.subscribe, &mut self.unsubscribe];
        let open = channels.into_iter().filter_map(|it| it.open.as_mut());
        open.flat_map(|open| open.timers())
            .chain(&mut self.regions.timers)
            .for_each(|timer| timer.put_off(slept, earliest));
    }

    #[inline]
    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let channels = earlier(self.subscribe.deadline(now), self.unsubscribe.deadline(now));
        earlier(channels, self.regions.deadline(now))
    }
}

/// The deadlines of pending get-regions requests, oldest first. Responses come in request order, so
/// a request needs no other identity.
#[derive(Debug, Default)]
pub(crate) struct RegionsRequests {
    timers: VecDeque<Timer>,
}

impl RegionsRequests {
    pub(crate) fn len(&self) -> usize {
        self.timers.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// # Errors
    /// [`RequestError::QueueFull`] if no further request may be sent.
    pub(crate) fn check_space(&self) -> Result<(), RequestError> {
        if self.timers.len() < MAX_PENDING {
            Ok(())
        } else {
            Err(RequestError::QueueFull)
        }
    }

    /// Adds a request that was sent.
    pub(crate) fn push(&mut self, timer: Timer) {
        debug_assert!(
            self.check_space().is_ok(),
            "space is checked before a request is sent"
        );
        self.timers.push_back(timer);
    }

    /// Settles the oldest request. Returns whether there was one.
    pub(crate) fn settle(&mut self) -> bool {
        self.timers.pop_front().is_some()
    }

    /// Settles the oldest request if its deadline has passed. Returns whether it had.
    pub(crate) fn time_out(&mut self, now: Timestamp) -> bool {
        self.timers.front().is_some_and(|timer| timer.is_due(now)) && self.settle()
    }

    /// Settles all requests and returns how many there were.
    pub(crate) fn fail_all(&mut self) -> usize {
        core::mem::take(&mut self.timers).len()
    }

    fn start_timers(&mut self, now: Timestamp) {
        self.timers.iter_mut().for_each(|timer| timer.start(now));
    }

    fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.timers.front()?.deadline(now)
    }
}

/// The pending requests of one operation on channels.
///
/// A request is settled once for each distinct name, by an event from the server, a refusing
/// response, its timeout or the end of the connection. A settled request stays until its response
/// has arrived, so that later responses still find the request that they belong to.
///
/// ```text
///           response 0             last name settled
/// unanswered ───────> answered ──────────────────────> forgotten
///     └── last name settled, or refused ──> settled ──> forgotten: response, or too many
/// ```
#[derive(Debug)]
pub(crate) struct ChannelRequests {
    keys: HashKeys,
    /// How many requests the application made. The limit is for these: the client's own requests are
    /// few, and must not make a call of the application fail.
    of_application: usize,
    /// The requests that wait for outcomes. Most clients have none for hours, so they need no memory then.
    open: Option<Box<OpenRequests>>,
    /// The settled requests without a response, oldest first: at most [`MAX_UNANSWERED`].
    settled: VecDeque<(RequestId, RequestKind)>,
}

/// A request whose last name was just settled.
#[derive(Debug)]
struct Closed {
    id: RequestId,
    kind: RequestKind,
    answered: bool,
}

/// Returns the older of two requests.
fn older(one: Option<RequestId>, other: Option<RequestId>) -> Option<RequestId> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl ChannelRequests {
    fn new(keys: HashKeys) -> Self {
        Self {
            keys,
            of_application: 0,
            open: None,
            settled: VecDeque::new(),
        }
    }

    /// The keys of the maps of names.
    pub(crate) const fn keys(&self) -> HashKeys {
        self.keys
    }

    /// How many requests are pending or wait for their response.
    pub(crate) fn len(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.len()) + self.settled.len()
    }

    /// How many names are not settled, and how many requests are settled without a response. Both
    /// are 0 once nothing is pending.
    pub(crate) fn counters(&self) -> [usize; 2] {
        let names = self.open.as_ref().map_or(0, |open| open.names());
        [names, self.settled.len()]
    }

    /// # Errors
    /// [`RequestError::QueueFull`] if the application may send no further request.
    pub(crate) fn check_space(&self) -> Result<(), RequestError> {
        if self.of_application < MAX_PENDING {
            Ok(())
        } else {
            Err(RequestError::QueueFull)
        }
    }

    /// Whether a request waits for the outcome of this name.
    pub(crate) fn is_waiting_for(&self, name: &str) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.is_waiting_for(name))
    }

    /// Adds a request that was sent.
    pub(crate) fn push(
        &mut self,
        id: RequestId,
        kind: RequestKind,
        names: impl IntoIterator<Item: AsRef<str>>,
        timer: Timer,
    ) {
        self.of_application += usize::from(kind == RequestKind::Application);
        let keys = self.keys;
        self.open
            .get_or_insert_with(|| Box::new(OpenRequests::new(keys)))
            .push(id, kind, names, timer);
    }

    /// Notes the history that a request of the application asks for: so many messages, -1 for all,
    /// behind these ids. A channel needs it once it is known, which is not before its event 5.
    pub(crate) fn note_history<'n>(
        &mut self,
        id: RequestId,
        messages: i32,
        last_ids: impl IntoIterator<Item = (&'n str, i32)>,
    ) {
        debug_assert!(self.open.is_some(), "the request was just added");
        if let Some(open) = &mut self.open {
            open.note_history(id, messages, last_ids);
        }
    }

    /// The history that the oldest request asks for that waits for the name.
    pub(crate) fn history_of(&self, name: &str) -> Option<RequestedHistory> {
        self.open.as_ref()?.history_of(name)
    }

    /// Settles the oldest request that waits for the name, if there is one.
    pub(crate) fn settle(&mut self, name: &str) -> Option<Settled> {
        match &self.open {
            Some(open) if open.names() > 0 => self.settle_open(name),
            _ => None,
        }
    }

    #[inline(never)]
    fn settle_open(&mut self, name: &str) -> Option<Settled> {
        let (settled, closed) = self.open.as_mut()?.settle(name)?;
        if let Some(closed) = closed {
            self.on_closed(&closed);
        }
        Some(settled)
    }

    /// Handles a response. Responses come in request order: code 0 marks the oldest request without
    /// a response, another code fails the oldest request that is neither answered nor settled.
    /// Returns the request that the response belongs to, if there is one.
    pub(crate) fn on_response(
        &mut self,
        code: i16,
        error: impl FnOnce() -> ServerError,
    ) -> Option<Ended> {
        let unanswered = self.open.as_ref().and_then(|open| open.unanswered.oldest());
        let settled = self.settled.front().map(|(id, _)| *id);
        // A settled request was accepted, so a refusal cannot be its response.
        let addressed = if code == 0 {
            older(unanswered, settled)
        } else {
            unanswered
        };
        let id = addressed?;
        if Some(id) == settled {
            let (_, kind) = self.settled.pop_front()?;
            self.forget(kind);
            return Some(Ended {
                kind,
                failed: Vec::new(),
            });
        }
        let open = self.open.as_mut()?;
        let kind = open.answer(id)?;
        if code == 0 {
            return Some(Ended {
                kind,
                failed: Vec::new(),
            });
        }
        let error = Box::new(error());
        let (closed, ended) = open.fail(id, || Outcome::Failed(error.clone()))?;
        self.on_closed(&closed);
        Some(ended)
    }

    fn forget(&mut self, kind: RequestKind) {
        self.of_application -= usize::from(kind == RequestKind::Application);
    }

    /// Releases the tables of more than so many requests once none is open.
    fn release_memory(&mut self, kept_requests: usize) {
        let is_large = |open: &OpenRequests| open.len() == 0 && open.capacity() > kept_requests;
        if self.open.as_deref().is_some_and(is_large) {
            self.open = None;
        }
    }

    /// Forgets a request without names to settle if it has its response, otherwise keeps it until the
    /// response arrives.
    fn on_closed(&mut self, closed: &Closed) {
        self.release_memory(KEPT_REQUESTS);
        if closed.answered {
            self.forget(closed.kind);
            return;
        }
        let place = self.settled.partition_point(|(id, _)| *id < closed.id);
        self.settled.insert(place, (closed.id, closed.kind));
        // A server that never responds must not make this list grow.
        if self.settled.len() > MAX_UNANSWERED
            && let Some((_, kind)) = self.settled.pop_front()
        {
            self.forget(kind);
        }
        debug_assert!(
            self.settled.len() <= MAX_UNANSWERED,
            "the oldest settled request was removed"
        );
    }

    /// Fails the oldest unsettled request if its deadline has passed, and returns it.
    pub(crate) fn time_out(&mut self, now: Timestamp) -> Option<Ended> {
        let open = self.open.as_mut()?;
        let id = open.overdue(now)?;
        let (closed, ended) = open.fail(id, || Outcome::TimedOut)?;
        self.on_closed(&closed);
        Some(ended)
    }

    /// Forgets all requests because the connection ended. Returns each unsettled request.
    pub(crate) fn fail_all(&mut self) -> impl Iterator<Item = Ended> {
        let open = core::mem::replace(self, Self::new(self.keys)).open;
        open.into_iter().flat_map(|open| open.fail_all())
    }

    fn start_timers(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.start_timers(now);
        }
    }

    /// The deadline of the oldest unsettled request.
    #[inline]
    fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.open.as_ref()?.deadline(now)
    }
}

#[cfg(test)]
mod tests;
