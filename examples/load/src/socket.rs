//! One link's socket, which never blocks: mio's UDP or TCP, and what the client has to hear of it.

use chat_core::{ChatClient, LinkError, LinkId, LinkInput, Timestamp, Wire};
use mio::net::{TcpStream, UdpSocket};
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};

/// The one buffer that all links of a process receive into. A byte more than any datagram that counts, so that a longer
/// one is not mistaken for one. Spec: udp.md 9, item 5.
pub(crate) const BUFFER_BYTES: usize = 2_049;
/// Reads, and sent datagrams, of one link before the other clients get their turn.
const PER_PASS: usize = 32;
/// How long a stream that core has closed waits for the other side's end, in milliseconds. Without that, what is still
/// under way to it would be answered with a reset.
const LINGER_MS: u64 = 1_000;

/// A link that core has asked for.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    socket: Socket,
    phase: Phase,
    /// There may be something to read. The system says so once, so this stands until there is nothing.
    readable: bool,
    /// The system takes no more; it will say when it does.
    blocked: bool,
    /// Whether it is asked to say when it can be written to.
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
    /// A stream that core has closed: until this time, or until the other side has ended it too.
    Closing(Timestamp),
}

/// What has passed through all links.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    /// Datagrams or chunks received.
    pub(crate) received: u64,
    /// Datagrams or chunks sent.
    pub(crate) sent: u64,
    /// Datagrams that the system refused to send, or that were too long. As good as lost: they are sent again.
    pub(crate) lost: u64,
}

/// Whether a link goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Lives,
    /// It is over, and core knows.
    Over,
}

impl Link {
    /// Opens a socket. One for datagrams is open at once; a stream is when [`Link::progress`] says so.
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
                    "only udp:// and tcp:// are there",
                ));
            }
        };
        // Whether a datagram socket can be written to is asked only when it could not be: the system would say it after
        // every datagram. A stream says in this way that it is connected.
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

    /// Whether core can be told that it is open.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Notes what the system says of this socket, or of another one with the same token, which does no harm.
    pub(crate) fn wake(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.blocked &= !writable;
    }

    /// Whether there is something to do without waiting.
    pub(crate) fn has_work(&self, chat: &ChatClient) -> bool {
        match (&self.phase, &self.socket) {
            (Phase::Connecting, _) => false,
            (Phase::Closing(_), _) | (Phase::Open, Socket::Datagrams(_)) => self.readable,
            (Phase::Open, Socket::Stream(_)) => self.readable && chat.wants_input(self.id),
        }
    }

    /// When it wants a pass, whatever the client says.
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
                let ended = *until <= now || drain(stream, &mut self.readable, buffer);
                // Core has forgotten it.
                return if ended { Fate::Over } else { Fate::Lives };
            }
            (_, Socket::Datagrams(socket)) => {
                receive(socket, &mut self.readable, buffer, traffic, |datagram| {
                    chat.handle_link(now, self.id, LinkInput::Received(datagram));
                });
                None
            }
            (_, Socket::Stream(stream)) => {
                let mut end = None;
                for _ in 0..PER_PASS {
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
        let Some(end) = end else { return Fate::Lives };
        chat.handle_link(now, self.id, end);
        Fate::Over
    }

    /// Sends what core has, as far as the system takes it; whether there is more without the system being in the way.
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
        let mut left = PER_PASS;
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
                    // Said of an earlier datagram, instead of sending this one, which is offered again.
                    (
                        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset,
                        Socket::Datagrams(_),
                    ) => {}
                    (_, Socket::Datagrams(_)) => {
                        traffic.lost += 1;
                        let bytes = bytes.len();
                        chat.transmitted(self.id, bytes);
                    }
                    // Reading says the same, after the last words of the other side.
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

    /// Core has closed it. A stream is kept until the other side has ended it too, or for a moment.
    pub(crate) fn close(&mut self, now: Timestamp) -> Fate {
        match &self.socket {
            Socket::Stream(stream)
                if self.is_open() && stream.shutdown(Shutdown::Write).is_ok() =>
            {
                self.phase = Phase::Closing(now.plus_millis(LINGER_MS));
                Fate::Lives
            }
            _ => Fate::Over,
        }
    }

    /// Asks the system to say when the socket can be written to, or not to say it any more.
    fn watch(&mut self, watched: bool, registry: &Registry, token: Token) {
        if self.watched == watched {
            return;
        }
        let result = match &mut self.socket {
            Socket::Datagrams(socket) => registry.reregister(socket, token, interest(watched)),
            Socket::Stream(socket) => registry.reregister(socket, token, interest(watched)),
        };
        // If the system cannot watch it, the next pass tries again, for the next thing that happens to this client.
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

/// The other side's address once a stream is connected.
fn connected(stream: &TcpStream) -> io::Result<Option<SocketAddr>> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(address) => {
            // Nagle off. Spec: wire.md 6.
            stream.set_nodelay(true)?;
            Ok(Some(address))
        }
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(None),
        Err(error) => Err(error),
    }
}

/// Receives datagrams, up to a bound.
fn receive(
    socket: &UdpSocket,
    readable: &mut bool,
    buffer: &mut [u8],
    traffic: &mut Traffic,
    mut hand_over: impl FnMut(&[u8]),
) {
    for _ in 0..PER_PASS {
        if !*readable {
            return;
        }
        match socket.recv(buffer) {
            Ok(bytes) if bytes < BUFFER_BYTES => {
                traffic.received += 1;
                hand_over(buffer.get(..bytes).unwrap_or_default());
            }
            Ok(_) => traffic.lost += 1,
            Err(error) => match error.kind() {
                // Nobody listens there yet, perhaps: resends, and the client's deadlines, decide.
                ErrorKind::Interrupted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset => {}
                _ => *readable = false,
            },
        }
    }
}

/// Throws away what a closed stream still receives; whether it has ended.
fn drain(stream: &mut TcpStream, readable: &mut bool, buffer: &mut [u8]) -> bool {
    for _ in 0..PER_PASS {
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

/// What core hears if a link cannot be opened.
pub(crate) fn failed(error: &io::Error, address: SocketAddr) -> LinkInput<'static> {
    let kind = LinkError::from(error).kind;
    LinkInput::Failed(LinkError::new(kind, format!("{address}: {error}")))
}
