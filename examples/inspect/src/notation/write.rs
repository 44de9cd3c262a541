//! Converts values to JSON.

use photon_proto::Value;
use serde::Serialize;
use serde_json::{Value as Json, json};

/// Converts a value.
#[must_use]
pub fn value_to_json(value: &Value) -> Json {
    written(value)
}

/// Converts a value, or one of the messages that can be values. The library knows their form. More
/// than its 64 levels, which no decoder makes, become an object with the `error`.
pub(super) fn written(value: &impl Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_else(|error| json!({"error": error.to_string()}))
}

/// As [`written`], with a `t` of the message's own.
pub(super) fn renamed(message: &impl Serialize, t: &str) -> Json {
    let mut json = written(message);
    json["t"] = t.into();
    json
}

pub(super) fn parameters(all: &[(u8, Value)]) -> Json {
    all.iter()
        .map(|(code, value)| json!([code, value_to_json(value)]))
        .collect()
}
