//! The object of a message: its keys in any order, missing, twice, unknown, and as text.

use crate::harness::LIMITS;
use crate::{Read, Said, framed, read_one, said, said_by};
use photon_proto::json::{WriteError, encode_message};
use photon_proto::message::{MessageKind, MessageWriter};
use photon_proto::{DecodeErrorKind, EncodeErrorKind, Protocol, Role, Value};

const CLIENT: Role = Role::Client;
const SERVER: Role = Role::Server;

fn response(code: u8, return_code: i16, text: Option<&str>, parameters: Vec<(u8, Value)>) -> Said {
    (
        MessageKind::Response,
        code,
        return_code,
        text.map(String::from),
        parameters,
    )
}

#[test]
fn keys_come_in_any_order() {
    let pieces = [
        "\"res\":230",
        "\"err\":-3",
        "\"msg\":\"no\"",
        "\"vals\":[221,\"token\",1,5]",
    ];
    let expected = response(
        230,
        -3,
        Some("no"),
        vec![(221, "token".into()), (1, 5.into())],
    );
    for first in 0..4 {
        for second in 0..4 {
            for third in 0..4 {
                let order = [
                    first,
                    second,
                    third,
                    6_usize.wrapping_sub(first + second + third),
                ];
                if (0..4).all(|piece| order.contains(&piece)) {
                    let json = format!(
                        " {{ {} }} ",
                        order.map(|piece| pieces[piece]).join(" ,\r\n\t")
                    );
                    assert_eq!(said_by(CLIENT, &json), Ok(expected.clone()), "{json}");
                }
            }
        }
    }
}

#[test]
fn optional_fields_may_be_missing() {
    let nothing = response(230, 0, None, vec![]);
    for json in [
        "{\"res\":230}",
        "{\"res\":230,\"vals\":[]}",
        "{\"res\":230,\"vals\":null,\"err\":null,\"msg\":null}",
        "{\"res\":230,\"err\":false,\"msg\":null}",
        "{\"res\":230,\"err\":\"\"}",
        "{\"res\":230,\"err\":0.0}",
        "{\"res\":230,\"evt\":null,\"irs\":null}",
        // Unknown keys.
        "{\"x\":[1,{\"res\":7,\"vals\":[1]}],\"res\":230,\"vals \":[1],\"\":{}}",
        "{\"req\":1,\"irq\":1,\"res\":230}",
    ] {
        assert_eq!(said_by(CLIENT, json), Ok(nothing.clone()), "{json}");
    }
    for json in [
        "{}",
        "{\"vals\":[]}",
        "{\"res\":null}",
        "{\"res\":false}",
        "{\"res\":\"\"}",
        "{\"req\":1}",
        "{\"Res\":1}",
    ] {
        assert_eq!(
            said_by(CLIENT, json),
            Err(DecodeErrorKind::Missing),
            "{json}"
        );
    }
    for json in [
        "{}",
        "{\"res\":1}",
        "{\"evt\":1}",
        "{\"irs\":1,\"vals\":[1,2,2,3]}",
    ] {
        assert_eq!(
            said_by(SERVER, json),
            Err(DecodeErrorKind::Missing),
            "{json}"
        );
    }
}

#[test]
fn the_first_kind_that_there_is_counts() {
    let kind = |role, json| said_by(role, json).map(|said| (said.0, said.1));
    assert_eq!(
        kind(CLIENT, "{\"irs\":3,\"evt\":2,\"res\":1}"),
        Ok((MessageKind::Response, 1))
    );
    assert_eq!(
        kind(CLIENT, "{\"irs\":3,\"evt\":2}"),
        Ok((MessageKind::Event, 2))
    );
    assert_eq!(
        kind(CLIENT, "{\"irs\":3}"),
        Ok((MessageKind::InternalResponse, 3))
    );
    assert_eq!(
        kind(SERVER, "{\"irq\":3,\"req\":1}"),
        Ok((MessageKind::Request, 1))
    );
    assert_eq!(
        kind(SERVER, "{\"irq\":3}"),
        Ok((MessageKind::InternalRequest, 3))
    );
}

