//! What ends a connection because the peer broke the protocol.

/// The violation that ended a connection. Spec: udp.md 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The server assigned a peer id that means "none". Spec: udp.md 9, item 11.
    #[error("the server assigned peer id {0:04x}, which means none")]
    PeerId(u16),
    /// Too many fragments that contradict the first of their message. Item 16.
    #[error("fragments of one message contradict each other")]
    FragmentMismatch,
    /// All parts of a message are there and do not make up the message. Item 18.
    #[error("the fragments of a message do not make up the message")]
    FragmentTiling,
    /// More violations than the configuration allows.
    #[error("{0} violations of the protocol")]
    TooMany(u32),
    /// Our own sequence numbers are used up. Spec: udp.md 4.1.
    #[error("the sequence numbers of the connection are used up")]
    NumbersExhausted,
}
