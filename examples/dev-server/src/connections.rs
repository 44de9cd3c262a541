//! The table of connections, and the queues of connections for the driver and the core.

use std::collections::VecDeque;

use photon_proto::Protocol;

use crate::acceptors::Acceptors;
use crate::before_login::BeforeLogin;
use crate::connection::Connection;
use crate::hashing::{HashKeys, Map};
use crate::ids::ConnectionId;
use crate::stats::{ConnectionEnd, EndedConnection};
use crate::timers::Timers;
use photon_proto::peer::SubProtocol;

/// Ended connections that are remembered. A path has at most 16 KiB, so they take at most 1 MiB.
const MAX_HISTORY: usize = 64;

pub(crate) struct Connections {
    all: Map<ConnectionId, Connection>,
    count: u64,
    writable: VecDeque<ConnectionId>,
    /// Connections for the core to look at: ended by the server, or closing with nothing left to
    /// send.
    ended: VecDeque<ConnectionId>,
    gone: VecDeque<ConnectionId>,
    /// The connections that ended last, oldest first.
    history: VecDeque<EndedConnection>,
    pub(crate) before_login: BeforeLogin,
    /// What waits to be sent on all of them, as counted last.
    total_outgoing: usize,
}

impl Connections {
    pub(crate) fn new(keys: HashKeys) -> Self {
        Self {
            all: Map::with_hasher(keys),
            count: 0,
            writable: VecDeque::new(),
            ended: VecDeque::new(),
            gone: VecDeque::new(),
            history: VecDeque::new(),
            before_login: BeforeLogin::default(),
            total_outgoing: 0,
        }
    }

    pub(crate) fn insert(&mut self, connection: Connection) -> ConnectionId {
        let id = ConnectionId::numbered(self.count);
        self.count += 1;
        self.all.insert(id, connection);
        id
    }

    /// Checks that no ended connection waits for the core, which removes them within each call, and
    /// that the sums are right.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(id) = self.ended.front() {
            return Err(format!("{id:?} has ended and was not removed"));
        }
        let outgoing: usize = self.all.values().map(|one| one.counted_outgoing).sum();
        if outgoing != self.total_outgoing {
            return Err(format!(
                "{outgoing} bytes wait to be sent, and {} are counted",
                self.total_outgoing
            ));
        }
        let mut before_login = 0;
        for (id, connection) in &self.all {
            if self.before_login.contains(*id) {
                before_login += 1;
                if connection.user.is_some() {
                    return Err(format!(
                        "{id:?} has logged in and counts as one that has not"
                    ));
                }
            }
        }
        if before_login != self.before_login.len() {
            return Err("an ended connection counts as one before its login".to_owned());
        }
        self.before_login.check()
    }

    // What waits to be sent.

    /// Counts what waits to be sent on a connection.
    pub(crate) fn count_outgoing(&mut self, id: ConnectionId, acceptors: &Acceptors) {
        if let Some(connection) = self.all.get_mut(&id) {
            let bytes = connection.waiting(acceptors.side(connection.server_kind));
            self.total_outgoing = self.total_outgoing - connection.counted_outgoing + bytes;
            connection.counted_outgoing = bytes;
        }
    }

    /// What waits to be sent on a connection, as counted last.
    pub(crate) fn outgoing(&self, id: ConnectionId) -> usize {
        self.get(id).map_or(0, |one| one.counted_outgoing)
    }

    /// What waits to be sent on all connections, as counted last.
    pub(crate) const fn total_outgoing(&self) -> usize {
        self.total_outgoing
    }

    /// Counts all of them again, and returns those with most until the rest has at most `bytes`.
    pub(crate) fn most_outgoing(
        &mut self,
        acceptors: &Acceptors,
        bytes: usize,
    ) -> Vec<ConnectionId> {
        let ids: Vec<ConnectionId> = self.all.keys().copied().collect();
        ids.iter()
            .for_each(|id| self.count_outgoing(*id, acceptors));
        let mut sizes: Vec<(usize, ConnectionId)> =
            ids.into_iter().map(|id| (self.outgoing(id), id)).collect();
        // Also by id: the order must not depend on the table.
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        let mut rest = self.total_outgoing;
        let surplus = sizes.into_iter().take_while(|(one, _)| {
            let ends = rest > bytes;
            rest -= one;
            ends
        });
        surplus.map(|(_, id)| id).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.all.get_mut(&id)
    }

    /// A connection, unless it is ending or a fault mutes it: then nothing is sent any more.
    pub(crate) fn sending(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.get_mut(id)
            .filter(|connection| connection.closing.is_none() && !connection.muted)
    }

    /// Removes a connection, and records how it ended.
    pub(crate) fn remove(
        &mut self,
        id: ConnectionId,
        timers: &mut Timers,
        end: ConnectionEnd,
    ) -> Option<Connection> {
        let connection = self.all.remove(&id)?;
        self.before_login.remove(id);
        self.total_outgoing -= connection.counted_outgoing;
        match end {
            ConnectionEnd::Server => log::info!("{id} ended: {}", connection.end_reason),
            ConnectionEnd::Client => log::info!("{id} ended: the client closed it"),
            ConnectionEnd::WebSocketClose(code) => {
                log::info!("{id} ended: the client closed it with code {code}");
            }
            ConnectionEnd::Datagrams(cause) => log::info!("{id} ended: {cause}"),
        }
        if self.history.len() == MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(EndedConnection {
            server: connection.server_kind,
            ipv6: connection.ipv6,
            path: connection.path.clone(),
            end,
            reason: connection.end_reason.clone(),
        });
        if let Some(reminder) = connection.reminder {
            timers.cancel(reminder);
        }
        Some(connection)
    }

    pub(crate) fn ended_connections(&self) -> Vec<EndedConnection> {
        self.history.iter().cloned().collect()
    }

    pub(crate) fn protocol(&self, id: ConnectionId) -> Option<Protocol> {
        self.subprotocol(id).map(SubProtocol::binary)
    }

    pub(crate) fn subprotocol(&self, id: ConnectionId) -> Option<SubProtocol> {
        self.get(id)?.peer.protocol()
    }

    /// Queues a connection with unsent bytes for the driver, once until the driver polls it.
    pub(crate) fn announce(&mut self, id: ConnectionId) {
        if let Some(connection) = self.all.get_mut(&id)
            && !connection.announced
            && connection.has_unsent()
        {
            connection.announced = true;
            self.writable.push_back(id);
        }
    }

    pub(crate) fn poll_writable(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.writable.pop_front() {
            if let Some(connection) = self.all.get_mut(&id) {
                connection.announced = false;
                if connection.has_unsent() {
                    return Some(id);
                }
            }
        }
        None
    }

    pub(crate) fn end(&mut self, id: ConnectionId) {
        self.ended.push_back(id);
    }

    pub(crate) fn next_ended(&mut self) -> Option<ConnectionId> {
        self.ended.pop_front()
    }

    /// Drops a connection that the server ended, and queues it for the driver.
    pub(crate) fn give_up(&mut self, id: ConnectionId, timers: &mut Timers) {
        if self.remove(id, timers, ConnectionEnd::Server).is_some() {
            self.gone.push_back(id);
        }
    }

    pub(crate) fn poll_close(&mut self) -> Option<ConnectionId> {
        self.gone.pop_front()
    }
}
