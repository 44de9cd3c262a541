//! Encoding and decoding of values, in GpBinary 1.6 and 1.8.
//!
//! `v16` and `v18` hold the two formats: `decode` copies values out, `skip` checks them without a
//! copy, `encode` writes them, `bounds` finds the end of a value that cannot be decoded. Skipping repeats the structure of decoding on purpose: a walk shared
//! by both would have to build values that a skip throws away, on a path that most received
//! messages take.

mod arrays;
mod bounds;
mod common;
mod direct;
mod encoder;
mod map;
mod message_value;
mod params;
mod texts;
mod tolerant;
pub(crate) mod v16;
pub(crate) mod v18;
mod value_ref;
mod writer;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::limits::{Budget, Limits, Spent};
use crate::reader::Reader;
use crate::text::Text;
use crate::value::{Array, Value};
use alloc::vec::Vec;

pub(crate) use bounds::find_end;
pub(crate) use common::{return_code, utf8};
pub(crate) use direct::{checked_row, int, list, row, text};
pub(crate) use encoder::{Encoder, Remaining};
pub(crate) use message_value::decode_result;
pub use params::{Decoded, Element, ElementSink, Params};
pub(crate) use tolerant::{REPLACEMENT, debug_message_lossy, text_code};
use value_ref::Fixed;
pub use value_ref::{RawValue, ValueRef};
pub use writer::{Encode, ValueWriter, Written};

/// The serialization protocol of a connection, chosen by the client. Spec: wire.md 2.
///
/// Non-exhaustive: Photon has added versions before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// GpBinary 1.6.
    V16,
    /// GpBinary 1.8.
    V18,
}

impl Protocol {
    /// The name in WebSocket sub-protocols and text inits: `GpBinaryV16`, `GpBinaryV18`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V16 => "GpBinaryV16",
            Self::V18 => "GpBinaryV18",
        }
    }

    /// The major and minor version, as in the binary init.
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

/// Decodes one value with its type code. The input must end with the value.
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
    check_end(&reader)?;
    Ok(value)
}

/// Decodes one value without copying.
///
/// A container stays encoded (see [`RawValue`]). Its bounds, type codes and limits are checked;
/// UTF-8 and keys inside it are checked when it is decoded.
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
    check_end(&reader)?;
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
    let mut buffer = Vec::new();
    let mut left = Remaining::new(&buffer, protocol, limits);
    let _written = value.encode(ValueWriter::new(&mut Encoder::new(&mut buffer, &mut left)))?;
    Ok(buffer)
}

/// Checks that the input is used up.
fn check_end(reader: &Reader<'_>) -> Result<(), DecodeError> {
    if reader.left() == 0 {
        Ok(())
    } else {
        Err(reader.error(DecodeErrorKind::TrailingBytes, "end of value"))
    }
}

/// Decodes the type code of a value and returns its position as well. Charges one value.
#[inline]
fn type_code(r: &mut Reader<'_>, b: &mut Budget) -> Result<(u8, usize), DecodeError> {
    let at = r.offset();
    let code = r.u8("type code")?;
    b.values(1, at, "value")?;
    Ok((code, at))
}

/// Decodes a value with its type code.
#[inline]
pub(crate) fn decode_tagged(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<Value, DecodeError> {
    let (code, at) = type_code(r, b)?;
    decode_payload(protocol, r, b, code, at)
}

/// Decodes a value whose type code is known: it was read at `at`, or declared.
#[inline]
pub(crate) fn decode_payload(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<Value, DecodeError> {
    // Most values have a fixed size. They take the shortest path: nothing is noted for a replacement,
    // because only their end can be wrong, and then it is unknown.
    match decode_fixed(protocol, r, code)? {
        Some(value) => Ok(value),
        None if code == text_code(protocol) => decode_text(protocol, r, b, (code, at)),
        None => decode_variable(protocol, r, b, code, at),
    }
}

/// Decodes a text. Most values without a fixed size are texts, and a map can have thousands: the table of
/// type codes, and a value that could be of any type until it is copied, would cost more than the text.
fn decode_text(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    (code, at): (u8, usize),
) -> Result<Value, DecodeError> {
    let Some((bytes, behind)) = direct::text::<false>(protocol, r.rest()) else {
        return decode_variable(protocol, r, b, code, at);
    };
    let text = match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = r.offset() + r.left() - behind.len() - bytes.len() + error.valid_up_to();
            let error = DecodeError::new(DecodeErrorKind::NotUtf8, at, "string");
            return tolerant::text_or(r, b, (bytes, behind), error);
        }
    };
    if let Err(error) = b.memory(Text::memory_bytes(bytes.len()), 1, at, "string") {
        let start = (code, *r, b.spent());
        return or_replacement(protocol, r, b, start, error);
    }
    r.move_to(behind);
    Ok(Value::String(text.into()))
}

