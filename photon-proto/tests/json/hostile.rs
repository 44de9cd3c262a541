//! Hostile JSON.

use crate::harness::LIMITS;
use crate::{Read, framed, read_one, read_within, value};
use photon_proto::json::encode_message;
use photon_proto::message::{Header, Message, MessageWriter};
use photon_proto::{DecodeErrorKind, Limits, Protocol, Role, Value};

fn object(json: &str) -> Result<Read, (DecodeErrorKind, usize)> {
    let text = framed(&format!("~j~{json}"));
    let before = text.len() - json.len();
    read_one(Role::Client, &text).map_err(|error| (error.kind, error.offset - before))
}

#[test]
fn invalid_json_is_rejected() {
    use DecodeErrorKind::{TrailingBytes, Truncated, UnknownType, WrongType};
    for (json, kind, offset) in [
        ("", Truncated, 0),
        ("  ", Truncated, 2),
        ("[]", WrongType(b'['), 0),
        (" 1", WrongType(b'1'), 1),
        ("null", WrongType(b'n'), 0),
        ("\"evt\"", WrongType(b'"'), 0),
        ("x", UnknownType(b'x'), 0),
        ("\u{feff}{}", UnknownType(0xEF), 0),
        ("{", Truncated, 1),
        ("{evt:1}", UnknownType(b'e'), 1),
        ("{'evt':1}", UnknownType(b'\''), 1),
        ("{\"evt\"", Truncated, 6),
        ("{\"evt\" 1}", UnknownType(b'1'), 7),
        ("{\"evt\":}", UnknownType(b'}'), 7),
        ("{\"evt\":1", Truncated, 8),
        ("{\"evt\":1,}", UnknownType(b'}'), 9),
        ("{,\"evt\":1}", UnknownType(b','), 1),
        ("{\"evt\":1 \"vals\":[]}", UnknownType(b'"'), 9),
        ("{\"evt\":1}x", TrailingBytes, 9),
        ("{\"evt\":1}{}", TrailingBytes, 9),
        ("{\"evt\":1,\"vals\":[1,2,]}", UnknownType(b']'), 21),
        ("{\"evt\":1,\"vals\":[,]}", UnknownType(b','), 17),
        ("{\"evt\":1,\"vals\":[1 2]}", UnknownType(b'2'), 19),
        ("{\"evt\":1,\"vals\":[1,2}", UnknownType(b'}'), 20),
        ("{\"evt\":1,\"x\":[1,]}", UnknownType(b']'), 16),
        ("{\"evt\":1,\"x\":[\"a\",]}", UnknownType(b']'), 18),
        ("{\"evt\":1,\"x\":[\"a\"}", UnknownType(b'}'), 17),
        ("{\"evt\":1,\"x\":{\"a\",1}}", UnknownType(b','), 17),
        ("{\"evt\":1,\"x\":{1:1}}", UnknownType(b'1'), 14),
    ] {
        assert_eq!(object(json), Err((kind, offset)), "{json}");
    }
}

#[test]
fn values_that_are_none() {
    for json in [
        "",
        "nul",
        "nulL",
        "True",
        "tru",
        "truex",
        "NaN",
        "Infinity",
        "-",
        "-a",
        "+1",
        "01",
        "-01",
        "00",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "1e1.5",
        "0x1",
        "1_0",
        "--1",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\U0041\"",
        "\"\n\"",
        "\"\t\"",
        "\"\u{1f}\"",
        "[",
        "[1",
        "[1,",
        "]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "}",
        ",",
        "/**/1",
        "[1]]",
        "'a'",
        "undefined",
        "1 1",
        "\u{a0}1",
        "\\u0031",
    ] {
        assert!(value(json).is_err(), "{json}");
        assert!(
            value(&format!("[{json},1]")).is_err() || json.is_empty(),
            "{json}"
        );
        assert!(value(&format!("[\"a\",{json}]")).is_err(), "{json}");
        assert!(value(&format!("{{\"k\":{json}}}")).is_err(), "{json}");
        assert!(
            object(&format!("{{\"evt\":1,\"unknown\":{json}}}")).is_err(),
            "{json}"
        );
    }
    assert_eq!(value("\"\\u00000\""), Ok("\u{0}0".into()));
}

