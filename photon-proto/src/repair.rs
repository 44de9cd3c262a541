//! [`Repair`]: texts of a message with U+FFFD in place of what is not UTF-8. Spec: chat.md 4.9.

use alloc::borrow::Cow;
use alloc::string::String;

/// U+FFFD.
const REPLACEMENT: &str = "\u{FFFD}";

/// The replacements that a message may have besides one for each text: as many as it may have values.
const MAX_REPLACED: u32 = 16_384;

/// Replaces what is not UTF-8 in the texts of one message.
///
/// Every byte of a megabyte may be a place of its own, and each costs as much as sixty bytes of text. So
/// once 16,384 were replaced, the first such place of a text and all behind it become one U+FFFD.
///
/// ```
/// use photon_proto::Repair;
///
/// assert_eq!(Repair::new().text(b"a\xFFb"), "a\u{FFFD}b");
/// ```
#[derive(Clone, Debug)]
pub struct Repair {
    left: u32,
}

impl Default for Repair {
    fn default() -> Self {
        Self::new()
    }
}

impl Repair {
    /// For the texts of one message.
    #[must_use]
    pub const fn new() -> Self {
        Self { left: MAX_REPLACED }
    }

    /// Returns the repaired text.
    #[must_use]
    pub fn text<'t>(&mut self, text: &'t [u8]) -> Cow<'t, str> {
        if let Ok(text) = core::str::from_utf8(text) {
            return Cow::Borrowed(text);
        }
        let mut repaired = String::with_capacity(text.len());
        self.each(text, |part| repaired.push_str(part));
        Cow::Owned(repaired)
    }

    /// Passes the parts of the repaired text to `push`. Returns whether anything was replaced.
    pub fn each<'t>(&mut self, text: &'t [u8], mut push: impl FnMut(&'t str)) -> bool {
        let mut has_replaced = false;
        for chunk in text.utf8_chunks() {
            if !chunk.valid().is_empty() {
                push(chunk.valid());
            }
            if !chunk.invalid().is_empty() {
                has_replaced = true;
                push(REPLACEMENT);
                let Some(left) = self.left.checked_sub(1) else {
                    break;
                };
                self.left = left;
            }
        }
        has_replaced
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_REPLACED, REPLACEMENT, Repair};
    use alloc::string::String;

    fn repaired(repair: &mut Repair, text: &[u8]) -> (String, bool) {
        let mut all = String::new();
        let has_replaced = repair.clone().each(text, |part| all.push_str(part));
        assert_eq!(repair.text(text), all);
        (all, has_replaced)
    }

    #[test]
    fn sound01_each_place_that_is_not_utf_8_is_replaced() {
        for text in [
            &b""[..],
            b"alice",
            b"\xFF",
            b"a\xFFb\xC3",
            b"\xE2\x82\xE2\x82\xACx\xFF\xFF",
        ] {
            let expected = String::from_utf8_lossy(text);
            let has_replaced = core::str::from_utf8(text).is_err();
            let found = repaired(&mut Repair::new(), text);
            assert_eq!(found, (expected.into_owned(), has_replaced));
        }
    }

    #[test]
    fn sound07_of_too_many_places_each_text_has_one() {
        let mut repair = Repair::new();
        let half = [0xFF; MAX_REPLACED as usize / 2];
        for _ in 0..2 {
            let (text, _) = repaired(&mut repair, &half);
            assert_eq!(text, REPLACEMENT.repeat(half.len()));
        }
        let text = [b"alice".as_slice(), &half, b"bob"].concat();
        for _ in 0..2 {
            assert_eq!(repaired(&mut repair, &text), ("alice\u{FFFD}".into(), true));
            assert_eq!(repaired(&mut repair, b"bob"), ("bob".into(), false));
        }
    }
}
