//! The transport of a connection and the format of its messages.

use crate::codec::Protocol;
use crate::text::Text;
use core::fmt;
use core::str::FromStr;

/// The format of a connection's messages, by the name that a WebSocket negotiates. Streams and
/// datagrams announce the binary ones in their init message. Spec: wire.md 2, 7.
///
/// As text it has the short name that programs use in options:
///
/// ```
/// use photon_proto::peer::SubProtocol;
///
/// assert_eq!("1.8".parse(), Ok(SubProtocol::GpBinaryV18));
/// assert_eq!(SubProtocol::GpBinaryV16.to_string(), "1.6");
/// assert_eq!(SubProtocol::GpBinaryV16.name(), "GpBinaryV16");
/// ```
///
/// Exhaustive: these are all that Photon servers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubProtocol {
    /// GpBinary 1.6.
    GpBinaryV16,
    /// GpBinary 1.8.
    GpBinaryV18,
    /// Text, as browsers use it; over WebSocket only. Needs the feature `json`. Spec: wire.md 7.2.
    #[cfg(feature = "json")]
    Json,
}

impl SubProtocol {
    /// Every sub-protocol of this build.
    #[cfg(feature = "json")]
    pub const ALL: [Self; 3] = [Self::GpBinaryV16, Self::GpBinaryV18, Self::Json];
    /// Every sub-protocol of this build.
    #[cfg(not(feature = "json"))]
    pub const ALL: [Self; 2] = [Self::GpBinaryV16, Self::GpBinaryV18];

    /// The value of the header `Sec-WebSocket-Protocol`. Spec: wire.md 7.1.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GpBinaryV16 => "GpBinaryV16",
            Self::GpBinaryV18 => "GpBinaryV18",
            #[cfg(feature = "json")]
            Self::Json => "Json",
        }
    }

    /// The short name: `1.6`, `1.8` or `json`.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::GpBinaryV16 => "1.6",
            Self::GpBinaryV18 => "1.8",
            #[cfg(feature = "json")]
            Self::Json => "json",
        }
    }

    /// The sub-protocol with this [`name`](Self::name); upper and lower case are the same.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name))
    }

    /// Whether its WebSocket messages are text frames; otherwise they are binary.
    #[must_use]
    pub const fn is_text(self) -> bool {
        match self {
            Self::GpBinaryV16 | Self::GpBinaryV18 => false,
            #[cfg(feature = "json")]
            Self::Json => true,
        }
    }

    /// The binary format of the messages that the owner of the connection reads and writes. JSON is
    /// converted to and from GpBinary 1.8 at the edge of the connection.
    #[must_use]
    pub const fn binary(self) -> Protocol {
        match self {
            Self::GpBinaryV16 => Protocol::V16,
            Self::GpBinaryV18 => Protocol::V18,
            #[cfg(feature = "json")]
            Self::Json => Protocol::V18,
        }
    }
}

impl From<Protocol> for SubProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::V16 => Self::GpBinaryV16,
            Protocol::V18 => Self::GpBinaryV18,
        }
    }
}

impl fmt::Display for SubProtocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.short_name())
    }
}

/// The error of parsing a [`SubProtocol`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a protocol: write 1.6, 1.8 or json")]
pub struct SubProtocolError(Text);

impl FromStr for SubProtocol {
    type Err = SubProtocolError;

    fn from_str(text: &str) -> Result<Self, SubProtocolError> {
        Self::ALL
            .into_iter()
            .find(|known| known.short_name().eq_ignore_ascii_case(text))
            .ok_or_else(|| SubProtocolError(text.into()))
    }
}

/// The transport below a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// Whole datagrams (UDP).
    Datagram,
    /// A byte stream (TCP, no delay).
    Stream,
    /// Whole WebSocket messages.
    WebSocket {
        /// Whether TLS is required (`wss`): a driver without TLS must refuse to open the link.
        secure: bool,
        /// The sub-protocol to negotiate, which also decides between text and binary frames.
        protocol: SubProtocol,
    },
}

#[cfg(test)]
mod tests {
    use super::SubProtocol;
    use alloc::string::ToString;

    #[test]
    fn every_sub_protocol_parses_from_both_names_in_any_case() {
        for one in SubProtocol::ALL {
            assert_eq!(one.to_string().to_uppercase().parse(), Ok(one));
            assert_eq!(
                SubProtocol::from_name(&one.name().to_lowercase()),
                Some(one)
            );
        }
        let error = "1.7".parse::<SubProtocol>().unwrap_err().to_string();
        for one in SubProtocol::ALL {
            assert!(error.contains(one.short_name()), "{error}");
        }
    }
}
