//! [`Messages`]: the messages of one event, all views of one shared text.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use photon_proto::{Text, Value};

/// A part of the shared text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentSpan {
    Text(Span),
    /// Index of a value.
    Value(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) sender: Span,
    pub(crate) content: ContentSpan,
}

/// One allocation of text, one of entries, whatever their number.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) text: Box<str>,
    pub(crate) entries: Entries,
    /// Contents that are not text.
    pub(crate) values: Vec<Value>,
    /// Id of the last message, as the server gave it.
    pub(crate) last_id: Option<i32>,
}

/// Most events hold one message, which needs no list.
#[derive(Debug)]
pub(crate) enum Entries {
    One(Entry),
    Many(Box<[Entry]>),
}

impl Entries {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        match entries {
            [one] => Self::One(*one),
            many => Self::Many(many.into()),
        }
    }

    fn as_slice(&self) -> &[Entry] {
        match self {
            Self::One(entry) => core::slice::from_ref(entry),
            Self::Many(entries) => entries,
        }
    }
}

impl Block {
    fn part(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    fn get(&self, index: usize) -> Option<Message<'_>> {
        let entry = self.entries.as_slice().get(index)?;
        let content = match entry.content {
            ContentSpan::Text(span) => Content::Text(self.part(span)),
            ContentSpan::Value(index) => {
                Content::Value(self.values.get(index as usize).unwrap_or(&Value::Null))
            }
        };
        Some(Message {
            sender: self.part(entry.sender),
            content,
            id: self.id(index),
        })
    }

    /// Inside one event the ids end with the last one and count up by one. Spec: chat.md 4.1.
    fn id(&self, index: usize) -> Option<i32> {
        let behind = self
            .entries
            .as_slice()
            .len()
            .checked_sub(index.checked_add(1)?)?;
        self.last_id?
            .checked_sub(i32::try_from(behind).ok()?)
            .filter(|&id| id > 0)
    }

    fn pinned_bytes(&self) -> usize {
        let entries = size_of_val(self.entries.as_slice());
        let values = self
            .values
            .iter()
            .map(|value| size_of::<Value>() + value.heap_bytes())
            .sum::<usize>();
        size_of::<Self>() + self.text.len() + entries + values
    }
}

/// The messages of one event, oldest first. Cloning copies no text.
#[derive(Clone)]
pub struct Messages(Arc<Block>);

impl Messages {
    pub(crate) fn new(block: Block) -> Self {
        Self(Arc::new(block))
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.as_slice().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One message, counting from 0, the oldest.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Message<'_>> {
        self.0.get(index)
    }

    /// All messages, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Message<'_>> + DoubleEndedIterator {
        let entries = self.0.entries.as_slice();
        (0..entries.len()).map(|index| {
            self.0.get(index).unwrap_or(Message {
                sender: "",
                content: Content::Value(&Value::Null),
                id: None,
            })
        })
    }

    /// Id of the last message, if the server gave it.
    #[must_use]
    pub fn last_id(&self) -> Option<i32> {
        self.0.last_id
    }

    /// Memory that these messages keep alive, in bytes.
    #[must_use]
    pub fn pinned_bytes(&self) -> usize {
        self.0.pinned_bytes()
    }
}

impl PartialEq for Messages {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Messages {}

impl fmt::Debug for Messages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// A private message. Cloning copies no text.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateMessage(pub(crate) Messages);

impl PrivateMessage {
    /// The message.
    #[must_use]
    pub fn get(&self) -> Message<'_> {
        self.0.get(0).unwrap_or(Message {
            sender: "",
            content: Content::Value(&Value::Null),
            id: None,
        })
    }

    /// Who wrote it.
    #[must_use]
    pub fn sender(&self) -> &str {
        self.get().sender
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> Content<'_> {
        self.get().content
    }

    /// Its id, if the server gave one.
    #[must_use]
    pub fn id(&self) -> Option<i32> {
        self.get().id
    }
}

