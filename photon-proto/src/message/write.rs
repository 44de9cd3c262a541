//! [`MessageWriter`]: encodes a message in the outgoing buffer.

use super::{MAGIC, MessageKind};
use crate::codec::{Encode, Encoder, Protocol, ValueWriter, Written};
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
    encoder: Encoder,
    /// The length of the buffer after an error: without the message, until it is complete.
    kept: usize,
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
        let encoder = Encoder::new(core::mem::take(buffer), protocol, limits);
        Self {
            buffer,
            kept: encoder.start(),
            count_at: encoder.start(),
            count: 0,
            encoder,
        }
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
        let head = [MAGIC, kind as u8, code];
        writer.encoder.put(&head)?;
        writer.begin_parameters()?;
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
        writer.encoder.put(head)?;
        writer.encoder.return_code(return_code)?;
        writer.encoder.debug_message(debug_message)?;
        writer.begin_parameters()?;
        Ok(writer)
    }

    /// Leaves space for the number of parameters.
    #[inline]
    fn begin_parameters(&mut self) -> Result<(), EncodeError> {
        self.count_at = self.encoder.buffer().len();
        match self.encoder.protocol() {
            Protocol::V16 => self.encoder.put(&[0, 0]),
            Protocol::V18 => self.encoder.put(&[0]),
        }
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
    #[inline]
    pub fn put_with(
        &mut self,
        key: u8,
        write: impl FnOnce(ValueWriter<'_>) -> Result<Written, EncodeError>,
    ) -> Result<Written, EncodeError> {
        let max = match self.encoder.protocol() {
            Protocol::V16 => i16::MAX as usize,
            Protocol::V18 => u8::MAX as usize,
        };
        if self.count >= max {
            return Err(EncodeErrorKind::TooManyParameters.into());
        }
        let written = self.encoder.rollback_on_error(|out| {
            out.put(&[key])?;
            write(ValueWriter::new(out))
        });
        match written {
            Ok(written) => {
                self.count += 1;
                Ok(written)
            }
            Err(error) => Err(error.within(format_args!("({key})"))),
        }
    }

    /// Completes the message at the end of the buffer.
    ///
    /// # Errors
    /// [`EncodeError`] if the message exceeds the limits. The buffer is then as before.
    #[inline]
    pub fn finish(mut self) -> Result<(), EncodeError> {
        self.encoder.check_length()?;
        debug_assert!(
            self.count <= i16::MAX as usize,
            "`put_with` limits the count"
        );
        let [high, low] = (self.count as u16).to_be_bytes();
        let (protocol, at) = (self.encoder.protocol(), self.count_at);
        if let Some(count) = self.encoder.buffer().get_mut(at..) {
            match (protocol, count) {
                (Protocol::V16, [first, second, ..]) => (*first, *second) = (high, low),
                (Protocol::V18, [first, ..]) => *first = low,
                _ => debug_assert!(false, "`begin` wrote a place for the count"),
            }
        }
        self.kept = self.encoder.buffer().len();
        Ok(())
    }
}

impl Drop for MessageWriter<'_> {
    #[inline]
    fn drop(&mut self) {
        let buffer = self.encoder.buffer();
        buffer.truncate(self.kept);
        *self.buffer = core::mem::take(buffer);
    }
}
