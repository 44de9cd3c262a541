//! Decodes values of GpBinary 1.8.

use super::code;
use super::types::{DictionaryTypes, min_width};
use crate::codec::arrays::{ArrayOfArrays, Shape, declared_as};
use crate::codec::common::{blob, containers, elements, fits, numbers, texts, utf8, values};
use crate::codec::map::Pairs;
use crate::codec::message_value::{boxed, decode_event, decode_request, decode_response};
use crate::codec::value_ref::{Fixed, ValueRef};
use crate::codec::{Protocol, decode_payload, type_code};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::value::{Array, Dictionary, Hashtable, Type, Value};
use alloc::vec::Vec;

const V18: Protocol = Protocol::V18;

pub(in crate::codec) const fn unzigzag32(value: u32) -> i32 {
    ((value >> 1) as i32) ^ -((value & 1) as i32)
}

const fn unzigzag64(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Decodes a value of fixed size. Returns `None`, and reads nothing, for any other.
#[inline]
pub(in crate::codec) fn decode_fixed<T: Fixed>(
    r: &mut Reader<'_>,
    code: u8,
) -> Result<Option<T>, DecodeError> {
    Ok(Some(match code {
        code::NULL => T::NULL,
        code::BOOL => T::from(r.u8("bool")? != 0),
        code::FALSE => T::from(false),
        code::TRUE => T::from(true),
        code::BYTE => T::from(r.u8("byte")?),
        code::BYTE_ZERO => T::from(0_u8),
        code::SHORT => T::from(i16::from_le_bytes(r.array("short")?)),
        code::SHORT_ZERO => T::from(0_i16),
        code::FLOAT => T::from(f32::from_le_bytes(r.array("float")?)),
        code::FLOAT_ZERO => T::from(0.0_f32),
        code::DOUBLE => T::from(f64::from_le_bytes(r.array("double")?)),
        code::DOUBLE_ZERO => T::from(0.0_f64),
        code::INT => T::from(unzigzag32(r.varint32("int")?)),
        code::INT_ZERO => T::from(0_i32),
        code::INT_1 => T::from(i32::from(r.u8("int")?)),
        code::INT_1_NEGATIVE => T::from(-i32::from(r.u8("int")?)),
        code::INT_2 => T::from(i32::from(u16::from_le_bytes(r.array("int")?))),
        code::INT_2_NEGATIVE => T::from(-i32::from(u16::from_le_bytes(r.array("int")?))),
        code::LONG => T::from(unzigzag64(r.varint64("long")?)),
        code::LONG_ZERO => T::from(0_i64),
        code::LONG_1 => T::from(i64::from(r.u8("long")?)),
        code::LONG_1_NEGATIVE => T::from(-i64::from(r.u8("long")?)),
        code::LONG_2 => T::from(i64::from(u16::from_le_bytes(r.array("long")?))),
        code::LONG_2_NEGATIVE => T::from(-i64::from(u16::from_le_bytes(r.array("long")?))),
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
        code::SLIM_FIRST..=code::SLIM_LAST => ValueRef::Custom {
            code: code - code::SLIM_FIRST,
            data: custom_bytes(r)?,
        },
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
    let array = match code {
        code::DICTIONARY => return Ok(Value::Dictionary(dictionary(r, b)?)),
        code::HASHTABLE => return Ok(Value::Hashtable(hashtable(r, b)?)),
        code::REQUEST => return Ok(Value::Request(boxed(V18, r, b, decode_request)?)),
        code::RESPONSE => return Ok(Value::Response(boxed(V18, r, b, decode_response)?)),
        code::EVENT => return Ok(Value::Event(boxed(V18, r, b, decode_event)?)),
        code::ARRAYS => return Ok(arrays(r, b, at)?.0),
        code::OBJECT_ARRAY => Array::Object(objects(r, b)?),
        code::BOOL_ARRAY => Array::Bool(bools(r, b)?),
        code::SHORT_ARRAY => Array::Short(fixed(r, b, i16::from_le_bytes)?),
        code::FLOAT_ARRAY => Array::Float(fixed(r, b, f32::from_le_bytes)?),
        code::DOUBLE_ARRAY => Array::Double(fixed(r, b, f64::from_le_bytes)?),
        code::INT_ARRAY => Array::Int(varints(
            r,
            b,
            |small| unzigzag32(u32::from(small)),
            |r| Ok(unzigzag32(r.varint32("int array")?)),
        )?),
        code::LONG_ARRAY => Array::Long(varints(
            r,
            b,
            |small| unzigzag64(u64::from(small)),
            |r| Ok(unzigzag64(r.varint64("long array")?)),
        )?),
        code::STRING_ARRAY => {
            let count = count(r, 1, "array count")?;
            Array::String(texts(V18, r, b, count)?)
        }
        code::CUSTOM_ARRAY => {
            let (count, custom) = custom_array(r)?;
            let elements = elements(r, b, count, |r, b| {
                let bytes = custom_bytes(r)?;
                blob(r, b, bytes, "custom data")
            })?;
            Array::Custom {
                code: custom,
                elements,
            }
        }
        code::DICTIONARY_ARRAY => {
            let declared = DictionaryTypes::read(r, b)?;
            let (key, value) = declared.types();
            let count = count(r, 1, "array count")?;
            let elements = containers(r, b, count, |r, b| pairs(r, b, &declared, &value))?;
            Array::Dictionary {
                key,
                value,
                elements,
            }
        }
        code::HASHTABLE_ARRAY => {
            let count = count(r, 1, "array count")?;
            Array::Hashtable(containers(r, b, count, hashtable)?)
        }
        _ => return Err(unknown(code, at)),
    };
    Ok(Value::Array(array))
}

/// Decodes an array of arrays whose type code is at `at`. Returns its shape as well.
fn arrays(r: &mut Reader<'_>, b: &mut Budget, at: usize) -> Result<(Value, Shape), DecodeError> {
    let count = count(r, 1, "array count")?;
    b.has_values(count, r.offset(), "array")?;
    b.memory(count, size_of::<Value>(), r.offset(), "array")?;
    let mut all = ArrayOfArrays::new(count);
    for _ in 0..count {
        let (code, at) = type_code(r, b)?;
        all.push(if code == code::ARRAYS {
            // Not replaced by itself if it cannot be decoded: the array around it would then have
            // elements of two types, and would be replaced as well.
            b.nested(at, |b| arrays(r, b, at))?
        } else {
            let value = decode_payload(V18, r, b, code, at)?;
            let shape = Shape::of_value(&value);
            (value, shape)
        });
    }
    all.finish(at)
}

pub(super) fn unknown(code: u8, at: usize) -> DecodeError {
    let kind = match code {
        code::UNTYPED => DecodeErrorKind::TypeNotAllowed(code),
        _ => DecodeErrorKind::UnknownType(code),
    };
    DecodeError::new(kind, at, "type code")
}

/// Decodes a varint count of elements of at least `min_width` bytes each.
#[inline]
pub(super) fn count(
    r: &mut Reader<'_>,
    min_width: usize,
    field: &'static str,
) -> Result<usize, DecodeError> {
    let at = r.offset();
    let count = r.varint32(field)?;
    if count > i32::MAX.unsigned_abs() {
        return Err(DecodeError::new(DecodeErrorKind::BadLength, at, field));
    }
    fits(
        r,
        usize::try_from(count).unwrap_or(usize::MAX),
        min_width,
        at,
        field,
    )
}

#[inline]
pub(in crate::codec) fn string_bytes<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "string length")?;
    r.take(length, "string")
}

pub(super) fn byte_array<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "byte array length")?;
    r.take(length, "byte array")
}

