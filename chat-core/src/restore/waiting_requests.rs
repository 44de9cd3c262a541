//! [`WaitingRequests`]: requests that the application made while there was no connection.

use crate::event::{ChannelOutcome, Outcome, RequestId};
use crate::model::keys::NameMap;
use alloc::vec::Vec;
use photon_proto::{HashKeys, Text};

/// Requests of one operation that wait for the client's own request for the same channel. Each is
/// settled once for each distinct name, as a request that was sent at once.
#[derive(Debug)]
pub(crate) struct WaitingRequests {
    waiting: NameMap<Vec<RequestId>>,
}

impl WaitingRequests {
    pub(crate) fn new(keys: HashKeys) -> Self {
        Self {
            waiting: NameMap::with_hasher(keys),
        }
    }

    /// How many names requests wait for.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.waiting.contains_key(name)
    }

    /// Adds a name of a request. A name that a request repeats counts once.
    pub(crate) fn push(&mut self, id: RequestId, name: &str) {
        if let Some(waiting) = self.waiting.get_mut(name) {
            if waiting.last() != Some(&id) {
                waiting.push(id);
            }
        } else {
            self.waiting.insert(name.into(), Vec::from([id]));
        }
    }

    /// Settles the name in every request that waits for it. Returns these requests, oldest first.
    pub(crate) fn settle(&mut self, name: &str) -> Vec<RequestId> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let settled = self.waiting.remove(name).unwrap_or_default();
        if self.waiting.is_empty() {
            // A new table: that of thousands of names is large.
            self.waiting = NameMap::with_hasher(*self.waiting.hasher());
        }
        settled
    }

    /// Settles, with `ConnectionLost`, all names that `is_lost` selects. Returns the outcomes of each
    /// request, oldest first.
    pub(crate) fn lose(&mut self, is_lost: impl Fn(&str) -> bool) -> Vec<Vec<ChannelOutcome>> {
        let mut lost: Vec<(RequestId, Text)> = Vec::new();
        self.waiting.retain(|name, waiting| {
            let keeps = !is_lost(name);
            if !keeps {
                lost.extend(waiting.iter().map(|id| (*id, name.clone())));
            }
            keeps
        });
        if self.waiting.is_empty() {
            self.waiting = NameMap::with_hasher(*self.waiting.hasher());
        }
        Self::outcomes(lost)
    }

    /// Settles these names, with `ConnectionLost`, because a later call replaces their requests before
    /// they were sent. Returns the outcomes of each request, oldest first.
    pub(crate) fn withdraw(
        &mut self,
        names: impl Iterator<Item: AsRef<str>>,
    ) -> Vec<Vec<ChannelOutcome>> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut withdrawn: Vec<(RequestId, Text)> = Vec::new();
        for name in names {
            let name = name.as_ref();
            for id in self.settle(name) {
                withdrawn.push((id, name.into()));
            }
        }
        Self::outcomes(withdrawn)
    }

    fn outcomes(mut lost: Vec<(RequestId, Text)>) -> Vec<Vec<ChannelOutcome>> {
        // By name too: the order of the table depends on secret keys.
        lost.sort_unstable();
        let outcomes = |request: &[(RequestId, Text)]| {
            request
                .iter()
                .map(|(id, channel)| ChannelOutcome {
                    channel: channel.clone(),
                    outcome: Outcome::ConnectionLost,
                    request: Some(*id),
                })
                .collect()
        };
        lost.chunk_by(|one, next| one.0 == next.0)
            .map(outcomes)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::WaitingRequests;
    use crate::event::{Outcome, RequestId};
    use alloc::vec::Vec;
    use photon_proto::{HashKeys, Random};

    fn waiting_requests() -> WaitingRequests {
        WaitingRequests::new(HashKeys::new(&mut Random::new([4; 32])))
    }

    #[test]
    fn every_name_of_a_request_is_settled_once() {
        let mut requests = waiting_requests();
        for (id, name) in [(1, "a"), (1, "b"), (1, "a"), (2, "a"), (3, "c")] {
            requests.push(RequestId(id), name);
        }
        assert_eq!(requests.settle("x"), []);
        assert_eq!(requests.settle("a"), [RequestId(1), RequestId(2)]);
        assert_eq!(requests.settle("a"), []);
        let lost: Vec<_> = requests
            .lose(|_| true)
            .into_iter()
            .flatten()
            .map(|one| {
                assert_eq!(one.outcome, Outcome::ConnectionLost);
                (one.request.unwrap().number(), one.channel)
            })
            .collect();
        assert_eq!(lost, [(1, "b".into()), (3, "c".into())]);
        assert_eq!(requests.len(), 0);
    }

    #[test]
    fn only_the_lost_names_of_a_request_are_settled() {
        let mut requests = waiting_requests();
        requests.push(RequestId(5), "asked");
        requests.push(RequestId(5), "later");
        assert_eq!(requests.lose(|name| name == "asked").len(), 1);
        assert!(requests.contains("later"));
        assert_eq!(requests.settle("later"), [RequestId(5)]);
    }
}
