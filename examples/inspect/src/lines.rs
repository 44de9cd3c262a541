//! [`Inspector`]: converts one line of the program's input.

use crate::fragments::{BadFragment, Fragments};
use crate::frame::{Frame, Items, Piece, guess_role};
use crate::hex;
use crate::hints::{self, Form};
use crate::message::{Message, WriteError};
use crate::notation::{
    NotationError, command_to_json, datagram_to_json, frame_from_json, frame_to_json,
    message_from_json, message_to_json, value_from_json, value_to_json,
};
use photon_proto::crypto::{Cipher, Key};
use photon_proto::tcp;
use photon_proto::udp::command::{Body, Command, kind_name};
use photon_proto::udp::datagram::{self, DatagramError};
use photon_proto::{DecodeError, DecodeErrorKind, EncodeError, Limits, Protocol, Role, codec};
use serde_json::{Value as Json, json};

/// The content of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One value with its type code.
    Value,
    /// One message, from its `F3` on.
    Message,
    /// One TCP frame or ping, or one WebSocket message.
    Frame,
}

/// The error of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    kind: &'static str,
    offset: Option<usize>,
    field: Option<String>,
    expected: Option<String>,
    hint: Option<String>,
}

impl LineError {
    fn new(kind: &'static str, offset: Option<usize>) -> Self {
        Self {
            kind,
            offset,
            field: None,
            expected: None,
            hint: None,
        }
    }

    /// `{"error":{"kind":..,"offset":..,"field":..}}`. JSON that is not in the notation and wrong
    /// checksums also have `expected`. Some have a `hint` for a person beside `error`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut error = json!({"kind": self.kind, "offset": self.offset, "field": self.field});
        if let Some(expected) = &self.expected {
            error["expected"] = expected.as_str().into();
        }
        let mut line = json!({"error": error});
        if let Some(hint) = &self.hint {
            line["hint"] = hint.as_str().into();
        }
        line
    }
}

impl From<DecodeError> for LineError {
    fn from(error: DecodeError) -> Self {
        Self {
            field: Some(error.field.into()),
            ..Self::new(error.kind.name(), Some(error.offset))
        }
    }
}

impl From<DatagramError> for LineError {
    fn from(error: DatagramError) -> Self {
        let (kind, offset, field) = match error {
            DatagramError::TooShort(length) => ("Truncated", length, "datagram header".into()),
            DatagramError::TooLong(_) => ("TooLong", datagram::MAX_BYTES, "datagram".into()),
            DatagramError::Flags(_) => ("BadFlags", 2, "datagram flags".into()),
            DatagramError::Crc { .. } => ("BadCrc", datagram::HEADER_BYTES, "crc".into()),
            DatagramError::Empty => ("NoCommands", 3, "command count".into()),
            DatagramError::Command { index, offset } => {
                ("BadCommand", offset, format!("command {index}"))
            }
        };
        let expected = match error {
            DatagramError::Crc { expected, .. } => Some(format!("{expected:08x}")),
            _ => None,
        };
        Self {
            field: Some(field),
            expected,
            ..Self::new(kind, Some(offset))
        }
    }
}

impl From<EncodeError> for LineError {
    fn from(error: EncodeError) -> Self {
        Self {
            field: Some(error.path),
            ..Self::new(error.kind.name(), None)
        }
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
        Self {
            field: Some(error.path),
            expected,
            ..Self::new("BadNotation", None)
        }
    }
}

/// Decodes and encodes lines. It remembers the protocol and the fragments of earlier lines.
pub struct Inspector {
    limits: Limits,
    key: Option<Key>,
    cipher: Option<Cipher>,
    protocol: Protocol,
    /// Whether an init message changes `protocol`.
    follows_init: bool,
    fragments: Fragments,
}

