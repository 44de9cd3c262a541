//! [`Parser`]: a JSON tokenizer that copies nothing. RFC 8259.

use crate::error::{DecodeError, DecodeErrorKind};
use alloc::vec::Vec;

/// A position in JSON text.
#[derive(Clone, Debug)]
pub(super) struct Parser<'a> {
    text: &'a str,
    position: usize,
    base: usize,
}

/// A string in the text, with its escapes checked but not resolved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Str<'a> {
    raw: &'a str,
    escaped: bool,
}

/// A number, as far as JSON distinguishes numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// Only digits, and within 64 bits.
    Integer(i64),
    /// Any other number.
    Double(f64),
}

impl<'a> Parser<'a> {
    /// Creates a parser whose offsets in errors begin at `base`.
    pub(super) const fn new(text: &'a str, base: usize) -> Self {
        Self {
            text,
            position: 0,
            base,
        }
    }

    pub(super) const fn offset(&self) -> usize {
        self.base + self.position
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text
            .as_bytes()
            .get(self.position..)
            .unwrap_or_default()
    }

    #[inline]
    fn advance(&mut self, bytes: usize) {
        self.position += bytes;
        debug_assert!(
            self.position <= self.text.len(),
            "only bytes that were seen are skipped"
        );
    }

    /// The error for an unexpected next byte.
    #[cold]
    fn unexpected(&self, field: &'static str) -> DecodeError {
        let kind = self
            .rest()
            .first()
            .map_or(DecodeErrorKind::Truncated, |byte| {
                DecodeErrorKind::UnknownType(*byte)
            });
        DecodeError::new(kind, self.offset(), field)
    }

    /// Skips white space and returns the first byte of the next token.
    #[inline]
    pub(super) fn token(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.rest().first() {
            self.advance(1);
        }
        self.rest()
            .first()
            .copied()
            .ok_or_else(|| self.unexpected(field))
    }

    /// Takes a token of one byte, which must come next.
    pub(super) fn punctuation(
        &mut self,
        wanted: u8,
        field: &'static str,
    ) -> Result<(), DecodeError> {
        if self.token(field)? != wanted {
            return Err(self.unexpected(field));
        }
        self.advance(1);
        Ok(())
    }

    /// Takes the comma or the end of a list that `close` ends. Returns whether another element
    /// follows. `first` belongs to this function; set it before the first call.
    pub(super) fn more(
        &mut self,
        first: &mut bool,
        close: u8,
        field: &'static str,
    ) -> Result<bool, DecodeError> {
        let was_first = core::mem::replace(first, false);
        if self.token(field)? == close {
            self.advance(1);
            return Ok(false);
        }
        if !was_first {
            self.punctuation(b',', field)?;
        }
        Ok(true)
    }

