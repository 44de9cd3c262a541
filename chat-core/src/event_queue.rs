//! [`EventQueue`]: events on their way to the application, and the memory that they use.

use crate::budget::MemoryBudget;
use crate::error::{RegionsError, ServerError};
use crate::event::{
    Authenticated, ChannelOutcome, ErrorInfo, Event, Outcome, PropertiesChange, StatusChange,
    SubscriberChange,
};
use crate::state::DisconnectCause;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use photon_proto::Text;

/// How many events may wait before intents that raise one return `QueueFull`. The cap in bytes
/// limits memory; this limits the work of an application that drains after a long time.
const MAX_EVENTS: usize = 16 * 1024;

/// Events that wait to be taken by the application.
#[derive(Debug)]
pub(crate) struct EventQueue {
    queue: VecDeque<Queued>,
    budget: MemoryBudget,
}

#[derive(Debug)]
struct Queued {
    event: Event,
    /// The bytes charged for the event. Measured once, because that walks all its values.
    bytes: usize,
}

impl EventQueue {
    pub(crate) const fn new(cap_bytes: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            budget: MemoryBudget::new(cap_bytes),
        }
    }

    /// Appends an event, whatever the cap: an event that was caused must be delivered. Code
    /// that causes events checks [`EventQueue::is_full`] first.
    pub(crate) fn push(&mut self, event: Event) {
        let bytes = event_bytes(&event);
        self.budget.charge(bytes);
        self.queue.push_back(Queued { event, bytes });
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let Queued { event, bytes } = self.queue.pop_front()?;
        self.budget.release(bytes);
        debug_assert!(
            !self.queue.is_empty() || self.budget.used_bytes() == 0,
            "an empty queue uses no memory"
        );
        Some(event)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) const fn used_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    pub(crate) fn is_full(&self) -> bool {
        // An empty queue takes one event even under a cap that no event fits.
        !self.queue.is_empty() && (self.budget.is_exhausted() || self.queue.len() >= MAX_EVENTS)
    }
}

/// The memory that an event keeps alive, in bytes.
fn event_bytes(event: &Event) -> usize {
    let refusal = |error: &ServerError| size_of::<ServerError>() + error.message.len();
    let outcomes = |all: &Vec<ChannelOutcome>| {
        all.iter()
            .map(|one| {
                let failed = if let Outcome::Failed(error) = &one.outcome {
                    refusal(error)
                } else {
                    0
                };
                size_of::<ChannelOutcome>() + one.channel.len() + failed
            })
            .sum::<usize>()
    };
    let text = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.len());
    let values = |all: &[(u8, photon_proto::Value)]| {
        all.iter()
            .map(|(_, value)| size_of::<(u8, photon_proto::Value)>() + value.heap_bytes())
            .sum::<usize>()
    };
    let pairs = |all: &[(photon_proto::Value, photon_proto::Value)]| {
        all.iter()
            .map(|pair| size_of_val(pair) + pair.0.heap_bytes() + pair.1.heap_bytes())
            .sum::<usize>()
    };
    size_of::<Queued>()
        + match event {
            Event::StateChanged { .. } => 0,
            // The message repeats the text in the cause.
            Event::Error { message, .. } => 2 * (size_of::<DisconnectCause>() + message.len()),
            Event::Authenticated(login) => {
                let Authenticated {
                    user_id,
                    nickname,
                    data,
                } = &**login;
                size_of::<Authenticated>()
                    + user_id.len()
                    + text(nickname)
                    + data.as_ref().map_or(0, photon_proto::Value::heap_bytes)
            }
            Event::RegionsResult(Ok(regions)) => regions
                .iter()
                .map(|region| size_of_val(region) + region.code.len() + region.address.len())
                .sum(),
            Event::RegionsResult(Err(RegionsError::Server(error))) => refusal(error),
            Event::RegionsResult(Err(_)) => 0,
            Event::SubscribeResult(outcomes_list) | Event::UnsubscribeResult(outcomes_list) => {
                outcomes(outcomes_list)
            }
            Event::ChatMessages { messages, .. } => messages.pinned_bytes(),
            Event::PrivateMessage { message, .. } => message.pinned_bytes(),
            Event::OperationResponse {
                message,
                parameters,
                ..
            } => message.len() + parameters.as_deref().map_or(0, |all| values(all)),
            Event::UserStatusUpdate { user, message, .. } => {
                user.len()
                    + if let StatusChange::Set(message) = message {
                        message.heap_bytes()
                    } else {
                        0
                    }
            }
            Event::UserSubscribed(change) | Event::UserUnsubscribed(change) => {
                let SubscriberChange {
                    channel,
                    user,
                    properties,
                } = &**change;
                size_of::<SubscriberChange>() + channel.len() + user.len() + pairs(properties)
            }
            Event::PropertiesChanged(change) => {
                let PropertiesChange {
                    channel,
                    user,
                    by,
                    properties,
                } = &**change;
                size_of::<PropertiesChange>()
                    + channel.len()
                    + text(user)
                    + by.len()
                    + pairs(properties)
            }
            Event::ErrorInfo(info) => {
                let ErrorInfo {
                    channel,
                    message,
                    data,
                } = &**info;
                let data = data.as_ref().map_or(0, photon_proto::Value::heap_bytes);
                size_of::<ErrorInfo>() + text(channel) + text(message) + data
            }
            Event::Other { parameters, .. } => values(parameters),
            Event::BadMessage(bad) => bad.bytes.len(),
        }
}
