//! The opening handshake: a request, and an answer that is checked to the letter. Spec: wire.md 7.1, RFC 6455 section 4.
//!
//! tungstenite has one too, whose answers cannot come byte by byte, nor say what to do; the parser and the key are its.

use crate::line::{LineIo, during};
use chat_core::{LinkError, LinkErrorKind, Target};
use std::io::{self, ErrorKind, Read, Write};
use tungstenite::handshake::client::{Response, generate_key};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::http::StatusCode;

/// Longer answers are refused.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// What is read at one time.
const CHUNK_BYTES: usize = 1_024;
/// What a server says in words is cut to this many characters.
const MAX_WORDS: usize = 200;

pub(super) struct Handshake {
    request: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
    accept: String,
    subprotocol: &'static str,
    secure: bool,
}

impl Handshake {
    /// Fails if the target cannot be written into a request: its parts may come from a server.
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
            return Err(refused(format!(
                "no request can be made of host {:?} and path {path:?}",
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
            answer: Vec::new(),
            accept: derive_accept_key(key.as_bytes()),
            subprotocol,
            secure,
        })
    }

    #[cfg(test)]
    pub(super) fn request(&self) -> &str {
        std::str::from_utf8(&self.request).unwrap()
    }

    /// Goes as far as the system goes along. Some once it is done: what the server said after its answer.
    pub(super) fn step(&mut self, io: &mut LineIo<'_>) -> Result<Option<Vec<u8>>, LinkError> {
        if let Err(error) = io.establish() {
            return unless_blocked(&error, io, "during the TLS handshake");
        }
        if let Err(error) = self.send(io) {
            return unless_blocked(&error, io, "during the WebSocket handshake");
        }
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            match io.read(&mut chunk) {
                Ok(0) => return Err(self.ended()),
                Ok(bytes) => {
                    self.answer
                        .extend_from_slice(chunk.get(..bytes).unwrap_or_default());
                    if let Some(tail) = self.check()? {
                        return Ok(Some(tail));
                    }
                }
                // Over TLS: without its goodbye.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(self.ended()),
                Err(error) => return unless_blocked(&error, io, "during the WebSocket handshake"),
            }
        }
    }

    fn send(&mut self, io: &mut LineIo<'_>) -> io::Result<()> {
        while let Some(rest) = self
            .request
            .get(self.sent..)
            .filter(|rest| !rest.is_empty())
        {
            self.sent += io.write(rest)?;
        }
        io.flush()
    }

    /// What follows the answer, if the answer is complete; and an error if it is not the right one.
    fn check(&self) -> Result<Option<Vec<u8>>, LinkError> {
        let Some((bytes, response)) =
            Response::try_parse(&self.answer).map_err(|error| self.no_http(&error))?
        else {
            if self.answer.len() > MAX_ANSWER_BYTES {
                return Err(refused(format!(
                    "the server's answer is longer than {MAX_ANSWER_BYTES} bytes"
                )));
            }
            return Ok(None);
        };
        if response.status().as_u16() != 101 {
            return Err(refusal(
                response.status().as_u16(),
                header(&response, "Location").as_deref(),
            ));
        }
        if !has_token(&response, "Upgrade", "websocket")
            || !has_token(&response, "Connection", "upgrade")
        {
            return Err(refused(
                "the server switched to something that is not WebSocket: is it a proxy?",
            ));
        }
        if header(&response, "Sec-WebSocket-Accept").as_ref() != Some(&self.accept) {
            return Err(refused(
                "the server's Sec-WebSocket-Accept does not belong to this request: is there a proxy with a cache?",
            ));
        }
        if response.headers().contains_key("Sec-WebSocket-Extensions") {
            return Err(refused(
                "the server uses a WebSocket extension that it was not offered",
            ));
        }
        match header(&response, "Sec-WebSocket-Protocol") {
            chosen if chosen.as_deref().unwrap_or_default() == self.subprotocol => {}
            None => {
                return Err(refused(format!(
                    "the server did not agree to the sub-protocol {}: is it a Photon server?",
                    self.subprotocol
                )));
            }
            Some(other) => {
                return Err(refused(format!(
                    "the server chose the sub-protocol {} instead of {}",
                    short(&other),
                    self.subprotocol
                )));
            }
        }
        Ok(Some(self.answer.get(bytes..).unwrap_or_default().to_vec()))
    }

    fn ended(&self) -> LinkError {
        let hint = match (self.answer.is_empty(), self.secure) {
            (false, _) => "in the middle of its answer",
            (true, false) => "without an answer; a port for wss:// does that",
            (true, true) => "without an answer",
        };
        refused(format!(
            "the server ended the connection during the WebSocket handshake, {hint}"
        ))
    }

    fn no_http(&self, error: &tungstenite::Error) -> LinkError {
        // A TLS record: an alert or a handshake message, and the major version.
        if !self.secure && matches!(self.answer.get(..2), Some([0x15 | 0x16, 3])) {
            return refused("the server answered in TLS: use wss:// for this port");
        }
        if matches!(error, tungstenite::Error::Capacity(_)) {
            return refused("the server's answer has too many headers");
        }
        // HTTP/1.0, or headers that only a lenient reader takes: a refusal all the same.
        if let Some(status) = status(&self.answer).filter(|status| *status != 101) {
            return refusal(status, None);
        }
        refused(format!(
            "the server's answer is not HTTP: is it a port for WebSocket? ({error})"
        ))
    }
}

