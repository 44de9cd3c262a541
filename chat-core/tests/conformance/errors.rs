//! Errors and disconnecting: items 42 to 53.

use crate::harness::{
    APP_ID, APP_VERSION, Call, End, Harness, Seen, TOKEN, each, each_with, encryption_off,
    not_in_json, over_datagrams, where_keys_are_exchanged,
};
use chat_core::{
    CauseKind, ChatClient, ChatConfig, Event, KeyExchangeFailure, LinkError, LinkErrorKind,
    LinkInput, Listener, PeerErrorCode, PrivateOptions, PublishOptions, RequestError, Server,
    State, Step, SubscribeOptions,
};
use std::time::Duration;

/// The ends of a connection, other than rejected logins, with the last digits of the documented
/// code.
const ENDS: [End; 5] = [
    (1, |harness| {
        harness.accept();
        harness.fail(LinkErrorKind::Io, "cable cut");
    }),
    (2, |harness| harness.fail(LinkErrorKind::Refused, "refused")),
    (3, |harness| {
        harness.accept();
        harness.close();
    }),
    (4, |harness| {
        harness.accept();
        harness.advance_ms(15_000);
    }),
    (5, |harness| {
        harness.accept();
        harness.send_init_response();
        let refusal = harness.server().key_answer(-1, None);
        harness.deliver(&refusal);
    }),
];

#[test]
fn c042_a_refused_connect_to_the_name_server_is_state_error_then_3002() {
    each(|mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        harness.fail(LinkErrorKind::Refused, "connection refused");
        harness.expect(&[Seen::State(State::Error), Seen::Error(3002)]);
        let (_, cause, message) = harness.error();
        assert_eq!(
            (cause.server, cause.kind),
            (Server::NameServer, CauseKind::Link(LinkErrorKind::Refused))
        );
        assert_eq!(cause.text, "connection refused");
        assert!(message.contains("connection refused"), "{message}");
        harness.expect_nothing();
    });
}

#[test]
fn c043_each_end_of_the_name_server_has_its_code() {
    for (digit, end) in ENDS {
        each(|mut harness| {
            if digit == 5 && !harness.row.exchanges_keys() {
                return; // Without a key exchange none can fail.
            }
            harness.go_to(State::ConnectingToNameServer);
            end(&mut harness);
            harness.expect(&[Seen::State(State::Error), Seen::Error(3000 + digit)]);
        });
    }
    // In state 2 as well, where the key exchange is over.
    for (code, end) in [(3001, LinkErrorKind::Io), (3003, LinkErrorKind::Reset)] {
        each(|mut harness| {
            harness.go_to(State::ConnectedToNameServer);
            harness.fail(end, "");
            harness.expect(&[Seen::State(State::Error), Seen::Error(code)]);
        });
    }
}

/// chat.md 1.10.
#[test]
fn every_code_has_its_number_and_name() {
    let codes = PeerErrorCode::ALL.map(|code| (code.code(), code.name()));
    let expected = [
        (0, "Ok"),
        (1001, "FrontEndError"),
        (1002, "FrontEndConnectFailed"),
        (1003, "FrontEndConnectClosed"),
        (1004, "FrontEndTimeout"),
        (1005, "FrontEndEncryptionEstablishError"),
        (1101, "FrontEndAuthenticationFailed"),
        (3001, "NameServerError"),
        (3002, "NameServerConnectFailed"),
        (3003, "NameServerConnectClosed"),
        (3004, "NameServerTimeout"),
        (3005, "NameServerEncryptionEstablishError"),
        (3101, "NameServerAuthenticationFailed"),
    ];
    assert_eq!(codes, expected);
}

#[test]
fn c044_each_end_of_the_front_end_has_its_code() {
    for (digit, end) in ENDS {
        each(|mut harness| {
            if digit == 5 && !harness.row.exchanges_keys() {
                return; // Without a key exchange none can fail.
            }
            harness.go_to(State::ConnectingToFrontEnd);
            end(&mut harness);
            harness.expect(&[Seen::State(State::Error), Seen::Error(1000 + digit)]);
        });
    }
    for (code, end) in [(1001, LinkErrorKind::Io), (1003, LinkErrorKind::Reset)] {
        each(|mut harness| {
            harness.go_to(State::ConnectedToFrontEnd);
            harness.fail(end, "");
            harness.expect(&[Seen::State(State::Error), Seen::Error(code)]);
        });
    }
}

