//! [`Parser`]: a JSON tokenizer that copies nothing. RFC 8259.

use super::string::{CHUNK, Str, behind_escapes, plain_bytes};
use crate::error::{DecodeError, DecodeErrorKind};

/// A position in JSON text, and where to stop.
#[derive(Clone, Debug)]
pub(super) struct Parser<'a> {
    text: &'a [u8],
    /// The bytes that were not taken yet: of a text, so UTF-8 need not be checked again.
    pub(super) rest: &'a [u8],
    /// The offset of the end of the text, for errors.
    end: usize,
    /// The parser is at its stop once fewer bytes than these are left. Below zero for a parser that does
    /// not stop. Bytes measure the work well enough, because each has a bounded cost.
    stop: isize,
    /// How many bytes were taken again, or cost as much as if they were.
    repeated: usize,
}

/// Where a string is in the text, for when the parser has gone on.
#[derive(Clone, Debug)]
pub(super) struct Place {
    from: usize,
    to: usize,
    escaped: bool,
}

/// A number, as far as JSON distinguishes numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number<'a> {
    /// Only digits, and within 64 bits.
    Integer(i64),
    /// Any other number.
    Decimal(Decimal<'a>),
}

/// The text of a number that becomes a double. It is converted by itself, because that costs more than
/// to find its end, which is all that a skipped number needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a>(&'a [u8]);

impl Decimal<'_> {
    pub(super) const fn text_bytes(&self) -> usize {
        self.0.len()
    }

    /// How many bytes of other values cost as much as the conversion. A number of more than 19 digits may lie
    /// half way between two doubles, and then each digit is looked at several times.
    pub(super) const fn cost(&self) -> usize {
        const FEW_DIGITS: usize = 20;
        let bytes = self.text_bytes();
        if bytes > FEW_DIGITS { 2 * bytes } else { bytes }
    }

    /// The nearest double; an infinite one if the number is too large.
    pub(super) fn value(&self) -> f64 {
        // The bytes are digits and signs, and the syntax was checked: neither fails.
        let text = core::str::from_utf8(self.0);
        debug_assert!(text.is_ok(), "numbers are ASCII");
        text.unwrap_or_default().parse().unwrap_or(f64::NAN)
    }
}

impl<'a> Parser<'a> {
    /// Creates a parser for a text whose offsets begin at `base`. It is at `offset`, and stops when it has
    /// taken `share` bytes.
    #[inline]
    pub(super) fn new(text: &'a str, base: usize, offset: usize, share: usize) -> Self {
        let text = text.as_bytes();
        debug_assert!(offset >= base, "an offset in the text");
        let rest = text.get(offset - base..).unwrap_or_default();
        let share = isize::try_from(share.max(1)).unwrap_or(isize::MAX);
        Self {
            text,
            rest,
            end: base + text.len(),
            stop: (rest.len() as isize + 1).saturating_sub(share),
            repeated: 0,
        }
    }

    /// Whether it is time to stop. After at least one byte was taken, because otherwise nothing would
    /// ever be.
    #[inline]
    pub(super) const fn is_at_stop(&self) -> bool {
        (self.rest.len() as isize) < self.stop
    }

    /// Whether the share of the parser is limited.
    pub(super) const fn stops(&self) -> bool {
        self.stop > isize::MIN / 2
    }

    /// Goes back to an earlier offset. The bytes in between count twice.
    pub(super) fn go_back(&mut self, offset: usize) {
        debug_assert!(offset <= self.offset(), "an earlier offset");
        let bytes = self.offset() - offset;
        self.rest = self.slice(offset, self.end);
        self.charge(bytes);
    }

    /// Counts so many bytes once more, for work that is done besides taking them.
    pub(super) const fn charge(&mut self, bytes: usize) {
        self.repeated += bytes;
        self.stop = self.stop.saturating_add_unsigned(bytes);
    }

    /// How many bytes were taken since the parser was at `offset`.
    pub(super) const fn taken_since(&self, offset: usize) -> usize {
        self.offset() + self.repeated - offset
    }

