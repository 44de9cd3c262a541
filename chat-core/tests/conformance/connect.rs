//! Connecting, up to the logins: items 1 to 10, 20, 31 and 37 to 41.

use crate::harness::{
    ALL_STATES, APP_ID, APP_VERSION, CONNECT_STATES, Harness, NAME_SERVER, Received, Seen, TOKEN,
    each, each_with, encryption_off, where_keys_are_exchanged, where_no_keys_are_exchanged,
};
use chat_core::{
    ChatConfig, ConnectOptions, Event, LinkInput, Protocol, RequestError, Scheme, ServerAddress,
    State, SubProtocol, Text, Wire,
};

const EU: ConnectTo = ConnectTo("eu");

/// A region to connect to.
struct ConnectTo(&'static str);

impl ConnectTo {
    fn options(&self) -> ConnectOptions {
        ConnectOptions::new().region(self.0)
    }

    /// The login on the name server that this region leads to.
    fn login(&self) -> [(u8, photon_proto::Value); 3] {
        [
            (224, APP_ID.into()),
            (220, APP_VERSION.into()),
            (210, self.0.into()),
        ]
    }
}

#[test]
fn c001_a_new_client_is_in_state_0_and_has_sent_nothing() {
    each(|mut harness| {
        assert_eq!(harness.client.state(), State::Uninitialized);
        assert_eq!(harness.client.state().code(), 0);
        assert_eq!(harness.client.poll_event(), None);
        assert_eq!(harness.client.poll_command(), None);
        assert_eq!(harness.client.poll_timeout(), None);
        assert_eq!(harness.client.buffered_bytes(), 0);
        harness.advance_ms(3_600_000);
        harness.expect_nothing();
        assert_eq!(harness.client.state(), State::Uninitialized);
    });
}

/// The types allow only text. The connect call rejects what they cannot rule out, and changes
/// nothing.
#[test]
fn c002_an_empty_app_id_version_or_address_is_rejected() {
    let none: Vec<Text> = Vec::new();
    for (config, what) in [
        (ChatConfig::new(NAME_SERVER, "", APP_VERSION), "app id"),
        (ChatConfig::new(NAME_SERVER, APP_ID, ""), "app version"),
        (ChatConfig::new(none, APP_ID, APP_VERSION), "server address"),
    ] {
        let mut harness = Harness::new(config);
        assert_eq!(
            harness.refused(|client| client.connect_to_name_server(EU.options())),
            RequestError::Empty(what)
        );
        assert_eq!(
            harness.refused(|client| client.connect_to_region_front_end("eu")),
            RequestError::Empty(what)
        );
        harness.expect_nothing();
    }
    for address in [
        "",
        "tcp://",
        "tcp://ns.example:0",
        "tcp://ns.example:x",
        "gopher://ns.example",
        "tcp://a b",
    ] {
        let mut harness = Harness::new(ChatConfig::new(address, APP_ID, APP_VERSION));
        let error = harness.refused(|client| client.connect_to_name_server(EU.options()));
        assert!(
            matches!(&error, RequestError::Address { text, .. } if *text == address),
            "{error:?}"
        );
        harness.expect_nothing();
    }
    // One invalid address in a list is enough.
    let mut harness = Harness::new(ChatConfig::new(
        [NAME_SERVER, "tcp://:1"],
        APP_ID,
        APP_VERSION,
    ));
    let error = harness.refused(|client| client.connect_to_name_server(EU.options()));
    assert!(
        matches!(&error, RequestError::Address { text, .. } if *text == "tcp://:1"),
        "{error:?}"
    );
}

#[test]
fn c003_an_address_without_port_gets_the_port_of_its_transport() {
    for (text, scheme, port) in [
        ("ns.example", Scheme::Udp, 5058),
        ("udp://ns.example", Scheme::Udp, 5058),
        ("tcp://ns.example", Scheme::Tcp, 4533),
        ("ws://ns.example", Scheme::Ws, 80),
        ("wss://ns.example", Scheme::Wss, 443),
        ("tcp://ns.example:99", Scheme::Tcp, 99),
    ] {
        let address: ServerAddress = text.parse().expect(text);
        assert_eq!(
            (address.scheme(), address.host(), address.port()),
            (scheme, "ns.example", port),
            "{text}"
        );
    }
    let web_socket = |secure| Wire::WebSocket {
        secure,
        protocol: SubProtocol::GpBinaryV18,
    };
    for (text, over, host, port) in [
        ("ns.example", Wire::Datagram, "ns.example", 5058),
        ("udp://ns.example", Wire::Datagram, "ns.example", 5058),
        ("udp://ns.example:99", Wire::Datagram, "ns.example", 99),
        ("[::1]", Wire::Datagram, "::1", 5058),
        ("tcp://ns.example", Wire::Stream, "ns.example", 4533),
        ("tcp://ns.example:99", Wire::Stream, "ns.example", 99),
        ("tcp://[::1]", Wire::Stream, "::1", 4533),
        ("ws://ns.example", web_socket(false), "ns.example", 80),
        ("ws://ns.example:99", web_socket(false), "ns.example", 99),
        ("wss://ns.example", web_socket(true), "ns.example", 443),
        ("wss://[::1]", web_socket(true), "::1", 443),
    ] {
        let mut harness = Harness::new(ChatConfig::new(text, APP_ID, APP_VERSION));
        harness.connect(None);
        harness.expect_open_over(over, host, port);
        harness.expect_no_command();
    }
}

#[test]
fn c004_connecting_from_state_0_changes_the_state_before_it_returns() {
    each(|mut harness| {
        assert_eq!(
            harness.client.connect_to_name_server(ConnectOptions::new()),
            Ok(())
        );
        assert_eq!(harness.client.state(), State::ConnectingToNameServer);
        assert_eq!(harness.client.queued_events(), 1);
        harness.pump();
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
        harness.expect_open("ns.example", 4533);
        harness.expect_no_command();
    });
}

#[test]
fn c005_connecting_while_connected_or_connecting_is_rejected() {
    for state in CONNECT_STATES {
        each(|mut harness| {
            harness.go_to(state);
            let wrong = RequestError::WrongState(state);
            assert_eq!(
                harness.refused(|client| client.connect_to_name_server(ConnectOptions::new())),
                wrong
            );
            assert_eq!(
                harness.refused(|client| client.connect_to_name_server(EU.options())),
                wrong
            );
            harness.expect_nothing();
        });
    }
}

#[test]
fn c006_connecting_from_error_and_disconnected_starts_again() {
    for state in [State::Error, State::Disconnected] {
        each(|mut harness| {
            harness.go_to(state);
            assert_eq!(harness.client.connect_to_name_server(EU.options()), Ok(()));
            assert_eq!(
                harness.client.poll_event(),
                Some(Event::StateChanged {
                    from: state,
                    to: State::ConnectingToNameServer
                })
            );
            assert_eq!(harness.client.poll_event(), None);
        });
        each(|mut harness| {
            harness.go_to(state);
            harness.connect(Some("eu"));
            harness.expect_open("ns.example", 4533);
            let name_server = harness.link();
            harness.handshake();
            harness.expect_request(230, true, &EU.login());
            harness.accept_login();
            harness.expect_move(name_server, "fe.example", 5070);
            harness.handshake();
            harness.respond(230, 0, None, &[]);
            assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        });
    }
}

#[test]
fn c007_state_2_is_entered_only_after_the_key_exchange() {
    where_keys_are_exchanged(|mut harness| {
        harness.connect(None);
        harness.accept();
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
        harness.send_init_response();
        harness.expect_received(&[Received::Init, Received::Ping, Received::Key]);
        harness.advance_ms(9_000);
        harness.expect(&[]);
        harness.send_key_response();
        harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
    });
    where_keys_are_exchanged(|mut harness| {
        harness.connect(Some("eu"));
        harness.accept();
        harness.send_init_response();
        let refusal = harness.server().key_answer(-1, None);
        harness.deliver(&refusal);
        harness.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::Error),
            Seen::Error(3005),
        ]);
        harness.expect_no_request();
    });
}

