//! [`flood`]: random and changed datagrams, one after the other, to one end.

use super::endpoints::{CheckedAcceptor, CheckedConnection};
use super::observer::Observer;
use super::{CHALLENGE, CLIENT_ADDRESS, PEER_ID};
use crate::datagram::repair;
use arbitrary::Unstructured;
use dev_server::sim::Rng;
use photon_proto::Timestamp;
use photon_proto::udp::command::kind;
use photon_proto::udp::datagram::decode;
use photon_proto::udp::{
    AcceptorConfig, Config, ConnectRequest, Connection, Delivery, Event, State,
};
use std::time::Duration;

/// The number of datagrams after which another end takes its place, if this one has not ended.
const DATAGRAMS_PER_END: u32 = 2_000;
/// More bytes than the largest forgery is read from.
const FORGERY_BYTES: usize = 40;

/// The receiver of the datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A client.
    Client,
    /// An accepted connection of a server.
    Server,
    /// An acceptor, which receives them from four addresses.
    Acceptor,
}

/// The effects of a flood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flooded {
    /// Ends that received it, one after the other.
    pub ends: u32,
    /// Ends whose connection it ended.
    pub ended: u32,
    /// Datagrams that were not dropped as a whole.
    pub read: u64,
    /// Messages that were received.
    pub messages: u64,
    /// Bytes of the datagrams that were sent in answer.
    pub answered_bytes: u64,
}

/// Sends this number of datagrams to ends of this role: random bytes, changed `samples`, changed
/// datagrams of the end itself, and [forgeries](super::Forgery). The same seed gives the same flood.
///
/// The assertions are those of [`udp_connection`](super::udp_connection()) for single connections.
///
/// # Panics
/// If one of these does not hold.
pub fn flood(role: Role, seed: u64, datagrams: u32, samples: &[Vec<u8>]) -> Flooded {
    let mut flooded = Flooded::default();
    let rng = &mut Rng::new(seed);
    let mut end = Victim::new(role, rng);
    for number in 0..datagrams {
        if end.is_over() || end.taken >= DATAGRAMS_PER_END {
            end.count(&mut flooded);
            end = Victim::new(role, rng);
        }
        let mut bytes = end.datagram(rng, samples);
        // Most disconnects are left out, because an end receives nothing after one.
        while has_disconnect(&bytes) && random_below(rng, 16) > 0 {
            bytes = end.datagram(rng, samples);
        }
        end.receive(&bytes, rng, &mut flooded);
        // Applications do not take events all the time.
        if number % 64 < 40 {
            end.take_events(&mut flooded);
        }
    }
    end.count(&mut flooded);
    flooded
}

fn has_disconnect(bytes: &[u8]) -> bool {
    decode(bytes).is_ok_and(|datagram| {
        datagram
            .commands()
            .any(|command| command.kind == kind::DISCONNECT)
    })
}

fn random_below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).expect("the bound was a usize")
}

fn random_byte(rng: &mut Rng) -> u8 {
    rng.next().to_le_bytes()[0]
}

fn random_bytes(rng: &mut Rng, count: usize) -> Vec<u8> {
    (0..count).map(|_| random_byte(rng)).collect()
}

enum Side {
    Connection(Box<CheckedConnection>),
    Acceptor(Box<CheckedAcceptor>),
}

struct Victim {
    side: Side,
    observer: Observer,
    now: Timestamp,
    taken: u32,
    /// The last datagram that the end has sent.
    sent: Vec<u8>,
}

impl Victim {
    /// An end, connected in three of four cases to a peer that sends nothing more.
    fn new(role: Role, rng: &mut Rng) -> Self {
        let now = Timestamp::from_micros(rng.next() >> 20);
        let change = |it: &mut Config| {
            it.incoming_cap_bytes = 50_000;
            it.max_received_message_bytes = 20_000;
            it.max_violations = 300;
        };
        let (client_config, server_config) =
            (Config::client().with(change), Config::server().with(change));
        let mut client = CheckedConnection::new(
            Connection::connect(client_config.clone(), CHALLENGE, now),
            client_config,
            now,
        );
        let connect = client.transmit(now).expect("a connect");
        client.transmitted();
        let connected = random_below(rng, 4) > 0;
        let mut observer = Observer::new(CHALLENGE);
        let mut sent = connect.clone();
        let side = match role {
            Role::Acceptor => {
                let config = AcceptorConfig::default().with(|it| {
                    it.connection = server_config;
                    (it.max_half_open, it.max_connections, it.half_open_timeout) =
                        (8, 3, Duration::from_millis(500));
                });
                let mut acceptor = CheckedAcceptor::new(config);
                acceptor.handle_datagram(now, CLIENT_ADDRESS, &connect);
                if connected {
                    while let Some((_, bytes)) = acceptor.transmit(now) {
                        acceptor.transmitted();
                        observer.observe(&bytes);
                        client.handle_datagram(now, &bytes);
                    }
                    while let Some(bytes) = client.transmit(now) {
                        client.transmitted();
                        acceptor.handle_datagram(now, CLIENT_ADDRESS, &bytes);
                    }
                    let first = acceptor.poll_event(CHALLENGE);
                    assert_eq!(first, Some((true, Event::Connected)));
                }
                Side::Acceptor(Box::new(acceptor))
            }
            Role::Client | Role::Server => {
                let request = ConnectRequest::decode(&connect).expect("a connect request");
                let server =
                    Connection::accept(server_config.clone(), &request, PEER_ID, 5_000_000, now);
                let mut server = CheckedConnection::new(server, server_config, now);
                if connected {
                    while let Some(bytes) = server.transmit(now) {
                        server.transmitted();
                        client.handle_datagram(now, &bytes);
                        if role == Role::Server {
                            observer.observe(&bytes);
                        }
                        sent = bytes;
                    }
                    while let Some(bytes) = client.transmit(now) {
                        client.transmitted();
                        server.handle_datagram(now, &bytes);
                    }
                    for end in [&client, &server] {
                        assert_eq!(end.connection.state(), State::Connected);
                    }
                }
                Side::Connection(Box::new(if role == Role::Client { client } else { server }))
            }
        };
        Self {
            side,
            observer,
            now,
            taken: 0,
            sent,
        }
    }

