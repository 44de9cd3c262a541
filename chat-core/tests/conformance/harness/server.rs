//! The server's end of one link: decodes what the client sends, and encodes what a test makes it
//! send.

use super::APP_ID;
use super::carrier::{Arrived, DatagramEnd, End};
use chat_core::{LinkId, Target, Timestamp, Wire};
use photon_proto::crypto::{Cipher, KeyExchange};
use photon_proto::message::{self, Header, Init, Message, MessageWriter};
use photon_proto::tcp::{self, Delivery};
use photon_proto::{EncodeError, Limits, Params, Protocol, Value, internal};
use std::collections::VecDeque;

const LIMITS: Limits = Limits::DEFAULT;

/// An operation request of the client, completely decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) code: u8,
    /// Sorted by key; each value in its exact type.
    pub(crate) parameters: Vec<(u8, Value)>,
    pub(crate) encrypted: bool,
    pub(crate) channel: u8,
    pub(crate) delivery: u8,
    /// The message as it was on the wire.
    pub(crate) raw: Vec<u8>,
}

/// The kind of a received message, to check the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Init,
    /// On transports where a ping is a message.
    Ping,
    Key,
    Request(u8),
}

pub(crate) struct ServerLink {
    pub(crate) id: LinkId,
    pub(crate) target: Target,
    pub(crate) opened: bool,
    /// Whether either side closed it.
    pub(crate) gone: bool,
    /// The init message. Over WebSocket it is derived from the path, and no message arrives.
    pub(crate) init: Option<Init>,
    pub(crate) client_key: Option<Vec<u8>>,
    pub(crate) requests: VecDeque<Sent>,
    pub(crate) received: Vec<Received>,
    /// The times of ping messages, and the client's time in them, both in milliseconds.
    pub(crate) pings: Vec<(u64, i32)>,
    pub(super) end: End,
    exchange: KeyExchange,
    cipher: Option<Cipher>,
}

impl ServerLink {
    pub(super) fn new(id: LinkId, target: Target, wire: Wire) -> Self {
        let init = match wire {
            Wire::WebSocket { protocol, .. } if !protocol.is_text() => {
                Some(init_of(&target.path, protocol.name()))
            }
            Wire::WebSocket { .. } => {
                let path = target
                    .path
                    .strip_prefix('/')
                    .and_then(|path| path.split_once("?libversion="));
                assert_eq!(
                    path.map(|(app, version)| (app, version.split('.').count())),
                    Some((APP_ID, 4))
                );
                None
            }
            _ => None,
        };
        Self {
            id,
            target,
            opened: false,
            gone: false,
            init,
            client_key: None,
            requests: VecDeque::new(),
            received: Vec::new(),
            pings: Vec::new(),
            end: End::new(wire),
            exchange: KeyExchange::from_secret(&[3; 20]),
            cipher: None,
        }
    }

    /// The protocol that the client announced.
    #[track_caller]
    pub(super) fn protocol(&self) -> Protocol {
        if self.end.is_json() {
            return Protocol::V18;
        }
        let init = self.init.as_ref().expect("the init came first");
        Protocol::from_version(init.protocol).expect("a known protocol")
    }

    /// Drops the records; an established connection continues.
    pub(super) fn forget(&mut self) {
        self.requests.clear();
        self.received.clear();
        self.pings.clear();
        if let End::Datagrams(datagrams) = &mut self.end {
            datagrams.forget();
        }
    }

    /// The server's end of a datagram link.
    #[track_caller]
    pub(crate) fn udp(&mut self) -> &mut DatagramEnd {
        match &mut self.end {
            End::Datagrams(datagrams) => datagrams,
            other => panic!("not over datagrams: {other:?}"),
        }
    }

    /// Handles bytes that the client sent.
    pub(super) fn take(&mut self, now: Timestamp, bytes: &[u8], answered: bool) {
        for arrived in self.end.take(now, bytes, answered) {
            match arrived {
                Arrived::Ping { client_time } => {
                    self.received.push(Received::Ping);
                    self.pings.push((now.as_millis(), client_time));
                }
                Arrived::Message {
                    channel,
                    delivery,
                    raw,
                } => self.take_message(now, channel, delivery, raw),
            }
        }
    }

