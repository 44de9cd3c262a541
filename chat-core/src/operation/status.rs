//! UpdateStatus (5). Spec: chat.md 3.6.

use crate::codes::{operation, parameter};
use crate::config::ChatConfig;
use crate::options::StatusMessage;
use crate::status::UserStatus;
use alloc::vec::Vec;
use photon_proto::EncodeError;
use photon_proto::message::MessageWriter;

pub(crate) fn write(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    status: UserStatus,
    message: StatusMessage<'_>,
) -> Result<(), EncodeError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::UPDATE_STATUS,
    )?;
    request.put(parameter::STATUS, &status.code())?;
    match message {
        StatusMessage::Set(text) => request.put(parameter::MESSAGE, text)?,
        StatusMessage::SetValue(message) => {
            request.put_with(parameter::MESSAGE, |out| message.encode(out))?;
        }
        // The parameter is present and null: this clears the message. Spec: chat.md 3.6.
        StatusMessage::Clear => {
            request.put_with(parameter::MESSAGE, |out| out.null())?;
        }
        StatusMessage::Keep => request.put(parameter::SKIP_MESSAGE, &true)?,
    }
    request.finish()
}
