//! GpBinary 1.8: little endian, varint counts, compact numbers. Spec: wire.md 5.

use super::{Output, Pairs, Protocol, check_keys, check_uniform, gather_arrays, utf8};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::limits::Budget;
use crate::message::{read_parameters, skip_parameters, write_parameters};
use crate::reader::Reader;
use crate::text::Text;
use crate::value::{Array, Dictionary, EventData, Hashtable, Request, Response, Type, Value};
use crate::value_ref::ValueRef;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// Type codes. Spec: wire.md 5.
pub(crate) mod code {
    pub(crate) const UNTYPED: u8 = 0;
    pub(crate) const BOOL: u8 = 2;
    pub(crate) const BYTE: u8 = 3;
    pub(crate) const SHORT: u8 = 4;
    pub(crate) const FLOAT: u8 = 5;
    pub(crate) const DOUBLE: u8 = 6;
    pub(crate) const STRING: u8 = 7;
    pub(crate) const NULL: u8 = 8;
    pub(crate) const INT: u8 = 9;
    pub(crate) const LONG: u8 = 10;
    pub(crate) const INT_1: u8 = 11;
    pub(crate) const INT_1_NEGATIVE: u8 = 12;
    pub(crate) const INT_2: u8 = 13;
    pub(crate) const INT_2_NEGATIVE: u8 = 14;
    pub(crate) const LONG_1: u8 = 15;
    pub(crate) const LONG_1_NEGATIVE: u8 = 16;
    pub(crate) const LONG_2: u8 = 17;
    pub(crate) const LONG_2_NEGATIVE: u8 = 18;
    pub(crate) const CUSTOM: u8 = 19;
    pub(crate) const DICTIONARY: u8 = 20;
    pub(crate) const HASHTABLE: u8 = 21;
    pub(crate) const OBJECT_ARRAY: u8 = 23;
    pub(crate) const REQUEST: u8 = 24;
    pub(crate) const RESPONSE: u8 = 25;
    pub(crate) const EVENT: u8 = 26;
    pub(crate) const FALSE: u8 = 27;
    pub(crate) const TRUE: u8 = 28;
    pub(crate) const SHORT_ZERO: u8 = 29;
    pub(crate) const INT_ZERO: u8 = 30;
    pub(crate) const LONG_ZERO: u8 = 31;
    pub(crate) const FLOAT_ZERO: u8 = 32;
    pub(crate) const DOUBLE_ZERO: u8 = 33;
    pub(crate) const BYTE_ZERO: u8 = 34;
    pub(crate) const ARRAYS: u8 = 64;
    pub(crate) const BOOL_ARRAY: u8 = 66;
    pub(crate) const BYTES: u8 = 67;
    pub(crate) const SHORT_ARRAY: u8 = 68;
    pub(crate) const FLOAT_ARRAY: u8 = 69;
    pub(crate) const DOUBLE_ARRAY: u8 = 70;
    pub(crate) const STRING_ARRAY: u8 = 71;
    pub(crate) const INT_ARRAY: u8 = 73;
    pub(crate) const LONG_ARRAY: u8 = 74;
    pub(crate) const CUSTOM_ARRAY: u8 = 83;
    pub(crate) const DICTIONARY_ARRAY: u8 = 84;
    pub(crate) const HASHTABLE_ARRAY: u8 = 85;
    pub(crate) const SLIM_FIRST: u8 = 128;
    pub(crate) const SLIM_LAST: u8 = 228;
}

/// Codes below this are written in the slim custom form. Spec: wire.md 5.4.
const SLIM_WRITTEN: u8 = 100;
/// Longest text written, in bytes. Spec: wire.md 5.5.
const MAX_TEXT: usize = 32_767;

const fn unzigzag32(value: u32) -> i32 {
    ((value >> 1) as i32) ^ -((value & 1) as i32)
}

