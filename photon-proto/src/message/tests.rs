//! The examples of wire.md 1 to 3, and cases that they do not cover.

use super::{Header, HttpInit, Init, Message, MessageKind, MessageWriter, decrypt};
use crate::codec::Protocol;
use crate::codec::{Element, ElementSink, Params};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use crate::value::{Array, Parameters, Value};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

const V16: Protocol = Protocol::V16;
const V18: Protocol = Protocol::V18;
const LIMITS: Limits = Limits::DEFAULT;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The content of a message in a form that can be compared.
type Said = (
    MessageKind,
    Option<u8>,
    Option<i16>,
    Option<String>,
    Parameters,
);

fn said(protocol: Protocol, bytes: &[u8]) -> Said {
    let header = Header::decode(bytes).unwrap();
    let message =
        Message::decode(header.kind, protocol, &LIMITS, &bytes[Header::LENGTH..]).unwrap();
    let all = |mut params: Params<'_>| {
        let all = params.to_parameters().unwrap();
        assert_eq!(params.finish(), Ok(0));
        all
    };
    let text = |text: Option<Cow<'_, str>>| text.map(String::from);
    match message {
        Message::Request {
            internal,
            code,
            params,
        } => {
            assert_eq!(internal, header.kind == MessageKind::InternalRequest);
            (header.kind, Some(code), None, None, all(params))
        }
        Message::Response {
            internal,
            code,
            return_code,
            debug_message,
            params,
        } => {
            assert_eq!(internal, header.kind == MessageKind::InternalResponse);
            (
                header.kind,
                Some(code),
                Some(return_code),
                text(debug_message),
                all(params),
            )
        }
        Message::Event { code, params } => (header.kind, Some(code), None, None, all(params)),
        Message::Disconnect {
            code,
            debug_message,
            params,
        } => (
            header.kind,
            None,
            Some(code),
            text(debug_message),
            all(params),
        ),
        other => panic!("{other:?}"),
    }
}

type Begin = fn(&mut Vec<u8>, Protocol) -> Result<MessageWriter<'_>, EncodeError>;

