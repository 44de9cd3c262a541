//! Events 0 and 2: messages. Spec: chat.md 4.1 and 4.2.

use super::Incoming;
use super::values::missing;
use crate::codes::parameter;
use crate::event::Event;
use crate::messages::{MessagesBuilder, PrivateMessage};
use crate::model::keys::ChannelKey;
use photon_proto::{DecodeError, Decoded, Element, ElementSink, Params, Text};

/// The channel that an event 0 names.
enum Named<'a> {
    Known(ChannelKey),
    /// The application has asked for the channel of this name.
    Requested(&'a str),
    Unknown,
}

impl Named<'_> {
    const fn is_expected(&self) -> bool {
        !matches!(self, Self::Unknown)
    }
}

/// Takes the senders of an event 0.
struct Senders<'b>(&'b mut MessagesBuilder);

impl<'a> ElementSink<'a, Element<'a>> for Senders<'_> {
    #[inline(always)]
    fn text(&mut self, text: &'a [u8]) {
        self.0.sender_text(text);
    }

    fn element(&mut self, sender: Element<'a>) {
        self.0.sender(sender);
    }
}

/// Takes the contents of an event 0.
struct Contents<'b> {
    builder: &'b mut MessagesBuilder,
    /// The latest error. A sink cannot stop the iteration, so it waits.
    bad: &'b mut Option<DecodeError>,
}

impl<'a> ElementSink<'a, Decoded<'a>> for Contents<'_> {
    #[inline(always)]
    fn text(&mut self, text: &'a [u8]) {
        self.builder.content_text(text);
    }

    fn element(&mut self, content: Decoded<'a>) {
        if let Err(error) = self.builder.content(content) {
            *self.bad = Some(error);
        }
    }
}

impl Incoming<'_> {
    /// Event 0. Spec: chat.md 4.1.
    pub(super) fn chat_messages(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        // The channel is looked up as soon as its name is read, and the lists for an unknown one are
        // skipped, so that such events are cheap. Servers send the name first.
        let mut channel: Option<Named<'_>> = None;
        let mut skipped = None;
        let mut second_pass = None;
        let mut is_second_pass = false;
        let mut last_id = None;
        let (mut senders, mut contents) = (false, false);
        let mut bad = None;
        self.builder.clear();
        loop {
            let next = match second_pass.take() {
                None => params.next_key()?,
                first => first,
            };
            let Some(key) = next else {
                // A channel whose name comes behind the lists.
                if skipped.is_some()
                    && channel.as_ref().is_some_and(Named::is_expected)
                    && let Some((first, at_first)) = skipped.take()
                {
                    debug_assert!(!is_second_pass, "nothing is skipped twice");
                    *params = at_first;
                    second_pass = Some(first);
                    is_second_pass = true;
                    continue;
                }
                break;
            };
            match key {
                // Of several names the last one counts, which the first pass has found.
                parameter::CHANNEL if !is_second_pass => channel = Some(self.named(params)?),
                parameter::SENDERS | parameter::MESSAGES
                    if !channel.as_ref().is_some_and(Named::is_expected) =>
                {
                    senders |= key == parameter::SENDERS;
                    contents |= key == parameter::MESSAGES;
                    if skipped.is_none() {
                        skipped = Some((key, params.clone()));
                    }
                }
                parameter::SENDERS => {
                    senders = true;
                    self.builder.begin_senders();
                    params.elements_to("senders (p4)", &mut Senders(self.builder))?;
                }
                parameter::MESSAGES => {
                    contents = true;
                    self.builder.begin_contents();
                    let (builder, bad) = (&mut *self.builder, &mut bad);
                    params.decoded_elements_to("messages (p2)", &mut Contents { builder, bad })?;
                }
                parameter::MESSAGE_ID => last_id = params.int_lossy()?,
                _ => {}
            }
        }
        if let Some(error) = bad {
            return Err(error);
        }
        let Some(channel) = channel.filter(|_| senders && contents) else {
            return Err(missing("channel, senders or messages (p1, p4, p2)"));
        };
        if !channel.is_expected() {
            self.stats.rare().unknown_channel_events += 1;
            self.config.log(
                log::Level::Warn,
                format_args!("messages for an unknown channel were dropped"),
            );
            return Ok(());
        }
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
        let key = match channel {
            Named::Known(key) => key,
            Named::Requested(name) => {
                let history = self.pending.subscribe.history_of(name);
                self.model.expect_channel(self.now, name, history)
            }
            Named::Unknown => return Ok(()),
        };
        let messages = (messages, self.builder.messages(), last_id);
        self.keeps_timers =
            self.model
                .on_messages(self.now, key, messages, self.events, self.stats);
        Ok(())
    }

    /// Reads the name of the channel, and finds it.
    fn named<'a>(&mut self, params: &mut Params<'a>) -> Result<Named<'a>, DecodeError> {
        // Many messages in a row are often of one channel.
        if let Some(latest) = self.model.public.latest()
            && params.take_if(latest.name())
        {
            return Ok(Named::Known(latest.key()));
        }
        let name = params.str("channel (p1)")?;
        Ok(match self.model.public.find(name) {
            Some(key) => Named::Known(key),
            // A server may send messages before it confirms the subscription.
            None if self.pending.subscribe.is_waiting_for(name) => Named::Requested(name),
            None => Named::Unknown,
        })
    }

    /// Event 2. Spec: chat.md 4.2.
    pub(super) fn private_message(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut sender, mut target, mut last_id, mut content) = (None, None, None, false);
        self.builder.clear();
        while let Some(key) = params.next_key()? {
            match key {
                parameter::SENDER => sender = Some(params.text_lossy("sender (p5)")?),
                parameter::USER_ID => target = Some(params.text_lossy("target (p225)")?),
                parameter::MESSAGE_ID => last_id = params.int_lossy()?,
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
        let key = self.model.add_private_channel(other, |user| {
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
