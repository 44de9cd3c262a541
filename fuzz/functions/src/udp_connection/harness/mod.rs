//! [`Harness`]: a client, a server, the network between them, and attackers.

mod attacks;
mod calls;
mod finish;

use super::endpoints::CheckedConnection;
use super::expectations::Expectations;
use super::invariants::Snapshot;
use super::network::Network;
use super::observer::Observer;
use super::script::{Clock, Datagram, End, NetworkStep, Step};
use super::server::Server;
use super::setup::Setup;
use super::{CHALLENGE, CLIENT_ADDRESS};
use photon_proto::Timestamp;
use photon_proto::udp::{Connection, Event, State};

/// More rounds in which both ends send than there can be at one time.
const MAX_ROUNDS: usize = 200_000;
/// The challenges of strangers, one for each address, begin here.
const STRANGE_CHALLENGES: u32 = 1000;

/// A script's progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Whether both ends were connected at any time.
    pub connected: bool,
    /// Whether an attacker who knew the challenge forged a datagram.
    pub forged: bool,
    /// The number of messages that arrived, from whomever.
    pub messages: usize,
    /// Whether there was something to deliver, and all of it was seen to arrive.
    pub complete: bool,
    /// The number of played steps.
    pub steps: usize,
}

pub(super) struct Harness {
    setup: Setup,
    now: Timestamp,
    client: CheckedConnection,
    server: Server,
    network: Network,
    from_client: Expectations,
    from_server: Expectations,
    /// The knowledge of attackers about the client, about the server's end for it, and about an
    /// acceptor's ends for strangers, by address.
    observed_client: Observer,
    observed_server: Observer,
    observed_strange: [Observer; 4],
    /// Whether an attacker who knew the challenge forged a datagram: then only safety is promised.
    forged: bool,
    /// Whether the script has closed, shut down or forgotten the connection, by end.
    was_closed: [bool; 2],
    reached: Reached,
    /// Whether steps and events are printed.
    is_verbose: bool,
}

impl Harness {
    pub(super) fn new(setup: &Setup, is_verbose: bool) -> Self {
        let (_, start_micros) = setup.clocks.get();
        let now = Timestamp::from_micros(start_micros);
        let client = Connection::connect(setup.client(), CHALLENGE, now);
        let mut harness = Self {
            setup: setup.clone(),
            now,
            client: CheckedConnection::new(client, setup.client(), now),
            server: Server::new(setup),
            network: Network::new(now),
            from_client: Expectations::default(),
            from_server: Expectations::default(),
            observed_client: Observer::new(CHALLENGE),
            observed_server: Observer::new(CHALLENGE),
            observed_strange: [0, 1, 2, 3].map(|it| Observer::new(STRANGE_CHALLENGES + it)),
            forged: false,
            was_closed: [false; 2],
            reached: Reached::default(),
            is_verbose,
        };
        if !setup.unconnected {
            harness.turn();
        }
        harness
    }

    pub(super) const fn reached(&self) -> Reached {
        self.reached
    }

    pub(super) fn step(&mut self, step: &Step) {
        if self.is_verbose {
            println!("{:?} {step:?}", self.now);
        }
        self.reached.steps += 1;
        match step {
            Step::Clock(clock) => self.clock(clock),
            Step::Call(call) => self.call(call),
            Step::Datagram(datagram) => self.datagram(datagram),
            Step::Network(step) => self.network_step(step),
        }
        self.reached.connected |= self.both_connected();
        self.reached.forged |= self.forged;
    }

    fn both_connected(&self) -> bool {
        let server = self.server.connection();
        self.client.connection.state() == State::Connected
            && server.is_some_and(|server| server.state() == State::Connected)
    }

    // Time.

    fn clock(&mut self, clock: &Clock) {
        match *clock {
            Clock::Turn { ms } => {
                self.advance(self.now.plus_millis(ms.into()));
                self.turn();
            }
            Clock::Wait { ms } => self.advance(self.now.plus_millis(ms.into())),
            Clock::Blink { micros } => self.advance(self.now.plus_micros(micros.into())),
            Clock::Leap(ms) => {
                self.advance(self.now.plus_micros(ms.get().saturating_mul(1000)));
            }
            Clock::Sleep(end) => {
                self.advance(self.poll_timeout(end).unwrap_or(self.now));
                self.handle_timeout(end, self.now);
            }
            Clock::Back { end, ms } => {
                let micros = self.now.as_micros().saturating_sub(u64::from(ms) * 1000);
                self.handle_timeout(end, Timestamp::from_micros(micros));
            }
            Clock::Timeout(end) => self.handle_timeout(end, self.now),
        }
    }

    fn advance(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
    }

    fn poll_timeout(&self, end: End) -> Option<Timestamp> {
        match end {
            End::Client => self.client.connection.poll_timeout(),
            End::Server => self.server.poll_timeout(),
        }
    }

