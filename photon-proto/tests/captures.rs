//! Captured traffic of real servers and clients: every message that is not encrypted decodes to its
//! last byte, and to what a second decoder, written from the specification alone, made of it.
//!
//! The captures are not part of this project; `PHOTON_CAPTURES` names the directory they are in.
#![cfg(feature = "encryption")]

mod harness;

use harness::{LIMITS, hex, unhex};
use photon_inspect::message::{InitBody, Message};
use photon_proto::tcp::{Item, Splitter};
use photon_proto::{Array, Protocol, Role, Type, Value};
use serde_json::{Value as Json, json};
use std::path::PathBuf;

/// A captured message with its notation from the second decoder.
struct Captured {
    name: String,
    protocol: Protocol,
    bytes: Vec<u8>,
    decoded: Json,
}

fn protocol(text: &Json) -> Protocol {
    match text.as_str() {
        Some("1.6") => Protocol::V16,
        Some("1.8") => Protocol::V18,
        other => panic!("protocol {other:?}"),
    }
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn hex_of(json: &Json) -> Option<Vec<u8>> {
    json.as_str().map(unhex)
}

/// The captures, or `None` if they are not at hand.
fn captures() -> Option<Vec<Captured>> {
    let Some(directory) = std::env::var_os("PHOTON_CAPTURES").map(PathBuf::from) else {
        println!("captures are not at hand: set PHOTON_CAPTURES to the directory that holds them");
        return None;
    };
    let read = |name: &str| -> Json {
        let path = directory.join(name);
        let text =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&text).unwrap()
    };
    let mut all = Vec::new();
    for item in list(&read("messages.json")["items"]) {
        all.push(Captured {
            name: format!("messages.json, item {}", item["n"]),
            protocol: protocol(&item["proto"]),
            bytes: hex_of(&item["hex"]).unwrap(),
            decoded: item["decoded"].clone(),
        });
    }
    for item in list(&read("tcp-v16.json")["items"]) {
        let bytes = match hex_of(&item["hex"]) {
            Some(frame) => unframed(&frame),
            // A decrypted body: the header of a plain response is put in front of it.
            None => [vec![0xF3, 3], hex_of(&item["body_hex"]).unwrap()].concat(),
        };
        let (name, decoded) = (
            format!("tcp-v16.json, item {}", item["n"]),
            item["decoded"].clone(),
        );
        all.push(Captured {
            name,
            protocol: Protocol::V16,
            bytes,
            decoded,
        });
    }
    for file in [
        "udp-albion-v16.json",
        "udp-albion-v18.json",
        "udp-cloud-v16.json",
    ] {
        for session in list(&read(file)["sessions"]) {
            for (index, message) in list(&session["messages"]).iter().enumerate() {
                all.push(Captured {
                    name: format!("{file}, {}, message {index}", session["name"]),
                    protocol: protocol(&session["proto"]),
                    bytes: hex_of(&message["hex"]).unwrap(),
                    decoded: message["decoded"].clone(),
                });
            }
        }
    }
    Some(all)
}

fn unframed(frame: &[u8]) -> Vec<u8> {
    let mut splitter = Splitter::new(Role::Client, LIMITS.max_received_bytes);
    splitter.push(frame);
    let Ok(Some(Item::Frame { message, .. })) = splitter.next() else {
        panic!("no frame")
    };
    let message = splitter.message_mut(message).to_vec();
    assert_eq!((splitter.next(), splitter.buffered_bytes()), (Ok(None), 0));
    message
}

