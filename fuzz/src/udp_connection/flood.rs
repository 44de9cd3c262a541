//! [`flood`]: random and changed datagrams, one after the other, into one end.

use super::endpoints::{Direct, Gate};
use super::forge::{Forgery, Seen};
use crate::datagram::repair;
use crate::input::Input;
use photon_proto::Timestamp;
use photon_proto::udp::command::kind;
use photon_proto::udp::datagram::decode;
use photon_proto::udp::{
    AcceptorConfig, Config, ConnectRequest, Connection, Delivery, Event, State,
};
use std::time::Duration;

const CHALLENGE: u32 = 0x672E_0433;
const PEER_ID: u16 = 0x0042;
/// So many datagrams, and another connection has its turn, whether this one has ended or not.
const DATAGRAMS_OF_ONE: u32 = 2_000;

/// Into what the datagrams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A client.
    Client,
    /// A server's end that was accepted.
    Server,
    /// An acceptor, from four addresses.
    Acceptor,
}

/// What became of a flood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flooded {
    /// Ends that it went into, one after the other.
    pub ends: u32,
    /// Those of them that it ended.
    pub ended: u32,
    /// Datagrams that were read: not dropped whole.
    pub read: u64,
    /// Messages that came out.
    pub messages: u64,
    /// Bytes that came out as datagrams.
    pub answered_bytes: u64,
}

/// Sends so many datagrams into ends of this role: random bytes, `samples` with changes, what the end itself has sent
/// with changes, and such as are [made up](super::Op::Forge). The same seed is the same flood.
///
/// What has to hold for single connections in [`udp_connection`](super::udp_connection()) has to hold here.
///
/// # Panics
/// If it does not.
pub fn flood(role: Role, seed: u64, datagrams: u32, samples: &[Vec<u8>]) -> Flooded {
    let mut flooded = Flooded::default();
    let mut dice = Dice(seed);
    let mut end = Victim::new(role, &mut dice);
    for number in 0..datagrams {
        if end.is_over() || end.taken >= DATAGRAMS_OF_ONE {
            end.count(&mut flooded);
            end = Victim::new(role, &mut dice);
        }
        let mut bytes = end.datagram(&mut dice, samples);
        // Most goodbyes are left out, or hardly any end would get far.
        while says_goodbye(&bytes) && dice.below(16) > 0 {
            bytes = end.datagram(&mut dice, samples);
        }
        end.takes(&bytes, &mut dice, &mut flooded);
        // Nobody asks for events all the time.
        if number % 64 < 40 {
            end.events(&mut flooded);
        }
    }
    end.count(&mut flooded);
    flooded
}

fn says_goodbye(bytes: &[u8]) -> bool {
    decode(bytes).is_ok_and(|datagram| {
        datagram
            .commands()
            .any(|command| command.kind == kind::DISCONNECT)
    })
}

/// Numbers without any pattern that the datagrams could follow: splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

enum Side {
    Single(Box<Direct>),
    Gate(Box<Gate>),
}

struct Victim {
    side: Side,
    seen: Seen,
    now: Timestamp,
    taken: u32,
    /// The last datagram that it sent.
    sent: Vec<u8>,
}

