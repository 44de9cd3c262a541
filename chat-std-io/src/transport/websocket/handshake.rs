//! The opening handshake: a request, and a response that is checked strictly. Spec: wire.md 7.1,
//! RFC 6455, 4.
//!
//! tungstenite has a handshake too, but its errors do not tell the user what to do. Only its parser
//! and its key generator are used.

use crate::transport::io_error::to_link_error;
use crate::transport::maybe_tls::MaybeTlsIo;
use chat_core::{LinkError, LinkErrorKind, Target};
use std::io::{self, ErrorKind, Read, Write};
use tungstenite::handshake::client::{Response, generate_key};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::http::StatusCode;

/// Longest response, together with the interim responses before it. Servers need a few hundred
/// bytes; proxies may add headers.
const MAX_RESPONSE_BYTES: usize = 16 * 1024;
/// Interim responses that are skipped. Servers send one or two; more are a server that never comes
/// to its final response.
const MAX_INTERIM_RESPONSES: usize = 8;
/// Bytes that are read at one time.
const CHUNK_BYTES: usize = 1_024;
/// Texts of a server are cut to this many characters in error texts.
const MAX_QUOTED_CHARS: usize = 200;

const DURING_TLS: &str = "during the TLS handshake";
const DURING_WEBSOCKET: &str = "during the WebSocket handshake";

pub(super) struct Handshake {
    request: Vec<u8>,
    /// Bytes of the request that were sent.
    sent: usize,
    response: Vec<u8>,
    /// Number and bytes of the interim responses that were skipped.
    interim: (usize, usize),
    /// The `Sec-WebSocket-Accept` that belongs to the request's key.
    accept: String,
    subprotocol: &'static str,
    secure: bool,
}

impl Handshake {
    /// Builds the request. Fails if the target does not fit into one: its parts may come from a
    /// server, and a line break in them would inject headers.
    pub(super) fn new(
        target: &Target,
        secure: bool,
        subprotocol: &'static str,
    ) -> Result<Self, LinkError> {
        let path = if target.path.is_empty() {
            "/"
        } else {
            &target.path
        };
        let is_graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_graphic(&target.host)
            || !is_graphic(path)
            || !is_graphic(subprotocol)
            || !path.starts_with('/')
        {
            return Err(failed(format!(
                "no HTTP request can contain the host {:?} and the path {path:?}: check the server \
                 address",
                target.host
            )));
        }
        let key = generate_key();
        let mut request = format!(
            "GET {path} HTTP/1.1\r\n\
             Host: {}\r\n\
             Connection: Upgrade\r\n\
             Upgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {key}\r\n",
            host(target, secure),
        );
        if !subprotocol.is_empty() {
            request.push_str(&format!("Sec-WebSocket-Protocol: {subprotocol}\r\n"));
        }
        request.push_str("\r\n");
        Ok(Self {
            request: request.into_bytes(),
            sent: 0,
            response: Vec::new(),
            interim: (0, 0),
            accept: derive_accept_key(key.as_bytes()),
            subprotocol,
            secure,
        })
    }

    #[cfg(test)]
    pub(super) fn request(&self) -> &str {
        std::str::from_utf8(&self.request).unwrap()
    }

    /// Continues the TLS and WebSocket handshakes as far as the system allows. Returns `Some` once
    /// they are complete: the bytes that followed the response.
    pub(super) fn step(&mut self, io: &mut MaybeTlsIo<'_>) -> Result<Option<Vec<u8>>, LinkError> {
        if let Err(error) = io.handshake() {
            return unless_blocked(error, DURING_TLS);
        }
        if let Err(error) = self.send(io) {
            return unless_blocked(error, DURING_WEBSOCKET);
        }
        let mut chunk = [0; CHUNK_BYTES];
        let before = self.response.len();
        let end = loop {
            match io.read(&mut chunk) {
                Ok(0) => break Err(self.ended()),
                Ok(bytes) => {
                    let Some(received) = chunk.get(..bytes) else {
                        debug_assert!(false, "a read fills at most the buffer");
                        break Err(self.ended());
                    };
                    self.response.extend_from_slice(received);
                    if self.response.len() > MAX_RESPONSE_BYTES {
                        break Ok(None);
                    }
                }
                // TLS: an end without `close_notify`.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break Err(self.ended()),
                Err(error) => break unless_blocked(error, DURING_WEBSOCKET),
            }
        };
        // Once in each pass and not for each read: the response is parsed from its beginning, and
        // a server can send it in TLS records of one byte.
        if self.response.len() > before
            && let Some(rest) = self.check()?
        {
            return Ok(Some(rest));
        }
        end
    }

