//! [`ServerLink`]: the other end of one link, which takes apart everything that the client sends.

use super::carrier::{Came, Carrier, Datagrams, LIMITS};
use super::samples::Content;
use super::script::Setup;
use super::server_message::EXCHANGE;
use super::transport::Carriage;
use chat_core::codes::{operation, parameter};
use chat_core::{Encryption, Protocol, Timestamp, Wire};
use photon_proto::crypto::Cipher;
use photon_proto::internal;
use photon_proto::message::{self, Header, Message, MessageKind};

pub(super) struct ServerLink {
    protocol: Protocol,
    /// Whether keys are exchanged.
    encrypts: bool,
    /// Whether the link itself encrypts.
    is_secure: bool,
    front_end: bool,
    carrier: Carrier,
    greeted: bool,
    cipher: Option<Cipher>,
    /// Whether this end has said anything.
    pub(super) has_spoken: bool,
    /// Whether the client may have been given a key that this end does not know.
    pub(super) astray: bool,
    /// Whether something was lost or changed on the way.
    pub(super) impaired: bool,
    /// Whether something that the client received was changed or made up.
    pub(super) deceived: bool,
    /// Chat operations that the client has accepted, and those that came.
    pub(super) accepted: u64,
    pub(super) arrived: u64,
}

impl ServerLink {
    pub(super) fn new(setup: &Setup, wire: Wire, front_end: bool) -> Self {
        let secure = matches!(wire, Wire::WebSocket { secure: true, .. });
        Self {
            protocol: setup.protocol,
            encrypts: setup.encryption == Encryption::On && !secure,
            is_secure: secure,
            front_end,
            carrier: Carrier::new(wire),
            greeted: false,
            cipher: None,
            has_spoken: false,
            astray: false,
            impaired: false,
            deceived: false,
            accepted: 0,
            arrived: 0,
        }
    }

    pub(super) const fn carriage(&self) -> Carriage {
        self.carrier.carriage()
    }

    /// The messages as datagrams, with those that waited.
    pub(super) fn say_in_datagrams(
        &mut self,
        messages: &[Vec<u8>],
        now: Timestamp,
    ) -> Vec<Vec<u8>> {
        let Some(datagrams) = self.carrier.datagrams_mut() else {
            return Vec::new();
        };
        datagrams.say(messages);
        datagrams.pull(now)
    }

    /// Ends a connection over datagrams; those that say so, with those that waited.
    pub(super) fn hang_up(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        let Some(datagrams) = self.carrier.datagrams_mut() else {
            return Vec::new();
        };
        datagrams.close();
        datagrams.pull(now)
    }

    /// Whether everything that was accepted has arrived once all that waits has been exchanged.
    pub(super) fn gets_everything(&self) -> bool {
        self.carrier
            .datagrams()
            .is_none_or(|datagrams| datagrams.is_connected() && !self.impaired)
    }

    /// How many messages a client can have received over datagrams, if nobody has told it anything wrong.
    pub(super) fn sent_messages(&self) -> Option<u64> {
        self.carrier
            .datagrams()
            .filter(|_| !self.deceived)
            .map(Datagrams::sent_messages)
    }

    /// Whether the client has ended it in good order, and nobody has told it anything wrong.
    pub(super) fn was_left(&self) -> bool {
        !self.deceived && self.carrier.datagrams().is_some_and(Datagrams::was_left)
    }

    /// The key of the connection, once this end has it.
    pub(super) const fn cipher(&self) -> Option<&Cipher> {
        self.cipher.as_ref()
    }

    /// Takes what the client has sent: any piece of a stream, or one message or datagram.
    pub(super) fn take(&mut self, bytes: &[u8], now: Timestamp) {
        for came in self.carrier.take(bytes, self.deceived, now) {
            match came {
                Came::Ping if self.carriage() == Carriage::Stream => {
                    assert!(self.greeted, "a ping before the init")
                }
                Came::Ping => {}
                Came::Message(mut message) => self.message(&mut message),
            }
        }
    }

    fn message(&mut self, message: &mut [u8]) {
        let header = Header::decode(message).expect("a client's messages have a header");
        // Over WebSocket the server begins. Spec: wire.md 7.1, 7.2
        let needs_init = matches!(self.carriage(), Carriage::Stream | Carriage::Datagrams);
        let first = !std::mem::replace(&mut self.greeted, true);
        assert_eq!(
            header.kind == MessageKind::Init,
            needs_init && first,
            "one init, first of all"
        );
        assert!(!header.encrypted || self.encrypts, "there are no keys");
        if header.encrypted && self.astray {
            assert_eq!(header.kind, MessageKind::Request);
            // On the front end the login is the only one that is no chat operation, and never encrypted.
            self.arrived += u64::from(self.front_end);
            return;
        }
        let (kind, body) =
            message::decrypt(message, self.cipher.as_ref()).expect("it opens with the agreed key");
        match Message::decode(kind, self.protocol, &LIMITS, body)
            .expect("a client's messages are good")
        {
            Message::Init(init) => assert_eq!(init.protocol, self.protocol.version()),
            Message::Request {
                internal: true,
                code: internal::PING,
                mut params,
            } => {
                assert!(
                    self.carriage() == Carriage::Messages && !header.encrypted,
                    "no ping of this carrier"
                );
                let times = internal::ping_times(&mut params).expect("a good message");
                assert!(matches!(times, (Some(_), None)), "{times:?}");
            }
            Message::Request {
                internal: true,
                code: internal::INIT_ENCRYPTION,
                mut params,
            } => {
                assert!(self.encrypts && self.has_spoken, "nobody waits for a key");
                assert!(
                    self.cipher.is_none() && !header.encrypted,
                    "one key exchange, in clear"
                );
                let key = internal::public_key(&mut params)
                    .expect("a good message")
                    .expect("a key");
                self.cipher = Some(Cipher::new(&EXCHANGE.agree(key).expect("a good key")));
            }
            Message::Request {
                internal: false,
                code,
                mut params,
            } => {
                assert!(
                    self.has_spoken,
                    "operation {code} before the server's greeting"
                );
                let encrypted = header.encrypted;
                match (self.front_end, code) {
                    // chat.md 2.4, 2.5 and 2.9
                    (false, operation::AUTHENTICATE | operation::GET_REGIONS) => {
                        assert_eq!(encrypted, self.encrypts, "operation {code} in clear");
                    }
                    (true, operation::AUTHENTICATE) => assert!(!encrypted),
                    (true, _) => self.arrived += 1,
                    (false, other) => {
                        panic!("a client does not send operation {other} to a name server")
                    }
                }
                if code == operation::SEND_PRIVATE {
                    let [content] = params
                        .clone()
                        .pick([parameter::MESSAGE])
                        .expect("a good message");
                    let secret =
                        content.is_some_and(|content| content.as_str() == Some(Content::SECRET));
                    assert!(encrypted || self.is_secure || !secret, "a secret in clear");
                }
                assert_eq!(params.finish(), Ok(0), "surplus bytes");
            }
            other => panic!("a client does not send {other:?}"),
        }
    }
}
