//! Transcodes JSON values to values of GpBinary 1.8. Spec: wire.md 5 and 7.2.

use super::parser::{Number, Parser, Str};
use crate::codec::{self, Encoder, Protocol};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::{Budget, Limits};
use crate::value::Value;
use alloc::vec::Vec;

/// Type codes. Spec: wire.md 5.
const STRING: u8 = 0x07;
const HASHTABLE: u8 = 0x15;
const OBJECT_ARRAY: u8 = 0x17;
const STRING_ARRAY: u8 = 0x47;
/// A string that is not UTF-8, no longer than the shortest double with its comma.
const UNDECODABLE: [u8; 3] = [STRING, 1, 0xFF];

const FIELD: &str = "JSON value";

/// How many times as many values as a message may have are examined in a text.
const EXAMINED: u32 = 8;

/// The 1.8 message under construction, with the remaining limits of its frame.
pub(super) struct Sink {
    encoder: Encoder,
    budget: Budget,
    depth: u32,
    /// Whether an error is to cost one value, if it can. Decoding the message limits what is not
    /// limited here.
    tolerant: bool,
    /// How many more values may be looked at, if the sink is tolerant. What is replaced was looked at
    /// too, so this is not the budget.
    values_left: u32,
    /// See [`Sink::restart`].
    growth: usize,
}

/// The position of a count that is written once its elements are known.
struct Count(usize);

impl Sink {
    /// Creates a sink that appends to `buffer`.
    pub(super) fn new(buffer: Vec<u8>, limits: &Limits, tolerant: bool) -> Self {
        // The encoder limits only the length: values are charged to the budget, containers to the
        // depth.
        let bytes = Limits {
            max_sent_bytes: limits.max_received_bytes,
            max_values: u32::MAX,
            ..limits.clone()
        };
        let mut sink = Self {
            encoder: Encoder::new(buffer, Protocol::V18, &bytes),
            budget: Budget::new(limits),
            depth: limits.max_depth,
            tolerant,
            values_left: u32::MAX,
            growth: usize::MAX,
        };
        if tolerant {
            sink.restart(limits, usize::MAX);
        }
        sink
    }

    /// Begins again, with the limits of a tolerant sink, and limits how many more bytes numbers may
    /// take in 1.8 than in JSON. Numbers beyond become undecodable.
    ///
    /// Only doubles are notably longer in 1.8: nine bytes for `1e9,`. If they alone may grow, and
    /// by no more than the text is shorter than the limit on the message, everything else fits.
    pub(super) fn restart(&mut self, limits: &Limits, growth: usize) {
        debug_assert!(self.tolerant, "an error of a strict sink is final");
        self.budget = Budget::new(&Limits {
            max_memory_bytes: usize::MAX,
            ..limits.clone()
        });
        self.values_left = limits.max_values.saturating_mul(EXAMINED);
        self.growth = growth;
    }

    /// Skips a value. If the sink is tolerant, the values in it count as examined.
    pub(super) fn skip(
        &mut self,
        p: &mut Parser<'_>,
        field: &'static str,
    ) -> Result<(), DecodeError> {
        p.skip(field, &mut self.values_left)
    }

    /// Charges a value, which begins at `at`.
    fn value(&mut self, at: usize) -> Result<(), DecodeError> {
        if self.tolerant {
            self.values_left = self.values_left.checked_sub(1).ok_or(DecodeError::new(
                DecodeErrorKind::TooManyValues,
                at,
                FIELD,
            ))?;
            return Ok(());
        }
        self.budget.values(1, at, FIELD)
    }

