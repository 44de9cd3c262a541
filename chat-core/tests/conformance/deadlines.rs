//! Deadlines, and what `poll_timeout` and `service` say, to the millisecond. chat.md 6.4.

use crate::rig::{
    Rig, Seen, each, each_with, encryption_off, error, exactly_after_ms, not_over_datagrams_with,
    outcomes, over_datagrams, over_streams, strings,
};
use chat_core::{CauseKind, LinkInput, Outcome, State, Step, SubscribeOptions};
use std::time::Duration;

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
        each(|mut rig| {
            if index == 2 && !rig.over.exchanges_keys() {
                return; // That is state 2 already.
            }
            rig.go_to(State::ConnectingToNameServer);
            let due = rig.now.plus_millis(15_000);
            rig.advance_ms(4_000);
            step(&mut rig);
            let left = due.millis_since(rig.now);
            let digit = if index == 0 {
                rig.over.never_opened().0
            } else {
                4
            };
            exactly_after_ms(&mut rig, left, &error(3000 + digit));
        });
        each(|mut rig| {
            rig.go_to(State::ConnectingToFrontEnd);
            let due = rig.now.plus_millis(15_000);
            rig.advance_ms(4_000);
            step(&mut rig);
            let left = due.millis_since(rig.now);
            let digit = if index == 0 {
                rig.over.never_opened().0
            } else {
                4
            };
            exactly_after_ms(&mut rig, left, &error(1000 + digit));
        });
    }
}

/// From state 3 to state 4, the login included: it does not begin anew with it.
#[test]
fn the_front_end_has_to_accept_the_login_within_the_same_deadline() {
    each(|mut rig| {
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
            .connect_timeout(Duration::from_millis(1_000))
            .authenticate_timeout(Duration::from_millis(2_000))
            .regions_timeout(Duration::from_millis(700))
            .request_timeout(Duration::from_millis(600))
            .silence_timeout(Duration::from_millis(5_000))
            .ping_interval(Duration::from_millis(8_000))
    };
    each_with(configure, |mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        let (digit, _) = rig.over.never_opened();
        exactly_after_ms(&mut rig, 1_000, &error(3000 + digit));
    });
    each_with(configure, |mut rig| {
        rig.go_to(State::ConnectedToNameServer);
        rig.client.get_regions();
        rig.pump();
        exactly_after_ms(&mut rig, 700, &[Seen::Regions(Err(3004))]);
        rig.client
            .connect_to_region_front_end("eu")
            .expect("may go on");
        rig.pump();
        exactly_after_ms(&mut rig, 2_000, &error(3004));
    });
    each_with(configure, |mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        let (digit, _) = rig.over.never_opened();
        exactly_after_ms(&mut rig, 1_000, &error(1000 + digit));
    });
    each_with(configure, |mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let request = rig
            .client
            .subscribe(["a"], &SubscribeOptions::new())
            .expect("on the front end");
        rig.pump();
        let timed_out = Seen::Subscribed(outcomes(&["a"], &Outcome::TimedOut, Some(request)));
        exactly_after_ms(&mut rig, 600, &[timed_out]);
    });
    // Over datagrams silence is noticed by what is not acknowledged.
    not_over_datagrams_with(configure, |mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let request = rig
            .client
            .subscribe(["a"], &SubscribeOptions::new())
            .expect("on the front end");
        rig.pump();
        let timed_out = Seen::Subscribed(outcomes(&["a"], &Outcome::TimedOut, Some(request)));
        exactly_after_ms(&mut rig, 600, &[timed_out]);
        exactly_after_ms(&mut rig, 4_400, &error(1004));
        assert_eq!(
            rig.error().1.kind,
            CauseKind::Silent {
                elapsed: Duration::from_millis(5_000)
            }
        );
    });
    // No request timeout at all.
    each_with(
        |config| config.request_timeout(Duration::from_millis(0)),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            rig.client
                .subscribe(["a"], &SubscribeOptions::new())
                .expect("on the front end");
            rig.client.unsubscribe(["a"]).expect("on the front end");
            rig.advance_ms(24 * 3_600_000);
            rig.expect(&[]);
        },
    );
}

#[test]
fn regions_that_are_never_listed_time_out_and_change_no_state() {
    each(|mut rig| {
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
        rig.respond(
            220,
            0,
            None,
            &[(210, strings(&["eu"])), (230, strings(&["a"]))],
        );
        rig.respond(220, 32767, Some("late"), &[]);
        rig.expect(&[]);
    });
}