const fn unzigzag64(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

const fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

const fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

// Reading.

pub(crate) fn value(r: &mut Reader<'_>, b: &mut Budget) -> Result<Value, DecodeError> {
    let at = r.offset();
    let code = r.u8("type code")?;
    b.values(1, at, "value")?;
    payload(r, b, code, at)
}

/// A value that is not a container, borrowed; `None` for containers and unknown codes.
#[inline]
pub(crate) fn scalar<'a>(r: &mut Reader<'a>, code: u8) -> Result<Option<ValueRef<'a>>, DecodeError> {
    Ok(Some(match code {
        code::STRING => {
            let text = string_bytes(r)?;
            ValueRef::String(utf8(text, r.offset().saturating_sub(text.len()), "string")?)
        }
        code::NULL => ValueRef::Null,
        code::BOOL => ValueRef::Bool(r.u8("bool")? != 0),
        code::FALSE => ValueRef::Bool(false),
        code::TRUE => ValueRef::Bool(true),
        code::BYTE => ValueRef::Byte(r.u8("byte")?),
        code::BYTE_ZERO => ValueRef::Byte(0),
        code::SHORT => ValueRef::Short(i16::from_le_bytes(r.array("short")?)),
        code::SHORT_ZERO => ValueRef::Short(0),
        code::FLOAT => ValueRef::Float(f32::from_le_bytes(r.array("float")?)),
        code::FLOAT_ZERO => ValueRef::Float(0.0),
        code::DOUBLE => ValueRef::Double(f64::from_le_bytes(r.array("double")?)),
        code::DOUBLE_ZERO => ValueRef::Double(0.0),
        code::INT => ValueRef::Int(unzigzag32(r.varint32("int")?)),
        code::INT_ZERO => ValueRef::Int(0),
        code::INT_1 => ValueRef::Int(i32::from(r.u8("int")?)),
        code::INT_1_NEGATIVE => ValueRef::Int(-i32::from(r.u8("int")?)),
        code::INT_2 => ValueRef::Int(i32::from(u16::from_le_bytes(r.array("int")?))),
        code::INT_2_NEGATIVE => ValueRef::Int(-i32::from(u16::from_le_bytes(r.array("int")?))),
        code::LONG => ValueRef::Long(unzigzag64(r.varint64("long")?)),
        code::LONG_ZERO => ValueRef::Long(0),
        code::LONG_1 => ValueRef::Long(i64::from(r.u8("long")?)),
        code::LONG_1_NEGATIVE => ValueRef::Long(-i64::from(r.u8("long")?)),
        code::LONG_2 => ValueRef::Long(i64::from(u16::from_le_bytes(r.array("long")?))),
        code::LONG_2_NEGATIVE => ValueRef::Long(-i64::from(u16::from_le_bytes(r.array("long")?))),
        code::BYTES => ValueRef::Bytes(byte_array(r)?),
        code::CUSTOM => {
            let code = r.u8("custom type code")?;
            ValueRef::Custom { code, data: custom_bytes(r)? }
        }
        code::SLIM_FIRST..=code::SLIM_LAST => {
            ValueRef::Custom { code: code - code::SLIM_FIRST, data: custom_bytes(r)? }
        }
        _ => return Ok(None),
    }))
}

/// The payload of a value whose type code was read at `at`, or is declared.
pub(crate) fn payload(r: &mut Reader<'_>, b: &mut Budget, code: u8, at: usize) -> Result<Value, DecodeError> {
    if let Some(scalar) = scalar(r, code)? {
        return scalar.decode(b, at);
    }
    b.enter(at, "container")?;
    let array = match code {
        code::DICTIONARY => {
            let map = dictionary(r, b)?;
            b.leave();
            return Ok(Value::Dictionary(map));
        }
        code::HASHTABLE => {
            let map = hashtable(r, b)?;
            b.leave();
            return Ok(Value::Hashtable(map));
        }
        code::REQUEST | code::RESPONSE | code::EVENT => {
            let message = message(r, b, code)?;
            b.leave();
            return Ok(message);
        }
        code::ARRAYS => {
            let arrays = elements(r, b, 2, false, value)?;
            b.leave();
            return gather_arrays(arrays, at);
        }
        code::OBJECT_ARRAY => Array::Object(elements(r, b, 1, false, value)?),
        code::BOOL_ARRAY => Array::Bool(bools(r, b)?),
        code::SHORT_ARRAY => Array::Short(numbers(r, b, i16::from_le_bytes)?),
        code::FLOAT_ARRAY => Array::Float(numbers(r, b, f32::from_le_bytes)?),
        code::DOUBLE_ARRAY => Array::Double(numbers(r, b, f64::from_le_bytes)?),
        code::INT_ARRAY => Array::Int(varints(r, b, |r| Ok(unzigzag32(r.varint32("int array")?)))?),
        code::LONG_ARRAY => Array::Long(varints(r, b, |r| Ok(unzigzag64(r.varint64("long array")?)))?),
        code::STRING_ARRAY => Array::String(elements(r, b, 1, true, |r, b| {
            let bytes = string_bytes(r)?;
            let at = r.offset().saturating_sub(bytes.len());
            b.memory(bytes.len(), 1, at, "string")?;
            Ok(Text::from(utf8(bytes, at, "string")?))
        })?),
        code::CUSTOM_ARRAY => {
            let count = count(r, 0, "custom array count")?;
            let custom = r.u8("custom type code")?;
            let elements = sized_elements(r, b, count, 1, true, |r, b| {
                let at = r.offset();
                let data = custom_bytes(r)?;
                b.memory(data.len(), 1, at, "custom data")?;
                Ok(Bytes::copy_from_slice(data))
            })?;
            Array::Custom { code: custom, elements }
        }
        code::DICTIONARY_ARRAY => {
            let sides = header(r, b)?;
            let elements = elements(r, b, 1, true, |r, b| {
                b.enter(r.offset(), "container")?;
                let pairs = pairs(r, b, &sides)?;
                b.leave();
                Ok(pairs)
            })?;
            Array::Dictionary { key: sides.key, value: sides.value, elements }
        }
        code::HASHTABLE_ARRAY => Array::Hashtable(elements(r, b, 1, true, |r, b| {
            b.enter(r.offset(), "container")?;
            let map = hashtable(r, b)?;
            b.leave();
            Ok(map)
        })?),
        _ => return Err(unknown(code, at)),
    };
    b.leave();
    Ok(Value::Array(array))
}

