//! [`Repair`]: makes a text of a text message that is not UTF-8.

use super::payload::payload;
use alloc::string::String;

/// A copy of a text that is not UTF-8, with U+FFFD in place of what is not, or `?` once the text would
/// be longer than the limit. Made in parts: bytes that are no text cost many times as much as others.
///
/// Half of a surrogate pair, which some writers encode as three bytes, becomes one U+FFFD: the
/// length of the frame counts it as one unit. Of other bytes it is unknown what the writer counted.
#[derive(Debug)]
pub(crate) struct Repair {
    /// How many bytes of the message were copied.
    at: usize,
    text: String,
    /// How many more bytes the text may have than the message.
    growth: usize,
}

impl Repair {
    /// Begins with a message of so many bytes, whose text may have `max_bytes`.
    pub(crate) fn new(message_bytes: usize, max_bytes: usize) -> Self {
        // Reserved at once: doubling could take twice what U+FFFD, three bytes for one, needs.
        let most = message_bytes.saturating_mul(char::REPLACEMENT_CHARACTER.len_utf8());
        Self {
            at: 0,
            text: String::with_capacity(most.min(max_bytes)),
            growth: max_bytes.saturating_sub(message_bytes),
        }
    }

    /// Copies the next `share` bytes of the message, or a few more.
    pub(crate) fn go_on(&mut self, message: &[u8], share: usize) {
        let mut rest = message.get(self.at..).unwrap_or_default();
        let stop = rest.len().saturating_sub(share);
        while rest.len() > stop
            && let Some(chunk) = rest.utf8_chunks().next()
        {
            self.text.push_str(chunk.valid());
            let (_, invalid) = rest
                .split_at_checked(chunk.valid().len())
                .unwrap_or_default();
            let bad = match invalid {
                [] => 0,
                [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => 3,
                _ => chunk.invalid().len(),
            };
            if bad > 0 {
                let more = char::REPLACEMENT_CHARACTER.len_utf8().saturating_sub(bad);
                let left = self.growth.checked_sub(more);
                self.text
                    .push(left.map_or('?', |_| char::REPLACEMENT_CHARACTER));
                self.growth = left.unwrap_or(self.growth);
            }
            (_, rest) = invalid.split_at_checked(bad).unwrap_or_default();
        }
        self.at = message.len() - rest.len();
    }

    /// Whether all of the message is copied.
    pub(crate) const fn is_complete(&self, message: &[u8]) -> bool {
        self.at >= message.len()
    }

    /// The text. `None` if it does not consist of frames.
    pub(crate) fn finish(self) -> Option<String> {
        let mut frames = self.text.as_str();
        while !frames.is_empty() {
            let payload = payload(frames).ok()?;
            frames = frames.get(payload.end..)?;
        }
        Some(self.text)
    }
}
