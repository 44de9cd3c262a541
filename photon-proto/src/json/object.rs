//! Transcodes the JSON object of a frame to a message of GpBinary 1.8. Spec: wire.md 7.2.

use super::Frame;
use super::parser::{Number, Parser, Place};
use super::sink::{Allowance, Sink};
use super::string::Str;
use super::transcode::Values;
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

const MESSAGE: &str = "JSON message";
const PARAMETERS: &str = "parameters";

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
#[derive(Clone, Debug, Default)]
struct Fields {
    /// Parallel to [`kinds`].
    codes: [Option<u8>; 3],
    return_code: i16,
    debug_message: Option<(Place, usize)>,
}

/// The end of this share may be the end of a call: a larger message is completed by the next one.
const LARGE_BYTES: usize = 64 * 1024;

/// The token that comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The object.
    Object,
    /// A key of the object.
    Key,
    /// An element of the list of parameters.
    Element,
    /// The rest of the value of an element.
    ElementValue,
    /// The rest of the value of a key. From this position on it is removed from the message.
    Value(Option<usize>),
    /// Nothing: the object has ended.
    End,
}

/// The JSON of a payload on its way to a message. It can stop after each value and go on in a later call.
#[derive(Clone, Debug)]
pub(super) struct Transcoding {
    /// The offset of the JSON in the text message.
    base: usize,
    /// The offset of the next token.
    offset: usize,
    /// Where the message begins in the buffer.
    start: usize,
    /// The length of the buffer after the last call.
    length: usize,
    left: Allowance,
    is_second_pass: bool,
    next: Next,
    fields: Fields,
    /// The number of parameters so far.
    count: u8,
    /// Whether the next element is the value of a parameter that is skipped.
    skips_value: bool,
    values: Values,
}

/// What does not change while a message is transcoded.
#[derive(Clone, Copy)]
pub(super) struct Rules<'l> {
    pub(super) role: Role,
    pub(super) limits: &'l Limits,
    pub(super) tolerant: bool,
}

impl Transcoding {
    /// Begins with the JSON at `base` in the text message. The message is appended to `out`.
    #[inline]
    pub(super) fn new(rules: Rules<'_>, base: usize, out: &[u8]) -> Self {
        Self {
            base,
            offset: base,
            start: out.len(),
            length: out.len(),
            left: Allowance::new(rules.limits, rules.tolerant, out.len()),
            is_second_pass: false,
            next: Next::Object,
            fields: Fields::default(),
            count: 0,
            skips_value: false,
            values: Values::default(),
        }
    }

    pub(super) const fn base(&self) -> usize {
        self.base
    }

    /// Whether `out` is as the last call has left it.
    pub(super) const fn belongs_to(&self, out: &[u8]) -> bool {
        self.length == out.len()
    }

