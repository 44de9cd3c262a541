//! [`ValueRef`]: a value borrowed from the received bytes.

use crate::codec::{self, Protocol};
use crate::error::DecodeError;
use crate::limits::{Budget, Limits};
use crate::reader::Reader;
use crate::repair::Repair;
use crate::text::Text;
use crate::value::{Custom, Value};
use alloc::borrow::Cow;
use bytes::Bytes;

/// A value borrowed from the received bytes.
///
/// Scalars, text and bytes are decoded. A container stays encoded until [`RawValue::to_value`].
///
/// Non-exhaustive: more values may be decoded without a copy one day.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// Null.
    Null,
    /// A bool.
    Bool(bool),
    /// An unsigned number of 8 bits.
    Byte(u8),
    /// A signed number of 16 bits.
    Short(i16),
    /// A signed number of 32 bits.
    Int(i32),
    /// A signed number of 64 bits.
    Long(i64),
    /// A float of 32 bits.
    Float(f32),
    /// A float of 64 bits.
    Double(f64),
    /// UTF-8 text.
    String(&'a str),
    /// A byte array.
    Bytes(&'a [u8]),
    /// An application-defined type.
    Custom {
        /// The application's type code.
        code: u8,
        /// The content.
        data: &'a [u8],
    },
    /// An array, map or message, still encoded.
    Container(RawValue<'a>),
    /// A value that cannot be decoded, from [tolerant](crate::Params::set_tolerant) parameters
    /// only. [`ValueRef::to_value`] returns the error, [`ValueRef::to_value_lossy`] a replacement.
    Undecodable(RawValue<'a>),
}

/// An encoded value: a container whose bounds, type codes and limits are checked, or a value that
/// cannot be decoded.
#[derive(Clone, Copy, Debug)]
pub struct RawValue<'a> {
    protocol: Protocol,
    code: u8,
    payload: &'a [u8],
    offset: usize,
}

/// A type that can hold every value of fixed size: both kinds of values are decoded with one table
/// of type codes.
pub(super) trait Fixed:
    From<bool> + From<u8> + From<i16> + From<i32> + From<i64> + From<f32> + From<f64>
{
    const NULL: Self;
}

impl Fixed for Value {
    const NULL: Self = Self::Null;
}

impl Fixed for ValueRef<'_> {
    const NULL: Self = Self::Null;
}

/// Conversions of values of fixed size.
macro_rules! fixed {
    ($($rust:ty => $variant:ident),* $(,)?) => {$(
        impl From<$rust> for ValueRef<'_> {
            #[inline]
            fn from(value: $rust) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

fixed! {
    bool => Bool,
    u8 => Byte,
    i16 => Short,
    i32 => Int,
    i64 => Long,
    f32 => Float,
    f64 => Double,
}

impl<'a> RawValue<'a> {
    pub(crate) const fn new(
        protocol: Protocol,
        code: u8,
        payload: &'a [u8],
        offset: usize,
    ) -> Self {
        Self {
            protocol,
            code,
            payload,
            offset,
        }
    }

    /// The type code of the value, as its protocol defines it.
    #[must_use]
    pub const fn type_code(&self) -> u8 {
        self.code
    }

    /// The encoded bytes behind the type code.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The position of the type code in the message.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset.saturating_sub(1)
    }

    /// Whether the value is a text.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        self.code == codec::text_code(self.protocol)
    }

    /// The bytes of a text, without their count; `None` for another type.
    #[must_use]
    pub fn text_bytes(&self) -> Option<&'a [u8]> {
        let mut reader = Reader::new(self.payload);
        self.is_text()
            .then(|| codec::string_bytes(self.protocol, &mut reader).ok())
            .flatten()
    }

    /// Decodes the value.
    ///
    /// # Errors
    /// [`DecodeError`] if the value holds text that is not UTF-8, invalid keys or mixed types,
    /// or exceeds `limits`.
    pub fn to_value(&self, limits: &Limits) -> Result<Value, DecodeError> {
        self.decode(&mut Budget::new(limits))
    }

    /// Decodes the value. Parts that cannot be decoded are replaced as by
    /// [`ValueRef::to_value_lossy`].
    fn decode_lossy(&self, limits: &Limits) -> (Value, u32) {
        let mut budget = Budget::new(limits);
        budget.set_tolerant(true);
        match self.decode(&mut budget) {
            Ok(value) => (value, budget.replaced()),
            Err(_) => (codec::REPLACEMENT, budget.replaced().saturating_add(1)),
        }
    }

    fn decode(&self, budget: &mut Budget) -> Result<Value, DecodeError> {
        let mut reader = Reader::at(self.payload, self.offset);
        codec::decode_payload(self.protocol, &mut reader, budget, self.code, self.offset)
    }
}

impl<'a> ValueRef<'a> {
    /// Decodes and copies the value.
    ///
    /// # Errors
    /// The same as [`RawValue::to_value`], and if the value needs more memory than `limits` allow.
    pub fn to_value(&self, limits: &Limits) -> Result<Value, DecodeError> {
        self.decode(&mut Budget::new(limits), 0)
    }

    /// Decodes and copies the value, and replaces the parts of it that cannot be decoded: a text
    /// keeps what is UTF-8 of it and has U+FFFD in place of the rest, any other value becomes the
    /// text U+FFFD. Also returns how many parts were replaced.
    ///
    /// An undecodable pair of a map is replaced alone, as is a container that is nested too deeply.
    /// A type code that the protocol does not define costs the whole value.
    #[must_use]
    pub fn to_value_lossy(&self, limits: &Limits) -> (Value, u32) {
        match self {
            Self::Container(raw) | Self::Undecodable(raw) => raw.decode_lossy(limits),
            scalar => match scalar.to_value(limits) {
                Ok(value) => (value, 0),
                Err(_) => (codec::REPLACEMENT, 1),
            },
        }
    }

    /// The text of a string value, with U+FFFD in place of what is not UTF-8. `None` for another
    /// type.
    #[must_use]
    pub fn text_lossy(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::String(text) => Some(Cow::Borrowed(text)),
            Self::Undecodable(raw) => raw.text_bytes().map(|bytes| Repair::new().text(bytes)),
            _ => None,
        }
    }

    /// Copies the value after charging for its memory. `at` is its position, for errors.
    // Inlined, so that a decoder copies what it has found without making one of these first.
    #[inline(always)]
    pub(crate) fn decode(&self, b: &mut Budget, at: usize) -> Result<Value, DecodeError> {
        Ok(match *self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Byte(value) => Value::Byte(value),
            Self::Short(value) => Value::Short(value),
            Self::Int(value) => Value::Int(value),
            Self::Long(value) => Value::Long(value),
            Self::Float(value) => Value::Float(value),
            Self::Double(value) => Value::Double(value),
            Self::String(text) => {
                b.memory(Text::memory_bytes(text.len()), 1, at, "string")?;
                Value::String(text.into())
            }
            Self::Bytes(bytes) => {
                b.memory(bytes.len(), 1, at, "byte array")?;
                Value::Bytes(Bytes::copy_from_slice(bytes))
            }
            Self::Custom { code, data } => {
                b.memory(data.len(), 1, at, "custom data")?;
                Value::Custom(Custom {
                    code,
                    data: Bytes::copy_from_slice(data),
                })
            }
            Self::Container(raw) | Self::Undecodable(raw) => raw.decode(b)?,
        })
    }

    /// The text of a string value.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number in an int value.
    #[must_use]
    pub const fn as_int(&self) -> Option<i32> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }
}
