//! Converts JSON to values.

use super::{NotationError, types};
use crate::hex;
use photon_proto::{
    Array, Custom, Dictionary, EventData, Hashtable, Parameters, Request, Response, Text, Type,
    Value,
};
use serde_json::{Map, Value as Json};
use std::str::FromStr;

pub(super) type Result<T> = core::result::Result<T, NotationError>;
pub(super) type Object = Map<String, Json>;

/// Returns the remaining depth one level further in.
pub(super) fn deeper(depth: u32) -> Result<u32> {
    depth
        .checked_sub(1)
        .ok_or_else(|| NotationError::new(format!("at most {} levels", super::MAX_DEPTH)))
}

pub(super) fn object(json: &Json) -> Result<&Object> {
    json.as_object()
        .ok_or_else(|| NotationError::new("an object"))
}

/// Converts the value of `key` with `read`.
pub(super) fn field<'j, T>(
    map: &'j Object,
    key: &str,
    read: impl FnOnce(&'j Json) -> Result<T>,
) -> Result<T> {
    map.get(key)
        .ok_or_else(|| NotationError::new("this key to be present"))
        .and_then(read)
        .map_err(|error| error.within(format_args!(".{key}")))
}

/// As [`field`], but `None` without the key.
pub(super) fn optional<'j, T>(
    map: &'j Object,
    key: &str,
    read: impl FnOnce(&'j Json) -> Result<T>,
) -> Result<Option<T>> {
    if map.contains_key(key) {
        field(map, key, read).map(Some)
    } else {
        Ok(None)
    }
}

pub(super) fn text(json: &Json) -> Result<&str> {
    json.as_str().ok_or_else(|| NotationError::new("a string"))
}

pub(super) fn boolean(json: &Json) -> Result<bool> {
    json.as_bool()
        .ok_or_else(|| NotationError::new("true or false"))
}

fn integer<T: TryFrom<i64>>(json: &Json, expected: &'static str) -> Result<T> {
    let number = json.as_i64().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| NotationError::new(expected))
}

pub(super) fn byte(json: &Json) -> Result<u8> {
    integer(json, "an integer from 0 to 255")
}

pub(super) fn short(json: &Json) -> Result<i16> {
    integer(json, "an integer from -32768 to 32767")
}

pub(super) fn int(json: &Json) -> Result<i32> {
    integer(json, "an integer from -2147483648 to 2147483647")
}

