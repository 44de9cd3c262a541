//! [`Messages`]: the messages of one event. All of them are views of one shared text.

mod builder;
mod content;
mod index;
mod origin;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use photon_proto::{Text, Timestamp, Value};

pub(crate) use builder::MessagesBuilder;
pub(crate) use content::Undecodable;
pub use content::{Content, OwnedContent};
use index::{Index, Span, Spans};
pub use origin::Origin;

/// A content that is not text, or that cannot be decoded. The latter is boxed: it is rare, and
/// larger.
type Other = Result<Value, Box<Undecodable>>;

/// The data of one event: one allocation for all texts, with the index of them.
#[derive(Debug)]
struct Block {
    text: Box<str>,
    index: Index,
    /// Contents that are not text, and the messages that they belong to, in order. Their place in
    /// the text is empty.
    others: Vec<(u32, Other)>,
    /// The memory of them. Noted when they are decoded: a walk through all values would be repeated by
    /// each owner of the event.
    others_bytes: usize,
    /// The id of the last message, as the server sent it.
    last_id: Option<i32>,
    /// Whether certainly no sender is the client's user. Looked up only where it matters, and while
    /// the senders are at hand: the index would have to be decoded again.
    is_of_others: bool,
    /// One stamp for all of them: they arrived together.
    received: Timestamp,
}

impl Block {
    #[inline]
    fn part(&self, span: Span) -> &str {
        let Some(part) = self.text.get(span.start as usize..span.end as usize) else {
            debug_assert!(false, "MessagesBuilder::finish checked every span");
            return "";
        };
        part
    }

    #[inline]
    fn message(&self, index: usize) -> Option<Message<'_>> {
        let (sender, content) = self.index.message(&self.text, index)?;
        Some(self.message_at(index, sender, content))
    }

    #[inline]
    fn message_at(&self, index: usize, sender: Span, content: Span) -> Message<'_> {
        Message {
            sender: self.part(sender),
            content: match self.part(content) {
                "" => self.other(index),
                text => Content::Text(text),
            },
            id: self.id(index),
            received: self.received,
        }
    }

    /// The content of a message without text.
    fn other(&self, index: usize) -> Content<'_> {
        let found = self
            .others
            .binary_search_by_key(&index, |(of, _)| *of as usize);
        match found.ok().and_then(|place| self.others.get(place)) {
            Some((_, Ok(value))) => Content::Value(value),
            Some((_, Err(undecodable))) => undecodable.content(),
            None => Content::Text(""),
        }
    }

    /// The server sends only the id of the last message; ids inside one event are consecutive.
    /// An id of 0 or below would mean "none". Spec: chat.md 4.1.
    #[inline]
    fn id(&self, index: usize) -> Option<i32> {
        let length = self.index.len();
        debug_assert!(index < length, "the caller has the message of this index");
        let after_it = i32::try_from(length - 1 - index).ok()?;
        self.last_id?.checked_sub(after_it).filter(|&id| id > 0)
    }

    fn pinned_bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.others_bytes
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
///             // The other messages of the event are whole.
///             Content::Undecodable { error, .. } => println!("{}: ({error})", message.sender),
///         }
///     }
/// }
/// # let _ = show;
/// ```
#[derive(Clone)]
pub struct Messages {
    block: Arc<Block>,
    /// The index of the first message in the block: the client may deliver only a part of what
    /// arrived together.
    start: u32,
    /// The index behind the last message, and the origin.
    end: End,
}

/// An index and an origin in four bytes: with eight, the largest event would exceed its limit of 48.
#[derive(Clone, Copy)]
struct End(u32);

impl End {
    const INDEX_BITS: u32 = 30;
    const MAX_INDEX: usize = (1 << Self::INDEX_BITS) - 1;

    fn new(index: usize, origin: Origin) -> Self {
        debug_assert!(
            index <= Self::MAX_INDEX,
            "each message takes a byte of an event, and events are smaller"
        );
        Self(index.min(Self::MAX_INDEX) as u32 | origin.number() << Self::INDEX_BITS)
    }

    const fn index(self) -> usize {
        self.0 as usize & Self::MAX_INDEX
    }

    const fn origin(self) -> Origin {
        Origin::of_number(self.0 >> Self::INDEX_BITS)
    }
}

impl Messages {
    fn new(block: Block) -> Self {
        let end = End::new(block.index.len(), Origin::Live);
        Self {
            block: Arc::new(block),
            start: 0,
            end,
        }
    }

    /// The messages with these indices, which must be in range, and with this origin. They share
    /// the text.
    pub(crate) fn part(&self, from: usize, to: usize, origin: Origin) -> Self {
        debug_assert!(
            from <= to && to <= self.len(),
            "{from} to {to} of {}",
            self.len()
        );
        let (start, end) = (self.start as usize, self.end.index());
        let to = (start + to).min(end);
        Self {
            block: Arc::clone(&self.block),
            start: (start + from).min(to) as u32,
            end: End::new(to, origin),
        }
    }

