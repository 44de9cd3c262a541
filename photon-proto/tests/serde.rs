//! Values of the application's own types: the mapping of `photon_proto::serde`, its errors, its
//! limits, and how values are stored.
#![cfg(feature = "serde")]

use photon_proto::{
    Array, Custom, DecodeErrorKind, Dictionary, EncodeErrorKind, FromValueError,
    FromValueErrorKind, Hashtable, Limits, Protocol, Request, Text, Type, Value, codec, from_text,
    from_value, from_value_ref, to_value, to_value_with,
};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::Debug;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Position {
    x: f32,
    y: f32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Action {
    Wait,
    Say(String),
    Move(i32, u8),
    Turn { degrees: f64 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Score(u16);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    flag: bool,
    numbers: (i8, u8, i16, u16, i32, u32, i64, u64, i128, u128),
    floats: (f32, f64),
    letter: char,
    text: String,
    nothing: Option<i32>,
    something: Option<String>,
    unit: (),
    marker: Marker,
    score: Score,
    bytes: Vec<u8>,
    words: Vec<String>,
    positions: Vec<Position>,
    actions: Vec<Action>,
    by_name: BTreeMap<String, i64>,
    by_number: BTreeMap<i32, Option<bool>>,
    exact: Value,
    shared: Text,
}

fn everything() -> Everything {
    Everything {
        flag: true,
        numbers: (
            -1,
            200,
            -300,
            60_000,
            -70_000,
            4_000_000_000,
            i64::MIN,
            7,
            -8,
            9,
        ),
        floats: (0.5, -0.0),
        letter: 'é',
        text: "héllo".into(),
        nothing: None,
        something: Some("x".into()),
        unit: (),
        marker: Marker,
        score: Score(3),
        bytes: vec![0, 255],
        words: vec!["a".into(), String::new()],
        positions: vec![Position { x: 1.0, y: -2.5 }],
        actions: vec![
            Action::Wait,
            Action::Say("hi".into()),
            Action::Move(-1, 2),
            Action::Turn { degrees: 90.0 },
        ],
        by_name: BTreeMap::from([("b".into(), 2), ("a".into(), 1)]),
        by_number: BTreeMap::from([(1, None), (2, Some(false))]),
        exact: Value::Custom(Custom {
            code: 7,
            data: vec![1, 2].into(),
        }),
        shared: Text::from("shared"),
    }
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &T) -> Value {
    let value = to_value(data).unwrap();
    assert_eq!(from_value::<T>(&value).as_ref(), Ok(data));
    value
}

fn table<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Hashtable(Hashtable::from_iter(pairs))
}

#[test]
fn each_type_becomes_the_documented_value() {
    assert_eq!(round_trip(&true), Value::Bool(true));
    assert_eq!(round_trip(&200u8), Value::Byte(200));
    assert_eq!(round_trip(&-1i8), Value::Short(-1));
    assert_eq!(round_trip(&-300i16), Value::Short(-300));
    assert_eq!(round_trip(&60_000u16), Value::Int(60_000));
    assert_eq!(round_trip(&-1i32), Value::Int(-1));
    assert_eq!(round_trip(&u32::MAX), Value::Long(4_294_967_295));
    assert_eq!(round_trip(&i64::MIN), Value::Long(i64::MIN));
    assert_eq!(round_trip(&7u64), Value::Long(7));
    assert_eq!(round_trip(&-7i128), Value::Long(-7));
    assert_eq!(round_trip(&7u128), Value::Long(7));
    assert_eq!(round_trip(&0.5f32), Value::Float(0.5));
    assert_eq!(round_trip(&0.5f64), Value::Double(0.5));
    assert_eq!(round_trip(&'é'), Value::from("é"));
    assert_eq!(round_trip(&String::from("a")), Value::from("a"));
    assert_eq!(round_trip(&()), Value::Null);
    assert_eq!(round_trip(&Marker), Value::Null);
    assert_eq!(round_trip(&None::<i32>), Value::Null);
    assert_eq!(round_trip(&Some(1i32)), Value::Int(1));
    assert_eq!(round_trip(&Score(3)), Value::Int(3));
    assert_eq!(
        round_trip(&Position { x: 1.0, y: 2.0 }),
        table([("x", Value::Float(1.0)), ("y", Value::Float(2.0))])
    );
    assert_eq!(round_trip(&Action::Wait), Value::from("Wait"));
    assert_eq!(
        round_trip(&Action::Say("hi".into())),
        table([("Say", "hi".into())])
    );
    let moved = Array::Object(vec![Value::Int(-1), Value::Byte(2)]);
    assert_eq!(
        round_trip(&Action::Move(-1, 2)),
        table([("Move", moved.into())])
    );
    assert_eq!(
        round_trip(&Action::Turn { degrees: 90.0 }),
        table([("Turn", table([("degrees", Value::Double(90.0))]))])
    );
    assert_eq!(
        round_trip(&BTreeMap::from([(3i32, "c".to_owned())])),
        Value::Hashtable(Hashtable(vec![(Value::Int(3), "c".into())]))
    );
    round_trip(&everything());
}

#[test]
fn a_list_of_one_type_becomes_a_typed_array() {
    assert_eq!(round_trip(&vec![1u8, 2]), Value::from(vec![1u8, 2]));
    assert_eq!(round_trip(&vec![true]), Value::from(vec![true]));
    assert_eq!(round_trip(&vec![1i16]), Value::from(vec![1i16]));
    assert_eq!(round_trip(&[1i32, 2]), Value::from(vec![1i32, 2]));
    assert_eq!(round_trip(&vec![1i64]), Value::from(vec![1i64]));
    assert_eq!(round_trip(&(1f32, 2f32)), Value::from(vec![1f32, 2.0]));
    assert_eq!(round_trip(&vec![1f64]), Value::from(vec![1f64]));
    assert_eq!(round_trip(&vec!["a".to_owned()]), Value::from(vec!["a"]));
    let objects = |all: Vec<Value>| Value::Array(Array::Object(all));
    assert_eq!(round_trip(&Vec::<i32>::new()), objects(vec![]));
    assert_eq!(
        round_trip(&vec![Some(1i32), None]),
        objects(vec![Value::Int(1), Value::Null])
    );
    assert_eq!(
        round_trip(&vec![vec![1i32], vec![]]),
        objects(vec![vec![1].into(), objects(vec![])])
    );
}

#[test]
fn values_pass_unchanged_alone_and_inside_of_other_types() {
    let all = [
        Value::Null,
        Value::Array(Array::Object(vec![])),
        Value::Array(Array::Array(vec![Array::Int(vec![1])])),
        Value::Dictionary(Dictionary {
            key: Type::String,
            value: Type::Object,
            pairs: vec![("a".into(), Value::Null)],
        }),
        Value::from(Custom {
            code: 9,
            data: vec![1].into(),
        }),
        // Only GpBinary 1.6 has this one.
        Value::Array(Array::Request(vec![Request {
            code: 1,
            parameters: vec![(2, Value::Byte(3))],
        }])),
    ];
    for value in all {
        assert_eq!(to_value(&value), Ok(value.clone()));
        assert_eq!(from_value::<Value>(&value), Ok(value.clone()));
        let inside = to_value(&(1, Some(&value))).unwrap();
        assert_eq!(from_value(&inside), Ok((1, value)));
    }
    let map = Hashtable::from_iter([("a", 1)]);
    assert_eq!(to_value(&map), Ok(map.clone().into()));
    assert_eq!(from_value::<Hashtable>(&map.clone().into()), Ok(map));
    assert!(from_value::<Hashtable>(&Value::Int(1)).is_err());
}

#[test]
fn text_and_bytes_can_be_borrowed() {
    let value = Value::from(vec!["a", "b"]);
    assert_eq!(from_value::<Vec<&str>>(&value), Ok(vec!["a", "b"]));
    let value = Value::from(vec![1u8, 2]);
    assert_eq!(from_value::<&[u8]>(&value), Ok([1, 2].as_slice()));
    assert_eq!(from_text::<Option<&str>>("a"), Ok(Some("a")));
    assert_eq!(from_text::<Action>("Wait"), Ok(Action::Wait));
}

#[test]
fn a_reader_accepts_other_widths_and_containers() {
    assert_eq!(from_value::<u64>(&Value::Byte(7)), Ok(7));
    assert_eq!(from_value::<u8>(&Value::Long(7)), Ok(7));
    assert_eq!(from_value::<f64>(&Value::Int(7)), Ok(7.0));
    assert_eq!(from_value::<f32>(&Value::Double(0.5)), Ok(0.5));
    assert_eq!(from_value::<Vec<i64>>(&vec![1u8, 2].into()), Ok(vec![1, 2]));
    let dictionary = Value::from(Dictionary {
        key: Type::String,
        value: Type::Float,
        pairs: vec![
            ("y".into(), Value::Float(2.0)),
            ("x".into(), Value::Float(1.0)),
        ],
    });
    let position = Position { x: 1.0, y: 2.0 };
    assert_eq!(from_value(&dictionary), Ok(position.clone()));
    let array = Value::from(Array::Dictionary {
        key: Type::String,
        value: Type::Float,
        elements: vec![vec![
            ("x".into(), Value::Float(1.0)),
            ("y".into(), Value::Float(2.0)),
        ]],
    });
    assert_eq!(from_value(&array), Ok(vec![position]));
    let nested = Value::from(Array::Array(vec![
        Array::Short(vec![1]),
        Array::Short(vec![]),
    ]));
    assert_eq!(from_value(&nested), Ok(vec![vec![1i64], vec![]]));

    #[derive(Debug, PartialEq, Deserialize)]
    struct Raw {
        code: u8,
        data: Vec<u8>,
    }
    let custom = Value::from(Custom {
        code: 5,
        data: vec![1, 2].into(),
    });
    let raw = Raw {
        code: 5,
        data: vec![1, 2],
    };
    assert_eq!(from_value(&custom), Ok(raw));
    // What is not asked for may be anything.
    for value in [custom, nested, dictionary] {
        assert!(from_value::<IgnoredAny>(&value).is_ok());
    }
}

/// An empty array of arrays is decoded as an empty object array: its own type is unknown.
#[test]
fn stored_arrays_of_empty_arrays_of_different_depth_are_read() {
    let empty = || Array::Object(vec![]);
    let nested = |all: &[Array]| Array::Array(all.to_vec());
    for value in [
        nested(&[nested(&[empty()]), nested(&[nested(&[empty()])])]),
        nested(&[nested(&[empty()]), nested(&[Array::Int(vec![1])])]),
        nested(&[
            empty(),
            nested(&[empty()]),
            nested(&[nested(&[Array::Bool(vec![true])])]),
        ]),
    ] {
        let value = Value::from(value);
        let stored = serde_json::to_string(&value).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&stored).unwrap(),
            value,
            "{stored}"
        );
    }
}