fn both(
    hex: [&str; 2],
    begin: Begin,
    said_it: (MessageKind, Option<u8>, Option<i16>, Option<&str>),
    all: Parameters,
) {
    for (protocol, hex) in [V16, V18].into_iter().zip(hex) {
        let mut buffer = vec![1, 2, 3];
        let mut writer = begin(&mut buffer, protocol).unwrap();
        for (key, value) in &all {
            writer.put(*key, value).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(buffer[3..], unhex(hex), "{protocol:?}");
        let (kind, code, number, text) = said_it;
        assert_eq!(
            said(protocol, &unhex(hex)),
            (kind, code, number, text.map(String::from), all.clone())
        );
    }
}

#[test]
fn the_printed_examples() {
    both(
        [
            "F3 02 E2 00 01 FF 73 00 08 73 6F 6D 65 67 61 6D 65",
            "F3 02 E2 01 FF 07 08 73 6F 6D 65 67 61 6D 65",
        ],
        |out, protocol| MessageWriter::request(out, protocol, &LIMITS, 226),
        (MessageKind::Request, Some(226), None, None),
        vec![(255, "somegame".into())],
    );
    both(
        ["F3 02 E5 00 00", "F3 02 E5 00"],
        |out, protocol| MessageWriter::request(out, protocol, &LIMITS, 229),
        (MessageKind::Request, Some(229), None, None),
        vec![],
    );
    both(
        ["F3 03 E5 00 00 2A 00 00", "F3 03 E5 00 00 08 00"],
        |out, protocol| MessageWriter::response(out, protocol, &LIMITS, 229, 0, None),
        (MessageKind::Response, Some(229), Some(0), None),
        vec![],
    );
    both(
        [
            "F3 03 E6 7F FF 73 00 0D 49 6E 76 61 6C 69 64 20 61 70 70 49 44 00 00",
            "F3 03 E6 FF 7F 07 0D 49 6E 76 61 6C 69 64 20 61 70 70 49 44 00",
        ],
        |out, protocol| {
            MessageWriter::response(out, protocol, &LIMITS, 230, 32767, Some("Invalid appID"))
        },
        (
            MessageKind::Response,
            Some(230),
            Some(32767),
            Some("Invalid appID"),
        ),
        vec![],
    );
    both(
        [
            "F3 03 E6 FF FD 73 00 00 00 02 DD 73 00 03 74 6F 6B E6 73 00 09 68 6F 73 74 3A 34 35 33 30",
            "F3 03 E6 FD FF 07 00 02 DD 07 03 74 6F 6B E6 07 09 68 6F 73 74 3A 34 35 33 30",
        ],
        // An empty text stays empty.
        |out, protocol| MessageWriter::response(out, protocol, &LIMITS, 230, -3, Some("")),
        (MessageKind::Response, Some(230), Some(-3), Some("")),
        vec![(221, "tok".into()), (230, "host:4530".into())],
    );
    both(
        [
            "F3 04 E2 00 03 E3 69 00 00 00 11 E5 69 00 00 00 6E E4 69 00 00 00 16",
            "F3 04 E2 03 E3 0B 11 E5 0B 6E E4 0B 16",
        ],
        |out, protocol| MessageWriter::event(out, protocol, &LIMITS, 226),
        (MessageKind::Event, Some(226), None, None),
        vec![(227, 17.into()), (229, 110.into()), (228, 22.into())],
    );
    both(
        [
            "F3 05 7F FF 73 00 03 62 79 65 00 01 01 69 00 00 00 07",
            "F3 05 FF 7F 07 03 62 79 65 01 01 0B 07",
        ],
        |out, protocol| MessageWriter::disconnect(out, protocol, &LIMITS, 32767, Some("bye")),
        (MessageKind::Disconnect, None, Some(32767), Some("bye")),
        vec![(1, 7.into())],
    );
    both(
        ["F3 06 01 00 01 01 69 00 00 00 FC", "F3 06 01 01 01 0B FC"],
        |out, protocol| MessageWriter::internal_request(out, protocol, &LIMITS, 1),
        (MessageKind::InternalRequest, Some(1), None, None),
        vec![(1, 252.into())],
    );
    both(
        [
            "F3 07 01 00 00 2A 00 01 01 69 00 00 2E FD",
            "F3 07 01 00 00 08 01 01 0D FD 2E",
        ],
        |out, protocol| MessageWriter::internal_response(out, protocol, &LIMITS, 1, 0, None),
        (MessageKind::InternalResponse, Some(1), Some(0), None),
        vec![(1, 12029.into())],
    );
}

#[test]
fn headers() {
    let kind = |bytes: &[u8]| Header::decode(bytes).map_err(|error| (error.kind, error.offset));
    assert_eq!(kind(&[]), Err((DecodeErrorKind::Truncated, 0)));
    assert_eq!(kind(&[0xF3]), Err((DecodeErrorKind::Truncated, 1)));
    assert_eq!(kind(&[0xF4, 2]), Err((DecodeErrorKind::BadMagic(0xF4), 0)));
    assert_eq!(
        kind(&[0xF3, 10]),
        Err((DecodeErrorKind::UnknownMessage(10), 1))
    );
    assert_eq!(
        kind(&[0xF3, 0x8A]),
        Err((DecodeErrorKind::UnknownMessage(10), 1))
    );
    assert_eq!(
        kind(&[0xF3, 0x80]),
        Err((DecodeErrorKind::NeverEncrypted, 1))
    );
    for magic in [0xF3, 0xFD] {
        for code in 0..=9 {
            let plain = kind(&[magic, code]).unwrap();
            assert_eq!((plain.kind as u8, plain.encrypted), (code, false));
            // An init response is never decrypted, whatever its flag.
            let flagged = kind(&[magic, code | 0x80]).map(|header| header.encrypted);
            assert_eq!(
                flagged.ok(),
                [None, Some(false)]
                    .get(usize::from(code))
                    .copied()
                    .unwrap_or(Some(true))
            );
        }
    }
    let mut encrypted = [0xF3, 0x82, 1, 2];
    let error = decrypt(&mut encrypted, None).unwrap_err();
    assert_eq!((error.kind, error.offset), (DecodeErrorKind::NoKey, 2));
}

#[test]
fn inits() {
    let init = Init {
        protocol: V16.version(),
        sdk: 0x1E,
        ipv6: false,
        version: [4, 1, 8, 3],
        application: "c0ffee00-1111-2222-3333-444455556666".into(),
    };
    let mut out = vec![9];
    init.encode(&mut out);
    assert_eq!(out[1..10], unhex("F3 00 01 06 1E 41 08 03 00"));
    assert_eq!(&out[10..], b"c0ffee00-1111-2222-3333-44445555");

    // Low bytes, padded with zeroes; the first of the version numbers in three bits, the second in
    // four.
    let init = Init {
        ipv6: true,
        version: [15, 17, 255, 0],
        application: "n\u{e9}\u{141}".into(),
        ..init
    };
    let mut out = Vec::new();
    init.encode(&mut out);
    assert_eq!((out.len(), &out[5..8]), (41, &[0xF1, 255, 0][..]));
    assert_eq!(&out[9..14], b"n\xE9\x41\0\0");
    let Ok(Message::Init(read)) = Message::decode(MessageKind::Init, V16, &LIMITS, &out[2..])
    else {
        panic!("no init")
    };
    assert_eq!(
        read,
        Init {
            version: [7, 1, 255, 0],
            application: "n\u{e9}A".into(),
            ..init
        }
    );
    for length in 2..41 {
        let error = Message::decode(MessageKind::Init, V16, &LIMITS, &out[2..length]).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Truncated);
        assert!(error.offset <= length);
    }
    assert_eq!(Protocol::from_version(read.protocol), Some(V16));
    assert_eq!(Protocol::from_version([1, 7]), None);
}

