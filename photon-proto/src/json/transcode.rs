//! Transcodes JSON values to values of GpBinary 1.8. Spec: wire.md 5 and 7.2.

use super::parser::{Number, Parser};
use super::sink::Sink;
use crate::error::{DecodeError, DecodeErrorKind};

/// Type codes. Spec: wire.md 5.
const HASHTABLE: u8 = 0x15;
const OBJECT_ARRAY: u8 = 0x17;
const STRING_ARRAY: u8 = 0x47;

const FIELD: &str = "JSON value";

/// Transcodes the value of a parameter. An array does not count towards the depth, as in binary
/// messages: see
/// [`Params::elements`](crate::Params::elements).
pub(super) fn parameter(p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    if p.token() == b'[' {
        sink.value(p.offset())?;
        return array(p, sink);
    }
    value(p, sink)
}

/// Transcodes a value with its type code.
pub(super) fn value(p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    let first = p.token();
    let at = p.offset();
    sink.value(at)?;
    match first {
        b'"' => sink.string(p.string(FIELD)?, at),
        b'[' | b'{' => container(p, sink, first, at),
        b'-' | b'0'..=b'9' => match p.number(FIELD)? {
            Number::Integer(number) => sink.integer(number, at),
            Number::Decimal(decimal) => sink.decimal(decimal, at),
        },
        _ => sink.literal(p.literal(FIELD)?, at),
    }
}

/// Transcodes a container. If the sink is tolerant, one that is nested too deeply becomes an empty
/// array, so that decoding the message finds a container too many at its place.
fn container(
    p: &mut Parser<'_>,
    sink: &mut Sink<'_>,
    first: u8,
    at: usize,
) -> Result<(), DecodeError> {
    if !sink.enter() {
        if sink.is_tolerant() {
            sink.skip(p, FIELD)?;
            return sink.put(&[OBJECT_ARRAY, 0], at);
        }
        return Err(DecodeError::new(DecodeErrorKind::TooDeep, at, "container"));
    }
    let result = if first == b'[' {
        array(p, sink)
    } else {
        object(p, sink)
    };
    sink.leave();
    result
}

fn array(p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    const FIELD: &str = "JSON array";
    let at = p.offset();
    let first = p.inside(b']');
    let mut more = first.is_some();
    // An array of strings only is a string array. If another value turns up, the array is
    // transcoded again as mixed values. Each array is repeated at most once, and only up to its
    // first other value, so that the cost stays linear. One that does not begin with a string is not
    // tried: arrays in arrays would be begun twice at each level.
    if first == Some(b'"') {
        let (again, mark) = (p.clone(), sink.mark());
        if strings(p, sink, at)? {
            return Ok(());
        }
        *p = again;
        sink.rewind(&mark);
    }
    let place = sink.begin_counted(OBJECT_ARRAY, at)?;
    let mut count = 0_usize;
    while more {
        value(p, sink)?;
        count += 1;
        more = p.another(b']', FIELD)?;
    }
    sink.end_counted(&place, count, at)
}

/// Transcodes the elements of an array of strings, whose bracket was taken. Returns false, after any
/// partial output, if it contains another value.
fn strings(p: &mut Parser<'_>, sink: &mut Sink<'_>, at: usize) -> Result<bool, DecodeError> {
    const FIELD: &str = "JSON array";
    let place = sink.begin_counted(STRING_ARRAY, at)?;
    let mut count = 0_usize;
    loop {
        if p.token() != b'"' {
            return Ok(false);
        }
        let at = p.offset();
        sink.value(at)?;
        sink.text(p.string(FIELD)?, at)?;
        count += 1;
        if !p.another(b']', FIELD)? {
            break;
        }
    }
    sink.end_counted(&place, count, at)?;
    Ok(true)
}

fn object(p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    const FIELD: &str = "JSON object";
    let at = p.offset();
    let mut more = p.inside(b'}').is_some();
    let place = sink.begin_counted(HASHTABLE, at)?;
    let mut count = 0_usize;
    while more {
        let _ = p.token();
        let at = p.offset();
        sink.value(at)?;
        sink.string(p.string("JSON key")?, at)?;
        p.punctuation(b':', FIELD)?;
        value(p, sink)?;
        count += 1;
        more = p.another(b'}', FIELD)?;
    }
    sink.end_counted(&place, count, at)
}
