//! A client and a server at the two ends of `dev_server::sim`, the simulated network of the
//! workspace. Each test scripts the fate of single datagrams.

use crate::harness::{CHALLENGE, Endpoint, INIT_RESPONSE, PEER_CLOCK, PEER_ID, at, ms_of, request};
use crate::wire::{self, CONNECT, Cmd, Datagram, datagram};
use dev_server::netem::DatagramCopy;
use dev_server::sim::{self, DatagramSettings, LinkEvent, LinkKey, Network, SentDatagram};
use photon_proto::udp::{Config, Connection, Delivery};

/// An end of the link.
pub(crate) use dev_server::sim::End as Side;

/// A datagram as an end sends it.
pub(crate) struct Packet<'a> {
    pub(crate) from: Side,
    /// The number of datagrams that this side has sent before.
    pub(crate) index: u64,
    /// The virtual time of sending, in milliseconds.
    pub(crate) at: u64,
    pub(crate) bytes: &'a [u8],
}

impl Packet<'_> {
    pub(crate) fn commands(&self) -> Vec<Cmd> {
        wire::read(self.bytes).commands
    }

    /// A copy that arrives unchanged after this many milliseconds.
    pub(crate) fn copy_after(&self, delay: u64) -> DatagramCopy {
        DatagramCopy {
            delay_micros: delay * 1000,
            bytes: self.bytes.to_vec(),
        }
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Cmd) -> bool) -> bool {
        self.commands().iter().any(wanted)
    }
}

/// The one-way delay of the scenarios, in milliseconds.
pub(crate) const DELAY: u64 = 20;

/// Whether a server does not see a command, at a time.
type Ignore = Box<dyn FnMut(u64, &Cmd) -> bool>;

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
pub(crate) struct NetworkHarness {
    pub(crate) now: u64,
    pub(crate) client: Endpoint,
    pub(crate) server: Server,
    /// Each datagram that reached the client, with its time.
    pub(crate) arrived: Vec<(u64, Vec<u8>)>,
    network: Network,
    link: LinkKey,
}

impl NetworkHarness {
    pub(crate) fn new(config: Config, server: Server) -> Self {
        let mut client = Endpoint::new(Connection::connect(config, CHALLENGE, at(0)));
        client.init = true;
        let mut network = Network::new(0);
        // The connections limit what they send; a limit of the network would hide an error of
        // theirs.
        let unlimited = DatagramSettings {
            max_datagram_bytes: usize::MAX,
            max_queued_bytes: usize::MAX,
            ..DatagramSettings::default()
        };
        let link = network.open_datagrams(at(0), &unlimited);
        let harness = Self {
            now: 0,
            client,
            server,
            arrived: Vec::new(),
            network,
            link,
        };
        harness.losing(|_| false)
    }

    /// Scripts the copies of each datagram that arrive, in both directions.
    pub(crate) fn set_fate(
        &mut self,
        mut fate: impl FnMut(&Packet<'_>) -> Vec<DatagramCopy> + Send + 'static,
    ) {
        let fate = move |sent: &SentDatagram<'_>| {
            fate(&Packet {
                from: sent.from,
                index: sent.index,
                at: sent.now.millis_since(at(0)),
                bytes: sent.bytes,
            })
        };
        self.network.set_fate(self.link, fate);
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

    /// Loses the datagrams for which `lost` returns true; all others arrive after [`DELAY`].
    pub(crate) fn losing(
        mut self,
        mut lost: impl FnMut(&Packet<'_>) -> bool + Send + 'static,
    ) -> Self {
        self.set_fate(move |packet| {
            if lost(packet) {
                vec![]
            } else {
                vec![packet.copy_after(DELAY)]
            }
        });
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

    /// A datagram of the server, written by hand, that arrives at this time.
    pub(crate) fn inject(&mut self, arrival: u64, bytes: &[u8]) {
        let delay_micros = (arrival - self.now) * 1000;
        self.network
            .send_after(at(self.now), self.link, Side::Server, delay_micros, bytes);
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
            let arrival = self.network.next_time().map(ms_of);
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
        while let Some(delivery) = self.network.poll(at(self.now)) {
            let sim::Delivery { to, event, .. } = delivery;
            match (to, event) {
                (Side::Client, LinkEvent::Bytes(bytes)) => {
                    self.client.conn.handle_datagram(at(self.now), &bytes);
                    if self.client.keep_sent {
                        self.arrived.push((self.now, bytes));
                    }
                }
                (Side::Server, LinkEvent::Bytes(bytes)) => self.at_server(&bytes),
                (_, event) => assert_eq!(event, LinkEvent::Opened),
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
        self.network.send(at(self.now), self.link, from, bytes);
    }

    /// Header times and commands of all datagrams of the client with a command of this type.
    pub(crate) fn client_sent(&self, kind: u8) -> Vec<(u64, Datagram)> {
        let all = self.client.sent.iter().map(|sent| (sent.at, sent.read()));
        all.filter(|(_, datagram)| datagram.commands.iter().any(|cmd| cmd.kind == kind))
            .collect()
    }
}
