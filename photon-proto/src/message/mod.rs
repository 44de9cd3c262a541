//! Photon messages: the layer between the payload of a carrier and the parameters of an operation.
//! Spec: [wire.md 1 to 3](crate::spec::wire).
//!
//! Decoding has two steps, so that a message can be decrypted in place: [`decrypt`] decodes the two
//! header bytes and decrypts the body, [`Message::decode`] decodes the body. Encoding goes the
//! other way: [`MessageWriter`], then [`encrypt`].

mod init;
mod write;

use crate::codec::Params;
use crate::codec::ValueRef;
use crate::codec::{self, Protocol};
use crate::crypto::Cipher;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::{Budget, Limits};
use crate::reader::Reader;
use alloc::borrow::Cow;
use alloc::vec::Vec;

pub use init::{HttpInit, Init};
pub use write::MessageWriter;

/// The first byte of every message. Spec: wire.md 1.
pub const MAGIC: u8 = 0xF3;
/// A synonym of [`MAGIC`] that is accepted but never sent. Spec: wire.md 1.1.
const MAGIC_SYNONYM: u8 = 0xFD;
/// The bit of the second byte that marks an encrypted body. Spec: wire.md 1.2.
pub(crate) const ENCRYPTED: u8 = 0x80;

/// The kind of a message. Exhaustive: the list of wire.md 1.1 is complete, and a new kind would
/// need code in every reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageKind {
    /// The client's first message.
    Init = 0,
    /// The server's answer to the init.
    InitResponse = 1,
    /// An operation request.
    Request = 2,
    /// An operation response.
    Response = 3,
    /// An event.
    Event = 4,
    /// The server announces that it closes the connection, and why.
    Disconnect = 5,
    /// A request about the connection itself: ping, key exchange.
    InternalRequest = 6,
    /// The answer to an internal request.
    InternalResponse = 7,
    /// A single value.
    Value = 8,
    /// Uninterpreted bytes.
    Raw = 9,
}

impl MessageKind {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Init,
            1 => Self::InitResponse,
            2 => Self::Request,
            3 => Self::Response,
            4 => Self::Event,
            5 => Self::Disconnect,
            6 => Self::InternalRequest,
            7 => Self::InternalResponse,
            8 => Self::Value,
            9 => Self::Raw,
            _ => return None,
        })
    }
}

/// The header of a message, two bytes. Spec: wire.md 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The kind of message.
    pub kind: MessageKind,
    /// Whether the body is ciphertext.
    pub encrypted: bool,
}

impl Header {
    /// The length of a header, in bytes.
    pub const LENGTH: usize = 2;

    /// Decodes the header of a message.
    ///
    /// # Errors
    /// [`DecodeError`] for a missing or wrong first byte, an unknown kind, and an init with the
    /// encryption flag.
    #[inline]
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        if let [MAGIC | MAGIC_SYNONYM, code, ..] = *message
            && let Some(kind) = MessageKind::from_code(code & !ENCRYPTED)
        {
            // wire.md 1.2: an init response is never encrypted, whatever its flag.
            let encrypted = code & ENCRYPTED != 0 && kind != MessageKind::InitResponse;
            if !(encrypted && kind == MessageKind::Init) {
                return Ok(Self { kind, encrypted });
            }
        }
        Err(Self::error(message))
    }

    /// What is wrong with a header. Apart from what accepts one, which is a few comparisons.
    #[cold]
    fn error(message: &[u8]) -> DecodeError {
        let (kind, at, field) = match *message {
            [] => (DecodeErrorKind::Truncated, 0, "message magic"),
            [MAGIC | MAGIC_SYNONYM] => (DecodeErrorKind::Truncated, 1, "message type"),
            [MAGIC | MAGIC_SYNONYM, code, ..] => {
                let code = code & !ENCRYPTED;
                let kind = match MessageKind::from_code(code) {
                    Some(_) => DecodeErrorKind::NeverEncrypted,
                    None => DecodeErrorKind::UnknownMessage(code),
                };
                (kind, 1, "message type")
            }
            [magic, ..] => (DecodeErrorKind::BadMagic(magic), 0, "message magic"),
        };
        DecodeError::new(kind, at, field)
    }
}

