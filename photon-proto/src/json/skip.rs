//! Skips values in JSON text.

use super::lists::{LISTS, Lists};
use super::parser::Parser;
use crate::error::{DecodeError, DecodeErrorKind};

impl Parser<'_> {
    /// Skips a value, however deeply it is nested. Its syntax is checked like that of any other.
    /// Takes the number of values and keys in it, with itself, from `left`, except for those that
    /// are nested more than `depth` deep in it: they cost a fraction of the others, because nothing
    /// is made of them.
    ///
    /// Returns false if the parser stopped. Another call with the same `lists`, which are empty at first,
    /// goes on there.
    ///
    /// # Errors
    /// `TooManyValues` if it has more than are left.
    pub(super) fn skip(
        &mut self,
        lists: &mut Lists,
        field: &'static str,
        left: &mut u32,
        depth: u32,
    ) -> Result<bool, DecodeError> {
        let mut count = Count { left, depth, field };
        loop {
            if !core::mem::take(&mut lists.is_behind_value) {
                if self.is_at_stop() {
                    return Ok(false);
                }
                if self.skip_beginning(lists, &mut count)? {
                    continue;
                }
            }
            // A value ended. Lists are closed until another element follows.
            loop {
                let Some(is_object) = lists.innermost() else {
                    return Ok(true);
                };
                // A text can end half a million lists at one place.
                if self.is_at_stop() {
                    lists.is_behind_value = true;
                    return Ok(false);
                }
                if self.skip_end(lists, is_object, &mut count)? {
                    break;
                }
            }
        }
    }

    /// Skips a value, or the beginning of a list up to its first element. Returns whether it is the latter.
    #[inline]
    fn skip_beginning(
        &mut self,
        lists: &mut Lists,
        count: &mut Count<'_>,
    ) -> Result<bool, DecodeError> {
        let field = count.field;
        let first = self.token();
        count.value(self, lists)?;
        match first {
            b'"' => self.string(field).map(drop)?,
            b'-' | b'0'..=b'9' => self.skip_number(field)?,
            b'[' if lists.push_arrays(self.rest) => {
                self.advance(LISTS);
                return Ok(true);
            }
            b'[' if matches!(self.rest, [_, b'[', ..]) => {
                lists.push(false);
                self.advance(1);
                return Ok(true);
            }
            bracket @ (b'[' | b'{') => {
                let is_object = bracket == b'{';
                let close = if is_object { b'}' } else { b']' };
                if self.inside(close).is_some() {
                    lists.push(is_object);
                    if is_object {
                        self.skip_key(lists, count)?;
                    }
                    return Ok(true);
                }
            }
            _ => self.literal(field).map(drop)?,
        }
        Ok(false)
    }

    /// Skips what follows an element: the end of its list, or of more of them, or all up to the next element.
    /// Returns whether that follows.
    #[inline]
    fn skip_end(
        &mut self,
        lists: &mut Lists,
        is_object: bool,
        count: &mut Count<'_>,
    ) -> Result<bool, DecodeError> {
        if lists.pop_arrays(self.rest) {
            self.advance(LISTS);
            return Ok(false);
        }
        // Most of what is skipped are arrays, and results with an error cost more than these.
        match self.rest {
            [b']', rest @ ..] if !is_object => {
                self.rest = rest;
                lists.pop();
                return Ok(false);
            }
            [b',', rest @ ..] if !is_object => {
                self.rest = rest;
                return Ok(true);
            }
            _ => {}
        }
        let close = if is_object { b'}' } else { b']' };
        let more = self.another(close, count.field)?;
        if !more {
            lists.pop();
        } else if is_object {
            self.skip_key(lists, count)?;
        }
        Ok(more)
    }

    fn skip_key(&mut self, lists: &Lists, count: &mut Count<'_>) -> Result<(), DecodeError> {
        count.value(self, lists)?;
        self.string("JSON key")?;
        self.punctuation(b':', count.field)
    }
}

/// Counts what is skipped.
struct Count<'l> {
    left: &'l mut u32,
    depth: u32,
    field: &'static str,
}

impl Count<'_> {
    #[inline]
    fn value(&mut self, parser: &Parser<'_>, lists: &Lists) -> Result<(), DecodeError> {
        if lists.depth <= self.depth as usize {
            *self.left = self
                .left
                .checked_sub(1)
                .ok_or_else(|| too_many(parser, self.field))?;
        }
        Ok(())
    }
}

#[cold]
const fn too_many(parser: &Parser<'_>, field: &'static str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::TooManyValues, parser.offset(), field)
}
