//! One client's connection: init, key exchange, encryption, the protocol it chose, and what it is to be sent.
//!
//! ```text
//! accepted --init--> open --(authenticate)--> authenticated --ended by us--> closing --bytes out--> gone
//! ```

use photon_proto::crypto::Cipher;
use photon_proto::message::{self, Header, HttpInit, Message};
use photon_proto::tcp::Item;
use photon_proto::{
    DecodeError, DecodeErrorKind, Limits, Parameters, Protocol, Text, Timestamp, internal,
};

use crate::carrier::Carrier;
use crate::connections::ServerKind;
use crate::partition::PartitionKey;
use crate::subprotocol::SubProtocol;
use crate::timers::TimerId;

/// What a disconnect command says unless there is a better reason: the server's logic. Spec: udp.md 7.2.
const REASON_LOGIC: u8 = 1;

pub(crate) struct Connection {
    pub(crate) server_kind: ServerKind,
    pub(crate) local_host: Text,
    /// The client reports that it connected over IPv6. Spec: wire.md 2, 7.
    pub(crate) ipv6: bool,
    /// Path and query of a WebSocket; empty for other transports.
    pub(crate) path: Text,
    /// Code of the close frame that a WebSocket client sent.
    pub(crate) close_code: Option<u16>,
    pub(crate) carrier: Carrier,
    /// Known from the init on, over WebSocket from the beginning.
    pub(crate) protocol: Option<SubProtocol>,
    /// What a JSON client has in its path, and so need not say when it asks for something.
    pub(crate) app_id: Option<Text>,
    pub(crate) cipher: Option<Cipher>,
    /// Whose connection it is, once the front end let it in.
    pub(crate) user: Option<(PartitionKey, Text)>,
    pub(crate) last_received: Timestamp,
    /// Set once the server wants to end it: until when its last bytes may leave.
    pub(crate) closing: Option<Timestamp>,
    /// The reason that the disconnect command of a datagram connection gives.
    pub(crate) reason: u8,
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
    Init {
        /// The client reports that it connected over IPv6.
        ipv6: bool,
    },
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
    pub(crate) fn new(
        now: Timestamp,
        server_kind: ServerKind,
        local_host: Text,
        carrier: Carrier,
    ) -> Self {
        Self {
            server_kind,
            local_host,
            ipv6: false,
            path: Text::default(),
            close_code: None,
            carrier,
            protocol: None,
            app_id: None,
            cipher: None,
            user: None,
            last_received: now,
            closing: None,
            reason: REASON_LOGIC,
            reminder: None,
            muted: false,
            announced: false,
            rate: (0, 0),
        }
    }

    /// Bytes of a stream.
    pub(crate) fn push(&mut self, now: Timestamp, bytes: &[u8]) {
        if let Some(stream) = self.carrier.as_stream_mut() {
            self.last_received = now;
            stream.splitter.push(bytes);
        }
    }

    /// The next thing the client sent on a stream; an error ends the connection.
    pub(crate) fn next(&mut self, limits: &Limits) -> Result<Option<Incoming>, DecodeError> {
        let Self {
            carrier: Carrier::Stream(stream),
            protocol,
            cipher,
            ..
        } = self
        else {
            return Ok(None);
        };
        let Some(item) = stream.splitter.next()? else {
            return Ok(None);
        };
        let message = match item {
            Item::PingRequest { client_time } => return Ok(Some(Incoming::Ping { client_time })),
            Item::Frame { message, .. } => stream.splitter.message_mut(message),
            Item::PingResponse { .. } => return Ok(Some(Incoming::Ignored)),
        };
        understand(protocol, limits, message, cipher.as_ref()).map(Some)
    }

    /// A message of the client; an error ends the connection.
    pub(crate) fn take(
        &mut self,
        limits: &Limits,
        message: &mut [u8],
    ) -> Result<Incoming, DecodeError> {
        understand(&mut self.protocol, limits, message, self.cipher.as_ref())
    }
}

/// The first message is the init; one after it that cannot be read is no error.
fn understand(
    protocol: &mut Option<SubProtocol>,
    limits: &Limits,
    message: &mut [u8],
    cipher: Option<&Cipher>,
) -> Result<Incoming, DecodeError> {
    let Some(protocol) = *protocol else {
        let (chosen, ipv6) = first_message(limits, message)?;
        *protocol = Some(chosen.into());
        return Ok(Incoming::Init { ipv6 });
    };
    Ok(read(protocol.binary(), limits, message, cipher).unwrap_or_else(Incoming::Bad))
}

/// The protocol that the first message chooses, and its IPv6 flag. Spec: wire.md 2.
fn first_message(limits: &Limits, message: &mut [u8]) -> Result<(Protocol, bool), DecodeError> {
    if HttpInit::recognise(message) {
        return HttpInit::decode(limits, message).map(|init| (init.protocol, init.ipv6));
    }
    let (kind, body) = message::decrypt(message, None)?;
    let (version, ipv6) = match Message::decode(kind, Protocol::V16, limits, body)? {
        Message::Init(init) => (init.protocol, init.ipv6),
        _ => {
            return Err(DecodeError::new(
                DecodeErrorKind::UnknownMessage(kind as u8),
                1,
                "init",
            ));
        }
    };
    let protocol = Protocol::from_version(version).ok_or(DecodeError::new(
        DecodeErrorKind::BadLength,
        2,
        "init protocol version",
    ))?;
    Ok((protocol, ipv6))
}

/// A message after the first.
pub(crate) fn read(
    protocol: Protocol,
    limits: &Limits,
    message: &mut [u8],
    cipher: Option<&Cipher>,
) -> Result<Incoming, DecodeError> {
    let encrypted = Header::decode(message)?.encrypted;
    let (kind, body) = message::decrypt(message, cipher)?;
    Ok(match Message::decode(kind, protocol, limits, body)? {
        Message::Request {
            internal: false,
            code,
            mut params,
        } => Incoming::Request {
            code,
            encrypted,
            parameters: params.to_parameters(),
        },
        Message::Request {
            internal: true,
            code: internal::INIT_ENCRYPTION,
            mut params,
        } => Incoming::KeyExchange {
            public_key: internal::public_key(&mut params)?
                .unwrap_or_default()
                .to_vec(),
        },
        Message::Request {
            internal: true,
            code: internal::PING,
            mut params,
        } => Incoming::InternalPing {
            client_time: internal::ping_times(&mut params)?.0.unwrap_or_default(),
        },
        _ => Incoming::Ignored,
    })
}
