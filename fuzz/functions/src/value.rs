//! Targets [`value_v16`] and [`value_v18`].

use photon_proto::message::{Header, Message, MessageKind};
use photon_proto::{
    Array, DecodeError, DecodeErrorKind, EncodeErrorKind, Limits, Parameters, Protocol, Value,
    ValueRef, codec,
};

/// Limits that small inputs reach.
const TIGHT: Limits = Limits {
    max_depth: 4,
    max_values: 24,
    max_memory_bytes: 800,
    ..Limits::DEFAULT
};

/// The heap that one byte may take at each level of containers: a value of one byte in an array, while
/// the array grows.
const MAX_HEAP_A_BYTE: usize = 100;

/// Decodes any bytes as one value of GpBinary 1.6.
///
/// - The bytes decode or are an error whose offset lies in them.
/// - Decoding an owned value, decoding a borrowed one and converting it, and skipping agree on the
///   value, its end, and the error.
/// - A decoded value, encoded again, decodes to the same, or encoding refuses it for a documented
///   reason.
/// - Stored as JSON, and in the form of binary formats, a value is the same later.
/// - Small limits do not change a value, and are kept, on the heap as well.
///
/// # Panics
/// If one of these does not hold.
pub fn value_v16(data: &[u8]) {
    check(Protocol::V16, data);
}

/// Decodes any bytes as one value of GpBinary 1.8. The assertions are those of [`value_v16`].
///
/// # Panics
/// If one of these does not hold.
pub fn value_v18(data: &[u8]) {
    check(Protocol::V18, data);
}

fn check(protocol: Protocol, data: &[u8]) {
    let owned = decode(protocol, &Limits::DEFAULT, data);
    check_borrowed(protocol, &Limits::DEFAULT, data, &owned);
    check_skipped(protocol, &Limits::DEFAULT, data);
    check_tight_limits(protocol, data, &owned);
    if let Ok(value) = &owned {
        check_encoding(protocol, &Limits::DEFAULT, data.len(), value);
        check_stored(value);
        let other = if protocol == Protocol::V16 {
            Protocol::V18
        } else {
            Protocol::V16
        };
        if let Ok(bytes) = codec::encode_value(other, &Limits::DEFAULT, value) {
            check_encoded(other, &bytes, value);
        }
    }
}

/// Decodes, and checks what that took from the heap.
fn decode(protocol: Protocol, limits: &Limits, data: &[u8]) -> Result<Value, DecodeError> {
    let mut decoded = None;
    let heap =
        allocation_counter::measure(|| decoded = Some(codec::decode_value(protocol, limits, data)));
    let decoded = decoded.expect("the measured function has run");
    // Memory is charged before it is reserved, and a count of more values than bytes reserves nothing.
    // The factor covers temporary memory: to find duplicate keys, and to let arrays grow.
    let charged = limits.max_memory_bytes * 2;
    let possible = data.len() * MAX_HEAP_A_BYTE * (limits.max_depth as usize + 1);
    let max = charged.min(possible) + 1024;
    assert!(
        heap.bytes_max <= max as u64,
        "{} bytes on the heap for {}",
        heap.bytes_max,
        data.len()
    );
    match &decoded {
        Ok(value) => assert!(
            value.heap_bytes() <= limits.max_memory_bytes,
            "{} bytes kept",
            value.heap_bytes()
        ),
        Err(error) => assert!(
            error.offset <= data.len(),
            "{error}: the offset is behind the end at {}",
            data.len()
        ),
    }
    decoded
}

fn check_borrowed(
    protocol: Protocol,
    limits: &Limits,
    data: &[u8],
    owned: &Result<Value, DecodeError>,
) {
    let borrowed = codec::decode_value_ref(protocol, limits, data);
    if let Ok(ValueRef::Container(raw)) = &borrowed {
        assert_eq!(
            raw.payload().len() + 1,
            data.len(),
            "a container ends where its bytes end"
        );
    }
    match (borrowed.map(|value| value.to_value(limits)), owned) {
        (Ok(Ok(value)), Ok(owned)) => assert_eq!(value, *owned),
        (Ok(Err(later)), Err(error)) => {
            for error in [&later, error] {
                assert!(
                    error.offset <= data.len(),
                    "{error}: the offset is behind the end at {}",
                    data.len()
                );
                assert!(
                    is_found_by_decoding(error.kind),
                    "borrowing should have found: {error}"
                );
            }
        }
        (Err(early), Err(_)) => assert!(
            early.offset <= data.len(),
            "{early}, behind the end at {}",
            data.len()
        ),
        (borrowed, owned) => panic!("borrowed {borrowed:?}, owned {owned:?}"),
    }
}

