//! Judges what one client is told.

use chat_core::{Event, Outcome, RequestId, State, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What has been log by anybody, so that nothing can be heard that nobody log.
#[derive(Default)]
pub(crate) struct ActionLog {
    /// Text published: by whom, where.
    published: BTreeMap<String, (String, String)>,
    /// Text sent privately: by whom, to whom.
    private: BTreeMap<String, (String, String)>,
    /// The id that a published text was delivered with.
    ids: BTreeMap<String, i32>,
    /// Users whose status a user asked for.
    friends: BTreeSet<(String, String)>,
    /// Statuses that a user has set.
    statuses: BTreeSet<(String, i32)>,
    count: u64,
}

impl ActionLog {
    fn next(&mut self) -> String {
        self.count += 1;
        format!("text {}", self.count)
    }

    /// A text of its own, to be published.
    pub(crate) fn publish(&mut self, user: &str, channel: &str) -> String {
        let text = self.next();
        self.published
            .insert(text.clone(), (user.to_owned(), channel.to_owned()));
        text
    }

    /// A text of its own, to be sent to a user.
    pub(crate) fn send(&mut self, user: &str, target: &str) -> String {
        let text = self.next();
        self.private
            .insert(text.clone(), (user.to_owned(), target.to_owned()));
        text
    }

    pub(crate) fn befriend(&mut self, user: &str, friend: &str) {
        self.friends.insert((user.to_owned(), friend.to_owned()));
    }

    pub(crate) fn set_status(&mut self, user: &str, status: i32) {
        self.statuses.insert((user.to_owned(), status));
    }
}

/// Watches one client.
pub(crate) struct Checker {
    user: String,
    state: State,
    error_due: bool,
    open: BTreeMap<RequestId, BTreeSet<String>>,
    subscribed: BTreeSet<String>,
    /// Texts heard in a channel since its last confirmed subscription: history may tell older ones again.
    heard: BTreeMap<String, BTreeSet<String>>,
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
            heard: BTreeMap::new(),
            messages: 0,
            outcomes: 0,
        }
    }

    /// A request was accepted for these names.
    pub(crate) fn asked(&mut self, id: RequestId, names: &[String]) {
        assert!(
            self.open
                .insert(id, names.iter().cloned().collect())
                .is_none(),
            "request id used twice"
        );
    }

    pub(crate) fn nothing_open(&self) {
        assert!(
            self.open.is_empty(),
            "{}: requests without an outcome: {:?}",
            self.user,
            self.open
        );
        assert!(!self.error_due, "{}: an error is missing", self.user);
    }

    pub(crate) fn subscribed(&self) -> &BTreeSet<String> {
        &self.subscribed
    }

    pub(crate) fn judge(&mut self, log: &mut ActionLog, event: &Event) {
        let user = &self.user;
        if self.error_due {
            assert!(
                matches!(event, Event::Error { .. }),
                "{user}: {event:?} in place of the error"
            );
        }
        match event {
            Event::StateChanged { from, to } => {
                assert_eq!(*from, self.state, "{user}: a state was skipped");
                if *from == State::ConnectedToFrontEnd {
                    self.subscribed.clear();
                    self.heard.clear();
                    assert!(
                        self.open.is_empty(),
                        "{user}: requests without an outcome: {:?}",
                        self.open
                    );
                }
                self.state = *to;
                self.error_due = *to == State::Error;
            }
            Event::Error { .. } => {
                assert!(self.error_due, "{user}: an error out of place: {event:?}");
                self.error_due = false;
            }
            Event::Authenticated(login) => assert_eq!(login.user_id, self.user.as_str()),
            Event::SubscribeResult(outcomes) => self.outcomes(outcomes, true),
            Event::UnsubscribeResult(outcomes) => self.outcomes(outcomes, false),
            Event::ChatMessages { channel, messages } => self.chat_messages(log, channel, messages),
            Event::PrivateMessage { channel, message } => {
                let text = message.content().as_str().expect("text");
                let (sender, target) = log.private.get(text).expect("a text that was sent");
                assert_eq!(message.sender(), sender);
                let other = if sender == user { target } else { sender };
                assert_eq!(channel.as_str(), other, "{user}: in the wrong conversation");
                assert!(
                    sender == user || target == user,
                    "{user}: somebody else's message"
                );
                self.messages += 1;
            }
            Event::UserStatusUpdate {
                user: friend,
                status,
                ..
            } => {
                assert!(
                    log.friends.contains(&(user.clone(), friend.to_string())),
                    "{user}: {friend} is no friend"
                );
                assert!(
                    status.code() == 0
                        || log.statuses.contains(&(friend.to_string(), status.code())),
                    "{user}: {friend} never was {status}"
                );
            }
            Event::UserSubscribed(change) | Event::UserUnsubscribed(change) => {
                assert!(
                    self.subscribed.contains(change.channel.as_str()),
                    "{user}: users of a channel it is not in"
                );
            }
            Event::PropertiesChanged(change) => {
                assert!(
                    self.subscribed.contains(change.channel.as_str()),
                    "{user}: properties of another channel"
                );
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
                // Publishing into a channel that was left meanwhile, and a lost compare-and-swap.
                let allowed = *return_code == 0 || (matches!(operation, 2 | 8) && *return_code < 0);
                assert!(allowed, "{user}: {event:?}");
            }
            _ => panic!("{user}: {event:?}"),
        }
    }

    fn outcomes(&mut self, outcomes: &[chat_core::ChannelOutcome], subscribe: bool) {
        let user = &self.user;
        for one in outcomes {
            let channel = one.channel.to_string();
            if let Some(request) = one.request {
                let names = self.open.get_mut(&request).expect("an open request");
                assert!(names.remove(&channel), "{user}: {channel} settled twice");
                if names.is_empty() {
                    self.open.remove(&request);
                }
                self.outcomes += 1;
            }
            match (&one.outcome, subscribe) {
                (Outcome::Done, true) => {
                    assert_eq!(self.state, State::ConnectedToFrontEnd);
                    self.subscribed.insert(channel.clone());
                    self.heard.remove(&channel);
                }
                (Outcome::Done, false) => {
                    self.subscribed.remove(&channel);
                    self.heard.remove(&channel);
                }
                (Outcome::TimedOut | Outcome::ConnectionLost | Outcome::Refused, _) => {}
                (outcome, _) => panic!("{user}: {outcome:?}"),
            }
        }
    }

    fn chat_messages(
        &mut self,
        log: &mut ActionLog,
        channel: &str,
        messages: &chat_core::Messages,
    ) {
        let user = &self.user;
        assert!(
            self.subscribed.contains(channel),
            "{user}: messages of {channel}, where it is not"
        );
        let heard = self.heard.entry(channel.to_owned()).or_default();
        let mut last = 0;
        for message in messages.iter() {
            let text = message.content.as_str().expect("text");
            let (sender, place) = log.published.get(text).expect("a text that was published");
            assert_eq!(
                (message.sender, channel),
                (sender.as_str(), place.as_str()),
                "{user}: {text}"
            );
            assert!(
                heard.insert(text.to_owned()),
                "{user}: {text} was told twice"
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
