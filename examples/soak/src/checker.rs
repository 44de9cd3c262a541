//! Checks the events of one client against what all clients did.

use chat_core::{ChannelOutcome, Event, Messages, Outcome, RequestId, State, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that clients did, so that an event without a cause is found.
#[derive(Default)]
pub(crate) struct ActionLog {
    /// Published text -> sender and channel.
    published: BTreeMap<String, (String, String)>,
    /// Privately sent text -> sender and receiver.
    private: BTreeMap<String, (String, String)>,
    /// Published text -> the id that it was first delivered with.
    ids: BTreeMap<String, i32>,
    /// Pairs of a user and a friend whose status it watches, or once watched.
    friends: BTreeSet<(String, String)>,
    /// Pairs of a user and a status that it has set.
    statuses: BTreeSet<(String, i32)>,
    texts: u64,
}

impl ActionLog {
    /// Makes a text that no other message has, so that a delivered text identifies its message.
    fn unique_text(&mut self) -> String {
        self.texts += 1;
        format!("text {}", self.texts)
    }

    /// Returns a unique text for `user` to publish in `channel`.
    pub(crate) fn publish(&mut self, user: &str, channel: &str) -> String {
        let text = self.unique_text();
        self.published
            .insert(text.clone(), (user.to_owned(), channel.to_owned()));
        text
    }

    /// Returns a unique text for `user` to send to `receiver`.
    pub(crate) fn send(&mut self, user: &str, receiver: &str) -> String {
        let text = self.unique_text();
        self.private
            .insert(text.clone(), (user.to_owned(), receiver.to_owned()));
        text
    }

    pub(crate) fn add_friend(&mut self, user: &str, friend: &str) {
        self.friends.insert((user.to_owned(), friend.to_owned()));
    }

    pub(crate) fn set_status(&mut self, user: &str, status: i32) {
        self.statuses.insert((user.to_owned(), status));
    }
}

/// Checks one client.
pub(crate) struct Checker {
    user: String,
    state: State,
    /// The client changed to [`State::Error`], so its next event is the error.
    error_due: bool,
    /// Requests without a result, with the names that are not settled yet.
    open: BTreeMap<RequestId, BTreeSet<String>>,
    subscribed: BTreeSet<String>,
    /// The subscribed channels whose subscribers the server has listed on this connection.
    listed: BTreeSet<String>,
    /// Texts received in a channel since its last confirmed subscription. The set starts again with
    /// each subscription, because history may repeat older messages.
    received: BTreeMap<String, BTreeSet<String>>,
    pub(crate) messages: u64,
    pub(crate) outcomes: u64,
}

impl Checker {
    pub(crate) fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            state: State::Uninitialized,
            error_due: false,
            open: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            listed: BTreeSet::new(),
            received: BTreeMap::new(),
            messages: 0,
            outcomes: 0,
        }
    }

    /// Notes that the client accepted a request for these names.
    pub(crate) fn on_request(&mut self, id: RequestId, names: &[String]) {
        let earlier = self.open.insert(id, names.iter().cloned().collect());
        assert!(earlier.is_none(), "{}: {id:?} was used twice", self.user);
    }

    pub(crate) fn assert_all_settled(&self) {
        let user = &self.user;
        assert!(
            self.open.is_empty(),
            "{user}: requests without a result: {:?}",
            self.open
        );
        assert!(
            !self.error_due,
            "{user}: state Error without an Error event"
        );
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Whether the client must know the subscribers of a channel. Only an event 5 for this channel
    /// alone lists them; one with several names leaves those of an earlier connection as they were.
    pub(crate) fn knows_subscribers(&self, channel: &str) -> bool {
        self.listed.contains(channel)
    }

    pub(crate) fn subscribed(&self) -> &BTreeSet<String> {
        &self.subscribed
    }

    pub(crate) fn check(&mut self, log: &mut ActionLog, event: &Event) {
        let user = &self.user;
        if self.error_due {
            assert!(
                matches!(event, Event::Error { .. }),
                "{user}: {event:?} instead of the error"
            );
        }
        match event {
            Event::StateChanged { from, to } => {
                assert_eq!(*from, self.state, "{user}: a state was skipped");
                if *from == State::ConnectedToFrontEnd {
                    self.subscribed.clear();
                    self.listed.clear();
                    self.received.clear();
                    // The results of everything pending come first. Contract, point 8.
                    assert!(
                        self.open.is_empty(),
                        "{user}: requests without a result: {:?}",
                        self.open
                    );
                }
                self.state = *to;
                self.error_due = *to == State::Error;
            }
            Event::Error { .. } => {
                assert!(self.error_due, "{user}: unexpected error: {event:?}");
                self.error_due = false;
            }
            Event::Authenticated(login) => assert_eq!(login.user_id, self.user.as_str()),
            Event::SubscribeResult(outcomes) => self.check_outcomes(outcomes, true),
            Event::UnsubscribeResult(outcomes) => self.check_outcomes(outcomes, false),
            Event::ChatMessages { channel, messages } => {
                self.check_messages(log, channel, messages)
            }
            // Who was away and asks for less than the whole history misses messages, and a channel
            // that everybody left begins a new life. The scenarios of chat-core judge the rest.
            Event::Gap {
                channel, new_life, ..
            } => {
                if *new_life {
                    self.received.remove(&**channel);
                }
            }
            Event::PrivateMessage { channel, message } => {
                let text = message.content().as_str().expect("a text");
                let (sender, receiver) = log.private.get(text).expect("a text that was sent");
                assert_eq!(message.sender(), sender);
                assert!(
                    sender == user || receiver == user,
                    "{user}: a message from {sender} to {receiver}"
                );
                let other = if sender == user { receiver } else { sender };
                assert_eq!(channel.as_str(), other, "{user}: wrong private channel");
                self.messages += 1;
            }
            Event::UserStatusUpdate {
                user: friend,
                status,
                ..
            } => {
                let (friend, code) = (friend.to_string(), status.code());
                assert!(
                    log.friends.contains(&(user.clone(), friend.clone())),
                    "{user}: status of {friend}, who is not a friend"
                );
                assert!(
                    code == 0 || log.statuses.contains(&(friend.clone(), code)),
                    "{user}: {friend} never set {status}"
                );
            }
            Event::UserSubscribed(change) | Event::UserUnsubscribed(change) => {
                assert!(
                    self.subscribed.contains(change.channel.as_str()),
                    "{user}: {event:?} without a subscription"
                );
            }
            Event::PropertiesChanged(change) => {
                assert!(
                    self.subscribed.contains(change.channel.as_str()),
                    "{user}: {event:?} without a subscription"
                );
                // The only property that a run sets.
                assert!(matches!(
                    change.properties.as_slice(),
                    [(Value::String(_), Value::Int(_))]
                ));
            }
            Event::OperationResponse {
                operation,
                return_code,
                ..
            } => {
                // The server rejects a publish (2) to a channel that the client has left meanwhile,
                // and a compare-and-swap of properties (8) that another client won.
                let allowed = *return_code == 0 || (matches!(operation, 2 | 8) && *return_code < 0);
                assert!(allowed, "{user}: {event:?}");
            }
            _ => panic!("{user}: {event:?}"),
        }
    }

    fn check_outcomes(&mut self, outcomes: &[ChannelOutcome], subscribe: bool) {
        let user = &self.user;
        for outcome in outcomes {
            let channel = outcome.channel.to_string();
            if let Some(request) = outcome.request {
                let names = self.open.get_mut(&request).expect("an open request");
                assert!(names.remove(&channel), "{user}: {channel} settled twice");
                if names.is_empty() {
                    self.open.remove(&request);
                }
                self.outcomes += 1;
            }
            match (&outcome.outcome, subscribe) {
                (Outcome::Done, true) => {
                    assert_eq!(self.state, State::ConnectedToFrontEnd);
                    self.subscribed.insert(channel.clone());
                    if outcomes.len() == 1 {
                        self.listed.insert(channel.clone());
                    } else {
                        self.listed.remove(&channel);
                    }
                    self.received.remove(&channel);
                }
                (Outcome::Done, false) => {
                    self.subscribed.remove(&channel);
                    self.received.remove(&channel);
                }
                (Outcome::TimedOut | Outcome::ConnectionLost | Outcome::Refused, _) => {}
                (unexpected, _) => panic!("{user}: {unexpected:?}"),
            }
        }
    }

    fn check_messages(&mut self, log: &mut ActionLog, channel: &str, messages: &Messages) {
        let user = &self.user;
        assert!(
            self.subscribed.contains(channel),
            "{user}: messages of {channel} without a subscription"
        );
        let received = self.received.entry(channel.to_owned()).or_default();
        let mut last = 0;
        for message in messages.iter() {
            let text = message.content.as_str().expect("a text");
            let (sender, place) = log.published.get(text).expect("a text that was published");
            assert_eq!(
                (message.sender, channel),
                (sender.as_str(), place.as_str()),
                "{user}: {text}"
            );
            assert!(
                received.insert(text.to_owned()),
                "{user}: {text} was delivered twice"
            );
            let id = message.id.expect("an id");
            assert!(id > last, "{user}: ids out of order");
            last = id;
            let known = *log.ids.entry(text.to_owned()).or_insert(id);
            assert_eq!(known, id, "{user}: {text} has two ids");
            self.messages += 1;
        }
    }
}
