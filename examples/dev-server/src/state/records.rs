//! The records of a state as bytes.

use bytes::Bytes;
use photon_proto::message::{Header, Message, MessageWriter};
use photon_proto::{Limits, Parameters, Protocol, Text, Value};
use siphasher::sip128::SipHasher24;

use super::StateError;

const NAME: &str = "photon-dev-server state ";
pub(super) const VERSION: &str = "1";
const HASH_BYTES: usize = 16;

/// Kinds of records.
pub(super) mod record {
    pub(in super::super) const SERVER: u8 = 1;
    pub(in super::super) const PARTITION: u8 = 2;
    pub(in super::super) const CHANNEL: u8 = 3;
    pub(in super::super) const CONVERSATION: u8 = 4;
    pub(in super::super) const MESSAGE: u8 = 5;
    pub(in super::super) const USER: u8 = 6;
}

/// Keys of the parameters of records.
pub(super) mod key {
    pub(in super::super) const NAME: u8 = 1;
    pub(in super::super) const OTHER: u8 = 2;
    pub(in super::super) const LAST_ID: u8 = 3;
    pub(in super::super) const SEQUENCE: u8 = 4;
    pub(in super::super) const CONTENT: u8 = 5;
    pub(in super::super) const PROPERTIES: u8 = 6;
    pub(in super::super) const USER_PROPERTIES: u8 = 7;
    pub(in super::super) const CHANNELS: u8 = 8;
    pub(in super::super) const STATUS: u8 = 9;
    pub(in super::super) const APP_ID: u8 = 10;
    pub(in super::super) const APP_VERSION: u8 = 11;
    pub(in super::super) const MAC_KEY: u8 = 12;
    pub(in super::super) const CIPHER_KEY: u8 = 13;
    pub(in super::super) const CLOCK: u8 = 14;
}

/// A client's content was accepted within the limits of the server, which may be wider than the
/// default ones.
fn limits() -> Limits {
    Limits {
        max_sent_bytes: usize::MAX,
        max_received_bytes: usize::MAX,
        max_values: u32::MAX,
        max_memory_bytes: usize::MAX,
        max_depth: Limits::DEFAULT.max_depth + 8,
    }
}

/// One record.
pub(super) struct Record {
    pub(super) kind: u8,
    parameters: Parameters,
}

impl Record {
    pub(super) const fn new(kind: u8) -> Self {
        Self {
            kind,
            parameters: Vec::new(),
        }
    }

    pub(super) fn value(mut self, key: u8, value: Value) -> Self {
        self.parameters.push((key, value));
        self
    }

    pub(super) fn text(self, key: u8, text: &Text) -> Self {
        self.value(key, Value::from(text.clone()))
    }

    pub(super) fn int(self, key: u8, number: i32) -> Self {
        self.value(key, Value::Int(number))
    }

    pub(super) fn long(self, key: u8, number: i64) -> Self {
        self.value(key, Value::Long(number))
    }

    pub(super) fn bytes(self, key: u8, bytes: &[u8]) -> Self {
        self.value(key, Value::Bytes(Bytes::copy_from_slice(bytes)))
    }

    /// Removes a value. Each is taken once.
    pub(super) fn take(&mut self, key: u8) -> Option<Value> {
        let mut all = self.parameters.iter();
        let at = all.position(|(known, _)| *known == key)?;
        Some(self.parameters.swap_remove(at).1)
    }

    pub(super) fn take_text(&mut self, key: u8) -> Option<Text> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn take_int(&mut self, key: u8) -> Option<i32> {
        match self.take(key)? {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn take_long(&mut self, key: u8) -> Option<i64> {
        match self.take(key)? {
            Value::Long(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn take_bytes<const N: usize>(&mut self, key: u8) -> Option<[u8; N]> {
        match self.take(key)? {
            Value::Bytes(bytes) => bytes.as_ref().try_into().ok(),
            _ => None,
        }
    }
}

/// Writes records one after the other.
pub(super) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            out: format!("{NAME}{VERSION}\n").into_bytes(),
        }
    }

    pub(super) fn put(&mut self, record: Record) {
        let mut message = Vec::new();
        let limits = limits();
        let written = MessageWriter::event(&mut message, Protocol::V18, &limits, record.kind)
            .and_then(|mut writer| {
                for (key, value) in &record.parameters {
                    writer.put(*key, value)?;
                }
                writer.finish()
            });
        let length = u32::try_from(message.len());
        debug_assert!(
            written.is_ok() && length.is_ok(),
            "GpBinary 1.8 expresses every value that the server holds"
        );
        if let (Ok(()), Ok(length)) = (written, length) {
            self.out.extend(length.to_le_bytes());
            self.out.extend(message);
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.extend(hash(&self.out));
        self.out
    }
}

fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    SipHasher24::new().hash(bytes).as_bytes()
}

/// Checks and splits a state.
pub(super) fn read(state: &[u8]) -> Result<Vec<Record>, StateError> {
    let rest = state
        .strip_prefix(NAME.as_bytes())
        .ok_or(StateError::NotAState)?;
    let end = rest.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or(StateError::Damaged("it has no version"))?;
    let (version, rest) = rest.split_at(end);
    if version != VERSION.as_bytes() {
        return Err(StateError::Version(
            String::from_utf8_lossy(version).into_owned(),
        ));
    }
    let end = rest.len().checked_sub(HASH_BYTES).filter(|end| *end > 0);
    let end = end.ok_or(StateError::Damaged("it is cut short"))?;
    let (content, expected) = rest.split_at(end);
    if expected != hash(state.get(..state.len() - HASH_BYTES).unwrap_or_default()) {
        return Err(StateError::Damaged("its hash does not match"));
    }
    let mut content = content.get(1..).unwrap_or_default();
    let mut records = Vec::new();
    while let Some((length, tail)) = content.split_first_chunk::<4>() {
        let (message, tail) = tail
            .split_at_checked(u32::from_le_bytes(*length) as usize)
            .ok_or(StateError::Damaged("a record is cut short"))?;
        content = tail;
        records.push(decode(message).ok_or(StateError::Damaged("a record cannot be read"))?);
    }
    Ok(records)
}

fn decode(message: &[u8]) -> Option<Record> {
    let (limits, header) = (limits(), Header::decode(message).ok()?);
    let body = message.get(Header::LENGTH..)?;
    let decoded = Message::decode(header.kind, Protocol::V18, &limits, body);
    let Message::Event { code, mut params } = decoded.ok()? else {
        return None;
    };
    Some(Record {
        kind: code,
        parameters: params.to_parameters().ok()?,
    })
}
