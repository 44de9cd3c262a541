//! A client and a server at the ends of a simulated network with scripted loss, duplication and delay.

use crate::rig::{CHALLENGE, Endpoint, INIT_RESPONSE, PEER_CLOCK, PEER_ID, at, request};
use crate::wire::{self, CONNECT, Cmd, Datagram, datagram};
use photon_proto::udp::{Config, Connection, Delivery};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A datagram on its way out.
pub(crate) struct Packet<'a> {
    pub(crate) from: Side,
    /// How many this side has sent before.
    pub(crate) index: usize,
    pub(crate) at: u64,
    pub(crate) bytes: &'a [u8],
}

impl Packet<'_> {
    pub(crate) fn commands(&self) -> Vec<Cmd> {
        wire::read(self.bytes).commands
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Cmd) -> bool) -> bool {
        self.commands().iter().any(wanted)
    }
}

/// The one-way delay of the scenarios, in milliseconds.
pub(crate) const DELAY: u64 = 20;

/// The delay of each copy of a datagram that arrives; empty: it is lost.
pub(crate) type Fate = Box<dyn FnMut(&Packet<'_>) -> Vec<u64>>;

/// Datagrams of the client that `lost` says so never arrive, all others do.
pub(crate) fn losing(mut lost: impl FnMut(&Packet<'_>) -> bool + 'static) -> Fate {
    Box::new(move |packet| if lost(packet) { vec![] } else { vec![DELAY] })
}

/// Whether a server does not see a command, at a time.
type Ignore = Box<dyn FnMut(u64, &Cmd) -> bool>;

/// Changes the bytes of a datagram on its way.
type Garble = Box<dyn FnMut(&mut Vec<u8>)>;

/// A server written by hand: acknowledges, verifies, answers init. Spec: udp.md 3.2.
pub(crate) struct Script {
    /// Commands that it does as if they had never come.
    pub(crate) ignore: Ignore,
    /// Each answer in a datagram of its own.
    pub(crate) split: bool,
    pub(crate) seen: Vec<(u64, Cmd)>,
    verified: bool,
    answered: bool,
}

impl Script {
    fn answer(&mut self, now: u64, bytes: &[u8]) -> Vec<Vec<u8>> {
        let datagram = wire::read(bytes);
        let mut answers = Vec::new();
        for cmd in &datagram.commands {
            self.seen.push((now, cmd.clone()));
            if (self.ignore)(now, cmd) {
                continue;
            }
            if cmd.is_reliable() {
                answers.push(cmd.its_ack(datagram.time));
            }
            if cmd.kind == CONNECT && !std::mem::replace(&mut self.verified, true) {
                answers.push(Cmd::verify(PEER_ID));
            }
            if cmd.payload().starts_with(&[0xF3, 0]) && !std::mem::replace(&mut self.answered, true)
            {
                answers.push(Cmd::reliable(0, 1, &INIT_RESPONSE));
            }
        }
        let size = if self.split { 1 } else { usize::MAX };
        answers
            .chunks(size.min(answers.len().max(1)))
            .map(|cmds| server_datagram(now, cmds))
            .collect()
    }
}

/// A datagram of the server written by hand.
pub(crate) fn server_datagram(now: u64, commands: &[Cmd]) -> Vec<u8> {
    datagram(
        0,
        PEER_CLOCK + u32::try_from(now).unwrap(),
        CHALLENGE,
        commands,
    )
}

pub(crate) enum Server {
    Silent,
    Script(Script),
    /// The crate's own server role, from the first connect datagram on.
    Real {
        config: Config,
        end: Option<Box<Endpoint>>,
    },
}

/// A client, a network, a server.
pub(crate) struct Rig {
    pub(crate) now: u64,
    pub(crate) client: Endpoint,
    pub(crate) server: Server,
    pub(crate) fate: Fate,
    /// What the network does to the bytes of each copy.
    pub(crate) garble: Garble,
    /// What came to the client, and when.
    pub(crate) arrived: Vec<(u64, Vec<u8>)>,
    /// By arrival, then by sending.
    wire: BTreeMap<(u64, usize), (Side, Vec<u8>)>,
    counts: [usize; 3],
}

impl Rig {
    pub(crate) fn new(config: Config, server: Server) -> Self {
        let mut client = Endpoint::new(Connection::connect(config, CHALLENGE, at(0)));
        client.init = true;
        let fate: Fate = Box::new(|_| vec![DELAY]);
        Self {
            now: 0,
            client,
            server,
            fate,
            garble: Box::new(|_| ()),
            arrived: Vec::new(),
            wire: BTreeMap::new(),
            counts: [0; 3],
        }
    }

    /// Chat settings and the server written by hand.
    pub(crate) fn script() -> Self {
        Self::script_with(Config::client())
    }

    pub(crate) fn script_with(config: Config) -> Self {
        let (seen, ignore) = (Vec::new(), Box::new(|_: u64, _: &Cmd| false));
        let script = Script {
            ignore,
            split: false,
            seen,
            verified: false,
            answered: false,
        };
        Self::new(config, Server::Script(script))
    }

    pub(crate) fn silent(config: Config) -> Self {
        Self::new(config, Server::Silent)
    }

    /// Chat settings and the crate's own server role.
    pub(crate) fn pair() -> Self {
        Self::new(
            Config::client(),
            Server::Real {
                config: Config::server(),
                end: None,
            },
        )
    }

    pub(crate) fn losing(mut self, lost: impl FnMut(&Packet<'_>) -> bool + 'static) -> Self {
        self.fate = losing(lost);
        self
    }

    pub(crate) fn ignoring(mut self, ignore: impl FnMut(u64, &Cmd) -> bool + 'static) -> Self {
        self.written().ignore = Box::new(ignore);
        self
    }

    pub(crate) fn written(&mut self) -> &mut Script {
        let Server::Script(script) = &mut self.server else {
            panic!("not this server")
        };
        script
    }

    pub(crate) fn real(&mut self) -> &mut Endpoint {
        let Server::Real { end: Some(end), .. } = &mut self.server else {
            panic!("not this server, or not yet")
        };
        end
    }

    pub(crate) fn send(&mut self, delivery: Delivery, message: &[u8]) {
        self.client.conn.send(0, delivery, message).unwrap();
    }

    /// A server datagram that arrives at a time of its own.
    pub(crate) fn inject(&mut self, arrival: u64, bytes: Vec<u8>) {
        self.put(arrival, Side::Client, bytes);
    }

    fn put(&mut self, arrival: u64, to: Side, bytes: Vec<u8>) {
        self.counts[2] += 1;
        self.wire.insert((arrival, self.counts[2]), (to, bytes));
    }

    /// Everything up to and including what happens at `end`.
    #[track_caller]
    pub(crate) fn run_until(&mut self, end: u64) {
        self.settle();
        loop {
            let server = match &self.server {
                Server::Real { end: Some(end), .. } => end.deadline(),
                _ => None,
            };
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let next = [self.client.deadline(), server, arrival]
                .into_iter()
                .flatten()
                .min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            assert!(next > self.now, "time stands still at {next}");
            self.now = next;
            self.settle();
        }
        self.now = self.now.max(end);
        self.settle();
    }

    /// Everything that happens now: arrivals first, then both ends.
    #[track_caller]
    pub(crate) fn settle(&mut self) {
        while let Some(entry) = self
            .wire
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            let (to, bytes) = entry.remove();
            match to {
                Side::Client => {
                    self.client.conn.handle_datagram(at(self.now), &bytes);
                    if self.client.keep_sent {
                        self.arrived.push((self.now, bytes));
                    }
                }
                Side::Server => self.at_server(&bytes),
            }
        }
        self.client.poll(self.now);
        self.pass_on(Side::Client);
        if let Server::Real { end: Some(end), .. } = &mut self.server {
            end.poll(self.now);
            self.pass_on(Side::Server);
        }
    }

    fn at_server(&mut self, bytes: &[u8]) {
        match &mut self.server {
            Server::Silent => {}
            Server::Script(script) => {
                let now = self.now;
                for answer in script.answer(now, bytes) {
                    self.travel(Side::Server, &answer);
                }
            }
            Server::Real { end: Some(end), .. } => end.conn.handle_datagram(at(self.now), bytes),
            Server::Real { config, end } => {
                let request = request(bytes);
                let conn =
                    Connection::accept(config.clone(), &request, PEER_ID, PEER_CLOCK, at(self.now));
                *end = Some(Box::new(Endpoint::new(conn)));
            }
        }
    }

    fn pass_on(&mut self, from: Side) {
        let end = match (from, &mut self.server) {
            (Side::Client, _) => &mut self.client,
            (Side::Server, Server::Real { end: Some(end), .. }) => end,
            _ => return,
        };
        let new: Vec<Vec<u8>> = end.sent[end.passed_on..]
            .iter()
            .map(|sent| sent.bytes.clone())
            .collect();
        if !end.keep_sent {
            end.sent.clear();
        }
        end.passed_on = end.sent.len();
        for bytes in new {
            self.travel(from, &bytes);
        }
    }

    fn travel(&mut self, from: Side, bytes: &[u8]) {
        let (slot, to) = if from == Side::Client {
            (0, Side::Server)
        } else {
            (1, Side::Client)
        };
        let index = self.counts[slot];
        self.counts[slot] += 1;
        for delay in (self.fate)(&Packet {
            from,
            index,
            at: self.now,
            bytes,
        }) {
            let mut bytes = bytes.to_vec();
            (self.garble)(&mut bytes);
            self.put(self.now + delay, to, bytes);
        }
    }

    /// Header times and commands of all datagrams of the client with a command of this type.
    pub(crate) fn client_sent(&self, kind: u8) -> Vec<(u64, Datagram)> {
        let all = self.client.sent.iter().map(|sent| (sent.at, sent.read()));
        all.filter(|(_, datagram)| datagram.commands.iter().any(|cmd| cmd.kind == kind))
            .collect()
    }
}