fn unknown(code: u8, at: usize) -> DecodeError {
    let kind = match code {
        code::UNTYPED => DecodeErrorKind::TypeNotAllowed(code),
        _ => DecodeErrorKind::UnknownType(code),
    };
    DecodeError::new(kind, at, "type code")
}

/// A varint count of things of at least `min_width` bytes each, checked against what is left.
#[inline]
fn count(r: &mut Reader<'_>, min_width: usize, field: &'static str) -> Result<usize, DecodeError> {
    let at = r.offset();
    let count = r.varint32(field)?;
    if count > i32::MAX.unsigned_abs() {
        return Err(DecodeError::new(DecodeErrorKind::BadLength, at, field));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count.saturating_mul(min_width) > r.left() {
        return Err(DecodeError::new(DecodeErrorKind::Truncated, at, field));
    }
    Ok(count)
}

#[inline]
pub(crate) fn string_bytes<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "string length")?;
    r.take(length, "string")
}

fn byte_array<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "byte array length")?;
    r.take(length, "byte array")
}

fn custom_bytes<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "custom length")?;
    r.take(length, "custom data")
}

/// An array of things that count as values; `charge` unless `read` charges them itself.
fn elements<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    min_width: usize,
    charge: bool,
    read: impl FnMut(&mut Reader<'_>, &mut Budget) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = count(r, min_width, "array count")?;
    sized_elements(r, b, count, min_width, charge, read)
}

fn sized_elements<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    min_width: usize,
    charge: bool,
    mut read: impl FnMut(&mut Reader<'_>, &mut Budget) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    if count.saturating_mul(min_width) > r.left() {
        return Err(r.error(DecodeErrorKind::Truncated, "array count"));
    }
    if charge {
        b.values(count, r.offset(), "array count")?;
    }
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(read(r, b)?);
    }
    Ok(all)
}

fn bools(r: &mut Reader<'_>, b: &mut Budget) -> Result<Vec<bool>, DecodeError> {
    let at = r.offset();
    let count = count(r, 0, "array count")?;
    if count.div_ceil(8) > r.left() {
        return Err(DecodeError::new(DecodeErrorKind::Truncated, at, "array count"));
    }
    b.memory(count, 1, at, "array")?;
    let bytes = r.take(count.div_ceil(8), "bool array")?;
    Ok(bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).take(count).collect())
}

fn numbers<T, const N: usize>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    let count = count(r, N, "array count")?;
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    let bytes = r.take(count.saturating_mul(N), "array")?;
    Ok(bytes.chunks_exact(N).filter_map(|chunk| chunk.first_chunk::<N>()).map(|chunk| number(*chunk)).collect())
}

fn varints<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    mut number: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = count(r, 1, "array count")?;
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(number(r)?);
    }
    Ok(all)
}

fn hashtable(r: &mut Reader<'_>, b: &mut Budget) -> Result<Hashtable, DecodeError> {
    let count = count(r, 2, "hashtable count")?;
    let mut pairs = Pairs::reserve(r, b, count, "hashtable count")?;
    for _ in 0..count {
        let key_at = r.offset();
        let key = side(r, b, code::UNTYPED)?;
        pairs.push(key, side(r, b, code::UNTYPED)?, key_at)?;
    }
    Ok(Hashtable(pairs.last_wins()))
}

/// The declared sides of a Dictionary: the type codes as they stand, and the types they mean.
struct Sides {
    key_code: u8,
    value_code: u8,
    key: Type,
    value: Type,
}

/// Spec: wire.md 5.3.
fn header(r: &mut Reader<'_>, b: &mut Budget) -> Result<Sides, DecodeError> {
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
    Ok(Sides { key_code, value_code, key, value })
}

fn value_type(r: &mut Reader<'_>, b: &mut Budget) -> Result<(u8, Type), DecodeError> {
    let at = r.offset();
    let code = r.u8("dictionary value type")?;
    let value = match code {
        code::DICTIONARY => {
            b.enter(at, "dictionary value type")?;
            let nested = header(r, b)?;
            b.leave();
            Type::Dictionary(Box::new((nested.key, nested.value)))
        }
        code::ARRAYS => {
            b.enter(at, "dictionary value type")?;
            let (inner, element) = value_type(r, b)?;
            b.leave();
            let array = matches!(inner, code::ARRAYS | code::BYTES) || matches!(element, Type::Array(_));
            if !array {
                let kind = DecodeErrorKind::TypeNotAllowed(inner);
                return Err(DecodeError::new(kind, at.saturating_add(1), "dictionary value type"));
            }
            Type::Array(Box::new(element))
        }
        code => flat_type(code)
            .ok_or_else(|| DecodeError::new(DecodeErrorKind::TypeNotAllowed(code), at, "dictionary value type"))?,
    };
    Ok((code, value))
}

