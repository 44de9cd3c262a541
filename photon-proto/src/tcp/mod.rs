//! Framing of the TCP stream: messages behind a 7 byte header, pings bare between them. Spec: wire.md 6.
//!
//! Both ends: [`begin_frame`] and the `write_` functions append to a buffer, [`Splitter`] takes the stream apart.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::error::{DecodeError, DecodeErrorKind};

pub use crate::role::Role;

/// Bytes in front of each message. Spec: wire.md 6.1.
pub const HEADER_BYTES: usize = 7;

const FRAME: u8 = 0xFB;
const PING: u8 = 0xF0;
const PING_REQUEST_BYTES: usize = 5;
const PING_RESPONSE_BYTES: usize = 9;
/// `F3` and the message type: official readers break on less. Spec: wire.md 6.1.
const MIN_MESSAGE_BYTES: usize = 2;
/// Memory that a splitter may keep for later once a large message is gone.
const KEPT_CAPACITY: usize = 64 * 1024;

/// How a message wants to be delivered. TCP delivers everything reliably and in order, so there it is only announced.
/// Spec: wire.md 6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Delivery {
    /// May be lost; never overtaken by an older message.
    Unreliable = 0,
    /// Arrives, in order within its channel.
    Reliable = 1,
    /// May be lost, may arrive in any order.
    UnreliableUnsequenced = 2,
    /// Arrives, in any order.
    ReliableUnsequenced = 3,
}

impl Delivery {
    /// The byte in the frame header.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What a byte in a frame header means; `None` if the protocol does not define it.
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

/// Where [`begin_frame`] put a header whose length is not known yet.
#[derive(Debug)]
#[must_use = "a frame without `end_frame` has no length"]
pub struct FrameStart(usize);

impl FrameStart {
    /// Position of the first message byte in the buffer; what is encrypted begins two bytes later.
    #[must_use]
    pub const fn message_position(&self) -> usize {
        self.0.saturating_add(HEADER_BYTES)
    }
}

/// Appends a frame header. Append the message, then call [`end_frame`] or [`cancel_frame`].
/// Spec: wire.md 6.1.
pub fn begin_frame(out: &mut Vec<u8>, channel: u8, delivery: Delivery) -> FrameStart {
    let start = FrameStart(out.len());
    out.extend_from_slice(&[FRAME, 0, 0, 0, 0, channel, delivery.code()]);
    start
}

/// Writes the length of everything since [`begin_frame`] into the header.
///
/// `out` is the whole buffer again. That the message has at least 2 bytes, and no more than the receiver takes, is the
/// caller's duty: a length above `u32::MAX` is written as `u32::MAX`. A buffer that was cut to before the message is
/// left as it is.
pub fn end_frame(out: &mut [u8], start: FrameStart) {
    let Some(frame) = out.get_mut(start.0..) else {
        return;
    };
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    if let Some([_, l0, l1, l2, l3, _, _]) = frame.first_chunk_mut::<HEADER_BYTES>() {
        [*l0, *l1, *l2, *l3] = length.to_be_bytes();
    }
}

/// Removes everything since [`begin_frame`], for a message that could not be encoded.
pub fn cancel_frame(out: &mut Vec<u8>, start: FrameStart) {
    out.truncate(start.0);
}

/// Appends a client's ping. `client_time` is in milliseconds on the client's own clock. Spec: wire.md 6.3.
pub fn encode_ping_request(out: &mut Vec<u8>, client_time: i32) {
    out.push(PING);
    out.extend_from_slice(&client_time.to_be_bytes());
}

/// Appends a server's answer: its own time in milliseconds, and the `client_time` of the request. Spec: wire.md 6.3.
pub fn encode_ping_response(out: &mut Vec<u8>, server_time: i32, client_time: i32) {
    out.push(PING);
    out.extend_from_slice(&server_time.to_be_bytes());
    out.extend_from_slice(&client_time.to_be_bytes());
}

/// One piece of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Frame {
        /// The channel it was sent on.
        channel: u8,
        /// The delivery byte as received; [`Delivery::from_code`] names it. Unknown ones are no error.
        delivery: u8,
        /// What to give to [`Splitter::message_mut`].
        message: Range<usize>,
    },
    /// A client's ping; only in [`Role::Server`].
    PingRequest {
        /// To be echoed as it is.
        client_time: i32,
    },
    /// The answer to a ping; only in [`Role::Client`].
    PingResponse {
        /// Milliseconds on the server's clock.
        server_time: i32,
        /// What the request said.
        client_time: i32,
    },
}

