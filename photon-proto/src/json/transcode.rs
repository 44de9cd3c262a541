//! [`Values`]: transcodes JSON values to values of GpBinary 1.8, a part in each call.
//! Spec: wire.md 5 and 7.2.

use super::lists::Lists;
use super::parser::{Number, Parser};
use super::sink::{Mark, Sink};
use super::stack::{List, Stack};
use crate::error::{DecodeError, DecodeErrorKind};

/// Type codes. Spec: wire.md 5.
const HASHTABLE: u8 = 0x15;
const OBJECT_ARRAY: u8 = 0x17;
const STRING_ARRAY: u8 = 0x47;

const FIELD: &str = "JSON value";
const ARRAY: &str = "JSON array";
const OBJECT: &str = "JSON object";

/// The value that is being transcoded or skipped. Its methods return whether it ended: otherwise the parser
/// stopped where an element of the value begins, and [`Values::go_on`] goes on there.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// The arrays and objects around the next element.
    lists: Stack,
    /// The innermost part, if it is not transcoded element by element.
    part: Option<Part>,
    /// The arrays and objects around the next element of a skipped value.
    skipped: Lists,
}

#[derive(Clone, Debug)]
enum Part {
    Strings(Strings),
    /// A container that is nested too deeply, which begins there.
    Deep(usize),
    /// The whole value is skipped, for errors as this field.
    Skipped(&'static str),
}

/// An array of strings only, as far as it was seen.
#[derive(Clone, Debug)]
struct Strings {
    list: List,
    /// The offset of the first element.
    first: usize,
    /// The sink at the beginning of the array.
    mark: Mark,
}

/// The state after a token.
enum Step {
    /// A value ended.
    Ended,
    /// A value begins: the first element of a list.
    Begun,
    /// The parser stopped.
    Stopped,
}

impl Values {
    /// Begins with the value of a parameter. An array does not count towards the depth, as in binary
    /// messages: see [`Params::elements`](crate::Params::elements).
    #[inline]
    pub(super) fn parameter(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        let step = if p.token() == b'[' {
            sink.value(p.offset())?;
            self.array(p, sink, false)?
        } else {
            self.value(p, sink)?
        };
        match step {
            Step::Ended => Ok(true),
            Step::Begun => self.elements(p, sink),
            Step::Stopped => Ok(false),
        }
    }

    /// Begins with a value of any other kind.
    pub(super) fn other(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        let step = self.value(p, sink)?;
        self.behind(step, p, sink)
    }

    /// Skips a value. If the sink is tolerant, the values in it count as examined, except for those
    /// that are nested too deeply: however many they are, they make only one value undecodable.
    pub(super) fn skip(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
        field: &'static str,
    ) -> Result<bool, DecodeError> {
        let ended = sink.skip(p, &mut self.skipped, field)?;
        self.part = (!ended).then_some(Part::Skipped(field));
        Ok(ended)
    }

    /// Goes on with a value that has not ended.
    #[cold]
    pub(super) fn go_on(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        let step = match self.part.take() {
            None => Step::Begun,
            Some(Part::Strings(strings)) => self.strings(p, sink, strings)?,
            Some(Part::Deep(at)) => self.skip_deep(p, sink, at)?,
            Some(Part::Skipped(field)) => return self.skip(p, sink, field),
        };
        self.behind(step, p, sink)
    }

