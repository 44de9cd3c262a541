//! Sleeping on a socket, in the kernel, until there is something to read.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

/// How long anything sleeps at most that could not notice what it waits for.
pub(crate) const TURN: Duration = Duration::from_millis(10);

/// A connected socket that does not block, but can be told to.
pub(crate) trait Blocking {
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()>;
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
    fn peek(&self) -> io::Result<usize>;
}

impl Blocking for TcpStream {
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.set_nonblocking(nonblocking)
    }

    fn peek(&self) -> io::Result<usize> {
        self.peek(&mut [0])
    }
}

impl Blocking for UdpSocket {
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.set_nonblocking(nonblocking)
    }

    fn peek(&self) -> io::Result<usize> {
        self.peek(&mut [0])
    }
}

/// Why a sleep ended.
#[derive(Debug)]
pub(crate) enum Woken {
    /// There is something to read, or reading tells what happened.
    Input,
    /// The time is over, or nearly.
    Nothing,
    /// The system says this instead of letting it read; it need not say so again.
    Error(io::Error),
    /// The socket cannot be kept from blocking any more: nobody may use it.
    Stuck(io::Error),
}

/// Sleeps until there is something to read, the end included, at most about this long.
///
/// It peeks instead of reading: a read whose timeout fires may lose what arrives at that moment on systems that cancel
/// it, and what arrives is then read in one place only.
pub(crate) fn until_input(socket: &impl Blocking, longest: Duration) -> Woken {
    let prepared = socket
        .set_read_timeout(whole_millis(longest))
        .and_then(|()| socket.set_nonblocking(false));
    if prepared.is_err() {
        // Some systems refuse options of a connection that the other side broke: reading tells what it is.
        thread::sleep(longest.min(TURN));
        return Woken::Input;
    }
    let woken = match socket.peek() {
        Ok(_) => Woken::Input,
        Err(error) if is_timeout(&error) || error.kind() == ErrorKind::Interrupted => {
            Woken::Nothing
        }
        Err(error) => Woken::Error(error),
    };
    match socket.set_nonblocking(true) {
        Ok(()) => woken,
        Err(error) => Woken::Stuck(error),
    }
}

/// How systems say that nothing came within the read timeout. Elsewhere than on Windows `TimedOut` is the end of a
/// connection whose other side is gone.
fn is_timeout(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || (cfg!(windows) && error.kind() == ErrorKind::TimedOut)
}

/// Rounded up: systems count read timeouts in milliseconds or coarser, a timeout of zero is an error, and one that fires
/// before a deadline would only have to be followed by another.
fn whole_millis(time: Duration) -> Duration {
    let millis = time.as_micros().div_ceil(1_000).max(1);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Repeats a call for as long as a signal interrupts it.
pub(crate) fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_rounded_up() {
        for (micros, millis) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (249_999, 250)] {
            assert_eq!(
                whole_millis(Duration::from_micros(micros)),
                Duration::from_millis(millis),
                "{micros}"
            );
        }
        assert_eq!(whole_millis(Duration::MAX), Duration::from_millis(u64::MAX));
    }
}
