//! Init and key exchange, in both roles. Spec: wire.md 2, 8.1.

use super::{
    Encryption, End, Inbound, KeyExchangeFailure, Peer, Phase, SendError, SubProtocol, Wire,
};
use crate::codec::Protocol;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::internal;
use crate::limits::Limits;
use crate::message::{self, HttpInit, Init, MAGIC, Message, MessageKind};
use crate::random::Random;
use crate::role::Role;
use crate::text::Text;
use crate::time::Timestamp;
#[cfg(feature = "encryption")]
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

#[cfg(feature = "encryption")]
use crate::crypto::{Cipher, KeyExchange};

/// The init response: the one that real servers were captured sending. Spec: wire.md 2.5.
const INIT_RESPONSE: [u8; 3] = [MAGIC, MessageKind::InitResponse as u8, 0];

/// Key material between the request and the answer of a key exchange.
#[derive(Default)]
pub(super) enum Exchange {
    #[default]
    None,
    /// Client: the secret, until the server's key arrives. Boxed, because a connection needs it for
    /// one round trip only.
    #[cfg(feature = "encryption")]
    Client(Box<KeyExchange>),
    /// Server: the client's key, until the owner answers.
    #[cfg(feature = "encryption")]
    Server(Box<[u8]>),
}

/// A message before the init response.
enum First {
    Greeting,
    Disconnect,
    PingAnswer { client_time: i32, server_time: i32 },
    Other,
}

/// The answer of a server to a key request. More variants may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAnswer<'a> {
    /// Agrees on a key: messages can be encrypted from then on.
    Agree,
    /// Sends this as the server's key and agrees on nothing: for tests of clients.
    Key(&'a [u8]),
    /// Refuses with a return code.
    Refuse(i16),
}

/// Converts a text init to a binary one. A version number that is not a number becomes 0.
fn init_of_text(text: &HttpInit) -> Init {
    let mut numbers = text.version.split('.').map(|number| number.parse());
    Init {
        protocol: text.protocol.version(),
        sdk: text.sdk,
        ipv6: text.ipv6,
        version: core::array::from_fn(|_| numbers.next().and_then(Result::ok).unwrap_or_default()),
        application: text.application.clone(),
    }
}

impl Peer {
    // Client.

    pub(super) fn send_init(&mut self) {
        debug_assert_eq!(
            self.phase,
            Phase::AwaitInit,
            "an init is sent once, and before everything else"
        );
        let init = Init {
            protocol: self.binary_protocol().version(),
            sdk: self.config.sdk,
            ipv6: self.ipv6,
            version: self.config.version,
            application: Text::from_static(self.application),
        };
        let written = self.write_internal(|buffer, _, _| {
            init.encode(buffer);
            Ok(())
        });
        debug_assert_eq!(written, Ok(()), "41 bytes fit into an empty buffer");
    }

    /// The first message of the server. Everything but the init response and a disconnect has no
    /// meaning yet. Spec: wire.md 2.5.
    pub(super) fn on_message_before_init_response(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        inbound: (MessageKind, bool, Range<usize>),
    ) -> Inbound<Range<usize>> {
        let (kind, encrypted, message) = inbound;
        let first = match self.decode(kind, message.clone()) {
            Ok(Message::InitResponse) => First::Greeting,
            Ok(Message::Disconnect { .. }) => First::Disconnect,
            Ok(Message::Response {
                internal: true,
                code: internal::PING,
                mut params,
                ..
            }) if !encrypted => match internal::ping_times(&mut params) {
                Ok((Some(client_time), Some(server_time))) => First::PingAnswer {
                    client_time,
                    server_time,
                },
                _ => First::Other,
            },
            Ok(_) => First::Other,
            Err(error) => return Inbound::Bad { error, message },
        };
        match first {
            First::Greeting => self.on_greeting(now, random),
            First::Disconnect => Inbound::Message {
                kind,
                encrypted,
                message,
            },
            // wire.md 7.1: over WebSocket an answered ping is as good as an init response.
            First::PingAnswer {
                client_time,
                server_time,
            } if self.is_web_socket()
                && self.clock.on_ping_answer(now, server_time, client_time) =>
            {
                self.on_greeting(now, random)
            }
            First::PingAnswer { .. } | First::Other => Inbound::Ignored,
        }
    }

