//! [`Parser`]: a JSON tokenizer that copies nothing. RFC 8259.

use crate::error::{DecodeError, DecodeErrorKind};
use alloc::vec::Vec;

/// A position in JSON text.
#[derive(Clone, Debug)]
pub(super) struct Parser<'a> {
    /// The bytes that were not taken yet: of a text, so UTF-8 need not be checked again.
    rest: &'a [u8],
    /// The offset of the end of the text, for errors.
    end: usize,
}

/// A string in the text, with its escapes checked but not resolved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Str<'a> {
    raw: &'a [u8],
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
            rest: text.as_bytes(),
            end: base + text.len(),
        }
    }

    #[inline]
    pub(super) const fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline]
    fn advance(&mut self, bytes: usize) {
        debug_assert!(
            bytes <= self.rest.len(),
            "only bytes that were seen are skipped"
        );
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// The error for an unexpected next byte.
    #[cold]
    pub(super) fn unexpected(&self, field: &'static str) -> DecodeError {
        let kind = self
            .rest
            .first()
            .map_or(DecodeErrorKind::Truncated, |byte| {
                DecodeErrorKind::UnknownType(*byte)
            });
        DecodeError::new(kind, self.offset(), field)
    }

    /// Skips white space and returns the first byte of the next token. At the end of the text this
    /// is 0, with which no token begins: a result with an error would cost more than most tokens.
    #[inline]
    pub(super) fn token(&mut self) -> u8 {
        match self.rest {
            [byte, ..] if *byte > b' ' => *byte,
            _ => self.token_behind_space(),
        }
    }

    /// Not inlined, because machines write JSON without white space.
    #[cold]
    fn token_behind_space(&mut self) -> u8 {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        // Many bytes at once: without a branch for each, the compiler uses vectors.
        let (many, _) = self.rest.as_chunks::<CHUNK>();
        let all_space = |chunk: &&[u8; CHUNK]| chunk.iter().fold(true, |all, b| all & is_space(b));
        self.advance(many.iter().take_while(all_space).count() * CHUNK);
        let space = self.rest.iter().position(|byte| !is_space(byte));
        self.advance(space.unwrap_or(self.rest.len()));
        self.rest.first().copied().unwrap_or_default()
    }

    /// Takes a token of one byte, which must come next.
    #[inline]
    pub(super) fn punctuation(
        &mut self,
        wanted: u8,
        field: &'static str,
    ) -> Result<(), DecodeError> {
        if self.token() != wanted {
            return Err(self.unexpected(field));
        }
        self.advance(1);
        Ok(())
    }

    /// Takes the beginning of a list. Returns whether an element follows: else the list is empty,
    /// and its end was taken too.
    #[inline]
    pub(super) fn open(
        &mut self,
        [open, close]: [u8; 2],
        field: &'static str,
    ) -> Result<bool, DecodeError> {
        if self.token() != open {
            return Err(self.unexpected(field));
        }
        Ok(self.inside(close).is_some())
    }

    /// Takes the beginning of a list, whose bracket was seen. Returns the first byte of its first
    /// element; `None` if the list is empty, and its end was taken too.
    #[inline]
    pub(super) fn inside(&mut self, close: u8) -> Option<u8> {
        self.advance(1);
        let next = self.token();
        if next == close {
            self.advance(1);
            return None;
        }
        Some(next)
    }

    /// Takes the comma behind an element, or the end of the list. Returns whether another element
    /// follows.
    #[inline]
    pub(super) fn another(&mut self, close: u8, field: &'static str) -> Result<bool, DecodeError> {
        let next = self.token();
        if next != close && next != b',' {
            return Err(self.unexpected(field));
        }
        self.advance(1);
        Ok(next != close)
    }

    /// Checks that only white space follows.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        self.token();
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(DecodeError::new(
            DecodeErrorKind::TrailingBytes,
            self.offset(),
            "end of JSON",
        ))
    }

    /// Takes `true`, `false` or `null`.
    pub(super) fn literal(&mut self, field: &'static str) -> Result<Option<bool>, DecodeError> {
        let (value, rest) = match self.rest {
            [b'n', b'u', b'l', b'l', rest @ ..] => (None, rest),
            [b't', b'r', b'u', b'e', rest @ ..] => (Some(true), rest),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => (Some(false), rest),
            rest => {
                let is_cut = |word: &&str| word.as_bytes().starts_with(rest);
                if ["null", "true", "false"].iter().any(is_cut) {
                    self.advance(rest.len());
                }
                return Err(self.unexpected(field));
            }
        };
        self.rest = rest;
        Ok(value)
    }

    /// Takes a string.
    #[inline]
    pub(super) fn string(&mut self, field: &'static str) -> Result<Str<'a>, DecodeError> {
        self.punctuation(b'"', field)?;
        let plain = plain_bytes(self.rest);
        if let Some((raw, [b'"', rest @ ..])) = self.rest.split_at_checked(plain) {
            self.rest = rest;
            let escaped = false;
            return Ok(Str { raw, escaped });
        }
        self.escaped_string(plain, field)
    }

    /// Takes the rest of a string behind its quote, whose first `plain` bytes are no escapes.
    fn escaped_string(
        &mut self,
        plain: usize,
        field: &'static str,
    ) -> Result<Str<'a>, DecodeError> {
        let (text, start) = (self.rest, self.offset());
        self.advance(plain);
        loop {
            match self.rest.first() {
                Some(b'"') => break,
                Some(b'\\') => self.escape(field)?,
                _ => return Err(self.unexpected(field)),
            }
            self.advance(plain_bytes(self.rest));
        }
        let raw = text.get(..self.offset() - start).unwrap_or_default();
        self.advance(1);
        Ok(Str { raw, escaped: true })
    }

    fn escape(&mut self, field: &'static str) -> Result<(), DecodeError> {
        // Nearly all are these, with which servers write what is not ASCII.
        if let [b'\\', b'u', digits @ ..] = self.rest
            && let Some((digits, rest)) = digits.split_first_chunk::<4>()
            && digits.iter().all(u8::is_ascii_hexdigit)
        {
            self.rest = rest;
            return Ok(());
        }
        self.advance(1);
        let hexadecimal = match self.rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(self.unexpected(field)),
        };
        self.advance(1);
        for _ in 0..hexadecimal {
            if !self.rest.first().is_some_and(u8::is_ascii_hexdigit) {
                return Err(self.unexpected(field));
            }
            self.advance(1);
        }
        Ok(())
    }

    /// Takes a number of one to three digits, as nearly all codes are, if the end of a list or a
    /// comma follows. Else takes nothing.
    #[inline]
    pub(super) fn code(&mut self) -> Option<u16> {
        let digit = |byte: u8| u16::from(byte - b'0');
        let (code, length) = match *self.rest {
            [a @ b'0'..=b'9', b',' | b']' | b'}', ..] => (digit(a), 1),
            [a @ b'1'..=b'9', b @ b'0'..=b'9', b',' | b']' | b'}', ..] => {
                (digit(a) * 10 + digit(b), 2)
            }
            [
                a @ b'1'..=b'9',
                b @ b'0'..=b'9',
                c @ b'0'..=b'9',
                b',' | b']' | b'}',
                ..,
            ] => (digit(a) * 100 + digit(b) * 10 + digit(c), 3),
            _ => return None,
        };
        self.advance(length);
        Some(code)
    }

    /// Takes a number.
    pub(super) fn number(&mut self, field: &'static str) -> Result<Number, DecodeError> {
        let text = self.rest;
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let (integer, after) = leading_digits(unsigned);
        let digits = unsigned.len() - after.len();
        let has_leading_zero = digits > 1 && unsigned.first() == Some(&b'0');
        let is_whole = !matches!(after, [b'.' | b'e' | b'E', ..]);
        // 64 bits hold every number of 18 digits. Nearly all numbers are as short.
        if is_whole && (1..=18).contains(&digits) && !has_leading_zero {
            self.rest = after;
            let is_negative = unsigned.len() < text.len();
            return Ok(Number::Integer(if is_negative {
                -integer
            } else {
                integer
            }));
        }
        // What follows a leading zero is not part of the number.
        self.rest = if has_leading_zero {
            unsigned.get(1..).unwrap_or_default()
        } else {
            after
        };
        if digits == 0 {
            return Err(self.unexpected(field));
        }
        let is_whole = !matches!(self.rest, [b'.' | b'e' | b'E', ..]);
        if let [b'.', fraction @ ..] = self.rest {
            self.rest = fraction;
            self.digits(field)?;
        }
        if let [b'e' | b'E', exponent @ ..] = self.rest {
            self.rest = match exponent {
                [b'+' | b'-', exponent @ ..] => exponent,
                exponent => exponent,
            };
            self.digits(field)?;
        }
        let text = text.get(..text.len() - self.rest.len());
        // The bytes are digits and signs, and the syntax was checked: neither fails.
        let text = text.and_then(|text| core::str::from_utf8(text).ok());
        debug_assert!(text.is_some(), "numbers are ASCII");
        let text = text.unwrap_or_default();
        if is_whole && let Ok(integer) = text.parse() {
            return Ok(Number::Integer(integer));
        }
        // A number that is too large becomes infinite.
        Ok(Number::Double(text.parse().unwrap_or(f64::NAN)))
    }

    fn digits(&mut self, field: &'static str) -> Result<(), DecodeError> {
        let (_, rest) = leading_digits(self.rest);
        if rest.len() == self.rest.len() {
            return Err(self.unexpected(field));
        }
        self.rest = rest;
        Ok(())
    }

    /// Takes a value as a string of the characters that it consists of. Meant for numbers and
    /// literals, which have nothing to escape.
    pub(super) fn verbatim(&mut self, field: &'static str) -> Result<Str<'a>, DecodeError> {
        let text = self.rest;
        self.skip(field, &mut 1, 0)?;
        let raw = text.get(..text.len() - self.rest.len()).unwrap_or_default();
        let escaped = false;
        Ok(Str { raw, escaped })
    }

    /// Skips a value, however deeply it is nested. Its syntax is checked like that of any other.
    /// Takes the number of values and keys in it, with itself, from `left`, except for those that
    /// are nested more than `depth` deep in it: they cost a fraction of the others, because nothing
    /// is made of them.
    ///
    /// # Errors
    /// `TooManyValues` if it has more than are left.
    pub(super) fn skip(
        &mut self,
        field: &'static str,
        left: &mut u32,
        depth: u32,
    ) -> Result<(), DecodeError> {
        let mut lists = Lists::default();
        let count = |parser: &Self, left: &mut u32, lists: &Lists| {
            if lists.depth <= depth as usize {
                *left = left.checked_sub(1).ok_or_else(|| parser.too_many(field))?;
            }
            Ok(())
        };
        loop {
            // A value begins.
            let first = self.token();
            count(self, left, &lists)?;
            match first {
                b'"' => self.string(field).map(drop)?,
                b'-' | b'0'..=b'9' => self.number(field).map(drop)?,
                b'[' if lists.push_arrays(self.rest) => {
                    self.advance(LISTS);
                    continue;
                }
                bracket @ (b'[' | b'{') => {
                    let is_object = bracket == b'{';
                    let close = if is_object { b'}' } else { b']' };
                    if self.inside(close).is_some() {
                        lists.push(is_object);
                        if is_object {
                            count(self, left, &lists)?;
                            self.string("JSON key")?;
                            self.punctuation(b':', field)?;
                        }
                        continue;
                    }
                }
                _ => self.literal(field).map(drop)?,
            }
            // It ended. Lists are closed until another element follows.
            loop {
                let Some(is_object) = lists.innermost() else {
                    return Ok(());
                };
                if lists.pop_arrays(self.rest) {
                    self.advance(LISTS);
                    continue;
                }
                let close = if is_object { b'}' } else { b']' };
                if self.another(close, field)? {
                    if is_object {
                        count(self, left, &lists)?;
                        self.string("JSON key")?;
                        self.punctuation(b':', field)?;
                    }
                    break;
                }
                lists.pop();
            }
        }
    }

    #[cold]
    const fn too_many(&self, field: &'static str) -> DecodeError {
        DecodeError::new(DecodeErrorKind::TooManyValues, self.offset(), field)
    }
}

