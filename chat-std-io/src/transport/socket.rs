//! [`Socket`]: the socket of a link, over any transport.

#[cfg(feature = "websocket")]
use super::websocket::WebSocket;
use super::{CloseProgress, LinkEnd, ReadOutcome, Visit, tcp::Stream, udp::Datagrams, with_chunk};
use crate::link_handle::{Discard, LinkHandle};
use crate::stats::IoStats;
use chat_core::Timestamp;

/// A connected socket that never blocks.
pub(crate) enum Socket {
    Stream(Stream),
    Datagrams(Datagrams),
    // Boxed: with the frame codec and TLS it is several times as large as the others.
    #[cfg(feature = "websocket")]
    Messages(Box<WebSocket>),
}

impl Socket {
    /// Whether it is connected, but its TLS and WebSocket handshakes are not complete. They are
    /// part of [`Socket::receive`], which reports the link to the client as opened.
    pub(crate) fn is_opening(&self) -> bool {
        match self {
            Self::Stream(_) | Self::Datagrams(_) => false,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.is_opening(),
        }
    }

    /// When [`Socket::receive`] has work to do although nothing arrives.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Stream(_) => None,
            Self::Datagrams(datagrams) => datagrams.deadline(),
            #[cfg(feature = "websocket")]
            Self::Messages(_) => None,
        }
    }

    /// Whether the last attempt left output that the system did not take.
    pub(crate) fn unsent(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.unsent,
            Self::Datagrams(datagrams) => datagrams.unsent,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.unsent,
        }
    }

    /// Whether receiving has a result that a poller would not notice: an end that the client has not
    /// been given, or input in a buffer of this process.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.is_broken(),
            Self::Datagrams(datagrams) => datagrams.is_broken(),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.is_ready(),
        }
    }

    /// Whether to read although the client wants no input: for datagrams, which include acks, and
    /// for handshakes.
    pub(crate) fn is_always_read(&self) -> bool {
        matches!(self, Self::Datagrams(_)) || self.is_opening()
    }

    /// Passes on what can be read, as far as the client wants it. `Err` is the end, which the
    /// caller passes on.
    pub(crate) fn receive(
        &mut self,
        client: &mut impl LinkHandle,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Result<ReadOutcome, LinkEnd> {
        match self {
            Self::Stream(stream) => stream.receive(client, buffer, stats),
            Self::Datagrams(datagrams) => datagrams.receive(client, buffer, stats),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.receive(client, buffer, stats),
        }
    }

    /// Sends what the system takes.
    pub(crate) fn send(&mut self, client: &mut impl LinkHandle, stats: &mut IoStats) {
        match self {
            Self::Stream(stream) => stream.send(client, stats),
            Self::Datagrams(datagrams) => datagrams.send(client, stats),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.send(client, stats),
        }
    }

    /// Visits the system sockets, with the interest of this moment. `wants_input`: whether to watch
    /// for input.
    pub(crate) fn visit_sources<'a>(&'a self, wants_input: bool, visit: Visit<'_, 'a>) {
        match self {
            Self::Stream(stream) => stream.visit_sources(wants_input, visit),
            Self::Datagrams(datagrams) => datagrams.visit_sources(wants_input, visit),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.visit_sources(wants_input, visit),
        }
    }

    /// Ends an open link as if the network had failed: the next receive reports it.
    pub(crate) fn simulate_connection_loss(&mut self) {
        match self {
            Self::Stream(stream) => stream.simulate_connection_loss(),
            Self::Datagrams(datagrams) => datagrams.simulate_connection_loss(),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) if messages.is_opening() => {}
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.stream().simulate_connection_loss(),
        }
    }

    /// Discards what has arrived on a link that the client has closed, within the limits of two
    /// passes. `Err` is the server's end.
    pub(crate) fn discard_input(
        &mut self,
        now: Timestamp,
        stats: &mut IoStats,
    ) -> Result<(), LinkEnd> {
        let client = &mut Discard { now };
        // A datagram link has no end of its own, and the client handled its input. Before its
        // handshakes are complete, a link carries nothing that could be confirmed.
        if matches!(self, Self::Datagrams(_)) || self.is_opening() {
            return Ok(());
        }
        with_chunk(|buffer| {
            // Twice, because a pass over a stream stops at a read that does not fill the buffer, and
            // the end may lie behind it.
            let first = self.receive(client, buffer, stats)?;
            if first.any && !first.more {
                self.receive(client, buffer, stats)?;
            }
            Ok(())
        })
    }

    /// Begins to close a link that the client has closed.
    #[cfg_attr(not(feature = "websocket"), expect(unused_variables))]
    pub(crate) fn close(&mut self, stats: &mut IoStats) -> CloseProgress {
        match self {
            Self::Stream(stream) => match stream.shutdown_write() {
                true => CloseProgress::Pending,
                false => CloseProgress::Broken,
            },
            // The client has sent its disconnect and awaited the ack before it closes the link, and
            // counts what was left unsent.
            Self::Datagrams(_) => CloseProgress::Confirmed,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.close(stats),
        }
    }

    /// Whether the server has ended the link, but is still owed an answer.
    pub(crate) fn must_answer_end(&self) -> bool {
        match self {
            Self::Stream(_) | Self::Datagrams(_) => false,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.must_answer_end(),
        }
    }

    /// Continues a close: writes the rest of it, and discards input.
    pub(crate) fn continue_close(
        &mut self,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> CloseProgress {
        match self {
            Self::Stream(stream) => stream.continue_close(buffer, stats),
            Self::Datagrams(_) => CloseProgress::Confirmed,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.continue_close(buffer, stats),
        }
    }
}
