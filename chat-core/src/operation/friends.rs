//! AddFriends (6) and RemoveFriends (7). Spec: chat.md 3.7.

use super::names::NameList;
use crate::codes::parameter;
use crate::config::ChatConfig;
use crate::error::RequestError;
use alloc::vec::Vec;
use photon_proto::EncodeError;
use photon_proto::message::MessageWriter;

/// The longest list that is sent, as in the C# SDK; the vendor's docs call 512 safe.
/// Spec: chat.md 3.7.
const MAX_FRIENDS: usize = 1024;

/// # Errors
/// [`RequestError::TooMany`] for a list that is too long.
pub(crate) fn check_count(users: usize) -> Result<(), RequestError> {
    if users <= MAX_FRIENDS {
        Ok(())
    } else {
        Err(RequestError::TooMany {
            what: "users",
            max: MAX_FRIENDS,
        })
    }
}

/// Writes the request with code `operation`.
pub(crate) fn write(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    operation: u8,
    users: impl Iterator<Item: AsRef<str>> + Clone,
) -> Result<(), EncodeError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation,
    )?;
    request.put(parameter::FRIENDS, &NameList(users))?;
    request.finish()
}
