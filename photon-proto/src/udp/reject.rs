//! The verdict on a received command: accepted, discarded, or the end of the connection.

use super::violation::Violation;

/// A command was accepted. It is acknowledged, also when it brought nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    New,
    /// It arrived before; our ack was probably lost.
    Duplicate,
    /// An unreliable message that newer ones have overtaken.
    Late,
}

/// A command was not accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reject {
    /// It is dropped without an ack, so that the peer sends it again.
    Discard(Discard),
    /// The connection ends.
    End(Violation),
}

/// The reason for dropping a command, counted in [`Discarded`](super::Discarded).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Discard {
    Channel,
    Malformed,
    Window,
    Full,
}
