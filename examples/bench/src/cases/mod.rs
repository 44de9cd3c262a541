//! The measured cases.

mod client;
mod codec;
pub mod growth;
mod login;
mod memory;
mod path;

pub use codec::{SENDERS, event};
pub use path::{CHANNELS, receive};

use crate::measure::Case;
use crate::udp;

/// All cases, in the order of the tables.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases = codec::all();
    cases.extend(path::all());
    cases.extend(client::all());
    cases.extend(login::all());
    cases.extend(udp::cases());
    cases.extend(memory::all());
    cases.extend(growth::all());
    cases
}

/// The text of every message: 100 characters.
pub const LINE: &str = "The quick brown fox jumps over the lazy dog, then sits down and has a long think about chat systems.";
