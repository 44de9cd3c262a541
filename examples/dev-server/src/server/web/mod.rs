//! The clients' WebSockets: handshakes, bounded reading and writing, and endings that lose no messages.

mod client;
mod handshake;
mod maybe_tls;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use photon_proto::Timestamp;

use crate::connections::{ConnectionId, ServerKind};
use crate::core::ServerCore;
use client::{Origin, Turn, WebClient};
use maybe_tls::MaybeTlsStream;

/// How long both handshakes may take together.
const OPENING: Duration = Duration::from_secs(10);
/// How long an ended one is kept for its last bytes to leave, and for the client to answer.
const LINGER: Duration = Duration::from_secs(1);
/// Tokens begin here, those of other clients below.
const FIRST: usize = usize::MAX / 2;

pub(super) struct WebClients {
    all: HashMap<Token, WebClient>,
    /// Those that the core knows.
    open: HashMap<ConnectionId, Token>,
    count: usize,
    /// Those with something to read or to say, as far as is known. Readiness is told once, so they stay until there is
    /// nothing.
    ready: VecDeque<Token>,
    /// Handshakes, and when they must be done; the oldest first.
    opening: VecDeque<(Instant, Token)>,
    /// Ended ones, the oldest first.
    lingering: VecDeque<(Instant, Token)>,
}

impl WebClients {
    pub(super) fn new() -> Self {
        Self {
            all: HashMap::new(),
            open: HashMap::new(),
            count: 0,
            ready: VecDeque::new(),
            opening: VecDeque::new(),
            lingering: VecDeque::new(),
        }
    }

    /// Takes a new client in, with TLS if there is something to do it with.
    pub(super) fn insert(
        &mut self,
        registry: &Registry,
        now: Instant,
        stream: TcpStream,
        server_kind: ServerKind,
        tls: Option<&Arc<rustls::ServerConfig>>,
        local_host: &str,
    ) {
        let token = Token(FIRST.saturating_add(self.count));
        self.count = self.count.saturating_add(1);
        let mut stream = match MaybeTlsStream::new(stream, tls) {
            Ok(stream) => stream,
            Err(error) => return log::error!("a client cannot be served: {error}"),
        };
        if let Err(error) = registry.register(
            &mut stream.socket,
            token,
            Interest::READABLE | Interest::WRITABLE,
        ) {
            return log::error!("a client cannot be served: {error}");
        }
        let origin = Origin {
            server_kind,
            secure: tls.is_some(),
            local_host: local_host.to_owned(),
        };
        self.all.insert(token, WebClient::new(stream, origin));
        self.opening.push_back((now + OPENING, token));
    }

    /// Whether this is one of its tokens.
    pub(super) const fn owns(token: Token) -> bool {
        token.0 >= FIRST
    }

    /// Notes that a client's socket is ready for something.
    pub(super) fn wake(&mut self, token: Token, event: &Event) {
        let Some(client) = self.all.get_mut(&token) else {
            return;
        };
        client.blocked &= !event.is_writable();
        if !client.queued {
            client.queued = true;
            self.ready.push_back(token);
        }
    }

    /// Whether there is something to do without waiting.
    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the first one is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [&self.opening, &self.lingering]
            .into_iter()
            .filter_map(|queue| queue.front())
            .map(|(until, _)| *until)
            .min()
    }

    /// Reads from each client that has something, up to a bound, and writes what it can take.
    pub(super) fn serve(
        &mut self,
        core: &mut ServerCore,
        now: Timestamp,
        instant: Instant,
        limit: usize,
    ) {
        for _ in 0..self.ready.len() {
            let Some(token) = self.ready.pop_front() else {
                return;
            };
            let Some(client) = self.all.get_mut(&token) else {
                continue;
            };
            client.queued = false;
            let before = client.id();
            let turn = client.turn(core, now, limit);
            let after = client.id();
            if matches!(turn, Turn::Again | Turn::Ends) {
                client.queued = true;
                self.ready.push_back(token);
            }
            match (before, after) {
                (None, Some(id)) => {
                    self.open.insert(id, token);
                }
                (Some(id), None) => self.lost(core, now, id),
                _ => {}
            }
            match turn {
                Turn::Gone => self.remove(core, now, token),
                Turn::Ends => self.lingering.push_back((instant + LINGER, token)),
                Turn::Again | Turn::Waits => {}
            }
        }
    }

    /// Writes what the core has for a client that it knows; false if the client is not one of these.
    pub(super) fn flush(
        &mut self,
        core: &mut ServerCore,
        now: Timestamp,
        id: ConnectionId,
    ) -> bool {
        let Some(&token) = self.open.get(&id) else {
            return false;
        };
        let Some(client) = self.all.get_mut(&token) else {
            return false;
        };
        if client.flush(core).is_err() {
            self.remove(core, now, token);
        }
        true
    }

    /// Ends what the core has ended; false if the client is not one of these.
    pub(super) fn end(&mut self, id: ConnectionId, now: Instant) -> bool {
        let Some(token) = self.open.remove(&id) else {
            return false;
        };
        if let Some(client) = self.all.get_mut(&token) {
            client.end();
            self.lingering.push_back((now + LINGER, token));
        }
        true
    }

    /// Gives up what has taken too long.
    pub(super) fn expire(&mut self, core: &mut ServerCore, now: Timestamp, instant: Instant) {
        while let Some(token) = pop_due(&mut self.opening, instant) {
            if self.all.get(&token).is_some_and(WebClient::is_opening) {
                log::debug!("a WebSocket is given up: its handshake takes too long");
                self.remove(core, now, token);
            }
        }
        while let Some(token) = pop_due(&mut self.lingering, instant) {
            self.remove(core, now, token);
        }
    }

    /// Closes a client's socket.
    fn remove(&mut self, core: &mut ServerCore, now: Timestamp, token: Token) {
        if let Some(client) = self.all.remove(&token)
            && let Some(id) = client.id()
        {
            self.lost(core, now, id);
        }
    }

    /// A client has gone.
    fn lost(&mut self, core: &mut ServerCore, now: Timestamp, id: ConnectionId) {
        self.open.remove(&id);
        core.closed(now, id);
    }
}

fn pop_due(queue: &mut VecDeque<(Instant, Token)>, now: Instant) -> Option<Token> {
    queue.front().filter(|(until, _)| *until <= now)?;
    queue.pop_front().map(|(_, token)| token)
}
