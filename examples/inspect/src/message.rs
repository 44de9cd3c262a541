//! [`Message`]: an owned message of any kind.

use photon_proto::crypto::{Cipher, Key};
use photon_proto::message::{self, Header, HttpInit, Init, MAGIC, MessageKind, MessageWriter};
use photon_proto::{
    DecodeError, EncodeError, EncodeErrorKind, EventData, Limits, Parameters, Protocol, Request,
    Response, Text, Value, codec,
};

/// A message of any kind, owned.
#[derive(Debug)]
pub enum Message {
    /// The client's first message. Spec: wire.md 2.
    Init(Init),
    /// The same as text with a token. It is decoded but not encoded.
    HttpInit(Box<HttpInit>),
    /// The server's response to an init message.
    InitResponse(InitBody),
    /// An operation request.
    Request {
        /// It concerns the connection itself: message type 6 instead of 2.
        internal: bool,
        /// Code and parameters.
        request: Request,
    },
    /// An operation response.
    Response {
        /// It concerns the connection itself: message type 7 instead of 3.
        internal: bool,
        /// Code, result and parameters.
        response: Response,
    },
    /// An event.
    Event(EventData),
    /// The server's reason before it closes the connection.
    Disconnect {
        /// The reason as a return code.
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
    /// An encrypted message without its key.
    Encrypted {
        /// The message type, without the flag.
        message_type: u8,
        /// The body.
        ciphertext: Vec<u8>,
    },
    /// An encrypted message with its content.
    Sealed {
        /// The content.
        inner: Box<Message>,
        /// The decrypted body; empty in a message that was not decoded from bytes.
        plaintext: Vec<u8>,
        /// The key for encoding, if it is not the connection's.
        key: Option<Key>,
    },
}

/// The body of an init response. Spec: wire.md 2.5.
#[derive(Debug)]
pub enum InitBody {
    /// One zero byte.
    Usual,
    /// A zero byte, then one value.
    Value(Value),
    /// Any other body.
    Other(Vec<u8>),
}

/// The reason why a message cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The protocol cannot express a value.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The message is to be encrypted, but there is no key.
    #[error("the key for encryption is missing: give the connection's key")]
    NoKey,
    /// The message is a text init, or it is to be encrypted although its kind never is.
    #[error("messages of this kind are not encoded")]
    NotWritten,
}

impl Message {
    /// Decodes a message, and decrypts it if it is encrypted and there is a cipher. Also returns
    /// the number of surplus bytes after the parameters.
    ///
    /// # Errors
    /// [`DecodeError`]; its offset counts from the start of the message, or of the plaintext if it
    /// was encrypted.
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
                Self::InitResponse(InitBody::decode(protocol, limits, body)),
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
            // The enum may grow. This program knows all kinds of the library it is built with.
            _ => (Self::Raw(body.to_vec()), None),
        };
        let surplus = match &mut rest {
            Some(params) => params.finish()?,
            None => 0,
        };
        Ok((message, surplus))
    }

    /// Encodes the message. `key` encrypts what is to be encrypted, unless it has its own key.
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
                if inner.is_never_encrypted() {
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

    /// The message type without the encryption flag. `None` for a text init, which has none.
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

    /// Whether messages of this kind are never encrypted (wire.md 1.2), or are encrypted already.
    pub(crate) const fn is_never_encrypted(&self) -> bool {
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
    fn decode(protocol: Protocol, limits: &Limits, body: &[u8]) -> Self {
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

/// Encodes all parameters. A repeated code is an error, because a receiver keeps only one of the
/// two.
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
