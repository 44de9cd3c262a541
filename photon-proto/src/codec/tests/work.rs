//! Values that are small to send and were much work to decode.

use super::{LIMITS, V16, V18, both, read, refused};
use crate::codec::{decode_value, decode_value_ref};
use crate::error::DecodeErrorKind;
use crate::limits::Limits;
use crate::value::{Array, EventData, Type, Value};
use alloc::vec;
use alloc::vec::Vec;

#[test]
fn sound07_nested_types_of_a_dictionary_count_as_values() {
    // Dictionaries without pairs, each of whose types is nested in 20 levels.
    for level in [&[20, 2][..], &[64]] {
        let one = [&[20, 2][..], &level.repeat(20), &[67, 0]].concat();
        let many = [&[23, 100][..], &one.repeat(100)].concat();
        let limits = |max_values| Limits {
            max_values,
            ..LIMITS
        };
        for enough in [2_101, 65_536] {
            decode_value(V18, &limits(enough), &many).expect("2,101 values");
            decode_value_ref(V18, &limits(enough), &many).expect("2,101 values");
        }
        let error = decode_value(V18, &limits(2_100), &many).expect_err("too many");
        assert_eq!(error.kind, DecodeErrorKind::TooManyValues);
        let skipped = decode_value_ref(V18, &limits(2_100), &many).expect_err("too many");
        assert_eq!(skipped, error);
    }
}

#[test]
fn sound07_nested_types_of_a_dictionary_are_limited_in_depth() {
    let nested = |levels: usize| [&[20, 2][..], &[64].repeat(levels), &[67, 0]].concat();
    let value = decode_value(V18, &LIMITS, &nested(31)).expect("32 levels");
    let Value::Dictionary(map) = value else {
        panic!("{value:?}");
    };
    let mut inner = &map.value;
    let mut levels = 0;
    while let Type::Array(element) = inner {
        (inner, levels) = (element, levels + 1);
    }
    assert_eq!((levels, inner), (31, &Type::Bytes));
    let error = decode_value(V18, &LIMITS, &nested(32)).expect_err("33 levels");
    assert_eq!((error.kind, error.offset), (DecodeErrorKind::TooDeep, 33));
    // Arrays of arrays hold nothing else.
    for (hex, code, at) in [
        ("14 02 40 02 00", 2, 3),
        ("14 02 40 14 02 02 00", 20, 3),
        ("14 02 40 40 15 00", 21, 4),
    ] {
        let kind = DecodeErrorKind::TypeNotAllowed(code);
        assert_eq!(refused(V18, hex), (kind, at, "dictionary value type"));
    }
}

#[test]
fn sound07_arrays_of_arrays_agree_over_all_their_levels() {
    let nested = |inner: Array, levels| {
        let nested = (0..levels).fold(inner, |inner, _| Array::Array(vec![inner]));
        Value::from(nested)
    };
    for levels in 1..30 {
        let head = "40 01 ".repeat(levels);
        both(
            V18,
            &alloc::format!("{head} 49 01 02"),
            nested(Array::Int(vec![1]), levels),
        );
        // Empty ones fit to all, at every level.
        let shorter = "40 01 ".repeat(levels - 1);
        let empty = alloc::format!("40 03 4000 {shorter} 4000 {head} 49 01 02");
        assert!(matches!(read(V18, &empty), Value::Array(Array::Array(all)) if all.len() == 3));
        let mixed = alloc::format!("40 03 {head} 49 00 {head} 4000 {head} 4A 00");
        assert_eq!(refused(V18, &mixed).0, DecodeErrorKind::MixedTypes);
        let deeper = alloc::format!("40 02 {head} 49 00 40 01 {head} 4000");
        assert_eq!(refused(V18, &deeper).0, DecodeErrorKind::MixedTypes);
    }
    // One that is no array, wherever it is.
    for hex in [
        "40 02 08 4900",
        "40 02 4900 08",
        "40 03 08 08 4900",
        "40 02 08 4300",
    ] {
        assert_eq!(refused(V18, hex).0, DecodeErrorKind::MixedTypes, "{hex}");
    }
}

#[test]
fn sound07_tables_with_all_keys_keep_the_last_value_of_each() {
    let event = |parameters: Vec<(u8, Value)>| {
        Value::Event(
            EventData {
                code: 1,
                parameters,
            }
            .into(),
        )
    };
    // Each key three times, in another order each time.
    let keys = (0..=255_u8)
        .chain((0..=255).rev())
        .chain((0..=255).map(|key: u8| key ^ 0x55));
    let pairs: Vec<u8> = keys
        .zip(0_u32..)
        .flat_map(|(key, at)| [key, b'b', (at / 256) as u8])
        .collect();
    let bytes = [&[b'e', 1, 3, 0][..], &pairs].concat();
    let expected = (0..=255).map(|key| (key, Value::Byte(2))).collect();
    assert_eq!(decode_value(V16, &LIMITS, &bytes), Ok(event(expected)));
    assert_eq!(read(V16, "65 01 0000"), event(Vec::new()));
    assert_eq!(
        read(V16, "65 01 0003 FF6201 006202 FF6203"),
        event(vec![(255, Value::Byte(3)), (0, Value::Byte(2))])
    );
}
