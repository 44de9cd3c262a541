//! Event 4: the status of a friend. Spec: chat.md 4.3.

use super::Incoming;
use super::values::{missing, text};
use crate::codes::parameter;
use crate::event::{Event, StatusChange};
use crate::status::UserStatus;
use alloc::boxed::Box;
use photon_proto::{DecodeError, Params, ValueRef};

impl Incoming<'_> {
    pub(super) fn status_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let [user, status, message] =
            params.pick([parameter::SENDER, parameter::STATUS, parameter::MESSAGE])?;
        let (Some(user), Some(status)) = (text(user), status.and_then(|status| status.as_int()))
        else {
            return Err(missing("user or status (p5, p10)"));
        };
        // A missing message means that the friend kept its message; null, that it removed it.
        let message = match message {
            None => StatusChange::Kept,
            Some(ValueRef::Null) => StatusChange::Cleared,
            Some(message) => StatusChange::Set(Box::new(self.value(&message))),
        };
        self.events.push(Event::UserStatusUpdate {
            user,
            status: UserStatus::new(status),
            message,
        });
        Ok(())
    }
}
