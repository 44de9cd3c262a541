//! The byte stream below a WebSocket: TCP, or TLS over TCP.
//!
//! The handshakes, the frames and rustls use a [`Read`] and [`Write`] that never blocks. [`MaybeTlsIo`] is one,
//! for the length of one pass. It keeps within the [`ReadBudget`] of the pass, which also records
//! what `io::Result` cannot express: whether the system has more, and whether it took everything.

use super::io_error::to_io_error;
use super::tcp::{Received, Stream};
#[cfg(feature = "tls")]
use super::tls::{Metered, TlsConnection};
use super::{LinkEnd, MAX_READ_BYTES};
use crate::stats::IoStats;
use chat_core::LinkError;
use std::io::{self, ErrorKind, Read, Write};

/// Bytes that one pass reads at most, or nearly. Smaller in tests, which then reach it before the
/// system's buffers are full.
pub(crate) const PASS_BYTES: usize = if cfg!(test) {
    16 * 1024
} else {
    MAX_READ_BYTES
};

/// A TCP stream, with or without TLS.
pub(crate) struct MaybeTlsStream {
    pub(crate) tcp: Stream,
    // Boxed, so that a stream without TLS stays small.
    #[cfg(feature = "tls")]
    tls: Option<Box<TlsConnection>>,
}

/// The read budget of one pass, and its findings about the system's buffers.
#[derive(Debug)]
pub(crate) struct ReadBudget {
    left: usize,
    /// The system had no more input. Until then there may be input there or in a buffer above.
    pub(crate) drained: bool,
    /// The system took no more output.
    pub(crate) blocked: bool,
}

impl ReadBudget {
    pub(crate) fn new() -> Self {
        Self {
            left: PASS_BYTES,
            drained: false,
            blocked: false,
        }
    }
}

impl MaybeTlsStream {
    pub(crate) fn plain(tcp: Stream) -> Self {
        Self {
            tcp,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(tcp: Stream, tls: TlsConnection) -> Self {
        Self {
            tcp,
            tls: Some(Box::new(tls)),
        }
    }

    /// The stream for one pass.
    pub(crate) fn io<'a>(
        &'a mut self,
        budget: &'a mut ReadBudget,
        stats: &'a mut IoStats,
    ) -> MaybeTlsIo<'a> {
        MaybeTlsIo {
            #[cfg(feature = "tls")]
            tls: self.tls.as_deref_mut(),
            tcp: TcpIo {
                stream: &mut self.tcp,
                budget,
                stats,
            },
        }
    }
}

/// A [`MaybeTlsStream`] for the length of one pass.
pub(crate) struct MaybeTlsIo<'a> {
    #[cfg(feature = "tls")]
    tls: Option<&'a mut TlsConnection>,
    tcp: TcpIo<'a>,
}

impl MaybeTlsIo<'_> {
    /// Continues the TLS handshake, if there is TLS. [`ErrorKind::WouldBlock`] until it is
    /// complete; nothing else is sent before.
    pub(crate) fn handshake(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.handshake(&mut self.tcp);
        }
        Ok(())
    }

    /// Announces that nothing more follows, as far as the system takes it. Returns false if the
    /// connection broke before.
    pub(crate) fn shutdown_write(&mut self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.tcp);
        }
        self.tcp.stream.shutdown_write()
    }

    /// Ends the connection. The next read reports `reason`.
    pub(crate) fn fail(&mut self, reason: LinkError) {
        self.tcp.stream.fail(reason);
    }
}

impl Read for MaybeTlsIo<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut self.tcp, buffer);
        }
        self.tcp.read(buffer)
    }
}

impl Write for MaybeTlsIo<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(&mut self.tcp, bytes);
        }
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.flush(&mut self.tcp);
        }
        Ok(())
    }
}

/// The TCP stream for the length of one pass.
struct TcpIo<'a> {
    stream: &'a mut Stream,
    budget: &'a mut ReadBudget,
    stats: &'a mut IoStats,
}

impl Read for TcpIo<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget.drained || self.budget.left == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.stats.reads += 1;
        match self.stream.read(buffer) {
            Received::Bytes(bytes) => {
                self.stats.bytes_read += bytes as u64;
                // The last read may exceed the budget: the layers above choose the buffer.
                self.budget.left = self.budget.left.saturating_sub(bytes);
                // A partial read means that the system has no more, so another call would be
                // wasted. A broken stream, however, still has its end to report.
                self.budget.drained = bytes < buffer.len() && !self.stream.is_broken();
                Ok(bytes)
            }
            Received::Nothing => {
                self.budget.drained = true;
                Err(ErrorKind::WouldBlock.into())
            }
            Received::End(LinkEnd::Closed) => Ok(0),
            Received::End(LinkEnd::Failed(error)) => Err(to_io_error(error)),
        }
    }
}

#[cfg(feature = "tls")]
impl Metered for TcpIo<'_> {
    fn charge(&mut self, bytes: usize) {
        self.budget.left = self.budget.left.saturating_sub(bytes);
    }
}

impl Write for TcpIo<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stats.writes += 1;
        match self.stream.write(bytes) {
            // If the stream broke, reading reports that, after the last byte that arrived.
            0 => {
                self.budget.blocked = true;
                Err(ErrorKind::WouldBlock.into())
            }
            written => {
                self.stats.bytes_written += written as u64;
                Ok(written)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
