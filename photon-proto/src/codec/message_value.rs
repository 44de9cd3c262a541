//! Requests, responses and events as values: code, result, parameter table. Spec: wire.md 3.

use super::common::{debug_message, return_code};
use crate::codec::{self, Encoder, Protocol};
use crate::error::{DecodeError, EncodeError, EncodeErrorKind};
use crate::limits::Budget;
use crate::reader::Reader;
use crate::text::Text;
use crate::value::{EventData, Parameters, Request, Response, Value};
use alloc::boxed::Box;
use alloc::vec::Vec;

pub(crate) fn decode_request(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<Request, DecodeError> {
    Ok(Request {
        code: r.u8("operation code")?,
        parameters: decode_parameters(protocol, r, b)?,
    })
}

pub(crate) fn decode_response(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<Response, DecodeError> {
    let code = r.u8("operation code")?;
    let (return_code, text) = decode_result(protocol, r)?;
    b.memory(
        text.map_or(0, |text| Text::memory_bytes(text.len())),
        1,
        r.offset(),
        "debug message",
    )?;
    let debug_message = text.map(Text::from);
    Ok(Response {
        code,
        return_code,
        debug_message,
        parameters: decode_parameters(protocol, r, b)?,
    })
}

pub(crate) fn decode_event(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<EventData, DecodeError> {
    Ok(EventData {
        code: r.u8("event code")?,
        parameters: decode_parameters(protocol, r, b)?,
    })
}

/// Decodes a request, response or event into a box.
pub(crate) fn boxed<T>(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    read: impl FnOnce(Protocol, &mut Reader<'_>, &mut Budget) -> Result<T, DecodeError>,
) -> Result<Box<T>, DecodeError> {
    b.memory(1, size_of::<T>(), r.offset(), "message")?;
    Ok(Box::new(read(protocol, r, b)?))
}

pub(crate) fn skip_response(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<(), DecodeError> {
    let _code = r.u8("operation code")?;
    let _result = decode_result(protocol, r)?;
    skip_parameters(protocol, r, b)
}

pub(crate) fn encode_request(out: &mut Encoder<'_>, message: &Request) -> Result<(), EncodeError> {
    out.put(&[message.code])?;
    encode_parameters(out, &message.parameters)
}

pub(crate) fn encode_response(
    out: &mut Encoder<'_>,
    message: &Response,
) -> Result<(), EncodeError> {
    out.put(&[message.code])?;
    out.return_code(message.return_code)?;
    out.debug_message(message.debug_message.as_deref())?;
    encode_parameters(out, &message.parameters)
}

pub(crate) fn encode_event(out: &mut Encoder<'_>, message: &EventData) -> Result<(), EncodeError> {
    out.put(&[message.code])?;
    encode_parameters(out, &message.parameters)
}

/// Decodes the return code and debug message of a response or disconnect. Spec: wire.md 3.2.
pub(crate) fn decode_result<'a>(
    protocol: Protocol,
    r: &mut Reader<'a>,
) -> Result<(i16, Option<&'a str>), DecodeError> {
    Ok((return_code(protocol, r)?, debug_message(protocol, r)?))
}

/// Decodes a parameter table. A key that occurs twice keeps its last value. Spec: wire.md 3.
fn decode_parameters(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<Parameters, DecodeError> {
    let count = codec::parameter_count(protocol, r)?;
    b.memory(
        count,
        size_of::<(u8, Value)>(),
        r.offset(),
        "parameter count",
    )?;
    if count == 0 {
        // A hostile message is full of them.
        return Ok(Parameters::new());
    }
    let mut table = ParameterTable::with_capacity(count);
    for _ in 0..count {
        let key = r.u8("parameter key")?;
        let value = codec::decode_tagged(protocol, r, b)?;
        table.put(key, value);
    }
    Ok(table.all)
}

/// Parameters while they are decoded. A key that occurs twice keeps its first place and its last value.
pub(crate) struct ParameterTable {
    pub(crate) all: Parameters,
    /// The place of each key, if there it is. A search for each would cost the square of their number,
    /// and a message may consist of tables with all keys.
    places: [u8; 256],
}

impl ParameterTable {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self {
            all: Vec::with_capacity(count),
            places: [0; 256],
        }
    }

    /// Adds a parameter, or replaces the value of an earlier one with the same key.
    pub(crate) fn put(&mut self, key: u8, value: Value) {
        let Some(place) = self.places.get_mut(usize::from(key)) else {
            debug_assert!(false, "there is a place for each key");
            return;
        };
        match self.all.get_mut(usize::from(*place)) {
            Some((known, earlier)) if *known == key => *earlier = value,
            _ => {
                debug_assert!(self.all.len() <= 255, "all keys are different");
                *place = self.all.len() as u8;
                self.all.push((key, value));
            }
        }
    }
}

pub(crate) fn skip_parameters(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
) -> Result<(), DecodeError> {
    for _ in 0..codec::parameter_count(protocol, r)? {
        let _key = r.u8("parameter key")?;
        codec::skip_value(protocol, r, b)?;
    }
    Ok(())
}

fn encode_parameters(out: &mut Encoder<'_>, parameters: &[(u8, Value)]) -> Result<(), EncodeError> {
    let mut seen = [false; 256];
    match out.protocol() {
        Protocol::V16 => {
            let count =
                i16::try_from(parameters.len()).map_err(|_| EncodeErrorKind::TooManyParameters)?;
            out.put(&count.to_be_bytes())?;
        }
        Protocol::V18 => {
            let count =
                u8::try_from(parameters.len()).map_err(|_| EncodeErrorKind::TooManyParameters)?;
            out.put(&[count])?;
        }
    }
    for (key, value) in parameters {
        let is_duplicate = seen
            .get_mut(usize::from(*key))
            .is_some_and(|seen| core::mem::replace(seen, true));
        if is_duplicate {
            return Err(
                EncodeError::from(EncodeErrorKind::DuplicateKey).within(format_args!("({key})"))
            );
        }
        out.put(&[*key])?;
        codec::encode_tagged(out, value).map_err(|error| error.within(format_args!("({key})")))?;
    }
    Ok(())
}
