//! Event 10: an error text of the server. Spec: chat.md 4.8.

use super::Incoming;
use super::values::text;
use crate::codes::parameter;
use crate::event::{ErrorInfo, Event};
use alloc::boxed::Box;
use photon_proto::{DecodeError, Params, Value};

impl Incoming<'_> {
    pub(super) fn error_info_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let [channel, message, data] = params.pick([
            parameter::CHANNEL,
            parameter::DEBUG_MESSAGE,
            parameter::DEBUG_DATA,
        ])?;
        let data = data
            .map(|data| self.value(&data))
            .filter(|data| !matches!(data, Value::Null));
        let info = ErrorInfo {
            channel: text(channel),
            message: text(message),
            data,
        };
        self.events.push(Event::ErrorInfo(Box::new(info)));
        Ok(())
    }
}
