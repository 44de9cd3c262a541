//! Connecting over UDP: what is on the wire, and when. udp.md 1, 3, 5.4 and 8; chat.md 6.4.

use crate::rig::{
    APP_ID, APP_VERSION, Carrier, PEER_ID, Rig, SERVER_CLOCK, Seen, TABLE, TOKEN, datagram, each,
    encryption_off, error, over_datagrams, over_datagrams_with,
};
use chat_core::{CauseKind, ChatConfig, LinkErrorKind, LinkInput, State, Wire};
use photon_proto::udp::command::{FLAG_RELIABLE, kind};
use photon_proto::udp::{Violation, datagram::NO_PEER_ID};

/// When connect is sent to a server that does not answer. udp.md 5.4.
const CONNECTS: [u64; 8] = [0, 221, 442, 663, 1104, 1985, 3746, 7267];

/// udp.md 10, scenario 3.
#[test]
fn c045_a_udp_server_that_does_not_answer_is_given_up_after_14308_ms() {
    for (state, code) in [
        (State::ConnectingToNameServer, 3004),
        (State::ConnectingToFrontEnd, 1004),
    ] {
        over_datagrams(|mut rig| {
            rig.go_to(state);
            rig.answers = false;
            // It is the link's own time that counts.
            rig.advance_ms(100);
            rig.accept();
            let (link, opened) = (rig.link(), rig.now);
            rig.advance_ms(14_307);
            rig.expect_nothing();
            let flown = rig.flown(link);
            let when: Vec<_> = flown
                .iter()
                .map(|one| one.at_ms - opened.as_millis())
                .collect();
            assert_eq!(when, CONNECTS);
            for (one, ms) in flown.iter().zip(CONNECTS) {
                assert_eq!(
                    (one.names().as_str(), one.header.peer_id),
                    ("connect", NO_PEER_ID)
                );
                // Only the header's time changes.
                assert_eq!(
                    (u64::from(one.header.sent_time), &one.raw[12..]),
                    (ms, &flown[0].raw[12..])
                );
            }
            rig.writable = false;
            rig.advance_ms(1);
            rig.expect(&error(code));
            assert_eq!(rig.error().1.kind, CauseKind::Unacknowledged);
            // The link stays until the last words are sent.
            rig.expect_nothing();
            rig.writable = true;
            rig.pump();
            rig.expect_flown(opened, &[(14_308, "disconnect 2 unsequenced")]);
            rig.expect_close(link);
            rig.advance_ms(3_600_000);
            rig.expect_nothing();
            rig.expect_flown(opened, &[]);
            assert_eq!(
                (rig.client.poll_timeout(), rig.client.buffered_bytes()),
                (None, 0)
            );
        });
    }
}

/// udp.md 3.2, and 10, scenario 1.
#[test]
fn c007_over_udp_every_step_is_one_datagram_and_the_keys_come_before_state_2() {
    over_datagrams(|mut rig| {
        rig.connect(Some("eu"));
        rig.expect(&[Seen::State(State::ConnectingToNameServer)]);
        for (login, state) in [
            (230, State::ConnectedToNameServer),
            (230, State::ConnectedToFrontEnd),
        ] {
            let (link, start) = (rig.link(), rig.now);
            rig.advance_ms(50);
            rig.accept();
            // The init goes with the acknowledgement of verify-connect.
            let flown = rig.flown(link);
            let names: Vec<_> = flown
                .iter()
                .map(|one| (one.at_ms - start.as_millis(), one.names()))
                .collect();
            assert_eq!(
                names,
                [(50, "connect".into()), (50, "ack + send_reliable".into())]
            );
            assert_eq!(
                flown
                    .iter()
                    .map(|one| one.header.peer_id)
                    .collect::<Vec<_>>(),
                [NO_PEER_ID, PEER_ID]
            );
            assert!(rig.server().init.is_some());
            rig.advance_ms(50);
            rig.expect(&[]);
            rig.greet();
            // The client's key, and the one question for the server's time.
            rig.expect_flown(start, &[(100, "ack + send_reliable + server_time")]);
            rig.expect(&[]);
            rig.advance_ms(50);
            rig.agree();
            rig.expect_flown(start, &[(150, "ack + send_reliable")]);
            assert_eq!(
                rig.server().requests.pop_front().map(|sent| sent.code),
                Some(login)
            );
            if state == State::ConnectedToNameServer {
                rig.expect(&[Seen::State(state)]);
                rig.accept_login();
                rig.expect(&[
                    Seen::authenticated(""),
                    Seen::State(State::ConnectingToFrontEnd),
                ]);
                rig.expect_flown_over(link, start, &[(150, "ack + disconnect 4")]);
            } else {
                rig.expect(&[]);
                rig.respond(230, 0, None, &[]);
                rig.expect(&[Seen::State(state)]);
                rig.expect_flown(start, &[(150, "ack")]);
                // Nothing but pings from now on.
                rig.advance_ms(60_000);
                assert!(rig.flown(link).iter().all(|one| one.names() == "ping"));
            }
        }
    });
    // Without keys the login is what goes with the question.
    over_datagrams_with(encryption_off, |mut rig| {
        rig.connect(Some("eu"));
        rig.accept();
        rig.expect(&[Seen::State(State::ConnectingToNameServer)]);
        let (link, start) = (rig.link(), rig.now);
        let _connected = rig.flown(link);
        rig.greet();
        rig.expect(&[Seen::State(State::ConnectedToNameServer)]);
        rig.expect_flown(start, &[(0, "ack + send_reliable + server_time")]);
    });
}