    /// The server showed its presence: starts the clock and pings, and sends the client's key.
    pub(super) fn on_greeting(
        &mut self,
        now: Timestamp,
        random: &mut Random,
    ) -> Inbound<Range<usize>> {
        debug_assert_eq!(self.phase, Phase::AwaitInit, "a server greets once");
        self.phase = Phase::KeyExchange;
        self.carrier.on_init_response();
        self.ping = None;
        if self.sends_pings() && self.end.is_none() {
            // wire.md 6.2: the first ping is sent at once; 7.2: in JSON after the first operation.
            self.ping = Some(now);
            self.restart_silence(now);
            if !self.is_text() {
                self.run_ping(now);
            }
        }
        if self.config.encryption == Encryption::Off || self.is_secure() {
            self.phase = Phase::Ready;
            return Inbound::Ready;
        }
        let sent = if self.is_text() {
            Err(KeyExchangeFailure::NotPossible)
        } else {
            self.send_key_request(random)
        };
        match sent {
            Ok(()) => Inbound::Handshake,
            Err(failure) => self.key_exchange_failed(failure, 0, Text::EMPTY),
        }
    }

    #[cfg(feature = "encryption")]
    fn send_key_request(&mut self, random: &mut Random) -> Result<(), KeyExchangeFailure> {
        let exchange = Box::new(KeyExchange::new(random));
        self.write_internal(|buffer, protocol, limits| {
            internal::encode_key_request(buffer, protocol, limits, exchange.public_key())
        })
        .map_err(|_| KeyExchangeFailure::NotSent)?;
        self.exchange = Exchange::Client(exchange);
        Ok(())
    }

    #[cfg(not(feature = "encryption"))]
    fn send_key_request(&mut self, _random: &mut Random) -> Result<(), KeyExchangeFailure> {
        Err(KeyExchangeFailure::NotCompiledIn)
    }

    /// A response to an internal operation: a ping answer where pings are messages, or the server's
    /// key.
    pub(super) fn on_internal_response(
        &mut self,
        now: Timestamp,
        encrypted: bool,
        message: Range<usize>,
    ) -> Inbound<Range<usize>> {
        let (phase, web_socket) = (self.phase, self.is_web_socket());
        let (return_code, text, key) = match self
            .decode(MessageKind::InternalResponse, message.clone())
        {
            Ok(Message::Response {
                code: internal::INIT_ENCRYPTION,
                return_code,
                debug_message,
                mut params,
                ..
            }) if phase == Phase::KeyExchange => match internal::public_key(&mut params) {
                Ok(key) => {
                    let text = debug_message
                        .as_deref()
                        .map_or(Text::EMPTY, Text::for_error);
                    (return_code, text, key.map(Vec::from))
                }
                Err(error) => return Inbound::Bad { error, message },
            },
            Ok(Message::Response {
                code: internal::PING,
                mut params,
                ..
            }) if web_socket && !encrypted => {
                let Ok((Some(client_time), Some(server_time))) = internal::ping_times(&mut params)
                else {
                    return Inbound::Ignored;
                };
                return match self.clock.on_ping_answer(now, server_time, client_time) {
                    true => Inbound::Nothing,
                    false => Inbound::Ignored,
                };
            }
            Ok(_) => return Inbound::Ignored,
            Err(error) => return Inbound::Bad { error, message },
        };
        self.on_server_key(return_code, text, key.as_deref())
    }

    fn on_server_key(
        &mut self,
        return_code: i16,
        text: Text,
        key: Option<&[u8]>,
    ) -> Inbound<Range<usize>> {
        let failure = match key {
            _ if return_code != 0 => {
                return self.key_exchange_failed(KeyExchangeFailure::Refused, return_code, text);
            }
            None | Some([]) => KeyExchangeFailure::NoKey,
            Some(key) => match self.agree(key) {
                Ok(()) => {
                    self.phase = Phase::Ready;
                    return Inbound::Ready;
                }
                Err(failure) => failure,
            },
        };
        self.key_exchange_failed(failure, 0, text)
    }

    /// Computes the secret from the server's key. Degenerate keys are refused.
    #[cfg(feature = "encryption")]
    fn agree(&mut self, server_key: &[u8]) -> Result<(), KeyExchangeFailure> {
        // Taken, so that the secret is wiped whatever comes of it.
        let Exchange::Client(exchange) = core::mem::take(&mut self.exchange) else {
            debug_assert!(false, "a client in this phase has sent its key");
            return Err(KeyExchangeFailure::NoKey);
        };
        let key = exchange
            .agree(server_key)
            .map_err(|_| KeyExchangeFailure::BadKey)?;
        self.cipher = Some(Box::new(Cipher::new(&key)));
        Ok(())
    }

