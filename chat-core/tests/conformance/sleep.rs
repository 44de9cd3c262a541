//! A program that stands still for longer than half the silence timeout: frozen, or asleep with its
//! machine. chat.md 10 (R4), wire.md 11.2, udp.md 5.6.

use crate::harness::{
    Harness, PING_MS, Received, Seen, each, each_with, error, exactly_after_ms, not_over_datagrams,
    outcomes, over_datagrams, strings,
};
use chat_core::{CauseKind, Outcome, State, SubscribeOptions, Value};
use photon_proto::udp::command::kind;
use std::time::Duration;

/// How long nothing counts as given up after a sleep.
const GRACE_MS: u64 = 2_000;
const HOUR_MS: u64 = 3_600_000;
/// Sleeps of some seconds up to a day, and some at the edges.
const SLEEPS_MS: [u64; 8] = [
    5_001,
    9_500,
    10_001,
    12_000,
    25_000,
    40_000,
    HOUR_MS,
    24 * HOUR_MS,
];

/// The program stands still: time passes, and nothing is called.
fn freeze(harness: &mut Harness, ms: u64) {
    harness.now = harness.now.plus_millis(ms);
}

fn slept(harness: &Harness) -> Duration {
    match harness.error().1.kind {
        CauseKind::Slept { elapsed } => elapsed,
        other => panic!("ended by {other:?}"),
    }
}

/// A quiet channel, some time after it was joined.
fn quiet(harness: &mut Harness, ms: u64) {
    harness.go_to(State::ConnectedToFrontEnd);
    harness.join(&["quiet"]);
    harness.forget();
    harness.advance_ms(ms);
}

/// The server is alive.
#[track_caller]
fn goes_on(harness: &mut Harness) {
    harness.advance_ms(60_000);
    harness.expect(&[]);
    assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    harness.publish("quiet", "hi");
    harness.pump();
    assert_eq!(
        harness.server().requests.len(),
        1,
        "the publish goes through"
    );
}

#[test]
fn case06_a_frozen_program_stays_connected_to_a_patient_server() {
    for sleep_ms in SLEEPS_MS {
        for before_ms in [0, 1_700, 2_999, 3_000, 7_100] {
            each(|mut harness| {
                quiet(&mut harness, before_ms);
                freeze(&mut harness, sleep_ms);
                harness.pump();
                goes_on(&mut harness);
            });
        }
    }
}

#[test]
fn case06_input_of_the_time_asleep_comes_first() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        let event = harness.event(77, &[]);
        let link = harness.link();
        freeze(&mut harness, 40_000);
        harness.deliver_without_pump(link, &event);
        harness.deliver_without_pump(link, &event);
        harness.pump();
        assert_eq!(harness.take_events().len(), 2);
        goes_on(&mut harness);
    });
}

#[test]
fn case06_a_frozen_program_learns_that_the_server_gave_up() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        freeze(&mut harness, 40_000);
        harness.close();
        harness.expect(&error(1003));
        assert_eq!(harness.error().1.kind, CauseKind::Closed);
    });
}

#[test]
fn case06_a_server_that_is_gone_is_noticed_two_seconds_after_waking() {
    for sleep_ms in SLEEPS_MS {
        each(|mut harness| {
            quiet(&mut harness, 1_000);
            harness.answers = false;
            freeze(&mut harness, sleep_ms);
            harness.pump();
            exactly_after_ms(&mut harness, GRACE_MS, &error(1004));
            // The latest call before was at the end of `quiet`.
            assert_eq!(slept(&harness), Duration::from_millis(sleep_ms));
        });
    }
}

#[test]
fn case06_half_the_silence_timeout_is_no_sleep() {
    not_over_datagrams(|mut harness| {
        quiet(&mut harness, 1_000);
        let since_last_ping = harness.now;
        harness.answers = false;
        freeze(&mut harness, 5_000);
        harness.pump();
        while harness.client.state() == State::ConnectedToFrontEnd {
            harness.advance_ms(1);
        }
        let elapsed = harness.now.millis_since(since_last_ping);
        assert!((8_000..=10_000).contains(&elapsed), "{elapsed}");
        let kind = harness.error().1.kind;
        assert!(matches!(kind, CauseKind::Silent { .. }), "{kind:?}");
    });
}

