//! [`Journal`]: what the server was asked for and what it sent, so that a test can judge a client by
//! what really happened instead of by what it assumes.

use photon_proto::{Array, Text, Timestamp, Value};

use crate::connections::Connections;
use crate::event::Event;
use crate::ids::ConnectionId;
use crate::requests::Subscribe;
use chat_core::codes::{event, parameter as p};

/// An entry of the journal that [`ServerCore::keep_journal`](crate::ServerCore::keep_journal) begins.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// When.
    pub at: Timestamp,
    /// The connection.
    pub connection: ConnectionId,
    /// Its user.
    pub user_id: Text,
    /// The public channel.
    pub channel: Text,
    /// What happened.
    pub kind: JournalKind,
}

/// What an entry of the journal is about.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JournalKind {
    /// The user subscribed to the channel.
    Asked {
        /// The requested number of messages; negative for all.
        history: i32,
        /// The last id in the request, if there was one.
        last_id: Option<i32>,
    },
    /// The server sent messages of the channel: live ones, or a history.
    Sent {
        /// Their contents, oldest first.
        messages: Vec<Value>,
    },
}

/// The entries since they were taken; `None`: none are kept.
#[derive(Debug, Default)]
pub(crate) struct Journal(Option<Vec<JournalEntry>>);

impl Journal {
    pub(crate) fn begin(&mut self) {
        self.0.get_or_insert_default();
    }

    pub(crate) fn take(&mut self) -> Vec<JournalEntry> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Notes an event that goes to these connections, if it has messages of a public channel.
    pub(crate) fn note_event(
        &mut self,
        at: Timestamp,
        connections: &Connections,
        to: &[ConnectionId],
        event: &Event,
    ) {
        let Some(entries) = self
            .0
            .as_mut()
            .filter(|_| event.code() == event::CHAT_MESSAGES)
        else {
            return;
        };
        let value = |key| {
            let mut all = event.parameters().iter();
            all.find(|(one, _)| *one == key).map(|(_, value)| value)
        };
        if let (Some(Value::String(channel)), Some(Value::Array(Array::Object(messages)))) =
            (value(p::CHANNEL), value(p::MESSAGES))
        {
            for &connection in to {
                entries.extend(
                    user_of(connections, connection).map(|user_id| JournalEntry {
                        at,
                        connection,
                        user_id,
                        channel: channel.clone(),
                        kind: JournalKind::Sent {
                            messages: messages.clone(),
                        },
                    }),
                );
            }
        }
    }

    /// Notes a subscription.
    pub(crate) fn note_subscribe(
        &mut self,
        at: Timestamp,
        connections: &Connections,
        connection: ConnectionId,
        request: &Subscribe,
    ) {
        let Some(entries) = &mut self.0 else {
            return;
        };
        let Some(user_id) = user_of(connections, connection) else {
            return;
        };
        for (at_index, channel) in request.channels.iter().enumerate() {
            let last_ids = request.last_ids.as_ref();
            entries.push(JournalEntry {
                at,
                connection,
                user_id: user_id.clone(),
                channel: channel.clone(),
                kind: JournalKind::Asked {
                    history: request.history_length,
                    last_id: last_ids.and_then(|ids| ids.get(at_index)).copied(),
                },
            });
        }
    }
}

fn user_of(connections: &Connections, id: ConnectionId) -> Option<Text> {
    let (_, user_id) = connections.get(id)?.user.as_ref()?;
    Some(user_id.clone())
}
