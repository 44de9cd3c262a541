//! Seeds of the target `kept`: the stored form of kept state, written by hand, and damaged in each of
//! its entries.

use photon_proto::{Array, Hashtable, Limits, Protocol, Text, Value, codec};

/// The names of the seeds and their bytes.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("whole".to_owned(), value(&entries())),
        ("empty".to_owned(), value(&[])),
        ("no-map".to_owned(), encoded(&Value::Null)),
        ("json".to_owned(), json(&entries())),
    ];
    let entries = entries();
    for (index, (key, right)) in entries.iter().enumerate() {
        let mut without = entries.clone();
        without.remove(index);
        all.push((format!("without-{key}"), value(&without)));
        let mut wrong = entries.clone();
        wrong[index].1 = wrong_for(right);
        all.push((format!("wrong-{key}"), value(&wrong)));
    }
    all
}

/// Two channels, the first of which is wanted, and everything else once.
fn entries() -> Vec<(&'static str, Value)> {
    let text = |text: &'static str| Value::from(text);
    let texts = |all: &[&'static str]| {
        Value::Array(Array::String(
            all.iter().map(|text| Text::from(*text)).collect(),
        ))
    };
    let numbers = |all: &[i32]| Value::from(all.to_vec());
    let bytes = |count: usize| Value::Bytes((1..=count as u8).collect());
    vec![
        ("version", Value::Int(1)),
        ("app_id", text("app")),
        ("app_version", text("1")),
        ("region", text("eu")),
        ("user_id", text("alice")),
        ("channels", texts(&["c", "d"])),
        ("positions", numbers(&[5, 0])),
        ("keys", bytes(16)),
        ("recent", bytes(64)),
        ("wanted", numbers(&[3, 0])),
        ("histories", numbers(&[-1, 0])),
        ("max_subscribers", numbers(&[0, 0])),
        ("last_ids", numbers(&[2, 0])),
        ("leaving", texts(&["e"])),
        ("friends", texts(&["bob"])),
        ("former_friends", texts(&["carol"])),
        ("status", Value::Null),
        ("status_is_unsent", Value::Bool(false)),
        ("conversations", texts(&["dave"])),
        ("seen", numbers(&[1])),
        ("seen_ids", numbers(&[7])),
        ("seen_prints", bytes(8)),
    ]
}

/// A value of the same type that does not fit to the others, or of another one.
fn wrong_for(value: &Value) -> Value {
    match value {
        Value::Int(number) => Value::Int(number + 1),
        Value::Bytes(bytes) => Value::Bytes(bytes.slice(1..)),
        Value::Array(Array::Int(_)) => Value::from(vec![i32::MAX, i32::MIN]),
        Value::Array(Array::String(all)) => {
            Value::Array(Array::String(all.iter().map(|_| Text::EMPTY).collect()))
        }
        _ => Value::Int(-1),
    }
}

fn map(entries: &[(&'static str, Value)]) -> Value {
    let pairs = entries
        .iter()
        .map(|(key, value)| (Value::from(*key), value.clone()));
    Value::Hashtable(Hashtable(pairs.collect()))
}

fn value(entries: &[(&'static str, Value)]) -> Vec<u8> {
    encoded(&map(entries))
}

fn encoded(value: &Value) -> Vec<u8> {
    let bytes = codec::encode_value(Protocol::V18, &Limits::DEFAULT, value).expect("a value");
    [&[1], &bytes[..]].concat()
}

fn json(entries: &[(&'static str, Value)]) -> Vec<u8> {
    let text = serde_json::to_vec(&map(entries)).expect("a stored form");
    [&[0], &text[..]].concat()
}