/// The limit is half of the configured timeout, whatever that is.
#[test]
fn case06_the_configured_silence_timeout_decides() {
    for (timeout_ms, sleep_ms) in [(4_000, 3_500), (60_000, 31_000), (60_000, 70_000)] {
        each_with(
            |config| {
                let timeout = Duration::from_millis(timeout_ms);
                let config = config.silence_timeout(timeout);
                config.udp(|udp| udp.disconnect_timeout = timeout)
            },
            |mut harness| {
                quiet(&mut harness, 500);
                harness.answers = false;
                freeze(&mut harness, sleep_ms);
                harness.pump();
                exactly_after_ms(&mut harness, GRACE_MS, &error(1004));
                assert_eq!(slept(&harness), Duration::from_millis(sleep_ms));
            },
        );
    }
}

#[test]
fn case06_waking_sends_a_ping_at_once() {
    not_over_datagrams(|mut harness| {
        quiet(&mut harness, PING_MS / 2);
        let before = harness.server().pings.len();
        freeze(&mut harness, 12_000);
        harness.pump();
        assert_eq!(harness.server().pings.len(), before + 1);
    });
    over_datagrams(|mut harness| {
        quiet(&mut harness, PING_MS / 2);
        let link = harness.link();
        freeze(&mut harness, 12_000);
        let woke = harness.now;
        harness.pump();
        assert_eq!(harness.times_sent(link, kind::PING, woke), [0]);
    });
}

#[test]
fn case06_each_due_resend_is_sent_once_on_waking() {
    for sleep_ms in SLEEPS_MS {
        over_datagrams(|mut harness| {
            quiet(&mut harness, 1_000);
            harness.answers = false;
            for text in ["one", "two", "three"] {
                harness.publish("quiet", text);
            }
            let link = harness.link();
            freeze(&mut harness, sleep_ms);
            let woke = harness.now;
            harness.pump();
            let resent: Vec<_> = harness
                .sent_datagrams(link)
                .into_iter()
                .filter(|sent| sent.at_ms >= woke.as_millis())
                .flat_map(|sent| sent.commands)
                .filter(|command| command.kind == kind::RELIABLE)
                .map(|command| command.rseq)
                .collect();
            let mut distinct = resent.clone();
            distinct.dedup();
            assert_eq!((resent.len(), distinct.len()), (3, 3), "{resent:?}");
            // The network is back before the grace is over.
            harness.advance_ms(GRACE_MS - 100);
            harness.expect(&[]);
            harness.answers = true;
            harness.advance_ms(60_000);
            harness.expect(&[]);
            assert_eq!(harness.server().requests.len(), 3, "each arrives once");
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        });
    }
}

/// The acknowledgement had arrived before: it must not look like a round trip of 40 s.
#[test]
fn case06_a_sleep_is_no_round_trip() {
    each(|mut harness| {
        quiet(&mut harness, 7_000);
        let before = harness.client.stats().round_trip.expect("measured");
        let offset = |harness: &Harness| {
            let server_time = harness.client.server_time().expect("known");
            i64::from(server_time) - harness.now.as_millis() as i64
        };
        let clock = offset(&harness);
        harness.answers = false;
        harness.advance_ms(PING_MS);
        harness.answers = true;
        freeze(&mut harness, 40_000);
        harness.pump();
        harness.advance_ms(10_000);
        let after = harness.client.stats().round_trip.expect("measured");
        assert!(after <= before + Duration::from_millis(50), "{after:?}");
        assert_eq!(
            offset(&harness),
            clock,
            "the server's clock went on meanwhile"
        );
    });
}

#[test]
fn case06_requests_do_not_time_out_because_of_a_sleep() {
    for sleep_ms in SLEEPS_MS {
        each(|mut harness| {
            quiet(&mut harness, 1_000);
            let request = harness.subscribe(&["a"]);
            harness.advance_ms(1_000);
            freeze(&mut harness, sleep_ms);
            harness.pump();
            harness.expect(&[]);
            harness.advance_ms(1_000);
            let parameters = [(0, strings(&["a"])), (15, Value::from(vec![true]))];
            harness.raise(5, &parameters);
            harness.expect(&[Seen::Subscribed(outcomes(
                &["a"],
                &Outcome::Done,
                Some(request),
            ))]);
        });
    }
}

#[test]
fn case06_a_request_without_a_response_times_out_all_the_same() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        let options = SubscribeOptions::new();
        let request = harness
            .client
            .subscribe(&["a"], &options)
            .expect("chatting");
        harness.pump();
        harness.advance_ms(5_000);
        freeze(&mut harness, 40_000);
        harness.pump();
        // 15 s in all, without the time asleep.
        let expected = [Seen::Subscribed(outcomes(
            &["a"],
            &Outcome::TimedOut,
            Some(request),
        ))];
        exactly_after_ms(&mut harness, 10_000, &expected);
    });
}

