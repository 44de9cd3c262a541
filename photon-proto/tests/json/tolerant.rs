//! `Reader::tolerant`: what costs only one value.

use super::{LIMITS, framed};
use photon_proto::json::{Frame, Reader};
use photon_proto::message::{Header, Message};
use photon_proto::{DecodeErrorKind, Element, Limits, Protocol, Role, Value, ValueRef};

/// The message in the only frame of a text.
fn message(limits: &Limits, text: Vec<u8>) -> Result<Vec<u8>, DecodeErrorKind> {
    let mut reader =
        Reader::tolerant(Role::Client, limits, text).map_err(|(error, _)| error.kind)?;
    let mut out = Vec::new();
    match reader.next(&mut out) {
        Ok(Some(Frame::Message(_))) => {
            assert!(out.len() <= limits.max_received_bytes + Header::LENGTH);
            Ok(out)
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            assert!(out.is_empty());
            Err(error.kind)
        }
    }
}

fn of_object(json: &str) -> Result<Vec<u8>, DecodeErrorKind> {
    message(&LIMITS, framed(&format!("~j~{json}")).into_bytes())
}

fn decoded<'a>(limits: &Limits, message: &'a [u8]) -> Message<'a> {
    let header = Header::decode(message).unwrap();
    let body = &message[Header::LENGTH..];
    Message::decode_tolerant(header.kind, Protocol::V18, limits, body).unwrap()
}

/// Whether each element of the parameter with key 2 can be decoded.
fn elements(limits: &Limits, message: &[u8]) -> Vec<bool> {
    let Message::Event { mut params, .. } = decoded(limits, message) else {
        panic!("an event");
    };
    let mut all = Vec::new();
    while let Some(key) = params.next_key().unwrap() {
        if key == 2 {
            params
                .elements("list", |element| {
                    all.push(match element {
                        Element::Text(bytes) => std::str::from_utf8(bytes).is_ok(),
                        Element::Other(ValueRef::Undecodable(_)) => false,
                        Element::Other(value) => value.to_value(limits).is_ok(),
                    });
                })
                .unwrap();
        }
    }
    assert_eq!(params.damage(), None);
    all
}

#[test]
fn a_return_code_that_is_none_is_an_error_of_the_server() {
    for (err, expected) in [
        ("0", 0),
        ("null", 0),
        ("\"\"", 0),
        ("-2", -2),
        ("\"32767\"", 32_767),
        ("32768", -1),
        ("-32769", -1),
        ("1e300", -1),
        ("0.5", -1),
        ("true", -1),
        ("\"none\"", -1),
        ("[0]", -1),
        ("{\"a\":[1,{}]}", -1),
    ] {
        let json = format!("{{\"vals\":[1,5],\"err\":{err},\"msg\":\"m\",\"res\":8}}");
        let bytes = of_object(&json).unwrap();
        let Message::Response {
            code,
            return_code,
            debug_message,
            mut params,
            ..
        } = decoded(&LIMITS, &bytes)
        else {
            panic!("a response");
        };
        assert_eq!(
            (code, return_code, debug_message.as_deref()),
            (8, expected, Some("m")),
            "{err}"
        );
        assert_eq!(params.to_parameters().unwrap(), [(1, Value::Int(5))]);
    }
    // What is not JSON is not skipped.
    for err in ["", "}", "nul", "\"", "[1", "01"] {
        assert!(of_object(&format!("{{\"err\":{err},\"res\":8}}")).is_err());
    }
    // Only a strict reader, as servers are, refuses the others.
    let text = framed("~j~{\"err\":true,\"res\":8}").into_bytes();
    let mut reader = Reader::owned(Role::Client, &LIMITS, text).unwrap();
    assert!(reader.next(&mut Vec::new()).is_err());
}

#[test]
fn a_parameter_whose_code_is_none_is_skipped() {
    for code in [
        "256",
        "-1",
        "0.5",
        "1e300",
        "null",
        "false",
        "true",
        "\"x\"",
        "\"\"",
        "\"+1\"",
        "[1]",
        "{\"a\":[]}",
        "[]",
    ] {
        for value in ["7", "\"x\"", "[1,[2]]", "{\"a\":{}}", "null"] {
            for vals in [
                format!("{code},{value},1,5"),
                format!("1,5,{code},{value}"),
                format!("1,5,{code}"),
                format!("{code},{value},1,4,{code},{value},1,5"),
            ] {
                let bytes = of_object(&format!("{{\"vals\":[{vals}],\"evt\":9}}")).unwrap();
                let Message::Event {
                    code: 9,
                    mut params,
                } = decoded(&LIMITS, &bytes)
                else {
                    panic!("an event");
                };
                let expected = [(1, Value::Int(5))];
                assert_eq!(params.to_parameters().unwrap(), expected, "{vals}");
            }
        }
    }
    for vals in ["1", "x,1", "256,", "256,1,", "256 1"] {
        assert!(
            of_object(&format!("{{\"vals\":[{vals}],\"evt\":9}}")).is_err(),
            "{vals}"
        );
    }
}

