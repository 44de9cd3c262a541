//! Skips values, with the same checks of bounds, type codes and budget as decoding them.

use super::code;
use super::decode::{
    carries_codes, count, custom_array, custom_bytes, packed_bools, pair_count, small_varints,
    string_bytes, unknown,
};
use super::types::DictionaryTypes;
use crate::codec::message_value::{skip_parameters, skip_response};
use crate::codec::{Protocol, skip_value};
use crate::error::DecodeError;
use crate::limits::Budget;
use crate::reader::Reader;

const V18: Protocol = Protocol::V18;

/// The bytes of a value of fixed size without its type code; `None` for any other.
pub(in crate::codec) const fn fixed_width(code: u8) -> Option<u8> {
    Some(match code {
        code::NULL
        | code::FALSE
        | code::TRUE
        | code::BYTE_ZERO
        | code::SHORT_ZERO
        | code::INT_ZERO
        | code::LONG_ZERO
        | code::FLOAT_ZERO
        | code::DOUBLE_ZERO => 0,
        code::BOOL
        | code::BYTE
        | code::INT_1
        | code::INT_1_NEGATIVE
        | code::LONG_1
        | code::LONG_1_NEGATIVE => 1,
        code::SHORT | code::INT_2 | code::INT_2_NEGATIVE | code::LONG_2 | code::LONG_2_NEGATIVE => {
            2
        }
        code::FLOAT => 4,
        code::DOUBLE => 8,
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
        code::INT => return r.varint32("int").map(|_| true),
        code::LONG => return r.varint64("long").map(|_| true),
        code::BYTES => count(r, 1, "byte array length")?,
        code::CUSTOM => {
            let _code = r.u8("custom type code")?;
            count(r, 1, "custom length")?
        }
        code::SLIM_FIRST..=code::SLIM_LAST => count(r, 1, "custom length")?,
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
        code::DICTIONARY => {
            let types = DictionaryTypes::read(r, b)?;
            skip_dictionary(r, b, &types)
        }
        code::HASHTABLE => skip_hashtable(r, b),
        code::REQUEST | code::EVENT => {
            let _code = r.u8("message code")?;
            skip_parameters(V18, r, b)
        }
        code::RESPONSE => skip_response(V18, r, b),
        code::ARRAYS | code::OBJECT_ARRAY => {
            let count = count(r, 1, "array count")?;
            b.has_values(count, r.offset(), "array")?;
            (0..count).try_for_each(|_| skip_value(V18, r, b))
        }
        code::BOOL_ARRAY => packed_bools(r).map(drop),
        code::SHORT_ARRAY => skip_fixed(r, 2),
        code::FLOAT_ARRAY => skip_fixed(r, 4),
        code::DOUBLE_ARRAY => skip_fixed(r, 8),
        code::INT_ARRAY => skip_ints(r).map(drop),
        code::LONG_ARRAY => skip_longs(r).map(drop),
        code::STRING_ARRAY => {
            let count = count(r, 1, "array count")?;
            b.values(count, r.offset(), "array")?;
            (0..count).try_for_each(|_| string_bytes(r).map(drop))
        }
        code::CUSTOM_ARRAY => {
            let (count, _custom) = custom_array(r)?;
            b.values(count, r.offset(), "array")?;
            (0..count).try_for_each(|_| custom_bytes(r).map(drop))
        }
        code::DICTIONARY_ARRAY => {
            let types = DictionaryTypes::read(r, b)?;
            let count = count(r, 1, "array count")?;
            b.values(count, r.offset(), "array")?;
            (0..count).try_for_each(|_| b.nested(r.offset(), |b| skip_dictionary(r, b, &types)))
        }
        code::HASHTABLE_ARRAY => {
            let count = count(r, 1, "array count")?;
            b.values(count, r.offset(), "array")?;
            (0..count).try_for_each(|_| b.nested(r.offset(), |b| skip_hashtable(r, b)))
        }
        _ => Err(unknown(code, at)),
    }
}

/// Skips the payload of an int array. Returns how many ints it has.
pub(super) fn skip_ints(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    skip_varints(r, |r| r.varint32("int array").map(drop))
}

/// Skips the payload of a long array. Returns how many longs it has.
pub(super) fn skip_longs(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    skip_varints(r, |r| r.varint64("long array").map(drop))
}

fn skip_varints(
    r: &mut Reader<'_>,
    one: impl Fn(&mut Reader<'_>) -> Result<(), DecodeError>,
) -> Result<usize, DecodeError> {
    let count = count(r, 1, "array count")?;
    let mut left = count;
    loop {
        left -= small_varints(r, left)?.len();
        if left == 0 {
            return Ok(count);
        }
        one(r)?;
        left -= 1;
    }
}

fn skip_fixed(r: &mut Reader<'_>, width: usize) -> Result<(), DecodeError> {
    let count = count(r, width, "array count")?;
    r.take(count.saturating_mul(width), "array").map(drop)
}

fn skip_hashtable(r: &mut Reader<'_>, b: &mut Budget) -> Result<(), DecodeError> {
    let count = count(r, 2, "hashtable count")?;
    skip_pairs(r, b, count, [code::UNTYPED; 2])
}

fn skip_dictionary(
    r: &mut Reader<'_>,
    b: &mut Budget,
    types: &DictionaryTypes<'_>,
) -> Result<(), DecodeError> {
    let count = pair_count(r, types.codes())?;
    skip_pairs(r, b, count, types.codes())
}

fn skip_pairs(
    r: &mut Reader<'_>,
    b: &mut Budget,
    count: usize,
    types: [u8; 2],
) -> Result<(), DecodeError> {
    b.values(count.saturating_mul(2), r.offset(), "map count")?;
    for _ in 0..count {
        for declared in types {
            let at = r.offset();
            let code = if carries_codes(declared) {
                r.u8("type code")?
            } else {
                declared
            };
            skip(r, b, code, at)?;
        }
    }
    Ok(())
}
