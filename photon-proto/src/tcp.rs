//! Framing of the TCP stream: messages behind a 7 byte header, pings bare between them. Spec: wire.md 6.
//!
//! Both ends: [`begin_frame`] and the `write_` functions append to a buffer, [`Splitter`] takes the stream apart.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::error::{DecodeError, DecodeErrorKind};

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
    let Some(frame) = out.get_mut(start.0..) else { return };
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
pub fn write_ping_request(out: &mut Vec<u8>, client_time: i32) {
    out.push(PING);
    out.extend_from_slice(&client_time.to_be_bytes());
}

/// Appends a server's answer: its own time in milliseconds, and the `client_time` of the request. Spec: wire.md 6.3.
pub fn write_ping_response(out: &mut Vec<u8>, server_time: i32, client_time: i32) {
    out.push(PING);
    out.extend_from_slice(&server_time.to_be_bytes());
    out.extend_from_slice(&client_time.to_be_bytes());
}

/// Which end of the connection reads: a ping begins with the same byte in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads ping responses.
    Client,
    /// Reads ping requests.
    Server,
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
        Self { role, max_message_bytes, buffer: Vec::new(), taken: 0, passed: 0, message: 0..0, failed: None }
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
        let (Some(start), Some(end)) = (range.start.checked_sub(base), range.end.checked_sub(base)) else {
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
            (Some(&PING), Role::Server) => Ok(rest
                .first_chunk::<PING_REQUEST_BYTES>()
                .map(|&[_, c0, c1, c2, c3]| Found::PingRequest { client_time: i32::from_be_bytes([c0, c1, c2, c3]) })),
            (Some(&PING), Role::Client) => {
                Ok(rest.first_chunk::<PING_RESPONSE_BYTES>().map(|&[_, s0, s1, s2, s3, c0, c1, c2, c3]| {
                    Found::PingResponse {
                        server_time: i32::from_be_bytes([s0, s1, s2, s3]),
                        client_time: i32::from_be_bytes([c0, c1, c2, c3]),
                    }
                }))
            }
            (Some(&other), _) => Err(self.error(DecodeErrorKind::BadFrame(other), 0, "frame start")),
        }
    }

    fn peek_frame(&self, rest: &[u8]) -> Result<Option<Found>, DecodeError> {
        let Some(&[_, l0, l1, l2, l3]) = rest.first_chunk::<5>() else { return Ok(None) };
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        // A length that this machine cannot even count is above any limit.
        let message_bytes = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(HEADER_BYTES);
        if message_bytes < MIN_MESSAGE_BYTES {
            return Err(self.error(DecodeErrorKind::BadLength, 1, "frame length"));
        }
        if message_bytes > self.max_message_bytes {
            return Err(self.error(DecodeErrorKind::TooLong, 1, "frame length"));
        }
        let Some((&[_, _, _, _, _, channel, delivery], message)) = rest.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        if message.len() < message_bytes {
            return Ok(None);
        }
        Ok(Some(Found::Frame { channel, delivery, message_bytes }))
    }

    fn take(&mut self, found: Found) -> Item {
        match found {
            Found::Frame { channel, delivery, message_bytes } => {
                let start = self.taken + HEADER_BYTES;
                self.taken = start + message_bytes;
                self.message = start..self.taken;
                let base = self.base();
                Item::Frame { channel, delivery, message: base + start..base + self.taken }
            }
            Found::PingRequest { client_time } => {
                self.taken += PING_REQUEST_BYTES;
                Item::PingRequest { client_time }
            }
            Found::PingResponse { server_time, client_time } => {
                self.taken += PING_RESPONSE_BYTES;
                Item::PingResponse { server_time, client_time }
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
        let offset = self.passed.saturating_add(self.taken as u64).saturating_add(at);
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
    Frame { channel: u8, delivery: u8, message_bytes: usize },
    PingRequest { client_time: i32 },
    PingResponse { server_time: i32, client_time: i32 },
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    const LIMIT: usize = 1000;

    /// Small generator, good enough to cut streams at odd places.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }
    }

    #[derive(Debug, PartialEq)]
    enum Owned {
        Message(u8, u8, Vec<u8>),
        Ping(Item),
    }

    fn frame(channel: u8, delivery: Delivery, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let start = begin_frame(&mut out, channel, delivery);
        out.extend_from_slice(message);
        end_frame(&mut out, start);
        out
    }

    fn drain(splitter: &mut Splitter, items: &mut Vec<Owned>) -> Result<(), DecodeError> {
        loop {
            let announced = splitter.has_item();
            let next = splitter.next();
            assert_eq!(announced, next != Ok(None));
            match next? {
                None => return Ok(()),
                Some(Item::Frame { channel, delivery, message }) => {
                    items.push(Owned::Message(channel, delivery, splitter.message_mut(message).to_vec()));
                }
                Some(ping) => items.push(Owned::Ping(ping)),
            }
        }
    }

    fn split(role: Role, chunks: &[&[u8]]) -> (Vec<Owned>, Result<(), DecodeError>) {
        let mut splitter = Splitter::new(role, LIMIT);
        let mut items = Vec::new();
        for chunk in chunks {
            splitter.push(chunk);
            if let Err(error) = drain(&mut splitter, &mut items) {
                return (items, Err(error));
            }
        }
        (items, Ok(()))
    }

    fn failure(bytes: &[u8]) -> Option<(DecodeErrorKind, usize)> {
        split(Role::Client, &[bytes]).1.err().map(|error| (error.kind, error.offset))
    }

    /// A stream with everything in it, for each role.
    fn sample(role: Role) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, length) in [2_usize, 3, 40, 1000, 999, 17, 2].into_iter().enumerate() {
            let message: Vec<u8> = (0..length).map(|at| (at + index) as u8).collect();
            out.extend(frame(index as u8, Delivery::Reliable, &message));
            match role {
                Role::Client => write_ping_response(&mut out, -1 - index as i32, i32::MIN),
                Role::Server => write_ping_request(&mut out, i32::MAX - index as i32),
            }
        }
        out
    }

    #[test]
    fn vectors_are_written_and_read() {
        for (bytes, channel, delivery) in [
            // tcp_init_response; tcp_unreliable_ch1_18 and _16; tcp_(un)reliable_unsequenced_18
            (&b"\xFB\0\0\0\x0A\0\x01\xF3\x01\0"[..], 0, Delivery::Reliable),
            (b"\xFB\0\0\0\x10\x01\0\xF3\x02\x05\x01\x01\x07\x02hi", 1, Delivery::Unreliable),
            (b"\xFB\0\0\0\x12\x01\0\xF3\x02\x05\0\x01\x01\x73\0\x02hi", 1, Delivery::Unreliable),
            (b"\xFB\0\0\0\x0B\0\x02\xF3\x02\x06\0", 0, Delivery::UnreliableUnsequenced),
            (b"\xFB\0\0\0\x0B\0\x03\xF3\x02\x07\0", 0, Delivery::ReliableUnsequenced),
        ] {
            assert_eq!(frame(channel, delivery, &bytes[7..]), bytes);
            let expected = Owned::Message(channel, delivery.code(), bytes[7..].to_vec());
            assert_eq!(split(Role::Client, &[bytes]), (vec![expected], Ok(())));
        }
    }

    #[test]
    fn ping_vectors_are_written_and_read() {
        let mut out = Vec::new();
        write_ping_request(&mut out, 42);
        assert_eq!(out, [0xF0, 0, 0, 0, 0x2A]);
        let ping = Owned::Ping(Item::PingRequest { client_time: 42 });
        assert_eq!(split(Role::Server, &[&out]), (vec![ping], Ok(())));

        out.clear();
        write_ping_response(&mut out, 168_496_141, 42);
        assert_eq!(out, [0xF0, 0x0A, 0x0B, 0x0C, 0x0D, 0, 0, 0, 0x2A]);
        let ping = Owned::Ping(Item::PingResponse { server_time: 168_496_141, client_time: 42 });
        assert_eq!(split(Role::Client, &[&out]), (vec![ping], Ok(())));
    }

    #[test]
    fn frames_are_patched_where_they_stand() {
        let mut out = vec![1, 2, 3];
        let start = begin_frame(&mut out, 0, Delivery::Reliable);
        assert_eq!(start.message_position(), out.len());
        out.extend([0xF3, 0]);
        end_frame(&mut out, start);
        let done = out.clone();
        assert_eq!(done, [1, 2, 3, 0xFB, 0, 0, 0, 9, 0, 1, 0xF3, 0]);
        let start = begin_frame(&mut out, 0, Delivery::Reliable);
        out.push(0xF3);
        cancel_frame(&mut out, start);
        assert_eq!(out, done);
        for cut in [0, 3, 9] {
            let mut out = vec![0; 3];
            let start = begin_frame(&mut out, 0, Delivery::Reliable);
            out.truncate(cut);
            let before = out.clone();
            end_frame(&mut out, start);
            assert_eq!(out, before);
        }
    }

    #[test]
    fn delivery_codes() {
        for code in 0..=255 {
            assert_eq!(Delivery::from_code(code).map(Delivery::code), (code < 4).then_some(code));
        }
        let odd = Owned::Message(200, 77, vec![0xF3, 1]);
        assert_eq!(split(Role::Client, &[b"\xFB\0\0\0\x09\xC8\x4D\xF3\x01"]), (vec![odd], Ok(())));
    }

    #[test]
    fn any_chunking_gives_the_same_items() {
        for role in [Role::Client, Role::Server] {
            let stream = sample(role);
            let (whole, result) = split(role, &[&stream]);
            assert_eq!((whole.len(), result), (14, Ok(())));
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(split(role, &bytes), (whole, Ok(())));
            for seed in 0..300 {
                let mut dice = Dice(seed);
                let mut chunks = Vec::new();
                let mut rest = &stream[..];
                while !rest.is_empty() {
                    let bound = [3, 50, 3000][dice.below(3)];
                    let (chunk, after) = rest.split_at(dice.below(bound).min(rest.len()));
                    chunks.push(chunk);
                    rest = after;
                }
                assert_eq!(split(role, &chunks), split(role, &[&stream]), "seed {seed}");
            }
        }
    }

    #[test]
    fn pushing_ahead_of_reading_gives_the_same_items() {
        let stream = sample(Role::Client);
        let whole = split(Role::Client, &[&stream]).0;
        for seed in 0..300 {
            let mut dice = Dice(seed);
            let mut splitter = Splitter::new(Role::Client, LIMIT);
            let (mut items, mut rest) = (Vec::new(), &stream[..]);
            // Far more steps than any seed needs, so that a splitter that gets stuck fails the test.
            for _ in 0..10_000 {
                let (chunk, after) = rest.split_at(dice.below(700).min(rest.len()));
                splitter.push(chunk);
                rest = after;
                for _ in 0..dice.below(3) {
                    match splitter.next().unwrap() {
                        Some(Item::Frame { channel, delivery, message }) => {
                            items.push(Owned::Message(channel, delivery, splitter.message_mut(message).to_vec()));
                        }
                        Some(ping) => items.push(Owned::Ping(ping)),
                        None => {}
                    }
                }
            }
            assert_eq!(items, whole, "seed {seed}");
            assert_eq!(splitter.buffered_bytes(), 0);
        }
    }

    #[test]
    fn truncations_wait_for_more() {
        for role in [Role::Client, Role::Server] {
            let stream = sample(role);
            let whole = split(role, &[&stream]).0;
            for cut in 0..stream.len() {
                let (items, result) = split(role, &[&stream[..cut]]);
                assert_eq!(result, Ok(()));
                assert!(items.len() < whole.len());
                assert_eq!(items[..], whole[..items.len()]);
            }
        }
    }

    #[test]
    fn bad_first_byte() {
        for byte in (0..=255).filter(|byte| ![0xFB, 0xF0].contains(byte)) {
            assert_eq!(failure(&[byte]), Some((DecodeErrorKind::BadFrame(byte), 0)));
        }
        let mut stream = sample(Role::Client);
        let end = stream.len();
        stream.push(0xF3);
        let (items, result) = split(Role::Client, &[&stream]);
        assert_eq!(items.len(), 14);
        assert_eq!(result.map_err(|error| error.offset), Err(end));
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(split(Role::Client, &bytes).1, result);
    }

    #[test]
    fn lengths_are_judged_by_the_header_alone() {
        for length in 0..9_u8 {
            assert_eq!(failure(&[0xFB, 0, 0, 0]), None);
            assert_eq!(failure(&[0xFB, 0, 0, 0, length]), Some((DecodeErrorKind::BadLength, 1)));
        }
        let header = |length: u32| [&[0xFB][..], &length.to_be_bytes()].concat();
        assert_eq!(failure(&header(9)), None);
        assert_eq!(failure(&header(LIMIT as u32 + 7)), None);
        assert_eq!(failure(&header(LIMIT as u32 + 8)), Some((DecodeErrorKind::TooLong, 1)));
        assert_eq!(failure(&header(u32::MAX)), Some((DecodeErrorKind::TooLong, 1)));
    }

    #[test]
    fn errors_stay() {
        let mut splitter = Splitter::new(Role::Server, LIMIT);
        splitter.push(b"\xFB\0\0\0\x09\0\x01\xF3\x01\x55more");
        assert!(matches!(splitter.next(), Ok(Some(Item::Frame { .. }))));
        let error = DecodeError::new(DecodeErrorKind::BadFrame(0x55), 9, "frame start");
        for _ in 0..3 {
            assert!(splitter.has_item());
            assert_eq!(splitter.next(), Err(error));
            assert_eq!((splitter.buffered_bytes(), splitter.buffer.capacity()), (0, 0));
            splitter.push(&sample(Role::Server));
            assert_eq!(splitter.message_mut(0..9), []);
        }
    }

    #[test]
    fn messages_can_be_changed_and_ranges_go_stale() {
        let mut splitter = Splitter::new(Role::Client, LIMIT);
        let mut stale: Vec<Range<usize>> = vec![0..1, 3..5];
        let message = |splitter: &mut Splitter| match splitter.next() {
            Ok(Some(Item::Frame { message, .. })) => message,
            other => panic!("{other:?}"),
        };
        for round in 0..20_u8 {
            splitter.push(&frame(0, Delivery::Reliable, &[0xF3, round, 7]));
            splitter.push(&frame(0, Delivery::Reliable, &[0xF3, round, 8]));
            for last in [7, 8] {
                let range = message(&mut splitter);
                splitter.message_mut(range.clone())[0] = 9;
                assert_eq!(splitter.message_mut(range.clone()), [9, round, last]);
                assert_eq!(splitter.message_mut(range.start + 2..range.end), [last]);
                assert_eq!(splitter.message_mut(range.start..range.end + 1), []);
                assert_eq!(splitter.message_mut(range.start - 1..range.end), []);
                assert_eq!(splitter.message_mut(Range { start: range.end, end: range.start }), []);
                assert_eq!(splitter.message_mut(0..usize::MAX), []);
                assert_eq!(splitter.message_mut(usize::MAX..usize::MAX), []);
                for old in &stale {
                    assert_eq!(splitter.message_mut(old.clone()), []);
                }
                stale.push(range);
            }
            assert_eq!(splitter.next(), Ok(None));
            for old in &stale {
                assert_eq!(splitter.message_mut(old.clone()), []);
            }
        }
    }

    #[test]
    fn memory_stays_bounded_over_a_long_stream() {
        let mut splitter = Splitter::new(Role::Client, 2_000_000);
        let mut dice = Dice(1);
        let stream: Vec<u8> =
            (0..200).flat_map(|_| frame(0, Delivery::Reliable, &vec![1; dice.below(900) + 2])).collect();
        let mut items = 0;
        // Chunks that never end with a frame: the buffer is never empty.
        for _ in 0..200 {
            for chunk in stream.chunks(1117) {
                splitter.push(chunk);
                while splitter.next().unwrap().is_some() {
                    items += 1;
                }
                assert!(splitter.buffer.capacity() <= 8 * 1117, "{}", splitter.buffer.capacity());
            }
        }
        assert_eq!(items, 200 * 200);
    }

    #[test]
    fn memory_of_a_large_message_is_given_back() {
        for rest in [0, 5] {
            let mut splitter = Splitter::new(Role::Client, 2_000_000);
            for chunk in frame(0, Delivery::Reliable, &vec![1; 2_000_000]).chunks(10_000) {
                splitter.push(chunk);
            }
            splitter.push(&frame(0, Delivery::Reliable, &[1, 2])[..rest]);
            assert!(matches!(splitter.next(), Ok(Some(_))));
            assert!(splitter.buffer.capacity() >= 2_000_000);
            assert_eq!(splitter.next(), Ok(None));
            assert_eq!(splitter.buffered_bytes(), rest);
            assert!(splitter.buffer.capacity() <= KEPT_CAPACITY);
        }
    }

    #[test]
    fn positions_survive_a_counter_at_its_end() {
        for passed in [u64::MAX - 3, usize::MAX as u64 >> 1, (usize::MAX as u64 >> 1) - 4] {
            let mut splitter = Splitter::new(Role::Client, LIMIT);
            splitter.passed = passed;
            for _ in 0..3 {
                let mut items = Vec::new();
                splitter.push(&frame(0, Delivery::Reliable, &[0xF3, 1]));
                drain(&mut splitter, &mut items).unwrap();
                assert_eq!(items, [Owned::Message(0, 1, vec![0xF3, 1])]);
            }
            splitter.push(&[0]);
            assert!(splitter.next().is_err());
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let mut splitter = Splitter::new(Role::Client, LIMIT);
        splitter.push(&frame(0, Delivery::Reliable, b"secret"));
        let shown = format!("{splitter:?}");
        assert_eq!(shown, "Splitter { role: Client, buffered_bytes: 13, failed: None, .. }");
    }
}
