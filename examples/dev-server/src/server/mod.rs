//! The server on real sockets, TCP and UDP: thousands of clients in one thread.
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
mod datagrams;
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
use crate::sim::Dice;
use clients::Clients;
use datagrams::DatagramSocket;
use handle::Command;
pub use handle::ServerHandle;
use listener::Listener;

const NAME_SERVER: Token = Token(0);
const FRONT_END: Token = Token(1);
const WAKER: Token = Token(2);
const UDP_NAME_SERVER: Token = Token(3);
const UDP_FRONT_END: Token = Token(4);
/// Tokens of clients begin here.
const FIRST_CLIENT: usize = 5;
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
    /// UDP ports, on the same host; `None` for no UDP. Default `None`.
    pub udp: Option<UdpPorts>,
    /// What the server is like; its front-end ports are set to those that are listened on. Its
    /// [`line`](ServerConfig::line) is what becomes of UDP datagrams, in both directions.
    pub config: ServerConfig,
    /// Decides every random number. Default `None`: taken from the operating system.
    pub seed: Option<[u8; 32]>,
    /// Decides which datagrams the bad line treats how, apart from `seed`: it need not be a secret. Default `None`: a
    /// number of the operating system's.
    pub line_seed: Option<u64>,
}

/// UDP ports, 0 for any free one. Default 5058 and 5055. Spec: chat.md 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpPorts {
    /// Of the name server.
    pub name_server: u16,
    /// Of the front end.
    pub front_end: u16,
}

impl UdpPorts {
    /// Any free ones.
    pub const ANY: Self = Self { name_server: 0, front_end: 0 };
}

impl Default for UdpPorts {
    fn default() -> Self {
        Self { name_server: chat_core::codes::port::UDP, front_end: ServerConfig::new().front_end_udp_port }
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            name_server_port: chat_core::codes::port::TCP,
            front_end_port: chat_core::codes::port::TCP + 1,
            udp: None,
            config: ServerConfig::new(),
            seed: None,
            line_seed: None,
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
    /// Both over UDP, if there is UDP.
    pub udp: Option<UdpAddresses>,
}

/// Where a server listens over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpAddresses {
    /// The name server.
    pub name_server: SocketAddr,
    /// The front end.
    pub front_end: SocketAddr,
}

/// A [`ServerCore`] with its sockets, listening but not running yet.
pub struct Server {
    poll: Poll,
    core: ServerCore,
    start: Instant,
    name_server: Listener,
    front_end: Listener,
    /// Name server and front end over UDP, or none.
    datagrams: Vec<DatagramSocket>,
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
        let seed = match options.seed {
            Some(seed) => seed,
            None => entropy()?,
        };
        let line_seed = match options.line_seed {
            Some(seed) => seed,
            None => u64::from_le_bytes(entropy()?),
        };
        let bind = |role, token, port, seed| {
            let address = resolve(&options.host, port)?;
            DatagramSocket::bind(poll.registry(), address, role, token, Dice::new(seed))
                .map_err(|error| named(&error, &format!("cannot listen on {address} over UDP")))
        };
        let (mut datagrams, mut udp) = (Vec::new(), None);
        if let Some(ports) = options.udp {
            let name_server = bind(Role::NameServer, UDP_NAME_SERVER, ports.name_server, line_seed)?;
            let front_end = bind(Role::FrontEnd, UDP_FRONT_END, ports.front_end, !line_seed)?;
            udp = Some(UdpAddresses { name_server: name_server.address()?, front_end: front_end.address()? });
            datagrams = vec![name_server, front_end];
        }
        let addresses = Addresses { name_server: name_server.address()?, front_end: front_end.address()?, udp };
        let mut core = ServerCore::new(options.config.clone(), seed);
        core.set_front_end_port(addresses.front_end.port());
        if let Some(udp) = udp {
            core.set_front_end_udp_port(udp.front_end.port());
        }
        let (sender, commands) = mpsc::channel();
        Ok(Self {
            poll,
            core,
            start: Instant::now(),
            name_server,
            front_end,
            datagrams,
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
                    token @ (UDP_NAME_SERVER | UDP_FRONT_END) => {
                        if let Some(socket) = self.datagrams.get_mut(usize::from(token == UDP_FRONT_END)) {
                            socket.wake(event.is_readable() || event.is_error(), event.is_writable());
                        }
                    }
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
            for socket in &mut self.datagrams {
                socket.read(&mut self.core, now);
            }
            self.core.service(now);
            for socket in &mut self.datagrams {
                socket.write(&mut self.core, now);
            }
            self.clients.write(&mut self.core, now);
            self.clients.close(&mut self.core, self.poll.registry(), instant);
        }
    }

    /// How long to wait for sockets; `None` for as long as it takes.
    fn timeout(&self) -> Option<Duration> {
        let listeners = self.name_server.has_work() || self.front_end.has_work();
        if listeners || self.clients.has_work() || self.datagrams.iter().any(DatagramSocket::has_work) {
            return Some(Duration::ZERO);
        }
        let now = self.now();
        let lines = self.datagrams.iter().map(DatagramSocket::deadline);
        let core = lines.chain([self.core.poll_timeout()]).flatten().min();
        let core = core.map(|at| Duration::from_micros(at.micros_since(now)));
        let instants = [self.clients.deadline(), self.name_server.deadline(), self.front_end.deadline()];
        let others = instants.into_iter().flatten().map(|at| at.saturating_duration_since(Instant::now()));
        others.chain(core).min()
    }

    fn now(&self) -> Timestamp {
        self.start.elapsed().into()
    }
}

/// Random bytes of the operating system's.
fn entropy<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
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
