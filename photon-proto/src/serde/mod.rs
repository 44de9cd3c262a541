//! Conversions between [`Value`] and your own types, through [serde](https://serde.rs) (feature
//! `serde`).
//!
//! [`to_value`] makes a value of anything that implements `Serialize`; [`from_value`] reads one
//! back into anything that implements `Deserialize`. [`Value`] and its parts, and [`Text`],
//! implement both traits themselves, so that they can be stored and printed.
//!
//! ```
//! use photon_proto::{Value, from_value, to_value};
//!
//! let position = ("lobby", [1.5f32, 2.0]);
//! let value: Value = to_value(&position)?;
//! assert_eq!(value.to_string(), r#"["lobby", [1.5, 2]]"#);
//! let (room, place): (&str, [f32; 2]) = from_value(&value)?;
//! assert_eq!((room, place), position);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which value a type becomes
//!
//! The other users of a channel may use another SDK, so the mapping follows the type that its
//! users would expect, in the .NET SDK for example `int[]` for a list of `i32`.
//!
//! | serde type | value |
//! | --- | --- |
//! | bool | [`Value::Bool`] |
//! | u8 | [`Value::Byte`], the only unsigned number of Photon |
//! | i8, i16 | [`Value::Short`] |
//! | u16, i32 | [`Value::Int`] |
//! | u32, i64 | [`Value::Long`] |
//! | u64, i128, u128 | [`Value::Long`]; [`NumberTooLarge`] outside the range of an i64 |
//! | f32, f64 | [`Value::Float`], [`Value::Double`] |
//! | char, str | [`Value::String`] |
//! | bytes | [`Value::Bytes`] |
//! | none, unit, unit struct | [`Value::Null`] |
//! | some, newtype struct | its content |
//! | seq, tuple, tuple struct | if all elements are of one type: [`Value::Bytes`] for bytes, a typed [`Value::Array`] for bools, shorts, ints, longs, floats, doubles and strings; otherwise, and without elements, an array of [`Array::Object`] |
//! | map | [`Value::Hashtable`], the keys converted as any value; null, an array or a map as a key, and a key that occurs twice, are errors |
//! | struct | [`Value::Hashtable`] with the names of the fields as keys, in their order |
//! | unit variant | [`Value::String`]: its name |
//! | other variants | [`Value::Hashtable`] with one pair: the name of the variant, and its content converted as a newtype struct, tuple or struct |
//! | [`Value`], [`Array`], [`Hashtable`], [`Dictionary`], [`Custom`], [`Request`], [`Response`], [`EventData`] | exactly this value |
//!
//! [`from_value`] accepts more than [`to_value`] makes, because the sender chooses the types: a
//! number of any width that holds the number, any kind of array for a seq, a Dictionary for a
//! Hashtable, and an application-defined type as a struct with `code` and `data`. A null is none.
//! It does not convert text to numbers or back. Both sides are not "human-readable" in the sense of
//! serde.
//!
//! An `Option<Option<T>>` loses the difference between its two kinds of none.
//!
//! # Limits
//!
//! Both directions end with an error, never with a stack overflow, whatever the nesting.
//! [`to_value`] makes at most what [`Limits::DEFAULT`] allow in one message; [`to_value_with`] takes
//! other limits. Reading makes only what the type asks for.
//!
//! # How values are serialized
//!
//! As JSON, and in every other format that is human-readable, a value has the form of
//! `photon-inspect`, which keeps its exact type: an object whose `t` names the type.
//!
//! | `t` | other keys |
//! | --- | --- |
//! | `null` | |
//! | `bool` | `v`: true or false |
//! | `byte`, `short`, `int` | `v`: a number |
//! | `long` | `v`: a decimal string, because many readers round large numbers (a number is accepted) |
//! | `float`, `double` | `v`: a decimal string, `NaN`, `Infinity`, `-Infinity` (a number is accepted); `bits`: the IEEE 754 bits in hex, which take precedence over `v` |
//! | `string` | `v` |
//! | `bytes` | `hex` |
//! | `array` | `of`: the element type, `object` for mixed values; `v`: the elements |
//! | `hashtable` | `v`: pairs, each `[key, value]` |
//! | `dict` | `k`, `val`: the declared types, `object` for untyped; `v`: pairs |
//! | `custom` | `code`, `hex` |
//! | `request` | `op`, `params`: a list of `[code, value]` (an object with the codes as keys is accepted) |
//! | `response` | `op`, `ret`, `msg` (text or null), `params` |
//! | `event` | `code`, `params` |
//!
//! Type names are those of `t`, `array<TYPE>`, `dict<TYPE,TYPE>`, and `custom:CODE` for the elements
//! of an array. Unknown keys are ignored. At most 64 levels are written or read, and at most
//! 1,048,576 parts are read.
//!
//! In other formats (such as bincode, postcard, MessagePack) a value is a byte array: 18 or 16, and
//! the value in GpBinary 1.8, or in 1.6 if 1.8 cannot express it. A value that neither can express
//! is an error.
//!
//! [`NumberTooLarge`]: crate::EncodeErrorKind::NumberTooLarge

