//! The calls that begin a connection. Spec: chat.md 2.6, 2.7 and 2.10.

use super::ChatClient;
use super::connection::Connection;
use crate::address::ServerAddress;
use crate::error::{AddressError, RequestError};
use crate::link::{LinkCommand, LinkId};
use crate::operation::names::{check_id, check_region};
use crate::options::ConnectOptions;
use crate::state::{Server, State};
use alloc::sync::Arc;
use alloc::vec::Vec;
use photon_proto::Text;
use photon_proto::peer::{Peer, Phase};

impl ChatClient {
    /// Connects to the name server (`connectToNameServer`), and on to the front end of a region if
    /// the options name one. Allowed in states 0, 10 and -1. Spec: chat.md 2.6.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::{ConnectOptions, State};
    ///
    /// // With a region the client continues to its front end. Without one it stops at the name
    /// // server, for example to let the user choose from the list of regions.
    /// chat.connect_to_name_server(ConnectOptions::new().region("eu"))?;
    /// assert_eq!(chat.state(), State::ConnectingToNameServer);
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in any other state;
    /// - [`RequestError::Empty`] for an empty app id, app version, region or list of addresses;
    /// - [`RequestError::InvalidId`] for white space or invisible characters around one of them or
    ///   around the user id, or a control character in it (a user id that the server assigned is not
    ///   checked);
    /// - [`RequestError::Address`] for an address that cannot be used;
    /// - [`RequestError::KeptByOther`] if [`ChatConfig::resume`](crate::ChatConfig::resume) has the
    ///   state of another login;
    /// - [`RequestError::QueueFull`] if too many events wait to be taken.
    pub fn connect_to_name_server(&mut self, options: ConnectOptions) -> Result<(), RequestError> {
        if !self.may_connect() {
            return Err(RequestError::WrongState(self.state));
        }
        for (text, what) in [
            (&self.config.app_id, "app id"),
            (&self.config.app_version, "app version"),
        ] {
            if text.is_empty() {
                return Err(RequestError::Empty(what));
            }
            check_id(text, what)?;
        }
        // After a login the id may be the server's own, which nobody pasted. Any other was checked when
        // it was set, or before that login.
        if !self.login.was_accepted() {
            check_id(&self.config.user_id.0, "user id")?;
        }
        if let Some(region) = &options.region {
            check_region(region)?;
        }
        let addresses = self.name_server_addresses()?;
        self.check_kept(options.region.as_deref())?;
        self.check_event_space()?;
        if options.region.is_some() {
            self.accept_kept();
        }
        self.cancel_reconnect();
        self.login.begin(addresses, options.region);
        self.set_state(State::ConnectingToNameServer);
        self.open_name_server();
        self.assert_consistent();
        Ok(())
    }

