//! Operations 0 and 1: subscribe and unsubscribe. Spec: chat.md 3.1, 3.2, 12.

use std::ops::Range;

use photon_proto::{Text, Value};

use crate::context::Context;
use crate::event::Event;
use crate::faults::Fault;
use crate::history_order::HistoryOrder;
use crate::ids::ConnectionId;
use crate::late_parts::LatePart;
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
        let (now, connections) = (cx.now, &*cx.connections);
        cx.journal.note_subscribe(now, connections, id, &request);
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
        let order = cx.config.history_order;
        let mut enter = |name: &Text| match order {
            // The user enters later, and the limits of the channel count then.
            HistoryOrder::Race => !name.is_empty(),
            _ => self.enter(cx, user_id, name, properties),
        };
        let names = request.channels.iter();
        let results: Vec<bool> = names.map(|name| !deny && enter(name)).collect();
        cx.respond_ok(id, asked);
        let messages_first = order == HistoryOrder::First
            || cx
                .config
                .faults
                .happens(Step::Subscribe, &Fault::MessagesFirst);
        let copies = match order {
            HistoryOrder::Late => Vec::new(),
            _ => self.copy_histories(cx, id, &request, &results),
        };
        if messages_first {
            Self::send_copies(cx, id, &copies);
        }
        self.confirm_subscription(cx, user_id, &request.channels, &results);
        match order {
            _ if messages_first => {}
            HistoryOrder::Late => {
                self.answer_later(cx, id, user_id, LatePart::Build(request, results));
            }
            HistoryOrder::CopiedEarly => {
                self.answer_later(cx, id, user_id, LatePart::Send(copies));
            }
            HistoryOrder::Race => {
                Self::send_copies(cx, id, &copies);
                let properties = properties.clone();
                let entered = request.channels.iter().zip(results);
                let names = entered.filter(|(_, result)| *result);
                let names = names.map(|(name, _)| name.clone()).collect();
                self.answer_later(cx, id, user_id, LatePart::Enter(names, properties));
            }
            _ => Self::send_copies(cx, id, &copies),
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
