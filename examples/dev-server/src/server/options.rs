//! [`ServerOptions`]: where to listen, and what the server is like.

use std::fmt;
use std::net::SocketAddr;

use crate::config::ServerConfig;
use crate::connections::ServerKind;
use crate::transport::Transport;

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
    /// Ports for WebSocket without TLS, on the same host; `None` for none. Default `None`.
    pub ws: Option<WsPorts>,
    /// WebSocket with TLS, on the same host; `None` for none. Default `None`.
    pub wss: Option<WssOptions>,
    /// What the server is like; its front-end ports are set to those that are listened on. Its
    /// [`conditions`](ServerConfig::conditions) are what becomes of UDP datagrams, in both directions.
    pub config: ServerConfig,
    /// Decides every random number, those of TLS excepted. Default `None`: taken from the operating system.
    pub seed: Option<[u8; 32]>,
    /// Decides which datagrams the bad line treats how, apart from `seed`: it need not be a secret. Default `None`: a
    /// number of the operating system's.
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
            seed: None,
            line_seed: None,
        }
    }
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

/// WebSocket ports, 0 for any free one. Default 9093 and 9094, the name server's as the JavaScript SDK has it: the newer
/// one, 80, is not for everyone to listen on. Spec: chat.md 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WsPorts {
    /// Of the name server.
    pub name_server: u16,
    /// Of the front end.
    pub front_end: u16,
}

impl WsPorts {
    /// Any free ones.
    pub const ANY: Self = Self {
        name_server: 0,
        front_end: 0,
    };
    /// With TLS: 19093 and 19094; the newer port of the name server is 443.
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
    /// Ports. Default [`WsPorts::SECURE`].
    pub ports: WsPorts,
    /// What the server proves with that it is who it is. Default [`Certificate::SelfMade`].
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

/// What the server proves with that it is who it is.
#[derive(Clone)]
#[non_exhaustive]
pub enum Certificate {
    /// Made when the server begins, for the host that it listens on, for the one that clients are told, and for
    /// `localhost`, `127.0.0.1` and `::1`. Clients have to trust [`certificate_pem`](super::Server::certificate_pem).
    SelfMade,
    /// Your own, as PEM.
    Pem {
        /// The certificate, and those between it and what clients trust.
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

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The name server, over TCP.
    pub name_server: SocketAddr,
    /// The front end, over TCP.
    pub front_end: SocketAddr,
    /// Both over UDP, if there is UDP.
    pub udp: Option<UdpAddresses>,
    /// Both over WebSocket without TLS, if there is that.
    pub ws: Option<WsAddresses>,
    /// Both over WebSocket with TLS, if there is that.
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

/// Where a server listens over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpAddresses {
    /// The name server.
    pub name_server: SocketAddr,
    /// The front end.
    pub front_end: SocketAddr,
}

/// Where a server listens over WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WsAddresses {
    /// The name server.
    pub name_server: SocketAddr,
    /// The front end.
    pub front_end: SocketAddr,
}
