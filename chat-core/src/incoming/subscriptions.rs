//! Events 5, 6, 8 and 9: who is in which channel. Spec: chat.md 4.4, 4.5 and 4.7.

use super::{Incoming, missing};
use crate::codes::parameter;
use crate::event::{ChannelOutcome, Event, Outcome, SubscriberChange};
use alloc::boxed::Box;
use alloc::vec::Vec;
use photon_proto::{Array, DecodeError, Params, Text, Value, ValueRef};

impl Incoming<'_> {
    /// Spec: chat.md 4.4.
    pub(super) fn subscribe_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let mut names = None;
        let (mut results, mut properties, mut subscribers, mut users) =
            (Vec::new(), None, None, None);
        while let Some(key) = params.next_key()? {
            match key {
                parameter::CHANNELS => names = Some(params.strings("channels (p0)")?),
                parameter::SUBSCRIBE_RESULTS => results = bools(params.value()?),
                parameter::PROPERTIES => properties = Some(pairs(params.value()?)),
                parameter::CHANNEL_SUBSCRIBERS => {
                    subscribers = Some(params.strings("subscribers (p23)")?)
                }
                parameter::USER_PROPERTIES => users = Some(pairs(params.value()?)),
                _ => {}
            }
        }
        let names = names.ok_or(missing("channels (p0)"))?;
        let mut outcomes = Vec::with_capacity(names.len());
        for (index, channel) in shared(&names).enumerate() {
            let request = self.pending.subscribe.settle(&channel);
            let accepted = results.get(index).copied().unwrap_or(false);
            if accepted && !self.model.on_subscribed(&channel, request.is_some()) {
                self.stats.unkept_channels += 1;
                self.config.log(
                    log::Level::Warn,
                    format_args!("too many channels that nobody asked for: one is not kept"),
                );
            }
            let outcome = if accepted {
                Outcome::Done
            } else {
                Outcome::Refused
            };
            outcomes.push(ChannelOutcome {
                channel,
                outcome,
                request,
            });
        }
        // chat.md 4.4: what the event tells beside the outcomes is about a single channel.
        if let (
            [name],
            [
                ChannelOutcome {
                    outcome: Outcome::Done,
                    ..
                },
            ],
        ) = (names.as_slice(), outcomes.as_slice())
        {
            let subscribers = subscribers.unwrap_or_default();
            let room = self.model.set_presence(
                name,
                &properties.unwrap_or_default(),
                &subscribers,
                &users.unwrap_or_default(),
                &self.config.user_id.0,
            );
            self.note_dropped_presence(room);
        }
        self.events.push(Event::SubscribeResult(outcomes));
        Ok(())
    }

    /// Spec: chat.md 4.5.
    pub(super) fn unsubscribe_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let mut names = None;
        while let Some(key) = params.next_key()? {
            if key == parameter::CHANNELS {
                names = Some(params.strings("channels (p0)")?);
            }
        }
        let names = names.ok_or(missing("channels (p0)"))?;
        let outcomes = shared(&names)
            .map(|channel| {
                let request = self.pending.unsubscribe.settle(&channel);
                self.model.on_unsubscribed(&channel);
                ChannelOutcome {
                    channel,
                    outcome: Outcome::Done,
                    request,
                }
            })
            .collect();
        self.events.push(Event::UnsubscribeResult(outcomes));
        Ok(())
    }

    /// Spec: chat.md 4.7.
    pub(super) fn user_event(
        &mut self,
        entered: bool,
        params: &mut Params<'_>,
    ) -> Result<(), DecodeError> {
        let [channel, user, properties] = params.pick([
            parameter::CHANNEL,
            parameter::USER_ID,
            parameter::USER_PROPERTIES,
        ])?;
        let name =
            |value: Option<ValueRef<'_>>| value.and_then(|value| value.as_str().map(Text::from));
        let (Some(channel), Some(user)) = (name(channel), name(user)) else {
            return Err(missing("channel or user (p1, p225)"));
        };
        let properties = match properties {
            Some(properties) => pairs(properties.to_value(&self.config.peer.limits)?),
            None => Vec::new(),
        };
        let update = if entered {
            self.model.on_user_subscribed(&channel, &user, &properties)
        } else {
            self.model.on_user_unsubscribed(&channel, &user)
        };
        if !update.expected {
            let words =
                "a user entered or left a channel that is unknown, silent about its users, or full";
            self.config.log(log::Level::Warn, format_args!("{words}"));
        }
        self.note_dropped_presence(update.complete);
        let change = Box::new(SubscriberChange {
            channel,
            user,
            properties,
        });
        self.events.push(if entered {
            Event::UserSubscribed(change)
        } else {
            Event::UserUnsubscribed(change)
        });
        Ok(())
    }

    /// Says what became of subscribers and properties for which there was no room.
    pub(super) fn note_dropped_presence(&mut self, room: bool) {
        if !room {
            self.stats.presence_dropped += 1;
            self.config.log(
                log::Level::Warn,
                format_args!("no room for all subscribers and properties: some are not kept"),
            );
        }
    }
}

/// The names of one event as views of one text.
fn shared<'n>(names: &'n [&str]) -> impl Iterator<Item = Text> + use<'n> {
    let all = Text::from(names.concat());
    let mut start = 0;
    names.iter().map(move |name| {
        let end = start + name.len();
        let part = all.slice(start, end).unwrap_or_default();
        start = end;
        part
    })
}

/// chat.md 4.4: a missing list is a list of false.
fn bools(value: Value) -> Vec<bool> {
    match value {
        Value::Array(Array::Bool(results)) => results,
        Value::Array(Array::Object(values)) => values
            .into_iter()
            .map(|value| matches!(value, Value::Bool(true)))
            .collect(),
        _ => Vec::new(),
    }
}

/// The pairs of a map of either kind; none of anything else.
pub(super) fn pairs(value: Value) -> Vec<(Value, Value)> {
    match value {
        Value::Dictionary(map) => map.pairs,
        Value::Hashtable(map) => map.0,
        _ => Vec::new(),
    }
}