/// Declared types that may stand on either side; the variants of a base type mean that type. Spec: wire.md 5.3.
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

/// Declared value types without a nested description.
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
    let sides = header(r, b)?;
    let pairs = pairs(r, b, &sides)?;
    Ok(Dictionary { key: sides.key, value: sides.value, pairs })
}

/// One key or value, typed by the declaration or by itself; its value is charged by the map.
fn side(r: &mut Reader<'_>, b: &mut Budget, declared: u8) -> Result<Value, DecodeError> {
    let at = r.offset();
    // A declared array of arrays is written as a complete value, type code included. Spec: wire.md 5.2.
    let code = if matches!(declared, code::UNTYPED | code::ARRAYS) { r.u8("type code")? } else { declared };
    payload(r, b, code, at)
}

fn pairs(r: &mut Reader<'_>, b: &mut Budget, sides: &Sides) -> Result<Vec<(Value, Value)>, DecodeError> {
    let at = r.offset();
    // A declared variant such as "int zero" makes a side empty, so only the budget bounds the count.
    let count = count(r, 0, "dictionary count")?;
    let nested = matches!(sides.value_code, code::DICTIONARY | code::ARRAYS);
    let mut pairs = Pairs::reserve(r, b, count, "dictionary count")?;
    for _ in 0..count {
        let key_at = r.offset();
        let key = side(r, b, sides.key_code)?;
        let value_at = r.offset();
        let value = side(r, b, sides.value_code)?;
        if nested && !declared_as(&value, &sides.value) {
            return Err(DecodeError::new(DecodeErrorKind::MixedTypes, value_at, "dictionary value"));
        }
        pairs.push(key, value, key_at)?;
    }
    pairs.unique(at)
}

/// Whether a nested value is what its dictionary declares; an empty array of arrays names no element type and fits.
fn declared_as(value: &Value, declared: &Type) -> bool {
    match (value, declared) {
        (Value::Array(Array::Object(all)), Type::Array(_)) if all.is_empty() => true,
        _ => value.type_of() == *declared,
    }
}

fn message(r: &mut Reader<'_>, b: &mut Budget, code: u8) -> Result<Value, DecodeError> {
    let message_code = r.u8("message code")?;
    Ok(match code {
        code::REQUEST => {
            Value::Request(Box::new(Request { code: message_code, parameters: read_parameters(Protocol::V18, r, b)? }))
        }
        code::EVENT => {
            Value::Event(Box::new(EventData { code: message_code, parameters: read_parameters(Protocol::V18, r, b)? }))
        }
        _ => Value::Response(Box::new(Response {
            code: message_code,
            return_code: return_code(r)?,
            debug_message: debug_message(r)?.map(Text::from),
            parameters: read_parameters(Protocol::V18, r, b)?,
        })),
    })
}

pub(crate) fn return_code(r: &mut Reader<'_>) -> Result<i16, DecodeError> {
    Ok(i16::from_le_bytes(r.array("return code")?))
}

/// The text of a response: null or a string. Spec: wire.md 3.
pub(crate) fn debug_message<'a>(r: &mut Reader<'a>) -> Result<Option<&'a str>, DecodeError> {
    let at = r.offset();
    let code = r.u8("debug message type")?;
    match scalar(r, code)? {
        Some(ValueRef::Null) => Ok(None),
        Some(ValueRef::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        _ => Err(DecodeError::new(DecodeErrorKind::WrongType(code), at, "debug message type")),
    }
}

pub(crate) fn parameter_count(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let at = r.offset();
    let count = usize::from(r.u8("parameter count")?);
    if count.saturating_mul(2) > r.left() {
        return Err(DecodeError::new(DecodeErrorKind::Truncated, at, "parameter count"));
    }
    Ok(count)
}

/// Count of an array of mixed values (false) or of strings (true), type code included; `None` for anything else.
pub(crate) fn element_count(r: &mut Reader<'_>) -> Result<Option<(usize, bool)>, DecodeError> {
    Ok(match r.u8("type code")? {
        code::OBJECT_ARRAY => Some((count(r, 1, "array count")?, false)),
        code::STRING_ARRAY => Some((count(r, 1, "array count")?, true)),
        code::ARRAYS => Some((count(r, 2, "array count")?, false)).filter(|(count, _)| *count == 0),
        _ => None,
    })
}

// Skipping: the same bounds, type codes and budget, nothing kept.

