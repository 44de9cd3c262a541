//! What core and driver say to each other about links: one link is one transport connection to one server.

use alloc::boxed::Box;
use core::fmt;
use photon_proto::Text;

pub use photon_proto::peer::Wire;

/// One link, for as long as the client lives: never reused. Late input of a retired link is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(crate) u64);

impl LinkId {
    /// The number of the link, counting from 1; for logs and for drivers that key a table with it.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "link {}", self.0)
    }
}

/// Where a link goes, as text: name resolution is I/O and so the driver's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host name or IP address (IPv6 without brackets).
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// Path and query for WebSocket links, percent-encoded, beginning with `/`; empty otherwise.
    pub path: Box<str>,
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// What the driver is to do. Exhaustive: a driver that ignores one is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkCommand {
    /// Open a link; answer with [`LinkInput::Opened`] or [`LinkInput::Failed`].
    Open {
        /// The link's name from now on.
        link: LinkId,
        /// Where to.
        target: Target,
        /// Which transport.
        wire: Wire,
    },
    /// Close a link and forget it. Not answered.
    Close {
        /// Which one.
        link: LinkId,
    },
}

/// What the driver tells core. After `Closed` or `Failed` the link is gone on both sides; no `Close` follows.
#[derive(Clone, Debug)]
pub enum LinkInput<'a> {
    /// The transport is connected.
    Opened {
        /// Whether it is connected over IPv6.
        ipv6: bool,
    },
    /// Bytes came in; on a datagram or WebSocket link exactly one datagram or message.
    Received(&'a [u8]),
    /// The other side closed the link in an orderly way.
    Closed,
    /// The link could not be opened, or broke.
    Failed(LinkError),
}

/// Why a link could not be opened or broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// What went wrong.
    pub kind: LinkErrorKind,
    /// The system's words.
    pub text: Text,
}

impl LinkError {
    /// An error of this kind in these words.
    #[must_use]
    pub fn new(kind: LinkErrorKind, text: impl Into<Text>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

/// What went wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkErrorKind {
    /// The host name does not resolve.
    Resolve,
    /// Nothing listens there.
    Refused,
    /// There is no way there.
    Unreachable,
    /// TLS could not be set up, or the certificate is not trusted.
    Tls,
    /// The WebSocket handshake failed.
    Handshake,
    /// The other side broke the connection.
    Reset,
    /// The other side broke the rules of the transport.
    Protocol,
    /// The driver has no such transport.
    Unsupported,
    /// A secure connection was to be followed by an insecure one.
    Downgrade,
    /// Any other I/O error.
    Io,
}

#[cfg(feature = "std")]
impl From<&std::io::Error> for LinkError {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::ConnectionRefused => LinkErrorKind::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                LinkErrorKind::Unreachable
            }
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                LinkErrorKind::Reset
            }
            ErrorKind::Unsupported => LinkErrorKind::Unsupported,
            _ => LinkErrorKind::Io,
        };
        Self::new(kind, std::string::ToString::to_string(error))
    }
}
