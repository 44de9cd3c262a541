//! Framing of the TCP stream: messages behind a header of 7 bytes, and pings without one between
//! them. Spec: [wire.md 6](crate::spec::wire).
//!
//! Both roles use it: [`begin_frame`] and the `encode_` functions append to a buffer, [`Splitter`]
//! decodes the stream.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::error::{DecodeError, DecodeErrorKind};

use crate::role::Role;

/// The length of the header in front of each message. Spec: wire.md 6.1.
pub const HEADER_BYTES: usize = 7;

/// The first byte of a frame. Spec: wire.md 6.1.
const FRAME: u8 = 0xFB;
/// The first byte of a ping, which has no frame around it. Spec: wire.md 6.3.
const PING: u8 = 0xF0;
/// [`PING`] and the client's time. Spec: wire.md 6.3.
const PING_REQUEST_BYTES: usize = 5;
/// [`PING`], the server's time, and the client's time. Spec: wire.md 6.3.
const PING_RESPONSE_BYTES: usize = 9;
/// `F3` and the message type. Official readers fail on a shorter message. Spec: wire.md 6.1.
const MIN_MESSAGE_BYTES: usize = 2;
/// The memory that a splitter keeps after a large message.
const KEPT_CAPACITY: usize = 64 * 1024;

/// The delivery of a message. TCP delivers everything reliably and in order, so there it is only a
/// field of the header. Spec: wire.md 6.1.
///
/// Exhaustive: the two properties, reliable and in order, have four combinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Delivery {
    /// The message may be lost. It is dropped if a newer one was delivered.
    Unreliable = 0,
    /// The message arrives, in order within its channel.
    Reliable = 1,
    /// The message may be lost, and arrives in any order.
    UnreliableUnsequenced = 2,
    /// The message arrives, in any order.
    ReliableUnsequenced = 3,
}

impl Delivery {
    /// The byte in the frame header.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Converts the byte in a frame header; `None` if the protocol does not define it.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Unreliable),
            1 => Some(Self::Reliable),
            2 => Some(Self::UnreliableUnsequenced),
            3 => Some(Self::ReliableUnsequenced),
            _ => None,
        }
    }
}

/// The position of a header that [`begin_frame`] wrote without its length.
#[derive(Debug)]
#[must_use = "a frame without `end_frame` has no length"]
pub struct FrameStart(usize);

impl FrameStart {
    /// The position of the message in the buffer. Its encrypted part begins two bytes later.
    #[must_use]
    #[inline]
    pub const fn message_position(&self) -> usize {
        self.0 + HEADER_BYTES
    }

    /// The header in front of the message at this position.
    #[inline]
    pub(crate) const fn of_message(position: usize) -> Self {
        debug_assert!(position >= HEADER_BYTES, "every message has a header");
        Self(position.saturating_sub(HEADER_BYTES))
    }
}

/// Appends a frame header. Append the message, then call [`end_frame`] or [`cancel_frame`].
/// Spec: wire.md 6.1.
#[inline]
pub fn begin_frame(out: &mut Vec<u8>, channel: u8, delivery: Delivery) -> FrameStart {
    let start = FrameStart(out.len());
    out.extend_from_slice(&[FRAME, 0, 0, 0, 0, channel, delivery.code()]);
    start
}

/// Writes the length of everything since [`begin_frame`] into the header.
///
/// `out` is the same buffer. The caller must ensure that the message has at least 2 bytes and no
/// more than the receiver accepts: a length above `u32::MAX` becomes `u32::MAX`. If the buffer was
/// cut before the header, nothing happens.
#[inline]
pub fn end_frame(out: &mut [u8], start: FrameStart) {
    let Some(frame) = out.get_mut(start.0..) else {
        return;
    };
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    if let Some([_, l0, l1, l2, l3, _, _]) = frame.first_chunk_mut::<HEADER_BYTES>() {
        [*l0, *l1, *l2, *l3] = length.to_be_bytes();
    }
}

/// Removes everything since [`begin_frame`], after a message could not be encoded.
#[inline]
pub fn cancel_frame(out: &mut Vec<u8>, start: FrameStart) {
    out.truncate(start.0);
}

