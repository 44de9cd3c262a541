//! Every vector of `wire-vectors.json`, in the directions that it names.
#![cfg(feature = "encryption")]

mod harness;

use harness::{LIMITS, Vector, hex, normal, parse, unhex, vectors, write};
use photon_proto::crypto::{Cipher, Key, KeyExchange};
use photon_proto::message::{Header, HttpInit, Init, Message, MessageKind, decrypt, encrypt};
use photon_proto::tcp::{self, Delivery, Item, Splitter};
use photon_proto::{Protocol, Role, Value, codec, internal};
use serde_json::Value as Json;

/// The test that covers a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Value,
    Message,
    TcpMessage,
    TcpInit,
    TcpEncrypted,
    TcpPing,
    HttpInit,
    WebSocket,
    /// Belongs to the JSON sub-protocol, whose transport is not there yet.
    Json,
}

fn group(vector: &Vector) -> Group {
    if vector.protocol.is_none() {
        return Group::Json;
    }
    match vector.kind.as_str() {
        "value" => Group::Value,
        "request" | "response" | "event" => Group::Message,
        "frame" => match vector.frame() {
            ("ws_message", _) => Group::WebSocket,
            ("tcp_ping_request" | "tcp_ping_response", _) => Group::TcpPing,
            ("tcp", "init") => Group::TcpInit,
            ("tcp", "http_init") => Group::HttpInit,
            ("tcp", "encrypted") => Group::TcpEncrypted,
            ("tcp", _) => Group::TcpMessage,
            other => panic!("frame {other:?}"),
        },
        other => panic!("kind {other}"),
    }
}

fn of(wanted: Group) -> impl Iterator<Item = Vector> {
    vectors()
        .into_iter()
        .filter(move |vector| group(vector) == wanted)
}

#[test]
fn no_vector_is_left_out() {
    let count = |wanted| of(wanted).count();
    let counted = [
        (Group::Value, 336),
        (Group::Message, 25),
        (Group::TcpMessage, 11),
        (Group::TcpInit, 4),
        (Group::TcpEncrypted, 4),
        (Group::TcpPing, 2),
        (Group::HttpInit, 1),
        (Group::WebSocket, 9),
        (Group::Json, 5),
    ];
    for (group, expected) in counted {
        assert_eq!(count(group), expected, "{group:?}");
    }
    assert_eq!(
        counted.iter().map(|(_, count)| count).sum::<usize>(),
        vectors().len()
    );
    let json: Vec<String> = of(Group::Json).map(|vector| vector.name).collect();
    assert_eq!(
        json,
        [
            "json_session",
            "json_request_auth",
            "json_ping_request",
            "json_ping_response",
            "json_response_error"
        ]
    );
}

#[test]
fn values() {
    for vector in of(Group::Value) {
        let (protocol, label) = (vector.protocol(), vector.label());
        let decoded = codec::decode_value(protocol, &LIMITS, &vector.bytes);
        let borrowed = codec::decode_value_ref(protocol, &LIMITS, &vector.bytes);
        match vector.reads_as() {
            Some(value) => {
                assert_eq!(decoded, Ok(value.clone()), "{label}");
                assert_eq!(borrowed.unwrap().to_value(&LIMITS), Ok(value), "{label}");
            }
            None => {
                let error = decoded.expect_err(&label);
                assert!(error.offset <= vector.bytes.len(), "{label}: {error}");
                assert!(
                    borrowed.and_then(|value| value.to_value(&LIMITS)).is_err(),
                    "{label}"
                );
            }
        }
        if vector.is_written() {
            let bytes = codec::encode_value(protocol, &LIMITS, &vector.value()).unwrap();
            assert_eq!(hex(&bytes), hex(&vector.bytes), "{label}");
        }
    }
}

