//! Decodes values of GpBinary 1.8.

use super::code;
use crate::codec::arrays::{declared_as, gather_arrays};
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
#[inline]
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
        code::ARRAYS => {
            let count = count(r, 1, "array count")?;
            return gather_arrays(values(V18, r, b, count)?, at);
        }
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
            let types = dictionary_types(r, b)?;
            let count = count(r, 1, "array count")?;
            let elements = containers(r, b, count, |r, b| pairs(r, b, &types))?;
            Array::Dictionary {
                key: types.key,
                value: types.value,
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
    for _ in 0..count {
        let key_at = r.offset();
        let key = key_or_value(r, b, code::UNTYPED)?;
        let value = key_or_value(r, b, code::UNTYPED)?;
        pairs.push(b, key, value, key_at)?;
    }
    Ok(Hashtable(pairs.last_wins()))
}

/// The declared types of a Dictionary, as type codes on the wire and as types.
pub(super) struct DictionaryTypes {
    key_code: u8,
    value_code: u8,
    key: Type,
    value: Type,
}

impl DictionaryTypes {
    pub(super) const fn codes(&self) -> [u8; 2] {
        [self.key_code, self.value_code]
    }

    /// Decodes the number of pairs and compares it with the remaining input.
    ///
    /// A declared type such as "int zero" needs no bytes per key. The input then does not bound the
    /// number of pairs, but all keys are equal, so that more than one pair is an error.
    pub(super) fn count(&self, r: &mut Reader<'_>) -> Result<usize, DecodeError> {
        let at = r.offset();
        let [key, value] = self.codes().map(min_width);
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
}

/// The minimum length of a value of a declared type.
pub(super) const fn min_width(code: u8) -> usize {
    match code {
        code::BYTE_ZERO
        | code::SHORT_ZERO
        | code::INT_ZERO
        | code::LONG_ZERO
        | code::FLOAT_ZERO
        | code::DOUBLE_ZERO => 0,
        _ => 1,
    }
}

/// Decodes the two declared types of a Dictionary. Spec: wire.md 5.3.
pub(super) fn dictionary_types(
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<DictionaryTypes, DecodeError> {
    let at = r.offset();
    let key_code = r.u8("dictionary key type")?;
    let key = scalar_type(key_code).ok_or_else(|| {
        let kind = match key_code {
            code::DICTIONARY
            | code::HASHTABLE
            | code::OBJECT_ARRAY
            | code::REQUEST
            | code::RESPONSE
            | code::EVENT
            | code::ARRAYS..=code::HASHTABLE_ARRAY => DecodeErrorKind::ContainerAsKey,
            _ => DecodeErrorKind::TypeNotAllowed(key_code),
        };
        DecodeError::new(kind, at, "dictionary key type")
    })?;
    let (value_code, value) = value_type(r, b)?;
    Ok(DictionaryTypes {
        key_code,
        value_code,
        key,
        value,
    })
}

fn value_type(r: &mut Reader<'_>, b: &mut Budget) -> Result<(u8, Type), DecodeError> {
    let at = r.offset();
    let code = r.u8("dictionary value type")?;
    let value = match code {
        code::DICTIONARY => {
            b.memory(1, size_of::<(Type, Type)>(), at, "dictionary value type")?;
            let nested = b.nested(at, |b| dictionary_types(r, b))?;
            Type::Dictionary(Box::new((nested.key, nested.value)))
        }
        code::ARRAYS => {
            b.memory(1, size_of::<Type>(), at, "dictionary value type")?;
            let (inner, element) = b.nested(at, |b| value_type(r, b))?;
            let array =
                matches!(inner, code::ARRAYS | code::BYTES) || matches!(element, Type::Array(_));
            if !array {
                let kind = DecodeErrorKind::TypeNotAllowed(inner);
                return Err(DecodeError::new(kind, at + 1, "dictionary value type"));
            }
            Type::Array(Box::new(element))
        }
        code => {
            b.memory(1, size_of::<Type>(), at, "dictionary value type")?;
            flat_type(code).ok_or(DecodeError::new(
                DecodeErrorKind::TypeNotAllowed(code),
                at,
                "dictionary value type",
            ))?
        }
    };
    Ok((code, value))
}

/// The declared types that are allowed for keys and values. A variant of a type, such as "int
/// zero", means that type. Spec: wire.md 5.3.
fn scalar_type(code: u8) -> Option<Type> {
    Some(match code {
        code::UNTYPED => Type::Object,
        code::BOOL => Type::Bool,
        code::BYTE | code::BYTE_ZERO => Type::Byte,
        code::SHORT | code::SHORT_ZERO => Type::Short,
        code::FLOAT | code::FLOAT_ZERO => Type::Float,
        code::DOUBLE | code::DOUBLE_ZERO => Type::Double,
        code::STRING => Type::String,
        code::INT | code::INT_ZERO | code::INT_1..=code::INT_2_NEGATIVE => Type::Int,
        code::LONG | code::LONG_ZERO | code::LONG_1..=code::LONG_2_NEGATIVE => Type::Long,
        _ => return None,
    })
}

/// The declared value types that need no further description.
fn flat_type(code: u8) -> Option<Type> {
    let array = |element| Some(Type::Array(Box::new(element)));
    match code {
        code::HASHTABLE => Some(Type::Hashtable),
        code::REQUEST => Some(Type::Request),
        code::RESPONSE => Some(Type::Response),
        code::EVENT => Some(Type::Event),
        code::BYTES => Some(Type::Bytes),
        code::OBJECT_ARRAY => array(Type::Object),
        code::BOOL_ARRAY => array(Type::Bool),
        code::SHORT_ARRAY => array(Type::Short),
        code::FLOAT_ARRAY => array(Type::Float),
        code::DOUBLE_ARRAY => array(Type::Double),
        code::STRING_ARRAY => array(Type::String),
        code::INT_ARRAY => array(Type::Int),
        code::LONG_ARRAY => array(Type::Long),
        code::HASHTABLE_ARRAY => array(Type::Hashtable),
        code => scalar_type(code),
    }
}

fn dictionary(r: &mut Reader<'_>, b: &mut Budget) -> Result<Dictionary, DecodeError> {
    let types = dictionary_types(r, b)?;
    let pairs = pairs(r, b, &types)?;
    Ok(Dictionary {
        key: types.key,
        value: types.value,
        pairs,
    })
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

fn pairs(
    r: &mut Reader<'_>,
    b: &mut Budget,
    types: &DictionaryTypes,
) -> Result<Vec<(Value, Value)>, DecodeError> {
    let at = r.offset();
    let count = types.count(r)?;
    let nested = matches!(types.value_code, code::DICTIONARY | code::ARRAYS);
    let mut pairs = Pairs::reserve(r, b, count, "dictionary count")?;
    for _ in 0..count {
        let key_at = r.offset();
        let key = key_or_value(r, b, types.key_code)?;
        let value_at = r.offset();
        let value = key_or_value(r, b, types.value_code)?;
        if nested && !declared_as(&value, &types.value) {
            return Err(DecodeError::new(
                DecodeErrorKind::MixedTypes,
                value_at,
                "dictionary value",
            ));
        }
        pairs.push(b, key, value, key_at)?;
    }
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