/// chat.md 6.1: a response to the key exchange with an error, without a key, or with an invalid
/// key.
#[test]
fn every_failed_key_exchange_ends_the_connection() {
    let answers: [(i16, Option<&[u8]>, KeyExchangeFailure); 6] = [
        (-1, None, KeyExchangeFailure::Refused),
        (32742, Some(&[5; 96]), KeyExchangeFailure::Refused),
        (0, None, KeyExchangeFailure::NoKey),
        (0, Some(&[]), KeyExchangeFailure::NoKey),
        (0, Some(&[5; 97]), KeyExchangeFailure::BadKey),
        (0, Some(&[1]), KeyExchangeFailure::BadKey),
    ];
    for (state, code) in [
        (State::ConnectingToNameServer, 3005),
        (State::ConnectingToFrontEnd, 1005),
    ] {
        for (return_code, key, failure) in answers {
            where_keys_are_exchanged(|mut harness| {
                harness.go_to(state);
                harness.accept();
                harness.send_init_response();
                let link = harness.link();
                let answer = harness.server().key_answer(return_code, key);
                harness.deliver(&answer);
                harness.expect(&[Seen::State(State::Error), Seen::Error(code)]);
                harness.expect_close(link);
                harness.expect_nothing();
                let (_, cause, _) = harness.error();
                assert_eq!(cause.kind, CauseKind::KeyExchange(failure));
                assert_eq!(cause.return_code, (return_code != 0).then_some(return_code));
            });
        }
    }
}

/// A UDP server that does not respond shows by missing acknowledgements (udp.md 5.4). The other
/// deadline is the client's own (chat.md 6.4): on a stream that opened without input, and over UDP
/// if the server accepts the connection but does not respond to the init. A link that never opened
/// is ConnectFailed only for transports with connections.
#[test]
fn c045_a_connect_without_response_is_a_timeout() {
    for (state, base) in [
        (State::ConnectingToNameServer, 3000),
        (State::ConnectingToFrontEnd, 1000),
    ] {
        over_datagrams(|mut harness| {
            harness.go_to(state);
            harness.answers = false;
            harness.accept();
            harness.advance_ms(14_307);
            harness.expect(&[]);
            harness.advance_ms(1);
            harness.expect(&[Seen::State(State::Error), Seen::Error(base + 4)]);
            assert_eq!(harness.error().1.kind, CauseKind::Unacknowledged);
        });
        each(|mut harness| {
            harness.go_to(state);
            harness.accept();
            harness.advance_ms(15_000);
            harness.expect(&[Seen::State(State::Error), Seen::Error(base + 4)]);
            assert_eq!(harness.error().1.kind, CauseKind::Deadline(Step::Connect));
        });
        each(|mut harness| {
            harness.go_to(state);
            harness.advance_ms(15_000);
            let (digit, kind) = harness.row.never_opened();
            harness.expect(&[Seen::State(State::Error), Seen::Error(base + digit)]);
            assert_eq!(harness.error().1.kind, kind);
        });
    }
}

#[test]
fn c046_after_an_error_the_state_stays_until_the_application_acts() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        harness.expect(&[Seen::State(State::Error), Seen::Error(1003)]);
        harness.forget();
        let late = harness.event(
            5,
            &[
                (0, crate::harness::strings(&["a"])),
                (15, crate::harness::bools(&[true])),
            ],
        );
        let links: Vec<_> = harness.links.iter().map(|link| link.id).collect();
        for link in links {
            harness
                .client
                .handle_link(harness.now, link, LinkInput::Opened { ipv6: false });
            harness.deliver_without_pump(link, &late);
            harness
                .client
                .handle_link(harness.now, link, LinkInput::Closed);
        }
        assert_eq!(harness.client.poll_timeout(), None);
        harness.advance_ms(24 * 3_600_000);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), State::Error);
        assert_eq!(harness.client.state().code(), -1);
        assert_eq!(harness.client.poll_timeout(), None);
    });
}

/// Connects again from inside its callback.
#[derive(Default)]
struct Stubborn {
    errors: Vec<i32>,
    again: Vec<Result<(), RequestError>>,
    states: Vec<State>,
}

impl Listener for Stubborn {
    fn on_state_change(&mut self, _chat: &mut ChatClient, _from: State, to: State) {
        self.states.push(to);
    }

    fn on_error(
        &mut self,
        chat: &mut ChatClient,
        code: PeerErrorCode,
        _cause: &chat_core::DisconnectCause,
        _message: &str,
    ) {
        self.errors.push(code.code());
        self.again.push(chat.connect_to_region_front_end("eu"));
    }
}

