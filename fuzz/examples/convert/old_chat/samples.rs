//! The names, contents and properties that scripts are made with: ordinary ones, and all kinds that are refused.

use crate::input::Input;
use photon_fuzz::chat_script as new;
use std::fmt;

/// Longer than a text can be written.
const LONG: &str = match std::str::from_utf8(&[b'x'; 33_000]) {
    Ok(text) => text,
    Err(_) => "",
};

/// All but the long one, which is in no channel: nobody can write it.
pub(super) const NAMES: [&str; 8] = ["a", "b", "general", "ünï", "", "me", "bob", "tab\tnul\0"];

/// A channel or a user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(&'static str);

impl Name {
    pub(super) fn read(input: &mut Input<'_>) -> Self {
        // The long one is seldom.
        let choice = usize::from(input.u8());
        Self(if choice == 255 {
            LONG
        } else {
            NAMES[choice % NAMES.len()]
        })
    }

    pub(super) const fn as_str(self) -> &'static str {
        self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == LONG {
            out.write_str("LONG")
        } else {
            self.0.fmt(out)
        }
    }
}

/// Up to five names, their number first; the number 255 is a thousand more.
pub(super) fn names(input: &mut Input<'_>) -> Vec<Name> {
    match input.u8() {
        255 => vec![Name::read(input); 1_030],
        count => (0..count % 6).map(|_| Name::read(input)).collect(),
    }
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    /// A text that must be sent encrypted.
    Secret,
    Int(i32),
    Bytes(usize),
    Array,
    Null,
    LongText,
    /// Arrays inside each other.
    Nested(usize),
    /// A map with the same key twice.
    Twice,
}

impl Content {
    pub(super) const SECRET: &'static str = "nobody else reads this";

    pub(super) fn read(input: &mut Input<'_>) -> Self {
        match input.below(16) {
            0..=3 => Self::Text,
            4 => Self::Int(input.u8().into()),
            5 => Self::Bytes(input.pick([0, 40, 900])),
            6 => Self::Bytes(input.pick([9_000, 40_000, 60_000])),
            7 => Self::Array,
            8 => Self::Null,
            9 => Self::LongText,
            10 => Self::Nested(input.pick([1, 32, 33, 60])),
            11 => Self::Twice,
            _ => Self::Secret,
        }
    }
}

/// Properties of a channel or of a user in it.
#[derive(Clone, Debug)]
pub(super) struct Properties(pub(super) Vec<new::Property>);

impl Properties {
    pub(super) fn read(input: &mut Input<'_>) -> Self {
        let count = input.below(4);
        Self((0..count).map(|_| property(input)).collect())
    }
}

fn property(input: &mut Input<'_>) -> new::Property {
    match input.below(8) {
        0 => new::Property::MaxSubscribers(new::MaxSubscribers::of(input.pick([0, 1, 5, -1]))),
        1 => new::Property::PublishSubscribers(input.flag()),
        2 => new::Property::Removed,
        3 => new::Property::Colour,
        4 => new::Property::ByteKey {
            key: input.u8(),
            content: super::content(Content::read(input)),
        },
        5 => new::Property::Large,
        6 => new::Property::NullKey,
        _ => new::Property::ArrayKey,
    }
}