/// `1e9,` has four bytes in JSON and nine in 1.8.
#[test]
fn numbers_that_grow_over_the_limit_cost_only_their_own_value() {
    let limits = Limits {
        max_received_bytes: 20_000,
        ..LIMITS
    };
    let event = |list: &str| {
        let json = format!("~j~{{\"vals\":[1,\"general\",2,[{list}],8,3],\"evt\":0}}");
        message(&limits, framed(&json).into_bytes()).unwrap()
    };
    let numbers = |count: usize| format!("[{}1e9]", "1e9,".repeat(count - 1));
    let many = numbers(1_500);
    // 12 KB of text, 27 KB in 1.8.
    let bytes = event(&format!("\"a\",{many},{many},\"c\""));
    assert_eq!(elements(&limits, &bytes), [true, true, false, true]);
    let bytes = event(&format!("{many},[{many}],{{\"k\":{many}}},\"c\",7"));
    let all = elements(&limits, &bytes);
    assert_eq!(all[3..], [true, true], "what does not grow");
    // As many as fit are untouched, at every length of the rest.
    for rest in 0..100 {
        let rest = "x".repeat(rest);
        let bytes = event(&format!("{},\"{rest}\"", numbers(1_000)));
        assert_eq!(elements(&limits, &bytes), [true, true]);
    }
    // A text up to the limit leaves no number space to grow, and is read all the same.
    let rest = "x".repeat(20_000 - 60 - 400);
    let bytes = event(&format!("\"{rest}\",{}", numbers(100)));
    assert_eq!(elements(&limits, &bytes), [true, false]);
}

#[test]
fn bytes_that_are_not_utf_8_never_make_a_message_too_long() {
    let limits = Limits {
        max_received_bytes: 2_000,
        ..LIMITS
    };
    for bad in [1_usize, 100, 900] {
        for padding in [0_usize, 500, 1_000] {
            let head = format!("~j~{{\"vals\":[1,\"{}\",2,[\"a\",\"", "x".repeat(padding));
            let tail = "\",\"c\"]],\"evt\":0}";
            let units = head.len() + bad + tail.len();
            let mut text = format!("~m~{units}~m~{head}").into_bytes();
            text.extend(vec![0xFF; bad]);
            text.extend(tail.as_bytes());
            if text.len() > limits.max_received_bytes {
                continue;
            }
            let length = text.len();
            let bytes = message(&limits, text).unwrap();
            assert_eq!(elements(&limits, &bytes), [true; 3], "{bad} {padding}");
            // Where there is space, the replacement is the usual one.
            let has_space = length + 2 * bad <= limits.max_received_bytes;
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(text.contains('?'), !has_space, "{bad} {padding}");
            assert!(text.contains('\u{FFFD}'));
        }
    }
}

/// Each element is charged for itself, and finding the ends of more values has a limit of its own.
#[test]
fn sound07_too_many_values_cost_only_their_own_element() {
    let limits = Limits {
        max_values: 100,
        ..LIMITS
    };
    let event = |list: &str| {
        let json = format!("~j~{{\"vals\":[1,\"general\",2,[{list}],8,3],\"evt\":0}}");
        message(&limits, framed(&json).into_bytes())
    };
    let flat = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let nested = |count: usize| format!("[{}]", vec!["[]"; count].join(","));
    let object = |count: usize| format!("{{{}}}", vec!["\"k\":null"; count].join(","));
    for many in [
        flat(101),
        nested(101),
        object(51),
        format!("[{}]", flat(100)),
    ] {
        let bytes = event(&format!("\"a\",{many},[7],{many},{{\"k\":7}},\"c\",2"));
        let expected = [true, false, true, false, true, true, true];
        assert_eq!(elements(&limits, &bytes.unwrap()), expected, "{many}");
    }
    // As many as fit are untouched.
    let bytes = event(&format!("\"a\",{},\"c\"", flat(90)));
    assert_eq!(elements(&limits, &bytes.unwrap()), [true; 3]);
    // Beyond eight times the limit, whatever they are.
    for list in [
        vec![flat(80); 11].join(","),
        vec![nested(80); 11].join(","),
        flat(900),
        vec!["1"; 900].join(","),
    ] {
        assert_eq!(event(&list), Err(DecodeErrorKind::TooManyValues));
    }
    let unknown = format!("~j~{{\"evt\":0,\"other\":{}}}", nested(900));
    assert_eq!(
        message(&limits, framed(&unknown).into_bytes()),
        Err(DecodeErrorKind::TooManyValues)
    );
}

/// Of what is nested too deeply nothing is made, so that it costs only its own value, however much it
/// is.
#[test]
fn sound07_values_that_are_nested_too_deeply_do_not_count() {
    let limits = Limits {
        max_values: 100,
        ..LIMITS
    };
    let nested = |open: &str, inner: &str, close: &str, levels: usize| {
        format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    let ones = vec!["1"; 5_000].join(",");
    for deep in [
        nested("[", "", "]", 5_000),
        nested("{\"k\":", "[]", "}", 5_000),
        nested("[{\"k\":[0,", "1", ",2]}]", 700),
        nested("[", &ones, "]", 40),
        nested("[", &format!("{{\"k\":[{ones}]}}"), "]", 40),
    ] {
        let json = format!(
            "~j~{{\"vals\":[1,\"general\",2,[\"a\",{deep},[7],{deep},\"c\"],8,3],\"evt\":0}}"
        );
        let bytes = message(&limits, framed(&json).into_bytes()).unwrap();
        assert_eq!(elements(&limits, &bytes), [true, false, true, false, true]);
        // An error in it is one of the message, as anywhere else.
        let json = json.replace("],8,3]", "]],8,3]");
        assert!(message(&limits, framed(&json).into_bytes()).is_err());
    }
    // What is not too deep counts, in whatever is skipped.
    let other = format!("~j~{{\"evt\":0,\"other\":[[{ones}]]}}");
    assert_eq!(
        message(&limits, framed(&other).into_bytes()),
        Err(DecodeErrorKind::TooManyValues)
    );
}
