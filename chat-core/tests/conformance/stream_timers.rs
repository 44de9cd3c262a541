//! Silence and ping messages on streams and WebSocket, to the millisecond. chat.md 6.4, wire.md 6,
//! 7 and 11. For datagrams see `udp_traffic`.

use crate::harness::{
    PING_MS, Received, Seen, error, exactly_after_ms, not_over_datagrams, not_over_datagrams_with,
    outcomes, strings,
};
use chat_core::{CauseKind, ConnectOptions, Outcome, State, Step, Timestamp};
use std::time::Duration;

/// A ping response.
const PONG: [u8; 9] = [0xF0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn the_silence_timer_counts_from_the_last_message() {
    for (state, code) in [
        (State::ConnectedToNameServer, 3004),
        (State::ConnectedToFrontEnd, 1004),
    ] {
        not_over_datagrams(|mut harness| {
            harness.go_to(state);
            harness.advance_ms(PING_MS);
            harness.answers = false;
            // Before the next ping, which has a deadline of its own.
            harness.advance_ms(2_999);
            let event = harness.event(77, &[]);
            harness.deliver(&event);
            harness.forget();
            exactly_after_ms(&mut harness, 10_000, &error(code));
            assert_eq!(
                harness.error().1.kind,
                CauseKind::Silent {
                    elapsed: Duration::from_millis(10_000)
                }
            );
        });
    }
}

/// Before the init response only the connect deadline counts, whatever input arrives.
#[test]
fn the_silence_timer_does_not_run_before_the_init_response() {
    for (state, code) in [
        (State::ConnectingToNameServer, 3004),
        (State::ConnectingToFrontEnd, 1004),
    ] {
        not_over_datagrams(|mut harness| {
            harness.go_to(state);
            harness.accept();
            if harness.row.is_messages() {
                // A message without meaning at this point; a ping response would have one.
                let early = harness.event(77, &[]);
                harness.deliver(&early);
            } else {
                harness.deliver(&[0xFB]);
            }
            exactly_after_ms(&mut harness, 15_000, &error(code));
            assert_eq!(harness.error().1.kind, CauseKind::Deadline(Step::Connect));
        });
    }
}

#[test]
fn pings_begin_with_the_init_response_and_keep_their_interval() {
    not_over_datagrams(|mut harness| {
        if harness.row.json {
            return; // In JSON pings are sent only without other traffic: see `websocket`.
        }
        harness.connect(None);
        harness.accept();
        // Over WebSocket the client pings a server without init response after a second: see
        // `websocket`.
        let init_ms = if harness.row.is_messages() {
            999
        } else {
            2_000
        };
        harness.advance_ms(init_ms);
        harness.expect_received(&[Received::Init]);
        harness.send_init_response();
        harness.expect_received(&[Received::Init, Received::Ping, Received::Key]);
        let first = harness.now.as_millis();
        harness.advance_ms(1_000);
        if harness.row.exchanges_keys() {
            harness.send_key_response();
        }
        // Other messages in between do not postpone it.
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.pump();
        harness.advance_ms(1_999);
        let ping = |count| {
            (
                first + count * PING_MS,
                init_ms as i32 + count as i32 * 3_000,
            )
        };
        assert_eq!(harness.server().pings, [ping(0)]);
        harness.advance_ms(1);
        assert_eq!(harness.server().pings, [ping(0), ping(1)]);
        harness.advance_ms(10 * PING_MS);
        let expected: Vec<(u64, i32)> = (0..12).map(ping).collect();
        assert_eq!(harness.server().pings, expected);
    });
    // A late driver sends one ping, and the interval counts from there.
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.now = harness.now.plus_millis(7_000);
        harness.pump();
        assert_eq!(harness.server().pings.len(), 1);
        harness.expect_deadline_in_ms(PING_MS);
    });
    // The pings to the new server start again.
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.accept();
        harness.advance_ms(500);
        harness.send_init_response();
        let now = harness.now.as_millis();
        assert_eq!(harness.server().pings, [(now, 500)]);
    });
}

#[test]
fn the_ping_interval_is_clamped() {
    for (configured, interval) in [
        (0, 1_000),
        (999, 1_000),
        (1_500, 1_500),
        (8_000, 8_000),
        (8_001, 8_000),
    ] {
        not_over_datagrams_with(
            |config| config.ping_interval(Duration::from_millis(configured)),
            |mut harness| {
                harness.go_to(State::ConnectedToFrontEnd);
                harness.expect_deadline_in_ms(interval);
                harness.advance_ms(interval - 1);
                assert!(harness.server().pings.is_empty());
                harness.advance_ms(1);
                assert_eq!(harness.server().pings.len(), 1);
            },
        );
    }
}

/// wire.md 11: ping responses contain the server time.
#[test]
fn ping_responses_give_the_server_time() {
    not_over_datagrams(|mut harness| {
        harness.answers = false;
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(
            (
                harness.client.server_time(),
                harness.client.stats().round_trip
            ),
            (None, None)
        );
        harness.advance_ms(60);
        let mut answer = vec![0xF0];
        answer.extend(50_000_i32.to_be_bytes());
        answer.extend(0_i32.to_be_bytes());
        harness.deliver(&answer);
        assert_eq!(
            harness.client.stats().round_trip,
            Some(Duration::from_millis(60))
        );
        assert_eq!(harness.client.server_time(), Some(50_030));
    });
}

