//! [`User`]: the session of a user. Spec: chat.md 12, front end: session.

use std::collections::BTreeSet;

use photon_proto::{Text, Timestamp, Value};

use crate::ids::ConnectionId;

#[derive(Debug, Default)]
pub(crate) struct User {
    /// Empty during the grace period.
    pub(crate) connections: Vec<ConnectionId>,
    pub(crate) channels: BTreeSet<Text>,
    pub(crate) friends: BTreeSet<Text>,
    pub(crate) status: i32,
    pub(crate) status_message: Option<Value>,
    pub(crate) grace_until: Option<Timestamp>,
}

impl User {
    /// Lets a session without connections end later; returns when.
    pub(crate) fn begin_grace(&mut self, now: Timestamp, grace_ms: u64) -> Timestamp {
        debug_assert!(
            self.connections.is_empty(),
            "a session with connections stays"
        );
        let until = now.plus_millis(grace_ms);
        self.grace_until = Some(until);
        until
    }
}
