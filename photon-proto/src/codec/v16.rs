//! GpBinary 1.6: big endian, 16 bit counts. Spec: wire.md 4.

use super::{Output, Pairs, check_keys, check_uniform, gather_arrays, utf8};
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

/// Type codes. Spec: wire.md 4.
pub(crate) mod code {
    pub(crate) const UNKNOWN: u8 = 0x00;
    pub(crate) const NULL: u8 = b'*';
    pub(crate) const BOOL: u8 = b'o';
    pub(crate) const BYTE: u8 = b'b';
    pub(crate) const SHORT: u8 = b'k';
    pub(crate) const INT: u8 = b'i';
    pub(crate) const LONG: u8 = b'l';
    pub(crate) const FLOAT: u8 = b'f';
    pub(crate) const DOUBLE: u8 = b'd';
    pub(crate) const STRING: u8 = b's';
    pub(crate) const BYTES: u8 = b'x';
    pub(crate) const INT_ARRAY: u8 = b'n';
    pub(crate) const STRING_ARRAY: u8 = b'a';
    pub(crate) const ARRAY: u8 = b'y';
    pub(crate) const OBJECT_ARRAY: u8 = b'z';
    pub(crate) const HASHTABLE: u8 = b'h';
    pub(crate) const DICTIONARY: u8 = b'D';
    pub(crate) const CUSTOM: u8 = b'c';
    pub(crate) const EVENT: u8 = b'e';
    pub(crate) const REQUEST: u8 = b'q';
    pub(crate) const RESPONSE: u8 = b'p';
}

/// Greatest 16 bit count or length. Spec: wire.md 4.4.
const MAX_COUNT: usize = 32_767;

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
        code::NULL | code::UNKNOWN => ValueRef::Null,
        code::BOOL => ValueRef::Bool(r.u8("bool")? != 0),
        code::BYTE => ValueRef::Byte(r.u8("byte")?),
        code::SHORT => ValueRef::Short(i16::from_be_bytes(r.array("short")?)),
        code::INT => ValueRef::Int(i32::from_be_bytes(r.array("int")?)),
        code::LONG => ValueRef::Long(i64::from_be_bytes(r.array("long")?)),
        code::FLOAT => ValueRef::Float(f32::from_be_bytes(r.array("float")?)),
        code::DOUBLE => ValueRef::Double(f64::from_be_bytes(r.array("double")?)),
        code::STRING => {
            let text = string_bytes(r)?;
            ValueRef::String(utf8(text, r.offset().saturating_sub(text.len()), "string")?)
        }
        code::BYTES => ValueRef::Bytes(byte_array(r)?),
        code::CUSTOM => {
            let code = r.u8("custom type code")?;
            ValueRef::Custom { code, data: custom_bytes(r)? }
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
    let value = match code {
        code::INT_ARRAY => {
            let count = long_count(r, 4, "int array count")?;
            Value::Array(Array::Int(numbers(r, b, count, i32::from_be_bytes)?))
        }
        code::STRING_ARRAY => {
            let count = count(r, 2, "string array count")?;
            Value::Array(Array::String(texts(r, b, count)?))
        }
        code::ARRAY => typed_array(r, b)?,
        code::OBJECT_ARRAY => Value::Array(Array::Object(objects(r, b)?)),
        code::HASHTABLE => Value::Hashtable(hashtable(r, b)?),
        code::DICTIONARY => Value::Dictionary(dictionary(r, b)?),
        code::EVENT => Value::Event(Box::new(event(r, b)?)),
        code::REQUEST => Value::Request(Box::new(request(r, b)?)),
        code::RESPONSE => Value::Response(Box::new(response(r, b)?)),
        _ => return Err(DecodeError::new(DecodeErrorKind::UnknownType(code), at, "type code")),
    };
    b.leave();
    Ok(value)
}

fn count(r: &mut Reader<'_>, min_width: usize, field: &'static str) -> Result<usize, DecodeError> {
    let at = r.offset();
    let count = i16::from_be_bytes(r.array(field)?);
    let count = usize::try_from(count).map_err(|_| DecodeError::new(DecodeErrorKind::BadLength, at, field))?;
    fits(r, count, min_width, at, field)
}

