//! Only progress is a sign of life: a partial message, an outstanding ping and a stalled send queue
//! have deadlines of their own. chat.md 6.4, wire.md 11.1. Over datagrams commands that are not
//! acknowledged have: see `udp_endings`.

use crate::harness::{
    Harness, PING_MS, Seen, error, exactly_after_ms, not_over_datagrams, over_messages_with,
    over_streams, strings,
};
use chat_core::{CauseKind, LinkInput, State};
use std::time::Duration;

/// The silence timeout, which all these deadlines follow.
const LIMIT_MS: u64 = 10_000;
const LIMIT: Duration = Duration::from_millis(LIMIT_MS);

fn cause(harness: &Harness) -> CauseKind {
    harness.error().1.kind
}

/// Repeats an input until the client ends, which it must do in time. Returns the milliseconds.
#[track_caller]
fn ends_despite(
    harness: &mut Harness,
    every_ms: u64,
    most_ms: u64,
    mut input: impl FnMut(&mut Harness),
) -> u64 {
    let began = harness.now;
    while harness.client.state() == State::ConnectedToFrontEnd {
        input(harness);
        harness.advance_ms(every_ms);
        let elapsed = harness.now.millis_since(began);
        assert!(elapsed <= most_ms, "still connected after {elapsed} ms");
    }
    harness.expect(&error(1004));
    harness.now.millis_since(began)
}

/// An event that no client knows, in a frame, with at least so many bytes.
fn large(harness: &mut Harness, bytes: usize) -> Vec<u8> {
    harness.event(77, &[(1, strings(&[&"x".repeat(bytes)]))])
}

#[test]
fn sound11_single_bytes_of_a_frame_keep_nobody_connected() {
    for every_ms in [1, 100, 5_000, 9_999] {
        over_streams(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.answers = false;
            let message = large(&mut harness, 30_000);
            let mut bytes = message.iter();
            let elapsed = ends_despite(&mut harness, every_ms, 60_000, |harness| {
                // A byte each millisecond is a message on a slow line until 1,000 have arrived.
                if every_ms > 1 || bytes.len() > message.len() - 1_000 {
                    harness.deliver(&[*bytes.next().expect("a long message")]);
                }
            });
            assert_eq!(elapsed.div_ceil(every_ms), LIMIT_MS.div_ceil(every_ms));
            assert_eq!(
                cause(&harness),
                CauseKind::IncompleteMessage { elapsed: LIMIT }
            );
        });
    }
}

/// At least 1,024 bytes within the limit.
#[test]
fn sound11_a_large_message_on_a_slow_line_arrives() {
    for (piece, every_ms) in [(200, 100), (2_000, 1_000), (20_000, 9_999), (200, 1_000)] {
        over_streams(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["a"]);
            harness.forget();
            // The answers to its pings wait behind the message.
            harness.answers = false;
            let text = "x".repeat(30_000);
            let message = harness.event(
                0,
                &[
                    (1, "a".into()),
                    (2, crate::harness::objects(&[text.as_str().into()])),
                    (4, strings(&["bob"])),
                ],
            );
            for piece in message.chunks(piece) {
                harness.deliver(piece);
                harness.advance_ms(every_ms);
            }
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
            let line = crate::harness::Line::new("bob", text, None);
            harness.expect(&[Seen::messages("a", [line])]);
        });
    }
}

/// Over WebSocket the driver reports what has arrived of a message.
#[test]
fn sound11_a_large_web_socket_message_on_a_slow_line_arrives() {
    over_messages_with(
        |config| config,
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.answers = false;
            let link = harness.link();
            for (bytes, every_ms) in [(2_000, 1_000), (200, 1_000), (20_000, 9_999)] {
                for _ in 0..100 {
                    let now = harness.now;
                    harness.client.note_partial_message(now, link, bytes);
                    harness.advance_ms(every_ms);
                }
            }
            let event = harness.event(77, &[]);
            harness.deliver(&event);
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
            harness.forget();
            // Single bytes of a message are no progress here either.
            ends_despite(&mut harness, 5_000, 20_000, |harness| {
                let now = harness.now;
                harness.client.note_partial_message(now, link, 1);
            });
        },
    );
}

#[test]
fn sound11_empty_messages_keep_nobody_connected() {
    over_messages_with(
        |config| config,
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.answers = false;
            let elapsed = ends_despite(&mut harness, 1_000, 60_000, |harness| {
                let link = harness.link();
                harness.input(link, LinkInput::Received(b""));
                let _reported = harness.take_events();
            });
            assert_eq!(elapsed, LIMIT_MS);
            assert_eq!(cause(&harness), CauseKind::Silent { elapsed: LIMIT });
        },
    );
}

#[test]
fn sound11_messages_do_not_replace_the_answer_to_a_ping() {
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.answers = false;
        let event = harness.event(77, &[]);
        ends_despite(&mut harness, 500, 60_000, |harness| {
            harness.deliver(&event);
            let _raised = harness.take_events();
        });
        let pinged = harness.server().pings.first().expect("a ping").0;
        assert_eq!(harness.now.as_millis() - pinged, LIMIT_MS);
        assert_eq!(
            cause(&harness),
            CauseKind::PingUnanswered { elapsed: LIMIT }
        );
    });
}

