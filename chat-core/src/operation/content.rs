//! The content of a message, as the requests that carry one write it. Spec: chat.md 3.3, 3.4.

use crate::codes::{WEB_FLAG_HTTP_FORWARD, parameter};
use crate::error::RequestError;
use photon_proto::Encode;
use photon_proto::message::MessageWriter;

/// Writes the content, and whether the server forwards it to the application's web hook.
#[inline]
pub(super) fn write<C: Encode + ?Sized>(
    request: &mut MessageWriter<'_>,
    content: &C,
    web_forward: bool,
) -> Result<(), RequestError> {
    let written = request.put_with(parameter::MESSAGE, |out| content.encode(out))?;
    // Only encoding shows whether the application's own type writes null.
    if written.is_null() {
        return Err(RequestError::Empty("content"));
    }
    if web_forward {
        request.put(parameter::WEB_FLAGS, &WEB_FLAG_HTTP_FORWARD)?;
    }
    Ok(())
}