/// The two counts of 32 bits: byte array and legacy int array.
fn long_count(r: &mut Reader<'_>, min_width: usize, field: &'static str) -> Result<usize, DecodeError> {
    let at = r.offset();
    let count = i32::from_be_bytes(r.array(field)?);
    let count = usize::try_from(count).map_err(|_| DecodeError::new(DecodeErrorKind::BadLength, at, field))?;
    fits(r, count, min_width, at, field)
}

fn fits(r: &Reader<'_>, count: usize, min_width: usize, at: usize, field: &'static str) -> Result<usize, DecodeError> {
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
    let length = long_count(r, 1, "byte array length")?;
    r.take(length, "byte array")
}

fn custom_bytes<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(r, 1, "custom length")?;
    r.take(length, "custom data")
}

fn numbers<T, const N: usize>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    let bytes = r.take(count.saturating_mul(N), "array")?;
    Ok(bytes.chunks_exact(N).filter_map(|chunk| chunk.first_chunk::<N>()).map(|chunk| number(*chunk)).collect())
}

/// `count` elements that count as values, each read by `read`.
fn elements<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    mut read: impl FnMut(&mut Reader<'_>, &mut Budget) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    b.values(count, r.offset(), "array")?;
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(read(r, b)?);
    }
    Ok(all)
}

fn texts(r: &mut Reader<'_>, b: &mut Budget, count: usize) -> Result<Vec<Text>, DecodeError> {
    elements(r, b, count, |r, b| {
        let bytes = string_bytes(r)?;
        let at = r.offset().saturating_sub(bytes.len());
        b.memory(bytes.len(), 1, at, "string")?;
        Ok(utf8(bytes, at, "string")?.into())
    })
}

fn blob(bytes: &[u8], b: &mut Budget, at: usize) -> Result<Bytes, DecodeError> {
    b.memory(bytes.len(), 1, at, "byte array")?;
    Ok(Bytes::copy_from_slice(bytes))
}

fn objects(r: &mut Reader<'_>, b: &mut Budget) -> Result<Vec<Value>, DecodeError> {
    let count = count(r, 1, "object array count")?;
    b.memory(count, size_of::<Value>(), r.offset(), "object array")?;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(value(r, b)?);
    }
    Ok(all)
}

/// Spec: wire.md 4.1. The caller has entered the container.
fn typed_array(r: &mut Reader<'_>, b: &mut Budget) -> Result<Value, DecodeError> {
    let start = r.offset();
    let count = count(r, 0, "array count")?;
    let at = r.offset();
    let code = r.u8("array element type")?;
    let width = element_width(code, at)?;
    fits(r, count, width, start, "array count")?;
    let array = match code {
        code::BYTE => return Ok(Value::Bytes(blob(r.take(count, "byte array")?, b, at)?)),
        code::BOOL => {
            b.memory(count, 1, at, "array")?;
            Array::Bool(r.take(count, "bool array")?.iter().map(|&byte| byte != 0).collect())
        }
        code::SHORT => Array::Short(numbers(r, b, count, i16::from_be_bytes)?),
        code::INT => Array::Int(numbers(r, b, count, i32::from_be_bytes)?),
        code::LONG => Array::Long(numbers(r, b, count, i64::from_be_bytes)?),
        code::FLOAT => Array::Float(numbers(r, b, count, f32::from_be_bytes)?),
        code::DOUBLE => Array::Double(numbers(r, b, count, f64::from_be_bytes)?),
        code::STRING => Array::String(texts(r, b, count)?),
        code::BYTES => Array::Bytes(elements(r, b, count, |r, b| {
            let at = r.offset();
            blob(byte_array(r)?, b, at)
        })?),
        code::CUSTOM => {
            let custom = r.u8("custom type code")?;
            let elements = elements(r, b, count, |r, b| {
                let at = r.offset();
                blob(custom_bytes(r)?, b, at)
            })?;
            Array::Custom { code: custom, elements }
        }
        code::HASHTABLE => Array::Hashtable(elements(r, b, count, |r, b| nested(r, b, hashtable))?),
        code::REQUEST => Array::Request(elements(r, b, count, |r, b| nested(r, b, request))?),
        code::RESPONSE => Array::Response(elements(r, b, count, |r, b| nested(r, b, response))?),
        code::EVENT => Array::Event(elements(r, b, count, |r, b| nested(r, b, event))?),
        code::DICTIONARY => {
            let (key, value) = sides(r)?;
            let elements = elements(r, b, count, |r, b| nested(r, b, |r, b| pairs(r, b, key, value)))?;
            let (key, value) = (declared_type(key), dictionary_value_type(value, elements.iter().flatten()));
            Array::Dictionary { key, value, elements }
        }
        // wire.md 4.1: element type "object array" reads as a list of object arrays.
        code::OBJECT_ARRAY => {
            let arrays =
                elements(r, b, count, |r, b| nested(r, b, |r, b| Ok(Value::Array(Array::Object(objects(r, b)?)))))?;
            return gather_arrays(arrays, at);
        }
        _ => {
            let arrays = elements(r, b, count, |r, b| nested(r, b, typed_array))?;
            return gather_arrays(arrays, at);
        }
    };
    Ok(Value::Array(array))
}

