//! Messages and their contents.

use super::cause::Shown;
use crate::messages::{Content, Message, Messages, OwnedContent, OwnedMessage, PrivateMessage};
use ::serde::de::Deserialize;
use ::serde::ser::{Serialize, Serializer};
use bytes::Bytes;
use photon_proto::{FromValueError, Text, Value, from_text, from_value};

impl<'a> Content<'a> {
    /// Reads the content into a type of your own, which may borrow from it. See the
    /// [module](crate::serde) for the mapping.
    ///
    /// ```
    /// use chat_core::Content;
    ///
    /// let content = Content::Text("hello");
    /// assert_eq!(content.to::<String>()?, "hello");
    /// let error = content.to::<i32>().unwrap_err();
    /// assert_eq!(error.to_string(), "expected i32, found a text at the value itself");
    /// # Ok::<(), chat_core::FromValueError>(())
    /// ```
    ///
    /// # Errors
    /// [`FromValueError`] with the place of what does not fit, and the type that was expected there;
    /// also for [`Content::Undecodable`].
    pub fn to<T: Deserialize<'a>>(&self) -> Result<T, FromValueError> {
        match *self {
            Self::Text(text) => from_text(text),
            Self::Value(value) => from_value(value),
            Self::Undecodable { error, .. } => Err((*error).into()),
        }
    }
}

impl OwnedContent {
    /// Reads the content into a type of your own.
    ///
    /// # Errors
    /// As [`Content::to`].
    pub fn to<'a, T: Deserialize<'a>>(&'a self) -> Result<T, FromValueError> {
        self.get().to()
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Text(text) => Value::String(Text::from(text)).serialize(serializer),
            Self::Value(value) => value.serialize(serializer),
            Self::Undecodable { error, bytes } => object!(serializer,
                "t": "undecodable",
                "v": &Shown(self),
                "error": error,
                "bytes": &Value::Bytes(Bytes::copy_from_slice(bytes))),
        }
    }
}

impl Serialize for OwnedContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, "sender": self.sender, "content": &self.content, "id": &self.id)
    }
}

impl Serialize for OwnedMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, "sender": &self.sender, "content": &self.content, "id": &self.id)
    }
}

/// As a list of messages.
impl Serialize for Messages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Serialize for PrivateMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}