fn kind_and_path<T>(result: Result<T, FromValueError>) -> (FromValueErrorKind, String) {
    let error = result.err().unwrap();
    (error.kind, error.path)
}

#[test]
fn a_value_that_does_not_fit_names_the_place_and_the_expected_type() {
    let wrong = |expected: &str, found| FromValueErrorKind::WrongType {
        expected: expected.into(),
        found,
    };
    let mut value = to_value(&everything()).unwrap();
    let Value::Hashtable(map) = &mut value else {
        unreachable!()
    };
    let positions = map
        .0
        .iter_mut()
        .find(|(key, _)| key.as_str() == Some("positions"))
        .unwrap();
    positions.1 = to_value(&[("x", 1.5f32)].map(|pair| BTreeMap::from([pair]))).unwrap();
    assert_eq!(
        kind_and_path(from_value::<Everything>(&value)),
        (
            FromValueErrorKind::MissingField("y"),
            ".positions[0]".into()
        )
    );
    let text = table([("x", "no number".into()), ("y", Value::Float(1.0))]);
    let error = from_value::<Position>(&text).unwrap_err();
    assert_eq!(error.to_string(), "expected f32, found a text at .x");
    assert_eq!(
        kind_and_path(Err::<(), _>(error)),
        (wrong("f32", "a text"), ".x".into())
    );
    let pairs = Value::from(Hashtable(vec![(Value::Int(1), Value::Null)]));
    assert_eq!(
        kind_and_path(from_value::<BTreeMap<i32, bool>>(&pairs)),
        (wrong("a boolean", "null"), "{0}".into())
    );
    assert_eq!(
        kind_and_path(from_value::<u8>(&Value::Int(300))).0,
        FromValueErrorKind::InvalidValue {
            expected: "u8".into()
        }
    );
    assert_eq!(
        kind_and_path(from_value::<Action>(&"Jump".into())),
        (
            FromValueErrorKind::UnknownVariant("Jump".into()),
            String::new()
        )
    );
    assert_eq!(
        kind_and_path(from_value::<Action>(&table([("Say", Value::Int(1))]))),
        (wrong("a string", "a whole number"), ".Say".into())
    );
    for lengths in [vec![1, 2], vec![1, 2, 3, 4]] {
        let (kind, _) = kind_and_path(from_value::<(i32, i32, i32)>(&lengths.into()));
        assert!(
            matches!(kind, FromValueErrorKind::WrongLength { .. }),
            "{kind}"
        );
    }
    let request = Value::from(Request {
        code: 1,
        parameters: vec![],
    });
    assert_eq!(
        kind_and_path(from_value::<i32>(&request)).0,
        wrong("i32", "an operation request")
    );
}

