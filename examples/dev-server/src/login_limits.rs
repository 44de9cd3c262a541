//! What connections may take before their login; [`BeforeLogin`](crate::before_login::BeforeLogin)
//! counts it.

use photon_proto::Timestamp;

use crate::context::Context;
use crate::core::ServerCore;
use crate::ids::{ConnectionId, ServerKind};

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
