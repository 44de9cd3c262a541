//! A client's reliable datagrams. A server's connections are owned by a
//! [`udp::Acceptor`](crate::udp::Acceptor), above which its peers exchange whole messages.
//! Spec: udp.md.

use super::inbound::decrypted;
use super::{End, Inbound, PeerConfig, SendError};
use crate::crypto::Cipher;
use crate::time::Timestamp;
use crate::udp::{self, Connection, Delivery, Event, REASON_CLIENT, State};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::time::Duration;

/// The channel of every message of a chat client. Spec: udp.md 4.7.
const CHANNEL: u8 = 0;

pub(super) struct Datagram {
    challenge: u32,
    /// `None` until the link is open.
    connection: Option<Connection>,
    /// The message that was taken last.
    message: Vec<u8>,
    /// Set by a shutdown until the next call that has a time: how long it may go on sending.
    shutdown_ms: Option<u64>,
    /// The owner's messages that were written after the end of the connection.
    dropped: u64,
}

/// The state only: messages are private.
impl fmt::Debug for Datagram {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Datagram")
            .field("state", &self.connection.as_ref().map(Connection::state))
            .field("buffered_bytes", &self.buffered_bytes())
            .finish_non_exhaustive()
    }
}

impl Datagram {
    pub(super) fn new(challenge: u32) -> Self {
        Self {
            challenge,
            connection: None,
            message: Vec::new(),
            shutdown_ms: None,
            dropped: 0,
        }
    }

    pub(super) fn open(&mut self, now: Timestamp, config: &PeerConfig) {
        debug_assert!(self.connection.is_none(), "a link opens once");
        let settings = config.udp.clone().with(|udp| {
            // The owner has its own deadline for connecting, which covers the handshake as well.
            udp.connect_timeout = Duration::ZERO;
            udp.ping_interval = config.ping_interval;
            udp.max_message_bytes = config.limits.max_sent_bytes;
            udp.max_received_message_bytes = config.limits.max_received_bytes;
            udp.incoming_cap_bytes = config.incoming_cap();
        });
        self.connection = Some(Connection::connect(settings, self.challenge, now));
    }