impl Inspector {
    /// Creates an inspector for `protocol`. Without one, [`Inspector::frames`] and
    /// [`Inspector::datagram`] begin with 1.8 and follow each init message, also in later lines.
    /// `key` is the AES-256 key of the connection.
    #[must_use]
    pub fn new(protocol: Option<Protocol>, key: Option<[u8; 32]>) -> Self {
        let key = key.map(Key::from_bytes);
        Self {
            limits: Limits::DEFAULT,
            cipher: key.as_ref().map(Cipher::new),
            key,
            protocol: protocol.unwrap_or(Protocol::V18),
            follows_init: protocol.is_none(),
            fragments: Fragments::default(),
        }
    }

    /// Decodes a line of hex to JSON.
    ///
    /// # Errors
    /// [`LineError`] unless the line is the hex of exactly one value, message or frame.
    pub fn decode(&self, kind: Kind, line: &[u8]) -> Result<Json, LineError> {
        let bytes = unhex(line)?;
        self.decode_bytes(kind, &bytes).map_err(|error| {
            let form = match kind {
                Kind::Value => Form::Value,
                Kind::Message => Form::Message,
                Kind::Frame => Form::Frame,
            };
            let hint = hints::looks_like(&bytes, form).map(String::from);
            let hint = hint.or_else(|| {
                let decode = |bytes: &[u8]| self.decode_bytes(kind, bytes).err();
                hints::needed(&self.limits, &bytes, &error, decode)
            });
            LineError {
                hint,
                ..error.into()
            }
        })
    }

    fn decode_bytes(&self, kind: Kind, bytes: &[u8]) -> Result<Json, DecodeError> {
        let cipher = self.cipher.as_ref();
        Ok(match kind {
            Kind::Value => value_to_json(&codec::decode_value(self.protocol, &self.limits, bytes)?),
            Kind::Message => {
                let (message, surplus) =
                    Message::decode(self.protocol, &self.limits, cipher, bytes)?;
                with_surplus(message_to_json(&message), surplus)
            }
            Kind::Frame => {
                let (frame, surplus) = Frame::decode(self.protocol, &self.limits, cipher, bytes)?;
                with_surplus(frame_to_json(&frame), surplus)
            }
        })
    }

    /// The error of a message, with its place in a longer input and a hint for a person.
    fn message_error(&self, message: &[u8], error: DecodeError, place: usize) -> LineError {
        let cipher = self.cipher.as_ref();
        let decode =
            |bytes: &[u8]| Message::decode(self.protocol, &self.limits, cipher, bytes).err();
        let hint = hints::needed(&self.limits, message, &error, decode);
        LineError {
            hint,
            ..error.shifted(place).into()
        }
    }

    /// Encodes a line of JSON to hex.
    ///
    /// # Errors
    /// [`LineError`] unless the line is exactly one value, message or frame that the protocol can
    /// express.
    pub fn encode(&self, kind: Kind, line: &[u8]) -> Result<String, LineError> {
        let line = line.trim_ascii_end();
        let json = serde_json::from_slice(line).map_err(|error| {
            let at = if error.is_eof() {
                line.len()
            } else {
                error.column().saturating_sub(1)
            };
            LineError {
                field: Some("JSON".into()),
                ..LineError::new("BadJson", Some(at))
            }
        })?;
        let key = self.key.as_ref();
        let bytes = match kind {
            Kind::Value => {
                codec::encode_value(self.protocol, &self.limits, &value_from_json(&json)?)?
            }
            Kind::Message => {
                message_from_json(&json, self.protocol)?.encode(self.protocol, &self.limits, key)?
            }
            Kind::Frame => {
                frame_from_json(&json, self.protocol)?.encode(self.protocol, &self.limits, key)?
            }
        };
        Ok(hex::encode(&bytes))
    }

