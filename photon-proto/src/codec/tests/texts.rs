//! Texts in a row, which are decoded together.

use super::*;
use crate::message::{Header, Message, MessageKind};

/// The texts of an array of strings, or of an array of mixed values.
fn texts(value: &Value) -> Vec<&Text> {
    match value {
        Value::Array(Array::String(all)) => all.iter().collect(),
        Value::Array(Array::Object(all)) => all
            .iter()
            .filter_map(|value| match value {
                Value::String(text) => Some(text),
                _ => None,
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn lists(all: &[&str]) -> [Value; 2] {
    [
        all.to_vec().into(),
        Value::Array(Array::Object(all.iter().map(|&one| one.into()).collect())),
    ]
}

#[test]
fn texts_of_an_array_share_memory_that_counts_once() {
    let all = ["alice", "", "b\u{f6}b", "carol"];
    let length = all.concat().len();
    for protocol in [V16, V18] {
        for list in lists(&all) {
            let bytes = encode_value(protocol, &LIMITS, &list).unwrap();
            let value = decode_value(protocol, &LIMITS, &bytes).unwrap();
            assert_eq!(value, list);
            let element = match &value {
                Value::Array(Array::String(_)) => size_of::<Text>(),
                _ => size_of::<Value>(),
            };
            assert_eq!(value.heap_bytes(), all.len() * element + length);
            for text in texts(&value).iter().filter(|text| !text.is_empty()) {
                assert_eq!(text.pinned_bytes(), length);
                assert_eq!(text.detached().pinned_bytes(), text.len());
            }
        }
    }
}

#[test]
fn two_texts_do_not_keep_each_other_alive() {
    for list in lists(&["a", "b"]) {
        let bytes = encode_value(V18, &LIMITS, &list).unwrap();
        let value = decode_value(V18, &LIMITS, &bytes).unwrap();
        assert!(texts(&value).iter().all(|text| text.pinned_bytes() == 1));
    }
}

#[test]
fn texts_between_other_values_are_decoded_as_alone() {
    let words = ["one", "two", "three", "four"];
    let mut mixed: Vec<Value> = Vec::new();
    for number in 0..5 {
        mixed.extend(words.iter().take(number).map(|&word| Value::from(word)));
        mixed.push(Value::Int(number as i32));
        mixed.push(Value::Array(Array::Object(mixed.clone())));
    }
    let value = Value::Array(Array::Object(mixed));
    for protocol in [V16, V18] {
        let bytes = encode_value(protocol, &LIMITS, &value).unwrap();
        assert_eq!(decode_value(protocol, &LIMITS, &bytes), Ok(value.clone()));
    }
}

#[test]
fn a_bad_text_in_a_row_is_found_where_it_is() {
    let texts = ["one", "two", "three", "four"];
    for protocol in [V16, V18] {
        for list in lists(&texts) {
            let good = encode_value(protocol, &LIMITS, &list).unwrap();
            let place = |text: &str| {
                good.windows(text.len())
                    .position(|window| window == text.as_bytes())
                    .unwrap()
            };
            // Not UTF-8, at each place.
            for text in texts {
                let mut bad = good.clone();
                bad[place(text) + 1] = 0xFF;
                let error = decode_value(protocol, &LIMITS, &bad).unwrap_err();
                assert_eq!(
                    (error.kind, error.offset),
                    (DecodeErrorKind::NotUtf8, place(text) + 1)
                );
            }
            // A character that ends in the next text: the two are UTF-8 only together.
            let mut bad = good.clone();
            bad[place("two") + 2] = 0xC3;
            bad[place("three")] = 0xA9;
            let error = decode_value(protocol, &LIMITS, &bad).unwrap_err();
            assert_eq!(
                (error.kind, error.offset),
                (DecodeErrorKind::NotUtf8, place("two") + 2)
            );
            // Cut short, the same error as without a copy.
            for end in 0..good.len() {
                let decoded = decode_value(protocol, &LIMITS, &good[..end]).unwrap_err();
                let skipped = decode_value_ref(protocol, &LIMITS, &good[..end]).unwrap_err();
                assert_eq!(decoded, skipped, "{end}");
            }
        }
    }
}

#[test]
fn texts_in_a_row_stay_within_every_limit() {
    let texts = [
        "x".repeat(40),
        "y".repeat(50),
        "z".repeat(60),
        String::new(),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for protocol in [V16, V18] {
        for list in lists(&texts) {
            let bytes = encode_value(protocol, &LIMITS, &list).unwrap();
            let decoded = |max_values, max_memory_bytes| {
                let limits = Limits {
                    max_values,
                    max_memory_bytes,
                    ..LIMITS
                };
                decode_value(protocol, &limits, &bytes).map_err(|error| error.kind)
            };
            assert_eq!(decoded(5, 4_096), Ok(list.clone()));
            assert_eq!(decoded(4, 4_096), Err(DecodeErrorKind::TooManyValues));
            let least = (0..4_096).find(|&memory| decoded(5, memory).is_ok());
            let least = least.expect("enough memory");
            // Each text with its counters, and the elements.
            let elements = match &list {
                Value::Array(Array::String(_)) => 4 * size_of::<Text>(),
                _ => 4 * size_of::<Value>(),
            };
            assert_eq!(least, elements + 56 + 72 + 80);
            assert_eq!(decoded(5, least - 1), Err(DecodeErrorKind::TooMuchMemory));
        }
    }
}

#[test]
fn elements_and_owned_values_agree_on_texts_of_every_length() {
    let lengths = [0, 1, 127, 128, 129, 16_383, 16_384, 32_767];
    let texts: Vec<String> = lengths.iter().map(|&length| "t".repeat(length)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for protocol in [V16, V18] {
        for list in lists(&texts) {
            let mut bytes = Vec::new();
            let mut event = MessageWriter::event(&mut bytes, protocol, &LIMITS, 1).unwrap();
            event.put(2, &list).unwrap();
            for text in &texts {
                event.put(3, *text).unwrap();
            }
            event.finish().unwrap();
            let params = || {
                let body = &bytes[Header::LENGTH..];
                match Message::decode(MessageKind::Event, protocol, &LIMITS, body).unwrap() {
                    Message::Event { params, .. } => params,
                    other => panic!("{other:?}"),
                }
            };
            let mut borrowed = params();
            borrowed.next_key().unwrap();
            assert_eq!(borrowed.strings("list").unwrap(), texts);
            for text in &texts {
                borrowed.next_key().unwrap();
                assert_eq!(borrowed.str("text").unwrap(), *text);
            }
            assert_eq!(borrowed.finish(), Ok(0));
            let mut owned = params();
            owned.next_key().unwrap();
            assert_eq!(owned.value(), Ok(list.clone()));
        }
    }
}

#[test]
fn ints_of_every_length_are_read() {
    let numbers =
        (0..32).flat_map(|shift| [1_i32 << shift, -1 << shift, ((1_u64 << shift) - 1) as i32]);
    for number in numbers.chain([0, 255, 256, 65_535, 65_536, i32::MIN, i32::MAX]) {
        for protocol in [V16, V18] {
            let mut bytes = Vec::new();
            let mut event = MessageWriter::event(&mut bytes, protocol, &LIMITS, 1).unwrap();
            event.put(1, &number).unwrap();
            event.put(2, &number).unwrap();
            event.finish().unwrap();
            let body = &bytes[Header::LENGTH..];
            let message = Message::decode(MessageKind::Event, protocol, &LIMITS, body).unwrap();
            let Message::Event { mut params, .. } = message else {
                panic!("an event");
            };
            assert_eq!(params.next_key(), Ok(Some(1)));
            assert_eq!(params.int("number"), Ok(number));
            assert_eq!(params.next_key(), Ok(Some(2)));
            assert_eq!(params.int_in_range("number"), Ok(Some(number)));
            assert_eq!(params.finish(), Ok(0));
        }
    }
}

#[test]
fn a_damaged_text_in_a_row_costs_only_itself() {
    for protocol in [V16, V18] {
        for list in lists(&["one", "two", "three"]) {
            let mut bytes = Vec::new();
            let mut event = MessageWriter::event(&mut bytes, protocol, &LIMITS, 1).unwrap();
            event.put(2, &list).unwrap();
            event.put(3, &7).unwrap();
            event.finish().unwrap();
            let at = bytes.windows(3).position(|window| window == b"two");
            bytes[at.unwrap()] = 0xFF;
            let body = &bytes[Header::LENGTH..];
            let message =
                Message::decode_tolerant(MessageKind::Event, protocol, &LIMITS, body).unwrap();
            let Message::Event { mut params, .. } = message else {
                panic!("an event");
            };
            let all = params.to_parameters().unwrap();
            let [first, second] = lists(&["one", "\u{FFFD}wo", "three"]);
            assert!(all[0].1 == first || all[0].1 == second, "{all:?}");
            assert_eq!(all[1], (3, 7.into()));
            assert_eq!(params.undecodable(), 1);
        }
    }
}
