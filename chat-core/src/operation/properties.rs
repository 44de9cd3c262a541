//! SetProperties (8), of a channel or of a user in it. Spec: chat.md 3.8.

use crate::client::ChatClient;
use crate::codes::{WEB_FLAG_HTTP_FORWARD, operation, parameter};
use crate::error::RequestError;
use crate::options::PropertyOptions;
use photon_proto::message::MessageWriter;
use photon_proto::{Dictionary, Type, Value};

/// A Dictionary object to object; keys are checked when it is written.
fn dictionary(pairs: &[(Value, Value)]) -> Value {
    Value::Dictionary(Dictionary {
        key: Type::Object,
        value: Type::Object,
        pairs: pairs.to_vec(),
    })
}

impl ChatClient {
    pub(crate) fn send_properties(
        &mut self,
        channel: &str,
        user: Option<&str>,
        properties: &[(Value, Value)],
        options: &PropertyOptions,
    ) -> Result<(), RequestError> {
        let (config, peer) = self.chatting()?;
        if channel.is_empty() {
            return Err(RequestError::Empty("channel name"));
        }
        if user.is_some_and(str::is_empty) {
            return Err(RequestError::Empty("user id"));
        }
        if properties.is_empty() {
            return Err(RequestError::Empty("list of properties"));
        }
        peer.send(false, true, |buffer| {
            let mut request = MessageWriter::request(
                buffer,
                config.protocol,
                &config.limits,
                operation::SET_PROPERTIES,
            )?;
            request.put(parameter::CHANNEL, channel)?;
            request.put(parameter::PROPERTIES, &dictionary(properties))?;
            request.put(parameter::BROADCAST, &true)?;
            if let Some(user) = user {
                request.put(parameter::USER_ID, user)?;
            }
            if options.web_forward {
                request.put(parameter::WEB_FLAGS, &WEB_FLAG_HTTP_FORWARD)?;
            }
            if !options.expected.is_empty() {
                request.put(parameter::EXPECTED_VALUES, &dictionary(&options.expected))?;
            }
            Ok(request.finish()?)
        })
    }
}
