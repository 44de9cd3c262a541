//! [`Messages`]: the messages of one event. All of them are views of one shared text.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use photon_proto::{Text, Value};

/// A range of bytes in the shared text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentSpan {
    Text(Span),
    /// Index into [`Block::values`].
    Value(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    sender: Span,
    content: ContentSpan,
}

/// The data of one event: one allocation for all texts, and one for all entries.
#[derive(Debug)]
struct Block {
    text: Box<str>,
    entries: Entries,
    /// Contents that are not text.
    values: Vec<Value>,
    /// The id of the last message, as the server sent it.
    last_id: Option<i32>,
}

/// Most events hold one message, which then needs no allocation for its entry.
#[derive(Debug)]
enum Entries {
    One(Entry),
    Many(Box<[Entry]>),
}

impl Entries {
    fn new(entries: &[Entry]) -> Self {
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
        let Some(part) = self.text.get(span.start as usize..span.end as usize) else {
            debug_assert!(false, "MessagesBuilder::finish checked every span");
            return "";
        };
        part
    }

    fn message(&self, index: usize, entry: &Entry) -> Message<'_> {
        let content = match entry.content {
            ContentSpan::Text(span) => Content::Text(self.part(span)),
            ContentSpan::Value(value) => {
                let value = self.values.get(value as usize);
                debug_assert!(value.is_some(), "MessagesBuilder::value pushed both");
                Content::Value(value.unwrap_or(&Value::Null))
            }
        };
        Message {
            sender: self.part(entry.sender),
            content,
            id: self.id(index),
        }
    }

    /// The server sends only the id of the last message; ids inside one event are consecutive.
    /// An id of 0 or below would mean "none". Spec: chat.md 4.1.
    fn id(&self, index: usize) -> Option<i32> {
        let length = self.entries.as_slice().len();
        debug_assert!(index < length, "the caller has the entry of this index");
        let after_it = i32::try_from(length - 1 - index).ok()?;
        self.last_id?.checked_sub(after_it).filter(|&id| id > 0)
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

/// The messages of one event, oldest first. A clone shares the text.
///
/// ```
/// use chat_core::{Content, Messages};
///
/// fn show(messages: &Messages, me: &str) {
///     for message in messages.iter().filter(|message| !message.is_from(me)) {
///         match message.content {
///             Content::Text(text) => println!("{}: {text}", message.sender),
///             Content::Value(value) => println!("{} sent {value}", message.sender),
///         }
///     }
/// }
/// # let _ = show;
/// ```
#[derive(Clone)]
pub struct Messages(Arc<Block>);

impl Messages {
    /// Returns the number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.as_slice().len()
    }

    /// Whether there are no messages. Those of an event are never empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns one message. Index 0 is the oldest.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Message<'_>> {
        let entry = self.0.entries.as_slice().get(index)?;
        Some(self.0.message(index, entry))
    }

    /// Iterates over the messages, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Message<'_>> + DoubleEndedIterator {
        let entries = self.0.entries.as_slice().iter().enumerate();
        entries.map(|(index, entry)| self.0.message(index, entry))
    }

    /// Returns the id of the last message, if the server sent it.
    #[must_use]
    pub fn last_id(&self) -> Option<i32> {
        self.0.last_id
    }

    /// Returns how many bytes of memory these messages keep alive.
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

/// A private message. A clone shares the text.
///
/// ```
/// use chat_core::{ChatClient, Event, PrivateOptions};
///
/// fn answer(chat: &mut ChatClient, event: &Event) -> Result<(), chat_core::RequestError> {
///     let Event::PrivateMessage { message, .. } = event else { return Ok(()) };
///     // The server also sends back the messages of this user.
///     if message.sender() == chat.user_id() {
///         return Ok(());
///     }
///     chat.send_private_message(message.sender(), "I am away", &PrivateOptions::new())
/// }
/// # let _ = answer;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateMessage(Messages);

impl PrivateMessage {
    /// Makes a private message from the messages of event 2.
    pub(crate) fn new(messages: Messages) -> Self {
        debug_assert_eq!(messages.len(), 1, "event 2 holds one message");
        Self(messages)
    }

    /// Returns the message.
    #[must_use]
    pub fn get(&self) -> Message<'_> {
        let Some(message) = self.0.get(0) else {
            debug_assert!(false, "PrivateMessage::new asserts one message");
            return Message::EMPTY;
        };
        message
    }

    /// Returns the user id of the sender.
    #[must_use]
    pub fn sender(&self) -> &str {
        self.get().sender
    }

    /// Returns the content.
    #[must_use]
    pub fn content(&self) -> Content<'_> {
        self.get().content
    }

    /// Returns the id, if the server sent it.
    #[must_use]
    pub fn id(&self) -> Option<i32> {
        self.get().id
    }

    /// Returns how many bytes of memory this message keeps alive.
    #[must_use]
    pub fn pinned_bytes(&self) -> usize {
        self.0.pinned_bytes()
    }
}

