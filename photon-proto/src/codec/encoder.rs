//! [`Encoder`]: the output buffer with the remaining limits.

use super::{Protocol, v16, v18};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use alloc::vec::Vec;

/// The maximum length of an encoded text, in bytes. Spec: wire.md 4.4, 5.5.
const MAX_TEXT_BYTES: usize = 32_767;
/// The largest number whose varint has one byte. Spec: wire.md 5.
const MAX_VARINT_BYTE: usize = 0x7F;

/// The output buffer with the remaining limits.
#[derive(Debug)]
pub(crate) struct Encoder<'a> {
    buffer: &'a mut Vec<u8>,
    left: &'a mut Remaining,
}

/// The limits that remain for a message or value. Apart from the buffer, so that it can be kept
/// while the owner of the buffer lends both to an [`Encoder`].
#[derive(Debug)]
pub(crate) struct Remaining {
    /// The length of the buffer before anything was appended.
    start: usize,
    /// The maximum length of the buffer.
    end: usize,
    depth: u32,
    values: u32,
    protocol: Protocol,
}

impl Remaining {
    /// The limits of what is appended to `buffer`.
    #[inline]
    pub(crate) fn new(buffer: &[u8], protocol: Protocol, limits: &Limits) -> Self {
        let start = buffer.len();
        Self {
            start,
            // The limit may be the largest number.
            end: start.saturating_add(limits.max_sent_bytes),
            depth: limits.max_depth,
            values: limits.max_values,
            protocol,
        }
    }

    /// The length of the buffer before anything was appended.
    #[inline]
    pub(crate) const fn start(&self) -> usize {
        self.start
    }

    #[inline]
    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Apart from what calls it, which then has only a comparison and a copy.
    #[cold]
    fn too_long(&self) -> EncodeError {
        EncodeErrorKind::MessageTooLong(self.end - self.start).into()
    }
}

impl<'a> Encoder<'a> {
    #[inline]
    pub(crate) const fn new(buffer: &'a mut Vec<u8>, left: &'a mut Remaining) -> Self {
        Self { buffer, left }
    }

    #[inline]
    pub(crate) const fn reborrow(&mut self) -> Encoder<'_> {
        Encoder::new(self.buffer, self.left)
    }

    #[inline]
    pub(crate) const fn protocol(&self) -> Protocol {
        self.left.protocol
    }

    /// Whether all that was written is within the limit.
    pub(crate) const fn is_within_limit(&self) -> bool {
        self.buffer.len() <= self.left.end
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
        debug_assert!(self.is_within_limit(), "every byte was checked");
        // No sum overflows: a slice has at most isize::MAX bytes.
        if HEAD + bytes.len() > self.left.end - self.buffer.len() {
            return Err(self.left.too_long());
        }
        self.buffer.extend_from_slice(&head);
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Charges one value.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<(), EncodeError> {
        let left = self.left.values.checked_sub(1);
        self.left.values = left.ok_or(EncodeErrorKind::TooManyValues)?;
        Ok(())
    }

    /// Runs `write` inside a container, one level deeper.
    pub(crate) fn nested<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        let outside = self.left.depth;
        self.left.depth = outside.checked_sub(1).ok_or(EncodeErrorKind::TooDeep)?;
        let result = write(self);
        self.left.depth = outside;
        result
    }

    /// Runs `write`. If it fails, its bytes and its charges are undone, so that a caller can go on
    /// with another value.
    #[inline]
    pub(crate) fn rollback_on_error<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        let (length, values) = (self.buffer.len(), self.left.values);
        let result = write(self);
        if result.is_err() {
            self.buffer.truncate(length);
            self.left.values = values;
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
        match self.left.protocol {
            Protocol::V16 => self.put(&code.to_be_bytes()),
            Protocol::V18 => self.put(&code.to_le_bytes()),
        }
    }

    /// Encodes the debug message of a response: null for none, an empty string for an empty one.
    /// Spec: wire.md 3.2.
    pub(crate) fn debug_message(&mut self, text: Option<&str>) -> Result<(), EncodeError> {
        match text {
            Some(text) => self.tagged_text(None, text),
            None => self.codes(&[v16::code::NULL], &[v18::code::NULL]),
        }
    }

    /// Encodes a text with its type code, behind a key if there is one.
    // Most of what is sent is short text, and a call costs as much as writing one.
    #[inline(always)]
    pub(super) fn tagged_text(&mut self, key: Option<u8>, text: &str) -> Result<(), EncodeError> {
        let (bytes, length) = (text.as_bytes(), text.len());
        match (self.left.protocol, length, key) {
            (Protocol::V16, ..=MAX_TEXT_BYTES, key) => {
                let [high, low] = (length as u16).to_be_bytes();
                match key {
                    Some(key) => self.put_behind([key, v16::code::STRING, high, low], bytes),
                    None => self.put_behind([v16::code::STRING, high, low], bytes),
                }
            }
            (Protocol::V18, ..=MAX_VARINT_BYTE, Some(key)) => {
                self.put_behind([key, v18::code::STRING, length as u8], bytes)
            }
            (Protocol::V18, ..=MAX_VARINT_BYTE, None) => {
                self.put_behind([v18::code::STRING, length as u8], bytes)
            }
            _ => self.long_text(key, text),
        }
    }

    #[inline(never)]
    fn long_text(&mut self, key: Option<u8>, text: &str) -> Result<(), EncodeError> {
        if let Some(key) = key {
            self.put(&[key])?;
        }
        self.codes(&[v16::code::STRING], &[v18::code::STRING])?;
        self.text(text)
    }

    /// Encodes the length of a text and the text.
    pub(super) fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        match (self.left.protocol, text.len()) {
            (_, length) if length > MAX_TEXT_BYTES => {
                Err(EncodeErrorKind::TextTooLong(length).into())
            }
            (Protocol::V16, length) => {
                self.put_behind((length as u16).to_be_bytes(), text.as_bytes())
            }
            (Protocol::V18, length @ ..=MAX_VARINT_BYTE) => {
                self.put_behind([length as u8], text.as_bytes())
            }
            (Protocol::V18, length) => {
                self.count(length)?;
                self.put(text.as_bytes())
            }
        }
    }

    pub(super) fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        match self.left.protocol {
            Protocol::V16 => v16::encode_count(self, count),
            Protocol::V18 => v18::encode_count(self, count),
        }
    }

    #[inline]
    pub(super) fn codes(&mut self, v16: &[u8], v18: &[u8]) -> Result<(), EncodeError> {
        match self.left.protocol {
            Protocol::V16 => self.put(v16),
            Protocol::V18 => self.put(v18),
        }
    }
}
