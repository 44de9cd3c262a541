//! TCP: connecting, on a thread that may block, and a stream that does not.

use crate::resolve;
use crate::session::IoStats;
use crate::sleep::{self, Woken, uninterrupted};
use crate::socket::{CHUNK_BYTES, MAX_READ_BYTES, Parting};
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long one address may take before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The words about the addresses that were tried are cut to about this length.
const MAX_WORDS_BYTES: usize = 1_000;

/// Resolves a target and connects to it. Blocks.
pub(crate) fn connect(
    target: &Target,
    wanted: impl Fn() -> bool,
) -> Result<(TcpStream, SocketAddr), LinkError> {
    connect_to_first(resolve::addresses(target)?, wanted)
}

/// Connects to the first address that answers. Stops between two addresses once it is not wanted any more.
///
/// If none answers, the error is of the last one's kind and tells of all.
fn connect_to_first(
    addresses: impl Iterator<Item = SocketAddr>,
    wanted: impl Fn() -> bool,
) -> Result<(TcpStream, SocketAddr), LinkError> {
    let mut failed = LinkError::new(LinkErrorKind::Resolve, "the name has no addresses");
    let mut words = String::new();
    for address in addresses.take_while(|_| wanted()) {
        match connect_to(address) {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => {
                if words.len() < MAX_WORDS_BYTES {
                    let separator = if words.is_empty() { "" } else { "; " };
                    words.push_str(&format!("{separator}{address}: {error}"));
                }
                failed = LinkError {
                    text: words.as_str().into(),
                    ..LinkError::from(&error)
                };
            }
        }
    }
    Err(failed)
}

fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
    // On loopback a connect to a port that nobody listens on can meet itself, if the system picks that very port for
    // this end.
    if stream.local_addr()? == address {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// A connected stream that never blocks, except in [`Stream::sleep`].
pub(crate) struct Stream {
    socket: TcpStream,
    /// It is known to be broken, but what arrived before that has not been read yet.
    broken: Option<LinkError>,
    /// Whether the last attempt left bytes that the system did not take.
    pub(crate) unsent: bool,
}

/// What reading brought.
pub(crate) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more: `Closed` or `Failed`.
    End(LinkInput<'static>),
}

impl Stream {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            broken: None,
            unsent: false,
        }
    }

    /// Reads what is there. A stream that broke while it was written to, or slept on, ends after the last byte that
    /// arrived, so that the other side's last words are heard.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Received {
        let result = uninterrupted(|| self.socket.read(buffer));
        match result {
            Ok(0) => Received::End(
                self.broken
                    .take()
                    .map_or(LinkInput::Closed, LinkInput::Failed),
            ),
            Ok(bytes) => Received::Bytes(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => match self.broken.take() {
                Some(broken) => Received::End(LinkInput::Failed(broken)),
                None => Received::Nothing,
            },
            Err(error) => {
                let broken = self
                    .broken
                    .take()
                    .unwrap_or_else(|| LinkError::from(&error));
                Received::End(LinkInput::Failed(broken))
            }
        }
    }

    /// Writes what the system takes of these bytes; 0 if it takes none, or the stream broke.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        match uninterrupted(|| self.socket.write(bytes)) {
            Ok(written) => written,
            Err(error) => {
                if error.kind() != ErrorKind::WouldBlock {
                    self.broken = Some(LinkError::from(&error));
                }
                0
            }
        }
    }

    /// Whether the stream broke, which is told once everything that arrived is read.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Sleeps in the kernel until there is something to read, the end included, at most about this long; whether there
    /// is.
    pub(crate) fn sleep(&mut self, longest: Duration) -> bool {
        match sleep::until_input(&self.socket, longest) {
            Woken::Input => return true,
            Woken::Nothing => return false,
            Woken::Error(error) => self.broken = Some(LinkError::from(&error)),
            Woken::Stuck(error) => self.fail(LinkError::from(&error)),
        }
        true
    }

    /// Cuts the connection in both directions, as if the line had broken: that is what reading then says.
    pub(crate) fn sever(&mut self) {
        self.fail(LinkError::new(
            LinkErrorKind::Reset,
            "severed by this program",
        ));
    }

    /// Cuts the connection in both directions for this reason, which is what reading then says.
    pub(crate) fn fail(&mut self, reason: LinkError) {
        // Fails if the other side was faster.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.broken = Some(reason);
    }

    /// Tells the other side that nothing more follows; false if it cannot be told any more.
    pub(crate) fn finish(&mut self) -> bool {
        self.broken.is_none() && self.socket.shutdown(Shutdown::Write).is_ok()
    }

    /// Throws away what is still coming, up to the other side's end. Never blocks.
    pub(crate) fn drain(&mut self, buffer: &mut [u8], stats: &mut IoStats) -> Parting {
        for _ in 0..MAX_READ_BYTES / CHUNK_BYTES {
            stats.reads += 1;
            match self.read(buffer) {
                Received::Bytes(_) => {}
                Received::Nothing => break,
                Received::End(LinkInput::Closed) => return Parting::Confirmed,
                Received::End(_) => return Parting::Broken,
            }
        }
        Parting::Waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    /// A listener, and an address that nobody listens on.
    fn listener_and_nobody() -> (TcpListener, SocketAddr) {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (listener, closed) = (bind(), bind());
        (listener, closed.local_addr().unwrap())
    }

    #[test]
    fn addresses_are_walked_until_one_answers() {
        let (listener, nobody) = listener_and_nobody();
        let there = listener.local_addr().unwrap();
        let (stream, address) =
            connect_to_first([nobody, there, nobody].into_iter(), || true).unwrap();
        assert_eq!((address, stream.peer_addr().unwrap()), (there, there));
        assert!(stream.nodelay().unwrap());
        assert_eq!(
            (&stream).read(&mut [0]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
    }

    #[test]
    fn the_error_tells_of_all_addresses() {
        let (_listener, nobody) = listener_and_nobody();
        let error = connect_to_first([nobody, nobody].into_iter(), || true).unwrap_err();
        assert_eq!(error.kind, LinkErrorKind::Refused);
        assert_eq!(
            error.text.matches(&nobody.to_string()).count(),
            2,
            "{}",
            error.text
        );

        let error = connect_to_first([nobody; 1_000].into_iter(), || true).unwrap_err();
        assert!(
            error.text.len() < 2 * MAX_WORDS_BYTES,
            "{}",
            error.text.len()
        );

        let error = connect_to_first(std::iter::empty(), || true).unwrap_err();
        assert_eq!(error.kind, LinkErrorKind::Resolve);
    }

    #[test]
    fn giving_up_ends_the_walk() {
        let (listener, nobody) = listener_and_nobody();
        let there = listener.local_addr().unwrap();
        let asked = std::cell::Cell::new(0);
        let wanted = || {
            asked.set(asked.get() + 1);
            asked.get() < 2
        };
        assert!(connect_to_first([nobody, there].into_iter(), wanted).is_err());
    }
}
