//! Messages that cannot be decoded are no sign of life, however many bytes they have. wire.md 11.1.

use crate::harness::{Harness, framed, not_over_datagrams, over_streams};
use chat_core::{LinkInput, State};

const LIMIT_MS: u64 = 10_000;

/// A message of a kind that does not exist, of this length.
fn junk(bytes: usize) -> Vec<u8> {
    let mut message = vec![0xF3, 99];
    message.resize(bytes, 0xEE);
    message
}

/// The server sends a message that cannot be decoded; over a stream in so many pieces.
#[track_caller]
fn deliver_junk(harness: &mut Harness, bytes: usize, pieces: usize) {
    if harness.row.json {
        let text = format!("~m~{}~m~~j~{{{}", bytes + 4, "x".repeat(bytes));
        let link = harness.link();
        return harness.input(link, LinkInput::Received(text.as_bytes()));
    }
    if pieces == 1 {
        return harness.deliver_message(&junk(bytes));
    }
    let framed = framed(&junk(bytes));
    for piece in framed.chunks(framed.len().div_ceil(pieces)) {
        harness.deliver(piece);
    }
}

/// Returns the milliseconds until the client has ended.
#[track_caller]
fn ends(harness: &mut Harness, every_ms: u64, bytes: usize, pieces: usize) -> u64 {
    harness.answers = false;
    let began = harness.now;
    while harness.client.state() == State::ConnectedToFrontEnd {
        deliver_junk(harness, bytes, pieces);
        harness.advance_ms(every_ms);
        let elapsed = harness.now.millis_since(began);
        assert!(elapsed < 60_000, "still connected after {elapsed} ms");
    }
    let _reported = harness.take_events();
    harness.now.millis_since(began)
}

#[test]
fn sound11_undecodable_messages_keep_nobody_connected() {
    for (bytes, every_ms) in [(100, 100), (1_100, 1_000), (5_000, 500), (60_000, 4_000)] {
        not_over_datagrams(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let elapsed = ends(&mut harness, every_ms, bytes, 1);
            assert!(elapsed < LIMIT_MS + every_ms + 1, "{elapsed}");
        });
        over_streams(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let elapsed = ends(&mut harness, every_ms, bytes, 3);
            assert!(elapsed < LIMIT_MS + every_ms + 1, "{elapsed}");
        });
    }
}

/// What comes between them is judged as ever.
#[test]
fn sound11_undecodable_messages_end_no_connection_that_lives() {
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        for _ in 0..100 {
            deliver_junk(&mut harness, 5_000, 1);
            harness.advance_ms(1_000);
            let _reported = harness.take_events();
        }
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    });
}

/// On a line so slow that one message takes longer than the limit.
#[test]
fn sound11_a_slow_message_that_cannot_be_decoded_counts_as_silence() {
    over_streams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.answers = false;
        for piece in framed(&junk(30_000)).chunks(2_000) {
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
            harness.deliver(piece);
            harness.advance_ms(1_000);
        }
        let _reported = harness.take_events();
        assert_eq!(harness.client.state(), State::Error);
    });
}
