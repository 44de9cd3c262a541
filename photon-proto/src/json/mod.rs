//! The JSON sub-protocol, which browsers use over WebSocket, transcoded to and from GpBinary 1.8.
//! Spec: [wire.md 7.2](crate::spec::wire).
//!
//! A text message of the WebSocket contains frames `~m~LENGTH~m~PAYLOAD`, with LENGTH in UTF-16
//! units. [`Reader`] splits it and transcodes each message to the equivalent message of GpBinary
//! 1.8; [`encode_message`] goes the other way. All layers above therefore handle one format. Both
//! ends use the module: a client reads responses, events and ping answers, a server reads requests
//! and pings ([`Role`](crate::Role)).
//!
//! ```
//! use photon_proto::json::{self, Frame, Reader};
//! use photon_proto::{Limits, Protocol, Role, message::MessageWriter};
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
//! # From JSON to GpBinary
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
//! * Arrays of numbers or bools do not become typed arrays: the type of a list would depend on its
//!   content, and a list that the protocol above declares as mixed would be unreadable once all its
//!   elements have one type. A reader of ints or bools must accept an object array as well.
//! * Keys stay text, even `"255"`, in their order in the text. For a key that occurs twice, readers
//!   of the Hashtable keep the last value, as JavaScript does. The same holds for parameters.
//! * Text in JSON may contain half of a surrogate pair (`"\ud800"`), which UTF-8 cannot express. It
//!   becomes U+FFFD, as in what browsers send. An error instead would let one cut emoji cost other
//!   users the whole message. See [`Reader::tolerant`] for more that costs only one value.
//! * NUL characters are dropped first. The escape `\u0000` is an ordinary character.
//! * Text longer than the 32,767 bytes that 1.8 allows to encode is accepted.
//!
//! # From GpBinary to JSON
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
//! Keys of maps become text as in JavaScript: numbers become their digits, bools `true` and
//! `false`, floats as above or `NaN`, `Infinity`, `-Infinity`, bytes and custom content their
//! numbers joined by commas. Keys that differ only in type become equal; both are written. A byte
//! array or custom value comes back one level deeper.
//!
//! Requests begin with their code and contain text as UTF-8, as clients write them. Responses and
//! events end with their code, and every character of their text that is not ASCII is an escape
//! (`\u00e9`), as servers write them.
//!
//! # Cost
//!
//! A frame is charged to the same [`Limits`](crate::Limits) as a binary message. The text message
//! and each 1.8 message made from it have at most
//! [`max_received_bytes`](crate::Limits::max_received_bytes). Each value, key and element counts,
//! elements of number arrays included, because their type is known only after they are decoded. An
//! array or object is a level, except an array that is itself a parameter (see
//! [`Params::elements`](crate::Params::elements)). Only the 1.8 message, and a copy of a text
//! message with NULs, use memory.
//!
//! The parser is our own. A general one builds a tree that is charged to no limit, has a nesting
//! limit of its own, rejects half surrogate pairs, and reports lines instead of offsets.
//!
//! # Errors
//!
//! Offsets count bytes from the start of the text message without its NULs. A syntax error is
//! [`UnknownType`](crate::DecodeErrorKind::UnknownType) with the unexpected byte. A value of the
//! wrong type and a number out of range are [`WrongType`](crate::DecodeErrorKind::WrongType) with
//! the first byte of the value.

mod frames;
mod lists;
mod object;
mod parser;
mod payload;
mod repair;
mod sink;
mod skip;
mod stack;
mod string;
mod transcode;
mod write;
mod writer;

pub use frames::{Frame, Part, Reader};
pub(crate) use repair::Repair;
pub use write::{
    WriteError, encode_message, encode_ping_request, encode_ping_response, encode_session,
};

/// The mark before and after the length of a frame.
const MARK: &str = "~m~";
/// The prefix of a payload that is JSON. It is part of the length.
const JSON: &str = "~j~";

/// The length of a text in UTF-16 units.
fn utf16_units(text: &[u8]) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    // So few that the sum of a part fits into eight bits: the compiler then counts 16 bytes at once.
    const PART_BYTES: usize = 112;
    text.chunks(PART_BYTES)
        .map(|part| {
            // One for the first byte of each character, and one more if the character has four
            // bytes: it is a surrogate pair.
            let units = part.iter().fold(0_u8, |units, byte| {
                units + u8::from(byte & 0xC0 != 0x80) + u8::from(*byte >= 0xF0)
            });
            usize::from(units)
        })
        .sum()
}
