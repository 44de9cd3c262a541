//! The interface between core and driver. A link is one transport connection to one server.

use alloc::boxed::Box;
use core::fmt;
use photon_proto::Text;

pub use photon_proto::peer::Wire;

/// Identifies one link of a client. Never reused: core ignores late input of a retired link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(crate) u64);

impl LinkId {
    /// Returns the number of the link, counting from 1: for logs, and for drivers that need an
    /// integer key.
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

/// The destination of a link, as text: name resolution is I/O, so the driver does it.
///
/// Exhaustive: a driver that ignored one of these fields would connect to the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host name or IP address, an IPv6 address without brackets.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// For WebSocket links path and query, percent-encoded, with a leading `/`; otherwise empty.
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

/// A command from core to the driver.
///
/// Exhaustive: a driver must handle both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkCommand {
    /// Open a link. The driver reports [`LinkInput::Opened`] or [`LinkInput::Failed`]. If the host
    /// has several addresses, the driver tries them all before it reports a failure.
    Open {
        /// The id of the new link.
        link: LinkId,
        /// The destination.
        target: Target,
        /// The transport. A driver that does not have it reports [`LinkErrorKind::Unsupported`].
        wire: Wire,
    },
    /// Close a link and forget it. The driver reports nothing.
    Close {
        /// The link to close.
        link: LinkId,
    },
}

/// Input from the driver to core, for one link. After `Closed` or `Failed` the link is gone on both
/// sides, and no [`LinkCommand::Close`] follows.
///
/// Exhaustive: a driver only makes values of it, and these are all that can happen to a transport
/// connection.
#[derive(Clone, Debug)]
pub enum LinkInput<'a> {
    /// The transport is connected.
    ///
    /// Over datagrams, where a connect exchanges nothing, a driver may repeat it until it passes on
    /// the first datagram: it tries several addresses of a server, and the init message names the
    /// family of the last `Opened`. No timer starts again. Other repetitions are ignored.
    Opened {
        /// Whether it is connected over IPv6. Spec: wire.md 7, `IPv6`.
        ipv6: bool,
    },
    /// Bytes were received: any number on a stream, exactly one datagram or message on other links.
    Received(&'a [u8]),
    /// The peer closed the link in an orderly way.
    Closed,
    /// The link could not be opened, or broke.
    Failed(LinkError),
}

/// The reason why a link could not be opened, or broke.
///
/// Exhaustive: drivers make it, and core passes both fields on to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The kind of failure; it decides the error code.
    pub kind: LinkErrorKind,
    /// The text of the operating system or of the library, for people.
    pub text: Text,
}

impl LinkError {
    /// Makes an error of this kind with this text.
    #[must_use]
    pub fn new(kind: LinkErrorKind, text: impl Into<Text>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

/// The kind of a link failure.
///
/// May grow: other transports fail in other ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkErrorKind {
    /// The host name could not be resolved.
    Resolve,
    /// The host refused the connection: no program listens on this port.
    Refused,
    /// The host did not answer, or a router has no way to it.
    Unreachable,
    /// This machine cannot send: it has no network, no route or no address of this family, its
    /// address has vanished, or its firewall forbids it. The server has no part in it.
    Local,
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls,
    /// The WebSocket handshake failed.
    Handshake,
    /// The peer reset the connection.
    Reset,
    /// The peer violated the protocol of the transport.
    Protocol,
    /// The driver does not have this transport.
    Unsupported,
    /// An insecure address after a secure one. Only core reports this kind.
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
            ErrorKind::HostUnreachable => LinkErrorKind::Unreachable,
            ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied => LinkErrorKind::Local,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                LinkErrorKind::Reset
            }
            ErrorKind::Unsupported => LinkErrorKind::Unsupported,
            _ => LinkErrorKind::Io,
        };
        Self::new(kind, std::string::ToString::to_string(error))
    }
}
