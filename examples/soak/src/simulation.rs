//! Clients and a server on a simulated network, in virtual time.

use chat_core::{
    ChatClient, ChatConfig, Event, LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput,
    Timestamp, Wire,
};
use dev_server::sim::{DatagramSettings, End, LinkEvent, LinkKey, Network, StreamSettings};
use dev_server::{ConnectionId, MessageLink, ServerConfig, ServerCore, ServerKind};
use std::collections::BTreeMap;

/// The port of the front end over every transport, in every simulation; each name server has the port of its scheme.
pub const FRONT_END_PORT: u16 = 4534;

/// What a client talks over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Streams.
    Tcp,
    /// Datagrams.
    Udp,
    /// Messages.
    Ws,
    /// Messages that nobody on the way can read.
    Wss,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Ws, Self::Wss];

    /// What addresses begin with.
    const fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// Where a link goes, and what its opening says.
struct LinkTarget {
    server_kind: ServerKind,
    path: Box<str>,
    wire: Wire,
}

/// One client and the links it has.
pub struct Client {
    /// The client.
    pub chat: ChatClient,
    /// What it was told, with the time in milliseconds.
    pub events: Vec<(u64, Event)>,
    links: BTreeMap<LinkId, LinkKey>,
}

impl Client {
    /// The link that was opened last, if it is still there.
    pub fn newest_link(&self) -> Option<LinkKey> {
        self.links.values().next_back().copied()
    }
}

/// A server, its clients, the network between them, and the time.
pub struct Simulation {
    /// The time.
    pub now: Timestamp,
    /// The network between clients and server.
    pub network: Network,
    /// Name server and front end.
    pub server: ServerCore,
    /// The clients, in the order in which they were added.
    pub clients: Vec<Client>,
    /// How streams and messages to the name server are.
    pub to_name_server: StreamSettings,
    /// How streams and messages to the front end are.
    pub to_front_end: StreamSettings,
    /// How datagram links are.
    pub datagrams: DatagramSettings,
    /// Who is at the client's end of a link.
    owners: BTreeMap<LinkKey, (usize, LinkId)>,
    targets: BTreeMap<LinkKey, LinkTarget>,
    connections: BTreeMap<LinkKey, ConnectionId>,
    keys: BTreeMap<ConnectionId, LinkKey>,
}

