//! The server on real sockets: hundreds of clients in one thread.
//!
//! ```
//! use dev_server::server::{Server, ServerOptions};
//!
//! let server = Server::bind(&ServerOptions { name_server_port: 0, front_end_port: 0, ..ServerOptions::default() })?;
//! let (name_server, handle) = (server.addresses().name_server, server.handle());
//! let thread = std::thread::spawn(move || server.run());
//! // Clients connect to `name_server` now.
//! # std::net::TcpStream::connect(name_server)?;
//! handle.stop();
//! thread.join().expect("the server does not panic")?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod clients;
mod handle;
mod listener;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use photon_proto::Timestamp;

use crate::config::ServerConfig;
use crate::connections::Role;
use crate::core::ServerCore;
use clients::Clients;
use handle::Command;
pub use handle::ServerHandle;
use listener::Listener;

const NAME_SERVER: Token = Token(0);
const FRONT_END: Token = Token(1);
const WAKER: Token = Token(2);
/// Tokens of clients begin here.
const FIRST_CLIENT: usize = 3;
const EVENTS_PER_TURN: usize = 1024;

/// Where to listen, and what the server is like.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Host name or IP address to listen on. Default `127.0.0.1`.
    pub host: String,
    /// TCP port of the name server, 0 for any free one. Default 4533. Spec: chat.md 2.1.
    pub name_server_port: u16,
    /// TCP port of the front end, 0 for any free one. Default 4534.
    pub front_end_port: u16,
    /// What the server is like; its front-end port is set to the one that is listened on.
    pub config: ServerConfig,
    /// Decides every random number. Default `None`: taken from the operating system.
    pub seed: Option<[u8; 32]>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            name_server_port: chat_core::codes::port::TCP,
            front_end_port: chat_core::codes::port::TCP + 1,
            config: ServerConfig::new(),
            seed: None,
        }
    }
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The name server, over TCP.
    pub name_server: SocketAddr,
    /// The front end, over TCP.
    pub front_end: SocketAddr,
}

/// A [`ServerCore`] with its sockets, listening but not running yet.
pub struct Server {
    poll: Poll,
    core: ServerCore,
    start: Instant,
    name_server: Listener,
    front_end: Listener,
    clients: Clients,
    addresses: Addresses,
    commands: Receiver<Command>,
    sender: Sender<Command>,
    waker: Arc<Waker>,
}

impl Server {
    /// Listens. Clients that connect from now on wait until [`run`](Self::run).
    ///
    /// # Errors
    /// [`io::Error`] if the host cannot be resolved or a port cannot be listened on (its text says which), or if the
    /// operating system gives no random numbers.
    pub fn bind(options: &ServerOptions) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let listen = |role, token, port| {
            let address = resolve(&options.host, port)?;
            Listener::bind(poll.registry(), address, role, token)
                .map_err(|error| named(&error, &format!("cannot listen on {address}")))
        };
        let name_server = listen(Role::NameServer, NAME_SERVER, options.name_server_port)?;
        let front_end = listen(Role::FrontEnd, FRONT_END, options.front_end_port)?;
        let addresses = Addresses { name_server: name_server.address()?, front_end: front_end.address()? };
        let seed = match options.seed {
            Some(seed) => seed,
            None => {
                let mut seed = [0; 32];
                getrandom::fill(&mut seed).map_err(io::Error::other)?;
                seed
            }
        };
        let mut core = ServerCore::new(options.config.clone(), seed);
        core.set_front_end_port(addresses.front_end.port());
        let (sender, commands) = mpsc::channel();
        Ok(Self {
            poll,
            core,
            start: Instant::now(),
            name_server,
            front_end,
            clients: Clients::new(),
            addresses,
            commands,
            sender,
            waker,
        })
    }

    /// Where it listens, with the real ports.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// A handle for other threads.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(self.sender.clone(), Arc::clone(&self.waker))
    }

    /// Serves until a handle says stop, then closes all connections.
    ///
    /// # Errors
    /// [`io::Error`] if waiting for sockets fails. What goes wrong with one client only ends that client.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        loop {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
                other => other?,
            }
            for event in &events {
                match event.token() {
                    NAME_SERVER => self.name_server.wake(),
                    FRONT_END => self.front_end.wake(),
                    WAKER => {}
                    client => self.clients.wake(client, event),
                }
            }
            let (instant, now) = (Instant::now(), self.now());
            while let Ok(command) = self.commands.try_recv() {
                match command {
                    Command::Stop => return Ok(()),
                    Command::With(act) => {
                        // Lets the core know what time it is.
                        self.core.service(now);
                        act(&mut self.core);
                    }
                }
            }
            for listener in [&mut self.name_server, &mut self.front_end] {
                let (core, clients, registry) = (&mut self.core, &mut self.clients, self.poll.registry());
                listener.accept(instant, |stream, role, local_host| {
                    let id = core.accept_stream(now, role, local_host);
                    clients.insert(registry, id, stream);
                    if clients.is_lost(id) {
                        core.closed(now, id);
                    }
                });
            }
            self.clients.read(&mut self.core, now);
            self.core.service(now);
            self.clients.write(&mut self.core, now);
            self.clients.close(&mut self.core, self.poll.registry(), instant);
        }
    }

    /// How long to wait for sockets; `None` for as long as it takes.
    fn timeout(&self) -> Option<Duration> {
        if self.clients.has_work() || self.name_server.has_work() || self.front_end.has_work() {
            return Some(Duration::ZERO);
        }
        let now = self.now();
        let core = self.core.poll_timeout().map(|at| Duration::from_micros(at.micros_since(now)));
        let instants = [self.clients.deadline(), self.name_server.deadline(), self.front_end.deadline()];
        let others = instants.into_iter().flatten().map(|at| at.saturating_duration_since(Instant::now()));
        others.chain(core).min()
    }

    fn now(&self) -> Timestamp {
        self.start.elapsed().into()
    }
}

fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    (host, port)
        .to_socket_addrs()
        .map_err(|error| named(&error, &format!("cannot resolve the host {host}")))?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("the host {host} has no address")))
}

fn named(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
