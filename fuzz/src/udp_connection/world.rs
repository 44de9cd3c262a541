//! [`World`]: a client, a server, the network between them, and strangers.

use super::endpoints::{Direct, Gate};
use super::expectations::Expectations;
use super::forge::Seen;
use super::invariants::Snapshot;
use super::script::{End, Setup, Step};
use crate::datagram::repair;
use photon_proto::Timestamp;
use photon_proto::udp::{Cause, ConnectRequest, Connection, Delivery, Event, SendError, State};
use std::collections::VecDeque;

/// More datagrams on the way are lost.
const MAX_ON_THE_WAY: usize = 400;
/// More than it takes any two ends to bring a burst over.
const MAX_ROUNDS: usize = 20_000;
/// More than anybody has to say at once.
const MAX_AT_ONCE: usize = 200_000;
const CHALLENGE: u32 = 0x672E_0433;
/// The peer id that a single accepted connection is given.
const PEER_ID: u16 = 0x0042;
/// The address of the client, at an acceptor; strangers have others.
const CLIENT: u8 = 0;
/// Clocks beyond this stand still soon: nothing is to be expected of them.
const LATE: Timestamp = Timestamp::from_micros(u64::MAX / 2);

enum Server {
    /// None before a connect arrives.
    Direct(Option<Box<Direct>>),
    Gate(Box<Gate>),
}

pub(super) struct World {
    setup: Setup,
    now: Timestamp,
    client: Direct,
    server: Server,
    to_client: VecDeque<Vec<u8>>,
    to_server: VecDeque<Vec<u8>>,
    from_client: Expectations,
    from_server: Expectations,
    /// What somebody on the way has seen of the client, of the server's end for it, and of the acceptor's ends for
    /// strangers, by address.
    seen_client: Seen,
    seen_server: Seen,
    seen_strange: [Seen; 4],
    /// Whether somebody has forged a datagram of the connection: nothing is promised then but safety.
    pub(super) forged: bool,
    /// What keeping all parts of messages without order costs at the most. Where that is more than the incoming cap,
    /// the last parts of one may find no room for ever.
    /// Whether an end, client or server, was told to go.
    told_to_go: [bool; 2],
    pub(super) reached: Reached,
    told_aloud: bool,
}

/// What a script got to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Whether both ends were connected at any time.
    pub connected: bool,
    /// Whether a datagram was forged by somebody who knew the connection.
    pub forged: bool,
    /// Messages that arrived, whoever sent them.
    pub messages: usize,
    /// Whether everything that was sent arrived, and it was seen to.
    pub complete: bool,
    /// How many steps there were.
    pub steps: usize,
}

impl World {
    pub(super) fn new(setup: &Setup, told_aloud: bool) -> Self {
        let now = Timestamp::from_micros(setup.start_micros);
        let client = Connection::connect(setup.client.clone(), CHALLENGE, now);
        let server = match setup.acceptor {
            true => Server::Gate(Box::new(Gate::new(setup.server.clone()))),
            false => Server::Direct(None),
        };
        let mut world = Self {
            setup: setup.clone(),
            now,
            client: Direct::new(client, setup.client.clone(), now),
            server,
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            from_client: Expectations::default(),
            from_server: Expectations::default(),
            seen_client: Seen::new(CHALLENGE),
            seen_server: Seen::new(CHALLENGE),
            seen_strange: [0, 1, 2, 3].map(|address| Seen::new(1000 + address)),
            forged: false,
            told_to_go: [false; 2],
            reached: Reached::default(),
            told_aloud,
        };
        if setup.connected {
            world.turn();
        }
        world
    }

