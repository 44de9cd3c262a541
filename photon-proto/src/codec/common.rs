//! Decoding that is the same in both protocols once a count is known.

use super::texts::share;
use super::{Protocol, decode_onto, decode_scalar, direct, string_bytes, text_code};
use crate::codec::ValueRef;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::text::Text;
use crate::value::Value;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

pub(crate) fn utf8<'a>(
    bytes: &'a [u8],
    at: usize,
    field: &'static str,
) -> Result<&'a str, DecodeError> {
    core::str::from_utf8(bytes).map_err(|error| {
        DecodeError::new(DecodeErrorKind::NotUtf8, at + error.valid_up_to(), field)
    })
}

/// Checks a count, read at `at`, of elements of at least `min_width` bytes each against the
/// remaining input.
///
/// Without this check a few bytes could announce, and make us reserve, gigabytes.
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

/// Copies the text in `bytes`, the bytes that were read last.
fn text(r: &Reader<'_>, b: &mut Budget, bytes: &[u8]) -> Result<Text, DecodeError> {
    let at = r.offset() - bytes.len();
    b.memory(Text::memory_bytes(bytes.len()), 1, at, "string")?;
    match utf8(bytes, at, "string") {
        Ok(text) => Ok(text.into()),
        Err(_) if b.replaces_part() => lossy(bytes, b, at),
        Err(error) => Err(error),
    }
}

/// Copies text that is not UTF-8, with U+FFFD in place of what is not.
pub(super) fn lossy(bytes: &[u8], b: &mut Budget, at: usize) -> Result<Text, DecodeError> {
    // One bad byte becomes the three bytes of U+FFFD.
    b.memory(Text::memory_bytes(bytes.len()), 3, at, "string")?;
    // As `String::from_utf8_lossy`, with space for the first replacements: nearly all texts have few, and
    // moving the text to get space costs as much as decoding it.
    let mut text = String::with_capacity(bytes.len() + 8);
    b.repair().each(bytes, |part| text.push_str(part));
    Ok(text.into())
}

/// Copies `bytes`, the bytes that were read last.
pub(super) fn blob(
    r: &Reader<'_>,
    b: &mut Budget,
    bytes: &[u8],
    field: &'static str,
) -> Result<Bytes, DecodeError> {
    b.memory(bytes.len(), 1, r.offset() - bytes.len(), field)?;
    Ok(Bytes::copy_from_slice(bytes))
}

/// Decodes `count` numbers of fixed width. They are charged by their memory only, not as values.
pub(super) fn numbers<T, const N: usize>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, DecodeError> {
    b.memory(count, size_of::<T>(), r.offset(), "array")?;
    // The caller has compared `count` with the remaining input.
    let bytes = r.take(count * N, "array")?;
    let (chunks, _) = bytes.as_chunks::<N>();
    Ok(chunks.iter().map(|chunk| number(*chunk)).collect())
}

/// Decodes `count` elements with `read` and charges each as a value.
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

/// Like [`elements`] for containers.
pub(super) fn containers<T>(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    mut read: impl FnMut(&mut Reader<'_>, &mut Budget) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    elements(r, b, count, |r, b| b.nested(r.offset(), |b| read(r, b)))
}

/// Decodes `count` texts without type codes. Nearly always they share one allocation.
pub(super) fn texts(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
) -> Result<Vec<Text>, DecodeError> {
    b.values(count, r.offset(), "array")?;
    b.memory(count, size_of::<Text>(), r.offset(), "array")?;
    let mut all = Vec::with_capacity(count);
    let _shared = share::<_, false>(protocol, r, b, (count, &mut all), |text| text);
    while all.len() < count {
        let bytes = string_bytes(protocol, r)?;
        all.push(text(r, b, bytes)?);
    }
    Ok(all)
}

/// Decodes `count` values, each with its own type code. Nearly always, texts in a row share one
/// allocation.
pub(super) fn values(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
) -> Result<Vec<Value>, DecodeError> {
    b.has_values(count, r.offset(), "array")?;
    b.memory(count, size_of::<Value>(), r.offset(), "array")?;
    let mut all = Vec::with_capacity(count);
    let mut singly = 0_usize;
    while all.len() < count {
        if singly == 0 && r.rest().first() == Some(&text_code(protocol)) {
            let left = count - all.len();
            match share::<_, true>(protocol, r, b, (left, &mut all), Value::String) {
                Ok(_) => continue,
                // Not tried again for each of them, which would cost the square of their number.
                Err(found) => singly = found,
            }
        }
        singly = singly.saturating_sub(1);
        // Texts that are not UTF-8 come one by one, and are cheap to send. The other path replaces each
        // as it would any value. It takes texts for which little memory is left, too.
        if let Some((bytes, behind)) = direct::text::<true>(protocol, r.rest())
            && b.memory_left() / 4 >= Text::memory_bytes(bytes.len())
        {
            b.values(1, r.offset(), "value")?;
            r.move_to(behind);
            all.push(Value::String(text(r, b, bytes)?));
            continue;
        }
        decode_onto(protocol, r, b, &mut all)?;
    }
    Ok(all)
}

/// Decodes the debug message of a response: null or a string, which may be empty. Spec: wire.md 3.2.
pub(crate) fn debug_message<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
) -> Result<Option<&'a str>, DecodeError> {
    let at = r.offset();
    let code = r.u8("debug message type")?;
    match decode_scalar(protocol, r, code)? {
        Some(ValueRef::Null) => Ok(None),
        Some(ValueRef::String(text)) => Ok(Some(text)),
        _ => Err(DecodeError::new(
            DecodeErrorKind::WrongType(code),
            at,
            "debug message type",
        )),
    }
}

/// Decodes the return code of a response.
pub(crate) fn return_code(protocol: Protocol, r: &mut Reader<'_>) -> Result<i16, DecodeError> {
    let bytes = r.array("return code")?;
    Ok(match protocol {
        Protocol::V16 => i16::from_be_bytes(bytes),
        Protocol::V18 => i16::from_le_bytes(bytes),
    })
}
