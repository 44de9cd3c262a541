//! Finds the end of a value that cannot be decoded, so that what follows it can be.
//!
//! Decoding and skipping judge a value while they look for its end: they stop at the first limit
//! or rule that it violates. A server relays what users send, so a value that violates one must
//! cost only itself. This walk checks no limit, no type rule and no text, only lengths.
//!
//! It keeps its own stack instead of recursing: the nesting of a value is up to whoever sent it.

use super::{Protocol, parameter_count, v16, v18};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use alloc::vec::Vec;

/// The maximum number of containers whose ends are sought at once, 512 KiB of memory. The last
/// element of a container needs no place, so only values with siblings at every level reach it.
const MAX_OPEN: usize = 65_536;

/// The parts of a container that follow. Each has a count of what remains.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Values with their type codes.
    Tagged(u32),
    /// Values of this declared type.
    Declared(u32, u8),
    /// Keys and values of these declared types, in turn: twice the number of pairs.
    Pairs(u32, [u8; 2]),
    /// Maps of these declared types.
    Maps(u32, [u8; 2]),
    /// Parameters of a message.
    Parameters(u32),
    /// A parameter table, from its count on.
    Table,
}

/// The parts that remain.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Not in the list, so that nesting without siblings, the cheapest kind to send, needs no list.
    innermost: Option<Part>,
    /// Those around it, innermost last.
    outer: Vec<Part>,
    /// How many more steps are made.
    steps_left: u32,
}

impl Parts {
    pub(super) fn push(&mut self, r: &Reader<'_>, part: Part) -> Result<(), DecodeError> {
        if self.outer.len() == MAX_OPEN {
            return Err(r.error(DecodeErrorKind::TooManyValues, "open containers"));
        }
        self.put(part);
        Ok(())
    }

    /// Counts steps. See [`Budget::steps_left`].
    ///
    /// # Errors
    /// [`DecodeErrorKind::TooManyValues`] if no more are left.
    #[inline]
    pub(super) fn step(&mut self, r: &Reader<'_>, steps: u32) -> Result<(), DecodeError> {
        match self.steps_left.checked_sub(steps) {
            Some(left) => self.steps_left = left,
            None => return Err(r.error(DecodeErrorKind::TooManyValues, "values that are skipped")),
        }
        Ok(())
    }

