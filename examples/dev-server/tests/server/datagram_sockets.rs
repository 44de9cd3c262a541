//! The server on real UDP sockets. Nothing sleeps: receiving waits for the expected datagram, at
//! most until a deadline.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dev_server::ServerConfig;
use dev_server::server::{ServerOptions, UdpPorts};
use photon_proto::message::{Init, MessageWriter};
use photon_proto::udp::{self, Cause, Delivery, Event};
use photon_proto::{Limits, Protocol, Timestamp, Value};

use crate::harness::{APP, BOTH, Got, credentials, decode, messages, ok, subscribed, texts};
use crate::sockets::{PATIENCE, Running};

struct Client {
    socket: UdpSocket,
    start: Instant,
    connection: udp::Connection,
    protocol: Protocol,
}

impl Client {
    fn connect(address: SocketAddr, protocol: Protocol, challenge: u32) -> Self {
        let any = if address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(address).unwrap();
        let config = patient(udp::Config::client()).with(|config| config.crc = true);
        let connection = udp::Connection::connect(config, challenge, Timestamp::ZERO);
        let mut client = Self {
            socket,
            start: Instant::now(),
            connection,
            protocol,
        };
        assert_eq!(client.next_event(), Event::Connected);
        client.send(|bytes| {
            let application = "chat".into();
            Init {
                protocol: protocol.version(),
                sdk: 31,
                ipv6: false,
                version: [4, 1, 8, 20],
                application,
            }
            .encode(bytes);
        });
        assert_eq!(client.next(), Got::InitResponse);
        client
    }

    /// Logs in at the name server and connects to the front end that it returns.
    fn log_in(server: &Running, user: &str, protocol: Protocol) -> Self {
        let addresses = server.addresses.udp.unwrap();
        let mut names = Self::connect(addresses.name_server, protocol, 1000);
        let mut login = credentials(user);
        login.push((210, "eu".into()));
        names.request(230, login);
        let answer = names.next();
        let address: SocketAddr = answer
            .parameter(230)
            .and_then(Value::as_str)
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(address, addresses.front_end);
        names.leave();
        let mut client = Self::connect(address, protocol, 2000);
        client.request(230, vec![(221, answer.parameter(221).unwrap().clone())]);
        assert_eq!(client.next().return_code(230), 0);
        client
    }

