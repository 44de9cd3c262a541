//! [`Wanted`]: the state that the application asked for, whatever became of it on the server.

use super::ordered::OrderedNames;
use crate::options::{StatusMessage, SubscribeOptions};
use crate::status::UserStatus;
use alloc::boxed::Box;
use photon_proto::{HashKeys, Value};

/// How many removed friends are remembered, so that a removal which was lost with the connection is
/// repeated. Older ones reached the server long ago, and an application that changes its friends for
/// days must not use more and more memory.
const MAX_FORMER_FRIENDS: usize = 1024;

/// The channels, friends and status that the application wants to have. Requests change it in any
/// state; only the requests and event 6 do. Channels that others subscribed are not part of it.
///
/// Its size has no cap: every name in it was passed by the application itself.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) channels: OrderedNames<WantedChannel>,
    /// Channels to leave: their unsubscribe was not sent, or has not caused an event 6. The value is
    /// the connection on which it was sent last. No channel is wanted and left at once.
    pub(crate) leaving: OrderedNames<u32>,
    pub(crate) friends: OrderedNames<()>,
    /// Friends that were removed since the last login.
    pub(crate) former_friends: OrderedNames<()>,
    pub(crate) status: Option<WantedStatus>,
    /// Whether the status was set while there was no connection.
    pub(crate) status_is_unsent: bool,
}

/// A wanted channel: 24 bytes, because applications keep ten thousand of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WantedChannel {
    /// Options of the request. History and last id count only while the channel is new.
    last_id: i32,
    max_subscribers: i32,
    history: i8,
    publish_subscribers: bool,
    pub(crate) or_plain: bool,
    /// No event 5 has confirmed the channel since the application asked for it, so nothing is known
    /// of its messages.
    pub(crate) is_new: bool,
    /// The connection on which the channel was asked for last; 0 if it was not.
    pub(crate) asked_on: u32,
    /// The outcome on that connection.
    pub(crate) progress: Progress,
    /// Whether the plan of that connection waits for the outcome.
    pub(crate) counted: bool,
    /// Whether it was asked for without its creation options, because the server refused them.
    pub(crate) is_plain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// No outcome yet.
    Open,
    Done,
    Failed,
}

const _: () = assert!(size_of::<WantedChannel>() <= 24);

impl WantedChannel {
    /// `index` is the place of the channel in the request.
    pub(crate) fn new(options: &SubscribeOptions, index: usize) -> Self {
        let last_ids = options.last_ids.as_deref();
        let history = match (options.history, last_ids) {
            (None, None) => 0,
            (None, Some(_)) => -1,
            (Some(history), _) => history.clamp(-1, 100),
        };
        Self {
            last_id: last_ids.and_then(|ids| ids.get(index)).map_or(0, |id| *id),
            max_subscribers: options.max_subscribers,
            history: history as i8,
            publish_subscribers: options.publish_subscribers,
            or_plain: options.or_plain,
            is_new: true,
            asked_on: 0,
            progress: Progress::Open,
            counted: false,
            is_plain: false,
        }
    }

    pub(crate) const fn has_creation_options(&self) -> bool {
        self.publish_subscribers || self.max_subscribers != 0
    }

    /// The history length of the application's request.
    pub(crate) fn history(&self) -> i32 {
        i32::from(self.history)
    }

    /// The last id of the application's request, 0 if there was none.
    pub(crate) const fn last_id(&self) -> i32 {
        self.last_id
    }

    /// The creation options as the client asks for them on this connection. Another one begins with
    /// all of them: the channel may not exist any more.
    pub(crate) fn creation_options(&self, connection: u32) -> SubscribeOptions {
        if self.is_plain && self.asked_on == connection {
            return SubscribeOptions::new();
        }
        SubscribeOptions::new()
            .publish_subscribers(self.publish_subscribers)
            .max_subscribers(self.max_subscribers)
    }
}

/// The last status that the application set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WantedStatus {
    pub(crate) status: UserStatus,
    message: WantedMessage,
}

/// [`StatusMessage`] that owns its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WantedMessage {
    Set(Box<Value>),
    Clear,
    Keep,
}

impl WantedStatus {
    #[cfg(feature = "serde")]
    pub(crate) const fn new(status: UserStatus, message: WantedMessage) -> Self {
        Self { status, message }
    }

    #[cfg(feature = "serde")]
    pub(crate) const fn kept_message(&self) -> &WantedMessage {
        &self.message
    }

    pub(crate) fn message(&self) -> StatusMessage<'_> {
        match &self.message {
            WantedMessage::Set(value) => StatusMessage::SetValue(&**value),
            WantedMessage::Clear => StatusMessage::Clear,
            WantedMessage::Keep => StatusMessage::Keep,
        }
    }
}

impl Wanted {
    pub(crate) const fn new(keys: HashKeys) -> Self {
        Self {
            channels: OrderedNames::new(keys),
            leaving: OrderedNames::new(keys),
            friends: OrderedNames::new(keys),
            former_friends: OrderedNames::new(keys),
            status: None,
            status_is_unsent: false,
        }
    }

