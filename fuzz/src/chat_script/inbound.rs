//! [`Inbound`]: what a server says and how it comes, and the bytes that a client receives of it.

use super::samples::Content;
use super::server::ServerLink;
use super::server_message::ServerMessage;
use super::transport::{Carriage, Transport};
use crate::input::Input;
use chat_core::{Limits, Protocol, Timestamp};
use photon_proto::crypto::Cipher;
use photon_proto::message;
use photon_proto::tcp::{self, Delivery};
use photon_proto::{internal, json};

/// A server may say more than a client.
const LIMITS: Limits = Limits {
    max_sent_bytes: 2 << 20,
    max_depth: 64,
    ..Limits::DEFAULT
};

/// What a server says, and how it comes.
#[derive(Clone, Debug)]
pub(super) struct Inbound<'a> {
    pub(super) said: ServerMessage<'a>,
    pub(super) way: Way,
    /// If the connection has a key.
    pub(super) encrypted: bool,
}

/// How bytes come. Of several datagrams or WebSocket messages, the last is the one that something happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Whole,
    /// In two pieces; datagrams in reverse, with an odd number each twice; WebSocket messages are never in pieces.
    Split(u8),
    /// One byte changed.
    Flipped {
        at: u8,
        bits: u8,
    },
    /// Without the last bytes; with an even number no datagram comes at all.
    Cut(u8),
}

impl<'a> Inbound<'a> {
    pub(super) const fn whole(said: ServerMessage<'a>) -> Self {
        Self {
            said,
            way: Way::Whole,
            encrypted: false,
        }
    }

    pub(super) fn read(input: &mut Input<'a>) -> Self {
        let said = ServerMessage::read(input);
        let way = match input.u8() {
            0..=199 => Way::Whole,
            200..=239 => Way::Split(input.u8()),
            240..=250 => Way::Flipped {
                at: input.u8(),
                bits: input.u8(),
            },
            _ => Way::Cut(input.u8()),
        };
        Self {
            said,
            way,
            encrypted: input.flag(),
        }
    }

    /// What the client receives, chunk by chunk.
    pub(super) fn chunks(
        &self,
        server: &mut ServerLink,
        transport: Transport,
        protocol: Protocol,
        now: Timestamp,
    ) -> Vec<Vec<u8>> {
        let changed = matches!(self.way, Way::Flipped { .. } | Way::Cut(_));
        server.astray |= changed || self.said.is_arbitrary();
        let carriage = server.carriage();
        let cipher = if self.encrypted {
            server.cipher()
        } else {
            None
        };
        let said = Tongue {
            carriage,
            transport,
            protocol,
            cipher,
        }
        .units(&self.said);
        let mut chunks = match (carriage, &self.said) {
            (Carriage::Datagrams, ServerMessage::Garbage(_)) => said,
            (Carriage::Datagrams, ServerMessage::Disconnect(1..)) => server.hang_up(now),
            (Carriage::Datagrams, _) => server.say_in_datagrams(&said, now),
            _ => said,
        };
        server.has_spoken = true;
        server.deceived |= matches!(self.way, Way::Flipped { .. })
            || matches!(self.said, ServerMessage::Garbage(_));
        server.impaired |= changed || server.deceived;
        let last = chunks.len().saturating_sub(1);
        match (self.way, carriage) {
            (Way::Whole, _) | (Way::Split(_), Carriage::Messages | Carriage::Json) => {}
            (Way::Split(at), Carriage::Stream) => {
                let second = chunks
                    .last_mut()
                    .map(|bytes| bytes.split_off(bytes.len().min(at.into())));
                chunks.extend(second);
            }
            (Way::Split(at), Carriage::Datagrams) => {
                chunks.reverse();
                if at & 1 == 1 {
                    chunks = chunks
                        .into_iter()
                        .flat_map(|datagram| [datagram.clone(), datagram])
                        .collect();
                }
            }
            (Way::Cut(count), Carriage::Datagrams) if count & 1 == 0 => chunks.clear(),
            (Way::Flipped { at, bits }, _) => {
                if let Some(bytes) = chunks.get_mut(last) {
                    let index = usize::from(at) % bytes.len().max(1);
                    if let Some(byte) = bytes.get_mut(index) {
                        *byte ^= bits;
                    }
                }
            }
            (Way::Cut(count), _) => {
                if let Some(bytes) = chunks.get_mut(last) {
                    bytes.truncate(bytes.len().saturating_sub(count.into()));
                }
            }
        }
        chunks
    }
}

