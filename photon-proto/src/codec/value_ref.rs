//! [`ValueRef`]: a value seen in the received bytes, nothing copied.

use crate::codec::{self, Protocol};
use crate::error::DecodeError;
use crate::limits::{Budget, Limits};
use crate::reader::Reader;
use crate::text::Text;
use crate::value::{Custom, Value};
use bytes::Bytes;

/// A value borrowed from the received bytes.
///
/// Scalars, text and bytes are ready to use; a container stays encoded until it is asked for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// Unsigned 8 bits.
    Byte(u8),
    /// Signed 16 bits.
    Short(i16),
    /// Signed 32 bits.
    Int(i32),
    /// Signed 64 bits.
    Long(i64),
    /// IEEE 754, 32 bits.
    Float(f32),
    /// IEEE 754, 64 bits.
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

/// An encoded container: bounds, type codes and limits were checked when it was found.
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

    /// The type code under which the container stands, in the numbers of its protocol.
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
    /// [`DecodeError`] for text that is not UTF-8, bad keys or mixed types inside it, or more than `limits` allow.
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
    /// As [`RawValue::to_value`], and if the value takes more memory than `limits` allow.
    pub fn to_value(&self, limits: &Limits) -> Result<Value, DecodeError> {
        self.decode(&mut Budget::new(limits), 0)
    }

    /// The owned value, charged before it is copied; `at` is where it stands, for errors.
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