#[test]
fn numbers_of_any_length() {
    let digits = "9".repeat(1_000_000);
    for (json, expected) in [
        (digits.clone(), f64::INFINITY),
        (format!("-{digits}"), f64::NEG_INFINITY),
        (format!("0.{digits}"), 1.0),
        (format!("0.{}", "0".repeat(1_000_000)), 0.0),
        (format!("1e{digits}"), f64::INFINITY),
        (format!("1e-{digits}"), 0.0),
        (format!("{}e-9999", "9".repeat(10_000)), 10.0),
        (format!("0e{digits}"), 0.0),
    ] {
        assert_eq!(value(&json), Ok(expected.into()));
    }
    // A code, a return code or a time out of range is rejected or replaced, never truncated.
    let short = "9".repeat(10_000);
    assert_eq!(
        object(&format!("{{\"evt\":{short}}}")).unwrap_err().0,
        DecodeErrorKind::WrongType(b'9')
    );
    assert_eq!(
        object(&format!("{{\"evt\":\"{short}\"}}")).unwrap_err().0,
        DecodeErrorKind::WrongType(b'"')
    );
    assert_eq!(
        object(&format!("{{\"res\":1,\"err\":-{short}}}"))
            .unwrap_err()
            .0,
        DecodeErrorKind::WrongType(b'-')
    );
    let ping = framed(&format!("~j~{{\"irq\":1,\"vals\":[1,{short}]}}"));
    assert_eq!(
        read_one(Role::Server, &ping),
        Ok(Read::PingRequest(i32::MIN))
    );
}

fn nest(open: &str, inner: &str, close: &str, levels: usize) -> String {
    [&open.repeat(levels), inner, &close.repeat(levels)].concat()
}

#[test]
fn depth() {
    for (open, close) in [("{\"a\":", "}"), ("{\"b\":1,\"a\":", "}")] {
        assert!(value(&nest(open, "1", close, 32)).is_ok());
        assert_eq!(
            value(&nest(open, "1", close, 33)),
            Err(DecodeErrorKind::TooDeep)
        );
    }
    for inner in ["", "1", "\"a\"", "\"a\",1"] {
        assert!(value(&nest("[", inner, "]", 32)).is_ok());
        assert!(value(&nest("[\"a\",", "1", "]", 32)).is_ok());
    }
    // An array that is a parameter does not count, so that its elements may be nested up to the
    // limit.
    let text = framed(&format!(
        "~j~{{\"evt\":1,\"vals\":[2,{}]}}",
        nest("[", "1", "]", 33)
    ));
    let Ok(Read::Message(bytes)) = read_one(Role::Client, &text) else {
        panic!()
    };
    let header = Header::decode(&bytes).unwrap();
    let body = &bytes[Header::LENGTH..];
    let Ok(Message::Event { mut params, .. }) =
        Message::decode(header.kind, Protocol::V18, &LIMITS, body)
    else {
        panic!()
    };
    assert_eq!(
        params.clone().finish().unwrap_err().kind,
        DecodeErrorKind::TooDeep
    );
    assert_eq!(params.next_key(), Ok(Some(2)));
    let mut count = 0;
    params.elements("messages", |_| count += 1).unwrap();
    assert_eq!(count, 1);

    let bomb = nest("[", "", "]", 200_000);
    for json in [
        format!("{{\"evt\":1,\"vals\":[2,{bomb}]}}"),
        format!("{{\"evt\":1,\"unknown\":{bomb}}}"),
        format!("{{\"evt\":1,\"vals\":[2,{}", "[".repeat(500_000)),
        format!("{{\"evt\":1,\"vals\":[2,{}", "{\"\":".repeat(200_000)),
        format!("{{\"evt\":1,\"vals\":[2,{}", "[\"\",".repeat(200_000)),
    ] {
        assert_eq!(object(&json).unwrap_err().0, DecodeErrorKind::TooDeep);
    }
    // Where a container cannot be at all its depth does not matter.
    for json in [format!("{{\"evt\":{bomb}}}"), bomb.clone()] {
        assert_eq!(
            object(&json).unwrap_err().0,
            DecodeErrorKind::WrongType(b'[')
        );
    }
}