#[test]
fn text_inits() {
    let text = |query: &str, headers: &str, body: &[u8]| {
        let head = format!("POST /?{query} HTTP/1.1\r\n{headers}\r\n\r\n");
        let payload = [head.as_bytes(), body].concat();
        assert_eq!(HttpInit::recognise(&payload), query.starts_with("init="));
        HttpInit::decode(&LIMITS, &payload).map_err(|error| (error.kind, error.field))
    };
    let query = "init=&app=chat&clientversion=4.1.8.3&protocol=GpBinaryV16&sid=30&&IPv6";
    let headers = "Host: ws://h:1\r\nContent-Length: 3";
    let init = text(query, headers, b"\x73\0\0").unwrap();
    assert_eq!(
        (init.protocol, init.sdk, init.ipv6, init.host.as_str()),
        (V16, 30, true, "ws://h:1")
    );
    assert_eq!(
        (init.application.as_str(), init.version.as_str(), init.token),
        ("chat", "4.1.8.3", "".into())
    );
    for (query, headers, body, field) in [
        (
            &query.replace("app=", "apq=")[..],
            headers,
            &b"\x73\0\0"[..],
            "app",
        ),
        (
            &query.replace("V16", "V17")[..],
            headers,
            b"\x73\0\0",
            "protocol",
        ),
        (&query.replace("30", "300")[..], headers, b"\x73\0\0", "sid"),
        (query, "Host: h", b"\x73\0\0", "init content length"),
        (query, headers, b"\x73\0\0\0", "init content length"),
        (query, headers, b"\x73\0\x01", "string length"),
    ] {
        assert_eq!(text(query, headers, body).unwrap_err().1, field);
    }
    let cut = HttpInit::decode(&LIMITS, b"POST /?init=& HTTP/1.1\r\n").unwrap_err();
    assert_eq!((cut.kind, cut.offset), (DecodeErrorKind::Truncated, 24));
}

