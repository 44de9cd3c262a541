//! Texts, ints and lists in their common forms. Nearly all of a chat consists of them, so they take a
//! path without the table of type codes and without results that have space for every value and error.
//!
//! Each function returns `None`, or stops, in front of anything else: the other path decodes that,
//! and finds the error if it is one.

use super::{Protocol, text_code, v16, v18};
use crate::reader::Reader;

/// Returns the bytes of the text at the beginning, whose UTF-8 is not checked, and what is behind it.
/// `TAGGED` is whether a type code precedes it. A text of 16 KiB or more may be `None` in 1.8.
#[inline]
pub(crate) fn text<const TAGGED: bool>(protocol: Protocol, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let untagged = if TAGGED {
        match bytes {
            [code, behind @ ..] if *code == text_code(protocol) => behind,
            _ => return None,
        }
    } else {
        bytes
    };
    // As the counts of texts in `v16` and `v18`: without a sign, and with groups of seven bits.
    let (length, behind) = match (protocol, untagged) {
        (Protocol::V16, [high @ ..0x80, low, behind @ ..]) => {
            (usize::from(*high) << 8 | usize::from(*low), behind)
        }
        (Protocol::V18, [length @ ..0x80, behind @ ..]) => (usize::from(*length), behind),
        (Protocol::V18, [low, high @ ..0x80, behind @ ..]) => {
            (usize::from(*high) << 7 | usize::from(*low & 0x7F), behind)
        }
        _ => return None,
    };
    behind.split_at_checked(length)
}

/// Returns the int at the beginning, with its type code, and what is behind it.
#[inline]
pub(crate) fn int(protocol: Protocol, bytes: &[u8]) -> Option<(i32, &[u8])> {
    match (protocol, bytes) {
        (Protocol::V16, [v16::code::INT, behind @ ..]) => behind
            .split_first_chunk()
            .map(|(number, behind)| (i32::from_be_bytes(*number), behind)),
        (Protocol::V18, [v18::code::INT, behind @ ..]) => {
            let (number, behind) = varint(behind)?;
            Some((v18::unzigzag32(number), behind))
        }
        (Protocol::V18, [v18::code::INT_1, byte, behind @ ..]) => Some((i32::from(*byte), behind)),
        (Protocol::V18, [v18::code::INT_2, low, high, behind @ ..]) => {
            Some((i32::from(u16::from_le_bytes([*low, *high])), behind))
        }
        _ => None,
    }
}

/// Returns the number at the beginning, in groups of seven bits, and what is behind it. One of more
/// than four groups is `None`.
#[inline]
fn varint(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let group = |byte: u8, index: u32| u32::from(byte & 0x7F) << (7 * index);
    Some(match *bytes {
        [a @ ..0x80, ref behind @ ..] => (group(a, 0), behind),
        [a, b @ ..0x80, ref behind @ ..] => (group(a, 0) | group(b, 1), behind),
        [a, b, c @ ..0x80, ref behind @ ..] => (group(a, 0) | group(b, 1) | group(c, 2), behind),
        [a, b, c, d @ ..0x80, ref behind @ ..] => (
            group(a, 0) | group(b, 1) | group(c, 2) | group(d, 3),
            behind,
        ),
        _ => return None,
    })
}

/// Returns the number of elements of the list at the beginning, whether it is an array of strings and
/// not of mixed values, and what is behind its head. Nothing but the elements can be too short.
#[inline]
pub(crate) fn list(protocol: Protocol, bytes: &[u8]) -> Option<(usize, bool, &[u8])> {
    let (count, is_strings, behind) = match (protocol, bytes) {
        (Protocol::V16, [v16::code::OBJECT_ARRAY, high @ ..0x80, low, behind @ ..]) => {
            (usize::from(*high) << 8 | usize::from(*low), false, behind)
        }
        (
            Protocol::V16,
            [
                v16::code::ARRAY,
                high @ ..0x80,
                low,
                v16::code::STRING,
                behind @ ..,
            ],
        ) => (usize::from(*high) << 8 | usize::from(*low), true, behind),
        (
            Protocol::V18,
            [
                code @ (v18::code::OBJECT_ARRAY | v18::code::STRING_ARRAY),
                count @ ..0x80,
                behind @ ..,
            ],
        ) => (
            usize::from(*count),
            *code == v18::code::STRING_ARRAY,
            behind,
        ),
        _ => return None,
    };
    let fits = protocol == Protocol::V16 && is_strings || count <= behind.len();
    fits.then_some((count, is_strings, behind))
}

/// Takes at most `count` texts, passes each to `each` and returns how many there were.
#[inline]
pub(crate) fn row<'a, const TAGGED: bool>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    count: usize,
    each: impl FnMut(&'a [u8]),
) -> usize {
    // The protocol is compared once, not for each text.
    match protocol {
        Protocol::V16 => row_of::<TAGGED>(Protocol::V16, r, count, each),
        Protocol::V18 => row_of::<TAGGED>(Protocol::V18, r, count, each),
    }
}

#[inline]
fn row_of<'a, const TAGGED: bool>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    count: usize,
    mut each: impl FnMut(&'a [u8]),
) -> usize {
    let mut bytes = r.rest();
    let mut left = count;
    while left > 0
        && let Some((one, behind)) = text::<TAGGED>(protocol, bytes)
    {
        each(one);
        bytes = behind;
        left -= 1;
    }
    r.move_to(bytes);
    count - left
}
