//! Connecting over UDP: the datagrams and their times. udp.md 1, 3, 5.4 and 8; chat.md 6.4.

use crate::harness::{
    APP_ID, APP_VERSION, Carrier, Harness, PEER_ID, SERVER_CLOCK, Seen, TABLE, TOKEN, datagram,
    each, encryption_off, error, over_datagrams, over_datagrams_with,
};
use chat_core::{CauseKind, ChatConfig, LinkErrorKind, LinkInput, State, Wire};
use photon_proto::udp::command::{FLAG_RELIABLE, kind};
use photon_proto::udp::datagram::NO_PEER_ID;

/// The times of the connect command to a server that does not respond. udp.md 5.4.
const CONNECTS: [u64; 8] = [0, 221, 442, 663, 1104, 1985, 3746, 7267];

/// udp.md 10, scenario 3.
#[test]
fn c045_a_udp_connect_without_response_times_out_after_14308_ms() {
    for (state, code) in [
        (State::ConnectingToNameServer, 3004),
        (State::ConnectingToFrontEnd, 1004),
    ] {
        over_datagrams(|mut harness| {
            harness.go_to(state);
            harness.answers = false;
            // The times count from the opening of the link.
            harness.advance_ms(100);
            harness.accept();
            let (link, opened) = (harness.link(), harness.now);
            harness.advance_ms(14_307);
            harness.expect_nothing();
            let sent_datagrams = harness.sent_datagrams(link);
            let when: Vec<_> = sent_datagrams
                .iter()
                .map(|one| one.at_ms - opened.as_millis())
                .collect();
            assert_eq!(when, CONNECTS);
            for (one, ms) in sent_datagrams.iter().zip(CONNECTS) {
                assert_eq!(
                    (one.names().as_str(), one.header.peer_id),
                    ("connect", NO_PEER_ID)
                );
                // Only the time in the header changes.
                assert_eq!(
                    (u64::from(one.header.sent_time), &one.raw[12..]),
                    (ms, &sent_datagrams[0].raw[12..])
                );
            }
            harness.writable = false;
            harness.advance_ms(1);
            harness.expect(&error(code));
            assert_eq!(harness.error().1.kind, CauseKind::Unacknowledged);
            // The link stays open until the disconnect is sent.
            harness.expect_nothing();
            harness.writable = true;
            harness.pump();
            harness.expect_datagrams(opened, &[(14_308, "disconnect 2 unsequenced")]);
            harness.expect_close(link);
            harness.expect_rest();
        });
    }
}

/// udp.md 3.2, and 10, scenario 1.
#[test]
fn c007_over_udp_every_step_is_one_datagram_and_the_keys_come_before_state_2() {
    over_datagrams(|mut harness| {
        harness.connect(Some("eu"));
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
        for (login, state) in [
            (230, State::ConnectedToNameServer),
            (230, State::ConnectedToFrontEnd),
        ] {
            let (link, start) = (harness.link(), harness.now);
            harness.advance_ms(50);
            harness.accept();
            // The init is in the datagram with the acknowledgement of verify-connect.
            let sent_datagrams = harness.sent_datagrams(link);
            let names: Vec<_> = sent_datagrams
                .iter()
                .map(|one| (one.at_ms - start.as_millis(), one.names()))
                .collect();
            assert_eq!(
                names,
                [(50, "connect".into()), (50, "ack + send_reliable".into())]
            );
            assert_eq!(
                sent_datagrams
                    .iter()
                    .map(|one| one.header.peer_id)
                    .collect::<Vec<_>>(),
                [NO_PEER_ID, PEER_ID]
            );
            assert!(harness.server().init.is_some());
            harness.advance_ms(50);
            harness.expect(&[]);
            harness.send_init_response();
            // The client's key, and the only request for the server time.
            harness.expect_datagrams(start, &[(100, "ack + send_reliable + server_time")]);
            harness.expect(&[]);
            harness.advance_ms(50);
            harness.send_key_response();
            harness.expect_datagrams(start, &[(150, "ack + send_reliable")]);
            assert_eq!(
                harness.server().requests.pop_front().map(|sent| sent.code),
                Some(login)
            );
            if state == State::ConnectedToNameServer {
                harness.expect(&[Seen::State(state)]);
                harness.accept_login();
                harness.expect(&[
                    Seen::authenticated(""),
                    Seen::State(State::ConnectingToFrontEnd),
                ]);
                harness.expect_datagrams_on(link, start, &[(150, "ack + disconnect 4")]);
            } else {
                harness.expect(&[]);
                harness.respond(230, 0, None, &[]);
                harness.expect(&[Seen::State(state)]);
                harness.expect_datagrams(start, &[(150, "ack")]);
                // Only pings from now on.
                harness.advance_ms(60_000);
                assert!(
                    harness
                        .sent_datagrams(link)
                        .iter()
                        .all(|one| one.names() == "ping")
                );
            }
        }
    });
    // Without a key exchange the login is in the datagram with the server-time request.
    over_datagrams_with(encryption_off, |mut harness| {
        harness.connect(Some("eu"));
        harness.accept();
        harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
        let (link, start) = (harness.link(), harness.now);
        let _connected = harness.sent_datagrams(link);
        harness.send_init_response();
        harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
        harness.expect_datagrams(start, &[(0, "ack + send_reliable + server_time")]);
    });
}