    fn is_over(&self) -> bool {
        match &self.side {
            Side::Connection(end) => end.announced.ended.is_some(),
            Side::Acceptor(acceptor) => acceptor.client.is_some() && acceptor.ended.is_some(),
        }
    }

    fn count(&self, flooded: &mut Flooded) {
        flooded.ends += 1;
        flooded.ended += u32::from(self.is_over());
        let dropped = match &self.side {
            Side::Connection(end) => end.connection.stats().dropped_datagrams.total(),
            Side::Acceptor(acceptor) => acceptor.acceptor.stats().unknown_datagrams,
        };
        flooded.read += u64::from(self.taken).saturating_sub(dropped);
    }

    /// A datagram for this end.
    fn datagram(&mut self, rng: &mut Rng, samples: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = match random_below(rng, 8) {
            0 => {
                let length = random_below(rng, 100);
                random_bytes(rng, length)
            }
            1..=3 if !samples.is_empty() => samples[random_below(rng, samples.len())].clone(),
            4 => self.sent.clone(),
            _ => {
                let choices = random_bytes(rng, FORGERY_BYTES);
                let forgery = Unstructured::new(&choices).arbitrary();
                let forgery = forgery.expect("all byte strings are forgeries");
                let mut made = self.observer.forge(&forgery, PEER_ID);
                if random_below(rng, 8) == 0 {
                    change(&mut made, rng);
                }
                return made;
            }
        };
        if random_below(rng, 16) > 0 {
            // With the challenge of this connection, or it would be dropped at once.
            if let Some(challenge) = bytes.get_mut(8..12) {
                challenge.copy_from_slice(&CHALLENGE.to_be_bytes());
            }
            if let (true, Some(flags)) = (random_below(rng, 4) > 0, bytes.get_mut(2)) {
                *flags = if *flags == 0xCC { 0xCC } else { 0 };
            }
        }
        change(&mut bytes, rng);
        if random_below(rng, 8) > 0 {
            repair(&mut bytes);
        }
        bytes
    }

    fn receive(&mut self, bytes: &[u8], rng: &mut Rng, flooded: &mut Flooded) {
        self.taken += 1;
        match &mut self.side {
            Side::Connection(end) => end.handle_datagram(self.now, bytes),
            Side::Acceptor(acceptor) => {
                acceptor.handle_datagram(self.now, [0, 0, 1, 2, 3][random_below(rng, 5)], bytes)
            }
        }
        match random_below(rng, 32) {
            0 => self.now = self.now.plus_micros(rng.next() % 3_000_000),
            1..=8 => self.now = self.now.plus_micros(rng.next() % 3_000),
            9 => match &mut self.side {
                Side::Connection(end) => {
                    {
                        // It fails once the end is disconnected.
                        let _ = end.send(0, Delivery::Reliable, b"no peer receives it");
                    }
                }
                Side::Acceptor(acceptor) => {
                    {
                        // It fails once the end is disconnected.
                        let _ = acceptor.send(0, Delivery::Reliable, b"no peer receives it");
                    }
                }
            },
            10..=20 => match &mut self.side {
                Side::Connection(end) => end.handle_timeout(self.now),
                Side::Acceptor(acceptor) => acceptor.handle_timeout(self.now),
            },
            21..=28 => {
                // An end sends at most as much as one flood asked for.
                for _ in 0..10_000 {
                    let bytes = match &mut self.side {
                        Side::Connection(end) => end.transmit(self.now),
                        Side::Acceptor(acceptor) => {
                            acceptor.transmit(self.now).map(|(_, bytes)| bytes)
                        }
                    };
                    let Some(bytes) = bytes else { return };
                    match &mut self.side {
                        Side::Connection(end) => end.transmitted(),
                        Side::Acceptor(acceptor) => acceptor.transmitted(),
                    }
                    flooded.answered_bytes += bytes.len() as u64;
                    self.observer.observe(&bytes);
                    self.sent = bytes;
                }
                panic!("the end sends for ever");
            }
            _ => {}
        }
    }

    fn take_events(&mut self, flooded: &mut Flooded) {
        loop {
            let event = match &mut self.side {
                Side::Connection(end) => end.poll_event(),
                Side::Acceptor(acceptor) => acceptor.poll_event(CHALLENGE).map(|(_, event)| event),
            };
            match event {
                Some(Event::Message(_)) => flooded.messages += 1,
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Makes some changes: bytes, bits, numbers, more bytes, fewer bytes.
fn change(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..random_below(rng, 4) {
        if bytes.is_empty() {
            return;
        }
        let at = random_below(rng, bytes.len());
        match random_below(rng, 6) {
            0 => bytes[at] = random_byte(rng),
            1 => bytes[at] ^= 1 << random_below(rng, 8),
            2 => {
                let number = [0_u32, 1, 2, 12, 0x7FFF_FFFF, u32::MAX][random_below(rng, 6)];
                for (place, byte) in bytes.iter_mut().skip(at & !3).zip(number.to_be_bytes()) {
                    *place = byte;
                }
            }
            3 => bytes.truncate(at),
            4 => {
                let more = random_byte(rng) & 63;
                bytes.extend(random_bytes(rng, more.into()));
            }
            // A small number, as in most fields.
            _ => bytes[at] = random_byte(rng) & 7,
        }
    }
}
