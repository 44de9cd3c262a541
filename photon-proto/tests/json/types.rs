//! The table of types in the documentation of the module, both ways.

use crate::{json, value};
use photon_proto::{
    Array, Custom, Dictionary, EventData, Hashtable, Request, Response, Text, Type, Value,
};

fn objects(all: Vec<Value>) -> Value {
    Value::Array(Array::Object(all))
}

fn texts(all: &[&str]) -> Value {
    all.iter()
        .map(|text| Text::from(*text))
        .collect::<Vec<_>>()
        .into()
}

fn map(pairs: Vec<(&str, Value)>) -> Value {
    Value::Hashtable(pairs.into_iter().collect())
}

#[test]
fn from_json() {
    let long = |number: i64| Value::Long(number);
    for (json, expected) in [
        ("null", Value::Null),
        ("true", true.into()),
        ("false", false.into()),
        ("0", 0.into()),
        ("-0", 0.into()),
        ("255", 255.into()),
        ("2147483647", i32::MAX.into()),
        ("-2147483648", i32::MIN.into()),
        ("2147483648", long(1 << 31)),
        ("-2147483649", long(-(1 << 31) - 1)),
        ("9007199254740993", long((1 << 53) + 1)),
        ("9223372036854775807", i64::MAX.into()),
        ("-9223372036854775808", i64::MIN.into()),
        ("9223372036854775808", 9_223_372_036_854_775_808_f64.into()),
        (
            "-9223372036854775809",
            (-9_223_372_036_854_775_808_f64).into(),
        ),
        ("1.0", 1.0_f64.into()),
        ("-0.0", (-0.0_f64).into()),
        ("1e3", 1000.0_f64.into()),
        ("1E+3", 1000.0_f64.into()),
        ("12.5e-1", 1.25_f64.into()),
        ("5e-324", f64::from_bits(1).into()),
        ("1e-999999", 0.0_f64.into()),
        ("1.7976931348623157e308", f64::MAX.into()),
        ("1e309", f64::INFINITY.into()),
        ("-1e999999", f64::NEG_INFINITY.into()),
        ("\"\"", "".into()),
        ("\"a\"", "a".into()),
        ("[]", objects(vec![])),
        ("[ ]", objects(vec![])),
        ("[\"a\"]", texts(&["a"])),
        ("[\"\", \"\\u0062\"]", texts(&["", "b"])),
        ("[\"a\",null]", objects(vec!["a".into(), Value::Null])),
        ("[1,2]", objects(vec![1.into(), 2.into()])),
        ("[true]", objects(vec![true.into()])),
        (
            "[[\"a\"],[]]",
            objects(vec![texts(&["a"]), objects(vec![])]),
        ),
        ("{}", map(vec![])),
        (
            "{\"b\":1,\"a\":[\"x\"],\"255\":null}",
            map(vec![
                ("b", 1.into()),
                ("a", texts(&["x"])),
                ("255", Value::Null),
            ]),
        ),
        // The last value of a key, at the place of the first.
        (
            "{\"b\":1,\"a\":2,\"b\":3}",
            map(vec![("b", 3.into()), ("a", 2.into())]),
        ),
        ("{\"\\u0061\":1,\"a\":2}", map(vec![("a", 2.into())])),
    ] {
        assert_eq!(value(json), Ok(expected), "{json}");
    }
}

#[test]
fn text_of_any_code_point() {
    for (json, expected) in [
        ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\u{8}\u{c}\n\r\t"),
        ("\"\\u0000\\u001f\\u007f\"", "\0\u{1f}\u{7f}"),
        (
            "\"\u{7f}\u{2028}\u{2029}\u{feff}\u{fffe}\u{fdd0}\"",
            "\u{7f}\u{2028}\u{2029}\u{feff}\u{fffe}\u{fdd0}",
        ),
        (
            "\"\u{1f600}\\ud83d\\ude00\\uD83D\\uDE00\"",
            "\u{1f600}\u{1f600}\u{1f600}",
        ),
        ("\"\\ud800\\udc00\\udbff\\udfff\"", "\u{10000}\u{10ffff}"),
        ("\"\\ud7ff\\ue000\\uffff\"", "\u{d7ff}\u{e000}\u{ffff}"),
        // Half a pair is replaced, and nothing else with it.
        ("\"\\ud800\"", "\u{fffd}"),
        ("\"\\udc00\"", "\u{fffd}"),
        ("\"a\\ud83db\"", "a\u{fffd}b"),
        ("\"\\ud83d\\n\"", "\u{fffd}\n"),
        ("\"\\ud83d\\u0041\"", "\u{fffd}A"),
        ("\"\\ud83d\\ud83d\\ude00\"", "\u{fffd}\u{1f600}"),
        ("\"\\ude00\\ud83d\"", "\u{fffd}\u{fffd}"),
        ("\"\\ud83d\u{1f600}\"", "\u{fffd}\u{1f600}"),
        ("\"\\\\ud83d\"", "\\ud83d"),
    ] {
        assert_eq!(value(json), Ok(expected.into()), "{json}");
    }
    for character in (0..=0x10FFFF_u32)
        .step_by(0x77)
        .chain(0..0x300)
        .filter_map(char::from_u32)
    {
        let text = format!("<{character}>");
        let written = json(&text.as_str().into());
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        assert_eq!(value(&written), Ok(text.as_str().into()));
        let units: String = text
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04X}"))
            .collect();
        assert_eq!(value(&format!("\"{units}\"")), Ok(text.as_str().into()));
    }
    assert_eq!(
        json(&"\0\u{8}\t\n\u{b}\u{c}\r\u{1f} \"\\/\u{7f}\u{e9}\u{2028}".into()),
        "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\u{7f}\\u00e9\\u2028\""
    );
    // Longer than 1.8 allows to encode.
    let long = "\u{e9}".repeat(100_000);
    assert_eq!(value(&format!("\"{long}\"")), Ok(long.into()));
}

