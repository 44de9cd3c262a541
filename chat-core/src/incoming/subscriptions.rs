//! Events 5, 6, 8 and 9: this user, or another one, entered or left a channel.
//! Spec: chat.md 4.4, 4.5 and 4.7.

use super::Incoming;
use super::deferred::{Deferred, MANY, Presence};
use super::values::{bools, missing, names as names_of, pairs, text};
use crate::codes::parameter;
use crate::event::{ChannelOutcome, Event, Outcome, SubscriberChange};
use crate::model::Channel;
use crate::operation::pending::{ChannelRequests, RequestKind, Settled};
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
        let all = names.ok_or(missing("channels (p0)"))?;
        let names = all.strs();
        let mut repeats = Repeats::default();
        let mut outcomes = Vec::with_capacity(names.len());
        let mut has_accepted = false;
        for (index, (channel, name)) in all.texts().zip(&names).enumerate() {
            if repeats.take(name) {
                continue;
            }
            let settled = repeats.settle(&mut self.pending.subscribe, name);
            // A missing result is a refusal. Spec: chat.md 4.4.
            let accepted = results.get(index).copied().unwrap_or(false);
            // A question for a channel that the user has left meanwhile entered it again, which the
            // application has to know.
            let is_known = |name: &str| {
                let channel = self.model.public.get(name);
                channel.is_some_and(Channel::is_subscribed)
            };
            let settled = settled.filter(|settled| {
                settled.kind != RequestKind::Question || !accepted || is_known(name)
            });
            // A name that is not what the server sent would be a channel that nobody can use.
            let is_whole = all.is_whole(index);
            let is_wanted = settled.is_some()
                || self
                    .restore
                    .as_ref()
                    .is_some_and(|restore| restore.wants(name));
            // Only an event for one channel brings subscribers and properties.
            let is_alone = names.len() == 1;
            let history = settled.and_then(|settled| settled.history);
            // The text that the model keeps, so that the wanted state needs no copy of it.
            let kept = (accepted && is_whole)
                .then(|| {
                    self.model
                        .on_subscribed(self.now, &channel, is_wanted, is_alone, history)
                })
                .flatten();
            if accepted && is_whole && kept.is_none() {
                self.stats.rare().unkept_channels += 1;
                self.config.log(
                    log::Level::Warn,
                    format_args!("too many unsolicited channels: one is not kept"),
                );
            }
            has_accepted |= accepted;
            let channel = kept.unwrap_or(channel);
            let outcome = if accepted {
                Outcome::Done
            } else {
                Outcome::Refused
            };
            let outcome = ChannelOutcome {
                channel,
                outcome,
                request: settled.map(|settled| settled.id),
            };
            let kind = settled.map(|settled| settled.kind);
            if let Some(restore) = &mut self.restore {
                restore.on_subscribe_outcome(self.now, outcome, kind, &mut outcomes);
            } else if matches!(kind, Some(RequestKind::Application) | None) {
                // Nothing is reported of what the application did not ask for.
                outcomes.push(outcome);
            }
        }
        // Properties and subscribers are only defined for a single channel. Spec: chat.md 4.4.
        if let ([name], true) = (names.as_slice(), has_accepted) {
            let subscribers = subscribers.unwrap_or_default();
            let properties = properties.unwrap_or_default();
            let users = users.unwrap_or_default();
            if properties.len() + subscribers.len() + users.len() * 4 > MANY {
                *self.deferred = Some(Box::new(Deferred::Presence(Presence {
                    channel: Text::from(*name),
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
        if !outcomes.is_empty() || names.is_empty() {
            self.events.push(Event::SubscribeResult(outcomes));
        }
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
        let all = names.ok_or(missing("channels (p0)"))?;
        let names = all.strs();
        let mut repeats = Repeats::default();
        let mut outcomes = Vec::with_capacity(names.len());
        for (channel, name) in all.texts().zip(&names) {
            if repeats.take(name) {
                continue;
            }
            let settled = repeats.settle(&mut self.pending.unsubscribe, name);
            // A list may hold thousands of unknown names, and each of the two would search for them.
            if self.model.public.get(&channel).is_some() {
                self.model
                    .on_leaving(self.now, &channel, self.events, self.stats);
                self.model.on_unsubscribed(&channel);
            }
            let outcome = ChannelOutcome {
                channel,
                outcome: Outcome::Done,
                request: settled.map(|settled| settled.id),
            };
            let kind = settled.map(|settled| settled.kind);
            if let Some(restore) = &mut self.restore {
                let is_asked = self.pending.subscribe.is_waiting_for(name);
                restore.on_unsubscribe_outcome(self.now, outcome, kind, is_asked, &mut outcomes);
            } else if matches!(kind, Some(RequestKind::Application) | None) {
                outcomes.push(outcome);
            }
        }
        if !outcomes.is_empty() || names.is_empty() {
            self.events.push(Event::UnsubscribeResult(outcomes));
        }
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

/// The names of an event that repeat an entry, because the request had them more than once. Servers
/// answer such a request with each name as often, and it has one outcome for each.
#[derive(Default)]
struct Repeats<'n>(Vec<(&'n str, usize)>);

impl<'n> Repeats<'n> {
    /// Settles the request that waits for the name. Returns `None` if no request waits.
    fn settle(&mut self, pending: &mut ChannelRequests, name: &'n str) -> Option<Settled> {
        let settled = pending.settle(name)?;
        if settled.repeats > 0 {
            self.0.push((name, settled.repeats));
        }
        Some(settled)
    }

    /// Takes one repetition of the name. Returns whether there was one.
    fn take(&mut self, name: &str) -> bool {
        let left = self
            .0
            .iter_mut()
            .find(|(one, left)| *one == name && *left > 0);
        left.map(|(_, left)| *left -= 1).is_some()
    }
}
