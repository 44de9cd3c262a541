//! `suspend`, `resume` and `network_changed` in each state. chat.md 6.2, 10 (R4).

use crate::harness::{Harness, Seen, TOKEN, each, each_with, error, exactly_after_ms};
use chat_core::{CauseKind, Event, RequestError, Restore, State};
use std::time::Duration;

/// The states with a connection.
const CONNECTED: [State; 4] = [
    State::ConnectingToNameServer,
    State::ConnectedToNameServer,
    State::ConnectingToFrontEnd,
    State::ConnectedToFrontEnd,
];

/// Asserts that nothing happens any more.
#[track_caller]
fn rests(harness: &mut Harness) {
    harness.take_events();
    harness.advance_ms(10_000);
    harness.expect(&[]);
    assert_eq!(harness.client.poll_timeout(), None);
}

/// Logs in on the front end with the kept token.
#[track_caller]
fn returns_with_token(harness: &mut Harness) {
    harness.expect_open("fe.example", 5070);
    harness.handshake();
    harness.expect_request(230, false, &[(221, TOKEN.into())]);
    harness.respond(230, 0, None, &[]);
    assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
}

fn with_restore(config: chat_core::ChatConfig) -> chat_core::ChatConfig {
    config.restore(Restore::new())
}

#[test]
fn s17_suspend_and_resume_three_times() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        for _ in 0..3 {
            harness.join(&["a"]);
            harness.forget();
            assert_eq!(harness.client.suspend(), Ok(()));
            assert_eq!(harness.client.state(), State::Disconnected);
            harness.pump();
            harness.expect(&[Seen::State(State::Disconnected)]);
            rests(&mut harness);
            harness.forget();
            assert_eq!(harness.client.resume(), Ok(()));
            harness.pump();
            returns_with_token(&mut harness);
            harness.expect(&[
                Seen::State(State::ConnectingToFrontEnd),
                Seen::State(State::ConnectedToFrontEnd),
            ]);
        }
    });
}

#[test]
fn suspending_sends_what_was_accepted() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        harness.forget();
        harness.publish("a", "good night");
        assert_eq!(harness.client.suspend(), Ok(()));
        harness.pump();
        assert_eq!(harness.server().requests.len(), 1);
        assert_eq!(harness.client.stats().unsent_messages, 0);
    });
}

#[test]
fn suspend_and_resume_come_back_from_every_state() {
    for state in CONNECTED {
        each(|mut harness| {
            harness.go_to(state);
            harness.forget();
            assert_eq!(harness.client.suspend(), Ok(()));
            assert_eq!(harness.client.suspend(), Ok(()), "once more");
            harness.pump();
            harness.expect(&[Seen::State(State::Disconnected)]);
            harness.advance_ms(60_000);
            assert_eq!(harness.client.network_changed(), Ok(()), "nothing to do");
            harness.expect(&[]);
            harness.forget();
            assert_eq!(harness.client.resume(), Ok(()));
            let back = if matches!(
                state,
                State::ConnectingToFrontEnd | State::ConnectedToFrontEnd
            ) {
                State::ConnectingToFrontEnd
            } else {
                State::ConnectingToNameServer
            };
            harness.pump();
            harness.expect(&[Seen::State(back)]);
            assert_eq!(harness.client.resume(), Ok(()), "it connects already");
            harness.pump();
            harness.expect(&[]);
        });
    }
}

#[test]
fn without_a_connection_there_is_nothing_to_suspend_or_resume() {
    for state in [State::Uninitialized, State::Disconnected] {
        each(|mut harness| {
            harness.go_to(state);
            let wrong = Err(RequestError::WrongState(state));
            assert_eq!(harness.client.suspend(), wrong);
            assert_eq!(harness.client.resume(), wrong);
            assert_eq!(harness.client.network_changed(), wrong);
            rests(&mut harness);
        });
    }
}

#[test]
fn a_disconnect_ends_the_suspension() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        assert_eq!(harness.client.suspend(), Ok(()));
        harness.client.disconnect();
        let wrong = Err(RequestError::WrongState(State::Disconnected));
        assert_eq!(harness.client.resume(), wrong);
        // And a connect call does.
        harness.connect(Some("eu"));
        harness.client.disconnect();
        assert_eq!(harness.client.resume(), wrong);
    });
}

#[test]
fn resume_returns_from_an_error_at_once() {
    each_with(with_restore, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.forget();
        harness.close();
        assert_eq!(harness.client.state(), State::Error);
        harness.forget();
        assert_eq!(harness.client.resume(), Ok(()));
        harness.pump();
        returns_with_token(&mut harness);
        // The schedule is gone.
        harness.advance_ms(100_000);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        assert_eq!(harness.client.stats().reconnect_attempts, 1);
    });
}