#[test]
fn lengths_around_the_sizes_of_counts() {
    for length in [1, 126, 127, 128, 129, 16_383, 16_384, 16_385, 20_000] {
        let long = "x".repeat(length);
        for text in [
            format!("\"{long}\""),
            format!("\"{}\\u0078\"", "x".repeat(length - 1)),
        ] {
            assert_eq!(value(&text), Ok(long.as_str().into()));
        }
        let strings = format!("[{}]", vec!["\"a\""; length].join(","));
        assert_eq!(value(&strings), Ok(vec![Text::from("a"); length].into()));
        let mixed = format!("[{},1]", vec!["\"a\""; length].join(","));
        let mut expected = vec![Value::from("a"); length];
        expected.push(1.into());
        assert_eq!(value(&mixed), Ok(objects(expected.clone())));
        // With something behind it and around it.
        assert_eq!(
            value(&format!("[{mixed},{{\"k\":{mixed}}},2]")),
            Ok(objects(vec![
                objects(expected.clone()),
                map(vec![("k", objects(expected))]),
                2.into(),
            ]))
        );
        let keys: Vec<String> = (0..length).map(|key| format!("\"k{key}\":{key}")).collect();
        let expected: Hashtable = (0..length as i32)
            .map(|key| (format!("k{key}"), key))
            .collect();
        assert_eq!(
            value(&format!("{{{}}}", keys.join(","))),
            Ok(expected.into())
        );
    }
}

#[test]
fn to_json() {
    let bytes = |all: &'static [u8]| Value::Bytes(bytes::Bytes::from_static(all));
    let custom = || Custom {
        code: 87,
        data: vec![1, 255].into(),
    };
    let dictionary = |key, value, pairs| Value::Dictionary(Dictionary { key, value, pairs });
    let request = Request {
        code: 2,
        parameters: vec![(1, "c".into()), (3, 4.into())],
    };
    let response = Response {
        code: 2,
        return_code: -1,
        debug_message: Some("no".into()),
        parameters: vec![],
    };
    let event = EventData {
        code: 5,
        parameters: vec![(0, Value::Null)],
    };
    let array = |array| Value::Array(array);
    for (value, expected) in [
        (Value::Null, "null"),
        (true.into(), "true"),
        (Value::Byte(255), "255"),
        (Value::Short(-5), "-5"),
        (0.into(), "0"),
        (i32::MIN.into(), "-2147483648"),
        (Value::Long(7), "7"),
        (i64::MIN.into(), "-9223372036854775808"),
        (0.1_f32.into(), "0.1"),
        (1.0_f32.into(), "1.0"),
        (f32::MAX.into(), "3.4028235e38"),
        (0.1_f64.into(), "0.1"),
        ((-0.0_f64).into(), "-0.0"),
        (1e21_f64.into(), "1e21"),
        (f64::from_bits(1).into(), "5e-324"),
        (f64::NAN.into(), "null"),
        (f32::INFINITY.into(), "null"),
        (f64::NEG_INFINITY.into(), "null"),
        ("a".into(), "\"a\""),
        (bytes(&[1, 0, 255]), "[1,0,255]"),
        (bytes(&[]), "[]"),
        (custom().into(), "[1,255]"),
        (vec![true, false].into(), "[true,false]"),
        (vec![1_i16].into(), "[1]"),
        (vec![1, -2].into(), "[1,-2]"),
        (Value::from(Vec::<i32>::new()), "[]"),
        (vec![1_i64 << 40].into(), "[1099511627776]"),
        (vec![0.5_f32, f32::NAN].into(), "[0.5,null]"),
        (vec![2.0_f64].into(), "[2.0]"),
        (texts(&["a", ""]), "[\"a\",\"\"]"),
        (
            array(Array::Bytes(vec![vec![1].into(), vec![].into()])),
            "[[1],[]]",
        ),
        (
            array(Array::Custom {
                code: 3,
                elements: vec![vec![9].into()],
            }),
            "[[9]]",
        ),
        (
            array(Array::Array(vec![Array::Int(vec![1]), Array::Int(vec![])])),
            "[[1],[]]",
        ),
        (
            array(Array::Hashtable(vec![
                Hashtable(vec![]),
                Hashtable(vec![(1.into(), 2.into())]),
            ])),
            "[{},{\"1\":2}]",
        ),
        (
            array(Array::Dictionary {
                key: Type::String,
                value: Type::Int,
                elements: vec![vec![], vec![("k".into(), 5.into())]],
            }),
            "[{},{\"k\":5}]",
        ),
        (
            objects(vec![Value::Null, 1.into(), "x".into(), objects(vec![])]),
            "[null,1,\"x\",[]]",
        ),
        (
            map(vec![("b", 1.into()), ("a", map(vec![]))]),
            "{\"b\":1,\"a\":{}}",
        ),
        (
            dictionary(Type::Byte, Type::Object, vec![(Value::Byte(255), 9.into())]),
            "{\"255\":9}",
        ),
        (
            dictionary(Type::String, Type::Bool, vec![("t".into(), true.into())]),
            "{\"t\":true}",
        ),
        (request.into(), "{\"req\":2,\"vals\":[1,\"c\",3,4]}"),
        (
            response.into(),
            "{\"vals\":[],\"err\":-1,\"msg\":\"no\",\"res\":2}",
        ),
        (event.into(), "{\"vals\":[0,null],\"evt\":5}"),
    ] {
        assert_eq!(json(&value), expected, "{value:?}");
        // And it is JSON.
        assert!(
            serde_json::from_str::<serde_json::Value>(expected).is_ok(),
            "{expected}"
        );
        assert!(crate::value(expected).is_ok(), "{expected}");
    }
}

