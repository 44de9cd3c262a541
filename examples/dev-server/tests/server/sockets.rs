//! The server on real sockets. Nothing sleeps: reads wait for the expected bytes, and fail after a
//! timeout.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use dev_server::server::{Addresses, Server, ServerHandle, ServerOptions};
use dev_server::{Fault, ServerConfig, ServerKind, Step};
use photon_proto::message::{Init, MessageWriter};
use photon_proto::tcp::{self, Delivery, Item, Splitter};
use photon_proto::{Limits, Protocol, Value};

use crate::harness::{BOTH, Got, credentials, decode, messages, ok, texts};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server in its own thread, stopped when dropped.
pub(crate) struct Running {
    pub(crate) addresses: Addresses,
    pub(crate) handle: ServerHandle,
    /// The certificate that wss clients must trust.
    pub(crate) certificate: Option<String>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Running {
    fn start(config: ServerConfig) -> Self {
        let options = ServerOptions {
            name_server_port: 0,
            front_end_port: 0,
            config,
            ..ServerOptions::default()
        };
        Self::start_with(&options)
    }

    pub(crate) fn start_with(options: &ServerOptions) -> Self {
        let server = Server::bind(options).unwrap();
        let (addresses, handle) = (server.addresses(), server.handle());
        let certificate = server.certificate_pem().map(str::to_owned);
        Self {
            addresses,
            handle,
            certificate,
            thread: Some(std::thread::spawn(move || server.run())),
        }
    }

    pub(crate) fn stop(mut self) {
        self.handle.stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
        assert!(self.handle.with_core(|core| core.stats()).is_none());
        self.handle.stop();
    }
}

pub(crate) struct Client {
    stream: TcpStream,
    splitter: Splitter,
    protocol: Protocol,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, protocol: Protocol) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let splitter = Splitter::new(
            photon_proto::Role::Client,
            Limits::DEFAULT.max_received_bytes,
        );
        let mut client = Self {
            stream,
            splitter,
            protocol,
        };
        let init = Init {
            protocol: protocol.version(),
            sdk: 31,
            ipv6: false,
            version: [4, 1, 8, 20],
            application: "chat".into(),
        };
        client.send(|bytes| init.encode(bytes));
        assert_eq!(client.next(), Got::InitResponse);
        client
    }

    /// Logs in at the name server and connects to the front end that it returns.
    fn log_in(server: &Running, user: &str, protocol: Protocol) -> Self {
        let mut names = Self::connect(server.addresses.name_server, protocol);
        let mut login = credentials(user);
        login.push((210, "eu".into()));
        names.request(230, login);
        let answer = names.next();
        let address = answer.parameter(230).and_then(Value::as_str).unwrap();
        assert_eq!(address, server.addresses.front_end.to_string());
        let mut client = Self::connect(address.parse().unwrap(), protocol);
        client.request(230, vec![(221, answer.parameter(221).unwrap().clone())]);
        assert_eq!(client.next().return_code(230), 0);
        client
    }

    fn join(server: &Running, user: &str, protocol: Protocol) -> Self {
        let mut client = Self::log_in(server, user, protocol);
        client.request(0, vec![(0, texts(&["c"]))]);
        assert_eq!(client.next(), ok(0));
        assert!(matches!(client.next(), Got::Event { code: 5, .. }));
        client
    }

    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        let frame = tcp::begin_frame(&mut bytes, 0, Delivery::Reliable);
        write(&mut bytes);
        tcp::end_frame(&mut bytes, frame);
        self.stream.write_all(&bytes).unwrap();
    }

    pub(crate) fn request(&mut self, code: u8, parameters: Vec<(u8, Value)>) {
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

    fn publish(&mut self, content: impl Into<Value>) {
        self.request(2, vec![(1, "c".into()), (3, content.into())]);
    }

    /// The next message from the server.
    pub(crate) fn next(&mut self) -> Got {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(item) = self.splitter.next().unwrap() {
                let Item::Frame { message, .. } = item else {
                    panic!("{item:?}")
                };
                return decode(self.splitter.message_mut(message), self.protocol, None)
                    .unwrap_or(Got::Undecodable);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Got::Closed,
                Ok(count) => self.splitter.push(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Got::Closed,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn many_clients_receive_every_message_exactly_once() {
    const CLIENTS: usize = 30;
    const MESSAGES: usize = 5;
    let server = Running::start(ServerConfig::new());
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|at| Client::join(&server, &format!("u{at}"), BOTH[at % 2]))
        .collect();
    for round in 0..MESSAGES {
        for (at, client) in clients.iter_mut().enumerate() {
            client.publish(Value::Int(i32::try_from(round * CLIENTS + at).unwrap()));
        }
    }
    for client in &mut clients {
        let mut seen = Vec::new();
        let mut last_id = 0;
        while seen.len() < CLIENTS * MESSAGES {
            let got = client.next();
            if got == ok(2) {
                continue;
            }
            last_id += 1;
            assert_eq!(got.parameter(8), Some(&Value::Int(last_id)));
            seen.extend(Vec::<Value>::try_from(got.parameter(2).unwrap().clone()).unwrap());
        }
        seen.sort();
        let expected: Vec<Value> = (0..CLIENTS * MESSAGES)
            .map(|number| Value::Int(number as i32))
            .collect();
        assert_eq!(seen, expected);
    }
    let stats = server.handle.with_core(|core| core.stats()).unwrap();
    assert_eq!(
        (stats.users, stats.messages, stats.channels),
        (CLIENTS, (CLIENTS * MESSAGES) as u64, 1)
    );
    drop(clients);
    server.stop();
}

#[test]
fn large_messages_arrive_in_small_reads() {
    let server = Running::start(ServerConfig::new());
    let mut alice = Client::join(&server, "alice", Protocol::V18);
    let mut bob = Client::join(&server, "bob", Protocol::V16);
    let content = Value::from(vec![7_u8; 400_000]);
    for last_id in 1..=5 {
        alice.publish(content.clone());
        assert_eq!(
            bob.next(),
            messages("c", &[("alice", content.clone())], last_id)
        );
    }
    server.stop();
}

#[test]
fn a_client_that_does_not_read_is_disconnected_and_the_others_continue() {
    let server =
        Running::start(ServerConfig::new().with(|config| config.max_outgoing_bytes = 600_000));
    let slow = Client::join(&server, "slow", Protocol::V18);
    let mut alice = Client::join(&server, "alice", Protocol::V18);
    let mut sent = 0;
    while server
        .handle
        .with_core(|core| core.stats().overrun_connections)
        .unwrap()
        == 0
    {
        assert!(sent < 500, "64 MB and it still goes on");
        alice.publish(Value::from(vec![0_u8; 128 * 1024]));
        assert_eq!(alice.next(), ok(2));
        assert!(matches!(alice.next(), Got::Event { code: 0, .. }));
        sent += 1;
    }
    alice.publish("still here");
    assert_eq!(alice.next(), ok(2));
    drop(slow);
    server.stop();
}

#[test]
fn faults_change_while_the_server_runs_and_a_disconnect_message_arrives() {
    let server = Running::start(ServerConfig::new());
    let mut alice = Client::join(&server, "alice", Protocol::V18);
    server.handle.with_faults(|faults| {
        faults.on(
            Step::Publish,
            Fault::Disconnect {
                code: 7,
                text: "bye".to_owned(),
            },
        );
    });
    // Several requests: input that the server does not read any more must not cost the client the
    // last message.
    for _ in 0..50 {
        alice.publish(Value::from(vec![0_u8; 20_000]));
    }
    assert_eq!(
        alice.next(),
        Got::Disconnect {
            code: 7,
            text: "bye".to_owned()
        }
    );
    assert_eq!(alice.next(), Got::Closed);
    server.handle.with_faults(|faults| {
        faults.clear();
        faults.on(Step::Accept(ServerKind::FrontEnd), Fault::Close);
    });
    let mut stream = TcpStream::connect(server.addresses.front_end).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    let stats = server.handle.with_core(|core| core.stats()).unwrap();
    assert_eq!(stats.connections, 0);
    server.stop();
}

#[test]
fn binding_a_used_port_fails_with_its_address() {
    let server = Running::start(ServerConfig::new());
    let taken = server.addresses.name_server;
    let options = ServerOptions {
        name_server_port: taken.port(),
        front_end_port: 0,
        ..ServerOptions::default()
    };
    let error = Server::bind(&options).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    server.stop();
}
