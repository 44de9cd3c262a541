//! The Photon message layer: everything between the bytes of a transport and a Photon message.
//!
//! - [`codec`]: GpBinary 1.6 and 1.8 values, as pure functions over slices. [`Value`] owns,
//!   [`ValueRef`] borrows, [`Encode`] is for your own types.
//! - [`message`]: the messages that consist of values. [`tcp`]: their framing in a TCP stream.
//!   [`crypto`]: the key exchange and the encryption of payloads. `json` (feature): the JSON
//!   sub-protocol. `serde` (feature): conversions between [`Value`] and your own types.
//! - [`udp`]: reliable UDP, a sans-IO state machine. [`peer`]: one connection to one peer, in
//!   either role, over any of the carriers.
//!
//! The crate knows nothing of chat, opens no socket and reads no clock.
//!
//! Every decoder checks bounds and charges one budget ([`Limits`]). An error in received bytes is a
//! [`DecodeError`] with its offset and field. A value that a protocol cannot express is an
//! [`EncodeError`]. No input causes a panic.
//!
//! The module [`spec`] contains the specification; items cite its pages, for example "udp.md 5.4".
//!
//! ```
//! use photon_proto::{Limits, Protocol, Value, codec};
//!
//! let bytes = codec::encode_value(Protocol::V18, &Limits::DEFAULT, "hello")?;
//! assert_eq!(bytes, [0x07, 5, b'h', b'e', b'l', b'l', b'o']);
//! let value = codec::decode_value(Protocol::V18, &Limits::DEFAULT, &bytes)?;
//! assert_eq!(value, Value::String("hello".into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `serde`, `to_value` and `from_value` convert types of your own.
//!
//! # One connection
//!
//! A [`peer::Peer`] is one end of a connection, as a state machine: bytes and time in, messages and
//! bytes out. The same type serves a client and a server, over TCP, UDP and WebSocket.
//!
//! ```text
//!   your protocol     requests, responses, events
//!      | Peer::send        ^ Peer::receive
//!   peer::Peer        framing, init, key exchange, cipher, pings; below it reliable UDP
//!      | Peer::transmit    ^ Peer::handle_bytes
//!   your sockets
//! ```
//!
//! # Features and platforms
//!
//! - `std` (default): conversions from types of `std`. Without it the crate is `no_std` and needs
//!   `alloc`; each test run links it for x86-64 without `std`. It was never run on a device.
//! - `encryption` (default): key exchange and cipher.
//! - `json`: the JSON sub-protocol. `serde`: conversions of your own types.
//!
//! This is an unofficial implementation, not affiliated with Exit Games.
#![no_std]
// Marks what needs a feature, on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// The crate promises never to panic. Tests may.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::indexing_slicing
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod codec;
#[cfg(feature = "encryption")]
pub mod crypto;
#[cfg(not(feature = "encryption"))]
#[path = "crypto/none.rs"]
pub mod crypto;
pub mod error;
mod hashing;
pub mod internal;
#[cfg(feature = "json")]
pub mod json;
mod limits;
pub mod message;
pub mod peer;
mod random;
mod reader;
mod repair;
mod role;
#[cfg(feature = "serde")]
pub mod serde;
pub mod spec;
pub mod tcp;
mod text;
mod time;
pub mod udp;
pub mod value;

pub use codec::{
    Decoded, Element, ElementSink, Encode, Params, Protocol, RawValue, ValueRef, ValueWriter,
    Written,
};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use hashing::HashKeys;
pub use limits::Limits;
pub use random::Random;
pub use repair::Repair;
pub use role::Role;
#[cfg(feature = "serde")]
pub use serde::{
    FromValueError, FromValueErrorKind, from_text, from_value, from_value_ref, to_value,
    to_value_with,
};
pub use text::Text;
pub use time::Timestamp;
pub use value::{
    Array, Custom, Dictionary, EventData, Hashtable, Parameters, Request, Response, Type, Value,
};
