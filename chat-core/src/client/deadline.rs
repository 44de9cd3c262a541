//! When the client has to be called next. Computing it looks at every timer, so an idle client keeps
//! the result: a frame loop calls sixty times a second, and something is due once in seconds.

use super::ChatClient;
use crate::timers::earlier;
use photon_proto::Timestamp;

/// When [`ChatClient::service`] has something to do, if nothing else happens before.
///
/// It is known only while the client is idle. Whatever may change it [forgets](ChatClient::touch) it:
/// output, a call of the application, and each call of `service` that runs a timer. Of input, and of
/// messages that change no timer, a lower bound remains: otherwise each message would look at every
/// timer. An assertion compares it with the timers whenever it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum NextWork {
    /// It has to be computed.
    #[default]
    Unknown,
    /// Input may wait. No timer is due before this time.
    NotBefore(Timestamp),
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
            NextWork::Unknown | NextWork::NotBefore(_) => return self.compute_timeout(),
            NextWork::At(at) => Some(at),
            NextWork::Never => None,
        };
        debug_assert_eq!(known, self.compute_timeout(), "what changes it forgets it");
        known
    }

    /// Whether it is known that nothing is to be done now.
    #[inline]
    pub(super) fn is_known_idle(&self, now: Timestamp) -> bool {
        let is_known = matches!(self.next_work, NextWork::At(_) | NextWork::Never);
        is_known && self.poll_timeout().is_none_or(|at| at > now)
    }

    /// Whether there is input that was [noted](ChatClient::note_input). That is the usual reason for
    /// work, and costs less to find than the next timer.
    #[inline]
    pub(super) fn has_noted_work(&self) -> bool {
        matches!(self.next_work, NextWork::NotBefore(_)) && self.has_work()
    }

    /// Whether something is to be done now. Keeps the time when it is not.
    #[inline]
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        debug_assert_eq!(now, self.now, "the time was taken");
        match self.next_work {
            NextWork::At(_) | NextWork::Never => self.poll_timeout().is_some_and(|at| at <= now),
            NextWork::Unknown | NextWork::NotBefore(_) => self.look_for_work(now),
        }
    }

    /// Whether something is to be done now, which is not known. Keeps the time when it is not.
    #[inline(never)]
    fn look_for_work(&mut self, now: Timestamp) -> bool {
        if self.has_noted_work() {
            return true;
        }
        let at = self.poll_timeout();
        let is_due = at.is_some_and(|at| at <= now);
        // A full queue stops some timers, and the application may empty it at any time.
        if !is_due && !self.events.is_full() {
            self.next_work = at.map_or(NextWork::Never, NextWork::At);
        }
        is_due
    }

    /// Whether something is left to be done now, in a call that has processed input. While no timer can
    /// be due, the next one stays unknown: the next call will have input, too.
    #[inline]
    pub(super) fn is_still_due(&mut self, now: Timestamp) -> bool {
        if !self.is_before_timers(now) {
            return self.is_due(now);
        }
        let has_work = self.has_work();
        debug_assert!(
            has_work || self.compute_timeout().is_none_or(|at| at > now),
            "what brings a timer forward forgets the bound"
        );
        has_work
    }

    /// Whether no timer can be due at this time.
    #[inline]
    pub(super) fn is_before_timers(&self, now: Timestamp) -> bool {
        matches!(self.next_work, NextWork::NotBefore(at) if now < at)
    }

    /// Notes that bytes arrived on a stream or WebSocket. They start no timer that is shorter than
    /// half of the silence timeout (see the docs of `peer::liveness`), and others only as messages.
    #[inline]
    pub(super) fn note_input(&mut self, now: Timestamp) {
        let known = match self.next_work {
            NextWork::Unknown | NextWork::NotBefore(_) => return,
            NextWork::At(at) => Some(at),
            NextWork::Never => None,
        };
        let started = now.plus(self.config.peer.silence_timeout / 2);
        self.next_work = NextWork::NotBefore(known.map_or(started, |at| at.min(started)));
    }

    /// Forgets when something is to be done, because it may have changed.
    #[inline]
    pub(super) const fn touch(&mut self) {
        self.next_work = NextWork::Unknown;
    }

    /// Whether there is something to do that needs no timer.
    #[inline]
    fn has_work(&self) -> bool {
        self.armed || self.can_process() || self.can_restore()
    }

    fn compute_timeout(&self) -> Option<Timestamp> {
        let now = self.now;
        if self.has_work() {
            return Some(now);
        }
        if self.holds_input() {
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
