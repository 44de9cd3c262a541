//! [`ServerLink`]: a server's side of one link, which checks everything that the client sends.
//!
//! It is a raw endpoint on purpose, not a `photon_proto::peer::Peer` and not the development
//! server. It has to send what a server must not send: keys of the wrong length, forged headers,
//! messages before the handshake. And it has to check the client with code that the client does
//! not use: two ends that share a state machine agree on their common errors.

use super::carrier::{Arrived, Carrier, Datagrams, LIMITS};
use super::samples::Content;
use super::server_message::EXCHANGE;
use super::setup::Setup;
use chat_core::codes::{operation, parameter};
use chat_core::{Protocol, Timestamp, Wire};
use photon_proto::crypto::Cipher;
use photon_proto::message::{self, Header, Message, MessageKind};
use photon_proto::{Params, internal};

pub(super) struct ServerLink {
    protocol: Protocol,
    /// Whether keys are exchanged.
    exchanges_keys: bool,
    /// Whether the link itself encrypts.
    is_secure: bool,
    is_front_end: bool,
    carrier: Carrier,
    /// Whether the client has sent its first message.
    has_received: bool,
    cipher: Option<Cipher>,
    /// Whether this server has sent anything, so that the client may have left its first phase.
    pub(super) has_sent: bool,
    /// Whether the client may have received a key that this server does not know.
    pub(super) astray: bool,
    /// Whether bytes were lost or changed on the way.
    pub(super) impaired: bool,
    /// Whether the client may have received changed or made-up bytes.
    pub(super) deceived: bool,
    /// Chat operations that the client has accepted.
    pub(super) accepted: u64,
    /// Questions that the client had sent by itself when it opened this link.
    pub(super) earlier_questions: u64,
    /// Chat operations that have arrived.
    pub(super) arrived: u64,
}

impl ServerLink {
    pub(super) fn new(
        setup: &Setup,
        wire: Wire,
        is_front_end: bool,
        earlier_questions: u64,
    ) -> Self {
        let is_secure = matches!(wire, Wire::WebSocket { secure: true, .. });
        Self {
            protocol: setup.protocol(),
            // By the link and not by the setup: a name server may have led to a secure front end.
            exchanges_keys: setup.encrypted && !is_secure,
            is_secure,
            is_front_end,
            carrier: Carrier::new(wire),
            has_received: false,
            cipher: None,
            has_sent: false,
            astray: false,
            impaired: false,
            deceived: false,
            accepted: 0,
            earlier_questions,
            arrived: 0,
        }
    }

    pub(super) const fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// Sends the messages over UDP. Returns all datagrams that are due.
    pub(super) fn send_datagrams(&mut self, messages: &[Vec<u8>], now: Timestamp) -> Vec<Vec<u8>> {
        let Some(datagrams) = self.carrier.datagrams_mut() else {
            return Vec::new();
        };
        datagrams.send(messages);
        datagrams.transmit(now)
    }

    /// Closes the UDP connection. Returns all datagrams that are due.
    pub(super) fn disconnect(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        let Some(datagrams) = self.carrier.datagrams_mut() else {
            return Vec::new();
        };
        datagrams.close();
        datagrams.transmit(now)
    }

    /// Whether every accepted operation has arrived once both ends have exchanged all that waits.
    pub(super) fn is_reliable(&self) -> bool {
        self.carrier
            .datagrams()
            .is_none_or(|datagrams| datagrams.is_connected() && !self.impaired)
    }

    /// The number of messages that the client can have received over UDP, if nothing was forged.
    pub(super) fn sent_messages(&self) -> Option<u64> {
        self.carrier
            .datagrams()
            .filter(|_| !self.deceived)
            .map(Datagrams::sent_messages)
    }

    /// Whether the client has ended the UDP connection, and nothing was forged.
    pub(super) fn was_closed_by_client(&self) -> bool {
        let datagrams = self.carrier.datagrams();
        !self.deceived && datagrams.is_some_and(Datagrams::was_closed_by_client)
    }