    pub(super) fn step(&mut self, step: &Step<'_>) {
        if self.told_aloud {
            println!("{:?} {step:?}", self.now);
        }
        self.reached.steps += 1;
        match *step {
            Step::Turn { ms } => {
                self.goes_on_to(self.now.plus_millis(ms));
                self.turn();
            }
            Step::Wait { micros } => self.goes_on_to(self.now.plus_micros(micros)),
            Step::Sleep(end) => {
                self.goes_on_to(self.poll_timeout(end).unwrap_or(self.now));
                self.handle_timeout(end, self.now);
            }
            Step::Back { end, ms } => {
                let micros = self.now.as_micros().saturating_sub(ms * 1000);
                self.handle_timeout(end, Timestamp::from_micros(micros));
            }
            Step::Timeout(end) => self.handle_timeout(end, self.now),
            Step::Send {
                end,
                channel,
                delivery,
                count,
                length,
            } => {
                // Bursts of long messages only take time.
                for _ in 0..usize::from(count).min(1 + 100_000 / (length + 1)) {
                    self.send(end, channel, delivery, length);
                }
            }
            Step::BreakOff(end) => self.break_off(end),
            Step::Pull { end, most } => {
                for _ in 0..most {
                    if !self.pull(end) {
                        break;
                    }
                }
            }
            Step::Peek(end) => drop(self.transmit(end)),
            Step::Transmitted(end) => self.transmitted(end),
            Step::Deliver { to, which, again } => {
                if let Some(bytes) = self.on_the_way(to, which, again) {
                    self.arrives(to, &bytes);
                }
            }
            Step::Lose { to, which } => drop(self.on_the_way(to, which, false)),
            Step::Corrupt { to, which, bit } => self.corrupt(to, which, bit),
            Step::Forge { to, ref craft } => {
                self.forged = true;
                let (seen, known) = match to {
                    End::Client => (&mut self.seen_client, 0),
                    End::Server => (&mut self.seen_server, PEER_ID),
                };
                let bytes = seen.make(craft, known);
                self.arrives(to, &bytes);
            }
            Step::Raw { to, known, bytes } => {
                let mut bytes = bytes.to_vec();
                if let (true, Some(challenge)) = (known, bytes.get_mut(8..12)) {
                    challenge.copy_from_slice(&CHALLENGE.to_be_bytes());
                    repair(&mut bytes);
                }
                if bytes.get(8..12) == Some(&CHALLENGE.to_be_bytes()) {
                    self.forged = true;
                    self.arrives(to, &bytes);
                } else {
                    self.strange(to, 1, &bytes);
                }
            }
            Step::Strange {
                to,
                address,
                ref craft,
            } => {
                let bytes = self.seen_strange[usize::from(address)].make(craft, 0x1234);
                self.strange(to, address, &bytes);
            }
            Step::Events { end, most } => {
                for _ in 0..most {
                    if !self.event(end) {
                        break;
                    }
                }
            }
            Step::Close(end) => {
                self.told_to_go[end as usize] = true;
                match (end, &mut self.server) {
                    (End::Client, _) => self.client.close(),
                    (End::Server, Server::Direct(Some(server))) => server.close(),
                    (End::Server, Server::Direct(None)) => {}
                    (End::Server, Server::Gate(gate)) => gate.close(),
                }
            }
            Step::Shutdown { end, ms, reason } => self.shutdown(end, ms, reason),
            Step::FetchTime => self.client.connection.fetch_server_time(),
            Step::Forget => {
                if let Server::Gate(gate) = &mut self.server {
                    self.told_to_go[End::Server as usize] = true;
                    gate.forget();
                }
            }
        }
        let both = |state| state == State::Connected;
        self.reached.connected |= both(self.client.connection.state())
            && self.server_end().is_some_and(|server| both(server.state()));
        self.reached.forged |= self.forged;
    }

    fn goes_on_to(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
    }

    /// The server's end for the client, once there is one.
    fn server_end(&self) -> Option<&Connection> {
        match &self.server {
            Server::Direct(server) => server.as_ref().map(|server| &server.connection),
            Server::Gate(gate) => gate.connection(),
        }
    }

    /// How many messages both ends have taken.
    fn taken(&self) -> u64 {
        let ends = [Some(&self.client.connection), self.server_end()]
            .into_iter()
            .flatten();
        ends.map(|end| end.stats().received_messages).sum()
    }

    fn poll_timeout(&self, end: End) -> Option<Timestamp> {
        match (end, &self.server) {
            (End::Client, _) => self.client.connection.poll_timeout(),
            (End::Server, Server::Direct(server)) => server
                .as_ref()
                .and_then(|server| server.connection.poll_timeout()),
            (End::Server, Server::Gate(gate)) => gate.acceptor.poll_timeout(),
        }
    }

    fn handle_timeout(&mut self, end: End, at: Timestamp) {
        match (end, &mut self.server) {
            (End::Client, _) => self.client.handle_timeout(at),
            (End::Server, Server::Direct(Some(server))) => server.handle_timeout(at),
            (End::Server, Server::Direct(None)) => {}
            (End::Server, Server::Gate(gate)) => gate.handle_timeout(at),
        }
    }

