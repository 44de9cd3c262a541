//! Deadlines, pings and `poll_timeout`, each to the millisecond. chat.md 6.4.

use crate::rig::{Came, PING_MS, Rig, Seen, both, both_with, encryption_off, outcomes, strings};
use chat_core::{CauseKind, ConnectOptions, LinkInput, Outcome, State, Step, SubscribeOptions, Timestamp};

/// Lets so much time pass that one millisecond is missing, then that millisecond.
fn exactly_after_ms(rig: &mut Rig, ms: u64, expected: &[Seen]) {
    rig.advance_ms(ms - 1);
    rig.expect(&[]);
    rig.advance_ms(1);
    rig.expect(expected);
}

fn error(code: i32) -> [Seen; 2] {
    [Seen::State(State::Error), Seen::Error(code)]
}

#[test]
fn connecting_is_counted_from_the_change_to_state_1() {
    // Whatever was reached meanwhile.
    let steps: [fn(&mut Rig); 3] = [
        |_| {},
        |rig| rig.accept(),
        |rig| {
            rig.accept();
            rig.advance_ms(3_000);
            rig.greet();
        },
    ];
    for (index, step) in steps.into_iter().enumerate() {
        both(|mut rig| {
            rig.go_to(State::ConnectingToNameServer);
            let due = rig.now.plus_millis(15_000);
            rig.advance_ms(4_000);
            step(&mut rig);
            let left = due.millis_since(rig.now);
            exactly_after_ms(&mut rig, left, &error(if index == 0 { 3002 } else { 3004 }));
        });
        both(|mut rig| {
            rig.go_to(State::ConnectingToFrontEnd);
            let due = rig.now.plus_millis(15_000);
            rig.advance_ms(4_000);
            step(&mut rig);
            let left = due.millis_since(rig.now);
            exactly_after_ms(&mut rig, left, &error(if index == 0 { 1002 } else { 1004 }));
        });
    }
}

/// From state 3 to state 4, the login included: it does not begin anew with it.
#[test]
fn the_front_end_has_to_accept_the_login_within_the_same_deadline() {
    both(|mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.advance_ms(5_000);
        rig.handshake();
        exactly_after_ms(&mut rig, 10_000, &error(1004));
        assert_eq!(rig.error().1.kind, CauseKind::Deadline(Step::Connect));
    });
}

#[test]
fn every_deadline_is_configurable() {
    let configure = |config: chat_core::ChatConfig| {
        config
            .connect_timeout_ms(1_000)
            .authenticate_timeout_ms(2_000)
            .regions_timeout_ms(700)
            .request_timeout_ms(600)
            .silence_timeout_ms(5_000)
            .ping_interval_ms(8_000)
    };
    both_with(configure, |mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        exactly_after_ms(&mut rig, 1_000, &error(3002));
    });
    both_with(configure, |mut rig| {
        rig.go_to(State::ConnectedToNameServer);
        rig.client.get_regions();
        rig.pump();
        exactly_after_ms(&mut rig, 700, &[Seen::Regions(Err(3004))]);
        rig.client.connect_to_region_front_end("eu").expect("may go on");
        rig.pump();
        exactly_after_ms(&mut rig, 2_000, &error(3004));
    });
    both_with(configure, |mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        exactly_after_ms(&mut rig, 1_000, &error(1002));
    });
    both_with(configure, |mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let request = rig.client.subscribe(["a"], &SubscribeOptions::new()).expect("on the front end");
        rig.pump();
        let timed_out = Seen::Subscribed(outcomes(&["a"], &Outcome::TimedOut, Some(request)));
        exactly_after_ms(&mut rig, 600, &[timed_out]);
        exactly_after_ms(&mut rig, 4_400, &error(1004));
        assert_eq!(rig.error().1.kind, CauseKind::Silent { for_ms: 5_000 });
    });
    // No request timeout at all.
    both_with(
        |config| config.request_timeout_ms(0),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.client.subscribe(["a"], &SubscribeOptions::new()).expect("on the front end");
            rig.client.unsubscribe(["a"]).expect("on the front end");
            rig.advance_ms(24 * 3_600_000);
            rig.expect(&[]);
        },
    );
}

