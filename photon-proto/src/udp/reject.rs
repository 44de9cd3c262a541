//! The outcome of a received command: accepted, discarded, or the end of the connection.

use super::violation::Violation;

/// The outcome of a command that was accepted, and is therefore acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    New,
    /// It arrived before; its ack was probably lost.
    Duplicate,
    /// An unreliable message that newer ones have overtaken.
    Late,
}

/// The reason for not accepting a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reject {
    /// The command is dropped without an ack, so that the peer sends it again.
    Discard(Discard),
    /// The connection ends.
    End(Violation),
}

/// The reason for dropping a command without an ack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Discard {
    Channel,
    Malformed,
    Window,
    Full,
}
