//! The human-readable form of a value: an object whose `t` names its type. The table is at the
//! [module](super).

mod hex;
mod raw;
mod read;
mod types;
mod write;

pub(super) use read::read;
pub(super) use write::Tagged;
