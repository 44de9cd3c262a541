//! Messages from the servers: into the model, into events, or into what the client does next. Spec: chat.md 4.

use super::Model;
use crate::codes::{event, operation, parameter, return_code};
use crate::config::ChatConfig;
use crate::event::{ChannelOutcome, Event, Outcome};
use crate::messages::{Gather, PrivateMessage};
use crate::operation::{authenticate, regions};
use crate::pump::{EventQueue, Requests};
use crate::route::Next;
use crate::state::{Server, State};
use crate::stats::Stats;
use crate::timers::Timer;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use photon_proto::message::{Message, MessageKind};
use photon_proto::{DecodeError, DecodeErrorKind, Element, Params, Text, Value, ValueRef, internal};

/// What a message may touch. The message itself is borrowed from the peer, which therefore is not here.
pub(crate) struct Incoming<'c> {
    pub(crate) config: &'c ChatConfig,
    pub(crate) state: State,
    pub(crate) server: Server,
    /// Whether the init was answered before.
    pub(crate) greeted: bool,
    pub(crate) expects_key: bool,
    pub(crate) expects_login: bool,
    pub(crate) events: &'c mut EventQueue,
    pub(crate) model: &'c mut Model,
    pub(crate) requests: &'c mut Requests,
    pub(crate) regions: &'c mut VecDeque<Timer>,
    pub(crate) gather: &'c mut Gather,
    pub(crate) stats: &'c mut Stats,
}