    fn send(&mut self, end: End, channel: u8, delivery: Delivery, length: usize) {
        let (ledger, peer) = match end {
            End::Client => (&mut self.from_client, &mut self.server),
            End::Server => (&mut self.from_server, &mut self.server),
        };
        let message = ledger.message(length);
        let state = match (end, &*peer) {
            (End::Client, _) => Some(self.client.connection.state()),
            (End::Server, Server::Direct(server)) => {
                server.as_ref().map(|server| server.connection.state())
            }
            (End::Server, Server::Gate(gate)) => gate.connection().map(Connection::state),
        };
        let sent = match (end, peer) {
            (End::Client, _) => self.client.send(channel, delivery, &message),
            (End::Server, Server::Direct(Some(server))) => server.send(channel, delivery, &message),
            (End::Server, Server::Direct(None)) => return,
            (End::Server, Server::Gate(gate)) => gate.send(channel, delivery, &message),
        };
        match sent {
            Ok(()) => {
                assert_eq!(state, Some(State::Connected));
                let limit = usize::from(self.setup.client.mtu) - 48;
                ledger.accepted(channel, delivery, length, limit);
            }
            Err(SendError::NotConnected) => assert_ne!(state, Some(State::Connected)),
            // A forged connect may have announced fewer channels.
            Err(SendError::Channel(refused)) => {
                assert!(
                    refused == channel && (channel >= self.setup.client.channels || self.forged)
                );
            }
            Err(SendError::TooLong { max_bytes }) => {
                assert!(max_bytes == self.setup.client.max_message_bytes && length > max_bytes);
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// A message that is begun and not ended leaves no trace.
    fn break_off(&mut self, end: End) {
        #[derive(Debug, PartialEq)]
        struct BrokenOff;
        impl From<SendError> for BrokenOff {
            fn from(_: SendError) -> Self {
                Self
            }
        }
        let write = |out: &mut Vec<u8>, start: usize| {
            assert_eq!(out.len(), start);
            out.extend_from_slice(&[0xAB; 2000]);
            Err(BrokenOff)
        };
        let before = (
            Snapshot::of(&self.client.connection),
            self.server_end().map(Snapshot::of),
        );
        let sent = match (end, &mut self.server) {
            (End::Client, _) => self
                .client
                .connection
                .send_with(0, Delivery::Reliable, write),
            (End::Server, Server::Direct(Some(server))) => {
                server.connection.send_with(0, Delivery::Reliable, write)
            }
            (End::Server, Server::Gate(gate)) => match gate.client {
                Some(key) => gate.acceptor.send_with(key, 0, Delivery::Reliable, write),
                None => return,
            },
            (End::Server, Server::Direct(None)) => return,
        };
        assert_eq!(sent, Err(BrokenOff));
        assert_eq!(
            (
                Snapshot::of(&self.client.connection),
                self.server_end().map(Snapshot::of)
            ),
            before
        );
    }

    fn shutdown(&mut self, end: End, ms: u64, reason: u8) {
        self.told_to_go[end as usize] = true;
        match (end, &mut self.server) {
            (End::Client, _) => self.client.shutdown(self.now, ms, reason),
            (End::Server, Server::Direct(Some(server))) => server.shutdown(self.now, ms, reason),
            (End::Server, Server::Direct(None)) => {}
            (End::Server, Server::Gate(gate)) => gate.shutdown(self.now, ms, reason),
        }
    }

    // The network.

    /// The next datagram of an end and the address that it goes to.
    fn transmit(&mut self, end: End) -> Option<(u8, Vec<u8>)> {
        match (end, &mut self.server) {
            (End::Client, _) => self.client.transmit(self.now).map(|bytes| (CLIENT, bytes)),
            (End::Server, Server::Direct(Some(server))) => {
                server.transmit(self.now).map(|bytes| (CLIENT, bytes))
            }
            (End::Server, Server::Direct(None)) => None,
            (End::Server, Server::Gate(gate)) => gate.transmit(self.now),
        }
    }

    fn transmitted(&mut self, end: End) {
        match (end, &mut self.server) {
            (End::Client, _) => self.client.transmitted(),
            (End::Server, Server::Direct(Some(server))) => server.transmitted(),
            (End::Server, Server::Direct(None)) => {}
            (End::Server, Server::Gate(gate)) => gate.transmitted(),
        }
    }

    /// A datagram of an end goes on its way; false if there is none.
    fn pull(&mut self, end: End) -> bool {
        let Some((address, bytes)) = self.transmit(end) else {
            return false;
        };
        self.transmitted(end);
        let seen = match end {
            End::Client => &mut self.seen_client,
            End::Server if bytes.get(8..12) == Some(&CHALLENGE.to_be_bytes()) => {
                &mut self.seen_server
            }
            End::Server => &mut self.seen_strange[usize::from(address)],
        };
        seen.sent(&bytes);
        if address != CLIENT {
            return true;
        }
        let way = match end {
            End::Client => &mut self.to_server,
            End::Server => &mut self.to_client,
        };
        if way.len() >= MAX_ON_THE_WAY {
            way.pop_front();
        }
        way.push_back(bytes);
        true
    }

    fn way(&mut self, to: End) -> &mut VecDeque<Vec<u8>> {
        match to {
            End::Client => &mut self.to_client,
            End::Server => &mut self.to_server,
        }
    }

    /// A datagram on the way, whichever.
    fn on_the_way(&mut self, to: End, which: u8, stays: bool) -> Option<Vec<u8>> {
        let way = self.way(to);
        let index = usize::from(which).checked_rem(way.len())?;
        if stays {
            way.get(index).cloned()
        } else {
            way.remove(index)
        }
    }

    fn corrupt(&mut self, to: End, which: u8, bit: u16) {
        let Some(mut bytes) = self.on_the_way(to, which, true) else {
            return;
        };
        let at = usize::from(bit) / 8 % bytes.len();
        // A check sum finds every changed bit; and who does not know the challenge has no business here.
        let harmless = bytes.get(2) == Some(&0xCC) || (8..12).contains(&at);
        bytes[at] ^= 1 << (bit % 8);
        if harmless {
            let before = (
                Snapshot::of(&self.client.connection),
                self.server_end().map(Snapshot::of),
            );
            self.arrives(to, &bytes);
            let after = (
                Snapshot::of(&self.client.connection),
                self.server_end().map(Snapshot::of),
            );
            assert_eq!(before, after, "a broken datagram changed something");
        } else {
            self.forged = true;
            self.arrives(to, &bytes);
        }
    }

    fn arrives(&mut self, to: End, bytes: &[u8]) {
        match (to, &mut self.server) {
            (End::Client, _) => self.client.handle_datagram(self.now, bytes),
            (End::Server, Server::Direct(Some(server))) => server.handle_datagram(self.now, bytes),
            (End::Server, Server::Direct(empty)) => {
                let request =
                    ConnectRequest::decode(bytes).filter(|request| request.challenge == CHALLENGE);
                if let Some(request) = request {
                    let config = self.setup.server.connection.clone();
                    let clock = self.setup.server_clock;
                    let server =
                        Connection::accept(config.clone(), &request, PEER_ID, clock, self.now);
                    *empty = Some(Box::new(Direct::new(server, config, self.now)));
                }
            }
            (End::Server, Server::Gate(gate)) => gate.handle_datagram(self.now, CLIENT, bytes),
        }
    }

    /// A datagram from somebody who does not know the challenge.
    fn strange(&mut self, to: End, address: u8, bytes: &[u8]) {
        let before = (
            Snapshot::of(&self.client.connection),
            self.server_end().map(Snapshot::of),
        );
        match (to, &mut self.server) {
            (End::Server, Server::Gate(gate)) => {
                let replaced = gate.acceptor.stats().replaced;
                gate.handle_datagram(self.now, address, bytes);
                // He has seen what was sent to the client's address, and answered in its place.
                if gate.acceptor.stats().replaced > replaced && address == CLIENT {
                    self.forged = true;
                    return;
                }
            }
            _ => self.arrives(to, bytes),
        }
        let after = (
            Snapshot::of(&self.client.connection),
            self.server_end().map(Snapshot::of),
        );
        assert_eq!(before, after, "a stranger changed something");
    }

    /// Both ends look at the time, and everything goes both ways until nobody has anything to say; all events are
    /// taken.
    fn turn(&mut self) {
        self.handle_timeout(End::Client, self.now);
        self.handle_timeout(End::Server, self.now);
        for _ in 0..MAX_AT_ONCE {
            for end in [End::Client, End::Server] {
                while self.pull(end) {
                    // As a wire with room: nothing is lost here.
                    if self.way(End::Client).len().max(self.way(End::Server).len())
                        > MAX_ON_THE_WAY / 2
                    {
                        break;
                    }
                }
            }
            if self.to_client.is_empty() && self.to_server.is_empty() {
                while self.event(End::Client) || self.event(End::Server) {}
                return;
            }
            for to in [End::Server, End::Client] {
                while let Some(bytes) = self.way(to).pop_front() {
                    self.arrives(to, &bytes);
                }
            }
            while self.event(End::Client) || self.event(End::Server) {}
        }
        panic!("they go on and on without the time going on");
    }

    // What is told.

    /// Takes an event; false if there is none.
    fn event(&mut self, end: End) -> bool {
        let (own, event) = match (end, &mut self.server) {
            (End::Client, _) => (true, self.client.poll_event()),
            (End::Server, Server::Direct(server)) => {
                (true, server.as_mut().and_then(|server| server.poll_event()))
            }
            (End::Server, Server::Gate(gate)) => match gate.poll_event(CHALLENGE) {
                Some((own, event)) => (own, Some(event)),
                None => (false, None),
            },
        };
        let Some(event) = event else { return false };
        if self.told_aloud {
            println!(
                "    {end:?}{}: {event:?}",
                if own { "" } else { " for a stranger" }
            );
        }
        if let Event::Message(message) = &event {
            self.reached.messages += 1;
            if own && !self.forged {
                match end {
                    End::Client => self.from_server.arrived(message),
                    End::Server => self.from_client.arrived(message),
                }
            }
        }
        if let (true, Event::Disconnected(cause)) = (own && !self.forged, &event) {
            self.plausible(end, *cause);
        }
        if let (true, Event::Message(message)) = (own, event) {
            match (end, &mut self.server) {
                (End::Client, _) => self.client.connection.recycle(message.bytes),
                (End::Server, Server::Direct(Some(server))) => {
                    server.connection.recycle(message.bytes)
                }
                (End::Server, Server::Gate(gate)) => {
                    if let Some(key) = gate.client {
                        gate.acceptor.recycle(key, message.bytes);
                    }
                }
                (End::Server, Server::Direct(None)) => {}
            }
        }
        true
    }

    /// Whether honest ends can have ended so.
    fn plausible(&self, end: End, cause: Cause) {
        let [client_went, server_went] = self.told_to_go;
        let fits = match cause {
            Cause::LocalClose => self.told_to_go[end as usize],
            Cause::Timeout | Cause::ConnectTimeout => true,
            // A server that gave up says so.
            Cause::ServerTimeout => end == End::Client,
            Cause::ServerLogic | Cause::ServerUserLimit | Cause::ServerUnknown(_) => {
                end == End::Client && server_went
            }
            Cause::ClientLeft(2) => end == End::Server,
            // Also a client that was told to go by the server says goodbye.
            Cause::ClientLeft(_) => end == End::Server && (client_went || server_went),
            _ => false,
        };
        assert!(fits, "{end:?} ended: {cause:?}");
    }

    /// The network is mended, and everybody has time. What was sent arrives, if nobody gave up or was told to go.
    pub(super) fn finish(&mut self) {
        let both = |world: &Self| {
            world.client.connection.state() == State::Connected
                && world
                    .server_end()
                    .is_some_and(|server| server.state() == State::Connected)
        };
        if self.now >= LATE {
            return self.turn();
        }
        let begun = self.client.connection.state() == State::Connected
            && !self.told_to_go[End::Server as usize];
        let leaves = self.setup.shut_down && begun && !self.told_to_go[End::Client as usize];
        if leaves {
            self.shutdown(End::Client, u64::MAX, 4);
        }
        let (mut taken, mut taken_at) = (self.taken(), self.now);
        for _ in 0..MAX_ROUNDS {
            self.turn();
            if taken != self.taken() {
                (taken, taken_at) = (self.taken(), self.now);
            }
            let drained = |connection: &Connection| {
                connection.in_flight() == 0 && connection.queued_bytes() == 0
            };
            let over = self.client.connection.state() == State::Disconnected
                || self
                    .server_end()
                    .is_some_and(|server| server.state() == State::Disconnected);
            if over
                || both(self)
                    && drained(&self.client.connection)
                    && self.server_end().is_some_and(drained)
            {
                break;
            }
            let deadlines = [
                self.poll_timeout(End::Client),
                self.poll_timeout(End::Server),
            ];
            let Some(next) = deadlines.into_iter().flatten().min() else {
                break;
            };
            if next >= LATE {
                break;
            }
            self.goes_on_to(next);
        }
        if self.forged {
            return;
        }
        if both(self) && self.now < LATE {
            let left = [Some(&self.client.connection), self.server_end()]
                .map(|one| one.map_or(0, Connection::queued_bytes));
            // Whoever has next to no room takes a message each time that all are sent again, and the time between doubles:
            // that is slow. But it does not suddenly take eight times as long as everything before.
            let before_ms = taken_at.millis_since(Timestamp::from_micros(self.setup.start_micros));
            if left != [0, 0] && self.now.millis_since(taken_at) <= 8 * before_ms.max(1000) {
                return;
            }
            assert_eq!(left, [0, 0], "stuck");
            self.from_client.complete();
            self.from_server.complete();
            self.reached.complete = self.from_client.sent() + self.from_server.sent() > 0;
        }
        // Who shuts down and is not cut off loses nothing.
        if leaves && self.client.told.ended == Some(Cause::LocalClose) {
            self.from_client.complete();
            self.reached.complete = self.from_client.sent() > 0;
        }
    }
}
