//! [`Encoder`]: the bytes being written, and what is left of the limits.

use super::{Protocol, v16, v18};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use alloc::vec::Vec;

/// Longest text written, in bytes. Spec: wire.md 4.4, 5.5.
const MAX_TEXT: usize = 32_767;

/// Bytes being written, with what is left of the limits.
#[derive(Debug)]
pub(crate) struct Encoder {
    buffer: Vec<u8>,
    protocol: Protocol,
    depth: u32,
    values: u32,
    /// Length that `buffer` must not exceed.
    end: usize,
    max_bytes: usize,
}

impl Encoder {
    /// Writes behind what `buffer` holds already.
    pub(crate) fn new(buffer: Vec<u8>, protocol: Protocol, limits: &Limits) -> Self {
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
        if bytes.len() > self.end.saturating_sub(self.buffer.len()) {
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

    /// Runs `write` one container deeper.
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

    /// Runs `write`, of which nothing stays if it fails: no bytes, and nothing charged.
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

    /// Writes elements one after the other; an error names the index.
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

    /// As [`Encoder::each`], charging a value for each.
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

    /// A response's text; an empty one is written as null. Spec: wire.md 3.2.
    pub(crate) fn debug_message(&mut self, text: Option<&str>) -> Result<(), EncodeError> {
        match text {
            Some(text) if !text.is_empty() => {
                self.codes(&[v16::code::STRING], &[v18::code::STRING])?;
                self.text(text)
            }
            _ => self.codes(&[v16::code::NULL], &[v18::code::NULL]),
        }
    }

    /// Length and text.
    pub(super) fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        if text.len() > MAX_TEXT {
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
