//! Virtual time for the tests: one connection fed by hand ([`Bench`]), and a client with a server at the other end of a
//! simulated network ([`Rig`]). Nothing here sleeps or reads a clock.

use crate::wire::{self, CONNECT, CONTROL, Cmd, Datagram, RELIABLE, datagram};
use photon_proto::Timestamp;
use photon_proto::udp::{Cause, Config, ConnectRequest, Connection, Delivery, Event, Message, State};
use std::collections::BTreeMap;

/// Virtual time 0 is not the epoch of the timestamps: no absolute time may leak into a datagram.
const EPOCH_MS: u64 = 86_400_000;
pub(crate) const CHALLENGE: u32 = 0x672E_0433;
pub(crate) const PEER_ID: u16 = 0x0042;
/// What the clock at the other end shows at virtual time 0.
pub(crate) const PEER_CLOCK: u32 = 5_000_000;
/// The init message of the recordings, and its answer. Spec: udp.md 3.2.
pub(crate) const INIT: &str = "f30001081e41080c005465737441707049640000000000000000000000000000000000000000000000";
pub(crate) const INIT_RESPONSE: [u8; 3] = [0xF3, 1, 0];

pub(crate) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(EPOCH_MS + ms)
}

/// The millisecond at which a deadline has passed.
fn ms_of(deadline: Timestamp) -> u64 {
    deadline.as_micros().div_ceil(1000).saturating_sub(EPOCH_MS)
}

pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::client();
    change(&mut config);
    config
}

/// A server's settings with the pings off, so that a test sees only what it asks for.
pub(crate) fn server_config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::server();
    config.ping_interval_ms = 0;
    change(&mut config);
    config
}

pub(crate) fn request(connect_datagram: &[u8]) -> ConnectRequest {
    ConnectRequest::read(connect_datagram).expect("a connect datagram")
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
    Message { channel: u8, delivery: Delivery, bytes: Vec<u8> },
    Ended(Cause),
}

/// A connection and everything that came out of it.
pub(crate) struct Endpoint {
    pub(crate) conn: Connection,
    pub(crate) sent: Vec<Sent>,
    pub(crate) log: Vec<(u64, What)>,
    /// Whether events are taken as they come.
    pub(crate) taking: bool,
    /// Whether it behaves as the message layer of a client: init, then a fetch of the server's time. Spec: udp.md 10.
    pub(crate) init: bool,
    /// Whether `sent` keeps what the network has.
    pub(crate) keep_sent: bool,
    /// How many of `sent` the network has.
    passed_on: usize,
}

impl Endpoint {
    pub(crate) fn new(conn: Connection) -> Self {
        Self { conn, sent: Vec::new(), log: Vec::new(), taking: true, init: false, keep_sent: true, passed_on: 0 }
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.conn.poll_timeout().map(ms_of)
    }

    /// What a driver does: due timers, datagrams, events; and the contract that every driver relies on.
    #[track_caller]
    pub(crate) fn poll(&mut self, now: u64) {
        for round in 0.. {
            assert!(round < 100, "busy at {now}");
            if self.conn.poll_timeout().is_some_and(|deadline| deadline <= at(now)) {
                self.conn.handle_timeout(at(now));
                let next = self.conn.poll_timeout();
                assert!(next.is_none_or(|next| next > at(now)), "{next:?} at {now}, right after handle_timeout");
            }
            let mut idle = true;
            while self.taking {
                let Some(event) = self.conn.poll_event() else { break };
                self.take(now, event);
                idle = false;
            }
            while let Some(bytes) = self.conn.transmit(at(now)) {
                self.sent.push(Sent { at: now, bytes: bytes.to_vec() });
                self.conn.transmitted();
                idle = false;
                assert!(self.sent.iter().rev().take_while(|sent| sent.at == now).count() < 5000, "a flood at {now}");
            }
            if idle {
                break;
            }
        }
        assert!(self.conn.poll_timeout().is_none_or(|next| next > at(now)), "a busy driver at {now}");
    }