impl Simulation {
    /// A simulation without clients. `seed` decides every random number in it.
    pub fn new(seed: u64, config: ServerConfig, settings: StreamSettings) -> Self {
        let config = config.with(|config| {
            config.front_end_port = FRONT_END_PORT;
            config.front_end_udp_port = FRONT_END_PORT;
            config.front_end_ws_port = FRONT_END_PORT;
            config.front_end_wss_port = FRONT_END_PORT;
        });
        let mut bytes = [3; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            now: Timestamp::ZERO,
            network: Network::new(seed),
            server: ServerCore::new(config, bytes),
            clients: Vec::new(),
            to_name_server: settings.clone(),
            to_front_end: settings,
            datagrams: DatagramSettings::default(),
            owners: BTreeMap::new(),
            targets: BTreeMap::new(),
            connections: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// A client of this simulation's server over TCP; `change` sets it up further.
    pub fn add(&mut self, user: &str, change: impl FnOnce(ChatConfig) -> ChatConfig) -> usize {
        self.add_over(Transport::Tcp, user, change)
    }

    /// The same over any transport.
    pub fn add_over(
        &mut self,
        transport: Transport,
        user: &str,
        change: impl FnOnce(ChatConfig) -> ChatConfig,
    ) -> usize {
        let address = format!("{}://127.0.0.1", transport.scheme());
        let config = change(ChatConfig::new(address, "app", "1").user_id(user));
        let mut seed = [5; 32];
        seed[..8].copy_from_slice(&self.clients.len().to_le_bytes());
        self.clients.push(Client {
            chat: ChatClient::new(config, seed),
            events: Vec::new(),
            links: BTreeMap::new(),
        });
        self.clients.len() - 1
    }

    /// The client of a client.
    pub fn chat(&mut self, client: usize) -> &mut ChatClient {
        &mut self.clients[client].chat
    }

    /// Lets time pass until nothing happens before `until_ms`, everything that happens at its time.
    pub fn run_until(&mut self, until_ms: u64) {
        let until = Timestamp::from_millis(until_ms);
        let mut at_this_time = 0_u32;
        loop {
            self.turn();
            let next = [self.network.next_time(), self.server.poll_timeout()]
                .into_iter()
                .chain(self.clients.iter().map(|client| client.chat.poll_timeout()))
                .flatten()
                .min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            at_this_time = if next > self.now { 0 } else { at_this_time + 1 };
            assert!(at_this_time < 1_000, "busy at {:?}", self.now);
            self.now = self.now.max(next);
        }
        self.now = self.now.max(until);
    }

    /// As [`Simulation::run_until`], from now on.
    pub fn run_for(&mut self, ms: u64) {
        self.run_until(self.now.as_millis() + ms);
    }

    /// Hands over what is due, and lets everybody say what they have to say.
    fn turn(&mut self) {
        while let Some(delivery) = self.network.poll(self.now) {
            match delivery.to {
                End::Client => self.hand_to_client(delivery.link, delivery.event),
                End::Server => self.hand_to_server(delivery.link, delivery.event),
            }
        }
        if self.server.poll_timeout().is_some_and(|at| at <= self.now) {
            self.server.service(self.now);
        }
        self.drain_server();
        for client in 0..self.clients.len() {
            self.turn_client(client);
        }
    }

    fn hand_to_client(&mut self, key: LinkKey, event: LinkEvent) {
        let Some(&(client, link)) = self.owners.get(&key) else {
            return;
        };
        let input = match &event {
            LinkEvent::Opened => LinkInput::Opened { ipv6: false },
            LinkEvent::Bytes(bytes) => LinkInput::Received(bytes),
            LinkEvent::Closed => LinkInput::Closed,
            LinkEvent::Refused => {
                LinkInput::Failed(LinkError::new(LinkErrorKind::Refused, "refused"))
            }
            LinkEvent::Reset => LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, "reset")),
            _ => return, // room to write: the client's turn finds it
        };
        let gone = matches!(input, LinkInput::Closed | LinkInput::Failed(_));
        self.clients[client].chat.handle_link(self.now, link, input);
        if gone {
            self.forget(client, link);
            self.network.close(self.now, key, End::Client);
        }
    }

    fn hand_to_server(&mut self, key: LinkKey, event: LinkEvent) {
        match (event, self.connections.get(&key).copied()) {
            (LinkEvent::Accepted, _) => {
                let LinkTarget {
                    server_kind,
                    path,
                    wire,
                } = &self.targets[&key];
                let connection = match *wire {
                    Wire::WebSocket { secure, protocol } => {
                        let link = MessageLink {
                            subprotocol: protocol,
                            path,
                            local_host: "127.0.0.1",
                            secure,
                        };
                        self.server.accept_messages(self.now, *server_kind, &link)
                    }
                    _ => self
                        .server
                        .accept_stream(self.now, *server_kind, "127.0.0.1"),
                };
                self.connections.insert(key, connection);
                self.keys.insert(connection, key);
                self.drain_server();
            }
            (LinkEvent::Bytes(bytes), None) => {
                let Some(way) = self.targets.get(&key) else {
                    return;
                };
                self.server.received_datagram(
                    self.now,
                    way.server_kind,
                    key.address(),
                    || "127.0.0.1".to_owned(),
                    &bytes,
                );
            }
            (LinkEvent::Bytes(bytes), Some(connection)) => {
                self.server.received(self.now, connection, &bytes)
            }
            (LinkEvent::Writable, Some(connection)) => self.write_server(connection),
            (LinkEvent::Closed | LinkEvent::Reset, Some(connection)) => {
                self.server.closed(self.now, connection);
                self.connections.remove(&key);
                self.keys.remove(&connection);
                self.network.close(self.now, key, End::Server);
            }
            _ => {}
        }
    }

