//! Clients and the development server's core on a simulated network, in virtual time.
//!
//! [`Simulation`] puts them together and lets time pass; tests of the client core use it. [`run`] lets a number of clients do
//! random documented things in it while links stall and break, and judges everything that they are told by the rules of
//! the crate documentation of `chat_core` and of `chat.md`. A run is decided by its seed: a failure names it, and
//! `cargo run -p photon-soak -- --seed N` shows it again.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod checker;
mod run;
mod simulation;

pub use run::{Report, run};
pub use simulation::{Client, FRONT_END_PORT, Simulation, Transport};
