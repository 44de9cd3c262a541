//! Values to bytes and back, in GpBinary 1.6 and 1.8.

mod arrays;
mod common;
mod encoder;
mod map;
mod message_value;
mod params;
pub(crate) mod v16;
pub(crate) mod v18;
mod value_ref;
mod writer;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::limits::{Budget, Limits};
use crate::reader::Reader;
use crate::value::Value;
use alloc::vec::Vec;

pub(crate) use common::utf8;
pub(crate) use encoder::Encoder;
pub(crate) use message_value::decode_result;
pub use params::{Element, Params};
pub use value_ref::{RawValue, ValueRef};
pub use writer::{Encode, ValueWriter, Written};

/// The serialization protocol of a connection, chosen by the client. Spec: wire.md 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// GpBinary 1.6.
    V16,
    /// GpBinary 1.8.
    V18,
}

impl Protocol {
    /// The name used as WebSocket sub-protocol and in text inits: `GpBinaryV16`, `GpBinaryV18`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V16 => "GpBinaryV16",
            Self::V18 => "GpBinaryV18",
        }
    }

    /// Major and minor version as the binary init announces them.
    #[must_use]
    pub const fn version(self) -> [u8; 2] {
        match self {
            Self::V16 => [1, 6],
            Self::V18 => [1, 8],
        }
    }

    /// The protocol with this major and minor version.
    #[must_use]
    pub const fn from_version(version: [u8; 2]) -> Option<Self> {
        match version {
            [1, 6] => Some(Self::V16),
            [1, 8] => Some(Self::V18),
            _ => None,
        }
    }
}

/// Decodes one value with its type code; the input must end with it.
///
/// # Errors
/// [`DecodeError`] for anything that is not exactly one value within `limits`.
pub fn decode_value(
    protocol: Protocol,
    limits: &Limits,
    bytes: &[u8],
) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = decode_tagged(protocol, &mut reader, &mut Budget::new(limits))?;
    ended(&reader)?;
    Ok(value)
}

/// Decodes one value without copying; containers stay encoded (see [`RawValue`]), checked for bounds,
/// type codes and limits, but not yet for UTF-8 and keys inside them.
///
/// # Errors
/// [`DecodeError`] as for [`decode_value`].
pub fn decode_value_ref<'a>(
    protocol: Protocol,
    limits: &Limits,
    bytes: &'a [u8],
) -> Result<ValueRef<'a>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = decode_ref(protocol, &mut reader, &mut Budget::new(limits))?;
    ended(&reader)?;
    Ok(value)
}

/// Encodes one value with its type code.
///
/// # Errors
/// [`EncodeError`] if the protocol cannot express it, or it exceeds `limits`.
pub fn encode_value<T: Encode + ?Sized>(
    protocol: Protocol,
    limits: &Limits,
    value: &T,
) -> Result<Vec<u8>, EncodeError> {
    let mut output = Encoder::new(Vec::new(), protocol, limits);
    let _written = value.encode(ValueWriter::new(&mut output))?;
    output.check_length()?;
    Ok(output.into_buffer())
}

fn ended(reader: &Reader<'_>) -> Result<(), DecodeError> {
    if reader.left() == 0 {
        Ok(())
    } else {
        Err(reader.error(DecodeErrorKind::TrailingBytes, "end of value"))
    }
}

/// The type code of a value, and where it stood; charged as one value.
#[inline]
fn type_code(r: &mut Reader<'_>, b: &mut Budget) -> Result<(u8, usize), DecodeError> {
    let at = r.offset();
    let code = r.u8("type code")?;
    b.values(1, at, "value")?;
    Ok((code, at))
}

#[inline]
pub(crate) fn decode_tagged(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<Value, DecodeError> {
    let (code, at) = type_code(r, b)?;
    decode_payload(protocol, r, b, code, at)
}

/// The payload of a value whose type code was read at `at`, or is declared.
pub(crate) fn decode_payload(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<Value, DecodeError> {
    if let Some(scalar) = decode_scalar(protocol, r, code)? {
        return scalar.decode(b, at);
    }
    b.nested(at, |b| match protocol {
        Protocol::V16 => v16::decode_container(r, b, code, at),
        Protocol::V18 => v18::decode_container(r, b, code, at),
    })
}

/// A value that is not a container, borrowed; `None` for containers and unknown codes.
#[inline]
fn decode_scalar<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    code: u8,
) -> Result<Option<ValueRef<'a>>, DecodeError> {
    match protocol {
        Protocol::V16 => v16::decode_scalar(r, code),
        Protocol::V18 => v18::decode_scalar(r, code),
    }
}

#[inline]
pub(crate) fn decode_ref<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
) -> Result<ValueRef<'a>, DecodeError> {
    let (code, at) = type_code(r, b)?;
    decode_ref_payload(protocol, r, b, code, at)
}

fn decode_ref_payload<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<ValueRef<'a>, DecodeError> {
    if let Some(scalar) = decode_scalar(protocol, r, code)? {
        return Ok(scalar);
    }
    let start = r.offset();
    skip_payload(protocol, r, b, code, at)?;
    let payload = r.since(start);
    // wire.md 4.1: a typed array of bytes is a byte array.
    if let (Protocol::V16, v16::code::ARRAY, [_, _, v16::code::BYTE, bytes @ ..]) =
        (protocol, code, payload)
    {
        return Ok(ValueRef::Bytes(bytes));
    }
    Ok(ValueRef::Container(RawValue::new(
        protocol, code, payload, start,
    )))
}

/// A value, borrowed; text as bytes that are not checked yet.
#[inline]
pub(crate) fn decode_element<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
) -> Result<Element<'a>, DecodeError> {
    let (code, at) = type_code(r, b)?;
    match (protocol, code) {
        (Protocol::V16, v16::code::STRING) | (Protocol::V18, v18::code::STRING) => {
            Ok(Element::Text(string_bytes(protocol, r)?))
        }
        _ => Ok(Element::Other(decode_ref_payload(
            protocol, r, b, code, at,
        )?)),
    }
}

#[inline]
pub(crate) fn string_bytes<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
) -> Result<&'a [u8], DecodeError> {
    match protocol {
        Protocol::V16 => v16::string_bytes(r),
        Protocol::V18 => v18::string_bytes(r),
    }
}

/// Count of an array of mixed values (false) or of strings (true), type code included; `None` for anything else.
pub(crate) fn element_count(
    protocol: Protocol,
    r: &mut Reader<'_>,
) -> Result<Option<(usize, bool)>, DecodeError> {
    match protocol {
        Protocol::V16 => v16::element_count(r),
        Protocol::V18 => v18::element_count(r),
    }
}

pub(crate) fn parameter_count(
    protocol: Protocol,
    r: &mut Reader<'_>,
) -> Result<usize, DecodeError> {
    match protocol {
        Protocol::V16 => v16::parameter_count(r),
        Protocol::V18 => v18::parameter_count(r),
    }
}

pub(crate) fn skip_value(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<(), DecodeError> {
    let (code, at) = type_code(r, b)?;
    skip_payload(protocol, r, b, code, at)
}

fn skip_payload(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<(), DecodeError> {
    match protocol {
        Protocol::V16 => v16::skip(r, b, code, at),
        Protocol::V18 => v18::skip(r, b, code, at),
    }
}

#[inline]
pub(crate) fn encode_tagged(out: &mut Encoder, value: &Value) -> Result<(), EncodeError> {
    match out.protocol() {
        Protocol::V16 => v16::encode_tagged(out, value),
        Protocol::V18 => v18::encode_tagged(out, value),
    }
}

#[cfg(test)]
mod tests;
