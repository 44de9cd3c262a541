//! Items 110 to 115, and the secrets that logs must not contain.

use crate::harness::{
    FRONT_END, Harness, Line, Seen, TOKEN, bools, each, each_with, not_in_json, objects, outcomes,
    strings,
};
use chat_core::{
    AuthValues, ChannelOutcome, ChatClient, DisconnectCause, Event, LinkInput, Listener, Messages,
    Outcome, PeerErrorCode, PrivateOptions, PublishOptions, State, Value, dispatch,
};
use log::{Level, LevelFilter};

fn on_front_end(test: impl Fn(Harness)) {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        test(harness);
    });
}

#[test]
fn c110_unknown_events_are_reported_and_unknown_parameters_ignored() {
    on_front_end(|mut harness| {
        let parameters = vec![
            (7, Value::Byte(7)),
            (245, objects(&["x".into(), Value::Null])),
            (0, "y".into()),
        ];
        for code in [77, 1, 3, 255] {
            harness.raise(code, &parameters);
            harness.expect(&[Seen::Other {
                code,
                parameters: parameters.clone(),
            }]);
        }
        harness.raise(77, &[]);
        harness.expect(&[Seen::Other {
            code: 77,
            parameters: vec![],
        }]);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    });
    // Unknown parameters, in every known message.
    each(|mut harness| {
        let unknown = [
            (99, Value::Long(1)),
            (201, objects(&[Value::Null])),
            (7, "x".into()),
        ];
        let with = |known: &[(u8, Value)]| [&unknown[..1], known, &unknown[1..]].concat();
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.get_regions(), Ok(()));
        harness.respond(
            220,
            0,
            None,
            &with(&[(210, strings(&["eu"])), (230, strings(&["a"]))]),
        );
        harness.expect(&[Seen::Regions(Ok(vec![("eu".into(), "a".into())]))]);
        harness
            .client
            .connect_to_region_front_end("eu")
            .expect("a region can be chosen");
        harness.respond(
            230,
            0,
            None,
            &with(&[(230, FRONT_END.into()), (221, TOKEN.into())]),
        );
        harness.expect(&[
            Seen::authenticated(""),
            Seen::State(State::ConnectingToFrontEnd),
        ]);
        harness.handshake();
        harness.respond(230, 0, None, &with(&[]));
        harness.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
        harness.raise(5, &with(&[(0, strings(&["a"])), (15, bools(&[true]))]));
        harness.expect(&[Seen::Subscribed(outcomes(&["a"], &Outcome::Done, None))]);
        harness.raise(
            0,
            &with(&[
                (1, "a".into()),
                (4, strings(&["bob"])),
                (2, objects(&["hi".into()])),
                (8, 1.into()),
            ]),
        );
        harness.expect(&[Seen::messages("a", [Line::new("bob", "hi", Some(1))])]);
        harness.raise(
            2,
            &with(&[(5, "bob".into()), (3, "hi".into()), (8, 1.into())]),
        );
        harness.expect(&[Seen::private("bob", Line::new("bob", "hi", Some(1)))]);
        harness.raise(6, &with(&[(0, strings(&["a"]))]));
        harness.expect(&[Seen::Unsubscribed(outcomes(&["a"], &Outcome::Done, None))]);
    });
}

/// Known events in valid messages, with wrong or missing parameters.
fn malformed() -> Vec<(u8, Vec<(u8, Value)>)> {
    let (channel, senders) = ((1, Value::from("a")), (4, strings(&["bob"])));
    let (messages, id) = ((2, objects(&["hi".into()])), (8, Value::Int(9)));
    vec![
        (0, vec![]),
        (0, vec![senders.clone(), messages.clone(), id.clone()]),
        (0, vec![channel.clone(), messages.clone(), id.clone()]),
        (0, vec![channel.clone(), senders.clone(), id.clone()]),
        (
            0,
            vec![
                (1, Value::Int(1)),
                senders.clone(),
                messages.clone(),
                id.clone(),
            ],
        ),
        (
            0,
            vec![
                channel.clone(),
                (4, "bob".into()),
                messages.clone(),
                id.clone(),
            ],
        ),
        (0, vec![channel, senders, (2, "hi".into()), id]),
        (2, vec![]),
        (2, vec![(3, "hi".into()), (8, Value::Int(9))]),
        (2, vec![(5, "bob".into()), (8, Value::Int(9))]),
        (
            2,
            vec![(5, Value::Null), (3, "hi".into()), (8, Value::Int(9))],
        ),
        (
            2,
            vec![
                (5, "bob".into()),
                (3, "hi".into()),
                (225, Value::Int(1)),
                (8, Value::Int(9)),
            ],
        ),
        (5, vec![]),
        (5, vec![(15, bools(&[true]))]),
        (5, vec![(0, "b".into()), (15, bools(&[true]))]),
        (6, vec![]),
        (6, vec![(0, Value::Null)]),
        (6, vec![(0, "a".into())]),
    ]
}