/// The open lists of a skipped value, with one bit for each: set for an object. Recursion would let
/// the text decide how much stack is used. The innermost 64 are in a word of their own, because few
/// values are nested deeper and a hostile text has thousands of them.
#[derive(Default)]
struct Lists {
    bits: u64,
    outside: Vec<u64>,
    depth: usize,
}

impl Lists {
    #[inline]
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(LISTS) {
            self.outside.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(is_object);
        self.depth += 1;
    }

    /// Opens so many arrays at once as fit into a word, if the text begins with their brackets, and
    /// the word is empty: a hostile text can consist of little else. Each is followed by another
    /// bracket or value, so none of them is empty.
    #[inline]
    fn push_arrays(&mut self, text: &[u8]) -> bool {
        let is_long = self.depth.is_multiple_of(LISTS) && begins_with_lists(text, b'[');
        // The bracket behind them would close the last one.
        let fits = is_long && text.get(LISTS).is_some_and(|next| *next == b'[');
        if fits {
            if self.depth > 0 {
                self.outside.push(self.bits);
            }
            self.bits = 0;
            self.depth += LISTS;
        }
        fits
    }

    /// Closes all arrays of a full word at once, if the text begins with their brackets.
    #[inline]
    fn pop_arrays(&mut self, text: &[u8]) -> bool {
        let are_arrays = self.depth > 0 && self.depth.is_multiple_of(LISTS) && self.bits == 0;
        let fits = are_arrays && begins_with_lists(text, b']');
        if fits {
            self.depth -= LISTS;
            if self.depth > 0 {
                self.bits = self.outside.pop().unwrap_or_default();
            }
        }
        fits
    }

