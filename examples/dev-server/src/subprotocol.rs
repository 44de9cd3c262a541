//! [`SubProtocol`]: what a connection's messages are written in.

use photon_proto::Protocol;

/// What messages are written in, by the name that WebSocket negotiates. Streams and datagrams name the first two in their
/// init message. Spec: wire.md 2, 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubProtocol {
    /// GpBinary 1.6.
    GpBinaryV16,
    /// GpBinary 1.8.
    GpBinaryV18,
    /// Text, as the JavaScript SDK speaks it; over WebSocket only.
    Json,
}

impl SubProtocol {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::GpBinaryV16, Self::GpBinaryV18, Self::Json];

    /// What WebSocket calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GpBinaryV16 => "GpBinaryV16",
            Self::GpBinaryV18 => "GpBinaryV18",
            Self::Json => "Json",
        }
    }

    /// The one with this name, in whatever case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name))
    }

    /// Whether its WebSocket messages are text.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Json)
    }

    /// What its messages are above the connection's edge.
    #[must_use]
    pub const fn binary(self) -> Protocol {
        match self {
            Self::GpBinaryV16 => Protocol::V16,
            Self::GpBinaryV18 | Self::Json => Protocol::V18,
        }
    }
}

impl From<Protocol> for SubProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::V16 => Self::GpBinaryV16,
            // There are no others.
            _ => Self::GpBinaryV18,
        }
    }
}
