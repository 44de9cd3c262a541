//! [`ServerAddress`]: the addresses of servers, parsed and checked. Spec: chat.md 2.1.

use crate::codes::port;
use crate::config::ChatConfig;
use crate::error::{AddressError, RequestError};
use crate::host::{AllowedHosts, check_bracketed_host, check_host, parse_port};
use crate::link::{Target, Wire};
use crate::state::Server;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;
use core::str::FromStr;
use photon_proto::Text;

/// The longest path of a WebSocket address, in bytes. Name servers choose paths of front ends.
const MAX_PATH_BYTES: usize = 1024;

/// The transport in an address.
///
/// May grow with the transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// Reliable UDP of Photon: `udp://`, or no scheme.
    Udp,
    /// TCP: `tcp://`.
    Tcp,
    /// WebSocket: `ws://`.
    Ws,
    /// WebSocket over TLS: `wss://`.
    Wss,
}

impl Scheme {
    /// The scheme as it is written in an address.
    const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Returns the default port of the name server for this transport.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp => port::UDP,
            Self::Tcp => port::TCP,
            Self::Ws => port::WS,
            Self::Wss => port::WSS,
        }
    }

    /// Whether the transport itself encrypts, so that nobody on the path can read or change data.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Wss)
    }

    /// Whether the transport is WebSocket, with or without TLS.
    #[must_use]
    pub const fn is_web_socket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

/// A parsed server address.
///
/// The text form is `scheme://host:port`. Without a scheme the transport is UDP, as in the
/// documented API; without a port it is the name server's port of that transport. An IPv6 address
/// needs brackets. A WebSocket address may have a path. A host is an IP address or a name of at
/// most 253 letters, digits, `-`, `_` and dots, with at most 63 between two dots. The fields are
/// private, so that it may grow.
///
/// ```
/// use chat_core::{AddressError, Scheme, ServerAddress};
///
/// let address: ServerAddress = "wss://ns.photonengine.io".parse()?;
/// assert_eq!((address.scheme(), address.port()), (Scheme::Wss, 443));
/// assert_eq!("tcp://".parse::<ServerAddress>(), Err(AddressError::MissingHost));
/// # Ok::<(), AddressError>(())
/// ```
///
/// Spec: chat.md 2.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    scheme: Scheme,
    host: Box<str>,
    port: Option<u16>,
    /// WebSocket only, without a trailing slash.
    path: Box<str>,
}

impl ServerAddress {
    fn parse_with(text: &str, default_scheme: Scheme) -> Result<Self, AddressError> {
        let (scheme, rest) = match text.split_once("://") {
            None => (default_scheme, text),
            Some((scheme, rest)) => {
                let mut known = [Scheme::Udp, Scheme::Tcp, Scheme::Ws, Scheme::Wss].into_iter();
                match known.find(|known| known.name().eq_ignore_ascii_case(scheme)) {
                    Some(scheme) => (scheme, rest),
                    None => return Err(AddressError::UnknownScheme),
                }
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (rest, path) = match rest.find('/') {
            Some(at) if scheme.is_web_socket() => rest.split_at(at),
            _ => (rest, ""),
        };
        if !is_path(path) {
            return Err(AddressError::BadPath);
        }
        if rest.contains(['/', '?', '#', '@']) {
            return Err(AddressError::SurplusParts);
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(AddressError::BadBrackets)?;
                check_bracketed_host(host)?;
                (
                    host,
                    if port.is_empty() {
                        None
                    } else {
                        Some(port.strip_prefix(':').ok_or(AddressError::BadBrackets)?)
                    },
                )
            }
            None => {
                let (host, port) = match rest.split_once(':') {
                    Some((_, port)) if port.contains(':') => {
                        return Err(AddressError::MissingBrackets);
                    }
                    Some((host, port)) => (host, Some(port)),
                    None => (rest, None),
                };
                check_host(host)?;
                (host, port)
            }
        };
        let port = port.map(parse_port).transpose()?;
        Ok(Self {
            scheme,
            host: host.into(),
            port,
            path: path.into(),
        })
    }

    /// Returns the transport.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the host name or IP address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, or the default port of the name server if the address has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Returns `scheme://host:port` for error texts: without the path, which may be a secret of a
    /// gateway.
    pub(crate) fn to_text(&self) -> Text {
        let (scheme, host, port) = (self.scheme.name(), &self.host, self.port());
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}").into()
        } else {
            format!("{scheme}://{host}:{port}").into()
        }
    }

    /// Parses an address that the application configured for the name server.
    pub(crate) fn for_name_server(text: &Text, json: bool) -> Result<Self, RequestError> {
        let error = |why| RequestError::Address {
            text: text.clone(),
            why,
        };
        let address: Self = text.parse().map_err(error)?;
        if json && !address.scheme.is_web_socket() {
            return Err(error(AddressError::JsonNeedsWebSocket));
        }
        Ok(address)
    }

    /// Parses a front-end address that the name server gave. It must have a port, and the transport
    /// over which the client reached the name server, and the application must allow its host. Spec:
    /// chat.md 2.1.
    pub(crate) fn for_front_end(
        text: &str,
        name_server: Scheme,
        allowed: &AllowedHosts,
    ) -> Result<Self, AddressError> {
        let address = Self::parse_with(text, name_server)?;
        if name_server.is_secure() && !address.scheme.is_secure() {
            return Err(AddressError::Downgrade);
        }
        if address.port.is_none() {
            return Err(AddressError::MissingPort);
        }
        if !allowed.allow(&address.host) {
            return Err(AddressError::NotAllowed);
        }
        let same = address.scheme == name_server
            || (address.scheme.is_web_socket() && name_server.is_web_socket());
        if same {
            Ok(address)
        } else {
            Err(AddressError::OtherTransport)
        }
    }

    /// The destination of a link to this address. Over WebSocket, path and query contain what the
    /// init message contains on other transports. Spec: wire.md 7.
    pub(crate) fn target(&self, server: Server, config: &ChatConfig) -> Target {
        let mut path = String::new();
        if self.scheme.is_web_socket() {
            let [a, b, c, d] = config.peer.version;
            let application = server.application();
            path.push_str(&self.path);
            path.push('/');
            // Writing to a `String` cannot fail.
            let _ = if config.is_json() {
                push_encoded(&mut path, &config.app_id);
                write!(path, "?libversion={a}.{b}.{c}.{d}")
            } else {
                write!(
                    path,
                    "?libversion={a}.{b}.{c}.{d}&sid={}&app={application}&IPv6",
                    config.peer.sdk
                )
            };
        }
        Target {
            host: self.host.clone(),
            port: self.port(),
            path: path.into(),
        }
    }

    pub(crate) fn wire(&self, config: &ChatConfig) -> Wire {
        match self.scheme {
            Scheme::Udp => Wire::Datagram,
            Scheme::Tcp => Wire::Stream,
            Scheme::Ws | Scheme::Wss => Wire::WebSocket {
                secure: self.scheme.is_secure(),
                protocol: config.peer.protocol,
            },
        }
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse_with(text, Scheme::Udp)
    }
}

