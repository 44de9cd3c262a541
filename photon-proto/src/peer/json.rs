//! The JSON sub-protocol at the edge of a connection: inside, everything is GpBinary 1.8.
//! Spec: wire.md 7.2.

use super::SendError;
use crate::error::DecodeError;
use crate::json::{self, Frame, Reader, WriteError};
use crate::limits::Limits;
use crate::role::Role;
use alloc::vec::Vec;

/// The text message whose frames are being taken.
#[derive(Default)]
pub(super) struct Frames {
    reader: Option<Reader<'static>>,
    /// Length of the text message.
    bytes: usize,
}

/// The content of one frame.
pub(super) enum Item {
    Session,
    /// A message, now in the buffer.
    Message,
    /// A client's ping.
    Ping {
        client_time: i32,
    },
    /// A server's answer to a ping.
    PingAnswer {
        server_time: i32,
        client_time: i32,
    },
    /// A bad frame, now in the buffer.
    Bad(DecodeError),
}

impl Frames {
    /// Takes the first frame of the next text message. Keeps a copy of the message only if it has
    /// more of them, which few have. Without frames the message has no meaning.
    pub(super) fn begin(
        &mut self,
        role: Role,
        limits: &Limits,
        text: &[u8],
        message: &mut Vec<u8>,
    ) -> Option<Item> {
        debug_assert!(
            self.reader.is_none(),
            "the message before is taken to its end"
        );
        let mut reader = match Reader::received(role, limits, text) {
            Ok(reader) => reader,
            Err(error) => {
                message.clear();
                message.extend_from_slice(text);
                return Some(Item::Bad(error));
            }
        };
        let item = next(&mut reader, message);
        if !reader.is_at_end() {
            self.bytes = text.len();
            self.reader = Some(reader.into_owned());
        }
        item
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.reader.is_none()
    }

    /// Length of the text message, until its last frame is taken.
    pub(super) const fn bytes(&self) -> usize {
        if self.reader.is_some() { self.bytes } else { 0 }
    }

    /// The next frame; `message` is overwritten.
    pub(super) fn next(&mut self, message: &mut Vec<u8>) -> Option<Item> {
        let reader = self.reader.as_mut()?;
        let item = next(reader, message);
        if reader.is_at_end() {
            self.reader = None;
        }
        item
    }
}

/// Takes a frame; `message` is overwritten.
fn next(reader: &mut Reader<'_>, message: &mut Vec<u8>) -> Option<Item> {
    message.clear();
    match reader.next(message) {
        Ok(None) => None,
        Ok(Some(Frame::Session(_))) => Some(Item::Session),
        Ok(Some(Frame::Message(_))) => Some(Item::Message),
        Ok(Some(Frame::PingRequest { client_time })) => Some(Item::Ping { client_time }),
        Ok(Some(Frame::PingResponse {
            client_time,
            server_time,
        })) => Some(Item::PingAnswer {
            server_time,
            client_time,
        }),
        Err(error) => {
            let (start, frame) = reader.frame();
            message.clear();
            message.extend_from_slice(frame.as_bytes());
            Some(Item::Bad(DecodeError {
                offset: error.offset.saturating_sub(start),
                ..error
            }))
        }
    }
}

/// Converts a message of GpBinary 1.8 to text.
pub(super) fn encode(message: &[u8], limits: &Limits, text: &mut Vec<u8>) -> Result<(), SendError> {
    json::encode_message(text, limits, message).map_err(|error| match error {
        WriteError::Encode(error) => error.into(),
        // The writer gave a message; a longer one than this end would read is not converted.
        _ => SendError::TooLong {
            max_bytes: limits.max_received_bytes,
        },
    })
}
