//! Assembles messages from their fragments. Spec: udp.md 6, 9 (items 15 to 19).

use super::command::Fragment;
use super::pool::Pool;
use super::reject::{Discard, Reject};
use super::send::LAST_NUMBER;
use super::violation::Violation;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The maximum distance of a number from the delivered ones, and therefore the maximum number of
/// fragments of one message. Spec: udp.md 9, item 9.
pub(crate) const RECEIVE_WINDOW: u32 = 4096;
/// The number of fragments contradicting the first one of their message that ends the connection.
/// Spec: udp.md 9, item 16.
const MAX_MISMATCHES: u32 = 16;

/// The incomplete messages of one number space.
#[derive(Default)]
pub(crate) struct Assembler {
    /// By the number of the first fragment. The ranges of numbers do not overlap.
    open: BTreeMap<u32, PartialMessage>,
}

struct PartialMessage {
    /// The number of fragments.
    count: u32,
    /// The length of the complete message, as announced.
    total: u32,
    /// Offset and content of the fragments that arrived, by fragment number.
    parts: BTreeMap<u32, (u32, Vec<u8>)>,
    /// The sum of their lengths.
    length: u32,
    mismatches: u32,
}

impl PartialMessage {
    fn is_complete(&self) -> bool {
        self.parts.len() == self.count as usize
    }

    /// Whether the fragments of a complete message follow each other without gap or overlap.
    ///
    /// This is checked only at the end: an offset that is wrong in one fragment can be found only
    /// when its neighbours are known.
    fn is_contiguous(&self) -> bool {
        debug_assert!(
            self.is_complete(),
            "with a fragment missing there is always a gap"
        );
        let mut end = 0_u32;
        for (offset, part) in self.parts.values() {
            if *offset != end {
                return false;
            }
            end += part_length(part);
        }
        end == self.total
    }
}

/// The length of a fragment: at most a datagram, so that 32 bits always hold it.
fn part_length(part: &[u8]) -> u32 {
    let length = u32::try_from(part.len());
    debug_assert!(length.is_ok(), "a fragment is shorter than a datagram");
    length.unwrap_or(u32::MAX)
}

/// A complete message.
pub(crate) struct Assembled {
    pub(crate) bytes: Vec<u8>,
    /// The number of fragments, and therefore of sequence numbers, that it used.
    pub(crate) count: u32,
    /// The capacity of the fragments' buffers, which was charged while they were held.
    pub(crate) held_bytes: usize,
}

impl Assembler {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Checks a fragment on its own, before it is compared with others. Spec: udp.md 9, item 15.
    pub(crate) fn check(
        rseq: u32,
        it: &Fragment<'_>,
        max_message_bytes: usize,
    ) -> Result<(), Reject> {
        let part = part_length(it.part);
        let good = (1..=LAST_NUMBER).contains(&it.start)
            && (1..=RECEIVE_WINDOW).contains(&it.count)
            && it.number < it.count
            && it.start.checked_add(it.number) == Some(rseq)
            && it
                .start
                .checked_add(it.count)
                .is_some_and(|end| end <= LAST_NUMBER)
            && part >= 1
            && usize::try_from(it.total).is_ok_and(|total| total <= max_message_bytes)
            && it.count <= it.total
            && it
                .offset
                .checked_add(part)
                .is_some_and(|end| end <= it.total);
        if good {
            Ok(())
        } else {
            Err(Reject::Discard(Discard::Malformed))
        }
    }

    /// Whether the fragment belongs to an open message, and if so, whether it arrived before.
    pub(crate) fn find(&mut self, it: &Fragment<'_>) -> Result<Option<bool>, Reject> {
        let Some(message) = self.open.get_mut(&it.start) else {
            return Ok(None);
        };
        if (message.count, message.total) != (it.count, it.total) {
            // One forged or damaged fragment must not cost the connection; many mean that the two
            // ends disagree, and then the message would never be complete.
            message.mismatches += 1;
            return Err(if message.mismatches >= MAX_MISMATCHES {
                Reject::End(Violation::FragmentMismatch)
            } else {
                Reject::Discard(Discard::Malformed)
            });
        }
        Ok(Some(message.parts.contains_key(&it.number)))
    }

    /// Whether a number lies in the range of an open message.
    // Asked for each message: without this, what else is in the crate decides whether it is inlined.
    #[inline]
    pub(crate) fn covers(&self, rseq: u32) -> bool {
        self.open
            .range(..=rseq)
            .next_back()
            .is_some_and(|(start, message)| rseq - start < message.count)
    }

    /// Whether a new message would share numbers with an open one.
    pub(crate) fn overlaps(&self, it: &Fragment<'_>) -> bool {
        self.covers(it.start)
            || self
                .open
                .range(it.start..it.start + it.count)
                .next()
                .is_some()
    }

    /// Keeps a fragment that [`Assembler::find`] did not know. Returns whether its message is now
    /// complete.
    pub(crate) fn insert(&mut self, it: &Fragment<'_>, part: Vec<u8>) -> Result<bool, Reject> {
        debug_assert!(
            self.open.contains_key(&it.start) || !self.overlaps(it),
            "no number belongs to two messages"
        );
        let message = self.open.entry(it.start).or_insert_with(|| PartialMessage {
            count: it.count,
            total: it.total,
            parts: BTreeMap::new(),
            length: 0,
            mismatches: 0,
        });
        message.length += part_length(&part);
        let replaced = message.parts.insert(it.number, (it.offset, part));
        debug_assert!(replaced.is_none(), "duplicates are not inserted");
        // Fragments that are longer together than their message can never be contiguous. Checking
        // the sum now bounds the memory of a message that is never completed. Item 18.
        if message.length > message.total || message.is_complete() && !message.is_contiguous() {
            return Err(Reject::End(Violation::FragmentTiling));
        }
        Ok(message.is_complete())
    }

    /// Takes the message that begins at this number, if it is complete.
    pub(crate) fn take(&mut self, start: u32, pool: &mut Pool) -> Option<Assembled> {
        let message = self
            .open
            .get(&start)
            .filter(|message| message.is_complete())?;
        let mut bytes = pool.buffer(message.total as usize);
        let message = self.open.remove(&start)?;
        let mut held_bytes = 0;
        for (_, part) in message.parts.into_values() {
            bytes.extend_from_slice(&part);
            held_bytes += part.capacity();
            pool.give(part);
        }
        debug_assert_eq!(
            bytes.len(),
            message.total as usize,
            "contiguous fragments have the announced length"
        );
        Some(Assembled {
            bytes,
            count: message.count,
            held_bytes,
        })
    }
}
