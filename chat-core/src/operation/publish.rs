//! Publish (2). Spec: chat.md 3.3.

use crate::codes::{WEB_FLAG_HTTP_FORWARD, operation, parameter};
use crate::config::ChatConfig;
use crate::error::RequestError;
use crate::options::PublishOptions;
use alloc::vec::Vec;
use photon_proto::Encode;
use photon_proto::message::MessageWriter;

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
    request.put(parameter::CHANNEL, channel)?;
    let written = request.put_with(parameter::MESSAGE, |out| content.encode(out))?;
    // Only encoding shows whether the application's own type writes null.
    if written.is_null() {
        return Err(RequestError::Empty("content"));
    }
    if options.web_forward {
        request.put(parameter::WEB_FLAGS, &WEB_FLAG_HTTP_FORWARD)?;
    }
    Ok(request.finish()?)
}