/// Whether the text is a percent-encoded path, without query and fragment.
fn is_path(path: &str) -> bool {
    let is_escaped = |rest: &str| {
        let digits = rest.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    path.len() <= MAX_PATH_BYTES
        && !path.contains(['?', '#'])
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && path.split('%').skip(1).all(is_escaped)
}

/// Appends text with percent-encoding, as in the path of a URL.
fn push_encoded(path: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressError, Scheme, ServerAddress, format};

    #[test]
    fn valid_addresses_are_parsed() {
        for (text, scheme, host, port) in [
            (
                "ns.photonengine.io",
                Scheme::Udp,
                "ns.photonengine.io",
                5058,
            ),
            (
                "ns.photonengine.io:5055",
                Scheme::Udp,
                "ns.photonengine.io",
                5055,
            ),
            ("tcp://127.0.0.1:4533", Scheme::Tcp, "127.0.0.1", 4533),
            ("TCP://host/", Scheme::Tcp, "host", 4533),
            ("tcp://[::1]:99", Scheme::Tcp, "::1", 99),
            ("tcp://[::1]", Scheme::Tcp, "::1", 4533),
            ("wss://host", Scheme::Wss, "host", 443),
            ("ws://host:9093/a/b/", Scheme::Ws, "host", 9093),
            ("ws://host:9093/a%2Fb", Scheme::Ws, "host", 9093),
        ] {
            let address: ServerAddress = text.parse().expect(text);
            assert_eq!(
                (address.scheme(), address.host(), address.port()),
                (scheme, host, port),
                "{text}"
            );
            let written: ServerAddress = address.to_text().parse().expect(text);
            assert_eq!(
                (
                    written.scheme(),
                    written.host(),
                    written.port,
                    &*written.path
                ),
                (scheme, host, Some(port), ""),
            );
        }
    }

    #[test]
    fn a_path_has_at_most_1024_bytes() {
        let address = |bytes: usize| format!("ws://h/{}", "p".repeat(bytes));
        let longest = super::MAX_PATH_BYTES - 1;
        assert!(address(longest).parse::<ServerAddress>().is_ok());
        assert_eq!(
            address(longest + 1).parse::<ServerAddress>(),
            Err(AddressError::BadPath)
        );
    }

    #[test]
    fn invalid_addresses_are_rejected_with_their_fault() {
        for (text, fault) in [
            ("", AddressError::MissingHost),
            ("tcp://", AddressError::MissingHost),
            ("tcp://:1", AddressError::MissingHost),
            ("http://host", AddressError::UnknownScheme),
            ("tcp://host:0", AddressError::BadPort),
            ("tcp://host:65536", AddressError::BadPort),
            ("tcp://host:x", AddressError::BadPort),
            ("tcp://a b", AddressError::WhiteSpace),
            ("tcp://a\nb", AddressError::WhiteSpace),
            ("::1", AddressError::MissingBrackets),
            ("tcp://[::1", AddressError::BadBrackets),
            ("tcp://[::1]x", AddressError::BadBrackets),
            ("tcp://u@h", AddressError::SurplusParts),
            ("tcp://h/p", AddressError::SurplusParts),
            ("ws://h/p?q", AddressError::BadPath),
            ("ws://h/\u{fc}", AddressError::BadPath),
            ("ws://h/%zz", AddressError::BadPath),
            ("ws://h/a%2", AddressError::BadPath),
            ("tcp://host:+1", AddressError::BadPort),
            ("tcp://host:", AddressError::BadPort),
            ("tcp://[::1]:+1", AddressError::BadPort),
            ("tcp://[zz\"]:1", AddressError::BadBrackets),
            ("tcp://[]:1", AddressError::MissingHost),
            ("tcp://a\u{202e}b:1", AddressError::WhiteSpace),
            ("tcp://a..b:1", AddressError::BadHost),
        ] {
            assert_eq!(text.parse::<ServerAddress>(), Err(fault), "{text:?}");
        }
    }
}
