//! The opening handshake.

use super::*;
use crate::transport::websocket::handshake::Handshake;
use tungstenite::handshake::derive_accept_key;

/// The bytes of a response, in which `KEY` stands for the right key for this request.
fn with_key(response: &str, request: &str) -> Vec<u8> {
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap();
    response
        .replace('\n', "\r\n")
        .replace("KEY", &derive_accept_key(key.as_bytes()))
        .into_bytes()
}

/// The error after this response, in which `KEY` stands for the right key.
fn error_after(response: &str) -> LinkError {
    let response = response.to_owned();
    let (address, server) = serve_tcp(move |mut stream| {
        let request = read_request(&mut stream);
        stream.write_all(&with_key(&response, &request)).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream
    });
    let mut harness = Harness::connect(address, Over::Tcp, false);
    let error = harness.failure(false);
    drop(server.join().unwrap());
    error
}

const RIGHT: &str = "HTTP/1.1 101 Switching Protocols\nUpgrade: WebSocket\nConnection: keep-alive, Upgrade\n\
                     Sec-WebSocket-Accept: KEY\nSec-WebSocket-Protocol: GpBinaryV18\n\n";

#[test]
fn the_request_has_the_expected_headers() {
    let (address, server) = serve_tcp(|mut stream| read_request(&mut stream));
    let mut harness = Harness::connect(address, Over::Tcp, false);
    harness.pass();
    let request = server.join().unwrap();
    let mut lines: Vec<_> = request.lines().map(str::to_owned).collect();
    let key = lines
        .iter()
        .position(|line| line.starts_with("Sec-WebSocket-Key: "))
        .unwrap();
    assert_eq!(lines.remove(key).len(), "Sec-WebSocket-Key: ".len() + 24);
    assert_eq!(
        lines,
        [
            "GET /?app=chat HTTP/1.1",
            &format!("Host: localhost:{}", address.port()),
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: GpBinaryV18",
            "",
        ]
    );
}

#[test]
fn the_host_header_leaves_out_the_default_port() {
    let request = |host: &str, port, secure| {
        let handshake = Handshake::new(&target(host, port, ""), secure, "").unwrap();
        let text = handshake.request().to_owned();
        assert!(text.starts_with("GET / HTTP/1.1\r\n") && !text.contains("Sec-WebSocket-Protocol"));
        text.lines()
            .find_map(|line| line.strip_prefix("Host: ").map(str::to_owned))
            .unwrap()
    };
    assert_eq!(request("example.com", 9093, false), "example.com:9093");
    assert_eq!(request("example.com", 80, false), "example.com");
    assert_eq!(request("example.com", 80, true), "example.com:80");
    assert_eq!(request("example.com", 443, true), "example.com");
    assert_eq!(request("::1", 443, false), "[::1]:443");
    assert_eq!(request("::1", 443, true), "[::1]");
}

#[test]
fn a_target_that_fits_no_request_is_an_error() {
    for (host, path) in [
        ("localhost", "/a b"),
        ("localhost", "/\r\nX: y"),
        ("localhost", "path"),
        ("local\nhost", "/"),
        ("", "/ü"),
    ] {
        let kind = Kind {
            secure: false,
            text: false,
            subprotocol: "",
        };
        let Err(error) = Handshaking::new(&target(host, 1, path), kind, &Setup::for_test()) else {
            panic!("{host:?} {path:?}")
        };
        assert_eq!(error.kind, LinkErrorKind::Handshake);
    }
}

#[test]
fn headers_in_any_case_and_a_message_right_behind_them() {
    let (address, server) = serve_tcp(|mut stream| {
        let request = read_request(&mut stream);
        let key = request
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .unwrap();
        let response = RIGHT
            .replace('\n', "\r\n")
            .replace("KEY", &derive_accept_key(key.as_bytes()));
        let mut bytes = response.replace("Upgrade:", "uPGRADE:").into_bytes();
        bytes.extend(frame(0x82, b"hello"));
        bytes.extend(frame(0x82, &pattern(5_000)));
        stream.write_all(&bytes).unwrap();
        stream
    });
    let mut harness = Harness::connect(address, Over::Tcp, false);
    assert_eq!(harness.receive(2), [b"hello".to_vec(), pattern(5_000)]);
    drop(server.join().unwrap());
}