    /// The bytes between two offsets.
    fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        let base = self.end - self.text.len();
        let slice = self.text.get(from - base..to - base);
        debug_assert!(slice.is_some(), "two offsets in the text");
        slice.unwrap_or_default()
    }

    /// The string that [`Parser::place_of`] has given the place of.
    pub(super) fn at_place(&self, place: &Place) -> Str<'a> {
        Str {
            raw: self.slice(place.from, place.to),
            escaped: place.escaped,
        }
    }

    /// Where a string is that was just taken, without its quotes.
    pub(super) fn place_of(&self, string: Str<'_>, quoted: bool) -> Place {
        let to = self.offset() - usize::from(quoted);
        Place {
            from: to - string.raw.len(),
            to,
            escaped: string.escaped,
        }
    }

    #[inline]
    pub(super) const fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
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
        // No `matches`: the compiler would make it a test of bits in a mask, which vectors cannot do.
        let is_space =
            |byte: &u8| (*byte == b' ') | (*byte == b'\n') | (*byte == b'\r') | (*byte == b'\t');
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
                Some(b'\\') => {
                    let rest = behind_escapes(self.rest);
                    if rest.len() == self.rest.len() {
                        return Err(self.bad_escape(field));
                    }
                    self.rest = rest;
                }
                _ => return Err(self.unexpected(field)),
            }
            self.advance(plain_bytes(self.rest));
        }
        let raw = text.get(..self.offset() - start).unwrap_or_default();
        self.advance(1);
        Ok(Str { raw, escaped: true })
    }

    /// The error for an escape that is cut or malformed.
    #[cold]
    fn bad_escape(&mut self, field: &'static str) -> DecodeError {
        self.advance(1);
        if self.rest.first() == Some(&b'u') {
            self.advance(1);
            let digits = self.rest.iter().take(4);
            let good = digits.take_while(|byte| byte.is_ascii_hexdigit()).count();
            self.advance(good);
        }
        self.unexpected(field)
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
    pub(super) fn number(&mut self, field: &'static str) -> Result<Number<'a>, DecodeError> {
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
        let text = text.get(..text.len() - self.rest.len()).unwrap_or_default();
        if is_whole && let Some(integer) = integer_of(text) {
            return Ok(Number::Integer(integer));
        }
        Ok(Number::Decimal(Decimal(text)))
    }

    /// Skips a number.
    pub(super) fn skip_number(&mut self, field: &'static str) -> Result<(), DecodeError> {
        let rest = self.rest.strip_prefix(b"-").unwrap_or(self.rest);
        if let [b'1'..=b'9', rest @ ..] = rest {
            let rest = behind_digits(rest);
            if !matches!(rest, [b'.' | b'e' | b'E', ..]) {
                self.rest = rest;
                return Ok(());
            }
            if let [b'e' | b'E', b'0'..=b'9', rest @ ..] = rest {
                self.rest = behind_digits(rest);
                return Ok(());
            }
        }
        self.number(field).map(drop)
    }

    fn digits(&mut self, field: &'static str) -> Result<(), DecodeError> {
        let rest = behind_digits(self.rest);
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
        match text.first() {
            Some(b'-' | b'0'..=b'9') => self.skip_number(field)?,
            _ => self.literal(field).map(drop)?,
        }
        let raw = text.get(..text.len() - self.rest.len()).unwrap_or_default();
        let escaped = false;
        Ok(Str { raw, escaped })
    }
}

/// What follows the digits at the beginning of `text`.
#[inline]
fn behind_digits(mut text: &[u8]) -> &[u8] {
    // Many at once: a text can be one number.
    const ROW: usize = 32;
    while let Some((row, after)) = text.split_first_chunk::<ROW>()
        && row
            .iter()
            .fold(true, |all, byte| all & byte.is_ascii_digit())
    {
        text = after;
    }
    while let [b'0'..=b'9', after @ ..] = text {
        text = after;
    }
    text
}

/// The integer that a text of digits with a sign is, if 64 bits hold it.
#[cold]
fn integer_of(text: &[u8]) -> Option<i64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

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

#[cfg(test)]
mod tests {
    use super::{Number, Parser};
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn integers_of_every_length_are_the_same_numbers_as_in_rust() {
        for digits in 1..25 {
            for sign in ["", "-"] {
                let text = format!("{sign}{}", &"9876543210".repeat(3)[..digits]);
                let mut parser = Parser::new(&text, 0, 0, usize::MAX);
                match (parser.number("number"), text.parse::<i64>()) {
                    (Ok(Number::Integer(number)), Ok(expected)) => assert_eq!(number, expected),
                    (Ok(Number::Decimal(_)), Err(_)) => {}
                    other => panic!("{text}: {other:?}"),
                }
                assert_eq!(parser.offset(), text.len());
            }
        }
        for (text, taken) in [("0", 1), ("-0", 2), ("01", 1), ("7]", 1), ("-07", 2)] {
            let mut parser = Parser::new(text, 0, 0, usize::MAX);
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
            assert!(
                Parser::new(text, 0, 0, usize::MAX)
                    .number("number")
                    .is_err(),
                "{text}"
            );
        }
    }
}