#[test]
fn an_error_does_not_repeat_what_others_sent() {
    let secret = table([("x", "secret".into()), ("y", "secret".into())]);
    let error = from_value::<Position>(&secret).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
    let long = "v".repeat(10_000);
    let error = from_value::<Action>(&long.as_str().into()).unwrap_err();
    assert!(error.to_string().len() < 300);
}

/// Serializes as a list that never ends.
struct Endless<T>(T);

impl<T: Serialize + Clone> Serialize for Endless<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::repeat(self.0.clone()))
    }
}

/// Serializes as itself in itself.
struct Bottomless;

impl Serialize for Bottomless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq([Bottomless])
    }
}

struct Wrapped;

impl Serialize for Wrapped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_some(&Wrapped)
    }
}

struct Tagged;

impl Serialize for Tagged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_variant("Tagged", 0, "In", &Tagged)
    }
}

struct Refusing;

impl Serialize for Refusing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[test]
fn what_no_value_can_express_is_an_error_with_its_place() {
    let error = |result: Result<Value, photon_proto::EncodeError>| {
        let error = result.unwrap_err();
        (error.kind, error.path)
    };
    assert_eq!(
        error(to_value(&u64::MAX)),
        (EncodeErrorKind::NumberTooLarge, String::new())
    );
    assert_eq!(
        error(to_value(&BTreeMap::from([("a", [1, i128::MIN])]))),
        (EncodeErrorKind::NumberTooLarge, ".a[1]".into())
    );
    assert_eq!(
        error(to_value(&BTreeMap::from([((), 1)]))),
        (EncodeErrorKind::NullKey, "{0}".into())
    );
    assert_eq!(
        error(to_value(&BTreeMap::from([([1], 1)]))),
        (EncodeErrorKind::ContainerAsKey, "{0}".into())
    );
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("a", 1), ("b", 1), ("a", 2)])
        }
    }
    assert_eq!(
        error(to_value(&Twice)),
        (EncodeErrorKind::DuplicateKey, "{2}".into())
    );
    assert_eq!(
        error(to_value(&Some(vec![Refusing]))),
        (EncodeErrorKind::Refused, "[0]".into())
    );
}