impl Incoming<'_> {
    pub(crate) fn message(&mut self, kind: MessageKind, body: &[u8]) -> Result<Next, DecodeError> {
        let message = Message::parse(kind, self.config.protocol, &self.config.limits, body)?;
        if !self.greeted {
            // wire.md 2.5: nothing counts before the init response.
            return Ok(if matches!(message, Message::InitResponse) { Next::Greeted } else { Next::Nothing });
        }
        match message {
            Message::Response { internal: true, code, return_code, debug_message, mut params } => {
                if code != internal::INIT_ENCRYPTION || !self.expects_key {
                    return Ok(Next::Nothing);
                }
                let key = internal::public_key(&mut params)?.map(Vec::from);
                Ok(Next::ServerKey { return_code, text: text(debug_message), key })
            }
            Message::Response { internal: false, code, return_code, debug_message, params } => {
                self.response(code, return_code, debug_message, params)
            }
            Message::Event { code, params } => {
                if self.state == State::ConnectedToFrontEnd {
                    self.event(code, params)?;
                }
                Ok(Next::Nothing)
            }
            Message::Disconnect { code, debug_message, .. } => {
                Ok(Next::Disconnected { code, text: text(debug_message) })
            }
            // wire.md 1.1 and chat.md 4.10: no use for bare values and raw messages; a client gets no requests.
            _ => {
                self.stats.ignored_messages += 1;
                Ok(Next::Nothing)
            }
        }
    }

    fn response(
        &mut self,
        code: u8,
        return_code: i16,
        debug_message: Option<&str>,
        mut params: Params<'_>,
    ) -> Result<Next, DecodeError> {
        match (self.server, code) {
            (_, operation::AUTHENTICATE) => {
                if !self.expects_login {
                    self.stats.ignored_messages += 1;
                    return Ok(Next::Nothing);
                }
                if return_code != return_code::OK {
                    return Ok(Next::LoginRefused { return_code, text: text(debug_message) });
                }
                let login = authenticate::read(&mut params, self.config)?;
                self.surplus(&mut params)?;
                Ok(Next::LoggedIn(Box::new(login)))
            }
            (Server::NameServer, operation::GET_REGIONS) => {
                if self.regions.is_empty() {
                    self.stats.ignored_messages += 1;
                    return Ok(Next::Nothing);
                }
                let result = if return_code == return_code::OK {
                    regions::read(&mut params, &self.config.limits)?
                } else {
                    Err(crate::error::RegionsError::Server(server_error(code, return_code, debug_message)))
                };
                self.regions.pop_front();
                self.events.push(Event::RegionsResult(result));
                Ok(Next::Nothing)
            }
            (Server::FrontEnd, _) if self.state == State::ConnectedToFrontEnd => {
                let parameters = params.to_parameters()?;
                self.surplus(&mut params)?;
                self.chat_response(code, return_code, debug_message, parameters);
                Ok(Next::Nothing)
            }
            _ => {
                self.stats.ignored_messages += 1;
                Ok(Next::Nothing)
            }
        }
    }

    fn chat_response(&mut self, code: u8, return_code: i16, message: Option<&str>, parameters: Vec<(u8, Value)>) {
        if return_code != return_code::OK {
            let hint = if return_code == return_code::INVALID_OPERATION {
                " (is the app id of kind Chat? others get this code on every chat operation)"
            } else {
                ""
            };
            self.config.log(log::Level::Warn, format_args!("operation {code}: return code {return_code}{hint}"));
        }
        let open = match code {
            operation::SUBSCRIBE => Some(&mut self.requests.subscribe),
            operation::UNSUBSCRIBE => Some(&mut self.requests.unsubscribe),
            _ => None,
        };
        if let Some(open) = open {
            let failed = open.answer(return_code, || server_error(code, return_code, message));
            if !failed.is_empty() {
                self.events.push(if code == operation::SUBSCRIBE {
                    Event::SubscribeResult(failed)
                } else {
                    self.model.stayed(&failed);
                    Event::UnsubscribeResult(failed)
                });
            }
        }
        let parameters = Some(parameters).filter(|parameters| !parameters.is_empty()).map(Box::new);
        self.events.push(Event::OperationResponse { operation: code, return_code, message: text(message), parameters });
    }

    /// Surplus bytes are tolerated and counted. Spec: wire.md 10.
    fn surplus(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        self.stats.surplus_bytes += params.finish()? as u64;
        Ok(())
    }

    fn event(&mut self, code: u8, params: Params<'_>) -> Result<(), DecodeError> {
        let mut params = params;
        let handled = match code {
            event::CHAT_MESSAGES => self.chat_messages(&mut params),
            event::PRIVATE_MESSAGE => self.private_message(&mut params),
            event::SUBSCRIBE => self.subscribe_event(&mut params),
            event::UNSUBSCRIBE => self.unsubscribe_event(&mut params),
            _ => {
                let parameters = params.to_parameters()?;
                self.events.push(Event::Other { code, parameters });
                Ok(())
            }
        };
        match handled {
            Ok(()) => self.surplus(&mut params),
            // chat.md 4.9: well-formed bytes that are not what the event should hold.
            Err(error) if matches!(error.kind, DecodeErrorKind::WrongType(_)) => {
                self.stats.malformed_events += 1;
                self.config.log(log::Level::Warn, format_args!("event {code} dropped: {error}"));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Spec: chat.md 4.1.
    fn chat_messages(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut channel, mut last_id) = (None, None);
        let (mut senders, mut contents) = (false, false);
        let mut bad = None;
        let limits = &self.config.limits;
        self.gather.clear();
        while let Some(key) = params.next_key()? {
            match key {
                parameter::CHANNEL => channel = Some(params.str("channel (p1)")?),
                parameter::SENDERS => {
                    senders = true;
                    self.gather.begin_senders();
                    params.texts("senders (p4)", |sender| self.gather.sender(sender))?;
                }
                parameter::MESSAGES => {
                    contents = true;
                    self.gather.begin_contents();
                    params.elements("messages (p2)", |element| match element {
                        Element::Text(text) => self.gather.text(text),
                        Element::Other(value) => match value.to_value(limits) {
                            Ok(value) => self.gather.value(value),
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
        let Some(channel) = self.model.public.get(name) else {
            self.stats.unknown_channel_events += 1;
            self.config.log(log::Level::Warn, format_args!("messages for a channel that is not subscribed: dropped"));
            return Ok(());
        };
        let channel = channel.name().clone();
        let Some(messages) = self.gather.finish(last_id) else {
            return Err(DecodeError::new(DecodeErrorKind::NotUtf8, 0, "senders or messages (p4, p2)"));
        };
        self.model.received(false, name, last_id, &messages);
        if !messages.is_empty() {
            self.events.push(Event::ChatMessages { channel, messages });
        }
        Ok(())
    }

    /// Spec: chat.md 4.2.
    fn private_message(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let (mut sender, mut target, mut last_id, mut content) = (None, None, None, None);
        self.gather.clear();
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
        let other = if sender == &*self.config.user_id.0 { target.unwrap_or(sender) } else { sender };
        self.gather.sender(sender.as_bytes());
        match content {
            Element::Text(text) => self.gather.text(text),
            Element::Other(value) => self.gather.value(value.to_value(&self.config.limits)?),
        }
        let Some(messages) = self.gather.finish(last_id) else {
            return Err(DecodeError::new(DecodeErrorKind::NotUtf8, 0, "message (p3)"));
        };
        let channel = if self.model.private_channel(other) {
            self.model.received(true, other, last_id, &messages)
        } else {
            self.config.log(log::Level::Warn, format_args!("too many private channels: a message is not cached"));
            Text::from(other)
        };
        self.events.push(Event::PrivateMessage { channel, message: PrivateMessage(messages) });
        Ok(())
    }

    /// Spec: chat.md 4.4.
    fn subscribe_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let mut names = None;
        let mut results = Vec::new();
        while let Some(key) = params.next_key()? {
            match key {
                parameter::CHANNELS => names = Some(params.strings("channels (p0)")?),
                parameter::SUBSCRIBE_RESULTS => results = bools(params.value_ref()?, self.config)?,
                _ => {}
            }
        }
        let names = names.ok_or(missing("channels (p0)"))?;
        let shared = shared(&names);
        let mut outcomes = Vec::with_capacity(names.len());
        for (index, channel) in shared.enumerate() {
            let request = self.requests.subscribe.settle(&channel);
            let accepted = results.get(index).copied().unwrap_or(false);
            if accepted && !self.model.subscribed(&channel, request.is_some()) {
                self.config
                    .log(log::Level::Warn, format_args!("too many channels that nobody asked for: one is not kept"));
            }
            let outcome = if accepted { Outcome::Done } else { Outcome::Refused };
            outcomes.push(ChannelOutcome { channel, outcome, request });
        }
        self.events.push(Event::SubscribeResult(outcomes));
        Ok(())
    }

    /// Spec: chat.md 4.5.
    fn unsubscribe_event(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let mut names = None;
        while let Some(key) = params.next_key()? {
            if key == parameter::CHANNELS {
                names = Some(params.strings("channels (p0)")?);
            }
        }
        let names = names.ok_or(missing("channels (p0)"))?;
        let outcomes = shared(&names)
            .map(|channel| {
                let request = self.requests.unsubscribe.settle(&channel);
                self.model.unsubscribed(&channel);
                ChannelOutcome { channel, outcome: Outcome::Done, request }
            })
            .collect();
        self.events.push(Event::UnsubscribeResult(outcomes));
        Ok(())
    }
}

impl Model {
    /// Messages for a channel that exists; returns its own name.
    fn received(
        &mut self,
        private: bool,
        name: &str,
        last_id: Option<i32>,
        messages: &crate::messages::Messages,
    ) -> Text {
        let channels = if private { &mut self.private } else { &mut self.public };
        let Some(channel) = channels.get_mut(name) else { return Text::from(name) };
        if let Some(last_id) = last_id {
            channel.last_id = last_id;
        }
        let own_name = channel.name().clone();
        self.cache(private, name, messages.clone());
        own_name
    }
}

fn text(message: Option<&str>) -> Text {
    message.map_or(Text::EMPTY, Text::from)
}

fn server_error(operation: u8, code: i16, message: Option<&str>) -> crate::error::ServerError {
    crate::error::ServerError { operation, code, message: text(message) }
}

/// A known event without a parameter that it cannot do without.
fn missing(field: &'static str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::WrongType(0), 0, field)
}

/// The names of one event as views of one text.
fn shared<'n>(names: &'n [&str]) -> impl Iterator<Item = Text> + use<'n> {
    let all = Text::from(names.concat());
    let mut start = 0;
    names.iter().map(move |name| {
        let end = start + name.len();
        let part = all.slice(start, end).unwrap_or_default();
        start = end;
        part
    })
}

fn bools(value: ValueRef<'_>, config: &ChatConfig) -> Result<Vec<bool>, DecodeError> {
    use photon_proto::Array;
    Ok(match value.to_value(&config.limits)? {
        Value::Array(Array::Bool(results)) => results,
        Value::Array(Array::Object(values)) => {
            values.into_iter().map(|value| matches!(value, Value::Bool(true))).collect()
        }
        // chat.md 4.4: a missing list is a list of false.
        _ => Vec::new(),
    })
}