#[test]
fn codes_are_numbers_in_any_dress() {
    for code in ["230", "\"230\"", "230.0", "2.3e2", "2300E-1", "\"0230\""] {
        let json = format!("{{\"evt\":{code},\"vals\":[{code},{code}]}}");
        let (kind, found, _, _, parameters) = said_by(CLIENT, &json).unwrap();
        assert_eq!(
            (kind, found, parameters[0].0),
            (MessageKind::Event, 230, 230),
            "{code}"
        );
    }
    for code in [
        "256",
        "-1",
        "1.5",
        "1e99",
        "true",
        "[]",
        "{}",
        "\"256\"",
        "\"x\"",
        "\" 1\"",
        "\"+1\"",
        "\"1.0\"",
        "99999999999999999999",
        "\"\\u0031\"",
    ] {
        let wrong = Err(DecodeErrorKind::WrongType(code.as_bytes()[0]));
        assert_eq!(
            said_by(CLIENT, &format!("{{\"evt\":{code}}}")),
            wrong,
            "{code}"
        );
        assert_eq!(
            said_by(CLIENT, &format!("{{\"evt\":1,\"vals\":[{code},1]}}")),
            wrong,
            "{code}"
        );
    }
    for code in ["null", "false", "\"\""] {
        let wrong = Err(DecodeErrorKind::WrongType(code.as_bytes()[0]));
        assert_eq!(
            said_by(CLIENT, &format!("{{\"evt\":1,\"vals\":[{code},1]}}")),
            wrong,
            "{code}"
        );
    }
    for (err, expected) in [
        ("32767", 32767),
        ("-32768", -32768),
        ("\"-3\"", -3),
        ("\"32755\"", 32755),
    ] {
        assert_eq!(
            said_by(CLIENT, &format!("{{\"res\":1,\"err\":{err}}}")),
            Ok(response(1, expected, None, vec![]))
        );
    }
    for err in ["32768", "-32769", "0.5", "true", "[]", "\"x\""] {
        let wrong = Err(DecodeErrorKind::WrongType(err.as_bytes()[0]));
        assert_eq!(
            said_by(CLIENT, &format!("{{\"res\":1,\"err\":{err}}}")),
            wrong,
            "{err}"
        );
    }
    for msg in ["1", "true", "[]", "{}"] {
        let wrong = Err(DecodeErrorKind::WrongType(msg.as_bytes()[0]));
        assert_eq!(
            said_by(CLIENT, &format!("{{\"res\":1,\"msg\":{msg}}}")),
            wrong,
            "{msg}"
        );
    }
}

#[test]
fn parameters() {
    let kind =
        |vals: &str| said_by(CLIENT, &format!("{{\"evt\":1,\"vals\":{vals}}}")).map(|said| said.4);
    assert_eq!(
        kind("[0,1,255,\"x\"]"),
        Ok(vec![(0, 1.into()), (255, "x".into())])
    );
    assert_eq!(kind("[1,2,3]"), Err(DecodeErrorKind::Missing));
    assert_eq!(kind("[1]"), Err(DecodeErrorKind::Missing));
    for (vals, first) in [("{}", b'{'), ("\"\"", b'"'), ("1", b'1'), ("true", b't')] {
        assert_eq!(kind(vals), Err(DecodeErrorKind::WrongType(first)));
    }
    // Of a parameter that comes twice the last value counts, as in the binary protocols; and of a
    // key.
    assert_eq!(kind("[1,2,1,3]"), Ok(vec![(1, 3.into())]));
    let twice = "{\"res\":1,\"vals\":[1,2,3,4],\"err\":5,\"msg\":\"a\",\"res\":2,\"vals\":[5,6],\"err\":7,\"msg\":\"b\"}";
    assert_eq!(
        said_by(CLIENT, twice),
        Ok(response(2, 7, Some("b"), vec![(5, 6.into())]))
    );
    assert_eq!(
        said_by(CLIENT, "{\"res\":1,\"vals\":[1,2],\"vals\":null}"),
        Ok(response(1, 0, None, vec![]))
    );
    // 1.8 counts parameters in a byte.
    let many = |count: usize| format!("[{}]", vec!["1,2"; count].join(","));
    assert!(kind(&many(255)).is_ok());
    assert_eq!(kind(&many(256)), Err(DecodeErrorKind::BadLength));
}