/// Decodes the header. If the body is encrypted, decrypts it in place and clears the flag in the
/// header, so that the bytes are a message in clear. If decryption fails, the content of the body
/// is undefined.
///
/// # Errors
/// [`DecodeError`], as for [`Header::decode`]; `NoKey` for an encrypted message without a cipher,
/// `BadCiphertext` if decryption fails. Spec: wire.md 8.2.
#[inline]
pub fn decrypt<'a>(
    message: &'a mut [u8],
    cipher: Option<&Cipher>,
) -> Result<(MessageKind, &'a [u8]), DecodeError> {
    let header = Header::decode(message)?;
    let Some((head, body)) = message.split_first_chunk_mut() else {
        debug_assert!(false, "a decoded header has two bytes");
        return Ok((header.kind, &[]));
    };
    let body = if header.encrypted {
        decrypt_body(head, body, cipher)?
    } else {
        body
    };
    Ok((header.kind, body))
}

fn decrypt_body<'a>(
    [_, kind]: &mut [u8; Header::LENGTH],
    body: &'a mut [u8],
    cipher: Option<&Cipher>,
) -> Result<&'a [u8], DecodeError> {
    let Some(cipher) = cipher else {
        return Err(DecodeError::new(
            DecodeErrorKind::NoKey,
            Header::LENGTH,
            "message body",
        ));
    };
    let plain = cipher
        .decrypt_in_place(body)
        .map_err(|error| error.shifted(Header::LENGTH))?;
    *kind &= !ENCRYPTED;
    Ok(plain)
}

/// Encrypts, in place, the message from `start` to the end of `buffer`. Spec: wire.md 8.2.
pub fn encrypt(buffer: &mut Vec<u8>, start: usize, cipher: &Cipher) {
    if let Some(kind) = buffer.get_mut(start.saturating_add(1)) {
        *kind |= ENCRYPTED;
        cipher.encrypt_in_place(buffer, start + Header::LENGTH);
    }
}

