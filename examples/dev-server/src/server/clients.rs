//! The sockets of TCP clients: bounded reading and writing, and lingering close.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use photon_proto::Timestamp;

use super::FIRST_CLIENT;
use super::web::FIRST_WEB_CLIENT;
use crate::core::ServerCore;
use crate::ids::ConnectionId;

/// The bytes read from one client per turn, so that one client cannot delay the others.
const READ_PER_TURN: usize = 64 * 1024;
/// The time that an ended connection stays open for the client to close it (lingering close, RFC
/// 9112, 9.6). Closing a socket with unread bytes resets the connection, and some systems then drop
/// the last message to the client.
const LINGER: Duration = Duration::from_secs(1);

struct Client {
    stream: TcpStream,
    /// `None` once the core has ended the connection.
    id: Option<ConnectionId>,
    /// Whether the socket took only a part; the poll reports when it takes more.
    blocked: bool,
    /// Whether the client is in `readable`.
    queued: bool,
}

pub(super) struct Clients {
    all: HashMap<Token, Client>,
    /// Clients that may have input. The poll reports readiness once, so they stay here until a read
    /// blocks.
    readable: VecDeque<Token>,
    /// Clients whose sockets take bytes again.
    writable: Vec<Token>,
    /// Ended connections, the oldest first.
    lingering: VecDeque<(Instant, Token)>,
    buffer: Box<[u8]>,
}

impl Clients {
    pub(super) fn new() -> Self {
        Self {
            all: HashMap::new(),
            readable: VecDeque::new(),
            writable: Vec::new(),
            lingering: VecDeque::new(),
            buffer: vec![0; READ_PER_TURN].into_boxed_slice(),
        }
    }

    /// Adds a new client, unless its socket cannot be registered.
    pub(super) fn insert(&mut self, registry: &Registry, id: ConnectionId, mut stream: TcpStream) {
        let token = token(id);
        match registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE) {
            Ok(()) => {
                self.all.insert(
                    token,
                    Client {
                        stream,
                        id: Some(id),
                        blocked: false,
                        queued: false,
                    },
                );
            }
            Err(error) => log::error!("cannot serve a client: {error}"),
        }
    }

    /// Whether a client has no socket.
    pub(super) fn is_lost(&self, id: ConnectionId) -> bool {
        !self.all.contains_key(&token(id))
    }

    /// Records an event of a client's socket.
    pub(super) fn wake(&mut self, token: Token, event: &Event) {
        let Some(client) = self.all.get_mut(&token) else {
            return;
        };
        if (event.is_readable() || event.is_read_closed() || event.is_error()) && !client.queued {
            client.queued = true;
            self.readable.push_back(token);
        }
        if event.is_writable() && client.blocked {
            client.blocked = false;
            self.writable.push(token);
        }
    }

    /// Whether there is work that needs no waiting.
    pub(super) fn has_work(&self) -> bool {
        !self.readable.is_empty() || !self.writable.is_empty()
    }

    /// The time at which the first ended connection is dropped.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lingering.front().map(|(until, _)| *until)
    }

    /// Reads from each client with input, up to a limit.
    pub(super) fn read(&mut self, core: &mut ServerCore, now: Timestamp) {
        for _ in 0..self.readable.len() {
            let Some(token) = self.readable.pop_front() else {
                return;
            };
            let Some(client) = self.all.get_mut(&token) else {
                continue;
            };
            let (mut gone, mut broken) = (false, false);
            client.queued = false;
            match client.stream.read(&mut self.buffer) {
                Ok(0) => gone = true,
                Ok(count) => {
                    client.queued = true;
                    if let (Some(id), Some(bytes)) = (client.id, self.buffer.get(..count)) {
                        core.received(now, id, bytes);
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {}
                    ErrorKind::Interrupted => client.queued = true,
                    _ => broken = true,
                },
            }
            if client.queued {
                self.readable.push_back(token);
            }
            if (gone || broken)
                && let Some(Client { id: Some(id), .. }) = self.all.remove(&token)
            {
                if broken {
                    core.broken(now, id);
                } else {
                    core.closed(now, id);
                }
            }
        }
    }

    /// Writes the output of clients whose sockets take bytes again.
    pub(super) fn write(&mut self, core: &mut ServerCore, now: Timestamp) {
        for token in std::mem::take(&mut self.writable) {
            self.write_to(core, now, token);
        }
    }

    /// Writes the output of a client.
    pub(super) fn flush(&mut self, core: &mut ServerCore, now: Timestamp, id: ConnectionId) {
        self.write_to(core, now, token(id));
    }

    fn write_to(&mut self, core: &mut ServerCore, now: Timestamp, token: Token) {
        let Some(client) = self.all.get_mut(&token) else {
            return;
        };
        let Some(id) = client.id else { return };
        while !client.blocked
            && let Some(bytes) = core.transmit(id)
        {
            match client.stream.write(bytes) {
                Ok(count) => core.transmitted(id, count),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => client.blocked = true,
                    ErrorKind::Interrupted => {}
                    _ => {
                        self.all.remove(&token);
                        core.broken(now, id);
                        return;
                    }
                },
            }
        }
    }

    /// Ends a connection that the core has ended.
    pub(super) fn end(&mut self, id: ConnectionId, now: Instant) {
        let token = token(id);
        if let Some(client) = self.all.get_mut(&token) {
            client.id = None;
            // If the client has closed the socket already, this fails, and the next read returns
            // the end.
            let _ = client.stream.shutdown(Shutdown::Write);
            self.lingering.push_back((now + LINGER, token));
        }
    }

    /// Drops connections that have lingered long enough.
    pub(super) fn expire(&mut self, registry: &Registry, now: Instant) {
        while self
            .lingering
            .front()
            .is_some_and(|(until, _)| *until <= now)
        {
            if let Some((_, token)) = self.lingering.pop_front()
                && let Some(mut client) = self.all.remove(&token)
            {
                // Closing the socket has the same effect.
                let _ = registry.deregister(&mut client.stream);
            }
        }
    }
}

/// The token of a client's socket. Connection ids are never reused, so an event that the poll
/// reports late cannot reach another client.
fn token(id: ConnectionId) -> Token {
    debug_assert!(
        id.number() < FIRST_WEB_CLIENT as u64,
        "tokens of clients differ"
    );
    Token(
        usize::try_from(id.number())
            .unwrap_or(usize::MAX)
            .saturating_add(FIRST_CLIENT),
    )
}
