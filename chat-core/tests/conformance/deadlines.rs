//! Deadlines, and the results of `poll_timeout` and `service`, to the millisecond. chat.md 6.4.

use crate::harness::{
    Harness, Seen, each, each_with, encryption_off, error, exactly_after_ms,
    not_over_datagrams_with, outcomes, over_datagrams, over_streams, strings,
};
use chat_core::{CauseKind, LinkId, LinkInput, Outcome, State, Step, Timestamp};
use std::time::Duration;

#[test]
fn the_connect_deadline_counts_from_the_change_to_state_1() {
    // The deadline is the same for every step.
    let steps: [fn(&mut Harness); 3] = [
        |_| {},
        |harness| harness.accept(),
        |harness| {
            harness.accept();
            harness.advance_ms(3_000);
            harness.send_init_response();
        },
    ];
    for (index, step) in steps.into_iter().enumerate() {
        each(|mut harness| {
            if index == 2 && !harness.row.exchanges_keys() {
                return; // This is state 2 already.
            }
            harness.go_to(State::ConnectingToNameServer);
            let due = harness.now.plus_millis(15_000);
            harness.advance_ms(4_000);
            step(&mut harness);
            let left = due.millis_since(harness.now);
            let digit = if index == 0 {
                harness.row.never_opened().0
            } else {
                4
            };
            exactly_after_ms(&mut harness, left, &error(3000 + digit));
        });
        each(|mut harness| {
            harness.go_to(State::ConnectingToFrontEnd);
            let due = harness.now.plus_millis(15_000);
            harness.advance_ms(4_000);
            step(&mut harness);
            let left = due.millis_since(harness.now);
            let digit = if index == 0 {
                harness.row.never_opened().0
            } else {
                4
            };
            exactly_after_ms(&mut harness, left, &error(1000 + digit));
        });
    }
}

/// One deadline from state 3 to state 4: the login does not restart it.
#[test]
fn the_front_end_must_accept_the_login_within_the_same_deadline() {
    each(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.advance_ms(5_000);
        harness.handshake();
        exactly_after_ms(&mut harness, 10_000, &error(1004));
        assert_eq!(harness.error().1.kind, CauseKind::Deadline(Step::Connect));
    });
}

#[test]
fn every_deadline_is_configurable() {
    let configure = |config: chat_core::ChatConfig| {
        config
            .connect_timeout(Duration::from_millis(1_000))
            .authenticate_timeout(Duration::from_millis(2_000))
            .regions_timeout(Duration::from_millis(700))
            .request_timeout(Duration::from_millis(600))
            .silence_timeout(Duration::from_millis(5_000))
            .ping_interval(Duration::from_millis(8_000))
    };
    each_with(configure, |mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        let (digit, _) = harness.row.never_opened();
        exactly_after_ms(&mut harness, 1_000, &error(3000 + digit));
    });
    each_with(configure, |mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.pump();
        exactly_after_ms(&mut harness, 700, &[Seen::Regions(Err(3004))]);
        harness.choose_region();
        exactly_after_ms(&mut harness, 2_000, &error(3004));
    });
    each_with(configure, |mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        let (digit, _) = harness.row.never_opened();
        exactly_after_ms(&mut harness, 1_000, &error(1000 + digit));
    });
    each_with(configure, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let request = harness.subscribe(&["a"]);
        harness.pump();
        let timed_out = Seen::Subscribed(outcomes(&["a"], &Outcome::TimedOut, Some(request)));
        exactly_after_ms(&mut harness, 600, &[timed_out]);
    });
    // Over datagrams silence shows by missing acknowledgements.
    not_over_datagrams_with(configure, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let request = harness.subscribe(&["a"]);
        harness.pump();
        let timed_out = Seen::Subscribed(outcomes(&["a"], &Outcome::TimedOut, Some(request)));
        exactly_after_ms(&mut harness, 600, &[timed_out]);
        exactly_after_ms(&mut harness, 4_400, &error(1004));
        assert_eq!(
            harness.error().1.kind,
            CauseKind::Silent {
                elapsed: Duration::from_millis(5_000)
            }
        );
    });
    // Without a request timeout.
    each_with(
        |config| config.request_timeout(Duration::from_millis(0)),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.subscribe(&["a"]);
            harness.unsubscribe(&["a"]);
            harness.advance_ms(24 * 3_600_000);
            harness.expect(&[]);
        },
    );
}

#[test]
fn get_regions_without_response_times_out_and_keeps_the_state() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.pump();
        harness.advance_ms(4_000);
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.pump();
        exactly_after_ms(&mut harness, 11_000, &[Seen::Regions(Err(3004))]);
        exactly_after_ms(&mut harness, 4_000, &[Seen::Regions(Err(3004))]);
        assert_eq!(harness.client.state(), State::ConnectedToNameServer);
        // Late responses settle nothing.
        harness.respond(
            220,
            0,
            None,
            &[(210, strings(&["eu"])), (230, strings(&["a"]))],
        );
        harness.respond(220, 32767, Some("late"), &[]);
        harness.expect(&[]);
    });
}

