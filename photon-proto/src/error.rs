//! What can be wrong with bytes ([`DecodeError`]) and with a caller's value ([`EncodeError`]).

use alloc::string::String;
use core::fmt;

/// Received bytes that are not what they claim to be: what was wrong, and where.
///
/// `Copy` and free of allocation, so that hostile input costs nothing to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} in {field} at byte {offset}")]
pub struct DecodeError {
    /// What was wrong.
    pub kind: DecodeErrorKind,
    /// Byte offset from the start of what was given to the decoder (a value, a message, or the whole stream).
    pub offset: usize,
    /// The field that was being read, e.g. `"string length"`.
    pub field: &'static str,
}

impl DecodeError {
    /// An error of `kind` at `offset`, found while reading `field`.
    #[must_use]
    pub const fn new(kind: DecodeErrorKind, offset: usize, field: &'static str) -> Self {
        Self {
            kind,
            offset,
            field,
        }
    }

    /// The same error seen from a buffer in which the decoded bytes start at `base`.
    #[must_use]
    pub const fn shifted(mut self, base: usize) -> Self {
        self.offset = self.offset.saturating_add(base);
        self
    }
}

/// What was wrong with received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends inside the field.
    Truncated,
    /// A type code that the protocol does not define.
    UnknownType(u8),
    /// A type code that is defined, but not allowed in this place (a declared dictionary type, an element type).
    TypeNotAllowed(u8),
    /// A value of another type than the reader asked for.
    WrongType(u8),
    /// Something that must be there is not.
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
    /// More containers inside each other than [`Limits::max_depth`](crate::Limits::max_depth).
    TooDeep,
    /// More values than [`Limits::max_values`](crate::Limits::max_values).
    TooManyValues,
    /// More memory than [`Limits::max_memory_bytes`](crate::Limits::max_memory_bytes).
    TooMuchMemory,
    /// A message longer than [`Limits::max_received_bytes`](crate::Limits::max_received_bytes).
    TooLong,
    /// Bytes after the end of a single value.
    TrailingBytes,
    /// A message that does not begin with F3 or FD.
    BadMagic(u8),
    /// A message type that the protocol does not define.
    UnknownMessage(u8),
    /// A stream frame that begins with neither FB nor F0.
    BadFrame(u8),
    /// An encrypted message, and no key.
    NoKey,
    /// Ciphertext that is no positive multiple of 16 bytes, or whose padding is wrong.
    BadCiphertext,
    /// The encryption flag on a message that is never encrypted.
    NeverEncrypted,
}

impl DecodeErrorKind {
    /// A short stable name, as printed by `photon-inspect`.
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

/// A value that the chosen protocol cannot express: what, and where inside the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {}", if path.is_empty() { "the value itself" } else { path.as_str() })]
pub struct EncodeError {
    /// What cannot be expressed.
    pub kind: EncodeErrorKind,
    /// Where, from the outside in: `[3]` an element, `{7}` the key or value of the pair with that number, `(22)` a
    /// parameter. Empty: the value itself.
    pub path: String,
}

/// What a protocol cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// Text longer than 32,767 bytes of UTF-8. Spec: wire.md 4.4, 5.5.
    #[error("text of {0} bytes is longer than 32767")]
    TextTooLong(usize),
    /// More elements, pairs or bytes than the count field can hold.
    #[error("{0} elements are more than the format can count")]
    TooManyElements(usize),
    /// More than 255 parameters in 1.8, 32,767 in 1.6.
    #[error("too many parameters")]
    TooManyParameters,
    /// A type that cannot be an element, or a declared dictionary side, in this protocol.
    #[error("the protocol cannot express this type here")]
    TypeNotExpressible,
    /// A value that does not have the declared type of its dictionary side or array.
    #[error("the value does not have the declared type")]
    TypeMismatch,
    /// An array of arrays without elements: write an empty object array. Spec: wire.md 4.1.
    #[error("an empty array of arrays cannot be written; use an empty object array")]
    EmptyNestedArray,
    /// A container (array, map, message) as the key of a map.
    #[error("a container cannot be a key")]
    ContainerAsKey,
    /// Null as the key of a map: readers drop such pairs.
    #[error("null cannot be a key")]
    NullKey,
    /// The same key twice in a map.
    #[error("duplicate key")]
    DuplicateKey,
    /// More containers inside each other than [`Limits::max_depth`](crate::Limits::max_depth).
    #[error("nested too deeply")]
    TooDeep,
    /// More values than [`Limits::max_values`](crate::Limits::max_values).
    #[error("too many values")]
    TooManyValues,
    /// A message longer than [`Limits::max_sent_bytes`](crate::Limits::max_sent_bytes).
    #[error("message longer than {0} bytes")]
    MessageTooLong(usize),
    /// An iterator that gave another number of elements than it announced.
    #[error("an iterator gave another number of elements than it announced")]
    WrongCount,
}

impl EncodeErrorKind {
    /// A short stable name, as printed by `photon-inspect`.
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
    /// The same error, one step further inside.
    #[must_use]
    pub(crate) fn within(mut self, step: fmt::Arguments<'_>) -> Self {
        let mut path = alloc::fmt::format(step);
        path.push_str(&self.path);
        self.path = path;
        self
    }
}
