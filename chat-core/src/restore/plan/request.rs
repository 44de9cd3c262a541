//! [`Request`]: what a plan asks for next.

use alloc::vec::Vec;
use photon_proto::Text;

/// Servers keep this many messages of a channel. Spec: chat.md 3.1.
pub(super) const MAX_HISTORY: i32 = 100;

/// A request to send. It counts once [`Plan::on_sent`](super::Plan::on_sent) confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Unsubscribe(Vec<Text>),
    Subscribe(Subscription),
    RemoveFriends(Vec<Text>),
    AddFriends(Vec<Text>),
    Status,
}

/// One subscribe request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) names: Vec<Text>,
    /// The channels are new: the application's own options apply. Otherwise the client asks for all
    /// messages after those that it has.
    pub(crate) is_new: bool,
    /// The longest history to ask for.
    pub(crate) max_history: i32,
}

impl Subscription {
    /// Whether it asks for a part of the history only.
    pub(crate) const fn limits_history(&self) -> bool {
        self.max_history < MAX_HISTORY
    }
}
