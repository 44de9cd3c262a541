//! [`JsonWriter`]: JSON text in a frame. Spec: wire.md 7.2.

use super::{JSON, MARK, utf16_units};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// Appends JSON to a buffer.
pub(super) struct JsonWriter<'b> {
    buffer: &'b mut Vec<u8>,
    /// The maximum length of the buffer.
    end: usize,
    max_bytes: usize,
    /// Whether strings are written in ASCII, every other character as an escape.
    ascii: bool,
}

/// Appends a frame whose payload `write` writes. After an error the buffer is as before.
pub(super) fn frame<E: From<EncodeError>>(
    buffer: &mut Vec<u8>,
    limits: &Limits,
    write: impl FnOnce(&mut JsonWriter<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let start = buffer.len();
    let end = start.saturating_add(limits.max_sent_bytes);
    let mut writer = JsonWriter {
        buffer,
        end,
        max_bytes: limits.max_sent_bytes,
        ascii: false,
    };
    let result = write(&mut writer).and_then(|()| writer.head(start).map_err(E::from));
    if result.is_err() {
        buffer.truncate(start);
    }
    result
}

/// Like [`frame`] for a payload that is JSON.
pub(super) fn json_frame<E: From<EncodeError>>(
    buffer: &mut Vec<u8>,
    limits: &Limits,
    write: impl FnOnce(&mut JsonWriter<'_>) -> Result<(), E>,
) -> Result<(), E> {
    frame(buffer, limits, |json| {
        json.raw(JSON)?;
        write(json)
    })
}

impl JsonWriter<'_> {
    /// Inserts the marks and the length before the payload, which begins at `start`. The length is
    /// known only at the end.
    fn head(&mut self, start: usize) -> Result<(), EncodeError> {
        let units = utf16_units(self.buffer.get(start..).unwrap_or_default());
        let payload = self.buffer.len() - start;
        self.display(format_args!("{MARK}{units}{MARK}"))?;
        if let Some(frame) = self.buffer.get_mut(start..) {
            frame.rotate_left(payload);
        }
        Ok(())
    }

    /// Writes text unchanged.
    pub(super) fn raw(&mut self, text: &str) -> Result<(), EncodeError> {
        debug_assert!(self.buffer.len() <= self.end, "every write was checked");
        if text.len() > self.end - self.buffer.len() {
            return Err(EncodeErrorKind::MessageTooLong(self.max_bytes).into());
        }
        self.buffer.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Writes a value whose `Display` is JSON.
    pub(super) fn display(&mut self, value: fmt::Arguments<'_>) -> Result<(), EncodeError> {
        self.write_fmt(value)
            .map_err(|_| EncodeErrorKind::MessageTooLong(self.max_bytes).into())
    }

    /// Writes strings in ASCII from now on, as servers do. Spec: wire.md 7.2.
    pub(super) const fn escape_non_ascii(&mut self) {
        self.ascii = true;
    }

    /// Writes a string with the escapes of JavaScript's `JSON.stringify`.
    pub(super) fn string(&mut self, text: &str) -> Result<(), EncodeError> {
        self.raw("\"")?;
        let mut rest = text;
        let ascii = self.ascii;
        let special = |c: char| matches!(c, '"' | '\\' | '\0'..' ') || ascii && !c.is_ascii();
        while let Some(at) = rest.find(special) {
            let (plain, special) = rest.split_at_checked(at).unwrap_or_default();
            self.raw(plain)?;
            let mut characters = special.chars();
            match characters.next() {
                Some('"') => self.raw("\\\"")?,
                Some('\\') => self.raw("\\\\")?,
                Some('\u{8}') => self.raw("\\b")?,
                Some('\u{c}') => self.raw("\\f")?,
                Some('\n') => self.raw("\\n")?,
                Some('\r') => self.raw("\\r")?,
                Some('\t') => self.raw("\\t")?,
                Some(other) => {
                    // Characters above U+FFFF are a pair of surrogates.
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        self.display(format_args!("\\u{unit:04x}"))?;
                    }
                }
                None => {}
            }
            rest = characters.as_str();
        }
        self.raw(rest)?;
        self.raw("\"")
    }

    /// Writes a list between two brackets. `write` writes each element.
    pub(super) fn list<T>(
        &mut self,
        [open, close]: [&str; 2],
        all: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut before = open;
        for one in all {
            self.raw(before)?;
            write(self, one)?;
            before = ",";
        }
        if before == open {
            self.raw(open)?;
        }
        self.raw(close)
    }
}

impl Write for JsonWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text).map_err(|_| fmt::Error)
    }
}
