//! Encodes values of GpBinary 1.6.

use super::code;
use crate::codec::arrays::check_uniform;
use crate::codec::message_value::{encode_event, encode_request, encode_response};
use crate::codec::{Encoder, map};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::value::{Array, Type, Value};

pub(in crate::codec) fn encode_count(
    out: &mut Encoder<'_>,
    count: usize,
) -> Result<(), EncodeError> {
    match i16::try_from(count) {
        Ok(count) => out.put(&count.to_be_bytes()),
        Err(_) => Err(EncodeErrorKind::TooManyElements(count).into()),
    }
}

pub(in crate::codec) fn encode_bytes(
    out: &mut Encoder<'_>,
    bytes: &[u8],
) -> Result<(), EncodeError> {
    let length =
        i32::try_from(bytes.len()).map_err(|_| EncodeErrorKind::TooManyElements(bytes.len()))?;
    out.put(&length.to_be_bytes())?;
    out.put(bytes)
}

pub(in crate::codec) fn encode_custom(
    out: &mut Encoder<'_>,
    custom: u8,
    data: &[u8],
) -> Result<(), EncodeError> {
    out.put(&[custom])?;
    encode_custom_data(out, data)
}

fn encode_custom_data(out: &mut Encoder<'_>, data: &[u8]) -> Result<(), EncodeError> {
    encode_count(out, data.len())?;
    out.put(data)
}

pub(in crate::codec) fn encode_ints(out: &mut Encoder<'_>, all: &[i32]) -> Result<(), EncodeError> {
    out.put(&[code::ARRAY])?;
    encode_count(out, all.len())?;
    encode_numbers(out, code::INT, all, |one| one.to_be_bytes())
}

pub(in crate::codec) fn encode_bools(
    out: &mut Encoder<'_>,
    all: &[bool],
) -> Result<(), EncodeError> {
    out.put(&[code::ARRAY])?;
    encode_count(out, all.len())?;
    encode_numbers(out, code::BOOL, all, |one| [u8::from(one)])
}

