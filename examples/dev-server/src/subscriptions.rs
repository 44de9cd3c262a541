//! Operations 0 and 1: subscribe and unsubscribe. Spec: chat.md 3.1, 3.2, 12.

use std::collections::BTreeSet;
use std::ops::Range;

use photon_proto::{Text, Value};

use crate::connections::ConnectionId;
use crate::context::Context;
use crate::event::Event;
use crate::faults::Fault;
use crate::partition::Partition;
use crate::requests::{Asked, Subscribe};
use crate::steps::Step;
use chat_core::codes::{event, parameter as p};

impl Partition {
    pub(crate) fn subscribe(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        asked: Asked,
        user_id: &Text,
        request: Subscribe,
    ) {
        let deny = cx.config.faults.happens(Step::Subscribe, &Fault::Deny);
        // Collected messages go to the subscribers that were present when they were published; a
        // new subscriber gets them as history.
        for name in &request.channels {
            self.flush(cx, name);
        }
        // Creation options apply only to a request with a single channel. Spec: chat.md 9.
        let none = Vec::new();
        let properties = if request.channels.len() == 1 {
            &request.properties
        } else {
            &none
        };
        let results: Vec<bool> = request
            .channels
            .iter()
            .map(|name| !deny && self.enter(cx, user_id, name, properties))
            .collect();
        cx.respond_ok(id, asked);
        let messages_first = cx
            .config
            .faults
            .happens(Step::Subscribe, &Fault::MessagesFirst);
        if messages_first {
            self.send_histories(cx, id, &request, &results);
        }
        self.confirm_subscription(cx, user_id, &request.channels, &results);
        if !messages_first {
            self.send_histories(cx, id, &request, &results);
        }
    }

    /// Sends event 5 to all connections of the user. Spec: chat.md 12.
    fn confirm_subscription(
        &self,
        cx: &mut Context<'_>,
        user_id: &Text,
        names: &[Text],
        results: &[bool],
    ) {
        let to = self.connections([user_id]);
        let split_always = cx.config.split_event_5;
        let mut happens = |fault: &Fault| cx.config.faults.happens(Step::Subscribe, fault);
        let (missing, wrong) = (happens(&Fault::NoEvent), happens(&Fault::WrongTypes));
        let (split, twice) = (
            happens(&Fault::Split) || split_always,
            happens(&Fault::Duplicate),
        );
        let uneven = happens(&Fault::WrongLengths);
        let mut events = if missing {
            Vec::new()
        } else if wrong {
            vec![Event::new(
                event::SUBSCRIBE,
                vec![(p::CHANNELS, Value::Int(names.len() as i32))],
            )]
        } else if split {
            names
                .iter()
                .zip(results)
                .map(|(name, result)| {
                    self.subscription_event(user_id, vec![name.clone()], vec![*result])
                })
                .collect()
        } else if uneven {
            let fewer = results.split_last().map_or(results, |(_, others)| others);
            vec![self.subscription_event(user_id, names.to_vec(), fewer.to_vec())]
        } else {
            portions(names)
                .map(|at| {
                    let (names, results) = (names.get(at.clone()), results.get(at));
                    self.subscription_event(
                        user_id,
                        names.unwrap_or_default().to_vec(),
                        results.unwrap_or_default().to_vec(),
                    )
                })
                .collect()
        };
        if let Some(Fault::ForeignChannels(names)) =
            cx.config.faults.take(Step::Subscribe, |fault| {
                matches!(fault, Fault::ForeignChannels(_))
            })
        {
            let results = vec![true; names.len()];
            events.push(self.subscription_event(
                user_id,
                names.into_iter().map(Text::from).collect(),
                results,
            ));
        }
        for event in &mut events {
            cx.send_event(&to, event);
            if twice {
                cx.send_event(&to, event);
            }
        }
    }

    /// Sends the requesting connection one event 0 for each channel. Spec: chat.md 12.
    fn send_histories(
        &self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        request: &Subscribe,
        results: &[bool],
    ) {
        let mut done = BTreeSet::new();
        let mut budget = cx.history_budget(id);
        for (at, (name, result)) in request.channels.iter().zip(results).enumerate() {
            if *result && done.insert(name) {
                let after = request
                    .last_ids
                    .as_ref()
                    .and_then(|ids| ids.get(at))
                    .copied()
                    .unwrap_or_default();
                self.send_history(cx, id, name, (request.history_length, after), &mut budget);
            }
        }
    }

    pub(crate) fn unsubscribe(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        asked: Asked,
        user_id: &Text,
        names: Vec<Text>,
    ) {
        for name in &names {
            let left = self
                .users
                .get_mut(user_id)
                .is_some_and(|user| user.channels.remove(name));
            if left {
                self.flush(cx, name);
                self.leave(cx, name, user_id);
            }
        }
        cx.respond_ok(id, asked);
        let mut happens = |fault: &Fault| cx.config.faults.happens(Step::Unsubscribe, fault);
        let (missing, split, twice) = (
            happens(&Fault::NoEvent),
            happens(&Fault::Split),
            happens(&Fault::Duplicate),
        );
        let parts: Vec<Vec<Text>> = match (missing, split) {
            (true, _) => Vec::new(),
            (_, true) => names.into_iter().map(|name| vec![name]).collect(),
            _ => portions(&names)
                .map(|at| names.get(at).unwrap_or_default().to_vec())
                .collect(),
        };
        let to = self.connections([user_id]);
        for part in parts {
            let mut event = Event::new(event::UNSUBSCRIBE, vec![(p::CHANNELS, Value::from(part))]);
            cx.send_event(&to, &mut event);
            if twice {
                cx.send_event(&to, &mut event);
            }
        }
    }
}

/// The most bytes of names in one event: half of what a message can carry, because each name costs
/// more than its bytes.
const NAME_BYTES: usize = 500_000;

/// Ranges of names that fit into one event each. Requests of ordinary size give one range.
pub(crate) fn portions(names: &[Text]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = names
            .get(start..)
            .filter(|rest| !rest.is_empty() || start == 0)?;
        let mut space = NAME_BYTES;
        let fitting = rest.iter().take_while(|name| {
            let fits = space.checked_sub(name.len());
            space = fits.unwrap_or(0);
            fits.is_some()
        });
        let range = start..start + fitting.count();
        start = range.end.max(1);
        Some(range)
    })
}
