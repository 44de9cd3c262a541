//! [`Transport`]: the transports between a client and the servers.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use photon_proto::peer::SubProtocol;

/// A transport between a client and the servers.
///
/// Programs around the development server (demo, soak, load, fuzz) choose a transport by this
/// enum, and combine it with a [`SubProtocol`]. Its text is the scheme of an address:
///
/// ```
/// use dev_server::{SubProtocol, Transport};
///
/// assert_eq!("wss".parse(), Ok(Transport::Wss));
/// assert_eq!(Transport::Wss.to_string(), "wss");
/// assert!(!Transport::Tcp.carries(SubProtocol::Json));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Reliable UDP. Spec: udp.md.
    Udp,
    /// TCP. Spec: wire.md 6.
    Tcp,
    /// WebSocket. Spec: wire.md 7.
    Ws,
    /// WebSocket over TLS. Spec: wire.md 7.
    Wss,
}

/// The error of parsing a [`Transport`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a transport: write udp, tcp, ws or wss")]
pub struct TransportError(String);

impl Transport {
    /// All transports. The first is the default of the official SDKs.
    pub const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Ws, Self::Wss];

    /// The scheme of its addresses, for example `udp`.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The name that a user reads, for example `secure WebSocket`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Ws => "WebSocket",
            Self::Wss => "secure WebSocket",
        }
    }

    /// Whether it is WebSocket, with or without TLS.
    #[must_use]
    pub const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// Whether TLS protects it, so that the key exchange of the protocol is not needed.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Wss)
    }

    /// Whether it can carry messages in this serialization: JSON exists over WebSocket only.
    #[must_use]
    pub const fn carries(self, subprotocol: SubProtocol) -> bool {
        self.is_websocket() || !subprotocol.is_text()
    }
}

impl Display for Transport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(self.scheme())
    }
}

impl FromStr for Transport {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Self, TransportError> {
        Self::ALL
            .into_iter()
            .find(|transport| transport.scheme().eq_ignore_ascii_case(text))
            .ok_or_else(|| TransportError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_parses_from_its_scheme_in_any_case() {
        for transport in Transport::ALL {
            assert_eq!(transport.to_string().parse(), Ok(transport));
            assert_eq!(transport.scheme().to_uppercase().parse(), Ok(transport));
        }
        let error = "sctp".parse::<Transport>().unwrap_err().to_string();
        for transport in Transport::ALL {
            assert!(error.contains(transport.scheme()), "{error}");
        }
    }

    #[test]
    fn json_needs_websocket_and_binary_needs_nothing() {
        let pairs = Transport::ALL
            .into_iter()
            .flat_map(|transport| SubProtocol::ALL.map(|one| (transport, one)));
        assert_eq!(pairs.filter(|(over, one)| over.carries(*one)).count(), 10);
    }
}
