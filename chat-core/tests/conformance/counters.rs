//! Counters and sizes that an application reads: each survived as a planted bug.

use crate::harness::{Harness, Seen, each, not_in_json, objects, strings};
use chat_core::{Event, State};

#[test]
fn sound19_each_message_of_the_server_counts_as_received_whatever_its_kind() {
    // A request: clients get none.
    not_in_json(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let before = harness.client.stats();
        for _ in 0..2 {
            harness.deliver_message(&[0xF3, 2, 7, 0, 0]);
        }
        let after = harness.client.stats();
        assert_eq!(after.received_messages - before.received_messages, 2);
        assert_eq!(after.ignored_messages - before.ignored_messages, 2);
    });
}

#[track_caller]
fn one_event(harness: &mut Harness) -> Event {
    let mut events = harness.take_events();
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[test]
fn sound19_messages_pin_their_text_and_a_place_for_each() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        let mut pinned = |texts: &[&str], id: i32| {
            let contents: Vec<_> = texts.iter().map(|text| (*text).into()).collect();
            let parameters = [
                (1, "a".into()),
                (4, strings(&vec!["b"; texts.len()])),
                (2, objects(&contents)),
                (8, id.into()),
            ];
            harness.raise(0, &parameters);
            match one_event(&mut harness) {
                Event::ChatMessages { messages, .. } => {
                    assert_eq!(messages.last_id(), Some(id));
                    messages.pinned_bytes()
                }
                other => panic!("{other:?}"),
            }
        };
        let small = pinned(&["x"], 1);
        assert_eq!(pinned(&["x".repeat(5_001).as_str()], 2), small + 5_000);
        // Sender, content and their places.
        let many = pinned(&["x"; 100], 102);
        assert!(many >= small + 99 * (2 + 8), "{many}");
    });
}

#[test]
fn sound19_a_private_message_pins_its_text() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let mut pinned = |text: &str, id: i32| {
            let parameters = [
                (5, "bob".into()),
                (225, "alice".into()),
                (3, text.into()),
                (8, id.into()),
            ];
            harness.raise(2, &parameters);
            match one_event(&mut harness) {
                Event::PrivateMessage { message, .. } => message.pinned_bytes(),
                other => panic!("{other:?}"),
            }
        };
        let small = pinned("x", 1);
        assert_eq!(pinned(&"x".repeat(5_001), 2), small + 5_000);
    });
}

#[test]
fn sound19_messages_without_an_id_have_no_last_id() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        let parameters = [(1, "a".into()), (4, strings(&["b"])), (2, strings(&["x"]))];
        harness.raise(0, &parameters);
        let event = one_event(&mut harness);
        let Event::ChatMessages { messages, .. } = &event else {
            panic!("{event:?}");
        };
        assert_eq!(messages.last_id(), None);
        let line = crate::harness::Line::new("b", "x", None);
        assert_eq!(Seen::from(&event), Seen::messages("a", [line]));
    });
}