/// udp.md 8.
#[test]
fn the_server_time_is_known_after_the_init_response() {
    over_datagrams(|mut harness| {
        harness.connect(Some("eu"));
        for _ in 0..2 {
            harness.advance_ms(300);
            harness.accept();
            let began = harness.now;
            let at_server = |harness: &Harness| {
                Some((u64::from(SERVER_CLOCK) + harness.now.millis_since(began)) as i32)
            };
            harness.advance_ms(1_000);
            assert_eq!(harness.client.server_time(), None);
            harness.send_init_response();
            assert_eq!(harness.client.server_time(), at_server(&harness));
            harness.send_key_response();
            harness.advance_ms(12_345);
            assert_eq!(harness.client.server_time(), at_server(&harness));
            harness.respond(
                230,
                0,
                None,
                &[(230, crate::harness::FRONT_END.into()), (221, TOKEN.into())],
            );
        }
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
        harness.client.disconnect();
        assert_eq!(harness.client.server_time(), None);
    });
}

/// Core draws a challenge for each connection, so late datagrams of the previous server are dropped.
#[test]
fn each_connection_has_its_own_challenge() {
    over_datagrams(|mut harness| {
        harness.go_to(State::ConnectedToFrontEnd);
        let (name_server, front_end) = (harness.links[0].id, harness.links[1].id);
        let old = harness.links[0].udp().challenge();
        assert_ne!(old, harness.links[1].udp().challenge());
        let event = harness.event(77, &[])[7..].to_vec();
        let disconnect = datagram::control(kind::DISCONNECT, FLAG_RELIABLE, 1, 9);
        let late = datagram::of(old, [datagram::reliable(2, &event), disconnect]);
        harness.input(front_end, LinkInput::Received(&late));
        harness.expect_nothing();
        harness.expect_datagrams(harness.now, &[]);
        let stats = harness.client.stats().udp.expect("connected");
        assert_eq!(stats.dropped_datagrams.challenge, 1);
        // The challenge of the retired link does not revive it either.
        harness.input(name_server, LinkInput::Received(&late));
        harness.expect_nothing();
        assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);
    });
}

#[test]
fn checksums_are_sent_only_if_configured() {
    for (asked, count) in [(None, 0), (Some(false), 0), (Some(true), usize::MAX)] {
        let configure = |config: ChatConfig| match asked {
            Some(asked) => config.crc(asked),
            None => config,
        };
        over_datagrams_with(configure, |mut harness| {
            harness.connect(Some("eu"));
            harness.handshake();
            harness.accept_login();
            harness.handshake();
            harness.respond(230, 0, None, &[]);
            harness.client.disconnect();
            harness.pump();
            assert_eq!(harness.client.state(), State::Disconnected);
            for link in [harness.links[0].id, harness.links[1].id] {
                let sent_datagrams = harness.sent_datagrams(link);
                // The contents were checked on arrival.
                let with = sent_datagrams
                    .iter()
                    .filter(|one| one.header.crc.is_some())
                    .count();
                assert_eq!(with, sent_datagrams.len().min(count));
                assert!(sent_datagrams.len() >= 5, "{sent_datagrams:?}");
            }
        });
    }
}

/// Only failures of the driver are ConnectFailed: name resolution, and binding a socket.
#[test]
fn over_udp_only_resolve_and_bind_errors_are_connect_failures() {
    for (state, base) in [
        (State::ConnectingToNameServer, 3000),
        (State::ConnectingToFrontEnd, 1000),
    ] {
        for kind in [
            LinkErrorKind::Resolve,
            LinkErrorKind::Io,
            LinkErrorKind::Unsupported,
        ] {
            over_datagrams(|mut harness| {
                harness.go_to(state);
                harness.fail(kind, "no such host");
                harness.expect(&error(base + 2));
                assert_eq!(harness.error().1.kind, CauseKind::Link(kind));
                harness.expect_nothing();
            });
        }
        over_datagrams(|mut harness| {
            harness.go_to(state);
            harness.answers = false;
            harness.accept();
            harness.fail(LinkErrorKind::Io, "no network any more");
            harness.expect(&error(base + 1));
            harness.expect_nothing();
        });
    }
}

/// A link whose driver still resolves the name has not failed to connect. chat.md 6.4.
#[test]
fn a_datagram_link_that_the_driver_never_opens_is_a_timeout() {
    for (state, code) in [
        (State::ConnectingToNameServer, 3004),
        (State::ConnectingToFrontEnd, 1004),
    ] {
        over_datagrams(|mut harness| {
            harness.go_to(state);
            harness.advance_ms(15_000);
            harness.expect(&error(code));
        });
    }
}

