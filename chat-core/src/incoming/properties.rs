//! Event 7: properties of a channel, or of a user in it, changed. Spec: chat.md 4.6.

use super::Incoming;
use super::values::{missing, pairs, text};
use crate::codes::parameter;
use crate::event::PropertiesChange;
use alloc::boxed::Box;
use photon_proto::{DecodeError, Params, Text, Value};

impl Incoming<'_> {
    pub(super) fn properties_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut channel, mut by, mut user) = (None, None, None);
        let (mut properties, mut encoded) = (None, None);
        while let Some(key) = params.next_key()? {
            match key {
                parameter::CHANNEL => channel = text(Some(params.value_ref()?)),
                parameter::SENDER => by = text(Some(params.value_ref()?)),
                parameter::USER_ID => user = text(Some(params.value_ref()?)),
                parameter::PROPERTIES => {
                    // The channel is looked up before the properties are decoded, so that events of
                    // unknown channels are cheap. Servers send the name first; then the properties
                    // need not be skipped before they are decoded.
                    (properties, encoded) = if self.is_known(channel.as_ref()) {
                        (Some(params.value()?), None)
                    } else {
                        (None, Some(params.value_ref()?))
                    };
                }
                _ => {}
            }
        }
        let (Some(channel), true) = (channel, properties.is_some() || encoded.is_some()) else {
            return Err(missing("channel or properties (p1, p22)"));
        };
        if !self.is_known(Some(&channel)) {
            self.stats.rare().unknown_channel_events += 1;
            self.config.log(
                log::Level::Warn,
                format_args!("properties of an unknown channel were dropped"),
            );
            return Ok(());
        }
        let properties = match (properties, encoded) {
            (Some(decoded), _) => decoded,
            (None, encoded) => encoded.map_or(Value::Null, |encoded| self.value(&encoded)),
        };
        let properties = pairs(properties);
        let change = Box::new(PropertiesChange {
            channel,
            user,
            by: by.unwrap_or_default(),
            properties,
        });
        self.change_properties(change);
        Ok(())
    }

    fn is_known(&self, channel: Option<&Text>) -> bool {
        channel.is_some_and(|channel| self.model.public.get(channel).is_some())
    }
}