#[test]
fn c008_without_a_key_exchange_state_2_comes_with_the_init_response() {
    let test = |mut harness: Harness| {
        harness.connect(None);
        harness.accept();
        harness.send_init_response();
        harness.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::ConnectedToNameServer),
        ]);
        harness.expect_received(&[Received::Init, Received::Ping]);
        harness.advance_ms(60_000);
        assert!(harness.server().client_key.is_none());
        harness.expect(&[]);
    };
    each_with(encryption_off, test);
    // A transport that encrypts needs no switch.
    where_no_keys_are_exchanged(test);
}

#[test]
fn c009_connecting_without_region_stops_at_the_name_server() {
    each(|mut harness| {
        harness.connect(None);
        harness.handshake();
        harness.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::ConnectedToNameServer),
        ]);
        harness.expect_open("ns.example", 4533);
        harness.advance_ms(600_000);
        harness.expect_nothing();
        assert!(
            harness
                .server()
                .received
                .iter()
                .all(|came| matches!(came, Received::Init | Received::Ping | Received::Key))
        );
    });
}

#[test]
fn c010_connecting_with_region_sends_one_authenticate_after_state_2() {
    each(|mut harness| {
        harness.connect(Some("eu"));
        harness.accept();
        harness.send_init_response();
        if harness.row.exchanges_keys() {
            harness.expect_no_request();
            harness.send_key_response();
        }
        harness.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::ConnectedToNameServer),
        ]);
        harness.expect_received(&[
            Received::Init,
            Received::Ping,
            Received::Key,
            Received::Request(230),
        ]);
        harness.expect_request(230, true, &EU.login());
        harness.advance_ms(14_999);
        harness.expect_no_request();
        harness.expect(&[]);
    });
}

