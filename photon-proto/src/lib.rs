//! The Photon message layer, between a transport's bytes and the application's operations.
//!
//! Codecs are pure functions over slices: GpBinary 1.6 and 1.8 values ([`Value`] owned, [`ValueRef`] borrowed,
//! [`Encode`] for your own types), the messages made of them ([`message`]), framing over TCP ([`tcp`]), the key exchange
//! and payload cipher ([`crypto`]). Reliable UDP ([`udp`]) is a state machine that is told datagrams and time. Nothing
//! here knows chat, opens a socket or reads a clock.
//!
//! Every path over received bytes is bounds-checked and charged to one budget ([`Limits`]); what is wrong comes back as a
//! [`DecodeError`] with its byte offset and field. What a protocol cannot express is refused with an [`EncodeError`].
//!
//! The protocol is described in `spec/wire.md` and `spec/udp.md` beside this crate; items refer to them by name.
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
//! This is an unofficial implementation, not affiliated with Exit Games.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

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
mod role;
pub mod spec;
pub mod tcp;
mod text;
mod time;
pub mod udp;
pub mod value;

pub use codec::{Element, Encode, Params, Protocol, RawValue, ValueRef, ValueWriter, Written};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use hashing::HashKeys;
pub use limits::Limits;
pub use random::Random;
pub use role::Role;
pub use text::Text;
pub use time::Timestamp;
pub use value::{
    Array, Custom, Dictionary, EventData, Hashtable, Parameters, Request, Response, Type, Value,
};
