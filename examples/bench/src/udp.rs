//! Delivers reliable messages of 100 bytes over UDP with our library and with `rusty_enet`: over
//! the same simulated network, with the same clock and the same number of messages in flight.

use crate::measure::{Case, counted};
use photon_proto::Timestamp;
use photon_proto::udp::{Config, ConnectRequest, Connection, Delivery, Event};
use rusty_enet as enet;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The content of a message.
const MESSAGE: [u8; 100] = [0x5A; 100];
/// The most messages that are sent but not delivered.
const MAX_IN_FLIGHT: u64 = 50;
/// How many messages one operation delivers.
const MESSAGES: u64 = 50;
/// The time between two steps, and the delay of a datagram.
const STEP_MS: u64 = 5;
/// The longest datagram of both libraries.
const MTU: u16 = 1200;
/// An operation that takes more steps has failed.
const MAX_STEPS: u32 = 100_000;

/// How often and how long `rusty_enet` repeats a datagram: longer than any loss lasts.
const TRIES: u32 = 1_000;
const MAX_WAIT_MS: u32 = 3_600_000;

/// The library that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    Ours,
    Enet,
}

/// The rows of both libraries.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for loss in [0, 5, 20] {
        let name = format!("udp, delivered 100-byte reliable message, {loss} % loss");
        let enet = format!("{name}, rusty_enet");
        cases.push(Case::new(name, move || operation(Ours::new(loss))));
        cases.push(Case::new(enet, move || operation(Enet::new(loss))));
    }
    let per_message = |case: Case| case.items(MESSAGES).repetitions(200, 1_000);
    cases.into_iter().map(per_message).collect()
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
trait Pair {
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
struct Direction {
    sending: VecDeque<Vec<u8>>,
    arriving: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    random: u64,
    loss_percent: u32,
}

impl Direction {
    fn new(seed: u64, loss_percent: u32) -> Self {
        let (sending, arriving) = (VecDeque::new(), VecDeque::new());
        Self {
            sending,
            arriving,
            spare: Vec::new(),
            random: seed,
            loss_percent,
        }
    }

