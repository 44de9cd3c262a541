//! [`Origin`]: how messages reached the client.

/// How the messages of one event reached the client. Spec: chat.md 4.1.
///
/// Exhaustive: the ids of a message are above the position of the channel, in a gap below it, or
/// below everything that was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The server sent them on its own, usually when they were published. Moves the position of the
    /// channel ([`Channel::last_id`](crate::Channel::last_id)).
    #[default]
    Live,
    /// The server sent them in response to a subscription with history, or to a question of the
    /// client for missing messages. Moves the position. A single message with id 1 counts as live:
    /// it cannot be told from the first message of an empty channel.
    History,
    /// They are older than everything that was delivered before of this channel: the application
    /// requested more history later. The position stays.
    Older,
    /// They fill a hole that an [`Event::Gap`](crate::Event::Gap) has reported before. The position
    /// stays.
    Late,
}

impl Origin {
    /// Whether messages of this origin move the position of their channel.
    #[must_use]
    pub const fn moves_position(self) -> bool {
        matches!(self, Self::Live | Self::History)
    }
}
