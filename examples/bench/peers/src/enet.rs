//! Reliable UDP with `rusty_enet`, a translation of ENet: over the network of
//! [`photon_bench::udp`], with its clock and as many messages in flight.

use photon_bench::measure::Case;
use photon_bench::udp::{
    self, Direction, LOSSES, MAX_STEPS, MESSAGE, MTU, Pair, STEP_MS, sockets, timed,
};
use rusty_enet as enet;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often and how long it repeats a datagram: longer than any loss lasts.
const TRIES: u32 = 1_000;
const MAX_WAIT_MS: u32 = 3_600_000;

pub(crate) fn cases() -> Vec<Case> {
    LOSSES
        .map(|loss| udp::case(loss, ", rusty_enet", move || Enet::new(loss)))
        .into()
}

/// The microseconds per message over sockets of this machine.
pub(crate) fn over_loopback(messages: u64) -> f64 {
    let (sockets, addresses) = sockets();
    timed(EnetOverSockets::new(sockets, addresses), messages)
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