/// A decoded message that borrows from the received bytes. Non-exhaustive: fields may be added to a
/// kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The client's first message.
    Init(Init),
    /// The server's answer to the init, without content for a client. Spec: wire.md 2.5.
    InitResponse,
    /// An operation request, or an internal one.
    Request {
        /// Whether the message is about the connection itself.
        internal: bool,
        /// The operation code.
        code: u8,
        /// The parameters.
        params: Params<'a>,
    },
    /// An operation response, or an internal one.
    Response {
        /// Whether the message is about the connection itself.
        internal: bool,
        /// The operation code.
        code: u8,
        /// The return code, 0 for success.
        return_code: i16,
        /// The server's debug message.
        debug_message: Option<Cow<'a, str>>,
        /// The parameters.
        params: Params<'a>,
    },
    /// An event.
    Event {
        /// The event code.
        code: u8,
        /// The parameters.
        params: Params<'a>,
    },
    /// The server announces that it closes the connection.
    Disconnect {
        /// The reason, as a return code.
        code: i16,
        /// The server's debug message.
        debug_message: Option<Cow<'a, str>>,
        /// The parameters.
        params: Params<'a>,
    },
    /// A single value.
    Value(ValueRef<'a>),
    /// Uninterpreted bytes.
    Raw(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Decodes the body of a message of this kind. Parameters are decoded later, through
    /// [`Params`].
    ///
    /// # Errors
    /// [`DecodeError`] with an offset from the start of the message.
    #[inline]
    pub fn decode(
        kind: MessageKind,
        protocol: Protocol,
        limits: &Limits,
        body: &'a [u8],
    ) -> Result<Self, DecodeError> {
        // Inlined for events, which are most of what a client receives: a message is moved several
        // times on its way through calls.
        if kind == MessageKind::Event {
            let mut r = body_reader(limits, body)?;
            let code = r.u8(EVENT_CODE)?;
            let left = codec::parameter_count(protocol, &mut r)?;
            let params = Params::new(protocol, r, Budget::new(limits), left);
            return Ok(Self::Event { code, params });
        }
        Self::decode_as(kind, protocol, limits, body, false)
    }

    /// Like [`Message::decode`], for messages that contain what others have sent. The parameters
    /// [tolerate](Params#tolerance) values that cannot be decoded. So does the debug message: text
    /// that is not UTF-8 has U+FFFD in place of what is not, a number or bool is converted to text,
    /// and any other type counts as no message. If even its end cannot be found, the parameters are
    /// [lost](Params::damage).
    ///
    /// # Errors
    /// The same as [`Message::decode`].
    pub fn decode_tolerant(
        kind: MessageKind,
        protocol: Protocol,
        limits: &Limits,
        body: &'a [u8],
    ) -> Result<Self, DecodeError> {
        Self::decode_as(kind, protocol, limits, body, true)
    }

    /// The code of the event with this body. [`Message::event_params`] returns its parameters. Most
    /// messages to a client are events, and a [`Message`], or a result, around the parameters would be
    /// moved several times.
    ///
    /// # Errors
    /// The same as [`Message::decode_tolerant`].
    #[inline]
    pub fn event_code(limits: &Limits, body: &[u8]) -> Result<u8, DecodeError> {
        body_reader(limits, body)?.u8(EVENT_CODE)
    }

    /// The parameters of the event with this body, as those of [`Message::decode_tolerant`]. They are
    /// [lost](Params::damage) if [`Message::event_code`] finds no code.
    #[inline]
    #[must_use]
    pub fn event_params(protocol: Protocol, limits: &Limits, body: &'a [u8]) -> Params<'a> {
        let behind_code = body.get(1..).unwrap_or_default();
        let reader = Reader::at(behind_code, Header::LENGTH + 1);
        Params::read_tolerant(protocol, reader, Budget::new(limits))
    }

    fn decode_as(
        kind: MessageKind,
        protocol: Protocol,
        limits: &Limits,
        body: &'a [u8],
        tolerant: bool,
    ) -> Result<Self, DecodeError> {
        let mut r = body_reader(limits, body)?;
        let params = |r: Reader<'a>, budget: Budget| match tolerant {
            true => Ok(Params::read_tolerant(protocol, r, budget)),
            false => Params::read(protocol, r, budget),
        };
        let result = |r: &mut Reader<'a>| {
            let mut budget = Budget::new(limits);
            if !tolerant {
                let (code, text) = codec::decode_result(protocol, r)?;
                return Ok((code, text.map(Cow::Borrowed), params(*r, budget)?));
            }
            let code = codec::return_code(protocol, r)?;
            match codec::debug_message_lossy(protocol, r, &mut budget) {
                Ok(text) => Ok((code, text, params(*r, budget)?)),
                Err(error) => {
                    let lost = Params::lost(protocol, budget, error);
                    Ok((code, None, lost))
                }
            }
        };
        Ok(match kind {
            MessageKind::Init => Self::Init(Init::decode(&mut r)?),
            MessageKind::InitResponse => Self::InitResponse,
            MessageKind::Request | MessageKind::InternalRequest => Self::Request {
                internal: kind == MessageKind::InternalRequest,
                code: r.u8("operation code")?,
                params: params(r, Budget::new(limits))?,
            },
            MessageKind::Response | MessageKind::InternalResponse => {
                let code = r.u8("operation code")?;
                let (return_code, debug_message, params) = result(&mut r)?;
                Self::Response {
                    internal: kind == MessageKind::InternalResponse,
                    code,
                    return_code,
                    debug_message,
                    params,
                }
            }
            MessageKind::Event => {
                let code = r.u8(EVENT_CODE)?;
                Self::Event {
                    code,
                    params: params(r, Budget::new(limits))?,
                }
            }
            MessageKind::Disconnect => {
                let (code, debug_message, params) = result(&mut r)?;
                Self::Disconnect {
                    code,
                    debug_message,
                    params,
                }
            }
            MessageKind::Value => Self::Value(codec::decode_ref(
                protocol,
                &mut r,
                &mut Budget::new(limits),
            )?),
            MessageKind::Raw => Self::Raw(r.rest()),
        })
    }
}

/// How errors call the code of an event.
const EVENT_CODE: &str = "event code";

/// A reader of a body, whose offsets count from the start of the message.
#[inline]
fn body_reader<'a>(limits: &Limits, body: &'a [u8]) -> Result<Reader<'a>, DecodeError> {
    if body.len() > limits.max_received_bytes {
        return Err(DecodeError::new(
            DecodeErrorKind::TooLong,
            Header::LENGTH,
            "message body",
        ));
    }
    Ok(Reader::at(body, Header::LENGTH))
}

#[cfg(test)]
mod tests;
