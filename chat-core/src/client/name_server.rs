//! The name server: opened first, asked for a front end.

use crate::address::{Scheme, ServerAddress};
use crate::client::ChatClient;
use crate::error::{AddressError, RequestError};
use crate::operation::authenticate::{self, Login};
use crate::options::ConnectOptions;
use crate::state::{CauseKind, Server, State};
use crate::timers::Timer;
use photon_proto::Text;

impl ChatClient {
    /// Spec: chat.md 2.6 and 6.2.
    pub(crate) fn connect(&mut self, options: ConnectOptions) -> Result<(), RequestError> {
        match self.state {
            State::Uninitialized | State::Disconnected | State::Error => {}
            state => return Err(RequestError::WrongState(state)),
        }
        for (text, what) in [
            (&self.config.app_id, "app id"),
            (&self.config.app_version, "app version"),
        ] {
            if text.is_empty() {
                return Err(RequestError::Empty(what));
            }
        }
        let (addresses, json) = (self.config.addresses.iter(), self.config.json);
        let addresses: alloc::vec::Vec<_> = addresses
            .map(|text| ServerAddress::for_name_server(text, json))
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(RequestError::Empty("server address"));
        }
        let insecure = |pair: &[ServerAddress]| match pair {
            [before, after] => before.scheme().is_secure() && !after.scheme().is_secure(),
            _ => false,
        };
        if let Some(at) = addresses.windows(2).position(insecure)
            && let Some(text) = self.config.addresses.get(at + 1).cloned()
        {
            return Err(RequestError::Address {
                text,
                why: AddressError::Downgrade,
            });
        }
        self.check_events()?;
        self.login.addresses = addresses;
        self.login.current = 0;
        self.login.earlier.clear();
        self.login.region = options.region;
        self.set_state(State::ConnectingToNameServer);
        self.open_name_server();
        Ok(())
    }

    pub(super) fn open_name_server(&mut self) {
        let Some(address) = self.login.addresses.get(self.login.current).cloned() else {
            return;
        };
        self.open_peer(Server::NameServer, &address);
        self.arm(
            |client, after_ms| client.login.connect_timer = Timer::Armed { after_ms },
            self.config.connect_timeout_ms,
        );
    }

    pub(super) fn name_server_ready(&mut self) {
        self.login.connect_timer = Timer::Off;
        self.login.earlier.clear();
        self.set_state(State::ConnectedToNameServer);
        if let Some(region) = self.login.region.take() {
            // Fails only if the login cannot be written: its values are the application's.
            if let Err(error) = self.log_in_on_name_server(&region) {
                self.end_peer(CauseKind::LoginNotSent, |cause| {
                    cause.with_text(alloc::format!("{error}"))
                });
            }
        }
    }

    /// Spec: chat.md 2.7.
    pub(crate) fn connect_to_region(&mut self, region: Text) -> Result<(), RequestError> {
        match self.state {
            State::ConnectedToNameServer if self.login.expects_login() => {
                Err(RequestError::AlreadyInProgress)
            }
            State::ConnectedToNameServer => self.log_in_on_name_server(&region),
            // The window in which the transport is connected and the keys are not: the region waits for them.
            State::ConnectingToNameServer
                if self.login.region.is_none()
                    && self
                        .peer
                        .as_ref()
                        .is_some_and(|peer| peer.phase == crate::peer::Phase::Keying) =>
            {
                self.login.region = Some(region);
                Ok(())
            }
            _ => self.connect(ConnectOptions {
                region: Some(region),
            }),
        }
    }

    fn log_in_on_name_server(&mut self, region: &str) -> Result<(), RequestError> {
        let Some(peer) = &mut self.peer else {
            return Err(RequestError::WrongState(self.state));
        };
        let encrypt = peer.is_encrypted();
        peer.send(encrypt, false, |buffer| {
            Ok(authenticate::write_for_name_server(
                buffer,
                &self.config,
                region,
            )?)
        })?;
        self.login.last_region = Some(region.into());
        self.arm(
            |client, after_ms| client.login.login_timer = Timer::Armed { after_ms },
            self.config.authenticate_timeout_ms,
        );
        Ok(())
    }

    pub(super) fn name_server_logged_in(&mut self, mut login: Login) {
        self.login.login_timer = Timer::Off;
        let Some(address) = login.address.take() else {
            return self.end_peer(CauseKind::MissingAddress, |cause| cause);
        };
        if login.token.is_none() {
            return self.end_peer(CauseKind::MissingToken, |cause| cause);
        }
        let scheme = self
            .login
            .addresses
            .get(self.login.current)
            .map_or(Scheme::Tcp, ServerAddress::scheme);
        self.fail_open_requests();
        self.store_login(&mut login);
        self.retire_peer();
        self.set_state(State::ConnectingToFrontEnd);
        match ServerAddress::for_front_end(&address, scheme) {
            Ok(target) => {
                self.open_front_end(&target);
                self.login.front_end = Some(target);
            }
            Err(why) => {
                // The token is for a front end that cannot be reached.
                self.login.forget_token();
                self.bad_front_end_address(&address, why);
            }
        }
    }
}