#[test]
fn case06_a_login_survives_a_sleep_at_every_step() {
    let states = [
        State::ConnectingToNameServer,
        State::ConnectedToNameServer,
        State::ConnectingToFrontEnd,
    ];
    for sleep_ms in [12_000, 25_000, HOUR_MS] {
        for state in states {
            each(|mut harness| {
                harness.go_to(state);
                harness.forget();
                harness.advance_ms(500);
                freeze(&mut harness, sleep_ms);
                harness.pump();
                harness.expect(&[]);
                assert_eq!(harness.client.state(), state);
                if state == State::ConnectedToNameServer {
                    harness.choose_region();
                } else {
                    harness.handshake();
                }
                assert_ne!(harness.client.state(), State::Error);
            });
        }
    }
}

#[test]
fn case06_a_login_that_is_sent_survives_a_sleep() {
    for sleep_ms in [12_000, 25_000, HOUR_MS] {
        each(|mut harness| {
            harness.go_to(State::ConnectingToFrontEnd);
            harness.handshake();
            harness.forget();
            freeze(&mut harness, sleep_ms);
            harness.pump();
            harness.accept_login();
            harness.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
        });
    }
}

#[test]
fn case06_a_message_that_is_half_here_survives_a_sleep() {
    crate::harness::over_streams(|mut harness| {
        quiet(&mut harness, 1_000);
        let event = harness.event(77, &[]);
        let (first, rest) = event.split_at(5);
        // Its answers would be in the middle of the message.
        harness.answers = false;
        harness.deliver(first);
        freeze(&mut harness, 40_000);
        harness.pump();
        harness.advance_ms(GRACE_MS - 1);
        harness.expect(&[]);
        harness.answers = true;
        harness.deliver(rest);
        assert_eq!(harness.take_events().len(), 1);
        goes_on(&mut harness);
    });
}

#[test]
fn case06_output_that_waits_survives_a_sleep() {
    not_over_datagrams(|mut harness| {
        quiet(&mut harness, 1_000);
        harness.writable = false;
        harness.publish("quiet", "hello");
        harness.advance_ms(PING_MS);
        freeze(&mut harness, 40_000);
        harness.pump();
        harness.advance_ms(GRACE_MS - 1);
        harness.expect(&[]);
        harness.writable = true;
        harness.pump();
        harness.advance_ms(60_000);
        harness.expect(&[]);
        assert_eq!(harness.server().requests.len(), 1);
    });
}

#[test]
fn case06_several_sleeps_with_little_time_between_them_are_survived() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        for _ in 0..20 {
            freeze(&mut harness, 12_000);
            harness.pump();
            harness.advance_ms(100);
        }
        goes_on(&mut harness);
    });
}

/// The network comes back late, and the program sleeps again before.
#[test]
fn case06_a_sleep_within_the_grace_starts_it_again() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        harness.answers = false;
        freeze(&mut harness, 12_000);
        harness.pump();
        harness.advance_ms(1_000);
        freeze(&mut harness, 12_000);
        // A stream loses nothing, but this server forgets the pings that it does not answer.
        harness.answers = !harness.row.is_datagrams();
        harness.pump();
        harness.advance_ms(1_000);
        harness.expect(&[]);
        harness.answers = true;
        harness.advance_ms(GRACE_MS);
        goes_on(&mut harness);
    });
}

/// A program that calls only every few seconds still notices that its server is gone.
#[test]
fn case06_a_slow_program_notices_a_server_that_is_gone() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        harness.answers = false;
        let mut calls = 0;
        while harness.client.state() == State::ConnectedToFrontEnd {
            freeze(&mut harness, 7_000);
            harness.pump();
            calls += 1;
            assert!(calls < 10, "still connected after {calls} calls");
        }
        harness.expect(&error(1004));
    });
}

#[test]
fn case06_a_slow_program_stays_connected() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        for _ in 0..50 {
            freeze(&mut harness, 7_000);
            harness.pump();
        }
        goes_on(&mut harness);
    });
}