/// A message in the notation of the second decoder.
fn described(message: &Message, protocol: Protocol) -> Json {
    let parameters = |all: &[(u8, Value)]| -> Json {
        all.iter()
            .map(|(code, value)| json!([code, value_described(value, protocol)]))
            .collect()
    };
    match message {
        Message::Init(init) => json!({
            "kind": "init", "proto": init.protocol, "sdk": init.sdk, "ipv6": u8::from(init.ipv6),
            "ver": init.version, "pad": 0, "app": init.application.as_str(),
        }),
        Message::InitResponse(body) => json!({"kind": "init-response", "body": match body {
            InitBody::Usual => "00".into(),
            InitBody::Other(body) => hex(body),
            InitBody::Value(_) => panic!("no such init response was captured"),
        }}),
        Message::Request { internal, request } => json!({
            "kind": if *internal { "irequest" } else { "request" }, "op": request.code,
            "params": parameters(&request.parameters),
        }),
        Message::Response { internal, response } => json!({
            "kind": if *internal { "iresponse" } else { "response" }, "op": response.code,
            "ret": response.return_code, "dbg": response.debug_message.as_deref(),
            "params": parameters(&response.parameters),
        }),
        Message::Event(event) => {
            json!({"kind": "event", "code": event.code, "params": parameters(&event.parameters)})
        }
        Message::Encrypted {
            message_type,
            ciphertext,
        } => {
            json!({"kind": "encrypted", "type": message_type, "cipher_len": ciphertext.len()})
        }
        other => panic!("no such message was captured: {other:?}"),
    }
}

fn value_described(value: &Value, protocol: Protocol) -> Json {
    let describe = |value: &Value| value_described(value, protocol);
    let pairs = |all: &[(Value, Value)]| -> Json {
        all.iter()
            .map(|(key, value)| json!([describe(key), describe(value)]))
            .collect()
    };
    fn each<T: Clone + Into<Value>>(all: &[T], describe: impl Fn(&Value) -> Json) -> Json {
        all.iter()
            .map(|one| describe(&one.clone().into()))
            .collect()
    }
    match value {
        Value::Null => json!({"t": "null"}),
        Value::Bool(value) => json!({"t": "bool", "v": value}),
        Value::Byte(value) => json!({"t": "byte", "v": value}),
        Value::Short(value) => json!({"t": "short", "v": value}),
        Value::Int(value) => json!({"t": "int", "v": value}),
        Value::Long(value) => json!({"t": "long", "v": value.to_string()}),
        Value::Float(value) => json!({"t": "float", "bits": format!("{:08x}", value.to_bits())}),
        Value::Double(value) => json!({"t": "double", "bits": format!("{:016x}", value.to_bits())}),
        Value::String(text) => json!({"t": "string", "v": text.as_str()}),
        Value::Bytes(bytes) => json!({"t": "bytes", "v": hex(bytes)}),
        Value::Custom(custom) => {
            json!({"t": "custom", "code": custom.code, "v": hex(&custom.data)})
        }
        Value::Hashtable(map) => json!({"t": "hashtable", "v": pairs(&map.0)}),
        Value::Dictionary(map) => match protocol {
            Protocol::V16 => {
                json!({"t": "dict", "k": name(&map.key).0, "e": name(&map.value).0, "v": pairs(&map.pairs)})
            }
            _ => {
                let declared = format!("({}, {})", name(&map.key).1, name(&map.value).1);
                json!({"t": "dict", "h": declared, "v": pairs(&map.pairs)})
            }
        },
        Value::Array(array) => {
            let elements = match array {
                Array::Bool(all) => each(all, describe),
                Array::Short(all) => each(all, describe),
                Array::Int(all) => each(all, describe),
                Array::Long(all) => each(all, describe),
                Array::Float(all) => each(all, describe),
                Array::Double(all) => each(all, describe),
                Array::String(all) => each(all, describe),
                Array::Bytes(all) => each(all, describe),
                Array::Object(all) => each(all, describe),
                Array::Hashtable(all) => each(all, describe),
                Array::Array(all) => each(all, describe),
                other => panic!("no such array was captured: {other:?}"),
            };
            json!({"t": "array", "e": name(&array.element_type()).0, "v": elements})
        }
        other => panic!("no such value was captured: {other:?}"),
    }
}

