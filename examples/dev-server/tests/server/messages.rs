//! The core with WebSocket clients, which send whole messages, in virtual time. Spec: wire.md 7.

use dev_server::{ConnectionId, Fault, MessageLink, ServerKind, Step, SubProtocol};
use photon_proto::crypto::{Cipher, KeyExchange};
use photon_proto::json::{self, Frame};
use photon_proto::message::MessageWriter;
use photon_proto::{Array, Limits, Protocol, Random, Value, internal};

use crate::harness::{
    Got, Harness, credentials, decode, messages, ok, response, subscribed, texts,
};

/// The WebSocket of one client.
pub(crate) struct Web {
    pub(crate) id: ConnectionId,
    pub(crate) subprotocol: SubProtocol,
    pub(crate) cipher: Option<Cipher>,
}

const LIMITS: Limits = Limits::DEFAULT;

pub(crate) fn open_with(
    harness: &mut Harness,
    server_kind: ServerKind,
    subprotocol: SubProtocol,
    local_host: &str,
    secure: bool,
) -> Web {
    let link = MessageLink {
        subprotocol,
        path: "/app-1?libversion=4.4.0.0",
        local_host,
        secure,
    };
    Web {
        id: harness
            .core
            .accept_messages(harness.now, server_kind, &link),
        subprotocol,
        cipher: None,
    }
}

/// Opens a WebSocket and receives the init response.
pub(crate) fn open(
    harness: &mut Harness,
    server_kind: ServerKind,
    subprotocol: SubProtocol,
) -> Web {
    let web = open_with(harness, server_kind, subprotocol, "example.org", false);
    assert_eq!(drain(harness, &web), [Got::InitResponse]);
    web
}

/// Connects a user and subscribes to channel "c".
pub(crate) fn join(harness: &mut Harness, user: &str, subprotocol: SubProtocol) -> Web {
    let web = open(harness, ServerKind::FrontEnd, subprotocol);
    assert_eq!(
        ask(harness, &web, 230, credentials(user))[0].return_code(230),
        0
    );
    assert_eq!(
        ask(harness, &web, 0, vec![(0, texts(&["c"]))]),
        [ok(0), subscribed(&[("c", true)])]
    );
    web
}

fn encoded(subprotocol: SubProtocol, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = Vec::new();
    write(&mut message);
    if !subprotocol.is_text() {
        return message;
    }
    let mut text = Vec::new();
    json::encode_message(&mut text, &LIMITS, &message).unwrap();
    text
}

/// A request as one message of a WebSocket.
pub(crate) fn request(subprotocol: SubProtocol, code: u8, parameters: Vec<(u8, Value)>) -> Vec<u8> {
    encoded(subprotocol, |bytes| {
        let mut writer =
            MessageWriter::request(bytes, subprotocol.binary(), &LIMITS, code).unwrap();
        for (key, value) in &parameters {
            writer.put(*key, value).unwrap();
        }
        writer.finish().unwrap();
    })
}

pub(crate) fn ask(
    harness: &mut Harness,
    web: &Web,
    code: u8,
    parameters: Vec<(u8, Value)>,
) -> Vec<Got> {
    harness.core.received(
        harness.now,
        web.id,
        &request(web.subprotocol, code, parameters),
    );
    drain(harness, web)
}

/// Returns everything that was sent to this client since the last call, message by message.
pub(crate) fn drain(harness: &mut Harness, web: &Web) -> Vec<Got> {
    let mut all = Vec::new();
    while let Some(message) = harness.core.transmit(web.id).map(<[u8]>::to_vec) {
        assert_eq!(
            harness.core.transmit(web.id).unwrap(),
            message,
            "until it is reported"
        );
        harness.core.transmitted(web.id, message.len());
        all.extend(decode_message(
            web.subprotocol,
            web.cipher.as_ref(),
            message,
        ));
    }
    all
}

