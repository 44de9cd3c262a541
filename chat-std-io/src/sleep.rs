//! Sleeping in the kernel until one socket has something to read.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

/// Longest sleep that cannot notice everything it waits for. Shorter than a frame of a game, and
/// long enough to cost no measurable CPU time.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A connected, non-blocking socket that can be made to block.
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
    /// There is something to read, or reading reports what happened.
    Input,
    /// The time has passed, or nearly.
    Nothing,
    /// The system reported an error, which reading may not meet again.
    Error(io::Error),
    /// The socket cannot be made non-blocking again, so it must not be used.
    Stuck(io::Error),
}

/// Sleeps until there is something to read, the end included, for at most about `longest`.
///
/// It peeks instead of reading. On systems that cancel a read at its timeout, bytes that arrive at
/// that moment could be lost; and with a peek, only one place reads.
pub(crate) fn until_input(socket: &impl Blocking, longest: Duration) -> Woken {
    let prepared = socket
        .set_read_timeout(whole_millis(longest))
        .and_then(|()| socket.set_nonblocking(false));
    if prepared.is_err() {
        // Some systems refuse to set options of a broken connection. Reading reports the cause.
        thread::sleep(longest.min(POLL_INTERVAL));
        return Woken::Input;
    }
    // From here to the second `set_nonblocking` the socket blocks, so nothing else may use it; the
    // caller's `&mut` borrow of its owner ensures that.
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

/// Whether the read timeout passed. `TimedOut` means that only on Windows; elsewhere it is the end
/// of a connection whose peer is gone.
fn is_timeout(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || (cfg!(windows) && error.kind() == ErrorKind::TimedOut)
}

/// Rounds up to at least one millisecond: systems count read timeouts in milliseconds or coarser, a
/// timeout of zero is an error, and one that fires before a deadline would need another sleep.
fn whole_millis(time: Duration) -> Duration {
    let millis = time.as_micros().div_ceil(1_000).max(1);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Repeats a call while a signal interrupts it.
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
