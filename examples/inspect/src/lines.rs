//! What the program does with one line of its input.

use crate::frame::{Frame, Items, Piece, guess_role};
use crate::hex;
use crate::message::{Message, WriteError};
use crate::notation::{
    NotationError, frame_from_json, frame_to_json, message_from_json, message_to_json, value_from_json, value_to_json,
};
use photon_proto::crypto::{Cipher, Key};
use photon_proto::tcp::{self, Role};
use photon_proto::{DecodeError, DecodeErrorKind, EncodeError, Limits, Protocol, codec};
use serde_json::{Value as Json, json};

/// What a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One value with its type code.
    Value,
    /// One message, from its `F3` on.
    Message,
    /// One TCP frame or ping, or one WebSocket message.
    Frame,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    kind: &'static str,
    offset: Option<usize>,
    field: Option<String>,
    expected: Option<String>,
}

impl LineError {
    fn new(kind: &'static str, offset: Option<usize>) -> Self {
        Self { kind, offset, field: None, expected: None }
    }

    /// `{"error":{"kind":..,"offset":..,"field":..}}`, for JSON that is not in the notation with `expected` as well.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut error = json!({"kind": self.kind, "offset": self.offset, "field": self.field});
        if let (Some(expected), Some(error)) = (&self.expected, error.as_object_mut()) {
            error.insert("expected".into(), expected.as_str().into());
        }
        json!({"error": error})
    }
}

impl From<DecodeError> for LineError {
    fn from(error: DecodeError) -> Self {
        Self { field: Some(error.field.into()), ..Self::new(error.kind.name(), Some(error.offset)) }
    }
}

impl From<EncodeError> for LineError {
    fn from(error: EncodeError) -> Self {
        Self { field: Some(error.path), ..Self::new(error.kind.name(), None) }
    }
}

impl From<WriteError> for LineError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Encode(error) => error.into(),
            WriteError::NoKey => Self::new("NoKey", None),
            WriteError::NotWritten => Self::new("NotWritten", None),
        }
    }
}

impl From<NotationError> for LineError {
    fn from(error: NotationError) -> Self {
        let expected = Some(error.expected.into());
        Self { field: Some(error.path), expected, ..Self::new("BadNotation", None) }
    }
}

/// Reads and writes lines.
pub struct Inspector {
    limits: Limits,
    key: Option<Key>,
    cipher: Option<Cipher>,
    protocol: Protocol,
    /// Whether an init decides the protocol of what follows it.
    follow_init: bool,
}

impl Inspector {
    /// An inspector for `protocol`. Without one, [`Inspector::frames`] takes the protocol that an init announces, for
    /// what follows it and for later lines, and 1.8 until then. `key` is the AES-256 key of the connection.
    #[must_use]
    pub fn new(protocol: Option<Protocol>, key: Option<[u8; 32]>) -> Self {
        let key = key.map(Key::from_bytes);
        Self {
            limits: Limits::DEFAULT,
            cipher: key.as_ref().map(Cipher::new),
            key,
            protocol: protocol.unwrap_or(Protocol::V18),
            follow_init: protocol.is_none(),
        }
    }

    /// From hex to JSON.
    ///
    /// # Errors
    /// [`LineError`] for anything but the hex of exactly one thing of this kind.
    pub fn decode(&self, kind: Kind, line: &[u8]) -> Result<Json, LineError> {
        let bytes = unhex(line)?;
        let cipher = self.cipher.as_ref();
        Ok(match kind {
            Kind::Value => value_to_json(&codec::decode_value(self.protocol, &self.limits, &bytes)?),
            Kind::Message => {
                let (message, surplus) = Message::decode(self.protocol, &self.limits, cipher, &bytes)?;
                with_surplus(message_to_json(&message), surplus)
            }
            Kind::Frame => {
                let (frame, surplus) = Frame::decode(self.protocol, &self.limits, cipher, &bytes)?;
                with_surplus(frame_to_json(&frame), surplus)
            }
        })
    }