#[test]
fn each_refusal_has_a_cause_and_a_hint() {
    let long = format!(
        "HTTP/1.1 101 Switching Protocols\n{}",
        format!("X-Long: {}\n", "x".repeat(200)).repeat(100)
    );
    let many = format!(
        "HTTP/1.1 101 Switching Protocols\n{}",
        "X: y\n".repeat(1_000)
    );
    let cases = [
        (
            "HTTP/1.1 404 Not Found\nContent-Length: 3\n\nno!",
            "404 (Not Found)",
        ),
        (
            "HTTP/1.1 301 Moved Permanently\nLocation: https://elsewhere/\n\n",
            "points to https://elsewhere/",
        ),
        ("HTTP/1.1 302 Found\n\n", "redirects are not followed"),
        ("HTTP/1.1 200 OK\n\nhello", "no WebSocket there"),
        ("HTTP/1.1 400 Bad Request\n\n", "400"),
        ("HTTP/1.1 401 Unauthorized\n\n", "credentials"),
        ("HTTP/1.1 503 Service Unavailable\n\n", "try again later"),
        ("HTTP/1.1 418 I'm a teapot\n\n", "418"),
        (
            "HTTP/1.0 404 File not found\nServer: old\n\n",
            "404 (Not Found)",
        ),
        (
            "HTTP/1.1 404 Not Found\nX-Folded: a\n b\n\n",
            "404 (Not Found)",
        ),
        (
            "HTTP/1.1 400 Bad Request\nNo header at all\n\n",
            "400 (Bad Request)",
        ),
        ("HTTP/1.0 101 Switching Protocols\n\n", "HTTP version"),
        (
            &RIGHT.replace("KEY", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "Sec-WebSocket-Accept",
        ),
        (
            &RIGHT.replace("Sec-WebSocket-Accept: KEY\n", ""),
            "Sec-WebSocket-Accept",
        ),
        (
            &RIGHT.replace("Sec-WebSocket-Protocol: GpBinaryV18\n", ""),
            "did not accept the sub-protocol GpBinaryV18",
        ),
        (
            &RIGHT.replace("GpBinaryV18", "Json"),
            "sub-protocol Json instead of GpBinaryV18",
        ),
        (
            &RIGHT.replace("\n\n", "\nSec-WebSocket-Protocol: Json\n\n"),
            "sub-protocol GpBinaryV18, Json instead of GpBinaryV18",
        ),
        (
            &RIGHT.replace("\n\n", "\nSec-WebSocket-Accept: KEY\n\n"),
            "Sec-WebSocket-Accept",
        ),
        (
            &RIGHT.replace("\n\n", "\nSec-WebSocket-Extensions: permessage-deflate\n\n"),
            "extension",
        ),
        (
            &RIGHT.replace("Upgrade: WebSocket", "Upgrade: h2c"),
            "not WebSocket",
        ),
        (
            &RIGHT.replace("keep-alive, Upgrade", "keep-alive"),
            "not WebSocket",
        ),
        ("SSH-2.0-OpenSSH_9.6\n", "not HTTP"),
        ("\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{46}", "use wss://"),
        (&long, "longer than"),
        (&many, "too many headers"),
        (
            "HTTP/1.1 101 Switching Pro",
            "in the middle of its response",
        ),
        ("", "the port is one for wss://"),
    ];
    for (response, hint) in cases {
        let error = error_after(response);
        assert_eq!(error.kind, LinkErrorKind::Handshake, "{error:?}");
        assert!(error.text.contains(hint), "{hint:?} is not in {error:?}");
        assert!(error.text.len() < 400, "{error:?}");
    }
}

#[test]
fn a_long_location_is_shortened() {
    let error = error_after(&format!(
        "HTTP/1.1 307 Temporary Redirect\nLocation: /{}\n\n",
        "x".repeat(5_000)
    ));
    assert!(error.text.len() < 400, "{error:?}");
}

#[test]
fn case10_a_captive_portal_is_recognised_in_each_of_its_answers() {
    for response in [
        "HTTP/1.1 511 Network Authentication Required\nContent-Type: text/html\n\n<html>",
        "HTTP/1.0 511 Network Authentication Required\n\n",
        "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<html>",
        "HTTP/1.1 203 Non-Authoritative Information\n\n",
        "HTTP/1.1 302 Found\nLocation: http://portal.example/login?to=x\n\n",
        "HTTP/1.1 303 See Other\n\n",
        "HTTP/1.1 307 Temporary Redirect\nLocation: http://portal.example/login?to=x\n\n",
    ] {
        let error = error_after(response);
        assert_eq!(error.kind, LinkErrorKind::Handshake, "{error:?}");
        assert!(error.text.contains("login page"), "{error:?}");
        assert_eq!(
            error.text.contains("http://portal.example/login?to=x"),
            response.contains("Location"),
            "{error:?}"
        );
    }
    for response in ["HTTP/1.1 404 Not Found\n\n", "HTTP/1.1 503 Busy\n\n"] {
        let error = error_after(response);
        assert!(!error.text.contains("login page"), "{error:?}");
    }
}

/// Responds in pieces, and returns what the client knows after it read a message that follows.
fn opens_after(response: &str, piece: usize) {
    let response = response.to_owned();
    let (address, server) = serve_tcp(move |mut stream| {
        let request = read_request(&mut stream);
        let mut bytes = with_key(&response, &request);
        bytes.extend(frame(0x82, b"hello"));
        for piece in bytes.chunks(piece) {
            stream.write_all(piece).unwrap();
        }
        stream
    });
    let mut harness = Harness::connect(address, Over::Tcp, false);
    assert_eq!(harness.receive(1), [b"hello"]);
    drop(server.join().unwrap());
}

#[test]
fn interim_responses_before_the_final_one_are_skipped() {
    let hints = "HTTP/1.1 103 Early Hints\nLink: </style.css>; rel=preload\n\n";
    for interim in [
        "HTTP/1.1 100 Continue\n\n",
        "HTTP/1.1 102 Processing\nDate: now\n\n",
        hints,
        "HTTP/1.1 199 Unknown\n\n",
        &hints.repeat(8),
    ] {
        for piece in [usize::MAX, 1] {
            opens_after(&format!("{interim}{RIGHT}"), piece);
        }
        let error = error_after(&format!("{interim}HTTP/1.1 404 Not Found\n\n"));
        assert!(error.text.contains("404 (Not Found)"), "{error:?}");
        let error = error_after(interim);
        assert!(
            error.text.contains("in the middle of its response"),
            "{error:?}"
        );
    }
}

#[test]
fn interim_responses_are_limited() {
    let error = error_after(&"HTTP/1.1 100 Continue\n\n".repeat(9));
    assert!(
        error.text.contains("more than 8 interim responses") && error.text.contains("100"),
        "{error:?}"
    );
    let long = format!("HTTP/1.1 103 Early Hints\nLink: {}\n\n", "x".repeat(6_000));
    let error = error_after(&format!("{}HTTP/1.1 1", long.repeat(3)));
    assert!(error.text.contains("longer than"), "{error:?}");
}
