//! The opening handshake of a WebSocket: a request, which may arrive byte by byte, and its
//! response. Spec: wire.md 7, RFC 6455 section 4.
//!
//! The parser and the checks are tungstenite's. Its own state machine is not used, because it
//! cannot refuse a client without a common sub-protocol.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::HeaderValue;

use photon_proto::peer::SubProtocol;

/// The maximum length of a request.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// The size of the read buffer.
const CHUNK_BYTES: usize = 2 * 1024;
const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol";

/// A handshake in progress.
#[derive(Default)]
pub(super) struct Handshake {
    request: Vec<u8>,
    answer: Vec<u8>,
    sent: usize,
    /// The outcome, valid once the response is sent.
    outcome: Option<Outcome>,
}

/// The outcome of a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Open(Agreed),
    Refused,
}

/// The agreed parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) subprotocol: SubProtocol,
    /// The path with the query.
    pub(super) path: String,
    /// The host without the port; `None` if the client's host header is not a host.
    pub(super) host: Option<String>,
    /// Bytes that arrived after the request.
    pub(super) tail: Vec<u8>,
}

impl Handshake {
    /// Continues; `None` while the stream blocks.
    pub(super) fn step(&mut self, stream: &mut (impl Read + Write)) -> io::Result<Option<Outcome>> {
        while self.outcome.is_none() {
            let mut chunk = [0; CHUNK_BYTES];
            let before = self.request.len();
            match stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self
                    .request
                    .extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) => return blocked(error),
            }
            // The end of the head may have begun in the previous part.
            let fresh = self
                .request
                .get(before.saturating_sub(3)..)
                .unwrap_or_default();
            if ends_head(fresh) {
                self.judge();
            } else if self
                .request
                .first()
                .is_some_and(|first| !first.is_ascii_uppercase())
            {
                self.refuse("the request is not HTTP");
            } else if self.request.len() > MAX_REQUEST_BYTES {
                self.refuse("the request is too long");
            }
        }
        while let Some(rest) = self.answer.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent = self.sent.saturating_add(count),
                Err(error) => return blocked(error),
            }
        }
        match stream.flush() {
            Ok(()) => Ok(self.outcome.take()),
            Err(error) => blocked(error),
        }
    }

    fn judge(&mut self) {
        let (length, request) = match Request::try_parse(&self.request) {
            Ok(Some(found)) => found,
            Ok(None) => return self.refuse("the request is not HTTP"),
            Err(error) => return self.refuse(&error.to_string()),
        };
        let mut response = match create_response(&request) {
            Ok(response) => response,
            Err(error) => return self.refuse(&format!("here are WebSockets only: {error}")),
        };
        let asked = request
            .headers()
            .get_all(SUBPROTOCOL)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        let mut names = asked.flat_map(|value| value.split(',')).map(str::trim);
        let chosen = names.find_map(|name| {
            // The response repeats the client's spelling.
            Some((
                SubProtocol::from_name(name)?,
                HeaderValue::from_str(name).ok()?,
            ))
        });
        let Some((subprotocol, name)) = chosen else {
            return self.refuse("ask for the sub-protocol GpBinaryV18, GpBinaryV16 or Json");
        };
        response.headers_mut().insert(SUBPROTOCOL, name);
        if write_response(&mut self.answer, &response).is_err() {
            self.answer.clear();
            return self.refuse("no response can be made for this request");
        }
        let host = request
            .headers()
            .get("Host")
            .and_then(|value| host(value.to_str().ok()?));
        let path = request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default();
        let tail = self.request.split_off(length.min(self.request.len()));
        self.outcome = Some(Outcome::Open(Agreed {
            subprotocol,
            path,
            host,
            tail,
        }));
    }

    fn refuse(&mut self, why: &str) {
        log::debug!("refused a WebSocket handshake: {why}");
        self.answer = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}\n",
            why.len().saturating_add(1)
        )
        .into_bytes();
        self.outcome = Some(Outcome::Refused);
    }
}

