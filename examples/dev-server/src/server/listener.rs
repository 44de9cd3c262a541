//! Acceptance of TCP connections, which pauses when the operating system reports errors.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::ids::ServerKind;
use crate::transport::Transport;

/// The connections accepted per turn, so that a burst cannot delay the existing clients.
const ACCEPTS_PER_TURN: usize = 64;
/// The pause after an error that persists, such as too many open files.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Listener {
    socket: TcpListener,
    server_kind: ServerKind,
    transport: Transport,
    token: Token,
    /// Whether there may be connections to accept. The poll reports readiness once, so this is true
    /// until a call blocks.
    ready: bool,
    paused_until: Option<Instant>,
}

impl Listener {
    pub(super) fn bind(
        registry: &Registry,
        address: SocketAddr,
        transport: Transport,
        server_kind: ServerKind,
        token: Token,
    ) -> io::Result<Self> {
        let mut socket = TcpListener::bind(address)?;
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Self {
            socket,
            server_kind,
            transport,
            token,
            ready: true,
            paused_until: None,
        })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Records readiness, if this is the listener's token.
    pub(super) fn wake(&mut self, token: Token) {
        self.ready |= self.token == token;
    }

    pub(super) const fn has_work(&self) -> bool {
        self.ready && self.paused_until.is_none()
    }

    /// The end of the pause.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Accepts waiting connections, up to a limit. `accepted` also receives the host that the
    /// client reached.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        mut accepted: impl FnMut(TcpStream, Transport, ServerKind, &str),
    ) {
        if self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        self.paused_until = None;
        if !self.ready {
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            match self.socket.accept() {
                Ok((stream, _)) => {
                    // TCP_NODELAY: wire.md 6. A socket without a local address has been closed by
                    // the client already.
                    if let (Ok(()), Ok(local)) = (stream.set_nodelay(true), stream.local_addr()) {
                        accepted(
                            stream,
                            self.transport,
                            self.server_kind,
                            &local.ip().to_canonical().to_string(),
                        );
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.ready = false;
                        return;
                    }
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset => {}
                    _ => {
                        log::error!("cannot accept a connection: {error}");
                        self.paused_until = Some(now + PAUSE);
                        return;
                    }
                },
            }
        }
    }
}