fn long(json: &Json) -> Result<i64> {
    match json {
        Json::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
    .ok_or_else(|| NotationError::new("an integer of 64 bits, as a decimal string"))
}

pub(super) fn bytes(json: &Json) -> Result<Vec<u8>> {
    hex::decode(text(json)?.as_bytes()).map_err(|_| NotationError::new("hex digits, two per byte"))
}

fn list(json: &Json) -> Result<&Vec<Json>> {
    json.as_array().ok_or_else(|| NotationError::new("a list"))
}

/// Converts each item with `read`.
fn each<T>(json: &Json, mut read: impl FnMut(&Json) -> Result<T>) -> Result<Vec<T>> {
    let items = list(json)?.iter().enumerate();
    items
        .map(|(index, item)| read(item).map_err(|error| error.within(format_args!("[{index}]"))))
        .collect()
}

/// The two items of a pair.
fn pair(json: &Json) -> Result<(&Json, &Json)> {
    match json.as_array().map(Vec::as_slice) {
        Some([first, second]) => Ok((first, second)),
        _ => Err(NotationError::new("a list of two")),
    }
}

/// Converts a float from its `bits`, or without them from its decimal text.
fn float<T: FromStr>(
    map: &Object,
    digits: usize,
    from_bits: impl FnOnce(u64) -> T,
    finite: fn(&T) -> bool,
) -> Result<T> {
    let bits = optional(map, "bits", |json| {
        let bits = text(json)?;
        let hex = bits.len() == digits && bits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = Some(bits)
            .filter(|_| hex)
            .and_then(|bits| u64::from_str_radix(bits, 16).ok());
        bits.ok_or_else(|| NotationError::new(format!("{digits} hex digits")))
    })?;
    match bits {
        Some(bits) => Ok(from_bits(bits)),
        None => field(map, "v", |json| {
            let text = match json {
                Json::String(text) => text.clone(),
                Json::Number(number) => number.to_string(),
                _ => String::new(),
            };
            let named = matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity");
            // `parse` accepts more names, such as `inf`, and rounds large numbers to infinity.
            let number = text
                .parse::<T>()
                .ok()
                .filter(|number| named || finite(number));
            number.ok_or_else(|| {
                NotationError::new("a decimal number in range, NaN, Infinity or -Infinity")
            })
        }),
    }
}

/// Converts a value with at most `depth` levels.
pub(super) fn value(json: &Json, depth: u32) -> Result<Value> {
    let depth = deeper(depth)?;
    let map = object(json)?;
    Ok(match field(map, "t", text)? {
        "null" => Value::Null,
        "bool" => Value::Bool(field(map, "v", boolean)?),
        "byte" => Value::Byte(field(map, "v", byte)?),
        "short" => Value::Short(field(map, "v", short)?),
        "int" => Value::Int(field(map, "v", int)?),
        "long" => Value::Long(field(map, "v", long)?),
        "float" => Value::Float(float(
            map,
            8,
            |bits| f32::from_bits(bits as u32),
            |number: &f32| number.is_finite(),
        )?),
        "double" => Value::Double(float(map, 16, f64::from_bits, |number: &f64| {
            number.is_finite()
        })?),
        "string" => Value::String(field(map, "v", text)?.into()),
        "bytes" => Value::Bytes(field(map, "hex", bytes)?.into()),
        "array" => array(map, depth)?,
        "hashtable" => Value::Hashtable(Hashtable(field(map, "v", |json| pairs(json, depth))?)),
        "dict" => Value::Dictionary(Dictionary {
            key: field(map, "k", declared)?,
            value: field(map, "val", declared)?,
            pairs: field(map, "v", |json| pairs(json, depth))?,
        }),
        "custom" => Value::Custom(Custom {
            code: field(map, "code", byte)?,
            data: field(map, "hex", bytes)?.into(),
        }),
        "request" => request(map, depth)?.into(),
        "response" => response(map, depth)?.into(),
        "event" => event(map, depth)?.into(),
        _ => return Err(NotationError::new("the name of a value type").within(format_args!(".t"))),
    })
}

fn declared(json: &Json) -> Result<Type> {
    types::parse(text(json)?).ok_or_else(|| NotationError::new("the name of a type"))
}

fn pairs(json: &Json, depth: u32) -> Result<Vec<(Value, Value)>> {
    each(json, |item| {
        let (key, item) = pair(item)?;
        let key = value(key, depth).map_err(|error| error.within(format_args!("[0]")))?;
        Ok((
            key,
            value(item, depth).map_err(|error| error.within(format_args!("[1]")))?,
        ))
    })
}

/// A list of `[code, value]`, or an object with the codes as keys.
pub(super) fn parameters(json: &Json, depth: u32) -> Result<Parameters> {
    let Some(map) = json.as_object() else {
        return each(json, |item| {
            let (code, item) = pair(item)?;
            let code = byte(code).map_err(|error| error.within(format_args!("[0]")))?;
            Ok((
                code,
                value(item, depth).map_err(|error| error.within(format_args!("[1]")))?,
            ))
        });
    };
    map.iter()
        .map(|(code, item)| {
            let digits = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
            let number = code.parse::<u8>().ok().filter(|_| digits);
            number
                .ok_or_else(|| NotationError::new("parameter codes from 0 to 255 as keys"))
                .and_then(|number| Ok((number, value(item, depth)?)))
                .map_err(|error| error.within(format_args!(".{code}")))
        })
        .collect()
}

pub(super) fn request(map: &Object, depth: u32) -> Result<Request> {
    Ok(Request {
        code: field(map, "op", byte)?,
        parameters: field(map, "params", |json| parameters(json, depth))?,
    })
}

pub(super) fn response(map: &Object, depth: u32) -> Result<Response> {
    Ok(Response {
        code: field(map, "op", byte)?,
        return_code: field(map, "ret", short)?,
        debug_message: debug_message(map)?,
        parameters: field(map, "params", |json| parameters(json, depth))?,
    })
}

pub(super) fn event(map: &Object, depth: u32) -> Result<EventData> {
    Ok(EventData {
        code: field(map, "code", byte)?,
        parameters: field(map, "params", |json| parameters(json, depth))?,
    })
}

pub(super) fn debug_message(map: &Object) -> Result<Option<Text>> {
    optional(map, "msg", |json| match json {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(Text::from(text.as_str()))),
        _ => Err(NotationError::new("a string or null")),
    })
    .map(Option::flatten)
}

