//! The JSON sub-protocol at the edge of a connection: inside, everything is GpBinary 1.8.
//! Spec: wire.md 7.2.

use super::SendError;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::json::{self, Frame, Part, Reader, Repair, WriteError};
use crate::limits::Limits;
use crate::role::Role;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// How many bytes of a text are transcoded in one call: at most 100 instructions for each are 3 million, and
/// a call should not take more than 10.
const SHARE_BYTES: usize = 32 * 1024;
/// A text with more bytes is checked in a call of its own: that takes up to 10 instructions for each.
pub(super) const LARGE_TEXT_BYTES: usize = 160 * 1024;

/// The text message whose frames are being taken.
#[derive(Default)]
pub(super) struct Frames {
    reader: Option<Reader<'static>>,
    /// A large text message that is not UTF-8, before it has a reader.
    repair: Option<Box<(Vec<u8>, Repair)>>,
    /// Length of the text message.
    bytes: usize,
    /// Whether the last call was left before its item was complete.
    is_unfinished: bool,
    /// How many bytes were parsed, of this text message and of those before it.
    parsed_bytes: u64,
}

/// The content of one frame.
pub(super) enum Item {
    /// None yet: the next call goes on.
    Unfinished,
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
    /// Takes the first frame of the next text message. Keeps a copy of the message only if it is large, or
    /// has more of them, which few have. Without frames the message has no meaning.
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
        message.clear();
        let is_client = role == Role::Client;
        let max_bytes = limits.max_received_bytes;
        let takes_calls = (SHARE_BYTES + 1..=max_bytes).contains(&text.len());
        if is_client && takes_calls && core::str::from_utf8(text).is_err() {
            let repair = Repair::new(text.len(), max_bytes);
            self.repair = Some(Box::new((text.to_vec(), repair)));
            self.bytes = text.len();
            self.is_unfinished = true;
            return Some(Item::Unfinished);
        }
        let mut reader = match Reader::received(role, limits, text) {
            Ok(reader) => reader,
            Err(error) => {
                self.parsed_bytes += text.len() as u64;
                message.extend_from_slice(text);
                return Some(Item::Bad(error));
            }
        };
        // To check it and to transcode its first part may take longer together than a call should.
        let item = if text.len() > LARGE_TEXT_BYTES {
            Some(Item::Unfinished)
        } else {
            self.take(&mut reader, message)
        };
        self.is_unfinished = matches!(item, Some(Item::Unfinished));
        if !reader.is_at_end() {
            self.bytes = text.len();
            self.reader = Some(reader.into_owned());
        }
        item
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.reader.is_none() && self.repair.is_none()
    }

    /// Whether the last item was [`Item::Unfinished`].
    pub(super) const fn is_unfinished(&self) -> bool {
        self.is_unfinished
    }

    /// Drops the text message.
    pub(super) fn discard(&mut self) {
        self.reader = None;
        self.repair = None;
        self.is_unfinished = false;
    }

    pub(super) const fn parsed_bytes(&self) -> u64 {
        self.parsed_bytes
    }

    /// Length of the text message, until its last frame is taken.
    pub(super) const fn bytes(&self) -> usize {
        if self.is_empty() { 0 } else { self.bytes }
    }

    /// The next frame, for which `message` is overwritten. The same `message` is passed as long as a frame is
    /// not finished.
    pub(super) fn next(
        &mut self,
        role: Role,
        limits: &Limits,
        message: &mut Vec<u8>,
    ) -> Option<Item> {
        if let Some(repair) = self.repair.take() {
            return Some(self.go_on_with_repair(role, limits, repair, message));
        }
        let mut reader = self.reader.take()?;
        if !reader.is_unfinished() {
            message.clear();
        }
        let item = self.take(&mut reader, message);
        self.is_unfinished = matches!(item, Some(Item::Unfinished));
        if !reader.is_at_end() {
            self.reader = Some(reader);
        }
        item
    }

    /// Repairs the next part of a text, or makes the reader for it.
    fn go_on_with_repair(
        &mut self,
        role: Role,
        limits: &Limits,
        mut repair: Box<(Vec<u8>, Repair)>,
        message: &mut Vec<u8>,
    ) -> Item {
        let (text, made) = &mut *repair;
        // Whether it consists of frames is the work of another call.
        if !made.is_complete(text) {
            self.parsed_bytes += SHARE_BYTES as u64;
            made.go_on(text, SHARE_BYTES);
            self.repair = Some(repair);
            return Item::Unfinished;
        }
        let (text, made) = *repair;
        match made.finish() {
            Some(repaired) => {
                self.reader = Some(Reader::repaired(role, limits, repaired));
                Item::Unfinished
            }
            None => {
                self.is_unfinished = false;
                let error = match core::str::from_utf8(&text) {
                    Ok(_) => 0,
                    Err(error) => error.valid_up_to(),
                };
                *message = text;
                Item::Bad(DecodeError::new(
                    DecodeErrorKind::NotUtf8,
                    error,
                    "text message",
                ))
            }
        }
    }

    /// Takes a frame, or a part of it.
    fn take(&mut self, reader: &mut Reader<'_>, message: &mut Vec<u8>) -> Option<Item> {
        let before = reader.parsed_bytes();
        let item = next(reader, message);
        self.parsed_bytes += reader.parsed_bytes() - before;
        item
    }
}

fn next(reader: &mut Reader<'_>, message: &mut Vec<u8>) -> Option<Item> {
    match reader.next_part(SHARE_BYTES, message) {
        Ok(Part::End) => None,
        Ok(Part::Unfinished) => Some(Item::Unfinished),
        Ok(Part::Frame(Frame::Session(_))) => Some(Item::Session),
        Ok(Part::Frame(Frame::Message(_))) => Some(Item::Message),
        Ok(Part::Frame(Frame::PingRequest { client_time })) => Some(Item::Ping { client_time }),
        Ok(Part::Frame(Frame::PingResponse {
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