/// chat.md 2.11: addresses of different transports, each one after the timeout of the previous one.
#[test]
fn another_transport_is_tried_when_the_first_is_unreachable() {
    let mut harness = Harness::new(ChatConfig::new(
        ["udp://one:1", "tcp://two:2", "three:3"],
        APP_ID,
        APP_VERSION,
    ));
    harness.connect(Some("eu"));
    harness.answers = false;
    let first = harness.expect_open_over(Wire::Datagram, "one", 1);
    harness.accept();
    harness.advance_ms(14_308);
    harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
    harness.expect_open_over(Wire::Stream, "two", 2);
    // The disconnect is sent while the next link is opened.
    harness.expect_close(first);
    harness.expect_no_command();
    harness.expect_deadline_in_ms(15_000);
    harness.fail(LinkErrorKind::Refused, "second");
    harness.expect_open_over(Wire::Datagram, "three", 3);
    harness.answers = true;
    harness.handshake();
    harness.accept_login();
    // The front end is opened over the transport that worked.
    harness.expect_open_over(Wire::Datagram, "fe.example", 5070);
    harness.handshake();
    harness.respond(230, 0, None, &[]);
    assert_eq!(harness.client.state(), State::ConnectedToFrontEnd);

    let mut harness = Harness::new(ChatConfig::new(
        ["one:1", "tcp://two:2"],
        APP_ID,
        APP_VERSION,
    ));
    harness.connect(Some("eu"));
    harness.answers = false;
    harness.accept();
    harness.advance_ms(14_308);
    harness.accept();
    harness.advance_ms(15_000);
    harness.expect(
        &[
            &[Seen::State(State::ConnectingToNameServer)][..],
            &error(3004),
        ]
        .concat(),
    );
    let earlier: Vec<_> = harness
        .error()
        .1
        .earlier
        .iter()
        .map(|cause| cause.kind)
        .collect();
    assert_eq!(earlier, [CauseKind::Unacknowledged]);
}

/// chat.md 2.1: the client connects to the front end over the transport of the name server.
#[test]
fn a_front_end_address_of_another_transport_is_rejected() {
    each(|mut harness| {
        let other = TABLE
            .iter()
            .find(|row| row.carrier != harness.row.carrier)
            .expect("there are two");
        let scheme = if other.carrier == Carrier::Datagrams {
            "udp://"
        } else {
            "tcp://"
        };
        harness.go_to(State::ConnectedToNameServer);
        harness
            .client
            .connect_to_region_front_end("eu")
            .expect("a region can be chosen");
        let address = format!("{scheme}fe.example:5070");
        harness.respond(
            230,
            0,
            None,
            &[(230, address.as_str().into()), (221, TOKEN.into())],
        );
        let moved = [
            Seen::authenticated(""),
            Seen::State(State::ConnectingToFrontEnd),
        ];
        harness.expect(&[&moved[..], &error(1002)].concat());
        // The client never moves from a secure to an insecure transport (crate docs, x002).
        let secure = CauseKind::Link(LinkErrorKind::Downgrade);
        let expected = if harness.row.is_secure() {
            secure
        } else {
            CauseKind::BadAddress
        };
        assert_eq!(harness.error().1.kind, expected);
    });
}

/// A driver that tries several addresses opens the link again, until one of them answers.
#[test]
fn over_udp_the_init_names_the_family_of_the_last_opened_before_the_first_datagram() {
    for (families, expected) in [
        (&[true][..], true),
        (&[false, true], true),
        (&[true, false], false),
    ] {
        over_datagrams(|mut harness| {
            harness.connect(Some("eu"));
            harness.expect(&[Seen::State(State::ConnectingToNameServer)]);
            let (link, opened) = (harness.link(), harness.now);
            harness.answers = false;
            for ipv6 in families {
                harness.input(link, LinkInput::Opened { ipv6: *ipv6 });
                harness.advance_ms(50);
            }
            // No timer has started again.
            let wait_ms = 221 - harness.now.millis_since(opened);
            harness.advance_ms(wait_ms - 1);
            harness.expect_datagrams_on(link, opened, &[(0, "connect")]);
            harness.answers = true;
            harness.advance_ms(1);
            harness.expect_datagrams_on(
                link,
                opened,
                &[(221, "connect"), (221, "ack + send_reliable")],
            );
            let init = harness.server().init.clone().expect("the init came");
            assert_eq!(init.ipv6, expected, "{families:?}");

            // Too late: ignored.
            harness.input(link, LinkInput::Opened { ipv6: !expected });
            harness.expect(&[]);
            harness.send_init_response();
            harness.send_key_response();
            harness.expect(&[Seen::State(State::ConnectedToNameServer)]);
        });
    }
}
