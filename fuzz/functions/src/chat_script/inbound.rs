//! [`Inbound`]: a message of a server, the damage to it on the way, and the chunks that the client
//! receives of it.

use super::carrier::Carrier;
use super::samples::{ByteCount, Content, Plain};
use super::server::ServerLink;
use super::server_message::{Other, PresenceEvent, ServerMessage, write_message};
use super::setup::Setup;
use crate::script::{Seldom, script_types};
use chat_core::{Limits, Timestamp};
use photon_proto::crypto::Cipher;
use photon_proto::message;
use photon_proto::tcp::{self, Delivery};
use photon_proto::{internal, json};

/// A server may send longer messages than a client.
const LIMITS: Limits = Limits {
    max_sent_bytes: 2 << 20,
    // JSON may bring back what was within the limits one level deeper.
    max_depth: 64,
    ..Limits::DEFAULT
};

script_types! {
    /// A message of a server, and the damage to it on the way.
    pub struct Inbound {
        /// The message.
        pub message: ServerMessage,
        /// The damage to its bytes; if it is sent as several datagrams or WebSocket messages, to the
        /// last one.
        pub damage: Seldom<Damage>,
        /// Whether it is encrypted, if there is a key.
        pub encrypted: bool,
    }

    /// A change of the bytes of a message.
    #[derive(Copy, Eq)]
    pub enum Damage {
        /// A stream delivers it in two pieces. Datagrams arrive in reverse order, and twice if the
        /// number is odd. WebSocket messages have no pieces.
        Split(u8),
        /// Some bits of one byte change.
        Flip {
            /// The place of the byte, modulo their number.
            at: u8,
            /// The bits.
            bits: u8,
        },
        /// So many last bytes are missing. If the number is even, no datagram arrives at all.
        Cut(u8),
    }
}

impl Inbound {
    /// This message with this damage.
    #[must_use]
    pub fn new(message: impl Into<ServerMessage>, damage: Option<Damage>, encrypted: bool) -> Self {
        Self {
            message: message.into(),
            damage: Seldom(damage),
            encrypted,
        }
    }

    /// This message, whole and in clear.
    #[must_use]
    pub fn whole(message: impl Into<ServerMessage>) -> Self {
        Self::new(message, None, false)
    }

    /// The chunks that the client receives.
    pub(super) fn chunks(
        &self,
        server: &mut ServerLink,
        setup: &Setup,
        now: Timestamp,
    ) -> Vec<Vec<u8>> {
        let Seldom(damage) = self.damage;
        let changed = matches!(damage, Some(Damage::Flip { .. } | Damage::Cut(_)));
        let garbage = matches!(self.message, ServerMessage::Other(Other::Garbage(_)));
        server.astray |= changed || self.message.is_made_up();
        let sent = Sender {
            carrier: server.carrier(),
            setup,
            cipher: server.cipher().filter(|_| self.encrypted),
        }
        .units(&self.message);
        let chunks = match (server.carrier(), &self.message) {
            (Carrier::Datagrams(_), _) if garbage => sent,
            (Carrier::Datagrams(_), ServerMessage::Other(Other::Disconnect(code)))
                if code.get() > 0 =>
            {
                server.disconnect(now)
            }
            (Carrier::Datagrams(_), _) => server.send_datagrams(&sent, now),
            _ => sent,
        };
        server.has_sent = true;
        server.deceived |= matches!(damage, Some(Damage::Flip { .. })) || garbage;
        server.impaired |= changed || server.deceived;
        match damage {
            Some(damage) => damage.apply(chunks, server.carrier()),
            None => chunks,
        }
    }
}

impl Damage {
    fn apply(self, mut chunks: Vec<Vec<u8>>, carrier: &Carrier) -> Vec<Vec<u8>> {
        match (self, carrier) {
            (Self::Split(_), Carrier::Messages | Carrier::Json) => {}
            (Self::Split(at), Carrier::Stream(_)) => {
                let second = chunks
                    .last_mut()
                    .map(|bytes| bytes.split_off(bytes.len().min(at.into())));
                chunks.extend(second);
            }
            (Self::Split(at), Carrier::Datagrams(_)) => {
                chunks.reverse();
                if at & 1 == 1 {
                    chunks = chunks
                        .into_iter()
                        .flat_map(|datagram| [datagram.clone(), datagram])
                        .collect();
                }
            }
            (Self::Cut(count), Carrier::Datagrams(_)) if count & 1 == 0 => chunks.clear(),
            (Self::Flip { at, bits }, _) => {
                if let Some(bytes) = chunks.last_mut() {
                    let index = usize::from(at) % bytes.len().max(1);
                    if let Some(byte) = bytes.get_mut(index) {
                        *byte ^= bits;
                    }
                }
            }
            (Self::Cut(count), _) => {
                if let Some(bytes) = chunks.last_mut() {
                    bytes.truncate(bytes.len().saturating_sub(count.into()));
                }
            }
        }
        chunks
    }
}

