//! The name server: connected first, lists regions, assigns a front end. Spec: chat.md 2.4 to 2.7.

use super::ChatClient;
use crate::address::ServerAddress;
use crate::codes::operation;
use crate::error::{AddressError, RequestError};
use crate::link::LinkErrorKind;
use crate::operation::authenticate::{self, Login};
use crate::operation::regions;
use crate::state::{CauseKind, DisconnectCause, Server, State};
use crate::timers::Timer;
use alloc::format;
use photon_proto::Text;
use photon_proto::peer::SendOptions;

impl ChatClient {
    /// Requests the list of regions from the name server (`getRegions`). Each call that returns
    /// `Ok` ends in exactly one [`Event::RegionsResult`](crate::Event::RegionsResult). Spec:
    /// chat.md 2.5.
    ///
    /// ```
    /// # let mut simulation = soak::Simulation::with_one_client();
    /// # let chat = simulation.chat(0);
    /// use chat_core::{ConnectOptions, Event};
    ///
    /// chat.connect_to_name_server(ConnectOptions::new())?;
    /// # simulation.run_for(1_000);
    /// # let chat = simulation.chat(0);
    /// // On the name server:
    /// chat.get_regions()?;
    /// # simulation.run_for(1_000);
    /// # let mut events = simulation.clients[0].events.drain(..).map(|(_, event)| event);
    /// let regions = events.find_map(|event| match event {
    ///     Event::RegionsResult(result) => Some(result),
    ///     _ => None,
    /// });
    /// assert!(regions.is_some_and(|regions| regions.is_ok()));
    /// # Ok::<(), chat_core::RequestError>(())
    /// ```
    ///
    /// # Errors
    /// - [`RequestError::WrongState`] in any state but ConnectedToNameServer. The documented API
    ///   reports this as code 3001 of `onGetRegionsResult`;
    /// - [`RequestError::TooLong`], [`RequestError::Unencodable`] for an app id that cannot be
    ///   sent;
    /// - [`RequestError::QueueFull`].
    pub fn get_regions(&mut self) -> Result<(), RequestError> {
        let (State::ConnectedToNameServer, Some(connection)) = (self.state, &mut self.connection)
        else {
            return Err(RequestError::WrongState(self.state));
        };
        // Encrypted where possible. Spec: chat.md 2.5.
        let options = SendOptions::PLAIN.encrypt(connection.peer.is_encrypted());
        let space = self.pending.regions.check_space();
        let config = &self.config;
        connection.peer.send(options, |buffer, _, _| {
            regions::write(buffer, config)?;
            // Reported last, as in `subscribe`.
            space
        })?;
        config.log_request(operation::GET_REGIONS);
        self.pending.regions.push(Timer::Armed {
            after_ms: self.config.regions_timeout_ms,
        });
        self.armed = true;
        Ok(())
    }

    /// Opens a connection to the current address of the name server.
    pub(super) fn open_name_server(&mut self) {
        debug_assert_eq!(
            self.state,
            State::ConnectingToNameServer,
            "the state changes before the link is opened"
        );
        let Some(address) = self.login.address().cloned() else {
            debug_assert!(false, "connecting needs an address");
            return;
        };
        self.open_connection(Server::NameServer, &address);
    }

    /// Handles the end of the handshake with the name server.
    pub(super) fn on_name_server_ready(&mut self) {
        debug_assert_eq!(
            self.state,
            State::ConnectingToNameServer,
            "a handshake with a name server ends in this state only"
        );
        let region = self.login.on_name_server_ready();
        self.set_state(State::ConnectedToNameServer);
        if region.is_none() {
            self.note_connected();
        }
        if let Some(region) = region
            && let Err(error) = self.log_in_on_name_server(&region)
        {
            // The call that named the region has returned long ago. What cannot be encoded was set
            // by the application, so it must learn what is wrong.
            self.fail_connection(CauseKind::LoginNotSent, |cause| {
                cause.with_text(format!("{error}"))
            });
        }
    }

    pub(super) fn log_in_on_name_server(&mut self, region: &str) -> Result<(), RequestError> {
        debug_assert_eq!(
            self.state,
            State::ConnectedToNameServer,
            "the handshake with the name server comes first"
        );
        let Some(connection) = &mut self.connection else {
            debug_assert!(false, "a state with a connection has a peer");
            return Err(RequestError::WrongState(self.state));
        };
        let options = SendOptions::PLAIN.encrypt(connection.peer.is_encrypted());
        let config = &self.config;
        // Not limited by the cap on outgoing bytes: without a login nothing else can be sent.
        connection
            .peer
            .send::<RequestError>(options.uncapped(), |buffer, _, _| {
                Ok(authenticate::write_for_name_server(buffer, config, region)?)
            })?;
        config.log_request(operation::AUTHENTICATE);
        self.login.set_region(region.into());
        self.login
            .on_login_sent(self.config.authenticate_timeout_ms);
        self.armed = true;
        Ok(())
    }

    /// Handles an accepted login: moves on to the front end that the name server assigns.
    pub(super) fn on_name_server_login(&mut self, mut login: Login) {
        debug_assert_eq!(
            self.state,
            State::ConnectedToNameServer,
            "a login is sent in this state only, and leaving it closes the connection"
        );
        self.login.on_name_server_login();
        let Some(address) = login.address.take() else {
            return self.fail_connection(CauseKind::MissingAddress, |cause| cause);
        };
        if login.token.is_none() {
            return self.fail_connection(CauseKind::MissingToken, |cause| cause);
        }
        let Some(scheme) = self.login.address().map(ServerAddress::scheme) else {
            debug_assert!(false, "the name server has an address");
            return;
        };
        self.fail_pending_requests();
        self.store_login(login);
        self.retire_connection();
        self.set_state(State::ConnectingToFrontEnd);
        match ServerAddress::for_front_end(&address, scheme, &self.config.allowed_front_ends) {
            Ok(target) => {
                self.open_front_end(&target);
                self.login.set_front_end(target);
            }
            Err(why) => {
                // The token is of no use without the front end that it is for.
                self.login.forget_token();
                self.on_bad_front_end_address(&address, why);
            }
        }
    }

    /// Ends the attempt as if the front end could not be reached. Spec: chat.md 2.1.
    fn on_bad_front_end_address(&mut self, text: &Text, why: AddressError) {
        let kind = match why {
            AddressError::Downgrade => CauseKind::Link(LinkErrorKind::Downgrade),
            AddressError::NotAllowed => CauseKind::FrontEndNotAllowed,
            _ => CauseKind::BadAddress,
        };
        // Shortened again: escaping may have made the address longer.
        let text = Text::for_error(&format!("front-end address {text:?}: {why}"));
        let cause = DisconnectCause::new(Server::FrontEnd, kind).with_text(text);
        self.end_connection(cause, false);
    }
}