    /// Checks that only white space follows.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        match self.token("end of JSON") {
            Ok(_) => Err(DecodeError::new(
                DecodeErrorKind::TrailingBytes,
                self.offset(),
                "end of JSON",
            )),
            Err(_) => Ok(()),
        }
    }

    /// Takes `true`, `false` or `null`.
    pub(super) fn literal(&mut self, field: &'static str) -> Result<Option<bool>, DecodeError> {
        for (word, value) in [("null", None), ("true", Some(true)), ("false", Some(false))] {
            if self.rest().starts_with(word.as_bytes()) {
                self.advance(word.len());
                return Ok(value);
            }
            if word.as_bytes().starts_with(self.rest()) {
                self.position = self.text.len();
            }
        }
        Err(self.unexpected(field))
    }

    /// Takes a string.
    pub(super) fn string(&mut self, field: &'static str) -> Result<Str<'a>, DecodeError> {
        self.punctuation(b'"', field)?;
        let start = self.position;
        let mut escaped = false;
        loop {
            let plain = self
                .rest()
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            self.advance(plain.unwrap_or(self.rest().len()));
            match self.rest().first() {
                Some(b'"') => {
                    let raw = self.text.get(start..self.position).unwrap_or_default();
                    self.advance(1);
                    return Ok(Str { raw, escaped });
                }
                Some(b'\\') => self.escape(field)?,
                _ => return Err(self.unexpected(field)),
            }
            escaped = true;
        }
    }

    fn escape(&mut self, field: &'static str) -> Result<(), DecodeError> {
        self.advance(1);
        let hexadecimal = match self.rest().first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(self.unexpected(field)),
        };
        self.advance(1);
        for _ in 0..hexadecimal {
            if !self.rest().first().is_some_and(u8::is_ascii_hexdigit) {
                return Err(self.unexpected(field));
            }
            self.advance(1);
        }
        Ok(())
    }

    /// Takes a number.
    pub(super) fn number(&mut self, field: &'static str) -> Result<Number, DecodeError> {
        let start = self.position;
        self.one_of(b"-");
        if !self.one_of(b"0") {
            self.digits(field)?;
        }
        let fraction = self.one_of(b".");
        if fraction {
            self.digits(field)?;
        }
        let exponent = self.one_of(b"eE");
        if exponent {
            self.one_of(b"+-");
            self.digits(field)?;
        }
        let text = self.text.get(start..self.position).unwrap_or_default();
        if !fraction
            && !exponent
            && let Ok(integer) = text.parse()
        {
            return Ok(Number::Integer(integer));
        }
        // Cannot fail: the syntax was checked. A number that is too large becomes infinite.
        Ok(Number::Double(text.parse().unwrap_or(f64::NAN)))
    }

    /// Takes a value as a string of the characters that it consists of. Meant for numbers and
    /// literals, which have nothing to escape.
    pub(super) fn verbatim(&mut self, field: &'static str) -> Result<Str<'a>, DecodeError> {
        let start = self.position;
        self.skip(field)?;
        let raw = self.text.get(start..self.position).unwrap_or_default();
        Ok(Str {
            raw,
            escaped: false,
        })
    }

    /// Skips a value, however deeply it is nested. Its syntax is checked like that of any other.
    pub(super) fn skip(&mut self, field: &'static str) -> Result<(), DecodeError> {
        // One bit for each open list: set for an object. Recursion would let the text decide how
        // much stack is used.
        let mut open = Vec::<u64>::new();
        let mut depth = 0_usize;
        loop {
            // A value begins.
            let mut is_first = false;
            match self.token(field)? {
                b'"' => self.string(field).map(drop)?,
                b'-' | b'0'..=b'9' => self.number(field).map(drop)?,
                bracket @ (b'[' | b'{') => {
                    self.advance(1);
                    if depth.is_multiple_of(64) {
                        open.push(0);
                    }
                    let bit = 1 << (depth % 64);
                    if let Some(bits) = open.last_mut() {
                        *bits = if bracket == b'{' {
                            *bits | bit
                        } else {
                            *bits & !bit
                        };
                    }
                    depth += 1;
                    is_first = true;
                }
                _ => self.literal(field).map(drop)?,
            }
            // It ended, or a list was opened. Lists are closed until another element follows.
            loop {
                let Some(above) = depth.checked_sub(1) else {
                    return Ok(());
                };
                let is_object = open
                    .last()
                    .is_some_and(|bits| bits & (1 << (above % 64)) != 0);
                let close = if is_object { b'}' } else { b']' };
                if self.more(&mut is_first, close, field)? {
                    if is_object {
                        self.string("JSON key")?;
                        self.punctuation(b':', field)?;
                    }
                    break;
                }
                depth = above;
                if depth.is_multiple_of(64) {
                    open.pop();
                }
            }
        }
    }

    fn one_of(&mut self, wanted: &[u8]) -> bool {
        let found = self
            .rest()
            .first()
            .is_some_and(|byte| wanted.contains(byte));
        self.advance(usize::from(found));
        found
    }

    fn digits(&mut self, field: &'static str) -> Result<(), DecodeError> {
        let count = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count == 0 {
            return Err(self.unexpected(field));
        }
        self.advance(count);
        Ok(())
    }
}

impl<'a> Str<'a> {
    /// The text, if it contains no escape.
    pub(super) const fn plain(&self) -> Option<&'a str> {
        if self.escaped { None } else { Some(self.raw) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Passes the parts of the text to `each`, with escapes resolved.
    pub(super) fn parts<E>(&self, mut each: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let mut rest = self.raw;
        while let Some((plain, escape)) = rest.split_once('\\') {
            each(plain)?;
            let (character, after) = unescaped(escape);
            each(character.encode_utf8(&mut [0; 4]))?;
            rest = after;
        }
        each(rest)
    }

    /// Whether the string equals this text.
    pub(super) fn is(&self, text: &str) -> bool {
        let mut left = Some(text);
        let _ = self.parts(|part| {
            left = left.and_then(|left| left.strip_prefix(part));
            left.map(drop).ok_or(())
        });
        left == Some("")
    }
}

/// Resolves the escape behind a backslash. Also returns the rest.
fn unescaped(text: &str) -> (char, &str) {
    let mut characters = text.chars();
    let character = match characters.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return unit(characters.as_str()),
        other => other.unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    (character, characters.as_str())
}

/// Resolves the escape behind `\u`: one UTF-16 unit, or two that form a pair. Half a pair becomes
/// U+FFFD.
fn unit(text: &str) -> (char, &str) {
    let (first, rest) = hexadecimal(text);
    if let Some(second) = rest.strip_prefix("\\u") {
        let (second, after) = hexadecimal(second);
        if let Some(Ok(pair)) = char::decode_utf16([first, second]).next()
            && pair.len_utf16() == 2
        {
            return (pair, after);
        }
    }
    (
        char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER),
        rest,
    )
}

fn hexadecimal(text: &str) -> (u16, &str) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    // The syntax was checked, so this default is not reached. It is half a pair, which becomes
    // U+FFFD.
    (u16::from_str_radix(digits, 16).unwrap_or(0xD800), rest)
}
