//! Server addresses as text: what they mean, and what is wrong with them. Spec: chat.md 2.1.

use crate::codes::port;
use crate::config::ChatConfig;
use crate::error::RequestError;
use crate::link::{Target, Wire};
use crate::state::Server;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Write;
use photon_proto::Text;

/// The transports that an address can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Photon's reliable UDP: `udp://`, or no scheme.
    Udp,
    /// `tcp://`
    Tcp,
    /// `ws://`
    Ws,
    /// `wss://`
    Wss,
}

impl Scheme {
    /// The name server's port over this transport, where an address gives none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp => port::UDP,
            Self::Tcp => port::TCP,
            Self::Ws => port::WS,
            Self::Wss => port::WSS,
        }
    }

    /// Whether nobody on the way can read or change anything.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Wss)
    }

    /// Whether it is WebSocket.
    #[must_use]
    pub const fn is_web_socket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

/// Why an address of a front end cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadFrontEnd {
    Text(&'static str),
    /// From secure to insecure.
    Downgrade,
}

/// A server address, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    scheme: Scheme,
    host: Box<str>,
    port: Option<u16>,
    /// Without the slash at its end; WebSocket only.
    path: Box<str>,
}

impl ServerAddress {
    /// Reads `scheme://host:port`. Without a scheme it is UDP, as in the documented API; without a port, the name
    /// server's port of the transport. An IPv6 address stands in brackets.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Self::parse_with(text, Scheme::Udp)
    }

    fn parse_with(text: &str, otherwise: Scheme) -> Result<Self, &'static str> {
        let (scheme, rest) = match text.split_once("://") {
            None => (otherwise, text),
            Some((scheme, rest)) => {
                let known = [
                    ("udp", Scheme::Udp),
                    ("tcp", Scheme::Tcp),
                    ("ws", Scheme::Ws),
                    ("wss", Scheme::Wss),
                ];
                match known
                    .into_iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(scheme))
                {
                    Some((_, scheme)) => (scheme, rest),
                    None => return Err("unknown scheme: write udp://, tcp://, ws:// or wss://"),
                }
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (rest, path) = match rest.find('/') {
            Some(at) if scheme.is_web_socket() => rest.split_at(at),
            _ => (rest, ""),
        };
        if path.contains(['?', '#']) || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a path must be plain, percent-encoded, without query and fragment");
        }
        if rest.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err("no spaces or control characters, please");
        }
        if rest.contains(['/', '?', '#', '@']) {
            return Err("write only host and port behind the scheme");
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest
                    .split_once(']')
                    .ok_or("the bracket of the IPv6 address is not closed")?;
                (
                    host,
                    if port.is_empty() {
                        None
                    } else {
                        Some(port.strip_prefix(':').ok_or("write [host]:port")?)
                    },
                )
            }
            None => match rest.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err("write an IPv6 address in brackets: [::1]:4533");
                }
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        if host.is_empty() {
            return Err("the host is missing");
        }
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err("the port must be a number from 1 to 65535"),
        };
        Ok(Self {
            scheme,
            host: host.into(),
            port,
            path: path.into(),
        })
    }

    /// The transport.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host name or IP address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the transport's name-server port if the text gave none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// As the connect call needs it.
    pub(crate) fn for_name_server(text: &Text, json: bool) -> Result<Self, RequestError> {
        let refused = |why| RequestError::Address {
            text: text.clone(),
            why,
        };
        let address = Self::parse(text).map_err(refused)?;
        if json && !address.scheme.is_web_socket() {
            return Err(refused(
                "JSON is spoken over WebSocket only: write wss://host or ws://host",
            ));
        }
        Ok(address)
    }

    /// As the name server gave it: with a port, over the transport that was used to ask. Spec: chat.md 2.1.
    pub(crate) fn for_front_end(text: &str, asked_over: Scheme) -> Result<Self, BadFrontEnd> {
        let address = Self::parse_with(text, asked_over).map_err(BadFrontEnd::Text)?;
        if asked_over.is_secure() && !address.scheme.is_secure() {
            return Err(BadFrontEnd::Downgrade);
        }
        if address.port.is_none() {
            return Err(BadFrontEnd::Text("the port is missing"));
        }
        let same = address.scheme == asked_over
            || (address.scheme.is_web_socket() && asked_over.is_web_socket());
        if same {
            Ok(address)
        } else {
            Err(BadFrontEnd::Text("the address is for another transport"))
        }
    }

    /// Where the link goes. Over WebSocket, path and query say what the init says elsewhere. Spec: wire.md 7.
    pub(crate) fn target(&self, server: Server, config: &ChatConfig) -> Target {
        let mut path = String::new();
        if self.scheme.is_web_socket() {
            let [a, b, c, d] = config.client_version;
            let application = server.application();
            path.push_str(&self.path);
            path.push('/');
            // Writing to a text does not fail.
            let _ = if config.json {
                push_encoded(&mut path, &config.app_id);
                write!(path, "?libversion={a}.{b}.{c}.{d}")
            } else {
                write!(
                    path,
                    "?libversion={a}.{b}.{c}.{d}&sid={}&app={application}&IPv6",
                    config.sdk
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
                protocol: config.sub_protocol(),
            },
        }
    }
}

/// Appends text as a URL's path has it.
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
    use super::{Scheme, ServerAddress};

    #[test]
    fn forms_that_are_understood() {
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
        ] {
            let address = ServerAddress::parse(text).expect(text);
            assert_eq!(
                (address.scheme(), address.host(), address.port()),
                (scheme, host, port),
                "{text}"
            );
        }
    }

    #[test]
    fn forms_that_are_refused() {
        for text in [
            "",
            "tcp://",
            "tcp://:1",
            "http://host",
            "tcp://host:0",
            "tcp://host:65536",
            "tcp://host:x",
            "tcp://a b",
            "::1",
            "tcp://[::1",
            "tcp://[::1]x",
            "tcp://u@h",
            "tcp://h/p",
            "ws://h/p?q",
            "ws://h/\u{fc}",
            "tcp://a\nb",
        ] {
            assert!(ServerAddress::parse(text).is_err(), "{text:?}");
        }
    }
}
