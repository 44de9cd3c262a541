//! The core over simulated streams with delay, chunking, stalls and cuts.

use std::collections::BTreeMap;

use dev_server::sim::{Delivery, End, LinkEvent, LinkKey, Network, StreamSettings};
use dev_server::{ConnectionId, ServerConfig, ServerCore, ServerKind};
use photon_proto::message::{Init, MessageWriter};
use photon_proto::tcp::{self, Delivery as Mode, Item, Splitter};
use photon_proto::{Limits, Protocol, Timestamp, Value};

use crate::harness::{BOTH, Got, credentials, decode, texts};

struct Client {
    protocol: Protocol,
    splitter: Splitter,
    /// The bytes that it could not send yet.
    unsent: Vec<u8>,
    got: Vec<Got>,
    ended: Option<LinkEvent>,
}

struct Harness {
    now: Timestamp,
    network: Network,
    core: ServerCore,
    clients: BTreeMap<LinkKey, Client>,
    connections: BTreeMap<LinkKey, ConnectionId>,
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
    fn new(seed: u64, config: ServerConfig) -> Self {
        Self {
            now: Timestamp::ZERO,
            network: Network::new(seed),
            core: ServerCore::new(config, [1; 32]),
            clients: BTreeMap::new(),
            connections: BTreeMap::new(),
        }
    }

    /// Connects a client that logs in, subscribes and publishes at once, without waiting for
    /// responses.
    fn connect(
        &mut self,
        user: &str,
        protocol: Protocol,
        messages: i32,
        settings: StreamSettings,
    ) -> LinkKey {
        let mut unsent = Vec::new();
        let frame = |unsent: &mut Vec<u8>, write: &dyn Fn(&mut Vec<u8>)| {
            let start = tcp::begin_frame(unsent, 0, Mode::Reliable);
            write(unsent);
            tcp::end_frame(unsent, start);
        };
        let version = protocol.version();
        let init = Init {
            protocol: version,
            sdk: 31,
            ipv6: false,
            version: [4, 1, 8, 20],
            application: "chat".into(),
        };
        frame(&mut unsent, &|bytes| init.encode(bytes));
        let mut requests = vec![
            (230, credentials(user)),
            (0, vec![(0, texts(&["c"])), (14, Value::Int(-1))]),
        ];
        requests.extend(
            (1..=messages).map(|number| (2, vec![(1, "c".into()), (3, Value::Int(number))])),
        );
        for (code, parameters) in requests {
            frame(&mut unsent, &|bytes| {
                let mut writer =
                    MessageWriter::request(bytes, protocol, &Limits::DEFAULT, code).unwrap();
                for (key, value) in &parameters {
                    writer.put(*key, value).unwrap();
                }
                writer.finish().unwrap();
            });
        }
        let link = self.network.connect(self.now, settings);
        let splitter = Splitter::new(
            photon_proto::Role::Client,
            Limits::DEFAULT.max_received_bytes,
        );
        self.clients.insert(
            link,
            Client {
                protocol,
                splitter,
                unsent,
                got: Vec::new(),
                ended: None,
            },
        );
        link
    }

    fn run(&mut self, until: u64) {
        let until = Timestamp::from_millis(until);
        loop {
            self.drain();
            let next = [self.network.next_time(), self.core.poll_timeout()]
                .into_iter()
                .flatten()
                .min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            self.core.service(self.now);
            while let Some(delivery) = self.network.poll(self.now) {
                self.deliver(delivery);
            }
        }
        self.now = until;
    }

    fn deliver(&mut self, Delivery { link, to, event }: Delivery) {
        match (to, event) {
            (End::Server, LinkEvent::Accepted) => {
                let id = self
                    .core
                    .accept_stream(self.now, ServerKind::FrontEnd, "host");
                self.connections.insert(link, id);
            }
            (End::Server, LinkEvent::Bytes(bytes)) => {
                self.core
                    .received(self.now, self.connections[&link], &bytes)
            }
            (End::Server, LinkEvent::Closed | LinkEvent::Reset) => {
                self.core.closed(self.now, self.connections[&link])
            }
            (End::Server, LinkEvent::Writable) => self.write(link),
            (End::Client, LinkEvent::Opened | LinkEvent::Writable) => {
                let client = self.clients.get_mut(&link).unwrap();
                let taken = self
                    .network
                    .send(self.now, link, End::Client, &client.unsent);
                client.unsent.drain(..taken);
            }
            (End::Client, LinkEvent::Bytes(bytes)) => {
                let Client {
                    protocol,
                    splitter,
                    got,
                    ..
                } = self.clients.get_mut(&link).unwrap();
                splitter.push(&bytes);
                while let Some(item) = splitter.next().unwrap() {
                    let Item::Frame { message, .. } = item else {
                        panic!("{item:?}")
                    };
                    got.push(decode(splitter.message_mut(message), *protocol, None).unwrap());
                }
            }
            (End::Client, event) => self.clients.get_mut(&link).unwrap().ended = Some(event),
            (End::Server, event) => panic!("{event:?}"),
        }
    }