#[test]
fn a_dropped_writer_restores_the_buffer() {
    for protocol in [V16, V18] {
        let mut buffer = vec![1, 2, 3];
        let mut writer = MessageWriter::request(&mut buffer, protocol, &LIMITS, 2).unwrap();
        writer.put(1, "text").unwrap();
        drop(writer);
        assert_eq!(buffer, [1, 2, 3]);

        // The same for a message that could not begin, because of the limit or a long text.
        let none = Limits {
            max_sent_bytes: 3,
            ..Limits::DEFAULT
        };
        assert!(MessageWriter::request(&mut buffer, protocol, &none, 2).is_err());
        assert_eq!(buffer, [1, 2, 3]);
        let long = "x".repeat(32_768);
        let error =
            MessageWriter::response(&mut buffer, protocol, &LIMITS, 2, 0, Some(&long)).unwrap_err();
        assert_eq!(error.kind, EncodeErrorKind::TextTooLong(32_768));
        assert_eq!(buffer, [1, 2, 3]);
        // The limit applies to the message, wherever it is in the buffer.
        let five = Limits {
            max_sent_bytes: 5,
            ..Limits::DEFAULT
        };
        MessageWriter::request(&mut buffer, protocol, &five, 2)
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!(said(protocol, &buffer[3..]).0, MessageKind::Request);
    }
}

#[test]
fn a_failed_parameter_does_not_change_the_message() {
    for protocol in [V16, V18] {
        let limits = Limits {
            max_depth: 4,
            max_values: 20,
            ..Limits::DEFAULT
        };
        let mut buffer = Vec::new();
        let mut writer = MessageWriter::request(&mut buffer, protocol, &limits, 2).unwrap();
        writer.put(1, "kept").unwrap();
        let bad = Value::Array(Array::Object(vec![
            vec![Value::Null, Array::Array(vec![]).into()].into(),
        ]));
        // Often enough for a leak to show.
        for _ in 0..100 {
            let error = writer.put(2, &bad).unwrap_err();
            assert_eq!(
                (error.kind, error.path.as_str()),
                (EncodeErrorKind::EmptyNestedArray, "(2)[0][1]")
            );
        }
        let nested = Value::from(vec![Value::from(vec![Value::from(vec![Value::from(
            vec![1],
        )])])]);
        writer.put(3, &nested).unwrap();
        writer.finish().unwrap();
        let (.., all) = said(protocol, &buffer);
        assert_eq!(all, [(1, "kept".into()), (3, nested)]);
    }
}

#[test]
fn parameters_are_counted_to_the_last() {
    for (protocol, most) in [(V16, 32_767_usize), (V18, 255)] {
        let mut buffer = Vec::new();
        let mut writer = MessageWriter::request(&mut buffer, protocol, &LIMITS, 2).unwrap();
        for index in 0..most {
            writer.put(index as u8, &1_u8).unwrap();
        }
        let error = writer.put(1, &1_u8).unwrap_err();
        assert_eq!(error.kind, EncodeErrorKind::TooManyParameters);
        writer.finish().unwrap();
        let message =
            Message::decode(MessageKind::Request, protocol, &LIMITS, &buffer[2..]).unwrap();
        let Message::Request { mut params, .. } = message else {
            panic!("no request")
        };
        let mut found = 0;
        while params.next_key().unwrap().is_some() {
            found += 1;
        }
        assert_eq!((found, params.finish()), (most, Ok(0)));
    }
}

fn params<'a>(bytes: &'a [u8]) -> Params<'a> {
    match Message::decode(MessageKind::Event, V18, &LIMITS, &bytes[2..]).unwrap() {
        Message::Event { params, .. } => params,
        other => panic!("{other:?}"),
    }
}