    fn send(&mut self, io: &mut MaybeTlsIo<'_>) -> io::Result<()> {
        debug_assert!(
            self.sent <= self.request.len(),
            "a write takes at most what it is given"
        );
        while let Some(rest) = self
            .request
            .get(self.sent..)
            .filter(|rest| !rest.is_empty())
        {
            self.sent += io.write(rest)?;
        }
        io.flush()
    }

    /// Checks the response once it is complete. Returns the bytes that followed it.
    fn check(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        let Some((bytes, response)) = self.final_response()? else {
            return Ok(None);
        };
        if response.status().as_u16() != 101 {
            return Err(rejected(
                response.status().as_u16(),
                header(&response, "Location").as_deref(),
            ));
        }
        if !has_token(&response, "Upgrade", "websocket")
            || !has_token(&response, "Connection", "upgrade")
        {
            return Err(failed(
                "the server switched to a protocol that is not WebSocket: check for a proxy in \
                 between",
            ));
        }
        if header(&response, "Sec-WebSocket-Accept").as_ref() != Some(&self.accept) {
            return Err(failed(
                "the server's Sec-WebSocket-Accept does not belong to this request: check for a \
                 proxy with a cache in between",
            ));
        }
        if response.headers().contains_key("Sec-WebSocket-Extensions") {
            return Err(failed(
                "the server uses a WebSocket extension that the client did not offer: disable it \
                 on the server",
            ));
        }
        match header(&response, "Sec-WebSocket-Protocol") {
            chosen if chosen.as_deref().unwrap_or_default() == self.subprotocol => {}
            None => {
                return Err(failed(format!(
                    "the server did not accept the sub-protocol {}: check that it is a Photon \
                     server",
                    self.subprotocol
                )));
            }
            Some(other) => {
                return Err(failed(format!(
                    "the server chose the sub-protocol {} instead of {}: check that it is a Photon \
                     server that supports the latter",
                    shortened(&other),
                    self.subprotocol
                )));
            }
        }
        let Some(rest) = self.response.get(bytes..) else {
            debug_assert!(false, "the parser consumes at most its input");
            return Err(self.ended());
        };
        Ok(Some(rest.to_vec()))
    }

    /// The final response and its length, once it is complete. Skips interim responses: any number
    /// of them may come before the final one, even if the client did not ask (RFC 9110, 15.2).
    fn final_response(&mut self) -> Result<Option<(usize, Response)>, LinkError> {
        loop {
            let Some((bytes, response)) =
                Response::try_parse(&self.response).map_err(|error| self.not_http(&error))?
            else {
                break;
            };
            if !response.status().is_informational() || response.status().as_u16() == 101 {
                return Ok(Some((bytes, response)));
            }
            let (number, total) = &mut self.interim;
            *number += 1;
            *total += bytes;
            if *number > MAX_INTERIM_RESPONSES {
                return Err(failed(format!(
                    "the server sent more than {MAX_INTERIM_RESPONSES} interim responses, the last \
                     one HTTP {}: check for a proxy in between",
                    response.status().as_u16()
                )));
            }
            self.response.drain(..bytes);
        }
        if self.response.len() + self.interim.1 > MAX_RESPONSE_BYTES {
            return Err(failed(format!(
                "the server's response is longer than {MAX_RESPONSE_BYTES} bytes: check that the \
                 port is one for WebSocket"
            )));
        }
        Ok(None)
    }

    /// The server ended the connection before its response was complete.
    fn ended(&self) -> LinkError {
        let nothing_arrived = self.response.is_empty() && self.interim.0 == 0;
        let hint = match (nothing_arrived, self.secure) {
            (false, _) => "in the middle of its response: try again later",
            (true, false) => "without a response: if the port is one for wss://, use that",
            (true, true) => "without a response: check that the port is one for WebSocket",
        };
        failed(format!(
            "the server ended the connection {DURING_WEBSOCKET}, {hint}"
        ))
    }

