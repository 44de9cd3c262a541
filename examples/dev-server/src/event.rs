//! An event for many receivers, encoded once for each protocol among them.

use photon_proto::json::{self, WriteError};
use photon_proto::message::MessageWriter;
use photon_proto::{Array, EncodeError, EncodeErrorKind, Limits, Parameters, Value};

use crate::downgrade::downgrade;
use photon_proto::peer::SubProtocol;

pub(crate) struct Event {
    code: u8,
    parameters: Parameters,
    /// The parameters that may become null for a receiver whose protocol cannot express them.
    content: &'static [u8],
    encoded: Vec<(SubProtocol, Encoded)>,
}

pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// Whether the content differs from what the sender sent.
    pub(crate) downgraded: bool,
}

impl Event {
    pub(crate) const fn new(code: u8, parameters: Parameters) -> Self {
        Self {
            code,
            parameters,
            content: &[],
            encoded: Vec::new(),
        }
    }

    /// Creates an event whose parameters `content` came from a client. If the receiver's protocol
    /// cannot express them even when downgraded, they become null: one client's content must not
    /// keep an event from another client.
    pub(crate) const fn with_content(
        code: u8,
        parameters: Parameters,
        content: &'static [u8],
    ) -> Self {
        Self {
            code,
            parameters,
            content,
            encoded: Vec::new(),
        }
    }

    pub(crate) const fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn parameters(&self) -> &[(u8, Value)] {
        &self.parameters
    }

    /// Whether receivers of this protocol can receive it exactly.
    pub(crate) fn check(
        &mut self,
        protocol: SubProtocol,
        limits: &Limits,
    ) -> Result<(), EncodeError> {
        let bytes = write(self.code, &self.parameters, protocol, limits)?;
        self.remember(
            protocol,
            Encoded {
                bytes,
                downgraded: false,
            },
        );
        Ok(())
    }

    /// Whether receivers of this protocol can receive its content, at least downgraded.
    pub(crate) fn fits(&mut self, protocol: SubProtocol, limits: &Limits) -> bool {
        let encoded = self.expressed(protocol, limits);
        encoded
            .map(|encoded| self.remember(protocol, encoded))
            .is_ok()
    }

    fn remember(&mut self, protocol: SubProtocol, encoded: Encoded) {
        debug_assert!(
            self.encoded.iter().all(|(known, _)| *known != protocol),
            "an event is encoded once for each protocol"
        );
        self.encoded.push((protocol, encoded));
    }

    /// Returns the encoded message for receivers of this protocol.
    pub(crate) fn encoded(
        &mut self,
        protocol: SubProtocol,
        limits: &Limits,
    ) -> Result<&Encoded, EncodeError> {
        let at = match self
            .encoded
            .iter()
            .position(|(known, _)| *known == protocol)
        {
            Some(at) => at,
            None => {
                let encoded = self
                    .expressed(protocol, limits)
                    .or_else(|error| self.without_content(protocol, limits, error))?;
                self.remember(protocol, encoded);
                self.encoded.len() - 1
            }
        };
        self.encoded
            .get(at)
            .map(|(_, encoded)| encoded)
            .ok_or(EncodeErrorKind::TypeNotExpressible.into())
    }

    fn expressed(&self, protocol: SubProtocol, limits: &Limits) -> Result<Encoded, EncodeError> {
        let error = match write(self.code, &self.parameters, protocol, limits) {
            Ok(bytes) => {
                return Ok(Encoded {
                    bytes,
                    downgraded: false,
                });
            }
            Err(error) => error,
        };
        // Downgrading does not make content smaller.
        if matches!(
            error.kind,
            EncodeErrorKind::MessageTooLong(_) | EncodeErrorKind::TooManyValues
        ) {
            return Err(error);
        }
        let downgraded: Parameters = self
            .parameters
            .iter()
            .map(|(key, value)| (*key, downgrade(protocol.binary(), limits, value)))
            .collect();
        Ok(Encoded {
            bytes: write(self.code, &downgraded, protocol, limits)?,
            downgraded: true,
        })
    }

    fn without_content(
        &self,
        protocol: SubProtocol,
        limits: &Limits,
        error: EncodeError,
    ) -> Result<Encoded, EncodeError> {
        if self.content.is_empty() {
            return Err(error);
        }
        let empty: Parameters = self
            .parameters
            .iter()
            .map(|(key, value)| {
                (
                    *key,
                    if self.content.contains(key) {
                        emptied(value)
                    } else {
                        value.clone()
                    },
                )
            })
            .collect();
        Ok(Encoded {
            bytes: write(self.code, &empty, protocol, limits)?,
            downgraded: true,
        })
    }
}

/// Returns null in place of content, or one null for each of several messages.
fn emptied(content: &Value) -> Value {
    match content {
        Value::Array(Array::Object(all)) => {
            Value::Array(Array::Object(vec![Value::Null; all.len()]))
        }
        _ => Value::Null,
    }
}

fn write(
    code: u8,
    parameters: &[(u8, Value)],
    protocol: SubProtocol,
    limits: &Limits,
) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    let mut writer = MessageWriter::event(&mut bytes, protocol.binary(), limits, code)?;
    for (key, value) in parameters {
        writer.put(*key, value)?;
    }
    writer.finish()?;
    if !protocol.is_text() {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    match json::encode_message(&mut text, limits, &bytes) {
        Ok(()) => Ok(text),
        Err(WriteError::Encode(error)) => Err(error),
        // Unreachable: the same event was encoded above within the same limits.
        Err(_) => Err(EncodeErrorKind::TypeNotExpressible.into()),
    }
}
