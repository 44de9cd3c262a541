//! Connecting over TCP: the sockets of a race between addresses.

use super::race::{Race, Step};
use crate::transport::io_error::local_error;
use crate::transport::{Interest, SourceRef, Visit};
use chat_core::{LinkError, LinkErrorKind, Timestamp};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};

/// Connects that race. Dropping it closes them.
pub(super) struct TcpRace {
    race: Race,
    sockets: Vec<Connect>,
}

/// A connect under way.
struct Connect {
    index: usize,
    address: SocketAddr,
    stream: TcpStream,
}

impl TcpRace {
    pub(super) fn new(addresses: &[SocketAddr], now: Timestamp, limit: Timestamp) -> Self {
        Self {
            race: Race::tcp(addresses, now, limit),
            sockets: Vec::new(),
        }
    }

    /// Opens and closes sockets as the race asks. Returns the first that is connected, or an error
    /// that lists all addresses. Never blocks.
    pub(super) fn advance(
        &mut self,
        now: Timestamp,
    ) -> Option<Result<(TcpStream, SocketAddr), LinkError>> {
        self.check(now);
        while let Some(step) = self.race.next_step(now) {
            match step {
                Step::Open(index, address) => match start(address) {
                    Ok(stream) => self.sockets.push(Connect {
                        index,
                        address,
                        stream,
                    }),
                    Err(error) => self.race.failed(index, &local_error(&error), now),
                },
                Step::Close(index) => self.sockets.retain(|connect| connect.index != index),
                Step::Won(index) => {
                    let winner = self.sockets.iter().position(|one| one.index == index)?;
                    let Connect {
                        stream, address, ..
                    } = self.sockets.swap_remove(winner);
                    debug_assert!(self.sockets.is_empty(), "the race closed the others");
                    return Some(Ok((stream, address)));
                }
                Step::Failed(error) => return Some(Err(error)),
            }
        }
        debug_assert_eq!(self.race.open(), self.sockets.len(), "one socket each");
        None
    }

    /// Reports to the race which connects have ended.
    fn check(&mut self, now: Timestamp) {
        let race = &mut self.race;
        self.sockets.retain(|connect| match result(connect) {
            Ok(connected) => {
                if connected {
                    race.won(connect.index);
                }
                true
            }
            Err(error) => {
                race.failed(connect.index, &answered(&error), now);
                false
            }
        });
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.race.deadline()
    }

    /// Visits the sockets of all connects under way.
    pub(super) fn visit_sources<'a>(&'a self, visit: Visit<'_, 'a>) {
        // The system reports a finished connect, and a failed one too, as writable.
        let interest = Interest {
            readable: false,
            writable: true,
        };
        for connect in &self.sockets {
            visit(SourceRef::Tcp(&connect.stream), interest);
        }
    }
}

/// Starts a connect.
///
/// With mio, because it knows the error by which each system reports that a connect has begun.
/// `socket2` leaves that to its callers, and `std` has no stable name for it.
fn start(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::from(mio::net::TcpStream::connect(address)?);
    // Messages are short and complete; Nagle's algorithm would hold them back for an ack.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether a connect is complete, or why it failed.
fn result(connect: &Connect) -> io::Result<bool> {
    if let Some(error) = connect.stream.take_error()? {
        return Err(error);
    }
    match connect.stream.peer_addr() {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
        // macOS reports a connect that is under way so.
        Err(error) if error.kind() == ErrorKind::InvalidInput => return Ok(false),
        Err(error) => return Err(error),
    }
    // On loopback, a connect to a port without a listener can connect to itself: the system may
    // choose that very port as the local one (TCP simultaneous open).
    if connect.stream.local_addr()? == connect.address {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(true)
}

/// The error of a connect that the system had begun, so that another machine caused it: a router
/// reports a missing route, or forbids it (ICMP), with the same numbers as this machine does.
fn answered(error: &io::Error) -> LinkError {
    let mut answered = LinkError::from(error);
    let unanswered = error.kind() == ErrorKind::TimedOut;
    let local = error.kind() == ErrorKind::NetworkDown;
    if unanswered || (answered.kind == LinkErrorKind::Local && !local) {
        answered.kind = LinkErrorKind::Unreachable;
    }
    answered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::race::{MAX_ADDRESSES, MAX_ERROR_BYTES};
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::{Duration, Instant};

    const NOW: Timestamp = Timestamp::ZERO;
    const LIMIT: Timestamp = Timestamp::from_millis(10_000);

    /// A listener, and an address without one.
    fn listener_and_closed_port() -> (TcpListener, SocketAddr) {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (listener, closed) = (bind(), bind());
        (listener, closed.local_addr().unwrap())
    }

    /// The result of a race whose addresses answer at once.
    fn race(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), LinkError> {
        let mut race = TcpRace::new(addresses, NOW, LIMIT);
        let began = Instant::now();
        loop {
            // On Windows even a loopback port refuses only after seconds.
            let elapsed = u64::try_from(began.elapsed().as_millis()).unwrap();
            if let Some(result) = race.advance(NOW.plus_millis(elapsed)) {
                return result;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it ends");
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_first_address_that_accepts_wins() {
        let (listener, closed) = listener_and_closed_port();
        let open = listener.local_addr().unwrap();
        let (stream, address) = race(&[closed, open]).unwrap();
        assert_eq!((address, stream.peer_addr().unwrap()), (open, open));
        assert!(stream.nodelay().unwrap());
        let error = (&stream).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn the_error_lists_all_addresses_up_to_a_limit() {
        let (_listener, closed) = listener_and_closed_port();
        let other = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), closed.port()));
        let error = race(&[closed, other]).unwrap_err();
        assert_eq!(error.kind, LinkErrorKind::Refused);
        for address in [closed, other] {
            let count = error.text.matches(&address.to_string()).count();
            assert_eq!(count, 1, "{}", error.text);
        }

        let many: Vec<_> = (1..200)
            .map(|host| SocketAddr::from((Ipv4Addr::new(127, 0, 1, host), closed.port())))
            .collect();
        let error = race(&many).unwrap_err();
        assert!(error.text.len() < 2 * MAX_ERROR_BYTES, "{}", error.text);
        assert!(many.len() > MAX_ADDRESSES);
    }

    #[test]
    fn an_error_of_another_machine_is_not_local() {
        for (kind, expected) in [
            (ErrorKind::NetworkUnreachable, LinkErrorKind::Unreachable),
            (ErrorKind::HostUnreachable, LinkErrorKind::Unreachable),
            (ErrorKind::PermissionDenied, LinkErrorKind::Unreachable),
            (ErrorKind::TimedOut, LinkErrorKind::Unreachable),
            (ErrorKind::NetworkDown, LinkErrorKind::Local),
            (ErrorKind::ConnectionRefused, LinkErrorKind::Refused),
        ] {
            assert_eq!(answered(&kind.into()).kind, expected, "{kind:?}");
        }
    }
}
