//! [`Str`]: a string in JSON text. RFC 8259, section 7.

/// A string in the text, with its escapes checked but not resolved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Str<'a> {
    pub(super) raw: &'a [u8],
    /// Whether it has an escape.
    pub(super) escaped: bool,
}

/// How many bytes are looked at together.
pub(super) const CHUNK: usize = 32;

/// Characters that are passed on together.
struct Row {
    bytes: [u8; 64],
    length: usize,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            bytes: [0; 64],
            length: 0,
        }
    }
}

impl Row {
    /// Whether there may be no space for another character.
    #[inline]
    const fn is_full(&self) -> bool {
        self.length + 4 > self.bytes.len()
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn put(&mut self, character: char) {
        if let Some(space) = self.bytes.get_mut(self.length..) {
            self.length += character.encode_utf8(space).len();
        }
    }

    /// Adds a character of one UTF-16 unit. A third of what a `char` costs, which nearly all escapes
    /// need.
    #[inline]
    fn put_unit(&mut self, unit: u16) {
        debug_assert!(
            char::from_u32(u32::from(unit)).is_some(),
            "a unit that is a character"
        );
        let space = self.bytes.get_mut(self.length..);
        let Some([first, second, third, ..]) = space else {
            debug_assert!(false, "the row is not full");
            return;
        };
        let continued = |bits: u16| 0x80 | (bits & 0x3F) as u8;
        self.length += match unit {
            0..0x80 => {
                *first = unit as u8;
                1
            }
            0x80..0x800 => {
                (*first, *second) = (0xC0 | (unit >> 6) as u8, continued(unit));
                2
            }
            _ => {
                (*first, *second) = (0xE0 | (unit >> 12) as u8, continued(unit >> 6));
                *third = continued(unit);
                3
            }
        };
    }
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
        // Characters in a row are passed on together: a text can consist of nothing but escapes.
        let mut row = Row::default();
        loop {
            while let [b'\\', escape, after @ ..] = rest {
                if row.is_full() {
                    each(row.bytes())?;
                    row.length = 0;
                }
                rest = match (escape, after.split_first_chunk::<4>()) {
                    (b'u', Some((digits, behind))) => match unit(digits) {
                        // Half a pair.
                        0xD800..=0xDFFF => {
                            let (character, behind) = unescaped(rest);
                            row.put(character);
                            behind
                        }
                        unit => {
                            row.put_unit(unit);
                            behind
                        }
                    },
                    _ => {
                        let (character, behind) = unescaped(rest);
                        row.put(character);
                        behind
                    }
                };
            }
            each(row.bytes())?;
            row.length = 0;
            let plain = rest.iter().position(|byte| *byte == b'\\');
            let Some((plain, escape)) = plain.and_then(|at| rest.split_at_checked(at)) else {
                return each(rest);
            };
            each(plain)?;
            rest = escape;
        }
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
        [_, b'u', rest @ ..] => return units(rest),
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
fn units(text: &[u8]) -> (char, &[u8]) {
    // The syntax was checked, so there are four digits.
    let Some((first, rest)) = text.split_first_chunk::<4>() else {
        return (char::REPLACEMENT_CHARACTER, &[]);
    };
    let first = unit(first);
    if let Some(character) = char::from_u32(u32::from(first)) {
        return (character, rest);
    }
    if let [b'\\', b'u', second @ ..] = rest
        && let Some((second, after)) = second.split_first_chunk::<4>()
        && let Some(Ok(pair)) = char::decode_utf16([first, unit(second)]).next()
    {
        return (pair, after);
    }
    (char::REPLACEMENT_CHARACTER, rest)
}

/// The UTF-16 unit of four hexadecimal digits. The syntax was checked, so each is one.
#[inline]
fn unit(digits: &[u8; 4]) -> u16 {
    digits
        .iter()
        .fold(0, |unit, byte| unit << 4 | u16::from(digit(*byte) & 0xF))
}

/// The value of a hexadecimal digit; any other byte is 16 or more.
#[inline]
fn digit(byte: u8) -> u8 {
    DIGITS.get(usize::from(byte)).copied().unwrap_or(NO_DIGIT)
}

const NO_DIGIT: u8 = 0xFF;
static DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let (mut byte, mut rest) = (0_u8, digits.as_mut_slice());
    while let [digit, after @ ..] = rest {
        *digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => NO_DIGIT,
        };
        byte = byte.wrapping_add(1);
        rest = after;
    }
    digits
};

/// Takes escapes that follow each other, as far as they are whole and well formed: nearly all are units,
/// with which servers write what is not ASCII, or one letter. Returns what is behind them.
pub(super) fn behind_escapes(text: &[u8]) -> &[u8] {
    let mut rest = text;
    loop {
        rest = match rest {
            [b'\\', b'u', a, b, c, d, after @ ..]
                if digit(*a) | digit(*b) | digit(*c) | digit(*d) < 16 =>
            {
                after
            }
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                after @ ..,
            ] => after,
            _ => return rest,
        };
    }
}

/// How many bytes at the beginning of `text` a string can hold as they are: up to the first quote,
/// backslash or control character.
#[inline]
pub(super) fn plain_bytes(text: &[u8]) -> usize {
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

#[cfg(test)]
mod tests {
    use super::plain_bytes;
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
}
