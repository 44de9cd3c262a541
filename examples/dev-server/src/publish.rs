//! Publishing in a channel, and the messages that wait to share an event. Spec: chat.md 3.3, 4.1, 12.

use photon_proto::{Text, Value};

use crate::channel_events::{messages_event, uneven_event};
use crate::connections::ConnectionId;
use crate::context::Context;
use crate::faults::Fault;
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
        let mut event = messages_event(&name, messages, channel.history.next_id());
        if !cx.check_deliverable(id, asked, &mut event) {
            return;
        }
        if cx
            .config
            .faults
            .happens(Step::Publish, &Fault::WrongLengths)
        {
            event = uneven_event(&name, sender, content.clone(), channel.history.next_id());
        }
        let sequence = cx.stats.next_sequence();
        cx.stats.messages += 1;
        cx.respond_ok(id, asked);
        if cx.config.batch_messages > 1 {
            self.gather(cx, &name, sender, content.clone());
        } else {
            // Collected messages go first, even if collecting was switched off since: no message
            // may overtake another.
            self.flush(cx, &name);
            let to = self.members(&name);
            cx.send_event(&to, &mut event);
        }
        if let Some(channel) = self.channels.get_mut(&name) {
            channel
                .history
                .push(cx.config, sequence, sender.clone(), content);
            if channel.gathered.len() >= cx.config.batch_messages {
                self.flush(cx, &name);
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
        if !messages.is_empty() {
            let mut event = messages_event(name, messages, channel.history.last_id());
            let to = self.members(name);
            cx.send_event(&to, &mut event);
        }
    }
}