/// Decodes one message of a WebSocket.
pub(crate) fn decode_message(
    subprotocol: SubProtocol,
    cipher: Option<&Cipher>,
    mut message: Vec<u8>,
) -> Vec<Got> {
    if !subprotocol.is_text() {
        let got = decode(&mut message, subprotocol.binary(), cipher);
        return vec![got.unwrap_or(Got::Undecodable)];
    }
    let (mut reader, mut all) = (
        json::Reader::new(photon_proto::Role::Client, &LIMITS, &message).unwrap(),
        Vec::new(),
    );
    let mut binary = Vec::new();
    loop {
        binary.clear();
        let got = match reader.next(&mut binary) {
            Ok(None) => return all,
            Ok(Some(Frame::Session(session))) => {
                assert_eq!(session.len(), 16);
                Got::InitResponse
            }
            Ok(Some(Frame::PingResponse {
                client_time,
                server_time,
            })) => Got::Pong {
                server_time,
                client_time,
            },
            Ok(Some(Frame::Message(range))) => {
                typed(decode(&mut binary[range], Protocol::V18, None).unwrap())
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) if error.field.starts_with("frame") => Got::BadFrame,
            Err(_) => Got::Undecodable,
        };
        all.push(got);
    }
}

/// JSON arrays have no element type. This converts those whose type the protocol defines to the
/// type in other serializations.
fn typed(mut got: Got) -> Got {
    const CONTENTS: u8 = 2;
    const RESULTS: u8 = 15;
    if let Got::Event { parameters, .. } = &mut got {
        for (key, value) in parameters {
            let Value::Array(array) = value else { continue };
            *value = match (*key, &*array) {
                (CONTENTS, Array::String(all)) => all
                    .iter()
                    .cloned()
                    .map(Value::from)
                    .collect::<Vec<_>>()
                    .into(),
                (RESULTS, Array::Object(all)) => all
                    .iter()
                    .map(|one| *one == Value::Bool(true))
                    .collect::<Vec<_>>()
                    .into(),
                _ => continue,
            };
        }
    }
    got
}

fn closed(harness: &mut Harness) -> Vec<ConnectionId> {
    std::iter::from_fn(|| harness.core.poll_close()).collect()
}

#[test]
fn websocket_clients_get_an_unsolicited_init_response_and_pongs() {
    let mut harness = Harness::with(|config| config.server_time_at_zero = 5000);
    for subprotocol in SubProtocol::ALL {
        let web = open(&mut harness, ServerKind::NameServer, subprotocol);
        let ping = encoded(subprotocol, |bytes| {
            internal::encode_ping_request(bytes, subprotocol.binary(), &LIMITS, 77).unwrap();
        });
        harness.core.received(harness.now, web.id, &ping);
        assert_eq!(
            drain(&mut harness, &web),
            [Got::Pong {
                server_time: 6000,
                client_time: 77
            }]
        );
    }
    // In the form of the official SDK.
    let web = open(&mut harness, ServerKind::NameServer, SubProtocol::Json);
    harness.core.received(
        harness.now,
        web.id,
        br#"~m~27~m~~j~{"irq":1,"vals":[1,212]}"#,
    );
    assert_eq!(
        harness.core.transmit(web.id).unwrap(),
        br#"~m~34~m~~j~{"irs":1,"vals":[1,212,2,6000]}"#
    );
}

#[test]
fn front_end_addresses_fit_the_clients_transport_and_host() {
    for (host, secure, prefix, expected) in [
        ("example.org", false, true, "ws://example.org:9094"),
        ("::1", false, true, "ws://[::1]:9094"),
        ("localhost", true, true, "wss://localhost:7000"),
        ("localhost", true, false, "localhost:7000"),
    ] {
        for subprotocol in SubProtocol::ALL {
            let mut harness = Harness::with(|config| config.web_socket_prefix = prefix);
            harness.core.set_front_end_wss_port(7000);
            let web = open_with(
                &mut harness,
                ServerKind::NameServer,
                subprotocol,
                host,
                secure,
            );
            drain(&mut harness, &web);
            let mut login = credentials("alice");
            login.push((210, "EU".into()));
            let got = ask(&mut harness, &web, 230, login);
            assert_eq!(got[0].parameter(230), Some(&expected.into()));
            let front_end = open(&mut harness, ServerKind::FrontEnd, subprotocol);
            let token = got[0].parameter(221).unwrap().clone();
            assert_eq!(
                ask(&mut harness, &front_end, 230, vec![(221, token)])[0].return_code(230),
                0
            );
        }
    }
}

