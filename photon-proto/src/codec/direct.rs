//! Texts, ints and lists in their common forms. Nearly all of a chat consists of them, so they take a
//! path without the table of type codes and without results that have space for every value and error.
//!
//! Each function returns `None`, or stops, in front of anything else: the other path decodes that,
//! and finds the error if it is one.

use super::{Protocol, v16, v18};
use crate::reader::Reader;

/// Returns the bytes of the text at the beginning, whose UTF-8 is not checked, and what is behind it.
/// `TAGGED` is whether a type code precedes it. A text of 16 KiB or more may be `None` in 1.8.
#[inline]
pub(crate) fn text<const TAGGED: bool>(protocol: Protocol, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    // As the counts of texts in `v16` and `v18`: without a sign, and with groups of seven bits.
    let (length, behind) = match (protocol, untagged::<TAGGED>(protocol, bytes)?) {
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

/// Like [`text`], of a text with nothing but ASCII bytes in front of it, as those of fewer than 128
/// bytes have.
#[inline]
fn short_text<const TAGGED: bool>(protocol: Protocol, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, behind) = match (protocol, untagged::<TAGGED>(protocol, bytes)?) {
        (Protocol::V16, [high @ ..0x80, low @ ..0x80, behind @ ..]) => {
            (usize::from(*high) << 8 | usize::from(*low), behind)
        }
        (Protocol::V18, [length @ ..0x80, behind @ ..]) => (usize::from(*length), behind),
        _ => return None,
    };
    behind.split_at_checked(length)
}

/// Returns what is behind the type code of a text, if there is to be one.
#[inline]
fn untagged<const TAGGED: bool>(protocol: Protocol, bytes: &[u8]) -> Option<&[u8]> {
    match (protocol, bytes) {
        _ if !TAGGED => Some(bytes),
        (Protocol::V16, [v16::code::STRING, behind @ ..])
        | (Protocol::V18, [v18::code::STRING, behind @ ..]) => Some(behind),
        _ => None,
    }
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

/// Fewer texts than this are checked one by one: to check them together, they are measured first.
const MIN_TOGETHER: usize = 3;

/// Like [`row`], of texts that are UTF-8.
///
/// They are checked together, with what is between them: one check of many bytes costs a quarter of
/// a check of each text. It proves each of them if all in between are ASCII bytes, because no character
/// can then reach from one text into the next.
///
/// `singly` is how many of the next texts are checked one by one, at first none: one that is not UTF-8
/// must not make those behind it be measured and checked together again and again.
#[inline]
pub(crate) fn checked_row<'a, const TAGGED: bool>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    count: usize,
    singly: &mut usize,
    each: impl FnMut(&'a str),
) -> usize {
    // Too few to measure, whatever was in front of them.
    if count < MIN_TOGETHER {
        return checked_singly::<TAGGED>(protocol, r, count, each);
    }
    match protocol {
        Protocol::V16 => checked_together::<TAGGED>(Protocol::V16, r, count, singly, each),
        Protocol::V18 => checked_together::<TAGGED>(Protocol::V18, r, count, singly, each),
    }
}

// Not inlined: a few texts would pay for what many need.
#[inline(never)]
fn checked_together<'a, const TAGGED: bool>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    count: usize,
    singly: &mut usize,
    mut each: impl FnMut(&'a str),
) -> usize {
    let mut left = count;
    while left > 0 {
        if *singly == 0 {
            let (texts, row) = short_row::<TAGGED>(protocol, r.rest(), left);
            if texts >= MIN_TOGETHER
                && let Ok(row) = core::str::from_utf8(row)
            {
                left -= proven::<TAGGED>(protocol, r, row, &mut each);
                continue;
            }
            // At least the next one, which may be long.
            *singly = texts.max(1);
        }
        let wanted = left.min(*singly);
        let found = checked_singly::<TAGGED>(protocol, r, wanted, &mut each);
        left -= found;
        *singly -= found;
        if found < wanted {
            // The next one is among them even if it is no text of a common form.
            *singly -= 1;
            break;
        }
    }
    count - left
}

/// Like [`checked_row`], with a check for each.
#[inline]
fn checked_singly<'a, const TAGGED: bool>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    count: usize,
    mut each: impl FnMut(&'a str),
) -> usize {
    let mut found = 0;
    while found < count
        && let Some((text, behind)) = text::<TAGGED>(protocol, r.rest())
        && let Ok(text) = core::str::from_utf8(text)
    {
        each(text);
        r.move_to(behind);
        found += 1;
    }
    found
}

/// The number of [short texts](short_text) at the beginning, at most `count`, and the bytes that they
/// are.
#[inline]
fn short_row<const TAGGED: bool>(protocol: Protocol, bytes: &[u8], count: usize) -> (usize, &[u8]) {
    let (mut rest, mut texts) = (bytes, 0);
    while texts < count
        && let Some((_, behind)) = short_text::<TAGGED>(protocol, rest)
    {
        rest = behind;
        texts += 1;
    }
    let row = bytes.split_at_checked(bytes.len() - rest.len());
    (texts, row.unwrap_or_default().0)
}

/// Takes the [short texts](short_text) that are all of `row`, the next bytes, and returns how many there
/// were.
#[inline]
fn proven<'a, const TAGGED: bool>(
    protocol: Protocol,
    r: &mut Reader<'a>,
    row: &'a str,
    mut each: impl FnMut(&'a str),
) -> usize {
    let (mut rest, mut texts) = (row, 0);
    while let Some((text, behind)) = short_text::<TAGGED>(protocol, rest.as_bytes())
        && let Some((_, with_text)) = rest.split_at_checked(rest.len() - text.len() - behind.len())
        && let Some((text, behind)) = with_text.split_at_checked(text.len())
    {
        each(text);
        rest = behind;
        texts += 1;
    }
    debug_assert!(rest.is_empty(), "ASCII bytes are in front of each text");
    let bytes = r.rest();
    r.move_to(bytes.get(row.len() - rest.len()..).unwrap_or_default());
    texts
}