    /// Connects to the front end of a region (`connectToRegionFrontEnd`): directly from the name
    /// server, otherwise by way of it. The region is sent unchanged. Spec: chat.md 2.7.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::State;
    ///
    /// chat.connect_to_region_front_end("eu")?;
    /// assert_eq!(chat.state(), State::ConnectingToNameServer);
    /// # simulation.run_for(1_000);
    /// # let chat = simulation.chat(0);
    /// // Some calls of `service` later:
    /// assert_eq!(chat.state(), State::ConnectedToFrontEnd);
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::AlreadyInProgress`] while a login waits for its response;
    /// - on the name server, [`RequestError::Unencodable`] or [`RequestError::TooLong`] if the
    ///   login cannot be encoded (a login that is sent later ends the connection instead, with
    ///   [`CauseKind::LoginNotSent`](crate::CauseKind::LoginNotSent));
    /// - otherwise as [`ChatClient::connect_to_name_server`].
    pub fn connect_to_region_front_end(
        &mut self,
        region: impl Into<Text>,
    ) -> Result<(), RequestError> {
        let region = region.into();
        match self.state {
            State::ConnectedToNameServer if self.login.expects_login() => {
                Err(RequestError::AlreadyInProgress)
            }
            State::ConnectedToNameServer => {
                check_region(&region)?;
                self.check_kept(Some(&region))?;
                self.log_in_on_name_server(&region)?;
                self.accept_kept();
                Ok(())
            }
            // The link is connected and the keys are not exchanged yet. The documented API accepts
            // the call in this window, so the region waits for the keys. Spec: chat.md 2.7.
            State::ConnectingToNameServer
                if !self.login.has_region()
                    && self.connection.as_ref().is_some_and(|connection| {
                        connection.peer.phase() == Phase::KeyExchange
                    }) =>
            {
                check_region(&region)?;
                self.check_kept(Some(&region))?;
                self.accept_kept();
                self.login.set_region(region);
                Ok(())
            }
            _ => self.connect_to_name_server(ConnectOptions::new().region(region)),
        }
    }

    /// Returns directly to the front end with the token of the last login. Allowed in states 10 and
    /// -1. If the token has expired or the front end cannot be reached, the client falls back to
    /// the name server once. Spec: chat.md 2.10.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_connected_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::State;
    ///
    /// chat.disconnect();
    /// chat.reconnect()?;
    /// // Not by way of the name server:
    /// assert_eq!(chat.state(), State::ConnectingToFrontEnd);
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in any other state;
    /// - [`RequestError::NothingToReconnectTo`] if there was no login yet;
    /// - [`RequestError::QueueFull`] if too many events wait to be taken.
    pub fn reconnect(&mut self) -> Result<(), RequestError> {
        if !matches!(self.state, State::Disconnected | State::Error) {
            return Err(RequestError::WrongState(self.state));
        }
        let Some(address) = self.login.reconnect_address() else {
            return Err(RequestError::NothingToReconnectTo);
        };
        self.check_event_space()?;
        self.cancel_reconnect();
        self.open_with_token(&address);
        self.assert_consistent();
        Ok(())
    }

    /// Connects to the front end of the last login with its token.
    pub(super) fn open_with_token(&mut self, address: &ServerAddress) {
        self.login.begin_reconnect();
        self.set_state(State::ConnectingToFrontEnd);
        self.open_front_end(address);
    }

    /// Parses the configured addresses.
    fn name_server_addresses(&self) -> Result<Vec<ServerAddress>, RequestError> {
        let texts = &self.config.addresses;
        let addresses: Vec<_> = texts
            .iter()
            .map(|text| ServerAddress::for_name_server(text, self.config.is_json()))
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(RequestError::Empty("server address"));
        }
        // An attacker who blocks the secure address must not get the login in clear.
        let downgrade = addresses
            .iter()
            .zip(addresses.iter().zip(texts).skip(1))
            .find(|(before, (after, _))| {
                before.scheme().is_secure() && !after.scheme().is_secure()
            });
        if let Some((_, (_, text))) = downgrade {
            return Err(RequestError::Address {
                text: text.clone(),
                why: AddressError::Downgrade,
            });
        }
        Ok(addresses)
    }

    /// Asks the driver for a link to this address, and prepares the connection over it.
    pub(super) fn open_connection(&mut self, server: Server, address: &ServerAddress) {
        debug_assert!(
            self.connection.is_none(),
            "the client has one current connection"
        );
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let wire = address.wire(&self.config);
        let target = address.target(server, &self.config);
        self.config.log_net(
            log::Level::Debug,
            format_args!("{server}: opening {link} to {target}"),
        );
        self.commands
            .push_back(LinkCommand::Open { link, target, wire });
        let config = Arc::clone(&self.config.peer);
        let peer = Peer::client(config, wire, server.application(), &mut self.random);
        self.connection = Some(Connection::new(server, link, peer));
        self.login.on_connecting(self.config.connect_timeout_ms);
        self.armed = true;
    }
}
