//! Events 5, 6, 8 and 9: this user, or another one, entered or left a channel.
//! Spec: chat.md 4.4, 4.5 and 4.7.

use super::Incoming;
use super::deferred::{Deferred, MANY, Presence};
use super::listed::ListedChannels;
use super::values::{bools, missing, names as names_of, pairs, text};
use crate::codes::parameter;
use crate::event::{Event, SubscriberChange};
use alloc::boxed::Box;
use alloc::vec::Vec;
use photon_proto::{DecodeError, Params, Text};

impl Incoming<'_> {
    /// Event 5. Spec: chat.md 4.4.
    pub(super) fn subscribe_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let mut names = None;
        let (mut results, mut properties, mut subscribers, mut users) =
            (Vec::new(), None, None, None);
        while let Some(key) = params.next_key()? {
            match key {
                parameter::CHANNELS => names = Some(names_of(params, "channels (p0)")?),
                parameter::SUBSCRIBE_RESULTS => results = bools(params.value()?),
                parameter::PROPERTIES => properties = Some(pairs(params.value()?)),
                parameter::CHANNEL_SUBSCRIBERS => {
                    subscribers = Some(names_of(params, "subscribers (p23)")?)
                }
                parameter::USER_PROPERTIES => users = Some(pairs(params.value()?)),
                _ => {}
            }
        }
        let names = names.ok_or(missing("channels (p0)"))?;
        let mut list = ListedChannels::subscribed(names, results, self.pending.subscribe.keys());
        if list.is_long() {
            *self.deferred = Some(Box::new(Deferred::Channels(list)));
            return Ok(());
        }
        self.take_channels(&mut list, u64::MAX);
        // Properties and subscribers are only defined for a single channel. Spec: chat.md 4.4.
        if let Some(name) = list.only_accepted() {
            let subscribers = subscribers.unwrap_or_default();
            let properties = properties.unwrap_or_default();
            let users = users.unwrap_or_default();
            if properties.len() + subscribers.len() + users.len() * 4 > MANY {
                *self.deferred = Some(Box::new(Deferred::Presence(Presence {
                    channel: Text::from(name),
                    properties,
                    subscribers: subscribers.texts().collect(),
                    users,
                    complete: true,
                })));
            } else {
                let complete = self.model.set_presence(
                    name,
                    &properties,
                    &subscribers.strs(),
                    &users,
                    &self.config.user_id.0,
                );
                self.note_dropped_presence(complete);
            }
        }
        self.report_channels(list);
        Ok(())
    }

    /// Event 6. Spec: chat.md 4.5.
    pub(super) fn unsubscribe_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let mut names = None;
        while let Some(key) = params.next_key()? {
            if key == parameter::CHANNELS {
                names = Some(names_of(params, "channels (p0)")?);
            }
        }
        let names = names.ok_or(missing("channels (p0)"))?;
        let mut list = ListedChannels::unsubscribed(names, self.pending.subscribe.keys());
        if list.is_long() {
            *self.deferred = Some(Box::new(Deferred::Channels(list)));
            return Ok(());
        }
        self.take_channels(&mut list, u64::MAX);
        self.report_channels(list);
        Ok(())
    }

    /// Events 8 and 9: another user `entered`, or left. Spec: chat.md 4.7.
    pub(super) fn user_event(
        &mut self,
        entered: bool,
        params: &mut Params<'_>,
    ) -> Result<(), DecodeError> {
        let (mut channel, mut user, mut properties) = (None, None, Vec::new());
        while let Some(key) = params.next_key()? {
            match key {
                parameter::CHANNEL => channel = text(Some(params.value_ref()?)),
                parameter::USER_ID => user = text(Some(params.value_ref()?)),
                parameter::USER_PROPERTIES => properties = pairs(params.value()?),
                _ => {}
            }
        }
        let (Some(channel), Some(user)) = (channel, user) else {
            return Err(missing("channel or user (p1, p225)"));
        };
        let update = if entered {
            self.model.on_user_subscribed(&channel, &user, &properties)
        } else {
            self.model.on_user_unsubscribed(&channel, &user)
        };
        if !update.expected {
            self.config.log(
                log::Level::Warn,
                format_args!(
                    "a user entered or left a channel that is unknown, does not publish its \
                     subscribers, or is full"
                ),
            );
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

    /// Counts an event whose subscribers and properties were not all kept, and logs it.
    pub(super) fn note_dropped_presence(&mut self, complete: bool) {
        if !complete {
            self.stats.rare().presence_dropped += 1;
            self.config.log(
                log::Level::Warn,
                format_args!(
                    "the cap on presence is reached: some subscribers or properties are not kept"
                ),
            );
        }
    }
}