#[test]
fn c111_a_malformed_known_event_is_dropped_with_a_log_line() {
    on_front_end(|mut harness| {
        harness.join(&["a"]);
        let request = harness.subscribe(&["b"]);
        harness.pump();
        harness.forget();
        for (count, (code, parameters)) in (1_u64..).zip(malformed()) {
            let warned = |level: &Level, line: &str| {
                *level == Level::Warn && line.contains(&format!("event {code}"))
            };
            let lines = crate::harness::log_lines().len();
            harness.raise(code, &parameters);
            harness.expect_nothing();
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
            assert_eq!(
                harness.client.stats().malformed_events,
                count,
                "{code}: {parameters:?}"
            );
            let logged = crate::harness::log_lines().split_off(lines);
            assert!(
                matches!(logged.as_slice(), [(level, line)] if warned(level, line)),
                "{logged:?}"
            );
        }
        // Nothing was changed, and the connection continues.
        let channel = harness.client.channel("a").expect("still there");
        assert_eq!(
            (
                channel.last_id(),
                channel.cached_messages(),
                channel.is_subscribed()
            ),
            (0, 0, true)
        );
        assert_eq!(harness.client.private_channels().count(), 0);
        harness.raise(
            0,
            &[
                (1, "a".into()),
                (4, strings(&["bob"])),
                (2, objects(&["hi".into()])),
                (8, 1.into()),
            ],
        );
        harness.expect(&[Seen::messages("a", [Line::new("bob", "hi", Some(1))])]);
        harness.raise(5, &[(0, strings(&["b"])), (15, bools(&[true]))]);
        harness.expect(&[Seen::Subscribed(outcomes(
            &["b"],
            &Outcome::Done,
            Some(request),
        ))]);
    });
    // Only up to the configured log level. chat.md 1.12
    for (level, lines) in [
        (LevelFilter::Off, 0),
        (LevelFilter::Error, 0),
        (LevelFilter::Warn, 1),
        (LevelFilter::Info, 1),
        (LevelFilter::Debug, 1),
        (LevelFilter::Trace, 1),
    ] {
        on_front_end(|mut harness| {
            harness.client.set_log_level(level);
            let before = crate::harness::log_lines().len();
            harness.raise(0, &[]);
            assert_eq!(crate::harness::log_lines().len(), before + lines, "{level}");
        });
    }
    // An event that cannot be decoded is reported and has no other effect. For JSON see `endings`.
    not_in_json(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.join(&["a"]);
        let event = harness.event(
            0,
            &[
                (1, "a".into()),
                (4, strings(&["bob"])),
                (2, objects(&["hi".into()])),
            ],
        );
        let message = event.get(7..).expect("behind the frame header");
        for cut in 3..message.len() {
            harness.deliver_message(message.get(..cut).expect("inside"));
            harness.expect(&[Seen::BadMessage("Truncated")]);
            harness.expect_nothing();
        }
        harness.deliver_message(message);
        harness.expect(&[Seen::messages("a", [Line::new("bob", "hi", None)])]);
        // wire.md 10: surplus bytes are ignored.
        let surplus = harness.client.stats().surplus_bytes;
        harness.deliver_message(&[message, &[1, 2, 3]].concat());
        harness.expect(&[Seen::messages("a", [Line::new("bob", "hi", None)])]);
        assert_eq!(harness.client.stats().surplus_bytes, surplus + 3);
    });
}