#[test]
fn c047_connect_may_be_called_from_inside_on_error() {
    each(|mut harness| {
        harness.go_to(State::ConnectingToNameServer);
        let mut listener = Stubborn::default();
        let link = harness.link();
        let refused = LinkError::new(LinkErrorKind::Refused, "");
        harness
            .client
            .handle_link(harness.now, link, LinkInput::Failed(refused));
        harness.server().gone = true;
        harness.pump_with(|client, event| event.deliver(client, &mut listener));
        assert_eq!(listener.errors, [3002]);
        assert_eq!(listener.again, [Ok(())]);
        assert_eq!(
            listener.states,
            [State::Error, State::ConnectingToNameServer]
        );
        harness.expect(&[
            Seen::State(State::Error),
            Seen::Error(3002),
            Seen::State(State::ConnectingToNameServer),
        ]);
        harness.expect_open("ns.example", 4533);
        harness.complete_login();
    });
}

#[test]
fn c048_the_end_of_the_retired_name_server_link_changes_nothing() {
    let ends: [fn() -> LinkInput<'static>; 3] = [
        || LinkInput::Closed,
        || LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, "late")),
        || LinkInput::Failed(LinkError::new(LinkErrorKind::Io, "late")),
    ];
    for state in [State::ConnectingToFrontEnd, State::ConnectedToFrontEnd] {
        for end in ends {
            each(|mut harness| {
                harness.go_to(state);
                let name_server = harness.links.first().expect("the name server").id;
                let deadline = harness.client.poll_timeout();
                harness.client.handle_link(harness.now, name_server, end());
                harness.pump();
                harness.expect_nothing();
                assert_eq!(
                    (harness.client.state(), harness.client.poll_timeout()),
                    (state, deadline)
                );
            });
        }
        // Nor does its input: a second login response, a rejection, a disconnect, invalid bytes.
        each(|mut harness| {
            harness.go_to(state);
            let name_server = harness.links.first().expect("the name server");
            let id = name_server.id;
            let address = (230, "other.example:1".into());
            for bytes in [
                name_server.response(true, 230, 0, None, &[address, (221, TOKEN.into())]),
                name_server.response(false, 230, 32767, Some("late"), &[]),
                if harness.row.json {
                    name_server.event(false, 77, &[]) // JSON has no disconnect message.
                } else {
                    name_server.disconnect(-1, Some("late"))
                },
            ] {
                harness.deliver_without_pump(id, &bytes);
                harness.pump();
                harness.expect_nothing();
                assert_eq!(harness.client.state(), state);
            }
            harness.input(id, LinkInput::Received(&[0xAA; 100]));
            harness.expect_nothing();
            assert_eq!(harness.client.state(), state);
        });
    }
    // Also while the link to the name server still sends.
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        harness.choose_region();
        harness.writable = false;
        harness.advance_ms(3_000);
        harness.accept_login();
        let name_server = harness.links.first().expect("the name server").id;
        harness.forget();
        harness.input(
            name_server,
            LinkInput::Failed(LinkError::new(LinkErrorKind::Io, "late")),
        );
        harness.advance_ms(10_000);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), State::ConnectingToFrontEnd);
    });
}

#[test]
fn c049_an_authenticate_without_response_is_a_timeout() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        // An application may show a menu here for as long as it likes.
        harness.advance_ms(24 * 3_600_000);
        harness.expect_nothing();
        harness.choose_region();
        harness.advance_ms(14_999);
        harness.expect(&[]);
        harness.advance_ms(1);
        harness.expect(&[Seen::State(State::Error), Seen::Error(3004)]);
        assert_eq!(
            harness.error().1.kind,
            CauseKind::Deadline(Step::Authenticate)
        );
    });
    each_with(
        |config| config.connect_timeout(Duration::from_millis(60_000)),
        |mut harness| {
            harness.go_to(State::ConnectingToFrontEnd);
            harness.advance_ms(2_000);
            harness.handshake();
            harness.advance_ms(14_999);
            harness.expect(&[]);
            harness.advance_ms(1);
            harness.expect(&[Seen::State(State::Error), Seen::Error(1004)]);
            assert_eq!(
                harness.error().1.kind,
                CauseKind::Deadline(Step::Authenticate)
            );
        },
    );
}