/// The bytes of a message vector against its value.
fn message_holds(vector: &Vector, json: &Json, bytes: &[u8]) {
    let (protocol, label) = (vector.protocol(), vector.label());
    assert!(vector.is_read() || vector.is_written(), "{label}");
    if vector.is_read() {
        let mut expected = normal(json, protocol);
        // Of message type 7, in spite of its kind.
        if vector.name == "resp_wild_ping" {
            expected["t"] = "internal_response".into();
        }
        assert_eq!(parse(protocol, None, bytes), Ok((expected, 0)), "{label}");
    }
    if vector.is_written() {
        assert_eq!(hex(&write(protocol, json)), hex(bytes), "{label}");
    }
}

#[test]
fn messages() {
    for vector in of(Group::Message) {
        message_holds(&vector, &vector.value, &vector.bytes);
    }
}

#[test]
fn websocket_messages() {
    for vector in of(Group::WebSocket) {
        message_holds(&vector, &vector.value["message"], &vector.bytes);
    }
}

/// The message in a frame, however the frame comes in.
fn unframed(vector: &Vector) -> Vec<u8> {
    let mut messages = Vec::new();
    for chunk in [vector.bytes.len(), 1, 3] {
        let mut splitter = Splitter::new(Role::Client, LIMITS.max_received_bytes);
        let mut found = Vec::new();
        for chunk in vector.bytes.chunks(chunk) {
            splitter.push(chunk);
            while let Some(item) = splitter.next().unwrap() {
                let Item::Frame {
                    channel,
                    delivery,
                    message,
                } = item
                else {
                    panic!("{item:?}")
                };
                assert_eq!(vector.value["channel"], channel, "{}", vector.label());
                assert_eq!(vector.value["reliability"], delivery, "{}", vector.label());
                found.push(splitter.message_mut(message).to_vec());
            }
        }
        assert_eq!(
            (found.len(), splitter.buffered_bytes()),
            (1, 0),
            "{}",
            vector.label()
        );
        messages.append(&mut found);
    }
    assert!(messages.windows(2).all(|pair| pair[0] == pair[1]));
    messages.remove(0)
}

fn framed(vector: &Vector, message: &[u8]) -> Vec<u8> {
    let byte = |key: &str| u8::try_from(vector.value[key].as_u64().unwrap()).unwrap();
    let mut out = Vec::new();
    let delivery = Delivery::from_code(byte("reliability")).unwrap();
    let start = tcp::begin_frame(&mut out, byte("channel"), delivery);
    out.extend_from_slice(message);
    tcp::end_frame(&mut out, start);
    out
}

#[test]
fn tcp_messages() {
    for vector in of(Group::TcpMessage) {
        let message = unframed(&vector);
        assert_eq!(
            hex(&framed(&vector, &message)),
            hex(&vector.bytes),
            "{}",
            vector.label()
        );
        message_holds(&vector, &vector.value["message"], &message);
    }
}

#[test]
fn tcp_inits() {
    for vector in of(Group::TcpInit) {
        let json = &vector.value["message"];
        let numbers = |key: &str| -> Vec<u8> {
            json[key]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| u8::try_from(one.as_u64().unwrap()).unwrap())
                .collect()
        };
        let number = |key: &str| u8::try_from(json[key].as_u64().unwrap()).unwrap();
        let init = Init {
            protocol: numbers("protocol").try_into().unwrap(),
            sdk: number("sdk_id") << 1 | number("release_flag"),
            ipv6: json["ipv6"].as_bool().unwrap(),
            version: numbers("client_version").try_into().unwrap(),
            application: json["app_id"].as_str().unwrap().into(),
        };
        let mut message = Vec::new();
        init.encode(&mut message);
        assert_eq!(message.len(), 41);
        assert_eq!(
            hex(&framed(&vector, &message)),
            hex(&vector.bytes),
            "{}",
            vector.label()
        );

        // The server's side of it, for which the id is as long as it went over the wire.
        let received = unframed(&vector);
        let on_wire = json["app_id_on_wire"].as_str().unwrap();
        let body = &received[Header::LENGTH..];
        assert_eq!(
            Header::decode(&received).unwrap(),
            Header {
                kind: MessageKind::Init,
                encrypted: false
            }
        );
        match Message::decode(MessageKind::Init, vector.protocol(), &LIMITS, body).unwrap() {
            Message::Init(read) => assert_eq!(
                read,
                Init {
                    application: on_wire.into(),
                    ..init
                }
            ),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            Protocol::from_version(init.protocol),
            Some(vector.protocol())
        );
    }
}

