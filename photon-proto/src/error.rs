//! Errors in received bytes ([`DecodeError`]) and in a caller's value ([`EncodeError`]).

use alloc::string::String;
use core::fmt;

/// An error in received bytes, with its position.
///
/// `Copy` and free of allocation, so that rejecting hostile input costs nothing. Exhaustive:
/// callers build errors of their own formats with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} in {field} at byte {offset}")]
pub struct DecodeError {
    /// The kind of error.
    pub kind: DecodeErrorKind,
    /// The byte offset from the start of the decoder's input: a value, a message, or the whole
    /// stream.
    pub offset: usize,
    /// The field that was decoded, for example `"string length"`.
    pub field: &'static str,
}

impl DecodeError {
    /// Creates an error of `kind` at `offset`, found while decoding `field`.
    #[must_use]
    pub const fn new(kind: DecodeErrorKind, offset: usize, field: &'static str) -> Self {
        Self {
            kind,
            offset,
            field,
        }
    }

    /// The same error with an offset in a buffer in which the decoded bytes begin at `base`.
    #[must_use]
    pub const fn shifted(mut self, base: usize) -> Self {
        self.offset = self.offset.saturating_add(base);
        self
    }
}

/// The kind of a [`DecodeError`]. Non-exhaustive: later versions may distinguish more errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends inside the field.
    Truncated,
    /// A type code that the protocol does not define.
    UnknownType(u8),
    /// A type code that is defined, but not allowed in this place (declared dictionary type,
    /// element type).
    TypeNotAllowed(u8),
    /// A value of another type than expected.
    WrongType(u8),
    /// A required part is missing.
    Missing,
    /// A length or count below zero or above what the format can hold.
    BadLength,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A container (array, map, message) as the key of a map.
    ContainerAsKey,
    /// The same key twice in a Dictionary.
    DuplicateKey,
    /// Elements of one array of arrays, or values under one declared type, that differ in type.
    MixedTypes,
    /// Containers nested deeper than [`Limits::max_depth`](crate::Limits::max_depth).
    TooDeep,
    /// More values than [`Limits::max_values`](crate::Limits::max_values).
    TooManyValues,
    /// More memory than [`Limits::max_memory_bytes`](crate::Limits::max_memory_bytes).
    TooMuchMemory,
    /// A message longer than [`Limits::max_received_bytes`](crate::Limits::max_received_bytes).
    TooLong,
    /// Bytes after the end of a single value.
    TrailingBytes,
    /// A message that begins with neither F3 nor FD.
    BadMagic(u8),
    /// A message type that the protocol does not define.
    UnknownMessage(u8),
    /// A stream frame that begins with neither FB nor F0.
    BadFrame(u8),
    /// An encrypted message, but no key.
    NoKey,
    /// Ciphertext whose length is not a positive multiple of 16, or whose padding is wrong.
    BadCiphertext,
    /// The encryption flag on a message that is never encrypted.
    NeverEncrypted,
}

impl DecodeErrorKind {
    /// A short, stable name, as `photon-inspect` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "Truncated",
            Self::UnknownType(_) => "UnknownType",
            Self::TypeNotAllowed(_) => "TypeNotAllowed",
            Self::WrongType(_) => "WrongType",
            Self::Missing => "Missing",
            Self::BadLength => "BadLength",
            Self::NotUtf8 => "NotUtf8",
            Self::ContainerAsKey => "ContainerAsKey",
            Self::DuplicateKey => "DuplicateKey",
            Self::MixedTypes => "MixedTypes",
            Self::TooDeep => "TooDeep",
            Self::TooManyValues => "TooManyValues",
            Self::TooMuchMemory => "TooMuchMemory",
            Self::TooLong => "TooLong",
            Self::TrailingBytes => "TrailingBytes",
            Self::BadMagic(_) => "BadMagic",
            Self::UnknownMessage(_) => "UnknownMessage",
            Self::BadFrame(_) => "BadFrame",
            Self::NoKey => "NoKey",
            Self::BadCiphertext => "BadCiphertext",
            Self::NeverEncrypted => "NeverEncrypted",
        }
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => out.write_str("input ends early"),
            Self::UnknownType(code) => write!(out, "unknown type code {code:02x}"),
            Self::TypeNotAllowed(code) => write!(out, "type code {code:02x} is not allowed here"),
            Self::WrongType(code) => write!(out, "unexpected type code {code:02x}"),
            Self::Missing => out.write_str("missing"),
            Self::BadLength => out.write_str("impossible length"),
            Self::NotUtf8 => out.write_str("text is not UTF-8"),
            Self::ContainerAsKey => out.write_str("a container as a key"),
            Self::DuplicateKey => out.write_str("duplicate key"),
            Self::MixedTypes => out.write_str("mixed types"),
            Self::TooDeep => out.write_str("nested too deeply"),
            Self::TooManyValues => out.write_str("too many values"),
            Self::TooMuchMemory => out.write_str("too much memory"),
            Self::TooLong => out.write_str("message too long"),
            Self::TrailingBytes => out.write_str("bytes after the end"),
            Self::BadMagic(byte) => write!(out, "first byte {byte:02x} is not F3"),
            Self::UnknownMessage(kind) => write!(out, "unknown message type {kind}"),
            Self::BadFrame(byte) => write!(out, "frame begins with {byte:02x}"),
            Self::NoKey => out.write_str("encrypted, but there is no key"),
            Self::BadCiphertext => out.write_str("ciphertext does not decrypt"),
            Self::NeverEncrypted => out.write_str("this message is never encrypted"),
        }
    }
}

