//! Connecting again by itself: the schedule, its events, and its end. Items 119 to 124; chat.md 10,
//! R1 and R9.

use crate::harness::{
    APP_ID, APP_VERSION, Call, Harness, Seen, TABLE, TOKEN, each_with, error, exactly_after_ms,
    outcomes, over_streams_with,
};
use chat_core::{
    AuthValues, ChatClient, ChatConfig, ConnectOptions, Event, LinkErrorKind, Outcome, Restore,
    State,
};
use photon_proto::Value;

fn restoring(config: ChatConfig) -> ChatConfig {
    config.restore(Restore::new())
}

fn asking(config: ChatConfig) -> ChatConfig {
    config
        .authentication(AuthValues::new("ticket=1"))
        .restore(Restore::new().ask_for_credentials(true))
}

/// Takes the events of an unwanted end with this code. Returns the time until this attempt.
#[track_caller]
fn scheduled(harness: &mut Harness, code: i32, attempt: u32) -> u64 {
    let mut seen: Vec<Seen> = harness.take_events().iter().map(Seen::from).collect();
    let Some(Seen::ReconnectScheduled(number, after)) = seen.pop() else {
        panic!("no attempt is scheduled");
    };
    assert_eq!(seen, error(code));
    assert_eq!(number, attempt);
    let after_ms = u64::try_from(after.as_millis()).expect("a short time");
    let window_ms = (1_000_u64 << attempt).min(60_000);
    assert!(after_ms < window_ms, "{after_ms} ms, attempt {attempt}");
    assert_eq!(u128::from(after_ms), after.as_micros() / 1_000);
    after_ms
}

/// Lets the time of the attempt come: the client connects to the front end with its token.
#[track_caller]
fn goes_to_front_end(harness: &mut Harness, after_ms: u64) {
    harness.forget();
    harness.advance_ms(after_ms.saturating_sub(1));
    if after_ms > 0 {
        harness.expect_nothing();
        harness.advance_ms(1);
    }
    harness.expect(&[Seen::State(State::ConnectingToFrontEnd)]);
    harness.expect_open("fe.example", 5070);
}

/// As [`goes_to_front_end`], to the name server.
#[track_caller]
fn goes_to_name_server(harness: &mut Harness, after_ms: u64) {
    harness.forget();
    harness.advance_ms(after_ms);
    harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
    harness.expect_open("ns.example", 4533);
}

/// The front end accepts the kept token, and is asked for nothing else.
#[track_caller]
fn front_end_accepts(harness: &mut Harness) {
    harness.handshake();
    harness.expect_request(230, false, &[(221, TOKEN.into())]);
    harness.respond(230, 0, None, &[]);
    harness.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
    harness.expect_no_request();
}

/// The name server is connected, and receives a login for region eu.
#[track_caller]
fn name_server_accepts(harness: &mut Harness) {
    harness.handshake();
    harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
    let login = [
        (224, APP_ID.into()),
        (220, APP_VERSION.into()),
        (210, "eu".into()),
    ];
    harness.expect_request(230, true, &login);
    harness.accept_login();
    harness.expect(&[
        Seen::authenticated(""),
        Seen::State(State::ConnectingToFrontEnd),
    ]);
}

/// The login on the name server that connects now is refused.
#[track_caller]
fn name_server_refuses(harness: &mut Harness, code: i16) {
    harness.handshake();
    harness.forget();
    harness.respond(230, code, Some("no"), &[]);
}

#[test]
fn c119_an_unwanted_end_is_followed_by_an_attempt_with_the_kept_token() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 1);
        harness.expect_deadline_in_ms(after_ms);
        goes_to_front_end(&mut harness, after_ms);
        front_end_accepts(&mut harness);
        assert_eq!(harness.client.stats().reconnect_attempts, 1);
        harness.advance_ms(20_000);
        harness.expect_nothing();
        // Attempts count from 1 again.
        harness.fail(LinkErrorKind::Io, "broken");
        let after_ms = scheduled(&mut harness, 1001, 1);
        goes_to_front_end(&mut harness, after_ms);
        front_end_accepts(&mut harness);
        assert_eq!(harness.client.stats().reconnect_attempts, 2);
    });
}

#[test]
fn restore_without_the_option_nothing_is_scheduled() {
    each_with(
        |config| config,
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.close();
            harness.expect(&error(1003));
            harness.forget();
            harness.advance_ms(3_600_000);
            harness.expect_nothing();
        },
    );
}

