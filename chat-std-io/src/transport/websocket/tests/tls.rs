//! TLS below a WebSocket: untrusted certificates, servers that do not speak it, and the errors.

use super::*;
use crate::transport::tls::{Tls, TlsError};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use std::sync::{Arc, OnceLock};

/// A root of these tests, and what signs with it.
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
        configuration(versions, vec![certificate], &key)
    }
}

/// The configuration of a server with these certificates, its own first.
fn configuration(
    versions: &[&'static SupportedProtocolVersion],
    certificates: Vec<CertificateDer<'static>>,
    key: &KeyPair,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
    Arc::new(config)
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

/// Checks that the client does not trust a server with this configuration, and that the server
/// sees only a failed handshake.
fn distrusts(config: Arc<ServerConfig>, setup: &Setup, hints: &[&str]) {
    let (address, server) = serve_tcp(move |tcp| {
        let mut stream = stream(
            Chopped {
                stream: tcp,
                piece: usize::MAX,
            },
            &config,
        );
        let mut received = Vec::new();
        let result = stream.read_to_end(&mut received);
        assert!(result.is_err(), "the handshake does not succeed");
        received
    });
    let mut harness = Harness::connect_with(address, Over::Tls, false, setup);
    let error = harness.failure(false);
    assert_eq!(error.kind, LinkErrorKind::Tls);
    for hint in hints {
        assert!(error.text.contains(hint), "{hint:?} is not in {error:?}");
    }
    drop(harness);
    assert_eq!(
        server.join().unwrap(),
        b"",
        "an untrusted server receives nothing"
    );
}

#[test]
fn untrusted_certificates_are_rejected_with_a_hint() {
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
        let hints = ["no trusted root", "Tls::with_root", "UnknownIssuer"];
        distrusts(server("localhost", |_| {}), &Setup::for_test(), &hints);
        let stranger = Authority::new("a stranger");
        distrusts(
            stranger.server("localhost", versions, |_| {}),
            &trusting,
            &hints,
        );
        let impostor = Authority::new("the root of these tests");
        distrusts(
            impostor.server("localhost", versions, |_| {}),
            &trusting,
            &["not signed by the issuer"],
        );
    }
}

/// The setup that trusts this certificate, as one that the application passed.
fn trusting_only(certificate: &[u8]) -> Setup {
    Setup {
        tls: Tls::with_root(certificate).unwrap(),
        ..Setup::for_test()
    }
}

/// A certificate that has signed itself, and a server with it.
fn self_signed(
    change: impl FnOnce(&mut CertificateParams),
) -> (CertificateDer<'static>, Arc<ServerConfig>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let server = configuration(&[&TLS13, &TLS12], vec![certificate.clone()], &key);
    (certificate, server)
}

#[test]
fn case07_a_certificate_of_an_authority_is_rejected_with_a_recipe() {
    let (certificate, server) =
        self_signed(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    // Trusted or not, the recipe is the same.
    for setup in [trusting_only(&certificate), Setup::for_test()] {
        distrusts(
            Arc::clone(&server),
            &setup,
            &[
                "certificate authority",
                "basicConstraints=CA:FALSE",
                "subjectAltName",
                "root of your own that signs one",
                "Tls::with_root",
            ],
        );
    }
}

#[test]
fn case07_what_the_recipe_makes_is_accepted() {
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let (certificate, config) = self_signed(|params| params.is_ca = is_ca);
        distrusts(
            Arc::clone(&config),
            &Setup::for_test(),
            &["no trusted root", "self-signed", "Tls::with_root"],
        );
        let (address, server) = serve_tcp(move |tcp| {
            let chopped = Chopped {
                stream: tcp,
                piece: usize::MAX,
            };
            read_request(&mut stream(chopped, &config))
        });
        let setup = trusting_only(&certificate);
        Harness::connect_with(address, Over::Tls, false, &setup).failure(false);
        assert!(server.join().unwrap().starts_with("GET "));
    }
}

#[test]
fn case07_other_home_made_certificates_are_rejected_with_a_hint() {
    // A Common Name, and no subjectAltName.
    let (certificate, server) = self_signed(|params| {
        params.subject_alt_names.clear();
        params
            .distinguished_name
            .push(DnType::CommonName, "localhost");
    });
    let hints = ["subjectAltName", "Common Name", "basicConstraints=CA:FALSE"];
    distrusts(server, &trusting_only(&certificate), &hints);
    let (certificate, server) = self_signed(|params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    distrusts(server, &trusting_only(&certificate), &["serverAuth"]);
    // Signed by an intermediate that is no authority.
    let middle_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "no authority");
    params.is_ca = IsCa::ExplicitNoCa;
    let middle = params.signed_by(&middle_key, &authority().issuer).unwrap();
    let middle_der = middle.der().clone();
    let issuer = Issuer::new(params, middle_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap().der().clone();
    let server = configuration(&[&TLS13], vec![leaf, middle_der], &key);
    distrusts(server, &Over::Tls.setup(), &["CA:TRUE"]);
}

/// The error after a server has responded to the client hello with these bytes, and ended if
/// `ends`.
fn error_after(response: &'static [u8], ends: bool) -> LinkError {
    let (address, server) = serve_tcp(move |mut stream| {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head[..2], [0x16, 3], "a hello");
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(response).unwrap();
        if ends {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        // At most an unencrypted alert, and no byte of a request.
        assert!(
            rest.is_empty() || (rest[0] == 0x15 && rest.len() == 7),
            "{rest:?}"
        );
    });
    let mut harness = Harness::connect(address, Over::Tls, false);
    let error = harness.failure(false);
    drop(harness);
    server.join().unwrap();
    error
}

#[test]
fn servers_without_suitable_tls_are_rejected_with_a_hint() {
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
    for (response, ends, hint) in cases {
        let error = error_after(response, ends);
        assert_eq!(error.kind, LinkErrorKind::Tls, "{error:?}");
        assert!(error.text.contains(hint), "{hint:?} is not in {error:?}");
    }
}

#[test]
fn an_http_refusal_reads_the_same_as_without_tls() {
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
            "the hello names the host"
        );
        stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
        request
    });
    let mut harness = Harness::connect(address, Over::Tls, false);
    let error = harness.failure(false);
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
fn an_end_before_the_response_is_a_failed_handshake() {
    for close_notify in [false, true] {
        let (address, server) = serve_tcp(move |tcp| {
            let mut stream = stream(
                Chopped {
                    stream: tcp,
                    piece: usize::MAX,
                },
                &server_config(),
            );
            read_request(&mut stream);
            if close_notify {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        });
        let mut harness = Harness::connect(address, Over::Tls, false);
        let error = harness.failure(false);
        assert_eq!(error.kind, LinkErrorKind::Handshake);
        assert!(error.text.contains("without a response"), "{error:?}");
        server.join().unwrap();
    }
}

#[test]
fn tls_1_2_and_1_3_are_supported() {
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
        let mut harness = Harness::connect(address, Over::Tls, false);
        harness.failure(false);
        assert_eq!(server.join().unwrap(), version.version);
    }
}

