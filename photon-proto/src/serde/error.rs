//! [`FromValueError`]: a value that does not fit the type it is read into.

use crate::error::{DecodeError, EncodeError, EncodeErrorKind};
use ::serde::de::{self, Expected, Unexpected};
use ::serde::ser;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

/// A value that does not fit the type it is read into, with the position inside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {}", if path.is_empty() { "the value itself" } else { path.as_str() })]
#[non_exhaustive]
pub struct FromValueError {
    /// The kind of error.
    pub kind: FromValueErrorKind,
    /// The position, from the outside in: `[3]` is an element, `.name` the value of this key, `{7}`
    /// the key or value of a pair whose key is no text. It is empty for the value itself.
    pub path: String,
}

/// The kind of a [`FromValueError`]. Non-exhaustive: later versions may distinguish more errors.
///
/// Texts that other users sent do not appear in it, except the names of fields and variants, and
/// what the type's own `Deserialize` writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FromValueErrorKind {
    /// A value of another type than the one expected.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The expected type, as its `Deserialize` names it.
        expected: Box<str>,
        /// The type of the value.
        found: &'static str,
    },
    /// A value of the expected type that the type does not accept, for example a number out of its
    /// range.
    #[error("the value is not {expected}")]
    InvalidValue {
        /// The accepted values.
        expected: Box<str>,
    },
    /// An array or map with another number of elements.
    #[error("expected {expected}, found {length} elements")]
    WrongLength {
        /// The expected elements.
        expected: Box<str>,
        /// The number of elements in the value.
        length: usize,
    },
    /// A field of a struct that the map does not have.
    #[error("the field {0:?} is missing")]
    MissingField(&'static str),
    /// A field that the type does not have, and does not ignore.
    #[error("the field {0:?} is unknown")]
    UnknownField(Box<str>),
    /// A field that occurs twice.
    #[error("the field {0:?} occurs twice")]
    DuplicateField(&'static str),
    /// The name of a variant that the type does not have.
    #[error("the variant {0:?} is unknown")]
    UnknownVariant(Box<str>),
    /// The value cannot be decoded.
    #[error("the value cannot be decoded: {0}")]
    Undecodable(DecodeError),
    /// Containers nested deeper than 128 levels, or a type that contains itself without end.
    #[error("containers are nested too deeply")]
    TooDeep,
    /// The type's own `Deserialize` refused the value, for this reason.
    #[error("{0}")]
    Refused(Box<str>),
}

impl FromValueError {
    /// The same error, seen from one level further out.
    pub(super) fn within(mut self, step: fmt::Arguments<'_>) -> Self {
        let mut path = alloc::fmt::format(step);
        path.push_str(&self.path);
        self.path = path;
        self
    }
}

impl From<FromValueErrorKind> for FromValueError {
    fn from(kind: FromValueErrorKind) -> Self {
        Self {
            kind,
            path: String::new(),
        }
    }
}

impl From<DecodeError> for FromValueError {
    fn from(error: DecodeError) -> Self {
        FromValueErrorKind::Undecodable(error).into()
    }
}

/// The most bytes that an error keeps of a name or reason that others chose.
const MAX_BYTES: usize = 128;

pub(super) fn short(text: &str) -> Box<str> {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().into()
}

fn described(expected: &dyn Expected) -> Box<str> {
    expected.to_string().into()
}

/// The type of a value, without its content: an error may end up in a log.
const fn type_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a bool",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) => "a text",
        Unexpected::Bytes(_) => "a byte array",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "a map",
        _ => "another type",
    }
}

/// Reports a value of a type that serde has no word for.
pub(super) fn wrong_type<T>(
    found: &'static str,
    expected: &dyn Expected,
) -> Result<T, FromValueError> {
    let expected = described(expected);
    Err(FromValueErrorKind::WrongType { expected, found }.into())
}

impl de::Error for FromValueError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        FromValueErrorKind::Refused(short(&reason.to_string())).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        FromValueErrorKind::WrongType {
            expected: described(expected),
            found: type_of(found),
        }
        .into()
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        FromValueErrorKind::InvalidValue {
            expected: described(expected),
        }
        .into()
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        FromValueErrorKind::WrongLength {
            expected: described(expected),
            length,
        }
        .into()
    }

    fn unknown_variant(name: &str, _: &'static [&'static str]) -> Self {
        FromValueErrorKind::UnknownVariant(short(name)).into()
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        FromValueErrorKind::UnknownField(short(name)).into()
    }

    fn missing_field(name: &'static str) -> Self {
        FromValueErrorKind::MissingField(name).into()
    }

    fn duplicate_field(name: &'static str) -> Self {
        FromValueErrorKind::DuplicateField(name).into()
    }
}

impl ser::Error for EncodeError {
    /// The reason goes to the log: an [`EncodeErrorKind`] is `Copy`, as errors of the hot path are.
    fn custom<T: fmt::Display>(reason: T) -> Self {
        log::trace!(target: "photon_chat::net", "a type refused to be serialized: {reason}");
        EncodeErrorKind::Refused.into()
    }
}
