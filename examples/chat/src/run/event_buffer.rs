//! [`EventBuffer`]: printed events that are still there for a `wait`.

use std::collections::VecDeque;

/// How many bytes of printed lines are kept; the oldest go first. Enough for any script that waits for what it does.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Events that no wait has taken, oldest first.
#[derive(Debug, Default)]
pub(crate) struct EventBuffer {
    events: VecDeque<Event>,
    /// The number of the next event.
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Event {
    number: u64,
    name: &'static str,
    line: String,
    /// For how many it counts.
    weight: usize,
    /// A count has taken a part of it.
    begun: bool,
}

impl EventBuffer {
    /// An event was printed as `line`; it counts for `weight`.
    pub(crate) fn add(&mut self, name: &'static str, line: String, weight: usize) {
        self.bytes = self.bytes.saturating_add(line.len());
        self.events.push_back(Event {
            number: self.next,
            name,
            line,
            weight,
            begun: false,
        });
        self.next += 1;
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.line.len());
        }
    }

    /// Takes the first event of this name whose line contains the text. `seen` starts at 0 and makes the same search go
    /// on where it ended before.
    pub(crate) fn take(&mut self, seen: &mut u64, name: &str, substring: Option<&str>) -> bool {
        let start = self.events.partition_point(|event| event.number < *seen);
        *seen = self.next;
        let fits = |event: &Event| {
            event.name == name
                && !event.begun
                && substring.is_none_or(|substring| event.line.contains(substring))
        };
        let Some(at) = self.events.range(start..).position(fits) else {
            return false;
        };
        self.remove(start + at);
        true
    }

    /// Takes events of this name, and of the last one a part, until they count for `wanted`; for how many they did.
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
            event.begun = true;
            if event.weight == 0 {
                self.remove(at);
            }
        }
        taken
    }

    fn remove(&mut self, at: usize) {
        if let Some(event) = self.events.remove(at) {
            self.bytes = self.bytes.saturating_sub(event.line.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EventBuffer, MAX_BYTES};

    fn three() -> EventBuffer {
        let mut buffer = EventBuffer::default();
        buffer.add("A", "one".into(), 1);
        buffer.add("B", "two".into(), 3);
        buffer.add("A", "three".into(), 1);
        buffer
    }

    #[test]
    fn the_first_that_fits_is_taken_once() {
        let mut buffer = three();
        assert!(buffer.take(&mut 0, "A", Some("ee")));
        assert!(!buffer.take(&mut 0, "A", Some("ee")));
        assert!(buffer.take(&mut 0, "A", None));
        assert!(!buffer.take(&mut 0, "A", None));
        assert!(buffer.take(&mut 0, "B", None));
        assert_eq!(buffer.bytes, 0);
    }

    #[test]
    fn a_search_goes_on_with_new_events() {
        let (mut buffer, mut seen) = (three(), 0);
        assert!(!buffer.take(&mut seen, "C", None));
        assert!(!buffer.take(&mut seen, "A", None), "seen before");
        buffer.add("C", String::new(), 1);
        assert!(buffer.take(&mut seen, "C", None));
    }

    #[test]
    fn counts_take_parts() {
        let mut buffer = three();
        assert_eq!(buffer.take_count("B", 2), 2);
        assert!(!buffer.take(&mut 0, "B", None), "begun");
        assert_eq!(buffer.take_count("B", 2), 1);
        assert_eq!(buffer.take_count("A", 0), 0);
        assert_eq!(buffer.take_count("A", 5), 2);
        assert_eq!(buffer.bytes, 0);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut buffer = three();
        buffer.add("C", "x".repeat(MAX_BYTES - 5), 1);
        assert!(!buffer.take(&mut 0, "B", None));
        assert!(buffer.take(&mut 0, "A", Some("three")));
        assert!(buffer.take(&mut 0, "C", None));
    }
}