#[test]
fn c050_disconnect_changes_the_state_before_it_returns_and_no_error_follows() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, now) = (harness.link(), harness.now);
        harness.client.disconnect();
        assert_eq!(harness.client.state(), State::Disconnected);
        assert_eq!(harness.client.state().code(), 10);
        let changed = Event::StateChanged {
            from: State::ConnectedToFrontEnd,
            to: State::Disconnected,
        };
        assert_eq!(harness.client.poll_event(), Some(changed));
        assert_eq!(harness.client.poll_event(), None);
        // The server closes its end as well, in any way.
        for late in [
            LinkInput::Received(&[0xAA]),
            LinkInput::Failed(LinkError::new(LinkErrorKind::Reset, "")),
        ] {
            harness.client.handle_link(now, link, late);
            let _serviced = harness.client.service(now);
            assert_eq!(harness.client.poll_event(), None);
        }
        let _serviced = harness.client.service(now.plus_millis(24 * 3_600_000));
        assert_eq!(harness.client.poll_event(), None);
        assert_eq!(harness.client.poll_timeout(), None);
        assert_eq!(harness.client.state(), State::Disconnected);
    });
    // From every state with a connection.
    for state in [
        State::Error,
        State::ConnectingToNameServer,
        State::ConnectedToNameServer,
        State::ConnectingToFrontEnd,
    ] {
        each(|mut harness| {
            harness.go_to(state);
            harness.client.disconnect();
            harness.pump();
            harness.expect(&[Seen::State(State::Disconnected)]);
            harness.advance_ms(3_600_000);
            harness.expect(&[]);
        });
    }
}

#[test]
fn c051_disconnect_without_a_connection_fires_nothing() {
    for state in [State::Uninitialized, State::Disconnected] {
        each(|mut harness| {
            harness.go_to(state);
            harness.client.disconnect();
            assert_eq!(harness.client.queued_events(), 0);
            harness.pump();
            harness.expect_nothing();
            assert_eq!(harness.client.state(), state);
        });
    }
}

/// By a disconnect message. The disconnect command of UDP is tested in `udp_endings`.
#[test]
fn c052_a_disconnect_by_the_server_is_1003_with_its_reason() {
    let reasons = [(32757, Some("user limit")), (1, Some("logic")), (-3, None)];
    for (state, code, server) in [
        (State::ConnectingToNameServer, 3003, Server::NameServer),
        (State::ConnectedToNameServer, 3003, Server::NameServer),
        (State::ConnectingToFrontEnd, 1003, Server::FrontEnd),
        (State::ConnectedToFrontEnd, 1003, Server::FrontEnd),
    ] {
        for (reason, text) in reasons {
            // JSON has no such message.
            not_in_json(|mut harness| {
                harness.go_to(state);
                if matches!(
                    state,
                    State::ConnectingToNameServer | State::ConnectingToFrontEnd
                ) {
                    // Instead of the init response.
                    harness.accept();
                }
                let link = harness.link();
                harness.send_disconnect(reason, text);
                harness.expect(&[Seen::State(State::Error), Seen::Error(code)]);
                harness.expect_close(link);
                harness.expect_nothing();
                let (_, cause, message) = harness.error();
                assert_eq!(
                    (cause.server, cause.kind),
                    (server, CauseKind::ServerDisconnect)
                );
                assert_eq!(cause.return_code, Some(reason));
                assert_eq!(cause.text.as_str(), text.unwrap_or_default());
                assert!(
                    message.contains(&reason.to_string())
                        && message.contains(text.unwrap_or_default())
                );
            });
        }
    }
    // The end of the link follows directly: there is one error, the one with the reason, and no
    // link to close.
    not_in_json(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (link, disconnect) = (
            harness.link(),
            harness.server().disconnect(32757, Some("user limit")),
        );
        harness.deliver_without_pump(link, &disconnect);
        harness.input(link, LinkInput::Closed);
        harness.expect(&[Seen::State(State::Error), Seen::Error(1003)]);
        assert_eq!(harness.error().1.kind, CauseKind::ServerDisconnect);
        harness.expect_nothing();
    });
}

/// Every chat call, with arguments that are valid on the front end.
fn chat_calls() -> [Call; 4] {
    [
        |client| client.subscribe(["a"], &SubscribeOptions::new()).map(drop),
        |client| client.unsubscribe(["a"]).map(drop),
        |client| {
            client
                .publish_message("a", "hello", &PublishOptions::new())
                .map(drop)
        },
        |client| {
            client
                .send_private_message("bob", "hello", &PrivateOptions::new())
                .map(drop)
        },
    ]
}

