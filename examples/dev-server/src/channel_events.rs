//! The events of channels, and the Dictionaries in them. Spec: chat.md 4.1, 4.4.

use std::collections::BTreeMap;

use photon_proto::{Array, Dictionary, Text, Type, Value};

use crate::event::Event;
use crate::property_list::Properties;
use chat_core::codes::{event, parameter as p};

/// A Dictionary object/object. Spec: chat.md 12, subscribe.
pub(crate) fn untyped(pairs: Properties) -> Value {
    Value::Dictionary(Dictionary {
        key: Type::Object,
        value: Type::Object,
        pairs,
    })
}

/// A Dictionary string/object.
pub(crate) fn by_name(pairs: Vec<(String, Value)>) -> Value {
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect();
    Value::Dictionary(Dictionary {
        key: Type::String,
        value: Type::Object,
        pairs,
    })
}

/// p28 of event 5: a Dictionary string/object of Dictionaries object/object.
pub(crate) fn by_user(all: &BTreeMap<Text, Properties>) -> Value {
    let pairs = all
        .iter()
        .map(|(user, properties)| (user.clone().into(), untyped(properties.clone())))
        .collect();
    Value::Dictionary(Dictionary {
        key: Type::String,
        value: Type::Object,
        pairs,
    })
}

/// Event 0 with one sender more than messages, for
/// [`Fault::WrongLengths`](crate::Fault::WrongLengths).
pub(crate) fn uneven_event(name: &Text, sender: &Text, content: Value, last_id: i32) -> Event {
    let parameters = vec![
        (p::CHANNEL, Value::from(name.clone())),
        (
            p::SENDERS,
            Value::from(vec![sender.clone(), sender.clone()]),
        ),
        (p::MESSAGES, Value::Array(Array::Object(vec![content]))),
        (p::MESSAGE_ID, Value::Int(last_id)),
    ];
    Event::with_content(event::CHAT_MESSAGES, parameters, &[p::MESSAGES])
}

/// Event 0. Spec: chat.md 4.1.
pub(crate) fn messages_event(name: &Text, messages: Vec<(Text, Value)>, last_id: i32) -> Event {
    let (senders, contents): (Vec<Text>, Vec<Value>) = messages.into_iter().unzip();
    let parameters = vec![
        (p::CHANNEL, Value::from(name.clone())),
        (p::SENDERS, Value::from(senders)),
        (p::MESSAGES, Value::Array(Array::Object(contents))),
        (p::MESSAGE_ID, Value::Int(last_id)),
    ];
    Event::with_content(event::CHAT_MESSAGES, parameters, &[p::MESSAGES])
}