/// Decodes a value that has no fixed size.
fn decode_variable(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<Value, DecodeError> {
    let (start, spent) = (*r, b.spent());
    let decoded = match (protocol, code) {
        // Nearly all containers that a chat nests are these, and so are thousands in a hostile message.
        (Protocol::V16, v16::code::HASHTABLE) => {
            b.nested(at, |b| v16::hashtable(r, b)).map(Value::Hashtable)
        }
        (Protocol::V18, v18::code::HASHTABLE) => {
            b.nested(at, |b| v18::hashtable(r, b)).map(Value::Hashtable)
        }
        _ => match decode_slice(protocol, r, code) {
            Ok(Some(slice)) => slice.decode(b, at),
            Ok(None) => b.nested(at, |b| match protocol {
                Protocol::V16 => v16::decode_container(r, b, code, at),
                Protocol::V18 => v18::decode_container(r, b, code, at),
            }),
            Err(error) => Err(error),
        },
    };
    decoded.or_else(|error| or_replacement(protocol, r, b, (code, start, spent), error))
}

/// Replaces the value whose payload `start` reads, if `error` is of such a kind.
#[cold]
fn or_replacement<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
    (code, start, spent): (u8, Reader<'a>, Spent),
    error: DecodeError,
) -> Result<Value, DecodeError> {
    if !b.replaces_value(error.kind) {
        return Err(error);
    }
    b.refund(spent);
    *r = start;
    tolerant::replacement(protocol, r, b, code)
}

/// Decodes a value with its type code and adds it to `all`, which has space for it.
///
/// Each level of nesting would otherwise copy whole values several times, and nested containers are
/// the cheapest kind of value to send.
fn decode_onto(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    all: &mut Vec<Value>,
) -> Result<(), DecodeError> {
    let (code, at) = type_code(r, b)?;
    let is_map = match (protocol, code) {
        (Protocol::V16, v16::code::OBJECT_ARRAY) | (Protocol::V18, v18::code::OBJECT_ARRAY) => {
            false
        }
        (Protocol::V16, v16::code::HASHTABLE) | (Protocol::V18, v18::code::HASHTABLE) => true,
        _ => {
            all.push(decode_payload(protocol, r, b, code, at)?);
            return Ok(());
        }
    };
    let (start, spent) = (*r, b.spent());
    let decoded = b.nested(at, |b| {
        all.push(match (protocol, is_map) {
            (Protocol::V16, false) => Value::Array(Array::Object(v16::objects(r, b)?)),
            (Protocol::V18, false) => Value::Array(Array::Object(v18::objects(r, b)?)),
            (Protocol::V16, true) => Value::Hashtable(v16::hashtable(r, b)?),
            (Protocol::V18, true) => Value::Hashtable(v18::hashtable(r, b)?),
        });
        Ok(())
    });
    decoded.or_else(|error| {
        let value = or_replacement(protocol, r, b, (code, start, spent), error)?;
        all.push(value);
        Ok(())
    })
}

/// Decodes a value of fixed size. Returns `None`, and reads nothing, for any other.
#[inline]
fn decode_fixed<T: Fixed>(
    protocol: Protocol,
    r: &mut Reader<'_>,
    code: u8,
) -> Result<Option<T>, DecodeError> {
    match protocol {
        Protocol::V16 => v16::decode_fixed(r, code),
        Protocol::V18 => v18::decode_fixed(r, code),
    }
}

/// Decodes a text or bytes without copying. Returns `None`, and reads nothing, for any other type.
#[inline]
fn decode_slice<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    code: u8,
) -> Result<Option<ValueRef<'a>>, DecodeError> {
    match protocol {
        Protocol::V16 => v16::decode_slice(r, code),
        Protocol::V18 => v18::decode_slice(r, code),
    }
}

