//! Converts values to JSON.

use super::types;
use crate::hex;
use photon_proto::{Array, Custom, EventData, Hashtable, Request, Response, Type, Value};
use serde_json::{Value as Json, json};

/// Converts a value.
#[must_use]
pub fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Null => json!({"t": "null"}),
        Value::Bool(value) => tagged("bool", *value),
        Value::Byte(value) => tagged("byte", *value),
        Value::Short(value) => tagged("short", *value),
        Value::Int(value) => tagged("int", *value),
        Value::Long(value) => tagged("long", value.to_string()),
        Value::Float(value) => {
            let text = decimal(f64::from(*value), value.to_string(), format!("{value:e}"));
            json!({"t": "float", "v": text, "bits": format!("{:08x}", value.to_bits())})
        }
        Value::Double(value) => {
            let text = decimal(*value, value.to_string(), format!("{value:e}"));
            json!({"t": "double", "v": text, "bits": format!("{:016x}", value.to_bits())})
        }
        Value::String(text) => tagged("string", text.as_str()),
        Value::Bytes(data) => bytes(data),
        Value::Array(all) => array(all),
        Value::Hashtable(map) => hashtable(map),
        Value::Dictionary(map) => dictionary(&map.key, &map.value, &map.pairs),
        Value::Custom(Custom { code, data }) => custom(*code, data),
        Value::Request(message) => request("request", message),
        Value::Response(message) => response("response", message),
        Value::Event(message) => event(message),
    }
}

fn tagged(t: &str, v: impl Into<Json>) -> Json {
    json!({"t": t, "v": v.into()})
}

/// Chooses the text of a number: `plain`, or `scientific` for very large and very small numbers,
/// whose plain text is long. Both parse to the same number.
fn decimal(number: f64, plain: String, scientific: String) -> String {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 {
            "Infinity".into()
        } else {
            "-Infinity".into()
        }
    } else if number == 0.0 || (1e-5..1e16).contains(&number.abs()) {
        plain
    } else {
        scientific
    }
}

fn bytes(data: &[u8]) -> Json {
    json!({"t": "bytes", "hex": hex::encode(data)})
}

fn custom(code: u8, data: &[u8]) -> Json {
    json!({"t": "custom", "code": code, "hex": hex::encode(data)})
}

fn pairs(all: &[(Value, Value)]) -> Json {
    all.iter()
        .map(|(key, value)| json!([value_to_json(key), value_to_json(value)]))
        .collect()
}

fn hashtable(map: &Hashtable) -> Json {
    tagged("hashtable", pairs(&map.0))
}

fn dictionary(key: &Type, value: &Type, all: &[(Value, Value)]) -> Json {
    json!({"t": "dict", "k": types::name(key), "val": types::name(value), "v": pairs(all)})
}

pub(super) fn parameters(all: &[(u8, Value)]) -> Json {
    all.iter()
        .map(|(code, value)| json!([code, value_to_json(value)]))
        .collect()
}

pub(super) fn request(t: &str, message: &Request) -> Json {
    json!({"t": t, "op": message.code, "params": parameters(&message.parameters)})
}

pub(super) fn response(t: &str, message: &Response) -> Json {
    let text = message.debug_message.as_deref();
    json!({
        "t": t, "op": message.code, "ret": message.return_code, "msg": text, "params": parameters(&message.parameters),
    })
}

pub(super) fn event(message: &EventData) -> Json {
    json!({"t": "event", "code": message.code, "params": parameters(&message.parameters)})
}

fn array(array: &Array) -> Json {
    fn each<T>(all: &[T], one: impl Fn(&T) -> Json) -> Json {
        all.iter().map(one).collect()
    }
    fn scalars<T: Copy + Into<Value>>(all: &[T]) -> Json {
        each(all, |one| value_to_json(&(*one).into()))
    }
    let elements = match array {
        Array::Bool(all) => scalars(all),
        Array::Short(all) => scalars(all),
        Array::Int(all) => scalars(all),
        Array::Long(all) => scalars(all),
        Array::Float(all) => scalars(all),
        Array::Double(all) => scalars(all),
        Array::String(all) => each(all, |one| tagged("string", one.as_str())),
        Array::Bytes(all) => each(all, |one| bytes(one)),
        Array::Object(all) => each(all, value_to_json),
        Array::Hashtable(all) => each(all, hashtable),
        Array::Dictionary {
            key,
            value,
            elements,
        } => each(elements, |one| dictionary(key, value, one)),
        Array::Custom { code, elements } => each(elements, |one| custom(*code, one)),
        Array::Array(all) => each(all, self::array),
        Array::Request(all) => each(all, |one| request("request", one)),
        Array::Response(all) => each(all, |one| response("response", one)),
        Array::Event(all) => each(all, event),
    };
    json!({"t": "array", "of": types::name(&element_type(array)), "v": elements})
}

/// As [`Array::element_type`], but ignores empty object arrays inside of an array of arrays: each
/// represents an empty array of any type.
fn element_type(array: &Array) -> Type {
    let Array::Array(all) = array else {
        return array.element_type();
    };
    let unnamed = |array: &Array| matches!(array, Array::Object(all) if all.is_empty());
    let first = all.iter().find(|array| !unnamed(array)).or(all.first());
    Type::Array(Box::new(first.map_or(Type::Object, element_type)))
}
