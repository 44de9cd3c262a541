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
    /// When the connection was lost.
    pub lost_at: Option<Duration>,
    /// When the next attempt begins.
    pub next_attempt: Option<Duration>,
    /// How often the connection was lost and came back.
    pub returns: u32,
    /// The measured round trip.
    pub round_trip: Option<Duration>,
    /// How many commands were sent again.
    pub resent: u64,
}
