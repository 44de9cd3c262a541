//! [`MessagesBuilder`]: collects the messages of one event.

use super::block::{Block, Other, Others, Tail};
use super::index::{Index, List, Span};
use super::{Messages, Undecodable};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use photon_proto::{DecodeError, DecodeErrorKind, Decoded, Element, Repair, Timestamp, ValueRef};

/// Stands for a sender that is no text, and for bytes of one that are not UTF-8.
const UNKNOWN: &str = "\u{FFFD}";
/// How errors call the contents.
const MESSAGES: &str = "messages (p2)";
/// The most memory for what cannot be decoded in one event: enough for 2,000 contents without their
/// bytes. Servers keep, and send, 100 messages of a channel.
const MAX_MARK_BYTES: usize = 256 * 1024;

/// Collects the parts of one event: first the bytes of all texts, whose UTF-8 is checked once at
/// the end. Checking each text by itself takes twice as long, so that is done only if the one check
/// fails.
#[derive(Debug, Default)]
pub(crate) struct MessagesBuilder {
    bytes: Vec<u8>,
    /// Whether a text begins inside of a character, and so the one before ends there.
    is_cut: bool,
    senders: List,
    contents: List,
    /// The contents that are not text, with their place in the list, where they are empty texts.
    others: Vec<(u32, Other)>,
    /// The elements that cannot be decoded, except those that the parameters have counted.
    undecodable: u32,
    /// The memory of the contents that cannot be decoded.
    mark_bytes: usize,
    /// The memory of the other contents that are not text.
    other_bytes: usize,
}

