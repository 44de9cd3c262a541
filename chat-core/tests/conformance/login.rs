//! The logins on both servers: items 11 to 19 and 21 to 30.

use crate::harness::{
    APP_ID, APP_VERSION, FRONT_END, Harness, Received, Seen, TABLE, TOKEN, each, each_with,
    objects, where_keys_are_exchanged,
};
use bytes::Bytes;
use chat_core::codes::auth_type;
use chat_core::{AuthValues, CauseKind, ChatConfig, Server, State, Value};
use photon_proto::Hashtable;

/// The parameters of every login on the name server.
fn login(region: &str) -> Vec<(u8, Value)> {
    vec![
        (224, APP_ID.into()),
        (220, APP_VERSION.into()),
        (210, region.into()),
    ]
}

/// A login with additional parameters.
fn login_with(more: &[(u8, Value)]) -> Vec<(u8, Value)> {
    [login("eu"), more.to_vec()].concat()
}

/// A client that has just sent its login to the name server.
fn logging_in(harness: &mut Harness) {
    harness.connect(Some("eu"));
    harness.handshake();
    harness.take_events();
}

/// A client that is connecting to the front end, up to its login there.
fn logging_in_on_front_end(harness: &mut Harness) {
    harness.go_to(State::ConnectingToFrontEnd);
    harness.handshake();
}

/// Checks items 17 and 26 for UDP, and wire.md 6.1 for frames.
const RELIABLE_ON_CHANNEL_0: (u8, u8) = (0, 1);

#[test]
fn c011_the_login_carries_app_id_version_and_region_as_strings() {
    each(|mut harness| {
        logging_in(&mut harness);
        let sent = harness.expect_request(230, true, &login("eu"));
        assert!(
            sent.parameters
                .iter()
                .all(|(_, value)| matches!(value, Value::String(_)))
        );
    });
}

#[test]
fn c012_the_login_carries_a_user_id_only_if_one_is_set() {
    each(|mut harness| {
        logging_in(&mut harness);
        harness.expect_request(230, true, &login("eu"));
    });
    each_with(
        |config| config.user_id(""),
        |mut harness| {
            logging_in(&mut harness);
            harness.expect_request(230, true, &login("eu"));
        },
    );
    each_with(
        |config| config.user_id("älice"),
        |mut harness| {
            logging_in(&mut harness);
            harness.expect_request(230, true, &login_with(&[(225, "älice".into())]));
        },
    );
    each(|mut harness| {
        assert_eq!(harness.client.set_user_id("bob"), Ok(()));
        assert_eq!(harness.client.user_id(), &"bob");
        logging_in(&mut harness);
        harness.expect_request(230, true, &login_with(&[(225, "bob".into())]));
        let error = harness.refused(|client| client.set_user_id("carol"));
        assert_eq!(
            error,
            chat_core::RequestError::WrongState(State::ConnectedToNameServer)
        );
    });
}

#[test]
fn c013_custom_authentication_is_a_byte_and_a_query_string() {
    each(|mut harness| {
        harness.authentication(AuthValues::new("a=b"));
        logging_in(&mut harness);
        harness.expect_request(
            230,
            true,
            &login_with(&[(217, Value::Byte(0)), (216, "a=b".into())]),
        );
    });
    for (auth_type, number) in [
        (auth_type::CUSTOM, 0),
        (auth_type::STEAM, 1),
        (auth_type::FACEBOOK, 2),
        (77, 77),
    ] {
        each_with(
            |config| config.authentication(AuthValues::new("ticket=00ff&x=").auth_type(auth_type)),
            |mut harness| {
                logging_in(&mut harness);
                let expected =
                    login_with(&[(217, Value::Byte(number)), (216, "ticket=00ff&x=".into())]);
                harness.expect_request(230, true, &expected);
            },
        );
    }
    // chat.md 2.4: the query string is sent even when it is empty.
    each_with(
        |config| config.authentication(AuthValues::new("")),
        |mut harness| {
            logging_in(&mut harness);
            harness.expect_request(
                230,
                true,
                &login_with(&[(217, Value::Byte(0)), (216, "".into())]),
            );
        },
    );
    // New credentials take effect at the next login, not on an established connection.
    each(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        harness.authentication(AuthValues::new("a=b"));
        harness.pump();
        harness.expect_nothing();
    });
}

#[test]
fn c014_authentication_type_255_sends_nothing_about_it() {
    for values in [
        AuthValues::new("a=b").auth_type(auth_type::NONE),
        AuthValues::new("a=b").data("data").auth_type(255),
        AuthValues::none(),
        AuthValues::none().data("data"),
    ] {
        each(|mut harness| {
            // The last call replaces the credentials of earlier calls.
            harness.authentication(AuthValues::new("c=d").data("more"));
            harness.authentication(values.clone());
            logging_in(&mut harness);
            harness.expect_request(230, true, &login("eu"));
        });
    }
}