    fn drain_server(&mut self) {
        for server_kind in [ServerKind::NameServer, ServerKind::FrontEnd] {
            while let Some((to, datagram)) = self.server.transmit_datagram(self.now, server_kind) {
                if let Some(key) = LinkKey::from_address(to) {
                    self.network.send(self.now, key, End::Server, datagram);
                }
                self.server.transmitted_datagram(server_kind);
            }
        }
        while let Some(connection) = self.server.poll_writable() {
            self.write_server(connection);
        }
        while let Some(connection) = self.server.poll_close() {
            if let Some(key) = self.keys.remove(&connection) {
                self.connections.remove(&key);
                self.network.close(self.now, key, End::Server);
            }
        }
    }

    fn write_server(&mut self, connection: ConnectionId) {
        let Some(&key) = self.keys.get(&connection) else {
            return;
        };
        while let Some(bytes) = self.server.transmit(connection) {
            let taken = self.network.send(self.now, key, End::Server, bytes);
            if taken == 0 {
                return;
            }
            self.server.transmitted(connection, taken);
        }
    }

    /// A full turn of one client's driver.
    fn turn_client(&mut self, client: usize) {
        for _ in 0..100_000 {
            let now = self.now;
            let Client { chat, events, .. } = &mut self.clients[client];
            let serviced = chat.service(now);
            while let Some(event) = chat.poll_event() {
                events.push((now.as_millis(), event));
            }
            self.drain_client(client);
            if !serviced.more {
                let deadline = self.clients[client].chat.poll_timeout();
                assert!(
                    deadline.is_none_or(|at| at > now),
                    "a busy deadline: {deadline:?} at {now:?}"
                );
                return;
            }
        }
        panic!("service never has enough");
    }

    fn drain_client(&mut self, client: usize) {
        let now = self.now;
        let Client { chat, links, .. } = &mut self.clients[client];
        for (&link, &key) in &*links {
            self.network
                .set_reading(key, End::Client, chat.wants_input(link));
            while let Some(bytes) = chat.transmit(now, link) {
                let taken = self.network.send(now, key, End::Client, bytes);
                if taken == 0 {
                    break;
                }
                chat.transmitted(link, taken);
            }
        }
        while let Some(command) = self.clients[client].chat.poll_command() {
            match command {
                LinkCommand::Open { link, target, wire } => {
                    let (server_kind, stream) = match target.port {
                        FRONT_END_PORT => (ServerKind::FrontEnd, &self.to_front_end),
                        _ => (ServerKind::NameServer, &self.to_name_server),
                    };
                    let key = match wire {
                        Wire::Datagram => self.network.open_datagrams(now, &self.datagrams),
                        Wire::WebSocket { .. } => {
                            self.network.connect_messages(now, stream.clone())
                        }
                        _ => self.network.connect(now, stream.clone()),
                    };
                    self.targets.insert(
                        key,
                        LinkTarget {
                            server_kind,
                            path: target.path,
                            wire,
                        },
                    );
                    self.owners.insert(key, (client, link));
                    self.clients[client].links.insert(link, key);
                }
                LinkCommand::Close { link } => {
                    let key = self.clients[client]
                        .links
                        .get(&link)
                        .copied()
                        .expect("a link that is there");
                    self.forget(client, link);
                    self.network.close(now, key, End::Client);
                }
            }
        }
    }

    fn forget(&mut self, client: usize, link: LinkId) {
        if let Some(key) = self.clients[client].links.remove(&link) {
            self.owners.remove(&key);
        }
    }
}
