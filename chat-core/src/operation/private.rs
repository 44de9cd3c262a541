//! SendPrivate (3). Spec: chat.md 3.4.

use crate::codes::{WEB_FLAG_HTTP_FORWARD, operation, parameter};
use crate::config::ChatConfig;
use crate::error::RequestError;
use crate::options::PrivateOptions;
use alloc::vec::Vec;
use photon_proto::Encode;
use photon_proto::message::MessageWriter;

pub(crate) fn write<C: Encode + ?Sized>(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    user: &str,
    content: &C,
    options: &PrivateOptions,
) -> Result<(), RequestError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::SEND_PRIVATE,
    )?;
    request.put(parameter::USER_ID, user)?;
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