    /// Transcodes the next `share` bytes of `json`, up to the end of a value, and adds to `taken` how many
    /// they were. Returns `None` if there is more. After an error `out` is as before the message.
    pub(super) fn go_on(
        &mut self,
        rules: Rules<'_>,
        json: &str,
        share: usize,
        taken: &mut u64,
        out: &mut Vec<u8>,
    ) -> Result<Option<Frame<'static>>, DecodeError> {
        let from = self.offset;
        let mut p = Parser::new(json, self.base, from, share);
        let mut sink = Sink::new(out, self.left.clone());
        let mut result = self.message(rules, &mut p, &mut sink);
        if rules.tolerant
            && !self.is_second_pass
            && matches!(&result, Err(error) if error.kind == DecodeErrorKind::TooLong)
        {
            // A server relays what others send: their numbers must not cost the whole message. Not at
            // once, because what is too long so far may be followed by text that becomes shorter.
            p.go_back(self.base);
            let left = Allowance::again(rules.limits, json.len(), self.start);
            sink.restart(self.start, left.clone());
            *self = Self {
                start: self.start,
                left,
                is_second_pass: true,
                ..Self::new(rules, self.base, &[])
            };
            result = self.message(rules, &mut p, &mut sink);
        }
        *taken += p.taken_since(from) as u64;
        if let Ok(None) = result {
            self.offset = p.offset();
            self.length = sink.length();
            self.left = sink.into_left();
        } else if !matches!(result, Ok(Some(Frame::Message(_)))) {
            sink.truncate(self.start);
        }
        result
    }

    fn message(
        &mut self,
        rules: Rules<'_>,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<Option<Frame<'static>>, DecodeError> {
        let was_at_end = matches!(self.next, Next::End);
        if !was_at_end {
            if !self.go_on_with_fields(rules.role, p, sink)? {
                return Ok(None);
            }
            p.end()?;
        }
        let kind = kinds(rules.role)
            .iter()
            .zip(self.fields.codes)
            .find_map(|(kind, code)| code.map(|code| (*kind, code)));
        let Some((kind, code)) = kind else {
            return Err(DecodeError::new(
                DecodeErrorKind::Missing,
                self.base,
                "operation or event code",
            ));
        };
        let is_moved = matches!(kind, MessageKind::Response | MessageKind::InternalResponse);
        if is_moved && !was_at_end && p.stops() && sink.length() - self.start > LARGE_BYTES {
            self.next = Next::End;
            return Ok(None);
        }
        self.complete(rules.limits, (kind, code), p, sink).map(Some)
    }

    /// Writes what precedes the parameters, once everything is known.
    fn complete(
        &self,
        limits: &Limits,
        (kind, code): (MessageKind, u8),
        p: &Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<Frame<'static>, DecodeError> {
        let (start, at) = (self.start, self.base);
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
            sink.put(&self.fields.return_code.to_le_bytes(), at)?;
            match &self.fields.debug_message {
                Some((place, at)) => sink.string(p.at_place(place), *at)?,
                None => sink.literal(None, at)?,
            }
            sink.since(body).rotate_left(parameters);
        }
        if let Some(head) = sink.since(start).first_chunk_mut::<HEAD>() {
            *head = [MAGIC, kind as u8, code];
        }
        Ok(Frame::Message(start..sink.length()))
    }

    /// Decodes the object, from the next token on. Returns whether it ended. Its parameters, with their
    /// count first, are then in the sink.
    fn go_on_with_fields(
        &mut self,
        role: Role,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        let ended = match self.next {
            Next::Object => {
                if !self.open(p, sink)? {
                    return Ok(true);
                }
                return self.fields(role, p, sink);
            }
            Next::Key => return self.fields(role, p, sink),
            Next::Element => self.parameters(p, sink)?,
            Next::ElementValue => {
                if !self.values.go_on(p, sink)? {
                    false
                } else if p.another(b']', PARAMETERS)? {
                    self.parameters(p, sink)?
                } else {
                    self.end_parameters(sink)
                }
            }
            Next::Value(removed) => {
                let ended = self.values.go_on(p, sink)?;
                if ended && let Some(from) = removed {
                    self.remove_value(from, sink);
                }
                ended
            }
            Next::End => return Ok(true),
        };
        if !ended || !p.another(b'}', MESSAGE)? {
            return Ok(ended);
        }
        self.fields(role, p, sink)
    }

    /// Takes the beginning of the object. Returns whether a key follows.
    fn open(&mut self, p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<bool, DecodeError> {
        // In 1.8 the fields precede the parameters; in JSON they may follow, but the head of all
        // messages has the same length.
        sink.put(&[0; HEAD], self.base)?;
        if let first @ (b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') = p.token() {
            return Err(wrong(first, p.offset(), MESSAGE));
        }
        let more = p.open(*b"{}", MESSAGE)?;
        sink.put(&[0], p.offset())?;
        Ok(more)
    }

    /// Decodes fields, beginning with a key, until the object ends.
    fn fields(
        &mut self,
        role: Role,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        loop {
            if p.is_at_stop() {
                self.next = Next::Key;
                return Ok(false);
            }
            let key = p.string("JSON key")?;
            p.punctuation(b':', MESSAGE)?;
            let ended = match Key::of(role, key) {
                Key::Code(index) => {
                    let code = number(p, "operation or event code")?;
                    if let Some(slot) = self.fields.codes.get_mut(index) {
                        *slot = code;
                    }
                    true
                }
                Key::Parameters => self.begin_parameters(p, sink)?,
                Key::ReturnCode => self.return_code(p, sink)?,
                Key::DebugMessage => self.debug_message(p, sink)?,
                // Its value must be valid JSON, and is charged like any other.
                Key::Unknown if sink.is_tolerant() => self.skip(p, sink, "JSON value")?,
                Key::Unknown => {
                    let length = sink.length();
                    self.next = Next::Value(Some(length));
                    let ended = self.values.other(p, sink)?;
                    if ended {
                        self.remove_value(length, sink);
                    }
                    ended
                }
            };
            if !ended || !p.another(b'}', MESSAGE)? {
                return Ok(ended);
            }
        }
    }

    /// Skips the value of a key.
    fn skip(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
        field: &'static str,
    ) -> Result<bool, DecodeError> {
        self.next = Next::Value(None);
        self.values.skip(p, sink, field)
    }

    /// Removes a value that was only transcoded to be charged.
    fn remove_value(&self, from: usize, sink: &mut Sink<'_>) {
        debug_assert!(from > self.start, "behind the head");
        sink.truncate(from);
    }

    /// Transcodes the list of codes and values.
    fn begin_parameters(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        let first = p.token();
        let at = p.offset();
        sink.truncate(self.start + HEAD);
        self.count = 0;
        sink.put(&[0], at)?;
        match first {
            b'[' if p.open(*b"[]", PARAMETERS)? => self.parameters(p, sink),
            b'[' => Ok(true),
            b'n' => p.literal(PARAMETERS).map(|_| true),
            0 => Err(p.unexpected(PARAMETERS)),
            _ => Err(wrong(first, at, PARAMETERS)),
        }
    }

    /// Transcodes codes and values, beginning with an element of the list, until it ends.
    fn parameters(&mut self, p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<bool, DecodeError> {
        loop {
            if p.is_at_stop() {
                self.next = Next::Element;
                return Ok(false);
            }
            if !self.element(p, sink)? {
                self.next = Next::ElementValue;
                return Ok(false);
            }
            if !p.another(b']', PARAMETERS)? {
                return Ok(self.end_parameters(sink));
            }
        }
    }

    /// Transcodes a code with its value. Skips a code that is none, and the value behind it the next time.
    #[inline]
    fn element(&mut self, p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<bool, DecodeError> {
        const CODE: &str = "parameter code";
        if core::mem::take(&mut self.skips_value) {
            return self.values.skip(p, sink, "parameter value");
        }
        let token = p.token();
        let at = p.offset();
        let code = match number(p, CODE) {
            Ok(Some(code)) => code,
            _ if sink.is_tolerant() => {
                // In JavaScript such a code is a key that nobody reads.
                self.skips_value = true;
                p.go_back(at);
                return self.values.skip(p, sink, CODE);
            }
            Ok(None) => return Err(wrong(token, at, CODE)),
            Err(error) => return Err(error),
        };
        if !p.another(b']', PARAMETERS)? {
            return Err(DecodeError::new(
                DecodeErrorKind::Missing,
                at,
                "parameter value",
            ));
        }
        self.count = self
            .count
            .checked_add(1)
            .ok_or_else(|| DecodeError::new(DecodeErrorKind::BadLength, at, PARAMETERS))?;
        sink.put(&[code], at)?;
        self.values.parameter(p, sink)
    }

    /// Writes the number of parameters. A code without a value, if it is none, is the last element.
    fn end_parameters(&mut self, sink: &mut Sink<'_>) -> bool {
        self.skips_value = false;
        if let Some(place) = sink.since(self.start + HEAD).first_mut() {
            *place = self.count;
        }
        true
    }

    /// Decodes a return code; a missing one is 0. If the sink is tolerant, one that is no number of 16 bits
    /// is [`UNREADABLE`]: such a response means no success, and without it the request would stay open.
    fn return_code(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        const FIELD: &str = "return code";
        let _ = p.token();
        let at = p.offset();
        match number(p, FIELD) {
            Ok(code) => {
                self.fields.return_code = code.unwrap_or_default();
                Ok(true)
            }
            Err(_) if sink.is_tolerant() => {
                self.fields.return_code = UNREADABLE;
                p.go_back(at);
                self.skip(p, sink, FIELD)
            }
            Err(error) => Err(error),
        }
    }

    /// Decodes the debug message of a response. It may be empty.
    /// If the sink is tolerant, a response with another type there is still a response: a number, `true` or
    /// `false` becomes the text that it is, an array or object counts as missing.
    fn debug_message(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        const FIELD: &str = "debug message";
        let first = p.token();
        let at = p.offset();
        self.fields.debug_message = match first {
            b'"' => {
                let text = p.string(FIELD)?;
                Some((p.place_of(text, true), at))
            }
            b'n' => p.literal(FIELD).map(|_| None)?,
            0 => return Err(p.unexpected(FIELD)),
            _ if !sink.is_tolerant() => return Err(wrong(first, at, FIELD)),
            b'[' | b'{' => {
                self.fields.debug_message = None;
                return self.skip(p, sink, FIELD);
            }
            _ => {
                let text = p.verbatim(FIELD)?;
                Some((p.place_of(text, false), at))
            }
        };
        Ok(true)
    }
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
