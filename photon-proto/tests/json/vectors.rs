//! The vectors of the sub-protocol, each read and written, and the frames that were recorded.

use crate::harness::{LIMITS, Vector, vectors};
use crate::{Read, framed, read, read_one, said};
use photon_proto::json::{
    encode_message, encode_ping_request, encode_ping_response, encode_session,
};
use photon_proto::message::{MessageKind, MessageWriter};
use photon_proto::{Parameters, Protocol, Role, Value};
use serde_json::Value as Json;

fn text(vector: &Vector) -> &str {
    std::str::from_utf8(&vector.bytes).unwrap()
}

/// The parameters that a vector lists.
fn parameters(message: &Json) -> Parameters {
    let list = message["vals"].as_array().unwrap();
    let value = |json: &Json| match json {
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => Value::Int(i32::try_from(number.as_i64().unwrap()).unwrap()),
        other => panic!("{other}"),
    };
    list.chunks(2)
        .map(|pair| {
            (
                u8::try_from(pair[0].as_u64().unwrap()).unwrap(),
                value(&pair[1]),
            )
        })
        .collect()
}

#[test]
fn every_vector_is_read_and_written() {
    let mut checked = 0;
    for vector in vectors()
        .into_iter()
        .filter(|vector| vector.protocol.is_none())
    {
        // A client writes them, or reads them.
        let role = if vector.is_written() {
            Role::Server
        } else {
            Role::Client
        };
        let frame = read_one(role, text(&vector)).unwrap();
        let mut written = Vec::new();
        let message = &vector.value["msg"];
        match vector.name.as_str() {
            "json_session" => {
                let id = vector.value["id"].as_str().unwrap();
                assert_eq!(frame, Read::Session(id.into()));
                encode_session(&mut written, &LIMITS, id).unwrap();
            }
            "json_request_auth" => {
                let Read::Message(bytes) = frame else {
                    panic!("{frame:?}")
                };
                assert_eq!(
                    said(&bytes),
                    (MessageKind::Request, 230, 0, None, parameters(message))
                );
                let mut request = Vec::new();
                let mut writer =
                    MessageWriter::request(&mut request, Protocol::V18, &LIMITS, 230).unwrap();
                for (key, value) in parameters(message) {
                    writer.put(key, &value).unwrap();
                }
                writer.finish().unwrap();
                assert_eq!(bytes, request);
                encode_message(&mut written, &LIMITS, &request).unwrap();
            }
            "json_ping_request" => {
                assert_eq!(frame, Read::PingRequest(3213));
                encode_ping_request(&mut written, &LIMITS, 3213).unwrap();
            }
            "json_ping_response" => {
                assert_eq!(frame, Read::PingResponse(3213, 952_258_831));
                encode_ping_response(&mut written, &LIMITS, 3213, 952_258_831).unwrap();
            }
            "json_response_error" => {
                let Read::Message(bytes) = frame else {
                    panic!("{frame:?}")
                };
                let words = message["msg"].as_str().map(String::from);
                assert_eq!(
                    said(&bytes),
                    (MessageKind::Response, 230, 32767, words, vec![])
                );
                encode_message(&mut written, &LIMITS, &bytes).unwrap();
                // The vector is for readers: servers write another order, and ASCII. wire.md 7.2
                let payload = "~j~{\"vals\":[],\"err\":32767,\
                     \"msg\":\"Invalid \\u00e4ppID \\ud83d\\ude00\",\"res\":230}";
                assert_eq!(String::from_utf8(written).unwrap(), framed(payload));
                checked += 1;
                continue;
            }
            other => panic!("{other}"),
        }
        assert_eq!(
            String::from_utf8(written).unwrap(),
            text(&vector),
            "{}",
            vector.name
        );
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn internal_messages_in_1_8_are_the_same_pings() {
    // wire.md 8.4: the pings of the binary protocols.
    let mut text = Vec::new();
    encode_message(&mut text, &LIMITS, &[0xF3, 6, 1, 1, 1, 0x0B, 0xFC]).unwrap();
    let answer = [
        0xF3, 7, 1, 0, 0, 8, 2, 1, 0x0B, 0xFC, 2, 9, 0x9E, 0xC4, 0x92, 0x8C, 7,
    ];
    encode_message(&mut text, &LIMITS, &answer).unwrap();
    let mut expected = Vec::new();
    encode_ping_request(&mut expected, &LIMITS, 252).unwrap();
    encode_ping_response(&mut expected, &LIMITS, 252, 952_258_831).unwrap();
    assert_eq!(text, expected);
}

#[test]
fn the_recorded_ping_answers() {
    let first =
        "~m~67~m~~j~{\"err\":0,\"irs\":1,\"vals\":[1,-2147483648,2,-503893983],\"msg\":null}";
    let second = "~m~64~m~~j~{\"err\":0,\"irs\":1,\"vals\":[1,3946077,2,-1223828109],\"msg\":null}";
    assert_eq!(
        read_one(Role::Client, first),
        Ok(Read::PingResponse(i32::MIN, -503_893_983))
    );
    assert_eq!(
        read_one(Role::Client, second),
        Ok(Read::PingResponse(3_946_077, -1_223_828_109))
    );
}

#[test]
fn the_observed_connection_start() {
    assert_eq!(
        read(Role::Client, "~m~16~m~0123456789abcdef"),
        [Ok(Read::Session("0123456789abcdef".into()))]
    );
    assert_eq!(
        read_one(Role::Server, "~m~27~m~~j~{\"irq\":1,\"vals\":[1,212]}"),
        Ok(Read::PingRequest(212))
    );
    assert_eq!(
        framed("~j~{\"irq\":1,\"vals\":[1,212]}"),
        "~m~27~m~~j~{\"irq\":1,\"vals\":[1,212]}"
    );
}
