//! What streams and WebSocket have: silence and pings that are messages, each to the millisecond. chat.md 6.4, wire.md 6,
//! 7 and 11. What datagrams have instead is tested in `udp_traffic`.

use crate::rig::{
    Came, PING_MS, Seen, error, exactly_after_ms, not_over_datagrams, not_over_datagrams_with,
    outcomes, strings,
};
use chat_core::{CauseKind, ConnectOptions, Outcome, State, Step, SubscribeOptions, Timestamp};
use std::time::Duration;

/// An answer to a ping.
const PONG: [u8; 9] = [0xF0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn silence_is_counted_from_the_last_input() {
    for (state, code) in [
        (State::ConnectedToNameServer, 3004),
        (State::ConnectedToFrontEnd, 1004),
    ] {
        not_over_datagrams(|mut rig| {
            rig.go_to(state);
            rig.answers = false;
            rig.advance_ms(9_999);
            // Any byte counts, be it the first one of a frame; over WebSocket any message.
            let whole = rig.over.is_messages();
            rig.deliver(if whole { &PONG } else { &[0xFB] });
            rig.advance_ms(9_999);
            rig.deliver(if whole { &PONG } else { &[0, 0] });
            exactly_after_ms(&mut rig, 10_000, &error(code));
            assert_eq!(
                rig.error().1.kind,
                CauseKind::Silent {
                    elapsed: Duration::from_millis(10_000)
                }
            );
        });
    }
}

/// Before the init response the deadline of connecting counts, whatever comes in.
#[test]
fn silence_is_not_counted_before_the_init_response() {
    for (state, code) in [
        (State::ConnectingToNameServer, 3004),
        (State::ConnectingToFrontEnd, 1004),
    ] {
        not_over_datagrams(|mut rig| {
            rig.go_to(state);
            rig.accept();
            if rig.over.is_messages() {
                // One that has no meaning yet: an answer to a ping has one.
                let early = rig.event(77, &[]);
                rig.deliver(&early);
            } else {
                rig.deliver(&[0xFB]);
            }
            exactly_after_ms(&mut rig, 15_000, &error(code));
            assert_eq!(rig.error().1.kind, CauseKind::Deadline(Step::Connect));
        });
    }
}

#[test]
fn pings_begin_with_the_init_response_and_keep_their_interval() {
    not_over_datagrams(|mut rig| {
        if rig.over.json {
            return; // They come when nothing else does: see `websocket`.
        }
        rig.connect(None);
        rig.accept();
        // Over WebSocket a server that has not greeted after a second is pinged: see `websocket`.
        let greeted = if rig.over.is_messages() { 999 } else { 2_000 };
        rig.advance_ms(greeted);
        rig.expect_came(&[Came::Init]);
        rig.greet();
        rig.expect_came(&[Came::Init, Came::Ping, Came::Key]);
        let first = rig.now.as_millis();
        rig.advance_ms(1_000);
        if rig.over.exchanges_keys() {
            rig.agree();
        }
        // Whatever else is sent meanwhile.
        rig.client.get_regions();
        rig.pump();
        rig.advance_ms(1_999);
        let ping = |count| {
            (
                first + count * PING_MS,
                greeted as i32 + count as i32 * 3_000,
            )
        };
        assert_eq!(rig.server().pings, [ping(0)]);
        rig.advance_ms(1);
        assert_eq!(rig.server().pings, [ping(0), ping(1)]);
        rig.advance_ms(10 * PING_MS);
        let expected: Vec<(u64, i32)> = (0..12).map(ping).collect();
        assert_eq!(rig.server().pings, expected);
    });
    // A late turn of the driver sends one, and counts from there.
    not_over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        rig.now = rig.now.plus_millis(7_000);
        rig.pump();
        assert_eq!(rig.server().pings.len(), 1);
        rig.expect_deadline_in_ms(PING_MS);
    });
    // The new server's pings begin anew.
    not_over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.accept();
        rig.advance_ms(500);
        rig.greet();
        let now = rig.now.as_millis();
        assert_eq!(rig.server().pings, [(now, 500)]);
    });
}

#[test]
fn the_ping_interval_is_held_within_its_bounds() {
    for (configured, interval) in [
        (0, 1_000),
        (999, 1_000),
        (1_500, 1_500),
        (8_000, 8_000),
        (8_001, 8_000),
    ] {
        not_over_datagrams_with(
            |config| config.ping_interval(Duration::from_millis(configured)),
            |mut rig| {
                rig.go_to(State::ConnectedToFrontEnd);
                rig.expect_deadline_in_ms(interval);
                rig.advance_ms(interval - 1);
                assert!(rig.server().pings.is_empty());
                rig.advance_ms(1);
                assert_eq!(rig.server().pings.len(), 1);
            },
        );
    }
}

/// wire.md 11: what the answers to pings tell.
#[test]
fn answered_pings_tell_the_server_time() {
    not_over_datagrams(|mut rig| {
        rig.answers = false;
        rig.go_to(State::ConnectedToNameServer);
        assert_eq!(
            (rig.client.server_time(), rig.client.stats().round_trip),
            (None, None)
        );
        rig.advance_ms(60);
        let mut answer = vec![0xF0];
        answer.extend(50_000_i32.to_be_bytes());
        answer.extend(0_i32.to_be_bytes());
        rig.deliver(&answer);
        assert_eq!(
            rig.client.stats().round_trip,
            Some(Duration::from_millis(60))
        );
        assert_eq!(rig.client.server_time(), Some(50_030));
    });
}

