//! Unsubscribe (1). Spec: chat.md 3.2.

use super::names::NameList;
use crate::codes::{operation, parameter};
use crate::config::ChatConfig;
use alloc::vec::Vec;
use photon_proto::EncodeError;
use photon_proto::message::MessageWriter;

pub(crate) fn write(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    channels: impl Iterator<Item: AsRef<str>> + Clone,
) -> Result<(), EncodeError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::UNSUBSCRIBE,
    )?;
    request.put(parameter::CHANNELS, &NameList(channels))?;
    request.finish()
}
