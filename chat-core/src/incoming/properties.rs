//! Events 4, 7 and 10: status, properties, error texts. Spec: chat.md 4.3, 4.6 and 4.8.

use super::subscriptions::pairs;
use super::{Incoming, missing};
use crate::codes::parameter;
use crate::event::{ErrorInfo, Event, PropertiesChange, StatusChange};
use crate::status::UserStatus;
use alloc::boxed::Box;
use photon_proto::{DecodeError, Params, Text, Value, ValueRef};

fn text(value: Option<ValueRef<'_>>) -> Option<Text> {
    value.and_then(|value| value.as_str().map(Text::from))
}

impl Incoming<'_> {
    /// Spec: chat.md 4.3.
    pub(super) fn status_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let [user, status, message] =
            params.pick([parameter::SENDER, parameter::STATUS, parameter::MESSAGE])?;
        let (Some(user), Some(status)) = (text(user), status.and_then(|status| status.as_int()))
        else {
            return Err(missing("user or status (p5, p10)"));
        };
        let message = match message {
            None => StatusChange::Kept,
            Some(ValueRef::Null) => StatusChange::Cleared,
            Some(message) => {
                StatusChange::Set(Box::new(message.to_value(&self.config.peer.limits)?))
            }
        };
        self.events.push(Event::UserStatusUpdate {
            user,
            status: UserStatus::new(status),
            message,
        });
        Ok(())
    }

    /// Spec: chat.md 4.6.
    pub(super) fn properties_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let [channel, by, user, properties] = params.pick([
            parameter::CHANNEL,
            parameter::SENDER,
            parameter::USER_ID,
            parameter::PROPERTIES,
        ])?;
        let (Some(channel), Some(properties)) = (text(channel), properties) else {
            return Err(missing("channel or properties (p1, p22)"));
        };
        let properties = pairs(properties.to_value(&self.config.peer.limits)?);
        let user = text(user);
        let Some(room) = self
            .model
            .change_properties(&channel, user.as_deref(), &properties)
        else {
            self.stats.unknown_channel_events += 1;
            self.config.log(
                log::Level::Warn,
                format_args!("properties of a channel that is not subscribed: dropped"),
            );
            return Ok(());
        };
        self.note_dropped_presence(room);
        let by = text(by).unwrap_or_default();
        self.events
            .push(Event::PropertiesChanged(Box::new(PropertiesChange {
                channel,
                user,
                by,
                properties,
            })));
        Ok(())
    }

    /// Spec: chat.md 4.8.
    pub(super) fn error_info_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let [channel, message, data] = params.pick([
            parameter::CHANNEL,
            parameter::DEBUG_MESSAGE,
            parameter::DEBUG_DATA,
        ])?;
        let data = match data {
            None => None,
            Some(data) => Some(data.to_value(&self.config.peer.limits)?)
                .filter(|data| !matches!(data, Value::Null)),
        };
        let info = ErrorInfo {
            channel: text(channel),
            message: text(message),
            data,
        };
        self.events.push(Event::ErrorInfo(Box::new(info)));
        Ok(())
    }
}
