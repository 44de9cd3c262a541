//! Transcodes the JSON object of a frame to a message of GpBinary 1.8. Spec: wire.md 7.2.

use super::Frame;
use super::parser::{Number, Parser};
use super::sink::Sink;
use super::string::Str;
use super::transcode;
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

/// The kinds of messages, in the order in which the first one counts that an object has a code of.
const fn kinds(role: Role) -> &'static [MessageKind] {
    match role {
        Role::Client => &[
            MessageKind::Response,
            MessageKind::Event,
            MessageKind::InternalResponse,
        ],
        Role::Server => &[MessageKind::Request, MessageKind::InternalRequest],
    }
}

/// The length of what precedes the fields of a message: mark, kind and code. Spec: wire.md 3.
const HEAD: usize = 3;

/// The meaning of a key.
enum Key {
    /// The code of the message, by the index in [`kinds`].
    Code(usize),
    Parameters,
    ReturnCode,
    DebugMessage,
    Unknown,
}

impl Key {
    #[inline]
    fn of(role: Role, key: Str<'_>) -> Self {
        match (key.short(&mut [0; 4]), role) {
            (b"vals", _) => Self::Parameters,
            (b"err", _) => Self::ReturnCode,
            (b"msg", _) => Self::DebugMessage,
            (b"res", Role::Client) | (b"req", Role::Server) => Self::Code(0),
            (b"evt", Role::Client) | (b"irq", Role::Server) => Self::Code(1),
            (b"irs", Role::Client) => Self::Code(2),
            _ => Self::Unknown,
        }
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
    let mut sink = Sink::new(out, limits, tolerant);
    let mut result = message(role, limits, &mut Parser::new(json, base), start, &mut sink);
    if tolerant && matches!(&result, Err(error) if error.kind == DecodeErrorKind::TooLong) {
        // A server relays what others send: their numbers must not cost the whole message. Not at
        // once, because what is too long so far may be followed by text that becomes shorter.
        sink.truncate(start);
        sink.restart(limits, limits.max_received_bytes.saturating_sub(json.len()));
        result = message(role, limits, &mut Parser::new(json, base), start, &mut sink);
    }
    if !matches!(result, Ok(Frame::Message(_))) {
        sink.truncate(start);
    }
    result
}

fn message(
    role: Role,
    limits: &Limits,
    p: &mut Parser<'_>,
    start: usize,
    sink: &mut Sink<'_>,
) -> Result<Frame<'static>, DecodeError> {
    let at = p.offset();
    // In 1.8 the fields precede the parameters; in JSON they may follow, but the head of all
    // messages has the same length.
    sink.put(&[0; HEAD], at)?;
    let fields = fields(role, p, sink)?;
    p.end()?;
    let kind = kinds(role)
        .iter()
        .zip(fields.codes)
        .find_map(|(kind, code)| code.map(|code| (*kind, code)));
    let Some((kind, code)) = kind else {
        return Err(DecodeError::new(
            DecodeErrorKind::Missing,
            at,
            "operation or event code",
        ));
    };
    let body = start + HEAD;
    match kind {
        MessageKind::InternalRequest if code == PING => {
            let [client_time] = times(limits, sink, body, at)?;
            return Ok(Frame::PingRequest { client_time });
        }
        // wire.md 7.2: official readers treat every internal response as a ping response.
        MessageKind::InternalResponse => match times(limits, sink, body, at) {
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
    if matches!(kind, MessageKind::Response | MessageKind::InternalResponse) {
        // The parameters were written first, and now the other fields are rotated to the front.
        let parameters = sink.length() - body;
        sink.put(&fields.return_code.to_le_bytes(), at)?;
        match fields.debug_message {
            Some((text, at)) => sink.string(text, at)?,
            None => sink.literal(None, at)?,
        }
        sink.since(body).rotate_left(parameters);
    }
    if let Some(head) = sink.since(start).first_chunk_mut::<HEAD>() {
        *head = [MAGIC, kind as u8, code];
    }
    Ok(Frame::Message(start..sink.length()))
}

/// Decodes the object. Its parameters, with their count first, are then in the sink.
fn fields<'a>(
    role: Role,
    p: &mut Parser<'a>,
    sink: &mut Sink<'_>,
) -> Result<Fields<'a>, DecodeError> {
    const FIELD: &str = "JSON message";
    if let first @ (b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') = p.token() {
        return Err(wrong(first, p.offset(), FIELD));
    }
    let mut more = p.open(*b"{}", FIELD)?;
    let mut fields = Fields::default();
    let body = sink.length();
    sink.put(&[0], p.offset())?;
    while more {
        let key = p.string("JSON key")?;
        p.punctuation(b':', FIELD)?;
        match Key::of(role, key) {
            Key::Code(index) => {
                let code = number(p, "operation or event code")?;
                if let Some(slot) = fields.codes.get_mut(index) {
                    *slot = code;
                }
            }
            Key::Parameters => {
                sink.truncate(body);
                parameters(p, body, sink)?;
            }
            Key::ReturnCode => fields.return_code = return_code(p, sink)?,
            Key::DebugMessage => fields.debug_message = debug_message(p, sink)?,
            // Its value must be valid JSON, and is charged like any other.
            Key::Unknown if sink.is_tolerant() => sink.skip(p, "JSON value")?,
            Key::Unknown => {
                let length = sink.length();
                transcode::value(p, sink)?;
                sink.truncate(length);
            }
        }
        more = p.another(b'}', FIELD)?;
    }
    Ok(fields)
}

