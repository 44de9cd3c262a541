//! The counters of a connection.

use super::datagram::DatagramError;

/// Counters of one connection since it began. Non-exhaustive: counters can be added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams that were pulled and reported as sent.
    pub sent_datagrams: u64,
    /// Bytes of these datagrams.
    pub sent_bytes: u64,
    /// Datagrams that arrived, valid or not.
    pub received_datagrams: u64,
    /// Bytes of these datagrams.
    pub received_bytes: u64,
    /// Messages accepted for sending.
    pub sent_messages: u64,
    /// Messages taken by the application.
    pub received_messages: u64,
    /// Commands sent again because no ack arrived.
    pub resent_commands: u64,
    /// Commands dropped unsent or unacknowledged when the connection ended.
    pub abandoned_commands: u64,
    /// Messages of these commands: a message of several fragments counts once, and only if one of
    /// them was not acknowledged.
    pub abandoned_messages: u64,
    /// Pings sent.
    pub pings: u64,
    /// Commands that had arrived before.
    pub duplicates: u64,
    /// Unreliable commands that arrived too late to be delivered.
    pub late: u64,
    /// Acks that match no command in flight.
    pub unmatched_acks: u64,
    /// Datagrams dropped as a whole, or from a malformed command on.
    pub dropped_datagrams: DroppedDatagrams,
    /// Commands discarded without an ack.
    pub discarded: Discarded,
    /// Bytes behind the last command of a datagram.
    pub trailing_bytes: u64,
    /// Violations of the protocol by the peer. Too many of them end the connection.
    pub violations: u32,
}

/// Datagrams dropped, by reason. Spec: udp.md 9, items 1 to 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedDatagrams {
    /// Shorter than a header, or longer than the maximum.
    pub length: u64,
    /// Unknown flags, which includes encrypted datagrams.
    pub flags: u64,
    /// A wrong checksum.
    pub crc: u64,
    /// The challenge of another connection.
    pub challenge: u64,
    /// No commands, or a command that does not fit. The commands before it were applied.
    pub malformed: u64,
}

/// Commands discarded without an ack, by reason. Spec: udp.md 9, items 6 to 19.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// Data for a channel that does not exist.
    pub channel: u64,
    /// Impossible sequence numbers or fragments.
    pub malformed: u64,
    /// Sequence numbers too far ahead of the delivered ones.
    pub window: u64,
    /// No space until the application takes messages.
    pub full: u64,
    /// Commands before the connection is established: data, and at a server everything except
    /// connect, ack and disconnect.
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

    /// The sum of all reasons.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.length + self.flags + self.crc + self.challenge + self.malformed
    }
}

impl Discarded {
    /// The sum of all reasons.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.channel + self.malformed + self.window + self.full + self.not_connected
    }
}

/// Counters of an [`Acceptor`](super::Acceptor). Non-exhaustive: counters can be added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptorStats {
    /// Connections established.
    pub connected: u64,
    /// Datagrams that belong to no connection and request none.
    pub unknown_datagrams: u64,
    /// Connect requests that got no answer because too many clients are connected.
    pub refused: u64,
    /// Half-open connections dropped because there were too many.
    pub displaced: u64,
    /// Half-open connections that timed out.
    pub expired: u64,
    /// Connections that a new one from the same address replaced.
    pub replaced: u64,
}
