//! Connections before their login: how many there are, how long they may take, and the bytes of
//! messages that they have begun and not finished.
//!
//! Anyone can open such a connection, so all of them together get a fixed share of the memory. When
//! it is used up, the oldest connection goes, or the one that holds most: refusing new ones instead
//! would let whoever came first lock out everybody else.

use std::collections::BTreeMap;

use photon_proto::Timestamp;

use crate::connections::{ConnectionId, ServerKind};
use crate::context::Context;
use crate::core::ServerCore;

/// The connections before their login, each with the bytes of its unfinished message. Ids grow, so
/// the first one is the oldest.
#[derive(Debug, Default)]
pub(crate) struct BeforeLogin {
    unfinished: BTreeMap<ConnectionId, usize>,
    total_bytes: usize,
}

impl BeforeLogin {
    pub(crate) fn len(&self) -> usize {
        self.unfinished.len()
    }

    pub(crate) const fn unfinished_bytes(&self) -> usize {
        self.total_bytes
    }

    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        self.unfinished.contains_key(&id)
    }

    fn insert(&mut self, id: ConnectionId) {
        let before = self.unfinished.insert(id, 0);
        debug_assert!(before.is_none(), "a connection is accepted once");
    }

    fn oldest(&self) -> Option<ConnectionId> {
        self.unfinished.first_key_value().map(|(id, _)| *id)
    }

    fn set(&mut self, id: ConnectionId, bytes: usize) {
        if let Some(known) = self.unfinished.get_mut(&id) {
            self.total_bytes = self.total_bytes - *known + bytes;
            *known = bytes;
        }
    }

    /// Removes a connection that has logged in or ended.
    pub(crate) fn remove(&mut self, id: ConnectionId) {
        if let Some(bytes) = self.unfinished.remove(&id) {
            self.total_bytes -= bytes;
        }
        debug_assert!(
            !self.unfinished.is_empty() || self.total_bytes == 0,
            "without connections nothing is unfinished"
        );
    }

    /// Those that hold most until the rest holds at most `bytes`.
    fn largest_above(&self, bytes: usize) -> Vec<ConnectionId> {
        let mut all: Vec<(ConnectionId, usize)> = self
            .unfinished
            .iter()
            .map(|(id, one)| (*id, *one))
            .collect();
        all.sort_unstable_by_key(|(_, one)| std::cmp::Reverse(*one));
        let mut rest = self.total_bytes;
        let surplus = all.into_iter().take_while(|(_, one)| {
            let ends = rest > bytes;
            rest = rest.saturating_sub(*one);
            ends
        });
        surplus.map(|(id, _)| id).collect()
    }

    /// Checks the sum.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sum: usize = self.unfinished.values().sum();
        if sum == self.total_bytes {
            Ok(())
        } else {
            Err(format!(
                "{sum} bytes before a login, and {} are counted",
                self.total_bytes
            ))
        }
    }
}

impl Context<'_> {
    /// Adds a new connection. One too many ends the oldest.
    pub(crate) fn begin_before_login(&mut self, id: ConnectionId) {
        self.connections.before_login.insert(id);
        while self.connections.before_login.len() > self.config.max_connections_before_login.max(1)
        {
            let Some(oldest) = self.connections.before_login.oldest() else {
                debug_assert!(false, "there are too many");
                return;
            };
            self.stats.displaced_connections += 1;
            self.abort(oldest, "newer connections need its place before a login");
        }
    }

    /// Notes that a connection has logged in.
    pub(crate) fn end_before_login(&mut self, id: ConnectionId) {
        self.connections.before_login.remove(id);
    }

    /// The time at which a connection to the front end must have logged in. The name server has
    /// none: a client may stay there until its user has chosen a region. Spec: chat.md 6.
    pub(crate) fn login_until(&self, id: ConnectionId) -> Option<Timestamp> {
        let connection = self.connections.get(id)?;
        let limited = connection.server_kind == ServerKind::FrontEnd
            && self.config.login_timeout_ms > 0
            && self.connections.before_login.contains(id);
        limited.then(|| {
            connection
                .accepted
                .plus_millis(self.config.login_timeout_ms)
        })
    }

    /// Notes how much of an unfinished message a connection holds, and ends what exceeds the caps.
    fn note_unfinished(&mut self, id: ConnectionId, bytes: usize) {
        self.connections.before_login.set(id, bytes);
        if !self.connections.before_login.contains(id) {
            return;
        }
        if bytes > self.config.max_unfinished_bytes {
            self.stats.oversized_connections += 1;
            return self.abort(id, "its message before a login is too long");
        }
        let most = self.config.max_total_unfinished_bytes;
        if self.connections.before_login.unfinished_bytes() <= most {
            return;
        }
        // More than necessary, so that not every later byte repeats the search.
        for id in self.connections.before_login.largest_above(most - most / 8) {
            self.stats.oversized_connections += 1;
            self.abort(
                id,
                "the memory for unfinished messages before a login is used up",
            );
        }
    }
}

impl ServerCore {
    /// Notes the bytes of a message that the transport of a connection has received in part, for
    /// links with whole messages: the core does not see them until the message is complete. Those
    /// of a connection before its login count towards
    /// [`max_unfinished_bytes`](crate::ServerConfig::max_unfinished_bytes).
    pub fn unfinished(&mut self, now: Timestamp, id: ConnectionId, bytes: usize) {
        self.advance(now);
        self.context().note_unfinished(id, bytes);
        self.settle();
    }

    /// Returns the longest message that a transport should accept from a connection now.
    #[must_use]
    pub fn max_received_bytes(&self, id: ConnectionId) -> usize {
        let most = self.config.limits.max_received_bytes;
        if self.connections.before_login.contains(id) {
            most.min(self.config.max_unfinished_bytes)
        } else {
            most
        }
    }

    /// Notes what is left of a connection's input after its complete messages were processed.
    pub(crate) fn count_unfinished(&mut self, id: ConnectionId) {
        if !self.connections.before_login.contains(id) {
            return;
        }
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let side = self.acceptors.side(connection.server_kind);
        let bytes = connection.unfinished_bytes(side);
        self.context().note_unfinished(id, bytes);
    }
}
