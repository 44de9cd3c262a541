//! Delivers reliable messages of 100 bytes over UDP: over a simulated network, with a virtual clock
//! and a number of messages in flight. `peers/` does the same with another library.

use crate::measure::{Case, counted};
use photon_proto::Timestamp;
use photon_proto::udp::{Config, ConnectRequest, Connection, Delivery, Event};
use std::collections::VecDeque;
use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The content of a message.
pub const MESSAGE: [u8; 100] = [0x5A; 100];
/// The most messages that are sent but not delivered.
const MAX_IN_FLIGHT: u64 = 50;
/// How many messages one operation delivers.
const MESSAGES: u64 = 50;
/// The time between two steps, and the delay of a datagram.
pub const STEP_MS: u64 = 5;
/// The longest datagram of both libraries.
pub const MTU: u16 = 1200;
/// An operation that takes more steps has failed.
pub const MAX_STEPS: u32 = 100_000;

/// The losses of the rows, in percent.
pub const LOSSES: [u32; 3] = [0, 5, 20];

/// The rows.
#[must_use]
pub fn cases() -> Vec<Case> {
    LOSSES
        .map(|loss| case(loss, "", move || Ours::new(loss)))
        .into()
}

/// The row of a library: the instructions are those of a message.
pub fn case<P: Pair + 'static>(
    loss_percent: u32,
    library: &str,
    pair: impl Fn() -> P + 'static,
) -> Case {
    let name = format!("udp, delivered 100-byte reliable message, {loss_percent} % loss{library}");
    Case::new(name, move || operation(pair()))
        .items(MESSAGES)
        .repetitions(200, 1_000)
}

/// An operation that delivers [`MESSAGES`] messages on one connection.
fn operation(pair: impl Pair + 'static) -> Box<dyn FnMut()> {
    let mut flow = Flow {
        pair,
        sent: 0,
        delivered: 0,
        target: 0,
    };
    Box::new(move || counted(|| flow.deliver(MESSAGES)))
}

/// Both ends of a connection.
pub trait Pair {
    /// Sends one message.
    fn send(&mut self);
    /// Advances the time and drives both ends. Returns how many messages were delivered.
    fn step(&mut self) -> u64;
    /// Steps until every sent message is acknowledged.
    fn drain(&mut self);
}

struct Flow<P: Pair> {
    pair: P,
    sent: u64,
    delivered: u64,
    target: u64,
}

impl<P: Pair> Flow<P> {
    fn deliver(&mut self, messages: u64) {
        self.target += messages;
        for _ in 0..MAX_STEPS {
            if self.delivered >= self.target {
                return;
            }
            while self.sent - self.delivered < MAX_IN_FLIGHT {
                self.pair.send();
                self.sent += 1;
            }
            self.delivered += self.pair.step();
        }
        panic!(
            "{} of {} messages were delivered",
            self.delivered, self.target
        );
    }
}

impl<P: Pair> Drop for Flow<P> {
    fn drop(&mut self) {
        self.pair.drain();
    }
}

/// One direction of the network. A datagram arrives in the step after the one in which it was sent,
/// or is lost. The seed and the number of earlier datagrams decide, so both libraries lose the same
/// ones.
pub struct Direction {
    sending: VecDeque<Vec<u8>>,
    arriving: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    random: u64,
    loss_percent: u32,
}

impl Direction {
    /// A direction without datagrams.
    #[must_use]
    pub fn new(seed: u64, loss_percent: u32) -> Self {
        let (sending, arriving) = (VecDeque::new(), VecDeque::new());
        Self {
            sending,
            arriving,
            spare: Vec::new(),
            random: seed,
            loss_percent,
        }
    }

    /// Sends a datagram, or loses it.
    pub fn send(&mut self, datagram: &[u8]) {
        // A linear congruential generator, because its cost is part of the result. Its upper bits
        // are good enough.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if (self.random >> 33) % 100 < u64::from(self.loss_percent) {
            return;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(datagram);
        self.sending.push_back(buffer);
    }

    /// Takes the next datagram that has arrived.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        self.arriving.pop_front()
    }

    /// Takes the buffer of a datagram back.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.spare.push(buffer);
    }

    /// Lets what was sent arrive.
    pub fn step(&mut self) {
        self.arriving.append(&mut self.sending);
    }
}

struct Ours {
    now: Timestamp,
    client: Connection,
    server: Connection,
    to_server: Direction,
    to_client: Direction,
}

fn config() -> Config {
    Config::client().with(|it| it.mtu = MTU)
}

impl Ours {
    fn new(loss_percent: u32) -> Self {
        let now = Timestamp::from_millis(1);
        let mut client = Connection::connect(config(), 1, now);
        let request = client
            .transmit(now)
            .and_then(ConnectRequest::decode)
            .expect("a connect request");
        client.transmitted();
        let server = Connection::accept(config(), &request, 7, 0, now);
        let (to_server, to_client) = (
            Direction::new(1, loss_percent),
            Direction::new(2, loss_percent),
        );
        let mut new = Self {
            now,
            client,
            server,
            to_server,
            to_client,
        };
        let mut connected = 0;
        for _ in 0..MAX_STEPS {
            new.exchange();
            for end in [&mut new.client, &mut new.server] {
                connected += u32::from(end.poll_event() == Some(Event::Connected));
            }
            if connected == 2 {
                return new;
            }
        }
        panic!("not connected");
    }

