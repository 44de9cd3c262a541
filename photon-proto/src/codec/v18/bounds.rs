//! The parts of containers, for [`find_end`](crate::codec::find_end).

use super::code;
use super::decode::{count, custom_array, packed_bools};
use super::skip::{skip_ints, skip_longs};
use super::types::min_width;
use crate::codec::bounds::{Part, Parts, number};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::reader::Reader;

/// Takes the head of a container, whose type code was taken, and adds its parts.
pub(in crate::codec) fn begin_container(
    r: &mut Reader<'_>,
    parts: &mut Parts,
    code: u8,
) -> Result<(), DecodeError> {
    let fixed = |r: &mut Reader<'_>, width: usize| {
        let count = count(r, width, "array count")?;
        r.take(count.saturating_mul(width), "array").map(drop)
    };
    let counted = |r: &mut Reader<'_>| count(r, 1, "array count").map(number);
    let part = match code {
        code::DICTIONARY => {
            let types = types(r, parts)?;
            return begin_map(r, parts, types);
        }
        code::HASHTABLE => return begin_map(r, parts, [code::UNTYPED; 2]),
        code::REQUEST | code::EVENT => {
            let _code = r.u8("message code")?;
            Part::Table
        }
        code::RESPONSE => {
            let _code = r.u8("operation code")?;
            let _return_code = r.array::<2>("return code")?;
            parts.push(r, Part::Table)?;
            // The debug message, which may have another type.
            Part::Tagged(1)
        }
        code::ARRAYS | code::OBJECT_ARRAY => Part::Tagged(counted(r)?),
        code::BOOL_ARRAY => return packed_bools(r).map(drop),
        code::SHORT_ARRAY => return fixed(r, 2),
        code::FLOAT_ARRAY => return fixed(r, 4),
        code::DOUBLE_ARRAY => return fixed(r, 8),
        code::INT_ARRAY => {
            let count = skip_ints(r)?;
            return parts.step(r, number(count));
        }
        code::LONG_ARRAY => {
            let count = skip_longs(r)?;
            return parts.step(r, number(count));
        }
        code::STRING_ARRAY => Part::Declared(counted(r)?, code::STRING),
        code::CUSTOM_ARRAY => {
            let (count, _custom) = custom_array(r)?;
            // Its elements have a length each, as texts have.
            Part::Declared(number(count), code::STRING)
        }
        code::DICTIONARY_ARRAY => {
            let types = types(r, parts)?;
            Part::Maps(counted(r)?, types)
        }
        code::HASHTABLE_ARRAY => Part::Maps(counted(r)?, [code::UNTYPED; 2]),
        _ => return Err(r.error(DecodeErrorKind::UnknownType(code), "type code")),
    };
    parts.push(r, part)
}

/// Takes the declared types of a Dictionary. Whether they are allowed does not matter here.
fn types(r: &mut Reader<'_>, parts: &mut Parts) -> Result<[u8; 2], DecodeError> {
    let types = r.array::<2>("dictionary types")?;
    let [key, mut described] = types;
    // The declaration of such a key would have to go on, but no reader defines how.
    if matches!(
        key,
        code::DICTIONARY | code::ARRAYS | code::DICTIONARY_ARRAY
    ) {
        return Err(r.error(DecodeErrorKind::ContainerAsKey, "dictionary key type"));
    }
    loop {
        parts.step(r, 1)?;
        described = match described {
            code::DICTIONARY => {
                let [_key, value] = r.array("dictionary types")?;
                value
            }
            code::ARRAYS => r.u8("dictionary value type")?,
            _ => return Ok(types),
        };
    }
}

/// Takes the count of a map and adds its pairs.
pub(in crate::codec) fn begin_map(
    r: &mut Reader<'_>,
    parts: &mut Parts,
    types: [u8; 2],
) -> Result<(), DecodeError> {
    let [key, value] = types.map(min_width);
    let count = count(r, key + value, "map count")?;
    // Pairs that have no bytes are not walked: the input does not bound their number.
    let count = if key + value == 0 { 0 } else { count };
    parts.push_pairs(r, count, types)
}