fn nested<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    read: impl FnOnce(&mut Reader<'_>, &mut Budget) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    b.enter(r.offset(), "container")?;
    let value = read(r, b)?;
    b.leave();
    Ok(value)
}

/// The fewest bytes one element of a typed array takes; refuses codes that cannot be element types.
fn element_width(code: u8, at: usize) -> Result<usize, DecodeError> {
    Ok(match code {
        code::BOOL | code::BYTE => 1,
        code::SHORT | code::STRING | code::HASHTABLE | code::OBJECT_ARRAY | code::CUSTOM | code::DICTIONARY => 2,
        code::REQUEST | code::EVENT | code::ARRAY => 3,
        code::INT | code::FLOAT | code::BYTES => 4,
        code::RESPONSE => 6,
        code::LONG | code::DOUBLE => 8,
        code::NULL | code::UNKNOWN | code::INT_ARRAY | code::STRING_ARRAY => {
            return Err(DecodeError::new(DecodeErrorKind::TypeNotAllowed(code), at, "array element type"));
        }
        _ => return Err(DecodeError::new(DecodeErrorKind::UnknownType(code), at, "array element type")),
    })
}

fn hashtable(r: &mut Reader<'_>, b: &mut Budget) -> Result<Hashtable, DecodeError> {
    let count = count(r, 2, "hashtable count")?;
    let mut pairs = Pairs::reserve(r, b, count, "hashtable count")?;
    for _ in 0..count {
        let key_at = r.offset();
        let key = side(r, b, code::UNKNOWN)?;
        pairs.push(key, side(r, b, code::UNKNOWN)?, key_at)?;
    }
    Ok(Hashtable(pairs.last_wins()))
}

fn dictionary(r: &mut Reader<'_>, b: &mut Budget) -> Result<Dictionary, DecodeError> {
    let (key, value) = sides(r)?;
    let pairs = pairs(r, b, key, value)?;
    Ok(Dictionary { key: declared_type(key), value: dictionary_value_type(value, &pairs), pairs })
}

