//! [`Content`]: the content of a message.

use alloc::string::String;
use bytes::Bytes;
use core::fmt;
use photon_proto::{DecodeError, DecodeErrorKind, RawValue, Text, Value};

/// How an error calls a content that is text.
pub(super) const TEXT: &str = "text of a message";

/// The content of a message. Displays text as it is, and other values as [`Value`] does.
///
/// Exhaustive: a content is a text, or it is another value, or it cannot be decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// A text.
    Text(&'a str),
    /// Any other value that Photon can serialize.
    Value(&'a Value),
    /// A content that cannot be decoded: it contains text that is not UTF-8, a map or array that
    /// breaks the rules of the serialization protocol, more nesting, values or memory than
    /// [`Limits`](photon_proto::Limits) allow, or a type code that the protocol does not define.
    /// Displays as a text with U+FFFD in place of what is not UTF-8, or as U+FFFD alone if it is no
    /// text.
    ///
    /// The message has its sender and its id, and so have the other messages of the event: a server
    /// relays what users send, and keeps it in the history, so one bad message must not cost the
    /// others at every subscribe.
    ///
    /// The other messages are whole, except if the end of a content cannot be found. Then it and
    /// all contents *behind* it in the event are undecodable, those behind it without any bytes.
    /// This happens
    ///
    /// * if the protocol does not define a type code in it: the length of its data is unknown,
    /// * if a length in it exceeds the event, or is below zero,
    /// * if 65,536 containers in it are open, each with further elements.
    ///
    /// In this case the messages of event 0 keep their ids if the server sent the id before the
    /// contents, or as the last parameter; otherwise they have none, and the last id of the channel
    /// does not change. If the server sent channel or senders behind the contents, the event cannot
    /// be delivered at all and becomes an [`Event::BadMessage`](crate::Event::BadMessage).
    ///
    /// In JSON the end of a value is always known. Half of a surrogate pair (`"\ud800"`) is U+FFFD
    /// in an ordinary text there, and a number out of range is infinite. A syntax error spoils its
    /// frame.
    Undecodable {
        /// The first error in the content. Its offset counts from the start of `bytes`.
        error: &'a DecodeError,
        /// The content as it was received, at most 32 KiB: of a text its bytes, of another value
        /// its serialized form (from JSON: GpBinary 1.8) with the type code.
        bytes: &'a [u8],
    },
}

impl<'a> Content<'a> {
    /// Returns the text, if the content is text.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Value(_) | Self::Undecodable { .. } => None,
        }
    }

    /// Copies the content into a value. One that cannot be decoded becomes the text that it
    /// displays.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match *self {
            Self::Text(text) => Value::String(text.into()),
            Self::Value(value) => value.clone(),
            Self::Undecodable { error, bytes } => {
                Value::String(Text::from(legible(error, bytes).as_str()))
            }
        }
    }

    /// Copies the content.
    #[must_use]
    pub fn to_owned(&self) -> OwnedContent {
        match *self {
            Self::Text(text) => OwnedContent::Text(text.into()),
            Self::Value(value) => OwnedContent::Value(value.clone()),
            Self::Undecodable { error, bytes } => OwnedContent::Undecodable {
                error: *error,
                bytes: Bytes::copy_from_slice(bytes),
            },
        }
    }
}

/// The part of an undecodable content that can be shown.
fn legible(error: &DecodeError, bytes: &[u8]) -> String {
    if error.field == TEXT {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        String::from(char::REPLACEMENT_CHARACTER)
    }
}

impl fmt::Display for Content<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Value(value) => value.fmt(out),
            Self::Undecodable { error, bytes } => out.write_str(&legible(error, bytes)),
        }
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(out),
            Self::Value(value) => value.fmt(out),
            Self::Undecodable { error, bytes } => out
                .debug_struct("Undecodable")
                .field("error", error)
                .field("bytes", bytes)
                .finish(),
        }
    }
}

/// A copy of a [`Content`].
///
/// Exhaustive, like [`Content`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedContent {
    /// A text.
    Text(Text),
    /// Any other value.
    Value(Value),
    /// A content that cannot be decoded. See [`Content::Undecodable`].
    Undecodable {
        /// The first error in the content.
        error: DecodeError,
        /// The content as it was received, at most 32 KiB.
        bytes: Bytes,
    },
}

impl OwnedContent {
    /// Borrows the content.
    #[must_use]
    pub fn get(&self) -> Content<'_> {
        match self {
            Self::Text(text) => Content::Text(text),
            Self::Value(value) => Content::Value(value),
            Self::Undecodable { error, bytes } => Content::Undecodable { error, bytes },
        }
    }
}

impl fmt::Display for OwnedContent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(out)
    }
}

/// A content that cannot be decoded, as an event stores it.
#[derive(Debug)]
pub(crate) struct Undecodable {
    error: DecodeError,
    bytes: Bytes,
}

impl Undecodable {
    /// The most bytes of one content that are kept. No text of GpBinary 1.6 is longer, and what
    /// cannot be decoded is of little use.
    const MAX_BYTES: usize = 32 * 1024;

    /// The memory of a content of `bytes` bytes, with what an allocator adds.
    pub(super) const fn cost(bytes: usize) -> usize {
        size_of::<Self>() + 4 * size_of::<usize>() + bytes
    }

    /// A text that is not UTF-8.
    pub(super) fn text(bytes: &[u8], max_bytes: usize) -> Self {
        let valid = core::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        let error = DecodeError::new(DecodeErrorKind::NotUtf8, valid, TEXT);
        Self::new(error, &[], bytes, max_bytes)
    }

    /// A value that cannot be decoded because of `error`, whose offset counts from the start of the
    /// message.
    pub(super) fn value(error: DecodeError, raw: RawValue<'_>, max_bytes: usize) -> Self {
        let offset = error.offset.saturating_sub(raw.offset());
        let error = DecodeError { offset, ..error };
        match raw.text_bytes() {
            Some(text) => Self::text(text, max_bytes),
            // Lost together with an earlier one.
            None if raw.is_text() && raw.payload().is_empty() => {
                Self::new(DecodeError { offset: 0, ..error }, &[], &[], max_bytes)
            }
            None => Self::new(error, &[raw.type_code()], raw.payload(), max_bytes),
        }
    }

    fn new(error: DecodeError, head: &[u8], tail: &[u8], max_bytes: usize) -> Self {
        let max_bytes = max_bytes.min(Self::MAX_BYTES);
        let head = head.get(..max_bytes).unwrap_or(head);
        let left = max_bytes - head.len();
        // Not byte by byte: an event may have two thousand of them.
        let bytes = [head, tail.get(..left).unwrap_or(tail)].concat();
        Self {
            error,
            bytes: bytes.into(),
        }
    }

    pub(super) fn content(&self) -> Content<'_> {
        Content::Undecodable {
            error: &self.error,
            bytes: &self.bytes,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        Self::cost(self.bytes.len())
    }
}