/// A type's name in the notation of the second decoder, and its code in 1.8.
fn name(of: &Type) -> (&'static str, u8) {
    match of {
        Type::Object => ("object", 0),
        Type::Bool => ("bool", 2),
        Type::Byte => ("byte", 3),
        Type::Short => ("short", 4),
        Type::Float => ("float", 5),
        Type::Double => ("double", 6),
        Type::String => ("string", 7),
        Type::Int => ("int", 9),
        Type::Long => ("long", 10),
        Type::Hashtable => ("hashtable", 21),
        Type::Bytes => ("bytes", 67),
        Type::Array(_) => ("array", 64),
        other => panic!("no such type was captured: {other:?}"),
    }
}

/// The pairs that a Hashtable keeps if masked names became equal: the last value, at the position
/// of the first.
fn last_wins(json: &Json) -> Json {
    match json {
        Json::Array(all) => all.iter().map(last_wins).collect(),
        Json::Object(map) => {
            let mut map: serde_json::Map<String, Json> = map
                .iter()
                .map(|(key, value)| (key.clone(), last_wins(value)))
                .collect();
            if map.get("t").is_some_and(|t| t == "hashtable") {
                let mut kept: Vec<Json> = Vec::new();
                for pair in list(&map["v"]) {
                    match kept.iter_mut().find(|known| known[0] == pair[0]) {
                        Some(known) => *known = pair.clone(),
                        None => kept.push(pair.clone()),
                    }
                }
                map.insert("v".into(), kept.into());
            }
            Json::Object(map)
        }
        other => other.clone(),
    }
}

#[test]
fn every_message_decodes_to_its_last_byte() {
    let Some(all) = captures() else { return };
    let mut encrypted = 0;
    for captured in &all {
        let Captured {
            name,
            protocol,
            bytes,
            decoded,
        } = captured;
        let (message, surplus) = Message::decode(*protocol, &LIMITS, None, bytes)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(surplus, 0, "{name}");
        let described = described(&message, *protocol);
        assert!(
            described == last_wins(decoded),
            "{name}\n{decoded}\n{described}"
        );
        encrypted += usize::from(matches!(message, Message::Encrypted { .. }));
    }
    println!("{} messages, {encrypted} of them encrypted", all.len());
    assert!(all.len() >= 455 && encrypted < all.len() / 10);
}

/// Whether `ours` is `theirs` but for float zero: real 1.8 servers write the short form, the
/// official client never does, nor do we. Spec: wire.md 5.1.
fn same_but_for_float_zero(mut theirs: &[u8], mut ours: &[u8]) -> bool {
    const SHORT: [u8; 1] = [0x20];
    const FULL: [u8; 5] = [0x05, 0, 0, 0, 0];
    loop {
        match (theirs, ours) {
            ([], []) => return true,
            ([one, left @ ..], [other, right @ ..]) if one == other => {
                (theirs, ours) = (left, right)
            }
            _ => match (theirs.strip_prefix(&SHORT), ours.strip_prefix(&FULL)) {
                (Some(left), Some(right)) => (theirs, ours) = (left, right),
                _ => return false,
            },
        }
    }
}

#[test]
fn every_message_is_written_again_as_it_came() {
    let Some(all) = captures() else { return };
    let (mut same, mut zero, mut masked) = (0, 0, 0);
    for Captured {
        name,
        protocol,
        bytes,
        decoded,
    } in &all
    {
        if last_wins(decoded) != *decoded {
            masked += 1;
            continue;
        }
        let (message, _) = Message::decode(*protocol, &LIMITS, None, bytes).unwrap();
        let written = message.encode(*protocol, &LIMITS, None).unwrap();
        if written == *bytes {
            same += 1;
        } else {
            assert_eq!(*protocol, Protocol::V18, "{name}");
            assert!(
                same_but_for_float_zero(bytes, &written),
                "{name}\n{}\n{}",
                hex(bytes),
                hex(&written)
            );
            zero += 1;
        }
    }
    println!(
        "{same} messages to the byte, {zero} but for float zero, {masked} left out for keys masked alike"
    );
    assert!(same > 400 && zero > 0 && masked <= 1);
}
