//! Decodes values of GpBinary 1.6.

use super::code;
use crate::codec::arrays::{ArrayOfArrays, Shape};
use crate::codec::common::{blob, containers, elements, fits, numbers, texts, utf8, values};
use crate::codec::map::Pairs;
use crate::codec::message_value::{boxed, decode_event, decode_request, decode_response};
use crate::codec::value_ref::{Fixed, ValueRef};
use crate::codec::{Protocol, decode_payload};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::value::{Array, Dictionary, Hashtable, Type, Value};
use alloc::boxed::Box;
use alloc::vec::Vec;

const V16: Protocol = Protocol::V16;

/// Decodes a value of fixed size. Returns `None`, and reads nothing, for any other.
#[inline]
pub(in crate::codec) fn decode_fixed<T: Fixed>(
    r: &mut Reader<'_>,
    code: u8,
) -> Result<Option<T>, DecodeError> {
    Ok(Some(match code {
        code::NULL | code::UNKNOWN => T::NULL,
        code::BOOL => T::from(r.u8("bool")? != 0),
        code::BYTE => T::from(r.u8("byte")?),
        code::SHORT => T::from(i16::from_be_bytes(r.array("short")?)),
        code::INT => T::from(i32::from_be_bytes(r.array("int")?)),
        code::LONG => T::from(i64::from_be_bytes(r.array("long")?)),
        code::FLOAT => T::from(f32::from_be_bytes(r.array("float")?)),
        code::DOUBLE => T::from(f64::from_be_bytes(r.array("double")?)),
        _ => return Ok(None),
    }))
}

/// Decodes a text or bytes without copying. Returns `None`, and reads nothing, for any other type.
#[inline(always)]
pub(in crate::codec) fn decode_slice<'a>(
    r: &mut Reader<'a>,
    code: u8,
) -> Result<Option<ValueRef<'a>>, DecodeError> {
    Ok(Some(match code {
        code::STRING => {
            let text = string_bytes(r)?;
            ValueRef::String(utf8(text, r.offset() - text.len(), "string")?)
        }
        code::BYTES => ValueRef::Bytes(byte_array(r)?),
        code::CUSTOM => {
            let code = r.u8("custom type code")?;
            ValueRef::Custom {
                code,
                data: custom_bytes(r)?,
            }
        }
        _ => return Ok(None),
    }))
}

/// Decodes the payload of a container. `at` is the position of its type code, or where it would be
/// if it is declared.
pub(in crate::codec) fn decode_container(
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<Value, DecodeError> {
    Ok(match code {
        code::INT_ARRAY => {
            let count = long_count(r, 4, "int array count")?;
            Value::Array(Array::Int(numbers(r, b, count, i32::from_be_bytes)?))
        }
        code::STRING_ARRAY => {
            let count = count(r, 2, "string array count")?;
            Value::Array(Array::String(texts(V16, r, b, count)?))
        }
        code::ARRAY => typed_array(r, b)?.0,
        code::OBJECT_ARRAY => Value::Array(Array::Object(objects(r, b)?)),
        code::HASHTABLE => Value::Hashtable(hashtable(r, b)?),
        code::DICTIONARY => Value::Dictionary(dictionary(r, b)?),
        code::EVENT => Value::Event(boxed(V16, r, b, decode_event)?),
        code::REQUEST => Value::Request(boxed(V16, r, b, decode_request)?),
        code::RESPONSE => Value::Response(boxed(V16, r, b, decode_response)?),
        _ => {
            return Err(DecodeError::new(
                DecodeErrorKind::UnknownType(code),
                at,
                "type code",
            ));
        }
    })
}

/// Decodes a count of elements of at least `min_width` bytes each.
#[inline]
pub(super) fn count(
    r: &mut Reader<'_>,
    min_width: usize,
    field: &'static str,
) -> Result<usize, DecodeError> {
    let at = r.offset();
    let count = i16::from_be_bytes(r.array(field)?);
    let count = usize::try_from(count)
        .map_err(|_| DecodeError::new(DecodeErrorKind::BadLength, at, field))?;
    fits(r, count, min_width, at, field)
}

/// Decodes one of the two counts that have 32 bits: of a byte array or a legacy int array.
pub(super) fn long_count(
    r: &mut Reader<'_>,
    min_width: usize,
    field: &'static str,
) -> Result<usize, DecodeError> {
    let at = r.offset();
    let count = i32::from_be_bytes(r.array(field)?);
    let count = usize::try_from(count)
        .map_err(|_| DecodeError::new(DecodeErrorKind::BadLength, at, field))?;
    fits(r, count, min_width, at, field)
}

#[inline]
pub(in crate::codec) fn string_bytes<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "string length")?;
    r.take(length, "string")
}

