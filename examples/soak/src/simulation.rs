//! [`Simulation`]: clients and a server on a simulated network, in virtual time.

use chat_core::{
    ChatClient, ChatConfig, ConnectOptions, Event, LinkCommand, LinkError, LinkErrorKind, LinkId,
    LinkInput, SubscribeOptions, Timestamp, Wire,
};
use dev_server::sim::{
    AddressChange, DatagramSettings, End, LinkEvent, LinkKey, Network, StreamSettings,
};
use dev_server::{ConnectionId, MessageLink, ServerConfig, ServerCore, ServerKind, Transport};
use std::collections::{BTreeMap, BTreeSet};

/// The front end's port, over every transport. A name server has the default port of its scheme.
pub const FRONT_END_PORT: u16 = 4534;

/// The server at the other end of a link, and how the link was opened.
struct LinkTarget {
    server_kind: ServerKind,
    path: Box<str>,
    wire: Wire,
}

/// A client and its open links.
pub struct Client {
    /// The client.
    pub chat: ChatClient,
    /// Its events so far, each with its time in milliseconds. The user of the simulation may remove
    /// them.
    pub events: Vec<(u64, Event)>,
    links: BTreeMap<LinkId, LinkKey>,
    /// Its entry in the table of deadlines.
    deadline: Option<Timestamp>,
}

impl Client {
    /// The link that was opened last, among the open ones.
    pub fn newest_link(&self) -> Option<LinkKey> {
        self.links.values().next_back().copied()
    }
}

/// A way in which a client loses its connection, while the server keeps the session as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The server's end closes the stream (FIN). Over UDP, which has no FIN, as
    /// [`Silence`](Self::Silence).
    Fin,
    /// The stream is reset. Over UDP as [`Silence`](Self::Silence).
    Reset,
    /// Nothing arrives any more in either direction, and neither end is notified.
    Silence,
    /// Nothing arrives at the client; what it sends reaches the server.
    HalfSilence,
    /// The client has another address. A stream is silent then.
    Address(AddressChange),
}

/// A seed for each start of the server: another process has other keys.
fn server_seed(seed: u64, starts: u64) -> [u8; 32] {
    let mut bytes = [3; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&(starts ^ 0x0303_0303_0303_0303).to_le_bytes());
    bytes
}

/// A server, its clients, the network between them, and the clock.
///
/// ```text
///   ChatClient <── LinkInput ───┐                    ┌─── bytes ───> ServerCore
///       │                       │                    │                   │
///       └── bytes, commands ──> Network (virtual time) <──── bytes ──────┘
/// ```
///
/// Each link has a [`LinkKey`] in the network, a [`LinkId`] in its client, and, except over UDP, a
/// [`ConnectionId`] in the server.
pub struct Simulation {
    /// The virtual time.
    pub now: Timestamp,
    /// The network between clients and server.
    pub network: Network,
    /// The name server and the front end.
    pub server: ServerCore,
    /// The clients, in the order in which they were added.
    pub clients: Vec<Client>,
    /// Conditions of new TCP and WebSocket links to the name server.
    pub to_name_server: StreamSettings,
    /// Conditions of new TCP and WebSocket links to the front end.
    pub to_front_end: StreamSettings,
    /// Conditions of new UDP links.
    pub datagrams: DatagramSettings,
    /// The client's end of each link: the client's index, and its name for the link.
    owners: BTreeMap<LinkKey, (usize, LinkId)>,
    /// Kept for every link that was ever opened: a server may still receive its datagrams.
    targets: BTreeMap<LinkKey, LinkTarget>,
    /// The clients that have something to do now.
    busy: BTreeSet<usize>,
    /// The next deadline of each client.
    deadlines: BTreeSet<(Timestamp, usize)>,
    /// Clients whose program stands still, and until when.
    frozen: BTreeMap<usize, Timestamp>,
    /// What arrived for them meanwhile, in order.
    unread: Vec<(LinkKey, LinkEvent)>,
    /// Whether the server's process runs.
    running: bool,
    /// How often the server was started.
    starts: u64,
    seed: u64,
    /// The server's end of each TCP or WebSocket link, and the reverse.
    connections: BTreeMap<LinkKey, ConnectionId>,
    keys: BTreeMap<ConnectionId, LinkKey>,
}

