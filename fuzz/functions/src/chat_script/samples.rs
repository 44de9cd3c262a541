//! The names, contents and properties of scripts: ordinary ones, and all kinds that are refused.

use crate::script::{Encode, List, OneIn, choices, script_types};
use arbitrary::Arbitrary;
use chat_core::{Hashtable, Value};
use std::fmt;

/// A text longer than 32,767 bytes, the maximum of both protocols. Spec: wire.md 4.4, 5.5
const LONG: &str = match std::str::from_utf8(&[b'x'; 33_000]) {
    Ok(text) => text,
    Err(_) => "",
};

/// All names but the long one, which is never a channel's: no server can send it.
pub(super) const NAMES: [&str; 8] = ["a", "b", "general", "ünï", "", "me", "bob", "tab\tnul\0"];

/// Ids that are unusual: below 1, the highest, which follows no rule, and the one before.
const UNUSUAL_IDS: [i32; 6] = [0, -1, i32::MIN, i32::MAX, i32::MAX - 1, 1_000];

/// The id of a message: mostly a low one, so that scripts reach the rules for neighbours.
#[derive(Clone, Copy, PartialEq, Eq, Default, Arbitrary)]
pub struct MessageId(u8);

impl MessageId {
    /// The number of low ids.
    const LOW: u8 = 240;

    /// This id.
    ///
    /// # Panics
    /// If it is above 239 and not one of the unusual ones.
    #[must_use]
    pub fn of(id: i32) -> Self {
        if let Some(low) = u8::try_from(id).ok().filter(|id| *id < Self::LOW) {
            return Self(low);
        }
        let place = UNUSUAL_IDS.iter().position(|unusual| *unusual == id);
        let place = place.and_then(|place| u8::try_from(place).ok());
        Self(Self::LOW + place.expect("an id of the table"))
    }

    /// The id.
    #[must_use]
    pub fn get(self) -> i32 {
        match self.0.checked_sub(Self::LOW) {
            Some(place) => UNUSUAL_IDS[usize::from(place) % UNUSUAL_IDS.len()],
            None => self.0.into(),
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(out)
    }
}

impl Encode for MessageId {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

/// More than the 1,024 friends that one request may name. Spec: chat.md 3.7
const TOO_MANY_NAMES: usize = 1_030;

/// A channel or a user, by its place in a table; 255 is a name that is too long.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Arbitrary)]
pub struct Name(u8);

impl Name {
    /// The channel "a".
    pub const A: Self = Self(0);
    /// The channel "b".
    pub const B: Self = Self(1);
    /// The channel "general".
    pub const GENERAL: Self = Self(2);
    /// A name that is not ASCII.
    pub const UNICODE: Self = Self(3);
    /// The empty name.
    pub const EMPTY: Self = Self(4);
    /// The user whose client is tested.
    pub const ME: Self = Self(5);
    /// Another user.
    pub const BOB: Self = Self(6);
    /// A name with control characters.
    pub const CONTROL: Self = Self(7);
    /// A name that cannot be sent. One byte value in 256 chooses it, because calls with it fail.
    pub const LONG: Self = Self(255);

    /// The text of the name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LONG => LONG,
            Self(place) => NAMES[usize::from(place) % NAMES.len()],
        }
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LONG => out.write_str("LONG"),
            name => name.as_str().fmt(out),
        }
    }
}