#[test]
fn c119_failed_results_come_before_the_state_and_the_schedule_last() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let request = harness.subscribe(&["a"]);
        harness.pump();
        harness.close();
        let seen: Vec<Seen> = harness.take_events().iter().map(Seen::from).collect();
        let failed = outcomes(&["a"], &Outcome::ConnectionLost, Some(request));
        let [first, state, error, Seen::ReconnectScheduled(1, _)] = seen.as_slice() else {
            panic!("{seen:?}");
        };
        assert_eq!(
            [first, state, error],
            [
                &Seen::Subscribed(failed),
                &Seen::State(State::Error),
                &Seen::Error(1003)
            ]
        );
    });
}

#[test]
fn c120_the_first_connect_call_is_tried_again_too() {
    each_with(restoring, |mut harness| {
        harness.connect(Some("eu"));
        harness.forget();
        for attempt in 1..=7 {
            harness.fail(LinkErrorKind::Refused, "nobody there");
            let after_ms = scheduled(&mut harness, 3002, attempt);
            goes_to_name_server(&mut harness, after_ms);
        }
        name_server_accepts(&mut harness);
        front_end_accepts(&mut harness);
    });
}

#[test]
fn restore_without_a_region_returns_to_the_name_server_and_stays_there() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        harness.close();
        let after_ms = scheduled(&mut harness, 3003, 1);
        goes_to_name_server(&mut harness, after_ms);
        harness.handshake();
        harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
        harness.expect_no_request();
        // A region that is chosen now is the goal from now on.
        harness.choose_region();
        harness.forget();
        harness.close();
        let after_ms = scheduled(&mut harness, 3003, 2);
        goes_to_name_server(&mut harness, after_ms);
        name_server_accepts(&mut harness);
    });
}

#[test]
fn restore_a_new_connect_call_without_a_region_does_not_return_to_the_old_front_end() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::Disconnected);
        harness.connect(None);
        harness.handshake();
        harness.forget();
        harness.close();
        let after_ms = scheduled(&mut harness, 3003, 1);
        goes_to_name_server(&mut harness, after_ms);
    });
}

#[test]
fn c120_a_token_that_has_expired_leads_to_the_name_server_without_an_error() {
    for code in [32753, 32767] {
        each_with(restoring, |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.close();
            let after_ms = scheduled(&mut harness, 1003, 1);
            goes_to_front_end(&mut harness, after_ms);
            harness.handshake();
            harness.respond(230, code, Some("expired"), &[]);
            harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
            harness.forget();
            name_server_accepts(&mut harness);
            harness.forget();
            front_end_accepts(&mut harness);
        });
    }
}

#[test]
fn c120_a_front_end_that_fails_is_assigned_anew_by_the_name_server() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 1);
        goes_to_front_end(&mut harness, after_ms);
        // It accepts links and closes them: not what the fallback within an attempt is for.
        harness.accept();
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 2);
        goes_to_name_server(&mut harness, after_ms);
        name_server_accepts(&mut harness);
        harness.forget();
        front_end_accepts(&mut harness);
        // The token is used again after the next loss.
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 3);
        goes_to_front_end(&mut harness, after_ms);
    });
}

#[test]
fn c122_gives_up_at_once_for_reasons_that_waiting_does_not_change() {
    for code in [32767, 32756, 32761] {
        each_with(restoring, |mut harness| {
            harness.connect(Some("eu"));
            name_server_refuses(&mut harness, code);
            harness.expect(&gave_up(3101));
            harness.forget();
            expect_rest(&mut harness);
            // Also from the front end, with a token that was issued just now.
            harness.connect(Some("eu"));
            harness.handshake();
            harness.accept_login();
            harness.handshake();
            harness.forget();
            harness.respond(230, code, Some("no"), &[]);
            harness.expect(&gave_up(1101));
            harness.forget();
            expect_rest(&mut harness);
        });
    }
}

fn gave_up(code: i32) -> [Seen; 3] {
    let [state, error] = error(code);
    [state, error, Seen::ReconnectGaveUp]
}

/// Nothing happens for an hour.
#[track_caller]
fn expect_rest(harness: &mut Harness) {
    harness.advance_ms(3_600_000);
    harness.expect_nothing();
    assert_eq!(harness.client.poll_timeout(), None);
}

#[test]
fn c122_repeated_refusals_of_the_same_kind_end_the_attempts() {
    for (code, times) in [(32753, 2), (32755, 3)] {
        each_with(restoring, |mut harness| {
            harness.connect(Some("eu"));
            for attempt in 1..times {
                name_server_refuses(&mut harness, code);
                let after_ms = scheduled(&mut harness, 3101, attempt);
                goes_to_name_server(&mut harness, after_ms);
            }
            name_server_refuses(&mut harness, code);
            harness.expect(&gave_up(3101));
        });
    }
}