    pub(super) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    fn is_connected(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.state() == State::Connected)
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.state() == State::Connecting)
    }

    /// Returns whether this datagram completed the UDP connection.
    pub(super) fn receive(&mut self, now: Timestamp, bytes: &[u8]) -> bool {
        let before = self.is_connected();
        if let Some(connection) = &mut self.connection {
            connection.handle_datagram(now, bytes);
        }
        !before && self.is_connected()
    }

    pub(super) fn has_next(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::has_event)
    }

    pub(super) fn next(&mut self, cipher: Option<&Cipher>) -> Option<Inbound<Range<usize>>> {
        let connection = self.connection.as_mut()?;
        loop {
            match connection.poll_event()? {
                Event::Message(message) => {
                    connection.recycle(core::mem::replace(&mut self.message, message.bytes));
                    let range = 0..self.message.len();
                    return Some(decrypted(&mut self.message, range, cipher));
                }
                Event::Disconnected(cause) => return Some(Inbound::Ended(End::Udp(cause))),
                // The init was sent when the datagram arrived.
                Event::Connected => {}
            }
        }
    }

    /// The latest message counts as taken: its owner is done with it.
    pub(super) fn release_memory(&mut self, kept_bytes: usize) {
        if self.message.capacity() > kept_bytes {
            self.message = Vec::new();
        }
    }

    pub(super) fn discard_input(&mut self) {
        if let Some(connection) = &mut self.connection {
            while let Some(event) = connection.poll_event() {
                if let Event::Message(message) = event {
                    connection.recycle(message.bytes);
                }
            }
        }
    }

    pub(super) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        debug_assert!(range.end <= self.message.len(), "the latest message");
        self.message.get_mut(range).unwrap_or_default()
    }

    /// Returns the buffer for a message, for [`Datagram::end_message`].
    pub(super) fn begin_message(&mut self) -> Result<&mut Vec<u8>, SendError> {
        // The phase of the peer allows no message before.
        let connection = self.connection.as_mut().ok_or(SendError::NotReady)?;
        Ok(connection.draft())
    }

    /// Sends the message, unless more than `cap` bytes would wait; one without a cap does not count
    /// as the owner's.
    pub(super) fn end_message(&mut self, cap: Option<usize>) -> Result<(), SendError> {
        let connection = self.connection.as_mut().ok_or(SendError::NotReady)?;
        let bytes = connection.draft().len() + udp::command::HEADER_BYTES;
        let waiting = connection.queued_bytes() + bytes;
        let (counts, cap) = (cap.is_some(), cap.unwrap_or(usize::MAX));
        let admitted = SendError::admit(bytes, waiting, cap);
        if admitted.is_err() {
            connection.cancel_draft();
        } else if connection.state() == State::Connected {
            connection.send_draft(CHANNEL, Delivery::Reliable, counts)?;
        } else {
            // The connection ended, and its owner has not taken the end yet. The message is dropped,
            // but its arguments were checked as on a live connection.
            connection.cancel_draft();
            self.dropped += u64::from(counts);
        }
        admitted
    }

    /// Drops the message that was begun.
    pub(super) fn cancel_message(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.cancel_draft();
        }
    }

    pub(super) fn unsent_messages(&self) -> u64 {
        let connection = self.connection.as_ref();
        self.dropped + connection.map_or(0, Connection::unacknowledged_messages)
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.connection.as_ref().map_or(0, Connection::queued_bytes)
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        let received = self.connection.as_ref().map(Connection::received_bytes);
        self.unsent_bytes() + received.unwrap_or(0)
    }

    pub(super) fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        self.connection.as_mut()?.transmit(now)
    }

    pub(super) fn transmitted(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.transmitted();
        }
    }

    pub(super) fn shutdown(&mut self, flush_ms: u64) {
        if self.is_connected() {
            self.shutdown_ms = Some(flush_ms);
        } else {
            self.abort();
        }
    }

    /// Spec: udp.md 7.1.
    pub(super) fn start_shutdown(&mut self, now: Timestamp) {
        if let (Some(flush_ms), Some(connection)) = (self.shutdown_ms.take(), &mut self.connection)
        {
            // A quarter of the time is left for the disconnect and its acknowledgement.
            let timeout = Duration::from_millis(flush_ms - flush_ms / 4);
            connection.shutdown(now, timeout, REASON_CLIENT);
        }
    }

    pub(super) fn abort(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close();
        }
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.connection.as_ref().is_none_or(|connection| {
            connection.state() == State::Disconnected && !connection.has_output()
        })
    }

    pub(super) fn has_unsent_data(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| {
            connection.stats().abandoned_commands > 0 || connection.state() != State::Disconnected
        })
    }

    /// Spec: udp.md 8.
    pub(super) fn on_init_response(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.fetch_server_time();
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        if self.shutdown_ms.is_some() {
            // Asks for a call with a time.
            return Some(Timestamp::ZERO);
        }
        self.connection.as_ref()?.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now);
        }
    }

    pub(super) fn wake(&mut self, now: Timestamp, slept: Duration) {
        if let Some(connection) = &mut self.connection {
            connection.wake(now, slept);
        }
    }
}

/// Whole milliseconds, rounded up: a short time must not become none. Longer than the 584 million
/// years of a `u64` is as good as never.
pub(super) fn millis(duration: core::time::Duration) -> u64 {
    let millis = duration.as_micros().div_ceil(1000);
    u64::try_from(millis).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Datagram, PeerConfig, Timestamp, Vec};

    #[test]
    fn the_memory_of_a_large_message_is_returned_and_that_of_a_small_one_kept() {
        for (capacity, kept) in [(999, true), (1_000, true), (1_001, false), (100_000, false)] {
            let mut datagram = Datagram::new(0);
            datagram.message = Vec::with_capacity(capacity);
            datagram.release_memory(1_000);
            assert_eq!(datagram.message.capacity() > 0, kept, "{capacity}");
        }
    }

    #[test]
    fn a_connection_that_is_not_closed_may_have_unsent_data() {
        let mut datagram = Datagram::new(0);
        assert!(!datagram.has_unsent_data(), "nothing was opened");
        datagram.open(Timestamp::ZERO, &PeerConfig::default());
        assert!(datagram.has_unsent_data(), "the connect command waits");
    }
}
