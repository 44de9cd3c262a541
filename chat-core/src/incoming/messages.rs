//! Events 0 and 2: messages. Spec: chat.md 4.1 and 4.2.

use super::Incoming;
use super::values::missing;
use crate::codes::parameter;
use crate::event::Event;
use crate::messages::PrivateMessage;
use photon_proto::{DecodeError, DecodeErrorKind, Element, Params, Text, Value};

impl Incoming<'_> {
    /// Event 0. Spec: chat.md 4.1.
    pub(super) fn chat_messages(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut channel, mut last_id) = (None, None);
        let (mut senders, mut contents) = (false, false);
        let mut bad = None;
        // The limit on memory holds for the whole message, however many values are in it.
        let mut limits = self.config.peer.limits.clone();
        self.builder.clear();
        while let Some(key) = params.next_key()? {
            match key {
                parameter::CHANNEL => channel = Some(params.str("channel (p1)")?),
                parameter::SENDERS => {
                    senders = true;
                    self.builder.begin_senders();
                    params.texts("senders (p4)", |sender| self.builder.sender(sender))?;
                }
                parameter::MESSAGES => {
                    contents = true;
                    self.builder.begin_contents();
                    params.elements("messages (p2)", |element| match element {
                        Element::Text(text) => self.builder.text(text),
                        Element::Other(value) => match value.to_value(&limits) {
                            Ok(value) => {
                                // An estimate: it may exceed what the limit counted.
                                let bytes = size_of::<Value>() + value.heap_bytes();
                                limits.max_memory_bytes =
                                    limits.max_memory_bytes.saturating_sub(bytes);
                                self.builder.value(value);
                            }
                            // The closure cannot stop the iteration, so the error waits.
                            Err(error) => bad = Some(error),
                        },
                    })?;
                }
                parameter::MESSAGE_ID => last_id = Some(params.int("message id (p8)")?),
                _ => {}
            }
        }
        if let Some(error) = bad {
            return Err(error);
        }
        let Some(name) = channel.filter(|_| senders && contents) else {
            return Err(missing("channel, senders or messages (p1, p4, p2)"));
        };
        // The channel is looked up before texts are checked and copied, so that events of unknown
        // channels are cheap.
        let Some(channel) = self.model.public.get(name) else {
            self.stats.unknown_channel_events += 1;
            self.config.log(
                log::Level::Warn,
                format_args!("messages for an unknown channel were dropped"),
            );
            return Ok(());
        };
        let key = channel.key();
        let Some(messages) = self.builder.finish(last_id) else {
            return Err(DecodeError::new(
                DecodeErrorKind::NotUtf8,
                0,
                "senders or messages (p4, p2)",
            ));
        };
        let channel = self.model.on_messages(key, last_id, &messages);
        if let Some(channel) = channel.filter(|_| !messages.is_empty()) {
            self.events.push(Event::ChatMessages { channel, messages });
        }
        Ok(())
    }

    /// Event 2. Spec: chat.md 4.2.
    pub(super) fn private_message(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut sender, mut target, mut last_id, mut content) = (None, None, None, None);
        self.builder.clear();
        while let Some(key) = params.next_key()? {
            match key {
                parameter::SENDER => sender = Some(params.str("sender (p5)")?),
                parameter::USER_ID => target = Some(params.str("target (p225)")?),
                parameter::MESSAGE_ID => last_id = Some(params.int("message id (p8)")?),
                parameter::MESSAGE => content = Some(params.element()?),
                _ => {}
            }
        }
        let (Some(sender), Some(content)) = (sender, content) else {
            return Err(missing("sender or message (p5, p3)"));
        };
        // The channel of a private message is named after the other user: the target of a message
        // that this user sent, the sender of any other.
        let other = if sender == &*self.config.user_id.0 {
            target.unwrap_or(sender)
        } else {
            sender
        };
        self.builder.sender(sender.as_bytes());
        match content {
            Element::Text(text) => self.builder.text(text),
            Element::Other(value) => self
                .builder
                .value(value.to_value(&self.config.peer.limits)?),
        }
        let Some(messages) = self.builder.finish(last_id) else {
            return Err(DecodeError::new(
                DecodeErrorKind::NotUtf8,
                0,
                "message (p3)",
            ));
        };
        let (events, stats) = (&mut *self.events, &mut *self.stats);
        let key = self.model.private_channel(other, |user| {
            stats.forgotten_conversations += 1;
            events.push(Event::ConversationForgotten { user });
        });
        let channel = match key {
            Some(key) => self.model.on_messages(key, last_id, &messages),
            // Delivered all the same, only not kept.
            None => {
                self.stats.unkept_channels += 1;
                Some(Text::from(other))
            }
        };
        if let Some(channel) = channel {
            self.events.push(Event::PrivateMessage {
                channel,
                message: PrivateMessage::new(messages),
            });
        }
        Ok(())
    }
}