#[test]
fn keys_may_be_escaped() {
    let json = "{\"\\u0065\\u0076t\":1,\"va\\u006cs\":[1,2],\"vals\\u0000\":[1]}";
    assert_eq!(
        said_by(CLIENT, json),
        Ok((MessageKind::Event, 1, 0, None, vec![(1, 2.into())]))
    );
}

#[test]
fn a_long_text_of_a_response() {
    for length in [0, 1, 127, 128, 16_383, 16_384, 100_000] {
        let text = "\u{e9}".repeat(length);
        let json = format!("{{\"vals\":[1,2],\"res\":1,\"msg\":\"{text}\"}}");
        let expected = response(1, 0, Some(&*text), vec![(1, 2.into())]);
        assert_eq!(said_by(CLIENT, &json), Ok(expected));
        let escaped = json.replace('\u{e9}', "\\u00E9");
        assert_eq!(said_by(CLIENT, &escaped), said_by(CLIENT, &json));
    }
}

#[test]
fn pings() {
    let ping = |role, json: &str| {
        read_one(role, &framed(&format!("~j~{json}"))).map_err(|error| error.kind)
    };
    let answer = |client, server| Ok(Read::PingResponse(client, server));
    assert_eq!(
        ping(CLIENT, "{\"irs\":\"1\",\"vals\":[2,7,\"1\",5]}"),
        answer(5, 7)
    );
    assert_eq!(
        ping(
            CLIENT,
            "{\"vals\":[1,5,2,7],\"msg\":\"x\",\"err\":3,\"irs\":1}"
        ),
        answer(5, 7)
    );
    assert_eq!(
        ping(CLIENT, "{\"irs\":1,\"vals\":[1,5.9,2,-5.9,3,null]}"),
        answer(5, -5)
    );
    // Numbers beyond 32 bits, as real servers handle them.
    assert_eq!(
        ping(CLIENT, "{\"irs\":1,\"vals\":[1,2147483648,2,-1e99]}"),
        answer(i32::MIN, i32::MIN)
    );
    assert_eq!(
        ping(SERVER, "{\"irq\":1,\"vals\":[1,1700000000000]}"),
        Ok(Read::PingRequest(i32::MIN))
    );
    assert_eq!(
        ping(SERVER, "{\"irq\":1,\"vals\":[1,2147483647]}"),
        Ok(Read::PingRequest(i32::MAX))
    );
    for vals in [
        "[]",
        "[1,5]",
        "[2,7]",
        "[1,5,2,null]",
        "[1,5,2,\"7\"]",
        "[1,5,2,[7]]",
        "null",
    ] {
        let json = format!("{{\"irs\":1,\"vals\":{vals}}}");
        assert_eq!(ping(CLIENT, &json), Err(DecodeErrorKind::Missing), "{vals}");
    }
    assert_eq!(ping(SERVER, "{\"irq\":1}"), Err(DecodeErrorKind::Missing));
    // Another operation of the connection is a message like others.
    let other = said_by(
        CLIENT,
        "{\"irs\":0,\"err\":-1,\"msg\":\"no\",\"vals\":[1,5]}",
    );
    assert_eq!(
        other,
        Ok((
            MessageKind::InternalResponse,
            0,
            -1,
            Some("no".into()),
            vec![(1, 5.into())]
        ))
    );
}

