//! The measured cases and how they are measured, for the programs here and in `peers/`, and for
//! tests: a connected client over each carrier, and the hostile inputs.
#![forbid(unsafe_code)]

pub mod baselines;
pub mod cases;
pub mod client;
pub mod hostile;
pub mod measure;
pub mod server;
pub mod udp;
