//! Reads a value.

use super::super::MAX_DEPTH;
use super::hex;
use super::raw::{self, Raw};
use super::types;
use crate::text::Text;
use crate::value::{
    Array, Custom, Dictionary, EventData, Hashtable, Parameters, Request, Response, Type, Value,
};
use ::serde::de::{Deserializer, Error as _};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// Something that is not in the form of a value.
#[derive(Debug)]
struct Misfit {
    /// The place, from the outermost object.
    path: String,
    expected: &'static str,
}

impl Misfit {
    const fn new(expected: &'static str) -> Self {
        Self {
            path: String::new(),
            expected,
        }
    }

    fn within(mut self, step: fmt::Arguments<'_>) -> Self {
        self.path.insert_str(0, &step.to_string());
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "${}: expected {}", self.path, self.expected)
    }
}

type Result<T> = core::result::Result<T, Misfit>;
type Object = [(String, Raw)];

/// Reads a value in the form that the [module](super::super) documents.
pub(in crate::serde) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> core::result::Result<Value, D::Error> {
    value(&raw::read(deserializer)?, MAX_DEPTH).map_err(D::Error::custom)
}

fn get<'r>(object: &'r Object, key: &str) -> Option<&'r Raw> {
    let entry = object.iter().find(|(known, _)| known == key);
    entry.map(|(_, raw)| raw)
}

/// Converts what belongs to `key` with `read`.
fn field<'r, T>(
    object: &'r Object,
    key: &str,
    read: impl FnOnce(&'r Raw) -> Result<T>,
) -> Result<T> {
    get(object, key)
        .ok_or(Misfit::new("this key to be present"))
        .and_then(read)
        .map_err(|misfit| misfit.within(format_args!(".{key}")))
}

fn text(raw: &Raw) -> Result<&str> {
    match raw {
        Raw::Text(text) => Ok(text),
        _ => Err(Misfit::new("a string")),
    }
}

fn boolean(raw: &Raw) -> Result<bool> {
    match raw {
        Raw::Bool(value) => Ok(*value),
        _ => Err(Misfit::new("true or false")),
    }
}

fn whole<T: TryFrom<i64>>(raw: &Raw, expected: &'static str) -> Result<T> {
    match raw {
        Raw::Whole(number) => T::try_from(*number).ok(),
        _ => None,
    }
    .ok_or(Misfit::new(expected))
}

fn byte(raw: &Raw) -> Result<u8> {
    whole(raw, "an integer from 0 to 255")
}

fn short(raw: &Raw) -> Result<i16> {
    whole(raw, "an integer from -32768 to 32767")
}

fn int(raw: &Raw) -> Result<i32> {
    whole(raw, "an integer from -2147483648 to 2147483647")
}

fn long(raw: &Raw) -> Result<i64> {
    match raw {
        Raw::Text(text) => text.parse().ok(),
        Raw::Whole(number) => Some(*number),
        _ => None,
    }
    .ok_or(Misfit::new("an integer of 64 bits, as a decimal string"))
}

fn bytes(raw: &Raw) -> Result<Vec<u8>> {
    hex::decode(text(raw)?).ok_or(Misfit::new("hex digits, two per byte"))
}

fn declared(raw: &Raw) -> Result<Type> {
    types::parse(text(raw)?).ok_or(Misfit::new("the name of a type"))
}

/// Converts each item with `read`.
fn each<T>(raw: &Raw, mut read: impl FnMut(&Raw) -> Result<T>) -> Result<Vec<T>> {
    let Raw::List(all) = raw else {
        return Err(Misfit::new("a list"));
    };
    all.iter()
        .enumerate()
        .map(|(index, raw)| read(raw).map_err(|misfit| misfit.within(format_args!("[{index}]"))))
        .collect()
}