/// chat.md 4.10 and wire.md 1.1: a chat client does not use raw messages and bare values.
#[test]
fn raw_messages_and_bare_values_are_counted_and_dropped() {
    // JSON has neither.
    not_in_json(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let before = harness.client.stats();
        harness.deliver_message(&[0xF3, 9, 1, 2, 3]);
        harness.deliver_message(&[0xF3, 9]);
        harness.expect_nothing();
        assert_eq!(harness.client.stats().raw_messages, before.raw_messages + 2);
        let value = photon_proto::codec::encode_value(
            harness.protocol(),
            &photon_proto::Limits::DEFAULT,
            &7_i32,
        );
        harness.deliver_message(&[&[0xF3, 8], &value.expect("an int")[..]].concat());
        harness.expect_nothing();
        let after = harness.client.stats();
        assert_eq!(
            (after.ignored_messages, after.bad_messages),
            (before.ignored_messages + 1, before.bad_messages)
        );
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    });
}

#[test]
fn c112_every_response_to_a_chat_operation_is_reported_with_its_code() {
    on_front_end(|mut harness| {
        for code in 0..=8 {
            for return_code in [-2, -1, 1, 32743, i16::MIN] {
                harness.respond(code, return_code, Some("because"), &[]);
                harness.expect(&[Seen::response(code, return_code, "because")]);
            }
        }
        let parameters = vec![(1, Value::from("a")), (3, Value::Int(7))];
        harness.respond(2, -3, None, &parameters);
        harness.expect(&[Seen::Response {
            operation: 2,
            return_code: -3,
            message: String::new(),
            parameters,
        }]);
        harness.respond(2, 0, None, &[]);
        harness.expect(&[Seen::response(2, 0, "")]);
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        // chat.md 10, R15: the log suggests that the app id is of another kind.
        let hints = crate::harness::log_lines()
            .iter()
            .filter(|(_, line)| line.contains("app id"))
            .count();
        assert_eq!(hints, 9);
    });
}

/// Calls the client in some callbacks, and records the order of all callbacks.
#[derive(Default)]
struct Nested {
    order: Vec<String>,
    depth: u32,
}

impl Nested {
    /// Records the begin and the end of a callback; no other callback may run in between.
    fn note(&mut self, what: String, act: impl FnOnce()) {
        assert_eq!(self.depth, 0, "a callback inside a callback");
        self.depth += 1;
        self.order.push(format!("{what} begins"));
        act();
        self.order.push(format!("{what} ends"));
        self.depth -= 1;
    }
}

impl Listener for Nested {
    fn on_state_change(&mut self, chat: &mut ChatClient, _from: State, to: State) {
        self.note(format!("state {}", to.code()), || match to {
            State::ConnectedToFrontEnd => {
                chat.disconnect();
                assert_eq!(chat.state(), State::Disconnected);
                chat.connect_to_region_front_end("eu")
                    .expect("from state 10");
            }
            State::ConnectingToNameServer => chat.disconnect(),
            _ => {}
        });
    }
}

#[test]
fn c113_events_caused_inside_a_callback_follow_the_current_one_in_order() {
    let expected = [
        "state 4 begins",
        "state 4 ends",
        "state 10 begins",
        "state 10 ends",
        "state 1 begins",
        "state 1 ends",
        "state 10 begins",
        "state 10 ends",
    ];
    // Events taken one by one.
    each(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.handshake();
        let (link, answer) = (harness.link(), harness.response(230, 0, None, &[]));
        harness.deliver_without_pump(link, &answer);
        let mut listener = Nested::default();
        harness.pump_with(|client, event| event.deliver(client, &mut listener));
        assert_eq!(listener.order, expected);
    });
    // All queued events, then the events that their callbacks caused.
    each(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.handshake();
        let (link, answer) = (harness.link(), harness.response(230, 0, None, &[]));
        harness.deliver_without_pump(link, &answer);
        let _serviced = harness.client.service(harness.now);
        let mut listener = Nested::default();
        dispatch(&mut harness.client, &mut listener);
        assert_eq!(listener.order, &expected[..2]);
        dispatch(&mut harness.client, &mut listener);
        assert_eq!(listener.order, &expected[..6]);
        dispatch(&mut harness.client, &mut listener);
        assert_eq!(listener.order, expected);
    });
}

/// Subscribes as soon as the client is logged in.
#[derive(Default)]
struct Eager {
    subscribed: Vec<String>,
    messages: usize,
}

