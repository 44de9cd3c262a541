//! Transcodes the JSON object of a frame to a message of GpBinary 1.8. Spec: wire.md 7.2.

use super::Frame;
use super::parser::{Number, Parser, Str};
use super::transcode::{self, Sink};
use crate::codec::Params;
use crate::codec::Protocol;
use crate::codec::ValueRef;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::internal::PING;
use crate::limits::{Budget, Limits};
use crate::message::{MAGIC, MessageKind};
use crate::reader::Reader;
use crate::role::Role;
use alloc::vec::Vec;

/// The type code of null, the encoding of a missing debug message. Spec: wire.md 3.2.
const NULL: u8 = 0x08;

/// The keys that name the kind of a message. The first one in this order counts.
const fn kinds(role: Role) -> &'static [(&'static str, MessageKind)] {
    match role {
        Role::Client => &[
            ("res", MessageKind::Response),
            ("evt", MessageKind::Event),
            ("irs", MessageKind::InternalResponse),
        ],
        Role::Server => &[
            ("req", MessageKind::Request),
            ("irq", MessageKind::InternalRequest),
        ],
    }
}

/// The fields of an object besides its parameters. For a key that occurs twice the last value
/// counts.
#[derive(Default)]
struct Fields<'a> {
    /// Parallel to [`kinds`].
    codes: [Option<u8>; 3],
    return_code: i16,
    debug_message: Option<(Str<'a>, usize)>,
}

/// Decodes the JSON of a payload, which begins at `base` in the text message. After an error `out`
/// is as before.
pub(super) fn read(
    role: Role,
    limits: &Limits,
    tolerant: bool,
    json: &str,
    base: usize,
    out: &mut Vec<u8>,
) -> Result<Frame<'static>, DecodeError> {
    let start = out.len();
    let mut sink = Sink::new(core::mem::take(out), limits, tolerant);
    let mut result = message(role, limits, &mut Parser::new(json, base), start, &mut sink);
    if tolerant && matches!(&result, Err(error) if error.kind == DecodeErrorKind::TooLong) {
        // A server relays what others send: their numbers must not cost the whole message. Not at
        // once, because what is too long so far may be followed by text that becomes shorter.
        sink.buffer().truncate(start);
        sink.restart(limits, limits.max_received_bytes.saturating_sub(json.len()));
        result = message(role, limits, &mut Parser::new(json, base), start, &mut sink);
    }
    *out = sink.into_buffer();
    if !matches!(result, Ok(Frame::Message(_))) {
        out.truncate(start);
    }
    result
}

fn message(
    role: Role,
    limits: &Limits,
    p: &mut Parser<'_>,
    start: usize,
    sink: &mut Sink,
) -> Result<Frame<'static>, DecodeError> {
    let at = p.offset();
    let fields = fields(role, p, start, sink)?;
    p.end()?;
    let kind = kinds(role)
        .iter()
        .zip(fields.codes)
        .find_map(|((_, kind), code)| code.map(|code| (*kind, code)));
    let Some((kind, code)) = kind else {
        return Err(DecodeError::new(
            DecodeErrorKind::Missing,
            at,
            "operation or event code",
        ));
    };
    match kind {
        MessageKind::InternalRequest if code == PING => {
            let [client_time] = times(limits, sink, start, at)?;
            return Ok(Frame::PingRequest { client_time });
        }
        // wire.md 7.2: official readers treat every internal response as a ping response.
        MessageKind::InternalResponse => match times(limits, sink, start, at) {
            Ok([client_time, server_time]) => {
                return Ok(Frame::PingResponse {
                    client_time,
                    server_time,
                });
            }
            Err(error) if code == PING => return Err(error),
            Err(_) => {}
        },
        _ => {}
    }
    // In 1.8 the fields precede the parameters; in JSON they may follow. So the parameters were
    // written first, and now the fields are rotated to the front.
    let parameters = sink.buffer().len() - start;
    sink.put(&[MAGIC, kind as u8, code], at)?;
    if matches!(kind, MessageKind::Response | MessageKind::InternalResponse) {
        sink.put(&fields.return_code.to_le_bytes(), at)?;
        match fields.debug_message {
            Some((text, at)) => sink.string(text, at)?,
            None => sink.put(&[NULL], at)?,
        }
    }
    if let Some(message) = sink.buffer().get_mut(start..) {
        message.rotate_left(parameters);
    }
    Ok(Frame::Message(start..sink.buffer().len()))
}

