//! [`Text`]: shared, immutable text.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

/// Immutable UTF-8 text in shared memory. Clones and parts ([`Text::slice`]) share the bytes.
///
/// All texts of one event are views of one allocation. A small text that is kept therefore keeps
/// the memory of the whole event ([`Text::pinned_bytes`]). [`Text::detached`] copies only the part
/// that is visible.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared { all: Arc<str>, start: u32, end: u32 },
}

impl Text {
    /// The memory of a copied text of `length` bytes, including the reference counts.
    pub(crate) const fn memory_bytes(length: usize) -> usize {
        const WORD: usize = size_of::<usize>();
        if length == 0 {
            0
        } else {
            length.saturating_add(3 * WORD - 1) / WORD * WORD
        }
    }

    /// The empty text, which needs no allocation.
    pub const EMPTY: Self = Self(Repr::Static(""));

    /// A text that lives as long as the program, without an allocation.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }

    /// The length of the text in bytes, for which nobody has to look at it.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        match &self.0 {
            Repr::Static(text) => text.len(),
            Repr::Shared { start, end, .. } => (*end - *start) as usize,
        }
    }

    /// Whether the text is empty.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are parts of the same memory.
    #[must_use]
    pub(crate) fn shares_memory(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Shared { all, .. }, Repr::Shared { all: other, .. }) => Arc::ptr_eq(all, other),
            _ => false,
        }
    }

    /// Uses shared text without copying it. Text of 4 GiB and more is cut after the last character
    /// that fits.
    #[must_use]
    pub fn from_shared(all: Arc<str>) -> Self {
        let mut end = u32::try_from(all.len()).unwrap_or(u32::MAX);
        while !all.is_char_boundary(end as usize) {
            end -= 1;
        }
        Self(Repr::Shared { all, start: 0, end })
    }

    /// The text as a string slice.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) => text,
            Repr::Shared { all, start, end } => {
                let text = all.get(*start as usize..*end as usize);
                debug_assert!(text.is_some(), "`slice` checked the range");
                text.unwrap_or_default()
            }
        }
    }

    /// The bytes of the text. Unlike those of [`Text::as_str`] they need no check of character
    /// boundaries, so comparing texts uses them.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Static(text) => text.as_bytes(),
            Repr::Shared { all, start, end } => {
                let bytes = all.as_bytes().get(*start as usize..*end as usize);
                debug_assert!(bytes.is_some(), "`slice` checked the range");
                bytes.unwrap_or_default()
            }
        }
    }

    /// Copies a text that somebody else chose into an error. Of one with more than 1,024 bytes it
    /// copies the beginning and marks it with `…` at the end, so that it has at most 1,024 bytes and
    /// whole characters: people read it, in logs and dialogs, and a peer must not decide how much
    /// memory that takes.
    #[must_use]
    pub fn for_error(text: &str) -> Self {
        const MAX_BYTES: usize = 1024;
        const MARK: &str = "…";
        if text.len() <= MAX_BYTES {
            return text.into();
        }
        let mut end = MAX_BYTES - MARK.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        [text.get(..end).unwrap_or_default(), MARK].concat().into()
    }

    /// A part of this text that shares its bytes; `None` if an end is out of range or inside a
    /// character.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> Option<Self> {
        let (all, first) = match &self.0 {
            Repr::Static(text) => return text.get(from..to).map(Self::from_static),
            Repr::Shared { all, start, .. } => (all, *start),
        };
        if from > to || to > self.len() {
            return None;
        }
        // Not beyond the end of this text, which has 32 bits.
        let (start, end) = (first + from as u32, first + to as u32);
        if !all.is_char_boundary(start as usize) || !all.is_char_boundary(end as usize) {
            return None;
        }
        if start == end {
            return Some(Self::EMPTY);
        }
        let all = Arc::clone(all);
        Some(Self(Repr::Shared { all, start, end }))
    }

    /// The bytes of memory that this text keeps alive, together with all other views of the same
    /// memory.
    #[must_use]
    pub fn pinned_bytes(&self) -> usize {
        match &self.0 {
            Repr::Static(_) => 0,
            Repr::Shared { all, .. } => all.len(),
        }
    }

    /// The same text, copied into memory of its own if it keeps more alive than itself.
    #[must_use]
    pub fn detached(&self) -> Self {
        if self.pinned_bytes() > self.as_str().len() {
            Self::from(self.as_str())
        } else {
            self.clone()
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.is_empty() {
            Self::EMPTY
        } else {
            Self::from_shared(Arc::from(text))
        }
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(&*text)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        Self::from(text.as_str())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

/// Comparison with the other string types, in both directions.
macro_rules! compare_with {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Text {
            fn eq(&self, other: &$other) -> bool {
                self.as_str() == AsRef::<str>::as_ref(other)
            }
        }

        impl PartialEq<Text> for $other {
            fn eq(&self, other: &Text) -> bool {
                AsRef::<str>::as_ref(self) == other.as_str()
            }
        }
    )*};
}

compare_with! { str, &str, String }

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        // The order of UTF-8 is that of its bytes.
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), out)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use alloc::borrow::Cow;
    use alloc::string::String;
    use alloc::sync::Arc;

    #[test]
    fn a_part_shares_the_bytes_and_detached_does_not() {
        let all = Text::from_shared(Arc::from("generalalicehello"));
        let part = all.slice(7, 12).expect("in range");
        assert_eq!(part, "alice");
        assert_eq!(part.pinned_bytes(), 17);
        assert_eq!(part.slice(1, 3).expect("in range"), "li");
        assert_eq!(part.detached().pinned_bytes(), 5);
    }

    #[test]
    fn a_part_never_splits_a_character_or_leaves_the_text() {
        let text = Text::from("aéb");
        assert!(text.slice(0, 2).is_none());
        assert!(text.slice(0, 5).is_none());
        assert!(text.slice(2, 1).is_none());
        assert_eq!(text.slice(1, 3).expect("in range"), "é");
    }

    #[test]
    fn compares_with_every_string_type_in_both_directions() {
        let (text, string) = (Text::from("alice"), String::from("alice"));
        assert!(text == *"alice" && text == "alice" && text == string);
        assert!(*"alice" == text && "alice" == text && string == text);
        assert!(text != "bob");
        assert!("bob" != text);
        assert_eq!(
            Text::from(Cow::Borrowed("alice")),
            Text::from(Cow::<str>::Owned(string))
        );
    }

    #[test]
    fn sound09_a_text_for_an_error_ends_at_a_character_and_is_marked() {
        let fits = "x".repeat(1024);
        assert_eq!(Text::for_error(&fits), fits);
        for before in 1015..1025 {
            // Characters of four bytes begin at every offset to the limit.
            let text = ["x".repeat(before), "\u{1F600}".repeat(1_000)].concat();
            let short = Text::for_error(&text);
            assert!((1021..=1024).contains(&short.len()), "{}", short.len());
            let kept = short.strip_suffix('…').expect("the mark");
            assert!(text.starts_with(kept));
        }
    }

    #[test]
    fn text_has_24_bytes() {
        assert_eq!(size_of::<Text>(), 24);
    }
}