#[test]
fn every_kind_of_message_survives_a_round_trip() {
    type Begin = fn(&mut Vec<u8>) -> MessageWriter<'_>;
    const V18: Protocol = Protocol::V18;
    let cases: [(Role, Begin, &str); 8] = [
        (
            SERVER,
            |out| MessageWriter::request(out, V18, &LIMITS, 2).unwrap(),
            "{\"req\":2,\"vals\":[]}",
        ),
        (
            SERVER,
            |out| MessageWriter::internal_request(out, V18, &LIMITS, 0).unwrap(),
            "{\"irq\":0,\"vals\":[]}",
        ),
        (
            CLIENT,
            |out| MessageWriter::response(out, V18, &LIMITS, 255, 0, None).unwrap(),
            "{\"vals\":[],\"err\":0,\"msg\":null,\"res\":255}",
        ),
        (
            CLIENT,
            |out| {
                MessageWriter::response(out, V18, &LIMITS, 0, -32768, Some("\u{1}\"\u{1f600}\\"))
                    .unwrap()
            },
            "{\"vals\":[],\"err\":-32768,\"msg\":\"\\u0001\\\"\\ud83d\\ude00\\\\\",\"res\":0}",
        ),
        (
            CLIENT,
            |out| MessageWriter::response(out, V18, &LIMITS, 0, 0, Some("")).unwrap(),
            "{\"vals\":[],\"err\":0,\"msg\":\"\",\"res\":0}",
        ),
        (
            CLIENT,
            |out| MessageWriter::event(out, V18, &LIMITS, 5).unwrap(),
            "{\"vals\":[],\"evt\":5}",
        ),
        (
            CLIENT,
            |out| MessageWriter::internal_response(out, V18, &LIMITS, 0, 0, None).unwrap(),
            "{\"irs\":0,\"vals\":[]}",
        ),
        (
            CLIENT,
            |out| MessageWriter::internal_response(out, V18, &LIMITS, 0, -1, Some("no")).unwrap(),
            "{\"irs\":0,\"err\":-1,\"msg\":\"no\",\"vals\":[]}",
        ),
    ];
    for (role, begin, json) in cases {
        let mut empty = Vec::new();
        begin(&mut empty).finish().unwrap();
        let mut text = Vec::new();
        encode_message(&mut text, &LIMITS, &empty).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            framed(&format!("~j~{json}"))
        );

        let mut full = Vec::new();
        let mut writer = begin(&mut full);
        writer.put(1, "general").unwrap();
        writer
            .put_with(0, |out| out.strings(["a", "b"].iter()))
            .unwrap();
        writer.put(255, &Value::Null).unwrap();
        writer.finish().unwrap();
        let mut text = Vec::new();
        encode_message(&mut text, &LIMITS, &full).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("\"vals\":[1,\"general\",0,[\"a\",\"b\"],255,null]"),
            "{text}"
        );
        assert_eq!(read_one(role, &text), Ok(Read::Message(full.clone())));
        assert_eq!(said(&full).4.len(), 3);
    }
}

#[test]
fn inexpressible_messages_are_rejected() {
    let write = |message: &[u8]| {
        let mut text = vec![1, 2];
        let error = encode_message(&mut text, &LIMITS, message).unwrap_err();
        assert_eq!(text, [1, 2]);
        error
    };
    let kind = |message: &[u8]| match write(message) {
        WriteError::Message(error) => error.kind,
        other => panic!("{other}"),
    };
    assert_eq!(kind(&[]), DecodeErrorKind::Truncated);
    assert_eq!(kind(&[0xF3]), DecodeErrorKind::Truncated);
    assert_eq!(kind(&[0xF4, 4, 7, 0]), DecodeErrorKind::BadMagic(0xF4));
    assert_eq!(kind(&[0xF3, 0x84, 7, 0]), DecodeErrorKind::NoKey);
    assert_eq!(kind(&[0xF3, 4, 7]), DecodeErrorKind::Truncated);
    assert_eq!(kind(&[0xF3, 4, 7, 1, 3]), DecodeErrorKind::Truncated);
    assert_eq!(
        kind(&[0xF3, 4, 7, 1, 3, 1]),
        DecodeErrorKind::UnknownType(1)
    );
    assert_eq!(
        kind(&[0xF3, 4, 7, 1, 3, 7, 1, 0xFF]),
        DecodeErrorKind::NotUtf8
    );
    assert_eq!(
        kind(&[0xF3, 4, 7, 1, 3, 0x17, 1, 7, 1, 0xFF]),
        DecodeErrorKind::NotUtf8
    );
    assert_eq!(kind(&[0xF3, 4, 7, 0, 0]), DecodeErrorKind::TrailingBytes);
    // Init answer, disconnect, a bare value, raw bytes.
    for message in [
        &[0xF3, 1, 0][..],
        &[0xF3, 5, 0, 0, 8, 0],
        &[0xF3, 8, 8],
        &[0xF3, 9, 1],
    ] {
        let WriteError::Encode(error) = write(message) else {
            panic!()
        };
        assert_eq!(error.kind, EncodeErrorKind::TypeNotExpressible);
    }
}