#[test]
fn keys_become_text() {
    let keys = vec![
        ("\"q\"".into(), "\"\\\"q\\\"\""),
        (Value::Byte(254), "\"254\""),
        (Value::Short(-1), "\"-1\""),
        (Value::Int(3), "\"3\""),
        (Value::Long(1 << 40), "\"1099511627776\""),
        (true.into(), "\"true\""),
        (1.5_f32.into(), "\"1.5\""),
        (2.0_f64.into(), "\"2.0\""),
        (f64::NAN.into(), "\"NaN\""),
        (f32::INFINITY.into(), "\"Infinity\""),
        (f64::NEG_INFINITY.into(), "\"-Infinity\""),
        (Value::Bytes(vec![1, 2].into()), "\"1,2\""),
        (Value::Bytes(vec![].into()), "\"\""),
        (
            Custom {
                code: 1,
                data: vec![7].into(),
            }
            .into(),
            "\"7\"",
        ),
    ];
    let expected: Vec<String> = keys.iter().map(|(_, text)| format!("{text}:0")).collect();
    let pairs = keys.into_iter().map(|(key, _)| (key, 0.into())).collect();
    assert_eq!(
        json(&Value::Hashtable(Hashtable(pairs))),
        format!("{{{}}}", expected.join(","))
    );
    // Keys that differ in type alone become one: both are written, and the last is read.
    let pairs = vec![(1.into(), "int".into()), ("1".into(), "text".into())];
    let text = json(&Value::Hashtable(Hashtable(pairs)));
    assert_eq!(text, "{\"1\":\"int\",\"1\":\"text\"}");
    assert_eq!(value(&text), Ok(map(vec![("1", "text".into())])));
}

#[test]
fn losses() {
    for (before, after) in [
        (Value::Byte(7), Value::Int(7)),
        (Value::Short(-7), Value::Int(-7)),
        (Value::Long(7), Value::Int(7)),
        (Value::Long(1 << 31), Value::Long(1 << 31)),
        (Value::Float(0.1), Value::Double(0.1)),
        (Value::Float(f32::NAN), Value::Null),
        (Value::Bytes(vec![1].into()), objects(vec![1.into()])),
        (
            Custom {
                code: 1,
                data: vec![2].into(),
            }
            .into(),
            objects(vec![2.into()]),
        ),
        (vec![1].into(), objects(vec![1.into()])),
        (vec![true].into(), objects(vec![true.into()])),
        (texts(&[]), objects(vec![])),
        (objects(vec!["a".into()]), texts(&["a"])),
    ] {
        assert_eq!(value(&json(&before)), Ok(after), "{before:?}");
    }
}
