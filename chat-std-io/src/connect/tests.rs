//! One connect, without a session.

use super::*;
use chat_core::SubProtocol;

fn target(host: &str) -> Target {
    Target {
        host: host.into(),
        port: 9093,
        path: "".into(),
    }
}

fn start(host: &str, wire: Wire) -> Result<Attempt, LinkError> {
    let setup = Setup::for_test();
    Attempt::start(
        &target(host),
        wire,
        &setup,
        Timestamp::ZERO,
        &WakerSlot::default(),
    )
}

#[test]
fn a_missing_transport_names_the_feature_to_enable() {
    for (secure, built_in, feature) in [
        (true, cfg!(feature = "tls"), "`tls`"),
        (false, cfg!(feature = "websocket"), "`websocket`"),
    ] {
        let wire = Wire::WebSocket {
            secure,
            protocol: SubProtocol::GpBinaryV18,
        };
        match start("127.0.0.1", wire) {
            Ok(_) => assert!(built_in),
            Err(error) => {
                assert!(!built_in, "{error:?}");
                assert_eq!(error.kind, LinkErrorKind::Unsupported);
                assert!(error.text.contains(feature), "{}", error.text);
            }
        }
    }
}

#[test]
fn only_ip_addresses_need_no_lookup() {
    for host in ["127.0.0.1", "::1", "2001:db8::1"] {
        let attempt = start(host, Wire::Stream).unwrap();
        assert!(!attempt.is_resolving(), "{host}");
    }
    for host in ["localhost", "fe80::1%lo", "127.1", ""] {
        let attempt = start(host, Wire::Stream).unwrap();
        assert!(attempt.is_resolving(), "{host}");
    }
}
