//! [`Population`]: the state of all users, computed from the events of their clients.

use crate::deliveries::Deliveries;
use crate::loopback;
use chat_std_io::{
    CauseKind, ChannelOutcome, ChatClient, Content, Event, Messages, Outcome, State,
    SubscribeOptions, Timestamp,
};
use std::collections::BTreeMap;

/// The largest number of different causes that are counted. A server could otherwise fill the
/// memory with texts.
const MAX_CAUSES: usize = 100;

/// All users. User `n` is in channel `n` modulo the number of channels.
#[derive(Debug)]
pub(crate) struct Population {
    channels: Vec<String>,
    users: Vec<User>,
    /// Who publishes next in each channel.
    next_publisher: Vec<usize>,
    /// The number of users at each stage.
    counts: [usize; 7],
    /// The messages that must reach them.
    pub(crate) deliveries: Deliveries,
    /// Whether clients come back by themselves.
    restores: bool,
    /// How often one was back in the channel.
    pub(crate) restores_done: u64,
    /// The reason to end the test: the name server sent a client to another machine.
    pub(crate) sent_elsewhere: Option<String>,
    /// Each cause of a failure, with its count and the first user.
    pub(crate) causes: BTreeMap<String, (usize, usize)>,
}

#[derive(Debug)]
struct User {
    stage: Stage,
}

/// The stage of a user.
///
/// ```text
/// Connecting ──> Joining ──> Joined ──> Left
///     └─────────────┴──> Failed └──> Lost
/// ```
///
/// With restore, a user who loses the connection is `Away` until the channel is restored; one who
/// was not connected yet stays `Connecting`. Only a client that gives up is `Failed` or `Lost`.
///
/// ```text
/// Joining, Joined ──> Away ──> Joined
///                       └────> Lost
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Connecting to the front end.
    Connecting,
    /// Connected; the subscribe request has no result yet.
    Joining,
    /// Subscribed.
    Joined,
    /// Without a connection, or without the channel again; the client comes back by itself.
    Away,
    /// Disconnected at the end of the test.
    Left,
    /// Failed before it was subscribed. Final.
    Failed,
    /// Subscribed, then disconnected or unsubscribed by the server. Final.
    Lost,
}

/// The memory that the application needs for each client.
pub(crate) const RECORD_BYTES: usize = size_of::<User>();

impl Population {
    /// Creates an empty population that will subscribe to these channels.
    pub(crate) fn new(channels: Vec<String>, restores: bool, message_bytes: usize) -> Self {
        debug_assert!(!channels.is_empty(), "each user needs a channel");
        Self {
            deliveries: Deliveries::new(channels.len(), message_bytes, restores),
            next_publisher: (0..channels.len()).collect(),
            channels,
            users: Vec::new(),
            counts: [0; 7],
            restores,
            restores_done: 0,
            sent_elsewhere: None,
            causes: BTreeMap::new(),
        }
    }

    /// Adds a user whose client has started.
    pub(crate) fn start(&mut self) {
        self.users.push(User {
            stage: Stage::Connecting,
        });
        self.counts[Stage::Connecting as usize] += 1;
    }

    /// The number of users so far.
    pub(crate) fn started(&self) -> usize {
        self.users.len()
    }

    /// The number of users at this stage.
    pub(crate) fn count(&self, stage: Stage) -> usize {
        self.counts[stage as usize]
    }

    /// The number of users that have neither subscribed nor failed yet.
    pub(crate) fn starting(&self) -> usize {
        self.count(Stage::Connecting) + self.count(Stage::Joining)
    }

    /// The channel of a user.
    fn channel_of(&self, index: usize) -> &str {
        &self.channels[index % self.channels.len()]
    }

    /// The name of a channel.
    pub(crate) fn channel(&self, channel: usize) -> &str {
        &self.channels[channel]
    }

    /// The number of users that a message in this channel must reach. The history brings it to those
    /// who come back.
    pub(crate) fn receivers(&self, channel: usize) -> usize {
        self.users
            .iter()
            .skip(channel)
            .step_by(self.channels.len())
            .filter(|user| matches!(user.stage, Stage::Joined | Stage::Away))
            .count()
    }

    /// The next subscribed user of this channel, each in turn.
    pub(crate) fn next_publisher(&mut self, channel: usize) -> Option<usize> {
        let step = self.channels.len();
        let first = self.next_publisher[channel];
        let joined = |index: &usize| self.stage(*index) == Some(Stage::Joined);
        let found = (first..self.users.len())
            .step_by(step)
            .find(joined)
            .or_else(|| (channel..first).step_by(step).find(joined))?;
        self.next_publisher[channel] = found + step;
        Some(found)
    }

    /// Counts a cause of a failure.
    pub(crate) fn note(&mut self, index: usize, cause: &str) {
        if let Some((count, _)) = self.causes.get_mut(cause) {
            *count += 1;
        } else if self.causes.len() < MAX_CAUSES {
            self.causes.insert(cause.to_owned(), (1, index));
        }
    }

