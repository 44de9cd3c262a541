//! Converts JSON to values, and what messages have beside them.

use super::NotationError;
use crate::hex;
use photon_proto::{EventData, Parameters, Text};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

pub(super) type Result<T> = core::result::Result<T, NotationError>;
pub(super) type Object = Map<String, Json>;

/// Converts a value, or one of the messages that can be values. The library knows their form.
pub(super) fn value<T: DeserializeOwned>(json: &Json) -> Result<T> {
    T::deserialize(json).map_err(|error| NotationError::from_text(&error.to_string()))
}

/// As [`value`], from an object whose `t` is a message's own.
pub(super) fn renamed<T: DeserializeOwned>(map: &Object, t: &str) -> Result<T> {
    let mut map = map.clone();
    map.insert("t".into(), t.into());
    value(&Json::Object(map))
}

/// Converts the parameters of a message that cannot be a value: those of an event have their form.
pub(super) fn parameters(map: &Object) -> Result<Parameters> {
    let event = json!({"t": "event", "code": 0, "params": map.get("params")});
    value(&event).map(|event: EventData| event.parameters)
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

pub(super) fn bytes(json: &Json) -> Result<Vec<u8>> {
    hex::decode(text(json)?.as_bytes()).map_err(|_| NotationError::new("hex digits, two per byte"))
}

pub(super) fn debug_message(map: &Object) -> Result<Option<Text>> {
    optional(map, "msg", |json| match json {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(Text::from(text.as_str()))),
        _ => Err(NotationError::new("a string or null")),
    })
    .map(Option::flatten)
}
