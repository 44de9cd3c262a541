//! The violations of the protocol that end a connection.

/// The violation that ended a connection. Non-exhaustive: later versions may check more.
/// Spec: udp.md 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The server assigned a peer id that means "none". Spec: udp.md 9, item 11.
    #[error("the server assigned peer id {0:04x}, which means none")]
    PeerId(u16),
    /// Too many fragments contradict the first one of their message. Item 16.
    #[error("fragments of one message contradict each other")]
    FragmentMismatch,
    /// All fragments of a message arrived, but they overlap or leave gaps. Item 18.
    #[error("the fragments of a message overlap or leave gaps")]
    FragmentTiling,
    /// The peer committed more violations than [`Config::max_violations`](super::Config) allows.
    #[error("{0} violations of the protocol")]
    TooMany(u32),
    /// This end has used up its own sequence numbers. Spec: udp.md 4.1.
    #[error("the sequence numbers of the connection are used up")]
    NumbersExhausted,
}