    pub(super) const fn is_tolerant(&self) -> bool {
        self.tolerant
    }

    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.encoder.buffer()
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.encoder.into_buffer()
    }

    fn length(&mut self) -> usize {
        self.buffer().len()
    }

    /// Writes bytes. `at` is the position of their source, for errors.
    pub(super) fn put(&mut self, bytes: &[u8], at: usize) -> Result<(), DecodeError> {
        self.budget.memory(bytes.len(), 1, at, FIELD)?;
        self.encoder.put(bytes).map_err(|_| too_long(at))
    }

    fn count(&mut self, number: usize, at: usize) -> Result<(), DecodeError> {
        if let Some(byte) = short_count(number) {
            return self.put(&[byte], at);
        }
        let (bytes, width) = varint(number);
        self.put(bytes.get(..width).unwrap_or_default(), at)
    }

    fn begin_count(&mut self, at: usize) -> Result<Count, DecodeError> {
        let count = Count(self.length());
        self.put(&[0], at)?;
        Ok(count)
    }

    /// Writes a count into its place. If it needs more than the one reserved byte, the elements
    /// behind it move.
    fn end_count(&mut self, count: &Count, number: usize, at: usize) -> Result<(), DecodeError> {
        // Nearly all counts fit into the reserved byte.
        let place = self.buffer().get_mut(count.0);
        if let (Some(byte), Some(slot)) = (short_count(number), place) {
            *slot = byte;
            return Ok(());
        }
        let (bytes, width) = varint(number);
        // `varint` writes at least one byte.
        let more = width - 1;
        self.put(bytes.get(..more).unwrap_or_default(), at)?;
        if let Some(counted) = self.buffer().get_mut(count.0..) {
            counted.rotate_right(more);
            counted
                .iter_mut()
                .zip(bytes)
                .take(width)
                .for_each(|(slot, byte)| *slot = byte);
        }
        Ok(())
    }

    /// Writes a length and a text.
    fn text(&mut self, text: Str<'_>, at: usize) -> Result<(), DecodeError> {
        if let Some(plain) = text.plain() {
            self.count(plain.len(), at)?;
            return self.put(plain.as_bytes(), at);
        }
        let count = self.begin_count(at)?;
        let start = self.length();
        text.parts(|part| self.put(part.as_bytes(), at))?;
        let length = self.length() - start;
        self.end_count(&count, length, at)
    }

    /// Writes a string with its type code.
    pub(super) fn string(&mut self, text: Str<'_>, at: usize) -> Result<(), DecodeError> {
        self.put(&[STRING], at)?;
        self.text(text, at)
    }

    fn scalar(&mut self, value: &Value, at: usize) -> Result<(), DecodeError> {
        let start = self.length();
        codec::encode_tagged(&mut self.encoder, value).map_err(|_| too_long(at))?;
        let length = self.length() - start;
        self.budget.memory(length, 1, at, FIELD)
    }

    /// Writes a double that has `text_bytes` in JSON. See [`Sink::restart`].
    fn double(&mut self, number: f64, text_bytes: usize, at: usize) -> Result<(), DecodeError> {
        const ENCODED_BYTES: usize = 9;
        // With the comma behind it.
        let growth = ENCODED_BYTES.saturating_sub(text_bytes + 1);
        let Some(left) = self.growth.checked_sub(growth) else {
            return self.put(&UNDECODABLE, at);
        };
        self.growth = left;
        self.scalar(&Value::Double(number), at)
    }

    /// Transcodes a container with `read`. If the sink is tolerant, one that is nested too deeply
    /// becomes an empty array, so that decoding the message finds a container too many at its place.
    fn nested(
        &mut self,
        p: &mut Parser<'_>,
        at: usize,
        read: impl FnOnce(&mut Parser<'_>, &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let Some(inside) = self.depth.checked_sub(1) else {
            if self.tolerant {
                self.skip(p, FIELD)?;
                return self.put(&[OBJECT_ARRAY, 0], at);
            }
            return Err(DecodeError::new(DecodeErrorKind::TooDeep, at, "container"));
        };
        let outside = core::mem::replace(&mut self.depth, inside);
        let result = read(p, self);
        self.depth = outside;
        result
    }
}

const fn too_long(at: usize) -> DecodeError {
    DecodeError::new(DecodeErrorKind::TooLong, at, "transcoded message")
}

/// Encodes a count as in 1.8 if that takes one byte.
fn short_count(number: usize) -> Option<u8> {
    u8::try_from(number).ok().filter(|byte| *byte < 0x80)
}

/// Encodes a count as in 1.8. Also returns the number of bytes.
fn varint(mut number: usize) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut width = 0_usize;
    for slot in &mut bytes {
        *slot = (number & 0x7F) as u8 | 0x80;
        number >>= 7;
        width += 1;
        if number == 0 {
            *slot &= 0x7F;
            break;
        }
    }
    (bytes, width)
}

