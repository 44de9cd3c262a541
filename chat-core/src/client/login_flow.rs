//! [`LoginFlow`]: the way from a connect call to the front end. Spec: chat.md 2.

use crate::address::ServerAddress;
use crate::secret::Secret;
use crate::state::{DisconnectCause, Server, Step};
use crate::timers::{Timer, earlier};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;
use photon_proto::{Text, Timestamp, Value};

/// Where the client connects to, which deadlines run, and what it needs to come back.
///
/// ```text
///  connect ─> name server ─login (region)─> address, token ─> front end ─login (token)─> done
///                 ^                                              ^
///                 └──── the token expired, or no connection ─────┴─ reconnect
/// ```
#[derive(Debug, Default)]
pub(super) struct LoginFlow {
    /// The addresses of the name server, in the order in which they are tried.
    addresses: Box<[ServerAddress]>,
    /// The index of the address in use.
    current: usize,
    /// The causes that ended the attempts before the present one.
    earlier: Vec<DisconnectCause>,
    /// Whether a name server was connected over a transport that encrypts, since the connect call.
    was_secure: bool,
    /// The region to log in for once the name server is connected. `None`: the client stays there.
    region: Option<Text>,
    /// Runs while a login waits for its response.
    login_timer: Timer,
    /// Runs while connecting.
    connect_timer: Timer,
    /// The token of the last login: the name server issues it, the front end checks it.
    token: Option<Secret<Value>>,
    /// The front end that the token is for.
    front_end: Option<ServerAddress>,
    /// The region of that front end.
    token_region: Option<Text>,
    /// Whether the last attempt at a front end failed, so that the name server had better assign
    /// one: it may know another, and issues a new token.
    front_end_failed: bool,
    /// Whether the front end is tried with the token of an earlier login. The name server is the
    /// second way then.
    reconnecting: bool,
}

/// The way back to the region of the application.
#[derive(Debug)]
pub(super) enum WayBack {
    /// Directly, with the token of the last login.
    FrontEnd(ServerAddress),
    /// By way of the name server.
    NameServer,
}

impl LoginFlow {
    // Addresses of the name server.

    /// Starts over with these addresses, of which there is at least one.
    pub(super) fn begin(&mut self, addresses: Vec<ServerAddress>, region: Option<Text>) {
        debug_assert!(!addresses.is_empty(), "a connect call checks its addresses");
        debug_assert!(
            !self.reconnecting && !self.is_waiting(),
            "the attempt before was halted"
        );
        self.addresses = addresses.into();
        self.current = 0;
        self.was_secure = false;
        self.earlier = Vec::new();
        self.region = region;
    }

    /// Starts over with the addresses and the region of the last connect call.
    pub(super) fn begin_again(&mut self) {
        debug_assert!(
            !self.reconnecting && !self.is_waiting(),
            "the attempt before was halted"
        );
        self.current = self.first_fallback_address();
        self.earlier = Vec::new();
    }

    /// The address of the name server in use, if there was a connect call.
    pub(super) fn address(&self) -> Option<&ServerAddress> {
        self.addresses.get(self.current)
    }

    /// The address of the server that is, or was last, connected to.
    pub(super) fn address_of(&self, server: Server) -> Option<&ServerAddress> {
        match server {
            Server::NameServer => self.address(),
            Server::FrontEnd => self.front_end.as_ref(),
        }
    }

    /// Moves on to the next address, if there is one, and keeps the cause that ended the attempt at
    /// this one. Gives the cause back if there is no other address.
    pub(super) fn try_next_address(
        &mut self,
        cause: DisconnectCause,
    ) -> Result<(), DisconnectCause> {
        if self.current + 1 >= self.addresses.len() {
            return Err(cause);
        }
        self.earlier.push(cause);
        self.current += 1;
        Ok(())
    }

    /// Goes back from a failed reconnect to the name server.
    pub(super) fn fall_back_to_name_server(&mut self, cause: DisconnectCause) {
        debug_assert!(self.reconnecting, "only a reconnect has a second way");
        self.halt();
        self.earlier.push(cause);
        self.front_end_failed = true;
        self.current = self.first_fallback_address();
    }

    /// Returns the index of the first address for a fall back. A client never moves from secure to
    /// insecure, so after a secure server only secure addresses are tried, if there are any (an
    /// insecure name server may assign a secure front end). All addresses from that index on are
    /// secure, because the connect call refuses an insecure address after a secure one.
    fn first_fallback_address(&self) -> usize {
        let is_secure = |address: &ServerAddress| address.scheme().is_secure();
        if self.was_secure || self.front_end.as_ref().is_some_and(is_secure) {
            self.addresses.iter().position(is_secure).unwrap_or(0)
        } else {
            0
        }
    }

    /// Takes the causes of the failed attempts before this one.
    pub(super) fn take_earlier_causes(&mut self) -> Vec<DisconnectCause> {
        core::mem::take(&mut self.earlier)
    }

    // Region.

    /// The region of the present or the last login.
    pub(super) fn region(&self) -> Option<&str> {
        self.token_region.as_deref().or(self.region.as_deref())
    }

