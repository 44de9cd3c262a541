//! Caps and limits that hold for the whole, and not for each part: events, one message, text.

use crate::harness::{Harness, each, each_with, objects, over_messages_with, strings};
use chat_core::{
    CauseKind, ChatConfig, ConnectOptions, Content, Event, Limits, LinkId, LinkInput, Protocol,
    RequestError, State, Value,
};
use photon_proto::json;

/// So many events may wait, however small they are.
const MAX_EVENTS: usize = 16 * 1024;

/// Delivers many small events that the application does not take. Returns their number.
fn flood(harness: &mut Harness) -> usize {
    const CHUNK: usize = 500;
    let chunks = MAX_EVENTS / CHUNK + 8;
    let link = harness.link();
    let chunk: Vec<u8> = (0..CHUNK).flat_map(|_| harness.event(77, &[])).collect();
    for _ in 0..chunks {
        harness.deliver_without_pump(link, &chunk);
        while harness.client.service(harness.now).more {}
        // Acknowledgements over datagrams.
        harness.move_bytes();
    }
    chunks * CHUNK
}

#[test]
fn sound19_the_number_of_events_is_capped_and_none_is_lost() {
    let any_bytes = |config: ChatConfig| config.event_cap_bytes(usize::MAX);
    each_with(any_bytes, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let sent = flood(&mut harness);
        assert_eq!(harness.client.queued_events(), MAX_EVENTS);
        assert!(
            harness.client.buffered_bytes() > 0,
            "the rest waits undecoded"
        );
        // The client waits for the application, not for time.
        let due = harness.client.poll_timeout();
        assert!(due.is_none_or(|due| due > harness.now), "busy: {due:?}");

        let mut taken = 0;
        loop {
            harness.client.service(harness.now);
            harness.move_bytes();
            harness.deliver_answers();
            match harness.client.poll_event() {
                Some(Event::Other { code: 77, .. }) => taken += 1,
                Some(other) => panic!("{other:?}"),
                None => break,
            }
            assert!(harness.client.queued_events() <= MAX_EVENTS);
        }
        assert_eq!(taken, sent);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    });
}

#[test]
fn sound19_intents_that_raise_events_are_refused_at_the_cap() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        flood(&mut harness);
        // An end is reported in any case.
        harness.client.disconnect();
        assert_eq!(harness.client.queued_events(), MAX_EVENTS + 1);
        let full = Err(RequestError::QueueFull);
        let connect =
            |harness: &mut Harness| harness.client.connect_to_name_server(ConnectOptions::new());
        assert_eq!(connect(&mut harness), full);
        assert_eq!(harness.client.reconnect(), full);
        for _ in 0..2 {
            assert!(harness.client.poll_event().is_some());
        }
        assert_eq!(connect(&mut harness), Ok(()));
    });
}

/// Ints in an object array, which every protocol has. Each takes the memory of a `Value`.
fn list(length: usize) -> Value {
    objects(&vec![Value::Int(7); length])
}

/// Event 0 with these messages of bob in channel a.
fn messages(contents: Vec<Value>, id: i32) -> Vec<(u8, Value)> {
    vec![
        (1, "a".into()),
        (4, strings(&vec!["bob"; contents.len()])),
        (2, objects(&contents)),
        (8, id.into()),
    ]
}

/// The number of messages that came whole.
fn received(harness: &mut Harness, length: usize) -> usize {
    let mut whole = 0;
    for event in harness.take_events() {
        if let Event::ChatMessages { messages, .. } = event {
            let is_whole = |content: Content<'_>| content.to_value() == list(length);
            whole += messages
                .iter()
                .filter(|message| is_whole(message.content))
                .count();
        }
    }
    whole
}

#[test]
fn sound19_the_memory_limit_applies_to_a_message_and_not_to_its_elements() {
    const LENGTH: usize = 1_000;
    let bytes_each = LENGTH * size_of::<Value>();
    let limited = |config: ChatConfig| {
        let max_memory_bytes = 10 * bytes_each;
        config.limits(Limits {
            max_memory_bytes,
            ..Limits::DEFAULT
        })
    };
    each_with(limited, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        let mut id = 0;
        // The limit is for each message: what one used, the next one has again.
        for _ in 0..20 {
            id += 4;
            let parameters = messages(vec![list(LENGTH); 4], id);
            harness.raise(0, &parameters);
            assert_eq!(received(&mut harness, LENGTH), 4);
        }
        // Each of these is far below the limit, and all of them together exceed it.
        for count in [11, 15, 40] {
            id += count;
            let parameters = messages(vec![list(LENGTH); count as usize], id);
            harness.raise(0, &parameters);
            let whole = received(&mut harness, LENGTH);
            assert!(whole <= 10, "{whole} of {count} are kept");
        }
        let kept = harness.client.stats().cached_bytes;
        assert!(kept < 100 * 4 * bytes_each, "{kept}");
        // The connection goes on.
        id += 1;
        let parameters = messages(vec![list(LENGTH)], id);
        harness.raise(0, &parameters);
        assert_eq!(received(&mut harness, LENGTH), 1);
    });
}

