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
    /// The maximum length of `buffer`.
    end: usize,
    max_bytes: usize,
}

impl Encoder {
    /// Creates an encoder that appends to `buffer`.
    pub(crate) fn new(buffer: Vec<u8>, protocol: Protocol, limits: &Limits) -> Self {
        // The limit may be the largest number.
        let end = buffer.len().saturating_add(limits.max_sent_bytes);
        Self {
            buffer,
            protocol,
            depth: limits.max_depth,
            values: limits.max_values,
            end,
            max_bytes: limits.max_sent_bytes,
        }
    }

    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    pub(crate) fn check_length(&self) -> Result<(), EncodeError> {
        if self.buffer.len() > self.end {
            return Err(EncodeErrorKind::MessageTooLong(self.max_bytes).into());
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        debug_assert!(self.buffer.len() <= self.end, "every byte was checked");
        if bytes.len() > self.end - self.buffer.len() {
            return Err(EncodeErrorKind::MessageTooLong(self.max_bytes).into());
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

    /// Encodes the length of a text and the text.
    pub(super) fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(EncodeErrorKind::TextTooLong(text.len()).into());
        }
        self.count(text.len())?;
        self.put(text.as_bytes())
    }

    pub(super) fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => v16::encode_count(self, count),
            Protocol::V18 => v18::encode_count(self, count),
        }
    }

    pub(super) fn codes(&mut self, v16: &[u8], v18: &[u8]) -> Result<(), EncodeError> {
        match self.protocol {
            Protocol::V16 => self.put(v16),
            Protocol::V18 => self.put(v18),
        }
    }
}
