//! Conversions of parameters that more than one event uses.

use alloc::vec::Vec;
use photon_proto::{Array, DecodeError, DecodeErrorKind, Text, Value, ValueRef};

/// The text of a parameter; `None` if it is missing or no text.
pub(super) fn text(value: Option<ValueRef<'_>>) -> Option<Text> {
    value.and_then(|value| value.as_str().map(Text::from))
}

/// The pairs of a map of either kind; none of anything else.
pub(super) fn pairs(value: Value) -> Vec<(Value, Value)> {
    match value {
        Value::Dictionary(map) => map.pairs,
        Value::Hashtable(map) => map.0,
        _ => Vec::new(),
    }
}

/// The booleans of an array. JSON and old servers send them as objects; what is no boolean is
/// false.
pub(super) fn bools(value: Value) -> Vec<bool> {
    match value {
        Value::Array(Array::Bool(results)) => results,
        Value::Array(Array::Object(values)) => values
            .into_iter()
            .map(|value| matches!(value, Value::Bool(true)))
            .collect(),
        _ => Vec::new(),
    }
}

/// The error for a known event that lacks a required parameter.
pub(super) fn missing(field: &'static str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Missing, 0, field)
}