mod allowance;
mod collect;
mod error;
mod exact;
mod from_value;
mod impls;
mod node;
mod notation;
mod to_value;

pub use error::{FromValueError, FromValueErrorKind};

#[expect(unused_imports, reason = "so that the page can link to them")]
use crate::{Array, Custom, Dictionary, EventData, Hashtable, Request, Response, Text};

use crate::codec::ValueRef;
use crate::error::EncodeError;
use crate::limits::Limits;
use crate::value::Value;
use ::serde::Serialize;
use ::serde::de::{Deserialize, DeserializeOwned};
use from_value::ValueDeserializer;
use node::Node;

/// The most levels of values that are serialized or deserialized: more than a protocol allows by
/// default, and far fewer than would overflow a stack.
const MAX_DEPTH: u32 = 64;

/// The name under which a [`Value`] passes unchanged through [`to_value`] and [`from_value`]. Other
/// formats ignore the name of a newtype struct.
const EXACT: &str = "$photon_proto::Value";

/// Converts `data` to a value, with the limits of [`Limits::DEFAULT`]. See the
/// [module](self) for the mapping.
///
/// ```
/// use photon_proto::{Hashtable, Value, to_value};
/// use std::collections::BTreeMap;
///
/// let scores = BTreeMap::from([("alice", 3i32), ("bob", 5)]);
/// let expected = Hashtable::from_iter([("alice", 3), ("bob", 5)]);
/// assert_eq!(to_value(&scores)?, Value::Hashtable(expected));
/// # Ok::<(), photon_proto::EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError`] with the place of what no value can express: a number outside the range of an
/// i64, null or a container as a key, the same key twice, more than the limits allow, or an error of
/// the type's own `Serialize`.
pub fn to_value<T: Serialize + ?Sized>(data: &T) -> Result<Value, EncodeError> {
    to_value_with(data, &Limits::DEFAULT)
}

/// Converts `data` to a value, with these limits: depth, number of values, and memory. The length
/// of texts and messages is checked when the value is encoded.
///
/// # Errors
/// As [`to_value`].
pub fn to_value_with<T: Serialize + ?Sized>(
    data: &T,
    limits: &Limits,
) -> Result<Value, EncodeError> {
    data.serialize(&mut to_value::Converter::new(limits))
}

/// Reads a value into a type of your own, which may borrow text and bytes from it. See the
/// [module](self) for what is accepted.
///
/// # Errors
/// [`FromValueError`] with the place of what does not fit, and the type that was expected there.
pub fn from_value<'v, T: Deserialize<'v>>(value: &'v Value) -> Result<T, FromValueError> {
    T::deserialize(ValueDeserializer::new(Node::of(value)))
}

/// Reads a text into a type of your own, as [`from_value`] reads a [`Value::String`].
///
/// # Errors
/// As [`from_value`].
pub fn from_text<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, FromValueError> {
    T::deserialize(ValueDeserializer::new(Node::String(text)))
}

/// Reads a borrowed value into a type of your own. A container is decoded with these limits.
///
/// # Errors
/// As [`from_value`], and [`FromValueErrorKind::Undecodable`] for a container that cannot be
/// decoded.
pub fn from_value_ref<T: DeserializeOwned>(
    value: ValueRef<'_>,
    limits: &Limits,
) -> Result<T, FromValueError> {
    match Node::of_ref(&value) {
        Some(node) => T::deserialize(ValueDeserializer::new(node)),
        None => from_value(&value.to_value(limits)?),
    }
}