/// Transcodes the list of codes and values.
fn parameters(p: &mut Parser<'_>, start: usize, sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    const FIELD: &str = "parameters";
    let first = p.token();
    let at = p.offset();
    sink.put(&[0], at)?;
    let mut more = match first {
        b'[' => p.open(*b"[]", FIELD)?,
        b'n' => return p.literal(FIELD).map(drop),
        0 => return Err(p.unexpected(FIELD)),
        _ => return Err(wrong(first, at, FIELD)),
    };
    let mut count = 0_u8;
    while more {
        let token = p.token();
        let at = p.offset();
        let value = p.clone();
        let code = match number(p, "parameter code") {
            Ok(Some(code)) => code,
            _ if sink.is_tolerant() => {
                // In JavaScript such a code is a key that nobody reads.
                *p = value;
                sink.skip(p, "parameter code")?;
                if !p.another(b']', FIELD)? {
                    break;
                }
                sink.skip(p, "parameter value")?;
                more = p.another(b']', FIELD)?;
                continue;
            }
            Ok(None) => return Err(wrong(token, at, "parameter code")),
            Err(error) => return Err(error),
        };
        if !p.another(b']', FIELD)? {
            return Err(DecodeError::new(
                DecodeErrorKind::Missing,
                at,
                "parameter value",
            ));
        }
        count = count
            .checked_add(1)
            .ok_or_else(|| DecodeError::new(DecodeErrorKind::BadLength, at, FIELD))?;
        sink.put(&[code], at)?;
        transcode::parameter(p, sink)?;
        more = p.another(b']', FIELD)?;
    }
    if let Some(place) = sink.since(start).first_mut() {
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
    let first = p.token();
    let at = p.offset();
    let wrong = || wrong(first, at, field);
    if let Some(code) = p.code() {
        let code = T::try_from(i64::from(code)).ok();
        return code.map(Some).ok_or_else(wrong);
    }
    match first {
        b'-' | b'0'..=b'9' => {
            let whole = match p.number(field)? {
                Number::Integer(number) => Some(number),
                // Some writers give every number a fraction. A number beyond 64 bits is no code.
                Number::Decimal(decimal) => {
                    let number = decimal.value();
                    Some(number as i64).filter(|whole| *whole as f64 == number)
                }
            };
            let code = whole.and_then(|whole| T::try_from(whole).ok());
            code.map(Some).ok_or_else(wrong)
        }
        b'"' => {
            let digits = p.string(field)?.plain();
            if digits == Some(&[]) {
                return Ok(None);
            }
            let digits = digits.filter(|text| !text.starts_with(b"+"));
            let digits = digits.and_then(|digits| core::str::from_utf8(digits).ok());
            let code = digits.and_then(|digits| digits.parse().ok());
            code.map(Some).ok_or_else(wrong)
        }
        b'[' | b'{' => Err(wrong()),
        _ => match p.literal(field)? {
            Some(true) => Err(wrong()),
            Some(false) | None => Ok(None),
        },
    }
}

/// The return code for a response whose own cannot be read: an internal error of the server.
const UNREADABLE: i16 = -1;

/// Decodes a return code; a missing one is 0. If the sink is tolerant, one that is no number of 16 bits is
/// [`UNREADABLE`]: such a response means no success, and without it the request would stay open.
fn return_code(p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<i16, DecodeError> {
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
    sink: &mut Sink<'_>,
) -> Result<Option<(Str<'a>, usize)>, DecodeError> {
    const FIELD: &str = "debug message";
    let first = p.token();
    let at = p.offset();
    match first {
        b'"' => Ok(Some((p.string(FIELD)?, at))),
        b'n' => p.literal(FIELD).map(|_| None),
        0 => Err(p.unexpected(FIELD)),
        _ if !sink.is_tolerant() => Err(wrong(first, at, FIELD)),
        b'[' | b'{' => sink.skip(p, FIELD).map(|()| None),
        _ => Ok(Some((p.verbatim(FIELD)?, at))),
    }
}

/// Decodes the first parameters of a ping, which were transcoded to `start`. Spec: wire.md 8.4.
fn times<const N: usize>(
    limits: &Limits,
    sink: &mut Sink<'_>,
    start: usize,
    at: usize,
) -> Result<[i32; N], DecodeError> {
    const FIELD: &str = "ping time";
    let missing = DecodeError::new(DecodeErrorKind::Missing, at, FIELD);
    let reader = Reader::new(sink.since(start));
    let keys = core::array::from_fn(|index| index as u8 + 1);
    // This module has encoded them within the same limits.
    let picked = Params::read(Protocol::V18, reader, Budget::new(limits), false)
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