pub(crate) fn skip(r: &mut Reader<'_>, b: &mut Budget, code: u8, at: usize) -> Result<(), DecodeError> {
    let width = match code {
        code::STRING => count(r, 1, "string length")?,
        code::NULL
        | code::FALSE
        | code::TRUE
        | code::BYTE_ZERO
        | code::SHORT_ZERO
        | code::INT_ZERO
        | code::LONG_ZERO
        | code::FLOAT_ZERO
        | code::DOUBLE_ZERO => 0,
        code::BOOL | code::BYTE | code::INT_1 | code::INT_1_NEGATIVE | code::LONG_1 | code::LONG_1_NEGATIVE => 1,
        code::SHORT | code::INT_2 | code::INT_2_NEGATIVE | code::LONG_2 | code::LONG_2_NEGATIVE => 2,
        code::FLOAT => 4,
        code::DOUBLE => 8,
        code::INT => return r.varint32("int").map(drop),
        code::LONG => return r.varint64("long").map(drop),
        code::BYTES => count(r, 1, "byte array length")?,
        code::CUSTOM => {
            let _code = r.u8("custom type code")?;
            count(r, 1, "custom length")?
        }
        code::SLIM_FIRST..=code::SLIM_LAST => count(r, 1, "custom length")?,
        _ => {
            b.enter(at, "container")?;
            skip_container(r, b, code, at)?;
            b.leave();
            return Ok(());
        }
    };
    r.take(width, "value").map(drop)
}

fn skip_container(r: &mut Reader<'_>, b: &mut Budget, code: u8, at: usize) -> Result<(), DecodeError> {
    match code {
        code::DICTIONARY => {
            let sides = header(r, b)?;
            skip_pairs(r, b, sides.key_code, sides.value_code, 0)
        }
        code::HASHTABLE => skip_pairs(r, b, code::UNTYPED, code::UNTYPED, 2),
        code::REQUEST | code::EVENT => {
            let _code = r.u8("message code")?;
            skip_parameters(Protocol::V18, r, b)
        }
        code::RESPONSE => {
            let _code = r.u8("operation code")?;
            return_code(r)?;
            debug_message(r)?;
            skip_parameters(Protocol::V18, r, b)
        }
        code::ARRAYS => {
            for _ in 0..count(r, 2, "array count")? {
                super::skip_value(Protocol::V18, r, b)?;
            }
            Ok(())
        }
        code::OBJECT_ARRAY => {
            for _ in 0..count(r, 1, "array count")? {
                super::skip_value(Protocol::V18, r, b)?;
            }
            Ok(())
        }
        code::BOOL_ARRAY => {
            let count = count(r, 0, "array count")?;
            r.take(count.div_ceil(8), "bool array").map(drop)
        }
        code::SHORT_ARRAY => {
            let count = count(r, 2, "array count")?;
            r.take(count.saturating_mul(2), "array").map(drop)
        }
        code::FLOAT_ARRAY => {
            let count = count(r, 4, "array count")?;
            r.take(count.saturating_mul(4), "array").map(drop)
        }
        code::DOUBLE_ARRAY => {
            let count = count(r, 8, "array count")?;
            r.take(count.saturating_mul(8), "array").map(drop)
        }
        code::INT_ARRAY => {
            for _ in 0..count(r, 1, "array count")? {
                r.varint32("int array")?;
            }
            Ok(())
        }
        code::LONG_ARRAY => {
            for _ in 0..count(r, 1, "array count")? {
                r.varint64("long array")?;
            }
            Ok(())
        }
        code::STRING_ARRAY => {
            let count = count(r, 1, "array count")?;
            b.values(count, at, "array count")?;
            for _ in 0..count {
                string_bytes(r)?;
            }
            Ok(())
        }
        code::CUSTOM_ARRAY => {
            let count = count(r, 0, "custom array count")?;
            let _code = r.u8("custom type code")?;
            b.values(count, at, "array count")?;
            for _ in 0..count {
                custom_bytes(r)?;
            }
            Ok(())
        }
        code::DICTIONARY_ARRAY => {
            let sides = header(r, b)?;
            let count = count(r, 1, "array count")?;
            b.values(count, at, "array count")?;
            for _ in 0..count {
                b.enter(r.offset(), "container")?;
                skip_pairs(r, b, sides.key_code, sides.value_code, 0)?;
                b.leave();
            }
            Ok(())
        }
        code::HASHTABLE_ARRAY => {
            let count = count(r, 1, "array count")?;
            b.values(count, at, "array count")?;
            for _ in 0..count {
                b.enter(r.offset(), "container")?;
                skip_pairs(r, b, code::UNTYPED, code::UNTYPED, 2)?;
                b.leave();
            }
            Ok(())
        }
        _ => Err(unknown(code, at)),
    }
}

fn skip_pairs(r: &mut Reader<'_>, b: &mut Budget, key: u8, value: u8, min_width: usize) -> Result<(), DecodeError> {
    let count = count(r, min_width, "map count")?;
    b.values(count.saturating_mul(2), r.offset(), "map count")?;
    for _ in 0..count {
        for declared in [key, value] {
            let at = r.offset();
            let code = if matches!(declared, code::UNTYPED | code::ARRAYS) { r.u8("type code")? } else { declared };
            skip(r, b, code, at)?;
        }
    }
    Ok(())
}

