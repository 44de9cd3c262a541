//! What becomes of requests: which answer settles which, and what settles none. contract 9.

use crate::rig::{Rig, Seen, bools, each, each_with, objects, outcomes, strings};
use chat_core::{Outcome, RequestError, RequestId, ServerError, State, SubscribeOptions};

fn subscribe(rig: &mut Rig, channels: &[&str]) -> RequestId {
    let request = rig
        .client
        .subscribe(channels, &SubscribeOptions::new())
        .expect("on the front end");
    rig.pump();
    rig.server().requests.clear();
    request
}

fn unsubscribe(rig: &mut Rig, channels: &[&str]) -> RequestId {
    let request = rig.client.unsubscribe(channels).expect("on the front end");
    rig.pump();
    rig.server().requests.clear();
    request
}

fn subscribed(rig: &mut Rig, channels: &[&str], accepted: &[bool]) {
    rig.raise(5, &[(0, strings(channels)), (15, bools(accepted))]);
}

fn on_front_end(test: impl Fn(Rig)) {
    each(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        test(rig);
    });
}

fn done(channel: &str, request: impl Into<Option<RequestId>>) -> Seen {
    Seen::Subscribed(outcomes(&[channel], &Outcome::Done, request.into()))
}

#[test]
fn request_ids_count_from_1_and_are_not_reused() {
    on_front_end(|mut rig| {
        assert_eq!(subscribe(&mut rig, &["a"]).number(), 1);
        assert_eq!(unsubscribe(&mut rig, &["a"]).number(), 2);
        assert_eq!(subscribe(&mut rig, &["a"]).number(), 3);
        rig.close();
        rig.go_to(State::ConnectedToFrontEnd);
        assert_eq!(subscribe(&mut rig, &["a"]).number(), 4);
    });
}

#[test]
fn an_entry_settles_the_oldest_open_request_of_its_name() {
    on_front_end(|mut rig| {
        let first = subscribe(&mut rig, &["a", "b"]);
        let second = subscribe(&mut rig, &["b", "a"]);
        subscribed(&mut rig, &["b"], &[true]);
        rig.expect(&[done("b", first)]);
        subscribed(&mut rig, &["b"], &[true]);
        rig.expect(&[done("b", second)]);
        // Nobody asked a third time.
        subscribed(&mut rig, &["b"], &[true]);
        rig.expect(&[done("b", None)]);
        subscribed(&mut rig, &["a", "a", "a"], &[true, false, true]);
        let expected = vec![
            ("a".into(), Outcome::Done, Some(first)),
            ("a".into(), Outcome::Refused, Some(second)),
            ("a".into(), Outcome::Done, None),
        ];
        rig.expect(&[Seen::Subscribed(expected)]);
        rig.advance_ms(60_000);
        rig.expect(&[]);
    });
}

#[test]
fn a_name_that_is_given_twice_is_sent_twice_and_settled_once() {
    on_front_end(|mut rig| {
        let request = rig
            .client
            .subscribe(["a", "a", "b", "a"], &SubscribeOptions::new())
            .expect("on the front end");
        rig.pump();
        rig.expect_request(0, false, &[(0, strings(&["a", "a", "b", "a"]))]);
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", request)]);
        subscribed(&mut rig, &["a", "b"], &[true, true]);
        let expected = vec![
            ("a".into(), Outcome::Done, None),
            ("b".into(), Outcome::Done, Some(request)),
        ];
        rig.expect(&[Seen::Subscribed(expected)]);
        rig.advance_ms(60_000);
        rig.expect(&[]);
    });
}

#[test]
fn subscribing_and_unsubscribing_are_settled_apart() {
    on_front_end(|mut rig| {
        let inside = subscribe(&mut rig, &["a"]);
        let outside = unsubscribe(&mut rig, &["a"]);
        rig.raise(6, &[(0, strings(&["a", "a"]))]);
        let expected = vec![
            ("a".into(), Outcome::Done, Some(outside)),
            ("a".into(), Outcome::Done, None),
        ];
        rig.expect(&[Seen::Unsubscribed(expected)]);
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", inside)]);
    });
}