    fn write(&mut self, link: LinkKey) {
        let id = self.connections[&link];
        while let Some(bytes) = self.core.transmit(id) {
            let taken = self.network.send(self.now, link, End::Server, bytes);
            if taken == 0 {
                return;
            }
            self.core.transmitted(id, taken);
        }
    }

    fn link(&self, id: ConnectionId) -> LinkKey {
        *self
            .connections
            .iter()
            .find(|(_, known)| **known == id)
            .unwrap()
            .0
    }

    fn drain(&mut self) {
        while let Some(id) = self.core.poll_writable() {
            self.write(self.link(id));
        }
        while let Some(id) = self.core.poll_close() {
            let link = self.link(id);
            self.network.close(self.now, link, End::Server);
        }
    }

    /// The ids, senders and contents of the messages that a client received.
    fn messages(&self, link: LinkKey) -> Vec<(i32, String, Value)> {
        let mut all = Vec::new();
        for event in self.clients[&link]
            .got
            .iter()
            .filter(|got| matches!(got, Got::Event { code: 0, .. }))
        {
            let last_id = i32::try_from(event.parameter(8).unwrap().clone()).unwrap();
            let contents = Vec::<Value>::try_from(event.parameter(2).unwrap().clone()).unwrap();
            let senders =
                Vec::<photon_proto::Text>::try_from(event.parameter(4).unwrap().clone()).unwrap();
            let first = last_id - i32::try_from(contents.len()).unwrap() + 1;
            all.extend(
                (first..)
                    .zip(senders)
                    .zip(contents)
                    .map(|((id, who), what)| (id, who.into(), what)),
            );
        }
        all
    }
}

#[test]
fn all_clients_see_the_same_over_a_bad_network() {
    for seed in 0..150 {
        let mut harness = Harness::new(seed, ServerConfig::new());
        let settings = |slot: u64| StreamSettings {
            delay_ms: 20 * slot,
            jitter_ms: seed % 90,
            max_chunk: if slot == 0 {
                0
            } else {
                1 + (seed as usize + slot as usize) % 30
            },
            window_bytes: 100 + 200 * slot as usize,
            bytes_per_second: if slot == 2 { 5000 } else { 0 },
            ..StreamSettings::default()
        };
        let links: Vec<LinkKey> = (0..4)
            .map(|slot| {
                harness.connect(
                    &format!("u{slot}"),
                    BOTH[slot % 2],
                    15,
                    settings(slot as u64),
                )
            })
            .collect();
        harness
            .network
            .stall(links[3], Timestamp::from_millis(seed * 7));
        harness.run(20_000);
        let all = harness.messages(links[0]);
        assert_eq!(all.last().map(|(id, ..)| *id), Some(60), "seed {seed}");
        for link in links {
            let seen = harness.messages(link);
            assert_eq!(seen.len(), 60, "seed {seed}");
            assert!(
                seen.iter()
                    .zip(1..)
                    .all(|((id, ..), expected)| *id == expected),
                "seed {seed}: {seen:?}"
            );
            assert_eq!(seen, all, "seed {seed}");
            assert_eq!(harness.clients[&link].ended, None);
        }
    }
}

#[test]
fn broken_links_leave_no_users_behind() {
    let config = || ServerConfig::new().with(|config| config.silence_timeout_ms = 10_000);
    let mut harness = Harness::new(1, config());
    let settings = || StreamSettings {
        delay_ms: 50,
        ..StreamSettings::default()
    };
    let [gone, cut, reset] =
        ["gone", "cut", "reset"].map(|user| harness.connect(user, Protocol::V18, 1, settings()));
    harness.run(1000);
    assert_eq!(harness.core.stats().users, 3);
    harness.network.close(harness.now, gone, End::Client);
    harness.network.reset(harness.now, reset);
    harness.network.cut(cut, End::Server);
    harness.network.cut(cut, End::Client);
    harness.run(1100);
    assert_eq!(harness.core.channels()[0].subscribers, ["cut"]);
    assert_eq!(harness.clients[&reset].ended, Some(LinkEvent::Reset));
    harness.run(1000 + 10_000 + 10_000);
    assert_eq!(
        (harness.core.stats().users, harness.core.stats().connections),
        (0, 0)
    );
    harness.run(60_000);
    assert_eq!(harness.core.stats().channels, 0);
    assert_eq!(harness.clients[&cut].ended, None, "a cut is silent");
}
