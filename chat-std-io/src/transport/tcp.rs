//! TCP: a connected stream that never blocks.

use super::{
    CHUNK_BYTES, CloseProgress, Interest, LinkEnd, MAX_READ_BYTES, ReadOutcome, SourceRef, Visit,
    uninterrupted,
};
use crate::link_handle::LinkHandle;
use crate::stats::IoStats;
use chat_core::{LinkError, LinkErrorKind, LinkInput};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// A connected stream that never blocks.
pub(crate) struct Stream {
    socket: TcpStream,
    /// Why the stream broke, until [`Stream::read`] reports it: everything that arrived before is
    /// read first, so that the server's last messages are not lost.
    broken: Option<LinkError>,
    /// The last attempt left bytes that the system did not take.
    pub(crate) unsent: bool,
    /// The system took no bytes, and the client still has some. Differs from `unsent` once the
    /// client abandons its output: there is then nothing to write when the system has space.
    blocked: bool,
}

/// Result of one read.
#[derive(Debug)]
pub(crate) enum Received {
    /// The number of bytes that were written to the buffer.
    Bytes(usize),
    /// No bytes have arrived.
    Nothing,
    /// The stream has ended: no bytes will arrive.
    End(LinkEnd),
}

impl Stream {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            broken: None,
            unsent: false,
            blocked: false,
        }
    }

    /// Reads once. A stream that broke during a write reports its end after the last
    /// byte that arrived.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Received {
        let error = match uninterrupted(|| self.socket.read(buffer)) {
            Ok(0) => {
                let end = self.broken.take().map_or(LinkEnd::Closed, LinkEnd::Failed);
                return Received::End(end);
            }
            Ok(bytes) => return Received::Bytes(bytes),
            Err(error) => error,
        };
        match self.broken.take() {
            // The first cause: what the system reports afterwards follows from it.
            Some(broken) => Received::End(LinkEnd::Failed(broken)),
            None if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
            None => Received::End(LinkEnd::Failed(LinkError::from(&error))),
        }
    }

    /// Writes once. Returns the number of bytes that the system took: 0 if it took none or the
    /// stream broke.
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

    /// Whether the stream broke; reading reports it once everything that arrived is read.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Reads up to [`MAX_READ_BYTES`] while the client wants input.
    pub(crate) fn receive(
        &mut self,
        client: &mut impl LinkHandle,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Result<ReadOutcome, LinkEnd> {
        let mut total = 0;
        while total < MAX_READ_BYTES && client.wants_input() {
            stats.reads += 1;
            match self.read(buffer) {
                Received::Bytes(bytes) => {
                    stats.bytes_read += bytes as u64;
                    total += bytes;
                    let Some(received) = buffer.get(..bytes) else {
                        debug_assert!(false, "a read fills at most the buffer");
                        break;
                    };
                    client.handle(LinkInput::Received(received));
                    // A partial read means that the system has no more, so another call would be
                    // wasted. A broken stream, however, still has its end to report.
                    if bytes < buffer.len() && !self.is_broken() {
                        break;
                    }
                }
                Received::Nothing => break,
                Received::End(end) => return Err(end),
            }
        }
        let more = total >= MAX_READ_BYTES && client.wants_input();
        Ok(ReadOutcome {
            any: total > 0,
            more,
        })
    }

    /// Writes until the client has no more output or the system takes no more.
    pub(crate) fn send(&mut self, client: &mut impl LinkHandle, stats: &mut IoStats) {
        if self.is_broken() {
            self.unsent |= client.transmit().is_some();
            return;
        }
        self.blocked = false;
        while let Some(bytes) = client.transmit() {
            stats.writes += 1;
            let written = self.write(bytes);
            stats.bytes_written += written as u64;
            // Stays true if the client abandons the rest: the output was never complete.
            self.unsent = written == 0;
            if self.unsent {
                self.blocked = true;
                break;
            }
            client.transmitted(written);
        }
    }

    /// Visits the socket.
    pub(crate) fn visit_sources<'a>(&'a self, wants_input: bool, visit: Visit<'_, 'a>) {
        let interest = Interest {
            readable: wants_input,
            writable: self.blocked && !self.is_broken(),
        };
        visit(self.source(), interest);
    }

    /// The system socket.
    pub(crate) fn source(&self) -> SourceRef<'_> {
        SourceRef::Tcp(&self.socket)
    }

    /// Shuts down both directions. Reading then reports `reason`.
    pub(crate) fn fail(&mut self, reason: LinkError) {
        // The server sees the end too. Fails if the server ended the connection first.
        let _ = self.socket.shutdown(Shutdown::Both);
        self.broken = Some(reason);
    }

    /// Ends the connection as if the network had failed.
    pub(crate) fn simulate_connection_loss(&mut self) {
        self.fail(LinkError::new(LinkErrorKind::Reset, super::SIMULATED_LOSS));
    }

    /// Announces that nothing more follows. Returns false if the connection broke before.
    pub(crate) fn shutdown_write(&mut self) -> bool {
        self.blocked = false;
        self.broken.is_none() && self.socket.shutdown(Shutdown::Write).is_ok()
    }

    /// Continues a close: discards input until the server closes its side (RFC 9112, 9.6).
    pub(crate) fn continue_close(
        &mut self,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> CloseProgress {
        debug_assert_eq!(buffer.len(), CHUNK_BYTES, "reads are counted in chunks");
        for _ in 0..MAX_READ_BYTES / CHUNK_BYTES {
            stats.reads += 1;
            match self.read(buffer) {
                Received::Bytes(bytes) => stats.bytes_read += bytes as u64,
                Received::Nothing => break,
                Received::End(LinkEnd::Closed) => return CloseProgress::Confirmed,
                Received::End(LinkEnd::Failed(_)) => return CloseProgress::Broken,
            }
        }
        CloseProgress::Pending
    }
}
