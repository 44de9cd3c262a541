//! [`Restore`]: how a client comes back after a loss of the connection.

use core::time::Duration;

/// How a client comes back by itself after a loss of the connection.
///
/// A builder with private fields, so that it may grow. Pass it to
/// [`ChatConfig::restore`](crate::ChatConfig::restore). "When the line breaks" in the
/// [crate documentation](crate) has the order of the events.
///
/// ```
/// use chat_core::Restore;
///
/// // Up to 64 KiB of messages wait while there is no connection.
/// let restore = Restore::new().queue_cap_bytes(64 * 1024);
/// # let _ = restore;
/// ```
///
/// # When it connects again
///
/// Every unwanted end of a connection is followed by an attempt, also the end of a first connect call
/// that reached no server. The attempt begins at a random time in a window: 2 s at first, twice as
/// long for each further attempt, at most 60 s. Each 10 s of connection halve the window, and attempts
/// count from 1 again. The client goes to the front end with the token of its last login. If that
/// fails, and from then on until a front end has accepted it, it goes by way of the name server, over
/// the configured addresses in their order, and never to an insecure one after a secure one.
///
/// The random part spreads the clients of a server that restarts. Attempts of 1,000 clients whose
/// server is away for 10 s, by the second in which they begin:
///
/// ```text
#[doc = include_str!("spread.txt")]
/// ```
///
/// # When it gives up
///
/// - At once if the login is refused for a reason that waiting does not change: 32767 with fresh
///   credentials, 32756 (region), 32761 (user blocked).
/// - If a login is refused with 32753 (ticket expired) twice in a row, or with 32755 (custom
///   authentication) three times in a row.
/// - If the server closes five connections in a row, each before it lasted a minute, and these closes
///   span two minutes or more: usually two clients with the same user id, which displace each other.
/// - After [`Restore::attempts`], or a minute after [`Event::CredentialsNeeded`] without an answer.
///
/// It waits out everything else: a network that is gone, and a server that is full (32757, 32762;
/// the client's own session that has not ended yet counts) or disturbed.
///
/// [`Event::CredentialsNeeded`]: crate::Event::CredentialsNeeded
///
/// Spec: chat.md 10, R1 and R9.
#[derive(Clone, Debug)]
pub struct Restore {
    pub(crate) waiting_time: Duration,
    pub(crate) channels_at_a_time: usize,
    /// `None`: unlimited.
    pub(crate) attempts: Option<u32>,
    pub(crate) queue_cap_bytes: usize,
    pub(crate) ask_for_credentials: bool,
    pub(crate) restore_status: bool,
}

impl Default for Restore {
    fn default() -> Self {
        Self::new()
    }
}

impl Restore {
    /// Makes the defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            waiting_time: Duration::from_secs(2),
            channels_at_a_time: 32,
            attempts: None,
            queue_cap_bytes: 0,
            ask_for_credentials: false,
            restore_status: true,
        }
    }

    /// Sets how long messages behind a hole wait for those that are missing, before they are
    /// delivered with a [`Event::Gap`](crate::Event::Gap). Default 2 s.
    #[must_use]
    pub const fn waiting_time(mut self, time: Duration) -> Self {
        self.waiting_time = time;
        self
    }

    /// Sets for how many channels the client asks at a time after a login. At least 1, default 32.
    #[must_use]
    pub const fn channels_at_a_time(mut self, channels: usize) -> Self {
        self.channels_at_a_time = if channels == 0 { 1 } else { channels };
        self
    }

    /// Limits the attempts to connect again without a stable connection, of at least 10 s, in between.
    /// After the last one the client gives up
    /// ([`Event::ReconnectGaveUp`](crate::Event::ReconnectGaveUp)). 0: it reports each end as given
    /// up. Default unlimited.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Sets the cap for the bytes of messages that wait while there is no connection. Below it,
    /// publish and private messages are accepted in any state, and sent in order once the channel is
    /// subscribed again. Default 0: they return
    /// [`RequestError::WrongState`](crate::RequestError::WrongState).
    ///
    /// With or without this cap, messages to a channel that the client has not asked for yet on a new
    /// connection wait for that channel. They are limited by
    /// [`ChatConfig::outgoing_cap_bytes`](crate::ChatConfig::outgoing_cap_bytes), or by this cap if
    /// it is greater.
    #[must_use]
    pub const fn queue_cap_bytes(mut self, bytes: usize) -> Self {
        self.queue_cap_bytes = bytes;
        self
    }

    /// Sets whether the client asks for new credentials
    /// ([`Event::CredentialsNeeded`](crate::Event::CredentialsNeeded)) before it contacts the name
    /// server again, for tickets that are valid for one login only. Default no: it uses the same
    /// ones.
    ///
    /// Such a client does not fall back to the name server within an attempt either, also one of
    /// [`ChatClient::reconnect`](crate::ChatClient::reconnect): the attempt ends with an error, and
    /// the next one asks.
    #[must_use]
    pub const fn ask_for_credentials(mut self, ask: bool) -> Self {
        self.ask_for_credentials = ask;
        self
    }

    /// Sets whether the client sets the last status again. Default yes.
    #[must_use]
    pub const fn restore_status(mut self, restore: bool) -> Self {
        self.restore_status = restore;
        self
    }
}
