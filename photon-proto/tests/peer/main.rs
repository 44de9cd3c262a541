//! `photon_proto::peer` from the outside, in both roles.
#![cfg(all(feature = "encryption", feature = "json"))]
//!
//! Two ends of one machine agree even where both are wrong, so two peers are never the only witness:
//! `witness.rs` holds both roles against bytes of the official library and bytes written by hand,
//! `order.rs` feeds each role hand-made messages in every phase, and `pair.rs` connects two peers
//! over each wire, whole and cut at every byte. `pressure.rs` measures what one end can force on the
//! other, `progress.rs` tests how it is judged.

mod driver;
mod harness;
mod held_text;
mod order;
mod pair;
mod pressure;
mod progress;
mod secrets;
mod unsent;
mod witness;
