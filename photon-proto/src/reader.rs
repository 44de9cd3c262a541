//! A cursor over untrusted bytes. Every bounds check of a decoder is here.

use crate::error::{DecodeError, DecodeErrorKind};

/// The bytes that were not read yet, and the offset of their end in the caller's input.
///
/// Not a slice and a position in it: each read would check twice whether it lies inside. What goes back
/// keeps a copy of the reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// A reader whose offsets in errors begin at `base`.
    #[inline]
    pub(crate) const fn at(bytes: &'a [u8], base: usize) -> Self {
        Self {
            rest: bytes,
            end: base + bytes.len(),
        }
    }

    /// The offset of the next byte, as errors report it.
    #[inline]
    pub(crate) const fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline]
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The bytes that were not read yet.
    #[inline]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The bytes read since `start`, an earlier copy of this reader.
    #[inline]
    pub(crate) fn since(&self, start: &Self) -> &'a [u8] {
        debug_assert!(
            self.end == start.end && self.rest.len() <= start.rest.len(),
            "`start` was a copy of this reader"
        );
        let length = start.rest.len().saturating_sub(self.rest.len());
        start.rest.get(..length).unwrap_or_default()
    }

    /// Moves to where `rest` begins, an end of [`Reader::rest`].
    #[inline]
    pub(crate) const fn move_to(&mut self, rest: &'a [u8]) {
        debug_assert!(rest.len() <= self.left(), "a reader moves forward only");
        self.rest = rest;
    }

    /// Skips everything that was not read yet.
    pub(crate) const fn skip_rest(&mut self) {
        self.rest = &[];
    }

    #[cold]
    pub(crate) const fn error(&self, kind: DecodeErrorKind, field: &'static str) -> DecodeError {
        DecodeError::new(kind, self.offset(), field)
    }

    #[inline]
    pub(crate) fn take(
        &mut self,
        count: usize,
        field: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.error(DecodeErrorKind::Truncated, field)),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((chunk, rest)) => {
                self.rest = rest;
                Ok(*chunk)
            }
            None => Err(self.error(DecodeErrorKind::Truncated, field)),
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        let [byte] = self.array::<1>(field)?;
        Ok(byte)
    }

    /// Decodes a base-128 number, least significant group first. As in the official reader, the
    /// last permitted byte ends the number whatever its top bit, and over-long forms are accepted.
    /// Spec: wire.md 5.
    #[inline]
    pub(crate) fn varint32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let first = self.u8(field)?;
        if first < 0x80 {
            return Ok(u32::from(first));
        }
        let mut value = u32::from(first & 0x7F);
        for shift in [7, 14, 21, 28] {
            let byte = self.u8(field)?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }

    /// Like [`Reader::varint32`], with up to ten bytes.
    pub(crate) fn varint64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for index in 0..10_u32 {
            let byte = self.u8(field)?;
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }
}
