//! The JSON sub-protocol at the edge of the client: above, everything is GpBinary 1.8. Spec: wire.md 7.2.

use crate::error::RequestError;
use alloc::vec::Vec;
use photon_proto::json::{self, Frame, Reader, Role, WriteError};
use photon_proto::{DecodeError, Limits};

/// The text message whose frames are being taken, and how long it is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    reader: Option<Reader<'static>>,
    bytes: usize,
}

/// What came in one frame.
pub(super) enum Item {
    Session,
    /// In the buffer.
    Message,
    Ping {
        server_time: i32,
        client_time: i32,
    },
    /// The frame is in the buffer.
    Bad(DecodeError),
}

impl Frames {
    /// Begins with the next text message. If it is none, what is wrong with it, and the message.
    pub(super) fn begin(
        &mut self,
        limits: &Limits,
        text: Vec<u8>,
    ) -> Result<(), (DecodeError, Vec<u8>)> {
        let bytes = text.len();
        self.reader = Some(Reader::owned(Role::Client, limits, text)?);
        self.bytes = bytes;
        Ok(())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.reader.is_none()
    }

    /// Bytes of the text message, until its last frame is taken.
    pub(super) const fn bytes(&self) -> usize {
        if self.reader.is_some() { self.bytes } else { 0 }
    }

    /// The next frame; `message` is overwritten.
    pub(super) fn next(&mut self, message: &mut Vec<u8>) -> Option<Item> {
        let reader = self.reader.as_mut()?;
        message.clear();
        let item = loop {
            match reader.next(message) {
                Ok(None) => break None,
                Ok(Some(Frame::Session(_))) => break Some(Item::Session),
                Ok(Some(Frame::Message(_))) => break Some(Item::Message),
                Ok(Some(Frame::PingResponse {
                    client_time,
                    server_time,
                })) => {
                    break Some(Item::Ping {
                        server_time,
                        client_time,
                    });
                }
                // A server asks for nothing, and the reader says so.
                Ok(Some(_)) => {}
                Err(error) => {
                    let (start, frame) = reader.frame();
                    message.clear();
                    message.extend_from_slice(frame.as_bytes());
                    break Some(Item::Bad(DecodeError {
                        offset: error.offset.saturating_sub(start),
                        ..error
                    }));
                }
            }
        };
        if reader.is_at_end() {
            self.reader = None;
        }
        item
    }
}

/// The text of a message that was written in GpBinary 1.8.
pub(super) fn write(
    message: &[u8],
    limits: &Limits,
    text: &mut Vec<u8>,
) -> Result<(), RequestError> {
    json::encode_message(text, limits, message).map_err(|error| match error {
        WriteError::Encode(error) => error.into(),
        // What this client writes is a message; a longer one than it would read itself is not transcoded.
        _ => RequestError::TooLong {
            max_bytes: limits.max_received_bytes,
        },
    })
}

pub(super) fn write_ping(limits: &Limits, client_time: i32, text: &mut Vec<u8>) {
    // It fits into any limit worth its name.
    let _ = json::encode_ping_request(text, limits, client_time);
}
