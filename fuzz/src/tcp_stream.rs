//! Target [`tcp_stream`].

use crate::input::Input;
use photon_proto::tcp::{self, Delivery, HEADER_BYTES, Item, Splitter};
use photon_proto::{DecodeError, DecodeErrorKind, Role};
use std::ops::Range;

/// Any bytes as a TCP stream, cut in any way.
///
/// The first byte says who reads, how long a message may be, and whether the reader keeps up; a list of chunk lengths
/// follows (its own length first), used again from its start when it is at its end; the rest is the stream.
///
/// - Any chunks give the same items, the same error, and the same number of bytes left.
/// - The items, written again, are the beginning of the stream; the error names the place behind them.
/// - [`Splitter::has_item`] says what [`Splitter::next`] then does.
/// - A message can be changed in place, and its range is good for nothing afterwards.
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
        most: [40, 1000, 1024 * 1024, 2][usize::from(choices >> 1 & 3)],
        lags: choices & 8 != 0,
    };
    let lengths = input.bytes(64);
    let stream = input.rest();

    let whole = reader.read(stream, &[]);
    reader.follows(stream, &whole);
    assert_eq!(reader.read(stream, lengths), whole, "cut at {lengths:?}");
    assert_eq!(reader.read(stream, &[1]), whole, "byte by byte");
}

struct Reader {
    role: Role,
    /// The longest message.
    most: usize,
    /// Whether it takes one item a chunk, and the rest at the end.
    lags: bool,
}

/// What became of a stream.
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
        let mut splitter = Splitter::new(self.role, self.most);
        let mut taken = Taken::default();
        let mut rest = stream;
        // An empty chunk is a chunk, but nothing but empty ones would never end.
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

    /// The outcome against the stream that it came from.
    fn follows(&self, stream: &[u8], outcome: &Outcome) {
        let mut written = Vec::new();
        for item in &outcome.items {
            match item {
                Owned::Message {
                    channel,
                    delivery,
                    message,
                } => {
                    assert!(
                        (2..=self.most).contains(&message.len()),
                        "{} bytes",
                        message.len()
                    );
                    let known = Delivery::from_code(*delivery);
                    let start = tcp::begin_frame(
                        &mut written,
                        *channel,
                        known.unwrap_or(Delivery::Reliable),
                    );
                    // Unknown ones are no error, and nothing writes them.
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
                let waits = match (rest.first(), message_bytes) {
                    (None, _) => true,
                    (Some(0xF0), _) => rest.len() < if self.role == Role::Client { 9 } else { 5 },
                    (Some(0xFB), None) => true,
                    (Some(0xFB), Some(bytes)) => {
                        (2..=self.most).contains(&bytes) && rest.len() < bytes + HEADER_BYTES
                    }
                    _ => false,
                };
                assert!(waits, "there is more: {rest:x?}");
            }
            Err(error) => {
                assert_eq!(outcome.left, 0);
                let expected = match (rest[0], message_bytes) {
                    (0xFB, Some(bytes)) if bytes < 2 => (DecodeErrorKind::BadLength, 1),
                    (0xFB, Some(bytes)) if bytes > self.most => (DecodeErrorKind::TooLong, 1),
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

/// What was taken from a splitter.
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
    /// Takes an item; false if there is none.
    fn next(&mut self, splitter: &mut Splitter) -> bool {
        let announced = splitter.has_item();
        let before = splitter.buffered_bytes();
        let next = splitter.next();
        assert_eq!(announced, next != Ok(None), "has_item and next");
        assert!(splitter.buffered_bytes() <= before);
        if let Some(stale) = self.stale.take() {
            assert!(
                splitter.message_mut(stale).is_empty(),
                "a range from before"
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
                    "another error than before"
                );
                self.end = Err(error);
                return false;
            }
        }
        true
    }
}