    fn take_message(&mut self, now: Timestamp, channel: u8, delivery: u8, raw: Vec<u8>) {
        let encrypted = Header::decode(&raw).expect("a header").encrypted;
        let mut plain = raw.clone();
        let (kind, body) =
            message::decrypt(&mut plain, self.cipher.as_ref()).expect("opens with the agreed key");
        let protocol = self
            .init
            .as_ref()
            .map_or(Protocol::V18, |_| self.protocol());
        match Message::decode(kind, protocol, &LIMITS, body).expect("a valid message") {
            Message::Init(init) => {
                // This excludes WebSocket, which has no init message.
                assert!(
                    self.init.is_none() && self.received.is_empty(),
                    "one init, first of all"
                );
                assert_eq!((channel, delivery, raw.len()), (0, 1, 41));
                self.received.push(Received::Init);
                self.init = Some(init);
            }
            Message::Request {
                internal: true,
                code: internal::INIT_ENCRYPTION,
                mut params,
            } => {
                assert!(self.client_key.is_none(), "one key exchange a connection");
                assert_eq!((channel, delivery, encrypted), (0, 1, false), "wire.md 8.1");
                self.received.push(Received::Key);
                self.client_key = internal::public_key(&mut params)
                    .expect("a valid message")
                    .map(Vec::from);
                assert!(self.client_key.is_some());
            }
            Message::Request {
                internal: true,
                code: internal::PING,
                mut params,
            } => {
                let (client_time, server_time) =
                    internal::ping_times(&mut params).expect("a valid message");
                assert_eq!((server_time, encrypted), (None, false), "wire.md 8.4");
                let client_time = client_time.expect("the client's time");
                self.end.on_ping_message(client_time);
                self.received.push(Received::Ping);
                self.pings.push((now.as_millis(), client_time));
            }
            Message::Request {
                internal: false,
                code,
                mut params,
            } => {
                self.received.push(Received::Request(code));
                let mut parameters = all_parameters(&mut params);
                parameters.sort_by_key(|(key, _)| *key);
                self.requests.push_back(Sent {
                    code,
                    parameters,
                    encrypted,
                    channel,
                    delivery,
                    raw,
                });
            }
            other => panic!("a client does not send {other:?}"),
        }
    }

    /// Encodes the server's key. From now on this end decrypts.
    #[track_caller]
    pub(crate) fn key_response(&mut self) -> Vec<u8> {
        let client_key = self.client_key.as_ref().expect("the client sent its key");
        self.cipher = Some(Cipher::new(
            &self.exchange.agree(client_key).expect("a valid key"),
        ));
        let key = self.exchange.public_key().to_vec();
        self.key_answer(0, Some(&key))
    }

    /// Encodes any response to the key exchange.
    pub(crate) fn key_answer(&self, return_code: i16, key: Option<&[u8]>) -> Vec<u8> {
        let mut message = Vec::new();
        internal::encode_key_response(&mut message, self.protocol(), &LIMITS, return_code, key)
            .expect("fits");
        framed(&message)
    }

    pub(crate) fn response(
        &self,
        encrypt: bool,
        code: u8,
        return_code: i16,
        text: Option<&str>,
        parameters: &[(u8, Value)],
    ) -> Vec<u8> {
        self.message(encrypt, parameters, |buffer, protocol| {
            MessageWriter::response(buffer, protocol, &LIMITS, code, return_code, text)
        })
    }

    pub(crate) fn event(&self, encrypt: bool, code: u8, parameters: &[(u8, Value)]) -> Vec<u8> {
        self.message(encrypt, parameters, |buffer, protocol| {
            MessageWriter::event(buffer, protocol, &LIMITS, code)
        })
    }

    pub(crate) fn disconnect(&self, reason: i16, text: Option<&str>) -> Vec<u8> {
        self.message(false, &[], |buffer, protocol| {
            MessageWriter::disconnect(buffer, protocol, &LIMITS, reason, text)
        })
    }

    fn message(
        &self,
        encrypt: bool,
        parameters: &[(u8, Value)],
        begin: impl FnOnce(&mut Vec<u8>, Protocol) -> Result<MessageWriter<'_>, EncodeError>,
    ) -> Vec<u8> {
        let mut message = Vec::new();
        let mut writer = begin(&mut message, self.protocol()).expect("fits");
        for (key, value) in parameters {
            writer
                .put(*key, value)
                .expect("the protocol can express it");
        }
        writer.finish().expect("fits");
        if let Some(cipher) = self.cipher.as_ref().filter(|_| encrypt) {
            message::encrypt(&mut message, 0, cipher);
        }
        framed(&message)
    }
}

/// Decodes a whole path. wire.md 7.1.
#[track_caller]
fn init_of(path: &str, subprotocol: &str) -> Init {
    let parts = path
        .strip_prefix("/?libversion=")
        .and_then(|rest| rest.strip_suffix("&IPv6"));
    let parts = parts
        .and_then(|rest| rest.split_once("&sid="))
        .expect("a path as in wire.md 7.1");
    let (version, (sdk, application)) = (
        parts.0,
        parts
            .1
            .split_once("&app=")
            .expect("a path as in wire.md 7.1"),
    );
    let version: Vec<u8> = version
        .split('.')
        .map(|part| part.parse().expect("a number"))
        .collect();
    Init {
        protocol: match subprotocol {
            "GpBinaryV16" => [1, 6],
            "GpBinaryV18" => [1, 8],
            other => panic!("{other}"),
        },
        sdk: sdk.parse().expect("a number"),
        ipv6: true,
        version: version.try_into().expect("four numbers"),
        application: application.into(),
    }
}

/// All parameters; nothing follows them.
pub(super) fn all_parameters(params: &mut Params<'_>) -> Vec<(u8, Value)> {
    let mut all = Vec::new();
    while let Some(key) = params.next_key().expect("a valid key") {
        all.push((key, params.value().expect("a valid value")));
    }
    assert_eq!(params.finish(), Ok(0), "surplus bytes");
    all
}

/// Encodes a message in a reliable frame on channel 0.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = tcp::begin_frame(&mut bytes, 0, Delivery::Reliable);
    bytes.extend_from_slice(message);
    tcp::end_frame(&mut bytes, frame);
    bytes
}