impl Listener for Eager {
    fn on_state_change(&mut self, chat: &mut ChatClient, _from: State, to: State) {
        if to == State::ConnectedToFrontEnd {
            chat.subscribe(["lobby"], &20.into()).expect("in state 4");
        }
    }

    fn on_subscribe_result(&mut self, chat: &mut ChatClient, channels: &[ChannelOutcome]) {
        for one in channels {
            self.subscribed.push(one.channel.to_string());
            chat.publish_message(&one.channel, "hello", &PublishOptions::new())
                .expect("in state 4");
        }
    }

    fn on_chat_messages(
        &mut self,
        _chat: &mut ChatClient,
        _channel: &chat_core::Text,
        messages: &Messages,
    ) {
        self.messages += messages.len();
    }

    fn on_error(
        &mut self,
        _chat: &mut ChatClient,
        code: PeerErrorCode,
        cause: &DisconnectCause,
        _message: &str,
    ) {
        panic!("{code:?} {cause:?}");
    }
}

#[test]
fn c114_subscribe_inside_the_change_to_state_4_is_sent() {
    each(|mut harness| {
        let mut listener = Eager::default();
        harness.go_to(State::ConnectingToFrontEnd);
        harness.handshake();
        harness.forget();
        let (link, answer) = (harness.link(), harness.response(230, 0, None, &[]));
        harness.deliver_without_pump(link, &answer);
        harness.pump_with(|client, event| event.deliver(client, &mut listener));
        harness.expect_request(0, false, &[(0, strings(&["lobby"])), (14, Value::Int(20))]);
        let event = harness.event(5, &[(0, strings(&["lobby"])), (15, bools(&[true]))]);
        harness.deliver_without_pump(link, &event);
        harness.pump_with(|client, event| event.deliver(client, &mut listener));
        assert_eq!(listener.subscribed, ["lobby"]);
        harness.expect_request(2, false, &[(1, "lobby".into()), (3, "hello".into())]);
        // The request has its deadline, although the call that made it passed no time.
        harness.forget();
        harness.advance_ms(60_000);
        harness.expect(&[]);
    });
}

#[test]
fn c115_the_assigned_user_id_identifies_own_messages_and_survives_a_reconnect() {
    each_with(
        |config| config.user_id("alice"),
        |mut harness| {
            harness.connect(Some("eu"));
            harness.handshake();
            harness.respond(
                230,
                0,
                None,
                &[
                    (230, FRONT_END.into()),
                    (221, TOKEN.into()),
                    (225, "user-7".into()),
                ],
            );
            harness.handshake();
            harness.respond(230, 0, None, &[]);
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
            harness.forget();
            // The assigned id is now the user's own, and the configured one is any other user's.
            let event = |sender: &str, target: &str, id| {
                [
                    (5, sender.into()),
                    (225, target.into()),
                    (3, "hi".into()),
                    (8, Value::Int(id)),
                ]
            };
            harness.raise(2, &event("user-7", "bob", 1));
            harness.expect(&[Seen::private("bob", Line::new("user-7", "hi", Some(1)))]);
            harness.raise(2, &event("alice", "user-7", 1));
            harness.expect(&[Seen::private("alice", Line::new("alice", "hi", Some(1)))]);
            for (id, end) in [
                (2, Harness::close as fn(&mut Harness)),
                (3, |harness: &mut Harness| harness.client.disconnect()),
            ] {
                end(&mut harness);
                assert_eq!(harness.client.user_id(), &"user-7");
                harness.connect(Some("eu"));
                harness.handshake();
                let sent = harness.server().requests.pop_front().expect("the login");
                assert!(
                    sent.parameters.contains(&(225, "user-7".into())),
                    "{sent:?}"
                );
                harness.accept_login();
                harness.handshake();
                harness.respond(230, 0, None, &[]);
                harness.forget();
                harness.raise(2, &event("user-7", "bob", id));
                harness.expect(&[Seen::private("bob", Line::new("user-7", "hi", Some(id)))]);
            }
        },
    );
}

