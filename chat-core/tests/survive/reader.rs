//! [`Reader`]: a client, and what its application received.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::{Event, MessageToken, RequestId, State};

use crate::row::Row;
use crate::seen::Seen;

/// Who connects again after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The client by itself.
    Restore,
    /// The application, as the README advises: it connects after half a second, and subscribes with
    /// the ids that it had before the loss.
    Application,
}

/// A client, and what its application received.
pub(crate) struct Reader {
    /// Its index in the simulation.
    pub(crate) index: usize,
    pub(crate) row: Row,
    pub(crate) mode: Mode,
    pub(crate) user: String,
    /// All events with their times.
    pub(crate) events: Vec<(u64, Event)>,
    /// By channel.
    pub(crate) seen: BTreeMap<String, Vec<Seen>>,
    /// The channels of the application, and the time of their first subscription.
    pub(crate) wanted: BTreeMap<String, u64>,
    pub(crate) last_login_ms: u64,
    /// In mode Application: the time of the next connect, and the ids before the loss.
    pub(crate) connect_at_ms: Option<u64>,
    pub(crate) last_ids: BTreeMap<String, i32>,
    /// Requests of the application without an outcome, by channel.
    pub(crate) requests: BTreeSet<(RequestId, String)>,
    pub(crate) settled: BTreeSet<(RequestId, String)>,
    /// Messages without an outcome, if they are confirmed.
    pub(crate) tokens: BTreeSet<MessageToken>,
    pub(crate) settled_tokens: BTreeSet<MessageToken>,
    pub(crate) confirms: bool,
}

impl Reader {
    pub(crate) const fn new(
        index: usize,
        row: Row,
        user: String,
        mode: Mode,
        confirms: bool,
    ) -> Self {
        Self {
            index,
            row,
            mode,
            user,
            events: Vec::new(),
            seen: BTreeMap::new(),
            wanted: BTreeMap::new(),
            last_login_ms: 0,
            connect_at_ms: None,
            last_ids: BTreeMap::new(),
            requests: BTreeSet::new(),
            settled: BTreeSet::new(),
            tokens: BTreeSet::new(),
            settled_tokens: BTreeSet::new(),
            confirms,
        }
    }

    /// Takes an event of the client.
    pub(crate) fn take(&mut self, at_ms: u64, event: &Event) {
        match event {
            Event::StateChanged { to, .. } if *to == State::ConnectedToFrontEnd => {
                self.last_login_ms = at_ms;
                for channel in self.wanted.keys() {
                    let seen = self.seen.entry(channel.clone()).or_default();
                    seen.push(Seen::Login { at_ms });
                }
            }
            Event::ChatMessages { channel, messages } => {
                let origin = messages.origin();
                let seen = self.seen.entry(channel.to_string()).or_default();
                for message in messages.iter() {
                    let text = message.content.as_str();
                    seen.push(Seen::Message {
                        at_ms,
                        id: message.id,
                        text: text.unwrap_or("not a text").to_owned(),
                        origin,
                    });
                }
            }
            Event::Gap {
                channel,
                after,
                missing,
                verified,
                new_life,
            } => self
                .seen
                .entry(channel.to_string())
                .or_default()
                .push(Seen::Gap {
                    at_ms,
                    after: *after,
                    missing: *missing,
                    verified: *verified,
                    new_life: *new_life,
                }),
            Event::SubscribeResult(all) | Event::UnsubscribeResult(all) => {
                for one in all {
                    if let Some(request) = one.request {
                        let key = (request, one.channel.to_string());
                        self.requests.remove(&key);
                        let first = self.settled.insert(key);
                        assert!(first, "{request:?} of {} settled twice", one.channel);
                    }
                }
            }
            Event::MessageSent { token, .. }
            | Event::MessageRefused { token, .. }
            | Event::MessageUnconfirmed { token } => {
                self.tokens.remove(token);
                assert!(
                    self.settled_tokens.insert(*token),
                    "{token:?} settled twice"
                );
            }
            _ => {}
        }
    }

    /// The texts of a channel's messages that arrived, in order.
    pub(crate) fn texts(&self, channel: &str) -> Vec<&str> {
        let seen = self.seen.get(channel);
        seen.into_iter()
            .flatten()
            .filter_map(|one| match one {
                Seen::Message { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The gaps of a channel that were reported: position, number, certainty, new life.
    pub(crate) fn gaps(&self, channel: &str) -> Vec<(i32, Option<u32>, bool, bool)> {
        let seen = self.seen.get(channel);
        seen.into_iter()
            .flatten()
            .filter_map(|one| match one {
                Seen::Gap {
                    after,
                    missing,
                    verified,
                    new_life,
                    ..
                } => Some((*after, *missing, *verified, *new_life)),
                _ => None,
            })
            .collect()
    }

    /// How often an event of this name occurred.
    pub(crate) fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| is(event)).count()
    }
}

/// One line for an event.
pub(crate) fn short(event: &Event) -> String {
    let text = format!("{event:?}");
    text.chars().take(200).collect()
}