/// Whether only decoding finds this error: borrowing a container checks no texts, keys and types in it.
pub(crate) const fn is_found_by_decoding(kind: DecodeErrorKind) -> bool {
    matches!(
        kind,
        DecodeErrorKind::NotUtf8
            | DecodeErrorKind::ContainerAsKey
            | DecodeErrorKind::DuplicateKey
            | DecodeErrorKind::MixedTypes
            | DecodeErrorKind::TooMuchMemory
    )
}

/// Skips the same bytes as the only parameter of an event.
fn check_skipped(protocol: Protocol, limits: &Limits, data: &[u8]) {
    let (mut body, string) = match protocol {
        Protocol::V16 => (vec![1, 0, 1, 7], b's'),
        _ => (vec![1, 1, 7], 7),
    };
    let start = Header::LENGTH + body.len();
    body.extend_from_slice(data);
    let parsed = Message::decode(MessageKind::Event, protocol, limits, &body);
    let Ok(Message::Event { mut params, .. }) = parsed else {
        assert!(
            data.is_empty() || body.len() > limits.max_received_bytes,
            "{parsed:?}"
        );
        return;
    };
    let skipped = params.finish();
    match codec::decode_value_ref(protocol, limits, data) {
        Ok(_) => assert_eq!(skipped, Ok(0)),
        Err(error) if error.kind == DecodeErrorKind::TrailingBytes => {
            assert_eq!(skipped, Ok(data.len() - error.offset));
        }
        // Borrowing a text checks its UTF-8, skipping it does not.
        Err(error) if error.kind == DecodeErrorKind::NotUtf8 && data.first() == Some(&string) => {
            assert!(skipped.is_ok(), "{skipped:?}, {error}");
        }
        Err(error) => {
            let skipped = skipped.map_err(|error| (error.kind, error.offset));
            assert_eq!(skipped, Err((error.kind, error.offset + start)));
        }
    }
}

fn check_tight_limits(protocol: Protocol, data: &[u8], owned: &Result<Value, DecodeError>) {
    let limited = |kind| {
        matches!(
            kind,
            DecodeErrorKind::TooDeep
                | DecodeErrorKind::TooManyValues
                | DecodeErrorKind::TooMuchMemory
        )
    };
    let tight = decode(protocol, &TIGHT, data);
    check_borrowed(protocol, &TIGHT, data, &tight);
    check_skipped(protocol, &TIGHT, data);
    match (tight, owned) {
        (Ok(value), Ok(owned)) => {
            assert_eq!(value, *owned);
            check_encoding(protocol, &TIGHT, data.len(), &value);
        }
        (Err(error), Err(owned)) => assert!(
            error == *owned || limited(error.kind),
            "{error}, and {owned}"
        ),
        (Err(error), Ok(_)) => assert!(limited(error.kind), "{error}, only with small limits"),
        (Ok(_), Err(error)) => panic!("{error}, only without small limits"),
    }
}

/// Encodes a value that was decoded from `length` bytes. It decodes to the same, or is one that cannot
/// be encoded.
fn check_encoding(protocol: Protocol, limits: &Limits, length: usize, value: &Value) {
    let error = match codec::encode_value(protocol, limits, value) {
        Ok(bytes) => return check_encoded(protocol, &bytes, value),
        Err(error) => error,
    };
    let old = protocol == Protocol::V16;
    let is_documented = match error.kind {
        // Declared types that the official reader accepts, or should, and the official writer never
        // uses.
        EncodeErrorKind::TypeNotExpressible => {
            holds(value, &|part| matches!(part, Part::Dictionary))
        }
        // An empty array of arrays has no element type once it is decoded, and so not the one of its
        // neighbours.
        EncodeErrorKind::TypeMismatch => holds(
            value,
            &|part| matches!(part, Part::Array(Array::Object(elements)) if elements.is_empty()),
        ),
        EncodeErrorKind::TextTooLong(bytes) => !old && bytes > 32_767,
        EncodeErrorKind::TooManyElements(count) => old && count > 32_767,
        EncodeErrorKind::MessageTooLong(most) => length.saturating_mul(2) + 64 > most,
        _ => false,
    };
    assert!(is_documented, "a decoded value cannot be encoded: {error}");
}