#[test]
fn regions_that_are_never_listed_time_out_and_change_no_state() {
    both(|mut rig| {
        rig.go_to(State::ConnectedToNameServer);
        rig.client.get_regions();
        rig.pump();
        rig.advance_ms(4_000);
        rig.client.get_regions();
        rig.pump();
        exactly_after_ms(&mut rig, 11_000, &[Seen::Regions(Err(3004))]);
        exactly_after_ms(&mut rig, 4_000, &[Seen::Regions(Err(3004))]);
        assert_eq!(rig.client.state(), State::ConnectedToNameServer);
        // Late answers are for nobody.
        rig.respond(220, 0, None, &[(210, strings(&["eu"])), (230, strings(&["a"]))]);
        rig.respond(220, 32767, Some("late"), &[]);
        rig.expect(&[]);
    });
}

#[test]
fn requests_time_out_one_by_one() {
    both(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        rig.join(&["d"]);
        let first = rig.client.subscribe(["a", "b"], &SubscribeOptions::new()).expect("on the front end");
        rig.pump();
        rig.advance_ms(1_000);
        let gone = rig.client.unsubscribe(["d"]).expect("on the front end");
        rig.pump();
        rig.advance_ms(1_000);
        let second = rig.client.subscribe(["c"], &SubscribeOptions::new()).expect("on the front end");
        rig.pump();
        assert!(!rig.client.can_chat_in_channel("d"));
        // What is settled in time does not time out.
        rig.raise(5, &[(0, strings(&["b"])), (15, crate::rig::bools(&[true]))]);
        rig.expect(&[Seen::Subscribed(outcomes(&["b"], &Outcome::Done, Some(first)))]);
        let timed_out = Outcome::TimedOut;
        let expected = [Seen::Subscribed(outcomes(&["a"], &timed_out, Some(first)))];
        exactly_after_ms(&mut rig, 13_000, &expected);
        let expected = [Seen::Unsubscribed(outcomes(&["d"], &timed_out, Some(gone)))];
        exactly_after_ms(&mut rig, 1_000, &expected);
        // It is still in there, for all that is known.
        assert!(rig.client.can_chat_in_channel("d"));
        let expected = [Seen::Subscribed(outcomes(&["c"], &timed_out, Some(second)))];
        exactly_after_ms(&mut rig, 1_000, &expected);
        assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);
        rig.advance_ms(60_000);
        rig.expect(&[]);
    });
}

#[test]
fn silence_is_counted_from_the_last_input() {
    for (state, code) in [(State::ConnectedToNameServer, 3004), (State::ConnectedToFrontEnd, 1004)] {
        both(|mut rig| {
            rig.go_to(state);
            rig.answer_pings = false;
            rig.advance_ms(9_999);
            // Any byte counts, be it the first one of a frame.
            rig.deliver(&[0xFB]);
            rig.advance_ms(9_999);
            rig.deliver(&[0, 0]);
            exactly_after_ms(&mut rig, 10_000, &error(code));
            assert_eq!(rig.error().1.kind, CauseKind::Silent { for_ms: 10_000 });
        });
    }
}

/// Before the init response the deadline of connecting counts, whatever comes in.
#[test]
fn silence_is_not_counted_before_the_init_response() {
    for (state, code) in [(State::ConnectingToNameServer, 3004), (State::ConnectingToFrontEnd, 1004)] {
        both(|mut rig| {
            rig.go_to(state);
            rig.accept();
            rig.deliver(&[0xFB]);
            exactly_after_ms(&mut rig, 15_000, &error(code));
            assert_eq!(rig.error().1.kind, CauseKind::Deadline(Step::Connect));
        });
    }
}