    fn exchange(&mut self) {
        self.now = self.now.plus_millis(STEP_MS);
        self.to_server.step();
        self.to_client.step();
        serve(
            &mut self.client,
            self.now,
            &mut self.to_client,
            &mut self.to_server,
        );
        serve(
            &mut self.server,
            self.now,
            &mut self.to_server,
            &mut self.to_client,
        );
    }
}

/// Drives one end as a driver does: input, timeout, output.
fn serve(end: &mut Connection, now: Timestamp, from: &mut Direction, to: &mut Direction) {
    while let Some(datagram) = from.receive() {
        end.handle_datagram(now, &datagram);
        from.recycle(datagram);
    }
    if end.poll_timeout().is_some_and(|due| due <= now) {
        end.handle_timeout(now);
    }
    while let Some(datagram) = end.transmit(now) {
        to.send(datagram);
        end.transmitted();
    }
}

/// Takes and counts the delivered messages.
fn take(end: &mut Connection) -> u64 {
    let mut taken = 0;
    while let Some(event) = end.poll_event() {
        let Event::Message(message) = event else {
            panic!("{event:?}")
        };
        assert_eq!(black_box(&message.bytes).len(), MESSAGE.len());
        end.recycle(message.bytes);
        taken += 1;
    }
    taken
}

impl Pair for Ours {
    fn send(&mut self) {
        self.client
            .send(0, Delivery::Reliable, black_box(&MESSAGE))
            .expect("connected");
    }

    fn step(&mut self) -> u64 {
        self.exchange();
        take(&mut self.server)
    }

    fn drain(&mut self) {
        for _ in 0..MAX_STEPS {
            if self.client.in_flight() == 0 && self.client.queued_bytes() == 0 {
                return;
            }
            self.step();
        }
        panic!("not everything was acknowledged");
    }
}

/// Measures the microseconds per message over two sockets of this machine, in one thread. The
/// result depends on the system and its load.
///
/// # Panics
/// If there are no sockets.
#[must_use]
pub fn over_loopback(messages: u64) -> f64 {
    let (sockets, addresses) = sockets();
    timed(OursOverSockets::new(sockets, addresses), messages)
}

/// Two sockets of this machine.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn sockets() -> ([UdpSocket; 2], [SocketAddr; 2]) {
    let sockets = [(); 2].map(|()| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        socket
    });
    let addresses = sockets
        .each_ref()
        .map(|socket| socket.local_addr().expect("an address"));
    (sockets, addresses)
}

/// The microseconds per message of a pair over sockets.
pub fn timed(pair: impl Pair, messages: u64) -> f64 {
    let mut flow = Flow {
        pair,
        sent: 0,
        delivered: 0,
        target: 0,
    };
    flow.deliver(messages / 10);
    let begun = Instant::now();
    flow.deliver(messages);
    let took = begun.elapsed();
    took.as_secs_f64() * 1e6 / messages as f64
}

struct OursOverSockets {
    begun: Instant,
    ends: [(Connection, UdpSocket, SocketAddr); 2],
    buffer: Vec<u8>,
}

impl OursOverSockets {
    fn new([one, two]: [UdpSocket; 2], [to_one, to_two]: [SocketAddr; 2]) -> Self {
        let mut pair = Ours::new(0);
        // The connect used the virtual clock, so the real clock continues from its time.
        pair.drain();
        let Ours {
            client,
            server,
            now,
            ..
        } = pair;
        let begun = Instant::now() - Duration::from_millis(now.as_millis());
        Self {
            begun,
            ends: [(client, one, to_two), (server, two, to_one)],
            buffer: vec![0; 2048],
        }
    }
}

impl Pair for OursOverSockets {
    fn send(&mut self) {
        self.ends[0]
            .0
            .send(0, Delivery::Reliable, &MESSAGE)
            .expect("connected");
    }

    fn step(&mut self) -> u64 {
        for (end, socket, peer) in &mut self.ends {
            let elapsed = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            let now = Timestamp::from_micros(elapsed);
            while let Ok((length, _)) = socket.recv_from(&mut self.buffer) {
                end.handle_datagram(now, &self.buffer[..length]);
            }
            if end.poll_timeout().is_some_and(|due| due <= now) {
                end.handle_timeout(now);
            }
            while let Some(datagram) = end.transmit(now) {
                if socket.send_to(datagram, *peer).is_err() {
                    break;
                }
                end.transmitted();
            }
        }
        take(&mut self.ends[1].0)
    }

    fn drain(&mut self) {
        while self.ends[0].0.in_flight() > 0 {
            self.step();
        }
    }
}