/// Event 77 with a text, as JSON frames.
fn text_of(frames: usize, filler: usize) -> Vec<u8> {
    let mut message = Vec::new();
    let mut writer = photon_proto::message::MessageWriter::event(
        &mut message,
        Protocol::V18,
        &Limits::DEFAULT,
        77,
    )
    .expect("fits");
    writer.put(1, "x".repeat(filler).as_str()).expect("fits");
    writer.finish().expect("fits");
    let mut text = Vec::new();
    for _ in 0..frames {
        json::encode_message(&mut text, &Limits::DEFAULT, &message).expect("fits");
    }
    text
}

const SMALL: usize = 16 * 1024;

/// A client of the JSON sub-protocol on the front end, with the smallest incoming cap.
fn over_json(test: impl Fn(Harness, LinkId)) {
    let small = |config: ChatConfig| {
        config
            .limits(Limits {
                max_received_bytes: SMALL,
                ..Limits::DEFAULT
            })
            .incoming_cap_bytes(0)
            .max_messages_per_service(1)
    };
    over_messages_with(small, |mut harness| {
        if harness.row.json {
            harness.go_to(State::ConnectedToFrontEnd);
            let link = harness.link();
            test(harness, link);
        }
    });
}

fn receive(harness: &mut Harness, link: LinkId, text: &[u8]) {
    let input = LinkInput::Received(text);
    harness.client.handle_link(harness.now, link, input);
}

#[test]
fn sound19_received_json_text_counts_towards_the_cap() {
    // One long frame in each text, or many short ones.
    for (frames, filler) in [(1, 4_000), (1, 100), (40, 50)] {
        over_json(|mut harness, link| {
            let text = text_of(frames, filler);
            let before = harness.client.buffered_bytes();
            let mut held = 0;
            while harness.client.wants_input(link) {
                receive(&mut harness, link, &text);
                held += text.len();
                assert!(harness.client.buffered_bytes() >= before + held, "{held}");
                // Twice the message limit is the least cap, and one text more.
                assert!(held <= 2 * SMALL + text.len(), "{held}");
            }
            // All of it is taken, frame by frame, and then nothing counts any more.
            let mut taken = 0;
            for _ in 0..100_000 {
                harness.client.service(harness.now);
                let Some(event) = harness.client.poll_event() else {
                    break;
                };
                assert!(matches!(event, Event::Other { code: 77, .. }), "{event:?}");
                taken += 1;
                let left = harness.client.buffered_bytes() - before;
                let texts_left = held / text.len() - (taken - 1) / frames - 1;
                assert!(left >= texts_left * text.len(), "{left} after {taken}");
            }
            assert_eq!(taken, held / text.len() * frames);
            assert_eq!(harness.client.buffered_bytes(), before);
            assert!(harness.client.wants_input(link));
        });
    }
}

/// The rest of a text whose first frames were taken still counts.
#[test]
fn sound19_a_json_text_counts_until_its_last_frame_is_taken() {
    over_json(|mut harness, link| {
        let text = text_of(100, 50);
        let before = harness.client.buffered_bytes();
        receive(&mut harness, link, &text);
        for frame in 1..=100 {
            harness.client.service(harness.now);
            assert!(harness.client.poll_event().is_some());
            let counted = harness.client.buffered_bytes() - before;
            assert_eq!(counted > 0, frame < 100, "{counted} after frame {frame}");
        }
        assert!(harness.client.wants_input(link));
    });
}

#[test]
fn sound19_far_more_json_text_than_wanted_ends_the_link() {
    over_json(|mut harness, link| {
        let text = text_of(1, 4_000);
        // Three times the message limit: the least cap and one message more.
        for _ in 0..=3 * SMALL / text.len() {
            receive(&mut harness, link, &text);
        }
        while harness.client.state() == State::ConnectedToFrontEnd {
            harness.pump();
        }
        let (code, cause, _) = harness.error();
        assert_eq!((code, cause.kind), (1001, CauseKind::InputOverrun));
        assert_eq!(harness.client.buffered_bytes(), 0);
    });
}
