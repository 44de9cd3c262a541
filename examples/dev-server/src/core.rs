//! [`ServerCore`]: the public methods, and what happens after each of them.

use std::sync::Arc;

use photon_proto::message::MessageKind;
use photon_proto::peer::{Peer, PeerConfig, Wire};
use photon_proto::{Random, Text, Timestamp};

use crate::acceptors::Acceptors;
use crate::authentication::Refusal;
use crate::channel_count::ChannelCount;
use crate::config::ServerConfig;
use crate::connection::Connection;
use crate::connections::Connections;
use crate::context::Context;
use crate::faults::Faults;
use crate::hashing::{HashKeys, Map};
use crate::history::{History, HistoryMemory};
use crate::ids::{ConnectionId, PartitionKey, ServerKind};
use crate::journal::Journal;
use crate::log_lines::WireName;
use crate::misbehave::{FAULT, Verdict};
use crate::partition::Partition;
use crate::stats::{ConnectionEnd, ServerStats};
use crate::steps::Step;
use crate::timers::{Timer, Timers};
use crate::tokens::Identity;
use crate::tokens::Tokens;
use chat_core::codes::return_code;

/// A name server and a chat front end that share their tokens and users, as a state machine without
/// sockets or clock.
///
/// The [crate docs](crate) describe how to drive it.
pub struct ServerCore {
    /// The settings that the peers of all connections share.
    peer_config: Arc<PeerConfig>,
    pub(crate) config: ServerConfig,
    pub(crate) now: Timestamp,
    pub(crate) random: Random,
    pub(crate) hash_keys: HashKeys,
    pub(crate) tokens: Tokens,
    pub(crate) connections: Connections,
    pub(crate) acceptors: Acceptors,
    pub(crate) partitions: Map<PartitionKey, Partition>,
    pub(crate) history_memory: HistoryMemory,
    pub(crate) channel_count: ChannelCount,
    pub(crate) timers: Timers,
    pub(crate) stats: ServerStats,
    pub(crate) journal: Journal,
    /// Changes with everything that [`state`](Self::state) contains.
    pub(crate) revision: u64,
}

/// Memory that an idle connection may keep for the next message.
const KEPT_BYTES: usize = 16 * 1024;

/// The settings of all peers, except for the limits. The server bounds what waits to be sent by
/// itself, and takes everything that it receives at once.
fn peer_config() -> PeerConfig {
    let mut config = PeerConfig::default();
    config.incoming_cap_bytes = usize::MAX;
    config.outgoing_cap_bytes = usize::MAX;
    config.kept_bytes = KEPT_BYTES;
    config
}

impl ServerCore {
    /// Creates a server without connections. `seed` determines every random number; take it from
    /// the operating system unless the run must be repeatable.
    #[must_use]
    pub fn new(config: ServerConfig, seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let hash_keys = HashKeys::new(&mut random);
        Self {
            now: Timestamp::ZERO,
            tokens: Tokens::new(&mut random),
            acceptors: Acceptors::new(&config, &mut random, hash_keys),
            config,
            hash_keys,
            random,
            peer_config: Arc::new(peer_config()),
            connections: Connections::new(hash_keys),
            partitions: Map::with_hasher(hash_keys),
            history_memory: HistoryMemory::default(),
            channel_count: ChannelCount::default(),
            timers: Timers::default(),
            stats: ServerStats::default(),
            journal: Journal::default(),
            revision: 0,
        }
    }

    /// Accepts a stream connection. `local_host` is the host or IP address under which the client
    /// reached this server; front-end addresses contain it.
    pub fn accept_stream(
        &mut self,
        now: Timestamp,
        server_kind: ServerKind,
        local_host: &str,
    ) -> ConnectionId {
        self.advance(now);
        let peer = self.new_peer(Wire::Stream);
        let connection = Connection::new(self.now, server_kind, local_host.into(), peer);
        let id = self.connections.insert(connection);
        self.accepted(id, server_kind);
        self.settle();
        id
    }

    /// Creates the server's end of a connection over an open link. It keeps the present limits: a
    /// change applies to new connections only.
    pub(crate) fn new_peer(&mut self, wire: Wire) -> Peer {
        let limits = self.config.write_limits();
        if self.peer_config.limits != limits {
            Arc::make_mut(&mut self.peer_config).limits = limits;
        }
        let mut peer = Peer::server(Arc::clone(&self.peer_config), wire);
        peer.link_opened(self.now, false);
        peer
    }

