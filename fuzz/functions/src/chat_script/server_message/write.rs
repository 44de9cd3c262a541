//! Writes a [`ServerMessage`] as a message of either binary protocol.

use super::{AddressError, ChatEvent, Handshake, KeyError, Other, PresenceEvent, ServerMessage};
use crate::chat_script::samples::{Content, Name};
use crate::script::{OneIn, Seldom};
use chat_core::codes::{event, operation, parameter};
use chat_core::{Dictionary, EncodeError, Limits, Protocol, Value};
use dev_server::Transport;
use photon_proto::crypto::KeyExchange;
use photon_proto::message::{MAGIC, MessageKind, MessageWriter};
use photon_proto::{internal, value};
use std::sync::LazyLock;

/// The server's side of every key exchange. Its secret is a constant, so that a script has the same
/// bytes each time it is played.
pub(in crate::chat_script) static EXCHANGE: LazyLock<KeyExchange> =
    LazyLock::new(|| KeyExchange::from_secret(&[3; 20]));

/// Appends the message; nothing for what is not one message (a flood, a ping response, garbage).
/// `transport` is the one over which the client has connected.
pub(in crate::chat_script) fn write_message(
    message: &ServerMessage,
    transport: Transport,
    protocol: Protocol,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let mut writer = Writer {
        out,
        protocol,
        limits,
    };
    match message {
        ServerMessage::Handshake(handshake) => writer.handshake(handshake, transport),
        ServerMessage::Chat(event) => writer.chat(event),
        ServerMessage::Presence(event) => writer.presence(event),
        ServerMessage::Other(other) => writer.other(other),
    }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
    limits: &'a Limits,
}

