//! Finds the end of a value that cannot be decoded, so that what follows it can be.
//!
//! Decoding and skipping judge a value while they look for its end: they stop at the first limit
//! or rule that it violates. A server relays what users send, so a value that violates one must
//! cost only itself. This walk checks no limit, no type rule and no text, only lengths.
//!
//! It keeps its own stack instead of recursing: the nesting of a value is up to whoever sent it.

use super::{Protocol, parameter_count, v16, v18};
use crate::error::{DecodeError, DecodeErrorKind};
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
}

impl Parts {
    pub(super) fn push(&mut self, r: &Reader<'_>, part: Part) -> Result<(), DecodeError> {
        if self.outer.len() == MAX_OPEN {
            return Err(r.error(DecodeErrorKind::TooManyValues, "open containers"));
        }
        self.put(part);
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
        self.push(r, Part::Pairs(number(pairs).saturating_mul(2), types))
    }

    /// Moves to the next value and returns its type code; `None` after the last one.
    fn next(&mut self, protocol: Protocol, r: &mut Reader<'_>) -> Result<Option<u8>, DecodeError> {
        while let Some(part) = self.pop() {
            let code = match part {
                Part::Tagged(left) => {
                    if !self.keep(left, Part::Tagged) {
                        continue;
                    }
                    r.u8("type code")?
                }
                Part::Declared(left, code) => {
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

/// Moves behind the payload of a value of this type code.
///
/// # Errors
/// [`DecodeError`] if the end cannot be found: a length beyond the input or below zero, an unknown
/// type code, or more than [`MAX_OPEN`] open containers.
pub(crate) fn find_end(
    protocol: Protocol,
    r: &mut Reader<'_>,
    code: u8,
) -> Result<(), DecodeError> {
    let mut parts = Parts::default();
    let mut next = Some(code);
    while let Some(code) = next {
        if let Some((count, values)) = untyped(protocol, code, r.rest()) {
            r.move_to(values);
            next = match count {
                1 => Some(r.u8("type code")?),
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
            match protocol {
                Protocol::V16 => v16::begin_container(r, &mut parts, code)?,
                Protocol::V18 => v18::begin_container(r, &mut parts, code)?,
            }
        }
        next = parts.next(protocol, r)?;
    }
    Ok(())
}
