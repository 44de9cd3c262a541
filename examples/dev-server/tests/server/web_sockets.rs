//! The server on real WebSockets, with and without TLS. Nothing sleeps: reads wait for the expected
//! bytes, at most until a deadline.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use dev_server::server::{Certificate, ServerOptions, WsPorts, WssOptions};
use dev_server::sim::Rng;
use dev_server::{Fault, ServerConfig, ServerKind, Step, SubProtocol};
use photon_proto::{Protocol, Value};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tungstenite::error::ProtocolError;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Bytes, ClientRequestBuilder, Error, Message, Utf8Bytes, WebSocket};

use crate::harness::{Got, credentials, messages, ok, private, texts};
use crate::messages::{decode_message, request};
use crate::sockets::{Client as StreamClient, PATIENCE, Running};

trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

struct Client {
    socket: WebSocket<Box<dyn Wire>>,
    subprotocol: SubProtocol,
    secure: bool,
    got: Vec<Got>,
}

fn start(config: ServerConfig) -> Running {
    Running::start_with(&options(config))
}

fn options(config: ServerConfig) -> ServerOptions {
    let wss = WssOptions {
        ports: WsPorts::ANY,
        ..WssOptions::default()
    };
    ServerOptions {
        name_server_port: 0,
        front_end_port: 0,
        ws: Some(WsPorts::ANY),
        wss: Some(wss),
        config,
        ..ServerOptions::default()
    }
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn trusting(pem: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn wire(server: &Running, address: SocketAddr, host: &str, secure: bool) -> Box<dyn Wire> {
    let stream = tcp(address);
    if !secure {
        return Box::new(stream);
    }
    let config = trusting(server.certificate.as_deref().unwrap());
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).unwrap();
    Box::new(StreamOwned::new(
        ClientConnection::new(config, name).unwrap(),
        stream,
    ))
}

impl Client {
    fn connect(
        server: &Running,
        server_kind: ServerKind,
        subprotocol: SubProtocol,
        secure: bool,
    ) -> Self {
        let both = if secure {
            server.addresses.wss
        } else {
            server.addresses.ws
        }
        .unwrap();
        let address = if server_kind == ServerKind::NameServer {
            both.name_server
        } else {
            both.front_end
        };
        Self::connect_to(server, address, "localhost", subprotocol, secure)
    }

    fn connect_to(
        server: &Running,
        address: SocketAddr,
        host: &str,
        subprotocol: SubProtocol,
        secure: bool,
    ) -> Self {
        let uri = format!("ws://{host}:{}/app-1?libversion=4.4.0.0", address.port())
            .parse()
            .unwrap();
        let request = ClientRequestBuilder::new(uri).with_sub_protocol(subprotocol.name());
        let (socket, response) =
            tungstenite::client(request, wire(server, address, host, secure)).unwrap();
        assert_eq!(
            response.headers()["Sec-WebSocket-Protocol"],
            subprotocol.name()
        );
        let mut client = Self {
            socket,
            subprotocol,
            secure,
            got: Vec::new(),
        };
        assert_eq!(client.next(), Got::InitResponse);
        client
    }

    /// Logs in at the name server and connects to the front end that it returns.
    fn join(server: &Running, user: &str, subprotocol: SubProtocol, secure: bool) -> Self {
        let mut names = Self::connect(server, ServerKind::NameServer, subprotocol, secure);
        let mut login = credentials(user);
        login.push((210, "eu".into()));
        names.request(230, login);
        let answer = names.next();
        let both = if secure {
            server.addresses.wss
        } else {
            server.addresses.ws
        }
        .unwrap();
        let scheme = if secure { "wss" } else { "ws" };
        let address = format!("{scheme}://localhost:{}", both.front_end.port());
        assert_eq!(answer.parameter(230), Some(&address.as_str().into()));
        names.leave();
        let mut client = Self::connect(server, ServerKind::FrontEnd, subprotocol, secure);
        client.request(230, vec![(221, answer.parameter(221).unwrap().clone())]);
        assert_eq!(client.next().return_code(230), 0);
        client.request(0, vec![(0, texts(&["c"]))]);
        assert_eq!(client.next(), ok(0));
        assert!(matches!(client.next(), Got::Event { code: 5, .. }));
        client
    }

    fn request(&mut self, code: u8, parameters: Vec<(u8, Value)>) {
        let message = request(self.subprotocol, code, parameters);
        self.send(message);
    }

    fn send(&mut self, message: Vec<u8>) {
        self.socket
            .send(match self.subprotocol.is_text() {
                true => Message::Text(Utf8Bytes::try_from(Bytes::from(message)).unwrap()),
                false => Message::Binary(message.into()),
            })
            .unwrap();
    }

    fn publish(&mut self, content: impl Into<Value>) {
        self.request(2, vec![(1, "c".into()), (3, content.into())]);
    }

    fn next(&mut self) -> Got {
        while self.got.is_empty() {
            let message = match self.socket.read().unwrap() {
                Message::Text(text) if self.subprotocol.is_text() => text.as_bytes().to_vec(),
                Message::Binary(bytes) if !self.subprotocol.is_text() => bytes.to_vec(),
                Message::Ping(_) | Message::Pong(_) => continue,
                other => panic!("{other:?}"),
            };
            self.got = decode_message(self.subprotocol, None, message);
        }
        self.got.remove(0)
    }

    /// Closes the WebSocket as a client does: waits for the server's close frame and the end of the
    /// stream.
    fn leave(mut self) {
        self.socket.close(None).unwrap();
        loop {
            match self.socket.read() {
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads up to the server's close frame, and returns its code.
    fn close_code(&mut self) -> CloseCode {
        loop {
            if let Message::Close(frame) = self.socket.read().unwrap() {
                return frame.unwrap().code;
            }
        }
    }
}

const KINDS: [(SubProtocol, bool); 6] = [
    (SubProtocol::GpBinaryV16, false),
    (SubProtocol::GpBinaryV18, false),
    (SubProtocol::Json, false),
    (SubProtocol::GpBinaryV16, true),
    (SubProtocol::GpBinaryV18, true),
    (SubProtocol::Json, true),
];

#[test]
fn websocket_clients_of_every_serialization_share_a_channel_with_tcp() {
    let server = start(ServerConfig::new());
    let mut stream = StreamClient::connect(server.addresses.front_end, Protocol::V18);
    stream.request(230, credentials("stream"));
    assert_eq!(stream.next().return_code(230), 0);
    stream.request(0, vec![(0, texts(&["c"]))]);
    assert_eq!(stream.next(), ok(0));
    assert!(matches!(stream.next(), Got::Event { code: 5, .. }));
    let mut all: Vec<(String, Client)> = KINDS
        .iter()
        .map(|(subprotocol, secure)| {
            let user = format!("{}-{secure}", subprotocol.name());
            let client = Client::join(&server, &user, *subprotocol, *secure);
            (user, client)
        })
        .collect();
    let mut id = 0;
    for sender in 0..all.len() {
        let (user, client) = &mut all[sender];
        let (user, content) = (
            user.clone(),
            Value::from(format!("héllo \u{1F600} {sender}").as_str()),
        );
        id += 1;
        client.publish(content.clone());
        assert_eq!(client.next(), ok(2));
        for (_, receiver) in &mut all {
            assert_eq!(
                receiver.next(),
                messages("c", &[(&user, content.clone())], id)
            );
        }
        assert_eq!(stream.next(), messages("c", &[(&user, content)], id));
    }
    let (user, client) = &mut all[2];
    client.request(3, vec![(225, "stream".into()), (3, "psst".into())]);
    assert_eq!(client.next(), ok(3));
    assert_eq!(client.next(), private(user, "stream", "psst", 1));
    assert_eq!(stream.next(), private(user, "stream", "psst", 1));
    for (_, client) in all {
        client.leave();
    }
    while server.handle.with_core(|core| core.stats().users).unwrap() > 1 {
        std::thread::yield_now();
    }
    drop(stream);
    server.stop();
}

#[test]
fn the_front_end_address_repeats_the_clients_host_header() {
    let server = start(ServerConfig::new());
    for (host, secure, expected) in [
        ("127.0.0.1", false, "ws://127.0.0.1"),
        ("localhost", true, "wss://localhost"),
        ("[::1]", true, "wss://[::1]"),
    ] {
        let both = if secure {
            server.addresses.wss
        } else {
            server.addresses.ws
        }
        .unwrap();
        let mut client = Client::connect_to(
            &server,
            both.name_server,
            host,
            SubProtocol::GpBinaryV18,
            secure,
        );
        assert_eq!(client.secure, secure);
        client.request(220, vec![(224, "app-1".into())]);
        let answer = client.next();
        let address = format!("{expected}:{}", both.front_end.port());
        assert_eq!(answer.parameter(230), Some(&texts(&[address.as_str(); 3])));
    }
    server.stop();
}

#[test]
fn long_messages_arrive_whole_in_both_directions() {
    let server = start(ServerConfig::new());
    let mut id = 0;
    for secure in [false, true] {
        let mut alice = Client::join(
            &server,
            &format!("alice-{secure}"),
            SubProtocol::Json,
            secure,
        );
        let mut bob = Client::join(
            &server,
            &format!("bob-{secure}"),
            SubProtocol::GpBinaryV18,
            secure,
        );
        for round in 0..5 {
            let long = format!("{round}{}", "x".repeat(20_000));
            let content = texts(&[long.as_str(); 20]);
            id += 1;
            let event = messages("c", &[(&format!("alice-{secure}"), content.clone())], id);
            alice.publish(content);
            assert_eq!(alice.next(), ok(2));
            assert_eq!((alice.next(), bob.next()), (event.clone(), event));
        }
        alice.leave();
        bob.leave();
    }
    server.stop();
}

#[test]
fn a_client_that_does_not_read_is_disconnected_and_the_others_continue() {
    let server = start(ServerConfig::new().with(|config| config.max_outgoing_bytes = 600_000));
    for secure in [false, true] {
        let ended = server
            .handle
            .with_core(|core| core.stats().overrun_connections)
            .unwrap();
        let slow = Client::join(
            &server,
            &format!("slow-{secure}"),
            SubProtocol::GpBinaryV18,
            secure,
        );
        let mut alice = Client::join(
            &server,
            &format!("alice-{secure}"),
            SubProtocol::GpBinaryV18,
            secure,
        );
        let mut sent = 0;
        while server
            .handle
            .with_core(|core| core.stats().overrun_connections)
            .unwrap()
            == ended
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
    }
    server.stop();
}

#[test]
fn the_last_message_arrives_before_the_close_frame() {
    let server = start(ServerConfig::new());
    for secure in [false, true] {
        let mut alice = Client::join(
            &server,
            &format!("alice-{secure}"),
            SubProtocol::GpBinaryV18,
            secure,
        );
        server.handle.with_faults(|faults| {
            faults.times(
                Step::Publish,
                Fault::Disconnect {
                    code: 7,
                    text: "bye".to_owned(),
                },
                1,
            );
        });
        for _ in 0..20 {
            // Some of these writes fail, because the connection has ended.
            let _ = alice.socket.send(Message::Binary(
                request(
                    SubProtocol::GpBinaryV18,
                    2,
                    vec![(1, "c".into()), (3, "x".repeat(20_000).into())],
                )
                .into(),
            ));
        }
        assert_eq!(
            alice.next(),
            Got::Disconnect {
                code: 7,
                text: "bye".to_owned()
            }
        );
        assert_eq!(alice.close_code(), CloseCode::Normal);

        // Messages of the wrong type.
        let mut bob = Client::join(&server, &format!("bob-{secure}"), SubProtocol::Json, secure);
        bob.socket
            .send(Message::Binary(vec![0xF3, 2].into()))
            .unwrap();
        assert_eq!(bob.close_code(), CloseCode::Unsupported);
        // A message that is too long.
        let mut carol = Client::join(
            &server,
            &format!("carol-{secure}"),
            SubProtocol::GpBinaryV18,
            secure,
        );
        let _ = carol
            .socket
            .send(Message::Binary(vec![0; 2_000_000].into()));
        match carol.socket.read() {
            Ok(Message::Close(frame)) => assert_eq!(frame.unwrap().code, CloseCode::Size),
            // The reset discards output that the client has not read.
            Err(Error::Io(_) | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {}
            other => panic!("{other:?}"),
        }
        // The server answers pings.
        let mut dave = Client::join(
            &server,
            &format!("dave-{secure}"),
            SubProtocol::Json,
            secure,
        );
        dave.socket
            .send(Message::Ping(Bytes::from_static(b"?")))
            .unwrap();
        assert_eq!(
            dave.socket.read().unwrap(),
            Message::Pong(Bytes::from_static(b"?"))
        );
        dave.leave();
    }
    while server
        .handle
        .with_core(|core| core.stats().connections)
        .unwrap()
        > 0
    {
        std::thread::yield_now();
    }
    server.stop();
}

#[test]
fn requests_without_a_websocket_upgrade_get_an_error_response() {
    let server = start(ServerConfig::new());
    let ws = server.addresses.ws.unwrap();
    for (request, part) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "WebSockets only"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
            "ask for the sub-protocol",
        ),
        ("\u{16}\u{3}\u{1}\u{2}\u{e9}", "400"),
    ] {
        let mut stream = tcp(ws.name_server);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.contains(part),
            "{answer}"
        );
    }
    // Plain text on a TLS port: perhaps an alert, then the end.
    let mut stream = tcp(server.addresses.wss.unwrap().name_server);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.len() < 20, "{answer:?}");
    server.stop();
}

#[test]
fn random_bytes_end_their_own_connection_at_most() {
    const SECRET: [u8; 4] = [1, 2, 3, 4];
    let server = start(ServerConfig::new());
    let both = server.addresses.ws.unwrap();
    let mut rng = Rng::new(18);
    for round in 0..200_u64 {
        let mut noise: Vec<u8> = (0..rng.below(300)).map(|_| rng.below(256) as u8).collect();
        if round % 2 == 0 {
            // A complete WebSocket message of the right type with random content.
            let length = noise.len().min(125);
            noise.truncate(length);
            noise
                .iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte ^= SECRET[at % 4]);
            noise.splice(0..0, [0x82, 0x80 | length as u8].into_iter().chain(SECRET));
        }
        let mut stream = tcp(if round % 3 == 0 {
            both.name_server
        } else {
            both.front_end
        });
        if round % 5 > 0 {
            let request = "GET /app HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: GpBinaryV18\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
        }
        // The server may have closed the connection already.
        let _ = stream.write_all(&noise);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let mut alice = Client::join(&server, "alice", SubProtocol::Json, false);
    alice.publish("still here");
    assert_eq!(alice.next(), ok(2));
    alice.leave();
    while server
        .handle
        .with_core(|core| core.stats().connections)
        .unwrap()
        > 0
    {
        std::thread::yield_now();
    }
    server.stop();
}

#[test]
fn the_certificate_covers_the_served_hosts_or_is_the_users_own() {
    let server =
        start(ServerConfig::new().with(|config| config.public_host = Some("chat.test".to_owned())));
    let address = server.addresses.wss.unwrap().name_server;
    for (name, good) in [
        ("chat.test", true),
        ("127.0.0.1", true),
        ("other.test", false),
    ] {
        let mut wire = wire(&server, address, name, true);
        assert_eq!(wire.write_all(b"x").is_ok(), good, "{name}");
    }
    server.stop();

    let own = rcgen::generate_simple_self_signed(vec!["own.test".to_owned()]).unwrap();
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let with = |chain: &str, key: &str| {
        let mut options = options(ServerConfig::new());
        let certificate = Certificate::Pem {
            chain: chain.to_owned(),
            key: key.to_owned(),
        };
        options.wss = Some(WssOptions {
            ports: WsPorts::ANY,
            certificate,
        });
        options
    };
    let good = with(&chain, &key);
    assert!(!format!("{good:?}").contains("PRIVATE"));
    let server = Running::start_with(&good);
    assert_eq!(server.certificate.as_deref(), Some(chain.as_str()));
    let address = server.addresses.wss.unwrap().front_end;
    Client::connect_to(&server, address, "own.test", SubProtocol::Json, true).leave();
    server.stop();

    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (chain, key) in [
        ("", key.as_str()),
        ("nonsense", &key),
        (&chain, ""),
        (&chain, &chain),
        (&chain, &other),
    ] {
        let error = dev_server::server::Server::bind(&with(chain, key))
            .err()
            .unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

/// A fragment of a message that goes on.
fn fragment(bytes: usize, first: bool) -> Message {
    use tungstenite::protocol::frame::Frame;
    use tungstenite::protocol::frame::coding::{Data, OpCode};
    let kind = if first { Data::Binary } else { Data::Continue };
    Message::Frame(Frame::message(vec![0; bytes], OpCode::Data(kind), false))
}

#[test]
fn sound16_unfinished_messages_before_a_login_are_limited_on_sockets() {
    let config = ServerConfig::new().with(|config| config.max_total_unfinished_bytes = 80_000);
    let server = start(config);
    for secure in [false, true] {
        let protocol = SubProtocol::GpBinaryV18;
        let mut one = Client::connect(&server, ServerKind::FrontEnd, protocol, secure);
        one.socket.send(fragment(40_000, true)).unwrap();
        one.socket.send(fragment(40_000, false)).unwrap();
        assert_eq!(one.close_code(), CloseCode::Size);
        // The cap of all: the second connection exceeds it, and one of the two ends.
        let mut two = Client::connect(&server, ServerKind::FrontEnd, protocol, secure);
        let mut three = Client::connect(&server, ServerKind::FrontEnd, protocol, secure);
        two.socket.send(fragment(40_000, true)).unwrap();
        three.socket.send(fragment(60_000, true)).unwrap();
        assert_eq!(three.close_code(), CloseCode::Normal, "the one with most");
        two.leave();
        // After the login the limit of messages applies.
        let mut alice = Client::join(&server, &format!("alice-{secure}"), protocol, secure);
        alice.publish(vec![0_u8; 200_000]);
        assert_eq!(alice.next(), ok(2));
        assert!(matches!(alice.next(), Got::Event { code: 0, .. }));
        alice.leave();
    }
    server.stop();
}
