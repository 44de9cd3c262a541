//! Many clients of one server over UDP, on real sockets: a few hundred in every run, ten thousand
//! on request:
//!
//! `cargo test --release -p photon-dev-server --test server ten_thousand -- --ignored --nocapture`,
//! with `ulimit -n 10100`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use dev_server::ServerConfig;
use dev_server::server::{ServerOptions, UdpPorts};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use photon_proto::message::{Init, MessageWriter};
use photon_proto::udp::{self, Delivery, Event};
use photon_proto::{Limits, Protocol, Timestamp, Value};

use crate::harness::{Got, credentials, decode, texts};
use crate::sockets::Running;

/// The number of clients that connect at the same time.
const AT_ONCE: usize = 200;

struct Client {
    socket: UdpSocket,
    connection: udp::Connection,
    joined: bool,
    messages: usize,
}

struct Crowd {
    poll: Poll,
    start: Instant,
    clients: Vec<Client>,
    deadlines: BinaryHeap<Reverse<(Timestamp, usize)>>,
    joined: usize,
    messages: usize,
}

impl Crowd {
    fn now(&self) -> Timestamp {
        self.start.elapsed().into()
    }

    fn connect(&mut self, address: std::net::SocketAddr) {
        let at = self.clients.len();
        let mut socket =
            UdpSocket::bind("127.0.0.1:0".parse().unwrap()).expect("ulimit -n has to be higher");
        socket.connect(address).unwrap();
        self.poll
            .registry()
            .register(&mut socket, Token(at), Interest::READABLE)
            .unwrap();
        let connection = udp::Connection::connect(udp::Config::client(), at as u32, self.now());
        self.clients.push(Client {
            socket,
            connection,
            joined: false,
            messages: 0,
        });
        self.drive(at);
    }

    fn request(&mut self, at: usize, code: u8, parameters: &[(u8, Value)]) {
        let mut bytes = Vec::new();
        let mut writer =
            MessageWriter::request(&mut bytes, Protocol::V18, &Limits::DEFAULT, code).unwrap();
        for (key, value) in parameters {
            writer.put(*key, value).unwrap();
        }
        writer.finish().unwrap();
        self.clients[at]
            .connection
            .send(0, Delivery::Reliable, &bytes)
            .unwrap();
    }

    /// Reads and writes for one client, and acts on its input.
    fn drive(&mut self, at: usize) {
        let now = self.now();
        let client = &mut self.clients[at];
        let mut buffer = [0; 2048];
        loop {
            match client.socket.recv(&mut buffer) {
                Ok(length) => client.connection.handle_datagram(now, &buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        if client
            .connection
            .poll_timeout()
            .is_some_and(|due| due <= now)
        {
            client.connection.handle_timeout(now);
        }
        while let Some(event) = self.clients[at].connection.poll_event() {
            match event {
                Event::Connected => {
                    let mut bytes = Vec::new();
                    let application = "chat".into();
                    let protocol = Protocol::V18.version();
                    Init {
                        protocol,
                        sdk: 31,
                        ipv6: false,
                        version: [4, 1, 8, 20],
                        application,
                    }
                    .encode(&mut bytes);
                    self.clients[at]
                        .connection
                        .send(0, Delivery::Reliable, &bytes)
                        .unwrap();
                }
                Event::Message(mut message) => {
                    let got = decode(&mut message.bytes, Protocol::V18, None).unwrap();
                    self.answer(at, &got);
                }
                Event::Disconnected(cause) => panic!("client {at} was disconnected: {cause}"),
            }
        }
        let client = &mut self.clients[at];
        while let Some(datagram) = client.connection.transmit(now) {
            match client.socket.send(datagram) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
                _ => client.connection.transmitted(),
            }
        }
        if let Some(due) = client.connection.poll_timeout() {
            self.deadlines.push(Reverse((due, at)));
        }
    }

    fn answer(&mut self, at: usize, got: &Got) {
        match got {
            Got::InitResponse => self.request(at, 230, &credentials(&format!("u{at}"))),
            Got::Response {
                code: 230,
                return_code: 0,
                ..
            } => self.request(at, 0, &[(0, texts(&["c"]))]),
            Got::Response { return_code: 0, .. } => {}
            Got::Event { code: 5, .. } => {
                self.joined += usize::from(!std::mem::replace(&mut self.clients[at].joined, true));
            }
            Got::Event { code: 0, .. } => {
                self.clients[at].messages += 1;
                self.messages += 1;
            }
            other => panic!("{other:?}"),
        }
    }

    /// Serves all clients until a condition is true.
    fn until(&mut self, patience: Duration, done: impl Fn(&Self) -> bool) -> Duration {
        let begin = Instant::now();
        let mut events = Events::with_capacity(1024);
        while !done(self) {
            assert!(
                begin.elapsed() < patience,
                "{} joined, {} messages",
                self.joined,
                self.messages
            );
            let now = self.now();
            let wait = self
                .deadlines
                .peek()
                .map(|Reverse((due, _))| Duration::from_micros(due.micros_since(now)));
            self.poll
                .poll(&mut events, Some(wait.unwrap_or(patience).min(patience)))
                .unwrap();
            for event in &events {
                self.drive(event.token().0);
            }
            let now = self.now();
            while let Some(Reverse((due, at))) = self
                .deadlines
                .peek()
                .copied()
                .filter(|Reverse((due, _))| *due <= now)
            {
                self.deadlines.pop();
                // Other entries are outdated deadlines.
                if self.clients[at].connection.poll_timeout() == Some(due) {
                    self.drive(at);
                }
            }
        }
        begin.elapsed()
    }
}

fn publish_to(count: usize) {
    let options = ServerOptions {
        name_server_port: 0,
        front_end_port: 0,
        udp: Some(UdpPorts::ANY),
        config: ServerConfig::new(),
        ..ServerOptions::default()
    };
    let server = Running::start_with(&options);
    let mut crowd = Crowd {
        poll: Poll::new().unwrap(),
        start: Instant::now(),
        clients: Vec::new(),
        deadlines: BinaryHeap::new(),
        joined: 0,
        messages: 0,
    };
    let patience = Duration::from_secs(60);
    let begin = Instant::now();
    // All at the same time would overflow the sockets' buffers, and lose their first datagrams
    // repeatedly.
    while crowd.clients.len() < count {
        crowd.connect(server.addresses.udp.unwrap().front_end);
        crowd.until(patience, |crowd| {
            crowd.clients.len() - crowd.joined < AT_ONCE
        });
    }
    crowd.until(patience, |crowd| crowd.joined == count);
    let joining = begin.elapsed();
    crowd.request(0, 2, &[(1, "c".into()), (3, "to everyone".into())]);
    crowd.drive(0);
    let hearing = crowd.until(patience, |crowd| crowd.messages == count);
    assert!(crowd.clients.iter().all(|client| client.messages == 1));
    let resent: u64 = crowd
        .clients
        .iter()
        .map(|client| client.connection.stats().resent_commands)
        .sum();
    let stats = server.handle.with_core(|core| core.stats()).unwrap();
    println!(
        "{count} clients joined in {joining:?}, a message reached all in {hearing:?}, {resent} commands resent"
    );
    assert_eq!(stats.users, count);
    assert!(hearing < Duration::from_secs(10));
    server.stop();
}

#[test]
fn a_message_reaches_hundreds() {
    publish_to(400);
}

#[test]
#[ignore = "needs ulimit -n 10100"]
fn a_message_reaches_ten_thousand() {
    publish_to(10_000);
}
