//! Encodes values of GpBinary 1.8.

use super::code;
use crate::codec::arrays::check_uniform;
use crate::codec::message_value::{encode_event, encode_request, encode_response};
use crate::codec::{Encoder, map};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::value::{Array, Dictionary, Type, Value};

/// Custom types with a lower code use the slim form. Spec: wire.md 5.4.
const SLIM_WRITTEN: u8 = 100;

const fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

const fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn write_varint32(out: &mut Encoder<'_>, value: u32) -> Result<(), EncodeError> {
    write_varint64(out, u64::from(value))
}

#[inline]
fn write_varint64(out: &mut Encoder<'_>, value: u64) -> Result<(), EncodeError> {
    if value < 0x80 {
        // Most counts and numbers.
        return out.put(&[value as u8]);
    }
    write_long_varint(out, value)
}

fn write_long_varint(out: &mut Encoder<'_>, mut value: u64) -> Result<(), EncodeError> {
    let mut bytes = [0_u8; 10];
    for length in 1..=bytes.len() {
        let Some(slot) = bytes.get_mut(length - 1) else {
            break;
        };
        *slot = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            return out.put(bytes.get(..length).unwrap_or_default());
        }
        *slot |= 0x80;
    }
    Ok(())
}

pub(in crate::codec) fn encode_count(
    out: &mut Encoder<'_>,
    count: usize,
) -> Result<(), EncodeError> {
    match i32::try_from(count) {
        Ok(count) => write_varint32(out, count.unsigned_abs()),
        Err(_) => Err(EncodeErrorKind::TooManyElements(count).into()),
    }
}

/// Encodes length and bytes.
pub(in crate::codec) fn encode_bytes(
    out: &mut Encoder<'_>,
    bytes: &[u8],
) -> Result<(), EncodeError> {
    encode_count(out, bytes.len())?;
    out.put(bytes)
}

/// Encodes a custom value with its type code, in the slim form if the code is below 100. Spec:
/// wire.md 5.4.
pub(in crate::codec) fn encode_custom(
    out: &mut Encoder<'_>,
    custom: u8,
    data: &[u8],
) -> Result<(), EncodeError> {
    if custom < SLIM_WRITTEN {
        out.put(&[code::SLIM_FIRST + custom])?;
    } else {
        out.put(&[code::CUSTOM, custom])?;
    }
    encode_bytes(out, data)
}

pub(in crate::codec) fn encode_ints(out: &mut Encoder<'_>, all: &[i32]) -> Result<(), EncodeError> {
    out.put(&[code::INT_ARRAY])?;
    write_int_elements(out, all)
}

pub(in crate::codec) fn encode_bools(
    out: &mut Encoder<'_>,
    all: &[bool],
) -> Result<(), EncodeError> {
    out.put(&[code::BOOL_ARRAY])?;
    write_bool_elements(out, all)
}

fn write_int_elements(out: &mut Encoder<'_>, all: &[i32]) -> Result<(), EncodeError> {
    encode_count(out, all.len())?;
    all.iter()
        .try_for_each(|&one| write_varint32(out, zigzag32(one)))
}

fn write_bool_elements(out: &mut Encoder<'_>, all: &[bool]) -> Result<(), EncodeError> {
    encode_count(out, all.len())?;
    all.chunks(8).try_for_each(|eight| {
        let byte = eight
            .iter()
            .enumerate()
            .fold(0_u8, |byte, (bit, &set)| byte | (u8::from(set) << bit));
        out.put(&[byte])
    })
}

