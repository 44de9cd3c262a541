//! The anchor of a channel: the newest message at the time of a subscription without history. It is
//! not delivered, and gives the channel a position, so that a later hole can be noticed.
//!
//! A live message looks the same, and must not be lost. So only a message that arrives together with
//! event 5 (in one call of `service`) is taken as the anchor, except the first of a channel; if one with
//! the id before it follows, or itself again, it was a live one, and is delivered then. An anchor that
//! arrives later is delivered: rather one message too many than one too few.

use super::fingerprint::Fingerprint;
use super::{Continuity, Step, Surroundings, is_within};
use crate::messages::{Messages, Origin};
use alloc::vec::Vec;

/// The knowledge of a channel about its anchor, within the time of the answer.
#[derive(Debug, Default)]
pub(super) enum Anchor {
    #[default]
    None,
    /// It was asked for, and event 5 arrived in this pass.
    Expected { pass: u64 },
    /// This was taken as the anchor.
    Taken(i32, Messages),
}

impl Continuity {
    /// Takes an event that is the anchor, or shows which message is. Returns what to hand out, or
    /// `None` if the event is like any other.
    pub(super) fn take_anchor(
        &mut self,
        around: &Surroundings<'_>,
        event: &Messages,
        first: i32,
        last: i32,
    ) -> Option<Vec<Step>> {
        let open = self.open.as_mut()?;
        if matches!(open.anchor, Anchor::None) {
            return None;
        }
        if !is_within(open.window, around.now) {
            open.anchor = Anchor::None;
            return None;
        }
        if first != last {
            return None;
        }
        if let Anchor::Expected { pass } = open.anchor
            && (pass != around.questions.pass || first == 1)
        {
            // A channel without history has no anchor, and its first message is a live one.
            open.anchor = Anchor::None;
            return None;
        }
        match &open.anchor {
            Anchor::Expected { .. } if !self.known => {
                let message = event.get(0)?;
                let print = Fingerprint::of(around.questions.keys(), &message);
                open.anchor = Anchor::Taken(first, event.part(0, 1, Origin::Live));
                self.recent.note(first, print);
                // Nothing below it is delivered as older: questions overlap with what was before the
                // subscription, and the application did not want that.
                (self.known, self.position, self.lowest) = (true, first, 1);
                Some(Vec::new())
            }
            // Live messages were faster.
            Anchor::Expected { .. } if first < self.lowest => {
                open.anchor = Anchor::None;
                self.lowest = 1;
                Some(Vec::new())
            }
            Anchor::Taken(id, message) if first == *id || first == *id - 1 => {
                let (id, message) = (*id, message.clone());
                open.anchor = Anchor::None;
                let mut steps = Vec::new();
                if self.position == id {
                    steps.push(Step::Deliver(message));
                } else {
                    // Later ones were delivered meanwhile.
                    steps.push(Step::Gap {
                        after: id - 1,
                        missing: Some(1),
                        verified: true,
                        new_life: false,
                    });
                    steps.push(Step::Deliver(message.part(0, 1, Origin::Late)));
                }
                Some(steps)
            }
            _ => None,
        }
    }
}
