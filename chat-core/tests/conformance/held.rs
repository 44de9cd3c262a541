//! What is received is not lost to a clock: nothing is late while the answer may lie in what is held.

use crate::rig::{Rig, Seen, each_with, objects, strings};
use chat_core::{CauseKind, Event, LinkInput, State};

/// A framed event 0 of one line.
fn line(rig: &mut Rig, id: i32) -> Vec<u8> {
    let parameters = [
        (1, "a".into()),
        (4, strings(&["bob"])),
        (2, objects(&[format!("line {id}").into()])),
        (8, id.into()),
    ];
    rig.event(0, &parameters)
}

/// The application takes no events; the server says its last words and closes. Ten minutes later all of it is told.
#[test]
fn last_words_wait_for_an_application_that_is_busy() {
    each_with(
        |config| config.event_cap_bytes(2_000),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.join(&["a"]);
            let link = rig.link();
            let mut bytes = Vec::new();
            for id in 1..=100 {
                bytes.extend(line(&mut rig, id));
            }
            rig.hand_over(link, &bytes);
            rig.client.handle_link(rig.now, link, LinkInput::Closed);
            let mut calls = 0;
            for minute in 1..=10 {
                while rig
                    .client
                    .service(rig.now.plus_millis(minute * 60_000))
                    .more
                {
                    calls += 1;
                    assert!(calls < 1_000, "busy");
                }
                let deadline = rig.client.poll_timeout();
                assert!(
                    deadline.is_none_or(|at| at > rig.now.plus_millis(minute * 60_000)),
                    "{deadline:?}"
                );
            }
            assert_eq!(
                rig.client.state(),
                State::ConnectedToFrontEnd,
                "the end was told before what came before it"
            );
            let mut lines = 0;
            let mut end = Vec::new();
            loop {
                rig.client.service(rig.now.plus_millis(600_000));
                let Some(event) = rig.client.poll_event() else {
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

/// Caps that hold nothing, and caps without end, still make clients that work.
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
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.join(&["a"]);
            let bytes = line(&mut rig, 1);
            rig.deliver(&bytes);
            assert_eq!(
                rig.client.channel("a").map(chat_core::Channel::last_id),
                Some(1)
            );
        },
    );
}
