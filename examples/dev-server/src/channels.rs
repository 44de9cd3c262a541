//! Channels: subscribing, unsubscribing, history, and their lifetime. Spec: chat.md 3.1, 3.2, 4.4,
//! 4.5, 12.

use hashbrown::hash_map::Entry;
use photon_proto::{Text, Value};

use crate::channel::Channel;
use crate::channel_events::{by_user, untyped};
use crate::context::Context;
use crate::event::Event;
use crate::partition::Partition;
use crate::property_list::{self, Properties};
use crate::timers::Timer;
use chat_core::codes::{event, parameter as p};

impl Partition {
    /// Adds a user to a channel, which is created with these properties if it does not exist.
    /// Returns whether the user is in the channel now.
    pub(crate) fn enter(
        &mut self,
        cx: &mut Context<'_>,
        user_id: &Text,
        name: &Text,
        wanted: &Properties,
    ) -> bool {
        let Some(user) = self.users.get_mut(user_id) else {
            debug_assert!(false, "only a user with a session subscribes");
            return false;
        };
        if name.is_empty() {
            return false;
        }
        if user.channels.contains(name) {
            return true;
        }
        if user.channels.len() >= cx.config.max_subscriptions {
            return false;
        }
        let channel = match self.channels.entry(name.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(_) if property_list::size(wanted) > cx.config.max_property_bytes => {
                return false;
            }
            Entry::Vacant(_) if self.channel_count.get() >= cx.config.max_channels => {
                return false;
            }
            Entry::Vacant(entry) => entry.insert(Channel::new(
                property_list::apply(&Vec::new(), wanted),
                &self.history_memory,
                &self.channel_count,
            )),
        };
        if channel.is_full()
            || cx
                .config
                .max_subscribers
                .is_some_and(|max| channel.subscribers.len() >= max)
        {
            return false;
        }
        user.channels.insert(name.clone());
        let new = channel.subscribers.insert(user_id.clone());
        debug_assert!(new, "users and channels list each other");
        channel.ends = None;
        if channel.publishes() {
            self.notify_others(cx, name, user_id, event::USER_SUBSCRIBED);
        }
        true
    }

    /// Removes a user from a channel. The caller updates the user's own list.
    pub(crate) fn leave(&mut self, cx: &mut Context<'_>, name: &Text, user_id: &Text) {
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        if !channel.subscribers.remove(user_id) {
            return;
        }
        channel.user_properties.remove(user_id);
        if channel.publishes() {
            self.notify_others(cx, name, user_id, event::USER_UNSUBSCRIBED);
        }
        self.end_if_empty(cx, name);
    }

    /// Gives a channel without subscribers its time to end.
    pub(crate) fn end_if_empty(&mut self, cx: &mut Context<'_>, name: &Text) {
        if let Some(channel) = self.channels.get_mut(name)
            && channel.subscribers.is_empty()
        {
            debug_assert!(channel.ends.is_none(), "a channel with a subscriber stays");
            channel.ends = Some(cx.now.plus_millis(cx.config.channel_linger_ms));
            self.remind(cx, name);
        }
    }

    /// Sends event 8 or 9 to all subscribers except the one that it is about. Spec: chat.md 4.7.
    fn notify_others(&self, cx: &mut Context<'_>, name: &Text, user_id: &Text, code: u8) {
        let Some(channel) = self.channels.get(name) else {
            return;
        };
        let to = self.connections(channel.subscribers.iter().filter(|other| *other != user_id));
        let parameters = vec![
            (p::CHANNEL, Value::from(name.clone())),
            (p::USER_ID, Value::from(user_id.clone())),
        ];
        cx.send_event(&to, &mut Event::new(code, parameters));
    }

    /// Creates event 5. For a single channel it contains the properties and the other subscribers.
    /// Spec: chat.md 4.4, 12.
    pub(crate) fn subscription_event(
        &self,
        user_id: &Text,
        channels: Vec<Text>,
        results: Vec<bool>,
    ) -> Event {
        let mut more = Vec::new();
        if let ([name], [true]) = (channels.as_slice(), results.as_slice())
            && let Some(channel) = self.channels.get(name)
        {
            if !channel.properties.is_empty() {
                more.push((p::PROPERTIES, untyped(channel.properties.clone())));
            }
            if channel.publishes() {
                let others = channel
                    .subscribers
                    .iter()
                    .filter(|other| *other != user_id)
                    .cloned();
                more.push((
                    p::CHANNEL_SUBSCRIBERS,
                    Value::from(others.collect::<Vec<Text>>()),
                ));
            }
            if !channel.user_properties.is_empty() {
                more.push((p::USER_PROPERTIES, by_user(&channel.user_properties)));
            }
        }
        let mut parameters = vec![
            (p::CHANNELS, Value::from(channels)),
            (p::SUBSCRIBE_RESULTS, Value::from(results)),
        ];
        parameters.append(&mut more);
        Event::with_content(
            event::SUBSCRIBE,
            parameters,
            &[p::PROPERTIES, p::USER_PROPERTIES],
        )
    }

    /// Sets a reminder for the next deadline of a channel, unless an earlier one is set.
    pub(crate) fn remind(&mut self, cx: &mut Context<'_>, name: &Text) {
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        let next = [channel.ends, channel.gathered_until]
            .into_iter()
            .flatten()
            .min();
        if let Some(at) = next
            && channel.reminded.is_none_or(|reminded| at < reminded)
        {
            channel.reminded = Some(at);
            cx.timers
                .set(at, Timer::Channel(self.key.clone(), name.clone()));
        }
    }

    /// Handles the deadlines of a channel that have passed.
    pub(crate) fn check_channel(&mut self, cx: &mut Context<'_>, name: &Text) {
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        debug_assert_eq!(
            channel.ends.is_some(),
            channel.subscribers.is_empty(),
            "only an empty channel ends"
        );
        debug_assert_eq!(
            channel.gathered_until.is_some(),
            !channel.gathered.is_empty(),
            "collected messages have a deadline"
        );
        channel.reminded = channel.reminded.filter(|at| *at > cx.now);
        if channel.ends.is_some_and(|at| at <= cx.now) {
            self.channels.remove(name);
            return;
        }
        if channel.gathered_until.is_some_and(|at| at <= cx.now) {
            self.flush(cx, name);
        }
        self.remind(cx, name);
    }
}
