//! [`ComingBack`]: what a client that comes back by itself may report, and when it may connect.

use super::setup::{Restoring, Setup};
use chat_core::{ChannelOutcome, Event, State};
use std::collections::BTreeSet;
use std::time::Duration;

/// The greatest window of an attempt. Spec: chat.md 10.
const LAST_WINDOW: Duration = Duration::from_secs(60);

pub(super) struct ComingBack {
    options: Option<Restoring>,
    /// What the last end is followed by.
    next: Next,
    /// The number of the last attempt.
    attempt: u32,
    /// Calls of the application that connect, without those whose attempt has begun.
    calls: usize,
    /// Whether this connection has reported `Restored`.
    is_restored: bool,
    /// The channels that the application wants, or has not left for certain: the client may
    /// subscribe to them without an event.
    wanted: BTreeSet<&'static str>,
    leaving: BTreeSet<&'static str>,
}

/// What has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    /// A client that comes back reports what it does after an error.
    Decision,
    /// An attempt.
    Attempt,
    /// Credentials of the application, then an attempt.
    Credentials,
}

impl ComingBack {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            options: setup.restore.clone(),
            next: Next::Nothing,
            attempt: 0,
            calls: 0,
            is_restored: false,
            wanted: BTreeSet::new(),
            leaving: BTreeSet::new(),
        }
    }

    /// Whether the client comes back.
    pub(super) const fn is_on(&self) -> bool {
        self.options.is_some()
    }

    // Calls.

    /// A call that connects, sooner or later, was accepted.
    pub(super) fn called(&mut self) {
        self.calls += 1;
    }

    pub(super) fn wants(&mut self, names: impl Iterator<Item = &'static str>) {
        if self.is_on() {
            self.wanted.extend(names);
        }
    }

    pub(super) fn leaves(&mut self, names: impl Iterator<Item = &'static str>) {
        for name in names {
            if self.wanted.remove(name) {
                self.leaving.insert(name);
            }
        }
    }

    pub(super) fn forget_channels(&mut self) {
        self.wanted.clear();
        self.leaving.clear();
    }

    /// Whether the client may be in this channel although no event says so.
    pub(super) fn may_be_in(&self, channel: &str) -> bool {
        self.wanted.contains(channel) || self.leaving.contains(channel)
    }

    /// The channels that the client may be in without an event.
    pub(super) fn into_wanted(self) -> BTreeSet<&'static str> {
        &self.wanted | &self.leaving
    }

    // Events.

    pub(super) fn state_changed(&mut self, from: State, to: State) {
        assert_ne!(self.next, Next::Decision, "an end without a decision");
        let is_attempt = matches!(
            to,
            State::ConnectingToNameServer | State::ConnectingToFrontEnd
        );
        let is_start = matches!(
            from,
            State::Uninitialized | State::Disconnected | State::Error
        );
        if is_attempt && is_start {
            let was_due = matches!(self.next, Next::Attempt | Next::Credentials);
            assert!(
                was_due || self.calls > 0,
                "an attempt that nobody asked for"
            );
            self.calls -= usize::from(!was_due);
        }
        if from == State::ConnectedToFrontEnd {
            self.is_restored = false;
            self.leaving.clear();
        }
        self.next = Next::Nothing;
    }

    /// Handles `Error`.
    pub(super) fn ended(&mut self) {
        if self.is_on() {
            self.next = Next::Decision;
        }
    }

    /// Whether an event may come now, whatever it is.
    pub(super) fn check_order(&self, event: &Event) {
        let is_allowed = self.next != Next::Decision
            || matches!(
                event,
                Event::ReconnectScheduled { .. }
                    | Event::ReconnectGaveUp { .. }
                    | Event::CredentialsNeeded
                    | Event::SubscribeResult(_)
                    | Event::UnsubscribeResult(_)
                    | Event::MessageUnconfirmed { .. }
            );
        assert!(is_allowed, "{event:?} before the decision");
    }

    pub(super) fn scheduled(&mut self, attempt: u32, after: Duration) {
        let options = self.options.as_ref().expect("the client comes back");
        assert_eq!(self.next, Next::Decision, "one decision for each end");
        // An attempt that the application asked for counts as the first one.
        assert!(
            matches!(attempt, 1 | 2) || attempt == self.attempt + 1,
            "attempt {attempt} after {}",
            self.attempt
        );
        assert!(!options.two_attempts.0 || attempt <= Restoring::MAX_ATTEMPTS);
        assert!(after <= LAST_WINDOW, "{after:?}");
        (self.attempt, self.next) = (attempt, Next::Attempt);
    }

    pub(super) fn needs_credentials(&mut self, state: State) {
        let options = self.options.as_ref().expect("the client comes back");
        assert!(options.asks_for_credentials.0, "nobody asked for that");
        assert!(
            matches!(state, State::Error | State::Disconnected),
            "{state:?}"
        );
        self.next = Next::Credentials;
    }

    pub(super) fn gave_up(&mut self, state: State) {
        assert!(self.is_on(), "the client does not come back");
        assert!(
            matches!(state, State::Error | State::Disconnected),
            "{state:?}"
        );
        self.next = Next::Nothing;
    }

    pub(super) fn restored(&mut self, state: State, failed: &[ChannelOutcome]) {
        assert!(self.is_on(), "the client does not come back");
        assert_eq!(state, State::ConnectedToFrontEnd);
        assert!(!self.is_restored, "restored twice");
        self.is_restored = true;
        let names: BTreeSet<&str> = failed.iter().map(|one| one.channel.as_str()).collect();
        assert_eq!(names.len(), failed.len(), "failed twice: {failed:?}");
    }

    /// The server has taken the user out of a channel. `is_asked` is whether a request of the
    /// application for it is open.
    pub(super) fn left(&mut self, channel: &str, is_asked: bool) {
        // Before `Restored`, a request that the client sent by itself may be open, whose answer brings
        // the user back into the channel without an event of its own. Spec: chat.md 10.1.
        if !is_asked && self.is_restored {
            self.wanted.remove(channel);
            self.leaving.remove(channel);
        }
    }
}
