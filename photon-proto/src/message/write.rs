//! [`MessageWriter`]: encodes a message in the outgoing buffer.

use super::{MAGIC, MessageKind};
use crate::codec::{Encode, Encoder, Protocol, Remaining, ValueWriter, Written};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use alloc::vec::Vec;

/// Appends one message to a buffer.
///
/// If the writer is dropped without [`MessageWriter::finish`], the buffer is as before.
///
/// ```
/// use photon_proto::{Limits, Protocol, message::MessageWriter};
///
/// let mut buffer = Vec::new();
/// let mut publish = MessageWriter::request(&mut buffer, Protocol::V18, &Limits::DEFAULT, 2)?;
/// publish.put(1, "general")?;
/// publish.put(3, "hello")?;
/// publish.finish()?;
/// assert!(buffer.starts_with(&[0xF3, 2, 2, 2, 1, 7, 7]));
/// # Ok::<(), photon_proto::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct MessageWriter<'b> {
    buffer: &'b mut Vec<u8>,
    left: Remaining,
    /// The position of the parameter count, which is written last.
    count_at: usize,
    count: usize,
}

impl<'b> MessageWriter<'b> {
    /// Begins an operation request.
    ///
    /// # Errors
    /// [`EncodeError`] if the header exceeds the limits.
    #[inline]
    pub fn request(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
    ) -> Result<Self, EncodeError> {
        Self::begin(buffer, protocol, limits, MessageKind::Request, code)
    }

    /// Begins an internal request, about the connection itself.
    ///
    /// # Errors
    /// The same as [`MessageWriter::request`].
    pub fn internal_request(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
    ) -> Result<Self, EncodeError> {
        Self::begin(buffer, protocol, limits, MessageKind::InternalRequest, code)
    }

    /// Begins an event.
    ///
    /// # Errors
    /// The same as [`MessageWriter::request`].
    pub fn event(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
    ) -> Result<Self, EncodeError> {
        Self::begin(buffer, protocol, limits, MessageKind::Event, code)
    }

    /// Begins an operation response.
    ///
    /// # Errors
    /// [`EncodeError`] if the text is too long.
    pub fn response(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
        return_code: i16,
        debug_message: Option<&str>,
    ) -> Result<Self, EncodeError> {
        let head = [MAGIC, MessageKind::Response as u8, code];
        Self::begin_result(buffer, protocol, limits, &head, return_code, debug_message)
    }

    /// Begins an internal response.
    ///
    /// # Errors
    /// The same as [`MessageWriter::response`].
    pub fn internal_response(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
        return_code: i16,
        debug_message: Option<&str>,
    ) -> Result<Self, EncodeError> {
        let head = [MAGIC, MessageKind::InternalResponse as u8, code];
        Self::begin_result(buffer, protocol, limits, &head, return_code, debug_message)
    }

    /// Begins a disconnect message.
    ///
    /// # Errors
    /// The same as [`MessageWriter::response`].
    pub fn disconnect(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        reason: i16,
        debug_message: Option<&str>,
    ) -> Result<Self, EncodeError> {
        let head = [MAGIC, MessageKind::Disconnect as u8];
        Self::begin_result(buffer, protocol, limits, &head, reason, debug_message)
    }

    #[inline]
    fn new(buffer: &'b mut Vec<u8>, protocol: Protocol, limits: &Limits) -> Self {
        Self {
            left: Remaining::new(buffer, protocol, limits),
            count_at: buffer.len(),
            count: 0,
            buffer,
        }
    }

    #[inline]
    const fn encoder(&mut self) -> Encoder<'_> {
        Encoder::new(self.buffer, &mut self.left)
    }

    /// Begins a message of a code and parameters.
    #[inline]
    fn begin(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        kind: MessageKind,
        code: u8,
    ) -> Result<Self, EncodeError> {
        let mut writer = Self::new(buffer, protocol, limits);
        let (magic, kind) = (MAGIC, kind as u8);
        match protocol {
            Protocol::V16 => writer.encoder().put(&[magic, kind, code, 0, 0])?,
            Protocol::V18 => writer.encoder().put(&[magic, kind, code, 0])?,
        }
        writer.count_at += [magic, kind, code].len();
        Ok(writer)
    }

    /// Begins a message that has a result between its code and its parameters.
    fn begin_result(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        head: &[u8],
        return_code: i16,
        debug_message: Option<&str>,
    ) -> Result<Self, EncodeError> {
        let mut writer = Self::new(buffer, protocol, limits);
        writer.encoder().put(head)?;
        writer.encoder().return_code(return_code)?;
        writer.encoder().debug_message(debug_message)?;
        writer.count_at = writer.buffer.len();
        match protocol {
            Protocol::V16 => writer.encoder().put(&[0, 0])?,
            Protocol::V18 => writer.encoder().put(&[0])?,
        }
        Ok(writer)
    }

    /// Writes a parameter.
    ///
    /// # Errors
    /// [`EncodeError`] of the value, or `TooManyParameters`. The message is then as before.
    #[inline]
    pub fn put<T: Encode + ?Sized>(&mut self, key: u8, value: &T) -> Result<(), EncodeError> {
        self.put_with(key, |out| value.encode(out)).map(drop)
    }

    /// Writes a parameter whose value a function writes.
    ///
    /// # Errors
    /// The same as [`MessageWriter::put`].
    // Each caller has a function of its own to write with, and a call would cost as much as that.
    #[inline(always)]
    pub fn put_with(
        &mut self,
        key: u8,
        write: impl FnOnce(ValueWriter<'_>) -> Result<Written, EncodeError>,
    ) -> Result<Written, EncodeError> {
        // The least that a protocol can count, so that one comparison is enough.
        if self.count >= u8::MAX as usize && self.is_full() {
            return Err(EncodeErrorKind::TooManyParameters.into());
        }
        let written = self
            .encoder()
            .rollback_on_error(|out| write(ValueWriter::behind_key(key, out)));
        match written {
            Ok(written) => {
                self.count += 1;
                Ok(written)
            }
            Err(error) => Err(error.within(format_args!("({key})"))),
        }
    }

    /// Whether the protocol can count no more parameters.
    #[cold]
    const fn is_full(&self) -> bool {
        let max = match self.left.protocol() {
            Protocol::V16 => i16::MAX as usize,
            Protocol::V18 => u8::MAX as usize,
        };
        self.count >= max
    }

    /// Completes the message at the end of the buffer.
    ///
    /// # Errors
    /// [`EncodeError`] if the message exceeds the limits. The buffer is then as before.
    #[inline]
    pub fn finish(mut self) -> Result<(), EncodeError> {
        debug_assert!(
            self.encoder().is_within_limit(),
            "each part was checked as it was written"
        );
        debug_assert!(
            self.count <= i16::MAX as usize,
            "`put_with` limits the count"
        );
        let [high, low] = (self.count as u16).to_be_bytes();
        let protocol = self.left.protocol();
        if let Some(count) = self.buffer.get_mut(self.count_at..) {
            match (protocol, count) {
                (Protocol::V16, [first, second, ..]) => (*first, *second) = (high, low),
                (Protocol::V18, [first, ..]) => *first = low,
                _ => debug_assert!(false, "`begin` wrote a place for the count"),
            }
        }
        // Without this, dropping the writer would remove the message. It owns nothing else.
        core::mem::forget(self);
        Ok(())
    }
}

impl Drop for MessageWriter<'_> {
    #[inline]
    fn drop(&mut self) {
        self.buffer.truncate(self.left.start());
    }
}
