//! [`Stats`]: what happened so far, in numbers.

use core::time::Duration;

/// Counters of one client since it was made, and how its present connection is. Spec: chat.md 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages received that could be decoded, those below included.
    pub received_messages: u64,
    /// Messages that could not be decoded; each was also an event.
    pub bad_messages: u64,
    /// Known events without what they should hold; dropped.
    pub malformed_events: u64,
    /// Messages and properties for channels that the client does not know; dropped.
    pub unknown_channel_events: u64,
    /// Messages that nobody waits for, that come too early, or of a kind that means nothing to a chat client; dropped.
    pub ignored_messages: u64,
    /// Subscribed channels that nobody asked for and that were not kept, because there are too many.
    pub unkept_channels: u64,
    /// Raw messages; dropped. Spec: chat.md 4.10.
    pub raw_messages: u64,
    /// Events with subscribers or properties that were not all kept, because the cap for them was reached.
    pub presence_dropped: u64,
    /// Bytes after the end of messages; tolerated.
    pub surplus_bytes: u64,
    /// Connections that were ended on purpose, by [`ChatClient::disconnect`](crate::ChatClient::disconnect) or the move to
    /// the front end, before all that had been accepted was sent, or over UDP acknowledged.
    pub closed_with_unsent_data: u64,
    /// Smoothed round-trip time of the current connection, in whole milliseconds, once it is known.
    pub round_trip: Option<Duration>,
    /// Its variance.
    pub round_trip_variance: Option<Duration>,
    /// What the present connection has counted, if it is one over UDP: resends, losses, drops by reason.
    pub udp: Option<photon_proto::udp::Stats>,
    /// Bytes received and not processed, or written and not sent; over UDP also those sent and not acknowledged.
    pub buffered_bytes: usize,
    /// Bytes that the message caches keep alive.
    pub cached_bytes: usize,
}