fn blocked(error: io::Error) -> io::Result<Option<Outcome>> {
    match error.kind() {
        ErrorKind::WouldBlock => Ok(None),
        _ => Err(error),
    }
}

/// Whether the head of a request ends in this part of it.
fn ends_head(part: &[u8]) -> bool {
    part.windows(2).any(|two| two == b"\n\n") || part.windows(3).any(|three| three == b"\n\r\n")
}

/// Parses a host header: returns the host without the port, an IPv6 address without brackets.
fn host(text: &str) -> Option<String> {
    const MAX_BYTES: usize = 255;
    let is_plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    let host = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, _) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            address
        }
        None => text.split(':').next().filter(|host| is_plain(host))?,
    };
    (!host.is_empty() && host.len() <= MAX_BYTES).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const REQUEST: &str = "GET /app-1?libversion=4.4.0.0 HTTP/1.1\r\nHost: LocalHost:9093\r\nConnection: Upgrade\r\n\
                           Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    /// A stream that returns one byte at a time, then blocks.
    struct Slow(Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(&mut buffer[..1])? {
                0 => Err(ErrorKind::WouldBlock.into()),
                count => Ok(count),
            }
        }
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(&bytes[..1]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answered(request: &str) -> (Option<Outcome>, String) {
        let mut slow = Slow(Cursor::new(request.as_bytes().to_vec()), Vec::new());
        let outcome = Handshake::default().step(&mut slow).unwrap();
        (outcome, String::from_utf8(slow.1).unwrap())
    }

    #[test]
    fn the_first_known_subprotocol_is_selected_in_the_clients_spelling() {
        let request = format!(
            "{REQUEST}Sec-WebSocket-Protocol: chat, json\r\nSec-WebSocket-Protocol: GpBinaryV18\r\n\r\n"
        );
        let (outcome, answer) = answered(&request);
        let path = "/app-1?libversion=4.4.0.0".to_owned();
        let host = Some("LocalHost".to_owned());
        let agreed = Agreed {
            subprotocol: SubProtocol::Json,
            path,
            host,
            tail: Vec::new(),
        };
        assert_eq!(outcome, Some(Outcome::Open(agreed)));
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(
            answer
                .to_lowercase()
                .contains("sec-websocket-protocol: json\r\n"),
            "{answer}"
        );
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }

    #[test]
    fn other_requests_are_refused_with_400_and_a_reason() {
        for (request, why) in [
            (format!("{REQUEST}\r\n"), "ask for the sub-protocol"),
            (
                format!("{REQUEST}Sec-WebSocket-Protocol: mqtt\r\n\r\n"),
                "ask for the sub-protocol",
            ),
            (
                "GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
                "WebSockets only",
            ),
            ("POST / HTTP/1.1\r\n\r\n".to_owned(), ""),
            ("nonsense\r\n\r\n".to_owned(), ""),
            ("\u{16}\u{3}\u{1}\u{e9}".to_owned(), ""),
            ("X".repeat(MAX_REQUEST_BYTES + 1), "too long"),
        ] {
            let (outcome, answer) = answered(&request);
            assert_eq!(outcome, Some(Outcome::Refused), "{request:?}");
            assert!(
                answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains(why),
                "{answer}"
            );
        }
        assert_eq!(answered(REQUEST).0, None);
    }

    #[test]
    fn a_host_header_is_parsed_or_rejected() {
        for (text, expected) in [
            ("localhost:9093", Some("localhost")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]:80", Some("::1")),
            ("[::1", None),
            ("[nonsense]:1", None),
            ("", None),
            (":80", None),
            ("a b:80", None),
            ("\"><script>", None),
        ] {
            assert_eq!(host(text).as_deref(), expected, "{text}");
        }
        assert_eq!(host(&"x".repeat(300)), None);
    }
}