/// Writes messages as a server sends them on one link.
struct Sender<'a> {
    carrier: &'a Carrier,
    setup: &'a Setup,
    cipher: Option<&'a Cipher>,
}

impl Sender<'_> {
    /// The pieces of a stream, the messages or the texts of this message; none if it cannot be
    /// encoded.
    fn units(&self, message: &ServerMessage) -> Vec<Vec<u8>> {
        match message {
            ServerMessage::Other(Other::Garbage(bytes)) => vec![bytes.to_vec()],
            ServerMessage::Other(Other::Flood { pairs }) => {
                let one = PresenceEvent::ErrorInfo {
                    channel: None,
                    content: Some(Content::Plain(Plain::Bytes(ByteCount::of(40)))),
                };
                let many = vec![self.unit(&one.into()); usize::from(*pairs) * 2];
                let in_one = match self.carrier {
                    Carrier::Stream(_) => true,
                    Carrier::Json => pairs & 1 == 1,
                    Carrier::Messages | Carrier::Datagrams(_) => false,
                };
                if in_one { vec![many.concat()] } else { many }
            }
            one => Some(self.unit(one))
                .filter(|unit| !unit.is_empty())
                .into_iter()
                .collect(),
        }
    }

    /// Empty if the message cannot be encoded.
    fn unit(&self, message: &ServerMessage) -> Vec<u8> {
        let mut out = Vec::new();
        match (message, self.carrier) {
            (_, Carrier::Json) => return self.text(message),
            (
                ServerMessage::Other(Other::Pong {
                    server_time,
                    client_time,
                }),
                carrier,
            ) if matches!(carrier, Carrier::Stream(_))
                || matches!(carrier, Carrier::Messages) && server_time & 1 == 1 =>
            {
                tcp::encode_ping_response(&mut out, *server_time, (*client_time).into());
            }
            (_, Carrier::Stream(_)) => {
                let start = tcp::begin_frame(&mut out, 0, Delivery::Reliable);
                let message = self.message(message);
                out.extend_from_slice(&message);
                tcp::end_frame(&mut out, start);
                if message.is_empty() {
                    out.clear();
                }
            }
            (_, Carrier::Messages | Carrier::Datagrams(_)) => return self.message(message),
        }
        out
    }

    fn message(&self, message: &ServerMessage) -> Vec<u8> {
        let mut out = self.clear_message(message);
        if let (false, Some(cipher)) = (out.is_empty(), self.cipher) {
            message::encrypt(&mut out, 0, cipher);
        }
        out
    }

    fn clear_message(&self, message: &ServerMessage) -> Vec<u8> {
        let (mut out, protocol) = (Vec::new(), self.setup.protocol());
        let written = match message {
            ServerMessage::Other(Other::Pong {
                server_time,
                client_time,
            }) => {
                let client_time = (*client_time).into();
                internal::encode_ping_response(
                    &mut out,
                    protocol,
                    &LIMITS,
                    client_time,
                    *server_time,
                )
            }
            other => write_message(other, self.setup.transport(), protocol, &LIMITS, &mut out),
        };
        if written.is_err() {
            out.clear();
        }
        out
    }

    /// The JSON text of a message. There are no keys in JSON.
    fn text(&self, message: &ServerMessage) -> Vec<u8> {
        let mut out = Vec::new();
        // Encoders append nothing if they fail.
        match message {
            ServerMessage::Handshake(super::server_message::Handshake::InitResponse) => {
                drop(json::encode_session(&mut out, &LIMITS, "0123456789abcdef"));
            }
            ServerMessage::Other(Other::Pong {
                server_time,
                client_time,
            }) => {
                let client_time = (*client_time).into();
                drop(json::encode_ping_response(
                    &mut out,
                    &LIMITS,
                    client_time,
                    *server_time,
                ));
            }
            ServerMessage::Other(Other::Framed { body, .. }) => {
                let object = String::from_utf8_lossy(body);
                // The length of a frame counts UTF-16 units, with the "~j~" mark. Spec: wire.md 7.2
                let units = object.encode_utf16().count() + 3;
                out.extend_from_slice(format!("~m~{units}~m~~j~{object}").as_bytes());
            }
            other => drop(json::encode_message(
                &mut out,
                &LIMITS,
                &self.clear_message(other),
            )),
        }
        out
    }
}
