//! UDP: a connected socket for whole datagrams. Lost datagrams are the client's concern: it
//! resends.

use super::io_error::local_error;
use super::{
    Interest, LinkEnd, MAX_DATAGRAM_BYTES, MAX_READ_DATAGRAMS, ReadOutcome, SourceRef, Visit,
    uninterrupted,
};
use crate::connect::race::{Race, Step};
use crate::link_handle::LinkHandle;
use crate::stats::IoStats;
use chat_core::{LinkError, LinkErrorKind, LinkInput, Timestamp};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Errors in succession that end the link: single ones concern one datagram, a series concerns the
/// socket.
const MAX_ERRORS_IN_A_ROW: u32 = 16;
/// Attempts to send a datagram: a second one if the first reported an earlier datagram.
const SEND_ATTEMPTS: usize = 2;
/// Datagrams that one pass sends on a link at most; the next pass continues. More than the client
/// can have ready at one time (udp.md 5.9).
const MAX_SENT_DATAGRAMS: usize = 128;

/// A connected socket that never blocks.
pub(crate) struct Datagrams {
    socket: UdpSocket,
    /// Why the socket is unusable, until the next receive reports it.
    broken: Option<LinkError>,
    /// Errors since the system last returned a datagram or had none.
    errors_in_a_row: u32,
    /// The last attempt left datagrams that the system did not take.
    pub(crate) unsent: bool,
}

/// Result of one attempt to receive.
#[derive(Debug)]
enum Received {
    /// A datagram of so many bytes was written to the buffer.
    Datagram(usize),
    /// A datagram or error that does not concern the client; there may be more.
    Ignored,
    /// Nothing has arrived.
    Nothing,
    /// The socket is unusable.
    End(LinkError),
}

impl Datagrams {
    /// Opens a socket to the first address that the system accepts. A UDP connect sends nothing,
    /// so this says nothing about a server.
    pub(crate) fn open(
        addresses: &[SocketAddr],
        now: Timestamp,
    ) -> Result<(Self, SocketAddr), LinkError> {
        let mut race = Race::udp(addresses, now);
        loop {
            match race.next_step(now) {
                Some(Step::Open(index, address)) => match connect(address) {
                    Ok(socket) => return Ok((Self::new(socket), address)),
                    Err(error) => race.failed(index, &local_error(&error), now),
                },
                Some(Step::Failed(error)) => return Err(error),
                step => {
                    debug_assert!(false, "nothing is open: {step:?}");
                    return Err(LinkError::new(LinkErrorKind::Io, "no socket"));
                }
            }
        }
    }

    /// When to receive although nothing arrives.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        None
    }

    fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            broken: None,
            errors_in_a_row: 0,
            unsent: false,
        }
    }

    /// Receives up to [`MAX_READ_DATAGRAMS`], including those that are not passed on. Does not ask
    /// whether the client wants input: acks are among them (item 5 of the client's contract).
    pub(crate) fn receive(
        &mut self,
        client: &mut impl LinkHandle,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Result<ReadOutcome, LinkEnd> {
        let mut any = false;
        for _ in 0..MAX_READ_DATAGRAMS {
            match self.receive_one(buffer, stats) {
                Received::Datagram(bytes) => {
                    any = true;
                    let Some(datagram) = buffer.get(..bytes) else {
                        debug_assert!(false, "a datagram fills at most the buffer");
                        continue;
                    };
                    client.handle(LinkInput::Received(datagram));
                }
                Received::Ignored => {}
                Received::Nothing => return Ok(ReadOutcome { any, more: false }),
                Received::End(error) => return Err(LinkEnd::Failed(error)),
            }
        }
        // `more` is a guess: only another receive would show whether a datagram is left, and the
        // next pass makes it.
        Ok(ReadOutcome { any, more: true })
    }

    /// Sends up to [`MAX_SENT_DATAGRAMS`]. A datagram that the system does not take is not
    /// reported: the client builds it anew, with current contents, when it is asked again.
    pub(crate) fn send(&mut self, client: &mut impl LinkHandle, stats: &mut IoStats) {
        if self.is_broken() {
            self.unsent |= client.transmit().is_some();
            return;
        }
        self.unsent = !send_batch(client, |datagram| {
            send_one(|| self.socket.send(datagram), stats)
        });
    }

    /// Receives one datagram. The buffer must be longer than any datagram: what systems do with one
    /// that does not fit differs.
    fn receive_one(&mut self, buffer: &mut [u8], stats: &mut IoStats) -> Received {
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

    fn on_receive(&mut self, result: io::Result<usize>, stats: &mut IoStats) -> Received {
        let received = match result {
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

    /// Whether the next attempt to receive reports the end.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Visits the socket.
    pub(crate) fn visit_sources<'a>(&'a self, wants_input: bool, visit: Visit<'_, 'a>) {
        let interest = Interest {
            readable: wants_input,
            writable: self.unsent && !self.is_broken(),
        };
        visit(SourceRef::Udp(&self.socket), interest);
    }

    /// Ends the link as if the network had failed, whatever has arrived.
    pub(crate) fn simulate_connection_loss(&mut self) {
        self.broken = Some(LinkError::new(LinkErrorKind::Reset, super::SIMULATED_LOSS));
    }
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
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
    Ok(socket)
}

/// Sends up to [`MAX_SENT_DATAGRAMS`] while `send` returns true. Returns whether the client has no
/// more output.
fn send_batch(client: &mut impl LinkHandle, mut send: impl FnMut(&[u8]) -> bool) -> bool {
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

/// Sends one datagram, or drops it, which the client treats alike. Returns false if the system does
/// not take it now.
fn send_one(mut send: impl FnMut() -> io::Result<usize>, stats: &mut IoStats) -> bool {
    for _ in 0..SEND_ATTEMPTS {
        stats.writes += 1;
        match uninterrupted(&mut send) {
            Ok(_) => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // The system reports an earlier datagram instead of sending this one: try again.
            Err(error) if is_refusal(&error) => stats.datagrams_refused += 1,
            Err(error) => {
                log::debug!(target: "photon_chat::net", "the system refused a datagram: {error}");
                break;
            }
        }
    }
    stats.datagrams_unsent += 1;
    true
}

/// Whether the system reports that nothing listened when an earlier datagram arrived.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests;
