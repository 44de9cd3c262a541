//! [`EventBuffer`]: printed events that a `wait` may still consume.

use super::condition::Filter;
use std::collections::VecDeque;

/// The cap of buffered lines, far more than a script waits for. The oldest events are dropped
/// first.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Events that no wait has consumed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct EventBuffer {
    events: VecDeque<Event>,
    /// The number of the next event. Numbers stay valid when older events are removed.
    next: u64,
    /// The length of all lines in `events`.
    bytes: usize,
}

#[derive(Debug)]
struct Event {
    number: u64,
    name: &'static str,
    line: String,
    /// How many events it still counts as.
    weight: usize,
    /// A `wait-count` has consumed a part of it, so that `wait` ignores it.
    partly_consumed: bool,
}

impl EventBuffer {
    /// Adds an event that was printed as `line` and counts as `weight` events.
    pub(crate) fn add(&mut self, name: &'static str, line: String, weight: usize) {
        self.bytes += line.len();
        self.events.push_back(Event {
            number: self.next,
            name,
            line,
            weight,
            partly_consumed: false,
        });
        self.next += 1;
        while self.bytes > MAX_BYTES {
            self.remove(0);
        }
    }

    /// Consumes the first event of this name that fits. `searched` starts at 0 and lets the next call for the same search skip the events that this one has seen.
    pub(crate) fn take(&mut self, searched: &mut u64, name: &str, filter: &Filter) -> bool {
        debug_assert!(*searched <= self.next, "a search of another buffer");
        let start = self
            .events
            .partition_point(|event| event.number < *searched);
        *searched = self.next;
        let fits = |event: &Event| {
            event.name == name && !event.partly_consumed && filter.fits(&event.line)
        };
        let Some(at) = self.events.range(start..).position(fits) else {
            return false;
        };
        self.remove(start + at);
        true
    }

    /// Consumes events of this name, the last one possibly in part, until they count as `wanted`.
    /// Returns how many they count as.
    pub(crate) fn take_count(&mut self, name: &str, wanted: usize) -> usize {
        let (mut taken, mut at) = (0, 0);
        while taken < wanted {
            let Some(event) = self.events.get_mut(at) else {
                break;
            };
            if event.name != name {
                at += 1;
                continue;
            }
            let part = event.weight.min(wanted - taken);
            taken += part;
            event.weight -= part;
            event.partly_consumed = true;
            if event.weight == 0 {
                self.remove(at);
            }
        }
        debug_assert!(taken <= wanted);
        taken
    }

    fn remove(&mut self, at: usize) {
        let Some(event) = self.events.remove(at) else {
            debug_assert!(false, "no event at {at} of {}", self.events.len());
            self.bytes = 0;
            return;
        };
        self.bytes -= event.line.len();
        debug_assert!(!self.events.is_empty() || self.bytes == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{EventBuffer, Filter, MAX_BYTES};

    fn three() -> EventBuffer {
        let mut buffer = EventBuffer::default();
        buffer.add("A", "one".into(), 1);
        buffer.add("B", "two".into(), 3);
        buffer.add("A", "three".into(), 1);
        buffer
    }

    #[test]
    fn a_wait_consumes_the_first_event_that_fits() {
        let mut buffer = three();
        assert!(buffer.take(&mut 0, "A", &Filter::contains("ee")));
        assert!(!buffer.take(&mut 0, "A", &Filter::contains("ee")));
        assert!(buffer.take(&mut 0, "A", &Filter::Any));
        assert!(!buffer.take(&mut 0, "A", &Filter::Any));
        assert!(buffer.take(&mut 0, "B", &Filter::Any));
        assert_eq!(buffer.bytes, 0);
    }

    #[test]
    fn a_search_continues_with_new_events() {
        let (mut buffer, mut searched) = (three(), 0);
        assert!(!buffer.take(&mut searched, "C", &Filter::Any));
        assert!(
            !buffer.take(&mut searched, "A", &Filter::Any),
            "searched before"
        );
        buffer.add("C", String::new(), 1);
        assert!(buffer.take(&mut searched, "C", &Filter::Any));
    }

    #[test]
    fn a_count_may_consume_a_part_of_an_event() {
        let mut buffer = three();
        assert_eq!(buffer.take_count("B", 2), 2);
        assert!(!buffer.take(&mut 0, "B", &Filter::Any), "partly consumed");
        assert_eq!(buffer.take_count("B", 2), 1);
        assert_eq!(buffer.take_count("A", 0), 0);
        assert_eq!(buffer.take_count("A", 5), 2);
        assert_eq!(buffer.bytes, 0);
    }

    #[test]
    fn the_oldest_events_are_dropped_at_the_cap() {
        let mut buffer = three();
        buffer.add("C", "x".repeat(MAX_BYTES - 5), 1);
        assert!(!buffer.take(&mut 0, "B", &Filter::Any));
        assert!(buffer.take(&mut 0, "A", &Filter::contains("three")));
        assert!(buffer.take(&mut 0, "C", &Filter::Any));
    }
}