/// Appends a ping request with the client's clock in milliseconds. Spec: wire.md 6.3.
pub fn encode_ping_request(out: &mut Vec<u8>, client_time: i32) {
    out.push(PING);
    out.extend_from_slice(&client_time.to_be_bytes());
}

/// Appends a ping response with the server's clock in milliseconds and the `client_time` of the
/// request. Spec: wire.md 6.3.
pub fn encode_ping_response(out: &mut Vec<u8>, server_time: i32, client_time: i32) {
    out.push(PING);
    out.extend_from_slice(&server_time.to_be_bytes());
    out.extend_from_slice(&client_time.to_be_bytes());
}

/// One item of the stream. Exhaustive: a TCP stream contains nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Frame {
        /// The channel of the message.
        channel: u8,
        /// The delivery byte as received, for [`Delivery::from_code`]. An unknown one is no error.
        delivery: u8,
        /// The argument for [`Splitter::message_mut`].
        message: Range<usize>,
    },
    /// A ping request, only in [`Role::Server`].
    PingRequest {
        /// The client's time, which the server returns unchanged.
        client_time: i32,
    },
    /// A ping response, only in [`Role::Client`].
    PingResponse {
        /// The server's clock in milliseconds.
        server_time: i32,
        /// The client's time of the request.
        client_time: i32,
    },
}

/// Splits a TCP stream into items, however it is cut into chunks. Spec: wire.md 6.1, 6.3.
///
/// [`push`](Self::push) bytes, then call [`next`](Self::next) until it returns `None` (more bytes
/// are needed) or an error. A message stays in the buffer, where it can be borrowed and changed
/// until the next call of either.
///
/// The splitter holds all bytes that were pushed and not taken, so the caller decides how much
/// memory it uses. A message above the limit is rejected by its header.
pub struct Splitter {
    role: Role,
    max_message_bytes: usize,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that belong to earlier items.
    taken: usize,
    /// The bytes of the stream before `buffer`.
    passed: u64,
    /// The latest message, as a range of `buffer`.
    message: Range<usize>,
    /// Noted when bytes come or go, because an owner asks several times for each message.
    front: Front,
    failed: Option<DecodeError>,
}

impl Splitter {
    /// Creates a splitter for the start of a stream. A message longer than `max_message_bytes`,
    /// without its frame header, is an error.
    #[must_use]
    pub const fn new(role: Role, max_message_bytes: usize) -> Self {
        Self {
            role,
            max_message_bytes,
            buffer: Vec::new(),
            taken: 0,
            passed: 0,
            message: 0..0,
            front: Front::Incomplete,
            failed: None,
        }
    }

