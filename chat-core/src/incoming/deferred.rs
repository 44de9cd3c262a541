//! [`Deferred`]: changes of a large event that are made in later calls, so that no call takes long.
//!
//! They are made before the next message is taken, so nothing is observed out of order. They belong
//! to the connection and are dropped with it, like input that was not processed. Only outcomes of
//! requests that were settled before are reported then ([`Deferred::into_event`]): no one else has them.

use super::Incoming;
use super::listed::{ListedChannels, WORK_PER_PART};
use crate::event::{Event, PropertiesChange};
use alloc::boxed::Box;
use alloc::vec::Vec;
use photon_proto::{Text, Value};

/// How many subscribers, users or properties an event may have whose changes are made at once. So many
/// subscribers, or a quarter as many users, are added in one call; half as many properties are changed.
pub(super) const MANY: usize = 4_096;

/// The work of keeping a subscriber, user or property, in the unit of
/// [`Stats::work`](crate::Stats::work).
const WORK_PER_ENTRY: u64 = 800;

/// The rest of a large event.
#[derive(Debug)]
pub(crate) enum Deferred {
    /// Channels that the user entered or left, and the event about them.
    Channels(ListedChannels),
    /// What came with a confirmed subscription.
    Presence(Presence),
    /// Changed properties, and the event about them.
    Properties(Properties),
}

impl Deferred {
    /// The event that the end of the connection leaves.
    pub(crate) fn into_event(self) -> Option<Event> {
        match self {
            Self::Channels(list) => list.into_begun_event(),
            Self::Presence(_) | Self::Properties(_) => None,
        }
    }
}

/// A change of properties that was begun.
#[derive(Debug)]
pub(crate) struct Properties {
    change: Box<PropertiesChange>,
    /// How many of the properties were changed.
    done: usize,
    /// Whether there was memory for all of these.
    complete: bool,
}

impl Properties {
    pub(super) const fn new(change: Box<PropertiesChange>) -> Self {
        Self {
            change,
            done: 0,
            complete: true,
        }
    }
}

/// What is left of the properties and subscribers of a channel.
#[derive(Debug)]
pub(crate) struct Presence {
    pub(super) channel: Text,
    pub(super) properties: Vec<(Value, Value)>,
    pub(super) subscribers: Vec<Text>,
    pub(super) users: Vec<(Value, Value)>,
    /// Whether there was memory for all of it so far.
    pub(super) complete: bool,
}

impl Presence {
    const fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.subscribers.is_empty() && self.users.is_empty()
    }
}

impl Incoming<'_> {
    /// Makes the next part of the changes that an earlier call has left.
    pub(crate) fn continue_deferred(&mut self) {
        match self.deferred.take().map(|deferred| *deferred) {
            Some(Deferred::Channels(list)) => self.continue_channels(list),
            Some(Deferred::Presence(mut presence)) => {
                self.keep_presence(&mut presence);
                if presence.is_empty() {
                    self.note_dropped_presence(presence.complete);
                } else {
                    *self.deferred = Some(Box::new(Deferred::Presence(presence)));
                }
            }
            Some(Deferred::Properties(properties)) => self.continue_properties(properties),
            None => debug_assert!(false, "something is left"),
        }
    }

    /// Handles the next names. The event follows the last one, because each event 5 or 6 of the server
    /// makes one of ours.
    fn continue_channels(&mut self, mut list: ListedChannels) {
        self.stats.work += self.take_channels(&mut list, WORK_PER_PART);
        if list.is_done() {
            self.report_channels(list);
        } else {
            *self.deferred = Some(Box::new(Deferred::Channels(list)));
        }
    }

    /// Keeps one part. The parts in front of others decide what those mean.
    fn keep_presence(&mut self, presence: &mut Presence) {
        let (mut subscribers, mut users) = (Vec::new(), Vec::new());
        let mut own_id = "";
        let properties = core::mem::take(&mut presence.properties);
        if !properties.is_empty() {
            // All in one call: the channel has none yet, and filling an empty map takes no searches.
            own_id = &self.config.user_id.0;
        } else if !presence.subscribers.is_empty() {
            let count = presence.subscribers.len().min(MANY);
            subscribers = presence.subscribers.drain(..count).collect();
        } else {
            let count = presence.users.len().min(MANY / 4);
            users = presence.users.drain(..count).collect();
        }
        let entries = properties.len() + subscribers.len() + users.len();
        self.stats.work += WORK_PER_ENTRY * entries as u64;
        let subscribers: Vec<&str> = subscribers.iter().map(Text::as_str).collect();
        presence.complete &=
            self.model
                .set_presence(&presence.channel, &properties, &subscribers, &users, own_id);
    }

    /// Changes properties that are known to be of a channel, and reports it: in one call if they are few.
    pub(super) fn change_properties(&mut self, change: Box<PropertiesChange>) {
        let properties = Properties::new(change);
        if properties.change.properties.len() > MANY / 2 {
            *self.deferred = Some(Box::new(Deferred::Properties(properties)));
        } else {
            self.continue_properties(properties);
        }
    }

    /// Makes the next part of the changes. The event follows the last one, so that the application sees
    /// all of them once it is told of them.
    fn continue_properties(&mut self, mut properties: Properties) {
        let Properties {
            change,
            done,
            complete,
        } = &mut properties;
        let left = change.properties.get(*done..).unwrap_or_default();
        let user = change.user.as_deref();
        // Filling an empty map takes no searches.
        let most = if self.model.has_properties(&change.channel, user) {
            MANY / 2
        } else {
            left.len()
        };
        let part = left.get(..most).unwrap_or(left);
        if change.properties.len() > MANY / 2 {
            self.stats.work += WORK_PER_ENTRY * part.len() as u64;
        }
        // The user may have left the channel between two parts.
        let changed = self.model.change_properties(&change.channel, user, part);
        *complete &= changed.unwrap_or(true);
        *done += part.len();
        if *done < change.properties.len() {
            *self.deferred = Some(Box::new(Deferred::Properties(properties)));
            return;
        }
        self.note_dropped_presence(*complete);
        self.events
            .push(Event::PropertiesChanged(properties.change));
    }
}