#[test]
fn tcp_pings() {
    for vector in of(Group::TcpPing) {
        let time = |key: &str| i32::try_from(vector.value[key].as_i64().unwrap()).unwrap();
        let mut out = Vec::new();
        let (role, expected) = if vector.frame().0 == "tcp_ping_request" {
            tcp::encode_ping_request(&mut out, time("client_time"));
            (
                Role::Server,
                Item::PingRequest {
                    client_time: time("client_time"),
                },
            )
        } else {
            tcp::encode_ping_response(&mut out, time("server_time"), time("client_time"));
            let (server_time, client_time) = (time("server_time"), time("client_time"));
            (
                Role::Client,
                Item::PingResponse {
                    server_time,
                    client_time,
                },
            )
        };
        assert_eq!(hex(&out), hex(&vector.bytes));
        let mut splitter = Splitter::new(role, LIMITS.max_received_bytes);
        splitter.push(&vector.bytes);
        assert_eq!(splitter.next(), Ok(Some(expected)));
        assert_eq!((splitter.next(), splitter.buffered_bytes()), (Ok(None), 0));
    }
}

/// The secret number of the vectors' server: decimal text to 20 bytes, big endian.
fn secret(decimal: &str) -> [u8; 20] {
    let number: u128 = decimal.parse().unwrap();
    let mut secret = [0; 20];
    secret[4..].copy_from_slice(&number.to_be_bytes());
    secret
}

#[test]
fn key_exchange_and_encryption() {
    let mut exchanges = 0;
    for vector in of(Group::TcpEncrypted) {
        let (protocol, label, json) = (vector.protocol(), vector.label(), &vector.value["message"]);
        let text = |key: &str| json[key].as_str().unwrap();
        let field = |key: &str| unhex(text(key));
        let key: [u8; 32] = field("aes_key").try_into().unwrap();

        if json["client_secret"].is_string() {
            exchanges += 1;
            let client = KeyExchange::from_secret(&field("client_secret").try_into().unwrap());
            let server = KeyExchange::from_secret(&secret(text("server_secret_decimal")));
            assert_eq!(hex(client.public_key()), text("client_public"));
            assert_eq!(hex(server.public_key()), text("server_public"));
            assert_eq!(client.agree(server.public_key()).unwrap().as_bytes(), &key);
            assert_eq!(server.agree(client.public_key()).unwrap().as_bytes(), &key);

            // Both public keys went over the wire in messages that are vectors themselves.
            let message = |name: &str| {
                let suffix = if protocol == Protocol::V16 {
                    "16"
                } else {
                    "18"
                };
                let name = format!("{name}_{suffix}");
                unframed(
                    &vectors()
                        .into_iter()
                        .find(|vector| vector.name == name)
                        .unwrap(),
                )
            };
            let mut request = Vec::new();
            internal::encode_key_request(&mut request, protocol, &LIMITS, client.public_key())
                .unwrap();
            assert_eq!(hex(&request), hex(&message("tcp_dh_request")));
            let mut response = Vec::new();
            internal::encode_key_response(
                &mut response,
                protocol,
                &LIMITS,
                0,
                Some(server.public_key()),
            )
            .unwrap();
            assert_eq!(hex(&response), hex(&message("tcp_dh_response")));
            for (bytes, kind, public) in [
                (request, MessageKind::InternalRequest, client.public_key()),
                (response, MessageKind::InternalResponse, server.public_key()),
            ] {
                let parsed =
                    Message::decode(kind, protocol, &LIMITS, &bytes[Header::LENGTH..]).unwrap();
                let mut params = match parsed {
                    Message::Request {
                        internal: true,
                        code: internal::INIT_ENCRYPTION,
                        params,
                    } => params,
                    Message::Response {
                        internal: true,
                        code: internal::INIT_ENCRYPTION,
                        return_code: 0,
                        params,
                        ..
                    } => params,
                    other => panic!("{other:?}"),
                };
                assert_eq!(internal::public_key(&mut params), Ok(Some(public)));
            }
        }

        let cipher = Cipher::new(&Key::from_bytes(key));
        let sealed = unframed(&vector);
        let header = Header::decode(&sealed).unwrap();
        assert!(header.encrypted);
        assert_eq!(json["message_type"], header.kind as u8);

        let mut message = vec![0xF3, header.kind as u8];
        message.extend(field("plaintext"));
        let plain = message.clone();
        encrypt(&mut message, 0, &cipher);
        assert_eq!(hex(&message), hex(&sealed), "{label}");
        assert_eq!(
            hex(&framed(&vector, &message)),
            hex(&vector.bytes),
            "{label}"
        );

        let (kind, body) = decrypt(&mut message, Some(&cipher)).unwrap();
        assert_eq!(
            (kind, hex(body)),
            (header.kind, String::from(text("plaintext"))),
            "{label}"
        );
        assert_eq!(
            parse(protocol, None, &plain),
            Ok((normal(&json["inner"], protocol), 0)),
            "{label}"
        );
        if vector.is_written() {
            assert_eq!(
                hex(&write(protocol, &json["inner"])),
                hex(&plain),
                "{label}"
            );
        }
    }
    assert_eq!(exchanges, 2);
}

