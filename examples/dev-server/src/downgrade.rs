//! Conversion of content to a protocol that cannot express it exactly.

use photon_proto::{Array, Dictionary, Hashtable, Limits, Protocol, Type, Value, codec};

/// Returns `value` as `protocol` can express it.
///
/// Values that the protocol can express stay unchanged. Otherwise a Dictionary loses its declared
/// types, an array with an inexpressible element type becomes an array of objects, and a part that
/// is still inexpressible becomes null.
pub(crate) fn downgrade(protocol: Protocol, limits: &Limits, value: &Value) -> Value {
    let fits = |value: &Value| codec::encode_value(protocol, limits, value).is_ok();
    if fits(value) {
        return value.clone();
    }
    // Each level of nesting reduces the depth; without depth no value can be a container.
    let Some(max_depth) = limits.max_depth.checked_sub(1) else {
        return Value::Null;
    };
    let inner = Limits {
        max_depth,
        ..limits.clone()
    };
    let pairs = |pairs: &[(Value, Value)]| {
        pairs
            .iter()
            .map(|(key, value)| (key.clone(), downgrade(protocol, &inner, value)))
            .collect::<Vec<_>>()
    };
    let untyped = |all: &[(Value, Value)]| {
        Value::Dictionary(Dictionary {
            key: Type::Object,
            value: Type::Object,
            pairs: pairs(all),
        })
    };
    let mixed = |all: Vec<Value>| {
        Value::from(
            all.iter()
                .map(|one| downgrade(protocol, &inner, one))
                .collect::<Vec<_>>(),
        )
    };
    let looser = match value {
        Value::Dictionary(map) => untyped(&map.pairs),
        Value::Hashtable(map) => Value::Hashtable(Hashtable(pairs(&map.0))),
        Value::Array(array) => match array {
            Array::Object(all) => mixed(all.clone()),
            Array::Hashtable(all) => mixed(all.iter().cloned().map(Value::Hashtable).collect()),
            Array::Array(all) => mixed(all.iter().cloned().map(Value::Array).collect()),
            Array::Request(all) => mixed(all.iter().cloned().map(Value::from).collect()),
            Array::Response(all) => mixed(all.iter().cloned().map(Value::from).collect()),
            Array::Event(all) => mixed(all.iter().cloned().map(Value::from).collect()),
            Array::Dictionary { elements, .. } => {
                Value::from(elements.iter().map(|all| untyped(all)).collect::<Vec<_>>())
            }
            _ => Value::Null,
        },
        _ => Value::Null,
    };
    if fits(&looser) { looser } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use photon_proto::{Custom, EventData, Text};

    use super::*;

    fn dictionary(key: Type, value: Type, pairs: Vec<(Value, Value)>) -> Value {
        Value::Dictionary(Dictionary { key, value, pairs })
    }

    fn downgraded(protocol: Protocol, value: &Value) -> Value {
        downgrade(protocol, &Limits::DEFAULT, value)
    }

    #[test]
    fn only_the_inexpressible_part_changes() {
        let arrays = Type::Array(Box::new(Type::Int));
        let typed = dictionary(Type::String, Type::Int, vec![("n".into(), Value::Int(1))]);
        let strange = dictionary(
            Type::String,
            arrays,
            vec![("a".into(), Value::from(vec![1, 2]))],
        );
        let loose = dictionary(
            Type::Object,
            Type::Object,
            vec![("a".into(), Value::from(vec![1, 2]))],
        );
        let content = |inner: &Value| Value::from(vec![typed.clone(), inner.clone(), "x".into()]);
        assert_eq!(
            downgraded(Protocol::V16, &content(&strange)),
            content(&loose)
        );
        assert_eq!(
            downgraded(Protocol::V18, &content(&strange)),
            content(&strange)
        );
    }

    #[test]
    fn arrays_of_messages_become_mixed_in_18() {
        let event = EventData {
            code: 1,
            parameters: vec![(1, Value::Byte(2))],
        };
        let array = Value::Array(Array::Event(vec![event.clone()]));
        assert_eq!(downgraded(Protocol::V16, &array), array);
        assert_eq!(
            downgraded(Protocol::V18, &array),
            Value::from(vec![Value::from(event)])
        );
    }

    #[test]
    fn arrays_of_dictionaries_lose_their_declaration() {
        let inner = vec![(Value::from("k"), dictionary(Type::Int, Type::Int, vec![]))];
        let declared = Type::Dictionary(Box::new((Type::Int, Type::Int)));
        let array = Value::Array(Array::Dictionary {
            key: Type::String,
            value: declared,
            elements: vec![inner.clone()],
        });
        let expected = Value::from(vec![dictionary(Type::Object, Type::Object, inner)]);
        assert_eq!(downgraded(Protocol::V16, &array), expected);
    }

    #[test]
    fn an_inexpressible_part_becomes_null() {
        let custom = Value::from(Custom {
            code: 3,
            data: vec![0; 40_000].into(),
        });
        assert_eq!(downgraded(Protocol::V18, &custom), custom);
        assert_eq!(downgraded(Protocol::V16, &custom), Value::Null);
        let map: Hashtable = [("big", custom), ("small", Value::Int(1))]
            .into_iter()
            .collect();
        let expected: Hashtable = [("big", Value::Null), ("small", Value::Int(1))]
            .into_iter()
            .collect();
        assert_eq!(
            downgraded(Protocol::V16, &Value::from(map)),
            Value::from(expected)
        );
        let many = Value::from(vec![Text::from("x"); 40_000]);
        assert_eq!(downgraded(Protocol::V16, &many), Value::Null);
    }
}
