//! The invariants of a client between any two calls (`assert_consistent`), and at rest
//! ([`ChatClient::check_at_rest`]).

use super::ChatClient;
use crate::state::{Server, State};
use core::fmt;

/// Something that a client still holds or counts although it should be at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAtRest {
    /// The kind of thing that is left.
    pub what: &'static str,
    /// How much of it.
    pub amount: usize,
}

impl fmt::Display for NotAtRest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the client is not at rest: {} {} left",
            self.amount, self.what
        )
    }
}

impl core::error::Error for NotAtRest {}

impl ChatClient {
    /// Checks that every counter and budget is zero while nothing is left that could use it.
    ///
    /// For tests of this library and of drivers: a leak shows only after many connections, as a
    /// budget that is used up or a request that never ends. Bring the client to rest first:
    /// disconnect, run the driver until [`ChatClient::poll_timeout`] is `None`, take all events and
    /// commands, and call [`ChatClient::unsubscribe`] before or
    /// [`ChatClient::forget_channels`] after.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// chat.disconnect();
    /// # simulation.run_for(5_000);
    /// # let chat = simulation.chat(0);
    /// // After the driver has sent everything and the application has taken all events:
    /// chat.forget_channels();
    /// assert_eq!(chat.check_at_rest(), Ok(()));
    /// ```
    ///
    /// # Errors
    /// [`NotAtRest`] with the first thing that is left.
    pub fn check_at_rest(&self) -> Result<(), NotAtRest> {
        let pending = &self.pending;
        let [subscribe_names, subscribe_unanswered] = pending.subscribe.counters();
        let [unsubscribe_names, unsubscribe_unanswered] = pending.unsubscribe.counters();
        let counters = [
            ("events", self.events.len()),
            ("bytes of events", self.events.used_bytes()),
            ("commands", self.commands.len()),
            (
                "current connections",
                usize::from(self.connection.is_some()),
            ),
            ("retired links", self.retired.len()),
            ("buffered bytes", self.buffered_bytes()),
            ("subscribe requests", pending.subscribe.len()),
            ("names to subscribe", subscribe_names),
            ("unanswered subscribe requests", subscribe_unanswered),
            ("unsubscribe requests", pending.unsubscribe.len()),
            ("names to unsubscribe", unsubscribe_names),
            ("unanswered unsubscribe requests", unsubscribe_unanswered),
            ("get-regions requests", pending.regions.len()),
            ("messages without a result", self.unconfirmed_messages()),
            ("steps of a login", usize::from(self.login.is_waiting())),
            (
                "scheduled reconnects",
                usize::from(self.is_reconnect_scheduled()),
            ),
            ("deadlines", usize::from(self.poll_timeout().is_some())),
        ];
        let restore = self.resubscription.as_ref();
        let restoring = restore.map(|restore| restore.counters());
        let left = counters
            .into_iter()
            .chain(self.model.counters())
            .chain(restoring.into_iter().flatten())
            .find(|(_, amount)| *amount > 0);
        match left {
            Some((what, amount)) => Err(NotAtRest { what, amount }),
            None => Ok(()),
        }
    }

    /// Asserts, in debug builds, that the parts of the client agree with its state. Calls that
    /// change the state end with it.
    pub(super) fn assert_consistent(&self) {
        let state = self.state;
        let server = self.connection.as_ref().map(|connection| connection.server);
        let expected = match state {
            State::Uninitialized | State::Disconnected | State::Error => None,
            State::ConnectingToNameServer | State::ConnectedToNameServer => {
                Some(Server::NameServer)
            }
            State::ConnectingToFrontEnd | State::ConnectedToFrontEnd => Some(Server::FrontEnd),
        };
        debug_assert_eq!(
            server, expected,
            "connected to the wrong server in {state:?}"
        );
        debug_assert!(
            self.pending.regions.is_empty() || state == State::ConnectedToNameServer,
            "get-regions requests are pending in {state:?}"
        );
        debug_assert!(
            self.pending.subscribe.len() + self.pending.unsubscribe.len() == 0
                || state == State::ConnectedToFrontEnd,
            "channel requests are pending in {state:?}"
        );
        debug_assert!(
            !self.login.expects_login()
                || matches!(
                    state,
                    State::ConnectedToNameServer | State::ConnectingToFrontEnd
                ),
            "a login is pending in {state:?}"
        );
        debug_assert!(
            !self.login.is_waiting() || (expected.is_some() && state != State::ConnectedToFrontEnd),
            "a step of the login is awaited in {state:?}"
        );
        debug_assert!(
            self.unconfirmed_messages() == 0
                || state == State::ConnectedToFrontEnd
                || self.restore.is_some(),
            "messages wait for their result in {state:?}"
        );
        debug_assert!(
            !self.login.is_reconnecting() || state == State::ConnectingToFrontEnd,
            "reconnecting in {state:?}"
        );
        debug_assert!(
            !self.is_reconnect_scheduled() || self.may_connect(),
            "a reconnect is scheduled in {state:?}"
        );
    }
}