/// Converts the two items of a pair.
fn pair<A, B>(
    raw: &Raw,
    first: impl FnOnce(&Raw) -> Result<A>,
    second: impl FnOnce(&Raw) -> Result<B>,
) -> Result<(A, B)> {
    let Raw::List(all) = raw else {
        return Err(Misfit::new("a list of two"));
    };
    let [left, right] = all.as_slice() else {
        return Err(Misfit::new("a list of two"));
    };
    Ok((
        first(left).map_err(|misfit| misfit.within(format_args!("[0]")))?,
        second(right).map_err(|misfit| misfit.within(format_args!("[1]")))?,
    ))
}

/// Converts a float from its `bits`, or without them from its decimal text.
fn float<T: FromStr>(
    object: &Object,
    (digits, expected): (usize, &'static str),
    from_bits: impl FnOnce(u64) -> T,
    is_finite: fn(&T) -> bool,
) -> Result<T> {
    if get(object, "bits").is_some() {
        return field(object, "bits", |raw| {
            let bits = text(raw)?;
            let is_hex = bits.len() == digits && bits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let bits = u64::from_str_radix(bits, 16).ok().filter(|_| is_hex);
            bits.map(from_bits).ok_or(Misfit::new(expected))
        });
    }
    field(object, "v", |raw| {
        let text = match raw {
            Raw::Text(text) => text.clone(),
            Raw::Whole(number) => number.to_string(),
            Raw::Fraction(number) => number.to_string(),
            _ => String::new(),
        };
        let named = matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity");
        // `parse` accepts more names, such as `inf`, and rounds large numbers to infinity.
        let number = text.parse().ok();
        number
            .filter(|number| named || is_finite(number))
            .ok_or(Misfit::new(
                "a decimal number in range, NaN, Infinity or -Infinity",
            ))
    })
}

/// Converts a value with at most `depth` levels.
fn value(raw: &Raw, depth: u32) -> Result<Value> {
    let depth = depth
        .checked_sub(1)
        .ok_or(Misfit::new("at most 64 levels"))?;
    let Raw::Object(object) = raw else {
        return Err(Misfit::new("an object"));
    };
    Ok(match field(object, "t", text)? {
        "null" => Value::Null,
        "bool" => Value::Bool(field(object, "v", boolean)?),
        "byte" => Value::Byte(field(object, "v", byte)?),
        "short" => Value::Short(field(object, "v", short)?),
        "int" => Value::Int(field(object, "v", int)?),
        "long" => Value::Long(field(object, "v", long)?),
        "float" => {
            // The caller has counted 8 digits.
            let from_bits = |bits| f32::from_bits(u32::try_from(bits).unwrap_or_default());
            let digits = (8, "8 hex digits");
            Value::Float(float(object, digits, from_bits, |number: &f32| {
                number.is_finite()
            })?)
        }
        "double" => {
            let digits = (16, "16 hex digits");
            Value::Double(float(object, digits, f64::from_bits, |number: &f64| {
                number.is_finite()
            })?)
        }
        "string" => Value::String(field(object, "v", text)?.into()),
        "bytes" => Value::Bytes(field(object, "hex", bytes)?.into()),
        "array" => array(object, depth)?,
        "hashtable" => Hashtable(field(object, "v", |raw| pairs(raw, depth))?).into(),
        "dict" => Value::from(Dictionary {
            key: field(object, "k", declared)?,
            value: field(object, "val", declared)?,
            pairs: field(object, "v", |raw| pairs(raw, depth))?,
        }),
        "custom" => Value::from(Custom {
            code: field(object, "code", byte)?,
            data: field(object, "hex", bytes)?.into(),
        }),
        "request" => Value::from(Request {
            code: field(object, "op", byte)?,
            parameters: field(object, "params", |raw| parameters(raw, depth))?,
        }),
        "response" => Value::from(Response {
            code: field(object, "op", byte)?,
            return_code: field(object, "ret", short)?,
            debug_message: debug_message(object)?,
            parameters: field(object, "params", |raw| parameters(raw, depth))?,
        }),
        "event" => Value::from(EventData {
            code: field(object, "code", byte)?,
            parameters: field(object, "params", |raw| parameters(raw, depth))?,
        }),
        _ => return Err(Misfit::new("the name of a value type").within(format_args!(".t"))),
    })
}

fn pairs(raw: &Raw, depth: u32) -> Result<Vec<(Value, Value)>> {
    each(raw, |raw| {
        pair(raw, |key| value(key, depth), |item| value(item, depth))
    })
}

/// A list of `[code, value]`, or an object with the codes as keys.
fn parameters(raw: &Raw, depth: u32) -> Result<Parameters> {
    let Raw::Object(object) = raw else {
        return each(raw, |raw| pair(raw, byte, |item| value(item, depth)));
    };
    let parameter = |(code, item): &(String, Raw)| {
        // Parsing a number would also accept a sign.
        let number = code
            .parse()
            .ok()
            .filter(|_| code.bytes().all(|byte| byte.is_ascii_digit()));
        number
            .ok_or(Misfit::new("parameter codes from 0 to 255 as keys"))
            .and_then(|number| Ok((number, value(item, depth)?)))
            .map_err(|misfit| misfit.within(format_args!(".{code}")))
    };
    object.iter().map(parameter).collect()
}

fn debug_message(object: &Object) -> Result<Option<Text>> {
    match get(object, "msg") {
        None | Some(Raw::Null) => Ok(None),
        Some(Raw::Text(text)) => Ok(Some(text.as_str().into())),
        Some(_) => Err(Misfit::new("a string or null").within(format_args!(".msg"))),
    }
}

fn array(object: &Object, depth: u32) -> Result<Value> {
    let of = field(object, "of", declared)?;
    Ok(Value::Array(match &of {
        Type::Byte => return Ok(Value::Bytes(elements::<u8>(object, depth)?.into())),
        Type::Bool => Array::Bool(elements(object, depth)?),
        Type::Short => Array::Short(elements(object, depth)?),
        Type::Int => Array::Int(elements(object, depth)?),
        Type::Long => Array::Long(elements(object, depth)?),
        Type::Float => Array::Float(elements(object, depth)?),
        Type::Double => Array::Double(elements(object, depth)?),
        Type::String => Array::String(elements(object, depth)?),
        Type::Bytes => Array::Bytes(elements(object, depth)?),
        Type::Object => Array::Object(elements(object, depth)?),
        Type::Hashtable => Array::Hashtable(elements(object, depth)?),
        Type::Request => Array::Request(elements(object, depth)?),
        Type::Response => Array::Response(elements(object, depth)?),
        Type::Event => Array::Event(elements(object, depth)?),
        Type::Array(declared) => {
            Array::Array(checked(object, depth, |array| fits(array, declared))?)
        }
        Type::Dictionary(sides) => {
            let (key, value) = &**sides;
            let fits = |map: &Dictionary| map.key == *key && map.value == *value;
            let elements = checked(object, depth, fits)?;
            Array::Dictionary {
                key: key.clone(),
                value: value.clone(),
                elements: elements.into_iter().map(|map| map.pairs).collect(),
            }
        }
        Type::Custom(Some(code)) => {
            let elements = checked(object, depth, |custom: &Custom| custom.code == *code)?;
            Array::Custom {
                code: *code,
                elements: elements.into_iter().map(|custom| custom.data).collect(),
            }
        }
        Type::Custom(None) => {
            let misfit = Misfit::new("custom:CODE, the code of all elements");
            return Err(misfit.within(format_args!(".of")));
        }
    }))
}

fn elements<T: TryFrom<Value>>(object: &Object, depth: u32) -> Result<Vec<T>> {
    checked(object, depth, |_| true)
}

fn checked<T: TryFrom<Value>>(
    object: &Object,
    depth: u32,
    fits: impl Fn(&T) -> bool,
) -> Result<Vec<T>> {
    field(object, "v", |raw| {
        each(raw, |raw| {
            let element = T::try_from(value(raw, depth)?).ok();
            element
                .filter(&fits)
                .ok_or(Misfit::new("an element of the array's type"))
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
