//! [`RetiredLinks`]: links that only finish sending.

use crate::link::LinkId;
use crate::timers::{Timer, earlier};
use alloc::vec::Vec;
use core::time::Duration;
use photon_proto::Timestamp;
use photon_proto::peer::Peer;

/// How many retired links may exist. An application that disconnects and connects in a loop could
/// otherwise collect any number of them during the flush timeout.
const MAX_RETIRED_LINKS: usize = 8;

/// Links of connections that have ended for the client, and still send what was accepted before.
///
/// What arrives on them is discarded, except for acknowledgements. A link leaves when everything is
/// sent (over UDP: acknowledged), when its flush timeout has passed, or when the driver reports its
/// end.
#[derive(Debug, Default)]
pub(super) struct RetiredLinks {
    links: Vec<Retired>,
}

#[derive(Debug)]
struct Retired {
    link: LinkId,
    peer: Peer,
    flush: Timer,
    /// Whether the client ended the connection, rather than the peer or the link.
    on_purpose: bool,
}

/// A link that has left [`RetiredLinks`] and can be closed.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) link: LinkId,
    /// Whether the client ended the connection and something accepted was not delivered.
    pub(super) has_unsent_data: bool,
}

impl RetiredLinks {
    /// Adds a link. Returns the oldest one if there are too many.
    pub(super) fn push(
        &mut self,
        link: LinkId,
        peer: Peer,
        flush: Timer,
        on_purpose: bool,
    ) -> Option<Finished> {
        debug_assert!(!peer.is_flushed(), "a flushed link is closed instead");
        debug_assert!(self.find(link).is_none(), "a link retires once");
        let oldest = (self.links.len() >= MAX_RETIRED_LINKS).then(|| self.remove(0));
        self.links.push(Retired {
            link,
            peer,
            flush,
            on_purpose,
        });
        debug_assert!(
            self.links.len() <= MAX_RETIRED_LINKS,
            "the oldest link made space"
        );
        oldest
    }

    fn find(&self, link: LinkId) -> Option<usize> {
        self.links.iter().position(|retired| retired.link == link)
    }

    fn get_mut(&mut self, link: LinkId) -> Option<&mut Retired> {
        self.links.iter_mut().find(|retired| retired.link == link)
    }

    /// Removes the link at `index`, which must be in range.
    fn remove(&mut self, index: usize) -> Finished {
        let retired = self.links.remove(index);
        if self.links.is_empty() {
            // Returns the memory: most clients retire one link, on the move to the front end, and
            // then stay connected for a long time.
            self.links = Vec::new();
        }
        Finished {
            link: retired.link,
            has_unsent_data: retired.on_purpose && retired.peer.has_unsent_data(),
        }
    }

    pub(super) fn contains(&self, link: LinkId) -> bool {
        self.find(link).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Handles received bytes: they can hold acknowledgements. Returns false if the link is not
    /// retired.
    pub(super) fn receive(&mut self, now: Timestamp, link: LinkId, bytes: &[u8]) -> bool {
        let retired = self.get_mut(link);
        retired
            .map(|retired| retired.peer.handle_bytes(now, bytes))
            .is_some()
    }

    /// Removes a link because the driver reported its end.
    pub(super) fn on_link_gone(&mut self, link: LinkId) -> Option<Finished> {
        self.find(link).map(|index| self.remove(index))
    }

    pub(super) fn transmit(&mut self, now: Timestamp, link: LinkId) -> Option<&[u8]> {
        self.get_mut(link)?.peer.transmit(now)
    }

    /// Notes that bytes were sent. Returns false if the link is not retired.
    pub(super) fn transmitted(&mut self, link: LinkId, bytes: usize) -> bool {
        let retired = self.get_mut(link);
        retired
            .map(|retired| retired.peer.transmitted(bytes))
            .is_some()
    }

    /// Runs the timers of the connections, such as resends.
    pub(super) fn run_timers(&mut self, now: Timestamp) {
        for retired in &mut self.links {
            retired.peer.handle_timeout(now);
        }
    }

    /// Removes a link that has sent everything, if there is one.
    pub(super) fn next_flushed(&mut self) -> Option<Finished> {
        let index = self
            .links
            .iter()
            .position(|retired| retired.peer.is_flushed())?;
        Some(self.remove(index))
    }

    /// Removes a link whose flush timeout has passed, if there is one.
    pub(super) fn next_overdue(&mut self, now: Timestamp) -> Option<Finished> {
        let index = self
            .links
            .iter()
            .position(|retired| retired.flush.is_due(now))?;
        Some(self.remove(index))
    }

    pub(super) fn start_timers(&mut self, now: Timestamp) {
        for retired in &mut self.links {
            retired.flush.start(now);
            // The shutdown of a UDP connection starts with the first time that it gets.
            retired.peer.handle_timeout(now);
        }
    }

    /// Puts the deadlines off after a sleep.
    pub(super) fn wake(&mut self, now: Timestamp, slept: Duration) {
        for retired in &mut self.links {
            retired.flush.put_off(slept, now);
            retired.peer.wake(now, slept);
        }
    }

    #[inline]
    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.links
            .iter()
            .map(|retired| earlier(retired.flush.deadline(now), retired.peer.poll_timeout()))
            .fold(None, earlier)
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.links
            .iter()
            .map(|retired| retired.peer.buffered_bytes())
            .sum()
    }
}