/// Transcodes the value of a parameter. An array does not count towards the depth, as in binary
/// messages: see
/// [`Params::elements`](crate::Params::elements).
pub(super) fn parameter(p: &mut Parser<'_>, sink: &mut Sink) -> Result<(), DecodeError> {
    if p.token(FIELD)? == b'[' {
        sink.value(p.offset())?;
        return array(p, sink);
    }
    value(p, sink)
}

/// Transcodes a value with its type code.
pub(super) fn value(p: &mut Parser<'_>, sink: &mut Sink) -> Result<(), DecodeError> {
    let first = p.token(FIELD)?;
    let at = p.offset();
    sink.value(at)?;
    let value = match first {
        b'"' => return sink.string(p.string(FIELD)?, at),
        b'[' => return sink.nested(p, at, array),
        b'{' => return sink.nested(p, at, object),
        b'-' | b'0'..=b'9' => match p.number(FIELD)? {
            Number::Integer(number) => {
                i32::try_from(number).map_or(Value::Long(number), Value::Int)
            }
            Number::Double(number) => return sink.double(number, p.offset() - at, at),
        },
        _ => p.literal(FIELD)?.map_or(Value::Null, Value::Bool),
    };
    sink.scalar(&value, at)
}

fn array(p: &mut Parser<'_>, sink: &mut Sink) -> Result<(), DecodeError> {
    const FIELD: &str = "JSON array";
    // An array of strings only is a string array. If another value turns up, the array is
    // transcoded again as mixed values. Each array is repeated at most once, and only up to its
    // first other value, so that the cost stays linear. One that does not begin with a string is not
    // tried: arrays in arrays would be begun twice at each level.
    let mut ahead = p.clone();
    if ahead.punctuation(b'[', FIELD).is_ok() && ahead.token(FIELD).is_ok_and(|one| one == b'"') {
        let (again, length, budget) = (p.clone(), sink.length(), sink.budget.clone());
        if strings(p, sink)? {
            return Ok(());
        }
        *p = again;
        sink.buffer().truncate(length);
        sink.budget = budget;
    }
    let at = p.offset();
    p.punctuation(b'[', FIELD)?;
    sink.put(&[OBJECT_ARRAY], at)?;
    let place = sink.begin_count(at)?;
    let (mut first, mut count) = (true, 0_usize);
    while p.more(&mut first, b']', FIELD)? {
        value(p, sink)?;
        count += 1;
    }
    sink.end_count(&place, count, at)
}

/// Transcodes an array of strings. Returns false, after any partial output, if it is empty or
/// contains another value.
fn strings(p: &mut Parser<'_>, sink: &mut Sink) -> Result<bool, DecodeError> {
    const FIELD: &str = "JSON array";
    let at = p.offset();
    p.punctuation(b'[', FIELD)?;
    sink.put(&[STRING_ARRAY], at)?;
    let place = sink.begin_count(at)?;
    let (mut first, mut count) = (true, 0_usize);
    while p.more(&mut first, b']', FIELD)? {
        if p.token(FIELD)? != b'"' {
            return Ok(false);
        }
        let at = p.offset();
        sink.value(at)?;
        sink.text(p.string(FIELD)?, at)?;
        count += 1;
    }
    sink.end_count(&place, count, at)?;
    Ok(count > 0)
}

fn object(p: &mut Parser<'_>, sink: &mut Sink) -> Result<(), DecodeError> {
    const FIELD: &str = "JSON object";
    let at = p.offset();
    p.punctuation(b'{', FIELD)?;
    sink.put(&[HASHTABLE], at)?;
    let place = sink.begin_count(at)?;
    let (mut first, mut count) = (true, 0_usize);
    while p.more(&mut first, b'}', FIELD)? {
        let _ = p.token(FIELD)?;
        let at = p.offset();
        sink.value(at)?;
        sink.string(p.string("JSON key")?, at)?;
        p.punctuation(b':', FIELD)?;
        value(p, sink)?;
        count += 1;
    }
    sink.end_count(&place, count, at)
}