/// Encodes a value with its type code, in the form that the official writer chooses. Spec: wire.md
/// 5.1.
pub(in crate::codec) fn encode_tagged(
    out: &mut Encoder<'_>,
    value: &Value,
) -> Result<(), EncodeError> {
    out.value()?;
    match value {
        Value::Null => out.put(&[code::NULL]),
        Value::Bool(value) => out.put(&[if *value { code::TRUE } else { code::FALSE }]),
        Value::Byte(0) => out.put(&[code::BYTE_ZERO]),
        Value::Short(0) => out.put(&[code::SHORT_ZERO]),
        Value::Int(value) => {
            let codes = [
                code::INT_ZERO,
                code::INT_1,
                code::INT_1_NEGATIVE,
                code::INT_2,
                code::INT_2_NEGATIVE,
            ];
            if write_compact(out, i64::from(*value), codes)? {
                return Ok(());
            }
            out.put(&[code::INT])?;
            encode_payload(out, &Value::Int(*value))
        }
        Value::Long(value) => {
            let codes = [
                code::LONG_ZERO,
                code::LONG_1,
                code::LONG_1_NEGATIVE,
                code::LONG_2,
                code::LONG_2_NEGATIVE,
            ];
            if write_compact(out, *value, codes)? {
                return Ok(());
            }
            out.put(&[code::LONG])?;
            encode_payload(out, &Value::Long(*value))
        }
        Value::Custom(custom) => encode_custom(out, custom.code, &custom.data),
        value => {
            out.put(&[type_code(value)?])?;
            encode_payload(out, value)
        }
    }
}

/// Encodes an int or long in a form of zero, one or two bytes. Returns false if the number needs a
/// varint.
fn write_compact(out: &mut Encoder<'_>, value: i64, codes: [u8; 5]) -> Result<bool, EncodeError> {
    let [zero, one, one_negative, two, two_negative] = codes;
    let Ok(size) = u16::try_from(value.unsigned_abs()) else {
        return Ok(false);
    };
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

/// Encodes a value without its type code.
fn encode_payload(out: &mut Encoder<'_>, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::Null => Ok(()),
        Value::Bool(value) => out.put(&[u8::from(*value)]),
        Value::Byte(value) => out.put(&[*value]),
        Value::Short(value) => out.put(&value.to_le_bytes()),
        Value::Int(value) => write_varint32(out, zigzag32(*value)),
        Value::Long(value) => write_varint64(out, zigzag64(*value)),
        Value::Float(value) => out.put(&value.to_le_bytes()),
        Value::Double(value) => out.put(&value.to_le_bytes()),
        Value::String(text) => out.text(text),
        Value::Bytes(bytes) => encode_bytes(out, bytes),
        Value::Array(array) => out.nested(|out| encode_array(out, array)),
        Value::Hashtable(map) => {
            out.nested(|out| encode_pairs(out, &map.0, &Type::Object, &Type::Object))
        }
        Value::Dictionary(map) => out.nested(|out| write_dictionary(out, map)),
        Value::Request(message) => out.nested(|out| encode_request(out, message)),
        Value::Response(message) => out.nested(|out| encode_response(out, message)),
        Value::Event(message) => out.nested(|out| encode_event(out, message)),
        // wire.md 5.3: a custom type cannot be declared, and with a type code it has its own form.
        Value::Custom(_) => Err(EncodeErrorKind::TypeNotExpressible.into()),
    }
}

fn encode_array(out: &mut Encoder<'_>, array: &Array) -> Result<(), EncodeError> {
    match array {
        Array::Bool(all) => write_bool_elements(out, all),
        Array::Short(all) => encode_numbers(out, all, |one| one.to_le_bytes()),
        Array::Int(all) => write_int_elements(out, all),
        Array::Long(all) => {
            encode_count(out, all.len())?;
            all.iter()
                .try_for_each(|&one| write_varint64(out, zigzag64(one)))
        }
        Array::Float(all) => encode_numbers(out, all, |one| one.to_le_bytes()),
        Array::Double(all) => encode_numbers(out, all, |one| one.to_le_bytes()),
        Array::String(all) => {
            encode_count(out, all.len())?;
            out.each_value(all, |out, one| out.text(one))
        }
        Array::Bytes(all) => {
            if all.is_empty() {
                return Err(EncodeErrorKind::EmptyNestedArray.into());
            }
            encode_count(out, all.len())?;
            out.each_value(all, |out, one| {
                out.put(&[code::BYTES])?;
                encode_bytes(out, one)
            })
        }
        Array::Object(all) => {
            encode_count(out, all.len())?;
            out.each(all, encode_tagged)
        }
        Array::Custom { code, elements } => {
            encode_count(out, elements.len())?;
            out.put(&[*code])?;
            out.each_value(elements, |out, one| encode_bytes(out, one))
        }
        Array::Hashtable(all) => {
            encode_count(out, all.len())?;
            out.each_value(all, |out, one| {
                out.nested(|out| encode_pairs(out, &one.0, &Type::Object, &Type::Object))
            })
        }
        Array::Dictionary {
            key,
            value,
            elements,
        } => {
            encode_dictionary_types(out, key, value)?;
            encode_count(out, elements.len())?;
            out.each_value(elements, |out, one| {
                out.nested(|out| encode_pairs(out, one, key, value))
            })
        }
        Array::Array(all) => {
            check_uniform(all)?;
            encode_count(out, all.len())?;
            out.each_value(all, |out, one| {
                out.put(&[array_code(one)?])?;
                out.nested(|out| encode_array(out, one))
            })
        }
        Array::Request(_) | Array::Response(_) | Array::Event(_) => {
            Err(EncodeErrorKind::TypeNotExpressible.into())
        }
    }
}

