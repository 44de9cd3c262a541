//! [`ValueRef`]: a value borrowed from the received bytes.

use crate::codec::{self, Protocol};
use crate::error::DecodeError;
use crate::limits::{Budget, Limits};
use crate::reader::Reader;
use crate::text::Text;
use crate::value::{Custom, Value};
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
}

/// An encoded container, whose bounds, type codes and limits are checked.
#[derive(Clone, Copy, Debug)]
pub struct RawValue<'a> {
    protocol: Protocol,
    code: u8,
    payload: &'a [u8],
    offset: usize,
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

    /// The type code of the container, as its protocol defines it.
    #[must_use]
    pub const fn type_code(&self) -> u8 {
        self.code
    }

    /// The encoded bytes behind the type code.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Decodes the container.
    ///
    /// # Errors
    /// [`DecodeError`] if the container holds text that is not UTF-8, invalid keys or mixed types,
    /// or exceeds `limits`.
    pub fn to_value(&self, limits: &Limits) -> Result<Value, DecodeError> {
        self.decode(&mut Budget::new(limits))
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

    /// Copies the value after charging for its memory. `at` is its position, for errors.
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
            Self::Container(raw) => raw.decode(b)?,
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
