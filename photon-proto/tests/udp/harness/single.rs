//! One connection, fed by hand: the other end's datagrams are written command by command.

use crate::harness::{
    CHALLENGE, Endpoint, PEER_CLOCK, PEER_ID, What, at, config, ms, request, server_config,
};
use crate::wire::{self, CONTROL, Cmd, datagram};
use photon_proto::udp::{Config, Connection, State};

/// One connection of either role, connected, that is fed by hand.
pub(crate) struct Harness {
    pub(crate) end: Endpoint,
    pub(crate) now: u64,
    pub(crate) is_client: bool,
    /// Added to the clock at the other end.
    pub(crate) peer_clock: u32,
    /// Header time of the last datagram that was fed.
    pub(crate) last_time: u32,
    /// Seen of `end.sent` by [`Harness::replies`].
    seen: usize,
}

impl Harness {
    /// A client that has only been made. Its connect command is not sent yet.
    pub(crate) fn new_client(config: Config) -> Self {
        let end = Endpoint::new(Connection::connect(config, CHALLENGE, at(0)));
        Self {
            end,
            now: 0,
            is_client: true,
            peer_clock: PEER_CLOCK,
            last_time: 0,
            seen: 0,
        }
    }

    /// A client whose connect was answered at 40: rtt 40, variance 39. It is 100 now.
    pub(crate) fn client(config: Config) -> Self {
        let mut harness = Self::new_client(config);
        harness.poll();
        harness.now = 40;
        let mut answer = vec![Cmd::ack(CONTROL, 1, 0), Cmd::verify(PEER_ID)];
        harness.feed(&answer);
        answer.clear();
        harness.started()
    }

    /// A server's connection that nothing was sent on yet.
    pub(crate) fn new_server(config: Config) -> Self {
        // MTU and channels are lowered to the client's.
        let mut command = Cmd::connect().by_client();
        command.body[2..4].copy_from_slice(&config.mtu.to_be_bytes());
        command.body[11] = config.channels;
        let mut connect = datagram(0xFFFF, PEER_CLOCK, CHALLENGE, &[command]);
        // The server sends checksums to clients that send them.
        if config.crc {
            connect = wire::with_crc(&connect);
        }
        let conn = Connection::accept(config, &request(&connect), PEER_ID, 700_000, at(0));
        Self {
            end: Endpoint::new(conn),
            now: 0,
            is_client: false,
            peer_clock: PEER_CLOCK,
            last_time: 0,
            seen: 0,
        }
    }

    /// A server's connection whose verify-connect was acknowledged at 40. It is 100 now.
    pub(crate) fn server(config: Config) -> Self {
        let mut harness = Self::new_server(config);
        harness.poll();
        let time = harness.end.sent[0].read().time;
        harness.now = 40;
        harness.feed(&[Cmd::ack(CONTROL, 0, time)]);
        harness.started()
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

    /// The commands sent since the last call.
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
        self.peer_clock
            .wrapping_add(u32::try_from(self.now & 0xFFFF_FFFF).unwrap())
    }

    /// Passes a datagram with these commands to the connection and returns the commands that it
    /// sends in return.
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

    /// The acknowledgement of a command of the last datagram, as this role writes it. Spec: udp.md
    /// 5.1, 12.
    pub(crate) fn ack_of(&self, command: &Cmd) -> Cmd {
        self.ack_at(command, self.last_time)
    }

    pub(crate) fn ack_at(&self, command: &Cmd, time: u32) -> Cmd {
        Cmd {
            reserved: if self.is_client { 4 } else { 0 },
            ..command.its_ack(time)
        }
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
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = next.max(self.now);
            if waiting != Some(next) {
                continue;
            }
            let sent = self.end.sent[answered].read();
            answered += 1;
            let acks: Vec<Cmd> = sent
                .commands
                .iter()
                .filter(|cmd| cmd.is_reliable())
                .map(|cmd| cmd.its_ack(sent.time))
                .collect();
            if !acks.is_empty() {
                let datagram = self.datagram(&acks);
                self.end.conn.handle_datagram(at(self.now), &datagram);
            }
        }
        self.run_to(end)
    }

    /// Drops the log of sent datagrams.
    pub(crate) fn forget(&mut self) {
        self.end.sent.clear();
        self.seen = 0;
    }

    /// The texts of the messages that arrived since the last call.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        self.end
            .messages()
            .into_iter()
            .map(|(_, _, bytes)| String::from_utf8(bytes).unwrap())
            .collect()
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
pub(crate) fn both(test: impl Fn(&mut Harness)) {
    both_with(|_| (), test);
}

pub(crate) fn both_with(change: impl Fn(&mut Config), test: impl Fn(&mut Harness)) {
    println!("as a client");
    test(&mut Harness::client(config(|config| {
        config.ping_interval = ms(0);
        change(config);
    })));
    println!("as a server");
    test(&mut Harness::server(server_config(&change)));
}
