//! Whole messages, owned, between bytes and the notation.

use photon_proto::crypto::{Cipher, Key};
use photon_proto::message::{self, Header, HttpInit, Init, MAGIC, MessageKind, MessageWriter};
use photon_proto::{
    DecodeError, EncodeError, EncodeErrorKind, EventData, Limits, Parameters, Protocol, Request,
    Response, Text, Value, codec,
};

/// A message of any kind, owned.
#[derive(Debug)]
pub enum Message {
    /// The client's first message.
    Init(Init),
    /// The same as text with a token: recognised, never written.
    HttpInit(Box<HttpInit>),
    /// The server's answer to either.
    InitResponse(InitBody),
    /// An operation request, `internal` if it is about the connection itself.
    Request {
        /// Message type 6 in place of 2.
        internal: bool,
        /// Code and parameters.
        request: Request,
    },
    /// An operation response, `internal` if it is about the connection itself.
    Response {
        /// Message type 7 in place of 3.
        internal: bool,
        /// Code, result and parameters.
        response: Response,
    },
    /// An event.
    Event(EventData),
    /// The server's reason before it closes the connection.
    Disconnect {
        /// Why, as a return code.
        code: i16,
        /// The server's text.
        debug_message: Option<Text>,
        /// Parameters.
        parameters: Parameters,
    },
    /// One bare value.
    Value(Value),
    /// Uninterpreted bytes.
    Raw(Vec<u8>),
    /// An encrypted message, not decrypted for want of a key.
    Encrypted {
        /// The message type, without the flag.
        message_type: u8,
        /// The body.
        ciphertext: Vec<u8>,
    },
    /// An encrypted message and what is in it.
    Sealed {
        /// The message itself.
        inner: Box<Message>,
        /// When read: the decrypted body.
        plaintext: Vec<u8>,
        /// When written: the key, if it is not the connection's.
        key: Option<Key>,
    },
}

/// What stands in an init response. Spec: wire.md 2.5.
#[derive(Debug)]
pub enum InitBody {
    /// One zero byte.
    Usual,
    /// A zero byte and one value.
    Value(Value),
    /// Anything else.
    Other(Vec<u8>),
}

/// Why a message cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The protocol cannot express it.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It is to be encrypted, and there is no key.
    #[error("no key to encrypt with")]
    NoKey,
    /// A text init, or an encrypted message of a kind that is never encrypted.
    #[error("messages of this kind are not written")]
    NotWritten,
}

impl Message {
    /// Reads a message, decrypting it if it is encrypted and there is a cipher. The number says how many surplus bytes
    /// follow the parameters.
    ///
    /// # Errors
    /// [`DecodeError`], its offset from the start of the message (in the plaintext if it was encrypted).
    pub fn decode(
        protocol: Protocol,
        limits: &Limits,
        cipher: Option<&Cipher>,
        bytes: &[u8],
    ) -> Result<(Self, usize), DecodeError> {
        if HttpInit::recognise(bytes) {
            return Ok((
                Self::HttpInit(Box::new(HttpInit::decode(limits, bytes)?)),
                0,
            ));
        }
        let header = Header::decode(bytes)?;
        if !header.encrypted {
            let body = bytes.get(Header::LENGTH..).unwrap_or_default();
            return Self::decode_body(header.kind, protocol, limits, body);
        }
        let mut bytes = bytes.to_vec();
        let Some(cipher) = cipher else {
            let ciphertext = bytes.split_off(Header::LENGTH);
            return Ok((
                Self::Encrypted {
                    message_type: header.kind as u8,
                    ciphertext,
                },
                0,
            ));
        };
        let (kind, plain) = message::decrypt(&mut bytes, Some(cipher))?;
        let (inner, surplus) = Self::decode_body(kind, protocol, limits, plain)?;
        Ok((
            Self::Sealed {
                inner: Box::new(inner),
                plaintext: plain.to_vec(),
                key: None,
            },
            surplus,
        ))
    }

    fn decode_body(
        kind: MessageKind,
        protocol: Protocol,
        limits: &Limits,
        body: &[u8],
    ) -> Result<(Self, usize), DecodeError> {
        let message = message::Message::decode(kind, protocol, limits, body)?;
        let (message, mut rest) = match message {
            message::Message::Init(init) => (Self::Init(init), None),
            message::Message::InitResponse => (
                Self::InitResponse(InitBody::read(protocol, limits, body)),
                None,
            ),
            message::Message::Request {
                internal,
                code,
                mut params,
            } => {
                let request = Request {
                    code,
                    parameters: params.to_parameters()?,
                };
                (Self::Request { internal, request }, Some(params))
            }
            message::Message::Response {
                internal,
                code,
                return_code,
                debug_message,
                mut params,
            } => {
                let debug_message = debug_message.map(Text::from);
                let response = Response {
                    code,
                    return_code,
                    debug_message,
                    parameters: params.to_parameters()?,
                };
                (Self::Response { internal, response }, Some(params))
            }
            message::Message::Event { code, mut params } => (
                Self::Event(EventData {
                    code,
                    parameters: params.to_parameters()?,
                }),
                Some(params),
            ),
            message::Message::Disconnect {
                code,
                debug_message,
                mut params,
            } => {
                let debug_message = debug_message.map(Text::from);
                (
                    Self::Disconnect {
                        code,
                        debug_message,
                        parameters: params.to_parameters()?,
                    },
                    Some(params),
                )
            }
            message::Message::Value(value) => (Self::Value(value.to_value(limits)?), None),
            message::Message::Raw(bytes) => (Self::Raw(bytes.to_vec()), None),
            // The enum is open; this program is built with all it knows.
            _ => (Self::Raw(body.to_vec()), None),
        };
        let surplus = match &mut rest {
            Some(params) => params.finish()?,
            None => 0,
        };
        Ok((message, surplus))
    }