/// Decodes the object. Its parameters, with their count first, are then in the sink.
fn fields<'a>(
    role: Role,
    p: &mut Parser<'a>,
    start: usize,
    sink: &mut Sink,
) -> Result<Fields<'a>, DecodeError> {
    const FIELD: &str = "JSON message";
    if let first @ (b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') = p.token(FIELD)? {
        return Err(wrong(first, p.offset(), FIELD));
    }
    p.punctuation(b'{', FIELD)?;
    let mut fields = Fields::default();
    sink.put(&[0], p.offset())?;
    let mut first = true;
    while p.more(&mut first, b'}', FIELD)? {
        let key = p.string("JSON key")?;
        p.punctuation(b':', FIELD)?;
        let code = kinds(role)
            .iter()
            .zip(&mut fields.codes)
            .find(|((name, _), _)| key.is(name));
        if let Some((_, code)) = code {
            *code = number(p, "operation or event code")?;
        } else if key.is("vals") {
            sink.buffer().truncate(start);
            parameters(p, start, sink)?;
        } else if key.is("err") {
            fields.return_code = return_code(p, sink)?;
        } else if key.is("msg") {
            fields.debug_message = debug_message(p, sink)?;
        } else {
            // An unknown key. Its value must be valid JSON, and is charged like any other.
            if sink.is_tolerant() {
                sink.skip(p, "JSON value")?;
            } else {
                let length = sink.buffer().len();
                transcode::value(p, sink)?;
                sink.buffer().truncate(length);
            }
        }
    }
    Ok(fields)
}

/// Transcodes the list of codes and values.
fn parameters(p: &mut Parser<'_>, start: usize, sink: &mut Sink) -> Result<(), DecodeError> {
    const FIELD: &str = "parameters";
    let first = p.token(FIELD)?;
    let at = p.offset();
    sink.put(&[0], at)?;
    match first {
        b'[' => p.punctuation(b'[', FIELD)?,
        b'n' => return p.literal(FIELD).map(drop),
        _ => return Err(wrong(first, at, FIELD)),
    }
    let (mut first, mut count) = (true, 0_u8);
    while p.more(&mut first, b']', FIELD)? {
        let token = p.token("parameter code")?;
        let at = p.offset();
        let value = p.clone();
        let code = number(p, "parameter code")
            .and_then(|code: Option<u8>| code.ok_or_else(|| wrong(token, at, "parameter code")));
        if code.is_err() && sink.is_tolerant() {
            // In JavaScript such a code is a key that nobody reads.
            *p = value;
            sink.skip(p, "parameter code")?;
            if !p.more(&mut first, b']', FIELD)? {
                break;
            }
            sink.skip(p, "parameter value")?;
            continue;
        }
        let code = code?;
        if !p.more(&mut first, b']', FIELD)? {
            return Err(DecodeError::new(
                DecodeErrorKind::Missing,
                at,
                "parameter value",
            ));
        }
        count =
            count
                .checked_add(1)
                .ok_or(DecodeError::new(DecodeErrorKind::BadLength, at, FIELD))?;
        sink.put(&[code], at)?;
        transcode::parameter(p, sink)?;
    }
    if let Some(place) = sink.buffer().get_mut(start) {
        *place = count;
    }
    Ok(())
}

const fn wrong(first: u8, at: usize, field: &'static str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::WrongType(first), at, field)
}

