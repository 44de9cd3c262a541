//! [`Node`]: one place in a value that is being read.

use crate::codec::ValueRef;
use crate::value::{
    Array, Custom, Dictionary, EventData, Hashtable, Request, Response, Type, Value,
};
use bytes::Bytes;

/// One place in a value: what [`Value`] has there, borrowed. The elements of a typed array are no
/// values of their own, so a reference to a [`Value`] would not do.
#[derive(Clone, Copy)]
pub(super) enum Node<'v> {
    Null,
    Bool(bool),
    Byte(u8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    String(&'v str),
    Bytes(&'v [u8]),
    Array(&'v Array),
    /// The pairs of a map, with the declared types of a Dictionary.
    Map(&'v [(Value, Value)], Option<(&'v Type, &'v Type)>),
    Custom(u8, &'v [u8]),
    Request(&'v Request),
    Response(&'v Response),
    Event(&'v EventData),
}

impl<'v> Node<'v> {
    pub(super) fn of(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Byte(value) => Self::Byte(*value),
            Value::Short(value) => Self::Short(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Long(value) => Self::Long(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Double(value) => Self::Double(*value),
            Value::String(value) => Self::String(value),
            Value::Bytes(value) => Self::Bytes(value),
            Value::Array(value) => Self::Array(value),
            Value::Hashtable(map) => Self::Map(&map.0, None),
            Value::Dictionary(map) => Self::Map(&map.pairs, Some((&map.key, &map.value))),
            Value::Custom(custom) => Self::Custom(custom.code, &custom.data),
            Value::Request(message) => Self::Request(message),
            Value::Response(message) => Self::Response(message),
            Value::Event(message) => Self::Event(message),
        }
    }

    /// `None` for what is still encoded.
    pub(super) fn of_ref(value: &ValueRef<'v>) -> Option<Self> {
        Some(match *value {
            ValueRef::Null => Self::Null,
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::Byte(value) => Self::Byte(value),
            ValueRef::Short(value) => Self::Short(value),
            ValueRef::Int(value) => Self::Int(value),
            ValueRef::Long(value) => Self::Long(value),
            ValueRef::Float(value) => Self::Float(value),
            ValueRef::Double(value) => Self::Double(value),
            ValueRef::String(value) => Self::String(value),
            ValueRef::Bytes(value) => Self::Bytes(value),
            ValueRef::Custom { code, data } => Self::Custom(code, data),
            ValueRef::Container(_) | ValueRef::Undecodable(_) => return None,
        })
    }

    /// One element of an array.
    pub(super) fn element(array: &'v Array, index: usize) -> Option<Self> {
        Some(match array {
            Array::Bool(all) => Self::Bool(*all.get(index)?),
            Array::Short(all) => Self::Short(*all.get(index)?),
            Array::Int(all) => Self::Int(*all.get(index)?),
            Array::Long(all) => Self::Long(*all.get(index)?),
            Array::Float(all) => Self::Float(*all.get(index)?),
            Array::Double(all) => Self::Double(*all.get(index)?),
            Array::String(all) => Self::String(all.get(index)?),
            Array::Bytes(all) => Self::Bytes(all.get(index)?),
            Array::Object(all) => Self::of(all.get(index)?),
            Array::Hashtable(all) => Self::Map(&all.get(index)?.0, None),
            Array::Dictionary {
                key,
                value,
                elements,
            } => Self::Map(elements.get(index)?, Some((key, value))),
            Array::Custom { code, elements } => Self::Custom(*code, elements.get(index)?),
            Array::Array(all) => Self::Array(all.get(index)?),
            Array::Request(all) => Self::Request(all.get(index)?),
            Array::Response(all) => Self::Response(all.get(index)?),
            Array::Event(all) => Self::Event(all.get(index)?),
        })
    }

    /// A copy as a value.
    pub(super) fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Byte(value) => Value::Byte(value),
            Self::Short(value) => Value::Short(value),
            Self::Int(value) => Value::Int(value),
            Self::Long(value) => Value::Long(value),
            Self::Float(value) => Value::Float(value),
            Self::Double(value) => Value::Double(value),
            Self::String(text) => text.into(),
            Self::Bytes(bytes) => bytes.into(),
            Self::Array(array) => Value::Array(array.clone()),
            Self::Map(pairs, None) => Value::Hashtable(Hashtable(pairs.to_vec())),
            Self::Map(pairs, Some((key, value))) => Value::from(Dictionary {
                key: key.clone(),
                value: value.clone(),
                pairs: pairs.to_vec(),
            }),
            Self::Custom(code, data) => Value::from(Custom {
                code,
                data: Bytes::copy_from_slice(data),
            }),
            Self::Request(message) => message.clone().into(),
            Self::Response(message) => message.clone().into(),
            Self::Event(message) => message.clone().into(),
        }
    }
}