    /// Decodes the hex of a TCP stream to one JSON object for each frame, and returns whether all
    /// of them are valid. A frame whose message does not decode has `error` and the message's
    /// `hex`. An error that ends the stream early is an object of its own. Offsets count from the
    /// start of the stream.
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
                Ok(Some(Piece::Message {
                    channel,
                    delivery,
                    message,
                })) => {
                    match Message::decode(
                        self.protocol,
                        &self.limits,
                        self.cipher.as_ref(),
                        &message,
                    ) {
                        Ok((message, surplus)) => {
                            self.follow_init(&message);
                            let frame = Frame::Tcp {
                                channel,
                                delivery,
                                message,
                            };
                            all.push(with_surplus(frame_to_json(&frame), surplus));
                        }
                        Err(error) => {
                            good = false;
                            let frame =
                                json!({"t": "tcp", "channel": channel, "reliability": delivery});
                            let error =
                                self.message_error(&message, error, start + tcp::HEADER_BYTES);
                            all.push(with_error(frame, &error, &message));
                        }
                    }
                }
                Ok(None) if start == stream.len() => break,
                Ok(None) => {
                    good = false;
                    let error = DecodeError::new(DecodeErrorKind::Truncated, start, "frame");
                    let error = LineError {
                        hint: self.incomplete_frame(role, stream.get(start..).unwrap_or_default()),
                        ..error.into()
                    };
                    all.push(error.to_json());
                    break;
                }
                Err(error) => {
                    good = false;
                    let hint = hints::looks_like(&stream, Form::Stream).filter(|_| start == 0);
                    let error = LineError {
                        hint: hint.map(String::from),
                        ..error.into()
                    };
                    all.push(error.to_json());
                    break;
                }
            }
        }
        (all, good)
    }

    /// Returns how many bytes the last frame of a stream needs.
    fn incomplete_frame(&self, role: Role, frame: &[u8]) -> Option<String> {
        let error = DecodeError::new(DecodeErrorKind::Truncated, frame.len(), "frame");
        hints::needed(&self.limits, frame, &error, |bytes| {
            let piece = Items::new(role, &self.limits, bytes).next();
            let is_whole = piece.ok()?.is_some();
            (!is_whole).then_some(DecodeError {
                offset: bytes.len(),
                ..error
            })
        })
    }

    /// Decodes the hex of a UDP payload, usually one datagram, to a JSON object with its commands for
    /// each datagram, and returns whether everything in it is valid. A command with a message contains it, or has `error` and `hex` if
    /// it does not decode. A message whose last missing fragment is in this datagram is a further
    /// object.
    ///
    /// Offsets in errors of a datagram or a command count from the start of the datagram, in errors
    /// of a reassembled message from the start of the message.
    pub fn datagram(&mut self, line: &[u8]) -> (Vec<Json>, bool) {
        let bytes = match unhex(line) {
            Ok(bytes) => bytes,
            Err(error) => return (vec![error.to_json()], false),
        };
        let (mut all, mut good) = (Vec::new(), true);
        for one in hints::datagrams(&bytes) {
            let (mut objects, valid) = self.one_datagram(one);
            all.append(&mut objects);
            good &= valid;
        }
        (all, good)
    }

    fn one_datagram(&mut self, bytes: &[u8]) -> (Vec<Json>, bool) {
        let datagram = match datagram::decode(bytes) {
            Ok(datagram) => datagram,
            Err(error) => {
                let other = hints::looks_like(bytes, Form::Datagram);
                let hint = other.map(String::from).or_else(|| match error {
                    DatagramError::TooShort(have) => {
                        Some(hints::too_short(hints::header_bytes(bytes), have))
                    }
                    DatagramError::Command { offset, .. } => hints::cut_command(bytes, offset),
                    _ => None,
                });
                let error = LineError {
                    hint,
                    ..error.into()
                };
                return (vec![error.to_json()], false);
            }
        };
        let header = &datagram.header;
        let mut at = if header.crc.is_some() {
            datagram::CRC_HEADER_BYTES
        } else {
            datagram::HEADER_BYTES
        };
        let (mut commands, mut reassembled, mut good) = (Vec::new(), Vec::new(), true);
        for command in datagram.commands() {
            let mut json = command_to_json(&command);
            // `datagram::decode` has checked every size, so no position is beyond the datagram.
            let end = at + command.size as usize;
            debug_assert!(end <= bytes.len());
            match command.body {
                Body::Message(payload) | Body::Numbered { payload, .. } if !payload.is_empty() => {
                    json = self.with_message(json, payload, end - payload.len(), &mut good);
                }
                Body::Fragment(fragment) => {
                    let from = (header.challenge, header.peer_id);
                    let place = (command.kind, command.channel, command.rseq);
                    match self
                        .fragments
                        .add(from, place, &fragment, self.limits.max_received_bytes)
                    {
                        Ok(None) => {}
                        Ok(Some(message)) => {
                            reassembled.push(self.with_message(
                                reassembled_header(&command),
                                &message,
                                0,
                                &mut good,
                            ));
                        }
                        Err(BadFragment { field, at: inside }) => {
                            good = false;
                            let offset = Some(at + inside);
                            let error = LineError {
                                field: Some(field.into()),
                                ..LineError::new("BadFragment", offset)
                            };
                            json = with_error(json, &error, fragment.part);
                        }
                    }
                }
                _ => {}
            }
            commands.push(json);
            at = end;
        }
        let mut all = vec![datagram_to_json(
            header,
            bytes.len(),
            datagram.trailing_bytes(),
            commands,
        )];
        all.append(&mut reassembled);
        (all, good)
    }

    /// Adds the message in `bytes`, or its error, to the object of the command that carries it.
    /// `offset` is the position of the message in the datagram.
    fn with_message(
        &mut self,
        mut json: Json,
        bytes: &[u8],
        offset: usize,
        good: &mut bool,
    ) -> Json {
        match Message::decode(self.protocol, &self.limits, self.cipher.as_ref(), bytes) {
            Ok((message, surplus)) => {
                self.follow_init(&message);
                json["message"] = message_to_json(&message);
                with_surplus(json, surplus)
            }
            Err(error) => {
                *good = false;
                with_error(json, &self.message_error(bytes, error, offset), bytes)
            }
        }
    }

    /// Takes over the protocol of an init message, unless the protocol is fixed.
    fn follow_init(&mut self, message: &Message) {
        let protocol = match message {
            Message::Init(init) => Protocol::from_version(init.protocol),
            Message::HttpInit(init) => Some(init.protocol),
            _ => None,
        };
        if let Some(protocol) = protocol.filter(|_| self.follows_init) {
            self.protocol = protocol;
        }
    }
}