    /// Handles an event of a client.
    pub(crate) fn on_event(
        &mut self,
        index: usize,
        now: Timestamp,
        chat: &mut ChatClient,
        event: Event,
    ) {
        match event {
            // The client brings the channel back by itself.
            Event::StateChanged {
                to: State::ConnectedToFrontEnd,
                ..
            } if self.stage(index) == Some(Stage::Away) => {}
            Event::StateChanged {
                to: State::ConnectedToFrontEnd,
                ..
            } => {
                self.set_stage(index, Stage::Joining);
                if let Err(error) =
                    chat.subscribe([self.channel_of(index)], &SubscribeOptions::new())
                {
                    self.fail(index, &format!("subscribing: {error}"));
                }
            }
            Event::SubscribeResult(outcomes) => {
                // Each client requests one name. An outcome without a request was not requested by this
                // client.
                for outcome in outcomes.iter().filter(|outcome| outcome.request.is_some()) {
                    match &outcome.outcome {
                        Outcome::Done => self.set_stage(index, Stage::Joined),
                        Outcome::Failed(error) => {
                            self.fail(index, &format!("subscribing: {error}"))
                        }
                        Outcome::Refused => {
                            self.fail(index, "subscribing: the server refused the channel")
                        }
                        Outcome::TimedOut => self.fail(index, "subscribing: no response in time"),
                        // The connection has ended; the next events report it with its cause.
                        _ => {}
                    }
                }
            }
            Event::ChatMessages { channel, messages } if *channel == *self.channel_of(index) => {
                self.on_messages(index, now, &messages);
            }
            Event::StateChanged {
                to: State::Disconnected,
                ..
            } => self.set_stage(index, Stage::Left),
            Event::UnsubscribeResult(outcomes) => {
                let removed = |outcome: &ChannelOutcome| {
                    outcome.request.is_none() && *outcome.channel == *self.channel_of(index)
                };
                if outcomes.iter().any(removed) {
                    self.fail(index, "the server unsubscribed the user");
                }
            }
            // The next event has the cause.
            Event::StateChanged {
                to: State::Error, ..
            } if self.restores => {
                if matches!(self.stage(index), Some(Stage::Joining | Stage::Joined)) {
                    self.set_stage(index, Stage::Away);
                }
            }
            Event::StateChanged {
                to: State::Error, ..
            } => self.set_stage(index, Stage::Failed),
            // The first connection has one, too.
            Event::Restored { failed, .. } if self.stage(index) == Some(Stage::Away) => {
                match failed.first() {
                    None => {
                        self.restores_done += 1;
                        self.set_stage(index, Stage::Joined);
                    }
                    Some(failed) => {
                        let cause = format!("restoring the channel: {:?}", failed.outcome);
                        self.fail(index, &cause);
                    }
                }
            }
            Event::ReconnectGaveUp { cause } => {
                self.fail(index, &format!("the client gave up coming back: {cause}"));
            }
            Event::Gap { new_life: true, .. } => self.deliveries.on_new_life(index),
            Event::Error { cause, message, .. } if cause.kind == CauseKind::FrontEndNotAllowed => {
                let text = loopback::sent_elsewhere(&message);
                self.note(index, &text);
                self.sent_elsewhere = Some(text);
            }
            Event::Error { message, .. } => self.note(index, &message),
            Event::MessageSent { token, .. } => self.deliveries.on_sent(index, token.number()),
            // With restore a connection may end while a message is on its way to the server.
            Event::MessageUnconfirmed { token } => {
                self.deliveries.on_unconfirmed(index, token.number());
            }
            Event::MessageRefused { token, error, .. } => {
                self.deliveries.on_unconfirmed(index, token.number());
                self.deliveries.refused += 1;
                self.note(index, &format!("publishing: {error}"));
            }
            Event::BadMessage(bad) => self.note(
                index,
                &format!("a message that does not decode: {}", bad.error),
            ),
            _ => {}
        }
    }

    /// Ends the test for this user, with a cause.
    pub(crate) fn fail(&mut self, index: usize, cause: &str) {
        self.note(index, cause);
        self.set_stage(index, Stage::Failed);
    }

    fn on_messages(&mut self, index: usize, now: Timestamp, messages: &Messages) {
        let channel = index % self.channels.len();
        for message in messages.iter() {
            if let Content::Text(text) = message.content {
                self.deliveries.on_received(index, channel, now, text);
            }
        }
    }

    fn stage(&self, index: usize) -> Option<Stage> {
        self.users.get(index).map(|user| user.stage)
    }

    /// Moves a user to another stage. A failure after subscribing is a loss; both are final.
    fn set_stage(&mut self, index: usize, stage: Stage) {
        let Some(user) = self.users.get_mut(index) else {
            return;
        };
        let stage = match (user.stage, stage) {
            (Stage::Failed | Stage::Lost, _) => return,
            (Stage::Joined | Stage::Away, Stage::Failed) => Stage::Lost,
            (_, stage) => stage,
        };
        debug_assert!(
            self.counts[user.stage as usize] > 0,
            "every user is counted"
        );
        self.counts[user.stage as usize] -= 1;
        self.counts[stage as usize] += 1;
        user.stage = stage;
        debug_assert_eq!(self.counts.iter().sum::<usize>(), self.users.len());
    }
}
