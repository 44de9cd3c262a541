//! Event 7: properties of a channel, or of a user in it, changed. Spec: chat.md 4.6.

use super::Incoming;
use super::deferred::{Deferred, MANY};
use super::values::{missing, pairs, text};
use crate::codes::parameter;
use crate::event::PropertiesChange;
use alloc::boxed::Box;
use photon_proto::{DecodeError, Params};

impl Incoming<'_> {
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
        // The channel is looked up before the properties are decoded, so that events of unknown
        // channels are cheap.
        if self.model.public.get(&channel).is_none() {
            self.stats.rare().unknown_channel_events += 1;
            self.config.log(
                log::Level::Warn,
                format_args!("properties of an unknown channel were dropped"),
            );
            return Ok(());
        }
        let properties = pairs(self.value(&properties));
        let change = Box::new(PropertiesChange {
            channel,
            user: text(user),
            by: text(by).unwrap_or_default(),
            properties,
        });
        if change.properties.len() > MANY {
            *self.deferred = Some(Box::new(Deferred::Properties(change)));
        } else {
            self.change_properties(change);
        }
        Ok(())
    }
}
