//! [`Tagged`]: writes a value.

use super::super::MAX_DEPTH;
use super::super::node::Node;
use super::hex::Hex;
use super::types::Name;
use crate::value::{Array, Type, Value};
use ::serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use alloc::boxed::Box;
use core::fmt;

/// A place in a value, written as an object with a `t`.
#[derive(Clone, Copy)]
pub(in crate::serde) struct Tagged<'v> {
    node: Node<'v>,
    /// How many levels may be written.
    depth: u32,
}

impl<'v> Tagged<'v> {
    pub(in crate::serde) fn new(value: &'v Value) -> Self {
        Self::at(Node::of(value), MAX_DEPTH)
    }

    const fn at(node: Node<'v>, depth: u32) -> Self {
        Self { node, depth }
    }

    fn pairs(all: &'v [(Value, Value)], depth: u32) -> impl Serialize + 'v {
        List(all.iter().map(move |(key, value)| {
            let at = |value| Self::at(Node::of(value), depth);
            (at(key), at(value))
        }))
    }

    fn parameters(all: &'v [(u8, Value)], depth: u32) -> impl Serialize + 'v {
        List(
            all.iter()
                .map(move |(code, value)| (*code, Self::at(Node::of(value), depth))),
        )
    }

    fn elements(array: &'v Array, depth: u32) -> impl Serialize + 'v {
        List((0..array.len()).filter_map(move |index| {
            let element = Node::element(array, index);
            debug_assert!(element.is_some(), "the index is below the length");
            element.map(|node| Self::at(node, depth))
        }))
    }
}

/// Writes `{"t": t, ...}`.
macro_rules! object {
    ($serializer:ident, $t:expr $(, $key:literal: $value:expr)* $(,)?) => {{
        let mut map = $serializer.serialize_map(None)?;
        map.serialize_entry("t", $t)?;
        $(map.serialize_entry($key, $value)?;)*
        map.end()
    }};
}

impl Serialize for Tagged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(S::Error::custom("the value has more than 64 levels"));
        };
        match self.node {
            Node::Null => object!(serializer, "null"),
            Node::Bool(value) => object!(serializer, "bool", "v": &value),
            Node::Byte(value) => object!(serializer, "byte", "v": &value),
            Node::Short(value) => object!(serializer, "short", "v": &value),
            Node::Int(value) => object!(serializer, "int", "v": &value),
            Node::Long(value) => object!(serializer, "long", "v": &Shown(value)),
            Node::Float(value) => object!(serializer, "float",
                "v": &Shown(Decimal { number: value, as_double: value.into() }),
                "bits": &Shown(format_args!("{:08x}", value.to_bits()))),
            Node::Double(value) => object!(serializer, "double",
                "v": &Shown(Decimal { number: value, as_double: value }),
                "bits": &Shown(format_args!("{:016x}", value.to_bits()))),
            Node::String(text) => object!(serializer, "string", "v": text),
            Node::Bytes(bytes) => object!(serializer, "bytes", "hex": &Hex(bytes)),
            Node::Array(array) => object!(serializer, "array",
                "of": &Shown(Name(&element_type(array), MAX_DEPTH)),
                "v": &Self::elements(array, depth)),
            Node::Map(pairs, None) => object!(serializer, "hashtable",
                "v": &Self::pairs(pairs, depth)),
            Node::Map(pairs, Some((key, value))) => object!(serializer, "dict",
                "k": &Shown(Name(key, MAX_DEPTH)),
                "val": &Shown(Name(value, MAX_DEPTH)),
                "v": &Self::pairs(pairs, depth)),
            Node::Custom(code, data) => object!(serializer, "custom",
                "code": &code, "hex": &Hex(data)),
            Node::Request(message) => object!(serializer, "request",
                "op": &message.code,
                "params": &Self::parameters(&message.parameters, depth)),
            Node::Response(message) => object!(serializer, "response",
                "op": &message.code,
                "ret": &message.return_code,
                "msg": &message.debug_message,
                "params": &Self::parameters(&message.parameters, depth)),
            Node::Event(message) => object!(serializer, "event",
                "code": &message.code,
                "params": &Self::parameters(&message.parameters, depth)),
        }
    }
}

/// As [`Array::element_type`], but an empty object array inside of an array of arrays counts only where
/// nothing else shows the type: it represents an empty array of any type. Goes at most as deep as a
/// value is written.
fn element_type(array: &Array) -> Type {
    // Whether an array with a type of its own shows it, the number of arrays around its elements, and
    // the type.
    fn at(array: &Array, depth: u32) -> (bool, u32, Type) {
        let (Array::Array(all), Some(depth)) = (array, depth.checked_sub(1)) else {
            let is_shown = !matches!(array, Array::Object(all) if all.is_empty());
            return (is_shown, 0, array.element_type());
        };
        let mut best = (false, 0, Type::Object);
        for array in all {
            let next = at(array, depth);
            // Of several that do not show it, the deepest says most.
            if next.0 || next.1 > best.1 {
                best = next;
            }
            if best.0 {
                break;
            }
        }
        let (is_shown, around, element) = best;
        (is_shown, around + 1, Type::Array(Box::new(element)))
    }
    at(array, MAX_DEPTH).2
}

/// Text that is formatted where it is written.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A list whose elements are made while it is written.
struct List<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for List<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// A decimal number: plain, or in scientific notation where plain digits would be many. Both parse
/// to the same number.
struct Decimal<T> {
    number: T,
    as_double: f64,
}

impl<T: fmt::Display + fmt::LowerExp> fmt::Display for Decimal<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.as_double.is_nan() {
            out.write_str("NaN")
        } else if self.as_double.is_infinite() {
            out.write_str(if self.as_double > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            })
        } else if self.as_double == 0.0 || (1e-5..1e16).contains(&self.as_double.abs()) {
            write!(out, "{}", self.number)
        } else {
            write!(out, "{:e}", self.number)
        }
    }
}
