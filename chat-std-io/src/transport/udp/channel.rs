//! [`Channel`]: one connected UDP socket, and what the system reports about it.

use crate::link_handle::LinkHandle;
use crate::stats::IoStats;
use crate::transport::{
    Interest, MAX_DATAGRAM_BYTES, SourceRef, Visit, io_error::local_error, uninterrupted,
};
use chat_core::{LinkError, LinkErrorKind, Timestamp};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Errors in succession that end the link: single ones concern one datagram, a series concerns the
/// socket.
pub(super) const MAX_ERRORS_IN_A_ROW: u32 = 16;
/// Attempts to send a datagram: a second one if the first reported an earlier datagram.
const SEND_ATTEMPTS: usize = 2;
/// Datagrams that one pass sends on a link at most; the next pass continues. More than the client
/// can have ready at one time (udp.md 5.9).
const MAX_SENT_DATAGRAMS: usize = 128;
/// How long this machine must be unable to send before that ends a connection. A network that
/// changes, as a phone's does, has no route for a moment.
pub(super) const MAX_FAULT_MS: u64 = 1_000;
/// A longer time between two faults separates them: pings come every 3 s.
const MAX_FAULT_PAUSE_MS: u64 = 5_000;

/// A connected socket that never blocks.
pub(super) struct Channel {
    pub(super) socket: UdpSocket,
    /// Why the socket is unusable.
    pub(super) broken: Option<LinkError>,
    /// Errors since the system last returned a datagram or had none.
    errors_in_a_row: u32,
    faults: Faults,
    /// The system did not take the last datagram.
    pub(super) blocked: bool,
}

/// Result of one attempt to receive.
#[derive(Debug)]
pub(super) enum Received {
    /// A datagram of so many bytes was written to the buffer.
    Datagram(usize),
    /// A datagram or error that does not concern the client; there may be more.
    Ignored,
    /// No datagram has arrived.
    Nothing,
    /// The socket is unusable.
    End(LinkError),
}

/// Result of sending one datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The system took it.
    Taken,
    /// The system refused this datagram. The client treats that as a loss on the way.
    Dropped,
    /// The system takes nothing now.
    Blocked,
    /// This machine cannot send to the server.
    Fault(LinkError),
}

/// The faults of this machine since it was last able to send.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// It was able to send once.
    worked: bool,
    /// The first and the latest of them.
    since: Option<(Timestamp, Timestamp)>,
}

impl Channel {
    /// Connects a socket. Sends nothing, so it succeeds for any address that has a route.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(address)?;
        // If the system chose the server's port as the local one, no server has it, and the socket
        // would exchange datagrams with itself.
        if socket.local_addr()? == address {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            broken: None,
            errors_in_a_row: 0,
            faults: Faults::default(),
            blocked: false,
        })
    }

    /// Sends one datagram. Returns whether the system took it, or dropped it, which the client
    /// treats alike. A fault that lasts breaks the channel.
    pub(super) fn send(&mut self, datagram: &[u8], now: Timestamp, stats: &mut IoStats) -> bool {
        let sent = send_one(|| self.socket.send(datagram), stats);
        self.on_sent(sent, now)
    }

    pub(super) fn on_sent(&mut self, sent: Sent, now: Timestamp) -> bool {
        self.blocked = sent == Sent::Blocked;
        match sent {
            Sent::Taken => self.faults.end(),
            Sent::Dropped => {}
            Sent::Blocked => return false,
            Sent::Fault(error) => {
                if self.faults.is_lasting(now) {
                    self.broken = Some(error);
                    return false;
                }
            }
        }
        true
    }

    /// Receives one datagram. The buffer must be longer than any datagram: what systems do with one
    /// that does not fit differs.
    pub(super) fn receive(&mut self, buffer: &mut [u8], stats: &mut IoStats) -> Received {
        debug_assert!(
            buffer.len() > MAX_DATAGRAM_BYTES,
            "a datagram that is too long must be noticed"
        );
        if let Some(broken) = self.broken.take() {
            return Received::End(broken);
        }
        stats.reads += 1;
        let result = uninterrupted(|| self.socket.recv(buffer));
        self.on_receive(result, stats)
    }

    pub(super) fn on_receive(
        &mut self,
        result: io::Result<usize>,
        stats: &mut IoStats,
    ) -> Received {
        if let Ok(bytes) = result {
            stats.bytes_read += bytes as u64;
        }
        let received = match result {
            // Proves nothing about a fault: without a route out, a server still gets through.
            Ok(bytes) if bytes <= MAX_DATAGRAM_BYTES => Received::Datagram(bytes),
            // No valid datagram is as long, so the client need not look at it.
            Ok(_) => {
                stats.datagrams_too_long += 1;
                Received::Ignored
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
            Err(error) if is_refusal(&error) => {
                stats.datagrams_refused += 1;
                return Received::Ignored;
            }
            Err(error) => {
                debug_assert!(
                    self.errors_in_a_row < MAX_ERRORS_IN_A_ROW,
                    "the link has ended"
                );
                stats.datagram_errors += 1;
                self.errors_in_a_row += 1;
                return if self.errors_in_a_row < MAX_ERRORS_IN_A_ROW {
                    Received::Ignored
                } else {
                    Received::End(LinkError::from(&error))
                };
            }
        };
        self.errors_in_a_row = 0;
        received
    }

    /// Visits the socket.
    pub(super) fn visit_sources<'a>(&'a self, wants_input: bool, visit: Visit<'_, 'a>) {
        let interest = Interest {
            readable: wants_input,
            writable: self.blocked && self.broken.is_none(),
        };
        visit(SourceRef::Udp(&self.socket), interest);
    }
}

