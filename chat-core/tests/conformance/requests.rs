//! The outcomes of requests: which response settles which request. Contract 9.

use crate::harness::{Harness, Seen, bools, each, each_with, objects, outcomes, strings};
use chat_core::{Outcome, RequestError, RequestId, ServerError, State, SubscribeOptions};

fn subscribe(harness: &mut Harness, channels: &[&str]) -> RequestId {
    let request = harness
        .client
        .subscribe(channels, &SubscribeOptions::new())
        .expect("on the front end");
    harness.pump();
    harness.server().requests.clear();
    request
}

fn unsubscribe(harness: &mut Harness, channels: &[&str]) -> RequestId {
    let request = harness
        .client
        .unsubscribe(channels)
        .expect("on the front end");
    harness.pump();
    harness.server().requests.clear();
    request
}

fn subscribed(harness: &mut Harness, channels: &[&str], accepted: &[bool]) {
    harness.raise(5, &[(0, strings(channels)), (15, bools(accepted))]);
}

fn on_front_end(test: impl Fn(Harness)) {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        test(harness);
    });
}

fn done(channel: &str, request: impl Into<Option<RequestId>>) -> Seen {
    Seen::Subscribed(outcomes(&[channel], &Outcome::Done, request.into()))
}

#[test]
fn request_ids_count_from_1_and_are_not_reused() {
    on_front_end(|mut harness| {
        assert_eq!(subscribe(&mut harness, &["a"]).number(), 1);
        assert_eq!(unsubscribe(&mut harness, &["a"]).number(), 2);
        assert_eq!(subscribe(&mut harness, &["a"]).number(), 3);
        harness.close();
        harness.go_to(State::ConnectedToFrontEnd);
        assert_eq!(subscribe(&mut harness, &["a"]).number(), 4);
    });
}