    pub(crate) fn accepted(&mut self, id: ConnectionId, server_kind: ServerKind) {
        self.stats.accepted += 1;
        if let Some(connection) = self.connections.get(id) {
            let wire = connection.peer.wire();
            log::info!("{id} accepted on the {server_kind} over {}", WireName(wire));
        }
        let mut cx = self.context();
        cx.begin_before_login(id);
        cx.watch_silence(id);
        let step = Step::Accept(server_kind);
        if let Verdict::Refuse(..) = cx.intercept(id, step, MessageKind::InitResponse, 0) {
            cx.close(id, FAULT);
        }
        cx.follow(id, step);
    }

    /// Processes bytes that arrived on a stream connection, or one whole message of a WebSocket.
    /// Input of a connection that has ended is ignored.
    pub fn received(&mut self, now: Timestamp, id: ConnectionId, bytes: &[u8]) {
        self.advance(now);
        let Some(connection) = self
            .connections
            .get_mut(id)
            .filter(|connection| connection.closing.is_none())
        else {
            return;
        };
        connection.peer.handle_bytes(self.now, bytes);
        self.process(id);
        self.count_unfinished(id);
        self.settle();
    }

    /// Drops a stream or WebSocket connection that the client closed. The user's session ends at
    /// once, as the client meant it.
    pub fn closed(&mut self, now: Timestamp, id: ConnectionId) {
        self.drop_connection(now, id, true);
    }

    /// Drops a stream or WebSocket connection that broke: it was reset, or the transport failed. The
    /// user's session lives on for [`grace_ms`](ServerConfig::grace_ms).
    pub fn broken(&mut self, now: Timestamp, id: ConnectionId) {
        self.drop_connection(now, id, false);
    }

    fn drop_connection(&mut self, now: Timestamp, id: ConnectionId, clean: bool) {
        self.advance(now);
        let end = match self.connections.get(id).and_then(|one| one.close_code) {
            Some(code) => ConnectionEnd::WebSocketClose(code),
            None => ConnectionEnd::Client,
        };
        if let Some(mut connection) = self.connections.remove(id, &mut self.timers, end) {
            connection.abort(self.acceptors.side_mut(connection.server_kind));
            self.leave(id, connection.user, clean);
            self.settle();
        }
    }

    /// Returns the bytes that a stream has to send, or the next message of a WebSocket, never
    /// empty. It returns the same until [`transmitted`](Self::transmitted).
    pub fn transmit(&mut self, id: ConnectionId) -> Option<&[u8]> {
        self.connections.get_mut(id)?.unsent(self.now)
    }

