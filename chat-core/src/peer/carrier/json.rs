//! The JSON sub-protocol at the edge of the client: above, everything is GpBinary 1.8. Spec: wire.md 7.2.

use super::messages::Item;
use crate::error::RequestError;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use photon_proto::Limits;
use photon_proto::json::{self, Frame, Reader, Role, WriteError};

/// Takes a text message apart.
pub(super) fn read(text: Vec<u8>, limits: &Limits, items: &mut VecDeque<Item>) {
    let mut reader = match Reader::new(Role::Client, limits, &text) {
        Ok(reader) => reader,
        Err(error) => return items.push_back(Item::Bad(error, text)),
    };
    let mut bad = None;
    loop {
        let mut message = Vec::new();
        items.push_back(match reader.next(&mut message) {
            Ok(None) => break,
            Ok(Some(Frame::Session(_))) => Item::Greeting,
            Ok(Some(Frame::Message(_))) => Item::Message(message),
            Ok(Some(Frame::PingResponse { client_time, server_time })) => Item::Ping { server_time, client_time },
            // A server asks for nothing.
            Ok(Some(_)) => continue,
            Err(error) => {
                // One is enough to show the text.
                bad.get_or_insert(error);
                continue;
            }
        });
    }
    if let Some(error) = bad {
        items.push_back(Item::Bad(error, text));
    }
}

/// The text of a message that was written in GpBinary 1.8.
pub(super) fn write(message: &[u8], limits: &Limits, text: &mut Vec<u8>) -> Result<(), RequestError> {
    json::write_message(text, limits, message).map_err(|error| match error {
        WriteError::Encode(error) => error.into(),
        // What this client writes is a message; a longer one than it would read itself is not transcoded.
        _ => RequestError::TooLong { max_bytes: limits.max_received_bytes },
    })
}

pub(super) fn write_ping(limits: &Limits, client_time: i32, text: &mut Vec<u8>) {
    // It fits into any limit worth its name.
    let _ = json::write_ping_request(text, limits, client_time);
}
