//! What the application makes of the clients' events: who has joined the channel, who was lost and why, who has heard the
//! message.

use chat_core::{
    ChannelOutcome, ChatClient, Content, Event, Messages, Outcome, State, SubscribeOptions,
    Timestamp,
};
use std::collections::BTreeMap;

/// So many different causes are told apart; texts of servers are not to fill the memory.
const MAX_CAUSES: usize = 100;

/// All users, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Population {
    channel: String,
    users: Vec<User>,
    /// The message that all are to hear; empty until it is published.
    message: String,
    /// How many are at each stage.
    counts: [usize; 6],
    /// Who have heard the message.
    pub(crate) heard: usize,
    /// How often it was heard again.
    pub(crate) heard_again: usize,
    /// What went wrong, how often, and the first user it happened to.
    pub(crate) causes: BTreeMap<String, (usize, usize)>,
}

#[derive(Debug)]
struct User {
    stage: Stage,
    heard_at: Option<Timestamp>,
}

/// ```text
/// Connecting ──> Joining ──> Joined ──> Left
///     └─────────────┴──> Failed └──> Lost
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// On the way to the front end.
    Connecting,
    /// Connected, and waiting for the outcome of subscribing.
    Joining,
    /// In the channel.
    Joined,
    /// Gone as told.
    Left,
    /// Never got into the channel, and never will.
    Failed,
    /// Was in the channel, and was thrown out.
    Lost,
}

/// What the application keeps for each client, in bytes.
pub(crate) const RECORD_BYTES: usize = size_of::<User>();

impl Population {
    /// Nobody yet; everybody is to be in this channel.
    pub(crate) fn new(channel: String) -> Self {
        Self {
            channel,
            ..Self::default()
        }
    }

    /// One more sets out.
    pub(crate) fn start(&mut self) {
        self.users.push(User {
            stage: Stage::Connecting,
            heard_at: None,
        });
        self.counts[Stage::Connecting as usize] += 1;
    }

    /// How many have set out so far.
    pub(crate) fn started(&self) -> usize {
        self.users.len()
    }

    /// How many are at this stage.
    pub(crate) fn count(&self, stage: Stage) -> usize {
        self.counts[stage as usize]
    }

    /// How many have set out and not arrived yet.
    pub(crate) fn under_way(&self) -> usize {
        self.count(Stage::Connecting) + self.count(Stage::Joining)
    }

    /// The first who is in the channel.
    pub(crate) fn first_joined(&self) -> Option<usize> {
        self.users
            .iter()
            .position(|user| user.stage == Stage::Joined)
    }

    /// From now on everybody listens for this message.
    pub(crate) fn listen_for(&mut self, message: String) {
        self.message = message;
    }

    /// When the message was heard, in order.
    pub(crate) fn hearing_times(&self) -> Vec<Timestamp> {
        let mut times: Vec<Timestamp> =
            self.users.iter().filter_map(|user| user.heard_at).collect();
        times.sort_unstable();
        times
    }

    /// Notes that something went wrong, for a user or between its client and the server.
    pub(crate) fn note(&mut self, index: usize, cause: &str) {
        if let Some((count, _)) = self.causes.get_mut(cause) {
            *count += 1;
        } else if self.causes.len() < MAX_CAUSES {
            self.causes.insert(cause.to_owned(), (1, index));
        }
    }

    /// One event of one client.
    pub(crate) fn on_event(
        &mut self,
        index: usize,
        now: Timestamp,
        chat: &mut ChatClient,
        event: Event,
    ) {
        match event {
            Event::StateChanged {
                to: State::ConnectedToFrontEnd,
                ..
            } => {
                self.set_stage(index, Stage::Joining);
                if let Err(error) = chat.subscribe([&self.channel], &SubscribeOptions::new()) {
                    self.fail(index, &format!("subscribing: {error}"));
                }
            }
            Event::SubscribeResult(outcomes) => {
                // One request of one name.
                for outcome in outcomes.iter().filter(|outcome| outcome.request.is_some()) {
                    match &outcome.outcome {
                        Outcome::Done => self.set_stage(index, Stage::Joined),
                        Outcome::Failed(error) => {
                            self.fail(index, &format!("subscribing: {error}"))
                        }
                        Outcome::Refused => {
                            self.fail(index, "subscribing: the server refused the channel")
                        }
                        Outcome::TimedOut => self.fail(index, "subscribing: no answer in time"),
                        // The connection has ended, which is told next, with its cause.
                        _ => {}
                    }
                }
            }
            Event::ChatMessages { channel, messages } if *channel == *self.channel => {
                self.hear(index, now, &messages);
            }
            Event::StateChanged {
                to: State::Disconnected,
                ..
            } => self.set_stage(index, Stage::Left),
            Event::UnsubscribeResult(outcomes) => {
                let gone = |outcome: &ChannelOutcome| {
                    outcome.request.is_none() && *outcome.channel == *self.channel
                };
                if outcomes.iter().any(gone) {
                    self.fail(index, "the server put the user out of the channel");
                }
            }
            // The cause comes with the next event.
            Event::StateChanged {
                to: State::Error, ..
            } => self.set_stage(index, Stage::Failed),
            Event::Error { message, .. } => self.note(index, &message),
            Event::BadMessage(bad) => self.note(
                index,
                &format!("a message that cannot be read: {}", bad.error),
            ),
            _ => {}
        }
    }

    /// This one is not in the channel, and never will be.
    pub(crate) fn fail(&mut self, index: usize, cause: &str) {
        self.note(index, cause);
        self.set_stage(index, Stage::Failed);
    }

    fn hear(&mut self, index: usize, now: Timestamp, messages: &Messages) {
        let Some(user) = self.users.get_mut(index) else {
            return;
        };
        for message in messages.iter() {
            if self.message.is_empty()
                || !matches!(message.content, Content::Text(text) if text == self.message)
            {
                continue;
            }
            if user.heard_at.is_some() {
                self.heard_again += 1;
            } else {
                user.heard_at = Some(now);
                self.heard += 1;
            }
        }
    }

    /// Failing is final, and from the channel it is called being lost.
    fn set_stage(&mut self, index: usize, stage: Stage) {
        let Some(user) = self.users.get_mut(index) else {
            return;
        };
        let stage = match (user.stage, stage) {
            (Stage::Failed | Stage::Lost, _) => return,
            (Stage::Joined, Stage::Failed) => Stage::Lost,
            (_, stage) => stage,
        };
        self.counts[user.stage as usize] -= 1;
        self.counts[stage as usize] += 1;
        user.stage = stage;
    }
}
