//! The parts of the answer to a subscription that follow later: [`HistoryOrder`]. Spec: chat.md 12,
//! history.

use std::collections::BTreeSet;

use photon_proto::{Text, Value};

use crate::channel_events::messages_event;
use crate::context::Context;
use crate::history::newest_within;
use crate::history_order::HistoryOrder;
use crate::ids::ConnectionId;
use crate::late_parts::{CopiedHistory, LateAnswer, LatePart};
use crate::partition::Partition;
use crate::requests::Subscribe;
use crate::timers::Timer;

impl Partition {
    /// Lets a part of an answer follow after
    /// [`history_delay_ms`](crate::ServerConfig::history_delay_ms).
    pub(crate) fn answer_later(
        &self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        user_id: &Text,
        part: LatePart,
    ) {
        let answer = LateAnswer {
            connection,
            user_id: user_id.clone(),
            part,
        };
        let at = cx.now.plus_millis(cx.config.history_delay_ms);
        cx.timers
            .set(at, Timer::Answer(self.key.clone(), Box::new(answer)));
    }

    /// Handles a part of an answer that is due, if its connection still exists.
    pub(crate) fn answer_late(&mut self, cx: &mut Context<'_>, answer: LateAnswer) {
        let LateAnswer {
            connection,
            user_id,
            part,
        } = answer;
        let attached = self
            .users
            .get(&user_id)
            .is_some_and(|user| user.connections.contains(&connection));
        if !attached {
            return;
        }
        match part {
            LatePart::Build(request, results) => {
                let copies = self.copy_histories(cx, connection, &request, &results);
                Self::send_copies(cx, connection, &copies);
            }
            LatePart::Send(copies) => Self::send_copies(cx, connection, &copies),
            LatePart::Enter(names, properties) => {
                for name in &names {
                    self.flush(cx, name);
                    self.enter(cx, &user_id, name, &properties);
                }
            }
        }
    }

    /// Copies the history that a subscription requests, for each channel that has any. Spec: chat.md
    /// 12, history.
    ///
    /// The oldest messages that do not fit into the budget of the connection are left out.
    pub(crate) fn copy_histories(
        &self,
        cx: &Context<'_>,
        id: ConnectionId,
        request: &Subscribe,
        results: &[bool],
    ) -> Vec<CopiedHistory> {
        let mut budget = cx.history_budget(id);
        let (mut copies, mut done) = (Vec::new(), BTreeSet::new());
        for (at, (name, result)) in request.channels.iter().zip(results).enumerate() {
            // A name may occur twice.
            let (Some(channel), true) = (self.channels.get(name), *result && done.insert(name))
            else {
                continue;
            };
            let last_ids = request.last_ids.as_ref();
            let after = last_ids
                .and_then(|ids| ids.get(at))
                .filter(|_| !cx.config.ignore_last_ids)
                .copied()
                .unwrap_or(i32::MIN);
            // Half of the memory that a client may use for a message: it counts other values too.
            let share = (cx.config.write_limits().max_memory_bytes / 2).min(budget);
            let mut left = share;
            let selected = channel.history.select(request.history_length, after);
            let selected = newest_within(selected.collect(), &mut left, |message| message.bytes);
            debug_assert!(left <= share && share <= budget);
            budget -= share - left;
            let messages = selected
                .into_iter()
                .map(|message| (message.id, message.sender.clone(), message.content.clone()))
                .collect();
            copies.push(CopiedHistory {
                channel: name.clone(),
                messages,
            });
        }
        copies
    }

    /// Sends one connection the histories that were copied for it.
    pub(crate) fn send_copies(cx: &mut Context<'_>, to: ConnectionId, copies: &[CopiedHistory]) {
        let order = cx.config.history_order;
        let rounds = if order == HistoryOrder::Twice { 2 } else { 1 };
        for _ in 0..rounds {
            for CopiedHistory { channel, messages } in copies {
                // An event has only the id of its last message: the others count down by one.
                let size = match cx.config.message_id_step {
                    1 => messages.len().div_ceil(order.parts()),
                    _ => 1,
                };
                let mut parts: Vec<_> = messages.chunks(size.max(1)).collect();
                if order == HistoryOrder::Backwards {
                    parts.reverse();
                }
                for part in parts {
                    send_part(cx, to, channel, part);
                }
            }
        }
    }
}

/// Sends one event 0 with history. The oldest messages that do not fit into it are left out: several
/// events would be another order than the configured one.
fn send_part(
    cx: &mut Context<'_>,
    to: ConnectionId,
    channel: &Text,
    mut messages: &[(i32, Text, Value)],
) {
    let Some(protocol) = cx.connections.subprotocol(to) else {
        return;
    };
    let limits = cx.config.write_limits();
    while let Some((last_id, ..)) = messages.last() {
        let pairs = messages
            .iter()
            .map(|(_, sender, content)| (sender.clone(), content.clone()))
            .collect();
        let mut event = messages_event(channel, pairs, *last_id);
        // A single message was accepted by `publish`, and is null for a receiver that cannot express
        // it.
        if messages.len() == 1 || event.fits(protocol, &limits) {
            cx.send_event(&[to], &mut event);
            return;
        }
        messages = messages
            .get(messages.len().div_ceil(2)..)
            .unwrap_or_default();
    }
}