impl Writer<'_> {
    fn event(&mut self, code: u8) -> Result<MessageWriter<'_>, EncodeError> {
        MessageWriter::event(self.out, self.protocol, self.limits, code)
    }

    fn response(
        &mut self,
        operation: u8,
        code: i16,
        text: &str,
    ) -> Result<MessageWriter<'_>, EncodeError> {
        let (protocol, limits) = (self.protocol, self.limits);
        MessageWriter::response(self.out, protocol, limits, operation, code, Some(text))
    }

    /// A message of these bytes, whether they are a good one or not.
    fn bytes(&mut self, kind: u8, body: &[u8]) {
        self.out.extend_from_slice(&[MAGIC, kind]);
        self.out.extend_from_slice(body);
    }

    fn handshake(
        &mut self,
        handshake: &Handshake,
        transport: Transport,
    ) -> Result<(), EncodeError> {
        match handshake {
            Handshake::InitResponse => {
                self.bytes(MessageKind::InitResponse as u8, &[0]);
                Ok(())
            }
            Handshake::Key {
                error: Seldom(error),
            } => {
                let (code, key) = match error {
                    None => (0, Some(EXCHANGE.public_key())),
                    Some(KeyError::Degenerate) => (0, Some(&[1][..])),
                    Some(KeyError::Missing) => (0, None),
                    Some(KeyError::Refused) => (-1, Some(EXCHANGE.public_key())),
                };
                internal::encode_key_response(self.out, self.protocol, self.limits, code, key)
            }
            Handshake::Login {
                code,
                address_error: Seldom(address_error),
                without_token: OneIn(without_token),
                user,
                data,
            } => {
                let mut answer = self.response(operation::AUTHENTICATE, code.get(), "no")?;
                if let Some(address) = front_end_address(*address_error, transport) {
                    answer.put(parameter::ADDRESS, address)?;
                }
                if !without_token {
                    answer.put(parameter::SECRET, "token")?;
                }
                if let Some(user) = user {
                    answer.put(parameter::USER_ID, user.as_str())?;
                    answer.put(parameter::NICKNAME, "nick")?;
                }
                if *data {
                    answer.put(parameter::DATA, &dictionary(&[("x".into(), 1.into())]))?;
                }
                answer.finish()
            }
        }
    }

    fn chat(&mut self, event: &ChatEvent) -> Result<(), EncodeError> {
        match event {
            ChatEvent::Subscribed {
                channels,
                refused: OneIn(refused),
                details,
            } => {
                let channels = channels.to_vec();
                let results = vec![!refused; channels.len()];
                let mut event = self.event(event::SUBSCRIBE)?;
                event.put(parameter::CHANNELS, &strings(&channels))?;
                event.put_with(parameter::SUBSCRIBE_RESULTS, |out| out.bools(&results))?;
                if let Some(details) = details {
                    let properties = dictionary(&details.properties.pairs());
                    let subscribers = strings(&[details.first, details.second]);
                    let of_users = [(details.first.as_str().into(), properties.clone())];
                    event.put(parameter::PROPERTIES, &properties)?;
                    event.put(parameter::CHANNEL_SUBSCRIBERS, &subscribers)?;
                    event.put(parameter::USER_PROPERTIES, &dictionary(&of_users))?;
                }
                event.finish()
            }
            ChatEvent::Unsubscribed(channels) => {
                let mut event = self.event(event::UNSUBSCRIBE)?;
                event.put(parameter::CHANNELS, &strings(&channels.to_vec()))?;
                event.finish()
            }
            ChatEvent::Messages {
                channel,
                sender,
                content,
                count,
                last_id,
                life,
            } => {
                let (count, last_id) = (count.get(), last_id.get());
                let text = |id| life.text(id).filter(|_| *content == Content::Text);
                let contents: Vec<Value> = (0..count)
                    .rev()
                    .map(|before| last_id.saturating_sub(before.into()))
                    .map(|id| text(id).map_or_else(|| content.value(), Value::from))
                    .collect();
                let (contents, count) = (Value::from(contents), usize::from(count));
                let mut event = self.event(event::CHAT_MESSAGES)?;
                event.put(parameter::CHANNEL, channel.as_str())?;
                event.put(parameter::SENDERS, &strings(&vec![*sender; count]))?;
                event.put(parameter::MESSAGES, &contents)?;
                event.put(parameter::MESSAGE_ID, &last_id)?;
                event.finish()
            }
            ChatEvent::Private {
                sender,
                target,
                content,
                id,
            } => {
                let mut event = self.event(event::PRIVATE_MESSAGE)?;
                event.put(parameter::SENDER, sender.as_str())?;
                event.put(parameter::USER_ID, target.as_str())?;
                event.put(parameter::MESSAGE, &content.value())?;
                event.put(parameter::MESSAGE_ID, &id.get())?;
                event.finish()
            }
        }
    }

    fn presence(&mut self, event: &PresenceEvent) -> Result<(), EncodeError> {
        match event {
            PresenceEvent::Status {
                user,
                status,
                message,
            } => {
                let mut event = self.event(event::STATUS_UPDATE)?;
                event.put(parameter::SENDER, user.as_str())?;
                event.put(parameter::STATUS, &i32::from(*status))?;
                if let Some(message) = message {
                    event.put(parameter::MESSAGE, &message.value())?;
                }
                event.finish()
            }
            PresenceEvent::PropertiesChanged {
                channel,
                user,
                properties,
            } => {
                let mut event = self.event(event::PROPERTIES_CHANGED)?;
                event.put(parameter::CHANNEL, channel.as_str())?;
                event.put(parameter::SENDER, "bob")?;
                if let Some(user) = user {
                    event.put(parameter::USER_ID, user.as_str())?;
                }
                event.put(parameter::PROPERTIES, &dictionary(&properties.pairs()))?;
                event.finish()
            }
            PresenceEvent::Moved {
                entered,
                channel,
                user,
                properties,
            } => {
                let mut event = self.event(if *entered {
                    event::USER_SUBSCRIBED
                } else {
                    event::USER_UNSUBSCRIBED
                })?;
                event.put(parameter::CHANNEL, channel.as_str())?;
                event.put(parameter::USER_ID, user.as_str())?;
                event.put(parameter::USER_PROPERTIES, &dictionary(&properties.pairs()))?;
                event.finish()
            }
            PresenceEvent::ErrorInfo { channel, content } => {
                let mut event = self.event(event::ERROR_INFO)?;
                if let Some(channel) = channel {
                    event.put(parameter::CHANNEL, channel.as_str())?;
                }
                event.put(parameter::DEBUG_MESSAGE, "the hook failed")?;
                if let Some(content) = content {
                    event.put(parameter::DEBUG_DATA, &content.value())?;
                }
                event.finish()
            }
        }
    }

    fn other(&mut self, other: &Other) -> Result<(), EncodeError> {
        match other {
            Other::Regions { code, matching } => {
                let mut answer = self.response(operation::GET_REGIONS, code.get(), "regions")?;
                answer.put_with(parameter::REGION, |out| out.strings(["eu/*", "US"].iter()))?;
                let addresses = if *matching { &["x", "y"][..] } else { &["x"] };
                answer.put_with(parameter::ADDRESS, |out| out.strings(addresses.iter()))?;
                answer.finish()
            }
            Other::Response { operation, code } => {
                self.response(operation.get(), code.get(), "no")?.finish()
            }
            Other::Event(code) => self.event(*code)?.finish(),
            Other::Disconnect(code) => {
                let (protocol, limits) = (self.protocol, self.limits);
                let reason = Some("bye");
                MessageWriter::disconnect(self.out, protocol, limits, code.get(), reason)?.finish()
            }
            Other::Raw(bytes) => {
                self.bytes(MessageKind::Raw as u8, bytes);
                Ok(())
            }
            Other::Framed { kind, body } => {
                self.bytes(*kind, body);
                Ok(())
            }
            Other::Pong { .. } | Other::Flood { .. } | Other::Garbage(_) => Ok(()),
        }
    }
}

/// The front-end address of a login.
fn front_end_address(error: Option<AddressError>, transport: Transport) -> Option<&'static str> {
    match error {
        None => Some("127.0.0.1:5"),
        Some(AddressError::Missing) => None,
        Some(AddressError::Unparsable) => Some("no address"),
        Some(AddressError::OtherTransport) => Some(match transport {
            Transport::Tcp => "udp://127.0.0.1:5",
            Transport::Udp => "tcp://127.0.0.1:5",
            Transport::Ws => "wss://127.0.0.1:5",
            Transport::Wss => "ws://127.0.0.1:5",
        }),
    }
}

/// An array of texts.
fn strings(names: &[Name]) -> Value {
    Value::Array(value::Array::String(
        names.iter().map(|name| name.as_str().into()).collect(),
    ))
}

fn dictionary(pairs: &[(Value, Value)]) -> Value {
    let object = || value::Type::Object;
    Value::Dictionary(Dictionary {
        key: object(),
        value: object(),
        pairs: pairs.to_vec(),
    })
}
