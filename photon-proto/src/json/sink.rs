//! [`Sink`]: a message of GpBinary 1.8 that is written within the limits of a frame.
//! Spec: wire.md 5 and 7.2.

use super::lists::Lists;
use super::parser::{Decimal, Parser};
use super::string::Str;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Limits;
use alloc::vec::Vec;

/// Type codes. Spec: wire.md 5.
const DOUBLE: u8 = 0x06;
const STRING: u8 = 0x07;
const NULL: u8 = 0x08;
const INT: u8 = 0x09;
const LONG: u8 = 0x0A;
const INT_1: u8 = 0x0B;
const INT_1_NEGATIVE: u8 = 0x0C;
const INT_2: u8 = 0x0D;
const INT_2_NEGATIVE: u8 = 0x0E;
const FALSE: u8 = 0x1B;
const TRUE: u8 = 0x1C;
const INT_ZERO: u8 = 0x1E;
/// A string that is not UTF-8, no longer than the shortest double with its comma.
const UNDECODABLE: [u8; 3] = [STRING, 1, 0xFF];

const FIELD: &str = "JSON value";

/// How many times as many values as a message may have are examined in a text.
const EXAMINED: u32 = 8;

/// The remaining limits of a frame.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    /// The maximum length of the buffer.
    end: usize,
    /// How many more containers may be opened inside of each other.
    depth: u32,
    /// Whether an error is to cost one value, if it can. Decoding the message limits what is not
    /// limited here.
    tolerant: bool,
    /// How many more values are transcoded. If the sink is tolerant, how many more are looked at:
    /// what is replaced counts too.
    values_left: u32,
    /// How many more bytes are written. If the sink is tolerant, any number.
    memory_left: usize,
    /// How many more bytes numbers may take in 1.8 than in JSON. Those beyond become undecodable.
    growth: usize,
}

impl Allowance {
    /// The limits of a message that begins at `start` of a buffer.
    pub(super) fn new(limits: &Limits, tolerant: bool, start: usize) -> Self {
        let (values_left, memory_left) = if tolerant {
            (limits.max_values.saturating_mul(EXAMINED), usize::MAX)
        } else {
            (limits.max_values, limits.max_memory_bytes)
        };
        Self {
            end: start.saturating_add(limits.max_received_bytes),
            depth: limits.max_depth,
            tolerant,
            values_left,
            memory_left,
            growth: usize::MAX,
        }
    }

    /// Those of a message of a tolerant sink that is transcoded again, because it was too long.
    ///
    /// Only doubles are notably longer in 1.8: nine bytes for `1e9,`. If they alone may grow, and
    /// by no more than the text is shorter than the limit on the message, everything else fits.
    pub(super) fn again(limits: &Limits, text_bytes: usize, start: usize) -> Self {
        Self {
            growth: limits.max_received_bytes.saturating_sub(text_bytes),
            ..Self::new(limits, true, start)
        }
    }
}

/// The 1.8 message under construction.
pub(super) struct Sink<'b> {
    buffer: &'b mut Vec<u8>,
    left: Allowance,
}

/// The state of a sink, to which it can go back.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    length: usize,
    values_left: u32,
    memory_left: usize,
}

impl<'b> Sink<'b> {
    /// Creates a sink that appends to `buffer`.
    #[inline]
    pub(super) const fn new(buffer: &'b mut Vec<u8>, left: Allowance) -> Self {
        Self { buffer, left }
    }

    /// What is left of the limits.
    pub(super) fn into_left(self) -> Allowance {
        self.left
    }

    /// Begins again at `start`, with other limits.
    pub(super) fn restart(&mut self, start: usize, left: Allowance) {
        debug_assert!(self.left.tolerant, "an error of a strict sink is final");
        self.truncate(start);
        self.left = left;
    }

    /// Skips a value: see [`Parser::skip`].
    pub(super) fn skip(
        &mut self,
        p: &mut Parser<'_>,
        lists: &mut Lists,
        field: &'static str,
    ) -> Result<bool, DecodeError> {
        p.skip(lists, field, &mut self.left.values_left, self.left.depth)
    }

    pub(super) const fn is_tolerant(&self) -> bool {
        self.left.tolerant
    }