/// udp.md 8.
#[test]
fn the_server_time_is_known_once_the_init_was_answered() {
    over_datagrams(|mut rig| {
        rig.connect(Some("eu"));
        for _ in 0..2 {
            rig.advance_ms(300);
            rig.accept();
            let began = rig.now;
            let at_server =
                |rig: &Rig| Some((u64::from(SERVER_CLOCK) + rig.now.millis_since(began)) as i32);
            rig.advance_ms(1_000);
            assert_eq!(rig.client.server_time(), None);
            rig.greet();
            assert_eq!(rig.client.server_time(), at_server(&rig));
            rig.agree();
            rig.advance_ms(12_345);
            assert_eq!(rig.client.server_time(), at_server(&rig));
            rig.respond(
                230,
                0,
                None,
                &[(230, crate::rig::FRONT_END.into()), (221, TOKEN.into())],
            );
        }
        assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);
        rig.client.disconnect();
        assert_eq!(rig.client.server_time(), None);
    });
    // An answer that is lost is asked for again: the command is, by its resends.
    over_datagrams(|mut rig| {
        rig.connect(None);
        rig.accept();
        let began = rig.now;
        rig.answers = false;
        rig.greet();
        assert_eq!(rig.client.server_time(), None);
        let again = rig.resend_ms() + 1;
        rig.answers = true;
        rig.advance_ms(again - 1);
        assert_eq!(rig.client.server_time(), None);
        rig.advance_ms(1);
        let at_server = u64::from(SERVER_CLOCK) + rig.now.millis_since(began);
        assert_eq!(rig.client.server_time(), Some(at_server as i32));
    });
}

/// udp.md 10, scenario 2.
#[test]
fn a_connect_that_was_lost_twice_is_answered_the_third_time() {
    over_datagrams(|mut rig| {
        rig.connect(None);
        rig.answers = false;
        rig.accept();
        let opened = rig.now;
        rig.advance_ms(441);
        rig.answers = true;
        rig.expect_flown(opened, &[(0, "connect"), (221, "connect")]);
        rig.advance_ms(1);
        rig.expect_flown(opened, &[(442, "connect"), (442, "ack + send_reliable")]);
        rig.greet();
        rig.agree();
        rig.expect(&[
            Seen::State(State::ConnectingToNameServer),
            Seen::State(State::ConnectedToNameServer),
        ]);
    });
}

/// A datagram that was pulled and not reported as sent goes out later, with the time of then: its timer begins anew.
#[test]
fn a_datagram_that_waits_is_stamped_when_it_is_pulled_again() {
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectingToNameServer);
        rig.answers = false;
        rig.writable = false;
        rig.accept();
        let (link, opened) = (rig.link(), rig.now);
        let pull = |rig: &mut Rig| {
            let datagram = rig
                .client
                .transmit(rig.now, link)
                .expect("the connect waits")
                .to_vec();
            datagram::Flown::read(rig.now, &datagram)
        };
        let first = pull(&mut rig);
        assert_eq!(
            (first.header.sent_time, first.names()),
            (0, "connect".into())
        );
        rig.expect_deadline_in_ms(221);
        rig.now = rig.now.plus_millis(50);
        let second = pull(&mut rig);
        assert_eq!(
            (second.header.sent_time, second.commands),
            (50, first.commands)
        );
        rig.expect_deadline_in_ms(221);
        rig.writable = true;
        rig.pump();
        rig.advance_ms(220);
        rig.expect_flown(opened, &[(50, "connect")]);
        rig.advance_ms(1);
        rig.expect_flown(opened, &[(271, "connect")]);
    });
}

