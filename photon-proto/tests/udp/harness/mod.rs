//! The harness of the UDP tests: settings, virtual time, a connection with a log, seeded numbers.
//!
//! [`Harness`] is one connection whose peer the test writes by hand. [`NetworkHarness`] is a client
//! and a server over the simulated network. Nothing here sleeps or reads a clock.

mod network;
mod single;

use crate::wire::{self, Cmd, Datagram, RELIABLE};
use core::time::Duration;
use photon_proto::Timestamp;
use photon_proto::udp::{
    Cause, Config, ConnectRequest, Connection, Delivery, Event, Message, State,
};

pub(crate) use network::{DELAY, NetworkHarness, Packet, Server, Side, server_datagram};
pub(crate) use single::{Harness, both, both_with};

/// Virtual time 0 is not the epoch of the timestamps: no absolute time may leak into a datagram.
const EPOCH_MS: u64 = 86_400_000;
pub(crate) const CHALLENGE: u32 = 0x672E_0433;
pub(crate) const PEER_ID: u16 = 0x0042;
/// The peer's clock at virtual time 0.
pub(crate) const PEER_CLOCK: u32 = 5_000_000;
/// The init message of the recordings, and its answer. Spec: udp.md 3.2.
pub(crate) const INIT: &str =
    "f30001081e41080c005465737441707049640000000000000000000000000000000000000000000000";
pub(crate) const INIT_RESPONSE: [u8; 3] = [0xF3, 1, 0];

pub(crate) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(EPOCH_MS + ms)
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a time of a test")
}

/// Round-trip times as numbers of milliseconds, to calculate with.
pub(crate) trait RoundTripMs {
    fn round_trip_ms(&self) -> u64;
    fn round_trip_variance_ms(&self) -> u64;
}

impl RoundTripMs for Connection {
    fn round_trip_ms(&self) -> u64 {
        millis(self.round_trip())
    }

    fn round_trip_variance_ms(&self) -> u64 {
        millis(self.round_trip_variance())
    }
}

/// The millisecond at which a deadline has passed.
pub(crate) fn ms_of(deadline: Timestamp) -> u64 {
    deadline.as_micros().div_ceil(1000).saturating_sub(EPOCH_MS)
}

pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::client();
    change(&mut config);
    config
}

/// A server's settings without pings, so that a test sees only the datagrams that it causes.
pub(crate) fn server_config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::server();
    config.ping_interval = ms(0);
    change(&mut config);
    config
}

pub(crate) fn request(connect_datagram: &[u8]) -> ConnectRequest {
    ConnectRequest::decode(connect_datagram).expect("a connect datagram")
}

/// Something that a connection sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Sent {
    #[track_caller]
    pub(crate) fn read(&self) -> Datagram {
        wire::read(&self.bytes)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Connected,
    Message {
        channel: u8,
        delivery: Delivery,
        bytes: Vec<u8>,
    },
    Ended(Cause),
}

/// A connection and everything that came out of it.
pub(crate) struct Endpoint {
    pub(crate) conn: Connection,
    pub(crate) sent: Vec<Sent>,
    pub(crate) log: Vec<(u64, What)>,
    /// Whether events are taken at once.
    pub(crate) taking: bool,
    /// Whether it behaves as the message layer of a client: init, then a fetch of the server's
    /// time. Spec: udp.md 10.
    pub(crate) init: bool,
    /// Whether `sent` keeps the sent datagrams.
    pub(crate) keep_sent: bool,
    /// How many of `sent` the network has.
    pub(crate) passed_on: usize,
    passed: PassedTime,
}

