//! Sessions that come back by themselves. Spec: chat.md 10.

// Used by the client from the next commits on.
#[allow(dead_code, reason = "not wired yet")]
mod deferred;
mod options;
#[allow(dead_code, reason = "not wired yet")]
mod ordered;
#[allow(dead_code, reason = "not wired yet")]
mod outbox;
#[allow(dead_code, reason = "not wired yet")]
mod plan;
#[allow(dead_code, reason = "not wired yet")]
mod wanted;

pub use options::Restore;