#[test]
fn no_type_can_exceed_the_limits() {
    let kind = |result: Result<Value, photon_proto::EncodeError>| result.unwrap_err().kind;
    assert_eq!(kind(to_value(&Bottomless)), EncodeErrorKind::TooDeep);
    assert_eq!(kind(to_value(&Wrapped)), EncodeErrorKind::TooDeep);
    assert_eq!(kind(to_value(&Tagged)), EncodeErrorKind::TooDeep);
    assert_eq!(
        kind(to_value(&Endless(1u8))),
        EncodeErrorKind::TooMuchMemory
    );
    assert_eq!(
        kind(to_value(&Endless("a"))),
        EncodeErrorKind::TooManyValues
    );
    assert_eq!(
        kind(to_value(&Endless(None::<i32>))),
        EncodeErrorKind::TooManyValues
    );
    assert_eq!(
        kind(to_value(&Endless("a".repeat(1000)))),
        EncodeErrorKind::TooMuchMemory
    );
    let tight = Limits {
        max_depth: 2,
        max_values: 4,
        ..Limits::DEFAULT
    };
    assert!(to_value_with(&[[1]], &tight).is_ok());
    assert_eq!(
        kind(to_value_with(&[[[1]]], &tight)),
        EncodeErrorKind::TooDeep
    );
    assert!(to_value_with(&["a"; 4], &tight).is_ok());
    assert_eq!(
        kind(to_value_with(&["a"; 5], &tight)),
        EncodeErrorKind::TooManyValues
    );
    // The deepest value that a connection sends by default.
    let mut deep = Value::Int(1);
    for _ in 0..32 {
        deep = to_value(&[deep]).unwrap();
    }
    assert!(codec::encode_value(Protocol::V18, &Limits::DEFAULT, &deep).is_ok());
}

