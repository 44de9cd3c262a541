//! What reads the same in both protocols, once its count is known.

use super::{Protocol, decode_scalar, decode_tagged};
use crate::codec::ValueRef;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::text::Text;
use crate::value::Value;
use alloc::vec::Vec;
use bytes::Bytes;

pub(crate) fn utf8<'a>(
    bytes: &'a [u8],
    at: usize,
    field: &'static str,
) -> Result<&'a str, DecodeError> {
    core::str::from_utf8(bytes).map_err(|error| {
        DecodeError::new(
            DecodeErrorKind::NotUtf8,
            at.saturating_add(error.valid_up_to()),
            field,
        )
    })
}

/// A count that stood at `at`, of things of at least `min_width` bytes each, checked against what is left.
#[inline]
pub(super) fn fits(
    r: &Reader<'_>,
    count: usize,
    min_width: usize,
    at: usize,
    field: &'static str,
) -> Result<usize, DecodeError> {
    if count.saturating_mul(min_width) > r.left() {
        return Err(DecodeError::new(DecodeErrorKind::Truncated, at, field));
    }
    Ok(count)
}

/// The text in `bytes`, which were read last.
pub(super) fn text(r: &Reader<'_>, b: &mut Budget, bytes: &[u8]) -> Result<Text, DecodeError> {
    let at = r.offset().saturating_sub(bytes.len());
    b.memory(Text::memory_bytes(bytes.len()), 1, at, "string")?;
    Ok(utf8(bytes, at, "string")?.into())
}

/// A copy of `bytes`, which were read last.
pub(super) fn blob(
    r: &Reader<'_>,
    b: &mut Budget,
    bytes: &[u8],
    field: &'static str,
) -> Result<Bytes, DecodeError> {
    b.memory(
        bytes.len(),
        1,
        r.offset().saturating_sub(bytes.len()),
        field,
    )?;
    Ok(Bytes::copy_from_slice(bytes))
}

/// `count` numbers of fixed width; they are charged by their memory alone.
pub(super) fn numbers<T, const N: usize>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    let bytes = r.take(count.saturating_mul(N), "array")?;
    let (chunks, _) = bytes.as_chunks::<N>();
    Ok(chunks.iter().map(|chunk| number(*chunk)).collect())
}

/// `count` elements that count as values, each read by `read`.
pub(super) fn elements<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    mut read: impl FnMut(&mut Reader<'_>, &mut Budget) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    b.values(count, r.offset(), "array")?;
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(read(r, b)?);
    }
    Ok(all)
}

/// As [`elements`], each a container.
pub(super) fn containers<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    mut read: impl FnMut(&mut Reader<'_>, &mut Budget) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    elements(r, b, count, |r, b| b.nested(r.offset(), |b| read(r, b)))
}

/// `count` values with a type code each.
pub(super) fn values(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
) -> Result<Vec<Value>, DecodeError> {
    b.memory(count, size_of::<Value>(), r.offset(), "array")?;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(decode_tagged(protocol, r, b)?);
    }
    Ok(all)
}

/// The text of a response: null or a string; an empty one is none. Spec: wire.md 3.
pub(crate) fn debug_message<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
) -> Result<Option<&'a str>, DecodeError> {
    let at = r.offset();
    let code = r.u8("debug message type")?;
    match decode_scalar(protocol, r, code)? {
        Some(ValueRef::Null) => Ok(None),
        Some(ValueRef::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        _ => Err(DecodeError::new(
            DecodeErrorKind::WrongType(code),
            at,
            "debug message type",
        )),
    }
}

pub(crate) fn return_code(protocol: Protocol, r: &mut Reader<'_>) -> Result<i16, DecodeError> {
    let bytes = r.array("return code")?;
    Ok(match protocol {
        Protocol::V16 => i16::from_be_bytes(bytes),
        Protocol::V18 => i16::from_le_bytes(bytes),
    })
}
