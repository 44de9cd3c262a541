//! [`Fingerprint`]: recognises a message that was delivered before. Spec: chat.md 4.1.

use crate::messages::{Content, Message};
use core::hash::BuildHasher;
use photon_proto::HashKeys;

/// A keyed hash of the sender and the text of a message.
///
/// Keyed, because others choose the texts: they could make those of two lives collide. 0 stands for
/// what equals anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) sender: u32,
    pub(crate) text: u32,
}

impl Fingerprint {
    /// Equals every message.
    pub(crate) const ANY: Self = Self { sender: 0, text: 0 };

    pub(crate) fn of(keys: &HashKeys, message: &Message<'_>) -> Self {
        Self {
            sender: hash(keys, firm(message.sender)),
            text: hash(keys, firm_text(message)),
        }
    }

    pub(crate) const fn is_same(self, other: Self) -> bool {
        (self.sender == other.sender || self.sender == 0 || other.sender == 0)
            && (self.text == other.text || self.text == 0 || other.text == 0)
    }
}

/// Whether two messages are the same one, as far as both are comparable.
pub(crate) fn is_same(one: &Message<'_>, other: &Message<'_>) -> bool {
    let equal = |one: Option<&str>, other: Option<&str>| match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    equal(firm(one.sender), firm(other.sender)) && equal(firm_text(one), firm_text(other))
}

/// The text, unless the same text may arrive in another form: what is not UTF-8 becomes U+FFFD, and
/// JSON and GpBinary 1.6 do not carry every text as it is.
fn firm(text: &str) -> Option<&str> {
    // One after the other: a search for one character looks at many bytes at once, for two at each
    // character.
    Some(text).filter(|text| !text.contains('\0') && !text.contains(char::REPLACEMENT_CHARACTER))
}

/// The text of a message. Other values have none: their types depend on the serialization protocol.
pub(super) fn firm_text<'m>(message: &Message<'m>) -> Option<&'m str> {
    match message.content {
        Content::Text(text) => firm(text),
        Content::Value(_) | Content::Undecodable { .. } => None,
    }
}

fn hash(keys: &HashKeys, text: Option<&str>) -> u32 {
    // The lower half is as good as the upper one. One of 2^32 texts equals anything.
    text.map_or(0, |text| keys.hash_one(text) as u32)
}

/// Fingerprints of the last four messages up to a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recent {
    /// The highest id that was noted.
    last: i32,
    /// Those of `last - 3` to `last`, by the lowest two bits of the id.
    prints: [Fingerprint; 4],
}

impl Recent {
    /// How many messages before the position are compared. Fewer would find another life less
    /// often, for example one whose users begin with the same greeting.
    pub(crate) const LENGTH: i32 = 4;

    /// Notes a message. Ids that are left out are unknown, until an older or late message comes.
    pub(crate) fn note(&mut self, id: i32, print: Fingerprint) {
        if id <= self.last {
            if id > self.last.saturating_sub(Self::LENGTH) {
                self.set(id, print);
            }
            return;
        }
        let skipped = id.saturating_sub(self.last).min(Self::LENGTH);
        for unknown in 1..skipped {
            self.set(id.saturating_sub(unknown), Fingerprint::ANY);
        }
        self.set(id, print);
        self.last = id;
    }

    fn set(&mut self, id: i32, print: Fingerprint) {
        if let Some(slot) = self.prints.get_mut((id & (Self::LENGTH - 1)) as usize) {
            *slot = print;
        }
    }

    pub(crate) fn get(&self, id: i32) -> Fingerprint {
        if id > self.last || id <= self.last.saturating_sub(Self::LENGTH) {
            return Fingerprint::ANY;
        }
        let slot = self.prints.get((id & (Self::LENGTH - 1)) as usize);
        slot.copied().unwrap_or(Fingerprint::ANY)
    }
}
