//! Arrays of arrays. All elements have one type, but an empty array does not name it.
//! Spec: wire.md 4.1, 5.2.

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::value::{Array, Type, Value};
use alloc::vec::Vec;
use bytes::Bytes;

/// The elements of an array of arrays while it is decoded. All must have one type.
///
/// An array of byte arrays is a kind of its own. An empty array of arrays has no element type on
/// the wire, so it decodes as an empty object array, which is therefore accepted wherever an array
/// of arrays is.
pub(super) struct ArrayOfArrays {
    count: usize,
    elements: Elements,
    /// The shape of those so far; `None` once they have different ones.
    shape: Option<Shape>,
}

enum Elements {
    None,
    Arrays(Vec<Array>),
    Bytes(Vec<Bytes>),
}

impl ArrayOfArrays {
    /// An array of `count` elements. The caller charges for them, as values.
    pub(super) const fn new(count: usize) -> Self {
        Self {
            count,
            elements: Elements::None,
            shape: None,
        }
    }

    /// Adds an element and its shape. Each array passes its own on to the one around it: looking for it
    /// again at every level would cost the product of depth and size.
    pub(super) fn push(&mut self, (element, shape): (Value, Shape)) {
        match (&mut self.elements, element) {
            (Elements::None, Value::Array(first)) => {
                let mut all = Vec::with_capacity(self.count);
                all.push(first);
                self.elements = Elements::Arrays(all);
                self.shape = Some(shape);
            }
            (Elements::None, Value::Bytes(first)) => {
                let mut all = Vec::with_capacity(self.count);
                all.push(first);
                self.elements = Elements::Bytes(all);
                self.shape = Some(shape);
            }
            (Elements::Arrays(all), Value::Array(array)) => {
                all.push(array);
                self.shape = self.shape.take().and_then(|common| common.and(shape));
            }
            (Elements::Bytes(all), Value::Bytes(bytes)) => all.push(bytes),
            // One that is no array may come first, and what follows does not change that.
            _ => (self.elements, self.shape) = (Elements::Arrays(Vec::new()), None),
        }
    }

    /// Completes the array, whose type code is at `at`. Returns its shape as well.
    pub(super) fn finish(self, at: usize) -> Result<(Value, Shape), DecodeError> {
        let mixed = || DecodeError::new(DecodeErrorKind::MixedTypes, at, "array of arrays");
        let (array, shape) = match self.elements {
            // wire.md 4.1 and 5.2: an empty array of arrays reads as an empty list.
            Elements::None => (Array::Object(Vec::new()), Shape::UNKNOWN),
            Elements::Bytes(all) => (Array::Bytes(all), Shape::flat(Type::Bytes)),
            Elements::Arrays(all) => {
                let mut shape = self.shape.ok_or_else(mixed)?;
                shape.levels += 1;
                (Array::Array(all), shape)
            }
        };
        Ok((Value::Array(array), shape))
    }
}

/// Whether a value has the type that a dictionary declares. An empty array of arrays, which has no
/// element type, matches every array of arrays.
pub(super) fn declared_as(value: &Value, declared: &Type) -> bool {
    match (value, declared) {
        (Value::Array(array), Type::Array(element)) => Shape::of(array).fits(element),
        // Compared where they are: a copy of nested types takes an allocation for each.
        (Value::Dictionary(map), Type::Dictionary(types)) => {
            map.key == types.0 && map.value == types.1
        }
        _ => value.type_of() == *declared,
    }
}

/// The element type of an array, as far as it is known.
#[derive(Debug)]
pub(super) struct Shape {
    /// How many arrays are around the innermost ones.
    levels: u32,
    /// The element type of these. `None` if all are empty object arrays: possibly empty arrays of
    /// arrays of any kind.
    element: Option<Type>,
}

impl Shape {
    pub(super) const UNKNOWN: Self = Self {
        levels: 0,
        element: None,
    };

    /// The shape of an array of anything but arrays.
    const fn flat(element: Type) -> Self {
        Self {
            levels: 0,
            element: Some(element),
        }
    }

    /// The shape of a decoded value. That of no array is of no meaning.
    pub(super) fn of_value(value: &Value) -> Self {
        match value {
            Value::Array(array) => Self::of(array),
            _ => Self::UNKNOWN,
        }
    }

    /// The shape of a decoded array. Its elements have one type, so the first that is known is that of
    /// all.
    fn of(array: &Array) -> Self {
        let all = match array {
            Array::Object(all) if all.is_empty() => return Self::UNKNOWN,
            Array::Array(all) => all,
            _ => return Self::flat(array.element_type()),
        };
        let mut deepest = Self::UNKNOWN;
        for inner in all {
            let shape = Self::of(inner);
            if shape.element.is_some() || shape.levels > deepest.levels {
                deepest = shape;
            }
            if deepest.element.is_some() {
                break;
            }
        }
        deepest.levels += 1;
        deepest
    }

    /// The shape that both kinds of arrays have; `None` if they have different ones.
    fn and(self, other: Self) -> Option<Self> {
        let (deeper, other) = if self.levels < other.levels {
            (other, self)
        } else {
            (self, other)
        };
        if deeper.levels > other.levels {
            return other.element.is_none().then_some(deeper);
        }
        let element = match (deeper.element, other.element) {
            (None, None) => None,
            (Some(known), None) | (None, Some(known)) => {
                // An empty array of arrays may be one of byte arrays, or of lists.
                Some(matches!(known, Type::Bytes | Type::Object).then_some(known)?)
            }
            (Some(one), Some(other)) => Some((one == other).then_some(one)?),
        };
        Some(Self { element, ..other })
    }

    /// Whether an array of this shape can have elements of this type.
    fn fits(&self, element: &Type) -> bool {
        let mut element = element;
        for _ in 0..self.levels {
            let Type::Array(inner) = element else {
                return false;
            };
            element = inner;
        }
        match &self.element {
            None => matches!(element, Type::Array(_) | Type::Bytes | Type::Object),
            Some(known) => known == element,
        }
    }
}

/// Checks that an array of arrays can be encoded: it has elements, and all have one type.
pub(super) fn check_uniform(arrays: &[Array]) -> Result<(), EncodeError> {
    /// Whether two arrays have the same element type. `fuel` bounds the recursion; deeper arrays
    /// exceed every sensible depth limit anyway.
    fn same(left: &Array, right: &Array, fuel: u32) -> bool {
        match (left, right) {
            (Array::Array(left), Array::Array(right)) => {
                match (left.first(), right.first(), fuel.checked_sub(1)) {
                    (Some(left), Some(right), Some(fuel)) => same(left, right, fuel),
                    // Empty, or too deep: the encoder reports that with a better error.
                    _ => true,
                }
            }
            (Array::Array(_), _) | (_, Array::Array(_)) => false,
            _ => left.element_type() == right.element_type(),
        }
    }
    let Some((first, others)) = arrays.split_first() else {
        return Err(EncodeErrorKind::EmptyNestedArray.into());
    };
    match others.iter().position(|other| !same(first, other, 64)) {
        Some(index) => Err(EncodeError::from(EncodeErrorKind::TypeMismatch)
            .within(format_args!("[{}]", index + 1))),
        None => Ok(()),
    }
}