#[test]
fn restore_waits_out_servers_that_are_full_or_disturbed() {
    each_with(restoring, |mut harness| {
        harness.connect(Some("eu"));
        for (attempt, code) in (1..).zip([32757, 32762, -1, -3, 32743, 32744, 32745]) {
            name_server_refuses(&mut harness, code);
            let after_ms = scheduled(&mut harness, 3101, attempt);
            goes_to_name_server(&mut harness, after_ms);
        }
        name_server_accepts(&mut harness);
    });
}

#[test]
fn c124_gives_up_after_five_early_closes_that_span_two_minutes() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        // A close after a stable minute does not count.
        harness.advance_ms(60_000);
        harness.forget();
        for _ in 0..5 {
            harness.close();
            let after_ms = scheduled(&mut harness, 1003, 1);
            goes_to_front_end(&mut harness, after_ms);
            front_end_accepts(&mut harness);
            harness.advance_ms(59_999);
            harness.forget();
        }
        harness.close();
        harness.expect(&gave_up(1003));
    });
}

#[test]
fn restore_gives_up_after_the_configured_attempts() {
    let few = |config: ChatConfig| config.restore(Restore::new().attempts(2));
    each_with(few, |mut harness| {
        for round in 1..=2 {
            // A connect call begins from the first attempt.
            harness.connect(Some("eu"));
            harness.forget();
            for attempt in 1..=2 {
                harness.fail(LinkErrorKind::Refused, "nobody there");
                let after_ms = scheduled(&mut harness, 3002, attempt);
                goes_to_name_server(&mut harness, after_ms);
            }
            harness.fail(LinkErrorKind::Refused, "nobody there");
            harness.expect(&gave_up(3002));
            harness.forget();
            expect_rest(&mut harness);
            assert_eq!(harness.client.stats().reconnect_attempts, 2 * round);
        }
    });
}

#[test]
fn c121_disconnect_while_scheduled_cancels_and_changes_only_the_state() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        scheduled(&mut harness, 1003, 1);
        assert!(harness.client.check_at_rest().is_err());
        harness.client.disconnect();
        harness.pump();
        harness.expect(&[Seen::State(State::Disconnected)]);
        harness.forget();
        expect_rest(&mut harness);
        harness.client.forget_channels();
        assert_eq!(harness.client.check_at_rest(), Ok(()));
    });
}

#[test]
fn restore_disconnect_during_an_attempt_ends_it_for_good() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 1);
        goes_to_front_end(&mut harness, after_ms);
        harness.client.disconnect();
        harness.pump();
        harness.expect(&[Seen::State(State::Disconnected)]);
        harness.advance_ms(5_000);
        harness.forget();
        expect_rest(&mut harness);
    });
}

#[test]
fn c121_a_connect_call_replaces_the_schedule() {
    let calls: [Call; 3] = [
        ChatClient::reconnect,
        |client| client.connect_to_region_front_end("eu"),
        |client| client.connect_to_name_server(ConnectOptions::new().region("eu")),
    ];
    for call in calls {
        each_with(restoring, |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.close();
            scheduled(&mut harness, 1003, 1);
            assert_eq!(call(&mut harness.client), Ok(()));
            harness.pump();
            harness.forget();
            // The time of the attempt passes: there is one connection, and it goes on.
            harness.advance_ms(5_000);
            harness.expect_nothing();
            harness.fail(LinkErrorKind::Io, "");
            let seen: Vec<Seen> = harness.take_events().iter().map(Seen::from).collect();
            assert!(
                matches!(
                    seen.as_slice(),
                    [
                        Seen::State(State::Error),
                        Seen::Error(_),
                        Seen::ReconnectScheduled(1, _)
                    ] | [Seen::State(State::ConnectingToNameServer)]
                ),
                "{seen:?}"
            );
        });
    }
    // A call that is refused changes nothing.
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 1);
        harness.refused(|client| client.connect_to_region_front_end(""));
        goes_to_front_end(&mut harness, after_ms);
    });
}

#[test]
fn restore_an_application_that_connects_in_reaction_to_the_error_has_one_connection() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let link = harness.link();
        harness
            .client
            .handle_link(harness.now, link, chat_core::LinkInput::Closed);
        harness.server().gone = true;
        harness.pump_with(|client, event| {
            if matches!(event, Event::Error { .. }) {
                assert_eq!(client.connect_to_region_front_end("eu"), Ok(()));
            }
        });
        harness.forget();
        harness.complete_login();
        harness.forget();
        harness.advance_ms(10_000);
        harness.expect_nothing();
    });
}