/// Encodes a value with its type code.
pub(in crate::codec) fn encode_tagged(
    out: &mut Encoder<'_>,
    value: &Value,
) -> Result<(), EncodeError> {
    out.value()?;
    let code = match value {
        Value::Array(array) if is_object_array(array) => code::OBJECT_ARRAY,
        value => type_code(value),
    };
    out.put(&[code])?;
    encode_payload(out, value)
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

/// Whether an array is encoded as an object array: it is one, or an array of (arrays of ..) object
/// arrays. Spec: wire.md 4.1.
fn is_object_array(mut array: &Array) -> bool {
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

fn encode_payload(out: &mut Encoder<'_>, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::Null => Ok(()),
        Value::Bool(value) => out.put(&[u8::from(*value)]),
        Value::Byte(value) => out.put(&[*value]),
        Value::Short(value) => out.put(&value.to_be_bytes()),
        Value::Int(value) => out.put(&value.to_be_bytes()),
        Value::Long(value) => out.put(&value.to_be_bytes()),
        Value::Float(value) => out.put(&value.to_be_bytes()),
        Value::Double(value) => out.put(&value.to_be_bytes()),
        Value::String(text) => out.text(text),
        Value::Bytes(bytes) => encode_bytes(out, bytes),
        Value::Custom(custom) => encode_custom(out, custom.code, &custom.data),
        Value::Array(array) if is_object_array(array) => {
            out.nested(|out| encode_object_array(out, array))
        }
        Value::Array(array) => out.nested(|out| encode_array(out, array)),
        Value::Hashtable(map) => {
            out.nested(|out| encode_pairs(out, &map.0, &Type::Object, &Type::Object))
        }
        Value::Dictionary(map) => out.nested(|out| {
            encode_dictionary_types(out, &map.key, &map.value)?;
            encode_pairs(out, &map.pairs, &map.key, &map.value)
        }),
        Value::Request(message) => out.nested(|out| encode_request(out, message)),
        Value::Response(message) => out.nested(|out| encode_response(out, message)),
        Value::Event(message) => out.nested(|out| encode_event(out, message)),
    }
}

/// Encodes an object array, or an array of them as an object array of object arrays.
fn encode_object_array(out: &mut Encoder<'_>, array: &Array) -> Result<(), EncodeError> {
    match array {
        Array::Object(values) => {
            encode_count(out, values.len())?;
            out.each(values, encode_tagged)
        }
        Array::Array(arrays) => {
            check_uniform(arrays)?;
            encode_count(out, arrays.len())?;
            out.each(arrays, |out, array| {
                out.value()?;
                out.put(&[code::OBJECT_ARRAY])?;
                out.nested(|out| encode_object_array(out, array))
            })
        }
        _ => Err(EncodeErrorKind::TypeMismatch.into()),
    }
}

/// Encodes count, element type and elements. Spec: wire.md 4.1.
fn encode_array(out: &mut Encoder<'_>, array: &Array) -> Result<(), EncodeError> {
    encode_count(out, array.len())?;
    match array {
        Array::Bool(all) => encode_numbers(out, code::BOOL, all, |one| [u8::from(one)]),
        Array::Short(all) => encode_numbers(out, code::SHORT, all, |one| one.to_be_bytes()),
        Array::Int(all) => encode_numbers(out, code::INT, all, |one| one.to_be_bytes()),
        Array::Long(all) => encode_numbers(out, code::LONG, all, |one| one.to_be_bytes()),
        Array::Float(all) => encode_numbers(out, code::FLOAT, all, |one| one.to_be_bytes()),
        Array::Double(all) => encode_numbers(out, code::DOUBLE, all, |one| one.to_be_bytes()),
        Array::String(all) => {
            out.put(&[code::STRING])?;
            out.each_value(all, |out, one| out.text(one))
        }
        Array::Bytes(all) => {
            out.put(&[code::BYTES])?;
            out.each_value(all, |out, one| encode_bytes(out, one))
        }
        Array::Custom { code, elements } => {
            out.put(&[code::CUSTOM, *code])?;
            out.each_value(elements, |out, one| encode_custom_data(out, one))
        }
        Array::Hashtable(all) => {
            out.put(&[code::HASHTABLE])?;
            out.each_value(all, |out, one| {
                out.nested(|out| encode_pairs(out, &one.0, &Type::Object, &Type::Object))
            })
        }
        Array::Dictionary {
            key,
            value,
            elements,
        } => {
            out.put(&[code::DICTIONARY])?;
            encode_dictionary_types(out, key, value)?;
            out.each_value(elements, |out, one| {
                out.nested(|out| encode_pairs(out, one, key, value))
            })
        }
        Array::Array(all) => {
            check_uniform(all)?;
            out.put(&[code::ARRAY])?;
            out.each_value(all, |out, one| out.nested(|out| encode_array(out, one)))
        }
        Array::Request(all) => {
            out.put(&[code::REQUEST])?;
            out.each_value(all, |out, one| out.nested(|out| encode_request(out, one)))
        }
        Array::Response(all) => {
            out.put(&[code::RESPONSE])?;
            out.each_value(all, |out, one| out.nested(|out| encode_response(out, one)))
        }
        Array::Event(all) => {
            out.put(&[code::EVENT])?;
            out.each_value(all, |out, one| out.nested(|out| encode_event(out, one)))
        }
        Array::Object(_) => Err(EncodeErrorKind::TypeNotExpressible.into()),
    }
}

fn encode_numbers<T: Copy, const N: usize>(
    out: &mut Encoder<'_>,
    code: u8,
    all: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> Result<(), EncodeError> {
    out.put(&[code])?;
    all.iter().try_for_each(|&one| out.put(&bytes(one)))
}

/// Encodes the two declared types. Arrays (79) and dictionaries cannot be declared. Spec: wire.md
/// 4.2.
fn encode_dictionary_types(
    out: &mut Encoder<'_>,
    key: &Type,
    value: &Type,
) -> Result<(), EncodeError> {
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

fn encode_pairs(
    out: &mut Encoder<'_>,
    pairs: &[(Value, Value)],
    key: &Type,
    value: &Type,
) -> Result<(), EncodeError> {
    map::encode_pairs(out, pairs, (key, value), encode_payload)
}