impl Endpoint {
    pub(crate) fn new(conn: Connection) -> Self {
        Self {
            conn,
            sent: Vec::new(),
            log: Vec::new(),
            taking: true,
            init: false,
            keep_sent: true,
            passed_on: 0,
            passed: PassedTime::default(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.conn.poll_timeout().map(ms_of)
    }

    /// Drives the connection as a driver does: due timers, datagrams, events. Checks the contract
    /// on the way.
    #[track_caller]
    pub(crate) fn poll(&mut self, now: u64) {
        for round in 0.. {
            assert!(round < 100, "busy at {now}");
            if self
                .conn
                .poll_timeout()
                .is_some_and(|deadline| deadline <= at(now))
            {
                self.conn.handle_timeout(self.passed.at(now));
                let next = self.conn.poll_timeout();
                assert!(
                    next.is_none_or(|next| next > at(now)),
                    "{next:?} at {now}, right after handle_timeout"
                );
            }
            let mut idle = true;
            while self.taking {
                let Some(event) = self.conn.poll_event() else {
                    break;
                };
                self.take(now, event);
                idle = false;
            }
            while let Some(bytes) = self.conn.transmit(self.passed.at(now)) {
                self.sent.push(Sent {
                    at: now,
                    bytes: bytes.to_vec(),
                });
                self.conn.transmitted();
                idle = false;
                assert!(
                    self.sent
                        .iter()
                        .rev()
                        .take_while(|sent| sent.at == now)
                        .count()
                        < 5000,
                    "a flood at {now}"
                );
            }
            if idle {
                break;
            }
        }
        assert!(
            self.conn.poll_timeout().is_none_or(|next| next > at(now)),
            "a busy driver at {now}"
        );
    }

    #[track_caller]
    fn take(&mut self, now: u64, event: Event) {
        assert!(
            !matches!(self.log.last(), Some((_, What::Ended(_)))),
            "{event:?} after the end"
        );
        let what = match event {
            Event::Connected => {
                if self.init {
                    self.conn
                        .send(0, Delivery::Reliable, &wire::unhex(INIT))
                        .unwrap();
                }
                What::Connected
            }
            Event::Message(Message {
                channel,
                delivery,
                bytes,
                ..
            }) => {
                if self.init && bytes == INIT_RESPONSE {
                    self.conn.fetch_server_time();
                }
                What::Message {
                    channel,
                    delivery,
                    bytes,
                }
            }
            Event::Disconnected(cause) => {
                assert_eq!(self.conn.state(), State::Disconnected);
                What::Ended(cause)
            }
        };
        self.log.push((now, what));
    }

    /// The messages taken since the last call.
    pub(crate) fn messages(&mut self) -> Vec<(u8, Delivery, Vec<u8>)> {
        let mut messages = Vec::new();
        self.log.retain(|(_, what)| match what {
            What::Message {
                channel,
                delivery,
                bytes,
            } => {
                messages.push((*channel, *delivery, bytes.clone()));
                false
            }
            _ => true,
        });
        messages
    }

    /// How and when it ended.
    pub(crate) fn end(&self) -> Option<(u64, Cause)> {
        match self.log.last() {
            Some((at, What::Ended(cause))) => Some((*at, *cause)),
            _ => None,
        }
    }

    pub(crate) fn connected_at(&self) -> Option<u64> {
        self.log
            .iter()
            .find(|(_, what)| *what == What::Connected)
            .map(|(at, _)| *at)
    }

    /// Every command sent, with the time.
    pub(crate) fn commands(&self) -> Vec<(u64, Cmd)> {
        let all = self
            .sent
            .iter()
            .flat_map(|sent| sent.read().commands.into_iter().map(|cmd| (sent.at, cmd)));
        all.collect()
    }

    /// When commands of a type were sent.
    pub(crate) fn times_of_kind(&self, kind: u8) -> Vec<u64> {
        self.commands()
            .iter()
            .filter(|(_, cmd)| cmd.kind == kind)
            .map(|(at, _)| *at)
            .collect()
    }

    /// When the reliable data command with this number was sent.
    pub(crate) fn times_of(&self, channel: u8, rseq: u32) -> Vec<u64> {
        let of = |cmd: &Cmd| cmd.kind == RELIABLE && cmd.channel == channel && cmd.rseq == rseq;
        self.commands()
            .iter()
            .filter(|(_, cmd)| of(cmd))
            .map(|(at, _)| *at)
            .collect()
    }
}

/// The times that are passed to a connection: each new one once, and then times before it, which
/// count as the latest.
#[derive(Default)]
struct PassedTime {
    latest: Option<u64>,
    repeats: u64,
}

impl PassedTime {
    fn at(&mut self, now: u64) -> Timestamp {
        if self.latest.is_none_or(|latest| now > latest) {
            self.latest = Some(now);
            return at(now);
        }
        self.repeats += 1;
        let back_ms = match self.repeats % 3 {
            0 => 0,
            1 => 1,
            _ => self.repeats % EPOCH_MS,
        };
        Timestamp::from_millis(at(now).as_millis().saturating_sub(back_ms))
    }
}

/// A small generator with a seed: SplitMix64.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// From 0 to `limit` - 1.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