pub(super) fn custom_bytes<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "custom length")?;
    r.take(length, "custom data")
}

/// Decodes the count and type code of a custom array.
pub(super) fn custom_array(r: &mut Reader<'_>) -> Result<(usize, u8), DecodeError> {
    let at = r.offset();
    let count = count(r, 0, "custom array count")?;
    let custom = r.u8("custom type code")?;
    Ok((fits(r, count, 1, at, "custom array count")?, custom))
}

/// Decodes the count of a bool array, and takes the bytes whose bits are its elements.
pub(super) fn packed_bools<'a>(r: &mut Reader<'a>) -> Result<(usize, &'a [u8]), DecodeError> {
    let at = r.offset();
    let count = count(r, 0, "array count")?;
    fits(r, count.div_ceil(8), 1, at, "array count")?;
    Ok((count, r.take(count.div_ceil(8), "bool array")?))
}

fn bools(r: &mut Reader<'_>, b: &mut Budget) -> Result<Vec<bool>, DecodeError> {
    let at = r.offset();
    let (count, bytes) = packed_bools(r)?;
    b.memory(count.next_multiple_of(8), 1, at, "array")?;
    // Eight at once: bit by bit, an array would cost 180 instructions for each byte on the wire.
    let mut all = Vec::with_capacity(count.next_multiple_of(8));
    for byte in bytes {
        all.extend_from_slice(&[1, 2, 4, 8, 16, 32, 64, 128].map(|bit| byte & bit != 0));
    }
    all.truncate(count);
    Ok(all)
}

fn fixed<T, const N: usize>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    let count = count(r, N, "array count")?;
    numbers(r, b, count, number)
}

fn varints<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    small: impl Fn(u8) -> T,
    mut number: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = count(r, 1, "array count")?;
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    let mut all = Vec::with_capacity(count);
    loop {
        let start = all.len();
        let row = small_varints(r, count - start)?;
        all.extend(row.iter().map(|byte| small(*byte)));
        if all.len() == count {
            return Ok(all);
        }
        all.push(number(r)?);
    }
}