    #[inline]
    pub(super) const fn length(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.buffer.truncate(length);
    }

    /// What was written from `start` on.
    pub(super) fn since(&mut self, start: usize) -> &mut [u8] {
        debug_assert!(start <= self.length(), "a start is a length of earlier");
        self.buffer.get_mut(start..).unwrap_or_default()
    }

    #[inline]
    pub(super) const fn mark(&self) -> Mark {
        Mark {
            length: self.length(),
            values_left: self.left.values_left,
            memory_left: self.left.memory_left,
        }
    }

    /// Goes back, to write the same values in another form. If the sink is tolerant, they count as
    /// examined twice, because that is the work.
    pub(super) fn rewind(&mut self, mark: &Mark) {
        self.truncate(mark.length);
        self.left.memory_left = mark.memory_left;
        if !self.left.tolerant {
            self.left.values_left = mark.values_left;
        }
    }

    /// Charges a value, which begins at `at`.
    #[inline]
    pub(super) fn value(&mut self, at: usize) -> Result<(), DecodeError> {
        match self.left.values_left.checked_sub(1) {
            Some(left) => self.left.values_left = left,
            None => return Err(error(DecodeErrorKind::TooManyValues, at)),
        }
        Ok(())
    }

    /// Charges bytes that are going to be written.
    #[inline]
    fn charge(&mut self, bytes: usize, at: usize) -> Result<(), DecodeError> {
        debug_assert!(self.length() <= self.left.end, "every byte was charged");
        match self.left.memory_left.checked_sub(bytes) {
            Some(left) => self.left.memory_left = left,
            None => return Err(error(DecodeErrorKind::TooMuchMemory, at)),
        }
        if bytes > self.left.end - self.length() {
            return Err(too_long(at));
        }
        Ok(())
    }

    /// Writes bytes. `at` is the position of their source, for errors.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8], at: usize) -> Result<(), DecodeError> {
        self.charge(bytes.len(), at)?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes a type code, and reserves a byte for a count that is written once its elements are known.
    /// Returns its position.
    #[inline]
    pub(super) fn begin_counted(&mut self, code: u8, at: usize) -> Result<usize, DecodeError> {
        self.put(&[code, 0], at)?;
        Ok(self.length() - 1)
    }

    /// Writes a count to its position.
    #[inline]
    pub(super) fn end_counted(
        &mut self,
        place: usize,
        number: usize,
        at: usize,
    ) -> Result<(), DecodeError> {
        // Nearly all counts fit into the reserved byte.
        let slot = self.buffer.get_mut(place);
        if let (Some(byte), Some(slot)) = (short_count(number), slot) {
            *slot = byte;
            return Ok(());
        }
        self.end_long_counted(place, number, at)
    }

    /// Writes a count that needs more than the reserved byte: the elements behind it move.
    #[cold]
    fn end_long_counted(
        &mut self,
        place: usize,
        number: usize,
        at: usize,
    ) -> Result<(), DecodeError> {
        let (bytes, width) = varint(number as u64);
        // `varint` writes at least one byte.
        let more = width - 1;
        self.put(bytes.get(..more).unwrap_or_default(), at)?;
        let counted = self.since(place);
        counted.rotate_right(more);
        counted
            .iter_mut()
            .zip(bytes)
            .take(width)
            .for_each(|(slot, byte)| *slot = byte);
        Ok(())
    }

    /// Writes a length and a text, behind `head`.
    #[inline]
    fn text_behind<const HEAD: usize>(
        &mut self,
        head: [u8; HEAD],
        text: Str<'_>,
        at: usize,
    ) -> Result<(), DecodeError> {
        if let Some(plain) = text.plain()
            && let Some(length) = short_count(plain.len())
        {
            self.charge(HEAD + 1 + plain.len(), at)?;
            self.buffer.reserve(HEAD + 1 + plain.len());
            self.buffer.extend_from_slice(&head);
            self.buffer.push(length);
            self.buffer.extend_from_slice(plain);
            return Ok(());
        }
        self.put(&head, at)?;
        self.long_text(text, at)
    }