    /// Writes the message; `key` seals what is to be encrypted and names no key of its own.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn encode(
        &self,
        protocol: Protocol,
        limits: &Limits,
        key: Option<&Key>,
    ) -> Result<Vec<u8>, WriteError> {
        let mut out = Vec::new();
        match self {
            Self::Init(init) => init.encode(&mut out),
            Self::HttpInit(_) => return Err(WriteError::NotWritten),
            Self::InitResponse(body) => {
                out.extend([MAGIC, MessageKind::InitResponse as u8]);
                match body {
                    InitBody::Usual => out.push(0),
                    InitBody::Value(value) => {
                        out.push(0);
                        out.extend(codec::encode_value(protocol, limits, value)?);
                    }
                    InitBody::Other(bytes) => out.extend(bytes),
                }
            }
            Self::Request { internal, request } => {
                let begin = if *internal {
                    MessageWriter::internal_request
                } else {
                    MessageWriter::request
                };
                finish(
                    begin(&mut out, protocol, limits, request.code)?,
                    &request.parameters,
                )?;
            }
            Self::Response { internal, response } => {
                let begin = if *internal {
                    MessageWriter::internal_response
                } else {
                    MessageWriter::response
                };
                let text = response.debug_message.as_deref();
                let writer = begin(
                    &mut out,
                    protocol,
                    limits,
                    response.code,
                    response.return_code,
                    text,
                )?;
                finish(writer, &response.parameters)?;
            }
            Self::Event(event) => {
                finish(
                    MessageWriter::event(&mut out, protocol, limits, event.code)?,
                    &event.parameters,
                )?;
            }
            Self::Disconnect {
                code,
                debug_message,
                parameters,
            } => {
                let text = debug_message.as_deref();
                finish(
                    MessageWriter::disconnect(&mut out, protocol, limits, *code, text)?,
                    parameters,
                )?;
            }
            Self::Value(value) => {
                out.extend([MAGIC, MessageKind::Value as u8]);
                out.extend(codec::encode_value(protocol, limits, value)?);
            }
            Self::Raw(bytes) => {
                out.extend([MAGIC, MessageKind::Raw as u8]);
                out.extend(bytes);
            }
            Self::Encrypted {
                message_type,
                ciphertext,
            } => {
                out.extend([MAGIC, message_type | 0x80]);
                out.extend(ciphertext);
            }
            Self::Sealed {
                inner, key: own, ..
            } => {
                if inner.stays_plain() {
                    return Err(WriteError::NotWritten);
                }
                out = inner.encode(protocol, limits, None)?;
                message::encrypt(
                    &mut out,
                    0,
                    &Cipher::new(own.as_ref().or(key).ok_or(WriteError::NoKey)?),
                );
            }
        }
        Ok(out)
    }

    /// The number of the message type, without the encryption flag; `None` for a text init, which has none.
    #[must_use]
    pub fn message_type(&self) -> Option<u8> {
        Some(match self {
            Self::HttpInit(_) => return None,
            Self::Encrypted { message_type, .. } => *message_type,
            Self::Sealed { inner, .. } => return inner.message_type(),
            Self::Init(_) => MessageKind::Init as u8,
            Self::InitResponse(_) => MessageKind::InitResponse as u8,
            Self::Request {
                internal: false, ..
            } => MessageKind::Request as u8,
            Self::Response {
                internal: false, ..
            } => MessageKind::Response as u8,
            Self::Event(_) => MessageKind::Event as u8,
            Self::Disconnect { .. } => MessageKind::Disconnect as u8,
            Self::Request { internal: true, .. } => MessageKind::InternalRequest as u8,
            Self::Response { internal: true, .. } => MessageKind::InternalResponse as u8,
            Self::Value(_) => MessageKind::Value as u8,
            Self::Raw(_) => MessageKind::Raw as u8,
        })
    }

    /// Whether messages of this kind are never sent encrypted (wire.md 1.2), or are already.
    pub(crate) const fn stays_plain(&self) -> bool {
        matches!(
            self,
            Self::Init(_)
                | Self::HttpInit(_)
                | Self::InitResponse(_)
                | Self::Disconnect { .. }
                | Self::Encrypted { .. }
                | Self::Sealed { .. }
        )
    }
}

impl InitBody {
    fn read(protocol: Protocol, limits: &Limits, body: &[u8]) -> Self {
        match body {
            [0] => Self::Usual,
            [0, value @ ..] => match codec::decode_value(protocol, limits, value) {
                Ok(value) => Self::Value(value),
                Err(_) => Self::Other(body.to_vec()),
            },
            _ => Self::Other(body.to_vec()),
        }
    }
}

/// Writes all parameters, each code once: readers keep only the last of two.
fn finish(mut writer: MessageWriter<'_>, parameters: &[(u8, Value)]) -> Result<(), EncodeError> {
    for (index, (code, value)) in parameters.iter().enumerate() {
        if parameters
            .iter()
            .take(index)
            .any(|(earlier, _)| earlier == code)
        {
            return Err(EncodeError {
                kind: EncodeErrorKind::DuplicateKey,
                path: format!("({code})"),
            });
        }
        writer.put(*code, value)?;
    }
    writer.finish()
}