    #[track_caller]
    fn take(&mut self, now: u64, event: Event) {
        assert!(!matches!(self.log.last(), Some((_, What::Ended(_)))), "{event:?} after the end");
        let what = match event {
            Event::Connected => {
                if self.init {
                    self.conn.send(0, Delivery::Reliable, &wire::unhex(INIT)).unwrap();
                }
                What::Connected
            }
            Event::Message(Message { channel, delivery, bytes, .. }) => {
                if self.init && bytes == INIT_RESPONSE {
                    self.conn.fetch_server_time();
                }
                What::Message { channel, delivery, bytes }
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
            What::Message { channel, delivery, bytes } => {
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
        self.log.iter().find(|(_, what)| *what == What::Connected).map(|(at, _)| *at)
    }

    /// Every command sent, with the time.
    pub(crate) fn commands(&self) -> Vec<(u64, Cmd)> {
        let all = self.sent.iter().flat_map(|sent| sent.read().commands.into_iter().map(|cmd| (sent.at, cmd)));
        all.collect()
    }

    /// When commands of a type were sent.
    pub(crate) fn times_of_kind(&self, kind: u8) -> Vec<u64> {
        self.commands().iter().filter(|(_, cmd)| cmd.kind == kind).map(|(at, _)| *at).collect()
    }

    /// When the reliable data command with this number was sent.
    pub(crate) fn times_of(&self, channel: u8, rseq: u32) -> Vec<u64> {
        let of = |cmd: &Cmd| cmd.kind == RELIABLE && cmd.channel == channel && cmd.rseq == rseq;
        self.commands().iter().filter(|(_, cmd)| of(cmd)).map(|(at, _)| *at).collect()
    }
}

/// One connection of either role, connected, that is fed by hand.
pub(crate) struct Bench {
    pub(crate) end: Endpoint,
    pub(crate) now: u64,
    pub(crate) is_client: bool,
    /// Added to the clock at the other end.
    pub(crate) peer_clock: u32,
    /// Header time of the last datagram that was fed.
    pub(crate) last_time: u32,
    /// Seen of `end.sent` by [`Bench::replies`].
    seen: usize,
}

impl Bench {
    /// A client that has only been made. Its connect command is not sent yet.
    pub(crate) fn new_client(config: Config) -> Self {
        let end = Endpoint::new(Connection::connect(config, CHALLENGE, at(0)));
        Self { end, now: 0, is_client: true, peer_clock: PEER_CLOCK, last_time: 0, seen: 0 }
    }

    /// A client whose connect was answered at 40: rtt 40, variance 39. It is 100 now.
    pub(crate) fn client(config: Config) -> Self {
        let mut bench = Self::new_client(config);
        bench.poll();
        bench.now = 40;
        let mut answer = vec![Cmd::ack(CONTROL, 1, 0), Cmd::verify(PEER_ID)];
        bench.feed(&answer);
        answer.clear();
        bench.started()
    }

    /// A server's connection that nothing was sent on yet.
    pub(crate) fn new_server(config: Config) -> Self {
        // MTU and channels are lowered to what the client announces.
        let mut command = Cmd::connect().from_client();
        command.body[2..4].copy_from_slice(&config.mtu.to_be_bytes());
        command.body[11] = config.channels;
        let mut connect = datagram(0xFFFF, PEER_CLOCK, CHALLENGE, &[command]);
        // Check sums are sent to clients that send them.
        if config.crc {
            connect = wire::with_crc(&connect);
        }
        let conn = Connection::accept(config, &request(&connect), PEER_ID, 700_000, at(0));
        Self { end: Endpoint::new(conn), now: 0, is_client: false, peer_clock: PEER_CLOCK, last_time: 0, seen: 0 }
    }

    /// A server's connection whose verify-connect was acknowledged at 40. It is 100 now.
    pub(crate) fn server(config: Config) -> Self {
        let mut bench = Self::new_server(config);
        bench.poll();
        let time = bench.end.sent[0].read().time;
        bench.now = 40;
        bench.feed(&[Cmd::ack(CONTROL, 0, time)]);
        bench.started()
    }

    #[track_caller]
    fn started(mut self) -> Self {
        assert_eq!(self.end.conn.state(), State::Connected);
        assert_eq!(self.end.log, [(40, What::Connected)]);
        self.end.log.clear();
        self.end.sent.clear();
        self.seen = 0;
        self.now = 100;
        self
    }

    pub(crate) fn conn(&mut self) -> &mut Connection {
        &mut self.end.conn
    }

    #[track_caller]
    pub(crate) fn poll(&mut self) -> Vec<Cmd> {
        self.end.poll(self.now);
        self.replies()
    }

    /// The commands sent since the last look.
    #[track_caller]
    pub(crate) fn replies(&mut self) -> Vec<Cmd> {
        let new = &self.end.sent[self.seen..];
        self.seen = self.end.sent.len();
        new.iter().flat_map(|sent| sent.read().commands).collect()
    }

    /// A datagram of the other end with these commands, sent now.
    pub(crate) fn datagram(&self, commands: &[Cmd]) -> Vec<u8> {
        let peer_id = if self.is_client { 0 } else { PEER_ID };
        datagram(peer_id, self.peer_time(), CHALLENGE, commands)
    }

    pub(crate) fn peer_time(&self) -> u32 {
        self.peer_clock.wrapping_add(u32::try_from(self.now & 0xFFFF_FFFF).unwrap())
    }

    /// One datagram with these commands comes in; what is sent because of it.
    #[track_caller]
    pub(crate) fn feed(&mut self, commands: &[Cmd]) -> Vec<Cmd> {
        let datagram = self.datagram(commands);
        self.feed_bytes(&datagram)
    }

    #[track_caller]
    pub(crate) fn feed_bytes(&mut self, datagram: &[u8]) -> Vec<Cmd> {
        if datagram.len() >= 8 {
            self.last_time = wire::u32_at(datagram, 4);
        }
        self.end.conn.handle_datagram(at(self.now), datagram);
        self.poll()
    }

    /// The acknowledgement of a command of the last datagram, as this role writes it. Spec: udp.md 5.1, 12.
    pub(crate) fn ack_of(&self, command: &Cmd) -> Cmd {
        self.ack_at(command, self.last_time)
    }

    pub(crate) fn ack_at(&self, command: &Cmd, time: u32) -> Cmd {
        Cmd { reserved: if self.is_client { 4 } else { 0 }, ..command.its_ack(time) }
    }

    /// Time goes on, deadline by deadline, nothing comes in.
    #[track_caller]
    pub(crate) fn run_to(&mut self, end: u64) -> Vec<Cmd> {
        self.end.poll(self.now);
        while let Some(next) = self.end.deadline().filter(|next| *next <= end) {
            assert!(next > self.now, "time stands still at {next}");
            self.now = next;
            self.end.poll(next);
        }
        self.now = self.now.max(end);
        self.end.poll(self.now);
        self.replies()
    }

    /// The same with an acknowledgement, `delay` ms later, for everything that asks for one.
    #[track_caller]
    pub(crate) fn run_acked(&mut self, end: u64, delay: u64) -> Vec<Cmd> {
        let mut answered = self.end.sent.len();
        loop {
            self.end.poll(self.now);
            let waiting = self.end.sent.get(answered).map(|sent| sent.at + delay);
            let next = [waiting, self.end.deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            if waiting != Some(next) {
                continue;
            }
            let sent = self.end.sent[answered].read();
            answered += 1;
            let acks: Vec<Cmd> =
                sent.commands.iter().filter(|cmd| cmd.is_reliable()).map(|cmd| cmd.its_ack(sent.time)).collect();
            if !acks.is_empty() {
                let datagram = self.datagram(&acks);
                self.end.conn.handle_datagram(at(self.now), &datagram);
            }
        }
        self.run_to(end)
    }

    /// The texts of the messages that came since the last look.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        self.end.messages().into_iter().map(|(_, _, bytes)| String::from_utf8(bytes).unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn assert_unmoved(&mut self, commands: &[Cmd]) {
        let unmoved: [Cmd; 0] = [];
        assert_eq!(commands, unmoved);
        assert_eq!(self.end.log, []);
        assert_eq!(self.end.conn.state(), State::Connected);
    }
}

/// A test in either role. A failure names the role.
pub(crate) fn both(test: impl Fn(&mut Bench)) {
    both_with(|_| (), test);
}

pub(crate) fn both_with(change: impl Fn(&mut Config), test: impl Fn(&mut Bench)) {
    println!("as a client");
    test(&mut Bench::client(config(|config| {
        config.ping_interval_ms = 0;
        change(config);
    })));
    println!("as a server");
    test(&mut Bench::server(server_config(&change)));
}

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

/// A server written by hand: acknowledges, verifies, answers init. Spec: udp.md 3.2.
pub(crate) struct Script {
    /// Commands that it does as if they had never come.
    pub(crate) ignore: Box<dyn FnMut(u64, &Cmd) -> bool>,
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
            if cmd.payload().starts_with(&[0xF3, 0]) && !std::mem::replace(&mut self.answered, true) {
                answers.push(Cmd::reliable(0, 1, &INIT_RESPONSE));
            }
        }
        let size = if self.split { 1 } else { usize::MAX };
        answers.chunks(size.min(answers.len().max(1))).map(|cmds| server_datagram(now, cmds)).collect()
    }
}

/// A datagram of the server written by hand.
pub(crate) fn server_datagram(now: u64, commands: &[Cmd]) -> Vec<u8> {
    datagram(0, PEER_CLOCK + u32::try_from(now).unwrap(), CHALLENGE, commands)
}

pub(crate) enum Server {
    Silent,
    Script(Script),
    /// The crate's own server role, from the first connect datagram on.
    Real {
        config: Config,
        end: Option<Endpoint>,
    },
}

/// A client, a network, a server.
pub(crate) struct Rig {
    pub(crate) now: u64,
    pub(crate) client: Endpoint,
    pub(crate) server: Server,
    pub(crate) fate: Fate,
    /// By arrival, then by sending.
    wire: BTreeMap<(u64, usize), (Side, Vec<u8>)>,
    counts: [usize; 3],
}

impl Rig {
    pub(crate) fn new(config: Config, server: Server) -> Self {
        let mut client = Endpoint::new(Connection::connect(config, CHALLENGE, at(0)));
        client.init = true;
        let fate: Fate = Box::new(|_| vec![DELAY]);
        Self { now: 0, client, server, fate, wire: BTreeMap::new(), counts: [0; 3] }
    }