    #[cfg(not(feature = "encryption"))]
    fn agree(&mut self, _server_key: &[u8]) -> Result<(), KeyExchangeFailure> {
        Err(KeyExchangeFailure::NotCompiledIn)
    }

    fn key_exchange_failed(
        &mut self,
        failure: KeyExchangeFailure,
        return_code: i16,
        text: Text,
    ) -> Inbound<Range<usize>> {
        self.fail(End::KeyExchange {
            failure,
            return_code,
            text,
        })
    }

    // Server.

    /// The client's first message chooses the protocol. Unlike later ones it must be good: without
    /// it nothing that follows can be decoded. Spec: wire.md 2.
    pub(super) fn on_first_message(&mut self, message: Range<usize>) -> Inbound<Range<usize>> {
        debug_assert_eq!(
            self.phase,
            Phase::AwaitInit,
            "an init is expected once, and before everything else"
        );
        let (protocol, init) = match self.decode_init(message) {
            Ok(first) => first,
            Err(error) => return self.fail(End::BadInit(error)),
        };
        self.protocol = Some(protocol.into());
        self.phase = Phase::Ready;
        Inbound::Init(init)
    }

    fn decode_init(&mut self, message: Range<usize>) -> Result<(Protocol, Init), DecodeError> {
        let message = self.carrier.message_mut(message);
        if HttpInit::recognise(message) {
            let init = HttpInit::decode(&self.config.limits, message)?;
            return Ok((init.protocol, init_of_text(&init)));
        }
        let (kind, body) = message::decrypt(message, None)?;
        // The protocol is not known yet; an init has the same layout in all of them.
        match Message::decode(kind, Protocol::V16, &self.config.limits, body)? {
            Message::Init(init) => match Protocol::from_version(init.protocol) {
                Some(protocol) => Ok((protocol, init)),
                None => Err(DecodeError::new(
                    DecodeErrorKind::BadLength,
                    2,
                    "init protocol version",
                )),
            },
            _ => Err(DecodeError::new(
                DecodeErrorKind::UnknownMessage(kind as u8),
                1,
                "init",
            )),
        }
    }

    /// A request for an internal operation: a key exchange, or a ping.
    pub(super) fn on_internal_request(&mut self, message: Range<usize>) -> Inbound<Range<usize>> {
        let (code, mut params) = match self.decode(MessageKind::InternalRequest, message.clone()) {
            Ok(Message::Request { code, params, .. }) => (code, params),
            Ok(_) => return Inbound::Ignored,
            Err(error) => return Inbound::Bad { error, message },
        };
        match code {
            internal::INIT_ENCRYPTION => match internal::public_key(&mut params) {
                Ok(_key) => {
                    #[cfg(feature = "encryption")]
                    {
                        let key = _key.unwrap_or_default().into();
                        self.exchange = Exchange::Server(key);
                    }
                    Inbound::KeyRequest
                }
                Err(error) => Inbound::Bad { error, message },
            },
            internal::PING => match internal::ping_times(&mut params) {
                Ok((client_time, _)) => {
                    self.bare_ping = false;
                    Inbound::Ping {
                        client_time: client_time.unwrap_or_default(),
                    }
                }
                Err(error) => Inbound::Bad { error, message },
            },
            _ => Inbound::Ignored,
        }
    }

    // The owner of a server calls these; for a client they do nothing.

    /// Server: greets the client, after [`Inbound::Init`] or, over WebSocket, as soon as the link
    /// is open. In JSON the greeting is a session id, drawn from `random`.
    pub fn answer_init(&mut self, random: &mut Random) {
        if self.role == Role::Client {
            return;
        }
        #[cfg(feature = "json")]
        if self.is_text() {
            let mut number = [0; 8];
            random.fill("session id", &mut number);
            let session = alloc::format!("{:016x}", u64::from_be_bytes(number));
            let mut text = Vec::new();
            let written = crate::json::encode_session(&mut text, &self.config.limits, &session);
            // Fails only with limits that leave no space for any message.
            if written.is_ok() {
                self.send_raw(&text);
            }
            return;
        }
        let _ = random;
        let written = self.write_internal(|buffer, _, _| {
            buffer.extend_from_slice(&INIT_RESPONSE);
            Ok(())
        });
        debug_assert_eq!(written, Ok(()), "nothing is encoded");
    }