    fn behind(
        &mut self,
        step: Step,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, DecodeError> {
        match step {
            Step::Ended if self.close(p, sink)? => Ok(true),
            Step::Ended | Step::Begun => self.elements(p, sink),
            Step::Stopped => Ok(false),
        }
    }

    /// Transcodes elements until the outermost list ends.
    fn elements(&mut self, p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<bool, DecodeError> {
        loop {
            if p.is_at_stop() {
                return Ok(false);
            }
            match self.value(p, sink)? {
                Step::Ended if self.close(p, sink)? => return Ok(true),
                Step::Ended | Step::Begun => {}
                Step::Stopped => return Ok(false),
            }
        }
    }

    /// Transcodes a value with its type code, a container up to its first element.
    #[inline]
    fn value(&mut self, p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<Step, DecodeError> {
        let first = p.token();
        let at = p.offset();
        sink.value(at)?;
        match first {
            b'"' => sink.string(p.string(FIELD)?, at)?,
            b'[' | b'{' => return self.container(p, sink, first, at),
            b'-' | b'0'..=b'9' => match p.number(FIELD)? {
                Number::Integer(number) => sink.integer(number, at)?,
                Number::Decimal(decimal) => {
                    p.charge(decimal.cost());
                    sink.decimal(decimal, at)?;
                }
            },
            _ => sink.literal(p.literal(FIELD)?, at)?,
        }
        Ok(Step::Ended)
    }

    /// Takes what follows a value, and the ends of the lists that it ends. Returns whether no list is left.
    #[inline]
    fn close(&mut self, p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<bool, DecodeError> {
        loop {
            let Some(list) = self.lists.last_mut() else {
                return Ok(true);
            };
            list.count += 1;
            if list.is_object {
                if p.another(b'}', OBJECT)? {
                    key(p, sink)?;
                    return Ok(false);
                }
            } else if p.another(b']', ARRAY)? {
                return Ok(false);
            }
            end(p, sink, list)?;
            self.lists.pop();
        }
    }

    /// Begins a container. If the sink is tolerant, one that is nested too deeply becomes an empty
    /// array, so that decoding the message finds a container too many at its place.
    fn container(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
        first: u8,
        at: usize,
    ) -> Result<Step, DecodeError> {
        if !sink.enter() {
            if sink.is_tolerant() {
                return self.skip_deep(p, sink, at);
            }
            return Err(DecodeError::new(DecodeErrorKind::TooDeep, at, "container"));
        }
        if first == b'[' {
            return self.array(p, sink, true);
        }
        let is_empty = p.inside(b'}').is_none();
        let list = List {
            place: sink.begin_counted(HASHTABLE, at)?,
            count: 0,
            is_object: true,
            is_level: true,
        };
        if is_empty {
            return end(p, sink, &list).map(|()| Step::Ended);
        }
        key(p, sink)?;
        self.lists.push(list);
        Ok(Step::Begun)
    }

    fn skip_deep(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
        at: usize,
    ) -> Result<Step, DecodeError> {
        if !sink.skip(p, &mut self.skipped, FIELD)? {
            self.part = Some(Part::Deep(at));
            return Ok(Step::Stopped);
        }
        sink.put(&[OBJECT_ARRAY, 0], at).map(|()| Step::Ended)
    }

    /// Begins an array.
    fn array(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
        is_level: bool,
    ) -> Result<Step, DecodeError> {
        let at = p.offset();
        let first = p.inside(b']');
        // An array of strings only is a string array. If another value turns up, the array is
        // transcoded again as mixed values. Each array is repeated at most once, and only up to its
        // first other value, so that the cost stays linear. One that does not begin with a string is not
        // tried: arrays in arrays would be begun twice at each level.
        let are_strings = first == Some(b'"');
        let mark = sink.mark();
        let code = if are_strings {
            STRING_ARRAY
        } else {
            OBJECT_ARRAY
        };
        let list = List {
            place: sink.begin_counted(code, at)?,
            count: 0,
            is_object: false,
            is_level,
        };
        if are_strings {
            let first = p.offset();
            return self.strings(p, sink, Strings { list, first, mark });
        }
        if first.is_none() {
            return end(p, sink, &list).map(|()| Step::Ended);
        }
        self.lists.push(list);
        Ok(Step::Begun)
    }

    /// Transcodes the elements of an array as strings. If another value turns up, goes back and begins with
    /// the first element again.
    fn strings(
        &mut self,
        p: &mut Parser<'_>,
        sink: &mut Sink<'_>,
        strings: Strings,
    ) -> Result<Step, DecodeError> {
        let Strings {
            mut list,
            first,
            mark,
        } = strings;
        loop {
            if p.token() != b'"' {
                p.go_back(first);
                sink.rewind(&mark);
                list.count = 0;
                list.place = sink.begin_counted(OBJECT_ARRAY, first)?;
                self.lists.push(list);
                return Ok(Step::Begun);
            }
            let at = p.offset();
            sink.value(at)?;
            sink.text(p.string(ARRAY)?, at)?;
            list.count += 1;
            if !p.another(b']', ARRAY)? {
                return end(p, sink, &list).map(|()| Step::Ended);
            }
            if p.is_at_stop() {
                self.part = Some(Part::Strings(Strings { list, first, mark }));
                return Ok(Step::Stopped);
            }
        }
    }
}

/// Transcodes a key, with the colon behind it.
#[inline]
fn key(p: &mut Parser<'_>, sink: &mut Sink<'_>) -> Result<(), DecodeError> {
    let _ = p.token();
    let at = p.offset();
    sink.value(at)?;
    sink.string(p.string("JSON key")?, at)?;
    p.punctuation(b':', OBJECT)
}

/// Ends a list.
#[inline]
fn end(p: &Parser<'_>, sink: &mut Sink<'_>, list: &List) -> Result<(), DecodeError> {
    sink.end_counted(list.place, list.count as usize, p.offset())?;
    if list.is_level {
        sink.leave();
    }
    Ok(())
}