#[test]
fn restore_another_user_logs_in_on_the_name_server() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 1);
        assert_eq!(harness.client.set_user_id("bob"), Ok(()));
        goes_to_name_server(&mut harness, after_ms);
    });
}

#[test]
fn c123_asks_for_credentials_before_it_contacts_the_name_server_again() {
    each_with(asking, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        // The kept token needs none.
        let after_ms = scheduled(&mut harness, 1003, 1);
        goes_to_front_end(&mut harness, after_ms);
        front_end_accepts(&mut harness);
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 2);
        goes_to_front_end(&mut harness, after_ms);
        harness.handshake();
        harness.forget();
        // The token has expired. The attempt ends here, and the next one begins with the answer.
        harness.respond(230, 32753, Some("expired"), &[]);
        let [state, error] = error(1101);
        harness.expect(&[state, error, Seen::CredentialsNeeded]);
        harness.forget();
        harness.advance_ms(59_999);
        harness.expect_nothing();
        harness.authentication(AuthValues::new("ticket=2"));
        assert_eq!(harness.client.state(), State::Error);
        harness.pump();
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
        harness.handshake();
        let login = harness.server().requests.pop_front().expect("a login");
        assert!(login.parameters.contains(&(216, Value::from("ticket=2"))));
        harness.accept_login();
        harness.forget();
        front_end_accepts(&mut harness);
    });
    // When the time of an attempt comes that leads to the name server.
    each_with(asking, |mut harness| {
        harness.connect(Some("eu"));
        harness.forget();
        harness.fail(LinkErrorKind::Refused, "nobody there");
        let after_ms = scheduled(&mut harness, 3002, 1);
        harness.forget();
        harness.advance_ms(after_ms);
        harness.expect(&[Seen::CredentialsNeeded]);
        harness.expect_nothing();
        assert_eq!(harness.client.stats().reconnect_attempts, 0);
        harness.authentication(AuthValues::new("ticket=2"));
        harness.pump();
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
        assert_eq!(harness.client.stats().reconnect_attempts, 1);
    });
}

#[test]
fn c123_gives_up_after_a_minute_without_credentials() {
    each_with(asking, |mut harness| {
        harness.connect(Some("eu"));
        harness.forget();
        harness.fail(LinkErrorKind::Refused, "nobody there");
        let after_ms = scheduled(&mut harness, 3002, 1);
        harness.advance_ms(after_ms);
        harness.expect(&[Seen::CredentialsNeeded]);
        exactly_after_ms(&mut harness, 60_000, &[Seen::ReconnectGaveUp]);
        // They come too late. A connect call uses them.
        harness.authentication(AuthValues::new("ticket=2"));
        harness.forget();
        expect_rest(&mut harness);
        harness.connect(Some("eu"));
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
    });
}

/// No name server can be reached, and the client asks for credentials before the next attempt.
fn until_credentials_are_needed(harness: &mut Harness) {
    harness.connect(Some("eu"));
    harness.forget();
    harness.fail(LinkErrorKind::Refused, "nobody there");
    let after_ms = scheduled(harness, 3002, 1);
    harness.advance_ms(after_ms);
    harness.expect(&[Seen::CredentialsNeeded]);
}

#[test]
fn restore_asks_for_credentials_once_whatever_the_application_calls() {
    each_with(asking, |mut harness| {
        until_credentials_are_needed(&mut harness);
        harness.advance_ms(10_000);
        harness.client.resume().unwrap();
        harness.client.network_changed().unwrap();
        harness.pump();
        harness.expect(&[]);
        // Their time goes on.
        exactly_after_ms(&mut harness, 50_000, &[Seen::ReconnectGaveUp]);
    });
}

#[test]
fn restore_asks_for_no_credentials_that_it_was_just_given() {
    each_with(asking, |mut harness| {
        until_credentials_are_needed(&mut harness);
        harness
            .client
            .set_custom_authentication(AuthValues::new("ticket=2"));
        harness.client.resume().unwrap();
        harness.pump();
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
    });
}

#[test]
fn restore_a_sleep_puts_the_end_of_waiting_for_credentials_off() {
    each_with(asking, |mut harness| {
        until_credentials_are_needed(&mut harness);
        harness.now = harness.now.plus_millis(300_000);
        harness.pump();
        harness.expect(&[]);
        harness.authentication(AuthValues::new("ticket=2"));
        harness.pump();
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
    });
}

