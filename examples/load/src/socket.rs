//! [`Link`]: the non-blocking socket of a link, and the input that it produces for the client.

use chat_core::{ChatClient, LinkError, LinkId, LinkInput, Timestamp, Wire};
use mio::net::{TcpStream, UdpSocket};
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};

/// The size of the receive buffer that all links share: one byte more than the longest valid
/// datagram, so that a longer one is recognised. Spec: udp.md 9, item 5.
pub(crate) const BUFFER_BYTES: usize = 2_049;
/// The most reads, and the most writes, of one link in a pass, so that every client gets its turn.
const MAX_PER_PASS: usize = 32;
/// The longest wait for the peer's end of a closed stream, in milliseconds. If the socket were
/// dropped at once, data that still arrives would cause a reset, which may destroy data that the
/// peer has not read yet. Spec: RFC 9112, 9.6, describes the same for HTTP.
const LINGER_MS: u64 = 1_000;

/// A link that the client has opened.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    socket: Socket,
    phase: Phase,
    /// There may be data to read. The system reports it once only (edge-triggered), so the flag
    /// stays set until a read finds nothing.
    readable: bool,
    /// The last write was incomplete; the system will report when the socket is writable.
    blocked: bool,
    /// Whether the poll watches for writability.
    watched: bool,
}

#[derive(Debug)]
enum Socket {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

#[derive(Debug)]
enum Phase {
    /// A stream that is not connected yet.
    Connecting,
    Open,
    /// A stream that the client has closed. It is kept until the peer closes it, or until this
    /// time.
    Closing(Timestamp),
}

/// Traffic of all links.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    /// Datagrams or chunks received.
    pub(crate) received: u64,
    /// Datagrams or chunks sent.
    pub(crate) sent: u64,
    /// Datagrams that the system refused to send, or that were too long. Resends repair the loss.
    pub(crate) lost: u64,
}

/// Whether a link is still needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    /// It has ended, and the client knows.
    Ended,
}

impl Link {
    /// Opens a socket. A datagram socket is open at once; a stream is open when [`Link::progress`]
    /// has reported it.
    pub(crate) fn open(
        id: LinkId,
        wire: Wire,
        address: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let (mut socket, phase) = match wire {
            Wire::Datagram => {
                let any = match address {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                (Socket::Datagrams(socket), Phase::Open)
            }
            Wire::Stream => (
                Socket::Stream(TcpStream::connect(address)?),
                Phase::Connecting,
            ),
            _ => {
                return Err(io::Error::new(
                    ErrorKind::Unsupported,
                    "this program supports udp:// and tcp:// only",
                ));
            }
        };
        // A stream becomes writable when it is connected. A datagram socket is watched only after a
        // blocked write, because the system would report it after every datagram.
        let watched = matches!(phase, Phase::Connecting);
        match &mut socket {
            Socket::Datagrams(socket) => registry.register(socket, token, interest(watched))?,
            Socket::Stream(socket) => registry.register(socket, token, interest(watched))?,
        }
        Ok(Self {
            id,
            socket,
            phase,
            readable: false,
            blocked: false,
            watched,
        })
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Notes readiness of the socket. Both sockets of a client have the same token, so the
    /// readiness may be that of the other one; then a read or write finds nothing.
    pub(crate) fn wake(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.blocked &= !writable;
    }

    /// Whether it needs another pass without waiting.
    pub(crate) fn has_work(&self, chat: &ChatClient) -> bool {
        match (&self.phase, &self.socket) {
            (Phase::Connecting, _) => false,
            (Phase::Closing(_), _) | (Phase::Open, Socket::Datagrams(_)) => self.readable,
            (Phase::Open, Socket::Stream(_)) => self.readable && chat.wants_input(self.id),
        }
    }

    /// The time at which it needs a pass, in addition to the client's deadline.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Closing(until) => Some(until),
            _ => None,
        }
    }

    /// Hands over what has happened: that it is open, what was received, that it ended.
    pub(crate) fn progress(
        &mut self,
        chat: &mut ChatClient,
        now: Timestamp,
        buffer: &mut [u8],
        traffic: &mut Traffic,
    ) -> Fate {
        let end = match (&mut self.phase, &mut self.socket) {
            (Phase::Connecting, Socket::Stream(stream)) => match connected(stream) {
                Ok(None) => None,
                Ok(Some(address)) => {
                    self.phase = Phase::Open;
                    chat.handle_link(
                        now,
                        self.id,
                        LinkInput::Opened {
                            ipv6: address.is_ipv6(),
                        },
                    );
                    None
                }
                Err(error) => Some(LinkInput::Failed(LinkError::from(&error))),
            },
            (Phase::Closing(until), Socket::Stream(stream)) => {
                let ended = *until <= now || discard(stream, &mut self.readable, buffer);
                // Core has forgotten it.
                return if ended { Fate::Ended } else { Fate::Alive };
            }
            (_, Socket::Datagrams(socket)) => {
                receive(socket, &mut self.readable, buffer, traffic, |datagram| {
                    chat.handle_link(now, self.id, LinkInput::Received(datagram));
                });
                None
            }
            (_, Socket::Stream(stream)) => {
                let mut end = None;
                for _ in 0..MAX_PER_PASS {
                    if !self.readable || end.is_some() || !chat.wants_input(self.id) {
                        break;
                    }
                    match stream.read(buffer) {
                        Ok(0) => end = Some(LinkInput::Closed),
                        Ok(bytes) => {
                            traffic.received += 1;
                            let bytes = buffer.get(..bytes).unwrap_or_default();
                            chat.handle_link(now, self.id, LinkInput::Received(bytes));
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            self.readable = false
                        }
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => end = Some(LinkInput::Failed(LinkError::from(&error))),
                    }
                }
                end
            }
        };
        let Some(end) = end else { return Fate::Alive };
        chat.handle_link(now, self.id, end);
        Fate::Ended
    }