/// A value that the chosen protocol cannot express, with the position inside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {}", if path.is_empty() { "the value itself" } else { path.as_str() })]
pub struct EncodeError {
    /// The kind of error.
    pub kind: EncodeErrorKind,
    /// The position, from the outside in: `[3]` is an element, `{7}` the key or value of a pair,
    /// `(22)` a parameter, `.name` (from `to_value` only) a field or the value of a text key. It is
    /// empty for the value itself.
    pub path: String,
}

/// The kind of an [`EncodeError`]. Non-exhaustive, for the reason given at [`DecodeErrorKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// Text longer than 32,767 bytes of UTF-8. Spec: wire.md 4.4, 5.5.
    #[error("the text has {0} bytes, more than 32767; split it")]
    TextTooLong(usize),
    /// More elements, pairs or bytes than the count field can hold.
    #[error("{0} elements are more than the protocol can count; split the value")]
    TooManyElements(usize),
    /// More than 255 parameters in 1.8, 32,767 in 1.6.
    #[error("the message has more parameters than the protocol can count")]
    TooManyParameters,
    /// A type that cannot be an element, or a declared dictionary type, in this protocol.
    #[error("the protocol cannot express this type here; use an object array or a Hashtable")]
    TypeNotExpressible,
    /// A value of another type than its dictionary or array declares.
    #[error("the value does not have the declared type")]
    TypeMismatch,
    /// An array of arrays without elements: write an empty object array. Spec: wire.md 4.1.
    #[error("an empty array of arrays cannot be encoded; use an empty object array")]
    EmptyNestedArray,
    /// A container (array, map, message) as the key of a map.
    #[error("an array, map or message cannot be a key")]
    ContainerAsKey,
    /// Null as the key of a map: readers drop such pairs.
    #[error("null cannot be a key")]
    NullKey,
    /// The same key twice in a map.
    #[error("the map has the same key twice")]
    DuplicateKey,
    /// Containers nested deeper than [`Limits::max_depth`](crate::Limits::max_depth).
    #[error("containers are nested deeper than Limits::max_depth")]
    TooDeep,
    /// More values than [`Limits::max_values`](crate::Limits::max_values).
    #[error("the message has more values than Limits::max_values")]
    TooManyValues,
    /// A message longer than [`Limits::max_sent_bytes`](crate::Limits::max_sent_bytes).
    #[error("the message is longer than {0} bytes")]
    MessageTooLong(usize),
    /// An iterator that returned another number of elements than its `len`.
    #[error("the iterator returned another number of elements than its length")]
    WrongCount,
    /// A whole number outside the range of an i64, which is the widest that Photon has (`to_value`
    /// only, feature `serde`).
    #[error("the number does not fit 64 bits with a sign; send it as text")]
    NumberTooLarge,
    /// More memory than [`Limits::max_memory_bytes`](crate::Limits::max_memory_bytes) (`to_value`
    /// only).
    #[error("the value needs more memory than Limits::max_memory_bytes")]
    TooMuchMemory,
    /// The type's own `Serialize` reported an error (`to_value` only), whose text is logged at
    /// `trace`.
    #[error("the type refused to be serialized")]
    Refused,
}

impl EncodeErrorKind {
    /// A short, stable name, as `photon-inspect` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TextTooLong(_) => "TextTooLong",
            Self::TooManyElements(_) => "TooManyElements",
            Self::TooManyParameters => "TooManyParameters",
            Self::TypeNotExpressible => "TypeNotExpressible",
            Self::TypeMismatch => "TypeMismatch",
            Self::EmptyNestedArray => "EmptyNestedArray",
            Self::ContainerAsKey => "ContainerAsKey",
            Self::NullKey => "NullKey",
            Self::DuplicateKey => "DuplicateKey",
            Self::TooDeep => "TooDeep",
            Self::TooManyValues => "TooManyValues",
            Self::MessageTooLong(_) => "MessageTooLong",
            Self::WrongCount => "WrongCount",
            Self::NumberTooLarge => "NumberTooLarge",
            Self::TooMuchMemory => "TooMuchMemory",
            Self::Refused => "Refused",
        }
    }
}

impl From<EncodeErrorKind> for EncodeError {
    fn from(kind: EncodeErrorKind) -> Self {
        Self {
            kind,
            path: String::new(),
        }
    }
}

impl EncodeError {
    /// The same error, seen from one level further out.
    #[must_use]
    pub(crate) fn within(mut self, step: fmt::Arguments<'_>) -> Self {
        let mut path = alloc::fmt::format(step);
        path.push_str(&self.path);
        self.path = path;
        self
    }
}