impl MessagesBuilder {
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.is_cut = false;
        self.begin_senders();
        self.begin_contents();
        self.undecodable = 0;
        self.mark_bytes = 0;
    }

    /// Drops what was collected, and returns its memory if that is more than `kept_bytes`.
    #[inline]
    pub(crate) fn release_memory(&mut self, kept_bytes: usize) {
        let lists = self.senders.capacity_bytes()
            + self.contents.capacity_bytes()
            + self.others.capacity() * size_of::<(u32, Other)>();
        if self.bytes.capacity() + lists > kept_bytes {
            *self = Self::default();
        }
    }

    /// How many elements could not be decoded, besides those that
    /// [`Params::undecodable`](photon_proto::Params::undecodable) counts.
    pub(crate) const fn undecodable(&self) -> u32 {
        self.undecodable
    }

    /// How many messages there are.
    #[inline]
    pub(crate) fn messages(&self) -> usize {
        self.senders.len().min(self.contents.len())
    }

    /// Whether any content is not marked as undecodable.
    pub(crate) fn holds_decoded(&self) -> bool {
        self.others.len() < self.contents.len() || self.others.iter().any(|(_, it)| it.is_ok())
    }

    /// Adds a text to the list that `list` chooses.
    // Inlined, as each text costs a few instructions more than its copy.
    #[inline(always)]
    fn push(&mut self, list: impl FnOnce(&mut Self) -> &mut List, text: &[u8]) {
        self.is_cut |= matches!(text, [0x80..=0xBF, ..]);
        let start = self.end();
        self.bytes.extend_from_slice(text);
        let end = self.end();
        list(self).push(Span { start, end });
    }

    /// Begins the list of senders. If a message has the list twice, the last one counts.
    #[inline]
    pub(crate) fn begin_senders(&mut self) {
        self.senders.clear();
    }

    /// Begins the list of contents. If a message has the list twice, the last one counts.
    #[inline]
    pub(crate) fn begin_contents(&mut self) {
        self.contents.clear();
        // Nearly always empty, and clearing it is a call.
        if !self.others.is_empty() {
            self.others.clear();
        }
        self.other_bytes = 0;
    }

    /// Adds a sender. One that is no text becomes U+FFFD.
    pub(crate) fn sender(&mut self, sender: Element<'_>) {
        match sender {
            Element::Text(bytes) => self.sender_text(bytes),
            Element::Other(value) => match value {
                ValueRef::Undecodable(_) => self.sender_text(UNKNOWN.as_bytes()),
                _ => {
                    self.undecodable = self.undecodable.saturating_add(1);
                    self.sender_text(UNKNOWN.as_bytes());
                }
            },
        }
    }

    #[inline(always)]
    pub(crate) fn sender_text(&mut self, bytes: &[u8]) {
        self.push(|builder| &mut builder.senders, bytes);
    }

    /// Adds a content.
    ///
    /// # Errors
    /// `TooMuchMemory` if no memory is left even to mark what cannot be decoded.
    #[inline]
    pub(crate) fn content(&mut self, content: Decoded<'_>) -> Result<(), DecodeError> {
        match content {
            Decoded::Text(bytes) => self.content_text(bytes),
            Decoded::Value { value, bytes } => {
                self.other_bytes += bytes;
                self.other(Ok(value));
            }
            Decoded::Undecodable { raw, error } => {
                self.mark(|max_bytes| Undecodable::value(error, raw, max_bytes))?;
            }
        }
        Ok(())
    }

    /// Adds a content that is text.
    #[inline(always)]
    pub(crate) fn content_text(&mut self, bytes: &[u8]) {
        self.push(|builder| &mut builder.contents, bytes);
    }

    fn other(&mut self, other: Other) {
        debug_assert!(
            u32::try_from(self.contents.len()).is_ok(),
            "each content takes a byte of an event, and events are smaller"
        );
        self.others.push((self.contents.len() as u32, other));
        self.content_text(&[]);
    }

    /// Adds a content that cannot be decoded. `make` gets the number of bytes that may be kept.
    #[cold]
    fn mark(&mut self, make: impl FnOnce(usize) -> Undecodable) -> Result<(), DecodeError> {
        let left = MAX_MARK_BYTES
            .checked_sub(self.mark_bytes)
            .and_then(|left| left.checked_sub(Undecodable::cost(0)))
            .ok_or(DecodeError::new(
                DecodeErrorKind::TooMuchMemory,
                0,
                MESSAGES,
            ))?;
        let mark = make(left);
        self.mark_bytes += mark.heap_bytes();
        debug_assert!(self.mark_bytes <= MAX_MARK_BYTES);
        self.other(Err(Box::new(mark)));
        Ok(())
    }

    /// Pairs senders with contents, up to the shorter list. Notes whether `me`, the client's user, is
    /// none of the senders, if that is of interest. Spec: chat.md 4.1.
    ///
    /// # Errors
    /// The same as [`MessagesBuilder::content`].
    pub(crate) fn finish(
        &mut self,
        received: Timestamp,
        last_id: Option<i32>,
        me: Option<&[u8]>,
    ) -> Result<Messages, DecodeError> {
        let texts = self.bytes.len();
        self.append_index(last_id, received, me);
        if let Some(text) = self.whole_text() {
            let text = text.into();
            return Ok(self.messages_of(text));
        }
        self.bytes.truncate(texts);
        self.finish_repaired(received, last_id, me)
    }

    #[cold]
    fn finish_repaired(
        &mut self,
        received: Timestamp,
        last_id: Option<i32>,
        me: Option<&[u8]>,
    ) -> Result<Messages, DecodeError> {
        self.repair()?;
        self.append_index(last_id, received, me);
        let Some(text) = self.whole_text() else {
            debug_assert!(false, "repaired");
            return Err(DecodeError::new(DecodeErrorKind::NotUtf8, 0, MESSAGES));
        };
        let text = text.into();
        Ok(self.messages_of(text))
    }

    /// The messages with this text, and with the other contents.
    #[inline]
    fn messages_of(&mut self, text: Arc<str>) -> Messages {
        if self.others.is_empty() {
            return Messages(Block::Whole(text));
        }
        let others = Others {
            contents: core::mem::take(&mut self.others),
            bytes: self.other_bytes + self.mark_bytes,
        };
        Messages(Block::with_others(text, others))
    }

    /// Appends the index of the texts, and what holds for all of them.
    #[inline(always)]
    fn append_index(&mut self, last_id: Option<i32>, received: Timestamp, me: Option<&[u8]>) {
        let is_of_others = me.is_some_and(|me| !self.senders.contain(&self.bytes, me));
        let index = Index::append(&mut self.bytes, &self.senders, &self.contents);
        let tail = Tail {
            index,
            last_id,
            is_of_others,
            received,
        };
        tail.append(&mut self.bytes);
    }

    /// All texts, if they are UTF-8. They lie behind each other, so if all bytes are, and each text
    /// begins with a character, then each ends with one, too.
    fn whole_text(&self) -> Option<&str> {
        let text = core::str::from_utf8(&self.bytes).ok()?;
        // Offsets above 4 GiB are cut off.
        let is_whole = !self.is_cut && u32::try_from(text.len()).is_ok();
        debug_assert!(
            !is_whole
                || self
                    .spans()
                    .all(|span| text.get(span.start as usize..span.end as usize).is_some()),
            "whole texts can be taken from it"
        );
        is_whole.then_some(text)
    }

    fn spans(&self) -> impl Iterator<Item = Span> {
        self.senders.spans().chain(self.contents.spans())
    }

    /// Checks each text by itself: marks contents that are not UTF-8, and puts U+FFFD into senders.
    #[cold]
    fn repair(&mut self) -> Result<(), DecodeError> {
        let bytes = core::mem::take(&mut self.bytes);
        let (senders, contents) = (
            core::mem::take(&mut self.senders),
            core::mem::take(&mut self.contents),
        );
        let mut others = core::mem::take(&mut self.others).into_iter().peekable();
        self.is_cut = false;
        // Reserved at once: doubling could take twice what U+FFFD, three bytes for one, needs.
        let (mut repair, mut repaired_bytes) = (Repair::new(), 0);
        for span in senders.spans() {
            let sender = span.of(&bytes).unwrap_or(UNKNOWN.as_bytes());
            repair.each(sender, |part| repaired_bytes += part.len());
        }
        let texts = contents
            .spans()
            .map(|span| span.of(&bytes).map_or(0, <[u8]>::len));
        self.bytes = Vec::with_capacity(
            repaired_bytes
                + texts.sum::<usize>()
                + Index::max_bytes(senders.len().min(contents.len()))
                + Tail::BYTES,
        );
        let mut repair = Repair::new();
        for span in senders.spans() {
            let sender = span.of(&bytes).unwrap_or(UNKNOWN.as_bytes());
            let start = self.end();
            let replaced = repair.each(sender, |part| {
                self.bytes.extend_from_slice(part.as_bytes());
            });
            let end = self.end();
            self.senders.push(Span { start, end });
            self.undecodable = self.undecodable.saturating_add(u32::from(replaced));
        }
        for (place, span) in (0..).zip(contents.spans()) {
            if let Some((_, other)) = others.next_if(|(of, _)| *of == place) {
                self.other(other);
                continue;
            }
            let text = span.of(&bytes).unwrap_or_default();
            if core::str::from_utf8(text).is_ok() {
                self.content_text(text);
            } else {
                self.undecodable = self.undecodable.saturating_add(1);
                self.mark(|max_bytes| Undecodable::text(text, max_bytes))?;
            }
        }
        Ok(())
    }

    /// The end of the texts so far. Above 4 GiB it is cut off, and [`MessagesBuilder::finish`] fails: no
    /// frame is that long, so that is checked once and not for each text.
    #[inline]
    const fn end(&self) -> u32 {
        self.bytes.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::{DecodeErrorKind, MessagesBuilder, Timestamp};
    use crate::messages::Content;
    use alloc::string::ToString;
    use photon_proto::Value;

    #[test]
    fn contents_are_displayed_as_a_reader_expects() {
        let mut builder = MessagesBuilder::default();
        for _ in 0..2 {
            builder.sender_text(b"alice");
        }
        builder.content_text("h\u{e4}?".as_bytes());
        builder.other(Ok(Value::Int(7)));
        let messages = builder
            .finish(Timestamp::ZERO, Some(12), None)
            .expect("valid UTF-8");
        let shown: alloc::vec::Vec<_> = messages
            .iter()
            .map(|message| (message.id, message.content.to_string()))
            .collect();
        assert_eq!(
            shown,
            [
                (Some(11), "h\u{e4}?".into()),
                (Some(12), Value::Int(7).to_string())
            ]
        );
        assert!(messages.iter().all(|message| message.is_from("alice")));
        assert!(!messages.iter().any(|message| message.is_from("Alice")));
    }

    #[test]
    fn a_text_that_ends_inside_a_character_is_marked_even_if_the_next_one_completes_it() {
        let mut builder = MessagesBuilder::default();
        builder.sender_text(&[0xC3]);
        builder.content_text(&[0xA4]);
        let messages = builder
            .finish(Timestamp::ZERO, None, None)
            .expect("only its parts are marked");
        let message = messages.get(0).expect("one message");
        assert_eq!(message.sender, "\u{FFFD}");
        let Content::Undecodable { error, bytes } = message.content else {
            panic!("{message:?}");
        };
        assert_eq!((error.kind, bytes), (DecodeErrorKind::NotUtf8, &[0xA4][..]));
        assert_eq!(builder.undecodable(), 2);
    }

    #[test]
    fn messages_of_others_are_known_as_such_only_if_that_is_asked() {
        let are_of_others = |senders: &[&[u8]], me: Option<&[u8]>| {
            let mut builder = MessagesBuilder::default();
            for sender in senders {
                builder.sender_text(sender);
            }
            for _ in senders {
                builder.content_text(b"hello");
            }
            let messages = builder.finish(Timestamp::ZERO, Some(12), me);
            messages.expect("whole").are_of_others()
        };
        for (senders, expected) in [
            (&[b"bob".as_slice(), b"carol", b""][..], true),
            (&[b"bobalice", b"alic", b"Alice", b"alicE"], true),
            (&[b"bob", b"alice", b"carol"], false),
            (&[b"alice"], false),
            // Repaired, which changes where the texts lie.
            (&[&[0xFF], b"alice"], false),
            (&[&[0xFF], b"alicia"], true),
        ] {
            assert_eq!(are_of_others(senders, Some(b"alice")), expected);
            assert!(!are_of_others(senders, None));
        }
        let unknown = super::UNKNOWN.as_bytes();
        assert!(!are_of_others(&[&[0xFF]], Some(unknown)), "read as U+FFFD");
    }

    #[test]
    fn marks_beyond_their_memory_are_an_error_of_the_event() {
        let mut builder = MessagesBuilder::default();
        for _ in 0..10_000 {
            builder.sender_text(b"alice");
        }
        for _ in 0..10_000 {
            builder.content_text(&[0xFF; 100]);
        }
        let error = builder
            .finish(Timestamp::ZERO, None, None)
            .expect_err("over the limit");
        assert_eq!(error.kind, DecodeErrorKind::TooMuchMemory);
    }
}