    /// From JSON to hex.
    ///
    /// # Errors
    /// [`LineError`] for anything but one thing of this kind that the protocol can express.
    pub fn encode(&self, kind: Kind, line: &[u8]) -> Result<String, LineError> {
        let line = line.trim_ascii_end();
        let json = serde_json::from_slice(line).map_err(|error| {
            let at = if error.is_eof() { line.len() } else { error.column().saturating_sub(1) };
            LineError { field: Some("JSON".into()), ..LineError::new("BadJson", Some(at)) }
        })?;
        let key = self.key.as_ref();
        let bytes = match kind {
            Kind::Value => codec::encode_value(self.protocol, &self.limits, &value_from_json(&json)?)?,
            Kind::Message => message_from_json(&json, self.protocol)?.encode(self.protocol, &self.limits, key)?,
            Kind::Frame => frame_from_json(&json, self.protocol)?.encode(self.protocol, &self.limits, key)?,
        };
        Ok(hex::encode(&bytes))
    }

    /// From the hex of a TCP stream to one JSON object for each piece of it, and whether all of them are good. A message
    /// that cannot be read stands as its frame with `error` and the message's `hex`; whatever ends the stream early is
    /// an error object of its own. Offsets count from the start of the stream.
    ///
    /// `role` is the end of the connection that reads the stream; without one it is guessed.
    pub fn frames(&mut self, role: Option<Role>, line: &[u8]) -> (Vec<Json>, bool) {
        let stream = match unhex(line) {
            Ok(stream) => stream,
            Err(error) => return (vec![error.to_json()], false),
        };
        let role = role.unwrap_or_else(|| guess_role(&self.limits, &stream));
        let mut items = Items::new(role, &self.limits, &stream);
        let (mut all, mut good) = (Vec::new(), true);
        loop {
            let start = items.offset;
            match items.next() {
                Ok(Some(Piece::Ping(ping))) => all.push(frame_to_json(&ping)),
                Ok(Some(Piece::Message { channel, delivery, message })) => {
                    match Message::decode(self.protocol, &self.limits, self.cipher.as_ref(), &message) {
                        Ok((message, surplus)) => {
                            self.announced(&message);
                            let frame = Frame::Tcp { channel, delivery, message };
                            all.push(with_surplus(frame_to_json(&frame), surplus));
                        }
                        Err(error) => {
                            good = false;
                            let error = LineError::from(error.shifted(start + tcp::HEADER_BYTES)).to_json();
                            let hex = hex::encode(&message);
                            let mut frame = json!({"t": "tcp", "channel": channel, "reliability": delivery});
                            if let (Some(frame), Json::Object(error)) = (frame.as_object_mut(), error) {
                                frame.extend(error);
                                frame.insert("hex".into(), hex.into());
                            }
                            all.push(frame);
                        }
                    }
                }
                Ok(None) if start == stream.len() => break,
                Ok(None) => {
                    good = false;
                    let error = DecodeError::new(DecodeErrorKind::Truncated, start, "frame");
                    all.push(LineError::from(error).to_json());
                    break;
                }
                Err(error) => {
                    good = false;
                    all.push(LineError::from(error).to_json());
                    break;
                }
            }
        }
        (all, good)
    }

    fn announced(&mut self, message: &Message) {
        let protocol = match message {
            Message::Init(init) => Protocol::from_version(init.protocol),
            Message::HttpInit(init) => Some(init.protocol),
            _ => None,
        };
        if let Some(protocol) = protocol.filter(|_| self.follow_init) {
            self.protocol = protocol;
        }
    }
}

fn unhex(line: &[u8]) -> Result<Vec<u8>, LineError> {
    hex::decode(line)
        .map_err(|offset| LineError { field: Some("hex digit".into()), ..LineError::new("BadHex", Some(offset)) })
}

/// Bytes behind the parameters are no error, but worth knowing. Spec: wire.md 10.
fn with_surplus(mut json: Json, surplus: usize) -> Json {
    if let Some(map) = json.as_object_mut().filter(|_| surplus > 0) {
        map.insert("surplus_bytes".into(), surplus.into());
    }
    json
}
