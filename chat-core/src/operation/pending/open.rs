//! [`OpenRequests`]: the requests of one operation on channels that have names to settle.

use super::{Closed, Ended, RequestKind, RequestedHistory, Settled};
use crate::event::{ChannelOutcome, Outcome, RequestId};
use crate::model::keys::NameMap;
use crate::timers::Timer;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};
use hashbrown::HashMap;
use photon_proto::{HashKeys, Text, Timestamp};

/// The open requests. Those with a response and those without have a queue each: an application may have thousands
/// of requests open, so that a search through all of them for each response would cost quadratic time.
#[derive(Debug)]
pub(super) struct OpenRequests {
    requests: HashMap<RequestId, Request, IdHasher>,
    /// For each name the requests that wait for it, oldest first, the name's index in them, and how
    /// often it is repeated in them.
    waiting: NameMap<VecDeque<(RequestId, usize, usize)>>,
    /// The requests without a response.
    pub(super) unanswered: Queue,
    /// The requests with a response.
    pub(super) answered: Queue,
}

#[derive(Debug)]
struct Request {
    kind: RequestKind,
    /// Distinct names in the order of the call; `None` once settled.
    names: Vec<Option<Text>>,
    /// How many of the names are not settled; at least one.
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
pub(super) struct Queue {
    pub(super) ids: VecDeque<RequestId>,
    pub(super) live: usize,
}

impl Queue {
    /// Stale ids that a queue keeps without a sweep.
    pub(super) const MAX_STALE: usize = 32;

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
    pub(super) fn oldest(&self) -> Option<RequestId> {
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

impl OpenRequests {
    pub(super) fn new(keys: HashKeys) -> Self {
        Self {
            requests: HashMap::with_hasher(IdHasher::default()),
            waiting: NameMap::with_hasher(keys),
            unanswered: Queue::default(),
            answered: Queue::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// For how many requests there is memory.
    pub(super) fn capacity(&self) -> usize {
        self.requests.capacity()
    }

    /// How many names are not settled.
    pub(super) fn names(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn timers(&mut self) -> impl Iterator<Item = &mut Timer> {
        self.requests.values_mut().map(|request| &mut request.timer)
    }

    pub(super) fn is_waiting_for(&self, name: &str) -> bool {
        self.waiting.contains_key(name)
    }

    pub(super) fn push(
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
        self.unanswered.push(id);
    }

    pub(super) fn note_history<'n>(
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

    pub(super) fn history_of(&self, name: &str) -> Option<RequestedHistory> {
        let (id, index, _) = self.waiting.get(name)?.front()?;
        self.requests.get(id)?.history(*index)
    }

    /// Settles a name of the oldest request that waits for it. Also returns the request if this was its last name.
    pub(super) fn settle(&mut self, name: &str) -> Option<(Settled, Option<Closed>)> {
        let waiting = self.waiting.get_mut(name)?;
        let (id, index, repeats) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(name);
        }
        let Some(request) = self.requests.get_mut(&id) else {
            debug_assert!(false, "a name waits for a request that is gone");
            return None;
        };
        let name_of_request = request.names.get_mut(index).and_then(Option::take);
        debug_assert!(
            name_of_request.is_some_and(|settled| settled == *name),
            "a name waits at its place in the request"
        );
        debug_assert!(
            request.unsettled > 0,
            "an open request has a name that waits"
        );
        request.unsettled -= 1;
        let settled = Settled {
            id,
            kind: request.kind,
            repeats,
            history: request.history(index),
        };
        let is_closed = request.unsettled == 0;
        let closed = is_closed.then(|| self.close(id)).flatten();
        Some((settled, closed.map(|(closed, _)| closed)))
    }

    /// Notes that the response to a request arrived. Returns the kind of the request.
    pub(super) fn answer(&mut self, id: RequestId) -> Option<RequestKind> {
        let Some(request) = self.requests.get_mut(&id) else {
            debug_assert!(false, "a queue holds open requests");
            return None;
        };
        request.answered = true;
        let kind = request.kind;
        self.answered.push(id);
        self.leave_unanswered();
        Some(kind)
    }

    /// Settles all names of a request with this outcome.
    pub(super) fn fail(
        &mut self,
        id: RequestId,
        outcome: impl Fn() -> Outcome,
    ) -> Option<(Closed, Ended)> {
        let (closed, names) = self.close(id)?;
        let mut ended = Ended {
            kind: closed.kind,
            failed: Vec::new(),
        };
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
            ended.failed.push(ChannelOutcome {
                channel,
                outcome: outcome(),
                request: Some(id),
            });
        }
        Some((closed, ended))
    }

    /// Removes a request without names to settle, or that fails. Returns its names as well.
    fn close(&mut self, id: RequestId) -> Option<(Closed, Vec<Option<Text>>)> {
        let Some(request) = self.requests.remove(&id) else {
            debug_assert!(false, "an open request is closed once");
            return None;
        };
        if request.answered {
            let requests = &self.requests;
            self.answered.leave(|id| requests.contains_key(&id));
        } else {
            self.leave_unanswered();
        }
        let closed = Closed {
            id,
            kind: request.kind,
            answered: request.answered,
        };
        Some((closed, request.names))
    }

    /// Removes from the queue of unanswered requests the one that was just answered or closed.
    fn leave_unanswered(&mut self) {
        let requests = &self.requests;
        self.unanswered
            .leave(|id| requests.get(&id).is_some_and(|request| !request.answered));
    }

    /// The oldest request, if its deadline has passed.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<RequestId> {
        let (id, request) = self.oldest()?;
        request.timer.is_due(now).then_some(id)
    }

    /// All requests, oldest first, which the connection took with it.
    pub(super) fn fail_all(self) -> impl Iterator<Item = Ended> {
        let mut requests: Vec<_> = self.requests.into_iter().collect();
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

    pub(super) fn start_timers(&mut self, now: Timestamp) {
        // The newest requests have not started, so the first started one, or one that was closed
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

    /// The deadline of the oldest request. Requests start in order and have equal timeouts, so it is the earliest.
    #[inline]
    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        if self.requests.is_empty() {
            return None;
        }
        self.oldest()?.1.timer.deadline(now)
    }

    fn oldest(&self) -> Option<(RequestId, &Request)> {
        let id = super::older(self.unanswered.oldest(), self.answered.oldest())?;
        let request = self.requests.get(&id);
        debug_assert!(request.is_some(), "the fronts of both queues are live");
        request.map(|request| (id, request))
    }

    /// How many requests the application made.
    #[cfg(test)]
    pub(super) fn of_application(&self) -> usize {
        let kinds = self.requests.values().map(|request| request.kind);
        kinds
            .filter(|kind| *kind == RequestKind::Application)
            .count()
    }
}