#[derive(Debug, Deserialize)]
struct Nested(#[allow(dead_code, reason = "only read")] Vec<Nested>);

#[derive(Debug, Deserialize)]
struct Loop(#[allow(dead_code, reason = "only read")] Option<Box<Loop>>);

#[test]
fn no_value_and_no_type_can_overflow_the_stack_of_a_reader() {
    let mut deep = Value::Array(Array::Object(vec![]));
    for _ in 0..1_000 {
        deep = Value::Array(Array::Object(vec![deep]));
    }
    let too_deep = |error: FromValueError| assert_eq!(error.kind, FromValueErrorKind::TooDeep);
    too_deep(from_value::<Nested>(&deep).unwrap_err());
    too_deep(from_value::<Loop>(&Value::Int(1)).unwrap_err());
    assert!(from_value::<IgnoredAny>(&deep).is_ok());
    assert!(to_value(&deep).is_err());
    assert!(serde_json::to_string(&deep).is_err());
    assert!(from_value::<Value>(&deep).is_err());
}

#[test]
fn an_encoded_value_is_read_or_its_error_returned() {
    let position = Position { x: 1.0, y: 2.0 };
    for protocol in [Protocol::V16, Protocol::V18] {
        let mut bytes =
            codec::encode_value(protocol, &Limits::DEFAULT, &to_value(&position).unwrap()).unwrap();
        let value = codec::decode_value_ref(protocol, &Limits::DEFAULT, &bytes).unwrap();
        assert_eq!(
            from_value_ref(value, &Limits::DEFAULT),
            Ok(position.clone())
        );
        let x = bytes.iter().position(|byte| *byte == b'x').unwrap();
        bytes[x] = 0xFF;
        let value = codec::decode_value_ref(protocol, &Limits::DEFAULT, &bytes).unwrap();
        let error = from_value_ref::<Position>(value, &Limits::DEFAULT).unwrap_err();
        assert!(
            matches!(error.kind, FromValueErrorKind::Undecodable(error) if error.kind == DecodeErrorKind::NotUtf8)
        );
    }
}

#[test]
fn json_names_the_type_of_each_value() {
    for (value, json) in [
        (Value::Null, r#"{"t":"null"}"#),
        (
            Value::Long(1 << 60),
            r#"{"t":"long","v":"1152921504606846976"}"#,
        ),
        (
            Value::Double(0.1),
            r#"{"t":"double","v":"0.1","bits":"3fb999999999999a"}"#,
        ),
        (
            Value::Float(f32::NEG_INFINITY),
            r#"{"t":"float","v":"-Infinity","bits":"ff800000"}"#,
        ),
        (
            vec![1i32].into(),
            r#"{"t":"array","of":"int","v":[{"t":"int","v":1}]}"#,
        ),
        (
            table([("a", Value::Bytes(vec![1, 255].into()))]),
            r#"{"t":"hashtable","v":[[{"t":"string","v":"a"},{"t":"bytes","hex":"01ff"}]]}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&value).unwrap(), json);
        assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
    }
    // The keys in another order, a float without bits, and a number for a long.
    for (json, value) in [
        (r#"{"v":"a","x":[null],"t":"string"}"#, Value::from("a")),
        (r#"{"v":0.5,"t":"double"}"#, Value::Double(0.5)),
        (r#"{"v":7,"t":"long"}"#, Value::Long(7)),
    ] {
        assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
    }
}

#[test]
fn json_that_is_no_value_is_refused_with_its_place() {
    for (json, reason) in [
        ("1", "$: expected an object"),
        ("{}", "$.t: expected this key to be present"),
        (r#"{"t":"none"}"#, "$.t: expected the name of a value type"),
        (
            r#"{"t":"array","of":"int","v":[{"t":"int","v":1},{"t":"byte","v":1}]}"#,
            "$.v[1]: expected an element of the array's type",
        ),
        (
            r#"{"t":"byte","v":256}"#,
            "$.v: expected an integer from 0 to 255",
        ),
        (
            r#"{"t":"bytes","hex":"0"}"#,
            "$.hex: expected hex digits, two per byte",
        ),
        (
            r#"{"t":"bytes","hex":"+1"}"#,
            "$.hex: expected hex digits, two per byte",
        ),
        (
            r#"{"t":"int","t":"int","v":1}"#,
            "an object has the same key twice",
        ),
    ] {
        let error = serde_json::from_str::<Value>(json).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn damaged_json_of_a_value_never_panics() {
    let json = serde_json::to_string(&to_value(&everything()).unwrap()).unwrap();
    for end in 0..json.len() {
        if let Some(part) = json.get(..end) {
            assert!(serde_json::from_str::<Value>(part).is_err());
        }
    }
    for index in 0..json.len() {
        for other in *b"0\"[{x" {
            let mut bytes = json.clone().into_bytes();
            bytes[index] = other;
            let _ = serde_json::from_slice::<Value>(&bytes);
        }
    }
    // Nesting, and more parts than a value has.
    let deep = "[".repeat(100_000);
    assert!(serde_json::from_str::<Value>(&deep).is_err());
    let many = format!(r#"{{"t":"null","v":[{}0]}}"#, "0,".repeat(1_100_000));
    assert!(serde_json::from_str::<Value>(&many).is_err());
}
