//! SendPrivate (3). Spec: chat.md 3.4.

use super::content::write as write_content;
use crate::codes::{operation, parameter};
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
    write_content(&mut request, content, options.web_forward)?;
    Ok(request.finish()?)
}
