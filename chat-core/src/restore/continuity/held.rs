//! [`Held`]: messages above the position that wait for those before them, and [`Holes`]: ids below
//! it that were not delivered. Spec: chat.md 4.1.

use crate::messages::{Messages, Origin};
use alloc::vec::Vec;
use photon_proto::Timestamp;

/// Messages of one event with consecutive ids. They share the memory of the event.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) first: i32,
    pub(super) messages: Messages,
    /// The bytes charged for it.
    bytes: usize,
}

impl Piece {
    pub(super) fn new(first: i32, messages: Messages) -> Self {
        debug_assert!(!messages.is_empty() && first >= 1, "a piece holds messages");
        let bytes = size_of::<Self>() + messages.pinned_bytes();
        Self {
            first,
            messages,
            bytes,
        }
    }

    pub(super) fn last(&self) -> i32 {
        let behind = i32::try_from(self.messages.len() - 1).unwrap_or(i32::MAX);
        self.first.saturating_add(behind)
    }

    /// The messages with ids from `from` to `to`, which overlap the piece.
    fn part(&self, from: i32, to: i32) -> Self {
        debug_assert!(from <= to && self.first <= from && to <= self.last());
        let index = |id: i32| usize::try_from(id - self.first).unwrap_or_default();
        let origin = self.messages.origin();
        let messages = self.messages.part(index(from), index(to) + 1, origin);
        Self::new(from, messages)
    }
}

/// Pieces in the order of their ids, none of which occurs twice.
#[derive(Debug, Default)]
pub(super) struct Held {
    pieces: Vec<Piece>,
    bytes: usize,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn first_id(&self) -> Option<i32> {
        self.pieces.first().map(|piece| piece.first)
    }

    /// When the message with the lowest id arrived; `None` without one.
    pub(super) fn since(&self) -> Option<Timestamp> {
        Some(self.pieces.first()?.messages.get(0)?.received)
    }

    /// Adds a piece. It replaces held messages with the same ids: if they differ, a new life of the
    /// channel has begun, and the later ones are of it.
    pub(super) fn insert(&mut self, piece: Piece) {
        let (first, last) = (piece.first, piece.last());
        let from = self.pieces.partition_point(|held| held.last() < first);
        let to = self.pieces.partition_point(|held| held.first <= last);
        let replaced = self.pieces.get(from..to.max(from)).unwrap_or_default();
        let before = replaced
            .first()
            .filter(|held| held.first < first)
            .map(|held| held.part(held.first, first - 1));
        let behind = replaced
            .last()
            .filter(|held| held.last() > last)
            .map(|held| held.part(last + 1, held.last()));
        self.bytes -= replaced.iter().map(|held| held.bytes).sum::<usize>();
        let pieces = before.into_iter().chain([piece]).chain(behind);
        let added = pieces.inspect(|piece| self.bytes += piece.bytes);
        self.pieces.splice(from..to.max(from), added);
        debug_assert!(
            self.pieces
                .iter()
                .zip(self.pieces.iter().skip(1))
                .all(|(one, next)| one.last() < next.first),
            "pieces are sorted and do not overlap"
        );
    }

    /// Removes the piece with the lowest ids.
    pub(super) fn pop_first(&mut self) -> Option<Piece> {
        if self.pieces.is_empty() {
            return None;
        }
        let piece = self.pieces.remove(0);
        self.bytes -= piece.bytes;
        Some(piece)
    }

    /// Removes the piece with the highest ids.
    pub(super) fn pop_last(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop()?;
        self.bytes -= piece.bytes;
        Some(piece)
    }

    /// Removes the messages up to an id.
    pub(super) fn drop_to(&mut self, id: i32) {
        while self.first_id().is_some_and(|first| first <= id) {
            let Some(piece) = self.pop_first() else {
                return;
            };
            if piece.last() > id {
                self.insert(piece.part(id + 1, piece.last()));
            }
        }
    }
}

/// A range of ids up to the position that were not delivered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub(super) first: i32,
    pub(super) last: i32,
    /// The origin of messages that fill it: a gap reported it, or it lies between older messages.
    pub(super) origin: Origin,
}

/// Holes, the one that was noted first first.
#[derive(Debug, Default)]
pub(super) struct Holes(Vec<Hole>);

impl Holes {
    /// How many are kept. What arrives late is usually in the last one, but parts of a history in
    /// any order leave one between each two of them.
    const KEPT: usize = 16;

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, first: i32, last: i32, origin: Origin) {
        debug_assert!(first <= last, "a hole has ids");
        debug_assert!(
            self.0
                .iter()
                .all(|hole| last < hole.first || hole.last < first),
            "no message fills two holes"
        );
        self.0.push(Hole {
            first,
            last,
            origin,
        });
        self.limit();
    }

    /// Whether `first` to `last` are in one hole.
    pub(super) fn contain(&self, first: i32, last: i32) -> bool {
        let mut holes = self.0.iter();
        holes.any(|hole| hole.first <= first && last <= hole.last)
    }

    /// Whether a hole ends within `first` to `last`.
    pub(super) fn has_end_within(&self, first: i32, last: i32) -> bool {
        let mut holes = self.0.iter();
        holes.any(|hole| first <= hole.last && hole.last <= last)
    }

    /// Fills the part of a hole within `first` to `last`, if there is one of an origin that `fills`.
    /// Returns the part.
    pub(super) fn fill(
        &mut self,
        first: i32,
        last: i32,
        fills: impl Fn(Origin) -> bool,
    ) -> Option<Hole> {
        let meets = |hole: &Hole| hole.first <= last && first <= hole.last && fills(hole.origin);
        let index = self.0.iter().position(meets)?;
        let hole = self.0.remove(index);
        let filled = Hole {
            first: hole.first.max(first),
            last: hole.last.min(last),
            ..hole
        };
        if hole.last > filled.last {
            let first = filled.last + 1;
            self.0.insert(index, Hole { first, ..hole });
        }
        if hole.first < filled.first {
            let last = filled.first - 1;
            self.0.insert(index, Hole { last, ..hole });
        }
        // One hole may have become two.
        self.limit();
        Some(filled)
    }

    fn limit(&mut self) {
        if self.0.len() > Self::KEPT {
            self.0.remove(0);
        }
    }
}
