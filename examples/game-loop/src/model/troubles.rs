//! [`Troubles`]: the switches that disturb the line and the server.

/// The switches that disturb the line. [`Host`](crate::Host) applies them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Three of ten datagrams are lost, in both directions.
    pub loss: bool,
    /// Each datagram takes 200 to 280 ms longer.
    pub delay: bool,
    /// Every datagram is lost, in both directions.
    pub cut: bool,
    /// The server is stopped.
    pub stopped: bool,
}
