//! A byte stream with frames. Spec: wire.md 6.

use super::inbound::{Overrun, decrypted, is_passed_on};
use super::{End, Inbound, PeerClock, PeerConfig, SendError};
use crate::crypto::Cipher;
use crate::message::{Header, MessageKind};
use crate::role::Role;
use crate::tcp::{self, Delivery, FrameStart, Item, Splitter};
use crate::time::Timestamp;
use alloc::vec::Vec;
use core::ops::Range;

/// The input that is accepted above the cap, in bytes: one chunk that the driver had read before it
/// learned that no input is wanted.
const OVERRUN_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Stream {
    role: Role,
    splitter: Splitter,
    outgoing: Outgoing,
    incoming_cap: usize,
}

impl Stream {
    pub(super) fn new(role: Role, config: &PeerConfig) -> Self {
        Self {
            role,
            splitter: Splitter::new(role, config.limits.max_received_bytes),
            outgoing: Outgoing::default(),
            incoming_cap: config.incoming_cap(),
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), Overrun> {
        let max_bytes = self.incoming_cap.saturating_add(OVERRUN_BYTES);
        if self.splitter.buffered_bytes().saturating_add(bytes.len()) > max_bytes {
            return Err(Overrun);
        }
        self.splitter.push(bytes);
        Ok(())
    }

    #[inline]
    pub(super) fn has_capacity(&self) -> bool {
        self.splitter.buffered_bytes() < self.incoming_cap
    }

    #[inline]
    pub(super) fn has_next(&self) -> bool {
        self.splitter.has_item()
    }

    /// Takes the next message if it needs nothing but to be passed on, as nearly all do: see
    /// [`is_passed_on`].
    #[inline]
    pub(super) fn next_plain(&mut self) -> Option<MessageKind> {
        let header = Header::decode(self.splitter.peek_message()?).ok()?;
        let is_plain = !header.encrypted && is_passed_on(header.kind);
        (is_plain && self.splitter.next_message().is_some()).then_some(header.kind)
    }

    /// The message that was taken last.
    #[inline]
    pub(super) fn latest_message(&mut self) -> &mut [u8] {
        self.splitter.latest_message()
    }

    #[inline]
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        clock: &mut PeerClock,
        cipher: Option<&Cipher>,
    ) -> Option<Inbound<Range<usize>>> {
        Some(match self.splitter.next() {
            Ok(None) => return None,
            Ok(Some(Item::Frame { message, .. })) => {
                decrypted(self.splitter.message_mut(message.clone()), message, cipher)
            }
            Ok(Some(Item::PingResponse {
                server_time,
                client_time,
            })) => {
                debug_assert_eq!(
                    self.role,
                    Role::Client,
                    "the splitter of a server takes no ping responses"
                );
                match clock.on_ping_answer(now, server_time, client_time) {
                    true => Inbound::Nothing,
                    false => Inbound::Ignored,
                }
            }
            Ok(Some(Item::PingRequest { client_time })) => {
                debug_assert_eq!(
                    self.role,
                    Role::Server,
                    "the splitter of a client takes no ping requests"
                );
                Inbound::Ping { client_time }
            }
            Err(error) => Inbound::Ended(End::BadStream(error)),
        })
    }