    /// Wants a channel. A known one gets the new options; what is known of its messages and of its
    /// request on this connection stays.
    pub(crate) fn want(&mut self, name: &str, options: &SubscribeOptions, index: usize) {
        self.leaving.remove(name);
        let mut channel = WantedChannel::new(options, index);
        if let Some(known) = self.channels.get_mut(name) {
            (channel.asked_on, channel.progress) = (known.asked_on, known.progress);
            (channel.counted, channel.is_plain) = (known.counted, known.is_plain);
            channel.is_new = known.is_new;
            *known = channel;
        } else {
            self.channels.insert(name, channel);
        }
        debug_assert!(!self.leaving.contains(name), "a wanted channel is not left");
    }

    /// Wants a channel that an earlier run of the program wanted. `is_new` is whether nothing is
    /// known of its messages.
    pub(crate) fn resume_channel(&mut self, name: &str, options: &SubscribeOptions, is_new: bool) {
        self.want(name, options, 0);
        if let Some(channel) = self.channels.get_mut(name) {
            channel.is_new = is_new;
        }
    }

    /// Wants to leave a channel. `sent_on` is the connection on which the unsubscribe was sent, 0
    /// if it was not.
    pub(crate) fn leave(&mut self, name: &str, sent_on: u32) {
        self.channels.remove(name);
        self.leaving.insert(name, sent_on);
    }

    pub(crate) fn add_friend(&mut self, name: &str) {
        self.former_friends.remove(name);
        self.friends.insert(name, ());
    }

    pub(crate) fn remove_friend(&mut self, name: &str) {
        self.friends.remove(name);
        self.former_friends.insert(name, ());
        if self.former_friends.len() > MAX_FORMER_FRIENDS
            && let Some(oldest) = self.former_friends.first().cloned()
        {
            self.former_friends.remove(&oldest);
        }
    }

    /// Notes the status that the application set. A message that is to be kept is the one set
    /// before.
    pub(crate) fn set_status(&mut self, status: UserStatus, message: WantedMessage) {
        let message = match (message, self.status.take()) {
            (WantedMessage::Keep, Some(before)) => before.message,
            (message, _) => message,
        };
        self.status = Some(WantedStatus { status, message });
    }

    /// Gives empty tables back what they used. Changes places, so only between two plans.
    pub(crate) fn compact(&mut self) {
        self.channels.compact();
        self.leaving.compact();
        self.friends.compact();
        self.former_friends.compact();
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_FORMER_FRIENDS, Wanted, WantedMessage};
    use crate::options::{StatusMessage, SubscribeOptions};
    use crate::status::UserStatus;
    use alloc::boxed::Box;
    use alloc::format;
    use photon_proto::{HashKeys, Random, Value};

    fn wanted() -> Wanted {
        Wanted::new(HashKeys::new(&mut Random::new([5; 32])))
    }

    #[test]
    fn the_later_of_subscribe_and_unsubscribe_counts() {
        let mut wanted = wanted();
        wanted.want("a", &SubscribeOptions::new(), 0);
        wanted.leave("a", 0);
        assert!(!wanted.channels.contains("a") && wanted.leaving.contains("a"));
        wanted.want("a", &SubscribeOptions::new(), 0);
        assert!(wanted.channels.contains("a") && !wanted.leaving.contains("a"));
    }

    #[test]
    fn a_later_subscribe_changes_the_options_and_not_what_is_known() {
        let mut wanted = wanted();
        wanted.want("a", &SubscribeOptions::new().last_ids([3, 7]), 1);
        let channel = wanted.channels.get_mut("a").unwrap();
        assert_eq!((channel.history(), channel.last_id()), (-1, 7));
        (channel.is_new, channel.asked_on) = (false, 4);
        wanted.want("a", &SubscribeOptions::new().max_subscribers(5), 0);
        let channel = wanted.channels.get("a").unwrap();
        assert!(channel.has_creation_options() && !channel.is_new);
        assert_eq!(channel.asked_on, 4);
    }

    #[test]
    fn a_removed_friend_is_remembered_up_to_a_limit() {
        let mut wanted = wanted();
        wanted.add_friend("bob");
        wanted.remove_friend("bob");
        assert!(!wanted.friends.contains("bob") && wanted.former_friends.contains("bob"));
        wanted.add_friend("bob");
        assert!(!wanted.former_friends.contains("bob"));
        for number in 0..MAX_FORMER_FRIENDS * 3 {
            wanted.remove_friend(&format!("user {number}"));
        }
        assert_eq!(wanted.former_friends.len(), MAX_FORMER_FRIENDS);
        assert!(!wanted.former_friends.contains("user 0"));
    }

    #[test]
    fn a_status_message_that_is_kept_is_the_one_set_before() {
        let mut wanted = wanted();
        let text = WantedMessage::Set(Box::new(Value::from("brb")));
        wanted.set_status(UserStatus::ONLINE, text);
        wanted.set_status(UserStatus::AWAY, WantedMessage::Keep);
        let status = wanted.status.as_ref().unwrap();
        assert_eq!(status.status, UserStatus::AWAY);
        assert!(matches!(status.message(), StatusMessage::SetValue(_)));
        wanted.set_status(UserStatus::AWAY, WantedMessage::Clear);
        wanted.set_status(UserStatus::DND, WantedMessage::Keep);
        let status = wanted.status.as_ref().unwrap();
        assert!(matches!(status.message(), StatusMessage::Clear));
    }
}
