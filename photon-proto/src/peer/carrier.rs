//! The transport of a connection: framing or reliable datagrams, and the buffers on both sides.

use super::datagram::Datagram;
use super::inbound::Overrun;
use super::stream::Stream;
use super::whole::Whole;
use super::{Inbound, PeerClock, PeerConfig, SendError, Wire};
use crate::codec::Protocol;
use crate::crypto::Cipher;
use crate::limits::Limits;
use crate::message::MessageKind;
use crate::random::Random;
use crate::role::Role;
use crate::time::Timestamp;
use crate::udp;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

/// One variant per way of carrying messages.
// With a tag of its own: hidden in the capacity of a buffer, each look at it takes five instructions,
// and a message needs eight.
#[derive(Debug)]
#[repr(u8)]
pub(super) enum Carrier {
    Stream(Stream),
    Datagram(Box<Datagram>),
    Whole(Box<Whole>),
}

impl Carrier {
    pub(super) fn client(wire: Wire, config: &PeerConfig, random: &mut Random) -> Self {
        match wire {
            Wire::Datagram => Self::Datagram(Box::new(Datagram::new(random.u32("udp challenge")))),
            Wire::Stream => Self::Stream(Stream::new(Role::Client, config)),
            Wire::WebSocket { protocol, .. } => Self::Whole(Box::new(Whole::new(
                Role::Client,
                protocol.is_text(),
                config,
            ))),
        }
    }

    pub(super) fn server(wire: Wire, config: &PeerConfig) -> Self {
        match wire {
            // A UDP acceptor owns the connection and exchanges whole messages with the peer.
            Wire::Datagram => Self::Whole(Box::new(Whole::new(Role::Server, false, config))),
            Wire::Stream => Self::Stream(Stream::new(Role::Server, config)),
            Wire::WebSocket { protocol, .. } => Self::Whole(Box::new(Whole::new(
                Role::Server,
                protocol.is_text(),
                config,
            ))),
        }
    }

    // The link.

    /// Opens the carrier. Returns whether messages can be sent at once; otherwise a later
    /// [`Carrier::receive`] returns true when they can.
    pub(super) fn open(&mut self, now: Timestamp, config: &PeerConfig) -> bool {
        match self {
            Self::Stream(_) | Self::Whole(_) => true,
            Self::Datagram(datagram) => {
                datagram.open(now, config);
                false
            }
        }
    }

    /// Whether the carrier is open, and its own connection is not established, so that no message
    /// was sent.
    pub(super) fn is_connecting(&self) -> bool {
        match self {
            Self::Stream(_) | Self::Whole(_) => false,
            Self::Datagram(datagram) => datagram.is_connecting(),
        }
    }

    /// Takes received bytes. Fails if they exceed the incoming cap by far; returns whether messages
    /// can be sent from now on, and could not before.
    #[inline]
    pub(super) fn receive(&mut self, now: Timestamp, bytes: &[u8]) -> Result<bool, Overrun> {
        match self {
            Self::Stream(stream) => stream.receive(bytes).map(|()| false),
            Self::Whole(whole) => whole.receive(bytes).map(|()| false),
            Self::Datagram(datagram) => Ok(datagram.receive(now, bytes)),
        }
    }

    /// Drops what was received and not taken.
    pub(super) fn discard_input(&mut self) {
        match self {
            Self::Stream(stream) => stream.discard_input(),
            Self::Whole(whole) => whole.discard_input(),
            Self::Datagram(datagram) => datagram.discard_input(),
        }
    }

