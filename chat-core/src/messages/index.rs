//! [`Index`]: where the texts of one event lie.

use alloc::vec::Vec;

/// The bytes of a number while all texts together have less than 256 MiB: always, unless the
/// application has raised the limit of a message that far.
const SHORT: usize = 4;
/// The bytes of a number that may be any `u32`.
const LONG: usize = 5;

/// The places of the senders and contents of one event in the text that holds all of them.
///
/// Texts of one list lie behind each other, so the end of each is enough. The ends are part of the
/// same text, behind the texts: an event then needs one allocation for both, and less memory than
/// a table of ranges. They are numbers with 7 bits in a byte, least significant first, because each
/// such byte is a character.
///
/// ```text
/// texts | start of the senders, start of the contents | end of a sender, end of its content | ...
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Where the numbers begin.
    pub(super) start: u32,
    pub(super) messages: u32,
    pub(super) is_long: bool,
}

/// The range of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    /// The length of the text.
    #[inline]
    pub(super) const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// The part of `bytes` that this is.
    #[inline]
    pub(super) fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(self.start as usize..self.end as usize)
    }
}

/// The texts of one list, in the order in which they lie behind each other.
#[derive(Debug, Default)]
pub(super) struct List {
    start: u32,
    ends: Vec<u32>,
}

impl List {
    /// Removes all texts.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
    }

    /// Adds the text at this place.
    #[inline]
    pub(super) fn push(&mut self, span: Span) {
        if self.ends.is_empty() {
            self.start = span.start;
        }
        debug_assert_eq!(
            self.ends.last().copied().unwrap_or(self.start),
            span.start,
            "the texts of a list lie behind each other"
        );
        self.ends.push(span.end);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<u32>()
    }

    /// Whether one of the texts is this one. `bytes` are those that all of them lie in. Most differ in
    /// length already, and then each costs a few instructions.
    pub(super) fn contain(&self, bytes: &[u8], text: &[u8]) -> bool {
        let mut start = self.start;
        self.ends.iter().any(|&end| {
            let start = core::mem::replace(&mut start, end);
            let span = Span { start, end };
            // Names of one length nearly always differ at the end, which saves a call.
            (end - start) as usize == text.len()
                && span.of(bytes).is_some_and(|part| {
                    part.last().copied() == text.last().copied() && part == text
                })
        })
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        let starts = core::iter::once(self.start).chain(self.ends.iter().copied());
        let spans = starts.zip(&self.ends);
        spans.map(|(start, &end)| Span { start, end })
    }
}

impl Index {
    /// Appends the index of texts that lie in `bytes`: pairs of senders and contents, up to the
    /// shorter list.
    #[inline(always)]
    pub(super) fn append(bytes: &mut Vec<u8>, senders: &List, contents: &List) -> Self {
        let start = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let is_long = start >= 1 << (7 * SHORT);
        append(bytes, senders, contents, is_long);
        let messages = senders.len().min(contents.len());
        debug_assert!(
            u32::try_from(messages).is_ok(),
            "each message takes a byte of an event, and events are smaller"
        );
        Self {
            start,
            messages: messages as u32,
            is_long,
        }
    }

    /// The length of the longest index of so many messages.
    pub(super) const fn max_bytes(messages: usize) -> usize {
        (1 + messages) * 2 * LONG
    }

    /// Where the index begins: behind all texts.
    pub(super) const fn start(self) -> usize {
        self.start as usize
    }

    /// The number of messages.
    pub(super) const fn len(self) -> usize {
        self.messages as usize
    }

    /// The places of the sender and the content of a message. `text` is the one that the index was
    /// appended to.
    #[inline]
    pub(super) fn message(self, text: &str, message: usize) -> Option<(Span, Span)> {
        self.messages(text, message).next()
    }

    /// The places of the sender and the content of each message from this one on.
    #[inline]
    pub(super) fn messages(self, text: &str, from: usize) -> Spans<'_> {
        let at = from
            .saturating_mul(2 * self.width())
            .saturating_add(self.start());
        let mut numbers = text.as_bytes().get(at..).unwrap_or_default();
        let starts = take_pair(&mut numbers, self.is_long);
        Spans {
            starts: starts.unwrap_or_default(),
            numbers,
            is_long: self.is_long,
        }
    }

    const fn width(self) -> usize {
        if self.is_long { LONG } else { SHORT }
    }
}

/// The places of the senders and contents of messages that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Spans<'t> {
    /// The starts of the next sender and content: the ends of those before.
    starts: (u32, u32),
    numbers: &'t [u8],
    is_long: bool,
}

impl Spans<'_> {
    /// The starts of the next sender and content.
    #[inline]
    pub(super) const fn starts(&self) -> (u32, u32) {
        self.starts
    }
}

impl Iterator for Spans<'_> {
    type Item = (Span, Span);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let ends = take_pair(&mut self.numbers, self.is_long)?;
        let starts = core::mem::replace(&mut self.starts, ends);
        let span = |start, end| Span { start, end };
        Some((span(starts.0, ends.0), span(starts.1, ends.1)))
    }
}

