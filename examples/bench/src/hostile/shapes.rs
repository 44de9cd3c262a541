//! Hostile values, written byte by byte: shapes that no encoder of ours writes, with as many values
//! as a client takes.

use crate::client::CHANNEL;
use photon_proto::Protocol;

/// The messages of an input, with its name.
pub(super) type Named = (&'static str, Vec<Vec<u8>>);

/// As many values as a message of a chat may have, without those around them.
const MOST: usize = 16_300;
/// The levels of nesting that a message of a chat may have.
const LEVELS: usize = 30;

/// Writes values in one of the protocols.
struct Bytes {
    protocol: Protocol,
    bytes: Vec<u8>,
}

/// A type code in 1.6 and in 1.8.
type Code = (u8, u8);

const TEXT: Code = (b's', 7);
const OBJECTS: Code = (b'z', 23);
const TABLE: Code = (b'h', 21);
const EVENT: Code = (b'e', 26);
const NULL: Code = (b'*', 8);

impl Bytes {
    /// An event with so many parameters.
    fn event(protocol: Protocol, code: u8, parameters: usize) -> Self {
        let bytes = vec![0xF3, 4, code];
        Self { protocol, bytes }.parameters(parameters)
    }

    /// An event 0 for the channel, whose messages follow.
    fn messages(protocol: Protocol, count: usize) -> Self {
        Self::event(protocol, 0, 3)
            .parameter(1)
            .text(CHANNEL.as_bytes())
            .parameter(4)
            .list(count, |senders| senders.text(b""))
            .parameter(2)
            .head(OBJECTS, count)
    }

    /// An event 4, whose message follows.
    fn status(protocol: Protocol) -> Self {
        Self::event(protocol, 4, 3)
            .parameter(5)
            .text(b"eve")
            .parameter(10)
            .put(match protocol {
                Protocol::V16 => &[b'i', 0, 0, 0, 2],
                _ => &[11, 2],
            })
            .parameter(3)
    }

    fn put(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn code(self, (v16, v18): Code) -> Self {
        match self.protocol {
            Protocol::V16 => self.put(&[v16]),
            _ => self.put(&[v18]),
        }
    }

    fn count(mut self, count: usize) -> Self {
        let mut left = count;
        if self.protocol == Protocol::V16 {
            let count = u16::try_from(count).expect("a count of 1.6");
            return self.put(&count.to_be_bytes());
        }
        while left >= 0x80 {
            self.bytes.push(left.to_le_bytes()[0] | 0x80);
            left >>= 7;
        }
        self.put(&[left.to_le_bytes()[0]])
    }

    fn parameters(self, count: usize) -> Self {
        if self.protocol == Protocol::V16 {
            self.count(count)
        } else {
            self.put(&[u8::try_from(count).expect("a count of 1.8")])
        }
    }

    fn parameter(self, key: u8) -> Self {
        self.put(&[key])
    }

    fn head(self, code: Code, count: usize) -> Self {
        self.code(code).count(count)
    }

    fn text(self, text: &[u8]) -> Self {
        self.head(TEXT, text.len()).put(text)
    }

    fn repeat(self, count: usize, one: impl Fn(Self) -> Self) -> Self {
        (0..count).fold(self, |all, _| one(all))
    }

    fn list(self, count: usize, one: impl Fn(Self) -> Self) -> Self {
        self.head(OBJECTS, count).repeat(count, one)
    }

    /// Arrays of arrays, so many in each other, around what follows.
    fn arrays(self, levels: usize) -> Self {
        match self.protocol {
            // The code is that of the elements, which have none: each begins with its count.
            Protocol::V16 => self.put(b"y").repeat(levels, |all| all.put(&[0, 1, b'y'])),
            _ => self.repeat(levels, |all| all.put(&[64, 1])),
        }
    }

    /// An array without elements, inside of arrays.
    fn empty_array(self) -> Self {
        match self.protocol {
            Protocol::V16 => self.put(&[0, 0, b'y']),
            _ => self.put(&[64, 0]),
        }
    }

    /// A custom value.
    fn custom(self, data: &[u8]) -> Self {
        self.code((b'c', 19)).put(&[1]).count(data.len()).put(data)
    }

    /// A byte array.
    fn blob(self, data: &[u8]) -> Self {
        match self.protocol {
            Protocol::V16 => self.put(b"x").put(&(data.len() as u32).to_be_bytes()),
            _ => self.put(&[67]).count(data.len()),
        }
        .put(data)
    }
}

/// The inputs, as messages that every binary carrier takes.
pub(super) fn messages(protocol: Protocol) -> Vec<Named> {
    let chat = |count| Bytes::messages(protocol, count);
    let status = || Bytes::status(protocol);
    let one = |bytes: Bytes| vec![bytes.bytes];
    let is_long = protocol == Protocol::V16;
    // So many that they take nearly a megabyte.
    let nearly = |in_v18: usize| if is_long { in_v18 * 2 / 3 } else { in_v18 };
    let mut all = vec![
        (
            "deep arrays of arrays",
            one(chat(MOST / (LEVELS + 1))
                .repeat(MOST / (LEVELS + 1), |all| all.arrays(LEVELS).empty_array())),
        ),
        (
            "a list of arrays, deep inside of arrays",
            one({
                let all = chat(1).arrays(LEVELS - 2);
                let all = if is_long { all } else { all.put(&[64]) };
                let all = all.count(MOST);
                let all = if is_long { all.put(b"y") } else { all };
                all.repeat(MOST, Bytes::empty_array)
            }),
        ),
        (
            "events of 255 parameters",
            one(chat(MOST / 256).repeat(MOST / 256, |all| {
                let all = all.code(EVENT).put(&[1]).parameters(255);
                (0..=254).fold(all, |all, key| all.parameter(key).code(NULL))
            })),
        ),
        (
            "tables of one pair",
            one(chat(MOST / 3).repeat(MOST / 3, |all| all.head(TABLE, 1).code(NULL).code(NULL))),
        ),
        (
            "tables of one text",
            one(chat(MOST / 3).repeat(MOST / 3, |all| all.head(TABLE, 1).text(b"k").text(b"v"))),
        ),
        (
            "short byte arrays",
            one(status().list(MOST / 2, |all| all.blob(b"x"))),
        ),
        (
            "short custom values",
            one(chat(1).list(MOST, |all| all.custom(b"x"))),
        ),
        (
            "short custom values as messages",
            one(chat(MOST / 2).repeat(MOST / 2, |all| all.custom(b"x"))),
        ),
        (
            "texts that are not UTF-8",
            one(status().list(MOST / 2, |all| all.text(&[0xFF]))),
        ),
        (
            "messages that are not UTF-8",
            one(chat(MOST / 2).repeat(MOST / 2, |all| all.text(&[0xFF]))),
        ),
        (
            "texts and other values in turn",
            one(chat(1).list(MOST / 2, |all| all.text(b"x").code(NULL))),
        ),
        (
            "8,000 keys",
            one(
                (0..8_000_u32).fold(chat(1).head(TABLE, 8_000), |all, number| {
                    let key = format!("property{:08x}", number.wrapping_mul(0x9E37_79B1));
                    all.text(key.as_bytes()).code(NULL)
                }),
            ),
        ),
        (
            "8,000 keys, twice",
            one(
                (0..8_000_u32).fold(chat(1).head(TABLE, 8_000), |all, number| {
                    let key = format!("property{:08x}", (number / 2).wrapping_mul(0x9E37_79B1));
                    all.text(key.as_bytes()).code(NULL)
                }),
            ),
        ),
        (
            "channels that are not UTF-8",
            one(Bytes::event(protocol, 5, 1)
                .parameter(0)
                .list(MOST, |all| all.text(&[0xFF]))),
        ),
        (
            "long channels that are not UTF-8",
            one(Bytes::event(protocol, 5, 1)
                .parameter(0)
                .list(31, |all| all.text(&[0xFF; 31_000]))),
        ),
        (
            "long senders that are not UTF-8",
            one(Bytes::event(protocol, 0, 3)
                .parameter(1)
                .text(CHANNEL.as_bytes())
                .parameter(4)
                .list(31, |all| all.text(&[0xFF; 31_000]))
                .parameter(2)
                .list(1, |all| all.text(b""))),
        ),
        (
            "a long status that is not UTF-8",
            one(status().list(31, |all| all.text(&[0xFF; 31_000]))),
        ),
        (
            "channels without names",
            one(Bytes::event(protocol, 5, 1)
                .parameter(0)
                .list(MOST, |all| all.text(b""))),
        ),
        (
            "channels that are no texts",
            one(Bytes::event(protocol, 5, 1)
                .parameter(0)
                .list(MOST, |all| all.code(NULL))),
        ),
        (
            "a response with many values",
            one(Bytes {
                protocol,
                bytes: vec![0xF3, 3, 2, 0, 0],
            }
            .code(NULL)
            .parameters(2)
            .parameter(1)
            .list(MOST / 2, |all| all.text(b"x").code(NULL).code(NULL))
            .parameter(2)
            .list(10, |all| all.list(MOST / 12, |all| all.head(TABLE, 0)))),
        ),
        (
            "tables in properties of users",
            one({
                let all = Bytes::event(protocol, 5, 3)
                    .parameter(0)
                    .list(1, |all| all.text(CHANNEL.as_bytes()))
                    .parameter(15)
                    .list(1, |all| match protocol {
                        Protocol::V16 => all.put(&[b'o', 1]),
                        _ => all.put(&[28]),
                    })
                    .parameter(28)
                    .head(TABLE, MOST / 6);
                (0..MOST / 6).fold(all, |all, number| {
                    all.text(format!("{number:x}").as_bytes())
                        .head(TABLE, 1)
                        .text(b"k")
                        .head(TABLE, 1)
                        .text(b"k")
                        .text(b"v")
                })
            }),
        ),
        (
            "a megabyte of arrays of arrays",
            one(chat(1).list(nearly(30_000), |all| all.arrays(LEVELS / 2).empty_array())),
        ),
        (
            "a megabyte of tables",
            one(chat(1).list(nearly(30_000), |all| {
                all.head(TABLE, 6).repeat(6, |all| all.text(b"k").text(b""))
            })),
        ),
        (
            "a megabyte of messages with too many values",
            one(chat(30).repeat(30, |all| all.list(2 * MOST, |all| all.code(NULL)))),
        ),
    ];
    if is_long {
        all.push((
            "an event of 16,000 parameters",
            one(
                (0..MOST).fold(Bytes::event(protocol, 99, MOST), |all, number| {
                    all.parameter((number % 255) as u8).code(NULL)
                }),
            ),
        ));
        all.push((
            "dictionaries of arrays",
            one(chat(1)
                .put(&[b'D', 0, b'y'])
                .count(MOST / 30)
                .repeat(MOST / 30, |all| {
                    all.code(NULL).put(&[0, 1]).arrays(LEVELS - 3).empty_array()
                })),
        ));
    } else {
        // The types of a dictionary may be nested without an end, and count as no values.
        let nested = |all: Bytes| {
            all.put(&[20, 2])
                .repeat(LEVELS - 2, |all| all.put(&[20, 2]))
                .put(&[2, 0])
        };
        all.push((
            "dictionaries of dictionaries",
            one(chat(1).list(MOST, nested)),
        ));
        all.push((
            "dictionaries of arrays",
            one(chat(1).list(MOST, |all| {
                all.put(&[20, 2])
                    .repeat(LEVELS - 2, |all| all.put(&[64]))
                    .put(&[67, 0])
            })),
        ));
        all.push((
            "a list of dictionaries of dictionaries",
            one(chat(1).put(&[64]).count(200).repeat(200, |all| {
                all.put(&[84, 2])
                    .repeat(LEVELS - 2, |all| all.put(&[20, 2]))
                    .put(&[2, 0])
            })),
        ));
    }
    all
}