#[test]
fn http_style_init_is_recognised() {
    for vector in of(Group::HttpInit) {
        let payload = unframed(&vector);
        assert!(HttpInit::recognise(&payload));
        let init = HttpInit::decode(&LIMITS, &payload).unwrap();
        let json = &vector.value["message"];
        assert_eq!(json["app_id"], init.application.as_str());
        assert_eq!(json["client_version"], init.version.as_str());
        assert_eq!(json["protocol_name"], init.protocol.name());
        assert_eq!(json["sid"], init.sdk);
        assert_eq!(json["host"], init.host.as_str());
        assert_eq!((init.ipv6, init.token), (false, Value::from("tok\u{e9}n")));
    }
}

#[test]
fn internal_pings() {
    for protocol in [Protocol::V16, Protocol::V18] {
        let suffix = if protocol == Protocol::V16 {
            "16"
        } else {
            "18"
        };
        let vector = |name: &str| {
            let name = format!("{name}_{suffix}");
            vectors()
                .into_iter()
                .find(|vector| vector.name == name)
                .unwrap()
        };
        let request = vector("ws_ping_request");
        let time = |vector: &Vector, index: usize| {
            i32::try_from(
                vector.value["message"]["params"][index][1]["v"]
                    .as_i64()
                    .unwrap(),
            )
            .unwrap()
        };
        let mut out = Vec::new();
        internal::encode_ping_request(&mut out, protocol, &LIMITS, time(&request, 0)).unwrap();
        assert_eq!(hex(&out), hex(&request.bytes));
        let response = vector("ws_ping_response");
        let (client, server) = (time(&response, 0), time(&response, 1));
        out.clear();
        internal::encode_ping_response(&mut out, protocol, &LIMITS, client, server).unwrap();
        assert_eq!(hex(&out), hex(&response.bytes));
        let body = &out[Header::LENGTH..];
        let Message::Response { mut params, .. } =
            Message::decode(MessageKind::InternalResponse, protocol, &LIMITS, body).unwrap()
        else {
            panic!("no response");
        };
        assert_eq!(
            internal::ping_times(&mut params),
            Ok((Some(client), Some(server)))
        );
    }
}