/// udp.md 10, scenario 21.
#[test]
fn datagrams_with_another_challenge_are_nothing() {
    over_datagrams(|mut rig| {
        rig.go_to(State::ConnectedToFrontEnd);
        let (name_server, front_end) = (rig.links[0].id, rig.links[1].id);
        let others = [
            rig.links[0].udp().challenge(),
            rig.links[1].udp().challenge() ^ 1,
        ];
        assert_ne!(
            others[0],
            rig.links[1].udp().challenge(),
            "each connection has its own"
        );
        let event = rig.event(77, &[])[7..].to_vec();
        for (dropped, challenge) in (1..).zip(others) {
            let goodbye = datagram::control(kind::DISCONNECT, FLAG_RELIABLE, 1, 9);
            let words = datagram::of(challenge, [datagram::reliable(2, &event), goodbye]);
            rig.input(front_end, LinkInput::Received(&words));
            rig.expect_nothing();
            rig.expect_flown(rig.now, &[]);
            let stats = rig.client.stats().udp.expect("connected");
            assert_eq!(stats.dropped_datagrams.challenge, dropped);
        }
        assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);
        // Nor does the retired link's own challenge bring it back.
        rig.input(
            name_server,
            LinkInput::Received(&datagram::of(others[0], [datagram::reliable(9, &event)])),
        );
        rig.expect_nothing();
    });
}

#[test]
fn check_sums_are_sent_only_if_they_are_asked_for() {
    for (asked, count) in [(None, 0), (Some(false), 0), (Some(true), usize::MAX)] {
        let configure = |config: ChatConfig| match asked {
            Some(asked) => config.crc(asked),
            None => config,
        };
        over_datagrams_with(configure, |mut rig| {
            rig.connect(Some("eu"));
            rig.handshake();
            rig.accept_login();
            rig.handshake();
            rig.respond(230, 0, None, &[]);
            rig.client.disconnect();
            rig.pump();
            assert_eq!(rig.client.state(), State::Disconnected);
            for link in [rig.links[0].id, rig.links[1].id] {
                let flown = rig.flown(link);
                // What they say was checked when they came.
                let with = flown.iter().filter(|one| one.header.crc.is_some()).count();
                assert_eq!(with, flown.len().min(count));
                assert!(flown.len() >= 5, "{flown:?}");
            }
        });
    }
    // udp.md 10, scenario 24: the server decides for itself.
    over_datagrams_with(
        |config| config.crc(true),
        |mut rig| {
            rig.go_to(State::ConnectedToFrontEnd);
            let (link, challenge) = (rig.link(), rig.server().udp().challenge());
            let ping = datagram::of(
                challenge,
                [datagram::control(kind::PING, FLAG_RELIABLE, 0, 9)],
            );
            rig.input(link, LinkInput::Received(&ping));
            rig.expect_flown(rig.now, &[(0, "ack")]);
        },
    );
}

/// Only what the driver cannot do at all is ConnectFailed: to find the name, to get a socket.
#[test]
fn only_resolving_and_binding_can_fail_to_connect() {
    for (state, base) in [
        (State::ConnectingToNameServer, 3000),
        (State::ConnectingToFrontEnd, 1000),
    ] {
        for kind in [
            LinkErrorKind::Resolve,
            LinkErrorKind::Io,
            LinkErrorKind::Unsupported,
        ] {
            over_datagrams(|mut rig| {
                rig.go_to(state);
                rig.fail(kind, "no such host");
                rig.expect(&error(base + 2));
                assert_eq!(rig.error().1.kind, CauseKind::Link(kind));
                rig.expect_nothing();
            });
        }
        over_datagrams(|mut rig| {
            rig.go_to(state);
            rig.answers = false;
            rig.accept();
            rig.fail(LinkErrorKind::Io, "no network any more");
            rig.expect(&error(base + 1));
            rig.expect_nothing();
        });
    }
}

/// A link whose driver is still resolving the name has not failed to connect. chat.md 6.4.
#[test]
fn a_datagram_link_that_the_driver_never_opens_is_a_timeout() {
    for (state, code) in [
        (State::ConnectingToNameServer, 3004),
        (State::ConnectingToFrontEnd, 1004),
    ] {
        over_datagrams(|mut rig| {
            rig.go_to(state);
            rig.advance_ms(15_000);
            rig.expect(&error(code));
        });
    }
}

