//! Texts in a row, which are decoded together.

use super::*;
use crate::codec::{Element, Params, RawValue};
use crate::error::DecodeError;
use crate::message::{Header, Message, MessageKind};
use alloc::borrow::ToOwned;
use alloc::format;

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
            assert_eq!(params.int_lossy(), Ok(Some(number)));
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

/// The text of an element, or where one that cannot be decoded ends.
type Found = Result<String, usize>;

/// A list of texts, given as their bytes, as the value of parameter 2 of an event.
fn list_of(protocol: Protocol, texts: &[Vec<u8>], is_tagged: bool) -> Vec<u8> {
    let count = texts.len() as u8;
    let mut body = match (protocol, is_tagged) {
        (V16, true) => vec![0, 0, 1, 2, b'z', 0, count],
        (V16, false) => vec![0, 0, 1, 2, b'y', 0, count, b's'],
        (V18, true) => vec![0, 1, 2, 23, count],
        (V18, false) => vec![0, 1, 2, 71, count],
    };
    for text in texts {
        match protocol {
            V16 => {
                body.extend(is_tagged.then_some(b's'));
                body.extend((text.len() as u16).to_be_bytes());
            }
            V18 => {
                body.extend(is_tagged.then_some(7));
                body.extend((text.len() >= 0x80).then_some(text.len() as u8 | 0x80));
                body.push((text.len() >> if text.len() < 0x80 { 0 } else { 7 }) as u8);
            }
        }
        body.extend_from_slice(text);
    }
    body
}

/// The parameters of an event with this body, at the first one.
fn at_list(protocol: Protocol, body: &[u8], is_tolerant: bool) -> Option<Params<'_>> {
    let decode = if is_tolerant {
        Message::decode_tolerant
    } else {
        Message::decode
    };
    match decode(MessageKind::Event, protocol, &LIMITS, body) {
        Ok(Message::Event { mut params, .. }) => params.next_key().ok().flatten().map(|_| params),
        _ => None,
    }
}

fn end_of(raw: RawValue<'_>) -> usize {
    raw.offset() + 1 + raw.payload().len()
}

/// Reads a list with [`Params::value_refs`].
fn together(params: &mut Params<'_>) -> (Vec<Found>, Result<(), DecodeError>) {
    let mut all = Vec::new();
    let read = params.value_refs("list", |value| {
        all.push(match value {
            ValueRef::String(text) => Ok(text.to_owned()),
            ValueRef::Undecodable(raw) => Err(end_of(raw)),
            other => Ok(format!("{other:?}")),
        });
    });
    (all, read)
}

/// The same with a check of each text. Also returns how many are not UTF-8.
fn singly(
    params: &mut Params<'_>,
    body: &[u8],
    is_tolerant: bool,
) -> (Vec<Found>, Result<(), DecodeError>, u32) {
    let (mut all, mut not_utf8, mut first_error) = (Vec::new(), 0, None);
    let read = params.elements("list", |element| {
        if first_error.is_some() {
            return;
        }
        let found = match element {
            Element::Text(bytes) => {
                let at = bytes.as_ptr() as usize - body.as_ptr() as usize + Header::LENGTH;
                match core::str::from_utf8(bytes) {
                    Ok(text) => Ok(text.to_owned()),
                    Err(error) if !is_tolerant => {
                        let at = at + error.valid_up_to();
                        let kind = DecodeErrorKind::NotUtf8;
                        first_error = Some(DecodeError::new(kind, at, "string"));
                        return;
                    }
                    Err(_) => {
                        not_utf8 += 1;
                        Err(at + bytes.len())
                    }
                }
            }
            Element::Other(ValueRef::Undecodable(raw)) => Err(end_of(raw)),
            Element::Other(other) => Ok(format!("{other:?}")),
        };
        all.push(found);
    });
    (all, first_error.map_or(read, Err), not_utf8)
}

