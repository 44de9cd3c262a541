//! Held input against the clock: no deadline passes while core holds input that may contain the
//! response.

use crate::harness::{Harness, Seen, each_with, objects, strings};
use chat_core::{CauseKind, Event, LinkInput, State};

/// A framed event 0 of one line.
fn line(harness: &mut Harness, id: i32) -> Vec<u8> {
    let parameters = [
        (1, "a".into()),
        (4, strings(&["bob"])),
        (2, objects(&[format!("line {id}").into()])),
        (8, id.into()),
    ];
    harness.event(0, &parameters)
}

/// The application takes no events while the server sends its last messages and closes. Ten minutes
/// later everything is reported.
#[test]
fn the_disconnect_waits_until_the_application_takes_events() {
    each_with(
        |config| config.event_cap_bytes(2_000),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["a"]);
            let link = harness.link();
            let mut bytes = Vec::new();
            for id in 1..=100 {
                bytes.extend(line(&mut harness, id));
            }
            harness.deliver_without_pump(link, &bytes);
            harness
                .client
                .handle_link(harness.now, link, LinkInput::Closed);
            let mut calls = 0;
            for minute in 1..=10 {
                while harness
                    .client
                    .service(harness.now.plus_millis(minute * 60_000))
                    .more
                {
                    calls += 1;
                    assert!(calls < 1_000, "busy");
                }
                let deadline = harness.client.poll_timeout();
                assert!(
                    deadline.is_none_or(|at| at > harness.now.plus_millis(minute * 60_000)),
                    "{deadline:?}"
                );
            }
            assert_eq!(
                harness.client.state(),
                State::ConnectedToFrontEnd,
                "the end was reported before earlier messages"
            );
            let mut lines = 0;
            let mut end = Vec::new();
            loop {
                harness.client.service(harness.now.plus_millis(600_000));
                let Some(event) = harness.client.poll_event() else {
                    break;
                };
                match event {
                    Event::ChatMessages { messages, .. } => lines += messages.len(),
                    Event::StateChanged { to, .. } => end.push(Seen::State(to)),
                    Event::Error { code, cause, .. } => {
                        assert_eq!(cause.kind, CauseKind::Closed);
                        end.push(Seen::Error(code.code()));
                    }
                    _ => {}
                }
            }
            assert_eq!(
                (lines, end),
                (100, vec![Seen::State(State::Error), Seen::Error(1003)])
            );
        },
    );
}

/// Clients with the smallest and with the largest caps still work.
#[test]
fn extreme_caps_work() {
    each_with(
        |config| {
            config
                .event_cap_bytes(0)
                .outgoing_cap_bytes(0)
                .incoming_cap_bytes(usize::MAX)
                .cache_cap_bytes(0)
        },
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["a"]);
            let bytes = line(&mut harness, 1);
            harness.deliver(&bytes);
            assert_eq!(
                harness.client.channel("a").map(chat_core::Channel::last_id),
                Some(1)
            );
        },
    );
}
