//! Conversions of parameters that more than one event uses.

use super::Incoming;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use photon_proto::{Array, DecodeError, DecodeErrorKind, Element, Params, Text, Value, ValueRef};

impl Incoming<'_> {
    /// Copies a value. What cannot be decoded in it is replaced and counted.
    pub(super) fn value(&mut self, value: &ValueRef<'_>) -> Value {
        let (copy, replaced) = value.to_value_lossy(&self.config.peer.limits);
        // The parameters have counted the value if not even its bounds could be checked.
        if !matches!(value, ValueRef::Undecodable(_)) {
            self.stats
                .add(u64::from(replaced), |rare| &mut rare.undecodable_elements);
        }
        copy
    }
}

/// The text of a parameter, with U+FFFD in place of what is not UTF-8; `None` if it is missing or no
/// text.
pub(super) fn text(value: Option<ValueRef<'_>>) -> Option<Text> {
    value.and_then(|value| value.text_lossy()).map(Text::from)
}

/// The names in a list of texts. One that is not UTF-8 has U+FFFD in place of what is not, one that
/// is no text is U+FFFD: results follow in the order of the names, so each keeps its place. Such names
/// are owned, all others borrowed.
///
/// # Errors
/// The same as [`Params::elements`].
pub(super) fn names<'a>(
    params: &mut Params<'a>,
    field: &'static str,
) -> Result<Vec<Cow<'a, str>>, DecodeError> {
    let mut names = Vec::new();
    params.elements(field, |name| {
        names.push(match name {
            // The check alone takes less than the copy that a replacement needs.
            Element::Text(bytes) => match core::str::from_utf8(bytes) {
                Ok(name) => Cow::Borrowed(name),
                Err(_) => String::from_utf8_lossy(bytes),
            },
            Element::Other(value) => value
                .text_lossy()
                .unwrap_or(Cow::Owned(String::from(char::REPLACEMENT_CHARACTER))),
        });
    })?;
    Ok(names)
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