    /// Sends the client's bytes until the socket blocks or the limit is reached. Returns whether
    /// more could be sent at once.
    pub(crate) fn send(
        &mut self,
        chat: &mut ChatClient,
        now: Timestamp,
        registry: &Registry,
        token: Token,
        traffic: &mut Traffic,
    ) -> bool {
        if !self.is_open() {
            return false;
        }
        let mut left = MAX_PER_PASS;
        while !self.blocked && left > 0 {
            left -= 1;
            let Some(bytes) = chat.transmit(now, self.id) else {
                break;
            };
            match self.socket.write(bytes) {
                Ok(written) => {
                    traffic.sent += 1;
                    chat.transmitted(self.id, written);
                }
                Err(error) => match (error.kind(), &self.socket) {
                    (ErrorKind::WouldBlock, _) => self.blocked = true,
                    (ErrorKind::Interrupted, _) => {}
                    // An ICMP error of an earlier datagram; this one was not sent, and is tried
                    // again.
                    (
                        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset,
                        Socket::Datagrams(_),
                    ) => {}
                    (_, Socket::Datagrams(_)) => {
                        traffic.lost += 1;
                        let bytes = bytes.len();
                        chat.transmitted(self.id, bytes);
                    }
                    // A read returns the same error, after the data that the peer sent before.
                    (_, Socket::Stream(_)) => {
                        self.readable = true;
                        return false;
                    }
                },
            }
        }
        self.watch(self.blocked, registry, token);
        !self.blocked && chat.transmit(now, self.id).is_some()
    }

    /// Closes the link for the client. A stream is kept until the peer closes it, or for a moment.
    pub(crate) fn close(&mut self, now: Timestamp) -> Fate {
        match &self.socket {
            Socket::Stream(stream)
                if self.is_open() && stream.shutdown(Shutdown::Write).is_ok() =>
            {
                self.phase = Phase::Closing(now.plus_millis(LINGER_MS));
                Fate::Alive
            }
            _ => Fate::Ended,
        }
    }

    /// Starts or stops watching for writability.
    fn watch(&mut self, watched: bool, registry: &Registry, token: Token) {
        if self.watched == watched {
            return;
        }
        let result = match &mut self.socket {
            Socket::Datagrams(socket) => registry.reregister(socket, token, interest(watched)),
            Socket::Stream(socket) => registry.reregister(socket, token, interest(watched)),
        };
        // If it fails, the next pass of this client tries again.
        if result.is_ok() {
            self.watched = watched;
        }
    }
}

impl Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Datagrams(socket) => socket.send(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }
}

fn interest(writable: bool) -> Interest {
    if writable {
        Interest::READABLE | Interest::WRITABLE
    } else {
        Interest::READABLE
    }
}

/// The peer's address if the stream is connected.
fn connected(stream: &TcpStream) -> io::Result<Option<SocketAddr>> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(address) => {
            // Disables Nagle's algorithm. Spec: wire.md 6.
            stream.set_nodelay(true)?;
            Ok(Some(address))
        }
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(None),
        Err(error) => Err(error),
    }
}

/// Receives a limited number of datagrams.
fn receive(
    socket: &UdpSocket,
    readable: &mut bool,
    buffer: &mut [u8],
    traffic: &mut Traffic,
    mut on_datagram: impl FnMut(&[u8]),
) {
    for _ in 0..MAX_PER_PASS {
        if !*readable {
            return;
        }
        match socket.recv(buffer) {
            Ok(bytes) if bytes < BUFFER_BYTES => {
                traffic.received += 1;
                on_datagram(buffer.get(..bytes).unwrap_or_default());
            }
            Ok(_) => traffic.lost += 1,
            Err(error) => match error.kind() {
                // An ICMP error: the server may not listen yet. Resends and the client's deadlines
                // decide.
                ErrorKind::Interrupted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset => {}
                _ => *readable = false,
            },
        }
    }
}

/// Discards data that a closed stream still receives. Returns whether the peer has closed it.
fn discard(stream: &mut TcpStream, readable: &mut bool, buffer: &mut [u8]) -> bool {
    for _ in 0..MAX_PER_PASS {
        if !*readable {
            return false;
        }
        match stream.read(buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => *readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return true,
        }
    }
    false
}

/// The input for a link that cannot be opened.
pub(crate) fn failed(error: &io::Error, address: SocketAddr) -> LinkInput<'static> {
    let kind = LinkError::from(error).kind;
    LinkInput::Failed(LinkError::new(kind, format!("{address}: {error}")))
}
