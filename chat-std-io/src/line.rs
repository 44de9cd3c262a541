//! The byte line under a WebSocket: a TCP stream, bare or with TLS over it.
//!
//! To those above it is a [`Read`] and [`Write`] that never block, for the length of one pass ([`Line::io`]): tungstenite
//! and rustls want it so. What they cannot carry is in the [`Turn`]: whether the system has more, and why the line broke.

use crate::session::IoStats;
use crate::socket::MAX_READ_BYTES;
use crate::tcp::{Received, Stream};
#[cfg(feature = "tls")]
use crate::tls::Secure;
use chat_core::{LinkError, LinkInput};
use std::io::{self, ErrorKind, Read, Write};

/// How many bytes one pass reads at most, or nearly. Tests come to it before the system's buffers are full.
pub(crate) const PASS_BYTES: usize = if cfg!(test) {
    16 * 1024
} else {
    MAX_READ_BYTES
};

pub(crate) struct Line {
    pub(crate) stream: Stream,
    #[cfg(feature = "tls")]
    secure: Option<Box<Secure>>,
}

/// One pass: what it may read, and what it found.
#[derive(Debug)]
pub(crate) struct Turn {
    /// How many bytes it may still read, or nearly.
    left: usize,
    /// The system had no more. Until then there is input, here or in a buffer above.
    pub(crate) dry: bool,
    /// The system took no more.
    pub(crate) blocked: bool,
    /// Why the line broke, for the [`io::Error`] that the layers above passed on.
    error: Option<LinkError>,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Self {
            left: PASS_BYTES,
            dry: false,
            blocked: false,
            error: None,
        }
    }

    /// Remembers why the line broke; what stands for it on the way up.
    pub(crate) fn fail(&mut self, error: LinkError) -> io::Error {
        self.error = Some(error);
        ErrorKind::InvalidData.into()
    }

    /// Why the line broke.
    pub(crate) fn reason(&mut self, error: &io::Error) -> LinkError {
        self.error.take().unwrap_or_else(|| LinkError::from(error))
    }
}

impl Line {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            #[cfg(feature = "tls")]
            secure: None,
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn secured(stream: Stream, secure: Secure) -> Self {
        Self {
            stream,
            secure: Some(Box::new(secure)),
        }
    }

    /// The line for one pass.
    pub(crate) fn io<'a>(&'a mut self, turn: &'a mut Turn, stats: &'a mut IoStats) -> LineIo<'a> {
        LineIo {
            #[cfg(feature = "tls")]
            secure: self.secure.as_deref_mut(),
            raw: Raw {
                stream: &mut self.stream,
                turn,
                stats,
            },
        }
    }
}

/// A line for the length of one pass.
pub(crate) struct LineIo<'a> {
    #[cfg(feature = "tls")]
    secure: Option<&'a mut Secure>,
    pub(crate) raw: Raw<'a>,
}

impl LineIo<'_> {
    /// Sets TLS up, if there is to be any; [`ErrorKind::WouldBlock`] until that is done. Nothing else is sent before.
    pub(crate) fn establish(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.establish(&mut self.raw);
        }
        Ok(())
    }

    /// Tells the other side that nothing more follows, as far as the system takes it; false if it cannot be told.
    pub(crate) fn finish(&mut self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            secure.finish(&mut self.raw);
        }
        self.raw.stream.finish()
    }
}

impl Read for LineIo<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.read(&mut self.raw, buffer);
        }
        self.raw.read(buffer)
    }
}

impl Write for LineIo<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.write(&mut self.raw, bytes);
        }
        self.raw.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(secure) = &mut self.secure {
            return secure.flush(&mut self.raw);
        }
        Ok(())
    }
}

/// The stream itself.
pub(crate) struct Raw<'a> {
    stream: &'a mut Stream,
    pub(crate) turn: &'a mut Turn,
    stats: &'a mut IoStats,
}

impl Raw<'_> {
    /// Cuts the line for this reason.
    pub(crate) fn fail(&mut self, reason: LinkError) {
        self.stream.fail(reason);
    }
}

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.turn.dry || self.turn.left == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.stats.reads += 1;
        match self.stream.read(buffer) {
            Received::Bytes(bytes) => {
                self.turn.left = self.turn.left.saturating_sub(bytes);
                // The system had no more, so that asking again would only cost a call. The end of a stream that is
                // broken already is at hand, though.
                self.turn.dry = bytes < buffer.len() && !self.stream.is_broken();
                Ok(bytes)
            }
            Received::Nothing => {
                self.turn.dry = true;
                Err(ErrorKind::WouldBlock.into())
            }
            Received::End(LinkInput::Failed(error)) => Err(self.turn.fail(error)),
            Received::End(_) => Ok(0),
        }
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stats.writes += 1;
        match self.stream.write(bytes) {
            // A stream that broke says so when it is read, after the last byte that arrived.
            0 => {
                self.turn.blocked = true;
                Err(ErrorKind::WouldBlock.into())
            }
            written => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same error, and what was going on.
pub(crate) fn during(what: &str, error: &LinkError) -> LinkError {
    LinkError::new(error.kind, format!("{what}: {}", error.text))
}
