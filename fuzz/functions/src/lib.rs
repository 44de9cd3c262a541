//! The fuzz targets, each one a plain function that panics if an assertion does not hold.
//!
//! The programs in `fuzz_targets` call these functions with the bytes of libFuzzer; the tests call
//! them with the committed corpora and with random bytes. Your own project can call them, or functions
//! like them, from any fuzzer. See `README.md`.
//!
//! | target | input |
//! | --- | --- |
//! | [`value_v16`], [`value_v18`] | one value of GpBinary 1.6 or 1.8 |
//! | [`message`] | one byte of choices, then a message |
//! | [`tcp_stream`] | choices and chunk lengths, then a TCP stream |
//! | [`json()`] | one byte for the role, then a text message of the JSON sub-protocol |
//! | [`datagram()`] | one byte of choices, then a UDP datagram |
//! | [`udp_connection()`] | a [script](udp_connection::Script) with both ends of a UDP connection |
//! | [`peer()`] | the setup of both roles of a connection, then what happens to them |
//! | [`chat_script()`] | a [script](chat_script::Script) with a chat client and its servers |
//! | [`kept()`] | one byte for the form, then stored state of an earlier run of a program |
//!
//! [`script`] describes how scripts become bytes, and back.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod chat_script;
mod datagram;
mod input;
mod json;
mod kept;
mod message;
pub mod peer;
pub mod script;
mod tcp_stream;
pub mod udp_connection;
mod value;

pub use chat_script::chat_script;
pub use datagram::datagram;
pub use json::json;
pub use kept::kept;
pub use message::message;
pub use peer::peer;
pub use tcp_stream::tcp_stream;
pub use udp_connection::udp_connection;
pub use value::{value_v16, value_v18};

/// The name and the function of a target.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 10] = [
    ("value_v16", value_v16),
    ("value_v18", value_v18),
    ("message", message),
    ("tcp_stream", tcp_stream),
    ("json", json),
    ("datagram", datagram),
    ("udp_connection", udp_connection),
    ("peer", peer),
    ("chat_script", chat_script),
    ("kept", kept),
];
