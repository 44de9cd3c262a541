//! The properties of a channel, or of a user in it, as the server keeps them. Spec: chat.md 1.6.

use photon_proto::Value;

/// The properties of a channel, or of a user in it.
pub(crate) type Properties = Vec<(Value, Value)>;

/// The value of a property; null if it does not exist.
pub(crate) fn get<'a>(properties: &'a Properties, key: &Value) -> &'a Value {
    properties
        .iter()
        .find(|(known, _)| known == key)
        .map_or(&Value::Null, |(_, value)| value)
}

/// The properties after some changes; a null value removes one. Spec: chat.md 1.6.
pub(crate) fn apply(properties: &Properties, changes: &Properties) -> Properties {
    let mut after = properties.clone();
    for (key, value) in changes {
        after.retain(|(known, _)| known != key);
        if *value != Value::Null {
            after.push((key.clone(), value.clone()));
        }
    }
    after
}

/// The memory of properties.
pub(crate) fn size(properties: &Properties) -> usize {
    properties
        .iter()
        .map(|(key, value)| 2 * size_of::<Value>() + key.heap_bytes() + value.heap_bytes())
        .fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_removes_and_absent_is_null() {
        let (a, b) = (Value::from("a"), Value::Byte(254));
        let all = apply(
            &vec![],
            &vec![(a.clone(), Value::Int(1)), (b.clone(), Value::Bool(true))],
        );
        assert_eq!(get(&all, &a), &Value::Int(1));
        let fewer = apply(
            &all,
            &vec![(a.clone(), Value::Null), (Value::from("c"), Value::Null)],
        );
        assert_eq!(fewer, [(b, Value::Bool(true))]);
        assert_eq!(get(&fewer, &a), &Value::Null);
    }
}
