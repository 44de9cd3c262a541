//! The transports: sockets that never block, and the common terms of their parts.
//!
//! ```text
//! socket ── tcp (Stream)                                        tcp://
//!    ├───── udp (Datagrams)                                     udp://
//!    └───── websocket ── maybe_tls ── tls                       ws://, wss://
//!                            └─────── tcp
//! ```

mod chunk;
pub(crate) mod io_error;
#[cfg(feature = "websocket")]
mod maybe_tls;
mod socket;
mod source;
pub(crate) mod tcp;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod udp;
#[cfg(feature = "websocket")]
pub(crate) mod websocket;

use crate::connect::pool::SessionKey;
use crate::connect::resolver::Resolver;
use chat_core::{LinkError, LinkInput};
pub(crate) use chunk::with_chunk;
pub(crate) use socket::Socket;
pub(crate) use source::{Interest, SourceRef, Visit};
use std::io::{self, ErrorKind};
use std::time::Duration;

/// Size of the shared receive buffer. Larger than any UDP datagram (64 KiB less its headers): what
/// systems do with a datagram that does not fit differs.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes that one pass reads from a stream at most; the next pass continues. Keeps a frame short
/// when much arrives at once.
// A multiple of the chunk, so that the last read of a pass can fill its buffer.
pub const MAX_READ_BYTES: usize = 256 * 1024;

/// Datagrams that one pass receives on a link at most; the next pass continues. Together they have
/// at most [`MAX_READ_BYTES`].
// 128: a pass then takes everything that a system buffers by default. On Linux that is 92 datagrams
// of 1,200 bytes, the most that a server sends; other systems are similar. Beyond its buffer the
// system drops datagrams.
pub const MAX_READ_DATAGRAMS: usize = MAX_READ_BYTES / MAX_DATAGRAM_BYTES;

/// Longest valid datagram. Spec: udp.md 9, rule 5.
pub(crate) const MAX_DATAGRAM_BYTES: usize = 2_048;

/// Error text of a link that [`Session::simulate_connection_loss`] ended.
///
/// [`Session::simulate_connection_loss`]: crate::Session::simulate_connection_loss
const SIMULATED_LOSS: &str = "this program simulated a connection loss";

/// Settings that all sockets of a session share.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) resolver: Resolver,
    /// Whose lookups they are.
    pub(crate) session: SessionKey,
    /// The client's deadline for connecting.
    pub(crate) connect_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(crate) tls: tls::Tls,
    /// Longest message that the client accepts.
    #[cfg(feature = "websocket")]
    pub(crate) max_message_bytes: usize,
}

/// Result of reading a link, or all links, in one pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadOutcome {
    /// The client was given something.
    pub(crate) any: bool,
    /// Input remains, and the client wants it.
    pub(crate) more: bool,
}

/// End of a link that this side did not close.
#[derive(Clone, Debug)]
pub(crate) enum LinkEnd {
    /// The server closed it in order.
    Closed,
    /// It broke, or the server broke a rule.
    Failed(LinkError),
}

impl From<LinkEnd> for LinkInput<'static> {
    fn from(end: LinkEnd) -> Self {
        match end {
            LinkEnd::Closed => Self::Closed,
            LinkEnd::Failed(error) => Self::Failed(error),
        }
    }
}

/// State of a close that this side began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseProgress {
    /// The server has not closed its side yet.
    Pending,
    /// The server closed its side in answer, or the transport has no such answer.
    Confirmed,
    /// The connection broke; whether the server read everything is unknown.
    Broken,
}

/// Repeats a call while a signal interrupts it.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
impl Setup {
    pub(crate) fn for_test() -> Self {
        Self {
            resolver: Resolver::default(),
            session: SessionKey::new(),
            connect_timeout: Duration::from_secs(15),
            #[cfg(feature = "tls")]
            tls: tls::Tls::default(),
            #[cfg(feature = "websocket")]
            max_message_bytes: 1024 * 1024,
        }
    }
}