impl Faults {
    /// Records that a datagram was sent.
    pub(super) fn end(&mut self) {
        self.worked = true;
        self.since = None;
    }

    /// Records a fault. Returns whether it lasts: for [`MAX_FAULT_MS`], which only a later datagram
    /// can show, because nothing is sent in between. A machine that was never able to send has no
    /// connection to lose, so its first fault counts at once.
    pub(super) fn is_lasting(&mut self, now: Timestamp) -> bool {
        let (since, latest) = self.since.unwrap_or((now, now));
        // A client with a fault tries again within a second, or at the next ping. After a longer
        // time the program or the machine has slept, and its network needs a moment to wake.
        let slept = now.millis_since(latest) >= MAX_FAULT_PAUSE_MS;
        let since = if slept { now } else { since };
        self.since = Some((since, now));
        !self.worked || now.millis_since(since) >= MAX_FAULT_MS
    }
}

/// Sends up to [`MAX_SENT_DATAGRAMS`] while `send` returns true. Returns whether the client has no
/// more output.
pub(super) fn send_batch(
    client: &mut impl LinkHandle,
    mut send: impl FnMut(&[u8]) -> bool,
) -> bool {
    for _ in 0..MAX_SENT_DATAGRAMS {
        let Some(datagram) = client.transmit() else {
            return true;
        };
        let bytes = datagram.len();
        if !send(datagram) {
            return false;
        }
        client.transmitted(bytes);
    }
    client.transmit().is_none()
}

/// Sends one datagram.
pub(super) fn send_one(mut send: impl FnMut() -> io::Result<usize>, stats: &mut IoStats) -> Sent {
    let mut fault = None;
    for _ in 0..SEND_ATTEMPTS {
        stats.writes += 1;
        fault = match uninterrupted(&mut send) {
            Ok(bytes) => {
                stats.bytes_written += bytes as u64;
                return Sent::Taken;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Sent::Blocked,
            // The system may report an earlier datagram instead of sending this one, with the error
            // that a router returned for it: try again. What the second attempt meets is this
            // machine's own fault.
            Err(error) if is_refusal(&error) => {
                stats.datagrams_refused += 1;
                None
            }
            Err(error) if is_local_fault(&error) => Some(error),
            Err(error) => {
                log::debug!(target: "photon_chat::net", "the system refused a datagram: {error}");
                break;
            }
        };
    }
    stats.datagrams_unsent += 1;
    match fault {
        Some(error) => {
            log::debug!(target: "photon_chat::net", "this machine cannot send: {error}");
            let text =
                format!("this machine cannot send ({error}): check its network and its firewall");
            Sent::Fault(LinkError::new(LinkErrorKind::Local, text))
        }
        None => Sent::Dropped,
    }
}

/// Whether this machine is unable to send, as opposed to a datagram that it refuses.
fn is_local_fault(error: &io::Error) -> bool {
    // Linux reports an IPv4 address that has vanished as an invalid argument.
    local_error(error).kind == LinkErrorKind::Local || error.kind() == ErrorKind::InvalidInput
}

/// Whether the system reports that nothing listened when an earlier datagram arrived.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}