fn encode_numbers<T: Copy, const N: usize>(
    out: &mut Encoder<'_>,
    all: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> Result<(), EncodeError> {
    encode_count(out, all.len())?;
    all.iter().try_for_each(|&one| out.put(&bytes(one)))
}

fn write_dictionary(out: &mut Encoder<'_>, map: &Dictionary) -> Result<(), EncodeError> {
    encode_dictionary_types(out, &map.key, &map.value)?;
    encode_pairs(out, &map.pairs, &map.key, &map.value)
}

fn encode_dictionary_types(
    out: &mut Encoder<'_>,
    key: &Type,
    value: &Type,
) -> Result<(), EncodeError> {
    // No bool keys: the official reader refuses what the official writer permits. Spec: wire.md
    // 5.3.
    out.put(&[scalar_code(key).ok_or(EncodeErrorKind::TypeNotExpressible)?])?;
    write_value_type(out, value)
}

/// The declared types that are allowed for keys and values.
const fn scalar_code(of: &Type) -> Option<u8> {
    Some(match of {
        Type::Object => code::UNTYPED,
        Type::Byte => code::BYTE,
        Type::Short => code::SHORT,
        Type::Float => code::FLOAT,
        Type::Double => code::DOUBLE,
        Type::String => code::STRING,
        Type::Int => code::INT,
        Type::Long => code::LONG,
        _ => return None,
    })
}

fn write_value_type(out: &mut Encoder<'_>, value: &Type) -> Result<(), EncodeError> {
    let code = match value {
        Type::Bool => code::BOOL,
        Type::Bytes => code::BYTES,
        Type::Hashtable => code::HASHTABLE,
        Type::Request => code::REQUEST,
        Type::Response => code::RESPONSE,
        Type::Event => code::EVENT,
        Type::Dictionary(types) => {
            out.put(&[code::DICTIONARY])?;
            return out.nested(|out| encode_dictionary_types(out, &types.0, &types.1));
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
            // An array of object arrays is not readable by the official reader. Spec: wire.md 5.3.
            Type::Array(ref inner) if **inner == Type::Object => {
                return Err(EncodeErrorKind::TypeNotExpressible.into());
            }
            Type::Bytes | Type::Array(_) => {
                out.put(&[code::ARRAYS])?;
                return out.nested(|out| write_value_type(out, element));
            }
            _ => return Err(EncodeErrorKind::TypeNotExpressible.into()),
        },
        value => scalar_code(value).ok_or(EncodeErrorKind::TypeNotExpressible)?,
    };
    out.put(&[code])
}

fn encode_pairs(
    out: &mut Encoder<'_>,
    pairs: &[(Value, Value)],
    key: &Type,
    value: &Type,
) -> Result<(), EncodeError> {
    map::encode_pairs(out, pairs, (key, value), |out, value| {
        // A declared array of arrays keeps its type code. Spec: wire.md 5.2.
        if matches!(value, Value::Array(Array::Array(_) | Array::Bytes(_))) {
            out.put(&[code::ARRAYS])?;
        }
        encode_payload(out, value)
    })
}
