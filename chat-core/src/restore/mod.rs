//! Sessions that come back by themselves. Spec: chat.md 10.

mod options;

pub use options::Restore;
