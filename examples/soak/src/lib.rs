//! Chat clients and the development server's core on a simulated network, in virtual time.
//!
//! - [`Simulation`] connects the clients to the server and advances time. chat-core's tests use it.
//! - [`run`] lets several clients perform random documented actions while links stall and break. It
//!   checks every event against the rules of chat-core's crate documentation and of `chat.md`.
//!
//! The seed determines everything in a run. A failure prints its seed, and
//! `cargo run -p photon-soak -- --seed N` repeats it.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod checker;
mod run;
mod simulation;

pub use dev_server::Transport;
pub use run::{Report, run};
pub use simulation::{Client, FRONT_END_PORT, Loss, Simulation};
