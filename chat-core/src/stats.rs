//! [`Stats`]: counters of a client.

use alloc::boxed::Box;
use core::time::Duration;

/// Counters of one client since its creation, and measurements of its current connection.
///
/// May grow: every new kind of dropped input gets a counter, because nothing is dropped silently.
///
/// Spec: chat.md 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Received messages that could be decoded, including those of the counters below.
    pub received_messages: u64,
    /// Estimated work of processing input, in about one instruction each: messages, bytes and values.
    /// [`ChatConfig::max_work_per_service`](crate::ChatConfig::max_work_per_service) limits it for
    /// each call.
    pub work: u64,
    /// Messages that could not be decoded. Each one is also an
    /// [`Event::BadMessage`](crate::Event::BadMessage).
    pub bad_messages: u64,
    /// Elements that could not be decoded while the rest of their message could: contents that became
    /// [`Content::Undecodable`](crate::Content::Undecodable), and names, ids, status messages,
    /// properties and parameters that have U+FFFD in place of what is not decodable.
    pub undecodable_elements: u64,
    /// Events with a known code but without their required parameters; dropped.
    pub malformed_events: u64,
    /// Messages and properties for unknown channels; dropped.
    pub unknown_channel_events: u64,
    /// Messages that match no request, that arrive too early, or whose kind a chat client does not
    /// use; dropped.
    pub ignored_messages: u64,
    /// Channels that the application did not ask for, and that the client does not keep because
    /// their cap is reached: 1,024 of a kind, or
    /// [`ChatConfig::unsolicited_cap_bytes`](crate::ChatConfig::unsolicited_cap_bytes).
    pub unkept_channels: u64,
    /// Private conversations that were forgotten in favour of new ones. Each one is also an
    /// [`Event::ConversationForgotten`](crate::Event::ConversationForgotten).
    pub forgotten_conversations: u64,
    /// Raw messages; dropped. Spec: chat.md 4.10.
    pub raw_messages: u64,
    /// Events whose subscribers or properties were not all kept, because the cap for them was
    /// reached ([`ChatConfig::presence_cap_bytes`](crate::ChatConfig::presence_cap_bytes)).
    pub presence_dropped: u64,
    /// Bytes after the end of messages; tolerated.
    pub surplus_bytes: u64,
    /// Messages that were accepted and not sent, or over UDP not acknowledged, when connections
    /// ended that the client did not close: the sum of
    /// [`DisconnectCause::unsent_messages`](crate::DisconnectCause::unsent_messages). Also queued
    /// messages that were dropped.
    pub unsent_messages: u64,
    /// Connections that the client closed, by
    /// [`ChatClient::disconnect`](crate::ChatClient::disconnect) or on its way to the front end,
    /// before all accepted data was sent or, over UDP, acknowledged.
    pub closed_with_unsent_data: u64,
    /// Attempts of the client to connect again by itself.
    pub reconnect_attempts: u64,
    /// Connections on which all wanted channels had their outcome: the number of
    /// [`Event::Restored`](crate::Event::Restored).
    pub restores: u64,
    /// Holes in the messages of channels: the number of [`Event::Gap`](crate::Event::Gap).
    pub gaps: u64,
    /// Messages that are missing in these holes, as far as their number is known.
    pub missing_messages: u64,
    /// Subscriptions that the client sent by itself, to ask for messages that it misses
    /// ([`ChatConfig::repair`](crate::ChatConfig::repair)).
    pub questions: u64,
    /// Messages that the server sent again, and that the client did not deliver again.
    pub repeated_messages: u64,
    /// Smoothed round-trip time of the current connection, in whole milliseconds. `None` until it
    /// is measured.
    pub round_trip: Option<Duration>,
    /// Variance of the round-trip time.
    pub round_trip_variance: Option<Duration>,
    /// Counters of the current connection if it is a UDP connection: resends, losses, drops.
    pub udp: Option<photon_proto::udp::Stats>,
    /// Bytes that are received but not processed, or accepted but not sent; over UDP also bytes
    /// that are sent but not acknowledged.
    pub buffered_bytes: usize,
    /// Bytes of messages that wait for a connection, or for their channel
    /// ([`Restore::queue_cap_bytes`](crate::Restore::queue_cap_bytes)).
    pub queued_bytes: usize,
    /// Bytes of memory that the message caches keep alive.
    pub cached_bytes: usize,
    /// Bytes of memory that others make channels use: the names of private conversations and of
    /// channels that the application did not ask for, subscribers, and properties.
    pub channel_bytes: usize,
}

/// The counters that a client keeps itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received_messages: u64,
    pub(crate) work: u64,
    /// The others count what most clients never experience, so they have no memory before the first.
    rare: Option<Box<Stats>>,
}

impl Counters {
    /// The counters of what is rare.
    #[cold]
    pub(crate) fn rare(&mut self) -> &mut Stats {
        self.rare.get_or_insert_default()
    }

    /// Adds an amount, which is mostly 0, to one of them.
    #[inline]
    pub(crate) fn add(&mut self, amount: u64, counter: impl FnOnce(&mut Stats) -> &mut u64) {
        if amount > 0 {
            *counter(self.rare()) += amount;
        }
    }

    /// Returns the counters, without the measurements of the connection.
    pub(crate) fn stats(&self) -> Stats {
        let rare = self.rare.as_deref();
        Stats {
            received_messages: self.received_messages,
            work: self.work,
            ..rare.copied().unwrap_or_default()
        }
    }
}
