//! Publish (2). Spec: chat.md 3.3.

use super::content::write as write_content;
use crate::codes::{operation, parameter};
use crate::config::ChatConfig;
use crate::error::RequestError;
use crate::options::PublishOptions;
use alloc::vec::Vec;
use photon_proto::Encode;
use photon_proto::message::MessageWriter;

#[inline]
pub(crate) fn write<C: Encode + ?Sized>(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    channel: &str,
    content: &C,
    options: &PublishOptions,
) -> Result<(), RequestError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::PUBLISH,
    )?;
    // Not `put`, which all texts share: called, it costs as much again as the name.
    request.put_with(parameter::CHANNEL, |out| out.str(channel))?;
    write_content(&mut request, content, options.web_forward)?;
    Ok(request.finish()?)
}
