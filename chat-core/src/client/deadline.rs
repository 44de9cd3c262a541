//! When the client has to be called next. Computing it looks at every timer, so an idle client keeps
//! the result: a frame loop calls sixty times a second, and something is due once in seconds.

use super::ChatClient;
use crate::timers::earlier;
use photon_proto::Timestamp;

/// When [`ChatClient::service`] has something to do, if nothing else happens before.
///
/// It is known only while the client is idle. Whatever may change it [forgets](ChatClient::touch) it:
/// input, output, a call of the application, and each call of `service` that does anything. An
/// assertion compares it with the timers whenever it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum NextWork {
    /// It has to be computed.
    #[default]
    Unknown,
    /// A timer is due then. The time is not over.
    At(Timestamp),
    /// No timer runs.
    Never,
}

impl ChatClient {
    /// Returns when to call [`ChatClient::service`] if nothing arrives before. This is "now" (the
    /// latest time passed) while the client holds input that it could process, or while a timer
    /// that an intent armed has not started. `None` means that only input can cause work.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.armed {
            return Some(self.now);
        }
        let known = match self.next_work {
            NextWork::Unknown => return self.compute_timeout(),
            NextWork::At(at) => Some(at),
            NextWork::Never => None,
        };
        debug_assert_eq!(known, self.compute_timeout(), "what changes it forgets it");
        known
    }

    /// Whether something is to be done now. Keeps the time when it is not.
    #[inline]
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        debug_assert_eq!(now, self.now, "the time was taken");
        let at = self.poll_timeout();
        let is_due = at.is_some_and(|at| at <= now);
        // A full queue stops some timers, and the application may empty it at any time.
        if !is_due && self.next_work == NextWork::Unknown && !self.events.is_full() {
            self.next_work = at.map_or(NextWork::Never, NextWork::At);
        }
        is_due
    }

    /// Forgets when something is to be done, because it may have changed.
    #[inline]
    pub(super) const fn touch(&mut self) {
        self.next_work = NextWork::Unknown;
    }

    fn compute_timeout(&self) -> Option<Timestamp> {
        let now = self.now;
        let holds_input = self.holds_input();
        if self.armed || (holds_input && !self.events.is_full()) || self.can_restore() {
            return Some(now);
        }
        if holds_input {
            // What a deadline waits for may be in the input, so none passes before it is processed.
            // The peer applies the same rule to silence.
            return self.upkeep_deadline(now);
        }
        [
            self.reconnect_deadline(),
            self.restore_deadline(),
            self.confirm_deadline(),
        ]
        .into_iter()
        .fold(self.next_deadline(now), earlier)
    }

    /// The next deadline of a connection. A timer that has not started is due at `unstarted`.
    #[inline]
    fn upkeep_deadline(&self, unstarted: Timestamp) -> Option<Timestamp> {
        let connection = self.connection.as_ref();
        earlier(
            self.retired.deadline(unstarted),
            connection.and_then(|connection| connection.peer.poll_timeout()),
        )
    }

    /// The next deadline of a connection, a request or a login, even while input is held. A timer
    /// that has not started is due at `unstarted`.
    #[inline]
    pub(super) fn next_deadline(&self, unstarted: Timestamp) -> Option<Timestamp> {
        let requests = self.pending.deadline(unstarted);
        let questions = self.model.questions.deadline();
        [requests, questions, self.login.deadline(unstarted)]
            .into_iter()
            .fold(self.upkeep_deadline(unstarted), earlier)
    }
}