#[test]
fn c053_after_disconnect_all_chat_calls_are_rejected_and_send_nothing() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.client.disconnect();
        for call in chat_calls() {
            assert_eq!(
                call(&mut harness.client),
                Err(RequestError::WrongState(State::Disconnected))
            );
        }
        harness.pump();
        harness.expect(&[Seen::State(State::Disconnected)]);
        harness.expect_no_request();
        for call in chat_calls() {
            assert_eq!(
                harness.refused(call),
                RequestError::WrongState(State::Disconnected)
            );
        }
        harness.forget();
        harness.expect_nothing();
    });
}

/// chat.md 6.2: in any state but ConnectedToFrontEnd the client rejects them with its state.
#[test]
fn chat_calls_are_rejected_in_every_other_state() {
    for state in crate::harness::ALL_STATES
        .into_iter()
        .filter(|&state| state != State::ConnectedToFrontEnd)
    {
        each(|mut harness| {
            harness.go_to(state);
            for call in chat_calls() {
                assert_eq!(harness.refused(call), RequestError::WrongState(state));
            }
            harness.expect_nothing();
        });
    }
}

/// chat.md 6.2: the codes are the same with encryption off, except that no key exchange can fail.
#[test]
fn without_encryption_ends_have_the_same_codes() {
    for (digit, end) in ENDS.into_iter().filter(|(digit, _)| *digit != 5) {
        each_with(encryption_off, |mut harness| {
            harness.go_to(State::ConnectingToFrontEnd);
            end(&mut harness);
            harness.expect(&[Seen::State(State::Error), Seen::Error(1000 + digit)]);
        });
    }
}

/// Everything that a user can check is in the text: that nothing answered, and where.
#[test]
fn an_end_without_any_answer_names_the_address() {
    const TWO: [&str; 2] = ["one.example:1", "[::1]:2"];
    each(|harness| {
        let row = harness.row;
        let addresses = TWO.map(|address| row.address(address));
        let config = ChatConfig::new(addresses.clone(), APP_ID, APP_VERSION);
        let mut harness = Harness::on_row(row, row.configure(config));
        harness.connect(None);
        harness.answers = false;
        for _ in TWO {
            if row.is_datagrams() {
                harness.accept();
                harness.advance_ms(15_000);
            } else {
                harness.fail(LinkErrorKind::Refused, "nothing listens");
            }
        }
        let (_, cause, text) = harness.error();
        let [first, last] = addresses;
        // Without a scheme, it is UDP.
        assert!(cause.earlier[0].address.ends_with(&first) && cause.address.ends_with(&last));
        assert!(text.contains(&first) && text.contains(&last), "{text}");
        if row.is_datagrams() {
            assert_eq!(text.matches("no answer came").count(), 2, "{text}");
            assert!(!text.contains("stopped acknowledging"), "{text}");
        }
    });
}

#[test]
fn an_end_after_an_answer_names_no_address() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let gives_up_ms = harness.fall_silent();
        harness.advance_ms(gives_up_ms);
        let (_, cause, text) = harness.error();
        assert_eq!(cause.address.as_str(), "");
        assert!(text.contains("stopped acknowledging"), "{text}");
    });
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.close();
        let (_, cause, text) = harness.error();
        assert_eq!(cause.address.as_str(), "");
        assert!(!text.contains("://"), "{text}");
    });
}

#[test]
fn a_wrong_state_states_the_next_step() {
    each(|mut harness| {
        let options = PublishOptions::new();
        for (state, step) in [
            (State::Uninitialized, "connect first"),
            (
                State::ConnectingToNameServer,
                "once the state is ConnectedToFrontEnd",
            ),
            (State::ConnectedToNameServer, "choose a region"),
            (
                State::ConnectingToFrontEnd,
                "once the state is ConnectedToFrontEnd",
            ),
            (State::Disconnected, "connect again"),
            (State::Error, "call reconnect"),
        ] {
            let mut harness = Harness::on_row(harness.row, harness.row.config());
            harness.go_to(state);
            let error = harness
                .client
                .publish_message("a", "b", &options)
                .unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(&format!("in state {state}: ")) && text.contains(step),
                "{text}"
            );
        }
        harness.go_to(State::ConnectedToFrontEnd);
        let error = harness.client.get_regions().unwrap_err();
        assert!(
            error.to_string().ends_with("call disconnect first"),
            "{error}"
        );
    });
}