#[test]
fn typed_readers_reject_other_types() {
    // An int where each reader expects another type, and text where an int is expected.
    let bytes = unhex("F3 04 01 02 07 0B 05 08 07 01 61");
    let at_first = |read: &dyn Fn(&mut Params<'_>) -> Option<DecodeErrorKind>| {
        let mut params = params(&bytes);
        assert_eq!(params.next_key(), Ok(Some(7)));
        let kind = read(&mut params);
        (kind, params.next_key().ok().flatten())
    };
    let wrong = Some(DecodeErrorKind::WrongType(0x0B));
    assert_eq!(
        at_first(&|params| params.str("f").err().map(|error| error.kind)),
        (wrong, Some(8))
    );
    assert_eq!(
        at_first(&|params| params.text_bytes("f").err().map(|error| error.kind)),
        (wrong, Some(8))
    );
    assert_eq!(
        at_first(&|params| params.bool("f").err().map(|error| error.kind)),
        (wrong, Some(8))
    );
    assert_eq!(
        at_first(&|params| params.strings("f").err().map(|error| error.kind)).0,
        wrong
    );
    let mut all = params(&bytes);
    all.next_key().unwrap();
    assert_eq!(all.int("f"), Ok(5));
    all.next_key().unwrap();
    let error = all.int("field").unwrap_err();
    assert_eq!(
        (error.kind, error.offset, error.field),
        (DecodeErrorKind::WrongType(7), 8, "field")
    );
    // A shorter number is accepted as an int.
    let bytes = unhex("F3 04 01 02 01 03 FF 02 04 FF FF");
    let mut all = params(&bytes);
    all.next_key().unwrap();
    assert_eq!(all.int("f"), Ok(255));
    all.next_key().unwrap();
    assert_eq!(all.int("f"), Ok(-1));
}

#[test]
fn elements_are_passed_one_by_one() {
    let read = |hex: &str| {
        let bytes = unhex(hex);
        let mut params = params(&bytes);
        params.next_key().unwrap();
        let mut seen = Vec::new();
        params
            .elements("f", |element| {
                seen.push(match element {
                    Element::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    Element::Other(other) => format!("{:?}", other.to_value(&LIMITS).unwrap()),
                });
            })
            .map_err(|error| (error.kind, error.offset))?;
        assert_eq!(params.next_key(), Ok(Some(9)));
        Ok(seen)
    };
    assert_eq!(
        read("F3040102 01 47 02 01 61 00 09 08"),
        Ok(vec!["a".into(), "".into()])
    );
    assert_eq!(
        read("F3040102 01 17 03 07 01 61 08 17 00 09 08"),
        Ok(vec!["a".into(), "Null".into(), "Array(Object([]))".into()])
    );
    assert_eq!(read("F3040102 01 40 00 09 08"), Ok(vec![]));
    assert_eq!(
        read("F3040102 01 40 01 49 00 09 08"),
        Err((DecodeErrorKind::WrongType(0x40), 5))
    );
    assert_eq!(
        read("F3040102 01 49 00 09 08"),
        Err((DecodeErrorKind::WrongType(0x49), 5))
    );

    // 1.6 encodes the element type of an empty array, in one byte or more.
    for (hex, empty) in [
        ("79 0000 73", true),
        ("79 0000 79", true),
        ("79 0000 7A", true),
        ("7A 0000", true),
        ("61 0000", true),
        ("79 0000 63 57", false),
        ("79 0000 44 73 69", false),
        ("79 0000 69", false),
        ("79 0000 05", false),
    ] {
        let bytes = unhex(&format!("F3 04 01 0002 01 {hex} 09 2A"));
        let message = Message::decode(MessageKind::Event, V16, &LIMITS, &bytes[2..]).unwrap();
        let Message::Event { mut params, .. } = message else {
            panic!("no event")
        };
        params.next_key().unwrap();
        match params.elements("f", |_| panic!("there is no element")) {
            Ok(()) => {
                assert!(empty, "{hex}");
                assert_eq!(params.next_key(), Ok(Some(9)), "{hex}");
            }
            Err(error) => assert!(
                !empty && matches!(error.kind, DecodeErrorKind::WrongType(_)),
                "{hex} {error}"
            ),
        }
    }
}