// Writing.

fn write_varint32(out: &mut Output, value: u32) -> Result<(), EncodeError> {
    write_varint64(out, u64::from(value))
}

fn write_varint64(out: &mut Output, mut value: u64) -> Result<(), EncodeError> {
    let mut bytes = [0_u8; 10];
    for length in 1..=bytes.len() {
        let Some(slot) = bytes.get_mut(length - 1) else { break };
        *slot = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            return out.put(bytes.get(..length).unwrap_or_default());
        }
        *slot |= 0x80;
    }
    Ok(())
}

pub(crate) fn write_count(out: &mut Output, count: usize) -> Result<(), EncodeError> {
    match i32::try_from(count) {
        Ok(count) => write_varint32(out, count.unsigned_abs()),
        Err(_) => Err(EncodeErrorKind::TooManyElements(count).into()),
    }
}

pub(crate) fn write_text(out: &mut Output, text: &str) -> Result<(), EncodeError> {
    if text.len() > MAX_TEXT {
        return Err(EncodeErrorKind::TextTooLong(text.len()).into());
    }
    write_bytes(out, text.as_bytes())
}

/// Length and bytes.
pub(crate) fn write_bytes(out: &mut Output, bytes: &[u8]) -> Result<(), EncodeError> {
    write_count(out, bytes.len())?;
    out.put(bytes)
}

/// With its type code: slim below 100, else in full. Spec: wire.md 5.4.
pub(crate) fn write_custom(out: &mut Output, custom: u8, data: &[u8]) -> Result<(), EncodeError> {
    if custom < SLIM_WRITTEN {
        out.put(&[code::SLIM_FIRST + custom])?;
    } else {
        out.put(&[code::CUSTOM, custom])?;
    }
    write_bytes(out, data)
}

pub(crate) fn write_ints(out: &mut Output, all: &[i32]) -> Result<(), EncodeError> {
    out.put(&[code::INT_ARRAY])?;
    write_int_elements(out, all)
}

pub(crate) fn write_bools(out: &mut Output, all: &[bool]) -> Result<(), EncodeError> {
    out.put(&[code::BOOL_ARRAY])?;
    write_bool_elements(out, all)
}

fn write_int_elements(out: &mut Output, all: &[i32]) -> Result<(), EncodeError> {
    write_count(out, all.len())?;
    all.iter().try_for_each(|&one| write_varint32(out, zigzag32(one)))
}

fn write_bool_elements(out: &mut Output, all: &[bool]) -> Result<(), EncodeError> {
    write_count(out, all.len())?;
    all.chunks(8).try_for_each(|eight| {
        let byte = eight.iter().enumerate().fold(0_u8, |byte, (bit, &set)| byte | (u8::from(set) << bit));
        out.put(&[byte])
    })
}

/// A value with its type code, in the form that the official writer chooses. Spec: wire.md 5.1.
pub(crate) fn write_value(out: &mut Output, value: &Value) -> Result<(), EncodeError> {
    out.value()?;
    match value {
        Value::Null => out.put(&[code::NULL]),
        Value::Bool(value) => out.put(&[if *value { code::TRUE } else { code::FALSE }]),
        Value::Byte(0) => out.put(&[code::BYTE_ZERO]),
        Value::Short(0) => out.put(&[code::SHORT_ZERO]),
        Value::Int(value) => {
            let codes = [code::INT_ZERO, code::INT_1, code::INT_1_NEGATIVE, code::INT_2, code::INT_2_NEGATIVE];
            if write_compact(out, i64::from(*value), codes)? {
                return Ok(());
            }
            out.put(&[code::INT])?;
            write_payload(out, &Value::Int(*value))
        }
        Value::Long(value) => {
            let codes = [code::LONG_ZERO, code::LONG_1, code::LONG_1_NEGATIVE, code::LONG_2, code::LONG_2_NEGATIVE];
            if write_compact(out, *value, codes)? {
                return Ok(());
            }
            out.put(&[code::LONG])?;
            write_payload(out, &Value::Long(*value))
        }
        Value::Custom(custom) => write_custom(out, custom.code, &custom.data),
        value => {
            out.put(&[type_code(value)?])?;
            write_payload(out, value)
        }
    }
}

/// The zero, one and two byte forms of an int or long; false if the number needs a varint.
fn write_compact(out: &mut Output, value: i64, codes: [u8; 5]) -> Result<bool, EncodeError> {
    let [zero, one, one_negative, two, two_negative] = codes;
    let Ok(size) = u16::try_from(value.unsigned_abs()) else { return Ok(false) };
    let [low, high] = size.to_le_bytes();
    match (value < 0, high) {
        _ if value == 0 => out.put(&[zero]),
        (false, 0) => out.put(&[one, low]),
        (true, 0) => out.put(&[one_negative, low]),
        (false, _) => out.put(&[two, low, high]),
        (true, _) => out.put(&[two_negative, low, high]),
    }?;
    Ok(true)
}

