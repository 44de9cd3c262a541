//! The UDP connections of the two servers, below the message layer. Spec: udp.md 12.

use std::net::SocketAddr;
use std::time::Duration;

use photon_proto::udp::{self, Acceptor};
use photon_proto::{Random, Timestamp};

use crate::config::ServerConfig;
use crate::hashing::{HashKeys, Map};
use crate::ids::{ConnectionId, ServerKind};
use crate::stats::ServerStats;

/// The channel of every message. Spec: udp.md 4.7.
const CHANNEL: u8 = 0;

pub(crate) struct Acceptors {
    name_server: Side,
    front_end: Side,
}

/// The UDP connections of one server.
pub(crate) struct Side {
    pub(crate) acceptor: Acceptor<SocketAddr>,
    ids: Map<udp::ConnectionHandle, ConnectionId>,
}

impl Acceptors {
    pub(crate) fn new(config: &ServerConfig, random: &mut Random, keys: HashKeys) -> Self {
        Self {
            name_server: Side::new(config, random, keys),
            front_end: Side::new(config, random, keys),
        }
    }

    pub(crate) const fn side(&self, server_kind: ServerKind) -> &Side {
        match server_kind {
            ServerKind::NameServer => &self.name_server,
            ServerKind::FrontEnd => &self.front_end,
        }
    }

    pub(crate) const fn side_mut(&mut self, server_kind: ServerKind) -> &mut Side {
        match server_kind {
            ServerKind::NameServer => &mut self.name_server,
            ServerKind::FrontEnd => &mut self.front_end,
        }
    }

    pub(crate) fn count(&self, stats: &mut ServerStats) {
        for side in [&self.name_server, &self.front_end] {
            let counted = side.acceptor.stats();
            stats.half_open += side.acceptor.half_open();
            stats.expired += counted.expired;
            stats.displaced += counted.displaced;
            stats.strangers += counted.unknown_datagrams;
            stats.replaced += counted.replaced;
            stats.refused += counted.refused;
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        let both = [
            self.name_server.acceptor.poll_timeout(),
            self.front_end.acceptor.poll_timeout(),
        ];
        both.into_iter().flatten().min()
    }
}

impl Side {
    fn new(config: &ServerConfig, random: &mut Random, keys: HashKeys) -> Self {
        let mut seed = [0; 32];
        random.fill("datagram connections", &mut seed);
        Self {
            acceptor: Acceptor::new(config.udp.clone(), seed),
            ids: Map::with_hasher(keys),
        }
    }

    pub(crate) fn insert(&mut self, key: udp::ConnectionHandle, id: ConnectionId) {
        self.ids.insert(key, id);
    }

    pub(crate) fn id(&self, key: udp::ConnectionHandle) -> Option<ConnectionId> {
        self.ids.get(&key).copied()
    }

    /// Removes the message layer's connection of a UDP connection.
    pub(crate) fn remove(&mut self, key: udp::ConnectionHandle) -> Option<ConnectionId> {
        self.ids.remove(&key)
    }

    /// Sends a message on a connection.
    pub(crate) fn send(&mut self, key: udp::ConnectionHandle, message: &[u8]) {
        let sent = self
            .acceptor
            .send_with(key, CHANNEL, udp::Delivery::Reliable, |buffer, _| {
                buffer.extend_from_slice(message);
                Ok::<(), udp::SendError>(())
            });
        if let Err(error) = sent {
            log::debug!("cannot send a message of {} bytes: {error}", message.len());
        }
    }

    pub(crate) fn queued_bytes(&self, key: udp::ConnectionHandle) -> usize {
        self.acceptor
            .connection(key)
            .map_or(0, udp::Connection::queued_bytes)
    }

    /// Bytes of messages that were received in part, or out of order.
    pub(crate) fn received_bytes(&self, key: udp::ConnectionHandle) -> usize {
        self.acceptor
            .connection(key)
            .map_or(0, udp::Connection::received_bytes)
    }

    /// The connection of the client at this address.
    pub(crate) fn id_at(&self, address: &SocketAddr) -> Option<ConnectionId> {
        self.id(self.acceptor.connected(address)?)
    }

    /// Ends a connection once everything is acknowledged, at most after `timeout_ms`.
    pub(crate) fn shut_down(
        &mut self,
        now: Timestamp,
        key: udp::ConnectionHandle,
        timeout_ms: u64,
        reason: u8,
    ) {
        if self.remove(key).is_some() {
            self.acceptor
                .shutdown(now, key, Duration::from_millis(timeout_ms), reason);
        }
    }

    /// Ends a connection at once, with one unreliable disconnect.
    pub(crate) fn close(&mut self, key: udp::ConnectionHandle) {
        if self.remove(key).is_some() {
            self.acceptor.close(key);
        }
    }

    /// Drops a connection without a disconnect, as if the server had crashed.
    pub(crate) fn forget(&mut self, key: udp::ConnectionHandle) {
        if self.remove(key).is_some() {
            self.acceptor.forget(key);
        }
    }
}