#[test]
fn c020_after_an_accepted_login_the_client_opens_exactly_the_address_of_the_response() {
    for (address, host, port) in [
        ("fe.example:5070", "fe.example", 5070),
        ("192.0.2.7:4531", "192.0.2.7", 4531),
        ("[2001:db8::7]:4531", "2001:db8::7", 4531),
        ("{scheme}fe.example:1", "fe.example", 1),
    ] {
        each(|mut harness| {
            let address = address.replace("{scheme}", harness.row.scheme);
            harness.connect(Some("eu"));
            harness.handshake();
            harness.expect_request(230, true, &EU.login());
            harness.take_events();
            let name_server = harness.expect_open("ns.example", 4533);
            harness.respond(
                230,
                0,
                None,
                &[(230, address.as_str().into()), (221, TOKEN.into())],
            );
            harness.expect(&[
                Seen::authenticated(""),
                Seen::State(State::ConnectingToFrontEnd),
            ]);
            let front_end = harness.expect_move(name_server, host, port);
            harness.expect_no_command();
            assert_ne!(name_server, front_end);
        });
    }
    // An invalid address counts as a front end that cannot be reached.
    for address in ["", "fe.example", "fe.example:x", "http://fe.example:1"] {
        each(|mut harness| {
            harness.go_to(State::ConnectedToNameServer);
            harness
                .client
                .connect_to_region_front_end("eu")
                .expect("a region can be chosen");
            harness.respond(230, 0, None, &[(230, address.into()), (221, TOKEN.into())]);
            if address.is_empty() {
                // As if the address were missing: item 23.
                harness.expect(&[Seen::State(State::Error), Seen::Error(3101)]);
            } else {
                harness.expect(&[
                    Seen::authenticated(""),
                    Seen::State(State::ConnectingToFrontEnd),
                    Seen::State(State::Error),
                    Seen::Error(1002),
                ]);
            }
        });
    }
}

