//! [`MessageWriter`]: encodes a message where it will be sent from.

use super::{MAGIC, MessageKind};
use crate::codec::{Encode, Encoder, Protocol, ValueWriter, Written};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::limits::Limits;
use alloc::vec::Vec;

/// Writes one message behind what a buffer holds already.
///
/// A writer that is dropped without [`MessageWriter::finish`] leaves the buffer as it was.
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
    start: usize,
    count_at: usize,
    count: usize,
}

impl<'b> MessageWriter<'b> {
    /// Begins an operation request.
    ///
    /// # Errors
    /// [`EncodeError`] if not even the header fits the limits.
    pub fn request(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
    ) -> Result<Self, EncodeError> {
        Self::begin(
            buffer,
            protocol,
            limits,
            MessageKind::Request,
            Some(code),
            None,
        )
    }

    /// Begins a request of the connection itself.
    ///
    /// # Errors
    /// As [`MessageWriter::request`].
    pub fn internal_request(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
    ) -> Result<Self, EncodeError> {
        Self::begin(
            buffer,
            protocol,
            limits,
            MessageKind::InternalRequest,
            Some(code),
            None,
        )
    }

    /// Begins an event.
    ///
    /// # Errors
    /// As [`MessageWriter::request`].
    pub fn event(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
    ) -> Result<Self, EncodeError> {
        Self::begin(
            buffer,
            protocol,
            limits,
            MessageKind::Event,
            Some(code),
            None,
        )
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
        let result = Some((return_code, debug_message));
        Self::begin(
            buffer,
            protocol,
            limits,
            MessageKind::Response,
            Some(code),
            result,
        )
    }

    /// Begins an answer to a request of the connection itself.
    ///
    /// # Errors
    /// As [`MessageWriter::response`].
    pub fn internal_response(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        code: u8,
        return_code: i16,
        debug_message: Option<&str>,
    ) -> Result<Self, EncodeError> {
        let result = Some((return_code, debug_message));
        Self::begin(
            buffer,
            protocol,
            limits,
            MessageKind::InternalResponse,
            Some(code),
            result,
        )
    }

    /// Begins a disconnect message.
    ///
    /// # Errors
    /// As [`MessageWriter::response`].
    pub fn disconnect(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        reason: i16,
        debug_message: Option<&str>,
    ) -> Result<Self, EncodeError> {
        Self::begin(
            buffer,
            protocol,
            limits,
            MessageKind::Disconnect,
            None,
            Some((reason, debug_message)),
        )
    }

    fn begin(
        buffer: &'b mut Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
        kind: MessageKind,
        code: Option<u8>,
        result: Option<(i16, Option<&str>)>,
    ) -> Result<Self, EncodeError> {
        let start = buffer.len();
        let encoder = Encoder::new(core::mem::take(buffer), protocol, limits);
        let mut writer = Self {
            buffer,
            encoder,
            start,
            count_at: start,
            count: 0,
        };
        writer.encoder.put(&[MAGIC, kind as u8])?;
        if let Some(code) = code {
            writer.encoder.put(&[code])?;
        }
        if let Some((return_code, debug_message)) = result {
            writer.encoder.return_code(return_code)?;
            writer.encoder.debug_message(debug_message)?;
        }
        writer.count_at = writer.encoder.buffer().len();
        match protocol {
            Protocol::V16 => writer.encoder.put(&[0, 0])?,
            Protocol::V18 => writer.encoder.put(&[0])?,
        }
        Ok(writer)
    }

    /// Writes a parameter.
    ///
    /// # Errors
    /// [`EncodeError`] of the value, or `TooManyParameters`; the message then stands as before.
    #[inline]
    pub fn put<T: Encode + ?Sized>(&mut self, key: u8, value: &T) -> Result<(), EncodeError> {
        self.put_with(key, |out| value.encode(out)).map(drop)
    }

    /// Writes a parameter with a function that writes its value.
    ///
    /// # Errors
    /// As [`MessageWriter::put`].
    pub fn put_with(
        &mut self,
        key: u8,
        write: impl FnOnce(ValueWriter<'_>) -> Result<Written, EncodeError>,
    ) -> Result<Written, EncodeError> {
        let most = match self.encoder.protocol() {
            Protocol::V16 => i16::MAX as usize,
            Protocol::V18 => u8::MAX as usize,
        };
        if self.count >= most {
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

    /// Completes the message; it ends where the buffer now ends.
    ///
    /// # Errors
    /// [`EncodeError`] if the message is longer than the limits allow; the buffer is then as it was.
    pub fn finish(mut self) -> Result<(), EncodeError> {
        self.encoder.check_length()?;
        let [high, low] = u16::try_from(self.count).unwrap_or(u16::MAX).to_be_bytes();
        let (protocol, at) = (self.encoder.protocol(), self.count_at);
        if let Some(count) = self.encoder.buffer().get_mut(at..) {
            match (protocol, count) {
                (Protocol::V16, [first, second, ..]) => (*first, *second) = (high, low),
                (Protocol::V18, [first, ..]) => *first = low,
                _ => {}
            }
        }
        self.start = self.encoder.buffer().len();
        Ok(())
    }
}

impl Drop for MessageWriter<'_> {
    fn drop(&mut self) {
        let buffer = self.encoder.buffer();
        buffer.truncate(self.start);
        *self.buffer = core::mem::take(buffer);
    }
}