    /// Sets the region to log in for once the name server is connected.
    pub(super) fn set_region(&mut self, region: Text) {
        self.region = Some(region);
    }

    pub(super) fn has_region(&self) -> bool {
        self.region.is_some()
    }

    // Steps.

    /// Notes that a connection is being opened. Its deadline starts with the next time.
    pub(super) fn on_connecting(&mut self, timeout_ms: u64) {
        self.connect_timer = Timer::Armed {
            after_ms: timeout_ms,
        };
    }

    /// Notes that the name server is connected. Returns the region to log in for.
    pub(super) fn on_name_server_ready(&mut self) -> Option<Text> {
        self.connect_timer = Timer::Off;
        self.earlier = Vec::new();
        self.was_secure |= self
            .address()
            .is_some_and(|address| address.scheme().is_secure());
        self.region.clone()
    }

    /// Notes that a login was sent. Its deadline starts with the next time.
    pub(super) fn on_login_sent(&mut self, timeout_ms: u64) {
        debug_assert!(!self.expects_login(), "one login at a time");
        self.login_timer = Timer::Armed {
            after_ms: timeout_ms,
        };
    }

    /// Notes that the name server has responded to the login.
    pub(super) fn on_name_server_login(&mut self) {
        debug_assert!(self.expects_login(), "only an expected response is handled");
        self.login_timer = Timer::Off;
    }

    /// Whether a login waits for its response.
    pub(super) fn expects_login(&self) -> bool {
        self.login_timer != Timer::Off
    }

    /// Whether a connection is being opened or a login waits for its response.
    pub(super) fn is_waiting(&self) -> bool {
        self.expects_login() || self.connect_timer != Timer::Off
    }

    /// Stops waiting, because the client is connected or gave up. Addresses, region and token stay.
    pub(super) fn halt(&mut self) {
        (self.login_timer, self.connect_timer) = (Timer::Off, Timer::Off);
        self.reconnecting = false;
        self.earlier = Vec::new();
    }

    // Token.

    pub(super) fn token(&self) -> Option<&Value> {
        self.token.as_ref().map(|token| &token.0)
    }

    pub(super) fn set_token(&mut self, token: Secret<Value>) {
        self.token = Some(token);
    }

    /// Keeps the front end that the name server assigned for the region.
    pub(super) fn set_front_end(&mut self, address: ServerAddress) {
        debug_assert!(self.token.is_some(), "a front end is kept with its token");
        self.front_end = Some(address);
        self.token_region = self.region.clone();
    }

    /// The region of the front end.
    pub(super) fn front_end_region(&self) -> Text {
        self.token_region.clone().unwrap_or(Text::EMPTY)
    }

    /// Notes that the front end accepted the token.
    pub(super) fn on_front_end_login(&mut self) {
        self.halt();
        self.front_end_failed = false;
    }

    /// Notes that the attempt at the front end ended before the login.
    pub(super) fn on_front_end_failed(&mut self) {
        self.front_end_failed = true;
    }

    /// Forgets the token and the front end that it is for.
    pub(super) fn forget_token(&mut self) {
        (self.token, self.front_end) = (None, None);
    }

    /// Whether a name server has accepted a login of this client.
    pub(super) const fn was_accepted(&self) -> bool {
        // Unlike the token, the region stays when a front end refuses the token.
        self.token_region.is_some()
    }

    /// The front end of the last login, if there is a token for it.
    pub(super) fn reconnect_address(&self) -> Option<ServerAddress> {
        self.token.as_ref().and(self.front_end.clone())
    }

    /// Notes that the front end is tried with the token of an earlier login, to return to the region
    /// of that login.
    pub(super) fn begin_reconnect(&mut self) {
        debug_assert!(
            self.reconnect_address().is_some(),
            "a reconnect needs a token and its front end"
        );
        self.reconnecting = true;
        self.region = self.token_region.clone();
    }

    /// Returns the way to where the application wanted to be. `None` without a connect call.
    pub(super) fn way_back(&self) -> Option<WayBack> {
        // The token may be for another region than the one that was chosen last.
        let usable = !self.front_end_failed && self.region == self.token_region;
        match self.reconnect_address() {
            Some(address) if usable => Some(WayBack::FrontEnd(address)),
            _ => self.address().map(|_| WayBack::NameServer),
        }
    }

    pub(super) fn is_reconnecting(&self) -> bool {
        self.reconnecting
    }

    // Time.

    pub(super) fn start_timers(&mut self, now: Timestamp) {
        self.login_timer.start(now);
        self.connect_timer.start(now);
    }

    /// Puts the deadlines off after a sleep.
    pub(super) fn put_off(&mut self, slept: Duration, earliest: Timestamp) {
        self.login_timer.put_off(slept, earliest);
        self.connect_timer.put_off(slept, earliest);
    }

    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        earlier(
            self.login_timer.deadline(now),
            self.connect_timer.deadline(now),
        )
    }

    /// The step whose deadline has passed, if there is one.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<Step> {
        if self.login_timer.is_due(now) {
            Some(Step::Authenticate)
        } else if self.connect_timer.is_due(now) {
            Some(Step::Connect)
        } else {
            None
        }
    }
}
