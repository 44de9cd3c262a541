//! The parts of containers, for [`find_end`](crate::codec::find_end).

use super::code;
use super::decode::{count, long_count};
use crate::codec::bounds::{Part, Parts, number};
use crate::codec::common::fits;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::reader::Reader;

/// Takes the head of a container, whose type code was taken, and adds its parts.
pub(in crate::codec) fn begin_container(
    r: &mut Reader<'_>,
    parts: &mut Parts,
    code: u8,
) -> Result<(), DecodeError> {
    match code {
        code::INT_ARRAY => {
            let count = long_count(r, 4, "int array count")?;
            r.take(count * 4, "int array").map(drop)
        }
        code::STRING_ARRAY => {
            let count = count(r, 2, "string array count")?;
            parts.push(r, Part::Declared(number(count), code::STRING))
        }
        code::ARRAY => begin_array(r, parts),
        code::OBJECT_ARRAY => {
            let count = count(r, 1, "object array count")?;
            parts.push(r, Part::Tagged(number(count)))
        }
        code::HASHTABLE => begin_map(r, parts, [code::UNKNOWN; 2]),
        code::DICTIONARY => {
            let types = types(r)?;
            begin_map(r, parts, types)
        }
        code::EVENT | code::REQUEST => {
            let _code = r.u8("message code")?;
            parts.push(r, Part::Table)
        }
        code::RESPONSE => {
            let _code = r.u8("operation code")?;
            let _return_code = r.array::<2>("return code")?;
            parts.push(r, Part::Table)?;
            // The debug message, which may have another type.
            parts.push(r, Part::Tagged(1))
        }
        _ => Err(r.error(DecodeErrorKind::UnknownType(code), "type code")),
    }
}

fn begin_array(r: &mut Reader<'_>, parts: &mut Parts) -> Result<(), DecodeError> {
    let at = r.offset();
    let count = count(r, 0, "array count")?;
    let element = r.u8("array element type")?;
    let width = match element {
        code::BOOL | code::BYTE => 1,
        code::SHORT => 2,
        code::INT | code::FLOAT => 4,
        code::LONG | code::DOUBLE => 8,
        // Not allowed as an element type, but it has no bytes.
        code::NULL | code::UNKNOWN => 0,
        code::CUSTOM => {
            let _code = r.u8("custom type code")?;
            // Its elements have a length of 16 bits each, as texts have.
            return parts.push(r, Part::Declared(number(count), code::STRING));
        }
        code::DICTIONARY => {
            let types = types(r)?;
            return parts.push(r, Part::Maps(number(count), types));
        }
        _ => return parts.push(r, Part::Declared(number(count), element)),
    };
    fits(r, count, width, at, "array count")?;
    r.take(count * width, "array").map(drop)
}

/// Takes the declared types of a Dictionary. Whether they are allowed does not matter here.
fn types(r: &mut Reader<'_>) -> Result<[u8; 2], DecodeError> {
    let types = r.array::<2>("dictionary types")?;
    Ok(types.map(|code| match code {
        code::NULL => code::UNKNOWN,
        code => code,
    }))
}

/// Takes the count of a map and adds its pairs.
pub(in crate::codec) fn begin_map(
    r: &mut Reader<'_>,
    parts: &mut Parts,
    types: [u8; 2],
) -> Result<(), DecodeError> {
    let count = count(r, 2, "map count")?;
    parts.push_pairs(r, count, types)
}

/// Whether a type code precedes each key or value of this declared type.
pub(in crate::codec) const fn carries_code(declared: u8) -> bool {
    declared == code::UNKNOWN
}
