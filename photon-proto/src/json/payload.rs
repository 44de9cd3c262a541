//! Finds the payload of a frame in a text message. Spec: wire.md 7.2.

use super::{MARK, utf16_units};
use crate::error::{DecodeError, DecodeErrorKind};
use core::ops::Range;

/// Finds the payload of the first frame.
pub(super) fn payload(text: &str) -> Result<Range<usize>, DecodeError> {
    let bytes = text.as_bytes();
    let digits_at = marked(bytes, 0, DecodeErrorKind::BadFrame)?;
    let (units, digits_end) = length(bytes, digits_at)?;
    let start = marked(bytes, digits_end, |_| DecodeErrorKind::BadLength)?;
    let rest = text.get(start..).unwrap_or_default();
    let bytes = end_of(rest, units).map_err(|error| error.shifted(start))?;
    Ok(start..start + bytes)
}

/// Checks the mark at `at` and returns its end. `other` is the error kind for another byte.
#[inline]
fn marked(
    text: &[u8],
    at: usize,
    other: impl FnOnce(u8) -> DecodeErrorKind,
) -> Result<usize, DecodeError> {
    const FIELD: &str = "frame mark";
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with(MARK.as_bytes()) {
        return Ok(at + MARK.len());
    }
    Err(match rest.first() {
        Some(found) if !MARK.as_bytes().starts_with(rest) => {
            DecodeError::new(other(*found), at, FIELD)
        }
        _ => DecodeError::new(DecodeErrorKind::Truncated, text.len(), FIELD),
    })
}

/// Decodes the length at `at` and returns its end as well.
#[inline]
fn length(text: &[u8], at: usize) -> Result<(usize, usize), DecodeError> {
    const FIELD: &str = "frame length";
    let bad = DecodeErrorKind::BadLength;
    let mut units = 0_usize;
    let mut rest = text.get(at..).unwrap_or_default();
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        units = units
            .checked_mul(10)
            .and_then(|units| units.checked_add(usize::from(digit - b'0')))
            .ok_or_else(|| DecodeError::new(bad, at, FIELD))?;
        rest = after;
    }
    let end = text.len() - rest.len();
    if rest.is_empty() {
        Err(DecodeError::new(DecodeErrorKind::Truncated, end, FIELD))
    } else if end == at {
        Err(DecodeError::new(bad, at, FIELD))
    } else {
        Ok((units, end))
    }
}

/// Converts a length in UTF-16 units to bytes.
fn end_of(text: &str, units: usize) -> Result<usize, DecodeError> {
    const FIELD: &str = "frame payload";
    // Most payloads are ASCII, where each byte is a unit.
    if text.as_bytes().get(..units).is_some_and(<[u8]>::is_ascii) {
        return Ok(units);
    }
    // Most messages are one frame, which is counted faster as a whole. A unit has one to three
    // bytes: if the frame is shorter than a third of the rest, counting the rest for each frame
    // would make many frames quadratic.
    if text.len().div_ceil(3) <= units && utf16_units(text.as_bytes()) == units {
        return Ok(text.len());
    }
    let mut left = units;
    for (at, character) in text.char_indices() {
        if left == 0 {
            return Ok(at);
        }
        let bad = DecodeError::new(DecodeErrorKind::BadLength, at, FIELD);
        left = left.checked_sub(character.len_utf16()).ok_or(bad)?;
    }
    if left == 0 {
        Ok(text.len())
    } else {
        Err(DecodeError::new(
            DecodeErrorKind::Truncated,
            text.len(),
            FIELD,
        ))
    }
}
