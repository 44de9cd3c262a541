//! [`OpenSocket`]: a socket of a session, for event loops outside of it.

use crate::transport::{Interest, SourceRef};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};

/// An open socket of a session, and what to watch it for at this moment.
/// [`Session::sockets`](crate::Session::sockets) lists them. More fields may be added.
///
/// Watch it, and do nothing else with it: the session reads, writes and closes it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OpenSocket<'a> {
    /// The socket.
    #[cfg(unix)]
    pub socket: BorrowedFd<'a>,
    /// The socket.
    #[cfg(windows)]
    pub socket: BorrowedSocket<'a>,
    /// Watch it for input, the end included.
    pub readable: bool,
    /// Watch it for space for output: the system took no more, or a connect is under way.
    pub writable: bool,
}

impl<'a> OpenSocket<'a> {
    pub(crate) fn new(source: SourceRef<'a>, interest: Interest) -> Self {
        #[cfg(unix)]
        let socket = match source {
            SourceRef::Tcp(stream) => stream.as_fd(),
            SourceRef::Udp(socket) => socket.as_fd(),
        };
        #[cfg(windows)]
        let socket = match source {
            SourceRef::Tcp(stream) => stream.as_socket(),
            SourceRef::Udp(socket) => socket.as_socket(),
        };
        Self {
            socket,
            readable: interest.readable,
            writable: interest.writable,
        }
    }
}
