//! Contents of messages, and what a receiver with another protocol gets.

use dev_server::SubProtocol;
use photon_proto::{Array, Dictionary, Hashtable, Text, Type, Value};
use serde_json::{Value as Json, json};

pub(crate) fn table(pairs: &[(&str, Value)]) -> Value {
    Value::Hashtable(
        pairs
            .iter()
            .map(|(key, value)| (*key, value.clone()))
            .collect::<Hashtable>(),
    )
}

pub(crate) fn list(all: &[Value]) -> Value {
    Value::from(all.to_vec())
}

pub(crate) fn texts(all: &[&str]) -> Value {
    Value::from(all.iter().map(|text| Text::from(*text)).collect::<Vec<_>>())
}

/// Contents that the SDK sends, with what our client receives.
pub(crate) fn sent_by_the_sdk() -> Vec<(Json, Value)> {
    vec![
        (
            json!("h\u{e9}llo \u{1F600}\u{0}\u{1} \"quoted\" \\ end"),
            "h\u{e9}llo \u{1F600}\u{0}\u{1} \"quoted\" \\ end".into(),
        ),
        (json!(""), "".into()),
        (json!(0), Value::Int(0)),
        (json!(-7), Value::Int(-7)),
        (json!(2_147_483_648_i64), Value::Long(2_147_483_648)),
        (
            json!(9_007_199_254_740_991_i64),
            Value::Long(9_007_199_254_740_991),
        ),
        (json!(0.1), Value::Double(0.1)),
        (json!(-1.5e300), Value::Double(-1.5e300)),
        (json!(true), Value::Bool(true)),
        (json!(null), Value::Null),
        (json!([]), list(&[])),
        (json!(["a", "b"]), texts(&["a", "b"])),
        (
            json!([1, 2, 3]),
            list(&[Value::Int(1), Value::Int(2), Value::Int(3)]),
        ),
        (
            json!([1, "x", null, [2]]),
            list(&[
                Value::Int(1),
                "x".into(),
                Value::Null,
                list(&[Value::Int(2)]),
            ]),
        ),
        (json!({}), table(&[])),
        (
            json!({"a": 1, "b": {"c": [true]}}),
            table(&[
                ("a", Value::Int(1)),
                ("b", table(&[("c", list(&[Value::Bool(true)]))])),
            ]),
        ),
    ]
}

/// Contents that our client sends, with what the SDK receives. Our client rejects null and empty
/// text.
pub(crate) fn sent_by_us(protocol: SubProtocol) -> Vec<(Value, Json)> {
    let mut all = vec![
        (
            "h\u{e9}llo \u{1F600}\u{1} \"quoted\" \\ end".into(),
            json!("h\u{e9}llo \u{1F600}\u{1} \"quoted\" \\ end"),
        ),
        (Value::Bool(false), json!(false)),
        (Value::Byte(200), json!(200)),
        (Value::Short(-3), json!(-3)),
        (Value::Int(i32::MIN), json!(i32::MIN)),
        (
            Value::Long(9_007_199_254_740_991),
            json!(9_007_199_254_740_991_i64),
        ),
        (Value::Double(0.1), json!(0.1)),
        (Value::Double(f64::MAX), json!(f64::MAX)),
        (Value::Float(0.5), json!(0.5)),
        (Value::from(vec![0_u8, 255]), json!([0, 255])),
        (Value::from(vec![1_i32, -1]), json!([1, -1])),
        (texts(&["a", ""]), json!(["a", ""])),
        (Value::Array(Array::Double(vec![0.5])), json!([0.5])),
        (
            list(&["x".into(), Value::Null, Value::Int(1)]),
            json!(["x", null, 1]),
        ),
        (
            table(&[("k", table(&[("n", Value::from(vec![true]))]))]),
            json!({"k": {"n": [true]}}),
        ),
        (
            Value::Hashtable(
                [(Value::Int(3), Value::from("three"))]
                    .into_iter()
                    .collect(),
            ),
            json!({"3": "three"}),
        ),
    ];
    if protocol != SubProtocol::Json {
        let pairs = vec![("n".into(), Value::Int(1))];
        all.push((
            Value::Dictionary(Dictionary {
                key: Type::String,
                value: Type::Int,
                pairs,
            }),
            json!({"n": 1}),
        ));
    }
    all
}

/// Compares JSON. JavaScript has one type of number, and writes 1.0 as 1.
pub(crate) fn equal(received: &Json, expected: &Json) -> bool {
    match (received, expected) {
        (Json::Number(one), Json::Number(other)) => one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| equal(one, other)))
        }
        _ => received == expected,
    }
}
