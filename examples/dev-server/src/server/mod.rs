//! The server on real sockets (TCP, UDP and WebSocket): thousands of clients in one thread.
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

mod certificate;
mod clients;
mod datagrams;
mod handle;
mod listener;
mod local;
mod options;
mod state_file;
mod web;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use photon_proto::Timestamp;

use crate::core::ServerCore;
use crate::ids::ServerKind;
use crate::sim::Rng;
use crate::transport::Transport;
use certificate::Identity;
use clients::Clients;
use datagrams::DatagramSocket;
use handle::Command;
pub use handle::ServerHandle;
use listener::Listener;
pub use local::LocalServer;
pub use options::{
    Addresses, Certificate, ServerOptions, UdpAddresses, UdpPorts, WsAddresses, WsPorts, WssOptions,
};
use state_file::StateFile;
use web::WebClients;

const WAKER: Token = Token(0);
const UDP_NAME_SERVER: Token = Token(1);
const UDP_FRONT_END: Token = Token(2);
/// The first token of the listeners.
const FIRST_LISTENER: usize = 3;
/// The first token of the TCP clients. There are at most six listeners.
const FIRST_CLIENT: usize = 16;
const EVENTS_PER_TURN: usize = 1024;

/// A [`ServerCore`] with its sockets, listening but not running yet.
pub struct Server {
    poll: Poll,
    core: ServerCore,
    start: Instant,
    listeners: Vec<Listener>,
    /// The UDP sockets of the name server and the front end; empty without UDP.
    datagrams: Vec<DatagramSocket>,
    /// The receive buffer of the UDP sockets.
    buffer: Box<[u8]>,
    clients: Clients,
    web: WebClients,
    identity: Option<Identity>,
    state_file: Option<StateFile>,
    addresses: Addresses,
    commands: Receiver<Command>,
    sender: Sender<Command>,
    waker: Arc<Waker>,
}

