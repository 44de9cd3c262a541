//! Tests of framing, closing and handshakes: a socket with a fake client, and raw servers.
//!
//! The servers stay raw, unlike those of this crate's integration tests: they break the WebSocket
//! and TLS protocols, cut frames at any byte and stop reading, none of which the development server
//! can be told to do.

mod closing;
mod hostile;
mod messages;
mod open;
#[cfg(feature = "tls")]
mod tls;

use super::{Handshaking, Kind, WebSocket};
use crate::link_handle::LinkHandle;
use crate::poller::sleep_on;
use crate::stats::IoStats;
use crate::transport::tcp::Stream;
use crate::transport::{CHUNK_BYTES, CloseProgress, LinkEnd, ReadOutcome, Setup};
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target, Timestamp};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// Nothing here takes this long: a test that hangs fails instead.
const LONG: Duration = Duration::from_secs(30);
const SUBPROTOCOL: &str = "GpBinaryV18";

/// Stands in for the client.
#[derive(Default)]
struct FakeClient {
    opened: bool,
    received: Vec<Vec<u8>>,
    /// Bytes of messages that were not complete.
    partial_bytes: usize,
    end: Option<LinkEnd>,
    /// Number of messages that it has space for; `None` for any.
    space: Option<usize>,
    outgoing: VecDeque<Vec<u8>>,
}

impl LinkHandle for FakeClient {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }

    fn wants_input(&self) -> bool {
        self.opened && self.space.is_none_or(|space| self.received.len() < space)
    }

    fn handle(&mut self, input: LinkInput<'_>) {
        match input {
            LinkInput::Opened { ipv6 } => {
                assert!(!self.opened && !ipv6);
                self.opened = true;
            }
            LinkInput::Received(message) => self.received.push(message.to_vec()),
            end => panic!("the caller passes it on: {end:?}"),
        }
    }

    fn note_partial_message(&mut self, bytes: usize) {
        assert!(bytes > 0);
        self.partial_bytes += bytes;
    }

    fn transmit(&mut self) -> Option<&[u8]> {
        assert!(self.opened);
        self.outgoing.front().map(Vec::as_slice)
    }

    fn transmitted(&mut self, bytes: usize) {
        assert_eq!(self.outgoing.pop_front().unwrap().len(), bytes);
    }
}

/// A WebSocket with its fake client, and the loop of a session.
struct Harness {
    socket: WebSocket,
    client: FakeClient,
    stats: IoStats,
    buffer: Vec<u8>,
}

impl Harness {
    fn connect(address: SocketAddr, over: Over, text: bool) -> Self {
        Self::connect_with(address, over, text, &over.setup())
    }

    fn connect_with(address: SocketAddr, over: Over, text: bool, setup: &Setup) -> Self {
        let target = target("localhost", address.port(), "/?app=chat");
        let kind = Kind {
            secure: over.is_secure(),
            text,
            subprotocol: SUBPROTOCOL,
        };
        let handshaking = Handshaking::new(&target, kind, setup).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self {
            socket: handshaking.over(Stream::new(stream), false),
            client: FakeClient::default(),
            stats: IoStats::default(),
            buffer: vec![0; CHUNK_BYTES],
        }
    }

    /// One pass, as a session does it.
    fn pass(&mut self) -> ReadOutcome {
        let (client, buffer) = (&mut self.client, &mut self.buffer);
        match self.socket.receive(client, buffer, &mut self.stats) {
            Ok(outcome) => {
                self.socket.send(&mut self.client, &mut self.stats);
                outcome
            }
            Err(end) => {
                self.client.end = Some(end);
                ReadOutcome {
                    any: true,
                    more: false,
                }
            }
        }
    }

    /// Sleeps until there is input, or space for blocked output. Returns whether there is.
    fn sleep(&self, longest: Duration) -> bool {
        let mut ready = false;
        self.socket.visit_sources(true, &mut |source, interest| {
            ready = sleep_on(source, interest, longest);
        });
        ready
    }

    /// Runs passes, with sleeps in the kernel between them, until `until` or the end.
    fn drive(&mut self, mut until: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while self.client.end.is_none() && !until(self) {
            let more = self.pass().more;
            assert!(began.elapsed() < LONG, "hangs");
            if more || self.socket.is_ready() || self.client.end.is_some() || until(self) {
                continue;
            }
            self.sleep(LONG);
        }
    }