    #[inline]
    pub(super) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.splitter.message_mut(range)
    }

    /// The bytes that the input holds of an incomplete item, if it holds nothing else; otherwise 0.
    #[inline]
    pub(super) fn partial_bytes(&self) -> usize {
        match self.splitter.has_item() {
            true => 0,
            false => self.splitter.buffered_bytes(),
        }
    }

    /// Begins a message: appends the header of its frame. Returns the buffer, and where in it the
    /// message begins.
    #[inline]
    pub(super) fn begin_message(&mut self) -> (&mut Vec<u8>, usize) {
        let buffer = &mut self.outgoing.bytes;
        let frame = tcp::begin_frame(buffer, 0, Delivery::Reliable);
        (buffer, frame.message_position())
    }

    /// Ends the message that begins at `start`, or removes it if more than `cap` bytes wait.
    #[inline]
    pub(super) fn end_message(&mut self, start: usize, cap: usize) -> Result<(), SendError> {
        let length = self.outgoing.bytes.len();
        debug_assert!(start <= length, "a writer only appends");
        // No sum overflows: these are lengths of buffers.
        let bytes = length.saturating_sub(start) + tcp::HEADER_BYTES;
        let admitted = SendError::admit(bytes, self.unsent().len(), cap);
        match admitted {
            Ok(()) => tcp::end_frame(&mut self.outgoing.bytes, FrameStart::of_message(start)),
            Err(_) => self.cancel_message(start),
        }
        admitted
    }

    /// Removes the message that begins at `start`, and its frame.
    pub(super) fn cancel_message(&mut self, start: usize) {
        tcp::cancel_frame(&mut self.outgoing.bytes, FrameStart::of_message(start));
    }

    pub(super) fn write_raw(&mut self, bytes: &[u8]) {
        self.outgoing.bytes.extend_from_slice(bytes);
    }

    pub(super) fn write_ping(&mut self, client_time: i32) {
        debug_assert_eq!(self.role, Role::Client, "a client finds no ping requests");
        tcp::encode_ping_request(&mut self.outgoing.bytes, client_time);
    }

    pub(super) fn write_ping_answer(&mut self, server_time: i32, client_time: i32) {
        debug_assert_eq!(self.role, Role::Server, "a server finds no ping responses");
        tcp::encode_ping_response(&mut self.outgoing.bytes, server_time, client_time);
    }

    #[inline]
    pub(super) fn unsent(&self) -> &[u8] {
        self.outgoing.unsent()
    }

    pub(super) fn consume(&mut self, bytes: usize, kept_bytes: usize) {
        self.outgoing.consume(bytes, kept_bytes);
    }

    #[inline]
    pub(super) fn release_memory(&mut self, kept_bytes: usize) {
        self.splitter.release_memory(kept_bytes);
        self.outgoing.release_memory(kept_bytes);
    }

    pub(super) fn discard_output(&mut self) {
        self.outgoing = Outgoing::default();
    }

    pub(super) fn discard_input(&mut self) {
        self.splitter = Splitter::new(self.role, 0);
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.splitter.buffered_bytes() + self.outgoing.unsent().len()
    }
}

/// Bytes that wait to be sent. Not printed: some are credentials.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    /// How many of `bytes` were sent.
    sent: usize,
}

impl core::fmt::Debug for Outgoing {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Outgoing({} bytes)", self.unsent().len())
    }
}

impl Outgoing {
    #[inline]
    fn unsent(&self) -> &[u8] {
        debug_assert!(
            self.sent <= self.bytes.len(),
            "no more is sent than there is"
        );
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    #[inline]
    fn release_memory(&mut self, kept_bytes: usize) {
        if self.bytes.capacity() > kept_bytes && self.bytes.is_empty() {
            self.bytes = Vec::new();
        } else if kept_bytes == 0 && self.bytes.len() < self.bytes.capacity() / 4 {
            // A ping may wait in the large buffer of an earlier message, which would be kept again.
            self.bytes.shrink_to_fit();
        }
    }

    fn consume(&mut self, bytes: usize, kept_bytes: usize) {
        // The driver chooses the number; more than there are count as all.
        self.sent = self.sent.saturating_add(bytes).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.sent = 0;
            self.bytes.clear();
            self.release_memory(kept_bytes);
        } else if self.sent > kept_bytes && self.sent > self.bytes.len() / 2 {
            // Moved only once that costs less than what was sent, or a slow link would cost
            // quadratic time.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outgoing;

    #[test]
    fn partial_sends_keep_the_order_and_give_memory_back() {
        let mut out = Outgoing::default();
        out.bytes.extend_from_slice(b"abcdef");
        out.consume(2, 16);
        assert_eq!(out.unsent(), b"cdef");
        out.bytes.extend_from_slice(b"gh");
        assert_eq!(out.unsent(), b"cdefgh");
        // Above what is kept, the sent part is moved away.
        out.consume(4, 3);
        assert_eq!((out.unsent(), out.sent), (&b"gh"[..], 0));
        out.consume(100, 16);
        assert_eq!(out.unsent(), b"");
        out.bytes.extend_from_slice(&[0; 100]);
        out.consume(100, 16);
        assert_eq!(out.bytes.capacity(), 0);
    }
}