/// The two declared types of a Dictionary. Spec: wire.md 4.2.
fn sides(r: &mut Reader<'_>) -> Result<(u8, u8), DecodeError> {
    let declared = |r: &mut Reader<'_>, key: bool| {
        let field = if key { "dictionary key type" } else { "dictionary value type" };
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

/// One key or value, typed by the declaration or (code 0) by itself; its value is charged by the map.
fn side(r: &mut Reader<'_>, b: &mut Budget, declared: u8) -> Result<Value, DecodeError> {
    let at = r.offset();
    let code = if declared == code::UNKNOWN { r.u8("type code")? } else { declared };
    payload(r, b, code, at)
}

fn pairs(r: &mut Reader<'_>, b: &mut Budget, key: u8, value: u8) -> Result<Vec<(Value, Value)>, DecodeError> {
    let at = r.offset();
    let count = count(r, 2, "dictionary count")?;
    let mut pairs = Pairs::reserve(r, b, count, "dictionary count")?;
    for _ in 0..count {
        let key_at = r.offset();
        let key = side(r, b, key)?;
        pairs.push(key, side(r, b, value)?, key_at)?;
    }
    pairs.unique(at)
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

/// The type of a value side. Declared as "array" (79) it names no element type: the values do, if they agree.
fn dictionary_value_type<'v>(code: u8, pairs: impl IntoIterator<Item = &'v (Value, Value)>) -> Type {
    if code != code::ARRAY {
        return declared_type(code);
    }
    let mut pairs = pairs.into_iter();
    let Some(first) = pairs.next().map(|(_, value)| value.type_of()) else {
        return Type::Object;
    };
    if pairs.all(|(_, value)| value.type_of() == first) { first } else { Type::Object }
}

fn event(r: &mut Reader<'_>, b: &mut Budget) -> Result<EventData, DecodeError> {
    Ok(EventData { code: r.u8("event code")?, parameters: read_parameters(super::Protocol::V16, r, b)? })
}

fn request(r: &mut Reader<'_>, b: &mut Budget) -> Result<Request, DecodeError> {
    Ok(Request { code: r.u8("operation code")?, parameters: read_parameters(super::Protocol::V16, r, b)? })
}

fn response(r: &mut Reader<'_>, b: &mut Budget) -> Result<Response, DecodeError> {
    let code = r.u8("operation code")?;
    let return_code = return_code(r)?;
    let debug_message = debug_message(r)?.map(Text::from);
    Ok(Response { code, return_code, debug_message, parameters: read_parameters(super::Protocol::V16, r, b)? })
}

pub(crate) fn return_code(r: &mut Reader<'_>) -> Result<i16, DecodeError> {
    Ok(i16::from_be_bytes(r.array("return code")?))
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
    count(r, 2, "parameter count")
}

/// Count of an array of mixed values (false) or of strings (true), type code included; `None` for anything else.
pub(crate) fn element_count(r: &mut Reader<'_>) -> Result<Option<(usize, bool)>, DecodeError> {
    Ok(match r.u8("type code")? {
        code::OBJECT_ARRAY => Some((count(r, 1, "object array count")?, false)),
        code::STRING_ARRAY => Some((count(r, 2, "string array count")?, true)),
        code::ARRAY => {
            let count = count(r, 0, "array count")?;
            match r.u8("array element type")? {
                code::STRING => Some((count, true)),
                _ if count == 0 => Some((0, false)),
                _ => None,
            }
        }
        _ => None,
    })
}

// Skipping: the same bounds, type codes and budget, nothing kept.

pub(crate) fn skip(r: &mut Reader<'_>, b: &mut Budget, code: u8, at: usize) -> Result<(), DecodeError> {
    let width = match code {
        code::NULL | code::UNKNOWN => 0,
        code::BOOL | code::BYTE => 1,
        code::SHORT => 2,
        code::INT | code::FLOAT => 4,
        code::LONG | code::DOUBLE => 8,
        code::STRING => count(r, 1, "string length")?,
        code::BYTES => long_count(r, 1, "byte array length")?,
        code::CUSTOM => {
            let _code = r.u8("custom type code")?;
            count(r, 1, "custom length")?
        }
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
        code::INT_ARRAY => {
            let count = long_count(r, 4, "int array count")?;
            r.take(count.saturating_mul(4), "int array").map(drop)
        }
        code::STRING_ARRAY => {
            let count = count(r, 2, "string array count")?;
            skip_elements(r, b, count, code::STRING)
        }
        code::ARRAY => {
            let start = r.offset();
            let count = count(r, 0, "array count")?;
            let at = r.offset();
            let element = r.u8("array element type")?;
            fits(r, count, element_width(element, at)?, start, "array count")?;
            match element {
                code::CUSTOM => {
                    let _code = r.u8("custom type code")?;
                    b.values(count, at, "array")?;
                    for _ in 0..count {
                        custom_bytes(r)?;
                    }
                    Ok(())
                }
                code::DICTIONARY => {
                    let (key, value) = sides(r)?;
                    b.values(count, at, "array")?;
                    for _ in 0..count {
                        b.enter(r.offset(), "container")?;
                        skip_pairs(r, b, key, value, "dictionary count")?;
                        b.leave();
                    }
                    Ok(())
                }
                code::BOOL | code::BYTE | code::SHORT | code::INT | code::FLOAT | code::LONG | code::DOUBLE => {
                    r.take(count.saturating_mul(element_width(element, at)?), "array").map(drop)
                }
                _ => skip_elements(r, b, count, element),
            }
        }
        code::OBJECT_ARRAY => {
            for _ in 0..count(r, 1, "object array count")? {
                super::skip_value(super::Protocol::V16, r, b)?;
            }
            Ok(())
        }
        code::HASHTABLE => skip_pairs(r, b, code::UNKNOWN, code::UNKNOWN, "hashtable count"),
        code::DICTIONARY => {
            let (key, value) = sides(r)?;
            skip_pairs(r, b, key, value, "dictionary count")
        }
        code::EVENT | code::REQUEST => {
            let _code = r.u8("message code")?;
            skip_parameters(super::Protocol::V16, r, b)
        }
        code::RESPONSE => {
            let _code = r.u8("operation code")?;
            return_code(r)?;
            debug_message(r)?;
            skip_parameters(super::Protocol::V16, r, b)
        }
        _ => Err(DecodeError::new(DecodeErrorKind::UnknownType(code), at, "type code")),
    }
}

fn skip_elements(r: &mut Reader<'_>, b: &mut Budget, count: usize, code: u8) -> Result<(), DecodeError> {
    b.values(count, r.offset(), "array")?;
    for _ in 0..count {
        let at = r.offset();
        skip(r, b, code, at)?;
    }
    Ok(())
}

fn skip_pairs(r: &mut Reader<'_>, b: &mut Budget, key: u8, value: u8, field: &'static str) -> Result<(), DecodeError> {
    let count = count(r, 2, field)?;
    b.values(count.saturating_mul(2), r.offset(), field)?;
    for _ in 0..count {
        for declared in [key, value] {
            let at = r.offset();
            let code = if declared == code::UNKNOWN { r.u8("type code")? } else { declared };
            skip(r, b, code, at)?;
        }
    }
    Ok(())
}

// Writing.

pub(crate) fn write_count(out: &mut Output, count: usize) -> Result<(), EncodeError> {
    match i16::try_from(count) {
        Ok(count) => out.put(&count.to_be_bytes()),
        Err(_) => Err(EncodeErrorKind::TooManyElements(count).into()),
    }
}

pub(crate) fn write_text(out: &mut Output, text: &str) -> Result<(), EncodeError> {
    if text.len() > MAX_COUNT {
        return Err(EncodeErrorKind::TextTooLong(text.len()).into());
    }
    write_count(out, text.len())?;
    out.put(text.as_bytes())
}

pub(crate) fn write_bytes(out: &mut Output, bytes: &[u8]) -> Result<(), EncodeError> {
    let length = i32::try_from(bytes.len()).map_err(|_| EncodeErrorKind::TooManyElements(bytes.len()))?;
    out.put(&length.to_be_bytes())?;
    out.put(bytes)
}

pub(crate) fn write_custom(out: &mut Output, custom: u8, data: &[u8]) -> Result<(), EncodeError> {
    out.put(&[custom])?;
    write_custom_data(out, data)
}

fn write_custom_data(out: &mut Output, data: &[u8]) -> Result<(), EncodeError> {
    write_count(out, data.len())?;
    out.put(data)
}

pub(crate) fn write_ints(out: &mut Output, all: &[i32]) -> Result<(), EncodeError> {
    out.put(&[code::ARRAY])?;
    write_count(out, all.len())?;
    write_numbers(out, code::INT, all, |one| one.to_be_bytes())
}

pub(crate) fn write_bools(out: &mut Output, all: &[bool]) -> Result<(), EncodeError> {
    out.put(&[code::ARRAY])?;
    write_count(out, all.len())?;
    write_numbers(out, code::BOOL, all, |one| [u8::from(one)])
}

/// A value with its type code.
pub(crate) fn write_value(out: &mut Output, value: &Value) -> Result<(), EncodeError> {
    out.value()?;
    let code = match value {
        Value::Array(array) if object_leaf(array) => code::OBJECT_ARRAY,
        value => type_code(value),
    };
    out.put(&[code])?;
    write_payload(out, value)
}

const fn type_code(value: &Value) -> u8 {
    match value {
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
        Value::Array(_) => code::ARRAY,
        Value::Hashtable(_) => code::HASHTABLE,
        Value::Dictionary(_) => code::DICTIONARY,
        Value::Custom(_) => code::CUSTOM,
        Value::Request(_) => code::REQUEST,
        Value::Response(_) => code::RESPONSE,
        Value::Event(_) => code::EVENT,
    }
}

/// Whether an array is written as an object array: it is one, or an array of (arrays of ..) object arrays.
/// Spec: wire.md 4.1.
fn object_leaf(mut array: &Array) -> bool {
    loop {
        match array {
            Array::Object(_) => return true,
            Array::Array(arrays) => match arrays.first() {
                Some(first) => array = first,
                None => return false,
            },
            _ => return false,
        }
    }
}

fn write_payload(out: &mut Output, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::Null => Ok(()),
        Value::Bool(value) => out.put(&[u8::from(*value)]),
        Value::Byte(value) => out.put(&[*value]),
        Value::Short(value) => out.put(&value.to_be_bytes()),
        Value::Int(value) => out.put(&value.to_be_bytes()),
        Value::Long(value) => out.put(&value.to_be_bytes()),
        Value::Float(value) => out.put(&value.to_be_bytes()),
        Value::Double(value) => out.put(&value.to_be_bytes()),
        Value::String(text) => write_text(out, text),
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::Custom(custom) => write_custom(out, custom.code, &custom.data),
        Value::Array(array) if object_leaf(array) => out.nested(|out| write_object_array(out, array)),
        Value::Array(array) => out.nested(|out| write_array(out, array)),
        Value::Hashtable(map) => out.nested(|out| write_pairs(out, &map.0, &Type::Object, &Type::Object)),
        Value::Dictionary(map) => out.nested(|out| {
            write_sides(out, &map.key, &map.value)?;
            write_pairs(out, &map.pairs, &map.key, &map.value)
        }),
        Value::Request(message) => out.nested(|out| write_request(out, message)),
        Value::Response(message) => out.nested(|out| write_response(out, message)),
        Value::Event(message) => out.nested(|out| write_event(out, message)),
    }
}

