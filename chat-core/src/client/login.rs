//! The steps of a login that both servers share, and [`ChatClient::apply`], which takes them.

use super::ChatClient;
use crate::event::{Authenticated, Event};
use crate::incoming::Action;
use crate::operation::authenticate::Login;
use crate::peer::Phase;
use crate::state::{CauseKind, DisconnectCause, KeyExchangeFailure, Server};
use alloc::boxed::Box;
use photon_proto::{Text, Timestamp};

impl ChatClient {
    /// Does what a message asks for. The message is no longer borrowed here, so the connection may
    /// change or end.
    pub(super) fn apply(&mut self, now: Timestamp, action: Action) {
        match action {
            Action::Nothing => {}
            Action::InitAnswered => self.on_init_response(now),
            Action::ServerKey {
                return_code,
                text,
                key,
            } => self.on_server_key(return_code, text, key.as_deref()),
            Action::LoggedIn(login) => self.on_login(*login),
            Action::LoginRefused { return_code, text } if self.is_token_expired(return_code) => {
                let cause =
                    DisconnectCause::new(Server::FrontEnd, CauseKind::AuthenticationRefused);
                self.fall_back_to_name_server(cause.with_code(return_code).with_text(text));
            }
            Action::LoginRefused { return_code, text } => {
                self.end_peer(CauseKind::AuthenticationRefused, |cause| {
                    cause.with_code(return_code).with_text(text)
                });
            }
            Action::Disconnected { code, text } => {
                self.end_peer(CauseKind::ServerDisconnect, |cause| {
                    cause.with_code(code).with_text(text)
                });
            }
        }
    }

    fn on_init_response(&mut self, now: Timestamp) {
        let Some(peer) = &mut self.peer else { return };
        peer.greeted(now);
        match peer.begin_key_exchange(&self.config, &mut self.random) {
            Ok(()) => self.on_key_exchange_step(),
            Err(failure) => self.end_peer(CauseKind::KeyExchange(failure), |cause| cause),
        }
    }

    fn on_server_key(&mut self, return_code: i16, text: Text, key: Option<&[u8]>) {
        let Some(peer) = &mut self.peer else { return };
        let failure = match key {
            _ if return_code != 0 => KeyExchangeFailure::Refused,
            None | Some([]) => KeyExchangeFailure::NoKey,
            Some(key) => match peer.finish_key_exchange(key) {
                Ok(()) => return self.on_key_exchange_step(),
                Err(failure) => failure,
            },
        };
        self.end_peer(CauseKind::KeyExchange(failure), |cause| {
            let cause = cause.with_text(text);
            if failure == KeyExchangeFailure::Refused {
                cause.with_code(return_code)
            } else {
                cause
            }
        });
    }

    /// Continues if the handshake is complete: operations can be sent.
    fn on_key_exchange_step(&mut self) {
        let ready = self.peer.as_ref().filter(|peer| peer.phase == Phase::Ready);
        match ready.map(|peer| peer.server) {
            Some(Server::NameServer) => self.on_name_server_ready(),
            Some(Server::FrontEnd) => self.on_front_end_ready(),
            None => {}
        }
    }

    fn on_login(&mut self, login: Login) {
        match self.peer.as_ref().map(|peer| peer.server) {
            Some(Server::NameServer) => self.on_name_server_login(login),
            Some(Server::FrontEnd) => self.on_front_end_login(login),
            None => debug_assert!(false, "a response arrives over a connection"),
        }
    }

    /// Stores the token and the user's data of an accepted login, and reports the data.
    pub(super) fn store_login(&mut self, login: Login) {
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
            .peer
            .as_ref()
            .is_some_and(|peer| peer.server == Server::NameServer);
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
