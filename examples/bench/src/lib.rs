//! The parts of the benchmarks that tests use as well: a connected client over each carrier, and the
//! hostile inputs.
#![forbid(unsafe_code)]

pub mod client;
pub mod hostile;
