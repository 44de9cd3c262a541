//! What the program does with one line of its input.

use crate::fragments::{BadFragment, Fragments};
use crate::frame::{Frame, Items, Piece, guess_role};
use crate::hex;
use crate::message::{Message, WriteError};
use crate::notation::{
    NotationError, command_to_json, datagram_to_json, frame_from_json, frame_to_json,
    message_from_json, message_to_json, value_from_json, value_to_json,
};
use photon_proto::crypto::{Cipher, Key};
use photon_proto::tcp::{self, Role};
use photon_proto::udp::command::{Body, Command, kind_name};
use photon_proto::udp::datagram::{self, DatagramError};
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
        Self {
            kind,
            offset,
            field: None,
            expected: None,
        }
    }

    /// `{"error":{"kind":..,"offset":..,"field":..}}`, with `expected` as well for JSON that is not in the notation and
    /// for wrong check sums.
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

/// Reads and writes lines.
pub struct Inspector {
    limits: Limits,
    key: Option<Key>,
    cipher: Option<Cipher>,
    protocol: Protocol,
    /// Whether an init decides the protocol of what follows it.
    follow_init: bool,
    fragments: Fragments,
}

impl Inspector {
    /// An inspector for `protocol`. Without one, [`Inspector::frames`] and [`Inspector::datagram`] take the protocol that
    /// an init announces, for what follows it and for later lines, and 1.8 until then. `key` is the AES-256 key of the
    /// connection.
    #[must_use]
    pub fn new(protocol: Option<Protocol>, key: Option<[u8; 32]>) -> Self {
        let key = key.map(Key::from_bytes);
        Self {
            limits: Limits::DEFAULT,
            cipher: key.as_ref().map(Cipher::new),
            key,
            protocol: protocol.unwrap_or(Protocol::V18),
            follow_init: protocol.is_none(),
            fragments: Fragments::default(),
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
            Kind::Value => {
                value_to_json(&codec::decode_value(self.protocol, &self.limits, &bytes)?)
            }
            Kind::Message => {
                let (message, surplus) =
                    Message::decode(self.protocol, &self.limits, cipher, &bytes)?;
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
                            self.announced(&message);
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
                            let error = LineError::from(error.shifted(start + tcp::HEADER_BYTES));
                            all.push(with_error(frame, &error, &message));
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

    /// From the hex of a UDP datagram to a JSON object with its commands, and whether everything in it is good. A
    /// message stands in the command that carries it; one that cannot be read as `error` and its `hex`. A message whose last
    /// missing fragment is in this datagram (the others were in it or in earlier ones) is one more object.
    ///
    /// Offsets in the error of a datagram or a command count from the start of the datagram, in that of a message put
    /// together from fragments from the start of the message.
    pub fn datagram(&mut self, line: &[u8]) -> (Vec<Json>, bool) {
        let bytes = match unhex(line) {
            Ok(bytes) => bytes,
            Err(error) => return (vec![error.to_json()], false),
        };
        let datagram = match datagram::decode(&bytes) {
            Ok(datagram) => datagram,
            Err(error) => return (vec![LineError::from(error).to_json()], false),
        };
        let header = &datagram.header;
        let mut at = if header.crc.is_some() {
            datagram::CRC_HEADER_BYTES
        } else {
            datagram::HEADER_BYTES
        };
        let (mut commands, mut wholes, mut good) = (Vec::new(), Vec::new(), true);
        for command in datagram.commands() {
            let mut json = command_to_json(&command);
            let end = at.saturating_add(command.size as usize);
            match command.body {
                Body::Message(payload) | Body::Numbered { payload, .. } if !payload.is_empty() => {
                    json = self.with_message(
                        json,
                        payload,
                        end.saturating_sub(payload.len()),
                        &mut good,
                    );
                }
                Body::Fragment(fragment) => {
                    let from = (header.challenge, header.peer_id);
                    let place = (command.kind, command.channel, command.rseq);
                    match self.fragments.take(
                        from,
                        place,
                        &fragment,
                        self.limits.max_received_bytes,
                    ) {
                        Ok(None) => {}
                        Ok(Some(message)) => {
                            wholes.push(self.with_message(
                                reassembled(&command),
                                &message,
                                0,
                                &mut good,
                            ));
                        }
                        Err(BadFragment { field, at: inside }) => {
                            good = false;
                            let offset = Some(at.saturating_add(inside));
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
        all.append(&mut wholes);
        (all, good)
    }

    /// Puts the message that begins at this offset into the object about what carries it.
    fn with_message(
        &mut self,
        mut json: Json,
        bytes: &[u8],
        offset: usize,
        good: &mut bool,
    ) -> Json {
        match Message::decode(self.protocol, &self.limits, self.cipher.as_ref(), bytes) {
            Ok((message, surplus)) => {
                self.announced(&message);
                json["message"] = message_to_json(&message);
                with_surplus(json, surplus)
            }
            Err(error) => {
                *good = false;
                with_error(json, &error.shifted(offset).into(), bytes)
            }
        }
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
    hex::decode(line).map_err(|offset| LineError {
        field: Some("hex digit".into()),
        ..LineError::new("BadHex", Some(offset))
    })
}

/// Bytes behind the parameters are no error, but worth knowing. Spec: wire.md 10.
fn with_surplus(mut json: Json, surplus: usize) -> Json {
    if let Some(map) = json.as_object_mut().filter(|_| surplus > 0) {
        map.insert("surplus_bytes".into(), surplus.into());
    }
    json
}

/// An object about something that cannot be read, with what is wrong and the bytes.
fn with_error(mut json: Json, error: &LineError, bytes: &[u8]) -> Json {
    if let (Some(map), Json::Object(error)) = (json.as_object_mut(), error.to_json()) {
        map.extend(error);
        map.insert("hex".into(), hex::encode(bytes).into());
    }
    json
}

/// The object about a message of many fragments, of which this is one.
fn reassembled(command: &Command<'_>) -> Json {
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