#[test]
fn requests_time_out_one_by_one() {
    each(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        rig.join(&["d"]);
        let first = rig
            .client
            .subscribe(["a", "b"], &SubscribeOptions::new())
            .expect("on the front end");
        rig.pump();
        rig.advance_ms(1_000);
        let gone = rig.client.unsubscribe(["d"]).expect("on the front end");
        rig.pump();
        rig.advance_ms(1_000);
        let second = rig
            .client
            .subscribe(["c"], &SubscribeOptions::new())
            .expect("on the front end");
        rig.pump();
        assert!(!rig.client.can_chat_in_channel("d"));
        // What is settled in time does not time out.
        rig.raise(5, &[(0, strings(&["b"])), (15, crate::rig::bools(&[true]))]);
        rig.expect(&[Seen::Subscribed(outcomes(
            &["b"],
            &Outcome::Done,
            Some(first),
        ))]);
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
fn poll_timeout_tells_the_deadline_of_a_login() {
    each_with(
        |config| config.authenticate_timeout(Duration::from_millis(1_234)),
        |mut rig| {
            rig.go_to(State::ConnectedToNameServer);
            rig.client
                .connect_to_region_front_end("eu")
                .expect("may go on");
            rig.pump();
            rig.expect_deadline_in_ms(1_234);
        },
    );
}

/// "now" while input waits that `service` could act on, and nothing else.
#[test]
fn poll_timeout_is_now_while_input_waits() {
    each(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let (link, event) = (rig.link(), rig.event(77, &[]));
        let before = rig.client.poll_timeout();
        rig.now = rig.now.plus_millis(10);
        rig.hand_over(link, &event);
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
        let serviced = rig.client.service(rig.now);
        assert!(!serviced.more);
        // An event that nobody takes is no reason to wake up.
        assert_eq!(
            (rig.client.queued_events(), rig.client.poll_timeout()),
            (1, before)
        );
        rig.client.handle_link(rig.now, link, LinkInput::Closed);
        assert_eq!(rig.client.poll_timeout(), Some(rig.now));
    });
    // Half a message is nothing to act on; only streams have such.
    over_streams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let (link, event) = (rig.link(), rig.event(77, &[]));
        let later = rig.now.plus_millis(10);
        let (part, rest) = event.split_at(event.len() - 1);
        let before = rig.client.poll_timeout();
        rig.client
            .handle_link(later, link, LinkInput::Received(part));
        assert_eq!(
            rig.client.poll_timeout(),
            before,
            "half a message is nothing to act on"
        );
        rig.client
            .handle_link(later, link, LinkInput::Received(rest));
        assert_eq!(rig.client.poll_timeout(), Some(later));
    });
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let event = rig.event(77, &[(1, "x".repeat(2_000).into())]);
        let (link, now) = (rig.link(), rig.now);
        let datagrams = rig.server().udp().say(now, &event);
        let [part, rest] = datagrams.as_slice() else {
            panic!("two fragments")
        };
        let later = now.plus_millis(10);
        let before = rig.client.poll_timeout();
        rig.client
            .handle_link(later, link, LinkInput::Received(part));
        assert_eq!(
            rig.client.poll_timeout(),
            before,
            "half a message is nothing to act on"
        );
        rig.client
            .handle_link(later, link, LinkInput::Received(rest));
        assert_eq!(rig.client.poll_timeout(), Some(later));
    });
}

/// contract 6: bounded work in a call, and no further than a change of the state.
#[test]
fn service_says_that_more_waits() {
    each_with(
        |config| config.max_messages_per_service(2),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            let (link, now) = (rig.link(), rig.now);
            let events = rig.event(77, &[]).repeat(5);
            rig.hand_over(link, &events);
            let mut turns = Vec::new();
            for _ in 0..3 {
                let more = rig.client.service(now).more;
                turns.push((more, std::iter::from_fn(|| rig.client.poll_event()).count()));
            }
            assert_eq!(turns, [(true, 2), (true, 2), (false, 1)]);
        },
    );
    each(|mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.handshake();
        let (link, now) = (rig.link(), rig.now);
        let login = rig.response(230, 0, None, &[]);
        let event = rig.event(77, &[]);
        rig.hand_over(link, &[login, event].concat());
        rig.client.handle_link(now, link, LinkInput::Closed);
        rig.server().gone = true;
        let mut turns = Vec::new();
        for _ in 0..3 {
            let more = rig.client.service(now).more;
            let events: Vec<_> = std::iter::from_fn(|| rig.client.poll_event())
                .map(|one| Seen::from(&one))
                .collect();
            turns.push((more, rig.client.state(), events));
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

/// The same deadlines where no key is exchanged.
#[test]
fn deadlines_without_encryption() {
    each_with(encryption_off, |mut rig| {
        rig.connect(Some("eu"));
        rig.accept();
        rig.advance_ms(14_000);
        rig.greet();
        rig.forget();
        exactly_after_ms(&mut rig, 15_000, &error(3004));
        assert_eq!(rig.error().1.kind, CauseKind::Deadline(Step::Authenticate));
    });
    each_with(encryption_off, |mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.accept();
        exactly_after_ms(&mut rig, 15_000, &error(1004));
    });
}
