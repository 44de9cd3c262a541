//! Putting messages together from their parts. Spec: udp.md 6, 9 (items 15 to 19).

use super::command::Fragment;
use super::pool::Pool;
use super::reject::{Discard, Reject};
use super::send::LAST_NUMBER;
use super::violation::Violation;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// How far ahead of what was delivered numbers may be, and so how many parts a message may have. Spec: udp.md 9, item 9.
pub(crate) const RECEIVE_WINDOW: u32 = 4096;
/// This many fragments that contradict the first of their message end the connection. Spec: udp.md 9, item 16.
const MAX_MISMATCHES: u32 = 16;

/// The messages of one number space that are not complete.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// By the number of the first part.
    open: BTreeMap<u32, PartialMessage>,
}

#[derive(Debug)]
struct PartialMessage {
    count: u32,
    total: u32,
    /// By number, with their offsets.
    parts: BTreeMap<u32, (u32, Vec<u8>)>,
    /// Of all parts together.
    length: u32,
    mismatches: u32,
}

impl PartialMessage {
    fn is_complete(&self) -> bool {
        self.parts.len() == self.count as usize
    }

    /// Whether the parts follow each other without gap or overlap, once all are there.
    fn tiles(&self) -> bool {
        let mut end = 0_u32;
        for (offset, part) in self.parts.values() {
            if *offset != end {
                return false;
            }
            end = end.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
        }
        end == self.total
    }
}

/// A message that is complete.
pub(crate) struct Assembled {
    pub(crate) bytes: Vec<u8>,
    /// How many numbers it takes, and so how many parts it had.
    pub(crate) count: u32,
    /// The buffers of its parts.
    pub(crate) held_bytes: usize,
}

impl Assembler {
    /// Checks a fragment against itself. Spec: udp.md 9, item 15.
    pub(crate) fn check(
        rseq: u32,
        it: &Fragment<'_>,
        max_message_bytes: usize,
    ) -> Result<(), Reject> {
        let part = u32::try_from(it.part.len()).unwrap_or(u32::MAX);
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

    /// Whether a fragment belongs to a message that is open, and whether it is there already.
    pub(crate) fn find(&mut self, it: &Fragment<'_>) -> Result<Option<bool>, Reject> {
        let Some(group) = self.open.get_mut(&it.start) else {
            return Ok(None);
        };
        if (group.count, group.total) != (it.count, it.total) {
            group.mismatches += 1;
            return Err(if group.mismatches >= MAX_MISMATCHES {
                Reject::End(Violation::FragmentMismatch)
            } else {
                Reject::Discard(Discard::Malformed)
            });
        }
        Ok(Some(group.parts.contains_key(&it.number)))
    }

    /// Whether a number lies in the range of an open message.
    pub(crate) fn covers(&self, rseq: u32) -> bool {
        self.open
            .range(..=rseq)
            .next_back()
            .is_some_and(|(start, group)| {
                rseq.checked_sub(*start)
                    .is_some_and(|number| number < group.count)
            })
    }

    /// Whether a new message would share numbers with an open one.
    pub(crate) fn overlaps(&self, it: &Fragment<'_>) -> bool {
        self.covers(it.start)
            || self
                .open
                .range(it.start..it.start.saturating_add(it.count))
                .next()
                .is_some()
    }

    /// Keeps a fragment that [`Assembler::find`] did not know. True if its message is complete now.
    pub(crate) fn insert(&mut self, it: &Fragment<'_>, part: Vec<u8>) -> Result<bool, Reject> {
        let group = self.open.entry(it.start).or_insert_with(|| PartialMessage {
            count: it.count,
            total: it.total,
            parts: BTreeMap::new(),
            length: 0,
            mismatches: 0,
        });
        group.length = group
            .length
            .saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
        group.parts.insert(it.number, (it.offset, part));
        // Parts that are longer together than their message can never tile it. Spec: udp.md 9, item 18.
        if group.length > group.total || group.is_complete() && !group.tiles() {
            return Err(Reject::End(Violation::FragmentTiling));
        }
        Ok(group.is_complete())
    }

    /// Takes the message that begins at this number, if it is complete.
    pub(crate) fn take(&mut self, start: u32, pool: &mut Pool) -> Option<Assembled> {
        let group = self.open.get(&start).filter(|group| group.is_complete())?;
        let mut bytes = pool.buffer(group.total as usize);
        let group = self.open.remove(&start)?;
        let mut held_bytes = 0;
        for (_, part) in group.parts.into_values() {
            bytes.extend_from_slice(&part);
            held_bytes += part.capacity();
            pool.give(part);
        }
        Some(Assembled {
            bytes,
            count: group.count,
            held_bytes,
        })
    }
}
