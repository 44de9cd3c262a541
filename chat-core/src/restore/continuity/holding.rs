//! Held messages of one channel: those above the position that wait for others before them.

use super::held::Piece;
use super::{Continuity, Step, Surroundings};
use crate::messages::{Messages, Origin};
use alloc::vec::Vec;

impl Continuity {
    pub(super) fn holds(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.held.is_empty())
    }

    /// Whether the first held message has waited for longer than any answer to a question can take.
    pub(super) fn is_held_overdue(&self, around: &Surroundings<'_>) -> bool {
        let since = self.open.as_ref().and_then(|open| open.held.since());
        since.is_some_and(|at| at.plus_millis(around.questions.window_ms()) <= around.now)
    }

    pub(super) fn hold(&mut self, around: &mut Surroundings<'_>, first: i32, messages: Messages) {
        let held = &mut self.open.get_or_insert_default().held;
        around.questions.held.release(held.bytes());
        held.insert(Piece::new(first, messages));
        around.questions.held.charge(held.bytes());
    }

    /// Removes what a cap has no space for, newest first.
    pub(super) fn apply_caps(&mut self, around: &mut Surroundings<'_>) {
        let Some(open) = &mut self.open else {
            return;
        };
        while !open.held.is_empty() && around.questions.is_over_cap(open.held.bytes()) {
            around.questions.held.release(open.held.bytes());
            open.held.pop_last();
            around.questions.held.charge(open.held.bytes());
            // The next question asks for them again.
            open.cut = true;
        }
    }

    /// Delivers the held messages that follow the position without a hole.
    pub(super) fn deliver_next(&mut self, around: &mut Surroundings<'_>, steps: &mut Vec<Step>) {
        if !self.proven {
            return;
        }
        while let Some(piece) = self.pop_if(around, |first, position| first <= position + 1) {
            self.deliver(piece.first, piece.messages, steps);
        }
    }

    /// Delivers all held messages, and reports the holes between them.
    pub(super) fn release(&mut self, around: &mut Surroundings<'_>, steps: &mut Vec<Step>) {
        let verified = self.proven;
        while let Some(piece) = self.pop_if(around, |_, _| true) {
            let next = self.position + 1;
            if piece.first > next {
                let missing = piece.first.abs_diff(next);
                // The gap of a new life covers the beginning of that life.
                if self.position > 0 {
                    steps.push(Step::Gap {
                        after: self.position,
                        missing: Some(missing),
                        verified,
                        new_life: false,
                    });
                } else {
                    self.lowest = 1;
                }
                let holes = &mut self.open.get_or_insert_default().holes;
                holes.push(next, piece.first - 1, Origin::Late);
            }
            // What the server did not fill is reported, so the life counts as the known one.
            self.proven = true;
            self.deliver(piece.first, piece.messages, steps);
        }
    }

    /// Takes the first held piece if `condition` holds for its first id and the position. Drops what
    /// is not above the position.
    pub(super) fn pop_if(
        &mut self,
        around: &mut Surroundings<'_>,
        condition: impl Fn(i32, i32) -> bool,
    ) -> Option<Piece> {
        let position = self.position;
        let held = &mut self.open.as_mut()?.held;
        around.questions.held.release(held.bytes());
        held.drop_to(position);
        let first = held.first_id();
        let piece = first
            .filter(|&first| condition(first, position))
            .and_then(|_| held.pop_first());
        around.questions.held.charge(held.bytes());
        piece
    }

    pub(super) fn deliver(&mut self, first: i32, messages: Messages, steps: &mut Vec<Step>) {
        debug_assert!(first > self.position, "a position never goes back");
        let behind = i32::try_from(messages.len() - 1).unwrap_or(i32::MAX);
        self.position = first.saturating_add(behind);
        if self.lowest == 0 {
            self.lowest = first;
        }
        steps.push(Step::Deliver(messages));
    }
}