    /// Whether the innermost list is an object; `None` if no list is open.
    #[inline]
    const fn innermost(&self) -> Option<bool> {
        if self.depth == 0 {
            None
        } else {
            Some(self.bits & 1 != 0)
        }
    }

    #[inline]
    fn pop(&mut self) {
        debug_assert!(self.depth > 0, "only an open list is closed");
        self.depth = self.depth.saturating_sub(1);
        self.bits >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(LISTS) {
            self.bits = self.outside.pop().unwrap_or_default();
        }
    }
}

/// The number of lists in a word.
const LISTS: usize = u64::BITS as usize;

/// Whether a text begins with so many of these brackets as a word has lists. The first is compared
/// alone, because few texts do.
#[inline]
fn begins_with_lists(text: &[u8], bracket: u8) -> bool {
    text.first() == Some(&bracket)
        && text.first_chunk::<LISTS>().is_some_and(|all| {
            all.iter()
                .fold(true, |same, byte| same & (*byte == bracket))
        })
}

/// How many bytes are looked at together.
const CHUNK: usize = 32;

/// The number at the beginning of `text`, and what follows it. Of a number of more than 18 digits
/// only the length matters.
#[inline]
fn leading_digits(text: &[u8]) -> (i64, &[u8]) {
    let (mut number, mut rest) = (0_i64, text);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        number = number
            .wrapping_mul(10)
            .wrapping_add(i64::from(digit - b'0'));
        rest = after;
    }
    (number, rest)
}

