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
        match self.rest().first() {
            Some(b' ' | b'\n' | b'\r' | b'\t') => self.token_behind_space(field),
            Some(byte) => Ok(*byte),
            None => Err(self.unexpected(field)),
        }
    }

    /// Not inlined, because machines write JSON without white space.
    #[cold]
    fn token_behind_space(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        let space = self.rest().iter().position(|byte| !is_space(byte));
        self.advance(space.unwrap_or(self.rest().len()));
        let next = self.rest().first().copied();
        next.ok_or_else(|| self.unexpected(field))
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
    #[inline]
    pub(super) fn more(
        &mut self,
        first: &mut bool,
        close: u8,
        field: &'static str,
    ) -> Result<bool, DecodeError> {
        let was_first = core::mem::replace(first, false);
        let next = self.token(field)?;
        if next == close {
            self.advance(1);
            return Ok(false);
        }
        if was_first {
            return Ok(true);
        }
        if next != b',' {
            return Err(self.unexpected(field));
        }
        self.advance(1);
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
            self.advance(plain_bytes(self.rest()));
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
        if let Some(integer) = self.short_integer() {
            return Ok(Number::Integer(integer));
        }
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

    /// Takes a number of at most 18 digits without fraction and exponent, as nearly all numbers are.
    /// Returns `None`, and takes nothing, for anything else.
    fn short_integer(&mut self) -> Option<i64> {
        // 64 bits hold every number of 18 digits.
        const MAX_DIGITS: usize = 18;
        let (sign, digits) = match self.rest() {
            [b'-', digits @ ..] => (-1, digits),
            digits => (1, digits),
        };
        let (mut number, mut count) = (0_i64, 0);
        for byte in digits.iter().take(MAX_DIGITS) {
            if !byte.is_ascii_digit() {
                break;
            }
            number = number * 10 + i64::from(byte - b'0');
            count += 1;
        }
        let is_whole = !matches!(digits.get(count), Some(b'0'..=b'9' | b'.' | b'e' | b'E'));
        let has_leading_zero = count > 1 && digits.first() == Some(&b'0');
        if count == 0 || !is_whole || has_leading_zero {
            return None;
        }
        self.advance(count + usize::from(sign < 0));
        Some(sign * number)
    }

    /// Takes a value as a string of the characters that it consists of. Meant for numbers and
    /// literals, which have nothing to escape.
    pub(super) fn verbatim(&mut self, field: &'static str) -> Result<Str<'a>, DecodeError> {
        let start = self.position;
        self.skip(field, &mut 1)?;
        let raw = self.text.get(start..self.position).unwrap_or_default();
        Ok(Str {
            raw,
            escaped: false,
        })
    }

    /// Skips a value, however deeply it is nested. Its syntax is checked like that of any other.
    /// Takes the number of values and keys in it, with itself, from `left`.
    ///
    /// # Errors
    /// `TooManyValues` if it has more than are left.
    pub(super) fn skip(&mut self, field: &'static str, left: &mut u32) -> Result<(), DecodeError> {
        // One bit for each open list: set for an object. Recursion would let the text decide how
        // much stack is used. The innermost 64 are in a word of their own, because few values are
        // nested deeper and a hostile text has thousands of them.
        let (mut bits, mut outside) = (0_u64, Vec::<u64>::new());
        let mut depth = 0_usize;
        loop {
            // A value begins.
            let mut is_first = false;
            let first = self.token(field)?;
            *left = left.checked_sub(1).ok_or_else(|| self.too_many(field))?;
            match first {
                b'"' => self.string(field).map(drop)?,
                b'-' | b'0'..=b'9' => self.number(field).map(drop)?,
                bracket @ (b'[' | b'{') => {
                    self.advance(1);
                    if depth > 0 && depth.is_multiple_of(64) {
                        outside.push(bits);
                        bits = 0;
                    }
                    bits = bits << 1 | u64::from(bracket == b'{');
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
                let is_object = bits & 1 != 0;
                let close = if is_object { b'}' } else { b']' };
                if self.more(&mut is_first, close, field)? {
                    if is_object {
                        *left = left.checked_sub(1).ok_or_else(|| self.too_many(field))?;
                        self.string("JSON key")?;
                        self.punctuation(b':', field)?;
                    }
                    break;
                }
                depth = above;
                bits >>= 1;
                if depth > 0 && depth.is_multiple_of(64) {
                    bits = outside.pop().unwrap_or_default();
                }
            }
        }
    }

    #[cold]
    const fn too_many(&self, field: &'static str) -> DecodeError {
        DecodeError::new(DecodeErrorKind::TooManyValues, self.offset(), field)
    }

    #[inline]
    fn one_of<const N: usize>(&mut self, wanted: &[u8; N]) -> bool {
        let found = self
            .rest()
            .first()
            .is_some_and(|byte| wanted.iter().any(|one| one == byte));
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

/// How many bytes at the beginning of `text` a string can hold as they are: up to the first quote,
/// backslash or control character.
fn plain_bytes(text: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 0xFF;
    const TOP: u64 = EACH * 0x80;
    // Sets the top bit of each byte below `limit`, which is at most 0x80. A byte behind the first of
    // these may be marked too; only the first one counts.
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH * limit) & !word & TOP;
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quotes = below(word ^ (EACH * u64::from(b'"')), 1);
        let backslashes = below(word ^ (EACH * u64::from(b'\\')), 1);
        let special = quotes | backslashes | below(word, 0x20);
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let plain = rest.iter().position(is_special);
    text.len() - rest.len() + plain.unwrap_or(rest.len())
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
        if let Some(plain) = self.plain() {
            return plain == text;
        }
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

#[cfg(test)]
mod tests {
    use super::{Number, Parser, plain_bytes};
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn the_first_special_byte_ends_what_is_plain_wherever_it_is() {
        for length in 0..40 {
            for byte in 0..=u8::MAX {
                for at in 0..length {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    let is_special = matches!(byte, b'"' | b'\\' | 0..0x20);
                    let expected = if is_special { at } else { length };
                    assert_eq!(plain_bytes(&text), expected, "{byte} at {at} of {length}");
                    // A second one changes nothing.
                    text[length - 1] = b'"';
                    let expected = if is_special { at } else { length - 1 };
                    let expected = expected.min(length - 1);
                    assert_eq!(plain_bytes(&text), expected, "{byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn integers_of_every_length_are_the_same_numbers_as_in_rust() {
        for digits in 1..25 {
            for sign in ["", "-"] {
                let text = format!("{sign}{}", &"9876543210".repeat(3)[..digits]);
                let mut parser = Parser::new(&text, 0);
                match (parser.number("number"), text.parse::<i64>()) {
                    (Ok(Number::Integer(number)), Ok(expected)) => assert_eq!(number, expected),
                    (Ok(Number::Double(_)), Err(_)) => {}
                    other => panic!("{text}: {other:?}"),
                }
                assert_eq!(parser.position, text.len());
            }
        }
        for (text, taken) in [("0", 1), ("-0", 2), ("01", 1), ("7]", 1), ("-07", 2)] {
            let mut parser = Parser::new(text, 0);
            let Ok(Number::Integer(number)) = parser.number("number") else {
                panic!("{text}");
            };
            assert_eq!(
                (number.to_string(), parser.position),
                (
                    if taken == 1 {
                        text[..1].to_string()
                    } else {
                        "0".to_string()
                    },
                    taken
                )
            );
        }
        for text in ["", "-", "x", "1.", "1e", "--1", "+1"] {
            assert!(Parser::new(text, 0).number("number").is_err(), "{text}");
        }
    }
}
