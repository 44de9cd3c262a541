//! Conversions between [`Value`] and Rust types.

use crate::text::Text;
use crate::value::{Array, Custom, Dictionary, EventData, Hashtable, Request, Response, Value};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// Conversions in both directions between a Rust type and a variant. A value of another variant is
/// returned as the error.
macro_rules! variant {
    ($($rust:ty => $variant:ident),* $(,)?) => {$(
        impl From<$rust> for Value {
            #[inline]
            fn from(value: $rust) -> Self {
                Self::$variant(value)
            }
        }

        impl TryFrom<Value> for $rust {
            type Error = Value;

            fn try_from(value: Value) -> Result<Self, Value> {
                match value {
                    Value::$variant(value) => Ok(value),
                    other => Err(other),
                }
            }
        }
    )*};
}

variant! {
    bool => Bool,
    u8 => Byte,
    i16 => Short,
    i32 => Int,
    i64 => Long,
    f32 => Float,
    f64 => Double,
    Text => String,
    Bytes => Bytes,
    Array => Array,
    Hashtable => Hashtable,
    Dictionary => Dictionary,
    Custom => Custom,
}

/// The same for the variants that contain a box.
macro_rules! boxed {
    ($($rust:ty => $variant:ident),* $(,)?) => {$(
        impl From<$rust> for Value {
            fn from(value: $rust) -> Self {
                Self::$variant(Box::new(value))
            }
        }

        impl TryFrom<Value> for $rust {
            type Error = Value;

            fn try_from(value: Value) -> Result<Self, Value> {
                match value {
                    Value::$variant(value) => Ok(*value),
                    other => Err(other),
                }
            }
        }
    )*};
}

boxed! { Request => Request, Response => Response, EventData => Event }

/// The same for arrays.
macro_rules! array {
    ($($element:ty => $variant:ident),* $(,)?) => {$(
        impl From<Vec<$element>> for Value {
            fn from(elements: Vec<$element>) -> Self {
                Self::Array(Array::$variant(elements))
            }
        }

        impl TryFrom<Value> for Vec<$element> {
            type Error = Value;

            fn try_from(value: Value) -> Result<Self, Value> {
                match value {
                    Value::Array(Array::$variant(elements)) => Ok(elements),
                    other => Err(other),
                }
            }
        }
    )*};
}

array! {
    bool => Bool,
    i16 => Short,
    i32 => Int,
    i64 => Long,
    f32 => Float,
    f64 => Double,
    Text => String,
    Bytes => Bytes,
    Value => Object,
    Hashtable => Hashtable,
    Array => Array,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Cow<'_, str>> for Value {
    fn from(text: Cow<'_, str>) -> Self {
        Self::String(text.into())
    }
}

/// A string array.
impl From<Vec<&str>> for Value {
    fn from(texts: Vec<&str>) -> Self {
        Self::Array(Array::String(texts.into_iter().map(Text::from).collect()))
    }
}

/// A string array.
impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Self::Array(Array::String(texts.into_iter().map(Text::from).collect()))
    }
}

impl TryFrom<Value> for String {
    type Error = Value;

    fn try_from(value: Value) -> Result<Self, Value> {
        Text::try_from(value).map(Self::from)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(bytes))
    }
}

impl TryFrom<Value> for Vec<u8> {
    type Error = Value;

    fn try_from(value: Value) -> Result<Self, Value> {
        Bytes::try_from(value).map(Self::from)
    }
}

/// `None` is null.
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Hashtable {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl Hashtable {
    /// The value of a key: text, or any [`Value`].
    ///
    /// ```
    /// use photon_proto::{Hashtable, Value};
    ///
    /// let table = Hashtable::from_iter([("name", "Alice"), ("room", "lobby")]);
    /// assert_eq!(table.get("name").and_then(Value::as_str), Some("Alice"));
    /// assert_eq!(table.get(&Value::Int(1)), None);
    /// ```
    #[must_use]
    pub fn get<K: MapKey + ?Sized>(&self, key: &K) -> Option<&Value> {
        find(&self.0, key)
    }
}

impl Dictionary {
    /// The value of a key: text, or any [`Value`].
    #[must_use]
    pub fn get<K: MapKey + ?Sized>(&self, key: &K) -> Option<&Value> {
        find(&self.pairs, key)
    }
}

fn find<'a, K: MapKey + ?Sized>(pairs: &'a [(Value, Value)], key: &K) -> Option<&'a Value> {
    pairs
        .iter()
        .find(|(known, _)| key.matches(known))
        .map(|(_, value)| value)
}

/// A key to look up in a map: text, or any [`Value`].
pub trait MapKey {
    /// Whether this is the key of a pair.
    fn matches(&self, key: &Value) -> bool;
}

impl MapKey for str {
    fn matches(&self, key: &Value) -> bool {
        key.as_str() == Some(self)
    }
}

impl MapKey for Value {
    fn matches(&self, key: &Value) -> bool {
        self == key
    }
}