fn array(map: &Object, depth: u32) -> Result<Value> {
    let of = field(map, "of", declared)?;
    let array = match &of {
        Type::Byte => return Ok(Value::Bytes(elements::<u8>(map, depth)?.into())),
        Type::Bool => Array::Bool(elements(map, depth)?),
        Type::Short => Array::Short(elements(map, depth)?),
        Type::Int => Array::Int(elements(map, depth)?),
        Type::Long => Array::Long(elements(map, depth)?),
        Type::Float => Array::Float(elements(map, depth)?),
        Type::Double => Array::Double(elements(map, depth)?),
        Type::String => Array::String(elements(map, depth)?),
        Type::Bytes => Array::Bytes(elements(map, depth)?),
        Type::Object => Array::Object(elements(map, depth)?),
        Type::Hashtable => Array::Hashtable(elements(map, depth)?),
        Type::Request => Array::Request(elements(map, depth)?),
        Type::Response => Array::Response(elements(map, depth)?),
        Type::Event => Array::Event(elements(map, depth)?),
        Type::Array(declared) => {
            Array::Array(checked(map, depth, |array: &Array| fits(array, declared))?)
        }
        Type::Dictionary(sides) => {
            let fits = |map: &Dictionary| (&map.key, &map.value) == (&sides.0, &sides.1);
            let elements = checked(map, depth, fits)?
                .into_iter()
                .map(|map| map.pairs)
                .collect();
            Array::Dictionary {
                key: sides.0.clone(),
                value: sides.1.clone(),
                elements,
            }
        }
        &Type::Custom(Some(code)) => {
            let elements = checked(map, depth, |custom: &Custom| custom.code == code)?;
            Array::Custom {
                code,
                elements: elements.into_iter().map(|custom| custom.data).collect(),
            }
        }
        Type::Custom(None) => {
            return Err(NotationError::new("custom:CODE, the code of all elements")
                .within(format_args!(".of")));
        }
    };
    Ok(Value::Array(array))
}

fn elements<T: TryFrom<Value>>(map: &Object, depth: u32) -> Result<Vec<T>> {
    checked(map, depth, |_| true)
}

fn checked<T: TryFrom<Value>>(
    map: &Object,
    depth: u32,
    fits: impl Fn(&T) -> bool,
) -> Result<Vec<T>> {
    field(map, "v", |json| {
        each(json, |item| {
            let element = T::try_from(value(item, depth)?).ok().filter(&fits);
            element.ok_or_else(|| NotationError::new("an element of the array's type"))
        })
    })
}

/// Whether an array is an element of an array of arrays of `declared`. An empty object array fits
/// in any case, because an empty array inside of an array of arrays is decoded as one.
fn fits(array: &Array, declared: &Type) -> bool {
    match (array, declared) {
        (Array::Object(all), _) if all.is_empty() => true,
        (Array::Array(all), Type::Array(declared)) => all.iter().all(|array| fits(array, declared)),
        _ => array.element_type() == *declared,
    }
}
