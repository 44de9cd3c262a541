//! System sockets, as a poller or an event loop watches them.

use std::net::{TcpStream, UdpSocket};

/// A system socket that a poller can watch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SourceRef<'a> {
    Tcp(&'a TcpStream),
    Udp(&'a UdpSocket),
}

/// The events of a socket to watch for, at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    /// Input, the end included.
    pub(crate) readable: bool,
    /// Space for output, or the result of a connect.
    pub(crate) writable: bool,
}

/// Receives each source with its interest.
pub(crate) type Visit<'v, 'a> = &'v mut dyn FnMut(SourceRef<'a>, Interest);
