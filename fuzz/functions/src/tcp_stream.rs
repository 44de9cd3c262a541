//! Target [`tcp_stream`].

use crate::input::Input;
use photon_proto::tcp::{self, Delivery, HEADER_BYTES, Item, Splitter};
use photon_proto::{DecodeError, DecodeErrorKind, Role};
use std::ops::Range;

/// Splits any bytes as a TCP stream, in chunks of any lengths.
///
/// The first byte chooses the reader's role, the limit for messages, and whether the reader lags. A list
/// of chunk lengths follows, with its own length in front; the splitter uses it in a circle. The rest is
/// the stream.
///
/// - Any chunks give the same items, the same error, and the same number of bytes left.
/// - The items, encoded again, are the beginning of the stream. The offset of an error is behind them.
/// - [`Splitter::has_item`] announces the result of [`Splitter::next`].
/// - A message can be changed in place; its range is invalid after the next item.
///
/// # Panics
/// If one of these does not hold.
pub fn tcp_stream(data: &[u8]) {
    let mut input = Input::new(data);
    let choices = input.u8();
    let reader = Reader {
        role: if choices & 1 == 0 {
            Role::Client
        } else {
            Role::Server
        },
        max_bytes: [40, 1000, 1024 * 1024, 2][usize::from(choices >> 1 & 3)],
        lags: choices & 8 != 0,
    };
    let lengths = input.bytes(64);
    let stream = input.rest();

    let whole = reader.read(stream, &[]);
    reader.check(stream, &whole);
    assert_eq!(reader.read(stream, lengths), whole, "cut at {lengths:?}");
    assert_eq!(reader.read(stream, &[1]), whole, "byte by byte");
}

struct Reader {
    role: Role,
    /// The maximum of bytes in a message.
    max_bytes: usize,
    /// Whether it takes one item for each chunk, and the rest at the end.
    lags: bool,
}

/// The result of splitting a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    items: Vec<Owned>,
    end: Result<(), DecodeError>,
    left: usize,
}

#[derive(Debug, PartialEq)]
enum Owned {
    Message {
        channel: u8,
        delivery: u8,
        message: Vec<u8>,
    },
    Ping(Item),
}

impl Reader {
    /// Reads a stream in chunks of these lengths; without lengths, as a whole.
    fn read(&self, stream: &[u8], lengths: &[u8]) -> Outcome {
        let mut splitter = Splitter::new(self.role, self.max_bytes);
        let mut taken = Taken::default();
        let mut rest = stream;
        // Empty chunks are legal, but a list of empty ones would never end.
        let lengths = if lengths.iter().all(|length| *length == 0) {
            &[]
        } else {
            lengths
        };
        let mut lengths = lengths.iter().cycle();
        while !rest.is_empty() {
            let length = lengths
                .next()
                .map_or(rest.len(), |length| usize::from(*length).min(rest.len()));
            let (chunk, behind) = rest.split_at(length);
            splitter.push(chunk);
            rest = behind;
            while taken.next(&mut splitter) && !self.lags {}
        }
        while taken.next(&mut splitter) {}
        Outcome {
            items: taken.items,
            end: taken.end,
            left: splitter.buffered_bytes(),
        }
    }

    /// Checks the outcome against its stream.
    fn check(&self, stream: &[u8], outcome: &Outcome) {
        let mut written = Vec::new();
        for item in &outcome.items {
            match item {
                Owned::Message {
                    channel,
                    delivery,
                    message,
                } => {
                    assert!(
                        (2..=self.max_bytes).contains(&message.len()),
                        "{} bytes",
                        message.len()
                    );
                    let known = Delivery::from_code(*delivery);
                    let start = tcp::begin_frame(
                        &mut written,
                        *channel,
                        known.unwrap_or(Delivery::Reliable),
                    );
                    // Unknown delivery codes are legal, and the encoder has no name for them.
                    if known.is_none() {
                        written[start.message_position() - 1] = *delivery;
                    }
                    written.extend_from_slice(message);
                    tcp::end_frame(&mut written, start);
                }
                Owned::Ping(Item::PingRequest { client_time }) if self.role == Role::Server => {
                    tcp::encode_ping_request(&mut written, *client_time);
                }
                Owned::Ping(Item::PingResponse {
                    server_time,
                    client_time,
                }) if self.role == Role::Client => {
                    tcp::encode_ping_response(&mut written, *server_time, *client_time);
                }
                Owned::Ping(other) => panic!("{other:?} as {:?}", self.role),
            }
        }
        let rest = stream
            .strip_prefix(&written[..])
            .expect("the items are the beginning of the stream");
        let announced = rest
            .get(1..5)
            .map(|length| u32::from_be_bytes(length.try_into().expect("four bytes")));
        let message_bytes = announced.map(|length| (length as usize).saturating_sub(HEADER_BYTES));
        match outcome.end {
            Ok(()) => {
                assert_eq!(outcome.left, rest.len());
                let incomplete = match (rest.first(), message_bytes) {
                    (None, _) => true,
                    (Some(0xF0), _) => rest.len() < if self.role == Role::Client { 9 } else { 5 },
                    (Some(0xFB), None) => true,
                    (Some(0xFB), Some(bytes)) => {
                        (2..=self.max_bytes).contains(&bytes) && rest.len() < bytes + HEADER_BYTES
                    }
                    _ => false,
                };
                assert!(incomplete, "an item was not read: {rest:x?}");
            }
            Err(error) => {
                assert_eq!(outcome.left, 0);
                let expected = match (rest[0], message_bytes) {
                    (0xFB, Some(bytes)) if bytes < 2 => (DecodeErrorKind::BadLength, 1),
                    (0xFB, Some(bytes)) if bytes > self.max_bytes => (DecodeErrorKind::TooLong, 1),
                    (0xFB | 0xF0, _) => panic!("{error}: {rest:x?}"),
                    (other, _) => (DecodeErrorKind::BadFrame(other), 0),
                };
                assert_eq!(
                    (error.kind, error.offset),
                    (expected.0, written.len() + expected.1)
                );
            }
        }
    }
}

/// The items of a splitter so far.
struct Taken {
    items: Vec<Owned>,
    end: Result<(), DecodeError>,
    stale: Option<Range<usize>>,
}

impl Default for Taken {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            end: Ok(()),
            stale: None,
        }
    }
}

impl Taken {
    /// Takes an item. False if there is none.
    fn next(&mut self, splitter: &mut Splitter) -> bool {
        let announced = splitter.has_item();
        let before = splitter.buffered_bytes();
        let next = splitter.next();
        assert_eq!(
            announced,
            next != Ok(None),
            "`has_item` and `next` disagree"
        );
        assert!(splitter.buffered_bytes() <= before);
        if let Some(stale) = self.stale.take() {
            assert!(
                splitter.message_mut(stale).is_empty(),
                "the range of an earlier item"
            );
        }
        match next {
            Ok(None) => return false,
            Ok(Some(Item::Frame {
                channel,
                delivery,
                message: range,
            })) => {
                let message = splitter.message_mut(range.clone());
                assert_eq!(message.len(), range.len());
                self.items.push(Owned::Message {
                    channel,
                    delivery,
                    message: message.to_vec(),
                });
                message.fill(0xFB);
                self.stale = Some(range);
            }
            Ok(Some(ping)) => self.items.push(Owned::Ping(ping)),
            Err(error) => {
                assert!(
                    self.end.is_ok() || self.end == Err(error),
                    "a different error than before"
                );
                self.end = Err(error);
                return false;
            }
        }
        true
    }
}