#[test]
fn pings_begin_with_the_init_response_and_keep_their_interval() {
    both(|mut rig| {
        rig.connect(None);
        rig.accept();
        rig.advance_ms(2_000);
        assert_eq!(rig.server().came, [Came::Init]);
        rig.greet();
        assert_eq!(rig.server().came, [Came::Init, Came::Ping, Came::Key]);
        let first = rig.now.as_millis();
        rig.advance_ms(1_000);
        rig.agree();
        // Whatever else is sent meanwhile.
        rig.client.get_regions();
        rig.pump();
        rig.advance_ms(1_999);
        assert_eq!(rig.server().pings, [(first, 2_000)]);
        rig.advance_ms(1);
        assert_eq!(rig.server().pings, [(first, 2_000), (first + PING_MS, 5_000)]);
        rig.advance_ms(10 * PING_MS);
        let expected: Vec<(u64, i32)> =
            (0..12).map(|count| (first + count * PING_MS, 2_000 + count as i32 * 3_000)).collect();
        assert_eq!(rig.server().pings, expected);
    });
    // A late turn of the driver sends one, and counts from there.
    both(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        rig.now = rig.now.plus_millis(7_000);
        rig.pump();
        assert_eq!(rig.server().pings.len(), 1);
        rig.expect_deadline_in_ms(PING_MS);
    });
    // The new server's pings begin anew.
    both(|mut rig| {
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
    for (configured, interval) in [(0, 1_000), (999, 1_000), (1_500, 1_500), (8_000, 8_000), (8_001, 8_000)] {
        both_with(
            |config| config.ping_interval_ms(configured),
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
    both(|mut rig| {
        rig.answer_pings = false;
        rig.go_to(State::ConnectedToNameServer);
        assert_eq!((rig.client.server_time(), rig.client.stats().round_trip_ms), (None, None));
        rig.advance_ms(60);
        let mut answer = vec![0xF0];
        answer.extend(50_000_i32.to_be_bytes());
        answer.extend(0_i32.to_be_bytes());
        rig.deliver(&answer);
        assert_eq!(rig.client.stats().round_trip_ms, Some(60));
        assert_eq!(rig.client.server_time(), Some(50_030));
    });
}

/// What `poll_timeout` says at each stage of a connection, and why.
#[test]
fn poll_timeout_is_the_exact_next_deadline_at_each_stage() {
    both(|mut rig| {
        // Silence never counts in this one: it is answered by pings, and they come first.
        assert_eq!(rig.client.poll_timeout(), None);
        rig.client.connect_to_name_server(ConnectOptions::new()).expect("may connect");
        // Armed, and the time is not known: at once. No call has brought one yet.
        assert_eq!(rig.client.poll_timeout(), Some(Timestamp::ZERO));
        rig.pump();
        rig.expect_deadline_in_ms(15_000);
        rig.advance_ms(100);
        rig.accept();
        rig.expect_deadline_in_ms(14_900);
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
        rig.client.connect_to_region_front_end("eu").expect("may go on");
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
        rig.pump();
        rig.expect_deadline_in_ms(2_500);
        rig.accept_login();
        // The name server's pings are gone with it.
        rig.expect_deadline_in_ms(15_000);
        rig.advance_ms(1_000);
        rig.accept();
        rig.expect_deadline_in_ms(14_000);
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
        rig.client.subscribe(["a"], &SubscribeOptions::new()).expect("on the front end");
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
    both_with(
        |config| config.ping_interval_ms(8_000).silence_timeout_ms(4_000),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.expect_deadline_in_ms(4_000);
            rig.advance_ms(1_000);
            rig.deliver(&[0xFB]);
            rig.expect_deadline_in_ms(4_000);
        },
    );
    // A pending login on the name server.
    both_with(
        |config| config.authenticate_timeout_ms(1_234),
        |mut rig| {
            rig.go_to(State::ConnectedToNameServer);
            rig.client.connect_to_region_front_end("eu").expect("may go on");
            rig.pump();
            rig.expect_deadline_in_ms(1_234);
        },
    );
}

/// "now" while input waits that `service` could act on, and nothing else.
#[test]
fn poll_timeout_is_now_while_input_waits() {
    both(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let (link, event) = (rig.link(), rig.event(77, &[]));
        let later = rig.now.plus_millis(10);
        let (part, rest) = event.split_at(event.len() - 1);
        let before = rig.client.poll_timeout();
        rig.client.handle_link(later, link, LinkInput::Received(part));
        assert_eq!(rig.client.poll_timeout(), before, "half a message is nothing to act on");
        rig.client.handle_link(later, link, LinkInput::Received(rest));
        assert_eq!(rig.client.poll_timeout(), Some(later));
        let serviced = rig.client.service(later);
        assert!(!serviced.more);
        // An event that nobody takes is no reason to wake up.
        assert_eq!((rig.client.queued_events(), rig.client.poll_timeout()), (1, before));
        rig.client.handle_link(later, link, LinkInput::Closed);
        assert_eq!(rig.client.poll_timeout(), Some(later));
    });
}

/// contract 6: bounded work in a call, and no further than a change of the state.
#[test]
fn service_says_that_more_waits() {
    both_with(
        |config| config.max_messages_per_service(2),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            let (link, now) = (rig.link(), rig.now);
            let events = rig.event(77, &[]).repeat(5);
            rig.client.handle_link(now, link, LinkInput::Received(&events));
            let mut turns = Vec::new();
            for _ in 0..3 {
                let more = rig.client.service(now).more;
                turns.push((more, std::iter::from_fn(|| rig.client.poll_event()).count()));
            }
            assert_eq!(turns, [(true, 2), (true, 2), (false, 1)]);
        },
    );
    both(|mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.handshake();
        let (link, now) = (rig.link(), rig.now);
        let login = rig.response(230, 0, None, &[]);
        let event = rig.event(77, &[]);
        rig.client.handle_link(now, link, LinkInput::Received(&[login, event].concat()));
        rig.client.handle_link(now, link, LinkInput::Closed);
        rig.server().gone = true;
        let mut turns = Vec::new();
        for _ in 0..3 {
            let more = rig.client.service(now).more;
            let events: Vec<_> = std::iter::from_fn(|| rig.client.poll_event()).map(|one| Seen::from(&one)).collect();
            turns.push((more, rig.client.state(), events));
        }
        let on = State::ConnectedToFrontEnd;
        assert_eq!(turns[0], (true, on, vec![Seen::State(on)]));
        let event = Seen::Other { code: 77, parameters: Vec::new() };
        assert_eq!(turns[1], (false, State::Error, vec![event, Seen::State(State::Error), Seen::Error(1003)]));
        assert_eq!(turns[2], (false, State::Error, vec![]));
    });
}

/// contract 1: time that goes back stands still, and a jump fires each timer once.
#[test]
fn a_clock_that_misbehaves_does_no_harm() {
    both(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let due = rig.client.poll_timeout();
        let serviced = rig.client.service(Timestamp::ZERO);
        assert!(!serviced.more);
        assert_eq!((rig.client.poll_event(), rig.client.poll_timeout()), (None, due));
        let first = rig.client.subscribe(["a"], &SubscribeOptions::new()).expect("on the front end");
        let _serviced = rig.client.service(Timestamp::ZERO);
        rig.pump();
        rig.answer_pings = false;
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
        rig.expect(&[Seen::State(State::ConnectingToNameServer), Seen::State(State::Error), Seen::Error(3002)]);
    });
}

/// The same deadlines where no key is exchanged.
#[test]
fn deadlines_without_encryption() {
    both_with(encryption_off, |mut rig| {
        rig.connect(Some("eu"));
        rig.accept();
        rig.advance_ms(14_000);
        rig.greet();
        rig.forget();
        exactly_after_ms(&mut rig, 15_000, &error(3004));
        assert_eq!(rig.error().1.kind, CauseKind::Deadline(Step::Authenticate));
    });
    both_with(encryption_off, |mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.accept();
        exactly_after_ms(&mut rig, 15_000, &error(1004));
    });
}
