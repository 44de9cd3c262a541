//! Event 4: the status of a friend. Spec: chat.md 4.3.

use super::Incoming;
use super::values::{missing, text};
use crate::codes::parameter;
use crate::event::{Event, StatusChange};
use crate::status::UserStatus;
use alloc::boxed::Box;
use photon_proto::{DecodeError, Params, Value};

impl Incoming<'_> {
    pub(super) fn status_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut user, mut status, mut message) = (None, None, None);
        while let Some(key) = params.next_key()? {
            match key {
                parameter::SENDER => user = text(Some(params.value_ref()?)),
                parameter::STATUS => status = params.value_ref()?.as_int(),
                parameter::MESSAGE => message = Some(params.value()?),
                _ => {}
            }
        }
        let (Some(user), Some(status)) = (user, status) else {
            return Err(missing("user or status (p5, p10)"));
        };
        // A missing message means that the friend kept its message; null, that it removed it.
        let message = match message {
            None => StatusChange::Kept,
            Some(Value::Null) => StatusChange::Cleared,
            Some(message) => StatusChange::Set(Box::new(message)),
        };
        self.events.push(Event::UserStatusUpdate {
            user,
            status: UserStatus::new(status),
            message,
        });
        Ok(())
    }
}