/// How a server says things on one link.
struct Tongue<'a> {
    carriage: Carriage,
    transport: Transport,
    protocol: Protocol,
    cipher: Option<&'a Cipher>,
}

impl Tongue<'_> {
    /// What a server hands to the carrier: pieces of a stream, messages or texts; none for what cannot be said.
    fn units(&self, said: &ServerMessage<'_>) -> Vec<Vec<u8>> {
        match said {
            ServerMessage::Garbage(bytes) => vec![bytes.to_vec()],
            ServerMessage::Flood { events } => {
                let one = ServerMessage::ErrorInfo {
                    channel: None,
                    content: Some(Content::Bytes(40)),
                };
                let many = vec![self.unit(&one); usize::from(*events) * 2];
                let in_one = match self.carriage {
                    Carriage::Stream => true,
                    Carriage::Json => events & 1 == 1,
                    Carriage::Messages | Carriage::Datagrams => false,
                };
                if in_one { vec![many.concat()] } else { many }
            }
            one => Some(self.unit(one))
                .filter(|unit| !unit.is_empty())
                .into_iter()
                .collect(),
        }
    }

    /// Empty for what cannot be said.
    fn unit(&self, said: &ServerMessage<'_>) -> Vec<u8> {
        match (said, self.carriage) {
            (_, Carriage::Json) => self.text(said),
            (
                ServerMessage::Pong {
                    server_time,
                    client_time,
                },
                Carriage::Stream,
            ) => bare_pong(*server_time, *client_time),
            (
                ServerMessage::Pong {
                    server_time,
                    client_time,
                },
                Carriage::Messages,
            ) if server_time & 1 == 1 => bare_pong(*server_time, *client_time),
            (_, Carriage::Stream) => {
                let mut out = Vec::new();
                let start = tcp::begin_frame(&mut out, 0, Delivery::Reliable);
                let message = self.message(said);
                out.extend_from_slice(&message);
                tcp::end_frame(&mut out, start);
                if message.is_empty() { message } else { out }
            }
            (_, Carriage::Messages | Carriage::Datagrams) => self.message(said),
        }
    }

    fn message(&self, said: &ServerMessage<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let written = if let ServerMessage::Pong {
            server_time,
            client_time,
        } = said
        {
            internal::encode_ping_response(
                &mut out,
                self.protocol,
                &LIMITS,
                *client_time,
                *server_time,
            )
        } else {
            said.message(self.transport, self.protocol, &LIMITS, &mut out)
        };
        if written.is_err() {
            return Vec::new();
        }
        if let Some(cipher) = self.cipher {
            message::encrypt(&mut out, 0, cipher);
        }
        out
    }

    /// In JSON there are no keys.
    fn text(&self, said: &ServerMessage<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        // After an error there is nothing in it.
        match said {
            ServerMessage::InitResponse => {
                drop(json::encode_session(&mut out, &LIMITS, "0123456789abcdef"))
            }
            ServerMessage::Pong {
                server_time,
                client_time,
            } => {
                drop(json::encode_ping_response(
                    &mut out,
                    &LIMITS,
                    *client_time,
                    *server_time,
                ));
            }
            ServerMessage::Framed { body, .. } => {
                let object = String::from_utf8_lossy(body);
                // The mark of JSON counts.
                let units = object.encode_utf16().count() + 3;
                out.extend_from_slice(format!("~m~{units}~m~~j~{object}").as_bytes());
            }
            _ => drop(json::encode_message(
                &mut out,
                &LIMITS,
                &Tongue {
                    cipher: None,
                    ..*self
                }
                .message(said),
            )),
        }
        out
    }
}

fn bare_pong(server_time: i32, client_time: i32) -> Vec<u8> {
    let mut out = Vec::new();
    tcp::encode_ping_response(&mut out, server_time, client_time);
    out
}
