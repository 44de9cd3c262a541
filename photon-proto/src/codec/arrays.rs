//! Arrays of arrays. All elements have one type, but an empty array does not name it.
//! Spec: wire.md 4.1, 5.2.

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::value::{Array, Type, Value};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Combines the decoded elements of an array of arrays, which must have one type.
///
/// An array of byte arrays is a kind of its own. An empty array of arrays has no element type on
/// the wire, so it decodes as an empty object array, which is therefore accepted wherever an array
/// of arrays is.
pub(super) fn gather_arrays(elements: Vec<Value>, at: usize) -> Result<Value, DecodeError> {
    let mixed = || DecodeError::new(DecodeErrorKind::MixedTypes, at, "array of arrays");
    let array = match elements.first() {
        // wire.md 4.1 and 5.2: an empty array of arrays reads as an empty list.
        None => Array::Object(Vec::new()),
        Some(Value::Bytes(_)) => Array::Bytes(
            elements
                .into_iter()
                .map(|element| match element {
                    Value::Bytes(bytes) => Ok(bytes),
                    _ => Err(mixed()),
                })
                .collect::<Result<_, _>>()?,
        ),
        Some(_) => {
            let arrays = elements
                .into_iter()
                .map(|element| match element {
                    Value::Array(array) => Ok(array),
                    _ => Err(mixed()),
                })
                .collect::<Result<Vec<_>, _>>()?;
            Shape::common(&arrays).ok_or_else(mixed)?;
            Array::Array(arrays)
        }
    };
    Ok(Value::Array(array))
}

/// Whether a value has the type that a dictionary declares. An empty array of arrays, which has no
/// element type, matches every array of arrays.
pub(super) fn declared_as(value: &Value, declared: &Type) -> bool {
    match (value, declared) {
        (Value::Array(array), Type::Array(element)) => {
            Shape::of(array).is_some_and(|shape| shape.fits(element))
        }
        _ => value.type_of() == *declared,
    }
}

/// The element type of an array, as far as it is known.
enum Shape {
    /// An empty object array: possibly an empty array of arrays of any kind.
    Unknown,
    Known(Type),
    Arrays(Box<Shape>),
}

impl Shape {
    /// The shape of an array; `None` if its elements have different types.
    fn of(array: &Array) -> Option<Self> {
        Some(match array {
            Array::Object(all) if all.is_empty() => Self::Unknown,
            Array::Array(all) => Self::Arrays(Box::new(Self::common(all)?)),
            _ => Self::Known(array.element_type()),
        })
    }

    /// The shape that all these arrays have; `None` if they have different ones.
    fn common(arrays: &[Array]) -> Option<Self> {
        let mut shapes = arrays.iter().map(Self::of);
        let first = shapes.next().unwrap_or(Some(Self::Unknown))?;
        shapes.try_fold(first, |common, shape| common.and(shape?))
    }

    fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Unknown, Self::Unknown) => Some(Self::Unknown),
            (
                Self::Unknown,
                known @ (Self::Arrays(_) | Self::Known(Type::Bytes | Type::Object)),
            )
            | (
                known @ (Self::Arrays(_) | Self::Known(Type::Bytes | Type::Object)),
                Self::Unknown,
            ) => Some(known),
            (Self::Known(one), Self::Known(other)) if one == other => Some(Self::Known(one)),
            (Self::Arrays(one), Self::Arrays(other)) => {
                one.and(*other).map(|shape| Self::Arrays(Box::new(shape)))
            }
            _ => None,
        }
    }

    /// Whether an array of this shape can have elements of this type.
    fn fits(&self, element: &Type) -> bool {
        match (self, element) {
            (Self::Unknown, element) => {
                matches!(element, Type::Array(_) | Type::Bytes | Type::Object)
            }
            (Self::Known(known), element) => known == element,
            (Self::Arrays(inner), Type::Array(element)) => inner.fits(element),
            (Self::Arrays(_), _) => false,
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