    /// Reports that the transport took this many of those bytes. For a WebSocket any number stands
    /// for the whole message.
    pub fn transmitted(&mut self, id: ConnectionId, bytes: usize) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.handle.is_none()
        {
            connection.transmitted(bytes);
            let drained = connection.closing.is_some() && connection.is_drained();
            self.connections.count_outgoing(id, &self.acceptors);
            if drained {
                self.connections.end(id);
                self.settle();
            }
        }
    }

    /// Returns a connection that has new bytes to send since the last call.
    pub fn poll_writable(&mut self) -> Option<ConnectionId> {
        self.connections.poll_writable()
    }

    /// Returns a connection that the server ended and has already dropped: its bytes were sent or
    /// abandoned. The driver closes its transport.
    pub fn poll_close(&mut self) -> Option<ConnectionId> {
        self.connections.poll_close()
    }

    /// Handles all deadlines that have passed at `now`.
    pub fn service(&mut self, now: Timestamp) {
        self.advance(now);
        self.service_datagrams();
        while let Some(timer) = self.timers.pop_due(self.now) {
            if matches!(
                timer,
                Timer::Channel(..) | Timer::User(..) | Timer::Answer(..)
            ) {
                self.revision += 1;
            }
            let (partitions, mut cx) = self.split();
            match timer {
                Timer::Connection(id) => cx.check_connection(id),
                Timer::Release(id) => cx.release(id),
                Timer::Channel(key, name) => {
                    if let Some(partition) = partitions.get_mut(&key) {
                        partition.check_channel(&mut cx, &name);
                    }
                    self.tidy(&key);
                }
                Timer::User(key, user_id) => {
                    if let Some(partition) = partitions.get_mut(&key) {
                        partition.check_user(&mut cx, &user_id);
                    }
                    self.tidy(&key);
                }
                Timer::Answer(key, answer) => {
                    if let Some(partition) = partitions.get_mut(&key) {
                        partition.answer_late(&mut cx, *answer);
                    }
                    self.tidy(&key);
                }
            }
            self.settle();
        }
    }

    /// Returns the time at which to call [`service`](Self::service) next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers
            .next()
            .into_iter()
            .chain(self.acceptors.poll_timeout())
            .min()
    }

    /// Disconnects all users with this id, whatever their app, with a disconnect message of this
    /// reason and text. Returns the number of connections. Spec: wire.md 3.4.
    pub fn kick(&mut self, now: Timestamp, user_id: &str, reason: i16, text: &str) -> usize {
        self.advance(now);
        let ids: Vec<ConnectionId> = self
            .partitions
            .values()
            .filter_map(|partition| partition.users.get(user_id))
            .flat_map(|user| user.connections.iter().copied())
            .collect();
        for id in &ids {
            self.context().disconnect(*id, reason, text);
        }
        self.settle();
        ids.len()
    }

    /// Sets the TCP port in front-end addresses, once it is known.
    pub const fn set_front_end_port(&mut self, port: u16) {
        self.config.front_end_port = port;
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Returns the configuration, which may change while the server runs.
    pub const fn config_mut(&mut self) -> &mut ServerConfig {
        &mut self.config
    }

    /// Returns the faults, which may be switched while the server runs.
    pub const fn faults_mut(&mut self) -> &mut Faults {
        &mut self.config.faults
    }

    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// Splits off the partitions from the context that their operations need.
    pub(crate) fn split(&mut self) -> (&mut Map<PartitionKey, Partition>, Context<'_>) {
        let cx = Context {
            now: self.now,
            config: &mut self.config,
            connections: &mut self.connections,
            acceptors: &mut self.acceptors,
            timers: &mut self.timers,
            random: &mut self.random,
            stats: &mut self.stats,
            journal: &mut self.journal,
        };
        (&mut self.partitions, cx)
    }

    pub(crate) fn context(&mut self) -> Context<'_> {
        self.split().1
    }

    /// Checks whether the server accepts one more user. Spec: chat.md 12, limits.
    pub(crate) fn check_capacity(&self, identity: &Identity) -> Result<(), Refusal> {
        let Some(max) = self.config.max_users else {
            return Ok(());
        };
        let key = PartitionKey {
            app_id: identity.app_id.clone(),
            app_version: identity.app_version.clone(),
        };
        let known = self
            .partitions
            .get(&key)
            .is_some_and(|all| all.users.contains_key(&identity.user_id));
        let users: usize = self
            .partitions
            .values()
            .map(|partition| partition.users.len())
            .sum();
        if known || users < max {
            Ok(())
        } else {
            Err(Refusal::new(
                return_code::MAX_CCU_REACHED,
                "the limit of concurrent users is reached",
            ))
        }
    }

    /// Removes the connections that ended during the current call, and those that end as a
    /// consequence.
    pub(crate) fn settle(&mut self) {
        while let Some(id) = self.connections.next_ended() {
            let user = self
                .connections
                .get_mut(id)
                .and_then(|connection| connection.user.take());
            self.leave(id, user, false);
            let Some(connection) = self.connections.get(id).filter(|one| one.is_drained()) else {
                continue;
            };
            if let Some(handle) = connection.handle {
                let side = self.acceptors.side_mut(connection.server_kind);
                side.shut_down(self.now, handle, self.config.linger_ms, connection.reason);
                let end = ConnectionEnd::Server;
                self.connections.remove(id, &mut self.timers, end);
            } else {
                self.connections.give_up(id, &mut self.timers);
            }
        }
    }

    /// Removes a connection from its user's session.
    pub(crate) fn leave(
        &mut self,
        id: ConnectionId,
        user: Option<(PartitionKey, Text)>,
        clean: bool,
    ) {
        let Some((key, user_id)) = user else { return };
        self.revision += 1;
        let (partitions, mut cx) = self.split();
        if let Some(partition) = partitions.get_mut(&key) {
            partition.detach(&mut cx, id, &user_id, clean);
        }
        self.tidy(&key);
    }

    /// Drops the histories that were inactive for longest, if all of them together use too much
    /// memory. It frees more than necessary, so that not every later message repeats the search.
    pub(crate) fn trim_histories(&mut self) {
        let most = self.config.max_total_history_bytes;
        if self.history_memory.bytes() <= most {
            return;
        }
        let mut all: Vec<&mut History> = self
            .partitions
            .values_mut()
            .flat_map(Partition::histories)
            .collect();
        all.sort_by_key(|history| history.last_sequence());
        log::info!(
            "{} histories use {} bytes; dropping the oldest",
            all.len(),
            self.history_memory.bytes()
        );
        for history in all {
            if self.history_memory.bytes() <= most - most / 8 {
                break;
            }
            history.clear();
        }
    }

    /// Drops a partition that has become empty.
    pub(crate) fn tidy(&mut self, key: &PartitionKey) {
        if self.partitions.get(key).is_some_and(Partition::is_empty) {
            self.partitions.remove(key);
        }
    }
}
