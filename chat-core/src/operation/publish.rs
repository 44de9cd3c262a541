//! Publish (2). Spec: chat.md 3.3.

use crate::client::ChatClient;
use crate::codes::{WEB_FLAG_HTTP_FORWARD, operation, parameter};
use crate::error::RequestError;
use crate::options::PublishOptions;
use photon_proto::Encode;
use photon_proto::message::MessageWriter;

impl ChatClient {
    pub(crate) fn publish<C: Encode + ?Sized>(
        &mut self,
        channel: &str,
        content: &C,
        options: &PublishOptions,
    ) -> Result<(), RequestError> {
        if channel.is_empty() {
            return Err(RequestError::Empty("channel name"));
        }
        let (config, peer) = self.chatting()?;
        peer.send(false, true, |buffer| {
            let mut request = MessageWriter::request(
                buffer,
                config.protocol,
                &config.limits,
                operation::PUBLISH,
            )?;
            request.put(parameter::CHANNEL, channel)?;
            if request
                .put_with(parameter::MESSAGE, |out| content.encode(out))?
                .is_null()
            {
                return Err(RequestError::Empty("content"));
            }
            if options.web_forward {
                request.put(parameter::WEB_FLAGS, &WEB_FLAG_HTTP_FORWARD)?;
            }
            Ok(request.finish()?)
        })
    }
}
