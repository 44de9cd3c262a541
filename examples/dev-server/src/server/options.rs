//! [`ServerOptions`]: addresses, ports and the configuration of a server.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::ServerConfig;
use crate::ids::ServerKind;
use crate::transport::Transport;

/// Addresses, ports and the configuration of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The host name or IP address to listen on. Default `127.0.0.1`.
    pub host: String,
    /// The TCP port of the name server, 0 for any free port. Default 4533. Spec: chat.md 2.1.
    pub name_server_port: u16,
    /// The TCP port of the front end, 0 for any free port. Default 4534.
    pub front_end_port: u16,
    /// The UDP ports, on the same host; `None` disables UDP. Default `None`.
    pub udp: Option<UdpPorts>,
    /// The ports for WebSocket without TLS, on the same host; `None` disables it. Default `None`.
    pub ws: Option<WsPorts>,
    /// The options of WebSocket with TLS, on the same host; `None` disables it. Default `None`.
    pub wss: Option<WssOptions>,
    /// The configuration of the core. The server replaces its front-end ports by the real ones, and
    /// applies its [`conditions`](ServerConfig::conditions) to UDP datagrams in both directions.
    pub config: ServerConfig,
    /// The file in which the [state](crate::ServerCore::state) is kept. [`Server::bind`] loads it if
    /// it exists; a running server writes it within about 0.1 s of a change (later if writing takes
    /// long), and when it stops. Default `None`: the state ends with the server.
    ///
    /// [`Server::bind`]: super::Server::bind
    pub state_file: Option<PathBuf>,
    /// The seed of every random number except those of TLS. Default `None`: from the operating
    /// system.
    pub seed: Option<[u8; 32]>,
    /// The seed of the network conditions. It is separate from `seed`, because it need not be
    /// secret. Default `None`: from the operating system.
    pub line_seed: Option<u64>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            name_server_port: chat_core::codes::port::TCP,
            front_end_port: chat_core::codes::port::TCP + 1,
            udp: None,
            ws: None,
            wss: None,
            config: ServerConfig::new(),
            state_file: None,
            seed: None,
            line_seed: None,
        }
    }
}

/// UDP ports, 0 for any free port. Default 5058 and 5055. Spec: chat.md 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpPorts {
    /// The port of the name server.
    pub name_server: u16,
    /// The port of the front end.
    pub front_end: u16,
}

impl UdpPorts {
    /// Any free ports.
    pub const ANY: Self = Self {
        name_server: 0,
        front_end: 0,
    };
}

impl Default for UdpPorts {
    fn default() -> Self {
        Self {
            name_server: chat_core::codes::port::UDP,
            front_end: ServerConfig::new().front_end_udp_port,
        }
    }
}

/// WebSocket ports, 0 for any free port. Default 9093 and 9094. The name server's is the one of the
/// JavaScript SDK; the newer one, 80, needs privileges. Spec: chat.md 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WsPorts {
    /// The port of the name server.
    pub name_server: u16,
    /// The port of the front end.
    pub front_end: u16,
}

impl WsPorts {
    /// Any free ports.
    pub const ANY: Self = Self {
        name_server: 0,
        front_end: 0,
    };
    /// The defaults with TLS: 19093 and 19094. The newer port of the name server is 443.
    pub const SECURE: Self = Self {
        name_server: 19093,
        front_end: 19094,
    };
}

impl Default for WsPorts {
    fn default() -> Self {
        Self {
            name_server: 9093,
            front_end: 9094,
        }
    }
}

/// WebSocket with TLS.
#[derive(Clone, Debug)]
pub struct WssOptions {
    /// The ports. Default [`WsPorts::SECURE`].
    pub ports: WsPorts,
    /// The certificate of the server. Default [`Certificate::SelfMade`].
    pub certificate: Certificate,
}

impl Default for WssOptions {
    fn default() -> Self {
        Self {
            ports: WsPorts::SECURE,
            certificate: Certificate::SelfMade,
        }
    }
}

/// The certificate of the server.
#[derive(Clone)]
#[non_exhaustive]
pub enum Certificate {
    /// The server makes a certificate when it starts, for the host that it listens on, the public
    /// host, and `localhost`, `127.0.0.1` and `::1`. Clients must trust
    /// [`certificate_pem`](super::Server::certificate_pem).
    SelfMade,
    /// The user's own certificate, as PEM.
    Pem {
        /// The certificate, followed by the intermediate ones up to the one that clients trust.
        chain: String,
        /// Its private key.
        key: String,
    },
}

impl fmt::Debug for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfMade => out.write_str("SelfMade"),
            Self::Pem { chain, .. } => out
                .debug_struct("Pem")
                .field("chain", chain)
                .field("key", &"***")
                .finish(),
        }
    }
}

/// The addresses on which a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The name server, over TCP.
    pub name_server: SocketAddr,
    /// The front end, over TCP.
    pub front_end: SocketAddr,
    /// Both servers over UDP; `None` without UDP.
    pub udp: Option<UdpAddresses>,
    /// Both servers over WebSocket without TLS; `None` without it.
    pub ws: Option<WsAddresses>,
    /// Both servers over WebSocket with TLS; `None` without it.
    pub wss: Option<WsAddresses>,
}

impl Addresses {
    /// The socket address of one server over one transport; `None` without that transport.
    #[must_use]
    pub fn of(&self, transport: Transport, server: ServerKind) -> Option<SocketAddr> {
        let [name_server, front_end] = match transport {
            Transport::Tcp => [self.name_server, self.front_end],
            Transport::Udp => self.udp.map(|udp| [udp.name_server, udp.front_end])?,
            Transport::Ws => self.ws.map(|ws| [ws.name_server, ws.front_end])?,
            Transport::Wss => self.wss.map(|wss| [wss.name_server, wss.front_end])?,
        };
        Some(match server {
            ServerKind::NameServer => name_server,
            ServerKind::FrontEnd => front_end,
        })
    }

    /// The name server's address with its scheme, as a client takes it, for example
    /// `udp://127.0.0.1:5058`; `None` without that transport.
    #[must_use]
    pub fn name_server_url(&self, transport: Transport) -> Option<String> {
        let address = self.of(transport, ServerKind::NameServer)?;
        Some(format!("{transport}://{address}"))
    }
}

/// The UDP addresses of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpAddresses {
    /// The name server.
    pub name_server: SocketAddr,
    /// The front end.
    pub front_end: SocketAddr,
}

/// The WebSocket addresses of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WsAddresses {
    /// The name server.
    pub name_server: SocketAddr,
    /// The front end.
    pub front_end: SocketAddr,
}