impl Victim {
    /// An end, in three of four cases connected to somebody who is not heard of again.
    fn new(role: Role, dice: &mut Dice) -> Self {
        let now = Timestamp::from_micros(dice.next() >> 20);
        let change = |it: &mut Config| {
            it.incoming_cap_bytes = 50_000;
            it.max_received_message_bytes = 20_000;
            it.max_violations = 300;
        };
        let (client_config, server_config) =
            (Config::client().with(change), Config::server().with(change));
        let mut client = Direct::new(
            Connection::connect(client_config.clone(), CHALLENGE, now),
            client_config,
            now,
        );
        let connect = client.transmit(now).expect("a connect");
        client.transmitted();
        let connected = dice.below(4) > 0;
        let mut seen = Seen::new(CHALLENGE);
        let mut sent = connect.clone();
        let side = match role {
            Role::Acceptor => {
                let config = AcceptorConfig::default().with(|it| {
                    it.connection = server_config;
                    (it.max_half_open, it.max_connections, it.half_open_timeout) =
                        (8, 3, Duration::from_millis(500));
                });
                let mut gate = Gate::new(config);
                gate.handle_datagram(now, 0, &connect);
                if connected {
                    while let Some((_, bytes)) = gate.transmit(now) {
                        gate.transmitted();
                        seen.sent(&bytes);
                        client.handle_datagram(now, &bytes);
                    }
                    while let Some(bytes) = client.transmit(now) {
                        client.transmitted();
                        gate.handle_datagram(now, 0, &bytes);
                    }
                    let first = gate.poll_event(CHALLENGE);
                    assert_eq!(first, Some((true, Event::Connected)));
                }
                Side::Gate(Box::new(gate))
            }
            Role::Client | Role::Server => {
                let request = ConnectRequest::decode(&connect).expect("a wish");
                let server =
                    Connection::accept(server_config.clone(), &request, PEER_ID, 5_000_000, now);
                let mut server = Direct::new(server, server_config, now);
                if connected {
                    while let Some(bytes) = server.transmit(now) {
                        server.transmitted();
                        client.handle_datagram(now, &bytes);
                        if role == Role::Server {
                            seen.sent(&bytes);
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
                Side::Single(Box::new(if role == Role::Client { client } else { server }))
            }
        };
        Self {
            side,
            seen,
            now,
            taken: 0,
            sent,
        }
    }

    fn is_over(&self) -> bool {
        match &self.side {
            Side::Single(end) => end.told.ended.is_some(),
            Side::Gate(gate) => gate.client.is_some() && gate.ended.is_some(),
        }
    }

    fn count(&self, flooded: &mut Flooded) {
        flooded.ends += 1;
        flooded.ended += u32::from(self.is_over());
        let dropped = match &self.side {
            Side::Single(end) => end.connection.stats().dropped_datagrams.total(),
            Side::Gate(gate) => gate.acceptor.stats().strangers,
        };
        flooded.read += u64::from(self.taken).saturating_sub(dropped);
    }

    /// Something for this end.
    fn datagram(&mut self, dice: &mut Dice, samples: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = match dice.below(8) {
            0 => {
                let length = dice.below(100);
                dice.bytes(length)
            }
            1..=3 if !samples.is_empty() => samples[dice.below(samples.len())].clone(),
            4 => self.sent.clone(),
            _ => {
                let choices = dice.bytes(40);
                let mut made = self
                    .seen
                    .make(&Forgery::read(&mut Input::new(&choices)), PEER_ID);
                if dice.below(8) == 0 {
                    change(&mut made, dice);
                }
                return made;
            }
        };
        if dice.below(16) > 0 {
            // For this connection, if it is anything at all.
            if let Some(challenge) = bytes.get_mut(8..12) {
                challenge.copy_from_slice(&CHALLENGE.to_be_bytes());
            }
            if let (true, Some(flags)) = (dice.below(4) > 0, bytes.get_mut(2)) {
                *flags = if *flags == 0xCC { 0xCC } else { 0 };
            }
        }
        change(&mut bytes, dice);
        if dice.below(8) > 0 {
            repair(&mut bytes);
        }
        bytes
    }

    fn takes(&mut self, bytes: &[u8], dice: &mut Dice, flooded: &mut Flooded) {
        self.taken += 1;
        match &mut self.side {
            Side::Single(end) => end.handle_datagram(self.now, bytes),
            Side::Gate(gate) => {
                gate.handle_datagram(self.now, [0, 0, 1, 2, 3][dice.below(5)], bytes)
            }
        }
        match dice.below(32) {
            0 => self.now = self.now.plus_micros(dice.next() % 3_000_000),
            1..=8 => self.now = self.now.plus_micros(dice.next() % 3_000),
            9 => match &mut self.side {
                Side::Single(end) => drop(end.send(0, Delivery::Reliable, b"for nobody")),
                Side::Gate(gate) => drop(gate.send(0, Delivery::Reliable, b"for nobody")),
            },
            10..=20 => match &mut self.side {
                Side::Single(end) => end.handle_timeout(self.now),
                Side::Gate(gate) => gate.handle_timeout(self.now),
            },
            21..=28 => {
                // At most what one flood has: nobody has more to say than he was asked.
                for _ in 0..10_000 {
                    let bytes = match &mut self.side {
                        Side::Single(end) => end.transmit(self.now),
                        Side::Gate(gate) => gate.transmit(self.now).map(|(_, bytes)| bytes),
                    };
                    let Some(bytes) = bytes else { return };
                    match &mut self.side {
                        Side::Single(end) => end.transmitted(),
                        Side::Gate(gate) => gate.transmitted(),
                    }
                    flooded.answered_bytes += bytes.len() as u64;
                    self.seen.sent(&bytes);
                    self.sent = bytes;
                }
                panic!("it does not stop");
            }
            _ => {}
        }
    }

    fn events(&mut self, flooded: &mut Flooded) {
        loop {
            let event = match &mut self.side {
                Side::Single(end) => end.poll_event(),
                Side::Gate(gate) => gate.poll_event(CHALLENGE).map(|(_, event)| event),
            };
            match event {
                Some(Event::Message(_)) => flooded.messages += 1,
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Some changes: bytes, bits, numbers, more, less.
fn change(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..dice.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.below(bytes.len());
        match dice.below(6) {
            0 => bytes[at] = dice.byte(),
            1 => bytes[at] ^= 1 << dice.below(8),
            2 => {
                let number = [0_u32, 1, 2, 12, 0x7FFF_FFFF, u32::MAX][dice.below(6)];
                for (place, byte) in bytes.iter_mut().skip(at & !3).zip(number.to_be_bytes()) {
                    *place = byte;
                }
            }
            3 => bytes.truncate(at),
            4 => {
                let more = dice.byte() & 63;
                bytes.extend(dice.bytes(more.into()));
            }
            // A small number, such as come next.
            _ => bytes[at] = dice.byte() & 7,
        }
    }
}