impl fmt::Debug for PrivateMessage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(out)
    }
}

/// One message, borrowed from the event or the cache that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<'a> {
    /// Who wrote it.
    pub sender: &'a str,
    /// What it says.
    pub content: Content<'a>,
    /// Its id, where it is known: ids inside one event are counted back from the last one.
    pub id: Option<i32>,
}

impl Message<'_> {
    /// Whether this user wrote it.
    #[must_use]
    pub fn is_from(&self, user: &str) -> bool {
        self.sender == user
    }

    /// The message in memory of its own.
    #[must_use]
    pub fn to_owned(&self) -> OwnedMessage {
        OwnedMessage {
            sender: self.sender.into(),
            content: self.content.to_value(),
            id: self.id,
        }
    }
}

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Text.
    Text(&'a str),
    /// Anything else that Photon can serialise.
    Value(&'a Value),
}

impl<'a> Content<'a> {
    /// The text, if it is text.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Value(_) => None,
        }
    }

    /// The content as a value in memory of its own.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match *self {
            Self::Text(text) => Value::String(text.into()),
            Self::Value(value) => value.clone(),
        }
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(out),
            Self::Value(value) => value.fmt(out),
        }
    }
}

/// A message in memory of its own, for people who keep messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedMessage {
    /// Who wrote it.
    pub sender: Text,
    /// What it says.
    pub content: Value,
    /// Its id, where it is known.
    pub id: Option<i32>,
}

/// Gathers the parts of one event: bytes first, their UTF-8 checked once at the end.
#[derive(Debug, Default)]
pub(crate) struct MessagesBuilder {
    bytes: Vec<u8>,
    senders: Vec<Span>,
    contents: Vec<ContentSpan>,
    entries: Vec<Entry>,
    values: Vec<Value>,
}

impl MessagesBuilder {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.begin_senders();
        self.begin_contents();
    }

    fn push(&mut self, bytes: &[u8]) -> Span {
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(bytes);
        Span {
            start,
            end: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
        }
    }

    /// A list of senders begins; one that was there before counts no more.
    pub(crate) fn begin_senders(&mut self) {
        self.senders.clear();
    }

    /// As [`MessagesBuilder::begin_senders`] for contents.
    pub(crate) fn begin_contents(&mut self) {
        self.contents.clear();
        self.values.clear();
    }

    pub(crate) fn sender(&mut self, bytes: &[u8]) {
        let span = self.push(bytes);
        self.senders.push(span);
    }

    pub(crate) fn text(&mut self, bytes: &[u8]) {
        let span = self.push(bytes);
        self.contents.push(ContentSpan::Text(span));
    }

    pub(crate) fn value(&mut self, value: Value) {
        self.contents.push(ContentSpan::Value(
            u32::try_from(self.values.len()).unwrap_or(u32::MAX),
        ));
        self.values.push(value);
    }

    /// Senders and contents in pairs, up to the shorter list; `None` if any text is not UTF-8. Spec: chat.md 4.1.
    pub(crate) fn finish(&mut self, last_id: Option<i32>) -> Option<Messages> {
        // One check of everything, and one at every start and end: a text cut inside a character shows there.
        let text = core::str::from_utf8(&self.bytes).ok()?;
        let whole = |span: &Span| {
            text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize)
        };
        let texts = self.contents.iter().filter_map(|content| match content {
            ContentSpan::Text(span) => Some(span),
            ContentSpan::Value(_) => None,
        });
        if !self.senders.iter().chain(texts).all(whole) {
            return None;
        }
        self.entries.clear();
        self.entries.extend(
            self.senders
                .iter()
                .zip(&self.contents)
                .map(|(&sender, &content)| Entry { sender, content }),
        );
        let values = core::mem::take(&mut self.values);
        Some(Messages::new(Block {
            text: text.into(),
            entries: Entries::new(&self.entries),
            values,
            last_id,
        }))
    }
}
