//! The front end: connected with the address and the token that the name server assigned.
//! Spec: chat.md 2.9 and 2.10.

use super::ChatClient;
use crate::address::ServerAddress;
use crate::codes::operation;
use crate::error::RequestError;
use crate::model::Identity;
use crate::operation::authenticate::{self, Login, is_token_refusal};
use crate::state::{CauseKind, DisconnectCause, Server, State};
use alloc::format;
use photon_proto::peer::SendOptions;

impl ChatClient {
    pub(super) fn open_front_end(&mut self, address: &ServerAddress) {
        debug_assert_eq!(
            self.state,
            State::ConnectingToFrontEnd,
            "the state changes before the link is opened"
        );
        self.open_connection(Server::FrontEnd, address);
    }

    /// Handles the end of the handshake with the front end: sends the login, never encrypted.
    /// Spec: chat.md 2.9.
    pub(super) fn on_front_end_ready(&mut self) {
        debug_assert_eq!(
            self.state,
            State::ConnectingToFrontEnd,
            "a handshake with a front end ends in this state only"
        );
        let (Some(connection), Some(token)) = (&mut self.connection, self.login.token()) else {
            debug_assert!(
                false,
                "the client connects to a front end with a token only"
            );
            return;
        };
        let config = &self.config;
        // Not limited by the cap on outgoing bytes: without a login nothing else can be sent.
        let sent = connection
            .peer
            .send::<RequestError>(SendOptions::PLAIN.uncapped(), |buffer, _, _| {
                Ok(authenticate::write_for_front_end(buffer, config, token)?)
            });
        match sent {
            Ok(()) => {
                config.log_request(operation::AUTHENTICATE);
                self.login
                    .on_login_sent(self.config.authenticate_timeout_ms);
                self.armed = true;
            }
            Err(error) => self.fail_connection(CauseKind::LoginNotSent, |cause| {
                cause.with_text(format!("{error}"))
            }),
        }
    }

    /// Handles an accepted login.
    pub(super) fn on_front_end_login(&mut self, login: Login) {
        debug_assert_eq!(
            self.state,
            State::ConnectingToFrontEnd,
            "a front end is logged in to in this state only"
        );
        self.login.on_front_end_login();
        self.store_login(login);
        let identity = Identity::new(&self.login.front_end_region(), &self.config.user_id.0);
        self.model.on_login(self.now, identity);
        self.set_state(State::ConnectedToFrontEnd);
        self.note_connected();
        self.begin_restore();
    }

    /// Whether a refused login only means that the kept token has expired, and the client goes on to
    /// the name server. Spec: chat.md 2.10.
    pub(super) fn is_token_expired(&self, code: i16) -> bool {
        self.may_fall_back() && is_token_refusal(code)
    }

    /// Whether an attempt that fails here continues on the name server: it uses the token of an
    /// earlier login, and the credentials of that login may be used again.
    pub(super) fn may_fall_back(&self) -> bool {
        self.login.is_reconnecting() && !self.asks_for_credentials()
    }

    /// Falls back from a failed reconnect to the name server. The cause is reported only if that
    /// fails as well.
    pub(super) fn fall_back_to_name_server(&mut self, cause: DisconnectCause) {
        if let (Some(restore), Some(code)) = (&mut self.restore, cause.return_code) {
            restore.on_token_refused(code);
        }
        self.retire_connection();
        self.login.fall_back_to_name_server(cause);
        self.set_state(State::ConnectingToNameServer);
        self.open_name_server();
    }
}
