//! [`Encoder`]: the output buffer with the remaining limits.

use super::{Protocol, v16, v18};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use alloc::vec::Vec;

/// The maximum length of an encoded text, in bytes. Spec: wire.md 4.4, 5.5.
const MAX_TEXT_BYTES: usize = 32_767;

/// The output buffer with the remaining limits.
#[derive(Debug)]
pub(crate) struct Encoder {
    buffer: Vec<u8>,
    protocol: Protocol,
    depth: u32,
    values: u32,
    /// The length of `buffer` before the encoder appended to it.
    start: usize,
    /// The maximum length of `buffer`.
    end: usize,
}

impl Encoder {
    /// Creates an encoder that appends to `buffer`.
    #[inline]
    pub(crate) fn new(buffer: Vec<u8>, protocol: Protocol, limits: &Limits) -> Self {
        let start = buffer.len();
        Self {
            buffer,
            protocol,
            depth: limits.max_depth,
            values: limits.max_values,
            start,
            // The limit may be the largest number.
            end: start.saturating_add(limits.max_sent_bytes),
        }
    }

    /// The length of the buffer before the encoder appended to it.
    #[inline]
    pub(crate) const fn start(&self) -> usize {
        self.start
    }

    #[inline]
    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    #[inline]
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    #[inline]
    pub(crate) fn check_length(&self) -> Result<(), EncodeError> {
        if self.buffer.len() > self.end {
            return Err(self.too_long());
        }
        Ok(())
    }

    /// Apart from what calls it, which then has only a comparison and a copy.
    #[cold]
    fn too_long(&self) -> EncodeError {
        EncodeErrorKind::MessageTooLong(self.end - self.start).into()
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.put_behind([], bytes)
    }

    /// Appends `head`, which is short, and `bytes`.
    #[inline]
    fn put_behind<const HEAD: usize>(
        &mut self,
        head: [u8; HEAD],
        bytes: &[u8],
    ) -> Result<(), EncodeError> {
        debug_assert!(self.buffer.len() <= self.end, "every byte was checked");
        // No sum overflows: a slice has at most isize::MAX bytes.
        if HEAD + bytes.len() > self.end - self.buffer.len() {
            return Err(self.too_long());
        }
        if HEAD > 0 {
            self.buffer.reserve(HEAD + bytes.len());
            self.buffer.extend_from_slice(&head);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Charges one value.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<(), EncodeError> {
        self.values = self
            .values
            .checked_sub(1)
            .ok_or(EncodeErrorKind::TooManyValues)?;
        Ok(())
    }

    /// Runs `write` inside a container, one level deeper.
    pub(crate) fn nested<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        let outside = self.depth;
        self.depth = outside.checked_sub(1).ok_or(EncodeErrorKind::TooDeep)?;
        let result = write(self);
        self.depth = outside;
        result
    }

    /// Runs `write`. If it fails, its bytes and its charges are undone, so that a caller can go on
    /// with another value.
    #[inline]
    pub(crate) fn rollback_on_error<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        let (length, values) = (self.buffer.len(), self.values);
        let result = write(self);
        if result.is_err() {
            self.buffer.truncate(length);
            self.values = values;
        }
        result
    }

    /// Encodes elements in order. An error names the index.
    pub(crate) fn each<T>(
        &mut self,
        all: &[T],
        write: impl Fn(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        for (index, one) in all.iter().enumerate() {
            write(self, one).map_err(|error| error.within(format_args!("[{index}]")))?;
        }
        Ok(())
    }

    /// Like [`Encoder::each`], and charges each element as a value.
    pub(crate) fn each_value<T>(
        &mut self,
        all: &[T],
        write: impl Fn(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.each(all, |out, one| {
            out.value()?;
            write(out, one)
        })
    }

    pub(crate) fn return_code(&mut self, code: i16) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => self.put(&code.to_be_bytes()),
            Protocol::V18 => self.put(&code.to_le_bytes()),
        }
    }

    /// Encodes the debug message of a response: null for none, an empty string for an empty one.
    /// Spec: wire.md 3.2.
    pub(crate) fn debug_message(&mut self, text: Option<&str>) -> Result<(), EncodeError> {
        match text {
            Some(text) => {
                self.codes(&[v16::code::STRING], &[v18::code::STRING])?;
                self.text(text)
            }
            None => self.codes(&[v16::code::NULL], &[v18::code::NULL]),
        }
    }

    /// Encodes the length of a text and the text, with one check and one reservation: most of what
    /// is sent is text.
    #[inline]
    pub(super) fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        let (bytes, length) = (text.as_bytes(), text.len());
        if length > MAX_TEXT_BYTES {
            return Err(EncodeErrorKind::TextTooLong(length).into());
        }
        match (self.protocol, length) {
            (Protocol::V16, _) => self.put_behind((length as u16).to_be_bytes(), bytes),
            // A varint of one byte.
            (Protocol::V18, ..0x80) => self.put_behind([length as u8], bytes),
            (Protocol::V18, _) => {
                self.count(length)?;
                self.put(bytes)
            }
        }
    }

    pub(super) fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => v16::encode_count(self, count),
            Protocol::V18 => v18::encode_count(self, count),
        }
    }

    #[inline]
    pub(super) fn codes(&mut self, v16: &[u8], v18: &[u8]) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => self.put(v16),
            Protocol::V18 => self.put(v18),
        }
    }
}