    /// The server's response cannot be parsed.
    fn not_http(&self, error: &tungstenite::Error) -> LinkError {
        // A TLS record: alert (0x15) or handshake (0x16), then the major version. RFC 8446, 5.1.
        if !self.secure && matches!(self.response.get(..2), Some([0x15 | 0x16, 3])) {
            return failed("the server responded in TLS: use wss:// for this port");
        }
        if matches!(error, tungstenite::Error::Capacity(_)) {
            return failed(
                "the server's response has too many headers: check for a proxy in between",
            );
        }
        // HTTP/1.0, or headers that only a lenient parser accepts: still a rejection.
        if let Some(status) = status(&self.response).filter(|status| *status != 101) {
            return rejected(status, None);
        }
        failed(format!(
            "the server's response is not HTTP ({error}): check that the port is one for WebSocket"
        ))
    }
}

/// `None` if the handshake only has to wait.
fn unless_blocked<T>(error: io::Error, during: &str) -> Result<Option<T>, LinkError> {
    if error.kind() == ErrorKind::WouldBlock {
        return Ok(None);
    }
    let error = to_link_error(error);
    // TLS errors are clear without it.
    if error.kind == LinkErrorKind::Tls {
        return Err(error);
    }
    let text = format!("{during}: {}", error.text);
    Err(LinkError::new(error.kind, text))
}

fn failed(text: impl Into<chat_core::Text>) -> LinkError {
    LinkError::new(LinkErrorKind::Handshake, text)
}

/// The Host header: with the port, unless it is the scheme's default. RFC 9110, 7.2.
fn host(target: &Target, secure: bool) -> String {
    let default_port = if secure { 443 } else { 80 };
    let text = target.to_string();
    match text.strip_suffix(&format!(":{default_port}")) {
        Some(host) if target.port == default_port => host.to_owned(),
        _ => text,
    }
}

/// The value of a header. Repeated headers form one list (RFC 9110, 5.3).
fn header(response: &Response, name: &str) -> Option<String> {
    let values = response.headers().get_all(name).into_iter();
    let values = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect::<Vec<_>>();
    (!values.is_empty()).then(|| values.join(", "))
}

/// The number in a status line.
fn status(response: &[u8]) -> Option<u16> {
    let line = response.split(|byte| *byte == b'\n').next()?;
    let mut parts = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let version = parts.next()?;
    let status = parts
        .next()
        .filter(|status| version.starts_with("HTTP/") && status.len() == 3)?;
    status.parse().ok()
}

/// Whether a header contains the token, in any case.
fn has_token(response: &Response, name: &str, token: &str) -> bool {
    let values = response
        .headers()
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_QUOTED_CHARS).collect()
}

/// The server responded with another status than 101.
fn rejected(status: u16, location: Option<&str>) -> LinkError {
    // A captive portal responds instead of the server: with the status that RFC 6585, 6 made for
    // it, more often with its page (200) or a redirect to that page.
    let hint = match status {
        511 => {
            "the network requires a login before it lets connections through; open any page in a \
             browser, log in on the network's login page, then try again"
                .to_owned()
        }
        200..=299 => {
            "the server has no WebSocket there; check the address and the path, and in a network \
             of a hotel or the like, whether its login page in a browser asks for a login first"
                .to_owned()
        }
        300..=399 => match location {
            Some(location) => format!(
                "redirects are not followed; it points to {}, which may be a login page of the \
                 network",
                shortened(location)
            ),
            None => "redirects are not followed; check the address and the path, and whether the \
                     network has a login page"
                .to_owned(),
        },
        400 | 426 => "it rejects this request; check the address and the path".to_owned(),
        401 | 403 | 407 => "it, or a proxy in between, requires other credentials".to_owned(),
        404 | 410 => {
            "there is no WebSocket at this path; check the address and the path".to_owned()
        }
        429 => "it has too many requests; try again later".to_owned(),
        500..=599 => "it has an error; try again later".to_owned(),
        _ => "check the address and the path".to_owned(),
    };
    let known = StatusCode::from_u16(status).ok();
    let reason = known
        .and_then(|status| status.canonical_reason())
        .unwrap_or("unregistered");
    failed(format!(
        "the server responded with HTTP {status} ({reason}) instead of opening: {hint}"
    ))
}
