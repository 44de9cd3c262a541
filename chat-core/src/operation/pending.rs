//! Requests without an outcome yet: subscribe, unsubscribe and get-regions.
//! Crate docs, contract 9; spec: chat.md 10 (R7, R8).

use crate::error::{RequestError, ServerError};
use crate::event::{ChannelOutcome, Outcome, RequestId};
use crate::model::keys::NameMap;
use crate::timers::{Timer, earlier};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use hashbrown::HashMap;
use photon_proto::{HashKeys, Text, Timestamp};

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
        self.subscribe.release_memory(0);
        self.unsubscribe.release_memory(0);
    }

    pub(crate) fn start_timers(&mut self, now: Timestamp) {
        self.subscribe.start_timers(now);
        self.unsubscribe.start_timers(now);
        self.regions.start_timers(now);
    }

    /// Puts the deadlines off after a sleep.
    pub(crate) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        let channels = [&mut self.subscribe, &mut self.unsubscribe];
        let requests = channels.into_iter().flat_map(|it| it.requests.values_mut());
        requests
            .map(|request| &mut request.timer)
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
///
/// Each state has its own queue. An application may have thousands of requests open, so that a
/// search through all of them for each response would cost quadratic time.
#[derive(Debug)]
pub(crate) struct ChannelRequests {
    requests: HashMap<RequestId, Request, IdHasher>,
    /// How many of them the application made. The limit is for these: the client's own requests are
    /// few, and must not make a call of the application fail.
    of_application: usize,
    /// For each name the requests that wait for it, oldest first, the name's index in them, and how
    /// often it is repeated in them.
    waiting: NameMap<VecDeque<(RequestId, usize, usize)>>,
    /// The requests without a response that wait for outcomes.
    unanswered: Queue,
    /// The requests with a response that wait for outcomes.
    answered: Queue,
    /// The settled requests without a response, oldest first: at most [`MAX_UNANSWERED`].
    settled: VecDeque<RequestId>,
}

#[derive(Debug)]
struct Request {
    kind: RequestKind,
    /// Distinct names in the order of the call; `None` once settled.
    names: Vec<Option<Text>>,
    /// How many of the names are not settled.
    unsettled: usize,
    answered: bool,
    timer: Timer,
    /// The first `now` that was passed after the request was made.
    started: Option<Timestamp>,
    /// The history that the application asks for; `None` most of the time.
    history: Option<Box<Histories>>,
}

/// The history of each name of a request.
#[derive(Debug)]
struct Histories {
    messages: i32,
    /// By the index of the name.
    last_ids: Vec<i32>,
}

impl Request {
    fn history(&self, index: usize) -> Option<RequestedHistory> {
        let Histories { messages, last_ids } = self.history.as_deref()?;
        Some(RequestedHistory {
            messages: *messages,
            last_id: last_ids.get(index).copied().unwrap_or(0),
            asked: self.started,
        })
    }
}

/// Ids of requests in one state, oldest first.
///
/// A request that leaves from the middle leaves its id behind, because removing it would move all
/// later ids. So the queue counts its live entries, and sweeps once they are the smaller part.
#[derive(Debug, Default)]
struct Queue {
    ids: VecDeque<RequestId>,
    live: usize,
}

impl Queue {
    /// Stale ids that a queue keeps without a sweep.
    const MAX_STALE: usize = 32;

    fn push(&mut self, id: RequestId) {
        debug_assert!(
            self.ids.back().is_none_or(|last| *last < id),
            "ids ascend: requests are answered in order"
        );
        self.ids.push_back(id);
        self.live += 1;
    }

    /// Notes that a request left the queue. `is_live` is whether an id is still in this state.
    fn leave(&mut self, is_live: impl Fn(RequestId) -> bool) {
        debug_assert!(self.live > 0, "only a request in the queue leaves it");
        self.live = self.live.saturating_sub(1);
        while self.ids.front().is_some_and(|id| !is_live(*id)) {
            self.ids.pop_front();
        }
        if self.ids.len() > self.live * 2 + Self::MAX_STALE {
            self.ids.retain(|id| is_live(*id));
        }
    }

    /// The oldest request: the front is never stale.
    fn oldest(&self) -> Option<RequestId> {
        self.ids.front().copied()
    }
}

/// Hashes request ids. The client counts them itself, so no peer can choose colliding ones, and
/// the keyed hash of names would cost ten times as much.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);

