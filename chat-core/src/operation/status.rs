//! UpdateStatus (5). Spec: chat.md 3.6.

use crate::client::ChatClient;
use crate::codes::{operation, parameter};
use crate::error::RequestError;
use crate::options::StatusMessage;
use crate::status::UserStatus;
use photon_proto::message::MessageWriter;

impl ChatClient {
    pub(crate) fn send_status(
        &mut self,
        status: UserStatus,
        message: StatusMessage<'_>,
    ) -> Result<(), RequestError> {
        let (config, peer) = self.chatting()?;
        peer.send(false, true, |buffer| {
            let mut request = MessageWriter::request(
                buffer,
                config.protocol,
                &config.limits,
                operation::UPDATE_STATUS,
            )?;
            request.put(parameter::STATUS, &status.code())?;
            match message {
                StatusMessage::Set(text) => request.put(parameter::MESSAGE, text)?,
                StatusMessage::SetValue(message) => {
                    request.put_with(parameter::MESSAGE, |out| message.encode(out))?;
                }
                // Explicitly null: the message is cleared.
                StatusMessage::Clear => {
                    request.put_with(parameter::MESSAGE, |out| out.null())?;
                }
                StatusMessage::Keep => request.put(parameter::SKIP_MESSAGE, &true)?,
            }
            Ok(request.finish()?)
        })
    }
}