/// udp.md 9, item 11.
#[test]
fn a_peer_id_that_is_none_is_an_error_of_the_server() {
    for id in [0xFFFF_u16, 0xFFFE] {
        over_datagrams(|mut rig| {
            rig.go_to(State::ConnectingToNameServer);
            rig.answers = false;
            rig.accept();
            let (link, challenge) = (rig.link(), rig.server().udp().challenge());
            let fields = [&id.to_be_bytes()[..], &[0; 30]].concat();
            let verify =
                datagram::command(kind::VERIFY_CONNECT, 0xFF, FLAG_RELIABLE, 0, 0, &fields);
            rig.input(
                link,
                LinkInput::Received(&datagram::of(challenge, [verify])),
            );
            rig.expect(&error(3001));
            assert_eq!(
                rig.error().1.kind,
                CauseKind::BadDatagrams(Violation::PeerId(id))
            );
            rig.expect_close(link);
            rig.expect_nothing();
        });
    }
}

/// chat.md 2.11: addresses of different transports, the next one after a timeout of the one before.
#[test]
fn another_transport_is_tried_when_the_first_cannot_be_reached() {
    let mut rig = Rig::new(ChatConfig::new(
        ["udp://one:1", "tcp://two:2", "three:3"],
        APP_ID,
        APP_VERSION,
    ));
    rig.connect(Some("eu"));
    rig.answers = false;
    let first = rig.expect_open_over(Wire::Datagram, "one", 1);
    rig.accept();
    rig.advance_ms(14_308);
    rig.expect(&[Seen::State(State::ConnectingToNameServer)]);
    rig.expect_open_over(Wire::Stream, "two", 2);
    // The goodbye is sent while the next one is opened.
    rig.expect_close(first);
    rig.expect_no_command();
    rig.expect_deadline_in_ms(15_000);
    rig.fail(LinkErrorKind::Refused, "second");
    rig.expect_open_over(Wire::Datagram, "three", 3);
    rig.answers = true;
    rig.handshake();
    rig.accept_login();
    // The front end is asked for over what answered.
    rig.expect_open_over(Wire::Datagram, "fe.example", 5070);
    rig.handshake();
    rig.respond(230, 0, None, &[]);
    assert_eq!(rig.client.state(), State::ConnectedToFrontEnd);

    let mut rig = Rig::new(ChatConfig::new(
        ["one:1", "tcp://two:2"],
        APP_ID,
        APP_VERSION,
    ));
    rig.connect(Some("eu"));
    rig.answers = false;
    rig.accept();
    rig.advance_ms(14_308);
    rig.accept();
    rig.advance_ms(15_000);
    rig.expect(
        &[
            &[Seen::State(State::ConnectingToNameServer)][..],
            &error(3004),
        ]
        .concat(),
    );
    let earlier: Vec<_> = rig
        .error()
        .1
        .earlier
        .iter()
        .map(|cause| cause.kind)
        .collect();
    assert_eq!(earlier, [CauseKind::Unacknowledged]);
}

/// chat.md 2.1: the front end is spoken to over the transport that was used to ask.
#[test]
fn a_front_end_of_another_transport_cannot_be_used() {
    each(|mut rig| {
        let other = TABLE
            .iter()
            .find(|row| row.carrier != rig.over.carrier)
            .expect("there are two");
        let scheme = if other.carrier == Carrier::Datagrams {
            "udp://"
        } else {
            "tcp://"
        };
        rig.go_to(State::ConnectedToNameServer);
        rig.client
            .connect_to_region_front_end("eu")
            .expect("may go on");
        let address = format!("{scheme}fe.example:5070");
        rig.respond(
            230,
            0,
            None,
            &[(230, address.as_str().into()), (221, TOKEN.into())],
        );
        let moved = [
            Seen::authenticated(""),
            Seen::State(State::ConnectingToFrontEnd),
        ];
        rig.expect(&[&moved[..], &error(1002)].concat());
        // DESIGN 4: what is secure is not left for what is not.
        let secure = CauseKind::Link(LinkErrorKind::Downgrade);
        let expected = if rig.over.is_secure() {
            secure
        } else {
            CauseKind::BadAddress
        };
        assert_eq!(rig.error().1.kind, expected);
    });
}
