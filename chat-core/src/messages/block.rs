//! [`Block`]: the data of one event, in memory that all its messages share.

use super::index::{Index, Spans, short_digits, short_pair};
use super::{Content, Message, Origin, Undecodable};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use photon_proto::{Timestamp, Value};

/// A content that is not text, or that cannot be decoded. The latter is boxed: it is rare, and
/// larger.
pub(super) type Other = Result<Value, Box<Undecodable>>;

/// The contents of an event that are not text.
#[derive(Debug)]
pub(super) struct Others {
    /// With the messages that they belong to, in order. Their place in the text is empty.
    pub(super) contents: Vec<(u32, Other)>,
    /// The memory of them. Noted when they are decoded: a walk through all values would be repeated by
    /// each owner of the event.
    pub(super) bytes: usize,
}

/// The messages of one event, or a part of them.
///
/// Nearly always they are a live event of nothing but texts. It needs a single allocation, which holds
/// everything: an allocation costs as much as the rest of a short event.
#[derive(Clone, Debug)]
pub(super) enum Block {
    /// All messages of an event, live and with nothing but texts: what [`Tail`] describes.
    Whole(Arc<str>),
    Part(Arc<Part>),
}

/// A part of an event, or one that is not live, or one with other contents than texts.
#[derive(Debug)]
pub(super) struct Part {
    text: Arc<str>,
    others: Option<Arc<Others>>,
    /// The index of the first message in the event: the client may deliver only a part of what arrived
    /// together.
    start: usize,
    /// The index behind the last message.
    end: usize,
    origin: Origin,
}

impl Block {
    /// The messages of a live event, whose text ends with a [`Tail`], if some are not text.
    pub(super) fn with_others(text: Arc<str>, others: Others) -> Self {
        debug_assert!(!others.contents.is_empty(), "otherwise they are `Whole`");
        Self::Part(Arc::new(Part {
            start: 0,
            end: Tail::messages_of(&text),
            text,
            others: Some(Arc::new(others)),
            origin: Origin::Live,
        }))
    }

    /// The messages with these indices, which must be in range, and with this origin.
    pub(super) fn part(&self, from: usize, to: usize, origin: Origin) -> Self {
        let view = self.view();
        let (start, end) = (view.start + from, view.start + to);
        debug_assert!(start <= end && end <= view.end, "{from} to {to}");
        if (start, end, origin) == (view.start, view.end, view.origin) {
            return self.clone();
        }
        let (text, others) = match self {
            Self::Whole(text) => (text, None),
            Self::Part(part) => (&part.text, part.others.clone()),
        };
        Self::Part(Arc::new(Part {
            text: Arc::clone(text),
            others,
            start: start.min(view.end),
            end: end.min(view.end),
            origin,
        }))
    }

    #[inline]
    pub(super) fn view(&self) -> View<'_> {
        match self {
            Self::Whole(text) => {
                let tail = Tail::read(text);
                View {
                    text,
                    others: &[],
                    start: 0,
                    end: tail.index.len(),
                    origin: Origin::Live,
                    tail,
                }
            }
            Self::Part(part) => part.view(),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(text) => Tail::messages_of(text),
            Self::Part(part) => part.end - part.start,
        }
    }

    pub(super) fn origin(&self) -> Origin {
        match self {
            Self::Whole(_) => Origin::Live,
            Self::Part(part) => part.origin,
        }
    }

    /// The memory that the messages keep alive.
    #[inline]
    pub(super) fn pinned_bytes(&self) -> usize {
        /// The two counts in front of what an [`Arc`] holds.
        const COUNTS: usize = 2 * size_of::<usize>();
        match self {
            Self::Whole(text) => COUNTS + text.len(),
            Self::Part(part) => {
                let others = part.others.as_ref();
                let others = others.map_or(0, |it| COUNTS + size_of::<Others>() + it.bytes);
                2 * COUNTS + size_of::<Part>() + part.text.len() + others
            }
        }
    }
}

impl Part {
    fn view(&self) -> View<'_> {
        let others = self.others.as_ref();
        View {
            text: &self.text,
            tail: Tail::read(&self.text),
            others: others.map_or(&[], |others| &others.contents),
            start: self.start,
            end: self.end,
            origin: self.origin,
        }
    }
}

/// A [`Block`] that is read.
#[derive(Clone, Copy)]
pub(super) struct View<'m> {
    pub(super) text: &'m str,
    pub(super) tail: Tail,
    others: &'m [(u32, Other)],
    /// The indices of the messages in the event.
    pub(super) start: usize,
    pub(super) end: usize,
    origin: Origin,
}

impl<'m> View<'m> {
    /// The places of the texts of the messages from this index of the event on.
    #[inline]
    pub(super) fn spans(&self, from: usize) -> Spans<'m> {
        self.tail.index.messages(self.text, from)
    }

    /// The message with this index of the event.
    #[inline]
    pub(super) fn message(&self, index: usize) -> Option<Message<'m>> {
        let (sender, content) = self.tail.index.message(self.text, index)?;
        let part = |start: u32, end: u32| {
            let part = self.text.get(start as usize..end as usize);
            debug_assert!(part.is_some(), "MessagesBuilder::finish checked every span");
            part.unwrap_or_default()
        };
        let sender = part(sender.start, sender.end);
        Some(self.message_of(index, sender, part(content.start, content.end)))
    }

    /// The message with this index of the event, and with these texts.
    #[inline]
    pub(super) fn message_of(
        &self,
        index: usize,
        sender: &'m str,
        content: &'m str,
    ) -> Message<'m> {
        Message {
            sender,
            content: match content {
                "" => other(self.others, index),
                text => Content::Text(text),
            },
            id: self.id(index),
            received: self.tail.received,
        }
    }

    /// The server sends only the id of the last message; ids inside one event are consecutive.
    /// An id of 0 or below would mean "none". Spec: chat.md 4.1.
    #[inline]
    fn id(&self, index: usize) -> Option<i32> {
        let length = self.tail.index.len();
        debug_assert!(index < length, "the caller has the message of this index");
        let after_it = i32::try_from(length - 1 - index).ok()?;
        self.tail
            .last_id?
            .checked_sub(after_it)
            .filter(|&id| id > 0)
    }

    /// The id of the last message, as the server sent it or counted back from that.
    #[inline]
    pub(super) fn last_id(&self) -> Option<i32> {
        let left_out = self.tail.index.len() - self.end;
        let left_out = i32::try_from(left_out).ok()?;
        self.tail.last_id?.checked_sub(left_out)
    }
}