#[test]
fn restore_disconnect_while_credentials_are_needed_cancels() {
    each_with(asking, |mut harness| {
        harness.connect(Some("eu"));
        harness.forget();
        harness.fail(LinkErrorKind::Refused, "nobody there");
        let after_ms = scheduled(&mut harness, 3002, 1);
        harness.advance_ms(after_ms);
        harness.expect(&[Seen::CredentialsNeeded]);
        harness.client.disconnect();
        harness.authentication(AuthValues::new("ticket=2"));
        harness.pump();
        harness.expect(&[Seen::State(State::Disconnected)]);
        harness.forget();
        expect_rest(&mut harness);
    });
}

#[test]
fn restore_credentials_set_in_reaction_to_the_event_continue_at_once() {
    each_with(asking, |mut harness| {
        harness.connect(Some("eu"));
        harness.forget();
        harness.fail(LinkErrorKind::Refused, "nobody there");
        let after_ms = scheduled(&mut harness, 3002, 1);
        harness.now = harness.now.plus_millis(after_ms);
        harness.pump_with(|client, event| {
            if matches!(event, Event::CredentialsNeeded) {
                client.set_custom_authentication(AuthValues::new("ticket=2"));
            }
        });
        harness.expect(&[
            Seen::CredentialsNeeded,
            Seen::State(State::ConnectingToNameServer),
        ]);
    });
}

/// The hosts to which links are opened until the next attempt is scheduled, if none can be opened.
#[track_caller]
fn tried(harness: &mut Harness) -> Vec<String> {
    let mut hosts = Vec::new();
    while harness.client.state() != State::Error {
        hosts.push(harness.server().target.host.to_string());
        harness.fail(LinkErrorKind::Refused, "nobody there");
    }
    let after_ms = match harness.take_events().last() {
        Some(Event::ReconnectScheduled { after, .. }) => after.as_millis(),
        other => panic!("{other:?}"),
    };
    harness.advance_ms(u64::try_from(after_ms).expect("a short time"));
    hosts
}

#[test]
fn restore_tries_the_addresses_in_order_and_never_an_insecure_one_after_a_secure_one() {
    let row = TABLE[9];
    let addresses = ["ws://a.example:1", "ws://b.example:2", "wss://c.example:3"];
    let config = row.configure(ChatConfig::new(addresses, APP_ID, APP_VERSION));
    let mut harness = Harness::on_row(row, restoring(config));
    harness.connect(Some("eu"));
    // Nothing was connected yet, so each attempt begins with the first.
    let all = ["a.example", "b.example", "c.example"];
    for _ in 0..3 {
        assert_eq!(tried(&mut harness), all);
    }
    for _ in 0..2 {
        harness.fail(LinkErrorKind::Refused, "nobody there");
    }
    // The secure name server is connected and lost before it assigns a front end.
    harness.handshake();
    harness.close();
    for _ in 0..3 {
        let hosts = tried(&mut harness);
        assert!(hosts.iter().all(|host| host == "c.example"), "{hosts:?}");
    }
    // With a front end it is the same, and a token that expired changes nothing.
    harness.handshake();
    harness.respond(
        230,
        0,
        None,
        &[(230, "wss://fe.example:4".into()), (221, TOKEN.into())],
    );
    harness.handshake();
    harness.respond(230, 0, None, &[]);
    harness.close();
    assert_eq!(tried(&mut harness), Vec::<String>::new());
    harness.handshake();
    harness.respond(230, 32753, None, &[]);
    for _ in 0..3 {
        assert_eq!(tried(&mut harness), ["c.example"]);
    }
    // A connect call of the application starts over.
    harness.client.disconnect();
    harness.connect(Some("eu"));
    assert_eq!(tried(&mut harness), all);
}

#[test]
fn restore_an_application_that_takes_no_events_is_not_flooded() {
    let small = |config: ChatConfig| restoring(config).event_cap_bytes(1);
    over_streams_with(small, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let link = harness.link();
        harness
            .client
            .handle_link(harness.now, link, chat_core::LinkInput::Closed);
        harness.server().gone = true;
        for _ in 0..100 {
            harness.now = harness.now.plus_millis(60_000);
            harness.client.service(harness.now);
        }
        assert_eq!(harness.client.poll_timeout(), None);
        assert_eq!(harness.client.queued_events(), 3);
        harness.pump();
        assert_eq!(harness.client.state(), State::ConnectingToFrontEnd);
    });
}

#[test]
fn restore_the_same_seed_gives_the_same_schedule() {
    each_with(restoring, |mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        let after_ms = scheduled(&mut harness, 1003, 1);
        let mut other = Harness::on_row(harness.row, restoring(harness.row.config()));
        other.go_to(State::ConnectedToFrontEnd);
        other.close();
        assert_eq!(scheduled(&mut other, 1003, 1), after_ms);
    });
}
