//! Skips values, with the same checks of bounds, type codes and budget as decoding them.

use super::code;
use super::decode::{count, custom_bytes, dictionary_types, element_width, long_count};
use crate::codec::common::fits;
use crate::codec::message_value::{skip_parameters, skip_response};
use crate::codec::{Protocol, skip_value};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;

const V16: Protocol = Protocol::V16;

/// The bytes of a value of fixed size without its type code; `None` for any other.
pub(in crate::codec) const fn fixed_width(code: u8) -> Option<u8> {
    Some(match code {
        code::NULL | code::UNKNOWN => 0,
        code::BOOL | code::BYTE => 1,
        code::SHORT => 2,
        code::INT | code::FLOAT => 4,
        code::LONG | code::DOUBLE => 8,
        _ => return None,
    })
}

pub(in crate::codec) fn skip(
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<(), DecodeError> {
    if skip_scalar(r, code)? {
        return Ok(());
    }
    b.nested(at, |b| skip_container(r, b, code, at))
}

/// Skips the payload of a value that is not a container. Returns false, and skips nothing, for
/// containers and unknown codes.
#[inline]
pub(in crate::codec) fn skip_scalar(r: &mut Reader<'_>, code: u8) -> Result<bool, DecodeError> {
    let width = match code {
        code::STRING => count(r, 1, "string length")?,
        code::BYTES => long_count(r, 1, "byte array length")?,
        code::CUSTOM => {
            let _code = r.u8("custom type code")?;
            count(r, 1, "custom length")?
        }
        code => match fixed_width(code) {
            Some(width) => usize::from(width),
            None => return Ok(false),
        },
    };
    r.take(width, "value").map(|_| true)
}

fn skip_container(
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
    at: usize,
) -> Result<(), DecodeError> {
    match code {
        code::INT_ARRAY => {
            let count = long_count(r, 4, "int array count")?;
            r.take(count * 4, "int array").map(drop)
        }
        code::STRING_ARRAY => {
            let count = count(r, 2, "string array count")?;
            skip_elements(r, b, count, code::STRING)
        }
        code::ARRAY => {
            let start = r.offset();
            let count = count(r, 0, "array count")?;
            let at = r.offset();
            let element = r.u8("array element type")?;
            fits(r, count, element_width(element, at)?, start, "array count")?;
            match element {
                code::CUSTOM => {
                    let _code = r.u8("custom type code")?;
                    b.values(count, at, "array")?;
                    for _ in 0..count {
                        custom_bytes(r)?;
                    }
                    Ok(())
                }
                code::DICTIONARY => {
                    let (key, value) = dictionary_types(r)?;
                    b.values(count, at, "array")?;
                    (0..count).try_for_each(|_| {
                        b.nested(r.offset(), |b| {
                            skip_pairs(r, b, key, value, "dictionary count")
                        })
                    })
                }
                code::BOOL
                | code::BYTE
                | code::SHORT
                | code::INT
                | code::FLOAT
                | code::LONG
                | code::DOUBLE => r
                    .take(count * element_width(element, at)?, "array")
                    .map(drop),
                _ => skip_elements(r, b, count, element),
            }
        }
        code::OBJECT_ARRAY => {
            let count = count(r, 1, "object array count")?;
            b.has_values(count, r.offset(), "array")?;
            (0..count).try_for_each(|_| skip_value(V16, r, b))
        }
        code::HASHTABLE => skip_pairs(r, b, code::UNKNOWN, code::UNKNOWN, "hashtable count"),
        code::DICTIONARY => {
            let (key, value) = dictionary_types(r)?;
            skip_pairs(r, b, key, value, "dictionary count")
        }
        code::EVENT | code::REQUEST => {
            let _code = r.u8("message code")?;
            skip_parameters(V16, r, b)
        }
        code::RESPONSE => skip_response(V16, r, b),
        _ => Err(DecodeError::new(
            DecodeErrorKind::UnknownType(code),
            at,
            "type code",
        )),
    }
}

fn skip_elements(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    code: u8,
) -> Result<(), DecodeError> {
    b.values(count, r.offset(), "array")?;
    for _ in 0..count {
        let at = r.offset();
        skip(r, b, code, at)?;
    }
    Ok(())
}

fn skip_pairs(
    r: &mut Reader<'_>,
    b: &mut Budget,
    key: u8,
    value: u8,
    field: &'static str,
) -> Result<(), DecodeError> {
    let count = count(r, 2, field)?;
    b.values(count.saturating_mul(2), r.offset(), field)?;
    for _ in 0..count {
        for declared in [key, value] {
            let at = r.offset();
            let code = if declared == code::UNKNOWN {
                r.u8("type code")?
            } else {
                declared
            };
            skip(r, b, code, at)?;
        }
    }
    Ok(())
}
