//! [`ListedChannels`]: the channels of an event 5 or 6, and what becomes of each: in one call if they are
//! few. Spec: chat.md 4.4, 4.5.

use super::Incoming;
use super::values::{Name, Names};
use crate::event::{ChannelOutcome, Event, Outcome};
use crate::model::Channel;
use crate::model::keys::NameMap;
use crate::operation::pending::{RequestKind, Settled};
use alloc::vec::Vec;
use photon_proto::{HashKeys, Text};

/// The names that are handled in the call that decodes them, if there are more than one.
const MAX_AT_ONCE: usize = 1_024;
/// The bytes of these names. The client searches for each name several times.
const MAX_BYTES_AT_ONCE: usize = 64 * 1024;

/// The work of a call on names, in the unit of [`Stats::work`](crate::Stats::work). Half of what a call
/// may take: it is an estimate, and the last name may be a long one.
pub(super) const WORK_PER_PART: u64 = 5_000_000;
/// The work of a name that changes nothing,
const WORK_PER_NAME: u64 = 500;
/// of each of its bytes,
const WORK_PER_NAME_BYTE: u64 = 10;
/// of one whose request is settled, or that the model keeps.
const WORK_PER_CHANGE: u64 = 2_000;

/// The channels of an event 5 or 6.
#[derive(Debug)]
pub(crate) struct ListedChannels {
    names: Names,
    /// The results of an event 5; `None` for an event 6.
    results: Option<Vec<bool>>,
    /// How many of the names were handled.
    done: usize,
    repeats: Repeats,
    /// The outcomes of these names that concern the application.
    outcomes: Vec<ChannelOutcome>,
    has_accepted: bool,
}

impl ListedChannels {
    /// The channels of an event 5.
    pub(super) fn subscribed(names: Names, results: Vec<bool>, keys: HashKeys) -> Self {
        Self::new(names, Some(results), keys)
    }

    /// The channels of an event 6.
    pub(super) fn unsubscribed(names: Names, keys: HashKeys) -> Self {
        Self::new(names, None, keys)
    }

    fn new(names: Names, results: Option<Vec<bool>>, keys: HashKeys) -> Self {
        Self {
            outcomes: Vec::with_capacity(names.len()),
            names,
            results,
            done: 0,
            repeats: Repeats(NameMap::with_hasher(keys)),
            has_accepted: false,
        }
    }

    /// Whether the names are more than one call handles besides decoding them. Never if there is only one:
    /// an event for one channel has more to be applied.
    pub(super) fn is_long(&self) -> bool {
        let count = self.names.len();
        count > 1 && (count > MAX_AT_ONCE || self.names.bytes() > MAX_BYTES_AT_ONCE)
    }

    pub(super) fn is_done(&self) -> bool {
        self.done >= self.names.len()
    }

    /// The name of an event for one channel that the user has entered.
    pub(super) fn only_accepted(&self) -> Option<&str> {
        let only = self.names.rest(0).next().map(|only| only.name);
        only.filter(|_| self.has_accepted && self.names.len() == 1)
    }

    /// The event about the names that were handled, if any of them concerns the application.
    pub(super) fn into_begun_event(self) -> Option<Event> {
        (!self.outcomes.is_empty()).then(|| self.into_event())
    }

    fn into_event(self) -> Event {
        match self.results {
            Some(_) => Event::SubscribeResult(self.outcomes),
            None => Event::UnsubscribeResult(self.outcomes),
        }
    }
}

