//! [`Arrival`]: the messages of an event 0 with their ids, next to those that are cached.

use super::Cached;
use crate::messages::{Message, Messages, Origin};

/// The messages of an event 0, whose ids are consecutive.
pub(super) struct Arrival<'a, C> {
    messages: &'a Messages,
    pub(super) first: i32,
    pub(super) last: i32,
    cached: &'a C,
}

impl<'a, C: Cached> Arrival<'a, C> {
    pub(super) fn new(messages: &'a Messages, first: i32, last: i32, cached: &'a C) -> Self {
        debug_assert!(
            1 <= first && first <= last && (last - first) as usize + 1 == messages.len(),
            "an event has consecutive ids"
        );
        Self {
            messages,
            first,
            last,
            cached,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) const fn contains(&self, id: i32) -> bool {
        self.first <= id && id <= self.last
    }

    /// The message with an id of the event.
    pub(super) fn get(&self, id: i32) -> Option<Message<'a>> {
        let message = self.messages.get(self.index(id)?);
        debug_assert!(message.is_some(), "the id is in the event");
        message
    }

    /// The message with an id that is cached.
    pub(super) fn cached(&self, id: i32) -> Option<Message<'a>> {
        self.cached.find(id)
    }

    pub(super) const fn cache(&self) -> &'a C {
        self.cached
    }

    /// The messages with the ids `from` to `to`.
    pub(super) fn part(&self, from: i32, to: i32, origin: Origin) -> Messages {
        debug_assert!(from <= to && self.contains(from) && self.contains(to));
        let from = self.index(from).unwrap_or_default();
        let to = self.index(to).map_or(0, |to| to + 1);
        self.messages.part(from, to, origin)
    }

    fn index(&self, id: i32) -> Option<usize> {
        usize::try_from(id.checked_sub(self.first)?).ok()
    }
}