    /// The key of the connection, once this server has it.
    pub(super) const fn cipher(&self) -> Option<&Cipher> {
        self.cipher.as_ref()
    }

    /// Handles output of the client: any piece of a stream, one message or one datagram.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Timestamp) {
        for arrived in self.carrier.receive(bytes, self.deceived, now) {
            match arrived {
                Arrived::Ping if self.carrier.is_stream() => {
                    assert!(self.has_received, "a ping before the init");
                }
                Arrived::Ping => {}
                Arrived::Message(mut message) => self.message(&mut message),
            }
        }
    }

    fn message(&mut self, message: &mut [u8]) {
        let header = Header::decode(message).expect("a client's messages have a header");
        // Over WebSocket the client sends no init. Spec: wire.md 7.1, 7.2
        let needs_init = self.carrier.is_stream() || self.carrier.is_datagrams();
        let first = !std::mem::replace(&mut self.has_received, true);
        assert_eq!(
            header.kind == MessageKind::Init,
            needs_init && first,
            "one init, as the first message"
        );
        assert!(
            !header.encrypted || self.exchanges_keys,
            "encrypted without a key exchange"
        );
        if header.encrypted && self.astray {
            assert_eq!(header.kind, MessageKind::Request);
            // This server cannot decrypt it. On the front end it is a chat operation, because the login
            // is never encrypted.
            self.arrived += u64::from(self.is_front_end);
            return;
        }
        let (kind, body) =
            message::decrypt(message, self.cipher.as_ref()).expect("the agreed key decrypts it");
        match Message::decode(kind, self.protocol, &LIMITS, body)
            .expect("a client's messages have no errors")
        {
            Message::Init(init) => assert_eq!(init.protocol, self.protocol.version()),
            Message::Request {
                internal: true,
                code: internal::PING,
                params,
            } => self.ping(header.encrypted, params),
            Message::Request {
                internal: true,
                code: internal::INIT_ENCRYPTION,
                params,
            } => self.key_exchange(header.encrypted, params),
            Message::Request {
                internal: false,
                code,
                params,
            } => self.operation(header.encrypted, code, params),
            other => panic!("a client does not send {other:?}"),
        }
    }

    fn ping(&self, encrypted: bool, mut params: Params<'_>) {
        assert!(
            matches!(self.carrier, Carrier::Messages) && !encrypted,
            "a ping message over another carrier, or encrypted"
        );
        let times = internal::ping_times(&mut params).expect("a message without errors");
        assert!(matches!(times, (Some(_), None)), "{times:?}");
    }

    fn key_exchange(&mut self, encrypted: bool, mut params: Params<'_>) {
        assert!(
            self.exchanges_keys && self.has_sent,
            "a key exchange that is not due"
        );
        assert!(
            self.cipher.is_none() && !encrypted,
            "a second key exchange, or an encrypted one"
        );
        let key = internal::public_key(&mut params)
            .expect("a message without errors")
            .expect("a key");
        let secret = EXCHANGE.agree(key).expect("an acceptable key");
        self.cipher = Some(Cipher::new(&secret));
    }

    fn operation(&mut self, encrypted: bool, code: u8, mut params: Params<'_>) {
        assert!(self.has_sent, "operation {code} before the init response");
        match (self.is_front_end, code) {
            // chat.md 2.4, 2.5 and 2.9
            (false, operation::AUTHENTICATE | operation::GET_REGIONS) => {
                assert_eq!(encrypted, self.exchanges_keys, "operation {code} in clear");
            }
            (true, operation::AUTHENTICATE) => assert!(!encrypted),
            (true, _) => self.arrived += 1,
            (false, other) => panic!("a client does not send operation {other} to a name server"),
        }
        if code == operation::SEND_PRIVATE {
            let [content] = params
                .clone()
                .pick([parameter::MESSAGE])
                .expect("a message without errors");
            let is_secret = content.is_some_and(|it| it.as_str() == Some(Content::SECRET));
            assert!(
                encrypted || self.is_secure || !is_secret,
                "a secret in clear"
            );
        }
        assert_eq!(params.finish(), Ok(0), "surplus bytes");
    }
}
