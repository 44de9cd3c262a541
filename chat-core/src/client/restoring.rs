//! Connecting again by itself after an unwanted end. [`Restoration`](crate::restore) decides, this
//! file acts. Spec: chat.md 10, R1 and R9.

use super::ChatClient;
use super::login_flow::WayBack;
use crate::error::RequestError;
use crate::event::Event;
use crate::restore::{Due, UnwantedEnd};
use crate::state::State;
use photon_proto::Timestamp;

impl ChatClient {
    /// Whether the client contacts the name server again only with new credentials.
    pub(super) fn asks_for_credentials(&self) -> bool {
        let restore = self.restore.as_ref();
        restore.is_some_and(|restore| restore.asks_for_credentials())
    }

    /// Notes that the client is connected as far as the application wants.
    pub(super) fn note_connected(&mut self) {
        if let Some(restore) = &mut self.restore {
            restore.on_connected(self.now);
        }
    }

    /// Schedules the next attempt after an unwanted end, or gives up, and reports it.
    pub(super) fn schedule_reconnect(&mut self, end: UnwantedEnd) {
        debug_assert_eq!(self.state, State::Error, "the end is reported first");
        if let Some(restore) = &mut self.restore {
            let event = restore.on_end(end, self.now, &mut self.random);
            self.armed = true;
            self.report_schedule(event);
        }
    }

    /// Forgets the schedule, because the application connects or disconnects.
    pub(super) fn cancel_reconnect(&mut self) {
        if let Some(restore) = &mut self.restore {
            restore.cancel();
        }
    }

    /// Continues with credentials that the client waited for.
    pub(super) fn continue_with_credentials(&mut self) {
        if let Some(restore) = &mut self.restore
            && restore.on_credentials()
        {
            self.armed = true;
        }
    }

    /// Connects at once to where the application was, without waiting for the schedule: directly
    /// with the kept token, otherwise by way of the name server. Works with and without
    /// [`ChatConfig::restore`](crate::ChatConfig::restore).
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] while connected or connecting;
    /// - [`RequestError::NothingToReconnectTo`] without an earlier connect call;
    /// - [`RequestError::QueueFull`] if too many events wait to be taken.
    pub(super) fn reconnect_now(&mut self) -> Result<(), RequestError> {
        if !self.may_connect() {
            return Err(RequestError::WrongState(self.state));
        }
        let Some(way) = self.login.way_back() else {
            return Err(RequestError::NothingToReconnectTo);
        };
        if matches!(way, WayBack::NameServer) && self.waits_for_credentials() {
            // The application knows what is missing, and its time goes on.
            return Ok(());
        }
        self.check_event_space()?;
        self.begin_first_attempt(way);
        Ok(())
    }

    /// Begins an attempt that counts as the first one.
    pub(super) fn begin_first_attempt(&mut self, way: WayBack) {
        let has_credentials = self.restore.as_mut().is_some_and(|restore| {
            let has_credentials = restore.has_credentials();
            let _reported = restore.begin_at_once();
            has_credentials
        });
        self.begin_attempt(way, has_credentials);
        self.assert_consistent();
    }

    fn waits_for_credentials(&self) -> bool {
        let restore = self.restore.as_ref();
        restore.is_some_and(|restore| restore.waits_for_credentials())
    }

    // Time.

    /// When an attempt, or the end of waiting for credentials, is due.
    pub(super) fn reconnect_deadline(&self) -> Option<Timestamp> {
        let at = self.restore.as_ref()?.deadline(self.now)?;
        // Each attempt causes events: one that nobody takes must not cause more of them for ever.
        (!self.events.is_full()).then_some(at)
    }

    pub(super) fn is_reconnect_scheduled(&self) -> bool {
        let restore = self.restore.as_ref();
        restore.is_some_and(|restore| restore.is_waiting())
    }

    /// Begins the attempt that is due, if there is one.
    pub(super) fn reconnect_if_due(&mut self, now: Timestamp) {
        if self.events.is_full() {
            return;
        }
        let Some(due) = self
            .restore
            .as_mut()
            .and_then(|restore| restore.take_due(now))
        else {
            return;
        };
        debug_assert!(self.may_connect(), "an attempt waits without a connection");
        let has_credentials = match due {
            Due::Attempt => false,
            Due::WithCredentials => true,
            Due::GaveUp(event) => return self.report_schedule(event),
        };
        if let Some(way) = self.login.way_back() {
            self.begin_attempt(way, has_credentials);
        } else {
            debug_assert!(false, "what ended was connected to something");
        }
    }

    /// Connects again, or asks for credentials first.
    fn begin_attempt(&mut self, way: WayBack, has_credentials: bool) {
        let mut restore = self.restore.as_mut();
        if let Some(restore) = &mut restore
            && matches!(way, WayBack::NameServer)
            && restore.asks_for_credentials()
            && !has_credentials
        {
            let event = restore.ask_for_credentials();
            self.armed = true;
            return self.report_schedule(event);
        }
        if let Some(restore) = restore {
            restore.stop_waiting();
            self.stats.rare().reconnect_attempts += 1;
        }
        match way {
            WayBack::FrontEnd(address) => self.open_with_token(&address),
            WayBack::NameServer => {
                self.login.begin_again();
                self.set_state(State::ConnectingToNameServer);
                self.open_name_server();
            }
        }
    }

    /// Reports a decision about the schedule.
    pub(super) fn report_schedule(&mut self, event: Event) {
        if matches!(event, Event::ReconnectGaveUp { .. }) {
            // What waits for a connection waits in vain.
            self.give_up_messages();
            self.stop_restore();
        }
        self.log(log::Level::Info, format_args!("{}", event.name()));
        self.events.push(event);
    }
}