#[test]
fn an_entry_settles_the_oldest_open_request_of_its_name() {
    on_front_end(|mut harness| {
        let first = subscribe(&mut harness, &["a", "b"]);
        let second = subscribe(&mut harness, &["b", "a"]);
        subscribed(&mut harness, &["b"], &[true]);
        harness.expect(&[done("b", first)]);
        subscribed(&mut harness, &["b"], &[true]);
        harness.expect(&[done("b", second)]);
        // There was no third request.
        subscribed(&mut harness, &["b"], &[true]);
        harness.expect(&[done("b", None)]);
        subscribed(&mut harness, &["a", "a", "a"], &[true, false, true]);
        let expected = vec![
            ("a".into(), Outcome::Done, Some(first)),
            ("a".into(), Outcome::Refused, Some(second)),
            ("a".into(), Outcome::Done, None),
        ];
        harness.expect(&[Seen::Subscribed(expected)]);
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
}

#[test]
fn a_duplicate_name_is_sent_twice_and_settled_once() {
    on_front_end(|mut harness| {
        let request = harness.subscribe(&["a", "a", "b", "a"]);
        harness.pump();
        harness.expect_request(0, false, &[(0, strings(&["a", "a", "b", "a"]))]);
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", request)]);
        subscribed(&mut harness, &["a", "b"], &[true, true]);
        let expected = vec![
            ("a".into(), Outcome::Done, None),
            ("b".into(), Outcome::Done, Some(request)),
        ];
        harness.expect(&[Seen::Subscribed(expected)]);
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
}

#[test]
fn subscribe_and_unsubscribe_requests_are_settled_separately() {
    on_front_end(|mut harness| {
        let inside = subscribe(&mut harness, &["a"]);
        let outside = unsubscribe(&mut harness, &["a"]);
        harness.raise(6, &[(0, strings(&["a", "a"]))]);
        let expected = vec![
            ("a".into(), Outcome::Done, Some(outside)),
            ("a".into(), Outcome::Done, None),
        ];
        harness.expect(&[Seen::Unsubscribed(expected)]);
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", inside)]);
    });
}

/// Code 0 settles no channel: the events do.
#[test]
fn a_success_response_settles_nothing() {
    on_front_end(|mut harness| {
        let request = subscribe(&mut harness, &["a"]);
        harness.respond(0, 0, None, &[]);
        harness.expect(&[Seen::response(0, 0, "")]);
        assert!(harness.client.channel("a").is_none());
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", request)]);
    });
    // Or the timeout does.
    on_front_end(|mut harness| {
        let request = subscribe(&mut harness, &["a"]);
        harness.respond(0, 0, None, &[]);
        harness.forget();
        harness.advance_ms(15_000);
        harness.expect(&[Seen::Subscribed(outcomes(
            &["a"],
            &Outcome::TimedOut,
            Some(request),
        ))]);
    });
}

fn failed(operation: u8, code: i16, message: &str) -> Outcome {
    Outcome::Failed(Box::new(ServerError {
        operation,
        code,
        message: message.into(),
    }))
}

#[test]
fn a_failure_response_fails_the_unsettled_names_of_its_request() {
    on_front_end(|mut harness| {
        let request = subscribe(&mut harness, &["a", "b", "c"]);
        subscribed(&mut harness, &["b"], &[true]);
        harness.expect(&[done("b", request)]);
        harness.respond(0, -3, Some("no"), &[]);
        harness.expect(&[
            Seen::Subscribed(outcomes(&["a", "c"], &failed(0, -3, "no"), Some(request))),
            Seen::response(0, -3, "no"),
        ]);
        // Too late for this request.
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", None)]);
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        let request = unsubscribe(&mut harness, &["a"]);
        assert!(!harness.client.can_chat_in_channel("a"));
        harness.respond(1, 32743, None, &[]);
        harness.expect(&[
            Seen::Unsubscribed(outcomes(&["a"], &failed(1, 32743, ""), Some(request))),
            Seen::response(1, 32743, ""),
        ]);
        assert!(harness.client.can_chat_in_channel("a"));
    });
}

/// A request that failed or timed out takes no outcome of the next one.
#[test]
fn an_entry_after_a_failure_is_for_the_next_request() {
    on_front_end(|mut harness| {
        let requests = [&["a", "b"][..], &["b", "a"]].map(|names| subscribe(&mut harness, names));
        harness.respond(0, -2, None, &[]);
        harness.expect(&[
            Seen::Subscribed(outcomes(&["a", "b"], &failed(0, -2, ""), Some(requests[0]))),
            Seen::response(0, -2, ""),
        ]);
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", requests[1])]);
        subscribed(&mut harness, &["b"], &[true]);
        harness.expect(&[done("b", requests[1])]);
    });
    on_front_end(|mut harness| {
        let first = subscribe(&mut harness, &["a"]);
        harness.advance_ms(10_000);
        let second = subscribe(&mut harness, &["a"]);
        harness.advance_ms(5_000);
        harness.expect(&[Seen::Subscribed(outcomes(
            &["a"],
            &Outcome::TimedOut,
            Some(first),
        ))]);
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", second)]);
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
}

/// Responses come in request order, so each belongs to its own request.
#[test]
fn a_failure_response_fails_the_right_one_of_several_requests() {
    on_front_end(|mut harness| {
        let requests = ["a", "b", "c"].map(|name| subscribe(&mut harness, &[name]));
        harness.respond(0, 0, None, &[]);
        harness.expect(&[Seen::response(0, 0, "")]);
        harness.respond(0, -2, None, &[]);
        harness.expect(&[
            Seen::Subscribed(outcomes(&["b"], &failed(0, -2, ""), Some(requests[1]))),
            Seen::response(0, -2, ""),
        ]);
        subscribed(&mut harness, &["a", "c"], &[true, true]);
        let expected = vec![
            ("a".into(), Outcome::Done, Some(requests[0])),
            ("c".into(), Outcome::Done, Some(requests[2])),
        ];
        harness.expect(&[Seen::Subscribed(expected)]);
    });
    // Whether the previous request is settled already does not matter.
    on_front_end(|mut harness| {
        let requests = ["a", "b"].map(|name| subscribe(&mut harness, &[name]));
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", requests[0])]);
        harness.respond(0, 0, None, &[]);
        harness.respond(0, -2, None, &[]);
        harness.expect(&[
            Seen::response(0, 0, ""),
            Seen::Subscribed(outcomes(&["b"], &failed(0, -2, ""), Some(requests[1]))),
            Seen::response(0, -2, ""),
        ]);
    });
    // A server may omit success responses: a failure belongs to the oldest request that has neither
    // a response nor an outcome.
    on_front_end(|mut harness| {
        let requests = ["a", "b"].map(|name| subscribe(&mut harness, &[name]));
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", requests[0])]);
        harness.respond(0, -2, None, &[]);
        harness.expect(&[
            Seen::Subscribed(outcomes(&["b"], &failed(0, -2, ""), Some(requests[1]))),
            Seen::response(0, -2, ""),
        ]);
    });
    // Two failures.
    on_front_end(|mut harness| {
        let requests = ["a", "a"].map(|name| subscribe(&mut harness, &[name]));
        for request in requests {
            harness.respond(0, -2, None, &[]);
            harness.expect(&[
                Seen::Subscribed(outcomes(&["a"], &failed(0, -2, ""), Some(request))),
                Seen::response(0, -2, ""),
            ]);
        }
    });
}

/// Responses to other or unknown operations settle nothing.
#[test]
fn responses_without_a_request_do_no_harm() {
    on_front_end(|mut harness| {
        let request = subscribe(&mut harness, &["a"]);
        for code in [1, 2, 3, 77, 220] {
            harness.respond(code, -2, Some("what"), &[]);
            harness.expect(&[Seen::response(code, -2, "what")]);
        }
        subscribed(&mut harness, &["a"], &[true]);
        harness.expect(&[done("a", request)]);
        // One response too many for a settled request.
        for code in [0, -2, 0] {
            harness.respond(0, code, None, &[]);
            harness.expect(&[Seen::response(0, code, "")]);
        }
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    });
    // A second login response is not expected, and is no chat operation: no event.
    on_front_end(|mut harness| {
        let ignored = harness.client.stats().ignored_messages;
        harness.respond(
            230,
            0,
            None,
            &[(225, "somebody-else".into()), (221, "other".into())],
        );
        harness.respond(230, 32753, Some("expired"), &[]);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        assert_eq!(harness.client.user_id(), &"");
        assert_eq!(harness.client.stats().ignored_messages, ignored + 2);
    });
    // The same for a second response to the key exchange.
    on_front_end(|mut harness| {
        let again = harness.server().key_answer(-1, None);
        harness.deliver(&again);
        harness.expect_nothing();
        harness.join(&["a"]);
    });
}

/// chat.md 6.2: events and chat responses before the login is accepted are ignored.
#[test]
fn events_before_the_login_is_accepted_are_ignored() {
    let send_responses = |harness: &mut Harness| {
        harness.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
        harness.raise(
            0,
            &[
                (1, "a".into()),
                (4, strings(&["bob"])),
                (2, objects(&["hi".into()])),
                (8, 1.into()),
            ],
        );
        harness.raise(2, &[(5, "bob".into()), (3, "hi".into()), (8, 1.into())]);
        harness.raise(77, &[]);
        harness.respond(0, -2, Some("what"), &[]);
        harness.respond(77, 0, None, &[]);
    };
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        send_responses(&mut harness);
        harness.expect_nothing();
    });
    each(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.accept();
        send_responses(&mut harness);
        harness.send_init_response();
        send_responses(&mut harness);
        if harness.row.exchanges_keys() {
            harness.send_key_response();
        }
        harness.server().requests.clear();
        send_responses(&mut harness);
        harness.expect(&[]);
        harness.respond(230, 0, None, &[]);
        harness.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
        assert_eq!(harness.client.public_channels().count(), 0);
        assert_eq!(harness.client.private_channels().count(), 0);
        assert!(harness.client.channel("a").is_none());
    });
    // A response to a login that was not sent yet.
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        harness.accept_login();
        harness.respond(230, 32767, None, &[]);
        harness.expect_nothing();
        harness
            .client
            .connect_to_region_front_end("eu")
            .expect("a region can be chosen");
        harness.accept_login();
        harness.expect(&[
            Seen::authenticated(""),
            Seen::State(State::ConnectingToFrontEnd),
        ]);
    });
}

/// Contract 5: the limit counts encoded bytes, and a rejected call changes nothing.
#[test]
fn a_full_queue_and_an_overlong_message_are_different_errors() {
    each_with(
        |config| config.outgoing_cap_bytes(10_000),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            let publish = |client: &mut chat_core::ChatClient, bytes: usize| {
                client.publish_message(
                    "a",
                    &"x".repeat(bytes)[..],
                    &chat_core::PublishOptions::new(),
                )
            };
            assert_eq!(
                harness.refused(|client| publish(client, 10_000)),
                RequestError::TooLong { max_bytes: 10_000 }
            );
            harness.writable = false;
            assert!(publish(&mut harness.client, 9_900).is_ok());
            harness.pump();
            assert_eq!(
                harness.refused(|client| publish(client, 100)),
                RequestError::QueueFull
            );
            let subscribe = |client: &mut chat_core::ChatClient| {
                client.subscribe(["b".repeat(100)], &SubscribeOptions::new())
            };
            assert_eq!(harness.refused(subscribe), RequestError::QueueFull);
            harness.writable = true;
            harness.pump();
            assert_eq!(harness.server().requests.len(), 1);
            assert!(publish(&mut harness.client, 100).is_ok());
        },
    );
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let content = vec![0_u8; 512_001];
        let publish = |client: &mut chat_core::ChatClient| {
            client.publish_message("a", &content, &chat_core::PublishOptions::new())
        };
        assert_eq!(
            harness.refused(publish),
            RequestError::TooLong { max_bytes: 512_000 }
        );
    });
}