    #[inline]
    fn put(&mut self, part: Part) {
        if let Some(outside) = self.innermost.replace(part) {
            self.outer.push(outside);
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Part> {
        self.innermost.take().or_else(|| self.outer.pop())
    }

    /// Adds the pairs of a map.
    pub(super) fn push_pairs(
        &mut self,
        r: &Reader<'_>,
        pairs: usize,
        types: [u8; 2],
    ) -> Result<(), DecodeError> {
        // Counts have at most 31 bits, so their double fits.
        let values = number(pairs).saturating_mul(2);
        let part = match types {
            [v16::code::UNKNOWN, v16::code::UNKNOWN] => Part::Tagged(values),
            types => Part::Pairs(values, types),
        };
        self.push(r, part)
    }

    /// Moves to the next value and returns its type code; `None` after the last one.
    fn next(&mut self, protocol: Protocol, r: &mut Reader<'_>) -> Result<Option<u8>, DecodeError> {
        while let Some(part) = self.pop() {
            self.step(r, STEPS)?;
            let code = match part {
                Part::Tagged(left) => {
                    let (skipped, steps) = skip_row(protocol, r, left);
                    self.step(r, steps)?;
                    let left = left - skipped;
                    if !self.keep(left, Part::Tagged) {
                        continue;
                    }
                    r.u8("type code")?
                }
                Part::Declared(left, code) => {
                    let skipped = skip_short_texts(protocol, r, code, left);
                    self.step(r, skipped)?;
                    let left = left - skipped;
                    if !self.keep(left, |left| Part::Declared(left, code)) {
                        continue;
                    }
                    code
                }
                Part::Pairs(left, types) => {
                    if !self.keep(left, |left| Part::Pairs(left, types)) {
                        continue;
                    }
                    let [key, value] = types;
                    let code = if left % 2 == 0 { key } else { value };
                    let carries = match protocol {
                        Protocol::V16 => v16::carries_code(code),
                        Protocol::V18 => v18::carries_codes(code),
                    };
                    if carries { r.u8("type code")? } else { code }
                }
                Part::Maps(left, types) => {
                    if self.keep(left, |left| Part::Maps(left, types)) {
                        match protocol {
                            Protocol::V16 => v16::begin_map(r, self, types)?,
                            Protocol::V18 => v18::begin_map(r, self, types)?,
                        }
                    }
                    continue;
                }
                Part::Parameters(left) => {
                    if !self.keep(left, Part::Parameters) {
                        continue;
                    }
                    let _key = r.u8("parameter key")?;
                    r.u8("type code")?
                }
                Part::Table => {
                    let count = parameter_count(protocol, r)?;
                    self.put(Part::Parameters(number(count)));
                    continue;
                }
            };
            return Ok(Some(code));
        }
        Ok(None)
    }

    /// Puts a part back without the element that is next. Returns whether there was one. A part
    /// without a further element is not put back: otherwise deep nesting would fill the stack.
    fn keep(&mut self, left: u32, part: impl FnOnce(u32) -> Part) -> bool {
        if left > 1 {
            self.put(part(left - 1));
        }
        left > 0
    }
}

/// A count, which the format limits to 31 bits.
pub(super) fn number(count: usize) -> u32 {
    debug_assert!(u32::try_from(count).is_ok(), "counts have 31 bits");
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The number of values in the payload of an object array or a Hashtable, whose keys count too, and
/// where they begin. A count in another than its shortest form, or beyond the input, is `None`.
///
/// They are the cheapest containers to send, so finding their ends has to be cheap too.
#[inline]
fn untyped(protocol: Protocol, code: u8, payload: &[u8]) -> Option<(u32, &[u8])> {
    let (count, values) = match (protocol, payload) {
        (Protocol::V16, [0, count @ ..0x80, values @ ..])
        | (Protocol::V18, [count @ ..0x80, values @ ..]) => (u32::from(*count), values),
        _ => return None,
    };
    let count = match (protocol, code) {
        (Protocol::V16, v16::code::OBJECT_ARRAY) | (Protocol::V18, v18::code::OBJECT_ARRAY) => {
            count
        }
        (Protocol::V16, v16::code::HASHTABLE) | (Protocol::V18, v18::code::HASHTABLE) => 2 * count,
        _ => return None,
    };
    (count as usize <= values.len()).then_some((count, values))
}

/// The bytes of values of fixed size with their type codes, by their type codes; 0 for any other.
const fn widths(protocol: Protocol) -> [u8; 256] {
    let mut all = [0; 256];
    let (mut code, mut rest) = (0_u8, all.as_mut_slice());
    while let [width, after @ ..] = rest {
        let fixed = match protocol {
            Protocol::V16 => v16::fixed_width(code),
            Protocol::V18 => v18::fixed_width(code),
        };
        if let Some(bytes) = fixed {
            *width = 1 + bytes;
        }
        code = code.wrapping_add(1);
        rest = after;
    }
    all
}

/// The types of a map without declared types, in both protocols.
const _: () = assert!(v16::code::UNKNOWN == 0 && v18::code::UNTYPED == 0);

static WIDTHS: [[u8; 256]; 2] = [widths(Protocol::V16), widths(Protocol::V18)];

/// Skips values with type codes, up to one that has no fixed length and is neither a short text or
/// custom value nor an empty container. Returns how many it has skipped, and in how many steps. They
/// need the fewest bytes, so a message can have the most of them.
fn skip_row(protocol: Protocol, r: &mut Reader<'_>, most: u32) -> (u32, u32) {
    let rest = r.rest();
    let (mut at, mut last, mut skipped) = (0_usize, 0, 0);
    let mut texts = 0;
    let [v16, v18] = &WIDTHS;
    let widths = match protocol {
        Protocol::V16 => v16,
        Protocol::V18 => v18,
    };
    while skipped < most
        && let Some(code) = rest.get(at)
    {
        last = match widths.get(usize::from(*code)) {
            Some(width @ 1..) => usize::from(*width),
            _ => match short_width(protocol, rest.get(at..).unwrap_or_default()) {
                Some(width) => {
                    texts += 1;
                    width
                }
                None => break,
            },
        };
        at += last;
        skipped += 1;
    }
    // The last one may be cut.
    if at > rest.len() {
        at -= last;
        skipped -= 1;
    }
    r.move_to(rest.get(at..).unwrap_or_default());
    // Four values of fixed size are three steps, and a text is nearly three.
    (skipped, skipped - skipped / 4 + 2 * texts)
}

/// The bytes of a short text or custom value, or of an empty container, with its type code.
fn short_width(protocol: Protocol, value: &[u8]) -> Option<usize> {
    match (protocol, value) {
        (Protocol::V18, [v18::code::STRING, length @ ..0x80, ..]) => Some(2 + usize::from(*length)),
        (Protocol::V18, [v18::code::OBJECT_ARRAY | v18::code::HASHTABLE, 0, ..]) => Some(2),
        (Protocol::V18, [v18::code::CUSTOM, _, length @ ..0x80, ..]) => {
            Some(3 + usize::from(*length))
        }
        (Protocol::V16, [v16::code::STRING, 0, length, ..]) => Some(3 + usize::from(*length)),
        (Protocol::V16, [v16::code::OBJECT_ARRAY | v16::code::HASHTABLE, 0, 0, ..]) => Some(3),
        (Protocol::V16, [v16::code::CUSTOM, _, 0, length, ..]) => Some(4 + usize::from(*length)),
        _ => None,
    }
}

/// Moves into arrays of one array each. Returns how many they are: a value can consist of nothing else.
fn skip_nesting(protocol: Protocol, r: &mut Reader<'_>) -> u32 {
    let (mut rest, mut levels) = (r.rest(), 0);
    loop {
        rest = match (protocol, rest) {
            (Protocol::V16, [0, 1, v16::code::OBJECT_ARRAY, inner @ ..])
            | (Protocol::V18, [1, v18::code::OBJECT_ARRAY, inner @ ..]) => inner,
            _ => break,
        };
        levels += 1;
    }
    r.move_to(rest);
    levels
}

/// Skips texts without type codes, if that is what follows, up to one that is not short. Returns how
/// many it has skipped.
fn skip_short_texts(protocol: Protocol, r: &mut Reader<'_>, code: u8, most: u32) -> u32 {
    let is_text = match protocol {
        Protocol::V16 => code == v16::code::STRING,
        Protocol::V18 => code == v18::code::STRING,
    };
    let (mut rest, mut skipped) = (r.rest(), 0);
    while is_text && skipped < most {
        let behind = match (protocol, rest) {
            (Protocol::V16, [0, length, text @ ..])
            | (Protocol::V18, [length @ ..0x80, text @ ..]) => text.get(usize::from(*length)..),
            _ => None,
        };
        let Some(behind) = behind else {
            break;
        };
        rest = behind;
        skipped += 1;
    }
    r.move_to(rest);
    skipped
}

/// The steps that any other value takes: about 16 instructions each. Two levels of nesting without siblings
/// take one, and so do two values in a row.
const STEPS: u32 = 6;

/// Moves behind the payload of a value of this type code.
///
/// # Errors
/// [`DecodeError`] if the end cannot be found: a length beyond the input or below zero, an unknown
/// type code, more than [`MAX_OPEN`] open containers, or no more steps in the budget.
pub(crate) fn find_end(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    code: u8,
) -> Result<(), DecodeError> {
    let mut parts = Parts {
        steps_left: b.steps_left(),
        ..Parts::default()
    };
    let most = parts.steps_left;
    let found = walk(protocol, r, &mut parts, code);
    b.use_steps(most.saturating_sub(parts.steps_left));
    found
}

fn walk(
    protocol: Protocol,
    r: &mut Reader<'_>,
    parts: &mut Parts,
    code: u8,
) -> Result<(), DecodeError> {
    let mut next = Some(code);
    while let Some(code) = next {
        if matches!(
            (protocol, code),
            (Protocol::V16, v16::code::OBJECT_ARRAY) | (Protocol::V18, v18::code::OBJECT_ARRAY)
        ) {
            let levels = skip_nesting(protocol, r);
            parts.step(r, levels / 2)?;
        }
        if let Some((count, values)) = untyped(protocol, code, r.rest()) {
            r.move_to(values);
            next = match count {
                1 => {
                    parts.step(r, 2)?;
                    Some(r.u8("type code")?)
                }
                0 => parts.next(protocol, r)?,
                _ => {
                    parts.push(r, Part::Tagged(count))?;
                    parts.next(protocol, r)?
                }
            };
            continue;
        }
        let scalar = match protocol {
            Protocol::V16 => v16::skip_scalar(r, code)?,
            Protocol::V18 => v18::skip_scalar(r, code)?,
        };
        if !scalar {
            // A head takes several times as long as a value.
            parts.step(r, 2 * STEPS)?;
            match protocol {
                Protocol::V16 => v16::begin_container(r, parts, code)?,
                Protocol::V18 => v18::begin_container(r, parts, code)?,
            }
        }
        next = parts.next(protocol, r)?;
    }
    Ok(())
}
