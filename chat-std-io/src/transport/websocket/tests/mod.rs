//! A client's side that is played by hand, and servers on threads of their own.

mod ends;
mod hostile;
mod messages;
mod open;
#[cfg(feature = "tls")]
mod tls;

use super::{Handshaking, Kind, WebSocket};
use crate::connect::addresses;
use crate::link_handle::LinkHandle;
use crate::sleep::POLL_INTERVAL;
use crate::stats::IoStats;
use crate::transport::tcp::Stream;
use crate::transport::{CHUNK_BYTES, CloseProgress, LinkEnd, ReadOutcome, Setup};
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// Nothing here takes this long; a test that hangs fails instead.
const LONG: Duration = Duration::from_secs(30);
const SUBPROTOCOL: &str = "GpBinaryV18";

/// The client's side of a link.
#[derive(Default)]
struct Core {
    opened: bool,
    heard: Vec<Vec<u8>>,
    end: Option<LinkEnd>,
    /// How many messages there is room for.
    room: Option<usize>,
    outgoing: VecDeque<Vec<u8>>,
}

impl LinkHandle for Core {
    fn wants_input(&self) -> bool {
        self.opened && self.room.is_none_or(|room| self.heard.len() < room)
    }

    fn handle(&mut self, input: LinkInput<'_>) {
        match input {
            LinkInput::Opened { ipv6 } => {
                assert!(!self.opened && !ipv6);
                self.opened = true;
            }
            LinkInput::Received(message) => self.heard.push(message.to_vec()),
            end => panic!("the caller passes it on: {end:?}"),
        }
    }

    fn transmit(&mut self) -> Option<&[u8]> {
        assert!(self.opened);
        self.outgoing.front().map(Vec::as_slice)
    }

    fn transmitted(&mut self, bytes: usize) {
        assert_eq!(self.outgoing.pop_front().unwrap().len(), bytes);
    }
}

/// A WebSocket, and the loop around it.
struct Client {
    socket: WebSocket,
    core: Core,
    stats: IoStats,
    buffer: Vec<u8>,
}

impl Client {
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
        let (stream, _) = addresses::tcp(&[address], || true).unwrap();
        Self {
            socket: handshaking.over(Stream::new(stream), false),
            core: Core::default(),
            stats: IoStats::default(),
            buffer: vec![0; CHUNK_BYTES],
        }
    }

    /// One pass, as the pump does it.
    fn pass(&mut self) -> ReadOutcome {
        match self.socket.receive(&mut self.core, &mut self.stats) {
            Ok(outcome) => {
                self.socket.send(&mut self.core, &mut self.stats);
                outcome
            }
            Err(end) => {
                self.core.end = Some(end);
                ReadOutcome {
                    any: true,
                    more: false,
                }
            }
        }
    }

    /// Passes, with sleeps in the kernel between them, until it is so or the end.
    fn drive(&mut self, mut until: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while self.core.end.is_none() && !until(self) {
            let more = self.pass().more;
            assert!(began.elapsed() < LONG, "hangs");
            if more || self.socket.is_ready() || self.core.end.is_some() || until(self) {
                continue;
            }
            let longest = if self.socket.unsent {
                POLL_INTERVAL
            } else {
                LONG
            };
            self.socket.stream().sleep(longest);
        }
    }

    fn open(&mut self) {
        self.drive(|client| client.core.opened);
        assert!(self.core.opened, "{:?}", self.core.end);
    }

    fn hear(&mut self, messages: usize) -> &[Vec<u8>] {
        self.drive(|client| client.core.heard.len() >= messages);
        assert!(self.core.end.is_none(), "{:?}", self.core.end);
        &self.core.heard
    }

    /// The end that comes.
    fn end(&mut self) -> LinkEnd {
        self.drive(|_| false);
        self.core.end.clone().unwrap()
    }

    /// The failure that comes, before it opened or after.
    fn failure(&mut self, opened: bool) -> LinkError {
        let LinkEnd::Failed(error) = self.end() else {
            panic!("no failure: {:?}", self.core.end)
        };
        assert_eq!(self.core.opened, opened, "{error:?}");
        error
    }

    /// What becomes of it once it is closed, or has ended.
    fn part(&mut self) -> CloseProgress {
        let began = Instant::now();
        loop {
            let parting = self
                .socket
                .continue_close(&mut self.buffer, &mut self.stats);
            if parting != CloseProgress::Pending {
                return parting;
            }
            assert!(began.elapsed() < LONG, "hangs");
            let longest = if self.socket.unsent {
                POLL_INTERVAL
            } else {
                LONG
            };
            self.socket.stream().sleep(longest);
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

/// What is under a WebSocket.
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

    /// Trusts the servers of these tests.
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
    /// The connection below.
    fn tcp(&self) -> &TcpStream;
}

/// Writes in pieces of at most so many bytes.
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

/// A server for one connection: what it does with it.
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

type Served = tungstenite::WebSocket<Box<dyn Duplex>>;

/// The same over WebSocket; it writes in pieces of at most so many bytes.
fn serve_in_pieces<T: Send + 'static>(
    over: Over,
    piece: usize,
    script: impl FnOnce(Served) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    serve_tcp(move |stream| {
        #[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
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
    script: impl FnOnce(Served) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    serve_in_pieces(over, usize::MAX, script)
}

/// Reads up to the end of a request.
fn read_request(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    String::from_utf8(request).unwrap()
}

/// A frame as servers send it.
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

/// Bytes that tell places and lengths apart.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + length) as u8).collect()
}