/// Decodes a code: a number, or a string that contains one. Null, false and the empty string count
/// as missing (`None`).
fn number<T>(p: &mut Parser<'_>, field: &'static str) -> Result<Option<T>, DecodeError>
where
    T: TryFrom<i64> + core::str::FromStr,
{
    let first = p.token(field)?;
    let at = p.offset();
    let wrong = wrong(first, at, field);
    match first {
        b'-' | b'0'..=b'9' => {
            let whole = match p.number(field)? {
                Number::Integer(number) => Some(number),
                // Some writers give every number a fraction. A number beyond 64 bits is no code.
                Number::Double(number) => {
                    Some(number as i64).filter(|whole| *whole as f64 == number)
                }
            };
            whole
                .and_then(|whole| T::try_from(whole).ok())
                .map(Some)
                .ok_or(wrong)
        }
        b'"' => {
            let text = p.string(field)?;
            if text.is_empty() {
                return Ok(None);
            }
            let digits = text.plain().filter(|text| !text.starts_with('+'));
            digits
                .and_then(|digits| digits.parse().ok())
                .map(Some)
                .ok_or(wrong)
        }
        b'[' | b'{' => Err(wrong),
        _ => match p.literal(field)? {
            Some(true) => Err(wrong),
            Some(false) | None => Ok(None),
        },
    }
}

/// The return code for a response whose own cannot be read: an internal error of the server.
const UNREADABLE: i16 = -1;

/// Decodes a return code; a missing one is 0. If the sink is tolerant, one that is no number of 16 bits is
/// [`UNREADABLE`]: such a response means no success, and without it the request would stay open.
fn return_code(p: &mut Parser<'_>, sink: &mut Sink) -> Result<i16, DecodeError> {
    const FIELD: &str = "return code";
    let value = p.clone();
    match number(p, FIELD) {
        Ok(code) => Ok(code.unwrap_or_default()),
        Err(_) if sink.is_tolerant() => {
            *p = value;
            sink.skip(p, FIELD).map(|()| UNREADABLE)
        }
        Err(error) => Err(error),
    }
}

/// Decodes the debug message of a response, with its position. It may be empty.
/// If the sink is tolerant, a response with another type there is still a response: a number, `true` or
/// `false` becomes the text that it is, an array or object counts as missing.
fn debug_message<'a>(
    p: &mut Parser<'a>,
    sink: &mut Sink,
) -> Result<Option<(Str<'a>, usize)>, DecodeError> {
    const FIELD: &str = "debug message";
    let first = p.token(FIELD)?;
    let at = p.offset();
    match first {
        b'"' => Ok(Some((p.string(FIELD)?, at))),
        b'n' => p.literal(FIELD).map(|_| None),
        _ if !sink.is_tolerant() => Err(wrong(first, at, FIELD)),
        b'[' | b'{' => sink.skip(p, FIELD).map(|()| None),
        _ => Ok(Some((p.verbatim(FIELD)?, at))),
    }
}

/// Decodes the first parameters of a ping, which were transcoded to `start`. Spec: wire.md 8.4.
fn times<const N: usize>(
    limits: &Limits,
    sink: &mut Sink,
    start: usize,
    at: usize,
) -> Result<[i32; N], DecodeError> {
    const FIELD: &str = "ping time";
    let missing = DecodeError::new(DecodeErrorKind::Missing, at, FIELD);
    let reader = Reader::new(sink.buffer().get(start..).unwrap_or_default());
    let keys = core::array::from_fn(|index| index as u8 + 1);
    // This module has encoded them within the same limits.
    let picked = Params::read(Protocol::V18, reader, Budget::new(limits))
        .and_then(|mut params| params.pick::<N>(keys))
        .map_err(|_| missing)?;
    let mut times = [0; N];
    for (time, value) in times.iter_mut().zip(picked) {
        *time = match value {
            Some(ValueRef::Int(number)) => number,
            Some(ValueRef::Double(number)) if number.abs() < 2_147_483_648.0 => number as i32,
            Some(ValueRef::Long(_) | ValueRef::Double(_)) => i32::MIN,
            _ => return Err(missing),
        };
    }
    Ok(times)
}
