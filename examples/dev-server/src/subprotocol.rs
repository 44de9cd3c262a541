//! [`SubProtocol`]: the serialization of a connection's messages.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use photon_proto::Protocol;

/// The serialization of a connection's messages, named as in the WebSocket handshake. TCP and UDP
/// clients name the first two in their init message. Spec: wire.md 2, 7.
///
/// Its text is the short name that the programs use in options:
///
/// ```
/// use dev_server::SubProtocol;
///
/// assert_eq!("1.8".parse(), Ok(SubProtocol::GpBinaryV18));
/// assert_eq!(SubProtocol::Json.to_string(), "json");
/// assert_eq!(SubProtocol::Json.name(), "Json");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubProtocol {
    /// GpBinary 1.6.
    GpBinaryV16,
    /// GpBinary 1.8.
    GpBinaryV18,
    /// JSON text, as the JavaScript SDK uses it; over WebSocket only.
    Json,
}

/// The error of parsing a [`SubProtocol`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a protocol: write 1.6, 1.8 or json")]
pub struct SubProtocolError(String);

impl SubProtocol {
    /// All serializations.
    pub const ALL: [Self; 3] = [Self::GpBinaryV16, Self::GpBinaryV18, Self::Json];

    /// The name in the WebSocket handshake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GpBinaryV16 => "GpBinaryV16",
            Self::GpBinaryV18 => "GpBinaryV18",
            Self::Json => "Json",
        }
    }

    /// The short name: `1.6`, `1.8` or `json`.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::GpBinaryV16 => "1.6",
            Self::GpBinaryV18 => "1.8",
            Self::Json => "json",
        }
    }

    /// The serialization with this [`name`](Self::name), in upper or lower case.
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

    /// The protocol of its messages inside the server: JSON is converted to 1.8.
    #[must_use]
    pub const fn binary(self) -> Protocol {
        match self {
            Self::GpBinaryV16 => Protocol::V16,
            Self::GpBinaryV18 | Self::Json => Protocol::V18,
        }
    }
}

impl Display for SubProtocol {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(self.short_name())
    }
}

impl FromStr for SubProtocol {
    type Err = SubProtocolError;

    fn from_str(text: &str) -> Result<Self, SubProtocolError> {
        Self::ALL
            .into_iter()
            .find(|known| known.short_name().eq_ignore_ascii_case(text))
            .ok_or_else(|| SubProtocolError(text.to_owned()))
    }
}

impl From<Protocol> for SubProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::V16 => Self::GpBinaryV16,
            // `Protocol` may grow. A newer version would be closer to 1.8 than to 1.6.
            _ => Self::GpBinaryV18,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_serialization_parses_from_both_names_in_any_case() {
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
