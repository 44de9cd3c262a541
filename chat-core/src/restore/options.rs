//! [`Restore`]: how a client comes back after a loss of the connection.

use core::time::Duration;

/// How a client comes back by itself after a loss of the connection.
///
/// A builder with private fields, so that it may grow. Pass it to
/// [`ChatConfig::restore`](crate::ChatConfig::restore).
///
/// ```
/// use chat_core::Restore;
///
/// // Up to 64 KiB of messages wait while there is no connection.
/// let restore = Restore::new().queue_cap_bytes(64 * 1024);
/// # let _ = restore;
/// ```
///
/// Spec: chat.md 10.
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

    /// Limits the attempts to connect again without a stable connection in between. After the last
    /// one the client gives up ([`Event::ReconnectGaveUp`](crate::Event::ReconnectGaveUp)). Default
    /// unlimited.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Sets the cap for the bytes of messages that wait while there is no connection. Below it,
    /// publish and private messages are accepted in any state, and sent in order once the channel is
    /// subscribed again. Default 0: they return
    /// [`RequestError::WrongState`](crate::RequestError::WrongState).
    #[must_use]
    pub const fn queue_cap_bytes(mut self, bytes: usize) -> Self {
        self.queue_cap_bytes = bytes;
        self
    }

    /// Sets whether the client asks for new credentials
    /// ([`Event::CredentialsNeeded`](crate::Event::CredentialsNeeded)) before it logs in on the name
    /// server again, for tickets that are valid for one login only. Default no: it uses the same
    /// ones.
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