fn type_code(value: &Value) -> Result<u8, EncodeError> {
    Ok(match value {
        Value::Null => code::NULL,
        Value::Bool(_) => code::BOOL,
        Value::Byte(_) => code::BYTE,
        Value::Short(_) => code::SHORT,
        Value::Int(_) => code::INT,
        Value::Long(_) => code::LONG,
        Value::Float(_) => code::FLOAT,
        Value::Double(_) => code::DOUBLE,
        Value::String(_) => code::STRING,
        Value::Bytes(_) => code::BYTES,
        Value::Array(array) => array_code(array)?,
        Value::Hashtable(_) => code::HASHTABLE,
        Value::Dictionary(_) => code::DICTIONARY,
        Value::Custom(_) => code::CUSTOM,
        Value::Request(_) => code::REQUEST,
        Value::Response(_) => code::RESPONSE,
        Value::Event(_) => code::EVENT,
    })
}

fn array_code(array: &Array) -> Result<u8, EncodeError> {
    Ok(match array {
        Array::Bool(_) => code::BOOL_ARRAY,
        Array::Short(_) => code::SHORT_ARRAY,
        Array::Int(_) => code::INT_ARRAY,
        Array::Long(_) => code::LONG_ARRAY,
        Array::Float(_) => code::FLOAT_ARRAY,
        Array::Double(_) => code::DOUBLE_ARRAY,
        Array::String(_) => code::STRING_ARRAY,
        Array::Bytes(_) | Array::Array(_) => code::ARRAYS,
        Array::Object(_) => code::OBJECT_ARRAY,
        Array::Hashtable(_) => code::HASHTABLE_ARRAY,
        Array::Dictionary { .. } => code::DICTIONARY_ARRAY,
        Array::Custom { .. } => code::CUSTOM_ARRAY,
        Array::Request(_) | Array::Response(_) | Array::Event(_) => {
            return Err(EncodeErrorKind::TypeNotExpressible.into());
        }
    })
}

/// What follows the type code, or stands alone under a declaration.
fn write_payload(out: &mut Output, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::Null => Ok(()),
        Value::Bool(value) => out.put(&[u8::from(*value)]),
        Value::Byte(value) => out.put(&[*value]),
        Value::Short(value) => out.put(&value.to_le_bytes()),
        Value::Int(value) => write_varint32(out, zigzag32(*value)),
        Value::Long(value) => write_varint64(out, zigzag64(*value)),
        Value::Float(value) => out.put(&value.to_le_bytes()),
        Value::Double(value) => out.put(&value.to_le_bytes()),
        Value::String(text) => write_text(out, text),
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::Array(array) => out.nested(|out| write_array(out, array)),
        Value::Hashtable(map) => out.nested(|out| write_pairs(out, &map.0, &Type::Object, &Type::Object)),
        Value::Dictionary(map) => out.nested(|out| write_dictionary(out, map)),
        Value::Request(message) => out.nested(|out| {
            out.put(&[message.code])?;
            write_parameters(out, &message.parameters)
        }),
        Value::Response(message) => out.nested(|out| {
            out.put(&[message.code])?;
            out.return_code(message.return_code)?;
            out.debug_message(message.debug_message.as_deref())?;
            write_parameters(out, &message.parameters)
        }),
        Value::Event(message) => out.nested(|out| {
            out.put(&[message.code])?;
            write_parameters(out, &message.parameters)
        }),
        // wire.md 5.3: not producible under a declaration; standing alone it has its own form.
        Value::Custom(_) => Err(EncodeErrorKind::TypeNotExpressible.into()),
    }
}

fn write_array(out: &mut Output, array: &Array) -> Result<(), EncodeError> {
    match array {
        Array::Bool(all) => write_bool_elements(out, all),
        Array::Short(all) => write_numbers(out, all, |one| one.to_le_bytes()),
        Array::Int(all) => write_int_elements(out, all),
        Array::Long(all) => {
            write_count(out, all.len())?;
            all.iter().try_for_each(|&one| write_varint64(out, zigzag64(one)))
        }
        Array::Float(all) => write_numbers(out, all, |one| one.to_le_bytes()),
        Array::Double(all) => write_numbers(out, all, |one| one.to_le_bytes()),
        Array::String(all) => {
            write_count(out, all.len())?;
            out.each_value(all, |out, one| write_text(out, one))
        }
        Array::Bytes(all) => {
            if all.is_empty() {
                return Err(EncodeErrorKind::EmptyNestedArray.into());
            }
            write_count(out, all.len())?;
            out.each_value(all, |out, one| {
                out.put(&[code::BYTES])?;
                write_bytes(out, one)
            })
        }
        Array::Object(all) => {
            write_count(out, all.len())?;
            out.each(all, write_value)
        }
        Array::Custom { code, elements } => {
            write_count(out, elements.len())?;
            out.put(&[*code])?;
            out.each_value(elements, |out, one| write_bytes(out, one))
        }
        Array::Hashtable(all) => {
            write_count(out, all.len())?;
            out.each_value(all, |out, one| out.nested(|out| write_pairs(out, &one.0, &Type::Object, &Type::Object)))
        }
        Array::Dictionary { key, value, elements } => {
            write_header(out, key, value)?;
            write_count(out, elements.len())?;
            out.each_value(elements, |out, one| out.nested(|out| write_pairs(out, one, key, value)))
        }
        Array::Array(all) => {
            check_uniform(all)?;
            write_count(out, all.len())?;
            out.each_value(all, |out, one| {
                out.put(&[array_code(one)?])?;
                out.nested(|out| write_array(out, one))
            })
        }
        Array::Request(_) | Array::Response(_) | Array::Event(_) => Err(EncodeErrorKind::TypeNotExpressible.into()),
    }
}