/// Takes a TCP stream apart, however it is cut into chunks. Spec: wire.md 6.1, 6.3.
///
/// [`push`](Self::push) bytes, then call [`next`](Self::next) until it gives `None` (more bytes are needed) or an
/// error. A message stays in the buffer and can be borrowed, and changed, until the next call of either.
///
/// It holds what was pushed and not yet taken, so the one who pushes decides how much that is; a message above the
/// limit is refused from its header alone.
pub struct Splitter {
    role: Role,
    max_message_bytes: usize,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that belong to items already given out.
    taken: usize,
    /// Bytes of the stream in front of `buffer`.
    passed: u64,
    /// The latest message, as positions in `buffer`.
    message: Range<usize>,
    failed: Option<DecodeError>,
}

impl Splitter {
    /// A splitter at the start of a stream. A message longer than `max_message_bytes` (frame header not counted) is an
    /// error.
    #[must_use]
    pub const fn new(role: Role, max_message_bytes: usize) -> Self {
        Self {
            role,
            max_message_bytes,
            buffer: Vec::new(),
            taken: 0,
            passed: 0,
            message: 0..0,
            failed: None,
        }
    }

    /// Adds the next bytes of the stream. After an error they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.message = 0..0;
            self.reclaim();
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Takes the next item; `None` means that it has not arrived completely.
    ///
    /// # Errors
    ///
    /// The stream cannot be followed any further; the connection has to end, and the same error comes again from every
    /// later call. Offsets count from the start of the stream.
    ///
    /// - [`DecodeErrorKind::BadFrame`]: the first byte is neither `FB` nor `F0`.
    /// - [`DecodeErrorKind::BadLength`]: a message of fewer than 2 bytes.
    /// - [`DecodeErrorKind::TooLong`]: a message above the limit. As the one above, reported when the length has
    ///   arrived, without waiting for the message.
    // Not an iterator: an item borrows nothing, but is only good until the next call.
    #[expect(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Item>, DecodeError> {
        self.message = 0..0;
        match self.peek() {
            Ok(Some(found)) => Ok(Some(self.take(found))),
            Ok(None) => {
                self.reclaim();
                Ok(None)
            }
            Err(error) => {
                self.failed = Some(error);
                self.buffer = Vec::new();
                self.taken = 0;
                Err(error)
            }
        }
    }

    /// Whether [`next`](Self::next) would give an item or an error now. Takes constant time.
    #[must_use]
    pub fn has_item(&self) -> bool {
        !matches!(self.peek(), Ok(None))
    }

    /// The message of the latest [`Item::Frame`], or a part of it. Any other range, one from before the latest
    /// [`push`](Self::push) or [`next`](Self::next) included, gives an empty slice.
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

    /// Bytes pushed and not yet taken; 0 after an error.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len().saturating_sub(self.taken)
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
        // A length that this machine cannot even count is above any limit.
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

    fn take(&mut self, found: Found) -> Item {
        match found {
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
        }
    }

    /// What the ranges given out count from: the stream position of the buffer, so that an old range does not fit a
    /// new message. Half of the number range is left free for positions in the buffer: it never holds more.
    fn base(&self) -> usize {
        (self.passed & (usize::MAX as u64 >> 1)) as usize
    }

    /// Moves what is left to the front once that costs no more than was taken, and gives memory back. Only while no
    /// message is out.
    fn reclaim(&mut self) {
        let left = self.buffered_bytes();
        if self.taken < left {
            return;
        }
        if self.taken > 0 {
            self.buffer.copy_within(self.taken.., 0);
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

/// Counts only: what is in the buffer is private.
impl fmt::Debug for Splitter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Splitter")
            .field("role", &self.role)
            .field("buffered_bytes", &self.buffered_bytes())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// A complete item at the front of the buffer.
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