impl Encode for Name {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

script_types! {
    /// The names of a request or an event.
    pub struct Names {
        /// The names.
        pub names: List<Name, 5>,
        /// Whether the first name comes so often that a request must be refused.
        pub too_many: OneIn<255>,
    }

    /// The content of a message.
    #[derive(Copy, Eq)]
    pub enum Content {
        /// A short text.
        Text,
        /// A text that must not be sent in clear.
        Secret,
        /// A value that is no text.
        Plain(Plain),
        /// A value that some encoding or limit refuses.
        Odd(Odd),
    }

    /// A content that can be sent.
    #[derive(Copy, Eq)]
    pub enum Plain {
        /// A number.
        Int(u8),
        /// So many bytes.
        Bytes(ByteCount),
        /// A few values of different types.
        Array,
        /// Null.
        Null,
    }

    /// A content that is refused, or almost.
    #[derive(Copy, Eq)]
    pub enum Odd {
        /// A text that is longer than the wire format can express.
        LongText,
        /// Arrays inside each other.
        Nested(Depth),
        /// A map that has a key twice.
        DuplicateKey,
    }

    /// Properties of a channel or of a user in it.
    pub struct Properties {
        /// The properties.
        pub properties: List<Property, 3>,
    }

    /// One property.
    #[derive(Copy, Eq)]
    pub enum Property {
        /// The well-known property 255, the maximum of subscribers. Spec: chat.md 1.6
        MaxSubscribers(MaxSubscribers),
        /// The well-known property 254, whether subscribers are published. Spec: chat.md 1.6
        PublishSubscribers(bool),
        /// A property that is removed.
        Removed,
        /// A property with a text.
        Colour,
        /// A property whose key is a byte.
        ByteKey {
            /// The key.
            key: u8,
            /// The value.
            content: Content,
        },
        /// A property that takes a large part of a small presence budget.
        Large,
        /// A property whose key is null.
        NullKey,
        /// A property whose key is an array, which cannot be encoded.
        ArrayKey,
    }
}

choices! {
    /// Lengths of byte arrays: within one datagram, of several, and above the limit for messages.
    #[derive(Eq)]
    pub struct ByteCount(usize) = [0, 40, 900, 9_000, 40_000, 60_000];

    /// Levels of nested arrays, at and beyond the limit. Spec: wire.md 4.4
    #[derive(Eq)]
    pub struct Depth(usize) = [1, 32, 33, 60];

    /// The lives of a channel, whose texts differ; 0 is one in which all texts are equal.
    #[derive(Eq)]
    pub struct Life(u8) = [0, 1, 2];

    /// Values of the well-known property 255.
    #[derive(Eq)]
    pub struct MaxSubscribers(i32) = [0, 1, 5, -1];

    /// Return codes: mostly success, a few documented errors and unknown ones. Spec: chat.md 1.5
    #[derive(Eq)]
    pub struct Code(i16) = [0, 0, 0, 0, 0, 0, 0, 0, 32_767, 32_753, -2, -3, 32_755];
}

impl Code {
    /// Success.
    pub const OK: Self = Self(0);
}

impl Names {
    /// These names.
    #[must_use]
    pub fn new(names: &[Name]) -> Self {
        Self {
            names: List::new(names),
            too_many: OneIn(false),
        }
    }

    /// This name more often than a request may name channels.
    #[must_use]
    pub fn too_many(name: Name) -> Self {
        Self {
            names: List::new([name]),
            too_many: OneIn(true),
        }
    }

    pub(super) fn to_vec(&self) -> Vec<Name> {
        match self.too_many {
            OneIn(false) => self.names.to_vec(),
            OneIn(true) => {
                let name = self.names.first().copied().unwrap_or(Name::A);
                vec![name; TOO_MANY_NAMES]
            }
        }
    }
}

impl Content {
    /// The text of [`Content::Secret`].
    pub(super) const SECRET: &'static str = "nobody else reads this";

    /// So many bytes.
    ///
    /// # Panics
    /// If the number is not one of [`ByteCount`].
    #[must_use]
    pub fn bytes(count: usize) -> Self {
        Self::Plain(Plain::Bytes(ByteCount::of(count)))
    }

    pub(super) fn value(self) -> Value {
        match self {
            Self::Text => "hello".into(),
            Self::Secret => Self::SECRET.into(),
            Self::Plain(Plain::Int(number)) => i32::from(number).into(),
            Self::Plain(Plain::Bytes(count)) => vec![7_u8; count.get()].into(),
            Self::Plain(Plain::Array) => vec![Value::Null, "x".into(), 5.into()].into(),
            Self::Plain(Plain::Null) => Value::Null,
            Self::Odd(Odd::LongText) => LONG.into(),
            Self::Odd(Odd::Nested(depth)) => {
                (0..depth.get()).fold(Value::Null, |inner, _| vec![inner].into())
            }
            Self::Odd(Odd::DuplicateKey) => {
                Value::Hashtable(Hashtable(vec![(1.into(), 2.into()), (1.into(), 3.into())]))
            }
        }
    }
}

impl Life {
    /// The text of the message with this id; `None` in the life of equal texts.
    pub(super) fn text(self, id: i32) -> Option<String> {
        (self.0 > 0).then(|| format!("{id} of life {}", self.0))
    }
}

impl Properties {
    /// These properties.
    ///
    /// # Panics
    /// If there are more than three.
    #[must_use]
    pub fn new(properties: &[Property]) -> Self {
        Self {
            properties: List::new(properties),
        }
    }

    pub(super) fn pairs(&self) -> Vec<(Value, Value)> {
        self.properties.iter().map(|one| one.pair()).collect()
    }
}

impl Property {
    fn pair(self) -> (Value, Value) {
        match self {
            Self::MaxSubscribers(number) => (Value::Byte(255), number.get().into()),
            Self::PublishSubscribers(publish) => (Value::Byte(254), publish.into()),
            Self::Removed => ("colour".into(), Value::Null),
            Self::Colour => ("colour".into(), "red".into()),
            Self::ByteKey { key, content } => (key.into(), content.value()),
            Self::Large => (
                "a long key that takes some room".into(),
                vec![0_u8; 300].into(),
            ),
            Self::NullKey => (Value::Null, 1.into()),
            Self::ArrayKey => (vec![1].into(), 1.into()),
        }
    }
}
