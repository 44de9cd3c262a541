//! Transcodes messages of GpBinary 1.8 to frames of JSON. Spec: wire.md 7.2.

use super::JSON;
use super::writer::{JsonWriter, frame, json_frame};
use crate::codec::Params;
use crate::codec::Protocol;
use crate::codec::ValueRef;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::internal::PING;
use crate::limits::Limits;
use crate::message::{Header, Message};
use crate::value::{Array, EventData, Parameters, Request, Response, Value};
use alloc::vec::Vec;

const ARRAY: [&str; 2] = ["[", "]"];
const OBJECT: [&str; 2] = ["{", "}"];

/// The reason why a message cannot be encoded as JSON. Non-exhaustive, like the errors in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The bytes are not a message of GpBinary 1.8 in clear.
    #[error("the bytes are not a message that JSON can express: {0}")]
    Message(#[from] DecodeError),
    /// JSON has no such message, or the frame exceeds the limits.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Appends a message in GpBinary 1.8 as a frame of JSON: a request, a response, an event, or an
/// internal operation. After an error the buffer is as before. The [module](super) documentation
/// lists what JSON cannot express.
///
/// # Errors
/// [`WriteError::Message`] if the bytes are not one message in clear within the limits.
/// [`WriteError::Encode`] with `TypeNotExpressible` for another kind of message, with
/// `MessageTooLong` if the frame exceeds [`Limits::max_sent_bytes`].
pub fn encode_message(
    buffer: &mut Vec<u8>,
    limits: &Limits,
    message: &[u8],
) -> Result<(), WriteError> {
    let header = Header::decode(message)?;
    if header.encrypted {
        return Err(
            DecodeError::new(DecodeErrorKind::NoKey, Header::LENGTH, "message body").into(),
        );
    }
    let body = message.get(Header::LENGTH..).unwrap_or_default();
    // The message comes from this end, so the limit of sent messages applies.
    let own = Limits {
        max_received_bytes: limits.max_sent_bytes,
        ..limits.clone()
    };
    json_frame(buffer, limits, |json| {
        match Message::decode(header.kind, Protocol::V18, &own, body)? {
            Message::Request {
                internal,
                code,
                params,
            } => {
                json.code(if internal { "irq" } else { "req" }, code)?;
                json.raw(",\"vals\":")?;
                json.params(params, &own)?;
                Ok(json.raw("}")?)
            }
            Message::Response {
                internal: false,
                code,
                return_code,
                debug_message,
                params,
            } => {
                json.escape_non_ascii();
                json.raw("{\"vals\":")?;
                json.params(params, &own)?;
                json.result(return_code, debug_message.as_deref())?;
                Ok(json.last_code("res", code)?)
            }
            Message::Response {
                internal: true,
                code,
                return_code,
                debug_message,
                params,
            } => {
                json.escape_non_ascii();
                json.code("irs", code)?;
                if return_code != 0 || debug_message.is_some() {
                    json.result(return_code, debug_message.as_deref())?;
                }
                json.raw(",\"vals\":")?;
                json.params(params, &own)?;
                Ok(json.raw("}")?)
            }
            Message::Event { code, params } => {
                json.escape_non_ascii();
                json.raw("{\"vals\":")?;
                json.params(params, &own)?;
                Ok(json.last_code("evt", code)?)
            }
            _ => Err(EncodeError::from(EncodeErrorKind::TypeNotExpressible).into()),
        }
    })
}

/// Appends a ping request with the client's time in milliseconds.
///
/// # Errors
/// [`EncodeError`] at a limit.
pub fn encode_ping_request(
    buffer: &mut Vec<u8>,
    limits: &Limits,
    client_time: i32,
) -> Result<(), EncodeError> {
    json_frame(buffer, limits, |json| {
        json.code("irq", PING)?;
        json.display(format_args!(",\"vals\":[1,{client_time}]}}"))
    })
}

/// Appends a ping response. Both times are in milliseconds.
///
/// # Errors
/// [`EncodeError`] at a limit.
pub fn encode_ping_response(
    buffer: &mut Vec<u8>,
    limits: &Limits,
    client_time: i32,
    server_time: i32,
) -> Result<(), EncodeError> {
    json_frame(buffer, limits, |json| {
        json.code("irs", PING)?;
        json.display(format_args!(
            ",\"vals\":[1,{client_time},2,{server_time}]}}"
        ))
    })
}

/// Appends the session id, a server's first frame.
///
/// # Errors
/// [`EncodeError`]: `TypeNotExpressible` for an id that a reader would parse as JSON, or that
/// contains NULs, which readers drop; and at a limit.
pub fn encode_session(
    buffer: &mut Vec<u8>,
    limits: &Limits,
    session: &str,
) -> Result<(), EncodeError> {
    if session.starts_with(JSON) || session.contains('\0') {
        return Err(EncodeErrorKind::TypeNotExpressible.into());
    }
    frame(buffer, limits, |json| json.raw(session))
}

impl JsonWriter<'_> {
    /// Begins an object with the key that names the kind of message, as clients do.
    fn code(&mut self, key: &str, code: u8) -> Result<(), EncodeError> {
        self.display(format_args!("{{\"{key}\":{code}"))
    }

    /// Ends an object with that key, as servers do. Spec: wire.md 7.2.
    fn last_code(&mut self, key: &str, code: u8) -> Result<(), EncodeError> {
        self.display(format_args!(",\"{key}\":{code}}}"))
    }

    fn result(&mut self, return_code: i16, debug_message: Option<&str>) -> Result<(), EncodeError> {
        self.display(format_args!(",\"err\":{return_code},\"msg\":"))?;
        match debug_message {
            Some(text) => self.string(text),
            None => self.raw("null"),
        }
    }

    /// Writes the list of parameters.
    fn params(&mut self, mut params: Params<'_>, limits: &Limits) -> Result<(), WriteError> {
        self.raw("[")?;
        let mut before = "";
        while let Some(key) = params.next_key()? {
            self.display(format_args!("{before}{key},"))?;
            before = ",";
            match params.value_ref()? {
                ValueRef::String(text) => self.string(text)?,
                ValueRef::Bytes(bytes) => self.bytes(bytes)?,
                // Scalars are copied without an allocation.
                value => self.value(&value.to_value(limits)?)?,
            }
        }
        if params.finish()? > 0 {
            return Err(DecodeError::new(
                DecodeErrorKind::TrailingBytes,
                Header::LENGTH,
                "end of message",
            )
            .into());
        }
        Ok(self.raw("]")?)
    }

    fn value(&mut self, value: &Value) -> Result<(), EncodeError> {
        match value {
            Value::Null => self.raw("null"),
            Value::Bool(value) => self.display(format_args!("{value}")),
            Value::Byte(value) => self.display(format_args!("{value}")),
            Value::Short(value) => self.display(format_args!("{value}")),
            Value::Int(value) => self.display(format_args!("{value}")),
            Value::Long(value) => self.display(format_args!("{value}")),
            Value::Float(value) => self.float(*value),
            Value::Double(value) => self.double(*value),
            Value::String(text) => self.string(text),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::Custom(custom) => self.bytes(&custom.data),
            Value::Array(array) => self.array(array),
            Value::Hashtable(map) => self.map(&map.0),
            Value::Dictionary(map) => self.map(&map.pairs),
            Value::Request(one) => self.request(one),
            Value::Response(one) => self.response(one),
            Value::Event(one) => self.event(one),
        }
    }

    /// Writes a float. `{:?}` gives the shortest text that parses to the same number and never
    /// looks like an integer, which would change the type.
    fn float(&mut self, value: f32) -> Result<(), EncodeError> {
        if value.is_finite() {
            self.display(format_args!("{value:?}"))
        } else {
            self.raw("null")
        }
    }

    fn double(&mut self, value: f64) -> Result<(), EncodeError> {
        if value.is_finite() {
            self.display(format_args!("{value:?}"))
        } else {
            self.raw("null")
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.list(ARRAY, bytes, |json, byte| {
            json.display(format_args!("{byte}"))
        })
    }

    fn array(&mut self, array: &Array) -> Result<(), EncodeError> {
        match array {
            Array::Bool(all) => {
                self.list(ARRAY, all, |json, one| json.display(format_args!("{one}")))
            }
            Array::Short(all) => {
                self.list(ARRAY, all, |json, one| json.display(format_args!("{one}")))
            }
            Array::Int(all) => {
                self.list(ARRAY, all, |json, one| json.display(format_args!("{one}")))
            }
            Array::Long(all) => {
                self.list(ARRAY, all, |json, one| json.display(format_args!("{one}")))
            }
            Array::Float(all) => self.list(ARRAY, all, |json, one| json.float(*one)),
            Array::Double(all) => self.list(ARRAY, all, |json, one| json.double(*one)),
            Array::String(all) => self.list(ARRAY, all, |json, one| json.string(one)),
            Array::Bytes(all) | Array::Custom { elements: all, .. } => {
                self.list(ARRAY, all, |json, one| json.bytes(one))
            }
            Array::Object(all) => self.list(ARRAY, all, Self::value),
            Array::Hashtable(all) => self.list(ARRAY, all, |json, one| json.map(&one.0)),
            Array::Dictionary { elements, .. } => {
                self.list(ARRAY, elements, |json, one| json.map(one))
            }
            Array::Array(all) => self.list(ARRAY, all, Self::array),
            Array::Request(all) => self.list(ARRAY, all, Self::request),
            Array::Response(all) => self.list(ARRAY, all, Self::response),
            Array::Event(all) => self.list(ARRAY, all, Self::event),
        }
    }

    fn map(&mut self, pairs: &[(Value, Value)]) -> Result<(), EncodeError> {
        self.list(OBJECT, pairs, |json, (key, value)| {
            json.key(key)?;
            json.raw(":")?;
            json.value(value)
        })
    }

    /// Writes a key as the text that JavaScript would use.
    fn key(&mut self, key: &Value) -> Result<(), EncodeError> {
        const TEXT: [&str; 2] = ["\"", "\""];
        match key {
            Value::String(text) => self.string(text),
            Value::Bytes(bytes) => self.list(TEXT, bytes, |json, byte| {
                json.display(format_args!("{byte}"))
            }),
            Value::Custom(custom) => self.list(TEXT, &custom.data, |json, byte| {
                json.display(format_args!("{byte}"))
            }),
            Value::Float(value) if !value.is_finite() => self.raw(not_finite(f64::from(*value))),
            Value::Double(value) if !value.is_finite() => self.raw(not_finite(*value)),
            // Containers and null are not keys.
            scalar => {
                self.raw("\"")?;
                self.value(scalar)?;
                self.raw("\"")
            }
        }
    }

    fn request(&mut self, request: &Request) -> Result<(), EncodeError> {
        self.code("req", request.code)?;
        self.raw(",\"vals\":")?;
        self.parameters(&request.parameters)?;
        self.raw("}")
    }

    fn response(&mut self, response: &Response) -> Result<(), EncodeError> {
        self.raw("{\"vals\":")?;
        self.parameters(&response.parameters)?;
        self.result(response.return_code, response.debug_message.as_deref())?;
        self.last_code("res", response.code)
    }

    fn event(&mut self, event: &EventData) -> Result<(), EncodeError> {
        self.raw("{\"vals\":")?;
        self.parameters(&event.parameters)?;
        self.last_code("evt", event.code)
    }

    fn parameters(&mut self, parameters: &Parameters) -> Result<(), EncodeError> {
        self.list(ARRAY, parameters, |json, (code, value)| {
            json.display(format_args!("{code},"))?;
            json.value(value)
        })
    }
}

const fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "\"NaN\""
    } else if value > 0.0 {
        "\"Infinity\""
    } else {
        "\"-Infinity\""
    }
}