fn write_numbers<T: Copy, const N: usize>(
    out: &mut Output,
    all: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> Result<(), EncodeError> {
    write_count(out, all.len())?;
    all.iter().try_for_each(|&one| out.put(&bytes(one)))
}

fn write_dictionary(out: &mut Output, map: &Dictionary) -> Result<(), EncodeError> {
    write_header(out, &map.key, &map.value)?;
    write_pairs(out, &map.pairs, &map.key, &map.value)
}

fn write_header(out: &mut Output, key: &Type, value: &Type) -> Result<(), EncodeError> {
    let key = match key {
        Type::Object => code::UNTYPED,
        Type::Byte => code::BYTE,
        Type::Short => code::SHORT,
        Type::Float => code::FLOAT,
        Type::Double => code::DOUBLE,
        Type::String => code::STRING,
        Type::Int => code::INT,
        Type::Long => code::LONG,
        // Bool keys among them: the official reader refuses what the official writer permits. Spec: wire.md 5.3.
        _ => return Err(EncodeErrorKind::TypeNotExpressible.into()),
    };
    out.put(&[key])?;
    write_value_type(out, value)
}

fn write_value_type(out: &mut Output, value: &Type) -> Result<(), EncodeError> {
    let code = match value {
        Type::Object => code::UNTYPED,
        Type::Bool => code::BOOL,
        Type::Byte => code::BYTE,
        Type::Short => code::SHORT,
        Type::Float => code::FLOAT,
        Type::Double => code::DOUBLE,
        Type::String => code::STRING,
        Type::Int => code::INT,
        Type::Long => code::LONG,
        Type::Bytes => code::BYTES,
        Type::Hashtable => code::HASHTABLE,
        Type::Request => code::REQUEST,
        Type::Response => code::RESPONSE,
        Type::Event => code::EVENT,
        Type::Dictionary(sides) => {
            out.put(&[code::DICTIONARY])?;
            return out.nested(|out| write_header(out, &sides.0, &sides.1));
        }
        Type::Array(element) => match **element {
            Type::Object => code::OBJECT_ARRAY,
            Type::Bool => code::BOOL_ARRAY,
            Type::Short => code::SHORT_ARRAY,
            Type::Float => code::FLOAT_ARRAY,
            Type::Double => code::DOUBLE_ARRAY,
            Type::String => code::STRING_ARRAY,
            Type::Int => code::INT_ARRAY,
            Type::Long => code::LONG_ARRAY,
            Type::Hashtable => code::HASHTABLE_ARRAY,
            Type::Bytes => {
                return out.put(&[code::ARRAYS, code::BYTES]);
            }
            // An array of object arrays is not readable by the official reader. Spec: wire.md 5.3.
            Type::Array(ref inner) if **inner != Type::Object => {
                out.put(&[code::ARRAYS])?;
                return out.nested(|out| write_value_type(out, element));
            }
            _ => return Err(EncodeErrorKind::TypeNotExpressible.into()),
        },
        Type::Custom(_) => return Err(EncodeErrorKind::TypeNotExpressible.into()),
    };
    out.put(&[code])
}

fn write_pairs(out: &mut Output, pairs: &[(Value, Value)], key: &Type, value: &Type) -> Result<(), EncodeError> {
    check_keys(pairs)?;
    write_count(out, pairs.len())?;
    for (index, pair) in pairs.iter().enumerate() {
        write_side(out, &pair.0, key)
            .and_then(|()| write_side(out, &pair.1, value))
            .map_err(|error| error.within(format_args!("{{{index}}}")))?;
    }
    Ok(())
}

fn write_side(out: &mut Output, value: &Value, declared: &Type) -> Result<(), EncodeError> {
    if *declared == Type::Object {
        return write_value(out, value);
    }
    if value.type_of() != *declared {
        return Err(EncodeErrorKind::TypeMismatch.into());
    }
    match value {
        // A declared array of arrays keeps its type code. Spec: wire.md 5.2.
        Value::Array(Array::Array(_) | Array::Bytes(_)) => write_value(out, value),
        value => {
            out.value()?;
            write_payload(out, value)
        }
    }
}
