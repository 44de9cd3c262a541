//! UDP clients and a server core over the simulated network.

use std::collections::BTreeMap;

use dev_server::netem::Conditions;
use dev_server::sim::{DatagramSettings, Delivery, End, LinkEvent, LinkKey, Network};
use dev_server::{ServerConfig, ServerCore, ServerKind};
use photon_proto::crypto::{Cipher, KeyExchange};
use photon_proto::message::{self, Init, MessageWriter};
use photon_proto::udp::{self, Event};
use photon_proto::{Limits, Protocol, Random, Timestamp, Value, internal};

use crate::harness::{Got, HOST, credentials, decode, texts};

pub(crate) struct Client {
    pub(crate) server_kind: ServerKind,
    pub(crate) protocol: Protocol,
    pub(crate) connection: udp::Connection,
    pub(crate) cipher: Option<Cipher>,
    pub(crate) got: Vec<Got>,
    pub(crate) ended: Option<udp::Cause>,
}

pub(crate) struct Harness {
    pub(crate) now: Timestamp,
    pub(crate) network: Network,
    pub(crate) core: ServerCore,
    pub(crate) clients: BTreeMap<LinkKey, Client>,
    /// The host under which the clients reach the server.
    pub(crate) host: &'static str,
    /// The configuration of clients that connect from now on.
    pub(crate) udp: udp::Config,
    random: Random,
}

impl Drop for Harness {
    /// Every test ends with a check of the server's tables.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.core.check_at_rest(), Ok(()));
        }
    }
}

impl Harness {
    pub(crate) fn new(seed: u64, config: ServerConfig) -> Self {
        let mut bytes = [2; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            now: Timestamp::ZERO,
            network: Network::new(seed),
            core: ServerCore::new(config, bytes),
            clients: BTreeMap::new(),
            host: HOST,
            udp: udp::Config::client(),
            random: Random::new(bytes),
        }
    }

    pub(crate) fn connect(
        &mut self,
        server_kind: ServerKind,
        protocol: Protocol,
        conditions: Conditions,
    ) -> LinkKey {
        let link = self
            .network
            .open_datagrams(self.now, &DatagramSettings::both(conditions));
        let challenge = self.random.u32("challenge");
        let connection = udp::Connection::connect(self.udp.clone(), challenge, self.now);
        self.clients.insert(
            link,
            Client {
                server_kind,
                protocol,
                connection,
                cipher: None,
                got: Vec::new(),
                ended: None,
            },
        );
        link
    }

    /// Connects without loss or delay, and completes the init.
    pub(crate) fn connect_and_init(
        &mut self,
        server_kind: ServerKind,
        protocol: Protocol,
    ) -> LinkKey {
        let link = self.connect(server_kind, protocol, "delay=20".parse().unwrap());
        self.run_for(50);
        self.init(link);
        self.run_for(50);
        assert_eq!(self.take(link), [Got::InitResponse]);
        link
    }

    /// Connects a user to the front end and logs it in.
    pub(crate) fn enter(&mut self, user: &str, protocol: Protocol) -> LinkKey {
        let link = self.connect_and_init(ServerKind::FrontEnd, protocol);
        let got = self.ask(link, 230, credentials(user));
        assert_eq!(got[0].return_code(230), 0);
        link
    }

    pub(crate) fn join(&mut self, user: &str, protocol: Protocol, channel: &str) -> LinkKey {
        let link = self.enter(user, protocol);
        self.ask(link, 0, vec![(0, texts(&[channel]))]);
        link
    }

    pub(crate) fn client(&mut self, link: LinkKey) -> &mut Client {
        self.clients.get_mut(&link).unwrap()
    }

    pub(crate) fn take(&mut self, link: LinkKey) -> Vec<Got> {
        std::mem::take(&mut self.client(link).got)
    }

    pub(crate) fn send(&mut self, link: LinkKey, write: impl FnOnce(&mut Vec<u8>, Protocol)) {
        let client = self.client(link);
        let mut bytes = Vec::new();
        write(&mut bytes, client.protocol);
        if let Some(cipher) = &client.cipher {
            message::encrypt(&mut bytes, 0, cipher);
        }
        client
            .connection
            .send(0, udp::Delivery::Reliable, &bytes)
            .unwrap();
    }

    pub(crate) fn init(&mut self, link: LinkKey) {
        self.send(link, |bytes, protocol| {
            let application = "chat".into();
            Init {
                protocol: protocol.version(),
                sdk: 31,
                ipv6: false,
                version: [4, 1, 8, 20],
                application,
            }
            .encode(bytes);
        });
    }

