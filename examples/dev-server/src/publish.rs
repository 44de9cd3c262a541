//! Publishing in a channel, and the messages that wait to share an event. Spec: chat.md 3.3, 4.1, 12.

use photon_proto::{Text, Value};

use crate::channel_events::{messages_event, uneven_event};
use crate::context::Context;
use crate::event::Event;
use crate::faults::Fault;
use crate::ids::ConnectionId;
use crate::partition::Partition;
use crate::requests::{Asked, Publish};
use crate::steps::Step;
use chat_core::codes::return_code;

/// The memory of messages that wait to share an event.
const MAX_GATHERED_BYTES: usize = 256 * 1024;

impl Partition {
    pub(crate) fn publish(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        asked: Asked,
        sender: &Text,
        request: Publish,
    ) {
        let Publish {
            channel: name,
            content,
        } = request;
        let Some(channel) = self
            .channels
            .get_mut(&name)
            .filter(|channel| channel.subscribers.contains(sender))
        else {
            cx.refuse(
                id,
                asked,
                return_code::NOT_ALLOWED_IN_STATE,
                "not subscribed to this channel",
            );
            return;
        };
        let messages = vec![(sender.clone(), content.clone())];
        let mut event = messages_event(
            &name,
            messages,
            channel.history.next_id(cx.config.message_id_step),
        );
        if !cx.check_deliverable(id, asked, &mut event) {
            return;
        }
        if cx
            .config
            .faults
            .happens(Step::Publish, &Fault::WrongLengths)
        {
            event = uneven_event(
                &name,
                sender,
                content.clone(),
                channel.history.next_id(cx.config.message_id_step),
            );
        }
        cx.respond_ok(id, asked);
        self.distribute(cx, &name, sender, content, &mut event);
    }

    /// Sends a message to the subscribers of a channel, or collects it, and keeps it.
    pub(crate) fn distribute(
        &mut self,
        cx: &mut Context<'_>,
        name: &Text,
        sender: &Text,
        content: Value,
        event: &mut Event,
    ) {
        let sequence = cx.stats.next_sequence();
        cx.stats.messages += 1;
        if cx.config.batch_messages > 1 {
            self.gather(cx, name, sender, content.clone());
        } else {
            // Collected messages go first, even if collecting was switched off since: no message
            // may overtake another.
            self.flush(cx, name);
            let to = self.members(name);
            cx.send_event(&to, event);
        }
        if let Some(channel) = self.channels.get_mut(name) {
            let id = channel.history.next_id(cx.config.message_id_step);
            let length = cx.config.history_length_of(name);
            let history = &mut channel.history;
            history.push(cx.config, length, id, sequence, sender.clone(), content);
            if channel.gathered.len() >= cx.config.batch_messages {
                self.flush(cx, name);
            }
        }
    }

    /// Collects a message until its event is sent.
    fn gather(&mut self, cx: &mut Context<'_>, name: &Text, sender: &Text, content: Value) {
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        let bytes = content.heap_bytes();
        // One event has to hold all collected messages.
        if channel.gathered_bytes.saturating_add(bytes) > MAX_GATHERED_BYTES {
            self.flush(cx, name);
        }
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        channel.gathered_bytes += bytes;
        channel.gathered.push((sender.clone(), content));
        channel
            .gathered_until
            .get_or_insert(cx.now.plus_millis(cx.config.batch_ms));
        self.remind(cx, name);
    }

    /// The connections of all subscribers of a channel.
    pub(crate) fn members(&self, name: &Text) -> Vec<ConnectionId> {
        self.channels
            .get(name)
            .map_or_else(Vec::new, |channel| self.connections(&channel.subscribers))
    }

    /// Sends the collected messages.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>, name: &Text) {
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        channel.gathered_until = None;
        channel.gathered_bytes = 0;
        let messages = std::mem::take(&mut channel.gathered);
        // An event has only the id of its last message: the others count down by one.
        let (step, last_id) = (cx.config.message_id_step, channel.history.last_id());
        let to = self.members(name);
        if step == 1 && !messages.is_empty() {
            cx.send_event(&to, &mut messages_event(name, messages, last_id));
        } else {
            let mut id = last_id.saturating_sub(step.saturating_mul(messages.len() as i32));
            for message in messages {
                id = id.saturating_add(step);
                cx.send_event(&to, &mut messages_event(name, vec![message], id));
            }
        }
    }
}
