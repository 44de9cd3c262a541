//! [`Messages`]: the messages of one event. All of them are views of one shared text.

mod block;
mod builder;
mod content;
mod index;
mod origin;

use block::{Block, View};
use core::fmt;
use core::ops::Range;
use index::Spans;
use photon_proto::{Text, Timestamp};

pub(crate) use builder::MessagesBuilder;
pub(crate) use content::Undecodable;
pub use content::{Content, OwnedContent};
pub use origin::Origin;

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
pub struct Messages(Block);

impl Messages {
    /// The messages with these indices, which must be in range, and with this origin. They share
    /// the text.
    pub(crate) fn part(&self, from: usize, to: usize, origin: Origin) -> Self {
        Self(self.0.part(from, to, origin))
    }

    /// Returns how the messages reached the client. Only those of a public channel have another
    /// origin than [`Origin::Live`].
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.origin()
    }

    /// Returns the number of messages.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no messages. Those of an event are never empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns one message. Index 0 is the oldest.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Message<'_>> {
        let view = self.0.view();
        let index = view.start.saturating_add(index);
        if index >= view.end {
            return None;
        }
        view.message(index)
    }

    /// Iterates over the messages, oldest first.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Message<'_>> + DoubleEndedIterator {
        let view = self.0.view();
        let spans = view.spans(view.start);
        let behind = |start: u32| view.text.get(start as usize..).unwrap_or_default();
        let (senders, contents) = spans.starts();
        Iter {
            view,
            left: view.start..view.end,
            senders: behind(senders),
            contents: behind(contents),
            spans,
        }
    }

    /// Whether certainly none of the messages is from the client's user. False if that was not asked
    /// for when they arrived.
    #[inline]
    pub(crate) fn are_of_others(&self) -> bool {
        self.0.view().tail.is_of_others
    }

    /// Returns the id of the last message, if the server sent it.
    #[must_use]
    pub fn last_id(&self) -> Option<i32> {
        self.0.view().last_id()
    }

    /// Returns how many bytes of memory these messages keep alive: those of all messages that
    /// arrived together with them.
    #[must_use]
    #[inline]
    pub fn pinned_bytes(&self) -> usize {
        self.0.pinned_bytes()
    }
}

/// Messages of one event, from both ends.
struct Iter<'m> {
    view: View<'m>,
    /// Their indices in the event.
    left: Range<usize>,
    /// The text from the sender of the next message on, and from its content on. What is taken from
    /// the front needs one boundary of a character; a range would have two.
    senders: &'m str,
    contents: &'m str,
    /// The places of the texts of the next message and of those behind it.
    spans: Spans<'m>,
}

impl<'m> Iter<'m> {
    /// Takes the sender and the content of the next message.
    #[inline]
    fn texts(&mut self) -> Option<(&'m str, &'m str)> {
        let (sender, content) = self.spans.next()?;
        let (sender, senders) = self.senders.split_at_checked(sender.len())?;
        let (content, contents) = self.contents.split_at_checked(content.len())?;
        (self.senders, self.contents) = (senders, contents);
        Some((sender, content))
    }
}

impl<'m> Iterator for Iter<'m> {
    type Item = Message<'m>;

    #[inline]
    fn next(&mut self) -> Option<Message<'m>> {
        let index = self.left.next()?;
        let texts = self.texts();
        debug_assert!(
            texts.is_some(),
            "MessagesBuilder::finish checked every span"
        );
        let message = texts.map(|(sender, content)| self.view.message_of(index, sender, content));
        Some(message.unwrap_or(Message::EMPTY))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let message = self.view.message(self.left.next_back()?);
        debug_assert!(message.is_some(), "the range is of this event");
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