pub(super) fn byte_array<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = long_count(r, 1, "byte array length")?;
    r.take(length, "byte array")
}

pub(super) fn custom_bytes<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "custom length")?;
    r.take(length, "custom data")
}

pub(in crate::codec) fn objects(
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<Vec<Value>, DecodeError> {
    let count = count(r, 1, "object array count")?;
    values(V16, r, b, count)
}

/// Decodes a typed array, and returns its shape as well. The caller has charged for its depth.
/// Spec: wire.md 4.1.
fn typed_array(r: &mut Reader<'_>, b: &mut Budget) -> Result<(Value, Shape), DecodeError> {
    let start = r.offset();
    let count = count(r, 0, "array count")?;
    let at = r.offset();
    let code = r.u8("array element type")?;
    let width = element_width(code, at)?;
    fits(r, count, width, start, "array count")?;
    let array = match code {
        code::BYTE => {
            let bytes = r.take(count, "byte array")?;
            let bytes = Value::Bytes(blob(r, b, bytes, "byte array")?);
            return Ok((bytes, Shape::UNKNOWN));
        }
        code::BOOL => Array::Bool(numbers(r, b, count, |[byte]: [u8; 1]| byte != 0)?),
        code::SHORT => Array::Short(numbers(r, b, count, i16::from_be_bytes)?),
        code::INT => Array::Int(numbers(r, b, count, i32::from_be_bytes)?),
        code::LONG => Array::Long(numbers(r, b, count, i64::from_be_bytes)?),
        code::FLOAT => Array::Float(numbers(r, b, count, f32::from_be_bytes)?),
        code::DOUBLE => Array::Double(numbers(r, b, count, f64::from_be_bytes)?),
        code::STRING => Array::String(texts(V16, r, b, count)?),
        code::BYTES => Array::Bytes(elements(r, b, count, |r, b| {
            let bytes = byte_array(r)?;
            blob(r, b, bytes, "byte array")
        })?),
        code::CUSTOM => {
            let custom = r.u8("custom type code")?;
            let elements = elements(r, b, count, |r, b| {
                let bytes = custom_bytes(r)?;
                blob(r, b, bytes, "custom data")
            })?;
            Array::Custom {
                code: custom,
                elements,
            }
        }
        code::HASHTABLE => Array::Hashtable(containers(r, b, count, hashtable)?),
        code::REQUEST => Array::Request(containers(r, b, count, |r, b| decode_request(V16, r, b))?),
        code::RESPONSE => {
            Array::Response(containers(r, b, count, |r, b| decode_response(V16, r, b))?)
        }
        code::EVENT => Array::Event(containers(r, b, count, |r, b| decode_event(V16, r, b))?),
        code::DICTIONARY => {
            let (key, value) = dictionary_types(r)?;
            let elements = containers(r, b, count, |r, b| pairs(r, b, key, value))?;
            let (key, value) = (
                declared_type(key),
                dictionary_value_type(value, elements.iter().flatten()),
            );
            Array::Dictionary {
                key,
                value,
                elements,
            }
        }
        // wire.md 4.1: elements of type "object array" are a list of object arrays.
        code::OBJECT_ARRAY => {
            return arrays(r, b, (count, at), |r, b| {
                let list = Value::Array(Array::Object(objects(r, b)?));
                let shape = Shape::of_value(&list);
                Ok((list, shape))
            });
        }
        _ => return arrays(r, b, (count, at), typed_array),
    };
    let array = Value::Array(array);
    let shape = Shape::of_value(&array);
    Ok((array, shape))
}

/// Decodes `count` arrays, which `read` decodes. `at` is the position of their type code.
fn arrays(
    r: &mut Reader<'_>,
    b: &mut Budget,
    (count, at): (usize, usize),
    read: impl Fn(&mut Reader<'_>, &mut Budget) -> Result<(Value, Shape), DecodeError>,
) -> Result<(Value, Shape), DecodeError> {
    b.values(count, r.offset(), "array")?;
    b.memory(count, size_of::<Value>(), r.offset(), "array")?;
    let mut all = ArrayOfArrays::new(count);
    for _ in 0..count {
        all.push(b.nested(r.offset(), |b| read(r, b))?);
    }
    all.finish(at)
}

/// The minimum length of an element of a typed array. Rejects codes that cannot be element types.
pub(super) fn element_width(code: u8, at: usize) -> Result<usize, DecodeError> {
    Ok(match code {
        code::BOOL | code::BYTE => 1,
        code::SHORT
        | code::STRING
        | code::HASHTABLE
        | code::OBJECT_ARRAY
        | code::CUSTOM
        | code::DICTIONARY => 2,
        code::REQUEST | code::EVENT | code::ARRAY => 3,
        code::INT | code::FLOAT | code::BYTES => 4,
        code::RESPONSE => 6,
        code::LONG | code::DOUBLE => 8,
        code::NULL | code::UNKNOWN | code::INT_ARRAY | code::STRING_ARRAY => {
            return Err(DecodeError::new(
                DecodeErrorKind::TypeNotAllowed(code),
                at,
                "array element type",
            ));
        }
        _ => {
            return Err(DecodeError::new(
                DecodeErrorKind::UnknownType(code),
                at,
                "array element type",
            ));
        }
    })
}

pub(in crate::codec) fn hashtable(
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<Hashtable, DecodeError> {
    let count = count(r, 2, "hashtable count")?;
    if count == 0 {
        // A hostile message is full of them: nothing is charged, and no key can repeat.
        return Ok(Hashtable(Vec::new()));
    }
    let mut pairs = Pairs::reserve(r, b, count, "hashtable count")?;
    let untyped = |r: &mut Reader<'_>, b: &mut Budget| key_or_value(r, b, code::UNKNOWN);
    pairs.decode(r, b, (count, true), untyped, untyped)?;
    Ok(Hashtable(pairs.last_wins()))
}

fn dictionary(r: &mut Reader<'_>, b: &mut Budget) -> Result<Dictionary, DecodeError> {
    let (key, value) = dictionary_types(r)?;
    b.memory(1, size_of::<Type>(), r.offset(), "dictionary value type")?;
    let pairs = pairs(r, b, key, value)?;
    Ok(Dictionary {
        key: declared_type(key),
        value: dictionary_value_type(value, &pairs),
        pairs,
    })
}

/// Decodes the two declared types of a Dictionary. Spec: wire.md 4.2.
pub(super) fn dictionary_types(r: &mut Reader<'_>) -> Result<(u8, u8), DecodeError> {
    let declared = |r: &mut Reader<'_>, key: bool| {
        let field = if key {
            "dictionary key type"
        } else {
            "dictionary value type"
        };
        let at = r.offset();
        let kind = match r.u8(field)? {
            code::NULL | code::UNKNOWN => return Ok(code::UNKNOWN),
            code::DICTIONARY => DecodeErrorKind::TypeNotAllowed(code::DICTIONARY),
            code::ARRAY if key => DecodeErrorKind::TypeNotAllowed(code::ARRAY),
            code @ (code::OBJECT_ARRAY
            | code::HASHTABLE
            | code::EVENT
            | code::REQUEST
            | code::RESPONSE
            | code::INT_ARRAY
            | code::STRING_ARRAY
            | code::ARRAY) => {
                if !key {
                    return Ok(code);
                }
                DecodeErrorKind::ContainerAsKey
            }
            code @ (code::BOOL
            | code::BYTE
            | code::SHORT
            | code::INT
            | code::LONG
            | code::FLOAT
            | code::DOUBLE
            | code::STRING
            | code::BYTES
            | code::CUSTOM) => return Ok(code),
            code => DecodeErrorKind::UnknownType(code),
        };
        Err(DecodeError::new(kind, at, field))
    };
    Ok((declared(r, true)?, declared(r, false)?))
}

/// Decodes a key or value of a map. Its type is declared, or (code 0) precedes it. Its cost was
/// charged to the budget with the whole map.
fn key_or_value(r: &mut Reader<'_>, b: &mut Budget, declared: u8) -> Result<Value, DecodeError> {
    let at = r.offset();
    let code = if declared == code::UNKNOWN {
        r.u8("type code")?
    } else {
        declared
    };
    decode_payload(V16, r, b, code, at)
}

fn pairs(
    r: &mut Reader<'_>,
    b: &mut Budget,
    key: u8,
    value: u8,
) -> Result<Vec<(Value, Value)>, DecodeError> {
    let at = r.offset();
    let count = count(r, 2, "dictionary count")?;
    let mut pairs = Pairs::reserve(r, b, count, "dictionary count")?;
    let is_untyped = value == code::UNKNOWN;
    pairs.decode(
        r,
        b,
        (count, is_untyped),
        |r, b| key_or_value(r, b, key),
        |r, b| key_or_value(r, b, value),
    )?;
    pairs.unique(b, at)
}

fn declared_type(code: u8) -> Type {
    match code {
        code::BOOL => Type::Bool,
        code::BYTE => Type::Byte,
        code::SHORT => Type::Short,
        code::INT => Type::Int,
        code::LONG => Type::Long,
        code::FLOAT => Type::Float,
        code::DOUBLE => Type::Double,
        code::STRING => Type::String,
        code::BYTES => Type::Bytes,
        code::INT_ARRAY => Type::Array(Box::new(Type::Int)),
        code::STRING_ARRAY => Type::Array(Box::new(Type::String)),
        code::OBJECT_ARRAY => Type::Array(Box::new(Type::Object)),
        code::HASHTABLE => Type::Hashtable,
        code::CUSTOM => Type::Custom(None),
        code::EVENT => Type::Event,
        code::REQUEST => Type::Request,
        code::RESPONSE => Type::Response,
        _ => Type::Object,
    }
}

/// The value type of a Dictionary. The declaration "array" (79) has no element type, so it comes
/// from the values if they agree.
fn dictionary_value_type<'v>(
    code: u8,
    pairs: impl IntoIterator<Item = &'v (Value, Value)>,
) -> Type {
    if code != code::ARRAY {
        return declared_type(code);
    }
    let mut pairs = pairs.into_iter();
    let Some(first) = pairs.next().map(|(_, value)| value.type_of()) else {
        return Type::Object;
    };
    if pairs.all(|(_, value)| value.type_of() == first) {
        first
    } else {
        Type::Object
    }
}

#[inline]
pub(in crate::codec) fn parameter_count(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    count(r, 2, "parameter count")
}

/// See [`element_count`](crate::codec::element_count).
pub(in crate::codec) fn element_count(
    r: &mut Reader<'_>,
) -> Result<Option<(usize, bool)>, DecodeError> {
    Ok(match r.u8("type code")? {
        code::OBJECT_ARRAY => Some((count(r, 1, "object array count")?, false)),
        code::STRING_ARRAY => Some((count(r, 2, "string array count")?, true)),
        code::ARRAY => {
            let count = count(r, 0, "array count")?;
            match r.u8("array element type")? {
                code::STRING => Some((count, true)),
                // wire.md 4.1: an empty array of arrays reads as an empty list.
                code::ARRAY | code::OBJECT_ARRAY if count == 0 => Some((0, false)),
                _ => None,
            }
        }
        _ => None,
    })
}