fn write_request(out: &mut Output, message: &Request) -> Result<(), EncodeError> {
    out.put(&[message.code])?;
    write_parameters(out, &message.parameters)
}

fn write_response(out: &mut Output, message: &Response) -> Result<(), EncodeError> {
    out.put(&[message.code])?;
    out.return_code(message.return_code)?;
    out.debug_message(message.debug_message.as_deref())?;
    write_parameters(out, &message.parameters)
}

fn write_event(out: &mut Output, message: &EventData) -> Result<(), EncodeError> {
    out.put(&[message.code])?;
    write_parameters(out, &message.parameters)
}

/// An object array, or an array of them written as an object array of object arrays.
fn write_object_array(out: &mut Output, array: &Array) -> Result<(), EncodeError> {
    match array {
        Array::Object(values) => {
            write_count(out, values.len())?;
            out.each(values, write_value)
        }
        Array::Array(arrays) => {
            check_uniform(arrays)?;
            write_count(out, arrays.len())?;
            out.each(arrays, |out, array| {
                out.value()?;
                out.put(&[code::OBJECT_ARRAY])?;
                out.nested(|out| write_object_array(out, array))
            })
        }
        _ => Err(EncodeErrorKind::TypeMismatch.into()),
    }
}

/// Count, element type, elements. Spec: wire.md 4.1.
fn write_array(out: &mut Output, array: &Array) -> Result<(), EncodeError> {
    write_count(out, array.len())?;
    match array {
        Array::Bool(all) => write_numbers(out, code::BOOL, all, |one| [u8::from(one)]),
        Array::Short(all) => write_numbers(out, code::SHORT, all, |one| one.to_be_bytes()),
        Array::Int(all) => write_numbers(out, code::INT, all, |one| one.to_be_bytes()),
        Array::Long(all) => write_numbers(out, code::LONG, all, |one| one.to_be_bytes()),
        Array::Float(all) => write_numbers(out, code::FLOAT, all, |one| one.to_be_bytes()),
        Array::Double(all) => write_numbers(out, code::DOUBLE, all, |one| one.to_be_bytes()),
        Array::String(all) => {
            out.put(&[code::STRING])?;
            out.each_value(all, |out, one| write_text(out, one))
        }
        Array::Bytes(all) => {
            out.put(&[code::BYTES])?;
            out.each_value(all, |out, one| write_bytes(out, one))
        }
        Array::Custom { code, elements } => {
            out.put(&[code::CUSTOM, *code])?;
            out.each_value(elements, |out, one| write_custom_data(out, one))
        }
        Array::Hashtable(all) => {
            out.put(&[code::HASHTABLE])?;
            out.each_value(all, |out, one| out.nested(|out| write_pairs(out, &one.0, &Type::Object, &Type::Object)))
        }
        Array::Dictionary { key, value, elements } => {
            out.put(&[code::DICTIONARY])?;
            write_sides(out, key, value)?;
            out.each_value(elements, |out, one| out.nested(|out| write_pairs(out, one, key, value)))
        }
        Array::Array(all) => {
            check_uniform(all)?;
            out.put(&[code::ARRAY])?;
            out.each_value(all, |out, one| out.nested(|out| write_array(out, one)))
        }
        Array::Request(all) => {
            out.put(&[code::REQUEST])?;
            out.each_value(all, |out, one| out.nested(|out| write_request(out, one)))
        }
        Array::Response(all) => {
            out.put(&[code::RESPONSE])?;
            out.each_value(all, |out, one| out.nested(|out| write_response(out, one)))
        }
        Array::Event(all) => {
            out.put(&[code::EVENT])?;
            out.each_value(all, |out, one| out.nested(|out| write_event(out, one)))
        }
        Array::Object(_) => Err(EncodeErrorKind::TypeNotExpressible.into()),
    }
}

