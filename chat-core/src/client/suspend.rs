//! Pause, and change of the network: what the application knows and the client cannot. Spec: chat.md
//! 10 (R4), 6.2.
//!
//! | State | `suspend` | `resume` | `network_changed` |
//! | --- | --- | --- | --- |
//! | 0, 10 | `WrongState` | `WrongState` | `WrongState` |
//! | 1 to 4 | disconnects | asks for a sign of life | abandons the link, connects again |
//! | -1 | cancels what is scheduled | connects again | connects again |
//! | 10, suspended | nothing | connects again | nothing |

use super::ChatClient;
use super::login_flow::WayBack;
use crate::error::RequestError;
use crate::restore::AfterLoss;
use crate::state::{CauseKind, DisconnectCause, State};

impl ChatClient {
    /// Ends the connection before the program is paused, as [`ChatClient::disconnect`] does, and
    /// keeps what [`ChatClient::resume`] needs. The server and other users learn at once that this
    /// user is gone, instead of after a timeout. Does nothing if the client is suspended already.
    ///
    /// After an error it cancels a scheduled reconnect: the state becomes [`State::Disconnected`].
    /// A later call of [`ChatClient::disconnect`], or one that connects, ends the suspension.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::State;
    ///
    /// chat.suspend()?;
    /// assert_eq!(chat.state(), State::Disconnected);
    /// // The program stands still here. Then:
    /// chat.resume()?;
    /// assert_eq!(chat.state(), State::ConnectingToFrontEnd);
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// [`RequestError::WrongState`] in states 0 and 10: there is nothing to come back to.
    pub fn suspend(&mut self) -> Result<(), RequestError> {
        if self.is_suspended {
            return Ok(());
        }
        if matches!(self.state, State::Uninitialized | State::Disconnected) {
            return Err(RequestError::WrongState(self.state));
        }
        self.cancel_reconnect();
        self.fail_pending_requests();
        // Unlike after a disconnect, what waits for a connection goes on waiting.
        self.leave();
        self.is_suspended = true;
        Ok(())
    }

    /// Comes back after [`ChatClient::suspend`], or after an error: directly to the front end with
    /// the token of the last login, otherwise by way of the name server to the same region. It does
    /// not wait for a scheduled reconnect. The application subscribes again, unless
    /// [`ChatConfig::restore`](crate::ChatConfig::restore) does it.
    ///
    /// While connected or connecting it asks the server for a sign of life: call it when the program
    /// or the machine wakes and the clock may not have noticed. If nothing arrives within two
    /// seconds, the connection ends with [`CauseKind::Slept`]. Otherwise nothing happens.
    ///
    /// While the client waits for credentials ([`Event::CredentialsNeeded`](crate::Event::CredentialsNeeded)),
    /// nothing changes: it goes on once it has them.
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in state 0, and in state 10 unless suspended: the application
    ///   called [`ChatClient::disconnect`], or has not connected;
    /// - [`RequestError::QueueFull`] if too many events wait to be taken.
    pub fn resume(&mut self) -> Result<(), RequestError> {
        match self.state {
            State::Error => self.reconnect_now(),
            State::Disconnected if self.is_suspended => self.reconnect_now(),
            State::Uninitialized | State::Disconnected => Err(RequestError::WrongState(self.state)),
            _ => {
                // The next call with a time wakes the connection.
                self.sleep.is_reported = true;
                self.armed = true;
                Ok(())
            }
        }
    }

    /// Reports that the network changed, for example from mobile data to Wi-Fi: abandons the link,
    /// which would only time out, and connects again at once, as [`ChatClient::resume`] does. Nothing
    /// is sent on the old link any more. Call it in the system's callback for such a change, in any
    /// state.
    ///
    /// A connection ends as after a failure: failed results, [`Event::StateChanged`](crate::Event::StateChanged) to
    /// [`State::Error`], [`Event::Error`](crate::Event::Error) with [`CauseKind::NetworkChanged`], with
    /// [`ChatConfig::restore`](crate::ChatConfig::restore) [`Event::ReconnectScheduled`](crate::Event::ReconnectScheduled); then the
    /// change to the state of the new attempt follows in the same call. After an error the attempt
    /// begins at once. While suspended nothing happens: [`ChatClient::resume`] uses the new network.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::State;
    ///
    /// chat.network_changed()?;
    /// assert_eq!(chat.state(), State::ConnectingToFrontEnd);
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in state 0, and in state 10 unless suspended;
    /// - [`RequestError::QueueFull`] if too many events wait to be taken.
    pub fn network_changed(&mut self) -> Result<(), RequestError> {
        match self.state {
            State::Error => self.reconnect_now(),
            State::Disconnected if self.is_suspended => Ok(()),
            State::Uninitialized | State::Disconnected => Err(RequestError::WrongState(self.state)),
            _ => {
                self.check_event_space()?;
                self.abandon_connection();
                if let Some(restore) = &mut self.restore {
                    let event = restore.begin_at_once();
                    self.report_schedule(event);
                }
                let way = self.login.way_back();
                debug_assert!(way.is_some(), "what ended was connected to something");
                self.begin_first_attempt(way.unwrap_or(WayBack::NameServer));
                Ok(())
            }
        }
    }

    /// Ends the connection whose network is gone: nothing is sent any more.
    fn abandon_connection(&mut self) {
        let Some(connection) = &self.connection else {
            debug_assert!(false, "states 1 to 4 have a connection");
            return;
        };
        let mut cause = DisconnectCause::new(connection.server, CauseKind::NetworkChanged);
        self.name_address(&mut cause);
        self.report_begun_list();
        let Some(connection) = self.connection.take() else {
            return;
        };
        self.note_unsent(&mut cause, connection.peer.unsent_messages());
        cause.earlier = self.login.take_earlier_causes();
        if !connection.peer.is_link_closed() {
            self.close_link(connection.link);
        }
        let after = self.report_end(cause.code(connection.is_opened()), cause);
        debug_assert_eq!(
            after,
            AfterLoss::TryAgain,
            "what was asked for is not to blame"
        );
    }
}
