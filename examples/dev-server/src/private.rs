//! Private messages. Spec: chat.md 3.4, 4.2, 12.

use photon_proto::{Text, Value};

use crate::context::Context;
use crate::event::Event;
use crate::history::newest_within;
use crate::ids::ConnectionId;
use crate::partition::Partition;
use crate::requests::{Asked, SendPrivate};
use chat_core::codes::{event, parameter as p};

impl Partition {
    pub(crate) fn send_private(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        asked: Asked,
        sender: &Text,
        request: SendPrivate,
    ) {
        let SendPrivate { target, content } = request;
        let message_id = self.conversations.next_id(sender, &target);
        let mut event = private_event(sender, &target, content.clone(), message_id);
        if !cx.check_deliverable(id, asked, &mut event) {
            return;
        }
        // Before the counter grows: the number is the message's own position.
        let sequence = cx.stats.next_sequence();
        cx.stats.private_messages += 1;
        self.conversations
            .push(cx.config, sequence, sender, &target, content);
        cx.respond_ok(id, asked);
        // The echo goes to all connections of the sender. A message to oneself is one event per
        // connection, not two.
        let mut to = self.connections([&target]);
        if target != *sender {
            to.extend(self.connections([sender]));
        }
        cx.send_event(&to, &mut event);
    }

    /// Sends a new connection the messages of the user's conversations. Spec: chat.md 12, front
    /// end: session.
    pub(crate) fn replay_private(
        &self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        user_id: &Text,
        length: Option<i32>,
    ) {
        let mut budget = cx.history_budget(id);
        let messages = self.conversations.replay(user_id, length);
        for (message, target) in newest_within(messages, &mut budget, |(message, _)| message.bytes)
        {
            let mut event = private_event(
                &message.sender,
                &target,
                message.content.clone(),
                message.id,
            );
            cx.send_event(&[id], &mut event);
        }
    }
}

fn private_event(sender: &Text, target: &Text, content: Value, id: i32) -> Event {
    let parameters = vec![
        (p::SENDER, Value::from(sender.clone())),
        (p::MESSAGE, content),
        (p::USER_ID, Value::from(target.clone())),
        (p::MESSAGE_ID, Value::Int(id)),
    ];
    Event::with_content(event::PRIVATE_MESSAGE, parameters, &[p::MESSAGE])
}