#[test]
fn c031_a_successful_connect_passes_exactly_states_1_2_3_4() {
    for encrypt_answers in [false, true] {
        each(|mut harness| {
            harness.encrypt_answers = encrypt_answers;
            harness.connect(Some("eu"));
            harness.handshake();
            harness.accept_login();
            harness.handshake();
            harness.respond(230, 0, None, &[]);
            harness.advance_ms(60_000);
            harness.expect(&[
                Seen::State(State::ConnectingToNameServer),
                Seen::State(State::ConnectedToNameServer),
                Seen::authenticated(""),
                Seen::State(State::ConnectingToFrontEnd),
                Seen::State(State::ConnectedToFrontEnd),
            ]);
            assert_eq!([1, 2, 3, 4], CONNECT_STATES.map(State::code));
            let names = [
                "ConnectingToNameServer",
                "ConnectedToNameServer",
                "ConnectingToFrontEnd",
                "ConnectedToFrontEnd",
            ];
            assert_eq!(names, CONNECT_STATES.map(State::name));
        });
    }
}

#[test]
fn c037_choosing_a_region_in_state_2_sends_authenticate_without_a_state_change() {
    each(|mut harness| {
        harness.go_to(State::ConnectedToNameServer);
        assert_eq!(harness.client.connect_to_region_front_end("us"), Ok(()));
        assert_eq!(harness.client.state(), State::ConnectedToNameServer);
        assert_eq!(harness.client.queued_events(), 0);
        harness.pump();
        harness.expect(&[]);
        harness.expect_request(230, true, &ConnectTo("us").login());
        harness.expect_nothing();
        // chat.md 2.7: while one login is pending, another is rejected and replaces nothing.
        assert_eq!(
            harness.refused(|client| client.connect_to_region_front_end("asia")),
            RequestError::AlreadyInProgress
        );
        harness.accept_login();
        harness.expect(&[
            Seen::authenticated(""),
            Seen::State(State::ConnectingToFrontEnd),
        ]);
    });
}

#[test]
fn c038_choosing_a_region_before_the_key_exchange_authenticates_after_it() {
    where_keys_are_exchanged(|mut harness| {
        harness.connect(None);
        harness.accept();
        // Without an init response the client is not connected. chat.md 6.1.
        let wrong = RequestError::WrongState(State::ConnectingToNameServer);
        assert_eq!(
            harness.refused(|client| client.connect_to_region_front_end("us")),
            wrong
        );
        harness.send_init_response();
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
        assert_eq!(harness.client.connect_to_region_front_end("eu"), Ok(()));
        harness.pump();
        harness.expect(&[]);
        harness.expect_no_request();
        // A region is pending already: a second one replaces nothing.
        assert_eq!(
            harness.refused(|client| client.connect_to_region_front_end("us")),
            wrong
        );
        harness.send_key_response();
        harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
        harness.expect_request(230, true, &EU.login());
        harness.advance_ms(10_000);
        harness.expect_no_request();
    });
    // A region in the options is pending as well.
    where_keys_are_exchanged(|mut harness| {
        harness.connect(Some("eu"));
        harness.accept();
        harness.send_init_response();
        let wrong = RequestError::WrongState(State::ConnectingToNameServer);
        assert_eq!(
            harness.refused(|client| client.connect_to_region_front_end("us")),
            wrong
        );
        harness.send_key_response();
        harness.expect_request(230, true, &EU.login());
    });
}

#[test]
fn c039_choosing_a_region_on_the_front_end_is_rejected() {
    for state in [State::ConnectingToFrontEnd, State::ConnectedToFrontEnd] {
        each(|mut harness| {
            harness.go_to(state);
            let error = harness.refused(|client| client.connect_to_region_front_end("eu"));
            assert_eq!(error, RequestError::WrongState(state));
            harness.expect_nothing();
        });
    }
}

#[test]
fn c040_connected_to_name_server_is_true_only_in_state_2() {
    for state in ALL_STATES {
        each(|mut harness| {
            harness.go_to(state);
            assert_eq!(
                harness.client.is_connected_to_name_server(),
                state == State::ConnectedToNameServer
            );
            assert_eq!(
                harness.client.is_connected_to_front_end(),
                state == State::ConnectedToFrontEnd
            );
        });
    }
    // Not between the transport connection and the key exchange.
    where_keys_are_exchanged(|mut harness| {
        harness.connect(None);
        harness.accept();
        harness.send_init_response();
        assert!(!harness.client.is_connected_to_name_server());
    });
}