    fn send(&mut self, datagram: &[u8]) {
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

    fn receive(&mut self) -> Option<Vec<u8>> {
        self.arriving.pop_front()
    }

    fn recycle(&mut self, buffer: Vec<u8>) {
        self.spare.push(buffer);
    }

    fn step(&mut self) {
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

/// The socket of one end for `rusty_enet`.
struct SimulatedSocket {
    from: Rc<RefCell<Direction>>,
    to: Rc<RefCell<Direction>>,
}

impl enet::Socket for SimulatedSocket {
    type Address = ();
    type Error = Infallible;

    fn send(&mut self, (): (), datagram: &[u8]) -> Result<usize, Infallible> {
        self.to.borrow_mut().send(datagram);
        Ok(datagram.len())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; enet::MTU_MAX],
    ) -> Result<Option<((), enet::PacketReceived)>, Infallible> {
        let mut from = self.from.borrow_mut();
        let Some(datagram) = from.receive() else {
            return Ok(None);
        };
        buffer[..datagram.len()].copy_from_slice(&datagram);
        let received = enet::PacketReceived::Complete(datagram.len());
        from.recycle(datagram);
        Ok(Some(((), received)))
    }
}

struct Enet {
    now: Rc<Cell<u64>>,
    client: enet::Host<SimulatedSocket>,
    server: enet::Host<SimulatedSocket>,
    peer: enet::PeerID,
    to_server: Rc<RefCell<Direction>>,
    to_client: Rc<RefCell<Direction>>,
    disconnected: bool,
}

fn host<S: enet::Socket>(socket: S, time: Box<dyn Fn() -> Duration>) -> enet::Host<S> {
    let settings = enet::HostSettings {
        peer_limit: 1,
        channel_limit: 2,
        time,
        seed: Some(1),
        ..Default::default()
    };
    let Ok(mut host) = enet::Host::new(socket, settings) else {
        panic!("no host")
    };
    host.set_mtu(MTU).expect("an MTU");
    host
}

/// Drives one end. Returns the number of delivered messages, the connected peer, and whether a peer
/// disconnected.
fn serve_enet<S: enet::Socket>(host: &mut enet::Host<S>) -> (u64, Option<enet::PeerID>, bool) {
    let (mut messages, mut connected, mut disconnected) = (0, None, false);
    let Ok(mut event) = host.service() else {
        panic!("no service")
    };
    while let Some(what) = event {
        match what {
            enet::Event::Connect { peer, .. } => connected = Some(peer.id()),
            enet::Event::Disconnect { .. } => disconnected = true,
            enet::Event::Receive { packet, .. } => {
                assert_eq!(black_box(packet.data()).len(), MESSAGE.len());
                messages += 1;
            }
        }
        event = host.check_events();
    }
    (messages, connected, disconnected)
}

impl Enet {
    fn new(loss_percent: u32) -> Self {
        let now = Rc::new(Cell::new(1));
        let direction = |seed| Rc::new(RefCell::new(Direction::new(seed, loss_percent)));
        let (to_server, to_client) = (direction(1), direction(2));
        let clock = || {
            let now = Rc::clone(&now);
            Box::new(move || Duration::from_millis(now.get()))
        };
        let socket = |from: &Rc<RefCell<Direction>>, to: &Rc<RefCell<Direction>>| SimulatedSocket {
            from: Rc::clone(from),
            to: Rc::clone(to),
        };
        let mut client = host(socket(&to_client, &to_server), clock());
        let server = host(socket(&to_server, &to_client), clock());
        let peer = client.connect((), 2, 0).expect("a free peer").id();
        let mut new = Self {
            now,
            client,
            server,
            peer,
            to_server,
            to_client,
            disconnected: false,
        };
        let mut connected = 0;
        for _ in 0..MAX_STEPS {
            new.advance();
            connected += u32::from(serve_enet(&mut new.client).1.is_some());
            connected += u32::from(serve_enet(&mut new.server).1.is_some());
            if connected == 2 {
                // By default it drops a peer that it loses five datagrams of in a row.
                new.client
                    .peer_mut(new.peer)
                    .set_timeout(TRIES, MAX_WAIT_MS, MAX_WAIT_MS);
                return new;
            }
        }
        panic!("not connected");
    }

    fn advance(&mut self) {
        self.now.set(self.now.get() + STEP_MS);
        self.to_server.borrow_mut().step();
        self.to_client.borrow_mut().step();
    }
}

impl Pair for Enet {
    fn send(&mut self) {
        let packet = enet::Packet::reliable(&black_box(&MESSAGE)[..]);
        self.client
            .peer_mut(self.peer)
            .send(0, &packet)
            .expect("connected");
    }

    fn step(&mut self) -> u64 {
        self.advance();
        self.disconnected |= serve_enet(&mut self.client).2;
        serve_enet(&mut self.server).0
    }

    fn drain(&mut self) {
        // It disconnects when everything is acknowledged, and offers no other way to find that out.
        self.client.peer_mut(self.peer).disconnect_later(0);
        for _ in 0..MAX_STEPS {
            if self.disconnected {
                return;
            }
            self.step();
        }
        panic!("not everything was acknowledged");
    }
}

/// Measures the microseconds per message over two sockets of this machine, in one thread. The
/// result depends on the system and its load.
pub fn over_loopback(library: Library, messages: u64) -> f64 {
    let sockets = [(); 2].map(|()| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        socket
    });
    let addresses = sockets
        .each_ref()
        .map(|socket| socket.local_addr().expect("an address"));
    match library {
        Library::Ours => timed(OursOverSockets::new(sockets, addresses), messages),
        Library::Enet => timed(EnetOverSockets::new(sockets, addresses), messages),
    }
}

fn timed(pair: impl Pair, messages: u64) -> f64 {
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

struct EnetOverSockets {
    client: enet::Host<UdpSocket>,
    server: enet::Host<UdpSocket>,
    peer: enet::PeerID,
    disconnected: bool,
}

impl EnetOverSockets {
    fn new([one, two]: [UdpSocket; 2], [_, to_two]: [SocketAddr; 2]) -> Self {
        let begun = Instant::now();
        let clock = || Box::new(move || begun.elapsed());
        let (mut client, mut server) = (host(one, clock()), host(two, clock()));
        let peer = client.connect(to_two, 2, 0).expect("a free peer").id();
        let mut connected = 0;
        while connected < 2 {
            connected += u32::from(serve_enet(&mut client).1.is_some());
            connected += u32::from(serve_enet(&mut server).1.is_some());
        }
        Self {
            client,
            server,
            peer,
            disconnected: false,
        }
    }
}

impl Pair for EnetOverSockets {
    fn send(&mut self) {
        self.client
            .peer_mut(self.peer)
            .send(0, &enet::Packet::reliable(&MESSAGE[..]))
            .expect("connected");
    }

    fn step(&mut self) -> u64 {
        self.disconnected |= serve_enet(&mut self.client).2;
        serve_enet(&mut self.server).0
    }

    fn drain(&mut self) {
        self.client.peer_mut(self.peer).disconnect_later(0);
        while !self.disconnected {
            self.step();
        }
    }
}
