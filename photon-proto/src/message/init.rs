//! The init, the first message of a client. Spec: wire.md 2.

use super::{MAGIC, MessageKind};
use crate::codec::{self, Protocol};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Limits;
use crate::reader::Reader;
use crate::text::Text;
use crate::value::Value;
use alloc::string::String;
use alloc::vec::Vec;

/// The length of the application field. Spec: wire.md 2.2.
const APPLICATION_BYTES: usize = 32;
/// The bit of the sixth byte that reports a connection over IPv6. Spec: wire.md 2.2.
const IPV6: u8 = 0x80;

/// The binary init, 41 bytes. Exhaustive: the format is fixed. Spec: wire.md 2.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The major and minor version of the serialization protocol, for example 1 and 8.
    pub protocol: [u8; 2],
    /// The SDK byte: SDK id shifted left by one, and the release flag. Spec: wire.md 9.
    pub sdk: u8,
    /// Whether the client is connected over IPv6.
    pub ipv6: bool,
    /// The client version, four numbers. The first is at most 7, the second at most 15.
    pub version: [u8; 4],
    /// The name of the server application. Encoded with one byte per character, cut after 32.
    pub application: Text,
}

impl Init {
    /// Appends the init to a buffer.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [first, second, third, fourth] = self.version;
        let flags = if self.ipv6 { IPV6 } else { 0 };
        let [major, minor] = self.protocol;
        out.extend_from_slice(&[MAGIC, MessageKind::Init as u8, major, minor, self.sdk]);
        out.extend_from_slice(&[flags | (first & 7) << 4 | second & 15, third, fourth, 0]);
        // wire.md 2.2: the low byte of each character, zero padded.
        let characters = self
            .application
            .chars()
            .map(|character| (character as u32).to_le_bytes()[0]);
        out.extend(
            characters
                .chain(core::iter::repeat(0))
                .take(APPLICATION_BYTES),
        );
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let protocol = r.array("init protocol version")?;
        let sdk = r.u8("init SDK byte")?;
        let [first, third, fourth] = r.array("init client version")?;
        let _zero = r.u8("init flags")?;
        let application: [u8; APPLICATION_BYTES] = r.array("init application id")?;
        let application: String = application
            .iter()
            .take_while(|&&byte| byte != 0)
            .map(|&byte| byte as char)
            .collect();
        Ok(Self {
            protocol,
            sdk,
            ipv6: first & IPV6 != 0,
            version: [first >> 4 & 7, first & 15, third, fourth],
            application: application.into(),
        })
    }
}

/// The text init, which carries a token. This library decodes it but never sends it. Spec: wire.md
/// 2.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpInit {
    /// The id of the server application, in full: unlike the binary init it is not cut.
    pub application: Text,
    /// The client version as text, for example `4.1.8.3`.
    pub version: Text,
    /// The serialization protocol of the token and of all later messages.
    pub protocol: Protocol,
    /// The SDK byte, as in [`Init::sdk`].
    pub sdk: u8,
    /// Whether the client is connected over IPv6.
    pub ipv6: bool,
    /// The `Host` line: the address to which the client connected.
    pub host: Text,
    /// The token: the body of the request, decoded as one value.
    pub token: Value,
}

impl HttpInit {
    const PREFIX: &'static [u8] = b"POST /?init=";

    /// Whether a payload begins like a text init.
    #[must_use]
    pub fn recognise(payload: &[u8]) -> bool {
        payload.starts_with(Self::PREFIX)
    }

    /// Decodes a text init.
    ///
    /// # Errors
    /// [`DecodeError`] for text that does not have the form of wire.md 2.3, and for a malformed
    /// token.
    pub fn decode(limits: &Limits, payload: &[u8]) -> Result<Self, DecodeError> {
        let bad = |offset, field| DecodeError::new(DecodeErrorKind::BadLength, offset, field);
        let end = payload.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.ok_or(DecodeError::new(
            DecodeErrorKind::Truncated,
            payload.len(),
            "init text",
        ))?;
        let text = codec::utf8(payload.get(..end).unwrap_or_default(), 0, "init text")?;
        let mut lines = text.split("\r\n");
        let query = lines
            .next()
            .and_then(|line| line.strip_prefix("POST /?"))
            .and_then(|line| line.strip_suffix(" HTTP/1.1"))
            .ok_or(bad(0, "init request line"))?;
        let field = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|pair| pair.0 == name)
        };
        let text_field = |name: &'static str| field(name).map(|pair| pair.1).ok_or(bad(0, name));
        let mut host = "";
        let mut length = None;
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            match name {
                "Host" => host = value,
                "Content-Length" => length = value.parse::<usize>().ok(),
                _ => {}
            }
        }
        let start = end + 4;
        let body = payload.get(start..).unwrap_or_default();
        if length != Some(body.len()) {
            return Err(bad(start, "init content length"));
        }
        let protocol = match text_field("protocol")? {
            "GpBinaryV16" => Protocol::V16,
            "GpBinaryV18" => Protocol::V18,
            _ => return Err(bad(0, "protocol")),
        };
        Ok(Self {
            application: text_field("app")?.into(),
            version: text_field("clientversion")?.into(),
            protocol,
            sdk: text_field("sid")?.parse().map_err(|_| bad(0, "sid"))?,
            ipv6: query.split('&').any(|pair| pair == "IPv6"),
            host: host.into(),
            token: codec::decode_value(protocol, limits, body)
                .map_err(|error| error.shifted(start))?,
        })
    }
}