#[test]
fn c041_with_encryption_off_a_region_in_the_options_is_still_authenticated() {
    each_with(encryption_off, |mut harness| {
        harness.connect(Some("eu"));
        harness.accept();
        harness.send_init_response();
        harness.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::ConnectedToNameServer),
        ]);
        harness.expect_request(230, false, &EU.login());
        harness.accept_login();
        harness.accept();
        harness.send_init_response();
        harness.expect_received(&[Received::Init, Received::Ping, Received::Request(230)]);
        harness.expect_request(230, false, &[(221, TOKEN.into())]);
        harness.respond(230, 0, None, &[]);
        harness.expect(&[
            Seen::authenticated(""),
            Seen::State(State::ConnectingToFrontEnd),
            Seen::State(State::ConnectedToFrontEnd),
        ]);
    });
}

/// chat.md 2.7: in the states without a connection the call connects with this region.
#[test]
fn choosing_a_region_without_a_connection_connects() {
    for state in [State::Uninitialized, State::Error, State::Disconnected] {
        each(|mut harness| {
            harness.go_to(state);
            assert_eq!(harness.client.connect_to_region_front_end("eu"), Ok(()));
            assert_eq!(harness.client.state(), State::ConnectingToNameServer);
            harness.pump();
            harness.expect_open("ns.example", 4533);
            harness.handshake();
            harness.expect(&[
                Seen::State(State::ConnectingToNameServer),
                Seen::State(State::ConnectedToNameServer),
            ]);
            harness.expect_request(230, true, &EU.login());
        });
    }
}

/// chat.md 7: each connect call replaces the options of the one before.
#[test]
fn a_connect_call_does_not_reuse_the_region_of_the_previous_one() {
    each(|mut harness| {
        harness.connect(Some("eu"));
        harness.client.disconnect();
        harness.pump();
        harness.connect(None);
        harness.handshake();
        harness.advance_ms(60_000);
        harness.expect_no_request();
        assert_eq!(harness.client.state(), State::ConnectedToNameServer);
    });
}

/// wire.md 2.2 and 9, chat.md 2.2.
#[test]
fn both_servers_get_an_init_with_their_name() {
    each(|mut harness| {
        let version = if harness.row.protocol == Protocol::V16 {
            [1, 6]
        } else {
            [1, 8]
        };
        harness.go_to(State::ConnectedToFrontEnd);
        if harness.row.json {
            // Both servers get the app id. wire.md 7.2.
            let path = format!("/{APP_ID}?libversion=4.1.8.20");
            let paths: Vec<&str> = harness
                .links
                .iter()
                .map(|link| &*link.target.path)
                .collect();
            assert_eq!(paths, [path.as_str(); 2]);
            return;
        }
        let inits: Vec<_> = harness
            .links
            .iter()
            .filter_map(|link| link.init.clone())
            .collect();
        let names: Vec<&str> = inits.iter().map(|init| init.application.as_str()).collect();
        assert_eq!(names, ["NameServer", "chat"]);
        for init in inits {
            // The path always announces IPv6. wire.md 7.1.
            let ipv6 = harness.row.is_messages();
            assert_eq!(
                (init.protocol, init.sdk, init.version, init.ipv6),
                (version, 0x1F, [4, 1, 8, 20], ipv6)
            );
        }
    });
    each_with(
        |config| config.announced_client(0x1E, [4, 1, 8, 3]),
        |mut harness| {
            harness.connect(None);
            let link = harness.link();
            harness.input(link, LinkInput::Opened { ipv6: true });
            if harness.row.json {
                assert_eq!(
                    &*harness.server().target.path,
                    format!("/{APP_ID}?libversion=4.1.8.3")
                );
                return;
            }
            let init = harness.server().init.clone().expect("the init came");
            assert_eq!(
                (init.sdk, init.version, init.ipv6),
                (0x1E, [4, 1, 8, 3], true)
            );
        },
    );
}