impl Server {
    /// Binds all sockets. Clients that connect from now on wait until [`run`](Self::run).
    ///
    /// # Errors
    /// [`io::Error`] if the host cannot be resolved or a port cannot be bound (the text names it),
    /// if the certificate or the state file is not valid, or if the operating system has no random numbers.
    pub fn bind(options: &ServerOptions) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let mut listeners = Vec::new();
        let mut listen = |transport, server_kind, port| {
            let address = resolve(&options.host, port)?;
            let token = Token(FIRST_LISTENER + listeners.len());
            debug_assert!(
                token.0 < FIRST_CLIENT,
                "tokens of listeners and clients differ"
            );
            let listener = Listener::bind(poll.registry(), address, transport, server_kind, token)
                .map_err(|error| named(&error, &format!("cannot listen on {address}")))?;
            let address = listener.address()?;
            listeners.push(listener);
            Ok::<_, io::Error>(address)
        };
        let name_server = listen(
            Transport::Tcp,
            ServerKind::NameServer,
            options.name_server_port,
        )?;
        let front_end = listen(Transport::Tcp, ServerKind::FrontEnd, options.front_end_port)?;
        let mut listen_web = |transport, ports: WsPorts| {
            let name_server = listen(transport, ServerKind::NameServer, ports.name_server)?;
            Ok::<_, io::Error>(WsAddresses {
                name_server,
                front_end: listen(transport, ServerKind::FrontEnd, ports.front_end)?,
            })
        };
        let ws = options
            .ws
            .map(|ports| listen_web(Transport::Ws, ports))
            .transpose()?;
        let wss = options
            .wss
            .as_ref()
            .map(|wss| listen_web(Transport::Wss, wss.ports))
            .transpose()?;
        let identity = options
            .wss
            .as_ref()
            .map(|wss| Identity::new(&wss.certificate, certificate_names(options)))
            .transpose()?;
        let seed = match options.seed {
            Some(seed) => seed,
            None => entropy()?,
        };
        let line_seed = match options.line_seed {
            Some(seed) => seed,
            None => u64::from_le_bytes(entropy()?),
        };
        let bind = |server_kind, token, port, seed| {
            let address = resolve(&options.host, port)?;
            DatagramSocket::bind(poll.registry(), address, server_kind, token, Rng::new(seed))
                .map_err(|error| named(&error, &format!("cannot listen on {address} over UDP")))
        };
        let (mut datagrams, mut udp) = (Vec::new(), None);
        if let Some(ports) = options.udp {
            let name_server = bind(
                ServerKind::NameServer,
                UDP_NAME_SERVER,
                ports.name_server,
                line_seed,
            )?;
            let front_end = bind(
                ServerKind::FrontEnd,
                UDP_FRONT_END,
                ports.front_end,
                !line_seed,
            )?;
            udp = Some(UdpAddresses {
                name_server: name_server.address()?,
                front_end: front_end.address()?,
            });
            datagrams = vec![name_server, front_end];
        }
        let addresses = Addresses {
            name_server,
            front_end,
            udp,
            ws,
            wss,
        };
        let mut core = ServerCore::new(options.config.clone(), seed);
        core.set_front_end_port(addresses.front_end.port());
        if let Some(udp) = udp {
            core.set_front_end_udp_port(udp.front_end.port());
        }
        if let Some(ws) = ws {
            core.set_front_end_ws_port(ws.front_end.port());
        }
        if let Some(wss) = wss {
            core.set_front_end_wss_port(wss.front_end.port());
        }
        let state_file = options.state_file.as_deref();
        let state_file = state_file
            .map(|path| StateFile::open(path, &mut core))
            .transpose()?;
        let (sender, commands) = mpsc::channel();
        Ok(Self {
            poll,
            core,
            start: Instant::now(),
            listeners,
            buffer: vec![
                0;
                if datagrams.is_empty() {
                    0
                } else {
                    datagrams::BUFFER_BYTES
                }
            ]
            .into_boxed_slice(),
            datagrams,
            clients: Clients::new(),
            web: WebClients::new(),
            identity,
            state_file,
            addresses,
            commands,
            sender,
            waker,
        })
    }

    /// Returns the addresses of the sockets, with the real ports.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Returns the certificate that clients must trust for wss, as PEM; `None` without wss. For a
    /// self-made certificate it is the authority that signed it and nothing else.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.pem.as_str())
    }

    /// Returns a handle for other threads.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(self.sender.clone(), Arc::clone(&self.waker))
    }

    /// Serves clients until a handle stops the server, then closes all connections.
    ///
    /// # Errors
    /// [`io::Error`] if waiting for sockets fails, or the last write of the state file. An error of one client only ends that client.
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
                    WAKER => {}
                    token @ (UDP_NAME_SERVER | UDP_FRONT_END) => {
                        if let Some(socket) =
                            self.datagrams.get_mut(usize::from(token == UDP_FRONT_END))
                        {
                            socket
                                .wake(event.is_readable() || event.is_error(), event.is_writable());
                        }
                    }
                    token if WebClients::owns(token) => self.web.wake(token, event),
                    token if token.0 >= FIRST_CLIENT => self.clients.wake(token, event),
                    token => self
                        .listeners
                        .iter_mut()
                        .for_each(|listener| listener.wake(token)),
                }
            }
            let (instant, now) = (Instant::now(), self.now());
            while let Ok(command) = self.commands.try_recv() {
                match command {
                    Command::Stop => return self.stop(),
                    Command::With(act) => {
                        // Moves the core's time forward.
                        self.core.service(now);
                        act(&mut self.core);
                    }
                }
            }
            // All input before all output, so that one `service` covers a whole turn.
            self.accept(now, instant);
            self.clients.read(&mut self.core, now);
            let most = self.core.config().limits.max_received_bytes;
            self.web.serve(&mut self.core, now, instant, most);
            for socket in &mut self.datagrams {
                socket.read(&mut self.core, now, &mut self.buffer);
            }
            self.core.service(now);
            for socket in &mut self.datagrams {
                socket.write(&mut self.core, now);
            }
            self.clients.write(&mut self.core, now);
            // In the order of the crate docs: bytes first, then the connections that ended, whose
            // last bytes were among them.
            while let Some(id) = self.core.poll_writable() {
                if !self.web.flush(&mut self.core, now, id) {
                    self.clients.flush(&mut self.core, now, id);
                }
            }
            while let Some(id) = self.core.poll_close() {
                if !self.web.end(id, instant) {
                    self.clients.end(id, instant);
                }
            }
            self.clients.expire(self.poll.registry(), instant);
            self.web.expire(&mut self.core, now, instant);
            if let Some(file) = &mut self.state_file {
                file.write_if_due(&self.core, instant);
            }
        }
    }

    fn stop(self) -> io::Result<()> {
        let Self {
            core, state_file, ..
        } = self;
        state_file.map_or(Ok(()), |mut file| file.write(&core))
    }

    fn accept(&mut self, now: Timestamp, instant: Instant) {
        let (core, clients, web, registry) = (
            &mut self.core,
            &mut self.clients,
            &mut self.web,
            self.poll.registry(),
        );
        let tls = self.identity.as_ref().map(|identity| &identity.config);
        for listener in &mut self.listeners {
            listener.accept(
                instant,
                |stream, transport, server_kind, local_host| match transport {
                    Transport::Tcp => {
                        let id = core.accept_stream(now, server_kind, local_host);
                        clients.insert(registry, id, stream);
                        if clients.is_lost(id) {
                            core.closed(now, id);
                        }
                    }
                    Transport::Ws => {
                        web.insert(registry, instant, stream, server_kind, None, local_host)
                    }
                    Transport::Wss => {
                        web.insert(registry, instant, stream, server_kind, tls, local_host)
                    }
                    Transport::Udp => debug_assert!(false, "no TCP listener is bound for UDP"),
                },
            );
        }
        self.web
            .limit_opening(self.core.config().max_connections_before_login);
    }

    /// The time to wait for sockets; `None` without limit.
    fn timeout(&self) -> Option<Duration> {
        let listeners = self.listeners.iter().any(Listener::has_work);
        if listeners
            || self.clients.has_work()
            || self.web.has_work()
            || self.datagrams.iter().any(DatagramSocket::has_work)
        {
            return Some(Duration::ZERO);
        }
        let now = self.now();
        let lines = self.datagrams.iter().map(DatagramSocket::deadline);
        let core = lines.chain([self.core.poll_timeout()]).flatten().min();
        let core = core.map(|at| Duration::from_micros(at.micros_since(now)));
        let state_file = self.state_file.as_ref();
        let state_file = state_file.and_then(|file| file.deadline(&self.core));
        let instants = self
            .listeners
            .iter()
            .map(Listener::deadline)
            .chain([self.clients.deadline(), self.web.deadline()])
            .chain([state_file]);
        let others = instants
            .flatten()
            .map(|at| at.saturating_duration_since(Instant::now()));
        others.chain(core).min()
    }

    fn now(&self) -> Timestamp {
        self.start.elapsed().into()
    }
}

/// The hosts in a self-made certificate.
fn certificate_names(options: &ServerOptions) -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    for name in [Some(&options.host), options.config.public_host.as_ref()]
        .into_iter()
        .flatten()
    {
        let name = name.trim_matches(['[', ']']);
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Returns random bytes of the operating system.
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
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("the host {host} has no address"),
            )
        })
}

fn named(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