    fn open(&mut self) {
        self.drive(|harness| harness.client.opened);
        assert!(self.client.opened, "{:?}", self.client.end);
    }

    fn receive(&mut self, messages: usize) -> &[Vec<u8>] {
        self.drive(|harness| harness.client.received.len() >= messages);
        assert!(self.client.end.is_none(), "{:?}", self.client.end);
        &self.client.received
    }

    /// Waits for the end.
    fn end(&mut self) -> LinkEnd {
        self.drive(|_| false);
        self.client.end.clone().unwrap()
    }

    /// Waits for the failure, and checks whether the link was opened before.
    fn failure(&mut self, opened: bool) -> LinkError {
        let LinkEnd::Failed(error) = self.end() else {
            panic!("no failure: {:?}", self.client.end)
        };
        assert_eq!(self.client.opened, opened, "{error:?}");
        error
    }

    /// Continues the close until it is complete.
    fn finish_close(&mut self) -> CloseProgress {
        let began = Instant::now();
        loop {
            let progress = self
                .socket
                .continue_close(&mut self.buffer, &mut self.stats);
            if progress != CloseProgress::Pending {
                return progress;
            }
            assert!(began.elapsed() < LONG, "hangs");
            self.sleep(LONG);
        }
    }
}

fn target(host: &str, port: u16, path: &str) -> Target {
    Target {
        host: host.into(),
        port,
        path: path.into(),
    }
}

/// The stream below a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Tcp,
    #[cfg(feature = "tls")]
    Tls,
}

impl Over {
    const ALL: &[Self] = &[
        Self::Tcp,
        #[cfg(feature = "tls")]
        Self::Tls,
    ];

    fn is_secure(self) -> bool {
        self != Self::Tcp
    }

    /// A setup that trusts the servers of these tests.
    fn setup(self) -> Setup {
        match self {
            Self::Tcp => Setup::for_test(),
            #[cfg(feature = "tls")]
            Self::Tls => Setup {
                tls: tls::trusting(),
                ..Setup::for_test()
            },
        }
    }

    fn accept(self, stream: Chopped) -> Box<dyn Duplex> {
        match self {
            Self::Tcp => Box::new(stream),
            #[cfg(feature = "tls")]
            Self::Tls => tls::accept(stream, &tls::server_config()),
        }
    }
}

trait Duplex: Read + Write + Send {
    /// The TCP stream itself.
    fn tcp(&self) -> &TcpStream;
}

/// A TCP stream that writes at most `piece` bytes at a time.
struct Chopped {
    stream: TcpStream,
    piece: usize,
}

impl Duplex for Chopped {
    fn tcp(&self) -> &TcpStream {
        &self.stream
    }
}

impl Read for Chopped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Chopped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(&bytes[..bytes.len().min(self.piece)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server for one connection, on a thread.
fn serve_tcp<T: Send + 'static>(
    script: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        script(stream)
    });
    (address, server)
}

type ServerSocket = tungstenite::WebSocket<Box<dyn Duplex>>;

/// A WebSocket server for one connection, which writes at most `piece` bytes at a time.
fn serve_in_pieces<T: Send + 'static>(
    over: Over,
    piece: usize,
    script: impl FnOnce(ServerSocket) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    serve_tcp(move |stream| {
        #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
        let agree = |_: &Request, mut response: Response| {
            response
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse().unwrap());
            Ok::<_, ErrorResponse>(response)
        };
        let stream = over.accept(Chopped { stream, piece });
        script(tungstenite::accept_hdr(stream, agree).unwrap())
    })
}

fn serve<T: Send + 'static>(
    over: Over,
    script: impl FnOnce(ServerSocket) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    serve_in_pieces(over, usize::MAX, script)
}

/// Reads an HTTP request up to its end.
fn read_request(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    String::from_utf8(request).unwrap()
}

/// A frame, unmasked as servers send it. `first` holds FIN, reserved bits and opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(u8::try_from(length).unwrap()),
        length @ ..65_536 => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Bytes that depend on position and length, so that a mix-up shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + length) as u8).collect()
}
