//! The front end: opened with the address and token of the name server.

use crate::address::ServerAddress;
use crate::client::ChatClient;
use crate::codes::return_code;
use crate::error::RequestError;
use crate::operation::authenticate::{self, Login};
use crate::state::{CauseKind, DisconnectCause, Server, State};
use crate::timers::Timer;

impl ChatClient {
    pub(super) fn open_front_end(&mut self, address: &ServerAddress) {
        self.open_peer(Server::FrontEnd, address);
        self.arm(
            |client, after_ms| client.login.connect_timer = Timer::Armed { after_ms },
            self.config.connect_timeout_ms,
        );
    }

    /// Spec: chat.md 2.10 and 6.2.
    pub(crate) fn connect_again(&mut self) -> Result<(), RequestError> {
        match self.state {
            State::Disconnected | State::Error => {}
            state => return Err(RequestError::WrongState(state)),
        }
        let (Some(address), Some(_)) = (self.login.front_end.clone(), &self.login.token) else {
            return Err(RequestError::NothingToReconnectTo);
        };
        self.check_events()?;
        self.login.reconnecting = true;
        self.set_state(State::ConnectingToFrontEnd);
        self.open_front_end(&address);
        Ok(())
    }

    /// Whether a refused login only says that the kept token is no longer good.
    pub(super) fn token_is_stale(&self, code: i16) -> bool {
        self.login.reconnecting
            && matches!(
                code,
                return_code::AUTHENTICATION_TICKET_EXPIRED | return_code::INVALID_AUTHENTICATION
            )
    }

    /// The short way failed, which is told if the long one fails as well: the long one, with the region of the last login.
    pub(super) fn go_by_name_server(&mut self, cause: DisconnectCause) {
        self.retire_peer();
        self.login.halt();
        self.login.earlier.push(cause);
        self.login.region = self.login.last_region.clone();
        self.login.current = self.login.first_address();
        self.set_state(State::ConnectingToNameServer);
        self.open_name_server();
    }

    /// Spec: chat.md 2.9: the token and, if it is limited, the length of the private history; never encrypted.
    pub(super) fn log_in_on_front_end(&mut self) {
        let (Some(peer), Some(token)) = (&mut self.peer, &self.login.token) else {
            return;
        };
        let config = &self.config;
        let sent = peer.send(false, false, |buffer| {
            Ok(authenticate::write_for_front_end(buffer, config, &token.0)?)
        });
        match sent {
            Ok(()) => {
                let after_ms = self.config.authenticate_timeout_ms;
                self.arm(
                    |client, after_ms| client.login.login_timer = Timer::Armed { after_ms },
                    after_ms,
                );
            }
            Err(error) => self.end_peer(CauseKind::LoginNotSent, |cause| {
                cause.with_text(alloc::format!("{error}"))
            }),
        }
    }

    pub(super) fn front_end_logged_in(&mut self, mut login: Login) {
        self.login.halt();
        self.store_login(&mut login);
        self.set_state(State::ConnectedToFrontEnd);
    }
}
