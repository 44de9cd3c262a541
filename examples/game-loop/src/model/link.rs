//! [`Link`]: the state of the connection, as the player sees it.

use std::time::Duration;

/// The state of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// On the way to the server, for the first time.
    #[default]
    Connecting,
    /// In the chat.
    Connected,
    /// Lost; the client comes back by itself.
    Lost,
    /// Over.
    Ended,
}

/// The connection, as the player sees it.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// The state.
    pub phase: Phase,
    /// The reason for it, if it is not a good one.
    pub reason: String,
    /// The time at which the connection was lost; `None` while there is one.
    pub lost_at: Option<Duration>,
    /// The time at which the next attempt begins.
    pub next_attempt: Option<Duration>,
    /// The number of returns after a loss.
    pub returns: u32,
    /// The measured round trip.
    pub round_trip: Option<Duration>,
    /// The number of commands that were sent again.
    pub resent: u64,
}
