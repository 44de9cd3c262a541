//! Requests without an outcome yet: subscribe, unsubscribe and get-regions.
//! Crate docs, contract 9; spec: chat.md 10 (R7, R8).

use crate::error::{RequestError, ServerError};
use crate::event::{ChannelOutcome, Outcome, RequestId};
use crate::model::keys::NameMap;
use crate::timers::{Timer, earlier};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use photon_proto::{HashKeys, Text, Timestamp};

/// How many requests of one operation may be pending at once.
const MAX_PENDING: usize = 4096;
/// How many settled requests wait for their response: servers may leave responses out.
const MAX_UNANSWERED: usize = 64;

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

    pub(crate) fn start_timers(&mut self, now: Timestamp) {
        self.subscribe.start_timers(now);
        self.unsubscribe.start_timers(now);
        self.regions.start_timers(now);
    }

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

/// The pending requests of one operation on channels, oldest first.
///
/// A request is settled once for each distinct name, by an event from the server, a refusing
/// response, its timeout or the end of the connection. A settled request stays until its response
/// has arrived, so that later responses still find the request that they belong to.
#[derive(Debug)]
pub(crate) struct ChannelRequests {
    requests: VecDeque<Request>,
    /// For each name the requests that wait for it, oldest first, and the name's index in them.
    waiting: NameMap<VecDeque<(RequestId, usize)>>,
    /// How many of the requests are settled, but have no response.
    unanswered: usize,
}

#[derive(Debug)]
struct Request {
    id: RequestId,
    /// Distinct names in the order of the call; `None` once settled.
    names: Vec<Option<Text>>,
    /// How many of the names are not settled.
    unsettled: usize,
    answered: bool,
    timer: Timer,
}

impl ChannelRequests {
    fn new(keys: HashKeys) -> Self {
        Self {
            requests: VecDeque::new(),
            waiting: NameMap::with_hasher(keys),
            unanswered: 0,
        }
    }

    /// How many requests are pending or wait for their response.
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// How many names are not settled, and how many requests are settled without a response. Both
    /// are 0 once nothing is pending.
    pub(crate) fn counters(&self) -> [usize; 2] {
        [self.waiting.len(), self.unanswered]
    }

