//! The examples of wire.md 4 and 5, and cases that they do not cover.

mod texts;
mod work;
mod writer;

use super::{Encode, Protocol, ValueWriter, Written, decode_value, decode_value_ref, encode_value};
use crate::codec::ValueRef;
use crate::error::{DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use crate::message::MessageWriter;
use crate::text::Text;
use crate::value::{Array, Custom, Dictionary, Hashtable, Request, Type, Value};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

const V16: Protocol = Protocol::V16;
const V18: Protocol = Protocol::V18;
const LIMITS: Limits = Limits::DEFAULT;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    assert_eq!(digits.len() % 2, 0, "{text}");
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn read(protocol: Protocol, hex: &str) -> Value {
    let bytes = unhex(hex);
    let value =
        decode_value(protocol, &LIMITS, &bytes).unwrap_or_else(|error| panic!("{hex}: {error}"));
    assert_eq!(
        decode_value_ref(protocol, &LIMITS, &bytes)
            .unwrap()
            .to_value(&LIMITS)
            .as_ref(),
        Ok(&value)
    );
    value
}

fn refused(protocol: Protocol, hex: &str) -> (DecodeErrorKind, usize, &'static str) {
    let error = decode_value(protocol, &LIMITS, &unhex(hex)).expect_err(hex);
    (error.kind, error.offset, error.field)
}

/// Checks that a value is encoded to exactly these bytes and decoded from them.
fn both(protocol: Protocol, hex: &str, value: impl Into<Value>) {
    let value = value.into();
    assert_eq!(
        encode_value(protocol, &LIMITS, &value).as_deref(),
        Ok(&unhex(hex)[..]),
        "{value:?}"
    );
    assert_eq!(read(protocol, hex), value);
}

fn unwritable(protocol: Protocol, value: impl Into<Value>) -> (EncodeErrorKind, String) {
    let value = value.into();
    let error = encode_value(protocol, &LIMITS, &value).expect_err("an error");
    (error.kind, error.path)
}

fn object(values: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(Array::Object(values.into_iter().collect()))
}

fn text(text: &str) -> Value {
    text.into()
}

fn table(pairs: impl IntoIterator<Item = (Value, Value)>) -> Value {
    pairs.into_iter().collect::<Hashtable>().into()
}

fn map(key: Type, value: Type, pairs: impl IntoIterator<Item = (Value, Value)>) -> Value {
    Dictionary {
        key,
        value,
        pairs: pairs.into_iter().collect(),
    }
    .into()
}

fn custom(code: u8, data: &[u8]) -> Value {
    Custom {
        code,
        data: Bytes::copy_from_slice(data),
    }
    .into()
}

fn array_of(element: Type) -> Type {
    Type::Array(Box::new(element))
}

// wire.md 4

#[test]
fn v16_values() {
    both(V16, "2A", Value::Null);
    both(V16, "6F 01", true);
    both(V16, "62 FF", 255_u8);
    both(V16, "6B FF 00", -256_i16);
    both(V16, "69 FF FF 00 00", -65536);
    both(V16, "6C 00 00 00 01 00 00 00 00", 1_i64 << 32);
    both(V16, "66 3F 80 00 00", 1.0_f32);
    both(V16, "64 BF F0 00 00 00 00 00 00", -1.0_f64);
    both(
        V16,
        "73 00 0B 68 C3 A9 6C 6C 6F 20 C3 BC C3 9F",
        "h\u{e9}llo \u{fc}\u{df}",
    );
    both(V16, "73 00 00", "");
    both(V16, "78 00 00 00 03 01 02 FF", vec![1_u8, 2, 255]);
    both(
        V16,
        "7A 00 04 2A 6F 01 62 07 73 00 01 78",
        object([Value::Null, true.into(), 7_u8.into(), text("x")]),
    );
    both(
        V16,
        "68 00 01 73 00 01 61 69 00 00 00 01",
        table([(text("a"), 1.into())]),
    );
    assert_eq!(read(V16, "00"), Value::Null);
    assert_eq!(read(V16, "6F 80"), true.into());
    assert_eq!(
        read(V16, "6E 00000002 00000001 FFFFFFFF"),
        vec![1, -1].into()
    );
    assert_eq!(
        read(V16, "61 0002 0001 61 0000"),
        Value::Array(Array::String(vec!["a".into(), "".into()]))
    );
}

#[test]
fn v16_arrays() {
    both(
        V16,
        "79 00 03 69 00000000 00000001 FFFFFFFF",
        vec![0, 1, -1],
    );
    both(
        V16,
        "79 00 02 73 0000 0001 61",
        vec![Text::EMPTY, "a".into()],
    );
    both(
        V16,
        "79 00 02 79 0002 69 00000001 00000002 0000 69",
        vec![Array::Int(vec![1, 2]), Array::Int(vec![])],
    );
    both(
        V16,
        "79 00 02 68 0000 0001 73 0001 61 69 00000001",
        vec![Hashtable::default(), [("a", 1)].into_iter().collect()],
    );
    both(
        V16,
        "79 00 02 44 73 69 0000 0001 0001 6B 00000005",
        Array::Dictionary {
            key: Type::String,
            value: Type::Int,
            elements: vec![vec![], vec![(text("k"), 5.into())]],
        },
    );
    both(
        V16,
        "79 0002 63 57 0001 01 0000",
        Array::Custom {
            code: 0x57,
            elements: vec![vec![1].into(), Bytes::new()],
        },
    );
    both(V16, "79 0000 78", Array::Bytes(vec![]));
    both(
        V16,
        "79 0001 71 07 0000",
        Array::Request(vec![Request {
            code: 7,
            parameters: vec![],
        }]),
    );
    assert_eq!(read(V16, "79 0002 62 01FF"), vec![1_u8, 255].into());
}

#[test]
fn v16_arrays_of_object_arrays_are_written_as_object_arrays() {
    let inner = || Array::Object(vec![5.into()]);
    let written = encode_value(
        V16,
        &LIMITS,
        &Value::from(vec![inner(), Array::Object(vec![])]),
    )
    .unwrap();
    assert_eq!(written, unhex("7A 0002 7A 0001 69 00000005 7A 0000"));
    assert_eq!(
        decode_value(V16, &LIMITS, &written),
        Ok(object([Value::Array(inner()), object([])]))
    );
    let deeper = Value::from(vec![Array::Array(vec![inner()])]);
    assert_eq!(
        encode_value(V16, &LIMITS, &deeper).unwrap(),
        unhex("7A 0001 7A 0001 7A 0001 69 00000005")
    );
    // Both forms are accepted.
    assert_eq!(
        read(V16, "79 0001 7A 0001 69 00000005"),
        vec![inner()].into()
    );
}

#[test]
fn v16_dictionaries() {
    both(
        V16,
        "44 73 00 0003 0001 61 69 00000001 0001 62 73 0003 74 77 6F 0001 63 2A",
        map(
            Type::String,
            Type::Object,
            [
                (text("a"), 1.into()),
                (text("b"), text("two")),
                (text("c"), Value::Null),
            ],
        ),
    );
    both(
        V16,
        "44 69 73 0001 00000000 0004 7A 65 72 6F",
        map(Type::Int, Type::String, [(0.into(), text("zero"))]),
    );
    both(V16, "44 00 00 0000", map(Type::Object, Type::Object, []));
    both(
        V16,
        "44 62 7A 0001 05 0001 2A",
        map(
            Type::Byte,
            array_of(Type::Object),
            [(5_u8.into(), object([Value::Null]))],
        ),
    );
    both(
        V16,
        "44 63 6F 0001 57 0000 01",
        map(
            Type::Custom(None),
            Type::Bool,
            [(custom(0x57, &[]), true.into())],
        ),
    );
    assert_eq!(
        read(V16, "44 2A 2A 0000"),
        map(Type::Object, Type::Object, [])
    );
    // Arrays as declared values are accepted, with the type that all of them share.
    let ints = |pairs| map(Type::Byte, array_of(Type::Int), pairs);
    assert_eq!(
        read(V16, "44 62 79 0001 05 0000 69"),
        ints(vec![(5_u8.into(), Value::Array(Array::Int(vec![])))])
    );
    assert_eq!(
        read(V16, "44 62 79 0002 05 0000 69 06 0000 6C"),
        map(
            Type::Byte,
            Type::Object,
            [
                (5_u8.into(), Value::Array(Array::Int(vec![]))),
                (6_u8.into(), Value::Array(Array::Long(vec![])))
            ],
        )
    );
}

#[test]
fn v16_dictionaries_that_cannot_be() {
    for (key, value) in [
        (Type::Int, array_of(Type::Int)),
        (
            Type::Int,
            Type::Dictionary(Box::new((Type::Int, Type::Int))),
        ),
        (Type::Int, Type::Custom(Some(5))),
        (array_of(Type::Object), Type::Int),
        (Type::Hashtable, Type::Int),
    ] {
        let kind = unwritable(V16, map(key, value, [])).0;
        assert_eq!(kind, EncodeErrorKind::TypeNotExpressible);
    }
    assert_eq!(
        refused(V16, "44 44 69 0000"),
        (
            DecodeErrorKind::TypeNotAllowed(0x44),
            1,
            "dictionary key type"
        )
    );
    assert_eq!(
        refused(V16, "44 79 69 0000"),
        (
            DecodeErrorKind::TypeNotAllowed(0x79),
            1,
            "dictionary key type"
        )
    );
    assert_eq!(
        refused(V16, "44 68 69 0000"),
        (DecodeErrorKind::ContainerAsKey, 1, "dictionary key type")
    );
    assert_eq!(
        refused(V16, "44 69 44 0000"),
        (
            DecodeErrorKind::TypeNotAllowed(0x44),
            2,
            "dictionary value type"
        )
    );
    assert_eq!(
        refused(V16, "44 69 05 0000"),
        (DecodeErrorKind::UnknownType(5), 2, "dictionary value type")
    );
}

#[test]
fn v16_custom() {
    both(V16, "63 57 00 04 01 02 03 04", custom(87, &[1, 2, 3, 4]));
    assert_eq!(
        refused(V16, "63 57 00 04 01 02 03"),
        (DecodeErrorKind::Truncated, 2, "custom length")
    );
}

#[test]
fn v16_errors_name_the_position() {
    assert_eq!(
        refused(V16, ""),
        (DecodeErrorKind::Truncated, 0, "type code")
    );
    assert_eq!(
        refused(V16, "05"),
        (DecodeErrorKind::UnknownType(5), 0, "type code")
    );
    assert_eq!(
        refused(V16, "73 FFFF"),
        (DecodeErrorKind::BadLength, 1, "string length")
    );
    assert_eq!(
        refused(V16, "73 0003 61 62"),
        (DecodeErrorKind::Truncated, 1, "string length")
    );
    assert_eq!(
        refused(V16, "73 0003 61 C3 28"),
        (DecodeErrorKind::NotUtf8, 4, "string")
    );
    assert_eq!(
        refused(V16, "69 000000"),
        (DecodeErrorKind::Truncated, 1, "int")
    );
    assert_eq!(
        refused(V16, "78 80000000"),
        (DecodeErrorKind::BadLength, 1, "byte array length")
    );
    assert_eq!(
        refused(V16, "2A 00"),
        (DecodeErrorKind::TrailingBytes, 1, "end of value")
    );
    assert_eq!(
        refused(V16, "7A 0002 2A 05"),
        (DecodeErrorKind::UnknownType(5), 4, "type code")
    );
    assert_eq!(
        refused(V16, "79 0001 2A"),
        (
            DecodeErrorKind::TypeNotAllowed(0x2A),
            3,
            "array element type"
        )
    );
    assert_eq!(
        refused(V16, "79 0001 6E 00"),
        (
            DecodeErrorKind::TypeNotAllowed(0x6E),
            3,
            "array element type"
        )
    );
    assert_eq!(
        refused(V16, "68 0001 7A0000 2A"),
        (DecodeErrorKind::ContainerAsKey, 3, "map key")
    );
    assert_eq!(
        refused(V16, "44 0000 0002 62 01 2A 62 01 2A"),
        (DecodeErrorKind::DuplicateKey, 3, "dictionary key")
    );
}

// wire.md 5

#[test]
fn v18_numbers() {
    for (hex, value) in [
        ("1E", 0),
        ("0B FF", 255),
        ("0D 00 01", 256),
        ("0D FF FF", 65_535),
        ("09 80 80 08", 65_536),
        ("0C 01", -1),
        ("0C FF", -255),
        ("0E 00 01", -256),
        ("0E FF FF", -65_535),
        ("09 FF FF 07", -65_536),
        ("09 FE FF FF FF 0F", i32::MAX),
        ("09 FF FF FF FF 0F", i32::MIN),
    ] {
        both(V18, hex, value);
    }
    for (hex, value) in [
        ("1F", 0),
        ("0F FF", 255),
        ("11 00 01", 256),
        ("10 01", -1),
        ("12 FF FF", -65_535),
        ("0A 80 80 80 80 80 40", 1 << 40),
        ("0A FF FF FF FF FF FF FF FF FF 01", i64::MIN),
    ] {
        both(V18, hex, value);
    }
    both(V18, "22", 0_u8);
    both(V18, "03 FF", 255_u8);
    both(V18, "1D", 0_i16);
    both(V18, "04 00 FF", -256_i16);
    both(V18, "05 00 00 80 3F", 1.0_f32);
    both(V18, "05 00 00 00 00", 0.0_f32);
    both(V18, "06 00 00 00 00 00 00 F0 BF", -1.0_f64);
    both(V18, "1B", false);
    both(V18, "1C", true);
    both(V18, "08", Value::Null);
    // Every other form is accepted.
    for (hex, value) in [
        ("09 02", Value::from(1)),
        ("0B 00", 0.into()),
        ("0C 00", 0.into()),
        ("09 82 80 80 80 00", 1.into()),
        // The fifth byte ends the number, whatever its top bit.
        ("09 FE FF FF FF 8F", i32::MAX.into()),
        ("0A FF FF FF FF FF FF FF FF FF 81", i64::MIN.into()),
        ("03 00", 0_u8.into()),
        ("04 00 00", 0_i16.into()),
        ("02 05", true.into()),
        ("20", 0.0_f32.into()),
        ("21", 0.0_f64.into()),
    ] {
        assert_eq!(read(V18, hex), value);
    }
}

#[test]
fn v18_texts_and_bytes() {
    both(V18, "07 00", "");
    both(
        V18,
        "07 0B 68 C3 A9 6C 6C 6F 20 C3 BC C3 9F",
        "h\u{e9}llo \u{fc}\u{df}",
    );
    for (length, head) in [(127, "07 7F"), (128, "07 80 01"), (16_384, "07 80 80 01")] {
        let value = Value::from("x".repeat(length));
        let bytes = encode_value(V18, &LIMITS, &value).unwrap();
        assert_eq!(bytes[..bytes.len() - length], unhex(head));
        assert_eq!(decode_value(V18, &LIMITS, &bytes), Ok(value));
    }
    both(V18, "43 03 01 02 FF", vec![1_u8, 2, 255]);
}

#[test]
fn v18_arrays() {
    both(
        V18,
        "42 0A 53 02",
        vec![
            true, true, false, false, true, false, true, false, false, true,
        ],
    );
    both(V18, "49 04 00 02 01 FE 03", vec![0, 1, -1, 255]);
    both(V18, "47 02 00 01 61", vec![Text::EMPTY, "a".into()]);
    both(
        V18,
        "17 03 08 0B 01 07 01 78",
        object([Value::Null, 1.into(), text("x")]),
    );
    both(
        V18,
        "40 03 49 02 02 04 49 00 49 01 DF C5 08",
        vec![
            Array::Int(vec![1, 2]),
            Array::Int(vec![]),
            Array::Int(vec![-70_000]),
        ],
    );
    both(
        V18,
        "40 01 40 01 49 00",
        vec![Array::Array(vec![Array::Int(vec![])])],
    );
    both(
        V18,
        "55 02 00 01 07 01 61 0B 01",
        vec![Hashtable::default(), [("a", 1)].into_iter().collect()],
    );
    both(
        V18,
        "53 02 57 01 01 02 02 03",
        Array::Custom {
            code: 87,
            elements: vec![vec![1].into(), vec![2, 3].into()],
        },
    );
    both(
        V18,
        "40 02 43 01 01 43 00",
        Array::Bytes(vec![vec![1].into(), Bytes::new()]),
    );
    both(V18, "44 02 01 00 FF FF", vec![1_i16, -1]);
    both(V18, "4A 01 01", vec![-1_i64]);
    both(V18, "45 01 00 00 80 3F", vec![1.0_f32]);
    both(V18, "46 01 00 00 00 00 00 00 F0 3F", vec![1.0_f64]);
    assert_eq!(read(V18, "42 02 FF"), vec![true, true].into());
}

#[test]
fn empty_arrays_of_arrays_are_read_and_not_written() {
    assert_eq!(read(V18, "40 00"), object([]));
    assert_eq!(read(V16, "79 0000 79"), object([]));
    assert_eq!(read(V16, "79 0000 7A"), object([]));
    for protocol in [V16, V18] {
        let empty = || Array::Array(vec![]);
        assert_eq!(
            unwritable(protocol, empty()),
            (EncodeErrorKind::EmptyNestedArray, "".into())
        );
        assert_eq!(
            unwritable(protocol, vec![empty()]),
            (EncodeErrorKind::EmptyNestedArray, "[0]".into())
        );
        let mixed = vec![Array::Int(vec![]), Array::Int(vec![]), Array::Long(vec![])];
        assert_eq!(
            unwritable(protocol, mixed),
            (EncodeErrorKind::TypeMismatch, "[2]".into())
        );
    }
    assert_eq!(
        unwritable(V18, Array::Bytes(vec![])).0,
        EncodeErrorKind::EmptyNestedArray
    );
}

#[test]
fn an_empty_array_of_arrays_fits_beside_any_others() {
    let empty = || Array::Object(vec![]);
    // byte[][][] with an empty element, int[][][] with one, and both one level deeper.
    assert_eq!(
        read(V18, "40 02 4000 40 01 4300"),
        vec![empty(), Array::Bytes(vec![Bytes::new()])].into()
    );
    let ints = || Array::Array(vec![Array::Int(vec![])]);
    assert_eq!(
        read(V18, "40 02 4000 40 01 4900"),
        vec![empty(), ints()].into()
    );
    assert_eq!(
        read(V18, "40 02 40 01 4300 4000"),
        vec![Array::Bytes(vec![Bytes::new()]), empty()].into()
    );
    assert_eq!(
        read(V18, "40 02 17 01 08 4000"),
        vec![Array::Object(vec![Value::Null]), empty()].into()
    );
    assert_eq!(
        read(V18, "40 02 40 01 4900 4000"),
        vec![ints(), empty()].into()
    );
    assert_eq!(
        read(V18, "40 02  40 02 4000 40 01 4900  40 01 40 01 4900"),
        vec![
            Array::Array(vec![empty(), ints()]),
            Array::Array(vec![ints()])
        ]
        .into()
    );
    assert_eq!(
        read(V18, "40 02  40 01 4000  40 01 40 01 4900"),
        vec![Array::Array(vec![empty()]), Array::Array(vec![ints()])].into()
    );
    assert_eq!(
        read(
            V18,
            "14 09 40 40 49 02  02 40 01 4000  04 40 02 4000 40 01 4900"
        ),
        map(
            Type::Int,
            array_of(array_of(array_of(Type::Int))),
            [
                (1.into(), Array::Array(vec![empty()]).into()),
                (2.into(), Array::Array(vec![empty(), ints()]).into()),
            ],
        )
    );
    // But not next to arrays of other elements, nor those next to each other.
    for hex in [
        "40 02 4000 4900",
        "40 02 4900 4A00",
        "40 02 4900 08",
        "40 02 4300 4900",
        "40 02 40014900 40014A00",
    ] {
        assert_eq!(
            refused(V18, hex),
            (DecodeErrorKind::MixedTypes, 0, "array of arrays"),
            "{hex}"
        );
    }
    assert_eq!(
        refused(V18, "14 09 40 49 01 02 40 01 4A00"),
        (DecodeErrorKind::MixedTypes, 6, "dictionary value")
    );
}

#[test]
fn v18_dictionaries() {
    both(
        V18,
        "14 07 00 02 01 61 0B 01 01 63 08",
        map(
            Type::String,
            Type::Object,
            [(text("a"), 1.into()), (text("c"), Value::Null)],
        ),
    );
    both(
        V18,
        "14 07 09 01 01 6B D7 04",
        map(Type::String, Type::Int, [(text("k"), (-300).into())]),
    );
    both(
        V18,
        "14 03 00 01 01 07 01 78",
        map(Type::Byte, Type::Object, [(1_u8.into(), text("x"))]),
    );
    both(
        V18,
        "14 07 02 01 01 74 01",
        map(Type::String, Type::Bool, [(text("t"), true.into())]),
    );
    both(
        V18,
        "14 07 43 01 01 62 02 01 02",
        map(
            Type::String,
            Type::Bytes,
            [(text("b"), vec![1_u8, 2].into())],
        ),
    );
    let ints = |pairs: Vec<(Value, Value)>| map(Type::String, Type::Int, pairs);
    both(
        V18,
        "14 07 14 07 09 02 01 64 07 09 01 01 78 02 01 65 07 09 00",
        map(
            Type::String,
            Type::Dictionary(Box::new((Type::String, Type::Int))),
            [
                (text("d"), ints(vec![(text("x"), 1.into())])),
                (text("e"), ints(vec![])),
            ],
        ),
    );
    both(
        V18,
        "14 07 40 49 01 01 69 40 02 49 01 02 49 01 04",
        map(
            Type::String,
            array_of(array_of(Type::Int)),
            [(
                text("i"),
                vec![Array::Int(vec![1]), Array::Int(vec![2])].into(),
            )],
        ),
    );
    both(
        V18,
        "14 07 40 43 01 01 69 40 01 43 00",
        map(
            Type::String,
            array_of(Type::Bytes),
            [(text("i"), vec![Bytes::new()].into())],
        ),
    );
    both(
        V18,
        "54 07 09 02 00 01 01 6B 0A",
        Array::Dictionary {
            key: Type::String,
            value: Type::Int,
            elements: vec![vec![], vec![(text("k"), 5.into())]],
        },
    );
    // Declared variants are accepted and determine the payload.
    assert_eq!(
        read(V18, "14 1E 22 01"),
        map(Type::Int, Type::Byte, [(0.into(), 0_u8.into())])
    );
    assert_eq!(
        read(V18, "14 0C 0D 01 05 0201"),
        map(Type::Int, Type::Int, [((-5).into(), 258.into())])
    );
    assert_eq!(
        read(V18, "14 0F 20 01 07"),
        map(Type::Long, Type::Float, [(7_i64.into(), 0.0_f32.into())])
    );
    // Bool keys are accepted but never encoded.
    assert_eq!(
        read(V18, "14 02 09 01 01 02"),
        map(Type::Bool, Type::Int, [(true.into(), 1.into())])
    );
}

#[test]
fn v18_dictionaries_that_cannot_be() {
    for (key, value) in [
        (Type::Bool, Type::Int),
        (Type::Bytes, Type::Int),
        (Type::Custom(None), Type::Int),
        (Type::Hashtable, Type::Int),
        (Type::Int, Type::Custom(None)),
        (Type::Int, array_of(array_of(Type::Object))),
        (Type::Int, array_of(Type::Custom(Some(1)))),
        (
            Type::Int,
            array_of(Type::Dictionary(Box::new((Type::Int, Type::Int)))),
        ),
        (Type::Int, array_of(Type::Request)),
        (
            Type::Int,
            Type::Dictionary(Box::new((Type::Bool, Type::Int))),
        ),
    ] {
        let kind = unwritable(V18, map(key, value, [])).0;
        assert_eq!(kind, EncodeErrorKind::TypeNotExpressible);
    }
    for array in [
        Array::Request(vec![]),
        Array::Response(vec![]),
        Array::Event(vec![]),
    ] {
        assert_eq!(
            unwritable(V18, array).0,
            EncodeErrorKind::TypeNotExpressible
        );
    }
    assert_eq!(
        refused(V18, "14 13 09 00"),
        (
            DecodeErrorKind::TypeNotAllowed(0x13),
            1,
            "dictionary key type"
        )
    );
    assert_eq!(
        refused(V18, "14 15 09 00"),
        (DecodeErrorKind::ContainerAsKey, 1, "dictionary key type")
    );
    assert_eq!(
        refused(V18, "14 09 13 00"),
        (
            DecodeErrorKind::TypeNotAllowed(0x13),
            2,
            "dictionary value type"
        )
    );
    assert_eq!(
        refused(V18, "14 09 54 00"),
        (
            DecodeErrorKind::TypeNotAllowed(0x54),
            2,
            "dictionary value type"
        )
    );
    assert_eq!(
        refused(V18, "14 09 40 09 00"),
        (
            DecodeErrorKind::TypeNotAllowed(9),
            3,
            "dictionary value type"
        )
    );
}

#[test]
fn v18_custom() {
    both(V18, "D7 04 01 02 03 04", custom(87, &[1, 2, 3, 4]));
    both(V18, "13 C8 01 AA", custom(200, &[0xAA]));
    both(V18, "80 01 01", custom(0, &[1]));
    both(V18, "E3 01 01", custom(99, &[1]));
    both(V18, "13 64 01 01", custom(100, &[1]));
    assert_eq!(read(V18, "E4 00"), custom(100, &[]));
    assert_eq!(read(V18, "13 57 01 01"), custom(87, &[1]));
    assert_eq!(
        refused(V18, "E5 00"),
        (DecodeErrorKind::UnknownType(0xE5), 0, "type code")
    );
}

#[test]
fn v18_errors_name_the_position() {
    assert_eq!(
        refused(V18, "00"),
        (DecodeErrorKind::TypeNotAllowed(0), 0, "type code")
    );
    for code in [
        0x01_u8, 0x16, 0x23, 0x3F, 0x41, 0x48, 0x4B, 0x52, 0x56, 0x7F, 0xE5, 0xFF,
    ] {
        let error = decode_value(V18, &LIMITS, &[code, 0, 0, 0]).unwrap_err();
        assert_eq!(
            (error.kind, error.offset),
            (DecodeErrorKind::UnknownType(code), 0)
        );
    }
    assert_eq!(
        refused(V18, "07 05 61 62"),
        (DecodeErrorKind::Truncated, 1, "string length")
    );
    assert_eq!(
        refused(V18, "07 FF FF FF FF 0F"),
        (DecodeErrorKind::BadLength, 1, "string length")
    );
    assert_eq!(
        refused(V18, "09 80"),
        (DecodeErrorKind::Truncated, 2, "int")
    );
    assert_eq!(
        refused(V18, "0A 80 80"),
        (DecodeErrorKind::Truncated, 3, "long")
    );
    assert_eq!(
        refused(V18, "15 01 1500 08"),
        (DecodeErrorKind::ContainerAsKey, 2, "map key")
    );
    assert_eq!(
        refused(V18, "14 00 00 02 1E 08 1E 08"),
        (DecodeErrorKind::DuplicateKey, 3, "dictionary key")
    );
}

// Keys, in both protocols.

#[test]
fn null_keys_are_dropped_and_the_last_of_two_values_stays_at_the_first_place() {
    assert_eq!(
        read(V16, "68 0002 2A 2A 62 01 2A"),
        table([(1_u8.into(), Value::Null)])
    );
    assert_eq!(
        read(V18, "15 02 08 08 03 01 08"),
        table([(1_u8.into(), Value::Null)])
    );
    assert_eq!(
        read(V18, "14 00 00 01 08 08"),
        map(Type::Object, Type::Object, [])
    );
    // Two nulls are no duplicates.
    assert_eq!(
        read(V18, "14 00 00 02 08 08 08 08"),
        map(Type::Object, Type::Object, [])
    );
    assert_eq!(
        read(V18, "15 03 03 01 0B 05 03 02 0B 06 03 01 0B 07"),
        table([(1_u8.into(), 7.into()), (2_u8.into(), 6.into())])
    );
    // The same number of another type is another key.
    assert_eq!(
        read(V18, "15 02 03 01 08 0B 01 08"),
        table([(1_u8.into(), Value::Null), (1.into(), Value::Null)])
    );
    // The same with many keys, which are sorted.
    let bytes: Vec<u8> = (0..100_u8)
        .flat_map(|index| [3, index % 50 + 1, 3, index + 1])
        .collect();
    let value = decode_value(V18, &LIMITS, &[&[0x15, 100], &bytes[..]].concat());
    assert_eq!(
        value,
        Ok(table(
            (0..50_u8).map(|index| ((index + 1).into(), (index + 51).into()))
        ))
    );
}

#[test]
fn keys_that_cannot_be_are_not_written() {
    for protocol in [V16, V18] {
        for wrap in [table as fn(Vec<(Value, Value)>) -> Value, |pairs| {
            map(Type::Object, Type::Object, pairs)
        }] {
            for (key, kind) in [
                (Value::Null, EncodeErrorKind::NullKey),
                (object([]), EncodeErrorKind::ContainerAsKey),
                (table([]), EncodeErrorKind::ContainerAsKey),
                (1.into(), EncodeErrorKind::DuplicateKey),
            ] {
                let pairs = vec![
                    (1.into(), Value::Null),
                    (2.into(), Value::Null),
                    (key, Value::Null),
                ];
                assert_eq!(unwritable(protocol, wrap(pairs)), (kind, "{2}".into()));
            }
            let many: Vec<_> = (0..100)
                .map(|index| (Value::from(index % 99), Value::Null))
                .collect();
            assert_eq!(
                unwritable(protocol, wrap(many)),
                (EncodeErrorKind::DuplicateKey, "{99}".into())
            );
        }
        // Floats are equal if their bits are.
        let floats = [0.0_f32, -0.0, f32::NAN].map(|key| (Value::from(key), Value::Null));
        let bytes = encode_value(protocol, &LIMITS, &table(floats.clone())).unwrap();
        assert_eq!(decode_value(protocol, &LIMITS, &bytes), Ok(table(floats)));
        let twice = table([
            (f32::NAN.into(), Value::Null),
            (f32::NAN.into(), Value::Null),
        ]);
        assert_eq!(unwritable(protocol, twice).0, EncodeErrorKind::DuplicateKey);
    }
}

#[test]
fn values_that_are_not_as_declared_are_named_with_their_place() {
    for protocol in [V16, V18] {
        let wrong = |key: Type, value: Type, pair: (Value, Value)| {
            let good = (key.clone(), value.clone());
            let inner = map(good.0, good.1, [pair]);
            unwritable(protocol, object([Value::Null, table([(1.into(), inner)])]))
        };
        for (key, value, pair) in [
            (Type::Int, Type::Int, (1_u8.into(), 1.into())),
            (Type::Int, Type::Int, (1.into(), 1_i64.into())),
            (Type::Int, Type::Int, (1.into(), Value::Null)),
            (Type::Int, Type::String, (1.into(), 1.into())),
            (
                Type::Int,
                array_of(Type::Object),
                (1.into(), Array::Int(vec![]).into()),
            ),
        ] {
            assert_eq!(
                wrong(key, value, pair),
                (EncodeErrorKind::TypeMismatch, "[1]{0}{0}".into())
            );
        }
        let array = Array::Dictionary {
            key: Type::Int,
            value: Type::Int,
            elements: vec![vec![], vec![(1.into(), 1.into()), (2.into(), text("two"))]],
        };
        assert_eq!(
            unwritable(protocol, array),
            (EncodeErrorKind::TypeMismatch, "[1]{1}".into())
        );
        let request = Request {
            code: 1,
            parameters: vec![(1, 1.into()), (22, Array::Array(vec![]).into())],
        };
        assert_eq!(
            unwritable(protocol, object([request.into()])),
            (EncodeErrorKind::EmptyNestedArray, "[0](22)".into())
        );
        let twice = Request {
            code: 1,
            parameters: vec![(1, 1.into()), (1, 1.into())],
        };
        assert_eq!(
            unwritable(protocol, twice),
            (EncodeErrorKind::DuplicateKey, "(1)".into())
        );
    }
}

// Encoding without a `Value`.