    /// Server: answers [`Inbound::KeyRequest`].
    ///
    /// # Errors
    /// [`KeyExchangeFailure::BadKey`] if no secret can be computed from the client's key: nothing
    /// is sent, answer with [`KeyAnswer::Refuse`]. [`KeyExchangeFailure::NoKey`] if the client did
    /// not ask. [`KeyExchangeFailure::NotSent`] if the limits leave no space for the answer.
    /// [`KeyExchangeFailure::NotCompiledIn`] without the feature `encryption`.
    pub fn answer_keys(
        &mut self,
        answer: KeyAnswer<'_>,
        random: &mut Random,
    ) -> Result<(), KeyExchangeFailure> {
        match answer {
            _ if self.role == Role::Client => Err(KeyExchangeFailure::NoKey),
            KeyAnswer::Agree => self.agree_with_client(random),
            KeyAnswer::Key(key) => self.send_key_response(0, Some(key)),
            KeyAnswer::Refuse(return_code) => self.send_key_response(return_code, None),
        }
    }

    #[cfg(feature = "encryption")]
    fn agree_with_client(&mut self, random: &mut Random) -> Result<(), KeyExchangeFailure> {
        let Exchange::Server(client_key) = core::mem::take(&mut self.exchange) else {
            return Err(KeyExchangeFailure::NoKey);
        };
        let exchange = KeyExchange::new(random);
        let key = exchange
            .agree(&client_key)
            .map_err(|_| KeyExchangeFailure::BadKey)?;
        self.send_key_response(0, Some(exchange.public_key()))?;
        self.cipher = Some(Box::new(Cipher::new(&key)));
        Ok(())
    }

    #[cfg(not(feature = "encryption"))]
    fn agree_with_client(&mut self, _random: &mut Random) -> Result<(), KeyExchangeFailure> {
        Err(KeyExchangeFailure::NotCompiledIn)
    }

    /// Never encrypted, not even on a connection that has keys: the client has none, or new ones.
    fn send_key_response(
        &mut self,
        return_code: i16,
        key: Option<&[u8]>,
    ) -> Result<(), KeyExchangeFailure> {
        self.write_internal(|buffer, protocol, limits| {
            internal::encode_key_response(buffer, protocol, limits, return_code, key)
        })
        .map_err(|_| KeyExchangeFailure::NotSent)
    }

    /// Server: answers [`Inbound::Ping`] in the form in which the client asked, which over TCP is
    /// not a message. `server_time` is in milliseconds and may wrap. Dropped while as many bytes wait
    /// as [`PeerConfig::outgoing_cap_bytes`](super::PeerConfig::outgoing_cap_bytes) allows.
    /// Spec: wire.md 6.3, 8.4.
    pub fn answer_ping(&mut self, server_time: i32, client_time: i32) {
        if self.role == Role::Client {
            return;
        }
        // A client that sends pings and reads no answers must not fill memory.
        if self.carrier.unsent_bytes() >= self.config.outgoing_cap_bytes {
            return;
        }
        if let (true, super::carrier::Carrier::Stream(stream)) = (self.bare_ping, &mut self.carrier)
        {
            return stream.write_ping_answer(server_time, client_time);
        }
        let written = self.write_internal(|buffer, protocol, limits| {
            internal::encode_ping_response(buffer, protocol, limits, client_time, server_time)
        });
        // Fails only with limits that leave no space for any message.
        let _ = written;
    }

    // Both roles.

    fn decode(
        &mut self,
        kind: MessageKind,
        message: Range<usize>,
    ) -> Result<Message<'_>, DecodeError> {
        let protocol = self.binary_protocol();
        let body = self.carrier.message_mut(message);
        let body = body.get(message::Header::LENGTH..).unwrap_or_default();
        Message::decode(kind, protocol, &self.config.limits, body)
    }

    /// Appends a message of the connection itself: in clear, and whatever waits already.
    fn write_internal(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, Protocol, &Limits) -> Result<(), EncodeError>,
    ) -> Result<(), SendError> {
        let (protocol, config) = (self.binary_protocol(), &*self.config);
        self.carrier.write(None, config, |buffer, _| {
            Ok(write(buffer, protocol, &config.limits)?)
        })
    }

    /// The format of messages. A server that does not know it yet sends nothing in it.
    fn binary_protocol(&self) -> Protocol {
        self.protocol.unwrap_or(self.config.protocol).binary()
    }

    pub(super) fn is_text(&self) -> bool {
        self.protocol.is_some_and(SubProtocol::is_text)
    }

    pub(super) const fn is_web_socket(&self) -> bool {
        matches!(self.wire, Wire::WebSocket { .. })
    }

    pub(super) const fn is_secure(&self) -> bool {
        matches!(self.wire, Wire::WebSocket { secure: true, .. })
    }
}
