//! Event 10: an error text of the server. Spec: chat.md 4.8.

use super::Incoming;
use super::values::text;
use crate::codes::parameter;
use crate::event::{ErrorInfo, Event};
use alloc::boxed::Box;
use photon_proto::{DecodeError, Params, Value};

impl Incoming<'_> {
    pub(super) fn error_info_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut channel, mut message, mut data) = (None, None, None);
        while let Some(key) = params.next_key()? {
            match key {
                parameter::CHANNEL => channel = text(Some(params.value_ref()?)),
                parameter::DEBUG_MESSAGE => message = text(Some(params.value_ref()?)),
                parameter::DEBUG_DATA => data = Some(params.value()?),
                _ => {}
            }
        }
        let info = ErrorInfo {
            channel,
            message,
            data: data.filter(|data| !matches!(data, Value::Null)),
        };
        self.events.push(Event::ErrorInfo(Box::new(info)));
        Ok(())
    }
}