#[test]
fn texts_checked_together_are_those_checked_one_by_one() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    // Whole and cut characters, with lengths that are bytes of characters themselves.
    let parts: [&[u8]; 9] = [
        b"a",
        b"hello, world",
        "\u{e4}".as_bytes(),
        "\u{20ac}".as_bytes(),
        "\u{1f600}".as_bytes(),
        &[0xC3],
        &[0x84],
        &[0xE2, 0x82],
        &[0xFF],
    ];
    for round in 0..20_000 {
        // Mostly whole, as otherwise hardly any list would be.
        let kinds = if round % 3 == 0 { parts.len() } else { 5 };
        let texts: Vec<Vec<u8>> = (0..random(9))
            .map(|_| match random(40) {
                0 => vec![b'x'; 126 + random(4)],
                1 => vec![b'y'; 250 + random(140)],
                _ => (0..random(4))
                    .flat_map(|_| parts[random(kinds)].to_vec())
                    .collect(),
            })
            .collect();
        let (protocol, is_tagged) = ([V16, V18][round % 2], random(2) == 0);
        let mut body = list_of(protocol, &texts, is_tagged);
        let whole: Vec<_> = texts
            .iter()
            .map(|text| String::from_utf8(text.clone()).ok())
            .collect();
        let is_damaged = round % 5 == 0;
        if is_damaged {
            for _ in 0..=random(2) {
                let at = random(body.len());
                body[at] = [random(256), 7, 0x84, 0xC3, 0][random(5)] as u8;
            }
            body.truncate(body.len() - random(2));
        }
        for is_tolerant in [false, true] {
            let Some(mut params) = at_list(protocol, &body, is_tolerant) else {
                continue;
            };
            let mut other = params.clone();
            let (found, read) = together(&mut params);
            let (expected, expected_read, not_utf8) = singly(&mut other, &body, is_tolerant);
            let context = format!("{protocol:?} {body:02x?}");
            assert_eq!((&found, read), (&expected, expected_read), "{context}");
            if is_tolerant {
                let undecodable = other.undecodable() + not_utf8;
                assert_eq!(params.undecodable(), undecodable, "{context}");
                assert_eq!(params.damage(), other.damage(), "{context}");
                assert_eq!(params.finish(), other.finish(), "{context}");
                if !is_damaged {
                    let texts: Vec<_> = found.into_iter().map(Result::ok).collect();
                    assert_eq!(texts, whole, "{context}");
                }
            }
        }
    }
}

#[test]
fn a_character_that_is_split_between_two_texts_is_refused() {
    let euro = "\u{20ac}".as_bytes();
    for protocol in [V16, V18] {
        for is_tagged in [false, true] {
            for split in [1, 2] {
                let mut texts = vec![b"one".to_vec(); 5];
                texts[2] = euro[..split].to_vec();
                texts[3] = euro[split..].to_vec();
                let body = list_of(protocol, &texts, is_tagged);
                let (_, read) = together(&mut at_list(protocol, &body, false).unwrap());
                assert_eq!(
                    read.map_err(|error| error.kind),
                    Err(DecodeErrorKind::NotUtf8)
                );
                let mut params = at_list(protocol, &body, true).unwrap();
                let (found, read) = together(&mut params);
                assert_eq!(read, Ok(()));
                let whole: Vec<bool> = found.iter().map(Result::is_ok).collect();
                assert_eq!(whole, [true, true, false, false, true]);
                assert_eq!((params.undecodable(), params.finish()), (2, Ok(0)));
            }
        }
    }
}

#[test]
fn a_text_whose_length_is_part_of_a_character_is_refused() {
    // In 1.8, the length of 5 in two bytes: together with the byte in front, a character.
    let texts = [
        7, 1, b'a', 7, 1, 0xC3, 7, 0x85, 0, b'b', b'c', b'd', b'e', b'f',
    ];
    let untagged = [1, b'a', 1, 0xC3, 0x85, 0, b'b', b'c', b'd', b'e', b'f'];
    for (head, texts) in [
        ([0, 1, 2, 23, 3], &texts[..]),
        ([0, 1, 2, 71, 3], &untagged),
    ] {
        let body = [&head, texts].concat();
        let (found, read) = together(&mut at_list(V18, &body, true).unwrap());
        assert_eq!(read, Ok(()));
        assert!(found[1].is_err());
        assert_eq!(
            (&found[0], &found[2]),
            (&Ok("a".into()), &Ok("bcdef".into()))
        );
    }
}

#[test]
fn sound07_a_value_has_a_limited_number_of_replacements() {
    for protocol in [V16, V18] {
        let mut bytes = Vec::new();
        let mut event = MessageWriter::event(&mut bytes, protocol, &LIMITS, 1).unwrap();
        event
            .put(1, &lists(&["x".repeat(20_000).as_str(), "x"])[0])
            .unwrap();
        event.finish().unwrap();
        for byte in bytes.iter_mut().filter(|byte| **byte == b'x') {
            *byte = 0xFF;
        }
        // The type code of a list of texts of 1.6 is no part of a text.
        let body = &bytes[Header::LENGTH..];
        let message =
            Message::decode_tolerant(MessageKind::Event, protocol, &LIMITS, body).unwrap();
        let Message::Event { mut params, .. } = message else {
            panic!("an event");
        };
        assert_eq!(params.next_key(), Ok(Some(1)));
        let expected = lists(&["\u{FFFD}".repeat(16_385).as_str(), "\u{FFFD}"]);
        assert!(expected.contains(&params.value().unwrap()));
    }
}
