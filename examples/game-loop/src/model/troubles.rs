//! [`Troubles`]: what the player does to the line and to the server.

/// The switches that disturb the line. [`Host`](crate::Host) applies them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Three of ten datagrams are lost.
    pub loss: bool,
    /// Each datagram takes 200 to 280 ms longer.
    pub delay: bool,
    /// Nothing gets through, in either direction.
    pub cut: bool,
    /// The server is stopped.
    pub stopped: bool,
}
