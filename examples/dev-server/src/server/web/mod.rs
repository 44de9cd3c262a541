//! The WebSockets of all clients: handshakes, bounded reading and writing, and closing without
//! loss.

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

use crate::core::ServerCore;
use crate::ids::{ConnectionId, ServerKind};
use client::{Origin, Turn, WebClient};
use maybe_tls::MaybeTlsStream;

/// The time limit of the TLS and WebSocket handshakes together.
const OPENING: Duration = Duration::from_secs(10);
/// The time that a closing WebSocket has to send its last bytes and to receive the client's close
/// frame.
const LINGER: Duration = Duration::from_secs(1);
/// The first token; those of other sockets are below.
pub(super) const FIRST_WEB_CLIENT: usize = usize::MAX / 2;

pub(super) struct WebClients {
    all: HashMap<Token, WebClient>,
    /// The clients with a connection in the core.
    open: HashMap<ConnectionId, Token>,
    count: usize,
    /// Clients that may have input or output. The poll reports readiness once, so they stay here
    /// until their sockets block.
    ready: VecDeque<Token>,
    /// Handshakes with their deadlines; the oldest first.
    opening: VecDeque<(Instant, Token)>,
    /// Closing connections, the oldest first.
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

    /// Adds a new client, with TLS if there is a configuration.
    pub(super) fn insert(
        &mut self,
        registry: &Registry,
        now: Instant,
        stream: TcpStream,
        server_kind: ServerKind,
        tls: Option<&Arc<rustls::ServerConfig>>,
        local_host: &str,
    ) {
        let token = Token(FIRST_WEB_CLIENT + self.count);
        self.count += 1;
        let mut stream = match MaybeTlsStream::new(stream, tls) {
            Ok(stream) => stream,
            Err(error) => return log::error!("cannot serve a client: {error}"),
        };
        if let Err(error) = registry.register(
            &mut stream.socket,
            token,
            Interest::READABLE | Interest::WRITABLE,
        ) {
            return log::error!("cannot serve a client: {error}");
        }
        let origin = Origin {
            server_kind,
            secure: tls.is_some(),
            local_host: local_host.to_owned(),
        };
        self.all.insert(token, WebClient::new(stream, origin));
        self.opening.push_back((now + OPENING, token));
    }

    /// Drops the oldest handshakes beyond this number. They are connections before a login, which
    /// the core does not know yet.
    pub(super) fn limit_opening(&mut self, most: usize) {
        while self.opening.len() > most.max(1) {
            let oldest = self.opening.pop_front().map(|(_, token)| token);
            if let Some(oldest) = oldest
                && self.all.get(&oldest).is_some_and(WebClient::is_opening)
            {
                log::info!("a WebSocket ended: newer ones need its place before a login");
                self.all.remove(&oldest);
            }
        }
    }

    /// Whether this is a token of a WebSocket client.
    pub(super) const fn owns(token: Token) -> bool {
        token.0 >= FIRST_WEB_CLIENT
    }

    /// Records that a client's socket is ready.
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

    /// Whether there is work that needs no waiting.
    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The time of the next deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [&self.opening, &self.lingering]
            .into_iter()
            .filter_map(|queue| queue.front())
            .map(|(until, _)| *until)
            .min()
    }

    /// Reads from each client with input, up to a limit, and writes as much output as their sockets
    /// take.
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

    /// Writes the core's output for a client; false if the client is not a WebSocket.
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

    /// Closes a connection that the core has ended; false if the client is not a WebSocket.
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

    /// Drops connections whose deadline has passed.
    pub(super) fn expire(&mut self, core: &mut ServerCore, now: Timestamp, instant: Instant) {
        while let Some(token) = pop_due(&mut self.opening, instant) {
            if self.all.get(&token).is_some_and(WebClient::is_opening) {
                log::debug!("dropped a WebSocket: its handshake timed out");
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

    /// Reports to the core that a client is gone.
    fn lost(&mut self, core: &mut ServerCore, now: Timestamp, id: ConnectionId) {
        self.open.remove(&id);
        core.closed(now, id);
    }
}

fn pop_due(queue: &mut VecDeque<(Instant, Token)>, now: Instant) -> Option<Token> {
    queue.front().filter(|(until, _)| *until <= now)?;
    queue.pop_front().map(|(_, token)| token)
}