/// A driver that waits until a far deadline is on time, not asleep: the answer to its ping has the
/// whole silence timeout.
#[test]
fn case06_a_call_at_a_far_deadline_is_no_sleep() {
    not_over_datagrams(|harness| {
        let config = harness.row.config().ping_interval(Duration::from_secs(6));
        let mut harness = Harness::on_row(harness.row, config);
        quiet(&mut harness, 0);
        harness.answers = false;
        harness.advance_ms(9_999);
        harness.expect(&[]);
        harness.advance_ms(6_000);
        harness.expect(&error(1004));
        let kind = harness.error().1.kind;
        assert!(matches!(kind, CauseKind::Silent { .. }), "{kind:?}");
    });
}

#[test]
fn case06_a_clock_that_jumps_ahead_and_back_does_no_harm() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        for _ in 0..3 {
            freeze(&mut harness, HOUR_MS);
            harness.pump();
            harness.advance_ms(GRACE_MS);
            // The harness also passes earlier times: they count as the latest.
            let back = harness
                .client
                .service(photon_proto::Timestamp::from_millis(1));
            assert!(!back.more);
        }
        goes_on(&mut harness);
    });
}

#[test]
fn case06_a_disconnect_is_still_sent_after_a_sleep() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        harness.writable = false;
        harness.publish("quiet", "good night");
        harness.client.disconnect();
        harness.pump();
        freeze(&mut harness, 12_000);
        harness.writable = true;
        harness.pump();
        assert_eq!(harness.server().requests.len(), 1);
        harness.advance_ms(10_000);
        assert_eq!(harness.client.poll_timeout(), None);
    });
}

#[test]
fn case06_without_a_connection_a_sleep_means_nothing() {
    each(|mut harness| {
        freeze(&mut harness, HOUR_MS);
        harness.pump();
        harness.go_to(State::ConnectedToFrontEnd);
        harness.client.disconnect();
        harness.advance_ms(10_000);
        freeze(&mut harness, HOUR_MS);
        harness.connect(Some("eu"));
        harness.advance_ms(1_000);
        assert_eq!(harness.client.state(), State::ConnectingToNameServer);
        assert!(
            harness
                .server()
                .received
                .iter()
                .all(|it| *it != Received::Ping)
        );
    });
}

/// No call does more than its budget, and nothing is lost.
#[test]
fn case06_a_backlog_of_10_000_messages_is_taken_within_the_budget_of_each_call() {
    each(|mut harness| {
        // More datagrams than the receive window are the server's to keep. udp.md 9.
        let count = if harness.row.is_datagrams() {
            4_000
        } else {
            10_000
        };
        quiet(&mut harness, 1_000);
        let link = harness.link();
        freeze(&mut harness, 40_000);
        for id in 1..=count {
            let message = crate::messages::chat("quiet", &["bob"], &["good night".into()], id);
            let event = harness.event(0, &message);
            harness.deliver_without_pump(link, &event);
        }
        let (mut calls, mut taken) = (0, 0);
        while taken < count {
            let before = harness.client.stats();
            let _serviced = harness.client.service(harness.now);
            let after = harness.client.stats();
            let messages = after.received_messages - before.received_messages;
            assert!(messages <= 1_000, "{messages} in one call");
            let work = after.work - before.work;
            assert!(work <= 4_100_000, "{work} in one call");
            while let Some(event) = harness.client.poll_event() {
                assert_eq!(event.name(), "ChatMessages", "{event:?}");
                taken += 1;
            }
            calls += 1;
            assert!(calls < 100, "{taken} after {calls} calls");
            // The next frame of the game.
            harness.now = harness.now.plus_millis(16);
        }
        harness.pump();
        goes_on(&mut harness);
    });
}

/// What waits for missing messages goes on waiting: their answer is on its way.
#[test]
fn case06_a_question_does_not_time_out_because_of_a_sleep() {
    each(|mut harness| {
        quiet(&mut harness, 1_000);
        let chat = |id| crate::messages::chat("quiet", &["bob"], &["hi".into()], id);
        harness.raise(0, &chat(1));
        harness.raise(0, &chat(3));
        assert_eq!(harness.take_events().len(), 1, "the second waits");
        freeze(&mut harness, 40_000);
        harness.pump();
        harness.advance_ms(500);
        harness.expect(&[]);
        harness.raise(0, &chat(2));
        let names: Vec<_> = harness
            .take_events()
            .iter()
            .map(|event| event.name())
            .collect();
        assert!(
            names.iter().all(|name| *name == "ChatMessages"),
            "{names:?}"
        );
        assert!(!names.is_empty());
    });
}
