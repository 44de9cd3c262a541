//! [`Fingerprint`]: what is kept of a content, to know its echo.

use crate::messages::Content;
use core::hash::BuildHasher;
use photon_proto::{Encode, HashKeys, Limits, Protocol, ValueRef, codec};

/// A content that was sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fingerprint {
    /// A text, as a keyed hash.
    Text(u64),
    /// Anything else. Servers and sub-protocols change types of numbers and arrays, and parts of
    /// some texts, so nothing of it is compared. Spec: chat.md 4.1.
    Other,
}

impl Fingerprint {
    /// The fingerprint of what the application sends. Only encoding shows what its own type writes.
    pub(crate) fn of_sent<C: Encode + ?Sized>(keys: &HashKeys, content: &C) -> Self {
        let encoded = codec::encode_value(Protocol::V18, &Limits::DEFAULT, content);
        let encoded = encoded.unwrap_or_default();
        match codec::decode_value_ref(Protocol::V18, &Limits::DEFAULT, &encoded) {
            Ok(ValueRef::String(text)) => Self::of_text(keys, text),
            _ => Self::Other,
        }
    }

    pub(super) fn of_received(keys: &HashKeys, content: &Content<'_>) -> Self {
        match content {
            Content::Text(text) => Self::of_text(keys, text),
            _ => Self::Other,
        }
    }

    fn of_text(keys: &HashKeys, text: &str) -> Self {
        if text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
            return Self::Other;
        }
        Self::Text(keys.hash_one(text))
    }
}
