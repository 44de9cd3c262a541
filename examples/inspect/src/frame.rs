//! [`Frame`]: a frame of a TCP stream, or a WebSocket message.

use crate::message::{Message, WriteError};
use photon_proto::crypto::{Cipher, Key};
use photon_proto::message::{Header, HttpInit, MessageKind};
use photon_proto::tcp::{self, Delivery, Item, Splitter};
use photon_proto::{DecodeError, DecodeErrorKind, Limits, Protocol, Role};

/// A frame or ping of a TCP stream, or a WebSocket message.
#[derive(Debug)]
pub enum Frame {
    /// A frame of a TCP stream.
    Tcp {
        /// The channel.
        channel: u8,
        /// The delivery byte of the header.
        delivery: u8,
        /// The message.
        message: Message,
    },
    /// A client's ping.
    PingRequest {
        /// The client's clock, in milliseconds.
        client_time: i32,
    },
    /// A server's answer to a ping.
    PingResponse {
        /// The server's clock, in milliseconds.
        server_time: i32,
        /// The `client_time` of the request.
        client_time: i32,
    },
    /// A WebSocket message, which has no frame header.
    WebSocket(Message),
}

impl Frame {
    /// Decodes one frame, which must be all of `bytes`. Also returns the number of surplus bytes
    /// after the parameters.
    ///
    /// # Errors
    /// [`DecodeError`]; its offset counts from the start of the frame, or of the plaintext if the
    /// message was encrypted.
    pub fn decode(
        protocol: Protocol,
        limits: &Limits,
        cipher: Option<&Cipher>,
        bytes: &[u8],
    ) -> Result<(Self, usize), DecodeError> {
        // Both kinds of ping begin with the same byte and differ in length. Spec: wire.md 6.
        let role = if bytes.len() <= PING_REQUEST_BYTES {
            Role::Server
        } else {
            Role::Client
        };
        if !matches!(bytes.first(), Some(0xFB | 0xF0)) {
            let (message, surplus) = Message::decode(protocol, limits, cipher, bytes)?;
            return Ok((Self::WebSocket(message), surplus));
        }
        let mut items = Items::new(role, limits, bytes);
        let at = items.offset;
        let piece = match items.next()? {
            Some(piece) => piece,
            None => {
                return Err(DecodeError::new(
                    DecodeErrorKind::Truncated,
                    bytes.len(),
                    "frame",
                ));
            }
        };
        if items.offset < bytes.len() {
            return Err(DecodeError::new(
                DecodeErrorKind::TrailingBytes,
                items.offset,
                "end of frame",
            ));
        }
        match piece {
            Piece::Ping(frame) => Ok((frame, 0)),
            Piece::Message {
                channel,
                delivery,
                message,
            } => {
                let (message, surplus) = Message::decode(protocol, limits, cipher, &message)
                    .map_err(|error| error.shifted(at + tcp::HEADER_BYTES))?;
                Ok((
                    Self::Tcp {
                        channel,
                        delivery,
                        message,
                    },
                    surplus,
                ))
            }
        }
    }

    /// Encodes the frame. `key` encrypts a message that is to be encrypted, unless it has its own
    /// key.
    ///
    /// # Errors
    /// [`WriteError`]; `NotWritten` also for a delivery byte that the protocol does not define.
    pub fn encode(
        &self,
        protocol: Protocol,
        limits: &Limits,
        key: Option<&Key>,
    ) -> Result<Vec<u8>, WriteError> {
        let mut out = Vec::new();
        match self {
            Self::Tcp {
                channel,
                delivery,
                message,
            } => {
                let delivery = Delivery::from_code(*delivery).ok_or(WriteError::NotWritten)?;
                let start = tcp::begin_frame(&mut out, *channel, delivery);
                out.extend(message.encode(protocol, limits, key)?);
                tcp::end_frame(&mut out, start);
            }
            Self::PingRequest { client_time } => tcp::encode_ping_request(&mut out, *client_time),
            Self::PingResponse {
                server_time,
                client_time,
            } => {
                tcp::encode_ping_response(&mut out, *server_time, *client_time);
            }
            Self::WebSocket(message) => out = message.encode(protocol, limits, key)?,
        }
        Ok(out)
    }
}

const PING_REQUEST_BYTES: usize = 5;
const PING_RESPONSE_BYTES: usize = 9;

/// A ping, or a frame whose message is not decoded yet.
pub(crate) enum Piece {
    Message {
        channel: u8,
        delivery: u8,
        message: Vec<u8>,
    },
    Ping(Frame),
}

/// Splits a whole stream into pings and frames.
pub(crate) struct Items {
    splitter: Splitter,
    /// The position of the next piece in the stream.
    pub(crate) offset: usize,
}

impl Items {
    pub(crate) fn new(role: Role, limits: &Limits, stream: &[u8]) -> Self {
        let mut splitter = Splitter::new(role, limits.max_received_bytes);
        splitter.push(stream);
        Self {
            splitter,
            offset: 0,
        }
    }

    /// The next piece, or `None` at the end of the stream or before an incomplete piece.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, DecodeError> {
        let (piece, length) = match self.splitter.next()? {
            None => return Ok(None),
            Some(Item::Frame {
                channel,
                delivery,
                message,
            }) => {
                let message = self.splitter.message_mut(message).to_vec();
                let length = message.len() + tcp::HEADER_BYTES;
                (
                    Piece::Message {
                        channel,
                        delivery,
                        message,
                    },
                    length,
                )
            }
            Some(Item::PingRequest { client_time }) => (
                Piece::Ping(Frame::PingRequest { client_time }),
                PING_REQUEST_BYTES,
            ),
            Some(Item::PingResponse {
                server_time,
                client_time,
            }) => (
                Piece::Ping(Frame::PingResponse {
                    server_time,
                    client_time,
                }),
                PING_RESPONSE_BYTES,
            ),
        };
        self.offset += length;
        Ok(Some(piece))
    }
}

/// Guesses which end reads a stream: the one that fits more of its messages, or that can parse more
/// of it.
pub(crate) fn guess_role(limits: &Limits, stream: &[u8]) -> Role {
    let evidence = |role| {
        let mut items = Items::new(role, limits, stream);
        let mut score = 0_i64;
        while let Ok(Some(piece)) = items.next() {
            let Piece::Message { message, .. } = piece else {
                continue;
            };
            let reader = match Header::decode(&message) {
                Ok(header) => match header.kind {
                    MessageKind::Init | MessageKind::Request | MessageKind::InternalRequest => {
                        Some(Role::Server)
                    }
                    MessageKind::Value | MessageKind::Raw => None,
                    _ => Some(Role::Client),
                },
                Err(_) => HttpInit::recognise(&message).then_some(Role::Server),
            };
            score += match reader {
                Some(reader) if reader == role => 1,
                Some(_) => -1,
                None => 0,
            };
        }
        (score, items.offset)
    };
    if evidence(Role::Server) > evidence(Role::Client) {
        Role::Server
    } else {
        Role::Client
    }
}
