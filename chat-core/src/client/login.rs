//! The steps of a login that both servers share, and [`ChatClient::apply`], which takes them.

use super::ChatClient;
use crate::event::{Authenticated, Event};
use crate::incoming::{Action, Refusal};
use crate::operation::authenticate::Login;
use crate::state::{CauseKind, DisconnectCause, Server};
use alloc::boxed::Box;

impl ChatClient {
    /// Does what a message asks for. The message is no longer borrowed here, so the connection may
    /// change or end.
    #[inline]
    pub(super) fn apply(&mut self, action: Action) {
        match action {
            Action::Nothing | Action::Unfinished => {}
            Action::LoggedIn(login) => self.on_login(*login),
            Action::LoginRefused(refusal) => self.on_login_refused(*refusal),
            Action::Disconnected(refusal) => {
                self.fail_connection(CauseKind::ServerDisconnect, |cause| {
                    cause.with_code(refusal.code).with_text(refusal.text)
                });
            }
        }
    }

    fn on_login_refused(&mut self, Refusal { code, text }: Refusal) {
        if self.is_token_expired(code) {
            let cause = DisconnectCause::new(Server::FrontEnd, CauseKind::AuthenticationRefused);
            self.fall_back_to_name_server(cause.with_code(code).with_text(text));
        } else {
            self.fail_connection(CauseKind::AuthenticationRefused, |cause| {
                cause.with_code(code).with_text(text)
            });
        }
    }

    /// Continues after the handshake: operations can be sent.
    pub(super) fn on_peer_ready(&mut self) {
        match self.connection.as_ref().map(|connection| connection.server) {
            Some(Server::NameServer) => self.on_name_server_ready(),
            Some(Server::FrontEnd) => self.on_front_end_ready(),
            None => debug_assert!(false, "a handshake ends on a connection"),
        }
    }

    fn on_login(&mut self, login: Login) {
        match self.connection.as_ref().map(|connection| connection.server) {
            Some(Server::NameServer) => self.on_name_server_login(login),
            Some(Server::FrontEnd) => self.on_front_end_login(login),
            None => debug_assert!(false, "a response arrives over a connection"),
        }
    }

    /// Stores the token and the user's data of an accepted login, and reports the data.
    pub(super) fn store_login(&mut self, login: Login) {
        debug_assert!(self.connection.is_some(), "a login comes over a connection");
        let Login {
            address: _,
            token,
            user_id,
            nickname,
            data,
        } = login;
        // The front end may replace the token. Spec: chat.md 2.9.
        if let Some(token) = token {
            self.login.set_token(token);
        }
        let is_new = user_id
            .as_ref()
            .is_some_and(|user_id| *user_id != self.config.user_id.0);
        if let Some(user_id) = user_id {
            self.config.user_id.0 = user_id;
        }
        // Each login reports the user once, from the name server; the front end usually repeats it.
        let from_name_server = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.server == Server::NameServer);
        if from_name_server || is_new || nickname.is_some() || data.is_some() {
            self.events
                .push(Event::Authenticated(Box::new(Authenticated {
                    user_id: self.config.user_id.0.clone(),
                    nickname,
                    data,
                })));
        }
    }
}