/// Stores a value, and reads it again.
fn check_stored(value: &Value) {
    let json = serde_json::to_string(value).expect("a decoded value is not nested too deeply");
    let read: Value = serde_json::from_str(&json).expect("what was stored can be read");
    assert_eq!(read, *value);
    // A value that cannot be encoded is refused, and no other.
    if let Ok(same) = photon_proto::to_value(value) {
        assert_eq!(same, *value);
        let read: Value = photon_proto::from_value(value).expect("what can be made can be read");
        assert_eq!(read, *value);
    }
}

/// Checks the bytes that were encoded for `value`.
fn check_encoded(protocol: Protocol, bytes: &[u8], value: &Value) {
    // A value within the limits for sending is within those for receiving.
    let read =
        codec::decode_value(protocol, &Limits::DEFAULT, bytes).expect("an encoded value decodes");
    let again =
        codec::encode_value(protocol, &Limits::DEFAULT, &read).expect("a value encodes twice");
    assert_eq!(again, bytes);
    // In 1.6 an array of object arrays becomes an object array of object arrays. Spec: wire.md 4.1
    let changed = |part: Part<'_>| match part {
        Part::Array(Array::Array(arrays)) => arrays.first().is_some_and(object_leaf),
        _ => false,
    };
    if protocol != Protocol::V16 || !holds(value, &changed) {
        assert_eq!(read, *value);
    }
}

fn object_leaf(array: &Array) -> bool {
    match array {
        Array::Object(_) => true,
        Array::Array(arrays) => arrays.first().is_some_and(object_leaf),
        _ => false,
    }
}

/// A part of a value that some assertion treats differently.
#[derive(Clone, Copy)]
enum Part<'v> {
    Array(&'v Array),
    Dictionary,
}

/// Whether any part of a value passes the test.
fn holds(value: &Value, test: &dyn Fn(Part<'_>) -> bool) -> bool {
    let parameters = |all: &Parameters| all.iter().any(|(_, value)| holds(value, test));
    match value {
        Value::Array(array) => array_holds(array, test),
        Value::Hashtable(map) => pairs_hold(&map.0, test),
        Value::Dictionary(map) => test(Part::Dictionary) || pairs_hold(&map.pairs, test),
        Value::Request(message) => parameters(&message.parameters),
        Value::Response(message) => parameters(&message.parameters),
        Value::Event(message) => parameters(&message.parameters),
        _ => false,
    }
}

fn array_holds(array: &Array, test: &dyn Fn(Part<'_>) -> bool) -> bool {
    let parameters = |all: &Parameters| all.iter().any(|(_, value)| holds(value, test));
    test(Part::Array(array))
        || match array {
            Array::Object(all) => all.iter().any(|value| holds(value, test)),
            Array::Hashtable(all) => all.iter().any(|map| pairs_hold(&map.0, test)),
            Array::Dictionary { elements, .. } => {
                test(Part::Dictionary) || elements.iter().any(|pairs| pairs_hold(pairs, test))
            }
            Array::Array(all) => all.iter().any(|array| array_holds(array, test)),
            Array::Request(all) => all.iter().any(|message| parameters(&message.parameters)),
            Array::Response(all) => all.iter().any(|message| parameters(&message.parameters)),
            Array::Event(all) => all.iter().any(|message| parameters(&message.parameters)),
            _ => false,
        }
}

fn pairs_hold(pairs: &[(Value, Value)], test: &dyn Fn(Part<'_>) -> bool) -> bool {
    pairs
        .iter()
        .any(|(key, value)| holds(key, test) || holds(value, test))
}
