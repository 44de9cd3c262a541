//! The library of `photon-inspect`: Photon values, messages, streams and datagrams as JSON, for
//! people and for scripts.
//!
//! - [`lines`] converts one line of the program's input.
//! - [`message`] and [`frame`] decode and encode owned messages and frames.
//! - [`notation`] converts them from and to JSON, and documents the format.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod fragments;
pub mod frame;
pub mod hex;
mod hints;
pub mod lines;
pub mod message;
pub mod notation;