impl fmt::Debug for PrivateMessage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(out)
    }
}

/// One message, borrowed from the event or the cache that holds it.
///
/// Non-exhaustive: the server may add data to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<'a> {
    /// The user id of the sender.
    pub sender: &'a str,
    /// The content.
    pub content: Content<'a>,
    /// The id, if it is known. The server sends only the last id of an event; the others are
    /// counted back from it.
    pub id: Option<i32>,
}

impl Message<'_> {
    const EMPTY: Message<'static> = Message {
        sender: "",
        content: Content::Text(""),
        id: None,
    };

    /// Whether this user sent it.
    #[must_use]
    pub fn is_from(&self, user: &str) -> bool {
        self.sender == user
    }

    /// Copies the message.
    #[must_use]
    pub fn to_owned(&self) -> OwnedMessage {
        OwnedMessage {
            sender: self.sender.into(),
            content: self.content.to_value(),
            id: self.id,
        }
    }
}

/// The content of a message. Displays text as it is, and other values as [`Value`] does.
///
/// Exhaustive: a content is a text, or it is another value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// A text.
    Text(&'a str),
    /// Any other value that Photon can serialize.
    Value(&'a Value),
}

impl<'a> Content<'a> {
    /// Returns the text, if the content is text.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Value(_) => None,
        }
    }

    /// Copies the content into a value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match *self {
            Self::Text(text) => Value::String(text.into()),
            Self::Value(value) => value.clone(),
        }
    }
}

impl fmt::Display for Content<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Value(value) => value.fmt(out),
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

/// A copy of a message, for applications that keep messages.
///
/// Non-exhaustive, like [`Message`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedMessage {
    /// The user id of the sender.
    pub sender: Text,
    /// The content.
    pub content: Value,
    /// The id, if it is known.
    pub id: Option<i32>,
}

/// Collects the parts of one event: first the bytes of all texts, whose UTF-8 is checked once at
/// the end. Checking each text by itself takes twice as long.
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

    /// Offsets above 4 GiB, which need a message of that length, become `u32::MAX`. That is no
    /// character boundary, so [`MessagesBuilder::finish`] rejects them.
    fn push(&mut self, bytes: &[u8]) -> Span {
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(bytes);
        Span {
            start,
            end: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
        }
    }

    /// Begins the list of senders. If a message has the list twice, the last one counts.
    pub(crate) fn begin_senders(&mut self) {
        self.senders.clear();
    }

    /// Begins the list of contents. If a message has the list twice, the last one counts.
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
        debug_assert!(
            u32::try_from(self.values.len()).is_ok(),
            "each value costs memory that Limits bounds below 2^32 values"
        );
        self.contents
            .push(ContentSpan::Value(self.values.len() as u32));
        self.values.push(value);
    }

    /// Pairs senders with contents, up to the shorter list. Returns `None` if a text is not UTF-8.
    /// Spec: chat.md 4.1.
    pub(crate) fn finish(&mut self, last_id: Option<i32>) -> Option<Messages> {
        // One check of all bytes, then one of each start and end: a text that was cut inside a
        // character would be valid only together with its neighbour.
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
        Some(Messages(Arc::new(Block {
            text: text.into(),
            entries: Entries::new(&self.entries),
            values,
            last_id,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::{MessagesBuilder, Value};
    use alloc::string::ToString;

    #[test]
    fn contents_are_displayed_as_a_reader_expects() {
        let mut builder = MessagesBuilder::default();
        for _ in 0..2 {
            builder.sender(b"alice");
        }
        builder.text("h\u{e4}?".as_bytes());
        builder.value(Value::Int(7));
        let messages = builder.finish(Some(12)).expect("valid UTF-8");
        let shown: alloc::vec::Vec<_> = messages
            .iter()
            .map(|message| (message.id, message.content.to_string()))
            .collect();
        assert_eq!(
            shown,
            [
                (Some(11), "h\u{e4}?".into()),
                (Some(12), Value::Int(7).to_string())
            ]
        );
        assert!(messages.iter().all(|message| message.is_from("alice")));
        assert!(!messages.iter().any(|message| message.is_from("Alice")));
    }

    #[test]
    fn a_text_that_ends_inside_a_character_is_rejected_even_if_the_next_one_completes_it() {
        let mut builder = MessagesBuilder::default();
        builder.sender(&[0xC3]);
        builder.text(&[0xA4]);
        assert_eq!(builder.finish(None), None);
    }
}