#[test]
fn requests_time_out_one_by_one() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["d"]);
        let first = harness.subscribe(&["a", "b"]);
        harness.pump();
        harness.advance_ms(1_000);
        let gone = harness.unsubscribe(&["d"]);
        harness.pump();
        harness.advance_ms(1_000);
        let second = harness.subscribe(&["c"]);
        harness.pump();
        assert!(!harness.client.can_chat_in_channel("d"));
        // A request that is settled in time does not time out.
        harness.raise(
            5,
            &[(0, strings(&["b"])), (15, crate::harness::bools(&[true]))],
        );
        harness.expect(&[Seen::Subscribed(outcomes(
            &["b"],
            &Outcome::Done,
            Some(first),
        ))]);
        let timed_out = Outcome::TimedOut;
        let expected = [Seen::Subscribed(outcomes(&["a"], &timed_out, Some(first)))];
        exactly_after_ms(&mut harness, 13_000, &expected);
        let expected = [Seen::Unsubscribed(outcomes(&["d"], &timed_out, Some(gone)))];
        exactly_after_ms(&mut harness, 1_000, &expected);
        // As far as the client knows, the user is still in the channel.
        assert!(harness.client.can_chat_in_channel("d"));
        let expected = [Seen::Subscribed(outcomes(&["c"], &timed_out, Some(second)))];
        exactly_after_ms(&mut harness, 1_000, &expected);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
}

#[test]
fn poll_timeout_is_the_deadline_of_a_login() {
    each_with(
        |config| config.authenticate_timeout(Duration::from_millis(1_234)),
        |mut harness| {
            harness.go_to(State::ConnectedToNameServer);
            harness.choose_region();
            harness.expect_deadline_in_ms(1_234);
        },
    );
}

/// `poll_timeout` is "now" while core holds input that `service` could process, and otherwise not.
#[test]
fn poll_timeout_is_now_while_input_waits() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, event) = (harness.link(), harness.event(77, &[]));
        let before = harness.client.poll_timeout();
        harness.now = harness.now.plus_millis(10);
        harness.deliver_without_pump(link, &event);
        assert_eq!(harness.client.poll_timeout(), Some(harness.now));
        let serviced = harness.client.service(harness.now);
        assert!(!serviced.more);
        // An event that is not taken is no reason to wake up.
        assert_eq!(
            (
                harness.client.queued_events(),
                harness.client.poll_timeout()
            ),
            (1, before)
        );
        harness
            .client
            .handle_link(harness.now, link, LinkInput::Closed);
        assert_eq!(harness.client.poll_timeout(), Some(harness.now));
    });
    // `service` cannot process half a message. Only streams deliver one.
    over_streams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, event) = (harness.link(), harness.event(77, &[]));
        let later = harness.now.plus_millis(10);
        let (part, rest) = event.split_at(event.len() - 1);
        only_the_rest_is_due(&mut harness, link, later, [part, rest]);
    });
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let event = harness.event(77, &[(1, "x".repeat(2_000).into())]);
        let (link, now) = (harness.link(), harness.now);
        let datagrams = harness.server().udp().input_for(now, &event);
        let [part, rest] = datagrams.as_slice() else {
            panic!("two fragments")
        };
        let later = now.plus_millis(10);
        only_the_rest_is_due(&mut harness, link, later, [part, rest]);
    });
}

/// Asserts that the first part of a message changes no deadline, and that the rest is due at once.
#[track_caller]
fn only_the_rest_is_due(
    harness: &mut Harness,
    link: LinkId,
    later: Timestamp,
    [part, rest]: [&[u8]; 2],
) {
    let before = harness.client.poll_timeout();
    let input = LinkInput::Received(part);
    harness.client.handle_link(later, link, input);
    assert_eq!(harness.client.poll_timeout(), before, "half a message");
    let input = LinkInput::Received(rest);
    harness.client.handle_link(later, link, input);
    assert_eq!(harness.client.poll_timeout(), Some(later));
}

/// Contract 6: bounded work in a call, and none after a state change.
#[test]
fn service_reports_remaining_work() {
    each_with(
        |config| config.max_messages_per_service(2),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let (link, now) = (harness.link(), harness.now);
            let events = harness.event(77, &[]).repeat(5);
            harness.deliver_without_pump(link, &events);
            let mut turns = Vec::new();
            for _ in 0..3 {
                let more = harness.client.service(now).more;
                turns.push((
                    more,
                    std::iter::from_fn(|| harness.client.poll_event()).count(),
                ));
            }
            assert_eq!(turns, [(true, 2), (true, 2), (false, 1)]);
        },
    );
    each(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.handshake();
        let (link, now) = (harness.link(), harness.now);
        let login = harness.response(230, 0, None, &[]);
        let event = harness.event(77, &[]);
        harness.deliver_without_pump(link, &[login, event].concat());
        harness.client.handle_link(now, link, LinkInput::Closed);
        harness.server().gone = true;
        let mut turns = Vec::new();
        for _ in 0..3 {
            let more = harness.client.service(now).more;
            let events: Vec<_> = std::iter::from_fn(|| harness.client.poll_event())
                .map(|one| Seen::from(&one))
                .collect();
            turns.push((more, harness.client.state(), events));
        }
        let on = State::ConnectedToFrontEnd;
        assert_eq!(turns[0], (true, on, vec![Seen::State(on)]));
        let event = Seen::Other {
            code: 77,
            parameters: Vec::new(),
        };
        assert_eq!(
            turns[1],
            (
                false,
                State::Error,
                vec![event, Seen::State(State::Error), Seen::Error(1003)]
            )
        );
        assert_eq!(turns[2], (false, State::Error, vec![]));
    });
}

/// The same deadlines without a key exchange.
#[test]
fn deadlines_without_encryption() {
    each_with(encryption_off, |mut harness| {
        harness.connect(Some("eu"));
        harness.accept();
        harness.advance_ms(14_000);
        harness.send_init_response();
        harness.forget();
        exactly_after_ms(&mut harness, 15_000, &error(3004));
        assert_eq!(
            harness.error().1.kind,
            CauseKind::Deadline(Step::Authenticate)
        );
    });
    each_with(encryption_off, |mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.accept();
        exactly_after_ms(&mut harness, 15_000, &error(1004));
    });
}
