//! Which server the client talks to, and what comes next. Spec: chat.md 2 and 6.

use crate::client::ChatClient;
use crate::event::Event;
use crate::link::LinkErrorKind;
use crate::operation::authenticate::Login;
use crate::state::{
    CauseKind, DisconnectCause, KeyExchangeFailure, PeerErrorCode, Server, State, Step,
};
use crate::timers::{Timer, earlier};
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use photon_proto::{Text, Timestamp, Value};

use crate::address::ServerAddress;
use crate::error::AddressError;

/// Where the client is going.
#[derive(Debug, Default)]
pub(crate) struct LoginFlow {
    /// The name server's addresses, and which one is tried.
    pub(super) addresses: Vec<ServerAddress>,
    pub(super) current: usize,
    /// What happened at the addresses before.
    pub(super) earlier: Vec<DisconnectCause>,
    /// The region to log in for as soon as that is possible.
    pub(super) region: Option<Text>,
    /// Runs while a login waits for its answer.
    pub(super) login_timer: Timer,
    /// Runs while connecting.
    pub(super) connect_timer: Timer,
    /// Given by the name server, given back to the front end.
    pub(super) token: Option<crate::secret::Secret<Value>>,
    /// The front end of the last login, and the region it was for.
    pub(super) front_end: Option<ServerAddress>,
    pub(super) last_region: Option<Text>,
    /// Whether the front end is tried with the token of an earlier login, so that there is another way if that fails.
    pub(super) reconnecting: bool,
}

/// What a message makes the client do, once nothing borrows the message any more.
#[derive(Debug)]
pub(crate) enum Action {
    Nothing,
    /// The init was answered.
    Greeted,
    /// The key exchange was answered.
    ServerKey {
        return_code: i16,
        text: Text,
        key: Option<Vec<u8>>,
    },
    /// A login was answered.
    LoggedIn(Box<Login>),
    LoginRefused {
        return_code: i16,
        text: Text,
    },
    /// The server said why it is going to close the connection.
    Disconnected {
        code: i16,
        text: Text,
    },
}

impl LoginFlow {
    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        earlier(
            self.login_timer.deadline(now),
            self.connect_timer.deadline(now),
        )
    }

    pub(crate) fn start_timers(&mut self, now: Timestamp) {
        self.login_timer.start(now);
        self.connect_timer.start(now);
    }

    pub(crate) fn overdue(&self, now: Timestamp) -> Option<Step> {
        if self.login_timer.is_due(now) {
            Some(Step::Authenticate)
        } else if self.connect_timer.is_due(now) {
            Some(Step::Connect)
        } else {
            None
        }
    }

    pub(crate) fn expects_login(&self) -> bool {
        self.login_timer != Timer::Off
    }

    /// Where the long way back to the front end begins. Never from secure to insecure: a front end over a secure link is
    /// left for secure addresses only, which come last, as long as there are any.
    pub(super) fn first_address(&self) -> usize {
        let is_secure = |address: &ServerAddress| address.scheme().is_secure();
        let secure = self.front_end.as_ref().is_some_and(is_secure);
        if secure {
            self.addresses
                .iter()
                .position(is_secure)
                .unwrap_or_default()
        } else {
            0
        }
    }

    pub(crate) fn forget_token(&mut self) {
        (self.token, self.front_end) = (None, None);
    }

    /// Nothing is waited for any more; address and token stay.
    pub(crate) fn halt(&mut self) {
        (self.login_timer, self.connect_timer, self.region) = (Timer::Off, Timer::Off, None);
        self.reconnecting = false;
        self.earlier.clear();
    }
}

