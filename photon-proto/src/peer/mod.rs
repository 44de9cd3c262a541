//! One connection to one peer.

mod wire;

pub use wire::{SubProtocol, SubProtocolError, Wire};
