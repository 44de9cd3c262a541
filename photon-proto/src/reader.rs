//! A cursor over untrusted bytes. Every bounds check of a decoder is here.

use crate::error::{DecodeError, DecodeErrorKind};

/// A slice, a position in it, and the offset of the slice in the caller's input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    base: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// A reader whose offsets in errors begin at `base`.
    pub(crate) const fn at(bytes: &'a [u8], base: usize) -> Self {
        Self {
            bytes,
            position: 0,
            base,
        }
    }

    /// The offset of the next byte, as errors report it.
    #[inline]
    pub(crate) const fn offset(&self) -> usize {
        self.base + self.position
    }

    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes that were not read yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        debug_assert!(
            self.position <= self.bytes.len(),
            "a read that does not fit moves nothing"
        );
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// The bytes read since `start`, an earlier value of [`Reader::offset`].
    #[inline]
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        debug_assert!(
            (self.base..=self.offset()).contains(&start),
            "`start` is an offset that was reached"
        );
        self.bytes
            .get(start.saturating_sub(self.base)..self.position)
            .unwrap_or_default()
    }

    /// Goes back to `offset`, an earlier value of [`Reader::offset`].
    pub(crate) fn rewind(&mut self, offset: usize) {
        debug_assert!(
            (self.base..=self.offset()).contains(&offset),
            "only what was read is read again"
        );
        self.position = offset.saturating_sub(self.base).min(self.position);
    }

    /// Moves to where `rest` begins, an end of [`Reader::rest`].
    #[inline]
    pub(crate) fn move_to(&mut self, rest: &'a [u8]) {
        debug_assert!(rest.len() <= self.left(), "a reader moves forward only");
        self.position = self.bytes.len().saturating_sub(rest.len());
    }

    /// Skips everything that was not read yet.
    pub(crate) fn skip_rest(&mut self) {
        self.position = self.bytes.len();
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
        match self.rest().split_at_checked(count) {
            Some((taken, _)) => {
                self.position += count;
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
        match self.rest().first_chunk::<N>() {
            Some(chunk) => {
                self.position += N;
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
