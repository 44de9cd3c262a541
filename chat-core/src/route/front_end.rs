//! The front end: opened with the address and token of the name server.

use super::ServerAddress;
use crate::client::ChatClient;
use crate::operation::authenticate::{self, Login};
use crate::state::{CauseKind, Server, State};
use crate::timers::Timer;

impl ChatClient {
    pub(super) fn open_front_end(&mut self, address: &ServerAddress) {
        self.open_peer(Server::FrontEnd, address);
        self.arm(
            |client, after_ms| client.route.connecting = Timer::Armed { after_ms },
            self.config.connect_timeout_ms,
        );
    }

    /// Spec: chat.md 2.9: the token and, if it is limited, the length of the private history; never encrypted.
    pub(super) fn log_in_on_front_end(&mut self) {
        let (Some(peer), Some(token)) = (&mut self.peer, &self.route.token) else { return };
        let config = &self.config;
        let sent = peer.send(false, false, |buffer| Ok(authenticate::write_for_front_end(buffer, config, &token.0)?));
        match sent {
            Ok(()) => {
                let after_ms = self.config.authenticate_timeout_ms;
                self.arm(|client, after_ms| client.route.login = Timer::Armed { after_ms }, after_ms);
            }
            Err(error) => self.end_peer(CauseKind::AuthenticationRefused, |cause| {
                cause.with_text(alloc::format!("the login could not be sent: {error}"))
            }),
        }
    }

    pub(super) fn front_end_logged_in(&mut self, mut login: Login) {
        self.route.halt();
        self.adopt(&mut login);
        self.set_state(State::ConnectedToFrontEnd);
    }
}