impl BuildHasher for IdHasher {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // The map uses the highest and the lowest bits; the golden ratio spreads an id over all.
        self.0 = (self.0 ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
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
            requests: HashMap::with_hasher(IdHasher::default()),
            of_application: 0,
            waiting: NameMap::with_hasher(keys),
            unanswered: Queue::default(),
            answered: Queue::default(),
            settled: VecDeque::new(),
        }
    }

    /// How many requests are pending or wait for their response.
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// How many names are not settled, and how many requests are settled without a response. Both
    /// are 0 once nothing is pending.
    pub(crate) fn counters(&self) -> [usize; 2] {
        [self.waiting.len(), self.settled.len()]
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
        self.waiting.contains_key(name)
    }

    /// Adds a request that was sent.
    pub(crate) fn push(
        &mut self,
        id: RequestId,
        kind: RequestKind,
        names: impl IntoIterator<Item: AsRef<str>>,
        timer: Timer,
    ) {
        let mut distinct: Vec<Option<Text>> = Vec::new();
        for name in names {
            let name = name.as_ref();
            if let Some(waiting) = self.waiting.get_mut(name) {
                // A name that occurs twice in one request is settled once.
                match waiting.back_mut() {
                    Some((last, _, repeats)) if *last == id => *repeats += 1,
                    _ => {
                        waiting.push_back((id, distinct.len(), 0));
                        distinct.push(Some(name.into()));
                    }
                }
            } else {
                let name = Text::from(name);
                self.waiting
                    .insert(name.clone(), VecDeque::from([(id, distinct.len(), 0)]));
                distinct.push(Some(name));
            }
        }
        debug_assert!(!distinct.is_empty(), "a request without names never ends");
        let replaced = self.requests.insert(
            id,
            Request {
                kind,
                unsettled: distinct.len(),
                names: distinct,
                answered: false,
                timer,
                started: None,
                history: None,
            },
        );
        debug_assert!(replaced.is_none(), "ids are not used again");
        self.of_application += usize::from(kind == RequestKind::Application);
        self.unanswered.push(id);
    }

    /// Notes the history that a request of the application asks for: so many messages, -1 for all,
    /// behind these ids. A channel needs it once it is known, which is not before its event 5.
    pub(crate) fn note_history<'n>(
        &mut self,
        id: RequestId,
        messages: i32,
        last_ids: impl IntoIterator<Item = (&'n str, i32)>,
    ) {
        let Some(request) = self.requests.get_mut(&id) else {
            debug_assert!(false, "the request was just added");
            return;
        };
        let mut by_index = Vec::new();
        for (name, last_id) in last_ids {
            let waiting = self.waiting.get(name).and_then(VecDeque::back);
            let Some((_, index, _)) = waiting.filter(|(last, _, _)| *last == id) else {
                debug_assert!(false, "the request waits for its names");
                continue;
            };
            if by_index.len() <= *index {
                by_index.resize(*index + 1, 0);
            }
            if let Some(kept) = by_index.get_mut(*index) {
                *kept = last_id.max(*kept);
            }
        }
        request.history = Some(Box::new(Histories {
            messages,
            last_ids: by_index,
        }));
    }

    /// The history that the oldest request asks for that waits for the name.
    pub(crate) fn history_of(&self, name: &str) -> Option<RequestedHistory> {
        let (id, index, _) = self.waiting.get(name)?.front()?;
        self.requests.get(id)?.history(*index)
    }

    /// Settles the oldest request that waits for the name, if there is one.
    pub(crate) fn settle(&mut self, name: &str) -> Option<Settled> {
        let waiting = self.waiting.get_mut(name)?;
        let (id, index, repeats) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(name);
        }
        let Some(request) = self.requests.get_mut(&id) else {
            debug_assert!(false, "a name waits for a request that is gone");
            return None;
        };
        let settled = request.names.get_mut(index).and_then(Option::take);
        debug_assert!(
            settled.is_some_and(|settled| settled == *name),
            "a name waits at its place in the request"
        );
        debug_assert!(
            request.unsettled > 0,
            "a settled request has no names that wait"
        );
        request.unsettled -= 1;
        let (kind, history) = (request.kind, request.history(index));
        if request.unsettled == 0 {
            self.on_settled(id);
        }
        Some(Settled {
            id,
            kind,
            repeats,
            history,
        })
    }

    /// Handles a response. Responses come in request order: code 0 marks the oldest request without
    /// a response, another code fails the oldest request that is neither answered nor settled.
    /// Returns the request that the response belongs to, if there is one.
    pub(crate) fn on_response(
        &mut self,
        code: i16,
        error: impl FnOnce() -> ServerError,
    ) -> Option<Ended> {
        let (open, settled) = (self.unanswered.oldest(), self.settled.front().copied());
        // A settled request was accepted, so a refusal cannot be its response.
        let addressed = if code == 0 {
            older(open, settled)
        } else {
            open
        };
        let id = addressed?;
        let Some(request) = self.requests.get_mut(&id) else {
            debug_assert!(false, "a queue holds pending requests");
            return None;
        };
        let mut ended = Ended {
            kind: request.kind,
            failed: Vec::new(),
        };
        if Some(id) == settled {
            self.settled.pop_front();
            self.forget(id);
            self.release_memory(KEPT_REQUESTS);
            return Some(ended);
        }
        request.answered = true;
        self.answered.push(id);
        self.leave_unanswered();
        if code != 0 {
            let error = Box::new(error());
            self.fail(id, || Outcome::Failed(error.clone()), &mut ended.failed);
        }
        Some(ended)
    }

    /// Settles every unsettled name of a request with this outcome.
    fn fail(
        &mut self,
        id: RequestId,
        outcome: impl Fn() -> Outcome,
        failed: &mut Vec<ChannelOutcome>,
    ) {
        let Some(request) = self.requests.get_mut(&id) else {
            debug_assert!(false, "only a pending request fails");
            return;
        };
        request.unsettled = 0;
        let names = core::mem::take(&mut request.names);
        for channel in names.into_iter().flatten() {
            if let Some(waiting) = self.waiting.get_mut(&*channel) {
                // The oldest request fails, so this is nearly always the first entry.
                if let Ok(place) = waiting.binary_search_by(|(waiting, _, _)| waiting.cmp(&id)) {
                    waiting.remove(place);
                }
                if waiting.is_empty() {
                    self.waiting.remove(&*channel);
                }
            }
            failed.push(ChannelOutcome {
                channel,
                outcome: outcome(),
                request: Some(id),
            });
        }
        self.on_settled(id);
    }

    fn forget(&mut self, id: RequestId) {
        let Some(request) = self.requests.remove(&id) else {
            debug_assert!(false, "a request is forgotten once");
            return;
        };
        self.of_application -= usize::from(request.kind == RequestKind::Application);
    }

    /// Releases the tables of more than so many requests once none is left.
    fn release_memory(&mut self, kept_requests: usize) {
        if self.requests.is_empty() && self.requests.capacity() > kept_requests {
            self.fail_all().for_each(drop);
        }
    }

    /// Forgets a settled request if it has its response, otherwise keeps it until the response
    /// arrives.
    fn on_settled(&mut self, id: RequestId) {
        let Some(request) = self.requests.get_mut(&id) else {
            debug_assert!(false, "the settled request exists");
            return;
        };
        debug_assert_eq!(request.unsettled, 0, "the last name was settled before");
        if request.answered {
            self.forget(id);
            let requests = &self.requests;
            self.answered.leave(|id| requests.contains_key(&id));
            self.release_memory(KEPT_REQUESTS);
            return;
        }
        request.names = Vec::new();
        let place = self.settled.partition_point(|settled| *settled < id);
        self.settled.insert(place, id);
        self.leave_unanswered();
        // A server that never responds must not make this list grow.
        if self.settled.len() > MAX_UNANSWERED
            && let Some(oldest) = self.settled.pop_front()
        {
            self.forget(oldest);
        }
        debug_assert!(
            self.settled.len() <= MAX_UNANSWERED,
            "the oldest settled request was removed"
        );
    }

    /// Removes from the queue of unanswered requests the one that was just answered or settled.
    fn leave_unanswered(&mut self) {
        let requests = &self.requests;
        self.unanswered.leave(|id| {
            let request = requests.get(&id);
            request.is_some_and(|request| !request.answered && request.unsettled > 0)
        });
    }

    /// Fails the oldest unsettled request if its deadline has passed, and returns it.
    pub(crate) fn time_out(&mut self, now: Timestamp) -> Option<Ended> {
        let (id, request) = self.oldest_unsettled()?;
        if !request.timer.is_due(now) {
            return None;
        }
        let mut ended = Ended {
            kind: request.kind,
            failed: Vec::new(),
        };
        self.fail(id, || Outcome::TimedOut, &mut ended.failed);
        Some(ended)
    }

    /// Forgets all requests because the connection ended. Returns each unsettled request.
    pub(crate) fn fail_all(&mut self) -> impl Iterator<Item = Ended> {
        // New tables rather than cleared ones: those of thousands of requests are large.
        let keys = *self.waiting.hasher();
        let requests = core::mem::replace(self, Self::new(keys)).requests;
        let mut requests: Vec<_> = requests
            .into_iter()
            .filter(|(_, request)| request.unsettled > 0)
            .collect();
        requests.sort_unstable_by_key(|(id, _)| *id);
        requests.into_iter().map(|(id, request)| {
            let lost = |channel| ChannelOutcome {
                channel,
                outcome: Outcome::ConnectionLost,
                request: Some(id),
            };
            Ended {
                kind: request.kind,
                failed: request.names.into_iter().flatten().map(lost).collect(),
            }
        })
    }

    fn start_timers(&mut self, now: Timestamp) {
        // The newest requests have not started, so the first started one, or one that was settled
        // meanwhile, ends the search.
        for id in self.unanswered.ids.iter().rev() {
            match self.requests.get_mut(id) {
                Some(request) if request.started.is_none() => {
                    request.started = Some(now);
                    request.timer.start(now);
                }
                _ => break,
            }
        }
    }

    /// The deadline of the oldest unsettled request. Requests start in order and have equal
    /// timeouts, so it is the earliest.
    #[inline]
    fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        if self.requests.is_empty() {
            return None;
        }
        self.oldest_unsettled()?.1.timer.deadline(now)
    }

    fn oldest_unsettled(&self) -> Option<(RequestId, &Request)> {
        let id = older(self.unanswered.oldest(), self.answered.oldest())?;
        let request = self.requests.get(&id);
        debug_assert!(
            request.is_some_and(|request| request.unsettled > 0),
            "both queues hold unsettled requests, and their fronts are live"
        );
        request.map(|request| (id, request))
    }
}

#[cfg(test)]
mod tests;