impl Simulation {
    /// Creates a simulation without clients. `seed` determines every random number in it.
    pub fn new(seed: u64, config: ServerConfig, settings: StreamSettings) -> Self {
        let config = config.with(|config| {
            config.front_end_port = FRONT_END_PORT;
            config.front_end_udp_port = FRONT_END_PORT;
            config.front_end_ws_port = FRONT_END_PORT;
            config.front_end_wss_port = FRONT_END_PORT;
        });
        Self {
            now: Timestamp::ZERO,
            network: Network::new(seed),
            server: ServerCore::new(config, server_seed(seed, 0)),
            clients: Vec::new(),
            to_name_server: settings.clone(),
            to_front_end: settings,
            datagrams: DatagramSettings::default(),
            owners: BTreeMap::new(),
            targets: BTreeMap::new(),
            busy: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            frozen: BTreeMap::new(),
            unread: Vec::new(),
            running: true,
            starts: 0,
            seed,
            connections: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Creates a simulation with one new client, "alice". The examples in chat-core's docs use it.
    pub fn with_one_client() -> Self {
        let config = ServerConfig::new().with(|config| config.properties = true);
        let mut simulation = Self::new(1, config, StreamSettings::default());
        simulation.add("alice", |config| config);
        simulation
    }

    /// As [`Simulation::with_one_client`], but the client is connected to the front end and has
    /// subscribed to the channel "lobby".
    ///
    /// # Panics
    /// If the client is refused.
    pub fn with_one_connected_client() -> Self {
        let mut simulation = Self::with_one_client();
        let connected = simulation
            .chat(0)
            .connect_to_name_server(ConnectOptions::new().region("eu"));
        assert_eq!(connected, Ok(()));
        simulation.run_for(1_000);
        let subscribed = simulation
            .chat(0)
            .subscribe(["lobby"], &SubscribeOptions::new());
        assert!(subscribed.is_ok());
        simulation.run_for(1_000);
        simulation
    }

    /// Adds a client that connects over TCP, and returns its index. `change` completes its
    /// configuration.
    pub fn add(&mut self, user: &str, change: impl FnOnce(ChatConfig) -> ChatConfig) -> usize {
        self.add_over(Transport::Tcp, user, change)
    }

    /// Adds a client that connects over `transport`, and returns its index.
    pub fn add_over(
        &mut self,
        transport: Transport,
        user: &str,
        change: impl FnOnce(ChatConfig) -> ChatConfig,
    ) -> usize {
        let address = format!("{transport}://127.0.0.1");
        let config = change(ChatConfig::new(address, "app", "1").user_id(user));
        let mut seed = [5; 32];
        seed[..8].copy_from_slice(&self.clients.len().to_le_bytes());
        self.clients.push(Client {
            chat: ChatClient::new(config, seed),
            events: Vec::new(),
            links: BTreeMap::new(),
            deadline: None,
        });
        self.clients.len() - 1
    }

    /// The client with this index.
    pub fn chat(&mut self, index: usize) -> &mut ChatClient {
        &mut self.clients[index].chat
    }

    /// Advances the clock to `until_ms` and handles everything that is due on the way, each at its
    /// own time.
    ///
    /// # Panics
    /// If a client or the server breaks the contract on deadlines, or time stands still.
    pub fn run_until(&mut self, until_ms: u64) {
        let until = Timestamp::from_millis(until_ms);
        let mut at_this_time = 0_u32;
        // The caller may have called any client since.
        self.busy.extend(0..self.clients.len());
        loop {
            self.step();
            let server = self.server.poll_timeout().filter(|_| self.running);
            let awake = |(_, index): &&(_, usize)| !self.frozen.contains_key(index);
            let client = self.deadlines.iter().find(awake).map(|(at, _)| *at);
            let thawing = self.frozen.values().min().copied();
            let next = [self.network.next_time(), server, client, thawing];
            let next = next.into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            at_this_time = if next > self.now { 0 } else { at_this_time + 1 };
            assert!(at_this_time < 1_000, "no progress at {:?}", self.now);
            assert!(next >= self.now, "{next:?} should have been handled before");
            self.now = next;
        }
        self.now = self.now.max(until);
    }

    /// Advances the clock by `ms`, as [`Simulation::run_until`] does.
    pub fn run_for(&mut self, ms: u64) {
        self.run_until(self.now.as_millis() + ms);
    }

    /// Ends the connection of a client in one of the ways in which networks do. Returns whether it
    /// had one.
    pub fn lose(&mut self, index: usize, loss: Loss) -> bool {
        let Some(key) = self.clients[index].newest_link() else {
            return false;
        };
        let connection = self.connections.get(&key).copied();
        match loss {
            Loss::Fin => {
                if let Some(connection) = connection {
                    self.server.broken(self.now, connection);
                    self.connections.remove(&key);
                    self.keys.remove(&connection);
                    self.network.close(self.now, key, End::Server);
                } else {
                    self.network.reset(self.now, key);
                }
            }
            Loss::Reset => self.network.reset(self.now, key),
            Loss::Silence => {
                self.network.cut(key, End::Client);
                self.network.cut(key, End::Server);
            }
            Loss::HalfSilence => self.network.cut(key, End::Client),
            Loss::Address(change) => self.network.change_address(key, change),
        }
        true
    }

    /// Lets the program of a client stand still for this time, as a stopped process or a phone in
    /// someone's pocket does. What arrives meanwhile waits in its sockets.
    pub fn freeze(&mut self, index: usize, ms: u64) {
        self.frozen.insert(index, self.now.plus_millis(ms));
    }

    /// Lets clients go on whose time of standing still is over: they first read their sockets.
    fn thaw(&mut self) {
        let now = self.now;
        let before = self.frozen.len();
        self.frozen.retain(|index, until| {
            let thawed = *until <= now;
            if thawed {
                self.busy.insert(*index);
            }
            !thawed
        });
        if self.frozen.len() == before {
            return;
        }
        for (key, event) in std::mem::take(&mut self.unread) {
            self.deliver_to_client(key, event);
        }
    }

    /// Ends the server's process at once, as `kill -9` does: streams are closed by its operating
    /// system, and datagrams have no destination. Returns the state that its state file has.
    pub fn crash(&mut self) -> Vec<u8> {
        self.running = false;
        for (_, key) in std::mem::take(&mut self.keys) {
            self.network.close(self.now, key, End::Server);
        }
        self.connections.clear();
        self.server.state()
    }

    /// Starts the server again, with the configuration that it had, and with the state of an earlier
    /// one if there is any.
    ///
    /// # Panics
    /// If the state is not valid.
    pub fn start_server(&mut self, state: Option<&[u8]>) {
        self.starts += 1;
        let seed = server_seed(self.seed, self.starts);
        self.server = ServerCore::new(self.server.config().clone(), seed);
        if let Some(state) = state {
            let loaded = self.server.load_state(self.now, state);
            assert_eq!(loaded, Ok(()), "the state of the last server");
        }
        self.running = true;
    }

    /// Delivers what is due, then drives the server and every client.
    fn step(&mut self) {
        self.thaw();
        while let Some(delivery) = self.network.poll(self.now) {
            match delivery.to {
                End::Client => self.deliver_to_client(delivery.link, delivery.event),
                End::Server => self.deliver_to_server(delivery.link, delivery.event),
            }
        }
        if self.running {
            if self.server.poll_timeout().is_some_and(|at| at <= self.now) {
                self.server.service(self.now);
            }
            self.drain_server();
        }
        // Only those with input or a deadline: a thousand clients would otherwise call each other a
        // thousand times.
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= self.now);
        self.busy.extend(due.map(|(_, index)| *index));
        for index in std::mem::take(&mut self.busy) {
            if !self.frozen.contains_key(&index) {
                self.drive_client(index);
            }
        }
    }

    fn deliver_to_client(&mut self, key: LinkKey, event: LinkEvent) {
        let Some(&(index, link)) = self.owners.get(&key) else {
            return; // the client has closed this link
        };
        if self.frozen.contains_key(&index) {
            self.unread.push((key, event));
            return;
        }
        self.busy.insert(index);
        let input = match &event {
            LinkEvent::Opened => LinkInput::Opened { ipv6: false },
            LinkEvent::Bytes(bytes) => LinkInput::Received(bytes),
            LinkEvent::Closed => LinkInput::Closed,
            LinkEvent::Refused => {
                LinkInput::Failed(LinkError::new(LinkErrorKind::Refused, "refused"))
            }
            LinkEvent::Reset => LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, "reset")),
            _ => return, // writable again: `drain_client` writes in any case
        };
        let ended = matches!(input, LinkInput::Closed | LinkInput::Failed(_));
        self.clients[index].chat.handle_link(self.now, link, input);
        if ended {
            self.forget_link(index, link);
            self.network.close(self.now, key, End::Client);
        }
    }

    fn deliver_to_server(&mut self, key: LinkKey, event: LinkEvent) {
        if !self.running {
            // The operating system of the server answers a stream; nothing answers a datagram.
            if event == LinkEvent::Accepted {
                self.network.reset(self.now, key);
            }
            return;
        }
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
                let Some(target) = self.targets.get(&key) else {
                    return;
                };
                self.server.received_datagram(
                    self.now,
                    target.server_kind,
                    self.network.address(key),
                    || "127.0.0.1".to_owned(),
                    &bytes,
                );
            }
            (LinkEvent::Bytes(bytes), Some(connection)) => {
                self.server.received(self.now, connection, &bytes)
            }
            (LinkEvent::Writable, Some(connection)) => self.write_server(connection),
            (end @ (LinkEvent::Closed | LinkEvent::Reset), Some(connection)) => {
                if end == LinkEvent::Closed {
                    self.server.closed(self.now, connection);
                } else {
                    self.server.broken(self.now, connection);
                }
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
                if let Some(key) = self.network.link_at(to) {
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
            let accepted = self.network.send(self.now, key, End::Server, bytes);
            if accepted == 0 {
                return;
            }
            self.server.transmitted(connection, accepted);
        }
    }

    /// Does what the contract asks of a driver: service, then events, bytes and commands, until the
    /// client has no more work.
    fn drive_client(&mut self, index: usize) {
        for _ in 0..100_000 {
            let now = self.now;
            let Client {
                chat,
                events,
                deadline,
                ..
            } = &mut self.clients[index];
            if let Some(at) = deadline.take() {
                self.deadlines.remove(&(at, index));
            }
            let serviced = chat.service(now);
            while let Some(event) = chat.poll_event() {
                events.push((now.as_millis(), event));
            }
            self.drain_client(index);
            if !serviced.more {
                // Contract, point 4: after a full drain the next deadline is in the future.
                let deadline = self.clients[index].chat.poll_timeout();
                assert!(
                    deadline.is_none_or(|at| at > now),
                    "deadline {deadline:?} is due at {now:?}, after a full drain"
                );
                self.clients[index].deadline = deadline;
                self.deadlines.extend(deadline.map(|at| (at, index)));
                return;
            }
        }
        panic!("service() always asks for another call");
    }

    fn drain_client(&mut self, index: usize) {
        let now = self.now;
        let Client { chat, links, .. } = &mut self.clients[index];
        for (&link, &key) in &*links {
            self.network
                .set_reading(key, End::Client, chat.wants_input(link));
            while let Some(bytes) = chat.transmit(now, link) {
                let accepted = self.network.send(now, key, End::Client, bytes);
                if accepted == 0 {
                    break;
                }
                chat.transmitted(link, accepted);
            }
        }
        while let Some(command) = self.clients[index].chat.poll_command() {
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
                    self.owners.insert(key, (index, link));
                    self.clients[index].links.insert(link, key);
                }
                LinkCommand::Close { link } => {
                    let key = self.clients[index]
                        .links
                        .get(&link)
                        .copied()
                        .expect("an open link");
                    self.forget_link(index, link);
                    self.network.close(now, key, End::Client);
                }
            }
        }
    }

    fn forget_link(&mut self, index: usize, link: LinkId) {
        if let Some(key) = self.clients[index].links.remove(&link) {
            self.owners.remove(&key);
        }
    }
}
