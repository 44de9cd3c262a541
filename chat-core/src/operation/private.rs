//! SendPrivate (3). Spec: chat.md 3.4.

use crate::client::ChatClient;
use crate::codes::{WEB_FLAG_HTTP_FORWARD, operation, parameter};
use crate::error::RequestError;
use crate::options::PrivateOptions;
use photon_proto::Encode;
use photon_proto::message::MessageWriter;

impl ChatClient {
    pub(crate) fn send_private<C: Encode + ?Sized>(
        &mut self,
        user: &str,
        content: &C,
        options: &PrivateOptions,
    ) -> Result<(), RequestError> {
        if user.is_empty() {
            return Err(RequestError::Empty("user id"));
        }
        let (config, peer) = self.chatting()?;
        peer.send(options.encrypt, true, |buffer| {
            let mut request = MessageWriter::request(
                buffer,
                config.protocol,
                &config.limits,
                operation::SEND_PRIVATE,
            )?;
            request.put(parameter::USER_ID, user)?;
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