fn unless_blocked<T>(
    error: &io::Error,
    io: &mut LineIo<'_>,
    what: &str,
) -> Result<Option<T>, LinkError> {
    match error.kind() {
        ErrorKind::WouldBlock => Ok(None),
        _ => Err(match io.raw.turn.reason(error) {
            error if error.kind == LinkErrorKind::Tls => error,
            error => during(what, &error),
        }),
    }
}

fn refused(text: impl Into<chat_core::Text>) -> LinkError {
    LinkError::new(LinkErrorKind::Handshake, text)
}

/// With the port, unless that is the scheme's own.
fn host(target: &Target, secure: bool) -> String {
    let own = if secure { 443 } else { 80 };
    let text = target.to_string();
    match text.strip_suffix(&format!(":{own}")) {
        Some(host) if target.port == own => host.to_owned(),
        _ => text,
    }
}

/// A header's value; that of one that is there more than once is their list, as HTTP has it.
fn header(response: &Response, name: &str) -> Option<String> {
    let values = response.headers().get_all(name).into_iter();
    let values = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect::<Vec<_>>();
    (!values.is_empty()).then(|| values.join(", "))
}

/// The number in a status line.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let version = words.next()?;
    let status = words
        .next()
        .filter(|status| version.starts_with("HTTP/") && status.len() == 3)?;
    status.parse().ok()
}

/// Whether this is one of a header's values, in whatever case.
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

fn short(words: &str) -> String {
    words.chars().take(MAX_WORDS).collect()
}

/// What a server says instead of opening, and what to do.
fn refusal(status: u16, location: Option<&str>) -> LinkError {
    let hint = match status {
        200..=299 => {
            "it is a web server without WebSocket there; check address and path".to_owned()
        }
        300..=399 => match location {
            Some(location) => format!(
                "redirects are not followed; it points to {}",
                short(location)
            ),
            None => "redirects are not followed".to_owned(),
        },
        400 | 426 => "it does not take this request; check address and path".to_owned(),
        401 | 403 | 407 => "it, or a proxy on the way, wants other credentials".to_owned(),
        404 | 410 => "there is no WebSocket at this path; check address and path".to_owned(),
        429 => "it has too many requests; try later".to_owned(),
        500..=599 => "it is in trouble; try later".to_owned(),
        _ => "check address and path".to_owned(),
    };
    let known = StatusCode::from_u16(status).ok();
    let reason = known
        .and_then(|status| status.canonical_reason())
        .unwrap_or("without a name");
    refused(format!(
        "the server answered HTTP {status} ({reason}) instead of opening: {hint}"
    ))
}