#[test]
fn a_json_client_may_send_its_app_id_in_the_path_only() {
    let mut harness = Harness::with(|config| config.app_ids = vec!["app-1".to_owned()]);
    let json = open(&mut harness, ServerKind::NameServer, SubProtocol::Json);
    assert_eq!(ask(&mut harness, &json, 220, vec![])[0].return_code(220), 0);
    assert_eq!(
        ask(&mut harness, &json, 220, vec![(224, "other".into())])[0].return_code(220),
        32767
    );
    let login = vec![
        (220, "1.0".into()),
        (225, "alice".into()),
        (210, "eu".into()),
    ];
    assert_eq!(
        ask(&mut harness, &json, 230, login.clone())[0].return_code(230),
        0
    );
    let binary = open(
        &mut harness,
        ServerKind::NameServer,
        SubProtocol::GpBinaryV18,
    );
    assert_eq!(
        ask(&mut harness, &binary, 220, vec![])[0].return_code(220),
        32767
    );
    assert_eq!(
        ask(&mut harness, &binary, 230, login)[0].return_code(230),
        32767
    );
}

#[test]
fn keys_can_be_exchanged_over_binary_websocket() {
    let mut harness = Harness::new();
    let exchange = KeyExchange::new(&mut Random::new([5; 32]));
    for subprotocol in SubProtocol::ALL {
        let mut web = open(&mut harness, ServerKind::NameServer, subprotocol);
        let ask_keys = encoded(subprotocol, |bytes| {
            internal::encode_key_request(
                bytes,
                subprotocol.binary(),
                &LIMITS,
                exchange.public_key(),
            )
            .unwrap();
        });
        harness.core.received(harness.now, web.id, &ask_keys);
        let got = drain(&mut harness, &web);
        if subprotocol.is_text() {
            assert_eq!(
                got,
                [Got::Key {
                    code: -2,
                    key: None
                }]
            );
            continue;
        }
        let [
            Got::Key {
                code: 0,
                key: Some(key),
            },
        ] = got.as_slice()
        else {
            panic!("{got:?}")
        };
        web.cipher = Some(Cipher::new(&exchange.agree(key).unwrap()));
        let mut sealed = request(subprotocol, 220, vec![(224, "app-1".into())]);
        photon_proto::message::encrypt(&mut sealed, 0, web.cipher.as_ref().unwrap());
        harness.core.received(harness.now, web.id, &sealed);
        let got = drain(&mut harness, &web);
        assert!(
            got[0].return_code(220) == 0 && got[0].is_encrypted(),
            "{got:?}"
        );
    }
}

#[test]
fn a_bad_message_is_skipped() {
    let mut harness = Harness::new();
    let text = join(&mut harness, "text", SubProtocol::Json);
    let binary = join(&mut harness, "binary", SubProtocol::GpBinaryV18);
    for bad in [
        "",
        "~m~3~m~~j~",
        "~m~99~m~x",
        "~m~5~m~~j~{}",
        "nonsense",
        "~m~23~m~~j~{\"req\":2,\"vals\":[1]}",
    ] {
        harness.core.received(harness.now, text.id, bad.as_bytes());
        assert_eq!(drain(&mut harness, &text), [], "{bad}");
    }
    harness.core.received(harness.now, text.id, &[0xFF, 0xFE]);
    for bad in [
        &[][..],
        &[0xF3],
        &[0xF3, 2, 2, 9],
        &[0xFB, 0, 0, 0, 7, 0, 1],
        &[0xF0, 0, 0, 0, 1],
    ] {
        harness.core.received(harness.now, binary.id, bad);
        assert_eq!(drain(&mut harness, &binary), [], "{bad:?}");
    }
    let stats = harness.core.stats();
    assert_eq!((stats.bad_connections, stats.connections), (0, 2));
    assert!(stats.bad_messages >= 10, "{}", stats.bad_messages);
    // Several frames in one message, of which the second is bad.
    let mut three = request(
        text.subprotocol,
        2,
        vec![(1, "c".into()), (3, "one".into())],
    );
    three.extend_from_slice(b"~m~5~m~~j~[]");
    three.extend(request(
        text.subprotocol,
        2,
        vec![(1, "c".into()), (3, "two".into())],
    ));
    harness.core.received(harness.now, text.id, &three);
    let expected = [
        messages("c", &[("text", "one".into())], 1),
        messages("c", &[("text", "two".into())], 2),
    ];
    assert_eq!(
        drain(&mut harness, &text),
        [ok(2), expected[0].clone(), ok(2), expected[1].clone()]
    );
    assert_eq!(drain(&mut harness, &binary), expected);
}