    fn join(server: &Running, user: &str, protocol: Protocol, channel: &str) -> Self {
        let mut client = Self::log_in(server, user, protocol);
        client.request(0, vec![(0, texts(&[channel]))]);
        assert_eq!(
            [client.next(), client.next()],
            [ok(0), subscribed(&[(channel, true)])]
        );
        client
    }

    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.connection.send(0, Delivery::Reliable, &bytes).unwrap();
        self.flush();
    }

    fn request(&mut self, code: u8, parameters: Vec<(u8, Value)>) {
        let protocol = self.protocol;
        self.send(|bytes| {
            let mut writer =
                MessageWriter::request(bytes, protocol, &Limits::DEFAULT, code).unwrap();
            for (key, value) in &parameters {
                writer.put(*key, value).unwrap();
            }
            writer.finish().unwrap();
        });
    }

    fn now(&self) -> Timestamp {
        self.start.elapsed().into()
    }

    fn flush(&mut self) {
        let now = self.now();
        while let Some(datagram) = self.connection.transmit(now) {
            self.socket.send(datagram).unwrap();
            self.connection.transmitted();
        }
    }

    fn next_event(&mut self) -> Event {
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 2048];
        loop {
            let now = self.now();
            if self.connection.poll_timeout().is_some_and(|at| at <= now) {
                self.connection.handle_timeout(now);
            }
            self.flush();
            if let Some(event) = self.connection.poll_event() {
                return event;
            }
            assert!(Instant::now() < deadline, "nothing arrives");
            let wait = self.connection.poll_timeout().map_or(PATIENCE, |at| {
                Duration::from_micros(at.micros_since(now))
                    .clamp(Duration::from_millis(1), PATIENCE)
            });
            self.socket.set_read_timeout(Some(wait)).unwrap();
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let now = self.now();
                    self.connection.handle_datagram(now, &buffer[..length]);
                }
                // A receive with a timeout is interrupted when a program of another test ends.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next message from the server.
    fn next(&mut self) -> Got {
        match self.next_event() {
            Event::Message(mut message) => decode(&mut message.bytes, self.protocol, None).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn leave(mut self) {
        let now = self.now();
        self.connection
            .shutdown(now, Duration::from_secs(5), udp::REASON_CLIENT);
        assert_eq!(self.next_event(), Event::Disconnected(Cause::LocalClose));
    }
}

/// While a test waits for one client, it does not serve the others, so their timeouts must be long.
fn patient(config: udp::Config) -> udp::Config {
    config.with(|config| {
        (config.max_resends, config.disconnect_timeout) = (1000, Duration::from_secs(60))
    })
}

fn options(mut config: ServerConfig) -> ServerOptions {
    config.udp.connection = patient(config.udp.connection);
    ServerOptions {
        name_server_port: 0,
        front_end_port: 0,
        udp: Some(UdpPorts::ANY),
        line_seed: Some(1),
        config,
        ..ServerOptions::default()
    }
}

/// Lets two users exchange messages.
fn talk(server: &Running, users: [&str; 2], channel: &str) {
    let [mut one, mut other] = [0, 1].map(|at| Client::join(server, users[at], BOTH[at], channel));
    for number in 1..=10 {
        let content = Value::from(vec![u8::try_from(number).unwrap(); 3000]);
        one.request(2, vec![(1, channel.into()), (3, content.clone())]);
        assert_eq!(one.next(), ok(2));
        let expected = messages(channel, &[(users[0], content)], number);
        assert_eq!([one.next(), other.next()], [expected.clone(), expected]);
    }
    other.leave();
    let name = channel.to_owned();
    let channel = server
        .handle
        .with_core(move |core| core.channel(APP, "1.0", &name))
        .flatten()
        .unwrap();
    assert_eq!(
        channel.subscribers,
        [users[0]],
        "a disconnect counts before it is acknowledged"
    );
    let user = users[0].to_owned();
    assert_eq!(
        server
            .handle
            .with_core(move |core| core.kick(Timestamp::ZERO, &user, 3, "full")),
        Some(1)
    );
    assert_eq!(
        one.next(),
        Got::Disconnect {
            code: 3,
            text: "full".to_owned()
        }
    );
    assert_eq!(
        one.next_event(),
        Event::Disconnected(Cause::ServerUserLimit)
    );
}

#[test]
fn users_log_in_and_chat_over_udp() {
    let server = Running::start_with(&options(ServerConfig::new()));
    talk(&server, ["alice", "bob"], "c");
    server.stop();
}

#[test]
fn users_chat_over_a_bad_network_whose_conditions_change() {
    let line = "loss=5 duplicate=10 delay=5 jitter=10 corrupt=2"
        .parse()
        .unwrap();
    let server = Running::start_with(&options(
        ServerConfig::new().with(|config| config.conditions = line),
    ));
    talk(&server, ["alice", "bob"], "c");
    server
        .handle
        .with_core(|core| core.control("line off").line);
    talk(&server, ["carol", "dave"], "d");
    server.stop();
}

#[test]
fn the_delay_applies_in_both_directions() {
    let line = "delay=100".parse().unwrap();
    let server = Running::start_with(&options(
        ServerConfig::new().with(|config| config.conditions = line),
    ));
    let address = server.addresses.udp.unwrap().name_server;
    let begin = Instant::now();
    // Two round trips: the connect, then the init.
    let client = Client::connect(address, Protocol::V18, 1);
    assert!(begin.elapsed() >= Duration::from_millis(400));
    assert!(client.connection.round_trip() >= Duration::from_millis(200));
    server.stop();
}

#[test]
fn a_server_on_all_addresses_returns_the_one_that_the_client_reached() {
    for (host, reached) in [("0.0.0.0", "127.0.0.1"), ("::1", "::1")] {
        let options = ServerOptions {
            host: host.to_owned(),
            ..options(ServerConfig::new())
        };
        // Not every machine has IPv6.
        if host == "::1" && UdpSocket::bind((host, 0)).is_err() {
            continue;
        }
        let mut server = Running::start_with(&options);
        for address in server
            .addresses
            .udp
            .iter_mut()
            .flat_map(|udp| [&mut udp.name_server, &mut udp.front_end])
        {
            address.set_ip(reached.parse().unwrap());
        }
        let client = Client::log_in(&server, "alice", Protocol::V18);
        client.leave();
        server.stop();
    }
}
