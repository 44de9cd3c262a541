//! One client's connection: init, key exchange, encryption, the protocol it chose, and what it is to be sent.
//!
//! ```text
//! accepted --init--> open --(authenticate)--> authenticated --ended by us--> closing --bytes out--> gone
//! ```

use photon_proto::crypto::Cipher;
use photon_proto::message::{self, Header, HttpInit, Message};
use photon_proto::tcp::{self, Delivery, Item, Splitter};
use photon_proto::{DecodeError, DecodeErrorKind, Limits, Parameters, Protocol, Text, Timestamp, internal};

use crate::connections::Role;
use crate::outgoing::Outgoing;
use crate::partition::PartitionKey;
use crate::timers::TimerId;

pub(crate) struct Connection {
    pub(crate) role: Role,
    pub(crate) local_host: Text,
    splitter: Splitter,
    /// Known from the init on.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) cipher: Option<Cipher>,
    /// Whose connection it is, once the front end let it in.
    pub(crate) user: Option<(PartitionKey, Text)>,
    pub(crate) out: Outgoing,
    pub(crate) last_received: Timestamp,
    /// Set once the server wants to end it: until when its last bytes may leave.
    pub(crate) closing: Option<Timestamp>,
    /// The reminder to look at it.
    pub(crate) reminder: Option<TimerId>,
    /// Nothing is sent any more, by a fault switch.
    pub(crate) muted: bool,
    /// Whether it is queued for `poll_writable`.
    pub(crate) announced: bool,
    /// The second in which operations are being counted, and how many there were.
    pub(crate) rate: (u64, u32),
}

/// Something a client sent.
#[derive(Debug)]
pub(crate) enum Incoming {
    Init,
    Ping {
        client_time: i32,
    },
    KeyExchange {
        public_key: Vec<u8>,
    },
    InternalPing {
        client_time: i32,
    },
    Request {
        code: u8,
        encrypted: bool,
        parameters: Result<Parameters, DecodeError>,
    },
    /// A message that cannot be read; it is skipped. Spec: wire.md 10.
    Bad(DecodeError),
    /// A message that a server has no use for.
    Ignored,
}

impl Connection {
    pub(crate) fn new(now: Timestamp, role: Role, local_host: &str, limits: &Limits) -> Self {
        Self {
            role,
            local_host: local_host.into(),
            splitter: Splitter::new(tcp::Role::Server, limits.max_received_bytes),
            protocol: None,
            cipher: None,
            user: None,
            out: Outgoing::default(),
            last_received: now,
            closing: None,
            reminder: None,
            muted: false,
            announced: false,
            rate: (0, 0),
        }
    }

    pub(crate) fn push(&mut self, now: Timestamp, bytes: &[u8]) {
        self.last_received = now;
        self.splitter.push(bytes);
    }

    /// The next thing the client sent; an error ends the connection.
    pub(crate) fn next(&mut self, limits: &Limits) -> Result<Option<Incoming>, DecodeError> {
        let Some(item) = self.splitter.next()? else { return Ok(None) };
        let message = match item {
            Item::PingRequest { client_time } => return Ok(Some(Incoming::Ping { client_time })),
            Item::Frame { message, .. } => self.splitter.message_mut(message),
            Item::PingResponse { .. } => return Ok(Some(Incoming::Ignored)),
        };
        let Some(protocol) = self.protocol else {
            self.protocol = Some(first_message(limits, message)?);
            return Ok(Some(Incoming::Init));
        };
        Ok(Some(read(protocol, limits, message, self.cipher.as_ref()).unwrap_or_else(Incoming::Bad)))
    }

    /// Appends a message in its frame, encrypted if that is asked for and there is a key.
    pub(crate) fn send(&mut self, now: Timestamp, due: Timestamp, message: &[u8], encrypt: bool) {
        let cipher = self.cipher.as_ref().filter(|_| encrypt);
        self.out.write(now, due, |buffer| {
            let frame = tcp::begin_frame(buffer, 0, Delivery::Reliable);
            let start = frame.message_position();
            buffer.extend_from_slice(message);
            if let Some(cipher) = cipher {
                message::seal(buffer, start, cipher);
            }
            tcp::end_frame(buffer, frame);
        });
    }
}

/// The protocol that the first message chooses. Spec: wire.md 2.
fn first_message(limits: &Limits, message: &mut [u8]) -> Result<Protocol, DecodeError> {
    if HttpInit::recognise(message) {
        return HttpInit::parse(limits, message).map(|init| init.protocol);
    }
    let (kind, body) = message::open(message, None)?;
    let version = match Message::parse(kind, Protocol::V16, limits, body)? {
        Message::Init(init) => init.protocol,
        _ => return Err(DecodeError::new(DecodeErrorKind::UnknownMessage(kind as u8), 1, "init")),
    };
    Protocol::from_version(version).ok_or(DecodeError::new(DecodeErrorKind::BadLength, 2, "init protocol version"))
}

fn read(
    protocol: Protocol,
    limits: &Limits,
    message: &mut [u8],
    cipher: Option<&Cipher>,
) -> Result<Incoming, DecodeError> {
    let encrypted = Header::parse(message)?.encrypted;
    let (kind, body) = message::open(message, cipher)?;
    Ok(match Message::parse(kind, protocol, limits, body)? {
        Message::Request { internal: false, code, mut params } => {
            Incoming::Request { code, encrypted, parameters: params.to_parameters() }
        }
        Message::Request { internal: true, code: internal::INIT_ENCRYPTION, mut params } => {
            Incoming::KeyExchange { public_key: internal::public_key(&mut params)?.unwrap_or_default().to_vec() }
        }
        Message::Request { internal: true, code: internal::PING, mut params } => {
            Incoming::InternalPing { client_time: internal::ping_times(&mut params)?.0.unwrap_or_default() }
        }
        _ => Incoming::Ignored,
    })
}