#[test]
fn every_fault_works_in_every_serialization() {
    for subprotocol in SubProtocol::ALL {
        let mut harness = Harness::new();
        harness
            .core
            .faults_mut()
            .times(Step::Init(ServerKind::NameServer), Fault::Mute, 1);
        let web = open_with(
            &mut harness,
            ServerKind::NameServer,
            subprotocol,
            "h",
            false,
        );
        assert_eq!(drain(&mut harness, &web), []);
        harness
            .core
            .faults_mut()
            .times(Step::Accept(ServerKind::NameServer), Fault::Close, 1);
        let web = open_with(
            &mut harness,
            ServerKind::NameServer,
            subprotocol,
            "h",
            false,
        );
        assert_eq!(
            (drain(&mut harness, &web), closed(&mut harness)),
            (vec![], vec![web.id])
        );

        let web = open(&mut harness, ServerKind::NameServer, subprotocol);
        let regions = || vec![(224, "app-1".into())];
        harness
            .core
            .faults_mut()
            .times(Step::GetRegions, Fault::Undecodable, 1);
        assert_eq!(ask(&mut harness, &web, 220, regions()), [Got::Undecodable]);
        harness
            .core
            .faults_mut()
            .times(Step::GetRegions, Fault::BadFrame, 1);
        let expected = if subprotocol.is_text() {
            Got::BadFrame
        } else {
            Got::Undecodable
        };
        assert_eq!(ask(&mut harness, &web, 220, regions()), [expected]);
        harness.core.faults_mut().times(
            Step::GetRegions,
            Fault::Refuse {
                code: 7,
                text: "no".into(),
            },
            1,
        );
        assert_eq!(
            ask(&mut harness, &web, 220, regions()),
            [response(220, 7, "no")]
        );
        harness.core.faults_mut().times(
            Step::GetRegions,
            Fault::Disconnect {
                code: 3,
                text: "bye".into(),
            },
            1,
        );
        // JSON has no disconnect message.
        let disconnect = Got::Disconnect {
            code: 3,
            text: "bye".to_owned(),
        };
        let expected = if subprotocol.is_text() {
            vec![]
        } else {
            vec![disconnect]
        };
        assert_eq!(ask(&mut harness, &web, 220, regions()), expected);
        assert_eq!(closed(&mut harness), [web.id]);
    }
}

#[test]
fn silent_and_unread_websockets_end_and_messages_can_be_delayed() {
    for subprotocol in SubProtocol::ALL {
        let mut harness = Harness::with(|config| config.max_outgoing_bytes = 10_000);
        let silent = join(&mut harness, "silent", subprotocol);
        harness.wait(20_000);
        let talks = join(&mut harness, "talks", subprotocol);
        harness.wait(10_000);
        assert_eq!(
            (
                closed(&mut harness),
                harness.core.stats().silent_connections
            ),
            (vec![silent.id], 1)
        );
        // This client does not read.
        for _ in 0..20 {
            let long = request(
                subprotocol,
                2,
                vec![(1, "c".into()), (3, "x".repeat(1000).into())],
            );
            harness.core.received(harness.now, talks.id, &long);
        }
        assert_eq!(
            (
                closed(&mut harness),
                harness.core.stats().overrun_connections
            ),
            (vec![talks.id], 1)
        );

        harness.core.config_mut().delay_ms = 100;
        let late = open_with(
            &mut harness,
            ServerKind::NameServer,
            subprotocol,
            "h",
            false,
        );
        harness.wait(99);
        assert_eq!(drain(&mut harness, &late), []);
        harness.wait(1);
        assert_eq!(drain(&mut harness, &late), [Got::InitResponse]);
        harness.core.closed(harness.now, late.id);
        assert_eq!(harness.core.stats().connections, 0);
    }
}