/// Code 0 says nothing about a channel: the events do.
#[test]
fn a_response_of_success_settles_nothing() {
    on_front_end(|mut rig| {
        let request = subscribe(&mut rig, &["a"]);
        rig.respond(0, 0, None, &[]);
        rig.expect(&[Seen::response(0, 0, "")]);
        assert!(rig.client.channel("a").is_none());
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", request)]);
    });
    // Or the time does.
    on_front_end(|mut rig| {
        let request = subscribe(&mut rig, &["a"]);
        rig.respond(0, 0, None, &[]);
        rig.forget();
        rig.advance_ms(15_000);
        rig.expect(&[Seen::Subscribed(outcomes(
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
fn a_response_of_failure_fails_what_is_unsettled_of_its_request() {
    on_front_end(|mut rig| {
        let request = subscribe(&mut rig, &["a", "b", "c"]);
        subscribed(&mut rig, &["b"], &[true]);
        rig.expect(&[done("b", request)]);
        rig.respond(0, -3, Some("no"), &[]);
        rig.expect(&[
            Seen::Subscribed(outcomes(&["a", "c"], &failed(0, -3, "no"), Some(request))),
            Seen::response(0, -3, "no"),
        ]);
        // Too late for that request.
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", None)]);
        rig.advance_ms(60_000);
        rig.expect(&[]);
    });
    on_front_end(|mut rig| {
        rig.join(&["a"]);
        let request = unsubscribe(&mut rig, &["a"]);
        assert!(!rig.client.can_chat_in_channel("a"));
        rig.respond(1, 32743, None, &[]);
        rig.expect(&[
            Seen::Unsubscribed(outcomes(&["a"], &failed(1, 32743, ""), Some(request))),
            Seen::response(1, 32743, ""),
        ]);
        assert!(rig.client.can_chat_in_channel("a"));
    });
}

/// A request that has failed, or timed out, takes nothing from the next one.
#[test]
fn an_entry_after_a_failure_is_for_the_next_request() {
    on_front_end(|mut rig| {
        let requests = [&["a", "b"][..], &["b", "a"]].map(|names| subscribe(&mut rig, names));
        rig.respond(0, -2, None, &[]);
        rig.expect(&[
            Seen::Subscribed(outcomes(&["a", "b"], &failed(0, -2, ""), Some(requests[0]))),
            Seen::response(0, -2, ""),
        ]);
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", requests[1])]);
        subscribed(&mut rig, &["b"], &[true]);
        rig.expect(&[done("b", requests[1])]);
    });
    on_front_end(|mut rig| {
        let first = subscribe(&mut rig, &["a"]);
        rig.advance_ms(10_000);
        let second = subscribe(&mut rig, &["a"]);
        rig.advance_ms(5_000);
        rig.expect(&[Seen::Subscribed(outcomes(
            &["a"],
            &Outcome::TimedOut,
            Some(first),
        ))]);
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", second)]);
        rig.advance_ms(60_000);
        rig.expect(&[]);
    });
}

/// Responses come in request order, so each finds its own.
#[test]
fn a_response_of_failure_finds_the_right_one_of_several_requests() {
    on_front_end(|mut rig| {
        let requests = ["a", "b", "c"].map(|name| subscribe(&mut rig, &[name]));
        rig.respond(0, 0, None, &[]);
        rig.expect(&[Seen::response(0, 0, "")]);
        rig.respond(0, -2, None, &[]);
        rig.expect(&[
            Seen::Subscribed(outcomes(&["b"], &failed(0, -2, ""), Some(requests[1]))),
            Seen::response(0, -2, ""),
        ]);
        subscribed(&mut rig, &["a", "c"], &[true, true]);
        let expected = vec![
            ("a".into(), Outcome::Done, Some(requests[0])),
            ("c".into(), Outcome::Done, Some(requests[2])),
        ];
        rig.expect(&[Seen::Subscribed(expected)]);
    });
    // Whether the one before was settled already does not matter.
    on_front_end(|mut rig| {
        let requests = ["a", "b"].map(|name| subscribe(&mut rig, &[name]));
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", requests[0])]);
        rig.respond(0, 0, None, &[]);
        rig.respond(0, -2, None, &[]);
        rig.expect(&[
            Seen::response(0, 0, ""),
            Seen::Subscribed(outcomes(&["b"], &failed(0, -2, ""), Some(requests[1]))),
            Seen::response(0, -2, ""),
        ]);
    });
    // A server that leaves out responses of success: a failure is for the oldest that is neither answered nor settled.
    on_front_end(|mut rig| {
        let requests = ["a", "b"].map(|name| subscribe(&mut rig, &[name]));
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", requests[0])]);
        rig.respond(0, -2, None, &[]);
        rig.expect(&[
            Seen::Subscribed(outcomes(&["b"], &failed(0, -2, ""), Some(requests[1]))),
            Seen::response(0, -2, ""),
        ]);
    });
    // Two failures.
    on_front_end(|mut rig| {
        let requests = ["a", "a"].map(|name| subscribe(&mut rig, &[name]));
        for request in requests {
            rig.respond(0, -2, None, &[]);
            rig.expect(&[
                Seen::Subscribed(outcomes(&["a"], &failed(0, -2, ""), Some(request))),
                Seen::response(0, -2, ""),
            ]);
        }
    });
}

/// Responses of other operations, or of none that is known, settle nothing.
#[test]
fn responses_that_belong_to_nothing_do_no_harm() {
    on_front_end(|mut rig| {
        let request = subscribe(&mut rig, &["a"]);
        for code in [1, 2, 3, 77, 220] {
            rig.respond(code, -2, Some("what"), &[]);
            rig.expect(&[Seen::response(code, -2, "what")]);
        }
        subscribed(&mut rig, &["a"], &[true]);
        rig.expect(&[done("a", request)]);
        // The responses to a request that is settled, one too many.
        for code in [0, -2, 0] {
            rig.respond(0, code, None, &[]);
            rig.expect(&[Seen::response(0, code, "")]);
        }
        assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);
    });
    // A second answer to a login is none any more, and no chat operation: nothing is told.
    on_front_end(|mut rig| {
        let ignored = rig.client.stats().ignored_messages;
        rig.respond(
            230,
            0,
            None,
            &[(225, "somebody-else".into()), (221, "other".into())],
        );
        rig.respond(230, 32753, Some("expired"), &[]);
        rig.expect_nothing();
        assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);
        assert_eq!(rig.client.user_id(), &"");
        assert_eq!(rig.client.stats().ignored_messages, ignored + 2);
    });
    // A second answer to the key exchange neither.
    on_front_end(|mut rig| {
        let again = rig.server().key_answer(-1, None);
        rig.deliver(&again);
        rig.expect_nothing();
        rig.join(&["a"]);
    });
}

/// chat.md 6.2: events and chat responses before the login is accepted are nothing.
#[test]
fn nothing_counts_before_the_login_is_accepted() {
    let speak = |rig: &mut Rig| {
        rig.raise(5, &[(0, strings(&["a"])), (15, bools(&[true]))]);
        rig.raise(
            0,
            &[
                (1, "a".into()),
                (4, strings(&["bob"])),
                (2, objects(&["hi".into()])),
                (8, 1.into()),
            ],
        );
        rig.raise(2, &[(5, "bob".into()), (3, "hi".into()), (8, 1.into())]);
        rig.raise(77, &[]);
        rig.respond(0, -2, Some("what"), &[]);
        rig.respond(77, 0, None, &[]);
    };
    each(|mut rig| {
        rig.go_to(State::ConnectedToNameServer);
        speak(&mut rig);
        rig.expect_nothing();
    });
    each(|mut rig| {
        rig.go_to(State::ConnectingToFrontEnd);
        rig.accept();
        speak(&mut rig);
        rig.greet();
        speak(&mut rig);
        if rig.over.exchanges_keys() {
            rig.agree();
        }
        rig.server().requests.clear();
        speak(&mut rig);
        rig.expect(&[]);
        rig.respond(230, 0, None, &[]);
        rig.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
        assert_eq!(rig.client.public_channels().count(), 0);
        assert_eq!(rig.client.private_channels().count(), 0);
        assert!(rig.client.channel("a").is_none());
    });
    // An answer to a login that was not sent yet.
    each(|mut rig| {
        rig.go_to(State::ConnectedToNameServer);
        rig.accept_login();
        rig.respond(230, 32767, None, &[]);
        rig.expect_nothing();
        rig.client
            .connect_to_region_front_end("eu")
            .expect("may go on");
        rig.accept_login();
        rig.expect(&[
            Seen::authenticated(""),
            Seen::State(State::ConnectingToFrontEnd),
        ]);
    });
}

/// contract 5: by encoded bytes, and nothing changes.
#[test]
fn a_full_queue_refuses_and_an_overlong_message_is_another_error() {
    each_with(
        |config| config.outgoing_cap_bytes(10_000),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            let publish = |client: &mut chat_core::ChatClient, bytes: usize| {
                client.publish_message(
                    "a",
                    &"x".repeat(bytes)[..],
                    &chat_core::PublishOptions::new(),
                )
            };
            assert_eq!(
                rig.refused(|client| publish(client, 10_000)),
                RequestError::TooLong { max_bytes: 10_000 }
            );
            rig.writable = false;
            assert_eq!(publish(&mut rig.client, 9_900), Ok(()));
            rig.pump();
            assert_eq!(
                rig.refused(|client| publish(client, 100)),
                RequestError::QueueFull
            );
            let subscribe = |client: &mut chat_core::ChatClient| {
                client.subscribe(["b".repeat(100)], &SubscribeOptions::new())
            };
            assert_eq!(rig.refused(subscribe), RequestError::QueueFull);
            rig.writable = true;
            rig.pump();
            assert_eq!(rig.server().requests.len(), 1);
            assert_eq!(publish(&mut rig.client, 100), Ok(()));
        },
    );
    each(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let content = vec![0_u8; 512_001];
        let publish = |client: &mut chat_core::ChatClient| {
            client.publish_message("a", &content, &chat_core::PublishOptions::new())
        };
        assert_eq!(
            rig.refused(publish),
            RequestError::TooLong { max_bytes: 512_000 }
        );
    });
}
