//! SetProperties (8), of a channel or of a user in it. Spec: chat.md 3.8.

use crate::codes::{WEB_FLAG_HTTP_FORWARD, operation, parameter};
use crate::config::ChatConfig;
use crate::options::PropertyOptions;
use alloc::vec::Vec;
use photon_proto::message::MessageWriter;
use photon_proto::{Dictionary, EncodeError, Type, Value};

/// Writes the request; `user` is `None` for the properties of the channel itself.
pub(crate) fn write(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    channel: &str,
    user: Option<&str>,
    properties: &[(Value, Value)],
    options: &PropertyOptions,
) -> Result<(), EncodeError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::SET_PROPERTIES,
    )?;
    request.put(parameter::CHANNEL, channel)?;
    request.put(parameter::PROPERTIES, &dictionary(properties))?;
    // Otherwise the other subscribers get no event 7, and neither does this client.
    request.put(parameter::BROADCAST, &true)?;
    if let Some(user) = user {
        request.put(parameter::USER_ID, user)?;
    }
    if options.web_forward {
        request.put(parameter::WEB_FLAGS, &WEB_FLAG_HTTP_FORWARD)?;
    }
    // An empty map would be a condition that always holds.
    if !options.expected.is_empty() {
        request.put(parameter::EXPECTED_VALUES, &dictionary(&options.expected))?;
    }
    request.finish()
}

/// A Dictionary from object to object. Encoding it checks the keys.
fn dictionary(pairs: &[(Value, Value)]) -> Value {
    Value::Dictionary(Dictionary {
        key: Type::Object,
        value: Type::Object,
        pairs: pairs.to_vec(),
    })
}