impl ChatClient {
    pub(crate) fn apply(&mut self, now: Timestamp, next: Action) {
        match next {
            Action::Nothing => {}
            Action::Greeted => self.greeted(now),
            Action::ServerKey {
                return_code,
                text,
                key,
            } => self.server_key(return_code, text, key.as_deref()),
            Action::LoggedIn(login) => self.logged_in(*login),
            Action::LoginRefused { return_code, text } if self.token_is_stale(return_code) => {
                let cause =
                    DisconnectCause::new(Server::FrontEnd, CauseKind::AuthenticationRefused);
                self.go_by_name_server(cause.with_code(return_code).with_text(text));
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

    fn greeted(&mut self, now: Timestamp) {
        let Some(peer) = &mut self.peer else { return };
        peer.greeted(now);
        match peer.begin_key_exchange(&self.config, &mut self.random) {
            Ok(()) => self.peer_ready(),
            Err(failure) => self.end_peer(CauseKind::KeyExchange(failure), |cause| cause),
        }
    }

    fn server_key(&mut self, return_code: i16, text: Text, key: Option<&[u8]>) {
        let Some(peer) = &mut self.peer else { return };
        let failure = match key {
            _ if return_code != 0 => KeyExchangeFailure::Refused,
            None | Some([]) => KeyExchangeFailure::NoKey,
            Some(key) => match peer.finish_key_exchange(key) {
                Ok(()) => return self.peer_ready(),
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

    /// Operations can be sent, if the key exchange has left the connection ready for them.
    fn peer_ready(&mut self) {
        match self
            .peer
            .as_ref()
            .filter(|peer| peer.phase == crate::peer::Phase::Ready)
            .map(|peer| peer.server)
        {
            Some(Server::NameServer) => self.name_server_ready(),
            Some(Server::FrontEnd) => self.log_in_on_front_end(),
            None => {}
        }
    }

    fn logged_in(&mut self, login: Login) {
        match self.peer.as_ref().map(|peer| peer.server) {
            Some(Server::NameServer) => self.name_server_logged_in(login),
            Some(Server::FrontEnd) => self.front_end_logged_in(login),
            None => {}
        }
    }

    /// Takes over what the server said about the user.
    pub(super) fn store_login(&mut self, login: &mut Login) {
        if let Some(token) = login.token.take() {
            self.login.token = Some(token);
        }
        let renamed = login
            .user_id
            .as_ref()
            .is_some_and(|user_id| *user_id != self.config.user_id.0);
        let news = renamed || login.nickname.is_some() || login.data.is_some();
        if let Some(user_id) = login.user_id.take() {
            self.config.user_id.0 = user_id;
        }
        let name_server = self
            .peer
            .as_ref()
            .is_some_and(|peer| peer.server == Server::NameServer);
        if name_server || news {
            let user_id = self.config.user_id.0.clone();
            let (nickname, data) = (login.nickname.take(), login.data.take());
            self.events.push(Event::Authenticated(Box::new(
                crate::event::Authenticated {
                    user_id,
                    nickname,
                    data,
                },
            )));
        }
    }

    /// Ends the current connection because of what the peer or its link did.
    pub(crate) fn end_peer(
        &mut self,
        kind: CauseKind,
        detail: impl FnOnce(DisconnectCause) -> DisconnectCause,
    ) {
        let Some(peer) = &self.peer else { return };
        let cause = detail(DisconnectCause::new(peer.server, kind));
        let opened = peer.opened();
        self.end_connection(cause, opened);
    }

    /// Spec: chat.md 6.2: failed results, the state, then the error.
    pub(crate) fn end_connection(&mut self, mut cause: DisconnectCause, opened: bool) {
        let code = cause.code(opened);
        self.drop_peer();
        let unreachable = matches!(
            code,
            PeerErrorCode::FrontEndConnectFailed | PeerErrorCode::FrontEndTimeout
        );
        if self.login.reconnecting && unreachable {
            return self.go_by_name_server(cause);
        }
        let next_address = matches!(
            code,
            PeerErrorCode::NameServerConnectFailed | PeerErrorCode::NameServerTimeout
        ) && self.state == State::ConnectingToNameServer
            && self.login.current + 1 < self.login.addresses.len();
        if next_address {
            self.login.earlier.push(cause);
            self.login.current += 1;
            self.open_name_server();
            return;
        }
        cause.earlier = core::mem::take(&mut self.login.earlier);
        self.login.halt();
        self.fail_open_requests();
        self.set_state(State::Error);
        let message = Text::from(cause.to_string());
        // Not the server's words: they may name a user.
        self.log(
            log::Level::Error,
            format_args!("{} ({}): {:?}", code.name(), code.code(), cause.kind),
        );
        self.events.push(Event::Error {
            code,
            cause: Box::new(cause),
            message,
        });
    }

    /// What the end of the current link means. See "Which end gives which code" in the crate docs.
    pub(crate) fn link_ended(&mut self, end: crate::peer::carrier::LinkEnd) {
        use crate::peer::carrier::LinkEnd;
        match end {
            LinkEnd::Closed => self.end_peer(CauseKind::Closed, |cause| cause),
            LinkEnd::Failed(error) => self.end_peer(CauseKind::Link(error.kind), |cause| {
                cause.with_text(error.text)
            }),
            LinkEnd::Overrun => self.end_peer(CauseKind::InputOverrun, |cause| cause),
            LinkEnd::Udp(cause) => self.end_peer(CauseKind::of_udp(cause), |cause| cause),
        }
    }

    pub(crate) fn deadline_passed(&mut self, step: Step) {
        // A datagram link that nobody answers is a timeout, however far the driver is. Spec: chat.md 1.11.
        let opened = self
            .peer
            .as_ref()
            .is_some_and(|peer| peer.opened() || peer.is_connectionless());
        let kind = if opened {
            CauseKind::Deadline(step)
        } else {
            CauseKind::NeverOpened
        };
        self.end_peer(kind, |cause| cause);
    }

    /// Spec: chat.md 2.1: a front-end address that cannot be used ends like one that cannot be reached.
    pub(super) fn bad_front_end_address(&mut self, text: &Text, why: AddressError) {
        let kind = match why {
            AddressError::Downgrade => CauseKind::Link(LinkErrorKind::Downgrade),
            _ => CauseKind::BadAddress,
        };
        let words = alloc::format!("front-end address {text:?}: {why}");
        self.end_connection(
            DisconnectCause::new(Server::FrontEnd, kind).with_text(words),
            false,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::LinkErrorKind;

    #[test]
    fn link_ends_map_to_the_codes_of_the_design() {
        let code = |server, kind, opened| DisconnectCause::new(server, kind).code(opened).code();
        for (server, base) in [(Server::NameServer, 3000), (Server::FrontEnd, 1000)] {
            for kind in [
                LinkErrorKind::Resolve,
                LinkErrorKind::Refused,
                LinkErrorKind::Reset,
                LinkErrorKind::Io,
            ] {
                assert_eq!(code(server, CauseKind::Link(kind), false), base + 2);
            }
            assert_eq!(code(server, CauseKind::NeverOpened, false), base + 2);
            assert_eq!(code(server, CauseKind::Closed, false), base + 2);
            assert_eq!(code(server, CauseKind::Closed, true), base + 3);
            assert_eq!(
                code(server, CauseKind::Link(LinkErrorKind::Reset), true),
                base + 3
            );
            assert_eq!(
                code(server, CauseKind::Link(LinkErrorKind::Io), true),
                base + 1
            );
            assert_eq!(code(server, CauseKind::InputOverrun, true), base + 1);
            assert_eq!(
                code(
                    server,
                    CauseKind::Silent {
                        elapsed: core::time::Duration::from_millis(1)
                    },
                    true
                ),
                base + 4
            );
            assert_eq!(
                code(server, CauseKind::Deadline(Step::Connect), true),
                base + 4
            );
            assert_eq!(
                code(
                    server,
                    CauseKind::KeyExchange(KeyExchangeFailure::NoKey),
                    true
                ),
                base + 5
            );
            assert_eq!(
                code(server, CauseKind::AuthenticationRefused, true),
                base + 101
            );
        }
    }
}
