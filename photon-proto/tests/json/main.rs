//! The JSON sub-protocol: vectors, types, framing, hostile text, and properties of every text.
#![cfg(feature = "json")]

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../udp/heap.rs"]
#[allow(dead_code, reason = "shared with the tests of the reliable UDP layer")]
mod heap;

mod framing;
mod hostile;
mod memory;
mod messages;
mod parts;
mod properties;
mod tolerant;
mod types;
mod vectors;

use harness::LIMITS;
use photon_proto::json::{Frame, Reader};
use photon_proto::message::{Header, Message, MessageKind, MessageWriter};
use photon_proto::{
    DecodeError, DecodeErrorKind, Limits, Parameters, Params, Protocol, Role, Value,
};

/// A frame, owned.
#[derive(Clone, Debug, PartialEq)]
enum Read {
    Session(String),
    Message(Vec<u8>),
    PingRequest(i32),
    PingResponse(i32, i32),
}

/// All frames of a text message, errors among them.
fn read_within(limits: &Limits, role: Role, text: &[u8]) -> Vec<Result<Read, DecodeError>> {
    let mut reader = match Reader::new(role, limits, text) {
        Ok(reader) => reader,
        Err(error) => return vec![Err(error)],
    };
    let mut out = vec![7; 3];
    let mut all = Vec::new();
    loop {
        let before = out.len();
        let frame = match reader.next(&mut out) {
            Ok(None) => break,
            Ok(Some(Frame::Session(id))) => Ok(Read::Session(id.into())),
            Ok(Some(Frame::Message(at))) => {
                assert_eq!(at, before..out.len());
                all.push(Ok(Read::Message(out[at].to_vec())));
                continue;
            }
            Ok(Some(Frame::PingRequest { client_time })) => Ok(Read::PingRequest(client_time)),
            Ok(Some(Frame::PingResponse {
                client_time,
                server_time,
            })) => Ok(Read::PingResponse(client_time, server_time)),
            Ok(Some(other)) => panic!("{other:?}"),
            Err(error) => {
                assert!(error.offset <= text.len(), "{error}");
                Err(error)
            }
        };
        assert_eq!(out.len(), before, "only messages are appended");
        all.push(frame);
    }
    assert_eq!(reader.next(&mut out), Ok(None));
    assert_eq!(out[..3], [7; 3]);
    all
}

fn read(role: Role, text: &str) -> Vec<Result<Read, DecodeError>> {
    read_within(&LIMITS, role, text.as_bytes())
}

/// The only frame of a text message.
fn read_one(role: Role, text: &str) -> Result<Read, DecodeError> {
    let mut all = read(role, text);
    assert_eq!(all.len(), 1, "{text}: {all:?}");
    all.remove(0)
}

/// A frame around a payload, measured by the standard library.
fn framed(payload: &str) -> String {
    format!("~m~{}~m~{payload}", payload.encode_utf16().count())
}

/// The content of a message in a form that can be compared.
type Said = (MessageKind, u8, i16, Option<String>, Parameters);

fn said(bytes: &[u8]) -> Said {
    let header = Header::decode(bytes).unwrap();
    assert!(!header.encrypted);
    let all = |mut params: Params<'_>| {
        let all = params.to_parameters().unwrap();
        assert_eq!(params.finish(), Ok(0));
        all
    };
    match Message::decode(
        header.kind,
        Protocol::V18,
        &LIMITS,
        &bytes[Header::LENGTH..],
    )
    .unwrap()
    {
        Message::Request { code, params, .. } | Message::Event { code, params } => {
            (header.kind, code, 0, None, all(params))
        }
        Message::Response {
            code,
            return_code,
            debug_message,
            params,
            ..
        } => (
            header.kind,
            code,
            return_code,
            debug_message.map(Into::into),
            all(params),
        ),
        other => panic!("{other:?}"),
    }
}

fn said_by(role: Role, json: &str) -> Result<Said, DecodeErrorKind> {
    match read_one(role, &framed(&format!("~j~{json}"))) {
        Ok(Read::Message(bytes)) => Ok(said(&bytes)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.kind),
    }
}

/// The value that a JSON value becomes as a parameter.
fn value(json: &str) -> Result<Value, DecodeErrorKind> {
    let (_, _, _, _, mut parameters) =
        said_by(Role::Client, &format!("{{\"evt\":1,\"vals\":[3,{json}]}}"))?;
    assert_eq!((parameters.len(), parameters[0].0), (1, 3));
    Ok(parameters.remove(0).1)
}

/// An event with one parameter, in 1.8.
fn event(value: &Value) -> Vec<u8> {
    let mut buffer = Vec::new();
    let mut writer = MessageWriter::event(&mut buffer, Protocol::V18, &LIMITS, 1).unwrap();
    writer.put(3, value).unwrap();
    writer.finish().unwrap();
    buffer
}

/// The JSON of a value that is a parameter.
fn json(value: &Value) -> String {
    let mut text = b"before".to_vec();
    photon_proto::json::encode_message(&mut text, &LIMITS, &event(value)).unwrap();
    let text = String::from_utf8(text).unwrap();
    let text = text.strip_prefix("before").unwrap();
    let (_, payload) = text[3..].split_once("~m~").unwrap();
    assert_eq!(text, framed(payload));
    payload
        .strip_prefix("~j~{\"vals\":[3,")
        .unwrap()
        .strip_suffix("],\"evt\":1}")
        .unwrap()
        .into()
}