#[test]
fn the_array_of_elements_does_not_count_as_a_level() {
    let flat = Limits {
        max_depth: 1,
        ..Limits::DEFAULT
    };
    let bytes = unhex("F3 04 01 01 01 17 01 17 01 08");
    let parse = || match Message::decode(MessageKind::Event, V18, &flat, &bytes[2..]).unwrap() {
        Message::Event { params, .. } => params,
        other => panic!("{other:?}"),
    };
    let mut params = parse();
    params.next_key().unwrap();
    let mut seen = 0;
    assert_eq!(params.elements("f", |_| seen += 1), Ok(()));
    assert_eq!(seen, 1);
    assert_eq!(parse().finish().unwrap_err().kind, DecodeErrorKind::TooDeep);
}

#[test]
fn texts_are_charged_whichever_way_they_are_read() {
    for hex in [
        "F3 04 01 01 01 47 03 00 00 00",
        "F3 04 01 01 01 17 03 0700 0700 0700",
    ] {
        let bytes = unhex(hex);
        let elements = |max_values| {
            let limits = Limits {
                max_values,
                ..Limits::DEFAULT
            };
            let message = Message::decode(MessageKind::Event, V18, &limits, &bytes[2..]).unwrap();
            let Message::Event { mut params, .. } = message else {
                panic!("no event")
            };
            params.next_key().unwrap();
            params.texts("f", |_| ()).map_err(|error| error.kind)
        };
        assert_eq!(
            (elements(3), elements(2)),
            (Ok(()), Err(DecodeErrorKind::TooManyValues))
        );
    }
}

#[test]
fn skipped_values_are_not_decoded() {
    // Invalid UTF-8, a container as a key, a duplicate key: skipping checks only the bounds.
    let bytes = unhex("F3 04 01 03 01 07 01 FF 02 15 01 1700 08 03 14 09 09 02 0202 0202");
    assert_eq!(params(&bytes).finish(), Ok(0));
    assert!(params(&bytes).to_parameters().is_err());
}

#[test]
fn surplus_bytes_are_counted() {
    let bytes = unhex("F3 04 01 01 05 08 AA BB CC");
    assert_eq!(params(&bytes).finish(), Ok(3));
    let mut all = params(&bytes);
    assert_eq!(all.to_parameters(), Ok(vec![(5, Value::Null)]));
    assert_eq!(all.finish(), Ok(3));
    assert_eq!(
        params(&bytes)
            .pick([5, 6])
            .map(|[one, other]| (one.is_some(), other.is_some())),
        Ok((true, false))
    );
}

#[test]
fn every_header_is_accepted_or_has_the_error_of_its_first_fault() {
    for magic in 0..=u8::MAX {
        for code in 0..=u8::MAX {
            let (kind, is_flagged) = (code & 0x7F, code & 0x80 != 0);
            let expected = match (magic, kind) {
                (0xF3 | 0xFD, 0) if is_flagged => Err((DecodeErrorKind::NeverEncrypted, 1)),
                (0xF3 | 0xFD, 0..=9) => Ok(is_flagged && kind != 1),
                (0xF3 | 0xFD, _) => Err((DecodeErrorKind::UnknownMessage(kind), 1)),
                _ => Err((DecodeErrorKind::BadMagic(magic), 0)),
            };
            let decoded = Header::decode(&[magic, code, 0]);
            if let Ok(header) = decoded {
                assert_eq!(header.kind as u8, kind);
            }
            let decoded = decoded.map(|header| header.encrypted);
            assert_eq!(
                decoded.map_err(|error| (error.kind, error.offset)),
                expected
            );
        }
        let missing = Header::decode(&[magic]).unwrap_err();
        let expected = match magic {
            0xF3 | 0xFD => (DecodeErrorKind::Truncated, 1),
            _ => (DecodeErrorKind::BadMagic(magic), 0),
        };
        assert_eq!((missing.kind, missing.offset), expected);
    }
    let missing = Header::decode(&[]).unwrap_err();
    assert_eq!(
        (missing.kind, missing.offset),
        (DecodeErrorKind::Truncated, 0)
    );
}