/// The content of a message without text.
// Not a method, for which a view would have to be in memory: an iterator keeps it in registers.
fn other(others: &[(u32, Other)], index: usize) -> Content<'_> {
    let found = others.binary_search_by_key(&index, |(of, _)| *of as usize);
    match found.ok().and_then(|place| others.get(place)) {
        Some((_, Ok(value))) => Content::Value(value),
        Some((_, Err(undecodable))) => undecodable.content(),
        None => Content::Text(""),
    }
}

/// What all messages of an event have in common, at the end of its text.
///
/// As in the [index](Index), each byte has 7 bits and is a character:
///
/// ```text
/// number of messages, the highest bits of all | start of the index, last id | time
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) index: Index,
    /// The id of the last message, as the server sent it.
    pub(super) last_id: Option<i32>,
    /// Whether certainly no sender is the client's user. Looked up only where it matters, and while
    /// the senders are at hand: the index would have to be decoded again.
    pub(super) is_of_others: bool,
    /// One stamp for all of them: they arrived together.
    pub(super) received: Timestamp,
}

/// The bits of a number in a group, which holds two.
const BITS: u32 = 28;
const MASK: u32 = (1 << BITS) - 1;

impl Tail {
    /// Three groups of two numbers.
    pub(super) const BYTES: usize = 24;

    #[inline(always)]
    pub(super) fn append(self, bytes: &mut Vec<u8>) {
        let Index {
            start,
            messages,
            is_long,
        } = self.index;
        let (id, has_id) = match self.last_id {
            Some(id) => (id.cast_unsigned(), 1),
            None => (0, 0),
        };
        let micros = self.received.as_micros();
        let high = (messages >> BITS)
            | (start >> BITS) << 4
            | (id >> BITS) << 8
            | has_id << 12
            | u32::from(is_long) << 13
            | u32::from(self.is_of_others) << 14
            | ((micros >> (2 * BITS)) as u32) << 15;
        let groups = [
            short_digits(messages & MASK, high),
            short_digits(start & MASK, id & MASK),
            short_digits(micros as u32 & MASK, (micros >> BITS) as u32 & MASK),
        ];
        bytes.extend_from_slice(groups.as_flattened());
    }

    /// The groups at the end of a text.
    #[inline]
    fn groups(text: &str) -> [[u8; 8]; 3] {
        let tail = text.as_bytes().last_chunk::<{ Self::BYTES }>();
        debug_assert!(tail.is_some(), "the text of an event ends with a tail");
        let [first, second, third] = tail.map_or(&[][..], |tail| tail.as_chunks::<8>().0) else {
            return [[0; 8]; 3];
        };
        [*first, *second, *third]
    }

    /// The number of messages in the event with this text.
    #[inline]
    pub(super) fn messages_of(text: &str) -> usize {
        let [first, _, _] = Self::groups(text);
        let (low, high) = short_pair(first);
        (low | high << BITS) as usize
    }

    #[inline]
    pub(super) fn read(text: &str) -> Self {
        let [first, second, third] = Self::groups(text).map(short_pair);
        let ((messages, high), (start, id), (low, middle)) = (first, second, third);
        let id = (id | (high >> 8) << BITS).cast_signed();
        let micros = u64::from(low) | u64::from(middle) << BITS;
        Self {
            index: Index {
                start: start | (high >> 4) << BITS,
                messages: messages | high << BITS,
                is_long: high >> 13 & 1 != 0,
            },
            last_id: (high >> 12 & 1 != 0).then_some(id),
            is_of_others: high >> 14 & 1 != 0,
            received: Timestamp::from_micros(micros | u64::from(high >> 15) << (2 * BITS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, Tail, Timestamp};
    use alloc::string::String;
    use alloc::vec::Vec;

    #[test]
    fn a_tail_is_read_as_it_was_written() {
        let numbers = [0, 1, 0x7F, (1 << 28) - 1, 1 << 28, 0xA5A5_A5A5, u32::MAX];
        let times = [
            0,
            1,
            (1 << 28) - 1,
            1 << 28,
            1 << 56,
            0xA5A5_A5A5_A5A5_A5A5,
            u64::MAX,
        ];
        for start in numbers {
            for messages in numbers {
                for id in numbers {
                    for micros in times {
                        let tail = Tail {
                            index: Index {
                                start,
                                messages,
                                is_long: start > messages,
                            },
                            last_id: (id != 1).then_some(id.cast_signed()),
                            is_of_others: micros > id.into(),
                            received: Timestamp::from_micros(micros),
                        };
                        let mut bytes = Vec::from("text");
                        tail.append(&mut bytes);
                        assert_eq!(bytes.len(), 4 + Tail::BYTES);
                        assert!(bytes.is_ascii());
                        let text = String::from_utf8(bytes).expect("digits");
                        assert_eq!(Tail::read(&text), tail);
                        assert_eq!(Tail::messages_of(&text), messages as usize);
                    }
                }
            }
        }
    }
}
