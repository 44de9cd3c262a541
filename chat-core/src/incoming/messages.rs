//! Events 0 and 2: messages. Spec: chat.md 4.1 and 4.2.

use super::Incoming;
use super::values::missing;
use crate::codes::parameter;
use crate::event::Event;
use crate::messages::PrivateMessage;
use photon_proto::{DecodeError, Params, Text};

impl Incoming<'_> {
    /// Event 0. Spec: chat.md 4.1.
    pub(super) fn chat_messages(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        // The channel is looked up as soon as its name is read, and the lists for an unknown one are
        // skipped, so that such events are cheap. Servers send the name first.
        let mut channel = None;
        let mut skipped = None;
        let mut is_second_pass = false;
        let mut last_id = None;
        let (mut senders, mut contents) = (false, false);
        let mut bad = None;
        self.builder.clear();
        let mut next = params.next_key()?;
        loop {
            let Some(key) = next else {
                match (skipped.take(), channel) {
                    // A channel whose name comes behind the lists.
                    (Some((first, at_first)), Some((_, Some(_)))) => {
                        debug_assert!(!is_second_pass, "nothing is skipped twice");
                        *params = at_first;
                        next = Some(first);
                        is_second_pass = true;
                        continue;
                    }
                    _ => break,
                }
            };
            let is_known = matches!(channel, Some((_, Some(_))));
            match key {
                // Of several names the last one counts, which the first pass has found.
                parameter::CHANNEL if !is_second_pass => {
                    let name = params.str("channel (p1)")?;
                    let key = self.model.public.find(name);
                    // A server may send messages before it confirms the subscription.
                    let is_requested = || self.pending.subscribe.is_waiting_for(name);
                    let is_expected = key.is_some() || is_requested();
                    channel = Some((name, is_expected.then_some(key)));
                }
                parameter::SENDERS | parameter::MESSAGES if !is_known => {
                    senders |= key == parameter::SENDERS;
                    contents |= key == parameter::MESSAGES;
                    if skipped.is_none() {
                        skipped = Some((key, params.clone()));
                    }
                }
                parameter::SENDERS => {
                    senders = true;
                    self.builder.begin_senders();
                    let builder = &mut *self.builder;
                    params.elements("senders (p4)", |sender| builder.sender(sender))?;
                }
                parameter::MESSAGES => {
                    contents = true;
                    self.builder.begin_contents();
                    let builder = &mut *self.builder;
                    params.decoded_elements("messages (p2)", |content| {
                        // The closure cannot stop the iteration, so the error waits.
                        if let Err(error) = builder.content(content) {
                            bad = Some(error);
                        }
                    })?;
                }
                parameter::MESSAGE_ID => last_id = params.int_in_range("message id (p8)")?,
                _ => {}
            }
            next = params.next_key()?;
        }
        if let Some(error) = bad {
            return Err(error);
        }
        let Some((name, channel)) = channel.filter(|_| senders && contents) else {
            return Err(missing("channel, senders or messages (p1, p4, p2)"));
        };
        let Some(key) = channel else {
            self.stats.rare().unknown_channel_events += 1;
            self.config.log(
                log::Level::Warn,
                format_args!("messages for an unknown channel were dropped"),
            );
            return Ok(());
        };
        if let Some(damage) = params.damage() {
            last_id = last_id.or_else(|| params.int_behind_damage(parameter::MESSAGE_ID));
            // With an id, the position advances even over nothing but undecodable messages.
            if last_id.is_none() && !self.builder.holds_decoded() {
                return Err(damage);
            }
        }
        let me = self.awaits_echo.then(|| self.config.user_id.0.as_bytes());
        let messages = self.builder.finish(self.now, last_id, me)?;
        self.stats
            .add(u64::from(self.builder.undecodable()), |rare| {
                &mut rare.undecodable_elements
            });
        let key = key.unwrap_or_else(|| {
            let history = self.pending.subscribe.history_of(name);
            self.model.expect_channel(self.now, name, history)
        });
        self.model
            .on_messages(self.now, key, messages, self.events, self.stats);
        Ok(())
    }

    /// Event 2. Spec: chat.md 4.2.
    pub(super) fn private_message(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut sender, mut target, mut last_id, mut content) = (None, None, None, false);
        self.builder.clear();
        while let Some(key) = params.next_key()? {
            match key {
                parameter::SENDER => sender = Some(params.text_lossy("sender (p5)")?),
                parameter::USER_ID => target = Some(params.text_lossy("target (p225)")?),
                parameter::MESSAGE_ID => last_id = params.int_in_range("message id (p8)")?,
                parameter::MESSAGE => {
                    content = true;
                    self.builder.begin_contents();
                    self.builder.content(params.decoded()?)?;
                }
                _ => {}
            }
        }
        let Some(sender) = sender.filter(|_| content) else {
            return Err(missing("sender or message (p5, p3)"));
        };
        // The channel of a private message is named after the other user: the target of a message
        // that this user sent, the sender of any other.
        let other = if *sender == *self.config.user_id.0 {
            target.as_deref().unwrap_or(&sender)
        } else {
            &sender
        };
        if let Some(damage) = params.damage() {
            last_id = last_id.or_else(|| params.int_behind_damage(parameter::MESSAGE_ID));
            if last_id.is_none() {
                return Err(damage);
            }
        }
        self.builder.sender_text(sender.as_bytes());
        let messages = self.builder.finish(self.now, last_id, None)?;
        self.stats
            .add(u64::from(self.builder.undecodable()), |rare| {
                &mut rare.undecodable_elements
            });
        let (events, stats) = (&mut *self.events, &mut *self.stats);
        let key = self.model.private_channel(other, |user| {
            stats.rare().forgotten_conversations += 1;
            events.push(Event::ConversationForgotten { user });
        });
        let message = PrivateMessage::new(messages);
        let channel = match key {
            Some(key) => self.model.on_private_message(self.now, key, &message),
            // Delivered all the same, only not kept.
            None => {
                self.stats.rare().unkept_channels += 1;
                Some(Text::from(other))
            }
        };
        if let Some(channel) = channel {
            self.events.push(Event::PrivateMessage { channel, message });
        }
        Ok(())
    }
}
