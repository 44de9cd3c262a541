//! What has to hold for any bytes, any chunking of a stream and any order of calls: one plain function for each fuzz
//! target, which panics if something does not.
//!
//! The programs in `fuzz_targets` give these functions to libFuzzer; the tests give them the committed corpora and
//! random bytes; your own project can give them, or functions like them, to whatever fuzzer it uses. See `README.md`.
//!
//! | target | what the bytes are |
//! | --- | --- |
//! | [`value_v16`], [`value_v18`] | one value of GpBinary 1.6 or 1.8 |
//! | [`message`] | one byte of choices, then a message |
//! | [`tcp_stream`] | how to cut it, then a TCP stream |
//! | [`json()`] | who reads, then a text message of the JSON sub-protocol |
//! | [`datagram()`] | one byte of choices, then a UDP datagram |
//! | [`udp_connection()`] | how to set up a client and a server, then what happens to them |
//! | [`peer()`] | how to set up both roles of a connection, then what happens to them |
//! | [`chat_script()`] | how to set up a client and over what it talks, then what happens to it |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod chat_script;
mod datagram;
mod input;
mod json;
mod message;
pub mod peer;
pub mod script;
mod tcp_stream;
pub mod udp_connection;
mod value;

pub use chat_script::chat_script;
pub use datagram::datagram;
pub use json::json;
pub use message::message;
pub use peer::peer;
pub use tcp_stream::tcp_stream;
pub use udp_connection::udp_connection;
pub use value::{value_v16, value_v18};

/// The name of a target, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 9] = [
    ("value_v16", value_v16),
    ("value_v18", value_v18),
    ("message", message),
    ("tcp_stream", tcp_stream),
    ("json", json),
    ("datagram", datagram),
    ("udp_connection", udp_connection),
    ("peer", peer),
    ("chat_script", chat_script),
];