    /// Chat settings and the server written by hand.
    pub(crate) fn script() -> Self {
        Self::script_with(Config::client())
    }

    pub(crate) fn script_with(config: Config) -> Self {
        let (seen, ignore) = (Vec::new(), Box::new(|_: u64, _: &Cmd| false));
        let script = Script { ignore, split: false, seen, verified: false, answered: false };
        Self::new(config, Server::Script(script))
    }

    pub(crate) fn silent(config: Config) -> Self {
        Self::new(config, Server::Silent)
    }

    /// Chat settings and the crate's own server role.
    pub(crate) fn pair() -> Self {
        Self::new(Config::client(), Server::Real { config: Config::server(), end: None })
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
        let Server::Script(script) = &mut self.server else { panic!("not this server") };
        script
    }

    pub(crate) fn real(&mut self) -> &mut Endpoint {
        let Server::Real { end: Some(end), .. } = &mut self.server else { panic!("not this server, or not yet") };
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
            let next = [self.client.deadline(), server, arrival].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
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
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, bytes) = entry.remove();
            match to {
                Side::Client => self.client.conn.handle_datagram(at(self.now), &bytes),
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
                let conn = Connection::accept(config.clone(), &request, PEER_ID, PEER_CLOCK, at(self.now));
                *end = Some(Endpoint::new(conn));
            }
        }
    }

    fn pass_on(&mut self, from: Side) {
        let end = match (from, &mut self.server) {
            (Side::Client, _) => &mut self.client,
            (Side::Server, Server::Real { end: Some(end), .. }) => end,
            _ => return,
        };
        let new: Vec<Vec<u8>> = end.sent[end.passed_on..].iter().map(|sent| sent.bytes.clone()).collect();
        if !end.keep_sent {
            end.sent.clear();
        }
        end.passed_on = end.sent.len();
        for bytes in new {
            self.travel(from, &bytes);
        }
    }

    fn travel(&mut self, from: Side, bytes: &[u8]) {
        let (slot, to) = if from == Side::Client { (0, Side::Server) } else { (1, Side::Client) };
        let index = self.counts[slot];
        self.counts[slot] += 1;
        for delay in (self.fate)(&Packet { from, index, at: self.now, bytes }) {
            self.put(self.now + delay, to, bytes.to_vec());
        }
    }

    /// Header times and commands of all datagrams of the client with a command of this type.
    pub(crate) fn client_sent(&self, kind: u8) -> Vec<(u64, Datagram)> {
        let all = self.client.sent.iter().map(|sent| (sent.at, sent.read()));
        all.filter(|(_, datagram)| datagram.commands.iter().any(|cmd| cmd.kind == kind)).collect()
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