#[test]
fn c015_authentication_data_keeps_its_type() {
    let map = Hashtable(vec![("key".into(), Value::Int(7))]);
    for (values, data) in [
        (AuthValues::new("a=b").data("text"), Value::from("text")),
        (
            AuthValues::new("a=b").data(vec![0_u8, 255]),
            Value::Bytes(Bytes::from_static(&[0, 255])),
        ),
        (
            AuthValues::new("a=b").data(map.clone()),
            Value::Hashtable(map),
        ),
    ] {
        each(|mut harness| {
            harness.authentication(values.clone());
            logging_in(&mut harness);
            let expected = login_with(&[
                (217, Value::Byte(0)),
                (216, "a=b".into()),
                (214, data.clone()),
            ]);
            harness.expect_request(230, true, &expected);
        });
    }
}

#[test]
fn c016_the_login_on_the_name_server_carries_no_token_and_no_history_limit() {
    each_with(
        |config| config.private_history(5),
        |mut harness| {
            logging_in(&mut harness);
            harness.expect_request(230, true, &login("eu"));
            // Not even when the client has a token from the previous connection.
            harness.accept_login();
            harness.close();
            logging_in(&mut harness);
            harness.expect_request(230, true, &login("eu"));
        },
    );
}

#[test]
fn c017_the_login_on_the_name_server_is_encrypted_reliable_and_on_channel_0() {
    each(|mut harness| {
        logging_in(&mut harness);
        let sent = harness.expect_request(230, true, &login("eu"));
        assert_eq!((sent.channel, sent.delivery), RELIABLE_ON_CHANNEL_0);
        if !harness.row.exchanges_keys() {
            return; // The transport encrypts it.
        }
        assert_eq!(sent.raw.get(..2), Some(&[0xF3, 0x82][..]));
        let readable = sent
            .raw
            .windows(APP_ID.len())
            .any(|part| part == APP_ID.as_bytes());
        assert!(!readable, "the app id is seen in {:02x?}", sent.raw);
    });
}

#[test]
fn c018_the_app_version_is_sent_verbatim() {
    for version in ["1.0", "2.0-beta_1 ü", "1.0_4.1.8.20"] {
        for row in TABLE {
            let config = row.configure(ChatConfig::new(
                row.address("ns.example:4533"),
                APP_ID,
                version,
            ));
            let mut harness = Harness::on_row(row, config);
            logging_in(&mut harness);
            harness.expect_request(
                230,
                true,
                &[
                    (224, APP_ID.into()),
                    (220, version.into()),
                    (210, "eu".into()),
                ],
            );
        }
    }
}

#[test]
fn c019_the_region_is_sent_verbatim() {
    for region in ["eu/*", "EU", "us/cluster-7", "ü b", "*"] {
        each(|mut harness| {
            harness.connect(Some(region));
            harness.handshake();
            harness.expect_request(230, true, &login(region));
        });
        each(|mut harness| {
            harness.go_to(State::ConnectedToNameServer);
            harness
                .client
                .connect_to_region_front_end(region)
                .expect("a region can be chosen");
            harness.pump();
            harness.expect_request(230, true, &login(region));
        });
    }
}

#[test]
fn c021_the_server_may_replace_the_user_id() {
    for (given, user_id) in [
        (Some(Value::from("from-the-server")), "from-the-server"),
        (Some("".into()), "alice"),
        (Some(Value::Null), "alice"),
        (None, "alice"),
    ] {
        each_with(
            |config| config.user_id("alice"),
            |mut harness| {
                logging_in(&mut harness);
                let mut answer = vec![(230, FRONT_END.into()), (221, TOKEN.into())];
                answer.extend(given.clone().map(|given| (225, given)));
                harness.respond(230, 0, None, &answer);
                harness.expect(&[
                    Seen::authenticated(user_id),
                    Seen::State(State::ConnectingToFrontEnd),
                ]);
                assert_eq!(harness.client.user_id(), &user_id);
            },
        );
        // chat.md 2.9: the front end as well. The event comes again only if the response differs.
        each_with(
            |config| config.user_id("alice"),
            |mut harness| {
                logging_in_on_front_end(&mut harness);
                let answer: Vec<_> = given
                    .clone()
                    .map(|given| (225, given))
                    .into_iter()
                    .collect();
                harness.respond(230, 0, None, &answer);
                assert_eq!(harness.client.user_id(), &user_id);
                let seen = harness
                    .take_events()
                    .iter()
                    .map(Seen::from)
                    .collect::<Vec<_>>();
                let state = Seen::State(State::ConnectedToFrontEnd);
                match user_id {
                    "alice" => assert_eq!(seen, [state]),
                    _ => assert_eq!(seen, [Seen::authenticated(user_id), state]),
                }
            },
        );
    }
}