#[test]
fn values_are_counted() {
    let limits = Limits {
        max_values: 10,
        ..LIMITS
    };
    let kind = |json: &str| {
        let text = framed(&format!("~j~{json}"));
        read_within(&limits, Role::Client, text.as_bytes())[0]
            .clone()
            .map(drop)
            .map_err(|error| error.kind)
    };
    let list = |one: &str, count: usize| vec![one; count].join(",");
    for one in ["1", "null", "\"a\"", "1.5", "[]", "{}"] {
        // The array itself is a value.
        assert_eq!(
            kind(&format!("{{\"evt\":1,\"vals\":[1,[{}]]}}", list(one, 9))),
            Ok(()),
            "{one}"
        );
        for too_many in [
            format!("{{\"evt\":1,\"vals\":[1,[{}]]}}", list(one, 10)),
            format!("{{\"evt\":1,\"vals\":[{}]}}", list(&format!("1,{one}"), 11)),
            format!("{{\"evt\":1,\"unknown\":[{}]}}", list(one, 10)),
            format!("{{\"evt\":1,{}}}", list(&format!("\"unknown\":{one}"), 11)),
            format!(
                "{{\"evt\":1,\"vals\":[1,{{{}}}]}}",
                list(&format!("\"k\":{one}"), 5)
            ),
        ] {
            assert_eq!(
                kind(&too_many),
                Err(DecodeErrorKind::TooManyValues),
                "{too_many}"
            );
        }
        assert_eq!(
            kind(&format!(
                "{{\"evt\":1,\"vals\":[1,{{{}}}]}}",
                list(&format!("\"k\":{one}"), 4)
            )),
            Ok(())
        );
    }
    // Each frame has its own budget, and strings that are read twice count once.
    let full = framed(&format!(
        "~j~{{\"evt\":1,\"vals\":[1,[{},1]]}}",
        list("\"a\"", 8)
    ));
    let all = read_within(&limits, Role::Client, full.repeat(3).as_bytes());
    assert!(all.len() == 3 && all.iter().all(Result::is_ok), "{all:?}");
    let many = format!("[{}]", list("0", 65_536));
    assert_eq!(value(&many), Err(DecodeErrorKind::TooManyValues));
}

#[test]
fn memory_and_length_are_charged() {
    let kind = |limits: &Limits, json: &str| {
        let text = framed(&format!("~j~{json}"));
        read_within(limits, Role::Client, text.as_bytes())[0]
            .clone()
            .map(drop)
            .map_err(|error| error.kind)
    };
    let json = "{\"evt\":1,\"vals\":[1,\"0123456789\",2,[1.5,\"a\"],3,\"\\n\"]}";
    let enough = Limits {
        max_memory_bytes: 200,
        ..LIMITS
    };
    assert_eq!(kind(&enough, json), Ok(()));
    for max_memory_bytes in 0..30 {
        let little = Limits {
            max_memory_bytes,
            ..LIMITS
        };
        assert_eq!(
            kind(&little, json),
            Err(DecodeErrorKind::TooMuchMemory),
            "{max_memory_bytes}"
        );
    }
    // Short numbers need more bytes in 1.8 than in the text.
    let numbers = format!(
        "{{\"evt\":1,\"vals\":[1,[{}]]}}",
        vec!["5e0"; 1000].join(",")
    );
    let limits = |max_received_bytes| Limits {
        max_received_bytes,
        ..LIMITS
    };
    assert_eq!(kind(&limits(9100), &numbers), Ok(()));
    assert_eq!(kind(&limits(5000), &numbers), Err(DecodeErrorKind::TooLong));
    for max_received_bytes in 0..9000 {
        assert_eq!(
            kind(&limits(max_received_bytes), &numbers),
            Err(DecodeErrorKind::TooLong)
        );
    }
}

#[test]
fn many_frames_and_long_marks_are_linear() {
    // This would take minutes if every frame cost the length of the rest.
    let all = read_within(&LIMITS, Role::Client, "~m~0~m~".repeat(149_000).as_bytes());
    assert_eq!(all.len(), 149_000);
    let growing: String = (0..1400)
        .map(|length| framed(&"\u{20ac}".repeat(length % 240)))
        .collect();
    let all = read_within(&LIMITS, Role::Client, growing.as_bytes());
    assert!(all.len() == 1400 && all.iter().all(Result::is_ok));
}

#[test]
fn sent_frames_are_limited() {
    let mut message = Vec::new();
    let mut writer = MessageWriter::event(&mut message, Protocol::V18, &LIMITS, 1).unwrap();
    writer.put(1, &vec![200_u8; 200_000]).unwrap();
    writer.finish().unwrap();
    let mut text = vec![1];
    assert!(encode_message(&mut text, &LIMITS, &message).is_err());
    assert_eq!(text, [1]);
    let more = Limits {
        max_sent_bytes: 900_000,
        ..LIMITS
    };
    encode_message(&mut text, &more, &message).unwrap();
    assert!(text.len() > 800_000 && text.len() < 800_100);
    // Too deep, too much.
    let nested = (0..32).fold(Value::Null, |inner, _| vec![inner].into());
    let bytes = crate::event(&nested);
    assert!(encode_message(&mut Vec::new(), &LIMITS, &bytes).is_ok());
    for less in [
        Limits {
            max_depth: 31,
            ..LIMITS
        },
        Limits {
            max_values: 32,
            ..LIMITS
        },
        Limits {
            max_memory_bytes: 100,
            ..LIMITS
        },
        Limits {
            max_sent_bytes: bytes.len() - 3,
            ..LIMITS
        },
    ] {
        assert!(encode_message(&mut Vec::new(), &less, &bytes).is_err());
    }
}