    /// Whether more input fits. A datagram connection always reads: without space it does not
    /// acknowledge data, and goes on with acknowledgements, pings and disconnects.
    #[inline]
    pub(super) fn has_capacity(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.has_capacity(),
            Self::Whole(whole) => whole.has_capacity(),
            Self::Datagram(_) => true,
        }
    }

    // Messages in.

    /// Whether [`Carrier::next`] would return anything.
    #[inline]
    pub(super) fn has_next(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.has_next(),
            Self::Whole(whole) => whole.has_next(),
            Self::Datagram(datagram) => datagram.has_next(),
        }
    }

    /// The next thing that was received; `None` if nothing complete is left. Ping answers go to the
    /// clock. [`Inbound::Handshake`] means that the server showed its presence without an init
    /// response.
    #[inline]
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        clock: &mut PeerClock,
        cipher: Option<&Cipher>,
        config: &PeerConfig,
    ) -> Option<Inbound<Range<usize>>> {
        match self {
            Self::Stream(stream) => stream.next(now, clock, cipher),
            Self::Whole(whole) => whole.next(now, clock, cipher, config),
            Self::Datagram(datagram) => datagram.next(cipher),
        }
    }

    /// See [`Peer::is_unfinished`](super::Peer::is_unfinished).
    #[inline]
    pub(super) const fn is_unfinished(&self) -> bool {
        match self {
            #[cfg(feature = "json")]
            Self::Whole(whole) => whole.is_unfinished(),
            _ => false,
        }
    }

    /// See [`Peer::parsed_text_bytes`](super::Peer::parsed_text_bytes).
    #[inline]
    pub(super) const fn parsed_text_bytes(&self) -> u64 {
        match self {
            #[cfg(feature = "json")]
            Self::Whole(whole) => whole.parsed_text_bytes(),
            _ => 0,
        }
    }

    /// Takes the next message if it needs nothing but to be passed on, and the carrier can see that
    /// without the work of [`Carrier::next`]. It is the [`Carrier::latest_message`].
    #[inline]
    pub(super) fn next_plain(&mut self) -> Option<MessageKind> {
        match self {
            Self::Stream(stream) => stream.next_plain(),
            Self::Whole(_) | Self::Datagram(_) => None,
        }
    }

    /// The message that [`Carrier::next_plain`] took last.
    #[inline]
    pub(super) fn latest_message(&mut self) -> &mut [u8] {
        match self {
            Self::Stream(stream) => stream.latest_message(),
            Self::Whole(_) | Self::Datagram(_) => {
                debug_assert!(false, "these have no plain messages");
                &mut []
            }
        }
    }

    /// The bytes of the message that [`Carrier::next`] returned last.
    #[inline]
    pub(super) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        match self {
            Self::Stream(stream) => stream.message_mut(range),
            Self::Whole(whole) => whole.message_mut(range),
            Self::Datagram(datagram) => datagram.message_mut(range),
        }
    }

    /// The bytes that the input holds of an incomplete message, if it holds nothing else; otherwise
    /// 0. WebSocket messages and datagrams arrive whole.
    #[inline]
    pub(super) fn partial_bytes(&self) -> usize {
        match self {
            Self::Stream(stream) => stream.partial_bytes(),
            Self::Whole(_) | Self::Datagram(_) => 0,
        }
    }

    // Messages out.

    /// Appends a reliable message on channel 0, unless more than `cap` bytes would then wait; one
    /// without a cap does not count as the owner's. `write` gets the buffer and the position where
    /// the message begins; if it fails, nothing remains of the message.
    // One call of `write` for all carriers, which the compiler can then build in.
    #[inline]
    pub(super) fn write<E: From<SendError>>(
        &mut self,
        cap: Option<usize>,
        config: &PeerConfig,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let (buffer, start) = self.begin_message()?;
        match write(buffer, start) {
            Ok(()) => Ok(self.end_message(start, cap, config)?),
            Err(error) => {
                self.cancel_message(start);
                Err(error)
            }
        }
    }

    /// Returns the buffer for a message, and the position in it where the message begins.
    #[inline]
    fn begin_message(&mut self) -> Result<(&mut Vec<u8>, usize), SendError> {
        Ok(match self {
            Self::Stream(stream) => stream.begin_message(),
            Self::Datagram(datagram) => (datagram.begin_message()?, 0),
            Self::Whole(whole) => (whole.begin_message(), 0),
        })
    }

    /// Sends the message that begins at `start`, if it is admitted.
    #[inline]
    fn end_message(
        &mut self,
        start: usize,
        cap: Option<usize>,
        config: &PeerConfig,
    ) -> Result<(), SendError> {
        match self {
            Self::Stream(stream) => stream.end_message(start, cap.unwrap_or(usize::MAX)),
            Self::Datagram(datagram) => datagram.end_message(cap),
            Self::Whole(whole) => whole.end_message(cap.unwrap_or(usize::MAX), config),
        }
    }

    #[cold]
    fn cancel_message(&mut self, start: usize) {
        match self {
            Self::Stream(stream) => stream.cancel_message(start),
            Self::Datagram(datagram) => datagram.cancel_message(),
            Self::Whole(whole) => whole.cancel_message(),
        }
    }

    /// Appends bytes as they are: on a stream without a frame, elsewhere as one message.
    pub(super) fn write_raw(&mut self, bytes: &[u8]) {
        match self {
            Self::Stream(stream) => stream.write_raw(bytes),
            Self::Whole(whole) => whole.write_raw(bytes),
            Self::Datagram(datagram) => {
                // Only a client has this carrier, and nothing that it sends is raw.
                if let Ok(message) = datagram.begin_message() {
                    message.extend_from_slice(bytes);
                    let _dropped_if_not_connected = datagram.end_message(None);
                }
            }
        }
    }

    /// The owner's messages that were not acknowledged, where the carrier counts them.
    pub(super) fn unsent_messages(&self) -> Option<u64> {
        match self {
            Self::Stream(_) | Self::Whole(_) => None,
            Self::Datagram(datagram) => Some(datagram.unsent_messages()),
        }
    }

    /// Bytes that were not sent, or over UDP not acknowledged.
    #[inline]
    pub(super) fn unsent_bytes(&self) -> usize {
        match self {
            Self::Stream(stream) => stream.unsent().len(),
            Self::Whole(whole) => whole.unsent_bytes(),
            Self::Datagram(datagram) => datagram.unsent_bytes(),
        }
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        match self {
            Self::Stream(stream) => stream.buffered_bytes(),
            Self::Whole(whole) => whole.buffered_bytes(),
            Self::Datagram(datagram) => datagram.buffered_bytes(),
        }
    }

    pub(super) fn transmit(&mut self, now: Timestamp) -> Option<&[u8]> {
        match self {
            Self::Stream(stream) => Some(stream.unsent()).filter(|bytes| !bytes.is_empty()),
            Self::Whole(whole) => Some(whole.unsent()).filter(|bytes| !bytes.is_empty()),
            Self::Datagram(datagram) => datagram.transmit(now),
        }
    }

    pub(super) fn transmitted(&mut self, bytes: usize, config: &PeerConfig) {
        match self {
            Self::Stream(stream) => stream.consume(bytes, config.kept_bytes),
            Self::Datagram(datagram) if bytes > 0 => datagram.transmitted(),
            Self::Whole(whole) if bytes > 0 => whole.transmitted(config.kept_bytes),
            Self::Datagram(_) | Self::Whole(_) => {}
        }
    }

    /// Returns the memory of buffers that hold nothing and are larger than `kept_bytes`.
    #[inline]
    pub(super) fn release_memory(&mut self, kept_bytes: usize) {
        match self {
            Self::Stream(stream) => stream.release_memory(kept_bytes),
            Self::Whole(whole) => whole.release_memory(kept_bytes),
            Self::Datagram(datagram) => datagram.release_memory(kept_bytes),
        }
    }

    // Closing.

    /// Goes on sending what was accepted, over UDP for at most this long.
    pub(super) fn shutdown(&mut self, flush_ms: u64) {
        match self {
            Self::Stream(_) | Self::Whole(_) => {}
            Self::Datagram(datagram) => datagram.shutdown(flush_ms),
        }
    }

    /// Starts the time of [`Carrier::shutdown`], which has none.
    #[inline]
    pub(super) fn start_shutdown(&mut self, now: Timestamp) {
        if let Self::Datagram(datagram) = self {
            datagram.start_shutdown(now);
        }
    }

    /// Drops what was accepted; a UDP connection sends one disconnect.
    pub(super) fn abort(&mut self) {
        match self {
            Self::Stream(stream) => stream.discard_output(),
            Self::Whole(whole) => whole.discard_output(),
            Self::Datagram(datagram) => datagram.abort(),
        }
    }

    /// Whether a carrier that was shut down has nothing left to do.
    pub(super) fn is_flushed(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.unsent().is_empty(),
            Self::Whole(whole) => whole.unsent().is_empty(),
            Self::Datagram(datagram) => datagram.is_flushed(),
        }
    }

    /// Whether something that was accepted was not sent, or over UDP not acknowledged.
    pub(super) fn has_unsent_data(&self) -> bool {
        match self {
            Self::Stream(stream) => !stream.unsent().is_empty(),
            Self::Whole(whole) => !whole.unsent().is_empty(),
            Self::Datagram(datagram) => datagram.has_unsent_data(),
        }
    }

    // Time.

    /// Appends a client's ping, where pings are messages: UDP pings by itself.
    pub(super) fn write_ping(&mut self, protocol: Protocol, limits: &Limits, client_time: i32) {
        match self {
            Self::Stream(stream) => stream.write_ping(client_time),
            Self::Whole(whole) => whole.write_ping(protocol, limits, client_time),
            Self::Datagram(_) => {}
        }
    }

    /// The server answered the init.
    pub(super) fn on_init_response(&mut self) {
        if let Self::Datagram(datagram) = self {
            datagram.on_init_response();
        }
    }

    #[inline]
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        match self {
            Self::Datagram(datagram) => datagram.poll_timeout(),
            Self::Stream(_) | Self::Whole(_) => None,
        }
    }

    #[inline]
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if let Self::Datagram(datagram) = self {
            datagram.handle_timeout(now);
        }
    }

    pub(super) fn wake(&mut self, now: Timestamp, slept: Duration) {
        if let Self::Datagram(datagram) = self {
            datagram.wake(now, slept);
        }
    }

    /// The UDP connection, if the carrier has one.
    pub(super) fn udp(&self) -> Option<&udp::Connection> {
        match self {
            Self::Stream(_) | Self::Whole(_) => None,
            Self::Datagram(datagram) => datagram.connection(),
        }
    }
}
