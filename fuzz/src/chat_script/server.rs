//! [`ServerLink`]: the other end of one link, which takes apart everything that the client sends.

use super::said::EXCHANGE;
use super::words::Content;
use chat_core::codes::{operation, parameter};
use chat_core::{Encryption, Limits, Protocol};
use photon_proto::crypto::Cipher;
use photon_proto::internal;
use photon_proto::message::{self, Header, Message, MessageKind};
use photon_proto::tcp::{Item, Role, Splitter};

pub(super) struct ServerLink {
    protocol: Protocol,
    encryption: Encryption,
    front_end: bool,
    splitter: Splitter,
    greeted: bool,
    cipher: Option<Cipher>,
    /// Whether the client may have been given a key that this end does not know.
    pub(super) astray: bool,
    /// Chat operations that the client has accepted, and those that came.
    pub(super) accepted: u64,
    pub(super) arrived: u64,
}

impl ServerLink {
    pub(super) fn new(protocol: Protocol, encryption: Encryption, front_end: bool) -> Self {
        Self {
            protocol,
            encryption,
            front_end,
            splitter: Splitter::new(Role::Server, Limits::DEFAULT.max_sent_bytes * 2),
            greeted: false,
            cipher: None,
            astray: false,
            accepted: 0,
            arrived: 0,
        }
    }

    /// The key of the connection, once this end has it.
    pub(super) const fn cipher(&self) -> Option<&Cipher> {
        self.cipher.as_ref()
    }

    /// Takes what the client has sent.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.splitter.push(bytes);
        while let Some(item) = self.splitter.next().expect("a client's stream can be followed") {
            match item {
                Item::PingRequest { .. } => assert!(self.greeted, "a ping before the init"),
                Item::PingResponse { .. } => panic!("a client answers no pings"),
                Item::Frame { channel, delivery, message } => {
                    assert_eq!((channel, delivery), (0, 1));
                    let mut message = self.splitter.message_mut(message).to_vec();
                    self.message(&mut message);
                }
            }
        }
    }

    fn message(&mut self, message: &mut [u8]) {
        let header = Header::parse(message).expect("a client's messages have a header");
        assert_eq!(header.kind == MessageKind::Init, !self.greeted, "one init, first of all");
        self.greeted = true;
        assert!(!header.encrypted || self.encryption == Encryption::On, "there are no keys");
        if header.encrypted && self.astray {
            assert_eq!(header.kind, MessageKind::Request);
            // On the front end the login is the only one that is no chat operation, and never encrypted.
            self.arrived += u64::from(self.front_end);
            return;
        }
        let (kind, body) = message::open(message, self.cipher.as_ref()).expect("it opens with the agreed key");
        match Message::parse(kind, self.protocol, &Limits::DEFAULT, body).expect("a client's messages are good") {
            Message::Init(init) => assert_eq!(init.protocol, self.protocol.version()),
            Message::Request { internal: true, code: internal::INIT_ENCRYPTION, mut params } => {
                assert!(self.cipher.is_none() && !header.encrypted, "one key exchange, in clear");
                let key = internal::public_key(&mut params).expect("a good message").expect("a key");
                self.cipher = Some(Cipher::new(&EXCHANGE.agree(key).expect("a good key")));
            }
            Message::Request { internal: false, code, mut params } => {
                let encrypted = header.encrypted;
                match (self.front_end, code) {
                    // chat.md 2.4, 2.5 and 2.9
                    (false, operation::AUTHENTICATE | operation::GET_REGIONS) => {
                        assert_eq!(encrypted, self.encryption == Encryption::On, "operation {code} in clear");
                    }
                    (true, operation::AUTHENTICATE) => assert!(!encrypted),
                    (true, _) => self.arrived += 1,
                    (false, other) => panic!("a client does not send operation {other} to a name server"),
                }
                if code == operation::SEND_PRIVATE {
                    let [content] = params.clone().pick([parameter::MESSAGE]).expect("a good message");
                    let secret = content.is_some_and(|content| content.as_str() == Some(Content::SECRET));
                    assert!(encrypted || !secret, "a secret in clear");
                }
                assert_eq!(params.finish(), Ok(0), "surplus bytes");
            }
            other => panic!("a client does not send {other:?}"),
        }
    }
}