/// Answers to pings that were never sent, or were answered already.
#[test]
fn sound11_false_ping_answers_keep_nobody_connected() {
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.advance_ms(PING_MS);
        harness.answers = false;
        let mut client_time = 0_i32;
        let elapsed = ends_despite(&mut harness, 1_000, 60_000, |harness| {
            client_time += 7;
            let mut answer = vec![0xF0, 0, 0, 0, 1];
            answer.extend(client_time.to_be_bytes());
            harness.deliver(&answer);
        });
        assert_eq!(elapsed, LIMIT_MS);
    });
}

#[test]
fn sound11_a_server_that_sends_and_reads_nothing_is_left() {
    for publishes in [0, 1, 1_000] {
        not_over_datagrams(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.writable = false;
            for _ in 0..publishes {
                let _queued =
                    harness
                        .client
                        .publish_message("a", "hello", &chat_core::PublishOptions::new());
            }
            harness.pump();
            let event = harness.event(77, &[]);
            let elapsed = ends_despite(&mut harness, 1_000, 60_000, |harness| {
                harness.deliver(&event);
                let _raised = harness.take_events();
            });
            // The first bytes that wait may be those of the next ping.
            assert!(
                (LIMIT_MS..=LIMIT_MS + PING_MS).contains(&elapsed),
                "{elapsed}"
            );
            assert_eq!(cause(&harness), CauseKind::SendStalled { elapsed: LIMIT });
        });
    }
}

#[test]
fn sound11_a_server_that_reads_slowly_is_not_left() {
    over_streams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.writable = false;
        for _ in 0..100 {
            harness.publish("a", &"x".repeat(1_000));
        }
        let link = harness.link();
        let event = harness.event(77, &[]);
        for _ in 0..20 {
            // Few bytes in a long time.
            harness.advance_ms(LIMIT_MS - 1);
            let now = harness.now;
            assert!(harness.client.transmit(now, link).is_some());
            harness.client.transmitted(link, 1_024);
            harness.deliver(&event);
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        }
    });
}

/// Behind what waits is the next ping, which a server that reads a byte now and then would never have to
/// answer.
#[test]
fn sound11_a_server_that_reads_single_bytes_is_left() {
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.writable = false;
        for _ in 0..500 {
            harness.publish("a", "hello");
        }
        let link = harness.link();
        let event = harness.event(77, &[]);
        let elapsed = ends_despite(&mut harness, 1_000, 60_000, |harness| {
            let now = harness.now;
            assert!(harness.client.transmit(now, link).is_some());
            harness.client.transmitted(link, 1);
            harness.deliver(&event);
            let _raised = harness.take_events();
        });
        assert!(
            (LIMIT_MS..=LIMIT_MS + PING_MS).contains(&elapsed),
            "{elapsed}"
        );
        assert_eq!(cause(&harness), CauseKind::SendStalled { elapsed: LIMIT });
    });
}

/// A program that stood still has the time to send before its server is judged.
#[test]
fn sound11_a_pause_of_the_program_is_no_stall() {
    over_streams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.writable = false;
        harness.publish("a", "hello");
        harness.advance_ms(PING_MS);
        let event = harness.event(77, &[]);
        harness.now = harness.now.plus_millis(60_000);
        let link = harness.link();
        harness.deliver_without_pump(link, &event);
        harness.pump();
        harness.advance_ms(1_000);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        harness.writable = true;
        harness.pump();
        harness.advance_ms(60_000);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    });
}

#[test]
fn sound12_answers_without_a_ping_measure_nothing() {
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.advance_ms(PING_MS);
        harness.answers = false;
        let measured = |harness: &Harness| {
            let server_time = harness.client.server_time();
            let offset = server_time.map(|time| i64::from(time) - harness.now.as_millis() as i64);
            (offset, harness.client.stats().round_trip)
        };
        let before = measured(&harness);
        let answered = harness.server().pings.last().expect("a ping").1;
        for client_time in [answered, 0, 1, -1, i32::MIN, i32::MAX, 2_000_000_000] {
            for server_time in [0, i32::MIN, i32::MAX] {
                let mut answer = vec![0xF0];
                answer.extend(server_time.to_be_bytes());
                answer.extend(client_time.to_be_bytes());
                harness.deliver(&answer);
                harness.advance_ms(100);
                assert_eq!(measured(&harness), before, "{client_time} {server_time}");
            }
        }
    });
}

/// The handshake over WebSocket, in which a server may answer a ping instead of greeting.
#[test]
fn sound12_an_answer_without_a_ping_is_no_greeting() {
    over_messages_with(
        |config| config,
        |mut harness| {
            harness.go_to(State::ConnectingToFrontEnd);
            harness.accept();
            harness.answers = false;
            harness.deliver(&[0xF0, 0, 0, 0, 1, 0, 0, 0, 0]);
            assert_eq!(harness.client.stats().round_trip, None);
            exactly_after_ms(&mut harness, 15_000, &error(1004));
        },
    );
}