/// How many bytes at the beginning of `text` a string can hold as they are: up to the first quote,
/// backslash or control character.
#[inline]
fn plain_bytes(text: &[u8]) -> usize {
    // A first word by itself, because most strings are short.
    let start = match text.first_chunk::<8>() {
        Some(word) => match plain_in_word(*word) {
            8 => plain_chunks(text),
            plain => return plain,
        },
        None => 0,
    };
    let rest = text.get(start..).unwrap_or_default();
    let (words, _) = rest.as_chunks::<8>();
    let mut plain = start;
    for word in words {
        let in_word = plain_in_word(*word);
        plain += in_word;
        if in_word < 8 {
            return plain;
        }
    }
    let rest = text.get(plain..).unwrap_or_default();
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    plain + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// How many bytes of a text are plain, in whole chunks: without a branch for each byte, the compiler
/// uses vectors.
fn plain_chunks(text: &[u8]) -> usize {
    let (chunks, _) = text.as_chunks::<CHUNK>();
    let is_plain = |chunk: &&[u8; CHUNK]| {
        let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        !chunk.iter().fold(false, |any, byte| any | special(*byte))
    };
    chunks.iter().take_while(is_plain).count() * CHUNK
}

/// How many of these bytes are plain.
#[inline]
const fn plain_in_word(word: [u8; 8]) -> usize {
    const EACH: u64 = u64::MAX / 0xFF;
    const TOP: u64 = EACH * 0x80;
    // Sets the top bit of each byte below `limit`, which is at most 0x80. A byte behind the first of
    // these may be marked too; only the first one counts.
    const fn below(word: u64, limit: u64) -> u64 {
        word.wrapping_sub(EACH * limit) & !word & TOP
    }
    let word = u64::from_le_bytes(word);
    let quotes = below(word ^ (EACH * b'"' as u64), 1);
    let backslashes = below(word ^ (EACH * b'\\' as u64), 1);
    let special = quotes | backslashes | below(word, 0x20);
    special.trailing_zeros() as usize / 8
}

impl<'a> Str<'a> {
    /// The text, if it contains no escape.
    #[inline]
    pub(super) const fn plain(&self) -> Option<&'a [u8]> {
        if self.escaped { None } else { Some(self.raw) }
    }

    /// Passes the parts of the text to `each`, with escapes resolved.
    pub(super) fn parts<E>(&self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut rest = self.raw;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            let (plain, escape) = rest.split_at_checked(at).unwrap_or_default();
            if !plain.is_empty() {
                each(plain)?;
            }
            let (character, after) = unescaped(escape);
            each(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            rest = after;
        }
        each(rest)
    }

    /// The text, with escapes resolved in `resolved`; no text if that is too short for one with
    /// escapes. For keys, which nobody escapes.
    #[inline]
    pub(super) fn short<'s, const N: usize>(&self, resolved: &'s mut [u8; N]) -> &'s [u8]
    where
        'a: 's,
    {
        match self.plain() {
            Some(plain) => plain,
            None => self.resolved(resolved),
        }
    }

    #[cold]
    fn resolved<'s>(&self, resolved: &'s mut [u8]) -> &'s [u8] {
        let mut length = 0;
        let copied: Result<(), ()> = self.parts(|part| {
            let end = length + part.len();
            let space = resolved.get_mut(length..end).ok_or(())?;
            space.copy_from_slice(part);
            length = end;
            Ok(())
        });
        if copied.is_err() {
            length = 0;
        }
        resolved.get(..length).unwrap_or_default()
    }
}