    /// Returns how the messages reached the client. Only those of a public channel have another
    /// origin than [`Origin::Live`].
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.end.origin()
    }

    /// Returns the number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.index() - self.start as usize
    }

    /// Whether there are no messages. Those of an event are never empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns one message. Index 0 is the oldest.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Message<'_>> {
        if index >= self.len() {
            return None;
        }
        self.block.message(self.start as usize + index)
    }

    /// Iterates over the messages, oldest first.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Message<'_>> + DoubleEndedIterator {
        let block = &*self.block;
        let from = self.start as usize;
        Iter {
            block,
            left: from..self.end.index(),
            spans: block.index.messages(&block.text, from),
        }
    }

    /// Whether certainly none of the messages is from the client's user. False if that was not asked
    /// for when they arrived.
    #[inline]
    pub(crate) fn are_of_others(&self) -> bool {
        self.block.is_of_others
    }

    /// Returns the id of the last message, if the server sent it.
    #[must_use]
    pub fn last_id(&self) -> Option<i32> {
        let left_out = self.block.index.len() - self.end.index();
        self.block
            .last_id?
            .checked_sub(i32::try_from(left_out).ok()?)
    }

    /// Returns how many bytes of memory these messages keep alive: those of all messages that
    /// arrived together with them.
    #[must_use]
    pub fn pinned_bytes(&self) -> usize {
        self.block.pinned_bytes()
    }
}

/// Messages of one block, from both ends.
struct Iter<'m> {
    block: &'m Block,
    left: Range<usize>,
    /// The places of the texts of the next message and of those behind it.
    spans: Spans<'m>,
}

impl<'m> Iterator for Iter<'m> {
    type Item = Message<'m>;

    #[inline]
    fn next(&mut self) -> Option<Message<'m>> {
        let index = self.left.next()?;
        let spans = self.spans.next();
        debug_assert!(spans.is_some(), "the range is of this block");
        let message = spans.map(|(sender, content)| self.block.message_at(index, sender, content));
        Some(message.unwrap_or(Message::EMPTY))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let message = self.block.message(self.left.next_back()?);
        debug_assert!(message.is_some(), "the range is of this block");
        Some(message.unwrap_or(Message::EMPTY))
    }
}

impl ExactSizeIterator for Iter<'_> {}

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
///     chat.send_private_message(message.sender(), "I am away", &PrivateOptions::new())?;
///     Ok(())
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

    /// The message as a list of one.
    pub(crate) const fn messages(&self) -> &Messages {
        &self.0
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

    /// Returns the time at which the client received it, as [`Message::received`].
    #[must_use]
    pub fn received(&self) -> Timestamp {
        self.get().received
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
/// Two messages are equal if sender, content and id are: a message that the server sends again is
/// the same one, although it is received later.
///
/// Non-exhaustive: the server may add data to messages.
#[derive(Clone, Copy, Debug, Eq)]
#[non_exhaustive]
pub struct Message<'a> {
    /// The user id of the sender. It contains U+FFFD where the server sent no UTF-8, and is U+FFFD
    /// alone if the server sent no text.
    pub sender: &'a str,
    /// The content.
    pub content: Content<'a>,
    /// The id, if it is known. The server sends only the last id of an event; the others are
    /// counted back from it.
    pub id: Option<i32>,
    /// The time at which this client received it: the `now` of the
    /// [`service`](crate::ChatClient::service) call that decoded it, on the clock of the driver. The
    /// messages of one event have the same.
    ///
    /// The protocol has no time of sending. Messages of a history were sent earlier than this, by any
    /// amount; an application that needs the time of sending puts it into the content.
    pub received: Timestamp,
}

impl PartialEq for Message<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.sender, self.content, self.id) == (other.sender, other.content, other.id)
    }
}

impl Message<'_> {
    const EMPTY: Message<'static> = Message {
        sender: "",
        content: Content::Text(""),
        id: None,
        received: Timestamp::ZERO,
    };

    /// Whether this user sent it. [`ChatClient::is_mine`](crate::ChatClient::is_mine) asks for the
    /// client's own.
    #[must_use]
    pub fn is_from(&self, user: &str) -> bool {
        self.sender == user
    }

    /// Copies the message.
    #[must_use]
    pub fn to_owned(&self) -> OwnedMessage {
        OwnedMessage {
            sender: self.sender.into(),
            content: self.content.to_owned(),
            id: self.id,
            received: self.received,
        }
    }
}

/// A copy of a message, for applications that keep messages. Compares as [`Message`] does.
///
/// Non-exhaustive, like [`Message`].
#[derive(Clone, Debug, Eq)]
#[non_exhaustive]
pub struct OwnedMessage {
    /// The user id of the sender.
    pub sender: Text,
    /// The content.
    pub content: OwnedContent,
    /// The id, if it is known.
    pub id: Option<i32>,
    /// The time at which the client received it. See [`Message::received`].
    pub received: Timestamp,
}

impl PartialEq for OwnedMessage {
    fn eq(&self, other: &Self) -> bool {
        (&self.sender, &self.content, self.id) == (&other.sender, &other.content, other.id)
    }
}