#[test]
fn sound16_the_log_shows_states_requests_responses_and_events() {
    each_with(
        |config| config.user_id("alice"),
        |mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.join(&["a"]);
            harness.publish("a", "hi");
            harness.pump();
            harness.respond(2, 0, None, &[]);
            harness.respond(2, -3, Some("alice is not in a"), &[]);
            let (senders, texts) = (strings(&["alice"]), objects(&["hi".into()]));
            harness.raise(
                0,
                &[(1, "a".into()), (4, senders), (2, texts), (8, 1.into())],
            );
            harness.raise(77, &[]);
            harness.close();
            let lines = crate::harness::log_lines();
            for (level, expected) in [
                (
                    Level::Info,
                    "ConnectingToNameServer -> ConnectedToNameServer",
                ),
                (Level::Debug, "request Authenticate (230)"),
                (Level::Debug, "response to Authenticate (230): Ok (0)"),
                (Level::Info, "ConnectingToFrontEnd -> ConnectedToFrontEnd"),
                (Level::Debug, "request Subscribe (0)"),
                (Level::Debug, "event Subscribe (5)"),
                (Level::Debug, "request Publish (2)"),
                (Level::Debug, "response to Publish (2): Ok (0)"),
                (
                    Level::Debug,
                    "response to Publish (2): OperationNotAllowedInCurrentState (-3)",
                ),
                (Level::Debug, "event ChatMessages (0)"),
                (Level::Debug, "event unknown (77)"),
                (Level::Info, "ConnectedToFrontEnd -> Error"),
            ] {
                let logged = |(at, line): &(Level, String)| *at == level && line == expected;
                assert!(
                    lines.iter().any(logged),
                    "{expected:?} is not in {lines:#?}"
                );
            }
        },
    );
}

/// Message text, tokens, keys and user ids never reach a log above `trace`.
#[test]
fn secrets_stay_out_of_logs() {
    let secrets = [
        "user-of-the-log",
        "secret-parameters",
        "secret-data",
        TOKEN,
        "secret-text",
        "other-user",
    ];
    let check_secrets = |harness: &Harness| {
        let logged = crate::harness::log_lines();
        assert!(logged.len() > 5, "{logged:?}");
        for (level, line) in &logged {
            for secret in secrets {
                assert!(
                    *level == Level::Trace || !line.contains(secret),
                    "{level} {line}"
                );
            }
        }
        for secret in &secrets[1..4] {
            assert!(
                !format!("{:?}", harness.client).contains(secret),
                "{secret} is printed"
            );
        }
    };
    let authentication = AuthValues::new("secret-parameters").data("secret-data");
    each_with(
        |config| {
            config
                .user_id("user-of-the-log")
                .authentication(authentication.clone())
        },
        |mut harness| {
            harness.connect(Some("eu"));
            harness.handshake();
            harness.accept_login();
            harness.handshake();
            harness.respond(230, 0, None, &[]);
            harness.forget();
            harness.join(&["a"]);
            harness.publish("a", "secret-text");
            harness
                .client
                .send_private_message(
                    "other-user",
                    "secret-text",
                    &PrivateOptions::new().encrypt(true),
                )
                .expect("on the front end");
            harness.pump();
            let (senders, texts) = (strings(&["other-user"]), objects(&["secret-text".into()]));
            harness.raise(
                0,
                &[(1, "a".into()), (4, senders.clone()), (2, texts.clone())],
            );
            harness.raise(
                0,
                &[
                    (1, "unknown".into()),
                    (4, senders.clone()),
                    (2, texts.clone()),
                ],
            );
            harness.raise(0, &[(4, senders), (2, texts)]);
            harness.raise(
                2,
                &[
                    (5, "other-user".into()),
                    (225, "user-of-the-log".into()),
                    (3, "secret-text".into()),
                ],
            );
            harness.raise(2, &[(225, "other-user".into()), (3, "secret-text".into())]);
            let event = harness.event(2, &[(5, "other-user".into()), (3, "secret-text".into())]);
            if harness.row.json {
                let (link, most) = (
                    harness.link(),
                    br#"~m~99~m~~j~{"evt":2,"vals":[5,"other-user",3,"secret-text"#,
                );
                harness.input(link, LinkInput::Received(most));
            } else {
                harness.deliver_message(event.get(7..event.len() - 1).expect("most of it"));
            }
            harness.respond(
                3,
                -2,
                None,
                &[(225, "other-user".into()), (3, "secret-text".into())],
            );
            harness.close();
            assert!(matches!(
                harness.take_events().last(),
                Some(Event::Error { .. })
            ));
            check_secrets(&harness);
        },
    );
}
