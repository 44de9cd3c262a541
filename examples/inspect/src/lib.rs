//! Photon values, messages, streams and datagrams as JSON that a person can read and a program can take apart: what the
//! program `photon-inspect` is made of.
//!
//! [`notation`] is the format; [`message`] and [`frame`] hold what goes into it; [`lines`] does what the program does
//! with one line of its input.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod fragments;
pub mod frame;
pub mod hex;
pub mod lines;
pub mod message;
pub mod notation;