    pub(crate) fn request(&mut self, link: LinkKey, code: u8, parameters: Vec<(u8, Value)>) {
        self.send(link, |bytes, protocol| {
            let mut writer =
                MessageWriter::request(bytes, protocol, &Limits::DEFAULT, code).unwrap();
            for (key, value) in &parameters {
                writer.put(*key, value).unwrap();
            }
            writer.finish().unwrap();
        });
    }

    /// Sends a request, and returns everything that arrives within the next 100 ms.
    pub(crate) fn ask(
        &mut self,
        link: LinkKey,
        code: u8,
        parameters: Vec<(u8, Value)>,
    ) -> Vec<Got> {
        self.request(link, code, parameters);
        self.run_for(100);
        self.take(link)
    }

    pub(crate) fn exchange_keys(&mut self, link: LinkKey) {
        let exchange = KeyExchange::new(&mut self.random);
        self.send(link, |bytes, protocol| {
            internal::encode_key_request(bytes, protocol, &Limits::DEFAULT, exchange.public_key())
                .unwrap();
        });
        self.run_for(50);
        let got = self.take(link);
        let [
            Got::Key {
                code: 0,
                key: Some(key),
            },
        ] = got.as_slice()
        else {
            panic!("{got:?}")
        };
        self.client(link).cipher = Some(Cipher::new(&exchange.agree(key).unwrap()));
    }

    pub(crate) fn run_for(&mut self, millis: u64) {
        let until = self.now.plus_millis(millis);
        let mut at_this_time = 0;
        loop {
            self.turn();
            let clients = self
                .clients
                .values()
                .map(|client| client.connection.poll_timeout());
            let others = [self.network.next_time(), self.core.poll_timeout()];
            let next = clients
                .chain(others)
                .flatten()
                .min()
                .filter(|next| *next <= until);
            let Some(next) = next else { break };
            at_this_time = if next > self.now { 0 } else { at_this_time + 1 };
            assert!(at_this_time < 100, "busy at {:?}", self.now);
            self.now = self.now.max(next);
        }
        self.now = until;
    }

    fn turn(&mut self) {
        while let Some(Delivery { link, to, event }) = self.network.poll(self.now) {
            match (to, event, self.clients.get_mut(&link)) {
                (End::Client, LinkEvent::Bytes(datagram), Some(client)) => {
                    client.connection.handle_datagram(self.now, &datagram);
                }
                (End::Server, LinkEvent::Bytes(datagram), Some(client)) => {
                    let host = || self.host.to_owned();
                    self.core.received_datagram(
                        self.now,
                        client.server_kind,
                        link.address(),
                        host,
                        &datagram,
                    );
                }
                (End::Client, LinkEvent::Opened, _) => {}
                other => panic!("{:?}", other.1),
            }
        }
        if self.core.poll_timeout().is_some_and(|at| at <= self.now) {
            self.core.service(self.now);
            assert!(
                self.core.poll_timeout().is_none_or(|at| at > self.now),
                "a deadline that service does not move"
            );
        }
        for server_kind in [ServerKind::NameServer, ServerKind::FrontEnd] {
            while let Some((to, datagram)) = self.core.transmit_datagram(self.now, server_kind) {
                // Other addresses are forged: nothing arrives there.
                if let Some(link) = LinkKey::from_address(to) {
                    self.network.send(self.now, link, End::Server, datagram);
                }
                self.core.transmitted_datagram(server_kind);
            }
        }
        for (&link, client) in &mut self.clients {
            let Client {
                protocol,
                connection,
                cipher,
                got,
                ended,
                ..
            } = client;
            if connection.poll_timeout().is_some_and(|at| at <= self.now) {
                connection.handle_timeout(self.now);
            }
            while let Some(event) = connection.poll_event() {
                match event {
                    Event::Connected => {}
                    Event::Message(mut message) => {
                        got.push(
                            decode(&mut message.bytes, *protocol, cipher.as_ref())
                                .unwrap_or(Got::Undecodable),
                        );
                    }
                    Event::Disconnected(cause) => *ended = Some(cause),
                }
            }
            while let Some(datagram) = connection.transmit(self.now) {
                self.network.send(self.now, link, End::Client, datagram);
                connection.transmitted();
            }
        }
        assert_eq!(self.core.poll_writable(), None);
        assert_eq!(self.core.poll_close(), None);
    }
}