impl Incoming<'_> {
    /// Handles names up to the end of the list, or for about so much work. Returns the work.
    pub(super) fn take_channels(&mut self, list: &mut ListedChannels, most: u64) -> u64 {
        // Taken out to be borrowed.
        let names = core::mem::take(&mut list.names);
        let is_alone = names.len() == 1;
        let (mut work, mut unkept) = (0, 0);
        for name in names.rest(list.done) {
            let index = list.done;
            list.done += 1;
            work += WORK_PER_NAME + WORK_PER_NAME_BYTE * name.name.len() as u64;
            if !list.repeats.take(name.name) {
                let has_changed = match &list.results {
                    Some(results) => {
                        let entered = Entered {
                            // A missing result is a refusal. Spec: chat.md 4.4.
                            is_accepted: results.get(index).copied().unwrap_or(false),
                            is_whole: names.is_whole(index),
                            is_alone,
                        };
                        self.take_subscribed(list, name, entered, &mut unkept)
                    }
                    None => self.take_unsubscribed(list, name),
                };
                work += WORK_PER_CHANGE * u64::from(has_changed);
            }
            if work >= most {
                break;
            }
        }
        list.names = names;
        if unkept > 0 {
            self.stats.rare().unkept_channels += unkept;
            self.config.log(
                log::Level::Warn,
                format_args!("too many unsolicited channels: {unkept} of a list are not kept"),
            );
        }
        work
    }

    /// Reports a list whose names were all handled, unless none of them concerns the application.
    pub(super) fn report_channels(&mut self, list: ListedChannels) {
        debug_assert!(list.is_done(), "an event 5 or 6 is reported once");
        // A list without names is reported as the server sent it.
        if !list.outcomes.is_empty() || list.names.len() == 0 {
            self.events.push(list.into_event());
        }
    }

    /// Handles a name of an event 5. Returns whether it has changed anything.
    #[inline(always)]
    fn take_subscribed(
        &mut self,
        list: &mut ListedChannels,
        listed: Name<'_>,
        entered: Entered,
        unkept: &mut u64,
    ) -> bool {
        let (name, accepted) = (listed.name, entered.is_accepted);
        let settled = self.pending.subscribe.settle(name);
        list.repeats.note(name, settled);
        // A question for a channel that the user has left meanwhile entered it again, which the
        // application has to know.
        let settled = settled.filter(|settled| {
            settled.kind != RequestKind::Question || !accepted || {
                let channel = self.model.public.get(name);
                channel.is_some_and(Channel::is_subscribed)
            }
        });
        // A name that is not what the server sent would be a channel that nobody can use.
        let is_kept = accepted && entered.is_whole;
        // The text that the model keeps, so that the wanted state needs no copy of it.
        let kept = if is_kept {
            let restore = self.restore.as_ref();
            let is_wanted = settled.is_some() || restore.is_some_and(|it| it.wants(name));
            let history = settled.and_then(|settled| settled.history);
            self.model
                .on_subscribed(self.now, name, is_wanted, entered.is_alone, history)
        } else {
            None
        };
        *unkept += u64::from(is_kept && kept.is_none());
        list.has_accepted |= accepted;
        let has_changed = kept.is_some() || settled.is_some();
        let outcome = ChannelOutcome {
            channel: kept.unwrap_or_else(|| listed.text()),
            outcome: match accepted {
                true => Outcome::Done,
                false => Outcome::Refused,
            },
            request: settled.map(|settled| settled.id),
        };
        let kind = settled.map(|settled| settled.kind);
        if let Some(restore) = &mut self.restore {
            restore.on_subscribe_outcome(self.now, outcome, kind, &mut list.outcomes);
        } else if matches!(kind, Some(RequestKind::Application) | None) {
            // Nothing is reported of what the application did not ask for.
            list.outcomes.push(outcome);
        }
        has_changed
    }

    /// Handles a name of an event 6. Returns whether it has changed anything.
    #[inline(always)]
    fn take_unsubscribed(&mut self, list: &mut ListedChannels, listed: Name<'_>) -> bool {
        let name = listed.name;
        let settled = self.pending.unsubscribe.settle(name);
        list.repeats.note(name, settled);
        // A list may hold thousands of unknown names, and each of the two would search for them.
        let is_known = self.model.public.get(name).is_some();
        if is_known {
            self.model
                .on_leaving(self.now, name, self.events, self.stats);
            self.model.on_unsubscribed(name);
        }
        let outcome = ChannelOutcome {
            channel: listed.text(),
            outcome: Outcome::Done,
            request: settled.map(|settled| settled.id),
        };
        let kind = settled.map(|settled| settled.kind);
        if let Some(restore) = &mut self.restore {
            let is_asked = self.pending.subscribe.is_waiting_for(name);
            restore.on_unsubscribe_outcome(self.now, outcome, kind, is_asked, &mut list.outcomes);
        } else if matches!(kind, Some(RequestKind::Application) | None) {
            list.outcomes.push(outcome);
        }
        is_known || settled.is_some()
    }
}

/// A result of an event 5.
#[derive(Clone, Copy)]
struct Entered {
    is_accepted: bool,
    /// Whether the name is what the server sent.
    is_whole: bool,
    /// Whether the event is for this channel only, and brings its subscribers and properties.
    is_alone: bool,
}

/// The names of an event that repeat an entry, because the request had them more than once. Servers
/// answer such a request with each name as often, and it has one outcome for each.
#[derive(Debug)]
struct Repeats(NameMap<u32>);

impl Repeats {
    /// Notes how often the request that was settled repeats the name.
    fn note(&mut self, name: &str, settled: Option<Settled>) {
        let repeats = settled.map_or(0, |settled| settled.repeats);
        if repeats > 0 {
            let repeats = u32::try_from(repeats).unwrap_or(u32::MAX);
            self.0.insert(Text::from(name), repeats);
        }
    }

    /// Takes one repetition of the name. Returns whether there was one.
    fn take(&mut self, name: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        match self.0.get_mut(name) {
            Some(left) if *left > 1 => *left -= 1,
            Some(_) => drop(self.0.remove(name)),
            None => return false,
        }
        true
    }
}