/// Decodes a value that is not a container. Returns `None` for containers and unknown codes.
#[inline]
fn decode_scalar<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    code: u8,
) -> Result<Option<ValueRef<'a>>, DecodeError> {
    match decode_fixed(protocol, r, code)? {
        Some(scalar) => Ok(Some(scalar)),
        None => decode_slice(protocol, r, code),
    }
}

/// Decodes a value with its type code, without copying.
#[inline]
pub(crate) fn decode_ref<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
) -> Result<ValueRef<'a>, DecodeError> {
    let (code, at) = type_code(r, b)?;
    decode_ref_payload(protocol, r, b, code, at)
}

/// Like [`decode_ref`], for a value that was charged to the budget.
#[inline]
pub(crate) fn decode_charged_ref<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
) -> Result<ValueRef<'a>, DecodeError> {
    let at = r.offset();
    let code = r.u8("type code")?;
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
    let start = *r;
    skip_payload(protocol, r, b, code, at)?;
    let payload = r.since(&start);
    // wire.md 4.1: a typed array of bytes is a byte array.
    if let (Protocol::V16, v16::code::ARRAY, [_, _, v16::code::BYTE, bytes @ ..]) =
        (protocol, code, payload)
    {
        return Ok(ValueRef::Bytes(bytes));
    }
    Ok(ValueRef::Container(RawValue::new(
        protocol,
        code,
        payload,
        start.offset(),
    )))
}

/// Decodes a value without copying. The UTF-8 of a text is not checked.
#[inline]
pub(crate) fn decode_element<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
) -> Result<Element<'a>, DecodeError> {
    b.values(1, r.offset(), "value")?;
    decode_charged_element(protocol, r, b)
}

/// Like [`decode_element`], for a value that was charged to the budget.
#[inline]
pub(crate) fn decode_charged_element<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    b: &mut Budget,
) -> Result<Element<'a>, DecodeError> {
    let at = r.offset();
    let code = r.u8("type code")?;
    if code == text_code(protocol) {
        Ok(Element::Text(string_bytes(protocol, r)?))
    } else {
        let value = decode_ref_payload(protocol, r, b, code, at)?;
        Ok(Element::Other(value))
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

/// Decodes the type code and count of an array. The second value is true for an array of strings,
/// false for one of mixed values. Returns `None` for anything else.
pub(crate) fn element_count(
    protocol: Protocol,
    r: &mut Reader<'_>,
) -> Result<Option<(usize, bool)>, DecodeError> {
    match protocol {
        Protocol::V16 => v16::element_count(r),
        Protocol::V18 => v18::element_count(r),
    }
}

/// Decodes the number of parameters of a message.
#[inline]
pub(crate) fn parameter_count(
    protocol: Protocol,
    r: &mut Reader<'_>,
) -> Result<usize, DecodeError> {
    match protocol {
        Protocol::V16 => v16::parameter_count(r),
        Protocol::V18 => v18::parameter_count(r),
    }
}

/// Skips a value with its type code, with the same checks as decoding it.
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

/// Encodes a value with its type code.
#[inline]
pub(crate) fn encode_tagged(out: &mut Encoder<'_>, value: &Value) -> Result<(), EncodeError> {
    match out.protocol() {
        Protocol::V16 => v16::encode_tagged(out, value),
        Protocol::V18 => v18::encode_tagged(out, value),
    }
}

#[cfg(test)]
mod tests;