#[test]
fn c022_a_rejected_login_is_state_error_then_3101_with_the_server_text() {
    for encrypt_answers in [false, true] {
        each(|mut harness| {
            harness.encrypt_answers = encrypt_answers;
            logging_in(&mut harness);
            let link = harness.expect_open("ns.example", 4533);
            harness.respond(230, 32767, Some("Invalid app id"), &[]);
            harness.expect(&[Seen::State(State::Error), Seen::Error(3101)]);
            let (_, cause, message) = harness.error();
            assert!(
                message.contains("32767") && message.contains("Invalid app id"),
                "{message}"
            );
            assert_eq!(
                (cause.server, cause.kind),
                (Server::NameServer, CauseKind::AuthenticationRefused)
            );
            assert_eq!(
                (cause.return_code, cause.text.as_str()),
                (Some(32767), "Invalid app id")
            );
            // chat.md 6.2: the link to the name server is closed, so that a retry starts at state
            // 1.
            harness.expect_close(link);
            harness.expect_no_command();
        });
    }
    // The same for every other code, without a text.
    for code in [32755, 32756, 32757, 32753, -3, -1, 1, i16::MIN] {
        each(|mut harness| {
            logging_in(&mut harness);
            // Even with an address and a token.
            harness.respond(
                230,
                code,
                None,
                &[(230, FRONT_END.into()), (221, TOKEN.into())],
            );
            harness.expect(&[Seen::State(State::Error), Seen::Error(3101)]);
            let (_, cause, message) = harness.error();
            assert_eq!(cause.return_code, Some(code));
            assert!(message.contains(&code.to_string()), "{message}");
        });
    }
}

#[test]
fn c023_an_accepted_login_without_address_is_3101() {
    for answer in [
        vec![(221, TOKEN.into())],
        vec![(221, TOKEN.into()), (230, Value::Null)],
        vec![],
    ] {
        each_with(
            |config| config.user_id("alice"),
            |mut harness| {
                logging_in(&mut harness);
                let link = harness.expect_open("ns.example", 4533);
                harness.respond(
                    230,
                    0,
                    None,
                    &[&answer[..], &[(225, "other".into())]].concat(),
                );
                harness.expect(&[Seen::State(State::Error), Seen::Error(3101)]);
                let (_, cause, message) = harness.error();
                assert_eq!(cause.kind, CauseKind::MissingAddress);
                assert!(message.contains("p230"), "{message}");
                harness.expect_close(link);
                harness.expect_no_command();
            },
        );
    }
}

#[test]
fn c024_an_accepted_login_without_token_is_3101() {
    for answer in [
        vec![(230, FRONT_END.into())],
        vec![(230, FRONT_END.into()), (221, Value::Null)],
    ] {
        each(|mut harness| {
            logging_in(&mut harness);
            let link = harness.expect_open("ns.example", 4533);
            harness.respond(230, 0, None, &answer);
            harness.expect(&[Seen::State(State::Error), Seen::Error(3101)]);
            let (_, cause, message) = harness.error();
            assert_eq!(cause.kind, CauseKind::MissingToken);
            assert!(message.contains("p221"), "{message}");
            harness.expect_close(link);
            harness.expect_no_command();
        });
    }
}

#[test]
fn c025_the_login_on_the_front_end_is_the_unchanged_token() {
    for token in [
        Value::from("text"),
        "".into(),
        Value::Bytes(Bytes::from_static(&[0, 1, 0xFF])),
        Value::Int(-7),
        objects(&["a".into(), Value::Byte(7), Value::Null]),
        Value::Hashtable(Hashtable(vec![(Value::Byte(1), "x".into())])),
    ] {
        each(|mut harness| {
            logging_in(&mut harness);
            harness.expect_request(230, true, &login("eu"));
            harness.respond(
                230,
                0,
                None,
                &[(230, FRONT_END.into()), (221, token.clone())],
            );
            harness.handshake();
            harness.expect_request(230, false, &[(221, token.clone())]);
        });
    }
}

