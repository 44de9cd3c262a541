//! Whether an event is of the known life of a channel, or of another one: what it shares with the
//! messages that were delivered before is compared. Spec: chat.md 4.1.

use super::arrival::Arrival;
use super::fingerprint::{self, Fingerprint};
use super::{Cached, Continuity, QuestionKind, Recent, Surroundings, is_within};
use crate::messages::Message;
use photon_proto::{HashKeys, Timestamp};

impl Continuity {
    /// Whether an event belongs to another life of the channel than the position. Notes if it
    /// proves that it is the same one.
    pub(super) fn is_other_life(
        &mut self,
        around: &Surroundings<'_>,
        arrival: &Arrival<'_, impl Cached>,
    ) -> bool {
        let keys = around.questions.keys();
        let from = self.recent_from(arrival.first);
        let contains_position = arrival.contains(self.position);
        let ends_below = arrival.last < self.position;
        if self.proven {
            // An answer of an earlier question may be on its way, and tell about an earlier moment.
            if self.was_asked(around.now)
                || self.is_answer_after_sleep(around, arrival)
                || self.is_next_below_after_sleep(around, arrival)
            {
                return false;
            }
            (ends_below && !self.fills_hole(keys, arrival))
                || (contains_position && !self.is_same(keys, arrival, from))
        } else if contains_position {
            self.proven = self.is_same(keys, arrival, from);
            !self.proven
        } else {
            // Without anything to compare there can be no better proof than the next id.
            if arrival.first == self.position + 1 && !self.knows_recent(arrival.cache()) {
                self.proven = true;
            }
            // A part of a history that the server sends in several events proves nothing, for a young
            // life may begin with the same words; the part with the position decides.
            ends_below && !(self.compares_any(arrival, from) && self.is_same(keys, arrival, from))
        }
    }

    /// Whether nothing shows the life of an event: the client has asked, and the event is a part of the
    /// answer with messages none of which was delivered, because they are in a hole or below all
    /// others. It is no sign of another life, which would begin just so.
    pub(super) fn is_undecided(
        &self,
        around: &Surroundings<'_>,
        arrival: &Arrival<'_, impl Cached>,
    ) -> bool {
        let is_unknown = || {
            let open = self.open.as_ref();
            arrival.last < self.lowest
                || open.is_some_and(|open| open.holes.contain(arrival.first, arrival.last))
        };
        !self.proven
            && arrival.last < self.position
            && self.question() == Some(QuestionKind::Overlap)
            && self.can_ask(around)
            && is_unknown()
    }

    /// Where the last messages begin in an event with this first id.
    fn recent_from(&self, first: i32) -> i32 {
        first.max(self.position - Recent::LENGTH + 1)
    }

    /// Whether an event is an answer that waited for a program that slept. It may also be of another
    /// life that began meanwhile, so only equal messages count, but any that are still cached.
    fn is_answer_after_sleep(
        &self,
        around: &Surroundings<'_>,
        arrival: &Arrival<'_, impl Cached>,
    ) -> bool {
        self.may_have_waited_asleep(around.now)
            && self.compares_any(arrival, arrival.first)
            && self.is_same(around.questions.keys(), arrival, arrival.first)
    }

    /// Whether an event that waited for a program that slept goes on with a history that the server
    /// sends from its end. It shares no message with what was delivered, so it has to end exactly there:
    /// another life would have to meet that id by chance.
    fn is_next_below_after_sleep(
        &self,
        around: &Surroundings<'_>,
        arrival: &Arrival<'_, impl Cached>,
    ) -> bool {
        self.may_have_waited_asleep(around.now) && arrival.last.checked_add(1) == Some(self.lowest)
    }

    /// Whether what arrives may have waited for a program that slept after a request.
    fn may_have_waited_asleep(&self, now: Timestamp) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| is_within(open.window_asleep, now))
    }

    /// Whether an event is an answer that comes later than answers usually do: it ends a hole. One
    /// message alone may be a live one of another life, and so may several that a server sends
    /// together: around the hole they would differ from what was delivered.
    pub(super) fn fills_hole(&self, keys: &HashKeys, arrival: &Arrival<'_, impl Cached>) -> bool {
        let open = self.open.as_ref();
        arrival.len() > 1
            && open.is_some_and(|open| open.holes.has_end_within(arrival.first, arrival.last))
            && self.is_same(keys, arrival, arrival.first)
    }

    /// Whether an event contains, from the id `from` on, one of the messages that were delivered
    /// before, with a text that can be compared.
    fn compares_any(&self, arrival: &Arrival<'_, impl Cached>, from: i32) -> bool {
        let firm = |message: &Message<'_>| fingerprint::firm_text(message).is_some();
        (from..=arrival.last.min(self.position)).any(|id| {
            let known = match arrival.cached(id) {
                Some(known) => firm(&known),
                None => self.recent.get(id).text != Fingerprint::ANY.text,
            };
            known && arrival.get(id).is_some_and(|message| firm(&message))
        })
    }

    /// Whether the messages of an event, from the id `from` on, are those that were delivered
    /// before, as far as both can be compared.
    fn is_same(&self, keys: &HashKeys, arrival: &Arrival<'_, impl Cached>, from: i32) -> bool {
        (from..=arrival.last.min(self.position)).all(|id| {
            let Some(message) = arrival.get(id) else {
                return true;
            };
            match arrival.cached(id) {
                Some(known) => fingerprint::is_same(&known, &message),
                None => self.recent.get(id).is_same(Fingerprint::of(keys, &message)),
            }
        })
    }

    /// Whether a message before the position can be compared.
    pub(super) fn knows_recent(&self, cached: &impl Cached) -> bool {
        let lowest = (self.position - Recent::LENGTH + 1).max(1);
        (lowest..=self.position)
            .any(|id| self.recent.get(id) != Fingerprint::ANY || cached.find(id).is_some())
    }
}
