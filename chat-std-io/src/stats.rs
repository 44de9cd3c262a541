//! [`IoStats`]: counts of system calls and bytes.

/// Counts of a session's system calls, for checking a program's loop: an idle session's counts do
/// not grow in [`Session::wait`], except for a ping and its answer every few seconds.
///
/// Each starts at 0 and only grows. More counts may be added.
///
/// [`Session::wait`]: crate::Session::wait
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IoStats {
    /// Sleeps in the kernel by [`Session::wait`](crate::Session::wait) or
    /// [`Session::close`](crate::Session::close); each ends with one wake-up.
    pub wakeups: u64,
    /// Reads of a socket, with or without a result.
    pub reads: u64,
    /// Writes to a socket.
    pub writes: u64,
    /// Bytes that these reads returned: with TLS encrypted ones, without the headers of the network.
    pub bytes_read: u64,
    /// Bytes that these writes took, counted as for reads.
    pub bytes_written: u64,
    /// Reports of the system that nothing listened for an earlier datagram (`ECONNREFUSED`,
    /// `ECONNRESET`). They end no link: a server may listen by the time of the resend, and if none
    /// does, the client's own deadlines end the connection.
    pub datagrams_refused: u64,
    /// Datagrams that the system refused to send for another reason. The client treats them as lost
    /// on the way, and resends their reliable contents. A fault of this machine that lasts ends the
    /// link ([`LinkErrorKind::Local`](crate::LinkErrorKind::Local)).
    pub datagrams_unsent: u64,
    /// Datagrams that were dropped because they were longer than 2,048 bytes, the longest valid
    /// length.
    pub datagrams_too_long: u64,
    /// Other errors of receiving a datagram. A single one is ignored; 16 in succession end the
    /// link.
    pub datagram_errors: u64,
}