/// What `poll_timeout` says at each stage of a connection, and why. Over datagrams: see `udp_traffic`.
#[test]
fn poll_timeout_is_the_exact_next_deadline_at_each_stage() {
    not_over_datagrams(|mut rig| {
        if !rig.over.exchanges_keys() {
            return; // One stage is missing.
        }
        // Over WebSocket a server that has not greeted is pinged.
        let messages = rig.over.is_messages();
        let greeting = |ms| if messages { 1_000 } else { ms };
        // Silence never counts in this one: it is answered by pings, and they come first.
        assert_eq!(rig.client.poll_timeout(), None);
        rig.client
            .connect_to_name_server(ConnectOptions::new())
            .expect("may connect");
        // Armed, and the time is not known: at once. No call has brought one yet.
        assert_eq!(rig.client.poll_timeout(), Some(Timestamp::ZERO));
        rig.pump();
        rig.expect_deadline_in_ms(15_000);
        rig.advance_ms(100);
        rig.accept();
        rig.expect_deadline_in_ms(greeting(14_900));
        rig.advance_ms(100);
        rig.greet();
        rig.expect_deadline_in_ms(PING_MS);
        rig.advance_ms(12_500);
        // The deadline is nearer than the next ping, which is due in 2,500.
        rig.expect_deadline_in_ms(2_300);
        rig.agree();
        rig.expect_deadline_in_ms(2_500);
        rig.client.get_regions();
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
        rig.pump();
        rig.expect_deadline_in_ms(2_500);
        rig.advance_ms(14_000);
        // A ping has gone 13,500 after the first of these; the regions are due in 1,000.
        rig.expect_deadline_in_ms(500);
        rig.advance_ms(500);
        rig.expect_deadline_in_ms(500);
        rig.advance_ms(500);
        rig.expect_deadline_in_ms(2_500);
        rig.client
            .connect_to_region_front_end("eu")
            .expect("may go on");
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
        rig.pump();
        rig.expect_deadline_in_ms(2_500);
        rig.accept_login();
        // The name server's pings are gone with it.
        rig.expect_deadline_in_ms(15_000);
        rig.advance_ms(1_000);
        rig.accept();
        rig.expect_deadline_in_ms(greeting(14_000));
        rig.greet();
        rig.expect_deadline_in_ms(PING_MS);
        rig.advance_ms(13_000);
        rig.expect_deadline_in_ms(1_000);
        rig.agree();
        rig.expect_deadline_in_ms(1_000);
        rig.respond(230, 0, None, &[]);
        rig.expect_deadline_in_ms(2_000);
        rig.advance_ms(2_000);
        rig.expect_deadline_in_ms(PING_MS);
        rig.client
            .subscribe(["a"], &SubscribeOptions::new())
            .expect("on the front end");
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
        rig.pump();
        rig.expect_deadline_in_ms(PING_MS);
        rig.advance_ms(14_000);
        rig.expect_deadline_in_ms(1_000);
        rig.raise(5, &[(0, strings(&["a"])), (15, crate::rig::bools(&[true]))]);
        rig.expect_deadline_in_ms(1_000);
        rig.advance_ms(1_000);
        rig.expect_deadline_in_ms(PING_MS);
        rig.client.disconnect();
        rig.pump();
        assert_eq!(rig.client.poll_timeout(), None);
    });
    // Silence, where pings are far apart.
    not_over_datagrams_with(
        |config| {
            config
                .ping_interval(Duration::from_millis(8_000))
                .silence_timeout(Duration::from_millis(4_000))
        },
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.expect_deadline_in_ms(4_000);
            rig.advance_ms(1_000);
            rig.deliver(if rig.over.is_messages() {
                &PONG
            } else {
                &[0xFB]
            });
            rig.expect_deadline_in_ms(4_000);
        },
    );
}

/// contract 1: time that goes back stands still, and a jump fires each timer once, the silence of a stream among them.
#[test]
fn a_clock_that_misbehaves_does_no_harm() {
    not_over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let due = rig.client.poll_timeout();
        let serviced = rig.client.service(Timestamp::ZERO);
        assert!(!serviced.more);
        assert_eq!(
            (rig.client.poll_event(), rig.client.poll_timeout()),
            (None, due)
        );
        let first = rig
            .client
            .subscribe(["a"], &SubscribeOptions::new())
            .expect("on the front end");
        let _serviced = rig.client.service(Timestamp::ZERO);
        rig.pump();
        rig.answers = false;
        rig.now = rig.now.plus_millis(365 * 24 * 3_600_000);
        rig.pump();
        rig.expect(&[
            Seen::Subscribed(outcomes(&["a"], &Outcome::TimedOut, Some(first))),
            Seen::State(State::Error),
            Seen::Error(1004),
        ]);
        rig.now = Timestamp::MAX;
        rig.pump();
        rig.expect(&[]);
        rig.connect(Some("eu"));
        rig.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::Error),
            Seen::Error(3002),
        ]);
    });
}