/// Takes up to `most` varints of one byte each. An array can have a million of them.
pub(super) fn small_varints<'a>(r: &mut Reader<'a>, most: usize) -> Result<&'a [u8], DecodeError> {
    let rest = r.rest();
    let rest = rest.get(..most).unwrap_or(rest);
    // Many at once: without a branch for each byte, the compiler uses vectors.
    const CHUNK: usize = 32;
    let (chunks, _) = rest.as_chunks::<CHUNK>();
    let is_small = |chunk: &&[u8; CHUNK]| chunk.iter().fold(0, |any, byte| any | byte) < 0x80;
    let start = chunks.iter().take_while(is_small).count() * CHUNK;
    let end = rest.iter().skip(start).position(|byte| *byte >= 0x80);
    let length = end.map_or(rest.len(), |end| start + end);
    r.take(length, "array")
}

pub(in crate::codec) fn objects(
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<Vec<Value>, DecodeError> {
    let count = count(r, 1, "array count")?;
    values(V18, r, b, count)
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
    let untyped = |r: &mut Reader<'_>, b: &mut Budget| key_or_value(r, b, code::UNTYPED);
    pairs.decode(r, b, (count, true), untyped, untyped)?;
    Ok(Hashtable(pairs.last_wins()))
}

fn dictionary(r: &mut Reader<'_>, b: &mut Budget) -> Result<Dictionary, DecodeError> {
    let declared = DictionaryTypes::read(r, b)?;
    let (key, value) = declared.types();
    let pairs = pairs(r, b, &declared, &value)?;
    Ok(Dictionary { key, value, pairs })
}

/// Decodes a key or value of a map. Its type is declared, or precedes it. The map has charged for
/// it.
fn key_or_value(r: &mut Reader<'_>, b: &mut Budget, declared: u8) -> Result<Value, DecodeError> {
    let at = r.offset();
    let code = if carries_codes(declared) {
        r.u8("type code")?
    } else {
        declared
    };
    decode_payload(V18, r, b, code, at)
}

/// Whether a type code precedes each key or value: it is untyped, or an array of arrays, which is
/// always encoded completely. Spec: wire.md 5.2.
pub(in crate::codec) const fn carries_codes(declared: u8) -> bool {
    matches!(declared, code::UNTYPED | code::ARRAYS)
}

/// Decodes the number of pairs of a Dictionary and compares it with the remaining input.
///
/// A declared type such as "int zero" needs no bytes per key. The input then does not bound the
/// number of pairs, but all keys are equal, so that more than one pair is an error.
pub(super) fn pair_count(r: &mut Reader<'_>, types: [u8; 2]) -> Result<usize, DecodeError> {
    let at = r.offset();
    let [key, value] = types.map(min_width);
    let count = count(r, key + value, "dictionary count")?;
    if key == 0 && count > 1 {
        return Err(DecodeError::new(
            DecodeErrorKind::DuplicateKey,
            at,
            "dictionary key",
        ));
    }
    Ok(count)
}

fn pairs(
    r: &mut Reader<'_>,
    b: &mut Budget,
    types: &DictionaryTypes<'_>,
    value_type: &Type,
) -> Result<Vec<(Value, Value)>, DecodeError> {
    let at = r.offset();
    let count = pair_count(r, types.codes())?;
    let [key_code, value_code] = types.codes();
    let nested = matches!(value_code, code::DICTIONARY | code::ARRAYS);
    let mut pairs = Pairs::reserve(r, b, count, "dictionary count")?;
    let is_untyped = value_code == code::UNTYPED;
    pairs.decode(
        r,
        b,
        (count, is_untyped),
        |r, b| key_or_value(r, b, key_code),
        |r, b| {
            let value_at = r.offset();
            let value = key_or_value(r, b, value_code)?;
            if nested && !declared_as(&value, value_type) {
                return Err(DecodeError::new(
                    DecodeErrorKind::MixedTypes,
                    value_at,
                    "dictionary value",
                ));
            }
            Ok(value)
        },
    )?;
    pairs.unique(b, at)
}

#[inline]
pub(in crate::codec) fn parameter_count(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let at = r.offset();
    let count = usize::from(r.u8("parameter count")?);
    fits(r, count, 2, at, "parameter count")
}

/// See [`element_count`](crate::codec::element_count).
pub(in crate::codec) fn element_count(
    r: &mut Reader<'_>,
) -> Result<Option<(usize, bool)>, DecodeError> {
    Ok(match r.u8("type code")? {
        code::OBJECT_ARRAY => Some((count(r, 1, "array count")?, false)),
        code::STRING_ARRAY => Some((count(r, 1, "array count")?, true)),
        // wire.md 5.2: an empty array of arrays reads as an empty list.
        code::ARRAYS => Some((count(r, 1, "array count")?, false)).filter(|(count, _)| *count == 0),
        _ => None,
    })
}