/// `poll_timeout` at each stage of a connection, with the reason. For datagrams see `udp_traffic`.
#[test]
fn poll_timeout_is_the_exact_next_deadline_at_each_stage() {
    not_over_datagrams(|mut harness| {
        if !harness.row.exchanges_keys() {
            return; // Without a key exchange one stage is missing.
        }
        // Over WebSocket the client pings a server without init response.
        let messages = harness.row.is_messages();
        let deadline_ms = |ms| if messages { 1_000 } else { ms };
        // The silence timer never fires in this test: the server responds to pings, and those come
        // first.
        assert_eq!(harness.client.poll_timeout(), None);
        harness
            .client
            .connect_to_name_server(ConnectOptions::new())
            .expect("connect is allowed");
        // A timer is armed, but no call has passed a time yet: "now".
        assert_eq!(harness.client.poll_timeout(), Some(Timestamp::ZERO));
        harness.pump();
        harness.expect_deadline_in_ms(15_000);
        harness.advance_ms(100);
        harness.accept();
        harness.expect_deadline_in_ms(deadline_ms(14_900));
        harness.advance_ms(100);
        harness.send_init_response();
        harness.expect_deadline_in_ms(PING_MS);
        harness.advance_ms(12_500);
        // The deadline is nearer than the next ping, which is due in 2,500.
        harness.expect_deadline_in_ms(2_300);
        harness.send_key_response();
        harness.expect_deadline_in_ms(2_500);
        assert_eq!(harness.client.get_regions(), Ok(()));
        assert_eq!(harness.client.poll_timeout(), Some(harness.now));
        harness.pump();
        harness.expect_deadline_in_ms(2_500);
        harness.advance_ms(14_000);
        // A ping left 13,500 ms after the first of these; the regions are due in 1,000.
        harness.expect_deadline_in_ms(500);
        harness.advance_ms(500);
        harness.expect_deadline_in_ms(500);
        harness.advance_ms(500);
        harness.expect_deadline_in_ms(2_500);
        harness
            .client
            .connect_to_region_front_end("eu")
            .expect("a region can be chosen");
        assert_eq!(harness.client.poll_timeout(), Some(harness.now));
        harness.pump();
        harness.expect_deadline_in_ms(2_500);
        harness.accept_login();
        // The pings to the name server ended with its connection.
        harness.expect_deadline_in_ms(15_000);
        harness.advance_ms(1_000);
        harness.accept();
        harness.expect_deadline_in_ms(deadline_ms(14_000));
        harness.send_init_response();
        harness.expect_deadline_in_ms(PING_MS);
        harness.advance_ms(13_000);
        harness.expect_deadline_in_ms(1_000);
        harness.send_key_response();
        harness.expect_deadline_in_ms(1_000);
        harness.respond(230, 0, None, &[]);
        harness.expect_deadline_in_ms(2_000);
        harness.advance_ms(2_000);
        harness.expect_deadline_in_ms(PING_MS);
        harness.subscribe(&["a"]);
        assert_eq!(harness.client.poll_timeout(), Some(harness.now));
        harness.pump();
        harness.expect_deadline_in_ms(PING_MS);
        harness.advance_ms(14_000);
        harness.expect_deadline_in_ms(1_000);
        harness.raise(
            5,
            &[(0, strings(&["a"])), (15, crate::harness::bools(&[true]))],
        );
        harness.expect_deadline_in_ms(1_000);
        harness.advance_ms(1_000);
        harness.expect_deadline_in_ms(PING_MS);
        harness.client.disconnect();
        harness.pump();
        assert_eq!(harness.client.poll_timeout(), None);
    });
    // Silence, with a long ping interval.
    not_over_datagrams_with(
        |config| {
            config
                .ping_interval(Duration::from_millis(8_000))
                .silence_timeout(Duration::from_millis(4_000))
        },
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.expect_deadline_in_ms(4_000);
            harness.advance_ms(1_000);
            // Neither the answer to a ping that was not sent nor the beginning of a message counts,
            // but the rest of a message is awaited.
            harness.deliver(&PONG);
            harness.expect_deadline_in_ms(3_000);
            let event = harness.event(77, &[]);
            harness.deliver(&event);
            harness.expect_deadline_in_ms(4_000);
            if harness.row.is_stream() {
                harness.advance_ms(1_000);
                harness.deliver(&event[..1]);
                harness.expect_deadline_in_ms(4_000);
                harness.deliver(&event[1..]);
                harness.expect_deadline_in_ms(4_000);
            }
        },
    );
}

/// Contract 1: a time before the last one counts as the last, and a jump is a sleep, after which the
/// server has 2 s to send anything. chat.md 10 (R4).
#[test]
fn a_clock_that_jumps_or_goes_back_does_no_harm() {
    not_over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let due = harness.client.poll_timeout();
        let serviced = harness.client.service(Timestamp::ZERO);
        assert!(!serviced.more);
        assert_eq!(
            (harness.client.poll_event(), harness.client.poll_timeout()),
            (None, due)
        );
        let first = harness.subscribe(&["a"]);
        let _serviced = harness.client.service(Timestamp::ZERO);
        harness.pump();
        harness.answers = false;
        harness.now = harness.now.plus_millis(365 * 24 * 3_600_000);
        harness.pump();
        harness.expect(&[]);
        harness.advance_ms(2_000);
        harness.expect(&[
            Seen::Subscribed(outcomes(&["a"], &Outcome::ConnectionLost, Some(first))),
            Seen::State(State::Error),
            Seen::Error(1004),
        ]);
        harness.now = Timestamp::MAX;
        harness.pump();
        harness.expect(&[]);
        harness.connect(Some("eu"));
        harness.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::Error),
            Seen::Error(3002),
        ]);
    });
}