fn write_numbers<T: Copy, const N: usize>(
    out: &mut Output,
    code: u8,
    all: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> Result<(), EncodeError> {
    out.put(&[code])?;
    all.iter().try_for_each(|&one| out.put(&bytes(one)))
}

/// The two declared types; arrays (79) and dictionaries cannot be declared. Spec: wire.md 4.2.
fn write_sides(out: &mut Output, key: &Type, value: &Type) -> Result<(), EncodeError> {
    let flat = |declared: &Type| {
        Some(match declared {
            Type::Object => code::UNKNOWN,
            Type::Bool => code::BOOL,
            Type::Byte => code::BYTE,
            Type::Short => code::SHORT,
            Type::Int => code::INT,
            Type::Long => code::LONG,
            Type::Float => code::FLOAT,
            Type::Double => code::DOUBLE,
            Type::String => code::STRING,
            Type::Bytes => code::BYTES,
            Type::Custom(None) => code::CUSTOM,
            _ => return None,
        })
    };
    let key = flat(key).ok_or(EncodeErrorKind::TypeNotExpressible)?;
    let value = match value {
        Type::Hashtable => code::HASHTABLE,
        Type::Request => code::REQUEST,
        Type::Response => code::RESPONSE,
        Type::Event => code::EVENT,
        Type::Array(element) if **element == Type::Object => code::OBJECT_ARRAY,
        value => flat(value).ok_or(EncodeErrorKind::TypeNotExpressible)?,
    };
    out.put(&[key, value])
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
    out.value()?;
    write_payload(out, value)
}