#[test]
fn c026_the_login_on_the_front_end_waits_for_the_key_exchange() {
    where_keys_are_exchanged(|mut harness| {
        harness.go_to(State::ConnectingToFrontEnd);
        harness.accept();
        harness.expect_no_request();
        harness.send_init_response();
        harness.expect_no_request();
        harness.expect_received(&[Received::Init, Received::Ping, Received::Key]);
        harness.advance_ms(9_000);
        harness.expect_no_request();
        harness.send_key_response();
        let sent = harness.expect_request(230, false, &[(221, TOKEN.into())]);
        assert_eq!((sent.channel, sent.delivery), RELIABLE_ON_CHANNEL_0);
        harness.expect(&[]);
    });
}

#[test]
fn c027_a_limit_of_private_history_goes_to_the_front_end_as_an_int() {
    for (limit, sent) in [
        (0, Some(0)),
        (20, Some(20)),
        (i32::MAX, Some(i32::MAX)),
        (-1, None),
        (i32::MIN, None),
    ] {
        each_with(
            |config| config.private_history(limit),
            |mut harness| {
                logging_in_on_front_end(&mut harness);
                let mut expected = vec![(221, TOKEN.into())];
                expected.extend(sent.map(|limit| (14, Value::Int(limit))));
                harness.expect_request(230, false, &expected);
            },
        );
    }
    each(|mut harness| {
        logging_in_on_front_end(&mut harness);
        harness.expect_request(230, false, &[(221, TOKEN.into())]);
    });
}

#[test]
fn c028_after_the_front_end_accepts_the_client_sends_nothing_by_itself() {
    each(|mut harness| {
        logging_in_on_front_end(&mut harness);
        harness.server().requests.clear();
        harness.expect(&[]);
        harness.respond(230, 0, None, &[]);
        harness.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
        harness.forget();
        harness.advance_ms(600_000);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    });
}

#[test]
fn c029_a_new_token_of_the_front_end_replaces_the_stored_one() {
    for (given, stored) in [
        (Some(Value::from("newer")), Value::from("newer")),
        (
            Some(Value::Bytes(Bytes::from_static(b"newer"))),
            Value::Bytes(Bytes::from_static(b"newer")),
        ),
        (Some(Value::Null), TOKEN.into()),
        (None, TOKEN.into()),
    ] {
        each(|mut harness| {
            logging_in_on_front_end(&mut harness);
            harness.server().requests.clear();
            let answer: Vec<_> = given
                .clone()
                .map(|token| (221, token))
                .into_iter()
                .collect();
            harness.respond(230, 0, None, &answer);
            // The application gets no event for it.
            harness.expect(&[Seen::State(State::ConnectedToFrontEnd)]);
            harness.close();
            harness
                .client
                .reconnect()
                .expect("address and token are known");
            harness.pump();
            harness.handshake();
            harness.expect_request(230, false, &[(221, stored.clone())]);
            // A completely new connection uses the token of its own name server.
            harness.client.disconnect();
            harness.connect(Some("eu"));
            harness.handshake();
            harness.accept_login();
            harness
                .links
                .iter_mut()
                .for_each(|link| link.requests.clear());
            harness.handshake();
            harness.expect_request(230, false, &[(221, TOKEN.into())]);
        });
    }
}

#[test]
fn c030_a_front_end_that_rejects_the_login_is_state_error_then_1101() {
    for code in [32753, 32767, -3] {
        each(|mut harness| {
            logging_in_on_front_end(&mut harness);
            harness.server().requests.clear();
            let link = harness.front_end();
            harness.respond(230, code, Some("expired"), &[]);
            harness.expect(&[Seen::State(State::Error), Seen::Error(1101)]);
            let (_, cause, message) = harness.error();
            assert_eq!(
                (cause.server, cause.kind),
                (Server::FrontEnd, CauseKind::AuthenticationRefused)
            );
            assert_eq!(cause.return_code, Some(code));
            assert!(
                message.contains(&code.to_string()) && message.contains("expired"),
                "{message}"
            );
            // chat.md 6.2: the link to the front end is closed.
            harness.expect_close(link);
            harness.expect_nothing();
        });
    }
}

/// chat.md 2.4: other parameters of the response.
#[test]
fn nickname_and_data_of_the_authentication_service_are_reported() {
    each(|mut harness| {
        logging_in(&mut harness);
        let data = Value::Hashtable(Hashtable(vec![("level".into(), Value::Int(3))]));
        harness.respond(
            230,
            0,
            None,
            &[
                (230, FRONT_END.into()),
                (221, TOKEN.into()),
                (225, "id".into()),
                (202, "Nick".into()),
                (196, "default".into()),
                (245, data.clone()),
            ],
        );
        harness.expect(&[
            Seen::Authenticated {
                user_id: "id".into(),
                nickname: Some("Nick".into()),
                data: Some(data),
            },
            Seen::State(State::ConnectingToFrontEnd),
        ]);
    });
}