    fn handle_timeout(&mut self, end: End, at: Timestamp) {
        match end {
            End::Client => self.client.handle_timeout(at),
            End::Server => self.server.handle_timeout(at),
        }
    }

    /// Both ends handle the time, and all datagrams arrive in both directions until neither end has
    /// more. All events are taken.
    fn turn(&mut self) {
        self.handle_timeout(End::Client, self.now);
        self.handle_timeout(End::Server, self.now);
        for _ in 0..MAX_ROUNDS {
            for end in [End::Client, End::Server] {
                // Here nothing is lost, so the ends wait while the network is full.
                while self.pull(end) && !self.network.is_half_full() {}
            }
            let [to_client, to_server] =
                [End::Client, End::Server].map(|to| self.network.in_flight(to));
            for to in [End::Server, End::Client] {
                while let Some(bytes) = self.network.take(to, 0) {
                    self.arrive(to, &bytes);
                }
            }
            while self.take_event(End::Client) || self.take_event(End::Server) {}
            if to_client + to_server == 0 {
                return;
            }
        }
        panic!("the ends send for ever, at one time");
    }

    // Events.

    /// Takes an event. False if there is none.
    fn take_event(&mut self, end: End) -> bool {
        let polled = match end {
            End::Client => self.client.poll_event().map(|event| (true, event)),
            End::Server => self.server.poll_event(),
        };
        let Some((of_client, event)) = polled else {
            return false;
        };
        if self.is_verbose {
            let whose = if of_client { "" } else { " for a stranger" };
            println!("    {end:?}{whose}: {event:?}");
        }
        match event {
            Event::Message(message) => {
                self.reached.messages += 1;
                if of_client && !self.forged {
                    match end {
                        End::Client => self.from_server.arrived(&message),
                        End::Server => self.from_client.arrived(&message),
                    }
                }
                match end {
                    End::Client => self.client.connection.recycle(message.bytes),
                    End::Server if of_client => self.server.recycle(message.bytes),
                    End::Server => {}
                }
            }
            Event::Disconnected(cause) if of_client && !self.forged => {
                self.check_cause(end, cause);
            }
            Event::Connected | Event::Disconnected(_) => {}
        }
        true
    }

    // Datagrams.

    fn datagram(&mut self, datagram: &Datagram) {
        match datagram {
            Datagram::Pull { end, max } => {
                for _ in 0..*max {
                    if !self.pull(*end) {
                        break;
                    }
                }
            }
            Datagram::Peek(end) => drop(self.transmit(*end)),
            Datagram::Transmitted(end) => self.transmitted(*end),
            Datagram::Attack(attack) => self.attack(attack),
        }
    }

    fn network_step(&mut self, step: &NetworkStep) {
        match *step {
            NetworkStep::Deliver { to, which } => {
                if let Some(bytes) = self.network.take(to, which) {
                    self.arrive(to, &bytes);
                }
            }
            NetworkStep::DeliverCopy { to, which } => {
                if let Some(bytes) = self.network.copy(to, which) {
                    self.arrive(to, &bytes);
                }
            }
            NetworkStep::Lose { to, which } => drop(self.network.take(to, which)),
            NetworkStep::Corrupt { to, which, bit } => self.corrupt(to, which, bit),
        }
    }

    /// The next datagram of an end and the address that it goes to.
    fn transmit(&mut self, end: End) -> Option<(u8, Vec<u8>)> {
        match end {
            End::Client => {
                let bytes = self.client.transmit(self.now)?;
                Some((CLIENT_ADDRESS, bytes))
            }
            End::Server => self.server.transmit(self.now),
        }
    }

    fn transmitted(&mut self, end: End) {
        match end {
            End::Client => self.client.transmitted(),
            End::Server => self.server.transmitted(),
        }
    }

    /// A datagram of an end leaves. False if there is none.
    fn pull(&mut self, end: End) -> bool {
        let Some((address, bytes)) = self.transmit(end) else {
            return false;
        };
        self.transmitted(end);
        let observer = match end {
            End::Client => &mut self.observed_client,
            End::Server if has_challenge(&bytes) => &mut self.observed_server,
            End::Server => &mut self.observed_strange[usize::from(address)],
        };
        observer.observe(&bytes);
        if address == CLIENT_ADDRESS {
            self.network.send(self.now, end, &bytes);
        }
        true
    }

    fn arrive(&mut self, to: End, bytes: &[u8]) {
        match to {
            End::Client => self.client.handle_datagram(self.now, bytes),
            End::Server => self.server.handle_datagram(self.now, &self.setup, bytes),
        }
    }

    fn snapshots(&self) -> (Snapshot, Option<Snapshot>) {
        (
            Snapshot::of(&self.client.connection),
            self.server.connection().map(Snapshot::of),
        )
    }
}

/// Whether a datagram has the challenge of the client's connection.
fn has_challenge(bytes: &[u8]) -> bool {
    bytes.get(8..12) == Some(&CHALLENGE.to_be_bytes())
}