/// Event 5 with a text, an int, and a list of a text and a number.
fn event_bytes(protocol: Protocol) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut event = MessageWriter::event(&mut bytes, protocol, &LIMITS, 5).unwrap();
    event.put(1, "general").unwrap();
    event.put(8, &123_456).unwrap();
    let list = Value::Array(Array::Object(vec!["a".into(), Value::Int(7), "b".into()]));
    event.put(2, &list).unwrap();
    event.finish().unwrap();
    bytes
}

fn tolerant_event<'a>(
    protocol: Protocol,
    limits: &Limits,
    body: &'a [u8],
) -> Result<(u8, Params<'a>), DecodeError> {
    let code = Message::event_code(limits, body)?;
    Ok((code, Message::event_params(protocol, limits, body)))
}

#[test]
fn an_event_is_the_same_with_and_without_a_message_around_it() {
    for protocol in [V16, V18] {
        let bytes = event_bytes(protocol);
        for end in Header::LENGTH..=bytes.len() {
            let body = &bytes[Header::LENGTH..end];
            let alone = tolerant_event(protocol, &LIMITS, body);
            let message = Message::decode_tolerant(MessageKind::Event, protocol, &LIMITS, body);
            let (
                Ok((code, mut alone)),
                Ok(Message::Event {
                    code: same,
                    mut params,
                }),
            ) = (alone.clone(), message.clone())
            else {
                assert_eq!(alone.unwrap_err(), message.unwrap_err());
                continue;
            };
            assert_eq!(code, same);
            assert_eq!(alone.to_parameters(), params.to_parameters());
            assert_eq!(alone.damage(), params.damage());
            assert_eq!(alone.undecodable(), params.undecodable());
        }
        let small = Limits {
            max_received_bytes: 3,
            ..LIMITS
        };
        let error = Message::event_code(&small, &bytes[2..]).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::TooLong);
    }
}

#[test]
fn a_value_is_taken_only_if_it_is_exactly_the_expected_text() {
    for protocol in [V16, V18] {
        let bytes = event_bytes(protocol);
        let (_, mut params) = tolerant_event(protocol, &LIMITS, &bytes[2..]).unwrap();
        assert_eq!(params.next_key(), Ok(Some(1)));
        for other in ["", "genera", "general ", "General"] {
            assert!(!params.take_if(other));
        }
        assert!(params.take_if("general"));
        assert_eq!(params.next_key(), Ok(Some(8)));
        assert!(!params.take_if("general"));
        assert_eq!(params.int("id"), Ok(123_456));
        let none = Limits {
            max_values: 0,
            ..LIMITS
        };
        let (_, mut params) = tolerant_event(protocol, &none, &bytes[2..]).unwrap();
        assert_eq!(params.next_key(), Ok(Some(1)));
        assert!(!params.take_if("general"), "it counts as a value");
    }
}

#[test]
fn a_sink_gets_the_elements_that_a_closure_gets() {
    #[derive(Default)]
    struct Sink(Vec<Option<Vec<u8>>>);
    impl<'a> ElementSink<'a, Element<'a>> for Sink {
        fn text(&mut self, text: &'a [u8]) {
            self.0.push(Some(text.to_vec()));
        }
        fn element(&mut self, element: Element<'a>) {
            self.0.push(match element {
                Element::Text(text) => Some(text.to_vec()),
                Element::Other(_) => None,
            });
        }
    }
    for protocol in [V16, V18] {
        let bytes = event_bytes(protocol);
        let (_, mut params) = tolerant_event(protocol, &LIMITS, &bytes[2..]).unwrap();
        while params.next_key().unwrap() != Some(2) {}
        let mut sink = Sink::default();
        assert_eq!(params.clone().elements_to("list", &mut sink), Ok(()));
        assert_eq!(sink.0, [Some(b"a".to_vec()), None, Some(b"b".to_vec())]);
        let mut count = 0;
        assert_eq!(params.elements("list", |_| count += 1), Ok(()));
        assert_eq!(count, 3);
    }
}