    /// # Errors
    /// [`RequestError::QueueFull`] if no further request may be sent.
    pub(crate) fn check_space(&self) -> Result<(), RequestError> {
        if self.requests.len() < MAX_PENDING {
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
        names: impl IntoIterator<Item: AsRef<str>>,
        timer: Timer,
    ) {
        debug_assert!(
            self.requests.back().is_none_or(|last| last.id < id),
            "requests are searched by id, so ids must ascend"
        );
        let mut distinct: Vec<Option<Text>> = Vec::new();
        for name in names {
            let name = name.as_ref();
            if let Some(waiting) = self.waiting.get_mut(name) {
                // A name that occurs twice in one request is settled once.
                if waiting.back().is_none_or(|(last, _)| *last != id) {
                    waiting.push_back((id, distinct.len()));
                    distinct.push(Some(name.into()));
                }
            } else {
                let name = Text::from(name);
                self.waiting
                    .insert(name.clone(), VecDeque::from([(id, distinct.len())]));
                distinct.push(Some(name));
            }
        }
        debug_assert!(!distinct.is_empty(), "a request without names never ends");
        self.requests.push_back(Request {
            id,
            unsettled: distinct.len(),
            names: distinct,
            answered: false,
            timer,
        });
    }

    fn get_mut(&mut self, id: RequestId) -> Option<(usize, &mut Request)> {
        let index = self
            .requests
            .binary_search_by(|request| request.id.cmp(&id))
            .ok()?;
        self.requests.get_mut(index).map(|request| (index, request))
    }

    /// Settles the oldest request that waits for the name. Returns its id, or `None` if no request
    /// waits for the name.
    pub(crate) fn settle(&mut self, name: &str) -> Option<RequestId> {
        let waiting = self.waiting.get_mut(name)?;
        let (id, index) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(name);
        }
        let Some((place, request)) = self.get_mut(id) else {
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
        if request.unsettled == 0 {
            self.on_settled(place);
        }
        Some(id)
    }

    /// Handles a response. Responses come in request order: code 0 marks the oldest request without
    /// a response, another code fails the oldest request that is neither answered nor settled.
    /// Returns the outcomes of the request that failed.
    pub(crate) fn on_response(
        &mut self,
        code: i16,
        error: impl FnOnce() -> ServerError,
    ) -> Vec<ChannelOutcome> {
        let mut failed = Vec::new();
        // A settled request was accepted, so a refusal cannot be its response.
        let is_addressed =
            |request: &Request| !request.answered && (code == 0 || request.unsettled > 0);
        let Some(place) = self.requests.iter().position(is_addressed) else {
            return failed;
        };
        let Some(request) = self.requests.get_mut(place) else {
            debug_assert!(false, "`position` returns an index in range");
            return failed;
        };
        request.answered = true;
        if request.unsettled == 0 {
            debug_assert!(
                self.unanswered > 0,
                "every settled request without a response was counted"
            );
            self.unanswered -= 1;
            self.requests.remove(place);
        } else if code != 0 {
            let id = request.id;
            let error = Box::new(error());
            self.fail(id, || Outcome::Failed(error.clone()), &mut failed);
        }
        failed
    }

    /// Settles every unsettled name of a request with this outcome.
    fn fail(
        &mut self,
        id: RequestId,
        outcome: impl Fn() -> Outcome,
        failed: &mut Vec<ChannelOutcome>,
    ) {
        let Some((place, request)) = self.get_mut(id) else {
            debug_assert!(false, "only a pending request fails");
            return;
        };
        request.unsettled = 0;
        let names = core::mem::take(&mut request.names);
        for channel in names.into_iter().flatten() {
            if let Some(waiting) = self.waiting.get_mut(&*channel) {
                waiting.retain(|(waiting, _)| *waiting != id);
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
        self.on_settled(place);
    }

    /// Forgets the settled request at `place` if it has its response, otherwise counts it as
    /// unanswered.
    fn on_settled(&mut self, place: usize) {
        let Some(request) = self.requests.get(place) else {
            debug_assert!(false, "the settled request exists");
            return;
        };
        debug_assert_eq!(request.unsettled, 0, "the last name was settled before");
        if request.answered {
            self.requests.remove(place);
            return;
        }
        self.unanswered += 1;
        // A server that never responds must not make this list grow.
        if self.unanswered > MAX_UNANSWERED
            && let Some(oldest) = self
                .requests
                .iter()
                .position(|request| request.unsettled == 0)
        {
            self.unanswered -= 1;
            self.requests.remove(oldest);
        }
        debug_assert!(
            self.unanswered <= MAX_UNANSWERED,
            "the oldest settled request was removed"
        );
    }

    /// Fails the oldest unsettled request if its deadline has passed, and returns its outcomes.
    pub(crate) fn time_out(&mut self, now: Timestamp) -> Option<Vec<ChannelOutcome>> {
        let oldest = self.requests.iter().find(|request| request.unsettled > 0)?;
        if !oldest.timer.is_due(now) {
            return None;
        }
        let (id, mut failed) = (oldest.id, Vec::new());
        self.fail(id, || Outcome::TimedOut, &mut failed);
        Some(failed)
    }

    /// Forgets all requests because the connection ended. Returns the outcomes of each unsettled
    /// request.
    pub(crate) fn fail_all(&mut self) -> impl Iterator<Item = Vec<ChannelOutcome>> {
        self.waiting.clear();
        self.unanswered = 0;
        core::mem::take(&mut self.requests)
            .into_iter()
            .filter(|request| request.unsettled > 0)
            .map(|request| {
                let lost = |channel| ChannelOutcome {
                    channel,
                    outcome: Outcome::ConnectionLost,
                    request: Some(request.id),
                };
                request.names.into_iter().flatten().map(lost).collect()
            })
    }

    fn start_timers(&mut self, now: Timestamp) {
        // Armed timers belong to the newest requests, so the first started one ends the search.
        for request in self.requests.iter_mut().rev() {
            match request.timer {
                Timer::Armed { .. } => request.timer.start(now),
                _ => break,
            }
        }
    }

    /// The deadline of the oldest unsettled request. Requests start in order and have equal
    /// timeouts, so it is the earliest; at most [`MAX_UNANSWERED`] settled ones precede it.
    fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.requests
            .iter()
            .find(|request| request.unsettled > 0)?
            .timer
            .deadline(now)
    }
}