    /// Writes a length and a text that has escapes or whose length takes more than a byte.
    fn long_text(&mut self, text: Str<'_>, at: usize) -> Result<(), DecodeError> {
        if let Some(plain) = text.plain() {
            let (bytes, width) = varint(plain.len() as u64);
            self.put(bytes.get(..width).unwrap_or_default(), at)?;
            return self.put(plain, at);
        }
        self.put(&[0], at)?;
        let start = self.length();
        text.parts(|part| self.put(part, at))?;
        let length = self.length() - start;
        self.end_counted(start - 1, length, at)
    }

    /// Writes a length and a text.
    #[inline]
    pub(super) fn text(&mut self, text: Str<'_>, at: usize) -> Result<(), DecodeError> {
        self.text_behind([], text, at)
    }

    /// Writes a string with its type code.
    #[inline]
    pub(super) fn string(&mut self, text: Str<'_>, at: usize) -> Result<(), DecodeError> {
        self.text_behind([STRING], text, at)
    }

    /// Writes null or a bool.
    #[inline]
    pub(super) fn literal(&mut self, value: Option<bool>, at: usize) -> Result<(), DecodeError> {
        let code = match value {
            None => NULL,
            Some(false) => FALSE,
            Some(true) => TRUE,
        };
        self.put(&[code], at)
    }

    /// Writes an int, or a long if 32 bits do not hold the number, in the form that the official
    /// writer chooses. Spec: wire.md 5.1.
    pub(super) fn integer(&mut self, number: i64, at: usize) -> Result<(), DecodeError> {
        if let Ok(size) = u16::try_from(number.unsigned_abs()) {
            let [low, high] = size.to_le_bytes();
            return match (number < 0, high) {
                _ if size == 0 => self.put(&[INT_ZERO], at),
                (false, 0) => self.put(&[INT_1, low], at),
                (true, 0) => self.put(&[INT_1_NEGATIVE, low], at),
                (false, _) => self.put(&[INT_2, low, high], at),
                (true, _) => self.put(&[INT_2_NEGATIVE, low, high], at),
            };
        }
        let code = i32::try_from(number).map_or(LONG, |_| INT);
        // Zigzag; of a number that 32 bits hold it is the same in 32 bits.
        let (bytes, width) = varint(((number << 1) ^ (number >> 63)) as u64);
        self.put(&[code], at)?;
        self.put(bytes.get(..width).unwrap_or_default(), at)
    }

    /// Writes a number that becomes a double. See [`Allowance::again`].
    pub(super) fn decimal(&mut self, decimal: Decimal<'_>, at: usize) -> Result<(), DecodeError> {
        const ENCODED_BYTES: usize = 9;
        // With the comma behind it.
        let growth = ENCODED_BYTES.saturating_sub(decimal.text_bytes() + 1);
        let Some(left) = self.left.growth.checked_sub(growth) else {
            return self.put(&UNDECODABLE, at);
        };
        self.left.growth = left;
        let [b0, b1, b2, b3, b4, b5, b6, b7] = decimal.value().to_le_bytes();
        self.put(&[DOUBLE, b0, b1, b2, b3, b4, b5, b6, b7], at)
    }

    /// Enters a container. Returns false if it is nested too deeply.
    #[inline]
    pub(super) const fn enter(&mut self) -> bool {
        match self.left.depth.checked_sub(1) {
            Some(inside) => {
                self.left.depth = inside;
                true
            }
            None => false,
        }
    }

    /// Leaves a container that was entered.
    #[inline]
    pub(super) const fn leave(&mut self) {
        self.left.depth += 1;
    }
}

#[cold]
const fn error(kind: DecodeErrorKind, at: usize) -> DecodeError {
    DecodeError::new(kind, at, FIELD)
}

#[cold]
const fn too_long(at: usize) -> DecodeError {
    DecodeError::new(DecodeErrorKind::TooLong, at, "transcoded message")
}

/// Encodes a count as in 1.8 if that takes one byte.
#[inline]
fn short_count(number: usize) -> Option<u8> {
    u8::try_from(number).ok().filter(|byte| *byte < 0x80)
}

/// Encodes a number as in 1.8, in seven bits for each byte. Also returns the number of bytes.
fn varint(mut number: u64) -> ([u8; 10], usize) {
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