#[test]
fn suspend_cancels_a_scheduled_reconnect() {
    each_with(with_restore, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        assert_eq!(harness.client.suspend(), Ok(()));
        harness.pump();
        rests(&mut harness);
        assert_eq!(harness.client.state(), State::Disconnected);
        harness.forget();
        assert_eq!(harness.client.resume(), Ok(()));
        harness.pump();
        returns_with_token(&mut harness);
    });
}

/// On a system whose clock stands still while the machine sleeps.
#[test]
fn resume_asks_a_connected_server_for_a_sign_of_life() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.advance_ms(1_000);
        harness.forget();
        assert_eq!(harness.client.resume(), Ok(()));
        harness.pump();
        harness.advance_ms(60_000);
        harness.expect(&[]);
        harness.answers = false;
        assert_eq!(harness.client.resume(), Ok(()));
        harness.pump();
        exactly_after_ms(&mut harness, 2_000, &error(1004));
        let unknown = CauseKind::Slept {
            elapsed: Duration::ZERO,
        };
        assert_eq!(harness.error().1.kind, unknown);
    });
}

#[test]
fn s18_a_change_of_network_abandons_the_link_and_takes_the_fast_path() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        harness.forget();
        let request = harness.client.unsubscribe(["a"]).expect("subscribed");
        harness.writable = false;
        harness.publish("a", "lost");
        let (old, before) = (harness.link(), harness.now);
        assert_eq!(harness.client.network_changed(), Ok(()));
        assert_eq!(harness.client.state(), State::ConnectingToFrontEnd);
        harness.writable = true;
        harness.pump();
        harness.expect(&[
            Seen::Unsubscribed(crate::harness::outcomes(
                &["a"],
                &chat_core::Outcome::ConnectionLost,
                Some(request),
            )),
            Seen::State(State::Error),
            Seen::Error(1001),
            Seen::State(State::ConnectingToFrontEnd),
        ]);
        assert_eq!(harness.error().1.kind, CauseKind::NetworkChanged);
        assert!(harness.error().1.unsent_messages > 0);
        harness.expect_close(old);
        harness.expect_open("fe.example", 5070);
        if harness.row.is_datagrams() {
            harness.expect_datagrams_on(old, before, &[]);
        }
        harness.handshake();
        harness.expect_request(230, false, &[(221, TOKEN.into())]);
        harness.respond(230, 0, None, &[]);
        harness.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
    });
}

#[test]
fn a_change_of_network_is_the_first_attempt_of_a_restore() {
    each_with(with_restore, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.forget();
        assert_eq!(harness.client.network_changed(), Ok(()));
        harness.pump();
        let events = harness.take_events();
        let names: Vec<_> = events.iter().map(Event::name).collect();
        let expected = [
            "StateChanged",
            "Error",
            "ReconnectScheduled",
            "StateChanged",
        ];
        assert_eq!(names, expected);
        let scheduled = |event: &Event| matches!(event, Event::ReconnectScheduled { attempt: 1, after } if after.is_zero());
        assert!(events.iter().any(scheduled), "{events:?}");
        harness.handshake();
        harness.respond(230, 0, None, &[]);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        assert_eq!(harness.client.stats().reconnect_attempts, 1);
    });
}

#[test]
fn a_change_of_network_starts_a_login_again() {
    for state in CONNECTED {
        for configure in [|config| config, with_restore] {
            each_with(configure, |mut harness| {
                harness.go_to(state);
                for _ in 0..3 {
                    harness.forget();
                    assert_eq!(harness.client.network_changed(), Ok(()));
                    harness.pump();
                    let back = if matches!(
                        state,
                        State::ConnectingToFrontEnd | State::ConnectedToFrontEnd
                    ) {
                        State::ConnectingToFrontEnd
                    } else {
                        State::ConnectingToNameServer
                    };
                    assert_eq!(harness.client.state(), back);
                    assert_eq!(harness.error().1.kind, CauseKind::NetworkChanged);
                }
                harness.client.disconnect();
                harness.pump();
                rests(&mut harness);
                harness.client.forget_channels();
                assert_eq!(harness.client.check_at_rest(), Ok(()));
            });
        }
    }
}

#[test]
fn a_change_of_network_needs_space_for_its_events() {
    let config = |config: chat_core::ChatConfig| config.event_cap_bytes(1);
    each_with(config, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        assert_eq!(harness.client.suspend(), Ok(()));
        assert_eq!(harness.client.resume(), Err(RequestError::QueueFull));
        harness.pump();
        assert_eq!(harness.client.resume(), Ok(()));
        let full = Err(RequestError::QueueFull);
        assert_eq!(harness.client.network_changed(), full);
        assert_eq!(harness.client.state(), State::ConnectingToFrontEnd);
    });
}