#[inline(always)]
fn append(bytes: &mut Vec<u8>, senders: &List, contents: &List, is_long: bool) {
    if is_long {
        return append_long(bytes, senders, contents);
    }
    let starts = short_digits(senders.start, contents.start);
    if let ([sender], [content]) = (&*senders.ends, &*contents.ends) {
        // One live message, as most events are.
        let ends = short_digits(*sender, *content);
        return bytes.extend_from_slice([starts, ends].as_flattened());
    }
    // Space for all of them at once, so that none looks whether there is some.
    let messages = senders.len().min(contents.len());
    bytes.reserve((1 + messages) * 2 * SHORT);
    bytes.extend_from_slice(&starts);
    let start = bytes.len();
    bytes.resize(start + messages * 2 * SHORT, 0);
    let (places, _) = bytes.get_mut(start..).unwrap_or_default().as_chunks_mut();
    let ends = senders.ends.iter().zip(&contents.ends);
    for (place, (&sender, &content)) in places.iter_mut().zip(ends) {
        *place = short_digits(sender, content);
    }
}

#[cold]
fn append_long(bytes: &mut Vec<u8>, senders: &List, contents: &List) {
    bytes.extend_from_slice(&long_digits(senders.start));
    bytes.extend_from_slice(&long_digits(contents.start));
    for (&sender, &content) in senders.ends.iter().zip(&contents.ends) {
        bytes.extend_from_slice(&long_digits(sender));
        bytes.extend_from_slice(&long_digits(content));
    }
}

#[inline]
fn take_pair(numbers: &mut &[u8], is_long: bool) -> Option<(u32, u32)> {
    if is_long {
        return Some((take_long(numbers)?, take_long(numbers)?));
    }
    let (digits, left) = numbers.split_first_chunk()?;
    *numbers = left;
    Some(short_pair(*digits))
}

#[cold]
fn take_long(numbers: &mut &[u8]) -> Option<u32> {
    let (digits, left) = numbers.split_first_chunk()?;
    *numbers = left;
    Some(long_number(digits))
}

/// The digits of two numbers below 2^28, both at once: a row of 28 bits becomes two of 14, and each of
/// them two of 7.
#[inline]
pub(super) fn short_digits(first: u32, second: u32) -> [u8; 2 * SHORT] {
    debug_assert!((first | second) >> (7 * SHORT) == 0, "{first}, {second}");
    let bits = u64::from(first) | u64::from(second) << 32;
    let bits = (bits & 0x0000_3FFF_0000_3FFF) | (bits & 0x0FFF_C000_0FFF_C000) << 2;
    let bits = (bits & 0x007F_007F_007F_007F) | (bits & 0x3F80_3F80_3F80_3F80) << 1;
    bits.to_le_bytes()
}

/// Reverses [`short_digits`].
#[inline]
pub(super) fn short_pair(digits: [u8; 2 * SHORT]) -> (u32, u32) {
    let bits = u64::from_le_bytes(digits);
    let bits = (bits & 0x007F_007F_007F_007F) | (bits & 0x7F00_7F00_7F00_7F00) >> 1;
    let bits = (bits & 0x0000_3FFF_0000_3FFF) | (bits & 0x3FFF_0000_3FFF_0000) >> 2;
    (bits as u32, (bits >> 32) as u32)
}

fn long_digits(number: u32) -> [u8; LONG] {
    let mut left = number;
    [(); LONG].map(|()| {
        let digit = (left & 0x7F) as u8;
        left >>= 7;
        digit
    })
}

fn long_number(digits: &[u8; LONG]) -> u32 {
    digits
        .iter()
        .rev()
        .fold(0, |number, digit| number << 7 | u32::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::{
        Index, List, SHORT, Span, append, long_digits, long_number, short_digits, short_pair,
    };
    use alloc::string::String;
    use alloc::vec::Vec;

    #[test]
    fn numbers_of_both_lengths_are_read_as_they_were_written() {
        for shift in 0..32 {
            for value in [(1_u32 << shift) - 1, 1 << shift] {
                assert_eq!(long_number(&long_digits(value)), value);
                assert!(long_digits(value).is_ascii());
                if value < 1 << (7 * SHORT) {
                    let other = (1 << (7 * SHORT)) - 1 - value;
                    let digits = short_digits(value, other);
                    assert!(digits.is_ascii());
                    assert_eq!(short_pair(digits), (value, other));
                }
            }
        }
        assert_eq!(long_number(&long_digits(u32::MAX)), u32::MAX);
    }

    #[test]
    fn messages_are_found_with_numbers_of_both_lengths() {
        for (length, is_long) in [(3, false), (300, true), (70_000, false), (3 << 20, true)] {
            // Two senders, then three contents of which the last has no sender.
            let mut bytes = Vec::from(*b"??alicebob");
            let (mut senders, mut contents) = (List::default(), List::default());
            senders.push(Span { start: 2, end: 7 });
            senders.push(Span { start: 7, end: 10 });
            let mut start = 10;
            for text in ["", &"x".repeat(length), "y"] {
                bytes.extend_from_slice(text.as_bytes());
                let end = start + text.len() as u32;
                contents.push(Span { start, end });
                start = end;
            }
            let mut index = Index::append(&mut bytes, &senders, &contents);
            assert!(!index.is_long, "far below the limit");
            if is_long {
                bytes.truncate(index.start());
                append(&mut bytes, &senders, &contents, true);
                index.is_long = true;
            }
            let text = String::from_utf8(bytes).expect("the index is text");
            assert_eq!(index.len(), 2);
            let part = |span: Span| &text[span.start as usize..span.end as usize];
            let message = |at| {
                let (sender, content) = index.message(&text, at).expect("in range");
                (part(sender), part(content).len())
            };
            assert_eq!([message(0), message(1)], [("alice", 0), ("bob", length)]);
            assert_eq!(index.message(&text, 2), None);
        }
    }
}
