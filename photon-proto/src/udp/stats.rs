//! What a connection has counted.

use super::datagram::DatagramError;

/// Counters of one connection, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams that were pulled and reported as sent.
    pub sent_datagrams: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Datagrams that came in, good or bad.
    pub received_datagrams: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Messages accepted for sending.
    pub sent_messages: u64,
    /// Messages put up for taking.
    pub received_messages: u64,
    /// Commands sent again because no acknowledgement came.
    pub resent_commands: u64,
    /// Commands that were dropped unsent or unacknowledged when the connection ended.
    pub abandoned_commands: u64,
    /// Pings sent.
    pub pings: u64,
    /// Commands that had arrived before.
    pub duplicates: u64,
    /// Unreliable commands that came too late to be delivered.
    pub late: u64,
    /// Acknowledgements of nothing that is in flight.
    pub unmatched_acks: u64,
    /// Datagrams dropped whole.
    pub dropped_datagrams: DroppedDatagrams,
    /// Commands discarded without acknowledgement.
    pub discarded: Discarded,
    /// Bytes after the last command of datagrams.
    pub trailing_bytes: u64,
    /// Violations of the protocol by the peer, which end the connection when there are too many.
    pub violations: u32,
}

/// Datagrams dropped whole, by reason. Spec: udp.md 9, items 1 to 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedDatagrams {
    /// Shorter than a header or longer than any datagram.
    pub length: u64,
    /// Flags that are not understood, encrypted datagrams among them.
    pub flags: u64,
    /// A wrong check sum.
    pub crc: u64,
    /// Another connection's challenge.
    pub challenge: u64,
    /// Commands that do not fit, or none.
    pub malformed: u64,
}

/// Commands discarded without acknowledgement, by reason. Spec: udp.md 9, items 6 to 19.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// Data for a channel that does not exist.
    pub channel: u64,
    /// Impossible numbers or fragments.
    pub malformed: u64,
    /// Too far ahead of what was delivered.
    pub window: u64,
    /// No room until the application takes messages.
    pub full: u64,
    /// Before the connection stands: data, and at a server all but connect, acknowledgements and disconnect.
    pub not_connected: u64,
}

impl DroppedDatagrams {
    pub(crate) const fn count(&mut self, error: &DatagramError) {
        let counter = match error {
            DatagramError::TooShort(_) | DatagramError::TooLong(_) => &mut self.length,
            DatagramError::Flags(_) => &mut self.flags,
            DatagramError::Crc { .. } => &mut self.crc,
            DatagramError::Empty | DatagramError::Command { .. } => &mut self.malformed,
        };
        *counter += 1;
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.length + self.flags + self.crc + self.challenge + self.malformed
    }
}

impl Discarded {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.channel + self.malformed + self.window + self.full + self.not_connected
    }
}
