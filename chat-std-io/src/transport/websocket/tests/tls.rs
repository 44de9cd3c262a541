//! TLS under a WebSocket: certificates that are not to be trusted, servers that do not speak it, and what is said.

use super::*;
use crate::transport::tls::{Tls, TlsError};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use std::sync::{Arc, OnceLock};

/// A root of these tests, and whatever it signs.
struct Authority {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self {
            root,
            issuer: Issuer::new(params, key),
        }
    }

    /// The configuration of a server with a certificate for this host.
    fn server(
        &self,
        host: &str,
        versions: &[&'static SupportedProtocolVersion],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(versions)
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap();
        Arc::new(config)
    }
}

fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::new("the root of these tests"))
}

pub(super) fn trusting() -> Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(|| Tls::with_root(&authority().root).unwrap())
        .clone()
}

pub(super) fn server_config() -> Arc<ServerConfig> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    Arc::clone(CONFIG.get_or_init(|| authority().server("localhost", &[&TLS13, &TLS12], |_| {})))
}

type Stream = StreamOwned<ServerConnection, Chopped>;

fn stream(stream: Chopped, config: &Arc<ServerConfig>) -> Stream {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream)
}

pub(super) fn accept(chopped: Chopped, config: &Arc<ServerConfig>) -> Box<dyn Duplex> {
    Box::new(stream(chopped, config))
}

impl Duplex for Stream {
    fn tcp(&self) -> &TcpStream {
        &self.sock.stream
    }
}

/// What the client says to a server with this configuration, which sees nothing but a handshake that fails.
fn distrusts(config: Arc<ServerConfig>, setup: &Setup, words: &[&str]) {
    let (address, server) = serve_tcp(move |tcp| {
        let mut stream = stream(
            Chopped {
                stream: tcp,
                piece: usize::MAX,
            },
            &config,
        );
        let mut said = Vec::new();
        let result = stream.read_to_end(&mut said);
        assert!(result.is_err(), "the handshake does not succeed");
        said
    });
    let mut client = Client::connect_with(address, Over::Tls, false, setup);
    let error = client.failure(false);
    assert_eq!(error.kind, LinkErrorKind::Tls);
    for word in words {
        assert!(error.text.contains(word), "{word:?} is not in {error:?}");
    }
    drop(client);
    assert_eq!(
        server.join().unwrap(),
        b"",
        "nothing is sent to those who are not trusted"
    );
}

#[test]
fn certificates_that_are_not_to_be_trusted() {
    let both = [&TLS13, &TLS12];
    for versions in [&both[..], &both[1..]] {
        let server =
            |host, change: fn(&mut CertificateParams)| authority().server(host, versions, change);
        let trusting = Over::Tls.setup();
        distrusts(
            server("example.com", |_| {}),
            &trusting,
            &["another host", "localhost", "example.com"],
        );
        let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
        distrusts(
            server("localhost", expired),
            &trusting,
            &["has expired", "clock"],
        );
        let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(4000, 1, 1);
        distrusts(
            server("localhost", early),
            &trusting,
            &["not valid yet", "clock"],
        );
        let words = ["no trusted root", "Tls::with_root", "UnknownIssuer"];
        distrusts(server("localhost", |_| {}), &Setup::for_test(), &words);
        let stranger = Authority::new("a stranger");
        distrusts(
            stranger.server("localhost", versions, |_| {}),
            &trusting,
            &words,
        );
        let impostor = Authority::new("the root of these tests");
        distrusts(
            impostor.server("localhost", versions, |_| {}),
            &trusting,
            &["not signed by the issuer"],
        );
    }
}

/// What the client says to a server that says this to its hello, and ends if told so.
fn canned(answer: &'static [u8], ends: bool) -> LinkError {
    let (address, server) = serve_tcp(move |mut stream| {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head[..2], [0x16, 3], "a hello");
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(answer).unwrap();
        if ends {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        // At most an alert, in the clear: no byte of a request.
        assert!(
            rest.is_empty() || (rest[0] == 0x15 && rest.len() == 7),
            "{rest:?}"
        );
    });
    let mut client = Client::connect(address, Over::Tls, false);
    let error = client.failure(false);
    drop(client);
    server.join().unwrap();
    error
}

#[test]
fn servers_that_do_not_speak_it() {
    // Version 3.2, 32 bytes of random, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    const TLS_1_1: &[u8] = &[
        0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0x2f, 0,
    ];
    let cases: [(&[u8], bool, &str); 8] = [
        (TLS_1_1, false, "older or weaker"),
        (&[0x15, 3, 1, 0, 2, 2, 70], false, "older or weaker"),
        (&[0x15, 3, 3, 0, 2, 2, 40], false, "older or weaker"),
        (
            &[0x15, 3, 3, 0, 2, 2, 112],
            false,
            "does not know this host",
        ),
        (&[0x15, 3, 3, 0, 2, 2, 80], false, "the server refused"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            false,
            "does not speak TLS",
        ),
        (b"", true, "during the TLS handshake"),
        (&TLS_1_1[..20], true, "during the TLS handshake"),
    ];
    for (answer, ends, words) in cases {
        let error = canned(answer, ends);
        assert_eq!(error.kind, LinkErrorKind::Tls, "{error:?}");
        assert!(error.text.contains(words), "{words:?} is not in {error:?}");
    }
}