    /// Adds the next bytes of the stream. After an error they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.message = 0..0;
            self.reclaim();
            self.buffer.extend_from_slice(bytes);
            // More bytes change nothing about an item that is complete.
            if matches!(self.front, Front::Incomplete) {
                self.front = self.look();
            }
        }
    }

    /// Takes the next item; `None` if it has not arrived completely.
    ///
    /// # Errors
    ///
    /// The stream cannot be decoded any further: end the connection. Every later call returns the
    /// same error. Offsets count from the start of the stream.
    ///
    /// - [`DecodeErrorKind::BadFrame`]: the first byte is neither `FB` nor `F0`.
    /// - [`DecodeErrorKind::BadLength`]: a message of fewer than 2 bytes.
    /// - [`DecodeErrorKind::TooLong`]: a message above the limit.
    ///
    /// The last two are reported when the length has arrived, without waiting for the message.
    // Not an iterator: the range in an item is valid only until the next call.
    #[expect(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Item>, DecodeError> {
        self.message = 0..0;
        match self.front {
            Front::Item(found) => Ok(Some(self.take(found))),
            Front::Incomplete => {
                self.reclaim();
                Ok(None)
            }
            Front::Broken => self.fail(),
        }
    }

    /// The message that [`next`](Self::next) would return.
    #[must_use]
    #[inline]
    pub fn peek_message(&self) -> Option<&[u8]> {
        let Front::Item(Found::Frame { message_bytes, .. }) = self.front else {
            return None;
        };
        let start = self.taken + HEADER_BYTES;
        self.buffer.get(start..start + message_bytes)
    }

    /// Takes the next item if it is a message, as [`next`](Self::next) does, and returns its range.
    #[inline]
    pub fn next_message(&mut self) -> Option<Range<usize>> {
        match self.front {
            Front::Item(found @ Found::Frame { .. }) => match self.take(found) {
                Item::Frame { message, .. } => Some(message),
                _ => None,
            },
            _ => None,
        }
    }

    /// The message that was taken last, until the next call that takes or adds something; otherwise
    /// empty. Unlike [`message_mut`](Self::message_mut) it has no range to compare with.
    #[inline]
    pub fn latest_message(&mut self) -> &mut [u8] {
        self.buffer
            .get_mut(self.message.clone())
            .unwrap_or_default()
    }

    #[cold]
    fn fail(&mut self) -> Result<Option<Item>, DecodeError> {
        let Err(error) = self.peek() else {
            debug_assert!(false, "bytes stay broken");
            return Ok(None);
        };
        self.failed = Some(error);
        self.buffer = Vec::new();
        self.taken = 0;
        Err(error)
    }

    /// Whether [`next`](Self::next) would return an item or an error. Takes constant time.
    #[must_use]
    #[inline]
    pub fn has_item(&self) -> bool {
        debug_assert_eq!(self.front, self.look(), "noted with each change");
        self.front != Front::Incomplete
    }

    /// The message of the latest [`Item::Frame`], or a part of it. Any other range, including an
    /// earlier one, returns an empty slice.
    #[inline]
    pub fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        let base = self.base();
        let (Some(start), Some(end)) = (range.start.checked_sub(base), range.end.checked_sub(base))
        else {
            return &mut [];
        };
        if start < self.message.start || end > self.message.end {
            return &mut [];
        }
        self.buffer.get_mut(start..end).unwrap_or_default()
    }

    /// The bytes that were pushed and not taken; 0 after an error.
    #[must_use]
    #[inline]
    pub fn buffered_bytes(&self) -> usize {
        debug_assert!(
            self.taken <= self.buffer.len(),
            "only received bytes are taken"
        );
        self.buffer.len() - self.taken
    }

    /// Returns the buffer's memory if nothing waits in it and it has more than `kept_bytes`. The
    /// latest message is gone afterwards.
    #[inline]
    pub fn release_memory(&mut self, kept_bytes: usize) {
        self.message = 0..0;
        if self.buffer.capacity() > kept_bytes && self.buffered_bytes() == 0 {
            self.passed = self.passed.saturating_add(self.taken as u64);
            self.taken = 0;
            self.buffer = Vec::new();
        }
    }

    #[inline]
    fn look(&self) -> Front {
        // The usual case: an owner that reads often gets one message at a time.
        if self.taken == self.buffer.len() && self.failed.is_none() {
            return Front::Incomplete;
        }
        match self.peek() {
            Ok(None) => Front::Incomplete,
            Ok(Some(found)) => Front::Item(found),
            Err(_) => Front::Broken,
        }
    }

    fn peek(&self) -> Result<Option<Found>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        match (rest.first(), self.role) {
            (None, _) => Ok(None),
            (Some(&FRAME), _) => self.peek_frame(rest),
            (Some(&PING), Role::Server) => {
                Ok(rest
                    .first_chunk::<PING_REQUEST_BYTES>()
                    .map(|&[_, c0, c1, c2, c3]| Found::PingRequest {
                        client_time: i32::from_be_bytes([c0, c1, c2, c3]),
                    }))
            }
            (Some(&PING), Role::Client) => Ok(rest.first_chunk::<PING_RESPONSE_BYTES>().map(
                |&[_, s0, s1, s2, s3, c0, c1, c2, c3]| Found::PingResponse {
                    server_time: i32::from_be_bytes([s0, s1, s2, s3]),
                    client_time: i32::from_be_bytes([c0, c1, c2, c3]),
                },
            )),
            (Some(&other), _) => {
                Err(self.error(DecodeErrorKind::BadFrame(other), 0, "frame start"))
            }
        }
    }

    fn peek_frame(&self, rest: &[u8]) -> Result<Option<Found>, DecodeError> {
        let Some(&[_, l0, l1, l2, l3]) = rest.first_chunk::<5>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        // A length beyond the address space is above every limit.
        let message_bytes = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .saturating_sub(HEADER_BYTES);
        if message_bytes < MIN_MESSAGE_BYTES {
            return Err(self.error(DecodeErrorKind::BadLength, 1, "frame length"));
        }
        if message_bytes > self.max_message_bytes {
            return Err(self.error(DecodeErrorKind::TooLong, 1, "frame length"));
        }
        let Some((&[_, _, _, _, _, channel, delivery], message)) =
            rest.split_first_chunk::<HEADER_BYTES>()
        else {
            return Ok(None);
        };
        if message.len() < message_bytes {
            return Ok(None);
        }
        Ok(Some(Found::Frame {
            channel,
            delivery,
            message_bytes,
        }))
    }

    /// Takes an item that `peek` found, and looks for the next one.
    #[inline]
    fn take(&mut self, found: Found) -> Item {
        let item = match found {
            Found::Frame {
                channel,
                delivery,
                message_bytes,
            } => {
                let start = self.taken + HEADER_BYTES;
                self.taken = start + message_bytes;
                self.message = start..self.taken;
                let base = self.base();
                Item::Frame {
                    channel,
                    delivery,
                    message: base + start..base + self.taken,
                }
            }
            Found::PingRequest { client_time } => {
                self.taken += PING_REQUEST_BYTES;
                Item::PingRequest { client_time }
            }
            Found::PingResponse {
                server_time,
                client_time,
            } => {
                self.taken += PING_RESPONSE_BYTES;
                Item::PingResponse {
                    server_time,
                    client_time,
                }
            }
        };
        debug_assert!(
            self.taken <= self.buffer.len(),
            "`peek` finds complete items only"
        );
        self.front = self.look();
        item
    }

    /// The base of the ranges in items: the stream position of the buffer, so that an old range
    /// never matches a new message. Half of the number range stays free for positions in the
    /// buffer, which never holds more.
    #[inline]
    fn base(&self) -> usize {
        (self.passed & (usize::MAX as u64 >> 1)) as usize
    }

    /// Moves the remaining bytes to the front once they are no more than the taken ones, so that
    /// each byte is moved at most once on average, and returns memory to the allocator. Must not be
    /// called while a message can be borrowed.
    #[inline]
    fn reclaim(&mut self) {
        debug_assert!(self.message.is_empty(), "a borrowed message must not move");
        let left = self.buffered_bytes();
        if self.taken < left {
            return;
        }
        if self.taken > 0 {
            if left > 0 {
                self.buffer.copy_within(self.taken.., 0);
            }
            self.buffer.truncate(left);
            self.passed = self.passed.saturating_add(self.taken as u64);
            self.taken = 0;
        }
        if self.buffer.capacity() > KEPT_CAPACITY && left < self.buffer.capacity() / 4 {
            self.buffer.shrink_to(KEPT_CAPACITY.max(left * 2));
        }
    }

    #[cold]
    fn error(&self, kind: DecodeErrorKind, at: u64, field: &'static str) -> DecodeError {
        let offset = self
            .passed
            .saturating_add(self.taken as u64)
            .saturating_add(at);
        DecodeError::new(kind, usize::try_from(offset).unwrap_or(usize::MAX), field)
    }
}

/// Shows lengths only: the content of the buffer is private.
impl fmt::Debug for Splitter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Splitter")
            .field("role", &self.role)
            .field("buffered_bytes", &self.buffered_bytes())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// The bytes at the front of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    Incomplete,
    Item(Found),
    /// No item begins like this, or the stream has failed before.
    Broken,
}

/// A complete item at the front of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Frame {
        channel: u8,
        delivery: u8,
        message_bytes: usize,
    },
    PingRequest {
        client_time: i32,
    },
    PingResponse {
        server_time: i32,
        client_time: i32,
    },
}

#[cfg(test)]
mod tests;
