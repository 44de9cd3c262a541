//! Requests whose outcome is still open: subscribe and unsubscribe. Contract 9; spec: chat.md 10 (R7, R8).

use crate::error::{RequestError, ServerError};
use crate::event::{ChannelOutcome, Outcome, RequestId};
use crate::model::NameMap;
use crate::timers::Timer;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use photon_proto::{Text, Timestamp};

/// How many requests of one operation may be open at once.
pub(crate) const MAX_PENDING: usize = 4096;
/// How many settled requests are remembered because their response has not come: servers may leave responses out.
const MAX_UNANSWERED: usize = 64;

/// The open requests of one operation, oldest first.
#[derive(Debug)]
pub(crate) struct OpenRequests {
    requests: VecDeque<Request>,
    /// For each name the requests that wait for it, oldest first, and the name's place in them.
    waiting: NameMap<VecDeque<(RequestId, usize)>>,
    /// How many of the requests are settled, but without a response.
    unanswered: usize,
}

#[derive(Debug)]
struct Request {
    id: RequestId,
    /// Distinct names in the order of the call; `None` once settled.
    names: Vec<Option<Text>>,
    unsettled: usize,
    answered: bool,
    timer: Timer,
}

impl OpenRequests {
    pub(crate) fn new(names: NameMap<VecDeque<(RequestId, usize)>>) -> Self {
        Self {
            requests: VecDeque::new(),
            waiting: names,
            unanswered: 0,
        }
    }

    pub(crate) fn check_room(&self) -> Result<(), RequestError> {
        if self.requests.len() < MAX_PENDING {
            Ok(())
        } else {
            Err(RequestError::QueueFull)
        }
    }

    /// Whether a request waits for the outcome of this name.
    pub(crate) fn is_waited_for(&self, name: &str) -> bool {
        self.waiting.contains_key(name)
    }

    /// A request was sent. It is settled once for each distinct name.
    pub(crate) fn push(
        &mut self,
        id: RequestId,
        names: impl IntoIterator<Item: AsRef<str>>,
        timer: Timer,
    ) {
        let mut distinct: Vec<Option<Text>> = Vec::new();
        for name in names {
            let name = name.as_ref();
            if let Some(waiting) = self.waiting.get_mut(name) {
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

    /// The server told the outcome for a name: the oldest request that waits for it is settled.
    pub(crate) fn settle(&mut self, name: &str) -> Option<RequestId> {
        let waiting = self.waiting.get_mut(name)?;
        let (id, index) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(name);
        }
        let (place, request) = self.get_mut(id)?;
        if let Some(slot) = request.names.get_mut(index) {
            *slot = None;
        }
        request.unsettled = request.unsettled.saturating_sub(1);
        if request.unsettled == 0 {
            self.settled(place);
        }
        Some(id)
    }

    /// A response came, in request order. Code 0 marks the oldest request that has none yet; another code fails the
    /// oldest that is neither answered nor settled.
    pub(crate) fn answer(
        &mut self,
        code: i16,
        error: impl FnOnce() -> ServerError,
    ) -> Vec<ChannelOutcome> {
        let mut failed = Vec::new();
        let addressed =
            |request: &Request| !request.answered && (code == 0 || request.unsettled > 0);
        let Some(place) = self.requests.iter().position(addressed) else {
            return failed;
        };
        let Some(request) = self.requests.get_mut(place) else {
            return failed;
        };
        request.answered = true;
        if request.unsettled == 0 {
            self.unanswered = self.unanswered.saturating_sub(1);
            self.requests.remove(place);
        } else if code != 0 {
            let id = request.id;
            let error = Box::new(error());
            self.fail(id, || Outcome::Failed(error.clone()), &mut failed);
        }
        failed
    }

    /// Settles all that is unsettled of a request.
    fn fail(
        &mut self,
        id: RequestId,
        outcome: impl Fn() -> Outcome,
        failed: &mut Vec<ChannelOutcome>,
    ) {
        let Some((place, request)) = self.get_mut(id) else {
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
        self.settled(place);
    }

    /// The request at `place` is settled. If its response has come it is forgotten; else it waits for it, so that
    /// responses keep finding the request that they belong to, but not more than a few do.
    fn settled(&mut self, place: usize) {
        if self
            .requests
            .get(place)
            .is_some_and(|request| request.answered)
        {
            self.requests.remove(place);
            return;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        if self.unanswered > MAX_UNANSWERED
            && let Some(oldest) = self
                .requests
                .iter()
                .position(|request| request.unsettled == 0)
        {
            self.unanswered = self.unanswered.saturating_sub(1);
            self.requests.remove(oldest);
        }
    }

    /// Fails the oldest request whose time has run out, if there is one.
    pub(crate) fn time_out(&mut self, now: Timestamp) -> Option<Vec<ChannelOutcome>> {
        let overdue = self.requests.iter().find(|request| request.unsettled > 0)?;
        if !overdue.timer.is_due(now) {
            return None;
        }
        let (id, mut failed) = (overdue.id, Vec::new());
        self.fail(id, || Outcome::TimedOut, &mut failed);
        Some(failed)
    }

    /// The connection ended: an outcome for everything that is unsettled, one list a request.
    pub(crate) fn lose(&mut self) -> impl Iterator<Item = Vec<ChannelOutcome>> {
        self.waiting.clear();
        self.unanswered = 0;
        core::mem::take(&mut self.requests)
            .into_iter()
            .filter(|request| request.unsettled > 0)
            .map(|request| {
                let id = request.id;
                let lost = |channel| ChannelOutcome {
                    channel,
                    outcome: Outcome::ConnectionLost,
                    request: Some(id),
                };
                request.names.into_iter().flatten().map(lost).collect()
            })
    }

    pub(crate) fn start_timers(&mut self, now: Timestamp) {
        // Armed timers are the newest.
        for request in self.requests.iter_mut().rev() {
            match request.timer {
                Timer::Armed { .. } => request.timer.start(now),
                _ => break,
            }
        }
    }

    /// Requests begin in order and have equal time, so the first unsettled one is due first; the settled ones before
    /// it are at most [`MAX_UNANSWERED`].
    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.requests
            .iter()
            .find(|request| request.unsettled > 0)?
            .timer
            .deadline(now)
    }
}