#[test]
fn a_refusal_is_as_clear_as_without_tls() {
    let (address, server) = serve_tcp(|tcp| {
        let mut stream = stream(
            Chopped {
                stream: tcp,
                piece: 1,
            },
            &server_config(),
        );
        let request = read_request(&mut stream);
        assert_eq!(
            stream.conn.server_name(),
            Some("localhost"),
            "the host is named"
        );
        stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
        request
    });
    let mut client = Client::connect(address, Over::Tls, false);
    let error = client.failure(false);
    assert_eq!(error.kind, LinkErrorKind::Handshake);
    assert!(error.text.contains("404"), "{error:?}");
    assert!(
        server
            .join()
            .unwrap()
            .contains(&format!("Host: localhost:{}\r\n", address.port()))
    );
}

#[test]
fn ends_before_the_answer() {
    for goodbye in [false, true] {
        let (address, server) = serve_tcp(move |tcp| {
            let mut stream = stream(
                Chopped {
                    stream: tcp,
                    piece: usize::MAX,
                },
                &server_config(),
            );
            read_request(&mut stream);
            if goodbye {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        });
        let mut client = Client::connect(address, Over::Tls, false);
        let error = client.failure(false);
        assert_eq!(error.kind, LinkErrorKind::Handshake);
        assert!(error.text.contains("without a response"), "{error:?}");
        server.join().unwrap();
    }
}

#[test]
fn each_version_works_and_can_be_told() {
    for version in [&TLS12, &TLS13] {
        let config = authority().server("localhost", &[version], |_| {});
        let (address, server) = serve_tcp(move |tcp| {
            let mut stream = stream(
                Chopped {
                    stream: tcp,
                    piece: usize::MAX,
                },
                &config,
            );
            read_request(&mut stream);
            stream.conn.protocol_version().unwrap()
        });
        let mut client = Client::connect(address, Over::Tls, false);
        client.failure(false);
        assert_eq!(server.join().unwrap(), version.version);
    }
}

#[test]
fn a_record_that_is_broken_after_opening() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(Over::Tls, move |mut server| {
        gate.recv().unwrap();
        server
            .send(tungstenite::Message::binary(b"heard".to_vec()))
            .unwrap();
        server
            .get_ref()
            .tcp()
            .write_all(&[0x17, 3, 3, 0, 20])
            .unwrap();
        server.get_ref().tcp().write_all(&[0; 20]).unwrap();
        server
    });
    let mut client = Client::connect(address, Over::Tls, false);
    client.open();
    go.send(()).unwrap();
    // Both are there before the first is read.
    let server = server.join().unwrap();
    let error = client.failure(true);
    assert_eq!(client.core.heard, [b"heard"]);
    assert_eq!(error.kind, LinkErrorKind::Protocol);
    assert!(error.text.contains("TLS"), "{error:?}");
    assert!(!client.socket.must_answer_end());
    drop(server);
}

#[test]
fn roots_and_configurations_of_your_own() {
    let pem = |der: &[u8]| {
        let pem = rcgen_pem(der);
        format!("# a comment\n{pem}\n{pem}")
    };
    let (root, other) = (
        authority().root.clone(),
        Authority::new("another root").root,
    );
    let both = pem(&root) + &pem(&other);
    let mut store = rustls::RootCertStore::empty();
    store.add(root.clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_protocol_versions(&[&TLS12])
    .unwrap()
    .with_root_certificates(store)
    .with_no_client_auth();
    for tls in [
        Tls::with_root(&root).unwrap(),
        Tls::with_root(both.as_bytes()).unwrap(),
        Tls::config(config.into()),
    ] {
        let (address, server) = serve(Over::Tls, |server| server);
        let setup = Setup {
            tls,
            ..Setup::for_test()
        };
        Client::connect_with(address, Over::Tls, false, &setup).open();
        drop(server.join().unwrap());
    }
    assert!(matches!(Tls::with_root(b""), Err(TlsError::NoCertificate)));
    assert!(matches!(
        Tls::with_root(b"no certificate"),
        Err(TlsError::NoCertificate)
    ));
    assert!(matches!(
        Tls::with_root(&root[..root.len() - 1]),
        Err(TlsError::Certificate(_))
    ));
    let broken = both.replace("MI", "!!");
    assert!(matches!(
        Tls::with_root(broken.as_bytes()),
        Err(TlsError::Certificate(_))
    ));
}

/// A certificate in the armour of RFC 7468.
fn rcgen_pem(der: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in der.chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit > three.len() {
                '='
            } else {
                char::from(DIGITS[index])
            });
        }
    }
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[test]
fn a_host_that_no_certificate_can_be_for() {
    let kind = Kind {
        secure: true,
        text: false,
        subprotocol: SUBPROTOCOL,
    };
    for host in ["-", "a..b", &"x".repeat(300)] {
        let Err(error) = Handshaking::new(&target(host, 1, "/"), kind, &Over::Tls.setup()) else {
            panic!("{host}")
        };
        assert_eq!(error.kind, LinkErrorKind::Tls, "{host}");
    }
}