fn unhex(line: &[u8]) -> Result<Vec<u8>, LineError> {
    hex::decode(line).map_err(|offset| LineError {
        field: Some("hex digit".into()),
        ..LineError::new("BadHex", Some(offset))
    })
}

/// Adds the number of bytes after the parameters, which are not an error. Spec: wire.md 10.
fn with_surplus(mut json: Json, surplus: usize) -> Json {
    if let Some(map) = json.as_object_mut().filter(|_| surplus > 0) {
        map.insert("surplus_bytes".into(), surplus.into());
    }
    json
}

/// Adds an error and the bytes that caused it.
fn with_error(mut json: Json, error: &LineError, bytes: &[u8]) -> Json {
    if let (Some(map), Json::Object(error)) = (json.as_object_mut(), error.to_json()) {
        map.extend(error);
        map.insert("hex".into(), hex::encode(bytes).into());
    }
    json
}

/// The object of a reassembled message, of which `command` is one fragment.
fn reassembled_header(command: &Command<'_>) -> Json {
    let mut json = json!({
        "t": "reassembled", "type": command.kind, "name": kind_name(command.kind), "channel": command.channel,
    });
    if let Body::Fragment(it) = command.body {
        json["start_seq"] = it.start.into();
        json["fragment_count"] = it.count.into();
        json["total_length"] = it.total.into();
    }
    json
}