/// Resolves the escape at the beginning of `text`. Also returns the rest.
fn unescaped(text: &[u8]) -> (char, &[u8]) {
    let (character, rest) = match text {
        [_, b'u', rest @ ..] => return unit(rest),
        [_, b'b', rest @ ..] => ('\u{8}', rest),
        [_, b'f', rest @ ..] => ('\u{c}', rest),
        [_, b'n', rest @ ..] => ('\n', rest),
        [_, b'r', rest @ ..] => ('\r', rest),
        [_, b't', rest @ ..] => ('\t', rest),
        // A quote, a backslash or a slash: the syntax was checked.
        [_, other, rest @ ..] => (char::from(*other), rest),
        _ => (char::REPLACEMENT_CHARACTER, &[][..]),
    };
    (character, rest)
}

/// Resolves the escape behind `\u`: one UTF-16 unit, or two that form a pair. Half a pair becomes
/// U+FFFD.
fn unit(text: &[u8]) -> (char, &[u8]) {
    let (first, rest) = hexadecimal(text);
    if let Some(character) = char::from_u32(u32::from(first)) {
        return (character, rest);
    }
    if let [b'\\', b'u', second @ ..] = rest {
        let (second, after) = hexadecimal(second);
        if let Some(Ok(pair)) = char::decode_utf16([first, second]).next() {
            return (pair, after);
        }
    }
    (char::REPLACEMENT_CHARACTER, rest)
}

fn hexadecimal(text: &[u8]) -> (u16, &[u8]) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, &[]));
    // The syntax was checked, so each digit is one.
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default() as u16;
    let unit = digits
        .iter()
        .fold(0_u16, |unit, byte| unit << 4 | digit(byte));
    (unit, rest)
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
                assert_eq!(parser.offset(), text.len());
            }
        }
        for (text, taken) in [("0", 1), ("-0", 2), ("01", 1), ("7]", 1), ("-07", 2)] {
            let mut parser = Parser::new(text, 0);
            let Ok(Number::Integer(number)) = parser.number("number") else {
                panic!("{text}");
            };
            assert_eq!(
                (number.to_string(), parser.offset()),
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