#[test]
fn a_broken_record_ends_an_open_link() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (address, server) = serve(Over::Tls, move |mut server| {
        gate.recv().unwrap();
        server
            .send(tungstenite::Message::binary(b"received".to_vec()))
            .unwrap();
        server
            .get_ref()
            .tcp()
            .write_all(&[0x17, 3, 3, 0, 20])
            .unwrap();
        server.get_ref().tcp().write_all(&[0; 20]).unwrap();
        server
    });
    let mut harness = Harness::connect(address, Over::Tls, false);
    harness.open();
    go.send(()).unwrap();
    // Both records have arrived before the first is read.
    let server = server.join().unwrap();
    let error = harness.failure(true);
    assert_eq!(harness.client.received, [b"received"]);
    assert_eq!(error.kind, LinkErrorKind::Protocol);
    assert!(error.text.contains("TLS"), "{error:?}");
    assert!(!harness.socket.must_answer_end());
    drop(server);
}

#[test]
fn own_roots_and_configurations_are_used() {
    let pem = |der: &[u8]| {
        let pem = to_pem(der);
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
        Harness::connect_with(address, Over::Tls, false, &setup).open();
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

/// A certificate as PEM. RFC 7468.
fn to_pem(der: &[u8]) -> String {
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
fn a_host_that_fits_no_certificate_is_an_error() {
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
