//! The JSON sub-protocol, which browsers speak over WebSocket: transcoded to and from GpBinary 1.8. Spec: wire.md 7.2.
//!
//! A text message of the WebSocket holds frames `~m~LENGTH~m~PAYLOAD`, LENGTH in UTF-16 units. [`Reader`] takes one apart
//! and gives each message in it as the message of GpBinary 1.8 that says the same; [`encode_message`] goes the other way.
//! So everything above knows one format, whatever the connection speaks. Both ends are here: a client reads responses,
//! events and ping answers, a server requests and pings ([`Role`]).
//!
//! ```
//! use photon_proto::json::{self, Frame, Reader, Role};
//! use photon_proto::{Limits, Protocol, message::MessageWriter};
//!
//! let mut publish = Vec::new();
//! let mut writer = MessageWriter::request(&mut publish, Protocol::V18, &Limits::DEFAULT, 2)?;
//! writer.put(1, "general")?;
//! writer.put(3, "h\u{e9}llo")?;
//! writer.finish()?;
//!
//! let mut text = Vec::new();
//! json::encode_message(&mut text, &Limits::DEFAULT, &publish)?;
//! assert_eq!(text, "~m~43~m~~j~{\"req\":2,\"vals\":[1,\"general\",3,\"h\u{e9}llo\"]}".as_bytes());
//!
//! let mut again = Vec::new();
//! let mut reader = Reader::new(Role::Server, &Limits::DEFAULT, &text)?;
//! assert_eq!(reader.next(&mut again)?, Some(Frame::Message(0..again.len())));
//! assert_eq!(again, publish);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What JSON becomes
//!
//! | JSON | GpBinary 1.8 |
//! | --- | --- |
//! | `null`, `true`, `false` | null, bool |
//! | number without fraction and exponent | int if 32 bits hold it (`-0` is 0), else long if 64 bits do, else double |
//! | other numbers | double; beyond its range infinite, as in JavaScript |
//! | string | string |
//! | array of strings, at least one | string array |
//! | any other array, `[]` too | object array |
//! | object | Hashtable with string keys |
//!
//! * Arrays of numbers or bools become no typed arrays: the type of a list would change with what happens to be in it,
//!   and lists that a protocol on top declares as mixed would not be readable once all elements are alike. Whoever
//!   expects ints or bools must take them from an object array too.
//! * Keys stay text, `"255"` too, in the order in which they came. Of a key that comes twice readers of the Hashtable
//!   keep the last value, as JavaScript does. Of a parameter that comes twice likewise.
//! * Text in JSON may hold half of a surrogate pair (`"\ud800"`), UTF-8 cannot: it becomes U+FFFD, as in what browsers send.
//!   A browser user's cut emoji must not cost the others the whole message.
//! * NUL characters are dropped before anything else; the escape `\u0000` is a character like others.
//! * Text longer than the 32,767 bytes that may be written in 1.8 is read all the same.
//!
//! # What JSON cannot say
//!
//! | GpBinary 1.8 | JSON | comes back as |
//! | --- | --- | --- |
//! | null, bool, int, string | the same | the same |
//! | byte, short | number | int |
//! | long | all its digits; beyond 2^53 JavaScript rounds them | int if 32 bits hold it |
//! | float | the shortest number that gives this float | double of the same decimal digits |
//! | double | the shortest number, always with a fraction or exponent | the same |
//! | float or double that is NaN or infinite | `null` | null |
//! | byte array | array of numbers | object array of ints |
//! | custom | array of its bytes, as official readers give unknown ones; the code is lost | object array of ints |
//! | string array | array | the same; an empty one as an empty object array |
//! | object array | array | the same; a string array if all are strings |
//! | other arrays | array | object array |
//! | Hashtable, Dictionary | object | Hashtable |
//! | request, response, event as a value | object as for a message | Hashtable |
//!
//! Keys of maps become text: numbers their digits, bools `true` and `false`, floats as above or `NaN`, `Infinity`, `-Infinity`,
//! bytes and custom content their numbers joined by commas, as JavaScript does. Keys that differ in type alone become
//! one; both are written. A byte array or custom value that comes back is one level deeper than it was.
//!
//! # What it costs
//!
//! A frame is charged to the same [`Limits`](crate::Limits) as a binary message: the text message and each 1.8 message made of it
//! are at most [`max_received_bytes`](crate::Limits::max_received_bytes) long, each value, key and element counts (elements of
//! number arrays too: JSON does not say that they are numbers before they are read), an array or object is a level, except
//! an array that is a parameter itself (see [`Params::elements`](crate::Params::elements)). Memory is taken for the 1.8 message
//! only, and for a copy of a text message that contains NULs.
//!
//! The tokens are taken from the text one by one by a small parser of our own. A general parser builds a tree that nobody
//! charges for, has a nesting limit of its own, refuses half surrogate pairs, and reports lines instead of offsets.
//!
//! # Errors
//!
//! Offsets count bytes from the start of the text message, NULs left out. JSON that is none is
//! [`UnknownType`](crate::DecodeErrorKind::UnknownType) with the byte that does not belong there; a value of the wrong type, and
//! a number where it does not fit, [`WrongType`](crate::DecodeErrorKind::WrongType) with its first byte.

mod frames;
mod object;
mod parser;
mod transcode;
mod write;
mod writer;

pub use crate::role::Role;
pub use frames::{Frame, Reader};
pub use write::{
    WriteError, encode_message, encode_ping_request, encode_ping_response, encode_session,
};

/// Stands around the length of a frame.
const MARK: &str = "~m~";
/// Begins a payload that is JSON; counts into the length.
const JSON: &str = "~j~";

/// Length of text in UTF-16 units.
fn utf16_units(text: &[u8]) -> usize {
    // One for every byte that begins a character, and one more for those that begin four bytes.
    text.iter()
        .map(|byte| usize::from(byte & 0xC0 != 0x80) + usize::from(*byte >= 0xF0))
        .sum()
}
